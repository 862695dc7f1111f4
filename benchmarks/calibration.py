"""Are the intervals right, and short? Every estimator on the processes of `processes.py`, on which the recommended one
was developed, and of `unseen.py`, which certify it.

    python benchmarks/calibration.py --draws 2000 --jobs 2 --out data/derived/calibration.csv
    python benchmarks/calibration.py --set unseen --estimators oracle recommended --out data/derived/calibration.csv

The event day of a series is drawn untreated, so the truth is known: no effect. Power multiplies that day; of a share,
its odds. Draws come in blocks, each with a seed of its own, so that a small run gives the first draws of a large one.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
import warnings
import zlib
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
import pandas as pd
import processes
import unseen
from tqdm import tqdm

from analysis.effect import ESTIMATORS, RECOMMENDED, estimate
from analysis.windows import Windows

SETS = {"development": processes.PROCESSES, "unseen": unseen.UNSEEN}
PROCESSES = {name: draw for members in SETS.values() for name, draw in members.items()}
LEVELS = (0.50, 0.80, 0.90, 0.95)
EFFECTS = (0.0, 0.05, 0.10, 0.20, 0.30)
BLOCK = 50
SEED = 20171026
SLOW_MS, SLOW_DRAWS = 50, 500  # an estimator slower than this a series gets fewer draws
KEYS = ["process", "estimator", "baseline"]


def run(
    estimator: str,
    process: str,
    draws: int = 200,
    jobs: int = 1,
    baseline: str = "pre-week",
    days: int | None = None,
) -> dict:
    """One row of the study: how one estimator does on one process; see `summarise`."""
    return study([process], [estimator], draws, jobs, days, baselines=(baseline,))[0].iloc[0].to_dict()


def study(
    names: list[str],
    estimators: list[str],
    draws: int = 200,
    jobs: int = 1,
    days: int | None = None,
    seed: int = SEED,
    baselines: tuple[str, ...] = ("pre-week", "history"),
    progress: bool = False,
    resume: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The study's table, one row a process, estimator and baseline, and the draws behind it.

    Baseline "history" is run where there is a campaign; without one both ask the same question. An estimator that
    takes over 50 ms a series gets at most 500 draws. Blocks that the folder `resume` holds are not run again.
    """
    first = [
        (process, estimator, baseline, 0, min(BLOCK, draws), days, seed)
        for process in names
        for estimator in estimators
        for baseline in baselines
        if len(baselines) == 1 or baseline == "pre-week" or _has_campaign(process)
    ]
    frames = _parallel(first, jobs, progress, resume)
    more = []
    for task, frame in zip(first, frames, strict=True):
        wanted = draws if frame["ms"].median() < SLOW_MS else min(draws, SLOW_DRAWS)
        for start in range(BLOCK, wanted, BLOCK):
            more.append((*task[:3], start // BLOCK, min(BLOCK, wanted - start), *task[5:]))
    details = pd.concat(frames + _parallel(more, jobs, progress, resume), ignore_index=True)
    order = pd.MultiIndex.from_tuples([task[:3] for task in first], names=KEYS)
    table = pd.DataFrame([summarise(group) for _, group in details.groupby(KEYS)]).set_index(KEYS)
    return table.reindex(order).reset_index(), details


def on_cluster(
    address: str, names: list[str], estimators: list[str], draws: int = 200, days: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`study` on the workers of a Dask scheduler; they need this project installed, and get this file sent.

    A block whose worker dies is run again on another one, and has the same seed there.
    """
    from distributed import Client

    with Client(address) as client, joblib.parallel_config("dask", client=client):
        for module in ("processes.py", "parts.py", "unseen.py", "calibration.py"):  # in order of need
            client.upload_file(str(Path(__file__).with_name(module)))
        import calibration  # workers find `block` under this name, not under __main__

        return calibration.study(names, estimators, draws, jobs=-1, days=days)


def block(
    process: str, estimator: str, baseline: str, number: int, draws: int, days: int | None, seed: int
) -> pd.DataFrame:
    """Block `number` of a process, its first `draws` series estimated: one row a series."""
    rng = np.random.default_rng([seed, zlib.crc32(process.encode()), number])
    drawn = PROCESSES[process](rng, BLOCK, *([days] if days else []))
    truth, oracle = drawn.truth(baseline)
    length = drawn.values.shape[1] - 1  # noqa: PD011
    sides = {level: oracle.interval(level) for level in LEVELS}
    rows = []
    for i in range(draws):
        row = {"draw": number * BLOCK + i, "days": length, "truth": truth[i]}
        row |= {"oracle_mean": oracle.mean[i]}
        row |= {f"oracle_width_{level:.0%}": sides[level][1][i] - sides[level][0][i] for level in LEVELS}
        if estimator == "oracle":
            ends = {level: (low[i], high[i]) for level, (low, high) in sides.items()}
            row |= _oracle_row(truth[i], oracle.mean[i], ends, drawn.metric)
        else:
            row |= _estimate_row(*_case(drawn, i, truth[i]), estimator, baseline)
        rows.append(row)
    return pd.DataFrame(rows).assign(process=process, estimator=estimator, baseline=baseline)


def summarise(details: pd.DataFrame) -> dict:
    """What a block of draws says of one estimator on one process.

    set : development or unseen. coverage_* : share of event days inside the interval. false_positives : share with
    p < 0.05 where nothing happened. power_* : the same after multiplying the event day. bias : mean of expected /
    oracle's mean - 1. error_ratio : root mean square error over the oracle's. width_* : median of the width over the
    oracle's. score_95 : mean of the interval score at 95 % (Gneiting & Raftery 2007, equation 43: the width, and 40
    times the distance by which a day lies outside) over the oracle's width; the lower the better, 1.19 for an oracle
    of normal days. failed : share of series without an answer, left out of everything else. ms : median processor
    time a series.
    """
    done = details[~details["failed"]]
    row = {"set": _set(details["process"].iloc[0])} | {key: details[key].iloc[0] for key in KEYS}
    row |= {"days": int(details["days"].iloc[0]), "draws": len(details), "failed": details["failed"].mean()}
    for level in LEVELS:
        inside = (done["truth"] >= done[f"low_{level:.0%}"]) & (done["truth"] <= done[f"high_{level:.0%}"])
        row[f"coverage_{level * 100:.0f}"] = inside.mean()
    for effect in EFFECTS:
        name = f"power_{effect * 100:.0f}" if effect else "false_positives"
        row[name] = (done[f"p_{effect:.0%}"] < 0.05).mean()
    row["bias"] = (done["expected"] / done["oracle_mean"] - 1).mean()
    off, best = done["expected"] - done["truth"], done["oracle_mean"] - done["truth"]
    row["error_ratio"] = np.sqrt(
        np.mean((off / done["oracle_mean"]) ** 2) / np.mean((best / done["oracle_mean"]) ** 2)
    )
    for level in LEVELS:
        width = done[f"high_{level:.0%}"] - done[f"low_{level:.0%}"]
        row[f"width_{level * 100:.0f}"] = (width / done[f"oracle_width_{level:.0%}"]).median()
    low, high = done["low_95%"], done["high_95%"]
    outside = np.maximum(low - done["truth"], 0) + np.maximum(done["truth"] - high, 0)
    row["score_95"] = ((high - low + outside * 2 / 0.05) / done["oracle_width_95%"]).mean()
    row["ms"] = details["ms"].median()
    return row


def _set(process: str) -> str:
    return next((name for name, members in SETS.items() if process in members), "")


@cache
def _has_campaign(process: str) -> bool:
    return PROCESSES[process](np.random.default_rng(0), 1).campaign_days > 0


def _case(drawn: processes.Draws, i: int, truth: float) -> tuple[pd.Series, Windows]:
    """One series of a process as a user would hand it over."""
    values = drawn.values[i]  # noqa: PD011
    days = pd.date_range(drawn.first_days[i], periods=len(values))
    daily = pd.Series(values, index=days, name=drawn.metric)
    daily.iloc[-1] = truth
    campaign = days[-1] - pd.Timedelta(days=drawn.campaign_days) if drawn.campaign_days else None
    waits = {} if drawn.wait_days is None else {"wait_days": drawn.wait_days}
    return daily, Windows(days[-1], campaign_start=campaign, country=drawn.country, **waits)


def _estimate_row(daily: pd.Series, windows: Windows, estimator: str, baseline: str) -> dict:
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            effect = estimate(daily, windows, estimator, baseline)
            effect.p_value, effect.confidence_interval(0.95)
        ms, fault = 1000 * (time.process_time() - start), ""
        row = {"expected": effect.expected}
        for level in LEVELS:
            row[f"low_{level:.0%}"], row[f"high_{level:.0%}"] = effect.expected_interval(level)
        for x in EFFECTS:
            raised = _raised(effect.observed, x, daily.name)
            row[f"p_{x:.0%}"] = dataclasses.replace(effect, observed=raised).p_value
    except Exception as error:  # a failure is a result of the study, whatever it is
        ms, row, fault = 1000 * (time.process_time() - start), {}, f"{type(error).__name__}: {error}"
    failed = not row or not np.isfinite(list(row.values())).all()
    return row | {"ms": ms, "failed": failed, "fault": fault}


def _oracle_row(truth: float, mean: float, ends: dict[float, tuple[float, float]], metric: str) -> dict:
    row = {"expected": mean, "ms": 0.0, "failed": False, "fault": ""}
    for level, (low, high) in ends.items():
        row |= {f"low_{level:.0%}": low, f"high_{level:.0%}": high}
    low, high = ends[0.95]
    return row | {f"p_{x:.0%}": float(low <= _raised(truth, x, metric) <= high) for x in EFFECTS}


def _raised(value: float, effect: float, metric: str) -> float:
    """The event day with an effect on it: that of a share multiplies its odds, so that it stays below one."""
    more = value * (1 + effect)
    return more / (1 + effect * value) if metric == "digital_share" else more


def _parallel(tasks: list[tuple], jobs: int, progress: bool, resume: Path | None) -> list[pd.DataFrame]:
    lazily = {"return_as": "generator"} if progress else {}
    one = joblib.Memory(resume, verbose=0).cache(block) if resume else block
    results = joblib.Parallel(n_jobs=jobs, **lazily)(joblib.delayed(one)(*task) for task in tasks)
    return list(tqdm(results, total=len(tasks), disable=None if progress else True, unit="block"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--set", choices=SETS, help="all processes of one set; by default of both")
    parser.add_argument(
        "--processes", nargs="+", choices=PROCESSES, metavar="NAME", help="these, of either set"
    )
    parser.add_argument("--estimators", nargs="+", default=["oracle", *ESTIMATORS], metavar="NAME")
    parser.add_argument("--days", type=int, help="days before the event; by default each process's own")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cluster", metavar="ADDRESS", help="run on this Dask scheduler instead")
    parser.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="keep blocks here; skip those that are there"
    )
    parser.add_argument("--out", type=Path, help="write the table here, and the first draws beside it")
    options = parser.parse_args()
    estimators = [RECOMMENDED if name == "recommended" else name for name in options.estimators]
    names = options.processes or list(SETS.get(options.set, PROCESSES))
    start = time.perf_counter()
    if options.cluster:
        table, details = on_cluster(options.cluster, names, estimators, options.draws, options.days)
    else:
        table, details = study(
            names,
            estimators,
            options.draws,
            options.jobs,
            options.days,
            progress=True,
            resume=options.resume,
        )
    shown = table.drop(columns=[c for c in table if c.endswith(("_50", "_80", "_90"))])
    print(shown.round(3).to_string(index=False))
    faults = details.loc[details["fault"] != "", [*KEYS[:2], "fault"]].value_counts()
    print(*[f"{n} x {' | '.join(key)}" for key, n in faults.head(10).items()], sep="\n")
    print(f"{len(details)} fits, {time.perf_counter() - start:.0f} s")
    if options.out:
        write(table, details, options.out)


def write(table: pd.DataFrame, details: pd.DataFrame, out: Path, keep: int = 5) -> None:
    """The table, and beside it the first `keep` draws of each row, to prove that a small run reproduces them.

    Rows that the files have and that were not run again stay.
    """
    first = details[details["draw"] < keep].sort_values([*KEYS, "draw"])
    columns = [*KEYS, "draw", "truth", "expected", "low_95%", "high_95%", "p_0%"]
    for frame, path in ((table, out), (first[columns], out.with_name(f"{out.stem}-first-draws.csv"))):
        if path.exists():
            old = pd.read_csv(path)
            again = old.set_index(KEYS).index.isin(frame.set_index(KEYS).index)
            frame = pd.concat([frame, old[~again]])
        if "set" in frame:
            frame["set"] = frame["process"].map(_set)
        order = {name: place for place, name in enumerate((*PROCESSES, "oracle", *ESTIMATORS))}
        frame = frame.sort_values(KEYS, key=lambda codes: codes.map(order).fillna(0), kind="stable")
        part = path.with_name(f".{path.name}.part")
        frame.to_csv(part, index=False, float_format="%.8g")
        os.replace(part, path)


if __name__ == "__main__":
    main()
