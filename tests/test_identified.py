"""Bounds by linear programme, against brute force, hand-worked corners and the order of assumptions."""

import itertools
from math import inf, isnan

import numpy as np
import pandas as pd
import pytest

from analysis.published.identified import (
    ASSUMPTIONS,
    Assumption,
    Facts,
    Week,
    bounds,
    extreme_weeks,
    largest_smoothness,
)

# Dubai 2017 in millions, as published and without rounding.
EXACT = Facts((55.0, 55.0), (42.2, 42.2), (35.0, 35.0))
ROUNDED = Facts((54.5, 55.5), (42.15, 42.25), (34.5, 35.5))
WORKING_WEEK = Week(5, includes_event=True)  # Sunday to Thursday
LINE = Assumption("line", "line", rising=True)


def brute_force(facts, week, assumption, step):
    """Extremes of the relative effect over a grid of paths of four days before; the third follows from the mean."""
    low, high = inf, -inf
    for event, eve, mean in itertools.product(*(np.unique(span) for span in facts)):
        rest = week.others(event, mean) * 4 - eve
        first, second = np.meshgrid(np.arange(0, eve + step, step), np.arange(0, eve + step, step))
        path = np.stack([first, second, rest - first - second, np.full_like(first, eve)])
        keep = (path >= 0).all(axis=0)
        if assumption.rising:
            keep &= (np.diff(path, axis=0) >= 0).all(axis=0)
        if assumption.trend == "line":
            slope, level = np.polyfit(np.arange(4), path.reshape(4, -1), 1)
            ends = [(4 * slope + level).reshape(first.shape)]
        else:
            limit = assumption.smoothness * mean
            keep &= (np.abs(np.diff(path, 2, axis=0)) <= limit).all(axis=0)
            ends = [2 * path[3] - path[2] + side * limit for side in (-1, 1)]
        for untreated in ends:
            fits = keep & (untreated > 0)
            if fits.any():
                effect = event / untreated[fits] - 1
                low, high = min(low, effect.min()), max(high, effect.max())
    return low, high


@pytest.mark.parametrize("facts", [EXACT, ROUNDED], ids=["exact", "rounded"])
@pytest.mark.parametrize("includes_event", [True, False])
@pytest.mark.parametrize(
    "assumption",
    [LINE, Assumption("s", "smooth", rising=True, smoothness=0.1), Assumption("s", "smooth", smoothness=0.1)],
    ids=["line", "smooth and rising", "smooth"],
)
def test_programme_agrees_with_brute_force(facts, includes_event, assumption):
    if assumption.trend == "smooth":  # an interval for the level: use its middle, as `bounds` does
        facts = facts._replace(week_mean=(35.0, 35.0))
    week = Week(4 + includes_event, includes_event)
    found = bounds(facts, assumption, week)
    low, high = brute_force(facts, week, assumption, 0.1)
    # The grid's paths are a part of all paths, and miss the corners by less than a step.
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)


def test_corners_worked_by_hand():
    # Others sum to 5 * 35 - 55 = 120 over four days. Steepest rising path: 0, 35.6, 42.2, 42.2; its least-squares
    # line continues to 30 + 2.5 * 13.32 = 63.3. Flattest: 25.93 three times, then 42.2: continues to 42.2.
    found = bounds(EXACT, LINE, WORKING_WEEK)
    assert found.expected_high == pytest.approx(63.3)
    assert found.low == pytest.approx(55 / 63.3 - 1)
    assert found.high == pytest.approx(55 / 42.2 - 1)
    # Straight line through mean 30 and eve 42.2: slope 12.2 / 1.5, so 42.2 + 8.1333.
    line = bounds(EXACT, Assumption("straight", "smooth"), WORKING_WEEK)
    assert line.low == pytest.approx(line.high)
    assert line.expected_low == pytest.approx(42.2 + 12.2 / 1.5)


def test_simple_assumptions_have_closed_forms():
    same = bounds(ROUNDED, Assumption("same", "day-before"))
    assert (same.low, same.high) == pytest.approx((54.5 / 42.25 - 1, 55.5 / 42.15 - 1))
    assert (same.absolute_low, same.absolute_high) == pytest.approx((54.5 - 42.25, 55.5 - 42.15))
    capped = bounds(ROUNDED, Assumption("capped", "not-below", largest_rise=0.1))
    assert (capped.low, capped.high) == pytest.approx((54.5 / (1.1 * 42.25) - 1, 55.5 / 42.15 - 1))
    free = bounds(ROUNDED, Assumption("free"))
    assert (free.low, free.high, free.absolute_low) == (-1, inf, -inf)


