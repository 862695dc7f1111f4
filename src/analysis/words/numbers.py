"""Numbers, money, dates and intervals as a reader of each language expects them.

In Arabic, signed numbers and percentages are wrapped in Unicode isolates, so that a sign stays on its side of the
number; `inert.html` turns the isolates into `<bdi>`.
"""

from __future__ import annotations

import datetime
import math
from numbers import Integral

from babel import dates, lists
from babel.numbers import format_decimal

from analysis.words.catalogue import LOCALES, _, language, name, ngettext, setting


def step(low: float, high: float, point: float | None = None) -> float | None:
    """The unit to round to, so that significant digits follow the interval; None without a finite interval.

    Half the width keeps two digits when they begin below 35, else one: +-19.5 is told in units of 1, +-5.2 in
    units of 1, +-0.52 in units of 0.1 (the rule of the Particle Data Group). Given a point inside, the nearer end
    counts, so that an end far out does not round the point away.
    """
    half = (high - low) / 2 if point is None else min(point - low, high - point)
    if not math.isfinite(half) or half <= 0:
        return None
    power = math.floor(math.log10(half))
    return 10.0 ** (power - 1 if half / 10.0**power < 3.55 else power)


def number(value: float, step: float | None = None, signed: bool = False) -> str:
    """1,774 or −4.2; rounded to `step`, else whole numbers stay whole and others keep three digits below 100."""
    step = 1.0 if step is None and isinstance(value, Integral) else step
    return _isolate(_digits(value, step, signed), signed or value < 0)


def percent(value: float, step: float | None = None, signed: bool = False) -> str:
    """30% of a fraction 0.3; `step` is a fraction too (0.01 rounds to whole per cent)."""
    if step is None:
        step = 0.01 if abs(value) >= 0.095 or value == 0 else 0.001
    return _isolate(_digits(value * 100, step * 100, signed) + ("" if math.isinf(value) else "%"))


def points(value: float, step: float | None = None, signed: bool = False) -> str:
    """Percentage points of a difference of two fractions."""
    if step is None:
        step = 0.001 if abs(value) < 0.1 else 0.01
    text = _isolate(_digits(value * 100, step * 100, signed), signed or value < 0)
    count = _plural_number(value * 100, step * 100, signed)
    return ngettext("{n} percentage point", "{n} percentage points", count).format(n=text)


def hundredths(value: float, step: float | None = None, signed: bool = False) -> str:
    """Percentage points of a fraction, under a heading that names them."""
    return number(100 * value, step and 100 * step, signed)


def p_value(value: float) -> str:
    """0.012, 0.3 or <0.001."""
    if value < 0.001:
        return _isolate("<0.001")
    return number(value, 0.001 if value < 0.0995 else 0.01)


def money(value: float, step: float | None = None, signed: bool = False) -> str:
    """AED 55.2 million, or AED 1,774, in the study's currency, if it names one; `step` is in whole units of it."""
    currency = setting().currency
    scale = next((s for s in (1e9, 1e6) if abs(value) >= s), 1.0)
    if step is None:
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if scale > 1 else 1.0
    amount = _isolate(_digits(value / scale, step / scale, signed), signed or value < 0)
    sign = amount[0] if language() == "en" and currency and amount[0] in "+−" else ""
    amount = amount.removeprefix(sign)
    count = _plural_number(value / scale, step / scale, signed)
    if scale == 1e9:
        text = ngettext("{currency} {n} billion", "{currency} {n} billion", count)
    elif scale == 1e6:
        text = ngettext("{currency} {n} million", "{currency} {n} million", count)
    elif currency == "AED":
        text = ngettext("AED {n}", "AED {n}", count)
    else:
        text = _("{currency} {n}")
    return sign + text.format(currency=name(currency or ""), n=amount).strip()


def date(day: datetime.date, form: str = "d MMMM y") -> str:
    """26 October 2017."""
    return dates.format_date(day, form, locale=LOCALES[language()])


def day_month(day: datetime.date) -> str:
    """26 Oct."""
    return date(day, "d MMM")


def month(day: datetime.date) -> str:
    """Oct, for an axis; in place of January the year."""
    return date(day, "y" if day.month == 1 else "MMM")


def weekday(number: int) -> str:
    """Name of a weekday, 0 = Monday."""
    return dates.get_day_names("wide", "stand-alone", LOCALES[language()])[number]


def month_name(number: int) -> str:
    """October, by its number."""
    return dates.get_month_names("wide", "stand-alone", LOCALES[language()])[number]


def period(start: datetime.date, end: datetime.date | None = None) -> str:
    """One day, or the first and the last of several."""
    if end is None or end == start:
        return date(start)
    whole = "d MMMM y" if start.year != end.year else "d MMMM" if start.month != end.month else "d"
    return _("{start} to {end}").format(start=date(start, whole), end=date(end))


def interval(
    low: float, high: float, kind: str = "number", signed: bool = True, step: float | None = None
) -> str:
    """+9% to +27%; both ends rounded to the interval's own step. `kind` is percent, points, money or number."""
    beyond = kind == "percent" and MOST_PER_CENT < high < math.inf
    high = MOST_PER_CENT if beyond else high
    rounding = step or _interval_step(low, high)
    write = {"points": hundredths, "hundredths": hundredths, "percent": percent, "money": money}.get(
        kind, number
    )
    ends = {"low": write(low, rounding, signed), "high": write(high, rounding, signed)}
    if math.isinf(low) and math.isinf(high):
        return _("no bound on either side")
    if math.isinf(high):
        text = _("at least {low}")
    elif math.isinf(low):
        text = _("at most {high}")
    else:
        text = _("{low} to more than {high}") if beyond else _("{low} to {high}")
    text = text.format(**ends)
    if kind == "points":
        text = ngettext("{n} percentage point", "{n} percentage points", 100).format(n=text)
    return text


def listing(items: list[str]) -> str:
    """a, b and c."""
    return lists.format_list(items, locale=LOCALES[language()])


MOST_PER_CENT = 10.0  # +1,000 %: an interval that reaches further says no more by saying how far
_interval_step = step


def _digits(value: float, step: float | None, signed: bool) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if step is None:
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if 0 < abs(value) < 100 else 1.0
        step = min(step, 1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    value = round(value / step) * step
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    text = format_decimal(abs(value), format=pattern, locale=LOCALES[language()])
    zero = not any(c in "123456789" for c in text)
    if value < 0 and not zero:
        return "−" + text
    return "+" + text if signed and not zero else text


def _plural_number(value: float, step: float, signed: bool) -> int:
    """The whole number that chooses a plural form; a fraction, and a sign that must stay, take that of a hundred."""
    rounded = round(abs(value) / step) * step
    if step < 1 or abs(rounded - round(rounded)) > 1e-9 or ((signed or value < 0) and rounded < 3):
        return 100
    return round(rounded)


def _isolate(text: str, needed: bool = True) -> str:
    return f"\u2066{text}\u2069" if needed and language() == "ar" else text
