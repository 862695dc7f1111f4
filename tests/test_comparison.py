"""Against untouched units: identities, refusals, and coverage on seeded draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from analysis.alternatives import difference_in_differences, simplex_weights, synthetic_control
from analysis.effect import gls
from analysis.windows import Windows

BOTH = (difference_in_differences, synthetic_control)
DAYS = pd.date_range("2017-09-01", "2017-10-28")
EVENT = Windows("2017-10-26")


def units(seed: int = 0, count: int = 4, days: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    """Units that share a wandering level, each with noise of its own."""
    rng = np.random.default_rng(seed)
    shared = 100 + rng.normal(0, 2, len(days)).cumsum()
    own = rng.normal(0, 1, (len(days), count)) + 10 * np.arange(count)
    return pd.DataFrame(shared[:, None] + own, days, [f"unit {i}" for i in range(count)])


def test_weights_are_the_least_squares_on_the_simplex():
    """Beside scipy's SLSQP: at least zero, adding up to one, and no other such weights lie closer."""
    rng = np.random.default_rng(4)
    donors = rng.normal(50, 5, (40, 5))
    outcome = donors @ [0.6, 0.4, 0, 0, 0] + rng.normal(0, 1, 40)
    weights = simplex_weights(donors, outcome)
    theirs = optimize.minimize(
        lambda w: np.sum((outcome - donors @ w) ** 2),
        np.full(5, 0.2),
        bounds=[(0, 1)] * 5,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert theirs.success
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert weights == pytest.approx(theirs.x, abs=1e-3)
    assert np.sum((outcome - donors @ weights) ** 2) <= theirs.fun + 1e-6


def test_differences_are_the_regression_of_the_ratio():
    """What is expected is the donors' mean of the day times the forecast of the ratio to it; where a value is not
    positive, the donors' mean plus the forecast of the difference."""
    frame = units(6)
    daily = frame.pop("unit 1")
    day, mean = EVENT.event_start, frame.mean(axis=1)
    one, ratio = difference_in_differences(daily, EVENT, frame), gls(daily / mean, EVENT)
    assert one.expected == pytest.approx(mean[day] * ratio.expected, rel=1e-9)
    assert one.expected_interval() == pytest.approx(
        [mean[day] * end for end in ratio.expected_interval()], rel=1e-9
    )
    assert one.observed == daily[day]
    frame["unit 0"] -= 100
    mean = frame.mean(axis=1)
    one, apart = difference_in_differences(daily, EVENT, frame), gls(daily - mean, EVENT)
    assert one.expected == pytest.approx(mean[day] + apart.expected, rel=1e-9)


def test_several_days_take_the_donors_of_each():
    """Donors at ten times their level on the second day: so is what is expected of it."""
    frame = units(7)
    daily = frame.pop("unit 1")
    windows = Windows("2017-10-26", "2017-10-27")
    one = difference_in_differences(daily, windows, frame).expected
    alone = difference_in_differences(daily, EVENT, frame).expected
    frame.loc["2017-10-27"] *= 10
    ten = difference_in_differences(daily, windows, frame).expected
    assert ten - alone == pytest.approx(10 * (one - alone), rel=0.02)


def test_one_donor_has_all_the_weight():
    """Then there is nothing to weigh, and both are one."""
    frame = units(8)
    one, other = (function(frame["unit 1"], EVENT, frame[["unit 2"]]) for function in BOTH)
    assert one.expected == pytest.approx(other.expected, rel=1e-9)
    assert one.expected_interval() == pytest.approx(other.expected_interval(), rel=1e-9)


def test_a_mixture_is_found():
    """A unit that is 3/4 of one and 1/4 of another but for a little noise is expected to stay so, even where both of
    them go astray on the day."""
    donors = units()
    noise = np.random.default_rng(1).normal(0, 0.05, len(DAYS))
    donors.loc[EVENT.event_start, ["unit 0", "unit 3"]] += [15, -15]
    daily = 0.75 * donors["unit 0"] + 0.25 * donors["unit 3"] + noise
    effect = synthetic_control(daily, EVENT, donors)
    assert effect.expected == pytest.approx(daily[EVENT.event_start], rel=0.01)
    assert np.ptp(effect.expected_interval()) < 1.5


def test_the_error_of_the_weights_counts():
    """Two donors of like weight that part on the day: the comparator stays, but not what is known of it."""
    frame = units(9, count=3)
    daily = frame.pop("unit 0")
    frame.columns = ["a", "b"]
    there = synthetic_control(daily, EVENT, frame)
    frame.loc[EVENT.event_start] += [40, -40]
    parted = synthetic_control(daily, EVENT, frame)
    assert np.ptp(parted.expected_interval()) > 1.5 * np.ptp(there.expected_interval())


@pytest.mark.parametrize("function", BOTH)
def test_a_shock_to_all_is_not_the_effect(function):
    """What lifts every unit on the day lifts the expectation; what lifts one is its effect."""
    frame = units(1)
    frame.loc[EVENT.event_start] += 30
    daily = frame.pop("unit 1")
    assert abs(function(daily, EVENT, frame).absolute) < 5
    daily = daily.copy()
    daily[EVENT.event_start] += 40
    effect = function(daily, EVENT, frame)
    assert effect.absolute == pytest.approx(40, abs=5)
    assert effect.p_value < 1e-6


@pytest.mark.parametrize("function", BOTH)
def test_the_size_of_the_unit_does_not_matter(function):
    """A unit thirty times as large as every donor has thirty times the effect; where no ratio can be taken, a unit a
    thousand higher has the same, but for a prior on growth that is a share of the level."""
    frame = units(2)
    daily = frame.pop("unit 1")
    one, other = (function(series, EVENT, frame) for series in (daily, 30 * daily))
    assert other.relative == pytest.approx(one.relative, rel=1e-6)
    assert other.expected_interval().low == pytest.approx(30 * one.expected_interval().low, rel=1e-6)
    frame["unit 2"] -= 150
    one, other = (function(series, EVENT, frame) for series in (daily, daily + 1_000))
    width = np.ptp(one.expected_interval())
    assert other.confidence_interval() == pytest.approx(one.confidence_interval(), abs=0.05 * width)


@pytest.mark.parametrize("function", BOTH)
def test_campaign_days_teach_history_nothing(function):
    frame = units(3)
    daily = frame.pop("unit 1")
    windows = Windows("2017-10-26", campaign_start="2017-10-10")
    lifted = daily.copy()
    lifted["2017-10-10":"2017-10-25"] += 50
    assert (
        function(lifted, windows, frame, "history").to_dict()
        == function(daily, windows, frame, "history").to_dict()
    )
    assert function(daily, windows, frame, "history").days_used[-1] == pd.Timestamp("2017-10-09")
    assert function(lifted, windows, frame).expected > function(daily, windows, frame).expected + 20


@pytest.mark.parametrize("function", BOTH)
def test_participants_are_no_donors(function):
    """All who took part were treated on the same day; neither they nor the series itself can be donors."""
    frame = units()
    daily = frame["unit 1"].rename("ours")
    message = "'unit 2' took part and cannot be a donor: take it out of the donors"
    with pytest.raises(ValueError, match=f"^{message}$"):
        function(daily, EVENT, frame, participants=["unit 2"])
    with pytest.raises(
        ValueError, match=r"^'unit 1' took part and cannot be a donor: take it out of the donors$"
    ):
        function(frame["unit 1"], EVENT, frame)


@pytest.mark.parametrize("function", BOTH)
def test_gaps_of_donors(function):
    """On the event they are refused; before it the day is left out; too few days are refused."""
    frame = units()
    daily = frame.pop("unit 1")
    holes = frame.copy()
    holes.loc[EVENT.event_start, "unit 2"] = np.nan
    message = "donor 'unit 2' has no value on 2017-10-26: fill it in or leave the donor out"
    with pytest.raises(ValueError, match=f"^{message}$"):
        function(daily, EVENT, holes)
    holes = frame.copy()
    holes.loc["2017-10-03", "unit 3"] = np.nan
    used = function(daily, EVENT, holes).days_used
    assert pd.Timestamp("2017-10-03") not in used
    assert len(used) == 54
    with pytest.raises(ValueError, match=r"^7 days with all donors before the event, at least 8 are needed$"):
        function(daily, EVENT, frame.loc["2017-10-19":])
    with pytest.raises(
        ValueError, match=r"^there are no donors: give at least one unit that the initiative did"
    ):
        function(daily, EVENT, frame[[]])


def test_more_donors_than_days_are_refused():
    """Nine days and thirty donors: some mixture fits by chance, exactly, and would leave an interval of no width."""
    rng = np.random.default_rng(12)
    donors = pd.DataFrame(rng.normal(100, 5, (10, 30)), DAYS[:10], [f"unit {i}" for i in range(30)])
    daily = pd.Series(rng.normal(100, 1, 10), DAYS[:10])
    message = r"^\d+ donors carry weight on 9 days and fit them by chance: give more days or fewer donors$"
    with pytest.raises(ValueError, match=message):
        synthetic_control(daily, Windows(DAYS[9]), donors)


# Units that share a factor to unequal degrees, on the scale of logarithms: neither estimator's own model.
WORLDS = {
    "equal": {},
    "unequal": {"sizes": (50, 200)},
    "many": {"sizes": (30, 300), "units": 21},
    "own memory": {"own_memory": 0.6},
    "gaps": {"missing": "random"},
    "gaps, own memory, five days": {"missing": "every other", "own_memory": 0.8, "own": 0.02, "days": 5},
    "random walk": {"memory": 1.0},
}


def covered(
    function,
    draws: int,
    memory: float = 0.6,
    own_memory: float = 0.0,
    own: float = 0.03,
    sizes: tuple[float, float] = (100, 100),
    units: int = 9,
    days: int = 1,
    missing: str = "",
) -> float:
    """Share of untreated events inside the 95 % interval, 120 days before them.

    log y[i, t] = log size[i] + loading[i] f[t] + u[i, t]; f and u are AR(1) with innovations of 0.05 and `own`,
    loadings from 0.5 to 1.5.
    """
    rng = np.random.default_rng(5)
    index = pd.date_range(end="2017-10-26", periods=120 + days)
    windows = Windows(index[120], index[-1])
    inside = 0
    for _ in range(draws):
        noise = rng.normal(0, [0.05] + [own] * units, (120 + days, 1 + units))
        kept = np.array([memory] + [own_memory] * units)
        noise[0] /= np.sqrt(np.where(kept < 1, 1 - kept**2, 1))
        for t in range(1, 120 + days):
            noise[t] += kept * noise[t - 1]
        logs = np.log(rng.uniform(*sizes, units)) + noise[:, :1] * rng.uniform(0.5, 1.5, units) + noise[:, 1:]
        frame = pd.DataFrame(np.exp(logs), index, [f"unit {i}" for i in range(units)])
        if missing:
            gone = rng.random(120) < 0.3 if missing == "random" else np.arange(120) % 2 == 0
            frame.loc[index[:120][gone], "unit 3"] = np.nan
        daily = frame.pop("unit 0")
        inside += function(daily, windows, frame).p_value >= 0.05
    return inside / draws


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("world", ["many", "random walk"])
def test_coverage_where_the_model_is_not_the_estimators(function, world):
    """100 draws: 95 % intervals cover 90 to 99 %, two standard errors; the whole study is `slow`."""
    assert 0.90 <= covered(function, 100, **WORLDS[world]) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("world", WORLDS)
def test_coverage_of_every_world(function, world):
    """400 draws: 91 to 98 %. On 2026-11-24 differences covered 92-96 % and synthetic control 93-95 %."""
    assert 0.91 <= covered(function, 400, **WORLDS[world]) <= 0.98
