"""What published figures say by themselves: the headline, its other readings, bounds, and the breakdown value."""

from __future__ import annotations

import itertools
from math import inf, isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.published.announcement import MEASURES, event, figures, metrics, ranges
from analysis.published.identified import ASSUMPTIONS, Bounds, Facts, Week, bounds, largest_smoothness

# What "the initiative's week" may mean where an announcement does not say.
WEEKS = tuple(Week(number, with_event) for with_event in (False, True) for number in (5, 6, 7))
READING = "metric baseline week observed expected absolute relative relative_low relative_high".split()
ENDS = ["relative_low", "relative_high", *Bounds._fields[2:]]


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
    spans = ranges(published, rounding)
    if f"{metric}_event" not in spans:
        raise ValueError(f"{metric}: no figure of the event itself is published")
    return Facts(*(spans.get(f"{metric}_{measure}") for measure in MEASURES))


def readings(published: pd.DataFrame) -> pd.DataFrame:
    """Every way to read "+x %": the event on each published baseline, for each metric and the value per transaction.

    Columns: `metric` (value, count, payers, ticket), `baseline` (day-before, week-mean), `week` (of a weekly mean,
    which is freed of the event where it includes it), `observed`, `expected` and `absolute` in units of the metric,
    `relative` as a fraction, `relative_low` and `relative_high` within the rounding of the figures.
    """
    parts = {metric: (metric,) for metric in metrics(published)}
    if {"value", "count"} <= parts.keys():
        parts["ticket"] = ("value", "count")
    rows = []
    for metric, of in parts.items():
        if all(f"{part}_day_before" in published.index for part in of):
            rows.append(_reading(published, metric, of, None))
        shared = [week for week in weeks(published, of[0]) if week in weeks(published, of[-1])]
        rows += [_reading(published, metric, of, week) for week in shared]
    return pd.DataFrame(rows, columns=READING)


def _reading(published: pd.DataFrame, metric: str, parts: tuple[str, ...], week: Week | None) -> tuple:
    """The first part over the second. All is monotone in every figure, so that corners are extremes."""
    baseline = "week-mean" if week else "day-before"
    names = [f"{part}_{measure}" for part in parts for measure in ("event", baseline.replace("-", "_"))]

    def compare(now: float, level: float, *other: float) -> tuple[float, float]:
        """Observed and expected."""
        expected = week.others(now, level) if week else level
        if not other:
            return now, expected
        below = compare(*other)
        return now / below[0], expected / below[1]

    def relative(observed: float, expected: float) -> float:
        return observed / expected - 1 if expected > 0 else inf

    observed, expected = compare(*published.loc[names, "value"])
    ends = [relative(*compare(*corner)) for corner in itertools.product(*ranges(published)[names])]
    effect = (observed - expected, relative(observed, expected), min(ends), max(ends))
    return metric, baseline, week, observed, expected, *effect


def headline(published: pd.DataFrame) -> pd.Series:
    """The announced comparison, a row of `readings`: the value of the event on the day before."""
    found = readings(published)
    found = found[found["baseline"] == "day-before"]
    if found.empty:
        raise ValueError("no figure of the day before is published: add value_day_before or count_day_before")
    return found.iloc[0]


def breakdown(published: pd.DataFrame, metric: str = "value") -> dict:
    """What would have to be true of the untreated day for the effect on `metric` to be nothing.

    `rise`: untreated, from the day before to the event, that would explain everything, in units of the metric;
    `relative`, the same as a fraction of the day before; each with its `_low` and `_high` within rounding.
    `smoothness`: for each reading of the week the smallest bound on the change of the daily change, in units of the
    metric, under which an untreated day as large as the event is possible.
    """
    known = facts(published, metric)
    if known.day_before is None:
        raise ValueError(f"{metric}: needs {metric}_event and {metric}_day_before among the figures")
    told = dict(zip(READING, _reading(published, metric, (metric,), None), strict=True))
    bends = [(week, largest_smoothness(known, week)) for week in weeks(published, metric)]
    return {
        "metric": metric,
        "rise": told["absolute"],
        "rise_low": known.event[0] - known.day_before[1],
        "rise_high": known.event[1] - known.day_before[0],
        **{name: told[name] for name in READING[-3:]},
        "smoothness": pd.DataFrame(bends, columns=["week", "smoothness"]),
    }


def every_bound(published: pd.DataFrame, metric: str = "value") -> pd.DataFrame:
    """Bounds on the effect under every named assumption and reading of the week, one row each.

    Columns: `metric, assumption, week` (None where it does not matter), the fields of `Bounds` (the relative ones by
    that name), `feasible` (whether any daily path agrees with figures and assumption), `sign` (1 or -1 where the sign
    of the effect is identified, else 0).
    """
    known = facts(published, metric)
    rows = [
        (metric, assume.name, week, *bounds(known, assume, week))
        for assume in ASSUMPTIONS
        if known.day_before is not None or assume.without_day_before
        for week in (weeks(published, metric) if assume.uses_week else (None,))
    ]
    return _judged(pd.DataFrame(rows, columns=["metric", "assumption", "week", *ENDS]))


def unions(solved: pd.DataFrame) -> pd.DataFrame:
    """Each metric and assumption over all readings of the week: the lowest low and the highest high."""
    ends = {name: "min" if name.endswith("low") else "max" for name in ENDS}
    table = solved.groupby(["metric", "assumption"], sort=False, as_index=False).agg(ends)
    table.insert(2, "week", None)
    return _judged(table)


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    low, high = table["relative_low"], table["relative_high"]
    return table.assign(feasible=low.notna(), sign=(low > 0).astype(int) - (high < 0))


def report(source: str | Path | pd.DataFrame | None = None) -> dict:
    """Everything the published figures say, as plain numbers under stable keys.

    `event` (ISO day); `headline` and `readings`; `bounds` (one entry a metric, assumption and reading of the week);
    `by_assumption` (the union of those over the readings of the week); `breakdown`. Effects are fractions of what is
    expected. In an interval None means without limit; an entry whose `feasible` is false contradicts the published
    figures and has no numbers.
    """
    published = source if isinstance(source, pd.DataFrame) else figures(source)
    solved = pd.concat([every_bound(published, metric) for metric in metrics(published)])
    told = _plain(readings(published))
    eves = [metric for metric in metrics(published) if f"{metric}_day_before" in published.index]
    return {
        "event": f"{event(published):%Y-%m-%d}",
        "headline": next((reading for reading in told if reading["baseline"] == "day-before"), None),
        "readings": told,
        "bounds": _plain(solved),
        "by_assumption": _plain(unions(solved)),
        "breakdown": [_plain(breakdown(published, metric)) for metric in eves],
    }


def _plain(value: Any) -> Any:
    """As JSON holds it: a table as its rows, a week as two fields; None is a number that is not finite."""
    if isinstance(value, pd.DataFrame):
        return [_plain(row) for row in value.to_dict("records")]
    if isinstance(value, float):  # without the last digits that solvers leave
        return float(f"{value:.12g}") if isfinite(value) else None
    if not isinstance(value, dict):
        return value
    told = {}
    for name, entry in value.items():
        if name == "week":
            told |= {"week_days": entry and entry.days, "week_includes_event": entry and entry.includes_event}
        else:
            told[name] = _plain(entry)
    return told
