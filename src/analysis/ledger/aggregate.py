"""Sums a day and group: one aggregation for every engine, cut into spans of days where memory asks for it.

On 20 million rows in monthly Parquet files, with distinct payers and a look for repeated payments, two cores take
6.4 s of processor time and 0.5 GB on Polars' streaming engine, a span of days at a time; `benchmarks/ledger_engines.py`
measures it beside other engines. A PySpark frame that a caller already holds stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from analysis.ledger.faults import missing, nearest
from analysis.ledger.headers import COLUMNS
from analysis.ledger.notation import ZONE_ADVICE, numbers, times
from analysis.ledger.sources import Reading, Source, collected
from analysis.storage import staging

MISSING = "(missing)"  # the label of a group that has none
UNITS = 10_000  # amounts are summed as whole ten-thousandths, so that every engine gives the same last cent
LIMIT = 9e15  # beyond it a double holds no whole units
MILLION = 10**6  # amounts are summed as millions and the rest, since whole ones overflow 64 bits at 1e15 each
TEXT = "paid_at or amount is text; cast them to timestamp and decimal there"  # of a frame in Spark
SAMPLE = 16  # of a ledger cut into spans, one identifier in so many is looked at for repetition
SPAN_ROWS = (
    2_000_000  # small spans keep the hash tables small: a fifth of one pass's memory, at no cost in time
)
SPILL_ROWS = (
    25_000_000  # without order of time: counted at once up to here, in about 3 GB, by month on disk beyond
)
SPILL_BYTES = 1 << 30  # a text ledger beyond this is cut by month on disk before its payers are counted


def sums(ledger: Source, by: list[str]) -> pd.DataFrame:
    """Count, units (exact whole numbers), payers a day and group, with what tells of unreadable and repeated rows."""
    frames = typed_parts(ledger)
    each = [_summed(frame, by, ledger.how, SAMPLE if len(frames) > 1 else 1) for frame in frames]
    return pd.concat([part for part in each if len(part)] or each[:1], ignore_index=True)


def typed_parts(ledger: Source) -> list[nw.LazyFrame]:
    """The ledger, `typed`, in spans of whole days where memory asks for it because payers are counted."""
    if "paid_at" not in ledger.names:
        raise ValueError(missing("paid_at", ledger.frame.collect_schema().names(), ledger.name))
    whole = typed(ledger.frame, ledger.name, ledger.how)
    stored = ledger.frame.collect_schema()
    if "payer_id" in ledger.names and isinstance(nw.to_native(whole), pl.LazyFrame):
        if nw.String in (stored["paid_at"], stored.get("amount")):
            large = sum(file.stat().st_size for file in ledger.files) > SPILL_BYTES
            return _by_month(whole, ledger) if large else [whole]
        if ledger.kind == "parquet":
            return _spans(whole, ledger)
    return [whole]


def typed(frame: nw.LazyFrame, name: str, how: Reading) -> nw.LazyFrame:
    """The ledger with `paid_at` as local time without zone and `amount` as a number."""
    refuse_types(frame.collect_schema(), name)
    return as_numbers(as_local(frame, name, how), name, how)


def as_numbers(frame: nw.LazyFrame, name: str, how: Reading) -> nw.LazyFrame:
    """The ledger with `amount` as a number, where it has one."""
    native, dtype = nw.to_native(frame), frame.collect_schema().get("amount")
    if dtype != nw.String:
        return frame
    if not isinstance(native, pl.LazyFrame):
        raise ValueError(f"{name}: {TEXT}")
    return nw.from_native(native.with_columns(numbers(native, "amount", name, how.decimal).alias("amount")))


def as_local(frame: nw.LazyFrame, name: str, how: Reading) -> nw.LazyFrame:
    """The ledger with `paid_at` as local time without zone."""
    native, dtype, at = nw.to_native(frame), frame.collect_schema()["paid_at"], nw.col("paid_at")
    if not dtype.is_temporal():
        if not isinstance(native, pl.LazyFrame):
            raise ValueError(f"{name}: {TEXT}")
        native = native.with_columns(pl.col("paid_at").cast(pl.String))
        read = times(native, "paid_at", name, how.timezone, how.date_format).alias("paid_at")
        return nw.from_native(native.with_columns(read))
    zone = getattr(dtype, "time_zone", None)
    if zone and how.timezone is None:
        raise ValueError(f"{name}: paid_at carries a time zone ({zone}); {ZONE_ADVICE}")
    if zone and frame.implementation.is_pyspark():  # which keeps the zone in the session, not in the type
        from pyspark.sql import functions as spark

        here = spark.col("paid_at").cast("timestamp_ntz")
        local = spark.convert_timezone(None, spark.lit(how.timezone), here)
        return nw.from_native(native.withColumn("paid_at", local))
    if zone:
        return frame.with_columns(at.dt.convert_time_zone(how.timezone).dt.replace_time_zone(None))
    return frame if isinstance(dtype, nw.Datetime) else frame.with_columns(at.cast(nw.Datetime("us")))


def refuse_types(schema: nw.Schema, name: str) -> None:
    """Raise ValueError for a column whose stored type cannot be what it should."""
    for column, dtype in schema.items():
        what, good = "text", column not in COLUMNS or not dtype.is_nested()
        if column == "paid_at":
            text = dtype in (nw.String, nw.Categorical)
            what, good = "a time", text or isinstance(dtype, (nw.Datetime, nw.Date)) or dtype.is_integer()
        if column == "amount":
            what, good = "a number", dtype.is_numeric() or dtype == nw.String
        if not good:
            unread = "Null" in str(dtype) or dtype == nw.Unknown
            kind = "holds nothing that is read" if unread else f"has type {dtype}"
            raise ValueError(f"{name}: {column} {kind}, not {what}; store it as {what}")


def near_offline(label: str, offline: tuple[str, ...]) -> str | None:
    """The offline channel that a label means in other letters, if it does."""
    plain = " ".join(label.replace("_", " ").replace("-", " ").split())
    near = None if label in offline else nearest(plain, offline)
    return near if near and abs(len(near) - len(plain)) <= 1 else None


def refuse_near(labels: Iterable[str], offline: tuple[str, ...], name: str) -> None:
    """Raise ValueError for a channel that all but says an offline one."""
    for label in labels:
        if near := near_offline(label, offline):
            problem = f"{name}: channel {label!r} looks like {near!r} and would count as digital"
            raise ValueError(f"{problem}; write it as {near!r}, or name it in offline_channels too")


def _spans(whole: nw.LazyFrame, ledger: Source) -> list[nw.LazyFrame]:
    """A ledger of Parquet files cut into spans of whole days, each small enough to count payers in memory.

    Row groups tell their first and last time, so a ledger written in order of time (a file a month, or one sorted
    file) is read about once. A large one without order is first written to disk by month.
    """
    native, stored, timezone = nw.to_native(whole), nw.to_native(ledger.frame), ledger.how.timezone
    rows = native.select(pl.len()).collect().item()
    if rows <= SPAN_ROWS:
        return [whole]
    counted = native.group_by(pl.col("paid_at").dt.date().alias("day")).len()
    counted = counted.collect(engine="streaming").sort("day")
    if counted["day"].null_count():
        return [whole]  # its fault is found there
    first = np.diff(counted["len"].cum_sum().to_numpy() // SPAN_ROWS, prepend=-1) > 0
    ends = [*counted["day"].filter(pl.Series(first)), counted["day"][-1] + timedelta(1)]
    dtype = stored.collect_schema()["paid_at"]
    if isinstance(dtype, pl.Datetime):  # midnights as they are stored, so that row groups can be skipped
        zone = ZoneInfo(timezone) if dtype.time_zone else None
        ends = [datetime.combine(day, time(), zone) for day in ends]
        ends = [end.astimezone(ZoneInfo("UTC")) for end in ends] if zone else ends
    if _touched(ledger, ends) > 2 * rows:
        return _by_month(whole, ledger) if rows > SPILL_ROWS else [whole]
    if getattr(dtype, "time_zone", None):
        ends = [pl.lit(end).dt.convert_time_zone(dtype.time_zone) for end in ends]
    inside = (pl.col("paid_at").is_between(*span, closed="left") for span in pairwise(ends))
    return [typed(nw.from_native(stored.filter(span)), ledger.name, ledger.how) for span in inside]


def _touched(ledger: Source, ends: list) -> float:
    """Rows of all row groups that the spans touch; infinite where the files' footers do not tell."""
    import pyarrow.parquet as pq

    read = 0
    for file in ledger.files:
        footer = pq.read_metadata(file)
        column = next(i for i, field in enumerate(footer.schema) if field.path == ledger.names["paid_at"])
        for group in map(footer.row_group, range(footer.num_row_groups)):
            known = group.column(column).statistics
            if known is None or not known.has_min_max:
                return np.inf
            read += group.num_rows * sum(known.min < b and known.max >= a for a, b in pairwise(ends))
    return read if ledger.files else np.inf


