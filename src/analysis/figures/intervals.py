"""Figures of intervals, one row a case: effects, readings, bounds, entities, editions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.editions import Editions
from analysis.effect import Effect
from analysis.figures import drawing as draw
from analysis.figures import marks
from analysis.words import _


@draw.style()
def effects(
    rows: pd.DataFrame | Sequence[Effect], announced: float | None = None, level: float = 0.95
) -> Axes:
    """Which +x % do you mean: the relative effect by estimator and baseline.

    `rows` are effects, or a frame with ``label, relative, low, high`` (fractions) and optionally ``group``.
    """
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame(
            [
                (
                    words.method(effect.estimator),
                    words.estimand(effect.estimand),
                    effect.relative,
                    *effect.confidence_interval(level, relative=True),
                )
                for effect in rows
            ],
            columns=["label", "group", "relative", "low", "high"],
        )
    ax = _rows(rows, announced)
    caption = _("The effect as each method tells it, with its {level} interval.")
    if announced is not None:
        caption = _(
            "The effect as each method tells it, with its {level} interval. The dashed line is the announced "
            "{announced}, over the day before."
        )
    caption = draw.said(caption, level=(level, "percent"), announced=(announced or 0, "+percent"))
    alt = _rows_alt(_("Relative effect by method"), rows)
    return draw.describe(
        ax,
        alt=alt,
        caption=caption,
        data=rows,
        title=clear(rows, words.heading("estimator").lower()),
        above=ABOVE,
    )


@draw.style()
def readings(rows: pd.DataFrame, announced: float | None = 0.30) -> Axes:
    """Growth of the day over each reading of what it is compared with.

    `rows` has ``label, relative`` and optionally ``low, high`` (the rounding of the published figures) and ``group``,
    as from `announced.readings`.
    """
    low, high, _point = _ends(rows)
    what, ends = _("Growth on the day by comparison"), (low[np.isfinite(low)], high[np.isfinite(high)])
    title = f"{what}: {words.interval(ends[0].min(), ends[1].max(), 'percent', step=0.01)}"
    caption = _("Growth on the day over each published level, as far as rounding leaves it known.")
    ax = _rows(rows, announced)
    return draw.describe(ax, alt=_rows_alt(what, rows), caption=caption, data=rows, title=title, above=ABOVE)


@draw.style()
def bounds(rows: pd.DataFrame, announced: float | None = 0.30) -> Axes:
    """What the published figures alone identify: an interval for each assumption.

    `rows` has ``label, low, high`` (fractions) and optionally ``relative, group``, as from `announced.bounds`.
    """
    title = _("Bounds on the effect by assumption")
    caption = _(
        "Every effect that fits the published figures under each assumption. A bar across zero leaves the sign open."
    )
    ax = _rows(rows, announced, bars=True)
    return draw.describe(ax, alt=_rows_alt(title, rows), caption=caption, data=rows, title=title, above=ABOVE)


@draw.style()
def entities(rows: pd.DataFrame, total: float | None = None, of: str = "entity") -> Axes:
    """The effect by entity (or channel, or service): estimates pooled towards one another.

    `rows`, in the order drawn, has a column named by `of`; ``relative, low, high`` (pooled, fractions) and optionally
    ``own`` (each by itself, hollow). `total` is the effect on all together, marked by a line.
    """
    named = rows.rename(columns={of: "label"})
    ax = _rows(named, None)
    if total is not None:
        marks.dashed(ax, total, draw.OTHER, draw.said(_("all together {x}"), x=(total, "+percent")))
    caption = [_("Estimates pooled towards one another, with intervals.")]
    if 0 < ((rows["low"] > 0) | (rows["high"] < 0)).sum() < len(rows):
        caption.append(_("In blue where the interval excludes zero."))
    if "own" in rows:
        caption.append(_("The hollow point is the estimate from the row's own payments alone."))
    title = clear(rows, words.heading(of).lower())
    alt = _rows_alt(title, named)
    return draw.describe(ax, alt=alt, caption=" ".join(caption), data=rows, title=title, above=ABOVE)


@draw.style()
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
    title = draw.finding(_("Mean of the editions"), _row_text(*ends, mean), *ends)
    data = rows.assign(label=[*each["event_start"].dt.strftime("%Y-%m-%d"), "mean", "next"])
    alt = _rows_alt(_("Effect by edition"), rows)
    return draw.describe(
        _rows(rows, None), alt=alt, caption=caption, data=data.drop(columns="group"), title=title
    )


ABOVE = 0.28  # inches over the axes for the name of a line


def clear(rows: pd.DataFrame, of: str) -> str:
    """How many intervals exclude zero; `of` names a row."""
    return draw.said(
        _("Effect by {of}: {clear} of {n} intervals exclude zero"),
        of=of,
        clear=((rows["low"] > 0) | (rows["high"] < 0)).sum(),
        n=len(rows),
    )


def _rows(rows: pd.DataFrame, announced: float | None, bars: bool = False) -> Axes:
    """One row a case: point and interval, the numbers written at the end of the row; ``own`` as a hollow point."""
    labels = [words.name(str(label)) for label in rows["label"]]
    groups = [words.name(str(group)) for group in rows["group"]] if "group" in rows else ()
    low, high, point = _ends(rows)
    texts = list(map(_row_text, low, high, point))
    ax, places = draw.row_canvas(labels, texts, groups, each=0.29 if len(rows) < 20 else 0.22)
    own = rows["own"].to_numpy(float) if "own" in rows else point
    # From the lowest to the highest end, but not beyond -100 % and +150 %: longer bars end in an arrow.
    edges = np.concatenate([low, high, point, own, [0.0, announced or 0.0]])
    edges = np.clip(edges[np.isfinite(edges)], -1.0, 1.5)
    room = 0.06 * (np.ptp(edges) or 1)
    left, right = edges.min() - room, edges.max() + room
    ax.set_xlim(left, right)
    colours = np.where((low <= 0) & (high >= 0), draw.INK, draw.EXPECTED)
    look = {"lw": 7, "alpha": 0.75} if bars else {"lw": 1.8}
    ax.hlines(places, np.clip(low, left, right), np.clip(high, left, right), color=colours, **look)
    for beyond, edge, marker in ((low < left, left, "<"), (high > right, right, ">")):
        for place, colour in zip(places[beyond], colours[beyond], strict=True):
            ax.plot([edge], [place], marker, color=colour, ms=8 if bars else 6, clip_on=False)
    if "own" in rows:
        ax.plot(np.clip(own, left, right), places, "o", color=draw.INK, ms=4.5, mfc="none", mew=1, alpha=0.6)
    ax.scatter(point, places, s=36, c=colours, zorder=2)
    ax.axvline(0, color=draw.INK, lw=0.9)
    if announced is not None:
        ha = "right" if draw.narrow() and announced > np.quantile([left, right], 0.7) else "center"
        marks.dashed(
            ax, announced, draw.ANNOUNCED, draw.said(_("announced {x}"), x=(announced, "+percent")), ha=ha
        )
    marks.percent_axis(ax, ax.xaxis)
    return ax


def _ends(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """low, high and point of each row; a row without an interval has its point as both ends."""
    point = rows["relative"].to_numpy(float) if "relative" in rows else np.full(len(rows), np.nan)
    low, high = (rows[name].to_numpy(float) if name in rows else point for name in ("low", "high"))
    return low, high, point


def _row_text(low: float, high: float, point: float) -> str:
    if np.isnan(low) and np.isnan(point):
        return _("contradicts the figures")
    if not np.isfinite(point):  # exact, not estimated
        return words.interval(low, high, "percent", step=0.001 if high - low < 0.1 else 0.01)
    step = words.step(low, high, point if low < point < high else None) or 0.001
    step = min(max(step, 0.001), 0.01)
    text = words.percent(point, step, signed=True)
    return text if low == high else f"{text} ({words.interval(low, high, 'percent', step=step)})"


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
    return f"{title}.{more} " + draw.said("{parts}.", parts=parts)
