"""Would we see this anyway? The event among the dates on which nothing happened."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis import days
from analysis.effect import TEXTBOOK, estimate, tidy
from analysis.model.constants import MIN_PATTERN
from analysis.model.ordinary import LEVEL, before_the_event
from analysis.model.recursive import Errors, forecast_errors
from analysis.model.regression import Regression
from analysis.windows import Windows

# Estimators and scales that can be defended, and other lengths of the week before, of the specification curve.
CURVE = [("gls", None), ("gls", "log"), ("gls", "identity"), *((one.__name__, None) for one in TEXTBOOK)]
WEEKS = (7, 14, 28)


@dataclass(frozen=True, slots=True)
class Placebos:
    """Every date before the event as if it had been the event, judged by the days before it alone.

    `dates` (T,) are first days of the pretended events, `comparable` (T,) of bool says which are like the event (see
    `comparable_days`). Of each, shape (T,): `relative`, what it "added" as a fraction of what was expected; `t`, the
    same over its standard error on the scale of the regression; `distance`, the root mean square of the standardised
    errors of its days (Andrews 2003).
    """

    dates: pd.DatetimeIndex
    comparable: np.ndarray
    relative: np.ndarray
    t: np.ndarray
    distance: np.ndarray
    event_relative: float
    event_t: float
    event_distance: float

    @property
    def p_value(self) -> float:
        """Share of comparable dates, the event among them, with a |t| at least as large as the event's."""
        return p_value(abs(self.event_t), np.abs(self.t[self.comparable]))

    @property
    def floor(self) -> float:
        """The smallest `p_value` that so many comparable dates can give."""
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
        table = pd.DataFrame({"date": self.dates, "relative": self.relative, "t": self.t})
        return table[self.comparable].reset_index(drop=True)


def at_every_date(
    fit: Regression, windows: Windows, baseline: str, Z: np.ndarray, among: np.ndarray | bool = True
) -> tuple[np.ndarray, Errors]:
    """Forecast series `Z` (m, n), on the days of `fit`, on every date with two months before it, and on the event.

    Columns, scale and error process are those of `fit`, the event's own regression; `among` (k,) may leave out columns.
    Returns the rows of the first days (T,), the event's own last, and the errors; a ValueError says that fewer than ten
    dates come before the event.
    """
    length, waiting, numbers = len(windows.event_days), windows.waiting, fit.numbers
    level = np.array(fit.columns.names) == LEVEL
    week = (windows.baseline_days, 1 + waiting) if level.any() else None
    gap = max(len(windows.campaign_days), windows.baseline_days if week else waiting)
    offsets = [*(range(-week[0], -week[1] + 1) if week else ()), *range(length)]
    event = int(np.argmax(fit.touched))
    there = np.isin(numbers[:, None] + offsets, numbers).all(axis=1) & ~fit.touched
    there &= (numbers - gap > numbers[0] + MIN_PATTERN) & (numbers + length <= numbers[event])
    starts = np.append(np.flatnonzero(there), event)
    if len(starts) < 11:
        raise ValueError(
            f"{len(starts) - 1} dates before the event have two months before them: give a longer history"
        )
    kept = np.flatnonzero((np.arange(len(level)) < fit.columns.place) & ~level & among)
    X, ridge = fit.columns.rows[kept], fit.estimates.ridge[fit.estimates.best, kept]
    odd = slice(len(kept) - int(fit.odd.sum()), len(kept))
    errors = forecast_errors(X, Z, numbers, fit.likeliest, ridge, starts, length, gap, week, fit.size, odd)
    return starts, errors


def placebos(
    daily: pd.Series, windows: Windows, baseline: str = "pre-week", covariates: pd.DataFrame | None = None
) -> Placebos:
    """Forecast every date before the event from the days before it, as the event is forecast, and rank the event.

    After a campaign each date is forecast over as long a campaign, and for ``"pre-week"`` from the level of the week
    before it. A ValueError says that fewer than ten dates have two months before them.
    """
    fit, _ = before_the_event(tidy(daily, windows), windows, baseline, covariates)
    starts, errors = at_every_date(fit, windows, baseline, fit.z[None])
    spread = errors.spread * np.sqrt(fit.estimates.variances[fit.estimates.best])
    effects, distance, dates = errors.effects[:, 0], errors.distance[:, 0], fit.days[starts[:-1]]
    observed = fit.z[starts[:, None] + np.arange(len(windows.event_days))]
    relative = fit.inverse(observed).sum(axis=1) / fit.inverse(observed - effects[:, None]).sum(axis=1) - 1
    t, like = effects / spread, dates.isin(comparable_days(dates, windows))
    of_event = (float(each[-1]) for each in (relative, t, distance))
    return Placebos(dates, like, relative[:-1], t[:-1], distance[:-1], *of_event)


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
    both = pd.concat([test.frame().set_index("date")["t"] for test in tests], axis=1, join="inner")
    table = {
        "metric": list(metrics),
        "relative": [test.event_relative for test in tests],
        "placebo": [test.p_value for test in tests],
        "conformal": [test.conformal for test in tests],
        "end_of_sample": [test.end_of_sample for test in tests],
        "adjusted": step_down([test.event_t for test in tests], both.to_numpy()),
        "floor": [test.floor for test in tests],
    }
    return pd.DataFrame(table).drop(columns=["end_of_sample"] * (len(windows.event_days) == 1))


