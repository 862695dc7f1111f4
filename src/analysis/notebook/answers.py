"""The effect of each metric over each baseline and by each estimator, the truth where it is known, and what is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis.effect import COMPARISONS, ESTIMATORS, RECOMMENDED, Effect, estimate
from analysis.study import Study
from analysis.windows import BASELINES, Windows
from analysis.words import Text, Value, joined, marked, of_results, plural, sureness, text

DERIVED = Path(__file__).parents[3] / "data" / "derived"
Found = dict[str, dict[str, Effect]]  # baseline -> metric -> effect


class Refused(NamedTuple):
    """An estimator that the days do not allow, and why."""

    estimator: str
    estimand: str
    reason: str


def leading(metrics: Sequence[str]) -> list[str]:
    """The metrics that are drawn and told in words: value and count, or else the first."""
    return [metric for metric in ("value", "count") if metric in metrics] or list(metrics[:1])


def counted(metrics: Sequence[str]) -> str:
    """The metric that groups and the next edition are told in: the number of payments, or else the first."""
    return "count" if "count" in metrics else metrics[0]


def baselines(windows: Windows) -> tuple[str, ...]:
    """Those that differ: without a campaign the two are one question."""
    return BASELINES if len(windows.campaign_days) else BASELINES[:1]


def by_metric(
    daily: Mapping[str, pd.Series], windows: Windows, covariates: pd.DataFrame | None = None
) -> Found:
    """The effect on each metric over each baseline, by the recommended estimator."""
    return {
        baseline: {
            metric: estimate(series, windows, baseline=baseline, covariates=covariates)
            for metric, series in daily.items()
        }
        for baseline in baselines(windows)
    }


def by_estimator(
    daily: pd.Series, windows: Windows, covariates: pd.DataFrame | None = None
) -> tuple[list[Effect], list[Refused]]:
    """The effect on one metric by every estimator over each baseline, and those that the days do not allow."""
    effects, refused = [], []
    for baseline in baselines(windows):
        for name in ESTIMATORS:
            beside = {"covariates": covariates} if name == RECOMMENDED else {}
            try:
                effects.append(estimate(daily, windows, name, baseline, **beside))
            except ValueError as reason:
                refused.append(Refused(name, baseline, str(reason)))
    return effects, refused


def against_donors(study: Study, metric: str) -> list[Effect]:
    """The effect on one metric against the study's donors, by each comparison; none where it names no donors."""
    if not study.donors:
        return []
    daily, donors = study.daily(metric), study.untouched(metric)
    return [estimate(daily, study.windows, name, donors=donors) for name in COMPARISONS]


def announced(study: Study, metric: str) -> float | None:
    """The growth that was announced for this event and metric, as a fraction; None where none was."""
    published = study.published() if study.figures and metric == "value" else None
    if published is None or "growth_announced" not in published.index:
        return None
    return float(published.loc["growth_announced", "value"]) / 100


def facts(effects: Iterable[Effect], level: float = 0.95) -> pd.DataFrame:
    """One row an effect: what was observed and expected, the effect, their intervals of `level`, the p-value."""
    sizes = [f"{name}{end}" for name in ("expected", "absolute", "relative") for end in ("", "_low", "_high")]
    columns = ["metric", "estimator", "estimand", "observed", *sizes, "p_value", "days_used"]
    return pd.DataFrame([effect.to_dict(level) for effect in effects], columns=columns)


def metrics(found: Found, level: float = 0.95) -> pd.DataFrame:
    """`facts` of every metric over each baseline."""
    return facts((found[baseline][metric] for metric in found["pre-week"] for baseline in found), level)


def methods(effects: Sequence[Effect], level: float = 0.95) -> pd.DataFrame:
    """`facts` in one row a method, its columns once a baseline: `pre-week_expected`, `history_expected`."""
    rows = facts(effects, level)
    first = ["metric", "estimator", "days_used"]
    table = rows.drop_duplicates("estimator")[first]
    for estimand, part in rows.drop(columns=["metric", "days_used"]).groupby("estimand", sort=False):
        part = part.drop(columns="estimand").set_index("estimator").add_prefix(f"{estimand}_")
        table = table.merge(part, "left", left_on="estimator", right_index=True)
    return table


def truth(found: Found, known: Mapping, windows: Windows, level: float = 0.95) -> pd.DataFrame:
    """Each effect beside the true one that `simulate` wrote next to its ledger: `Study.truth`.

    Those of `facts` with expected_true, absolute_true, relative_true and covered (the interval of `level` holds the
    truth). No rows where no truth is known for this event or metric.
    """
    one_day = windows.event_start == windows.event_end
    of_event = one_day and known.get("event") == f"{windows.event_start:%Y-%m-%d}"
    kept, rows = [], []
    for estimand, effects in found.items() if of_event else ():
        for metric, effect in effects.items():
            true = known["effect"][estimand].get(metric)
            if true is None or abs(true["observed"] - effect.observed) > 1e-6 * abs(effect.observed):
                continue  # another scope than the whole ledger, such as some entities alone
            low, high = effect.expected_interval(level)
            kept.append(effect)
            rows.append({f"{name}_true": true[name] for name in ("expected", "absolute", "relative")})
            rows[-1]["covered"] = low <= true["expected"] <= high
    columns = ["expected_true", "absolute_true", "relative_true", "covered"]
    return facts(kept, level).join(pd.DataFrame(rows, columns=columns))


def coverage(rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """How often intervals held the truth over simulated years, by default those kept in data/derived.

    Columns: metric, estimand, bias (mean of expected over truth, less 1), half (median half width of the 95 % interval
    over the truth), held_80, held_95 (shares of the years).
    """
    rows = pd.read_csv(DERIVED / "effect-coverage.csv") if rows is None else rows
    truth = rows["truth"]
    measured = rows[["metric", "estimand"]].assign(
        bias=rows["expected"] / truth - 1,
        half=(rows["high_95"] - rows["low_95"]) / 2 / truth,
        held_80=truth.between(rows["low_80"], rows["high_80"]),
        held_95=truth.between(rows["low_95"], rows["high_95"]),
    )
    of = {"bias": "mean", "half": "median", "held_80": "mean", "held_95": "mean"}
    return measured.groupby(["metric", "estimand"], sort=False).agg(of).reset_index()


# --- sentences ---------------------------------------------------------------------------------------------------


@of_results
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
    return text("Over the time before the campaign, what the campaign did included: {parts}.", parts=parts)


def compared(effects: Sequence[Effect], refused: Sequence[Refused] = (), level: float = 0.95) -> Value:
    """How far the method moves the day's effect, and which methods the days do not allow."""
    day = {effect.estimator: effect for effect in effects if effect.estimand == "pre-week"}
    sizes = [effect.relative for effect in day.values()]
    intervals = [effect.confidence_interval(level) for effect in day.values()]
    spread = plural(
        len(day),
        "By {n:number.0} [method|methods] the effect of the day runs from {low:+percent} to {high:+percent}.",
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


def warnings(found: Found) -> Value | None:
    """What the estimates ask their reader to know."""
    every = (warning for of in found.values() for effect in of.values() for warning in effect.warnings)
    said = [Value(warning, "name") for warning in dict.fromkeys(every)]
    return joined(*said) if said else None


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
