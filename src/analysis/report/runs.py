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
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from analysis.fingerprint import code_key, digest
from analysis.report.fitting import fitted, lacking, title
from analysis.storage import ROOT, cache_folder, keep, kept
from analysis.study import Study, files

# What decides numbers and pictures; a new version of any runs the notebooks again.
PACKAGES = "numpy scipy pandas statsmodels polars matplotlib Babel holidays papermill".split()
KEPT = 20  # results of earlier runs, for each notebook


class NotebookError(RuntimeError):
    """One or more notebooks failed; the message is one line, each with its notebook, cell and reason."""

    def __init__(self, faults: dict[str, str]):
        room = 260 // len(faults)
        super().__init__("; ".join(shortened(f"{name}.ipynb, {why}", room) for name, why in faults.items()))


@dataclass(frozen=True, slots=True)
class Run:
    """One notebook as it fits the study, with the parameters it takes; or why it cannot be run."""

    notebook: Path
    folder: Path  # of results
    source: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    fault: str | None = None

    @property
    def name(self) -> str:
        """Its file name without the ending: 03_effect."""
        return self.notebook.stem

    @property
    def executed(self) -> Path:
        """The place of its result."""
        return self.folder / f"{self.name}-{self.key}.ipynb"

    @property
    def clock(self) -> Path:
        """Where it is kept how many seconds the notebook took the last time."""
        return self.folder / f"{self.name}.seconds"

    @property
    def cells(self) -> int:
        """How many code cells it will report as done."""
        code = ["".join(c["source"]).strip() for c in self.source["cells"] if c["cell_type"] == "code"]
        return sum(map(bool, code)) + bool(self.parameters)

    def result(self) -> dict | None:
        """The executed notebook, if it is there and whole."""
        content = kept(self.executed)
        return None if content is None else json.loads(content)


def plan(
    study: Study, notebooks: Sequence[Path], languages: Sequence[str]
) -> tuple[list[Run], list[tuple[str, list[str]]]]:
    """What there is to run, and the questions that the study cannot answer, each with what it would need.

    A run's key covers all that can change its outputs: the notebook's source, the parameters that it takes, the data
    behind them, the code and its packages. A notebook that declares `ledger` computes from the data and takes the study
    whole; another takes what it declares. Cells that need what the study does not have are left out: see `fitting`.
    """
    folder = cache_folder() / "runs"
    common = code_key(), versions(), hashes(ROOT / "data" / "raw"), languages
    given, planned, absent = parameters_of(study), [], []
    for notebook in notebooks:
        try:
            source = source_of(notebook)
            if needs := lacking(source, study.has):
                absent.append((title(source), needs))
                continue
            source = fitted(source, study.has)
            declared = _declared(source)
        except ValueError as fault:
            planned.append(Run(notebook, folder, fault=str(fault)))
            continue
        whole = "ledger" in declared
        parameters = {name: value for name, value in given.items() if whole or name in declared}
        cells = [
            (c["cell_type"], c["source"], c.get("metadata", {}).get("tags", [])) for c in source["cells"]
        ]
        data = hashes(study.source) if whole and study.ledger is not None else None
        planned.append(Run(notebook, folder, source, parameters, digest(common, cells, parameters, data)))
    return planned, absent


