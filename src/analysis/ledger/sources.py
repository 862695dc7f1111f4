"""Where a ledger or daily figures are read from: files, frames, databases, as one lazy frame under our column names.

Parquet and text are scanned by Polars' streaming engine; a DuckDB or PySpark frame stays on its own engine, behind
narwhals; what else a caller holds (pandas, Arrow) becomes a Polars frame.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import difflib
import glob
import gzip
import hashlib
import re
import zlib
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
from analysis.storage import staging

COLUMNS = ("transaction_id", "paid_at", "entity", "service", "channel", "amount", "payer_id")
FILE, ROW = "file of the ledger", "row of the file"
SUFFIXES = {
    "parquet": (".parquet", ".pq", ".parq"),
    "text": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "workbook": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "sqlite": (".sqlite", ".sqlite3", ".db"),
}
REMOTE = ("s3://",)


COUNTER = "counter"  # Dubai's one offline channel; a study names its own as `offline_channels`


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
        The channels that are service centres, to be passed by every study; all others are digital.
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
    offline_channels: tuple[str, ...] = (COUNTER,)
    decimal: str | None = None
    date_format: str | None = None
    encoding: str | None = None
    query: str | None = None
    date_column: str | None = None
    value_column: str | None = None

    def __post_init__(self) -> None:
        if self.timezone is not None and self.timezone not in available_timezones():
            advice = hint(self.timezone, available_timezones(), "write it as Asia/Dubai")
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
                if not isinstance(frames[0], pl.LazyFrame):
                    frames = [nw.from_native(frames[0]).lazy().collect(backend="polars").to_native().lazy()]
                frames = [f.with_row_index(ROW, 1) for f in frames]
                frames = [f.with_columns(pl.lit(i).alias(FILE)) for i, f in enumerate(frames)]
            together = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
            lazy = nw.from_native(together).lazy()
            schema = lazy.collect_schema()
        names = mapped([c for c in schema if c not in (FILE, ROW)], columns, name)
        time, amount = (schema.get(names.get(c, ""), nw.Int64()) for c in ("paid_at", "amount"))
        if lazy.implementation.is_duckdb() and (
            amount == nw.String or ("paid_at" in names and not time.is_temporal())
        ):
            lazy = lazy.collect(backend="polars").lazy()  # which reads text
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
    if text.startswith(REMOTE):
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
    return [_scan_text(f, encoding, stack) for f in files]


def find(source: str | Path) -> list[Path]:
    """The data files that a path, folder or glob names, sorted; all of one kind, none a copy of another."""
    text = str(source)
    path = Path(source)
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
    for file in found:
        if file.stat().st_size == 0:
            raise ValueError(f"{file.name}: the file is empty")
    _refuse_copies(found)
    return found


def _refuse_copies(files: list[Path]) -> None:
    """A file beside its copy would count twice; only files of one size are compared."""
    sizes = Counter(file.stat().st_size for file in files)
    seen: dict[str, Path] = {}
    for file in files:
        if sizes[file.stat().st_size] > 1:
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
    present = list(present)
    columns = dict(columns or {})
    for ours, theirs in columns.items():
        if ours not in COLUMNS:
            raise ValueError(f"--columns: {ours!r} is not a column of a ledger; {hint(ours, COLUMNS)}")
        if theirs not in present:
            raise ValueError(missing(ours, present, name, theirs))
    taken = set(columns.values())
    for ours in COLUMNS:
        if ours not in columns and ours in present and ours not in taken:
            columns[ours] = ours
    return {ours: columns[ours] for ours in COLUMNS if ours in columns}


def missing(ours: str, present: Iterable[str], name: str, theirs: str | None = None) -> str:
    """One line on a column that is not there, with the nearest that is."""
    present = list(present)
    wanted = theirs or ours
    near = nearest(wanted, present)
    told = ", ".join(map(repr, present[:8])) + (" …" if len(present) > 8 else "")
    advice = f"did you mean {near!r}? " if near else ""
    return f"{name}: no column {wanted!r} (found {told}); {advice}map it with --columns {ours}={near or '…'}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The likeliest intended one of `words`, or None."""
    folded = {w.casefold(): w for w in words}
    near = difflib.get_close_matches(word.casefold(), folded, 1, 0.6)
    return folded[near[0]] if near else None


def hint(word: str, words: Iterable[str], otherwise: str | None = None) -> str:
    """What to write instead of a word that is unknown."""
    near = nearest(word, words)
    return f"did you mean {near}?" if near else otherwise or f"give one of {', '.join(words)}"


