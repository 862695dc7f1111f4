"""Sums a day and group: one aggregation for every engine, cut into spans of days where memory asks for it.

On 20 million rows in monthly Parquet files, with distinct payers and a look for repeated payments, two cores take
6.4 s of processor time and 0.5 GB on Polars' streaming engine, a span of days at a time; `benchmarks/ledger_engines.py`
measures it beside other engines. A DuckDB or PySpark frame that a caller already holds stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.ledger.errors import missing, nearest
from analysis.ledger.notation import ZONE_ADVICE, numbers, times
from analysis.ledger.sources import COLUMNS, Reading, Source
from analysis.ledger.spans import parts, spilled

MISSING = "(missing)"  # the label of a group that has none
UNITS = 10_000  # amounts are summed as whole ten-thousandths, so that every engine gives the same last cent
LIMIT = 9e15  # beyond it a double holds no whole units
MILLION = 10**6  # amounts are summed as millions and the rest, since whole ones overflow 64 bits at 1e15 each
SPILL_BYTES = 1 << 30  # a text ledger beyond this is cut by month on disk before its payers are counted
SAMPLE = 16  # of a ledger cut into spans, one identifier in so many is looked at for repetition


def sums(ledger: Source, by: list[str], how: Reading, folder: Path) -> pd.DataFrame:
    """Count, units (exact whole numbers), payers a day and group, with what tells of unreadable and repeated rows.

    A ledger too large to count in memory may be written to `folder` by month.
    """
    if "paid_at" not in ledger.names:
        raise ValueError(missing("paid_at", ledger.frame.collect_schema().names(), ledger.name))
    frames = typed_parts(ledger, how, folder)
    each = [_summed(frame, by, how, SAMPLE if len(frames) > 1 else 1) for frame in frames]
    return pd.concat([part for part in each if len(part)] or each[:1], ignore_index=True)


def typed_parts(ledger: Source, how: Reading, folder: Path) -> list[nw.LazyFrame]:
    """The ledger, `typed`, in spans of whole days where memory asks for it because payers are counted."""
    whole = typed(ledger.frame, ledger.name, how)
    if "payer_id" in ledger.names and isinstance(native := nw.to_native(whole), pl.LazyFrame):
        stored = ledger.frame.collect_schema()
        if nw.String in (stored["paid_at"], stored.get("amount")):
            if sum(file.stat().st_size for file in ledger.files) > SPILL_BYTES:
                return [nw.from_native(part) for part in spilled(native, folder, how.timezone)]
        elif ledger.kind == "parquet" and (cut := parts(ledger, folder, how.timezone))[1:]:
            return [typed(nw.from_native(part), ledger.name, how) for part in cut]
    return [whole]


def typed(frame: nw.LazyFrame, name: str, how: Reading) -> nw.LazyFrame:
    """The ledger with `paid_at` as local time without zone and `amount` as a number."""
    schema, native = frame.collect_schema(), nw.to_native(frame)
    refuse_types(schema, name)
    if isinstance(native, pl.LazyFrame):
        changed = []
        if not schema["paid_at"].is_temporal():
            native = native.with_columns(pl.col("paid_at").cast(pl.String))
            changed.append(times(native, "paid_at", name, how.timezone, how.date_format).alias("paid_at"))
        if schema.get("amount") == nw.String:
            changed.append(numbers(native, "amount", name, how.decimal).alias("amount"))
        frame = nw.from_native(native.with_columns(changed))
    elif nw.String in (schema["paid_at"], schema.get("amount")):
        raise ValueError(f"{name}: paid_at or amount is text; cast them to timestamp and decimal there")
    dtype = frame.collect_schema()["paid_at"]
    if not isinstance(dtype, nw.Datetime):
        return frame.with_columns(nw.col("paid_at").cast(nw.Datetime("us")))
    if dtype.time_zone is None:
        return frame
    if how.timezone is None:
        raise ValueError(f"{name}: paid_at carries a time zone ({dtype.time_zone}); {ZONE_ADVICE}")
    return _localised(frame, how.timezone)


def refuse_types(schema: nw.Schema, name: str) -> None:
    """Raise ValueError for a column whose stored type cannot be what it should."""
    for column, dtype in schema.items():
        if column == "paid_at":
            good = isinstance(dtype, (nw.Datetime, nw.Date)) or dtype.is_integer()
            good = good or dtype in (nw.String, nw.Categorical)
        elif column == "amount":
            good = dtype.is_numeric() or dtype == nw.String
        else:
            good = column not in COLUMNS or not dtype.is_nested()
        if not good:
            unread = "Null" in str(dtype) or dtype == nw.Unknown
            kind = "holds nothing that is read" if unread else f"has type {dtype}"
            what = {"paid_at": "a time", "amount": "a number"}.get(column, "text")
            raise ValueError(f"{name}: {column} {kind}, not {what}; store it as {what}")


def _localised(frame: nw.LazyFrame, timezone: str) -> nw.LazyFrame:
    """Times with a zone as local time without one; DuckDB and Spark keep the zone in the session, not in the type."""
    native = nw.to_native(frame)
    if frame.implementation.is_duckdb():
        import duckdb

        local = duckdb.SQLExpression(f"timezone('{timezone}', paid_at)").alias("paid_at")
        return nw.from_native(native.select(duckdb.StarExpression(exclude=["paid_at"]), local))
    if frame.implementation.is_pyspark():
        from pyspark.sql import functions as spark

        here = spark.col("paid_at").cast("timestamp_ntz")
        local = spark.convert_timezone(None, spark.lit(timezone), here)
        return nw.from_native(native.withColumn("paid_at", local))
    return frame.with_columns(nw.col("paid_at").dt.convert_time_zone(timezone).dt.replace_time_zone(None))


def collected(frame: nw.LazyFrame) -> pl.DataFrame:
    """The rows, by Polars' streaming engine or the frame's own."""
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming")
    return pl.from_arrow(frame.collect(backend="pyarrow").to_native())


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
    for name, label in (("payer", "payer_id"), ("id", "transaction_id")):
        if label in schema:
            columns[name] = _filled(nw.col(label), schema[label])
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


def _filled(label: nw.Expr, dtype: nw.DType) -> nw.Expr:
    """A label of which empty text, or no number, is missing."""
    if dtype == nw.String:
        return nw.when(label.str.strip_chars() != "").then(label)
    return nw.when(~label.is_nan()).then(label) if dtype.is_float() else label
