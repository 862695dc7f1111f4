"""Time of writing the simulated Dubai ledger, beside pyarrow writing the same columns from random arrays.

    python benchmarks/simulate_rows.py [ROUNDS]

The reference holds uniform random columns of the same types and widths in memory and writes them with the same
settings of Parquet; only the writing is timed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import laps
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.simulate import simulate
from analysis.simulate.rows import BATCH, SCHEMA, services
from analysis.simulate.world import CHANNELS, DUBAI

OURS, REFERENCE = "simulate", "random arrays by pyarrow"


def measure(rounds: int) -> dict:
    """Median seconds of each, rows and megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        ours, reference = Path(folder) / "ledger.parquet", Path(folder) / "random.parquet"
        cases = {
            OURS: laps.timed(lambda: simulate(ours)),
            REFERENCE: lambda: write_random(reference, pq.read_metadata(ours).num_rows),
        }
        taken = laps.by_turns(cases, rounds)
        return {
            "rows": pq.read_metadata(ours).num_rows,
            "seconds": {name: median(times) for name, times in taken.items()},
            "megabytes": {OURS: ours.stat().st_size / 1e6, REFERENCE: reference.stat().st_size / 1e6},
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
            spent += laps.seconds(lambda batch=batch: file.write_batch(batch))
    return spent


def _words(rng: np.random.Generator, words: list[str] | tuple[str, ...], size: int) -> pa.Array:
    codes = rng.integers(0, len(words), size, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(words)))


def _text(number: np.ndarray, width: int) -> pa.Array:
    """Decimal digits of one width, by the fastest way there is: pyarrow's own cast and padding."""
    import pyarrow.compute as pc

    return pc.utf8_lpad(pc.cast(pa.array(number), pa.string()), width, "0")


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if sys.argv[1:] else 3), indent=2))
