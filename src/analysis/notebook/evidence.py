"""Sentences and tables on placebos and parts of the gain, in the language spoken; see `words`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import displacement, words
from analysis.displacement import Decomposition
from analysis.effect import Effect
from analysis.notebook.tables import capital, headed
from analysis.persistence import Persistence
from analysis.placebo import Placebos
from analysis.words import N_, _, fill, filled, ngettext

DERIVED = Path(__file__).parents[3] / "data" / "derived"
HEADINGS = {
    "metric": N_("Metric"),
    "interval": N_("Interval"),
    "placebo": N_("Placebo dates"),
    "conformal": N_("Permutation"),
    "end_of_sample": N_("End of sample"),
    "adjusted": N_("Placebo dates, all metrics at once"),
    "choice": N_("Choice"),
    "specifications": N_("Specifications"),
    "median": N_("Median effect"),
    "range": N_("Smallest and largest"),
    "clear": N_("Interval excludes zero"),
    "part": N_("Part"),
    "estimate": N_("Estimate"),
    "share": N_("Share of the gain"),
    "dates": N_("Ordinary dates"),
    "beyond": N_("Beyond the interval"),
    "largest": N_("Largest distance from zero, in standard errors"),
    "bias": N_("Mean error, in standard errors"),
    "spread": N_("Spread of errors, in standard errors"),
    "80": N_("Truth held, of 80%"),
    "90": N_("Truth held, of 90%"),
    "95": N_("Truth held, of 95%"),
}
FORMATS = {
    "interval": "+percent.1",
    "placebo": "number.3",
    "conformal": "number.3",
    "end_of_sample": "number.3",
    "adjusted": "number.3",
    "specifications": "number.0",
    "median": "+percent.1",
    "range": "+percent.1",
    "clear": "percent",
    "share": "percent",
    "dates": "number.0",
    "beyond": "number.0",
    "largest": "number.1",
    "bias": "+number.2",
    "spread": "number.2",
    "80": "percent.1",
    "90": "percent.1",
    "95": "percent.1",
}


# --- would we see this anyway? ----------------------------------------------------------------------------------


def placebo(test: Placebos, metric: str = "count") -> str:
    """How many comparable dates depart as far as the event did, and what that makes of its p-value."""
    days, many = _comparable(int(test.comparable.sum())), test.rank - 1
    text = ngettext(
        "Of {days} before the event, {many:number.0} departs as far from what is expected of them, in the "
        "{metric:metric}: the p-value is {p:number.3}. With so many days it cannot be below {floor:number.3}.",
        "Of {days} before the event, {many:number.0} depart as far from what is expected of them, in the "
        "{metric:metric}: the p-value is {p:number.3}. With so many days it cannot be below {floor:number.3}.",
        many,
    )
    if many == 0:
        text = _(
            "None of {days} before the event departs as far from what is expected of it, in the {metric:metric}: the "
            "p-value is {p:number.3}, the lowest that so many days can give."
        )
    return words.marked(filled(text, days=days, many=many, metric=metric, p=test.p_value, floor=test.floor))


def alarms(test: Placebos, limit: float = 1.96) -> str:
    """How often the t statistic of comparable dates is beyond the usual limit."""
    like = test.frame()
    return fill(
        N_(
            "On {many:number.0} of the {days}, {share:percent.1}, the t statistic is beyond {limit:number.2}, where "
            "5% are to be expected. The departures of nine in ten of them lie within {range:+percent.1}."
        ),
        many=int((like["t"].abs() > limit).sum()),
        days=_comparable(len(like)),
        share=float((like["t"].abs() > limit).mean()),
        limit=limit,
        range=tuple(like["relative"].quantile([0.05, 0.95]).tolist()),
    )


def tests(table: pd.DataFrame) -> pd.DataFrame:
    """`placebo.every_test` under its headings."""
    rows = table.assign(metric=[capital(words.metric(name)) for name in table["metric"]])
    return headed(rows.drop(columns=["relative", "floor"]), HEADINGS, FORMATS)


def specifications(rows: pd.DataFrame) -> str:
    """How far the choice of specification moves the effect, from `placebo.specifications`."""
    return words.marked(
        filled(
            ngettext(
                "Under {n:number.0} specification the effect runs from {range:+percent}; half of them lie within "
                "{middle:+percent}, and the one that every report gives is {x:+percent}. In {clear:percent} the "
                "interval excludes zero.",
                "Under {n:number.0} specifications the effect runs from {range:+percent}; half of them lie within "
                "{middle:+percent}, and the one that every report gives is {x:+percent}. In {clear:percent} the "
                "interval excludes zero.",
                len(rows),
            ),
            x=float(rows.loc[rows["headline"], "relative"].iloc[0]),
            n=len(rows),
            range=(float(rows["relative"].min()), float(rows["relative"].max())),
            middle=tuple(rows["relative"].quantile([0.25, 0.75]).tolist()),
            clear=float(((rows["low"] > 0) | (rows["high"] < 0)).mean()),
        )
    )


def choices(rows: pd.DataFrame) -> pd.DataFrame:
    """The effect by each single choice, over all others."""
    found = []
    for column in ("estimator", "baseline", "scale", "baseline_days", "wait_days", "history"):
        for value, part in rows[rows[column].astype(str) != ""].groupby(column, sort=False):
            found.append(
                {
                    "choice": capital(words.choice(column, value)),
                    "specifications": len(part),
                    "median": float(part["relative"].median()),
                    "range": (float(part["relative"].min()), float(part["relative"].max())),
                    "clear": float(((part["low"] > 0) | (part["high"] < 0)).mean()),
                }
            )
    return headed(pd.DataFrame(found), HEADINGS, FORMATS)


def donors(effects: Sequence[Effect], level: float = 0.95) -> str:
    """What units that the initiative did not touch say of the effect, from `answers.against_donors`."""
    parts = [
        fill(
            N_("{method} gives {effect:+percent} ({interval:+percent})"),
            method=words.method(effect.estimator),
            effect=effect.relative,
            interval=effect.confidence_interval(level, relative=True),
        )
        for effect in effects
    ]
    text = _("Against units that the initiative did not touch, {parts}.")
    return words.marked(text.format(parts=words.listing(parts)))


# --- where did it come from? ------------------------------------------------------------------------------------


def gain(found: Decomposition, metric: str = "count", level: float = 0.95) -> str:
    """The gain, and the counters' shortfall beside it."""
    text = N_(
        "Against what was expected of the event, digital payments were {gain} ({level:percent} interval: "
        "{gain_interval}) and payments at counters {counters} ({counters_interval})."
    )
    gain_ = _amount(found, "digital_gain", "gain", metric, level)
    return words.marked(
        fill(text, level=level, **gain_, **_amount(found, "from_counters", "counters", metric, level, -1))
    )


