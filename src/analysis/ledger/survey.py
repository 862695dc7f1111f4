"""What a file of payments or daily figures holds, as far as it says so itself."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl

from analysis import ledger
from analysis.ledger import headers
from analysis.ledger.errors import hint
from analysis.ledger.notation import DECIMALS, ORDERS, SLASHED, UNIT, Note, cleaned, numbers, times
from analysis.ledger.sources import COLUMNS, described, opened

AVERAGES = r"\b(average|avg|mean|rate|ratio|moyenne|taux|متوسط|औसत)\b"
SYMBOLS = {"₹": "INR", "£": "GBP", "€": "EUR", "درهم": "AED", "د.إ": "AED", "د.إ.": "AED"}
LABELS = 500  # a column of more labels names no entities
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file holds, as far as it says so itself.

    Parameters
    ----------
    name : str
        Of the file.
    daily : bool
        Daily figures, or else a ledger.
    reading : dict
        Parameters of a study that say how it is read: `columns` and what the owner had to say.
    table : DataFrame
        A column a measure (or, of daily figures by group, a column a group), daily.
    labels : dict of Series
        Rows by label of a ledger's entity, service and channel.
    currency : str or None
        Of the amounts, where a header or the cells say it.
    facts : tuple of str
        All of it in words, a line each.
    """

    name: str
    daily: bool
    reading: dict[str, Any]
    table: pd.DataFrame
    labels: dict[str, pd.Series]
    currency: str | None
    facts: tuple[str, ...]


def look(data: str | Path, columns: Mapping[str, str] | None = None, **reading: Any) -> Seen:
    """Read a whole file and find out what it holds.

    Parameters
    ----------
    columns : mapping, optional
        Our name of a column to theirs, where it cannot be recognised; of daily figures `date` and a measure.
    **reading
        `date_column`, `value_column`, `timezone`, `refunds`, `decimal`, `date_format`, `encoding`: as in `Reading`.

    Raises
    ------
    ValueError, FileNotFoundError
        One line: what is wrong, or what can be read two ways, with the flag that decides; notes say how many rows each
        choice reads.
    """
    _, files, name = described(data)
    if not files:
        raise ValueError(f"{name}: a study reads files; export it to Parquet or CSV")
    given = {key: value for key, value in reading.items() if value}
    columns = dict(columns or {})
    if day := given.pop("date_column", None):
        columns["date"] = day
    if measure := given.pop("value_column", None):
        columns[measure] = measure
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", Note)
        choices: list[str] = []
        try:
            with opened(data, None, given.get("encoding")) as source:
                frame = nw.to_native(source.frame)
                names = frame.collect_schema().names()
                theirs = headers.recognised(names, columns, name)
                choices = _choices(frame, theirs, name)
                currency = _currency(frame, theirs.get("amount"))
            seen = _seen(data, name, columns, theirs, given)
        except ValueError as fault:
            told = str(fault).replace(
                "name one with --query", "save the one that counts as a file of its own"
            )
            told = told.replace("refunds=True (in a study: refunds: true)", "--refunds")
            error = ValueError(told)
            for line in choices:
                error.add_note(line)
            raise error from None
    unused = [] if seen.daily else [column for column in names if column not in theirs.values()]
    aside = [f"not used: {listed(unused)}"] if unused else []
    told = sorted({str(one.message).removeprefix(f"{name}: ").removeprefix(f"{name}, ") for one in notes})
    return replace(seen, currency=currency, facts=tuple(map(plain, (*seen.facts, *aside, *choices, *told))))


def _seen(data: Any, name: str, columns: dict, theirs: dict, given: dict) -> Seen:
    """A ledger if a column is surely one of a ledger's, daily figures if they read as such, else a ledger."""
    named = theirs.get("paid_at") in ("paid_at", columns.get("paid_at", ""))
    if named or ("paid_at" in theirs and {"transaction_id", "payer_id"} & {*theirs}):
        return _ledger(data, name, columns, theirs, given)
    try:
        return _daily(data, name, columns, theirs, given)
    except ValueError as fault:
        notation = re.search("--(decimal|date-format|timezone|encoding)", str(fault))
        if columns or notation or not {"paid_at", "amount"} <= {*theirs}:
            raise
        seen = _ledger(data, name, columns, theirs, given)
        if seen.table["count"].median() < 2:  # daily figures with a fault
            raise
        return seen


