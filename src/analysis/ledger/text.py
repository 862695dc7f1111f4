"""Text files: how one is written, its rows, and lines that keep it from being read."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from analysis.ledger.errors import ENCODING_ADVICE, telling
from analysis.ledger.faults import SHOWN, Fault
from analysis.storage import staging

SPACES = " "  # the separator of a file whose cells stand apart by any run of spaces


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file is written."""

    encoding: str
    separator: str
    header: tuple[str, ...]
    zipped: bool

    def open(self, path: Path, mode: str, **options: Any) -> IO:
        """The file, unpacked where it is zipped."""
        return (gzip.open if self.zipped else open)(path, mode, **options)


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
        if width > 1 and len((lines[1:] or [""])[0].split()) == width:
            return Dialect(encoding, SPACES, tuple(lines[0].split()), zipped)
        separator = ","
    names = [cell.strip() for cell in next(csv.reader([lines[0]], delimiter=separator))]
    for name in names:
        if name and names.count(name) > 1:
            raise ValueError(f"{path.name}: two columns are called {name!r}; rename or remove one")
    return Dialect(encoding, separator, tuple(names), zipped)


def scanned(path: Path, encoding: str | None, stack: contextlib.ExitStack) -> pl.LazyFrame:
    """A text file as a lazy frame of text columns; one in another encoding, or spaced out, by way of a copy."""
    how = dialect(path, encoding)
    spaced = how.separator == SPACES
    if spaced or how.encoding not in ("utf-8", "utf-8-sig", "ascii"):
        copy = stack.enter_context(staging()) / "copy.csv"
        with (
            how.open(path, "rt", encoding=how.encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as out,
        ):
            out.writelines("\t".join(line.split()) + "\n" if spaced else line for line in text)
        path = copy
    frame = pl.scan_csv(path, separator="\t" if spaced else how.separator, infer_schema=False)
    return frame.rename({c: c.strip() for c in frame.collect_schema().names() if c != c.strip()})


def line_faults(file: Path, encoding: str | None) -> list[Fault]:
    """The first line that is not in the file's encoding, or the lines with more or fewer cells than the header."""
    how, done, read, faults, count = dialect(file, encoding, errors="replace"), 0, 0, [], 0
    if how.encoding.startswith("utf-16") or how.separator == SPACES:
        return []
    advice, width = "quote cells that hold the separator, and fill in the missing ones", len(how.header)

    def lines(raw: IO[bytes]) -> Iterator[str]:
        nonlocal done, read
        for line in raw:
            yield codecs.decode(line, how.encoding)
            done, read = done + len(line), read + 1

    try:
        with how.open(file, "rb") as raw:
            rows = csv.reader(lines(raw), delimiter=how.separator)
            for row in rows:
                if row and len(row) != width:
                    count += 1
                    if count <= SHOWN:
                        problem, line = f"has {len(row)} cells, the header {width}", rows.line_num
                        faults.append(Fault(line - 1, None, problem, advice, file.name, line))
    except UnicodeDecodeError as error:
        problem = f"byte {done + error.start + 1:,} is not {how.encoding.removesuffix('-sig').upper()} text"
        return [Fault(read or None, None, problem, ENCODING_ADVICE, file.name, read + 1)]
    if count > SHOWN:
        problem = f"and {count - SHOWN:,} more rows whose cells are not as many as the header's"
        faults.append(Fault(None, None, problem, advice, file.name))
    return faults
