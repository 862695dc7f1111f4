"""How a column of text writes its numbers and times: decided once, from all its rows.

A column is first reduced to its shapes (every digit a 9: `9.999,99`, `99/99/9999 99:99`), few however long the ledger
is. What all shapes allow is one reading, or the column is refused with both readings and the option that decides.
"""

from __future__ import annotations

import re
import warnings

import polars as pl

MARKS = {
    **{chr(0x660 + i): str(i) for i in range(10)},
    **{chr(0x6F0 + i): str(i) for i in range(10)},
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
    **dict.fromkeys("\u200e\u200f\u061c\ufeff", ""),
    **{"\u066c": "'", "\u2019": "'", "\u060c": ",", "\u2212": "-"},
}
GAPS = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-"]
ARABIC_DECIMAL = "\u066b"
# A sign, an ISO 4217 code, or a currency as it is written beside amounts.
UNIT = r"\p{Sc}|%|٪|[A-Z]{3}\b|(?:Dhs?|Rs|kr|Kč|zł|Ft)\b\.?|د\.إ\.?|ر\.س\.?|درهم|ريال|دينار|جنيه"
SAMPLE = 1_000
DECIMALS = (".", ",")
ORDERS = {"day-first": "${3}-${2}-${1}", "month-first": "${3}-${1}-${2}"}
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
MONTH = f"({'|'.join(MONTHS)})[A-Z]*"
UPTO_31 = r"(0?[1-9]|[12]\d|3[01])"
SLASHED = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})"
# Ways to write a day, each made year-month-day.
DAYS = (
    (r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", "${1}-${2}-${3}"),
    (r"^(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)$", "${1}-${2}-${3}T${4}:${5}:${6}"),
    (r"^(\d{4})(\d\d)(\d\d)($|[ T])", "${1}-${2}-${3}${4}"),
    (rf"^(\d{{1,2}})[ -]{MONTH}\.?[ ,-]+(\d{{4}})", "${3}-${2}-${1}"),
    (rf"^{MONTH}\.? (\d{{1,2}}),? (\d{{4}})", "${3}-${1}-${2}"),
)
# Halves of the day as AM and PM; one space between day and time; a leap second belongs to the day that it ends.
HALVES = ((r"([AP])\.M\.?$", "${1}M"), (r" ?ص$", " AM"), (r" ?م$", " PM"))
CLOCKS = (
    (r"^(\d+-\w+-\d+)[T, ]+(\d)", "${1} ${2}"),
    (r"(\d) ?([AP]M)$", "${1} ${2}"),
    (r"(\d:\d\d):60", "${1}:59"),
)
TAILS = ("", " %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S%.f %p")
OFFSET = r"(\d:\d\d(?:[.:]\d+)*) ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$"
ZONE_ADVICE = "say whose days to use with --timezone, such as Europe/London"


class Note(UserWarning):
    """What a reader of the numbers has to know of how they were read; no error."""


def note(text: str) -> None:
    """Say it once, at the caller of the package."""
    warnings.warn(text, Note, stacklevel=2)


def cleaned(text: pl.Expr) -> pl.Expr:
    """Text without spaces around it, with Western digits; what stands for a gap is null."""
    text = text.cast(pl.String).str.replace_many(list(MARKS), list(MARKS.values())).str.strip_chars()
    return pl.when(~text.is_in(GAPS)).then(text)


def shapes(frame: pl.LazyFrame, text: pl.Expr) -> list[tuple[str, int, str]]:
    """(shape, rows, least example) of a text column: every digit a 9, but a leading 0 before a mark a z.

    All rows are looked at, but only those unlike the first ones are taken apart.
    """
    rows = frame.select(text.alias("x")).drop_nulls()
    shape = pl.col("x").str.replace(r"^([+-]?)0([.,])", "${1}z${2}").str.replace_all(r"\d", "9")
    found: list[tuple[str, int, str]] = []
    for part in (rows.head(SAMPLE), rows):
        if found:
            part = rows.filter(~pl.col("x").str.contains("|".join(_pattern(known) for known, _, _ in found)))
        grouped = part.group_by(shape.alias("shape")).agg(pl.len(), pl.col("x").min().alias("example"))
        found += grouped.collect(engine="streaming").sort("shape").rows()
    return found


def _pattern(shape: str) -> str:
    """The pattern of the cells that have a shape."""
    pattern = re.escape(shape).replace("9", "[0-9]").replace("z", "0")
    return f"^{pattern.replace('[0-9]', '[1-9]', 1) if re.match('[+-]?9[.,]', shape) else pattern}$"


def _written(decimal: str) -> str:
    """The pattern of a number, thousands (or lakhs) apart or not."""
    marks = ("," if decimal == "." else r"\.", "'", " ")
    whole = "|".join([r"\d+", "z", *(rf"\d{{1,3}}(?:{g}\d{{2,3}})*{g}\d{{3}}" for g in marks)])
    return rf"^[+-]?(?:{whole})?(?:[{re.escape(decimal)}{ARABIC_DECIMAL}]\d*)?(?:[eE][+-]?\d+)?$"


def _number(text: pl.Expr, decimal: str, marks: str = "., '") -> pl.Expr:
    """A text written so as a number; null where it is not. `marks` are those that the column has."""
    text = pl.when(text.str.contains(_written(decimal))).then(text)
    if group := "".join(mark for mark in marks if mark in ".,' " and mark != decimal):
        text = text.str.replace_all(f"[{group}]", "")
    if other := "".join({decimal, ARABIC_DECIMAL}.intersection(marks) - {"."}):
        text = text.str.replace_all(f"[{other}]", ".")
    return text.cast(pl.Float64, strict=False)


def numbers(frame: pl.LazyFrame, column: str, name: str, decimal: str | None = None) -> pl.Expr:
    """The expression that reads a column of text as numbers; null is a gap or unreadable.

    `decimal` is the mark, "." or ",", as the user says it; otherwise the one under which every number can be read.
    ValueError if both are possible (`10.000` beside `10000`), neither takes every row, or rows differ in their unit.
    """
    if decimal not in (None, *DECIMALS):
        raise ValueError(f"decimal {decimal!r} is unknown: give . or ,")
    where, text = f"{name}, {column}: ", cleaned(pl.col(column))
    units, bodies = set(), []
    found = shapes(frame, text)
    carried = pl.Series([example for *_, example in found], dtype=pl.String).str.extract(f"({UNIT})")
    for (shape, _, example), unit in zip(found, carried, strict=True):
        body, bare = (cell.replace(unit or "", "", 1).strip() for cell in (shape, example))
        fits = {d for d in DECIMALS if re.match(_written(d), body.replace("9", "1"))}
        if fits and re.search(r"\d", bare):
            bodies.append((body, bare, fits))
            units.add(unit or "")
    if len(units) > 1:
        told = " and others ".join(repr(u) if u else "none" for u in sorted(units, reverse=True)[:2])
        raise ValueError(f"{where}some cells carry the unit {told}; write all alike")
    if unit := units.pop() if units else "":
        note(f"{where}the unit {unit!r} of every cell is left out")
        text = text.str.replace(unit, "", literal=True).str.strip_chars()
    return _number(text, decimal or _decimal(bodies, where), "".join({*"".join(body for body, *_ in bodies)}))


def _decimal(bodies: list[tuple[str, str, set[str]]], where: str) -> str:
    """The one decimal mark that every number of a column allows, from (shape, example, marks that fit)."""
    advice = "say which with --decimal . or --decimal , (in a study: decimal)"
    possible = [d for d in DECIMALS if all(d in fits for *_, fits in bodies)]
    if not possible:
        comma, dot = (next(e for _, e, fits in bodies if d not in fits) for d in DECIMALS)
        raise ValueError(f"{where}{comma!r} and {dot!r} are not written alike; write all as 1234.50")
    open_to_both = [e for body, e, _ in bodies if re.fullmatch(r"[+-]?(9{1,3}|z)([.,]9{3})", body)]
    if len(possible) == 2 and not open_to_both:
        return "."
    threes = [e for e in open_to_both if possible != ["."] and (len(possible) == 2 or "," in e)]
    if threes:
        dot, comma = (pl.select(_number(pl.lit(threes[0]), d)).item() for d in DECIMALS)
        raise ValueError(f"{where}{threes[0]!r} can be read as {dot:.15g} or as {comma:.15g}; {advice}")
    return possible[0]


def times(
    frame: pl.LazyFrame,
    column: str,
    name: str,
    timezone: str | None = None,
    date_format: str | None = None,
    wall: bool = False,
) -> pl.Expr:
    """The expression that reads a column of text as local times without zone; null is empty or unreadable.

    Times with an offset become those of `timezone`; without one they keep their own clock if all offsets are equal,
    and a note says so. Where most rows have an offset every row must, and elsewhere none may. `date_format` is
    "day-first" or "month-first" for days such as 03/04/2017; or all of it, as "%d/%m/%y". `wall` leaves every offset
    out: what the clock on the wall showed. ValueError if days can be read two ways, or offsets differ and no time
    zone says whose days to use.
    """
    text = cleaned(pl.col(column))
    if date_format and "%" in date_format:
        zoned = "%z" in date_format
        read = text.str.to_datetime(date_format, strict=False, time_zone="UTC" if zoned else None)
        return _local(read, timezone or "UTC") if zoned else read
    text = text.str.to_uppercase()
    where, found = f"{name}, {column}: ", shapes(frame, text)
    offset, carried = text.str.extract(OFFSET, 2), {}
    with_offset = sum(rows for _, rows, example in found if re.search(OFFSET, example))
    aware = 2 * with_offset > sum(rows for _, rows, _ in found)
    if with_offset:
        every = frame.select(offset.alias("x")).drop_nulls().unique().collect(engine="streaming")["x"]
        carried = {one: _minutes(one) for one in every.sort()}
    examples = pl.Series([example for *_, example in found], dtype=pl.String)
    tails = {_tail(example) for example in examples}
    if carried and (wall or aware):
        if not wall and timezone is None:
            if len(set(carried.values())) > 1:
                raise ValueError(f"{where}mixes time zones ({', '.join(sorted(carried))}); {ZONE_ADVICE}")
            note(f"{where}times carry {next(iter(carried))}; they are kept as written, {ZONE_ADVICE}")
        text, examples = (cells.str.replace(OFFSET, "${1}") for cells in (text, examples))
    days = [way for way in DAYS if examples.str.contains(way[0]).any()]
    if len(slashed := examples.filter(examples.str.contains(SLASHED))):
        order = _order(frame.select(text.alias("x")), slashed.min(), where, date_format)
        days.append((SLASHED, ORDERS[order]))
    for pattern, made in (*HALVES, *days, *CLOCKS):
        changed = examples.str.replace(pattern, made)
        if ":60" in pattern or not changed.equals(examples):  # cells of one shape change alike
            text, examples = text.str.replace(pattern, made), changed
    if any(MONTH in pattern for pattern, _ in days):
        text = text.str.replace_many(MONTHS, [str(i) for i in range(1, 13)])
    forms = ("%Y-%m-%d" + tail for tail in TAILS if tail in tails or not tails)
    read = pl.coalesce(text.str.to_datetime(form, strict=False, time_unit="us") for form in forms)
    if not carried or wall:
        return read
    if not aware:
        return pl.when(offset.is_null()).then(read)
    if timezone is None:
        return pl.when(offset.is_not_null()).then(read)
    shift = offset.replace_strict(carried, default=None, return_dtype=pl.Int32)
    return _local((read - pl.duration(minutes=shift)).dt.replace_time_zone("UTC"), timezone)


def _local(utc: pl.Expr, timezone: str) -> pl.Expr:
    return utc.dt.convert_time_zone(timezone).dt.replace_time_zone(None)


def _minutes(offset: str) -> int:
    digits = re.sub(r"\D", "", offset).ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if offset[0] == "-" else 1)


