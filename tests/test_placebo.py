"""Placebo inference: closed forms equal refitting, tests hold their size, faults are refused."""

import numpy as np
import pytest
import statsmodels.api as sm

from analysis import placebo


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
        return sm.GLS(u, x, sigma=V).fit().params @ x.T @ np.linalg.solve(V, u)

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
