"""Figures that are daily already: a row a day, or a row an hour or a group, from any source."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from analysis.ledger.faults import Book, Fault, Kind, gaps
from analysis.ledger.notation import ZONE_ADVICE, cleaned, note, numbers, times
from analysis.ledger.sources import FILE, ROW, Reading, Source, nearest, opened, telling

ALIASES = {
    "count": ("volume", "vol", "transactions", "payments", "number"),
    "value": ("val", "amount", "total"),
    "payers": ("customers", "users"),
}
TOTALS = ("total", "all", "sum", "grand total", "overall", "الإجمالي", "إجمالي", "المجموع")
USUAL_DATE = r"(?i)^(date|day|ds|time|timestamp|.*[ _](date|day)|date[ _].*|التاريخ|اليوم)$"
PERIODS = {7: "weekly", 14: "fortnightly", 28: "monthly", 90: "quarterly", 365: "yearly"}


def read_daily(
    source: Any,
    date_column: str | None = None,
    value_column: str | None = None,
    how: Reading | None = None,
    **reading: Any,
) -> pd.DataFrame:
    """Daily figures as measures on a daily index; days that they lack are NaN, never zero.

    Without `date_column` the day is found by its contents; without `value_column` every column of numbers is a measure.
    Figures of a group each (date, group, measure) come back with a column a group, and `.attrs["groups"]` names the
    group's columns. Figures of hours or half-hours are summed to local days; a day that lacks any is NaN, and a `Note`
    names it.

    Raises
    ------
    ValueError
        If no column reads as days, a day comes twice, a cell or date can be read two ways, or the figures are weekly,
        monthly or yearly.
    """
    how = how or Reading(date_column=date_column, value_column=value_column, **reading)
    with opened(source, None, how.encoding, how.query, numbered=True) as data, telling(data.name):
        faults, table = figures(data, how)
    hard = [fault for fault in faults if fault.grave]
    if hard:
        more = (
            f" (and {len(hard) - 1} more faults; `python -m analysis check` lists them)" if hard[1:] else ""
        )
        raise ValueError(f"{hard[0]}{more}")
    return table


def as_daily(data: Any, metric: str | None = None) -> pd.Series:
    """One daily series from what a caller holds.

    Parameters
    ----------
    data : Series, or pandas, Polars, Arrow or DuckDB frame
        A pandas Series or frame indexed by day, or a frame with a column of days.
    metric : str, optional
        The column, where there are several.

    Raises
    ------
    ValueError
        If the days or the measure cannot be told.
    """
    if isinstance(data, pd.Series):
        return data
    if isinstance(data, pd.DataFrame) and isinstance(data.index, pd.DatetimeIndex):
        return picked(data, metric, None, "the frame")
    return picked(read_daily(data), metric, None, "the frame")


def picked(daily: pd.DataFrame, name: str | None, value_column: str | None, label: str) -> pd.Series:
    """The measure called `name` or by a usual name for it, the only one, or the sum of all groups."""
    folded = {str(column).casefold(): column for column in daily}
    for alias in (name, *ALIASES.get(name or "", ())):
        if alias and alias.casefold() in folded:
            return daily[folded[alias.casefold()]]
    groups, measure = daily.attrs.get("groups"), daily.attrs.get("measure", "")
    asked = {alias.casefold() for alias in (name or measure, *ALIASES.get(name or "", ()))}
    if groups and (value_column or measure.casefold() in asked):
        total = [column for column in daily if column.casefold() in TOTALS]
        if total or (daily.shape[1] > 2 and _sums_up(daily)):
            raise ValueError(
                f"{label}: the groups of {', '.join(groups)} hold a total beside its parts; choose one with --metric, "
                f"such as {(total or list(daily))[0]!r}"
            )
        note(f"{label}: {measure} is summed over the {daily.shape[1]} groups of {', '.join(groups)}")
        return daily.sum(axis=1, skipna=False).rename(measure)
    if len(daily.columns) == 1 and (name is None or value_column):
        return daily.iloc[:, 0]
    told = ", ".join(map(str, list(daily)[:8]))
    wanted = f"no measure {name!r} among {told}" if name else f"several measures ({told})"
    raise ValueError(f"{label}: {wanted}; name one with --metric or --value-column")


def _sums_up(daily: pd.DataFrame) -> bool:
    """Whether one column is the sum of the others on every whole day."""
    whole = daily.dropna()
    rest = whole.sum(axis=1).to_numpy()[:, None] - whole.to_numpy()
    return len(whole) > 2 and bool(np.isclose(rest, whole.to_numpy(), rtol=1e-9).all(axis=0).any())


def figures(
    source: Source, how: Reading, start: Any = None, last: Any = None
) -> tuple[list[Fault], pd.DataFrame | None]:
    """Every fault of opened daily figures with numbered rows, and, if none is grave, the figures."""
    frame: pl.DataFrame = nw.to_native(source.frame).collect()
    cells, name, timezone = frame.drop(FILE, ROW), source.name, how.timezone
    date_column, value_column = how.date_column, how.value_column
    if cells.is_empty():
        raise ValueError(f"{name}: holds no rows; check that it is the right file")
    book = Book(
        frame.lazy(),
        tuple(f.name for f in source.files),
        {c: c for c in cells.columns},
        source.kind == "text",
        name,
    )
    for option, given in (("--date-column", date_column), ("--value-column", value_column)):
        if given is not None and given not in cells.columns:
            near = nearest(given, cells.columns)
            hint = (
                f"did you mean {near!r}?" if near else f"{option} names one of {', '.join(cells.columns[:8])}"
            )
            raise ValueError(f"{name}: no column {given!r}; {hint}")
    day = date_column or _date_column(cells, name, how)
    stamps = _stamps(cells.lazy(), day, name, how)
    frame = frame.with_columns(stamps.alias("stamp"), pl.col(day).alias("raw " + day))
    frame = frame.with_columns(pl.col("stamp").dt.date().alias("the day"))
    measures, labels = {}, []
    for column in [value_column] if value_column else [c for c in cells.columns if c != day]:
        read = _measure(cells, column, name, how.decimal, bool(value_column))
        if read is not None:
            measures[column] = read
    if not measures:
        raise ValueError(f"{name}: no column of numbers besides {day!r}; name it with --value-column")
    labels = [c for c in cells.columns if c != day and c not in measures and not cells[c].dtype.is_numeric()]
    labels = [c for c in labels if not value_column or _measure(cells, c, name, ".", False) is None]
    labels = [c for c in labels if 2 * cells[c].n_unique() <= cells.height]  # a note is no group
    frame = frame.with_columns(read.alias("number " + column) for column, read in measures.items())
    step = _step(frame["stamp"].drop_nulls(), frame.filter(pl.col("stamp").is_not_null()), labels)
    keys = ["stamp" if step else "the day"]
    if frame.select(pl.struct(*keys).is_duplicated().any()).item() and labels:
        keys += labels
    long = keys[1:]
    frame = frame.with_columns(pl.col(ROW).first().over(keys).alias("row 1"))
    twice = frame.filter(pl.col("stamp").is_not_null() & (pl.col("row 1") != pl.col(ROW)))
    if step and timezone:  # the hour that an autumn night has twice
        seen = pl.struct(*keys).is_first_distinct()
        again = frame.with_columns(seen.alias("first")).filter(
            ~pl.col("first") & pl.col("stamp").is_not_null()
        )
        twice = again.filter(
            pl.col("the day").map_elements(lambda d: _rows_of(d, step, timezone), pl.Int64) <= 1440 // step
        )
    if 2 * twice.height > frame.height:
        problem = f"has no column 'paid_at', and its {day!r} has many rows a day like a ledger"
        return [
            book.whole(
                None, problem, f"map its columns with --columns paid_at={day} --columns amount=…", True
            )
        ], None
    faults = _faults(book.with_frame(frame.lazy()), day, list(measures), start, last)
    for file, row, text, first in (
        twice.select(FILE, ROW, pl.col(day).cast(pl.String), "row 1").head(20).rows()
    ):
        problem = f"{text!r} is also in row {first:,}"
        faults.append(book.fault(file, row, day, problem, "keep one row a day", True))
    faults += book.more(twice.height - 20, day, "the day came before", "keep one row a day")
    present = frame["the day"].drop_nulls().unique().sort()
    if last is not None:
        present = present.filter(present <= last)
    period = _period(present)
    if period:
        raise ValueError(f"{name}, {day}: these are {period} figures; give one row a day")
    faults += gaps(present.to_list(), book, day, "add the days; until then they are missing, not zero")
    if any(fault.grave for fault in faults):
        return faults, None
    table = frame.select("stamp", *long, *("number " + c for c in measures)).to_pandas()
    table.columns = ["date", *long, *measures]
    return faults, _daily(table, list(measures), long, step, timezone, name, day)


def _faults(book: Book, day: str, measures: list[str], start: Any, last: Any) -> list[Fault]:
    """Days and cells that are empty, unreadable or out of range."""
    time, raw = pl.col("the day"), pl.col("raw " + day)
    kinds = [
        Kind(day, cleaned(raw).is_null(), "is empty", "write the day as 2017-10-26", True),
        Kind(
            day,
            time.is_null() & cleaned(raw).is_not_null() & (raw.cast(pl.String) == day),
            "the header comes again",
            "remove the line",
            True,
        ),
        Kind(
            day,
            time.is_null() & cleaned(raw).is_not_null() & (raw.cast(pl.String) != day),
            "{} is not a day",
            "write it as 2017-10-26",
            True,
        ),
    ]
    if last is not None:
        kinds.append(Kind(day, time > last, "{} is after " + f"{last}", "correct it"))
    if start is not None:
        kinds.append(Kind(day, time < start, "{} is before the history starts", "leave it out"))
    for column in measures:
        number, cell = pl.col("number " + column), pl.col(column)
        empty = (
            cleaned(cell).is_null() if book.frame.collect_schema()[column] == pl.String else cell.is_null()
        )
        kinds += [
            Kind(column, empty, "is empty", "fill it in, or leave the day out"),
            Kind(
                column,
                ~empty & ~number.is_finite().fill_null(False),
                "{} is not a number",
                "write it as 1234.5",
                True,
            ),
            Kind(column, number < 0, "{} is negative", "correct it"),
        ]
    return book.listed(kinds)


def _stamps(cells: pl.LazyFrame, day: str, name: str, how: Reading) -> pl.Series:
    """When each row is, in local time; a midnight in its own zone stands for its day."""
    dtype = cells.collect_schema()[day]
    when = pl.col(day)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        cells = cells.with_columns(when.dt.strftime("%Y-%m-%dT%H:%M:%S%:z"))
    elif dtype.is_temporal() and dtype != pl.Time:
        return cells.select(when.cast(pl.Datetime("us"))).collect()[day]
    cells = cells.select(when.cast(pl.String))
    wall = (
        cells.select(times(cells, day, name, how.timezone, how.date_format, wall=True)).collect().to_series()
    )
    clock = wall.drop_nulls().dt.time().unique()
    if len(clock) == 1 and str(clock[0]) == "00:00:00":
        return wall
    read = cells.select(times(cells, day, name, how.timezone, how.date_format)).collect().to_series()
    zoned = (
        cells.select(cleaned(when).str.contains(r"(?i)\d:\d\d.*([Z]|[+-]\d\d:?\d\d)$").any()).collect().item()
    )
    if zoned and how.timezone is None and len(clock) == 1:
        raise ValueError(
            f"{name}, {day}: every time is {clock[0]} of another zone, so its day is open; {ZONE_ADVICE}"
        )
    return read


def _date_column(cells: pl.DataFrame, name: str, how: Reading) -> str:
    """The column of which most cells read as days; those with a usual name are tried first."""
    usual = {c: bool(pl.select(pl.lit(c.strip()).str.contains(USUAL_DATE)).item()) for c in cells.columns}
    for column in sorted(cells.columns, key=lambda c: not usual[c]):
        if cells[column].dtype.is_float() or cells[column].dtype.is_nested():
            continue
        try:
            read = _stamps(cells.lazy(), column, name, how)
        except ValueError:
            if usual[column]:
                raise
            continue
        if 2 * read.null_count() < len(read):
            return column
    raise ValueError(f"{name}: no column reads as days (2017-10-26); name it with --date-column")


def _measure(
    cells: pl.DataFrame, column: str, name: str, decimal: str | None, wanted: bool
) -> pl.Series | None:
    """A column as numbers; None if most of it is something else."""
    dtype = cells[column].dtype
    if dtype.is_numeric():
        return cells[column].cast(pl.Float64)
    if dtype.is_temporal() or dtype in (pl.Boolean, pl.Null) or dtype.is_nested():
        if wanted:
            raise ValueError(
                f"{name}: column {column!r} has type {dtype}, not numbers; name another with --value-column"
            )
        return None
    text = cells.select(pl.col(column).cast(pl.String))
    filled = text.select(cleaned(pl.col(column)).is_not_null().sum()).item()
    digits = text.select(cleaned(pl.col(column)).str.contains(r"^\D{0,6}\d[\d.,' ]*\D{0,5}$").sum()).item()
    if not wanted and 2 * digits <= filled:
        return None
    read = text.select(numbers(text.lazy(), column, name, decimal)).to_series()
    if 2 * (len(read) - read.null_count()) <= filled:
        if wanted:
            raise ValueError(f"{name}: column {column!r} is not numbers; name another with --value-column")
        return None
    return read


def _step(stamps: pl.Series, frame: pl.DataFrame, labels: list[str]) -> int:
    """Minutes from one row to the next where a day has several at regular times; else 0."""
    every = stamps.unique().sort()
    if len(every) < 4 or every.dt.date().n_unique() == len(every):
        return 0
    minutes = every.diff().drop_nulls().dt.total_minutes()
    step = int(minutes.mode().min())
    regular = 2 * int((minutes == step).sum()) > len(minutes)
    return step if regular and 0 < step < 1440 and 1440 % step == 0 else 0


def _rows_of(day: Any, step: int, timezone: str | None) -> int:
    """How many rows a whole local day has; 23 or 25 hours where the clock changes."""
    start, stop = (pd.Timestamp(day) + pd.Timedelta(days=i) for i in (0, 1))
    if timezone:
        start, stop = (
            t.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward") for t in (start, stop)
        )
    return int((stop - start) / pd.Timedelta(minutes=step))


def _period(present: pl.Series) -> str | None:
    """Weekly, monthly, ... if the days are as far apart."""
    if len(present) < 3:
        return None
    apart = float(present.diff().dt.total_days().median())
    return next((word for days, word in PERIODS.items() if days <= apart <= days * 1.11), None)


def _daily(
    table: pd.DataFrame,
    measures: list[str],
    long: list[str],
    step: int,
    timezone: str | None,
    name: str,
    day: str,
) -> pd.DataFrame:
    """Rows as days, and groups as columns."""
    table["date"] = table["date"].astype("datetime64[us]").dt.normalize()
    if step:
        rows = table.groupby(["date", *long])[measures]
        whole = pd.Series({d: _rows_of(d, step, timezone) for d in table["date"].unique()})
        lacking = rows.count().lt(whole.reindex(rows.size().index.get_level_values(0)).to_numpy(), axis=0)
        table = rows.sum().mask(lacking).reset_index()
        short = sorted(set(lacking.index.get_level_values(0)[lacking.any(axis=1)]))
        told = f"; {len(short)} days lack some and are missing, from {short[0]:%Y-%m-%d}" if short else ""
        if 0 < len(short) <= 5:
            told = f"; {', '.join(f'{d:%Y-%m-%d}' for d in short)} lack some and are missing"
        note(f"{name}, {day}: one row every {step} minutes, summed to days{told}")
    if long:
        if len(measures) > 1:
            raise ValueError(
                f"{name}: several measures by group ({', '.join(measures)}); name one with --value-column"
            )
        table["group"] = table[long].fillna("(missing)").astype(str).agg(" / ".join, axis=1)
        table = table.pivot(index="date", columns="group", values=measures[0]).rename_axis(columns=None)
    else:
        table = table.set_index("date")
    table.index = pd.DatetimeIndex(table.index, name="date")
    table = table.sort_index().asfreq("D")
    if long:
        table.attrs.update(groups=long, measure=measures[0])
    return table
