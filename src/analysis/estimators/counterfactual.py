"""The result of an estimate: what was observed beside the law of what would have been."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from analysis.windows import Windows

RATIOS = ("ticket", "digital_share")  # metrics that are averaged over days where others are added up


class Interval(NamedTuple):
    """Two ends, both plain floats."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Predictive:
    """What the event would have brought without the initiative: a distribution, not a number.

    Kept as quantiles on a fixed grid of probabilities and read off between them on the normal-score scale, so
    that quantile and probability are exact inverses of one another and any estimator's law fits in.

    Parameters
    ----------
    mean : float
        Its mean, in the units of the observation.
    quantiles : ndarray, shape (len(SCORES),)
        Its quantiles at the probabilities Phi(SCORES), not decreasing.
    """

    mean: float
    quantiles: np.ndarray

    def quantile(self, probability: float) -> float:
        """The value that a share `probability` of the distribution lies below."""
        return float(_line(special.ndtri(probability), SCORES, self.quantiles))

    def probability(self, value: float) -> float:
        """The share of the distribution at or below `value`; of a value that carries weight itself, half of it."""
        same = np.flatnonzero(self.quantiles == value)
        if len(same) > 1:
            return float(PROBABILITIES[same[[0, -1]]].mean())
        return float(special.ndtr(_line(value, self.quantiles, SCORES)))

    @classmethod
    def student(
        cls,
        freedom: float,
        centre: float,
        scale: float,
        inverse: Callable[[np.ndarray], np.ndarray] | None = None,
        mean: float | None = None,
    ) -> Predictive:
        """Student's t with `freedom` degrees moved, scaled and mapped through `inverse` (np.exp for logs)."""
        quantiles = centre + scale * special.stdtrit(freedom, PROBABILITIES)
        if inverse is not None:
            with np.errstate(over="ignore"):  # the ends of a t with two degrees reach beyond every number
                quantiles = inverse(quantiles)
        return cls(float(centre if mean is None else mean), quantiles)

    @classmethod
    def from_draws(cls, draws: np.ndarray) -> Predictive:
        """The empirical law of some thousand draws, continued beyond the outermost by their slope."""
        draws = np.sort(draws)
        reach = special.ndtri((np.arange(len(draws)) + 0.5) / len(draws))
        inside = abs(SCORES) <= 3
        quantiles = np.interp(SCORES, reach, draws)
        known, values = SCORES[inside], quantiles[inside]
        for side, edge, inner in ((SCORES < -3, 0, 20), (SCORES > 3, -1, -21)):
            slope = (values[edge] - values[inner]) / (known[edge] - known[inner])
            quantiles[side] = values[edge] + (SCORES[side] - known[edge]) * slope
        return cls(float(draws.mean()), quantiles)

    @classmethod
    def total(
        cls,
        centre: np.ndarray,
        covariance: np.ndarray,
        shape: np.ndarray,
        inverse: Callable[[np.ndarray], np.ndarray],
    ) -> Predictive:
        """Of the sum over H days whose transformed values are joined by a Gaussian copula.

        Parameters
        ----------
        centre : ndarray, shape (H,)
        covariance : ndarray, shape (H, H)
        shape : ndarray, shape (len(SCORES),)
            Quantiles of a standardised day.
        inverse : callable
            From the transformed to the original scale.
        """
        spread = np.sqrt(np.diag(covariance))
        if len(centre) == 1:
            quantiles = inverse(centre + spread * shape)
            return cls(_mean(quantiles), quantiles)
        correlation = covariance / np.maximum(np.outer(spread, spread), 1e-300)
        root = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(centre)))
        draws = np.random.default_rng(0).standard_normal((2_000, len(centre))) @ root.T
        draws = np.interp(np.concatenate([draws, -draws]), SCORES, shape)  # both signs of each draw
        return cls.from_draws(inverse(centre + spread * draws).sum(1))

    def scaled(self, factor: float) -> Predictive:
        """Of `factor` times the quantity."""
        return Predictive(self.mean * factor, self.quantiles * factor)


def _mean(quantiles: np.ndarray) -> float:
    """Mean of a law given by its quantiles; the outer two in a thousand stand for their edge."""
    inside = abs(SCORES) <= 3.1
    return float(np.trapezoid(quantiles[inside], PROBABILITIES[inside]) / np.ptp(PROBABILITIES[inside]))


# 0 is the median; the ends are beyond one in a hundred million; +-1.96 and its like are hit exactly.
SCORES = np.unique(
    np.concatenate([np.linspace(-6, 6, 241), special.ndtri([0.025, 0.05, 0.1, 0.9, 0.95, 0.975])])
)
PROBABILITIES = special.ndtr(SCORES)


