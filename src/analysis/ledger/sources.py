"""Where a ledger or daily figures are read from: files, frames, databases, as one lazy frame under our column names.

Files are scanned by Polars' streaming engine, and so are the rows of a database or what a caller holds; a PySpark
frame alone stays on its own engine, behind narwhals.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl

from analysis.ledger.faults import SHOWN, Fault, Kind, hint, nearest, quoted, telling
from analysis.ledger.files import KINDS, POSTGRESQL, table_name
from analysis.ledger.headers import COLUMNS, recognised
from analysis.ledger.notation import note
from analysis.storage import staging

FILE, ROW = "file of the ledger", "row of the file"  # columns of numbered rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How data are to be read, as the user says it; what is None is found out from the data."""

    # Our name of a ledger's column to theirs; unless `paid_at` is among them, other usual names are recognised.
    columns: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None  # whose days they are, for times that carry a zone; others are local already
    refunds: bool = False  # negative amounts lower the value, and are no payments
    offline_channels: tuple[str, ...] = ()  # the service centres, if any; all other channels are digital
    decimal: str | None = None  # "." or ",", where a column allows two readings
    date_format: str | None = None  # so too: "day-first", "month-first", or such as "%d/%m/%y"
    encoding: str | None = None  # of text that is neither UTF-8 nor marked UTF-16
    query: str | None = None  # of a database the table or SELECT, of a workbook the sheet
    date_column: str | None = None  # of daily figures, where it cannot be guessed
    value_column: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(self.columns or {}))
        if isinstance(self.offline_channels, str):
            object.__setattr__(self, "offline_channels", (self.offline_channels,))
        if self.timezone is not None and self.timezone not in available_timezones():
            advice = hint(self.timezone, available_timezones(), "write it as Europe/London")
            raise ValueError(f"timezone {self.timezone!r} is unknown; {advice}")


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger or daily figures opened, not yet read.

    A ledger's `frame` has its columns under our names, daily figures' under theirs; types are as stored, where cells
    of text files, workbooks and SQLite are all text. `names` are ours to theirs. `files` is empty for a frame, a
    database, or storage far away; `name` is what an error calls it. `ending` is closed at the end.
    """

    how: Reading
    daily: bool
    frame: nw.LazyFrame
    kind: str
    files: list[Path]
    name: str
    names: dict[str, str]
    ending: contextlib.ExitStack

    def listed(self, frame: pl.LazyFrame, kinds: Sequence[Kind]) -> list[Fault]:
        """The first rows of each kind, and how many more; rows are looked for only where there are any.

        A column of the numbered rows is shown in its cells as stored from `raw <column>` where the frame has that.
        """
        columns, faults = frame.collect_schema().names(), []
        sums = [kind.flag.fill_null(False).sum().alias(str(i)) for i, kind in enumerate(kinds)]
        counts = frame.select(sums).collect(engine="streaming").row(0) if kinds else ()
        for kind, count in zip(kinds, counts, strict=True):
            raw = f"raw {kind.column}"
            cell = pl.col(raw if raw in columns else kind.column).cast(pl.String).alias("cell")
            rows = frame.filter(kind.flag.fill_null(False)).head(SHOWN).select(FILE, ROW, cell)
            shown = rows.collect(engine="streaming").sort(FILE, ROW).rows() if count else []
            for file, row, text in shown:
                problem = kind.problem.format(quoted(text))
                faults.append(self.fault(file, row, kind.column, problem, kind.advice, kind.grave))
            faults += self.more(count - len(shown), kind.column, kind.problem.format("the cell"), kind.advice)
        return faults

    def fault(
        self, file: int, row: int, column: str, problem: str, advice: str, grave: bool = False
    ) -> Fault:
        """A fault of one row."""
        name, line = self.files[file].name if self.files else "", row + 1 if self.kind == "text" else None
        return Fault(row, self.names.get(column, column), problem, advice, name, line, grave)

    def whole(self, column: str | None, problem: str, advice: str, grave: bool = False) -> Fault:
        """A fault of a whole column, or of all."""
        name = self.name if self.files else ""
        return Fault(None, self.names.get(column, column), problem, advice, name, grave=grave)

    def more(self, count: int, column: str, problem: str, advice: str) -> list[Fault]:
        """What is left to say of the rows that are not listed."""
        return [self.whole(column, f"and {count:,} more rows where {problem}", advice)] if count > 0 else []

    def gaps(self, days: Sequence, column: str, advice: str) -> list[Fault]:
        """Runs of days that are absent between the first and the last."""
        index, faults = pd.DatetimeIndex(sorted(days)), []
        for before, after in pairwise(index):
            if (lack := (after - before).days - 1) > 0:
                first, last = before + pd.Timedelta(days=1), after - pd.Timedelta(days=1)
                span = f" to {last:%Y-%m-%d} ({lack:,} days)" if lack > 1 else ""
                faults.append(self.whole(column, f"nothing on {first:%Y-%m-%d}{span}", advice))
        if len(faults) > SHOWN:
            faults[SHOWN:] = [self.whole(column, f"and {len(faults) - SHOWN:,} more gaps in days", advice)]
        return faults


@contextlib.contextmanager
def opened(
    data: Any, how: Reading | None = None, daily: bool | None = False, numbered: bool = False, **reading: Any
) -> Iterator[Source]:
    """Open a ledger or daily figures; what had to be written to be read (a database's rows) is removed at the end.

    Parameters
    ----------
    data : path, glob, URL, or frame
        A Parquet, text, Excel or SQLite file, a folder or glob of Parquet or text files, `s3://…` (Parquet),
        `postgresql://…?table=NAME`, or a pandas, Polars, Arrow, DuckDB or PySpark frame.
    how, **reading
        A `Reading`, or its fields.
    daily : bool, optional
        Whether they are daily figures, whose rows are numbered by `FILE` (position in `files`) and `ROW` (from 1 in its
        file); None finds it out. A ledger's are if `numbered`.

    FileNotFoundError or ValueError say in one line what is missing or cannot be read, and what to do.
    """
    how = how or Reading(**reading)
    kind, files, name = described(data)
    if how.query and kind not in ("workbook", "sqlite", "postgresql"):
        raise ValueError(f"{name}: --query is for databases and workbooks; leave it out")
    with telling(name), contextlib.ExitStack() as ending:
        read = _own if kind == "frame" else KINDS[kind][1]
        frames = [read(place, how.encoding, how.query, ending) for place in files or [data]]
        frame = _together(frames)
        present = frame.collect_schema().names()
        names = recognised(present, how.columns, name, usual="paid_at" not in how.columns)
        if daily is None:
            daily = looks_daily(frame, names, how)
        if daily or numbered:
            frames = [as_polars(f).with_row_index(ROW, 1) for f in frames]
            frame = _together([f.with_columns(pl.lit(i).alias(FILE)) for i, f in enumerate(frames)])
        if not daily:
            for ours in how.columns:
                if ours not in COLUMNS:
                    problem = f"--columns: {ours!r} is not a column of a ledger"
                    raise ValueError(f"{problem}; {hint(ours, COLUMNS)}")
            if usual := [c for c in names if names[c] not in (c, how.columns.get(c))]:
                told = ", ".join(f"{ours} is {names[ours]!r}" for ours in usual)
                note(f"{name}: {told}, by their usual names; say others with --columns")
            rest = [c for c in frame.collect_schema().names() if c not in {*names, *names.values()}]
            frame = frame.select(*(nw.col(theirs).alias(ours) for ours, theirs in names.items()), *rest)
        yield Source(how, daily, frame, kind, files, name, names, ending)


def is_daily(data: Any, how: Reading | None = None, **reading: Any) -> bool:
    """Whether a source holds daily figures rather than a ledger."""
    with opened(data, how, daily=None, **reading) as source:
        return source.daily


def looks_daily(frame: nw.LazyFrame, names: Mapping[str, str], how: Reading) -> bool:
    """No `paid_at`; or only a usual name of it, and no identifiers or no more than a row or two a day."""
    if how.date_column or how.value_column or "paid_at" not in names:
        return True
    if names["paid_at"] in ("paid_at", how.columns.get("paid_at")):
        return False
    if {"transaction_id", "payer_id"}.isdisjoint(names):
        return True
    day = nw.col(names["paid_at"]).cast(nw.String).str.slice(0, 10)
    rows, days = collected(frame.select(nw.len().alias("rows"), day.n_unique().alias("days"))).row(0)
    return 2 * days > rows


def collected(frame: nw.LazyFrame) -> pl.DataFrame:
    """The rows, by Polars' streaming engine or the frame's own."""
    native = nw.to_native(frame)
    if isinstance(native, pl.LazyFrame):
        return native.collect(engine="streaming")
    return pl.from_arrow(frame.collect(backend="pyarrow").to_native())


def described(data: Any) -> tuple[str, list[Path], str]:
    """Kind, files and name of a source."""
    if not isinstance(data, (str, Path)):
        return "frame", [], "the frame"
    text = str(data)
    if text.startswith(POSTGRESQL):
        return "postgresql", [], table_name(text)
    if text.startswith("s3://"):
        if not any(ending in text.lower() for ending in KINDS["parquet"][0]):
            raise ValueError(f"{text}: only Parquet is read there; name it as {text.rstrip('/')}/*.parquet")
        return "parquet", [], text.rsplit("/", 1)[-1]
    files = _found(text)
    kinds = {kind_of(path) for path in files}
    if len(kinds) > 1:
        raise ValueError(f"{text}: holds {' and '.join(sorted(kinds))} files; name one kind, as in *.parquet")
    if len(files) > 1 and not kinds <= {"parquet", "text"}:
        raise ValueError(f"{text}: {len(files)} workbooks or databases; name one")
    sizes, seen = {file: file.stat().st_size for file in files}, {}
    alike = Counter(sizes.values())
    for file, size in sizes.items():
        if size == 0:
            raise ValueError(f"{file.name}: the file is empty")
        if alike[size] > 1:  # a file beside its copy would count twice
            with file.open("rb") as raw:
                first = seen.setdefault(hashlib.file_digest(raw, "blake2b").hexdigest(), file)
            if first is not file:
                raise ValueError(f"{file.name}: is a copy of {first.name} and would count twice; remove one")
    return kinds.pop(), files, Path(text).name or text


def _found(text: str) -> list[Path]:
    """The data files that a path, folder or glob names, sorted."""
    path = Path(text)
    if path.is_dir():
        inside = [p for p in path.rglob("*") if not re.search(r"(^|/)[._]", p.relative_to(path).as_posix())]
        found = sorted(p for p in inside if p.is_file() and kind_of(p, "") in ("parquet", "text"))
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
    return found


def kind_of(path: Path, otherwise: str = "text") -> str:
    """By its name; a file of an unknown name is text."""
    name = path.name.lower()
    return next((kind for kind, (endings, _) in KINDS.items() if name.endswith(endings)), otherwise)


def _own(data: Any, _encoding: None, _query: None, ending: contextlib.ExitStack) -> Any:
    """A caller's frame: Spark's as it is, DuckDB's by way of a file, any other in Polars."""
    if isinstance(data, pd.DataFrame):
        if data.columns.has_duplicates:
            twice = data.columns[data.columns.duplicated()][0]
            raise ValueError(f"the frame: two columns are called {twice!r}; rename or remove one")
        kinds = {column: pd.api.types.infer_dtype(data[column]) for column in data}
        mixed = [c for c in data if kinds[c].startswith("mixed") and not data[c].map(np.ndim).any()]
        data = data.assign(**{str(c): data[c].map(str, na_action="ignore") for c in mixed})
    try:
        lazy = nw.from_native(data).lazy()
    except TypeError:
        advice = "give a path or a pandas, Polars, DuckDB or PySpark frame"
        raise ValueError(f"data cannot be read from {type(data).__name__}: {advice}") from None
    engine, native = lazy.implementation, lazy.to_native()
    if engine.is_pyarrow() and "decimal256" in str(data.schema):
        raise ValueError("the frame: holds decimals of more than 38 digits; store amounts as numbers")
    if engine.is_duckdb():
        target = ending.enter_context(staging()) / "rows.parquet"
        native.write_parquet(str(target))
        return pl.scan_parquet(target)
    return native if engine.is_pyspark() else as_polars(native)


def as_polars(frame: Any) -> pl.LazyFrame:
    if isinstance(frame, pl.LazyFrame):
        return frame
    return nw.from_native(frame).lazy().collect(backend="polars").to_native().lazy()


def _together(frames: list[Any]) -> nw.LazyFrame:
    return nw.from_native(frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")).lazy()
