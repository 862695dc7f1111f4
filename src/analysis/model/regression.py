"""One series' regression: its scale, its columns, its odd days, the size of its noise, and its estimates.

    g(y[t]) = x[t]'b + dummies + size[t] u[t],    u ~ ARMA(1,1)

with a dummy for each touched day and each odd day. The steps in `regress` are the whole of the method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from analysis.model import noise
from analysis.model.constants import FAR, MIN_DAYS, MIN_PATTERN, PRICE, PRIOR, RANDOM_EFFECTS, STANDS_OUT
from analysis.model.covariance import Grid, Whitener, grid, whitener
from analysis.model.design import Calendar, Columns, random_effects, weekdays_and_growth
from analysis.model.distribution import PROBABILITIES
from analysis.model.gls import Estimates, fit, solve
from analysis.model.scale import Scale


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A fitted regression of n days, H of them touched, on k columns whose last H are the touched days' dummies.

    Parameters
    ----------
    days : DatetimeIndex, length n
    columns : Columns
    z : ndarray, shape (n,)
        The series on its scale, in units of `unit`.
    size : ndarray, shape (n,)
        Standard deviation of each day's noise relative to a usual day's.
    touched, odd : ndarray of bool, shape (n,)
    estimates : Estimates
    processes : Grid
    scale : Scale
    unit : float
    residuals : ndarray, shape (n,)
        Standardised innovations under the likeliest process; of an odd day its dummy over its standard error, of a
        touched day NaN.
    """

    days: pd.DatetimeIndex
    columns: Columns
    z: np.ndarray
    size: np.ndarray
    touched: np.ndarray
    odd: np.ndarray
    estimates: Estimates
    processes: Grid
    scale: Scale
    unit: float
    residuals: np.ndarray

    @property
    def learned(self) -> pd.DatetimeIndex:
        """The days learned from."""
        return self.days[~self.touched & ~self.odd]

    @property
    def numbers(self) -> np.ndarray:
        """The days as numbers on the calendar, the first zero; shape (n,)."""
        return (self.days - self.days[0]).days.to_numpy()

    def forecast(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (H,) and covariance (H, H) of the touched days, untouched, on the scale of the regression."""
        dummies = np.eye(len(self.columns.names))[self.columns.place :]
        effect, covariance = self.estimates.contrast(dummies)
        return self.z[self.touched] - effect, covariance

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """From the scale of the regression to units of the series."""
        return self.unit * self.scale.inverse(z)

    @property
    def shape(self) -> np.ndarray:
        """Quantiles of a standardised new day at PROBABILITIES: half Student's t, half the residuals so far."""
        student = special.stdtrit(self.estimates.df, PROBABILITIES)
        return (student + noise.empirical(self.residuals[~self.touched], student)) / 2

    def statsmodels(self):
        """The regression at the likeliest process as `statsmodels.GLS` fits it; a prior is a row of its own.

        Coefficients and standard errors are those of `estimates` at that process.
        """
        from statsmodels.regression.linear_model import GLS

        best, rows = self.estimates.best, self.columns.rows
        informed = np.flatnonzero(np.isfinite(self.columns.prior))
        n, extra = len(self.z), len(informed)
        sigma = np.diag(np.append(np.ones(n), 1 / self.estimates.ridge[best, informed]))
        correlation = self.processes.correlation(self.numbers, self.estimates.points[best])
        sigma[:n, :n] = correlation * np.outer(self.size, self.size)
        X = pd.DataFrame(np.vstack([rows.T, np.eye(len(rows))[informed]]), columns=self.columns.names)
        return GLS(pd.Series(np.append(self.z, np.zeros(extra)), name=self.scale.name), X, sigma=sigma).fit()


def regress(
    days: pd.DatetimeIndex,
    values: np.ndarray,
    touched: np.ndarray,
    table: Calendar,
    scales: list[Scale],
    extra: dict[str, np.ndarray] | None = None,
) -> Regression:
    """Fit one series.

    Parameters
    ----------
    days : DatetimeIndex, length n
        Increasing; a day that is left out is absent.
    values : ndarray, shape (n,)
        Of the series, no NaN.
    touched : ndarray of bool, shape (n,)
        Days that get a dummy each.
    table : Calendar
        Of the same n days.
    scales : list of Scale
        Those to choose from, the preferred one first.
    extra : dict of str to ndarray, shape (n,)
        Columns without a prior: the level of the week before, covariates.
    """
    usual, numbers = ~touched, (days - days[0]).days.to_numpy()
    unit = 1.0 if scales[0].name == "logit" else float(np.median(np.abs(values[usual]))) or 1.0
    columns = weekdays_and_growth(numbers, table.weekday, usual)
    columns = columns.plus(list(extra or {}), np.reshape(list((extra or {}).values()), (-1, len(days))))
    place = columns.place
    columns = columns.dummies(touched, [f"{day:%Y-%m-%d}" for day in days[touched]])
    columns = Columns(columns.names, columns.rows, columns.prior, place)
    short = usual.sum() < MIN_DAYS
    whiten = whitener(numbers, grid("white" if short else "coarse"))

    # 1. The scale on which the innovations are likeliest.
    Z = np.array([scale.forward(values / unit) for scale in scales])
    candidates, white = fit(columns.rows, Z, whiten, columns.prior)
    errors = [_innovations(columns, white, estimates, j) for j, estimates in enumerate(candidates)]
    scores = [
        noise.log_likelihood(error[usual]) + scale.log_slope(values[usual] / unit).sum() - PRICE * (j > 0)
        for j, (error, scale) in enumerate(zip(errors, scales, strict=True))
    ]
    best = int(np.argmax(scores))
    scale, z, estimates, error = scales[best], Z[best], candidates[best], errors[best]
    size, odd = np.ones(len(days)), np.zeros(len(days), bool)

    if usual.sum() >= MIN_PATTERN:
        # 2. Days of the month that stand out.
        likeliest = whiten.only(estimates.points[estimates.best])
        out = _standing_out(columns, error, usual, table.recurring, likeliest)
        columns = columns.plus([table.names[i] for i in out], table.recurring[out], PRIOR)
        # 3. Odd days, judged by the noise of their weekday; the second look sees what the first could not.
        for _ in range(2):
            with_odd = columns.dummies(odd, _odd_names(days, odd))
            (estimates,), white = fit(with_odd.rows, z[None], whiten, with_odd.prior)
            error = _innovations(with_odd, white, estimates)
            size = noise.sizes(error, usual & ~odd, table.weekday, numbers)
            odd = odd | noise.odd_days(error / size, usual & ~odd)
        # 4. Random effects, each group with the variance that makes the series likeliest.
        likeliest = whiten.only(estimates.points[estimates.best])
        spread = np.sqrt(np.mean(error[usual & ~odd] ** 2))
        for label, rows in random_effects(numbers, table, usual).items():
            columns = _with_group(columns, label, rows, odd, spread, size, z, likeliest)

    # 5. The whole grid, every row divided by the size of its noise.
    columns = columns.dummies(odd, _odd_names(days, odd))
    processes = grid("white" if short else "full")
    (estimates,), white = fit(
        columns.rows / size, z[None] / size, whitener(numbers, processes), columns.prior
    )
    residuals = _innovations(columns, white, estimates)
    residuals /= np.sqrt(np.mean(residuals[usual & ~odd] ** 2)) or 1.0
    best, own = estimates.best, slice(columns.place - int(odd.sum()), columns.place)
    spread = np.sqrt(estimates.variances[best] * (estimates.roots[best, own] ** 2).sum(axis=1))
    residuals[odd] = estimates.coefficients[best, own] / spread
    residuals[touched] = np.nan
    return Regression(days, columns, z, size, touched, odd, estimates, processes, scale, unit, residuals)


def _innovations(columns: Columns, white: np.ndarray, estimates: Estimates, j: int = 0) -> np.ndarray:
    """One-step errors (n,) of series j under its likeliest process."""
    k, rows = len(columns.names), white[estimates.points[estimates.best]]
    return rows[k + j] - estimates.coefficients[estimates.best] @ rows[:k]


def _with_group(
    columns: Columns,
    label: str,
    rows: np.ndarray,
    odd: np.ndarray,
    spread: float,
    size: np.ndarray,
    z: np.ndarray,
    whiten: Whitener,
) -> Columns:
    """The columns with a group of rows (r, n) of the likeliest variance, or without it."""
    choices = [
        columns.plus([f"{label} {i + 1}" for i in range(len(rows))], rows, r * spread) for r in RANDOM_EFFECTS
    ]
    whole = choices[0].dummies(odd, [""] * int(odd.sum()))
    white = whiten(np.vstack([whole.rows, z]) / size)
    k, own = len(whole.names), np.arange(len(whole.names) + 1)
    own = (own < columns.place) | (own >= columns.place + len(rows))
    without = solve(white[:, own], k - len(rows), whole.prior[own[:k]], whiten.log_determinant)
    evidence = [without[0].evidence]
    for choice in choices:
        prior = choice.dummies(odd, [""] * int(odd.sum())).prior
        evidence.append(solve(white, k, prior, whiten.log_determinant)[0].evidence)
    return [columns, *choices][int(np.argmax(evidence))]


def _standing_out(
    columns: Columns, error: np.ndarray, usual: np.ndarray, candidates: np.ndarray, whiten: Whitener
) -> list[int]:
    """Which candidate columns (J, n) have a coefficient far from zero, the farthest first, each given those before."""
    rows = whiten(candidates)[0]
    basis = np.linalg.qr(whiten(columns.rows)[0].T)[0]
    spread = noise.robust(error[usual])
    left = np.clip(error, -FAR * spread, FAR * spread)  # no odd day may pose as a pattern
    possible = candidates[:, usual].sum(axis=1) >= 3
    chosen: list[int] = []
    while True:
        apart = rows - (rows @ basis) @ basis.T
        length = np.linalg.norm(apart, axis=1)
        new = possible & (length > 1e-3 * np.linalg.norm(rows, axis=1))
        ratio = np.where(new, np.abs(apart @ left), 0) / np.maximum(length * spread, 1e-300)
        first = int(np.argmax(ratio))
        if ratio[first] < STANDS_OUT:
            return chosen
        chosen.append(first)
        basis = np.column_stack([basis, apart[first] / length[first]])


def _odd_names(days: pd.DatetimeIndex, odd: np.ndarray) -> list[str]:
    return [f"odd day {day:%Y-%m-%d}" for day in days[odd]]
