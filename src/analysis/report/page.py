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
# The section on the model: its heading, and all up to the next.
METHOD = re.compile(
    r'(<div class="heading"><h2 id="(?:the-)?(?:model|method)">.*?</div>)(.*?)(?=<div class="heading">|\Z)',
    re.DOTALL,
)


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

    title: str
    parts: list[str] = field(default_factory=list)
    contents: list[tuple[str, str]] = field(default_factory=list)  # id and text of each second-level heading
    answer: str = ""  # HTML of the first computed sentence
    synthetic: bool = False


def render(notebook: dict, language: str = "en", **frame: Any) -> str:
    """The whole page of an executed notebook; `frame` as for `framed`."""
    with words.using(language):
        return framed(body(notebook, language, frame.get("alternates", ())), language, **frame)


def framed(made: Body, language: str, **frame: Any) -> str:
    """A body in its frame: study_title, index_href, alternates, previous, next, provenance."""
    with words.using(language):
        return template("page.html").render(body=made, **common(language), **frame)


def body(
    notebook: dict, language: str, alternates: Sequence[dict[str, str]] = (), tables: bool = True
) -> Body:
    """The body in one language; headings have the same ids in every language, and lead to one another.

    A body over `LARGEST` is made again without the tables behind its figures, whose data are there as CSV.
    """
    made = Body(title="")
    used: dict[str, int] = {}
    for cell in notebook["cells"]:
        if HIDDEN_TAGS & set(cell.get("metadata", {}).get("tags", ())):
            continue
        if cell["cell_type"] == "markdown":
            _prose(made, _text(cell["source"]), language, used, alternates)
        elif cell["cell_type"] == "code":
            for output in cell.get("outputs", ()):
                html = _output(made, output, language, used, tables)
                if html:
                    made.parts.append(html)
    made.parts = [METHOD.sub(_folded, "".join(made.parts))]
    if tables and len(made.parts[0].encode()) > LARGEST:
        return body(notebook, language, alternates, tables=False)
    return made


def template(name: str) -> jinja2.Template:
    """A template of the folder beside this file; everything put into it is escaped unless marked safe."""
    return _environment().get_template(name)


def common(language: str) -> dict[str, Any]:
    """What every page needs: language, direction, style sheet with its hash, and the labels in that language."""
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    direction = words.DIRECTIONS[language]
    return {"language": language, "direction": direction, "css": css, "css_hash": digest, "label": labels()}


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
        "synthetic": _("Synthetic data"),
        "synthetic_long": _(
            "These numbers come from simulated payments. They show how the method works and must not be quoted as "
            "results of the initiative."
        ),
        "synthetic_some": _(
            "Reports and numbers that are marked so come from simulated payments. They show how the method works and "
            "must not be quoted as results of the initiative."
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
        "reproduce": _("How to reproduce"),
        "modified": _("with uncommitted changes"),
        "figure_missing": _("Figure without a text alternative"),
        "effects": _("The effect, metric by metric"),
        "effects_note": _(
            "Each card gives the effect over the level of the week before, with its interval. An interval that "
            "includes zero means no clear effect."
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
        "missing": _("This report is missing, since its notebook failed:"),
        "files": _("The numbers behind the reports"),
        "results_file": _("every number at full precision (JSON)"),
        "provenance_file": _("code, data and parameters that made them (JSON)"),
        "csv_files": _("the data behind each figure and table (CSV)"),
        "studies_title": _("Studies of one-day initiatives"),
        "studies_note": _("Each study has its own parameters, data and provenance, given on its pages."),
        "event": _("Event"),
        "next": _("Next"),
        "previous": _("Previous"),
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["bdi"] = lambda text: jinja2.utils.markupsafe.Markup(words.html(str(text)))
    return environment


def _prose(
    made: Body, source: str, language: str, used: dict[str, int], alternates: Sequence[dict[str, str]]
) -> None:
    found = markup.headings(source)
    told = words.translate_cell(source, language)
    ids = [_unique(markup.slug(text), used) for _level, text in found]
    for id_, (level, text) in zip(ids, markup.headings(told), strict=False):
        if level == 1 and not made.title:
            made.title = markup.plain(text)
        elif level == 2:
            made.contents.append((id_, markup.plain(text)))
    html = markup.markdown(told, list(ids), lambda id_: "".join(_here(other, id_) for other in alternates))
    if any(level == 1 for level, _text_ in found):  # the frame shows the title itself
        start, end = html.find("<h1"), html.find("</h1>")
        html = html[:start] + html[end + 5 :]
    if html.strip():
        made.parts.append(html)


def _folded(section: re.Match[str]) -> str:
    """The equation and its assumptions, folded away under their heading."""
    summary = escape(labels()["method"])
    return f'{section[1]}<details class="method"><summary>{summary}</summary>{section[2]}</details>\n'


def _here(other: dict[str, str], id_: str) -> str:
    """The way to the same place in another language."""
    language, href = escape(other["language"]), escape(f"{other['href']}#{id_}")
    direction, name = escape(other["direction"]), escape(other["name"])
    return (
        f'<a class="here" href="{href}" hreflang="{language}" lang="{language}" dir="{direction}">{name}</a>'
    )


def _output(made: Body, output: dict, language: str, used: dict[str, int], tables: bool) -> str:
    """One output: `show`'s own in the language asked for; any other by its richest safe form."""
    meta = output.get("metadata", {}).get("analysis", {})
    made.synthetic |= bool(meta.get("synthetic"))
    kind, told = meta.get("kind"), meta.get("languages", {})
    shown = told.get(language) or next(iter(told.values()), {})
    if kind == "record":
        return ""
    if kind == "say" and shown:
        said = markup.clean(shown["html"])
        if made.answer:
            return f"<p>{said}</p>"
        made.answer = said
        return f'<p class="answer">{said}</p>'
    if kind in ("figure", "table") and shown:
        if kind == "figure" and not tables:
            shown = shown | {"table": ""}
        return _shown(
            kind, shown, meta, output, _unique(f"{kind}-{markup.slug(meta.get('key') or kind)}", used)
        )
    return _plain_output(output)


def _shown(kind: str, shown: dict, meta: dict, output: dict, id_: str) -> str:
    table = markup.clean(shown.get("table", ""))
    image = ""
    if kind == "figure":
        image = markup.svg(shown["svg"]) if shown.get("svg") else _png(output, shown.get("alt", ""))
    csv = meta.get("csv") or ""
    return template("figure.html").render(
        kind=kind,
        id=id_,
        image=image,
        caption=shown.get("caption") or "",
        table=table,
        csv=base64.b64encode(csv.encode()).decode(),
        csv_name=f"{markup.slug(meta.get('key') or kind)}.csv",
        label=labels(),
    )


def _plain_output(output: dict) -> str:
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
        return f'<div class="scroll" tabindex="0">{markup.clean(_text(data["text/html"]))}</div>'
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
