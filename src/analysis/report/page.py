"""One page from one executed notebook: code hidden, nothing loaded, in any language that its outputs carry."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import jinja2
from nbconvert.exporters.exporter import Exporter

from analysis import words
from analysis.report import markup
from analysis.words import _

TEMPLATES = Path(__file__).with_name("templates")
HIDDEN_TAGS = frozenset(("parameters", "injected-parameters", "hide", "remove"))
LARGEST = 640_000  # bytes; with its frame a page stays under 680 kB
IN_BOX = 560  # characters: an answer's first sentences, so that they stand above the fold of a small screen
SECTION = re.compile(r'(?=<div class="heading"><h2 id=")')
HEADED = re.compile(r'(<div class="heading"><h2 id="([^"]+)".*?</div>)(.*)', re.DOTALL)
SHEET = "font: 8pt sans-serif; color: #333;"
COUNT = 'content: counter(page) " / " counter(pages);'
SAID = re.compile(r'\s*<p class="said">(.*?)</p>\n?', re.DOTALL)


class PageExporter(Exporter):
    """nbconvert's way in: `jupyter nbconvert --to analysis.report.page.PageExporter notebook.ipynb`."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb: Any, resources: Any = None, **kwargs: Any) -> tuple[str, Any]:
        """HTML of one notebook; `resources["page"]` gives the language and what the page's frame shows."""
        given = dict((resources or {}).get("page", {}))
        nb, resources = super().from_notebook_node(nb, resources, **kwargs)
        return render(nb, **given), resources


@dataclass(slots=True)
class Body:
    """What a page says between its frame."""

    title: str = ""
    box: str = ""  # HTML of the heading "The answer" and its first sentences
    sentences: list[str] = field(default_factory=list)  # HTML of each of them
    html: str = ""  # all that follows
    contents: list[tuple[str, str]] = field(default_factory=list)  # id and text of each second-level heading
    answer: str = ""  # HTML of the first computed sentence
    said: dict[str, list[str]] = field(
        default_factory=dict
    )  # HTML of all of them by the heading they stand under
    chart: str = ""  # HTML of the event beside what was expected of it
    caveats: list[str] = field(default_factory=list)  # HTML of the points of "What this does not show"
    synthetic: bool = False


def render(notebook: dict, language: str = "en", **frame: Any) -> str:
    """The whole page of an executed notebook; `frame` as for `framed`."""
    with words.using(language):
        return framed(body(notebook, language, frame.get("alternates", ())), language, **frame)


def framed(made: Body, language: str, **frame: Any) -> str:
    """A body in its frame: study_title, index_href, alternates, previous, next, provenance."""
    with words.using(language):
        head = f"{frame.get('study_title', '')}: {made.title}"
        head = running_head(head, made.synthetic)
        return template("page.html").render(body=made, **common(language, head), **frame)


def body(
    notebook: dict, language: str, alternates: Sequence[dict[str, str]] = (), tables: bool = True
) -> Body:
    """The body in one language; headings have the same ids in every language, and lead to one another.

    A body over `LARGEST` is made again without the tables behind its figures, whose data are there as CSV.
    """
    made, parts = Body(), []
    used: dict[str, int] = {}
    place = ""
    for cell in notebook["cells"]:
        if HIDDEN_TAGS & set(cell.get("metadata", {}).get("tags", ())):
            continue
        if cell["cell_type"] == "markdown":
            html, ids = _prose(made, _text(cell["source"]), language, used, alternates)
            parts.append(html)
            place = ids[-1] if ids else place
        elif cell["cell_type"] == "code":
            parts += [
                _output(made, output, language, used, tables, place) for output in cell.get("outputs", ())
            ]
    _arrange(made, "".join(parts), alternates)
    if tables and len(made.html.encode()) > LARGEST:
        return body(notebook, language, alternates, tables=False)
    return made


