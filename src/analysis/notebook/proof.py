"""What the studies of the estimators found: their cached tables, for figures, tables and sentences.

The tables are in `data/derived`, whose README says which command makes each.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from scipy import special

from analysis.effect import RECOMMENDED
from analysis.words import Text, Value, joined, plural, text
from analysis.words.terms import TERMS

DERIVED = Path(__file__).parents[3] / "data" / "derived"
TARGET = (0.935, 0.97)
CERTIFY = "unseen"  # the set of processes that no estimator was made on
LEAST = 0.925  # below it a case is named as a miss


def study(baseline: str | None = "pre-week", which: str = CERTIFY) -> pd.DataFrame:
    """The calibration study, one row a process, estimator and baseline (both where none is named)."""
    table = pd.read_csv(DERIVED / "calibration.csv")
    order = {code: place for place, code in enumerate(TERMS["process"])}
    table = table[(table["set"] == which) & (table["baseline"].eq(baseline) | (baseline is None))]
    return table.sort_values("process", key=lambda codes: codes.map(order), kind="stable", ignore_index=True)


def recommended(baseline: str | None = "pre-week", which: str = CERTIFY) -> pd.DataFrame:
    """The rows of the recommended estimator."""
    table = study(baseline, which)
    return table[table["estimator"] == RECOMMENDED].reset_index(drop=True)


def summary() -> dict:
    """The recommended estimator over all unseen processes and both baselines: coverage, width over the oracle's."""
    rows, tuned = recommended(None), recommended(None, "development")
    low = rows.loc[rows["coverage_95"].idxmin()]
    return {
        "estimator": RECOMMENDED,
        "processes": rows["process"].nunique(),
        "cases": len(rows),
        "draws": int(rows["draws"].min()),
        "inside": int(rows["coverage_95"].between(*TARGET).sum()),
        "coverage_low": low["coverage_95"],
        "lowest": low["process"],
        "coverage_median": rows["coverage_95"].median(),
        "coverage_high": rows["coverage_95"].max(),
        "coverage_80": rows["coverage_80"].median(),
        "coverage_50": rows["coverage_50"].median(),
        "width_median": rows["width_95"].median(),
        "width_highest": rows["width_95"].max(),
        "failed": rows["failed"].max(),
        "development": tuned["process"].nunique(),
        "development_median": tuned["coverage_95"].median(),
        "development_width": tuned["width_95"].median(),
    }


def held(facts: dict) -> Text:
    """How often the interval held the truth on series that nobody chose it on."""
    return plural(
        facts["processes"],
        "On {processes:number.0} [kind|kinds] of series that the method was not made on, {cases:number.0} "
        "cases with both baselines, the 95% interval held the truth in a median of {coverage_median:percent.1} of the "
        "series drawn, and in 93.5% to 97% of them in {inside:number.0} cases. The lowest coverage was "
        "{coverage_low:percent.1}, for one kind of series: {name}.",
        name=Value(facts["lowest"], "~process"),
        **facts,
    )


def wide(facts: dict) -> Text:
    """How long the interval is, beside the development set."""
    return plural(
        facts["development"],
        "The interval is {width_median:number.2} times as wide as that of an oracle who knows how the series was "
        "made, at worst {width_highest:number.2} times. On the {development:number.0} [kind|kinds] that [was|were] "
        "used to choose the method it held in a median of {development_median:percent.1}, at "
        "{development_width:number.2} times.",
        **facts,
    )


def short() -> Text:
    """The cases in which it covers less than `LEAST`, the least first."""
    rows = recommended(None)
    rows = rows[rows["coverage_95"] < LEAST].sort_values("coverage_95")
    each = [
        text(
            "{process} ({coverage:percent.1}, {baseline})",
            process=Value(row.process, "process"),
            coverage=row.coverage_95,
            baseline=Value(row.baseline, "~over"),
        )
        for row in rows.itertuples()
    ]
    if not each:
        return text("In none of the cases does it cover less than {least:percent.1}.", least=LEAST)
    return text(
        "It falls short of {least:percent.1} in {n:number.0} of the cases: {each}.",
        least=LEAST,
        n=len(each),
        each=each,
    )


def alarms() -> Value:
    """How often an ordinary day of a real series looked like an event, over all series."""
    table = _real("real-days.csv")
    n, found = table["days"].sum(), {}
    for a in (5, 1):
        k = table[f"alarms_{a}"].sum()
        ends = special.betaincinv([k, k + 1], [n - k + 1, n - k], [0.025, 0.975])  # Clopper-Pearson
        found |= {f"share_{a}": k / n, f"ends_{a}": tuple(ends.tolist())}
    both = text(
        "On {days} of {series} it raised an alarm at 5% on {share_5:percent.1} of them (95% interval: "
        "{ends_5:percent.1}), and at 1% on {share_1:percent.1} ({ends_1:percent.1}).",
        days=plural(n, "{n:number.0} ordinary [day|days]"),
        series=plural(len(table), "{n:number.0} real series"),
        **found,
    )
    more = text(
        "A p-value below 1% comes {times:number.1} times as often there as it promises.",
        times=100 * found["share_1"],
    )
    return joined(both, found["ends_1"][0] > 0.01 and more)