def _currency(frame: pl.LazyFrame, amount: str | None) -> str | None:
    """What the amount's header or all of its first cells say."""
    if amount is None:
        return None
    for word in re.split(r"[\s_./:()\[\]-]+", amount):
        if code := headers.currency_code(word):
            return code
    if frame.collect_schema()[amount] != pl.String:
        return None
    cells = frame.select(cleaned(pl.col(amount)).str.extract(f"({UNIT})")).head(1000).collect().to_series()
    units = cells.unique().to_list()
    return SYMBOLS.get(units[0], headers.currency_code(units[0])) if len(units) == 1 and units[0] else None


def _choices(frame: pl.LazyFrame, theirs: Mapping[str, str], name: str) -> list[str]:
    """How many rows each way to write days and amounts reads, where there are several."""
    schema, lines = frame.collect_schema(), []
    day, amount = theirs.get("paid_at"), theirs.get("amount")
    if day and schema[day] == pl.String:
        slashed = cleaned(pl.col(day)).str.contains(SLASHED)
        if frame.select(slashed.any()).collect(engine="streaming").item():
            for order in ORDERS:
                read = times(frame, day, name, "UTC", order)
                n, first, last = _one(frame, read.count(), read.min(), read.max())
                span = f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if n else ""
                lines.append(f"{day} {order}: {n:,} rows{span}")
    if amount and schema[amount] == pl.String and _one(frame, pl.col(amount).str.contains(",").any())[0]:
        for mark in DECIMALS:
            with contextlib.suppress(ValueError):  # of cells that differ in their unit
                read = numbers(frame, amount, name, mark)
                n, total = _one(frame, read.count(), read.sum())
                lines.append(f"{amount} with decimal {mark!r}: {n:,} rows, sum {total:,.2f}")
    return lines


def _one(frame: pl.LazyFrame, *wanted: pl.Expr) -> tuple:
    return frame.select(one.alias(str(i)) for i, one in enumerate(wanted)).collect(engine="streaming").row(0)


def _daily(data: Any, name: str, columns: dict, theirs: dict, given: dict) -> Seen:
    """Daily figures."""
    measures = {ours: column for ours, column in columns.items() if ours != "date"}
    told = {key: value for key, value in given.items() if key != "refunds"}
    how = ledger.Reading(**told, value_column=next(iter(measures.values())) if len(measures) == 1 else None)
    if "date" not in columns and not ledger.is_daily(data, how=how):
        columns = columns | {"date": theirs["paid_at"]} if "paid_at" in theirs else columns
    how = replace(how, date_column=columns.get("date"))
    table = ledger.read_daily(data, how.date_column, how.value_column, how)
    facts = [f"{name}: daily figures of {_span(table.dropna(how='all'))}"]
    if groups := table.attrs.get("groups"):
        facts.append(f"{table.attrs['measure']} by {', '.join(groups)}: {table.shape[1]} ({listed(table)})")
    else:
        some = list(table)[:12]
        facts += [
            f"{column}: {kind(column, table[column], None)}, {_range(table[column])}" for column in some
        ]
        facts += [f"and {table.shape[1] - 12:,} more columns"] if table.shape[1] > 12 else []
    total = table.sum(axis=1, min_count=table.shape[1]) if groups else table.iloc[:, 0]
    reading = given | ({"columns": columns} if columns else {})
    return Seen(name, True, reading, table, {}, None, (*facts, *_course(total, ledger.check(data, how=how))))


