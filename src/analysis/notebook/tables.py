"""A frame of codes and numbers as a table of a page, a sheet of a workbook and a CSV file.

What a column is called and of which kind its cells are stands in `words/terms.csv`. `low` and `high` are of the kind of
the column before them. A column to show that the frame does not have is a pair: `interval` of `low` and `high`,
`NAME` or `NAME_interval` of `NAME_low` and `NAME_high`. Kinds of `ROWS` need the whole row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from numbers import Integral, Real

import pandas as pd

from analysis import words
from analysis.words.terms import COLUMNS, TERMS
from analysis.words.values import CODES, NUMBERS

DAY, NUMBER = "yyyy-mm-dd", ' class="number"'
Columns = Iterable[str] | Mapping[str, str | words.Value] | None


def html(
    frame: pd.DataFrame, caption: str, columns: Columns = None, formats: Mapping[str, str] | None = None
) -> str:
    """An accessible table in the language spoken now: caption, scoped headings, numbers written out."""
    headings = columns if isinstance(columns, Mapping) else {}
    kinds = _kinds(frame if columns is None else columns, formats or {})
    numeric = {code: _is_number(kind) or (not kind and _counts(frame, code)) for code, kind in kinds.items()}

    def tag(name: str, code: str, text: str) -> str:
        """A cell; text runs in its own direction, also where the page runs from right to left."""
        inside = words.html(text)
        if name != 'th scope="col"' and not numeric[code] and words.direction() == "rtl":
            inside = f"<bdi>{inside}</bdi>"
        return f"<{name}{NUMBER if numeric[code] else ''}>{inside}</{name[:2]}>"

    first = next(iter(kinds))
    lines = ["".join(tag('th scope="col"', code, _heading(code, headings)) for code in kinds)]
    for row in frame.to_dict("records"):
        cells = {code: _cell(row, code, kind) for code, kind in kinds.items()}
        lines.append(
            "".join(
                tag('th scope="row"' if code == first else "td", code, text) for code, text in cells.items()
            )
        )
    head, *body = (f"<tr>{line}</tr>" for line in lines)
    text = words.html(caption)
    return f"<table><caption>{text}</caption><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def csv(frame: pd.DataFrame) -> str:
    """The frame at full precision, its text whole but inert: what a sheet would run begins with an apostrophe."""
    safe = frame.copy()
    if "weekday" in safe:
        with words.using("en"):
            safe["weekday"] = [
                words.weekday(day) if isinstance(day, Integral) else day for day in safe["weekday"]
            ]
    for code in safe.columns:
        if safe[code].dtype == object or pd.api.types.is_string_dtype(safe[code]):
            safe[code] = [words.cell(value) for value in safe[code]]
    if words.setting().synthetic:
        safe["synthetic"] = True
    safe.columns = [words.cell(str(code)) for code in safe.columns]
    return safe.to_csv(index=False, lineterminator="\n")


def sheet(
    frame: pd.DataFrame, columns: Columns = None, formats: Mapping[str, str] | None = None
) -> dict[str, list]:
    """The frame for a workbook, in the language spoken now; `columns` and `formats` as in `show.table`.

    Beside the columns to show it has every other for which there is a heading.

    Returns
    -------
    dict
        ``columns``, the heading and the number format of each; ``rows``, lists of numbers, texts, and days as
        2017-10-26 under the format `DAY`. What is not there is None.
    """
    headings = columns if isinstance(columns, Mapping) else {}
    shown = set(frame if columns is None else columns) | set(TERMS["column"])
    kinds = {
        code: kind
        for code, kind in _kinds(frame, formats or {}).items()
        if shown & {code, base := re.sub("_(low|high)$", "", code), f"{base}_interval"}
    }
    heads = []
    for code, kind in kinds.items():
        heading = _heading(code, headings)
        heads.append([heading[:1].upper() + heading[1:], _number_format(kind, frame[code])])
    rows = [[_plain(row, code, kind) for code, kind in kinds.items()] for row in frame.to_dict("records")]
    return {"columns": heads, "rows": rows}


def paired(codes: Iterable[str]) -> list[str]:
    """The columns, the two ends of an interval as one."""
    short = (
        re.sub("_?low$", lambda end: "_interval" if end[0] == "_low" else "interval", code) for code in codes
    )
    return [code for code in short if not re.search("(^|_)high$", code)]


def _kinds(codes: Iterable[str], formats: Mapping[str, str]) -> dict[str, str]:
    """The kind of each column's cells."""
    kinds, before = {}, "+percent.1"
    for code in map(str, codes):
        base = re.sub("_(low|high|interval)$", "", code)
        kind = formats.get(code) or COLUMNS.get(code) or formats.get(base) or COLUMNS.get(base, "")
        if code in ("low", "high", "interval") and code not in formats:
            kind = before
        kinds[code] = kind
        before = kind if _is_number(kind) else before
    return kinds


def _heading(code: str, own: Mapping) -> str:
    heading = own.get(code)
    return words._(heading) if isinstance(heading, str) else str(heading or words.heading(code))


def _counts(frame: pd.DataFrame, code: str) -> bool:
    return code in frame and pd.api.types.is_numeric_dtype(frame[code])


def _is_number(kind: str) -> bool:
    return kind in ROWS or kind == "p" or re.sub(r"\W|\d", "", kind) in (*NUMBERS, "amount")


def _cell(row: Mapping, code: str, kind: str) -> str:
    """A cell of a page."""
    if kind in ROWS or kind in TEXTS:
        return (ROWS | TEXTS)[kind](row, code)
    value = _value(row, code)
    return "–" if value is None else words.write(value, _plainer(kind, value, code, row))


