"""What a study says in short: results.json, and the first pages that lead to the reports."""

from __future__ import annotations

from typing import Any

from analysis import words
from analysis.report import page
from analysis.report.fitting import WANTED
from analysis.study import Study
from analysis.words import _

EFFECT_KEYS = frozenset(
    ("metric", "estimand", "relative", "relative_low", "relative_high", "observed", "expected")
)
BASELINES = ("pre-week", "history")
FORMAT = 3  # of results.json; a folder of another is left out of the page over all studies


def results(study: Study, notebooks: dict[str, dict]) -> dict[str, Any]:
    """Every number that the notebooks recorded, the answer for each metric, and every place where it stands."""
    records: dict[str, dict[str, Any]] = {}
    synthetic = False
    for name, notebook in notebooks.items():
        records[name] = {}
        for cell in notebook["cells"]:
            for output in cell.get("outputs", ()):
                meta = output.get("metadata", {}).get("analysis", {})
                synthetic |= bool(meta.get("synthetic"))
                if meta.get("kind") == "record":
                    if meta["key"] in records[name]:
                        raise ValueError(
                            f"{name}: {meta['key']!r} is recorded twice: give each record its own key"
                        )
                    records[name][meta["key"]] = meta["record"]
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

    def add(metric: str, baseline: str, place: str, record: dict[str, Any]) -> None:
        listed = places.setdefault(metric, {}).setdefault(baseline, [])
        listed.append({"place": place, "absolute": record["absolute"]})

    for name, recorded in records.items():
        for key in list(recorded):
            if key.startswith("effect.") and recorded[key].keys() >= EFFECT_KEYS:
                add(recorded[key]["metric"], recorded[key]["estimand"], f"{name}: {key}", recorded[key])
            elif key.startswith("reconciliation."):
                place, metric, baseline = key.removeprefix("reconciliation.").rsplit(".", 2)
                add(metric, baseline, f"{name}: {place}", recorded.pop(key))
    return places


def index(
    study: Study,
    numbers: dict[str, Any],
    bodies: dict[str, page.Body],
    absent: list[tuple[str, list[str]]],
    language: str,
    missing: list[dict[str, str]],
    **frame: Any,
) -> str:
    """A study's first page: the answer, a card a metric, the baselines compared, the reports, those missing and why.

    `absent` are the questions that the study's data cannot answer, each with what they would take.
    """
    rows = _rows(numbers)
    return page.template("index.html").render(
        **page.common(language, page.running_head(words.in_language(study.title), numbers["synthetic"])),
        study_title=words.in_language(study.title),
        period=words.period(study.event_start, study.event_end),
        synthetic=numbers["synthetic"],
        mixed=not all(body.synthetic for body in bodies.values()),
        first=first(numbers, bodies, language),
        rows=rows,
        cards=[row for row in rows if row["first"]],
        pages=[_entry(name, body, language) for name, body in bodies.items()],
        missing=missing,
        absent=[
            (words._(asked), words.listing([_(WANTED[need]) for need in needs])) for asked, needs in absent
        ],
        glossary=glossary(study),
        **frame,
    )


def first(numbers: dict[str, Any], bodies: dict[str, page.Body], language: str) -> dict[str, Any]:
    """What a study says first: its answer, and the chart that shows it.

    A simulated answer never comes before a real one; where the effects are simulated they come second, marked.
    """
    effects = next(
        (place["notebook"] for places in numbers["answers"].values() for place in places.values()), ""
    )
    answering = {name: body for name, body in bodies.items() if body.answer}
    real = [name for name, body in answering.items() if not body.synthetic]
    leading = effects if effects in real else next(iter([*real, *[n for n in answering if n == effects]]), "")
    leading = leading or next(iter(answering), "")
    boxes = [_entry(leading, bodies[leading], language)] if leading else []
    if effects in answering and effects != leading:
        boxes.append(_entry(effects, bodies[effects], language))
        boxes[1]["sentences"] = boxes[1]["sentences"][:1]
    chart = bodies[effects].chart if effects in bodies else ""
    return {"boxes": boxes, "chart": chart, "effects": effects}


def _entry(name: str, body: page.Body, language: str) -> dict[str, Any]:
    return {
        "href": f"{language}/{name}.html",
        "title": body.title,
        "answer": body.answer,
        "sentences": body.sentences or [body.answer],
        "synthetic": body.synthetic,
    }


def studies(found: list[dict[str, Any]], language: str, alternates: list[dict[str, str]]) -> str:
    """The page over several studies, from their results.json."""
    from datetime import date

    listed = [
        {
            "href": study["href"],
            "title": words.in_language(study["title"]),
            "period": words.period(
                date.fromisoformat(study["event_start"]), date.fromisoformat(study["event_end"])
            ),
            "synthetic": study["synthetic"],
            "cards": [row for row in _rows(study) if row["first"]],
        }
        for study in found
    ]
    return page.template("studies.html").render(
        **page.common(language, _("Studies of one-day initiatives")), studies=listed, alternates=alternates
    )


def glossary(study: Study) -> list[tuple[str, str]]:
    """The words that the study's reports use, each with its meaning."""
    baseline = _("What the event is compared with: the week up to its eve, or the time before the campaign.")
    expected = _("What the event would have brought without the initiative, as the days before it foretell.")
    interval = _("Where the effect lies with the stated probability. If it includes zero: no clear effect.")
    effect = _("Observed less expected; as a share of what was expected where it is given in per cent.")
    placebo = _("An ordinary day treated as if it had been the event, to see what chance alone does.")
    moved = _("Payments that only moved: from other days, before or after, or from counters.")
    entries = [
        ("", _("Event"), _("The day or days of the initiative.")),
        ("campaign", _("Campaign"), _("The days from the announcement to the eve of the event.")),
        ("campaign", _("History"), _("The days before the campaign.")),
        ("campaign", _("Baseline"), baseline),
        ("", _("Expected"), expected),
        ("", _("Effect"), effect),
        ("", _("Interval"), interval),
        ("", _("Placebo"), placebo),
        ("offline", _("Displacement"), moved),
        ("offline", _("Substitution"), _("Payments that moved from counters to digital channels.")),
        ("offline", _("Lift"), _("Payments that would not have been made at all.")),
        ("offline", _("Channel"), _("How it is paid: at a counter, or digitally.")),
        ("value", _("Ticket"), _("The value per payment.")),
        ("entity", _("Entity"), _("One of the bodies or units that the figures are told by.")),
        ("service", _("Service"), _("What is paid for.")),
        ("", _("Edition"), _("One holding of an initiative that is repeated.")),
    ]
    return [(term, meaning) for need, term, meaning in entries if not need or need in study.has]


def _rows(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a metric and baseline, each number written out in the language spoken now."""
    said = {name: numbers[name] for name in ("currency", "measures", "offline", "synthetic")}
    words.speak_of(**said, campaign=numbers["campaign_start"] is not None)
    rows = []
    for metric, places in numbers["answers"].items():
        baselines = [baseline for baseline in BASELINES if baseline in places]
        for baseline in baselines:
            place = places[baseline]
            row = _told(place)
            row |= {
                "metric": words.metric(metric),
                "share": words.kind(metric) == "percent",
                "over": _over(baseline),
            }
            row |= {"first": baseline == baselines[0], "span": len(baselines), "notebook": place["notebook"]}
            rows.append(row)
    return rows


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
