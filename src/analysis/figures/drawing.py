"""What every figure shares: style, canvas, heading, axes, shading, text alternatives, and how it becomes PNG or SVG."""

from __future__ import annotations

import bisect
import datetime
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import matplotlib as mpl
import matplotlib.pyplot
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

from analysis import words
from analysis.words import N_, _

INK, EXPECTED, EVENT = "#1f2328", "#26699f", "#b24a00"
OTHER, ANNOUNCED = "#137a60", "#a3458d"
STYLE = Path(__file__).with_name("analysis.mplstyle")
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
    """What goes with a figure: text alternative, caption, and the data behind it with the kinds of its columns."""

    alt: str
    caption: str
    data: pd.DataFrame
    formats: Mapping[str, str]


_descriptions: WeakKeyDictionary[Figure, Description] = WeakKeyDictionary()


def describe(
    ax: Axes,
    *,
    alt: str,
    caption: str,
    data: pd.DataFrame,
    title: str = "",
    unit: str = "",
    above: float = 0.11,
    formats: Mapping[str, str] | None = None,
) -> Axes:
    """Head a figure, attach to it what a reader who does not see it needs, and return its Axes.

    `title` is the message, over as many lines as it needs; `unit` that of the value axis, below it. `above` are the
    inches between them and the axes that something else takes; `formats` as of `show.table`.
    """
    _descriptions[ax.figure] = Description(alt, caption, data, formats or {})
    side, ha = (1, "right") if words.direction() == "rtl" else (0, "left")
    x, room = (0.06 + side * (width() - 0.12)) / width(), width() - 0.12
    for line in reversed(wrapped(unit, room - ax.get_position().x0 * width(), 9)):
        over(ax, line, above, 0, fontsize=9)
        above += LINE
    for line in reversed(wrapped(title, room, 10, "bold")):
        over(ax, line, above, x, "figure fraction", ha=ha, weight="bold")
        above += LINE
    raise_top(ax.figure, above + 0.02)
    if words.language() == "ar":
        for text in ax.figure.findobj(Text):
            if re.search("[\u0600-\u06ff]", text.get_text()):
                text.set_text("\u200f" + text.get_text())  # the paragraph runs from right to left
    return ax


def over(ax: Axes, text: str, inches: float, x: float, across: str = "axes fraction", **look) -> None:
    """Text so many inches over the axes."""
    place = {"xytext": (0, 72 * inches), "textcoords": "offset points", "xycoords": (across, "axes fraction")}
    ax.annotate(text, (x, 1), va="baseline", annotation_clip=False, **place, **look)


def raise_top(figure: Figure, inches: float) -> None:
    """Room at the top."""
    height = figure.get_figheight()
    figure.set_figheight(height + inches)
    for axes in figure.axes:
        x, y, across, up = axes.get_position().bounds
        share = height / (height + inches)
        axes.set_position((x, y * share, across, up * share))


def description(ax: Axes, caption: str | None = None) -> Description:
    """What `describe` attached; of any other Axes what they show, under `caption`.

    Raises
    ------
    ValueError
        If there is neither: a figure without a text alternative cannot be shown.
    """
    if ax.figure not in _descriptions:
        if not caption:
            raise ValueError(
                "the figure has no text alternative: give it a caption, or end with figures.describe(...)"
            )
        matplotlib.pyplot.close(ax.figure)  # else Jupyter would show it a second time
        data, text = shown(ax), _(caption)
        names = [
            text.rstrip("."),
            ax.get_title() or ax.get_title(loc="left"),
            ax.get_xlabel(),
            ax.get_ylabel(),
        ]
        for name, part in data.groupby(data.get("series", pd.Series("", data.index)), sort=False)["y"]:
            names.append(f"{name} {words.interval(part.min(), part.max(), signed=False)}".strip())
        alt = said("{parts}.", parts=[name for name in names if name])
        _descriptions[ax.figure] = Description(alt, text, data, {})
    return _descriptions[ax.figure]


