"""What stands in and around the axes of a figure: shading, labels at places, lines of reference, scales."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from analysis import words
from analysis.figures.drawing import EVENT, INK, LINE, narrow, over, text_width, width
from analysis.windows import Windows
from analysis.words import _


def shade(ax: Axes, windows: Windows, index: pd.DatetimeIndex) -> None:
    """Campaign, the week before, and the event, the same in every figure over time."""
    half = pd.Timedelta(hours=12)
    first, start, eve = index[0] - half, windows.event_start - half, windows.event_end + half
    inches = ax.get_position().width * width() / max((index[-1] - index[0]).days, 1)
    note = {"xycoords": ax.get_xaxis_transform(), "fontsize": 8.5, "va": "baseline"}
    ax.axvspan(start, eve, color=EVENT, alpha=0.22, lw=0)
    day, before = words.day_month(windows.event_start), _("week before")
    last = (index[-1] - start).days * inches + 0.2 < text_width([day], 8.5)  # no room at its right
    aside(ax, start, 1.015, day, -3 if last else 3, color=EVENT, **note)
    if len(windows.campaign_days):
        ax.axvspan(max(windows.baseline[0] - half, first), start, color=INK, alpha=0.09, lw=0)
        campaign, told = max(windows.campaign_days[0] - half, first), _("campaign")
        ax.axvspan(campaign, start, color=INK, alpha=0.05, lw=0)
        room = (start - campaign).days * inches - text_width([told], 8.5) - 0.1
        if room > 0:
            aside(ax, campaign, 1.015, told, 0, alpha=0.8, **note)
        if text_width([before], 8.5) < room and not last:
            aside(ax, start, 1.015, before, -3, alpha=0.8, **note)


def aside(ax: Axes, x, y: float, text: str, points: float = 4, **look) -> None:
    """Text beside a place, `points` to its right, or to its left when negative; spaces would change sides in Arabic."""
    look = {"va": "center", "fontsize": 9, "ha": "right" if points < 0 else "left"} | look
    x = mpl.dates.date2num(x) if isinstance(x, pd.Timestamp) else x
    ax.annotate(text, (x, y), xytext=(points, 0), textcoords="offset points", annotation_clip=False, **look)


def at_the_side(ax: Axes, x, labels: Sequence[tuple[float, str, str]], above: float = 0.28) -> float:
    """Labels (height, text, colour) in the right margin, each led to from `x`; on a phone over the axes.

    Returns the inches over the axes that are taken, of which there were `above`.
    """
    if narrow():
        for i, (_y, text, colour) in enumerate(sorted(labels)):
            over(ax, text, above + LINE * i, 0, color=colour, fontsize=9)
        return above + LINE * len(labels)
    for y, _text, colour in labels:
        ends = [mpl.dates.date2num(x) if isinstance(x, pd.Timestamp) else x, ax.get_xlim()[1]]
        ax.plot(ends, [y, y], color=colour, lw=0.8, ls=(0, (1, 2)), zorder=1)
    at_the_end(ax, labels)
    return above


def at_the_end(ax: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Labels (height, text, colour) in the right margin, kept apart."""
    height = -np.inf
    for y, text, colour in sorted(labels):
        height = max(y, height + 0.075 * np.ptp(ax.get_ylim()))
        aside(ax, ax.get_xlim()[1], height, text, color=colour)


def key(ax: Axes) -> float:
    """What is drawn how, over the axes, on a phone in a line each; returns the inches that it takes."""
    columns = 1 if narrow() else 2
    names = ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, fontsize=9, borderaxespad=0.2)
    return 0.16 + LINE * -(-len(names.get_texts()) // columns)


def dashed(ax: Axes, place: float, colour: str, text: str, **look) -> None:
    """An upright line of reference with its name over the axes."""
    ax.axvline(place, color=colour, lw=1.3, ls=(0, (5, 3)))
    look = {"color": colour, "ha": "center", "fontsize": 9, "transform": ax.get_xaxis_transform()} | look
    ax.text(place, 1, text, va="bottom", **look)


def stems(
    ax: Axes, x, rows: pd.DataFrame, colour: str, size: float, lw: float = 1.4, alpha: float = 1.0
) -> None:
    """A dot at ``relative`` and a line from ``low`` to ``high`` at each place `x`."""
    ax.vlines(x, rows["low"], rows["high"], color=colour, lw=lw, alpha=alpha)
    ax.plot(x, rows["relative"], "o", color=colour, ms=size, mew=0)


def value_axis(ax: Axes, axis: Axis | None = None, write: Callable[..., str] = words.number) -> None:
    """Grid and plain numbers on the value axis, with the decimals that its ticks need."""
    axis = ax.yaxis if axis is None else axis
    ax.grid(axis=axis.axis_name)
    labels = ax.get_position().width * width() / 0.55 if axis.axis_name == "x" else 5
    axis.set_major_locator(MaxNLocator(min(6, max(2, int(labels))), steps=[1, 2, 5, 10]))
    ticks = axis.get_majorticklocs()
    step = 10.0 ** np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9) if len(ticks) > 1 else None
    axis.set_major_formatter(lambda value, _place: write(value, step))
    ax.spines["left"].set_visible(False)


def percent_axis(ax: Axes, axis: Axis | None = None, signed: bool = True) -> None:
    """`value_axis` in per cent of a fraction."""
    value_axis(ax, axis, functools.partial(words.percent, signed=signed))


def time_axis(ax: Axes, start: pd.Timestamp, end: pd.Timestamp, anchor: pd.Timestamp) -> None:
    """Ticks counted in weeks from the event, or at the starts of months, each January among them, or of years."""
    days = (end - start).days
    if days <= 120:
        every = 7 * max(1, -(-days // (28 if narrow() else 56)))
        back = (anchor - start).days // every
        ticks = pd.date_range(anchor - pd.Timedelta(days=back * every), end, freq=f"{every}D")
        labels = [words.day_month(tick) for tick in ticks]
    else:
        most = 5 if narrow() else 10
        every = next((n for n in (1, 2, 3, 4, 6) if days / 30.4 / n <= most), 12)
        starts = pd.date_range(start, end, freq="MS")
        ticks = starts[(starts.month - 1) % every == 0]
        ticks = ticks[:: -(-len(ticks) // most)] if every == 12 else ticks
        labels = [words.month(tick) for tick in ticks]
    ax.set_xlim(start - pd.Timedelta(days=0.01 * days), end + pd.Timedelta(days=0.01 * days))
    level_ticks(ax, mpl.dates.date2num(ticks), labels)


def level_ticks(ax: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    """Words under the axis on one baseline, whatever reaches below it."""
    ax.set_xticks(places, labels, va="baseline")
    ax.tick_params(axis="x", pad=12)
