"""The naive comparisons by hand; the textbook models beside statsmodels' own answers on columns written anew."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.alternatives import (
    SEVEN_DAYS,
    calendar_regression,
    day_before,
    poisson,
    pre_week_mean,
    same_weekday,
    structural,
)
from analysis.effect import estimate
from analysis.windows import Windows

DAYS = pd.date_range("2017-10-01", periods=31)  # a Sunday
PATTERN = np.array([1.1, 1.2, 1.15, 1.0, 0.8, 0.7, 1.05])
EVENT = Windows("2018-02-22")  # a Thursday
TEXTBOOK = (calendar_regression, structural, poisson)


def test_day_before_by_hand():
    """Steps up and down by the same factor: log 1.2 is their root mean square, with four degrees of freedom."""
    daily = pd.Series([100.0, 120, 100, 120, 100, 130], index=DAYS[:6])
    effect = day_before(daily, Windows(DAYS[5]))
    assert effect.expected == 100
    assert effect.relative == pytest.approx(0.3)
    reach = math.log(1.2) * stats.t(4).ppf(0.975)
    assert effect.expected_interval() == pytest.approx((100 * math.exp(-reach), 100 * math.exp(reach)))


def test_day_before_of_two_days():
    """The mean of a random walk's next two days: variance (1 + 1 + 1 + 2) / 4 of a step's."""
    daily = pd.Series([10.0, -12, 10, -12, 10, 5, 6], index=DAYS[:7])  # crosses zero: plain differences
    effect = day_before(daily, Windows(DAYS[5], DAYS[6]))
    assert effect.expected == 20
    assert effect.observed == 11
    reach = 2 * 22 * math.sqrt(5 / 4) * stats.t(4).ppf(0.975)
    assert effect.expected_interval() == pytest.approx((20 - reach, 20 + reach))


def test_day_before_counts_only_steps_of_one_day():
    """A gap of a day is not a step: what lies on its sides is not compared."""
    daily = pd.Series([100.0, 110, np.nan, 500, 550, 500], index=DAYS[:6])
    effect = day_before(daily, Windows(DAYS[5]))
    reach = math.log(1.1) * stats.t(2).ppf(0.975)
    assert effect.expected_interval().high == pytest.approx(550 * math.exp(reach))


def test_pre_week_mean_is_statsmodels_new_observation():
    """The prediction interval of a new day, never the narrower one of the mean.

    statsmodels.api.OLS([90, 110, 95, 105, 100, 120, 80], np.ones(7)).fit().get_prediction([1])
        .conf_int(obs=True) -> [[65.39544, 134.60456]]
    """
    from statsmodels.regression.linear_model import OLS

    week = np.array([90.0, 110, 95, 105, 100, 120, 80])
    daily = pd.Series([1000.0, *week, 130], index=DAYS[:9])
    effect = pre_week_mean(daily, Windows(DAYS[8]))
    theirs = OLS(week, np.ones(7)).fit().get_prediction([1]).conf_int(obs=True)[0]
    assert effect.expected_interval() == pytest.approx(tuple(theirs), rel=1e-9)
    assert effect.expected_interval() == pytest.approx((65.39544, 134.60456), rel=1e-6)
    assert effect.warnings == (SEVEN_DAYS,)
    assert list(effect.days_used) == list(DAYS[1:8])


def test_pre_week_mean_of_three_days():
    """The error of a sum of three new days against three times a mean of five: s sqrt(3 + 9 / 5)."""
    week = [8.0, 12, 9, 11, 10]
    daily = pd.Series([*week, 20, 21, 22], index=DAYS[:8])
    effect = pre_week_mean(daily, Windows(DAYS[5], DAYS[7], baseline_days=5))
    reach = np.std(week, ddof=1) * math.sqrt(3 + 9 / 5) * stats.t(4).ppf(0.95)
    assert effect.expected == 30
    assert effect.absolute == 33
    assert effect.expected_interval(0.9) == pytest.approx((30 - reach, 30 + reach))


def test_pre_week_mean_under_both_estimands():
    """Seven days up to the eve, or the seven before the campaign; a missing day is replaced by one further back."""
    daily = pd.Series(np.arange(31.0), index=DAYS)
    daily.iloc[18] = np.nan
    windows = Windows(DAYS[20], campaign_start=DAYS[15])
    assert list(pre_week_mean(daily, windows).days_used.day) == [13, 14, 15, 16, 17, 18, 20]
    assert pre_week_mean(daily, windows, "history").expected == np.mean(range(8, 15))


def test_same_weekday_by_hand():
    """Four Thursdays of 10, 12, 14 and 16 stand for the fifth; the days between count for nothing."""
    days = pd.date_range("2017-09-28", "2017-10-26")
    daily = pd.Series(np.random.default_rng(0).uniform(0, 1000, len(days)), index=days)
    daily[days.day_of_week == 3] = [10.0, 12, 14, 16, 20]
    effect = same_weekday(daily, Windows("2017-10-26"))
    reach = math.sqrt(20 / 3 * (1 + 1 / 4)) * stats.t(3).ppf(0.975)
    assert effect.expected == 13
    assert effect.expected_interval() == pytest.approx((13 - reach, 13 + reach))
    assert same_weekday(daily, Windows("2017-10-26"), weeks=2).expected == 15


def test_same_weekday_of_two_weekdays():
    """Thursdays of 10 and 12, Fridays of 30 and 36: the spread is pooled, (2 + 18) / 2, for two new days."""
    days = pd.date_range("2017-10-12", "2017-10-27")
    daily = pd.Series(1.0, index=days)
    daily[days.day_of_week == 3] = [10.0, 12, 15]
    daily[days.day_of_week == 4] = [30.0, 36, 40]
    effect = same_weekday(daily, Windows("2017-10-26", "2017-10-27"))
    reach = math.sqrt(10 * (2 + 1 / 2 + 1 / 2)) * stats.t(2).ppf(0.975)
    assert effect.expected == 44
    assert effect.expected_interval() == pytest.approx((44 - reach, 44 + reach))


@pytest.mark.parametrize("function", [day_before, pre_week_mean, same_weekday, *TEXTBOOK])
def test_shift_of_the_future_changes_nothing(function):
    """Days after the event are never looked at."""
    daily = pd.Series(np.random.default_rng(2).uniform(50, 60, 31), index=DAYS)
    windows = Windows(DAYS[22])
    later = daily.copy()
    later.iloc[23:] = 1e6
    assert function(daily, windows).to_dict() == function(later, windows).to_dict()


@pytest.mark.parametrize(
    ("function", "days", "message"),
    [
        (day_before, 2, "2 usable days before the event of 2017-10-03, at least 3 are needed"),
        (pre_week_mean, 2, "2 usable days before the event of 2017-10-03, at least 3 are needed"),
        (same_weekday, 13, "1 usable days before the event of 2017-10-14, at least 2 are needed"),
    ],
)
def test_too_short_a_history_is_refused(function, days, message):
    daily = pd.Series(np.arange(1.0, 32), index=DAYS)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        function(daily, Windows(DAYS[days]))
    assert str(caught.value) == f"{message}: give a longer history"


def test_day_before_needs_steps():
    daily = pd.Series([1.0, np.nan, 2, np.nan, 3, np.nan, 4], index=DAYS[:7])
    with pytest.raises(
        ValueError, match=r"^fewer than two day-to-day steps before the event: give a longer history$"
    ):
        day_before(daily, Windows(DAYS[6]))


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
    mean = there["mean"].iloc[0]
    gamma = stats.gamma(mean**2 / variance, scale=variance / mean)
    assert effect.expected == pytest.approx(gamma.median(), rel=1e-6)
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


def test_calendar_regression_is_the_exact_likelihood_with_memory():
    """SARIMAX(order=(1, 0, 0), exog=columns).fit().get_forecast(1) on a series with memory of 0.7: the same forecast
    within 1 % and the same width within 8 %; narrower than what takes the days as independent."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    daily = payments(5, memory=0.7)
    table = frame(daily)
    table["time"] /= len(table)
    X = np.column_stack([pd.get_dummies(table["weekday"]), table[["time", "first", "last"]]]).astype(float)
    n = daily.index.get_loc(EVENT.event_start)
    fit = SARIMAX(np.log(daily.to_numpy()[:n]), exog=X[:n], order=(1, 0, 0)).fit(disp=False, maxiter=500)
    theirs = np.exp(fit.get_forecast(1, exog=X[n : n + 1]).conf_int()[0])
    ours, none = (function(daily, EVENT) for function in (calendar_regression, poisson))
    assert ours.expected == pytest.approx(np.sqrt(theirs.prod()), rel=0.01)
    assert np.ptp(ours.expected_interval()) == pytest.approx(np.ptp(theirs), rel=0.08)
    assert np.ptp(ours.expected_interval()) < np.ptp(none.expected_interval())


