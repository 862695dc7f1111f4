"""What a notebook shows, in every language asked for, in one execution.

How a notebook uses it:

    from analysis import figures, words
    from analysis.notebook import show
    from analysis.study import Study

    study = Study.from_parameters(globals())
    show.study(study)                                  # once: synthetic or not, currency, level

    show.say(words.headline, effect)                   # a sentence from a function of `words`, or
    show.say("The day added {x:+percent} ({ci:+percent}).", x=effect.relative, ci=interval)
    show.figure(figures.counterfactual, daily, effect, windows, caption="Digital payments a day", key="value")
    show.table(frame, caption="Effect by estimator", columns={"relative": "Effect"}, formats={"relative": "+percent"})
    show.record("value.pre-week", effect)              # a number for results.json

Write sentences, captions and column headings in English, as literals: they are found in the notebooks by the
catalogue's extractor and translated when shown. Placeholders are those of `words.fill`.

Languages come from the environment variable ANALYSIS_LANGUAGES ("en,ar"); the first is the output's own data. All of
them, and what a report needs besides, are in `output.metadata["analysis"]`:

    kind       "say" | "figure" | "table" | "record"
    key        names the CSV file or the entry of results.json; None for "say"
    synthetic  true when the study's data are simulated
    languages  say:    {lang: {"html", "text"}}
               figure: {lang: {"alt", "caption", "table", "svg", "narrow"}}    html table; drawings for a column and for
                                                                    a phone, only when ANALYSIS_REPORT=1
               table:  {lang: {"caption", "table", "sheet"}}          `tables.sheet`; only when ANALYSIS_REPORT=1
    csv        figure, table: full precision, in English whatever the languages, safe to open in a spreadsheet
    record     record: the mapping, plain JSON
"""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from numbers import Integral, Real

import numpy as np
import pandas as pd

from analysis import words
from analysis.notebook import tables


@dataclass
class _Context:
    level: float = 0.95


_context = _Context()


def study(study, *, synthetic: bool | None = None) -> None:
    """Say once what holds for every output of the notebook: the study, and whether its data are simulated."""
    words.speak_of(**study.setting)
    if synthetic is not None:
        words.speak_of(synthetic=synthetic)
    _context.level = study.confidence


def languages() -> tuple[str, ...]:
    """The languages asked for, the output's own first."""
    asked = [code.strip() for code in os.environ.get("ANALYSIS_LANGUAGES", "en").split(",") if code.strip()]
    unknown = [code for code in asked if code not in words.LANGUAGES]
    if unknown:
        raise ValueError(f"language {unknown[0]!r} is unknown: give one of {', '.join(words.LANGUAGES)}")
    return tuple(dict.fromkeys(asked)) or ("en",)


def say(sentence: str | Callable[..., str], *args, **values) -> None:
    """One computed sentence or paragraph.

    `sentence` is a function of `words`, called with the arguments in each language, or a template for `words.fill`.
    """
    write = (lambda *a, **v: words.fill(sentence, *a, **v)) if isinstance(sentence, str) else sentence
    said = {}
    for code in languages():
        with words.using(code):
            text = write(*args, **values)
            if not text:
                return  # the data have nothing to say here
            said[code] = {
                "html": words.html(text),
                "text": words.plain(text),
                "markdown": words.markdown(text),
            }
    first = said[languages()[0]]
    _display(
        {"text/markdown": first.pop("markdown"), "text/plain": first["text"]},
        {"kind": "say", "key": None, "languages": said},
    )


def figure(draw: Callable, *args, caption: str | None = None, key: str | None = None, **options) -> None:
    """One figure of `figures`, with its text alternative and its data.

    `draw` is called in each language and returns Axes that `figures.describe` has described. `caption` takes the place
    of the figure's own. Give a `key` where a notebook draws the same figure twice.
    """
    from analysis import figures

    shown, data, image, plain = {}, {}, None, None
    for code in languages():
        with words.using(code), figures.style():
            ax = _marked(draw(*args, **options))
            told = figures.description(ax, caption)
            alt = words._("Synthetic data. {text}") if words.setting().synthetic else "{text}"
            alt = alt.format(text=told.alt)
            plain = told.data if code == "en" else plain
            alt, text = words.plain(alt), words._(caption) if caption else told.caption
            shown[code] = {
                "alt": alt,
                "caption": text,
                "table": frame_html(told.data, text, formats=told.formats),
            }
            if os.environ.get("ANALYSIS_REPORT") == "1":
                shown[code]["svg"] = figures.svg(ax, f"{key or draw.__name__}-{code}", alt)
                with figures.style(figures.NARROW):
                    ax = _marked(draw(*args, **options))
                    shown[code]["narrow"] = figures.svg(ax, f"{key or draw.__name__}-{code}-narrow", alt)
            elif image is None:
                image = figures.png(ax)
                data["image/png"] = base64.b64encode(image).decode()
    if plain is None:
        with words.using("en"), figures.style():
            plain = figures.description(draw(*args, **options), caption).data
    first = shown[languages()[0]]
    data["text/plain"] = first["alt"]
    meta = {"kind": "figure", "key": key or draw.__name__, "languages": shown, "csv": frame_csv(plain)}
    _display(data, meta, {"image/png": {"alt": first["alt"], "width": figures.WIDTH_PIXELS}} if image else {})


