"""Text that comes from data, made inert: it runs nothing, moves nothing that stands beside it, and hides nothing.

Numbers isolated from left to right, as `numbers` writes them in Arabic, are kept; every other control is removed or
shown as �.
"""

from __future__ import annotations

import html as _html
import json
import re

LONGEST = 120  # characters of a name in a sentence or a table; files keep it whole
UNIT = 30  # of the unit of a measure

# Controls, marks of direction, what takes no room, halves of characters, and letters without a shape.
_HIDDEN = (
    "\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_ODD = f"\0-\x1f{_HIDDEN}"
_JOINED = "[^\0-\x7f\u2000-\u206f]"  # of scripts whose letters take joiners
_SEEN = re.compile(f"(\u2066[^{_ODD}]*\u2069|(?<={_JOINED})[\u200c\u200d](?={_JOINED}))|[{_ODD}]")
_UNSEEN = re.compile(f"[{_HIDDEN}]")
_DROPPED = frozenset("\xad\u200b\u200e\u200f\u061c\ufeff")  # harmless, and left behind by office software
# What a sheet takes for a formula, at the start of a cell or, where ; parts cells, after one.
_FORMULA = re.compile("(^|;)(?=[\\s�]*[=+\\-@|＝＋－＠﹦﹢﹣﹫−])")
_MARKDOWN = re.compile(r"[$\\*_`\[\]#~|@]|(?<=:)//|(?<=www)\.", re.IGNORECASE)


def seen(text: str) -> str:
    """`text` with every control removed or shown as �, spaces as they are."""
    return text if text.isprintable() else _SEEN.sub(lambda odd: odd[1] or _symbol(odd[0]), text)


def plain(text: object, width: int | None = None) -> str:
    """`text` on one line, every control removed or shown as �; cut to `width` characters with an ellipsis."""
    text = " ".join(str(text).split())
    if width is not None and len(text) > width:
        text = text[: width - 1].rstrip() + "…"
    return seen(text)


def html(text: str) -> str:
    """`text` as HTML: markup escaped, isolates as `<bdi>`, dollars and backslashes apart so that no equation begins."""
    parted = re.sub(r"\S{30}(?=\S)", "\\g<0>\0", seen(text))  # a long word may be broken anywhere
    escaped = _html.escape(parted, quote=False).replace("\0", "<wbr>")
    escaped = re.sub("\u2066(.*?)\u2069", r'<bdi dir="ltr">\1</bdi>', escaped)
    return re.sub(r"[$\\]", r"<span>\g<0></span>", escaped)


def markdown(text: str) -> str:
    """`html` that Markdown leaves as it is."""
    return _MARKDOWN.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), html(text))


def cell(value):
    """A cell of a CSV file: text whole, but no formula; anything else as it is."""
    return _FORMULA.sub(r"\1'", plain(value)) if isinstance(value, str) else value


def escaped(text: str) -> str:
    """JSON with its text as it is, but what cannot be seen as escapes."""
    return _UNSEEN.sub(lambda odd: json.dumps(odd[0])[1:-1] if odd[0] != "\x7f" else r"\u007f", text)


def _symbol(odd: str) -> str:
    return "" if odd in _DROPPED else " " if odd.isspace() else "�"
