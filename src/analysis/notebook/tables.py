"""Tables under the headings that a reader sees, and as the sheets of a workbook."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from numbers import Integral, Real

import numpy as np
import pandas as pd

from analysis import words


def capital(text: str) -> str:
    """The text with a capital to open it."""
    return text[:1].upper() + text[1:]


def headed(table: pd.DataFrame, headings: Mapping[str, str], formats: Mapping[str, str]) -> pd.DataFrame:
    """The table under its headings, with the kind of each column's numbers for `show.table`."""
    headed = table.rename(columns=headings)
    headed.attrs["headings"] = dict(headings)
    headed.attrs["formats"] = {headings[name]: formats[name] for name in table.columns if name in formats}
    return headed


def ends_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with each column of intervals as two, NAME_low and NAME_high; a row without one leaves both empty."""
    apart = pd.DataFrame(index=frame.index)
    for name in frame.columns:
        pairs = [value if _is_pair(value) else None for value in frame[name]]
        if any(pairs) and all(
            pair or not isinstance(v, str) for pair, v in zip(pairs, frame[name], strict=True)
        ):
            apart[f"{name}_low"] = [pair[0] if pair else None for pair in pairs]
            apart[f"{name}_high"] = [pair[1] if pair else None for pair in pairs]
        else:
            apart[name] = frame[name]
    return apart


def sheet(
    frame: pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> dict[str, list]:
    """The frame for a workbook, in the language spoken now; `columns` and `formats` as in `show.table`.

    Returns
    -------
    dict
        ``columns``, the heading and the number format of each; ``rows``, lists of numbers, texts, and days as
        2017-10-26 under the format `DAY`. What is not there is None.
    """
    formats = {**frame.attrs.get("formats", {}), **(formats or {})}
    if "csv" in frame.attrs:  # the frame is written out: its numbers are there
        numbers = pd.DataFrame(frame.attrs["csv"])
        if len(numbers) == len(frame):  # row by row, so that the first column may be read as it is shown
            numbers[numbers.columns[0]] = list(frame.iloc[:, 0])
        formats = frame.attrs.get("csv_formats", {})
        columns = {name: frame.attrs.get("headings", {}).get(name, "") for name in numbers}
        frame = numbers
    shown = frame[list(columns or frame.columns)]
    headings = {name: words._(text) for name, text in (columns or {}).items() if text}
    apart = ends_apart(shown)
    heads = []
    for name in apart.columns:
        whole, end = (name, "") if name in shown else re.fullmatch(r"(.*)_(low|high)", name, re.S).groups()
        heading = headings.get(whole) or words.heading(whole)
        if end:
            heading = f"{heading}: {words.heading(end).lower()}"
        heads.append([capital(heading), _number_format(formats.get(whole), whole, apart[name])])
    kinds = [formats.get(name) for name in apart.columns]
    rows = [
        [_plain(value, kind, name) for value, kind, name in zip(row, kinds, apart.columns, strict=True)]
        for row in apart.itertuples(index=False, name=None)
    ]
    return {"columns": heads, "rows": rows}


DAY = "yyyy-mm-dd"
_WRITTEN = ("date", "weekday", "name", "metric")  # kinds of `words.fill` that are no numbers to reckon with


def _number_format(kind: str | None, name: str, values: pd.Series) -> str:
    """A column's number format, as spreadsheets write them."""
    if any(isinstance(value, date | np.datetime64) for value in values):
        return DAY
    if kind is None and re.search("^relative|share$|^held_", str(name)):
        kind = "percent"
    sign, stem, decimals = re.fullmatch(r"(\+?)([a-z]*)(?:\.(\d))?", kind or "").groups()
    if stem in ("percent", "points"):
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


def _plain(value, kind: str | None, column: str):
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, Real) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return words._("yes") if value else words._("no")
    if isinstance(value, date | np.datetime64):
        return f"{pd.Timestamp(value):%Y-%m-%d}"
    if kind in _WRITTEN:
        return words.write(value, kind)
    if isinstance(value, Real):
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        return int(value) if isinstance(value, Integral) else float(value)
    text = words.metric(str(value)) if column == "metric" else words.code(column, str(value))
    return re.sub("[\u2066\u2069]", "", text)  # a cell needs no isolates


def _is_pair(value) -> bool:
    return isinstance(value, tuple) and len(value) == 2