def _marked(ax):
    """A figure's Axes, marked where the data are simulated."""
    from analysis import figures

    if words.setting().synthetic:
        figures.mark_synthetic(ax)
    return ax


def table(
    frame: pd.DataFrame | Callable[..., pd.DataFrame],
    *args,
    caption: str,
    columns: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
    key: str | None = None,
) -> None:
    """One table: a frame without its index, or a function that makes one.

    Parameters
    ----------
    caption : str
        What the table shows, in English.
    columns : mapping, optional
        Heading of each column to show, in this order; by default all, under `words.heading`.
    formats : mapping, optional
        Kind of each column's numbers, as in the placeholders of `words.fill`: ``"+percent"``, ``"money"``,
        ``"number.1"``. A cell that is a pair is an interval.

    A frame whose cells are written out brings the numbers for the CSV, one mapping a row, as ``attrs["csv"]``.
    """
    shown = {}
    for code in languages():
        with words.using(code):
            made = frame(*args) if callable(frame) else frame
            if not len(made.columns):
                return  # nor to show
            shown[code] = {
                "caption": words._(caption),
                "table": frame_html(made, words._(caption), columns, formats),
            }
            if os.environ.get("ANALYSIS_REPORT") == "1":
                shown[code]["sheet"] = tables.sheet(made, columns, formats)
    first = shown[languages()[0]]
    with words.using("en"):
        made = frame(*args) if callable(frame) else frame
        plain = pd.DataFrame(made.attrs["csv"]) if "csv" in made.attrs else made
    meta = {"kind": "table", "key": key or _slug(caption), "languages": shown, "csv": frame_csv(plain)}
    _display({"text/html": first["table"], "text/plain": first["caption"]}, meta)


def record(key: str, value) -> None:
    """A result for results.json, at full precision: an `Effect`, or a mapping of numbers and texts."""
    mapping = value.to_dict(_context.level) if hasattr(value, "to_dict") else dict(value)
    plain = {"synthetic": words.setting().synthetic, **_plain(mapping)}
    _display({"text/plain": f"recorded as {key}"}, {"kind": "record", "key": key, "record": plain})


# --- frames as HTML and CSV -------------------------------------------------------------------------------------


def frame_html(
    frame: pd.DataFrame,
    caption: str,
    columns: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> str:
    """An accessible HTML table in the language spoken now: caption, scoped headings, numbers written out."""
    formats = {**frame.attrs.get("formats", {}), **(formats or {})}
    headings = {name: words._(text) for name, text in columns.items()} if columns else {}
    shown = list(columns) if columns else list(frame.columns)
    numeric = {name: pd.api.types.is_numeric_dtype(frame[name]) or name in formats for name in shown}
    head = "".join(
        f'<th scope="col"{_number_class(numeric[name])}>{words.html(headings.get(name) or words.heading(name))}</th>'
        for name in shown
    )
    rows = []
    for values in zip(*(frame[name] for name in shown), strict=True):
        cells = [
            _cell_html(value, formats.get(name), name) for name, value in zip(shown, values, strict=True)
        ]
        first = f'<th scope="row"{_number_class(numeric[shown[0]])}>{cells[0]}</th>'
        rest = "".join(
            f"<td{_number_class(numeric[name])}>{cell}</td>"
            for name, cell in zip(shown[1:], cells[1:], strict=True)
        )
        rows.append(f"<tr>{first}{rest}</tr>")
    body = "".join(rows)
    text = words.html(caption)
    return f"<table><caption>{text}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def frame_csv(frame: pd.DataFrame) -> str:
    """The frame at full precision, its text whole but inert: what a sheet would run begins with an apostrophe."""
    safe = tables.ends_apart(frame)
    with words.using("en"):
        for name, kind in {"weekday": "weekday", **frame.attrs.get("formats", {})}.items():
            if kind == "weekday" and name in safe:
                safe[name] = safe[name].map(words.weekday)
    for name in safe.columns:
        if safe[name].dtype == object or pd.api.types.is_string_dtype(safe[name]):
            safe[name] = [words.cell(value) for value in safe[name]]
    if words.setting().synthetic:
        safe["synthetic"] = True
    safe.columns = [words.cell(str(name)) for name in safe.columns]
    return safe.to_csv(index=False, lineterminator="\n")


def _slug(caption: str) -> str:
    return "-".join(re.findall("[a-z0-9]+", caption.lower())[:6])


def _cell_html(value, kind: str | None, column: str) -> str:
    """A cell; text runs in its own direction, also where the page runs from right to left."""
    text = words.html(_cell(value, kind, column))
    return f"<bdi>{text}</bdi>" if isinstance(value, str) and words.direction() == "rtl" else text


def _cell(value, kind: str | None, column: str) -> str:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, Real) and math.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return words._("yes") if value else words._("no")
    if isinstance(value, date | np.datetime64):
        return words.date(pd.Timestamp(value))
    if isinstance(value, Real) or (isinstance(value, tuple | list) and len(value) == 2):
        default = "number.0" if isinstance(value, Integral) else "number"
        return words.write(value, kind or default)
    return words.code(column, str(value))


def _number_class(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _plain(value):
    """Python's own types, as JSON has them; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray | pd.Series):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return value if value is None else str(value)


def _display(data: dict, meta: dict, more: dict | None = None) -> None:
    from IPython.display import display

    meta["synthetic"] = words.setting().synthetic
    display(data, raw=True, metadata={"analysis": meta, **(more or {})})
