"""Prose of notebooks, translated block by block; and where the catalogue finds every text that a reader may see."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.words.catalogue import _, using


def translate_cell(markdown: str, language: str) -> str:
    """The prose of a Markdown cell in another language, block by block: headings, paragraphs, list items, table cells.

    A block's text with its line breaks taken out is its key in the catalogue; code stays, and of displayed formulas
    all but the words in them.
    """
    with using(language):
        return "".join(_(text) if is_text else text for text, is_text in _blocks(markdown))


def prose(markdown: str) -> list[str]:
    """The keys that `translate_cell` looks up."""
    return [text for text, is_text in _blocks(markdown) if is_text]


_OPENING = re.compile(r"\s*(?:#{1,6}\s+|(?:[-*+]|\d+\.)\s+|>\s?)")
_FENCE = re.compile(r"\s*(```|~~~|\$\$)")
_WORDS = re.compile(r"(?<=\\text\{)\s*([a-z][^{}]*)(?=\})")  # in a displayed formula


def _blocks(markdown: str) -> Iterator[tuple[str, bool]]:
    """Pieces of a cell in order, each with whether it is text; joined, they give the cell again (line breaks apart)."""
    fence, held, opening = "", [], ""

    def flush() -> Iterator[tuple[str, bool]]:
        nonlocal opening
        if held:
            text = " ".join(line.strip() for line in held)
            yield opening, False
            yield text, any(c.isalpha() for c in re.sub(r"<!--.*?-->|\$[^$]*\$|`[^`]*`", "", text))
            yield "\n", False
        held.clear()
        opening = ""

    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark:
            yield from flush()
            pieces = _WORDS.split(line) if "$$" in (fence, mark and mark[1]) else [line]
            yield from ((piece, place % 2 == 1) for place, piece in enumerate(pieces))
            yield "\n", False
            if fence:
                fence = "" if fence in line else fence
            elif not line.strip().endswith(mark[1]) or len(line.strip()) <= len(mark[1]):
                fence = mark[1]
        elif not line.strip():
            yield from flush()
            yield "\n", False
        elif line.lstrip().startswith("|"):
            yield from flush()
            for cell in re.split(r"(?<!\\)(\|)", line):
                text = cell.strip()
                is_text = any(c.isalpha() for c in re.sub(r"\$[^$]*\$|`[^`]*`", "", text))
                yield (" " if text and text != "|" else ""), False
                yield text, is_text
                yield (" " if text and text != "|" else ""), False
            yield "\n", False
        elif start := _OPENING.match(line):
            yield from flush()
            opening = start[0]
            held.append(line[start.end() :])
            if "#" in opening:
                yield from flush()
        else:
            held.append(line)
    yield from flush()


def extract_notebook(file, keywords, comment_tags, options) -> Iterator[tuple]:
    """Babel's extractor for notebooks: the prose, and the literals of the code."""
    import json

    for number, cell in enumerate(json.load(file)["cells"], start=1):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from ((number, "_", text, []) for text in prose(source))
        elif cell["cell_type"] == "code":
            plain = "\n".join(line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
            yield from ((number, *found, []) for _line, *found in _literals(plain))


def extract_code(file, keywords, comment_tags, options) -> Iterator[tuple]:
    """Babel's extractor for modules."""
    yield from ((*found, []) for found in _literals(file.read().decode("utf-8")))


def extract_table(file, keywords, comment_tags, options) -> Iterator[tuple]:
    """Babel's extractor for CSV files: every text of the columns that `options` names."""
    import csv
    import io

    for number, row in enumerate(csv.DictReader(io.TextIOWrapper(file, "utf-8")), start=2):
        yield from ((number, "_", row[name], []) for name in options["columns"].split() if row[name])


SENTENCES = {"_", "N_", "gettext", "text", "show.say"}  # what is called with a text for a reader
SHOWN = ("caption", "title", "columns", "labels")  # and the arguments of `show` that are one


def _literals(source: str) -> Iterator[tuple]:
    """Line, gettext's function, and message (for a plural form two) of each text for a reader."""
    import ast

    from analysis.words.values import form, has_words

    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        called = ast.unparse(call.func)
        name = called if called.startswith("show.") else called.split(".")[-1]
        forms = [one.value for one in call.args if _is_text(one)]
        if name == "plural" and forms:
            yield call.lineno, "ngettext", (form(forms[0], 1), form(forms[0], 2))
        elif name == "ngettext" and forms:
            yield call.lineno, name, tuple(forms)
        elif name in SENTENCES and call.args:
            yield from ((call.lineno, "_", one) for one in forms if name in ("_", "N_") or has_words(one))
        for argument in call.keywords if called.startswith("show.") else ():
            if argument.arg in SHOWN:
                parts = [part for part in ast.walk(argument.value) if isinstance(part, ast.Dict)]
                texts = [one for part in parts for one in part.values] or [argument.value]
                yield from ((call.lineno, "_", one.value) for one in texts if _is_text(one) and one.value)


def _is_text(node) -> bool:
    import ast

    return isinstance(node, ast.Constant) and isinstance(node.value, str)
