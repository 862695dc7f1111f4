"""Sentences and tables on groups."""

from __future__ import annotations

import pandas as pd

from analysis.disclosure import count
from analysis.groups import GroupEffects
from analysis.words import Text, Value, joined, of_results, plural, step, text
from analysis.words.terms import TOGETHER


@of_results
def carried(found: GroupEffects, few: int = 5) -> Text | Value | None:
    """How much of the total the largest contributions make, where there are more groups than those."""
    shown = found.table[found.table["p_value"].notna()]
    if len(shown) <= few:
        return None
    return plural(
        count(found.table.loc[~found.table["suppressed"], found.table.columns[0]]),
        "Of {n:number.0} [entity,|entities,] the {few:number.0} with the largest effects make {share:percent} of "
        "the total; they had {expected:percent} of the payments that were expected.",
        few=few,
        share=float(shown["contribution"].iloc[:few].sum()),
        expected=float(shown["expected"].iloc[:few].sum() / found.table["expected"].sum()),
    )


def differ(found: GroupEffects, few: int = 5) -> Value:
    """How far the effects of entities lie apart, and how far beyond chance."""
    effects = found.table["relative"].dropna()
    ends = (effects.min(), effects.max())
    rounding = min(step(*ends) or 0.01, 0.01)
    spread = text(
        "The effects of entities, drawn towards one another and reconciled, lie within {range}.",
        range=Value(ends, "+percent", rounding),
    )
    half = text("Half of them lie above {middle}.", middle=Value(effects.median(), "+percent", rounding))
    beyond = text(
        "The true effects are estimated to differ from one another by about {tau:points} in standard deviation.",
        tau=found.pooled.tau,
    )
    if found.pooled.tau < 0.0005:  # nothing, as it would be written
        beyond = text("No difference between the entities is seen beyond chance.")
    return joined(spread, len(effects) >= few and half, beyond)


def struck(found: GroupEffects, metric: str = "count", alpha: float = 0.05) -> Text | Value:
    """How many groups stand out, judged alone and together, where there are dates enough to tell.

    Named together are those that stand out alone too; who is named for the family is so for the false discovery rate.
    """
    if not tells(found, alpha):
        return plural(
            found.dates,
            "With {n:number.0} comparable [date|dates] no p-value below {floor:p} is possible: single groups cannot be "
            "told from chance.",
            floor=1 / (found.dates + 1),
        )
    table = found.table.dropna(subset=["p_value"])
    single = table["p_value"] <= alpha
    of_family = single & (table["p_family"] <= alpha)
    family, discovered = int(of_family.sum()), int((of_family | (table["q_value"] <= alpha)).sum())
    alone = plural(
        int(single.sum()),
        "By the {metric:metric}, judged one by one, {alone:number.0} of {n:number.0} [stands|stand] out at the level "
        "of {alpha:percent.0}; by chance alone {chance:number.1} would be expected to.",
        metric=metric,
        alone=int(single.sum()),
        n=len(table),
        alpha=alpha,
        chance=alpha * len(table),
    )
    if not discovered:
        return joined(
            alone,
            text(
                "Judged together, none does, even if {alpha:percent.0} of those named may be wrong.",
                alpha=alpha,
            ),
        )
    both = plural(
        family,
        "Judged together, {family:number.0} [does,|do,] and {found:number.0} if {alpha:percent.0} of those named may "
        "be wrong.",
        family=family,
        found=discovered,
        alpha=alpha,
    )
    return joined(alone, both)


def tells(found: GroupEffects, alpha: float = 0.05) -> bool:
    """Whether there are placebo dates enough for a p-value at the level."""
    return 1 / (found.dates + 1) <= alpha


def contributions(found: GroupEffects, by: str = "entity", few: int = 12) -> pd.DataFrame:
    """The largest contributions with their intervals, and all others in one row, so that the column adds up."""
    table = found.table
    shown = table[~table["suppressed"] & table["p_value"].notna()]
    first, rest = shown.iloc[:few], table.drop(shown.index[:few])
    sums = ["observed", "expected", "effect"]
    columns = [by, *sums, "effect_low", "effect_high", "contribution"]
    columns += ["p_family", "q_value"] if tells(found) else []
    if len(rest):
        last = rest[[*sums, "contribution"]].sum().to_frame().T.assign(**{by: TOGETHER})
        first = pd.concat([first, last], ignore_index=True)
    return first[columns]
