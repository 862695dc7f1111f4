"""Against units that the initiative did not touch: another emirate, services outside it.

    comparator c[t] = sum of w[j] donor[j, t];    the ratio y / c (the difference y - c where a value is not positive)

is an ordinary series to the one regression of `analysis.model`: what all units share has cancelled, the usual distance
is the level, and the expectation of the event's days is the forecast of the ratio times the comparator on them.
Entities that took part were treated on the same day; none can stand in for another, and they are refused here.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.model.distribution import Distribution
from analysis.model.effect import Effect
from analysis.model.ordinary import before_the_event
from analysis.windows import Windows

MIN_COMMON = 8  # days with the unit and all donors, over and above one for each weight


def difference_in_differences(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the mean of untouched units, the usual distance to them taken away.

    Assumes that, left alone, the ratio to the donors' mean (the difference, where a value is not positive) would have
    stayed what an ordinary series stays: its weekday pattern, its growth and its memory are modelled, a break is not
    (parallel trends).

    Parameters
    ----------
    daily : Series
        The unit of the event, or the sum of all that took part.
    donors : DataFrame
        A column for each untouched unit, indexed by day. A day before the event on which one is missing is left out.
    participants : collection of str
        Names of units that took part; one among the donors is an error.
    """
    values, _ = _donors(daily, windows, donors, baseline, participants)
    return _against(
        "difference_in_differences", daily, windows, baseline, values, np.full(len(values), 1 / len(values))
    )


def synthetic_control(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the weighted mean of untouched units that followed the series most closely before.

    Weights are at least zero, add up to one, and leave the least squared distance before (Abadie & Gardeazabal 2003, on
    outcomes alone) once every unit is brought to the mean of the series, so that a unit beyond all donors has
    weights too (Doudchenko & Imbens 2016). The error of the weights: donors that carry weight have a column each, less
    one, by which the regression corrects the weights, and their standard errors are in the interval; the choice of
    those donors is taken as known, so that many donors on few days fit by chance.

    Parameters are those of `difference_in_differences`.
    """
    values, learn = _donors(daily, windows, donors, baseline, participants)
    y, past = daily.to_numpy(float)[learn], values[:, learn]
    positive = y.min() > 0 and np.nanmin(values) > 0
    level = past.mean(axis=1, keepdims=True)
    values = values * (y.mean() / level) if positive else values + (y.mean() - level)
    weights = simplex_weights(values[:, learn].T, y)
    carry = int((weights > 0).sum())
    if len(y) - carry < MIN_COMMON:
        raise ValueError(
            f"{carry} donors carry weight on {len(y)} days and fit them by chance: give more days or fewer donors"
        )
    return _against("synthetic_control", daily, windows, baseline, values, weights, free=True)


def simplex_weights(donors: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Weights (donors,) of at least zero, adding up to one, of least squared distance; `donors` is (n, donors)."""
    from scipy.optimize import nnls  # a fifth of a second, and not needed without donors

    heavy = 1e4 * max(float(np.abs(donors).max()), 1e-300)  # holds the weights to their sum
    rows = np.vstack([donors, np.full(donors.shape[1], heavy)])
    weights, _ = nnls(rows, np.append(outcome, heavy), maxiter=50 * donors.shape[1])
    weights[weights < 1e-6] = 0
    return weights / weights.sum()


def _donors(
    daily: pd.Series, windows: Windows, donors: pd.DataFrame, baseline: str, participants: Collection[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Values of the donors (donors, n) on the days of `daily`, and the days learned from, a mask (n,)."""
    treated = [name for name in donors.columns if name in set(participants) or name == daily.name]
    if treated:
        raise ValueError(f"{treated[0]!r} took part and cannot be a donor: take it out of the donors")
    if not len(donors.columns):
        raise ValueError("there are no donors: give at least one unit that the initiative did not touch")
    event = donors.reindex(windows.event_days)
    if event.isna().any(axis=None):
        row, column = np.argwhere(event.isna().to_numpy())[0]
        day, name = event.index[row], event.columns[column]
        raise ValueError(f"donor {name!r} has no value on {day:%Y-%m-%d}: fill it in or leave the donor out")
    values = donors.reindex(daily.index).to_numpy(float).T
    learn = (
        windows.ordinary(daily.index, baseline) & daily.notna().to_numpy() & np.isfinite(values).all(axis=0)
    )
    if learn.sum() < MIN_COMMON:
        raise ValueError(
            f"{learn.sum()} days with all donors before the event, at least {MIN_COMMON} are needed"
        )
    return values, learn


def _against(
    name: str,
    daily: pd.Series,
    windows: Windows,
    baseline: str,
    donors: np.ndarray,
    weights: np.ndarray,
    free: bool = False,
) -> Effect:
    """The effect against a comparator: `donors` (donors, n) times `weights`, which are estimated where `free`."""
    comparator = weights @ donors
    event = daily.index.isin(windows.event_days)
    known = np.isfinite(comparator) & daily.notna().to_numpy()
    positive = comparator[known].min() > 0 and daily[known & ~event].min() > 0
    distance = daily / comparator if positive else daily - comparator
    covariates = None
    if free:
        first, *others = np.flatnonzero(weights)
        apart = (donors[others] - donors[first]) / (comparator if positive else 1.0)
        covariates = pd.DataFrame(
            {f"weight of donor {j + 1}": row for j, row in zip(others, apart, strict=True)}, daily.index
        )
    fit, warnings = before_the_event(distance, windows, baseline, covariates)
    centre, covariance = fit.forecast()
    there = comparator[event]

    def inverse(z: np.ndarray) -> np.ndarray:
        return there * fit.inverse(z) if positive else there + fit.inverse(z)

    total = Distribution.total(centre, covariance, fit.shape, inverse)
    return Effect.of(name, daily, windows, baseline, fit.learned, total, warnings)
