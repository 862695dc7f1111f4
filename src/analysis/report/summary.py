"""What a study says in short: results.json, and the first pages that lead to the reports."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from analysis import words
from analysis.report.page import Body, unmarked
from analysis.study import Study
from analysis.words import N_, _, ngettext

EFFECT_KEYS = frozenset(
    ("metric", "estimand", "relative", "relative_low", "relative_high", "observed", "expected")
)
BASELINES = ("pre-week", "history")
# What the report on the next edition says where its placebo check found too much.
SHORT = N_(
    "Chance seldom makes as many for {often}: the interval is too short there, and an effect has to be larger than the "
    "formula says."
)
FORMAT = 3  # of results.json; a folder of another is left out of the page over all studies


def results(study: Study, notebooks: dict[str, dict]) -> dict[str, Any]:
    """Every number that the notebooks recorded, the answer for each metric, and every place where it stands."""
    records: dict[str, dict[str, Any]] = {}
    for name, notebook in notebooks.items():
        records[name] = {}
        for meta in outputs(notebook):
            if meta.get("kind") == "record":
                if meta["key"] in records[name]:
                    raise ValueError(
                        f"{name}: {meta['key']!r} is recorded twice: give each record its own key"
                    )
                records[name][meta["key"]] = meta["record"]
    synthetic = any(meta.get("synthetic") for notebook in notebooks.values() for meta in outputs(notebook))
    return {
        "format": FORMAT,
        "study": study.name,
        "title": study.title,
        "synthetic": synthetic,
        "event_start": f"{study.event_start}",
        "event_end": f"{study.event_end or study.event_start}",
        "campaign_start": f"{study.campaign_start}" if study.campaign_start else None,
        **{name: study.setting[name] for name in ("currency", "measures", "offline")},
        "level": study.confidence,
        "answers": _answers(study, records),
        "reconciliation": _reconciliation(records),
        "results": records,
    }


def outputs(notebook: dict) -> list[dict]:
    """The `analysis` metadata of each output, in order."""
    return [
        output["metadata"]["analysis"]
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if "analysis" in output.get("metadata", {})
    ]


def _answers(study: Study, records: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The first effect recorded of each of the study's metrics over each baseline, with the notebook that gives it."""
    answers: dict[str, dict[str, dict[str, Any]]] = {}
    for name, recorded in records.items():
        for record in recorded.values():
            whole = record.keys() >= EFFECT_KEYS and "entity" not in record
            if whole and record["metric"] in study.measured and record["estimand"] in BASELINES:
                answers.setdefault(record["metric"], {}).setdefault(
                    record["estimand"], record | {"notebook": name}
                )
    return {metric: answers[metric] for metric in study.measured if metric in answers}


