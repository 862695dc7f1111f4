"""Prose of notebooks: translated block by block, and found by the catalogue's extractor."""

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
    """Babel's extractor for notebooks: the prose, and the literals given to `show` (see its docstring)."""
    import ast
    import json

    for number, cell in enumerate(json.load(file)["cells"], start=1):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from ((number, "_", text, []) for text in prose(source))
        elif cell["cell_type"] == "code":
            plain = "\n".join(line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
            for call in ast.walk(ast.parse(plain)):
                if isinstance(call, ast.Call):
                    yield from ((number, "_", text, []) for text in _literals(call))


def _literals(call) -> Iterator[str]:
    """The texts of one call that a reader will see."""
    import ast

    called = ast.unparse(call.func)
    first = call.args[:1] if called in ("show.say", "words.fill", "words._", "words.N_", "_", "N_") else []
    named = [keyword.value for keyword in call.keywords if keyword.arg in ("caption", "title", "labels")]
    named += [
        value
        for keyword in call.keywords
        if keyword.arg == "columns" and called.startswith("show.") and isinstance(keyword.value, ast.Dict)
        for value in keyword.value.values
    ]
    for value in first + named:
        for part in value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [value]):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                yield part.value
