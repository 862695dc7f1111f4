"""Several editions: the pooling equals published results, its intervals cover, and real editions are told apart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.meta_analysis import combine_effects

from analysis.effect import estimate
from analysis.model.pooling import RandomEffects
from analysis.windows import Windows

BIRTHS, HIRES = "us_births/daily.csv", "tfl_cycle_hire/daily.csv"
STRIKES = (
    "2010-09-07 2010-10-04 2010-11-03 2010-11-29 2014-02-05/2014-02-06 2014-04-29/2014-04-30 2015-07-09 2015-08-06 "
    "2017-01-09 2022-03-01 2022-03-03 2022-06-06 2022-06-21 2022-08-19"
)
# Trials of a vaccine (Berkey, Hoaglin, Mosteller & Colditz 1995, table 1): ill and well with it, ill and well without
# it, degrees of latitude.
TRIALS = """4 119 11 128 44, 6 300 29 274 55, 3 228 11 209 42, 62 13536 248 12619 52, 33 5036 47 5761 13,
180 1361 372 1079 44, 8 2537 10 619 19, 505 87886 499 87892 13, 29 7470 45 7232 27, 17 1699 65 1600 42,
186 50448 141 27197 18, 5 2493 3 2338 33, 27 16886 29 17825 33"""


def real(name: str) -> pd.Series:
    folder = os.environ.get("REFERENCE_DATA")
    if not folder:
        pytest.skip("REFERENCE_DATA names no folder of reference data")
    return pd.read_csv(Path(folder) / name, index_col=0, parse_dates=True).iloc[:, 0]


def pooled(y, se) -> RandomEffects:
    return RandomEffects(np.asarray(y, float), np.asarray(se, float), np.ones((len(y), 1)))


def test_meta_regression_as_published():
    """Berkey et al. (1995), page 408; R: metafor's rma(yi, vi, mods = ~ I(ablat - 33.46), method = "EB")."""
    ill, well, ill0, well0, latitude = np.array([row.split() for row in TRIALS.split(",")], float).T
    y = np.log(ill / (ill + well)) - np.log(ill0 / (ill0 + well0))
    se = np.sqrt((well / ill).mean() / (ill + well) + (well0 / ill0).mean() / (ill0 + well0))
    alone = pooled(y, se)
    assert [alone.mean().log, alone.mean().se, alone.tau2] == pytest.approx(
        [-0.5429, 0.1842, 0.268], abs=2e-4
    )
    by = RandomEffects(y, se, np.column_stack([np.ones(13), latitude - 33.46]))
    level, slope = by.mean((1, 0)), by.mean((0, 1))
    assert [level.log, slope.log] == pytest.approx([-0.6303, -0.0268], abs=1e-4)
    assert [level.se, slope.se, by.tau2] == pytest.approx([0.1591, 0.0110, 0.157], abs=3e-4)


def test_pooling_equals_statsmodels():
    """Kacker (2004): tau of Paule & Mandel is 0.8399; R: rma(y, v, method = "PM") gives 62.4076, 0.3380, Q 24.8019."""
    y = np.array([61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9])
    v = np.array([0.2025, 1.21, 0.09, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225])
    fit, other = pooled(y, np.sqrt(v)), combine_effects(y, v, method_re="pm", atol=1e-9)
    assert np.sqrt(fit.tau2) == pytest.approx(0.8399, abs=5e-5)
    assert [fit.mean().log, fit.mean().se, fit.q] == pytest.approx([62.4076199, 0.3380306, 24.8018977])
    assert [fit.q, fit.i2, fit.tau2] == pytest.approx([other.q, other.i2, other.tau2])
    assert np.log1p(fit.mean().interval()) == pytest.approx(other.conf_int(use_t=True)[3])  # Hartung & Knapp
    wls = WLS(y, np.ones(9), weights=1 / (v + fit.tau2)).fit()
    assert [fit.mean().log, fit.mean().se] == pytest.approx([wls.params[0], wls.bse[0]])


