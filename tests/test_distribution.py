"""The distribution of what would have been, and the effect derived from it."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.model.distribution import PROBABILITIES, SCORES, Distribution
from analysis.model.effect import Effect
from analysis.windows import Windows

DAYS = pd.date_range("2017-10-01", "2017-10-31")
KEYS = (  # the contract of the command line's JSON
    "estimator estimand metric event_start event_end observed expected expected_low expected_high absolute "
    "absolute_low absolute_high relative relative_low relative_high p_value level days_used warnings"
).split()


def effect(observed: float, distribution: Distribution, metric: str = "count") -> Effect:
    daily = pd.Series(observed, index=DAYS, name=metric)
    return Effect.of(
        "by_hand", daily, Windows("2017-10-26"), "pre-week", DAYS[:25], distribution, ["One warning."]
    )


def normal(centre: float, covariance: np.ndarray, inverse=lambda z: z) -> Distribution:
    return Distribution.total(np.atleast_1d(centre), np.atleast_2d(covariance), SCORES, inverse)


@pytest.mark.parametrize("df", [2, 6, 40])
def test_student_quantiles_are_scipys(df):
    """Exact where intervals are usually read; between the points of the grid within half a per cent."""
    distribution, theirs = Distribution.student(df, 10.0, 2.0), stats.t(df, 10, 2)
    for probability in (0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975):
        assert distribution.quantile(probability) == pytest.approx(theirs.ppf(probability), abs=1e-9)
        assert distribution.probability(theirs.ppf(probability)) == pytest.approx(probability, abs=1e-9)
    for probability in (0.01, 0.33, 0.6, 0.995):
        assert distribution.quantile(probability) == pytest.approx(theirs.ppf(probability), rel=5e-3)
    assert distribution.median == 10


@pytest.mark.parametrize("distribution", [Distribution.student(5, 3.0, 1.0), normal(1.0, 0.25, np.exp)])
def test_quantile_and_probability_are_inverses(distribution):
    """At every probability, those beyond the grid included."""
    for probability in [1e-11, 1e-4, 0.013, 0.3, 0.5, 0.77, 0.9999]:
        assert distribution.probability(distribution.quantile(probability)) == pytest.approx(
            probability, rel=1e-8
        )


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("side", ["low", "high"])
def test_duality(level, side):
    """An observation at the end of the expected interval has p = 1 - level, and its effect's interval ends at 0."""
    distribution = Distribution.student(7, 100.0, 5.0)
    end = getattr(effect(0.0, distribution).expected_interval(level), side)
    there = effect(end, distribution)
    assert there.p_value == pytest.approx(1 - level, abs=1e-9)
    touching = "high" if side == "low" else "low"
    assert getattr(there.confidence_interval(level), touching) == pytest.approx(0, abs=1e-9)
    assert getattr(there.confidence_interval(level, relative=True), touching) == pytest.approx(0, abs=1e-9)


def test_effect_by_hand():
    """130 observed, 100 +- 1.96 x 5 expected: +30, within 20.2 and 39.8; the relative one is not symmetric."""
    there = effect(130.0, normal(100.0, 25.0))
    reach = 5 * stats.norm.ppf(0.975)
    assert there.expected == pytest.approx(100)
    assert there.absolute == pytest.approx(30)
    assert there.relative == pytest.approx(0.3)
    assert there.confidence_interval() == pytest.approx((30 - reach, 30 + reach))
    relative = there.confidence_interval(relative=True)
    assert relative == pytest.approx((130 / (100 + reach) - 1, 130 / (100 - reach) - 1))
    assert relative.high - 0.3 > 0.3 - relative.low
    assert there.p_value == pytest.approx(2 * stats.norm.sf(6), rel=1e-6)


def test_p_value_of_the_median_is_one():
    assert effect(100.0, normal(100.0, 25.0)).p_value == pytest.approx(1)


def test_a_relative_end_is_infinite_where_the_expectation_reaches_zero():
    there = effect(10.0, normal(5.0, 9.0))
    low, high = there.confidence_interval(relative=True)
    assert low == pytest.approx(10 / (5 + 3 * stats.norm.ppf(0.975)) - 1)
    assert high == math.inf
    assert math.isfinite(there.confidence_interval().high)


def test_no_spread():
    """A series that never moved: the same value again is no surprise, any other is."""
    distribution = Distribution.student(6, 10.0, 0.0)
    assert effect(10.0, distribution).p_value == 1
    assert effect(10.1, distribution).p_value < 1e-6
    assert effect(9.9, distribution).p_value < 1e-6


def test_weight_at_zero():
    """Counts cut at zero: an observed zero is as unusual as the weight that lies there."""
    distribution = Distribution(np.maximum(SCORES + 1, 0))
    assert distribution.probability(0.0) == pytest.approx(stats.norm.cdf(-1) / 2, rel=0.05)
    assert distribution.probability(0.5) == pytest.approx(stats.norm.cdf(-0.5))


