"""Figures over time: observed and expected, weekdays, leads and lags, persistence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis import days, words
from analysis.effect import Effect
from analysis.figures.drawing import (
    EVENT,
    EXPECTED,
    INK,
    aside,
    at_the_side,
    beside_canvas,
    canvas,
    describe,
    drawn,
    label,
    level_ticks,
    metric_title,
    narrow,
    percent_axis,
    shade,
    text_width,
    time_axis,
    unit,
    value_axis,
    width,
)
from analysis.windows import Windows
from analysis.words import _

if TYPE_CHECKING:
    from analysis.displacement import Decomposition
    from analysis.persistence import Persistence


@drawn
def counterfactual(
    daily: pd.Series,
    effect: Effect,
    windows: Windows,
    level: float = 0.95,
    days_before: int = 56,
    days_after: int = 14,
) -> Axes:
    """Observed against expected around the event (a mean a day when it has several), with days on either side."""
    days = len(effect.event_days)
    centre, (low, high) = effect.expected / days, np.array(effect.expected_interval(level)) / days
    observed, step = effect.observed / days, words.step(low, high, centre)
    sides = [
        (observed, label(_("observed"), observed, effect.metric, step), EVENT),
        (centre, label(_("expected"), centre, effect.metric, step), EXPECTED),
    ]
    ax = beside_canvas([text for _y, text, _c in sides])
    start = windows.event_start - pd.Timedelta(days=days_before)
    shown = daily.loc[start : windows.event_end + pd.Timedelta(days=days_after)]
    scale, unit_name = unit(shown.max(), effect.metric)
    shade(ax, windows, shown.index)
    ax.plot(shown.index, shown / scale, color=INK, lw=1.3, marker="o", ms=2.6)
    middle = windows.event_start + (windows.event_end - windows.event_start) / 2
    ax.errorbar(
        [middle], [centre / scale], yerr=[[(centre - low) / scale], [(high - centre) / scale]], color=EXPECTED,
        marker="D", ms=5, capsize=4, lw=1.8, zorder=5,
    )  # fmt: skip
    ax.plot([middle], [observed / scale], color=EVENT, marker="o", ms=7, zorder=6)
    ax.set_title(f"{metric_title(effect.metric)} ({unit_name})" if unit_name else metric_title(effect.metric))
    time_axis(ax, shown.index[0], shown.index[-1], windows.event_start)
    value_axis(ax)
    at_the_side(ax, middle, [(y / scale, text, colour) for y, text, colour in sides])
    data = pd.DataFrame(
        {"date": shown.index, "period": windows.labels(shown.index).to_numpy(), "observed": shown.to_numpy()}
    )
    on = data["date"].isin(effect.event_days)
    data.loc[on, ["expected", "expected_low", "expected_high"]] = [centre, low, high]
    alt = _("Line chart of the {metric} a day from {start} to {end}. {answer}").format(
        metric=words.metric(effect.metric),
        start=words.date(shown.index[0]),
        end=words.date(shown.index[-1]),
        answer=words.answer(effect, level),
    )
    caption = _("Observed (line) and expected (diamond, with its {level} interval).").format(
        level=words.percent(level)
    )
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def history(daily: pd.Series, windows: Windows, metric: str = "value") -> Axes:
    """The whole daily series with its campaign and event shaded."""
    ax = canvas()
    daily = daily.asfreq("D")
    scale, unit_name = unit(daily.max(), metric)
    shade(ax, windows, daily.index)
    ax.plot(daily.index, daily / scale, color=INK, lw=0.9)
    event = daily.loc[windows.event_start : windows.event_end]
    ax.plot(event.index, event / scale, "o", color=EVENT, ms=6)
    title = metric_title(metric)
    ax.set_title(f"{title} ({unit_name})" if unit_name else title)
    time_axis(ax, daily.index[0], daily.index[-1], windows.event_start)
    value_axis(ax)
    data = pd.DataFrame(
        {"date": daily.index, "period": windows.labels(daily.index).to_numpy(), "observed": daily.to_numpy()}
    )
    alt = _(
        "Line chart of the {metric} a day from {start} to {end}: between {low} and {high}, half of the days between "
        "{quarter} and {three_quarters}; {event} on the event."
    ).format(
        metric=words.metric(metric),
        start=words.date(daily.index[0]),
        end=words.date(daily.index[-1]),
        low=words.quantity(daily.min(), metric),
        high=words.quantity(daily.max(), metric),
        quarter=words.quantity(daily.quantile(0.25), metric),
        three_quarters=words.quantity(daily.quantile(0.75), metric),
        event=words.quantity(event.mean(), metric) if len(event) else "–",
    )
    return describe(ax, alt=alt, caption=_("Every day of the data; a gap is a day without data."), data=data)


@drawn
def leads_lags(
    found: Decomposition, level: float = 0.95, series: Sequence[str] = ("digital", "counter")
) -> Axes:
    """The effect on each day around the event, one panel a series, as a share of what was expected of the day.

    `found` is `displacement.decompose(...)`. Days without expected payments (closed counters) are left out.
    """
    rows = found.with_interval(found.lags, level)
    start = rows.loc[rows["lag"] == 0, "date"].min()
    rows = rows.assign(day=(rows["date"] - start).dt.days)
    for column, effect in (
        ("relative", "effect"),
        ("low", "low"),
        ("high", "high"),
    ):  # observed over expected
        expected = rows["observed"] - rows[effect]
        rows[column] = rows["observed"] / expected.where(expected > 0) - 1
    usual = rows.groupby("series")["expected"].transform("median")
    rows = rows[rows["series"].isin(series) & (rows["expected"] > 0.02 * usual)]
    height = 0.75 + 1.9 * len(series)
    bottom, each = 0.5 / height, (1 - 0.75 / height) / len(series)
    ax = canvas(
        height, top=bottom + len(series) * each - 0.28 / height, bottom=bottom + (len(series) - 1) * each
    )
    place = ax.get_position()
    panels = [ax] + [
        ax.figure.add_axes((place.x0, place.y0 - i * each, place.width, place.height), sharex=ax)
        for i in range(1, len(series))
    ]
    told = []
    for panel, code in zip(panels, series, strict=True):
        part = rows[rows["series"] == code]
        on = (part["lag"] == 0).to_numpy()
        panel.axvspan(-0.5, part.loc[on, "day"].max() + 0.5, color=EVENT, alpha=0.22, lw=0)
        panel.axhline(0, color=INK, lw=0.9)
        for chosen, colour, size in ((~on, INK, 4), (on, EVENT, 6.5)):
            panel.vlines(part["day"][chosen], part["low"][chosen], part["high"][chosen], color=colour, lw=1.4)
            panel.plot(part["day"][chosen], part["relative"][chosen], "o", color=colour, ms=size)
        panel.set_title(words.series(code), pad=5, fontsize=9.5)
        percent_axis(panel.yaxis)
        panel.grid(axis="y")
        panel.spines["left"].set_visible(False)
        panel.tick_params(labelbottom=panel is panels[-1])
        told.append(_lags_told(code, part, on))
    panels[-1].set_xlabel(_("days before (−) and after (+) the event"), fontsize=9)
    panels[-1].xaxis.set_major_locator(MaxNLocator(9, integer=True))
    panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda x, _place: words.number(x, 1, signed=True)))
    alt = _(
        "Effect on each day around the event, in per cent of what was expected of the day. {series}"
    ).format(series=" ".join(told))
    caption = _("The effect on each day, with its interval. Below zero beside the event: use moved to it.")
    data = rows[["date", "day", "series", "relative", "low", "high"]].rename(columns={"day": "lag"})
    data.attrs["formats"] = dict.fromkeys(("relative", "low", "high"), "+percent.1") | {"lag": "+number.0"}
    return describe(ax, alt=alt, caption=caption, data=data)


def _lags_told(code: str, part: pd.DataFrame, on: np.ndarray) -> str:
    """One series in a sentence: its effect on the event, and the other days whose interval excludes zero."""
    event = part[on].iloc[0]
    days = [
        _("{effect} on day {day}").format(
            effect=words.percent(row.relative, signed=True), day=words.number(row.day, 1, signed=True)
        )
        for row in part[((part["low"] > 0) | (part["high"] < 0)).to_numpy() & ~on].itertuples()
    ]
    told = _("{effect} on the event ({interval})")
    if event["low"] == event["high"]:  # nothing was paid: all is missing, whatever was expected
        told = _("{effect} on the event")
    text = _("{series}: {event}, and beside it {days}.")
    if not days:
        text = _("{series}: {event}; on the other days the interval includes zero.")
    told = told.format(
        effect=words.percent(event["relative"], signed=True),
        interval=words.interval(event["low"], event["high"], "percent"),
    )
    return text.format(series=words.series(code), event=told, days=words.listing(days))


@drawn
def cumulative(found: Decomposition, metric: str = "value", level: float = 0.95) -> Axes:
    """The effect on all payments, digital and counter, added up from the window's first day.

    `found` is `displacement.decompose(...)`.
    """
    rows = found.with_interval(found.cumulative, level)
    scale, unit_name = unit(rows[["low", "high"]].abs().to_numpy().max(), metric)
    last = rows.iloc[-1]
    step = words.step(last["low"] / scale, last["high"] / scale)
    end = words.number(last["effect"] / scale, step, signed=True)
    ax = canvas(3.0, right=0.97 - text_width([end], 9) / width())
    half = pd.Timedelta(hours=12)
    event = rows.loc[rows["lag"] == 0, "date"]
    ax.axvspan(event.min() - half, event.max() + half, color=EVENT, alpha=0.22, lw=0)
    ax.axhline(0, color=INK, lw=0.9)
    ax.fill_between(rows["date"], rows["low"] / scale, rows["high"] / scale, color=EXPECTED, alpha=0.2, lw=0)
    ax.plot(rows["date"], rows["effect"] / scale, color=EXPECTED, lw=2)
    aside(ax, last["date"], last["effect"] / scale, end, color=EXPECTED)
    title = _("Effect on all payments, added up")
    ax.set_title(f"{title} ({unit_name})" if unit_name else title, pad=8)
    time_axis(ax, rows["date"].iloc[0], rows["date"].iloc[-1], event.min())
    value_axis(ax)
    ci = words.interval(last["low"] / scale, last["high"] / scale)
    alt = _(
        "Line chart of the effect on all payments, added up from {start}: {end} ({interval}) by {last}, in {unit}."
    ).format(
        start=words.date(rows["date"].iloc[0]), last=words.date(last["date"]), end=end, interval=ci,
        unit=unit_name or words.metric(metric),
    )  # fmt: skip
    caption = _("What is left at the end is net new, less what was lost; the band is the interval.")
    data = rows[["date", "effect", "low", "high"]].copy()
    kind = words.table_kind(metric)
    data.attrs["formats"] = dict.fromkeys(("effect", "low", "high"), f"+{kind}")
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def persistence(found: Persistence) -> Axes:
    """The digital share on the days after the event, beside what was expected without it and the fitted decay.

    `found` is `persistence.persistence(...)`.
    """
    rows = found.days
    texts = [_("fitted"), _("expected")]
    ax = canvas(3.2, right=0.97 - text_width(texts, 9) / width(), top=0.88, bottom=0.15)
    ax.plot(rows["lag"], rows["share"] * 100, "o", color=INK, ms=3.2, mew=0, alpha=0.75)
    ax.plot(rows["lag"], rows["fitted"] * 100, color=EVENT, lw=1.8)
    ax.plot(rows["lag"], rows["expected"] * 100, color=EXPECTED, lw=1.6, ls=(0, (4, 2)))
    low, high = ax.get_ylim()
    ends = sorted(
        [
            (rows["fitted"].iloc[-1] * 100, texts[0], EVENT),
            (rows["expected"].iloc[-1] * 100, texts[1], EXPECTED),
        ]
    )
    heights = [ends[0][0], max(ends[1][0], ends[0][0] + 0.07 * (high - low))]
    for height, (_y, text, colour) in zip(heights, ends, strict=True):
        aside(ax, rows["lag"].iloc[-1], height, text, 6, color=colour)
    ax.set_title(_("Digital share of payments, in per cent"), pad=8)
    ax.set_xlabel(_("days after the event"), fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    value_axis(ax)
    alt = _(
        "Digital share of payments after the event. It began {first} ({interval}) above the expected. {life}"
    )
    alt = alt.format(
        first=words.points(found.first),
        interval=words.interval(*found.first_interval, "points"),
        life=words.half_life(found),
    )
    caption = _("Each dot is a working day; the rise is fitted to fade by half at equal distances in time.")
    data = rows.copy()
    data.attrs["formats"] = dict.fromkeys(("share", "expected", "fitted"), "percent.1") | {"lag": "number.0"}
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def weekdays(daily: pd.Series, windows: Windows, metric: str = "value") -> Axes:
    """Every ordinary day by its weekday, the week's first working day first, with the median and the event."""
    ax = canvas(bottom=0.16 if narrow() else 0.1)
    first = days.week_begins(windows.event_start, windows.country)
    past = windows.past(daily, "history").dropna()
    past = past[days.plain(past.index, windows.country)]
    scale, unit_name = unit(past.max(), metric)
    order = [(first + i) % 7 for i in range(7)]
    rows = []
    for place, day in enumerate(order):
        values = past[past.index.day_of_week == day].to_numpy()
        spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.plot(place + spread, values / scale, "o", color=INK, ms=2.4, alpha=0.35, mew=0)
        middle = float(np.median(values)) if len(values) else np.nan
        ax.plot([place - 0.3, place + 0.3], [middle / scale] * 2, color=EXPECTED, lw=2.4)
        rows.append({"weekday": day, "days": len(values), "median": middle})
    for day in windows.event_days.intersection(daily.index):
        place = order.index(day.day_of_week)
        ax.plot([place], [daily[day] / scale], "o", color=EVENT, ms=7)
        text = words.date(day)
        beside = place > 4
        ax.annotate(
            text, (place, daily[day] / scale), xytext=(-7 if beside else 7, 0), textcoords="offset points", color=EVENT,
            ha="right" if beside else "left", va="center", fontsize=9,
        )  # fmt: skip
    names = [words.weekday(day) for day in order]
    if narrow():  # in two lines, so that each has room
        ax.set_xticks(range(7), [f"\n{name}" if place % 2 else name for place, name in enumerate(names)])
    else:
        level_ticks(ax, range(7), names)
    title = metric_title(metric)
    ax.set_title(f"{title} ({unit_name})" if unit_name else title, pad=8)
    value_axis(ax)
    data = pd.DataFrame(rows)
    data.attrs["formats"] = {
        "weekday": "weekday",
        "days": "number.0",
        "median": words.table_kind(metric),
    }
    top, bottom = data.loc[data["median"].idxmax()], data.loc[data["median"].idxmin()]
    alt = words.ngettext(
        "Dot chart of the {metric} by weekday over {n} ordinary day. The median is highest on {top} ({high}) and "
        "lowest on {bottom} ({low}).",
        "Dot chart of the {metric} by weekday over {n} ordinary days. The median is highest on {top} ({high}) and "
        "lowest on {bottom} ({low}).",
        len(past),
    ).format(
        metric=words.metric(metric),
        n=words.number(len(past)),
        top=words.weekday(int(top["weekday"])),
        bottom=words.weekday(int(bottom["weekday"])),
        high=words.quantity(top["median"], metric),
        low=words.quantity(bottom["median"], metric),
    )
    caption = _("Each dot is one ordinary day; the bar is the weekday's median. The event is marked.")
    return describe(ax, alt=alt, caption=caption, data=data)
