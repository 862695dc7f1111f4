"""What ordinary days look like: weekdays, entities and channels, the days that stand out, and published totals.

Every function takes a daily panel by entity, channel and digital, or a daily series, and returns rows for a table.
Ordinary days are those before the campaign that are neither holidays nor in Ramadan.
"""

from __future__ import annotations

import pandas as pd

from analysis import days
from analysis.notebook.published_rows import FIGURES
from analysis.published import announcement
from analysis.windows import Windows
from analysis.words import N_
from analysis.words.terms import REST

CHANNELS = (N_("app"), N_("website"), N_("kiosk"), N_("counter"))
REASONS = {
    "ordinary": N_("Ordinary days"),
    "month_end": N_("Last three days of a month"),
    "ramadan": N_("Ramadan"),
    "holiday": N_("Public holidays"),
    "campaign": N_("Campaign"),
    "event": N_("The event"),
    "after": N_("After the event"),
}
ALL = N_("All payments")
MONTH_END = 3  # days, as said in REASONS


def ordinary_days(index: pd.DatetimeIndex, windows: Windows) -> pd.DatetimeIndex:
    """The days of `index` before the campaign without holidays and Ramadan."""
    past = windows.past(pd.Series(0.0, index), "history").index
    day = days.features(past, windows.country)
    return past[(day["holiday"] == "") & ~day["ramadan"]]


def daily(panel: pd.DataFrame) -> pd.DataFrame:
    """Columns by day: digital `count`, `value` and `ticket`, `counter` (its count), and `digital_share`."""
    digital = _digital(panel)
    online = panel[digital].groupby("date")[["count", "value"]].sum()
    counter = panel[~digital].groupby("date")["count"].sum().reindex(online.index, fill_value=0)
    return online.assign(
        ticket=online["value"] / online["count"],
        counter=counter,
        digital_share=online["count"] / (online["count"] + counter),
    )


def summary(panel: pd.DataFrame, windows: Windows) -> dict:
    """The ledger in a few numbers: `rows, entities, days, empty` (days without a payment).

    Then the medians of the event's weekday on ordinary days, `weekday, count, value, ticket, digital_share`, and
    `step`, the relative change of the digital value from the eve to the first day of the event.
    """
    table, weekday = daily(panel), windows.event_start.day_of_week
    usual = by_weekday(panel, windows).set_index("weekday").loc[weekday]
    change = table["value"] / table["value"].shift(1) - 1
    return {
        "rows": int(panel["count"].sum()),
        "entities": int(panel["entity"].nunique()) if "entity" in panel else 1,
        "days": len(table),
        "empty": int((table["count"] + table["counter"] == 0).sum()),
        "weekday": int(weekday),
        **{name: float(usual[name]) for name in ("count", "value", "ticket", "digital_share")},
        "step": float(change.get(windows.event_start, float("nan"))),
    }


def by_weekday(panel: pd.DataFrame, windows: Windows, first: int = 6) -> pd.DataFrame:
    """Medians of the ordinary days by weekday, from `first` on (6 is Sunday), and how many there are."""
    table = daily(panel)
    table = table.loc[ordinary_days(table.index, windows)]
    number = table.index.day_of_week
    middle = table.groupby(number).median()
    middle.insert(0, "days", table.groupby(number).size())
    order = [(first + i) % 7 for i in range(7)]
    return middle.reindex(order).rename_axis("weekday").reset_index()


def by_group(panel: pd.DataFrame, by: str, most: int | None = None) -> pd.DataFrame:
    """Each group's share of all payments, over all days and channels, largest value first.

    Columns: `by`, `count`, `count_share`, `value_share`, `ticket`, `digital_share`. Beyond `most` groups the others
    are one row; a ledger without `by` is one group.
    """
    if by not in panel:
        panel = panel.assign(**{by: ALL})
    digital = panel["count"].where(_digital(panel), 0)
    sums = panel.assign(digital=digital).groupby(by, observed=True)[["count", "value", "digital"]].sum()
    sums = sums.sort_values("value", ascending=False)
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


