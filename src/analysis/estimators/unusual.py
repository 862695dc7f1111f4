"""What in the past is no sample of an ordinary day: jumps of the level, days of the month, odd days.

Each function looks at the errors of a first fit, in which odd days are held back so that they cannot pose as a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.estimators.arma import Fit
from analysis.estimators.spread import by_weekday

# How many days a closure or an outage that the calendar does not know may last, and how far out, in robust standard
# deviations, days are set aside.
ODD = {1: 5.0, 2: 6.0, 3: 6.0, 4: 6.0}
STANDS_OUT = 3.7  # t ratio from which a day of the month gets a column; forty are tried
MONTH_VARIANCES = (0.01, 0.03, 0.1, 0.3, 1.0)  # of the days of the month, in units of the noise's
JUMP_MEMORY = 0.4  # jumps are looked for under errors of short memory, which cannot follow one
NEAR_THE_END = 7  # days at either end where a jump cannot be told from an odd week


def robust(errors: np.ndarray) -> float:
    """Standard deviation by the (upper) median of |error|, for normal errors."""
    middle = len(errors) // 2
    return float(max(1.4826 * np.partition(np.abs(errors), middle)[middle], 1e-12))


def jump(rows: np.ndarray, usual: np.ndarray) -> tuple[int, float, float]:
    """Where the level would most likely have jumped for good, its t ratio, and the size of the noise.

    Parameters
    ----------
    rows : ndarray, shape (k + 1, n)
        Regressors, and the series last.
    usual : ndarray of bool, shape (n,)

    Returns
    -------
    day : int
        The first day on the new level.
    ratio, spread : float
    """
    n, phi = rows.shape[1], JUMP_MEMORY
    white = rows[:, 1:] - phi * rows[:, :-1]
    basis = np.linalg.qr(white[:-1].T)[0].T
    errors = white[-1] - (white[-1] @ basis.T) @ basis
    spread = robust(errors[usual[1:]])
    both = np.vstack([basis, np.clip(errors, -3 * spread, 3 * spread)])
    later = np.cumsum(both[:, ::-1], axis=1)[:, ::-1]
    along = phi * both + (1 - phi) * later  # products with a step from each day on, whitened
    length = 1 + (1 - phi) ** 2 * np.arange(n - 2, -1, -1) - (along[:-1] ** 2).sum(0)
    ratio = along[-1] / np.sqrt(np.maximum(length, 0.05)) / spread
    ratio[:NEAR_THE_END] = ratio[-NEAR_THE_END:] = 0
    day = int(np.argmax(abs(ratio)))
    return day + 1, float(ratio[day]), spread


def stands_out(fit: Fit, terms: np.ndarray, usual: np.ndarray) -> list[int]:
    """Which of `terms`, shape (J, n), stand out, one after another by their t ratio."""
    often = np.flatnonzero((terms * usual).sum(1) >= 2)
    columns, errors, whole = _beside(fit, terms[often], usual, 2.5)
    chosen: list[int] = []
    for _ in range(5):
        length = (columns**2).sum(1)
        free = length > 0.05 * whole
        ratio = np.where(free, columns @ errors / np.sqrt(np.where(free, length, 1)), 0)
        if not len(ratio) or abs(ratio).max() < STANDS_OUT:
            break
        best = int(np.argmax(abs(ratio)))
        chosen.append(int(often[best]))
        direction = columns[best] / np.sqrt(length[best])
        errors = errors - direction * (direction @ errors)
        columns = columns - np.outer(columns @ direction, direction)
    return chosen


@dataclass(frozen=True, slots=True, eq=False)
class MonthPattern:
    """What the days of the month share, as a random effect.

    Parameters
    ----------
    offset : ndarray, shape (n + H,)
        Of the past days and of those to come.
    variance : ndarray, shape (H, H), or () where it is zero
        Of its error on the days to come.
    spent : float
        Degrees of freedom.
    """

    offset: np.ndarray
    variance: np.ndarray
    spent: float

    @classmethod
    def none(cls, days: int) -> MonthPattern:
        return cls(np.zeros(days), np.zeros(()), 0.0)


def month_pattern(fit: Fit, month: np.ndarray, usual: np.ndarray, future: slice) -> MonthPattern:
    """The pattern over `month`, shape (31, n + H), its variance chosen by likelihood (it may be none)."""
    columns, errors, _ = _beside(fit, month[:, : len(usual)], usual, 3.0)
    spread = robust(fit.innovations[usual])
    strength, axes = np.linalg.eigh(columns @ columns.T)
    strength = np.maximum(strength, 0)
    along = axes.T @ (columns @ errors)
    scores = [
        0.5 * np.sum(along**2 * ratio / (1 + ratio * strength) - np.log1p(ratio * strength))
        for ratio in MONTH_VARIANCES
    ]
    best = int(np.argmax(scores))
    if scores[best] < 2:
        return MonthPattern.none(month.shape[1])
    shrunk = MONTH_VARIANCES[best] / (1 + MONTH_VARIANCES[best] * strength)
    ahead = month[:, future].T @ axes
    return MonthPattern(
        offset=(axes @ (along * shrunk)) @ month * spread,
        variance=(ahead * shrunk) @ ahead.T * spread**2,
        spent=float(np.sum(strength * shrunk)),
    )


def _beside(fit: Fit, terms: np.ndarray, usual: np.ndarray, limit: float) -> tuple[np.ndarray, ...]:
    """`terms` whitened and freed of the regressors, the errors in units of their spread, the terms' squares."""
    k = len(fit.rows) - 1
    white = fit.whiten(np.vstack([fit.rows, terms]))
    basis = np.linalg.qr(white[:k].T)[0]
    errors = white[k] - fit.coefficients[fit.best] @ white[:k]
    errors = np.clip(errors / robust(errors[usual]), -limit, limit)
    columns = white[k + 1 :] - (white[k + 1 :] @ basis) @ basis.T
    return columns, errors, (white[k + 1 :] ** 2).sum(1)


