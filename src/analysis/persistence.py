"""Did it last? The digital share on the days beyond the event's window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from analysis.displacement import AFTER, around
from analysis.model.covariance import whitener
from analysis.model.effect import Interval, half_width
from analysis.model.scale import LOG
from analysis.windows import Windows

HALF_LIVES = np.geomspace(1, 730, 100)


@dataclass(frozen=True, slots=True)
class Persistence:
    """The digital share after the event: a rise that halves every `half_life` days."""

    first: float  # rise on the day after, a fraction of all payments; extrapolated from the days beyond the window
    first_interval: Interval
    half_life: float  # in days; NaN where no rise is seen
    half_life_interval: Interval  # by profile likelihood; infinite where no fading is seen within the data
    days: pd.DataFrame  # `date`, `lag`, `share`, `expected`, `fitted`, of each working day after the window


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
    start = windows.event_start - pd.Timedelta(days=windows.waiting)
    odds[start:end] = odds.median()  # dummies take these days out
    fit = around(odds, windows, windows.waiting, after, "pre-week", LOG)
    later = fit.days > end
    if later.sum() < 5:
        raise ValueError(
            "fewer than 5 open days beyond the window: give a longer after-period to see what lasts"
        )
    named = np.array(fit.columns.names) != AFTER
    columns, ridge = fit.columns.rows[named], np.sqrt(fit.estimates.ridge[fit.estimates.best, named])
    lag = (fit.days - windows.event_end).days.to_numpy()
    rises = np.where(lag > 0, 0.5 ** ((lag - 1) / HALF_LIVES[:, None]), 0.0) * ~fit.touched
    rows = np.vstack([columns, rises, fit.z]) / fit.size
    # Whitened, and below them a row for each prior: ordinary least squares from here on.
    white = whitener(fit.numbers, fit.likeliest)(rows)[0].T
    white = np.vstack([white, np.eye(len(ridge), len(rows)) * ridge[:, None]])
    X, rest = white[:, : len(ridge)], white[:, len(ridge) :]
    Q, _ = np.linalg.qr(X)
    apart = rest - Q @ (Q.T @ rest)
    size, product = (apart[:, :-1] ** 2).sum(axis=0), apart[:, :-1].T @ apart[:, -1]
    rise, whole = product / size, apart[:, -1] @ apart[:, -1]
    squares = whole - rise**2 * size
    at, df = int(squares.argmin()), fit.estimates.df - 1
    bound = squares[at] / df * half_width(level, df) ** 2
    kept = squares - squares[at] <= bound
    life = Interval(0.0, np.inf)
    if seen := rise[at] > 0 and whole - squares[at] > bound:
        lives = HALF_LIVES[kept]
        life = Interval(float(lives[0]), float(lives[-1]) if lives[-1] < HALF_LIVES[-1] else np.inf)
    # The rise on the first day by profile likelihood too: what each half-life leaves of the same F test.
    half = np.sqrt(np.maximum(bound - (squares[kept] - squares[at]), 0) / size[kept])
    ends = np.array([(rise[kept] - half).min(), rise[at], (rise[kept] + half).max()])
    coefficients = np.linalg.lstsq(X, rest[:, -1] - rise[at] * rest[:, at], rcond=None)[0]
    usual = coefficients @ columns + np.log(fit.unit)
    base = special.expit(usual[later].mean())
    low, first, high = (float(end) for end in special.expit(special.logit(base) + ends) - base)
    odds = {"share": fit.z + np.log(fit.unit), "expected": usual, "fitted": usual + rise[at] * rises[at]}
    days = pd.DataFrame({"date": fit.days, "lag": lag} | {name: special.expit(z) for name, z in odds.items()})
    half_life = float(HALF_LIVES[at]) if seen else np.nan
    days = days[later].reset_index(drop=True)
    return Persistence(first, Interval(low, high), half_life, life, days)
