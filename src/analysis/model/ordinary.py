"""Which days a regression learns from, and the event's days held against them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.model.constants import FAR, HISTORY_DAYS, IDLE, MIN_DAYS
from analysis.model.design import Calendar, calendar
from analysis.model.regression import Regression, Sample, regress
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


def sample(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", covariates: pd.DataFrame | None = None
) -> Sample:
    """Choose the days: parameters are those of `before_the_event`.

    A ValueError says that too few days come before the event, or that all of them have one value.
    """
    others = {} if covariates is None else covariates.reindex(daily.index).to_dict("series")
    learn, touched = windows.ordinary(daily.index, baseline), daily.index.isin(windows.event_days)
    for column in (daily, *others.values()):
        learn &= column.notna().to_numpy()
    learn &= np.cumsum(learn[::-1])[::-1] <= HISTORY_DAYS
    kept = slice(int(np.argmax(learn | touched)), None)
    extra = {str(name): column.to_numpy(float)[kept] for name, column in others.items()}
    one = rows(daily[kept], windows, baseline, learn[kept], touched[kept], extra)
    past, table, new = one.y[~one.touched], one.table, one.touched
    need(len(past), 3, windows)
    if np.ptp(past) <= 1e-12 * np.abs(past).max():
        raise ValueError(
            f"the series is {past[0]:g} on every day before the event: without noise no effect can be judged"
        )
    before = windows.baseline - pd.Timedelta(days=len(windows.campaign_days) * (baseline == "history"))
    week = one.days[~new].isin(before)
    if windows.anchored(baseline) and not week.any():
        raise ValueError(
            "no day of the week before the event can be used, so its level is unknown: "
            "give longer baseline_days or a shorter wait_days, or take the baseline history"
        )
    if week.all():  # they have no other level
        one.extra.pop(LEVEL, None)
    new_weekday = not set(table.weekday[new]) <= set(table.weekday[~new])
    warnings = {
        FEW_DAYS: len(past) < MIN_DAYS,
        NEW_WEEKDAY: len(past) >= MIN_DAYS and new_weekday,
        LONG_EVENT: new.sum() > len(past),
        NO_WEEK_BEFORE: not week.any(),
        ON_A_HOLIDAY: table.holiday[new].any(),
    }
    return replace(one, warnings=tuple(text for text, holds in warnings.items() if holds))


def rows(daily: pd.Series, windows: Windows, baseline: str, learn, touched, extra: dict) -> Sample:
    """The days learned from and those that get a dummy, masks (n,) of the days of `daily`, but for what is no sample of
    the event's; with the level of the week before and further columns `extra` of n days each."""
    days, values = daily.index, daily.to_numpy(float)
    table, event = calendar(days[0], days[-1], windows.country), days.isin(windows.event_days)
    aside = set_aside(values, learn, event, table)
    learn, touched = learn & ~aside, touched & (event | ~aside)
    used = learn | touched
    if windows.anchored(baseline):
        extra = {LEVEL: (days >= windows.baseline[0]).astype(float)} | extra
    columns = {name: column[used] for name, column in extra.items()}
    return Sample(days[used], values[used], touched[used], table.take(used), columns)


def before_the_event(
    daily: pd.Series,
    windows: Windows,
    baseline: str = "pre-week",
    covariates: pd.DataFrame | None = None,
    scale: str | None = None,
) -> tuple[Regression, tuple[str, ...]]:
    """The regression of the days before the event and of the event's own, which get a dummy each, and its warnings.

    `daily` is on consecutive days, NaN where missing; the event's days have values. `covariates` has columns that the
    event cannot move, on the same days; a day on which one is missing is left out. `scale` is that of
    `analysis.effect.gls`.
    """
    one = sample(daily, windows, baseline, covariates)
    possible = candidates(one.y[~one.touched], str(daily.name))
    scales = [each for each in possible if scale in (None, each.name)]
    if not scales:
        raise ValueError(f"the series cannot be put on the scale {scale!r}: it has zeros or negative values")
    regression = regress(one, scales)
    eve = (one.days >= windows.event_start - pd.Timedelta(days=3)) & ~one.touched
    odd_eve = (np.abs(regression.residuals[eve]) > FAR).any()
    return regression, one.warnings + (ODD_EVE,) * bool(odd_eve)


def need(found: int, days: int, windows: Windows) -> None:
    """Refuse fewer usable days before the event than an estimator can do with."""
    if found < days:
        few = f"{found} usable days before the event of {windows.event_start:%Y-%m-%d}"
        raise ValueError(f"{few}, at least {days} are needed: give a longer history")


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
