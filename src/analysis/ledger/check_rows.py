"""The faults of a ledger's rows: times, amounts, labels, identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import narwhals as nw
import polars as pl

from analysis.ledger.aggregate import near_offline, refuse_types, typed
from analysis.ledger.faults import SHOWN, Book, Fault, Kind, gaps
from analysis.ledger.notation import OFFSET, cleaned, numbers
from analysis.ledger.sources import COLUMNS, FILE, ROW, Reading, Source, hint, missing

ALIKE = 0.2  # a larger share of rows alike in every column is said
HASHED = 8_000_000  # identifiers compared at a time
TIME_ADVICE = "write it as 2017-10-26 14:30:00"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is out of range: times before `start` or from `stop` on, amounts beyond `largest`, other channels."""

    start: datetime
    stop: datetime
    largest: float
    channels: frozenset[str] | None


def ledger_faults(ledger: Source, how: Reading, limits: Limits) -> list[Fault]:
    """Every fault of an opened ledger with numbered rows."""
    frame: pl.LazyFrame = nw.to_native(ledger.frame)
    schema = frame.collect_schema()
    book = Book(ledger, frame)
    needed = ["paid_at", "amount", *how.columns] if how.columns else [c for c in COLUMNS if c != "payer_id"]
    present = [c for c in schema.names() if c not in (FILE, ROW)]
    faults, has = [], set()
    for column in dict.fromkeys([*needed, *ledger.names]):
        try:
            if column not in ledger.names:
                raise ValueError(missing(column, present, ledger.name))
            refuse_types(nw.Schema({column: ledger.frame.collect_schema()[column]}), ledger.name)
            has.add(column)
        except ValueError as error:
            fault = Fault.of(error, ledger.name)
            faults.append(book.whole(column, fault.problem.removeprefix(f"{column} "), fault.advice, True))
    if frame.head(1).collect().is_empty():
        return [*faults, book.whole(None, "holds no payments", "check that it is the right file", True)]
    for column, found in (("paid_at", _times), ("amount", _amounts)):
        try:
            faults += found(book, schema[column], how, limits) if column in has else []
        except ValueError as error:  # a column that can be read two ways
            faults.append(Fault.of(error, ledger.name))
    if "channel" in has:
        faults += _channels(book, how.offline_channels, limits.channels)
    words = dict.fromkeys(("entity", "service", "channel", "transaction_id"), "is empty")
    words["payer_id"] = "is empty, so the payment has no payer"
    faults += book.listed(
        [Kind(c, _empty(pl.col(c)), word, "fill it in") for c, word in words.items() if c in has]
    )
    if "payer_id" in has:
        payer = pl.col("payer_id")
        ends = frame.select(payer.min().alias("a"), payer.max().alias("b"), pl.len()).collect(
            engine="streaming"
        )
        if ends["a"].equals(ends["b"]) and ends["len"][0] > 1:
            advice = "map the column that tells payers apart"
            faults.append(book.whole("payer_id", "is the same in every row", advice))
    return faults + (_duplicates(book) if "transaction_id" in has else _alike(book))


def _empty(text: pl.Expr) -> pl.Expr:
    return text.is_null() | (text.cast(pl.String).str.strip_chars() == "")


def _times(book: Book, dtype: pl.DataType, how: Reading, limits: Limits) -> list[Fault]:
    """Times that are unreadable or out of range, days without a payment."""
    raw, time = pl.col("raw paid_at"), pl.col("paid_at")
    frame = book.frame.select(FILE, ROW, time, time.cast(pl.String).alias("raw paid_at"))
    read = book.with_frame(
        nw.to_native(typed(nw.from_native(frame), book.source.name, how.timezone, None, how.date_format))
    )
    unread, late = time.is_null() & ~_empty(raw), f"{{}} is not before {limits.stop:%Y-%m-%d %H:%M}"
    header, zoned = raw == book.source.names["paid_at"], cleaned(raw).str.contains(OFFSET)
    early = f"{{}} is before the history starts, {limits.start:%Y-%m-%d}"
    kinds = [
        Kind("paid_at", _empty(raw), "is empty", TIME_ADVICE, True),
        Kind("paid_at", unread & header, "the header comes again", "remove the line", True),
        Kind("paid_at", unread & zoned, "{} carries a time zone, other rows do not", "write all alike", True),
        Kind("paid_at", unread & ~header & ~zoned, "{} is not a time", TIME_ADVICE, True),
        Kind("paid_at", time >= limits.stop, late, "correct it"),
        Kind("paid_at", time < limits.start, early, "correct it or leave it out"),
    ]
    inside = read.frame.filter((time >= limits.start) & (time < limits.stop))
    days = inside.select(time.dt.date().alias("day")).unique().collect(engine="streaming")["day"]
    return read.listed(kinds) + gaps(
        days.to_list(), book, "paid_at", "add them, or leave it if nothing was open"
    )


