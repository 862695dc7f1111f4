"""Who pays digitally for the first time, and when again: counts a day, from one reading of the ledger.

"First" means first seen in this ledger, so its first half year is run-in: a payer who is new in it may only have been
out of sight. "Before" and "again" are told by days: an offline payment on an earlier day, a digital one on a later day.
One row a payer is held while the ledger is read; nothing about a single payer leaves this module or is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.ledger.aggregate import near_offline, typed_parts
from analysis.ledger.databases import MISSING
from analysis.ledger.sources import Reading, nearest, opened, telling
from analysis.storage import staging

HORIZONS = (30, 60, 90)  # days within which a payer pays again
PENDING = 2_000_000  # rows that wait to be merged: more of them take memory, fewer take time


def first_timers(
    ledger: Any, columns: Mapping[str, str] | None = None, run_in_days: int = 182, **reading: Any
) -> pd.DataFrame:
    """Payers who pay digitally for the first time, by day and channel, and how many of them do so again.

    The ledger is read once, a span of days at a time; memory grows with the number of payers, not of
    payments. DuckDB and PySpark reduce their own frames to one row a payer; pandas goes through Polars.

    Parameters
    ----------
    ledger, columns, **reading
        As in `analysis.ledger.daily_panel`. Payments without a payer are left out; with no `offline_channels` every
        channel is digital.
    run_in_days : int
        Days at the beginning on which a payer new to the ledger counts as one who was out of sight.

    Returns
    -------
    DataFrame
        `date, channel, payers, from_counter, again_30, again_60, again_90, from_counter_again_30` and so on, sorted; a
        row a day and digital channel from the end of the run-in on, with zeros. `channel` is that of the first digital
        payment, `from_counter` counts those with an offline payment on an earlier day, `again_k` those who paid
        digitally on another day within k days, NaN where the ledger ends sooner. Cells may hold
        fewer than ten payers: show what `habit.retention` makes of it, which hides them.

    Raises
    ------
    ValueError
        One line, if the ledger has no `payer_id` or `channel`, no payment at an offline channel, times that cannot be
        read, or is not longer than the run-in.
    """
    how = Reading(columns=columns, **reading)
    offline = (
        (how.offline_channels,) if isinstance(how.offline_channels, str) else tuple(how.offline_channels)
    )
    whole = opened(ledger, how.columns, how.encoding, how.query)
    with whole as source, staging() as folder:
        absent = [name for name in ("paid_at", "channel", "payer_id") if name not in source.names]
        if absent:
            raise ValueError(
                f"{source.name}: no {' and no '.join(absent)}, so first-time payers cannot be told; map the column, "
                f"as in columns={{'{absent[-1]}': 'name in the ledger'}}, or leave the question out"
            )
        with telling(source.name):
            parts = typed_parts(source, how, folder)
            payers = _merged(_rows(part, offline, how.refunds) for part in parts)
            unread = int(payers["unread"].sum())
    if unread:
        raise ValueError(
            f"{source.name}: paid_at of {unread:,} rows is missing or not a time; "
            "`python -m analysis check` lists them"
        )
    _refuse(payers, offline, source.name, run_in_days)
    return _table(payers, run_in_days)


def _rows(frame: nw.LazyFrame, offline: tuple[str, ...], refunds: bool) -> pl.DataFrame:
    """One row a payer of a part of the ledger."""
    if frame.implementation.is_pandas_like():
        frame = nw.from_native(frame.collect(backend="polars").to_native().lazy())
    frame = frame.filter(~nw.col("payer_id").is_null())
    if refunds and "amount" in frame.collect_schema().names():
        frame = frame.filter((nw.col("amount") >= 0).fill_null(True))
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame):
        # 8 bytes whatever the names' length; among ten million, two meet once in 400,000 ledgers.
        frame = nw.from_native(native.with_columns(pl.col("payer_id").hash()))
    channel, at = nw.col("channel").cast(nw.String).fill_null(MISSING), nw.col("paid_at")
    digital = ~channel.is_in(offline) if offline else nw.lit(True)
    frame = frame.select(
        nw.col("payer_id").alias("payer"),
        nw.when(digital).then(at).alias("at"),
        channel.alias("channel"),
        nw.when(~digital).then(at.dt.date()).alias("offline"),
        at.dt.date().alias("last"),
        at.is_null().cast(nw.Int64).alias("unread"),
    ).with_columns(nw.lit(None, dtype=nw.Date).alias("second"))
    reduced = _reduced(frame)
    native = nw.to_native(reduced)
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming")
    return reduced.collect(backend="polars").to_native()


def _reduced(frame: nw.LazyFrame) -> nw.LazyFrame:
    """One row a payer, of payments or of such rows: the order in which they come does not matter.

    Columns: `at` and `channel` of the first digital payment, `second` digital day, first `offline` day, `last` day,
    number of `unread` times.
    """
    at = nw.col("at")
    frame = frame.with_columns(at.min().over("payer").alias("first"))
    later = nw.when(at.dt.date() > nw.col("first").dt.date()).then(at.dt.date())
    frame = frame.with_columns(
        nw.when(at == nw.col("first")).then(nw.col("channel")).alias("channel"),
        nw.min_horizontal(nw.col("second"), later).alias("second"),
    )
    return frame.group_by("payer").agg(
        nw.col("at", "channel", "second", "offline").min(),
        nw.col("last").max(),
        nw.col("unread").sum(),
    )


def _merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Parts of a ledger as one row a payer; merged when as many rows wait as have been merged."""
    merged, waiting = None, []

    def merge() -> pl.DataFrame:
        whole = pl.concat([merged, *waiting] if merged is not None else waiting)
        return nw.to_native(_reduced(nw.from_native(whole.lazy()))).collect(engine="streaming")

    for part in parts:
        waiting.append(part.with_columns(pl.col("at").cast(pl.Datetime("us"))))
        if sum(map(len, waiting)) > max(PENDING, 0 if merged is None else len(merged)):
            merged, waiting = merge(), []
    return merge() if waiting else merged


