"""Published figures, read from a CSV with one row a figure and checked cell by cell."""

from __future__ import annotations

import csv
import io
from datetime import date
from difflib import get_close_matches
from math import inf
from pathlib import Path

import pandas as pd

from analysis import days

RAW = days.RAW / "published_figures.csv"

COLUMNS = ("figure", "value", "unit", "precision", "period_start", "period_end", "scope", "source", "note")
REQUIRED = ("figure", "value", "precision", "period_start")

# A metric is known by these figures; value, count and payers may each have them.
MEASURES = ("event", "day_before", "week_mean")
METRICS = ("value", "count", "payers")
CONTEXT = ("growth_announced", "entities", "entities_forecast_low", "entities_forecast_high", "services")
KNOWN = (*(f"{metric}_{measure}" for metric in METRICS for measure in MEASURES), *CONTEXT)


def figures(path: str | Path | None = None) -> pd.DataFrame:
    """Published figures, one row each, indexed by the figure's name.

    `path` is a CSV with the columns `figure, value, precision, period_start` and, where known, `unit, period_end,
    scope, source, note`; without it, Dubai's figures of 2017. `precision` is half the last published digit, empty for
    an exact number. A weekly mean without a period is read in every way of `WEEKS`. The first fault found is a
    ValueError of one line that names the row and the column.
    """
    path = RAW if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text: save it as CSV UTF-8") from None
    delimiter = ";" if text.partition("\n")[0].count(";") >= len(REQUIRED) - 1 else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    if missing := [name for name in REQUIRED if name not in (reader.fieldnames or ())]:
        columns = ",".join(COLUMNS)
        raise ValueError(f"{path.name}, row 1: column {missing[0]} is missing: the columns are {columns}")
    rows = [_row(path.name, reader.line_num, cells) for cells in reader]
    if not rows:
        raise ValueError(f"{path.name}: no figures: write one row a figure under {','.join(COLUMNS)}")
    table = pd.DataFrame(rows).set_index("figure")
    _check_together(path.name, table)
    return table.drop(columns="row")


def ranges(published: pd.DataFrame, rounding: bool = True) -> pd.Series:
    """The range (low, high) in which each figure lies; without rounding, its value itself twice."""
    slack = published["precision"] * rounding
    ends = zip((published["value"] - slack).tolist(), (published["value"] + slack).tolist(), strict=True)
    return pd.Series(list(ends), published.index, object)


def neighbours() -> pd.DataFrame:
    """Studies of comparable events: event, design, outcome, result with its interval and unit, lesson, source."""
    return pd.read_csv(RAW.with_name("neighbouring_evidence.csv"))


def event(published: pd.DataFrame) -> pd.Timestamp:
    """The day of the event, from the figures said of it."""
    return published.loc[f"{metrics(published)[0]}_event", "period_start"]


def metrics(published: pd.DataFrame) -> tuple[str, ...]:
    """The metrics with a figure for the event itself."""
    return tuple(metric for metric in METRICS if f"{metric}_event" in published.index)


def _positive(text: str) -> float:
    if not 0 < (number := float(text)) < inf:
        raise ValueError
    return number


def _day(text: str) -> pd.Timestamp:
    return pd.Timestamp(date.fromisoformat(text)) if text else pd.NaT


# How a cell is read, what a wrong one is not, and what to do.
CELLS = {
    "value": (_positive, "a number above 0", "write it in digits, such as 42200000"),
    "precision": (
        lambda text: _positive(text) if float(text or 0) else 0.0,
        "a number of 0 or more",
        "write it in digits, such as 50000",
    ),
    "period_start": (_day, "a date", "write it as 2017-10-26"),
    "period_end": (_day, "a date", "write it as 2017-10-26"),
}


def _fault(file: str, row: int, column: str, problem: str) -> ValueError:
    return ValueError(f"{file}, row {row}, column {column}: {problem}")


def _row(file: str, number: int, cells: dict) -> dict:
    """One figure with its row number, cells checked one by one."""
    row = {"row": number} | {column: (cells.get(column) or "").strip() for column in COLUMNS}
    if row["figure"] not in KNOWN:
        nearest = get_close_matches(row["figure"], KNOWN, 1, 0)[0]
        unknown = f"{row['figure']!r} is unknown: the nearest known figure is {nearest}"
        raise _fault(file, number, "figure", unknown)
    for column, (read, what, advice) in CELLS.items():
        try:
            row[column] = read(row[column])
        except ValueError:
            raise _fault(file, number, column, f"{row[column]!r} is not {what}: {advice}") from None
    start, end = row["period_start"], row["period_end"]
    if end is pd.NaT:
        row["period_end"] = start
    elif not start <= end:
        problem = f"{end:%Y-%m-%d} has no period_start on or before it: mend the period"
        raise _fault(file, number, "period_end", problem)
    return row


def _check_together(file: str, table: pd.DataFrame) -> None:
    """What no single row can show."""
    for name, row in table.loc[table.index.duplicated(), "row"].items():
        raise _fault(file, row, "figure", f"{name} is given twice: keep one row")
    present = metrics(table)
    if not present:
        wanted = " or ".join(f"{metric}_event" for metric in METRICS)
        raise ValueError(f"{file}: no figure of the event itself: add a row {wanted}")
    day = event(table)
    if pd.isna(day):
        row = table.loc[f"{present[0]}_event", "row"]
        raise _fault(file, row, "period_start", "the day of the event is missing: write it as 2017-10-26")
    eve = day - pd.Timedelta(days=1)
    for name, row, start, end in table[["row", "period_start", "period_end"]].itertuples():
        metric, _, measure = name.partition("_")
        fits = {
            "event": start == end == day,
            "day_before": pd.isna(start) or start == end == eve,
            "week_mean": pd.isna(start) or (start < day and end in (eve, day)),
        }
        if metric in present and not fits.get(measure, True):
            problem = f"{name} does not fit the event of {day:%Y-%m-%d}"
            rule = "an event has its day, the rest end on it or on its eve"
            raise _fault(file, row, "period_start", f"{problem}: {rule}")
