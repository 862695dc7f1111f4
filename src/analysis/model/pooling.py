"""Pooling: what several effects have in common, how far they differ, what one more may be, and their sum.

    y[i] = x[i]'b + u[i] + e[i],   u[i] ~ N(0, tau^2),   e[i] ~ N(0, se[i]^2)

y[i] is a log relative effect, se[i] its standard error, x[i] is 1, and beside it a moderator where one is asked about
(random-effects meta-regression).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from analysis.model.effect import Effect, Interval, half_width


@dataclass(frozen=True, slots=True)
class Coefficient:
    """An estimate on the log scale with Student's t around it; without degrees of freedom nothing is known of it."""

    log: float
    se: float
    df: int

    @property
    def relative(self) -> float:
        return float(np.expm1(self.log))

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return float(2 * special.stdtr(self.df, -abs(self.log) / self.se)) if self.df else 1.0

    def interval(self, level: float = 0.95) -> Interval:
        """Of `relative`."""
        half = half_width(level, self.df) * self.se if self.df else np.inf
        return Interval(float(np.expm1(self.log - half)), float(np.expm1(self.log + half)))


@dataclass(frozen=True, slots=True, eq=False)
class RandomEffects:
    """The regression above: log effects `y` (k,), their standard errors `se` (k,), columns `X` (k, p)."""

    y: np.ndarray
    se: np.ndarray
    X: np.ndarray

    def fit(self, tau2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted least squares for each of G values of tau^2: b (G, p), its covariance (G, p, p), and Q (G,)."""
        w = 1 / (self.se**2 + np.reshape(tau2, (-1, 1)))
        covariance = np.linalg.inv(np.einsum("gk,kp,kq->gpq", w, self.X, self.X))
        b = np.einsum("gpq,gk,kq->gp", covariance, w * self.y, self.X)
        return b, covariance, (w * (self.y - b @ self.X.T) ** 2).sum(axis=1)

    @property
    def df(self) -> int:
        return self.X.shape[0] - self.X.shape[1]

    @property
    def q(self) -> float:
        """Cochran's Q, chi-square with `df` degrees of freedom if nothing but noise sets the editions apart."""
        return float(self.fit(0.0)[2][0])

    @property
    def i2(self) -> float:
        """Share of the editions' variation that is not noise (Higgins & Thompson 2002)."""
        return max(0.0, 1 - self.df / max(self.q, 1e-300))

    @property
    def tau2(self) -> float:
        """Variance between editions (Paule & Mandel 1982): where Q is what it should be, or zero."""
        if not 0 < self.df < self.q:
            return 0.0
        most = float(np.sum((self.y - self.y.mean()) ** 2))  # Q is below df there
        return optimize.brentq(lambda t: self.fit(t)[2][0] - self.df, 0.0, most, xtol=1e-12 * most)

    def mean(self, x: Sequence[float] = (1.0,)) -> Coefficient:
        """The combination `x` (p,) of the coefficients, with Knapp & Hartung's (2003) interval.

        Their factor, Q / df, is one at this tau^2, or below it where tau^2 is zero; there it is not used (Roever, Knapp
        & Friede 2015).
        """
        b, covariance, _ = self.fit(self.tau2)
        return Coefficient(float(b[0] @ x), float(np.sqrt(x @ covariance[0] @ np.asarray(x))), self.df)

    def next(self, x: Sequence[float] = (1.0,), level: float = 0.95) -> Interval:
        """Where the relative effect of one more edition lies.

        Averaged over the confidence distribution of tau^2, by which Q(tau^2) is chi-square (Nagashima, Noma & Furukawa
        2019): the interval of Higgins, Thompson & Spiegelhalter (2009) is too short where tau^2 comes out zero.
        """
        if not self.df:
            return Interval(-1.0, np.inf)
        tau2 = np.append(0.0, np.geomspace(1e-5, 1e6, 300)) * (np.mean(self.se**2) + np.var(self.y))
        b, covariance, q = self.fit(tau2)
        below = special.chdtrc(self.df, q)  # the confidence distribution of tau^2
        weight = np.diff((below[1:] + below[:-1]) / 2, prepend=0.0, append=1.0)
        centre, sd = b @ x, np.sqrt(tau2 + np.einsum("p,gpq,q->g", x, covariance, x))
        reach = np.abs(centre).max() + 10 * sd.max()

        def quantile(p: float) -> float:
            return optimize.brentq(lambda z: weight @ special.ndtr((z - centre) / sd) - p, -reach, reach)

        mean = self.mean(x).interval(level)  # of few editions it is known less well than one more is
        with np.errstate(over="ignore"):  # of two or three editions the upper end may be beyond every number
            low, high = (float(np.expm1(quantile(p))) for p in ((1 - level) / 2, (1 + level) / 2))
        return Interval(min(low, mean.low), max(high, mean.high))


def reconcile(
    headline: Effect, own: np.ndarray, variance: float, total: float, df: float, level: float = 0.95
) -> tuple[np.ndarray, float, float]:
    """How estimates move so that a sum of them is the headline (minimum trace: Wickramasuriya et al. 2019).

    `own` (m,) are the covariances of each one's error with that of the sum, `variance` is the sum's, `total` the sum.
    Returns the share (m,) of the sum's move that each takes, the move, and what the headline's interval adds to the
    variance of the sum.
    """
    low, high = headline.confidence_interval(level)
    wanted = ((high - low) / 2 / half_width(level, df)) ** 2
    return own / variance, headline.absolute - total, wanted - variance
