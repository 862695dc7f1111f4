"""One page from one executed notebook: code hidden, nothing loaded, in any language that its outputs carry."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from analysis import words
from analysis.report import markup
from analysis.words import _

TEMPLATES = Path(__file__).with_name("templates")
HIDDEN_TAGS = frozenset(("parameters", "injected-parameters", "hide", "remove"))
LARGEST = 640_000  # bytes; with its frame a page stays under 680 kB
NOTHING = Markup()
IN_BOX = 560  # characters: an answer's first sentences, so that they stand above the fold of a small screen
SHEET = "font: 8pt sans-serif; color: #333;"
COUNT = 'content: counter(page) " / " counter(pages);'


@dataclass(slots=True)
class Section:
    """What stands under a second-level heading; before the first of them, under none."""

    id: str = ""
    heading: Markup = NOTHING
    elsewhere: list[dict[str, str]] = field(
        default_factory=list
    )  # the other languages, each with its heading
    lead: list[Markup] = field(
        default_factory=list
    )  # an answer's first sentences, for the box above all else
    html: Markup = NOTHING  # all but the lead


@dataclass(slots=True)
class Body:
    """What a page says between its frame: the answer first, then the question, then the rest."""

    title: str = ""
    sections: list[Section] = field(default_factory=lambda: [Section()])
    said: dict[str, list[Markup]] = field(
        default_factory=dict
    )  # computed sentences by the heading they stand under
    chart: Markup = NOTHING  # the event beside what was expected of it
    synthetic: bool = False

    def section(self, id_: str) -> Section:
        """The section of an id, an empty one where there is none."""
        return next((section for section in self.sections if section.id == id_), Section())

    def say(self, sentence: Markup, place: str) -> None:
        """Add a computed sentence: to the answer's lead as long as nothing else stands there and there is room."""
        section = self.sections[-1]
        self.said.setdefault(place, []).append(sentence)
        length = sum(len(said.striptags()) for said in self.said[place])
        if section.id == "the-answer" and not section.html.strip() and (not section.lead or length <= IN_BOX):
            section.lead.append(unmarked(sentence))
        else:
            section.html += Markup('<p class="said">{}</p>\n').format(sentence)

    @property
    def answer(self) -> Markup:
        """The first computed sentence."""
        return next((unmarked(said) for under in self.said.values() for said in under), NOTHING)

    @property
    def lead(self) -> list[Markup]:
        """The answer's first sentences, or the first of the page."""
        return self.section("the-answer").lead or [self.answer]

    @property
    def caveats(self) -> list[Markup]:
        """The points of "What this does not show"."""
        points = re.findall(r"<li>(.*?)</li>", self.section("what-this-does-not-show").html, re.DOTALL)
        return [Markup(point) for point in points]


def body(notebook: dict, alternates: Sequence[dict[str, str]] = (), tables: bool = True) -> Body:
    """The body in the language spoken now; headings have the same ids in every language, and lead to one another.

    A body over `LARGEST` is made again without the tables behind its figures, whose data are there as CSV.
    """
    made, used, place = Body(), {}, ""
    for cell in notebook["cells"]:
        if HIDDEN_TAGS & set(cell.get("metadata", {}).get("tags", ())):
            continue
        if cell["cell_type"] == "markdown":
            place = _prose(made, _text(cell["source"]), used, alternates) or place
        elif cell["cell_type"] == "code":
            for output in cell.get("outputs", ()):
                _output(made, output, used, tables, place)
    if tables and sum(len(section.html.encode()) for section in made.sections) > LARGEST:
        return body(notebook, alternates, tables=False)
    question, *others = made.sections
    if answer := next((section for section in others if section.id == "the-answer"), None):
        others.remove(answer)
        made.sections = [answer, question, *others]
        if question.html.strip():
            question.id, question.heading = "the-question", Markup(words.html(_("The question")))
            for other in alternates:
                with words.using(other["language"]):
                    question.elsewhere.append(other | {"heading": _("The question")})
    return made


def page(name: str, title: str, synthetic: bool = False, **values: Any) -> str:
    """A page by its template, in the language spoken now; its title runs along the top of each printed sheet."""
    head = " · ".join([_("Synthetic data")] * synthetic + [title])
    css = style(head)
    values |= {"language": words.language(), "direction": words.direction(), "synthetic": synthetic}
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return template(name).render(css=Markup(css), css_hash=digest, **values)


def style(head: str) -> str:
    """The style sheet, with what runs along the top of each printed sheet."""
    start, end = ("left", "right") if words.direction() == "ltr" else ("right", "left")
    # whatever is not a plain letter or digit by its number
    head = "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in head)
    running = f'@top-{start} {{ {SHEET} content: "{head}"; }} @bottom-{end} {{ {SHEET} {COUNT} }}'
    return (TEMPLATES / "report.css").read_text(encoding="utf-8") + f"@page {{ {running} }}\n"


def unmarked(sentence: Markup) -> Markup:
    """A sentence of results where a badge says that they are simulated."""
    return Markup(sentence.removeprefix(_("In the synthetic data: {text}").partition("{text}")[0]))


