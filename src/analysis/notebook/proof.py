"""What the studies of the estimators found: their cached tables, as rows for figures and tables.

The tables are in `data/derived`, whose README says which command makes each.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from scipy import special

from analysis import words
from analysis.effect import RECOMMENDED
from analysis.words import N_, filled, ngettext
from analysis.words.terms import ESTIMANDS, PROCESSES

DERIVED = Path(__file__).parents[3] / "data" / "derived"
TARGET = (0.935, 0.97)
CERTIFY = "unseen"  # the set of processes that no estimator was made on
LEAST = 0.925  # below it a case is named as a miss
PEERS = {
    "pulse_hac": N_("statsmodels, dummy for the day with Newey-West errors"),
    "ols_prediction": N_("statsmodels, least squares, prediction of a new day"),
    "unobserved_components": N_("statsmodels, structural time series"),
    "sarimax": N_("statsmodels, regression with ARMA errors"),
    "prophet": N_("Prophet"),
    "causalpy_bayes": N_("CausalPy, Bayesian regression"),
    "causalpy_ols": N_("CausalPy, least squares"),
    "statspai_causal_impact": N_("StatsPAI, causal impact"),
    "diff_diff_sdid": N_("diff-diff, synthetic difference in differences"),
    "pycausalimpact": N_("pycausalimpact"),
    "tfcausalimpact": N_("tfcausalimpact"),
    RECOMMENDED: N_("This project"),
}
SERIES = {
    "US births": N_("Births in the United States"),
    "London cycle hires": N_("London cycle hires"),
    "UPI payments": N_("UPI payments, number"),
    "UPI value": N_("UPI payments, value"),
    "CDNOW orders": N_("CDNOW, orders"),
    "CDNOW value": N_("CDNOW, value"),
}


def study(baseline: str | None = "pre-week", which: str = CERTIFY) -> pd.DataFrame:
    """The calibration study, one row a process, estimator and baseline (both where none is named)."""
    table = pd.read_csv(DERIVED / "calibration.csv")
    order = {code: place for place, code in enumerate(PROCESSES)}
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


def held(facts: dict) -> str:
    """How often the interval held the truth on series that nobody chose it on."""
    text = ngettext(
        "On {processes:number.0} kind of series that it was not made on, {cases:number.0} cases with both baselines, "
        "the 95% interval held the truth in a median of {coverage_median:percent.1} of the series drawn, and in 93.5% "
        "to 97% of them in {inside:number.0} cases. The lowest coverage was {coverage_low:percent.1}: {name}.",
        "On {processes:number.0} kinds of series that it was not made on, {cases:number.0} cases with both baselines, "
        "the 95% interval held the truth in a median of {coverage_median:percent.1} of the series drawn, and in 93.5% "
        "to 97% of them in {inside:number.0} cases. The lowest coverage was {coverage_low:percent.1}: {name}.",
        facts["processes"],
    )
    return filled(text, name=words.process(facts["lowest"]), **facts)


def wide(facts: dict) -> str:
    """How long the interval is, beside the development set."""
    text = ngettext(
        "The interval is {width_median:number.2} times as wide as that of an oracle who knows how the series was made, "
        "at worst {width_highest:number.2} times. On the {development:number.0} kind that was used to choose the "
        "method it held in a median of {development_median:percent.1}, at {development_width:number.2} times.",
        "The interval is {width_median:number.2} times as wide as that of an oracle who knows how the series was made, "
        "at worst {width_highest:number.2} times. On the {development:number.0} kinds that were used to choose the "
        "method it held in a median of {development_median:percent.1}, at {development_width:number.2} times.",
        facts["development"],
    )
    return filled(text, **facts)


def short() -> str:
    """The cases in which it covers less than `LEAST`, the least first."""
    rows = recommended(None)
    rows = rows[rows["coverage_95"] < LEAST].sort_values("coverage_95")
    one = N_("{process} ({coverage:percent.1}, {baseline})")
    each = [
        words.fill(one, process=process, coverage=coverage, baseline=baseline[:1].lower() + baseline[1:])
        for process, coverage, baseline in _named(rows)[["process", "coverage_95", "baseline"]].to_numpy()
    ]
    text = N_("In none of the cases does it cover less than {least:percent.1}.")
    if each:
        text = N_("It falls short of {least:percent.1} in {n:number.0} of the cases: {each}.")
    return words.fill(text, least=LEAST, n=len(each), each=words.listing(each))


def alarms() -> str:
    """How often an ordinary day of a real series looked like an event, over all series."""
    table = _real("real-days.csv")
    n, found = table["days"].sum(), {}
    for a in (5, 1):
        k = table[f"alarms_{a}"].sum()
        ends = special.betaincinv([k, k + 1], [n - k + 1, n - k], [0.025, 0.975])  # Clopper-Pearson
        found |= {f"share_{a}": k / n, f"ends_{a}": tuple(ends.tolist())}
    days = ngettext("{n:number.0} ordinary day", "{n:number.0} ordinary days", int(n))
    series = ngettext("{n:number.0} real series", "{n:number.0} real series", len(table))
    text = N_(
        "On {days} of {series} it raised an alarm at 5% on {share_5:percent.1} of them (95% interval: "
        "{ends_5:percent.1}), and at 1% on {share_1:percent.1} ({ends_1:percent.1})."
    )
    text = words.fill(text, days=filled(days, n=n), series=filled(series, n=len(table)), **found)
    if found["ends_1"][0] > 0.01:
        more = N_("A p-value below 1% comes {times:number.1} times as often there as it promises.")
        text += " " + words.fill(more, times=100 * found["share_1"])
    return text


def coverage(value: str = "coverage") -> pd.DataFrame:
    """Process, estimator and how often the 95 % interval held (or, for "width", its width over the oracle's)."""
    table = study().rename(columns={"coverage_95": "coverage", "width_95": "width"})
    if value == "width":
        table = table[table["estimator"] != "oracle"]
    return table[["process", "estimator", value]]


def details() -> pd.DataFrame:
    """The recommended estimator, process by process."""
    return _shown(
        _named(recommended(None)),
        process=(N_("Series"), None),
        baseline=(N_("Estimand"), None),
        days=(N_("Days before the event"), "number.0"),
        coverage_50=(N_("Coverage of 50%"), "percent.1"),
        coverage_80=(N_("Coverage of 80%"), "percent.1"),
        coverage_95=(N_("Coverage of 95%"), "percent.1"),
        power_10=(N_("Seen at +10%"), "percent.0"),
        power_30=(N_("Seen at +30%"), "percent.0"),
        bias=(N_("Bias"), "+percent.1"),
        width_95=(N_("Width"), "number.2"),
    )


def methods() -> pd.DataFrame:
    """Every estimator over all processes: on how many its coverage is on target, its median width."""
    rows = (
        study()
        .groupby("estimator", sort=False)
        .agg(
            inside=("coverage_95", lambda found: found.between(*TARGET).sum()),
            processes=("process", "size"),
            draws=("draws", "min"),
            lowest=("coverage_95", "min"),
            power_20=("power_20", "median"),
            width=("width_95", "median"),
            failed=("failed", "max"),
        )
        .reset_index()
    )
    return _shown(
        rows.assign(estimator=[words.method(code) for code in rows["estimator"]]),
        estimator=(N_("Estimator"), None),
        inside=(N_("On target"), "number.0"),
        processes=(N_("Kinds of series"), "number.0"),
        draws=(N_("Series drawn"), "number.0"),
        lowest=(N_("Lowest coverage"), "percent.1"),
        power_20=(N_("Seen at +20%"), "percent.0"),
        width=(N_("Width"), "number.2"),
        failed=(N_("Without an answer"), "percent.1"),
    )


VERSION = N_("this project")  # as data/derived has it


def peers() -> pd.DataFrame:
    """Other packages, and this one, on a few kinds of the development set: mean over those they ran on."""
    table = pd.read_csv(DERIVED / "peers.csv")
    values = ["coverage_95", "false_positives_p", "power_20", "width_95", "failed"]
    groups = table[table["estimator"].isin(PEERS)].groupby("estimator")
    rows = groups[values].mean().assign(version=groups["version"].first())
    rows["series"] = groups["draws"].min() * groups.size()
    return _shown(
        rows.assign(name=rows.index.map(PEERS)).sort_values("coverage_95", ascending=False),
        name=(N_("Package and method"), None),
        version=(N_("Version"), None),
        series=(N_("Series drawn"), "number.0"),
        coverage_95=(N_("Coverage of 95%"), "percent.0"),
        false_positives_p=(N_("Own p below 5%"), "percent.0"),
        power_20=(N_("Seen at +20%"), "percent.0"),
        width_95=(N_("Width"), "number.2"),
        failed=(N_("Without an answer"), "percent.0"),
    )


def ordinary_days() -> pd.DataFrame:
    """Alarms over the ordinary days of real series, by the recommended estimator, with exact binomial intervals."""
    table = _real("real-days.csv")
    pairs = {f"between_{a}": list(zip(table[f"low_{a}"], table[f"high_{a}"], strict=True)) for a in (5, 1)}
    return _shown(
        table.assign(series=[SERIES.get(name, name) for name in table["series"]], **pairs),
        series=(N_("Series"), None),
        days=(N_("Days"), "number.0"),
        false_positives_5=(N_("p below 5%"), "percent.1"),
        between_5=(N_("Interval of that share"), "percent.1"),
        false_positives_1=(N_("p below 1%"), "percent.1"),
        between_1=(N_("Interval of the share below 1%"), "percent.1"),
        width=(N_("Width over expected"), "percent.0"),
    )


def by_month() -> pd.DataFrame:
    """The same at 5 % by month of the year."""
    table = _real("real-days-by-month.csv")
    wide = table.set_index(["month", "series"])["false_positives_5"].unstack().reset_index()  # noqa: PD010
    months = [words.month_name(number) for number in wide["month"]]
    names = {name: (SERIES[name], "percent.0") for name in SERIES if name in wide}
    return _shown(wide.assign(month=months), month=(N_("Month"), None), **names)


def months_above() -> str:
    """The months whose share of alarms lies above 5 % with its whole interval, beside what chance makes of them."""
    table = _real("real-days-by-month.csv")
    above = table[table["low_5"] > 0.05]
    found = [
        f"{words.name(SERIES[name])} ({words.listing([words.month_name(number) for number in rows['month']])})"
        for name, rows in above.groupby("series", sort=False)
    ]
    text = ngettext(
        "Of the {n:number.0} month in the table, {above:number.0} has a share whose whole interval lies above 5%, "
        "where chance alone makes at most {chance:number.0} on average: {found}.",
        "Of the {n:number.0} months in the table, {above:number.0} have a share whose whole interval lies above 5%, "
        "where chance alone makes at most {chance:number.0} on average: {found}.",
        len(table),
    )
    if not found:
        text = ngettext(
            "In the {n:number.0} month of the table the whole interval of the share does not lie above 5%.",
            "In none of the {n:number.0} months of the table does the whole interval of the share lie above 5%.",
            len(table),
        )
    return filled(text, n=len(table), above=len(above), chance=0.025 * len(table), found=words.listing(found))


def published() -> pd.DataFrame:
    """Known events beside what others published about them."""
    table = pd.read_csv(DERIVED / "published.csv", parse_dates=["date"])
    known = table["published_low"].notna()
    published_ends = zip(table["published_low"], table["published_high"], strict=True)
    return _shown(
        table.assign(
            case=[SERIES.get(name, name) for name in table["case"]],
            source=table["source"].fillna("–"),
            theirs=[ends if there else None for ends, there in zip(published_ends, known, strict=True)],
            ours=list(zip(table["low"], table["high"], strict=True)),
        ),
        case=(N_("Series"), None),
        date=(N_("Date"), None),
        source=(N_("Published by"), None),
        published=(N_("Published effect"), "+number.0"),
        theirs=(N_("Published interval"), "+number.0"),
        absolute=(N_("Effect found"), "+number.0"),
        ours=(N_("95% interval"), "+number.0"),
        p_value=(N_("p"), "number.3"),
    )


def agreement() -> str:
    """Whether what others published lies in the intervals found here, and what is seen where nobody published."""
    table = pd.read_csv(DERIVED / "published.csv")
    theirs = table.dropna(subset="published")
    other = table[table["published"].isna()]
    effects = ngettext("{n:number.0} published effect", "{n:number.0} published effects", len(theirs))
    days = ngettext("{n:number.0} other day", "{n:number.0} other days", len(other))
    text = N_(
        "Of {theirs} {inside:number.0} lie in the interval found here. Of {other} {clear:number.0} show an effect at "
        "5%."
    )
    return words.fill(
        text,
        theirs=filled(effects, n=len(theirs)),
        inside=theirs["published"].between(theirs["low"], theirs["high"]).sum(),
        other=filled(days, n=len(other)),
        clear=(other["p_value"] < 0.05).sum(),
    )


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """With processes and baselines as a reader calls them."""
    names = {"process": words.process, "baseline": lambda code: words._(ESTIMANDS[code])}
    return rows.assign(**{column: [name(code) for code in rows[column]] for column, name in names.items()})


def _real(file: str) -> pd.DataFrame:
    """Alarms of the recommended estimator on ordinary days of real series."""
    table = pd.read_csv(DERIVED / file)
    return table[table["estimator"] == RECOMMENDED]


def _shown(frame: pd.DataFrame, **columns: tuple[str, str | None]) -> pd.DataFrame:
    """The columns to show, in this order, under the reader's headings, with the kind of their numbers."""
    shown = frame[list(columns)].rename(columns={code: heading for code, (heading, _) in columns.items()})
    shown.attrs["formats"] = {heading: kind for heading, kind in columns.values() if kind}
    return shown
