"""The columns of the regression: weekday, growth, days of the month, level of the week before."""

from __future__ import annotations

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
    """Consecutive days as arrays; n of them.

    Parameters
    ----------
    weekday : ndarray of int, shape (n,)
        0 is Monday.
    holiday : ndarray of bool, shape (n,)
        A holiday, on a weekend too: Eid is no ordinary Friday.
    regime : ndarray of int, shape (n,)
        Number of the weekend regime.
    recurring : ndarray, shape (J, n)
        Days that come round: of the month, from its start and its end; Ramadan.
    names : tuple of str, length J
    """

    weekday: np.ndarray
    holiday: np.ndarray
    regime: np.ndarray
    recurring: np.ndarray
    names: tuple[str, ...]

    def take(self, days: np.ndarray) -> Calendar:
        """Some of its days, by a mask (n,)."""
        return Calendar(
            self.weekday[days], self.holiday[days], self.regime[days], self.recurring[:, days], self.names
        )


@lru_cache(maxsize=64)
def calendar(first: pd.Timestamp, last: pd.Timestamp, country: str | None) -> Calendar:
    """The calendar of the days from `first` to `last`, both included."""
    table = calendar_days.features(
        pd.date_range(first.replace(day=1), last + pd.offsets.MonthEnd(0)), country
    )
    month = table.index.year * 12 + table.index.month
    working = table["working"].to_numpy()
    done = table["working"].groupby(month).cumsum().to_numpy()
    left = table["working"].groupby(month).transform("sum").to_numpy() - done
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
        columns[f"approach of the month's end over {days} days"] = np.clip(days - days_left, 0, None) / days
        columns[f"after the month's beginning over {days} days"] = np.clip(days + 1 - day, 0, None) / days
    inside = (table.index >= first) & (table.index <= last)
    return Calendar(
        weekday=table["weekday"].to_numpy(dtype=int)[inside],
        holiday=(table["holiday"] != "").to_numpy()[inside],
        regime=table["regime"].to_numpy()[inside],
        recurring=np.array(list(columns.values()), dtype=float)[:, inside],
        names=tuple(columns),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of a regression on n days: k of them, the last H the touched days' dummies.

    Parameters
    ----------
    names : tuple of str, length k
    rows : ndarray, shape (k, n)
        One column a row.
    prior : ndarray, shape (k,)
        Standard deviation of each coefficient around zero; infinite for none.
    place : int
        Where further columns go: before the dummies, k - H.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    prior: np.ndarray
    place: int

    def plus(self, names: list[str], rows: np.ndarray, prior: float = np.inf) -> Columns:
        """With more columns, all of one prior."""
        at = self.place
        return Columns(
            (*self.names[:at], *names, *self.names[at:]),
            np.insert(self.rows, at, rows, axis=0),
            np.insert(self.prior, at, np.full(len(names), prior)),
            at + len(names),
        )

    def dummies(self, days: np.ndarray, names: list[str]) -> Columns:
        """With a dummy for each day that is marked in `days` (n,)."""
        places = np.flatnonzero(days)
        rows = np.zeros((len(places), len(days)))
        rows[range(len(places)), places] = 1
        return self.plus(names, rows)


def weekdays_and_growth(numbers: np.ndarray, weekday: np.ndarray, usual: np.ndarray) -> Columns:
    """A level, a column for each weekday seen but the first, and growth; of fewer than two weeks a level alone.

    Parameters
    ----------
    numbers, weekday : ndarray of int, shape (n,)
        Of each day: its number on the calendar, and its weekday.
    usual : ndarray of bool, shape (n,)
        The days learned from. A weekday never seen among them is held against the mean of the others.
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
