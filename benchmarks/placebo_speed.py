"""Every placebo date of many series: one pass beside a loop of statsmodels fits, and its floor.

    python benchmarks/placebo_speed.py

1,000 series x 200 days; each day after the first 40 is forecast from those before it. Errors without memory, so that a
fit by ordinary least squares gives the same answer. The loop is timed on a sample of its fits and scaled to all of
them; the floor is the one matrix product that any method needs.
"""

from __future__ import annotations

import json
from statistics import median

import laps
import numpy as np
import statsmodels.api as sm

from analysis.model.covariance import grid
from analysis.model.recursive import forecast_errors

UNITS, DAYS, FIRST, SAMPLE = 1_000, 200, 40, 400
SAME = 1e-8  # largest difference of a forecast error from statsmodels'


def measure(seed: int = 0) -> dict:
    """Seconds of each, and the largest difference between the two answers.

    Raises
    ------
    ArithmeticError
        If that exceeds `SAME`: a wrong answer has no speed.
    """
    rng = np.random.default_rng(seed)
    numbers, starts = np.arange(DAYS), np.arange(FIRST, DAYS)
    X = np.vstack([np.eye(7)[:, numbers % 7], np.linspace(-1, 1, DAYS)])
    Z, white, plain = rng.standard_normal((UNITS, DAYS)), grid("white"), np.zeros(len(X))

    def ours() -> np.ndarray:
        return forecast_errors(X, Z, numbers, white, plain, starts).effects

    weights, found = rng.standard_normal((len(starts), DAYS)), ours()
    taken = laps.by_turns({"closed": laps.timed(ours), "floor": laps.timed(lambda: weights @ Z.T)}, 51)
    dates, units, fits = rng.integers(len(starts), size=SAMPLE), rng.integers(UNITS, size=SAMPLE), []
    pairs = list(zip(starts[dates], units, strict=True))
    loop = laps.seconds(lambda: fits.extend(_fit(X.T, Z[unit], day) for day, unit in pairs))
    difference = float(np.abs(found[dates, units] - fits).max())
    if not difference <= SAME:
        raise ArithmeticError(f"one pass differs from statsmodels by {difference:.1e}")
    seconds = {name: median(times) for name, times in taken.items()}
    return seconds | {"loop": loop / SAMPLE * len(starts) * UNITS, "largest_difference": difference}


def _fit(X: np.ndarray, y: np.ndarray, day: int) -> float:
    """A day less its forecast from the days before it."""
    fit = sm.OLS(y[:day], X[:day]).fit()
    return float(y[day] - fit.predict(X[[day]])[0])


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
