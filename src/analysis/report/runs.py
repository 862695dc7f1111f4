"""Notebook runs: each in a clean kernel, several at a time, and none twice for the same inputs."""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from analysis.report.fitting import fitted, lacking, title
from analysis.study import ROOT, Study, cache_folder, code_key, files, write

# What decides numbers and pictures; a new version of any runs the notebooks again.
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "polars",
    "matplotlib",
    "Babel",
    "holidays",
    "papermill",
)
KEPT = 20  # results of earlier runs, for each notebook


class NotebookError(RuntimeError):
    """One or more notebooks failed; the message is one line, each with its notebook, cell and reason."""


@dataclass(frozen=True, slots=True)
class Run:
    """One notebook with the parameters it takes, and the place of its result."""

    notebook: Path
    parameters: dict[str, Any]
    languages: tuple[str, ...]
    key: str
    executed: Path
    has: frozenset[str]

    @property
    def name(self) -> str:
        """Its file name without the ending: 03_effect."""
        return self.notebook.stem

    def result(self) -> dict:
        """The executed notebook."""
        return json.loads(self.executed.read_text(encoding="utf-8"))


def plan(study: Study, notebooks: Sequence[Path], languages: Sequence[str]) -> list[Run]:
    """What there is to run. A run's key covers all that can change its outputs: the notebook's source, the
    parameters that it takes, the data behind them, the code and its packages. A notebook that declares `ledger`
    computes from the data and takes the study whole; another takes what it declares. Notebooks and cells that need
    what the study does not have are left out: see `fitting`.
    """
    folder = cache_folder() / "runs"
    common = {
        "code": code_key(),
        "versions": versions(),
        "raw": hashes(ROOT / "data" / "raw"),
        "languages": languages,
    }
    runs = []
    for notebook in notebooks:
        if lacking(_source(notebook), study.has):
            continue
        source = fitted(_source(notebook), study.has)
        declared = _declared(source, notebook)
        given = parameters_of(study)
        parameters = given if "ledger" in declared else {n: v for n, v in given.items() if n in declared}
        cells = [
            (c["cell_type"], c["source"], c.get("metadata", {}).get("tags", [])) for c in source["cells"]
        ]
        inputs = common | {"cells": cells, "parameters": parameters}
        if "ledger" in declared and study.ledger is not None:
            inputs["ledger"] = hashes(study.source)
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:24]
        executed = folder / f"{notebook.stem}-{key}.ipynb"
        runs.append(Run(notebook, parameters, tuple(languages), key, executed, study.has))
    return runs


def absent(study: Study, notebooks: Sequence[Path]) -> list[tuple[str, list[str]]]:
    """The questions that the study cannot answer, each with what it would need."""
    sources = [_source(notebook) for notebook in notebooks]
    return [(title(one), needs) for one in sources if (needs := lacking(one, study.has))]


def execute(
    runs: Sequence[Run], jobs: int, tick: Callable[[int], None], cluster: str | None = None
) -> list[str]:
    """Run each notebook; results land in `Run.executed`, whole or not at all.

    Parameters
    ----------
    jobs : int
        How many at a time on this machine.
    tick : callable
        Told the number of cells done since it was last called.
    cluster : str, optional
        Address of a Dask scheduler whose workers see this checkout, its data and its cache under the same paths.
        A notebook whose worker is lost is run by another.

    Returns
    -------
    list of str
        What failed, a line each; the other notebooks are done.
    """
    if not runs:
        return []
    runs = sorted(
        runs, key=_seconds, reverse=True
    )  # the longest first, or one core would wait for it at the end
    from joblib import Parallel, delayed, parallel_config

    env = {"ANALYSIS_LANGUAGES": ",".join(runs[0].languages), "ANALYSIS_REPORT": "1", "PYTHONHASHSEED": "0"}
    env["ANALYSIS_CACHE"] = str(cache_folder().resolve())
    if cluster is not None:
        with _client(cluster), parallel_config("dask"):
            results = Parallel(return_as="generator_unordered")(delayed(_execute)(run, env) for run in runs)
            faults = []
            for run, fault in results:
                tick(cells(run))
                faults.append(fault)
    else:
        from analysis.report import kernels

        with kernels.pool(env) as manager:
            import papermill  # noqa: F401  # here, while the kernels' process does its own imports

            work = (delayed(_execute)(run, env, manager, tick) for run in runs)
            faults = [fault for _, fault in Parallel(n_jobs=min(jobs, len(runs)), prefer="threads")(work)]
    return sorted(fault for fault in faults if fault)


def cells(run: Run) -> int:
    """How many code cells a run will report as done."""
    source = fitted(_source(run.notebook), run.has)["cells"]
    return sum(c["cell_type"] == "code" and bool("".join(c["source"]).strip()) for c in source) + bool(
        run.parameters
    )