def test_structural_is_the_likeliest_structural_model():
    """UnobservedComponents("local level", freq_seasonal=[{"period": 7}], exog).fit() over all variances: the grid's
    best forecasts the same within 1 %, as wide within 5 %."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    daily = payments(6, memory=0.98, noise=0.03)
    daily *= np.exp(np.random.default_rng(60).normal(0, 0.05, len(daily)))
    X = frame(daily)[["first", "last"]].to_numpy(float)
    n = daily.index.get_loc(EVENT.event_start)
    model = UnobservedComponents(
        np.log(daily.to_numpy()[:n]),
        "local level",
        freq_seasonal=[{"period": 7}],
        exog=X[:n],
        use_exact_diffuse=True,
    )
    theirs = np.exp(model.fit(disp=False, maxiter=200).get_forecast(1, exog=X[n : n + 1]).conf_int()[0])
    ours = structural(daily, EVENT)
    assert ours.expected == pytest.approx(np.sqrt(theirs.prod()), rel=0.01)
    assert np.ptp(ours.expected_interval()) == pytest.approx(np.ptp(theirs), rel=0.05)


def test_memory_carries_the_eve():
    """With memory of 0.9, an eve 20 % higher lifts the expectation by about 0.9 of it; one from long ago by nothing."""
    daily = payments(1, memory=0.9, days=300)
    expected = calendar_regression(daily, EVENT).expected
    for day, low, high in (("2018-02-21", 0.12, 0.22), ("2017-10-04", -0.02, 0.02)):
        raised = daily.copy()
        raised[day] *= 1.2
        assert low < calendar_regression(raised, EVENT).expected / expected - 1 < high


@pytest.mark.parametrize("function", TEXTBOOK)
def test_weekday_and_effect_are_found(function):
    """A Thursday's level to 4 %, and half as much again on the day is seen as that."""
    daily = payments(2, noise=0.03)
    daily[EVENT.event_start] = 1_500.0
    effect = function(daily, EVENT)
    assert effect.expected == pytest.approx(1_000, rel=0.04)
    assert effect.relative == pytest.approx(0.5, abs=0.06)
    assert effect.p_value < 1e-4


