"""Textbook regressions beside statsmodels' own answers on the same columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.effect import estimate
from analysis.estimators.regression import (
    CAMPAIGN_LEVEL,
    autoregressive,
    calendar_regression,
    poisson,
    structural,
)
from analysis.windows import Windows

PATTERN = np.array([1.1, 1.2, 1.15, 1.0, 0.8, 0.7, 1.05])
EVENT = Windows("2018-02-22", country=None)  # a Thursday
ALL = (calendar_regression, autoregressive, structural, poisson)


def payments(seed: int = 0, memory: float = 0.0, noise: float = 0.05, days: int = 200) -> pd.Series:
    index = pd.date_range(end="2018-02-25", periods=days)
    rng, level = np.random.default_rng(seed), np.zeros(days)
    for t in range(1, days):
        level[t] = memory * level[t - 1] + rng.normal(0, noise)
    return pd.Series(1_000 * PATTERN[index.day_of_week] * np.exp(level), index=index, name="count")


def frame(daily: pd.Series) -> pd.DataFrame:
    """The same calendar written independently, for statsmodels' formulas."""
    index = daily.index
    return pd.DataFrame(
        {
            "y": daily.to_numpy(),
            "weekday": index.day_of_week,
            "time": np.arange(len(daily)),
            "first": (index.day <= 3).astype(int),
            "last": (index.days_in_month - index.day < 3).astype(int),
        },
        index=index,
    )


def test_poisson_is_statsmodels_formula():
    """Expected value and variance: smf.glm("y ~ C(weekday) + time + first + last", Poisson()).fit(scale="X2")
    .get_prediction(new): mean, and scale * mean + se^2 for a new day."""
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    daily = payments()
    table = frame(daily)
    past, new = table[: EVENT.event_start - pd.Timedelta(days=1)], table.loc[[EVENT.event_start]]
    formula = "y ~ C(weekday) + time + first + last"
    fit = smf.glm(formula, past, family=sm.families.Poisson()).fit(scale="X2")
    there = fit.get_prediction(new).summary_frame()
    variance = fit.scale * there["mean"].iloc[0] + there["mean_se"].iloc[0] ** 2
    effect = poisson(daily, EVENT)
    assert effect.expected == pytest.approx(there["mean"].iloc[0], rel=1e-6)
    gamma = stats.gamma(effect.expected**2 / variance, scale=variance / effect.expected)
    assert effect.expected_interval() == pytest.approx(tuple(gamma.ppf([0.025, 0.975])), rel=1e-5)


def test_calendar_regression_is_least_squares_without_memory():
    """Independent errors: OLS on the logarithm, its interval of a new day; rho is estimated near 0, hence 3 %.

    smf.ols("np.log(y) ~ C(weekday) + time + first + last", past).fit().get_prediction(new).summary_frame()
    """
    import statsmodels.formula.api as smf

    daily = payments(3)
    table = frame(daily)
    past, new = table[: EVENT.event_start - pd.Timedelta(days=1)], table.loc[[EVENT.event_start]]
    theirs = smf.ols("np.log(y) ~ C(weekday) + time + first + last", past).fit().get_prediction(new)
    theirs = theirs.summary_frame(alpha=0.05).iloc[0]
    effect = calendar_regression(daily, EVENT)
    low, high = np.log(effect.expected_interval())
    assert (low + high) / 2 == pytest.approx(theirs["mean"], abs=0.01)
    assert high - low == pytest.approx(theirs["obs_ci_upper"] - theirs["obs_ci_lower"], rel=0.03)


def test_both_autoregressions_agree():
    """Feasible least squares and exact likelihood, on a series with memory of 0.7: same forecast within 1 % and
    same width within 8 %; both narrower than what takes the days as independent."""
    daily = payments(5, memory=0.7)
    one, other, none = (function(daily, EVENT) for function in (calendar_regression, autoregressive, poisson))
    assert one.expected == pytest.approx(other.expected, rel=0.01)
    width = [np.ptp(effect.expected_interval()) for effect in (one, other, none)]
    assert width[0] == pytest.approx(width[1], rel=0.08)
    assert max(width[:2]) < width[2]


