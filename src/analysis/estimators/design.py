"""The calendar as columns of a regression, and the scale it is fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis import days as calendar_days


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
    ramadan : ndarray of bool, shape (n,)
    recurring : ndarray, shape (J, n)
        Days that come round each month: the day of the month, working days from its start and end, Ramadan.
        The first `days_of_month` of them are single days.
    names : tuple of str, length J
    kinds : ndarray of int, shape (2, n)
        Weekday, and whether the month turns (its first and last two days): the noise may differ between them.
    """

    weekday: np.ndarray
    holiday: np.ndarray
    regime: np.ndarray
    ramadan: np.ndarray
    recurring: np.ndarray
    names: tuple[str, ...]
    kinds: np.ndarray
    days_of_month: int = 31


@lru_cache(maxsize=64)
def calendar(first: pd.Timestamp, last: pd.Timestamp, country: str | None) -> Calendar:
    """The calendar of the days from `first` to `last`, both included."""
    start = first.replace(day=1)
    end = last + pd.offsets.MonthEnd(0)
    table = calendar_days.features(pd.date_range(start, end), country)
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
    inside = (table.index >= first) & (table.index <= last)
    recurring = np.array(list(columns.values()), dtype=float)[:, inside]
    table = table[inside]
    return Calendar(
        weekday=table["weekday"].to_numpy(dtype=int),
        holiday=(table["holiday"] != "").to_numpy(),
        regime=table["regime"].to_numpy(),
        ramadan=table["ramadan"].to_numpy(),
        recurring=recurring,
        names=tuple(columns),
        kinds=np.array([table["weekday"], (table["month_day"] <= 2) | (table["month_days_left"] < 2)], int),
    )


def weekday_columns(weekday: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """A constant, and a column for each weekday but one among the days `seen`; shape (n, k)."""
    present = np.unique(weekday[seen])
    return np.column_stack([np.ones(len(weekday)), *(weekday == day for day in present[1:])])


@dataclass(frozen=True, slots=True)
class Scale:
    """A transformation under which the size of the noise does not follow the level.

    `log_slope` is the logarithm of the forward derivative, by which likelihoods on two scales compare.
    """

    name: str
    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    log_slope: Callable[[np.ndarray], np.ndarray]


SCALES = {
    scale.name: scale
    for scale in (
        Scale("log", np.log, np.exp, lambda y: -np.log(y)),
        Scale(
            "root",
            lambda y: 2 * np.sqrt(y),
            lambda z: (np.maximum(z, 0) / 2) ** 2,
            lambda y: -np.log(np.maximum(y, 1e-300)) / 2,
        ),
        Scale("plain", lambda y: y * 1.0, lambda z: z, np.zeros_like),
        Scale(
            "logit",
            lambda y: np.log(y / (1 - y)),
            lambda z: 1 / (1 + np.exp(-z)),
            lambda y: -np.log(y) - np.log1p(-y),
        ),
    )
}


def possible_scales(values: np.ndarray, metric: str) -> list[Scale]:
    """The scales that values can be fitted on; the first is preferred."""
    if (values < 0).any():
        names = ["plain"]
    elif metric == "digital_share" and values.min() > 0 and values.max() < 1:
        names = ["logit"]
    elif (values == 0).any():
        names = ["root"]
    else:
        names = ["log", "root", "plain"]
    return [SCALES[name] for name in names]