def _amounts(book: Book, dtype: pl.DataType, how: Reading, limits: Limits) -> list[Fault]:
    """Amounts that are missing, no numbers, negative, absurd, or finer than two decimals."""
    raw, amount = pl.col("raw amount"), pl.col("amount")
    frame = book.frame.select(FILE, ROW, amount, amount.cast(pl.String).alias("raw amount"))
    number = amount.cast(pl.Float64)
    if dtype == pl.String:
        number = numbers(frame, "amount", book.source.name, how.decimal)
    read = book.with_frame(frame.with_columns(number.alias("amount")))
    finite = amount.is_finite().fill_null(False)
    fine = (amount * 100 - (amount * 100).round()).abs() > 1e-3
    kinds = [
        Kind("amount", _empty(raw), "is empty", "fill it in", True),
        Kind("amount", ~finite & ~_empty(raw), "{} is not a number", "write it as 1234.50", True),
        Kind(
            "amount", finite & (amount.abs() > limits.largest), "{} is beyond any payment", "correct it", True
        ),
        Kind(
            "amount", finite & fine & (amount.abs() < 1e9), "{} has more than two decimals", "round it to two"
        ),
    ]
    if not how.refunds:
        advice = "correct it, or say refunds=True (in a study: refunds: true) if it is a refund"
        kinds.append(Kind("amount", finite & (amount < 0), "{} is negative", advice, True))
    return read.listed(kinds)


def _channels(book: Book, offline: tuple[str, ...], channels: frozenset[str] | None) -> list[Fault]:
    """Labels that nearly say an offline channel, or that are not among the known channels."""
    label = pl.col("channel").cast(pl.String)
    found = book.frame.select(label.alias("x")).unique().collect(engine="streaming")["x"].drop_nulls()
    known = (channels or frozenset(found)).union(offline)
    kinds = []
    for one in sorted(found)[:1_000]:
        near = None if one in (channels or ()) else near_offline(one, offline)
        if near:
            problem = f"{{}} looks like {near!r} and would count as digital"
            kinds.append(Kind("channel", label == one, problem, f"write it as {near}"))
        elif one.strip() and one not in known:
            advice = hint(one, known, f"the channels are {', '.join(sorted(known))}")
            kinds.append(Kind("channel", label == one, "{} is not a known channel", advice))
    return book.listed(kinds)


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
    label = pl.col("transaction_id").cast(pl.String)
    coded = book.frame.filter(~_empty(label)).select(
        FILE, ROW, label.alias("id"), label.hash(0).alias("code")
    )
    shares = -(-book.frame.select(pl.len()).collect(engine="streaming").item() // HASHED)
    twice = []
    for share in range(shares):
        codes = coded.select("code").filter(pl.col("code") % shares == share)
        agree = codes.group_by("code").agg(pl.len().alias("n")).filter(pl.col("n") > 1)
        twice.append(agree.collect(engine="streaming"))
    twice = pl.concat(twice)
    rows = coded.join(twice.head(10_000).lazy().select("code"), on="code", how="semi").head(1_000_000)
    rows = rows.collect(engine="streaming").sort(FILE, ROW)
    first = [pl.col(column).first().over("id").alias(f"{column} 1") for column in (FILE, ROW)]
    later = rows.with_columns(first).filter(~pl.struct("id").is_first_distinct()).head(SHOWN)
    faults = []
    for file, row, text, _, file_1, row_1 in later.rows():
        where = f"row {row_1:,}" + ("" if file == file_1 else f" of {book.source.files[file_1].name}")
        faults.append(
            book.fault(file, row, "transaction_id", f"{text!r} is also in {where}", "keep one of them")
        )
    more = int(twice["n"].sum() - twice.height) - later.height
    return faults + book.more(more, "transaction_id", "the identifier came before", "keep one of them")
