"""What the regression would have said of every earlier date, in one pass.

Whitening a day looks back only, so generalised least squares on the days up to p is ordinary least squares on the first
p whitened rows: each date's forecast follows from running sums (recursive residuals: Brown, Durbin & Evans 1975), equal
to refitting at that date with the same columns and error process.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from analysis.model.covariance import Grid


class Errors(NamedTuple):
    """Forecast errors of T dates: an event of H days pretended on each, of m series that share their columns."""

    effects: np.ndarray  # (T, m), mean over the H days of the day less its forecast
    spread: np.ndarray  # (T,), standard deviation of `effects`, in units of s
    distance: (
        np.ndarray
    )  # (T, m), root mean square of the H errors made independent (Andrews 2003), in units of s


def forecast_errors(
    X: np.ndarray,
    Z: np.ndarray,
    numbers: np.ndarray,
    process: Grid,
    ridge: np.ndarray,
    starts: np.ndarray,
    days: int = 1,
    gap: int = 0,
    week: tuple[int, int] | None = None,
    size: np.ndarray | None = None,
    dummies: slice = slice(0, 0),
) -> Errors:
    """The error of forecasting `days` days from each start, learning from what lies more than `gap` days before it.

    Columns `X` (k, n) and series `Z` (m, n) are on days of the increasing whole `numbers` (n,), each with noise of its
    `size` (n,); `process` is one error process and `ridge` (k,) as in `Estimates`. `starts` (T,) are rows of the first
    days; the whole block of each must be there. `week` is the first and last day, counted before the start, of a week
    that has a level of its own, which the event shares. `dummies` are columns that are one on a single day: they do not
    help to forecast that day, nor does such a day tell the level of its week, unless the week has no other.
    """
    k, n, size = len(X), len(numbers), np.ones(len(numbers)) if size is None else size
    rows = (np.concatenate([X, Z]) / size).T
    lower = np.linalg.cholesky(process.correlation(numbers, 0))
    white = solve_triangular(lower, rows, lower=True)
    level = list(range(-week[0], -week[1] + 1)) if week else []
    block = np.searchsorted(numbers, numbers[starts][:, None] + [*level, *range(days)])
    last = np.searchsorted(numbers, numbers[starts] - gap) - 1
    past = np.arange(n) <= last[:, None, None]
    gram = np.cumsum(white[:, :k, None] * white[:, None, :k], axis=0)[last]
    inverse = np.linalg.inv(gram + np.diag(ridge + 1e-12 * np.einsum("tii->t", gram).max() / k))
    # A day is the sum of what every day up to it brought anew; forecast is what the past brought.
    brought = lower[block]  # (T, B, n)
    weights = np.where(past, brought, 0)
    columns = rows[:, :k].copy()
    columns[:, dummies] = 0
    new = columns[block] - weights @ white[:, :k]
    loading = new @ inverse
    weights += np.where(past, loading @ white[:, :k].T, 0)
    scale, anew = size[block], np.where(past, 0, brought)
    errors = (rows[block, k:] - weights @ white[:, k:]) * scale[..., None]
    covariance = anew @ anew.transpose(0, 2, 1) + loading @ new.transpose(0, 2, 1)
    covariance *= scale[:, :, None] * scale[:, None, :]
    if level:
        # Best linear prediction of the event from the usual days of the week, whose level is unknown.
        before, event = slice(0, len(level)), slice(len(level), None)
        single = X[dummies].any(axis=0)[block[:, before]]
        usual = ~single | single.all(axis=1, keepdims=True)
        both = usual[:, :, None] & usual[:, None, :]
        solve = both * np.linalg.inv(np.where(both, covariance[:, before, before], np.eye(len(level))))
        total = solve.sum(axis=(1, 2))[:, None, None]
        carried = covariance[:, event, before] @ solve
        missing = 1 - carried.sum(axis=2, keepdims=True)  # what memory does not carry of the level
        weights = carried + missing * solve.sum(axis=2)[:, None, :] / total
        errors = errors[:, event] - weights @ errors[:, before]
        inner = covariance[:, event, event] - carried @ covariance[:, before, event]
        covariance = inner + missing * missing.transpose(0, 2, 1) / total
    half = np.linalg.inv(np.linalg.cholesky(covariance))
    distance = np.sqrt(((half @ errors) ** 2).mean(axis=1))
    return Errors(errors.mean(axis=1), np.sqrt(covariance.sum(axis=(1, 2))) / days, distance)