def test_stronger_assumptions_never_widen_and_rounding_never_narrows():
    for week in (Week(5, True), Week(7, False)):
        chain = [Assumption("s", "smooth", rising=True, smoothness=m) for m in (0.0, 0.05, 0.1, 0.2)]
        chain.append(Assumption("r", rising=True))
        found = [bounds(ROUNDED, assumption, week) for assumption in chain]
        for tight, loose in itertools.pairwise(found):
            assert loose.low <= tight.low + 1e-9
            assert tight.high <= loose.high + 1e-9
        for assumption in ASSUMPTIONS:
            exact, rounded = bounds(EXACT, assumption, week), bounds(ROUNDED, assumption, week)
            assert rounded.low <= exact.low + 1e-9
            assert exact.high <= rounded.high + 1e-9


def test_relative_bounds_do_not_depend_on_the_unit():
    large = Facts(*((low * 1e6, high * 1e6) for low, high in ROUNDED))
    for assumption in ASSUMPTIONS:
        small, big = (bounds(facts, assumption, WORKING_WEEK) for facts in (ROUNDED, large))
        assert (big.low, big.high) == pytest.approx((small.low, small.high), rel=1e-9)


def test_the_weeks_behind_the_bounds_agree_with_the_figures():
    found = bounds(ROUNDED, LINE, WORKING_WEEK)
    for path, bound in zip(extreme_weeks(ROUNDED, LINE, WORKING_WEEK), (found.low, found.high), strict=True):
        *before, event, untreated = path
        slope, level = np.polyfit(range(4), before, 1)
        assert untreated == pytest.approx(4 * slope + level)
        assert event / untreated - 1 == pytest.approx(bound)
        assert (np.diff(before) >= -1e-9).all()
        assert 34.5 - 1e-9 <= (sum(before) + event) / 5 <= 35.5 + 1e-9
        assert 42.15 - 1e-9 <= before[-1] <= 42.25 + 1e-9
    assert np.isnan(extreme_weeks(ROUNDED, Assumption("free"), WORKING_WEEK)[1]).all()  # without limit


def test_a_contradiction_is_said_and_has_no_numbers():
    # A rising week cannot have a mean above its last day.
    found = bounds(EXACT._replace(week_mean=(50.0, 50.0)), LINE, Week(7, includes_event=False))
    assert all(map(isnan, found))


def test_smoothness_of_the_breakdown_is_where_the_sign_is_lost():
    for week in (WORKING_WEEK, Week(7, includes_event=False)):
        edge = largest_smoothness(ROUNDED, week) / 35
        below, above = (
            bounds(ROUNDED, Assumption("s", "smooth", rising=True, smoothness=edge * factor), week)
            for factor in (0.999, 1.001)
        )
        assert below.low > 0
        assert above.low <= 0 <= above.high


def test_figures_that_are_not_published_leave_their_days_free():
    count = Facts((30.5, 31.5), None, (26.55, 26.65))
    found = bounds(count, Assumption("m", "mean"), WORKING_WEEK)
    assert found.low < found.high
    assert bounds(count, Assumption("same", "day-before")).high == inf


def test_week_names_its_days():
    event = pd.Timestamp("2017-10-26")
    assert Week(5, True).dates(event, "AE").strftime("%a%d").tolist() == ["Sun22", "Mon23", "Tue24", "Wed25"]
    assert Week(5, False).dates(event, "AE").strftime("%a%d").tolist()[0] == "Thu19"
    assert len(Week(7, False).dates(event)) == 7
    assert Week(7, True).others(55, 35) == pytest.approx(190 / 6)


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="free, day-before"):
        Assumption("x", "steady")
    with pytest.raises(ValueError, match="0 or more"):
        Assumption("x", "smooth", smoothness=-1)
    with pytest.raises(ValueError, match="at least 2"):
        Week(1, includes_event=True)
    with pytest.raises(ValueError, match="which days"):
        bounds(EXACT, LINE)


def test_names_of_assumptions_are_unique():
    assert len({assumption.name for assumption in ASSUMPTIONS}) == len(ASSUMPTIONS)
