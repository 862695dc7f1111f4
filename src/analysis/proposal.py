"""A study's file proposed from its data: what a file holds, which column is which, and what only its owner knows."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import yaml

from analysis import ledger
from analysis.ledger.errors import hint, missing
from analysis.ledger.notation import DECIMALS, ORDERS, SLASHED, UNIT, Note, cleaned, numbers, times
from analysis.ledger.panel import METRICS
from analysis.ledger.sources import COLUMNS, described, opened
from analysis.study import ROOT, Study, write

# Headers as they come, folded by `folded`; the likeliest first.
SYNONYMS = {
    "transaction_id": "transaction id, transaction number, transaction no, txn id, payment id, receipt id, receipt no, "
    "receipt number, receipt, order id, reference, id, رقم المعاملة, رقم العملية, رقم الإيصال, مرجع, "
    "लेनदेन आईडी, लेनदेन संख्या, रसीद संख्या, id transaction, numero de transaction, numero de recu, recu",
    "paid_at": "paid at, paid on, payment date, payment time, payment timestamp, transaction date, transaction time, "
    "txn date, timestamp, datetime, date time, date, day, created at, order date, تاريخ الدفع, تاريخ السداد, وقت الدفع, "
    "تاريخ المعاملة, تاريخ, भुगतान तिथि, भुगतान दिनांक, लेनदेन तिथि, दिनांक, तारीख, तिथि, समय, "
    "date de paiement, date du paiement, paye le, horodatage, date de transaction, jour",
    "entity": "entity, entity name, department, agency, ministry, authority, organisation, organization, merchant, "
    "جهة, جهة حكومية, اسم الجهة, دائرة, وزارة, مؤسسة, विभाग, संस्था, इकाई, मंत्रालय, entite, organisme, ministere, "
    "administration",
    "service": "service, service name, product, خدمة, اسم الخدمة, सेवा, सेवा का नाम, prestation, produit",
    "channel": "channel, payment channel, channel name, mode, payment mode, قناة, قناة الدفع, وسيلة الدفع, "
    "माध्यम, चैनल, भुगतान माध्यम, canal, canal de paiement, mode de paiement",
    "amount": "amount, amount paid, paid amount, transaction amount, payment amount, value, val, dollar value, total, "
    "price, مبلغ, مبلغ مدفوع, قيمة, राशि, भुगतान राशि, रकम, मूल्य, montant, montant paye, somme, valeur",
    "payer_id": "payer id, payer, customer id, customer, client id, client, user id, account id, رقم الدافع, دافع, "
    "رقم العميل, عميل, رقم المتعامل, متعامل, भुगतानकर्ता आईडी, भुगतानकर्ता, ग्राहक आईडी, ग्राहक, id client, client, payeur",
}
OFFLINE = (
    "counter, branch, teller, service centre, service center, walk in, cash desk, front desk, kiosk staffed, post office, "
    "شباك, كاونتر, مركز خدمة, مركز الخدمة, مراكز الخدمة, فرع, guichet, agence, शाखा, काउंटर, सेवा केंद्र, खिड़की"
)
AVERAGES = r"\b(average|avg|mean|rate|ratio|moyenne|taux|متوسط|औसत)\b"
SYMBOLS = {"₹": "INR", "£": "GBP", "€": "EUR", "درهم": "AED", "د.إ": "AED", "د.إ.": "AED"}
LABELS = 500  # a column of more labels names no entities
SHOWN = 6

# What a study's file says, in its order: key, comment, and what stands there commented out where nothing is known.
LINES = (
    ("title", "names the study in every report; {en: …, ar: …} for two languages", ""),
    ("background", "a paragraph on the initiative, for the head of the reports", "{en: …}"),
    ("event_start", "the day of the event", ""),
    ("event_end", "its last day, where it has several", "2017-10-27"),
    ("editions", "every day on which it was held", ""),
    ("campaign_start", "the day it was announced, if it was", "2017-09-23"),
    ("excluded", "other days that were not ordinary, such as outages", "[2017-03-05]"),
    ("country", "whose weekends and holidays; without it plain weeks", "AE"),
    ("timezone", "whose days they are, for times that carry an offset", "Asia/Dubai"),
    ("currency", "of the amounts", "AED"),
    ("offline_channels", "where one pays in person; every other channel is digital", ""),
    ("participants", "the entities that took part; without it all", "[…]"),
    ("donors", "entities, or columns of daily figures, that it did not touch, to compare with", "[…]"),
    ("metrics", "what is estimated; without it all that the data give", ""),
    ("measures", "what each column is: a count, money (in the currency), sum, mean or share; `unit` of a sum or mean", ""),
    ("ledger", "the data: relative to this file, or whole", ""),
    ("columns", "their names of our columns", ""),
    ("refunds", "negative amounts are refunds", ""),
    ("decimal", "the decimal mark", ""),
    ("date_format", "how days are written", ""),
    ("encoding", "of the text", ""),
    ("baseline_days", "the days before the event that it is compared with", "7"),
    ("confidence", "of every interval", "0.95"),
)  # fmt: skip


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
        `date_column`, `value_column`, `timezone`, `refunds`, `decimal`, `date_format`, `encoding`: see `ledger.Reading`.

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
    with opened(data, None, given.get("encoding")) as source:
        frame = nw.to_native(source.frame)
        names = frame.collect_schema().names()
        theirs = recognised(names, columns, name)
        choices = _choices(frame, theirs, name)
        currency = _currency(frame, theirs.get("amount"))
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", Note)
        try:
            seen = _daily(data, name, columns, theirs, given) or _ledger(data, name, columns, theirs, given)
        except ValueError as fault:
            for line in choices:
                fault.add_note(line)
            raise
    unused = [n for n in names if n not in theirs.values()] if not seen.daily else []
    told = {str(one.message).removeprefix(f"{name}: ").removeprefix(f"{name}, ") for one in notes}
    aside = [f"not used: {_listed(unused)}"] if unused else []
    facts = (*seen.facts, *aside, *choices, *sorted(told))
    return Seen(name, seen.daily, seen.reading, seen.table, seen.labels, currency, tuple(map(plain, facts)))


def recognised(names: Iterable[str], given: Mapping[str, str], source: str) -> dict[str, str]:
    """Our name to theirs, for each column of a ledger that is given, has our name, or a usual one."""
    by_fold = {folded(name): name for name in reversed(list(names))}
    found: dict[str, str] = {}
    for ours in COLUMNS:
        if theirs := given.get(ours):
            if theirs not in by_fold.values():
                raise ValueError(missing(ours, names, source, theirs))
            found[ours] = theirs
    for ours in COLUMNS:
        usual = [
            by_fold[word] for word in map(folded, [ours, *SYNONYMS[ours].split(", ")]) if word in by_fold
        ]
        if free := [name for name in dict.fromkeys(usual) if name not in found.values()]:
            found.setdefault(ours, free[0])
    return found


def folded(header: str) -> str:
    """A header without case, accents, units, articles and marks between its words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[(\[].*?[)\]]", " ", header))
    text = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not re.match(r"[̀-ًͯ-़ٕ]", c))
    words = [word.removeprefix("ال") for word in re.split(r"[\s_./:-]+", text) if word]
    return " ".join(words[:-1] if len(words) > 1 and _code(words[-1]) else words)


