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
from analysis.model.constants import HISTORY_DAYS
from analysis.model.pooling import RandomEffects
from analysis.words import Text, Value, days, joined, of_results, plural, text
from analysis.words.terms import TERMS


@of_results
def alarms(table: pd.DataFrame, metric: str, level: float = 0.95) -> Text | Value:
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
        "On ordinary dates, where nothing happened, an effect on the {metric:metric} was “found” this often: {each}. "
        "Together that is {share:percent.1} of the dates; {alpha:percent.0} are to be expected.",
        metric=metric,
        each=each,
        share=rows["found"].sum() / rows["dates"].sum(),
        alpha=1 - level,
    )
    verdict = text("Chance alone can make as many.")
    if often:
        verdict = text(
            "If dates were independent, chance would seldom make as many for {often}: the interval seems too short "
            "there, and an effect has to be larger than the formula says.",
            often=often,
        )
    return joined(share, verdict)


def to_plan_for(table: pd.DataFrame) -> pd.Series:
    """The least effect that an edition of each length shows: the larger of the two reckonings."""
    rows = _by(table, "length").set_index("length")
    return rows[["detectable", "simulated"]].max(axis=1)


def least(table: pd.DataFrame, metric: str, length: int = 1, target: float = 0.8) -> Value:
    """What an edition as long as the event shows, and what the longest shows."""
    shown = to_plan_for(table)
    own, longest = shown.index[shown.index <= length].max(), shown.index[-1]
    one = text(
        "An edition of {days}, as this one, shows a change of {least:percent.1} or more in the {metric:metric} with a "
        "probability of {target:percent}.",
        days=days(own),
        least=shown[own],
        metric=metric,
        target=target,
    )
    longer = text(
        "One of {days} shows {least:percent.1} a day; if its days were independent, it would show {ideal:percent.1}.",
        days=days(longest),
        least=shown[longest],
        ideal=np.expm1(np.log1p(shown[own]) * np.sqrt(own / longest)),
    )
    return joined(one, longest > own and longer)


def advice(designs: pd.DataFrame, metric: str) -> Text:
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
        "With as many closures as on the one day, the best design is this one: {design}. Weighing entities by how well "
        "each is forecast, it shows a change of {best:percent.1} in the {metric:metric}, where all entities on one day "
        "show {one:percent.1}. Where entities can close on different days, let them: those still open show what the "
        "day would have brought, unless customers simply go to one that is open.",
        design=Value(designs["design"][best], "~design"),
        metric=metric,
        best=once["detectable"][best],
        one=one,
    )


def history(table: pd.DataFrame) -> Text | Value:
    """What a short history costs."""
    rows = _by(table, "history")
    (past, short), every = rows[["history", "detectable"]].iloc[0], rows["detectable"].iloc[-1]
    best = rows.loc[rows["detectable"].idxmin()]
    said = text(
        "With {days} of history one day shows a change of {short:percent.1} or more, with all there is, at most the "
        "last {most:days}, {all:percent.1}.",
        days=days(past),
        short=short,
        most=HISTORY_DAYS,
        all=every,
    )
    if best["history"] == "all":
        return said
    least = text(
        "The smallest change is shown by a history of {days}: {best:percent.1}.",
        days=days(best["history"]),
        best=best["detectable"],
    )
    return joined(said, least)


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

    `cases` are how many there are, and the share of the first's log effect that each after it shows. An interval
    whose ends lie more than a factor of ten apart says nothing, and is left out.
    """
    low, high = np.log1p(effect.confidence_interval(relative=True))
    first, se = np.log1p(effect.relative), (high - low) / 2 / special.ndtri(0.975)
    rows = []
    for editions, share in cases:
        y = first * np.append(1, np.full(editions - 1, share))
        pooled = RandomEffects(y, np.full(editions, se), np.ones((editions, 1)))
        known = editions > 2  # of two, how far editions differ is not known at all
        row = {"editions": editions, "later": np.expm1(y[-1]), "mean": pooled.mean().relative}
        for name, ends in (("mean", pooled.mean().interval()), ("next", pooled.next() if known else None)):
            low, high = ends if ends and 1 + ends[1] < 10 * (1 + ends[0]) else (None, None)
            row |= {f"{name}_low": low, f"{name}_high": high}
        rows.append(row | {"same": special.chdtrc(pooled.df, pooled.q)})
    return pd.DataFrame(rows)


# --- editions that were held ------------------------------------------------------------------------------------


@of_results
def together(found: Editions, level: float = 0.95) -> Text | Value:
    """What the editions have in common, where the next one should lie, and whether weekends differ."""
    common = plural(
        len(found.y),
        "Over[| all] {n:number.0} [edition|editions] the {metric:metric} changed by {mean:+percent.1} "
        "({level:percent} interval: {ends:+percent.1}); the effect of the next edition should lie within "
        "{next:+percent.1}.",
        metric=found.effects[0].metric,
        mean=found.relative,
        level=level,
        ends=found.confidence_interval(level),
        next=found.prediction_interval(level),
    )
    if "weekend" not in found.moderators:
        return common
    low, high = found.change("weekend").interval(level)
    mean = found.groups("weekend", level)["relative"]
    apart = text(
        "On a weekend it changed by {weekend:+percent.1}, on other days by {other:+percent.1}.",
        weekend=mean[1],
        other=mean[0],
    )
    return joined(common, not low <= 0 <= high and apart)


@of_results
def fades(found: Editions, level: float = 0.95, few: int = 5) -> Text | Value:
    """How far editions differ beyond chance, and, of more than a few, whether the effect changes along them."""
    change, ends = found.change(), found.change().interval(level)
    differ = text(
        "Of the variation among editions {i2:percent} is more than chance; their true effects are estimated to differ "
        "by about {tau:points} in standard deviation.",
        i2=found.pooled.i2,
        tau=np.expm1(found.pooled.tau2**0.5),
    )
    if found.pooled.i2 < 0.005:  # nothing, as it would be written
        differ = plural(
            len(found.y),
            "Beyond chance no difference is seen among the editions, so that the interval of the next is that of their "
            "mean; with {n:number.0} [edition|editions] a difference could be missed.",
        )
    if len(found.y) < few:
        return differ
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
