"""Every fault of a ledger or of daily figures at once, each with its row."""

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

from analysis.ledger.check_rows import Limits, ledger_faults
from analysis.ledger.daily import figures
from analysis.ledger.faults import SHOWN, Fault
from analysis.ledger.sources import Dialect, Reading, described, dialect, is_daily, kind_of, opened, telling

LARGEST = 1e9  # no single payment is expected beyond this


def check(
    source: Any,
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    history_start: Any = None,
    until: Any = None,
    channels: Sequence[str] | None = None,
    largest: float = LARGEST,
    how: Reading | None = None,
    **reading: Any,
) -> list[Fault]:
    """Every fault of a ledger, or of figures that are daily already; an empty list is a sound one.

    Read in a few streamed passes, so that memory does not grow with the rows. Of one kind of fault the first 20 rows
    are listed and the rest counted. What is no fault but has to be known is a `Note`.

    Parameters
    ----------
    source, columns, timezone, **reading
        As in `daily_panel`; or all of it as `how`. Without `columns` a ledger must have every column but `payer_id`;
        with it, `paid_at`, `amount` and those mapped.
    history_start, until : date-like, optional
        Times before the first or after the day of the second are faults; `until` is now.
    channels : sequence of str, optional
        The channels that there are. Without it only labels that nearly say an offline one are faults.
    largest : float
        An amount beyond it is absurd.

    Raises
    ------
    FileNotFoundError
        If there is nothing to check.
    """
    stop = pd.Timestamp.now() if until is None else pd.Timestamp(until).normalize() + pd.Timedelta(days=1)
    start = None if history_start is None else pd.Timestamp(history_start).to_pydatetime()
    limits = Limits(start, stop.to_pydatetime(), largest, None if channels is None else frozenset(channels))
    try:
        how = how or Reading(columns=columns, timezone=timezone, **reading)
        faults = [fault for file in described(source)[1] for fault in _file_faults(file, how.encoding)]
        if faults:
            return faults
        if "pyspark" in type(source).__module__:
            raise ValueError("a Spark frame has no row numbers; write it to Parquet and check that")
        daily = is_daily(source, how=how)
        if daily and how.columns:
            raise ValueError(
                "--columns maps a ledger's columns; name those of daily figures with --date-column"
            )
        with opened(source, how.columns, how.encoding, how.query, numbered=True) as data, telling(data.name):
            if not daily:
                return ledger_faults(data, how, limits)
            last = (limits.stop - timedelta(microseconds=1)).date()
            return figures(data, how, None if start is None else start.date(), last)[0]
    except ValueError as error:
        return [Fault.of(error)]


def _file_faults(file: Path, encoding: str | None) -> list[Fault]:
    """Faults that keep a file from being read: cut short, not in its encoding, lines of another width."""
    kind = kind_of(file)
    try:
        with telling(file.name):
            if kind == "parquet":
                pa.parquet.read_metadata(file)
            if kind != "text":
                return []
            how = dialect(file, encoding, errors="replace")
            found = _undecodable(file, how)
            return [found] if found else _ragged(file, how)
    except ValueError as error:
        return [Fault.of(error, file.name)]


def _undecodable(file: Path, how: Dialect) -> Fault | None:
    """The first byte that is not in the file's encoding."""
    if how.encoding.replace("-", "").lower().startswith("utf16"):
        return None
    done = 0
    with (gzip.open if how.zipped else open)(file, "rb") as raw:
        for line, text in enumerate(raw, start=1):
            try:
                codecs.decode(text, how.encoding)
            except UnicodeDecodeError as error:
                coding = how.encoding.removesuffix("-sig").upper()
                problem = f"byte {done + error.start + 1:,} is not {coding} text"
                advice = "save the file as UTF-8 or say its encoding, such as --encoding cp1256"
                return Fault(line - 1 or None, None, problem, advice, file.name, line)
            done += len(text)
    return None


def _ragged(file: Path, how: Dialect) -> list[Fault]:
    """Lines with more or fewer cells than the header."""
    if how.separator == " " or how.encoding not in ("utf-8", "utf-8-sig"):
        return []
    bad: list[tuple] = []
    count = 0

    def kept(row: Any) -> str:
        nonlocal count
        count += 1
        bad.extend([(row.number, row.actual_columns, row.expected_columns)] * (len(bad) < SHOWN))
        return "skip"

    reader = pa.csv.open_csv(
        pa.input_stream(file),
        pa.csv.ReadOptions(use_threads=False, block_size=1 << 22),
        pa.csv.ParseOptions(delimiter=how.separator, newlines_in_values=True, invalid_row_handler=kept),
        pa.csv.ConvertOptions(column_types={name: pa.string() for name in how.header}),
    )
    for _ in reader:
        pass
    advice = "quote cells that hold the separator, and fill in the missing ones"
    faults = [
        Fault(line - 1, None, f"has {actual} cells, the header {expected}", advice, file.name, line)
        for line, actual, expected in bad
    ]
    if more := count - len(bad):
        problem = f"and {more:,} more rows whose cells are not as many as the header's"
        faults.append(Fault(None, None, problem, advice, file.name))
    return faults
