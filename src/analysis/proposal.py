"""A study's file proposed from what its data say themselves and from what only its owner knows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import yaml

from analysis import ledger
from analysis.ledger import Note, Reading
from analysis.ledger.faults import hint, listed, plain
from analysis.ledger.headers import currency_code, folded, recognised, words
from analysis.ledger.notation import DECIMALS, ORDERS, SLASHED, UNIT, cleaned, numbers, times
from analysis.ledger.panel import METRICS
from analysis.ledger.sources import FILE, ROW, described, looks_daily, opened
from analysis.storage import ROOT, write
from analysis.study import Study

AVERAGES = r"\b(average|avg|mean|rate|ratio|moyenne|taux|متوسط|औसत)\b"
SYMBOLS = {"₹": "INR", "£": "GBP", "€": "EUR", "درهم": "AED", "د.إ": "AED", "د.إ.": "AED"}
FLAGS = {  # what an error says to commands in general, and what `new` has for it
    "name one with --query": "save the one that counts as a file of its own",
    "refunds=True (in a study: refunds: true)": "--refunds",
}
LABELS = 500  # a column of more labels names no entities


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file holds, as far as it says so itself: daily figures or else a ledger.

    `reading` are parameters of a study that say how it is read: `columns` and what the owner had to say. `table` is
    daily, a column a measure (or, of daily figures by group, a column a group); `labels` are the rows by label of a
    ledger's entity, service and channel; `facts` tell all of it in words, a line each.
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

    `columns` are our names to theirs, where they cannot be recognised; of daily figures `date` and a measure.
    `reading` is as in `Reading`. ValueError says in one line what is wrong, or what can be read two ways, with the
    flag that decides; its notes say how many rows each choice reads.
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
    choices: list[str] = []
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", Note)
        try:
            with opened(data, daily=True, encoding=given.get("encoding")) as source:
                frame = nw.to_native(source.frame).drop(FILE, ROW)
                names = frame.collect_schema().names()
                theirs = recognised(names, columns, name)
                choices = _choices(frame, theirs, given, name)
                currency = _currency(frame, theirs.get("amount"))
                how = Reading(columns=columns, date_column=columns.get("date"), value_column=measure)
                daily = looks_daily(nw.from_native(frame), theirs, how)
            seen = (_figures if daily else _ledger)(data, name, columns, theirs, given)
        except ValueError as fault:
            told = str(fault)
            for theirs, flag in FLAGS.items():
                told = told.replace(theirs, flag)
            error = ValueError(told)
            error.__notes__ = choices
            raise error from None
    unused = [] if seen.daily else listed(column for column in names if column not in theirs.values())
    aside = [f"not used: {unused}"] if unused else []
    told = sorted({str(one.message).removeprefix(f"{name}: ").removeprefix(f"{name}, ") for one in notes})
    return replace(seen, currency=currency, facts=tuple(map(plain, (*seen.facts, *aside, *choices, *told))))


def _choices(frame: pl.LazyFrame, theirs: dict, given: dict, name: str) -> list[str]:
    """How many rows each way to write days and amounts reads, where there are several, and which is taken."""
    schema, lines = frame.collect_schema(), []
    day, amount = theirs.get("paid_at"), theirs.get("amount")

    def one(*wanted: pl.Expr) -> tuple:
        wanted = [expression.alias(str(i)) for i, expression in enumerate(wanted)]
        return frame.select(wanted).collect(engine="streaming").row(0)

    def days(order: str | None) -> str:
        read = times(frame, day, name, given.get("timezone", "UTC"), order)
        n, first, last = one(read.count(), read.min(), read.max())
        return f"{n:,} rows" + (f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if n else "")

    def sums(mark: str | None) -> str:
        read = numbers(frame, amount, name, mark)
        return "{:,} rows, sum {:,.2f}".format(*one(read.count(), read.sum()))

    orders, marks = {order: order for order in ORDERS}, {mark: f"with decimal {mark!r}" for mark in DECIMALS}
    asked = (day, SLASHED, days, "date_format", orders), (amount, ",", sums, "decimal", marks)
    for column, sign, reads, key, ways in asked:
        if schema.get(column) != pl.String or not one(cleaned(pl.col(column)).str.contains(sign).any())[0]:
            continue
        taken = None
        with suppress(ValueError):  # it is open, or cells differ in their unit
            taken = reads(given.get(key))
        for way, said in ways.items():
            with suppress(ValueError):
                told = reads(way)
                lines.append(f"{column} {said}: {told}" + (" (taken)" if told == taken else ""))
    return lines


def _currency(frame: pl.LazyFrame, amount: str | None) -> str | None:
    """What the amount's header or all of its first cells say."""
    parts = re.split(r"[\s_./:()\[\]-]+", amount or "")
    if amount and frame.collect_schema()[amount] == pl.String:
        units = frame.select(cleaned(pl.col(amount)).str.extract(f"({UNIT})")).head(1000).collect()
        parts += units.to_series().unique().fill_null("").to_list() if units[amount].n_unique() == 1 else []
    return next((code for word in parts if (code := SYMBOLS.get(word) or currency_code(word))), None)


