"""Textbook regressions on the calendar, beside which the recommended estimator can be read.

All learn from the ordinary days before the event and foretell its days. Holidays have a coefficient where the past
holds at least two; a calendar term that the past never showed is left out, and a warning says so where the event
needs it. How each covers is that of `data/derived/calibration.csv` for ``"pre-week"``: 100 untreated days of each of
12 simulated processes, named as there; a figure has a standard error of 2 to 4 points.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from analysis.estimators.counterfactual import PROBABILITIES, Effect, Predictive
from analysis.estimators.design import Calendar, Scale, calendar, possible_scales, weekday_columns
from analysis.windows import Windows

if TYPE_CHECKING:
    from statsmodels.tsa.statespace.mlemodel import MLEResults

HISTORY_DAYS = 400
CAMPAIGN_LEVEL = (
    "The campaign has a level of its own here; the eve does not condition the forecast, "
    "for the campaign has touched it."
)
UNSETTLED = "The search for the likeliest variances of the level and the season did not settle."


def calendar_regression(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", history_days: int = HISTORY_DAYS
) -> Effect:
    """Least squares on the calendar with AR(1) errors (statsmodels GLSAR).

    Formula: g(y[t]) = weekday + trend + month's ends + holiday + Ramadan + u[t], u[t] = rho u[t-1] + e[t]; g is the
    logarithm (the square root where the series touches zero, the logit for a share). Assumes a pattern and a
    straight trend that hold on the event's days. Interval: the prediction error of new days: innovations
    to come and error of the coefficients (Goldberger 1962), t with n - k degrees of freedom, rho taken as known.
    With a campaign, ``"pre-week"`` gives it a level of its own and does not start from the eve.

    Covers 83-99 % at nominal 95 on the study's 32 processes. Fails where noise rises (`rising_volatility`, 83 %), with
    a campaign (`campaign`, 91 %; `campaign_anticipation`, 89 %), a season that changes (`changing_season`, 90 %) and
    few weekdays (`closed_weekends`, 90 %).
    """
    import statsmodels.regression.linear_model as linear

    case = _Case(daily, windows, baseline, history_days)
    model = linear.GLSAR(case.outcome, case.past, rho=1)
    fit = model.iterative_fit(maxiter=6)
    rho = float(np.clip(model.rho[0], -0.95, 0.95))
    centre, covariance = _autoregressive_forecast(
        case, fit.params, fit.normalized_cov_params, float(fit.scale), rho
    )
    return case.effect("calendar_regression", centre, covariance, len(case.outcome) - case.past.shape[1])


def autoregressive(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", history_days: int = HISTORY_DAYS
) -> Effect:
    """Regression with AR(1) errors by exact maximum likelihood (statsmodels SARIMAX).

    The model of `calendar_regression`, its coefficients and rho estimated together and missing days
    passed over by the Kalman filter. Interval: normal, its variance that of the forecast with the parameters taken
    as known, widened by n / (n - k). Starts from the eve unless a campaign has touched it.

    Covers 82-100 % at nominal 95 on the study's 32 processes. Fails on 28 days of history (`short_28`, 82 %), where
    the noise is uneven (`rising_volatility`, 82 %; `weekday_variance`, 91 %; `skewed`, 90 %), with people who wait
    (`campaign_anticipation`, 87 %), a pattern that moves (`changing_season`, 90 %; `trend_break`, 90 %), few weekdays
    (`closed_weekends`, 88 %) and large counts (`counts_large`, 91 %).
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    case = _Case(daily, windows, baseline, history_days)
    fit = SARIMAX(case.series, exog=case.all_past, order=(1, 0, 0)).fit(disp=False, maxiter=200)
    n, k = case.past.shape
    if case.anchored:
        coefficients, rho = fit.params[:k], float(np.clip(fit.params[k], -0.98, 0.98))
        variance = float(fit.params[-1])
        gram = fit.cov_params()[:k, :k] / variance
        centre, covariance = _autoregressive_forecast(case, coefficients, gram, variance, rho)
    else:
        steps = case.ahead + len(case.future) - 1
        exog = np.vstack([np.tile(case.future[0], (case.ahead - 1, 1)), case.future])
        forecast = fit.get_forecast(steps, exog=exog)
        rho, tail = float(fit.params[k]), slice(case.ahead - 1, None)
        centre = np.asarray(forecast.predicted_mean)[tail]
        sd = np.asarray(forecast.se_mean)[tail]
        apart = abs(np.subtract.outer(np.arange(len(sd)), np.arange(len(sd))))
        covariance = np.outer(sd, sd) * rho**apart
    return case.effect("autoregressive", centre, covariance * n / max(n - k, 1), max(n - k, 1))


