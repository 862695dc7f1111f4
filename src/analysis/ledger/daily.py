"""Figures that are daily already: a row a day, or a row an hour or a group, from any source."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from datetime import date, time
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from analysis.ledger.faults import SHOWN, Fault, Kind, hint
from analysis.ledger.notation import OFFSET, ZONE_ADVICE, cleaned, note, numbers, times
from analysis.ledger.sources import FILE, ROW, Reading, Source, opened

ALIASES = {
    "count": ("volume", "vol", "transactions", "payments", "number"),
    "value": ("val", "amount", "total"),
    "payers": ("customers", "users"),
}
TOTALS = ("total", "all", "sum", "grand total", "overall", "الإجمالي", "إجمالي", "المجموع")
USUAL_DATE = r"date|day|ds|time|timestamp|.*[ _](date|day)|date[ _].*|التاريخ|اليوم"
PERIODS = {7: "weekly", 14: "fortnightly", 28: "monthly", 90: "quarterly", 365: "yearly"}


def read_daily(data: Any, how: Reading | None = None, **reading: Any) -> pd.DataFrame:
    """Daily figures as measures on a daily index; days that they lack are NaN, never zero.

    Without `date_column` the day is found by its contents; without `value_column` every column of numbers is a
    measure. Figures of a group each (date, group, measure) come back with a column a group, and `.attrs["groups"]`
    names the group's columns. Figures of hours or half-hours are summed to local days; a day that lacks any is NaN,
    and a `Note` names it. ValueError if no column reads as days, a day comes twice, a cell or date can be read two
    ways, or the figures are weekly, monthly or yearly.
    """
    with opened(data, how, daily=True, **reading) as source:
        return read_source(source)


def read_source(source: Source) -> pd.DataFrame:
    """`read_daily` of figures that are open."""
    faults, table = figures(source)
    grave = [fault for fault in faults if fault.grave]
    if grave:
        more = f" (and {len(grave) - 1} more; `python -m analysis check` lists them)" if grave[1:] else ""
        raise ValueError(f"{grave[0]}{more}")
    return table


def as_daily(data: Any, metric: str | None = None) -> pd.Series:
    """One daily series from what a caller holds: a Series or frame indexed by day, or with a column of days.

    `metric` is the column, where there are several. ValueError as in `read_daily`, or if the measure cannot be told.
    """
    if isinstance(data, pd.Series):
        index = data.index
        if isinstance(index, pd.DatetimeIndex) and (np.diff(index) == np.timedelta64(1, "D")).all():
            return data
        data = data.to_frame(data.name or metric or "value")
    if isinstance(data, pd.DataFrame) and not isinstance(data.index, pd.RangeIndex):
        index = data.index.to_timestamp() if isinstance(data.index, pd.PeriodIndex) else data.index
        data = data.set_axis(index.rename("date")).reset_index()
    return picked(read_daily(data), metric, None, "the frame")


def picked(daily: pd.DataFrame, name: str | None, value_column: str | None, label: str) -> pd.Series:
    """The measure called `name` or by a usual name for it, the only one, or the sum of all groups."""
    folded = {str(column).casefold(): column for column in daily}
    asked = [alias.casefold() for alias in (name, *ALIASES.get(name, ())) if alias]
    if found := next((folded[alias] for alias in asked if alias in folded), None):
        return daily[found]
    groups, measure = daily.attrs.get("groups"), daily.attrs.get("measure", "")
    if groups and (value_column or not asked or measure.casefold() in asked):
        whole, told = daily.dropna(), f"groups of {', '.join(groups)}"
        rest = whole.sum(axis=1).to_numpy()[:, None] - whole.to_numpy()
        sums = np.isclose(rest, whole.to_numpy(), rtol=1e-9).all(axis=0).any()  # one is the sum of the others
        total = [column for column in daily if column.casefold() in TOTALS]
        if total or (daily.shape[1] > 2 < len(whole) and sums):
            one = (total or list(daily))[0]
            raise ValueError(f"{label}: the {told} hold a total beside its parts; choose: --metric {one!r}")
        note(f"{label}: {measure} is summed over the {daily.shape[1]} {told}")
        return daily.sum(axis=1, skipna=False).rename(measure)
    if len(daily.columns) == 1 and (value_column or not asked):
        return daily.iloc[:, 0]
    listed = ", ".join(map(str, list(daily)[:8]))
    wanted = f"no measure {name!r} among {listed}" if asked else f"several measures ({listed})"
    raise ValueError(f"{label}: {wanted}; name one with --metric or --value-column")


def figures(source: Source, last: date = date.max) -> tuple[list[Fault], pd.DataFrame | None]:
    """Every fault of opened daily figures, and, if none is grave, the figures."""
    frame: pl.DataFrame = nw.to_native(source.frame).collect()
    cells, name, how = frame.drop(FILE, ROW), source.name, source.how
    if cells.is_empty():
        raise ValueError(f"{name}: holds no rows; check that it is the right file")
    for option, given in (("--date-column", how.date_column), ("--value-column", how.value_column)):
        if given is not None and given not in cells.columns:
            listed = f"{option} names one of {', '.join(cells.columns[:8])}"
            raise ValueError(f"{name}: no column {given!r}; {hint(given, cells.columns, listed)}")
    day, stamps = _days(cells, name, how)
    others = [c for c in cells.columns if c != day]
    read = {c: _measure(cells, c, name, how) for c in others if how.value_column in (None, c)}
    measures = {c: number for c, number in read.items() if number is not None}
    if not measures:
        raise ValueError(f"{name}: no column of numbers besides {day!r}; name it with --value-column")
    frame = frame.with_columns(
        stamps.alias("stamp"),
        stamps.dt.date().alias("the day"),
        pl.col(day).cast(pl.String).alias("raw " + day),
        *(number.alias("number " + c) for c, number in measures.items()),
    )
    step, long = _step(stamps), []
    keys, known = ["stamp" if step else "the day"], pl.col("stamp").is_not_null()
    if frame.filter(known).select(pl.struct(keys).is_duplicated().any()).item():
        long = [c for c in others if c not in measures and _labels_groups(cells[c])]
    twice = frame.with_columns(pl.col(ROW).first().over(keys + long).alias("row 1"))
    twice = twice.filter(known & ~pl.struct(keys + long).is_first_distinct())
    if step and how.timezone:  # a night in autumn has an hour twice
        longer = [d for d in twice["the day"].unique() if _rows_of(d, step, how.timezone) > 1440 // step]
        twice = twice.filter(~pl.col("the day").is_in(longer))
    usual = {"paid_at", "amount"} <= source.names.keys() and 2 * frame["the day"].n_unique() <= frame.height
    if (10 if usual else 2) * twice.height > frame.height:
        problem = f"has no column 'paid_at', and its {day!r} has many rows a day like a ledger"
        pairs = [f"paid_at={day}", f"amount={source.names.get('amount', '…')}"]
        pairs += [f"channel={source.names['channel']}"] if "channel" in source.names else []
        advice = "map its columns with --columns " + " --columns ".join(map(shlex.quote, pairs))
        return [source.whole(None, problem, advice, True)], None
    faults = source.listed(frame.lazy(), _kinds(day, measures, last))
    for file, row, text, first in twice.select(FILE, ROW, "raw " + day, "row 1").head(SHOWN).rows():
        problem = f"{text!r} is also in row {first:,}"
        faults.append(source.fault(file, row, day, problem, "keep one row a day", True))
    faults += source.more(twice.height - SHOWN, day, "the day came before", "keep one row a day")
    present = frame.filter(pl.col("the day") <= last)["the day"].unique().sort()
    apart = present.diff().dt.total_days().median() if len(present) > 2 else None
    period = [word for days, word in PERIODS.items() if apart and days <= apart <= days * 1.11]
    if period:
        raise ValueError(f"{name}, {day}: these are {period[0]} figures; give one row a day")
    faults += source.gaps(present.to_list(), day, "add the days; until then they are missing, not zero")
    if any(fault.grave for fault in faults):
        return faults, None
    table = frame.select("stamp", *long, *("number " + c for c in measures)).to_pandas()
    table.columns = ["date", *long, *measures]
    return faults, _table(table, list(measures), long, step, how.timezone, f"{name}, {day}: ")


def _labels_groups(column: pl.Series) -> bool:
    """Whether a column names groups: a few labels, which come back; neither a note nor a further measure."""
    digits = column.cast(pl.String).str.contains(r"^[+-]?[\d.,]+$").sum()
    return 2 * digits <= len(column) and 2 * column.n_unique() <= len(column)


def _kinds(day: str, measures: Iterable[str], last: date) -> list[Kind]:
    """Days and cells that are empty, unreadable or out of range."""
    when, raw = pl.col("the day"), pl.col("raw " + day)
    empty, advice = cleaned(raw).is_null(), "write the day as 2017-10-26"
    unread = when.is_null() & ~empty
    kinds = [
        Kind(day, empty, "is empty", advice, True),
        Kind(day, unread & (raw == day), "the header comes again", "remove the line", True),
        Kind(day, unread & (raw != day), "{} is not a day", "write it as 2017-10-26", True),
        Kind(day, when > last, f"{{}} is after {last}", "correct it"),
    ]
    for column in measures:
        number, empty = pl.col("number " + column), cleaned(pl.col(column)).is_null()
        unread = ~empty & ~number.is_finite().fill_null(False)
        kinds += [
            Kind(column, empty, "is empty", "fill it in, or leave the day out"),
            Kind(column, unread, "{} is not a number", "write it as 1234.5", True),
            Kind(column, number < 0, "{} is negative", "correct it"),
        ]
    return kinds


def _days(cells: pl.DataFrame, name: str, how: Reading) -> tuple[str, pl.Series]:
    """The column of which most cells read as days, and when each row is; usual names are tried first."""
    if how.date_column:
        return how.date_column, _stamps(cells.lazy(), how.date_column, name, how)
    usual = [c for c in cells.columns if re.fullmatch(USUAL_DATE, c.strip(), re.I)]
    for column in [*usual, *(c for c in cells.columns if c not in usual)]:
        if cells[column].dtype.is_float() or cells[column].dtype.is_nested():
            continue
        try:
            read = _stamps(cells.lazy(), column, name, how)
        except ValueError:
            if column in usual:
                raise
            continue
        if 2 * read.null_count() < len(read):
            return column, read
    advice = "name it with --date-column, or say how days are written with --date-format"
    raise ValueError(f"{name}: no column reads as days (2017-10-26); {advice}")


def _stamps(cells: pl.LazyFrame, day: str, name: str, how: Reading) -> pl.Series:
    """When each row is, in local time; a midnight in its own zone stands for its day."""
    dtype, when = cells.collect_schema()[day], pl.col(day)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        when = when.dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
    elif dtype.is_temporal() and dtype != pl.Time:
        return cells.select(when.cast(pl.Datetime("us"))).collect()[day]
    cells = cells.select(when.cast(pl.String))

    def read(wall: bool) -> pl.Series:
        moments = times(cells, day, name, how.timezone, how.date_format, wall)
        return cells.select(moments).collect().to_series()

    clock = (wall := read(True)).drop_nulls().dt.time().unique()
    if len(clock) != 1 or clock[0] == time.min:
        return wall if len(clock) == 1 else read(False)
    zoned = cells.select(cleaned(pl.col(day)).str.to_uppercase().str.contains(OFFSET).any()).collect().item()
    if zoned and how.timezone is None:
        raise ValueError(f"{name}, {day}: every time is {clock[0]} of another zone; {ZONE_ADVICE}")
    return read(False)


def _measure(cells: pl.DataFrame, column: str, name: str, how: Reading) -> pl.Series | None:
    """A column as numbers; None if most of it is something else."""
    dtype, number = cells[column].dtype, None
    if dtype.is_numeric():
        return cells[column].cast(pl.Float64)
    if dtype in (pl.String, pl.Categorical):
        text = cells.select(pl.col(column).cast(pl.String))
        digits = cleaned(pl.col(column)).str.contains(r"^\D{0,6}\d[\d.,' ]*([eE][+-]?\d+|\D{0,5})$")
        filled, likely = text.select(cleaned(pl.col(column)).count(), digits.sum().alias("likely")).row(0)
        if how.value_column or 2 * likely > filled:
            number = text.select(numbers(text.lazy(), column, name, how.decimal)).to_series()
            number = number if 2 * number.count() > filled else None
    if number is None and how.value_column:
        raise ValueError(f"{name}: column {column!r} is not numbers; name another with --value-column")
    return number


def _step(stamps: pl.Series) -> int:
    """Minutes from one row to the next where days have several at regular times; else 0."""
    every = stamps.drop_nulls().unique().sort()
    if every.dt.date().n_unique() == len(every):
        return 0
    minutes = every.diff().drop_nulls().dt.total_minutes()
    step = int(minutes.mode().min())
    regular = 2 * (minutes == step).sum() > len(minutes)
    return step if regular and 0 < step < 1440 and 1440 % step == 0 else 0


def _rows_of(day: Any, step: int, timezone: str | None) -> int:
    """How many rows a whole local day has; 23 or 25 hours where the clock changes."""
    ends = [pd.Timestamp(day) + pd.Timedelta(days=i) for i in (0, 1)]
    if timezone:
        ends = [end.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward") for end in ends]
    return (ends[1] - ends[0]) // pd.Timedelta(minutes=step)


def _table(
    table: pd.DataFrame, measures: list[str], long: list[str], step: int, timezone: str | None, place: str
) -> pd.DataFrame:
    """Rows as days, and groups as columns."""
    table["date"] = table["date"].astype("datetime64[us]").dt.normalize()
    if step:
        rows = table.groupby(["date", *long])[measures]
        whole = {day: _rows_of(day, step, timezone) for day in table["date"].unique()}
        lacking = rows.count().lt(rows.size().index.get_level_values(0).map(whole), axis=0)
        table = rows.sum().mask(lacking).reset_index()
        short = lacking.index.get_level_values(0)[lacking.any(axis=1)].unique().strftime("%Y-%m-%d")
        told = ", ".join(short[:5]) + (f" and {len(short) - 5} more days" if len(short) > 5 else "")
        lack = f"; {told} lack some and are missing" if told else ""
        note(f"{place}one row every {step} minutes, summed to days{lack}")
    if long:
        if measures[1:]:
            raise ValueError(f"{place}several measures by group; name one with --value-column")
        table["group"] = table[long].fillna("(missing)").astype(str).agg(" / ".join, axis=1)
        table = table.set_index(["date", "group"])[measures[0]].unstack().rename_axis(columns=None)  # noqa: PD010
        table.attrs.update(groups=long, measure=measures[0])
    else:
        table = table.set_index("date")
    return table.set_index(pd.DatetimeIndex(table.index, name="date")).sort_index().asfreq("D")
