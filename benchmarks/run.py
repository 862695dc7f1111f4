"""How fast, each beside a peer in the same run: `make bench`.

    python benchmarks/run.py [--rows 20000000] [--rounds 3] [--only report estimate] [--out benchmarks]

Prints one Markdown table and writes it as speed.md and speed.json to the folder `--out`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: `measured` is in seconds, or a ratio to `reference`; `reached` where it meets `goal`."""

    work: str
    reference: str
    ours: float
    theirs: float | None
    measured: float
    goal: str

    @property
    def reached(self) -> bool:
        sign, limit = self.goal.split()
        return self.measured >= float(limit) if sign == ">=" else self.measured <= float(limit)


def report(options: argparse.Namespace) -> Iterator[Row]:
    import report_speed as speed

    with tempfile.TemporaryDirectory() as folder:
        found = speed.measure(ROOT / "notebooks" / "dubai-2017.yaml", options.rounds, Path(folder))
    seconds = found["seconds"]
    names = {
        speed.CLI: "report, two languages: times as fast",
        speed.WARM: "report, two languages: share of it",
        speed.ONE: "report, two languages: share of it",
    }
    for ratio, (a, b, sign, goal) in speed.GOALS.items():
        other = b if a == speed.OURS else a
        yield Row(
            names[other],
            other,
            seconds[speed.OURS],
            seconds[other],
            found["ratios"][ratio],
            f"{sign} {goal:g}",
        )
    again = seconds[speed.SECOND]
    yield Row(
        "second report, nothing changed: seconds",
        "the first",
        again,
        None,
        again,
        f"<= {speed.SECOND_SECONDS:g}",
    )


def estimate(options: argparse.Namespace) -> Iterator[Row]:
    import peers

    if not all((ROOT / folder).exists() for folder in peers.ENVIRONMENTS):
        peers.install()
    ours = peers.run(peers.calibration.RECOMMENDED, "ar06_log", 50)["ms"] / 1000
    yield Row("estimate with interval, 365 days: seconds", "", ours, None, ours, "<= 0.010")
    for peer, draws, goal in (
        ("pycausalimpact", 5, ">= 100"),
        ("causalpy_bayes", 2, ">= 100"),
        ("unobserved_components", 10, ">= 10"),
        ("ols_prediction", 20, ">= 0"),
    ):
        theirs = peers.run(peer, "ar06_log", draws)["ms"] / 1000
        yield Row("estimate with interval, 365 days: times as fast", peer, ours, theirs, theirs / ours, goal)


def placebos(options: argparse.Namespace) -> Iterator[Row]:
    import placebo_speed

    found = placebo_speed.measure()
    ours, loop, floor = (found[f"{name}_seconds"] for name in ("closed_form", "loop", "floor"))
    work = "all placebo dates, 1,000 units x 200 days"
    yield Row(f"{work}: times as fast", "loop of statsmodels fits", ours, loop, loop / ours, ">= 5000")
    yield Row(f"{work}: share of it", "one pass of Q Q'Y", ours, floor, ours / floor, "<= 20")


def calibration(options: argparse.Namespace) -> Iterator[Row]:
    import calibration as study
    import processes

    names = list(processes.PROCESSES)[:8]
    one, two = (
        _median(lambda jobs=jobs: study.study(names, [study.RECOMMENDED], 100, jobs), 1) for jobs in (1, 2)
    )
    yield Row("calibration study on two cores: times as fast", "on one", two, one, one / two, ">= 1.6")


def panel(options: argparse.Namespace) -> Iterator[Row]:
    import ledger_engines

    peers = [*ledger_engines.BASE]
    found = ledger_engines.measure(options.rows, "monthly", peers, options.rounds)["results"]
    best = min(
        (peer for peer in peers if peer in ledger_engines.HAND), key=lambda peer: found[peer]["seconds"]
    )
    ours, theirs = found["ours"]["seconds"], found[best]["seconds"]
    work = f"daily_panel of {options.rows / 1e6:g} million rows, distinct payers: share of it"
    yield Row(work, ledger_engines.PEERS[best], ours, theirs, ours / theirs, "<= 1.1")


def simulation(options: argparse.Namespace) -> Iterator[Row]:
    import simulate_rows

    with tempfile.TemporaryDirectory() as folder:
        found = simulate_rows.measure(Path(folder), options.rounds)
    ours, theirs = found["seconds"]["simulate"], found["seconds"]["random arrays"]
    work = f"simulate {found['rows'] / 1e6:.1f} million rows: share of it"
    yield Row(work, "random arrays by pyarrow", ours, theirs, ours / theirs, "<= 3")


def start(options: argparse.Namespace) -> Iterator[Row]:
    def python(code: str) -> float:
        return _median(
            lambda: subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE), 7
        )

    nothing = python("")
    ours, theirs = python("import analysis.effect") - nothing, python("import statsmodels.api") - nothing
    yield Row(
        "import analysis.effect: share of it", "import statsmodels.api", ours, theirs, ours / theirs, "<= 0.6"
    )
    base = python("import click")
    ours = python(
        "import runpy, sys; sys.argv = ['analysis', '--help']; runpy.run_module('analysis', {}, '__main__')"
    )
    yield Row("--help: seconds more", "import click", ours, base, ours - base, "<= 0.3")


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    part.__name__: part for part in (report, estimate, placebos, calibration, panel, simulation, start)
}


def markdown(rows: list[Row]) -> str:
    """The table, with machine and versions under it."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    lines = [
        "| work | reference | ours, s | reference, s | measured | to reach | reached |",
        "|---|---|---:|---:|---:|---:|---|",
        *(
            f"| {row.work} | {row.reference} | {number(row.ours)} | {number(row.theirs)} | {number(row.measured)} "
            f"| {row.goal} | {'yes' if row.reached else 'no'} |"
            for row in rows
        ),
        "",
        f"Medians. {machine()}",
    ]
    return "\n".join(lines)


def machine() -> str:
    """Cores, load before the run, versions."""
    packages = (
        "pandas",
        "numpy",
        "scipy",
        "statsmodels",
        "polars",
        "duckdb",
        "pyarrow",
        "papermill",
        "nbconvert",
    )
    named = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}, {named}."


def _median(work: Callable[[], object], times: int) -> float:
    laps = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        laps.append(time.perf_counter() - began)
    return statistics.median(laps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000, help="of the ledger that is summed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.only:
        print(f"{name} ...", file=sys.stderr)
        rows += PARTS[name](options)
    print(markdown(rows))
    for ending, text in (
        ("md", markdown(rows)),
        ("json", json.dumps([asdict(row) | {"reached": row.reached} for row in rows], indent=1)),
    ):
        partial = options.out / f".speed.{ending}.part"
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, options.out / f"speed.{ending}")


if __name__ == "__main__":
    main()