def poisson(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", history_days: int = HISTORY_DAYS
) -> Effect:
    """Quasi-Poisson regression on the calendar (statsmodels GLM, log link), for counts and for values.

    Formula: E y[t] = exp(x[t] b), Var y[t] = phi E y[t], phi from Pearson's residuals (pseudo-maximum likelihood:
    only the mean need be right, Gourieroux, Monfort & Trognon 1984). Assumes days that are independent given the
    calendar: with memory from day to day its intervals are too long or too short. Interval: a gamma law with the
    mean and the variance of the event's total, the error of b included.

    Covers 78-99 % at nominal 95 on the study's 32 processes. Fails wherever the level moves: `yearly`, 78 %;
    `random_walk_noise`, 85 %; `campaign`, 88 %; `campaign_anticipation`, 88 %; `trend_break`, 88 %; `changing_season`,
    89 %; `local_level`, 91 %. Also with rising noise (`rising_volatility`, 84 %), few weekdays (`closed_weekends`,
    89 %) and 28 days of history (`short_28`, 91 %).
    """
    import statsmodels.genmod.families as families
    from statsmodels.genmod.generalized_linear_model import GLM

    case = _Case(daily, windows, baseline, history_days)
    fit = GLM(case.values, case.past, family=families.Poisson()).fit()
    phi = max(float(fit.pearson_chi2 / fit.df_resid), 1e-9)
    means = np.exp(case.future @ fit.params)
    gradient = means @ case.future
    mean = float(means.sum())
    variance = phi * float(mean + gradient @ fit.cov_params() @ gradient)
    quantiles = special.gammaincinv(mean**2 / variance, PROBABILITIES) * variance / mean
    return case.of("poisson", Predictive(mean, quantiles))


def structural(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", history_days: int = HISTORY_DAYS
) -> Effect:
    """Structural time series (statsmodels UnobservedComponents): local level, weekly season, calendar.

    Formula: g(y[t]) = level[t] + season[t] + x[t] b + e[t]; level and season are random walks (Harvey 1989).
    The level follows the series to the eve, campaign included. Assumes normal disturbances of constant size.
    Interval: of the forecast with the variances taken as known. About a tenth of a second a series.

    Covers 66-98 % at nominal 95 on the study's 32 processes. Fails where people wait for the day, since its level
    follows them (`campaign_anticipation`, 66 %), on 28 days of history (`short_28`, 88 %), where the noise is uneven
    (`rising_volatility`, 82 %; `weekday_variance`, 90 %; `skewed`, 90 %) and with few weekdays (`closed_weekends`,
    88 %). ``"history"`` across a campaign covers 100 %, at three times the width needed.
    """
    case = _Case(daily, windows, baseline, history_days, weekdays=False)
    exog = case.all_past[:, 1:] if case.past.shape[1] > 1 else None
    fit = local_level(case.series, exog)
    if not fit.mle_retvals["converged"]:
        case.warnings.append(UNSETTLED)
    steps = case.ahead + len(case.future) - 1
    ahead = np.vstack([np.tile(case.future[0], (case.ahead - 1, 1)), case.future])[:, 1:]
    forecast = fit.get_forecast(steps, exog=ahead if exog is not None else None)
    tail = slice(case.ahead - 1, None)
    centre, sd = np.asarray(forecast.predicted_mean)[tail], np.asarray(forecast.se_mean)[tail]
    # Of two days the later shares the earlier's level: their covariance is what both carry of it.
    irregular = float(fit.params[0])
    shared = np.maximum(sd**2 - irregular, 0)
    covariance = np.minimum.outer(shared, shared) + irregular * np.eye(len(sd))
    n = int(np.isfinite(case.series).sum())
    return case.effect("structural", centre, covariance * n / (n - 4), n - 4)


