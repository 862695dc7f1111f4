"""Figures of evidence: placebo dates, specifications, decomposition, power, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis import words
from analysis.figures import drawing as draw
from analysis.figures import marks
from analysis.figures.intervals import clear as clear_of_zero
from analysis.words import _

if TYPE_CHECKING:
    from analysis.displacement import Decomposition
    from analysis.effect import Effect
    from analysis.placebo import Placebos

LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))


@draw.style()
def placebo(test: Placebos, effect: Effect) -> Axes:
    """The event, at `effect`, among the comparable dates before it: each date is one dot."""
    ax = draw.canvas(2.05, left=0.2, bottom=0.48)
    data = test.frame()
    values, event = data["relative"].to_numpy(float), effect.relative
    bins = np.histogram_bin_edges(values, bins="fd")
    wide = (bins[1] - bins[0]) / 2
    # Dots stacked on dots: each date is one.
    order = np.argsort(values)
    places = np.round(values[order] / wide)
    heights = np.arange(len(places)) - np.searchsorted(places, places)
    size = min(5.0, 180 / max(heights.max(), 20))
    ax.plot(places * wide, heights + 0.5, "o", color=draw.INK, ms=size, alpha=0.7, mew=0)
    top = max(heights.max() + 2, 4)
    ax.vlines(event, 0, top * 0.86, color=draw.EVENT, lw=2)
    text = draw.said(_("the event {x}"), x=(event, "+percent"))
    side = "right" if draw.narrow() else "center"
    ax.text(event, top * 0.88, text, color=draw.EVENT, ha=side, va="bottom", fontsize=9)
    ax.axvline(0, color=draw.INK, lw=0.8)
    ends = np.append(values, [event])
    room = 0.08 * np.ptp(ends)
    ax.set_xlim(min(ends.min(), 0) - room, ends.max() + room)
    ax.set_ylim(0, top)
    marks.percent_axis(ax, ax.xaxis)
    ax.grid(visible=False)
    ax.set_yticks([])
    ax.set_xlabel(
        _("what each date “added”, over what was expected of it"), fontsize=8 if draw.narrow() else 9
    )
    more, n = test.rank - 1, len(values)
    alt = words.ngettext(
        "Dot chart of what {n} comparable date “added”: half of them lie between {quarter} and {three_quarters}, all "
        "between {low} and {high}. The event stands at {event}; p = {p}.",
        "Dot chart of what {n} comparable dates “added”: half of them lie between {quarter} and {three_quarters}, all "
        "between {low} and {high}. The event stands at {event}; p = {p}.",
        n,
    )
    names = ("low", "quarter", "three_quarters", "high")
    quarters = dict(zip(names, np.quantile(values, [0, 0.25, 0.75, 1]), strict=True)) | {"event": event}
    written = {name: (x, "+percent.1") for name, x in quarters.items()}
    alt = draw.said(alt, n=n, p=(test.p_value, "p"), **written)
    caption = words.ngettext(
        "Each dot is a comparable date treated as the event; {n} of {all} lies as many standard errors from zero.",
        "Each dot is a comparable date treated as the event; {n} of {all} lie as many standard errors from zero.",
        more,
    )
    if not more:
        caption = _(
            "Each dot is a comparable date treated as the event; none of {all} lies as many standard errors from zero."
        )
    title = draw.said(_("Comparable dates as far from zero as the event: {n} of {all}"), n=more, all=n)
    return draw.describe(ax, alt=alt, caption=draw.said(caption, n=more, all=n), data=data, title=title)


@draw.style()
def specification(
    rows: pd.DataFrame,
    announced: float | None = None,
    choices: Sequence[str] = ("estimator", "baseline", "history", "baseline_days", "wait_days", "scale"),
) -> Axes:
    """The effect under every defensible choice, sorted, with the choices made below.

    `rows` is `placebo.specifications(...)`: ``relative, low, high, headline`` and one column a choice.
    """
    rows = rows.sort_values("relative", kind="stable", ignore_index=True)
    options = [
        (column, value, words.choice(column, value))
        for column in choices
        if column in rows and len(set(rows[column].dropna())) > 1
        for value in sorted(rows[column].dropna().unique(), key=lambda value: str(value).zfill(6))
        if str(value)
    ]
    names = [text for *_rest, text in options]
    note = "" if announced is None else draw.said(_("announced\n{x}"), x=(announced, "+percent"))
    right = 0.14 + draw.text_width(note.split("\n"), 9)
    below, places = draw.row_canvas(names, each=0.16, left=0.5, right=right, bottom=0.1)
    ax = draw.panel(below, 2.15, 0.15)
    x, n = np.arange(len(rows)), len(rows)
    clear = ((rows["low"] > 0) | (rows["high"] < 0)).to_numpy()
    size, thin = np.clip(250 / n, 1.8, 4.5), np.clip(90 / n, 0.5, 1.6)
    for chosen, colour in ((clear, draw.EXPECTED), (~clear, draw.INK)):
        marks.stems(ax, x[chosen], rows[chosen], colour, size, thin, 0.55)
    own = np.flatnonzero(rows["headline"])[0]
    ax.plot([own], rows["relative"].iloc[[own]], "D", color=draw.EVENT, ms=7, mec="white", mew=0.8, zorder=5)
    ax.axhline(0, color=draw.INK, lw=0.9)
    point = rows["relative"]  # intervals far longer than the estimates are spread run out of the frame
    low = min(0, max(rows["low"].min(), 3 * min(point.min(), 0) - 0.3))
    high = max(0, announced or 0, min(rows["high"].max(), 1.3 * point.max() + 0.1))
    ax.set_ylim(low - 0.06 * (high - low), high + 0.1 * (high - low))
    ax.set_xlim(-1, n)
    if announced is not None:
        ax.axhline(announced, color=draw.ANNOUNCED, lw=1.3, ls=(0, (5, 3)))
        marks.aside(ax, n, announced, note, color=draw.ANNOUNCED)
    marks.percent_axis(ax)
    here = np.array([(rows[column] == value).fillna(False) for column, value, _text in options], dtype=bool)
    below.plot(*np.nonzero(here)[::-1], "s", color=draw.INK, ms=np.clip(220 / n, 1.4, 3.5), mew=0)
    below.plot(*np.nonzero(here & (x == own))[::-1], "D", color=draw.EVENT, ms=4, mew=0, zorder=5)
    for i in range(1, len(options)):
        if options[i][0] != options[i - 1][0]:
            below.axhline(places[i] + below.get_ylim()[1], color=draw.INK, lw=0.5, alpha=0.4)
    for axes in (ax, below):
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(bottom=False, labelbottom=False)
    alt = words.ngettext(
        "The effect under {n} specification, sorted: from {low} to {high}, median {median}; in {clear} of them the "
        "interval excludes zero. The effect that every report gives is {own}.",
        "The effect under {n} specifications, sorted: from {low} to {high}, median {median}; in {clear} of them the "
        "interval excludes zero. The effect that every report gives is {own}.",
        n,
    )
    numbers = {"low": point.min(), "high": point.max(), "median": point.median(), "own": point.iloc[own]}
    written = {name: (x, "+percent") for name, x in numbers.items()}
    alt = draw.said(alt, n=n, clear=clear.sum(), **written)
    caption = _(
        "Each column is one specification: above its estimate and interval, below the choices that make it. The "
        "diamond is the effect that every report gives."
    )
    return draw.describe(
        ax, alt=alt, caption=caption, data=rows, title=clear_of_zero(rows, _("specification"))
    )


@draw.style()
def decomposition(found: Decomposition, metric: str = "value", level: float = 0.95) -> Axes:
    """Where the digital gain came from: parts that add up to the last bar, each from zero.

    `found` is `displacement.decompose(...)`; `metric` gives the unit of its numbers.
    """
    order = ["from_counters", "from_other_days", "net_new", "digital_gain"]
    rows = found.frame(level).set_index("part").loc[order].reset_index()
    names = [words.part(code) for code in rows["part"]]
    scale, unit_name = draw.unit(rows["estimate"].abs().max(), metric)
    parts = rows[["estimate", "low", "high"]] / scale
    texts = []
    for x, *ends in parts.to_numpy():
        step = words.step(*ends)
        texts.append(f"{words.number(x, step, signed=True)} ({words.interval(*ends, step=step)})")
    ax, places = draw.row_canvas(names, texts, each=0.42, bottom=0.36)
    colours = [draw.EXPECTED] * (len(rows) - 1) + [draw.EVENT]
    ax.barh(places, parts["estimate"], height=0.3 if draw.narrow() else 0.56, color=colours, alpha=0.6)
    ax.hlines(places, parts["low"], parts["high"], color=draw.INK, lw=1.3)
    ax.axvline(0, color=draw.INK, lw=0.9)
    ax.axhline(places[-1] - (0.8 if draw.narrow() else 0.5), color=draw.INK, lw=0.6)
    marks.value_axis(ax, ax.xaxis)
    told = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    alt = draw.said(
        _("Where the gain came from ({unit}). {parts}."),
        parts=told,
        unit=unit_name or draw.metric_title(metric),
    )
    caption = _("The bars above the line add up to the one below it. Lines are intervals.")
    sure = parts.loc[: len(parts) - 2].query(
        "low > 0 or high < 0"
    )  # the largest part that is known to be one
    largest = (parts[:-1] if sure.empty else sure)["estimate"].idxmax()
    title = draw.finding(names[largest], texts[largest], *parts.loc[largest, ["low", "high"]])
    formats = {"estimate": f"+{words.table_kind(metric)}", "share": "percent"}
    unit_name = f"{draw.metric_title(metric)} ({unit_name})" if unit_name else draw.metric_title(metric)
    return draw.describe(
        ax, alt=alt, caption=caption, data=rows, title=title, unit=unit_name, formats=formats
    )


@draw.style()
def power(rows: pd.DataFrame, target: float = 0.8) -> Axes:
    """How often a design would find an effect of each size.

    `rows` has ``design`` (a name, or a number of days), ``effect`` (relative, a fraction) and ``power`` (a fraction).
    """
    ax = draw.canvas(2.55, bottom=0.5)
    ax.axhline(target, color=draw.INK, lw=0.8, ls=(0, (2, 2)))
    curves, reached = [], []
    for i, (design, part) in enumerate(rows.groupby("design", sort=False)):
        effect, found = part.sort_values("effect")[["effect", "power"]].to_numpy(float).T
        colour = ax.plot(effect, found, lw=1.9, ls=LINES[i % 5])[0].get_color()
        curves.append((effect, found, _design(design), colour))
        text, at = _("{design} at none of the sizes shown"), np.nan
        if found[-1] >= target:
            text, at = _("{design} from {x}"), float(np.interp(target, found, effect))
            ax.plot([at], [target], "o", ms=5, color=colour)
        reached.append(draw.said(text, design=_design(design), x=(at, "+percent")))
    ax.set_ylim(0, 1.02)
    ax.set_xlim(0, rows["effect"].max())
    _label_curves(ax, curves)
    marks.percent_axis(ax, ax.xaxis)
    marks.percent_axis(ax, signed=False)
    ax.grid(visible=False, axis="x")
    ax.set_xlabel(_("true effect"), fontsize=9)
    told = {"target": (target, "percent"), "found": words.listing(reached), "first": reached[0]}
    alt = draw.said(_("Power by size of the true effect. {target} is reached: {found}."), **told)
    caption = draw.said(_("The dot marks the smallest effect found {target} of the time."), **told)
    title = draw.said(_("Found {target} of the time: {first}"), **told)
    axis = _("Share of editions whose interval would exclude zero")
    formats = {"effect": "+percent.1", "power": "percent.0"}
    if pd.api.types.is_numeric_dtype(rows["design"]):
        formats["design"] = "days"
    return draw.describe(ax, alt=alt, caption=caption, data=rows, title=title, unit=axis, formats=formats)


def _design(design: str | int) -> str:
    if isinstance(design, str):
        return words.name(design)
    return draw.said(words.ngettext("{n} day", "{n} days", int(design)), n=int(design))


def _label_curves(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray, str, str]]) -> None:
    """A name beside each curve: those that rise first at the left, the others at the right, each at its own height."""
    for effect, found, name, colour in curves:
        if found[-1] < 0.7:  # too flat to have a steep side: above its end
            marks.aside(ax, effect[-1], found[-1] + 0.06, name, -2, color=colour)
    ordered = sorted((c for c in curves if c[1][-1] >= 0.7), key=lambda curve: -curve[1].sum())
    left = len(ordered) // 2
    heights = [*np.linspace(0.68, 0.38, 2)[:left], *(0.66 - 0.12 * np.arange(len(ordered) - left))]
    for i, ((*_curve, name, colour), height) in enumerate(zip(ordered, heights, strict=True)):
        ends = [float(np.interp(height, other[1], other[0])) for other in ordered]
        end, points = (min(ends), -9) if i < left else (max(ends), 9)
        marks.aside(ax, end, height, name, points, color=colour)
        ax.plot([ends[i], end], [height, height], lw=0.8, zorder=1, color=colour)


@draw.style()
def calibration(rows: pd.DataFrame, value: str = "coverage", low: float = 0.935, high: float = 0.97) -> Axes:
    """How often intervals hold the truth, by process and estimator; cells outside [low, high] stand out.

    `rows` has ``process, estimator`` and the column `value`: ``coverage`` (a fraction) or ``width`` (over that of the
    oracle).
    """
    table = rows.pivot_table(value, "process", "estimator")
    table = table.reindex(index=rows["process"].unique(), columns=rows["estimator"].unique())
    across, down = list(map(words.method, table.columns)), list(map(words.process, table.index))
    angle, size = (60, 8) if draw.narrow() else (35, 8.5)
    rise, reach = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    right = reach * draw.text_width(across[-2:], 8.5)
    ax, places = draw.row_canvas(down, each=0.25, right=right, bottom=0.06)
    half = 0.3 if draw.narrow() else 0.43  # of a cell's height
    cells = table.to_numpy(float)
    under, over = cells < low, cells > high
    for i, j in np.argwhere(np.isfinite(cells)):
        if under[i, j] or over[i, j]:  # told apart without colours too
            look = (
                {"fc": draw.EVENT, "alpha": 0.3, "lw": 0}
                if under[i, j]
                else {"fc": "none", "ec": draw.EXPECTED}
            )
            ax.add_patch(Rectangle((j - 0.46, places[i] - half), 0.92, 2 * half, **look))
        x, step = (100 * cells[i, j], 0.1) if value == "coverage" else (cells[i, j], 0.01)
        weight = "bold" if under[i, j] else "normal"
        ax.text(j, places[i], words.number(x, step), ha="center", va="center", fontsize=size, weight=weight)
    ax.set_xticks(range(len(across)), across, rotation=angle, fontsize=8.5, ha="left", rotation_mode="anchor")
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_xlim(-0.5, len(across) - 0.5)
    ax.spines[:].set_visible(False)
    inside = (~under & ~over & np.isfinite(cells)).sum(axis=0)
    template = _("{estimator}: {n} of {all}")
    kind = "percent.1" if value == "coverage" else "number.2"
    told = {
        "parts": [
            draw.said(template, estimator=e, n=k, all=len(table)) for e, k in zip(across, inside, strict=True)
        ],
        "low": (low, kind),
        "high": (high, kind),
    }
    if value == "coverage":
        alt = _("Coverage by process and estimator. Within {low} to {high}: {parts}.")
        caption = _("Share of intervals that hold the truth. Filled: below {low}; framed: above {high}.")
    else:
        alt = _(
            "Width of the intervals over the oracle's, by process and estimator. At most {high}: {parts}."
        )
        caption = _("Median width over that of the oracle, which knows the process. Framed: above {high}.")
    data, above = rows[["process", "estimator", value]], rise * draw.text_width(across, 8.5) + 0.2
    return draw.describe(
        ax, alt=draw.said(alt, **told), caption=draw.said(caption, **told), data=data, above=above
    )
