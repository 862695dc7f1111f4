"""The public face: one call for every estimator, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.effect import COMPARISONS, ESTIMATORS, RECOMMENDED, estimate, tidy
from analysis.windows import Windows

DAYS = pd.date_range("2017-06-01", "2017-10-28")
EVENT = Windows("2017-10-26")
PATTERN = np.array([1.1, 1.2, 1.15, 1.0, 0.5, 0.4, 1.05])


@pytest.fixture(scope="module")
def daily() -> pd.Series:
    noise = np.random.default_rng(26).normal(0, 0.06, len(DAYS))
    return pd.Series(25_000 * PATTERN[DAYS.day_of_week] * np.exp(noise), DAYS, name="count")


@pytest.fixture(scope="module")
def donors(daily) -> pd.DataFrame:
    noise = np.random.default_rng(27).normal(0, 0.02, (len(DAYS), 3))
    return pd.DataFrame(daily.to_numpy()[:, None] * np.exp(noise), DAYS, ["Riga", "Quito", "Lagos"])


@pytest.mark.parametrize("end", ["2017-10-26", "2017-10-27"])
@pytest.mark.parametrize("baseline", ["pre-week", "history"])
@pytest.mark.parametrize("name", [*ESTIMATORS, *COMPARISONS])
def test_every_estimator_answers(daily, donors, name, baseline, end):
    """Finite ends in order about the expectation, the names that were asked for, and levels nested in one another."""
    windows = Windows("2017-10-26", end, campaign_start="2017-10-12")
    options = {"donors": donors} if name in COMPARISONS else {}
    effect = estimate(daily, windows, name, baseline, **options)
    assert (effect.estimator, effect.estimand, effect.metric) == (name, baseline, "count")
    assert effect.observed == pytest.approx(daily["2017-10-26":end].sum())
    ends = [effect.expected_interval(level) for level in (0.99, 0.95, 0.5)]
    inwards = [end.low for end in ends] + [effect.expected] + [end.high for end in reversed(ends)]
    assert all(math.isfinite(value) for value in inwards)
    assert inwards == sorted(inwards)
    assert ends[1].low < ends[1].high
    assert 0 < effect.p_value <= 1
    last = {"pre-week": "2017-10-25", "history": "2017-10-11"}[baseline]
    assert effect.days_used.max() <= pd.Timestamp(last)
    assert effect.days_used.is_monotonic_increasing
    assert effect.days_used.is_unique


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("end", ["2017-10-26", "2017-10-27"])
@pytest.mark.parametrize("name", [*ESTIMATORS, *COMPARISONS])
def test_duality(daily, donors, name, end, level):
    """Let the event bring what lies at the end of its expected interval: p is 1 - level, and the effect's interval
    ends at zero. So the event's own days teach no estimator anything."""
    windows = Windows("2017-10-26", end)
    options = {"donors": donors} if name in COMPARISONS else {}
    for side, other in ((0, 1), (1, 0)):
        target = estimate(daily, windows, name, **options).expected_interval(level)[side]
        moved = daily.copy()
        moved[windows.event_days] *= target / moved[windows.event_days].sum()
        effect = estimate(moved, windows, name, **options)
        assert effect.p_value == pytest.approx(1 - level, rel=1e-6)
        assert effect.confidence_interval(level)[other] == pytest.approx(0, abs=1e-6 * abs(target))


def test_names_are_the_functions_own():
    """What a result says it was estimated by is what one types to get it."""
    for name, function in (ESTIMATORS | COMPARISONS).items():
        assert function.__name__ == name
    assert RECOMMENDED in ESTIMATORS
    assert not set(ESTIMATORS) & set(COMPARISONS)


def test_the_default_is_the_recommended(daily):
    assert estimate(daily, EVENT).to_dict() == estimate(daily, EVENT, RECOMMENDED).to_dict()


def test_options_reach_the_estimator(daily):
    assert len(estimate(daily, EVENT, "same_weekday", weeks=3).days_used) == 3
    with pytest.raises(TypeError, match="week"):
        estimate(daily, EVENT, "same_weekday", week=3)
    with pytest.raises(TypeError, match="weeks"):
        estimate(daily, EVENT, weeks=3)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("calender_regresion", "did you mean calendar_regression?"),
        ("synthetic", "did you mean synthetic_control?"),
        ("pre-week-mean", "did you mean pre_week_mean?"),
        ("xyz", f"give one of {', '.join(ESTIMATORS | COMPARISONS)}"),
    ],
)
def test_unknown_estimators_get_a_hint(daily, name, hint):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        estimate(daily, EVENT, name)
    assert str(caught.value) == f"estimator {name!r} is unknown: {hint}"


def test_comparisons_need_donors(daily):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        estimate(daily, EVENT, "synthetic_control")
    assert str(caught.value) == (
        "estimator 'synthetic_control' needs donors: give units that the initiative did not touch"
    )


def test_an_unknown_baseline_is_refused_by_all(daily, donors):
    for name in ESTIMATORS | COMPARISONS:
        options = {"donors": donors} if name in COMPARISONS else {}
        with pytest.raises(ValueError, match=r"^baseline 'week' is unknown: give one of pre-week, history$"):
            estimate(daily, EVENT, name, "week", **options)


@pytest.mark.parametrize("name", ["gls", "same_weekday", "day_before"])
def test_order_and_absence_do_not_matter(daily, name):
    """Rows in any order, days absent or NaN, a zone, integers: one answer."""
    whole = daily.round()
    gaps = whole.copy()
    gaps["2017-09-12"] = np.nan
    absent = gaps.dropna().sample(frac=1, random_state=3)
    zoned = absent.copy()
    zoned.index = zoned.index.tz_localize("Asia/Dubai")
    found = [estimate(series, EVENT, name).to_dict() for series in (gaps, absent, zoned, absent.astype(int))]
    assert all(one == found[0] for one in found)


def test_the_callers_series_is_left_alone(daily):
    before = daily.copy()
    estimate(daily, EVENT)
    pd.testing.assert_series_equal(daily, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda daily: daily[:"2017-10-20"],
            "the day of the event 2017-10-26 has no value: the data run from 2017-06-01 to 2017-10-20",
        ),
        (
            lambda daily: daily.drop(pd.Timestamp("2017-10-26")),
            "the day of the event 2017-10-26 has no value: the data run from 2017-06-01 to 2017-10-28",
        ),
        (
            lambda daily: pd.concat([daily, daily.iloc[[40]]]),
            "row 151, date: '2017-07-11 00:00:00.000000' is also in row 41; keep one row a day",
        ),
        (lambda daily: daily.iloc[:0], "the series is empty: give one value a day"),
        (
            lambda daily: daily.reset_index(drop=True),
            "the frame: no column reads as days (2017-10-26); name it with --date-column, or say how days are written "
            "with --date-format",
        ),
    ],
)
def test_what_is_refused(daily, change, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        estimate(change(daily), EVENT)
    assert str(caught.value) == message


def test_a_day_of_several_that_is_missing_is_named(daily):
    with pytest.raises(ValueError, match=r"^the day of the event 2017-10-29 has no value: "):
        estimate(daily, Windows("2017-10-26", "2017-10-30"))


def test_tidy_fills_with_nothing():
    """A day without a row is unknown, not zero."""
    days = pd.DatetimeIndex(["2017-10-24", "2017-10-26"])
    tidied = tidy(pd.Series([1, 2], days), EVENT)
    assert tidied.index.tolist() == list(pd.date_range("2017-10-24", "2017-10-26"))
    assert np.isnan(tidied.iloc[1])
    assert tidied.dtype == float
