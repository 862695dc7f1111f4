"""Sentences on what published figures say."""

from __future__ import annotations

import pandas as pd

from analysis.notebook import published_rows
from analysis.published import announcement, growth
from analysis.words import Text, text
from analysis.words.terms import TERMS


def answer(table: pd.DataFrame) -> Text:
    """The announced growth, and the growth over the week on its readings."""
    head = growth.headline(table)
    return text(
        "On {day:date} digital payments were worth {observed:money}, {growth:percent.1} more than on the day "
        "before: the announced growth. They were {week:percent} more than the week's level, depending on which "
        "days the week is taken to have.",
        day=announcement.event(table),
        observed=head["observed"],
        growth=head["relative"],
        week=_span(published_rows.readings(table), "value"),
    )


def unsettled(table: pd.DataFrame) -> Text:
    """That the figures do not settle the effect, and what would."""
    gap = growth.breakdown(table)
    solved = growth.unions(growth.every_bound(table)).set_index("assumption")
    return text(
        "The published figures do not settle how much of this the initiative caused. If the rise of that week had "
        "gone on along a line, the effect would be anything from {trend:+percent}. It is sure to be above zero "
        "only if the value, left alone, would have risen by less than {rise:money} ({share:percent}) on the day "
        "before.",
        trend=tuple(solved.loc["trend-line", ["relative_low", "relative_high"]]),
        rise=gap["rise"],
        share=gap["relative"],
    )


def sizes(table: pd.DataFrame) -> Text:
    """How growth in value divides into more payments and larger ones."""
    readings = published_rows.readings(table)
    return text(
        "Over the week's level the value grew by {value:percent}, but the number of payments by {count:percent}. "
        "The difference is their size: a payment on the day was worth {ticket:percent} more than in the week.",
        **{metric: _span(readings, metric) for metric in ("value", "count", "ticket")},
    )


def rise(table: pd.DataFrame) -> Text:
    """The breakdown value, with its rounding."""
    gap = growth.breakdown(table)
    return text(
        "The value would have had to rise by {rise:money} from the day before by itself. That is {share:percent.1} "
        "of the day before, and {range:percent.1} within rounding.",
        rise=gap["rise"],
        range=(gap["relative_low"], gap["relative_high"]),
        share=gap["relative"],
    )


def _span(readings: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Lowest and highest growth over the readings of the week."""
    of_weeks = readings[readings["label"] != published_rows.DAY_BEFORE]
    found = of_weeks.loc[of_weeks["group"] == TERMS["growth of"][metric], "relative"]
    return found.min(), found.max()
