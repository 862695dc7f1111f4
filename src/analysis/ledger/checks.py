"""Every fault of a ledger or of daily figures at once, each with its row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow.parquet

from analysis.ledger.aggregate import as_local, as_numbers, near_offline, refuse_types
from analysis.ledger.daily import figures
from analysis.ledger.faults import SHOWN, Fault, Kind, missing, telling
from analysis.ledger.files import line_faults
from analysis.ledger.headers import COLUMNS
from analysis.ledger.notation import OFFSET, cleaned
from analysis.ledger.sources import FILE, ROW, Reading, Source, described, kind_of, opened

LARGEST = 1e9  # no single payment is expected beyond this
ALIKE = 0.2  # a larger share of rows alike in every column is said
HASHED = 8_000_000  # identifiers compared at a time
EMPTY = dict.fromkeys(("entity", "service", "channel", "transaction_id"), "is empty")
EMPTY["payer_id"] = "is empty, so the payment has no payer"


def check(data: Any, how: Reading | None = None, **reading: Any) -> list[Fault]:
    """Every fault of a ledger, or of figures that are daily already; an empty list is a sound one.

    Read in a few streamed passes, so that memory does not grow with the rows. Of one kind of fault the first 20 rows
    are listed and the rest counted. What is no fault but has to be known is a `Note`. A ledger under our names must
    have every column but `payer_id`, another `paid_at`, `amount` and those of `columns`. `data`, `how` and `reading`
    are as in `sources.opened`; FileNotFoundError if there is nothing to check.
    """
    now = datetime.now()
    try:
        how, faults = how or Reading(**reading), []
        for file in described(data)[1]:
            kind = kind_of(file)
            try:
                with telling(file.name):
                    if kind == "parquet":
                        pyarrow.parquet.read_metadata(file)
                    faults += line_faults(file, how.encoding) if kind == "text" else []
            except ValueError as error:
                faults.append(Fault.of(error, file.name))
        if faults:
            return faults
        if "pyspark" in type(data).__module__:
            raise ValueError("a Spark frame has no row numbers; write it to Parquet and check that")
        with opened(data, how, daily=None, numbered=True) as source:
            if source.daily and how.columns:
                advice = "name those of daily figures with --date-column"
                raise ValueError(f"--columns maps a ledger's columns; {advice}")
            return figures(source, now.date())[0] if source.daily else _of_ledger(source, now)
    except ValueError as error:
        return [Fault.of(error)]


def _of_ledger(ledger: Source, now: datetime) -> list[Fault]:
    """Every fault of an opened ledger with numbered rows."""
    frame: pl.LazyFrame = nw.to_native(ledger.frame)
    schema, faults = ledger.frame.collect_schema(), []
    needed = ["paid_at", "amount", *ledger.how.columns]
    if not ledger.how.columns and all(ours == theirs for ours, theirs in ledger.names.items()):
        needed = [c for c in COLUMNS if c != "payer_id"]
    has = set()
    for column in dict.fromkeys([*needed, *ledger.names]):
        try:
            if column not in ledger.names:
                raise ValueError(missing(column, [c for c in schema if c not in (FILE, ROW)], ledger.name))
            refuse_types(nw.Schema({column: schema[column]}), ledger.name)
            has.add(column)
        except ValueError as error:
            fault = Fault.of(error, ledger.name)
            faults.append(ledger.whole(column, fault.problem.removeprefix(f"{column} "), fault.advice, True))
    if frame.head(1).collect().is_empty():
        return [*faults, ledger.whole(None, "holds no payments", "check that it is the right file", True)]
    kinds = []
    for column, read, looks in (("paid_at", as_local, _times), ("amount", as_numbers, _amounts)):
        try:
            if column in has:
                raw = frame.with_columns(pl.col(column).cast(pl.String).alias(f"raw {column}"))
                frame = nw.to_native(read(nw.from_native(raw), ledger.name, ledger.how))
                kinds += looks(ledger, now)
        except ValueError as error:  # a column that can be read two ways
            faults.append(Fault.of(error, ledger.name))
    if "channel" in has:
        label, offline = pl.col("channel").cast(pl.String), ledger.how.offline_channels
        found = frame.select(label.unique()).collect(engine="streaming")["channel"].drop_nulls().sort()
        for one in found.head(1_000):
            if near := near_offline(one, offline):
                problem = f"{{}} looks like {near!r} and would count as digital"
                kinds.append(Kind("channel", label == one, problem, f"write it as {near}"))
    kinds += [Kind(c, _empty(c), word, "fill it in") for c, word in EMPTY.items() if c in has]
    faults += ledger.listed(frame, kinds)
    if any(kind.column == "paid_at" for kind in kinds):
        time = pl.col("paid_at")
        days = frame.filter(time < now).select(time.dt.date().unique()).collect(engine="streaming")
        faults += ledger.gaps(
            days["paid_at"].to_list(), "paid_at", "add them, or leave it if nothing was open"
        )
    if "payer_id" in has:
        ends = pl.col("payer_id").min().eq_missing(pl.col("payer_id").max())
        alike, count = frame.select(ends, pl.len()).collect(engine="streaming").row(0)
        advice = "map the column that tells payers apart"
        faults += (
            [ledger.whole("payer_id", "is the same in every row", advice)] if alike and count > 1 else []
        )
    if "transaction_id" in has:
        return faults + _duplicates(ledger)
    code = nw.to_native(ledger.frame).select(pl.struct(pl.all().exclude(FILE, ROW)).hash(0).alias("code"))
    count, distinct = code.select(pl.len(), pl.col("code").n_unique()).collect(engine="streaming").row(0)
    if count - distinct > ALIKE * count:
        problem = f"{count - distinct:,} of {count:,} rows are like another in every column"
        advice = "keep one of each if they are one payment, or add transaction_id"
        faults.append(ledger.whole(None, problem, advice))
    return faults


def _empty(column: str) -> pl.Expr:
    text = pl.col(column)
    return text.is_null() | (text.cast(pl.String).str.strip_chars() == "")


def _times(ledger: Source, now: datetime) -> list[Kind]:
    """Times that are unreadable or to come."""
    raw, time, empty = pl.col("raw paid_at"), pl.col("paid_at"), _empty("raw paid_at")
    header, zoned = raw == ledger.names["paid_at"], cleaned(raw).str.contains(OFFSET)
    unread, late = time.is_null() & ~empty, f"{{}} is not before {now:%Y-%m-%d %H:%M}"
    advice = "write it as 2017-10-26 14:30:00"
    return [
        Kind("paid_at", empty, "is empty", advice, True),
        Kind("paid_at", unread & header, "the header comes again", "remove the line", True),
        Kind("paid_at", unread & zoned, "{} carries a time zone, other rows do not", "write all alike", True),
        Kind("paid_at", unread & ~header & ~zoned, "{} is not a time", advice, True),
        Kind("paid_at", time >= now, late, "correct it"),
    ]


def _amounts(ledger: Source, _now: datetime) -> list[Kind]:
    """Amounts that are missing, no numbers, negative, absurd, or finer than two decimals."""
    amount, empty = pl.col("amount"), _empty("raw amount")
    finite, size = amount.is_finite().fill_null(False), amount.abs()
    fine = (amount * 100 - (amount * 100).round()).abs() > 1e-3
    negative = finite & (amount < 0) & (not ledger.how.refunds)
    advice = "correct it, or say refunds=True (in a study: refunds: true) if it is a refund"
    return [
        Kind("amount", empty, "is empty", "fill it in", True),
        Kind("amount", ~finite & ~empty, "{} is not a number", "write it as 1234.50", True),
        Kind("amount", finite & (size > LARGEST), "{} is beyond any payment", "correct it", True),
        Kind("amount", finite & fine & (size < 1e9), "{} has more than two decimals", "round it to two"),
        Kind("amount", negative, "{} is negative", advice, True),
    ]


def _duplicates(ledger: Source) -> list[Fault]:
    """Identifiers that come twice. Their hashes are compared, a share at a time; then the few that agree."""
    label, column, frame = (
        pl.col("transaction_id").cast(pl.String),
        "transaction_id",
        nw.to_native(ledger.frame),
    )
    coded = frame.filter(~_empty(column)).select(FILE, ROW, label.alias("id"), label.hash(0).alias("code"))
    code, twice = pl.col("code"), []
    shares = -(-frame.select(pl.len()).collect(engine="streaming").item() // HASHED)
    for share in range(shares):
        counted = coded.filter(code % shares == share).group_by("code").len()
        twice.append(counted.filter(pl.col("len") > 1).collect(engine="streaming"))
    twice = pl.concat(twice)
    rows = coded.join(twice.head(10_000).lazy(), on="code", how="semi").head(1_000_000)
    rows = rows.collect(engine="streaming").sort(FILE, ROW)
    first = [pl.col(place).first().over("id").alias(f"{place} 1") for place in (FILE, ROW)]
    later = rows.with_columns(first).filter(~pl.struct("id").is_first_distinct()).head(SHOWN)
    faults = []
    for file, row, text, _, file_1, row_1 in later.rows():
        where = f"row {row_1:,}" + ("" if file == file_1 else f" of {ledger.files[file_1].name}")
        faults.append(ledger.fault(file, row, column, f"{text!r} is also in {where}", "keep one of them"))
    more = int(twice["len"].sum() - twice.height) - later.height
    return faults + ledger.more(more, column, "the identifier came before", "keep one of them")
