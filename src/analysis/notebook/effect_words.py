"""Sentences and tables on the effect itself, metric by metric and method by method; see `words`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis import words
from analysis.effect import RECOMMENDED, Effect
from analysis.model.design import SHARED
from analysis.notebook import answers
from analysis.notebook.answers import Found, Refused, leading
from analysis.notebook.tables import capital, headed
from analysis.words import N_, _, fill, filled, ngettext

HEADINGS = {
    "metric": N_("Metric"),
    "estimand": N_("Baseline"),
    "estimator": N_("Estimator"),
    "observed": N_("Observed"),
    "expected": N_("Expected"),
    "effect": N_("Effect"),
    "interval": N_("Interval"),
    "days_used": N_("Days learned from"),
    "column": N_("Column"),
    "coefficient": N_("Coefficient"),
    "error": N_("Standard error"),
    "t": N_("t statistic"),
    "pre-week_expected": N_("Day: expected"),
    "pre-week_p_value": N_("Day: p-value"),
    "history_expected": N_("Initiative: expected"),
    "history_p_value": N_("Initiative: p-value"),
    "true": N_("True effect"),
    "covered": N_("Interval holds it"),
    "expected_true": N_("Truth: expected"),
    "absolute_true": N_("Truth: effect"),
    "relative_true": N_("Truth: effect, relative"),
    "bias": N_("Mean error of what was expected"),
    "half": N_("Half width of the 95% interval"),
    "held_80": N_("Truth held, of 80%"),
    "held_95": N_("Truth held, of 95%"),
}
BASELINES = {"pre-week": N_("Week before"), "history": N_("Before the campaign")}  # short, for tables
TEXTS = ("metric", "estimand", "estimator", "covered")  # every other column is set as numbers


def initiative(found: Found, level: float = 0.95) -> str:
    """What the initiative added over the time before its campaign, for the leading metrics."""
    effects = found["history"]
    parts = [
        fill(
            N_("{metric:metric} {effect:+percent} ({level:percent} interval: {interval:+percent})"),
            metric=metric,
            effect=effects[metric].relative,
            level=level,
            interval=effects[metric].confidence_interval(level, relative=True),
        )
        for metric in leading(list(effects))
    ]
    text = _("Over the time before the campaign, what the campaign did included: {parts}.")
    return words.marked(text.format(parts=words.listing(parts)))


def compared(effects: Sequence[Effect], refused: Sequence[Refused] = (), level: float = 0.95) -> str:
    """How far the method moves the day's effect, and which methods the days do not allow."""
    day = {effect.estimator: effect for effect in effects if effect.estimand == "pre-week"}
    sizes = [effect.relative for effect in day.values()]
    intervals = [effect.confidence_interval(level) for effect in day.values()]
    parts = [
        filled(
            ngettext(
                "By {n:number.0} method the effect of the day runs from {low:+percent} to {high:+percent}.",
                "By {n:number.0} methods the effect of the day runs from {low:+percent} to {high:+percent}.",
                len(day),
            ),
            n=len(day),
            low=min(sizes),
            high=max(sizes),
        )
    ]
    if RECOMMENDED in day:
        parts.append(fill(N_("The recommended one says {x:+percent}."), x=day[RECOMMENDED].relative))
    parts.append(
        fill(
            N_("Intervals that exclude zero: {clear:number.0} of {n:number.0}."),
            clear=sum(not low <= 0 <= high for low, high in intervals),
            n=len(day),
        )
    )
    text = words.marked(" ".join(parts))
    left_out = N_("{method} cannot be used here: {reason}.")
    told = [
        fill(left_out, method=words.method(estimator), reason=words.reason(reason))
        for estimator, estimand, reason in refused
        if estimand == "pre-week"
    ]
    return " ".join([text, *told])


def eve(effects: Sequence[Effect], announced: float | None, level: float = 0.95) -> str:
    """The announcement's own comparison, with its interval."""
    eve = next(e for e in effects if e.estimator == "day_before" and e.estimand == "pre-week")
    text = words.marked(
        fill(
            N_(
                "Over the day before, the {metric:metric} changed by {growth:+percent.1}. Ordinary days differ so much "
                "from their day before that the {level:percent} interval of an effect found in this way is "
                "{interval:+percent.0}."
            ),
            metric=eve.metric,
            growth=eve.relative,
            level=level,
            interval=eve.confidence_interval(level, relative=True),
        )
    )
    if announced is None:
        return text
    said = N_("Announced was {announced:+percent}, by this comparison.")
    return f"{text} {fill(said, announced=announced)}"


def sure(found: Found) -> str:
    """How often ordinary days depart as far, for the leading metrics over the week before."""
    effects = found["pre-week"]
    return " ".join(
        f"{capital(words.metric(metric))}: {words.sureness(effects[metric])}"
        for metric in leading(list(effects))
    )


def warnings(found: Found) -> str:
    """What the estimates ask their reader to know."""
    said = dict.fromkeys(
        warning for effects in found.values() for effect in effects.values() for warning in effect.warnings
    )
    return " ".join(map(words.name, said)) or _("No estimate in this table carries a warning.")


def known(table: pd.DataFrame) -> str:
    """How many intervals hold the truth, from `answers.truth`."""
    if table.empty:
        return _("The data are not simulated by this project, so the true effect is not known.")
    return words.marked(
        fill(
            N_(
                "The true effect was written down when the year was simulated. Intervals that hold it: "
                "{held:number.0} of {n:number.0}."
            ),
            n=len(table),
            held=int(table["covered"].sum()),
        )
    )


# --- tables: what a reader sees is written out, the CSV keeps the numbers ---------------------------------------


