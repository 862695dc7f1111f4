"""Figures of ordinary days: who carries the number of payments, and who the value."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.figures.drawing import EXPECTED, INK, describe, drawn, narrow, percent_axis, row_canvas
from analysis.words import _
from analysis.words.terms import REST


@drawn
def shares(rows: pd.DataFrame, by: str = "entity") -> Axes:
    """Each group's share of the number of payments and of their value, joined by a line.

    Parameters
    ----------
    rows : DataFrame
        Columns `by`, ``count_share`` and ``value_share`` (fractions), first row on top.
    """
    labels = [words.name(str(label)) for label in rows[by]]
    ax, place = row_canvas(labels, each=0.27, top=0.7 if narrow() else 0.5)
    count, value = rows["count_share"].to_numpy(), rows["value_share"].to_numpy()
    ax.hlines(place, np.minimum(count, value), np.maximum(count, value), color=INK, lw=1, alpha=0.4)
    ax.plot(count, place, "o", color=INK, ms=6, mfc="white", mew=1.4, clip_on=False, zorder=3)
    ax.plot(value, place, "o", color=EXPECTED, ms=6, clip_on=False, zorder=3)
    ax.set_xlim(left=0)
    percent_axis(ax.xaxis, signed=False)
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    left_is_count = count[0] < value[0]
    for text, x, colour, left in (
        (_("share of number"), count[0], INK, left_is_count),
        (_("share of value"), value[0], EXPECTED, not left_is_count),
    ):
        ax.annotate(
            text, (x, 0), xytext=(-4 if left else 4, 24 if narrow() else 9), textcoords="offset points", color=colour,
            ha="right" if left and x > 0.3 * ax.get_xlim()[1] else "left", fontsize=9,
        )  # fmt: skip
    named = rows[rows[by] != REST]
    big, many = named.loc[named["value_share"].idxmax()], named.loc[named["count_share"].idxmax()]
    alt = words.ngettext(
        "Dot chart of {n} row: share of the number of payments and of their value. {big} has the largest value, "
        "{value} with {number} of the number; {many} has the largest number, {most} with {worth} of the value.",
        "Dot chart of {n} rows: share of the number of payments and of their value. {big} has the largest value, "
        "{value} with {number} of the number; {many} has the largest number, {most} with {worth} of the value.",
        len(rows),
    ).format(
        n=words.number(len(rows), 1),
        big=words.name(str(big[by])),
        value=words.percent(big["value_share"]),
        number=words.percent(big["count_share"]),
        many=words.name(str(many[by])),
        most=words.percent(many["count_share"]),
        worth=words.percent(many["value_share"]),
    )
    data = rows[[by, "count_share", "value_share"]].copy()
    data.attrs["formats"] = {"count_share": "percent.1", "value_share": "percent.1"}
    caption = _("Share of the number of payments (hollow) and of their value (filled), largest value first.")
    return describe(ax, alt=alt, caption=caption, data=data)
