"""Sentences and tables on groups."""

from __future__ import annotations

import pandas as pd

from analysis.disclosure import count
from analysis.groups import GroupEffects
from analysis.words import Text, Value, joined, of_results, plural, text
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


def struck(found: GroupEffects, alpha: float = 0.05) -> Value:
    """How many groups stand out, judged alone and together.

    Named together are those that stand out alone too; who is named for the family is so for the false discovery rate.
    """
    table = found.table.dropna(subset=["p_value"])
    single = table["p_value"] <= alpha
    of_family = single & (table["p_family"] <= alpha)
    family, discovered = int(of_family.sum()), int((of_family | (table["q_value"] <= alpha)).sum())
    alone = plural(
        int(single.sum()),
        "Judged one by one, {alone:number.0} of {n:number.0} [stands|stand] out at the level of {alpha:percent.0}; "
        "chance alone makes {chance:number.1} expected.",
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


def contributions(found: GroupEffects, by: str = "entity", few: int = 12) -> pd.DataFrame:
    """The largest contributions with their intervals, and all others in one row, so that the column adds up."""
    table = found.table
    shown = table[~table["suppressed"] & table["p_value"].notna()]
    first, rest = shown.iloc[:few], table.drop(shown.index[:few])
    sums = ["observed", "expected", "effect"]
    columns = [by, *sums, "effect_low", "effect_high", "contribution", "p_family", "q_value"]
    if len(rest):
        last = rest[[*sums, "contribution"]].sum().to_frame().T.assign(**{by: TOGETHER})
        first = pd.concat([first, last], ignore_index=True)
    return first[columns]
