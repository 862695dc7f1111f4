"""Published figures, read from a CSV with one row a figure and checked cell by cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
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


def figures(path: str | Path | None = None) -> pd.DataFrame:
    """Published figures, one row each, indexed by the figure's name.

    Parameters
    ----------
    path : path-like, optional
        A CSV with the columns `figure, value, precision, period_start` and, where known, `unit, period_end, scope,
        source, note`; without it, Dubai's figures of 2017. `precision` is half the last published digit, empty for
        an exact number. A weekly mean without a period is read in every way of `WEEKS`.

    Raises
    ------
    ValueError
        For the first fault found; one line names the row and the column.
    FileNotFoundError
        If there is no such file.
    """
    path = RAW if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    rows = list(_rows(path))
    if not rows:
        raise ValueError(f"{path.name}: no figures: write one row a figure under {','.join(COLUMNS)}")
    table = pd.DataFrame(rows, columns=("row", *COLUMNS)).set_index("figure")
    _check_together(path.name, table)
    return table.drop(columns="row")


def neighbours() -> pd.DataFrame:
    """Studies of comparable events: event, design, outcome, result with its interval and unit, lesson, source."""
    return pd.read_csv(RAW.with_name("neighbouring_evidence.csv"))


def event(published: pd.DataFrame) -> pd.Timestamp:
    """The day of the event, from the figures said of it."""
    return next(published.loc[f"{metric}_event", "period_start"] for metric in metrics(published))


def metrics(published: pd.DataFrame) -> tuple[str, ...]:
    """The metrics with a figure for the event itself."""
    return tuple(metric for metric in METRICS if f"{metric}_event" in published.index)


def _rows(path: Path) -> Iterator[list]:
    """Each figure with its row number, cells checked one by one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text: save it as CSV UTF-8") from None
    delimiter = ";" if text.partition("\n")[0].count(";") >= len(REQUIRED) - 1 else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(
            f"{path.name}, row 1: column {missing[0]} is missing: the columns are {','.join(COLUMNS)}"
        )
    for cells in reader:
        cell = _Cell(path.name, reader.line_num, cells)
        start, end = cell.day("period_start"), cell.day("period_end")
        if end is not pd.NaT and not start <= end:
            raise cell.fault(
                "period_end", f"{end:%Y-%m-%d} has no period_start on or before it", "mend the period"
            )
        yield [
            reader.line_num,
            cell.name(),
            cell.number("value"),
            cell.text("unit"),
            cell.number("precision", empty=0.0),
            start,
            start if end is pd.NaT else end,
            cell.text("scope"),
            cell.text("source"),
            cell.text("note"),
        ]


@dataclass(frozen=True, slots=True)
class _Cell:
    """Reads the cells of one row; a fault says file, row and column."""

    file: str
    row: int
    cells: dict

    def fault(self, column: str, problem: str, advice: str) -> ValueError:
        return ValueError(f"{self.file}, row {self.row}, column {column}: {problem}: {advice}")

    def text(self, column: str) -> str:
        return (self.cells.get(column) or "").strip()

    def name(self) -> str:
        name = self.text("figure")
        known = [f"{metric}_{measure}" for metric in METRICS for measure in MEASURES] + list(CONTEXT)
        if name not in known:
            nearest = get_close_matches(name, known, 1, 0)[0]
            raise self.fault("figure", f"{name!r} is unknown", f"the nearest known figure is {nearest}")
        return name

    def number(self, column: str, empty: float | None = None) -> float:
        text = self.text(column)
        if not text and empty is not None:
            return empty
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not 0 <= number < inf or (number == 0 and empty is None):
            need = "above 0" if empty is None else "of 0 or more"
            raise self.fault(
                column, f"{text!r} is not a number {need}", "write it in digits, such as 42200000"
            )
        return number

    def day(self, column: str) -> pd.Timestamp:
        text = self.text(column)
        try:
            return pd.Timestamp(date.fromisoformat(text)) if text else pd.NaT
        except ValueError:
            raise self.fault(column, f"{text!r} is not a date", "write it as 2017-10-26") from None


def _check_together(file: str, table: pd.DataFrame) -> None:
    """What no single row can show."""
    for name, row in table.loc[table.index.duplicated(), "row"].items():
        raise ValueError(f"{file}, row {row}, column figure: {name} is given twice: keep one row")
    present = metrics(table)
    if not present:
        wanted = " or ".join(f"{metric}_event" for metric in METRICS)
        raise ValueError(f"{file}: no figure of the event itself: add a row {wanted}")
    day = event(table)
    if pd.isna(day):
        row = table.loc[f"{present[0]}_event", "row"]
        raise ValueError(
            f"{file}, row {row}, column period_start: the day of the event is missing: write it as 2017-10-26"
        )
    for metric in present:
        for measure, fits in {
            "event": lambda start, end: start == end == day,
            "day_before": lambda start, end: pd.isna(start) or start == end == day - pd.Timedelta(days=1),
            "week_mean": lambda start, end: pd.isna(start) or (start < day and day - end in _EVE_OR_DAY),
        }.items():
            name = f"{metric}_{measure}"
            if name in table.index and not fits(*table.loc[name, ["period_start", "period_end"]]):
                row = table.loc[name, "row"]
                raise ValueError(
                    f"{file}, row {row}, column period_start: {name} does not fit the event of "
                    f"{day:%Y-%m-%d}: an event has its day, the rest end on it or on its eve"
                )


_EVE_OR_DAY = (pd.Timedelta(0), pd.Timedelta(days=1))