def _code(word: str) -> str | None:
    """The currency that a word is the code of."""
    from babel.numbers import list_currencies

    return word.upper() if len(word) == 3 and word.upper() in list_currencies() else None


def _currency(frame: pl.LazyFrame, amount: str | None) -> str | None:
    """What the amount's header or all of its first cells say."""
    if amount is None:
        return None
    for word in re.split(r"[\s_./:()\[\]-]+", amount):
        if code := _code(word):
            return code
    if frame.collect_schema()[amount] != pl.String:
        return None
    cells = frame.select(cleaned(pl.col(amount)).str.extract(f"({UNIT})")).head(1000).collect().to_series()
    units = cells.unique().to_list()
    return SYMBOLS.get(units[0], _code(units[0])) if len(units) == 1 and units[0] else None


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
                lines.append(
                    f"{day} {order}: {n:,} rows, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
                    if n
                    else f"{day} {order}: no row"
                )
    if amount and schema[amount] == pl.String and _one(frame, pl.col(amount).str.contains(",").any())[0]:
        for mark in DECIMALS:
            read = numbers(frame, amount, name, mark)
            lines.append(
                "{} with decimal {!r}: {:,} rows, sum {:,.2f}".format(
                    amount, mark, *_one(frame, read.count(), read.sum())
                )
            )
    return lines


