"""The columns of the regression: weekday, growth, days of the month, level of the week before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis import days as calendar_days
from analysis.model.constants import MIN_DAYS, MIN_PATTERN, OF_LATE, PRIOR

DAYS_OF_MONTH = 31  # the first of `Calendar.recurring`: a day of each month has one of them
SHARED = ("day of the month", "weekday of late")  # groups of columns with a common variance: `random_effects`


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Consecutive days as arrays; n of them."""

    weekday: np.ndarray  # of int, (n,); 0 is Monday
    holiday: np.ndarray  # of bool, (n,); on a weekend too: Eid is no ordinary Friday
    regime: np.ndarray  # (n,), number of the weekend regime
    recurring: np.ndarray  # (J, n), days that come round: of the month, from its start and its end; Ramadan
    names: tuple[str, ...]  # J of them

    def take(self, days: np.ndarray) -> Calendar:
        """Some of its days, by a mask (n,)."""
        own = (self.weekday[days], self.holiday[days], self.regime[days], self.recurring[:, days])
        return Calendar(*own, self.names)


@lru_cache(maxsize=64)
def calendar(first: pd.Timestamp, last: pd.Timestamp, country: str | None) -> Calendar:
    """The calendar of the days from `first` to `last`, both included."""
    whole = pd.date_range(first.replace(day=1), last + pd.offsets.MonthEnd(0))
    table = calendar_days.features(whole, country)
    working, by_month = table["working"].to_numpy(), table["working"].groupby([whole.year, whole.month])
    done = by_month.cumsum().to_numpy()
    left = by_month.transform("sum").to_numpy() - done
    day, days_left = table["month_day"].to_numpy(), table["month_days_left"].to_numpy()
    columns = {f"day {k} of the month": day == k for k in range(1, 29)}
    columns |= {f"{k} days before the month's end": days_left == k for k in range(3)}
    columns |= {f"working day {k} of the month": working & (done == k) for k in (1, 2)}
    columns |= {f"working day {k + 1} from the month's end": working & (left == k) for k in range(3)}
    columns |= {
        "last two working days of the month": working & (left < 2),
        "first three days of the month": day <= 3,
        "last three days of the month": days_left < 3,
        "Ramadan": table["ramadan"].to_numpy(),
    }
    for days in (4, 10):
        columns[f"approach of the month's end over {days} days"] = np.maximum(days - days_left, 0) / days
        columns[f"after the month's beginning over {days} days"] = np.maximum(days + 1 - day, 0) / days
    weekday, regime = table["weekday"].to_numpy(dtype=int), table["regime"].to_numpy()
    recurring = np.array(list(columns.values()), dtype=float)
    whole_months = Calendar(weekday, (table["holiday"] != "").to_numpy(), regime, recurring, tuple(columns))
    return whole_months.take((whole >= first) & (whole <= last))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of a regression on n days: k of them, the last H the touched days' dummies."""

    names: tuple[str, ...]  # k of them
    rows: np.ndarray  # (k, n), one column a row
    prior: np.ndarray  # (k,), standard deviation of each coefficient around zero; infinite for none
    place: int  # where further columns go: before the dummies, k - H

    def plus(self, names: Collection[str], rows: np.ndarray, prior: float = np.inf) -> Columns:
        """With more columns, all of one prior."""
        at, own = self.place, np.full(len(names), prior)
        names = (*self.names[:at], *names, *self.names[at:])
        rows = np.concatenate([self.rows[:at], rows, self.rows[at:]])
        return Columns(names, rows, np.concatenate([self.prior[:at], own, self.prior[at:]]), at + len(own))

    def dummies(self, days: pd.DatetimeIndex, marked: np.ndarray, name: str) -> Columns:
        """With a dummy for each day that is marked (n,), called by `name`, a format of dates."""
        at = np.flatnonzero(marked)
        return self.plus([format(days[i], name) for i in at], at[:, None] == np.arange(len(days)))


def weekdays_and_growth(numbers: np.ndarray, weekday: np.ndarray, usual: np.ndarray) -> Columns:
    """A level, a column for each weekday seen but the first, and growth; of fewer than two weeks a level alone.

    `numbers` and `weekday` (n,) are each day's number on the calendar and its weekday, `usual` (n,) marks the days
    learned from. A weekday never seen among them is held against the mean of the others.
    """
    names, rows, prior = ["level"], [np.ones(len(numbers))], [np.inf]
    if usual.sum() >= MIN_DAYS:
        seen = np.unique(weekday[usual])
        new = ~np.isin(weekday, seen)
        names += [calendar_days.WEEKDAYS[day] for day in seen[1:]] + ["growth a year"]
        rows += [np.where(new, 1 / len(seen), weekday == day) for day in seen[1:]]
        rows.append((numbers - numbers[-1]) / 365)
        prior += [np.inf] * (len(seen) - 1) + [PRIOR]
    return Columns(tuple(names), np.array(rows, float), np.array(prior), len(names))


def random_effects(numbers: np.ndarray, table: Calendar, usual: np.ndarray) -> dict[str, np.ndarray]:
    """Groups of columns that share a variance: days of the month, and what each weekday does of late."""
    if usual.sum() < 2 * MIN_PATTERN:
        return {}
    of_late = np.exp((numbers - numbers[-1]) / OF_LATE)
    each = table.weekday == np.unique(table.weekday[usual])[:, None]
    return dict(zip(SHARED, (table.recurring[:DAYS_OF_MONTH], each * of_late), strict=True))
