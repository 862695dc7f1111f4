"""The reader's word for each code: metrics, estimators, estimands, assumptions, columns."""

from __future__ import annotations

import datetime
import re

from analysis.days import WEEKDAYS
from analysis.words.catalogue import N_, _, language, name, ngettext, setting
from analysis.words.inert import LONGEST, UNIT, plain

METRICS = {
    "count": N_("number of payments"),
    "value": N_("value of payments"),
    "payers": N_("number of people who paid"),
    "ticket": N_("value per payment"),
}
DIGITAL = {  # the same, where others are made offline
    "count": N_("number of digital payments"),
    "value": N_("value of digital payments"),
    "payers": N_("number of people who paid digitally"),
    "ticket": N_("value per digital payment"),
    "digital_share": N_("digital share of payments"),
}
KINDS = {"value": "money", "ticket": "money", "digital_share": "percent"}
REST = N_("All others")  # the row of all groups that are not shown one by one


CURRENCIES = (N_("AED"), N_("EUR"), N_("GBP"), N_("INR"), N_("USD"))
SECTORS = (
    N_("Transport"),
    N_("Customs"),
    N_("Health"),
    N_("Utilities"),
    N_("Traffic"),
    N_("Licensing"),
    N_("Municipality"),
    N_("Land"),
    N_("Residency"),
    N_("Education"),
    N_("Courts"),
    N_("Culture"),
)
# What estimators warn of; they know no language, so the sentences are repeated here for the catalogue.
WARNINGS = (
    N_(
        "Fewer than two weeks come before the event: a weekday effect cannot be told from noise in them, and the "
        "interval is that of a new day drawn like theirs."
    ),
    N_("The event falls on a holiday; it is held against ordinary days."),
    N_(
        "The event's weekday does not stand in the days before it; it is held against the mean of the others."
    ),
    N_("The event is longer than the time before it."),
    N_("No day of the week before the event can be used; the level is that of the days before it."),
    N_(
        "One of the last three days before the event was itself far from ordinary: the level may have moved before "
        "the event, which would then be taken for its effect."
    ),
    N_(
        "What is expected lies beyond anything seen before the event: the level was moving fast, and no headline "
        "should rest on it."
    ),
    N_(
        "The ends of the expected interval lie more than a factor of ten apart: the days before say little of the "
        "event's."
    ),
    N_(
        "The week before holds each weekday once: a weekday effect cannot be told from noise in it, and the "
        "interval is that of a new day drawn like those of the week."
    ),
)
# Why estimators refuse; {n} is a number or a day, in this order in every language.
REASONS = (
    N_("fewer than two day-to-day steps before the event: give a longer history"),
    N_("the event's weekday was never seen, so its season is unknown: take another estimator"),
    N_("the series has negative values, which poisson cannot fit: take another estimator"),
    N_("{n} usable days before the event of {n}, at least {n} are needed: give a longer history"),
    N_(
        "no day of the week before the event can be used, so its level is unknown: give longer baseline_days or a "
        "shorter wait_days, or take the baseline history"
    ),
    N_("the series is {n} on every day before the event: without noise no effect can be judged"),
)
# Columns of the regression, as `model.design` names them; {n} is a number or a day.
COEFFICIENTS = (
    N_("level"),
    N_("growth a year"),
    N_("level of the week before"),
    N_("Ramadan"),
    N_("day {n} of the month"),
    N_("{n} days before the month's end"),
    N_("working day {n} of the month"),
    N_("working day {n} from the month's end"),
    N_("last two working days of the month"),
    N_("first three days of the month"),
    N_("last three days of the month"),
    N_("approach of the month's end over {n} days"),
    N_("after the month's beginning over {n} days"),
    N_("odd day {n}"),
    N_("the event, {n}"),
)
PERIODS = {
    "history": N_("history"),
    "campaign": N_("campaign"),
    "event": N_("event"),
    "after": N_("after the event"),
}
HEADINGS = {
    "day": N_("Day"),
    "days": N_("Days"),
    "lag": N_("Days from the event"),
    "share": N_("Share"),
    "fitted": N_("Fitted"),
    "effect": N_("Effect"),
    "estimate": N_("Estimate"),
    "part": N_("Part"),
    "series": N_("Payments"),
    "own": N_("Own estimate"),
    "median": N_("Median"),
    "power": N_("Power"),
    "design": N_("Design"),
    "process": N_("Kind of series"),
    "coverage": N_("Coverage"),
    "width": N_("Width"),
    "group": N_("Group"),
    "baseline": N_("Baseline"),
    "history": N_("History"),
    "baseline_days": N_("Days of the baseline"),
    "wait_days": N_("Days left out before the event"),
    "scale": N_("Scale"),
    "p_value": N_("P-value"),
    "count_share": N_("Share of number"),
    "value_share": N_("Share of value"),
    "least": N_("Smallest effect: the week"),
    "least_line": N_("Smallest effect: its trend line"),
    "most": N_("Largest effect: the week"),
    "most_line": N_("Largest effect: its trend line"),
    "date": N_("Date"),
    "period": N_("Period"),
    "observed": N_("Observed"),
    "expected": N_("Expected"),
    "expected_low": N_("Expected, low end"),
    "expected_high": N_("Expected, high end"),
    "absolute": N_("Effect"),
    "absolute_low": N_("Effect, low end"),
    "absolute_high": N_("Effect, high end"),
    "relative": N_("Effect, relative"),
    "relative_low": N_("Relative effect, low end"),
    "relative_high": N_("Relative effect, high end"),
    "low": N_("Low end"),
    "high": N_("High end"),
    "weekday": N_("Weekday"),
    "label": N_("Case"),
    "estimator": N_("Estimator"),
    "entity": N_("Entity"),
    "channel": N_("Channel"),
    "headline": N_("Headline"),
    "ordinary_share": N_("Ordinary share"),
    "t": N_("T"),
    "service": N_("Service"),
    "metric": N_("Metric"),
    "count": N_("Number"),
    "value": N_("Value"),
    "payers": N_("Payers"),
    "ticket": N_("Value per payment"),
    "digital_share": N_("Digital share"),
}


