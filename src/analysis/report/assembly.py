"""Reports of a study: run its notebooks, render every page in every language, write the numbers beside them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from filelock import FileLock

from analysis.preflight import refuse_unfit
from analysis.report import provenance as origin
from analysis.report import runs
from analysis.report.runs import NotebookError, Run
from analysis.storage import ROOT, cache_folder, keep, kept, publish, staging, sweep, write
from analysis.study import Study

if TYPE_CHECKING:
    from analysis.report.comparing import Edition

NAMES = {"en": "English", "ar": "العربية"}
OURS = (
    "??/*.html",
    "data/*.csv",
    "index*.html",
    "brief.*",
    "tables.*.xlsx",
)  # what an earlier call may have left
SCHEMA = Path(__file__).with_name("results.schema.json")


@dataclass(frozen=True, slots=True)
class Built:
    """What a call of `build` did.

    Parameters
    ----------
    index : Path
        The study's first page.
    pages : tuple of Path
        Every report, in every language.
    executed, unchanged : int
        Notebooks that were run, and that did not have to be.
    printed : tuple of Path or None
        The briefs as PDF, where asked for; None for each that no browser was found for.
    """

    index: Path
    pages: tuple[Path, ...]
    executed: int
    unchanged: int
    printed: tuple[Path | None, ...] = ()


def build(
    study_path: str | Path,
    out: str | Path = "reports",
    languages: Sequence[str] = ("en", "ar"),
    jobs: int | None = None,
    only: str | None = None,
    fresh: bool = False,
    notebooks: str | Path | None = None,
    progress: bool = True,
    cluster: str | None = None,
    pdf: bool = False,
    earlier: str | Path | None = None,
    cell_seconds: float | None = None,
) -> Built:
    """Render the reports of a study.

    Parameters
    ----------
    study_path : path
        The study's parameters file.
    out : path
        Folder of all studies' reports; this study's go to ``out/<name of the file>``.
    languages : sequence of str
        The first is that of ``index.html``; one execution serves all.
    jobs : int, optional
        Notebooks at a time; by default one a core.
    only : str, optional
        One notebook alone, by its number; the pages of the others stay as they are.
    fresh : bool
        Run again what has not changed.
    notebooks : path, optional
        Their folder; by default the study's own if it holds any, else the project's.
    progress : bool
        Show a bar on stderr.
    cluster : str, optional
        Address of a Dask scheduler that runs the notebooks, as in `runs.execute`.
    pdf : bool
        Print the brief as PDF too, where a Chromium is found.
    earlier : path, optional
        An earlier edition's results.json, or its folder: the first page says what has changed since.
    cell_seconds : float, optional
        A cell that runs longer is ended, and its notebook fails.

    Raises
    ------
    ValueError, FileNotFoundError
        A parameter, the notebook asked for or the ledger is wrong.
    NotebookError
        A notebook failed. The others are done and their pages written, with an index that says which page is
        missing and why; if none could be done, no page has changed.
    """
    from analysis.report import comparing

    study = Study.load(study_path)
    last = comparing.load(earlier) if earlier is not None else None
    languages = tuple(dict.fromkeys(languages)) or ("en",)
    if unknown := [code for code in languages if code not in NAMES]:
        raise ValueError(f"language {unknown[0]!r} is unknown: give {' or '.join(NAMES)}")
    found = _notebooks(Path(study_path), notebooks)
    refuse_unfit(study)
    folder = Path(out) / study.name
    for place in (folder, folder.parent, cache_folder(), cache_folder() / "runs", cache_folder() / "pages"):
        sweep(place)
    planned = runs.plan(study, found, languages)
    chosen = [run for run in planned if only is None or int(run.name[:2]) == _number(only)]
    if not chosen:
        raise ValueError(
            f"notebook {only} does not exist: give one of {', '.join(p.stem[:2] for p in found)}"
        )
    due = [run for run in chosen if not run.fault and (fresh or run.result() is None)]
    faults = {run.name: run.fault for run in chosen if run.fault}
    manifest = cache_folder() / "pages" / f"{_digest(str(folder.resolve()))}.json"
    state = _digest([run.key for run in planned], languages, _look(), str(study_path), last and asdict(last))
    if due or faults or only is not None or not _unchanged(manifest, state, folder):
        faults |= _run(due, jobs or os.cpu_count() or 1, progress, cluster, cell_seconds)
        shown = [run if run in chosen else _latest(run, folder) for run in planned]
        results = _results(
            study, [run for run in shown if run is not None and run.name not in faults], faults
        )
        if results:
            missing = {run.notebook: faults[run.name] for run in planned if run.name in faults}
            absent = runs.absent(study, found)
            written = _write_all(study, Path(study_path), results, missing, absent, languages, folder, last)
            state = "" if faults or only is not None else state
            keep(manifest, json.dumps({"state": state, "files": written}).encode())
            _write_studies(Path(out), languages)
    if faults:
        raise NotebookError(faults)
    pages = tuple(folder / language / f"{run.name}.html" for language in languages for run in chosen)
    briefs = [folder / _brief(language) for language in languages] if pdf else []
    return Built(folder / "index.html", pages, len(due), len(chosen) - len(due), tuple(map(_printed, briefs)))


def _printed(html: Path) -> Path | None:
    """The page as PDF, made where it is not there: it goes with its page."""
    from analysis.report.brief import printed

    pdf = html.with_suffix(".pdf")
    return pdf if pdf.exists() else printed(html)


def _run(
    due: list[Run], jobs: int, progress: bool, cluster: str | None, cell_seconds: float | None
) -> dict[str, str]:
    from tqdm import tqdm

    with tqdm(
        total=sum(map(runs.cells, due)), unit="cell", desc="notebooks", disable=not (progress and due)
    ) as bar:
        return runs.execute(due, jobs, bar.update, cluster, cell_seconds)


def _results(study: Study, shown: list[Run], faults: dict[str, str]) -> dict[str, dict]:
    """Executed notebooks by name; what is wrong with the records of one is added to the faults."""
    from analysis.report import summary

    results = {}
    for run in shown:
        notebook = run.result()
        try:
            if notebook is None:
                raise ValueError("its result is gone: run again")
            _validate(summary.results(study, {run.name: notebook}))
        except ValueError as fault:
            faults[run.name] = str(fault)
        else:
            results[run.name] = notebook
    return results


def _latest(run: Run, folder: Path) -> Run | None:
    """A run that is not due now: its result, or else the one that its page in `folder` was made from."""
    if run.result() is not None:
        return run
    try:
        notebooks = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["notebooks"]
        key = re.fullmatch("[0-9a-f]+", notebooks[run.name]["key"])[0]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    earlier = replace(run, key=key, executed=run.executed.with_name(f"{run.name}-{key}.ipynb"))
    return None if earlier.result() is None else earlier


def _notebooks(study_path: Path, given: str | Path | None) -> list[Path]:
    """Files named NN_name.ipynb, in order."""
    places = [Path(given)] if given else [study_path.resolve().parent, ROOT / "notebooks"]
    for place in places:
        if found := sorted(place.resolve().glob("[0-9][0-9]_*.ipynb")):
            return found
    raise FileNotFoundError(f"{places[-1]} holds no notebooks named as 01_name.ipynb")


def _number(only: str) -> int:
    if not re.fullmatch(r"\d{1,2}", str(only)):
        raise ValueError(f"notebook {only!r} is not a number: give it as 03")
    return int(only)


def _write_all(
    study: Study,
    study_path: Path,
    results: dict[str, dict],
    missing: dict[Path, str],
    absent: list[tuple[str, list[str]]],
    languages: tuple[str, ...],
    folder: Path,
    earlier: Edition | None,
) -> dict[str, int]:
    """Everything of one study: made in a folder of its own, then moved into place; the first page last."""
    from analysis.report import summary

    with FileLock(cache_folder() / f"{_digest(str(folder.resolve()))}.lock"), staging(folder) as staged:
        provenance = origin.provenance(study, study_path, results)
        numbers = summary.results(study, results)
        tables = _tables(results)
        books = _workbooks(study, results, provenance, languages, staged)
        every = (list(tables), books, absent, staged, earlier)
        _render(study, results, missing, numbers, provenance, languages, *every)
        for name, text in tables.items():
            _put(staged / "data" / name, text)
        _put(staged / "results.json", _json(numbers))
        _put(staged / "provenance.json", _json(provenance))
        names = publish(staged, last="index.html")
        for stale in (found for form in OURS for found in folder.glob(form)):
            if stale.relative_to(folder).as_posix() not in names:
                stale.unlink(missing_ok=True)
        return {name: (folder / name).stat().st_size for name in sorted(names)}


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def _render(
    study: Study,
    results: dict[str, dict],
    missing: dict[Path, str],
    numbers: dict,
    provenance: dict,
    languages: tuple[str, ...],
    tables: Sequence[str],
    books: dict[str, str],
    absent: list[tuple[str, list[str]]],
    staged: Path,
    earlier: Edition | None,
) -> None:
    from analysis import words
    from analysis.report import brief, comparing, page, summary

    for language in languages:
        others = [code for code in languages if code != language]
        bodies = {}
        with words.using(language):
            titled = words.in_language(study.title)
        for name, notebook in results.items():
            links = [_alternate(code, f"../{code}/{name}.html") for code in others]
            with words.using(language):
                bodies[name] = page.body(notebook, language, links)
        order = list(bodies)
        for i, name in enumerate(order):
            links = [_alternate(code, f"../{code}/{name}.html") for code in others]
            beside = [order[j] if 0 <= j < len(order) else None for j in (i - 1, i + 1)]
            previous, following = [
                {"href": f"{n}.html", "title": bodies[n].title} if n else None for n in beside
            ]
            html = page.framed(
                bodies[name],
                language,
                study_title=titled,
                index_href=f"../{_index(language, languages)}",
                alternates=links,
                previous=previous,
                next=following,
                provenance=origin.footer(provenance, provenance["notebooks"][name], language),
            )
            _put(staged / language / f"{name}.html", html)
        with words.using(language):
            html = summary.index(
                study,
                numbers,
                bodies,
                absent,
                language,
                missing=[_missing(notebook, why, language) for notebook, why in missing.items()],
                alternates=[_alternate(code, _index(code, languages)) for code in others],
                main_language=languages[0],
                tables=tables,
                brief_href=_brief(language),
                workbook=books.get(language),
                changes=earlier and comparing.since(earlier, numbers, provenance),
                provenance=origin.footer(provenance, provenance["run"], language),
            )
            one_page = brief.brief(
                study,
                numbers,
                bodies,
                language,
                alternates=[_alternate(code, _brief(code)) for code in others],
                index_href=_index(language, languages),
                provenance=origin.footer(provenance, provenance["run"], language),
            )
        _put(staged / _brief(language), one_page)
        _put(staged / _index(language, languages), html)


def _missing(notebook: Path, why: str, language: str) -> dict[str, str]:
    """Title of a report that could not be made, and the reason without the machine's folders."""
    from analysis.report import page

    title = ""
    with suppress(ValueError):
        cells = [cell for cell in runs.source_of(notebook)["cells"] if cell["cell_type"] == "markdown"]
        title = page.body({"cells": cells}, language).title
    return {"title": title or notebook.stem, "why": re.sub(r"(?<![\w.])/(?:[^\s/:'\"]+/)+", "", why)}


