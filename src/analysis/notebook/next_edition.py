"""Sentences and tables on the next edition, in the language spoken; see `words`.

`table` is that of `power.detectable`, `designs` that of `power.designs`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from analysis import power, words
from analysis.editions import Editions
from analysis.effect import Effect
from analysis.model.pooling import RandomEffects
from analysis.notebook.tables import headed
from analysis.words import N_, _, fill, filled, ngettext

HEADINGS = {
    "length": N_("Length of the edition"),
    "weekday": N_("Weekday"),
    "history": N_("History before it"),
    "detectable": N_("Detectable effect"),
    "simulated": N_("The same, by effects put on ordinary dates"),
    "false_alarms": N_("False alarms"),
    "dates": N_("Ordinary dates tried"),
    "design": N_("Design"),
    "closures": N_("Closures"),
    "coverage": N_("Truth held by the interval"),
    "power": N_("Finds the effect"),
    "editions": N_("Editions"),
    "kind": N_("Editions held"),
    "later": N_("Each after the first"),
    "mean": N_("All pooled"),
    "mean_interval": N_("Interval of the pooled effect"),
    "next": N_("Interval of the next edition"),
    "same": N_("P-value that all are alike"),
}
FORMATS = dict.fromkeys(("detectable", "simulated", "false_alarms", "coverage"), "percent.1")
FORMATS |= {"power": "percent", "dates": "number.0", "closures": "number.0", "editions": "number.0"}
FORMATS |= {
    "later": "+percent.1",
    "mean": "+percent.1",
    "mean_interval": "+percent",
    "next": "+percent",
    "same": "number.2",
}
DESIGNS = (
    N_("All entities on one day"),
    N_("All entities on two days a week apart"),
    N_("Half of the entities, drawn by lot, on one day"),
    N_("Each half of the entities on a day of its own"),
    N_("Each entity on one day of a week, drawn by lot"),
)
SHORT = (N_("all, one day"), N_("all, two days"), N_("half, one day"), N_("two waves"), N_("staggered"))


def alarms(table: pd.DataFrame, level: float = 0.95) -> str:
    """How often an effect was found where there was none, and for which lengths that is more than chance."""
    rows = _by(table, "length")
    rows = rows.assign(found=(rows["false_alarms"] * rows["dates"]).round())
    chance = special.bdtrc(
        rows["found"] - 1, rows["dates"], 1 - level
    )  # of as many, if dates were independent
    often = [_days(length) for length in rows.loc[chance < 0.025, "length"]]
    one = N_("{n:number.0} of {all:number.0} for {days}")
    each = [fill(one, n=n, all=k, days=_days(d)) for n, k, d in rows[["found", "dates", "length"]].to_numpy()]
    text = N_(
        "On ordinary dates, where nothing happened, an effect was “found” this often: {each}. Together that is "
        "{share:percent.1} of the dates; {alpha:percent.0} are to be expected."
    )
    verdict = N_("Chance alone can make as many.")
    if often:
        verdict = N_(
            "Chance seldom makes as many for {often}: the interval is too short there, and an effect has to be larger "
            "than the formula says."
        )
    share = rows["found"].sum() / rows["dates"].sum()
    parts = (
        fill(text, each=words.listing(each), share=share, alpha=1 - level),
        fill(verdict, often=words.listing(often)),
    )
    return words.marked(" ".join(parts))


def least(table: pd.DataFrame, target: float = 0.8) -> str:
    """What one day shows, and what the longest edition shows: by formula, and by effects put on ordinary dates."""
    rows = _by(table, "length")
    one, longest = rows.iloc[0], rows.iloc[-1]
    text = N_(
        "One day shows an effect of {one:percent.1} or more with a probability of {target:percent} by formula, and of "
        "{tried:percent.1} by effects put on ordinary dates. An edition of {days} shows {long:percent.1} a day, and "
        "{long_tried:percent.1}; if its days were independent, it would show {ideal:percent.1}."
    )
    return fill(
        text,
        one=one["detectable"],
        tried=one["simulated"],
        target=target,
        days=_days(longest["length"]),
        long=longest["detectable"],
        long_tried=longest["simulated"],
        ideal=np.expm1(np.log1p(one["detectable"]) / np.sqrt(longest["length"])),
    )


def advice(designs: pd.DataFrame) -> str:
    """The best design that closes each entity once, against all at once."""
    once = designs[designs["closures"] == designs["closures"].iloc[0]]
    best, one = once["detectable"].idxmin(), once["detectable"].iloc[0]
    if best == once.index[0]:
        text = N_(
            "No way of sharing the same closures out among days shows a smaller effect than all entities on one day "
            "do, {one:percent.1}."
        )
        return fill(text, one=one)
    text = N_(
        "With as many closures as on the one day, the best design is this one: {design}. It shows an effect of "
        "{best:percent.1}, where all entities on one day show {one:percent.1}. Where entities can close on different "
        "days, let them: those still open show what the day would have brought."
    )
    design = _(DESIGNS[power.DESIGNS.index(designs["design"][best])])
    return fill(text, design=design[:1].lower() + design[1:], best=once["detectable"][best], one=one)


def history(table: pd.DataFrame) -> str:
    """What a short history costs."""
    rows = _by(table, "history")
    text = N_(
        "With {days} of history one day shows an effect of {short:percent.1} or more, with all there is "
        "{all:percent.1}."
    )
    short, every = rows["detectable"].iloc[[0, -1]]
    return fill(text, days=_days(rows["history"].iloc[0]), short=short, all=every)


def reach(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """The detectable effect by "length", "weekday" or "history", all else alike."""
    rows = _by(table, by)
    if by == "weekday":
        names = [words.weekday(int(number)) for number in rows[by]]
    else:
        names = [_("All there is") if value == "all" else _days(value) for value in rows[by]]
    columns = [by, "detectable", "simulated", "false_alarms", "dates"]
    return headed(rows.assign(**{by: names})[columns], HEADINGS, FORMATS)


def designs(table: pd.DataFrame) -> pd.DataFrame:
    """`power.designs` under its headings."""
    rows = table.assign(design=[_(DESIGNS[power.DESIGNS.index(name)]) for name in table["design"]])
    columns = ["design", "closures", "detectable", "coverage", "false_alarms", "power"]
    return headed(rows[columns], HEADINGS, FORMATS)


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Power in closed form for `figures.power`: by length of `power.detectable`, or by design of `power.designs`."""
    if "design" in table:
        sd = dict(zip(SHORT, table["sd"], strict=True))
    else:
        rows = _by(table, "length")
        sd = dict(zip(rows["length"].astype(int), rows["sd"], strict=True))
    most = np.expm1(5 * max(sd.values()))
    return power.closed_form(sd, np.linspace(0, most, 61))


