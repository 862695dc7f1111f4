"""Placebo inference: every date equals a refit, ranks are those of a hand count, tests hold their size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import GLS

from analysis import placebo
from analysis.effect import estimate
from analysis.model.covariance import Grid
from analysis.model.recursive import forecast_errors
from analysis.windows import Windows

EVENT = Windows("2017-10-26", country="AE")
CAMPAIGN = Windows("2017-10-26", campaign_start="2017-09-23", country="AE")
WEEK = np.array([0, 0.02, 0.03, 0.04, -0.5, -0.4, -0.02])  # of logs, Monday first


def payments(seed: int = 7, effect: float = 0.3, days: int = 300, memory: float = 0.5) -> pd.Series:
    """Log AR(1) about weekdays, up to 20 November 2017, with the effect on 26 October."""
    index, rng = pd.date_range(end="2017-11-20", periods=days), np.random.default_rng(seed)
    log = np.zeros(days)
    for t in range(1, days):
        log[t] = memory * log[t - 1] + rng.normal(0, 0.03)
    daily = pd.Series(np.exp(10 + WEEK[index.day_of_week] + log), index, name="count")
    daily["2017-10-26"] *= 1 + effect
    return daily


def refit(X, z, numbers, process, ridge, first, days, gap, week, size):
    """The event pretended on day `first` as `statsmodels.GLS` has it: effect, error and distance, in units of s.

    Learned from: days before the gap, and the week before, whose level the event shares. The event's days have a
    dummy each; a prior is a row of its own; the last column is an odd day's dummy.
    """
    event = np.isin(numbers, first + np.arange(days))
    before = np.isin(numbers, first - np.arange(week[1], week[0] + 1)) if week else ~event & event
    used = (numbers < first - gap) | before | event
    columns = np.vstack([X[:-1], X[-1] * ~event, before | event, np.eye(len(z))[event]])[:, used]
    possible = np.ones(len(columns), bool)
    possible[len(X) - 1], possible[len(X)] = columns[len(X) - 1].any(), bool(week)
    columns, priors, n = columns[possible], np.flatnonzero(ridge), used.sum()
    sigma = np.diag(np.append(np.ones(n), 1 / ridge[priors]))
    sigma[:n, :n] = process.correlation(numbers[used], 0) * np.outer(size[used], size[used])
    rows = np.vstack([columns.T, np.eye(len(columns))[priors]])
    fit = GLS(np.append(z[used], np.zeros(len(priors))), rows, sigma=sigma).fit()
    effects, covariance = fit.params[-days:], fit.normalized_cov_params[-days:, -days:]
    distance = np.sqrt(effects @ np.linalg.solve(covariance, effects) / days)
    return effects.mean(), np.sqrt(covariance.mean()), distance


@pytest.mark.parametrize(("phi", "share"), [(0.55, 0.5), (0.95, 1.0), (0.3, 1.1), (0.3, 0.0)])
@pytest.mark.parametrize(
    ("days", "gap", "week"),
    [(1, 0, None), (1, 2, None), (3, 0, None), (2, 9, None), (1, 7, (7, 1)), (2, 20, (7, 3))],
)
def test_every_date_equals_a_refit_with_dummies(phi, share, days, gap, week):
    """Four days missing; the odd day at row 55 is pretended the event, stands in the week before it, or is learned."""
    numbers, rng = np.array([*range(40), *range(43, 70), *range(71, 120)]), np.random.default_rng(1)
    weekdays = np.arange(1, 7)[:, None] == numbers % 7
    X = np.vstack([np.ones(len(numbers)), weekdays, numbers / 365, np.arange(len(numbers)) == 55])
    Z, size = rng.normal(size=(2, len(numbers))), rng.uniform(0.5, 2, len(numbers))
    ridge, process = np.array([0.0] * 7 + [0.2, 0]), Grid(np.array([phi]), np.array([share]))
    starts, odd = np.array([55, 59, 80, 91, 113]), slice(len(X) - 1, len(X))
    got = forecast_errors(X, Z, numbers, process, ridge, starts, days, gap, week, size, odd)
    for i, start in enumerate(starts):
        for j, z in enumerate(Z):
            want = refit(X, z, numbers, process, ridge, numbers[start], days, gap, week, size)
            assert (got.effects[i, j], got.spread[i], got.distance[i, j]) == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("windows", [EVENT, CAMPAIGN, Windows("2017-10-25", "2017-10-26")])
@pytest.mark.parametrize("baseline", ["pre-week", "history"])
def test_the_event_is_ranked_by_the_regression_that_is_shown(windows, baseline):
    """Its t is that of the dummies in the printed table; a day of its week is odd."""
    daily = payments()
    daily["2017-10-21"] *= 2
    got, shown = placebo.placebos(daily, windows, baseline), estimate(daily, windows, baseline=baseline)
    days, columns = len(windows.event_days), len(shown.regression.params)
    mean = shown.regression.t_test((np.arange(columns) >= columns - days) / days)
    assert got.event_t == pytest.approx(mean.tvalue.item(), rel=1e-6)


def test_p_value_and_its_floor():
    assert placebo.p_value(9.0, np.arange(9)) == pytest.approx(0.1)  # 1 / (1 + 9)
    assert placebo.p_value(7.0, np.arange(9)) == pytest.approx(0.3)  # 7 and 8 are as large
    assert placebo.p_value(7.0, [8, np.nan]) == 1  # a date without a forecast is no placebo


def test_ranks_by_hand():
    dates = pd.date_range("2017-09-01", periods=4)
    t, like = np.array([1, -3, 2, 0.5]), np.array([True, True, False, False])
    got = placebo.Placebos(dates, like, t / 10, t, np.array([1.0, 2, 3, 4]), 0.25, -2.5, 2.5)
    assert got.p_value == pytest.approx(2 / 3)  # of 1 and 3 beside the event's 2.5, one is as large
    assert (got.rank, got.floor) == (2, pytest.approx(1 / 3))
    assert got.conformal == pytest.approx(2 / 5)  # all four dates
    assert got.end_of_sample == pytest.approx(3 / 5)  # 3 and 4 lie as far out as 2.5
    assert got.frame()["t"].tolist() == [1, -3]


def test_step_down_by_hand():
    # Dates (rows) x units; the event's t are 5, 1, 3.
    reference = np.array([[1, 0, 4], [6, 2, 0], [0, -0.5, 2], [1, 1, 1]])
    # 5 against max(all) = 4, 6, 2, 1 -> (1+1)/5; then 3 against units 2, 3: 4, 2, 2, 1 -> (1+1)/5;
    # then 1 against unit 2: 0, 2, .5, 1 -> (1+2)/5
    np.testing.assert_allclose(placebo.step_down([-5, 1, 3], reference), [0.4, 0.6, 0.4])


def test_of_one_day_the_tests_over_all_dates_are_one():
    """Andrews' distance of a single day is its |t|, so both rank alike; of two days they differ."""
    for windows in (EVENT, CAMPAIGN):
        got = placebo.placebos(payments(5, 0.06), windows)
        assert got.end_of_sample == got.conformal == placebo.p_value(abs(got.event_t), np.abs(got.t))
    opposite = payments(5, 0.3)
    opposite["2017-10-25"] /= 1.3  # a fall and a rise that cancel: far out, but nothing added
    got = placebo.placebos(opposite, Windows("2017-10-25", "2017-10-26", country="AE"))
    assert got.end_of_sample < 0.02 < 0.05 < got.conformal


