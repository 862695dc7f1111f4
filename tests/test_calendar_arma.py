"""The recommended estimator: what must change its answer, what must not, and how often it is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis.estimators.calendar_arma import calendar_arma
from analysis.estimators.simple import SEVEN_DAYS
from scipy import stats

from analysis.windows import Windows

PATTERN = np.array([1.1, 1.2, 1.15, 1.0, 0.5, 0.4, 1.05])  # Monday first: the Emirates' week of 2017


def payments(
    seed: int = 0, days: int = 160, end: str = "2017-11-02", memory: float = 0.6, noise: float = 0.08
) -> pd.Series:
    """Log AR(1) about a weekday pattern; the last week holds the event of 26 October and the days after."""
    index = pd.date_range(end=end, periods=days)
    rng, level = np.random.default_rng(seed), np.zeros(days)
    for t in range(1, days):
        level[t] = memory * level[t - 1] + rng.normal(0, noise)
    return pd.Series(1_000 * PATTERN[index.day_of_week] * np.exp(level), index=index, name="count")


EVENT = Windows("2017-10-26")
CAMPAIGN = Windows("2017-10-26", campaign_start="2017-09-23")


def assert_same(one, other) -> None:
    """The same numbers and warnings; the estimand's name may differ."""
    first, second = one.to_dict(), other.to_dict()
    assert first["warnings"] == second["warnings"]
    for key in ("observed", "expected", "expected_low", "expected_high", "p_value", "days_used"):
        assert first[key] == pytest.approx(second[key], rel=1e-9), key


@pytest.mark.parametrize("windows", [EVENT, CAMPAIGN])
@pytest.mark.parametrize("baseline", ["pre-week", "history"])
def test_units_do_not_matter(windows, baseline):
    """Fils in place of dirhams: every amount a hundred times, every ratio and p the same."""
    daily = payments()
    one, other = (
        calendar_arma(series, windows, baseline).to_dict()
        for series in (daily, (100 * daily).rename("count"))
    )
    for key in ("expected", "expected_low", "expected_high", "absolute_high"):
        assert other[key] == pytest.approx(100 * one[key], rel=1e-6)
    for key in ("relative", "relative_low", "p_value"):
        assert other[key] == pytest.approx(one[key], rel=1e-5)


def test_same_input_same_answer():
    """To the last bit, simulated totals of several days included."""
    windows = Windows("2017-10-24", "2017-10-26")
    one, other = (calendar_arma(payments(), windows) for _ in range(2))
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize("baseline", ["pre-week", "history"])
def test_days_after_the_event_change_nothing(baseline):
    daily = payments()
    later = daily.copy()
    later["2017-10-27":] *= 7
    assert_same(calendar_arma(daily, CAMPAIGN, baseline), calendar_arma(later, CAMPAIGN, baseline))


def test_event_changes_the_observation_alone():
    """The law of what would have been does not know what was."""
    daily = payments()
    raised = daily.copy()
    raised["2017-10-26"] *= 1.3
    one, other = calendar_arma(daily, EVENT), calendar_arma(raised, EVENT)
    assert other.expected == one.expected
    assert other.expected_interval() == one.expected_interval()
    assert other.observed == pytest.approx(1.3 * one.observed)


def test_without_a_campaign_both_estimands_are_one():
    """No campaign, or one of no days."""
    daily = payments()
    found = [
        calendar_arma(daily, windows, baseline)
        for windows in (EVENT, Windows("2017-10-26", campaign_start="2017-10-26"))
        for baseline in ("pre-week", "history")
    ]
    for other in found[1:]:
        assert_same(found[0], other)


def test_history_does_not_see_the_campaign():
    """Whatever the campaign's days hold, nothing included, "history" gives the same answer; "pre-week" does not."""
    daily = payments()
    wild, gone = daily.copy(), daily.copy()
    wild["2017-09-23":"2017-10-25"] *= 1.5
    gone["2017-09-23":"2017-10-25"] = np.nan
    one = calendar_arma(daily, CAMPAIGN, "history")
    assert_same(one, calendar_arma(wild, CAMPAIGN, "history"))
    assert_same(one, calendar_arma(gone, CAMPAIGN, "history"))
    assert one.days_used[-1] == pd.Timestamp("2017-09-22")
    anchored = [calendar_arma(series, CAMPAIGN).expected for series in (daily, wild)]
    assert anchored[1] / anchored[0] > 1.3


