"""Figures of evidence: placebo dates, specifications, decomposition, power, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analysis import words
from analysis.figures.drawing import (
    ANNOUNCED,
    EVENT,
    EXPECTED,
    FIFTH,
    INK,
    OTHER,
    aside,
    canvas,
    describe,
    drawn,
    metric_title,
    narrow,
    percent_axis,
    row_canvas,
    text_width,
    unit,
    value_axis,
    width,
)
from analysis.words import _

if TYPE_CHECKING:
    from analysis.displacement import Decomposition
    from analysis.effect import Effect
    from analysis.placebo import Placebos

LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))


@drawn
def placebo(test: Placebos, effect: Effect) -> Axes:
    """The event, at `effect`, among the comparable dates before it: each date is one dot."""
    ax = canvas(3.0, left=0.04, top=0.84, bottom=0.16)
    data = test.frame()
    values, event = data["relative"].to_numpy(float), effect.relative
    ends = np.append(values, event)
    bins = np.histogram_bin_edges(values, bins="fd")
    width = bins[1] - bins[0]
    heights = np.zeros(len(values))
    places = np.round(values / width * 2).astype(int)
    for place in np.unique(places):  # dots stacked on dots: each date is one
        same = np.flatnonzero(places == place)
        heights[same[np.argsort(values[same])]] = np.arange(len(same))
    ax.plot(
        places * width / 2,
        heights + 0.5,
        "o",
        color=INK,
        ms=min(5.0, 180 / max(heights.max(), 20)),
        alpha=0.7,
        mew=0,
    )
    top = max(heights.max() + 2, 4)
    ax.vlines(event, 0, top * 0.86, color=EVENT, lw=2)
    text = _("the event {x}").format(x=words.percent(event, signed=True))
    side = "right" if narrow() else "center"
    ax.text(event, top * 0.88, text, color=EVENT, ha=side, va="bottom", fontsize=9)
    ax.axvline(0, color=INK, lw=0.8)
    room = 0.08 * (ends.max() - ends.min())
    ax.set_xlim(min(ends.min(), 0) - room, ends.max() + room)
    ax.set_ylim(0, top)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    percent_axis(ax.xaxis)
    ax.set_xlabel(_("what each date “added”, over what was expected of it"), fontsize=8 if narrow() else 9)
    more = test.rank - 1
    alt = words.ngettext(
        "Dot chart of what {n} comparable date “added”: half of them lie between {quarter} and {three_quarters}, all "
        "between {low} and {high}. The event stands at {event}; p = {p}.",
        "Dot chart of what {n} comparable dates “added”: half of them lie between {quarter} and {three_quarters}, all "
        "between {low} and {high}. The event stands at {event}; p = {p}.",
        len(values),
    ).format(
        n=words.number(len(values), 1),
        quarter=words.percent(np.quantile(values, 0.25), 0.001, signed=True),
        three_quarters=words.percent(np.quantile(values, 0.75), 0.001, signed=True),
        low=words.percent(values.min(), 0.001, signed=True),
        high=words.percent(values.max(), 0.001, signed=True),
        event=words.percent(event, 0.001, signed=True),
        p=words.p_value(test.p_value),
    )
    caption = words.ngettext(
        "Each dot is a comparable date treated as the event; {n} of {all} lies as many standard errors from zero.",
        "Each dot is a comparable date treated as the event; {n} of {all} lie as many standard errors from zero.",
        more,
    ).format(n=words.number(more, 1), all=words.number(len(values), 1))
    if not more:
        caption = _(
            "Each dot is a comparable date treated as the event; none of {all} lies as many standard errors from zero."
        ).format(all=words.number(len(values), 1))
    data.attrs["formats"] = {"relative": "+percent.1", "t": "+number.1"}
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def specification(
    rows: pd.DataFrame,
    announced: float | None = None,
    choices: Sequence[str] = ("estimator", "baseline", "history", "baseline_days", "wait_days", "scale"),
) -> Axes:
    """The effect under every defensible choice, sorted, with the choices made below.

    `rows` is `placebo.specifications(...)`: ``relative, low, high, headline`` and one column a choice.
    """
    rows = rows.sort_values("relative", kind="stable", ignore_index=True)
    marks = [
        (column, value, words.choice(column, value))
        for column in choices
        if column in rows and len(set(rows[column].dropna())) > 1
        for value in sorted(rows[column].dropna().unique(), key=_by_size)
        if str(value)
    ]
    upper, lower = 2.3, (0.3 if narrow() else 0.16) * len(marks) + 0.1
    height = upper + lower + 0.55
    left = 0.14 if narrow() else (text_width([text for *_rest, text in marks], 8) + 0.12) / width()
    note = "" if announced is None else _("announced\n{x}").format(x=words.percent(announced, signed=True))
    right = 0.99 - text_width(note.split("\n"), 9) / width() - 0.01
    ax = canvas(height, left, right, top=1 - 0.3 / height, bottom=(lower + 0.25) / height)
    below = ax.figure.add_axes((left, 0.1 / height, right - left, lower / height), sharex=ax)
    x = np.arange(len(rows))
    clear = ((rows["low"] > 0) | (rows["high"] < 0)).to_numpy()
    thin = max(0.5, min(1.6, 90 / len(rows)))
    for chosen, colour in ((clear, EXPECTED), (~clear, INK)):
        ax.vlines(x[chosen], rows["low"][chosen], rows["high"][chosen], color=colour, lw=thin, alpha=0.55)
        ax.plot(
            x[chosen],
            rows["relative"][chosen],
            "o",
            color=colour,
            ms=max(1.8, min(4.5, 250 / len(rows))),
            mew=0,
        )
    own = np.flatnonzero(rows["headline"])
    ax.plot(own, rows["relative"].iloc[own], "D", color=EVENT, ms=7, mec="white", mew=0.8, zorder=5)
    ax.axhline(0, color=INK, lw=0.9)
    point = rows["relative"]  # intervals far longer than the estimates are spread run out of the frame
    low, high = (
        max(rows["low"].min(), 3 * min(point.min(), 0) - 0.3),
        min(rows["high"].max(), 1.3 * point.max() + 0.1),
    )
    reach = max(high, announced or 0, 0) - min(low, 0)
    ax.set_ylim(min(low, 0) - 0.06 * reach, max(high, announced or 0) + 0.1 * reach)
    if announced is not None:
        ax.axhline(announced, color=ANNOUNCED, lw=1.3, ls=(0, (5, 3)))
        beside = {"transform": ax.get_yaxis_transform(), "color": ANNOUNCED, "fontsize": 9, "va": "center"}
        ax.text(1.01, announced, note, **beside)
    percent_axis(ax.yaxis)
    ax.grid(axis="y")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
        below.spines[side].set_visible(False)
    ax.tick_params(bottom=False, labelbottom=False)
    for place, (column, value, _text) in enumerate(marks):
        here = x[(rows[column] == value).fillna(False).to_numpy(bool)]
        below.plot(
            here, np.full(len(here), place), "s", color=INK, ms=max(1.4, min(3.5, 220 / len(rows))), mew=0
        )
        mine = np.intersect1d(here, own)
        below.plot(mine, np.full(len(mine), place), "D", color=EVENT, ms=4, mew=0, zorder=5)
    for place in [i for i in range(1, len(marks)) if marks[i][0] != marks[i - 1][0]]:
        below.axhline(place - (0.75 if narrow() else 0.5), color=INK, lw=0.5, alpha=0.4)
    names = [text for *_rest, text in marks]
    below.set_yticks(range(len(marks)), [] if narrow() else names, fontsize=8)
    below.set_ylim(len(marks) - 0.4, -0.6)
    if narrow():
        for place, text in enumerate(names):
            below.text(0, place - 0.48, text, fontsize=8, va="center", transform=below.get_yaxis_transform())
        below.set_ylim(len(marks) - 0.7, -0.8)
    below.tick_params(bottom=False, labelbottom=False)
    ax.set_xlim(-1, len(rows))
    alt = words.ngettext(
        "The effect under {n} specification, sorted: from {low} to {high}, median {median}; in {clear} of them the "
        "interval excludes zero. The effect that every report gives is {own}.",
        "The effect under {n} specifications, sorted: from {low} to {high}, median {median}; in {clear} of them the "
        "interval excludes zero. The effect that every report gives is {own}.",
        len(rows),
    ).format(
        n=words.number(len(rows), 1),
        low=words.percent(rows["relative"].min(), signed=True),
        high=words.percent(rows["relative"].max(), signed=True),
        median=words.percent(rows["relative"].median(), signed=True),
        clear=words.number(int(clear.sum()), 1),
        own=words.percent(float(rows["relative"].iloc[own[0]]), signed=True),
    )
    caption = _(
        "Each column is one specification: above its estimate and interval, below the choices that make it. The "
        "diamond is the effect that every report gives."
    )
    data = rows.copy()
    data.attrs["formats"] = dict.fromkeys(("relative", "low", "high"), "+percent.1") | {
        "p_value": "p",
        "baseline_days": "number.0",
        "wait_days": "number.0",
    }
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def decomposition(found: Decomposition, metric: str = "value", level: float = 0.95) -> Axes:
    """Where the digital gain came from: parts that add up to the last bar, each from zero.

    `found` is `displacement.decompose(...)`; `metric` gives the unit of its numbers.
    """
    order = ["from_counters", "from_other_days", "net_new", "digital_gain"]
    rows = found.frame(level).set_index("part").loc[order].reset_index()
    names = [words.part(code) for code in rows["part"]]
    scale, unit_name = unit(rows["estimate"].abs().max(), metric)
    estimate, low, high = (rows[name] / scale for name in ("estimate", "low", "high"))
    texts = []
    for x, *ends in zip(estimate, low, high, strict=True):
        step = words.step(*ends)
        texts.append(f"{words.number(x, step, signed=True)} ({words.interval(*ends, step=step)})")
    ax, places = row_canvas(names, texts, each=0.42, top=0.3, bottom=0.36)
    colours = [EXPECTED] * (len(rows) - 1) + [EVENT]
    ax.barh(places, estimate, height=0.3 if narrow() else 0.56, color=colours, alpha=0.6)
    ax.hlines(places, low, high, color=INK, lw=1.3)
    ax.axvline(0, color=INK, lw=0.9)
    ax.axhline(places[-1] - (0.8 if narrow() else 0.5), color=INK, lw=0.6)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    value_axis(ax, ax.xaxis)
    title = metric_title(metric)
    ax.set_title(f"{title} ({unit_name})" if unit_name else title, pad=5)
    parts = _("; ").join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))
    alt = _("Where the gain came from ({unit}). {parts}.").format(
        parts=parts, unit=unit_name or metric_title(metric)
    )
    caption = _("The bars above the line add up to the one below it. Lines are intervals.")
    kind = words.table_kind(metric)
    rows.attrs["formats"] = dict.fromkeys(("estimate", "low", "high"), f"+{kind}") | {"share": "percent"}
    return describe(ax, alt=alt, caption=caption, data=rows)


@drawn
def power(rows: pd.DataFrame, target: float = 0.8) -> Axes:
    """How often a design would find an effect of each size.

    `rows` has ``design`` (a name, or a number of days), ``effect`` (relative, a fraction) and ``power`` (a fraction).
    """
    ax = canvas(3.4, top=0.9, bottom=0.15)
    ax.axhline(target, color=INK, lw=0.8, ls=(0, (2, 2)))
    curves, reached = [], []
    for i, (design, part) in enumerate(rows.groupby("design", sort=False)):
        effect, found = part.sort_values("effect")[["effect", "power"]].to_numpy(float).T
        look = {"color": (EXPECTED, EVENT, OTHER, ANNOUNCED, FIFTH)[i % 5]}
        ax.plot(effect, found, lw=1.9, ls=LINES[i % 5], **look)
        curves.append((effect, found, _design(design), look))
        text, at = _("{design} at none of the sizes shown"), np.nan
        if found[-1] >= target:
            text, at = _("{design} from {x}"), float(np.interp(target, found, effect))
            ax.plot([at], [target], "o", ms=5, **look)
        reached.append(text.format(design=_design(design), x=words.percent(at, signed=True)))
    ax.set_ylim(0, 1.02)
    ax.set_xlim(0, rows["effect"].max())
    _label_curves(ax, curves)
    percent_axis(ax.xaxis)
    percent_axis(ax.yaxis, signed=False)
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(_("true effect"), fontsize=9)
    ax.set_title(_("Share of editions whose interval would exclude zero"), pad=8)
    alt = _("Power by size of the true effect. {target} is reached: {found}.").format(
        target=words.percent(target), found=words.listing(reached)
    )
    caption = _("The dot marks the smallest effect found {target} of the time.").format(
        target=words.percent(target)
    )
    data = rows.copy()
    data.attrs["formats"] = {"effect": "+percent.1", "power": "percent"}
    return describe(ax, alt=alt, caption=caption, data=data)


def _design(design: str | int) -> str:
    if isinstance(design, str):
        return words.name(design)
    return words.ngettext("{n} day", "{n} days", int(design)).format(n=words.number(int(design), 1))


def _label_curves(ax: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray, str, dict]]) -> None:
    """A name beside each curve: those that rise first at the left, the others at the right, each at its own height."""

    def at(curve: tuple, height: float) -> float:
        return float(np.interp(height, curve[1], curve[0]))

    for effect, found, name, look in curves:
        if found[-1] < 0.7:  # too flat to have a steep side: above its end
            aside(ax, effect[-1], found[-1] + 0.06, name, -2, **look)
    ordered = sorted((c for c in curves if c[1][-1] >= 0.7), key=lambda curve: -curve[1].sum())
    left = len(ordered) // 2
    heights = [*np.linspace(0.68, 0.48, 2)[:left], *(0.66 - 0.12 * np.arange(len(ordered) - left))]
    for i, (curve, height) in enumerate(zip(ordered, heights, strict=True)):
        ends = [at(other, height) for other in ordered]
        end, points = (min(ends), -9) if i < left else (max(ends), 9)
        aside(ax, end, height, curve[2], points, **curve[3])
        ax.plot([at(curve, height), end], [height, height], lw=0.8, zorder=1, **curve[3])


@drawn
def calibration(rows: pd.DataFrame, value: str = "coverage", low: float = 0.935, high: float = 0.97) -> Axes:
    """How often intervals hold the truth, by process and estimator; cells outside [low, high] stand out.

    `rows` has ``process, estimator`` and the column `value`: ``coverage`` (a fraction) or ``width`` (over that of the
    oracle).
    """
    table = rows.pivot_table(value, "process", "estimator")
    table = table.reindex(index=rows["process"].unique(), columns=rows["estimator"].unique())
    across, down = (
        [words.method(name) for name in table.columns],
        [words.process(name) for name in table.index],
    )
    left = 0.03 if narrow() else text_width(down, 9) + 0.12
    each, angle = (0.42, 60) if narrow() else (0.25, 35)  # inches a row; degrees
    rise, reach = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    headed = rise * text_width(across, 8.5) + 0.2
    columns = min(
        (width() - left - (reach + 0.02) * text_width([name], 8.5)) / (j + 0.55)
        for j, name in enumerate(across)
    )
    right = min((left + columns * len(across)) / width(), 0.99)
    height = 0.15 + each * len(table) + headed + (0.2 if narrow() else 0)
    ax = canvas(height, left / width(), right, top=1 - headed / height, bottom=0.06 / height)
    half = 0.27 if narrow() else 0.43  # of a cell's height
    cells = table.to_numpy(float)
    under, over = cells < low, cells > high
    for i, j in np.argwhere(np.isfinite(cells)):
        if under[i, j] or over[i, j]:  # told apart without colours too
            look = {"fc": EVENT, "alpha": 0.3, "lw": 0} if under[i, j] else {"fc": "none", "ec": EXPECTED}
            ax.add_patch(Rectangle((j - 0.46, i - half), 0.92, 2 * half, **look))
        text = (
            words.number(100 * cells[i, j], 0.1) if value == "coverage" else words.number(cells[i, j], 0.01)
        )
        ax.text(
            j, i, text, ha="center", va="center", fontsize=8 if narrow() else 8.5,
            weight="bold" if under[i, j] else "normal",
        )  # fmt: skip
    ax.set_xticks(range(len(across)), across, rotation=angle, fontsize=8.5, ha="left", rotation_mode="anchor")
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(down)), [] if narrow() else down)
    ax.tick_params(length=0)
    ax.set_xlim(-0.5, len(across) - 0.5)
    ax.set_ylim(len(down) - 0.5, -1 if narrow() else -0.5)
    if narrow():
        for i, name in enumerate(down):
            ax.text(0, i - 0.5, name, fontsize=8.5, va="center", transform=ax.get_yaxis_transform())
    for side in ax.spines.values():
        side.set_visible(False)
    inside = (~under & ~over & np.isfinite(cells)).sum(axis=0)
    parts = [
        _("{estimator}: {n} of {all}").format(
            estimator=name, n=words.number(int(k), 1), all=words.number(len(table), 1)
        )
        for name, k in zip(across, inside, strict=True)
    ]
    if value == "coverage":
        alt = _("Coverage by process and estimator. Within {low} to {high}: {parts}.").format(
            low=words.percent(low, 0.001), high=words.percent(high, 0.001), parts=_("; ").join(parts)
        )
        caption = _(
            "Share of intervals that hold the truth. Filled: below {low}; framed: above {high}."
        ).format(low=words.percent(low, 0.001), high=words.percent(high, 0.001))
    else:
        alt = _(
            "Width of the intervals over the oracle's, by process and estimator. At most {high}: {parts}."
        ).format(high=words.number(high, 0.01), parts=_("; ").join(parts))
        caption = _(
            "Median width over that of the oracle, which knows the process. Framed: above {high}."
        ).format(high=words.number(high, 0.01))
    data = rows[["process", "estimator", value]].copy()
    data.attrs["formats"] = {value: "percent.1" if value == "coverage" else "number.2"}
    return describe(ax, alt=alt, caption=caption, data=data)


def _by_size(value) -> str:
    """Numbers in order, then words."""
    return str(value).zfill(6)


def _formatted(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    data = rows.copy()
    kind = words.table_kind(metric)
    data.attrs["formats"] = dict.fromkeys(("estimate", "low", "high"), f"+{kind}")
    return data