def _ledger(data: Any, name: str, columns: dict, theirs: dict, given: dict) -> Seen:
    """A ledger of payments."""
    for ours in columns:
        if ours not in COLUMNS:
            raise ValueError(f"--columns: {ours!r} is not a column of a ledger; {hint(ours, COLUMNS)}")
    with opened(data, theirs, given.get("encoding")) as source:
        frame = nw.to_native(source.frame)
        labels = {}
        for group in ("entity", "service", "channel"):
            if group in theirs:
                cells = pl.col(group).cast(pl.String).alias("x")
                counts = frame.group_by(cells).len().drop_nulls().collect(engine="streaming").to_pandas()
                labels[group] = counts.set_index("x")["len"].sort_values(ascending=False)
    many = [
        g for g, counts in labels.items() if len(counts) > LABELS and theirs[g] not in (g, columns.get(g))
    ]
    notes = [f"{theirs[g]} has {len(labels[g]):,} labels, too many to be the {g}: left out" for g in many]
    theirs = {ours: column for ours, column in theirs.items() if ours not in many}
    how = ledger.Reading(columns=theirs, offline_channels=(), **given)
    panel = ledger.daily_panel(data, (), columns=theirs, offline_channels=(), **given).set_index("date")
    count = panel["count"].astype(float)
    facts = [f"{name}: a ledger, {int(count.sum()):,} payments on {_span(panel[count > 0])}"]
    facts.append("columns: " + ", ".join(o if o == c else f"{o} is {c!r}" for o, c in theirs.items()))
    labels = {g: counts for g, counts in labels.items() if g not in many}
    # Without their payments: a small one's would tell of its few payers wherever the study's file goes.
    facts += [f"{group}: {len(counts):,} ({listed(counts.index)})" for group, counts in labels.items()]
    faults = [f for f in ledger.check(data, how=how) if not f.problem.startswith("no column")]
    foreign = {ours: column for ours, column in theirs.items() if ours != column}
    reading = given | ({"columns": foreign} if foreign else {})
    return Seen(
        name, False, reading, panel, labels, None, (*facts, *notes, *_course(count.where(count > 0), faults))
    )


def _course(series: pd.Series, faults: list) -> list[str]:
    """Gaps, odd days and faults of a daily course, a line each where there are any."""
    every = series.asfreq("D")
    lines = []
    if len(gaps := every.index[every.isna()]):
        lines.append(f"nothing on {len(gaps):,} days in between: {listed(f'{day:%Y-%m-%d}' for day in gaps)}")
    odd = odd_days(every.dropna())
    if len(odd):
        told = listed(f"{day:%Y-%m-%d} {ratio:+.0%}" for day, ratio in odd.items())
        lines.append(f"odd days, against the same weekday of the weeks around: {told}")
    if faults:
        lines.append(f"faults: {len(faults)}, the first: {faults[0].without_cell()}")
    return lines


def odd_days(series: pd.Series) -> pd.Series:
    """Days far from the median of their weekday in the nine weeks around, as a fraction of it, the farthest first."""
    weekdays = series.groupby(series.index.day_of_week)
    usual = weekdays.transform(lambda same: same.rolling(9, center=True, min_periods=3).median())
    ratio = (series / usual.where(usual > 0) - 1).dropna()
    spread = 1.4826 * (ratio - ratio.median()).abs().median()
    odd = ratio[ratio.abs() > max(6 * spread, 0.2)]
    return odd.loc[odd.abs().sort_values(ascending=False, kind="stable").index]


def kind(column: str, values: pd.Series | None, currency: str | None) -> str:
    """count, money, sum, mean or share, by a column's name and numbers."""
    numbers = pd.Series(dtype=float) if values is None else values.dropna()
    if re.search(AVERAGES, headers.folded(column)):
        return "mean"
    if headers.is_amount(column):
        return "money" if currency else "sum"
    if (numbers % 1 == 0).all():
        return "count"
    return "share" if numbers.between(0, 1).all() else "sum"


def plain(text: str) -> str:
    """On one line, without what a terminal or a page would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _span(table: pd.DataFrame) -> str:
    return f"{len(table):,} days, {table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}"


def _range(values: pd.Series) -> str:
    return f"{values.min():,.6g} to {values.max():,.6g}"


def listed(names: Iterable[Any]) -> str:
    names = [plain(str(name))[:40] for name in names]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if names[SHOWN:] else "")
