"""What a notebook shows, in every language asked for, in one execution.

    study = Study.from_parameters(globals())
    show.study(study)                                  # once: synthetic or not, currency, level

    show.say(words.headline(effect))                   # sentences that functions make of results, or
    show.say("The day added {x:+percent} ({ends:+percent}).", x=effect.relative, ends=(0.09, 0.27))
    show.figure(figures.counterfactual, daily, effect, windows, caption="Digital payments a day", key="value")
    show.table(frame, caption="Effect by estimator", columns={"estimator": "Method", "relative": "Effect"})
    show.record("value.pre-week", effect)              # a number for results.json

Write sentences, captions and column headings in English, as literals: they are found in the notebooks by the
catalogue's extractor and translated when shown. Placeholders are those of `words.text`.

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
from datetime import date
from numbers import Integral, Real

import numpy as np
import pandas as pd

from analysis import words
from analysis.notebook import tables


def study(study, *, synthetic: bool | None = None) -> None:
    """Say once what holds for every output of the notebook: the study, and whether its data are simulated."""
    words.speak_of(**study.setting, level=study.confidence)
    if synthetic is not None:
        words.speak_of(synthetic=synthetic)


def languages() -> tuple[str, ...]:
    """The languages asked for, the output's own first."""
    asked = [code.strip() for code in os.environ.get("ANALYSIS_LANGUAGES", "en").split(",") if code.strip()]
    unknown = [code for code in asked if code not in words.LANGUAGES]
    if unknown:
        raise ValueError(f"language {unknown[0]!r} is unknown: give one of {', '.join(words.LANGUAGES)}")
    return tuple(dict.fromkeys(asked)) or ("en",)


def say(*sentences: words.Text | words.Value | str | Mapping[str, str] | None, **values) -> None:
    """A computed paragraph.

    Each sentence is a `words.Text`, a template of one with its `values`, or a text by language; where all are None the
    data have nothing to say.
    """
    texts = [
        words.text(one, **values)
        if isinstance(one, str)
        else words.Value(one, "own")
        if isinstance(one, Mapping)
        else one
        for one in sentences
        if one
    ]
    if not texts:
        return
    said = {}
    for code in reversed(languages()):  # the first comes last
        with words.using(code):
            text = str(words.joined(*texts))
        said = {code: {"html": words.html(text), "text": words.plain(text)}} | said
    data = {"text/markdown": words.markdown(text), "text/plain": words.plain(text)}
    _display(data, {"kind": "say", "key": None, "languages": said})


def figure(draw: Callable, *args, caption: str | None = None, key: str | None = None, **options) -> None:
    """One figure of `figures`, with its text alternative and its data.

    `draw` is called in each language and returns Axes: any, under a `caption`, or such as `figures.describe` has
    described, where `caption` takes the place of their own. Give a `key` where a notebook draws the same figure twice.
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
            table = tables.html(told.data, text, formats=told.formats)
            shown[code] = {"alt": alt, "caption": text, "table": table}
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
    meta = {"kind": "figure", "key": key or draw.__name__, "languages": shown, "csv": tables.csv(plain)}
    _display(data, meta, {"image/png": {"alt": first["alt"], "width": figures.WIDTH_PIXELS}} if image else {})


def _marked(ax):
    """A figure's Axes, marked where the data are simulated."""
    from analysis import figures

    if words.setting().synthetic:
        figures.mark_synthetic(ax)
    return ax


def table(
    frame: pd.DataFrame,
    *,
    caption: str,
    columns: tables.Columns = None,
    formats: Mapping[str, str] | None = None,
    metric: str | None = None,
    key: str | None = None,
) -> None:
    """One table: a frame of codes and numbers, without its index; without columns there is nothing to show.

    Parameters
    ----------
    caption : str
        What the table shows, in English.
    columns : list of str or mapping, optional
        The columns to show in this order, by default all, the ends of an interval as one; a mapping gives headings.
        The CSV file and the workbook have every column of the frame.
    formats : mapping, optional
        Kind of each column's cells, where it is not that of `words/terms.csv`: ``"+percent"``, ``"money"``,
        ``"number.1"``, ``"estimator"``.
    metric : str, optional
        What the amounts are of, where the frame has no such column.
    """
    if not len(frame.columns):
        return
    shown = {}
    columns = tables.paired(frame) if columns is None else columns
    frame = frame if metric is None else frame.assign(metric=metric)
    for code in languages():
        with words.using(code):
            text = words._(caption)
            shown[code] = {"caption": text, "table": tables.html(frame, text, columns, formats)}
            if os.environ.get("ANALYSIS_REPORT") == "1":
                shown[code]["sheet"] = tables.sheet(frame, columns, formats)
    first = shown[languages()[0]]
    meta = {"kind": "table", "key": key or _slug(caption), "languages": shown, "csv": tables.csv(frame)}
    _display({"text/html": first["table"], "text/plain": first["caption"]}, meta)


def record(key: str, value) -> None:
    """A result for results.json, at full precision: an `Effect`, or a mapping of numbers and texts."""
    mapping = value.to_dict(words.setting().level) if hasattr(value, "to_dict") else dict(value)
    plain = {"synthetic": words.setting().synthetic, **_plain(mapping)}
    _display({"text/plain": f"recorded as {key}"}, {"kind": "record", "key": key, "record": plain})


def _slug(caption: str) -> str:
    return "-".join(re.findall("[a-z0-9]+", caption.lower())[:6])


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