def execute(
    runs: Sequence[Run],
    languages: Sequence[str],
    jobs: int,
    progress: bool = False,
    cluster: str | None = None,
    cell_seconds: float | None = None,
) -> dict[str, str]:
    """Run each notebook; results land in `Run.executed`, whole or not at all.

    Parameters
    ----------
    jobs : int
        How many at a time on this machine.
    progress : bool
        Show a bar on stderr.
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
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    from analysis.report import kernels

    env = {"ANALYSIS_LANGUAGES": ",".join(languages), "ANALYSIS_REPORT": "1"}
    env["ANALYSIS_CACHE"] = str(cache_folder().resolve())
    # The longest first, or one core would wait for it at the end.
    runs = sorted(runs, key=lambda run: float(kept(run.clock) or "inf"), reverse=True)
    bar = tqdm(total=sum(run.cells for run in runs), unit="cell", desc="notebooks", disable=not progress)
    here = cluster is None
    faults = {}
    with (
        bar,
        kernels.pool(env) if here else _client(cluster) as manager,
        parallel_config("threading", n_jobs=jobs) if here else parallel_config("dask"),
    ):
        own = {"manager": manager, "tick": bar.update} if here else {}
        work = (delayed(_attempt)(run, env, cell_seconds, **own) for run in runs)
        for run, fault in Parallel(return_as="generator_unordered", batch_size=1)(work):
            bar.update(0 if here else run.cells)
            faults[run.name] = fault
    return {name: fault for name, fault in sorted(faults.items()) if fault}


def parameters_of(study: Study) -> dict[str, Any]:
    """The study as notebooks take it: plain values, dates as text, the ledger where it is."""
    values = study.model_dump(mode="json")
    if study.ledger is not None:
        values["ledger"] = named(study.source, str(study.source.resolve()))
    return values


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide numbers."""
    return {"Python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def checked_in() -> list[dict[str, Any]]:
    """The data that come with the code: what was published, and what was derived at length."""
    return [entry for name in ("raw", "derived") for entry in hashes(ROOT / "data" / name)]


def hashes(source: Path) -> list[dict[str, Any]]:
    """Name, SHA-256 and size of each file; a file that has not been touched since is not read again."""
    book = cache_folder() / "hashes.json"
    known = json.loads(kept(book) or b"{}")
    found, before = [], len(known)
    for file in map(Path.resolve, files(source)):
        stat = file.stat()
        mark = f"{file}|{stat.st_size}|{stat.st_mtime_ns}"
        if mark not in known:
            with file.open("rb") as stream:
                known[mark] = hashlib.file_digest(stream, "sha256").hexdigest()
        found.append({"file": named(file), "sha256": known[mark], "bytes": stat.st_size})
    if len(known) > before:
        keep(book, json.dumps(known).encode())
    return found


def named(file: Path, otherwise: str | None = None) -> str:
    """A file by its place in the project; outside of it by its name alone, unless told otherwise."""
    file = file.resolve()
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else otherwise or file.name


@cache
def commit() -> tuple[str, bool]:
    """The commit of the checkout, and whether files differ from it; unknown outside one."""
    describe = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        told = subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
    return told.removesuffix("-dirty"), told.endswith("-dirty")


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


def _attempt(
    run: Run,
    env: dict[str, str],
    cell_seconds: float | None,
    manager: type | None = None,
    tick: Callable[[int], Any] = bool,
) -> tuple[Run, str | None]:
    """Run one notebook, in a kernel of this process's own pool if none is given; the fault in one line."""
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    from analysis.report import kernels

    for name in ("papermill", "traitlets"):  # what they say is said in the fault, or of no concern
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="IPython parent")  # of a home that cannot be written
    start = time.perf_counter()
    begun: list[dict] = []
    try:
        notebook = execute_notebook(
            nbformat.from_dict(run.source),
            None,
            parameters=run.parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            kernel_manager_class=manager or kernels.shared(tuple(env.items())),
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(run.notebook.parent)}},
            execution_timeout=cell_seconds,
            on_cell_start=lambda cell, cell_index: begun.append(cell),
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
        of_file = [cell for cell in begun if "injected-parameters" not in cell["metadata"].get("tags", ())]
        return run, f"cell {len(of_file)}: {shortened(why, 200)}"
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
    keep(run.clock, str(notebook.metadata["analysis"]["seconds"]).encode())
    earlier = sorted(run.folder.glob(f"{run.name}-*.ipynb"), key=lambda file: file.stat().st_mtime)
    for file in earlier[:-KEPT]:
        file.unlink(missing_ok=True)
    return run, None


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
