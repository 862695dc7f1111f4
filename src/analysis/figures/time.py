"""Figures over time: observed and expected, weekdays, leads and lags, persistence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis import days, words
from analysis.effect import Effect
from analysis.figures import drawing as draw
from analysis.figures import marks
from analysis.windows import Windows
from analysis.words import _

if TYPE_CHECKING:
    from analysis.displacement import Decomposition
    from analysis.persistence import Persistence


LONG, DOTS = 1100, 120  # days of a line, and of a weekday, of which each can still be seen


@draw.style()
def counterfactual(
    daily: pd.Series,
    effect: Effect,
    windows: Windows,
    level: float = 0.95,
    days_before: int = 56,
    days_after: int = 14,
) -> Axes:
    """Observed against expected around the event (a mean a day when it has several), with days on either side."""
    metric, n = effect.metric, len(effect.event_days)
    centre, (low, high) = effect.expected / n, np.array(effect.expected_interval(level)) / n
    observed, step = effect.observed / n, words.step(low, high, centre)
    sides = [
        (value, " ".join((word, words.quantity(value, metric, step))), colour)
        for value, word, colour in (
            (observed, _("observed") if n == 1 else _("observed a day"), draw.EVENT),
            (centre, _("expected") if n == 1 else _("expected a day"), draw.EXPECTED),
        )
    ]
    ax = draw.canvas(right=draw.beside([text for _y, text, _c in sides]))
    start = windows.event_start - pd.Timedelta(days=days_before)
    shown = daily.loc[start : windows.event_end + pd.Timedelta(days=days_after)]
    scale, unit_name, data = _series(ax, shown, windows, metric, lw=1.3, marker="o", ms=2.6)
    middle = windows.event_start + (windows.event_end - windows.event_start) / 2
    ends = np.array([[centre - low], [high - centre]]) / scale
    ax.errorbar(
        [middle], [centre / scale], ends, color=draw.EXPECTED, marker="D", ms=5, capsize=4, lw=1.8, zorder=5
    )
    ax.plot([middle], [observed / scale], color=draw.EVENT, marker="o", ms=7, zorder=6)
    marks.value_axis(ax)
    above = marks.at_the_side(ax, middle, [(y / scale, text, colour) for y, text, colour in sides])
    if n == 1:  # of several days their sum is predicted
        on = data["date"].isin(effect.event_days)
        data.loc[on, ["expected", "expected_low", "expected_high"]] = [centre, low, high]
    alt = draw.said(
        _("Line chart of the {metric} a day from {start} to {end}. {answer}"),
        metric=words.metric(metric),
        start=shown.index[0],
        end=shown.index[-1],
        answer=words.answer(effect, level),
    )
    caption = draw.said(
        _("Observed (line) and expected (diamond, with its {level} interval).")
        if n == 1
        else _(
            "Observed (line); of the event the mean a day, observed and expected (diamond, with its {level} interval)."
        ),
        level=(level, "percent"),
    )
    title = _message(effect, level)
    return draw.describe(ax, alt=alt, caption=caption, data=data, title=title, unit=unit_name, above=above)


def _message(effect: Effect, level: float) -> str:
    """By how much the event lay above or below what was expected, as the answer says it."""
    low, high = effect.confidence_interval(level, relative=words.kind(effect.metric) != "percent")
    template = _("{metric}: {x} above what was expected")
    if low <= 0 <= high:
        template = _("{metric}: no clear difference from what was expected")
    elif effect.absolute < 0:
        template = _("{metric}: {x} below what was expected")
    x = words.difference(effect, level)
    return draw.said(template, metric=draw.metric_title(effect.metric), x=x)


@draw.style()
def history(daily: pd.Series, windows: Windows, metric: str = "value") -> Axes:
    """The whole daily series with its campaign and event shaded; beyond `LONG` days the line is of weekly means."""
    ax = draw.canvas()
    daily = daily.asfreq("D")
    scale, unit_name, data = _series(ax, daily, windows, metric, lw=0.9)
    caption = _("Every day of the data; a gap is a day without data.")
    if len(daily) > LONG:
        (line,) = ax.lines
        weeks = daily.resample("7D").mean()
        line.set_data(weeks.index, weeks / scale)
        ax.relim()
        ax.autoscale_view(scalex=False)
        caption = _("The line is the mean of every seven days, since the days are too many to be told apart.")
    event = daily.loc[windows.event_start : windows.event_end]
    ax.plot(event.index, event / scale, "o", color=draw.EVENT, ms=6)
    marks.value_axis(ax)
    alt = _(
        "Line chart of the {metric} a day from {start} to {end}: between {low} and {high}, half of the days between "
        "{quarter} and {three_quarters}; {event} on the event."
    )
    parts = {"low": 0, "quarter": 0.25, "three_quarters": 0.75, "high": 1}
    alt = draw.said(
        alt,
        metric=words.metric(metric),
        start=daily.index[0],
        end=daily.index[-1],
        event=words.quantity(event.mean(), metric) if len(event) else "–",
        **{name: words.quantity(daily.quantile(part), metric) for name, part in parts.items()},
    )
    title = draw.metric_title(metric)
    return draw.describe(ax, alt=alt, caption=caption, data=data, title=title, unit=unit_name, above=0.28)


def _series(
    ax: Axes, daily: pd.Series, windows: Windows, metric: str, **look
) -> tuple[float, str, pd.DataFrame]:
    """The line of a daily series; what it is divided by, its unit, and the data behind it."""
    scale, unit = draw.unit(daily.max(), metric)
    marks.shade(ax, windows, daily.index)
    ax.plot(daily.index, daily / scale, color=draw.INK, **look)
    marks.time_axis(ax, daily.index[0], daily.index[-1], windows.event_start)
    period = windows.labels(daily.index).to_numpy()
    return scale, unit, pd.DataFrame({"date": daily.index, "period": period, "observed": daily.to_numpy()})


@draw.style()
def leads_lags(
    found: Decomposition, level: float = 0.95, series: Sequence[str] = ("digital", "counter")
) -> Axes:
    """The effect on each day around the event, one panel a series, as a share of what was expected of the day.

    `found` is `displacement.decompose(...)`. Days without expected payments (closed counters) are left out.
    """
    rows = found.with_interval(found.lags, level)
    start = rows.loc[rows["lag"] == 0, "date"].min()
    rows["day"] = (rows["date"] - start).dt.days
    effects = rows[["effect", "low", "high"]].to_numpy()
    expected = rows["observed"].to_numpy()[:, None] - effects
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = rows["observed"].to_numpy()[:, None] / np.where(expected > 0, expected, np.nan) - 1
    rows[["relative", "low", "high"]] = relative
    usual = rows.groupby("series")["expected"].transform("median")
    rows = rows[rows["series"].isin(series) & (rows["expected"] > 0.02 * usual)]
    gap = 0.28 + 0.14 * draw.narrow()
    ax, told = None, []
    for code in reversed(series):
        part = rows[rows["series"] == code]
        on = (part["lag"] == 0).to_numpy()
        event = part[on].iloc[0]
        first, ax = ax is None, draw.canvas(1.62, bottom=0.5) if ax is None else draw.panel(ax, 1.62, gap)
        ax.axvspan(-0.5, part.loc[on, "day"].max() + 0.5, color=draw.EVENT, alpha=0.22, lw=0)
        ax.axhline(0, color=draw.INK, lw=0.9)
        for chosen, colour, size in ((~on, draw.INK, 4), (on, draw.EVENT, 6.5)):
            marks.stems(ax, part["day"][chosen], part[chosen], colour, size)
        title = draw.finding(words.series(code), _on_the_event(event), event["low"], event["high"])
        room = ax.get_position().width * draw.width() + 0.1
        ax.set_title("\n".join(draw.wrapped(title, room, 9)), pad=5, fontsize=9)
        marks.percent_axis(ax)
        ax.tick_params(labelbottom=first)
        if first:
            ax.set_xlabel(_("days before (−) and after (+) the event"), fontsize=9)
            ax.xaxis.set_major_locator(MaxNLocator(9, integer=True))
            ax.xaxis.set_major_formatter(lambda x, _place: words.number(x, 1, signed=True))
        told.insert(0, _lags_told(code, part, on))
    alt = _(
        "Effect on each day around the event, in per cent of what was expected of the day. {series}"
    ).format(series=" ".join(told))
    caption = _("The effect on each day, with its interval. Below zero beside the event: use moved to it.")
    data = rows[["date", "day", "series", "relative", "low", "high"]].rename(columns={"day": "lag"})
    return draw.describe(ax, alt=alt, caption=caption, data=data, above=gap - 0.02)


def _on_the_event(event: pd.Series) -> str:
    """The effect on the event; where nothing was paid all is missing, whatever was expected."""
    text = _("{effect} on the event ({interval})")
    if event["low"] == event["high"]:
        text = _("{effect} on the event")
    interval = words.interval(event["low"], event["high"], "percent")
    return draw.said(text, effect=(event["relative"], "+percent"), interval=interval)


def _lags_told(code: str, part: pd.DataFrame, on: np.ndarray) -> str:
    """One series in a sentence: its effect on the event, and the other days whose interval excludes zero."""
    beyond = part[((part["low"] > 0) | (part["high"] < 0)).to_numpy() & ~on]
    others = [
        draw.said(_("{effect} on day {day}"), effect=(row.relative, "+percent"), day=(row.day, "+number.0"))
        for row in beyond.itertuples()
    ]
    text = _("{series}: {event}, and beside it {days}.")
    if not others:
        text = _("{series}: {event}; on the other days the interval includes zero.")
    event = _on_the_event(part[on].iloc[0])
    return draw.said(text, series=words.series(code), event=event, days=words.listing(others))


@draw.style()
def cumulative(found: Decomposition, metric: str = "value", level: float = 0.95) -> Axes:
    """The effect on all payments, digital and counter, added up from the window's first day.

    `found` is `displacement.decompose(...)`.
    """
    rows = found.with_interval(found.cumulative, level)
    scale, unit_name = draw.unit(rows[["low", "high"]].abs().to_numpy().max(), metric)
    last = rows.iloc[-1]
    effect, low, high = (last[name] / scale for name in ("effect", "low", "high"))
    end, interval = words.number(effect, words.step(low, high), signed=True), words.interval(low, high)
    ax = draw.canvas(2.2, right=0.2 + draw.text_width([end], 9))
    half = pd.Timedelta(hours=12)
    event = rows.loc[rows["lag"] == 0, "date"]
    ax.axvspan(event.min() - half, event.max() + half, color=draw.EVENT, alpha=0.22, lw=0)
    ax.axhline(0, color=draw.INK, lw=0.9)
    ax.fill_between(
        rows["date"], rows["low"] / scale, rows["high"] / scale, color=draw.EXPECTED, alpha=0.2, lw=0
    )
    ax.plot(rows["date"], rows["effect"] / scale, color=draw.EXPECTED, lw=2)
    marks.aside(ax, last["date"], effect, end, color=draw.EXPECTED)
    marks.time_axis(ax, rows["date"].iloc[0], rows["date"].iloc[-1], event.min())
    marks.value_axis(ax)
    alt = draw.said(
        _(
            "Line chart of the effect on all payments, added up from {start}: {end} ({interval}) by {last}, in {unit}."
        ),
        start=rows["date"].iloc[0],
        end=end,
        interval=interval,
        last=last["date"],
        unit=unit_name or words.metric(metric),
    )
    caption = _("What is left at the end is net new, less what was lost; the band is the interval.")
    title = draw.finding(_("Effect on all payments, added up"), f"{end} ({interval})", low, high)
    data = rows[["date", "effect", "low", "high"]]
    formats = {"effect": f"+{words.table_kind(metric)}"}
    return draw.describe(
        ax, alt=alt, caption=caption, data=data, title=title, unit=unit_name, formats=formats
    )


@draw.style()
def persistence(found: Persistence) -> Axes:
    """The digital share on the days after the event, beside what was expected without it and the fitted decay.

    `found` is `persistence.persistence(...)`.
    """
    rows = found.days
    texts = [_("fitted"), _("expected")]
    ax = draw.canvas(2.3, right=0.2 + draw.text_width(texts, 9), bottom=0.48)
    ax.plot(rows["lag"], rows["share"], "o", color=draw.INK, ms=3.2, mew=0, alpha=0.75)
    ax.plot(rows["lag"], rows["fitted"], color=draw.EVENT, lw=1.8)
    ax.plot(rows["lag"], rows["expected"], color=draw.EXPECTED, lw=1.6, ls=(0, (4, 2)))
    last = rows[["fitted", "expected"]].iloc[-1]
    marks.at_the_end(ax, list(zip(last, texts, (draw.EVENT, draw.EXPECTED), strict=True)))
    ax.set_xlabel(_("days after the event"), fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    marks.percent_axis(ax, signed=False)
    first, interval = words.points(found.first), words.interval(*found.first_interval, "points")
    alt = _(
        "Digital share of payments after the event. It began {first} ({interval}) above the expected. {life}"
    )
    alt = draw.said(alt, first=first, interval=interval, life=words.half_life(found))
    caption = _("Each dot is a working day; the rise is fitted to fade by half at equal distances in time.")
    title = draw.finding(_("Digital share above the expected, at first"), first, *found.first_interval)
    return draw.describe(
        ax,
        alt=alt,
        caption=caption,
        data=rows,
        title=title,
        formats={"expected": "percent.1", "lag": "number.0"},
    )


@draw.style()
def weekdays(daily: pd.Series, windows: Windows, metric: str = "value") -> Axes:
    """Every ordinary day by its weekday, the week's first working day first, with the median and the event."""
    ax = draw.canvas(bottom=0.54 if draw.narrow() else 0.34)
    first = days.week_begins(windows.event_start, windows.country)
    past = windows.past(daily, "history").dropna()
    past = past[days.plain(past.index, windows.country)]
    scale, unit_name = draw.unit(past.max(), metric)
    order = [(first + i) % 7 for i in range(7)]
    by_day = [past[past.index.day_of_week == day] for day in order]
    for place, values in enumerate(by_day):
        dots = values[:: -(-len(values) // DOTS)]
        spread = np.linspace(-0.22, 0.22, len(dots)) if len(dots) > 1 else np.zeros(len(dots))
        ax.plot(place + spread, dots / scale, "o", color=draw.INK, ms=2.4, alpha=0.35, mew=0)
        ax.hlines(values.median() / scale, place - 0.3, place + 0.3, color=draw.EXPECTED, lw=2.4)
    data = pd.DataFrame(
        {"weekday": order, "days": map(len, by_day), "median": [values.median() for values in by_day]}
    )
    for day in windows.event_days.intersection(daily.index):
        place = order.index(day.day_of_week)
        ax.plot([place], [daily[day] / scale], "o", color=draw.EVENT, ms=7)
        marks.aside(ax, place, daily[day] / scale, words.date(day), -7 if place > 4 else 7, color=draw.EVENT)
    names = [words.weekday(day) for day in order]
    if draw.narrow():  # in two lines, so that each has room
        ax.set_xticks(range(7), [f"\n{name}" if place % 2 else name for place, name in enumerate(names)])
    else:
        marks.level_ticks(ax, range(7), names)
    marks.value_axis(ax)
    top, bottom = data.loc[data["median"].idxmax()], data.loc[data["median"].idxmin()]
    alt = words.ngettext(
        "Dot chart of the {metric} by weekday over {n} ordinary day. The median is highest on {top} ({high}) and "
        "lowest on {bottom} ({low}).",
        "Dot chart of the {metric} by weekday over {n} ordinary days. The median is highest on {top} ({high}) and "
        "lowest on {bottom} ({low}).",
        len(past),
    )
    alt = draw.said(
        alt,
        metric=words.metric(metric),
        n=len(past),
        top=words.weekday(int(top["weekday"])),
        bottom=words.weekday(int(bottom["weekday"])),
        high=words.quantity(top["median"], metric),
        low=words.quantity(bottom["median"], metric),
    )
    caption = _("Each dot is one ordinary day; the bar is the weekday's median. The event is marked.")
    if max(map(len, by_day)) > DOTS:
        caption = _(
            "Each dot is one ordinary day, of many only some; the bar is the median of all. The event is "
            "marked."
        )
    formats, title = {"median": words.table_kind(metric)}, draw.metric_title(metric)
    return draw.describe(
        ax, alt=alt, caption=caption, data=data, title=title, unit=unit_name, formats=formats
    )
