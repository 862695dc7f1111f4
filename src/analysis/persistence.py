"""Did it last? The digital share on the days beyond the event's window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from analysis.displacement import AFTER, around, half_width
from analysis.effect import Interval
from analysis.model.covariance import whitener
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
    """How long the digital share stays up, from the days beyond the window on which counters are open.

    The odds of a digital payment are an ordinary series (the one regression, on the log scale) to which a rise is
    added that halves every h days from the event on; h is profiled over, its interval holds every h that an F test
    keeps.
    """
    odds = (digital / counter.where(counter > 0)).rename("odds")
    odds = odds.where(odds > 0)
    end = windows.event_end + pd.Timedelta(days=after)
    odds[windows.event_start - pd.Timedelta(days=windows.waiting) : end] = (
        odds.median()
    )  # dummies take these days out
    fit = around(odds, windows, windows.waiting, after, "pre-week")
    later = fit.days > end
    if later.sum() < 5:
        raise ValueError(
            "fewer than 5 open days beyond the window: give a longer after-period to see what lasts"
        )
    best = fit.estimates.best
    names = np.array(fit.columns.names)
    columns = fit.columns.rows[names != AFTER]
    lag = (fit.days - windows.event_end).days.to_numpy()
    rises = np.where(lag > 0, 0.5 ** ((lag - 1) / HALF_LIVES[:, None]), 0.0) * ~fit.touched
    whiten = whitener(fit.numbers, fit.processes.take(fit.estimates.points[[best]]))
    white = whiten(np.vstack([columns, rises, fit.z]) / fit.size)[0]
    ridge = np.sqrt(fit.estimates.ridge[best][names != AFTER])
    k = len(columns)
    Q, _ = np.linalg.qr(np.vstack([white[:k].T, np.diag(ridge)]))
    rest = np.hstack([white[k:], np.zeros((len(white) - k, k))])
    rest = rest - (rest @ Q) @ Q.T
    Zw, yw = rest[:-1], rest[-1]
    size = (Zw**2).sum(axis=1)
    rise = Zw @ yw / size
    squares = yw @ yw - rise**2 * size
    at = int(squares.argmin())
    df = fit.estimates.df - 1
    variance, bound = squares[at] / df, half_width(level, df) ** 2
    kept = squares - squares[at] <= variance * bound
    seen = rise[at] > 0 and (yw @ yw - squares[at]) / variance > bound
    lives = HALF_LIVES[kept]
    life = Interval(float(lives[0]), float(lives[-1]) if lives[-1] < HALF_LIVES[-1] else np.inf)
    # The rise on the first day by profile likelihood too: what each half-life leaves of the same F test.
    half = np.sqrt(np.maximum(variance * bound - (squares[kept] - squares[at]), 0) / size[kept])
    ends = np.array([(rise[kept] - half).min(), rise[at], (rise[kept] + half).max()])
    solved = np.vstack([white[:k].T, np.diag(ridge)])
    target = np.append(white[-1] - rise[at] * white[k + at], np.zeros(k))
    coefficients = np.linalg.lstsq(solved, target, rcond=None)[0]
    usual = coefficients @ columns + np.log(fit.unit)
    base = special.expit(usual[later].mean())
    low, first, high = special.expit(special.logit(base) + ends) - base
    table = {
        "date": fit.days[later],
        "lag": lag[later],
        "share": special.expit(fit.z + np.log(fit.unit))[later],
    }
    table |= {
        "expected": special.expit(usual[later]),
        "fitted": special.expit((usual + rise[at] * rises[at])[later]),
    }
    return Persistence(
        float(first),
        Interval(float(low), float(high)),
        float(HALF_LIVES[at]) if seen else np.nan,
        life if seen else Interval(0.0, np.inf),
        pd.DataFrame(table),
        level,
    )
