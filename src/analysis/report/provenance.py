"""Where the numbers of a report come from: provenance.json, and what each page's footer says of it."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup

from analysis import words
from analysis.report import runs
from analysis.report.summary import outputs
from analysis.study import Study

NOTICES = ("contact", "corrections")  # of a study, in every footer
NAMES_IN_LATEX = {"en": "english", "ar": "arabic"}
# Other characters that LaTeX would obey take a backslash.
TEX = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


def provenance(study: Study, study_path: Path, results: dict[str, dict]) -> dict[str, Any]:
    """Code, data and parameters behind the pages; for each notebook those of its own run."""
    # The calendar as taken, and what was announced.
    ours = (study.country or "").startswith("AE") or study.figures
    data = [file for file in runs.checked_in() if ours or not file["file"].startswith("data/raw/")]
    data += [file for file in (runs.hashes(study.source) if study.ledger else []) if file not in data]
    of_run = {
        name: (run := notebook["metadata"]["analysis"])
        | {"synthetic": any(shown["synthetic"] for shown in outputs(notebook))}
        | {"parameters": _named(run["parameters"])}
        for name, notebook in results.items()
    }
    shared = ("date", "commit", "modified", "versions")
    last = {key: max(of_run.values(), key=lambda entry: entry["date"])[key] for key in shared}
    return {
        "study": study.name,
        "title": study.title,
        "command": f"python -m analysis report {shlex.quote(runs.named(study_path))}",
        "run": last
        | {
            "parameters": _named(runs.parameters_of(study)),
            "synthetic": any(entry["synthetic"] for entry in of_run.values()),
        },
        "seed": study.seed,
        "data": data,
        "notebooks": of_run,
    }


def _named(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters with a ledger outside the project by its name alone, since a path names users and machines."""
    ledger = Path(parameters.get("ledger") or "")
    return parameters | ({"ledger": ledger.name} if ledger.is_absolute() else {})


def footer(whole: dict, of_run: dict) -> dict[str, Any]:
    """What one page's footer says, in the language spoken now."""
    day = date.fromisoformat(of_run["date"])
    title, commit = words.in_language(whole["title"]), of_run["commit"][:10]
    cite = words._("{title}. Report of {date}, code version {commit}.").format(
        title=title, date=words.date(day), commit=commit
    )
    if of_run["synthetic"]:
        cite = words._("Synthetic data. {text}").format(text=cite)
    hidden = ("title", "background", "measures", *NOTICES)
    notices = {name: whole["run"]["parameters"].get(name) for name in NOTICES}
    entry = _bibtex(whole["study"], title, day, commit, of_run["synthetic"])
    return of_run | {
        "date": words.date(day),
        "commit": commit,
        "data": [file for file in whole["data"] if not file["file"].endswith(".md")],
        "parameters": {
            name: value
            for name, value in of_run["parameters"].items()
            if value is not None and value is not False and value not in ([], {}) and name not in hidden
        },
        "cite": cite,
        "bibtex": Markup("\n").join(map(words.seen, entry.splitlines())),  # markup keeps its lines
        **{name: text and words.in_language(text) for name, text in notices.items()},
        "command": whole["command"],
    }


def _bibtex(study: str, title: str, day: date, commit: str, synthetic: bool) -> str:
    """The report as an entry for BibTeX, in the language spoken now."""

    def plain(text: str) -> str:
        return re.sub(
            r"[\\{}$&%#_^~]", lambda found: TEX.get(found[0], f"\\{found[0]}"), " ".join(text.split())
        )

    fields = {
        "title": f"{{{plain(title)}}}",
        "howpublished": plain(words._("Report, code version {commit}").format(commit=commit)),
        "year": f"{day:%Y}",
        "month": f"{day.month}",
        "note": plain(words._("Synthetic data")) if synthetic else "",
        "langid": NAMES_IN_LATEX[words.language()],
    }
    inside = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@misc{{{re.sub('[^A-Za-z0-9-]+', '-', study)}-{day:%Y},\n{inside}}}"