def _figures(data: Any, name: str, columns: dict, theirs: dict, given: dict) -> Seen:
    """Daily figures if they read as such, else a ledger."""
    measures = [column for ours, column in columns.items() if ours != "date"]
    only = measures[0] if len(measures) == 1 else None
    how = Reading(**given, date_column=columns.get("date"), value_column=only)
    try:
        table = ledger.read_daily(data, how)
    except ValueError as fault:
        if columns or "like a ledger" not in str(fault) or not {"paid_at", "amount"} <= {*theirs}:
            raise
        return _ledger(data, name, columns, theirs, given)
    facts = [f"{name}: daily figures of {_span(table.dropna(how='all'))}"]
    if groups := table.attrs.get("groups"):
        facts.append(f"{table.attrs['measure']} by {', '.join(groups)}: {table.shape[1]} ({listed(table)})")
    else:
        for column, values in list(table.items())[:12]:
            span = f"{values.min():,.6g} to {values.max():,.6g}"
            facts.append(f"{column}: {kind(column, values, None)}, {span}")
        facts += [f"and {table.shape[1] - 12:,} more columns"] if table.shape[1] > 12 else []
    total = table.sum(axis=1, min_count=table.shape[1]) if groups else table.iloc[:, 0]
    reading = given | ({"columns": columns} if columns else {})
    return Seen(name, True, reading, table, {}, None, (*facts, *_course(total, ledger.check(data, how=how))))


def _ledger(data: Any, name: str, columns: dict, theirs: dict, given: dict) -> Seen:
    """A ledger of payments."""
    labels, notes, foreign = {}, [], {ours: column for ours, column in theirs.items() if ours != column}
    with opened(data, columns=theirs | columns, encoding=given.get("encoding")) as source:
        frame = nw.to_native(source.frame)
        for group in ("entity", "service", "channel"):
            if group not in theirs:
                continue
            cells = pl.col(group).cast(pl.String).alias("x")
            counts = frame.group_by(cells).len().drop_nulls().collect(engine="streaming").to_pandas()
            if len(counts) > LABELS and theirs[group] not in (group, columns.get(group)):
                told = f"{len(counts):,} labels, too many to be the {group}: left out"
                notes.append(f"{theirs[group]} has {told}")
                del foreign[group]
            else:
                labels[group] = counts.set_index("x")["len"].sort_values(ascending=False)
    ours = {one: theirs[one] for one in theirs if one in foreign or one == theirs[one]}
    how = given | {"columns": ours}
    panel = ledger.daily_panel(data, (), **how).set_index("date")
    count = panel["count"].astype(float)
    facts = [f"{name}: a ledger, {int(count.sum()):,} payments on {_span(panel[count > 0])}"]
    facts.append("columns: " + ", ".join(o if o == c else f"{o} is {c!r}" for o, c in ours.items()))
    # Without their payments: a small one's would tell of its few payers wherever the study's file goes.
    facts += [f"{group}: {len(counts):,} ({listed(counts.index)})" for group, counts in labels.items()]
    faults = [f for f in ledger.check(data, **how) if not f.problem.startswith("no column")]
    if foreign or notes:  # with `paid_at`, so that nothing else is recognised again
        given = given | {"columns": {"paid_at": theirs["paid_at"]} | foreign}
    lines = (*facts, *notes, *_course(count.where(count > 0), faults))
    return Seen(name, False, given, panel, labels, None, lines)


def _span(table: pd.DataFrame) -> str:
    return f"{len(table):,} days, {table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}"


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
    if re.search(AVERAGES, folded(column)):
        return "mean"
    if folded(column) in words("amount"):
        return "money" if currency else "sum"
    if (numbers % 1 == 0).all():
        return "count"
    return "share" if numbers.between(0, 1).all() else "sum"