def shown(ax: Axes) -> pd.DataFrame:
    """The points of the lines, dots and bars of Axes: `series`, `x` and `y`, days as days and categories by name."""
    parts = [(line.get_label(), *line.get_data(orig=False)) for line in ax.lines if len(line.get_xdata()) > 1]
    parts += [(dots.get_label(), *np.asarray(dots.get_offsets()).T) for dots in ax.collections]
    for bars in ax.containers:
        ends = [(bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height()) for bar in bars.patches]
        parts.append((bars.get_label(), *np.array(ends).T))
    data = [
        pd.DataFrame({"series": "" if str(name).startswith("_") else name, "x": x, "y": y})
        for name, x, y in parts
    ]
    data = pd.concat(data or [pd.DataFrame(columns=["series", "x", "y"])], ignore_index=True)
    formatter, locator = ax.xaxis.get_major_formatter(), ax.xaxis.get_major_locator()
    if isinstance(locator, mpl.dates.DateLocator):
        data["x"] = pd.to_datetime(mpl.dates.num2date(data["x"])).tz_localize(None)
    elif isinstance(formatter, mpl.category.StrCategoryFormatter):
        data["x"] = formatter.format_ticks(data["x"])
    return data if data["series"].any() else data.drop(columns="series")


@contextmanager
def style(inches: float | None = None) -> Iterator[None]:
    """The report's style inside the block, or in the function that it decorates; `inches` wide if given."""
    size = inches or (NARROW if narrow() else WIDE)
    with mpl.rc_context(), mpl.style.context([STYLE, {"figure.figsize": (size, 3.2)}]):
        yield


drawn = style()


def width() -> float:
    """Inches across what is drawn now."""
    return mpl.rcParams["figure.figsize"][0]


def narrow() -> bool:
    """Whether what is drawn now is for a phone."""
    return width() == NARROW


def canvas(
    height: float = 2.3, left: float | None = None, right: float | None = None, bottom: float = 0.34
) -> Axes:
    """Axes `height` inches high on a figure of the width drawn now, margins in inches; `describe` adds the top."""
    left = (0.52 if narrow() else 0.6) if left is None else left
    right = (0.24 if narrow() else 0.2) if right is None else right
    figure = Figure(figsize=(width(), bottom + height), layout="none")
    FigureCanvasAgg(figure)
    box = np.array([left, bottom, width() - left - right, height])
    return figure.add_axes(box / np.tile(figure.get_size_inches(), 2))


def beside(texts: Sequence[str], gap: float = 0.1) -> float | None:
    """Margin for labels at the right (`at_the_side`); on a phone they stand above."""
    return None if narrow() else text_width(texts, 9) + gap


def panel(below: Axes, height: float, gap: float) -> Axes:
    """Axes over others, so many inches high, with the same horizontal axis."""
    raise_top(below.figure, gap + height)
    x, y, across, up = below.get_position().bounds
    whole = below.figure.get_figheight()
    return below.figure.add_axes((x, y + up + gap / whole, across, height / whole), sharex=below)


