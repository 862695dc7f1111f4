"""What every figure shares: style, canvas, axes, shading, text alternatives, and how it becomes PNG or SVG."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis import words
from analysis.windows import Windows
from analysis.words import N_, _

INK = "#1f2328"
EXPECTED = "#2f7ab8"
EVENT = "#c8590a"
OTHER = "#1a8a6f"
ANNOUNCED = "#b0509a"
FIFTH = "#8a7a1a"
WIDTH = 6.6  # inches
WIDTH_PIXELS = 660
UNITS = {
    1e9: (N_("{currency} billion"), N_("billion")),
    1e6: (N_("{currency} million"), N_("million")),
    1e3: (N_("{currency} thousand"), N_("thousand")),
}


@dataclass(frozen=True, slots=True)
class Description:
    """What goes with a figure: text alternative, caption, and the data behind it."""

    alt: str
    caption: str
    data: pd.DataFrame


_descriptions: WeakKeyDictionary[Figure, Description] = WeakKeyDictionary()


def describe(ax: Axes, *, alt: str, caption: str, data: pd.DataFrame) -> Axes:
    """Attach to a figure what a reader who does not see it needs, and return its Axes."""
    _descriptions[ax.figure] = Description(alt, caption, data)
    if words.language() == "ar":
        for text in _written(ax.figure):
            if re.search("[\u0600-\u06ff]", text.get_text()):
                text.set_text("\u200f" + text.get_text())  # the paragraph runs from right to left
    return ax


def _written(figure: Figure) -> Iterator[Text]:
    """Texts but tick labels, which are made when drawn."""
    yield from figure.texts
    for axes in figure.axes:
        yield from axes.texts
        yield from (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)


def description(ax: Axes) -> Description:
    """What `describe` attached.

    Raises
    ------
    ValueError
        If nothing was attached: a figure without a text alternative cannot be shown.
    """
    if ax.figure not in _descriptions:
        raise ValueError("the figure has no text alternative: end its function with figures.describe(...)")
    return _descriptions[ax.figure]


@contextmanager
def style() -> Iterator[None]:
    """The report's style inside the block."""
    with mpl.rc_context(_style()):
        yield


@functools.cache
def _style() -> dict:
    path = Path(__file__).with_name("analysis.mplstyle")
    return dict(mpl.rc_params_from_file(path, use_default_template=False))


def drawn(function: Callable[..., Axes]) -> Callable[..., Axes]:
    """Draw in the report's style, whoever calls."""

    @functools.wraps(function)
    def wrapper(*args, **options) -> Axes:
        with style():
            return function(*args, **options)

    return wrapper


def canvas(
    height: float = 3.4, left: float = 0.09, right: float = 0.97, top: float = 0.84, bottom: float = 0.1
) -> Axes:
    """Axes on a figure of the report's width; margins as fractions, laid out without a second pass."""
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    return figure.add_axes((left, bottom, right - left, top - bottom))


def text_width(texts: Sequence[str], size: float = 10, weight: str = "normal") -> float:
    """Width of the widest of some texts, in inches."""
    figure = Figure(figsize=(1, 1), dpi=200)
    renderer = FigureCanvasAgg(figure).get_renderer()
    font = FontProperties(size=size, weight=weight)
    widths = [renderer.get_text_width_height_descent(text, font, False)[0] for text in texts if text]
    return 1.02 * max(widths, default=0.0) / 200


# --- axes, shading, labels --------------------------------------------------------------------------------------


def shade(ax: Axes, windows: Windows, index: pd.DatetimeIndex) -> None:
    """Campaign, the week before, and the event, the same in every figure over time."""
    half = pd.Timedelta(hours=12)
    first, start, eve = index[0] - half, windows.event_start - half, windows.event_end + half
    inches = ax.get_position().width * WIDTH / max((index[-1] - index[0]).days, 1)
    note = {"xycoords": ax.get_xaxis_transform(), "fontsize": 8.5, "va": "baseline"}
    week = max(windows.baseline[0] - half, first)
    ax.axvspan(week, start, color=INK, alpha=0.09, lw=0)
    ax.axvspan(start, eve, color=EVENT, alpha=0.22, lw=0)
    aside(ax, start, 1.015, words.day_month(windows.event_start), 3, color=EVENT, **note)
    room, before = (start - first).days * inches, _("week before")
    if len(windows.campaign_days):
        campaign, told = max(windows.campaign_days[0] - half, first), _("campaign")
        ax.axvspan(campaign, start, color=INK, alpha=0.05, lw=0)
        room = (start - campaign).days * inches - text_width([told], 8.5) - 0.1
        if room > 0:
            aside(ax, campaign, 1.015, told, 0, alpha=0.8, **note)
    if text_width([before], 8.5) < room:
        aside(ax, start, 1.015, before, -3, alpha=0.8, **note)


def aside(ax: Axes, x, y: float, text: str, points: float = 4, **look) -> None:
    """Text beside a place, `points` to its right, or to its left when negative; spaces would change sides in Arabic."""
    look = {"va": "center", "fontsize": 9, "ha": "right" if points < 0 else "left"} | look
    x = mpl.dates.date2num(x) if isinstance(x, pd.Timestamp) else x
    ax.annotate(text, (x, y), xytext=(points, 0), textcoords="offset points", annotation_clip=False, **look)


def at_the_side(ax: Axes, day: pd.Timestamp, labels: Sequence[tuple[float, str, str]]) -> None:
    """Labels (height, text, colour) in the right margin, kept apart, each led to from the event."""
    low, high = ax.get_ylim()
    apart = 0.075 * (high - low)
    heights = []
    for y, _text, _colour in sorted(labels):
        heights.append(max(y, heights[-1] + apart) if heights else y)
    end = ax.get_xlim()[1]
    for (y, text, colour), height in zip(sorted(labels), heights, strict=True):
        ax.plot([mpl.dates.date2num(day), end], [y, y], color=colour, lw=0.8, ls=(0, (1, 2)), zorder=1)
        aside(ax, end, height, text, color=colour)


