"""Sentences and tables on groups and on the next edition, in the language spoken; see `words`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from analysis import power, words
from analysis.effect import Effect
from analysis.groups import GroupEffects
from analysis.model.pooling import RandomEffects
from analysis.notebook.tables import headed
from analysis.words import N_, _, fill

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
    "length": N_("Length of the edition"),
    "weekday": N_("Weekday"),
    "history": N_("History before it"),
    "detectable": N_("Detectable effect"),
    "simulated": N_("The same, by effects put on ordinary dates"),
    "false_alarms": N_("False alarms"),
    "dates": N_("Ordinary dates tried"),
    "design": N_("Design"),
    "closures": N_("Closures"),
    "coverage": N_("Truth held by the interval"),
    "power": N_("Finds the effect"),
    "second": N_("Second edition"),
    "mean": N_("Both pooled"),
    "mean_interval": N_("Interval of the pooled effect"),
    "same": N_("P-value that both are alike"),
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
    "detectable": "percent.1",
    "simulated": "percent.1",
    "false_alarms": "percent.1",
    "dates": "number.0",
    "closures": "number.0",
    "coverage": "percent.1",
    "power": "percent",
    "second": "+percent.1",
    "mean": "+percent.1",
    "mean_interval": "+percent",
    "same": "number.2",
}
DESIGNS = {
    power.DESIGNS[0]: N_("All entities on one day"),
    power.DESIGNS[1]: N_("All entities on two days a week apart"),
    power.DESIGNS[2]: N_("Half of the entities, drawn by lot, on one day"),
    power.DESIGNS[3]: N_("Each half of the entities on a day of its own"),
    power.DESIGNS[4]: N_("Each entity on one day of a week, drawn by lot"),
}


# --- who responded? ---------------------------------------------------------------------------------------------


def carried(found: GroupEffects, few: int = 5) -> str:
    """How much of the total the largest contributions make."""
    shown = found.table[found.table["p_value"].notna()]
    return words.marked(
        fill(
            N_(
                "Of {n:number.0} entities, the {few:number.0} with the largest effects make {share:percent} of the "
                "total; they had {expected:percent} of the payments that were expected."
            ),
            n=len(shown) + int(found.table["suppressed"].sum()),
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
    """How many groups stand out, judged alone and together."""
    table = found.table.dropna(subset=["p_value"])
    family, discovered = (int((table[name] <= alpha).sum()) for name in ("p_family", "q_value"))
    alone = fill(
        N_(
            "Judged one by one, {alone:number.0} of {n:number.0} stand out at the level of {alpha:percent.0}; chance "
            "alone makes {chance:number.0} expected."
        ),
        n=len(table),
        alpha=alpha,
        chance=alpha * len(table),
        alone=int((table["p_value"] <= alpha).sum()),
    )
    text = N_(
        "Judged together, {family:number.0} do, and {found:number.0} if {alpha:percent.0} of those named may be wrong."
    )
    if not family and not discovered:
        text = N_("Judged together, none does, even if {alpha:percent.0} of those named may be wrong.")
    return f"{alone} {fill(text, alpha=alpha, family=family, found=discovered)}"


def hidden(found: GroupEffects) -> str:
    """How many groups are suppressed."""
    return fill(
        N_("Groups not shown because too few people paid: {n:number.0}. They are part of the last row."),
        n=int(found.table["suppressed"].sum()),
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
    return headed(rows[order], HEADINGS, FORMATS | (money if words.KINDS.get(metric) == "money" else {}))


def moved(found: dict[str, GroupEffects]) -> pd.DataFrame:
    """What reconciliation added to the sum of the groups' effects, by the column that makes the groups."""
    rows = [
        {"by": words.heading(by), "before": one.total - one.moved, "whole": one.total, "moved": one.moved}
        for by, one in found.items()
    ]
    return headed(pd.DataFrame(rows), HEADINGS, FORMATS)


# --- the next edition -------------------------------------------------------------------------------------------


def least(table: pd.DataFrame, target: float = 0.8) -> str:
    """What one day shows, and what a longer edition shows."""
    plain = table[table["weekday"].isna() & (table["history"] == "all") & ~table["comparison"]]
    one, longest = plain.iloc[0], plain.iloc[-1]
    return words.marked(
        fill(
            N_(
                "One day shows an effect of {one:percent.1} or more with a probability of {target:percent}. An "
                "edition of {days:number.0} days shows an effect of {long:percent.1} a day."
            ),
            one=float(one["detectable"]),
            target=target,
            days=int(longest["length"]),
            long=float(longest["detectable"]),
        )
    )