METHODS = {
    "day_before": N_("The day before"),
    "pre_week_mean": N_("Mean of the week before"),
    "same_weekday": N_("Same weekday"),
    "calendar_regression": N_("Calendar regression"),
    "poisson": N_("Poisson regression"),
    "structural": N_("Structural time series"),
    "synthetic_control": N_("Synthetic control"),
    "difference_in_differences": N_("Difference in differences"),
    "gls": N_("Generalised least squares"),
    "oracle": N_("Oracle"),
}
ESTIMANDS = {
    "pre-week": N_("Over the week before"),
    "history": N_("Over the time before the campaign"),
}


def method(estimator: str) -> str:
    """An estimator as a reader calls it."""
    return _(METHODS[estimator]) if estimator in METHODS else estimator.replace("_", " ")


def estimand(code: str) -> str:
    """What the effect is measured over; without a campaign there is one baseline, the days before."""
    if not setting().campaign:
        return _("Over the days before")
    return _(ESTIMANDS[code]) if code in ESTIMANDS else code


PARTS = {
    "from_counters": N_("From counters"),
    "from_other_days": N_("From other days"),
    "pulled_forward": N_("From the days after"),
    "postponed": N_("From the days before"),
    "net_new": N_("Net new, less lost"),
    "digital_gain": N_("Digital gain"),
}
SERIES = {
    "digital": N_("Digital payments"),
    "counter": N_("Payments at counters"),
    "total": N_("All payments"),
}
PROCESSES = {
    "ar03_log": N_("Weak memory"),
    "ar06_log": N_("Middling memory"),
    "ar09_log": N_("Strong memory"),
    "ar03_raw": N_("Weak memory, additive"),
    "ar06_raw": N_("Middling memory, additive"),
    "ar09_raw": N_("Strong memory, additive"),
    "long_memory": N_("Memory that fades slowly"),
    "local_level": N_("Drifting level"),
    "random_walk_noise": N_("Fast drifting level"),
    "changing_season": N_("Changing weekly pattern"),
    "counts_small": N_("Small counts"),
    "counts_large": N_("Large counts"),
    "closed_weekends": N_("Nothing at weekends"),
    "heavy_tails": N_("Heavy tails"),
    "skewed": N_("Lopsided noise"),
    "outliers": N_("Outages and rushes"),
    "variance_grows": N_("Noise that grows with the level"),
    "heavy_tickets": N_("Few payments of very different size"),
    "payday_spikes": N_("Paydays"),
    "holiday_unknown": N_("Unknown holidays"),
    "holidays_known": N_("Known holidays"),
    "level_shift": N_("Jump of the level"),
    "trend_break": N_("Break of the trend"),
    "campaign": N_("Campaign"),
    "campaign_anticipation": N_("Campaign with waiting"),
    "yearly": N_("Yearly season"),
    "weekday_variance": N_("Noisier weekends"),
    "rising_volatility": N_("Rising noise"),
    "clustered_volatility": N_("Noise in clusters"),
    "short_28": N_("28 days of history"),
    "short_60": N_("60 days of history"),
    "long_365": N_("A year of history"),
    "maternity": N_("Births, planned around holidays"),
    "outdoors": N_("Outdoor use ruled by the weather"),
    "hiring_rounds": N_("Hires in rounds"),
    "many_services": N_("Sum of many unequal services"),
    "cycles_90": N_("A cycle that is not the week's, 90 days"),
    "cycles_240": N_("A cycle that is not the week's, 240 days"),
    "new_week": N_("A week that turns into another"),
    "calm_and_wild": N_("Calm weeks and wild ones"),
    "wandering_volatility": N_("Noise whose size wanders"),
    "news": N_("Rushes and outages that fade"),
    "after_payday": N_("Spending after payday"),
    "school_terms": N_("School terms that no calendar has"),
    "adoption": N_("A new channel that spreads"),
    "pandemic": N_("A collapse and a recovery"),
    "payroll_fridays": N_("Pay every other Friday"),
    "share_45": N_("A share, 45 days"),
    "share_rising": N_("A share that rises to a ceiling"),
    "share_near_one": N_("A share near all"),
    "average_ticket": N_("Mean payment, a few very large"),
    "gaps": N_("Missing days and a missing week"),
    "closed_one_weekday": N_("Closed on one weekday"),
    "newly_opened_21": N_("Just opened, 21 days"),
    "newly_opened_35": N_("Just opened, 35 days"),
    "working_days": N_("Working days of the month and the quarter"),
    "clinic_in_winter": N_("Visits that breed visits"),
    "campaign_slow_lift": N_("Campaign that still lifts the level"),
    "campaign_flash": N_("Campaign that leaps and ebbs, people wait"),
    "campaign_unheard": N_("Campaign that does nothing"),
    "campaign_on_weekends": N_("Campaign that lifts weekends"),
    "campaign_share": N_("Campaign that lifts a share"),
}
CHOICES = {
    "history": {"all": N_("all of the history")},
    "wait_days": {0: N_("last days learned from")},
    "scale": {"log": N_("log scale"), "identity": N_("plain scale")},
}


