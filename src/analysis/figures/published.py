"""The figure of weeks that agree with published figures."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis import words
from analysis.figures import drawing as draw
from analysis.figures import marks
from analysis.words import _


@draw.style()
def possible_weeks(rows: pd.DataFrame, metric: str = "value") -> Axes:
    """Two weeks that fit every published figure, each with its trend line up to the event.

    `rows` is what `announced.weeks` returns.
    """
    event = rows.iloc[-1]
    scale, unit_name = draw.unit(event["observed"], metric)
    labels = [
        (event["observed"], _("observed {x}").format(x=words.quantity(event["observed"], metric)), draw.EVENT)
    ]
    for name, colour in (("least", draw.EXPECTED), ("most", draw.OTHER)):
        effect = words.percent(event["observed"] / event[f"{name}_line"] - 1, 0.01, signed=True)
        text = _("expected {x}: effect {effect}").format(
            x=words.quantity(event[f"{name}_line"], metric), effect=effect
        )
        labels.append((event[f"{name}_line"], text, colour))
    ax = draw.canvas(2.2, right=draw.beside([text for _y, text, _c in labels], 0.18))
    for name, colour, mark, size in (("least", draw.EXPECTED, "o", 8.5), ("most", draw.OTHER, "s", 5)):
        ax.plot(rows[f"{name}_line"] / scale, color=colour, lw=1.3, ls=(0, (4, 2)))
        ax.plot(rows[name] / scale, mark, color=colour, ms=size)
        ax.plot([len(rows) - 1], [event[f"{name}_line"] / scale], mark, color=colour, mfc="white", ms=7)
    ax.plot([len(rows) - 1], [event["observed"] / scale], "D", color=draw.EVENT, ms=8)
    ax.set_xlim(-0.3, len(rows) - 0.75)
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    ax.set_xticks(range(len(rows)), [words.day_month(day) for day in rows["date"]])
    marks.value_axis(ax)
    sides = [(height / scale, text, colour) for height, text, colour in labels]
    above = marks.at_the_side(ax, len(rows) - 1, sides, 0.11)
    alt = _("Two possible weeks with their trend lines up to {day}. {labels}.").format(
        day=words.date(event["date"]), labels=_("; ").join(text for _y, text, _c in labels)
    )
    caption = _(
        "Both weeks give every published figure, if the weekly mean is that of the working week, and both rise. Filled "
        "marks are possible days, dashed lines their trend, open marks the day as it would have been."
    )
    formats = dict.fromkeys(rows.columns[1:], "money") if words.kind(metric) == "money" else {}
    head = {"title": draw.metric_title(metric), "unit": unit_name, "above": above}
    return draw.describe(ax, alt=alt, caption=caption, data=rows, formats=formats, **head)
