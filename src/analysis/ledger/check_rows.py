"""The faults of a ledger's rows: times, amounts, labels, identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import narwhals as nw
import polars as pl

from analysis.ledger import parsing
from analysis.ledger.aggregate import COUNTER, near_counter, typed
from analysis.ledger.faults import SHOWN, Book, Fault, Kind, gaps
from analysis.ledger.sources import COLUMNS, FILE, ROW, Source, missing, nearest

HASHED = 8_000_000  # identifiers compared at a time
ZONE_ADVICE = "say whose days to use, as in timezone='Asia/Dubai'"
TIME_ADVICE = "write it as 2017-10-26 14:30:00"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is out of range: times before `start` or from `stop` on, amounts beyond `largest`, other channels."""

    start: datetime | None
    stop: datetime
    largest: float
    refunds: bool
    channels: frozenset[str] | None


def ledger_faults(
    ledger: Source, columns: Mapping[str, str] | None, timezone: str | None, limits: Limits
) -> list[Fault]:
    """Every fault of an opened ledger with numbered rows."""
    frame: pl.LazyFrame = nw.to_native(ledger.frame)
    schema = frame.collect_schema()
    book = Book(frame, tuple(f.name for f in ledger.files), ledger.names, ledger.kind == "csv", ledger.name)
    needed = ["paid_at", "amount", *columns] if columns else [c for c in COLUMNS if c != "payer_id"]
    present = [c for c in schema.names() if c not in (FILE, ROW)]
    faults = []
    for column in dict.fromkeys(needed):
        if column not in ledger.names:
            line = missing(column, present, ledger.name).removeprefix(f"{ledger.name}: ")
            problem, _, advice = line.partition("; ")
            faults.append(book.whole(column, problem, advice))
    if frame.head(1).collect().is_empty():
        return [*faults, book.whole(None, "holds no payments", "check that it is the right file")]
    has = set(ledger.names)
    for column, what in (("paid_at", "a time"), ("amount", "a number")):
        dtype = schema.get(column)
        sound = (
            dtype is None
            or dtype == pl.String
            or (dtype.is_numeric() if column == "amount" else _timely(dtype))
        )
        if not sound:
            faults.append(book.whole(column, f"has type {dtype}, not {what}", f"store it as {what}"))
            has.discard(column)
    if "paid_at" in has:
        faults += _times(book, schema["paid_at"], timezone, limits)
    if "amount" in has:
        faults += _amounts(book, schema["amount"], limits)
    if "channel" in has:
        faults += _channels(book, limits)
    labels = [c for c in ("entity", "service", "channel", "transaction_id") if c in has]
    faults += book.listed(
        [Kind(c, _empty(pl.col(c).cast(pl.String)), "is empty", "fill it in") for c in labels]
    )
    if "transaction_id" in has:
        faults += _duplicates(book)
    return faults


