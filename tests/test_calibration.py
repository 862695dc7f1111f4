"""The study that chose the recommended estimator: its truth is right, and its cached numbers come back."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "data" / "derived" / "calibration.csv"
# Cheap ones, and each way of drawing.
SAMPLE = ("short_28", "counts_small", "outliers", "campaign", "holidays_known", "long_memory")
sys.path.insert(0, str(ROOT / "benchmarks"))

import calibration  # noqa: E402
import processes  # noqa: E402

from analysis import words  # noqa: E402
from analysis.notebook import proof  # noqa: E402


@cache
def _draw(name: str, draws: int, days: int | None = None) -> processes.Draws:
    rng = np.random.default_rng([7, zlib.crc32(name.encode())])
    return processes.PROCESSES[name](rng, draws, *([days] if days else []))


@pytest.mark.parametrize("name", processes.PROCESSES)
def test_oracle_knows_the_truth(name):
    """4,000 draws: the oracle's 50, 80 and 95 % intervals cover at their levels to four standard errors, each
    tail by itself, and its mean is the mean. A wrong filter or a wrong law cannot do that."""
    drawn = _draw(name, 4_000)
    for baseline in ("pre-week", "history"):
        truth, oracle = drawn.truth(baseline)
        assert np.isfinite(drawn.values).all()
        for probability in (0.025, 0.1, 0.25, 0.75, 0.9, 0.975):
            ends = oracle.quantile(probability)
            below = np.mean(truth < ends) + 0.5 * np.mean(truth == ends)
            assert abs(below - probability) < 4 * np.sqrt(probability * (1 - probability) / 4_000) + 0.004
        ratio = truth / oracle.mean
        if name != "heavy_tails":  # its mean is infinite
            assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(4_000)


@pytest.mark.parametrize("name", processes.PROCESSES)
def test_oracle_leaves_nothing_to_learn(name):
    """Whether the eve was above the same day a week before says nothing of the side on which the oracle errs."""
    drawn = _draw(name, 4_000)
    truth, oracle = drawn.truth("pre-week")
    step = np.sign(drawn.values[:, -2] - drawn.values[:, -9])  # noqa: PD011
    error = np.sign(truth - oracle.quantile(0.5))
    assert abs(np.mean(step * error)) < 4 / np.sqrt(4_000)


def test_random_walk_oracle_is_the_steady_state():
    """Local level with noise variance 1 and step variance q: the predictive variance solves P = P/(P + 1) + q."""
    q = 0.25**2
    _, spread = processes._follow(np.zeros((1, 400)), 1.0, q)
    steady = q / 2 + np.sqrt(q**2 / 4 + q)
    assert np.squeeze(spread) == pytest.approx(steady, rel=1e-9)


def test_lengths_and_weekdays_vary():
    """The event falls on every weekday and the history is as long as asked."""
    drawn = _draw("ar03_log", 300, 41)
    assert drawn.values.shape == (300, 42)  # noqa: PD011
    weekdays = pd.DatetimeIndex(drawn.first_days + 41).day_of_week
    assert set(weekdays) == set(range(7))


def test_summary_by_hand():
    """A hand-made table: 3 of 4 days covered, 1 of 4 rejected, twice the oracle's width; the day outside lies 2 off,
    so that the scores are 4, 4, 4 and 4 + 40 * 2, over a width of 2."""
    details = pd.DataFrame(
        {
            "process": "p",
            "estimator": "e",
            "baseline": "b",
            "draw": range(4),
            "days": 10,
            "truth": [9.0, 11, 9, 11],
            "expected": [9.0, 12, 10, 15],
            "oracle_mean": 10.0,
            "failed": False,
            "ms": [1.0, 2, 3, 4],
        }
    )
    for level in ("50%", "80%", "90%", "95%"):
        details[f"low_{level}"], details[f"high_{level}"] = details["expected"] - 2, details["expected"] + 2
        details[f"oracle_width_{level}"] = 2.0
    for effect in ("0%", "5%", "10%", "20%", "30%"):
        details[f"p_{effect}"] = [0.5, 0.5, 0.5, 0.01]
    row = calibration.summarise(details)
    assert row["coverage_95"] == 0.75
    assert row["score_95"] == pytest.approx((2 + 2 + 2 + 42) / 4)
    assert row["false_positives"] == 0.25
    assert row["width_95"] == 2
    assert row["bias"] == pytest.approx(0.15)
    assert row["error_ratio"] == pytest.approx(np.sqrt((0 + 1 + 1 + 16) / 4))
    assert row["ms"] == 2.5


def test_a_small_run_is_the_start_of_a_large_one():
    """Blocks carry their own seed: ten draws alone are the first ten of sixty."""
    few = calibration.block("ar06_log", "same_weekday", "pre-week", 0, 10, None, 1)
    _, many = calibration.study(["ar06_log"], ["same_weekday"], 60, seed=1, baselines=("pre-week",))
    assert len(many) == 60
    columns = ["truth", "expected", "low_95%", "high_95%"]
    pd.testing.assert_frame_equal(few[columns], many[columns].iloc[:10])


def test_cached_draws_come_back():
    """The first draws of the cached study, estimated anew: the numbers in notebook 08 are this code's."""
    cached = pd.read_csv(TABLE.with_name("calibration-first-draws.csv"))
    keep = cached["process"].isin(SAMPLE) & (cached["draw"] < 2)
    for (process, estimator, baseline), rows in cached[keep].groupby(calibration.KEYS):
        fresh = calibration.block(process, estimator, baseline, 0, 2, None, calibration.SEED)
        for column in ("truth", "expected", "low_95%", "high_95%"):
            np.testing.assert_allclose(
                rows[column], fresh[column], rtol=1e-4, err_msg=f"{estimator} on {process}"
            )


