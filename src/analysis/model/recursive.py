"""What the regression would have said of every earlier date, in one pass.

Whitening a day looks back only, so generalised least squares on the days up to p is ordinary least squares on the first
p whitened rows: each date's forecast follows from running sums (recursive residuals: Brown, Durbin & Evans 1975), equal
to refitting at that date with the same columns and error process.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.model.covariance import Grid, whitener


class Errors(NamedTuple):
    """Forecast errors of T dates: an event of H days pretended on each, of m series that share their columns."""

    effects: np.ndarray  # (T, m), mean over the H days of the day less its forecast
    spread: np.ndarray  # (T,), standard deviation of the error, in units of s
    distance: (
        np.ndarray
    )  # (T, m), root mean square of the H errors made independent, in units of s (Andrews 2003)


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

    Parameters
    ----------
    X, Z : ndarray, shape (k, n) and (m, n)
        Columns and series, on days of the increasing whole `numbers` (n,).
    process : Grid
        One error process.
    ridge : ndarray, shape (k,)
        As in `Estimates`.
    starts : ndarray of int, shape (T,)
        Rows of the first days; the whole block of each must be there.
    week : tuple of two ints, optional
        First and last day of a week that has a level of its own, which the event shares: days before the start.
    size : ndarray, shape (n,), optional
        Size of each day's noise.
    dummies : slice
        Columns that are one on a single day: they do not help to forecast that day, nor does such a day tell the level
        of its week, unless the week has no other.
    """
    phi, share = float(process.phi[0]), float(process.share[0])
    k, noise, size = len(X), 1 - share, np.ones(len(numbers)) if size is None else size
    rows, whiten = np.concatenate([X, Z]) / size, whitener(numbers, process)
    white, root = whiten(rows)[0], whiten.root[0]
    prediction = rows - white * root
    believed = 1 - noise / root**2
    signal = prediction + believed * (rows - prediction)  # what is remembered, once a day is seen
    known = noise * believed  # and its variance

    level = list(range(-week[0], -week[1] + 1)) if week else []
    offsets = level + list(range(days))
    block = np.searchsorted(numbers, numbers[starts][:, None] + offsets)
    last = np.searchsorted(numbers, numbers[starts] - gap) - 1
    ahead = (numbers[block] - numbers[last][:, None]).astype(float)
    kept = phi**ahead
    gram = np.cumsum(white[:k].T[:, :, None] * white[:k].T[:, None, :], axis=0)[last]
    inverse = np.linalg.inv(gram + np.diag(ridge + 1e-12 * np.einsum("tii->t", gram).max() / k))
    columns = rows[:k].copy()
    columns[dummies] = 0
    new = columns.T[block] - kept[..., None] * signal[:k].T[last][:, None, :]  # (T, B, k)
    loading = new @ inverse
    past = np.arange(len(numbers)) <= last[:, None]
    errors = np.empty((len(starts), len(offsets), len(Z)))
    for j in range(len(offsets)):
        weights = np.where(past, loading[:, j] @ white[:k], 0)
        errors[:, j] = rows[k:].T[block[:, j]] - kept[:, j, None] * signal[k:].T[last] - weights @ white[k:].T

    apart = np.abs(ahead[:, :, None] - ahead[:, None, :])
    nearer = np.minimum(ahead[:, :, None], ahead[:, None, :])
    covariance = phi**apart * (share + phi ** (2 * nearer) * (known[last] - share)[:, None, None])
    covariance += noise * np.eye(len(offsets)) + loading @ new.transpose(0, 2, 1)
    scale = size[block]
    errors *= scale[..., None]
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
