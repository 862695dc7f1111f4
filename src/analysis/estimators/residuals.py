"""Linear algebra of residuals: pulses, permutations and end-of-sample tests of one regression.

With projection H = X (X'X)^-1 X', a pulse dummy at day t has the coefficient e_t / (1 - h_tt); a block B of days
has the forecast error (I - H_BB)^-1 e_B. So every placebo date of every series comes out of one pass, equal
to refitting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class PulseEffects(NamedTuple):
    """One placebo effect a day and unit; both arrays have the shape of Y. NaN where X alone fits the day."""

    effects: np.ndarray
    se: np.ndarray

    @property
    def t(self) -> np.ndarray:
        """Leave-one-out t statistics: the variance comes from the other days."""
        return self.effects / self.se


class Conformal(NamedTuple):
    """A permutation test inverted: the effect a day, its interval, the p-value of none, and their floor.

    An end is infinite when `level` asks for more than the number of permutations can tell.
    """

    effect: float
    low: float
    high: float
    p_value: float
    floor: float


class EndOfSample(NamedTuple):
    """Andrews' test: the event's statistic, those of the days before, and the share at least as large."""

    statistic: float
    reference: np.ndarray
    p_value: float


def pulse_effects(X: np.ndarray, Y: np.ndarray) -> PulseEffects:
    """The effect of a pulse on each day of each unit, as if each had been refitted with its own dummy.

    effect = e_t / (1 - h_tt); its variance is s_(t)^2 / (1 - h_tt), where s_(t)^2 leaves day t out, as in
    the ordinary regression with that dummy. With a pulse, robust (HC, HAC) errors mean nothing: its own
    residual is zero.

    Parameters
    ----------
    X : ndarray, shape (days, terms)
        Regressors of all units, with the constant. Terms that depend on others are dropped.
    Y : ndarray, shape (days,) or (days, units)

    Raises
    ------
    ValueError
        If a value is missing or fewer days than terms + 2 remain.
    """
    X, Y = np.asarray(X, float), np.asarray(Y, float)
    Q = _basis(X, Y)
    days, terms = Q.shape
    left = 1 - np.einsum("ij,ij->i", Q, Q)
    left[left < 1e-10] = np.nan
    left = left.reshape(-1, *[1] * (Y.ndim - 1))
    effects, se = np.empty((2, *Y.shape))  # one block: the allocator keeps it from one call to the next
    np.matmul(Q, Q.T @ Y, out=effects)
    np.subtract(Y, effects, out=effects)
    np.multiply(effects, effects, out=se)
    squares = se.sum(axis=0)
    # s_(t)^2 = (e'e - e_t^2 / (1 - h)) / (n - k - 1)
    se *= -1 / left
    se += squares
    se *= 1 / (left * (days - terms - 1))
    np.sqrt(np.abs(se, out=se), out=se)
    effects *= 1 / left
    return PulseEffects(effects, se)


def p_value(statistic: float, reference: np.ndarray) -> float:
    """(1 + the placebos at least as large) / (1 + the placebos): exact when all are exchangeable.

    It cannot fall below 1 / (1 + placebos), however large the effect.
    """
    reference = np.asarray(reference, float)
    reference = reference[np.isfinite(reference)]
    return float((1 + np.count_nonzero(reference >= statistic)) / (1 + len(reference)))


def step_down(statistics: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Family-wise p-values of several |t| by step-down max-t over placebo dates.

    The largest is compared with the largest of each date, the next with the largest of the rest, and so on;
    p-values never fall along the way. Whole dates are compared, so the dependence between units is kept.
    """
    statistics, reference = np.abs(statistics), np.abs(reference)
    order = np.argsort(-statistics, kind="stable")
    rest = np.maximum.accumulate(reference[:, order][:, ::-1], axis=1)[:, ::-1]
    counts = np.count_nonzero(rest >= statistics[order], axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate((1 + counts) / (1 + len(reference)))
    return adjusted


def conformal(
    X: np.ndarray,
    y: np.ndarray,
    event: np.ndarray,
    level: float = 0.95,
    scheme: str = "block",
    draws: int = 9_999,
    seed: int = 0,
) -> Conformal:
    """Permutation inference of Chernozhukov, Wuethrich and Zhu (2021), inverted in closed form.

    Under "the event added theta a day" the model is fitted to ALL days, event included, after theta is
    taken off; the event's |sum of residuals| is ranked among those of the same pattern of days moved round
    the circle (`scheme="block"`, right under dependence) or of as many days drawn at random ("iid").
    Residuals are linear in theta, so each permutation beats the event on one interval of theta around the
    estimate, whose ends are (a_E -+ a_B) / (b_E -+ b_B): the confidence interval is a pair of order
    statistics, not a search.

    Parameters
    ----------
    X : ndarray, shape (days, terms)
    y : ndarray, shape (days,)
        The days before and of the event; days after it only if the event cannot have touched them.
    event : ndarray of bool, shape (days,)
    """
    X, y, event = np.asarray(X, float), np.asarray(y, float), np.asarray(event, bool)
    if scheme not in ("block", "iid"):
        raise ValueError(f"scheme {scheme!r} is unknown: give block or iid")
    if not event.any() or event.all():
        raise ValueError("the event covers none or all of the days: give days of both kinds")
    _check_level(level)
    Q = _basis(X, y)
    both = np.column_stack([y, event.astype(float)])
    residuals = both - Q @ (Q.T @ both)
    n, length = len(y), int(event.sum())
    if scheme == "block" or length == 1:
        picks = (np.flatnonzero(event) + np.arange(1, n)[:, None]) % n
    else:
        rng = np.random.default_rng(seed)
        picks = rng.random((draws, n)).argpartition(length, axis=1)[:, :length]
    a, b = residuals[picks].sum(axis=1).T
    a_event, b_event = residuals[event].sum(axis=0)
    if b_event < 1e-9 * length:
        raise ValueError("the regressors already fit the event's days exactly: use fewer calendar terms")
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.sort([(a_event - a) / (b_event - b), (a_event + a) / (b_event + b)], axis=0)
    # A permutation with a leverage above the event's own is not beaten far out on either side.
    ends[:, np.abs(b) >= b_event] = [[-np.inf], [np.inf]]
    below, above = np.sort(ends[0]), np.sort(ends[1])[::-1]
    rank = int((1 - level) * (len(a) + 1) + 1e-9)
    low, high = (below[rank - 1], above[rank - 1]) if rank else (-np.inf, np.inf)
    null = p_value(abs(a_event), np.abs(a) * (1 + 1e-12))
    return Conformal(float(a_event / b_event), float(low), float(high), null, 1 / (len(a) + 1))


def end_of_sample(X: np.ndarray, y: np.ndarray, days: int = 1) -> EndOfSample:
    """Andrews' (2003) S test that the last `days` days obey the regression of those before.

    S_j = u_j' V^-1 u_j over blocks of m days (its projection on the regressors when m > terms), with V the
    m x m autocovariance of the residuals of all days. The event's u comes from the fit to all days; block j
    of the days before from the fit without its first ceil(m / 2) days. Valid for dependent, non-normal
    errors as the history grows, whatever m; the event's own fit is the milder one, so the test is a little
    conservative in short histories.
    """
    X, y = np.asarray(X, float), np.asarray(y, float)
    n = len(y) - days
    if days < 1 or n < 2 * days:
        raise ValueError(f"{len(y)} days cannot test the last {days}: give a longer history")
    Q = _basis(X, y)
    residuals = y - Q @ (Q.T @ y)
    blocks = sliding_window_view(residuals, days)
    V = blocks.T @ blocks / len(blocks)
    Qn = _basis(X[:n], y[:n])
    before = y[:n] - Qn @ (Qn.T @ y[:n])
    part = -(-days // 2)
    starts = np.arange(n - days + 1)
    rows, out = starts[:, None] + np.arange(days), starts[:, None] + np.arange(part)
    # b without the block: e_B + H_B,out (I - H_out)^-1 e_out
    gap = np.eye(part) - Qn[out] @ Qn[out].transpose(0, 2, 1)
    shift = np.linalg.solve(gap, before[out][..., None])
    reference = before[rows] + (Qn[rows] @ (Qn[out].transpose(0, 2, 1) @ shift))[..., 0]
    statistic, others = _andrews(blocks[-1:], Q[-days:][None], V)[0], _andrews(reference, Q[rows], V)
    return EndOfSample(float(statistic), others, p_value(statistic, others))


def _andrews(u: np.ndarray, X: np.ndarray, V: np.ndarray) -> np.ndarray:
    """u' V^-1 u of each block u (blocks x days), projected on X (blocks x days x terms) if days > terms."""
    whitened = np.linalg.solve(V, u.T).T
    if X.shape[1] <= X.shape[2]:
        return np.einsum("ij,ij->i", u, whitened)
    score = np.einsum("bdt,bd->bt", X, whitened)
    inner = np.einsum("bdt,bdu->btu", X, np.linalg.solve(V, X))
    return np.einsum("bt,bt->b", score, np.einsum("btu,bu->bt", np.linalg.pinv(inner), score))


def _basis(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span X; says what is wrong with the input."""
    if X.ndim != 2 or len(X) != len(Y):
        raise ValueError(f"X has the shape {X.shape} and Y {Y.shape}: give both one row a day")
    if not (np.isfinite(X).all() and np.isfinite(Y).all()):
        raise ValueError("a value is missing or infinite: leave such days out first")
    Q, R = np.linalg.qr(X)
    size = np.linalg.norm(X, axis=0)
    kept = np.abs(np.diag(R)) > 1e-10 * np.where(size > 0, size, 1)
    if not kept.all():
        Q = np.linalg.qr(X[:, : len(kept)][:, kept])[0]
    if len(Q) < Q.shape[1] + 2:
        raise ValueError(f"{len(Q)} days for {Q.shape[1]} terms: give a longer history or fewer terms")
    return Q


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: give a fraction between 0 and 1, such as 0.95")
