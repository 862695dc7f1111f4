"""Reports of a study: run its notebooks, make every page in every language, put them into place together."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from analysis.fingerprint import digest
from analysis.preflight import refuse_unfit
from analysis.report import runs
from analysis.report.runs import NotebookError, Run
from analysis.storage import ROOT, cache_folder, keep, kept, publish, staging, sweep, write
from analysis.study import Study
from analysis.words import LANGUAGES, using

# What an earlier call may have left in a study's folder.
OURS = ("??/*.html", "data/*.csv", "index*.html", "brief.*", "tables.*.xlsx")
SCHEMA = Path(__file__).with_name("results.schema.json")


@dataclass(frozen=True, slots=True)
class Built:
    """What a call of `build` did: the first page, every report in every language, how many notebooks were run and
    how many need not be, and the briefs as PDF where asked for, None for each without a browser.
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
    study_path, out : path
        The study's parameters file; the folder of all studies' reports, this study's in ``out/<name of the file>``.
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
    progress, pdf : bool
        Show a bar on stderr; print the brief as PDF too, where a Chromium is found.
    cluster, cell_seconds
        As of `runs.execute`.
    earlier : path, optional
        An earlier edition's results.json, or its folder: the first page says what has changed since.

    Raises
    ------
    ValueError, FileNotFoundError
        A parameter, the notebook asked for or the ledger is wrong.
    NotebookError
        A notebook failed. The others are done and their pages written, with an index that says which page is
        missing and why; if none could be done, no page has changed.
    """
    if earlier is not None:
        from analysis.report import comparing

    study, study_path = Study.load(study_path), Path(study_path)
    last = comparing.load(earlier) if earlier is not None else None
    languages = tuple(dict.fromkeys(languages)) or ("en",)
    if unknown := [code for code in languages if code not in LANGUAGES]:
        raise ValueError(f"language {unknown[0]!r} is unknown: give {' or '.join(LANGUAGES)}")
    found = _notebooks([Path(notebooks)] if notebooks else [study_path.resolve().parent, ROOT / "notebooks"])
    refuse_unfit(study)
    folder = Path(out) / study.name
    for place in (folder, folder.parent, cache_folder(), cache_folder() / "runs", cache_folder() / "pages"):
        sweep(place)
    planned, absent = runs.plan(study, found, languages)
    if only is not None and not re.fullmatch(r"\d{1,2}", str(only)):
        raise ValueError(f"notebook {only!r} is not a number: give it as 03")
    chosen = [run for run in planned if only is None or int(run.name[:2]) == int(only)]
    if not chosen:
        raise ValueError(
            f"notebook {only} does not exist: give one of {', '.join(p.stem[:2] for p in found)}"
        )
    due = [run for run in chosen if not run.fault and (fresh or run.result() is None)]
    faults = {run.name: run.fault for run in chosen if run.fault}
    place = digest(str(folder.resolve()))
    manifest, lock = cache_folder() / "pages" / f"{place}.json", FileLock(cache_folder() / f"{place}.lock")
    state = digest([run.key for run in planned], languages, _look(), str(study_path), last and asdict(last))
    if due or faults or only is not None or not _unchanged(manifest, state, folder):
        faults |= runs.execute(due, languages, jobs or os.cpu_count() or 1, progress, cluster, cell_seconds)
        results = _results(study, planned, chosen, folder, faults)
        if results:
            from analysis.report import site

            missing = {run.notebook: faults[run.name] for run in planned if run.name in faults}
            with lock:
                content = site.files(study, study_path, results, missing, absent, languages, last)
                sizes = _write(content, folder)
            state = "" if faults or only is not None else state
            keep(manifest, json.dumps({"state": state, "files": sizes}).encode())
            _write_studies(Path(out), languages)
    if faults:
        raise NotebookError(faults)
    pages = tuple(folder / language / f"{run.name}.html" for language in languages for run in chosen)
    if pdf:
        from analysis.report.brief import printed

        pdfs = tuple(printed(folder / f"brief.{language}.html") for language in languages)
    return Built(folder / "index.html", pages, len(due), len(chosen) - len(due), pdfs if pdf else ())


def _notebooks(places: Sequence[Path]) -> list[Path]:
    """Files named NN_name.ipynb, in order, of the first folder that holds any."""
    for place in places:
        if found := sorted(place.resolve().glob("[0-9][0-9]_*.ipynb")):
            return found
    raise FileNotFoundError(f"{place} holds no notebooks named as 01_name.ipynb")


def _results(
    study: Study, planned: list[Run], chosen: list[Run], folder: Path, faults: dict[str, str]
) -> dict[str, dict]:
    """Executed notebooks by name; what is wrong with the records of one is added to the faults."""
    from analysis.report import summary

    results = {}
    for run in planned:
        notebook = None if run.name in faults else run.result() or _earlier(run, folder)
        try:
            if notebook is not None:
                _validate(summary.results(study, {run.name: notebook}))
                results[run.name] = notebook
            elif run in chosen and run.name not in faults:
                raise ValueError("its result is gone: run again")
        except ValueError as fault:
            faults[run.name] = str(fault)
    return results


def _earlier(run: Run, folder: Path) -> dict | None:
    """The result that the page of a run in `folder` was made from."""
    with suppress(OSError, KeyError, TypeError, ValueError):
        notebooks = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["notebooks"]
        key = re.fullmatch("[0-9a-f]+", notebooks[run.name]["key"])[0]
        return replace(run, key=key).result()
    return None


def _write(content: dict[str, str | bytes], folder: Path) -> dict[str, int]:
    """Put a study's files into place, the first page last; gives their sizes."""
    with staging(folder) as staged:
        for name, text in content.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_bytes(text.encode() if isinstance(text, str) else text)
        names = publish(staged, last="index.html")
    for stale in (found for form in OURS for found in folder.glob(form)):
        if stale.relative_to(folder).as_posix() not in names:
            stale.unlink(missing_ok=True)
    return {name: (folder / name).stat().st_size for name in names}


def _write_studies(out: Path, languages: tuple[str, ...]) -> None:
    """The page over all studies of the folder, from what each has written of itself."""
    from analysis.report import site

    studies = []
    for file in sorted(out.glob("*/results.json")):
        with suppress(OSError, ValueError):  # one that is not ours, or damaged, is left out
            _validate(study := json.loads(file.read_text(encoding="utf-8")))
            studies.append(study)
    for language in languages:
        name, found = site.index(language, languages), []
        for study in studies:
            there = [first for first in (name, "index.html") if (out / study["study"] / first).exists()]
            found += [(f"{quote(study['study'], safe='')}/{first}", study) for first in there[:1]]
        with using(language):
            write(out / name, site.studies(found, languages))


def _validate(numbers: dict) -> None:
    import jsonschema

    try:
        jsonschema.validate(numbers, json.loads(SCHEMA.read_text(encoding="utf-8")))
    except jsonschema.ValidationError as fault:
        place = "/".join(map(str, fault.absolute_path))
        raise ValueError(f"a record does not fit {SCHEMA.name}: {place}: {fault.message}") from None


def _unchanged(manifest: Path, state: str, folder: Path) -> bool:
    """Whether the folder holds exactly what was last written, from the same inputs."""
    known = json.loads(kept(manifest) or b"{}")
    return known.get("state") == state and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in known["files"].items()
    )


def _look() -> list[str]:
    """Changes with whatever decides how pages look, apart from the runs."""
    files = sorted(
        file for file in SCHEMA.parent.rglob("*") if file.suffix in (".py", ".html", ".css", ".json")
    )
    return [file.read_text(encoding="utf-8") for file in files]
