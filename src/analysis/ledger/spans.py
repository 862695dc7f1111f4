"""A ledger of Parquet files cut into spans of whole days, so that memory does not grow with the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import polars as pl

from analysis.ledger.sources import COLUMNS, Source, telling

SPAN_ROWS = (
    2_000_000  # small spans keep the hash tables small: a fifth of one pass's memory, at no cost in time
)
SPILL_ROWS = 25_000_000  # without order of time: counted at once up to here, in about 3 GB, and by month on disk beyond


def parts(ledger: Source, folder: Path, timezone: str | None) -> list[pl.LazyFrame]:
    """The ledger of Parquet files cut into spans of whole days, each small enough to count payers in memory.

    Files and row groups tell their first and last time, so a ledger written in order of time (a file a month, or one
    sorted file) is cut without reading it. One without order is first written to `folder` by month.
    """
    whole = nw.to_native(ledger.frame)
    rows = whole.select(pl.len()).collect().item()
    if rows <= SPAN_ROWS:
        return [whole]
    groups = row_groups(ledger, timezone)
    spans = cut(groups) if groups else []
    read = sum(g.rows for low, high in spans for g in groups if g.low <= high and g.high >= low)
    if not spans or read > 2 * rows:
        timed = whole.collect_schema()["paid_at"].is_temporal()
        return spilled(whole, folder, timezone) if timed and rows > SPILL_ROWS else [whole]
    frames = []
    for low, high in spans:
        near = [g for g in groups if g.low <= high and g.high >= low]
        files = sorted({g.file for g in near})
        frame = pl.scan_parquet(files).select(pl.col(t).alias(o) for o, t in ledger.names.items())
        whole_files = all(low <= g.low and g.high <= high for g in groups if g.file in files)
        frames.append(frame if whole_files else frame.filter(_within(frame, low, high, timezone)))
    return frames


class RowGroup(NamedTuple):
    """A Parquet row group and the first and last local day in it."""

    file: Path
    rows: int
    low: date
    high: date


def row_groups(ledger: Source, timezone: str | None) -> list[RowGroup] | None:
    """Row groups with their days, from the files' footers; None where a footer does not tell."""
    import pyarrow.parquet as pq

    theirs, found = ledger.names["paid_at"], []
    for file in ledger.files:
        with telling(file.name):
            footer = pq.ParquetFile(file).metadata
        column = next((i for i, f in enumerate(footer.schema) if f.path == theirs), None)
        for i in range(footer.num_row_groups):
            group = footer.row_group(i)
            known = None if column is None else group.column(column).statistics
            if group.num_rows == 0:
                continue
            if known is None or not known.has_min_max or known.null_count:
                return None
            ends = [_local_day(end, timezone) for end in (known.min, known.max)]
            if None in ends:
                return None
            found.append(RowGroup(file, group.num_rows, *ends))
    return found or None


def cut(groups: list[RowGroup], rows: int | None = None) -> list[tuple[date, date]]:
    """Spans of whole days of about `rows` rows, cut where the fewest row groups are cut."""
    rows = rows or SPAN_ROWS
    first, last = min(g.low for g in groups), max(g.high for g in groups)
    width = (last - first).days + 1
    load, straddled = np.zeros(width), np.zeros(width + 1)
    for g in groups:
        low, high = (g.low - first).days, (g.high - first).days + 1
        load[low:high] += g.rows / (high - low)
        straddled[low + 1 : high] += g.rows
    upto = np.concatenate([[0], load.cumsum()])
    spans, start = [], 0
    while start < width:
        size = upto[start + 1 :] - upto[start]
        stops = start + 1 + np.flatnonzero((size >= rows / 2) & (size <= rows * 1.5))
        if upto[-1] - upto[start] <= rows * 1.5:
            stop = width
        elif len(stops):
            stop = int(min(stops, key=lambda s: (straddled[s], abs(upto[s] - upto[start] - rows))))
        else:
            stop = start + max(1, int(np.searchsorted(size, rows / 2)))
        spans.append((first + timedelta(start), first + timedelta(stop - 1)))
        start = stop
    return spans


def spilled(frame: pl.LazyFrame, folder: Path, timezone: str | None) -> list[pl.LazyFrame]:
    """The frame written to `folder` by local month, a lazy frame a month."""
    when = pl.col("paid_at")
    if getattr(frame.collect_schema()["paid_at"], "time_zone", None) and timezone:
        when = when.dt.convert_time_zone(timezone)
    month = when.dt.strftime("%Y-%m").fill_null("none").alias("month")
    keep = [c for c in frame.collect_schema().names() if c in COLUMNS and c != "transaction_id"]
    target = pl.PartitionBy(folder, key=month, include_key=False)
    frame.select(keep).sink_parquet(target, mkdir=True, compression="lz4", engine="streaming")
    months = sorted({p.parent for p in folder.rglob("*.parquet")})
    return [pl.scan_parquet(sorted(m.glob("*.parquet")), hive_partitioning=False) for m in months]


def _within(frame: pl.LazyFrame, low: date, high: date, timezone: str | None) -> pl.Expr:
    dtype = frame.collect_schema()["paid_at"]
    start, stop = low, high + timedelta(1)
    if isinstance(dtype, pl.Datetime):
        zone = ZoneInfo(timezone) if dtype.time_zone and timezone else None
        start, stop = (datetime.combine(day, time(), zone) for day in (start, stop))
        if dtype.time_zone:
            start, stop = (
                pl.lit(moment.astimezone(UTC), pl.Datetime("us", "UTC")) for moment in (start, stop)
            )
            return pl.col("paid_at").dt.convert_time_zone("UTC").is_between(start, stop, closed="left")
    return (pl.col("paid_at") >= start) & (pl.col("paid_at") < stop)


def _local_day(moment: Any, timezone: str | None) -> date | None:
    if isinstance(moment, datetime):
        return (moment.astimezone(ZoneInfo(timezone)) if moment.tzinfo and timezone else moment).date()
    return moment if isinstance(moment, date) else None
