"""Sentences and table headings on ordinary days, in the language spoken; see `words`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis import words
from analysis.notebook import ordinary
from analysis.notebook.tables import capital, headed
from analysis.study import Study
from analysis.windows import Windows
from analysis.words import N_, _, fill, filled, ngettext

HEADINGS = {
    "weekday": N_("Weekday"),
    "days": N_("Days"),
    "ticket": N_("Value per payment"),
    "channel": N_("Channel"),
    "payments": N_("Payments"),
    "count_share": N_("Share of number"),
    "value_share": N_("Share of value"),
    "kind": N_("Kind of day"),
    "median": N_("Median"),
    "middle": N_("Nine days in ten lie within"),
    "figure": N_("Figure"),
    "unit": N_("Unit"),
    "published": N_("Published, within rounding"),
    "ledger": N_("In the ledger"),
}
FORMATS = {
    "weekday": "weekday",
    "ticket": "money",
    "payments": "number.0",
    "count_share": "percent.1",
    "value_share": "percent.1",
    "median": "+percent.1",
    "middle": "+percent",
    "published": "number",
    "ledger": "number",
}


def normal_day(daily: Mapping[str, pd.Series], windows: Windows) -> str:
    """What an ordinary day of the event's weekday brings, in each metric."""
    usual = ordinary.by_weekday(daily, windows).set_index("weekday").loc[windows.event_start.day_of_week]
    parts = [f"{words.metric(name)} {words.quantity(usual[name], name)}" for name in daily]
    text = N_("On an ordinary {weekday:weekday}, in the median: {parts}.")
    return words.marked(fill(text, weekday=windows.event_start.day_of_week, parts=_("; ").join(parts)))


def soundness(study: Study, series: pd.Series) -> str:
    """Size of the data, days missing in them, and how many faults were found, with the first few."""
    facts, faults = ordinary.summary(study, {series.name: series}, series.name), study.faults()
    parts = []
    if "rows" in facts:
        parts.append(fill(N_("Payments in the ledger: {rows:number.0}."), **facts))
    if "entities" in facts:
        parts.append(fill(N_("Entities: {entities:number.0}."), **facts))
    days = N_("Days: {days:number.0}, of them empty: {empty:number.0}. Faults found: {faults:number.0}.")
    few = N_(
        "Days on which fewer than ten people paid: {n:number.0}. Their totals are shown; share these pages only with "
        "those who may see them."
    )
    small = [fill(few, n=n)] if (n := ordinary.days_of_few(study)) else []
    return " ".join([*parts, fill(days, **facts), *small, *(f"{fault}." for fault in faults[:3])])


def concentration(groups: pd.DataFrame, few: int = 5) -> str:
    """How much of the value the first rows of `ordinary.by_group` carry."""
    first = groups.iloc[:few]
    if len(groups) <= few:
        return ""
    return filled(
        ngettext(
            "Entities with the largest value: the first {few:number.0} carries {value:percent} of it, with "
            "{count:percent} of the payments.",
            "Entities with the largest value: the first {few:number.0} carry {value:percent} of it, with "
            "{count:percent} of the payments.",
            len(first),
        ),
        few=len(first),
        value=first["value_share"].sum(),
        count=first["count_share"].sum(),
    )


def step(series: pd.Series, windows: Windows, metric: str) -> str:
    """The change from the day before in ordinary weeks, and on the event."""
    steps = ordinary.steps(series, windows)
    change = series / series.shift(1) - 1
    return fill(
        N_(
            "Ordinary weeks compared: {weeks:number.0}. In them the {metric:metric} differed from the day before by "
            "{range:+percent}, and by {median:+percent.1} in the median. On the event the difference was "
            "{event:+percent.1}."
        ),
        metric=metric,
        weeks=len(steps),
        range=(float(steps.min()), float(steps.max())),
        median=float(steps.median()),
        event=float(change.get(windows.event_start, float("nan"))),
    )


def weekdays(daily: Mapping[str, pd.Series], windows: Windows) -> pd.DataFrame:
    """`ordinary.by_weekday` under its headings."""
    names = {metric: capital(words.metric(metric)) for metric in daily}
    formats = FORMATS | {metric: words.table_kind(metric) for metric in daily}
    return headed(ordinary.by_weekday(daily, windows), HEADINGS | names, formats)


def channels(panel: pd.DataFrame) -> pd.DataFrame:
    """`ordinary.by_group` of channels under its headings."""
    table = ordinary.by_group(panel, "channel").drop(columns="digital_share")
    return headed(table.rename(columns={"count": "payments"}), HEADINGS, FORMATS)


def kinds(series: pd.Series, windows: Windows) -> pd.DataFrame:
    """`ordinary.by_reason` under its headings."""
    return headed(ordinary.by_reason(series, windows), HEADINGS, FORMATS)


def published(daily: Mapping[str, pd.Series], windows: Windows, figures: pd.DataFrame) -> pd.DataFrame:
    """`ordinary.against_published` under its headings."""
    return headed(ordinary.against_published(daily, windows, figures), HEADINGS, FORMATS)
