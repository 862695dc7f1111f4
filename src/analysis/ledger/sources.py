"""Where a ledger is read from: files and frames, as one lazy frame under the project's own column names.

Parquet and CSV are scanned by Polars' streaming engine; a frame that a caller already holds (pandas, Polars, DuckDB,
PySpark) stays on its own engine, behind narwhals.
"""

from __future__ import annotations

import codecs
import contextlib
import difflib
import glob
import gzip
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import narwhals as nw
import polars as pl

COLUMNS = ("transaction_id", "paid_at", "entity", "service", "channel", "amount", "payer_id")
PARQUET = (".parquet", ".pq", ".parq")
FILE, ROW = "file of the ledger", "row of the file"
TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger opened, not yet read.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        Its columns under our names, types as stored (a CSV's are all text).
    kind : str
        "parquet", "csv" or "frame".
    files : tuple of Path
        What it is read from; empty for a frame.
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
    numbered: bool = False,
) -> Iterator[Source]:
    """Open a ledger; what had to be rewritten to be read (another encoding) is removed at the end.

    Parameters
    ----------
    source : path, glob, or frame
        A Parquet or CSV file, a folder or glob of them, or a pandas, Polars, DuckDB or PySpark frame.
    columns : mapping, optional
        Our name to the name in the source: ``{"paid_at": "date", "amount": "dollar_value"}``.
    encoding : str, optional
        Of text files that are neither UTF-8 nor marked UTF-16.
    numbered : bool
        Add `FILE` (position in `files`) and `ROW` (from 1 in its file), and read it with Polars whatever it is.

    Raises
    ------
    FileNotFoundError, ValueError
        One line: what is missing or cannot be read, and what to do.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, (str, Path)):
            files = find(source)
            kind = "parquet" if is_parquet(files[0]) else "csv"
            name = Path(source).name or str(source)
            with telling(name):
                if numbered:
                    each = (
                        pl.scan_parquet(f) if kind == "parquet" else _scan_text(f, encoding, stack)
                        for f in files
                    )
                    frames = [
                        f.with_row_index(ROW, 1).with_columns(pl.lit(i).alias(FILE))
                        for i, f in enumerate(each)
                    ]
                    frame = pl.concat(frames, how="diagonal_relaxed")
                elif kind == "parquet":
                    frame = pl.scan_parquet(files)
                else:
                    frame = pl.concat([_scan_text(f, encoding, stack) for f in files], how="diagonal")
        else:
            kind, files, name = "frame", [], "the frame"
            frame = _own(source)
            if numbered:
                frame = nw.from_native(frame).lazy().collect(backend="polars").to_native().lazy()
                frame = frame.with_row_index(ROW, 1).with_columns(pl.lit(0).alias(FILE))
        lazy = nw.from_native(frame).lazy()
        with telling(name):
            present = [c for c in lazy.collect_schema().names() if c not in (FILE, ROW)]
        names = mapped(present, columns, name)
        lazy = _readable(lazy, names)
        kept = [c for c in lazy.collect_schema().names() if c not in names and c not in names.values()]
        lazy = lazy.select(*(nw.col(theirs).alias(ours) for ours, theirs in names.items()), *kept)
        yield Source(lazy, kind, tuple(files), name, names)


def find(source: str | Path) -> list[Path]:
    """The data files that a path, folder or glob names, sorted; all Parquet or all text."""
    text = str(source)
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
        found = [p for p in found if is_parquet(p) or _is_text(p)]
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
    if len({is_parquet(p) for p in found}) > 1:
        raise ValueError(f"{text}: holds both Parquet and text files; name one kind, as in {text}/*.parquet")
    for file in found:
        if file.stat().st_size == 0:
            raise ValueError(f"{file.name}: the file is empty")
    return found


def is_daily(
    source: Any,
    columns: Mapping[str, str] | None = None,
    date_column: str | None = None,
    value_column: str | None = None,
    encoding: str | None = None,
) -> bool:
    """Whether a source is a CSV of days rather than a ledger.

    It is a ledger if it is no text file, if `columns` maps a `paid_at`, or if it has a column of that name.
    """
    if date_column or value_column:
        return True
    if "paid_at" in (columns or {}) or not isinstance(source, (str, Path)):
        return False
    first = find(source)[0]
    return not is_parquet(first) and "paid_at" not in dialect(first, encoding).header


def mapped(present: Iterable[str], columns: Mapping[str, str] | None, name: str) -> dict[str, str]:
    """Our name to theirs, for each of our columns that is present."""
    present = list(present)
    columns = dict(columns or {})
    for ours, theirs in columns.items():
        if ours not in COLUMNS:
            near = nearest(ours, COLUMNS)
            raise ValueError(
                f"columns: {ours!r} is not a column of a ledger"
                + (f"; did you mean {near}?" if near else f"; they are {', '.join(COLUMNS)}")
            )
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
    advice = (
        f"did you mean {near!r}? Map it: columns: {{{ours}: {near}}}"
        if near
        else f"map it: columns: {{{ours}: …}}"
    )
    return f"{name}: no column {wanted!r} (found {', '.join(map(repr, present))}); {advice}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The likeliest intended one of `words`, or None."""
    folded = {w.casefold(): w for w in words}
    near = difflib.get_close_matches(word.casefold(), folded, 1, 0.6)
    return folded[near[0]] if near else None


