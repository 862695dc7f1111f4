"""Figures: one function a figure. They draw results and estimate nothing.

Each returns its Axes, with a text alternative, a caption and its data attached (`description`). Time runs from left to
right in Arabic also. Directly called, a figure comes in the report's style and the language spoken; `show.figure` does
the same once a language.
"""

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
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from analysis import words
from analysis.counterfactual import Effect
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
        for text in ax.figure.findobj(Text):
            if re.search("[\u0600-\u06ff]", text.get_text()):
                text.set_text("\u200f" + text.get_text())  # the paragraph runs from right to left
    return ax


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


# --- time -------------------------------------------------------------------------------------------------------


@drawn
def counterfactual(
    daily: pd.Series,
    effect: Effect,
    windows: Windows,
    expected: pd.DataFrame | None = None,
    level: float = 0.95,
    days_before: int = 56,
    days_after: int = 14,
) -> Axes:
    """Observed against expected around the event.

    Parameters
    ----------
    daily : Series of float on a daily DatetimeIndex
    expected : DataFrame, optional
        Columns ``expected, low, high`` by day: the model on other days also. Without it the expectation is shown
        for the event alone, from `effect` (a mean a day when the event has several).
    days_before, days_after : int
        How many days to show on either side.
    """
    days = len(effect.event_days)
    centre, (low, high) = effect.expected / days, np.array(effect.expected_interval(level)) / days
    observed, step = effect.observed / days, words.step(low, high)
    sides = [
        (observed, _label(_("observed"), observed, effect.metric, step), EVENT),
        (centre, _label(_("expected"), centre, effect.metric, step), EXPECTED),
    ]
    ax = canvas(right=1 - (text_width([text for _y, text, _c in sides], 9) + 0.1) / WIDTH)
    start = windows.event_start - pd.Timedelta(days=days_before)
    shown = daily.loc[start : windows.event_end + pd.Timedelta(days=days_after)]
    scale, unit = _unit(shown.max(), effect.metric)
    _shade(ax, windows, shown.index)
    if expected is not None:
        band = expected.reindex(shown.index)
        ax.fill_between(
            band.index, band["low"] / scale, band["high"] / scale, color=EXPECTED, alpha=0.2, lw=0
        )
        ax.plot(band.index, band["expected"] / scale, color=EXPECTED, lw=1.4, ls=(0, (4, 2)))
    ax.plot(shown.index, shown / scale, color=INK, lw=1.3, marker="o", ms=2.6)
    middle = windows.event_start + (windows.event_end - windows.event_start) / 2
    ax.errorbar(
        [middle], [centre / scale], yerr=[[(centre - low) / scale], [(high - centre) / scale]], color=EXPECTED,
        marker="D", ms=5, capsize=4, lw=1.8, zorder=5,
    )  # fmt: skip
    ax.plot([middle], [observed / scale], color=EVENT, marker="o", ms=7, zorder=6)
    ax.set_title(f"{_metric_title(effect.metric)} ({unit})" if unit else _metric_title(effect.metric))
    _time_axis(ax, shown.index[0], shown.index[-1], windows.event_start)
    _value_axis(ax)
    _at_the_side(ax, middle, [(y / scale, text, colour) for y, text, colour in sides])
    data = pd.DataFrame(
        {"date": shown.index, "period": windows.labels(shown.index).to_numpy(), "observed": shown.to_numpy()}
    )
    if expected is not None:
        data[["expected", "expected_low", "expected_high"]] = band[["expected", "low", "high"]].to_numpy()
    else:
        on = data["date"].isin(effect.event_days)
        data.loc[on, ["expected", "expected_low", "expected_high"]] = [centre, low, high]
    alt = _("Line chart of the {metric} a day from {start} to {end}. {answer}").format(
        metric=words.metric(effect.metric),
        start=words.date(shown.index[0]),
        end=words.date(shown.index[-1]),
        answer=words.answer(effect, level),
    )
    caption = _(
        "Observed (line) and expected (diamond, with its {level} interval). Shaded: the campaign, the week before, the "
        "event."
    ).format(level=words.percent(level))
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def weekdays(daily: pd.Series, windows: Windows, metric: str = "value", first: int = 6) -> Axes:
    """Every ordinary day by its weekday, with the median, and the event beside them.

    `first` is the weekday to begin with (0 = Monday; 6 = Sunday, the first working day in the UAE until 2021).
    """
    ax = canvas()
    past = windows.past(daily, "history").dropna()
    scale, unit = _unit(past.max(), metric)
    order = [(first + i) % 7 for i in range(7)]
    rows = []
    for place, day in enumerate(order):
        values = past[past.index.weekday == day].to_numpy()
        spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.plot(place + spread, values / scale, "o", color=INK, ms=2.4, alpha=0.35, mew=0)
        middle = float(np.median(values)) if len(values) else np.nan
        ax.plot([place - 0.3, place + 0.3], [middle / scale] * 2, color=EXPECTED, lw=2.4)
        rows.append({"weekday": words.weekday(day), "days": len(values), "median": middle})
    for day in windows.event_days.intersection(daily.index):
        place = order.index(day.weekday())
        ax.plot([place], [daily[day] / scale], "o", color=EVENT, ms=7)
        text = words.date(day)
        beside = place > 4
        ax.annotate(
            text, (place, daily[day] / scale), xytext=(-7 if beside else 7, 0), textcoords="offset points", color=EVENT,
            ha="right" if beside else "left", va="center", fontsize=9,
        )  # fmt: skip
    ax.set_xticks(range(7), [words.weekday(day) for day in order])
    title = _metric_title(metric)
    ax.set_title(f"{title} ({unit})" if unit else title, pad=8)
    _value_axis(ax)
    data = pd.DataFrame(rows)
    top, bottom = data.loc[data["median"].idxmax()], data.loc[data["median"].idxmin()]
    alt = _(
        "Dot chart of the {metric} by weekday over {n} ordinary days. The median is highest on {top} ({high}) and "
        "lowest on {bottom} ({low})."
    ).format(
        metric=words.metric(metric), n=words.number(len(past)), top=top["weekday"], bottom=bottom["weekday"],
        high=words.quantity(top["median"], metric), low=words.quantity(bottom["median"], metric),
    )  # fmt: skip
    caption = _("Each dot is one ordinary day; the bar is the weekday's median. The event is marked.")
    return describe(ax, alt=alt, caption=caption, data=data)