def parameters_of(study: Study) -> dict[str, Any]:
    """The study as notebooks take it: plain values, dates as text, the ledger where it is."""
    values = study.model_dump(mode="json")
    if study.ledger is not None:
        source = study.source.resolve()
        values["ledger"] = source.relative_to(ROOT).as_posix() if source.is_relative_to(ROOT) else str(source)
    return values


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide numbers."""
    return {"Python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def checked_in() -> list[dict[str, Any]]:
    """The data that come with the code: what was published, and what was derived at length."""
    return [entry for name in ("raw", "derived") for entry in hashes(ROOT / "data" / name)]


def hashes(source: Path) -> list[dict[str, Any]]:
    """Name, SHA-256 and size of each file; a file that has not been touched since is not read again."""
    book = cache_folder() / "hashes.json"
    known = json.loads(book.read_text()) if book.exists() else {}
    found, new = [], {}
    for file in files(source):
        stat = file.stat()
        mark = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if mark not in known:
            with file.open("rb") as stream:
                new[mark] = hashlib.file_digest(stream, "sha256").hexdigest()
        name = file.resolve()
        name = name.relative_to(ROOT).as_posix() if name.is_relative_to(ROOT) else file.name
        found.append({"file": name, "sha256": known.get(mark) or new[mark], "bytes": stat.st_size})
    if new:
        write(book, json.dumps(known | new))
    return found


@cache
def commit() -> tuple[str, bool]:
    """The commit of the checkout, and whether files differ from it; unknown outside one."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
    return head, bool(changed.stdout.strip())


def today() -> date:
    """The day a run is dated; SOURCE_DATE_EPOCH fixes it."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(stamp), UTC).date() if stamp else datetime.now(UTC).date()


def _client(address: str) -> Any:
    """A client of a Dask scheduler; one line if there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--cluster needs the package distributed: pip install -e '.[cluster]'") from None
    try:
        return Client(address, timeout="10s")
    except OSError:
        raise ValueError(
            f"no Dask scheduler answers at {address}: give its address, as tcp://host:8786"
        ) from None


def _execute(
    run: Run, env: dict[str, str], manager: type | None = None, tick: Callable[[int], None] | None = None
) -> tuple[Run, str | None]:
    """Run one notebook, in a kernel of `manager` or of this process's own pool; the fault in one line."""
    from analysis.report import kernels

    return run, _attempt(run, manager or kernels.shared(env), tick or (lambda cells: None))


def _attempt(run: Run, manager: type, tick: Callable[[int], None]) -> str | None:
    import nbformat
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of what a notebook need not declare
    start = time.perf_counter()
    try:
        notebook = execute_notebook(
            nbformat.from_dict(fitted(_source(run.notebook), run.has)),
            None,
            parameters=run.parameters,
            progress_bar=False,
            request_save_on_cell_execute=False,
            kernel_manager_class=manager,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(run.notebook.parent)}},
            on_cell_complete=lambda cell, cell_index: tick(1),
        )
    except PapermillExecutionError as fault:
        after = bool(run.parameters) and fault.cell_index > _injected_at(
            run
        )  # one cell more than in the file
        message = " ".join(f"{fault.ename}: {fault.evalue}".split())
        return f"{run.notebook.name}, cell {fault.cell_index + (0 if after else 1)}: {message}"
    except Exception as fault:
        return f"{run.notebook.name}: {' '.join(str(fault).split()) or type(fault).__name__}"
    head, modified = commit()
    notebook.metadata["analysis"] = {
        "date": f"{today():%Y-%m-%d}",
        "commit": head,
        "modified": modified,
        "seconds": round(time.perf_counter() - start, 2),
        "key": run.key,
        "parameters": run.parameters,
        "versions": versions(),
    }
    write(run.executed, json.dumps(notebook, ensure_ascii=False))
    write(_clock(run), str(round(time.perf_counter() - start, 2)))
    earlier = sorted(run.executed.parent.glob(f"{run.name}-*.ipynb"), key=lambda file: file.stat().st_mtime)
    for file in earlier[:-KEPT]:
        file.unlink(missing_ok=True)
    return None


def _clock(run: Run) -> Path:
    return run.executed.with_name(f"{run.name}.seconds")


def _seconds(run: Run) -> float:
    """What the notebook took the last time; a new one may take long."""
    return float(_clock(run).read_text()) if _clock(run).exists() else float("inf")


def _injected_at(run: Run) -> int:
    """Index of the cell that papermill puts the parameters into."""
    tags = [cell.get("metadata", {}).get("tags", []) for cell in _source(run.notebook)["cells"]]
    return next((i for i, given in enumerate(tags) if "parameters" in given), -1) + 1


def _source(notebook: Path) -> dict:
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise ValueError(f"{notebook} is not a notebook: {fault}") from None


def _declared(source: dict, notebook: Path) -> set[str]:
    """Names that the parameters cell gives defaults to."""
    names: set[str] = set()
    for number, cell in enumerate(source["cells"], start=1):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            try:
                tree = ast.parse("".join(cell["source"]))
            except SyntaxError as fault:
                raise ValueError(f"{notebook.name}, cell {number} (parameters): {fault.msg}") from None
            for node in tree.body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
