"""Would we see this anyway? The event among the dates on which nothing happened."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from scipy import special

from analysis import days
from analysis.effect import ESTIMATORS, estimate
from analysis.estimators.residuals import (
    Conformal,
    EndOfSample,
    PulseEffects,
    conformal,
    end_of_sample,
    p_value,
    pulse_effects,
    step_down,
)
from analysis.windows import Windows

__all__ = [
    "Conformal",
    "EndOfSample",
    "JointTest",
    "PlaceboTest",
    "PulseEffects",
    "calendar_terms",
    "comparable_days",
    "conformal",
    "end_of_sample",
    "every_test",
    "joint_test",
    "p_value",
    "placebo_test",
    "pulse_effects",
    "regression",
    "specifications",
    "step_down",
]

CALENDARS = ("full", "weekday", "none")
MONTH_END = (2, 4, 10)  # days before the end at which the rise towards payday may change its slope
ANCHOR_DAYS = 28  # days before the campaign that carry the level of the world without it


@dataclass(frozen=True, slots=True)
class JointTest:
    """One event, several metrics: how often an ordinary date has its largest |t| as large.

    Parameters
    ----------
    statistics : ndarray, shape (metrics,)
        The event's t statistics.
    reference : ndarray, shape (dates, metrics)
        Those of the placebo dates.
    """

    statistics: np.ndarray
    reference: np.ndarray

    @property
    def p_value(self) -> float:
        """That no metric moved: max-t over metrics against max-t over placebo dates."""
        return p_value(np.abs(self.statistics).max(), np.abs(self.reference).max(axis=1))

    @property
    def adjusted(self) -> np.ndarray:
        """Step-down p-values, one a metric (Westfall and Young 1993; Romano and Wolf 2005)."""
        return step_down(self.statistics, self.reference)


@dataclass(frozen=True, slots=True)
class PlaceboTest:
    """The event among the ordinary dates that are like it.

    Parameters
    ----------
    dates : DatetimeIndex
        First days of the placebo events.
    relative : ndarray, shape (dates,)
        What each of them "added", as a fraction of what was expected; 0.3 is +30 %.
    t : ndarray, shape (dates,)
        The same over its standard error.
    event_relative, event_t : float
        Those of the event.
    """

    dates: pd.DatetimeIndex
    relative: np.ndarray
    t: np.ndarray
    event_relative: float
    event_t: float

    @property
    def p_value(self) -> float:
        """Share of dates, the event among them, with a |t| at least as large as the event's."""
        return p_value(abs(self.event_t), np.abs(self.t))

    @property
    def floor(self) -> float:
        """The smallest p-value that so many dates can give."""
        return 1 / (1 + len(self.dates))

    @property
    def rank(self) -> int:
        """Place of the event among all, by |t|; 1 is the largest."""
        return 1 + int(np.count_nonzero(np.abs(self.t) >= abs(self.event_t)))

    def frame(self) -> pd.DataFrame:
        """Columns: date, relative, t."""
        return pd.DataFrame({"date": self.dates, "relative": self.relative, "t": self.t})


def placebo_test(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", weekday: str = "kind"
) -> PlaceboTest:
    """Pretend that each comparable date had been the event, and rank the event among them.

    The mean log over the event's days, less that over the week before, is regressed on the same contrast of
    the calendar; for "history" the level is that of four weeks, as long before as the campaign lasted. A
    date is judged by the days before the event without itself, and the event by all of them. Series that
    touch zero stay in their own units.

    Parameters
    ----------
    weekday : {"kind", "same"}
        Compare with days of the same kind (working or not) or of the same weekday only.
    """
    X, y, starts, expected = regression(daily, windows, baseline)
    past = starts != windows.event_start
    event, others = pulse_effects(X, y), pulse_effects(X[past], y[past])
    like = comparable_days(starts[past], windows, weekday)
    chosen = starts[past].isin(like) & np.isfinite(others.t)
    to_relative = np.expm1 if expected is None else (lambda effect: effect / expected)
    return PlaceboTest(
        starts[past][chosen],
        to_relative(others.effects[chosen]),
        others.t[chosen],
        float(to_relative(event.effects[~past][0])),
        float(event.t[~past][0]),
    )