@pytest.mark.parametrize("function", [calendar_regression, autoregressive])
def test_memory_carries_the_eve(function):
    """With memory of 0.9, an eve 20 % higher lifts the expectation by about 0.9 of it; one from long ago by nothing."""
    daily = payments(1, memory=0.9, days=300)
    expected = function(daily, EVENT).expected
    for day, low, high in (("2018-02-21", 0.12, 0.22), ("2017-10-04", -0.02, 0.02)):
        raised = daily.copy()
        raised[day] *= 1.2
        assert low < function(raised, EVENT).expected / expected - 1 < high


@pytest.mark.parametrize("function", ALL)
def test_weekday_and_effect_are_found(function):
    """A Thursday's level to 4 %, and half as much again on the day is seen as that."""
    daily = payments(2, noise=0.03)
    daily[EVENT.event_start] = 1_500.0
    effect = function(daily, EVENT)
    assert effect.expected == pytest.approx(1_000, rel=0.04)
    assert effect.relative == pytest.approx(0.5, abs=0.06)
    assert effect.p_value < 1e-4


@pytest.mark.parametrize("function", ALL)
def test_several_days_add_up(function):
    """Thursday to Saturday: 1,000 + 800 + 700; wider than one day, narrower than three times it."""
    daily = payments(2, noise=0.03)
    three = function(daily, Windows("2018-02-22", "2018-02-24", country=None))
    one = function(daily, EVENT)
    assert three.expected == pytest.approx(2_500, rel=0.04)
    assert np.ptp(one.expected_interval()) < np.ptp(three.expected_interval())
    assert np.ptp(three.expected_interval()) < 3 * np.ptp(one.expected_interval())


@pytest.mark.parametrize("function", ALL)
def test_campaign_under_both_estimands(function):
    """A campaign that lifts its days by 30 %: "pre-week" expects the lifted level, "history" the old one."""
    daily = payments(4, noise=0.03)
    daily["2018-02-01":"2018-02-21"] *= 1.3
    windows = Windows("2018-02-22", campaign_start="2018-02-01", country=None)
    assert function(daily, windows).expected == pytest.approx(1_300, rel=0.06)
    assert function(daily, windows, "history").expected == pytest.approx(1_000, rel=0.06)
    wild = daily.copy()
    wild["2018-02-01":"2018-02-21"] = 7.0
    one, other = (function(series, windows, "history").expected for series in (daily, wild))
    assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("function", [calendar_regression, autoregressive])
def test_a_campaign_gets_its_own_level_and_says_so(function):
    windows = Windows("2018-02-22", campaign_start="2018-02-01", country=None)
    assert function(payments(4), windows).warnings == (CAMPAIGN_LEVEL,)
    assert function(payments(4), EVENT).warnings == ()


@pytest.mark.parametrize("function", ALL)
def test_what_the_past_never_showed_is_said(function):
    """Twenty days before a first of the month teach nothing about firsts of the month."""
    daily = payments(days=60)["2018-01-05":"2018-02-02"]
    effect = function(daily, Windows("2018-02-01", country=None))
    assert effect.warnings == (
        "The event's calendar has a term that the past never showed: first three days of the month.",
    )


@pytest.mark.parametrize("function", ALL)
def test_missing_days_are_passed_over(function):
    """A tenth of the days gone, the eve too: the expectation moves by little, the days used are those there."""
    daily = payments(6, noise=0.03)
    gaps = daily.copy()
    gaps.iloc[5:190:10] = np.nan
    gaps["2018-02-21"] = np.nan
    effect = estimate(gaps, EVENT, function.__name__)
    assert effect.expected == pytest.approx(function(daily, EVENT).expected, rel=0.03)
    assert len(effect.days_used) == gaps[:"2018-02-21"].notna().sum()


@pytest.mark.parametrize("function", ALL)
def test_thirteen_days_are_refused(function):
    daily = payments().loc["2018-02-09":]
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        function(daily, EVENT)
    assert str(caught.value) == (
        "13 usable days before the event of 2018-02-22, at least 14 are needed: give a longer history"
    )