def part(code: str) -> str:
    """A part of the gain as a reader calls it."""
    return _(PARTS[code]) if code in PARTS else name(code.replace("_", " "))


def series(code: str) -> str:
    """Digital, counter or all payments as a reader calls them."""
    return _(SERIES[code]) if code in SERIES else name(code)


def process(code: str) -> str:
    """A simulated process as a reader calls it."""
    return _(PROCESSES[code]) if code in PROCESSES else name(code.replace("_", " "))


def choice(column: str, value) -> str:
    """One choice of a specification as a reader calls it."""
    if column == "estimator":
        return method(value)
    if column == "baseline":
        return estimand(value)
    if value in CHOICES.get(column, {}):
        return _(CHOICES[column][value])
    if column == "history" and str(value).isdigit():
        return ngettext("{n} day of history", "{n} days of history", int(value)).format(n=int(value))
    if column == "baseline_days" and str(value).isdigit():
        return ngettext("baseline of {n} day", "baseline of {n} days", int(value)).format(n=int(value))
    if column == "wait_days":
        return ngettext("last {n} day left out", "last {n} days left out", int(value)).format(n=int(value))
    return name(str(value))


def coefficient(column: str) -> str:
    """A column of the regression as a reader calls it."""
    from analysis.words.numbers import date, weekday

    if column in WEEKDAYS:
        return weekday(WEEKDAYS.index(column))
    template = re.sub(r"[0-9-]*[0-9]", "{n}", column)
    number = column[len(template.split("{n}")[0]) :].split(" ")[0]
    if template == "{n}":
        template = "the event, {n}"
    if template not in COEFFICIENTS:  # a covariate of the user's
        return name(column)
    n = date(datetime.date.fromisoformat(number)) if "-" in number else number
    return _(template).format(n=n)


