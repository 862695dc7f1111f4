"""A fault of the data, and the book that is asked for the rows that have one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from analysis.ledger.errors import line

if TYPE_CHECKING:
    from analysis.ledger.sources import Source

_CELL = re.compile(r"""^('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")  # as `repr` writes it
FILE, ROW = "file of the ledger", "row of the file"  # columns of numbered rows
LONGEST = 220  # characters of a fault, so that what is said around it stays within an error's line
SHOWN = 20  # rows of one kind of fault that are listed; the rest are counted


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and what to do about it; as text, one line.

    Parameters
    ----------
    row : int or None
        Data row in its file, from 1; None where the fault is of the whole file.
    column : str or None
        Name of the column in the source.
    problem, advice : str
        What is wrong; what to do.
    file : str
        Which file; empty for a frame.
    line : int or None
        Line of a text file, where the header is line 1 and every row is one line.
    grave : bool
        Whether it keeps the data from being read at all.
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
        return str(
            self if self.row is None else replace(self, problem=_CELL.sub("the cell", self.problem, 1))
        )

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


@dataclass(frozen=True, slots=True)
class Book:
    """The numbered rows (`FILE`, `ROW`) of a source, of which one asks where the faults are.

    A column is shown in its cells as stored from `raw <column>` where the frame has that.
    """

    source: Source
    frame: pl.LazyFrame

    def listed(self, kinds: Sequence[Kind]) -> list[Fault]:
        """The first rows of each kind, and how many more; rows are looked for only where there are any."""
        if not kinds:
            return []
        columns, faults = self.frame.collect_schema().names(), []
        sums = [kind.flag.fill_null(False).sum().alias(str(i)) for i, kind in enumerate(kinds)]
        counts = self.frame.select(sums).collect(engine="streaming").row(0)
        for kind, count in zip(kinds, counts, strict=True):
            if not count:
                continue
            raw = f"raw {kind.column}"
            cell = pl.col(raw if raw in columns else kind.column).cast(pl.String)
            rows = (
                self.frame.filter(kind.flag.fill_null(False))
                .head(SHOWN)
                .select(FILE, ROW, cell.alias("cell"))
            )
            shown = rows.collect(engine="streaming").sort(FILE, ROW).rows()
            for file, row, text in shown:
                problem = kind.problem.format(_quoted(text))
                faults.append(self.fault(file, row, kind.column, problem, kind.advice, kind.grave))
            faults += self.more(count - len(shown), kind.column, kind.problem.format("the cell"), kind.advice)
        return faults

    def fault(
        self, file: int, row: int, column: str, problem: str, advice: str, grave: bool = False
    ) -> Fault:
        """A fault of one row."""
        files, line = self.source.files, row + 1 if self.source.kind == "text" else None
        theirs = self.source.names.get(column, column)
        return Fault(row, theirs, problem, advice, files[file].name if files else "", line, grave)

    def whole(self, column: str | None, problem: str, advice: str, grave: bool = False) -> Fault:
        """A fault of a whole column, or of all."""
        name = self.source.name if self.source.files else ""
        return Fault(None, self.source.names.get(column, column), problem, advice, name, grave=grave)

    def more(self, count: int, column: str, problem: str, advice: str) -> list[Fault]:
        """What is left to say of the rows that are not listed."""
        return [self.whole(column, f"and {count:,} more rows where {problem}", advice)] if count > 0 else []

    def gaps(self, days: Sequence, column: str, advice: str) -> list[Fault]:
        """Runs of days that are absent between the first and the last."""
        index = pd.DatetimeIndex(sorted(days))
        jumps = (index[1:] - index[:-1]).days.to_numpy()
        faults = []
        for i in (jumps > 1).nonzero()[0]:
            first, last = index[i] + pd.Timedelta(days=1), index[i + 1] - pd.Timedelta(days=1)
            span = "" if first == last else f" to {last:%Y-%m-%d} ({jumps[i] - 1:,} days)"
            faults.append(self.whole(column, f"nothing on {first:%Y-%m-%d}{span}", advice))
        if len(faults) > SHOWN:
            faults[SHOWN:] = [self.whole(column, f"and {len(faults) - SHOWN:,} more gaps in days", advice)]
        return faults


def _quoted(cell: str | None) -> str:
    """A cell as Python writes it, at most 80 characters."""
    text = repr(cell if cell is None or len(cell) <= 40 else cell[:39] + "…")
    return "the cell" if cell is None else text if len(text) <= 80 else text[:78] + "…" + text[-1]