def test_pre_week_takes_the_level_of_the_campaign():
    """A campaign that lifts its days by a quarter lifts the pre-week's expectation by about that."""
    daily = payments(noise=0.03)
    lifted = daily.copy()
    lifted["2017-09-23":"2017-10-25"] *= 1.25
    ratio = calendar_arma(lifted, CAMPAIGN).expected / calendar_arma(daily, CAMPAIGN).expected
    assert ratio == pytest.approx(1.25, rel=0.05)


def test_an_eve_that_waits_for_the_event_counts_for_little():
    """Payments put off from the eve to the event: an eve at half leaves the pre-week's expectation within 5 %."""
    daily = payments(noise=0.03)
    dipped = daily.copy()
    dipped["2017-10-25"] *= 0.5
    ratio = calendar_arma(dipped, CAMPAIGN).expected / calendar_arma(daily, CAMPAIGN).expected
    assert ratio == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("factor", [0.02, 50.0])
def test_a_wild_day_of_the_past_changes_little(factor):
    """An outage or a record of one day, six weeks back: expectation within 2 %, interval within a third."""
    daily = payments()
    wild = daily.copy()
    wild["2017-09-11"] *= factor
    one, other = calendar_arma(daily, EVENT), calendar_arma(wild, EVENT)
    assert other.expected == pytest.approx(one.expected, rel=0.02)
    width = [np.ptp(effect.expected_interval()) for effect in (one, other)]
    assert width[1] == pytest.approx(width[0], rel=1 / 3)


def test_holidays_teach_nothing_about_ordinary_days():
    """Islamic New Year was taken on Thursday 21 September 2017: whatever was paid then changes nothing."""
    daily = payments()
    closed = daily.copy()
    closed["2017-09-21"] = 3.0
    one = calendar_arma(daily, EVENT)
    assert_same(one, calendar_arma(closed, EVENT))
    assert pd.Timestamp("2017-09-21") not in one.days_used
    plain = Windows("2017-10-26", country=None)
    assert pd.Timestamp("2017-09-21") in calendar_arma(daily, plain).days_used


def test_an_event_on_a_holiday_says_so():
    effect = calendar_arma(payments(), Windows("2017-09-21"))
    assert effect.warnings == ("The event falls on a holiday; it is held against ordinary days.",)
    assert calendar_arma(payments(), EVENT).warnings == ()


def test_excluded_days_teach_nothing():
    daily = payments()
    windows = Windows("2017-10-26", excluded=("2017-08-01", "2017-10-23"))
    other = daily.copy()
    other[["2017-08-01", "2017-10-23"]] = 1e5
    assert_same(calendar_arma(daily, windows), calendar_arma(other, windows))


def test_closed_weekends_are_gaps():
    """Offices shut on Friday and Saturday: zeros there are no values, and no reason to leave the logarithm."""
    daily = payments().loc["2017-05-28":]  # a Sunday
    weekend = daily.index.day_of_week.isin([4, 5])
    zeros, gaps = daily.copy(), daily.copy()
    zeros[weekend], gaps[weekend] = 0.0, np.nan
    found = calendar_arma(zeros, EVENT)
    assert_same(found, calendar_arma(gaps, EVENT))
    assert found.expected == pytest.approx(calendar_arma(daily, EVENT).expected, rel=0.1)
    assert found.expected_interval(0.999).low > 0


def test_an_outage_is_a_gap():
    """A lone zero among days of a thousand is a machine that stood still, not a law with zeros."""
    daily = payments()
    zero, gap = daily.copy(), daily.copy()
    zero["2017-09-13"], gap["2017-09-13"] = 0.0, np.nan
    assert_same(calendar_arma(zero, EVENT), calendar_arma(gap, EVENT))