def test_editions_that_agree_too_well_are_no_narrower_than_their_noise():
    """Four equal effects of standard error 0.1: tau is zero, the standard error 0.05, t with 3 degrees 3.182."""
    fit = pooled([0.2] * 4, [0.1] * 4)
    assert (fit.tau2, fit.q, fit.i2) == pytest.approx((0, 0, 0))
    assert np.log1p(fit.mean().interval()) == pytest.approx([0.2 - 0.1591, 0.2 + 0.1591], abs=1e-4)
    assert fit.mean().p_value == pytest.approx(0.0281, abs=1e-3)


def test_next_edition_of_many_is_the_normal_one():
    """With 400 precise editions nothing is unknown but the next one: 0.2 +- 1.96 x 0.1."""
    y = 0.2 + 0.1 * np.random.default_rng(2).standard_normal(400)
    ends = np.log1p(pooled(y, np.full(400, 0.001)).next())
    assert ends == pytest.approx(y.mean() + y.std() * np.array([-1.96, 1.96]), abs=0.004)


@pytest.mark.parametrize("k", [5, 15])
@pytest.mark.parametrize("tau", [0.03, 0.1])
def test_intervals_cover(k, tau):
    """The mean's and the next edition's, over 600 seeded draws: 0.9 points of simulation error."""
    rng, inside = np.random.default_rng(k), []
    for _ in range(600):
        se = rng.uniform(0.03, 0.08, k)
        truth = 0.2 + tau * rng.standard_normal(k + 1)
        fit = pooled(truth[:k] + se * rng.standard_normal(k), se)
        ends = np.log1p([fit.mean().interval(), fit.next()])
        inside.append((ends[:, 0] < [0.2, truth[k]]) & ([0.2, truth[k]] < ends[:, 1]))
    assert (np.mean(inside, axis=0) > 0.93).all()


@pytest.fixture(scope="module")
def simulated() -> tuple[pd.Series, list[Windows]]:
    """Twelve editions of +20 % on working days and +50 % on weekends, thirty days apart and each lasting one day."""
    days = pd.date_range("2016-01-01", periods=560)
    windows = [Windows(days[190 + 30 * i]) for i in range(12)]
    rng = np.random.default_rng(8)
    log = 9 + 0.3 * (days.day_of_week < 5) + 0.02 * rng.standard_normal(len(days))
    for one in windows:
        log[days == one.event_start] += np.log(1.5 if one.event_start.day_of_week >= 5 else 1.2)
    return pd.Series(np.exp(log), days, name="count"), windows


def test_other_editions_are_left_out(simulated):
    """Neither days learned from, nor moved by what happens on them."""
    daily, windows = simulated
    found = estimate(daily, windows)
    held = pd.DatetimeIndex([one.event_start for one in windows])
    assert not any(effect.days_used.isin(held).any() for effect in found.effects)
    moved = daily.where(~daily.index.isin(held[:-1]), 5 * daily)
    assert estimate(moved, windows).effects[-1].to_dict() == found.effects[-1].to_dict()


def test_weekend_and_working_day_are_told_apart(simulated):
    daily, windows = simulated
    found = estimate(daily, windows)
    groups = found.groups("weekend")
    assert groups["editions"].sum() == 12
    for row, truth in zip(groups.itertuples(), (0.2, 0.5), strict=True):
        assert row.low < truth < row.high
        assert row.next_low < truth < row.next_high
    assert found.change("weekend").relative == pytest.approx(1.5 / 1.2 - 1, abs=0.04)
    assert found.change("weekend").p_value < 1e-4
    assert found.change("edition").p_value > 0.01
    low, high = found.prediction_interval()
    assert low < 0.2 < 0.5 < high  # of a day whose kind is not known


