"""Sentences and tables on placebos and parts of the gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import displacement, words
from analysis.displacement import Decomposition
from analysis.effect import Effect
from analysis.persistence import Persistence
from analysis.placebo import Placebos
from analysis.words import Text, Value, amount, joined, of_results, plural, text

FEW = 20  # dates, with which one in twenty is the least that they can tell
DERIVED = Path(__file__).parents[3] / "data" / "derived"


# --- would we see this anyway? ----------------------------------------------------------------------------------


@of_results
def placebo(test: Placebos, metric: str = "count") -> Text | Value:
    """How many comparable dates depart as far as the event did, and what that makes of its p-value."""
    days, many = _comparable(int(test.comparable.sum())), test.rank - 1
    values = {"days": days, "many": many, "metric": metric, "p": test.p_value, "floor": test.floor}
    if many == 0:
        return text(
            "None of {days} before the event departs as far from what is expected of it, in the {metric:metric}: the "
            "p-value is {p:number.3}, the lowest that so many days can give.",
            **values,
        )
    return plural(
        many,
        "Of {days} before the event, {many:number.0} [departs|depart] as far from what is expected of [it|them], in "
        "the {metric:metric}: the p-value is {p:number.3}. With so many days it cannot be below {floor:number.3}.",
        **values,
    )


def alarms(test: Placebos, limit: float = 1.96) -> Text:
    """How often the t statistic of comparable dates is beyond the usual limit."""
    like = test.frame()
    if len(like) < FEW:
        return text("So few days cannot tell the event from chance.")
    return text(
        "On {many:number.0} of the {days}, {share:percent.1}, the t statistic is beyond {limit:number.2}, where "
        "5% are to be expected. The departures of nine in ten of them lie within {range:+percent.1}.",
        many=int((like["t"].abs() > limit).sum()),
        days=_comparable(len(like)),
        share=float((like["t"].abs() > limit).mean()),
        limit=limit,
        range=tuple(like["relative"].quantile([0.05, 0.95])),
    )


@of_results
def specifications(rows: pd.DataFrame) -> Text | Value:
    """How far the choice of specification moves the effect, from `placebo.specifications`."""
    return plural(
        len(rows),
        "Under {n:number.0} [specification|specifications] the effect runs from {range:+percent.1}; half of them "
        "lie within {middle:+percent.1}, and the one that every report gives is {x:+percent.1}. In {clear:percent} "
        "the interval excludes zero.",
        x=float(rows.loc[rows["headline"], "relative"].iloc[0]),
        range=(rows["relative"].min(), rows["relative"].max()),
        middle=tuple(rows["relative"].quantile([0.25, 0.75])),
        clear=_clear(rows),
    )


def choices(rows: pd.DataFrame) -> pd.DataFrame:
    """The effect by each single choice over all others: median `relative`, `low`, `high`, share `clear` of 0."""
    found = []
    for by in ("estimator", "baseline", "scale", "baseline_days", "wait_days", "history"):
        chosen = rows[rows[by].astype(str) != ""].groupby(by, sort=False)
        for value, part in chosen if len(chosen) > 1 else ():  # one value is no choice
            low, middle, high = part["relative"].quantile([0, 0.5, 1])
            found.append([by, value, len(part), middle, low, high, _clear(part)])
    columns = ["by", "choice", "specifications", "relative", "low", "high", "clear"]
    return pd.DataFrame(found, columns=columns)


@of_results
def donors(effects: Sequence[Effect], level: float = 0.95) -> Text | Value:
    """What units that the initiative did not touch say of the effect, from `answers.against_donors`."""
    parts = [
        text(
            "{method} gives {effect:+percent} ({interval:+percent})",
            method=Value(effect.estimator, "estimator"),
            effect=effect.relative,
            interval=effect.confidence_interval(level, relative=True),
        )
        for effect in effects
    ]
    return text("Against units that the initiative did not touch, {parts}.", parts=parts)


def _comparable(n: int) -> Text:
    return plural(n, "{n:number.0} comparable [day|days]")


def _clear(rows: pd.DataFrame) -> float:
    return float(((rows["low"] > 0) | (rows["high"] < 0)).mean())


# --- where did it come from? ------------------------------------------------------------------------------------


@of_results
def gain(found: Decomposition, metric: str = "count", level: float = 0.95) -> Text | Value:
    """The gain, and the counters' shortfall beside it."""
    return text(
        "Over what was expected of the event, digital payments changed by {gain} ({level:percent} interval: "
        "{gain_interval}) and payments at counters by {counters} ({counters_interval}).",
        level=level,
        **_amount(found, "digital_gain", "gain", metric, level),
        **_amount(found, "from_counters", "counters", metric, level, -1),
    )