def _value(row: Mapping, code: str):
    """What stands in a cell, or a pair of two; None where there is nothing."""
    if code in row:
        return None if _missing(row[code]) else row[code]
    base = re.sub("_?interval$", "", code)
    ends = tuple(row[f"{base}_{end}" if base else end] for end in ("low", "high"))
    return None if any(map(_missing, ends)) else ends


def _plainer(kind: str, value, code: str, row: Mapping) -> str:
    """The kind as `words.write` knows it."""
    if kind in ROWS:
        kind = "amount"
    if kind.endswith("amount"):
        kind = kind.replace("amount", words.table_kind(row.get("metric", code)))
    if isinstance(value, str) and (not kind or _is_number(kind) or kind in ("date", "weekday", "month")):
        kind = code if code in TERMS and code not in ("column", "metric") else "name"
    return kind


def _missing(value) -> bool:
    return value is None or value is pd.NA or (not isinstance(value, str) and value != value)


def _number_format(kind: str, values: pd.Series) -> str:
    """A column's number format, as spreadsheets write them."""
    if any(isinstance(value, date) for value in values):
        return DAY
    found = re.fullmatch(r"(\+?)([a-z]*)(?:\.(\d))?", kind)
    sign, stem, decimals = found.groups() if found else ("", "", None)
    if stem in ("percent", "points", "hundredths"):
        form = f"0.{'0' * int(decimals or 1)}%" if decimals != "0" else "0%"
    elif stem == "p":
        form = "0.0000"
    elif decimals is not None:
        form = f"#,##0.{'0' * int(decimals)}".rstrip(".")
    elif stem == "money" or _large(values):
        form = "#,##0"
    else:
        form = "General"
    return f"+{form};-{form};{form}" if sign and form != "General" else form


def _large(values: pd.Series) -> bool:
    """Whether the numbers are whole, or so large that decimals say nothing."""
    numbers = [abs(v) for v in values if isinstance(v, Real) and not isinstance(v, bool) and math.isfinite(v)]
    return bool(numbers) and (max(numbers) >= 1000 or all(isinstance(v, Integral) for v in numbers))


def _plain(row: Mapping, code: str, kind: str):
    """A cell of a sheet."""
    if (value := _value(row, code)) is None:
        return None
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and (kind == "p" or kind not in (*CODES, *TEXTS)):
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        return value
    return re.sub("[\u2066\u2069]", "", _cell(row, code, kind))  # a cell needs no isolates


# --- kinds that need the whole row: the facts of one effect ---------------------------------------------------------


def _expected(row: Mapping, code: str) -> str:
    """What was observed or expected, rounded to the interval of what was expected."""
    stem = re.sub("(observed|expected)$", "", code)
    if "metric" not in row or f"{stem}expected_low" not in row:
        return _cell(row, code, "amount")
    value, *ends = (row[f"{stem}expected{end}"] for end in ("", "_low", "_high"))
    return "–" if _missing(value) else words.quantity(row[code], row["metric"], words.step(*ends, value))


def _effect(row: Mapping, code: str) -> str:
    """An effect in units of its metric, rounded to its interval where it has one."""
    ends = row.get(f"{code}_low"), row.get(f"{code}_high")
    if "metric" not in row or any(map(_missing, ends)):
        return _cell(row, code, "+amount")
    return words.quantity(row[code], row["metric"], words.step(*ends), signed=True)


def _size(row: Mapping, code: str) -> str:
    """The effect or its interval; of a share in percentage points, of any other metric in per cent."""
    share = words.kind(row["metric"]) == "percent"
    size, low, high = (row[f"{'absolute' if share else 'relative'}{end}"] for end in ("", "_low", "_high"))
    step = min(words.step(low, high) or 0.01, 0.01)  # an end far out must not round the other away
    if code.endswith("interval"):
        return words.write((low, high), "+hundredths" if share else "+percent", step)
    return _points(size, step) if share else words.percent(size, step, signed=True)


def _true(row: Mapping, code: str) -> str:
    """The true effect, in the same unit."""
    if words.kind(row["metric"]) == "percent":
        return _points(row["absolute_true"], 0.001)
    return words.percent(row["relative_true"], 0.001, signed=True)


def _gained(row: Mapping, code: str) -> str:
    """People whom the event won, or by how many points in a hundred more they stayed; rounded to the interval."""
    share, ends = row["days"] > 0, (row["low"], row["high"])
    step = 0.001 if share else words.step(*ends)
    return words.write(ends if code == "interval" else row[code], "+hundredths" if share else "+number", step)


def _won(row: Mapping, _code: str) -> str:
    """What the number is of."""
    return str(words.text(TERMS["quantity"][row["quantity"]], days=row["days"]))


def _choice(row: Mapping, code: str) -> str:
    """One choice of a specification."""
    text = words.choice(row["by"], row[code])
    return text[:1].upper() + text[1:]


def _result(row: Mapping, code: str) -> str:
    """What others published, with its interval, in the unit of the row."""
    if _missing(row[code]):
        return "–"
    kind = {"per cent": "percent", "percentage points": "points"}.get(row["result_unit"], "number")
    digits = 0 if row[code] == round(row[code]) else 1
    text = words.write(row[code] / (1 if kind == "number" else 100), f"+{kind}.{digits}")
    ends = (row["low"], row["high"])
    return text if _missing(ends[0]) else f"{text} ({words.write(ends, f'+number.{digits}')})"


def _points(size: float, step: float) -> str:
    return words._("{n} points").format(n=words.number(100 * size, 100 * step, signed=True))


ROWS = {"expected": _expected, "effect": _effect, "size": _size, "true": _true, "gained": _gained}
TEXTS = {"won": _won, "choice": _choice, "result": _result}
