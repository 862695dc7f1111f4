"""Where did it come from? What the day took from counters, from other days, and what was new.

What two daily series, digital and counter, identify, and how:

- the digital gain: observed less expected digital payments of the event;
- from counters: the shortfall of counter payments on the event. It bounds those who paid digitally instead, for
  some came on another day and some never paid;
- from other days: the shortfall of ALL payments, digital and counter, on the days around, net of those who could
  not pay at a counter on the event and came on another day. A lasting change of channel leaves it alone;
- the rest, net new less lost: the effect on all payments over the whole window.

The first is the sum of the others, exactly:

    D - E[D] = (E[C] - C) + (E[T] - T on the other days) + (T - E[T] over the window),   T = D + C

Net new and lost apart are not identified by aggregates: only their difference is, and new payments are at least
it. It must be believed that nothing is displaced beyond the window, that all payments keep their calendar, and
that the campaign's effect on level has the form 1 - 2^(-days / 7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.displacement.interpolation import (
    COUNTER,
    DIGITAL,
    SERIES,
    TOTAL,
    Layout,
    correlation,
    foretell,
    half_width,
    lay_out,
    memory_and_noise,
    shared,
)
from analysis.estimators.counterfactual import Interval
from analysis.placebo import comparable_days
from analysis.windows import Windows


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The digital gain and its parts, with their joint law.

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
    freedom : float
        Degrees of freedom of the errors' t law.
    """

    parts: pd.Series
    covariance: pd.DataFrame
    lags: pd.DataFrame
    cumulative: pd.DataFrame
    freedom: float

    def interval(self, part: str, level: float = 0.95) -> Interval:
        """Where one part lies, with probability `level`."""
        half = half_width(level, self.freedom) * np.sqrt(self.covariance.loc[part, part])
        return Interval(float(self.parts[part] - half), float(self.parts[part] + half))

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Columns: part, estimate, low, high, share (of the digital gain)."""
        half = half_width(level, self.freedom) * np.sqrt(np.diag(self.covariance))
        table = pd.DataFrame({"part": self.parts.index, "estimate": self.parts.to_numpy()})
        table["low"], table["high"] = table["estimate"] - half, table["estimate"] + half
        table["share"] = table["estimate"] / self.parts["digital_gain"]
        return table

    def with_interval(self, table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
        """`lags` or `cumulative` with columns low and high."""
        half = half_width(level, self.freedom) * table["se"]
        return table.assign(low=table["effect"] - half, high=table["effect"] + half)


def channels(panel: pd.DataFrame, metric: str = "count") -> tuple[pd.Series, pd.Series]:
    """Digital and counter series of a daily panel with the columns `date`, `channel` and `metric`."""
    at_counter = panel["channel"].astype(str) == "counter"
    if not at_counter.any():
        raise ValueError(
            "the panel has no channel named counter: map the column `channel`, or its values, first"
        )
    days_ = pd.date_range(panel["date"].min(), panel["date"].max(), name="date")
    both = [panel[mask].groupby("date")[metric].sum() for mask in (~at_counter, at_counter)]
    digital, counter = (part.reindex(days_, fill_value=0).astype(float) for part in both)
    return digital.rename("digital"), counter.rename("counter")


def decompose(
    digital: pd.Series,
    counter: pd.Series,
    windows: Windows,
    before: int = 7,
    after: int = 14,
    baseline: str = "pre-week",
) -> Decomposition:
    """Split the digital gain of the event into counters, other days, and net new.

    Each series' log is regressed on its calendar, a slow trend and the campaign, with errors that remember
    (AR(1) plus noise, fitted by restricted likelihood), and foretold for the days of the window by
    generalised least squares. Digital and counter payments are foretold from the days before the window,
    all payments from both sides of it, since a lasting change of channel leaves their sum alone. One
    covariance serves all parts, so sums have the uncertainty of sums.

    Parameters
    ----------
    digital, counter : Series of float, indexed by day
        Payments or their value. Counters are taken as open on working days of the calendar on which they
        took any.
    before, after : int
        Days around the event from which payments may have moved.
    baseline : {"pre-week", "history"}
        Against the world with the campaign but without the day, or against the world without both.

    Raises
    ------
    ValueError
        If days are missing around the event, or fewer than 60 days come before the window.
    """
    data = lay_out(digital, counter, windows, before, after, baseline)
    R = correlation(len(data.index), *memory_and_noise(data.X, data.log[TOTAL], data.known[TOTAL]))
    forecasts = [foretell(data.X, *row, R) for row in zip(data.log, data.known, data.target, strict=True)]
    expected = np.array([f.expected for f in forecasts])
    gaps = np.where(data.target, data.observed - expected, 0.0)
    law = _Law(gaps, [f.errors * f.expected[:, None] for f in forecasts], shared(forecasts, data.known), R)

    at = np.arange(len(data.index))
    first, last = at[data.event][[0, -1]]
    other = data.window & ~data.event
    day, zero = data.event.astype(float), np.zeros(len(at))
    moved = {"pulled_forward": other & (at > last), "postponed": other & (at < first)}
    weights = {
        "digital_gain": (day, zero, zero),
        "from_counters": (zero, -day, zero),
        "from_other_days": (zero, zero, -other.astype(float)),
        **{name: (zero, zero, -mask.astype(float)) for name, mask in moved.items()},
        "net_new": (day, day, other.astype(float)),
    }
    names = pd.Index(weights, name="part")
    parts, covariance = law.sums(np.array(list(weights.values())))
    return Decomposition(
        pd.Series(parts, names),
        pd.DataFrame(covariance, names, names.rename(None)),
        _lag_table(data, expected, law),
        _cumulative_table(data, law),
        min(f.freedom for f in forecasts),
    )


def placebo_parts(
    digital: pd.Series,
    counter: pd.Series,
    windows: Windows,
    before: int = 7,
    after: int = 14,
    number: int = 8,
) -> pd.DataFrame:
    """The decomposition of ordinary dates before the campaign, where no part should be there.

    Returns columns `date`, `part`, `estimate`, `t` (over its standard error); dates are evenly spread over
    those that are comparable and have enough days around them.
    """
    start = windows.event_start if windows.campaign_start is None else windows.campaign_start
    digital, counter = digital[digital.index < start], counter[counter.index < start]
    last = start - pd.Timedelta(days=after + len(windows.event_days))
    starts = digital.index[
        (digital.index >= digital.index[0] + pd.Timedelta(days=90 + before)) & (digital.index <= last)
    ]
    if not len(starts):
        raise ValueError("no ordinary date has 90 days before it: give a longer history")
    starts = comparable_days(starts, windows)
    starts = starts[np.unique(np.linspace(0, len(starts) - 1, min(number, len(starts))).astype(int))]
    length = windows.event_end - windows.event_start
    rows = []
    for date in starts:
        placebo = replace(windows, event_start=date, event_end=date + length, campaign_start=None)
        found = decompose(digital, counter, placebo, before, after)
        t = found.parts / np.sqrt(np.diag(found.covariance))
        rows.append(pd.DataFrame({"date": date, "part": found.parts.index, "estimate": found.parts, "t": t}))
    return pd.concat(rows, ignore_index=True)


def coverage(rows: pd.DataFrame, levels: tuple[float, ...] = (0.8, 0.9, 0.95)) -> pd.DataFrame:
    """How often intervals held the truth, from rows with `metric, part, truth, estimate, se, freedom`.

    Returns one row a metric and part: `bias` and `spread`, mean and standard deviation of the errors in standard
    errors, and the share of intervals that held the truth at each level, under names such as "95".
    """
    miss = (rows["estimate"] - rows["truth"]) / rows["se"]
    columns = {"miss": miss}
    for level in levels:
        columns[f"{100 * level:g}"] = miss.abs() <= half_width(level, rows["freedom"])
    table = rows[["metric", "part"]].assign(**columns).groupby(["metric", "part"], sort=False)
    shares = table[[name for name in columns if name != "miss"]].mean()
    return table["miss"].agg(bias="mean", spread="std").join(shares).reset_index()


class _Law(NamedTuple):
    """Gaps between observed and expected, and how their errors hang together."""

    gaps: np.ndarray
    errors: list[np.ndarray]
    S: np.ndarray
    R: np.ndarray

    def sums(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted sums of the gaps, weights of shape (sums, 3, days), and the covariance of their errors."""
        maps = [weights[:, s] @ self.errors[s] for s in range(3)]
        spread = [m @ self.R for m in maps]
        covariance = sum(self.S[s, u] * spread[s] @ maps[u].T for s in range(3) for u in range(3))
        return np.einsum("isd,sd->i", weights, self.gaps), covariance