def specifications(
    daily: pd.Series,
    windows: Windows,
    level: float = 0.95,
    histories: tuple[int | None, ...] = (None, 180, 90),
    covariates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The effect under every defensible choice, so that a reader sees how much hangs on which.

    The recommended estimator and the textbook ones over both estimands, lengths of history, lengths of the week before
    (where its level has a column), days left out before the event (none or two, after a campaign) and, for the
    recommended one, the scale; it alone takes `covariates`. A choice that the data do not allow is left out.

    Returns
    -------
    DataFrame
        One row a specification, by `relative`: `estimator`, `baseline`, `history` (days before the event or
        "all"), `baseline_days` and `wait_days` (NA where the level of the week before has no column), `scale` (""
        where it is chosen from the data), `absolute`, `relative`, `low`, `high` (fractions), `p_value`, `headline`
        (whether it is the effect that every report gives; one row is, whatever the study's own choices).
    """
    rows, own = [], (windows.baseline_days, windows.waiting)
    for history in histories:
        start = windows.history_start if history is None else windows.event_start - pd.Timedelta(days=history)
        if history is not None and max(daily.index[0], windows.history_start or start) > start:
            continue
        for baseline in ("pre-week", "history") if len(windows.campaign_days) else ("pre-week",):
            anchored = windows.anchored(baseline)  # without a level of its own no week is chosen
            others = itertools.product((own[0], *WEEKS), (own[1], 0, 2)) if anchored else ()
            for week, wait in dict.fromkeys((own, *others)):
                chosen = replace(windows, baseline_days=week, history_start=start, wait_days=wait)
                for name, scale in CURVE:
                    options = {"scale": scale, "covariates": covariates} if name == "gls" else {}
                    try:
                        with warnings.catch_warnings():
                            warnings.simplefilter("error", RuntimeWarning)
                            effect = estimate(daily, chosen, name, baseline, **options)
                    except (ValueError, RuntimeWarning):
                        continue
                    row = {"estimator": name, "baseline": baseline, "history": str(history or "all")}
                    row |= {"baseline_days": week if anchored else pd.NA, "scale": scale or ""}
                    row["wait_days"] = wait if anchored else pd.NA
                    choice = (name, scale, baseline, history, week, wait)
                    row["headline"] = choice == ("gls", None, "pre-week", None, *own)
                    row |= {"absolute": effect.absolute, "relative": effect.relative}
                    row |= effect.confidence_interval(level, relative=True)._asdict()
                    rows.append(row | {"p_value": effect.p_value})
    table = pd.DataFrame(rows).astype({"baseline_days": "Int64", "wait_days": "Int64"})
    # A scale that the data choose anyway gives one row, not two.
    table = table.drop_duplicates(["estimator", "baseline", "relative", "low", "high"])
    return table.sort_values("relative", kind="stable", ignore_index=True)


def comparable_days(starts: pd.DatetimeIndex, windows: Windows, weekday: str = "kind") -> pd.DatetimeIndex:
    """Those of `starts` on which an event of the same length would have met ordinary, similar days.

    Similar: working or not as the event's first day (or the same weekday), and as near to the month's end
    or as far from it. Ordinary: no holiday, campaign, event or excluded day among its days.
    """
    length = len(windows.event_days)
    every = pd.date_range(starts.min(), starts.max() + pd.Timedelta(days=length - 1))
    day = days.features(every, windows.country)
    event = days.features(windows.event_days[:1], windows.country).iloc[0]
    ours = windows.event_days.union(windows.campaign_days).union(pd.DatetimeIndex(windows.excluded))
    busy = (day["holiday"] != "") | every.isin(ours)
    free = busy[::-1].rolling(length, min_periods=1).sum()[::-1] == 0
    kind = "weekday" if weekday == "same" else "weekend"
    like = (day[kind] == event[kind]) & ((day["month_days_left"] < 3) == (event["month_days_left"] < 3))
    return starts[(free & like).reindex(starts).to_numpy(bool)]


def evenly(starts: pd.DatetimeIndex, most: int) -> pd.DatetimeIndex:
    """At most so many of the dates, evenly spread over them."""
    return starts[np.unique(np.linspace(0, len(starts) - 1, min(most, len(starts))).astype(int))]


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
