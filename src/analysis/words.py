"""Words and numbers for readers, in English and Arabic.

    with words.using("ar"):
        words.percent(0.303, signed=True)

A sentence's English text is its key in the gettext catalogue `locale/<language>/LC_MESSAGES/messages.po`, which is
read as it is: there is no compiled copy that could go stale. Signed numbers and percentages are wrapped in Unicode
isolates in Arabic, so that a sign stays on its side of the number; `html` turns the isolates into `<bdi>`.
"""

from __future__ import annotations

import datetime
import gettext
import html as _html
import io
import math
import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ar")
LOCALES = {"en": "en_GB", "ar": "ar_AE"}
CATALOGUES = Path(__file__).parent / "locale"
DIRECTIONS = {"en": "ltr", "ar": "rtl"}

_language: ContextVar[str] = ContextVar("language", default="en")
_currency: ContextVar[str] = ContextVar("currency", default="AED")
_synthetic: ContextVar[bool] = ContextVar("synthetic", default=False)
_missing: set[str] = set()


# --- language ---------------------------------------------------------------------------------------------------


@contextmanager
def using(language: str) -> Iterator[None]:
    """Speak `language` inside the block."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is unknown: give one of {', '.join(LANGUAGES)}")
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """The language spoken now: "en" or "ar"."""
    return _language.get()


def currency(code: str | None = None) -> str:
    """The currency that money is told in; with `code`, from now on."""
    if code:
        _currency.set(code)
    return _currency.get()


def synthetic(yes: bool | None = None) -> bool:
    """Whether results come from simulated data; with `yes`, from now on. Sentences of results then say so."""
    if yes is not None:
        _synthetic.set(yes)
    return _synthetic.get()


def direction() -> str:
    """ "ltr" or "rtl"."""
    return DIRECTIONS[language()]


def _(message: str) -> str:
    """`message` in the language spoken now."""
    if language() == "en" or not message:
        return message
    found = _catalogue(language()).gettext(message)
    if found is message:
        _missing.add(message)
    return found


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """Mark `message` for the catalogue; it is translated where it is shown."""
    return message


def ngettext(one: str, many: str, n: int) -> str:
    """The form of a phrase that goes with the number `n`; fill it with ``.format(n=...)``."""
    if language() == "en":
        return one if n == 1 else many
    found = _catalogue(language()).ngettext(one, many, n)
    if found in (one, many):
        _missing.add(one)
    return found


def name(text: str) -> str:
    """A proper name or a code from the data: translated where the catalogue knows it, else as it is."""
    return text if language() == "en" else _catalogue(language()).gettext(text) if text else text


def missing() -> frozenset[str]:
    """Every message asked for so far that the catalogue did not have."""
    return frozenset(_missing)


@cache
def _catalogue(language: str) -> gettext.GNUTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


# --- numbers ----------------------------------------------------------------------------------------------------


def step(low: float, high: float) -> float | None:
    """The unit to round to, so that significant digits follow the interval; None without a finite interval.

    Half the width keeps two digits when they begin below 35, else one: +-19.5 is told in units of 1, +-5.2 in
    units of 1, +-0.52 in units of 0.1 (the rule of the Particle Data Group).
    """
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return None
    power = math.floor(math.log10(half))
    return 10.0 ** (power - 1 if half / 10.0**power < 3.55 else power)


def number(value: float, step: float | None = None, signed: bool = False) -> str:
    """1,774 or −4.2; rounded to `step`, or to three significant digits below 100."""
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
    # Translators: a difference of two percentages, such as "3 percentage points"
    return _("{n} percentage points").format(n=text)


def money(value: float, step: float | None = None, signed: bool = False) -> str:
    """AED 55.2 million, or AED 1,774, in the current `currency`; `step` is in whole units of it."""
    scale = next((s for s in (1e9, 1e6) if abs(value) >= s), 1.0)
    if step is None:
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if scale > 1 else 1.0
    amount = _isolate(_digits(value / scale, step / scale, signed), signed or value < 0)
    count = _plural_number(value / scale, step / scale)
    if scale == 1e9:
        text = ngettext("{currency} {n} billion", "{currency} {n} billion", count)
    elif scale == 1e6:
        text = ngettext("{currency} {n} million", "{currency} {n} million", count)
    elif currency() == "AED":
        text = ngettext("AED {n}", "AED {n}", count)
    else:
        text = _("{currency} {n}")
    return text.format(currency=name(currency()), n=amount)


def date(day: datetime.date) -> str:
    """26 October 2017."""
    from babel.dates import format_date

    return format_date(day, "d MMMM y", locale=LOCALES[language()])


def weekday(number: int) -> str:
    """Name of a weekday, 0 = Monday."""
    from babel.dates import get_day_names

    return get_day_names("wide", "stand-alone", LOCALES[language()])[number]


def day_month(day: datetime.date) -> str:
    """26 Oct."""
    from babel.dates import format_date

    return format_date(day, "d MMM", locale=LOCALES[language()])


def month(day: datetime.date) -> str:
    """Oct 2017 in January and Oct otherwise, for an axis."""
    from babel.dates import format_date

    return format_date(day, "MMM y" if day.month == 1 else "MMM", locale=LOCALES[language()])


def period(start: datetime.date, end: datetime.date | None = None) -> str:
    """One day, or the first and the last of several."""
    if end is None or end == start:
        return date(start)
    return _("{start} to {end}").format(start=date(start), end=date(end))


def interval(
    low: float, high: float, kind: str = "number", signed: bool = True, step: float | None = None
) -> str:
    """+9% to +27%; both ends rounded to the interval's own step. `kind` is number, percent, points or money."""
    step = _interval_step(low, high) if step is None else step
    write = WRITERS["number" if kind == "points" else kind]
    factor = 100 if kind == "points" else 1
    ends = [write(end * factor, step=step and step * factor, signed=signed) for end in (low, high)]
    if math.isinf(low) and math.isinf(high):
        return _("no bound on either side")
    if math.isinf(high):
        text = _("at least {low}").format(low=ends[0])
    elif math.isinf(low):
        text = _("at most {high}").format(high=ends[1])
    else:
        text = _("{low} to {high}").format(low=ends[0], high=ends[1])
    return _("{n} percentage points").format(n=text) if kind == "points" else text


