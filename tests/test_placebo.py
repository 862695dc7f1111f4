"""Placebo dates: the closed form beside refitting, their size under noise, what they leave out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import placebo
from analysis.effect import estimate
from analysis.model.covariance import Grid
from analysis.model.ordinary import before_the_event
from analysis.model.recursive import forecast_errors
from analysis.windows import Windows

WEEK = np.log([100, 104, 102, 101, 110, 60, 55])


def series(
    days: int = 240, seed: int = 1, phi: float = 0.5, last: str = "2017-10-26", size: float = 0.05
) -> pd.Series:
    """A weekly pattern times exp of an AR(1)."""
    rng = np.random.default_rng(seed)
    index = pd.date_range(end=last, periods=days)
    noise = np.zeros(days)
    for t, shock in enumerate(rng.normal(0, size, days)):
        noise[t] = phi * noise[t - 1] + shock
    return pd.Series(np.exp(WEEK[index.day_of_week] + noise) * 10, index, name="count")


def refitted(X, z, numbers, process, ridge, start, days, gap, week, size):
    """The same by generalised least squares with a dummy for each day, written out."""
    learned = np.flatnonzero(numbers < numbers[start] - gap)
    level = (
        [int(np.flatnonzero(numbers == numbers[start] - back)[0]) for back in range(week[0], week[1] - 1, -1)]
        if week
        else []
    )
    event = list(range(start, start + days))
    rows = [*learned, *level, *event]
    columns = [row[rows] for row in X]
    if week:
        columns.append(np.isin(rows, level + event).astype(float))
    columns += [(np.array(rows) == day).astype(float) for day in event]
    A = np.array(columns).T
    V = process.correlation(numbers[rows], 0) * np.outer(size[rows], size[rows])
    prior = np.zeros(A.shape[1])
    prior[: len(ridge)] = ridge
    covariance = np.linalg.inv(A.T @ np.linalg.solve(V, A) + np.diag(prior))
    coefficients = covariance @ A.T @ np.linalg.solve(V, z[rows])
    return coefficients[-days:].mean(), np.sqrt(covariance[-days:, -days:].sum()) / days


@pytest.mark.parametrize(
    ("days", "gap", "week"),
    [(1, 0, None), (1, 2, None), (3, 0, None), (1, 33, (7, 1)), (2, 33, (7, 3)), (2, 20, None)],
)
def test_every_date_equals_refitting_at_that_date(days, gap, week):
    rng = np.random.default_rng(3)
    numbers = np.delete(np.arange(230), [11, 12, 60, 61, 62, 130])  # with gaps
    n = len(numbers)
    X = np.array([np.ones(n), numbers / 365, *(numbers % 7 == d for d in range(1, 7))], float)
    z, size = rng.normal(size=n), np.exp(0.2 * rng.normal(size=n))
    process, ridge = Grid(np.array([0.8]), np.array([0.6])), np.array([0, 3.0, 0, 0, 0, 0, 0, 0])
    starts = np.array([i for i in (120, 150, 180, 205) if i + days < n])
    errors = forecast_errors(X, z[None], numbers, process, ridge, starts, days, gap, week, size)
    for i, start in enumerate(starts):
        effect, spread = refitted(X, z, numbers, process, ridge, start, days, gap, week, size)
        assert errors.effects[i, 0] == pytest.approx(effect, abs=1e-8)
        assert errors.spread[i] == pytest.approx(spread, abs=1e-8)


def test_a_day_s_own_dummy_does_not_forecast_it():
    daily = series()
    daily.iloc[-40] *= 3  # odd: it has a dummy in the fit, and is far out as a placebo all the same
    test = placebo.placebos(daily, Windows("2017-10-26"))
    at = test.dates.get_loc(daily.index[-40])
    assert test.relative[at] == pytest.approx(2, abs=0.6)
    assert np.abs(test.t).argmax() == at


def test_days_after_the_event_never_matter():
    daily = series(last="2017-12-15")
    windows = Windows("2017-10-26", country="AE")
    changed = daily.copy()
    changed["2017-10-27":] *= 7
    one, other = (placebo.placebos(each, windows) for each in (daily, changed))
    assert one.t.tolist() == other.t.tolist()
    assert one.event_t == other.event_t


def test_the_event_is_the_headline_at_the_likeliest_process():
    daily = series()
    daily.iloc[-1] *= 1.3
    test = placebo.placebos(daily, Windows("2017-10-26"))
    effect = estimate(daily, Windows("2017-10-26"))
    assert test.event_relative == pytest.approx(effect.relative, abs=0.02)
    assert test.p_value == test.floor
    assert test.rank == 1


def test_money_in_another_unit_changes_nothing():
    daily = series()
    one, other = (placebo.placebos(daily * factor, Windows("2017-10-26")) for factor in (1, 1000))
    assert one.t == pytest.approx(other.t, rel=1e-8)
    assert one.relative == pytest.approx(other.relative, rel=1e-8)


def test_history_ignores_what_the_campaign_did():
    daily = series()
    windows = Windows("2017-10-26", campaign_start="2017-09-23")
    louder = daily.copy()
    louder["2017-09-23":"2017-10-25"] *= 1.5
    one, other = (placebo.placebos(each, windows, "history") for each in (daily, louder))
    assert one.event_t == pytest.approx(other.event_t)
    assert one.dates.equals(other.dates)
    assert one.dates.max() < pd.Timestamp("2017-09-23")


def test_comparable_days_of_the_uae():
    windows = Windows("2017-10-26", campaign_start="2017-09-23", country="AE")
    days = placebo.comparable_days(pd.date_range("2017-08-27", "2017-10-25"), windows)
    assert set(days.day_of_week) <= {6, 0, 1, 2, 3}  # Sunday to Thursday
    assert not days.isin(pd.to_datetime(["2017-08-31", "2017-09-03", "2017-09-21", "2017-09-24"])).any()
    same = placebo.comparable_days(pd.date_range("2017-08-27", "2017-09-22"), windows, "same")
    assert [f"{day:%d.%m}" for day in same] == ["07.09", "14.09"]  # 31 August and 21 September were taken off


def test_two_day_events_keep_both_days_off_holidays():
    windows = Windows("2017-10-25", "2017-10-26", country="AE")
    days = placebo.comparable_days(pd.date_range("2017-09-17", "2017-09-22"), windows)
    assert pd.Timestamp("2017-09-20") not in days  # its second day is Islamic New Year
    assert pd.Timestamp("2017-09-19") in days


def test_p_values_by_hand():
    assert placebo.p_value(3.0, np.array([1, 2, 4, np.nan])) == 2 / 4
    reference = np.array([[1, 5], [2, 1], [4, 0.5]])
    # |t| 4.5 beside the largest of each date 5, 2, 4; then 2 beside the first metric alone, 1, 2, 4.
    assert placebo.step_down(np.array([2.0, 4.5]), reference).tolist() == [3 / 4, 2 / 4]


def test_p_values_hold_their_size():
    p = np.array([placebo.placebos(series(200, seed), Windows("2017-10-26")).p_value for seed in range(200)])
    assert 0.4 < np.median(p) < 0.6
    assert 0.02 < (p <= 0.1).mean() < 0.17


def test_a_joint_test_sees_one_metric_of_three():
    windows = Windows("2017-10-26")
    metrics = {name: series(220, seed) for name, seed in (("a", 1), ("b", 2), ("c", 3))}
    metrics["b"].iloc[-1] *= 1.4
    table = placebo.every_test(metrics, windows).set_index("metric")
    assert table.loc["b", "adjusted"] == table["floor"].iloc[0] == table.loc["b", "placebo"]
    assert table.loc[["a", "c"], "adjusted"].min() > 0.05
    assert "end_of_sample" not in table
    assert placebo.joint_test([placebo.placebos(each, windows) for each in metrics.values()]).p_value < 0.02


def test_andrews_test_of_one_day_is_the_permutation():
    test = placebo.placebos(series(), Windows("2017-10-26"))
    assert test.end_of_sample == test.conformal
    several = placebo.every_test({"a": series()}, Windows("2017-10-24", "2017-10-26"))
    assert 0 < several["end_of_sample"].iloc[0] <= 1


def test_refusals_say_what_to_do():
    with pytest.raises(
        ValueError, match="dates before the event have two months before them: give a longer history"
    ):
        placebo.placebos(series(50), Windows("2017-10-26"))
    with pytest.raises(ValueError, match="weekday 'kin' is unknown: give kind or same"):
        placebo.comparable_days(pd.date_range("2017-08-27", "2017-10-25"), Windows("2017-10-26"), "kin")


def test_a_tube_strike_stands_out_and_a_bank_strike_does_not(reference_data):
    hires = pd.read_csv(reference_data / "tfl_cycle_hire" / "daily.csv", index_col=0, parse_dates=True).iloc[
        :, 0
    ]
    strike = placebo.placebos(hires[:"2015-07-09"], Windows("2015-07-09", country="GB"))
    assert strike.p_value == strike.floor
    volumes = pd.read_csv(reference_data / "upi_rbi_daily" / "daily.csv", index_col=0, parse_dates=True)[
        "Vol"
    ]
    shut = placebo.placebos(volumes[:"2021-12-16"].astype(float), Windows("2021-12-16", country="IN"))
    assert shut.p_value > 0.05


def test_the_forecast_s_own_standard_error_is_right_on_ordinary_dates():
    fit, _ = before_the_event(series(400, 5), Windows("2017-10-26"))
    test = placebo.placebos(series(400, 5), Windows("2017-10-26"))
    assert fit.estimates.df > 300
    assert test.t.std() == pytest.approx(1, abs=0.12)