def label(word: str, value: float, metric: str, step: float | None) -> str:
    return f"{word} {words.quantity(value, metric, step)}"


def unit(largest: float, metric: str) -> tuple[float, str]:
    """What to divide by, and the unit to name on the axis."""
    if words.kind(metric) == "percent":
        return 0.01, "%"
    money = words.kind(metric) == "money"
    currency = words.name(words.setting().currency or "")
    scale = next((scale for scale in UNITS if largest >= scale * (10 if scale == 1e3 else 1)), 1.0)
    if scale == 1:
        return 1.0, currency if money else words.unit(metric)
    with_currency, plain = UNITS[scale]
    return scale, _(with_currency if currency and money else plain).format(currency=currency)


def metric_title(metric: str) -> str:
    text = words.metric(metric)
    return text[:1].upper() + text[1:]


def value_axis(ax: Axes, axis: Axis | None = None) -> None:
    """Grid and plain numbers on the value axis, with the decimals that its ticks need."""
    axis = ax.yaxis if axis is None else axis
    ax.grid(axis=axis.axis_name)
    axis.set_major_locator(MaxNLocator(5))
    ticks = axis.get_majorticklocs()
    step = None
    if len(ticks) > 1:
        step = 10.0 ** np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9)
        if abs(ticks / step - np.round(ticks / step)).max() > 1e-6:
            step /= 10
    axis.set_major_formatter(FuncFormatter(lambda value, _place: words.number(value, step)))
    ax.spines["left"].set_visible(False)


def percent_axis(axis: Axis, signed: bool = True) -> None:
    """Whole per cents, as far as the ticks are."""
    room = (
        axis.axes.get_position().width * WIDTH / 0.5 if axis.axis_name == "x" else 6
    )  # half an inch a label
    axis.set_major_locator(MaxNLocator(min(6, max(2, int(room))), steps=[1, 2, 2.5, 5, 10]))
    ticks = 100 * axis.get_majorticklocs()
    step = 0.01 if np.allclose(ticks, np.round(ticks), atol=1e-6) else 0.001
    axis.set_major_formatter(FuncFormatter(lambda x, _place: words.percent(x, step, signed=signed)))


def time_axis(ax: Axes, start: pd.Timestamp, end: pd.Timestamp, anchor: pd.Timestamp) -> None:
    """Ticks counted in weeks from the event, or at the starts of months; time runs from left to right."""
    days = (end - start).days
    if days <= 120:
        every = 7 * max(1, -(-days // 56))
        back = (anchor - start).days // every
        ticks = pd.date_range(anchor - pd.Timedelta(days=back * every), end, freq=f"{every}D")
        labels = [words.day_month(tick) for tick in ticks]
    else:
        ticks = pd.date_range(start, end, freq="MS")[:: max(1, days // 300)]
        labels = [words.month(tick) for tick in ticks]
    ax.set_xlim(start - pd.Timedelta(days=0.01 * days), end + pd.Timedelta(days=0.01 * days))
    level_ticks(ax, mpl.dates.date2num(ticks), labels)


def level_ticks(ax: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    """Words under the axis on one baseline, whatever reaches below it."""
    ax.set_xticks(places, labels, va="baseline")
    ax.tick_params(axis="x", pad=12)


# --- output -----------------------------------------------------------------------------------------------------


def mark_synthetic(ax: Axes) -> None:
    """Say in the figure itself that its data are simulated."""
    ax.figure.text(
        0.995, 0.99, _("Synthetic data"), ha="right", va="top", fontsize=8.5, color=ANNOUNCED, weight="bold"
    )


def png(ax: Axes) -> bytes:
    """The figure on white, at twice the size it is shown in."""
    out = io.BytesIO()
    with style():
        ax.figure.savefig(out, format="png", dpi=2 * WIDTH_PIXELS / WIDTH * 0.75, facecolor="white")
    return out.getvalue()


def svg(ax: Axes, name: str, alt: str) -> str:
    """The figure as inline SVG: text as paths, the ink as currentColor, ids of its own, no styles, no metadata."""
    from html import escape

    out = io.StringIO()
    with style(), mpl.rc_context({"svg.hashsalt": name}):
        ax.figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'style="([^"]*)"', _attributes, text)
    prefix = re.sub(r"[^A-Za-z0-9-]", "-", name)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = text.replace(INK, "currentColor")
    text = re.sub(
        r'\sid="[^"]*-(?:figure|axes|patch|line2d|text|xtick|ytick|matplotlib\.axis|[A-Z]\w+)_\d+"', "", text
    )
    text = re.sub(r"\s*\n\s*", "\n", re.sub(r"(?<=[ \"(\n])(-?\d+\.\d{3,})(?=[ \"\n)])", _short, text))
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{escape(alt)}" stroke-linejoin="round" focusable="false" ', 1
    )


def _short(match: re.Match) -> str:
    """Coordinates to a hundredth of a point; the scale of glyphs keeps its digits."""
    value = float(match[1])
    return match[1] if abs(value) < 0.5 else f"{value:.2f}".rstrip("0").rstrip(".")


def _attributes(match: re.Match) -> str:
    """A style as presentation attributes, so that a strict content security policy leaves it alone."""
    pairs = (pair.split(":", 1) for pair in match.group(1).split(";") if ":" in pair)
    return " ".join(f'{key.strip()}="{value.strip()}"' for key, value in pairs)
