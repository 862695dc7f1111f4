"""The figure of weeks that agree with published figures."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.figures.drawing import (
    EVENT,
    EXPECTED,
    OTHER,
    at_the_side,
    beside_canvas,
    describe,
    drawn,
    metric_title,
    narrow,
    unit,
    value_axis,
)
from analysis.words import _


@drawn
def possible_weeks(rows: pd.DataFrame, metric: str = "value") -> Axes:
    """Two weeks that fit every published figure, each with its trend line up to the event.

    `rows` is what `announced.weeks` returns.
    """
    event = rows.iloc[-1]
    scale, unit_name = unit(event["observed"], metric)
    labels = [
        (event["observed"], _("observed {x}").format(x=words.quantity(event["observed"], metric)), EVENT)
    ]
    for name, colour in (("least", EXPECTED), ("most", OTHER)):
        effect = words.percent(event["observed"] / event[f"{name}_line"] - 1, 0.01, signed=True)
        text = _("expected {x}: effect {effect}").format(
            x=words.quantity(event[f"{name}_line"], metric), effect=effect
        )
        labels.append((event[f"{name}_line"], text, colour))
    ax = beside_canvas([text for _y, text, _c in labels], 3.2, gap=0.18)
    for name, colour, mark, size in (("least", EXPECTED, "o", 8.5), ("most", OTHER, "s", 5)):
        ax.plot(rows[f"{name}_line"] / scale, color=colour, lw=1.3, ls=(0, (4, 2)))
        ax.plot(rows[name] / scale, mark, color=colour, ms=size)
        ax.plot([len(rows) - 1], [event[f"{name}_line"] / scale], mark, color=colour, mfc="white", ms=7)
    ax.plot([len(rows) - 1], [event["observed"] / scale], "D", color=EVENT, ms=8)
    ax.set_xlim(-0.3, len(rows) - 0.75)
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    ax.set_xticks(range(len(rows)), [words.day_month(day) for day in rows["date"]])
    title = metric_title(metric)
    ax.set_title(f"{title} ({unit_name})" if unit_name else title, pad=8)
    value_axis(ax)
    if narrow():
        at_the_side(ax, event["date"], [(height / scale, text, colour) for height, text, colour in labels])
    else:
        for height, text, colour in labels:
            ax.text(len(rows) - 0.7, height / scale, text, color=colour, va="center", fontsize=9)
    alt = _("Two possible weeks with their trend lines up to {day}. {labels}.").format(
        day=words.date(event["date"]), labels=_("; ").join(text for _y, text, _c in labels)
    )
    caption = _(
        "Both weeks give every published figure, if the weekly mean is that of the working week, and both rise. Filled "
        "marks are possible days, dashed lines their trend, open marks the day as it would have been."
    )
    data = rows.copy()
    data.attrs["formats"] = dict.fromkeys(rows.columns[1:], "money") if words.kind(metric) == "money" else {}
    return describe(ax, alt=alt, caption=caption, data=data)