def _workbooks(
    study: Study, results: dict[str, dict], provenance: dict, languages: tuple[str, ...], staged: Path
) -> dict[str, str]:
    """All tables as one workbook a language; the name of each, where there are tables."""
    from analysis import words
    from analysis.report import page
    from analysis.report.workbook import sheets, workbook

    names = {}
    for language in languages:
        if found := sheets(results, language):
            synthetic = any(table["synthetic"] for table in found)
            names[language] = f"tables.{language}{'.synthetic' * synthetic}.xlsx"
            about = origin.footer(provenance, provenance["run"], language)
            with words.using(language):
                lines = [about["cite"], *([page.labels()["synthetic_some"]] if synthetic else [])]
                made = workbook(found, words.in_language(study.title), lines, provenance["run"]["date"])
            (staged / names[language]).write_bytes(made)
    return names


def _index(language: str, languages: Sequence[str]) -> str:
    return "index.html" if language == languages[0] else f"index.{language}.html"


def _brief(language: str) -> str:
    return f"brief.{language}.html"


def _alternate(language: str, href: str) -> dict[str, str]:
    from analysis import words

    return {
        "language": language,
        "direction": words.DIRECTIONS[language],
        "name": NAMES[language],
        "href": href,
    }


def _tables(results: dict[str, dict]) -> dict[str, str]:
    """CSV files by name: what is behind each figure and table."""
    from analysis.report import summary
    from analysis.report.markup import slug

    made: dict[str, str] = {}
    for name, notebook in results.items():
        for meta in summary.outputs(notebook):
            if meta.get("csv"):
                key = f"{name}.{slug(meta.get('key') or meta['kind'])}"
                number = sum(
                    re.fullmatch(rf"{re.escape(key)}(-\d+)?(\.synthetic)?\.csv", n) is not None for n in made
                )
                key += f"-{number + 1}" if number else ""
                made[f"{key}{'.synthetic' * bool(meta.get('synthetic'))}.csv"] = _safe(meta["csv"])
    return made