def later_editions(
    effect: Effect, cases: tuple[tuple[int, float], ...] = ((2, 1), (2, 0.5), (2, 0), (5, 1), (5, 0.5))
) -> pd.DataFrame:
    """What several editions would say together, each as precise as the first.

    `cases` are how many there are, and the share of the first's log effect that each after it shows.
    """
    low, high = np.log1p(effect.confidence_interval(relative=True))
    first, se = np.log1p(effect.relative), (high - low) / 2 / special.ndtri(0.975)
    rows = []
    for editions, share in cases:
        y = first * np.append(1, np.full(editions - 1, share))
        pooled = RandomEffects(y, np.full(editions, se), np.ones((editions, 1)))
        row = {"editions": editions, "later": np.expm1(y[-1]), "mean": pooled.mean().relative}
        same = special.chdtrc(pooled.df, pooled.q)
        known = editions > 2  # of two, how far editions differ is not known at all
        row |= {"mean_interval": pooled.mean().interval(), "next": pooled.next() if known else None}
        rows.append(row | {"same": same})
    return headed(pd.DataFrame(rows), HEADINGS, FORMATS)


# --- editions that were held ------------------------------------------------------------------------------------


def together(found: Editions, level: float = 0.95) -> str:
    """What the editions have in common, and where the next one is to be expected."""
    metric, ends = found.effects[0].metric, found.confidence_interval(level)
    text = ngettext(
        "Over {n:number.0} edition the {metric:metric} changed by {mean:+percent.1} ({level:percent} interval: "
        "{ends:+percent.1}); the effect of the next edition is to be expected within {next:+percent.1}.",
        "Over all {n:number.0} editions the {metric:metric} changed by {mean:+percent.1} ({level:percent} interval: "
        "{ends:+percent.1}); the effect of the next edition is to be expected within {next:+percent.1}.",
        len(found.y),
    )
    values = {"n": len(found.y), "metric": metric, "mean": found.relative, "ends": ends, "level": level}
    return words.marked(filled(text, **values, next=found.prediction_interval(level)))


def fades(found: Editions, level: float = 0.95) -> str:
    """How far editions differ beyond chance, and whether the effect changes from one to the next."""
    change = found.change()
    ends = change.interval(level)
    differ = N_(
        "Of the variation among editions {i2:percent} is more than chance; their true effects differ by about "
        "{tau:percent.1} in standard deviation."
    )
    course = N_(
        "From one edition to the next the effect changes by {change:+percent.1} ({ends:+percent.1}): no course is seen."
    )
    if not ends[0] <= 0 <= ends[1]:
        course = N_(
            "From one edition to the next the effect changes by {change:+percent.1} ({ends:+percent.1})."
        )
    spread = {"i2": found.pooled.i2, "tau": np.expm1(found.pooled.tau2**0.5)}
    return words.marked(f"{fill(differ, **spread)} {fill(course, change=change.relative, ends=ends)}")


def moderated(found: Editions, level: float = 0.95) -> pd.DataFrame:
    """The pooled effect by whether an edition fell on a weekend, where both occur; nothing else."""
    if "weekend" not in found.moderators:
        return pd.DataFrame()
    rows = found.groups("weekend", level).reset_index()
    kinds = [_("on a weekend") if weekend else _("on other days") for weekend in rows["weekend"]]
    table = pd.DataFrame({"kind": kinds, "editions": rows["editions"], "mean": rows["relative"]})
    table["mean_interval"] = list(zip(rows["low"], rows["high"], strict=True))
    table["next"] = list(zip(rows["next_low"], rows["next_high"], strict=True))
    return headed(table, HEADINGS, FORMATS)


def _by(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows that differ by one thing, in order: weeks from Sunday, the whole history last."""
    single, every = table["weekday"].isna(), table["history"] == "all"
    kept = {"length": single & every, "weekday": ~single, "history": single & (table["length"] == 1)}[by]
    rows = table[kept & ~table["comparison"]]
    order = {"length": rows["length"], "weekday": (rows["weekday"] + 1) % 7, "history": every}[by]
    return rows.loc[order[rows.index].sort_values(kind="stable").index]


def _days(n: float | str) -> str:
    return ngettext("{n} day", "{n} days", int(n)).format(n=words.number(int(n), 1))
