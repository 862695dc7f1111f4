"""Other packages on the same series as the calibration study, in the same table.

    python benchmarks/peers.py --install
    python benchmarks/peers.py --draws 100 --out data/derived/peers.csv

Each peer runs in an environment of its own (`.venv-peers*`, not tracked), which `--install` makes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zlib
from pathlib import Path

import calibration
import numpy as np
import pandas as pd
import processes
from peer_worker import PEERS

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ENVIRONMENTS = {
    ".venv-peers": EXTRAS["bench"],
    ".venv-peers-causalimpact": ["pycausalimpact==0.1.1", "pandas<3", "statsmodels<0.15"],
    ".venv-peers-tensorflow": ["tfcausalimpact==0.0.19", "tensorflow-cpu==2.21.0"],
}
HOME = dict.fromkeys(
    ("prophet", "causalpy_bayes", "causalpy_ols", "statspai_causal_impact", "diff_diff_sdid"), ".venv-peers"
)
HOME |= {"pycausalimpact": ".venv-peers-causalimpact", "tfcausalimpact": ".venv-peers-tensorflow"}
PACKAGES = {"prophet": "prophet", "causalpy_bayes": "causalpy", "causalpy_ols": "causalpy"}
PACKAGES |= {
    "diff_diff_sdid": "diff-diff",
    "statspai_causal_impact": "statspai",
    "pycausalimpact": "pycausalimpact",
    "tfcausalimpact": "tfcausalimpact",
}
FEW = {"causalpy_bayes": 40, "statspai_causal_impact": 40, "tfcausalimpact": 20}  # seconds a series
PROCESSES = ("ar06_log", "random_walk_noise", "outliers", "counts_large")

COLUMNS = ["process", "estimator", "version", "draws", "failed", "coverage_95", "false_positives"]
COLUMNS += ["false_positives_p", "power_10", "power_20", "power_30", "bias", "width_95", "ms"]


def run(peer: str, process: str, draws: int) -> dict:
    """A row like `calibration.summarise`'s, for a peer on the first draws of a process."""
    blocks = [_block(process, number) for number in range(-(-draws // calibration.BLOCK))]
    values, first = (
        np.concatenate([getattr(b, name) for b in blocks])[:draws] for name in ("values", "first_days")
    )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, values=values, first_days=first)
        worker = Path(__file__).with_name("peer_worker.py")
        command = [python(peer), str(worker), peer, str(source), str(target)]
        quiet = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=quiet)
        if done.returncode:
            raise RuntimeError(f"{peer} on {process}: {done.stderr.strip().splitlines()[-1]}")
        out = np.load(target)
        answers, ms, faults = out["answers"], out["ms"], out["faults"]
    for fault in np.unique(faults):
        print(f"{peer} on {process}: {fault}", file=sys.stderr)
    details = pd.DataFrame(answers, columns=["expected", "low_95%", "high_95%", "p_own"])
    details["truth"], details["ms"] = values[:, -1], ms
    details["failed"] = ~np.isfinite(details[["expected", "low_95%", "high_95%"]]).all(axis=1)
    oracle = [b.oracle.interval(0.95) for b in blocks]
    details["oracle_mean"] = np.concatenate([b.oracle.mean for b in blocks])[:draws]
    details["oracle_width_95%"] = np.concatenate([high - low for low, high in oracle])[:draws]
    return {"process": process, "estimator": peer, "draws": draws} | summarise(details)


def summarise(details: pd.DataFrame) -> dict:
    """As in the calibration study, from the 95 % interval alone; `false_positives_p` is the peer's own p < 0.05."""
    done = details[~details["failed"]]
    low, high, truth = done["low_95%"], done["high_95%"], done["truth"]
    row = {"failed": details["failed"].mean(), "coverage_95": ((truth >= low) & (truth <= high)).mean()}
    row["false_positives"] = 1 - row["coverage_95"]
    row["false_positives_p"] = (done["p_own"] < 0.05).mean() if done["p_own"].notna().any() else np.nan
    for effect in (0.1, 0.2, 0.3):
        seen = truth * (1 + effect)
        row[f"power_{effect * 100:.0f}"] = ((seen < low) | (seen > high)).mean()
    row["bias"] = (done["expected"] / done["oracle_mean"] - 1).mean()
    row["width_95"] = ((high - low) / done["oracle_width_95%"]).median()
    return row | {"ms": details["ms"].median()}


def python(peer: str) -> str:
    """The interpreter of the peer's environment."""
    return str(ROOT / HOME[peer] / "bin" / "python") if peer in HOME else sys.executable


def version(peer: str) -> str:
    """The peer's package and version."""
    package = PACKAGES.get(peer, "statsmodels")
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([python(peer), "-c", code], capture_output=True, text=True, check=True)
    return f"{package} {found.stdout.strip()}"


def install() -> None:
    """Make the peers' environments that are not there; one that cannot be made is left out."""
    for name, packages in ENVIRONMENTS.items():
        if (ROOT / name).exists():
            continue
        venv.create(ROOT / name, with_pip=True)
        pip = [ROOT / name / "bin" / "python", "-m", "pip", "install", "-q", *packages]
        if subprocess.run(pip, check=False).returncode:
            shutil.rmtree(ROOT / name)


def _block(process: str, number: int) -> processes.Draws:
    rng = np.random.default_rng([calibration.SEED, zlib.crc32(process.encode()), number])
    return processes.PROCESSES[process](rng, calibration.BLOCK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="make the peers' environments, and stop")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--peers", nargs="*", default=list(PEERS), metavar="NAME")
    parser.add_argument("--processes", nargs="+", default=list(PROCESSES), metavar="NAME")
    parser.add_argument("--ours", nargs="+", default=[calibration.RECOMMENDED], metavar="NAME")
    parser.add_argument("--out", type=Path, help="write the table here")
    options = parser.parse_args()
    if options.install:
        return install()
    rows, versions = [], {}
    for peer in options.peers:
        if not Path(python(peer)).exists():
            print(f"{peer} is not installed: run python benchmarks/peers.py --install", file=sys.stderr)
            continue
        versions[peer] = version(peer)
        for process in options.processes:
            rows.append(run(peer, process, FEW.get(peer, options.draws)) | {"version": versions[peer]})
            print(json.dumps(rows[-1], default=float), file=sys.stderr)
    ours, _ = calibration.study(options.processes, options.ours, options.draws, baselines=("pre-week",))
    rows += ours.assign(version="this project", false_positives_p=lambda t: t["false_positives"]).to_dict(
        "records"
    )
    table = pd.DataFrame(rows)[COLUMNS]
    if options.out and options.out.exists():  # rows that were not run again stay
        old = pd.read_csv(options.out)
        table = pd.concat([table, old]).drop_duplicates(["process", "estimator"])
    table = table.sort_values(["process", "estimator"])
    print(table.round(3).to_string(index=False))
    if options.out:
        part = options.out.with_name(f".{options.out.name}.part")
        table.to_csv(part, index=False, float_format="%.6g")
        os.replace(part, options.out)
    return None


if __name__ == "__main__":
    main()
