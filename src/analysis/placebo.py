"""Would we see this anyway? The event among the dates on which nothing happened."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis import days
from analysis.effect import ESTIMATORS, estimate, tidy
from analysis.model.constants import MIN_PATTERN
from analysis.model.ordinary import LEVEL, before_the_event
from analysis.model.recursive import Errors, forecast_errors
from analysis.model.regression import Regression
from analysis.windows import Windows


@dataclass(frozen=True, slots=True)
class Placebos:
    """Every date before the event as if it had been the event, judged by the days before it alone.

    Parameters
    ----------
    dates : DatetimeIndex
        First days of the pretended events, in order.
    comparable : ndarray of bool, shape (dates,)
        Whether a date is like the event: see `comparable_days`.
    relative : ndarray, shape (dates,)
        What each of them "added", as a fraction of what was expected; 0.3 is +30 %.
    t : ndarray, shape (dates,)
        The same over its standard error.
    distance : ndarray, shape (dates,)
        Root mean square of the standardised errors of its days (Andrews 2003).
    event_relative, event_t, event_distance : float
        Those of the event.
    event_effect, event_error : float
        Its mean effect a day and its standard error, on the scale of the regression.
    """

    dates: pd.DatetimeIndex
    comparable: np.ndarray
    relative: np.ndarray
    t: np.ndarray
    distance: np.ndarray
    event_relative: float
    event_t: float
    event_distance: float
    event_effect: float
    event_error: float

    @property
    def p_value(self) -> float:
        """Share of comparable dates, the event among them, with a |t| at least as large as the event's."""
        return p_value(abs(self.event_t), np.abs(self.t[self.comparable]))

    @property
    def floor(self) -> float:
        """The smallest p-value that so many comparable dates can give."""
        return 1 / (1 + np.count_nonzero(self.comparable))

    @property
    def rank(self) -> int:
        """Place of the event among all comparable dates, by |t|; 1 is the largest."""
        return 1 + int(np.count_nonzero(np.abs(self.t[self.comparable]) >= abs(self.event_t)))

    @property
    def conformal(self) -> float:
        """Share of ALL dates with a |t| as large: a permutation of the innovations (Chernozhukov et al. 2021)."""
        return p_value(abs(self.event_t), np.abs(self.t))

    @property
    def end_of_sample(self) -> float:
        """Share of all dates whose days lie as far out, whatever their signs (Andrews 2003)."""
        return p_value(self.event_distance, self.distance)

    def frame(self) -> pd.DataFrame:
        """The comparable dates: date, relative, t."""
        like = self.comparable
        return pd.DataFrame({"date": self.dates[like], "relative": self.relative[like], "t": self.t[like]})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the event could have fallen, and what each date would have been forecast from.

    Parameters
    ----------
    fit : Regression
        Of the event.
    starts : ndarray of int, shape (T,)
        Rows of the first days; the event's own is the last.
    length, gap : int
        Days of the event, and days before it that nothing is learned from.
    week : tuple of two ints, or None
        As in `forecast_errors`.
    """

    fit: Regression
    starts: np.ndarray
    length: int
    gap: int
    week: tuple[int, int] | None

    @classmethod
    def of(cls, fit: Regression, windows: Windows, baseline: str) -> Layout:
        """Every date with two months before it and all days that the event needs.

        Raises
        ------
        ValueError
            If there are fewer than ten.
        """
        length, waiting, numbers = len(windows.event_days), windows.waiting, fit.numbers
        week = (windows.baseline_days, 1 + waiting) if LEVEL in fit.columns.names else None
        gap = max(len(windows.campaign_days), windows.baseline_days if week else waiting)
        offsets = [-back for back in range(week[0], week[1] - 1, -1)] if week else []
        offsets += list(range(length))
        event = int(np.argmax(fit.touched))
        there = np.isin(numbers[:, None] + offsets, numbers).all(axis=1) & (
            numbers - gap > numbers[0] + MIN_PATTERN
        )
        before = numbers + length <= numbers[event]
        starts = np.append(np.flatnonzero(there & before & ~fit.touched), event)
        if len(starts) < 11:
            raise ValueError(
                f"{len(starts) - 1} dates before the event have two months before them: give a longer history"
            )
        return cls(fit, starts, length, gap, week)

    def errors(self, Z: np.ndarray, among: np.ndarray | bool = True) -> Errors:
        """Of series Z (m, n), on the fit's own columns; `among` (k,) may leave some out."""
        fit, best, k = self.fit, self.fit.estimates.best, len(self.fit.columns.names)
        named = np.array([name != LEVEL for name in fit.columns.names])
        kept = np.flatnonzero((np.arange(k) < fit.columns.place) & named & among)
        return forecast_errors(
            fit.columns.rows[kept],
            Z,
            fit.numbers,
            fit.processes.take(fit.estimates.points[[best]]),
            fit.estimates.ridge[best, kept],
            self.starts,
            self.length,
            self.gap,
            self.week,
            fit.size,
            slice(len(kept) - int(fit.odd.sum()), len(kept)),
        )


