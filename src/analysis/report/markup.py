"""Markup that can be trusted: whatever comes in, what goes out holds nothing that runs or loads.

Everything is parsed and written anew from an allow-list; what is not on it comes out as text.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape, unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

TAGS = frozenset(
    "a abbr b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure "
    "h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td "
    "tfoot th thead time tr u ul var wbr".split()
)
VOID = frozenset(("br", "hr", "col", "wbr"))
ATTRIBUTES = frozenset("class colspan datetime dir headers id lang rowspan scope start title".split())
SVG_TAGS = frozenset(
    "svg g defs path use clipPath rect circle ellipse line polyline polygon linearGradient radialGradient stop pattern "
    "title desc symbol text tspan marker mask".split()
)
MATHML_TAGS = frozenset(
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    "mprescripts none mtable mtr mtd mpadded mphantom menclose mstyle".split()
)
COLUMN = 782  # pixels
TEXT_TAGS = frozenset("text tspan title desc mi mn mo ms mtext".split())
_MATHML = "{http://www.w3.org/1998/Math/MathML}"
_SVG = "{http://www.w3.org/2000/svg}"
# Whole, since browsers ignore line breaks and tabs inside an address: a scheme could hide behind one.
_LINK = re.compile(
    r"(?:https?://|mailto:|#|(?![a-z][a-z0-9+.-]*:)[\w.])[\x21-\x7e\u00a1-\uffff]*", re.IGNORECASE
)


def clean(html: str) -> Markup:
    """An HTML fragment with only allowed tags and attributes, always balanced."""
    parser = _Cleaner()
    parser.feed(re.sub(r"<style\b.*?</style\s*>", "", html, flags=re.S | re.I))
    parser.close()
    return Markup(parser.done())


def svg(text: str) -> Markup:
    """An SVG without scripts, styles, handlers, foreign content or references outside itself."""
    try:
        root = ElementTree.fromstring(text if "xmlns=" in text[:2000] else text.replace("<svg", _NAMED, 1))
    except ElementTree.ParseError:
        return Markup()
    return Markup(_element(root, _SVG, SVG_TAGS))


def markdown(text: str) -> Markup:
    """Markdown with raw HTML as text and equations as MathML."""
    without_comments = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    return Markup(MarkdownWithMath(renderer=_Renderer()).render(without_comments))


def math(latex: str, block: bool = False) -> Markup:
    """An equation as MathML, its source as the text alternative."""
    from latex2mathml.converter import convert

    try:
        made = convert(latex.strip(), display="block" if block else "inline")
        root = ElementTree.fromstring(made)  # the library leaves what is inside \\text as it is
    except Exception:
        return Markup('<code dir="ltr">{}</code>').format(latex)
    named = Markup(_element(root, _MATHML, MATHML_TAGS).removeprefix("<math"))
    named = Markup('<math dir="ltr" alttext="{}"{}').format(latex.strip(), named)
    return Markup('<div class="equation" tabindex="0">{}</div>' if block else "{}").format(named)


def wide(table: str) -> bool:
    """Whether a table needs more than a page's column, by its longest words: a guess, without a browser."""
    columns: dict[int, int] = {}
    for row in re.findall(r"<tr.*?>(.*?)</tr>", table, re.DOTALL):
        for i, (tag, look, inside) in enumerate(re.findall(r"<(t[hd])(.*?)>(.*?)</t[hd]>", row, re.DOTALL)):
            text = unescape(re.sub("<.*?>", "", inside))
            whole = tag == "td" and "number" in look  # such a cell is not broken into lines
            longest = len(text) if whole else max(map(len, text.split()), default=0)
            columns[i] = max(columns.get(i, 0), longest)
    return sum(8 * letters + 15 for letters in columns.values()) > COLUMN


