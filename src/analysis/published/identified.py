"""Bounds on an effect from a few published figures, under stated assumptions.

Every daily path that agrees with the figures is possible; the effect lies between its smallest and its largest value
over all of them, which a linear programme finds exactly. The relative effect is a ratio of two linear functions: the
programme is made linear after Charnes and Cooper (1962). Bounds: Manski (2003), Partial Identification of
Probability Distributions; smoothness: Rambachan and Roth (2023), doi 10.1093/restud/rdad018.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import days

TRENDS = ("free", "day-before", "not-below", "mean", "line", "smooth")


class Facts(NamedTuple):
    """The range in which each published figure lies: (low, high), or None where nothing is published."""

    event: tuple[float, float] | None
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

    def compare(self, event: float, mean: float) -> tuple[float, float]:
        """The event, and what the week says of an ordinary day."""
        return event, self.others(event, mean)

    def dates(self, event: pd.Timestamp, country: str | None = "AE") -> pd.DatetimeIndex:
        """Its days before the event: working days in a week of five, else consecutive days."""
        past = pd.date_range(end=event - pd.Timedelta(days=1), periods=self.before + 28)
        if self.days == 5:
            past = past[days.features(past, country)["working"].to_numpy()]
        return past[-self.before :]


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is assumed of the days before and of the event day without the initiative.

    Parameters
    ----------
    name : str
        Key in results.
    trend : str
        Of the untreated event day. "free": nothing. "day-before": it equals the day before. "not-below": it is at
        least the day before. "mean": it equals the mean of the week's days before. "line": it lies on the
        least-squares line through them. "smooth": the daily change itself changes by at most `smoothness` from one
        day to the next, over all days and into the event.
    rising : bool
        The days before rise, or stay level, from each to the next.
    smoothness : float
        For "smooth", as a fraction of the week's published mean (of the day before without one). 0 is a straight
        line.
    largest_rise : float
        Upper limit on the untreated rise from the day before to the event, as a fraction of the day before.
    """

    name: str
    trend: str = "free"
    rising: bool = False
    smoothness: float = 0.0
    largest_rise: float = inf

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


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest effect that agree with the figures and an assumption.

    Parameters
    ----------
    metric : str
        What was counted.
    assumption : Assumption
        Under which the bounds hold.
    week : Week or None
        The reading of the weekly mean; None where it is not used.
    low, high : float
        Relative effect; infinite where nothing limits it, nan where the assumption contradicts the figures.
    absolute_low, absolute_high, expected_low, expected_high : float
        The effect and the untreated day, in units of the metric.
    """

    metric: str
    assumption: Assumption
    week: Week | None
    low: float
    high: float
    absolute_low: float
    absolute_high: float
    expected_low: float
    expected_high: float

    @property
    def feasible(self) -> bool:
        """Whether any daily path agrees with the figures and the assumption."""
        return self.low == self.low

    @property
    def sign(self) -> int:
        """1 or -1 where the sign of the effect is identified, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def to_dict(self) -> dict:
        """Plain numbers; None is no limit, or no answer where `feasible` is false."""
        return {
            "metric": self.metric,
            "assumption": self.assumption.name,
            "week_days": None if self.week is None else self.week.days,
            "week_includes_event": None if self.week is None else self.week.includes_event,
            "feasible": self.feasible,
            "sign": self.sign,
            **{
                key: finite(value)
                for key, value in {
                    "relative_low": self.low,
                    "relative_high": self.high,
                    "absolute_low": self.absolute_low,
                    "absolute_high": self.absolute_high,
                    "expected_low": self.expected_low,
                    "expected_high": self.expected_high,
                }.items()
            },
        }


