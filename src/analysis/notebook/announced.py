"""Published figures, their readings and bounds: rows for figures and tables, and what they say.

Labels are English and are translated where they are shown.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.published import announcement, growth
from analysis.published.identified import Assumption, Week, extreme_weeks
from analysis.words import Text, text
from analysis.words.terms import TERMS

WORKING_WEEK, RISING_LINE = Week(5, includes_event=True), Assumption("trend-line", "line", rising=True)
WITHOUT, STATED_WEEK, DAY_BEFORE = "Week, without the day", "The week, as published", "Day before"


def figures(table: pd.DataFrame) -> pd.DataFrame:
    """The published figures, each with the range that its rounding leaves open."""
    known = table[table.index.isin(list(TERMS["figure"]))]
    ends = pd.DataFrame(announcement.ranges(known).tolist(), known.index, ["range_low", "range_high"])
    rows = known[["value", "unit"]].rename(columns={"value": "as_published"})
    rows = rows.join(ends[ends["range_low"] < ends["range_high"]]).assign(day=known["period_start"])
    return rows.rename_axis("figure").reset_index()


def readings(table: pd.DataFrame) -> pd.DataFrame:
    """Growth on the day over each baseline; weeks without the day give one row, since their length is no matter."""
    found = growth.readings(table)
    rows = {
        "group": found["metric"].map(TERMS["growth of"]),
        "label": [_baseline(week) if week else DAY_BEFORE for week in found["week"]],
        "relative": found["relative"],
        "low": found["relative_low"],
        "high": found["relative_high"],
    }
    return pd.DataFrame(rows).drop_duplicates(["group", "label"], ignore_index=True)


def bounds(table: pd.DataFrame, metric: str = "value") -> pd.DataFrame:
    """Bounds by assumption, over every reading of the week; assumptions that contradict the figures are left out."""
    found = growth.unions(growth.every_bound(table, metric)).set_index("assumption")
    rows = [
        (TERMS["assumed of"][name], label, *found.loc[name, ["relative_low", "relative_high"]])
        for name, label in TERMS["assumption"].items()
        if name in found.index and found.loc[name, "feasible"]
    ]
    return pd.DataFrame(rows, columns=["group", "label", "low", "high"])


def trends(table: pd.DataFrame, metric: str = "value") -> pd.DataFrame:
    """Each reading of the week: bounds on two trends, and the bend under which there may be no effect at all."""
    bends = growth.breakdown(table, metric)["smoothness"]
    solved = growth.every_bound(table, metric)
    rows = {"days_of_the_week": [_code(week) for week in bends["week"]]}
    for name in ("trend-line", "straight-line"):
        found = solved[solved["assumption"] == name].reset_index()
        for end in ("low", "high"):
            rows[f"{name.replace('-', '_')}_{end}"] = found[f"relative_{end}"].where(found["feasible"])
    return pd.DataFrame(rows | {"bend": bends["smoothness"]})


def weeks(table: pd.DataFrame, country: str | None, week: Week = WORKING_WEEK) -> pd.DataFrame:
    """Two rising weeks that give every published figure, at the two ends of what a trend line leaves open.

    Rounding is left aside, so that the numbers are those of the announcement.

    One row a day with `least` and `most` (the week with the smallest and with the largest effect), their trend lines
    `least_line` and `most_line`, which end on the event as it would have been, and `observed` on the event.
    """
    event = announcement.event(table)
    rows = pd.DataFrame({"date": [*week.dates(event, country), event]})
    known, place = growth.facts(table, rounding=False), np.arange(week.before + 1)
    for name, path in zip(("least", "most"), extreme_weeks(known, RISING_LINE, week), strict=True):
        rows[name] = [*path[: week.before], np.nan]
        rows[f"{name}_line"] = np.polyval(np.polyfit(place[:-1], path[: week.before], 1), place)
    rows["observed"] = [np.nan] * week.before + [table.loc["value_event", "value"]]
    return rows


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
        week=_span(readings(table), "value"),
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
    growths = readings(table)
    return text(
        "Over the week's level the value grew by {value:percent}, but the number of payments by {count:percent}. "
        "The difference is their size: a payment on the day was worth {ticket:percent} more than in the week.",
        **{metric: _span(growths, metric) for metric in ("value", "count", "ticket")},
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
    of_weeks = readings[readings["label"] != DAY_BEFORE]
    found = of_weeks.loc[of_weeks["group"] == TERMS["growth of"][metric], "relative"]
    return found.min(), found.max()


def _baseline(week: Week) -> str:
    return TERMS["freed week"].get(_code(week), STATED_WEEK) if week.includes_event else WITHOUT


def _code(week: Week) -> str:
    code = f"{'with' if week.includes_event else 'without'} {week.days}"
    return code if code in TERMS["week"] else STATED_WEEK
