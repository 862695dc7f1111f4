"""Every placebo date of every unit: the closed form beside a loop of statsmodels fits and its floor.

    python benchmarks/placebo_speed.py

1,000 units x 200 days x 200 placebo dates. The loop is timed on a sample of its fits and scaled to all of
them; the floor is the one matrix product Q (Q'Y) that any method needs.
"""

from __future__ import annotations

import json
import time
from statistics import median

import numpy as np
import statsmodels.api as sm

from analysis.estimators.residuals import _basis, pulse_effects

UNITS, DAYS, SAMPLE = 1_000, 200, 400


def measure(seed: int = 0) -> dict:
    """Medians in seconds, their ratios, and the largest difference between the two answers."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.eye(7)[np.arange(DAYS) % 7], np.linspace(-1, 1, DAYS)])
    Y = rng.standard_normal((DAYS, UNITS))
    Q = _basis(X, Y)
    closed = _time(lambda: pulse_effects(X, Y).t, 51)
    floor = _time(lambda: Q @ (Q.T @ Y), 51)
    t = pulse_effects(X, Y).t
    days, units = rng.integers(DAYS, size=SAMPLE), rng.integers(UNITS, size=SAMPLE)
    start = time.perf_counter()
    fits = [
        sm.OLS(Y[:, j], np.column_stack([X, np.eye(DAYS)[i]])).fit().tvalues[-1]
        for i, j in zip(days, units, strict=True)
    ]
    loop = (time.perf_counter() - start) / SAMPLE * DAYS * UNITS
    return {
        "closed_form_seconds": closed,
        "floor_seconds": floor,
        "loop_seconds": loop,
        "times_the_loop": loop / closed,
        "times_the_floor": closed / floor,
        "largest_difference": float(np.abs(t[days, units] - fits).max()),
    }


def _time(work, times: int) -> float:
    work()
    laps = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        laps.append(time.perf_counter() - start)
    return median(laps)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
