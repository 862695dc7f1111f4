"""Who came, and did they stay? Payers who paid digitally for the first time on the day, and whether they did again.

The number who came is a daily series like any other (`first_digital`), for `estimate`. Whether they stayed is told
beside the first-timers of ordinary days (`retention`).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from analysis.disclosure import LEAST, may_show
from analysis.groups import pool
from analysis.ledger.first_timers import HORIZONS, first_timers
from analysis.model.effect import check, half_width
from analysis.placebo import comparable_days
from analysis.windows import Windows

__all__ = ["ALL", "first_digital", "first_timers", "retention"]

ALL = "all"
PEOPLE = ("payers", "from_counter")
LEAST_DAYS = 3  # ordinary days behind an interval


def first_digital(table: pd.DataFrame, column: str = "payers") -> pd.Series:
    """A daily series of first-time digital payers, ready for `estimate`; it begins where the run-in ends.

    `table` is that of `first_timers`; `column` is `payers`, `from_counter`, or `again_30` and its like, whose last k
    days are NaN.
    """
    if column not in table:
        known = ", ".join(table.columns.drop(["date", "channel"]))
        raise ValueError(f"the table has no column {column!r}: it has {known}")
    series = table.groupby("date")[column].sum(min_count=1).astype(float)
    return series.asfreq("D").rename(f"first_digital_{column}")


def retention(
    table: pd.DataFrame, windows: Windows, level: float = 0.95, people: str = "payers"
) -> pd.DataFrame:
    """Whether those who came on the event stayed: the share who paid digitally again, beside ordinary first-timers.

    Ordinary days are those before the event of the same weekday and as near to the month's end or as far from it,
    without holidays, campaign and excluded days. A day's first-timers have their own chance p_i to come again, which
    varies around a mean with variance tau^2, beyond the binomial. tau comes from all working days or all weekends, as
    the event is, and what is not known of it counts (`groups.pool`). The event's share differs from the ordinary days'
    mean by what the initiative did, its own binomial error and one more draw of p_i:

        difference +- t * sqrt(p_e (1 - p_e) / n_e + tau^2 + se(mean)^2)

    An ordinary day's horizon may reach into the campaign and the event, which bring some of its payers back: the
    difference is then, if anything, too small.

    Parameters
    ----------
    table : DataFrame
        Of `first_timers`.
    people : {"payers", "from_counter"}
        All first-timers, or those who had paid at a counter before.

    Returns
    -------
    DataFrame
        One row a channel (`ALL` first) and horizon: `channel`, `days` (the horizon), `payers` and `share` of the event,
        `ordinary_days`, `ordinary_payers` and `ordinary_share` (the mean of days), `difference` with `low` and `high`
        (fractions, 0.1 is ten points), `suppressed`. NaN is what cannot be known (the ledger ends within the horizon,
        or fewer than `LEAST_DAYS` ordinary days) or is suppressed: channels of fewer than ten payers, and the smallest
        other one as long as they would follow from the total.
    """
    if people not in PEOPLE:
        raise ValueError(f"people is {people!r}: give payers or from_counter")
    check(level)
    absent = windows.event_days.difference(pd.DatetimeIndex(table["date"]))
    if len(absent):
        span = f"{table['date'].min():%Y-%m-%d} to {table['date'].max():%Y-%m-%d}"
        raise ValueError(f"event day {absent[0]:%Y-%m-%d} is outside the days after the run-in, {span}")
    total = table.drop(columns="channel").groupby("date", as_index=False).sum(min_count=1).assign(channel=ALL)
    days = windows.past(total.set_index("date"), "history").index
    like = comparable_days(days, windows) if len(days) else days
    same = like.isin(comparable_days(like, windows, "same")) if len(like) else np.zeros(0, bool)

    rows = []
    for channel, own in pd.concat([total, table]).set_index("date").groupby("channel", sort=False):
        event, past = own.loc[windows.event_days], own.loc[like]
        n, rest = event[people].sum(), own["payers"] - own[people]
        for horizon in HORIZONS:
            again = f"again_{horizon}" if people == "payers" else f"{people}_again_{horizon}"
            known = (past[again].notna() & (past[people] > 0)).to_numpy()
            ordinary = past.loc[known, [people, again]].to_numpy(float).T
            found = _difference(n, event[again].sum(skipna=False), *ordinary, same[known], level)
            # Who is in a group and who is in the rest of it are as easily told.
            rests = rest[windows.event_days].sum(), rest[like[known & same]].sum()
            least = min(size for size in (n, found["ordinary_payers"], *rests) if size) if n else 0
            rows.append({"channel": channel, "days": horizon, "payers": n, "least": least} | found)
    return _hidden(pd.DataFrame(rows))


def _difference(
    n: float, again: float, payers: np.ndarray, returned: np.ndarray, same: np.ndarray, level: float
) -> dict:
    """Shares of the event and of ordinary days, arrays of which some are of the same weekday; their difference."""
    share = again / n if n else math.nan
    found = dict.fromkeys(("ordinary_share", "difference", "low", "high"), math.nan)
    found |= {"share": share, "ordinary_days": int(same.sum()), "ordinary_payers": payers[same].sum()}
    if not same.any():
        return found
    usual, own = _smooth(returned.sum(), payers.sum()), _smooth(again, n)
    binomial, tau = usual * (1 - usual) / payers, 0.0
    if enough := len(payers) >= LEAST_DAYS:
        tau = pool(returned / payers, np.sqrt(binomial)).tau
    weight = 1 / (binomial[same] + tau**2)
    mean = weight @ (returned[same] / payers[same]) / weight.sum()
    difference = share - mean
    found |= {"ordinary_share": mean, "difference": difference}
    if n and enough:
        error = math.sqrt(own * (1 - own) / n + tau**2 + 1 / weight.sum())
        half = half_width(level, len(payers) - 1) * error
        # An ordinary share is between 0 and 1.
        found |= {"low": max(difference - half, share - 1), "high": min(difference + half, share)}
    return found


def _smooth(some: float, whole: float) -> float:
    """A share with one more of each kind, so that none and all have a variance too."""
    return (some + 1) / (whole + 2)


def _hidden(rows: pd.DataFrame) -> pd.DataFrame:
    """Numbers of small groups are NaN; the same groups at every horizon."""
    least = rows.groupby("channel", sort=False)["least"].min()
    shown = (least >= LEAST) | (least == 0)  # nobody is nobody's secret
    parts = least.index[(least.index != ALL) & (least > 0)]
    shown[parts] = may_show(least[parts].to_numpy()) & shown[ALL]
    order = ["channel", "days", "payers", "share", "ordinary_days", "ordinary_payers", "ordinary_share"]
    rows = rows[[*order, "difference", "low", "high"]].astype({"payers": float, "ordinary_payers": float})
    rows["suppressed"] = ~rows["channel"].map(shown).to_numpy(bool)
    numbers = rows.columns.drop(["channel", "days", "ordinary_days", "suppressed"])
    rows.loc[rows["suppressed"], numbers] = np.nan
    return rows
