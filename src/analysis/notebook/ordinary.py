"""What ordinary days look like: weekdays, entities and channels, the days that stand out, and published totals.

Ordinary days are those before the campaign that are neither holidays nor in Ramadan.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis import days
from analysis.disclosure import LEAST, count, together
from analysis.published import announcement
from analysis.study import Study
from analysis.windows import Windows
from analysis.words import N_, Text, Value, amount, joined, of_results, plural, text
from analysis.words.terms import REST, TERMS

ALL = "All payments"
MONTH_END = 3  # days, as the word for it says


def ordinary_days(index: pd.DatetimeIndex, windows: Windows) -> pd.DatetimeIndex:
    """The days of `index` before the campaign without holidays and Ramadan."""
    past = windows.past(pd.Series(0.0, index), "history").index
    return past[days.plain(past, windows.country)]


def summary(study: Study, daily: Mapping[str, pd.Series], metric: str) -> dict:
    """The data in a few numbers.

    `days`, `empty` (days without a figure, or without a payment), `weekday` of the event, `usual` (of each metric the
    median of that weekday's ordinary days), `step` (of `metric`, the relative change from the day before to the event),
    `faults`; of a ledger also `rows` and `entities`.
    """
    series, windows = daily[metric], study.windows
    usual = by_weekday(daily, windows).set_index("weekday").loc[windows.event_start.day_of_week]
    change = series / series.shift(1) - 1
    facts = {"days": len(series), "empty": int((series.isna() | (series == 0)).sum())}
    if "ledger" in study.has:
        panel = study.panel(("entity",))
        facts |= {"rows": int(panel["count"].sum())}
        facts |= {"entities": count(panel["entity"].unique())} if "entity" in panel else {}
    return facts | {
        "weekday": int(windows.event_start.day_of_week),
        "usual": {name: float(usual[name]) for name in daily},
        "step": float(change.get(windows.event_start, float("nan"))),
        "faults": len(study.faults()),
    }


def days_of_few(study: Study) -> int:
    """Days of a ledger with payments of fewer than ten people; zero where it names none."""
    if not {"ledger", "payers"} <= study.has:
        return 0
    people = study.panel(("digital",)).groupby("date")["payers"].sum()
    return int(people.between(1, LEAST - 1).sum())


def by_weekday(daily: Mapping[str, pd.Series], windows: Windows) -> pd.DataFrame:
    """Medians of each metric over the ordinary days by weekday, the week's first working day first."""
    table = pd.DataFrame(daily)
    table = table.loc[ordinary_days(table.index, windows)]
    order = [(days.week_begins(windows.event_start, windows.country) + i) % 7 for i in range(7)]
    return table.groupby(table.index.day_of_week).median().reindex(order).rename_axis("weekday").reset_index()


def by_group(panel: pd.DataFrame, by: str, most: int | None = None) -> pd.DataFrame:
    """Each group's share of all payments, over all days and channels, largest value first.

    Columns: `by`, `count`, `count_share`, `value_share`, `ticket`, `digital_share`. Beyond `most` groups the others
    are one row; a ledger without `by` is one group.
    """
    if by not in panel:
        panel = panel.assign(**{by: ALL})
    digital = panel["count"].where(_digital(panel), 0)
    sums = panel.assign(digital=digital).groupby(by, observed=True)[["count", "value", "digital"]].sum()
    # Groups that are not shown one by one come last, whatever they carry.
    sums = sums.assign(merged=[together([label]) for label in sums.index])
    sums = sums.sort_values(["merged", "value"], ascending=[True, False]).drop(columns="merged")
    if most is not None and len(sums) > most:
        rest = sums.iloc[most:].sum().rename(REST)
        sums = pd.concat([sums.iloc[:most], rest.to_frame().T.rename_axis(by)]).rename_axis(by)
    return pd.DataFrame(
        {
            "count": sums["count"].astype("int64"),
            "count_share": sums["count"] / sums["count"].sum(),
            "value_share": sums["value"] / sums["value"].sum(),
            "ticket": sums["value"] / sums["count"],
            "digital_share": sums["digital"] / sums["count"],
        }
    ).reset_index()


def steps(series: pd.Series, windows: Windows) -> pd.Series:
    """Relative change from the day before, on ordinary days of the event's weekday after ordinary eves."""
    usual = ordinary_days(series.index, windows)
    change = series / series.shift(1) - 1
    eve = usual - pd.Timedelta(days=1)
    return change[usual[eve.isin(usual) & (usual.day_of_week == windows.event_start.day_of_week)]]


def by_kind(series: pd.Series, windows: Windows) -> pd.DataFrame:
    """How far days of each kind lie from their weekday's usual level, the median of its ordinary days.

    Columns: `kind`, `days`, `median`, `low` and `high` (the range of the middle nine tenths); fractions.
    """
    series = series[series.index >= windows.history_start] if windows.history_start is not None else series
    day, period = days.features(series.index, windows.country), windows.labels(series.index)
    kind = pd.Series("ordinary", series.index)
    kind[day["month_days_left"] < MONTH_END] = "month_end"
    kind[day["ramadan"]] = "ramadan"
    kind[day["holiday"] != ""] = "holiday"
    for name in ("campaign", "after", "event"):  # whatever they are besides: the level may have moved by then
        kind[period == name] = name
    usual = series[ordinary_days(series.index, windows)]
    level = usual.groupby(usual.index.day_of_week).median().reindex(series.index.day_of_week).to_numpy()
    groups = (series / level - 1).groupby(kind)
    rows = pd.DataFrame({"days": groups.size(), "median": groups.median()})
    rows["low"], rows["high"] = groups.quantile(0.05), groups.quantile(0.95)
    rows.loc[rows["days"] < 5, ["low", "high"]] = None  # no range of so few
    order = [name for name in TERMS["kind of day"] if name in rows.index]
    return rows.loc[order].rename_axis("kind").reset_index()


def against_published(
    daily: Mapping[str, pd.Series], windows: Windows, figures: pd.DataFrame, week_days: int = 7
) -> pd.DataFrame:
    """Daily totals beside the published figures, where they are of the same event.

    Columns: `figure`, `unit`, `within_low` and `within_high` (the range within rounding), `ledger`. The weekly
    means are read as `week_days` days up to the event, the event included.
    """
    event, ours = windows.event_start, {}
    for metric in {"value", "count"} & set(daily):
        series = daily[metric]
        ours[f"{metric}_event"] = series.get(event)
        ours[f"{metric}_day_before"] = series.get(event - pd.Timedelta(days=1))
        ours[f"{metric}_week_mean"] = series[event - pd.Timedelta(days=week_days - 1) : event].mean()
    rows = figures[figures.index.isin(list(ours)) & (announcement.event(figures) == event)]
    ends = {"within_low": rows["value"] - rows["precision"], "within_high": rows["value"] + rows["precision"]}
    table = rows[["unit"]].assign(**ends, ledger=rows.index.map(ours))
    return table.rename_axis("figure").reset_index()


def _digital(panel: pd.DataFrame) -> pd.Series:
    """Which rows are of digital channels, those that the study does not call offline: all where the panel has none."""
    return panel["digital"].astype(bool) if "digital" in panel else pd.Series(True, panel.index)


# --- sentences ---------------------------------------------------------------------------------------------------


@of_results
def normal_day(daily: Mapping[str, pd.Series], windows: Windows) -> Text | Value:
    """What an ordinary day of the event's weekday brings, in each metric."""
    weekday = windows.event_start.day_of_week
    usual = by_weekday(daily, windows).set_index("weekday").loc[weekday]
    parts = [text("{metric:metric} {usual}", metric=name, usual=amount(usual[name], name)) for name in daily]
    return text(
        "On an ordinary {weekday:weekday}, in the median: {parts}.",
        weekday=weekday,
        parts=Value(parts, "semicolons"),
    )


def soundness(study: Study, series: pd.Series) -> Value:
    """Size of the data, days missing in them, and how many faults were found, with the first few."""
    facts, faults = summary(study, {series.name: series}, series.name), study.faults()
    few = days_of_few(study)
    return joined(
        "rows" in facts and text("Payments in the ledger: {rows:number.0}.", **facts),
        "entities" in facts and text("Entities: {entities:number.0}.", **facts),
        text(
            "Days: {days:number.0}, of them empty: {empty:number.0}. Faults found: {faults:number.0}.",
            **facts,
        ),
        few
        and text(
            "Days on which fewer than ten people paid: {n:number.0}. Their totals are shown; share these pages only "
            "with those who may see them.",
            n=few,
        ),
        *(f"{fault}." for fault in faults[:3]),
    )


@of_results
def within(table: pd.DataFrame) -> Text | Value:
    """How many published figures the ledger meets, from `against_published`."""
    inside = table["ledger"].between(table["within_low"], table["within_high"])
    return text(
        "Totals of the ledger that lie within the published range: {inside:number.0} of {n:number.0}.",
        inside=int(inside.sum()),
        n=len(table),
    )


def concentration(groups: pd.DataFrame, few: int = 5) -> Text | None:
    """How much of the value the first rows of `by_group` carry."""
    first = groups.iloc[:few]
    if len(groups) <= few:
        return None
    return plural(
        len(first),
        "The {few:number.0} [entity|entities] with the largest value [carries|carry] {value:percent} of it, with "
        "{count:percent} of the payments.",
        few=len(first),
        value=first["value_share"].sum(),
        count=first["count_share"].sum(),
    )


def step(series: pd.Series, windows: Windows, metric: str) -> Value:
    """The change from the day before in ordinary weeks, and on the event."""
    usual, change = steps(series, windows), series / series.shift(1) - 1
    low, high, event = usual.min(), usual.max(), change.get(windows.event_start, float("nan"))
    form = N_(
        "Ordinary weeks compared: {weeks:number.0}. In them the {metric:metric} differed from the day before by "
        "{range:+percent}, and by {median:+percent.1} in the median. On the event the difference was "
        "{event:+percent.1}."
    )
    if len(windows.event_days) > 1:
        form = N_(
            "Ordinary weeks compared: {weeks:number.0}. In them the {metric:metric} differed from the day before by "
            "{range:+percent}, and by {median:+percent.1} in the median. On the first day of the event the difference "
            "was {event:+percent.1}."
        )
    weeks = text(
        form,
        metric=metric,
        weeks=len(usual),
        range=(low, high),
        median=usual.median(),
        event=event,
    )
    within = text("Ordinary weeks show steps of that size.") if low <= event <= high else None
    return joined(weeks, within)
