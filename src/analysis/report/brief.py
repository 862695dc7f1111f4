"""The brief: a study on one A4 page, for whoever decides; and that page as PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from analysis import words
from analysis.report import summary
from analysis.report.page import Body, unmarked
from analysis.storage import publish, staging
from analysis.words import N_, _
from analysis.words.sentences import PROBABLE

CAVEATS = 3
PARTS = ("from_counters", "from_other_days", "net_new", "digital_gain")
UNITS = {1e6: (N_("{currency} million"), N_("million")), 1e3: (N_("{currency} thousand"), N_("thousand"))}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def values(
    numbers: dict[str, Any], bodies: dict[str, Body], first: list[tuple[str, list[str]]]
) -> dict[str, Any]:
    """What the page says beside the study's first words; what a study does not have is left out."""
    effects = bodies.get(summary.effects_of(numbers)) or next(iter(bodies.values()))
    *before, (leading, sentences) = first or [("", [])]
    unit, parts = _parts(numbers)
    return {
        "question": effects.title,
        "first": [*before, (leading, list(dict.fromkeys([*sentences, *_probable(effects)])))]
        if first
        else [],
        "unit": unit,
        "parts": parts,
        "lasting": next((said for body in bodies.values() for said in body.said.get("did-it-last", ())), ""),
        "caveats": [*filter(None, [summary.too_short(numbers, bodies)]), *effects.caveats][:CAVEATS],
        "decide": _decide(numbers),
        "answers": numbers["answers"],
    }


def _probable(effects: Body) -> list[str]:
    """How probable an effect of at least a tenth is, of the metric that leads."""
    forms = "|".join(map(summary.form, PROBABLE.values()))
    told = map(unmarked, effects.said.get("the-answer", ()))
    return [said for said in told if re.fullmatch(forms, said.striptags())][:1]


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


def _decide(numbers: dict[str, Any]) -> list[str]:
    """The one effect that an edition like this one shows, and whether taking turns would show a smaller one."""
    name, days = summary.next_edition(numbers)
    if not name:
        return []
    recorded = numbers["results"][name]
    least = words.percent(recorded["detectable"][f"{days}"], 0.001)
    text = _(
        "By formula an edition like this one, of {days}, shows an effect of {least} or more with a probability of "
        "{target}."
    )
    told = [text.format(days=summary.days(days), least=least, target=words.percent(0.8))]
    designs = [design for design in recorded.get("designs", {}).values() if isinstance(design, dict)]
    alike = [design["detectable"] for design in designs if design["closures"] == designs[0]["closures"]]
    if alike and min(alike) < alike[0]:
        told.append(
            _(
                "Where entities can take turns, let them: those whose turn it is not show what the day would "
                "have brought."
            )
        )
    return told


def printed(html: Path) -> Path | None:
    """The page as tagged PDF beside it, by the Chromium of this machine if it is not there; None where there is none.

    Raises
    ------
    OSError
        If the browser wrote nothing.
    """
    target = html.with_suffix(".pdf")
    if target.exists():  # it goes with its page
        return target
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
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
