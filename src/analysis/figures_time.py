"""Figures over time: observed and expected, weekdays, leads and lags, persistence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis import words
from analysis.counterfactual import Effect
from analysis.figures_canvas import (
    EVENT,
    EXPECTED,
    INK,
    WIDTH,
    at_the_side,
    canvas,
    describe,
    drawn,
    label,
    metric_title,
    percent_axis,
    shade,
    text_width,
    time_axis,
    unit,
    value_axis,
)
from analysis.windows import Windows
from analysis.words import _


@drawn
def counterfactual(
    daily: pd.Series,
    effect: Effect,
    windows: Windows,
    expected: pd.DataFrame | None = None,
    level: float = 0.95,
    days_before: int = 56,
    days_after: int = 14,
) -> Axes:
    """Observed against expected around the event.

    Parameters
    ----------
    daily : Series of float on a daily DatetimeIndex
    expected : DataFrame, optional
        Columns ``expected, low, high`` by day: the model on other days also. Without it the expectation is shown
        for the event alone, from `effect` (a mean a day when the event has several).
    days_before, days_after : int
        How many days to show on either side.
    """
    days = len(effect.event_days)
    centre, (low, high) = effect.expected / days, np.array(effect.expected_interval(level)) / days
    observed, step = effect.observed / days, words.step(low, high)
    sides = [
        (observed, label(_("observed"), observed, effect.metric, step), EVENT),
        (centre, label(_("expected"), centre, effect.metric, step), EXPECTED),
    ]
    ax = canvas(right=1 - (text_width([text for _y, text, _c in sides], 9) + 0.1) / WIDTH)
    start = windows.event_start - pd.Timedelta(days=days_before)
    shown = daily.loc[start : windows.event_end + pd.Timedelta(days=days_after)]
    scale, unit_name = unit(shown.max(), effect.metric)
    shade(ax, windows, shown.index)
    if expected is not None:
        band = expected.reindex(shown.index)
        ax.fill_between(
            band.index, band["low"] / scale, band["high"] / scale, color=EXPECTED, alpha=0.2, lw=0
        )
        ax.plot(band.index, band["expected"] / scale, color=EXPECTED, lw=1.4, ls=(0, (4, 2)))
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
    if expected is not None:
        data[["expected", "expected_low", "expected_high"]] = band[["expected", "low", "high"]].to_numpy()
    else:
        on = data["date"].isin(effect.event_days)
        data.loc[on, ["expected", "expected_low", "expected_high"]] = [centre, low, high]
    alt = _("Line chart of the {metric} a day from {start} to {end}. {answer}").format(
        metric=words.metric(effect.metric),
        start=words.date(shown.index[0]),
        end=words.date(shown.index[-1]),
        answer=words.answer(effect, level),
    )
    caption = _(
        "Observed (line) and expected (diamond, with its {level} interval). Shaded: the campaign, the week before, the "
        "event."
    ).format(level=words.percent(level))
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
def leads_lags(rows: pd.DataFrame, length: int = 1) -> Axes:
    """The effect on each day around the event, with its interval.

    Parameters
    ----------
    rows : DataFrame
        ``offset`` (days from the first day of the event; negative before it), ``relative, low, high`` (fractions).
    length : int
        Days of the event.
    """
    ax = canvas(top=0.88, bottom=0.16)
    rows = rows.sort_values("offset")
    on = rows["offset"].between(0, length - 1).to_numpy()
    ax.axvspan(-0.5, length - 0.5, color=EVENT, alpha=0.22, lw=0)
    ax.axhline(0, color=INK, lw=0.9)
    for chosen, colour, size in ((~on, INK, 4), (on, EVENT, 6.5)):
        part = rows[chosen]
        ax.vlines(part["offset"], part["low"], part["high"], color=colour, lw=1.4)
        ax.plot(part["offset"], part["relative"], "o", color=colour, ms=size)
    ax.text(
        length / 2 - 0.5,
        1.02,
        _("event"),
        transform=ax.get_xaxis_transform(),
        color=EVENT,
        ha="center",
        fontsize=9,
    )
    ax.set_xlabel(_("days before (−) and after (+) the event"), fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _place: words.number(x, 1, signed=True)))
    ax.set_xlim(rows["offset"].min() - 0.8, rows["offset"].max() + 0.8)
    percent_axis(ax.yaxis)
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    clear = rows[((rows["low"] > 0) | (rows["high"] < 0)).to_numpy() & ~on]
    far = rows.loc[rows["relative"].abs().where(on, 0).idxmax()]
    text = _(
        "Effect by day from {first} to {last} days around the event; {effect} ({interval}) on the event."
    ).format(
        first=words.number(rows["offset"].min(), 1, signed=True),
        last=words.number(rows["offset"].max(), 1, signed=True),
        effect=words.percent(far["relative"], signed=True),
        interval=words.interval(far["low"], far["high"], "percent"),
    )
    parts = [
        _("{effect} at {day}").format(
            effect=words.percent(row.relative, signed=True), day=words.number(row.offset, 1, signed=True)
        )
        for row in clear.itertuples()
    ]
    text += " " + (
        _("Other days whose interval excludes zero: {days}.").format(days=words.listing(parts))
        if parts
        else _("On every other day the interval includes zero.")
    )
    caption = _(
        "The effect on each day, with its interval. A dip on either side is use moved to or from the event."
    )
    data = rows.copy()
    data.attrs["formats"] = dict.fromkeys(("relative", "low", "high"), "+percent.1") | {"offset": "+number.0"}
    return describe(ax, alt=text, caption=caption, data=data)


@drawn
def persistence(rows: pd.DataFrame, half_life: float | None = None) -> Axes:
    """What stayed of the rise of the digital share after the event.

    Parameters
    ----------
    rows : DataFrame
        ``day`` (days after the event), ``estimate, low, high`` (fractions: percentage points over the level before),
        and optionally ``fit`` (the fitted decay).
    half_life : float, optional
        In days; named in the figure.
    """
    ax = canvas(top=0.86, bottom=0.16)
    ax.axhline(0, color=INK, lw=0.9)
    ax.fill_between(rows["day"], rows["low"] * 100, rows["high"] * 100, color=INK, alpha=0.12, lw=0)
    ax.plot(rows["day"], rows["estimate"] * 100, color=INK, lw=1.3, marker="o", ms=2.8)
    if "fit" in rows:
        ax.plot(rows["day"], rows["fit"] * 100, color=EXPECTED, lw=2, ls=(0, (4, 2)))
        if half_life is not None:
            middle = len(rows) // 3
            text = _("half gone after {n} days").format(n=words.number(half_life))
            ax.annotate(
                text, (rows["day"].iloc[middle], rows["fit"].iloc[middle] * 100), xytext=(8, 14),
                textcoords="offset points", color=EXPECTED, fontsize=9,
            )  # fmt: skip
    ax.set_title(_("Digital share over its level before, in percentage points"), pad=8)
    ax.set_xlabel(_("days after the event"), fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    value_axis(ax)
    first, last = rows.iloc[0], rows.iloc[-1]
    alt = _("Digital share over its level before: {first} on day {a}, {last} ({interval}) on day {b}.").format(
        first=words.points(first["estimate"], signed=True), a=words.number(first["day"], 1),
        last=words.points(last["estimate"], signed=True), b=words.number(last["day"], 1),
        interval=words.interval(last["low"], last["high"], "points"),
    )  # fmt: skip
    if half_life is not None:
        alt += " " + _("Half of the rise is gone after {n} days.").format(n=words.number(half_life))
    caption = _("Each day after the event (line, with its interval) and the fitted decay (dashed).")
    data = rows.copy()
    data.attrs["formats"] = dict.fromkeys(("estimate", "low", "high", "fit"), "+points") | {"day": "number.0"}
    return describe(ax, alt=alt, caption=caption, data=data)


@drawn
def weekdays(daily: pd.Series, windows: Windows, metric: str = "value", first: int = 6) -> Axes:
    """Every ordinary day by its weekday, with the median, and the event beside them.

    `first` is the weekday to begin with (0 = Monday; 6 = Sunday, the first working day in the UAE until 2021).
    """
    ax = canvas()
    past = windows.past(daily, "history").dropna()
    scale, unit_name = unit(past.max(), metric)
    order = [(first + i) % 7 for i in range(7)]
    rows = []
    for place, day in enumerate(order):
        values = past[past.index.weekday == day].to_numpy()
        spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.plot(place + spread, values / scale, "o", color=INK, ms=2.4, alpha=0.35, mew=0)
        middle = float(np.median(values)) if len(values) else np.nan
        ax.plot([place - 0.3, place + 0.3], [middle / scale] * 2, color=EXPECTED, lw=2.4)
        rows.append({"weekday": words.weekday(day), "days": len(values), "median": middle})
    for day in windows.event_days.intersection(daily.index):
        place = order.index(day.weekday())
        ax.plot([place], [daily[day] / scale], "o", color=EVENT, ms=7)
        text = words.date(day)
        beside = place > 4
        ax.annotate(
            text, (place, daily[day] / scale), xytext=(-7 if beside else 7, 0), textcoords="offset points", color=EVENT,
            ha="right" if beside else "left", va="center", fontsize=9,
        )  # fmt: skip
    ax.set_xticks(range(7), [words.weekday(day) for day in order])
    title = metric_title(metric)
    ax.set_title(f"{title} ({unit_name})" if unit_name else title, pad=8)
    value_axis(ax)
    data = pd.DataFrame(rows)
    top, bottom = data.loc[data["median"].idxmax()], data.loc[data["median"].idxmin()]
    alt = _(
        "Dot chart of the {metric} by weekday over {n} ordinary days. The median is highest on {top} ({high}) and "
        "lowest on {bottom} ({low})."
    ).format(
        metric=words.metric(metric), n=words.number(len(past)), top=top["weekday"], bottom=bottom["weekday"],
        high=words.quantity(top["median"], metric), low=words.quantity(bottom["median"], metric),
    )  # fmt: skip
    caption = _("Each dot is one ordinary day; the bar is the weekday's median. The event is marked.")
    return describe(ax, alt=alt, caption=caption, data=data)