def width_ratio(make_gap, day: str) -> float:
    """Mean ratio of interval widths, on the logarithm, with a gap and without, over ten series of memory 0.9."""
    ratio = []
    for seed in range(10):
        daily = payments(seed, memory=0.9, days=300)
        windows = Windows(day, country=None)
        widths = [
            np.ptp(np.log(calendar_arma(s, windows).expected_interval())) for s in (daily, make_gap(daily))
        ]
        ratio.append(widths[1] / widths[0])
    return float(np.mean(ratio))


def test_a_missing_eve_makes_the_interval_wider():
    """The forecast is of two days ahead: sqrt(1 + 0.81) as wide. Filling the eve in would leave it as it was."""
    without_eve = width_ratio(lambda daily: daily.drop(pd.Timestamp("2017-10-25")).asfreq("D"), "2017-10-26")
    assert without_eve == pytest.approx(np.sqrt(1.81), rel=0.12)


def test_the_first_day_after_a_closed_weekend_is_foretold_across_it():
    """Sunday from Thursday: sqrt(1 + 0.81 + 0.6561) as wide as from Saturday, and its past errors are as wide."""
    closed = width_ratio(lambda daily: daily.where(~daily.index.day_of_week.isin([4, 5]), 0.0), "2017-10-29")
    assert closed == pytest.approx(np.sqrt(1 + 0.81 + 0.6561), rel=0.2)


def test_weekday_is_known():
    """Without noise to speak of, each weekday of an event gets its own level."""
    daily = payments(noise=0.002)
    for day in pd.date_range("2017-10-20", "2017-10-26"):
        expected = calendar_arma(daily, Windows(day, country=None)).expected
        assert expected == pytest.approx(1_000 * PATTERN[day.day_of_week], rel=0.02)


def test_turn_of_the_month_is_known():
    """Twice as much on the first of every month: expected twice as much on the next first."""
    daily = payments(days=300, noise=0.05)
    first = daily.index.day == 1
    doubled = daily * np.where(first, 2.0, 1.0)
    windows = Windows("2017-11-01")
    ratio = calendar_arma(doubled, windows).expected / calendar_arma(daily, windows).expected
    assert ratio == pytest.approx(2, rel=0.1)


def test_several_days_add_up():
    """The expected total of three days is that of each, foretold from the same eve; the interval lies between that of
    independent days and that of days which err together."""
    daily = payments(noise=0.03)
    whole = calendar_arma(daily, Windows("2017-10-24", "2017-10-26"))
    days = pd.date_range("2017-10-24", "2017-10-26")
    alone = [calendar_arma(daily, Windows(day, excluded=tuple(days[:i]))) for i, day in enumerate(days)]
    assert whole.expected == pytest.approx(sum(effect.expected for effect in alone), rel=0.01)
    assert whole.observed == pytest.approx(daily[days].sum())
    widths = np.array([np.ptp(effect.expected_interval()) for effect in alone])
    assert 0.9 * np.sqrt((widths**2).sum()) < np.ptp(whole.expected_interval()) < 1.02 * widths.sum()


def test_a_share_stays_within_its_bounds():
    """Digital share near one: the interval neither reaches one nor leaves it."""
    count = payments()
    share = (1 / (1 + 0.05 * (count / 1_000) ** 2)).rename("digital_share")
    for windows in (EVENT, Windows("2017-10-24", "2017-10-26"), CAMPAIGN):
        effect = calendar_arma(share, windows)
        low, high = effect.expected_interval(0.999)
        assert 0 < low < effect.expected < high < 1
        assert effect.observed == pytest.approx(share[windows.event_days].mean())


def test_negative_values_are_allowed():
    """Net of refunds: shifting by a level shifts the expectation by it."""
    daily = payments(noise=0.05)
    net = daily - 2_000
    one, other = calendar_arma(daily, EVENT, scale="plain"), calendar_arma(net, EVENT)
    assert other.expected == pytest.approx(one.expected - 2_000, rel=1e-3)
    assert np.ptp(other.expected_interval()) == pytest.approx(np.ptp(one.expected_interval()), rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 10.0])