def _reconciliation(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Every place where the whole effect of a metric stands, with its number: all are equal.

    A notebook records such a place as ``reconciliation.<place>.<metric>.<baseline>``; the effect itself is the first.
    """
    places: dict[str, dict[str, list[dict[str, Any]]]] = {}

    for name, recorded in records.items():
        for key, record in list(recorded.items()):
            if key.startswith("effect.") and record.keys() >= EFFECT_KEYS:
                place, metric, baseline = key, record["metric"], record["estimand"]
            elif key.startswith("reconciliation."):
                place, metric, baseline = key.removeprefix("reconciliation.").rsplit(".", 2)
                del recorded[key]
            else:
                continue
            listed = places.setdefault(metric, {}).setdefault(baseline, [])
            listed.append({"place": f"{name}: {place}", "absolute": record["absolute"]})
    return places


def first(numbers: dict[str, Any], bodies: dict[str, Body]) -> list[tuple[str, list[str]]]:
    """What a study says first: reports whose answer leads, each with the sentences of it.

    A simulated answer never comes before a real one; where the effects are simulated they come second, marked.
    """
    effects = effects_of(numbers)
    answering = [name for name, body in bodies.items() if body.answer]
    real = [name for name in answering if not bodies[name].synthetic]
    order = [*({effects} & {*real}), *real, *({effects} & {*answering}), *answering]
    boxes = {name: bodies[name].lead for name in order[:1]}
    if effects in answering:
        boxes.setdefault(effects, bodies[effects].lead[:1])
    return list(boxes.items())


def effects_of(numbers: dict[str, Any]) -> str:
    """Name of the notebook that gives the effects."""
    return next(
        (place["notebook"] for places in numbers["answers"].values() for place in places.values()), ""
    )


def form(text: str) -> str:
    """What matches a sentence in the language spoken now, whatever stands for its placeholders."""
    return re.sub(r"\\{\w+\\}", "(.+)", re.escape(_(text)))


def days(n: int) -> str:
    """A number of days in the language spoken now."""
    return ngettext("{n} day", "{n} days", n).format(n=words.number(n, 1))


def next_edition(numbers: dict[str, Any]) -> tuple[str, int]:
    """The notebook on the next edition, and the length in days that it tried which is the event's, or next below it."""
    start, end = (date.fromisoformat(numbers[f"event_{end}"]) for end in ("start", "end"))
    for name, recorded in numbers["results"].items():
        tried = [int(length) for length in recorded.get("detectable", ()) if length.isdigit()]
        if fit := [length for length in tried if length <= (end - start).days + 1]:
            return name, max(fit)
    return "", 0


def too_short(numbers: dict[str, Any], bodies: dict[str, Body]) -> str:
    """The sentence that intervals of the event's length are too short for its series; empty where it does not hold."""
    name, length = next_edition(numbers)
    for said in bodies[name].said.get("the-answer", ()) if name in bodies else ():
        often = re.search(form(SHORT), said.striptags())
        own = re.sub("[\u2066-\u2069]", "", days(length))
        if often and re.search(rf"(?<!\d){re.escape(own)}(?!\w)", often[1]):
            return unmarked(said)
    return ""


def rows(numbers: dict[str, Any], short: str = "") -> list[dict[str, Any]]:
    """One row a metric and baseline, each number written out in the language spoken now; `short` as of `too_short`."""
    name, _length = next_edition(numbers)
    said = {name: numbers[name] for name in ("currency", "measures", "offline", "synthetic")}
    words.speak_of(**said, campaign=numbers["campaign_start"] is not None)
    told = []
    for metric, places in numbers["answers"].items():
        baselines = [baseline for baseline in BASELINES if baseline in places]
        for baseline in baselines:
            row = _told(places[baseline])
            row |= {
                "metric": words.metric(metric),
                "over": _over(baseline),
                "share": words.kind(metric) == "percent",
            }
            tried = numbers["reconciliation"].get(metric, {}).get(baseline, ())
            row["short"] = bool(short) and any(entry["place"].startswith(f"{name}:") for entry in tried)
            told.append(row | {"first": baseline == baselines[0], "span": len(baselines)})
    return told


def _over(baseline: str) -> str:
    if not words.setting().campaign:
        return _("the days before")
    return {"pre-week": _("the level of the week before"), "history": _("the time before the campaign")}[
        baseline
    ]


def _told(record: dict[str, Any]) -> dict[str, Any]:
    """Effect, interval, observed and expected as text; rounding follows the interval."""
    share = words.kind(record["metric"]) == "percent"
    kind, stem = ("points", "absolute") if share else ("percent", "relative")
    effect, low, high = (_number(record[f"{stem}{end}"]) for end in ("", "_low", "_high"))
    write = words.points if share else words.percent
    step = words.step(_number(record["expected_low"]), _number(record["expected_high"]))
    unit = words.step(low, high)
    unit = min(unit, 0.01) if unit else None  # an end far out must not round the effect away
    interval = words.interval(low, high, kind, step=unit)
    return {
        "effect": write(effect, unit, signed=True),
        "interval": interval,
        "interval_told": _("{level} interval: {interval}").format(
            level=words.percent(record["level"]), interval=interval
        ),
        "observed": words.quantity(record["observed"], record["metric"], step),
        "expected": words.quantity(record["expected"], record["metric"], step),
        "clear": not low <= 0 <= high,
        "synthetic": record["synthetic"],
    }


def _number(value: float | None) -> float:
    """What JSON cannot hold was infinite."""
    return float("inf") if value is None else value
