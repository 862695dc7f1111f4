"""Sums a day and group: one aggregation for every engine, cut into spans of days where memory asks for it.

Engines, measured by `benchmarks/ledger_engines.py` on 20 million rows in monthly Parquet files with distinct payers,
two cores: on Polars' streaming engine, a span of days at a time, this takes 3.5 s of processor time and 0.5 GB; one
Polars query over the whole year by hand 3.7 s and 2.6 GB, DuckDB SQL by hand 7.0 s and 1.9 GB. So Polars reads files,
and a frame that a caller already holds stays where it is.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.ledger.parsing import amounts, times
from analysis.ledger.sources import Source, missing
from analysis.ledger.spans import parts, spilled

COUNTER = "counter"
MISSING = "(missing)"
UNITS = 10_000  # amounts are summed as whole ten-thousandths, so that every engine gives the same last cent
SPILL_BYTES = 1 << 30  # a text ledger beyond this is cut by month on disk before its payers are counted


COUNTERS = {
    *("counter", "counters", "service centre", "service center", "service centres", "service centers"),
    *("الكاونتر", "كاونتر", "مركز الخدمة", "مراكز الخدمة", "مركز خدمة"),
}


def sums(
    ledger: Source, by: list[str], timezone: str | None, refunds: bool, folder: Path, thorough: bool = False
) -> pd.DataFrame:
    """Count, units, payers a day and group, with what `_fault` needs to know of unreadable rows.

    Parameters
    ----------
    folder : Path
        Where a ledger too large to count in memory may be written by month.
    thorough : bool
        Read text in every known form rather than in that of the first rows.
    """
    if "paid_at" not in ledger.names:
        raise ValueError(missing("paid_at", ledger.frame.collect_schema().names(), ledger.name))
    frames = typed_parts(ledger, timezone, folder, thorough)
    each = [summed(rows(frame, by, refunds), by) for frame in frames]
    return pd.concat([part for part in each if len(part)] or each[:1], ignore_index=True)


def typed_parts(
    ledger: Source, timezone: str | None, folder: Path, thorough: bool = False
) -> list[nw.LazyFrame]:
    """The ledger, `typed`, in spans of whole days where memory asks for it because payers are counted."""
    frames: list = [ledger.frame]
    if "payer_id" in ledger.names and ledger.kind == "parquet":
        frames = [nw.from_native(part) for part in parts(ledger, folder, timezone)]
    elif "payer_id" in ledger.names and sum(f.stat().st_size for f in ledger.files) > SPILL_BYTES:
        local = typed(ledger.frame, ledger.name, timezone, thorough)
        frames = [nw.from_native(part) for part in spilled(nw.to_native(local), folder, timezone)]
    return [typed(frame, ledger.name, timezone, thorough) for frame in frames]


def typed(frame: nw.LazyFrame, name: str, timezone: str | None, thorough: bool = False) -> nw.LazyFrame:
    """The ledger with `paid_at` as local time without zone and `amount` as a number."""
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame):
        schema, changed = native.collect_schema(), []
        if not schema["paid_at"].is_temporal():
            native = native.with_columns(pl.col("paid_at").cast(pl.String))
            changed.append(times(native, "paid_at", name, thorough).alias("paid_at"))
        if "amount" in schema:
            changed.append(amounts("amount", schema["amount"], thorough).alias("amount"))
        frame = nw.from_native(native.with_columns(changed))
    dtype, when = frame.collect_schema()["paid_at"], nw.col("paid_at")
    if not isinstance(dtype, nw.Datetime):
        return frame.with_columns(when.cast(nw.Datetime("us")))
    if dtype.time_zone is None:
        return frame
    if timezone is None:
        raise ValueError(
            f"{name}: paid_at carries a time zone ({dtype.time_zone}); "
            "say whose days to use, as in timezone='Asia/Dubai'"
        )
    return _localised(frame, timezone)


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


def near_counter(label: str) -> bool:
    """Whether a channel's label means `counter` in other letters."""
    plain = re.sub(r"[\s_-]+", " ", label).strip().casefold()
    if label == COUNTER:
        return False
    return plain in COUNTERS or difflib.SequenceMatcher(None, plain, COUNTER).ratio() >= 0.85


def rows(frame: nw.LazyFrame, by: list[str], refunds: bool) -> nw.LazyFrame:
    """Day, groups, amount in whole units and payer, one row a payment, lazily."""
    has = frame.collect_schema().names()
    when = nw.col("paid_at").dt
    day = when.truncate("1d") if frame.implementation.is_pandas_like() else when.date()
    picked = [day.alias("date")]
    for name in by:
        if name == "digital":
            picked.append((nw.col("channel").cast(nw.String).fill_null(MISSING) != COUNTER).alias("digital"))
        else:
            picked.append(nw.col(name).cast(nw.String).fill_null(MISSING).alias(name))
    if "amount" in has:
        picked.append((nw.col("amount").cast(nw.Float64) * UNITS).round(0).cast(nw.Int64).alias("units"))
    if "payer_id" in has:
        picked.append(nw.col("payer_id").alias("payer"))
    found = frame.select(picked)
    if refunds and "amount" in has:
        found = found.with_columns((nw.col("units") < 0).fill_null(False).alias("refund"))
        if "payer_id" in has:
            found = found.with_columns(nw.when(~nw.col("refund")).then(nw.col("payer")).alias("payer"))
        found = found.with_columns(nw.col("refund").cast(nw.Int64))
    if "payer_id" in has:
        found = found.with_columns(nw.col("payer").is_null().cast(nw.Int64).alias("nameless"))
    return found


def summed(found: nw.LazyFrame, by: list[str]) -> pd.DataFrame:
    """Sums a day and group, collected into pandas."""
    has = found.collect_schema().names()
    aggregates = [nw.len().alias("count")]
    if "units" in has:
        units = nw.col("units")
        aggregates += [units.sum().alias("units"), units.count().alias("priced"), units.min().alias("least")]
    if "refund" in has:
        aggregates.append(nw.col("refund").sum().alias("refund"))
    if "payer" in has:  # on every engine a missing payer is one more distinct value: taken off by the panel
        aggregates += [nw.col("payer").n_unique().alias("payers"), nw.col("nameless").max().alias("nameless")]
    result = found.group_by("date", *by).agg(*aggregates)
    native = nw.to_native(result)
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming").to_pandas()
    if result.implementation.is_pandas_like():
        return result.collect().to_native()
    return result.collect(backend="pyarrow").to_native().to_pandas()
