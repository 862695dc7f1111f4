"""The comparisons that anyone makes first, by hand and beside other implementations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.estimators.simple import SEVEN_DAYS, day_before, pre_week_mean, same_weekday
from analysis.windows import Windows

DAYS = pd.date_range("2017-10-01", periods=31)  # a Sunday


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


@pytest.mark.parametrize("function", [day_before, pre_week_mean, same_weekday])
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