def test_cached_study_is_whole():
    """Every process is there for the recommended estimator and the oracle, with hundreds of draws and no failure."""
    table = pd.read_csv(TABLE)
    assert set(table["estimator"]) <= {"oracle", *calibration.ESTIMATORS}
    for estimator in ("oracle", calibration.RECOMMENDED):
        rows = table[table["estimator"] == estimator]
        assert set(rows["process"]) == set(calibration.PROCESSES if "set" in table else processes.PROCESSES)
        assert (rows["draws"] >= 500).all()
        assert (rows["failed"] == 0).all()


def test_cached_oracle_is_nominal():
    """The study's check of itself: the oracle's coverage is 95 % up to chance."""
    table = pd.read_csv(TABLE)
    rows = table[table["estimator"] == "oracle"]
    z = (rows["coverage_95"] - 0.95) / np.sqrt(0.95 * 0.05 / rows["draws"])
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-3  # all rows at once: one in seventy may stray far
    assert abs(z).max() < 5
    assert rows["coverage_95"].mean() == pytest.approx(0.95, abs=0.003)


def test_the_recommended_estimator_covers():
    """What report 08 says: about 95 % where no campaign moves the level, and campaigns that break that are named."""
    ours = pd.read_csv(TABLE)
    ours = ours[ours["estimator"] == calibration.RECOMMENDED]
    assert (ours["false_positives"] + ours["coverage_95"] - 1).abs().max() < 0.002  # p and interval are one
    unseen = ours[ours["set"] == proof.CERTIFY]
    quiet = unseen[~unseen["process"].str.startswith("campaign")]
    assert (quiet["coverage_95"] > 0.92).all()
    assert 0.94 < unseen["coverage_95"].median() < 0.96
    assert quiet["coverage_80"].median() == pytest.approx(0.8, abs=0.02)
    assert quiet["coverage_50"].median() == pytest.approx(0.5, abs=0.02)
    missed = unseen[unseen["coverage_95"] < proof.LEAST]
    for process, coverage in zip(missed["process"], missed["coverage_95"], strict=True):
        assert f"{words.process(process)} ({words.percent(coverage, 0.001)}" in str(proof.short())
    assert f"in {len(missed)} of the cases" in str(proof.short())


def test_alarms_are_shares_within_their_intervals():
    days = proof.ordinary_days()
    for level in (5, 1):
        share = f"false_positives_{level}"
        assert days[share].between(days[f"{share}_low"], days[f"{share}_high"]).all()
    months = proof.by_month()
    for name, row in days.set_index("public_series")["false_positives_5"].items():
        assert months[name].min() <= row <= months[name].max()  # the whole is a mean of its months


