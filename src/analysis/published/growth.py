"""What published figures say by themselves: the headline, its other readings, bounds, and the breakdown value."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import pandas as pd

from analysis.published.announcement import MEASURES, event, figures, metrics
from analysis.published.identified import (
    ASSUMPTIONS,
    Bounds,
    Facts,
    Week,
    bounds,
    largest_smoothness,
    plain,
)

# What "the initiative's week" may mean where an announcement does not say.
WEEKS = tuple(Week(number, with_event) for with_event in (False, True) for number in (5, 6, 7))


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read "+x %": the event compared with one published baseline.

    Parameters
    ----------
    metric : str
        value, count, payers, or ticket (value per transaction).
    baseline : str
        "day-before" or "week-mean". A weekly mean that includes the event is first freed of it.
    week : Week or None
        Which days the weekly mean is taken to cover.
    observed, expected, absolute, relative : float
        The event, the baseline, and the one less the other, in units of the metric and as a fraction of the baseline.
    low, high : float
        Smallest and largest relative effect within the rounding of the published figures.
    """

    metric: str
    baseline: str
    week: Week | None
    observed: float
    expected: float
    absolute: float
    relative: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """How far the untreated day must have departed from an assumption for the whole effect to vanish.

    Parameters
    ----------
    metric : str
        value, count or payers.
    rise, rise_low, rise_high : float
        Untreated rise from the day before to the event that would explain everything, with its rounding.
    relative, relative_low, relative_high : float
        The same as a fraction of the day before.
    smoothness : tuple of (Week, float)
        For each reading of the week: the smallest bound on the change of the daily change, in units of the metric,
        under which an untreated day as large as the event is possible.
    """

    metric: str
    rise: float
    rise_low: float
    rise_high: float
    relative: float
    relative_low: float
    relative_high: float
    smoothness: tuple[tuple[Week, float], ...]


def weeks(published: pd.DataFrame, metric: str = "value") -> tuple[Week, ...]:
    """The readings of the weekly mean: one where its period is stated, else all of `WEEKS`; none without a mean.

    A week that would have to hold more than its total on the event alone is no reading and is left out.
    """
    if f"{metric}_week_mean" not in published.index:
        return ()
    start, end = published.loc[f"{metric}_week_mean", ["period_start", "period_end"]]
    if pd.isna(start):
        known = facts(published, metric)
        return tuple(week for week in WEEKS if week.others(known.event[0], known.week_mean[1]) > 0)
    return (Week((end - start).days + 1, end >= event(published)),)


def facts(published: pd.DataFrame, metric: str = "value", rounding: bool = True) -> Facts:
    """The range in which each published figure of `metric` lies; without rounding, its value itself."""
    names = [f"{metric}_{measure}" for measure in MEASURES]
    spans = _spans(published, [name for name in names if name in published.index], rounding)
    return Facts(*map(spans.get, names))


def headline(published: pd.DataFrame | None = None) -> Reading:
    """The announced comparison: the value of the event on the day before."""
    for reading in readings(published):
        if reading.baseline == "day-before":
            return reading
    raise ValueError("no figure of the day before is published: add value_day_before or count_day_before")


def readings(published: pd.DataFrame | None = None) -> list[Reading]:
    """The event on every published baseline, for each metric and for the ticket."""
    published = figures() if published is None else published
    found = []
    for metric in metrics(published):
        now = f"{metric}_event"
        if f"{metric}_day_before" in published.index:
            names = (now, f"{metric}_day_before")
            found.append(_reading(published, metric, None, lambda now, before: (now, before), *names))
        for week in weeks(published, metric):
            found.append(_reading(published, metric, week, week.compare, now, f"{metric}_week_mean"))
    if {"value", "count"} <= set(metrics(published)):
        found.extend(_tickets(published))
    return found


def breakdown(published: pd.DataFrame | None = None, metric: str = "value") -> Breakdown:
    """What would have to be true of the untreated day for the effect on `metric` to be nothing."""
    published = figures() if published is None else published
    known = facts(published, metric)
    if known.event is None or known.day_before is None:
        raise ValueError(f"{metric}: needs {metric}_event and {metric}_day_before among the figures")
    now, eve = (published.loc[f"{metric}_{measure}", "value"] for measure in ("event", "day_before"))
    (now_low, now_high), (eve_low, eve_high) = known.event, known.day_before
    ends = ((now, eve), (now_low, eve_high), (now_high, eve_low))
    bends = tuple((week, largest_smoothness(known, week)) for week in weeks(published, metric))
    return Breakdown(metric, *(a - b for a, b in ends), *(a / b - 1 for a, b in ends), bends)


