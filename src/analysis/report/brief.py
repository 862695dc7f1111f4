"""The brief: a study on one A4 page, for whoever decides; and that page as PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from analysis import words
from analysis.report import page, summary
from analysis.storage import publish, staging
from analysis.study import Study
from analysis.words import N_, _
from analysis.words.sentences import PROBABLE

CAVEATS = 3
PARTS = ("from_counters", "from_other_days", "net_new", "digital_gain")
UNITS = {1e6: (N_("{currency} million"), N_("million")), 1e3: (N_("{currency} thousand"), N_("thousand"))}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def brief(
    study: Study, numbers: dict[str, Any], bodies: dict[str, page.Body], language: str, **frame: Any
) -> str:
    """The page, from results.json and what the notebooks said; what a study does not have is left out."""
    first = summary.first(numbers, bodies, language)
    effects = bodies.get(first["effects"]) or next(iter(bodies.values()))
    for box in first["boxes"][-1:]:
        box["sentences"] = list(dict.fromkeys([*box["sentences"], *_probable(effects)]))
    unit, parts = _parts(numbers)
    title = words.in_language(study.title)
    return page.template("brief.html").render(
        **page.common(language, page.running_head(title, numbers["synthetic"])),
        study_title=title,
        question=effects.title,
        period=words.period(study.event_start, study.event_end),
        synthetic=numbers["synthetic"],
        mixed=not all(body.synthetic for body in bodies.values()),
        first=first,
        unit=unit,
        parts=parts,
        lasting=next((said for body in bodies.values() for said in body.said.get("did-it-last", [])[:1]), ""),
        caveats=effects.caveats[:CAVEATS],
        decide=_decide(numbers, bodies),
        ask=_ask(numbers),
        **frame,
    )


def _probable(effects: page.Body) -> list[str]:
    """How probable an effect of at least a tenth is, of the metric that leads."""
    forms = [re.sub(r"\\{\w+\\}", ".+", re.escape(_(text))) for text in PROBABLE.values()]
    for said in effects.said.get("the-answer", []):
        if any(re.fullmatch(form, page.unmarked(re.sub("<.*?>", "", said))) for form in forms):
            return [page.unmarked(said)]
    return []


def _parts(numbers: dict[str, Any]) -> tuple[str, list[dict[str, str]]]:
    """Where the gain came from, in money where it is known, else in payments: the unit, and one row a part."""
    for metric in ("value", "count"):
        for recorded in numbers["results"].values():
            found = {part: ends for part in PARTS if (ends := recorded.get(f"parts.{metric}", {}).get(part))}
            if found and None not in (end for ends in found.values() for end in ends.values()):
                scale, unit = _unit(max(abs(ends["estimate"]) for ends in found.values()), metric)
                step = min(_step(ends, scale) for ends in found.values())
                return unit, [_part(part, ends, scale, step) for part, ends in found.items()]
    return "", []


def _step(ends: dict[str, float], scale: float) -> float:
    return words.step(ends["low"] / scale, ends["high"] / scale) or 1.0


def _part(part: str, ends: dict[str, float], scale: float, step: float) -> dict[str, str]:
    """One row: estimates rounded alike, so that they add up as far as rounding lets them; intervals each its own."""
    return {
        "part": words.part(part),
        "estimate": words.number(ends["estimate"] / scale, step, signed=True),
        "interval": words.interval(ends["low"] / scale, ends["high"] / scale, step=_step(ends, scale)),
    }


def _unit(largest: float, metric: str) -> tuple[float, str]:
    """What to divide by, and its name."""
    scale = next((scale for scale in UNITS if largest >= scale), 1.0)
    currency = words.name(words.setting().currency or "")
    if metric == "value":
        return scale, _(UNITS[scale][0]).format(currency=currency) if scale > 1 else currency
    return scale, _(UNITS[scale][1]) if scale > 1 else words.metric(metric)


def _decide(numbers: dict[str, Any], bodies: dict[str, page.Body]) -> list[str]:
    """What the report on the next edition found, its check of itself apart."""
    for name, recorded in numbers["results"].items():
        if "detectable" in recorded and name in bodies:
            return [page.unmarked(said) for said in bodies[name].said.get("the-answer", [])[1:]]
    return []


def _ask(numbers: dict[str, Any]) -> str:
    """The data that would answer better, and who has them."""
    if numbers["synthetic"]:
        return _(
            "From whoever runs the payment gateway and from the entities that keep counters: number and value of "
            "payments on every day, by entity, service and channel, from a year before the event to 90 days after it; "
            "with the payers under pseudonyms, who stayed can be told as well."
        )
    if not numbers["answers"].keys() & {"count", "value"}:  # no payments
        return ""
    if "digital_share" not in numbers["answers"]:
        return _(
            "From those who keep the figures: the same days by channel, service centres included, so that what moved "
            "can be told from what is new."
        )
    if "payers" not in numbers["answers"]:
        return _(
            "From those who keep the ledger: the payers under pseudonyms, so that it can be told who stayed."
        )
    return ""


def printed(html: Path) -> Path | None:
    """The page as tagged PDF beside it, by the Chromium of this machine; None where there is none.

    Raises
    ------
    OSError
        If the browser wrote nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    target = html.with_suffix(".pdf")
    with staging() as profile, staging(html.parent) as staged:
        made = staged / target.name
        options = ["--headless", "--disable-gpu", "--no-pdf-header-footer", "--export-tagged-pdf"]
        options += [f"--user-data-dir={profile}", f"--print-to-pdf={made}"]
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium has none for root; the page is ours, and runs nothing
        command = [browser, *options, html.resolve().as_uri()]
        try:
            subprocess.run(command, capture_output=True, timeout=120, check=True)
            publish(staged)
        except (subprocess.SubprocessError, OSError):
            raise OSError(
                f"{Path(browser).name} did not print {html.name}: print it from a browser"
            ) from None
    return target
