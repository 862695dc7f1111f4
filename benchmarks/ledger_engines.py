"""`daily_panel` beside hand-written DuckDB SQL and Polars streaming: day x entity x channel with distinct payers.

    python benchmarks/ledger_engines.py [--rows 20000000] [--layout monthly|one-file|unsorted] [--also pandas spark]
                                        [--runs 3] [--folder FOLDER] [--out FILE.json]

Writes a year of payments as Parquet to a temporary folder (or takes those of `--folder`), then lets each engine sum it
in fresh processes, by turns, and compares their answers: counts and payers exactly, values to the cent. Times leave out
start-up and imports; `cpu` is the processor time used, the figure to compare where a machine is shared; peak memory is
that of the process that works (Spark's is Java's). Medians of `--runs`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import joblib
import laps
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

KEYS = ["date", "entity", "channel"]
BLOCK = 1_000_000
PEERS = {
    "ours": "daily_panel",
    "duckdb": "DuckDB SQL, by hand",
    "polars": "Polars streaming, by hand",
    "polars-files": "Polars streaming, by hand, file by file",
    "ours-duckdb": "daily_panel on a DuckDB relation",
    "pandas": "pandas, by hand, file by file",
    "spark": "Spark SQL local[2], by hand",
    "ours-spark": "daily_panel on a Spark frame",
}
HAND = {"duckdb", "polars", "polars-files"}
BASE = ("ours", "duckdb", "polars", "polars-files", "ours-duckdb")


def write_ledger(folder: Path, rows: int, layout: str, seed: int = 0) -> None:
    """A year of payments of 36 entities, five channels and two million payers, some of whom pay often."""
    edges = pd.date_range("2017-01-01", "2018-01-01", freq="MS")
    months = [
        (start, stop, rows * (stop - start).days // 365, [seed, i], layout == "unsorted")
        for i, (start, stop) in enumerate(itertools.pairwise(edges))
    ]
    files = {folder / "2017.parquet": months}
    if layout == "monthly":
        files = {folder / f"{month[0]:%Y-%m}.parquet": [month] for month in months}
    joblib.Parallel(n_jobs=os.cpu_count())(joblib.delayed(_write)(*each) for each in files.items())


def _write(file: Path, months: list[tuple]) -> None:
    import pyarrow.parquet as pq

    writer = None
    for table in itertools.chain.from_iterable(_month(*month) for month in months):
        words = [name for name in table.column_names if name != "transaction_id"]  # which never repeats
        writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd", use_dictionary=words)
        writer.write_table(table, row_group_size=BLOCK)
    writer.close()


def _month(
    start: pd.Timestamp, stop: pd.Timestamp, rows: int, seed: list[int], unsorted: bool
) -> Iterator[pa.Table]:
    """A month's payments in blocks, each in order of time; where `unsorted`, on any day of the year."""
    rng = np.random.default_rng(seed)
    entities = pl.Series([f"entity-{i:02d}" for i in range(36)])
    channels = pl.Series(["app", "web", "kiosk", "bank", "counter"])
    blocks = -(-rows // BLOCK)
    edges = np.linspace(0, (stop - start).total_seconds(), blocks + 1)
    for i in range(blocks):
        n = rows // blocks if i else rows - rows // blocks * (blocks - 1)
        if unsorted:
            second = rng.integers(0, 365 * 86_400, n) - int(
                (start - pd.Timestamp("2017-01-01")).total_seconds()
            )
        else:
            second = np.sort(rng.integers(int(edges[i]), int(edges[i + 1]), n))
        payer = (rng.pareto(1.2, n) * 5e4).astype(int) % 2_000_000
        yield pl.DataFrame(
            {
                "transaction_id": pl.Series(rng.integers(0, 1 << 60, n)).cast(pl.String),
                "paid_at": np.datetime64(start, "us") + second.astype("timedelta64[s]"),
                "entity": entities.gather(rng.integers(0, 36, n)),
                "channel": channels.gather(rng.integers(0, 5, n)),
                "amount": rng.lognormal(6, 1.3, n).round(2),
                "payer_id": "p" + pl.Series(payer).cast(pl.String),
            }
        ).to_arrow()


def summed_by(peer: str, folder: Path):
    """A function that sums the ledger with one engine, its imports already done."""
    files = sorted(folder.glob("*.parquet"))
    if peer.endswith("spark"):
        return _spark(peer, folder)
    if peer.startswith("ours"):
        from analysis.ledger import daily_panel

        if peer == "ours":
            return lambda: daily_panel(folder)
        import duckdb

        return lambda: daily_panel(duckdb.read_parquet(f"{folder}/*.parquet"))
    if peer == "duckdb":
        import duckdb

        sql = (
            "SELECT paid_at::DATE AS date, entity, channel, count(*) AS count, sum(amount::DECIMAL(18, 2)) AS value, "
            f"count(DISTINCT payer_id) AS payers FROM '{folder}/*.parquet' GROUP BY ALL"
        )
        return lambda: duckdb.sql(sql).df()
    if peer == "pandas":
        return lambda: pd.concat([_pandas(file) for file in files])

    def polars(which: list[Path]) -> pd.DataFrame:
        rows = pl.scan_parquet(which).with_columns(date=pl.col("paid_at").dt.date())
        cents = (pl.col("amount") * 100).round().cast(pl.Int64).sum()
        sums = rows.group_by(KEYS).agg(
            count=pl.len(), value=cents / 100, payers=pl.col("payer_id").n_unique()
        )
        return sums.collect(engine="streaming").to_pandas()

    if peer == "polars":
        return lambda: polars(files)
    return lambda: pd.concat([polars([file]) for file in files])


def _pandas(file: Path) -> pd.DataFrame:
    rows = pd.read_parquet(file, columns=["paid_at", "entity", "channel", "amount", "payer_id"])
    rows = rows.assign(
        date=rows["paid_at"].dt.normalize(), cents=(rows["amount"] * 100).round().astype("int64")
    )
    groups = rows.groupby(KEYS)
    sums = groups.agg(count=("cents", "size"), value=("cents", "sum"), payers=("payer_id", "nunique"))
    return sums.assign(value=sums["value"] / 100).reset_index()


def _spark(peer: str, folder: Path):
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    from analysis.ledger import daily_panel

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for key, value in {"spark.sql.shuffle.partitions": "8", "spark.driver.memory": "6g"}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.range(10).count()
    frame = session.read.parquet(str(folder))
    if peer == "ours-spark":
        return lambda: daily_panel(frame)
    frame.createOrReplaceTempView("ledger")
    sql = (
        "SELECT to_date(paid_at) AS date, entity, channel, count(*) AS count, "
        "CAST(sum(CAST(round(amount * 100) AS BIGINT)) AS DOUBLE) / 100 AS value, "
        "count(DISTINCT payer_id) AS payers FROM ledger GROUP BY 1, 2, 3"
    )
    return lambda: session.sql(sql).toArrow().to_pandas()


def work(peer: str, folder: Path) -> dict:
    """Seconds, processor seconds, peak memory, and what the answer adds up to."""
    run = summed_by(peer, folder)
    process = _java() if peer.endswith("spark") else Path("/proc/self")
    before, start = _cpu(process), time.perf_counter()
    panel = run()
    seconds, cpu = time.perf_counter() - start, _cpu(process) - before
    peak = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
    panel = panel[panel["count"] > 0].sort_values(KEYS)
    weights = np.arange(1, len(panel) + 1)
    cents = (panel["value"].astype(float) * 100).round().astype("int64")
    answer = [int(np.dot(panel[c].astype("int64"), weights)) for c in ("count", "payers")] + [
        int(cents.sum())
    ]
    return {
        "seconds": seconds,
        "cpu": cpu,
        "memory_mb": int(peak.split()[1]) / 1024,
        "groups": len(panel),
        "answer": answer,
    }


def _java() -> Path:
    """The process of Spark's own, which does its work."""
    from pyspark import SparkContext

    return Path("/proc") / str(SparkContext._gateway.proc.pid)


def _cpu(process: Path) -> float:
    """Processor seconds so far, user and system."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(rows: int, layout: str, peers: list[str], runs: int, folder: Path | None = None) -> dict:
    """Every peer `runs` times, by turns; medians, and ratios to the best of DuckDB and Polars by hand.

    Parameters
    ----------
    folder : Path, optional
        Of a ledger that is there already; by default one of `rows` is written and removed.

    Raises
    ------
    RuntimeError
        If an engine fails.
    ArithmeticError
        If the engines do not agree.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="ledger-") as name:
            write_ledger(Path(name), rows, layout)
            return measure(rows, layout, peers, runs, Path(name))
    found: dict[str, list[dict]] = {peer: [] for peer in peers}
    for _ in range(runs):
        for peer in peers:
            found[peer].append(_worker(peer, folder))
            print(f"{peer}: {found[peer][-1]['seconds']:.2f} s", file=sys.stderr)
    answers = {json.dumps([run["groups"], run["answer"]]) for each in found.values() for run in each}
    if len(answers) > 1:
        raise ArithmeticError(f"the engines do not agree: {sorted(answers)}")
    table = {
        peer: {key: median(run[key] for run in each) for key in ("seconds", "cpu", "memory_mb")}
        for peer, each in found.items()
    }
    for key in ("seconds", "cpu"):
        best = min((table[peer][key] for peer in HAND & set(table)), default=float("nan"))
        for each in table.values():
            each[f"{key}_times_the_best"] = each[key] / best
    return {
        "rows": rows,
        "layout": layout,
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "runs": runs,
        "machine": laps.machine("polars", "duckdb", "narwhals", "pandas", "pyarrow"),
        "results": table,
    }