def zone_known(timezone: str | None) -> None:
    """Raise ValueError for a time zone that is none."""
    if timezone is not None and timezone not in available_timezones():
        near = nearest(timezone, available_timezones())
        raise ValueError(
            f"timezone {timezone!r} is unknown"
            + (f"; did you mean {near}?" if near else "; write it as Asia/Dubai")
        )


@contextlib.contextmanager
def telling(name: str) -> Iterator[None]:
    """Turn an engine's failure to read into one line."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name}: cannot be read, it is cut short or damaged; copy it again") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ENGINES:
            raise
        raise ValueError(f"{name}: {_reason(error)}") from error


ENGINES = ("polars", "narwhals", "pyarrow", "duckdb", "_duckdb", "pyspark", "py4j")


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    low = str(error).lower()
    if "utf-8" in low or "utf8" in low:
        return "is not UTF-8 text; save it as UTF-8 or say its encoding (encoding='cp1256')"
    if any(word in low for word in ("parquet", "thrift", "eof", "out of spec", "magic")):
        return f"cannot be read, it is cut short or damaged ({first}); copy it again"
    return first


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(PARQUET)


def _is_text(path: Path) -> bool:
    return path.name.lower().endswith(TEXT)


def _own(source: Any) -> Any:
    """A caller's frame as it is."""
    try:
        frame = nw.from_native(source)
    except TypeError:
        raise ValueError(
            f"a ledger cannot be read from {type(source).__name__}: "
            "give a path or a pandas, Polars, DuckDB or PySpark frame"
        ) from None
    return frame.to_native()


def _readable(lazy: nw.LazyFrame, names: dict[str, str]) -> nw.LazyFrame:
    """pandas that holds times or amounts as text or objects goes to Polars, which parses them."""
    schema = lazy.collect_schema()
    times = schema[names["paid_at"]] if "paid_at" in names else nw.Date()
    amounts = schema[names["amount"]] if "amount" in names else nw.Float64()
    if lazy.implementation.is_pandas_like() and not (times.is_temporal() and amounts.is_numeric()):
        return lazy.select(list(dict.fromkeys(names.values()))).collect(backend="polars").lazy()
    return lazy


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
    if encoding is None:
        encoding = "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
    try:
        text = codecs.getincrementaldecoder(encoding)(errors).decode(head)
    except LookupError:
        raise ValueError(f"encoding {encoding!r} is unknown: write it as utf-8 or cp1256") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name}: byte {error.start + 1} is not {encoding.removesuffix('-sig').upper()} text; "
            "save the file as UTF-8 or say its encoding (encoding='cp1256')"
        ) from None
    lines = text.lstrip("\ufeff").splitlines()
    header = next(line for line in lines if line.strip())
    bare = re.sub(r'"[^"]*"', "", header)
    separator = max(",;\t|", key=bare.count)
    if not bare.count(separator):
        second = next((line for line in lines[lines.index(header) + 1 :] if line.strip()), "")
        width = len(header.split())
        separator = " " if width > 1 and len(second.split()) == width else ","
    names = (
        header.split() if separator == " " else [cell.strip().strip('"') for cell in header.split(separator)]
    )
    return Dialect(encoding, separator, tuple(names), zipped)


def _scan_text(path: Path, encoding: str | None, stack: contextlib.ExitStack) -> pl.LazyFrame:
    """A text file as a lazy frame of text columns."""
    how = dialect(path, encoding)
    readable = path
    if how.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig", "ascii"):
        readable = _as_utf8(path, how, stack)
    if how.separator == " ":
        lines = pl.scan_csv(
            readable, separator="\x01", quote_char=None, has_header=False, skip_rows=1, infer_schema=False
        )
        words = (
            pl.first()
            .str.strip_chars()
            .str.replace_all(r"\s+", " ")
            .str.split_exact(" ", len(how.header) - 1)
        )
        return lines.select(words.struct.rename_fields(list(how.header)).alias("words")).unnest("words")
    frame = pl.scan_csv(readable, separator=how.separator, infer_schema=False)
    return frame.rename({c: c.strip() for c in frame.collect_schema().names() if c != c.strip()})


def _as_utf8(path: Path, how: Dialect, stack: contextlib.ExitStack) -> Path:
    """A copy in UTF-8, removed when the ledger is closed."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-"))
    copy = Path(folder) / "utf8.csv"
    opener = gzip.open if how.zipped else open
    with (
        opener(path, "rt", encoding=how.encoding, newline="") as text,
        copy.open("w", encoding="utf-8", newline="") as out,
    ):
        while block := text.read(1 << 20):
            out.write(block)
    return copy
