"""Time of `report`, beside the same notebooks by papermill and nbconvert, and beside one warm kernel.

    python benchmarks/report_speed.py [ROUNDS]

Every case starts as a command of its own, with the daily panels already computed. The peers take turns with ours in
each round. They make English only; ours makes English and Arabic, index and CSV. The cache is one of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import laps
import yaml

from analysis.report import runs
from analysis.study import ROOT, Study

STUDY = ROOT / "notebooks" / "dubai-2017.yaml"
OURS = "report, two languages"
AGAIN = "report again, nothing changed"
ENGLISH = "report, English alone"
CLI = "papermill CLI + nbconvert CLI, one after another"
WARM = "one warm kernel, nothing rendered"
CHANGED = {"baseline_days": 14}  # most of the notebooks take it


def measure(rounds: int) -> dict:
    """Median seconds of each case; after a change of one parameter, the notebooks run again and those that take it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ANALYSIS_CACHE"] = str(folder / "cache")
        notebooks = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
        planned, _ = runs.plan(Study.load(STUDY), notebooks, ["en"])
        tasks = folder / "tasks.json"
        tasks.write_text(
            json.dumps([{"notebook": str(r.notebook), "parameters": r.parameters} for r in planned])
        )
        both = partial(_report, folder / "both")
        both()  # the ledger, its panels and every byte-compiled module are there from now on
        cases: dict[str, Callable[[], object]] = {
            OURS: lambda: both("--fresh"),
            AGAIN: both,
            ENGLISH: lambda: _report(folder / "en", "--fresh", "--language", "en"),
            WARM: lambda: _run(sys.executable, __file__, "--warm-kernel", str(tasks)),
            CLI: lambda: _clis(tasks, folder),
        }
        taken = laps.by_turns({name: laps.timed(case) for name, case in cases.items()}, rounds)
        changed = folder / "changed" / STUDY.name  # no notebooks are beside it, so the project's are run
        changed.parent.mkdir()
        changed.write_text(yaml.safe_dump(yaml.safe_load(STUDY.read_text(encoding="utf-8")) | CHANGED))
        said: list[str] = []
        once = laps.seconds(lambda: said.append(both(study=changed)))
        return {
            "notebooks": len(planned),
            "seconds": {name: median(times) for name, times in taken.items()},
            "changed": {
                "parameter": ", ".join(CHANGED),
                "seconds": once,
                "run_again": int(re.search(r"(\d+) notebooks run", said[0])[1]),
                "take_it": sum(run.parameters.keys() >= CHANGED.keys() for run in planned),
            },
        }


def warm_kernel(tasks: Path) -> None:
    """All notebooks in one kernel, one after another: the least that execution can cost, with state that leaks."""
    from jupyter_client.manager import start_new_kernel
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    manager, client = start_new_kernel(kernel_name="python3")
    client.stop_channels()
    try:
        for task in json.loads(tasks.read_text(encoding="utf-8")):
            notebook = load_notebook_node(task["notebook"])
            if task["parameters"]:
                notebook = parameterize_notebook(notebook, task["parameters"])
            notebook.cells.insert(
                0, new_code_cell("%reset -f")
            )  # names of the notebook before; its imports stay
            place = {"metadata": {"path": str(Path(task["notebook"]).parent)}}
            NotebookClient(notebook, km=manager, resources=place).execute()
    finally:
        manager.shutdown_kernel(now=True)


def _report(out: Path, *options: str, study: Path = STUDY) -> str:
    return _run(sys.executable, "-m", "analysis", "report", str(study), "--out", str(out), *options)


def _clis(tasks: Path, folder: Path) -> None:
    """papermill, then nbconvert, a command for each notebook."""
    for task in json.loads(tasks.read_text(encoding="utf-8")):
        name = Path(task["notebook"]).stem
        parameters, executed = folder / f"{name}.yaml", folder / f"{name}.ipynb"
        parameters.write_text(yaml.safe_dump(task["parameters"]), encoding="utf-8")
        module = [sys.executable, "-m", "papermill", "--no-progress-bar", "--cwd", str(ROOT / "notebooks")]
        _run(*module, task["notebook"], str(executed), "-f", str(parameters))
        _run(sys.executable, "-m", "nbconvert", "--to", "html", "--no-input", str(executed))


def _run(*command: str) -> str:
    """What a command prints; its last words as the error where it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} failed: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1:2] == ["--warm-kernel"]:
        warm_kernel(Path(sys.argv[2]))
    else:
        print(json.dumps(measure(int(sys.argv[1]) if sys.argv[1:] else 3), indent=2))
