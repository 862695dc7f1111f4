"""Time of writing the simulated Dubai ledger, beside pyarrow writing the same columns from random arrays.

    python benchmarks/simulate_rows.py [--rounds 3] [--out FOLDER]

The reference holds uniform random columns of the same types and widths in memory and writes them with the same
settings of Parquet; only the writing is timed. Prints a Markdown table; with --out also writes simulate_rows.md and
simulate_rows.json there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.simulate import simulate
from analysis.simulate.dubai import DUBAI
from analysis.simulate.rows import BATCH, SCHEMA, services
from analysis.simulate.world import CHANNELS

GOAL = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.rounds)
    table = markdown(result)
    print(table)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "simulate_rows.md").write_text(table + "\n", encoding="utf-8")
        (options.out / "simulate_rows.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, rounds: int) -> dict:
    """Medians over rounds in which both take turns, so that a busy machine slows both."""
    ours, reference = folder / "ledger.parquet", folder / "random.parquet"
    taken: dict[str, list[float]] = {"simulate": [], "random arrays": []}
    for _ in range(rounds):
        taken["simulate"].append(_seconds(lambda: simulate(ours)))
        rows = pq.read_metadata(ours).num_rows
        taken["random arrays"].append(write_random(reference, rows))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return {
        "rows": rows,
        "seconds": medians,
        "rounds": taken,
        "ratio": medians["simulate"] / medians["random arrays"],
        "goal": GOAL,
        "megabytes": {"simulate": ours.stat().st_size / 1e6, "random arrays": reference.stat().st_size / 1e6},
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("numpy", "pyarrow")},
    }


def write_random(path: Path, rows: int) -> float:
    """Seconds of writing the ledger's columns without any structure; drawing them is not counted."""
    spent = 0.0
    rng = np.random.default_rng(0)
    entities = DUBAI.names
    names = services(DUBAI)[0]
    settings = {"use_dictionary": ["entity", "service", "channel"], "store_schema": False}
    with pq.ParquetWriter(path, SCHEMA, compression="snappy", **settings) as file:
        for start in range(0, rows, BATCH):
            size = min(BATCH, rows - start)
            number = np.arange(start, start + size)
            times = np.datetime64("2017-01-01", "us") + rng.integers(0, 365 * 86_400, size).astype(
                "timedelta64[s]"
            )
            columns = [
                _text(number, 16),
                pa.array(times),
                *(_words(rng, words, size) for words in (entities, names, CHANNELS)),
                pa.array(np.round(rng.random(size) * 1_000, 2)),
                _text(rng.integers(0, DUBAI.payers, size), 9),
            ]
            batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
            spent += _seconds(lambda batch=batch: file.write_batch(batch))
    return spent


def markdown(result: dict) -> str:
    seconds, size = result["seconds"], result["megabytes"]
    lines = [
        f"| {result['rows']:,} rows of 2017 | seconds (median) | MB |",
        "|---|---|---|",
        *(f"| {name} | {seconds[name]:.2f} | {size[name]:.0f} |" for name in seconds),
        f"| ratio (goal: at most {result['goal']:g}) | {result['ratio']:.2f} | |",
        "",
        f"{result['machine']['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    ]
    return "\n".join(lines)


def _words(rng: np.random.Generator, words: list[str] | tuple[str, ...], size: int) -> pa.Array:
    codes = rng.integers(0, len(words), size, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(words)))


def _text(number: np.ndarray, width: int) -> pa.Array:
    """Decimal digits of one width, by the fastest way there is: pyarrow's own cast and padding."""
    import pyarrow.compute as pc

    return pc.utf8_lpad(pc.cast(pa.array(number), pa.string()), width, "0")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
