"""Every placebo date of every unit: the closed form beside a loop of statsmodels fits and its floor.

    python benchmarks/placebo_speed.py

1,000 units x 200 days x 200 placebo dates. The loop is timed on a sample of its fits and scaled to all of
them; the floor is the one matrix product Q (Q'Y) that any method needs.
"""

from __future__ import annotations

import json
from statistics import median

import laps
import numpy as np
import statsmodels.api as sm
from analysis.estimators.residuals import _basis, pulse_effects

UNITS, DAYS, SAMPLE = 1_000, 200, 400
SAME = 1e-8  # largest difference of a t value from statsmodels'


def measure(seed: int = 0) -> dict:
    """Seconds of each, and the largest difference between the two answers.

    Raises
    ------
    ArithmeticError
        If that exceeds `SAME`: a wrong answer has no speed.
    """
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.eye(7)[np.arange(DAYS) % 7], np.linspace(-1, 1, DAYS)])
    Y = rng.standard_normal((DAYS, UNITS))
    Q, t = _basis(X, Y), pulse_effects(X, Y).t
    taken = laps.by_turns(
        {"closed": laps.timed(lambda: pulse_effects(X, Y)), "floor": laps.timed(lambda: Q @ (Q.T @ Y))}, 51
    )
    days, units, fits = rng.integers(DAYS, size=SAMPLE), rng.integers(UNITS, size=SAMPLE), []
    loop = laps.seconds(lambda: fits.extend(_fit(X, Y, i, j) for i, j in zip(days, units, strict=True)))
    difference = float(np.abs(t[days, units] - fits).max())
    if not difference <= SAME:
        raise ArithmeticError(f"the closed form differs from statsmodels by {difference:.1e}")
    seconds = {name: median(times) for name, times in taken.items()}
    return seconds | {"loop": loop / SAMPLE * DAYS * UNITS, "largest_difference": difference}


def _fit(X: np.ndarray, Y: np.ndarray, day: int, unit: int) -> float:
    """The t value of a dummy for one day of one unit."""
    return sm.OLS(Y[:, unit], np.column_stack([X, np.eye(DAYS)[day]])).fit().tvalues[-1]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