def _arrange(made: Body, html: str, alternates: Sequence[dict[str, str]]) -> None:
    """The answer first, its first sentences in a box; then the question; then the rest, with the model folded away."""
    question, *sections = SECTION.split(html)
    found = [HEADED.match(section).groups() for section in sections]
    answered = [(heading, rest) for heading, id_, rest in found if id_ == "the-answer"]
    for heading, rest in answered[:1]:
        sentences, length = [], 0
        while sentence := SAID.match(rest):
            length += len(re.sub("<.*?>", "", sentence[1]))
            if sentences and length > IN_BOX:
                break
            sentences.append(unmarked(sentence[1]))
            rest = rest[sentence.end() :]
        if made.synthetic:
            heading = heading.replace("</h2>", f"</h2>{_badge()}", 1)
        made.box = heading + "".join(f'<p class="said">{sentence}</p>' for sentence in sentences)
        made.sentences, made.html = sentences, rest
    if made.box and question.strip():
        made.contents.insert(1, ("the-question", _("The question")))
        others = "".join(_here(other, "the-question", _elsewhere(other["language"])) for other in alternates)
        made.html += f'<div class="heading"><h2 id="the-question">{made.contents[1][1]}</h2>{others}</div>\n'
    made.html += question
    for heading, id_, rest in found:
        if id_ in ("the-model", "the-method"):
            made.html += heading + _folded(labels()["method"], rest)
        elif id_ != "the-answer":
            made.html += heading + rest
        if id_ == "what-this-does-not-show":
            made.caveats = re.findall(r"<li>(.*?)</li>", rest, re.DOTALL)


def _elsewhere(language: str) -> str:
    with words.using(language):
        return _("The question")


def unmarked(sentence: str) -> str:
    """A sentence of results where a badge says that they are simulated."""
    return sentence.removeprefix(_("In the synthetic data: {text}").partition("{text}")[0])


def _badge() -> str:
    return ' <span class="mark">{}</span>'.format(_("Synthetic data"))


def template(name: str) -> jinja2.Template:
    """A template of the folder beside this file; everything put into it is escaped unless marked safe."""
    return _environment().get_template(name)


def common(language: str, head: str = "") -> dict[str, Any]:
    """What every page needs: language, direction, style sheet with its hash, and the labels in that language.

    `head` runs along the top of each printed sheet.
    """
    start, end = ("left", "right") if words.DIRECTIONS[language] == "ltr" else ("right", "left")
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    css += (
        f"@page {{ @top-{start} {{ {SHEET} content: {_css(head)}; }} @bottom-{end} {{ {SHEET} {COUNT} }} }}\n"
    )
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    direction = words.DIRECTIONS[language]
    return {"language": language, "direction": direction, "css": css, "css_hash": digest, "label": labels()}


def running_head(title: str, synthetic: bool) -> str:
    """What runs along the top of each printed sheet."""
    return " · ".join([_("Synthetic data"), title]) if synthetic else title


def _css(text: str) -> str:
    """A string of CSS: whatever is not a plain letter or digit by its number."""
    return '"' + "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'