def local_level(
    series: np.ndarray, exog: np.ndarray | None = None, periods: tuple[int, ...] = (7,)
) -> MLEResults:
    """The model of `structural`, fitted: random-walk level, a random-walk season of each period, regressors, noise.

    Parameters
    ----------
    series : ndarray, shape (n,)
        On the scale of the model, a value a step; NaN where one is missing.
    exog : ndarray, shape (n, k), optional
    periods : tuple of int
        Lengths of the seasons, in steps: the week of daily series; published results have months and years.
    """
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    seasons = [{"period": period} for period in periods]
    model = UnobservedComponents(
        series, "local level", freq_seasonal=seasons or None, exog=exog, use_exact_diffuse=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said in the effect's own warnings instead
        return model.fit(disp=False, maxiter=200)


class _Case:
    """The days before an event, the calendar's columns for them, and the same of the event's days."""

    def __init__(
        self, daily: pd.Series, windows: Windows, baseline: str, history_days: int, weekdays: bool = True
    ) -> None:
        past = windows.past(daily, baseline).dropna().iloc[-history_days:]
        if len(past) < 14:
            raise ValueError(
                f"{len(past)} usable days before the event of {windows.event_start:%Y-%m-%d}, "
                "at least 14 are needed: give a longer history"
            )
        self.daily, self.windows, self.baseline, self.used = daily, windows, baseline, past.index
        campaign = windows.campaign_start is not None and windows.campaign_start < windows.event_start
        self.anchored = campaign and baseline == "pre-week"
        end = windows.campaign_start if campaign and baseline == "history" else windows.event_start
        days = pd.date_range(past.index[0], end - pd.Timedelta(days=1))
        self.ahead = (windows.event_start - end).days + 1
        table = calendar(past.index[0], windows.event_end, windows.country)
        inside = np.flatnonzero(days.isin(past.index))
        event = slice((windows.event_start - days[0]).days, None)
        self.warnings: list[str] = []
        columns = self._columns(table, inside, event, weekdays)
        if self.anchored:
            started = np.zeros(len(columns))
            started[max((windows.campaign_start - days[0]).days, 0) :] = 1
            if 0 < started[inside].sum() < len(inside):
                columns = np.column_stack([columns, started])
                self.warnings.append(CAMPAIGN_LEVEL)
        self.values = past.to_numpy()
        self.scale: Scale = possible_scales(self.values, str(daily.name))[0]
        self.outcome = self.scale.forward(self.values)
        self.past, self.all_past, self.future = columns[inside], columns[: len(days)], columns[event]
        self.series = np.full(len(days), np.nan)
        self.series[inside] = self.outcome
        self.gap = self.ahead + len(days) - 1 - int(inside[-1])  # days from the last one used to the event

    def _columns(self, table: Calendar, inside: np.ndarray, event: slice, weekdays: bool) -> np.ndarray:
        n = len(table.weekday)
        base = weekday_columns(table.weekday, inside) if weekdays else np.ones((n, 1))
        if weekdays:
            base = np.column_stack([base, (np.arange(n) - inside.mean()) / 365])
        terms = {name: table.recurring[table.names.index(name)] for name in MONTH_TERMS}
        terms["holidays"] = table.holiday.astype(float)
        for name, column in terms.items():
            if 2 <= column[inside].sum() <= len(inside) - 2:
                base = np.column_stack([base, column])
            elif column[event].any() and column[inside].sum() < 2:
                self.warnings.append(f"The event's calendar has a term that the past never showed: {name}.")
        return base

    def effect(self, name: str, centre: np.ndarray, covariance: np.ndarray, freedom: int) -> Effect:
        """From a normal forecast on the transformed scale."""
        shape = special.stdtrit(max(freedom, 1), PROBABILITIES)
        return self.of(name, Predictive.total(centre, covariance, shape, self.scale.inverse))

    def of(self, name: str, total: Predictive) -> Effect:
        """The effect, for a law of the event's total."""
        return Effect.of(name, self.daily, self.windows, self.baseline, self.used, total, self.warnings)


MONTH_TERMS = ("first three days of the month", "last three days of the month", "Ramadan")


def _autoregressive_forecast(
    case: _Case, coefficients: np.ndarray, gram: np.ndarray, variance: float, rho: float
) -> tuple[np.ndarray, np.ndarray]:
    """Best linear forecast with AR(1) errors; from the eve, or from the mean where it must not count.

    `gram` times `variance` is the covariance of the coefficients.
    """
    ahead = case.gap + np.arange(len(case.future))
    kept = np.zeros(len(ahead)) if case.anchored else rho**ahead
    last = case.outcome[-1] - case.past[-1] @ coefficients
    centre = case.future @ coefficients + kept * last
    new = case.future - kept[:, None] * case.past[-1]
    apart = rho ** abs(np.subtract.outer(ahead, ahead))
    noise = (apart - np.outer(kept, kept)) / (1 - rho**2)
    return centre, variance * (noise + new @ gram @ new.T)