def _one(frame: pl.LazyFrame, *wanted: pl.Expr) -> tuple:
    return frame.select(one.alias(str(i)) for i, one in enumerate(wanted)).collect(engine="streaming").row(0)


def _daily(data: Any, name: str, columns: dict, theirs: dict, given: dict) -> Seen | None:
    """Daily figures; None if it is a ledger."""
    if "paid_at" in theirs and (
        theirs["paid_at"] in ("paid_at", columns.get("paid_at")) or {"transaction_id", "payer_id"} & {*theirs}
    ):
        return None
    measures = {ours: column for ours, column in columns.items() if ours != "date"}
    told = {key: value for key, value in given.items() if key != "refunds"}
    how = ledger.Reading(**told, value_column=next(iter(measures.values())) if len(measures) == 1 else None)
    if "date" not in columns and not ledger.is_daily(data, how=how):
        columns = columns | {"date": theirs["paid_at"]} if "paid_at" in theirs else columns
    try:
        table = ledger.read_daily(data, columns.get("date"), how.value_column, **told)
    except ValueError:
        if {"paid_at", "amount"} <= {*theirs} and not columns:
            return None
        raise
    facts = [f"{name}: daily figures of {_span(table.dropna(how='all'))}"]
    if groups := table.attrs.get("groups"):
        facts.append(f"{table.attrs['measure']} by {', '.join(groups)}: {table.shape[1]} ({_listed(table)})")
    else:
        facts += [
            f"{column}: {_kind(column, table[column], None)}, {_range(table[column])}" for column in table
        ]
    total = table.sum(axis=1, min_count=table.shape[1]) if groups else table.iloc[:, 0]
    faults = ledger.check(
        data, how=ledger.Reading(**told, date_column=columns.get("date"), value_column=how.value_column)
    )
    return Seen(
        name,
        True,
        given | ({"columns": columns} if columns else {}),
        table,
        {},
        None,
        (*facts, *_course(total, faults)),
    )


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
    many = [g for g, counts in labels.items() if len(counts) > LABELS and g not in columns]
    notes = [f"{theirs[g]} has {len(labels[g]):,} labels, too many to be the {g}: left out" for g in many]
    theirs = {ours: column for ours, column in theirs.items() if ours not in many}
    how = ledger.Reading(columns=theirs, offline_channels=(), **given)
    try:
        panel = ledger.daily_panel(data, (), columns=theirs, offline_channels=(), **given).set_index("date")
    except ValueError as fault:
        raise ValueError(
            str(fault).replace("refunds=True (in a study: refunds: true)", "--refunds")
        ) from None
    count = panel["count"].astype(float)
    facts = [f"{name}: a ledger, {int(count.sum()):,} payments on {_span(panel[count > 0])}"]
    facts.append("columns: " + ", ".join(f"{ours} is {column!r}" for ours, column in theirs.items()))
    labels = {g: counts for g, counts in labels.items() if g not in many}
    for group, counts in labels.items():
        facts.append(f"{group}: {len(counts):,} ({_listed(f'{x} {n:,}' for x, n in counts.items())})")
    faults = [f for f in ledger.check(data, how=how) if not f.problem.startswith("no column")]
    foreign = {ours: column for ours, column in theirs.items() if ours != column}
    # Our own names need no map, but `is_daily` asks for paid_at or two others.
    return Seen(
        name, False, given | ({"columns": foreign} if foreign else {}), panel, labels, None,
        (*facts, *notes, *_course(count.where(count > 0), faults)),
    )  # fmt: skip