def net(found: Decomposition, metric: str = "count", level: float = 0.95) -> str:
    """Whether payments were added or lost on the whole, with as much as the interval allows to be said."""
    low, high = found.interval("net_new", level)
    text = N_(
        "Whether payments were added or lost over all days and channels cannot be told: the estimate is {net}, and "
        "its interval, {net_interval}, includes zero."
    )
    if low > 0:
        text = N_(
            "Over all days and channels payments were added, net of those lost: {net} ({net_interval})."
        )
    elif high < 0:
        text = N_("Over all days and channels payments were lost, net of new ones: {net} ({net_interval}).")
    return fill(text, **_amount(found, "net_new", "net", metric, level))


def from_counters(found: Decomposition, level: float = 0.95) -> str:
    """How much of the counters' shortfall the gain amounts to."""
    if found.interval("from_counters", level).low <= 0:
        return _("Payments at counters are not seen to have fallen.")
    share, interval = found.ratio("digital_gain", "from_counters", level)
    text = N_(
        "The gain is {share:percent} of what was missing at counters ({interval:percent}). If no digital customer "
        "stayed away because of the event, no larger share was paid digitally on the same day; the rest was paid on "
        "another day, or not at all."
    )
    if interval.low > 1:
        text = N_(
            "The gain is {share:percent} of what was missing at counters ({interval:percent}): not all is theirs."
        )
    return fill(text, share=share, interval=interval)


