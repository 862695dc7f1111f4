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
    """One series' coefficients under each error process that carries weight; G' of them, k coefficients."""

    points: np.ndarray  # (G',), positions in the grid
    weights: np.ndarray  # (G',), adding up to one
    coefficients: np.ndarray  # (G', k)
    roots: np.ndarray  # (G', k, k), upper triangular; root root' times s^2 is the coefficients' covariance
    variances: np.ndarray  # (G',), s^2 of the errors
    ridge: np.ndarray  # (G', k), s^2 over the prior variance of each coefficient; zero for none
    df: int  # degrees of freedom: days less coefficients without a prior
    evidence: float  # restricted log likelihood averaged over the grid, but for a constant

    @property
    def best(self) -> int:
        """Where the likeliest process stands among those kept."""
        return int(np.argmax(self.weights))

    def contrast(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (H,) and covariance (H, H) of H combinations of the coefficients, `rows` of shape (H, k), averaged.

        The covariance is that within a process and that between them.
        """
        means, half = self.coefficients @ rows.T, rows @ self.roots
        mean = self.weights @ means
        apart = means - mean
        within = np.einsum("g,ghi,gji->hj", self.weights * self.variances, half, half)
        return mean, within + np.einsum("g,gh,gj->hj", self.weights, apart, apart)

    def innovations(self, white: np.ndarray, j: int = 0) -> np.ndarray:
        """One-step errors (n,) of the j-th series of the whitened rows (G, k + m, n), under the likeliest process."""
        coefficients, rows = self.coefficients[self.best], white[self.points[self.best]]
        return rows[len(coefficients) + j] - coefficients @ rows[: len(coefficients)]


def fit(
    X: np.ndarray, Z: np.ndarray, whitener: Whitener, prior: np.ndarray
) -> tuple[list[Estimates], np.ndarray]:
    """Fit every process of the whitener's grid to every series.

    `X` (k, n) holds the columns of the regression and `Z` (m, n) the series, one a row; `prior` (k,) is the standard
    deviation of each coefficient around zero, infinite for none. Returns the estimates of each series, and X and Z
    whitened, (G, k + m, n).
    """
    white = whitener(np.concatenate([X, Z]))
    n, k, free = white.shape[2], len(prior), np.isinf(prior)
    moments = white @ white.transpose(0, 2, 1)
    gram, target = moments[:, :k, :k], moments[:, :k, k:].transpose(2, 0, 1)
    gram = gram + 1e-13 * np.einsum("gii->g", gram)[:, None, None] / k * np.eye(k)
    total = np.diagonal(moments, axis1=1, axis2=2)[:, k:].T
    df = max(n - int(free.sum()), 1)

    def solved(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inverse Cholesky factor, what it makes of the right-hand side, and s^2 from what is left unexplained."""
        inverse = np.linalg.inv(np.linalg.cholesky(gram))
        explained = (inverse @ target[..., None])[..., 0]
        left = total - (explained**2).sum(axis=-1)
        return inverse, explained, np.maximum(left, 1e-13 * total + 1e-300) / df

    ridge = solved(gram)[2][..., None] / prior**2  # s^2 of each process, without priors, weighs its priors
    inverse, explained, variances = solved(gram + ridge[..., None] * np.eye(k))
    scores = np.log(np.diagonal(inverse, axis1=2, axis2=3)).sum(axis=2)
    scores += (
        np.log(ridge[..., ~free]).sum(axis=2) / 2 - (df * np.log(variances) + whitener.log_determinant) / 2
    )
    results = []
    for j, score in enumerate(scores):
        weight = np.exp(score - score.max())
        kept = np.flatnonzero(weight > KEPT)
        root, evidence = inverse[j, kept].transpose(0, 2, 1), float(score.max() + np.log(weight.sum()))
        coefficients = (root @ explained[j, kept, :, None])[..., 0]
        weights = weight[kept] / weight[kept].sum()
        own = (kept, weights, coefficients, root, variances[j, kept], ridge[j, kept])
        results.append(Estimates(*own, df, evidence))
    return results, white
