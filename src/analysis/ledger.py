"""The ledger of payments, summed to days.

A ledger has one row a completed payment. Its columns: `transaction_id`, `paid_at`, `entity`, `service`, `channel`
(`counter` is a service centre, everything else is digital), `amount`, `payer_id`; a study's `columns` maps foreign
names. A daily panel has one row a day and group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from analysis.sources import Source, dialect, find, missing, nearest, opened, telling

COUNTER = "counter"
METRICS = ("count", "value", "payers", "ticket", "digital_share")
GROUPS = ("entity", "service", "channel", "digital")
MISSING = "(missing)"
UNITS = 10_000  # amounts are summed as whole ten-thousandths, so that every engine gives the same last cent


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
        Our name to the name in the source.
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
        `payers` are distinct within the day and group: they do not add up over groups, so ask for the grouping that
        is needed.

    Raises
    ------
    ValueError
        One line, if a column is missing or rows cannot be read; `check` lists every fault.
    """
    with opened(source, columns, encoding) as ledger:
        by = _groups(by, ledger)
        rows = _rows(ledger, by, timezone)
        with telling(ledger.name):
            sums = _summed(rows, by)
    return _filled(_sound(sums, ledger, refunds), by)


def metric(panel: pd.DataFrame, name: str) -> pd.Series:
    """One metric of a daily panel, as a series on its days.

    `count`, `value`, `payers` and `ticket` (value a payment) are those of digital channels, `digital_share` is the
    digital count over the whole count. Where the panel tells no channels, every payment counts.

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
    needs = {"ticket": ("count", "value"), "digital_share": ("count",)}.get(name, (name,))
    for need in needs:
        if need not in panel:
            raise ValueError(f"metric {name} needs the panel's {need}, which its ledger does not give")
    days = pd.DatetimeIndex(panel["date"].unique()).sort_values()
    days = pd.date_range(days[0], days[-1], name="date")
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
            "payers do not add up over groups: make the panel by=('digital',), or by=() where there is no channel; "
            "daily_metric does"
        )

    def total(rows: pd.DataFrame, column: str) -> pd.Series:
        return rows.groupby("date")[column].sum().reindex(days, fill_value=0).astype(float)

    if name == "ticket":
        series = total(ours, "value") / total(ours, "count").replace(0, float("nan"))
    elif name == "digital_share":
        series = total(ours, "count") / total(panel, "count").replace(0, float("nan"))
    else:
        series = total(ours, name)
    if name == "value":
        series = series.round(4)
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
    or the column called `name` (or by a usual name for it: "Vol" for count, "Val" for value), or its only measure.
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


ALIASES = {
    "count": ("volume", "vol", "transactions", "payments", "number"),
    "value": ("val", "amount", "total"),
    "payers": ("customers", "users"),
}


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
            raise ValueError(
                f"{name}: no column {given!r}; "
                + (f"did you mean {near!r}?" if near else f"found {', '.join(frame.columns)}")
            )
    if date_column is None:
        date_column = _date_column(frame, name)
    days = _days(frame[date_column], name)
    values = [value_column] if value_column else [c for c in frame.columns if c != date_column]
    measures = {c: _numbers(frame[c]) for c in values}
    if value_column and measures[value_column] is None:
        raise ValueError(f"{name}: column {value_column!r} is not numbers")
    measures = {c: v.to_numpy() for c, v in measures.items() if v is not None}
    if not measures:
        raise ValueError(f"{name}: no column of numbers besides {date_column!r}")
    daily = pd.DataFrame(
        measures, index=pd.DatetimeIndex(days.to_numpy().astype("datetime64[us]"), name="date")
    )
    if daily.index.has_duplicates:
        twice = daily.index[daily.index.duplicated()][0]
        row = int((daily.index == twice).nonzero()[0][1]) + 1
        raise ValueError(
            f"{name}, row {row}, {date_column}: {twice:%Y-%m-%d} comes twice; a daily CSV has one row a day "
            "(for a ledger, map its columns: paid_at, amount …)"
        )
    return daily.sort_index().asfreq("D")


def is_daily(
    source: Any,
    columns: Mapping[str, str] | None = None,
    date_column: str | None = None,
    value_column: str | None = None,
    encoding: str | None = None,
) -> bool:
    """Whether a source is a CSV of days rather than a ledger.

    It is a ledger if it is no text file, if `columns` maps a `paid_at`, or if it has a column of that name.
    """
    if date_column or value_column:
        return True
    if "paid_at" in (columns or {}) or not isinstance(source, (str, Path)):
        return False
    first = find(source)[0]
    if first.name.lower().endswith((".parquet", ".pq", ".parq")):
        return False
    return "paid_at" not in dialect(first, encoding).header


def is_synthetic(source: Any) -> bool:
    """Whether any Parquet file of the source says that it is simulated (metadata key `synthetic`)."""
    import pyarrow.parquet as pq

    if not isinstance(source, (str, Path)):
        return False
    files = [f for f in find(source) if f.name.lower().endswith((".parquet", ".pq", ".parq"))]
    return any((pq.read_schema(f).metadata or {}).get(b"synthetic") == b"true" for f in files)


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


def _rows(ledger: Source, by: list[str], timezone: str | None) -> nw.LazyFrame:
    """Day, groups, amount in whole units and payer, one row a payment, lazily."""
    if "paid_at" not in ledger.names:
        raise ValueError(missing("paid_at", ledger.frame.collect_schema().names(), ledger.name))
    frame = ledger.frame
    schema = frame.collect_schema()
    day = _local(nw.col("paid_at"), schema["paid_at"], timezone, ledger.name)
    picked = [day.dt.truncate("1d").alias("date")]
    for name in by:
        if name == "digital":
            picked.append((nw.col("channel").fill_null(MISSING) != COUNTER).alias("digital"))
        else:
            picked.append(nw.col(name).cast(nw.String).fill_null(MISSING).alias(name))
    if "amount" in ledger.names:
        picked.append((nw.col("amount").cast(nw.Float64) * UNITS).round(0).cast(nw.Int64).alias("units"))
    if "payer_id" in ledger.names:
        picked.append(nw.col("payer_id").alias("payer"))
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame) and schema["paid_at"] in (nw.String, nw.Int64, nw.Int32):
        native = native.with_columns(parsed(pl.col("paid_at").cast(pl.String)).alias("paid_at"))
        frame = nw.from_native(native)
    return frame.select(picked)


FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d", "%Y%m%d", "%Y-%m-%d %H:%M")


def parsed(text: pl.Expr) -> pl.Expr:
    """Text as times: ISO 8601, with or without separators; null where it is not."""
    text = text.str.strip_chars()
    return pl.coalesce(text.str.to_datetime(f, strict=False, exact=True, time_unit="us") for f in FORMATS)


def _local(time: nw.Expr, dtype: nw.dtypes.DType, timezone: str | None, name: str) -> nw.Expr:
    if dtype == nw.Date:
        return time.cast(nw.Datetime("us"))
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        if timezone is None:
            raise ValueError(
                f"{name}: paid_at carries the zone {dtype.time_zone}; "
                "say whose days to use, as in timezone='Asia/Dubai'"
            )
        return time.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return time


def _summed(rows: nw.LazyFrame, by: list[str]) -> pd.DataFrame:
    """Sums a day and group, collected into pandas."""
    has = rows.collect_schema().names()
    aggregates = [nw.len().alias("count")]
    if "units" in has:
        aggregates.append(nw.col("units").sum().alias("units"))
    if "payer" in has:
        rows = rows.with_columns(nw.col("payer").is_null().cast(nw.Int64).alias("unpaid"))
        aggregates += [nw.col("payer").n_unique().alias("payers"), nw.col("unpaid").max().alias("unpaid")]
    sums = rows.group_by("date", *by).agg(*aggregates)
    native = nw.to_native(sums)
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming").to_pandas()
    return sums.collect(backend="pandas").to_native()


def _sound(sums: pd.DataFrame, ledger: Source, refunds: bool) -> pd.DataFrame:
    if sums.empty:
        raise ValueError(f"{ledger.name}: holds no payments")
    unread = int(sums.loc[sums["date"].isna(), "count"].sum())
    if unread:
        raise ValueError(
            f"{ledger.name}: paid_at of {unread:,} rows is missing or not a time; `python -m analysis check` lists them"
        )
    sums["date"] = pd.to_datetime(sums["date"]).astype("datetime64[us]")
    return sums


def _filled(sums: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Every day for every group seen, with zeros, sorted."""
    out = sums[["date", *by]].copy()
    out["count"] = sums["count"].astype("int64")
    if "units" in sums:
        out["value"] = sums["units"].astype("int64") / UNITS
    if "payers" in sums:
        out["payers"] = sums["payers"].astype("int64") - sums["unpaid"].astype("int64")
    days = pd.date_range(out["date"].min(), out["date"].max(), name="date", unit="us")
    if not by:
        return out.set_index("date").reindex(days, fill_value=0).reset_index()
    groups = out[by].drop_duplicates().sort_values(by)
    whole = pd.DataFrame({"date": days}).merge(groups, how="cross")
    out = whole.merge(out, on=["date", *by], how="left", validate="one_to_one")
    numbers = [c for c in out if c not in ("date", *by)]
    out[numbers] = out[numbers].fillna(0).astype({c: "float64" if c == "value" else "int64" for c in numbers})
    return out


