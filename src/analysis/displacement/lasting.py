"""Did it last? The digital share on the days beyond the event's window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, special

from analysis.displacement.interpolation import (
    COUNTER,
    DIGITAL,
    correlation,
    half_width,
    lay_out,
    memory_and_noise,
    span,
)
from analysis.estimators.counterfactual import Interval
from analysis.windows import Windows

HALF_LIVES = np.geomspace(1, 730, 100)


@dataclass(frozen=True, slots=True)
class Persistence:
    """The digital share after the event: a rise that halves every `half_life` days.

    Parameters
    ----------
    first : float
        Rise on the day after, in fractions of all payments; extrapolated from the days beyond the window.
    first_interval : Interval
    half_life : float
        In days; NaN where no rise is seen.
    half_life_interval : Interval
        By profile likelihood; infinite where the rise is not seen to fade within the data.
    days : DataFrame
        `date`, `lag`, `share`, `expected`, `fitted`, of each working day after the window.
    level : float
    """

    first: float
    first_interval: Interval
    half_life: float
    half_life_interval: Interval
    days: pd.DataFrame
    level: float


def persistence(
    digital: pd.Series, counter: pd.Series, windows: Windows, after: int = 14, level: float = 0.95
) -> Persistence:
    """How long the digital share stays up, from the working days beyond the window.

    The log odds of a digital payment are regressed on the calendar, a slow trend, the campaign, and a rise
    that halves every h days from the event on; h is profiled over, its interval holds every h that an F
    test keeps.
    """
    data = lay_out(digital, counter, windows, 7, after, "pre-week")
    odds = data.log[DIGITAL] - data.log[COUNTER]
    used = data.open & ~data.window & np.isfinite(odds) & data.usable
    at = np.arange(len(odds))
    lag = at - at[data.event][-1]
    if (used & (lag > 0)).sum() < 5:
        raise ValueError(
            "fewer than 5 working days beyond the window: give a longer after-period to see what lasts"
        )
    R = correlation(len(odds), *memory_and_noise(data.X, odds, used))[np.ix_(used, used)]
    L = linalg.cholesky(R, lower=True)
    rises = np.where(lag > 0, 0.5 ** ((lag - 1) / HALF_LIVES[:, None]), 0.0)
    yw, Xw, Zw = (linalg.solve_triangular(L, v[used], lower=True) for v in (odds, data.X, rises.T))
    Q = span(Xw)
    yw, Zw = yw - Q @ (Q.T @ yw), Zw - Q @ (Q.T @ Zw)
    size = (Zw**2).sum(axis=0)
    rise = Zw.T @ yw / size
    squares = yw @ yw - rise**2 * size
    best = int(squares.argmin())
    freedom = len(yw) - Q.shape[1] - 2
    variance = squares[best] / freedom
    kept = squares - squares[best] <= variance * half_width(level, freedom) ** 2
    seen = rise[best] > 0 and (yw @ yw - squares[best]) / variance > half_width(level, freedom) ** 2
    lives = HALF_LIVES[kept]
    life = Interval(float(lives[0]), float(lives[-1]) if lives[-1] < HALF_LIVES[-1] else np.inf)
    # The rise on the first day by profile likelihood too: what each half-life leaves of the same F test.
    room = variance * half_width(level, freedom) ** 2 - (squares[kept] - squares[best])
    half = np.sqrt(room / size[kept])
    ends = np.array([(rise[kept] - half).min(), rise[best], (rise[kept] + half).max()])
    usual = _usual_odds(data.X, odds, used, rise[best] * rises[best], R)
    base = special.expit(usual[(lag > 0) & data.open].mean())
    low, first, high = special.expit(special.logit(base) + ends) - base
    days_after = used & (lag > 0)
    table = pd.DataFrame(
        {
            "date": data.index[days_after],
            "lag": lag[days_after],
            "share": special.expit(odds[days_after]),
            "expected": special.expit(usual[days_after]),
            "fitted": special.expit((usual + rise[best] * rises[best])[days_after]),
        }
    )
    return Persistence(
        float(first),
        Interval(float(low), float(high)),
        float(HALF_LIVES[best]) if seen else np.nan,
        life if seen else Interval(0.0, np.inf),
        table,
        level,
    )


def _usual_odds(
    X: np.ndarray, odds: np.ndarray, used: np.ndarray, rise: np.ndarray, R: np.ndarray
) -> np.ndarray:
    factor = linalg.cho_factor(R, lower=True)
    inner = X[used].T @ linalg.cho_solve(factor, X[used])
    score = X[used].T @ linalg.cho_solve(factor, (odds - rise)[used])
    return X @ (np.linalg.pinv(inner, hermitian=True, rcond=1e-10) @ score)
