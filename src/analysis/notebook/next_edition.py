"""Sentences and tables on the next edition, and on editions held.

`table` is that of `power.detectable`, `designs` that of `power.designs`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from analysis import power
from analysis.editions import Editions
from analysis.effect import Effect
from analysis.model.pooling import RandomEffects
from analysis.words import Text, Value, days, joined, of_results, plural, text
from analysis.words.terms import TERMS


@of_results
def alarms(table: pd.DataFrame, level: float = 0.95) -> Text | Value:
    """How often an effect was found where there was none, and for which lengths that is more than chance."""
    rows = _by(table, "length")
    rows = rows.assign(found=(rows["false_alarms"] * rows["dates"]).round())
    # The chance of as many, if dates were independent.
    chance = special.bdtrc(rows["found"] - 1, rows["dates"], 1 - level)
    often = [days(length) for length in rows.loc[chance < 0.025, "length"]]
    each = [
        text("{n:number.0} of {all:number.0} for {days}", n=n, all=k, days=days(length))
        for n, k, length in rows[["found", "dates", "length"]].to_numpy()
    ]
    share = text(
        "On ordinary dates, where nothing happened, an effect was “found” this often: {each}. Together that is "
        "{share:percent.1} of the dates; {alpha:percent.0} are to be expected.",
        each=each,
        share=rows["found"].sum() / rows["dates"].sum(),
        alpha=1 - level,
    )
    verdict = text("Chance alone can make as many.")
    if often:
        verdict = text(
            "Chance seldom makes as many for {often}: the interval is too short there, and an effect has to be larger "
            "than the formula says.",
            often=often,
        )
    return joined(share, verdict)


def least(table: pd.DataFrame, target: float = 0.8) -> Text:
    """What one day shows, and what the longest edition shows: by formula, and by effects put on ordinary dates."""
    rows = _by(table, "length")
    one, longest = rows.iloc[0], rows.iloc[-1]
    return text(
        "One day shows an effect of {one:percent.1} or more with a probability of {target:percent} by formula, and of "
        "{tried:percent.1} by effects put on ordinary dates. An edition of {days} shows {long:percent.1} a day, and "
        "{long_tried:percent.1}; if its days were independent, it would show {ideal:percent.1}.",
        one=one["detectable"],
        tried=one["simulated"],
        target=target,
        days=days(longest["length"]),
        long=longest["detectable"],
        long_tried=longest["simulated"],
        ideal=np.expm1(np.log1p(one["detectable"]) / np.sqrt(longest["length"])),
    )


def advice(designs: pd.DataFrame) -> Text:
    """The best design that closes each entity once, against all at once."""
    once = designs[designs["closures"] == designs["closures"].iloc[0]]
    best, one = once["detectable"].idxmin(), once["detectable"].iloc[0]
    if best == once.index[0]:
        return text(
            "No way of sharing the same closures out among days shows a smaller effect than all entities on one day "
            "do, {one:percent.1}.",
            one=one,
        )
    return text(
        "With as many closures as on the one day, the best design is this one: {design}. It shows an effect of "
        "{best:percent.1}, where all entities on one day show {one:percent.1}. Where entities can close on different "
        "days, let them: those still open show what the day would have brought.",
        design=Value(designs["design"][best], "~design"),
        best=once["detectable"][best],
        one=one,
    )


def history(table: pd.DataFrame) -> Text:
    """What a short history costs."""
    rows = _by(table, "history")
    short, every = rows["detectable"].iloc[[0, -1]]
    return text(
        "With {days} of history one day shows an effect of {short:percent.1} or more, with all there is "
        "{all:percent.1}.",
        days=days(rows["history"].iloc[0]),
        short=short,
        all=every,
    )


def by(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The detectable effect by "length", "weekday" or "history", all else alike."""
    rows = _by(table, column)[[column, "detectable", "simulated", "false_alarms", "dates"]]
    return rows.rename(columns={"history": "past"})


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Power in closed form for `figures.power`: by length of `power.detectable`, or by design of `power.designs`."""
    if "design" in table:
        names = table["design"].map(TERMS["design, short"])
    else:
        table = _by(table, "length")
        names = table["length"].astype(int)
    sd = dict(zip(names, table["sd"], strict=True))
    return power.closed_form(sd, np.linspace(0, np.expm1(5 * max(sd.values())), 61))


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
        known = editions > 2  # of two, how far editions differ is not known at all
        row = {"editions": editions, "later": np.expm1(y[-1]), "mean": pooled.mean().relative}
        row |= dict(zip(("mean_low", "mean_high"), pooled.mean().interval(), strict=True))
        row |= dict(zip(("next_low", "next_high"), pooled.next() if known else (None, None), strict=True))
        rows.append(row | {"same": special.chdtrc(pooled.df, pooled.q)})
    return pd.DataFrame(rows)


# --- editions that were held ------------------------------------------------------------------------------------


@of_results
def together(found: Editions, level: float = 0.95) -> Text | Value:
    """What the editions have in common, and where the next one is to be expected."""
    return plural(
        len(found.y),
        "Over[| all] {n:number.0} [edition|editions] the {metric:metric} changed by {mean:+percent.1} "
        "({level:percent} interval: {ends:+percent.1}); the effect of the next edition is to be expected within "
        "{next:+percent.1}.",
        metric=found.effects[0].metric,
        mean=found.relative,
        level=level,
        ends=found.confidence_interval(level),
        next=found.prediction_interval(level),
    )


@of_results
def fades(found: Editions, level: float = 0.95) -> Text | Value:
    """How far editions differ beyond chance, and whether the effect changes from one to the next."""
    change, ends = found.change(), found.change().interval(level)
    differ = text(
        "Of the variation among editions {i2:percent} is more than chance; their true effects differ by about "
        "{tau:percent.1} in standard deviation.",
        i2=found.pooled.i2,
        tau=np.expm1(found.pooled.tau2**0.5),
    )
    values = {"change": change.relative, "ends": ends}
    course = text(
        "From one edition to the next the effect changes by {change:+percent.1} ({ends:+percent.1}).",
        **values,
    )
    if ends[0] <= 0 <= ends[1]:
        course = text(
            "From one edition to the next the effect changes by {change:+percent.1} ({ends:+percent.1}): no course is "
            "seen.",
            **values,
        )
    return joined(differ, course)


def _by(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows that differ by one thing, in order: weeks from Sunday, the whole history last."""
    single, every = table["weekday"].isna(), table["history"] == "all"
    kept = {"length": single & every, "weekday": ~single, "history": single & (table["length"] == 1)}[by]
    rows = table[kept & ~table["comparison"]]
    order = {"length": rows["length"], "weekday": (rows["weekday"] + 1) % 7, "history": every}[by]
    return rows.loc[order[rows.index].sort_values(kind="stable").index]
