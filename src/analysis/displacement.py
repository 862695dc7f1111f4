"""Where did it come from, and did it last? What the day took from counters, from other days, and what was new.

What two daily series, digital and offline ("counter"), identify, and how:

- the digital gain: observed less expected digital payments of the event;
- from counters: the shortfall of counter payments on the event. It bounds those who paid digitally instead, for
  some came on another day and some never paid;
- from other days: the shortfall of ALL payments on the days around, net of those who came then for a closed counter;
- the rest, net new less lost: the effect on all payments over the whole window. Exactly,

    D - E[D] = (E[C] - C) + (E[T] - T on the other days) + (T - E[T] over the window),   T = D + C

Net new and lost apart are not identified by aggregates: only their difference is. It must be believed that nothing is
displaced beyond the window, and that digital and counter payments keep their calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.effect import Effect, Interval, wide
from analysis.model.effect import half_width
from analysis.model.ordinary import rows
from analysis.model.pooling import reconcile
from analysis.model.regression import Regression, regress
from analysis.model.scale import Scale, candidates
from analysis.placebo import comparable_days, evenly
from analysis.windows import Windows

AFTER = "level after the window"


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The digital gain and its parts, with their joint distribution (Student's t).

    In payments or money: `digital_gain` = `from_counters` + `from_other_days` + `net_new` exactly; `from_other_days`
    = `pulled_forward` (from days after) + `postponed` (from days before).
    """

    parts: pd.Series
    covariance: pd.DataFrame  # of their errors; it obeys the same sums
    # A row a day of the window: `lag` (0 is the event), `date`, `series` (digital, counter, total), `observed`,
    # `expected`, `effect`, `se`.
    lags: pd.DataFrame
    cumulative: (
        pd.DataFrame
    )  # the effect on all payments from the window's first day: `lag`, `date`, `effect`, `se`
    df: float  # degrees of freedom
    moved: float = 0.0  # what reconciling with the headline added to the digital gain
    headline: Effect | None = None  # the gain's intervals are its own, whose ends need not be equally far

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
        Days around the event from which payments may have moved; a ValueError names one that is missing.
    headline : Effect, optional
        Of the digital series over the same baseline. The digital gain is then its `absolute` with its interval, and
        every other number moves with the gain as far as their errors go together.
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
    first, last, at = *np.flatnonzero(event)[[0, -1]], np.arange(H)
    zero, one, later, sooner = np.zeros(H), np.ones(H), 1.0 * (at > last), 1.0 * (at < first)
    weights = {  # of digital payments, and of those at counters
        "digital_gain": (event, zero),
        "from_counters": (zero, -1.0 * event),
        "from_other_days": (-later - sooner, -later - sooner),
        "pulled_forward": (-later, -later),
        "postponed": (-sooner, -sooner),
        "net_new": (one, one),
    }
    names, parts = pd.Index(weights, name="part"), np.array(list(weights.values())).reshape(-1, 2 * H)

    def sums(weights: np.ndarray) -> dict[str, np.ndarray]:
        squares = np.einsum("ij,jk,ik->i", weights, covariance, weights)
        return {"effect": weights @ effect, "se": np.sqrt(squares)}

    days, seen = (
        sums(np.vstack([np.eye(2 * H), np.tile(np.eye(H), 2)])),
        np.vstack([observed, observed.sum(0)]),
    )
    lag = np.where(at < first, at - first, np.maximum(at - last, 0))
    lags = {"lag": np.tile(lag, 3), "date": np.tile(window, 3)}
    lags |= {"series": np.repeat(["digital", "counter", "total"], H), "observed": seen.ravel()}
    lags |= {"expected": seen.ravel() - days["effect"]} | days
    cumulative = {"lag": lag, "date": window} | sums(np.tile(np.tri(H), 2))
    estimates = pd.Series(parts @ effect, names)
    if headline is not None:
        estimates["digital_gain"] = headline.absolute  # to the last digit, which the sum may round
    joint = pd.DataFrame(parts @ covariance @ parts.T, names, names.rename(None))
    return Decomposition(estimates, joint, pd.DataFrame(lags), pd.DataFrame(cumulative), df, moved, headline)


def around(
    series: pd.Series, windows: Windows, before: int, after: int, baseline: str, scale: Scale | None = None
) -> Regression:
    """The regression of one series on the days before and after a window whose days get a dummy each."""
    start, end = windows.event_start - pd.Timedelta(days=before), windows.event_end + pd.Timedelta(days=after)
    days, known = series.index, series.notna().to_numpy()
    touched, later = (days >= start) & (days <= end), days > end
    missing = pd.date_range(start, end).difference(days[touched & known])
    if len(missing):
        raise ValueError(f"{missing[0]:%Y-%m-%d} has no value: give fewer days around the event")
    learn = (windows.ordinary(days, baseline) | (later & ~days.isin(windows.excluded))) & known
    one = rows(series, windows, baseline, learn, touched, {AFTER: later.astype(float)})
    if not one.extra[AFTER].any():
        del one.extra[AFTER]
    return regress(one, [scale] if scale else candidates(one.y[~one.touched], "value"))


def placebo_parts(
    digital: pd.Series,
    counter: pd.Series,
    windows: Windows,
    before: int = 2,
    after: int = 14,
    number: int = 8,
) -> pd.DataFrame:
    """The decomposition of `number` ordinary dates before the campaign, where no part should be there.

    Returns columns `date`, `part`, `estimate`, `t` (over its standard error).
    """
    start, length = windows.campaign_start or windows.event_start, len(windows.event_days)
    digital, counter = digital[digital.index < start], counter[counter.index < start]
    starts = digital.index[90 + before : len(digital) - after - length + 1]
    if not len(starts):
        raise ValueError("no ordinary date has 90 days before it: give a longer history")
    tables = []
    for date in evenly(comparable_days(starts, windows), number):
        end = date + (windows.event_end - windows.event_start)
        placebo = replace(windows, event_start=date, event_end=end, campaign_start=None)
        found = decompose(digital, counter, placebo, before, after)
        t = found.parts / np.sqrt(np.diag(found.covariance))
        tables.append(found.parts.rename("estimate").reset_index().assign(date=date, t=t.to_numpy()))
    return pd.concat(tables, ignore_index=True)[["date", "part", "estimate", "t"]]


def coverage(rows: pd.DataFrame, levels: tuple[float, ...] = (0.8, 0.9, 0.95)) -> pd.DataFrame:
    """How often intervals held the truth, from rows with `metric, part, truth, estimate, se, df`.

    Returns one row a metric and part: `bias` and `spread`, mean and standard deviation of the errors in standard
    errors, and the share of intervals that held the truth at each level, under names such as "95".
    """
    miss = (rows["estimate"] - rows["truth"]) / rows["se"]
    held = {f"{100 * level:g}": miss.abs() <= half_width(level, rows["df"]) for level in levels}
    table = rows[["metric", "part"]].assign(miss=miss, **held).groupby(["metric", "part"], sort=False)
    return table["miss"].agg(bias="mean", spread="std").join(table[list(held)].mean()).reset_index()
