"""Who came, and did they stay: people who paid digitally for the first time."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis import words
from analysis.effect import Effect, estimate
from analysis.habit import ALL, HORIZONS, PEOPLE, first_digital, retention
from analysis.study import Study
from analysis.words import Text, Value, joined, marked, of_results, plural, text

EVERY = "All digital channels"


@dataclass(frozen=True, slots=True)
class Payers:
    """People who paid digitally for the first time on the event, beside what was expected of it.

    `came` holds the effect on their number, of all and of those who had used counters before, unless that would tell
    of fewer than ten; `stayed` that on those who then paid again, within `days`; `kept` is `habit.retention` of both.
    """

    came: dict[str, Effect]
    stayed: Effect | None
    days: int
    kept: dict[str, pd.DataFrame]


def found(study: Study) -> Payers | None:
    """Of a study; None where payers or service centres are not named, or the ledger is too short to tell who is new."""
    try:
        table = study.first_timers()
        kept = {
            people: retention(table, study.windows, study.confidence, people).replace(
                {"channel": {ALL: EVERY}}
            )
            for people in PEOPLE
        }
        came = {
            people: estimate(first_digital(table, people), study.windows)
            for people in PEOPLE
            if not _all(kept[people])["suppressed"].any()
        }
    except ValueError:
        return None
    known = _all(kept["payers"]).dropna(subset="difference")
    if known.empty:
        return None
    days = int(known["days"].max())
    stayed = first_digital(table, f"again_{days}")
    return Payers(came, estimate(stayed, study.windows) if stayed.notna().sum() else None, days, kept)


def came(who: Payers | None, level: float = 0.95) -> Text | Value:
    """How many came, how many of them from counters, and how many were expected."""
    if who is None:
        return text(
            "It cannot be told here: it takes a ledger that names its payers and its service centres, with half a "
            "year before the event and a month after it, and ten people who came."
        )
    said = []
    for people, effect in who.came.items():
        values = _counted(effect, level)
        one = plural(
            round(effect.observed),
            "On the event {n:number.0} [person|people] paid digitally for the first time, where {expected:number.0} "
            "were expected at the level of the week before: {effect} ({level:percent} interval: {interval}).",
            **values,
        )
        if people == "from_counter":
            one = text(
                "Of them {n:number.0} had used counters before, where {expected:number.0} were expected: {effect} "
                "({interval}).",
                **values,
            )
        said.append(one)
    return marked(joined(*said))


@of_results
def stayed(who: Payers, level: float = 0.95) -> Text | Value:
    """Whether they paid digitally again, beside first-timers of ordinary days."""
    said = []
    for people in PEOPLE:
        row = _all(who.kept[people]).query("days == @who.days").iloc[0]
        if row["suppressed"] or pd.isna(row["low"]):
            continue
        values = {"share": row["share"], "ordinary": row["ordinary_share"], "difference": row["difference"]}
        values["interval"] = Value((row["low"], row["high"]), "+points")
        one = text(
            "Of those who came, {share:percent} paid digitally again within {days:number.0} days; of first-timers of "
            "ordinary days {ordinary:percent} do. The difference is {difference:+points} ({interval}).",
            days=who.days,
            **values,
        )
        if people == "from_counter":
            one = text(
                "Of those who had used counters before it is {share:percent} against {ordinary:percent}, a difference "
                "of {difference:+points} ({interval}).",
                **values,
            )
        said.append(one)
    if who.stayed is not None:
        again = plural(
            round(who.stayed.observed),
            "So {n:number.0} [person|people] came and had paid digitally again by then, where {expected:number.0} "
            "were expected: {effect} ({interval}).",
            **_counted(who.stayed, level),
        )
        said.append(again)
    return joined(*said)


def unknown(who: Payers) -> Text | Value:
    """What is not shown, and why."""
    rows = who.kept["payers"]
    hidden = [Value(channel, "name") for channel in rows.loc[rows["suppressed"], "channel"].unique()]
    said = []
    if who.days < max(HORIZONS):
        early = plural(
            who.days,
            "The ledger ends too early to say anything beyond {n:number.0} [day.|days.]",
        )
        said.append(early)
    if hidden:
        said.append(
            text("Not shown, since fewer than ten people could be told apart: {names}.", names=hidden)
        )
    return joined(*said) if said else text("Every channel and horizon is shown.")


def truth(study: Study, who: Payers | None) -> pd.DataFrame:
    """The simulation's own answer beside each estimate; empty where there is none of this event and scope.

    Columns: quantity, days (0 for a number of people), estimate, low, high, truth.
    """
    columns = ["quantity", "days", "estimate", "low", "high", "truth"]
    known = study.truth if who else {}
    event = list(study.windows.event_days.strftime("%Y-%m-%d"))
    if "first_timers" not in known or study.participants or [known["event"]] != event:
        return pd.DataFrame(columns=columns)
    count, again = known["first_timers"]["count"], known["first_timers"]["again"]
    rows = []
    for people, effect in who.came.items():
        rows.append([people, 0, effect.absolute, *effect.confidence_interval(study.confidence), count["day"]])
    for row in _all(who.kept["payers"]).dropna(subset="low").itertuples():
        true = again[f"{row.days}"]
        rows.append(["stayed", row.days, row.difference, row.low, row.high, true["all"] - true["others"]])
    return pd.DataFrame(rows, columns=columns)


def _all(kept: pd.DataFrame) -> pd.DataFrame:
    return kept[kept["channel"] == EVERY]


def _counted(effect: Effect, level: float) -> dict:
    """What a sentence on a number of people and its effect is made of."""
    ends = effect.confidence_interval(level)
    step = words.step(*ends)
    size, interval = Value(effect.absolute, "+number", step), Value(ends, "+number", step)
    values = {"n": effect.observed, "expected": effect.expected, "level": level}
    return values | {"effect": size, "interval": interval}
