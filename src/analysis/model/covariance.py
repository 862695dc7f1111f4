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
    """Error processes, G of them.

    Parameters
    ----------
    phi, share : ndarray, shape (G,)
    """

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
    white = Grid(PHI[:1], np.zeros(1))
    if size == "white":
        return white
    phi, share = (axis.ravel() for axis in np.meshgrid(PHI, SHARE, indexing="ij"))
    valid = (share <= 1) | (phi < 0.8)  # positive definite
    phi, share = phi[valid], share[valid]
    if size == "coarse":
        some = np.isin(phi, PHI[[0, 2, 4]]) & np.isin(share, SHARE[[1, 2, 4]])
        phi, share = phi[some], share[some]
    return Grid(np.append(white.phi, phi), np.append(white.share, share))


@dataclass(frozen=True, slots=True, eq=False)
class Whitener:
    """What turns rows on n given days into uncorrelated ones of equal variance, under each process of a grid.

    Parameters
    ----------
    band : ndarray, shape (2, G n)
        The bidiagonal system of the prediction's recursion, all processes in a row.
    gain : ndarray, shape (G, n)
        Weight of a day's own value in the prediction of the next day used.
    root : ndarray, shape (G, n)
        Standard deviation of the innovations, in units of the errors'.
    """

    band: np.ndarray
    gain: np.ndarray
    root: np.ndarray

    @property
    def log_determinant(self) -> np.ndarray:
        """Of each correlation matrix, shape (G,)."""
        return 2 * np.log(self.root).sum(axis=1)

    def only(self, point: int) -> Whitener:
        """Of one process."""
        n = self.gain.shape[1]
        part = slice(point, point + 1)
        return Whitener(self.band[:, point * n : (point + 1) * n], self.gain[part], self.root[part])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Rows (m, n) whitened, shape (G, m, n)."""
        (points, n), m = self.gain.shape, len(rows)
        white = np.zeros((m, points, n))
        np.multiply(self.gain[:, :-1], rows[:, None, :-1], out=white[:, :, 1:])
        lapack.dtbtrs(
            self.band, white.reshape(m, -1).T, uplo="L", diag="U", overwrite_b=1
        )  # the predictions, in place
        np.subtract(rows[:, None, :], white, out=white)
        white /= self.root
        return white.transpose(1, 0, 2)


def whitener(days: np.ndarray, processes: Grid) -> Whitener:
    """Of the days used, as increasing whole numbers."""
    return _whitener(np.diff(days).astype(np.int32).tobytes(), processes)


@lru_cache(maxsize=64)
def _whitener(gaps: bytes, processes: Grid) -> Whitener:
    gap = np.frombuffer(gaps, np.int32)
    n = len(gap) + 1
    share, noise = processes.share, 1 - processes.share
    kept = processes.phi ** gap[:, None]
    signal = np.empty((n, len(share)))  # variance of the part that is remembered, before the day is seen
    signal[0] = share
    for i in range(n - 1):
        seen = signal[i] * noise / (signal[i] + noise)
        signal[i + 1] = share + kept[i] ** 2 * (seen - share)
    variance = signal + noise
    weight = signal / variance
    band = np.zeros((n, 2, len(share)))
    band[:, 0] = 1
    band[:-1, 1] = -kept * (1 - weight[:-1])
    gain = np.zeros((n, len(share)))
    gain[:-1] = kept * weight[:-1]
    return Whitener(
        np.asfortranarray(band.transpose(1, 2, 0).reshape(2, -1)), gain.T.copy(), np.sqrt(variance).T.copy()
    )
