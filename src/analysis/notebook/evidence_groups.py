"""Sentences and tables on groups, in the language spoken; see `words`."""

from __future__ import annotations

import pandas as pd

from analysis import words
from analysis.disclosure import count, together
from analysis.groups import GroupEffects
from analysis.notebook.tables import headed
from analysis.words import N_, _, fill, filled, ngettext

HEADINGS = {
    "entity": N_("Entity"),
    "channel": N_("Channel"),
    "service": N_("Service"),
    "observed": N_("Observed"),
    "expected": N_("Expected"),
    "effect": N_("Effect"),
    "effect_interval": N_("Interval of the effect"),
    "contribution": N_("Share of the total"),
    "p_family": N_("P-value, among all"),
    "q_value": N_("False discovery rate"),
    "by": N_("Groups"),
    "before": N_("Sum of the groups"),
    "whole": N_("The effect that every report gives"),
    "moved": N_("Moved"),
}
FORMATS = {
    "observed": "number.0",
    "expected": "number.0",
    "effect": "+number.0",
    "effect_interval": "+number.0",
    "contribution": "percent.1",
    "p_family": "number.3",
    "q_value": "number.3",
    "before": "+number.0",
    "whole": "+number.0",
    "moved": "+number.0",
}


def carried(found: GroupEffects, few: int = 5) -> str:
    """How much of the total the largest contributions make, where there are more groups than those."""
    shown = found.table[found.table["p_value"].notna()]
    if len(shown) <= few:
        return ""
    n = count(found.table.loc[~found.table["suppressed"], found.table.columns[0]])
    return words.marked(
        filled(
            ngettext(
                "Of {n:number.0} entity, the {few:number.0} with the largest effects make {share:percent} of the "
                "total; they had {expected:percent} of the payments that were expected.",
                "Of {n:number.0} entities, the {few:number.0} with the largest effects make {share:percent} of the "
                "total; they had {expected:percent} of the payments that were expected.",
                n,
            ),
            n=n,
            few=few,
            share=float(shown["contribution"].iloc[:few].sum()),
            expected=float(shown["expected"].iloc[:few].sum() / found.table["expected"].sum()),
        )
    )


def differ(found: GroupEffects) -> str:
    """How far the effects of groups lie apart."""
    shown = found.table["relative"].dropna()
    return fill(
        N_(
            "The effects of entities, drawn towards one another and reconciled, lie within {range:+percent}, half of "
            "them above {middle:+percent}. The true effects differ from one another by about {tau:points} in standard "
            "deviation."
        ),
        range=(float(shown.min()), float(shown.max())),
        middle=float(shown.median()),
        tau=found.pooled.tau,
    )


def struck(found: GroupEffects, alpha: float = 0.05) -> str:
    """How many groups stand out, judged alone and together.

    Named together are those that stand out alone too; who is named for the family is so for the false discovery rate.
    """
    table = found.table.dropna(subset=["p_value"])
    single = table["p_value"] <= alpha
    of_family = single & (table["p_family"] <= alpha)
    family, discovered = int(of_family.sum()), int((of_family | (table["q_value"] <= alpha)).sum())
    many = int(single.sum())
    alone = filled(
        ngettext(
            "Judged one by one, {alone:number.0} of {n:number.0} stands out at the level of {alpha:percent.0}; chance "
            "alone makes {chance:number.1} expected.",
            "Judged one by one, {alone:number.0} of {n:number.0} stand out at the level of {alpha:percent.0}; chance "
            "alone makes {chance:number.1} expected.",
            many,
        ),
        n=len(table),
        alpha=alpha,
        chance=alpha * len(table),
        alone=many,
    )
    text = ngettext(
        "Judged together, {family:number.0} does, and {found:number.0} if {alpha:percent.0} of those named may be "
        "wrong.",
        "Judged together, {family:number.0} do, and {found:number.0} if {alpha:percent.0} of those named may be wrong.",
        family,
    )
    if not family and not discovered:
        text = _("Judged together, none does, even if {alpha:percent.0} of those named may be wrong.")
    return f"{alone} {filled(text, alpha=alpha, family=family, found=discovered)}"


def hidden(found: GroupEffects) -> str:
    """How many groups are not shown one by one, and why."""
    return fill(
        N_(
            "Groups not shown one by one, since too few people paid, one paid most of it, or they hide such a group: "
            "{n:number.0}. They stand together in one row or are part of the last."
        ),
        n=together(found.table.iloc[:, 0]) or int(found.table["suppressed"].sum()),
    )


def forest(found: GroupEffects, by: str = "entity", few: int = 36) -> pd.DataFrame:
    """The largest groups for `figures.entities`: pooled effects, and each group's own."""
    shown = found.table.dropna(subset=["relative"]).nlargest(few, "expected")
    return shown.sort_values("relative", ascending=False)[[by, "relative", "low", "high", "own"]].reset_index(
        drop=True
    )


def contributions(
    found: GroupEffects, by: str = "entity", metric: str = "count", few: int = 12
) -> pd.DataFrame:
    """The largest contributions with their intervals, and all others in one row, so that the column adds up."""
    table = found.table
    shown = table[~table["suppressed"] & table["p_value"].notna()]
    first, rest = shown.iloc[:few], table.drop(shown.index[:few])
    columns = ["observed", "expected", "effect", "contribution", "p_family", "q_value"]
    interval = list(zip(first["effect_low"], first["effect_high"], strict=True))
    rows = first[[by, *columns]].assign(effect_interval=interval)
    order = [by, "observed", "expected", "effect", "effect_interval", "contribution", "p_family", "q_value"]
    if len(rest):
        last = {by: _("All others together"), "effect_interval": None}
        last |= {name: float(rest[name].sum()) for name in columns[:4]}
        rows = pd.concat([rows, pd.DataFrame([last])], ignore_index=True)
    money = {"observed": "money", "expected": "money", "effect": "+money", "effect_interval": "+money"}
    return headed(rows[order], HEADINGS, FORMATS | (money if words.kind(metric) == "money" else {}))


def moved(found: dict[str, GroupEffects]) -> pd.DataFrame:
    """What reconciliation added to the sum of the groups' effects, by the column that makes the groups."""
    rows = [
        {"by": words.heading(by), "before": one.total - one.moved, "whole": one.total, "moved": one.moved}
        for by, one in found.items()
    ]
    return headed(pd.DataFrame(rows), HEADINGS, FORMATS)
