"""The public face of estimation: `estimate`, and `ESTIMATORS`, one function an estimator."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from analysis.estimators.calendar_arma import calendar_arma
from analysis.estimators.comparison import difference_in_differences, synthetic_control
from analysis.estimators.counterfactual import Effect, Interval, Predictive
from analysis.estimators.regression import autoregressive, calendar_regression, poisson, structural
from analysis.estimators.simple import day_before, pre_week_mean, same_weekday
from analysis.windows import Windows

__all__ = ["COMPARISONS", "ESTIMATORS", "RECOMMENDED", "Effect", "Interval", "Predictive", "estimate"]

# From a series and its own past alone.
ESTIMATORS = {
    function.__name__: function
    for function in (
        calendar_arma,
        calendar_regression,
        autoregressive,
        structural,
        poisson,
        same_weekday,
        pre_week_mean,
        day_before,
    )
}
# With `donors`, units that the initiative did not touch.
COMPARISONS = {function.__name__: function for function in (synthetic_control, difference_in_differences)}
RECOMMENDED = "calendar_arma"


def estimate(
    daily: pd.Series,
    windows: Windows,
    estimator: str | None = None,
    baseline: str = "pre-week",
    **options,
) -> Effect:
    """The effect of an event on one daily series.

    Parameters
    ----------
    daily : Series of float, indexed by day
        The metric a day. Missing days are absent or NaN; they are never taken for zeros.
    windows : Windows
        Which day is which.
    estimator : str, optional
        A name in `ESTIMATORS` or `COMPARISONS`; by default the recommended one, which the calibration study
        chose (notebook 08).
    baseline : {"pre-week", "history"}
        The estimand: what the day added to the level of the week before it, or what the initiative
        added to the world without it.
    **options
        Passed on to the estimator, which refuses those it does not know.

    Raises
    ------
    ValueError
        If the estimator is unknown, the event lies outside the data, or too little comes before it.
    """
    name = RECOMMENDED if estimator is None else estimator
    known = ESTIMATORS | COMPARISONS
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"give one of {', '.join(known)}"
        raise ValueError(f"estimator {name!r} is unknown: {hint}")
    if name in COMPARISONS and "donors" not in options:
        raise ValueError(f"estimator {name!r} needs donors: give units that the initiative did not touch")
    return known[name](tidy(daily, windows), windows, baseline=baseline, **options)


def tidy(daily: pd.Series, windows: Windows) -> pd.Series:
    """The series as floats on every day from its first to its last; missing days are NaN.

    Raises
    ------
    ValueError
        If the index holds no days or a day twice, or a day of the event has no value.
    """
    if not isinstance(daily.index, pd.DatetimeIndex):
        raise ValueError("the series is not indexed by day: give it a DatetimeIndex")
    days = daily.index.tz_localize(None).normalize()
    if days.has_duplicates:
        raise ValueError(f"the day {days[days.duplicated()][0]:%Y-%m-%d} comes twice: give one value a day")
    if not len(days):
        raise ValueError("the series is empty: give one value a day")
    every = pd.date_range(days.min(), days.max())
    values = pd.Series(daily.to_numpy(dtype=float, na_value=np.nan), index=days, name=daily.name)
    if not days.equals(every):
        values = values.reindex(every)
    event = values.loc[windows.event_start : windows.event_end]
    if len(event) < len(windows.event_days) or event.isna().any():
        missing = windows.event_days.difference(event.dropna().index)[0]
        raise ValueError(
            f"the day of the event {missing:%Y-%m-%d} has no value: the data run from "
            f"{every[0]:%Y-%m-%d} to {every[-1]:%Y-%m-%d}"
        )
    return values
