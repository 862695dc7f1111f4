"""Who pays digitally for the first time, and when again: counts a day, from one reading of the ledger.

"First" means first seen in this ledger, so its first half year is run-in: a payer who is new in it may only have been
out of sight. "Before" and "again" are told by days: an offline payment on an earlier day, a digital one on a later
day. One row a payer is held while the ledger is read; nothing about a single payer leaves this module or is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.ledger.aggregate import MISSING, refuse_near, typed_parts
from analysis.ledger.faults import nearest
from analysis.ledger.sources import Reading, collected, opened

HORIZONS = (30, 60, 90)  # days within which a payer pays again
PENDING = 2_000_000  # rows that wait to be merged: more of them take memory, fewer take time


def first_timers(data: Any, run_in_days: int = 182, **reading: Any) -> pd.DataFrame:
    """Payers who pay digitally for the first time, by day and channel, and how many of them do so again.

    `data` and `reading` are as in `sources.opened`. Payments without a payer are left out; with no `offline_channels`
    every channel is digital. On the first `run_in_days` a payer new to the ledger counts as one who was out of sight.

    Returns
    -------
    DataFrame
        `date, channel, payers, from_counter, again_30, again_60, again_90, from_counter_again_30` and so on, sorted;
        a row a day and digital channel from the end of the run-in on, with zeros. `channel` is that of the first
        digital payment, `from_counter` counts those with an offline payment on an earlier day, `again_k` those who
        paid digitally on another day within k days, NaN where the ledger ends sooner. Cells may hold fewer than ten
        payers: show what `habit.retention` makes of it, which hides them.

    ValueError, one line, if the columns or the offline payments that it needs are absent, times cannot be read, or
    the ledger is not longer than the run-in.
    """
    with opened(data, **reading) as ledger:
        how, name = ledger.how, ledger.name
        if absent := [one for one in ("paid_at", "channel", "payer_id") if one not in ledger.names]:
            advice = f"map the column, as in columns={{'{absent[-1]}': 'name in the ledger'}}"
            problem = f"no {' and no '.join(absent)}, so first-time payers cannot be told"
            raise ValueError(f"{name}: {problem}; {advice}, or leave the question out")
        payers = _merged(_rows(part, how) for part in typed_parts(ledger))
    first = pl.min_horizontal(pl.col("at").dt.date().min(), pl.col("offline").min())
    first, last = map(pd.Timestamp, payers.select(first.alias("first"), pl.col("last").max()).row(0))
    if fault := _fault(payers, how.offline_channels, run_in_days, (last - first).days + 1):
        raise ValueError(f"{name}: {fault}")
    refuse_near(payers["channel"].drop_nulls().unique().sort(), how.offline_channels, name)
    return _table(payers, first + pd.Timedelta(days=run_in_days), last)


def _rows(frame: nw.LazyFrame, how: Reading) -> pl.DataFrame:
    """One row a payer of a part of the ledger."""
    frame = frame.filter(~nw.col("payer_id").is_null())
    if how.refunds and "amount" in frame.collect_schema().names():
        frame = frame.filter((nw.col("amount") >= 0).fill_null(True))
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame):
        # 8 bytes whatever the names' length; among ten million, two meet once in 400,000 ledgers.
        frame = nw.from_native(native.with_columns(pl.col("payer_id").hash()))
    channel, at = nw.col("channel").cast(nw.String).fill_null(MISSING), nw.col("paid_at")
    digital = ~channel.is_in(how.offline_channels)
    frame = frame.select(
        nw.col("payer_id").alias("payer"),
        nw.when(digital).then(at).alias("at"),
        channel.alias("channel"),
        nw.when(~digital).then(at.dt.date()).alias("offline"),
        at.dt.date().alias("last"),
        at.is_null().cast(nw.Int64).alias("unread"),
    ).with_columns(nw.lit(None, dtype=nw.Date).alias("second"))
    return collected(_reduced(frame))


def _reduced(frame: nw.LazyFrame) -> nw.LazyFrame:
    """One row a payer, of payments or of such rows, in any order: `at` and `channel` of the first digital payment,
    `second` digital day, first `offline` day, `last` day, number of `unread` times.
    """
    at = nw.col("at")
    frame = frame.with_columns(at.min().over("payer").alias("first"))
    later = nw.when(at.dt.date() > nw.col("first").dt.date()).then(at.dt.date())
    frame = frame.with_columns(
        nw.when(at == nw.col("first")).then(nw.col("channel")).alias("channel"),
        nw.min_horizontal(nw.col("second"), later).alias("second"),
    )
    least = nw.col("at", "channel", "second", "offline").min()
    return frame.group_by("payer").agg(least, nw.col("last").max(), nw.col("unread").sum())


def _merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Parts of a ledger as one row a payer; merged when as many rows wait as have been merged."""
    merged, waiting = [], []
    for part in parts:
        waiting.append(part.with_columns(pl.col("at").cast(pl.Datetime("us"))))
        if sum(map(len, waiting)) > max(PENDING, sum(map(len, merged))):
            merged, waiting = [_one(merged + waiting)], []
    return _one(merged + waiting)


def _one(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return collected(_reduced(nw.from_native(pl.concat(parts).lazy())))


def _fault(payers: pl.DataFrame, offline: tuple[str, ...], run_in_days: int, days: int) -> str | None:
    """What makes the counts meaningless, or None."""
    if unread := payers["unread"].sum():
        return f"paid_at of {unread:,} rows is missing or not a time; `python -m analysis check` lists them"
    if not len(payers):
        return "no payment has a payer_id, so first-time payers cannot be told"
    digital = sorted(payers["channel"].drop_nulls().unique())
    if offline and payers["offline"].null_count() == len(payers):
        said = f"no payment at {' or '.join(map(repr, offline))}; channels are {', '.join(digital)[:120]}"
        own = nearest(offline[0], digital) or digital[0]
        return f"{said}; say which are service centres, as in offline_channels=({own!r},)"
    if days <= run_in_days:
        said = f"{days} days of named payers, all of them run-in (run_in_days={run_in_days})"
        return f"{said}; give a longer ledger"
    unasked = "no digital payment has a payer_id, so nobody pays digitally for the first time"
    return None if digital else unasked


def _table(payers: pl.DataFrame, start: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Counts a day and channel, from the end of the run-in on."""
    date, counter = pl.col("at").dt.date(), (pl.col("offline") < pl.col("at").dt.date()).fill_null(False)
    counts = {"payers": pl.len(), "from_counter": counter.sum()}
    for who, prefix in ((pl.lit(True), ""), (counter, "from_counter_")):
        for horizon in HORIZONS:
            again = ((pl.col("second") - date).dt.total_days() <= horizon).fill_null(False)
            counts[f"{prefix}again_{horizon}"] = (again & who).sum()
    digital = payers.filter(pl.col("at").is_not_null())
    found = digital.group_by(date.alias("date"), "channel").agg(**counts).to_pandas()
    found["date"] = pd.to_datetime(found["date"]).astype("datetime64[us]")
    every = pd.MultiIndex.from_product(
        [pd.date_range(start, last, unit="us"), sorted(found["channel"].unique())], names=["date", "channel"]
    )
    table = found.set_index(["date", "channel"]).reindex(every, fill_value=0).astype("int64").reset_index()
    for horizon in HORIZONS:
        known = table["date"] + pd.Timedelta(days=horizon) <= last
        for name in (f"again_{horizon}", f"from_counter_again_{horizon}"):
            table[name] = table[name].where(known)
    return table.astype({"channel": "str"})