def test_total_of_one_day_is_exact():
    """Normal, and lognormal with its median exp(m)."""
    distribution = normal(2.0, 0.09)
    assert distribution.quantile(0.9) == pytest.approx(stats.norm(2, 0.3).ppf(0.9), abs=1e-12)
    distribution = normal(2.0, 0.09, np.exp)
    assert distribution.quantile(0.9) == pytest.approx(math.exp(stats.norm(2, 0.3).ppf(0.9)), rel=1e-12)
    assert distribution.median == pytest.approx(math.exp(2), rel=1e-12)


def test_total_of_several_normal_days():
    """The sum of joint normals is normal with the covariance's grand total; 4,000 draws give it to 2 %."""
    centre = np.array([10.0, 20.0, 15.0])
    covariance = 4 * 0.6 ** abs(np.subtract.outer(range(3), range(3)))
    distribution, sd = (
        Distribution.total(centre, covariance, SCORES, lambda z: z),
        math.sqrt(covariance.sum()),
    )
    assert distribution.median == pytest.approx(45, abs=1e-9)  # each draw comes with its mirror image
    for probability in (0.025, 0.25, 0.75, 0.975):
        assert distribution.quantile(probability) == pytest.approx(
            45 + sd * stats.norm.ppf(probability), abs=0.06 * sd
        )
    independent = Distribution.total(centre, np.diag(np.diag(covariance)), SCORES, lambda z: z)
    assert independent.quantile(0.975) < distribution.quantile(0.975) - 1


def test_total_of_several_lognormal_days():
    """Against two million draws from numpy."""
    centre, covariance = np.array([1.0, 1.5]), np.array([[0.25, 0.1], [0.1, 0.16]])
    distribution = Distribution.total(centre, covariance, SCORES, np.exp)
    draws = np.exp(np.random.default_rng(5).multivariate_normal(centre, covariance, 2_000_000)).sum(1)
    for probability in (0.025, 0.5, 0.975):
        assert distribution.quantile(probability) == pytest.approx(np.quantile(draws, probability), rel=0.04)


def test_total_keeps_the_shape_of_a_day():
    """Heavy tails of one day are those of the total of one day, and a longer event is relatively narrower."""
    shape = stats.t(3).ppf(PROBABILITIES)
    one = Distribution.total(np.array([100.0]), np.array([[1.0]]), shape, lambda z: z)
    assert one.quantile(0.975) == pytest.approx(100 + stats.t(3).ppf(0.975))
    four = Distribution.total(np.full(4, 100.0), np.eye(4), shape, lambda z: z)
    assert four.quantile(0.975) - 400 < 0.8 * 4 * (one.quantile(0.975) - 100)


def test_scaled():
    distribution = Distribution.student(5, 10.0, 2.0).scaled(0.25)
    assert distribution.median == 2.5
    assert distribution.quantile(0.9) == pytest.approx(2.5 + 0.5 * stats.t(5).ppf(0.9))


@pytest.mark.parametrize(
    ("metric", "observed", "expected"),
    [("count", 60.0, 50.0), ("ticket", 20.0, 50 / 3), ("digital_share", 20.0, 50 / 3)],
)
def test_sums_are_added_and_ratios_averaged(metric, observed, expected):
    """Three days of 10, 20 and 30 with an expected total of 50."""
    daily = pd.Series([16.0, 10, 20, 30], index=DAYS[:4], name=metric)
    windows = Windows(DAYS[1], DAYS[3])
    there = Effect.of("by_hand", daily, windows, "history", DAYS[:1], normal(50.0, 9.0))
    assert there.observed == pytest.approx(observed)
    assert there.expected == pytest.approx(expected)
    assert there.relative == pytest.approx(0.2)
    assert there.p_value == pytest.approx(2 * stats.norm.sf(10 / 3), rel=0.02)


def test_json_keys():
    """Exactly the contract's keys, every number plain and derived from the same facts."""
    there = effect(130.0, normal(100.0, 25.0))
    out = there.to_dict(0.9)
    assert list(out) == KEYS
    assert json.loads(json.dumps(out)) == out
    assert out["level"] == 0.9
    assert out["event_start"] == out["event_end"] == "2017-10-26"
    assert out["days_used"] == 25
    assert out["warnings"] == list(there.warnings)
    assert (out["expected_low"], out["expected_high"]) == there.expected_interval(0.9)
    assert out["absolute_low"] == out["observed"] - out["expected_high"]
    assert out["relative_high"] == pytest.approx(out["observed"] / out["expected_low"] - 1)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_is_a_fraction(level):
    with pytest.raises(
        ValueError, match=rf"^level is {level}: give a fraction between 0 and 1, such as 0.95$"
    ):
        effect(1.0, normal(0.0, 1.0)).expected_interval(level)
