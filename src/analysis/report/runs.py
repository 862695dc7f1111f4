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
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from analysis.fingerprint import code_key
from analysis.report.fitting import fitted, lacking, title
from analysis.storage import ROOT, cache_folder, keep, kept
from analysis.study import Study, files

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

    def __init__(self, faults: dict[str, str]):
        room = 260 // len(faults)
        super().__init__("; ".join(shortened(f"{name}.ipynb, {why}", room) for name, why in faults.items()))


@dataclass(frozen=True, slots=True)
class Run:
    """One notebook with the parameters it takes, and the place of its result; or why it cannot be run."""

    notebook: Path
    parameters: dict[str, Any]
    languages: tuple[str, ...]
    key: str
    executed: Path
    has: frozenset[str]
    fault: str | None = None

    @property
    def name(self) -> str:
        """Its file name without the ending: 03_effect."""
        return self.notebook.stem

    def result(self) -> dict | None:
        """The executed notebook, if it is there and whole."""
        content = kept(self.executed)
        return None if content is None else json.loads(content)


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
    given = parameters_of(study)
    for notebook in notebooks:
        try:
            source = source_of(notebook)
            if lacking(source, study.has):
                continue
            source = fitted(source, study.has)
            declared = _declared(source)
        except ValueError as fault:
            place = folder / notebook.name
            runs.append(Run(notebook, {}, tuple(languages), "", place, study.has, str(fault)))
            continue
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
    found = []
    for notebook in notebooks:
        with suppress(ValueError):  # what is no notebook is told where it was to run
            source = source_of(notebook)
            found += [(title(source), needs)] if (needs := lacking(source, study.has)) else []
    return found


def execute(
    runs: Sequence[Run],
    jobs: int,
    tick: Callable[[int], None],
    cluster: str | None = None,
    cell_seconds: float | None = None,
) -> dict[str, str]:
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
    cell_seconds : float, optional
        A cell that runs longer is ended, and its notebook fails.

    Returns
    -------
    dict
        Why notebooks failed, by name; the others are done.
    """
    if not runs:
        return {}
    # The longest first, or one core would wait for it at the end.
    runs = sorted(runs, key=_seconds, reverse=True)
    env = {"ANALYSIS_LANGUAGES": ",".join(runs[0].languages), "ANALYSIS_REPORT": "1"}
    env["ANALYSIS_CACHE"] = str(cache_folder().resolve())
    faults = {}
    if cluster is not None:
        from joblib import Parallel, delayed, parallel_config

        work = (delayed(_execute)(run, env, cell_seconds) for run in runs)
        with _client(cluster), parallel_config("dask"):
            for run, fault in Parallel(return_as="generator_unordered")(work):
                tick(cells(run))
                faults[run.name] = fault
    else:
        from analysis.report import kernels

        # The kernels end before the threads that wait for them: a signal need not wait for a cell.
        with ThreadPoolExecutor(min(jobs, len(runs))) as threads, kernels.pool(env) as manager:
            import papermill  # noqa: F401  # here, while the kernels' process does its own imports

            work = {run.name: threads.submit(_attempt, run, manager, tick, cell_seconds) for run in runs}
            try:
                faults = {name: attempt.result() for name, attempt in work.items()}
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
    return {name: fault for name, fault in sorted(faults.items()) if fault}


def cells(run: Run) -> int:
    """How many code cells a run will report as done."""
    source = fitted(source_of(run.notebook), run.has)["cells"]
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
    known = json.loads(kept(book) or b"{}")
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
        keep(book, json.dumps(known | new).encode())
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


def _execute(run: Run, env: dict[str, str], cell_seconds: float | None) -> tuple[Run, str | None]:
    """Run one notebook in a kernel of this process's own pool; the fault in one line."""
    from analysis.report import kernels

    return run, _attempt(run, kernels.shared(env), lambda cells: None, cell_seconds)


def _attempt(run: Run, manager: type, tick: Callable[[int], None], cell_seconds: float | None) -> str | None:
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    for name in ("papermill", "traitlets"):  # what they say is said in the fault, or of no concern
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="IPython parent")  # of a home that cannot be written
    start = time.perf_counter()
    source = fitted(source_of(run.notebook), run.has)
    begun = [0]
    try:
        notebook = execute_notebook(
            nbformat.from_dict(source),
            None,
            parameters=run.parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            kernel_manager_class=manager,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(run.notebook.parent)}},
            execution_timeout=cell_seconds,
            on_cell_start=lambda cell, cell_index: begun.append(cell_index),
            on_cell_complete=lambda cell, cell_index: tick(1),
        )
    except Exception as fault:
        if isinstance(fault, PapermillExecutionError):
            why = f"{fault.ename}: {fault.evalue}"
        elif isinstance(fault, CellTimeoutError):
            why = f"was not done in {cell_seconds:g} seconds"
        elif isinstance(fault, DeadKernelError):
            why = "ended its kernel"
        else:
            why = f"{fault}" or type(fault).__name__
        # Parameters are one cell more than in the file.
        after = bool(run.parameters) and begun[-1] > _injected_at(source)
        return f"cell {begun[-1] + (0 if after else 1)}: {shortened(why, 200)}"
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
    keep(run.executed, json.dumps(notebook, ensure_ascii=False).encode())
    keep(_clock(run), str(notebook.metadata["analysis"]["seconds"]).encode())
    earlier = sorted(run.executed.parent.glob(f"{run.name}-*.ipynb"), key=lambda file: file.stat().st_mtime)
    for file in earlier[:-KEPT]:
        file.unlink(missing_ok=True)
    return None


def _clock(run: Run) -> Path:
    return run.executed.with_name(f"{run.name}.seconds")


def _seconds(run: Run) -> float:
    """What the notebook took the last time; a new one may take long."""
    return float(kept(_clock(run)) or "inf")


def _injected_at(source: dict) -> int:
    """Index of the cell that papermill puts the parameters into."""
    tags = [cell.get("metadata", {}).get("tags", []) for cell in source["cells"]]
    return next((i for i, given in enumerate(tags) if "parameters" in given), -1) + 1


def source_of(notebook: Path) -> dict:
    """A notebook as JSON; ValueError says in one line why it cannot be run."""
    try:
        source = json.loads(notebook.read_text(encoding="utf-8"))
        source.setdefault("metadata", {})
        if source["nbformat"] != 4:
            raise ValueError(f"format {source['nbformat']}: save it anew in JupyterLab")
        for cell in source["cells"]:
            "".join(cell["source"]), cell["cell_type"].strip(), cell.get("metadata", {}).get("tags")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("is not a notebook: it has no cells as JupyterLab saves them") from None
    except (ValueError, OSError, RecursionError) as fault:
        raise ValueError(f"is not a notebook: {shortened(str(fault), 150)}") from None
    return source


def _declared(source: dict) -> set[str]:
    """Names that the parameters cell gives defaults to."""
    names: set[str] = set()
    for number, cell in enumerate(source["cells"], start=1):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            try:
                tree = ast.parse("".join(cell["source"]))
            except SyntaxError as fault:
                raise ValueError(f"cell {number} (parameters): {fault.msg}") from None
            for node in tree.body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def shortened(text: str, room: int) -> str:
    """One line of at most so many characters: where it is too long its middle is left out."""
    text = " ".join(text.split())
    return text if len(text) <= room else f"{text[: room * 2 // 3 - 3]} … {text[-room // 3 :]}"


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
