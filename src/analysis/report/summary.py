"""What a study says in short: results.json, and the first pages that lead to the reports."""

from __future__ import annotations

from typing import Any

from analysis import words
from analysis.report import page
from analysis.study import Study
from analysis.words import _

EFFECT_KEYS = frozenset(
    ("metric", "estimand", "relative", "relative_low", "relative_high", "observed", "expected")
)
BASELINES = ("pre-week", "history")


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
        "format": 2,
        "study": study.name,
        "title": study.title,
        "synthetic": synthetic,
        "event_start": f"{study.event_start}",
        "event_end": f"{study.event_end or study.event_start}",
        "campaign_start": f"{study.campaign_start}" if study.campaign_start else None,
        "currency": study.currency,
        "level": study.confidence,
        "answers": _answers(study, records),
        "reconciliation": _reconciliation(records),
        "results": records,
    }


def _answers(study: Study, records: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The first effect recorded of each of the study's metrics over each baseline, with the notebook that gives it."""
    answers: dict[str, dict[str, dict[str, Any]]] = {}
    for name, recorded in records.items():
        for record in recorded.values():
            whole = record.keys() >= EFFECT_KEYS and "entity" not in record
            if whole and record["metric"] in study.metrics and record["estimand"] in BASELINES:
                answers.setdefault(record["metric"], {}).setdefault(
                    record["estimand"], record | {"notebook": name}
                )
    return {metric: answers[metric] for metric in study.metrics if metric in answers}


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
    language: str,
    missing: list[dict[str, str]],
    **frame: Any,
) -> str:
    """A study's first page: the answer, a card a metric, the baselines compared, the reports, those missing and why."""
    rows = _rows(numbers)
    pages = [
        {
            "href": f"{language}/{name}.html",
            "title": body.title,
            "answer": body.answer,
            "synthetic": body.synthetic,
        }
        for name, body in bodies.items()
    ]
    return page.template("index.html").render(
        **page.common(language),
        study_title=words.name(study.title),
        period=words.period(study.event_start, study.event_end),
        synthetic=numbers["synthetic"],
        mixed=not all(body.synthetic for body in bodies.values()),
        leading=_leading(pages, rows[0]["notebook"] if rows else ""),
        rows=rows,
        cards=[row for row in rows if row["first"]],
        pages=pages,
        missing=missing,
        glossary=glossary(),
        **frame,
    )


def _leading(pages: list[dict[str, Any]], effects: str) -> dict[str, Any] | None:
    """The page whose answer comes first: that of the effects, but never a simulated one before a real one."""
    answering = [entry for entry in pages if entry["answer"]]
    of_effects = [entry for entry in answering if entry["href"].endswith(f"/{effects}.html")]
    real = [entry for entry in answering if not entry["synthetic"]]
    if of_effects and not of_effects[0]["synthetic"]:
        return of_effects[0]
    return next(iter([*real, *of_effects, *answering]), None)


def studies(found: list[dict[str, Any]], language: str, alternates: list[dict[str, str]]) -> str:
    """The page over several studies, from their results.json."""
    from datetime import date

    listed = [
        {
            "href": study["href"],
            "title": words.name(study["title"]),
            "period": words.period(
                date.fromisoformat(study["event_start"]), date.fromisoformat(study["event_end"])
            ),
            "synthetic": study["synthetic"],
            "cards": [row for row in _rows(study) if row["first"]],
        }
        for study in found
    ]
    return page.template("studies.html").render(
        **page.common(language), studies=listed, alternates=alternates
    )


def glossary() -> list[tuple[str, str]]:
    """The words that the reports use, each with its meaning."""
    return [
        (_("Event"), _("The day or days of the initiative.")),
        (_("Campaign"), _("The days from the announcement to the eve of the event.")),
        (_("History"), _("The days before the campaign.")),
        (
            _("Baseline"),
            _("What the event is compared with: the week up to its eve, or the time before the campaign."),
        ),
        (
            _("Expected"),
            _("What the event would have brought without the initiative, as the baseline foretells it."),
        ),
        (
            _("Effect"),
            _("Observed less expected; as a share of what was expected where it is given in per cent."),
        ),
        (
            _("Interval"),
            _(
                "Where the effect lies with the stated probability. An interval that includes zero: no clear effect."
            ),
        ),
        (
            _("Placebo"),
            _("An ordinary day treated as if it had been the event, to see what chance alone does."),
        ),
        (
            _("Displacement"),
            _("Payments that only moved: from other days, before or after, or from counters."),
        ),
        (_("Substitution"), _("Payments that moved from counters to digital channels.")),
        (_("Lift"), _("Payments that would not have been made at all.")),
        (_("Ticket"), _("The value per payment.")),
        (_("Entity"), _("A government body that payments are made to.")),
        (_("Service"), _("What is paid for.")),
        (_("Channel"), _("How it is paid: at a counter, or digitally.")),
        (_("Edition"), _("One holding of an initiative that is repeated.")),
    ]


def _rows(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a metric and baseline, each number written out in the language spoken now."""
    words.currency(numbers["currency"])
    rows = []
    for metric, places in numbers["answers"].items():
        baselines = [baseline for baseline in BASELINES if baseline in places]
        for baseline in baselines:
            place = places[baseline]
            row = _told(place)
            row |= {
                "metric": words.metric(metric),
                "share": metric == "digital_share",
                "over": _over(baseline),
            }
            row |= {"first": baseline == baselines[0], "span": len(baselines), "notebook": place["notebook"]}
            rows.append(row)
    return rows


def _over(baseline: str) -> str:
    return {"pre-week": _("the level of the week before"), "history": _("the time before the campaign")}[
        baseline
    ]


def _told(record: dict[str, Any]) -> dict[str, Any]:
    """Effect, interval, observed and expected as text; rounding follows the interval."""
    share = record["metric"] == "digital_share"
    kind, stem = ("points", "absolute") if share else ("percent", "relative")
    effect, low, high = (_number(record[f"{stem}{end}"]) for end in ("", "_low", "_high"))
    write = words.points if share else words.percent
    step = words.step(_number(record["expected_low"]), _number(record["expected_high"]))
    return {
        "effect": write(effect, words.step(low, high), signed=True),
        "interval": words.interval(low, high, kind),
        "interval_told": _("{level} interval: {interval}").format(
            level=words.percent(record["level"]), interval=words.interval(low, high, kind)
        ),
        "observed": words.quantity(record["observed"], record["metric"], step),
        "expected": words.quantity(record["expected"], record["metric"], step),
        "clear": not low <= 0 <= high,
        "synthetic": record["synthetic"],
    }


def _number(value: float | None) -> float:
    """What JSON cannot hold was infinite."""
    return float("inf") if value is None else value