@pytest.mark.parametrize("windows", [EVENT, CAMPAIGN, Windows("2017-10-24", "2017-10-26")])
def test_a_series_that_never_moved(value, windows):
    """It is expected to stay, and staying is no surprise (at zero half the law lies above it by rounding)."""
    daily = payments() * 0 + value
    effect = calendar_arma(daily, windows)
    assert effect.expected == pytest.approx(value * len(windows.event_days), abs=1e-6)
    assert effect.p_value > 0.2


def test_small_counts():
    """Mostly zero, one or two a day: an interval from zero up, and no failure on the way."""
    daily = payments()
    daily[:] = np.random.default_rng(2).poisson(0.6, len(daily))
    effect = calendar_arma(daily, EVENT)
    low, high = effect.expected_interval()
    assert low >= 0
    assert 1 <= high <= 5
    assert effect.expected == pytest.approx(0.6, abs=0.4)


def test_fourteen_days_are_the_least():
    """With thirteen, the mean of the week before and its warning; with fourteen, the estimator itself."""
    short, enough = payments().loc["2017-10-13":], payments().loc["2017-10-12":]
    fallback = calendar_arma(short, EVENT)
    assert fallback.estimator == "pre_week_mean"
    assert fallback.warnings == (SEVEN_DAYS,)
    assert fallback.expected == pytest.approx(short["2017-10-19":"2017-10-25"].mean())
    assert calendar_arma(enough, EVENT).estimator == "calendar_arma"


def test_the_far_past_is_forgotten():
    """Days before the last 400 change nothing; `history_days` moves that border."""
    daily = payments(days=440)
    other = daily.copy()
    other.iloc[:30] *= 9
    assert_same(calendar_arma(daily, EVENT), calendar_arma(other, EVENT))
    assert len(calendar_arma(daily, Windows("2017-10-26", country=None), history_days=90).days_used) == 90


def test_a_new_weekend_makes_the_old_week_unfit():
    """From 2022 the Emirates rest on Saturday and Sunday: what was before teaches nothing after 28 days of it."""
    daily = payments(days=200, end="2022-03-10")
    windows = Windows("2022-03-03")
    other = daily.copy()
    other[:"2021-12-31"] *= np.where(other[:"2021-12-31"].index.day_of_week == 3, 5.0, 1.0)
    assert_same(calendar_arma(daily, windows), calendar_arma(other, windows))
    assert calendar_arma(daily, windows).days_used[0] >= pd.Timestamp("2022-01-01")


def drawn(rng: np.random.Generator) -> pd.Series:
    """A law that is not the estimator's: negative binomial counts about a level of slow and fast parts."""
    index = pd.date_range(
        end=pd.Timestamp("2017-10-26") + pd.Timedelta(days=int(rng.integers(28))), periods=141
    )
    slow, fast = 0.0, 0.0
    level = np.empty(141)
    for t in range(141):
        slow, fast = 0.97 * slow + rng.normal(0, 0.03), 0.3 * fast + rng.normal(0, 0.05)
        level[t] = slow + fast
    mean = 800 * PATTERN[index.day_of_week] * np.exp(level)
    return pd.Series(
        rng.poisson(mean * rng.gamma(200, 1 / 200, 141)).astype(float), index=index, name="count"
    )


@pytest.mark.parametrize("campaign", [0, 20])
def test_coverage_on_another_law(campaign):
    """150 null days: 95 % intervals cover between 90.0 and 98.7 % of them (binomial, 1 in 200 beyond each side),
    80 % intervals between 71 and 88 %, and errors lie on both sides."""
    rng = np.random.default_rng([2017, campaign])
    inside, half, high = 0, 0, 0
    for _ in range(150):
        daily = drawn(rng)
        start = daily.index[-1] - pd.Timedelta(days=campaign)
        effect = calendar_arma(daily, Windows(daily.index[-1], campaign_start=start, country=None))
        inside += effect.p_value >= 0.05
        half += effect.p_value >= 0.2
        high += effect.absolute > 0
    for count, level in ((inside, 0.95), (half, 0.8), (high, 0.5)):
        low_end, high_end = stats.binom(150, level).ppf([0.005, 0.995])
        assert low_end <= count <= high_end, level