# --- intervals --------------------------------------------------------------------------------------------------


@drawn
def effects(
    rows: pd.DataFrame | Sequence[Effect], announced: float | None = 0.30, level: float = 0.95
) -> Axes:
    """Which +x % do you mean: the relative effect by estimator and baseline.

    `rows` are effects, or a frame with ``label, relative, low, high`` (fractions) and optionally ``group``.
    """
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame(
            [
                {
                    "label": words.method(effect.estimator),
                    "group": words.estimand(effect.estimand),
                    "relative": effect.relative,
                    "low": effect.confidence_interval(level, relative=True).low,
                    "high": effect.confidence_interval(level, relative=True).high,
                }
                for effect in rows
            ]
        )
    ax = _rows(rows, announced)
    caption = _(
        "The effect as each method tells it, with its {level} interval. The dashed line is the announced {announced}, "
        "over the day before."
    )
    if announced is None:
        caption = _("The effect as each method tells it, with its {level} interval.")
    caption = caption.format(level=words.percent(level), announced=words.percent(announced or 0, signed=True))
    return describe(
        ax, alt=_rows_alt(_("Relative effect by method"), rows), caption=caption, data=_rows_data(rows)
    )


@drawn
def readings(rows: pd.DataFrame, announced: float | None = 0.30) -> Axes:
    """Growth of the day over each reading of what it is compared with.

    `rows` has ``label, relative`` and optionally ``low, high`` (the rounding of the published figures) and ``group``.
    """
    ax = _rows(rows, announced)
    caption = _("Growth on the day over each published level, as far as rounding leaves it known.")
    return describe(
        ax, alt=_rows_alt(_("Growth on the day by comparison"), rows), caption=caption, data=_rows_data(rows)
    )


