"""Sentences from results: the answer, how sure it is, and what it is not."""

from __future__ import annotations

from analysis.words.catalogue import N_, setting
from analysis.words.numbers import step
from analysis.words.terms import TERMS, kind
from analysis.words.values import Text, Value, amount, days, joined, of_results, plural, text

PROBABLE = {
    "added": N_("The event added at least {x} to the {metric}: the probability is {p}."),
    "took": N_("The event took at least {x} from the {metric}: the probability is {p}."),
}


def headline(effect, level: float = 0.95) -> Value:
    """The answer: estimate and interval, how sure, and what it is not."""
    return joined(answer(effect, level), sureness(effect), caveat(effect))


def difference(effect, level: float = 0.95) -> Value:
    """By how much the event was more or less, without a sign: in per cent, of a share in percentage points."""
    share = kind(effect.metric) == "percent"
    ends = effect.confidence_interval(level, relative=not share)
    rounding = min(step(*ends) or 0.01, 0.01)  # as every table says it
    if any(end and abs(end) < rounding / 2 for end in ends):
        rounding /= 10  # an end beside zero is not told as zero
    return Value(
        abs(effect.absolute if share else effect.relative), "points" if share else "percent", rounding
    )


@of_results
def answer(effect, level: float = 0.95) -> Text:
    """What was observed, against what was expected, with the interval of the effect."""
    size = difference(effect, level)
    low, high = effect.confidence_interval(level, relative=size.kind == "percent")
    unit = step(*effect.expected_interval(level), effect.expected)
    if low <= 0 <= high:
        form = N_(
            "No clear effect. {opening}, against {expected} expected; the {level} interval of the effect, {interval}, "
            "includes zero."
        )
    elif effect.absolute > 0:
        form = N_("{opening}, {difference} more than the {expected} expected ({level} interval: {interval}).")
    else:
        form = N_("{opening}, {difference} less than the {expected} expected ({level} interval: {interval}).")
    return text(
        form,
        opening=_opening(effect, amount(effect.observed, effect.metric, unit)),
        expected=amount(effect.expected, effect.metric, unit),
        difference=size,
        interval=Value((low, high), f"+{size.kind}", size.step),
        level=Value(level, "percent"),
    )


def _opening(effect, observed: Value) -> Text:
    """When, and what was counted."""
    metric, event = effect.metric, effect.event_days
    openings = TERMS["opening"] | (TERMS["digital opening"] if setting().offline else {})
    form = openings.get(metric, N_("{when}, {metric}: {observed}"))
    if metric in setting().measures:
        form = N_("{when}, {label}: {observed}")
        if kind(metric) == "count":
            form = N_("{when}, there were {observed} {label}")
    when = text("On {date}", date=event[0])
    if len(event) > 1:
        when = text("From {days}", days=Value((event[0], event[-1]), "period"))
    names = {"label": Value(metric, "label"), "metric": Value(metric, "metric")}
    return text(form, when=when, observed=observed, **names)


def sureness(effect) -> Text:
    """The p-value in words: the model's probability of an ordinary day as far out."""
    p, length = effect.p_value, len(effect.event_days)
    if p > 0.5:
        return text("By the model most ordinary days lie this far out, or farther.")
    every = 1000 if p < 0.001 else round(1 / p) if p > 0.05 else round(1 / p, -1 if p > 0.005 else -2)
    if length > 1:
        form = N_(
            "By the model an ordinary span of {length} would lie this far out in about one case of {n}."
        )
        if p < 0.001:
            form = N_(
                "By the model an ordinary span of {length} would lie this far out in less than one case of 1,000."
            )
        return text(form, length=days(length), n=int(every))
    if p < 0.001:
        return text("By the model an ordinary day would lie this far out less than once in 1,000 days.")
    return plural(int(every), "By the model an ordinary day would lie this far out about once in {n} days.")


@of_results
def probable(effect, at_least: float = 0.1) -> Text:
    """How probable it is that the effect, up or down as estimated, is at least so large (a fraction)."""
    added = effect.relative >= 0
    chance = effect.probability(at_least) if added else 1 - effect.probability(-at_least)
    p = Value(min(max(chance, 0.001), 0.999), "percent", None if 0.01 < chance < 0.985 else 0.001)
    if chance > 0.999:
        p = text("more than {p}", p=p)
    elif chance < 0.001:
        p = text("less than {p}", p=p)
    form = PROBABLE["added" if added else "took"]
    return text(form, p=p, x=Value(at_least, "percent"), metric=Value(effect.metric, "metric"))


def caveat(effect) -> Text:
    """What the number is over, and what it is not."""
    if not setting().campaign:
        return text(
            "This is measured over what the days before it lead one to expect; it is not the growth over the day "
            "before, and it does not say where the difference came from."
        )
    if effect.estimand == "history":
        return text(
            "This is measured over the days before the campaign began, so it counts what the campaign did as well; it "
            "does not say where the difference came from."
        )
    return text(
        "This is measured over the level of the week before; it is not the growth over the day before, and it does not "
        "say where the difference came from."
    )


def half_life(found) -> Text:
    """How long a rise lasted, from `displacement.Persistence`."""
    low, high = found.half_life_interval
    if not found.half_life > 0:
        return text("No lasting rise is seen.")
    if high == float("inf"):
        return plural(
            round(low),
            "It is not seen to fade within the data: it halves in {low} [day|days] at the earliest, or never.",
            low=Value(low, step=1.0),
        )
    return plural(
        round(found.half_life),
        "It halves every {n} [day|days] (interval: {interval}).",
        n=Value(found.half_life, step=1.0),
        interval=Value((low, high), step=1.0),
    )
