"""Every fault of a ledger or of a daily CSV at once, each with its row."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analysis.ledger import parsing
from analysis.ledger.check_rows import Limits, ledger_faults
from analysis.ledger.faults import SHOWN, Book, Fault, Kind, gaps
from analysis.ledger.sources import FILE, ROW, Dialect, dialect, find, is_daily, is_parquet, opened, telling

LARGEST = 1e9  # no single payment is expected beyond this


def check(
    source: Any,
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    refunds: bool = False,
    history_start: Any = None,
    until: Any = None,
    channels: Sequence[str] | None = None,
    largest: float = LARGEST,
    encoding: str | None = None,
    date_column: str | None = None,
    value_column: str | None = None,
) -> list[Fault]:
    """Every fault of a ledger, or of a CSV that is daily already; an empty list is a sound one.

    Read in a few streamed passes, so that memory does not grow with the rows. Of one kind of fault the first 20 rows
    are listed and the rest counted.

    Parameters
    ----------
    source, columns, timezone, refunds, encoding
        As in `daily_panel`. Without `columns` a ledger must have every column but `payer_id`; with it, `paid_at`,
        `amount` and those mapped.
    history_start, until : date-like, optional
        Times before the first or after the day of the second are faults; `until` is now.
    channels : sequence of str, optional
        The channels that there are. Without it only labels that nearly say `counter` are faults.
    largest : float
        An amount beyond it is absurd.
    date_column, value_column : str, optional
        Of a daily CSV, as in `read_daily`.

    Raises
    ------
    FileNotFoundError
        If there is nothing to check.
    """
    stop = pd.Timestamp.now() if until is None else pd.Timestamp(until).normalize() + pd.Timedelta(days=1)
    start = None if history_start is None else pd.Timestamp(history_start).to_pydatetime()
    known = None if channels is None else frozenset(channels)
    limits = Limits(start, stop.to_pydatetime(), largest, refunds, known)
    try:
        if isinstance(source, (str, Path)):
            faults = [fault for file in find(source) for fault in _file_faults(file, encoding)]
            if faults:
                return faults
        elif "pyspark" in type(source).__module__:
            raise ValueError("a Spark frame has no row numbers; write it to Parquet and check that")
        if is_daily(source, columns, date_column, value_column, encoding):
            return _daily_faults(source, limits, date_column, value_column, encoding)
        with opened(source, columns, encoding, numbered=True) as ledger, telling(ledger.name):
            return ledger_faults(ledger, columns, timezone, limits)
    except ValueError as error:
        return [Fault.of(error)]


def _file_faults(file: Path, encoding: str | None) -> list[Fault]:
    """Faults that keep a file from being read: cut short, not in its encoding, lines of another width."""
    if is_parquet(file):
        try:
            with telling(file.name):
                pa.parquet.read_metadata(file)
        except ValueError:
            problem = "is not a whole Parquet file, it is cut short or damaged"
            return [Fault(None, None, problem, "copy it again", file.name)]
        return []
    try:
        how = dialect(file, encoding, errors="replace")
        with telling(file.name):
            found = _undecodable(file, how)
            return [found] if found else _ragged(file, how)
    except ValueError as error:
        return [Fault.of(error, file.name)]


def _undecodable(file: Path, how: Dialect) -> Fault | None:
    """The first byte that is not in the file's encoding."""
    decoder = codecs.getincrementaldecoder(how.encoding)("strict")
    done = lines = 0
    with (gzip.open if how.zipped else open)(file, "rb") as raw:
        while True:
            block = raw.read(1 << 22)
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line = lines + block[: max(0, error.start - kept)].count(b"\n") + 1
                at, coding = done - kept + error.start + 1, how.encoding.removesuffix("-sig").upper()
                problem = f"byte {at:,} is not {coding} text"
                advice = "save the file as UTF-8 or say its encoding, such as encoding='cp1256'"
                return Fault(line - 1 or None, None, problem, advice, file.name, line)
            if not block:
                return None
            done, lines = done + len(block), lines + block.count(b"\n")


