"""Every fault of a ledger or of daily figures at once, each with its row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow.parquet

from analysis.ledger.aggregate import near_offline, refuse_types, typed
from analysis.ledger.daily import figures
from analysis.ledger.faults import FILE, ROW, SHOWN, Book, Fault, Kind, hint, missing, telling
from analysis.ledger.files import line_faults
from analysis.ledger.headers import COLUMNS
from analysis.ledger.notation import OFFSET, cleaned, numbers
from analysis.ledger.sources import Reading, Source, described, kind_of, opened

LARGEST = 1e9  # no single payment is expected beyond this
ALIKE = 0.2  # a larger share of rows alike in every column is said
HASHED = 8_000_000  # identifiers compared at a time
TIME_ADVICE = "write it as 2017-10-26 14:30:00"
EMPTY = dict.fromkeys(("entity", "service", "channel", "transaction_id"), "is empty")
EMPTY["payer_id"] = "is empty, so the payment has no payer"


def check(
    data: Any,
    history_start: Any = None,
    until: Any = None,
    channels: Sequence[str] = (),
    how: Reading | None = None,
    **reading: Any,
) -> list[Fault]:
    """Every fault of a ledger, or of figures that are daily already; an empty list is a sound one.

    Read in a few streamed passes, so that memory does not grow with the rows. Of one kind of fault the first 20 rows
    are listed and the rest counted. What is no fault but has to be known is a `Note`.

    Parameters
    ----------
    data, how, **reading
        As in `sources.opened`. A ledger under our names must have every column but `payer_id`, another `paid_at`,
        `amount` and those of `columns`.
    history_start, until : date-like, optional
        Times before the first or after the day of the second are faults; `until` is now.
    channels : sequence of str
        The channels that there are. Without it only labels that nearly say an offline one are faults.

    Raises
    ------
    FileNotFoundError
        If there is nothing to check.
    """
    stop = pd.Timestamp.now() if until is None else pd.Timestamp(until).normalize() + pd.Timedelta(days=1)
    start = datetime.min if history_start is None else pd.Timestamp(history_start).to_pydatetime()
    try:
        how = how or Reading(**reading)
        if faults := [fault for file in described(data)[1] for fault in _file_faults(file, how.encoding)]:
            return faults
        if "pyspark" in type(data).__module__:
            raise ValueError("a Spark frame has no row numbers; write it to Parquet and check that")
        with opened(data, how, daily=None, numbered=True) as source:
            if not source.daily:
                return _ledger_faults(source, start, stop.to_pydatetime(), channels)
            if how.columns:
                advice = "name those of daily figures with --date-column"
                raise ValueError(f"--columns maps a ledger's columns; {advice}")
            return figures(source, start.date(), (stop - timedelta(microseconds=1)).date())[0]
    except ValueError as error:
        return [Fault.of(error)]


def _file_faults(file: Path, encoding: str | None) -> list[Fault]:
    """Faults that keep a file from being read: cut short, not in its encoding, lines of another width."""
    kind = kind_of(file)
    try:
        with telling(file.name):
            if kind == "parquet":
                pyarrow.parquet.read_metadata(file)
            return line_faults(file, encoding) if kind == "text" else []
    except ValueError as error:
        return [Fault.of(error, file.name)]


def _ledger_faults(ledger: Source, start: datetime, stop: datetime, channels: Sequence[str]) -> list[Fault]:
    """Every fault of an opened ledger with numbered rows; times from `start` on and before `stop` are in range."""
    frame: pl.LazyFrame = nw.to_native(ledger.frame)
    schema, book = ledger.frame.collect_schema(), Book(ledger, frame)
    needed, faults, has = ["paid_at", "amount", *ledger.how.columns], [], set()
    if all(ours == theirs for ours, theirs in ledger.names.items()):
        needed = needed if ledger.how.columns else [c for c in COLUMNS if c != "payer_id"]
    for column in dict.fromkeys([*needed, *ledger.names]):
        try:
            if column not in ledger.names:
                raise ValueError(missing(column, [c for c in schema if c not in (FILE, ROW)], ledger.name))
            refuse_types(nw.Schema({column: schema[column]}), ledger.name)
            has.add(column)
        except ValueError as error:
            fault = Fault.of(error, ledger.name)
            faults.append(book.whole(column, fault.problem.removeprefix(f"{column} "), fault.advice, True))
    if frame.head(1).collect().is_empty():
        return [*faults, book.whole(None, "holds no payments", "check that it is the right file", True)]
    looks = ("paid_at", _times, start, stop), ("amount", _amounts), ("channel", _channels, channels)
    for column, look, *limits in (*looks, ("payer_id", _payers)):
        try:
            faults += look(book, *limits) if column in has else []
        except ValueError as error:  # a column that can be read two ways
            faults.append(Fault.of(error, ledger.name))
    faults += book.listed([Kind(c, _empty(c), word, "fill it in") for c, word in EMPTY.items() if c in has])
    return faults + (_duplicates(book) if "transaction_id" in has else _alike(book))


def _empty(column: str) -> pl.Expr:
    text = pl.col(column)
    return text.is_null() | (text.cast(pl.String).str.strip_chars() == "")


def _times(book: Book, start: datetime, stop: datetime) -> list[Fault]:
    """Times that are unreadable or out of range, days without a payment."""
    raw, time, empty = pl.col("raw paid_at"), pl.col("paid_at"), _empty("raw paid_at")
    frame = book.frame.select(FILE, ROW, time, time.cast(pl.String).alias("raw paid_at"))
    frame = nw.to_native(typed(nw.from_native(frame), book.source.name, book.source.how))
    unread, late = time.is_null() & ~empty, f"{{}} is not before {stop:%Y-%m-%d %H:%M}"
    header, zoned = raw == book.source.names["paid_at"], cleaned(raw).str.contains(OFFSET)
    early = f"{{}} is before the history starts, {start:%Y-%m-%d}"
    kinds = [
        Kind("paid_at", empty, "is empty", TIME_ADVICE, True),
        Kind("paid_at", unread & header, "the header comes again", "remove the line", True),
        Kind("paid_at", unread & zoned, "{} carries a time zone, other rows do not", "write all alike", True),
        Kind("paid_at", unread & ~header & ~zoned, "{} is not a time", TIME_ADVICE, True),
        Kind("paid_at", time >= stop, late, "correct it"),
        Kind("paid_at", time < start, early, "correct it or leave it out"),
    ]
    inside = frame.filter((time >= start) & (time < stop)).select(time.dt.date().unique())
    days = inside.collect(engine="streaming").to_series().to_list()
    gaps = book.gaps(days, "paid_at", "add them, or leave it if nothing was open")
    return Book(book.source, frame).listed(kinds) + gaps


def _amounts(book: Book) -> list[Fault]:
    """Amounts that are missing, no numbers, negative, absurd, or finer than two decimals."""
    amount, empty, how = pl.col("amount"), _empty("raw amount"), book.source.how
    frame = book.frame.select(FILE, ROW, amount, amount.cast(pl.String).alias("raw amount"))
    text = frame.collect_schema()["amount"] == pl.String
    number = numbers(frame, "amount", book.source.name, how.decimal) if text else amount.cast(pl.Float64)
    finite, size = amount.is_finite().fill_null(False), amount.abs()
    fine = (amount * 100 - (amount * 100).round()).abs() > 1e-3
    negative = finite & (amount < 0) & (not how.refunds)
    advice = "correct it, or say refunds=True (in a study: refunds: true) if it is a refund"
    kinds = [
        Kind("amount", empty, "is empty", "fill it in", True),
        Kind("amount", ~finite & ~empty, "{} is not a number", "write it as 1234.50", True),
        Kind("amount", finite & (size > LARGEST), "{} is beyond any payment", "correct it", True),
        Kind("amount", finite & fine & (size < 1e9), "{} has more than two decimals", "round it to two"),
        Kind("amount", negative, "{} is negative", advice, True),
    ]
    return Book(book.source, frame.with_columns(number.alias("amount"))).listed(kinds)


def _channels(book: Book, channels: Sequence[str]) -> list[Fault]:
    """Labels that nearly say an offline channel, or that are not among the known channels."""
    label, offline = pl.col("channel").cast(pl.String), book.source.how.offline_channels
    found = book.frame.select(label.alias("x")).unique().collect(engine="streaming")["x"].drop_nulls()
    known = {*(channels or found), *offline}
    kinds = []
    for one in sorted(found)[:1_000]:
        near = None if one in channels else near_offline(one, offline)
        if near:
            problem = f"{{}} looks like {near!r} and would count as digital"
            kinds.append(Kind("channel", label == one, problem, f"write it as {near}"))
        elif one.strip() and one not in known:
            advice = hint(one, known, f"the channels are {', '.join(sorted(known))}")
            kinds.append(Kind("channel", label == one, "{} is not a known channel", advice))
    return book.listed(kinds)


def _payers(book: Book) -> list[Fault]:
    """Whether all rows have one payer."""
    ends = pl.col("payer_id").min().eq_missing(pl.col("payer_id").max())
    alike, count = book.frame.select(ends, pl.len()).collect(engine="streaming").row(0)
    advice = "map the column that tells payers apart"
    return [book.whole("payer_id", "is the same in every row", advice)] if alike and count > 1 else []


def _alike(book: Book) -> list[Fault]:
    """Without identifiers, how many rows are like another in every column."""
    rows = book.frame.select(pl.struct(pl.all().exclude(FILE, ROW)).hash(0).alias("code"))
    count, distinct = rows.select(pl.len(), pl.col("code").n_unique()).collect(engine="streaming").row(0)
    if count - distinct <= ALIKE * count:
        return []
    problem = f"{count - distinct:,} of {count:,} rows are like another in every column"
    return [book.whole(None, problem, "keep one of each if they are one payment, or add transaction_id")]


def _duplicates(book: Book) -> list[Fault]:
    """Identifiers that come twice. Their hashes are compared, a share at a time; then the few that agree."""
    label, column = pl.col("transaction_id").cast(pl.String), "transaction_id"
    coded = book.frame.filter(~_empty(column))
    coded = coded.select(FILE, ROW, label.alias("id"), label.hash(0).alias("code"))
    shares = -(-book.frame.select(pl.len()).collect(engine="streaming").item() // HASHED)
    twice = []
    for share in range(shares):
        codes = coded.select("code").filter(pl.col("code") % shares == share)
        agree = codes.group_by("code").agg(pl.len().alias("n")).filter(pl.col("n") > 1)
        twice.append(agree.collect(engine="streaming"))
    twice = pl.concat(twice)
    rows = coded.join(twice.head(10_000).lazy().select("code"), on="code", how="semi").head(1_000_000)
    rows = rows.collect(engine="streaming").sort(FILE, ROW)
    first = [pl.col(place).first().over("id").alias(f"{place} 1") for place in (FILE, ROW)]
    later = rows.with_columns(first).filter(~pl.struct("id").is_first_distinct()).head(SHOWN)
    faults = []
    for file, row, text, _, file_1, row_1 in later.rows():
        where = f"row {row_1:,}" + ("" if file == file_1 else f" of {book.source.files[file_1].name}")
        faults.append(book.fault(file, row, column, f"{text!r} is also in {where}", "keep one of them"))
    more = int(twice["n"].sum() - twice.height) - later.height
    return faults + book.more(more, column, "the identifier came before", "keep one of them")
