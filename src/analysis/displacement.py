"""Where did it come from, did it last? What the day took from counters, from other days, and what was new.

What two daily series, digital and counter, identify, and how:

- the digital gain: observed less expected digital payments of the event; - from counters: the shortfall of
counter payments on the event. It bounds those who paid digitally instead, for some
  came on another day and some never paid;
- from other days: the shortfall of ALL payments, digital and counter, on the days around, net of those who
could not
  pay at a counter on the event and came on another day. A payment that changes channel for good leaves it
  alone;
- the rest, net new less lost: the effect on all payments over the whole window.

The first is the sum of the others, exactly:

    D - E[D] = (E[C] - C) + (E[T] - T on the other days) + (T - E[T] over the window),   T = D + C

Net new and lost apart are not identified by aggregates: only their difference is, and new payments are at
least it. It must be believed that nothing is displaced beyond the window, that all payments keep their
calendar, and that the campaign's effect on level has the form 1 - 2^(-days / 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import linalg, special

from analysis import days
from analysis.counterfactual import Interval
from analysis.interpolation import correlation, foretell, memory_and_noise, shared, span
from analysis.placebo import calendar_terms
from analysis.windows import BASELINES, Windows

CAMPAIGN_HALF = 7  # days in which a campaign reaches half its strength
SEASON_DAYS = 300  # history from which a yearly season can be told
MOST_HISTORY = 730  # days before the window to learn from


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
        half = _half(level, self.freedom) * np.sqrt(self.covariance.loc[part, part])
        return Interval(float(self.parts[part] - half), float(self.parts[part] + half))

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Columns: part, estimate, low, high, share (of the digital gain)."""
        half = _half(level, self.freedom) * np.sqrt(np.diag(self.covariance))
        table = pd.DataFrame({"part": self.parts.index, "estimate": self.parts.to_numpy()})
        table["low"], table["high"] = table["estimate"] - half, table["estimate"] + half
        table["share"] = table["estimate"] / self.parts["digital_gain"]
        return table

    def with_interval(self, table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
        """`lags` or `cumulative` with columns low and high."""
        half = _half(level, self.freedom) * table["se"]
        return table.assign(low=table["effect"] - half, high=table["effect"] + half)


@dataclass(frozen=True, slots=True)
class Persistence:
    """The digital share after the event: a rise that halves every `half_life` days.

    Parameters
    ----------
    first : float
        Rise on the day after, in fractions of all payments; extrapolated from the days beyond the window.
    first_interval : Interval
    half_life : float
        In days; NaN where no rise is seen.
    half_life_interval : Interval
        By profile likelihood; infinite where the rise is not seen to fade within the data.
    days : DataFrame
        `date`, `lag`, `share`, `expected`, `fitted`, of each working day after the window.
    level : float
    """

    first: float
    first_interval: Interval
    half_life: float
    half_life_interval: Interval
    days: pd.DataFrame
    level: float


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
    data = _lay_out(digital, counter, windows, before, after, baseline)
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


def persistence(
    digital: pd.Series, counter: pd.Series, windows: Windows, after: int = 14, level: float = 0.95
) -> Persistence:
    """How long the digital share stays up, from the working days beyond the window.

    The log odds of a digital payment are regressed on the calendar, a slow trend, the campaign, and a rise
    that halves every h days from the event on; h is profiled over, its interval holds every h that an F
    test keeps.
    """
    data = _lay_out(digital, counter, windows, 7, after, "pre-week")
    odds = data.log[DIGITAL] - data.log[COUNTER]
    used = data.open & ~data.window & np.isfinite(odds) & data.usable
    at = np.arange(len(odds))
    lag = at - at[data.event][-1]
    if (used & (lag > 0)).sum() < 5:
        raise ValueError(
            "fewer than 5 working days beyond the window: give a longer after-period to see what lasts"
        )
    R = correlation(len(odds), *memory_and_noise(data.X, odds, used))[np.ix_(used, used)]
    L = linalg.cholesky(R, lower=True)
    rises = np.where(lag > 0, 0.5 ** ((lag - 1) / HALF_LIVES[:, None]), 0.0)
    yw, Xw, Zw = (linalg.solve_triangular(L, v[used], lower=True) for v in (odds, data.X, rises.T))
    Q = span(Xw)
    yw, Zw = yw - Q @ (Q.T @ yw), Zw - Q @ (Q.T @ Zw)
    size = (Zw**2).sum(axis=0)
    rise = Zw.T @ yw / size
    squares = yw @ yw - rise**2 * size
    best = int(squares.argmin())
    freedom = len(yw) - Q.shape[1] - 2
    variance = squares[best] / freedom
    kept = squares - squares[best] <= variance * _half(level, freedom) ** 2
    seen = rise[best] > 0 and (yw @ yw - squares[best]) / variance > _half(level, freedom) ** 2
    lives = HALF_LIVES[kept]
    life = Interval(float(lives[0]), float(lives[-1]) if lives[-1] < HALF_LIVES[-1] else np.inf)
    # The rise on the first day: over every half-life kept, its own interval.
    half = _half(level, freedom) * np.sqrt(variance / size[kept])
    ends = np.array([(rise[kept] - half).min(), rise[best], (rise[kept] + half).max()])
    usual = _usual_odds(data.X, odds, used, rise[best] * rises[best], R)
    base = special.expit(usual[(lag > 0) & data.open].mean())
    low, first, high = special.expit(special.logit(base) + ends) - base
    days_after = used & (lag > 0)
    table = pd.DataFrame(
        {
            "date": data.index[days_after],
            "lag": lag[days_after],
            "share": special.expit(odds[days_after]),
            "expected": special.expit(usual[days_after]),
            "fitted": special.expit((usual + rise[best] * rises[best])[days_after]),
        }
    )
    return Persistence(
        float(first),
        Interval(float(low), float(high)),
        float(HALF_LIVES[best]) if seen else np.nan,
        life if seen else Interval(0.0, np.inf),
        table,
        level,
    )


DIGITAL, COUNTER, TOTAL = range(3)
SERIES = ("digital", "counter", "total")
HALF_LIVES = np.geomspace(1, 730, 100)


class _Data(NamedTuple):
    """Rows of the (3, days) arrays are digital, counter and total."""

    index: pd.DatetimeIndex
    observed: np.ndarray
    log: np.ndarray  # NaN where there is none
    X: np.ndarray
    window: np.ndarray
    event: np.ndarray
    open: np.ndarray  # counters
    usable: np.ndarray  # days to learn from
    known: np.ndarray  # (3, days), of them those that each series is foretold from
    target: np.ndarray  # (3, days), days to foretell


def _lay_out(
    digital: pd.Series, counter: pd.Series, windows: Windows, before: int, after: int, baseline: str
) -> _Data:
    if baseline not in BASELINES:
        raise ValueError(f"baseline {baseline!r} is unknown: give one of {', '.join(BASELINES)}")
    start, end = (
        windows.event_start - pd.Timedelta(days=before),
        windows.event_end + pd.Timedelta(days=after),
    )
    first = max(
        digital.index[0], start - pd.Timedelta(days=MOST_HISTORY), windows.history_start or digital.index[0]
    )
    index = pd.date_range(first, max(digital.index[-1], end))
    both = np.array([digital.reindex(index), counter.reindex(index)], float)
    window = (index >= start) & (index <= end)
    if not np.isfinite(both[:, window]).all():
        gap = index[window & ~np.isfinite(both).all(axis=0)][0]
        raise ValueError(
            f"{gap:%Y-%m-%d} has no value: every day from {start:%Y-%m-%d} to {end:%Y-%m-%d} is needed"
        )
    event = np.asarray(index.isin(windows.event_days))
    day = days.features(index, windows.country)
    open_ = (both[COUNTER] > 0) | (event & day["working"].to_numpy())
    observed = np.vstack([both, both.sum(axis=0)])
    log = np.full(observed.shape, np.nan)
    np.log(observed, out=log, where=observed > 0)
    campaign = np.asarray(index.isin(windows.campaign_days)) | event
    usable = ~window & ~index.isin(windows.excluded)
    if baseline == "history":
        usable &= ~campaign
    known = usable & np.isfinite(log)
    known[:TOTAL] &= index < start
    known[COUNTER] &= open_
    if known[DIGITAL].sum() < 60:
        raise ValueError(f"{known[DIGITAL].sum()} usable days before {start:%Y-%m-%d}: give at least 60")
    ramp = np.zeros(len(index))
    if baseline == "pre-week" and len(windows.campaign_days):
        since = (index - windows.campaign_days[0]).days.to_numpy() + 1
        ramp = np.where(campaign, 1 - 0.5 ** (since / CAMPAIGN_HALF), 0.0)
    X = _terms(index, ramp, windows.country)
    return _Data(
        index,
        observed,
        log,
        X,
        window,
        event,
        open_,
        usable,
        known,
        window & np.vstack([window, open_, window]),
    )


def _terms(index: pd.DatetimeIndex, ramp: np.ndarray, country: str | None) -> np.ndarray:
    """Calendar, slow trend and campaign."""
    terms = [calendar_terms(index, country)]
    years = (index - index[0]).days.to_numpy() / 365.25
    terms.append(years)
    if len(index) >= SEASON_DAYS:
        terms += [np.cos(2 * np.pi * years), np.sin(2 * np.pi * years)]
    X = np.column_stack([*terms, ramp])
    return X[:, X.any(axis=0)]


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


def _lag_table(data: _Data, expected: np.ndarray, law: _Law) -> pd.DataFrame:
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


def _cumulative_table(data: _Data, law: _Law) -> pd.DataFrame:
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


def _bottom_up(weights: np.ndarray, data: _Data, at: np.ndarray) -> None:
    """All payments of the event are the sum of its two channels, as in the parts."""
    on = np.flatnonzero(data.event[at])
    weights[on, TOTAL] = 0
    weights[on, DIGITAL, at[on]] = weights[on, COUNTER, at[on]] = 1


def _usual_odds(
    X: np.ndarray, odds: np.ndarray, used: np.ndarray, rise: np.ndarray, R: np.ndarray
) -> np.ndarray:
    factor = linalg.cho_factor(R, lower=True)
    inner = X[used].T @ linalg.cho_solve(factor, X[used])
    score = X[used].T @ linalg.cho_solve(factor, (odds - rise)[used])
    return X @ (np.linalg.pinv(inner, hermitian=True, rcond=1e-10) @ score)


def _half(level: float, freedom: float) -> float:
    return float(special.stdtrit(freedom, (1 + level) / 2))