def _lag_table(data: Layout, expected: np.ndarray, law: _Law) -> pd.DataFrame:
    at = np.flatnonzero(data.window)
    eye = np.zeros((3, len(at), 3, len(data.index)))
    for series in range(3):
        eye[series, np.arange(len(at)), series, at] = 1
    _bottom_up(eye[TOTAL], data, at)
    effect, covariance = law.sums(eye.reshape(-1, 3, len(data.index)))
    start, end = np.flatnonzero(data.event)[[0, -1]]
    lag = np.where(at < start, at - start, np.clip(at - end, 0, None))
    observed = data.observed[:, at].ravel()
    table = pd.DataFrame(
        {
            "lag": np.tile(lag, 3),
            "date": np.tile(data.index[at], 3),
            "series": np.repeat(SERIES, len(at)),
            "observed": observed,
            "expected": observed - effect,
            "effect": effect,
            "se": np.sqrt(np.diag(covariance)),
        }
    )
    return table


def _cumulative_table(data: Layout, law: _Law) -> pd.DataFrame:
    at = np.flatnonzero(data.window)
    weights = np.zeros((len(at), 3, len(data.index)))
    weights[:, TOTAL, at] = np.tri(len(at))
    running = weights[:, TOTAL][:, data.event].copy()
    weights[:, TOTAL, data.event] = 0
    weights[:, DIGITAL, data.event] = weights[:, COUNTER, data.event] = running
    effect, covariance = law.sums(weights)
    start, end = np.flatnonzero(data.event)[[0, -1]]
    lag = np.where(at < start, at - start, np.clip(at - end, 0, None))
    return pd.DataFrame(
        {"lag": lag, "date": data.index[at], "effect": effect, "se": np.sqrt(np.diag(covariance))}
    )


def _bottom_up(weights: np.ndarray, data: Layout, at: np.ndarray) -> None:
    """All payments of the event are the sum of its two channels, as in the parts."""
    on = np.flatnonzero(data.event[at])
    weights[on, TOTAL] = 0
    weights[on, DIGITAL, at[on]] = weights[on, COUNTER, at[on]] = 1