def _course(series: pd.Series, faults: list) -> list[str]:
    """Gaps, odd days and faults of a daily course, a line each where there are any."""
    every = series.asfreq("D")
    lines = []
    if len(gaps := every.index[every.isna()]):
        lines.append(
            f"nothing on {len(gaps):,} days in between: {_listed(f'{day:%Y-%m-%d}' for day in gaps)}"
        )
    odd = odd_days(every.dropna())
    if len(odd):
        told = _listed(f"{day:%Y-%m-%d} {ratio:+.0%}" for day, ratio in odd.items())
        lines.append(f"odd days, against the same weekday of the weeks around: {told}")
    if faults:
        lines.append(f"faults: {len(faults)}, the first: {faults[0]}")
    return lines


def odd_days(series: pd.Series) -> pd.Series:
    """Days far from the median of their weekday in the nine weeks around, as a fraction of it, the farthest first."""
    weekdays = series.groupby(series.index.dayofweek)
    usual = weekdays.transform(lambda same: same.rolling(9, center=True, min_periods=3).median())
    ratio = (series / usual.where(usual > 0) - 1).dropna()
    spread = 1.4826 * (ratio - ratio.median()).abs().median()
    odd = ratio[ratio.abs() > max(6 * spread, 0.2)]
    return odd.loc[odd.abs().sort_values(ascending=False, kind="stable").index]


def proposed(
    seen: Seen,
    title: str,
    ledger_path: str,
    event: tuple[str, ...] = (),
    event_end: str | None = None,
    campaign_start: str | None = None,
    country: str | None = None,
    currency: str | None = None,
    offline_channel: tuple[str, ...] = (),
    yes: bool = False,
) -> dict[str, Any]:
    """The parameters of a study of a file.

    `offline_channel` names those at which one pays in person, or is ("none",); where it is empty and the ledger has
    channels, what their labels suggest is taken only if `yes`.

    Raises
    ------
    ValueError
        One line, for what the file cannot say: the event, the offline channels. It names the flag.
    """
    from babel.core import get_global
    from babel.numbers import get_territory_currencies

    if not event:
        raise ValueError("which day was the event? say it with --event, such as --event 2017-10-26")
    if len(event) > 1 and event_end:
        raise ValueError("several --event are editions of one day each; leave out --event-end")
    days = sorted(_date("--event", text) for text in event)
    values: dict[str, Any] = {"title": title, "ledger": ledger_path, **seen.reading}
    values |= {"editions": days} if days[1:] else {"event_start": days[0]}
    for key, text in (("event_end", event_end), ("campaign_start", campaign_start)):
        values |= {key: _date("--" + key.replace("_", "-"), text)} if text else {}
    zone = seen.reading.get("timezone")
    country = country or (get_global("zone_territories").get(zone) if zone else None)
    zones = get_global("territory_zones").get((country or "")[:2], []) if not seen.daily else []
    if not zone and len(zones) == 1:
        values["timezone"] = zones[0]
    money = "value" in seen.table if not seen.daily else True
    own = get_territory_currencies(country[:2]) if country and money and yes and not seen.daily else []
    currency = currency or seen.currency or next(iter(own), None)
    values |= {key: value for key, value in (("country", country), ("currency", currency)) if value}
    if seen.daily:
        mapped = [ours for ours in seen.reading.get("columns", {}) if ours in METRICS]
        columns = [seen.table.attrs["measure"]] if "groups" in seen.table.attrs else list(seen.table)
        measures = {c: {"label": _label(c), "kind": _kind(c, seen.table.get(c), currency)} for c in columns}
        values |= {"metrics": mapped} if mapped else {"measures": measures}
    elif "channel" in seen.labels:
        values["offline_channels"] = _offline(list(seen.labels["channel"].index), offline_channel, yes)
    if offline_channel and "channel" not in seen.labels and offline_channel != ("none",):
        raise ValueError(
            f"{seen.name} has no channel; leave out --offline-channel, or say --columns channel=…"
        )
    return values


