"""Errors that remember: an ARMA(1,1) over a grid of parameters, and the whitening of rows under each of them.

    Cov(u[s], u[t]) / Var(u) = share phi^|s - t| for s != t,   1 for s = t

is an ARMA(1,1) with autoregression phi: an AR(1) of which independent noise hides the part 1 - share. Whitening is the
innovations algorithm (Brockwell & Davis 1991, 5.3), which passes over missing days.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import lapack

from analysis.model.constants import PHI, SHARE


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Error processes, G of them: `phi` and `share` of each, shape (G,)."""

    phi: np.ndarray
    share: np.ndarray

    def correlation(self, days: np.ndarray, point: int) -> np.ndarray:
        """The correlation matrix of the errors of `days` (numbers of days), shape (n, n), under one process."""
        apart = np.abs(np.subtract.outer(days, days))
        return np.where(apart == 0, 1.0, self.share[point] * self.phi[point] ** apart)

    def take(self, points: np.ndarray) -> Grid:
        """Some of the processes."""
        return Grid(self.phi[points], self.share[points])


@lru_cache
def grid(size: str = "full") -> Grid:
    """The grid by name: "full", "coarse" (every third of it, for a first look) or "white" (no memory alone)."""
    phi, share = (axis.ravel() for axis in np.meshgrid(PHI, SHARE, indexing="ij"))
    kept = (share <= 1) | (phi < 0.8)  # positive definite
    if size == "coarse":
        kept &= np.isin(phi, PHI[[0, 2, 4]]) & np.isin(share, SHARE[[1, 2, 4]])
    kept &= size != "white"
    return Grid(np.append(PHI[0], phi[kept]), np.append(0.0, share[kept]))


@dataclass(frozen=True, slots=True, eq=False)
class Whitener:
    """What turns rows on n given days into uncorrelated ones of equal variance, under each process of a grid."""

    band: np.ndarray  # (G, n, 2), the bidiagonal system of the prediction's recursion
    gain: np.ndarray  # (G, n), weight of a day's own value in the prediction of the next day used
    root: np.ndarray  # (G, n), standard deviation of the innovations, in units of the errors'

    @property
    def log_determinant(self) -> np.ndarray:
        """Of each correlation matrix, shape (G,)."""
        return 2 * np.log(self.root).sum(axis=1)

    def only(self, point: int) -> Whitener:
        """Of one process."""
        return Whitener(self.band[[point]], self.gain[[point]], self.root[[point]])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Rows (m, n) whitened, shape (G, m, n)."""
        white = np.zeros((len(rows), *self.gain.shape))
        np.multiply(self.gain[:, :-1], rows[:, None, :-1], out=white[:, :, 1:])
        right = white.reshape(len(rows), -1).T  # a view: the predictions are solved for in place
        lapack.dtbtrs(self.band.reshape(-1, 2).T, right, uplo="L", diag="U", overwrite_b=1)
        np.subtract(rows[:, None, :], white, out=white)
        white /= self.root
        return white.transpose(1, 0, 2)


def whitener(days: np.ndarray, processes: Grid) -> Whitener:
    """Of the days used, as increasing whole numbers."""
    return _whitener(np.diff(days).astype(np.int32).tobytes(), processes)


@lru_cache(maxsize=64)
def _whitener(gaps: bytes, processes: Grid) -> Whitener:
    gap, share, noise = np.frombuffer(gaps, np.int32), processes.share, 1 - processes.share
    kept = processes.phi ** gap[:, None]
    signal = np.empty((len(gap) + 1, len(share)))  # variance of what is remembered, before the day is seen
    signal[0] = share
    for i in range(len(gap)):
        seen = signal[i] * noise / (signal[i] + noise)
        signal[i + 1] = share + kept[i] ** 2 * (seen - share)
    variance = signal + noise
    weight = signal / variance
    last = np.zeros((1, len(share)))  # nothing is predicted from the last day
    gain = np.vstack([kept * weight[:-1], last])
    band = np.stack([np.ones_like(gain), np.vstack([-kept * (1 - weight[:-1]), last])], axis=-1)
    return Whitener(band.transpose(1, 0, 2).copy(), gain.T.copy(), np.sqrt(variance).T.copy())