def specifications(
    daily: pd.Series,
    windows: Windows,
    level: float = 0.95,
    histories: tuple[int | None, ...] = (None, 180, 90),
    weeks: tuple[int, ...] = (7, 14, 28),
) -> pd.DataFrame:
    """The effect under every defensible choice, so that a reader sees how much hangs on which.

    Every estimator of `ESTIMATORS` and the contrast regression of `placebo_test`, over both estimands,
    lengths of history and of the baseline, and, for the regression, calendar terms and scale. A choice that
    the data do not allow, or whose fit does not converge, is left out.

    Returns
    -------
    DataFrame
        One row a specification, by `relative`: `estimator`, `baseline`, `history` (days before the event or
        "all"), `baseline_days`, `calendar`, `scale` ("" where the estimator has its own), `relative`, `low`,
        `high` (fractions), `p_value`.
    """
    rows = []
    for history in histories:
        start = None if history is None else windows.event_start - pd.Timedelta(days=history)
        if history is not None and (daily.index[0] > start or (windows.history_start or start) > start):
            continue
        for baseline, days_ in [*(("pre-week", week) for week in weeks), ("history", windows.baseline_days)]:
            chosen = replace(windows, baseline_days=days_, history_start=start or windows.history_start)
            row = {
                "baseline": baseline,
                "history": "all" if history is None else str(history),
                "baseline_days": days_,
            }
            for name in ESTIMATORS:
                if name == "day_before" and baseline == "history":
                    continue  # the day before a campaign is no eve: it may be any weekday
                rows.append(
                    row
                    | {"estimator": name, "calendar": "", "scale": ""}
                    | _by_estimator(daily, chosen, name, baseline, level)
                )
            for calendar, scale in product(("full", "weekday"), ("log", "level")):
                numbers = _by_contrast(daily, chosen, baseline, calendar, scale, level)
                rows.append(row | {"estimator": "contrast", "calendar": calendar, "scale": scale} | numbers)
    order = [
        "estimator",
        "baseline",
        "history",
        "baseline_days",
        "calendar",
        "scale",
        "relative",
        "low",
        "high",
        "p_value",
    ]
    table = pd.DataFrame(rows)[order].dropna(subset=["relative"])
    # Estimators that do not use a choice give one row, not several.
    table = table.drop_duplicates(["estimator", "baseline", "relative", "low", "high"])
    return table.sort_values("relative", kind="stable", ignore_index=True)


def _by_estimator(daily: pd.Series, windows: Windows, name: str, baseline: str, level: float) -> dict:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            effect = estimate(daily, windows, name, baseline)
        except ValueError:
            return {"relative": np.nan}
    if any(warning.category.__name__ == "ConvergenceWarning" for warning in said):
        return {"relative": np.nan}
    low, high = effect.confidence_interval(level, relative=True)
    return {"relative": effect.relative, "low": low, "high": high, "p_value": effect.p_value}


def _by_contrast(
    daily: pd.Series, windows: Windows, baseline: str, calendar: str, scale: str, level: float
) -> dict:
    try:
        X, y, _, expected = regression(daily, windows, baseline, calendar, scale)
    except ValueError:
        return {"relative": np.nan}
    effects, se = pulse_effects(X, y)
    freedom = len(y) - np.linalg.matrix_rank(X) - 1
    ends = effects[-1] + se[-1] * special.stdtrit(freedom, [0.5, (1 - level) / 2, (1 + level) / 2])
    if expected is None:
        ends = np.expm1(ends)
    else:
        observed = daily.reindex(windows.event_days).mean()
        ends = observed / (observed - ends) - 1
    p = 2 * special.stdtr(freedom, -abs(effects[-1] / se[-1]))
    return {"relative": ends[0], "low": ends[1], "high": ends[2], "p_value": p}