def _timely(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype == pl.Date or isinstance(dtype, pl.Datetime)


def _empty(text: pl.Expr) -> pl.Expr:
    return text.is_null() | (text.str.strip_chars() == "")


def _times(book: Book, dtype: pl.DataType, timezone: str | None, limits: Limits) -> list[Fault]:
    """Zones that are mixed or untold, times that are unreadable or out of range, days without a payment."""
    raw, time = pl.col("raw paid_at"), pl.col("paid_at")
    frame = book.frame.select(FILE, ROW, time, time.cast(pl.String).alias("raw paid_at"))
    book = book.with_frame(frame)
    faults, odd = [], pl.lit(False)
    if dtype == pl.String:
        faults, odd = _zones(book, timezone)
    elif getattr(dtype, "time_zone", None) and timezone is None:
        faults = [book.whole("paid_at", f"carries a time zone ({dtype.time_zone})", ZONE_ADVICE)]
    zone = timezone or getattr(dtype, "time_zone", None) or "UTC"
    unread = Kind("paid_at", time.is_null() & ~_empty(raw) & ~odd, "{} is not a time", TIME_ADVICE)
    try:
        for thorough in (False, True):
            read = book.with_frame(nw.to_native(typed(nw.from_native(frame), book.name, zone, thorough)))
            if dtype != pl.String or not any(read.counts([unread])):
                break
    except ValueError as error:  # days that can be read two ways
        return [*faults, Fault.of(error, book.name)]
    stop = f"{limits.stop:%Y-%m-%d %H:%M}"
    kinds = [
        Kind("paid_at", _empty(raw), "is empty", TIME_ADVICE),
        unread,
        Kind("paid_at", time >= limits.stop, "{} is not before " + stop, "correct it"),
    ]
    inside = time < limits.stop
    if limits.start is not None:
        early = "{} is before the history starts, " + f"{limits.start:%Y-%m-%d}"
        kinds.append(Kind("paid_at", time < limits.start, early, "correct it or leave it out"))
        inside &= time >= limits.start
    faults += read.listed(kinds)
    days = read.frame.filter(inside).select(time.dt.date().alias("day")).unique().collect(engine="streaming")
    return faults + gaps(
        days["day"].to_list(), book, "paid_at", "add the days, or leave it if nothing was open"
    )


def _zones(book: Book, timezone: str | None) -> tuple[list[Fault], pl.Expr]:
    """Faults of the offsets that text carries, and which rows differ from the others in having one."""
    raw = pl.col("raw paid_at")
    head = book.frame.select(raw).drop_nulls().head(parsing.SAMPLE).collect()["raw paid_at"]
    if not book.counts([Kind("paid_at", raw.str.contains(parsing.OFFSET), "", "")])[0]:
        return [], pl.lit(False)
    offset = parsing.cleaned(raw).str.extract(parsing.OFFSET).fill_null("none")
    seen = book.frame.filter(~_empty(raw)).group_by(offset.alias("zone")).agg(pl.len())
    found = dict(sorted(seen.collect(engine="streaming").rows()))
    naive = found.pop("none", 0)
    if naive:
        carries = parsing.cleaned(raw).str.contains(parsing.OFFSET)
        aware = parsing.zoned(head)  # as `times` decides how the column is read
        odd = ~carries & raw.str.contains(r"\d") if aware else carries
        how = "no time zone, other rows do" if aware else "a time zone, other rows do not"
        return book.listed([Kind("paid_at", odd, "{} carries " + how, "write all times alike")]), odd
    if timezone is None and len(found) > 1:
        told = ", ".join(f"{zone} in {count:,} rows" for zone, count in found.items())
        return [book.whole("paid_at", f"mixes time zones ({told})", ZONE_ADVICE)], pl.lit(False)
    if timezone is None:
        return [book.whole("paid_at", f"carries a time zone ({next(iter(found))})", ZONE_ADVICE)], pl.lit(
            False
        )
    return [], pl.lit(False)


def _amounts(book: Book, dtype: pl.DataType, limits: Limits) -> list[Fault]:
    """Amounts that are missing, no numbers, negative, absurd, or finer than two decimals."""
    raw, amount = pl.col("raw amount"), pl.col("amount")
    frame = book.frame.select(FILE, ROW, amount, amount.cast(pl.String).alias("raw amount"))
    unread = Kind("amount", amount.is_null() & ~_empty(raw), "{} is not a number", "write it as 1234.50")
    for thorough in (False, True):
        read = book.with_frame(frame.with_columns(parsing.amounts("amount", dtype, thorough).alias("amount")))
        if dtype != pl.String or not any(read.counts([unread])):
            break
    absurd = amount.is_nan() | (amount.abs() > limits.largest)
    fine = (amount * 100 - (amount * 100).round()).abs() > 1e-3
    kinds = [
        Kind("amount", _empty(raw), "is empty", "fill it in"),
        unread,
        Kind("amount", absurd, "{} is beyond any payment", "correct it, or raise `largest`"),
        Kind("amount", fine & ~absurd, "{} has more than two decimals", "round it to two"),
    ]
    if not limits.refunds:
        advice = "correct it, or say refunds=True if it is a refund"
        kinds.append(Kind("amount", amount < 0, "{} is negative", advice))
    return read.listed(kinds)


def _channels(book: Book, limits: Limits) -> list[Fault]:
    """Labels that nearly say `counter`, or that are not among the known channels."""
    label = pl.col("channel").cast(pl.String)
    found = book.frame.select(label.alias("x")).unique().collect(engine="streaming")["x"].drop_nulls()
    known = (limits.channels or frozenset(found)) | {COUNTER}
    near = [x for x in found if near_counter(x) and x not in (limits.channels or ())]
    alien = sorted(x for x in found if x.strip() and x not in known and x not in near)
    kinds = [
        Kind(
            "channel",
            label.is_in(near),
            "{} looks like 'counter' and would count as digital",
            "write it as counter",
        )
    ]
    for one in alien[:SHOWN]:
        close = nearest(one, known)
        advice = f"did you mean {close}?" if close else f"the channels are {_list(known)}"
        kinds.append(Kind("channel", label == one, "{} is not a known channel", advice))
    if alien[SHOWN:]:
        advice = f"the channels are {_list(known)}"
        kinds.append(Kind("channel", label.is_in(alien[SHOWN:]), "{} is not a known channel", advice))
    return book.listed(kinds)


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _duplicates(book: Book) -> list[Fault]:
    """Identifiers that come twice. Their hashes are compared, a share at a time; then the few that agree."""
    label = pl.col("transaction_id").cast(pl.String)
    coded = book.frame.filter(~_empty(label)).select(
        FILE, ROW, label.alias("id"), label.hash(0).alias("code")
    )
    shares = -(-book.frame.select(pl.len()).collect(engine="streaming").item() // HASHED)
    twice, count = [], 0
    for share in range(shares):
        codes = coded.select("code")
        codes = codes.filter(pl.col("code") % shares == share) if shares > 1 else codes
        agree = codes.group_by("code").agg(pl.len().alias("n")).filter(pl.col("n") > 1)
        agree = agree.collect(engine="streaming")
        count += int(agree["n"].sum() - agree.height)
        twice.append(agree["code"].head(10_000))
    twice = pl.concat(twice) if twice else pl.Series(dtype=pl.UInt64)
    if twice.is_empty():
        return []
    rows = coded.join(twice.to_frame("code").lazy(), on="code", how="semi").head(1_000_000)
    rows = rows.collect(engine="streaming").sort(FILE, ROW)
    told = rows.with_columns(pl.col(FILE).first().over("id").alias("file 1"))
    told = told.with_columns(pl.col(ROW).first().over("id").alias("row 1"))
    later = (pl.col(FILE) != pl.col("file 1")) | (pl.col(ROW) != pl.col("row 1"))
    told = told.filter(later).select(FILE, ROW, "id", "file 1", "row 1").head(SHOWN)
    faults = []
    for file, row, text, file_1, row_1 in told.rows():
        where = f"row {row_1:,}" + ("" if file == file_1 else f" of {book.files[file_1]}")
        faults.append(
            book.fault(file, row, "transaction_id", f"{text!r} is also in {where}", "keep one of them")
        )
    problem = "the identifier came before"
    return faults + book.more(count - told.height, "transaction_id", problem, "keep one of them")