ENGINES = "polars narwhals pyarrow duckdb pyspark py4j fastexcel adbc_driver_manager".split()
ENCODING_ADVICE = "save it as UTF-8 or say its encoding, as in --encoding cp1256"
DAMAGED = "cannot be read, it is cut short or damaged; copy it again"
REASONS = {  # what an engine's message holds, and what it means
    "expanded paths were empty|object.*not found": "the store has no such object; check its name and AWS_ENDPOINT_URL",
    "utf-?8": f"is not UTF-8 text; {ENCODING_ADVICE}",
    "found more fields": "a line has more cells than the header; `python -m analysis check` names it",
    "int256|^precision|not (yet )?(supported|impl)|unsupported": "holds a type that is not read; store numbers",
    "parquet|thrift|eof|out of spec|magic": DAMAGED,
}


@contextlib.contextmanager
def telling(name: str) -> Iterator[None]:
    """Turn an engine's failure to read into one line."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name}: {DAMAGED}") from error
    except BaseException as error:  # a panic of Polars is no Exception
        module = type(error).__module__.split(".")[0].lstrip("_")
        text = str(error).strip() or type(error).__name__
        theirs = re.search("object-store|^precision must be", text) or "Panic" in type(error).__name__
        if module not in ENGINES and not theirs:
            raise
        first = text.splitlines()[0]
        plain = re.sub(r"^[A-Z_]+: \[\w+\] (Failed to \w+ query: )?", "", first)[:240]
        reason = next((told for words, told in REASONS.items() if re.search(words, first, re.I)), plain)
        raise ValueError(f"{name}: {reason}") from error


def _own(source: Any) -> Any:
    """A caller's frame: DuckDB's and Spark's as they are unless text has to be read, any other in Polars."""
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
    if lazy.implementation.is_pyarrow() and "decimal256" in str(source.schema):
        raise ValueError("the frame: holds decimals of more than 38 digits; store amounts as numbers")
    kept = lazy.implementation
    if kept.is_polars() or kept.is_pyspark() or kept.is_duckdb():
        return lazy.to_native()
    return lazy.collect(backend="polars").to_native().lazy()


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


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file is written."""

    encoding: str
    separator: str  # " " stands for any run of spaces
    header: tuple[str, ...]
    zipped: bool


def dialect(path: Path, encoding: str | None = None, errors: str = "strict") -> Dialect:
    """Encoding, separator and header of a text file, from its beginning; `errors` as in decoding."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    with telling(path.name), (gzip.open if zipped else open)(path, "rb") as raw:
        head = raw.read(1 << 16)
    if not head.strip():
        raise ValueError(f"{path.name}: the file is empty")
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if head[:4] == b"PK\x03\x04" or head.lstrip()[:1] in (b"[", b"{") or (b"\0" in head[:16] and not wide):
        raise ValueError(f"{path.name}: is no table of text; give it its own ending (.xlsx, .parquet, .db)")
    encoding = encoding or ("utf-16" if wide else "utf-8-sig")
    try:
        text = codecs.getincrementaldecoder(encoding)(errors).decode(head)
    except LookupError:
        raise ValueError(f"encoding {encoding!r} is unknown: write it as utf-8 or cp1256") from None
    except UnicodeDecodeError as error:
        told = f"byte {error.start + 1} is not {encoding.removesuffix('-sig').upper()} text"
        raise ValueError(f"{path.name}: {told}; {ENCODING_ADVICE}") from None
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    bare = re.sub(r'"[^"]*"', "", lines[0])
    separator = max(",;\t|", key=bare.count)
    if not bare.count(separator):
        width = len(lines[0].split())
        separator = " " if width > 1 and len((lines[1:] or [""])[0].split()) == width else ","
    if separator == " ":
        return Dialect(encoding, separator, tuple(lines[0].split()), zipped)
    names = [cell.strip() for cell in next(csv.reader([lines[0]], delimiter=separator))]
    for name in names:
        if name and names.count(name) > 1:
            raise ValueError(f"{path.name}: two columns are called {name!r}; rename or remove one")
    return Dialect(encoding, separator, tuple(names), zipped)


def _scan_text(path: Path, encoding: str | None, stack: contextlib.ExitStack) -> pl.LazyFrame:
    """A text file as a lazy frame of text columns; one in another encoding, or spaced out, by way of a copy."""
    how = dialect(path, encoding)
    separator = "\t" if how.separator == " " else how.separator
    if how.separator == " " or how.encoding not in ("utf-8", "utf-8-sig", "ascii"):
        copy = stack.enter_context(staging()) / "copy.csv"
        with (
            (gzip.open if how.zipped else open)(path, "rt", encoding=how.encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as out,
        ):
            out.writelines("\t".join(line.split()) + "\n" if how.separator == " " else line for line in text)
        path = copy
    frame = pl.scan_csv(path, separator=separator, infer_schema=False)
    return frame.rename({c: c.strip() for c in frame.collect_schema().names() if c != c.strip()})
