"""Who came, and did they stay: people who paid digitally for the first time, in the language spoken; see `words`."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis import words
from analysis.effect import Effect, Interval, estimate
from analysis.habit import ALL, HORIZONS, PEOPLE, first_digital, retention
from analysis.notebook.tables import headed
from analysis.study import Study
from analysis.words import N_, _, fill, filled, ngettext

EVERY = N_("All digital channels")
HEADINGS = {
    "channel": N_("Channel of the first digital payment"),
    "days": N_("Days after it"),
    "payers": N_("First-time payers of the event"),
    "ordinary_payers": N_("First-time payers of ordinary days"),
    "share": N_("Paid digitally again"),
    "ordinary_share": N_("The same, of ordinary days"),
    "difference": N_("Difference in percentage points"),
    "interval": N_("Interval"),
    "quantity": N_("Quantity"),
    "estimate": N_("Estimate"),
    "truth": N_("Truth"),
    "suppressed": N_("Not shown, fewer than ten people"),
}
FORMATS = {"payers": "number.0", "share": "percent.1", "ordinary_share": "percent.1"}


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


def came(who: Payers | None, level: float = 0.95) -> str:
    """How many came, how many of them from counters, and how many were expected."""
    if who is None:
        return _(
            "It cannot be told here: it takes a ledger that names its payers and its service centres, with half a "
            "year before the event and a month after it, and ten people who came."
        )
    told = []
    for people, effect in who.came.items():
        n = round(effect.observed)
        text = ngettext(
            "On the event {n:number.0} person paid digitally for the first time, where {expected:number.0} were "
            "expected at the level of the week before: {effect} ({level:percent} interval: {interval}).",
            "On the event {n:number.0} people paid digitally for the first time, where {expected:number.0} were "
            "expected at the level of the week before: {effect} ({level:percent} interval: {interval}).",
            n,
        )
        if people == "from_counter":
            text = _(
                "Of them {n:number.0} had used counters before, where {expected:number.0} were expected: {effect} "
                "({interval})."
            )
        told.append(_counted(text, effect, level))
    return words.marked(" ".join(told))


def stayed(who: Payers, level: float = 0.95) -> list[str]:
    """Whether they paid digitally again, beside first-timers of ordinary days."""
    texts = {
        "payers": N_(
            "Of those who came, {share:percent} paid digitally again within {days:number.0} days; of first-timers of "
            "ordinary days {ordinary:percent} do. The difference is {difference:+points} ({interval})."
        ),
        "from_counter": N_(
            "Of those who had used counters before it is {share:percent} against {ordinary:percent}, a difference of "
            "{difference:+points} ({interval})."
        ),
    }
    parts = []
    for people, text in texts.items():
        row = _all(who.kept[people]).query("days == @who.days").iloc[0]
        if row["suppressed"] or pd.isna(row["low"]):
            continue
        values = {"share": row["share"], "ordinary": row["ordinary_share"], "difference": row["difference"]}
        interval = words.interval(row["low"], row["high"], "points")
        parts.append(fill(text, days=who.days, interval=interval, **values))
    if who.stayed is not None:
        text = ngettext(
            "So {n:number.0} person came and had paid digitally again by then, where {expected:number.0} were "
            "expected: {effect} ({interval}).",
            "So {n:number.0} people came and had paid digitally again by then, where {expected:number.0} were "
            "expected: {effect} ({interval}).",
            round(who.stayed.observed),
        )
        parts.append(_counted(text, who.stayed, level))
    return words.marked(" ".join(parts))


def unknown(who: Payers) -> str:
    """What is not shown, and why."""
    rows = who.kept["payers"]
    hidden = [words.code("channel", name) for name in rows.loc[rows["suppressed"], "channel"].unique()]
    texts = []
    if who.days < max(HORIZONS):
        text = ngettext(
            "The ledger ends too early to say more than {n:number.0} day.",
            "The ledger ends too early to say more than {n:number.0} days.",
            who.days,
        )
        texts.append(filled(text, n=who.days))
    if hidden:
        text = _("Not shown, since fewer than ten people could be told apart: {names}.")
        texts.append(text.format(names=words.listing(hidden)))
    return " ".join(texts) or _("Every channel and horizon is shown.")


def table(who: Payers) -> pd.DataFrame:
    """`habit.retention` of all first-timers, under its headings."""
    rows = who.kept["payers"]
    ends = zip(rows["difference"], rows["low"], rows["high"], strict=True)
    written = [
        ("–", "–") if pd.isna(low) else (words.number(100 * x, 0.1, True), _ends(low, high))
        for x, low, high in ends
    ]
    difference, interval = zip(*written, strict=True)
    shown = rows.assign(difference=difference, interval=interval)
    order = ["channel", "days", "payers", "share", "ordinary_share", "difference", "interval"]
    shown = headed(shown[order], HEADINGS, FORMATS)
    shown.attrs["csv"] = rows.to_dict("records")
    shown.attrs["csv_formats"] = FORMATS | dict.fromkeys(("difference", "low", "high"), "+points.1")
    return shown


def truth(study: Study, who: Payers | None) -> list[dict]:
    """The simulation's own answer beside each estimate; empty where there is none of this event and scope.

    Keys of each: quantity, days (0 for a number of people), estimate, low, high, truth.
    """
    known = study.truth if who else {}
    event = study.windows.event_days
    if (
        "first_timers" not in known
        or study.participants
        or [known["event"]] != list(event.strftime("%Y-%m-%d"))
    ):
        return []
    count, again = known["first_timers"]["count"], known["first_timers"]["again"]
    rows = []
    for people, effect in who.came.items():
        rows.append([people, 0, effect.absolute, *effect.confidence_interval(study.confidence), count["day"]])
    for row in _all(who.kept["payers"]).dropna(subset="low").itertuples():
        true = again[f"{row.days}"]
        rows.append(["stayed", row.days, row.difference, row.low, row.high, true["all"] - true["others"]])
    return [
        dict(zip(("quantity", "days", "estimate", "low", "high", "truth"), row, strict=True)) for row in rows
    ]


def truths(rows: list[dict]) -> pd.DataFrame:
    """`truth` under its headings, written out: numbers of people and percentage points."""
    names = {
        "payers": N_("First-time payers that the day added"),
        "from_counter": N_("Those who had used counters before"),
        "stayed": N_("Paid again within {days:number.0} days, difference in percentage points"),
    }
    written = []
    for row in rows:
        share = row["quantity"] == "stayed"
        factor, step = (100, 0.1) if share else (1, None)
        low, high = factor * row["low"], factor * row["high"]
        step = step or words.step(low, high)
        texts = [words.number(factor * row[name], step, signed=True) for name in ("estimate", "truth")]
        name = fill(names[row["quantity"]], days=row["days"])
        written.append([name, texts[0], words.interval(low, high, step=step), texts[1]])
    shown = pd.DataFrame(written, columns=["quantity", "estimate", "interval", "truth"])
    shown = headed(shown, HEADINGS, {})
    shown.attrs["csv"] = rows
    return shown


def _all(kept: pd.DataFrame) -> pd.DataFrame:
    return kept[kept["channel"] == EVERY]


def _ends(low: float, high: float) -> str:
    return words.interval(100 * low, 100 * high, step=0.1)


def _counted(text: str, effect: Effect, level: float) -> str:
    """A sentence on a number of people and its effect."""
    ends = Interval(*effect.confidence_interval(level))
    step = words.step(*ends)
    return filled(
        text,
        n=effect.observed,
        expected=effect.expected,
        level=level,
        effect=words.number(effect.absolute, step, signed=True),
        interval=words.interval(*ends, step=step),
    )
