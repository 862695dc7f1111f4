"""Published figures, their readings and bounds as rows for figures and tables, with labels a reader understands.

Labels are English and are translated where they are shown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis import days
from analysis.published import announcement, growth
from analysis.published.identified import Assumption, Week, extreme_weeks
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
WORKING_WEEK, RISING_LINE = Week(5, includes_event=True), Assumption("trend-line", "line", rising=True)
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


def figures(table: pd.DataFrame) -> pd.DataFrame:
    """The published figures, each with the range that its rounding leaves open."""
    known = table[table.index.isin(list(FIGURES))]
    rows = {
        "figure": known.index.map(FIGURES),
        "as_published": known["value"].to_numpy(),
        "unit": known["unit"].to_numpy(),
        "range_within_rounding": [ends if ends[0] < ends[1] else None for ends in announcement.ranges(known)],
        "day": known["period_start"].to_numpy(),
    }
    return _formatted(pd.DataFrame(rows), as_published="number.0", range_within_rounding="number")


def week(event: pd.Timestamp, country: str | None, number: int = 8) -> pd.DataFrame:
    """The calendar of the days up to the event."""
    dates = pd.date_range(end=event, periods=number)
    table = days.features(dates, country)[["weekday", "working", "month_days_left"]].reset_index(names="date")
    table = table.rename(columns={"working": "working_day", "month_days_left": "days_left_in_the_month"})
    return _formatted(table, weekday="weekday", days_left_in_the_month="number.0")


def readings(table: pd.DataFrame) -> pd.DataFrame:
    """Growth on the day over each baseline; weeks without the day give one row, since their length is no matter."""
    found = growth.readings(table)
    rows = {
        "group": found["metric"].map(GROUPS),
        "label": [_baseline(week) if week else DAY_BEFORE for week in found["week"]],
        "relative": found["relative"],
        "low": found["relative_low"],
        "high": found["relative_high"],
    }
    return pd.DataFrame(rows).drop_duplicates(["group", "label"], ignore_index=True)


def bounds(table: pd.DataFrame, metric: str = "value") -> pd.DataFrame:
    """Bounds by assumption, over every reading of the week; assumptions that contradict the figures are left out."""
    found = growth.unions(growth.every_bound(table, metric)).set_index("assumption")
    rows = [
        (group, label, *found.loc[name, ["relative_low", "relative_high"]])
        for name, (label, group) in ASSUMPTIONS.items()
        if name in found.index and found.loc[name, "feasible"]
    ]
    return pd.DataFrame(rows, columns=["group", "label", "low", "high"])


def trends(table: pd.DataFrame, metric: str = "value") -> pd.DataFrame:
    """Each reading of the week: bounds on two trends, and the bend under which there may be no effect at all."""
    bends = growth.breakdown(table, metric)["smoothness"]
    solved = growth.every_bound(table, metric)

    def ends(assumption: str) -> list[tuple[float, float] | None]:
        rows = solved[solved["assumption"] == assumption].itertuples()
        return [(row.relative_low, row.relative_high) if row.feasible else None for row in rows]

    rows = {
        "days_of_the_week": [
            WEEKS.get((week.days, week.includes_event), STATED_WEEK) for week in bends["week"]
        ],
        "trend_line": ends("trend-line"),
        "straight_line": ends("straight-line"),
        "bend_that_hides_the_effect": bends["smoothness"],
    }
    kind = "money" if metric == "value" else "number"
    formats = {"trend_line": "+percent", "straight_line": "+percent", "bend_that_hides_the_effect": kind}
    return _formatted(pd.DataFrame(rows), **formats)


def weeks(table: pd.DataFrame, country: str | None, week: Week = WORKING_WEEK) -> pd.DataFrame:
    """Two rising weeks that give every published figure, at the two ends of what a trend line leaves open.

    Rounding is left aside, so that the numbers are those of the announcement.

    One row a day with `least` and `most` (the week with the smallest and with the largest effect), their trend lines
    `least_line` and `most_line`, which end on the event as it would have been, and `observed` on the event.
    """
    event = announcement.event(table)
    rows = pd.DataFrame({"date": [*week.dates(event, country), event]})
    known, place = growth.facts(table, rounding=False), np.arange(week.before + 1)
    for name, path in zip(("least", "most"), extreme_weeks(known, RISING_LINE, week), strict=True):
        rows[name] = [*path[: week.before], np.nan]
        rows[f"{name}_line"] = np.polyval(np.polyfit(place[:-1], path[: week.before], 1), place)
    rows["observed"] = [np.nan] * week.before + [table.loc["value_event", "value"]]
    return rows


def neighbours() -> pd.DataFrame:
    """Comparable events, each with its lesson; results are written out, with their 95 % interval where published."""
    table = announcement.neighbours()
    table["result"] = [_result(row) for row in table.itertuples()]
    table = table.rename(columns={"event": "comparable_event", "outcome": "what_was_measured"})
    return table[["comparable_event", "what_was_measured", "result", "lesson"]]


def _result(row: tuple) -> str:
    if pd.isna(row.result):
        return ""
    kind = {"per cent": "percent", "percentage points": "points"}.get(row.unit, "number")
    digits = 0 if row.result == round(row.result) else 1
    text = fill(f"{{x:+{kind}.{digits}}}", x=row.result / (1 if kind == "number" else 100))
    if pd.isna(row.low):
        return text
    return text + fill(f" ({{ci:+number.{digits}}})", ci=(row.low, row.high))


def extract(file: io.BufferedIOBase, keywords, comment_tags, options) -> Iterator[tuple]:
    """Babel's extractor for texts of the raw data that a reader sees."""
    for number, row in enumerate(csv.DictReader(io.TextIOWrapper(file, "utf-8")), start=2):
        for column in ("event", "outcome", "lesson") if "lesson" in row else ("unit",):
            if row.get(column):
                yield number, "_", row[column], []


def _baseline(week: Week) -> str:
    return WITH.get(week.days, STATED_WEEK) if week.includes_event else WITHOUT


def _formatted(table: pd.DataFrame, **formats: str) -> pd.DataFrame:
    """The table, with the kind of each column's numbers for `show.table`."""
    table.attrs["formats"] = formats
    return table