def odd_days(fit: Fit, odd: np.ndarray, weekday: np.ndarray) -> np.ndarray:
    """`odd` and the days, alone or in runs, that lie far out, found one after another (Chen & Liu 1993)."""
    n, errors, pulse = len(odd), fit.innovations, fit.pulse
    spread = robust(errors[~odd])
    spread = spread * by_weekday(errors[~odd] / spread, weekday, ~odd)
    far = np.array(list(ODD.values()))[:, None] * spread
    shapes = [np.convolve(pulse, np.ones(run))[:n] for run in ODD]
    lengths = [np.sqrt(np.cumsum(shape**2)[::-1]) for shape in shapes]
    odd, nothing = odd.copy(), np.zeros(n - 1)
    for _ in range(max(3, n // 12)):
        padded = np.concatenate([errors, nothing])
        size = np.array([np.correlate(padded, shape, "valid") for shape in shapes]) / lengths
        size[:, odd] = 0
        run, day = np.unravel_index(np.argmax(abs(size) / far), size.shape)
        if abs(size[run, day]) < far[run, day]:
            break
        odd[day : day + run + 1] = True
        errors = errors.copy()
        errors[day:] -= size[run, day] / lengths[run][day] * shapes[run][: n - day]
    return odd


def filled_in(fit: Fit, rows: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """The series, last of `rows`, with odd days replaced by what the best model interpolates for them."""
    days, series = np.flatnonzero(odd), rows[-1].copy()
    white, pulse = fit.whiten(rows), fit.pulse
    pulses = np.zeros((len(days), len(odd)))
    for row, day in zip(pulses, days, strict=True):
        row[day:] = pulse[: len(odd) - day]
    both = np.vstack([white[:-1], pulses])
    gram = both @ both.T
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) / len(gram)
    series[days] -= np.linalg.solve(gram, both @ white[-1])[len(white) - 1 :]
    return series