def joint_test(
    metrics: dict[str, pd.Series], windows: Windows, baseline: str = "pre-week", weekday: str = "kind"
) -> JointTest:
    """Several metrics of one event at once, on the placebo dates that all of them have."""
    tests = [placebo_test(daily, windows, baseline, weekday) for daily in metrics.values()]
    t = pd.concat([pd.Series(test.t, test.dates) for test in tests], axis=1, join="inner")
    return JointTest(np.array([test.event_t for test in tests]), t.to_numpy())


def every_test(
    metrics: dict[str, pd.Series], windows: Windows, baseline: str = "pre-week", level: float = 0.95
) -> pd.DataFrame:
    """Three tests of each metric that lean on different things, and one of all metrics at once.

    Returns
    -------
    DataFrame
        One row a metric: `metric`, `relative`, `low`, `high` (conformal interval, fractions), `placebo`
        (rank among comparable dates), `conformal` (permutation of all days), `end_of_sample` (Andrews),
        `adjusted` (placebo, step-down over the metrics), `floor` (of the placebo p-value).
    """
    joint = joint_test(metrics, windows, baseline)
    rows = []
    for (name, daily), adjusted in zip(metrics.items(), joint.adjusted, strict=True):
        test = placebo_test(daily, windows, baseline)
        X, y, starts, expected = regression(daily, windows, baseline)
        found = conformal(X, y, starts == windows.event_start, level)
        observed = daily.reindex(windows.event_days).mean()
        ends = np.array([found.effect, found.low, found.high])
        relative = np.expm1(ends) if expected is None else observed / (observed - ends) - 1
        row = dict(zip(("relative", "low", "high"), relative.tolist(), strict=True))
        row |= {"placebo": test.p_value, "conformal": found.p_value}
        row |= {
            "end_of_sample": end_of_sample(X, y).p_value,
            "adjusted": float(adjusted),
            "floor": test.floor,
        }
        rows.append({"metric": name} | row)
    return pd.DataFrame(rows)


def comparable_days(starts: pd.DatetimeIndex, windows: Windows, weekday: str = "kind") -> pd.DatetimeIndex:
    """Those of `starts` on which an event of the same length would have met ordinary, similar days.

    Similar: working or not as the event's first day (or the same weekday), and as near to the month's end
    or as far from it. Ordinary: no holiday, campaign, event or excluded day among its days.
    """
    if weekday not in ("kind", "same"):
        raise ValueError(f"weekday {weekday!r} is unknown: give kind or same")
    length = len(windows.event_days)
    every = pd.date_range(starts.min(), starts.max() + pd.Timedelta(days=length - 1))
    day = days.features(every, windows.country)
    of_event = days.features(windows.event_days[:1], windows.country).iloc[0]
    busy = (day["holiday"] != "") | every.isin(windows.excluded)
    busy |= every.isin(windows.event_days) | every.isin(windows.campaign_days)
    free = busy[::-1].rolling(length, min_periods=1).sum()[::-1] == 0
    same = (
        day["weekday"] == of_event["weekday"] if weekday == "same" else day["weekend"] == of_event["weekend"]
    )
    same &= (day["month_days_left"] < 3) == (of_event["month_days_left"] < 3)
    return starts[(free & same).reindex(starts).to_numpy(bool)]


