"""Panels of a ledger in which groups too small to be shown one by one are put together; see `analysis.disclosure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.disclosure import OTHERS, hidden
from analysis.ledger.aggregate import MISSING, typed_parts
from analysis.ledger.panel import daily_panel
from analysis.ledger.sources import Reading, as_polars, opened

BUCKETS = 1024  # payers are told apart by a hash into so many, which never makes more of them than there are
CELL = ("date", "bucket")


def panel(data: Any, by: Sequence[str], small: pd.DataFrame | None, **reading: Any) -> pd.DataFrame:
    """`ledger.daily_panel` with the groups of `small` (of `small_groups`) put together.

    Their `payers` are added up, so that who paid to several of them on a day is counted for each.
    """
    found = daily_panel(data, by, **reading)
    for column, names in () if small is None else small.groupby("column"):
        if column in found:
            found[column] = found[column].replace(names.set_index("name")["label"].to_dict())
    keys = ["date", *(name for name in by if name in found)]
    return found.groupby(keys, as_index=False).sum() if found.duplicated(keys).any() else found


def small_groups(data: Any, event_days: pd.DatetimeIndex, **reading: Any) -> pd.DataFrame:
    """The groups of a ledger that are not shown one by one: `column`, `name`, and the `label` they share.

    A service of one entity alone is judged among that entity's services, whose sum is the entity's, and is hidden with
    it. Service centres are apart from digital channels, under the name of the first of them. Without payer_id every
    payment counts as a payer's own.
    """
    cells = _sums(data, event_days, **reading)
    offline, found = list(Reading(**reading).offline_channels), []
    if "entity" in cells:
        found.append(("entity", hidden(cells["entity"], "entity"), None))
    if "channel" in cells:
        table = cells["channel"]
        centre = table["channel"].isin(offline)
        first = next((name for name in offline if (table["channel"] == name).any()), None)
        found += [("channel", hidden(table[~centre], "channel"), None)]
        found += [("channel", hidden(table[centre], "channel"), first)]
    if "service" in cells:
        table = cells["service"].astype({"service": "str"})
        keys = ["service", *({"entity"} & {*table})]
        pairs = table[keys].drop_duplicates().astype("str").set_index("service")
        home = pairs.get("entity", pd.Series("", pairs.index))  # "" of services that several entities have
        home = home.mask(home.index.duplicated(keep=False), "").groupby(level=0).first()
        gone = set(home.index[home.isin(found[0][1])]) if "entity" in cells else set()
        parts = [hidden(part, "service") for _, part in table.groupby(table["service"].map(home))]
        found.append(("service", gone.union(*parts), None))
    groups = ((column, sorted(names), label or f"{OTHERS} ({len(names)})") for column, names, label in found)
    listed = [(column, name, label) for column, names, label in groups for name in names]
    return pd.DataFrame(listed, columns=["column", "name", "label"], dtype="str")


def _sums(data: Any, event_days: pd.DatetimeIndex, **reading: Any) -> dict[str, pd.DataFrame]:
    """The cells of `hidden` for each column that groups; nothing of a single payer leaves this module or is kept."""
    with opened(data, **reading) as ledger:
        keys = {name: [name] for name in ("entity", "service", "channel") if name in ledger.names}
        if {"entity", "service"} <= keys.keys():
            keys["service"] = ["entity", "service"]
        parts = typed_parts(ledger) if keys else ()
        tables = zip(*(_part(part, keys, event_days, ledger.how) for part in parts), strict=True)
        merged = {
            one: pl.concat(of).group_by(*keys[one], *CELL).sum() for one, of in zip(keys, tables, strict=True)
        }
    labels = pl.col(pl.String).cast(pl.Categorical)  # small in memory
    return {one: table.with_columns(labels).to_pandas() for one, table in merged.items()}


def _part(
    part: nw.LazyFrame, keys: dict[str, list[str]], event_days: pd.DatetimeIndex, how: Reading
) -> list[pl.DataFrame]:
    """Sums of a part of the ledger by each of the keys."""
    rows, has = as_polars(nw.to_native(part)), part.collect_schema().names()
    payer, value, channel, day = (
        pl.lit(None, pl.String),
        pl.lit(0.0),
        pl.lit(MISSING),
        pl.col("paid_at").dt.date(),
    )
    if "payer_id" in has:
        payer = pl.col("payer_id").cast(pl.String).str.strip_chars()
        rows = rows.filter(~payer.is_in(["", "NaN"]))
    if "amount" in has:
        value = pl.col("amount").cast(pl.Float64).fill_null(0.0)
        rows = rows.filter(value >= 0) if how.refunds else rows
    if "channel" in has:
        channel = pl.col("channel").cast(pl.String).fill_null(MISSING)
    held = day.is_in(event_days.date.tolist()) & ~channel.is_in(list(how.offline_channels))
    bucket = pl.when(payer.is_not_null()).then(payer.hash(0) % BUCKETS).cast(pl.UInt16)
    found = rows.select(
        *(pl.col(name).cast(pl.String).fill_null(MISSING) for name in keys),
        pl.when(held).then(day).alias("date"),
        bucket.alias("bucket"),
        value.abs().alias("value"),
    )
    sums = pl.len().alias("payments"), pl.col("value").sum()
    return pl.collect_all([found.group_by(*by, *CELL).agg(*sums) for by in keys.values()], engine="streaming")
