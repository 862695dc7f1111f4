"""Published figures, their readings and bounds as rows for figures and tables, with labels a reader understands.

Labels are English and are translated where they are shown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis import days, published
from analysis.published import announcement
from analysis.published.identified import ASSUMPTIONS as ASSUMED
from analysis.published.identified import Bounds, Week, extreme_weeks
from analysis.words import N_, fill

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
HEADINGS = (
    *(N_("Figure"), N_("As published"), N_("Unit"), N_("Range within rounding"), N_("Day")),
    *(N_("Days of the week"), N_("Trend line"), N_("Straight line"), N_("Bend that hides the effect")),
    *(N_("Comparable event"), N_("What was measured"), N_("Result"), N_("Lesson")),
    *(N_("Working day"), N_("Days left in the month")),
)
WORKING_WEEK = Week(5, includes_event=True)
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
    ends = zip(known["value"] - known["precision"], known["value"] + known["precision"], strict=True)
    return _formatted(
        pd.DataFrame(
            {
                "figure": [FIGURES[name] for name in known.index],
                "as_published": known["value"].to_numpy(),
                "unit": known["unit"].to_numpy(),
                "range_within_rounding": [None if low == high else (low, high) for low, high in ends],
                "day": known["period_start"].to_numpy(),
            }
        ),
        as_published="number.0",
        range_within_rounding="number",
    )


def week(event: pd.Timestamp, country: str | None = "AE", number: int = 8) -> pd.DataFrame:
    """The calendar of the days up to the event."""
    dates = pd.date_range(end=event, periods=number)
    table = days.features(dates, country)[["weekday", "working", "month_days_left"]].reset_index(names="date")
    table = table.rename(columns={"working": "working_day", "month_days_left": "days_left_in_the_month"})
    return _formatted(table, weekday="weekday", days_left_in_the_month="number.0")


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
    return _formatted(
        pd.DataFrame(
            {
                "days_of_the_week": [
                    WEEKS.get((week.days, week.includes_event), STATED_WEEK) for week in bends
                ],
                "trend_line": [_pair(solved["trend-line", week]) for week in bends],
                "straight_line": [_pair(solved["straight-line", week]) for week in bends],
                "bend_that_hides_the_effect": list(bends.values()),
            }
        ),
        trend_line="+percent",
        straight_line="+percent",
        bend_that_hides_the_effect="money" if metric == "value" else "number",
    )


def weeks(
    table: pd.DataFrame | None = None, week: Week = WORKING_WEEK, country: str | None = "AE"
) -> pd.DataFrame:
    """Two rising weeks that give every published figure, at the two ends of what a trend line leaves open.

    Rounding is left aside, so that the numbers are those of the announcement.

    One row a day with `least` and `most` (the week with the smallest and with the largest effect), their trend lines
    `least_line` and `most_line`, which end on the event as it would have been, and `observed` on the event.
    """
    table = announcement.figures() if table is None else table
    event = announcement.event(table)
    rows = pd.DataFrame({"date": week.dates(event, country).append(pd.DatetimeIndex([event]))})
    trend = next(assumption for assumption in ASSUMED if assumption.name == "trend-line")
    known, place = published.facts(table, rounding=False), np.arange(week.before + 1)
    for name, path in zip(("least", "most"), extreme_weeks(known, trend, week), strict=True):
        rows[name] = [*path[: week.before], np.nan]
        rows[f"{name}_line"] = np.polyval(np.polyfit(place[:-1], path[: week.before], 1), place)
    rows["observed"] = [np.nan] * week.before + [table.loc["value_event", "value"]]
    return rows


def neighbours() -> pd.DataFrame:
    """Comparable events, each with its lesson; results are written out, with their 95 % interval where published."""
    table = announcement.neighbours()
    table["result"] = [
        "" if pd.isna(row.result) else _result(row.result, row.low, row.high, row.unit)
        for row in table.itertuples()
    ]
    table = table.rename(columns={"event": "comparable_event", "outcome": "what_was_measured"})
    return table[["comparable_event", "what_was_measured", "result", "lesson"]]


def _result(result: float, low: float, high: float, unit: str) -> str:
    kind = {"per cent": "percent", "percentage points": "points"}.get(unit, "number")
    digits = 0 if result == round(result) else 1
    text = fill(f"{{x:+{kind}.{digits}}}", x=result / (1 if kind == "number" else 100))
    return text if pd.isna(low) else text + fill(f" ({{ci:+number.{digits}}})", ci=(low, high))


def extract(file: io.BufferedIOBase, keywords, comment_tags, options) -> Iterator[tuple]:
    """Babel's extractor for texts of the raw data that a reader sees."""
    for number, row in enumerate(csv.DictReader(io.TextIOWrapper(file, "utf-8")), start=2):
        for column in ("event", "outcome", "lesson") if "lesson" in row else ("unit",):
            if row.get(column):
                yield number, "_", row[column], []


def _baseline(week: Week) -> str:
    return WITH.get(week.days, STATED_WEEK) if week.includes_event else WITHOUT


def _pair(bound: Bounds) -> tuple[float, float] | None:
    return (bound.low, bound.high) if bound.feasible else None


def _formatted(table: pd.DataFrame, **formats: str) -> pd.DataFrame:
    """The table, with the kind of each column's numbers for `show.table`."""
    table.attrs["formats"] = formats
    return table
