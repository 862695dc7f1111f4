"""The noise of one series: its size by weekday and over time, its odd days, the shape of its tails."""

from __future__ import annotations

import numpy as np
from scipy import special

from analysis.model.constants import FAR, ODD, PRICE
from analysis.model.distribution import SCORES


def robust(errors: np.ndarray) -> float:
    """Standard deviation by the median of |error|, for normal errors."""
    return float(max(1.4826 * np.median(np.abs(errors)), 1e-12))


def log_likelihood(errors: np.ndarray) -> float:
    """Of innovations under Student's t with five degrees of freedom, which odd days move little."""
    spread = robust(errors)
    for _ in range(3):
        spread = np.sqrt(np.mean(6 * errors**2 / (5 + (errors / spread) ** 2))) + 1e-12
    return float(-3 * np.log1p((errors / spread) ** 2 / 5).sum() - len(errors) * np.log(spread))


def odd_days(errors: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Days too far out for chance (n,); one that follows a larger one may be its echo and waits for the next look."""
    far = np.abs(errors) / robust(errors[usual])
    odd = usual & (far > ODD)
    odd[1:] &= ~(odd[:-1] & (far[:-1] > far[1:]))
    return odd


def sizes(errors: np.ndarray, usual: np.ndarray, weekday: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Size of each day's noise (n,), about one: log variance by weekday and linear in time (Harvey 1976), by scoring.

    Each part is shrunk by its own evidence (James & Stein 1961): kept is the share of its chi-square beyond chance. Of
    the innovations `errors` (n,) only those of `usual` days (n,) count; `weekday` and `numbers` (n,) are of each day.
    """
    squares = errors[usual] ** 2 / max(np.mean(errors[usual] ** 2), 1e-300)
    if not squares.any():
        return np.ones(len(errors))
    by_day = (weekday[:, None] == np.unique(weekday[usual])).astype(float)
    time = (numbers - numbers[usual].mean()) / np.ptp(numbers)
    columns = np.column_stack([by_day, time])
    past = columns[usual]
    inverse = np.linalg.inv(past.T @ past)
    log_variance = np.zeros(past.shape[1])
    for _ in range(4):
        ratio = np.minimum(squares / np.exp(past @ log_variance), FAR**2)
        ratio /= ratio.mean()
        log_variance = np.clip(log_variance + inverse @ (past.T @ (ratio - 1)), -4, 4)
    chance = np.mean((ratio - 1) ** 2)  # 2 for normal errors
    count, slope = past[:, :-1].sum(axis=0), log_variance[-1]
    days = log_variance[:-1] - log_variance[:-1] @ count / count.sum()
    kept = _kept(count @ days**2 / chance, len(days) - 1)
    # Noise comes in spells that pose as slopes.
    kept_slope = _kept(slope**2 / (inverse[-1, -1] * chance), PRICE)
    size = np.exp((by_day @ days * kept + time * slope * kept_slope) / 2)
    # What is not known of a log variance widens a new day as so much more variance would.
    doubt = chance * (kept * (by_day @ (1 / count)) + kept_slope * inverse[-1, -1] * time**2)
    return size / np.sqrt(np.mean(size[usual] ** 2)) * np.where(usual, 1.0, np.exp(doubt / 2))


def empirical(residuals: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Quantiles at PROBABILITIES of a distribution with the sizes of the residuals (m,), either sign as likely.

    Continued beyond the largest by the slope of the last tenth, and widened as Student's t, with its quantiles
    `student`, is beyond the normal.
    """
    m = len(residuals)
    largest = np.sort(np.abs(residuals))
    reach = special.ndtri(0.5 + (np.arange(1, m + 1) - 0.5) / (2 * m))
    distance = np.abs(SCORES)
    quantiles = np.interp(distance, np.append(0.0, reach), np.append(0.0, largest))
    tenth = max(min(3, m), m // 10)
    slope = np.median(largest[-tenth:] / reach[-tenth:])
    quantiles = np.where(distance > reach[-1], largest[-1] + (distance - reach[-1]) * slope, quantiles)
    return np.sign(SCORES) * quantiles * student / np.where(SCORES == 0, 1.0, SCORES)


def _kept(chi_square: float, chance: float) -> float:
    return max(0.0, 1 - chance / max(chi_square, 1e-300))
