"""Whether those who came stayed: the event's first-time payers beside those of ordinary days."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.figures.drawing import (
    EVENT,
    EXPECTED,
    INK,
    describe,
    drawn,
    narrow,
    percent_axis,
    row_canvas,
)
from analysis.words import _


@drawn
def retention(rows: pd.DataFrame) -> Axes:
    """The share who paid digitally again, by channel and horizon.

    `rows` is `habit.retention(...)`; rows without an interval are left out. The interval stands around the share of
    ordinary days: where one more ordinary day's share would lie.
    """
    rows = rows.dropna(subset="low").reset_index(drop=True)
    channels = [words.name(str(name)) for name in rows["channel"]]
    # What is left of the event's share less the interval of the difference.
    ends = rows["share"] - rows["high"], rows["share"] - rows["low"]
    days = [
        words.ngettext("within {n} day", "within {n} days", int(n)).format(n=words.number(int(n), 1))
        for n in rows["days"]
    ]
    texts = [
        _("{event} against {ordinary}").format(event=words.percent(a, 0.01), ordinary=words.percent(b, 0.01))
        for a, b in zip(rows["share"], rows["ordinary_share"], strict=True)
    ]
    ax, places = row_canvas(days, texts, channels, each=0.27, top=0.6 if narrow() else 0.35)
    ax.hlines(places, *ends, color=EXPECTED, lw=6, alpha=0.35)
    ax.plot(
        rows["ordinary_share"], places, "D", color=EXPECTED, ms=5, label=_("ordinary days, with interval")
    )
    ax.plot(rows["share"], places, "o", color=EVENT, ms=6.5, label=_("the event"))
    ax.set_xlim(0, min(1.0, np.ceil(10 * max(rows["share"].max(), ends[1].max())) / 10))
    ax.axvline(0, color=INK, lw=0.9)
    ax.grid(axis="x")
    percent_axis(ax.xaxis, signed=False)
    ax.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1 if narrow() else 2, frameon=False, fontsize=9
    )
    first = rows[rows["channel"] == rows["channel"].iloc[0]]
    alt = _("Share of first-time digital payers who paid digitally again. {channel}: {parts}.").format(
        channel=channels[0],
        parts=_("; ").join(f"{days[i]} {texts[i]}" for i in first.index),
    )
    caption = _(
        "Share of those who paid digitally for the first time on the event and did so again, and the same of ordinary "
        "days. The bar is where one more ordinary day would lie; the event beyond it is a difference clear of chance."
    )
    data = rows[["channel", "days", "share", "ordinary_share"]].assign(low=ends[0], high=ends[1])
    data.attrs["formats"] = dict.fromkeys(("share", "ordinary_share", "low", "high"), "percent.1") | {
        "days": "number.0"
    }
    return describe(ax, alt=alt, caption=caption, data=data)