def _ratio(observed: float, expected: float) -> float:
    """observed / expected - 1 for an expectation that may reach zero."""
    return observed / expected - 1 if expected > 0 else float("inf")


def _line(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """Straight lines through the points (xs, ys), continued beyond both ends."""
    i = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    step = xs[i + 1] - xs[i]
    if step == 0:
        return ys[i] if x < xs[i] else ys[i + 1]
    return ys[i] + (x - xs[i]) * (ys[i + 1] - ys[i]) / step


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event added, with the distribution of what would have been without it.

    Stores facts; every number is derived from them, so none can contradict another.

    Parameters
    ----------
    observed : float
        The metric over the event: the sum over its days (of a ratio the mean).
    counterfactual : Predictive
        The same without the initiative.
    estimand : str
        "pre-week" (what the day added to the week before) or "history" (what the initiative added).
    estimator : str
        Its name in `ESTIMATORS`.
    days_used : DatetimeIndex
        The days that the counterfactual was learned from.
    event_days : DatetimeIndex
        The days of the event.
    metric : str
        Name of the series.
    warnings : tuple of str
        What a reader must know, each a sentence.
    """

    observed: float
    counterfactual: Predictive
    estimand: str
    estimator: str
    days_used: pd.DatetimeIndex
    event_days: pd.DatetimeIndex
    metric: str
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        estimator: str,
        daily: pd.Series,
        windows: Windows,
        baseline: str,
        used: pd.DatetimeIndex,
        total: Predictive,
        warnings: Iterable[str] = (),
    ) -> Effect:
        """Hold the event's days of `daily` against the law of their total; a ratio is averaged over them."""
        days = windows.event_days
        metric = str(daily.name or "value")
        share = 1 / len(days) if metric in RATIOS else 1.0
        observed = float(daily.loc[days[0] : days[-1]].to_numpy().sum()) * share
        return cls(observed, total.scaled(share), baseline, estimator, used, days, metric, tuple(warnings))

    @property
    def expected(self) -> float:
        """Mean of the counterfactual."""
        return self.counterfactual.mean

    @property
    def absolute(self) -> float:
        """Observed less expected, in units of the metric."""
        return self.observed - self.expected

    @property
    def relative(self) -> float:
        """`absolute` as a fraction of `expected`: 0.3 is +30 %."""
        return _ratio(self.observed, self.expected)

    @property
    def p_value(self) -> float:
        """Two-sided: how often an ordinary day would lie as far out in its distribution."""
        below = self.counterfactual.probability(self.observed)
        return min(1.0, 2 * min(below, 1 - below))

    def expected_interval(self, level: float = 0.95) -> Interval:
        """Where the metric would have lain without the initiative, with probability `level`."""
        if not 0 < level < 1:
            raise ValueError(f"level is {level}: give a fraction between 0 and 1, such as 0.95")
        tail = (1 - level) / 2
        return Interval(self.counterfactual.quantile(tail), self.counterfactual.quantile(1 - tail))

    def confidence_interval(self, level: float = 0.95, relative: bool = False) -> Interval:
        """Interval of the effect; its `p_value` is 1 - level exactly when an end touches zero.

        The relative one compares what was observed with each end of the expected interval; an end is
        infinite where the expected interval reaches zero.
        """
        low, high = self.expected_interval(level)
        if relative:
            return Interval(_ratio(self.observed, high), _ratio(self.observed, low))
        return Interval(self.observed - high, self.observed - low)

    def to_dict(self, level: float = 0.95) -> dict:
        """Every number at full precision, under the keys of the command line's JSON."""
        expected, absolute = self.expected_interval(level), self.confidence_interval(level)
        relative = self.confidence_interval(level, relative=True)
        return {
            "estimator": self.estimator,
            "estimand": self.estimand,
            "metric": self.metric,
            "event_start": f"{self.event_days[0]:%Y-%m-%d}",
            "event_end": f"{self.event_days[-1]:%Y-%m-%d}",
            "observed": self.observed,
            "expected": self.expected,
            "expected_low": expected.low,
            "expected_high": expected.high,
            "absolute": self.absolute,
            "absolute_low": absolute.low,
            "absolute_high": absolute.high,
            "relative": self.relative,
            "relative_low": relative.low,
            "relative_high": relative.high,
            "p_value": self.p_value,
            "level": level,
            "days_used": len(self.days_used),
            "warnings": list(self.warnings),
        }
