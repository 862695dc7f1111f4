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

    Assumes parallel trends: left alone, the ratio to the donors' mean (the difference, where a value is not positive)
    would have stayed what an ordinary series stays. Its weekdays, growth and memory are modelled, a break is not.

    Parameters
    ----------
    daily : Series
        The unit of the event, or the sum of all that took part.
    donors : DataFrame
        A column for each untouched unit, indexed by day. A day before the event on which one is missing is left out.
    participants : collection of str
        Names of units that took part; one among the donors is an error.
    """
    donors = _donors(daily, windows, donors, participants)
    return _against("difference_in_differences", daily, windows, baseline, donors)


def synthetic_control(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the weighted mean of untouched units that followed the series most closely before.

    Weights are at least zero, add up to one, and leave the least squared distance before (Abadie & Gardeazabal 2003, on
    outcomes alone), every unit brought to the mean of the series first, so that one beyond all donors has weights too
    (Doudchenko & Imbens 2016). Their error: the donors that carry weight, less one, have a column each by which the
    regression corrects the weights, so that the interval holds its standard errors. Which donors carry weight is taken
    as known: many donors on few days fit by chance.

    Parameters are those of `difference_in_differences`.
    """
    donors = _donors(daily, windows, donors, participants)
    return _against("synthetic_control", daily, windows, baseline, donors, weigh=True)


def simplex_weights(donors: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Weights (donors,) of at least zero, adding up to one, of least squared distance; `donors` is (n, donors)."""
    from scipy.optimize import nnls  # a fifth of a second, and not needed without donors

    heavy = 1e4 * max(float(np.abs(donors).max()), 1e-300)  # holds the weights to their sum
    rows = np.vstack([donors, np.full(donors.shape[1], heavy)])
    weights, _ = nnls(rows, np.append(outcome, heavy), maxiter=50 * donors.shape[1])
    weights[weights < 1e-6] = 0
    return weights / weights.sum()


def _donors(
    daily: pd.Series, windows: Windows, donors: pd.DataFrame, participants: Collection[str]
) -> pd.DataFrame:
    """The donors on the days of `daily`, those refused that cannot stand in for it."""
    for name in donors.columns:
        if name in participants or name == daily.name:
            raise ValueError(f"{name!r} took part and cannot be a donor: take it out of the donors")
    if not len(donors.columns):
        raise ValueError("there are no donors: give at least one unit that the initiative did not touch")
    days, columns = np.nonzero(donors.reindex(windows.event_days).isna())
    if len(days):
        day, name = windows.event_days[days[0]], donors.columns[columns[0]]
        raise ValueError(f"donor {name!r} has no value on {day:%Y-%m-%d}: fill it in or leave the donor out")
    return donors.reindex(daily.index)


def _against(
    name: str, daily: pd.Series, windows: Windows, baseline: str, donors: pd.DataFrame, weigh: bool = False
) -> Effect:
    """The effect against the donors' mean, or with `weigh` against the weighted mean nearest to the series."""
    values, y = donors.to_numpy(float).T, daily.to_numpy(float)
    learn = windows.ordinary(daily.index, baseline) & ~np.isnan(y + values.sum(axis=0))
    n = learn.sum()
    if n < MIN_COMMON:
        raise ValueError(f"{n} days with all donors before the event, at least {MIN_COMMON} are needed")
    event, columns = daily.index.isin(windows.event_days), None
    ratio = values[:, learn | event].min() > 0 and y[learn].min() > 0
    weights = np.full(len(values), 1 / len(values))
    if weigh:
        level = values[:, learn].mean(axis=1, keepdims=True)
        values = values * (y[learn].mean() / level) if ratio else values + (y[learn].mean() - level)
        weights = simplex_weights(values[:, learn].T, y[learn])
        first, *others = np.flatnonzero(weights)
        if n - len(others) <= MIN_COMMON:
            raise ValueError(
                f"{len(others) + 1} donors carry weight on {n} days and fit them by chance: "
                "give more days or fewer donors"
            )
        apart = (values[others] - values[first]) / (weights @ values if ratio else 1.0)
        columns = pd.DataFrame(apart.T, daily.index, [f"weight of {donors.columns[j]}" for j in others])
    comparator = weights @ values
    distance = daily / comparator if ratio else daily - comparator
    fit, warnings = before_the_event(distance.rename("distance"), windows, baseline, columns)
    there = comparator[event]
    back = (lambda z: there * fit.inverse(z)) if ratio else (lambda z: there + fit.inverse(z))
    total = Distribution.total(*fit.forecast(), fit.shape, back)
    return Effect.of(name, daily, windows, baseline, fit.learned, total, warnings)
