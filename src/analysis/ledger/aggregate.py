"""Sums a day and group: one aggregation for every engine, cut into spans of days where memory asks for it.

On 20 million rows in monthly Parquet files, with distinct payers and a look for repeated payments, two cores take
6.4 s of processor time and 0.5 GB on Polars' streaming engine, a span of days at a time; `benchmarks/ledger_engines.py`
measures it beside other engines. A DuckDB or PySpark frame that a caller already holds stays where it is.
"""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.ledger.databases import LIMIT, MISSING, UNITS
from analysis.ledger.notation import ZONE_ADVICE, numbers, times
from analysis.ledger.sources import Reading, Source, missing, nearest
from analysis.ledger.spans import parts, spilled

SPILL_BYTES = 1 << 30  # a text ledger beyond this is cut by month on disk before its payers are counted
MILLION = 10**6  # amounts are summed as millions and the rest, since whole ones overflow 64 bits at 1e15 each
SAMPLE = 16  # of a ledger cut into spans, one identifier in so many is looked at for repetition


def sums(ledger: Source, by: list[str], how: Reading, folder: Path) -> pd.DataFrame:
    """Count, units (exact whole numbers), payers a day and group, with what tells of unreadable and repeated rows.

    A ledger too large to count in memory may be written to `folder` by month.
    """
    if "paid_at" not in ledger.names:
        raise ValueError(missing("paid_at", ledger.frame.collect_schema().names(), ledger.name))
    frames = typed_parts(ledger, how, folder)
    one_in = SAMPLE if len(frames) > 1 else 1
    each = [summed(rows(frame, by, how.refunds, how.offline_channels, one_in), by) for frame in frames]
    return pd.concat([part for part in each if len(part)] or each[:1], ignore_index=True)


def typed_parts(ledger: Source, how: Reading, folder: Path) -> list[nw.LazyFrame]:
    """The ledger, `typed`, in spans of whole days where memory asks for it because payers are counted."""
    whole = typed(ledger.frame, ledger.name, how.timezone, how.decimal, how.date_format)
    if "payer_id" in ledger.names and isinstance(native := nw.to_native(whole), pl.LazyFrame):
        stored = ledger.frame.collect_schema()
        if nw.String in (stored["paid_at"], stored.get("amount")):
            if sum(file.stat().st_size for file in ledger.files) > SPILL_BYTES:
                return [nw.from_native(part) for part in spilled(native, folder, how.timezone)]
        elif ledger.kind == "parquet" and (cut := parts(ledger, folder, how.timezone))[1:]:
            return [typed(nw.from_native(part), ledger.name, how.timezone) for part in cut]
    return [whole]


def typed(
    frame: nw.LazyFrame,
    name: str,
    timezone: str | None = None,
    decimal: str | None = None,
    date_format: str | None = None,
) -> nw.LazyFrame:
    """The ledger with `paid_at` as local time without zone and `amount` as a number."""
    schema = frame.collect_schema()
    native = nw.to_native(frame)
    refuse_types(schema, name)
    if isinstance(native, pl.LazyFrame):
        changed = []
        if not schema["paid_at"].is_temporal():
            native = native.with_columns(pl.col("paid_at").cast(pl.String))
            changed.append(times(native, "paid_at", name, timezone, date_format).alias("paid_at"))
        if schema.get("amount") == nw.String:
            changed.append(numbers(native, "amount", name, decimal).alias("amount"))
        frame = nw.from_native(native.with_columns(changed))
    elif nw.String in (schema["paid_at"], schema.get("amount")):
        raise ValueError(f"{name}: paid_at or amount is text; cast them to timestamp and decimal there")
    dtype, when = frame.collect_schema()["paid_at"], nw.col("paid_at")
    if not isinstance(dtype, nw.Datetime):
        return frame.with_columns(when.cast(nw.Datetime("us")))
    if dtype.time_zone is None:
        return frame
    if timezone is None:
        raise ValueError(f"{name}: paid_at carries a time zone ({dtype.time_zone}); {ZONE_ADVICE}")
    return _localised(frame, timezone)


def refuse_types(schema: nw.Schema, name: str) -> None:
    """Raise ValueError for a column whose stored type cannot be what it should."""
    for column, dtype in schema.items():
        good, what = True, "text"
        if column == "paid_at":
            plain = isinstance(dtype, (nw.Datetime, nw.Date)) or dtype.is_integer()
            good, what = plain or dtype in (nw.String, nw.Categorical), "a time"
        elif column == "amount":
            good, what = dtype.is_numeric() or dtype == nw.String, "a number"
        elif column in ("transaction_id", "payer_id", "entity", "service", "channel"):
            good = not dtype.is_nested()
        if not good:
            kind = (
                "holds nothing that is read"
                if "Null" in str(dtype) or dtype == nw.Unknown
                else f"has type {dtype}"
            )
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
        return nw.from_native(
            native.withColumn("paid_at", spark.convert_timezone(None, spark.lit(timezone), here))
        )
    local = nw.col("paid_at").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return frame.with_columns(local)