def test_report_08_certifies_on_the_unseen_set_alone(monkeypatch, tmp_path):
    """Three rows by hand: the development row, however bad, moves nothing but what is said of it."""
    columns = "set process estimator baseline days draws failed coverage_50 coverage_80 coverage_95 width_95".split()
    rows = [
        ("unseen", "maternity", calibration.RECOMMENDED, "pre-week", 700, 2000, 0, 0.5, 0.8, 0.95, 1.1),
        ("unseen", "news", calibration.RECOMMENDED, "pre-week", 400, 2000, 0, 0.5, 0.8, 0.91, 1.3),
        ("development", "campaign", calibration.RECOMMENDED, "pre-week", 120, 2000, 0, 0.5, 0.8, 0.2, 9.0),
    ]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "calibration.csv", index=False)
    monkeypatch.setattr(proof, "DERIVED", tmp_path)
    facts = proof.summary()
    assert (facts["processes"], facts["inside"], facts["lowest"]) == (2, 1, "news")
    assert "in a median of 93.0%" in str(proof.held(facts))
    assert "The interval is 1.20 times as wide" in str(proof.wide(facts))
    assert "held in a median of 20.0%, at 9.00 times" in str(proof.wide(facts))
    assert str(proof.short()).endswith(
        "in 1 of the cases: Rushes and outages that fade (91.0%, over the week before)."
    )
    assert set(proof.coverage()["process"]) == {"maternity", "news"}


@pytest.mark.parametrize(("alarms_1", "promised"), [(10, True), (30, False)])
def test_alarms_of_all_series_are_counted_together(monkeypatch, tmp_path, alarms_1, promised):
    """1,000 days of two series, 50 alarms at 5 %; scipy.stats.binomtest(50, 1000) has 0.0373 to 0.0654."""
    rows = [("a", calibration.RECOMMENDED, 600, 20, alarms_1), ("b", calibration.RECOMMENDED, 400, 30, 0)]
    rows.append(("a", "same_weekday", 600, 600, 600))
    table = pd.DataFrame(rows, columns=["series", "estimator", "days", "alarms_5", "alarms_1"])
    table.to_csv(tmp_path / "real-days.csv", index=False)
    monkeypatch.setattr(proof, "DERIVED", tmp_path)
    text = str(proof.alarms())
    assert (
        "On 1,000 ordinary days of 2 real series it raised an alarm at 5% on 5.0% of them (95% interval: 3.7% to 6.5%)"
        in text
    )
    assert ("times as often there as it promises" in text) is not promised


def test_published_effects_are_counted_inside_and_outside(monkeypatch, tmp_path):
    table = pd.DataFrame(
        [(10.0, 5, 20, 0.01), (30.0, 5, 20, 0.01), (None, 5, 20, 0.01), (None, -5, 20, 0.3)],
        columns=["published", "low", "high", "p_value"],
    )
    table.to_csv(tmp_path / "published.csv", index=False)
    monkeypatch.setattr(proof, "DERIVED", tmp_path)
    assert str(proof.agreement()).startswith("Of 2 published effects 1 lie")
    assert str(proof.agreement()).endswith("Of 2 other days 1 show an effect at 5%.")


def test_the_table_of_packages_is_of_the_development_set():
    """As report 08 says beside it: whoever runs the peers on other series has to change those words."""
    peers = pd.read_csv(proof.DERIVED / "peers.csv")
    assert set(peers["process"]) <= set(calibration.SETS["development"])


def test_the_two_sets_share_nothing():
    development, unseen = (set(calibration.SETS[name]) for name in ("development", "unseen"))
    assert len(development) == 32
    assert len(unseen) >= 16
    assert not development & unseen


@pytest.mark.slow
def test_a_cluster_gives_the_same_numbers():
    """Two worker processes of a real Dask cluster, one of them killed on the way, and the command that uses them."""
    distributed = pytest.importorskip("distributed")
    names, methods = ["ar06_log", "counts_small"], ["same_weekday"]
    table, _ = calibration.study(names, methods, 1_000)
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        killer = threading.Thread(target=_kill_a_busy_worker, args=(cluster.scheduler_address,))
        killer.start()
        found, details = calibration.on_cluster(cluster.scheduler_address, names, methods, 1_000)
        assert not killer.is_alive(), "the study was over before the worker was killed"
    columns = [column for column in table if column != "ms"]
    pd.testing.assert_frame_equal(found[columns], table[columns])
    assert len(details) == 2_000


def _kill_a_busy_worker(address: str) -> None:
    """As soon as any worker has work; the study's own connection is not touched."""
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        pids = client.run(os.getpid)
        while not (busy := [worker for worker, keys in client.processing().items() if keys]):
            time.sleep(0.02)
    os.kill(pids[busy[0]], signal.SIGKILL)
