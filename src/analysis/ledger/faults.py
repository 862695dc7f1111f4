"""What is said of data that cannot be read, in one line with the nearest word that would do; and rows with a fault."""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

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
CELL = re.compile(r"""^('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")  # as `repr` writes it
LONGEST = 220  # characters of a fault, so that what is said around it stays within an error's line
SHOWN = 20  # rows of one kind of fault that are listed; the rest are counted


def line(text: str, most: int = 300) -> str:
    """A text on one line of at most so many characters; it is cut in the middle, since advice stands at its end."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 103].rstrip()} … {text[-100:].lstrip()}"


@contextlib.contextmanager
def telling(name: str) -> Iterator[None]:
    """Turn an engine's failure to read into one line."""
    try:
        yield
    except BaseException as error:  # a panic of Polars is no Exception
        module = type(error).__module__.split(".")[0].lstrip("_")
        text = str(error).strip() or type(error).__name__
        theirs = re.search("object-store|^precision must be", text) or "Panic" in type(error).__name__
        if isinstance(error, (gzip.BadGzipFile, EOFError, zlib.error)):
            reason = DAMAGED
        elif isinstance(error, csv.Error):  # a bare carriage return, or a cell beyond the library's limit
            reason = "a cell breaks off its line or never ends; quote cells that hold line breaks"
        elif isinstance(error, UnicodeError):
            coding = getattr(error, "encoding", "utf-16").upper()
            reason = f"is not {coding} text throughout; {ENCODING_ADVICE}"
        elif module in ENGINES or theirs:
            first = text.splitlines()[0]
            own = re.sub(r"^[A-Z_]+: \[\w+\] (Failed to \w+ query: )?", "", first)[:240]
            reason = next((told for words, told in REASONS.items() if re.search(words, first, re.I)), own)
        elif isinstance(error, ValueError) and line(text) != text:  # a name in it breaks lines, or is long
            raise ValueError(line(text)) from error
        else:
            raise
        raise ValueError(f"{name}: {reason}") from error


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The likeliest intended one of `words`, or None."""
    folded = {w.casefold(): w for w in words}
    near = difflib.get_close_matches(word.casefold(), folded, 1, 0.6)
    return folded[near[0]] if near else None


def hint(word: str, words: Iterable[str], otherwise: str | None = None) -> str:
    """What to write instead of a word that is unknown."""
    near = nearest(word, words)
    return f"did you mean {near}?" if near else otherwise or f"give one of {', '.join(words)}"


def missing(ours: str, present: Iterable[str], name: str, theirs: str | None = None) -> str:
    """One line on a column that is not there, with the nearest that is."""
    present, wanted = list(present), theirs or ours
    near = nearest(wanted, present)
    told = ", ".join(map(repr, present[:8])) + (" …" if len(present) > 8 else "")
    advice = f"did you mean {near!r}? " if near else ""
    return f"{name}: no column {wanted!r} (found {told}); {advice}map it with --columns {ours}={near or '…'}"


def plain(text: str) -> str:
    """On one line, without what a terminal or a page would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def listed(names: Iterable[object], most: int = 6) -> str:
    """Some names, and how many more there are."""
    names = [plain(str(name))[:40] for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if names[most:] else "")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and what to do about it; as text, one line.

    `row` is the data row in its file, from 1, `line` that of a text file whose rows are one line each; both are None
    where the fault is of the whole. `file` is empty for a frame. A `grave` one keeps the data from being read at all.
    """

    row: int | None
    column: str | None
    problem: str
    advice: str
    file: str = ""
    line: int | None = None
    grave: bool = False

    def __str__(self) -> str:
        place = self.place
        text = (f"{place}: " if place else "") + self.problem + (f"; {self.advice}" if self.advice else "")
        return line(text, LONGEST)

    def without_cell(self) -> str:
        """As text, but for the cell of a row, which may be a payer's or a payment's own."""
        problem = self.problem if self.row is None else CELL.sub("the cell", self.problem, 1)
        return str(replace(self, problem=problem))

    @property
    def place(self) -> str:
        """File, row, line and column, as far as there are any."""
        line = f" (line {self.line:,})" if self.line else ""
        row = None if self.row is None else f"row {self.row:,}{line}"
        return ", ".join(part for part in (self.file, row, self.column) if part)

    @classmethod
    def of(cls, message: str | Exception, file: str = "") -> Fault:
        """The fault of a whole source that an error's line tells: what is wrong; what to do."""
        problem, _, advice = str(message).removeprefix(f"{file}: ").partition("; ")
        return cls(None, None, problem, advice, file, grave=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: the rows that have it, and its words; {} stands for the cell."""

    column: str
    flag: pl.Expr
    problem: str
    advice: str
    grave: bool = False


def quoted(cell: str | None) -> str:
    """A cell as Python writes it, at most 80 characters."""
    text = repr(cell if cell is None or len(cell) <= 40 else cell[:39] + "…")
    return "the cell" if cell is None else text if len(text) <= 80 else text[:78] + "…" + text[-1]
