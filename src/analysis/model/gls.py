"""Generalised least squares of many series on the same columns, averaged over error processes.

    z = X b + u,   Var(u) = s^2 V(phi, share),   b[j] ~ N(0, prior[j]^2) where a prior is given

Priors are observations of their own (mixed estimation, Theil & Goldberger 1961): a row that says b[j] = 0 with variance
prior[j]^2. The grid is weighed by restricted likelihood (Harville 1974). A dummy's coefficient is the day's value
less its best linear unbiased prediction, and its standard error that of the prediction (Goldberger 1962).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.model.constants import KEPT
from analysis.model.covariance import Whitener


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """One series' coefficients under each error process that carries weight; G' of them, k coefficients.

    Parameters
    ----------
    points : ndarray of int, shape (G',)
        Positions in the grid.
    weights : ndarray, shape (G',)
        Adding up to one.
    coefficients : ndarray, shape (G', k)
    roots : ndarray, shape (G', k, k)
        Upper triangular; root root' times s^2 is the coefficients' covariance.
    variances : ndarray, shape (G',)
        s^2, of the errors.
    ridge : ndarray, shape (G', k)
        s^2 over the prior variance of each coefficient; zero for none.
    df : int
        Degrees of freedom: days less coefficients without a prior.
    evidence : float
        Restricted log likelihood averaged over the grid, but for a constant.
    """

    points: np.ndarray
    weights: np.ndarray
    coefficients: np.ndarray
    roots: np.ndarray
    variances: np.ndarray
    ridge: np.ndarray
    df: int
    evidence: float

    @property
    def best(self) -> int:
        """Where the likeliest process stands among those kept."""
        return int(np.argmax(self.weights))

    def contrast(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (H,) and covariance (H, H) of H combinations of the coefficients, `rows` of shape (H, k), averaged.

        The covariance is that within a process and that between them.
        """
        means = self.coefficients @ rows.T
        half = rows @ self.roots
        mean = self.weights @ means
        apart = means - mean
        within = np.einsum("g,ghi,gji->hj", self.weights * self.variances, half, half)
        return mean, within + np.einsum("g,gh,gj->hj", self.weights, apart, apart)


def fit(
    X: np.ndarray, Z: np.ndarray, whitener: Whitener, prior: np.ndarray
) -> tuple[list[Estimates], np.ndarray]:
    """Fit every process of the whitener's grid to every series.

    Parameters
    ----------
    X : ndarray, shape (k, n)
        The columns of the regression, one a row.
    Z : ndarray, shape (m, n)
        The series.
    whitener : Whitener
        Of the n days.
    prior : ndarray, shape (k,)
        Standard deviation of each coefficient around zero; infinite for none.

    Returns
    -------
    estimates : list of Estimates, one a series
    white : ndarray, shape (G, k + m, n)
        X and Z whitened.
    """
    white = whitener(np.concatenate([X, Z]))
    return solve(white, len(X), prior, whitener.log_determinant), white


def solve(white: np.ndarray, k: int, prior: np.ndarray, log_determinant: np.ndarray) -> list[Estimates]:
    """`fit` of rows that are whitened already, (G, k + m, n), by processes of the given log determinants (G,)."""
    n = white.shape[2]
    moments = white @ white.transpose(0, 2, 1)
    gram, target = moments[:, :k, :k], moments[:, :k, k:].transpose(2, 0, 1)
    gram = gram + 1e-13 * np.einsum("gii->g", gram)[:, None, None] / k * np.eye(k)
    total = np.diagonal(moments, axis1=1, axis2=2)[:, k:].T
    free = np.isinf(prior)
    df = max(n - int(free.sum()), 1)
    # s^2 of each process, without priors, weighs its priors.
    _, explained = _solve(gram, target)
    ridge = _variance(total, explained, df)[..., None] / prior**2
    inverse, explained = _solve(gram + ridge[..., None] * np.eye(k), target)
    variances = _variance(total, explained, df)
    scores = (
        np.log(np.diagonal(inverse, axis1=2, axis2=3)).sum(axis=2) + np.log(ridge[..., ~free]).sum(axis=2) / 2
    )
    scores = scores - (df * np.log(variances) + log_determinant) / 2
    results = []
    for j, score in enumerate(scores):
        weight = np.exp(score - score.max())
        kept = np.flatnonzero(weight > KEPT)
        root = inverse[j, kept].transpose(0, 2, 1)
        coefficients = (root @ explained[j, kept, :, None])[..., 0]
        weights = weight[kept] / weight[kept].sum()
        results.append(
            Estimates(
                kept,
                weights,
                coefficients,
                root,
                variances[j, kept],
                ridge[j, kept],
                df,
                float(score.max() + np.log(weight.sum())),
            )
        )
    return results


def _solve(gram: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse Cholesky factor of the normal equations, and what it makes of their right-hand side."""
    inverse = np.linalg.inv(np.linalg.cholesky(gram))
    return inverse, (inverse @ target[..., None])[..., 0]


def _variance(total: np.ndarray, explained: np.ndarray, df: int) -> np.ndarray:
    """s^2 from the sum of squares and what the columns explain of it."""
    return np.maximum(total - (explained**2).sum(axis=-1), 1e-13 * total + 1e-300) / df
