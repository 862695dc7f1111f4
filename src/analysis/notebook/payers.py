"""Sentences and tables on the people who paid digitally for the first time, in the language spoken; see `words`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from analysis import habit, words
from analysis.effect import estimate
from analysis.notebook.tables import headed
from analysis.windows import Windows
from analysis.words import N_, _, fill

HEADINGS = {
    "who": N_("Who"),
    "days": N_("Again within, days"),
    "payers": N_("First-timers of the day"),
    "share": N_("Paid again"),
    "ordinary_share": N_("Of ordinary first-timers"),
    "difference": N_("Difference"),
    "interval": N_("Interval"),
    "estimate": N_("Estimate"),
    "true": N_("Truth"),
}
FORMATS = {
    "days": "number.0",
    "payers": "number.0",
    "share": "percent.1",
    "ordinary_share": "percent.1",
    "difference": "points",
    "interval": "points",
    "estimate": "number.0",
    "true": "number.0",
}
FROM_COUNTERS = "from_counter"  # those of all channels who had used counters


def came(people: pd.DataFrame, windows: Windows, level: float = 0.95) -> str:
    """How many paid digitally for the first time on the event, and how many of them came from counters."""
    if people.empty:
        return ""
    effects = {who: estimate(habit.first_digital(people, who), windows) for who in ("payers", FROM_COUNTERS)}
    text = N_(
        "On the event {all:number.0} people paid digitally for the first time in this ledger, {more:+number.0} over "
        "what was expected ({level:percent} interval: {interval:+number.0}); {counter:number.0} of them had used "
        "counters before, {counter_more:+number.0} over what was expected."
    )
    return words.marked(
        fill(
            text,
            all=effects["payers"].observed,
            more=effects["payers"].absolute,
            level=level,
            interval=effects["payers"].confidence_interval(level),
            counter=effects[FROM_COUNTERS].observed,
            counter_more=effects[FROM_COUNTERS].absolute,
        )
    )


def stayed(people: pd.DataFrame, windows: Windows, level: float = 0.95) -> pd.DataFrame:
    """`habit.retention` of all first-timers by channel, and of those who had used counters; known horizons alone."""
    if people.empty:
        return pd.DataFrame()
    counters = habit.retention(people, windows, level, people=FROM_COUNTERS)
    counters = counters[counters["channel"] == habit.ALL].assign(channel=FROM_COUNTERS)
    rows = pd.concat([habit.retention(people, windows, level), counters], ignore_index=True)
    return rows[rows["suppressed"] | rows["share"].notna()].reset_index(drop=True)


def kept(rows: pd.DataFrame) -> str:
    """Whether the first-timers of the event stayed as others do, at the longest horizon that is known."""
    known = rows[(rows["channel"] == habit.ALL) & rows["low"].notna()] if len(rows) else rows
    if not len(known):
        return ""
    row = known.iloc[-1]
    text = N_(
        "Within {days:number.0} days {share:percent.1} of them paid digitally again, {difference:points} against "
        "first-timers of ordinary days ({interval})."
    )
    verdict = _("They stay less often than others do.")
    if row["low"] > 0:
        verdict = _("They stay more often than others do.")
    elif row["high"] > 0:
        verdict = _("Whether they stay less often than others do cannot be told.")
    interval = words.interval(row["low"], row["high"], "points")
    text = fill(
        text, days=int(row["days"]), share=row["share"], difference=row["difference"], interval=interval
    )
    return words.marked(f"{text} {verdict}")


def by_channel(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares who paid again, with the difference from ordinary first-timers; hidden groups have dashes."""
    if not len(rows):
        return rows
    table = rows.assign(
        who=[words.people(channel) for channel in rows["channel"]],
        interval=[
            pair if pair[0] == pair[0] else None for pair in zip(rows["low"], rows["high"], strict=True)
        ],
    )
    return headed(table[["who", *list(FORMATS)[:6]]], HEADINGS, FORMATS)


def truth(people: pd.DataFrame, source: str | Path, windows: Windows) -> pd.DataFrame:
    """What the day brought beside what the simulation knows; no rows where no truth is known."""
    beside = Path(source).with_name(f"{Path(source).stem}.truth.json")
    known = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    if people.empty or known.get("event") != f"{windows.event_start:%Y-%m-%d}" or "first_timers" not in known:
        return pd.DataFrame()
    effect = estimate(habit.first_digital(people), windows)
    row = {
        "who": words.people(habit.ALL),
        "estimate": effect.absolute,
        "interval": effect.confidence_interval(),
    }
    row["true"] = known["first_timers"]["count"]["day"]
    table = headed(pd.DataFrame([row]), HEADINGS, FORMATS)
    table.attrs["formats"] |= {HEADINGS["estimate"]: "+number.0", HEADINGS["interval"]: "+number.0"}
    return table
