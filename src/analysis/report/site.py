"""Everything that the folder of a study holds, made whole before any of it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from analysis import words
from analysis.report import brief, comparing, markup, runs, summary
from analysis.report import page as pages
from analysis.report import provenance as origin
from analysis.report.fitting import WANTED
from analysis.report.workbook import sheets, workbook
from analysis.study import Study
from analysis.words import _

NAMES = {"en": "English", "ar": "العربية"}


def files(
    study: Study,
    study_path: Path,
    results: dict[str, dict],
    missing: dict[Path, str],
    absent: list[tuple[str, list[str]]],
    languages: tuple[str, ...],
    earlier: comparing.Edition | None,
) -> dict[str, str | bytes]:
    """Content by path in the folder.

    Parameters
    ----------
    results : dict
        Executed notebooks by name.
    missing : dict
        Why a notebook failed, by its path.
    absent : list of (str, list of str)
        The questions that the study's data cannot answer, each with what they would take.
    earlier : Edition, optional
        The index says what has changed since.
    """
    provenance, numbers = origin.provenance(study, study_path, results), summary.results(study, results)
    tables = _tables(results)
    made: dict[str, str | bytes] = {f"data/{name}": text for name, text in tables.items()}
    made |= {"results.json": _json(numbers), "provenance.json": _json(provenance)}
    for language in languages:
        with words.using(language):
            title, home = words.in_language(study.title), index(language, languages)
            links = {name: _elsewhere(languages, f"../{{}}/{name}.html".format) for name in results}
            bodies = {name: pages.body(notebook, links[name]) for name, notebook in results.items()}
            names = [None, *bodies, None]
            for before, name, after in zip(names, names[1:-1], names[2:], strict=False):
                made[f"{language}/{name}.html"] = pages.page(
                    "page.html",
                    f"{title}: {bodies[name].title}",
                    bodies[name].synthetic,
                    body=bodies[name],
                    study_title=title,
                    index_href=f"../{home}",
                    alternates=links[name],
                    beside=[(way, n, bodies[n].title) for way, n in (("prev", before), ("next", after)) if n],
                    provenance=origin.footer(provenance, provenance["notebooks"][name]),
                )
            footer = origin.footer(provenance, provenance["run"])
            book = _workbook(results, title, footer["cite"], provenance["run"])
            first = {
                "bodies": bodies,
                "first": summary.first(numbers, bodies),
                "mixed": not all(body.synthetic for body in bodies.values()),
                "period": words.period(study.event_start, study.event_end),
                "provenance": footer,
                "rows": summary.rows(numbers, summary.too_short(numbers, bodies)),
                "study_title": title,
            }
            made[home] = pages.page(
                "index.html",
                title,
                numbers["synthetic"],
                alternates=_elsewhere(languages, lambda code: index(code, languages)),
                home=index(language, languages),
                missing=[_missing(notebook, why) for notebook, why in missing.items()],
                absent=[
                    (_(asked), words.listing([_(WANTED[need]) for need in needs])) for asked, needs in absent
                ],
                has=study.has,
                tables=tables,
                books=book,
                changes=earlier and comparing.since(earlier, numbers, provenance),
                **first,
            )
            made[f"brief.{language}.html"] = pages.page(
                "brief.html",
                title,
                numbers["synthetic"],
                alternates=_elsewhere(languages, "brief.{}.html".format),
                index_href=home,
                **first | brief.values(numbers, bodies, first["first"]),
            )
            made |= book
    return made


def studies(found: list[tuple[str, dict[str, Any]]], languages: tuple[str, ...]) -> str:
    """The page over several studies in the language spoken now, from the address and results.json of each."""
    listed = [
        {
            "href": href,
            "title": words.in_language(study["title"]),
            "period": words.period(*(date.fromisoformat(study[f"event_{end}"]) for end in ("start", "end"))),
            "synthetic": study["synthetic"],
            "rows": summary.rows(study),
        }
        for href, study in found
    ]
    links = _elsewhere(languages, lambda code: index(code, languages))
    return pages.page("studies.html", _("Studies of one-day initiatives"), studies=listed, alternates=links)


def index(language: str, languages: tuple[str, ...]) -> str:
    """Name of a first page."""
    return "index.html" if language == languages[0] else f"index.{language}.html"


def _elsewhere(languages: tuple[str, ...], href: Callable[[str], str]) -> list[dict[str, str]]:
    """A page in the languages that are not spoken now."""
    return [
        {"language": code, "direction": words.DIRECTIONS[code], "name": NAMES[code], "href": href(code)}
        for code in languages
        if code != words.language()
    ]


def _missing(notebook: Path, why: str) -> tuple[str, str]:
    """Title of a report that could not be made, and the reason without the machine's folders."""
    title = ""
    with suppress(ValueError):
        cells = [cell for cell in runs.source_of(notebook)["cells"] if cell["cell_type"] == "markdown"]
        title = pages.body({"cells": cells}).title
    return title or notebook.stem, re.sub(r"(?<![\w.])/(?:[^\s/:'\"]+/)+", "", why)


def _workbook(results: dict[str, dict], title: str, cite: str, run: dict[str, Any]) -> dict[str, bytes]:
    """All tables as one workbook in the language spoken now, by its name; nothing where there are none."""
    found = sheets(results, words.language())
    synthetic = any(table["synthetic"] for table in found)
    some = _(
        "What is marked so comes from simulated payments: it shows how the method works and must not be quoted as "
        "a result."
    )
    name = f"tables.{words.language()}{'.synthetic' * synthetic}.xlsx"
    return {name: workbook(found, title, [cite, *[some] * synthetic], run["date"])} if found else {}


def _tables(results: dict[str, dict]) -> dict[str, str]:
    """CSV files by name: what is behind each figure and table."""
    made: dict[str, str] = {}
    used: dict[str, int] = {}
    for name, notebook in results.items():
        for meta in summary.outputs(notebook):
            if meta.get("csv"):
                stem = pages.unique(f"{name}.{markup.slug(meta.get('key') or meta['kind'])}", used)
                made[f"{stem}{'.synthetic' * bool(meta.get('synthetic'))}.csv"] = meta["csv"]
    return made


def _json(value: dict) -> str:
    return words.escaped(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"
