"""The ledger of payments, summed to days.

A ledger has one row a completed payment. Its columns: `transaction_id`, `paid_at`, `entity`, `service`, `channel`
(`counter` is a service centre, everything else is digital), `amount`, `payer_id`; a study's `columns` maps foreign
names. A daily panel has one row a day and group.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from analysis.ledger.aggregate import COUNTER, UNITS, near_counter, sums
from analysis.ledger.parsing import date_column as date_column_of
from analysis.ledger.parsing import days, measures
from analysis.ledger.sources import Source, find, is_daily, is_parquet, nearest, opened, telling, zone_known

METRICS = ("count", "value", "payers", "ticket", "digital_share")
GROUPS = ("entity", "service", "channel", "digital")
ALIASES = {
    "count": ("volume", "vol", "transactions", "payments", "number"),
    "value": ("val", "amount", "total"),
    "payers": ("customers", "users"),
}


def daily_panel(
    source: Any,
    by: Sequence[str] = ("entity", "channel"),
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    refunds: bool = False,
    encoding: str | None = None,
) -> pd.DataFrame:
    """Payments a day and group.

    Parameters
    ----------
    source : path, glob, or frame
        A Parquet or CSV file, a folder or glob of them, or a pandas, Polars, DuckDB or PySpark frame.
    by : sequence of str
        What to group by besides the day: "entity", "service", "channel", or "digital" (True where the channel
        is not `counter`). Those that the source lacks are left out.
    columns : mapping, optional
        Our name to the name in the source: ``{"paid_at": "date", "amount": "dollar_value"}``.
    timezone : str, optional
        Whose days they are, for times that carry a zone. Times without one are local already.
    refunds : bool
        Whether negative amounts are refunds. They then lower the value, and are no payments: neither count nor
        payers has them.
    encoding : str, optional
        Of text files that are not UTF-8.

    Returns
    -------
    DataFrame
        `date, *by, count, value, payers`, sorted; every day from the first to the last for every group seen, zeros
        where nothing was paid. `value` and `payers` are left out where the source has no `amount`, no `payer_id`.
        `value` is exact to the cent. `payers` are distinct within the day and group: they do not add up over
        groups, so ask for the grouping that is needed.

    Raises
    ------
    ValueError
        One line, if a column is missing or rows cannot be read; `check` lists every fault.
    """
    zone_known(timezone)
    with opened(source, columns, encoding) as ledger, tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        by = _groups(by, ledger)
        with telling(ledger.name):
            for thorough in (False, True):
                found = sums(ledger, by, timezone, refunds, Path(folder), thorough)
                fault = _fault(found, ledger, refunds)
                if fault is None or ledger.kind != "csv":
                    break
            _refuse_near_counter(ledger, by, found)
    if fault:
        raise ValueError(fault)
    return _filled(found, by)


def panel_schema(panel: pd.DataFrame | None = None):
    """The pandera schema of a daily panel; with `panel`, of one with its columns."""
    import pandera.pandas as pa

    number = {"nullable": False, "required": panel is None}
    columns = {
        "date": pa.Column("datetime64[us]", pa.Check(lambda d: d.dt.normalize() == d, error="whole days"))
    }
    for name in GROUPS:
        if panel is None or name in panel:
            columns[name] = pa.Column(bool if name == "digital" else str, required=panel is not None)
    columns["count"] = pa.Column("int64", pa.Check.ge(0), **(number | {"required": True}))
    columns["value"] = pa.Column("float64", required=False)
    columns["payers"] = pa.Column("int64", pa.Check.ge(0), required=False)
    few = pa.Check(
        lambda p: "payers" not in p or (p["payers"] <= p["count"]).all(), error="payers exceed payments"
    )
    by = ["date", *(g for g in GROUPS if panel is not None and g in panel)]
    return pa.DataFrameSchema(columns, checks=few, unique=by if panel is not None else None, strict=True)


def metric(panel: pd.DataFrame, name: str) -> pd.Series:
    """One metric of a daily panel, as a series on its days.

    `count`, `value`, `payers` and `ticket` (value a payment) are those of digital channels, `digital_share` is the
    digital count over the whole count. Where the panel tells no channels, every payment counts. A ticket or a share
    of a day without payments is NaN.

    Raises
    ------
    ValueError
        For `payers` of a panel with more than one digital row a day: distinct counts do not add up; `daily_metric`
        asks the ledger for the right grouping.
    """
    if name not in METRICS:
        near = nearest(name, METRICS)
        raise ValueError(
            f"metric {name!r} is unknown: "
            + (f"did you mean {near}?" if near else f"give one of {', '.join(METRICS)}")
        )
    for need in {"ticket": ("count", "value"), "digital_share": ("count",)}.get(name, (name,)):
        if need not in panel:
            raise ValueError(f"metric {name} needs the panel's {need}, which its ledger does not give")
    if "digital" in panel:
        digital = panel["digital"].astype(bool)
    elif "channel" in panel:
        digital = panel["channel"] != COUNTER
    elif name == "digital_share":
        raise ValueError("metric digital_share needs a channel; the panel has none")
    else:
        digital = pd.Series(True, index=panel.index)
    ours = panel[digital]
    if name == "payers" and ours["date"].duplicated().any():
        raise ValueError(
            "payers do not add up over groups: make the panel by=('digital',), or by=() where there is no "
            "channel; daily_metric does"
        )
    index = pd.date_range(panel["date"].min(), panel["date"].max(), name="date")

    def total(part: pd.DataFrame, column: str) -> pd.Series:
        whole = part[column] if column != "value" else (part[column] * UNITS).round()
        return whole.groupby(part["date"]).sum().reindex(index, fill_value=0).astype(float)

    if name == "ticket":
        series = total(ours, "value") / UNITS / total(ours, "count").replace(0, float("nan"))
    elif name == "digital_share":
        series = total(ours, "count") / total(panel, "count").replace(0, float("nan"))
    else:
        series = total(ours, name) / (UNITS if name == "value" else 1)
    return series.rename(name)


def daily_metric(
    source: Any,
    name: str = "count",
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    refunds: bool = False,
    date_column: str | None = None,
    value_column: str | None = None,
    encoding: str | None = None,
) -> pd.Series:
    """One metric, from a ledger or from a CSV that is daily already.

    Of a ledger: `daily_panel` at the grouping that the metric needs, then `metric`. Of a daily CSV: `value_column`,
    or the column called `name` (or by a usual name for it: "Vol" for count, "Val" for value), or its only measure;
    the series carries the column's name.
    """
    if not is_daily(source, columns, date_column, value_column, encoding):
        panel = daily_panel(source, ("digital",), columns, timezone, refunds, encoding)
        return metric(panel, name)
    daily = read_daily(source, date_column, value_column, encoding)
    if value_column is not None or len(daily.columns) == 1:
        return daily.iloc[:, 0]
    folded = {column.casefold(): column for column in daily}
    for alias in (name, *ALIASES.get(name, ())):
        if alias.casefold() in folded:
            return daily[folded[alias.casefold()]]
    raise ValueError(
        f"{Path(source).name}: no measure {name!r} among {', '.join(daily.columns)}; name one with value_column"
    )


def read_daily(
    path: str | Path,
    date_column: str | None = None,
    value_column: str | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    """A CSV that is daily already: its measures on a daily index; days it lacks are NaN, never zero.

    Parameters
    ----------
    date_column, value_column : str, optional
        Which column holds the day, which the measure; without them the day is found by its contents and every
        column of numbers is a measure.

    Raises
    ------
    ValueError
        If no column reads as days, a day comes twice, or a date can be read two ways (03/04/2020).
    """
    with opened(path, None, encoding) as source, telling(source.name):
        frame = nw.to_native(source.frame).collect()
    name = source.name
    if frame.height == 0:
        raise ValueError(f"{name}: holds no rows")
    for given in (date_column, value_column):
        if given is not None and given not in frame.columns:
            near = nearest(given, frame.columns)
            found = f"did you mean {near!r}?" if near else f"found {', '.join(frame.columns)}"
            raise ValueError(f"{name}: no column {given!r}; {found}")
    if date_column is None:
        date_column = date_column_of(frame, name)
    index = days(frame[date_column], name)
    values = [value_column] if value_column else [c for c in frame.columns if c != date_column]
    numbers = {c: measures(frame[c]) for c in values}
    if value_column and numbers[value_column] is None:
        raise ValueError(f"{name}: column {value_column!r} is not numbers")
    numbers = {c: v.to_numpy() for c, v in numbers.items() if v is not None}
    if not numbers:
        raise ValueError(f"{name}: no column of numbers besides {date_column!r}")
    index = pd.DatetimeIndex(index.to_numpy().astype("datetime64[us]"), name="date")
    if index.has_duplicates:
        row = int(index.duplicated().argmax())
        raise ValueError(
            f"{name}, row {row + 1}, {date_column}: {index[row]:%Y-%m-%d} comes twice; a daily CSV has one row a "
            "day (if this is a ledger, map its columns: paid_at, amount …)"
        )
    return pd.DataFrame(numbers, index=index).sort_index().asfreq("D")


def is_synthetic(source: Any) -> bool:
    """Whether any Parquet file of the source says that it is simulated (metadata key `synthetic`)."""
    import pyarrow.parquet as pq

    if not isinstance(source, (str, Path)):
        return False
    files = [file for file in find(source) if is_parquet(file)]
    return any((pq.read_schema(file).metadata or {}).get(b"synthetic") == b"true" for file in files)


def _groups(by: Sequence[str], ledger: Source) -> list[str]:
    """The groups that the source has; an unknown one is an error."""
    by = [by] if isinstance(by, str) else list(by)
    for name in by:
        if name not in GROUPS:
            near = nearest(name, GROUPS)
            raise ValueError(
                f"by: {name!r} is not a group of a panel; "
                + (f"did you mean {near}?" if near else f"give some of {', '.join(GROUPS)}")
            )
    return [name for name in by if ("channel" if name == "digital" else name) in ledger.names]


def _refuse_near_counter(ledger: Source, by: Sequence[str], found: pd.DataFrame) -> None:
    """A channel that all but says `counter` would be summed as digital."""
    if "channel" in by:
        labels = found["channel"].unique()
    elif "digital" in by:
        channels = ledger.frame.select(nw.col("channel").cast(nw.String)).unique()
        native = nw.to_native(channels)
        lazily = isinstance(native, pl.LazyFrame)
        labels = (native.collect(engine="streaming") if lazily else channels.collect())["channel"].to_list()
    else:
        return
    for label in sorted(label for label in labels if isinstance(label, str)):
        if near_counter(label):
            raise ValueError(
                f"{ledger.name}: channel {label!r} looks like {COUNTER!r} and would count as digital; "
                f"write it as {COUNTER!r}"
            )


def _fault(found: pd.DataFrame, ledger: Source, refunds: bool) -> str | None:
    """What makes the sums wrong, in one line, or None."""
    if found["count"].sum() == 0:
        return f"{ledger.name}: holds no payments"
    advice = "`python -m analysis check` lists them"
    unread = int(found.loc[found["date"].isna(), "count"].sum())
    if unread:
        return f"{ledger.name}: paid_at of {unread:,} rows is missing or not a time; {advice}"
    if "units" in found:
        unpriced = int((found["count"] - found["priced"]).sum())
        if unpriced:
            return f"{ledger.name}: amount of {unpriced:,} rows is missing or not a number; {advice}"
        if not refunds and (found["least"] < 0).any():
            return (
                f"{ledger.name}: holds negative amounts; say refunds=True if they are refunds, else {advice}"
            )
    return None


def _filled(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Every day for every group seen, with zeros, sorted."""
    out = found[["date", *by]].copy()
    out["date"] = pd.to_datetime(out["date"]).astype("datetime64[us]")
    out["count"] = found["count"].astype("int64")
    if "refund" in found:
        out["count"] -= found["refund"].astype("int64")
    if "units" in found:
        out["value"] = found["units"].astype("int64") / UNITS
    if "payers" in found:
        out["payers"] = found["payers"].astype("int64") - found["nameless"].astype("int64")
    every = pd.date_range(out["date"].min(), out["date"].max(), name="date", unit="us")
    if not by:
        return out.set_index("date").reindex(every, fill_value=0).reset_index()
    groups = out[by].drop_duplicates().sort_values(by, ignore_index=True)
    place = (out["date"] - every[0]).dt.days.to_numpy() * len(groups) + out.groupby(by).ngroup().to_numpy()
    assert pd.Index(place).is_unique, "a day and group is summed once"
    whole = groups.iloc[np.tile(np.arange(len(groups)), len(every))].reset_index(drop=True)
    whole.insert(0, "date", every.repeat(len(groups)))
    for name in out.columns.difference(["date", *by], sort=False):
        filled = np.zeros(len(whole), dtype=out[name].dtype)
        filled[place] = out[name]
        whole[name] = filled
    return whole.astype({name: "str" for name in by if name != "digital"})