def test_order_moderators_and_numbers(simulated):
    """In any order; a moderator follows its edition; one number in every place."""
    daily, windows = simulated
    prices = np.arange(12.0) ** 2
    found, turned = estimate(daily, windows, moderators={"price": prices}), windows[::-1]
    other = estimate(daily, turned, moderators={"price": prices[::-1]})
    assert (
        found.to_dict() == other.to_dict() == estimate(daily, windows, moderators={"price": prices}).to_dict()
    )
    numbers = found.to_dict(0.9)
    assert (numbers["relative_low"], numbers["relative_high"]) == found.confidence_interval(0.9)
    assert numbers["relative"] == found.relative
    assert [one["relative"] for one in numbers["editions"]] == pytest.approx(list(found.frame()["relative"]))
    assert set(numbers["changes"]) == {"price", "edition"}
    assert found.frame()["weight"].sum() == pytest.approx(1)


def test_a_fading_effect_is_seen():
    days = pd.date_range("2016-01-01", periods=560)
    windows = [Windows(days[190 + 40 * i]) for i in range(8)]
    log = 9 + 0.01 * np.random.default_rng(9).standard_normal(len(days))
    log[190:510:40] += np.log(1.4 * 0.96 ** np.arange(8))
    change = estimate(pd.Series(np.exp(log), days), windows).change()
    low, high = change.interval()
    assert low < -0.04 < high < 0


def test_two_editions_say_nothing_of_a_trend(simulated):
    daily, windows = simulated
    two = estimate(daily, windows[:2])
    assert two.change().interval() == (-1, np.inf)
    assert two.confidence_interval().low < two.relative < two.confidence_interval().high


def test_refusals_say_what_to_do(simulated):
    daily, windows = simulated
    with pytest.raises(ValueError, match=r"^1 edition: give at least two"):
        estimate(daily, windows[:1])
    with pytest.raises(ValueError, match=r"^two editions share the day 2016-07-09: give each day once$"):
        estimate(daily, [windows[0], *windows])
    for values in ([1] * 12, [1, 2], [1, 2] * 5 + [3, np.nan], list("abcdefghijkl")):
        with pytest.raises(ValueError, match=r"^moderator 'price': give a number for each edition"):
            estimate(daily, windows, moderators={"price": values})
    shut = daily.mask(daily.index == windows[3].event_start, 0.0)
    with pytest.raises(
        ValueError, match=r"^the edition of 2016-10-07 has no bounded relative effect: leave it out$"
    ):
        estimate(shut, windows, "same_weekday")


def test_halloween():
    """Births fall by some 11 % (Levy, Chung & Slade 2011), and hardly at all on a weekend, when few are planned."""
    found = estimate(real(BIRTHS), [Windows(f"{year}-10-31", country="US") for year in range(2000, 2015)])
    assert -0.13 < found.relative < -0.10
    groups = found.groups("weekend")
    assert list(groups["editions"]) == [12, 3]
    assert -0.15 < groups["relative"].iloc[0] < -0.11
    assert -0.06 < groups["relative"].iloc[1] < 0.01
    assert found.change("weekend").p_value < 0.001
    alone, next_working_day = found.prediction_interval(), groups.iloc[0]
    assert next_working_day["next_high"] - next_working_day["next_low"] < (alone.high - alone.low)


def test_valentines_day():
    """Births rise: by hand +4.5 % against the weeks before and after, editions alike."""
    found = estimate(real(BIRTHS), [Windows(f"{year}-02-14", country="US") for year in range(2001, 2015)])
    low, high = found.confidence_interval()
    assert 0 < low < 0.045 < high
    assert found.pooled.tau2 == pytest.approx(0, abs=1e-6)


def test_tube_strikes():
    """Hires of cycles on days without the Underground; on 9 July 2015 about +85 % by hand (Saberi et al. 2018)."""
    windows = [Windows(*day.split("/"), country="GB") for day in STRIKES.split()]
    found = estimate(real(HIRES), windows)
    assert 0.4 < found.confidence_interval().low < found.confidence_interval().high < 0.85
    july = found.frame().set_index("event_start").loc["2015-07-09"]
    assert july["low"] < 0.85 < july["high"]