@drawn
def bounds(rows: pd.DataFrame, announced: float | None = 0.30) -> Axes:
    """What the published figures alone identify: an interval for each assumption.

    `rows` has ``label, low, high`` (fractions) and optionally ``relative, group``.
    """
    ax = _rows(rows, announced, bars=True)
    caption = _(
        "Every effect that fits the published figures under each assumption. A bar across zero leaves the sign open."
    )
    return describe(
        ax,
        alt=_rows_alt(_("Bounds on the effect by assumption"), rows),
        caption=caption,
        data=_rows_data(rows),
    )


def _rows(rows: pd.DataFrame, announced: float | None, bars: bool = False) -> Axes:
    """One row a case: point and interval, the numbers written at the end of the row."""
    labels = [words.name(str(label)) for label in rows["label"]]
    groups = list(rows["group"]) if "group" in rows else [None] * len(rows)
    places, heads, y = [], [], 0.0
    for i, group in enumerate(groups):
        if group is not None and (i == 0 or group != groups[i - 1]):
            heads.append((y, words.name(str(group))))
            y += 0.8
        places.append(y)
        y += 1.0
    height = 0.75 + 0.29 * y
    left = max(text_width(labels, 9), text_width([head for _y, head in heads], 9, "bold")) + 0.12
    low = rows["low"].to_numpy(float) if "low" in rows else rows["relative"].to_numpy(float)
    high = rows["high"].to_numpy(float) if "high" in rows else rows["relative"].to_numpy(float)
    point = rows["relative"].to_numpy(float) if "relative" in rows else np.full(len(rows), np.nan)
    texts = [_row_text(a, b, c) for a, b, c in zip(low, high, point, strict=True)]
    right = WIDTH - text_width(texts, 9) - 0.14
    ax = canvas(height, left / WIDTH, right / WIDTH, top=1 - 0.36 / height, bottom=0.34 / height)
    edges = np.concatenate([low, high, point, [0.0, announced or 0.0]])
    edges = edges[np.isfinite(edges)]
    room = 0.06 * (edges.max() - edges.min() or 1)
    ax.set_xlim(edges.min() - room, edges.max() + room)
    for place, a, b, c in zip(places, low, high, point, strict=True):
        a, b = (np.clip(end, *ax.get_xlim()) for end in (a, b))
        colour = INK if a <= 0 <= b else EXPECTED
        if bars:
            ax.plot([a, b], [place, place], color=colour, lw=7, alpha=0.75, solid_capstyle="butt")
        else:
            ax.plot([a, b], [place, place], color=colour, lw=1.8)
        if np.isfinite(c):
            ax.plot([c], [place], "o", color=colour, ms=6)
    for place, text in zip(places, texts, strict=True):
        ax.text(
            1 + 0.1 / (right - left), place, text, transform=ax.get_yaxis_transform(), va="center", fontsize=9
        )
    for place, head in heads:
        ax.text(
            -0.06 / (right - left),
            place,
            head,
            transform=ax.get_yaxis_transform(),
            va="center",
            ha="right",
            weight="bold",
            fontsize=9,
        )
    ax.axvline(0, color=INK, lw=0.9)
    if announced is not None:
        ax.axvline(announced, color=ANNOUNCED, lw=1.3, ls=(0, (5, 3)))
        text = _("announced {x}").format(x=words.percent(announced, signed=True))
        ax.text(
            announced,
            1.02,
            text,
            transform=ax.get_xaxis_transform(),
            color=ANNOUNCED,
            ha="center",
            fontsize=9,
        )
    ax.set_ylim(y - 0.4, -0.6)
    ax.set_yticks(places, labels)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _place: words.percent(x, 0.01, signed=True)))
    return ax


def _row_text(low: float, high: float, point: float) -> str:
    step = words.step(low, high) or (0.001 if np.isfinite(point) else None)
    step = max(step, 0.001) if step else None
    if not np.isfinite(point):
        return words.interval(low, high, "percent")
    if low == high:
        return words.percent(point, step, signed=True)
    return f"{words.percent(point, step, signed=True)} ({words.interval(low, high, 'percent', step=step)})"


def _rows_alt(title: str, rows: pd.DataFrame) -> str:
    parts = []
    for row in rows.to_dict("records"):
        text = _row_text(
            row.get("low", row.get("relative")),
            row.get("high", row.get("relative")),
            row.get("relative", np.nan),
        )
        parts.append(f"{words.name(str(row['label']))}: {text}")
    return f"{title}. " + "; ".join(parts) + "."


