"""Other ways to estimate an effect: the simple comparisons, three textbook models, and units that were not touched.

They show how far the choice of a method moves the answer. The textbook models learn from the days of the recommended
estimator, with its column for the level of the week before. Against untouched units, the ratio to a comparator

    c[t] = sum of w[j] donor[j, t]        (the difference y - c where a value is not positive)

is an ordinary series to the one regression: what all units share has cancelled, the usual distance is the level.
How often each covers on simulated days is in data/derived/calibration.csv, shown in notebook 08.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import special

from analysis.model.constants import MIN_DAYS
from analysis.model.design import weekdays_and_growth
from analysis.model.distribution import PROBABILITIES, Distribution
from analysis.model.effect import Effect
from analysis.model.ordinary import NEW_WEEKDAY, before_the_event, need, sample
from analysis.model.regression import Sample
from analysis.model.scale import Scale, candidates
from analysis.windows import Windows

MONTH = ("first three days of the month", "last three days of the month", "Ramadan")
# Variances of the steps of level and season that are tried, over that of the noise.
LEVEL_STEPS = (0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)
SEASON_STEPS = (0.0, 1e-4, 1e-3, 1e-2)
MIN_COMMON = 8  # days with the unit and all donors, over and above one for each weight
SEVEN_DAYS = (
    "The week before holds each weekday once: a weekday effect cannot be told from noise in it, "
    "and the interval is that of a new day drawn like those of the week."
)


def day_before(daily: pd.Series, windows: Windows, baseline: str = "pre-week") -> Effect:
    """Against the last ordinary day before the event: what announcements do. Expected is y[eve] for every day.

    Interval: the spread of day-to-day steps of the logarithm (of the series where it touches zero) among the ordinary
    days before, taken as independent; t with one degree of freedom a step. Fails where the event's weekday differs from
    the eve's, where people wait for the day, and where noise rises; a step holds the whole weekday pattern, so that the
    interval is several times as wide as need be.
    """
    past = windows.past(daily, baseline).dropna()
    need(len(past), 3, windows)
    days, positive = len(windows.event_days), bool((past > 0).all())
    values = np.log(past.to_numpy()) if positive else past.to_numpy()
    steps = np.diff(values)[np.diff(past.index.to_numpy()) == np.timedelta64(1, "D")]
    if len(steps) < 2:
        raise ValueError("fewer than two day-to-day steps before the event: give a longer history")
    # The mean of the event is h steps away on its h-th day; their mean has this variance.
    ahead = (windows.event_start - past.index[-1]).days + np.arange(days)
    spread = np.sqrt(np.mean(steps**2) * np.minimum.outer(ahead, ahead).mean())
    step = Distribution.student(len(steps), 0.0, spread).quantiles
    with np.errstate(over="ignore"):
        level = past.iloc[-1] * np.exp(step) if positive else past.iloc[-1] + step
    return Effect.of("day_before", daily, windows, baseline, past.index, Distribution(days * level))


def pre_week_mean(daily: pd.Series, windows: Windows, baseline: str = "pre-week") -> Effect:
    """Against the mean of the last `baseline_days` ordinary days before the event.

    Interval: the prediction error of new days, t with n - 1 degrees of freedom and scale s sqrt(H + H^2 / n) for the
    sum of H days. Fails where the event's weekday differs from the mean of the week, whose pattern counts as noise: the
    interval is several times as wide as need be.
    """
    past = windows.past(daily, baseline).dropna().iloc[-windows.baseline_days :]
    need(len(past), 3, windows)
    total = _like([(len(windows.event_days), past)])
    return Effect.of("pre_week_mean", daily, windows, baseline, past.index, total, (SEVEN_DAYS,))


def same_weekday(daily: pd.Series, windows: Windows, baseline: str = "pre-week", weeks: int = 8) -> Effect:
    """Against the mean of the same weekday of the last `weeks` weeks, summed over the event's days.

    Interval: the prediction error of new days, the spread pooled over the weekdays of the event; t with (observations -
    weekdays) degrees of freedom. Fails where the level or its spread moves within the weeks.
    """
    past, groups = windows.past(daily, baseline).dropna(), []
    for weekday, count in windows.event_days.day_of_week.value_counts().items():
        groups.append((count, past[past.index.day_of_week == weekday].iloc[-weeks:]))
        need(len(groups[-1][1]), 2, windows)
    used = pd.concat([days for _, days in groups]).index.sort_values()
    return Effect.of("same_weekday", daily, windows, baseline, used, _like(groups))


def calendar_regression(daily: pd.Series, windows: Windows, baseline: str = "pre-week") -> Effect:
    """Generalised least squares on the calendar with AR(1) errors (statsmodels GLS; Prais & Winsten 1954).

    On the logarithm (the square root where the series touches zero, the logit for a share), with the correlation of
    consecutive residuals, found twice. Interval: that of a new day (Goldberger 1962), the correlation taken as known,
    t with n - k degrees of freedom. Fails where noise is uneven and where its memory is not that of an AR(1).
    """
    from statsmodels.regression.linear_model import GLS

    one, X, z, scale = _case(daily, windows, baseline)
    learn, event = ~one.touched, slice(-int(one.touched.sum()), None)
    X = np.column_stack([X, np.eye(len(z))[:, event]])
    apart = np.abs(np.subtract.outer(one.numbers, one.numbers))
    pairs = np.flatnonzero((np.diff(one.numbers) == 1) & learn[1:])
    fit = GLS(z, X).fit()
    for _ in range(2):
        now, then = fit.resid[pairs], fit.resid[pairs + 1]
        rho = np.clip(now @ then / max(now @ now, 1e-300), 0, 0.98)
        fit = GLS(z, X, sigma=rho**apart).fit()
    shape = special.stdtrit(fit.df_resid, PROBABILITIES)
    forecast = z[event] - fit.params[event]
    total = Distribution.total(forecast, fit.cov_params()[event, event], shape, scale.inverse)
    return Effect.of("calendar_regression", daily, windows, baseline, one.days[learn], total, one.warnings)


def structural(daily: pd.Series, windows: Windows, baseline: str = "pre-week") -> Effect:
    """Structural time series (statsmodels UnobservedComponents): local level, weekly season, columns of the calendar.

    Level and season are random walks (Harvey 1989), the coefficients diffuse; the variances of their steps over that of
    the noise are the likeliest of a grid. Interval: they are taken as known, t with n - k degrees of freedom. Fails
    where noise is uneven or heavy-tailed, and where the last days were no ordinary ones: the level follows them.
    """
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    one, X, z, scale = _case(daily, windows, baseline, level=False)
    if NEW_WEEKDAY in one.warnings:
        raise ValueError(
            "the event's weekday was never seen, so its season is unknown: take another estimator"
        )
    learn, series = ~one.touched, np.full(one.numbers[-1] + 1, np.nan)
    columns = np.zeros((len(series), X.shape[1]))
    series[one.numbers], columns[one.numbers] = np.where(one.touched, np.nan, z), X
    options = {"mle_regression": False, "exog": columns if X.shape[1] else None}
    model = UnobservedComponents(series, "local level", freq_seasonal=[{"period": 7}], **options)
    model.ssm.filter_concentrated = True  # the variance of e in closed form
    ratios = [np.array([1.0, level, season]) for level in LEVEL_STEPS for season in SEASON_STEPS]
    model.update(max(ratios, key=model.loglike))
    forecast, days = model.ssm.filter(), one.numbers[one.touched]
    # Of two days the later shares what the earlier carries of level, season and coefficients.
    shared = np.maximum(forecast.forecasts_error_cov[0, 0, days] - forecast.scale, 0)
    covariance = np.minimum.outer(shared, shared) + forecast.scale * np.eye(len(days))
    shape = special.stdtrit(learn.sum() - X.shape[1] - 7, PROBABILITIES)
    total = Distribution.total(forecast.forecasts[0, days], covariance, shape, scale.inverse)
    return Effect.of("structural", daily, windows, baseline, one.days[learn], total, one.warnings)


def poisson(daily: pd.Series, windows: Windows, baseline: str = "pre-week") -> Effect:
    """Quasi-Poisson regression on the calendar (statsmodels GLM, log link), for counts and for sums.

    Its dispersion is from Pearson's residuals; only the mean need be right (Gourieroux, Monfort & Trognon 1984).
    Interval: a gamma distribution with the mean and the variance of the event's total, the error of the coefficients
    included. Days are independent given the calendar: fails wherever the level moves or the noise has memory.
    """
    import statsmodels.genmod.families as families
    from statsmodels.genmod.generalized_linear_model import GLM

    one, X, _, _ = _case(daily, windows, baseline)
    learn = ~one.touched
    if one.y[learn].min() < 0:
        raise ValueError("the series has negative values, which poisson cannot fit: take another estimator")
    fit = GLM(one.y[learn], X[learn], family=families.Poisson()).fit(scale="X2")
    means = np.exp(X[one.touched] @ fit.params)
    gradient, mean = means @ X[one.touched], means.sum()
    variance = max(fit.scale * mean + gradient @ fit.cov_params() @ gradient, 1e-18 * mean**2)
    total = Distribution(special.gammaincinv(mean**2 / variance, PROBABILITIES) * variance / mean)
    return Effect.of("poisson", daily, windows, baseline, one.days[learn], total, one.warnings)


def difference_in_differences(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the mean of untouched units, the usual distance to them taken away.

    Assumes parallel trends: left alone, the ratio to the donors' mean (the difference, where a value is not positive)
    would have stayed what an ordinary series stays. Its weekdays, growth and memory are modelled, a break is not.

    Parameters
    ----------
    donors : DataFrame
        A column for each untouched unit, indexed by day. A day before the event on which one is missing is left out.
    participants : collection of str
        Names of units that took part: one among the donors is an error, for none can stand in for another.
    """
    return _against("difference_in_differences", daily, windows, baseline, donors, participants)


