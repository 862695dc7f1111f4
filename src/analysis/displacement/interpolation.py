"""Foretell the days around an event from the others: regression with errors that remember."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import linalg, optimize, special

from analysis import days
from analysis.placebo import calendar_terms
from analysis.windows import BASELINES, Windows

CAMPAIGN_HALF = 7  # days in which a campaign reaches half its strength
SEASON_DAYS = 300  # history from which a yearly season can be told
MOST_HISTORY = 730  # days before the window to learn from
DIGITAL, COUNTER, TOTAL = range(3)
SERIES = ("digital", "counter", "total")


class Layout(NamedTuple):
    """Rows of the (3, days) arrays are digital, counter and total."""

    index: pd.DatetimeIndex
    observed: np.ndarray
    log: np.ndarray  # NaN where there is none
    X: np.ndarray
    window: np.ndarray
    event: np.ndarray
    open: np.ndarray  # counters
    usable: np.ndarray  # days to learn from
    known: np.ndarray  # (3, days), of them those that each series is foretold from
    target: np.ndarray  # (3, days), days to foretell


class Forecast(NamedTuple):
    """Of one series: `errors` maps the days' shocks to those of the forecast, (days, days), zero off target."""

    expected: np.ndarray
    errors: np.ndarray
    residuals: np.ndarray
    variance: float
    freedom: float


def lay_out(
    digital: pd.Series, counter: pd.Series, windows: Windows, before: int, after: int, baseline: str
) -> Layout:
    if baseline not in BASELINES:
        raise ValueError(f"baseline {baseline!r} is unknown: give one of {', '.join(BASELINES)}")
    start, end = (
        windows.event_start - pd.Timedelta(days=before),
        windows.event_end + pd.Timedelta(days=after),
    )
    first = max(
        digital.index[0], start - pd.Timedelta(days=MOST_HISTORY), windows.history_start or digital.index[0]
    )
    index = pd.date_range(first, max(digital.index[-1], end))
    both = np.array([digital.reindex(index), counter.reindex(index)], float)
    window = (index >= start) & (index <= end)
    if not np.isfinite(both[:, window]).all():
        gap = index[window & ~np.isfinite(both).all(axis=0)][0]
        raise ValueError(
            f"{gap:%Y-%m-%d} has no value: every day from {start:%Y-%m-%d} to {end:%Y-%m-%d} is needed"
        )
    event = np.asarray(index.isin(windows.event_days))
    day = days.features(index, windows.country)
    open_ = (both[COUNTER] > 0) | (event & day["working"].to_numpy())
    observed = np.vstack([both, both.sum(axis=0)])
    log = np.full(observed.shape, np.nan)
    np.log(observed, out=log, where=observed > 0)
    campaign = np.asarray(index.isin(windows.campaign_days)) | event
    usable = ~window & ~index.isin(windows.excluded)
    if baseline == "history":
        usable &= ~campaign
    known = usable & np.isfinite(log)
    known[:TOTAL] &= index < start
    known[COUNTER] &= open_
    if known[DIGITAL].sum() < 60:
        raise ValueError(f"{known[DIGITAL].sum()} usable days before {start:%Y-%m-%d}: give at least 60")
    ramp = np.zeros(len(index))
    if baseline == "pre-week" and len(windows.campaign_days):
        since = (index - windows.campaign_days[0]).days.to_numpy() + 1
        ramp = np.where(campaign, 1 - 0.5 ** (since / CAMPAIGN_HALF), 0.0)
    X = _terms(index, ramp, windows.country)
    return Layout(
        index,
        observed,
        log,
        X,
        window,
        event,
        open_,
        usable,
        known,
        window & np.vstack([window, open_, window]),
    )


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


def half_width(level: float, freedom):
    """Half of Student's interval in standard errors; an array where `freedom` is one."""
    half = special.stdtrit(freedom, (1 + level) / 2)
    return half if np.ndim(half) else float(half)


def _terms(index: pd.DatetimeIndex, ramp: np.ndarray, country: str | None) -> np.ndarray:
    """Calendar, slow trend and campaign."""
    terms = [calendar_terms(index, country)]
    years = (index - index[0]).days.to_numpy() / 365.25
    terms.append(years)
    if len(index) >= SEASON_DAYS:
        terms += [np.cos(2 * np.pi * years), np.sin(2 * np.pi * years)]
    X = np.column_stack([*terms, ramp])
    return X[:, X.any(axis=0)]