def labels() -> dict[str, str]:
    """The frame's own words, in the language spoken now."""
    return {
        "skip": _("Skip to the content"),
        "contents": _("Contents"),
        "reports": _("All reports"),
        "studies": _("All studies"),
        "languages": _("Language"),
        "method": _("The equation, and what must be true to believe it"),
        "data_table": _("The data as a table"),
        "csv": _("Download the data (CSV)"),
        "permalink": _("Link to this place"),
        "synthetic": _("Synthetic data"),
        "synthetic_long": _(
            "These numbers come from simulated payments. They show how the method works and must not be quoted as "
            "results of the initiative."
        ),
        "synthetic_some": _(
            "What is marked so comes from simulated payments: it shows how the method works and must not be quoted as "
            "a result."
        ),
        "provenance": _("Where these numbers come from"),
        "commit": _("Version of the code"),
        "computed": _("Computed on"),
        "data": _("Data"),
        "hashes": _("Files and their SHA-256 digests"),
        "versions": _("Software"),
        "parameters": _("Parameters"),
        "seed": _("Random seed"),
        "cite": _("How to cite"),
        "contact": _("Contact"),
        "corrections": _("Corrections"),
        "reproduce": _("How to reproduce"),
        "modified": _("with uncommitted changes"),
        "figure_missing": _("Figure without a text alternative"),
        "effects": _("The effect, metric by metric"),
        "effects_note": _(
            "Each card gives an effect with its interval. An interval that includes zero means no clear effect."
        ),
        "read": _("Read how it was found"),
        "compare": _("The same effects over each baseline"),
        "compare_caption": _("Observed and expected over the event, and the effect, by metric and baseline"),
        "over_word": _("over"),
        "show": _("Show"),
        "all_metrics": _("All metrics"),
        "glossary": _("Words used"),
        "glossary_open": _("What each word means here"),
        "metric": _("Metric"),
        "observed": _("Observed"),
        "expected": _("Expected"),
        "effect": _("Effect"),
        "interval": _("Interval"),
        "over": _("Over"),
        "no_clear_effect": _("no clear effect"),
        "pages": _("The reports"),
        "absent": _("Not in this study"),
        "wanted": _("It would take:"),
        "missing": _("This report is missing, since its notebook failed:"),
        "files": _("The numbers behind the reports"),
        "results_file": _("every number at full precision (JSON)"),
        "provenance_file": _("code, data and parameters that made them (JSON)"),
        "workbook_file": _("all tables, a sheet each (XLSX)"),
        "csv_files": _("the data behind each figure and table (CSV)"),
        "studies_title": _("Studies of one-day initiatives"),
        "studies_note": _("Each study has its own parameters, data and provenance, given on its pages."),
        "event": _("Event"),
        "next": _("Next"),
        "previous": _("Previous"),
        "brief": _("The brief, on one page"),
        "parts": _("Where it came from"),
        "parts_caption": _("What the gain was made of; the parts add up to the last row"),
        "part": _("Part"),
        "estimate": _("Estimate"),
        "lasting": _("Did it last?"),
        "caveats": _("What to keep in mind"),
        "decide": _("What to decide: the next edition"),
        "ask": _("Data to ask for, and from whom"),
        "accessibility": _("Accessibility"),
        "accessibility_met": _(
            "These pages are made to meet WCAG 2.2 at level AA. They are tested by axe-core in Chromium, in both "
            "languages, light and dark; contrast, keyboard, narrow screens and print by tests of our own and by eye."
        ),
        "accessibility_gaps": _(
            "Known gaps: a chart with many rows names the largest in "
            "its text alternative and has the rest in the table below it; wide tables scroll sideways on a phone; the "
            "pages were not yet read with a screen reader by someone who depends on one."
        ),
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: words.plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bdi"] = lambda text: jinja2.utils.markupsafe.Markup(words.html(str(text)))
    return environment


def _prose(
    made: Body, source: str, language: str, used: dict[str, int], alternates: Sequence[dict[str, str]]
) -> tuple[str, list[str]]:
    """HTML of a cell, and the ids of its headings."""
    found = markup.headings(source)
    told = words.translate_cell(source, language)
    ids = [_unique(markup.slug(text), used) for _level, text in found]
    for id_, (level, text) in zip(ids, markup.headings(told), strict=False):
        if level == 1 and not made.title:
            made.title = markup.plain(text)
        elif level == 2:
            made.contents.append((id_, markup.plain(text)))
    elsewhere = {
        other["language"]: dict(
            zip(ids, markup.headings(words.translate_cell(source, other["language"])), strict=False)
        )
        for other in alternates
    }

    def beside(id_: str) -> str:
        return "".join(
            _here(other, id_, markup.plain(elsewhere[other["language"]].get(id_, (2, ""))[1]))
            for other in alternates
        )

    html = markup.markdown(told, list(ids), beside)
    if any(level == 1 for level, _text_ in found):  # the frame shows the title itself
        start, end = html.find("<h1"), html.find("</h1>")
        html = html[:start] + html[end + 5 :]
    return html, ids


def _folded(summary: str, html: str) -> str:
    """What is folded away on the screen, and stands open on paper in every browser: it is not inside the details."""
    return f'<details class="folds"><summary>{escape(summary)}</summary></details><div class="folded">{html}</div>\n'


def _here(other: dict[str, str], id_: str, heading: str) -> str:
    """The way to the same place in another language."""
    language, href = escape(other["language"]), escape(f"{other['href']}#{id_}")
    direction, name = escape(other["direction"]), escape(other["name"])
    label = escape(f"{other['name']}: {heading}")
    return (
        f'<a class="here" href="{href}" hreflang="{language}" lang="{language}" dir="{direction}" '
        f'aria-label="{label}">{name}</a>'
    )


def _output(made: Body, output: dict, language: str, used: dict[str, int], tables: bool, place: str) -> str:
    """One output: `show`'s own in the language asked for; any other by its richest safe form."""
    meta = output.get("metadata", {}).get("analysis", {})
    made.synthetic |= bool(meta.get("synthetic"))
    kind, told = meta.get("kind"), meta.get("languages", {})
    shown = told.get(language) or next(iter(told.values()), {})
    if kind == "record":
        return ""
    if kind == "say" and shown:
        said = markup.clean(shown["html"])
        made.answer = made.answer or unmarked(said)
        made.said.setdefault(place, []).append(said)
        return f'<p class="said">{said}</p>\n'
    if kind in ("figure", "table") and shown:
        if kind == "figure" and not tables:
            shown = shown | {"table": ""}
        return _shown(made, kind, shown, meta, output, used)
    return _plain_output(output, used)


def _shown(made: Body, kind: str, shown: dict, meta: dict, output: dict, used: dict[str, int]) -> str:
    key = markup.slug(meta.get("key") or kind)
    synthetic, caption = bool(meta.get("synthetic")), shown.get("caption") or ""
    table, drawing = markup.clean(shown.get("table", "")), ""
    if synthetic:
        table = table.replace("<caption>", f"<caption>{_badge()} ", 1)
    if kind == "figure":
        drawing = _drawing(shown) if shown.get("svg") else _png(output, shown.get("alt", ""))
    csv = meta.get("csv") or ""
    html = template("figure.html").render(
        kind=kind,
        id=_unique(f"{kind}-{key}", used),
        drawing=drawing,
        caption=caption,
        table=scrolling(table, _unique(caption or _("Table"), used), kind == "figure") if table else "",
        csv=base64.b64encode(csv.encode()).decode(),
        csv_name=f"{key}{'.synthetic' if synthetic else ''}.csv",
        label=labels(),
    )
    if kind == "figure" and key.startswith("day-") and not made.chart:
        made.chart = f'<figure class="chart">{drawing}<figcaption>{words.html(caption)}</figcaption></figure>'
    return html


def _drawing(shown: dict) -> str:
    """A figure twice, for a wide and a narrow screen: the style sheet shows one of them."""
    wide = markup.svg(shown["svg"])
    if not (narrow := markup.svg(shown.get("narrow", ""))):
        return f'<div class="drawing" dir="ltr">{wide}</div>'
    both = f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'
    return f'<div class="drawing twice" dir="ltr">{both}</div>'


def scrolling(table: str, name: str, folded: bool = False) -> str:
    """A table in a box of its own, which the keyboard reaches where it scrolls: too wide, or folded away and long."""
    tall = folded and table.count("<tr") > 12
    reached = ' tabindex="0"' if tall or markup.wide(table) else ""
    kind = "scroll tall" if tall else "scroll"
    return f'<div class="{kind}" role="region" aria-label="{escape(name)}"{reached}>{table}</div>'


def _plain_output(output: dict, used: dict[str, int]) -> str:
    if output["output_type"] == "stream":
        return _pre(_text(output["text"])) if output.get("name") == "stdout" else ""
    data = output.get("data", {})
    alt = next((value["alt"] for value in output.get("metadata", {}).values() if "alt" in (value or {})), "")
    if "image/svg+xml" in data:
        drawing = markup.svg(_text(data["image/svg+xml"]))
        name = escape(alt or labels()["figure_missing"])
        return f'<figure><div role="img" aria-label="{name}">{drawing}</div></figure>'
    if "image/png" in data:
        return f"<figure>{_png(output, alt)}</figure>"
    if "text/html" in data:
        return scrolling(markup.clean(_text(data["text/html"])), _unique(_("Table"), used))
    if "text/markdown" in data:
        return markup.markdown(_text(data["text/markdown"]))
    if "text/latex" in data:
        return markup.math(_text(data["text/latex"]).strip("$ \n"), block=True)
    return _pre(_text(data["text/plain"])) if "text/plain" in data else ""


def _png(output: dict, alt: str) -> str:
    png = _text(output.get("data", {}).get("image/png", "")).replace("\n", "")
    alt = alt or labels()["figure_missing"]
    return f'<img src="data:image/png;base64,{escape(png)}" alt="{escape(alt)}">' if png else ""


def _pre(text: str) -> str:
    return f'<pre dir="ltr" lang="en" tabindex="0">{escape(text, quote=False)}</pre>' if text.strip() else ""


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _unique(name: str, used: dict[str, int]) -> str:
    used[name] = used.get(name, 0) + 1
    return name if used[name] == 1 else f"{name}-{used[name]}"