def net(found: Decomposition, metric: str = "count", level: float = 0.95) -> Text:
    """Whether payments were added or lost on the whole, with as much as the interval allows to be said."""
    low, high = found.interval("net_new", level)
    values = _amount(found, "net_new", "net", metric, level)
    if low > 0:
        return text(
            "Over all days and channels payments were added, net of those lost: {net} ({net_interval}).",
            **values,
        )
    if high < 0:
        return text(
            "Over all days and channels payments were lost, net of new ones: {net} ({net_interval}).",
            **values,
        )
    return text(
        "Whether payments were added or lost over all days and channels cannot be told: the estimate is {net}, and "
        "its interval, {net_interval}, includes zero.",
        **values,
    )


def from_counters(found: Decomposition, level: float = 0.95) -> Text:
    """How much of the counters' shortfall the gain amounts to."""
    if found.interval("from_counters", level).low <= 0:
        return text("Payments at counters are not seen to have fallen.")
    share, interval = found.ratio("digital_gain", "from_counters", level)
    if interval.low > 1:
        return text(
            "The gain is {share:percent} of what was missing at counters ({interval:percent}): not all is theirs.",
            share=share,
            interval=interval,
        )
    return text(
        "The gain is {share:percent} of what was missing at counters ({interval:percent}). If no digital customer "
        "stayed away because of the event, that is the estimate of the largest share that was paid digitally on the "
        "same day; the rest was paid on another day, or not at all.",
        share=share,
        interval=interval,
    )


def reconciled(found: Decomposition, metric: str = "count") -> Text:
    """What the headline moved."""
    step = words.step(*found.interval("digital_gain"))
    return text(
        "By the regression on both sides of the window alone the gain would be {before}; reconciling it with the "
        "effect that every report gives moved it by {moved}.",
        before=amount(found.parts["digital_gain"] - found.moved, metric, step, signed=True),
        moved=amount(found.moved, metric, step, signed=True),
    )


def parts(found: Decomposition, level: float = 0.95) -> pd.DataFrame:
    """The parts of the gain, with intervals; the last row is their sum."""
    order = ["from_counters", "from_other_days", "pulled_forward", "postponed", "net_new", "digital_gain"]
    table = found.frame(level).set_index("part").loc[order].reset_index()
    return table[["part", "estimate", "low", "high", "share"]].rename(columns={"share": "gain_share"})


@of_results
def lasting(found: Persistence) -> Text | Value:
    """The digital share on the day after, and how long its rise lasts."""
    if not found.half_life > 0:
        return words.half_life(found)
    first = text(
        "Carried back to the first working day after the event, the digital share was higher by {first:points} "
        "({interval:+points}).",
        first=found.first,
        interval=found.first_interval,
    )
    return joined(first, words.half_life(found))


def placebo_parts(rows: pd.DataFrame, limit: float = 1.96) -> pd.DataFrame:
    """Parts of ordinary dates, from `displacement.placebo_parts`: how often they look like something."""
    far = rows.assign(t=rows["t"].abs(), beyond=rows["t"].abs() > limit).groupby("part")
    table = far.agg(ordinary_dates=("t", "size"), beyond=("beyond", "sum"), largest=("t", "max"))
    return table.loc[["digital_gain", "from_counters", "from_other_days", "net_new"]].reset_index()


def coverage() -> pd.DataFrame:
    """How often each part's interval held its truth on simulated years, by metric; see data/derived."""
    table = displacement.coverage(pd.read_csv(DERIVED / "displacement-coverage.csv"))
    return table.rename(columns={"bias": "miss"})


def covered(table: pd.DataFrame, least: float = 0.9) -> Text:
    """Whether every part's interval of 95% kept its promise, in payments and in money; those that did not are named."""
    short = table[table["95"] < least]
    if len(short):
        return text(
            "The interval of 95% held the truth in fewer than {least:percent} of the years for: {parts}. It is too "
            "short there.",
            least=least,
            parts=[
                text("{part:part} ({metric:metric})", part=row.part, metric=row.metric)
                for row in short.itertuples()
            ],
        )
    return text(
        "Intervals of 95% held the truth in {held:percent.1} of the years for the part that did worst, in payments or "
        "in money.",
        held=float(table["95"].min()),
    )


def _amount(
    found: Decomposition, part: str, name: str, metric: str, level: float, sign: int = 1
) -> dict[str, Value]:
    low, high = sorted(sign * end for end in found.interval(part, level))
    step = words.step(low, high)
    size = amount(sign * found.parts[part], metric, step, signed=True)
    return {
        name: size,
        f"{name}_interval": Value((low, high), f"+{words.kind(metric)}".replace("count", "number"), step),
    }
