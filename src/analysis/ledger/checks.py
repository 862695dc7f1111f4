"""Every fault of a ledger or of daily figures at once, each with its row."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow.parquet

from analysis.ledger.check_rows import Limits, ledger_faults
from analysis.ledger.daily import figures
from analysis.ledger.faults import SHOWN, Fault
from analysis.ledger.sources import (
    ENCODING_ADVICE,
    Dialect,
    Reading,
    described,
    dialect,
    is_daily,
    kind_of,
    opened,
    telling,
)

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
    start = datetime.min if history_start is None else pd.Timestamp(history_start).to_pydatetime()
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
            return figures(data, how, start.date(), (limits.stop - timedelta(microseconds=1)).date())[0]
    except ValueError as error:
        return [Fault.of(error)]


def _file_faults(file: Path, encoding: str | None) -> list[Fault]:
    """Faults that keep a file from being read: cut short, not in its encoding, lines of another width."""
    kind = kind_of(file)
    try:
        with telling(file.name):
            if kind == "parquet":
                pyarrow.parquet.read_metadata(file)
            return _line_faults(file, dialect(file, encoding, errors="replace")) if kind == "text" else []
    except ValueError as error:
        return [Fault.of(error, file.name)]


def _line_faults(file: Path, how: Dialect) -> list[Fault]:
    """The first line that is not in the file's encoding, or the lines with more or fewer cells than the header."""
    done, read, faults, count = 0, 0, [], 0
    advice = "quote cells that hold the separator, and fill in the missing ones"

    def lines(raw: IO[bytes]) -> Iterator[str]:
        nonlocal done, read
        for line in raw:
            yield codecs.decode(line, how.encoding)
            done, read = done + len(line), read + 1

    try:
        if how.encoding.startswith("utf-16") or how.separator == " ":
            return []
        with (gzip.open if how.zipped else open)(file, "rb") as raw:
            rows = csv.reader(lines(raw), delimiter=how.separator)
            for row in rows:
                if len(row) != len(how.header) and row:
                    count += 1
                    if count <= SHOWN:
                        problem = f"has {len(row)} cells, the header {len(how.header)}"
                        line = rows.line_num
                        faults.append(Fault(line - 1, None, problem, advice, file.name, line))
    except UnicodeDecodeError as error:
        coding = how.encoding.removesuffix("-sig").upper()
        problem = f"byte {done + error.start + 1:,} is not {coding} text"
        return [Fault(read or None, None, problem, ENCODING_ADVICE, file.name, read + 1)]
    if count > SHOWN:
        problem = f"and {count - SHOWN:,} more rows whose cells are not as many as the header's"
        faults.append(Fault(None, None, problem, advice, file.name))
    return faults
