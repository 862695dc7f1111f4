"""Placebo inference: closed forms equal refitting, tests hold their size, faults are refused."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis import placebo
from analysis.windows import Windows


def _design(days):
    weekday = np.eye(7)[np.arange(days) % 7]
    return np.column_stack([weekday, np.linspace(-1, 1, days)])


def _ar(rng, days, units, rho):
    e = rng.standard_normal((days + 50, units))
    for t in range(1, len(e)):
        e[t] += rho * e[t - 1]
    return e[50:]


def test_every_pulse_equals_a_refit_with_a_dummy():
    rng = np.random.default_rng(1)
    X, Y = _design(60), rng.standard_normal((60, 3))
    got = placebo.pulse_effects(X, Y)
    for day in (0, 17, 59):
        for unit in range(3):
            fit = sm.OLS(Y[:, unit], np.column_stack([X, np.eye(60)[day]])).fit()
            assert got.effects[day, unit] == pytest.approx(fit.params[-1], abs=1e-10)
            assert got.se[day, unit] == pytest.approx(fit.bse[-1], abs=1e-10)
            assert got.t[day, unit] == pytest.approx(fit.tvalues[-1], abs=1e-8)


def test_pulse_by_hand():
    # y = 1, 2, 6 against a constant: day 3 against the mean of the others is 6 - 1.5, s^2 = 0.5, se^2 = 0.5
    # * 1.5
    got = placebo.pulse_effects(np.ones((3, 1)), np.array([1.0, 2.0, 6.0]))
    assert got.effects[2] == pytest.approx(4.5)
    assert got.se[2] == pytest.approx(np.sqrt(0.75))


def test_dependent_terms_and_days_with_a_dummy_of_their_own():
    X = _design(40)
    twice = np.column_stack([np.ones(40), X, X[:, 3], np.eye(40)[5]])
    Y = np.random.default_rng(2).standard_normal(40)
    got, want = placebo.pulse_effects(twice, Y), placebo.pulse_effects(np.column_stack([X, np.eye(40)[5]]), Y)
    assert np.isnan(got.effects[5])
    np.testing.assert_allclose(got.t, want.t, atol=1e-8)


def test_p_value_and_its_floor():
    assert placebo.p_value(9.0, np.arange(9)) == pytest.approx(0.1)  # 1 / (1 + 9)
    assert placebo.p_value(7.0, np.arange(9)) == pytest.approx(0.3)  # 7 and 8 are as large


def test_step_down_by_hand():
    # Dates (rows) x units; the event's t are 5, 1, 3.
    reference = np.array([[1, 0, 4], [6, 2, 0], [0, 0.5, 2], [1, 1, 1]])
    # 5 against max(all) = 4, 6, 2, 1 -> (1+1)/5; then 3 against units 2, 3: 4, 2, 2, 1 -> (1+1)/5;
    # then 1 against unit 2: 0, 2, .5, 1 -> (1+2)/5
    np.testing.assert_allclose(placebo.step_down([5, 1, 3], reference), [0.4, 0.6, 0.4])


@pytest.mark.parametrize(("length", "scheme"), [(1, "block"), (3, "block"), (3, "iid")])
def test_conformal_interval_is_the_set_of_effects_not_rejected(length, scheme):
    rng = np.random.default_rng(3)
    days = 62
    X = _design(days)
    event = np.arange(days) >= days - length
    y = X @ rng.standard_normal(8) + _ar(rng, days, 1, 0.4)[:, 0] + 2.0 * event
    got = placebo.conformal(X, y, event, level=0.9, scheme=scheme, draws=499)

    def p(theta):
        return placebo.conformal(X, y - theta * event, event, scheme=scheme, draws=499).p_value

    step = 1e-6
    for end, inward in ((got.low, step), (got.high, -step)):
        assert p(end + inward) > 0.1
        assert p(end - inward) <= 0.1 + 1e-12
    assert p(got.effect) == 1.0


def test_conformal_needs_enough_days_for_its_level():
    rng = np.random.default_rng(4)
    event = np.arange(15) == 14
    got = placebo.conformal(np.ones((15, 1)), rng.standard_normal(15), event, level=0.95)
    assert (got.low, got.high) == (-np.inf, np.inf)
    assert got.floor == pytest.approx(1 / 15)


def test_conformal_block_test_holds_its_size_under_autocorrelation():
    rng = np.random.default_rng(5)
    X, event = _design(100), np.arange(100) == 99
    Y = _ar(rng, 100, 1000, 0.5)
    rejected = [placebo.conformal(X, y, event).p_value <= 0.05 for y in Y.T]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("length", [1, 4, 12])
def test_andrews_closed_form_equals_its_loop(length):
    rng = np.random.default_rng(6)
    n, days = 50, 50 + length
    X, y = _design(days)[:, [0, 1, 7]], rng.standard_normal(days)
    X[:, 0] = 1
    got = placebo.end_of_sample(X, y, length)
    all_days = sm.OLS(y, X).fit()
    V = sum(np.outer(u, u) for u in (all_days.resid[j : j + length] for j in range(n + 1))) / (n + 1)

    def statistic(u, x):
        if length <= 3:
            return u @ np.linalg.solve(V, u)
        inverse = np.linalg.inv(V)
        return u @ inverse @ x @ np.linalg.pinv(x.T @ inverse @ x) @ x.T @ inverse @ u

    want = []
    for j in range(n - length + 1):
        kept = np.delete(np.arange(n), np.s_[j : j + -(-length // 2)])
        beta = sm.OLS(y[kept], X[kept]).fit().params
        want.append(statistic((y - X @ beta)[j : j + length], X[j : j + length]))
    np.testing.assert_allclose(got.reference, want, rtol=1e-7)
    assert got.statistic == pytest.approx(statistic(all_days.resid[-length:], X[-length:]), rel=1e-8)


def test_refusals_say_what_to_do():
    X, y = _design(30), np.zeros(30)
    with pytest.raises(ValueError, match="missing"):
        placebo.pulse_effects(X, np.where(np.arange(30) == 3, np.nan, y))
    with pytest.raises(ValueError, match="longer history"):
        placebo.pulse_effects(X[:8], y[:8])
    with pytest.raises(ValueError, match="block or iid"):
        placebo.conformal(X, y, np.arange(30) == 29, scheme="random")


# --- of a daily series ------------------------------------------------------------------------------------------

EVENT = Windows("2017-10-26", campaign_start="2017-09-23")


def _series(seed=7, effect=0.3, days=300):
    index = pd.date_range(end="2017-11-20", periods=days)
    rng = np.random.default_rng(seed)
    week = np.array([0, 0.02, 0.03, 0.04, -0.5, -0.4, -0.02])[index.day_of_week]
    y = pd.Series(np.exp(10 + week + 0.03 * rng.standard_normal(days)), index, name="count")
    y["2017-10-26"] *= 1 + effect
    return y


def test_placebo_test_equals_refitting_the_contrast_date_by_date():
    daily = _series()
    got = placebo.placebo_test(daily, EVENT)
    X, y, starts, _ = placebo.regression(daily, EVENT)
    # One row by hand: log of the day less the mean log of the seven days before.
    logs = np.log(daily)
    assert y[-1] == pytest.approx(logs["2017-10-26"] - logs["2017-10-19":"2017-10-25"].mean())
    date = got.dates[20]
    row = int(np.flatnonzero(starts[:-1] == date)[0])
    kept = np.linalg.svd(X[:-1], full_matrices=False)[0][:, : np.linalg.matrix_rank(X[:-1])]
    fit = sm.OLS(y[:-1], np.column_stack([kept, np.eye(len(y) - 1)[row]])).fit()
    assert got.relative[20] == pytest.approx(np.expm1(fit.params[-1]), abs=1e-9)
    assert got.t[20] == pytest.approx(fit.tvalues[-1], abs=1e-8)
    assert got.rank == 1
    assert got.p_value == got.floor == pytest.approx(1 / (1 + len(got.dates)))


def test_days_after_the_event_never_matter():
    daily = _series()
    later = daily.copy()
    later["2017-10-27":] *= 5
    a, b = (placebo.placebo_test(series, EVENT) for series in (daily, later))
    assert a.event_t == b.event_t
    np.testing.assert_array_equal(a.t, b.t)


def test_comparable_days_of_the_uae():
    # Thursday 26 October: a working day of Sunday-Thursday weeks, five days before the end of its month.
    days = placebo.comparable_days(pd.date_range("2017-09-10", "2017-10-20"), EVENT)
    expected = [
        10,
        11,
        12,
        13,
        14,
        17,
        18,
        19,
        20,
    ]  # Fridays and Saturdays, New Year's 21 and the campaign are out
    assert list(days.day) == expected
    same = placebo.comparable_days(pd.date_range("2017-09-10", "2017-10-20"), EVENT, weekday="same")
    assert [f"{day:%m-%d}" for day in same] == ["09-14"]


def test_two_day_event_keeps_both_of_its_days_off_holidays():
    two = Windows("2017-10-25", "2017-10-26", campaign_start="2017-09-23")
    days = placebo.comparable_days(pd.date_range("2017-09-17", "2017-09-22"), two)
    assert list(days.day) == [17, 18, 19]  # 20 runs into the holiday of the 21st, 22 into the campaign


def test_a_scale_changes_nothing_and_a_fall_shows_as_one():
    up, down = placebo.placebo_test(_series(), EVENT), placebo.placebo_test(_series(effect=-0.2), EVENT)
    assert placebo.placebo_test(1000 * _series(), EVENT).event_t == pytest.approx(up.event_t)
    assert down.event_relative == pytest.approx(-0.2, abs=0.08)


def test_history_ignores_what_the_campaign_did():
    daily = _series()
    daily["2017-09-23":"2017-10-25"] *= 1.5
    assert placebo.placebo_test(daily, EVENT, "history").event_relative == pytest.approx(0.3, abs=0.1)
    assert placebo.placebo_test(daily, EVENT).event_relative < 0


def test_placebo_p_values_hold_their_size():
    p = [placebo.placebo_test(_series(seed, 0.0), EVENT).p_value for seed in range(300)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.09)


def test_joint_test_sees_one_metric_of_three():
    metrics = {"a": _series(1, 0.0), "b": _series(2, 0.3), "c": _series(3, 0.0)}
    joint = placebo.joint_test(metrics, EVENT)
    assert joint.p_value == pytest.approx(1 / (1 + len(joint.reference)))
    assert joint.adjusted[1] < 0.01 < 0.05 < joint.adjusted[[0, 2]].min()
    single = [placebo.placebo_test(daily, EVENT).p_value for daily in metrics.values()]
    assert (joint.adjusted >= np.array(single) - 1e-12).all()


def test_every_test_says_the_same_of_a_clear_effect_and_of_none():
    clear = placebo.every_test({"a": _series(1), "b": _series(2)}, EVENT)
    assert (clear[["placebo", "conformal", "end_of_sample", "adjusted"]] < 0.02).all(axis=None)
    assert ((clear["low"] < 0.3) & (clear["high"] > 0.3) & (clear["low"] > 0)).all()
    none = placebo.every_test({"a": _series(5, 0.0)}, EVENT).iloc[0]
    assert none["low"] < 0 < none["high"]
    assert none[["placebo", "conformal", "end_of_sample"]].min() > 0.05
    assert none["adjusted"] == none["placebo"]


def test_specifications_find_the_effect_in_every_reasonable_one():
    table = placebo.specifications(_series(), EVENT, histories=(None, 90))
    assert {"pre-week", "history"} == set(table["baseline"])
    full = table[(table["estimator"] == "contrast") & (table["calendar"] == "full")]
    assert full["relative"].between(0.2, 0.4).all()
    assert ((full["low"] < 0.3) & (full["high"] > 0.3)).all()
    assert set(full["scale"]) == {"log", "level"}
    assert set(table["history"]) == {"all", "90"}
    assert table["relative"].is_monotonic_increasing


def _reference(path, value):
    table = pd.read_csv(path)
    days = pd.to_datetime(table.iloc[:, 0], format="mixed")
    daily = pd.Series(table[value].to_numpy(float), days).sort_index()
    return daily[~daily.index.duplicated() & (daily > 0)]


def test_a_tube_strike_stands_out_and_a_bank_strike_does_not(reference_data):
    # Saberi et al. 2018: cycle hires on 9 July 2015 went from 38,886 to 72,503, about +85 %.
    hires = _reference(reference_data / "tfl_cycle_hire" / "daily.csv", "hires")
    strike = Windows("2015-07-09", country="GB", history_start="2013-07-09")
    found = placebo.every_test({"hires": hires}, strike).iloc[0]
    assert found[["placebo", "conformal", "end_of_sample"]].max() < 0.05
    assert found["low"] < 0.85 < found["high"]
    payments = _reference(reference_data / "upi_rbi_daily" / "daily.csv", "Vol")
    none = placebo.every_test({"payments": payments}, Windows("2022-03-28", country="IN")).iloc[0]
    assert none[["placebo", "conformal", "end_of_sample"]].min() > 0.2
    for daily, windows in ((hires, strike), (payments, Windows("2022-03-28", country="IN"))):
        assert 0.01 < (np.abs(placebo.placebo_test(daily, windows).t) > 1.96).mean() < 0.07
