"""Every fault of a ledger or of a daily CSV at once, each with its row."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analysis.ledger.aggregate import COUNTER
from analysis.ledger.check_rows import Limits, ledger_faults
from analysis.ledger.daily import figures
from analysis.ledger.faults import SHOWN, Fault
from analysis.ledger.sources import (
    Dialect,
    described,
    dialect,
    is_daily,
    kind_of,
    opened,
    telling,
    zone_known,
)

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
    offline_channels: tuple[str, ...] = (COUNTER,),
    decimal: str | None = None,
    date_format: str | None = None,
    query: str | None = None,
) -> list[Fault]:
    """Every fault of a ledger, or of figures that are daily already; an empty list is a sound one.

    Read in a few streamed passes, so that memory does not grow with the rows. Of one kind of fault the first 20 rows
    are listed and the rest counted.

    Parameters
    ----------
    source, columns, timezone, refunds, encoding, offline_channels, decimal, date_format, query
        As in `daily_panel`. Without `columns` a ledger must have every column but `payer_id`; with it, `paid_at`,
        `amount` and those mapped.
    history_start, until : date-like, optional
        Times before the first or after the day of the second are faults; `until` is now.
    channels : sequence of str, optional
        The channels that there are. Without it only labels that nearly say an offline one are faults.
    largest : float
        An amount beyond it is absurd.
    date_column, value_column : str, optional
        Of daily figures, as in `read_daily`.

    Raises
    ------
    FileNotFoundError
        If there is nothing to check.
    """
    stop = pd.Timestamp.now() if until is None else pd.Timestamp(until).normalize() + pd.Timedelta(days=1)
    start = None if history_start is None else pd.Timestamp(history_start).to_pydatetime()
    known = None if channels is None else frozenset(channels)
    limits = Limits(start, stop.to_pydatetime(), largest, refunds, known, offline_channels)
    try:
        zone_known(timezone)
        faults = [fault for file in described(source)[1] for fault in _file_faults(file, encoding)]
        if faults:
            return faults
        if "pyspark" in type(source).__module__:
            raise ValueError("a Spark frame has no row numbers; write it to Parquet and check that")
        daily = is_daily(source, columns, date_column, value_column, encoding, query)
        if daily and columns:
            raise ValueError(
                "--columns maps a ledger's columns; name those of daily figures with --date-column"
            )
        with opened(source, columns, encoding, numbered=True, query=query) as ledger, telling(ledger.name):
            if not daily:
                return ledger_faults(ledger, columns, timezone, limits, decimal, date_format)
            last = (limits.stop - timedelta(microseconds=1)).date()
            first = None if start is None else start.date()
            how = (date_column, value_column, timezone, decimal, date_format)
            return figures(ledger, *how, first, last)[0]
    except FileNotFoundError:
        raise
    except ValueError as error:
        return [Fault.of(error)]


def _file_faults(file: Path, encoding: str | None) -> list[Fault]:
    """Faults that keep a file from being read: cut short, not in its encoding, lines of another width."""
    kind = kind_of(file)
    if kind == "parquet":
        try:
            with telling(file.name):
                pa.parquet.read_metadata(file)
        except ValueError:
            problem = "is not a whole Parquet file, it is cut short or damaged"
            return [Fault(None, None, problem, "copy it again", file.name)]
    if kind != "text":
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
                advice = "save the file as UTF-8 or say its encoding, such as --encoding cp1256"
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
