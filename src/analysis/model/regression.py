"""One series' regression: its scale, its columns, its odd days, the size of its noise, and its estimates.

    g(y[t]) = x[t]'b + dummies + size[t] u[t],    u ~ ARMA(1,1)

with a dummy for each touched day and each odd day. The steps in `regress` are the whole of the method.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

from analysis.model import noise
from analysis.model.constants import FAR, MIN_DAYS, MIN_PATTERN, PRICE, PRIOR, RANDOM_EFFECTS, STANDS_OUT
from analysis.model.covariance import Grid, Whitener, grid, whitener
from analysis.model.design import Calendar, Columns, random_effects, weekdays_and_growth
from analysis.model.distribution import PROBABILITIES
from analysis.model.gls import Estimates, fit
from analysis.model.scale import Scale

DAY, ODD_DAY = "%Y-%m-%d", "odd day %Y-%m-%d"  # names of dummies


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The days of a regression, n of them: those learned from, and those that are touched and get a dummy each."""

    days: pd.DatetimeIndex  # n of them, increasing; a day that is left out is absent
    y: np.ndarray  # (n,), the series, without NaN
    touched: np.ndarray  # of bool, (n,)
    table: Calendar
    extra: dict[str, np.ndarray]  # columns without a prior, (n,): the level of the week before, covariates
    warnings: tuple[str, ...] = ()  # what a reader must know of the days, in the order in which it matters

    @property
    def numbers(self) -> np.ndarray:
        """The days as numbers on the calendar, the first zero; shape (n,)."""
        return (self.days - self.days[0]).days.to_numpy()


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A fitted regression of n days, H of them touched, on k columns whose last H are the touched days' dummies."""

    days: pd.DatetimeIndex  # n of them
    numbers: np.ndarray  # (n,), the days as numbers on the calendar, the first zero
    columns: Columns
    z: np.ndarray  # (n,), the series on its scale, in units of `unit`
    size: np.ndarray  # (n,), standard deviation of each day's noise relative to a usual day's
    touched: np.ndarray  # of bool, (n,)
    odd: np.ndarray  # of bool, (n,)
    estimates: Estimates
    processes: Grid
    scale: Scale
    unit: float
    # (n,), standardised innovations under the likeliest process; of an odd day its dummy over its standard error, of a
    # touched day NaN.
    residuals: np.ndarray

    @property
    def learned(self) -> pd.DatetimeIndex:
        """The days learned from."""
        return self.days[~self.touched & ~self.odd]

    @property
    def likeliest(self) -> Grid:
        """The likeliest error process alone."""
        return self.processes.take(self.estimates.points[[self.estimates.best]])

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
        """The regression at the likeliest process as `statsmodels.GLS` fits it; a prior is a row of its own."""
        from statsmodels.regression.linear_model import GLS

        rows, informed = self.columns.rows, np.flatnonzero(np.isfinite(self.columns.prior))
        n, ridge = len(self.z), self.estimates.ridge[self.estimates.best, informed]
        sigma = np.diag(np.append(np.ones(n), 1 / ridge))
        sigma[:n, :n] = self.likeliest.correlation(self.numbers, 0) * np.outer(self.size, self.size)
        X = pd.DataFrame(np.vstack([rows.T, np.eye(len(rows))[informed]]), columns=self.columns.names)
        return GLS(pd.Series(np.append(self.z, 0 * ridge), name=self.scale.name), X, sigma=sigma).fit()


def regress(sample: Sample, scales: list[Scale]) -> Regression:
    """Fit one series on the likeliest of the scales, of which the first is preferred."""
    days, values, touched, table, extra = sample.days, sample.y, sample.touched, sample.table, sample.extra
    usual, numbers = ~touched, sample.numbers
    unit = 1.0 if scales[0].name == "logit" else float(np.median(np.abs(values[usual]))) or 1.0
    columns = weekdays_and_growth(numbers, table.weekday, usual)
    columns = columns.plus(extra, np.reshape(list(extra.values()), (-1, len(days))))
    columns = replace(columns.dummies(days, touched, DAY), place=columns.place)
    short = usual.sum() < MIN_DAYS
    whiten = whitener(numbers, grid("white" if short else "coarse"))

    # 1. The scale on which the innovations are likeliest.
    Z = np.array([scale.forward(values / unit) for scale in scales])
    candidates, white = fit(columns.rows, Z, whiten, columns.prior)
    errors = [estimates.innovations(white, j) for j, estimates in enumerate(candidates)]
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
            with_odd = columns.dummies(days, odd, ODD_DAY)
            (estimates,), white = fit(with_odd.rows, z[None], whiten, with_odd.prior)
            error = estimates.innovations(white)
            size = noise.sizes(error, usual & ~odd, table.weekday, numbers)
            odd = odd | noise.odd_days(error / size, usual & ~odd)
        # 4. Random effects, each group with the variance that makes the series likeliest, or none.
        likeliest = whiten.only(estimates.points[estimates.best])
        spread = np.sqrt(np.mean(error[usual & ~odd] ** 2))

        def evidence(columns: Columns) -> float:
            whole = columns.dummies(days, odd, ODD_DAY)
            return fit(whole.rows / size, z[None] / size, likeliest, whole.prior)[0][0].evidence

        for label, rows in random_effects(numbers, table, usual).items():
            names = [f"{label} {i + 1}" for i in range(len(rows))]
            with_group = [columns.plus(names, rows, ratio * spread) for ratio in RANDOM_EFFECTS]
            columns = max([columns, *with_group], key=evidence)

    # 5. The whole grid, every row divided by the size of its noise.
    columns = columns.dummies(days, odd, ODD_DAY)
    processes = grid("white" if short else "full")
    whiten = whitener(numbers, processes)
    (estimates,), white = fit(columns.rows / size, z[None] / size, whiten, columns.prior)
    residuals = estimates.innovations(white)
    residuals /= np.sqrt(np.mean(residuals[usual & ~odd] ** 2)) or 1.0
    best, own = estimates.best, slice(columns.place - int(odd.sum()), columns.place)
    spread = np.sqrt(estimates.variances[best] * (estimates.roots[best, own] ** 2).sum(axis=1))
    residuals[odd] = estimates.coefficients[best, own] / spread
    residuals[touched] = np.nan
    return Regression(
        days, numbers, columns, z, size, touched, odd, estimates, processes, scale, unit, residuals
    )


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