def reason(text: str) -> str:
    """Why an estimator refuses, with its days written out."""
    from analysis.words.numbers import date

    given = [
        date(datetime.date.fromisoformat(n)) if "-" in n else n for n in re.findall(r"\d[\d.-]*\b", text)
    ]
    template = name(re.sub(r"\d[\d.-]*\b", "{n}", text))
    return re.sub(r"\{n\}", lambda _found: given.pop(0), template)


def code(column: str, value: str) -> str:
    """A cell of text in a table: codes by the reader's word, names translated where they are known."""
    if column in ("estimator", "baseline", "history", "scale"):
        return choice(column, value)
    told = {"period": period_name, "part": part, "series": series, "process": process, "estimand": estimand}
    return told.get(column, name)(value)


def period_name(code: str) -> str:
    """A period of `Windows.labels` as a reader calls it."""
    return _(PERIODS[code]) if code in PERIODS else name(code)


def heading(column: str) -> str:
    """A column's heading: known names are translated, others lose their underscores."""
    column = str(column)
    if column in HEADINGS:
        return _(HEADINGS[column])
    plain = column.replace("_", " ").capitalize()
    return name(column) if name(column) != column or not column.isidentifier() else name(plain)


def metric(code: str) -> str:
    """A metric as a reader calls it; a foreign column that the study gives no label keeps its name."""
    measures = setting().measures
    if code in measures:
        return _("number of {what}").format(what=label(code)) if kind(code) == "count" else label(code)
    known = METRICS | (DIGITAL if setting().offline else {})
    return _(known[code]) if code in known else name(code)


def label(code: str) -> str:
    """What the study calls a measure, in the language spoken, or else in the first that it gives."""
    labels = setting().measures[code]["label"]
    return plain(labels.get(language()) or next(iter(labels.values())), LONGEST)


def kind(code: str) -> str:
    """How a metric's numbers are written: "count", "money", "percent", or "number" with nothing known of it."""
    if code in setting().measures:
        told = setting().measures[code]["kind"]
        return {"share": "percent", "sum": "number", "mean": "number"}.get(told, told)
    return KINDS.get(code, "count" if code in METRICS else "number")


def table_kind(code: str) -> str:
    """The kind of a metric's numbers in a table, as `write` takes it."""
    return {"count": "number.0"}.get(kind(code), kind(code))


def unit(code: str) -> str:
    """The unit of a measure that is neither money nor a count, as the study says it; or ""."""
    return plain((setting().measures.get(code) or {}).get("unit") or "", UNIT)
