"""Bounds on an effect from a few published figures, under stated assumptions.

Every daily path that agrees with the figures is possible; the effect lies between its smallest and its largest value
over all of them, which a linear programme finds exactly. The relative effect is a ratio of two linear functions: the
programme is made linear after Charnes and Cooper (1962). Bounds: Manski (2003), Partial Identification of
Probability Distributions; smoothness: Rambachan and Roth (2023), doi 10.1093/restud/rdad018.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import days

TRENDS = ("free", "day-before", "not-below", "mean", "line", "smooth")


class Facts(NamedTuple):
    """The range in which each published figure lies: (low, high), or None where nothing is published."""

    event: tuple[float, float]
    day_before: tuple[float, float] | None = None
    week_mean: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """One reading of "the week of the event": how many days it has, and whether the event is one of them."""

    days: int
    includes_event: bool

    def __post_init__(self) -> None:
        if self.before < 1:
            raise ValueError(f"a week of {self.days} days leaves none before the event: give at least 2")

    @property
    def before(self) -> int:
        """Number of its days before the event."""
        return self.days - self.includes_event

    def others(self, event: float, mean: float) -> float:
        """The mean of its days before the event, from the published mean."""
        return (self.days * mean - event) / self.before if self.includes_event else mean

    def dates(self, event: pd.Timestamp, country: str | None = None) -> pd.DatetimeIndex:
        """Its days before the event: working days in a week of five, else consecutive days."""
        past = pd.date_range(end=event - pd.Timedelta(days=1), periods=self.before + 28)
        if self.days == 5:
            past = past[days.features(past, country)["working"].to_numpy()]
        return past[-self.before :]


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is assumed of the days before and of the event day without the initiative.

    `trend` is of the untreated event day. "free": nothing. "day-before", "mean": it equals the day before, the mean of
    the week's days before. "not-below": it is at least the day before. "line": it lies on the least-squares line
    through the week's days before. "smooth": the daily change itself changes by at most `smoothness` from one day to
    the next, over all days and into the event.
    """

    name: str  # key in results
    trend: str = "free"
    rising: bool = False  # the days before rise, or stay level, from each to the next
    smoothness: float = (
        0.0  # a fraction of the week's published mean, or of the day before; 0 is a straight line
    )
    largest_rise: float = inf  # untreated, from the day before to the event, as a fraction of the day before

    def __post_init__(self) -> None:
        if self.trend not in TRENDS:
            raise ValueError(f"trend {self.trend!r} is unknown: give one of {', '.join(TRENDS)}")
        if not self.smoothness >= 0:
            raise ValueError(f"smoothness is {self.smoothness}: give a fraction of 0 or more")

    @property
    def uses_week(self) -> bool:
        """Whether the weekly mean, and so the reading of the week, matters."""
        return self.rising or self.trend in ("mean", "line", "smooth")

    @property
    def without_day_before(self) -> bool:
        """Whether it says anything where no figure of the day before is published."""
        return self.trend in ("free", "mean") or (self.trend == "not-below" and self.rising)


# From nothing to strong; the order of reports and figures.
ASSUMPTIONS = (
    Assumption("nothing"),
    Assumption("not-below-day-before", "not-below"),
    Assumption("rise-at-most-30", "not-below", largest_rise=0.30),
    Assumption("rise-at-most-20", "not-below", largest_rise=0.20),
    Assumption("rise-at-most-10", "not-below", largest_rise=0.10),
    Assumption("same-as-day-before", "day-before"),
    Assumption("same-as-week", "mean"),
    Assumption("trend-line", "line", rising=True),
    Assumption("trend-line-any-order", "line"),
    Assumption("smooth-20", "smooth", rising=True, smoothness=0.20),
    Assumption("smooth-10", "smooth", rising=True, smoothness=0.10),
    Assumption("smooth-5", "smooth", rising=True, smoothness=0.05),
    Assumption("straight-line", "smooth", rising=True),
)


class Bounds(NamedTuple):
    """The smallest and the largest effect that agree with the figures and an assumption.

    `low` and `high` are relative, the others in units of the metric; `expected` is the untreated day. Infinite where
    nothing limits them, nan where the assumption contradicts the figures.
    """

    low: float
    high: float
    absolute_low: float
    absolute_high: float
    expected_low: float
    expected_high: float


def bounds(facts: Facts, assumption: Assumption, week: Week | None = None) -> Bounds:
    """The exact range of the effect over all daily paths, of at least zero, that agree with `facts` and `assumption`.

    `week` says how to read the weekly mean; it is needed where the assumption uses it and a mean is published.
    """
    if week is None and assumption.trend in ("mean", "line"):
        raise ValueError(
            f"{assumption.name}: say which days the week has, such as Week(5, includes_event=True)"
        )
    paths = _Paths(facts, assumption, week)
    expected = paths.range(paths.untreated)
    if isnan(expected[0]):
        return Bounds(*[nan] * 6)
    low, high = paths.range(paths.event, paths.untreated)
    return Bounds(low - 1, high - 1, *paths.range(paths.event - paths.untreated), *expected)