def coverage(value: str = "coverage") -> pd.DataFrame:
    """Process, estimator and how often the 95 % interval held (or, for "width", its width over the oracle's)."""
    table = study().rename(columns={"coverage_95": "coverage", "width_95": "width"})
    if value == "width":
        table = table[table["estimator"] != "oracle"]
    return table[["process", "estimator", value]]


def details() -> pd.DataFrame:
    """The recommended estimator, process by process."""
    rows = recommended(None).rename(
        columns={"process": "case", "baseline": "over", "days": "days_before", "bias": "relative_bias"}
    )
    held = ["coverage_50", "coverage_80", "coverage_95"]
    return rows[["case", "over", "days_before", *held, "power_10", "power_30", "relative_bias", "width_95"]]


def methods() -> pd.DataFrame:
    """Every estimator over all processes: on how many its coverage is on target, its median width."""
    groups = study().groupby("estimator", sort=False)
    return groups.agg(
        inside=("coverage_95", lambda found: found.between(*TARGET).sum()),
        processes=("process", "size"),
        draws=("draws", "min"),
        lowest=("coverage_95", "min"),
        power_20=("power_20", "median"),
        width=("width_95", "median"),
        failed=("failed", "max"),
    ).reset_index()


def peers() -> pd.DataFrame:
    """Other packages, and this one, on a few kinds of the development set: mean over those they ran on."""
    table = pd.read_csv(DERIVED / "peers.csv").rename(columns={"estimator": "package"})
    groups = table[table["package"].isin(list(TERMS["package"]))].groupby("package")
    rows = groups[["coverage_95", "false_positives_p", "power_20", "width_95", "failed"]].mean()
    rows.insert(0, "version", groups["version"].first())
    rows.insert(1, "draws", groups["draws"].min() * groups.size())
    return rows.sort_values("coverage_95", ascending=False).reset_index()


def ordinary_days() -> pd.DataFrame:
    """Alarms over the ordinary days of real series, by the recommended estimator, with exact binomial intervals."""
    names = {"series": "public_series", "width": "width_ratio"}
    ends = {f"{end}_{a}": f"false_positives_{a}_{end}" for a in (5, 1) for end in ("low", "high")}
    shares = [f"false_positives_{a}{end}" for a in (5, 1) for end in ("", "_low", "_high")]
    table = _real("real-days.csv").rename(columns=names | ends)
    return table[["public_series", "days", *shares, "width_ratio"]]


def by_month() -> pd.DataFrame:
    """The same at 5 % by month of the year, a column a series."""
    table = _real("real-days-by-month.csv")
    wide = table.pivot_table("false_positives_5", "month", "series")
    return wide[[name for name in TERMS["public series"] if name in wide]].reset_index()


def months_above() -> Text:
    """The months whose share of alarms lies above 5 % with its whole interval, beside what chance makes of them."""
    table = _real("real-days-by-month.csv")
    above = table[table["low_5"] > 0.05]
    if above.empty:
        return plural(
            len(table),
            "In[| none of] the {n:number.0} [month|months] of the table[| does] the whole interval of the share "
            "[does not |]lie above 5%.",
        )
    found = [
        text(
            "{series} ({months})",
            series=Value(name, "public series"),
            months=[Value(number, "month") for number in rows["month"]],
        )
        for name, rows in above.groupby("series", sort=False)
    ]
    return plural(
        len(table),
        "Of the {n:number.0} [month|months] in the table, {above:number.0} [has|have] a share whose whole interval "
        "lies above 5%, where chance alone makes at most {chance:number.0} on average: {found}.",
        above=len(above),
        chance=0.025 * len(table),
        found=found,
    )


def published() -> pd.DataFrame:
    """Known events beside what others published about them."""
    ours = {"absolute": "found", "low": "found_low", "high": "found_high", "p_value": "p"}
    table = pd.read_csv(DERIVED / "published.csv", parse_dates=["date"]).rename(columns=ours)
    theirs = ["published", "published_low", "published_high"]
    return table[["case", "date", "source", *theirs, "found", "found_low", "found_high", "p"]].rename(
        columns={"case": "public_series"}
    )


def agreement() -> Text:
    """Whether what others published lies in the intervals found here, and what is seen where nobody published."""
    table = pd.read_csv(DERIVED / "published.csv")
    theirs = table.dropna(subset="published")
    other = table[table["published"].isna()]
    return text(
        "Of {theirs} {inside:number.0} lie in the interval found here. Of {other} {clear:number.0} show an effect at "
        "5%.",
        theirs=plural(len(theirs), "{n:number.0} published [effect|effects]"),
        inside=theirs["published"].between(theirs["low"], theirs["high"]).sum(),
        other=plural(len(other), "{n:number.0} other [day|days]"),
        clear=(other["p_value"] < 0.05).sum(),
    )


def _real(file: str) -> pd.DataFrame:
    """Alarms of the recommended estimator on ordinary days of real series."""
    table = pd.read_csv(DERIVED / file)
    return table[table["estimator"] == RECOMMENDED]