def bounds(facts: Facts, assumption: Assumption, week: Week | None = None, metric: str = "value") -> Bounds:
    """The exact range of the effect over all daily paths that agree with `facts` and `assumption`.

    Parameters
    ----------
    facts : Facts
        What is published, each figure with its rounding.
    assumption : Assumption
        What is assumed beyond it. All days are at least zero.
    week : Week, optional
        How to read the weekly mean; needed where the assumption uses it and a mean is published.
    metric : str
        A name for the result.
    """
    if facts.event is None:
        raise ValueError(f"{metric}: no figure of the event itself is published")
    if week is None and assumption.trend in ("mean", "line"):
        raise ValueError(
            f"{assumption.name}: say which days the week has, such as Week(5, includes_event=True)"
        )
    paths = _Paths(facts, assumption, week)
    expected_low, expected_high = paths.range(paths.untreated)
    if expected_low != expected_low:
        return Bounds(metric, assumption, week, nan, nan, nan, nan, nan, nan)
    absolute_low, absolute_high = paths.range(paths.event - paths.untreated)
    low, high = paths.ratio(paths.event, paths.untreated)
    return Bounds(
        metric, assumption, week, low - 1, high - 1, absolute_low, absolute_high, expected_low, expected_high
    )


def extreme_weeks(facts: Facts, assumption: Assumption, week: Week) -> tuple[np.ndarray, np.ndarray]:
    """The weeks behind the lowest and the highest bound: the days before, the event, and the untreated event.

    Each has shape (days before + 2,), in units of the metric; nan where no week gives the bound.
    """
    paths = _Paths(facts, assumption, week)
    return tuple(paths.extreme(sign * paths.event, paths.untreated) for sign in (1, -1))


def largest_smoothness(facts: Facts, week: Week, rising: bool = True) -> float:
    """The smallest bound on the change of the daily change under which no effect at all is possible.

    In units of the metric; under any smaller bound the effect is identified as positive. nan where no path agrees
    with the figures.
    """
    paths = _Paths(facts, Assumption("breakdown", rising=rising), week, extra=1)
    bound = paths.unit(-1)
    for change in paths.second_differences():
        paths.require(change - bound, high=0.0)
        paths.require(change + bound, low=0.0)
    paths.require(paths.untreated - paths.event, low=0.0)
    return paths.range(bound)[0]


def finite(value: float) -> float | None:
    """The number without the last digits that solvers leave, or None for one that JSON cannot hold."""
    return float(f"{value:.12g}") if isfinite(value) else None


