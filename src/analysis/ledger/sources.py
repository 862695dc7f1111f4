"""Where a ledger or daily figures are read from: files, frames, databases, as one lazy frame under our column names.

Parquet and text are scanned by Polars' streaming engine; a DuckDB or PySpark frame stays on its own engine, behind
narwhals; what else a caller holds (pandas, Arrow) becomes a Polars frame.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from analysis.ledger import databases
from analysis.ledger.errors import hint, missing, nearest, telling
from analysis.ledger.faults import FILE, ROW
from analysis.ledger.text import dialect, scanned
from analysis.storage import staging

COLUMNS = ("transaction_id", "paid_at", "entity", "service", "channel", "amount", "payer_id")
SUFFIXES = {
    "parquet": (".parquet", ".pq", ".parq"),
    "text": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "workbook": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "sqlite": (".sqlite", ".sqlite3", ".db"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How data are to be read, as the user says it; what is None is found out from the data.

    Parameters
    ----------
    columns : mapping, optional
        Our name of a ledger's column to the name in the source: ``{"paid_at": "date", "amount": "dollar_value"}``.
    timezone : str, optional
        Whose days they are, for times that carry a zone. Times without one are local already.
    refunds : bool
        Negative amounts are refunds: they lower the value, and are no payments (neither count nor payers has them).
    offline_channels : tuple of str
        The channels that are service centres, if any; all others are digital.
    decimal, date_format : str, optional
        Where a column allows two readings: "." or ","; "day-first", "month-first", or such as "%d/%m/%y".
    encoding, query : str, optional
        Of text that is neither UTF-8 nor marked UTF-16; of a database the table or SELECT, of a workbook the sheet.
    date_column, value_column : str, optional
        Of daily figures, where they cannot be guessed.
    """

    columns: Mapping[str, str] | None = None
    timezone: str | None = None
    refunds: bool = False
    offline_channels: tuple[str, ...] = ()
    decimal: str | None = None
    date_format: str | None = None
    encoding: str | None = None
    query: str | None = None
    date_column: str | None = None
    value_column: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.offline_channels, str):
            object.__setattr__(self, "offline_channels", (self.offline_channels,))
        if self.timezone is not None and self.timezone not in available_timezones():
            advice = hint(self.timezone, available_timezones(), "write it as Europe/London")
            raise ValueError(f"timezone {self.timezone!r} is unknown; {advice}")


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger or daily figures opened, not yet read.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        Its columns under our names, types as stored (cells of text files, workbooks and SQLite are all text).
    kind : str
        "parquet", "text", "workbook", "sqlite", "postgresql" or "frame".
    files : tuple of Path
        What it is read from; empty for a frame, a database, or storage far away.
    name : str
        What an error calls it.
    names : dict
        Our name to the name in the source, for each of our columns that it has.
    """

    frame: nw.LazyFrame
    kind: str
    files: tuple[Path, ...]
    name: str
    names: dict[str, str]


@contextlib.contextmanager
def opened(
    source: Any,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    query: str | None = None,
    numbered: bool = False,
) -> Iterator[Source]:
    """Open a ledger or daily figures; what had to be written to be read (a database's rows) is removed at the end.

    Parameters
    ----------
    source : path, glob, URL, or frame
        A Parquet, text, Excel or SQLite file, a folder or glob of Parquet or text files, `s3://…` (Parquet),
        `postgresql://…?table=NAME`, or a pandas, Polars, Arrow, DuckDB or PySpark frame.
    columns, encoding, query
        As in `Reading`.
    numbered : bool
        Add `FILE` (position in `files`) and `ROW` (from 1 in its file), and read it with Polars whatever it is.

    Raises
    ------
    FileNotFoundError, ValueError
        One line: what is missing or cannot be read, and what to do.
    """
    with contextlib.ExitStack() as stack:
        kind, files, name = described(source)
        if query and kind not in ("workbook", "sqlite", "postgresql"):
            raise ValueError(f"{name}: --query is for databases and workbooks; leave it out")
        with telling(name):
            frames = _frames(source, kind, files, encoding, query, stack)
            if numbered:
                frames = [
                    f if isinstance(f, pl.LazyFrame) else _polars(nw.from_native(f).lazy()) for f in frames
                ]
                frames = [f.with_row_index(ROW, 1) for f in frames]
                frames = [f.with_columns(pl.lit(i).alias(FILE)) for i, f in enumerate(frames)]
            together = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
            lazy = nw.from_native(together).lazy()
            schema = lazy.collect_schema()
        names = mapped([c for c in schema if c not in (FILE, ROW)], columns, name)
        stored = {ours: schema[theirs] for ours, theirs in names.items()}
        text = stored.get("amount") == nw.String or not stored.get("paid_at", nw.Date()).is_temporal()
        if lazy.implementation.is_duckdb() and text:
            lazy = nw.from_native(_polars(lazy))  # which reads text
        kept = [c for c in schema if c not in names and c not in names.values()]
        lazy = lazy.select(*(nw.col(theirs).alias(ours) for ours, theirs in names.items()), *kept)
        yield Source(lazy, kind, tuple(files), name, names)


def described(source: Any) -> tuple[str, list[Path], str]:
    """Kind, files and name of a source."""
    if not isinstance(source, (str, Path)):
        return "frame", [], "the frame"
    text = str(source)
    if text.startswith(databases.POSTGRESQL):
        return "postgresql", [], databases.named(text)
    if text.startswith("s3://"):
        if not any(suffix in text.lower() for suffix in SUFFIXES["parquet"]):
            raise ValueError(f"{text}: only Parquet is read there; name it as {text.rstrip('/')}/*.parquet")
        return "parquet", [], text.rsplit("/", 1)[-1]
    files = find(source)
    return kind_of(files[0]), files, Path(source).name or text


def _frames(
    source: Any,
    kind: str,
    files: list[Path],
    encoding: str | None,
    query: str | None,
    stack: contextlib.ExitStack,
) -> list[Any]:
    """The source as lazy frames, one a file."""
    if kind == "frame":
        return [_own(source)]
    if kind in ("postgresql", "sqlite"):
        folder = stack.enter_context(staging())
        return [pl.scan_parquet(databases.spooled(str(files[0] if files else source), query, folder))]
    if kind == "workbook":
        return [_sheet(files[0], query).lazy()]
    if kind == "parquet":
        return [pl.scan_parquet(f) for f in files or [str(source)]]
    return [scanned(f, encoding, stack) for f in files]


def find(source: str | Path) -> list[Path]:
    """The data files that a path, folder or glob names, sorted; all of one kind, none a copy of another."""
    text, path = str(source), Path(source)
    if path.is_dir():
        inside = [p for p in path.rglob("*") if not re.search(r"(^|/)[._]", p.relative_to(path).as_posix())]
        kinds = SUFFIXES["parquet"] + SUFFIXES["text"]
        found = sorted(p for p in inside if p.is_file() and p.name.lower().endswith(kinds))
        if not found:
            raise FileNotFoundError(f"{text}: the folder holds no Parquet or CSV file")
    elif path.exists():
        found = [path]
    elif glob.has_magic(text):
        found = sorted(Path(p) for p in glob.glob(text, recursive=True) if Path(p).is_file())
        if not found:
            raise FileNotFoundError(f"{text}: no file matches")
    else:
        near = nearest(path.name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else [])
        raise FileNotFoundError(f"{text}: no such file" + (f"; did you mean {near}?" if near else ""))
    kinds = {kind_of(p) for p in found}
    if len(kinds) > 1:
        raise ValueError(f"{text}: holds {' and '.join(sorted(kinds))} files; name one kind, as in *.parquet")
    if len(found) > 1 and not kinds <= {"parquet", "text"}:
        raise ValueError(f"{text}: {len(found)} workbooks or databases; name one")
    _refuse_copies(found)
    return found


def _refuse_copies(files: list[Path]) -> None:
    """A file beside its copy would count twice; only files of one size are compared. An empty one is refused."""
    sizes = {file: file.stat().st_size for file in files}
    alike, seen = Counter(sizes.values()), {}
    for file, size in sizes.items():
        if size == 0:
            raise ValueError(f"{file.name}: the file is empty")
        if alike[size] > 1:
            with file.open("rb") as raw:
                first = seen.setdefault(hashlib.file_digest(raw, "blake2b").hexdigest(), file)
            if first is not file:
                raise ValueError(f"{file.name}: is a copy of {first.name} and would count twice; remove one")


def kind_of(path: Path) -> str:
    """By its name; a file of an unknown name is text."""
    name = path.name.lower()
    return next((kind for kind, suffixes in SUFFIXES.items() if name.endswith(suffixes)), "text")


def is_daily(
    source: Any,
    columns: Mapping[str, str] | None = None,
    date_column: str | None = None,
    how: Reading | None = None,
) -> bool:
    """Whether a source holds daily figures rather than a ledger.

    It is a ledger if `columns` maps a `paid_at`, if it has a column of that name, or two others of a ledger's.
    """
    how = how or Reading(columns=columns, date_column=date_column)
    if how.date_column or how.value_column:
        return True
    if "paid_at" in (how.columns or {}):
        return False
    kind, files, name = described(source)
    with contextlib.ExitStack() as stack, telling(name):
        if kind == "text":
            present = dialect(files[0], how.encoding).header
        elif kind in ("postgresql", "sqlite"):
            present = databases.columns(str(files[0] if files else source), how.query)
        else:
            frame = _frames(source, kind, files[:1], how.encoding, how.query, stack)[0]
            present = nw.from_native(frame).lazy().collect_schema().names()
    return "paid_at" not in present and len(set(present).intersection(COLUMNS)) < 2


def mapped(present: Iterable[str], columns: Mapping[str, str] | None, name: str) -> dict[str, str]:
    """Our name to theirs, for each of our columns that is present."""
    present, columns = list(present), dict(columns or {})
    for ours, theirs in columns.items():
        if ours not in COLUMNS:
            raise ValueError(f"--columns: {ours!r} is not a column of a ledger; {hint(ours, COLUMNS)}")
        if theirs not in present:
            raise ValueError(missing(ours, present, name, theirs))
    own = {ours: ours for ours in COLUMNS if ours in present and ours not in columns.values()} | columns
    return {ours: own[ours] for ours in COLUMNS if ours in own}


def _own(source: Any) -> Any:
    """A caller's frame: DuckDB's and Spark's as they are, any other in Polars."""
    if isinstance(source, pd.DataFrame):
        if source.columns.has_duplicates:
            twice = source.columns[source.columns.duplicated()][0]
            raise ValueError(f"the frame: two columns are called {twice!r}; rename or remove one")
        kinds = {column: pd.api.types.infer_dtype(source[column]) for column in source}
        mixed = [c for c in source if kinds[c].startswith("mixed") and not source[c].map(np.ndim).any()]
        source = source.assign(**{str(c): source[c].map(str, na_action="ignore") for c in mixed})
    try:
        lazy = nw.from_native(source).lazy()
    except TypeError:
        advice = "give a path or a pandas, Polars, DuckDB or PySpark frame"
        raise ValueError(f"data cannot be read from {type(source).__name__}: {advice}") from None
    kept = lazy.implementation
    if kept.is_pyarrow() and "decimal256" in str(source.schema):
        raise ValueError("the frame: holds decimals of more than 38 digits; store amounts as numbers")
    return lazy.to_native() if kept.is_polars() or kept.is_pyspark() or kept.is_duckdb() else _polars(lazy)


def _polars(frame: nw.LazyFrame) -> pl.LazyFrame:
    return frame.collect(backend="polars").to_native().lazy()


def _sheet(path: Path, sheet: str | None) -> pl.DataFrame:
    """The one sheet of a workbook that holds anything, or the one named; every cell as text."""
    import fastexcel

    book = fastexcel.read_excel(path)
    if sheet and sheet not in book.sheet_names:
        raise ValueError(f"{path.name}: no sheet {sheet!r}; {hint(sheet, book.sheet_names)}")
    sheets = [sheet] if sheet else book.sheet_names
    tables = {name: book.load_sheet(name, dtypes="string").to_polars() for name in sheets}
    filled = {name: table for name, table in tables.items() if table.height}
    if len(filled) > 1:
        raise ValueError(f"{path.name}: sheets {', '.join(filled)} hold data; name one with --query")
    return next(iter(filled.values()), pl.DataFrame())