def _by_month(whole: nw.LazyFrame, ledger: Source) -> list[nw.LazyFrame]:
    """The frame written to disk by month, a lazy frame a month."""
    folder = ledger.ending.enter_context(staging())
    month = pl.col("paid_at").dt.strftime("%Y-%m").fill_null("none").alias("month")
    target = pl.PartitionBy(folder, key=month, include_key=False)
    kept = nw.to_native(whole).select(c for c in whole.collect_schema().names() if c in COLUMNS)
    kept.sink_parquet(target, mkdir=True, compression="lz4", engine="streaming")
    months = sorted({path.parent for path in folder.rglob("*.parquet")})
    scans = (pl.scan_parquet(sorted(m.glob("*.parquet")), hive_partitioning=False) for m in months)
    return [nw.from_native(scan) for scan in scans]


def _summed(frame: nw.LazyFrame, by: list[str], how: Reading, one_in: int) -> pd.DataFrame:
    """Sums a day and group of `typed` payments, collected into pandas; one identifier in `one_in` is looked at."""
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame):
        label, present = pl.col("transaction_id"), "transaction_id" in frame.collect_schema()
        if present and one_in > 1:
            native = native.with_columns(pl.when(label.hash(0) % one_in == 0).then(label))
        elif not present and one_in == 1:  # rows that are alike in every column may be one payment
            native = native.with_columns(pl.struct(pl.all()).hash(0).alias("transaction_id"))
        frame = nw.from_native(native)
    schema = frame.collect_schema()
    columns, aggregates = {"date": nw.col("paid_at").dt.date()}, {"count": nw.len()}
    for name in by:
        label = nw.col("channel" if name == "digital" else name).cast(nw.String).fill_null(MISSING)
        columns[name] = ~label.is_in(how.offline_channels) if name == "digital" else label
    for name, column in (("payer", "payer_id"), ("id", "transaction_id")):
        if column in schema:
            label, dtype = nw.col(column), schema[column]
            empty = label.str.strip_chars() == "" if dtype == nw.String else label.is_null()
            columns[name] = nw.when(~(label.is_nan() if dtype.is_float() else empty)).then(label)
            aggregates[f"{name} distinct"] = nw.col(name).n_unique()
            aggregates[f"{name} filled"] = nw.col(name).count()
    if "amount" in schema:
        stored = nw.col("amount").cast(nw.Float64)
        amount = nw.when((stored >= -LIMIT) & (stored <= LIMIT)).then(stored)
        millions, refund = (amount / MILLION).floor(), (amount < 0).fill_null(False)
        rest = ((amount - millions * MILLION) * UNITS).round(0)
        columns |= {"amount": amount, "millions": millions.cast(nw.Int64), "rest": rest.cast(nw.Int64)}
        if how.refunds:
            columns["refund"] = refund.cast(nw.Int64)
            if "payer" in columns:
                columns["payer"] = nw.when(~refund).then(columns["payer"])
        aggregates |= {"priced": nw.col("amount").count(), "least": nw.col("amount").min()}
        aggregates |= {name: nw.col(name).sum() for name in ("millions", "rest", "refund") if name in columns}
    table = collected(frame.select(**columns).group_by("date", *by).agg(**aggregates)).to_pandas()

    def distinct(name: str) -> pd.Series:  # on every engine a missing label is one more distinct value
        return table[f"{name} distinct"].astype("int64") - (table[f"{name} filled"] < table["count"])

    if "payer" in columns:
        table["payers"] = distinct("payer")
        table["nameless"] = table["count"] - table.get("refund", 0) - table["payer filled"]
    if "id" in columns:
        table["ids"] = table["id filled"]
        table["repeated"] = table["ids"] - distinct("id")
    if "amount" in columns:
        whole = table[["millions", "rest"]].fillna(0).astype("int64").astype(object)
        table["units"] = whole["millions"] * (MILLION * UNITS) + whole["rest"]
    return table