@cache
def template(name: str) -> jinja2.Template:
    """A template of the folder beside this file; everything put into it is escaped unless it is `Markup`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: words.plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bdi"] = lambda text: Markup(words.html(str(text)))
    environment.globals["_"] = words._
    return environment.get_template(name)


def _prose(made: Body, source: str, used: dict[str, int], alternates: Sequence[dict[str, str]]) -> str:
    """Add a cell of prose, with its headings in every language; gives the id of the last of them."""
    here = markup.parts(words.translate_cell(source, words.language()))
    elsewhere = [
        (other, markup.parts(words.translate_cell(source, other["language"]))) for other in alternates
    ]
    for i, ((_level, english, _rest), (level, heading, text)) in enumerate(
        zip(markup.parts(source), here, strict=False)
    ):
        id_ = unique(markup.slug(english), used) if level else ""
        if level == 1:
            made.title = made.title or markup.plain(heading)
        elif level == 2:
            others = [
                other | {"heading": markup.plain(found[i][1])} for other, found in elsewhere if found[i:]
            ]
            made.sections.append(Section(id_, markup.inline(heading), others))
        elif level:
            made.sections[-1].html += Markup('<h{0} id="{1}">{2}</h{0}>\n').format(
                level, id_, markup.inline(heading)
            )
        made.sections[-1].html += markup.markdown(text)
    return id_


def _output(made: Body, output: dict, used: dict[str, int], tables: bool, place: str) -> None:
    """One output: `show`'s own in the language spoken now; any other by its richest safe form."""
    meta = output.get("metadata", {}).get("analysis", {})
    made.synthetic |= bool(meta.get("synthetic"))
    kind, told = meta.get("kind"), meta.get("languages", {})
    shown = told.get(words.language()) or next(iter(told.values()), {})
    if kind == "say" and shown:
        made.say(markup.clean(shown["html"]), place)
    elif kind in ("figure", "table") and shown:
        made.sections[-1].html += _shown(made, kind, shown, meta, output, used, tables)
    elif kind != "record":
        made.sections[-1].html += _plain(output, used)


def _shown(
    made: Body, kind: str, shown: dict, meta: dict, output: dict, used: dict[str, int], tables: bool
) -> Markup:
    key = markup.slug(meta.get("key") or kind)
    synthetic, caption = bool(meta.get("synthetic")), shown.get("caption") or ""
    parts = template("figure.html").module
    table, drawing = markup.clean(shown.get("table", "") if tables or kind == "table" else ""), Markup()
    if synthetic:
        table = Markup(str(table).replace("<caption>", f"<caption>{parts.badge()} ", 1))
    if kind == "figure":
        alt = shown.get("alt", "")
        wide, narrow = (markup.svg(shown.get(name) or "") for name in ("svg", "narrow"))
        drawing = parts.drawing(wide, narrow) if shown.get("svg") else _png(output, alt)
    made_here = parts.shown(
        kind,
        unique(f"{kind}-{key}", used),
        drawing,
        caption,
        table and scrolling(table, unique(caption or _("Table"), used), kind == "figure"),
        base64.b64encode((meta.get("csv") or "").encode()).decode(),
        f"{key}{'.synthetic' * synthetic}.csv",
    )
    if kind == "figure" and key.startswith("day-") and not made.chart:
        made.chart = parts.chart(drawing, caption)
    return made_here


def scrolling(table: str, name: str, folded: bool = False) -> Markup:
    """A table in a box of its own, which the keyboard reaches where it scrolls: too wide, or folded away and long."""
    tall = folded and table.count("<tr") > 12
    return template("figure.html").module.scrolling(table, name, tall, tall or markup.wide(table))


def _plain(output: dict, used: dict[str, int]) -> Markup:
    if output["output_type"] == "stream":
        return _pre(_text(output["text"]) if output.get("name") == "stdout" else "")
    data = output.get("data", {})
    alt = next((value["alt"] for value in output.get("metadata", {}).values() if "alt" in (value or {})), "")
    if "image/svg+xml" in data:
        named = Markup('<figure><div role="img" aria-label="{}">{}</div></figure>')
        return named.format(
            alt or _("Figure without a text alternative"), markup.svg(_text(data["image/svg+xml"]))
        )
    if "image/png" in data:
        return Markup("<figure>{}</figure>").format(_png(output, alt))
    if "text/html" in data:
        return scrolling(markup.clean(_text(data["text/html"])), unique(_("Table"), used))
    if "text/markdown" in data:
        return markup.markdown(_text(data["text/markdown"]))
    if "text/latex" in data:
        return markup.math(_text(data["text/latex"]).strip("$ \n"), block=True)
    return _pre(_text(data.get("text/plain", "")))


def _png(output: dict, alt: str) -> Markup:
    png = _text(output.get("data", {}).get("image/png", "")).replace("\n", "")
    image = Markup('<img src="data:image/png;base64,{}" alt="{}">' if png else "")
    return image.format(png, alt or _("Figure without a text alternative"))


def _pre(text: str) -> Markup:
    return Markup('<pre dir="ltr" lang="en" tabindex="0">{}</pre>' if text.strip() else "").format(text)


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def unique(name: str, used: dict[str, int]) -> str:
    """A name that is not used yet; counts it."""
    used[name] = used.get(name, 0) + 1
    return name if used[name] == 1 else f"{name}-{used[name]}"