def synthetic_control(
    daily: pd.Series,
    windows: Windows,
    donors: pd.DataFrame,
    baseline: str = "pre-week",
    participants: Collection[str] = (),
) -> Effect:
    """Against the weighted mean of untouched units that followed the series most closely before.

    Weights are at least zero, add up to one, and leave the least squared distance before (Abadie & Gardeazabal 2003),
    every unit brought to the mean of the series first (Doudchenko & Imbens 2016). The donors that carry weight, less
    one, have a column each by which the regression corrects the weights, so that the interval holds their errors. Which
    donors carry weight is taken as known: many donors on few days fit by chance.

    Parameters are those of `difference_in_differences`.
    """
    return _against("synthetic_control", daily, windows, baseline, donors, participants)


def simplex_weights(donors: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Weights (donors,) of at least zero, adding up to one, of least squared distance; `donors` is (n, donors)."""
    from scipy.optimize import nnls  # a fifth of a second, and not needed without donors

    heavy = 1e4 * max(float(np.abs(donors).max()), 1e-300)  # holds the weights to their sum
    rows = np.vstack([donors, np.full(donors.shape[1], heavy)])
    weights, _ = nnls(rows, np.append(outcome, heavy), maxiter=50 * donors.shape[1])
    weights[weights < 1e-6] = 0
    return weights / weights.sum()


def _against(name, daily, windows: Windows, baseline: str, donors: pd.DataFrame, participants) -> Effect:
    if not len(donors.columns):
        raise ValueError("there are no donors: give at least one unit that the initiative did not touch")
    for unit in donors:
        if unit in participants or unit == daily.name:
            raise ValueError(f"{unit!r} took part and cannot be a donor: take it out of the donors")
        if (missing := donors[unit].reindex(windows.event_days).isna()).any():
            day = f"{missing.idxmax():%Y-%m-%d}"
            raise ValueError(f"donor {unit!r} has no value on {day}: fill it in or leave the donor out")
    values, y = donors.reindex(daily.index).to_numpy(float).T, daily.to_numpy(float)
    learn = windows.ordinary(daily.index, baseline) & ~np.isnan(y + values.sum(axis=0))
    n, event, columns = learn.sum(), daily.index.isin(windows.event_days), None
    if n < MIN_COMMON:
        raise ValueError(f"{n} days with all donors before the event, at least {MIN_COMMON} are needed")
    ratio = values[:, learn | event].min() > 0 and y[learn].min() > 0
    weights = np.full(len(values), 1 / len(values))
    if name == "synthetic_control":
        level = values[:, learn].mean(axis=1, keepdims=True)
        values = values * (y[learn].mean() / level) if ratio else values + (y[learn].mean() - level)
        weights = simplex_weights(values[:, learn].T, y[learn])
        first, *others = np.flatnonzero(weights)
        if n - len(others) <= MIN_COMMON:
            many = f"{len(others) + 1} donors carry weight on {n} days and fit them by chance"
            raise ValueError(f"{many}: give more days or fewer donors")
        apart = (values[others] - values[first]) / (weights @ values if ratio else 1.0)
        columns = pd.DataFrame(apart.T, daily.index, [f"weight of {donors.columns[j]}" for j in others])
    comparator = weights @ values
    distance = daily / comparator if ratio else daily - comparator
    fit, warnings = before_the_event(distance.rename("distance"), windows, baseline, columns)
    there = comparator[event]
    back = (lambda z: there * fit.inverse(z)) if ratio else (lambda z: there + fit.inverse(z))
    total = Distribution.total(*fit.forecast(), fit.shape, back)
    return Effect.of(name, daily, windows, baseline, fit.learned, total, warnings)


def _like(groups: list[tuple[int, pd.Series]]) -> Distribution:
    """Of the sum of new days, so many like each group of days (count, days); all groups have one spread."""
    count, n = np.array([(count, len(days)) for count, days in groups]).T
    mean, variance = np.array([(days.mean(), days.var()) for _, days in groups]).T
    df = (n - 1).sum()
    spread = np.sqrt((n - 1) @ variance / df * (count + count**2 / n).sum())
    return Distribution.student(df, count @ mean, spread)


def _case(
    daily: pd.Series, windows: Windows, baseline: str, level: bool = True
) -> tuple[Sample, np.ndarray, np.ndarray, Scale]:
    """The days, their columns (n, k), with `level` those of weekdays and growth too, and the series on its scale."""
    one = sample(daily, windows, baseline)
    learn = ~one.touched
    need(learn.sum(), MIN_DAYS, windows)
    rows = list(weekdays_and_growth(one.numbers, one.table.weekday, learn).rows) if level else []
    months = (one.table.recurring[one.table.names.index(name)] for name in MONTH)
    rows += [row for row in months if 2 <= row[learn].sum() <= learn.sum() - 2]
    rows += one.extra.values()
    scale = candidates(one.y[learn], str(daily.name))[0]
    z = scale.forward(np.where(one.touched, one.y[learn][0], one.y))  # no forecast sees the event's own value
    return one, np.reshape(rows, (len(rows), len(z))).T, z, scale