def report(source: str | Path | pd.DataFrame | None = None) -> dict:
    """Everything the published figures say, as plain numbers under stable keys.

    Returns
    -------
    dict
        `event` (ISO day); `headline` and `readings` (of `Reading`); `bounds` (of `Bounds`, one entry a metric,
        assumption and reading of the week); `by_assumption` (the union of those over the readings of the week);
        `breakdown`. Effects are fractions of what is expected. In an interval None means without limit; an entry
        whose `feasible` is false contradicts the published figures and has no numbers.
    """
    published = source if isinstance(source, pd.DataFrame) else figures(source)
    solved = [found for metric in metrics(published) for found in every_bound(published, metric)]
    told = [plain(reading) for reading in readings(published)]
    eves = [metric for metric in metrics(published) if f"{metric}_day_before" in published.index]
    return {
        "event": f"{event(published):%Y-%m-%d}",
        "headline": next((reading for reading in told if reading["baseline"] == "day-before"), None),
        "readings": told,
        "bounds": [found.to_dict() for found in solved],
        "by_assumption": [union.to_dict() for union in unions(solved)],
        "breakdown": [
            plain(found) | {"smoothness": [plain({"week": w, "smoothness": s}) for w, s in found.smoothness]}
            for found in (breakdown(published, metric) for metric in eves)
        ],
    }


def every_bound(published: pd.DataFrame, metric: str = "value") -> list[Bounds]:
    """Bounds on the effect under every named assumption and reading of the week."""
    known = facts(published, metric)
    return [
        bounds(known, assume, week, metric)
        for assume in ASSUMPTIONS
        if known.day_before is not None or assume.without_day_before
        for week in (weeks(published, metric) if assume.uses_week else (None,))
    ]


def unions(solved: list[Bounds]) -> list[Bounds]:
    """Each metric and assumption over all readings of the week: the lowest low and the highest high."""
    alike: dict[tuple, list[Bounds]] = {}
    for found in solved:
        alike.setdefault((found.metric, found.assumption), []).append(found)
    return [_union([found for found in group if found.feasible] or group) for group in alike.values()]


def _union(group: list[Bounds]) -> Bounds:
    ends = {
        f"{name}{end}": pick(getattr(found, f"{name}{end}") for found in group)
        for name in ("", "absolute_", "expected_")
        for end, pick in (("low", min), ("high", max))
    }
    return replace(group[0], week=None, **ends)


def _reading(
    published: pd.DataFrame, metric: str, week: Week | None, compare: Callable, *names: str
) -> Reading:
    """`compare` maps figures to (observed, expected); each is monotone in every figure, so corners are extremes."""
    observed, expected = map(float, compare(*published.loc[list(names), "value"]))
    corners = itertools.product(*_spans(published, names).values())
    ends = [_relative(*compare(*corner)) for corner in corners]
    effect = (observed - expected, _relative(observed, expected))
    baseline = "day-before" if week is None else "week-mean"
    return Reading(metric, baseline, week, observed, expected, *effect, min(ends), max(ends))


def _tickets(published: pd.DataFrame) -> Iterator[Reading]:
    """Value per transaction, where both of its parts are published for the same baseline."""
    now = ("value_event", "count_event")
    if {"value_day_before", "count_day_before"} <= set(published.index):
        names = (*now, "value_day_before", "count_day_before")
        yield _reading(published, "ticket", None, lambda v, n, w, m: (v / n, w / m), *names)
    for week in weeks(published, "value"):
        if week in weeks(published, "count"):

            def compare(value, count, value_mean, count_mean, week=week):
                return value / count, week.others(value, value_mean) / week.others(count, count_mean)

            yield _reading(published, "ticket", week, compare, *now, "value_week_mean", "count_week_mean")


def _relative(observed: float, expected: float) -> float:
    return observed / expected - 1 if expected > 0 else inf


def _spans(published: pd.DataFrame, names: tuple[str, ...] | list[str], rounding: bool = True) -> dict:
    """The range of each figure, (low, high)."""
    rows = published.loc[list(names)]
    slack = rows["precision"] * rounding
    ends = zip((rows["value"] - slack).tolist(), (rows["value"] + slack).tolist(), strict=True)
    return dict(zip(names, ends, strict=True))