class _Paths:
    """The polytope of daily paths: the days before, then the event as observed, then as it would have been.

    All figures are divided by the event's, so that the solver sees numbers near one.
    """

    def __init__(self, facts: Facts, assumption: Assumption, week: Week | None, extra: int = 0) -> None:
        self.before = max(2, week.before if week else 0)
        self.size = self.before + 2 + extra
        self.scale = facts.event[1]
        self.rows: list[tuple[np.ndarray, float, float]] = []
        self.event, self.untreated = self.unit(self.before), self.unit(self.before + 1)
        self.eve = self.unit(self.before - 1)
        self._published(facts, week)
        self._assumed(facts, assumption, week)

    def unit(self, position: int) -> np.ndarray:
        """The linear function that picks one variable."""
        picked = np.zeros(self.size)
        picked[position] = 1.0
        return picked

    def require(self, function: np.ndarray, low: float = -inf, high: float = inf) -> None:
        """low <= function(path) <= high."""
        self.rows.append((function, low, high))

    def second_differences(self) -> list[np.ndarray]:
        """The change of the daily change, over the days before and into the untreated event."""
        path = [self.unit(day) for day in range(self.before)] + [self.untreated]
        return [path[i] - 2 * path[i - 1] + path[i - 2] for i in range(2, len(path))]

    def _published(self, facts: Facts, week: Week | None) -> None:
        self._within(self.event, facts.event)
        if facts.day_before is not None:
            self._within(self.eve, facts.day_before)
        if week is not None and facts.week_mean is not None:
            total = self._sum(week) + (self.event if week.includes_event else 0)
            self._within(total / week.days, facts.week_mean)

    def _assumed(self, facts: Facts, assumption: Assumption, week: Week | None) -> None:
        if assumption.rising:
            for day in range(1, self.before):
                self.require(self.unit(day) - self.unit(day - 1), low=0.0)
        if assumption.largest_rise < inf:
            self.require(self.untreated - (1 + assumption.largest_rise) * self.eve, high=0.0)
        if assumption.trend == "day-before":
            self.require(self.untreated - self.eve, 0.0, 0.0)
        elif assumption.trend == "not-below":
            self.require(self.untreated - self.eve, low=0.0)
        elif assumption.trend == "mean":
            self.require(self.untreated - self._sum(week) / week.before, 0.0, 0.0)
        elif assumption.trend == "line":
            self.require(self.untreated - self._line(week), 0.0, 0.0)
        elif assumption.trend == "smooth":
            level = facts.week_mean or facts.day_before
            limit = assumption.smoothness * sum(level) / 2 / self.scale
            for change in self.second_differences():
                self.require(change, -limit, limit)

    def _within(self, function: np.ndarray, span: tuple[float, float]) -> None:
        self.require(function, span[0] / self.scale, span[1] / self.scale)

    def _sum(self, week: Week) -> np.ndarray:
        return sum(self.unit(day) for day in range(self.before - week.before, self.before))

    def _line(self, week: Week) -> np.ndarray:
        """The least-squares line through the week's days before, continued by one day."""
        number = week.before
        place = np.arange(number) - (number - 1) / 2
        weights = 1 / number + place * ((number + 1) / 2) / (place @ place)
        line = np.zeros(self.size)
        line[self.before - number : self.before] = weights
        return line

    def range(self, function: np.ndarray) -> tuple[float, float]:
        """Smallest and largest value of a linear function, in units of the figures; nan if no path is left."""
        matrix, limits = self._halfspaces()
        low, high = (_minimum(sign * function, matrix, limits) for sign in (1, -1))
        return low * self.scale, -high * self.scale

    def ratio(self, above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
        """Smallest and largest above/below: paths divided by `below`, with the divisor as a further variable."""
        matrix, limits = self._halfspaces()
        matrix = np.column_stack([matrix, -limits])
        equal = np.append(below, 0.0)
        low, high = (
            _minimum(sign * np.append(above, 0.0), matrix, np.zeros(len(limits)), equal) for sign in (1, -1)
        )
        return low, -high

    def extreme(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        """The path on which above/below is smallest."""
        matrix, limits = self._halfspaces()
        matrix = np.column_stack([matrix, -limits])
        solved = _solve(np.append(above, 0.0), matrix, np.zeros(len(limits)), np.append(below, 0.0))
        if not solved.success or solved.x[-1] <= 0:
            return np.full(self.size, nan)
        return solved.x[:-1] / solved.x[-1] * self.scale

    def _halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """All requirements as matrix @ path <= limits."""
        pairs = [(row, high) for row, _, high in self.rows if high < inf]
        pairs += [(-row, -low) for row, low, _ in self.rows if low > -inf]
        return np.array([row for row, _ in pairs]), np.array([limit for _, limit in pairs])


def _minimum(
    objective: np.ndarray, matrix: np.ndarray, limits: np.ndarray, equal_one: np.ndarray | None = None
) -> float:
    """Least objective over non-negative variables: -inf if unbounded, nan if nothing is feasible."""
    solved = _solve(objective, matrix, limits, equal_one)
    status = solved.status
    if status == 4:  # unbounded or infeasible: a programme without an objective tells which
        status = 3 if _solve(0 * objective, matrix, limits, equal_one).success else 2
    if status == 2:
        return nan
    if status == 3:
        return -inf
    if not solved.success:
        raise RuntimeError(f"the linear programme ended without an answer: {solved.message}")
    return float(solved.fun)


def _solve(objective: np.ndarray, matrix: np.ndarray, limits: np.ndarray, equal_one: np.ndarray | None):
    from scipy.optimize import linprog  # a fifth of a second that the other commands need not pay

    equality = {} if equal_one is None else {"A_eq": equal_one[None, :], "b_eq": [1.0]}
    return linprog(objective, A_ub=matrix, b_ub=limits, bounds=(0, None), method="highs", **equality)