def _tail(example: str) -> str:
    """The form of the time of day that an example ends with."""
    clock = re.search(r"\d:\d\d(:\d\d)?", example)
    if not clock and not re.match(DAYS[1][0], example):
        return ""
    half = re.search(r"([AP]\.?M\.?|ص|م)$", example)
    seconds = not clock or clock.group(1)
    return TAILS[(4 if seconds else 3) if half else (2 if seconds else 1)]


def _order(cells: pl.LazyFrame, example: str, where: str, date_format: str | None) -> str:
    """Which of day and month comes first in 03/04/2017: as told, or as a row tells that can be read one way only."""
    if date_format is not None:
        if date_format not in ORDERS:
            raise ValueError(f"date format {date_format!r} is unknown: give day-first, month-first, %d/%m/%y")
        return date_format
    parts = rf"^{UPTO_31}[/.-]\d{{1,2}}[/.-]\d{{4}}", rf"^\d{{1,2}}[/.-]{UPTO_31}[/.-]\d{{4}}"
    largest = [pl.col("x").str.extract(p).cast(pl.Int32).max().alias(p) for p in parts]
    first, second = ((day or 0) > 12 for day in cells.select(largest).collect(engine="streaming").row(0))
    if first and second:
        raise ValueError(f"{where}some days are written day first and some month first; write 2017-10-26")
    if not first and not second:
        a, b, year = re.match(SLASHED, example).groups()
        days = f"{year}-{b:0>2}-{a:0>2} or as {year}-{a:0>2}-{b:0>2}"
        advice = "say which with --date-format day-first or --date-format month-first"
        raise ValueError(f"{where}{example!r} can be read two ways, as {days}; {advice}")
    return "day-first" if first else "month-first"