def listing(items: list[str]) -> str:
    """a, b and c."""
    from babel.lists import format_list

    return format_list(items, locale=LOCALES[language()])


def fill(template: str, /, *args, **values) -> str:
    """A sentence with its numbers: `template` is translated, then each placeholder is written out by its kind.

    ``fill("The day added {effect:+percent} ({ci:+percent}).", effect=0.17, ci=(0.09, 0.27))``. Kinds: number,
    percent, points, money, date, weekday, name; a leading + signs the number, a trailing ``.1`` fixes its decimals.
    A pair is an interval. Without a kind the value is written as it is.
    """
    return _Filler().vformat(_(template), args, values)


WRITERS = {"number": number, "percent": percent, "points": points, "money": money}
KINDS_OF_PLACEHOLDER = (*WRITERS, "date", "weekday", "name", "metric")
_interval_step = step


class _Filler(string.Formatter):
    def format_field(self, value, spec: str) -> str:
        return write(value, spec) if spec else str(value)


def write(value, spec: str) -> str:
    """A value by the kind of a placeholder of `fill`: "+percent", "number.1", "date"."""
    match = re.fullmatch(r"(\+?)([a-z]+)(?:\.(\d))?", spec)
    if match and match[2] in KINDS_OF_PLACEHOLDER:
        sign, kind, decimals = match.groups()
        if kind in ("date", "weekday", "name", "metric"):
            return {"date": date, "weekday": weekday, "name": name, "metric": metric}[kind](value)
        options = {"signed": bool(sign)}
        if decimals is not None:
            options["step"] = 10.0 ** -(int(decimals) + (2 if kind in ("percent", "points") else 0))
        if isinstance(value, tuple | list):
            return interval(*value, kind=kind, **options)
        return WRITERS[kind](value, **options)
    raise ValueError(f"{spec!r} is no kind of number: give one of {', '.join(KINDS_OF_PLACEHOLDER)}")


