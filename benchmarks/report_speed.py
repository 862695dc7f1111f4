"""Time of `report`, beside the same notebooks by papermill and nbconvert, and beside one warm kernel.

    python benchmarks/report_speed.py [--study notebooks/dubai-2017.yaml] [--rounds 3] [--out FOLDER]

Every case starts as a command of its own, with the daily panels already computed. The peers take turns with ours in
each round, so that a busy machine slows all. They make English only; ours makes English and Arabic, index and CSV.
Prints a Markdown table; with --out also writes report_speed.md and report_speed.json there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from analysis.report import runs
from analysis.study import ROOT, Study

OURS = "report, two languages"
ONE = "report, English alone"
SECOND = "report again, nothing changed"
CLI = "papermill CLI + nbconvert CLI, one after another"
WARM = "one warm kernel, nothing rendered"
GOALS = {
    "times as fast as the two CLIs": (CLI, OURS, ">=", 8.0),
    "of one warm kernel": (OURS, WARM, "<=", 1.5),
    "of one language": (OURS, ONE, "<=", 1.25),
}
SECOND_SECONDS = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=ROOT / "notebooks" / "dubai-2017.yaml")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--warm-kernel", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.warm_kernel:
        return warm_kernel(options.warm_kernel)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.study, options.rounds, Path(folder))
    table = markdown(result)
    print(table)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "report_speed.md").write_text(table + "\n", encoding="utf-8")
        (options.out / "report_speed.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return None


def measure(study_path: Path, rounds: int, folder: Path) -> dict:
    """Medians of the wall time of each case."""
    study = Study.load(study_path)
    notebooks = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    plan = [
        {"notebook": str(run.notebook), "parameters": run.parameters}
        for run in runs.plan(study, notebooks, ["en"])
    ]
    tasks = folder / "tasks.json"
    tasks.write_text(json.dumps(plan), encoding="utf-8")
    report = [sys.executable, "-m", "analysis", "report", str(study_path), "--out"]
    both, english = [*report, str(folder / "both")], [*report, str(folder / "en"), "--language", "en"]
    _run(both)  # the ledger, its panels and every byte-compiled module are there from now on
    taken: dict[str, list[float]] = {name: [] for name in (OURS, ONE, SECOND, CLI, WARM)}
    for _ in range(rounds):
        taken[OURS].append(_run([*both, "--fresh"]))
        taken[SECOND].append(_run(both))
        taken[ONE].append(_run([*english, "--fresh"]))
        taken[WARM].append(_run([sys.executable, __file__, "--warm-kernel", str(tasks)]))
        taken[CLI].append(_clis(plan, folder))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return {
        "notebooks": len(plan),
        "seconds": medians,
        "rounds": taken,
        "ratios": {name: medians[a] / medians[b] for name, (a, b, _, _) in GOALS.items()},
        "goals": {name: f"{sign} {goal:g}" for name, (_, _, sign, goal) in GOALS.items()},
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
        "versions": {"python": platform.python_version()}
        | {
            name: importlib.metadata.version(name)
            for name in ("papermill", "nbconvert", "ipykernel", "pandas")
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


def markdown(result: dict) -> str:
    seconds = result["seconds"]
    lines = [
        f"| {result['notebooks']} notebooks | seconds (median) |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in seconds.items()),
        "",
        "| report is | measured | to reach |",
        "|---|---|---|",
        *(f"| {name} | {value:.2f} | {result['goals'][name]} |" for name, value in result["ratios"].items()),
        f"| again, in seconds | {seconds[SECOND]:.2f} | <= {SECOND_SECONDS:g} |",
        "",
        f"{result['machine']['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    ]
    return "\n".join(lines)


def _clis(plan: list[dict], folder: Path) -> float:
    """papermill, then nbconvert, a command for each notebook."""
    total = 0.0
    for task in plan:
        name = Path(task["notebook"]).stem
        parameters, executed = folder / f"{name}.yaml", folder / f"{name}.ipynb"
        parameters.write_text(yaml.safe_dump(task["parameters"]), encoding="utf-8")
        module = [sys.executable, "-m", "papermill", "--no-progress-bar", "--cwd", str(ROOT / "notebooks")]
        total += _run([*module, task["notebook"], str(executed), "-f", str(parameters)])
        total += _run([sys.executable, "-m", "nbconvert", "--to", "html", "--no-input", str(executed)])
    return total


def _run(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
