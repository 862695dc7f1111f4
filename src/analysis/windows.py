"""Which day is which: history, campaign, event, after.

    history ............ | campaign ...... | event | after
                         announcement      the day(s)

The pre-week baseline is the `baseline_days` days up to the eve, campaign included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from numbers import Integral

import numpy as np
import pandas as pd

BASELINES = ("pre-week", "history")


@dataclass(frozen=True, slots=True)
class Windows:
    """The periods of one initiative. Every bound is a day and is inclusive.

    Parameters
    ----------
    event_start, event_end : date-like
        First and last day of the event; a one-day event needs only the first.
    campaign_start : date-like, optional
        The day of the announcement. The campaign runs from it to the eve of the event.
    baseline_days : int
        Length of the pre-week baseline, in days.
    wait_days : int, optional
        The last days before the event that people may have waited through: neither level nor memory starts from them.
        By default 2 after a campaign, else none.
    country : str or None
        ISO 3166 code whose weekends and holidays apply; None for a calendar of plain weeks.
    history_start : date-like, optional
        Days before it are ignored.
    excluded : iterable of date-like
        Days that are not ordinary (other editions, outages); never used to learn from.

    A ValueError says in one line which periods are out of order, or which date cannot be read.
    """

    event_start: pd.Timestamp
    event_end: pd.Timestamp | None = None
    campaign_start: pd.Timestamp | None = None
    baseline_days: int = 7
    wait_days: int | None = None
    country: str | None = None
    history_start: pd.Timestamp | None = None
    excluded: tuple[pd.Timestamp, ...] = ()

    def __post_init__(self) -> None:
        for name in ("event_start", "event_end", "campaign_start", "history_start"):
            value = getattr(self, name)
            if name == "event_end" and value is None:
                value = self.event_start
            if value is not None or name == "event_start":
                object.__setattr__(self, name, _day(name, value))
        excluded = tuple(sorted(_day("excluded", day) for day in self.excluded))
        object.__setattr__(self, "excluded", excluded)
        first, last = self.event_start, self.event_end
        campaign, history = self.campaign_start, self.history_start
        if self.wait_days is not None and not self.wait_days >= 0:
            raise ValueError(f"wait_days is {self.wait_days}: give a whole number of days, 0 for none")
        if own := [day for day in excluded if first <= day <= last]:
            raise ValueError(f"excluded holds {own[0]:%Y-%m-%d}, a day of the event: take it out")
        if last < first:
            raise ValueError(f"event_end {last:%Y-%m-%d} is before event_start {first:%Y-%m-%d}")
        if campaign is not None and campaign > first:
            raise ValueError(f"campaign_start {campaign:%Y-%m-%d} is after event_start {first:%Y-%m-%d}")
        if history is not None and history >= first:
            raise ValueError(f"history_start {history:%Y-%m-%d} is not before event_start {first:%Y-%m-%d}")
        if isinstance(self.baseline_days, bool) or not isinstance(self.baseline_days, Integral):
            raise ValueError(f"baseline_days is {self.baseline_days!r}: give a whole number of days")
        if self.baseline_days < 1:
            raise ValueError(f"baseline_days is {self.baseline_days}: give at least 1")

    @property
    def event_days(self) -> pd.DatetimeIndex:
        """The days of the event."""
        return pd.date_range(self.event_start, self.event_end)

    @property
    def campaign_days(self) -> pd.DatetimeIndex:
        """Announcement to the eve; empty without a campaign."""
        start = self.event_start if self.campaign_start is None else self.campaign_start
        return pd.date_range(start, self.event_start - pd.Timedelta(days=1))

    @property
    def baseline(self) -> pd.DatetimeIndex:
        """The `baseline_days` days up to the eve, campaign included."""
        return pd.date_range(end=self.event_start - pd.Timedelta(days=1), periods=self.baseline_days)

    def past(self, daily: pd.Series, baseline: str = "pre-week") -> pd.Series:
        """The ordinary days before the event that an estimand may learn from.

        With ``baseline="pre-week"`` they reach to the eve; with ``"history"`` the campaign is left out.
        """
        end = self.campaign_start if baseline == "history" and self.campaign_start else self.event_start
        return daily[self._before(daily.index, baseline) & (daily.index < end)]

    def ordinary(self, index: pd.DatetimeIndex, baseline: str = "pre-week") -> np.ndarray:
        """Which days of `index` the regression of an estimand learns from, shape of `index`.

        Those of `past` but for the last `wait_days`, and for "pre-week" but for the campaign before its week.
        """
        learned = index < (self.campaign_start or self.event_start)
        if baseline == "pre-week":
            learned |= index >= self.event_start - pd.Timedelta(days=self.baseline_days)
        learned &= index < self.event_start - pd.Timedelta(days=self.waiting)
        return self._before(index, baseline) & learned

    def _before(self, index: pd.DatetimeIndex, baseline: str) -> np.ndarray:
        if baseline not in BASELINES:
            raise ValueError(f"baseline {baseline!r} is unknown: give one of {', '.join(BASELINES)}")
        before = (index < self.event_start) & ~index.isin(self.excluded)
        return before if self.history_start is None else before & (index >= self.history_start)

    def anchored(self, baseline: str) -> bool:
        """Whether the level of the week before has a coefficient of its own: after a campaign, for "pre-week"."""
        return baseline == "pre-week" and self._after_a_campaign

    @property
    def waiting(self) -> int:
        """Days before the event that people may have waited through: `wait_days`, or 2 after a campaign, else 0."""
        return 2 * self._after_a_campaign if self.wait_days is None else self.wait_days

    @property
    def _after_a_campaign(self) -> bool:
        return self.campaign_start not in (None, self.event_start)

    def labels(self, index: pd.DatetimeIndex) -> pd.Series:
        """history, campaign, event or after, for each day of `index`."""
        campaign = self.campaign_start or self.event_start
        bounds = [campaign, self.event_start, self.event_end + pd.Timedelta(days=1)]
        names = np.array(["history", "campaign", "event", "after"])
        place = pd.DatetimeIndex(bounds).searchsorted(index, side="right")
        return pd.Series(names[place], index=index, name="period")


def apart(one: Windows, every: Iterable[Windows]) -> Windows:
    """Windows of one edition that leave out the others: their events, and their campaigns but for its own week."""
    others = [other for other in every if other.event_start != one.event_start]
    out = {day for other in others for day in other.campaign_days} - set(one.baseline)
    out |= {day for other in others for day in other.event_days}
    return replace(one, excluded=(*one.excluded, *out))


def _day(name: str, value: str | date | pd.Timestamp) -> pd.Timestamp:
    """One calendar day, without time or zone; of text, YYYY-MM-DD alone is one."""
    text = isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip())
    try:
        day = pd.NaT if text or value is None or isinstance(value, (int, float)) else pd.Timestamp(value)
    except (ValueError, TypeError):
        day = pd.NaT
    if day is pd.NaT:
        raise ValueError(f"{name} {value!r} is not a date: write it as 2017-10-26")
    return day.tz_localize(None).normalize()
