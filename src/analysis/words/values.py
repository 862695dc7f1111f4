"""Sentences as values: a template with what stands in it, written out in the language spoken when it is asked for.

    str(text("The day added {x:+percent} ({ends:+percent}).", x=effect.relative, ends=(0.09, 0.27)))

A placeholder names the kind that writes its value: one of `NUMBERS`, with a leading + to sign it and a trailing .1 to
fix its decimals, or one of `CODES`, with a capital (`{metric:Metric}`) to open it with one and a leading ~ to open it
without. Where there is no kind the type decides: a number, a day, a pair of ends, a list; text stands as it is.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from analysis.words import numbers, terms
from analysis.words.catalogue import _, name, ngettext, setting


@dataclass(frozen=True, slots=True)
class Value:
    """A number, a pair of ends, a code or a list, with the kind that writes it and the step that it is rounded to."""

    value: Any
    kind: str = ""
    step: float | None = None

    def __str__(self) -> str:
        return write(self.value, self.kind, self.step)


@dataclass(frozen=True, slots=True)
class Text:
    """A template, its form for another number than one, that number, and the values by name."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    many: str | None = None
    n: int | None = None

    def __str__(self) -> str:
        if self.n is not None:
            template = ngettext(self.template, self.many, self.n)
        else:
            template = _(self.template) if has_words(self.template) else self.template
        return _Writer().vformat(template, (), self.values)


def text(template: str, /, **values: Any) -> Text:
    """A sentence or a part of one; the English template is its key in the catalogue."""
    return Text(template, values)


def plural(n: int, template: str, /, **values: Any) -> Text:
    """A text whose form goes with the number `n`, which is {n} in it: "{n} [day|days] [is|are] left"."""
    return Text(form(template, 1), {"n": n, **values}, form(template, 2), int(n))


def form(template: str, number: int) -> str:
    """One form of the template of a `plural`: for one, or for more."""
    return re.sub(r"\[([^|\]]*)\|([^|\]]*)\]", rf"\{min(number, 2)}", template)


def days(n: int | str) -> Text:
    """5 days."""
    return plural(int(n), "{n} [day|days]")


def marked(one: Text | Value) -> Text | Value:
    """A sentence on results, which says so when they come from simulated data."""
    return text("In the synthetic data: {text}", text=one) if setting().synthetic else one


def of_results(sentences: Callable[..., Text | Value | None]) -> Callable[..., Text | Value | None]:
    """Mark what a function of sentences says."""

    @functools.wraps(sentences)
    def said(*results, **options):
        return (one := sentences(*results, **options)) and marked(one)

    return said


def joined(*sentences: Text | Value | str | None) -> Value:
    """Several sentences as one paragraph."""
    return Value([one for one in sentences if one], "sentences")


def amount(value: float, metric: str, step: float | None = None, signed: bool = False) -> Value | Text:
    """A number of a metric in its own unit; `step` never rounds its first two digits away."""
    kind = terms.kind(metric)
    if step and value:
        step = min(step, 10.0 ** (math.floor(math.log10(abs(value))) - 1))
    if step is None and kind == "count" and abs(value) >= 10:
        step = 1.0
    number = Value(value, "+" * signed + (kind if kind in NUMBERS else "number"), step)
    unit = terms.unit(metric)
    return text("{n} {unit}", n=number, unit=unit) if unit else number


def quantity(value: float, metric: str, step: float | None = None, signed: bool = False) -> str:
    """`amount`, written out."""
    return str(amount(value, metric, step, signed))


def write(value: Any, kind: str = "", step: float | None = None) -> str:
    """A value by its kind, in the language spoken now."""
    if isinstance(value, Text | Value):
        return str(value)
    kind = kind or _usual(value)
    found = re.fullmatch(r"([+~]?)([A-Za-z]*)(?:\.(\d))?", kind)
    sign, stem, decimals = found.groups() if found else ("", kind, None)
    if stem.lower() in CODES and sign != "+":
        written = CODES[stem.lower()](value)
        first = written[:1].lower() if sign else written[:1].upper() if stem[:1].isupper() else written[:1]
        return first + written[1:]
    if stem not in NUMBERS:
        raise ValueError(f"{kind!r} is no kind of value: give one of {', '.join((*NUMBERS, *CODES))}")
    if decimals is not None:
        step = 10.0 ** -(int(decimals) + (0 if stem in ("number", "money") else 2))
    if isinstance(value, tuple):
        return numbers.interval(*value, kind=stem, signed=bool(sign), step=step)
    return NUMBERS[stem](value, step=step, signed=bool(sign))


def has_words(template: str) -> bool:
    """Whether there is anything to translate beside placeholders, brackets and colons."""
    return bool(re.sub(r"\{.*?\}|[\s():]", "", template))


def _usual(value: Any) -> str:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, Integral):
        return "number.0"
    if isinstance(value, Real | tuple):
        return "number"
    if isinstance(value, datetime.date):
        return "date"
    return "listing" if isinstance(value, list) else "text"


class _Writer(string.Formatter):
    def format_field(self, value: Any, spec: str) -> str:
        return write(value, spec)


NUMBERS = {
    "number": numbers.number,
    "percent": numbers.percent,
    "points": numbers.points,
    "hundredths": numbers.hundredths,
    "money": numbers.money,
}
CODES = {
    **{table: functools.partial(terms.term, table) for table in terms.TERMS},
    "metric": terms.metric,
    "label": terms.label,
    "estimand": terms.estimand,
    "baseline": functools.partial(terms.estimand, table="baseline"),
    "over": functools.partial(terms.term, "estimand"),
    "history": functools.partial(terms.choice, "history"),
    "coefficient": terms.coefficient,
    "reason": terms.reason,
    "heading": terms.heading,
    "name": name,
    "own": terms.in_language,
    "date": numbers.date,
    "period": lambda one: terms.term("period", one) if isinstance(one, str) else numbers.period(*one),
    "weekday": numbers.weekday,
    "month": numbers.month_name,
    "days": lambda n: str(days(n)),
    "past": lambda n: _("All there is, up to 400 days") if n == "all" else str(days(n)),
    "p": numbers.p_value,
    "yes": lambda value: _("yes") if value else _("no"),
    "weekend": lambda weekend: terms.term("weekend", bool(weekend)),
    "text": str,
    "listing": lambda items: numbers.listing([write(item) for item in items]),
    "semicolons": lambda items: _("; ").join(write(item) for item in items),
    "sentences": lambda items: " ".join(write(item) for item in items),
}
