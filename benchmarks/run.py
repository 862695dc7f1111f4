"""How fast, each beside a peer in the same run: `make bench`.

    python benchmarks/run.py [--rows 20000000] [--large 100000000 500000000] [--rounds 3] [--only report estimate]
                             [--out benchmarks]

Prints one Markdown table and writes it as speed.md and speed.json to the folder `--out`. A part that fails is a row
that says so; the others go on, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "2")

import laps

ROOT = Path(__file__).parents[1]
FITS = {"quick": 2_000, "slow": 500}  # draws of the whole calibration study
SHARE = 50  # of which this part is run here
MEMORY_MB = 1_000  # the ceiling of daily_panel, whatever the rows
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
BYTES_A_ROW = 60  # of disk that a ledger and what a peer spills may need


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: `measured` is what the work's name ends in; `reached` where it meets `goal`, if it has one.

    What failed has no `measured`, and its reason in `reference`.
    """

    work: str
    reference: str
    ours: float | None
    theirs: float | None
    measured: float | None
    goal: str = ""

    @property
    def reached(self) -> bool | None:
        if self.measured is None:
            return False
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        off = self.measured - float(limit)
        return bool(off >= 0 if sign == ">=" else off <= 0 if sign == "<=" else off == 0)


def report(options: argparse.Namespace) -> Iterator[Row]:
    import report_speed as speed

    found = speed.measure(options.rounds)
    seconds = found["seconds"]
    ours = seconds[speed.OURS]
    for name, measured, their, goal in (
        ("times as fast", seconds[speed.CLI] / ours, speed.CLI, ">= 8"),
        ("share of it", ours / seconds[speed.WARM], speed.WARM, "<= 1.5"),
        ("share of it", ours / seconds[speed.ENGLISH], speed.ENGLISH, "<= 1.25"),
    ):
        work = f"report of {found['notebooks']} notebooks, two languages: {name}"
        yield Row(work, their, ours, seconds[their], measured, goal)
    again = seconds[speed.AGAIN]
    yield Row("second report, nothing changed: seconds", "the first", again, ours, again, "<= 2")
    changed = found["changed"]
    yield Row(
        f"second report, {changed['parameter']} changed: notebooks run",
        f"the {changed['take_it']} of {found['notebooks']} that take it",
        changed["seconds"],
        ours,
        changed["run_again"],
        f"== {changed['take_it']}",
    )


def estimate(options: argparse.Namespace) -> Iterator[Row]:
    """Processor time on one thread, the median over series; the peers' as `peer_worker.py` takes it."""
    import peers

    peers.install()
    code = "import calibration as c; print(c.run(c.RECOMMENDED, 'long_365', 50)['ms'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "benchmarks",
        env=os.environ | ONE_THREAD,
        check=True,
        stdout=subprocess.PIPE,
    )
    ours = float(done.stdout) / 1000
    yield Row("estimate with interval, 365 days: seconds", "", ours, None, ours, "<= 0.010")
    for peer, draws, goal in (
        ("pycausalimpact", 5, ">= 100"),
        ("unobserved_components", 10, ">= 10"),
        ("causalpy_bayes", 2, ""),
        ("tfcausalimpact", 2, ""),
        ("ols_prediction", 20, ""),
    ):
        work = "estimate with interval, 365 days: times as fast"
        try:
            found = peers.run(peer, "long_365", draws)
            if found["failed"] == 1:
                raise RuntimeError("failed = 1: no series has an answer")
        except (OSError, RuntimeError) as error:
            yield failed(work, error, peer, ours)
            continue
        theirs = found["ms"] / 1000
        yield Row(work, peer, ours, theirs, theirs / ours, goal)


def placebos(options: argparse.Namespace) -> Iterator[Row]:
    import placebo_speed

    found = placebo_speed.measure()
    ours, loop, floor = found["closed"], found["loop"], found["floor"]
    work = "all placebo dates, 1,000 series x 200 days"
    yield Row(f"{work}: times as fast", "loop of statsmodels fits", ours, loop, loop / ours, ">= 5000")
    yield Row(f"{work}: share of it", "one matrix product", ours, floor, ours / floor, "<= 20")
    difference = found["largest_difference"]
    yield Row(f"{work}: largest difference", "loop of statsmodels fits", ours, loop, difference, "<= 1e-8")


