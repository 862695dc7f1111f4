"""The ledger of payments, summed to days.

A ledger has one row a completed payment. Its columns: `transaction_id`, `paid_at`, `entity`, `service`, `channel`,
`amount`, `payer_id`; a study's `columns` maps foreign names, and its `offline_channels` are service centres, every
other channel being digital. A daily panel has one row a day and group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.ledger import databases
from analysis.ledger.aggregate import near_offline, sums
from analysis.ledger.check_rows import ALIKE
from analysis.ledger.checks import check
from analysis.ledger.daily import picked, read_daily
from analysis.ledger.databases import UNITS
from analysis.ledger.notation import note
from analysis.ledger.sources import COUNTER, Reading, described, hint, is_daily, mapped, opened, telling
from analysis.storage import staging

METRICS = ("count", "value", "payers", "ticket", "digital_share")
GROUPS = ("entity", "service", "channel", "digital")
REPEATED = 0.01  # a larger share of repeated identifiers is refused, a smaller one noted


def daily_panel(
    source: Any,
    by: Sequence[str] = ("entity", "channel"),
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    **reading: Any,
) -> pd.DataFrame:
    """Payments a day and group.

    Parameters
    ----------
    source : path, glob, URL, or frame
        As in `sources.opened`.
    by : sequence of str
        What to group by besides the day: "entity", "service", "channel", or "digital" (True where the channel
        is not offline). Those that the source lacks are left out.
    columns, timezone, **reading
        How to read it, as in `sources.Reading`.

    Returns
    -------
    DataFrame
        `date, *by, count, value, payers`, sorted; every day from the first to the last for every group seen, zeros
        where nothing was paid. `value` and `payers` are left out where the source has no `amount`, no `payer_id`.
        `value` is exact to the cent. `payers` are distinct within the day and group: they do not add up over
        groups, so ask for the grouping that is needed. Empty identifiers are no payers, and a `Note` says so.

    Raises
    ------
    ValueError
        One line, if a column is rows cannot be read, or payments are in it twice; `check` lists every fault.
    """
    return _panel(source, by, Reading(columns=columns, timezone=timezone, **reading))


def _panel(source: Any, by: Sequence[str], how: Reading) -> pd.DataFrame:
    by, found = [by] if isinstance(by, str) else list(by), None
    for one in by:
        if one not in GROUPS:
            raise ValueError(f"by: {one!r} is not a group of a panel; {hint(one, GROUPS)}")
    kind, _, name = described(source)
    with telling(name), staging() as folder:
        if kind == "postgresql":
            names = mapped(databases.columns(str(source), how.query), how.columns, name)
            groups = _groups(by, names)
            found = databases.sums(str(source), names, groups, how)
            if found is not None and {"channel", "digital"}.intersection(groups):
                _ask_channels(databases.labels(str(source), how.query, names["channel"]), how, name, groups)
        if found is None:
            with opened(source, how.columns, how.encoding, how.query) as ledger:
                names, groups = ledger.names, _groups(by, ledger.names)
                found = sums(ledger, groups, how, folder)
                if {"channel", "digital"}.intersection(groups):
                    _ask_channels(_labels(ledger.frame), how, name, groups)
    if fault := _fault(found, how.refunds):
        raise ValueError(f"{name}: {fault}{_first(source, how)}; `python -m analysis check` lists all")
    _ask_repeated(found, "transaction_id" in names, name)
    return _filled(found, groups)


def metric(panel: pd.DataFrame, name: str, offline_channels: tuple[str, ...] = (COUNTER,)) -> pd.Series:
    """One metric of a daily panel, as a series on its days.

    `count`, `value`, `payers` and `ticket` (value a payment) are those of digital channels, `digital_share` is the
    digital count over the whole count. Where the panel tells no channels, every payment counts. A ticket or a share
    of a day without payments is NaN.

    Raises
    ------
    ValueError
        For `payers` of a panel with more than one digital row a day: distinct counts do not add up; `daily_metric`
        asks the ledger for the right grouping. For the share of a panel of which no channel is offline.
    """
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is unknown: {hint(name, METRICS)}")
    for need in {"ticket": ("count", "value"), "digital_share": ("count",)}.get(name, (name,)):
        if need not in panel:
            raise ValueError(f"metric {name} needs the panel's {need}, which its ledger does not give")
    if "digital" in panel:
        digital = panel["digital"].astype(bool)
    elif "channel" in panel:
        digital = ~panel["channel"].isin(offline_channels)
    elif name == "digital_share":
        raise ValueError("metric digital_share needs a channel; the panel has none")
    else:
        digital = pd.Series(True, index=panel.index)
    if name == "digital_share" and digital.all():
        told = ", ".join(offline_channels) or "none is named"
        advice = "name the service centres in the study's offline_channels"
        raise ValueError(f"metric digital_share does not exist: no channel is offline ({told}); {advice}")
    ours = panel[digital]
    if name == "payers" and ours["date"].duplicated().any():
        raise ValueError(
            "payers do not add up over groups: make the panel by=('digital',), as daily_metric does"
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
    name: str | None = None,
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    event: Iterable = (),
    **reading: Any,
) -> pd.Series:
    """One metric, from a ledger or from figures that are daily already.

    Of a ledger: `daily_panel` at the grouping that the metric needs, then `metric` ("count" by default). Of daily
    figures: `value_column`, or the column called `name` (or by a usual name for it: "Vol" for count, "Val" for
    value), or without a name the only measure; of figures by group the group called `name`, or the sum of all.

    Parameters
    ----------
    event : iterable of dates
        Days on which a ledger must have a payment, so that a ledger which lacks the day is not read as zero.

    Raises
    ------
    ValueError
        As `daily_panel` and `read_daily` do, and for options that the data have no use for.
    """
    how = Reading(columns=columns, timezone=timezone, **reading)
    label = described(source)[2]
    if not is_daily(source, how=how):
        panel = _panel(source, ("digital",), how)
        refuse_absent(panel, event, label)
        return metric(panel, name or "count", how.offline_channels)
    if columns:
        advice = "name theirs with --date-column and --value-column"
        raise ValueError(f"{label}: holds daily figures, which --columns does not map; {advice}")
    return picked(read_daily(source, how=how), name, how.value_column, label)


def refuse_absent(panel: pd.DataFrame, days: Iterable, name: str) -> None:
    """Raise ValueError if a ledger has no payment at all on one of the days: it lacks the day, it is not zero."""
    paid = set(panel.loc[panel["count"] > 0, "date"])
    for day in sorted(set(pd.DatetimeIndex(list(days))) - paid):
        span = f"payments run from {min(paid):%Y-%m-%d} to {max(paid):%Y-%m-%d}"
        raise ValueError(f"{name}: no payment on {day:%Y-%m-%d}, the day of the event; {span}")


def is_synthetic(source: Any) -> bool:
    """Whether any Parquet file of the source says that it is simulated (metadata key `synthetic`)."""
    import pyarrow.parquet as pq

    kind, files, _ = described(source)
    if kind != "parquet":
        return False
    return any((pq.read_schema(file).metadata or {}).get(b"synthetic") == b"true" for file in files)


def _groups(by: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """The groups that a source has."""
    return [one for one in by if ("channel" if one == "digital" else one) in names]


def _labels(frame: nw.LazyFrame) -> list[str | None]:
    """The distinct labels of the channel."""
    channels = frame.select(nw.col("channel").cast(nw.String)).unique()
    native = nw.to_native(channels)
    lazily = isinstance(native, pl.LazyFrame)
    return (native.collect(engine="streaming") if lazily else channels.collect())["channel"].to_list()


def _ask_channels(labels: list[str | None], how: Reading, name: str, groups: list[str]) -> None:
    """Refuse a label that all but says an offline channel; note empty ones, and a ledger without any offline one."""
    for label in sorted(label for label in labels if label):
        if near := near_offline(label, how.offline_channels):
            advice = f"write it as {near!r}, or name it in the study's offline_channels"
            raise ValueError(
                f"{name}: channel {label!r} looks like {near!r} and would count as digital; {advice}"
            )
    told = ", ".join(how.offline_channels) or "none is named"
    if "digital" in groups and any(not (label or "").strip() for label in labels):
        note(f"{name}: some payments have an empty channel; they count as digital")
    if "digital" in groups and not set(labels).intersection(how.offline_channels):
        note(f"{name}: no channel is offline (offline_channels: {told}); every payment counts as digital")
    if "digital" in groups and not set(labels) - set(how.offline_channels):
        note(f"{name}: every channel is offline ({told}), so no payment is digital")


def _fault(found: pd.DataFrame, refunds: bool) -> str | None:
    """What makes the sums wrong, or None."""
    if found["count"].sum() == 0:
        return "holds no payments"
    if unread := int(found.loc[found["date"].isna(), "count"].sum()):
        return f"paid_at of {unread:,} rows is missing or not a time"
    if "units" in found:
        if unpriced := int((found["count"] - found["priced"]).sum()):
            return f"amount of {unpriced:,} rows is missing or not a number"
        if not refunds and (found["least"] < 0).any():
            return "holds negative amounts; say refunds=True (in a study: refunds: true) if they are refunds"
    return None


def _first(source: Any, how: Reading) -> str:
    """Where the first row stands that a fault of the sums is about."""
    if "pyspark" in type(source).__module__:
        return ""
    first = next((f for f in check(source, how=how) if f.row is not None and f.grave), None)
    return f" (first: {first.place} {first.problem})" if first else ""


def _ask_repeated(found: pd.DataFrame, identified: bool, name: str) -> None:
    """Refuse payments that are in the ledger twice, note what may be; note payments without a payer."""
    if "repeated" in found and found["ids"].sum():
        share = found["repeated"].sum() / found["ids"].sum()
        what = "a transaction_id" if identified else "another in every column"
        told = f"{name}: {share:.2%} of the rows repeat {what}"
        if identified and share > REPEATED:
            raise ValueError(f"{told} and would count twice; `python -m analysis check` lists them")
        if share > (0 if identified else ALIKE):
            note(f"{told}; they count as often as they come")
    if "payers" in found and found["payers"].max() <= 1 < found["count"].max():
        note(f"{name}: no day has more than one payer; check that payer_id is the payer")
    if "nameless" in found and (nameless := int(found["nameless"].sum())):
        note(f"{name}: {nameless:,} payments have an empty payer_id; they are no payers")


def _filled(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Every day for every group seen, with zeros, sorted."""
    out = found[["date", *by]].copy()
    out["date"] = pd.to_datetime(out["date"]).astype("datetime64[us]")
    out["count"] = found["count"].astype("int64")
    if "refund" in found:
        out["count"] -= found["refund"].fillna(0).astype("int64")
    if "units" in found:
        out["value"] = (found["units"] / UNITS).astype(float)
    if "payers" in found:
        out["payers"] = found["payers"].astype("int64")
    every = pd.date_range(out["date"].min(), out["date"].max(), unit="us").to_frame(name="date", index=False)
    if by:
        every = every.merge(out[by].drop_duplicates().sort_values(by), how="cross")
    whole = every.merge(out, how="left", on=["date", *by], validate="one_to_one").fillna(0)
    return whole.astype(out.dtypes.to_dict() | {name: "str" for name in by if name != "digital"})
