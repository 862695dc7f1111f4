"""The language spoken now, and the gettext catalogue behind it.

A sentence's English text is its key in `locale/<language>/LC_MESSAGES/messages.po`, which is read as it is: there is no
compiled copy that could go stale.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from analysis.words.inert import LONGEST, plain

LANGUAGES = ("en", "ar")
LOCALES = {"en": "en_GB", "ar": "ar_AE"}
CATALOGUES = Path(__file__).parent / "locale"
DIRECTIONS = {"en": "ltr", "ar": "rtl"}


@dataclass(frozen=True, slots=True)
class Setting:
    """What the words are said of.

    Parameters
    ----------
    currency : str or None
        ISO 4217 code of money; None where nobody said.
    synthetic : bool
        Whether the data are simulated; sentences of results then say so.
    offline : bool
        Whether some payments are made offline, so that the others are called digital.
    campaign : bool
        Whether a campaign went before the event, so that the week before it is a baseline of its own.
    measures : mapping
        Of each measure that has words of its own: ``label`` by language, ``kind`` ("count", "money", "sum", "mean",
        "share"), ``unit``.
    level : float
        Level of the intervals that are recorded.
    """

    currency: str | None = None
    synthetic: bool = False
    offline: bool = False
    campaign: bool = False
    measures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    level: float = 0.95


_language: ContextVar[str] = ContextVar("language", default="en")
_setting: ContextVar[Setting] = ContextVar("setting", default=Setting())  # noqa: B039 - it is frozen


@contextmanager
def using(language: str) -> Iterator[None]:
    """Speak `language` inside the block."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is unknown: give one of {', '.join(LANGUAGES)}")
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """The language spoken now: "en" or "ar"."""
    return _language.get()


def setting() -> Setting:
    """What the words are said of now."""
    return _setting.get()


def speak_of(**changes: Any) -> None:
    """From now on say the words of something else: the fields of `Setting` that change."""
    _setting.set(replace(_setting.get(), **changes))


def direction() -> str:
    """ "ltr" or "rtl"."""
    return DIRECTIONS[language()]


def _(message: str) -> str:
    """`message` in the language spoken now."""
    if language() == "en" or not message:
        return message
    return _catalogue(language()).gettext(message)


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """Mark `message` for the catalogue; it is translated where it is shown."""
    return message


def ngettext(one: str, many: str, n: int) -> str:
    """The form of a phrase that goes with the number `n`; fill it with ``.format(n=...)``."""
    if language() == "en":
        return one if n == 1 else many
    return _catalogue(language()).ngettext(one, many, n)


def name(text: str) -> str:
    """A proper name or a code from the data, inert and not too long; translated where the catalogue knows it."""
    text = plain(text, LONGEST)
    if merged := _MERGED.fullmatch(text):
        return _("others, not shown one by one ({n})").format(n=merged[1])
    if language() == "en" or not text:
        return text
    found = _catalogue(language()).gettext(text)
    simulated = _SIMULATED.fullmatch(text)
    if found != text or not simulated:
        return found
    sector, number, service, mark = simulated.groups()
    text = _("{sector} {n}, service {k}") if service else _("{sector} {n}")
    text = _("{entity} (synthetic)").format(entity=text) if mark else text
    return text.format(sector=name(sector), n=number, k=service)


_MERGED = re.compile(r"others \((\d+)\)")  # groups that `disclosure` has put together
# Names that `simulate` gives: "Customs 1 (synthetic)", "Customs 1 service 07".
_SIMULATED = re.compile(r"([A-Z][a-z]+) (\d+)(?: service (\d+))?( \(synthetic\))?")


@cache
def _catalogue(language: str) -> gettext.GNUTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