def staggered(table: pd.DataFrame) -> str:
    """The best design that closes each entity once, against all at once."""
    once = table[table["closures"] == table["closures"].iloc[0]]
    best = once.loc[once["detectable"].idxmin()]
    return fill(
        N_(
            "With as many closures as on the one day, the best design is this one: {design}. It shows an effect of "
            "{best:percent.1}, where all entities on one day show {one:percent.1}."
        ),
        design=_lower(_(DESIGNS[best["design"]])),
        best=float(best["detectable"]),
        one=float(table["detectable"].iloc[0]),
    )


def by_length(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `power.detectable` that differ by length."""
    rows = table[table["weekday"].isna() & (table["history"] == "all") & ~table["comparison"]]
    return _detectable(rows.assign(length=[_days(n) for n in rows["length"]]), "length")


def by_weekday(table: pd.DataFrame, first: int = 6) -> pd.DataFrame:
    """Rows that differ by weekday, the week beginning with `first` (0 is Monday)."""
    rows = table.dropna(subset=["weekday"])
    rows = rows.assign(order=(rows["weekday"].astype(int) - first) % 7).sort_values("order")
    rows = rows.assign(weekday=[words.weekday(int(n)) for n in rows["weekday"]])
    return headed(rows[["weekday", "detectable", "simulated", "dates"]], HEADINGS, FORMATS)


def by_history(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that differ by the length of history."""
    rows = table[table["weekday"].isna() & (table["length"] == 1) & ~table["comparison"]]
    rows = pd.concat([rows[rows["history"] != "all"], rows[rows["history"] == "all"]])
    names = [_("All there is") if text == "all" else _days(int(text)) for text in rows["history"]]
    return _detectable(rows.assign(history=names), "history")


def history_counts(table: pd.DataFrame) -> str:
    """What a short history costs."""
    rows = table[table["weekday"].isna() & (table["length"] == 1) & ~table["comparison"]].set_index("history")
    short = min((text for text in rows.index if text != "all"), key=int)
    return words.marked(
        fill(
            N_(
                "With {days:number.0} days of history one day shows an effect of {short:percent.1} or more, with all "
                "there is {all:percent.1}."
            ),
            days=int(short),
            short=float(rows.loc[short, "detectable"]),
            all=float(rows.loc["all", "detectable"]),
        )
    )


def lengths(table: pd.DataFrame) -> pd.DataFrame:
    """Power by length for `figures.power`, in closed form."""
    rows = table[table["weekday"].isna() & (table["history"] == "all") & ~table["comparison"]]
    sd = {_english_days(row["length"]): row["sd"] for row in rows.to_dict("records")}
    return power.closed_form(sd, np.linspace(0, 0.2, 41))


def closing(table: pd.DataFrame) -> pd.DataFrame:
    """Power by design for `figures.power`, in closed form."""
    short = dict(zip(power.DESIGNS, SHORT, strict=True))
    return power.closed_form(
        {short[row["design"]]: row["sd"] for row in table.to_dict("records")}, np.linspace(0, 0.2, 41)
    )


SHORT = (N_("all, one day"), N_("all, two days"), N_("half, one day"), N_("two waves"), N_("staggered"))
LENGTH_NAMES = {1: N_("1 day"), 2: N_("2 days"), 3: N_("3 days"), 5: N_("5 days")}


def designs(table: pd.DataFrame) -> pd.DataFrame:
    """`power.designs` under its headings."""
    rows = table.assign(design=[_(DESIGNS[name]) for name in table["design"]])
    return headed(
        rows[["design", "closures", "detectable", "coverage", "false_alarms", "power"]], HEADINGS, FORMATS
    )


def second_edition(effect: Effect, shares: tuple[float, ...] = (1.0, 0.5, 0.0)) -> pd.DataFrame:
    """What would be concluded if a second edition, as precise as the first, showed a share of its effect."""
    low, high = np.log1p(effect.confidence_interval(relative=True))
    first, se = np.log1p(effect.relative), (high - low) / 2 / special.ndtri(0.975)
    rows = []
    for share in shares:
        second = float(np.expm1(share * first))
        found = RandomEffects(np.array([first, np.log1p(second)]), np.array([se, se]), np.ones((2, 1)))
        mean = found.mean()
        apart = special.chdtrc(found.df, found.q)
        rows.append(
            {"second": second, "mean": mean.relative, "mean_interval": mean.interval(), "same": apart}
        )
    return headed(pd.DataFrame(rows), HEADINGS, FORMATS)


def _detectable(rows: pd.DataFrame, first: str) -> pd.DataFrame:
    return headed(rows[[first, "detectable", "simulated", "false_alarms", "dates"]], HEADINGS, FORMATS)


def _days(n: int) -> str:
    return words.ngettext("{n} day", "{n} days", int(n)).format(n=words.number(n, 1))


def _english_days(n: int) -> str:
    """A label that the catalogue knows; figures translate it when they are drawn."""
    return LENGTH_NAMES.get(int(n), f"{n} days")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