def _worker(peer: str, folder: Path) -> dict:
    command = [sys.executable, __file__, "--worker", peer, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{PEERS[peer]}: {(done.stderr.strip().splitlines() or ['no memory left'])[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def markdown(report: dict) -> str:
    """The report as a table."""
    lines = [
        f"{report['rows']:,} rows, {report['layout']} Parquet, {report['bytes'] / 1e6:,.0f} MB; "
        f"median of {report['runs']}; {report['machine']}",
        "",
        "| engine | seconds | times the best by hand | cpu seconds | cpu, times | peak memory, MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for peer, each in report["results"].items():
        lines.append(
            f"| {PEERS[peer]} | {each['seconds']:.2f} | {each['seconds_times_the_best']:.2f} | {each['cpu']:.2f} "
            f"| {each['cpu_times_the_best']:.2f} | {each['memory_mb']:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--layout", choices=("monthly", "one-file", "unsorted"), default="monthly")
    parser.add_argument("--also", nargs="*", default=[], choices=[p for p in PEERS if p not in BASE])
    parser.add_argument("--only", nargs="*", choices=list(PEERS), help="these engines and no others")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the result as JSON too")
    parser.add_argument("--worker", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="a ledger of --rows that is there already")
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(work(given.worker, given.folder)))
        return
    peers = given.only or [*BASE, *given.also]
    report = measure(given.rows, given.layout, peers, given.runs, given.folder)
    print(markdown(report))
    if given.out:
        partial = given.out.with_name(given.out.name + ".part")
        partial.write_text(json.dumps(report, indent=2) + "\n")
        os.replace(partial, given.out)


if __name__ == "__main__":
    main()