def placebos(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", weekday: str = "kind"
) -> Placebos:
    """Forecast every date before the event from the days before it, as the event is forecast, and rank the event.

    Columns, scale and error process are those of the event's own regression, at its likeliest process; coefficients
    are those of the days before each date. After a campaign each date is forecast over as long a campaign, and for
    ``"pre-week"`` from the level of the week before it.

    Parameters
    ----------
    weekday : {"kind", "same"}
        Compare with days of the same kind (working or not) or of the same weekday only.

    Raises
    ------
    ValueError
        If fewer than ten dates have two months before them.
    """
    fit, _ = before_the_event(tidy(daily, windows), windows, baseline)
    layout = Layout.of(fit, windows, baseline)
    errors, starts = layout.errors(fit.z[None]), layout.starts
    event, length = starts[-1], layout.length
    spread = errors.spread * np.sqrt(fit.estimates.variances[fit.estimates.best])
    effects = errors.effects[:, 0]
    observed = np.array([fit.z[start : start + length] for start in starts])
    relative = fit.inverse(observed).sum(axis=1) / fit.inverse(observed - effects[:, None]).sum(axis=1) - 1
    past, dates = starts != event, fit.days[starts]
    like = np.isin(dates[past], comparable_days(dates[past], windows, weekday))
    return Placebos(
        dates[past],
        like,
        relative[past],
        (effects / spread)[past],
        errors.distance[past, 0],
        float(relative[-1]),
        float(effects[-1] / spread[-1]),
        float(errors.distance[-1, 0]),
        float(effects[-1]),
        float(spread[-1]),
    )


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


def joint_test(tests: list[Placebos]) -> JointTest:
    """Several metrics of one event at once, on the comparable dates that all of them have."""
    t = pd.concat([test.frame().set_index("date")["t"] for test in tests], axis=1, join="inner")
    return JointTest(np.array([test.event_t for test in tests]), t.to_numpy())


def every_test(metrics: dict[str, pd.Series], windows: Windows, baseline: str = "pre-week") -> pd.DataFrame:
    """Tests of each metric that lean on different things, and one of all metrics at once.

    Returns
    -------
    DataFrame
        One row a metric: `metric`, `relative`, `placebo` (rank among comparable dates), `conformal` (among all
        dates), `end_of_sample` (Andrews; only for an event of several days, of one day it is `conformal`), `adjusted`
        (placebo, step-down over the metrics), `floor` (of the placebo p-value).
    """
    tests = [placebos(daily, windows, baseline) for daily in metrics.values()]
    rows = []
    for name, test, adjusted in zip(metrics, tests, joint_test(tests).adjusted, strict=True):
        row = {
            "metric": name,
            "relative": test.event_relative,
            "placebo": test.p_value,
            "conformal": test.conformal,
        }
        if len(windows.event_days) > 1:
            row["end_of_sample"] = test.end_of_sample
        rows.append(row | {"adjusted": float(adjusted), "floor": test.floor})
    return pd.DataFrame(rows)