def _safe(text: str) -> str:
    """CSV in which no cell starts as a formula does; numbers keep their sign."""
    from analysis import words

    made = io.StringIO()
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    rows = (
        [one if _numeric(one) else words.cell(one) for one in row] for row in csv.reader(io.StringIO(text))
    )
    csv.writer(made, lineterminator="\n").writerows(rows)
    return made.getvalue()


def _numeric(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _validate(numbers: dict) -> None:
    import jsonschema

    try:
        jsonschema.validate(numbers, json.loads(SCHEMA.read_text(encoding="utf-8")))
    except jsonschema.ValidationError as fault:
        place = "/".join(map(str, fault.absolute_path))
        raise ValueError(f"a record does not fit {SCHEMA.name}: {place}: {fault.message}") from None


def _write_studies(out: Path, languages: tuple[str, ...]) -> None:
    """The page over all studies of the folder, from what each has written of itself."""
    from analysis import words
    from analysis.report import summary

    studies = []
    for file in sorted(out.glob("*/results.json")):
        with suppress(OSError, ValueError):  # one that is not ours, or damaged, is left out
            _validate(study := json.loads(file.read_text(encoding="utf-8")))
            studies.append(study)
    for language in languages:
        others = [code for code in languages if code != language]
        with words.using(language):
            here = [
                study | {"href": f"{quote(study['study'], safe='')}/{name}"}
                for study in studies
                if (out / study["study"] / (name := _index(language, languages))).exists()
                or (out / study["study"] / (name := "index.html")).exists()
            ]
            links = [_alternate(code, _index(code, languages)) for code in others]
            write(out / _index(language, languages), summary.studies(here, language, alternates=links))


def _unchanged(manifest: Path, state: str, folder: Path) -> bool:
    """Whether the folder holds exactly what was last written, from the same inputs."""
    known = json.loads(kept(manifest) or b"{}")
    if known.get("state") != state:
        return False
    return all(
        (folder / n).is_file() and (folder / n).stat().st_size == size for n, size in known["files"].items()
    )


def _look() -> str:
    """Changes with whatever decides how pages look, apart from the runs."""
    here = Path(__file__).parent
    files = [*here.glob("*.py"), SCHEMA]
    return _digest(
        *(
            file.read_text(encoding="utf-8")
            for file in (*sorted(files), *sorted((here / "templates").iterdir()))
        )
    )


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def _json(value: dict) -> str:
    from analysis import words

    return words.escaped(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"
