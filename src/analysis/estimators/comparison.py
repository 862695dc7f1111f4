"""Against units that the initiative did not touch: another emirate, services outside it.

Entities that took part were treated on the same day; none can stand in for another, and they are refused here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.estimators.counterfactual import Effect, Predictive
from analysis.windows import Windows

OFF_LEVEL = (
    "No mixture of the donors comes up or down to the series: most of the distance to the nearest one is always "
    "there, and the interval counts it as noise. difference_in_differences takes such a distance away."
)


def difference_in_differences(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the mean of untouched units, the usual distance to them taken away.

    Formula: expected = mean(donors) + mean over the past of (y - mean(donors)). Assumes that, left alone, the
    distance would have stayed what it was but for noise (parallel trends); a weekday pattern of its own counts as
    noise. Interval: the prediction error of new distances with AR(1) memory over the days of the calendar, whether
    used or missing; t with n - 1 degrees of freedom.

    Covers 94-96 % at nominal 95 where units share an AR(1) factor to unequal degrees, days missing or not; 88 %
    where the factor is a random walk, for then the trends are not parallel (`tests/test_comparison.py`, 400 draws).

    Parameters
    ----------
    daily : Series
        The unit of the event, or the sum of all that took part.
    donors : DataFrame
        A column for each untouched unit, indexed by day.
    participants : collection of str
        Names of units that took part; one among the donors is an error.
    """
    past, future, used = _donors(daily, windows, donors, baseline, participants)
    distance = daily[used].to_numpy() - past.mean(1)
    usual = distance.mean()
    fit = _Fit(distance - usual, np.ones((len(past), 1)), np.ones((len(future), 1)), future.mean(1) + usual)
    return _effect("difference_in_differences", daily, windows, baseline, used, fit)


def synthetic_control(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the weighted mean of untouched units that followed the series most closely before.

    Formula: expected = donors w, with w >= 0 adding up to one and least squared distance over the past (Abadie &
    Gardeazabal 2003, on outcomes alone). Assumes that the weights hold and that the fit before is no chance fit:
    many donors on few days fit by chance. Interval: the prediction error of new distances with AR(1) memory over
    the days of the calendar, the error of the weights included, the choice of the donors not; t with n less the
    freely weighted donors degrees of freedom. A series beyond all donors gets a warning and a wide interval.

    Covers 94-97 % at nominal 95 where units share an AR(1) factor to unequal degrees, days missing or not; 91 %
    where the factor is a random walk (`tests/test_comparison.py`, 400 draws).

    Parameters are those of `difference_in_differences`.
    """
    past, future, used = _donors(daily, windows, donors, baseline, participants)
    outcome = daily[used].to_numpy()
    weights = simplex_weights(past, outcome)
    first, *others = np.flatnonzero(weights > 1e-6)
    if len(used) - len(others) < 4:
        raise ValueError(
            f"{len(others) + 1} donors carry weight on {len(used)} days and fit them by chance: "
            "give more days or fewer donors"
        )
    # Weights that add up to one are least squares on the donors' differences from one among them.
    columns, ahead = past[:, others] - past[:, [first]], future[:, others] - future[:, [first]]
    distance = outcome - past @ weights
    fit = _Fit(distance, columns, ahead, future @ weights)
    warnings = (OFF_LEVEL,) if distance.mean() ** 2 > np.mean(distance**2) / 2 else ()
    return _effect("synthetic_control", daily, windows, baseline, used, fit, warnings)


def simplex_weights(donors: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Weights (donors,) of at least zero, adding up to one, of least squared distance; `donors` is (n, donors)."""
    from scipy.optimize import nnls  # a fifth of a second, and not needed without donors

    heavy = 1e4 * max(float(np.abs(donors).max()), 1e-300)  # holds the weights to their sum
    rows = np.vstack([donors, np.full(donors.shape[1], heavy)])
    weights, _ = nnls(rows, np.append(outcome, heavy), maxiter=50 * donors.shape[1])
    return weights / weights.sum()


def _donors(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str,
    participants: Collection[str],
) -> tuple[np.ndarray, np.ndarray, pd.DatetimeIndex]:
    """Values of the donors in the past and on the event's days, and the days on which all are known."""
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
    past = windows.past(daily, baseline).dropna()
    used = past.index.intersection(donors.dropna().index)
    if len(used) < 8:
        raise ValueError(f"{len(used)} days with all donors before the event, at least 8 are needed")
    return donors.loc[used].to_numpy(float), event.to_numpy(float), used


@dataclass(frozen=True, slots=True)
class _Fit:
    """Least squares of the series against its donors.

    Parameters
    ----------
    distances : ndarray, shape (n,)
        What is left of the days used.
    columns, ahead : ndarray, shape (n, k) and (days, k)
        What was fitted, on the days used and on those of the event.
    expected : ndarray, shape (days,)
    """

    distances: np.ndarray
    columns: np.ndarray
    ahead: np.ndarray
    expected: np.ndarray


def _effect(
    name: str,
    daily: pd.Series,
    windows: Windows,
    baseline: str,
    used: pd.DatetimeIndex,
    fit: _Fit,
    warnings: tuple[str, ...] = (),
) -> Effect:
    """The effect, its law that of the fit's error on new days: their own distances less the fit's error there."""
    n, k = fit.columns.shape
    times = np.concatenate([used, windows.event_days])
    days = (times - times[0]) / np.timedelta64(1, "D")
    memory = _memory(fit.distances, fit.columns, days[:n])
    correlation = memory ** abs(np.subtract.outer(days, days))
    solve = np.linalg.pinv(fit.columns)
    contrast = np.concatenate([-fit.ahead.sum(0) @ solve, np.ones(len(fit.ahead))])
    # The squares that are left add up to less than n variances: by trace(P C), P the projection on the columns.
    lost = np.einsum("ij,jk,ki->", solve, correlation[:n, :n], fit.columns, optimize=True)
    variance = float(fit.distances @ fit.distances) / (n - lost)
    scale = float(np.sqrt(variance * (contrast @ correlation @ contrast)))
    total = Predictive.student(n - k, float(fit.expected.sum()), scale)
    return Effect.of(name, daily, windows, baseline, used, total, warnings)


def _memory(distances: np.ndarray, columns: np.ndarray, days: np.ndarray) -> float:
    """Correlation of one day with the next, by restricted maximum likelihood (Patterson & Thompson 1971).

    Two days used that lie d days apart are correlated by its d-th power, so days may be missing between them.
    """
    from scipy import optimize  # as for the weights

    apart = np.diff(days)

    def loss(memory: float) -> float:
        kept = memory**apart
        spread = np.sqrt(1 - kept**2)

        def innovations(series: np.ndarray) -> np.ndarray:
            return np.concatenate([series[:1], ((series[1:].T - kept * series[:-1].T) / spread).T])

        basis, triangle = np.linalg.qr(innovations(columns))
        new = innovations(distances)
        new = new - basis @ (basis.T @ new)
        log_squares = np.log(max(float(new @ new), 1e-300))
        size = np.log(spread).sum() + np.log(np.maximum(abs(np.diag(triangle)), 1e-300)).sum()
        return 2 * size + (len(distances) - columns.shape[1]) * log_squares

    found = optimize.minimize_scalar(loss, bounds=(0, 0.99), method="bounded")
    return float(found.x) if found.fun < loss(0.0) else 0.0