def _rows_data(rows: pd.DataFrame) -> pd.DataFrame:
    data = rows.copy()
    data.attrs["formats"] = {"relative": "+percent.1", "low": "+percent.1", "high": "+percent.1"}
    return data


# --- axes, shading, labels --------------------------------------------------------------------------------------


def _shade(ax: Axes, windows: Windows, index: pd.DatetimeIndex) -> None:
    """Campaign, the week before, and the event, the same in every figure over time."""
    half = pd.Timedelta(hours=12)
    first = index[0] - half
    spans = []
    if len(windows.campaign_days):
        spans.append(
            (
                max(windows.campaign_days[0] - half, first),
                windows.event_start - half,
                INK,
                0.05,
                _("campaign"),
            )
        )
    spans.append((max(windows.baseline[0] - half, first), windows.event_start - half, INK, 0.09, ""))
    spans.append((windows.event_start - half, windows.event_end + half, EVENT, 0.22, ""))
    for start, end, colour, alpha, label in spans:
        ax.axvspan(start, end, color=colour, alpha=alpha, lw=0)
        if label:
            ax.text(start, 1.015, label, transform=ax.get_xaxis_transform(), fontsize=8.5, alpha=0.8)
    eve, note = windows.event_start - half, {"transform": ax.get_xaxis_transform(), "fontsize": 8.5}
    ax.text(eve, 1.015, _("week before") + " ", ha="right", alpha=0.8, **note)
    ax.text(eve, 1.015, " " + words.day_month(windows.event_start), color=EVENT, **note)


def _at_the_side(ax: Axes, day: pd.Timestamp, labels: Sequence[tuple[float, str, str]]) -> None:
    """Labels (height, text, colour) in the right margin, kept apart, each led to from the event."""
    low, high = ax.get_ylim()
    apart = 0.075 * (high - low)
    heights = []
    for y, _text, _colour in sorted(labels):
        heights.append(max(y, heights[-1] + apart) if heights else y)
    end = ax.get_xlim()[1]
    for (y, text, colour), height in zip(sorted(labels), heights, strict=True):
        ax.plot([mpl.dates.date2num(day), end], [y, y], color=colour, lw=0.8, ls=(0, (1, 2)), zorder=1)
        ax.text(end, height, " " + text, color=colour, va="center", fontsize=9)


def _label(word: str, value: float, metric: str, step: float | None) -> str:
    return f"{word} {words.quantity(value, metric, step)}"


def _unit(largest: float, metric: str) -> tuple[float, str]:
    """What to divide by, and the unit to name on the axis."""
    if metric == "digital_share":
        return 0.01, "%"
    money = words.KINDS.get(metric) == "money"
    scale = next((scale for scale in UNITS if largest >= scale * (10 if scale == 1e3 else 1)), 1.0)
    if scale == 1:
        return 1.0, words.name(words.currency()) if money else ""
    with_currency, plain = UNITS[scale]
    return scale, _(with_currency).format(currency=words.name(words.currency())) if money else _(plain)


def _metric_title(metric: str) -> str:
    text = words.metric(metric)
    return text[:1].upper() + text[1:]


def _value_axis(ax: Axes) -> None:
    ax.grid(axis="y")
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ticks = ax.get_yticks()
    step = 10.0 ** np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9) if len(ticks) > 1 else None
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _place: words.number(y, step)))
    ax.spines["left"].set_visible(False)


def _time_axis(ax: Axes, start: pd.Timestamp, end: pd.Timestamp, anchor: pd.Timestamp) -> None:
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
    ax.xaxis.set_major_locator(FixedLocator(mpl.dates.date2num(ticks)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, place: labels[place] if place is not None else ""))


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
    text = re.sub(r"\n\s*", "\n", text)
    return text.replace(
        "<svg ", f'<svg role="img" aria-label="{escape(alt)}" stroke-linejoin="round" focusable="false" ', 1
    )


def _attributes(match: re.Match) -> str:
    """A style as presentation attributes, so that a strict content security policy leaves it alone."""
    pairs = (pair.split(":", 1) for pair in match.group(1).split(";") if ":" in pair)
    return " ".join(f'{key.strip()}="{value.strip()}"' for key, value in pairs)