def calendar_terms(index: pd.DatetimeIndex, country: str | None, calendar: str = "full") -> np.ndarray:
    """Weekdays of each weekend regime, holiday and month end on working days and weekends, Ramadan.

    Shape (days, terms).
    `calendar="weekday"` keeps the weekdays alone, "none" a constant.
    """
    if calendar not in CALENDARS:
        raise ValueError(f"calendar {calendar!r} is unknown: give one of {', '.join(CALENDARS)}")
    if calendar == "none":
        return np.ones((len(index), 1))
    day = days.features(index, country)
    week = (day["weekday"] + 7 * (day["regime"] - day["regime"].min())).to_numpy(int)
    if calendar == "weekday":
        return np.eye(week.max() + 1)[week]
    left = day["month_days_left"].to_numpy()
    weekend, holiday = day["weekend"].to_numpy(float), (day["holiday"] != "").to_numpy(float)
    near_end = [np.clip(knot - left, 0, None) / knot for knot in MONTH_END]
    terms = [
        np.eye(week.max() + 1)[week],
        holiday,
        holiday * weekend,
        *near_end,
        near_end[-1] * weekend,
        day["ramadan"].to_numpy(float),
    ]
    matrix = np.column_stack(terms)
    return matrix[:, matrix.any(axis=0)]


def regression(
    daily: pd.Series | pd.DataFrame,
    windows: Windows,
    baseline: str = "pre-week",
    calendar: str = "full",
    scale: str = "log",
) -> tuple[np.ndarray, np.ndarray, pd.DatetimeIndex, float | np.ndarray | None]:
    """The estimand as a regression with one row a possible event; the event's own row is the last.

    Returns X, y (a column a series where `daily` has columns), the first day of each row, and the level to
    divide effects by where logs are not taken.

    Raises
    ------
    ValueError
        If a day of the event is missing or fewer than 14 rows remain.
    """
    event, length = windows.event_days, len(windows.event_days)
    past = windows.past(daily, baseline).dropna()
    values = pd.concat([past, daily.reindex(event)])
    if values.iloc[-length:].isna().any(axis=None):
        raise ValueError(f"a day of the event from {event[0]:%Y-%m-%d} has no value: give every day")
    logs = scale == "log" and bool((values > 0).all(axis=None))
    index = pd.date_range(values.index[0], event[-1])
    y = np.log(values) if logs else values
    known = y.reindex(index).to_numpy(float).reshape(len(index), -1)
    width = known.shape[1]
    X = calendar_terms(index, windows.country, calendar)
    week, gap = windows.baseline_days, 0
    if baseline == "history":
        week, gap = min(ANCHOR_DAYS, 7 * max(1, len(past) // 21)), len(windows.campaign_days)
    there = np.isfinite(known).all(axis=1)
    rows = _contrast(np.column_stack([np.nan_to_num(known), X]), there, length, week, gap)
    starts = index[week + gap : len(index) - length + 1]
    kept = np.isfinite(rows).all(axis=1)
    # Rows that share days with the event would carry its effect into what is expected of it.
    kept &= (starts + pd.Timedelta(days=length) <= event[0]) | (starts == event[0])
    if kept.sum() < 14 or not kept[-1]:
        raise ValueError(
            f"{kept.sum()} usable days up to {event[0]:%Y-%m-%d}: give at least 14 and the week before"
        )
    y, mean = rows[kept, :width], np.asarray(past.mean())
    if daily.ndim == 1:
        y, mean = y[:, 0], float(mean)
    return rows[kept, width:], y, starts[kept], None if logs else mean


def _contrast(columns: np.ndarray, known: np.ndarray, length: int, week: int, gap: int) -> np.ndarray:
    """Mean over each run of `length` days less that over the known ones of `week` days, `gap` days before it."""
    table = np.column_stack([columns, np.ones(len(columns))]) * known[:, None]
    sums = np.vstack([np.zeros(table.shape[1]), table.cumsum(axis=0)])
    first = np.arange(week + gap, len(columns) - length + 1)
    run, before = sums[first + length] - sums[first], sums[first - gap] - sums[first - gap - week]
    usable = (run[:, -1] == length) & (before[:, -1] > week / 2)
    rows = np.full((len(first), columns.shape[1]), np.nan)
    run, before = run[usable], before[usable]
    rows[usable] = run[:, :-1] / length - before[:, :-1] / before[:, -1:]
    return rows