def _refuse(payers: pl.DataFrame, offline: tuple[str, ...], name: str, run_in_days: int) -> None:
    """What makes the counts meaningless, in one line."""
    if not len(payers):
        raise ValueError(f"{name}: no payment has a payer_id, so first-time payers cannot be told")
    digital = sorted(payers["channel"].drop_nulls().unique())
    if offline and payers["offline"].null_count() == len(payers):
        near = nearest(offline[0], digital)
        raise ValueError(
            f"{name}: no payment at {' or '.join(map(repr, offline))}; channels are {', '.join(digital)[:120]}; say "
            + f"which are service centres, as in offline_channels=({(near or 'counter')!r},)"
        )
    for label in digital:
        if near := near_offline(label, offline):
            raise ValueError(
                f"{name}: channel {label!r} looks like {near!r} and would count as digital; "
                "name it in offline_channels"
            )
    first, last = _ends(payers)
    if (last - first).days + 1 <= run_in_days:
        raise ValueError(
            f"{name}: {(last - first).days + 1} days of named payers, all of them run-in (run_in_days={run_in_days}); "
            "give a longer ledger"
        )
    if not digital:
        raise ValueError(
            f"{name}: no digital payment has a payer_id, so nobody pays digitally for the first time"
        )


def _ends(payers: pl.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last day of the ledger's named payers."""
    ends = payers.select(
        pl.min_horizontal(pl.col("at").dt.date().min(), pl.col("offline").min()).alias("first"),
        pl.col("last").max(),
    )
    return tuple(pd.Timestamp(day) for day in ends.row(0))


def _table(payers: pl.DataFrame, run_in_days: int) -> pd.DataFrame:
    """Counts a day and channel, from the end of the run-in on."""
    start, last = _ends(payers)
    start += pd.Timedelta(days=run_in_days)
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
        for prefix in ("", "from_counter_"):
            table[f"{prefix}again_{horizon}"] = table[f"{prefix}again_{horizon}"].where(known)
    return table.astype({"channel": "str"})
