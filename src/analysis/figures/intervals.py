"""Figures of intervals, one row a case: effects, readings, bounds, entities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.editions import Editions
from analysis.effect import Effect
from analysis.figures.drawing import (
    ANNOUNCED,
    EXPECTED,
    INK,
    OTHER,
    describe,
    drawn,
    narrow,
    percent_axis,
    row_canvas,
)
from analysis.words import _


@drawn
def effects(
    rows: pd.DataFrame | Sequence[Effect], announced: float | None = None, level: float = 0.95
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

    `rows` has ``label, relative`` and optionally ``low, high`` (the rounding of the published figures) and ``group``,
    as from `announced.readings`.
    """
    ax = _rows(rows, announced)
    caption = _("Growth on the day over each published level, as far as rounding leaves it known.")
    return describe(
        ax, alt=_rows_alt(_("Growth on the day by comparison"), rows), caption=caption, data=_rows_data(rows)
    )


@drawn
def bounds(rows: pd.DataFrame, announced: float | None = 0.30) -> Axes:
    """What the published figures alone identify: an interval for each assumption.

    `rows` has ``label, low, high`` (fractions) and optionally ``relative, group``, as from `announced.bounds`.
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


@drawn
def entities(rows: pd.DataFrame, total: float | None = None, of: str = "entity") -> Axes:
    """The effect by entity (or channel, or service): estimates pooled towards one another.

    Parameters
    ----------
    rows : DataFrame
        A column named by `of`; ``relative, low, high`` (pooled, fractions) and optionally ``own`` (each by itself,
        drawn hollow). Drawn in the order given.
    total : float, optional
        The effect on all together, marked by a line.
    """
    rows = rows.rename(columns={of: "label"})
    ax = _rows(rows, None, own="own" if "own" in rows else None)
    if total is not None:
        ax.axvline(total, color=OTHER, lw=1.3, ls=(0, (5, 3)))
        text = _("all together {x}").format(x=words.percent(total, signed=True))
        ax.text(total, 1.01, text, transform=ax.get_xaxis_transform(), color=OTHER, ha="center", fontsize=9)
    clear = int(((rows["low"] > 0) | (rows["high"] < 0)).sum())
    caption = _("Estimates pooled towards one another, with intervals.")
    if 0 < clear < len(rows):
        caption += " " + _("In blue where the interval excludes zero.")
    if "own" in rows:
        caption += " " + _("The hollow point is the estimate from the row's own payments alone.")
    title = _("Effect by {of}: {clear} of {n} intervals exclude zero").format(
        of=words.heading(of).lower(), clear=words.number(clear, 1), n=words.number(len(rows), 1)
    )
    data = _rows_data(rows).rename(columns={"label": of})
    data.attrs["formats"]["own"] = "+percent.1"
    return describe(ax, alt=_rows_alt(title, rows), caption=caption, data=data)


@drawn
def editions(found: Editions, level: float = 0.95) -> Axes:
    """The effect of each edition, of their mean, and where the next one is to be expected."""
    each = found.frame(level)
    dates = [words.date(day) for day in each["event_start"]]
    rows = each[["relative", "low", "high"]].assign(label=dates, group=_("Each edition"))
    mean, ends, after = found.relative, found.confidence_interval(level), found.prediction_interval(level)
    pooled = [[mean, *ends, _("mean")], [mean, *after, _("the next")]]
    pooled = pd.DataFrame(pooled, columns=["relative", "low", "high", "label"]).assign(group=_("Together"))
    rows = pd.concat([rows, pooled], ignore_index=True)
    caption = _(
        "Each edition with its interval; below, their mean, and where the effect of the next one would lie."
    )
    alt = _rows_alt(_("Effect by edition"), rows)
    data = _rows_data(rows.assign(label=[*each["event_start"].dt.strftime("%Y-%m-%d"), "mean", "next"]))
    return describe(_rows(rows, None), alt=alt, caption=caption, data=data.drop(columns="group"))


def _rows(rows: pd.DataFrame, announced: float | None, bars: bool = False, own: str | None = None) -> Axes:
    """One row a case: point and interval, the numbers written at the end of the row.

    `own` names a column drawn as a hollow point beside.
    """
    labels = [words.name(str(label)) for label in rows["label"]]
    groups = [words.name(str(group)) for group in rows["group"]] if "group" in rows else ()
    low, high, point = _ends(rows)
    texts = list(map(_row_text, low, high, point))
    ax, places = row_canvas(labels, texts, groups, each=0.29 if len(rows) < 20 else 0.22)
    others = rows[own].to_numpy(float) if own else point
    _limits(ax, np.concatenate([low, high, point, others, [0.0, announced or 0.0]]))
    for place, a, b, c, o in zip(places, low, high, point, others, strict=True):
        colour = INK if a <= 0 <= b else EXPECTED
        _span(ax, place, a, b, colour, bars)
        if own and np.isfinite(o):
            ax.plot(
                [np.clip(o, *ax.get_xlim())], [place], "o", color=INK, ms=4.5, mfc="none", mew=1, alpha=0.6
            )
        if np.isfinite(c):
            ax.plot([c], [place], "o", color=colour, ms=6)
    ax.axvline(0, color=INK, lw=0.9)
    if announced is not None:
        ax.axvline(announced, color=ANNOUNCED, lw=1.3, ls=(0, (5, 3)))
        text = _("announced {x}").format(x=words.percent(announced, signed=True))
        above = {"transform": ax.get_xaxis_transform(), "color": ANNOUNCED, "ha": "center", "fontsize": 9}
        if narrow() and announced > np.quantile(ax.get_xlim(), 0.7):
            above["ha"] = "right"
        ax.text(announced, 1.02, text, **above)
    ax.grid(axis="x")
    percent_axis(ax.xaxis)
    return ax


def _ends(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """low, high and point of each row; a row without an interval has its point as both ends."""
    point = rows["relative"].to_numpy(float) if "relative" in rows else np.full(len(rows), np.nan)
    low = rows["low"].to_numpy(float) if "low" in rows else point
    return low, rows["high"].to_numpy(float) if "high" in rows else point, point


def _limits(ax: Axes, edges: np.ndarray) -> None:
    """From the lowest to the highest end, but not beyond -100 % and +150 %: longer bars end in an arrow."""
    edges = np.clip(edges[np.isfinite(edges)], -1.0, 1.5)
    room = 0.06 * (edges.max() - edges.min() or 1)
    ax.set_xlim(edges.min() - room, edges.max() + room)


def _span(ax: Axes, place: float, low: float, high: float, colour: str, bar: bool) -> None:
    if np.isnan(low) or np.isnan(high):
        return
    left, right = ax.get_xlim()
    drawn_low, drawn_high = np.clip([low, high], left, right)
    look = {"lw": 7, "alpha": 0.75, "solid_capstyle": "butt"} if bar else {"lw": 1.8}
    ax.plot([drawn_low, drawn_high], [place, place], color=colour, **look)
    for end, inside, marker in ((low, left, "<"), (high, right, ">")):
        if (end < inside) if marker == "<" else (end > inside):
            ax.plot([inside], [place], marker, color=colour, ms=8 if bar else 6, clip_on=False)


def _row_text(low: float, high: float, point: float) -> str:
    if np.isnan(low) and np.isnan(point):
        return _("contradicts the figures")
    step = words.step(low, high, point if low < point < high else None) or (
        0.001 if np.isfinite(point) else None
    )
    step = min(max(step, 0.001), 0.01) if step else None
    if not np.isfinite(point):
        return words.interval(
            low, high, "percent", step=0.001 if high - low < 0.1 else 0.01
        )  # exact, not estimated
    if low == high:
        return words.percent(point, step, signed=True)
    return f"{words.percent(point, step, signed=True)} ({words.interval(low, high, 'percent', step=step)})"


def _rows_alt(title: str, rows: pd.DataFrame) -> str:
    """Every row in words; of more than 16 the three highest and the three lowest."""
    more = ""
    if len(rows) > 16:
        rows = rows.sort_values("relative", ascending=False)
        rows, more = rows.iloc[[0, 1, 2, -3, -2, -1]], " " + _("The three highest and the three lowest:")
    parts, before = [], None
    for row, text in zip(rows.to_dict("records"), map(_row_text, *_ends(rows)), strict=True):
        group = row.get("group")
        head = f"{words.name(str(group))} – " if group is not None and group != before else ""
        parts.append(f"{head}{words.name(str(row['label']))}: {text}")
        before = group
    return f"{title}.{more} " + _("; ").join(parts) + "."


def _rows_data(rows: pd.DataFrame) -> pd.DataFrame:
    data = rows.copy()
    data.attrs["formats"] = {"relative": "+percent.1", "low": "+percent.1", "high": "+percent.1"}
    return data