def specifications(
    daily: pd.Series,
    windows: Windows,
    level: float = 0.95,
    histories: tuple[int | None, ...] = (None, 180, 90),
    weeks: tuple[int, ...] = (7, 14, 28),
) -> pd.DataFrame:
    """The effect under every defensible choice, so that a reader sees how much hangs on which.

    The recommended estimator and the textbook ones over both estimands, lengths of history, lengths of the week
    before (where its level has a column), days left out before the event (none or two, after a campaign) and, for
    the recommended one, the scale. The comparisons with one day or a plain mean are no defensible choices and stay
    out. A choice that the data do not allow is left out.

    Returns
    -------
    DataFrame
        One row a specification, by `relative`: `estimator`, `baseline`, `history` (days before the event or
        "all"), `baseline_days`, `wait_days`, `scale` ("" where it is chosen from the data), `absolute`, `relative`,
        `low`, `high` (fractions), `p_value`, `headline` (whether it is the effect that every report gives).
    """
    rows = []
    for history in histories:
        start = windows.history_start if history is None else windows.event_start - pd.Timedelta(days=history)
        if history is not None and (daily.index[0] > start or (windows.history_start or start) > start):
            continue
        for baseline in ("pre-week", "history") if len(windows.campaign_days) else ("pre-week",):
            weeks_, waits = (
                (weeks, (windows.waiting, 0, 2)) if windows.anchored(baseline) else (weeks[:1], ())
            )
            for days_, wait in itertools.product(weeks_, dict.fromkeys(waits or (windows.waiting,))):
                chosen = replace(windows, baseline_days=days_, history_start=start, wait_days=wait)
                for name in CURVE:
                    for scale in (None, "log", "identity") if name == "gls" else (None,):
                        row = {"estimator": name, "baseline": baseline, "history": str(history or "all")}
                        row |= {"baseline_days": days_, "wait_days": wait, "scale": scale or ""}
                        rows.append(row | _numbers(daily, chosen, name, baseline, scale, level))
    table = pd.DataFrame(rows).dropna(subset=["relative"])
    first = (table["estimator"] == "gls") & (table["baseline"] == "pre-week") & (table["history"] == "all")
    first &= (table["baseline_days"] == windows.baseline_days) & (table["wait_days"] == windows.waiting)
    table["headline"] = first & (table["scale"] == "")
    # A scale that the data choose anyway gives one row, not two.
    table = table.drop_duplicates(["estimator", "baseline", "relative", "low", "high"])
    return table.sort_values("relative", kind="stable", ignore_index=True)


CURVE = [name for name in ESTIMATORS if name not in ("same_weekday", "pre_week_mean", "day_before")]


def _numbers(daily, windows: Windows, name: str, baseline: str, scale: str | None, level: float) -> dict:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            effect = estimate(daily, windows, name, baseline, **({"scale": scale} if scale else {}))
    except (ValueError, RuntimeWarning):
        return {"relative": np.nan}
    low, high = effect.confidence_interval(level, relative=True)
    sizes = {"absolute": effect.absolute, "relative": effect.relative, "low": low, "high": high}
    return sizes | {"p_value": effect.p_value}


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


def p_value(statistic: float, reference: np.ndarray) -> float:
    """(1 + the placebos at least as large) / (1 + the placebos): exact when all are exchangeable.

    It cannot fall below 1 / (1 + placebos), however large the effect.
    """
    reference = np.asarray(reference, float)
    reference = reference[np.isfinite(reference)]
    return float((1 + np.count_nonzero(reference >= statistic)) / (1 + len(reference)))


def step_down(statistics: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Family-wise p-values of several |t| by step-down max-t over placebo dates.

    The largest is compared with the largest of each date, the next with the largest of the rest, and so on;
    p-values never fall along the way. Whole dates are compared, so the dependence between units is kept.
    """
    statistics, reference = np.abs(statistics), np.abs(reference)
    order = np.argsort(-statistics, kind="stable")
    rest = np.maximum.accumulate(reference[:, order][:, ::-1], axis=1)[:, ::-1]
    counts = np.count_nonzero(rest >= statistics[order], axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate((1 + counts) / (1 + len(reference)))
    return adjusted