def _ragged(file: Path, how: Dialect) -> list[Fault]:
    """Lines with more or fewer cells than the header."""
    if how.separator == " " or how.encoding not in ("utf-8", "utf-8-sig"):
        return []
    bad, count = [], 0

    def note(row: Any) -> str:
        nonlocal count
        count += 1
        if len(bad) < SHOWN:
            bad.append((row.number, row.actual_columns, row.expected_columns))
        return "skip"

    reader = pa.csv.open_csv(
        pa.input_stream(file),
        pa.csv.ReadOptions(use_threads=False, block_size=1 << 22),
        pa.csv.ParseOptions(delimiter=how.separator, newlines_in_values=True, invalid_row_handler=note),
        pa.csv.ConvertOptions(column_types={name: pa.string() for name in how.header}),
    )
    for _ in reader:
        pass
    advice = "quote cells that hold the separator, and fill in the missing ones"
    faults = [
        Fault(line - 1, None, f"has {actual} cells, the header {expected}", advice, file.name, line)
        for line, actual, expected in bad
    ]
    if count > len(bad):
        problem = f"and {count - len(bad):,} more rows whose cells are not as many as the header's"
        faults.append(Fault(None, None, problem, advice, file.name))
    return faults


def _daily_faults(
    source: str | Path,
    limits: Limits,
    date_column: str | None,
    value_column: str | None,
    encoding: str | None,
) -> list[Fault]:
    """Faults of a CSV that is daily already."""
    with opened(source, None, encoding, numbered=True) as daily, telling(daily.name):
        frame = nw.to_native(daily.frame).collect()
    cells, files = frame.drop(FILE, ROW), tuple(file.name for file in daily.files)
    book = Book(frame.lazy(), files, {c: c for c in cells.columns}, True, daily.name)
    if frame.is_empty():
        return [book.whole(None, "holds no rows", "check that it is the right file")]
    day = date_column or parsing.date_column(cells, daily.name)
    for name in (day, value_column):
        if name is not None and name not in cells.columns:
            return [book.whole(None, f"no column {name!r}", f"found {', '.join(cells.columns)}")]
    read = parsing.times(cells.lazy(), day, daily.name, thorough=True).dt.date()
    frame = frame.with_columns(read.alias("the day"), pl.col(day).alias("raw " + day))
    frame = frame.with_columns(pl.col(ROW).first().over("the day").alias("row 1"))
    book, time, empty = book.with_frame(frame.lazy()), pl.col("the day"), _empty(day)
    last = (limits.stop - timedelta(microseconds=1)).date()
    kinds = [
        Kind(day, empty, "is empty", "write the day as 2017-10-26"),
        Kind(day, time.is_null() & ~empty, "{} is not a day", "write it as 2017-10-26"),
        Kind(day, time > last, "{} is after " + f"{last}", "correct it"),
    ]
    if limits.start is not None:
        kinds.append(Kind(day, time < limits.start.date(), "{} is before the history starts", "leave it out"))
    twice = frame.filter(time.is_not_null() & (pl.col("row 1") != pl.col(ROW)))
    if 2 * twice.height > frame.height:
        problem = f"has no column 'paid_at', and its {day!r} has many rows a day like a ledger"
        return [book.whole(None, problem, f"map its columns: columns: {{paid_at: {day}, amount: …}}")]
    faults = book.listed(kinds)
    for file, row, text, first in twice.select(FILE, ROW, day, "row 1").head(SHOWN).rows():
        faults.append(book.fault(file, row, day, f"{text!r} is also in row {first:,}", "keep one row a day"))
    faults += book.more(twice.height - SHOWN, day, "the day came before", "keep one row a day")
    for column in [value_column] if value_column else [c for c in cells.columns if c != day]:
        faults += _measure_faults(book, column, bool(value_column))
    found = frame.filter(time <= last)["the day"].unique().to_list()
    return faults + gaps(found, book, day, "add the days; until then they are missing, not zero")


def _measure_faults(book: Book, column: str, wanted: bool) -> list[Fault]:
    """Cells of a measure that are no numbers, or negative; a column that mostly is no numbers is no measure."""
    number = parsing.amounts(column, pl.String(), thorough=True)
    read = book.frame.with_columns(number.alias(column), pl.col(column).alias("raw " + column))
    book, empty = book.with_frame(read), _empty("raw " + column)
    unread = Kind(column, pl.col(column).is_null() & ~empty, "{} is not a number", "write it as 1234.5")
    filled, bad = book.counts([Kind(column, ~empty, "", ""), unread])
    if not wanted and 2 * bad >= filled:
        return []
    advice = "fill it in, or leave the day out"
    negative = Kind(column, pl.col(column) < 0, "{} is negative", "correct it")
    return book.listed([Kind(column, empty, "is empty", advice), unread, negative])


def _empty(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "")
