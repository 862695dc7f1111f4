"""The reader's word for each code: metrics, estimators, estimands, assumptions, columns."""

from __future__ import annotations

from analysis.words_language import N_, _, name, ngettext

METRICS = {
    "count": N_("number of digital payments"),
    "value": N_("value of digital payments"),
    "payers": N_("number of people who paid digitally"),
    "ticket": N_("value per digital payment"),
    "digital_share": N_("digital share of payments"),
}
KINDS = {"value": "money", "ticket": "money", "digital_share": "percent"}


HEADINGS = {
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
    "contrast": N_("Contrast regression"),
    "calendar_regression": N_("Calendar regression"),
    "poisson": N_("Poisson regression"),
    "structural": N_("Structural time series"),
    "autoregressive": N_("Regression with autocorrelated errors"),
    "synthetic_control": N_("Synthetic control"),
    "difference_in_differences": N_("Difference in differences"),
    "ensemble": N_("Ensemble"),
}
ESTIMANDS = {
    "pre-week": N_("Over the week before"),
    "history": N_("Over the time before the campaign"),
}


def method(estimator: str) -> str:
    """An estimator as a reader calls it."""
    return _(METHODS[estimator]) if estimator in METHODS else estimator.replace("_", " ")


def estimand(code: str) -> str:
    """What the effect is measured over."""
    return _(ESTIMANDS[code]) if code in ESTIMANDS else code


ASSUMPTIONS = {
    "nothing": N_("Nothing assumed"),
    "not-below-day-before": N_("At least the day before"),
    "rise-at-most-30": N_("Untreated rise of at most 30%"),
    "rise-at-most-20": N_("Untreated rise of at most 20%"),
    "rise-at-most-10": N_("Untreated rise of at most 10%"),
    "same-as-day-before": N_("Same as the day before"),
    "same-as-week": N_("Same as the mean of the week"),
    "trend-line": N_("On the line of a rising week"),
    "trend-line-any-order": N_("On the line of the week"),
    "smooth-20": N_("Rising, smooth to 20%"),
    "smooth-10": N_("Rising, smooth to 10%"),
    "smooth-5": N_("Rising, smooth to 5%"),
    "straight-line": N_("Rising in a straight line"),
}


def assumption(code: str) -> str:
    """An assumption of `identified` as a reader calls it."""
    return _(ASSUMPTIONS[code]) if code in ASSUMPTIONS else code.replace("-", " ")


def comparison(baseline: str, week=None) -> str:
    """What a published reading compares the event with."""
    if week is None:
        return _("the day before")
    if not week.includes_event:
        return _("the week's mean, event left out")
    text = ngettext("the mean of {n} day, event included", "the mean of {n} days, event included", week.days)
    return text.format(n=week.days)


COMPONENTS = {
    "counters": N_("Moved from counters"),
    "other_days": N_("Moved from other days"),
    "new": N_("Net new"),
    "lost": N_("Lost"),
    "total": N_("Digital gain"),
}
PROCESSES: dict[str, str] = {}
CHOICES = {
    "history": {"all": N_("all of the history")},
    "calendar": {"full": N_("full calendar"), "weekday": N_("weekdays only")},
    "scale": {"log": N_("log scale"), "level": N_("plain scale")},
}


def component(code: str) -> str:
    """A part of the gain as a reader calls it."""
    return _(COMPONENTS[code]) if code in COMPONENTS else name(code.replace("_", " "))


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
    if column == "history":
        return ngettext("{n} day of history", "{n} days of history", int(value)).format(n=int(value))
    if column == "baseline_days":
        return ngettext("baseline of {n} day", "baseline of {n} days", int(value)).format(n=int(value))
    return name(str(value))


def heading(column: str) -> str:
    """A column's heading: known names are translated, others lose their underscores."""
    if column in HEADINGS:
        return _(HEADINGS[column])
    return name(str(column).replace("_", " ").capitalize())


def metric(name_: str) -> str:
    """A metric as a reader calls it; a foreign column keeps its name."""
    return _(METRICS[name_]) if name_ in METRICS else name_
