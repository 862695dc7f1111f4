"""Sentences on the effect itself, metric by metric and method by method."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.effect import RECOMMENDED, Effect
from analysis.notebook.answers import Found, Refused, leading
from analysis.words import Text, Value, joined, marked, plural, sureness, text


def initiative(found: Found, level: float = 0.95) -> Text:
    """What the initiative added over the time before its campaign, for the leading metrics."""
    effects = found["history"]
    parts = [
        text(
            "{metric:metric} {effect:+percent} ({level:percent} interval: {interval:+percent})",
            metric=metric,
            effect=effects[metric].relative,
            level=level,
            interval=effects[metric].confidence_interval(level, relative=True),
        )
        for metric in leading(list(effects))
    ]
    return marked(
        text("Over the time before the campaign, what the campaign did included: {parts}.", parts=parts)
    )


def compared(effects: Sequence[Effect], refused: Sequence[Refused] = (), level: float = 0.95) -> Value:
    """How far the method moves the day's effect, and which methods the days do not allow."""
    day = {effect.estimator: effect for effect in effects if effect.estimand == "pre-week"}
    sizes = [effect.relative for effect in day.values()]
    intervals = [effect.confidence_interval(level) for effect in day.values()]
    spread = plural(
        len(day),
        "By {n:number.0} method the effect of the day runs from {low:+percent} to {high:+percent}.",
        "By {n:number.0} methods the effect of the day runs from {low:+percent} to {high:+percent}.",
        low=min(sizes),
        high=max(sizes),
    )
    own = RECOMMENDED in day and text("The recommended one says {x:+percent}.", x=day[RECOMMENDED].relative)
    clear = text(
        "Intervals that exclude zero: {clear:number.0} of {n:number.0}.",
        clear=sum(not low <= 0 <= high for low, high in intervals),
        n=len(day),
    )
    left_out = [
        text(
            "{method} cannot be used here: {reason}.",
            method=Value(name, "estimator"),
            reason=Value(why, "reason"),
        )
        for name, estimand, why in refused
        if estimand == "pre-week"
    ]
    return joined(marked(joined(spread, own, clear)), *left_out)


def eve(effects: Sequence[Effect], announced: float | None, level: float = 0.95) -> Value:
    """The announcement's own comparison, with its interval."""
    eve = next(e for e in effects if e.estimator == "day_before" and e.estimand == "pre-week")
    growth = text(
        "Over the day before, the {metric:metric} changed by {growth:+percent.1}. Ordinary days differ so much "
        "from their day before that the {level:percent} interval of an effect found in this way is "
        "{interval:+percent.0}.",
        metric=eve.metric,
        growth=eve.relative,
        level=level,
        interval=eve.confidence_interval(level, relative=True),
    )
    said = None
    if announced is not None:
        said = text("Announced was {announced:+percent}, by this comparison.", announced=announced)
    return joined(marked(growth), said)


def sure(found: Found) -> Value:
    """How often ordinary days depart as far, for the leading metrics over the week before."""
    effects = found["pre-week"]
    return joined(
        *(
            text("{metric:Metric}: {sureness}", metric=metric, sureness=sureness(effects[metric]))
            for metric in leading(list(effects))
        )
    )


def warnings(found: Found) -> Text | Value:
    """What the estimates ask their reader to know."""
    every = (warning for of in found.values() for effect in of.values() for warning in effect.warnings)
    said = [Value(warning, "name") for warning in dict.fromkeys(every)]
    return joined(*said) if said else text("No estimate in this table carries a warning.")


def known(table: pd.DataFrame) -> Text:
    """How many intervals hold the truth, from `answers.truth`."""
    if table.empty:
        return text("The data are not simulated by this project, so the true effect is not known.")
    return marked(
        text(
            "The true effect was written down when the year was simulated. Intervals that hold it: "
            "{held:number.0} of {n:number.0}.",
            n=len(table),
            held=int(table["covered"].sum()),
        )
    )
