"""Sentences on ordinary days."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.notebook import ordinary
from analysis.study import Study
from analysis.windows import Windows
from analysis.words import Text, Value, amount, joined, marked, plural, text


def normal_day(daily: Mapping[str, pd.Series], windows: Windows) -> Text | Value:
    """What an ordinary day of the event's weekday brings, in each metric."""
    weekday = windows.event_start.day_of_week
    usual = ordinary.by_weekday(daily, windows).set_index("weekday").loc[weekday]
    parts = [text("{metric:metric} {usual}", metric=name, usual=amount(usual[name], name)) for name in daily]
    return marked(
        text(
            "On an ordinary {weekday:weekday}, in the median: {parts}.",
            weekday=weekday,
            parts=Value(parts, "semicolons"),
        )
    )


def soundness(study: Study, series: pd.Series) -> Value:
    """Size of the data, days missing in them, and how many faults were found, with the first few."""
    facts, faults = ordinary.summary(study, {series.name: series}, series.name), study.faults()
    few = ordinary.days_of_few(study)
    return joined(
        "rows" in facts and text("Payments in the ledger: {rows:number.0}.", **facts),
        "entities" in facts and text("Entities: {entities:number.0}.", **facts),
        text(
            "Days: {days:number.0}, of them empty: {empty:number.0}. Faults found: {faults:number.0}.",
            **facts,
        ),
        few
        and text(
            "Days on which fewer than ten people paid: {n:number.0}. Their totals are shown; share these pages only "
            "with those who may see them.",
            n=few,
        ),
        *(f"{fault}." for fault in faults[:3]),
    )


def concentration(groups: pd.DataFrame, few: int = 5) -> Text | None:
    """How much of the value the first rows of `ordinary.by_group` carry."""
    first = groups.iloc[:few]
    if len(groups) <= few:
        return None
    return plural(
        len(first),
        "Entities with the largest value: the first {few:number.0} carries {value:percent} of it, with "
        "{count:percent} of the payments.",
        "Entities with the largest value: the first {few:number.0} carry {value:percent} of it, with "
        "{count:percent} of the payments.",
        few=len(first),
        value=first["value_share"].sum(),
        count=first["count_share"].sum(),
    )


def step(series: pd.Series, windows: Windows, metric: str) -> Text:
    """The change from the day before in ordinary weeks, and on the event."""
    steps = ordinary.steps(series, windows)
    change = series / series.shift(1) - 1
    return text(
        "Ordinary weeks compared: {weeks:number.0}. In them the {metric:metric} differed from the day before by "
        "{range:+percent}, and by {median:+percent.1} in the median. On the event the difference was "
        "{event:+percent.1}.",
        metric=metric,
        weeks=len(steps),
        range=(float(steps.min()), float(steps.max())),
        median=float(steps.median()),
        event=float(change.get(windows.event_start, float("nan"))),
    )
