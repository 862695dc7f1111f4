"""Foretell some days of a series from the others: regression with errors that remember."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize, special


class Forecast(NamedTuple):
    """Of one series: `errors` maps the days' shocks to those of the forecast, (days, days), zero off target."""

    expected: np.ndarray
    errors: np.ndarray
    residuals: np.ndarray
    variance: float
    freedom: float


def foretell(X: np.ndarray, y: np.ndarray, known: np.ndarray, target: np.ndarray, R: np.ndarray) -> Forecast:
    """Generalised least squares for the log, with the shocks of neighbouring days carried over (kriging).

    X is (days, terms), y the log with NaN where there is none, R the (days, days) correlation of the shocks.
    """
    factor = linalg.cho_factor(R[np.ix_(known, known)], lower=True)
    X = X[:, X[known].any(axis=0)]
    whitened = linalg.cho_solve(factor, X[known])
    B = np.linalg.pinv(X[known].T @ whitened, hermitian=True, rcond=1e-10) @ whitened.T
    carried = linalg.cho_solve(factor, R[known]).T
    P = carried + (X - carried @ X[known]) @ B
    residuals = np.full(len(y), np.nan)
    residuals[known] = y[known] - X[known] @ (B @ y[known])
    rank = np.linalg.matrix_rank(X[known])
    variance = residuals[known] @ linalg.cho_solve(factor, residuals[known]) / (known.sum() - rank)
    errors = np.zeros_like(R)
    errors[target] = np.eye(len(y))[target]
    errors[np.ix_(target, known)] -= P[target]
    expected = np.where(target, np.exp(P @ y[known] + variance / 2), 0.0)
    # Shocks that remember tell less than their number: the ratio of their effective number to it.
    ratio = 1 / R[np.ix_(known, known)].sum(axis=0).mean()
    return Forecast(
        expected, errors, residuals, float(variance), max(10.0, float((known.sum() - rank) * ratio))
    )


def shared(forecasts: list[Forecast], known: np.ndarray) -> np.ndarray:
    """Covariance of the three series' shocks on one day; correlations from the days that all have."""
    common = known.all(axis=0)
    residuals = np.array([f.residuals[common] for f in forecasts])
    scale = np.sqrt([f.variance for f in forecasts])
    return np.corrcoef(residuals) * np.outer(scale, scale)


def memory_and_noise(X: np.ndarray, y: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Memory and noise by restricted maximum likelihood."""
    days_, X, y = np.flatnonzero(known), X[known], y[known]
    Q = span(X)
    y = y - Q @ (Q.T @ y)
    apart = np.abs(days_[:, None] - days_)

    def loss(z: np.ndarray) -> float:
        memory, noise = 0.99 * special.expit(z)
        R = (1 - noise) * memory**apart
        R[np.diag_indices_from(R)] = 1
        L = linalg.cholesky(R, lower=True, check_finite=False)
        w = linalg.solve_triangular(L, np.column_stack([y, Q]), lower=True, check_finite=False)
        basis, triangle = np.linalg.qr(w[:, 1:])
        rest = w[:, 0] @ w[:, 0] - ((basis.T @ w[:, 0]) ** 2).sum()
        logdet = np.log(np.diag(L)).sum() + np.log(np.abs(np.diag(triangle))).sum()
        return (len(y) - Q.shape[1]) / 2 * np.log(rest) + logdet

    found = optimize.minimize(loss, [0.0, -1.0], method="Nelder-Mead", options={"xatol": 0.05, "fatol": 0.02})
    memory, noise = 0.99 * special.expit(found.x)
    return float(memory), float(noise)


def correlation(n: int, memory: float, noise: float) -> np.ndarray:
    """A remembered shock with a share of pure noise: (1 - noise) memory^|s - t|, 1 on the diagonal."""
    return linalg.toeplitz(np.r_[1.0, (1 - noise) * memory ** np.arange(1, n)])


def span(X: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span X."""
    U, size, _ = np.linalg.svd(X, full_matrices=False)
    return U[:, size > 1e-10 * size[0]]
