"""How wide an ordinary day spreads around its forecast: by weekday, over time, and in the tails."""

from __future__ import annotations

import numpy as np
from scipy import special

from analysis.estimators.arma import recursion
from analysis.estimators.counterfactual import PROBABILITIES, SCORES

HALF_LIVES = (60.0, 30.0, 15.0)


def scales(
    errors: np.ndarray, usual: np.ndarray, past: np.ndarray, future: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Size of the error on each past day and on the days to come, relative to that of a usual day.

    Kinds of day (weekdays, the turn of the month) differ by empirical Bayes: the log variance of each is shrunk
    to the common one by the share of their spread that sampling would make. Time enters through a few paths
    (constant, log-linear, exponentially weighted), averaged by their likelihood under Student's t with six
    degrees of freedom.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        One-step errors in order, those of odd days included.
    usual : ndarray of bool, shape (n,)
        False for the odd days.
    past : ndarray of int, shape (F, n)
        Labels 0, 1, ... of each day by each of F ways to tell kinds apart.
    future : ndarray of int, shape (F, H)
        The same of the days to come.

    Returns
    -------
    past : ndarray, shape (n,)
    future : ndarray, shape (H,)
    """
    n = len(errors)
    whole = errors**2 / max(np.mean(errors[usual] ** 2), 1e-300)
    size, ahead = np.ones(n), np.ones(future.shape[1])
    if not whole.any():
        return size, ahead
    for _ in range(2):  # what is far out for one kind of day is usual for another: the second look knows
        squares, size, ahead = np.minimum(whole, 9 * size), np.ones(n), np.ones(future.shape[1])
        for label, to_come in zip(past, future, strict=True):
            relative, doubt = _by_kind(squares / size, label, 1 + max(label.max(), to_come.max()))
            size, ahead = size * relative[label], ahead * (relative * np.exp(doubt))[to_come]
    if usual.sum() >= 60:
        level, now = _over_time((squares / size)[usual])
        size = size * np.interp(np.arange(n), np.flatnonzero(usual), level)
        ahead = ahead * now
    common = np.sqrt(np.mean(size[usual]))
    return np.sqrt(size) / common, np.sqrt(ahead) / common


def by_weekday(errors: np.ndarray, weekday: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Size of the error on each day relative to a day's at large, by weekday alone; `errors` of the usual days."""
    squares, label = errors**2, weekday[usual]
    size = np.ones(len(label))
    for _ in range(2):
        relative, _ = _by_kind(np.minimum(squares, 9 * size), label, 7)
        size = relative[label]
    return np.sqrt(relative[weekday] / np.median(size))


def _by_kind(squares: np.ndarray, label: np.ndarray, kinds: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative variance of each kind of day, one on average over the days, and the variance of its logarithm.

    A normal error of a variance known up to that doubt spreads as if the variance were exp(doubt) times as large,
    out to where 95 % lie (the t distribution's widening).
    """
    count = np.bincount(label, minlength=kinds)
    seen = count >= 8  # of fewer the variance is a guess
    if seen.sum() < 2:
        return np.ones(kinds), np.zeros(kinds)
    half = (count[seen] - 1) / 2
    mean = np.maximum(np.bincount(label, squares, minlength=kinds)[seen] / count[seen], 1e-6)
    log_variance = np.log(mean) - special.digamma(half) + np.log(half)
    log_variance -= log_variance @ count[seen] / count[seen].sum()
    sampling = 1.3 * special.zeta(2, half)  # trigamma; 1.3: tails a little heavier than normal
    # With two kinds, weighting by the rarer one's precision keeps a common kind from hiding the difference.
    weight = 1 / sampling
    between = max(0.0, float(np.sum(weight * (log_variance**2 - sampling)) / weight.sum()))
    relative, doubt = np.ones(kinds), np.full(kinds, between)
    relative[seen] = np.exp(log_variance * between / (between + sampling))
    doubt[seen] = between * sampling / (between + sampling)
    return relative * count.sum() / (relative @ count), doubt


def _over_time(squares: np.ndarray) -> tuple[np.ndarray, float]:
    """Relative variance on each past day, and on the day after the last."""
    n = len(squares)
    squares = squares / max(squares.mean(), 1e-300)
    time = np.arange(n + 1) / n - 0.5
    slope = 0.0
    for _ in range(4):  # Newton steps for a variance of exp(a + slope t); its information is sum(t^2) / 2
        ratio = squares * np.exp(-slope * time[:n])
        slope += np.clip(12 * np.mean(time[:n] * (ratio / ratio.mean() - 1)), -1, 1)
    paths = [np.ones(n + 1), np.exp(np.clip(slope, -4, 4) * time)]
    paths[1] *= np.mean(squares / paths[1][:n])
    for half_life in HALF_LIVES:
        keep = 0.5 ** (1 / half_life)
        prior = 0.15 / (1 - keep)
        both = np.zeros((2, n + 1))
        both[:, 1:] = squares, np.ones(n)
        total, weight = recursion(both, -keep, 1)
        paths.append((total + prior) / (weight + prior))
    variance = np.array(paths)
    fit = np.log1p(squares / variance[:, :n] / 4)
    score = -0.5 * np.log(variance[:, :n]).sum(1) - 3.5 * fit.sum(1)
    score -= np.array([0.0, 2.0, 2.0, 2.0, 2.0])
    weight = np.exp(score - score.max())
    averaged = weight / weight.sum() @ variance
    return averaged[:n], float(averaged[n])


def tails(errors: np.ndarray, usual: np.ndarray, freedom: int) -> np.ndarray:
    """Quantiles of a standardised new error at the probabilities Phi(SCORES).

    Between Student's t (which the mean and variance of ordinary days would give) and the empirical quantiles of
    |error| (which know the tails: days set aside are in them, for the event may be such a day): half and half
    where they agree, all empirical where they differ by far more than sampling would make them. Then skewed by
    the Cornish-Fisher term with a third moment that is shrunk to zero where few days speak for it.

    Parameters
    ----------
    errors : ndarray, shape (n,)
        Past errors over their scale, odd days included.
    usual : ndarray of bool, shape (n,)
        False for the odd days; the usual ones have a mean square of one.
    freedom : int
    """
    n = len(errors)
    errors = errors / max(np.sqrt(np.mean(errors[usual] ** 2)), 1e-300)
    student = special.stdtrit(freedom, PROBABILITIES)
    sizes = np.sort(np.abs(errors))
    reach = special.ndtri(0.5 + (np.arange(1, n + 1) - 0.5) / (2 * n))
    distance = np.abs(SCORES)
    empirical = np.interp(distance, np.concatenate([[0.0], reach]), np.concatenate([[0.0], sizes]))
    top = max(3, n // 10)
    slope = np.median(sizes[-top:] / reach[-top:])
    empirical = np.where(distance > reach[-1], sizes[-1] + (distance - reach[-1]) * slope, empirical)
    widening = student / np.where(SCORES == 0, 1.0, SCORES)
    empirical = np.sign(SCORES) * empirical * widening
    at = np.searchsorted(SCORES, 1.95)
    apart = np.log(max(empirical[at], 1e-300) / student[at]) ** 2
    share = 0.5 + 0.5 * apart / (apart + 4 / n)
    quantiles = student + share * (empirical - student)
    if n >= 40 and errors.any():
        clipped = np.clip(errors, -4, 4)
        clipped = clipped - clipped.mean()
        skewness = float(np.mean(clipped**3) / np.mean(clipped**2) ** 1.5)
        skewness *= skewness**2 / (skewness**2 + 12 / n)
        skewness = float(np.clip(skewness, -1.2, 1.2))
        quantiles = quantiles + skewness / 6 * (np.minimum(SCORES**2, 6.0) - 1)
    return np.maximum.accumulate(quantiles)
