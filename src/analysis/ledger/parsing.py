"""Text as times, days and amounts: what is accepted, and what is refused because it can be read two ways."""

from __future__ import annotations

import re

import polars as pl

ISO = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y/%m/%dT%H:%M:%S%.f",
    "%Y/%m/%d",
)
WORDY = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%d-%b-%Y")
SLASHED = r"^(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}"
OFFSET = r"\d:\d\d.*(Z|[+-]\d\d:?\d\d)$"
ARABIC_DIGITS = {**{chr(0x660 + i): str(i) for i in range(10)}, **{chr(0x6F0 + i): str(i) for i in range(10)}}
ARABIC_MARKS = {"\u066b": ".", "\u066c": ",", "\u200e": "", "\u200f": ""}
SAMPLE = 1_000


def cleaned(text: pl.Expr) -> pl.Expr:
    """Text without spaces around it and with Western digits; empty text is null."""
    marks = {**ARABIC_DIGITS, **ARABIC_MARKS}
    text = text.cast(pl.String).str.replace_many(list(marks), list(marks.values())).str.strip_chars()
    return pl.when(text != "").then(text)


def times(frame: pl.LazyFrame, column: str, name: str, thorough: bool = False) -> pl.Expr:
    """How to read a column of text as times: naive ones as written, ones with an offset in UTC; null is unreadable.

    The formats are those that the first rows need, or with `thorough` all that are known. In a column where most
    of the first rows carry an offset every row must, and elsewhere none may.

    Raises
    ------
    ValueError
        If days are written as 03/04/2017 and no row of the column tells which is the month.
    """
    text = cleaned(pl.col(column)) if thorough else pl.col(column).cast(pl.String).str.strip_chars()
    head = frame.select(cleaned(pl.col(column)).alias("x")).drop_nulls().head(SAMPLE).collect()["x"]
    iso = text.str.replace(r"^(\d{4}[-/]\d\d?[-/]\d\d?) +", "${1}T")
    if zoned(head):
        return _aware(iso)
    formats = ISO
    if head.str.contains(SLASHED).any():
        order = day_order(frame, column, name)
        formats = (*(order + tail for tail in ("T%H:%M:%S%.f", "T%H:%M", "")), *ISO)
        iso = (
            text.str.replace(SLASHED + " +", "${0}T")
            .str.replace(r" +T", "T")
            .str.replace_all(r"[.-](\d)", "/${1}")
        )
        return _naive(iso, formats)
    if not thorough:
        seen = head.str.replace(r"^(\d{4}[-/]\d\d?[-/]\d\d?) +", "${1}T")
        alone = [f for f in ISO if not pl.select(_parse(pl.lit(seen), f)).to_series().null_count()]
        formats = alone[:1] or ISO
    return _naive(iso, formats if not thorough else (*ISO, *WORDY))


def zoned(head: pl.Series) -> bool:
    """Whether most of the first rows of a column carry an offset."""
    return 2 * int(head.str.contains(OFFSET).sum()) > len(head)


def day_order(frame: pl.LazyFrame, column: str, name: str) -> str:
    """Whether 03/04/2017 is day first or month first, by a row that can be read only one way."""
    parts = cleaned(pl.col(column)).str.extract_groups(SLASHED)
    first, second = (parts.struct.field(i).cast(pl.Int32) for i in ("1", "2"))
    most = (
        frame.select(first.max().alias("first"), second.max().alias("second"))
        .collect(engine="streaming")
        .row(0)
    )
    example = (
        frame.select(cleaned(pl.col(column)).alias("x")).filter(pl.col("x").str.contains(SLASHED)).head(1)
    )
    if (most[0] > 12) == (most[1] > 12):
        raise ValueError(
            f"{name}, {column}: {example.collect().item()!r} can be read two ways (day or month first); "
            "write days as 2017-10-26"
        )
    return "%d/%m/%Y" if most[0] > 12 else "%m/%d/%Y"


def days(column: pl.Series, name: str) -> pl.Series:
    """A column as days.

    Raises
    ------
    ValueError
        Naming the first row that is not a day, or days that can be read two ways.
    """
    if column.dtype.is_temporal():
        return column.cast(pl.Date)
    frame = pl.LazyFrame({column.name: column.cast(pl.String)})
    read = frame.select(times(frame, column.name, name, thorough=True).cast(pl.Date)).collect().to_series()
    if read.null_count():
        row = int(read.is_null().arg_max()) + 1
        raise ValueError(
            f"{name}, row {row}, {column.name}: {column[row - 1]!r} is not a day; write it as 2017-10-26"
        )
    return read


def date_column(frame: pl.DataFrame, name: str) -> str:
    """The column of which most cells read as days; those with a usual name are tried first.

    Raises
    ------
    ValueError
        If there is none, or a column called date or day can be read two ways.
    """
    for column in sorted(frame.columns, key=lambda c: not usual_date(c)):
        text = frame.lazy().select(pl.col(column).cast(pl.String))
        try:
            read = text.select(times(text, column, name, thorough=True)).collect().to_series()
        except ValueError:
            if usual_date(column):
                raise
            continue
        if 2 * read.null_count() < len(read):
            return column
    raise ValueError(f"{name}: no column reads as days (2017-10-26); name it with date_column")


def amounts(column: str, dtype: pl.DataType, thorough: bool = False) -> pl.Expr:
    """A column as numbers; null is unreadable. Of text, 1,234.50 and 12,5 and 1,234 (thousands) are understood."""
    if dtype.is_numeric():
        return pl.col(column).cast(pl.Float64)
    plain = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    if not thorough:
        return plain
    text = cleaned(pl.col(column))
    thousands = text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$")
    comma = text.str.contains(r"^[+-]?[\d.]*,\d{1,2}$")
    text = (
        pl.when(thousands)
        .then(text.str.replace_all(",", "", literal=True))
        .when(comma)
        .then(text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .otherwise(text)
    )
    return text.cast(pl.Float64, strict=False)


def measures(column: pl.Series) -> pl.Series | None:
    """A column as numbers, gaps as null; None if it is something else."""
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    if column.dtype.is_temporal():
        return None
    text = pl.DataFrame({"x": column.cast(pl.String)}).select(cleaned(pl.col("x"))).to_series()
    text = text.replace({"NA": None, "NaN": None, "nan": None, "null": None, "-": None})
    read = pl.DataFrame({"x": text}).select(amounts("x", pl.String(), thorough=True)).to_series()
    return None if read.null_count() > text.null_count() or text.null_count() == len(text) else read


def usual_date(name: str) -> bool:
    """Whether a column is called as a column of days usually is."""
    return bool(
        re.fullmatch(r"date|day|ds|time|timestamp|.*[ _]date|date[ _].*|التاريخ|اليوم", name.strip(), re.I)
    )


def _naive(text: pl.Expr, formats: tuple[str, ...] | list[str]) -> pl.Expr:
    return pl.coalesce(_parse(text, f) for f in formats)


def _aware(text: pl.Expr) -> pl.Expr:
    text = text.str.replace(r"Z$", "+00:00").str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}")
    return pl.coalesce(
        text.str.to_datetime(f, strict=False, exact=True, time_unit="us", time_zone="UTC")
        for f in ("%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M%:z")
    )


def _parse(text: pl.Expr, form: str) -> pl.Expr:
    """Midnight where the format tells no time."""
    if "%H" in form:
        return text.str.to_datetime(form, strict=False, exact=True, time_unit="us")
    return text.str.to_date(form, strict=False, exact=True).cast(pl.Datetime("us"))
