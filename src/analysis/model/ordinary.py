"""Which days a regression learns from, and the event's days held against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.model.constants import FAR, HISTORY_DAYS, IDLE, MIN_DAYS
from analysis.model.design import Calendar, calendar
from analysis.model.regression import Regression, regress
from analysis.model.scale import candidates
from analysis.windows import Windows

LEVEL = "level of the week before"
FEW_DAYS = (
    "Fewer than two weeks come before the event: a weekday effect cannot be told from noise in them, and the interval "
    "is that of a new day drawn like theirs."
)
ON_A_HOLIDAY = "The event falls on a holiday; it is held against ordinary days."
NEW_WEEKDAY = (
    "The event's weekday does not stand in the days before it; it is held against the mean of the others."
)
LONG_EVENT = "The event is longer than the time before it."
NO_WEEK_BEFORE = "No day of the week before the event can be used; the level is that of the days before it."
ODD_EVE = (
    "One of the last three days before the event was itself far from ordinary: the level may have moved before the "
    "event, which would then be taken for its effect."
)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The days before an event that are learned from, and the event's own; n of them.

    Parameters
    ----------
    days : DatetimeIndex, length n
    y : ndarray, shape (n,)
        The series.
    touched, week : ndarray of bool, shape (n,)
        The event's days, and the learned days of the week before them (over the history: before the campaign).
    table : Calendar
    extra : dict of str to ndarray, shape (n,)
        The level of the week before, where it has a column of its own, and covariates.
    """

    days: pd.DatetimeIndex
    y: np.ndarray
    touched: np.ndarray
    week: np.ndarray
    table: Calendar
    extra: dict[str, np.ndarray]

    @property
    def numbers(self) -> np.ndarray:
        """The days as numbers on the calendar, the first zero; shape (n,)."""
        return (self.days - self.days[0]).days.to_numpy()

    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of the days, in the order in which it matters."""
        return tuple(self._warnings())

    def _warnings(self) -> Iterator[str]:
        touched, learn, weekday = self.touched, ~self.touched, self.table.weekday
        if learn.sum() < MIN_DAYS:
            yield FEW_DAYS
        elif set(weekday[touched]) - set(weekday[learn]):
            yield NEW_WEEKDAY
        if touched.sum() > learn.sum():
            yield LONG_EVENT
        if not self.week.any():
            yield NO_WEEK_BEFORE
        if self.table.holiday[touched].any():
            yield ON_A_HOLIDAY


def sample(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", covariates: pd.DataFrame | None = None
) -> Sample:
    """Choose the days; parameters and errors are those of `before_the_event`."""
    known = daily.notna().to_numpy()
    if covariates is not None:
        covariates = covariates.reindex(daily.index)
        known = known & covariates.notna().all(axis=1).to_numpy()
    learn = windows.ordinary(daily.index, baseline) & known
    learn &= np.cumsum(learn[::-1])[::-1] <= HISTORY_DAYS
    touched = daily.index.isin(windows.event_days)
    first = int(np.argmax(learn | touched))
    days, learn, touched = daily.index[first:], learn[first:], touched[first:]
    values, table = daily.to_numpy(float)[first:], calendar(days[0], days[-1], windows.country)
    learn = learn & ~set_aside(values, learn, touched, table)
    _check(values[learn], windows)
    used = learn | touched
    before = windows.baseline - pd.Timedelta(days=len(windows.campaign_days) * (baseline == "history"))
    week, extra = (learn & days.isin(before))[used], {}
    if windows.anchored(baseline) and (learn[used] & ~week).any():
        if not week.any():
            raise ValueError(
                "no day of the week before the event can be used, so its level is unknown: "
                "give longer baseline_days or a shorter wait_days, or take the baseline history"
            )
        extra[LEVEL] = (week | touched[used]).astype(float)
    if covariates is not None:
        extra |= {str(name): covariates[name].to_numpy(float)[first:][used] for name in covariates}
    return Sample(days[used], values[used], touched[used], week, table.take(used), extra)


def before_the_event(
    daily: pd.Series,
    windows: Windows,
    baseline: str = "pre-week",
    covariates: pd.DataFrame | None = None,
    scale: str | None = None,
) -> tuple[Regression, tuple[str, ...]]:
    """The regression of the days before the event and of the event's own, which get a dummy each.

    Parameters
    ----------
    daily : Series
        On consecutive days, NaN where missing; the event's days have values.
    windows : Windows
    baseline : {"pre-week", "history"}
    covariates : DataFrame, optional
        Columns that the event cannot move, on the same days; a day on which one is missing is left out.
    scale : str, optional
        "log", "root", "identity" or "logit"; by default chosen from the data.

    Returns
    -------
    regression : Regression
    warnings : tuple of str
        What a reader must know of the days, each a sentence.

    Raises
    ------
    ValueError
        If too few days come before the event, or all of them have one value.
    """
    one = sample(daily, windows, baseline, covariates)
    possible = candidates(one.y[~one.touched], str(daily.name))
    scales = [each for each in possible if scale in (None, each.name)]
    if not scales:
        raise ValueError(f"the series cannot be put on the scale {scale!r}: it has zeros or negative values")
    regression = regress(one.days, one.y, one.touched, one.table, scales, one.extra)
    warnings = one.warnings()
    eve = (one.days >= windows.event_start - pd.Timedelta(days=3)) & ~one.touched
    if (np.abs(regression.residuals[eve]) > FAR).any():
        warnings += (ODD_EVE,)
    return regression, warnings


def _check(learned: np.ndarray, windows: Windows) -> None:
    """Refuse what no regression can answer."""
    if len(learned) < 3:
        raise ValueError(
            f"{len(learned)} usable days before the event of {windows.event_start:%Y-%m-%d}, at least 3 are needed: "
            "give a longer history"
        )
    if np.ptp(learned) <= 1e-12 * np.abs(learned).max():
        raise ValueError(
            f"the series is {learned[0]:g} on every day before the event: without noise no effect can be judged"
        )


def set_aside(values: np.ndarray, learn: np.ndarray, touched: np.ndarray, table: Calendar) -> np.ndarray:
    """Days that are no sample of the event's: holidays, another weekend, weekdays that never open, outages (n,)."""
    aside = np.zeros(len(values), bool)
    if not table.holiday[touched].any():
        aside |= table.holiday
    same = table.regime == table.regime[touched][-1]
    if (learn & same & ~aside).sum() >= 2 * MIN_DAYS:
        aside |= ~same
    for weekday in set(range(7)) - set(table.weekday[touched].tolist()):
        those = learn & ~aside & (table.weekday == weekday)
        if those.sum() >= 3 and not values[those].any():
            aside |= table.weekday == weekday
    rest = learn & ~aside
    idle, positive = rest & (values == 0), values[rest & (values > 0)]
    if 0 < idle.sum() <= IDLE * rest.sum() and np.quantile(positive, 0.05) > 20:
        aside |= idle
    return aside if (learn & ~aside).sum() >= MIN_DAYS else np.zeros(len(values), bool)