def extreme_weeks(facts: Facts, assumption: Assumption, week: Week) -> tuple[np.ndarray, np.ndarray]:
    """The weeks behind the lowest and the highest bound: the days before, the event, and the untreated event.

    Each has shape (days before + 2,), in units of the metric; nan where no week gives the bound.
    """
    paths = _Paths(facts, assumption, week)
    return tuple(paths.least(sign * paths.event, paths.untreated)[1][:-1] for sign in (1, -1))


def largest_smoothness(facts: Facts, week: Week, rising: bool = True) -> float:
    """The smallest bound on the change of the daily change under which no effect at all is possible.

    In units of the metric; under any smaller bound the effect is identified as positive. nan where no path agrees
    with the figures.
    """
    paths = _Paths(facts, Assumption("breakdown", "smooth", rising=rising, smoothness=inf), week)
    paths.require(paths.untreated - paths.event, low=0.0)
    return paths.range(paths.bend)[0]


class _Paths:
    """The polytope of daily paths: the days before, then the event as observed, then as it would have been.

    A last variable bounds the path's second differences. All figures are divided by the event's, so that the solver
    sees numbers near one.
    """

    def __init__(self, facts: Facts, assumption: Assumption, week: Week | None) -> None:
        before = max(2, week.before if week else 0)
        *days_before, self.event, self.untreated, self.bend = np.eye(before + 3)  # each picks its variable
        self.scale, self.rows = facts.event[1], []
        eve, week_before = days_before[-1], np.array(days_before[before - week.before if week else 0 :])

        figures = [(self.event, facts.event), (eve, facts.day_before)]
        if week:
            total = week_before.sum(axis=0) + week.includes_event * self.event
            figures.append((total / week.days, facts.week_mean))
        for function, span in figures:
            if span:
                self.require(function, *(end / self.scale for end in span))

        if assumption.rising:
            self.require(np.diff(days_before, axis=0), low=0.0)
        if assumption.largest_rise < inf:
            self.require(self.untreated - (1 + assumption.largest_rise) * eve, high=0.0)
        if assumption.trend == "smooth":
            changes = np.diff([*days_before, self.untreated], 2, axis=0)
            self.require(changes - self.bend, high=0.0)
            self.require(changes + self.bend, low=0.0)
            level = np.mean(facts.week_mean or facts.day_before) / self.scale
            self.require(self.bend, high=assumption.smoothness * level)
        elif assumption.trend != "free":
            number = len(week_before)
            place = np.arange(number) - (number - 1) / 2
            line = 1 / number + place * ((number + 1) / 2) / (place @ place or 1.0)
            levels = {"mean": week_before.mean(axis=0), "line": line @ week_before}
            gap = self.untreated - levels.get(assumption.trend, eve)
            self.require(gap, 0.0, inf if assumption.trend == "not-below" else 0.0)

    def require(self, functions: np.ndarray, low: float = -inf, high: float = inf) -> None:
        """low <= function(path) <= high, for one function or several."""
        for row in np.atleast_2d(functions):
            sides = ((row, high), (-row, -low))
            self.rows += [np.append(side, -limit) for side, limit in sides if limit < inf]

    def range(self, above: np.ndarray, below: np.ndarray | None = None) -> tuple[float, float]:
        """Smallest and largest value of a linear function, or of its ratio to another; nan if no path is left."""
        return self.least(above, below)[0], -self.least(-above, below)[0]

    def least(self, above: np.ndarray, below: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        """The smallest value of a linear function, or of above/below, and a path that has it (nan if none does).

        Paths are divided by `below`, or by one, with the divisor as a further variable.
        """
        from scipy.optimize import linprog  # a fifth of a second that the other commands need not pay

        divisor = np.append(np.zeros_like(above), 1.0) if below is None else np.append(below, 0.0)

        def solve(objective: np.ndarray):
            known = {"A_eq": divisor[None, :], "b_eq": [1.0], "bounds": (0, None), "method": "highs"}
            return linprog(objective, A_ub=np.array(self.rows), b_ub=np.zeros(len(self.rows)), **known)

        solved, none = solve(np.append(above, 0.0)), np.full_like(above, nan)
        if solved.success:
            path = solved.x[:-1] / solved.x[-1] * self.scale if solved.x[-1] > 0 else none
            return float(solved.fun) * (self.scale if below is None else 1.0), path
        if solved.status not in (2, 3, 4):
            raise RuntimeError(f"the linear programme ended without an answer: {solved.message}")
        # Infeasible or unbounded: a programme without an objective tells which.
        return -inf if solve(np.zeros(len(divisor))).success else nan, none
