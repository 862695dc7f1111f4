"""The ledger of payments, one row each, summed to a daily panel: one row a day and group.

Its columns: `transaction_id`, `paid_at`, `entity`, `service`, `channel`, `amount`, `payer_id`; `columns` maps foreign
names, and `offline_channels` are service centres, every other channel being digital.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import pandas as pd

from analysis.ledger.aggregate import UNITS, refuse_near, sums
from analysis.ledger.checks import ALIKE, check
from analysis.ledger.daily import picked, read_source
from analysis.ledger.faults import hint
from analysis.ledger.notation import note
from analysis.ledger.sources import Reading, Source, collected, described, opened

METRICS = ("count", "value", "payers", "ticket", "digital_share")
GROUPS = ("entity", "service", "channel", "digital")
REPEATED = 0.01  # a larger share of repeated identifiers is refused, a smaller one noted


def daily_panel(data: Any, by: Sequence[str] = ("entity", "channel"), **reading: Any) -> pd.DataFrame:
    """Payments a day and group: `date, *by, count, value, payers`, sorted, zeros where nothing was paid.

    `by` are "entity", "service", "channel" or "digital" (True where the channel is not offline); those that the data
    lack are left out, as are `value` (exact to the cent) and `payers` where there is no `amount`, no `payer_id`.
    Every group seen has every day from the first to the last. `payers` are distinct within the day and group: they do
    not add up over groups, so ask for the grouping that is needed. Empty identifiers are no payers, and a `Note` says
    so.

    `data` and `reading` are as in `sources.opened`. ValueError, one line, if rows cannot be read, or payments are in
    it twice; `check` lists every fault.
    """
    by = [by] if isinstance(by, str) else list(by)
    for one in by:
        if one not in GROUPS:
            raise ValueError(f"by: {one!r} is not a group of a panel; {hint(one, GROUPS)}")
    with opened(data, **reading) as ledger:
        return _panel(data, ledger, by)


def _panel(data: Any, ledger: Source, by: list[str]) -> pd.DataFrame:
    by = [one for one in by if ("channel" if one == "digital" else one) in ledger.names]
    found, labels = sums(ledger, by), []
    if {"channel", "digital"}.intersection(by):
        cells = collected(ledger.frame.select(nw.col("channel").cast(nw.String)).unique())
        labels = cells["channel"].to_list()
        refuse_near(sorted(filter(None, labels)), ledger.how.offline_channels, ledger.name)
    if fault := _fault(found, ledger.how.refunds):
        first = None
        if not ledger.frame.implementation.is_pyspark():
            faults = check(data, how=replace(ledger.how, columns=ledger.names))
            first = next((f for f in faults if f.row is not None and f.grave), None)
        place = f" (first: {first.place} {first.problem})" if first else ""
        raise ValueError(f"{ledger.name}: {fault}{place}; `python -m analysis check` lists all")
    for remark in (*_of_channels(labels if "digital" in by else [], ledger.how), *_of_sums(found, ledger)):
        note(f"{ledger.name}: {remark}")
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


def _of_channels(labels: list[str | None], how: Reading) -> Iterator[str]:
    """What is odd in the channels of payments that are split by them."""
    known, told = sorted(label for label in labels if (label or "").strip()), ", ".join(how.offline_channels)
    if known[1:] and not told:
        advice = "name offline ones: --offline-channel, in a study offline_channels"
        yield f"payments of every channel count ({', '.join(known[:8])}{' …' if known[8:] else ''}); {advice}"
    if labels and told:
        if len(known) < len(labels):
            yield "some payments have an empty channel; they count as digital"
        if not set(labels).intersection(how.offline_channels):
            yield f"no channel is offline (offline_channels: {told}); every payment counts as digital"
        if not set(labels) - set(how.offline_channels):
            yield f"every channel is offline ({told}), so no payment is digital"


def _of_sums(found: pd.DataFrame, ledger: Source) -> Iterator[str]:
    """What may be in the ledger twice, and payments without a payer; ValueError for what surely is there twice."""
    identified = "transaction_id" in ledger.names
    if "repeated" in found and found["ids"].sum():
        share = found["repeated"].sum() / found["ids"].sum()
        told = f"{share:.2%} of the rows repeat {'a transaction_id' if identified else 'another in every column'}"
        if identified and share > REPEATED:
            advice = "`python -m analysis check` lists them"
            raise ValueError(f"{ledger.name}: {told} and would count twice; {advice}")
        if share > (0 if identified else ALIKE):
            yield f"{told}; they count as often as they come"
    if "payers" in found and found["payers"].max() <= 1 < found["count"].max():
        yield "no day has more than one payer; check that payer_id is the payer"
    if "nameless" in found and (nameless := int(found["nameless"].sum())):
        yield f"{nameless:,} payments have an empty payer_id; they are no payers"


def metric(panel: pd.DataFrame, name: str, offline_channels: tuple[str, ...] = ()) -> pd.Series:
    """One metric of a daily panel, as a series on its days.

    `count`, `value`, `payers` and `ticket` (value a payment) are those of digital channels, `digital_share` is the
    digital count over the whole count. Where no channel is offline, every payment counts. A ticket or a share of a
    day without payments is NaN. ValueError for `payers` of several digital rows a day, as distinct counts do not add
    up, and for the share where no channel is offline.
    """
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is unknown: {hint(name, METRICS)}")
    needs = {"ticket": ["count", "value"], "digital_share": ["count"]}.get(name, [name])
    for need in needs:
        if need not in panel:
            raise ValueError(f"metric {name} needs the panel's {need}, which its ledger does not give")
    if name == "digital_share" and not {"digital", "channel"}.intersection(panel):
        raise ValueError("metric digital_share needs a channel; the panel has none")
    offline = panel["channel"].isin(offline_channels) if "channel" in panel else pd.Series(False, panel.index)
    offline = ~panel["digital"].astype(bool) if "digital" in panel else offline
    if name == "digital_share" and not offline.any():
        told = ", ".join(offline_channels) or "none is named"
        advice = "name the service centres with --offline-channel (in a study: offline_channels)"
        raise ValueError(f"metric digital_share does not exist: no channel is offline ({told}); {advice}")
    if name == "payers" and panel.loc[~offline, "date"].duplicated().any():
        advice = "make the panel by=('digital',), as daily_metric does"
        raise ValueError(f"payers do not add up over groups: {advice}")
    every = pd.date_range(panel["date"].min(), panel["date"].max(), name="date")
    whole = (panel[needs] * UNITS).round()  # whole numbers add up without rounding
    ours, total = (
        rows.groupby(panel["date"]).sum().reindex(every, fill_value=0) / UNITS
        for rows in (whole[~offline], whole)
    )
    if name == "ticket":
        series = ours["value"] / ours["count"].replace(0, float("nan"))
    elif name == "digital_share":
        series = ours["count"] / total["count"].replace(0, float("nan"))
    else:
        series = ours[name]
    return series.rename(name)


def daily_metric(data: Any, name: str | None = None, event: Iterable = (), **reading: Any) -> pd.Series:
    """One metric, from a ledger or from figures that are daily already.

    Of a ledger: `daily_panel` at the grouping that the metric needs, then `metric` ("count" by default). Of daily
    figures: `value_column`, or the column called `name` (or by a usual name for it: "Vol" for count, "Val" for
    value), or without a name the only measure; of figures by group the group called `name`, or the sum of all. A
    ledger without a payment on a day of `event` is refused, not read as zero, as are options that the data have no
    use for.
    """
    how = Reading(**reading)
    with opened(data, how, daily=None) as source:
        if not source.daily:
            panel = _panel(data, source, ["digital"])
            refuse_absent(panel, event, source.name)
            return metric(panel, name or "count", how.offline_channels)
        if how.columns:
            advice = "name theirs with --date-column and --value-column"
            raise ValueError(f"{source.name}: holds daily figures, which --columns does not map; {advice}")
        return picked(read_source(source), name, how.value_column, source.name)


def refuse_absent(panel: pd.DataFrame, days: Iterable, name: str) -> None:
    """Raise ValueError if a ledger has no payment at all on one of the days: it lacks the day, it is not zero."""
    paid = set(panel.loc[panel["count"] > 0, "date"])
    for day in sorted(set(pd.DatetimeIndex(list(days))) - paid):
        span = f"payments run from {min(paid):%Y-%m-%d} to {max(paid):%Y-%m-%d}"
        raise ValueError(f"{name}: no payment on {day:%Y-%m-%d}, the day of the event; {span}")


def is_synthetic(data: Any) -> bool:
    """Whether any Parquet file of the data says that it is simulated (metadata key `synthetic`)."""
    import pyarrow.parquet as pq

    kind, files, _ = described(data)
    files = files if kind == "parquet" else []
    return any((pq.read_schema(file).metadata or {}).get(b"synthetic") == b"true" for file in files)
