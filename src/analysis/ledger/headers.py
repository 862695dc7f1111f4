"""What people call a ledger's columns and the places where one pays in person, in four languages: see `headers.csv`."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from analysis.ledger.faults import missing

COLUMNS = ("transaction_id", "paid_at", "entity", "service", "channel", "amount", "payer_id")
# Latin accents, Arabic vowel and hamza signs, the Devanagari dot: what differs between spellings of one word.
ACCENTS = "[\u0300-\u036f\u064b-\u0655\u093c]"


def recognised(
    present: Iterable[str], given: Mapping[str, str], name: str, usual: bool = True
) -> dict[str, str]:
    """Our name to theirs, for each column of a ledger that is given, has our name or, if `usual`, a usual one."""
    present = list(present)
    found = {ours: given[ours] for ours in COLUMNS if ours in given}
    for ours, theirs in found.items():
        if theirs not in present:
            raise ValueError(missing(ours, present, name, theirs))
    candidates = [(ours, ours) for ours in COLUMNS]
    if usual:
        by_fold = {folded(column): column for column in reversed(present)}
        candidates += [(ours, by_fold.get(word)) for ours in COLUMNS for word in (folded(ours), *words(ours))]
    for ours, theirs in candidates:
        if ours not in found and theirs in present and theirs not in found.values():
            found[ours] = theirs
    return {ours: found[ours] for ours in COLUMNS if ours in found}


@cache
def words(column: str) -> tuple[str, ...]:
    """The usual names of one of our columns, or of an "offline" channel, `folded`; the likeliest first."""
    with Path(__file__).with_name("headers.csv").open(encoding="utf-8", newline="") as text:
        return tuple(folded(word) for ours, word in csv.reader(text) if ours == column)


def folded(header: str) -> str:
    """A header without case, accents, units, articles and marks between its words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[(\[].*?[)\]]", " ", header))
    text = re.sub(ACCENTS, "", unicodedata.normalize("NFKD", text.casefold()))
    parts = [part.removeprefix("ال") for part in re.split(r"[\s_./:-]+", text) if part]
    return " ".join(parts[:-1] if len(parts) > 1 and currency_code(parts[-1]) else parts)


def currency_code(word: str) -> str | None:
    """The currency that a word is the code of."""
    from babel.numbers import list_currencies

    return word.upper() if len(word) == 3 and word.upper() in list_currencies() else None
