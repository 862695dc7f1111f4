"""A ledger of Parquet files cut into spans of whole days, so that memory does not grow with the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import polars as pl

from analysis.ledger.errors import telling
from analysis.ledger.sources import COLUMNS, Source

# Small spans keep the hash tables small: a fifth of one pass's memory, at no cost in time.
SPAN_ROWS = 2_000_000
# Without order of time: counted at once up to here, in about 3 GB, and by month on disk beyond.
SPILL_ROWS = 25_000_000


def parts(ledger: Source, folder: Path, timezone: str | None) -> list[pl.LazyFrame]:
    """The ledger of Parquet files cut into spans of whole days, each small enough to count payers in memory.

    Row groups tell their first and last time, so a ledger written in order of time (a file a month, or one sorted
    file) is read about once. One without order is first written to `folder` by month.
    """
    whole = nw.to_native(ledger.frame)
    rows = whole.select(pl.len()).collect().item()
    if rows <= SPAN_ROWS:
        return [whole]
    day = local_day(whole, timezone)
    counted = whole.select(day.alias("day")).group_by("day").len().collect(engine="streaming").sort("day")
    if counted["day"].null_count():
        return [whole]  # its fault is found there
    days, number = counted["day"].to_list(), counted["len"].cum_sum().to_numpy() // SPAN_ROWS
    first = [days[i] for i in np.flatnonzero(np.diff(number, prepend=-1))]
    spans = list(zip(first, [*first[1:], days[-1] + timedelta(1)], strict=True))
    if _read_again(ledger, spans, timezone) > 2 * rows:
        return spilled(whole, folder, timezone) if rows > SPILL_ROWS else [whole]
    return [whole.filter(_within(whole, low, stop, timezone)) for low, stop in spans]


def local_day(frame: pl.LazyFrame, timezone: str | None) -> pl.Expr:
    """The day of the study on which a payment falls."""
    zoned = getattr(frame.collect_schema()["paid_at"], "time_zone", None) and timezone
    when = pl.col("paid_at").dt.convert_time_zone(timezone) if zoned else pl.col("paid_at")
    return when.dt.date()


def _read_again(ledger: Source, spans: list[tuple[date, date]], timezone: str | None) -> float:
    """Rows of all row groups that the spans touch; infinite where the files' footers do not tell."""
    import pyarrow.parquet as pq

    read = 0
    for file in ledger.files:
        with telling(file.name):
            footer = pq.ParquetFile(file).metadata
        column = next(i for i, field in enumerate(footer.schema) if field.path == ledger.names["paid_at"])
        for i in range(footer.num_row_groups):
            known = footer.row_group(i).column(column).statistics
            if known is None or not known.has_min_max:
                return np.inf
            zone = ZoneInfo(timezone) if timezone else None
            low, high = (
                (end.astimezone(zone) if end.tzinfo and zone else end).date()
                if isinstance(end, datetime)
                else end
                for end in (known.min, known.max)
            )
            read += footer.row_group(i).num_rows * sum(low < stop and high >= start for start, stop in spans)
    return read if ledger.files else np.inf


def spilled(frame: pl.LazyFrame, folder: Path, timezone: str | None) -> list[pl.LazyFrame]:
    """The frame written to `folder` by local month, a lazy frame a month."""
    month = local_day(frame, timezone).dt.strftime("%Y-%m").fill_null("none").alias("month")
    keep = [c for c in frame.collect_schema().names() if c in COLUMNS]
    target = pl.PartitionBy(folder, key=month, include_key=False)
    frame.select(keep).sink_parquet(target, mkdir=True, compression="lz4", engine="streaming")
    months = sorted({p.parent for p in folder.rglob("*.parquet")})
    return [pl.scan_parquet(sorted(m.glob("*.parquet")), hive_partitioning=False) for m in months]


def _within(frame: pl.LazyFrame, low: date, stop: date, timezone: str | None) -> pl.Expr:
    """From the local midnight of `low` until that of `stop`, as stored, so that row groups can be skipped."""
    dtype = frame.collect_schema()["paid_at"]
    ends = [low, stop]
    if isinstance(dtype, pl.Datetime):
        zone = ZoneInfo(timezone) if dtype.time_zone and timezone else None
        ends = [datetime.combine(day, time(), zone) for day in ends]
        if dtype.time_zone:
            ends = [
                pl.lit(end.astimezone(UTC), pl.Datetime("us", "UTC")).dt.convert_time_zone(dtype.time_zone)
                for end in ends
            ]
    return pl.col("paid_at").is_between(*ends, closed="left")