def _date_column(frame: pl.DataFrame, name: str) -> str:
    """The first column whose values read as days."""
    usual = [
        c
        for c in frame.columns
        if re.fullmatch(r"(date|day|ds|time|timestamp|.*date|التاريخ|اليوم)", c.strip(), re.I)
    ]
    for column in [*usual, *(c for c in frame.columns if c not in usual)]:
        try:
            _days(frame[column].head(50), name)
        except ValueError as error:
            if "two ways" in str(error):
                raise
            continue
        return column
    raise ValueError(f"{name}: no column reads as days (2017-10-26); name it with date_column")


def _days(column: pl.Series, name: str) -> pl.Series:
    """Text as days, or a ValueError that says which row is not."""
    if column.dtype.is_temporal():
        return column.cast(pl.Date)
    text = column.cast(pl.String).str.strip_chars()
    slashed = text.str.contains(r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}$")
    if slashed.any():
        row = int(slashed.arg_max()) + 1
        raise ValueError(
            f"{name}, row {row}, {column.name}: {text[row - 1]!r} can be read two ways; write days as 2020-04-03"
        )
    day = pl.coalesce(
        *(pl.col("x").str.to_date(f, strict=False, exact=True) for f in ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d")),
        *(
            pl.col("x").str.to_date(f, strict=False, exact=True)
            for f in ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y")
        ),
        parsed(pl.col("x")).dt.date(),
    )
    days = pl.DataFrame({"x": text}).select(day).to_series()
    if days.null_count():
        row = int(days.is_null().arg_max()) + 1
        raise ValueError(
            f"{name}, row {row}, {column.name}: {text[row - 1]!r} is not a day; write it as 2017-10-26"
        )
    return days


def _numbers(column: pl.Series) -> pl.Series | None:
    """Text as numbers; None if it is something else."""
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    text = column.cast(pl.String).str.strip_chars()
    text = pl.select(pl.when(text == "").then(None).otherwise(text)).to_series().str.replace_all(",", "")
    numbers = text.cast(pl.Float64, strict=False)
    return None if numbers.null_count() > text.null_count() or text.null_count() == len(text) else numbers
