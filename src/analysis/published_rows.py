"""Published figures, their readings and bounds as rows for figures and tables, with labels a reader understands.

Labels are English and are translated where they are shown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pandas as pd

from analysis import announcement, published
from analysis.identified import Bounds, Week
from analysis.words import N_

FIGURES = {
    "value_event": N_("Value on the day"),
    "count_event": N_("Number on the day"),
    "value_day_before": N_("Value on the day before"),
    "count_day_before": N_("Number on the day before"),
    "value_week_mean": N_("Mean value a day in the week"),
    "count_week_mean": N_("Mean number a day in the week"),
    "growth_announced": N_("Growth announced"),
    "entities": N_("Entities that took part"),
    "services": N_("Services, more than"),
}
GROUPS = {
    "value": N_("Value"),
    "count": N_("Number"),
    "payers": N_("Payers"),
    "ticket": N_("Value per payment"),
}
WITHOUT = N_("Week, without the day")
WITH = {
    5: N_("Week of 5 days, freed of the day"),
    6: N_("Week of 6 days, freed of the day"),
    7: N_("Week of 7 days, freed of the day"),
}
WEEKS = {
    (5, False): N_("5 days before the day"),
    (6, False): N_("6 days before the day"),
    (7, False): N_("7 days before the day"),
    (5, True): N_("5 days, the day among them"),
    (6, True): N_("6 days, the day among them"),
    (7, True): N_("7 days, the day among them"),
}
STATED_WEEK = N_("The week, as published")
DAY_BEFORE = N_("Day before")

LEVEL, RISE, TREND = N_("Level"), N_("Rise from the day before"), N_("Course of the week")
ASSUMPTIONS = {
    "nothing": (N_("Nothing assumed"), RISE),
    "not-below-day-before": (N_("No fall"), RISE),
    "rise-at-most-30": (N_("No fall, at most +30%"), RISE),
    "rise-at-most-20": (N_("No fall, at most +20%"), RISE),
    "rise-at-most-10": (N_("No fall, at most +10%"), RISE),
    "same-as-day-before": (N_("As the day before"), LEVEL),
    "same-as-week": (N_("As the week's other days"), LEVEL),
    "trend-line-any-order": (N_("Trend line, any week"), TREND),
    "trend-line": (N_("Trend line, rising week"), TREND),
    "smooth-20": (N_("Bend of at most 20% a day"), TREND),
    "smooth-10": (N_("Bend of at most 10% a day"), TREND),
    "smooth-5": (N_("Bend of at most 5% a day"), TREND),
    "straight-line": (N_("Straight line"), TREND),
}


def figures(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """The published figures, each with the range that its rounding leaves open."""
    table = announcement.figures() if table is None else table
    known = table[table.index.isin(list(FIGURES))]
    return pd.DataFrame(
        {
            "figure": [FIGURES[name] for name in known.index],
            "value": known["value"].to_numpy(),
            "unit": known["unit"].to_numpy(),
            "range": list(
                zip(known["value"] - known["precision"], known["value"] + known["precision"], strict=True)
            ),
            "day": known["period_start"].to_numpy(),
        }
    )


def readings(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Growth on the day over each baseline; weeks without the day give one row, since their length is no matter."""
    rows = []
    for reading in published.readings(table):
        label = DAY_BEFORE if reading.week is None else _baseline(reading.week)
        row = (GROUPS[reading.metric], label, reading.relative, reading.low, reading.high)
        if row[:2] not in [(group, name) for group, name, *_ in rows]:
            rows.append(row)
    return pd.DataFrame(rows, columns=["group", "label", "relative", "low", "high"])


def bounds(table: pd.DataFrame | None = None, metric: str = "value") -> pd.DataFrame:
    """Bounds by assumption, over every reading of the week; assumptions that contradict the figures are left out."""
    table = announcement.figures() if table is None else table
    found = published.unions(published.every_bound(table, metric))
    rows = [
        (*reversed(ASSUMPTIONS[entry.assumption.name]), entry.low, entry.high)
        for entry in sorted(found, key=lambda entry: list(ASSUMPTIONS).index(entry.assumption.name))
        if entry.feasible
    ]
    return pd.DataFrame(rows, columns=["group", "label", "low", "high"])


def trends(table: pd.DataFrame | None = None, metric: str = "value") -> pd.DataFrame:
    """Each reading of the week: bounds on two trends, and the bend under which there may be no effect at all."""
    table = announcement.figures() if table is None else table
    solved = {(b.assumption.name, b.week): b for b in published.every_bound(table, metric)}
    bends = dict(published.breakdown(table, metric).smoothness)
    return pd.DataFrame(
        {
            "week": [WEEKS.get((week.days, week.includes_event), STATED_WEEK) for week in bends],
            "trend": [_pair(solved["trend-line", week]) for week in bends],
            "line": [_pair(solved["straight-line", week]) for week in bends],
            "bend": list(bends.values()),
        }
    )


def neighbours() -> pd.DataFrame:
    """Comparable events, each with its lesson; `result` is empty where a study gives no single number."""
    table = announcement.neighbours()
    table["interval"] = [
        None if pd.isna(low) else (low, high) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    return table


def extract(file: io.BufferedIOBase, keywords, comment_tags, options) -> Iterator[tuple]:
    """Babel's extractor for texts of the raw data that a reader sees."""
    for number, row in enumerate(csv.DictReader(io.TextIOWrapper(file, "utf-8")), start=2):
        for column in ("event", "outcome", "unit", "lesson"):
            if row.get(column):
                yield number, "_", row[column], []


def _baseline(week: Week) -> str:
    return WITH.get(week.days, STATED_WEEK) if week.includes_event else WITHOUT


def _pair(bound: Bounds) -> tuple[float, float] | None:
    return (bound.low, bound.high) if bound.feasible else None