@pytest.mark.parametrize("function", TEXTBOOK)
def test_several_days_add_up(function):
    """Thursday to Saturday: 1,000 + 800 + 700; wider than one day, narrower than three times it."""
    daily = payments(2, noise=0.03)
    three = function(daily, Windows("2018-02-22", "2018-02-24"))
    one = function(daily, EVENT)
    assert three.expected == pytest.approx(2_500, rel=0.04)
    assert np.ptp(one.expected_interval()) < np.ptp(three.expected_interval())
    assert np.ptp(three.expected_interval()) < 3 * np.ptp(one.expected_interval())


@pytest.mark.parametrize("function", TEXTBOOK)
def test_campaign_under_both_estimands(function):
    """A campaign that lifts its days by 30 %: "pre-week" expects the lifted level, "history" the old one."""
    daily = payments(4, noise=0.03)
    daily["2018-02-01":"2018-02-21"] *= 1.3
    windows = Windows("2018-02-22", campaign_start="2018-02-01")
    assert function(daily, windows).expected == pytest.approx(1_300, rel=0.06)
    assert function(daily, windows, "history").expected == pytest.approx(1_000, rel=0.06)
    wild = daily.copy()
    wild["2018-02-01":"2018-02-21"] = 7.0
    one, other = (function(series, windows, "history").expected for series in (daily, wild))
    assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("function", TEXTBOOK)
@pytest.mark.parametrize("baseline", ["pre-week", "history"])
def test_all_learn_from_the_days_of_the_recommended(function, baseline):
    """Holidays, excluded days and the two days of waiting are left out by all, with the warnings of the days."""
    daily = payments(4)
    windows = Windows(
        "2018-02-22",
        campaign_start="2018-02-01",
        country="AE",
        excluded=["2017-11-15"],
        history_start="2017-09-01",
    )
    fit = estimate(daily, windows, baseline=baseline).fit
    used = function(daily, windows, baseline).days_used
    assert list(used) == list(fit.days[~fit.touched])
    assert pd.Timestamp("2018-02-20") not in used
    assert pd.Timestamp("2017-12-03") not in used  # National Day
    holiday = Windows("2018-01-01", country="AE")
    assert function(daily, holiday).warnings == estimate(daily, holiday).warnings


@pytest.mark.parametrize("function", TEXTBOOK)
def test_closed_weekends(function):
    """Zeros on days that never open are no values."""
    daily = payments(7, noise=0.03)
    daily[daily.index.day_of_week >= 5] = 0.0
    effect = function(daily, EVENT)
    assert effect.expected == pytest.approx(1_000, rel=0.04)
    assert effect.expected_interval().low > 800


def test_what_a_model_cannot_answer_is_refused():
    daily = payments(8)
    with pytest.raises(ValueError, match=r"^the series has negative values, which poisson cannot fit: "):
        poisson(daily - 2_000, EVENT)
    daily[(daily.index.day_of_week == 3) & (daily.index < EVENT.event_start)] = np.nan
    with pytest.raises(ValueError, match=r"^the event's weekday was never seen, so its season is unknown: "):
        structural(daily, EVENT)


@pytest.mark.parametrize("function", TEXTBOOK)
def test_missing_days_are_passed_over(function):
    """A tenth of the days gone, the eve too: the expectation moves by little, the days used are those there."""
    daily = payments(6, noise=0.03)
    gaps = daily.copy()
    gaps.iloc[5:190:10] = np.nan
    gaps["2018-02-21"] = np.nan
    effect = estimate(gaps, EVENT, function.__name__)
    assert effect.expected == pytest.approx(function(daily, EVENT).expected, rel=0.03)
    assert len(effect.days_used) == gaps[:"2018-02-21"].notna().sum()


@pytest.mark.parametrize("function", TEXTBOOK)
def test_thirteen_days_are_refused(function):
    daily = payments().loc["2018-02-09":]
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        function(daily, EVENT)
    assert str(caught.value) == (
        "13 usable days before the event of 2018-02-22, at least 14 are needed: give a longer history"
    )