def test_days_after_the_event_never_matter():
    daily, later = payments(), payments()
    later["2017-10-27":] *= 5
    one, other = (placebo.placebos(series, CAMPAIGN) for series in (daily, later))
    assert one.event_t == other.event_t
    np.testing.assert_array_equal(one.t, other.t)


def test_comparable_days_of_the_uae():
    # Thursday 26 October: a working day of Sunday-Thursday weeks, five days before the end of its month. Fridays and
    # Saturdays, New Year's 21 September and the campaign are out.
    span = pd.date_range("2017-09-10", "2017-10-20")
    days = placebo.comparable_days(span, CAMPAIGN)
    assert list(days.day) == [10, 11, 12, 13, 14, 17, 18, 19, 20]
    same = placebo.comparable_days(span, CAMPAIGN, weekday="same")
    assert [f"{day:%m-%d}" for day in same] == ["09-14"]
    span, end = pd.date_range("2017-08-01", "2017-09-10"), Windows("2017-10-31", country="AE")
    late = placebo.comparable_days(span, end)
    assert [f"{day:%m-%d}" for day in late] == ["08-29", "08-30"]  # the month's last three; 31 is Arafat Day


def test_two_day_event_keeps_both_of_its_days_off_holidays():
    two = Windows("2017-10-25", "2017-10-26", campaign_start="2017-09-23", country="AE")
    days = placebo.comparable_days(pd.date_range("2017-09-17", "2017-09-22"), two)
    assert list(days.day) == [17, 18, 19]  # 20 runs into the holiday of the 21st, 22 into the campaign


