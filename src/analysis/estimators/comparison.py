"""Against units that the initiative did not touch: another emirate, services outside it.

Entities that took part were treated on the same day; none can stand in for another, and they are refused here.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import special
from scipy.linalg import toeplitz

from analysis.estimators.counterfactual import PROBABILITIES, Effect, Predictive
from analysis.windows import Windows


def difference_in_differences(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the mean of untouched units, the usual distance to them taken away.

    Formula: expected = mean(donors) + mean over the past of (y - mean(donors)). Assumes that, left alone, the
    distance would have stayed what it was but for noise (parallel trends). Interval: the prediction error of new
    distances with AR(1) memory, t with n - 1 degrees of freedom.

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
    outcome = daily[used].to_numpy()
    gap = outcome - past.mean(1)
    return _from_gap(
        "difference_in_differences",
        daily,
        windows,
        baseline,
        used,
        gap - gap.mean(),
        future.mean(1) + gap.mean(),
        1,
    )


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
    many donors on few days fit by chance. Interval: the prediction error of new distances with AR(1) memory,
    t with n less the number of weighted donors degrees of freedom.

    Parameters are those of `difference_in_differences`.
    """
    past, future, used = _donors(daily, windows, donors, baseline, participants)
    outcome = daily[used].to_numpy()
    weights = simplex_weights(past, outcome)
    gap = outcome - past @ weights
    spent = max(int((weights > 1e-6).sum()) - 1, 1)
    return _from_gap("synthetic_control", daily, windows, baseline, used, gap, future @ weights, spent)


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


def _from_gap(
    name: str,
    daily: pd.Series,
    windows: Windows,
    baseline: str,
    used: pd.DatetimeIndex,
    gap: np.ndarray,
    expected: np.ndarray,
    spent: int,
) -> Effect:
    """The effect, from past distances to the comparison; AR(1) memory by its bias-corrected autocorrelation."""
    n, days = len(gap), len(expected)
    centred = gap - gap.mean()
    memory = float(centred[1:] @ centred[:-1] / max(centred @ centred, 1e-300))
    memory = float(np.clip(memory + (1 + 3 * memory) / n, 0, 0.95))  # Kendall 1954
    freedom = max(n - spent, 1)
    correlation = memory ** toeplitz(np.arange(n + days))
    contrast = np.concatenate([np.full(n, -days / n), np.ones(days)])
    # The squares of a series with memory add up to less than its variance: by trace(M C) / n.
    inside = correlation[:n, :n]
    lost = np.trace(inside) - inside.sum() / n
    variance = (centred @ centred) / max(lost, 1e-300) * (n - 1) / freedom
    scale = float(np.sqrt(variance * (contrast @ correlation @ contrast)))
    total = Predictive(
        float(expected.sum()), expected.sum() + scale * special.stdtrit(freedom, PROBABILITIES)
    )
    return Effect.of(name, daily, windows, baseline, used, total)
