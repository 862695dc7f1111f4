"""Sentences from results: the answer, how sure it is, and what it is not."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from analysis.words.catalogue import N_, _, language, ngettext, setting
from analysis.words.inert import plain
from analysis.words.numbers import date, interval, number, percent, points, quantity, step
from analysis.words.terms import kind, label, metric

OPENINGS = {
    "count": N_("{when}, there were {observed} payments"),
    "value": N_("{when}, payments were worth {observed}"),
    "payers": N_("{when}, {observed} people paid"),
    "ticket": N_("{when}, a payment was worth {observed} on average"),
}
DIGITAL_OPENINGS = {
    "count": N_("{when}, there were {observed} digital payments"),
    "value": N_("{when}, digital payments were worth {observed}"),
    "payers": N_("{when}, {observed} people paid digitally"),
    "ticket": N_("{when}, a digital payment was worth {observed} on average"),
    "digital_share": N_("{when}, {observed} of payments were digital"),
}

PROBABLE = {
    "added": N_("The event added at least {x} to the {metric}: the probability is {p}."),
    "took": N_("The event took at least {x} from the {metric}: the probability is {p}."),
}


def headline(effect, level: float = 0.95) -> str:
    """The answer: estimate and interval, how sure, and what it is not."""
    return " ".join((answer(effect, level), sureness(effect), caveat(effect)))


def answer(effect, level: float = 0.95) -> str:
    """What was observed, against what was expected, with the interval of the effect."""
    days = effect.event_days
    expected_step = step(*effect.expected_interval(level), effect.expected)
    share = kind(effect.metric) == "percent"
    low, high = effect.confidence_interval(level, relative=not share)
    difference = effect.absolute if share else effect.relative
    write = points if share else percent
    effect_step = step(low, high, difference)
    if effect_step and any(end and abs(end) < effect_step / 2 for end in (low, high)):
        effect_step /= 10  # an end beside zero is not told as zero
    values = {
        "expected": quantity(effect.expected, effect.metric, expected_step),
        "difference": write(abs(difference), effect_step),
        "interval": interval(low, high, "points" if share else "percent", step=effect_step),
        "level": percent(level),
    }
    opening = _opening(effect.metric).format(
        when=_when(days[0], days[-1]), observed=quantity(effect.observed, effect.metric, expected_step)
    )
    if low <= 0 <= high:
        text = _(
            "No clear effect. {opening}, against {expected} expected; the {level} interval of the effect, {interval}, "
            "includes zero."
        )
    elif difference > 0:
        text = _("{opening}, {difference} more than the {expected} expected ({level} interval: {interval}).")
    else:
        text = _("{opening}, {difference} less than the {expected} expected ({level} interval: {interval}).")
    text = text.format(opening=opening, **values)
    return marked(text)


def _opening(code: str) -> str:
    """The beginning of an answer, with places for {when} and {observed}."""
    if code in setting().measures:
        text = (
            _("{when}, there were {observed} {label}")
            if kind(code) == "count"
            else _("{when}, {label}: {observed}")
        )
        return text.replace("{label}", _literal(label(code)))
    known = OPENINGS | (DIGITAL_OPENINGS if setting().offline else {})
    return _(known.get(code, N_("{when}, {metric}: {observed}"))).replace("{metric}", _literal(metric(code)))


def _literal(text: str) -> str:
    """Text of which `format` leaves the braces alone."""
    return text.replace("{", "{{").replace("}", "}}")


def in_language(texts: Mapping[str, str]) -> str:
    """What a study says of itself, in the language spoken, or else in the first that it gives."""
    return plain(texts.get(language()) or next(iter(texts.values()), ""))


def marked(text: str) -> str:
    """A sentence on results, which says so when they come from simulated data."""
    return _("In the synthetic data: {text}").format(text=text) if setting().synthetic else text


def sureness(effect) -> str:
    """The p-value in words: the model's probability of an ordinary day as far out."""
    p = effect.p_value
    if p < 0.001:
        return _("By the model an ordinary day would lie this far out less than once in 1,000 days.")
    if p > 0.4:
        return _("By the model ordinary days lie this far out all the time.")
    every = round(1 / p) if p > 0.05 else round(1 / p, -1 if p > 0.005 else -2)
    return ngettext(
        "By the model an ordinary day would lie this far out about once in {n} days.",
        "By the model an ordinary day would lie this far out about once in {n} days.",
        int(every),
    ).format(n=number(int(every)))


def probable(effect, at_least: float = 0.1) -> str:
    """How probable it is that the effect, up or down as estimated, is at least so large (a fraction)."""
    added = effect.relative >= 0
    chance = effect.probability(at_least) if added else 1 - effect.probability(-at_least)
    form = PROBABLE[
        "added" if added else "took"
    ]  # Babel takes every literal inside a call of _ for a message
    text = _(form)
    beyond = _("more than {p}") if chance > 0.999 else _("less than {p}") if chance < 0.001 else "{p}"
    text = text.replace("{p}", beyond)
    p = percent(min(max(chance, 0.001), 0.999), None if 0.01 < chance < 0.985 else 0.001)
    return marked(text.format(p=p, x=percent(at_least), metric=metric(effect.metric)))


def caveat(effect) -> str:
    """What the number is over, and what it is not."""
    if not setting().campaign:
        return _(
            "This is measured over what the days before it lead one to expect; it is not the growth over the day "
            "before, and it does not say where the difference came from."
        )
    if effect.estimand == "history":
        return _(
            "This is measured over the days before the campaign began, so it counts what the campaign did as well; it "
            "does not say where the difference came from."
        )
    return _(
        "This is measured over the level of the week before; it is not the growth over the day before, and it does not "
        "say where the difference came from."
    )


def half_life(found) -> str:
    """How long a rise lasted, from `displacement.Persistence`."""
    low, high = found.half_life_interval
    if not found.half_life > 0:
        return _("No lasting rise is seen.")
    text = ngettext(
        "It halves every {n} day (interval: {interval}).",
        "It halves every {n} days (interval: {interval}).",
        round(found.half_life),
    )
    if found.half_life_interval.high == float("inf"):
        text = ngettext(
            "It is not seen to fade within the data: it halves in {low} day at the earliest, or never.",
            "It is not seen to fade within the data: it halves in {low} days at the earliest, or never.",
            round(low),
        )
    ends = interval(low, high, signed=False, step=1)
    return text.format(n=number(found.half_life, 1), interval=ends, low=number(low, 1))


def _when(first: datetime.date, last: datetime.date) -> str:
    """The adverbial that opens a sentence."""
    if first == last:
        return _("On {date}").format(date=date(first))
    return _("From {start} to {end}").format(start=date(first), end=date(last))
