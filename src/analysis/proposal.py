"""A study's file proposed from its data and from what only its owner knows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from analysis.ledger.errors import hint
from analysis.ledger.headers import offline
from analysis.ledger.notation import Note
from analysis.ledger.panel import METRICS
from analysis.ledger.survey import Seen, kind, listed, plain
from analysis.storage import ROOT, write
from analysis.study import Study

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
    ("timezone", "whose days they are, for times that carry an offset", "Europe/London"),
    ("currency", "of the amounts", "AED"),
    ("offline_channels", "where one pays in person; every other channel is digital", ""),
    ("participants", "the entities that took part; without it all", "[…]"),
    ("donors", "entities, or columns of daily figures, that it did not touch, to compare with", "[…]"),
    ("metrics", "what is estimated; without it all that the data give", ""),
    ("measures", "each column: a count, money (in the currency), sum, mean or share; `unit` of a sum or mean", ""),
    ("ledger", "the data: relative to this file, or whole", ""),
    ("columns", "their names of our columns", ""),
    ("refunds", "negative amounts are refunds", ""),
    ("decimal", "the decimal mark", ""),
    ("date_format", "how days are written", ""),
    ("encoding", "of the text", ""),
    ("baseline_days", "the days before the event that it is compared with", "7"),
    ("confidence", "of every interval", "0.95"),
)  # fmt: skip


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
    channels, what their labels suggest is taken only if `yes`.

    Raises
    ------
    ValueError
        One line, for what the file cannot say: the event, the offline channels. It names the flag.
    """
    from babel.core import get_global
    from babel.numbers import get_territory_currencies

    if not events:
        raise ValueError("which day was the event? say it with --event, such as --event 2017-10-26")
    if len(events) > 1 and event_end:
        raise ValueError("several --event are editions of one day each; leave out --event-end")
    days = sorted(_date("--event", text) for text in events)
    values: dict[str, Any] = {"title": title or _title(path), "ledger": data_path(data, path), **seen.reading}
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
        measures = {c: {"label": _label(c), "kind": kind(c, seen.table.get(c), currency)} for c in columns}
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
    likely = offline(labels)
    if given or yes:
        return list(given) or likely
    asked = f"channels are {listed(labels)}; in which does one pay in person?"
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


def _title(path: Path) -> str:
    text = re.sub(r"[-_]+", " ", path.stem)
    return text[:1].upper() + text[1:]


def _label(column: str) -> dict[str, str]:
    """What a reader calls a column, in the languages whose script its name is in."""
    text = re.sub(r"[\s_]+", " ", column).strip()
    return {"en": text} | ({"ar": text} if re.search("[؀-ۿ]", text) else {})


def written(seen: Seen, values: Mapping[str, Any]) -> str:
    """The study's file, every line with what it means."""
    lines = ["# A study: `python -m analysis report` renders it. A line that is left out takes its default."]
    lines += [f"# {fact}" for fact in seen.facts] + [""]
    unused = {"timezone", "participants"} if seen.daily else set()
    unused |= {"event_end"} if "editions" in values else set()
    for key, comment, example in LINES:
        if key in values:
            value = values[key]
            how = {"allow_unicode": True, "sort_keys": False, "width": 100}
            text = f"{key}: " + yaml.safe_dump(value, default_flow_style=True, **how).removesuffix("...\n")
            if key == "measures":
                text = yaml.safe_dump({key: value}, default_flow_style=None, **how)
            short = text.count("\n") == 1 and len(text + comment) < 110
            lines += [f"{text.strip()}  # {comment}"] if short else [f"# {comment}", text.rstrip()]
        elif example and key not in unused:
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
            with warnings.catch_warnings(action="ignore", category=Note):
                refuse_unfit(Study.load(temporary, path.resolve().parent))
        except ValueError as fault:
            raise ValueError(str(fault).replace(str(temporary), str(path))) from None

    write(path, fill)


def data_path(data: str | Path, study: Path) -> str:
    """The data's path as the study's file says it: relative to that file or to the repository where it is inside."""
    whole = Path(data).expanduser().absolute()
    for folder in (study.absolute().parent, ROOT):
        if whole.is_relative_to(folder):
            return whole.relative_to(folder).as_posix()
    return whole.as_posix()