def parts(source: str) -> list[tuple[int, str, str]]:
    """Markdown by its headings, code blocks apart: level, heading and text under it; first, at level 0, without one."""
    found, fence = [(0, "", "")], ""
    for line in source.split("\n"):
        if mark := re.match(r"\s*(```|~~~)", line):
            fence = "" if fence == mark[1] else fence or mark[1]
        if not (mark or fence) and (heading := re.match(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$", line)):
            found.append((len(heading[1]), heading[2], ""))
        else:
            found[-1] = (*found[-1][:2], f"{found[-1][2]}{line}\n")
    return found


def inline(text: str) -> Markup:
    """One line of Markdown, such as a heading."""
    return Markup(markdown(f"## {text}").removeprefix("<h2>").removesuffix("</h2>\n"))


def plain(text: str) -> str:
    """Inline Markdown as bare text."""
    return re.sub(r"[*_`$\\]|\]\([^)]*\)|\[", "", text).strip()


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, for an id or a file name."""
    ascii_ = unicodedata.normalize("NFKD", plain(text)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_).strip("-") or "part"


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.out.append(escape(self.get_starttag_text() or ""))
            return
        kept = [(name, value or "") for name, value in attributes if name in ATTRIBUTES]
        if tag == "a":
            kept += [
                (name, value)
                for name, value in attributes
                if name == "href" and value and _LINK.fullmatch(value)
            ]
        names = dict(kept)
        if tag == "th" and "scope" not in names:
            kept.append(("scope", "col" if "thead" in self.open else "row"))
        written = "".join(f' {name}="{escape(value)}"' for name, value in dict(kept).items())
        self.out.append(f"<{tag}{written}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while (last := self.open.pop()) != tag:
                self.out.append(f"</{last}>")
            self.out.append(f"</{tag}>")
        elif tag not in TAGS:
            self.out.append(escape(f"</{tag}>"))

    def handle_data(self, data: str) -> None:
        self.out.append(escape(data, quote=False))

    def done(self) -> str:
        return "".join(self.out) + "".join(f"</{tag}>" for tag in reversed(self.open))


class _Renderer(IPythonRenderer):
    """nbconvert's Markdown with strict links, no images from elsewhere, and MathML."""

    def __init__(self) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)

    def heading(self, text: str, level: int, **_attributes) -> str:
        return f"<h{level}>{text}</h{level}>\n"

    def paragraph(self, text: str) -> str:
        # A displayed equation is a block of its own: HTML has none inside a paragraph.
        made = re.sub('(<div class="equation".*?</div>)', r"</p>\n\1\n<p>", f"<p>{text}</p>", flags=re.S)
        return re.sub(r"<p>\s*</p>\n?", "", made) + "\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not _LINK.fullmatch(url):
            return text
        more = f' title="{escape(title)}"' if title else ""
        return f'<a href="{escape(url)}"{more}>{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return f"<em>{text}</em>" if text else ""

    def block_code(self, code: str, info: str | None = None) -> str:
        return f'<pre dir="ltr" tabindex="0"><code>{escape(code, quote=False)}</code></pre>\n'

    def codespan(self, text: str) -> str:
        return f'<code dir="ltr">{escape(text, quote=False)}</code>'

    def table(self, text: str) -> str:
        name = ", ".join(re.findall(r'<th scope="col"[^>]*>(.*?)</th>', text))
        name = escape(unescape(re.sub("<.*?>", "", name)))
        return f'<div class="scroll" role="region" aria-label="{name}"><table>{text}</table></div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        number = ' class="number"' if align == "right" else ""
        if head and text.strip():
            return f'<th scope="col"{number}>{text}</th>'
        return f"<td{number}>{text}</td>"

    def inline_math(self, body: str) -> str:
        return math(body)

    def block_math(self, body: str) -> str:
        return math(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return math(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)


_NAMED = f'<svg xmlns="{_SVG[1:-1]}" xmlns:xlink="http://www.w3.org/1999/xlink"'
_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def _element(element: ElementTree.Element, namespace: str, tags: frozenset[str]) -> str:
    """An element of SVG or MathML written anew; what is not allowed goes with all that is in it."""
    tag = element.tag.removeprefix(namespace) if isinstance(element.tag, str) else ""
    if tag not in tags:
        return ""
    attributes = []
    for full, given in element.attrib.items():
        name, value = full.rpartition("}")[2], given
        outside = "url(" in value.lower() and not re.fullmatch(r"\s*url\(#[^)]*\)\s*", value)
        if name.lower().startswith("on") or name in ("style", "base") or outside:
            continue
        if name in ("href", "src", "from", "to", "values") and not value.startswith("#"):
            continue
        if name in ("d", "points"):  # not in transforms: a scale is small
            value = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
        attributes.append(f' {name}="{escape(" ".join(value.split()))}"')
    inside = escape(element.text or "", quote=False) if tag in TEXT_TAGS else ""
    children = "".join(_element(child, namespace, tags) for child in element)
    return f"<{tag}{''.join(attributes)}>{inside}{children}</{tag}>"