def departures(series: pd.Series, windows: Windows) -> pd.DataFrame:
    """Every day of the study beside its weekday's usual level, with what the calendar says of it.

    Columns: `date`, `weekday`, `observed`, `usual` (median of the ordinary days of the weekday), `relative`, `reason`.
    """
    series = series[series.index >= windows.history_start] if windows.history_start is not None else series
    usual = series[ordinary_days(series.index, windows)]
    weekday = pd.Series(series.index.day_of_week, series.index)
    middle = weekday.map(usual.groupby(usual.index.day_of_week).median())
    table = pd.DataFrame({"weekday": weekday, "observed": series, "usual": middle})
    table["relative"] = table["observed"] / table["usual"] - 1
    table["reason"] = reasons(series.index, windows)
    return table.rename_axis("date").reset_index()


def by_reason(series: pd.Series, windows: Windows) -> pd.DataFrame:
    """How far days of each kind lie from their weekday's usual level.

    Columns: `kind`, `days`, `median`, `middle` (the range of the middle nine tenths); fractions.
    """
    table = departures(series, windows)
    kind = table["reason"].mask(table["reason"] == "", REASONS["ordinary"])
    kind = kind.where(kind.isin(list(REASONS.values())), REASONS["holiday"])
    groups = table.groupby(kind)["relative"]
    rows = pd.DataFrame({"days": groups.size(), "median": groups.median()})
    rows["middle"] = list(zip(groups.quantile(0.05), groups.quantile(0.95), strict=True))
    order = [kind for kind in REASONS.values() if kind in rows.index]
    return rows.loc[order].rename_axis("kind").reset_index()


def reasons(index: pd.DatetimeIndex, windows: Windows) -> pd.Series:
    """What the calendar says of each day: a holiday's name, Ramadan, the month's last days, the initiative; or ""."""
    day = days.features(index, windows.country)
    period = windows.labels(index)
    told = pd.Series("", index=index, dtype=object)
    told[day["month_days_left"] < MONTH_END] = REASONS["month_end"]
    for name in ("campaign", "after"):
        told[(period == name) & (told == "")] = REASONS[name]
    told[day["ramadan"]] = REASONS["ramadan"]
    told = told.where(day["holiday"] == "", day["holiday"])
    told[period == "event"] = REASONS["event"]
    return told


def against_published(panel: pd.DataFrame, windows: Windows, week_days: int = 7) -> pd.DataFrame:
    """The ledger's digital totals beside the published figures, where they are of the same event.

    Columns: `figure`, `unit`, `published` (the range within rounding), `ledger`. The weekly means are read as
    `week_days` days up to the event, the event included.
    """
    table = daily(panel)
    event, eve = windows.event_start, windows.event_start - pd.Timedelta(days=1)
    week = table[event - pd.Timedelta(days=week_days - 1) : event].mean()
    ours = {
        "value_event": table["value"].get(event),
        "count_event": table["count"].get(event),
        "value_day_before": table["value"].get(eve),
        "count_week_mean": week["count"],
        "value_week_mean": week["value"],
    }
    figures = announcement.figures()
    known = [name for name in ours if name in figures.index] if announcement.event(figures) == event else []
    rows = figures.loc[known]
    return pd.DataFrame(
        {
            "figure": [FIGURES[name] for name in known],
            "unit": rows["unit"].to_numpy(),
            "published": list(
                zip(rows["value"] - rows["precision"], rows["value"] + rows["precision"], strict=True)
            ),
            "ledger": [float(ours[name]) for name in known],
        }
    )


def _digital(panel: pd.DataFrame) -> pd.Series:
    """Which rows are of digital channels, those that the study does not call offline: all where the panel has none."""
    return panel["digital"].astype(bool) if "digital" in panel else pd.Series(True, panel.index)
