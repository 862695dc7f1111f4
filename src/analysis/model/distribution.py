"""The distribution of what the event's days would have brought without the initiative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import special

# Normal scores at which quantiles are kept: 0 is the median, +-1.96 and its like are hit exactly.
_HIT = special.ndtri([0.025, 0.05, 0.1, 0.9, 0.95, 0.975])
SCORES = np.unique(np.concatenate([np.linspace(-6, 6, 241), _HIT]))
PROBABILITIES = special.ndtr(SCORES)
HUGE = 1e300  # quantiles beyond it are cut: what lies between two infinite ones has no place
DRAWS = 4_000  # of the sum over several days; half of them mirror the other half


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution by its quantiles at the probabilities Phi(SCORES), with straight lines between normal scores, so
    that quantile and probability are exact inverses."""

    quantiles: np.ndarray  # (len(SCORES),), not decreasing, in the units of the observation

    @property
    def median(self) -> float:
        return float(self.quantiles[len(SCORES) // 2])

    def quantile(self, probability: float) -> float:
        """The value that a share `probability` of the distribution lies below."""
        return float(_line(special.ndtri(probability), SCORES, self.quantiles))

    def score(self, value: float) -> float:
        """The normal score of `value`: Phi of it is the share of the distribution below, half of any weight on it."""
        same = np.flatnonzero(self.quantiles == value)
        if len(same) > 1:
            return float(special.ndtri(PROBABILITIES[same[[0, -1]]].mean()))
        return float(_line(value, self.quantiles, SCORES))

    def probability(self, value: float) -> float:
        """The share of the distribution below `value`; of a value that carries weight itself, half of it."""
        return float(special.ndtr(self.score(value)))

    def scaled(self, factor: float) -> Distribution:
        """Of `factor` times the quantity; `factor` is positive."""
        return Distribution(self.quantiles * factor)

    def settled(self) -> Distribution:
        """To twelve digits of its middle: what the order of a machine's additions leaves open is cut off."""
        middle = float(np.median(np.abs(self.quantiles)))
        digits = 11 - int(np.floor(np.log10(middle))) if 0 < middle < np.inf else 12
        return Distribution(np.round(self.quantiles, digits))

    @classmethod
    def student(cls, df: float, centre: float, scale: float) -> Distribution:
        """Student's t with `df` degrees of freedom, moved and scaled."""
        return cls(centre + scale * special.stdtrit(df, PROBABILITIES))

    @classmethod
    def total(cls, centre: np.ndarray, covariance: np.ndarray, shape: np.ndarray, inverse: Callable) -> Self:
        """Of the sum over H days whose transformed values are joined by a Gaussian copula.

        `centre` (H,) and `covariance` (H, H) are on the transformed scale, from which `inverse` leads back; `shape`
        (len(SCORES),) holds the quantiles of a standardised day.
        """
        spread = np.sqrt(np.diag(covariance))
        with np.errstate(over="ignore"):  # the ends of a t with few degrees reach beyond every number
            if len(centre) == 1:
                return cls(np.clip(inverse(centre + spread * shape), -HUGE, HUGE))
            correlation = covariance / np.maximum(np.outer(spread, spread), 1e-300)
            root = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(centre)))
            draws = np.random.default_rng(0).standard_normal((DRAWS // 2, len(centre))) @ root.T
            draws = np.interp(np.concatenate([draws, -draws]), SCORES, shape)
            sums = np.sort(inverse(centre + spread * draws).sum(axis=1))
        return cls(_smooth(np.clip(sums, -HUGE, HUGE)))


def _smooth(draws: np.ndarray) -> np.ndarray:
    """Quantiles of sorted draws at SCORES, continued beyond three standard deviations by their slope there."""
    reach = special.ndtri((np.arange(len(draws)) + 0.5) / len(draws))
    quantiles = np.interp(SCORES, reach, draws)
    for side, edge, inner in ((SCORES < -3, -3.0, -2.0), (SCORES > 3, 3.0, 2.0)):
        at, near = np.interp([edge, inner], reach, draws)
        quantiles[side] = at + (SCORES[side] - edge) * (at - near) / (edge - inner)
    return quantiles


def _line(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """Straight lines through the points (xs, ys), continued beyond both ends."""
    i = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    step = xs[i + 1] - xs[i]
    if step == 0:
        return ys[i] if x < xs[i] else ys[i + 1]
    return ys[i] + (x - xs[i]) * (ys[i + 1] - ys[i]) / step