def _digits(value: float, step: float | None, signed: bool) -> str:
    from babel.numbers import format_decimal

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


def _plural_number(value: float, step: float) -> int:
    """The whole number that chooses a plural form; a fraction takes the form of the hundreds."""
    rounded = round(abs(value) / step) * step
    return round(rounded) if step >= 1 and abs(rounded - round(rounded)) < 1e-9 else 100


def _isolate(text: str, needed: bool = True) -> str:
    return f"\u2066{text}\u2069" if needed and language() == "ar" else text


def html(text: str) -> str:
    """`text` as HTML: markup escaped, isolates as `<bdi>`."""
    escaped = _html.escape(text, quote=False)
    return escaped.replace("\u2066", '<bdi dir="ltr">').replace("\u2069", "</bdi>")


# --- sentences from results -------------------------------------------------------------------------------------

METRICS = {
    "count": N_("number of digital payments"),
    "value": N_("value of digital payments"),
    "payers": N_("number of people who paid digitally"),
    "ticket": N_("value per digital payment"),
    "digital_share": N_("digital share of payments"),
}
OPENINGS = {
    "count": N_("On {date} there were {observed} digital payments"),
    "value": N_("On {date} digital payments were worth {observed}"),
    "payers": N_("On {date} {observed} people paid digitally"),
    "ticket": N_("On {date} a digital payment was worth {observed} on average"),
    "digital_share": N_("On {date} {observed} of payments were digital"),
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


def heading(column: str) -> str:
    """A column's heading: known names are translated, others lose their underscores."""
    if column in HEADINGS:
        return _(HEADINGS[column])
    return name(str(column).replace("_", " ").capitalize())


def metric(name_: str) -> str:
    """A metric as a reader calls it; a foreign column keeps its name."""
    return _(METRICS[name_]) if name_ in METRICS else name_


def quantity(value: float, metric: str, step: float | None = None, signed: bool = False) -> str:
    """A value of `metric` in its own unit."""
    write = {"money": money, "percent": percent, "number": number}[KINDS.get(metric, "number")]
    return write(value, step=step, signed=signed)


def headline(effect, level: float = 0.95) -> str:
    """The answer: estimate and interval, how sure, and what it is not."""
    return " ".join((answer(effect, level), sureness(effect), caveat(effect)))


def answer(effect, level: float = 0.95) -> str:
    """What was observed, against what was expected, with the interval of the effect."""
    days = effect.event_days
    expected_step = step(*effect.expected_interval(level))
    share = effect.metric == "digital_share"
    low, high = effect.confidence_interval(level, relative=not share)
    difference = effect.absolute if share else effect.relative
    write = points if share else percent
    values = {
        "expected": quantity(effect.expected, effect.metric, expected_step),
        "difference": write(abs(difference), step(low, high)),
        "interval": interval(low, high, "points" if share else "percent"),
        "level": percent(level),
    }
    opening = _(OPENINGS.get(effect.metric, N_("On {date} {metric} reached {observed}"))).format(
        date=period(days[0], days[-1]),
        observed=quantity(effect.observed, effect.metric, expected_step),
        metric=effect.metric,
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
    return f"{_('In the synthetic data:')} {text}" if synthetic() else text


def sureness(effect) -> str:
    """How often an ordinary day differs as much, in words."""
    p = effect.p_value
    if p < 0.001:
        return _("Fewer than one ordinary day in 1,000 differs this much from what is expected of it.")
    if p > 0.4:
        return _("Ordinary days differ this much from what is expected of them all the time.")
    every = round(1 / p) if p > 0.05 else round(1 / p, -1 if p > 0.005 else -2)
    return ngettext(
        "About one ordinary day in {n} differs this much from what is expected of it.",
        "About one ordinary day in {n} differs this much from what is expected of it.",
        int(every),
    ).format(n=number(every))


def caveat(effect) -> str:
    """What the number is over, and what it is not."""
    if effect.estimand == "history":
        return _(
            "This is measured over the days before the campaign began, so it counts what the campaign did as well; it "
            "does not say where the payments came from."
        )
    return _(
        "This is measured over the level of the week before, campaign included; it is not the growth over the day "
        "before, and it does not say where the payments came from."
    )


# --- notebooks --------------------------------------------------------------------------------------------------


def translate_cell(markdown: str, language: str) -> str:
    """The prose of a Markdown cell in another language, block by block: headings, paragraphs, list items, table cells.

    A block's text with its line breaks taken out is its key in the catalogue; code and displayed formulas stay.
    """
    with using(language):
        return "".join(_(text) if is_text else text for text, is_text in _blocks(markdown))


def prose(markdown: str) -> list[str]:
    """The keys that `translate_cell` looks up."""
    return [text for text, is_text in _blocks(markdown) if is_text]


_OPENING = re.compile(r"\s*(?:#{1,6}\s+|(?:[-*+]|\d+\.)\s+|>\s?)")
_FENCE = re.compile(r"\s*(```|~~~|\$\$)")


def _blocks(markdown: str) -> Iterator[tuple[str, bool]]:
    """Pieces of a cell in order, each with whether it is text; joined, they give the cell again (line breaks apart)."""
    fence, held, opening = "", [], ""

    def flush() -> Iterator[tuple[str, bool]]:
        nonlocal opening
        if held:
            text = " ".join(line.strip() for line in held)
            yield opening, False
            yield text, any(c.isalpha() for c in re.sub(r"<!--.*?-->|\$[^$]*\$|`[^`]*`", "", text))
            yield "\n", False
        held.clear()
        opening = ""

    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark:
            yield from flush()
            yield line + "\n", False
            if fence:
                fence = "" if fence in line else fence
            elif not line.strip().endswith(mark[1]) or len(line.strip()) <= len(mark[1]):
                fence = mark[1]
        elif not line.strip():
            yield from flush()
            yield "\n", False
        elif line.lstrip().startswith("|"):
            yield from flush()
            for cell in re.split(r"(?<!\\)(\|)", line):
                text = cell.strip()
                is_text = any(c.isalpha() for c in re.sub(r"\$[^$]*\$|`[^`]*`", "", text))
                yield (" " if text and text != "|" else ""), False
                yield text, is_text
                yield (" " if text and text != "|" else ""), False
            yield "\n", False
        elif start := _OPENING.match(line):
            yield from flush()
            opening = start[0]
            held.append(line[start.end() :])
            if "#" in opening:
                yield from flush()
        else:
            held.append(line)
    yield from flush()


def extract_notebook(file, _keywords, _comment_tags, _options) -> Iterator[tuple]:
    """Babel's extractor for notebooks: the prose, and the literals given to `show` (see its docstring)."""
    import ast
    import json

    for number, cell in enumerate(json.load(file)["cells"], start=1):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from ((number, "_", text, []) for text in prose(source))
        elif cell["cell_type"] == "code":
            plain = "\n".join(line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
            for call in ast.walk(ast.parse(plain)):
                if isinstance(call, ast.Call):
                    yield from ((number, "_", text, []) for text in _literals(call))


def _literals(call) -> Iterator[str]:
    """The texts of one call that a reader will see."""
    import ast

    called = ast.unparse(call.func)
    first = call.args[:1] if called in ("show.say", "words.fill", "words._", "words.N_", "_", "N_") else []
    named = [keyword.value for keyword in call.keywords if keyword.arg in ("caption", "title", "labels")]
    named += [
        value
        for keyword in call.keywords
        if keyword.arg == "columns" and called.startswith("show.") and isinstance(keyword.value, ast.Dict)
        for value in keyword.value.values
    ]
    for value in first + named:
        for part in value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [value]):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                yield part.value