def calibration(options: argparse.Namespace) -> Iterator[Row]:
    """A fiftieth of the study of 12 processes, with every estimator's share of the draws."""
    import calibration as study
    import processes

    names, cores = list(processes.PROCESSES)[:12], os.cpu_count()
    warm, _ = study.study(names[:1], ["oracle", *study.ESTIMATORS], 5, cores)  # and the pool is up
    slow = warm["ms"] >= study.SLOW_MS
    shares = ((warm["estimator"][~slow], FITS["quick"]), (warm["estimator"][slow], FITS["slow"]))

    def run(jobs: int) -> None:
        for estimators, draws in shares:
            study.study(names, list(estimators), draws // SHARE, jobs)

    one, many = (laps.seconds(partial(run, jobs)) for jobs in (1, cores))
    work = f"calibration study, {len(names)} processes, all estimators"
    yield Row(f"{work}: times as fast", "one process", many, one, one / many, f">= {0.8 * cores:g}")
    whole = many * SHARE / 60
    yield Row(f"{work}: minutes, from a fiftieth of it", "", many, None, whole, "<= 20")


def panel(options: argparse.Namespace) -> Iterator[Row]:
    import ledger_engines as engines

    found = engines.measure(options.rows, "monthly", [*engines.BASE], options.rounds)["results"]
    yield from _panel_rows(options.rows, found)


def large(options: argparse.Namespace) -> Iterator[Row]:
    """Ours, and the one query by hand whose memory suffices."""
    import ledger_engines as engines

    for rows in options.large:
        work = f"daily_panel of {rows / 1e6:g} million rows"
        try:
            free = shutil.disk_usage(engines.tempfile.gettempdir()).free
            if free < rows * BYTES_A_ROW:
                raise OSError(
                    f"needs {rows * BYTES_A_ROW / 1e9:.0f} GB of disk; {free / 1e9:.0f} GB are free"
                )
            found = engines.measure(rows, "monthly", ["ours", "polars-files"], 1)["results"]
        except (ArithmeticError, OSError, RuntimeError) as error:
            yield failed(work, error)
        else:
            yield from _panel_rows(rows, found)


def _panel_rows(rows: int, found: dict) -> Iterator[Row]:
    import ledger_engines as engines

    best = min(engines.HAND & set(found), key=lambda peer: found[peer]["seconds"])
    work = f"daily_panel of {rows / 1e6:g} million rows, distinct payers"
    for unit, key in (("share of it", "seconds"), ("share of its processor time", "cpu")):
        ours, theirs = found["ours"][key], found[best][key]
        yield Row(f"{work}: {unit}", engines.PEERS[best], ours, theirs, ours / theirs, "<= 1.1")
    seconds, memory = (found["ours"][key] for key in ("seconds", "memory_mb"))
    yield Row(f"{work}: MB at most", "a ceiling for any rows", seconds, None, memory, f"<= {MEMORY_MB}")


def spark(options: argparse.Namespace) -> Iterator[Row]:
    import ledger_engines as engines

    peers = ["ours-spark", "spark", "ours"]
    found = engines.measure(options.rows, "monthly", peers, options.rounds)["results"]
    ours = found["ours-spark"]["seconds"]
    work = f"daily_panel of {options.rows / 1e6:g} million rows on a Spark frame"
    for peer, goal in (("spark", "<= 1.1"), ("ours", "")):
        theirs = found[peer]["seconds"]
        yield Row(f"{work}: times it", engines.PEERS[peer], ours, theirs, ours / theirs, goal)


def simulation(options: argparse.Namespace) -> Iterator[Row]:
    import simulate_rows as speed

    found = speed.measure(options.rounds)
    ours, theirs = (found["seconds"][name] for name in (speed.OURS, speed.REFERENCE))
    work = f"simulate {found['rows'] / 1e6:.1f} million rows: share of it"
    yield Row(work, speed.REFERENCE, ours, theirs, ours / theirs, "<= 3")


def start(options: argparse.Namespace) -> Iterator[Row]:
    """Fresh interpreters, by turns; the time of an empty one is taken off the imports."""
    main = (
        "import runpy, sys; sys.argv = ['analysis', '--help']; runpy.run_module('analysis', {}, '__main__')"
    )
    codes = ("", "import analysis.effect", "import statsmodels.api", "import click", main)

    def python(code: str) -> Callable[[], float]:
        command = [sys.executable, "-c", code]
        return laps.timed(lambda: subprocess.run(command, check=True, stdout=subprocess.PIPE))

    taken = laps.by_turns({code: python(code) for code in codes}, 7)
    empty, ours, theirs, click, usage = (median(taken[code]) for code in codes)
    ours, theirs = ours - empty, theirs - empty
    share = ours / theirs
    yield Row("import analysis.effect: share of it", "import statsmodels.api", ours, theirs, share, "<= 0.6")
    yield Row("--help: seconds more", "import click", usage, click, usage - click, "<= 0.3")


def failed(work: str, error: Exception, peer: str = "", ours: float | None = None) -> Row:
    """A row that says what went wrong."""
    reason = (str(error).strip().splitlines() or [""])[-1].replace("|", "/")
    return Row(work, f"{peer}: {reason}" if peer else f"{type(error).__name__}: {reason}", ours, None, None)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    part.__name__: part
    for part in (report, estimate, placebos, calibration, panel, large, spark, simulation, start)
}
PACKAGES = "pandas numpy scipy statsmodels polars duckdb pyarrow papermill nbconvert".split()


def markdown(rows: list[Row]) -> str:
    """The table, with machine and versions under it."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    lines = [
        "| work | reference | ours, s | reference, s | measured | to reach | reached |",
        "|---|---|---:|---:|---:|---:|---|",
        *(
            f"| {row.work} | {row.reference} | {number(row.ours)} | {number(row.theirs)} "
            f"| {'failed' if row.measured is None else number(row.measured)} | {row.goal} "
            f"| {'' if row.reached is None else 'yes' if row.reached else 'no'} |"
            for row in rows
        ),
        "",
        f"Medians. {laps.machine(*PACKAGES)}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000, help="of the ledger that is summed")
    parser.add_argument("--large", type=int, nargs="+", default=[], metavar="ROWS", help="and of larger ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    options = parser.parse_args()
    rows: list[Row] = []
    faults = 0
    for name in options.only:
        print(f"{name} ...", file=sys.stderr)
        try:
            for row in PARTS[name](options):
                rows.append(row)
        except Exception as error:  # whatever it is: the other parts are still to be measured
            traceback.print_exc()
            faults += 1
            rows.append(failed(name, error))
    print(markdown(rows))
    options.out.mkdir(parents=True, exist_ok=True)
    for ending, text in (
        ("md", markdown(rows)),
        ("json", json.dumps([asdict(row) | {"reached": row.reached} for row in rows], indent=1)),
    ):
        partial_file = options.out / f".speed.{ending}.part"
        partial_file.write_text(text + "\n", encoding="utf-8")
        os.replace(partial_file, options.out / f"speed.{ending}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