def reconciled(found: Decomposition, metric: str = "count") -> str:
    """What the headline moved."""
    step = words.step(*found.interval("digital_gain"))
    before = found.parts["digital_gain"] - found.moved
    return fill(
        N_(
            "By the regression on both sides of the window alone the gain would be {before}; reconciling it with the "
            "effect that every report gives moved it by {moved}."
        ),
        before=words.quantity(before, metric, step, signed=True),
        moved=words.quantity(found.moved, metric, step, signed=True),
    )


def parts(found: Decomposition, metric: str = "count", level: float = 0.95) -> pd.DataFrame:
    """The parts of the gain, with intervals; the last row is their sum."""
    order = ["from_counters", "from_other_days", "pulled_forward", "postponed", "net_new", "digital_gain"]
    table = found.frame(level).set_index("part").loc[order].reset_index()
    table["interval"] = list(zip(table["low"], table["high"], strict=True))
    kind = words.table_kind(metric)
    formats = FORMATS | {"estimate": f"+{kind}", "interval": f"+{kind}"}
    return headed(_named(table[["part", "estimate", "interval", "share"]]), HEADINGS, formats)


def lasting(found: Persistence) -> str:
    """The digital share on the day after, and how long its rise lasts."""
    if not found.half_life > 0:
        return words.marked(words.half_life(found))
    text = N_(
        "On the first working day after the event the digital share was higher by {first:points} ({interval:+points})."
    )
    first = fill(text, first=found.first, interval=found.first_interval)
    return words.marked(f"{first} {words.half_life(found)}")


def placebo_parts(rows: pd.DataFrame, limit: float = 1.96) -> pd.DataFrame:
    """Parts of ordinary dates, from `displacement.placebo_parts`: how often they look like something."""
    far = rows.assign(t=rows["t"].abs(), beyond=rows["t"].abs() > limit).groupby("part")
    table = far.agg(dates=("t", "size"), beyond=("beyond", "sum"), largest=("t", "max"))
    table = table.loc[["digital_gain", "from_counters", "from_other_days", "net_new"]].reset_index()
    return headed(_named(table), HEADINGS, FORMATS)


def coverage(metric: str = "count") -> pd.DataFrame:
    """How often each part's interval held its truth on simulated years; see data/derived."""
    table = _coverage().query("metric == @metric").drop(columns="metric")
    return headed(_named(table), HEADINGS, FORMATS)


def covered(least: float = 0.9) -> str:
    """Whether every part's interval of 95% kept its promise, in payments and in money; those that did not are named."""
    table = _named(_coverage())
    short = table[table["95"] < least].assign(
        part=lambda rows: rows["part"] + " (" + rows["metric"].map(words.metric) + ")"
    )
    text = N_(
        "Intervals of 95% held the truth in {held:percent.1} of the years for the part that did worst, in payments or "
        "in money."
    )
    if len(short):
        text = N_(
            "The interval of 95% held the truth in fewer than {least:percent} of the years for: {parts}. It is too "
            "short there."
        )
    return fill(text, held=float(table["95"].min()), least=least, parts=words.listing(list(short["part"])))


def _comparable(n: int) -> str:
    return filled(ngettext("{n:number.0} comparable day", "{n:number.0} comparable days", n), n=n)


def _coverage() -> pd.DataFrame:
    return displacement.coverage(pd.read_csv(DERIVED / "displacement-coverage.csv"))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """With parts as a reader calls them."""
    return table.assign(part=[words.part(code) for code in table["part"]])


def _amount(
    found: Decomposition, part: str, name: str, metric: str, level: float, sign: int = 1
) -> dict[str, str]:
    low, high = sorted(sign * end for end in found.interval(part, level))
    step = words.step(low, high)
    interval = words.interval(low, high, words.kind(metric), step=step)
    amount = words.quantity(sign * found.parts[part], metric, step, signed=True)
    return {name: amount, f"{name}_interval": interval}