def row_canvas(
    labels: Sequence[str],
    texts: Sequence[str] = (),
    groups: Sequence[str] = (),
    each: float = 0.29,
    left: float = 0.22,
    right: float = 0.2,
    bottom: float = 0.34,
) -> tuple[Axes, np.ndarray]:
    """Axes with one row a case, its label at the left and its text at the right, and the height of each row.

    Where a row's group differs from that of the row before, its name stands above. On a phone label and text stand
    above the row, so that the axes have the whole width. `each` are inches from row to row, the others those of the
    margins, without labels and texts.
    """
    size, lines, room = 9, 0, ROOM
    if narrow():
        room = width() - 0.1
        both = [f"{label}  {text}" for label, text in zip(labels, texts or [""] * len(labels), strict=True)]
        lines = 1 if text_width(both) < room else 2
        each += 0.17 * lines - 0.05
    labels, groups = ([_shortened(text, room, size, "bold") for text in part] for part in (labels, groups))
    if not narrow():
        left = max(text_width(labels, size), text_width(groups, size, "bold")) + 0.12
        right = max(right, text_width(texts, size) + 0.16)
    across = width() - left - right
    # Rows over the middle of a row: its text and its label on a phone, and the least for any.
    text_up, up = (each - 0.17 * (lines - 1)) / 2 / each, (each + 0.17 * (lines - 1)) / 2 / each
    above, head = (up + 0.08 / each, 0.24 / each) if lines else (0.6, 0.85)
    first = [i for i in range(len(groups)) if not i or groups[i] != groups[i - 1]]
    places = np.arange(len(labels)) + head * np.cumsum(np.isin(range(len(labels)), first))
    last = places[-1] + 0.6
    ax = canvas(each * (last + above), left, right, bottom)
    ax.set_ylim(last, -above)
    ax.set_yticks(places, [] if lines else labels, fontsize=size)
    ax.spines["left"].set_visible(False)
    look = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": size}
    start, end = 0.04 / across - left / across, 1 + 0.18 / across  # where labels stand over their rows
    for i in first:
        x, y = (start, places[i] - up - 0.22 / each) if lines else (-0.06 / across, places[i] - head)
        ax.text(x, y, groups[i], ha="left" if lines else "right", weight="bold", **look)
    for i, place in enumerate(places):
        if lines:
            ax.text(start, place - up, labels[i], **look)
        if texts:
            x, y = (end, place - text_up) if lines else (1 + 0.1 / across, place)
            ax.text(x, y, texts[i], ha="right" if lines else "left", **look)
    return ax, places


def wrapped(text: str, room: float, size: float = 10, weight: str = "normal") -> list[str]:
    """A text in as many lines as it needs, each at most so many inches wide, parted at its colon if anywhere."""
    head, colon, tail = text.partition(": ")
    if tail and text_width([text], size, weight) > room:
        return [*wrapped(head + colon.strip(), room, size, weight), *wrapped(tail, room, size, weight)]
    lines: list[str] = []
    for word in text.split():
        word = _shortened(word, room, size, weight)
        longer = " ".join([*lines[-1:], word])
        lines[-1:] = [longer] if text_width([longer], size, weight) <= room else [*lines[-1:], word]
    return lines


def _shortened(text: str, room: float, size: float = 10, weight: str = "normal") -> str:
    """A text of at most so many inches, cut with an ellipsis where it is longer."""
    if text_width([text], size, weight) <= room:
        return text
    kept = bisect.bisect(range(len(text)), room, key=lambda n: text_width([text[:n] + "…"], size, weight))
    return words.plain(text[: max(kept - 1, 1)]) + "…"


def text_width(texts: Sequence[str | None], size: float = 10, weight: str = "normal") -> float:
    """Width of the widest of some texts, in inches."""
    renderer, font = _renderer(), FontProperties(size=size, weight=weight)
    widths = [renderer.get_text_width_height_descent(text, font, False)[0] for text in texts if text]
    return 1.02 * max(widths, default=0.0) / 200


@functools.cache
def _renderer() -> RendererAgg:
    return FigureCanvasAgg(Figure(figsize=(1, 1), dpi=200)).get_renderer()


# --- what is written --------------------------------------------------------------------------------------------


def said(text: str, /, **values) -> str:
    """A translated template with its values.

    Text stands as it is, whole numbers and days are written out, (value, kind) as `words.write` does, and the items of
    a list are set apart.
    """

    def write(value) -> str:
        if isinstance(value, tuple):
            return words.write(*value)
        if isinstance(value, list):
            return _("; ").join(value)
        if isinstance(value, datetime.date):
            return words.date(value)
        return words.number(value, 1) if isinstance(value, int | np.integer) else str(value)

    return text.format(**{name: write(value) for name, value in values.items()})


def finding(what: str, text: str, low: float, high: float) -> str:
    """A title that states a number, hedged where its interval includes zero."""
    template = _("{what}: no clear effect, {x}") if low <= 0 <= high else "{what}: {x}"
    return template.format(what=what, x=text)


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
    own = "" if money else words.unit(metric)
    return (
        scale,
        f"{_(with_currency if currency and money else plain).format(currency=currency)} {own}".strip(),
    )


def metric_title(metric: str) -> str:
    text = words.metric(metric)
    return text[:1].upper() + text[1:]