def proposed(
    seen: Seen,
    path: Path,
    data: str | Path,
    title: str | None = None,
    events: tuple[str, ...] = (),
    event_end: str | None = None,
    campaign_start: str | None = None,
    country: str | None = None,
    currency: str | None = None,
    offline_channels: tuple[str, ...] = (),
    yes: bool = False,
) -> dict[str, Any]:
    """The parameters of a study at `path` of the file `data`; without a title it is called as `path` is.

    `offline_channels` names those at which one pays in person, or is ("none",); where it is empty and the ledger has
    channels, what their labels suggest is taken only if `yes`. ValueError, which names the flag, for what the file
    cannot say: the event, the offline channels.
    """
    from babel.core import get_global
    from babel.numbers import get_territory_currencies

    if not events:
        raise ValueError("which day was the event? say it with --event, such as --event 2017-10-26")
    if len(events) > 1 and event_end:
        raise ValueError("several --event are editions of one day each; leave out --event-end")
    days = sorted(_date("--event", text) for text in events)
    name, place = re.sub(r"[-_]+", " ", path.stem), Path(data).expanduser().absolute()
    folders = (folder for folder in (path.absolute().parent, ROOT) if place.is_relative_to(folder))
    if folder := next(folders, None):  # the study and its data, or the repository, can be moved as a whole
        place = place.relative_to(folder)
    values = {"title": title or name[:1].upper() + name[1:], "ledger": place.as_posix(), **seen.reading}
    values |= {"editions": days} if days[1:] else {"event_start": days[0]}
    for key, text in (("event_end", event_end), ("campaign_start", campaign_start)):
        values |= {key: _date("--" + key.replace("_", "-"), text)} if text else {}
    zone = seen.reading.get("timezone")
    country = country or (get_global("zone_territories").get(zone) if zone else None)
    zones = get_global("territory_zones").get((country or "")[:2], []) if not seen.daily else []
    if not zone and len(zones) == 1:
        values["timezone"] = zones[0]
    currency = currency or seen.currency
    if country and not (currency or seen.daily) and "value" in seen.table:
        currency = next(iter(get_territory_currencies(country[:2])), None)
    values |= {key: value for key, value in (("country", country), ("currency", currency)) if value}
    if seen.daily:
        mapped = [ours for ours in seen.reading.get("columns", {}) if ours in METRICS]
        columns = [seen.table.attrs["measure"]] if "groups" in seen.table.attrs else list(seen.table)
        measures = {}
        for column in columns:
            label = {"en": re.sub(r"[\s_]+", " ", column).strip()}  # in Arabic too where it is in its script
            label |= {"ar": label["en"]} if re.search("[؀-ۿ]", column) else {}
            measures[column] = {"label": label, "kind": kind(column, seen.table.get(column), currency)}
        values |= {"metrics": mapped} if mapped else {"measures": measures}
    elif "channel" in seen.labels:
        values["offline_channels"] = _offline(list(seen.labels["channel"].index), offline_channels, yes)
    if offline_channels and "channel" not in seen.labels and offline_channels != ("none",):
        advice = "leave out --offline-channel, or say --columns channel=…"
        raise ValueError(f"{seen.name} has no channel; {advice}")
    return values


def _offline(labels: list[str], given: tuple[str, ...], yes: bool) -> list[str]:
    if given == ("none",) and "none" not in labels:
        return []
    for label in given:
        if label not in labels:
            raise ValueError(f"--offline-channel {label!r} is no channel of the data; {hint(label, labels)}")
    pattern = rf"\b(?:{'|'.join(map(re.escape, words('offline')))})"
    likely = [label for label in labels if re.search(pattern, folded(label))]
    if given or yes:
        return list(given) or likely
    asked = f"channels are {listed(labels)}; in which does one pay in person?"
    flags = " ".join(f"--offline-channel {plain(label)!r}" for label in likely[:3])
    advice = f"likely {flags}" if likely else "name each with --offline-channel"
    raise ValueError(f"{asked} {advice}, or say --offline-channel none")


def _date(flag: str, text: str) -> date:
    with suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    raise ValueError(f"{flag} {text!r} is not a day: write it as 2017-10-26")


def written(seen: Seen, values: Mapping[str, Any]) -> str:
    """The study's file, every line with what it means."""
    lines = ["# A study: `python -m analysis report` renders it. A line that is left out takes its default."]
    lines += [f"# {fact}" for fact in seen.facts] + [""]
    unused = {"timezone", "participants"} if seen.daily else set()
    unused |= {"event_end"} if "editions" in values else set()
    for line in Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8").splitlines():
        key, example, comment = re.fullmatch(r"(\w+): (.*?) *# (.*)", line).groups()
        if key in values:
            flow = None if isinstance(values[key], (dict, list)) else False
            how = {"allow_unicode": True, "sort_keys": False, "width": 100, "default_flow_style": flow}
            text = yaml.safe_dump({key: values[key]}, **how)
            short = text.count("\n") == 1 and len(text + comment) < 110
            lines += [f"{text.strip()}  # {comment}"] if short else [f"# {comment}", text.rstrip()]
        elif example and key not in unused:
            lines.append(f"# {key}: {example}  # {comment}")
    return "\n".join(lines) + "\n"


def save(path: Path, text: str) -> None:
    """Write the file if, and only if, it loads as a study and its data bear it out; ValueError says what is wrong."""
    from analysis.preflight import refuse_unfit

    def fill(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")
        try:
            with warnings.catch_warnings(action="ignore", category=Note):
                refuse_unfit(Study.load(temporary, path.resolve().parent))
        except ValueError as fault:
            raise ValueError(str(fault).replace(str(temporary), str(path))) from None

    write(path, fill)
