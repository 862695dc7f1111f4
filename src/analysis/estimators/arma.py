"""Regression with ARMA errors whose parameters are averaged over instead of picked.

    z[t] = x[t] b + u[t],   (1 - phi B)(1 - Phi B^7) u[t] = (1 + theta B)(1 + Theta B^7) e[t]

A grid of (phi, theta) with or without a weekly factor (Phi near one: a weekday pattern that drifts) is fitted in
one batch. For given moving-average parameters the data are filtered once; every autoregressive choice is then a
quadratic form in the same lagged cross-products, so two hundred fits cost little more than thirty filters.
Restricted likelihoods (Harville 1974) weigh the grid; a forecast is the weighted mixture (best linear unbiased
prediction, Goldberger 1962), so that not knowing the parameters widens it as it should.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.linalg import lapack

WEEK = 7
LAGS = (0, 1, WEEK, WEEK + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The error models tried, one a position; M pairs (theta, Theta) times P values of phi.

    Parameters
    ----------
    theta, weekly_theta, weekly_phi : ndarray, shape (M,)
    phi : ndarray, shape (P,)
    allowed : ndarray of bool, shape (M, P)
        False where factors cancel or the error would be negatively correlated at first.
    log_prior : ndarray, shape (M, P)
    ar : ndarray, shape (M, P, 4)
        Coefficients of (1 - phi B)(1 - Phi B^7) at LAGS, derived.
    start : ndarray, shape (M, P)
        Variance of the first error in units of an innovation's, without the weekly factor, derived.
    """

    theta: np.ndarray
    weekly_theta: np.ndarray
    weekly_phi: np.ndarray
    phi: np.ndarray
    allowed: np.ndarray
    log_prior: np.ndarray

    ar: np.ndarray = field(init=False)
    start: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        phi, weekly = np.broadcast_arrays(self.phi[None, :], self.weekly_phi[:, None])
        ar = np.stack([np.ones_like(phi), -phi, -weekly, phi * weekly], axis=-1)
        theta = self.theta[:, None]
        start = (1 + 2 * phi * theta + theta**2) / (1 - phi**2)
        object.__setattr__(self, "ar", ar)
        object.__setattr__(self, "start", start)

    def part(self, moving: np.ndarray, phi: np.ndarray | slice = slice(None)) -> Grid:
        """Some of its pairs (theta, Theta), by number, with some of the values of phi."""
        return Grid(
            self.theta[moving],
            self.weekly_theta[moving],
            self.weekly_phi[moving],
            self.phi[phi],
            self.allowed[moving][:, phi],
            self.log_prior[moving][:, phi],
        )