def _offline(labels: list[str], given: tuple[str, ...], yes: bool) -> list[str]:
    if given == ("none",) and "none" not in labels:
        return []
    for label in given:
        if label not in labels:
            raise ValueError(f"--offline-channel {label!r} is no channel of the data; {hint(label, labels)}")
    words = [folded(word) for word in OFFLINE.split(", ")]
    likely = [label for label in labels if any(re.search(rf"\b{word}", folded(label)) for word in words)]
    if given or yes:
        return list(given) or likely
    asked = f"channels are {_listed(labels)}; in which does one pay in person?"
    flags = " ".join(f"--offline-channel {plain(label)!r}" for label in likely[:3])
    advice = f"likely {flags}" if likely else "name each with --offline-channel"
    raise ValueError(f"{asked} {advice}, or say --offline-channel none")


def _date(flag: str, text: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{flag} {text!r} is not a day: write it as 2017-10-26")


def _label(column: str) -> dict[str, str]:
    """What a reader calls a column, in the languages whose script its name is in."""
    text = re.sub(r"[\s_]+", " ", column).strip()
    return {"en": text} | ({"ar": text} if re.search("[؀-ۿ]", text) else {})


def _kind(column: str, values: pd.Series | None, currency: str | None) -> str:
    """count, money, sum, mean or share, by a column's name and numbers."""
    numbers = pd.Series(dtype=float) if values is None else values.dropna()
    if re.search(AVERAGES, folded(column)):
        return "mean"
    if folded(column) in map(folded, SYNONYMS["amount"].split(", ")):
        return "money" if currency else "sum"
    if (numbers % 1 == 0).all():
        return "count"
    return "share" if numbers.between(0, 1).all() else "sum"


def written(seen: Seen, values: Mapping[str, Any]) -> str:
    """The study's file, every line with what it means."""
    lines = ["# A study: `python -m analysis report` renders it. A line that is left out takes its default."]
    lines += [f"# {fact}" for fact in seen.facts] + [""]
    for key, comment, example in LINES:
        if key in values:
            plain_value = [*values[key]] if isinstance(values[key], tuple) else values[key]
            text = yaml.safe_dump(
                {key: plain_value}, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110
            )
            short = text.count("\n") == 1 and len(text + comment) < 110
            lines += [f"{text.strip()}  # {comment}"] if short else [f"# {comment}", text.rstrip()]
        elif example and not (seen.daily and key in ("timezone", "participants")):
            lines.append(f"# {key}: {example}  # {comment}")
    return "\n".join(lines) + "\n"


def save(path: Path, text: str) -> None:
    """Write the file if, and only if, it loads as a study and its data bear it out.

    Raises
    ------
    ValueError
        What is wrong with it, in one line.
    """
    from analysis.preflight import refuse_unfit

    def fill(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")
        try:
            refuse_unfit(Study.load(temporary))
        except ValueError as fault:
            raise ValueError(str(fault).replace(str(temporary), str(path))) from None

    write(path, fill)


def ledger_path(data: str | Path, study: Path) -> str:
    """The data's path as the study's file says it: relative to that file or to the repository where it is inside."""
    whole = Path(data).expanduser().absolute()
    for folder in (study.absolute().parent, ROOT):
        if whole.is_relative_to(folder):
            return whole.relative_to(folder).as_posix()
    return whole.as_posix()


def plain(text: str) -> str:
    """On one line, without what a terminal or a page would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _span(table: pd.DataFrame) -> str:
    return f"{len(table):,} days, {table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}"


def _range(values: pd.Series) -> str:
    return f"{values.min():,.6g} to {values.max():,.6g}"


def _listed(names: Iterable[Any]) -> str:
    names = [plain(str(name))[:40] for name in names]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if names[SHOWN:] else "")
