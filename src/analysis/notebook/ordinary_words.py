"""Sentences and table headings on ordinary days, in the language spoken; see `words`."""

from __future__ import annotations

import pandas as pd

from analysis.notebook import ordinary
from analysis.notebook.tables import headed
from analysis.windows import Windows
from analysis.words import N_, fill

HEADINGS = {
    "weekday": N_("Weekday"),
    "days": N_("Days"),
    "count": N_("Digital payments"),
    "value": N_("Their value"),
    "ticket": N_("Value per payment"),
    "counter": N_("At counters"),
    "digital_share": N_("Digital share"),
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
    "count": "number.0",
    "value": "money",
    "ticket": "money",
    "counter": "number.0",
    "payments": "number.0",
    "digital_share": "percent.1",
    "count_share": "percent.1",
    "value_share": "percent.1",
    "median": "+percent.1",
    "middle": "+percent",
    "published": "number",
    "ledger": "number",
}


def normal_day(facts: dict) -> str:
    """What an ordinary day of the event's weekday brings; `facts` is `ordinary.summary`."""
    told = fill(
        N_(
            "On an ordinary {weekday:weekday} there are {count:number.0} digital payments worth {value:money}."
        ),
        **facts,
    )
    if facts["digital_share"] == 1:
        return told
    counters = N_("They are {digital_share:percent} of all payments; the others are made at counters.")
    return f"{told} {fill(counters, **facts)}"


def soundness(facts: dict, faults: list[str]) -> str:
    """Size of the ledger, days missing in it, and how many faults were found, with the first few."""
    told = fill(
        N_(
            "Payments in the ledger: {rows:number.0}. Entities: {entities:number.0}. Days: {days:number.0}, of them "
            "without any payment: {empty:number.0}. Faults found: {faults:number.0}."
        ),
        faults=len(faults),
        **facts,
    )
    return " ".join([told, *(f"{fault}." for fault in faults[:3])])


def concentration(groups: pd.DataFrame, few: int = 5) -> str:
    """How much of the value the first rows of `ordinary.by_group` carry."""
    first = groups.iloc[:few]
    return fill(
        N_(
            "Entities with the largest value: the first {few:number.0} carry {value:percent} of it, with "
            "{count:percent} of the payments."
        ),
        few=len(first),
        value=first["value_share"].sum(),
        count=first["count_share"].sum(),
    )


def step(series: pd.Series, windows: Windows) -> str:
    """The change from the day before in ordinary weeks, and on the event."""
    steps = ordinary.steps(series, windows)
    change = series / series.shift(1) - 1
    return fill(
        N_(
            "Ordinary weeks compared: {weeks:number.0}. In them the value of the weekday differed from the day before "
            "by {range:+percent}, and by {median:+percent.1} in the median. On the event the difference was "
            "{event:+percent.1}."
        ),
        weeks=len(steps),
        range=(float(steps.min()), float(steps.max())),
        median=float(steps.median()),
        event=float(change.get(windows.event_start, float("nan"))),
    )


def weekdays(panel: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """`ordinary.by_weekday` under its headings, without the number of days."""
    return headed(ordinary.by_weekday(panel, windows).drop(columns="days"), HEADINGS, FORMATS)


def channels(panel: pd.DataFrame) -> pd.DataFrame:
    """`ordinary.by_group` of channels under its headings."""
    table = ordinary.by_group(panel, "channel").drop(columns="digital_share")
    return headed(table.rename(columns={"count": "payments"}), HEADINGS, FORMATS)


def kinds(series: pd.Series, windows: Windows) -> pd.DataFrame:
    """`ordinary.by_reason` under its headings."""
    return headed(ordinary.by_reason(series, windows), HEADINGS, FORMATS)


def published(panel: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """`ordinary.against_published` under its headings."""
    return headed(ordinary.against_published(panel, windows), HEADINGS, FORMATS)