def test_a_scale_changes_nothing_and_a_fall_shows_as_one():
    up, down = placebo.placebos(payments(), EVENT), placebo.placebos(payments(effect=-0.2), EVENT)
    larger = placebo.placebos(1000 * payments(), EVENT)
    assert larger.event_t == pytest.approx(up.event_t, rel=1e-6)
    np.testing.assert_allclose(larger.relative, up.relative, atol=1e-8)
    assert down.event_relative == pytest.approx(-0.2, abs=0.08)
    assert up.rank == down.rank == 1
    assert up.p_value == up.floor


def test_history_ignores_what_the_campaign_did():
    daily = payments()
    daily["2017-09-23":"2017-10-25"] *= 1.5
    assert placebo.placebos(daily, CAMPAIGN, "history").event_relative == pytest.approx(0.3, abs=0.12)
    assert placebo.placebos(daily, CAMPAIGN).event_relative < 0


@pytest.mark.parametrize("case", [(EVENT,), (CAMPAIGN,), (CAMPAIGN, "history")])
def test_p_values_hold_their_size_under_memory(case):
    """Of 200 series without an effect; the tolerances are three binomial standard errors."""
    tests = [placebo.placebos(payments(seed, 0.0), *case) for seed in range(200)]
    for name in ("p_value", "conformal"):
        p = np.array([getattr(test, name) for test in tests])
        assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.046)
        assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.106)


def test_all_metrics_at_once_see_one_of_three():
    metrics = {"none": payments(4, 0.0), "moved": payments(2), "nor": payments(3, 0.0)}
    table = placebo.every_test(metrics, EVENT).set_index("metric")
    assert table.loc["moved", "adjusted"] < 0.02 < 0.05 < table.loc[["none", "nor"], "adjusted"].min()
    assert (table["adjusted"] >= table["placebo"] - 1e-12).all()


def test_every_test_is_a_row_a_metric():
    table = placebo.every_test({"a": payments(1), "b": payments(5, 0.0)}, CAMPAIGN).set_index("metric")
    assert (table.loc["a", ["placebo", "conformal", "adjusted"]] < 0.03).all()
    assert (table.loc["b", ["placebo", "conformal", "adjusted"]] > 0.05).all()
    assert "end_of_sample" not in table
    assert "end_of_sample" in placebo.every_test({"a": payments(1)}, Windows("2017-10-25", "2017-10-26"))


def test_the_curve_has_the_headline_once_and_no_comparison_with_a_mean():
    daily = payments()
    table = placebo.specifications(daily, CAMPAIGN, histories=(None, 90))
    assert table.loc[table["headline"], "relative"].tolist() == [estimate(daily, CAMPAIGN).relative]
    assert not set(table["estimator"]) & {"same_weekday", "pre_week_mean", "day_before"}
    assert set(table["baseline"]) == {"pre-week", "history"}
    assert set(table["history"]) == {"all", "90"}
    whole = table[(table["estimator"] == "gls") & (table["history"] == "all")]
    assert (whole["relative"].between(0.2, 0.4) & (whole["low"] > 0)).all()


@pytest.mark.parametrize(
    ("first", "options", "message"),
    [
        ("2017-08-25", {}, r"dates before the event have two months"),
        ("2017-01-25", {"baseline": "week"}, r"baseline 'week' is unknown"),
        ("2017-10-27", {}, r"2017-10-26 has no value"),
    ],
)
def test_refusals_in_one_line(first, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        placebo.placebos(payments()[first:], EVENT, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_tube_strike_stands_out_and_a_bank_strike_does_not(reference_data):
    """Saberi et al. 2018: cycle hires on 9 July 2015 went from 38,886 to 72,503, about +85 %."""
    hires = pd.read_csv(reference_data / "tfl_cycle_hire" / "daily.csv", index_col=0, parse_dates=True)[
        "hires"
    ]
    found = placebo.placebos(hires, Windows("2015-07-09", country="GB"))
    assert max(found.p_value, found.conformal) < 0.05
    assert found.event_relative == pytest.approx(0.85, abs=0.2)
    upi = pd.read_csv(reference_data / "upi_rbi_daily" / "daily.csv", index_col=0, parse_dates=True)["Vol"]
    none = placebo.placebos(upi.sort_index(), Windows("2022-03-28", country="IN"))
    assert min(none.p_value, none.conformal) > 0.1
