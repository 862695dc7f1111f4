"""Where did it come from, and did it last? What the day took from counters, from other days, and what was new.

What two daily series, digital and offline ("counter"), identify, and how:

- the digital gain: observed less expected digital payments of the event;
- from counters: the shortfall of counter payments on the event. It bounds those who paid digitally instead, for
  some came on another day and some never paid;
- from other days: the shortfall of ALL payments on the days around, net of those who could not pay at a counter on the
  event and came on another day;
- the rest, net new less lost: the effect on all payments over the whole window.

The first is the sum of the others, exactly:

    D - E[D] = (E[C] - C) + (E[T] - T on the other days) + (T - E[T] over the window),   T = D + C

Net new and lost apart are not identified by aggregates: only their difference is. It must be believed that nothing is
displaced beyond the window, and that digital and counter payments keep their calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.effect import Effect, Interval, wide
from analysis.model.design import calendar
from analysis.model.effect import half_width
from analysis.model.ordinary import LEVEL, set_aside
from analysis.model.pooling import reconcile
from analysis.model.regression import Regression, Sample, regress
from analysis.model.scale import Scale, candidates
from analysis.placebo import comparable_days, evenly
from analysis.windows import Windows

AFTER = "level after the window"


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The digital gain and its parts, with their joint distribution (Student's t).

    Parameters
    ----------
    parts : Series
        Estimates in payments (or money): `digital_gain` = `from_counters` + `from_other_days` + `net_new`,
        exactly; `from_other_days` = `pulled_forward` (from days after) + `postponed` (from days before).
    covariance : DataFrame
        Of their errors; it obeys the same sums.
    lags : DataFrame
        One row a day of the window: `lag` (0 is the event), `date`, `series` (digital, counter, total),
        `observed`, `expected`, `effect`, `se`.
    cumulative : DataFrame
        The effect on all payments from the window's first day to each day: `lag`, `date`, `effect`, `se`.
    df : float
        Degrees of freedom.
    moved : float
        What reconciling with the headline added to the digital gain.
    headline : Effect, optional
        The digital gain's intervals are its own, whose ends need not be equally far.
    """

    parts: pd.Series
    covariance: pd.DataFrame
    lags: pd.DataFrame
    cumulative: pd.DataFrame
    df: float
    moved: float = 0.0
    headline: Effect | None = None

    def interval(self, part: str, level: float = 0.95) -> Interval:
        """Where one part lies, with probability `level`."""
        if part == "digital_gain" and self.headline is not None:
            return self.headline.confidence_interval(level)
        return self._around(float(self.parts[part]), pd.Series({part: 1.0}), level)

    def ratio(self, part: str, over: str, level: float = 0.95) -> tuple[float, Interval]:
        """One part over another, by the delta method: for an `over` that is clear of zero."""
        ratio = float(self.parts[part] / self.parts[over])
        return ratio, self._around(ratio, pd.Series({part: 1.0, over: -ratio}) / self.parts[over], level)

    def _around(self, centre: float, weights: pd.Series, level: float) -> Interval:
        variance = weights @ self.covariance.loc[weights.index, weights.index] @ weights
        half = half_width(level, self.df) * np.sqrt(variance)
        return Interval(float(centre - half), float(centre + half))

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Columns: part, estimate, low, high, share (of the digital gain)."""
        table = self.parts.rename_axis("part").reset_index(name="estimate")
        table[["low", "high"]] = [self.interval(part, level) for part in self.parts.index]
        return table.assign(share=table["estimate"] / self.parts["digital_gain"])

    def with_interval(self, table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
        """`lags` or `cumulative` with columns low and high."""
        half = half_width(level, self.df) * table["se"]
        table = table.assign(low=table["effect"] - half, high=table["effect"] + half)
        if "series" in table and self.headline is not None and len(self.headline.event_days) == 1:
            event = (table["lag"] == 0) & (table["series"] == "digital")
            table.loc[event, ["low", "high"]] = [self.interval("digital_gain", level)]
        return table


def channels(
    panel: pd.DataFrame, metric: str = "count", offline: tuple[str, ...] = ("counter",)
) -> tuple[pd.Series, pd.Series]:
    """Digital and offline series of a daily panel with the columns `date`, `channel` and `metric`."""
    names = panel["channel"].astype(str)
    at_counter = names.isin(offline)
    if not at_counter.any():
        known = ", ".join(sorted(set(names)))
        raise ValueError(f"no channel of the panel is offline: set offline_channels to some of {known}")
    sides = panel.assign(channel=np.where(at_counter, "counter", "digital"))
    table = wide(sides, "channel", metric).reindex(columns=["digital", "counter"], fill_value=0.0)
    return table["digital"], table["counter"]


def decompose(
    digital: pd.Series,
    counter: pd.Series,
    windows: Windows,
    before: int = 2,
    after: int = 14,
    baseline: str = "pre-week",
    headline: Effect | None = None,
) -> Decomposition:
    """Split the digital gain of the event into counters, other days, and net new.

    The one regression of each series, learned from both sides of the window, with a dummy for each day of it; the days
    after the window have a level of their own. Errors of the two series go together as their innovations do.

    Parameters
    ----------
    digital, counter : Series of float, indexed by day
        Payments or their value. Counters are taken as open on weekdays on which they took any.
    before, after : int
        Days around the event from which payments may have moved.
    baseline : {"pre-week", "history"}
        Against the world with the campaign but without the day, or against the world without both.
    headline : Effect, optional
        Of the digital series over the same baseline. The digital gain is then its `absolute` with its interval, and
        every other number moves with the gain as far as their errors go together.

    Raises
    ------
    ValueError
        If days are missing around the event.
    """
    windows = replace(windows, wait_days=max(before, windows.waiting if len(windows.campaign_days) else 0))
    fits = [around(series, windows, before, after, baseline) for series in (digital, counter)]
    window = fits[0].days[fits[0].touched]
    event, H = np.isin(window, windows.event_days), len(window)
    observed = np.array([series.reindex(window).to_numpy(float) for series in (digital, counter)])
    # A day on which counters never open is as it is.
    expected, roots = observed.copy(), np.zeros((2, H, H))
    for j, fit in enumerate(fits):
        at = np.searchsorted(window, fit.days[fit.touched])
        centre, covariance = fit.forecast()
        expected[j, at] = fit.inverse(centre)
        slope = (fit.inverse(centre + 1e-5) - fit.inverse(centre - 1e-5)) / 2e-5
        roots[j][np.ix_(at, at)] = slope[:, None] * np.linalg.cholesky(covariance)
    first, second = (pd.Series(fit.residuals, fit.days)[~fit.touched & ~fit.odd] for fit in fits)
    both = np.clip(first.corr(second), -0.99, 0.99) * roots[0] @ roots[1].T  # on the days that both have
    covariance = np.block([[roots[0] @ roots[0].T, both], [both.T, roots[1] @ roots[1].T]])
    effect, gain = (observed - expected).ravel(), np.concatenate([event, np.zeros(H)])
    moved, df = 0.0, min(fit.estimates.df for fit in fits)
    if headline is not None:
        own = covariance @ gain
        share, moved, more = reconcile(headline, own, gain @ own, float(gain @ effect), df)
        effect, covariance = effect + share * moved, covariance + np.outer(share, share) * more
    result = _decomposition(window, event, observed, effect, covariance, df, moved, headline)
    if headline is not None:
        result.parts["digital_gain"] = headline.absolute  # to the last digit, which the sum may round
    return result


def around(
    series: pd.Series, windows: Windows, before: int, after: int, baseline: str, scale: Scale | None = None
) -> Regression:
    """The regression of one series on the days before and after a window whose days get a dummy each."""
    start, end = windows.event_start - pd.Timedelta(days=before), windows.event_end + pd.Timedelta(days=after)
    days, values = series.index, series.to_numpy(float)
    touched = (days >= start) & (days <= end)
    missing = pd.date_range(start, end).difference(days[touched & ~np.isnan(values)])
    if len(missing):
        raise ValueError(f"{missing[0]:%Y-%m-%d} has no value: give fewer days around the event")
    learn = windows.ordinary(days, baseline) | ((days > end) & ~days.isin(windows.excluded))
    learn &= ~np.isnan(values)
    table = calendar(days[0], days[-1], windows.country)
    event = days.isin(windows.event_days)
    closed = set_aside(values, learn, event, table)
    learn &= ~closed
    touched &= ~closed | event
    used = learn | touched
    later, extra = (days > end)[used].astype(float), {}
    if windows.anchored(baseline):
        extra[LEVEL] = (days >= windows.baseline[0])[used].astype(float)
    if later.any():
        extra[AFTER] = later
    sample = Sample(days[used], values[used], touched[used], table.take(used), extra)
    return regress(sample, [scale] if scale else candidates(values[learn], "value"))


def placebo_parts(
    digital: pd.Series,
    counter: pd.Series,
    windows: Windows,
    before: int = 2,
    after: int = 14,
    number: int = 8,
) -> pd.DataFrame:
    """The decomposition of ordinary dates before the campaign, where no part should be there.

    Returns columns `date`, `part`, `estimate`, `t` (over its standard error); dates are evenly spread over
    those that are comparable and have enough days around them.
    """
    start, days = windows.campaign_start or windows.event_start, pd.Timedelta(days=1)
    digital, counter = digital[digital.index < start], counter[counter.index < start]
    last = start - (after + len(windows.event_days)) * days
    starts = digital[digital.index[0] + (90 + before) * days : last].index
    if not len(starts):
        raise ValueError("no ordinary date has 90 days before it: give a longer history")
    starts = evenly(comparable_days(starts, windows), number)
    length = windows.event_end - windows.event_start
    rows = []
    for date in starts:
        placebo = replace(windows, event_start=date, event_end=date + length, campaign_start=None)
        found = decompose(digital, counter, placebo, before, after)
        t = found.parts / np.sqrt(np.diag(found.covariance))
        rows.append(pd.DataFrame({"date": date, "part": found.parts.index, "estimate": found.parts, "t": t}))
    return pd.concat(rows, ignore_index=True)


def coverage(rows: pd.DataFrame, levels: tuple[float, ...] = (0.8, 0.9, 0.95)) -> pd.DataFrame:
    """How often intervals held the truth, from rows with `metric, part, truth, estimate, se, df`.

    Returns one row a metric and part: `bias` and `spread`, mean and standard deviation of the errors in standard
    errors, and the share of intervals that held the truth at each level, under names such as "95".
    """
    miss = (rows["estimate"] - rows["truth"]) / rows["se"]
    held = {f"{100 * level:g}": miss.abs() <= half_width(level, rows["df"]) for level in levels}
    table = rows[["metric", "part"]].assign(miss=miss, **held).groupby(["metric", "part"], sort=False)
    return table["miss"].agg(bias="mean", spread="std").join(table[list(held)].mean()).reset_index()


def _decomposition(window, event, observed, effect, covariance, df, moved, headline) -> Decomposition:
    """Parts, days and running total, all of them sums of the same 2H effects."""
    H, at = len(window), np.arange(len(window))
    first, last = np.flatnonzero(event)[[0, -1]]
    zero, one, after, before = np.zeros(H), np.ones(H), 1.0 * (at > last), 1.0 * (at < first)
    weights = {  # of digital payments, and of those at counters
        "digital_gain": (event, zero),
        "from_counters": (zero, -1.0 * event),
        "from_other_days": (-after - before, -after - before),
        "pulled_forward": (-after, -after),
        "postponed": (-before, -before),
        "net_new": (one, one),
    }
    names, rows = pd.Index(weights, name="part"), np.array(list(weights.values())).reshape(len(weights), -1)

    def table(rows: np.ndarray) -> dict[str, np.ndarray]:
        return {"effect": rows @ effect, "se": np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))}

    days = table(np.vstack([np.eye(2 * H), np.tile(np.eye(H), 2)]))
    seen = np.concatenate([observed.ravel(), observed.sum(axis=0)])
    lag = np.where(at < first, at - first, np.maximum(at - last, 0))
    lags = {"lag": np.tile(lag, 3), "date": np.tile(window, 3)}
    lags |= {"series": np.repeat(["digital", "counter", "total"], H), "observed": seen}
    lags |= {"expected": seen - days["effect"]} | days
    joint = pd.DataFrame(rows @ covariance @ rows.T, names, names.rename(None))
    cumulative = pd.DataFrame({"lag": lag, "date": window} | table(np.tile(np.tri(H), 2)))
    parts, lags = pd.Series(rows @ effect, names), pd.DataFrame(lags)
    return Decomposition(parts, joint, lags, cumulative, df, moved, headline)
