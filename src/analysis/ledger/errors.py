"""What is said of data that cannot be read: one line, with the nearest word that would do."""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator

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


def line(text: str, most: int = 300) -> str:
    """A text on one line of at most so many characters; it is cut in the middle, since advice stands at its end."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 103].rstrip()} … {text[-100:].lstrip()}"


@contextlib.contextmanager
def telling(name: str) -> Iterator[None]:
    """Turn an engine's failure to read into one line."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name}: {DAMAGED}") from error
    except csv.Error as error:  # a bare carriage return, or a cell beyond the library's limit
        raise ValueError(
            f"{name}: a cell breaks off its line or never ends; quote cells that hold line breaks"
        ) from error
    except UnicodeError as error:
        coding = getattr(error, "encoding", "utf-16").upper()
        raise ValueError(f"{name}: is not {coding} text throughout; {ENCODING_ADVICE}") from error
    except BaseException as error:  # a panic of Polars is no Exception
        module = type(error).__module__.split(".")[0].lstrip("_")
        text = str(error).strip() or type(error).__name__
        theirs = re.search("object-store|^precision must be", text) or "Panic" in type(error).__name__
        if module not in ENGINES and not theirs:
            if isinstance(error, ValueError) and line(text) != text:  # a name in it breaks lines, or is long
                raise ValueError(line(text)) from error
            raise
        first = text.splitlines()[0]
        plain = re.sub(r"^[A-Z_]+: \[\w+\] (Failed to \w+ query: )?", "", first)[:240]
        reason = next((told for words, told in REASONS.items() if re.search(words, first, re.I)), plain)
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
