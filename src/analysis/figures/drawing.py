"""What every figure shares: style, canvas, axes, shading, text alternatives, and how it becomes PNG or SVG."""

from __future__ import annotations

import bisect
import functools
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis import words
from analysis.windows import Windows
from analysis.words import N_, _

INK = "#1f2328"
EXPECTED = "#26699f"
EVENT = "#b24a00"
OTHER = "#137a60"
ANNOUNCED = "#a3458d"
FIFTH = "#766711"
WIDE, NARROW = 6.6, 3.5  # inches: the page's column, and a phone
ROOM = 2.6  # inches of the label of a row, at most, where it stands beside the row
WIDTH_PIXELS = 660
LINE = 0.18  # inches from line to line of labels
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
_width: ContextVar[float] = ContextVar("width", default=WIDE)


def describe(ax: Axes, *, alt: str, caption: str, data: pd.DataFrame) -> Axes:
    """Attach to a figure what a reader who does not see it needs, and return its Axes."""
    _descriptions[ax.figure] = Description(alt, caption, data)
    if narrow():
        title = ax.get_title(loc="left")
        if text_width([title]) > width() - ax.get_position().x0 * width():
            half = title.index(" ", len(title) // 2)
            ax.set_title(f"{title[:half]}\n{title[half + 1 :]}", pad=8)
            _raise(ax.figure, LINE)
    if words.language() == "ar":
        for text in _written(ax.figure):
            if re.search("[\u0600-\u06ff]", text.get_text()):
                text.set_text("\u200f" + text.get_text())  # the paragraph runs from right to left
    return ax


def _raise(figure: Figure, inches: float) -> None:
    """Room at the top."""
    height = figure.get_figheight()
    share = height / (height + inches)
    figure.set_figheight(height + inches)
    for axes in figure.axes:
        x, y, across, up = axes.get_position().bounds
        axes.set_position((x, y * share, across, up * share))


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
def style(inches: float | None = None) -> Iterator[None]:
    """The report's style inside the block, `inches` wide if given."""
    token = _width.set(inches or width())
    try:
        with mpl.rc_context(_style()):
            yield
    finally:
        _width.reset(token)


def width() -> float:
    """Inches across what is drawn now."""
    return _width.get()


def narrow() -> bool:
    """Whether what is drawn now is for a phone."""
    return width() < WIDE


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
    height: float = 3.4,
    left: float | None = None,
    right: float | None = None,
    top: float = 0.84,
    bottom: float = 0.1,
) -> Axes:
    """Axes on a figure of the width drawn now; margins as fractions, laid out without a second pass."""
    left = (0.15 if narrow() else 0.09) if left is None else left
    right = (0.93 if narrow() else 0.97) if right is None else right
    figure = Figure(figsize=(width(), height))
    FigureCanvasAgg(figure)
    return figure.add_axes((left, bottom, right - left, top - bottom))


def beside_canvas(texts: Sequence[str], height: float = 3.4, gap: float = 0.1, **margins: float) -> Axes:
    """Axes with room for labels at the right; on a phone the labels stand above (`at_the_side`)."""
    if not narrow():
        return canvas(height, right=1 - (text_width(texts, 9) + gap) / width(), **margins)
    taller = height + LINE * len(texts)
    top = 1 - (1 - margins.pop("top", 0.84)) * height / taller - LINE * len(texts) / taller
    return canvas(taller, top=top, **{name: at * height / taller for name, at in margins.items()})


def row_canvas(
    labels: Sequence[str],
    texts: Sequence[str] = (),
    groups: Sequence[str | None] = (),
    each: float = 0.29,
    top: float = 0.4,
    bottom: float = 0.34,
) -> tuple[Axes, np.ndarray]:
    """Axes with one row a case, its label at the left and its text at the right, and the height of each row.

    Where a row's group differs from that of the row before, its name stands above. On a phone label and text stand
    above the row, so that the axes have the whole width.

    Parameters
    ----------
    each, top, bottom : float
        Inches: from row to row, above the first, below the last.
    """
    groups = list(groups) or [None] * len(labels)
    first = np.array(
        [g is not None and (not i or g != groups[i - 1]) for i, g in enumerate(groups)], dtype=bool
    )
    size, inches, lines = 9, width(), 0
    if narrow():
        room = inches - 0.1
        labels = [_shortened(label, room) for label in labels]
        pairs = list(zip(labels, texts, strict=True)) if texts else [(label, "") for label in labels]
        lines = 1 if all(text_width(pair[:1]) + text_width(pair[1:]) < room for pair in pairs) else 2
        each = 0.24 + 0.17 * lines
        left, right = 0.22, inches - 0.24
    else:
        labels = [_shortened(label, ROOM, size) for label in labels]
        groups = [group and _shortened(group, ROOM, size, "bold") for group in groups]
        names = [group for group in groups if group]
        left = max(text_width(labels, size), text_width(names, size, "bold")) + 0.12
        right = inches - (text_width(texts, size) + 0.16 if texts else 0.2)
    head = 0.85 if not lines else 0.24 / each
    start = -0.18 / (right - left)  # where labels stand over their rows
    places = np.arange(len(labels)) + head * np.cumsum(first)
    above = 0.6 if not lines else 0.17 * lines / each + 0.25  # of a row, over its middle
    last = places[-1] + 0.6
    height = top + bottom + each * (last + above)
    ax = canvas(height, left / inches, right / inches, 1 - top / height, bottom / height)
    ax.set_ylim(last, -above)
    ax.set_yticks(places, [] if lines else labels, fontsize=size)
    ax.spines["left"].set_visible(False)
    look = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": size}
    for place, name in zip(places[first], np.array(groups, dtype=object)[first], strict=True):
        if lines:
            ax.text(start, place - (0.17 * lines + 0.26) / each, name, weight="bold", **look)
        else:
            ax.text(-0.06 / (right - left), place - head, name, ha="right", weight="bold", **look)
    for i, place in enumerate(places):
        if lines:
            ax.text(start, place - (0.17 * lines + 0.03) / each, labels[i], **look)
        if texts:
            at = {"ha": "right"} if lines else {}
            x, y = (1 - start, place - 0.2 / each) if lines else (1 + 0.1 / (right - left), place)
            ax.text(x, y, texts[i], **at, **look)
    return ax, places