@lru_cache
def grid(size: str) -> Grid:
    """A grid by name: "white" (independent errors), "coarse" (a first look), "plain" or "weekly"."""
    weekly = [(0.0, 0.0)]
    if size == "white":
        phi, theta = np.zeros(1), [0.0]
    elif size == "coarse":
        phi, theta = np.array([0, 0.4, 0.75, 0.94]), [0.0, -0.4, -0.75]
    else:
        phi = np.array([0, 0.2, 0.4, 0.6, 0.75, 0.87, 0.94, 0.98])
        theta = [0.3, 0.0, -0.2, -0.4, -0.6, -0.75, -0.88]
    if size == "weekly":
        weekly += [(0.97, -0.93), (0.97, -0.8), (0.97, -0.6)]
    moving = np.array([(t, big_theta, big_phi) for big_phi, big_theta in weekly for t in theta])
    first = moving[:, 0]
    allowed = (phi + first[:, None] > 1e-9) | (first == 0)[:, None]
    allowed &= (phi > 0) | (first <= 0)[:, None]
    prior = np.where(moving[:, 1] == 0, 0.0, -np.log(max(1, len(weekly) - 1)))
    return Grid(first, moving[:, 1], moving[:, 2], phi, allowed, prior[:, None] + np.zeros(len(phi)))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The grid fitted to one series of n days with k regressors; G positions carry weight.

    Parameters
    ----------
    rows : ndarray, shape (k + 1, n)
        The regressors, and the series last.
    models : Grid
    position : tuple of two ndarrays, shape (G,)
        Where each lies in the grid.
    weight : ndarray, shape (G,)
        Adds up to one.
    coefficients : ndarray, shape (G, k)
    variance : ndarray, shape (G,)
        Of an innovation.
    root : ndarray, shape (G, k, k)
        Inverse Cholesky factor of X' V^-1 X.
    filtered : ndarray, shape (G, k + 1, 8)
        The last days of `rows` after the moving-average filter; forecasts start from them.
    freedom : int
    evidence : float
        Log likelihood of the series with parameters and coefficients integrated out, but for a constant: to compare
        fits that differ in regressors of finite prior variance.
    """

    rows: np.ndarray
    models: Grid
    position: tuple[np.ndarray, np.ndarray]
    weight: np.ndarray
    coefficients: np.ndarray
    variance: np.ndarray
    root: np.ndarray
    filtered: np.ndarray
    freedom: int
    evidence: float

    @property
    def best(self) -> int:
        """The position of most weight."""
        return int(np.argmax(self.weight))

    @property
    def best_model(self) -> Grid:
        """The grid of that position alone."""
        m, p = self.position[0][self.best], self.position[1][self.best]
        return self.models.part(np.array([m]), np.array([p]))

    @property
    def weekly_models(self) -> Grid:
        """The grid "weekly" at those theta that carry weight."""
        whole, weight = grid("weekly"), np.bincount(self.position[0], self.weight, len(self.models.theta))
        likely = self.models.theta[weight > 0.05]
        return whole.part(np.flatnonzero(np.isin(whole.theta, likely)))

    def whiten(self, rows: np.ndarray) -> np.ndarray:
        """Rows (m, n) through the best model's filter: what the days before do not foretell."""
        m, p = self.position[0][self.best], self.position[1][self.best]
        models = self.models
        filtered = _unmove(rows, models.theta[m], models.weekly_theta[m])
        white = filtered.copy()
        for coefficient, lag in zip(models.ar[m, p][1:], LAGS[1:], strict=True):
            if coefficient:
                white[:, lag:] += coefficient * filtered[:, :-lag]
        white[:, 0] /= np.sqrt(models.start[m, p])
        return white

    @property
    def innovations(self) -> np.ndarray:
        """One-step errors of the best model, shape (n,)."""
        k = len(self.rows) - 1
        return self.whiten((self.rows[k] - self.coefficients[self.best] @ self.rows[:k])[None])[0]

    @property
    def pulse(self) -> np.ndarray:
        """What one odd day leaves in the innovations from that day on, shape (n,)."""
        day = np.zeros((1, self.rows.shape[1] + 1))
        day[0, 1] = 1
        return self.whiten(day)[0, 1:]

    def forecast(self, regressors: np.ndarray, ahead: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Mean (H,) and covariance (H, H) of days `ahead` to `ahead` + H - 1 after the last, averaged.

        `regressors` has shape (H, k). The covariance holds the innovations to come, the error of the
        coefficients and the spread of the mixture's means.
        """
        m, p = self.position
        models, k = self.models, len(self.rows) - 1
        phi, weekly = models.phi[p][:, None], models.weekly_phi[m][:, None]
        theta, big_theta = models.theta[m][:, None], models.weekly_theta[m][:, None]
        days, last = len(regressors), ahead + len(regressors) - 1

        def step(w: list[np.ndarray], innovation: float) -> np.ndarray:
            new = phi * w[-1] + weekly * w[-WEEK] - phi * weekly * w[-WEEK - 1] + innovation
            u = new + theta * w[-1] + big_theta * w[-WEEK] + theta * big_theta * w[-WEEK - 1]
            w.append(new)
            return u

        past, impulse = [self.filtered[:, :, j] for j in range(8)], [np.zeros_like(phi)] * 8
        carried = np.stack([step(past, 0.0) for _ in range(last)][ahead - 1 :], axis=1)  # (G, H, k + 1)
        psi = np.concatenate([step(impulse, float(j == 0)) for j in range(last)], axis=1)  # (G, last)
        response = np.zeros((len(self.weight), days, last))
        for day in range(days):
            response[:, day, : ahead + day] = psi[:, : ahead + day][:, ::-1]
        new = regressors[None] - carried[:, :, :k]
        means = carried[:, :, k] + np.einsum("ghk,gk->gh", new, self.coefficients)
        loading = np.einsum("gij,ghj->ghi", self.root, new)
        within = response @ response.transpose(0, 2, 1) + loading @ loading.transpose(0, 2, 1)
        mean = self.weight @ means
        apart = means - mean
        covariance = np.einsum("g,gij->ij", self.weight * self.variance, within)
        return mean, covariance + np.einsum("g,gi,gj->ij", self.weight, apart, apart)


def fit(rows: np.ndarray, models: Grid, set_aside: int = 0, precision: np.ndarray | None = None) -> Fit:
    """Fit every model of the grid by generalised least squares.

    Parameters
    ----------
    rows : ndarray, shape (k + 1, n)
        The regressors, and the series last, on consecutive days without gaps.
    models : Grid
    set_aside : int
        How many of the days were filled in rather than observed; each costs a degree of freedom.
    precision : ndarray, shape (k,), optional
        Of a normal prior around zero for each coefficient, in units of an innovation's; zero for none.
    """
    k, n = len(rows) - 1, rows.shape[1]
    filtered = _unmove_all(rows, models)
    ar, allowed = models.ar, models.allowed
    # Cross-products at lags 7 and 8 matter only with the weekly factor, whose models come last.
    cross = np.zeros((len(filtered), 4, 4, k + 1, k + 1))
    plain = int((models.weekly_phi == 0).sum())
    for a, first in enumerate(LAGS):
        for b in range(a, 4):
            part = filtered[0 if b < 2 else plain :]
            product = part[:, :, LAGS[b] - first : n - first] @ part[:, :, : n - LAGS[b]].transpose(0, 2, 1)
            cross[len(filtered) - len(part) :, a, b] = product
            cross[len(filtered) - len(part) :, b, a] = product.transpose(0, 2, 1)
    pairs = (ar[:, :, :, None] * ar[:, :, None, :]).reshape(*ar.shape[:2], 16)
    moments = (pairs @ cross.reshape(len(filtered), 16, -1)).reshape(*ar.shape[:2], k + 1, k + 1)[allowed]
    start = models.start[allowed]
    moments -= (1 - 1 / start)[:, None, None] * np.outer(rows[:, 0], rows[:, 0])
    gram, target, total = moments[:, :k, :k], moments[:, :k, k], moments[:, k, k]
    ridge = 1e-10 * np.trace(gram, axis1=1, axis2=2)[:, None, None] / k * np.eye(k)
    if precision is not None:
        ridge = ridge + np.diag(precision)
    root = np.linalg.inv(np.linalg.cholesky(gram + ridge))
    explained = np.einsum("gij,gj->gi", root, target)
    squares = np.maximum(total - (explained**2).sum(1), 1e-12 * total + 1e-300)
    free = k if precision is None else int((precision == 0).sum())
    freedom = max(n - free - set_aside, 1)
    log_determinant = -2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
    score = models.log_prior[allowed] - (freedom * np.log(squares) + log_determinant + np.log(start)) / 2
    weight = np.exp(score - score.max())
    evidence = score.max() + np.log(weight.sum())
    if precision is not None:
        evidence += np.log(precision[precision > 0]).sum() / 2
    keep = np.flatnonzero(weight > 1e-3)
    m, p = (axis[keep] for axis in np.nonzero(allowed))
    return Fit(
        rows=rows,
        models=models,
        position=(m, p),
        weight=weight[keep] / weight[keep].sum(),
        coefficients=np.einsum("gji,gj->gi", root[keep], explained[keep]),
        variance=squares[keep] / freedom,
        root=root[keep],
        filtered=filtered[m][:, :, -8:],
        freedom=freedom,
        evidence=float(evidence),
    )


def recursion(rows: np.ndarray, coefficient: float, lag: int) -> np.ndarray:
    """w[t] = rows[t] - coefficient w[t - lag] along each row, from zero: a banded triangular system.

    LAPACK solves it as fast as `scipy.signal.lfilter`, whose import takes a third of a second.
    """
    if not coefficient:
        return rows
    band = np.zeros((lag + 1, rows.shape[1]), order="F")
    band[0], band[lag] = 1, coefficient
    return lapack.dtbtrs(band, rows.T, uplo="L", diag="U")[0].T


def _unmove(rows: np.ndarray, theta: float, weekly_theta: float) -> np.ndarray:
    """Rows through the inverse of the moving average."""
    return recursion(recursion(rows, theta, 1), weekly_theta, WEEK)


def _unmove_all(rows: np.ndarray, models: Grid) -> np.ndarray:
    """Rows through the inverse of every moving average of the grid, shape (M, k + 1, n)."""
    out = np.empty((len(models.theta), *rows.shape))
    daily: dict[float, np.ndarray] = {}
    for i, (theta, weekly_theta) in enumerate(zip(models.theta, models.weekly_theta, strict=True)):
        if theta not in daily:
            daily[theta] = _unmove(rows, theta, 0.0)
        out[i] = _unmove(daily[theta], 0.0, weekly_theta)
    return out