def near_offline(label: str, offline: tuple[str, ...]) -> str | None:
    """The offline channel that a label means in other letters, if it does."""
    plain = " ".join(label.replace("_", " ").replace("-", " ").split())
    near = None if label in offline else nearest(plain, offline)
    return near if near and abs(len(near) - len(plain)) <= 1 else None


def rows(
    frame: nw.LazyFrame, by: list[str], refunds: bool, offline: tuple[str, ...] = (), one_in: int = 1
) -> nw.LazyFrame:
    """Day, groups, amount in millions and units, payer and identifier, one row a payment, lazily."""
    schema = frame.collect_schema()
    picked = [nw.col("paid_at").dt.date().alias("date")]
    for name in by:
        label = nw.col("channel" if name == "digital" else name).cast(nw.String).fill_null(MISSING)
        picked.append((~label.is_in(offline)).alias("digital") if name == "digital" else label.alias(name))
    if "amount" in schema:
        amount = nw.col("amount").cast(nw.Float64)
        picked.append(nw.when((amount >= -LIMIT) & (amount <= LIMIT)).then(amount).alias("amount"))
    for name, label in (("payer", "payer_id"), ("id", "transaction_id")):
        if label in schema:
            picked.append(_filled(nw.col(label), schema[label]).alias(name))
    native = nw.to_native(frame)
    if "transaction_id" not in schema and one_in == 1 and isinstance(native, pl.LazyFrame):
        frame = nw.from_native(native.with_columns(pl.struct(pl.all()).hash(0).alias("id")))
        picked.append(nw.col("id"))
    found = frame.select(picked)
    if one_in > 1 and "transaction_id" in schema:
        sampled = pl.col("id").is_not_null() & (pl.col("id").hash(0) % one_in == 0)
        found = nw.from_native(nw.to_native(found).with_columns(pl.when(sampled).then("id").alias("id")))
    if "amount" in schema:
        amount, millions = nw.col("amount"), (nw.col("amount") / MILLION).floor()
        rest = ((amount - millions * MILLION) * UNITS).round(0)
        found = found.with_columns(millions=millions.cast(nw.Int64), rest=rest.cast(nw.Int64))
        if refunds:
            found = found.with_columns(refund=(amount < 0).fill_null(False).cast(nw.Int64))
            if "payer_id" in schema:
                found = found.with_columns(payer=nw.when(nw.col("refund") == 0).then(nw.col("payer")))
    return found


def _filled(label: nw.Expr, dtype: nw.DType) -> nw.Expr:
    """A label of which empty text, or no number, is missing."""
    if dtype == nw.String:
        return nw.when(label.str.strip_chars() != "").then(label)
    return nw.when(~label.is_nan()).then(label) if dtype.is_float() else label


def summed(found: nw.LazyFrame, by: list[str]) -> pd.DataFrame:
    """Sums a day and group, collected into pandas."""
    has = found.collect_schema().names()
    made = {"count": nw.len()}
    made |= {name: nw.col(name).sum() for name in ("millions", "rest", "refund") if name in has}
    if "amount" in has:
        made |= {"priced": nw.col("amount").count(), "least": nw.col("amount").min()}
    for name in ("payer", "id"):
        if name in has:
            made |= {f"{name} distinct": nw.col(name).n_unique(), f"{name} filled": nw.col(name).count()}
    result = found.group_by("date", *by).agg(**made)
    native = nw.to_native(result)
    if isinstance(native, pl.LazyFrame):
        table = native.collect(engine="streaming").to_pandas()
    else:
        table = result.collect(backend="pyarrow").to_native().to_pandas()

    def distinct(name: str) -> pd.Series:  # on every engine a missing label is one more distinct value
        return table[f"{name} distinct"].astype("int64") - (table[f"{name} filled"] < table["count"])

    if "payer" in has:
        table["payers"] = distinct("payer")
        table["nameless"] = table["count"] - table.get("refund", 0) - table["payer filled"]
    if "id" in has:
        table["ids"] = table["id filled"]
        table["repeated"] = table["ids"] - distinct("id")
    if "amount" in has:
        millions, rest = (
            table[name].fillna(0).astype("int64").astype(object) for name in ("millions", "rest")
        )
        table["units"] = millions * (MILLION * UNITS) + rest
    return table