def _shortened(text: str, room: float, size: float = 10, weight: str = "normal") -> str:
    """A text of at most so many inches, cut with an ellipsis where it is longer."""
    if text_width([text], size, weight) <= room:
        return text
    kept = bisect.bisect(range(len(text)), room, key=lambda n: text_width([text[:n] + "…"], size, weight))
    return words.plain(text[: max(kept - 1, 1)]) + "…"


def text_width(texts: Sequence[str], size: float = 10, weight: str = "normal") -> float:
    """Width of the widest of some texts, in inches."""
    renderer, font = _renderer(), FontProperties(size=size, weight=weight)
    widths = [renderer.get_text_width_height_descent(text, font, False)[0] for text in texts if text]
    return 1.02 * max(widths, default=0.0) / 200


@functools.cache
def _renderer() -> RendererAgg:
    return FigureCanvasAgg(Figure(figsize=(1, 1), dpi=200)).get_renderer()


# --- axes, shading, labels --------------------------------------------------------------------------------------


def shade(ax: Axes, windows: Windows, index: pd.DatetimeIndex) -> None:
    """Campaign, the week before, and the event, the same in every figure over time."""
    half = pd.Timedelta(hours=12)
    first, start, eve = index[0] - half, windows.event_start - half, windows.event_end + half
    inches = ax.get_position().width * width() / max((index[-1] - index[0]).days, 1)
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
    """Labels (height, text, colour) in the right margin, kept apart, each led to from the event; above on a phone."""
    if narrow():
        for i, (_y, text, colour) in enumerate(sorted(labels)):
            place = {"xycoords": "axes fraction", "xytext": (0, 20 + 72 * LINE * i), "va": "baseline"}
            ax.annotate(text, (0, 1), textcoords="offset points", color=colour, fontsize=9, **place)
        ax.set_title(ax.get_title(loc="left"), pad=22 + 72 * LINE * len(labels))
        return
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
    text = _shortened(words.metric(metric), 0.65 * width())
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
        axis.axes.get_position().width * width() / 0.5 if axis.axis_name == "x" else 6
    )  # half an inch a label
    axis.set_major_locator(MaxNLocator(min(6, max(2, int(room))), steps=[1, 2, 2.5, 5, 10]))
    ticks = 100 * axis.get_majorticklocs()
    step = 0.01 if np.allclose(ticks, np.round(ticks), atol=1e-6) else 0.001
    axis.set_major_formatter(FuncFormatter(lambda x, _place: words.percent(x, step, signed=signed)))


def time_axis(ax: Axes, start: pd.Timestamp, end: pd.Timestamp, anchor: pd.Timestamp) -> None:
    """Ticks counted in weeks from the event, or at the starts of months; time runs from left to right."""
    days = (end - start).days
    if days <= 120:
        every = 7 * max(1, -(-days // (28 if narrow() else 56)))
        back = (anchor - start).days // every
        ticks = pd.date_range(anchor - pd.Timedelta(days=back * every), end, freq=f"{every}D")
        labels = [words.day_month(tick) for tick in ticks]
    else:
        ticks = pd.date_range(start, end, freq="MS")[:: max(1, days // (100 if narrow() else 300))]
        labels = [words.month(tick) for tick in ticks]
    ax.set_xlim(start - pd.Timedelta(days=0.01 * days), end + pd.Timedelta(days=0.01 * days))
    level_ticks(ax, mpl.dates.date2num(ticks), labels)


def level_ticks(ax: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    """Words under the axis on one baseline, whatever reaches below it."""
    ax.set_xticks(places, labels, va="baseline")
    ax.tick_params(axis="x", pad=12)


# --- output -----------------------------------------------------------------------------------------------------


def mark_synthetic(ax: Axes) -> None:
    """Say in the figure itself that its data are simulated; on a phone in a line of its own above it."""
    figure = ax.figure
    if narrow():
        _raise(figure, LINE)
    figure.text(
        0.995, 0.99, _("Synthetic data"), ha="right", va="top", fontsize=8.5, color=ANNOUNCED, weight="bold"
    )


def png(ax: Axes) -> bytes:
    """The figure on white, at twice the size it is shown in."""
    out = io.BytesIO()
    with style():
        ax.figure.savefig(out, format="png", dpi=2 * WIDTH_PIXELS / WIDE * 0.75, facecolor="white")
    return out.getvalue()


def svg(ax: Axes, name: str, alt: str) -> str:
    """The figure as inline SVG: text in the page's typeface, the ink as currentColor, no styles, no metadata."""
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
    # Nothing is drawn by the patches of figure and axes, which are transparent.
    text = re.sub(r'<g id="patch_\d+">\s*<path d="[^"]*" fill="none" */>\s*</g>', "", text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = text.replace(INK, "currentColor")
    text = re.sub(r' (?:font-family="[^"]*"|text-anchor="start"|transform="rotate\(-0 [^"]*")', "", text)
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
