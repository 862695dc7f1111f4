"""The effect of an event on a daily series: `estimate`, and `ESTIMATORS`, one function an estimator.

The recommended one, `gls`, is the one regression of `analysis.model`; notebook 08 says how often it covers.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis import alternatives as other
from analysis.model.distribution import Distribution
from analysis.model.effect import Effect, Interval
from analysis.model.ordinary import before_the_event
from analysis.windows import Windows

__all__ = ["COMPARISONS", "ESTIMATORS", "RECOMMENDED", "Effect", "Interval", "estimate", "gls", "tidy"]


def gls(
    daily: pd.Series,
    windows: Windows,
    baseline: str = "pre-week",
    covariates: pd.DataFrame | None = None,
    scale: str | None = None,
) -> Effect:
    """The recommended estimator: generalised least squares with a dummy for each of the event's days.

    Formula: g(y[t]) = weekday + growth + days of the month that stand out + level of the week before + dummies + u[t],
    u an ARMA(1,1) whose parameters are averaged over by restricted likelihood (see `analysis.model`). A dummy is the
    day less its best linear prediction, its standard error the error of predicting a new day.

    Assumes that the event's days would have been like ordinary days of their weekday and place in the month, given
    the days before: for ``"pre-week"`` after a campaign the week before, whose level has a column of its own; for
    ``"history"`` the days before the campaign.

    Parameters
    ----------
    covariates : DataFrame, optional
        Columns that the event cannot move, indexed by day: the weather, a series that the initiative did not touch.
    scale : str, optional
        "log", "root", "identity" or "logit"; by default chosen from the data.
    """
    fit, warnings = before_the_event(daily, windows, baseline, covariates, scale)
    total = Distribution.total(*fit.forecast(), fit.shape, fit.inverse)
    return Effect.of("gls", daily, windows, baseline, fit.learned, total, warnings, fit)


TEXTBOOK = (other.calendar_regression, other.structural, other.poisson)
SIMPLE = (other.same_weekday, other.pre_week_mean, other.day_before)
# From a series and its own past alone; and with `donors`, units that the initiative did not touch.
ESTIMATORS = {function.__name__: function for function in (gls, *TEXTBOOK, *SIMPLE)}
COMPARISONS = {each.__name__: each for each in (other.difference_in_differences, other.synthetic_control)}
RECOMMENDED = "gls"


def estimate(
    daily: pd.Series | pd.DataFrame | Mapping[str, pd.Series],
    windows: Windows | Sequence[Windows],
    estimator: str | None = None,
    baseline: str = "pre-week",
    **options,
) -> Effect:
    """The effect of an event on one daily series.

    Parameters
    ----------
    daily : Series of float, indexed by day
        The metric a day. Missing days are absent or NaN; they are never taken for zeros. A frame of one column
        is welcome too (pandas; or Polars with a column of dates), and a mapping of series, for a mapping of effects.
    windows : Windows or sequence of Windows
        Which day is which; of several editions, for their pooled effect (`analysis.editions`).
    estimator : str, optional
        A name in `ESTIMATORS` or `COMPARISONS`; by default the recommended one.
    baseline : {"pre-week", "history"}
        The estimand: what the day added to the level of the week before it, or what the initiative
        added to the world without it.
    **options
        Passed on to the estimator, which refuses those it does not know: `covariates`, `scale`, `donors`; of several
        editions `moderators` too.

    A ValueError says that the estimator is unknown, the event outside the data, or too little before it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=120)
    >>> noise = np.random.default_rng(1).normal(0, 5, 120)
    >>> daily = pd.Series(100 + 20 * (days.day_of_week < 5) + noise, days, name="visits")
    >>> daily.iloc[-1] *= 1.5
    >>> effect = estimate(daily, Windows(days[-1]))
    >>> bool(effect.confidence_interval().low > 20), effect.estimator
    (True, 'gls')
    """
    name = RECOMMENDED if estimator is None else estimator
    known = ESTIMATORS | COMPARISONS
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"give one of {', '.join(known)}"
        raise ValueError(f"estimator {name!r} is unknown: {hint}")
    if name in COMPARISONS and "donors" not in options:
        raise ValueError(f"estimator {name!r} needs donors: give units that the initiative did not touch")
    if isinstance(daily, Mapping):
        return {key: estimate(one, windows, estimator, baseline, **options) for key, one in daily.items()}
    if not isinstance(windows, Windows):
        from analysis.editions import editions

        moderators = options.pop("moderators", None)
        ask = functools.partial(estimate, estimator=estimator, baseline=baseline, **options)
        return editions(daily, windows, ask, moderators)
    return known[name](tidy(daily, windows), windows, baseline=baseline, **options)


def tidy(daily: pd.Series | pd.DataFrame, windows: Windows) -> pd.Series:
    """The series as floats on every day from its first to its last; missing days are NaN.

    A ValueError says that the index holds no days or a day twice, or that a day of the event has no value.
    """
    from analysis.ledger import as_daily  # a tenth of a second, and not needed to import this module

    daily = as_daily(daily)
    days = daily.index.tz_localize(None).normalize()
    if days.has_duplicates:
        raise ValueError(f"the day {days[days.duplicated()][0]:%Y-%m-%d} comes twice: give one value a day")
    if not len(days):
        raise ValueError("the series is empty: give one value a day")
    every = pd.date_range(days.min(), days.max())
    values = pd.Series(daily.to_numpy(dtype=float, na_value=np.nan), index=days, name=daily.name)
    values = values if days.equals(every) else values.reindex(every)
    event = values.loc[windows.event_start : windows.event_end]
    if len(event) < len(windows.event_days) or event.isna().any():
        missing = windows.event_days.difference(event.dropna().index)[0]
        span = f"{every[0]:%Y-%m-%d} to {every[-1]:%Y-%m-%d}"
        raise ValueError(f"the day of the event {missing:%Y-%m-%d} has no value: the data run from {span}")
    if np.isinf(values).any():
        raise ValueError(f"the value of {values.index[np.isinf(values)][0]:%Y-%m-%d} is infinite: correct it")
    return values


def wide(panel: pd.DataFrame, by: str, metric: str) -> pd.DataFrame:
    """Days x groups of a daily panel; a day without payments is zero."""
    table = panel.groupby(["date", by], observed=True)[metric].sum().unstack(fill_value=0)  # noqa: PD010
    every = pd.date_range(table.index.min(), table.index.max(), name="date")
    return table.reindex(every, fill_value=0).astype(float).rename(columns=str)