def metrics(found: Found, level: float = 0.95) -> pd.DataFrame:
    """Every metric over each baseline."""
    effects = [found[baseline][metric] for metric in found["pre-week"] for baseline in found]
    rows = [{"metric": effect.metric, **_facts(effect, level)} for effect in effects]
    told = [
        {
            "metric": capital(words.metric(effect.metric)),
            "estimand": _baseline(effect.estimand),
            **_told(effect, level),
        }
        for effect in effects
    ]
    return _table(rows, told, ["metric", "estimand", "observed", "expected", "effect", "interval"])


def methods(effects: Sequence[Effect], level: float = 0.95) -> pd.DataFrame:
    """What every method expected over each baseline, one row a method; the figure beside it tells the effects."""
    told: dict[str, dict[str, str]] = {}
    for effect in effects:
        row = told.setdefault(effect.estimator, {"estimator": words.method(effect.estimator)})
        size = _told(effect, level)
        row |= {f"{effect.estimand}_{name}": size[name] for name in ("expected", "p_value")}
        row.setdefault("days_used", words.number(len(effect.days_used)))
    rows = [{"estimator": effect.estimator, **_facts(effect, level)} for effect in effects]
    estimands = dict.fromkeys(effect.estimand for effect in effects)
    ends = ("expected", "p_value")
    shown = ["estimator", *(f"{one}_{end}" for one in estimands for end in ends), "days_used"]
    seen = [{name: row.get(name, "–") for name in shown} for row in told.values()]
    return _table(rows, seen, shown)


def regression(effect: Effect) -> pd.DataFrame:
    """The columns of the recommended regression, as statsmodels fits it at the likeliest error process.

    Random effects, a column a day of the month or weekday, stay out.
    """
    fit = effect.regression
    rows = [
        {"column": name, "coefficient": fit.params[name], "error": fit.bse[name], "t": fit.tvalues[name]}
        for name in fit.params.index
        if not name.startswith(SHARED)
    ]
    shown = pd.DataFrame([row | {"column": capital(words.coefficient(row["column"]))} for row in rows])
    table = headed(shown, HEADINGS, {"coefficient": "+number.3", "error": "number.3", "t": "+number.1"})
    table.attrs["csv"] = rows
    return table


def truths(table: pd.DataFrame, found: Found, level: float = 0.95) -> pd.DataFrame:
    """`answers.truth` beside the intervals."""
    told = []
    for row in table.itertuples():
        effect = found[row.estimand][row.metric]
        share = words.kind(row.metric) == "percent"
        true = row.absolute_true if share else row.relative_true
        size = _told(effect, level)
        told.append(
            {
                "metric": capital(words.metric(row.metric)),
                "estimand": _baseline(row.estimand),
                "effect": size["effect"],
                "interval": size["interval"],
                "true": _points(true, 0.001) if share else words.percent(true, 0.001, signed=True),
                "covered": _("yes") if row.covered else _("no"),
            }
        )
    return _table(
        table.to_dict("records"), told, ["metric", "estimand", "effect", "interval", "true", "covered"]
    )


def coverage() -> pd.DataFrame:
    """How often the intervals held the truth of simulated years; see `answers.coverage`."""
    table = answers.coverage()
    rows = table.to_dict("records")
    told = [
        {
            "metric": capital(words.metric(row["metric"])),
            "estimand": _baseline(row["estimand"]),
            "bias": words.percent(row["bias"], 0.001, signed=True),
            "half": words.percent(row["half"], 0.001),
            "held_80": words.percent(row["held_80"], 0.001),
            "held_95": words.percent(row["held_95"], 0.001),
        }
        for row in rows
    ]
    return _table(rows, told, ["metric", "estimand", "bias", "half", "held_80", "held_95"])


def _facts(effect: Effect, level: float) -> dict:
    """The numbers of one effect for the CSV."""
    facts = effect.to_dict(level)
    names = ["estimand"] + [
        name for name in facts if name.split("_")[0] in ("observed", "expected", "absolute", "relative")
    ]
    return {name: facts[name] for name in (*names, "p_value", "days_used")}


def _told(effect: Effect, level: float) -> dict[str, str]:
    """One effect in words; a share's in percentage points, any other's in per cent."""
    share = words.kind(effect.metric) == "percent"
    low, high = effect.confidence_interval(level, relative=not share)
    step = words.step(low, high)
    step = 0.01 if step is None else min(step, 0.01)  # an end far out must not round the other away
    size = effect.absolute if share else effect.relative
    unit = words.step(*effect.expected_interval(level), effect.expected)
    return {
        "observed": words.quantity(effect.observed, effect.metric, unit),
        "expected": words.quantity(effect.expected, effect.metric, unit),
        "effect": _points(size, step) if share else words.percent(size, step, signed=True),
        "interval": words.interval(100 * low, 100 * high, step=100 * step)
        if share
        else words.interval(low, high, "percent", step=step),
        "p_value": words.p_value(effect.p_value),
    }


def _baseline(estimand: str) -> str:
    if not words.setting().campaign:
        return _("Days before")
    return _(BASELINES[estimand])


def _points(size: float, step: float) -> str:
    """Percentage points, short."""
    return _("{n} points").format(n=words.number(100 * size, 100 * step, signed=True))


def _table(rows: list[dict], told: list[dict], shown: list[str]) -> pd.DataFrame:
    """What the reader sees, under its headings; the numbers under their codes are for the CSV."""
    table = pd.DataFrame(told, columns=shown).rename(columns=HEADINGS)
    table.attrs["formats"] = {HEADINGS[name]: "number" for name in shown if name not in TEXTS}
    table.attrs["headings"] = HEADINGS
    table.attrs["csv"] = rows
    return table
