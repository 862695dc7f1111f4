"""Figures of two shares a row: who carries number and value, and whether those who came stayed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.figures import drawing as draw
from analysis.figures import marks
from analysis.words import _
from analysis.words.terms import REST


@draw.style()
def shares(rows: pd.DataFrame, by: str = "entity") -> Axes:
    """Each group's share of the number of payments and of their value, joined by a line.

    `rows` has `by`, ``count_share`` and ``value_share`` (fractions), first row on top.
    """
    ax, places = draw.row_canvas([words.name(str(label)) for label in rows[by]], each=0.27)
    count, value = rows["count_share"], rows["value_share"]
    ax.hlines(places, count, value, color=draw.INK, lw=1, alpha=0.4)
    look = {"clip_on": False, "zorder": 3, "ms": 6}
    ax.plot(count, places, "o", color=draw.INK, mfc="white", mew=1.4, label=_("share of number"), **look)
    ax.plot(value, places, "o", color=draw.EXPECTED, label=_("share of value"), **look)
    ax.set_xlim(left=0)
    marks.percent_axis(ax, ax.xaxis, signed=False)
    above = marks.key(ax)
    named = rows[rows[by] != REST]
    big, many = named.loc[named["value_share"].idxmax()], named.loc[named["count_share"].idxmax()]
    alt = words.ngettext(
        "Dot chart of {n} row: share of the number of payments and of their value. {big} has the largest value, "
        "{value} with {number} of the number; {many} has the largest number, {most} with {worth} of the value.",
        "Dot chart of {n} rows: share of the number of payments and of their value. {big} has the largest value, "
        "{value} with {number} of the number; {many} has the largest number, {most} with {worth} of the value.",
        len(rows),
    )
    alt = draw.said(
        alt,
        n=len(rows),
        big=(str(big[by]), "name"),
        value=(big["value_share"], "percent"),
        number=(big["count_share"], "percent"),
        many=(str(many[by]), "name"),
        most=(many["count_share"], "percent"),
        worth=(many["value_share"], "percent"),
    )
    caption = _("Share of the number of payments (hollow) and of their value (filled), largest value first.")
    return draw.describe(
        ax, alt=alt, caption=caption, data=rows[[by, "count_share", "value_share"]], above=above
    )


@draw.style()
def retention(rows: pd.DataFrame) -> Axes:
    """The share who paid digitally again, by channel and horizon, beside that of ordinary days' first-time payers.

    `rows` is `habit.retention(...)`; rows without an interval are left out. The interval stands around the share of
    ordinary days: where one more ordinary day's share would lie.
    """
    rows = rows.dropna(subset="low").reset_index(drop=True)
    channels = [words.name(str(name)) for name in rows["channel"]]
    # What is left of the event's share less the interval of the difference.
    low, high = rows["share"] - rows["high"], rows["share"] - rows["low"]
    days = [
        draw.said(words.ngettext("within {n} day", "within {n} days", int(n)), n=int(n)) for n in rows["days"]
    ]
    texts = [
        draw.said(_("{event} against {ordinary}"), event=(a, "percent.0"), ordinary=(b, "percent.0"))
        for a, b in zip(rows["share"], rows["ordinary_share"], strict=True)
    ]
    ax, places = draw.row_canvas(days, texts, channels, each=0.27)
    ax.hlines(places, low, high, color=draw.EXPECTED, lw=6, alpha=0.35)
    names = _("the event"), _("ordinary days, with interval")
    ax.plot(rows["share"], places, "o", color=draw.EVENT, ms=6.5, label=names[0], zorder=3)
    ax.plot(rows["ordinary_share"], places, "D", color=draw.EXPECTED, ms=5, label=names[1])
    ax.set_xlim(0, min(1.0, np.ceil(10 * max(rows["share"].max(), high.max())) / 10))
    ax.axvline(0, color=draw.INK, lw=0.9)
    marks.percent_axis(ax, ax.xaxis, signed=False)
    above = marks.key(ax)
    first = rows.index[rows["channel"] == rows["channel"].iloc[0]]
    alt = draw.said(
        _("Share of first-time digital payers who paid digitally again. {channel}: {parts}."),
        channel=channels[0],
        parts=[f"{days[i]} {texts[i]}" for i in first],
    )
    caption = _(
        "Share of those who paid digitally for the first time on the event and did so again, and the same of ordinary "
        "days. The bar is where one more ordinary day would lie; the event beyond it is a difference clear of chance."
    )
    what = draw.said(_("{channel}, paid again {days}"), channel=channels[0], days=days[0])
    title = draw.finding(what, texts[0], *rows.loc[0, ["low", "high"]])
    data = rows[["channel", "days", "share", "ordinary_share"]].assign(low=low, high=high)
    return draw.describe(ax, alt=alt, caption=caption, data=data, title=title, above=above)
