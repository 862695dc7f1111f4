"""What a notebook shows: every language from one execution, and nothing that could do harm."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis import figures, words
from analysis.model.distribution import SCORES, Distribution
from analysis.model.effect import Effect
from analysis.notebook import show


@pytest.fixture
def shown(monkeypatch):
    """Outputs as they would stand in the notebook: (data, metadata)."""
    outputs = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, raw, metadata: outputs.append((data, metadata))
    )
    monkeypatch.setenv("ANALYSIS_LANGUAGES", "en,ar")
    monkeypatch.delenv("ANALYSIS_REPORT", raising=False)
    return outputs


@pytest.fixture
def effect():
    event = pd.date_range("2017-10-26", periods=1)
    return Effect(
        55e6,
        Distribution(45e6 + 3e6 * SCORES),
        "pre-week",
        "same_weekday",
        event - pd.Timedelta(days=7),
        event,
        "value",
    )


def test_a_sentence_is_said_once_in_each_language(shown, effect):
    calls = []
    show.say(lambda found: calls.append(words.language()) or words.answer(found), effect)
    (data, meta), told = shown[0], shown[0][1]["analysis"]["languages"]
    assert calls == ["en", "ar"]
    assert data["text/plain"] == told["en"]["text"]
    assert "مليون درهم" in told["ar"]["text"]
    assert '<bdi dir="ltr">+8%</bdi>' in told["ar"]["html"]
    assert meta["analysis"]["kind"] == "say"


def test_the_first_language_is_the_output_s_own(shown, monkeypatch):
    monkeypatch.setenv("ANALYSIS_LANGUAGES", "ar,en")
    show.say("{x:date}", x=pd.Timestamp("2017-10-26"))
    assert shown[0][0]["text/plain"] == "26 أكتوبر 2017"
    monkeypatch.setenv("ANALYSIS_LANGUAGES", "en,fr")
    with pytest.raises(ValueError, match="language 'fr' is unknown"):
        show.say("{x:number}", x=1)


def test_markup_in_values_comes_out_as_text(shown):
    show.say("{x}", x="<script>alert(1)</script>")
    frame = pd.DataFrame({"entity": ["<img src=x onerror=y>"], "relative": [0.1]})
    show.table(frame, caption="<b>Effects</b>", formats={"relative": "+percent"})
    assert "<script" not in shown[0][0]["text/markdown"]
    assert "<img" not in shown[1][0]["text/html"]
    assert "<b>" not in shown[1][0]["text/html"]


def test_a_table_has_caption_scopes_and_numbers_in_words(shown):
    frame = pd.DataFrame(
        {
            "entity": ["A", "B"],
            "relative": [0.31, np.nan],
            "ci": [(0.2, 0.4), (-0.1, np.inf)],
            "n": [12000, 3],
        }
    )
    show.table(
        frame,
        caption="Effect",
        columns={"entity": "Entity", "ci": "Interval", "n": "Number"},
        formats={"ci": "+percent"},
    )
    html = shown[0][0]["text/html"]
    assert html.startswith("<table><caption>Effect</caption>")
    assert '<th scope="col">Entity</th><th scope="col" class="number">Interval</th>' in html
    assert '<th scope="row">A</th><td class="number">+20% to +40%</td><td class="number">12,000</td>' in html
    assert "at least −10%" in html
    arabic = shown[0][1]["analysis"]["languages"]["ar"]["table"]
    assert "<caption>الأثر</caption>" in arabic
    assert "فترة الثقة" in arabic


def test_csv_is_full_precision_and_safe_in_a_spreadsheet(shown):
    frame = pd.DataFrame(
        {"entity": ["=1+1", "+A", "@x", "plain", "\t=z"], "relative": [1 / 3, -0.5, 0, 1, 2]}
    )
    words.speak_of(synthetic=True)
    show.table(frame, caption="Effect")
    lines = shown[0][1]["analysis"]["csv"].splitlines()
    assert lines[0] == "entity,relative,synthetic"
    assert lines[1] == "'=1+1,0.3333333333333333,True"
    assert [line[:2] for line in lines[2:4]] == ["'+", "'@"]
    assert lines[4].startswith("plain,")
    assert lines[5].startswith("'=z,")


def test_pairs_become_two_columns_in_csv():
    assert show.frame_csv(pd.DataFrame({"ci": [(0.1, 0.2)]})) == "ci_low,ci_high\n0.1,0.2\n"


def test_csv_is_the_same_whichever_languages_are_shown(shown, monkeypatch):
    rows = pd.DataFrame({"label": ["Straight line"], "relative": [0.2], "low": [0.1], "high": [0.3]})
    week = pd.DataFrame({"weekday": [3], "n": [1]})
    week.attrs["formats"] = {"weekday": "weekday"}
    for asked in ("en", "en,ar", "ar,en", "ar"):
        monkeypatch.setenv("ANALYSIS_LANGUAGES", asked)
        show.figure(lambda: figures.effects(rows.assign(label=words._("Straight line"))), key="one")
        show.table(lambda: pd.DataFrame({words._("Effect"): [words._("yes")]}), caption="Effect")
        show.table(week, caption="Days")
    found = [meta["analysis"]["csv"] for _data, meta in shown]
    assert found[:3] * 4 == found
    assert "Straight line" in found[0]
    assert found[1:3] == ["Effect\nyes\n", "weekday,n\nThursday,1\n"]


def test_a_report_s_table_is_a_sheet_too(shown, monkeypatch):
    """Numbers stay numbers, under the form of their kind; what was written out brings its numbers."""
    monkeypatch.setenv("ANALYSIS_REPORT", "1")
    frame = pd.DataFrame(
        {
            "estimator": ["gls", "=1+1"],
            "relative": [1 / 3, np.nan],
            "ci": [(0.2, np.inf), None],
            "n": [12000, 3],
            "date": [pd.Timestamp("2017-10-26"), pd.NaT],
            "hidden": [1, 2],
        }
    )
    columns = {
        "estimator": "Estimator",
        "relative": "Effect",
        "ci": "Interval",
        "n": "Number",
        "date": "Date",
    }
    show.table(frame, caption="Effect", columns=columns, formats={"relative": "+percent", "ci": "percent.0"})
    told = shown[0][1]["analysis"]["languages"]
    assert told["en"]["sheet"] == {
        "columns": [
            ["Estimator", "General"], ["Effect", "+0.0%;-0.0%;0.0%"], ["Interval: low end", "0%"],
            ["Interval: high end", "0%"], ["Number", "#,##0"], ["Date", "yyyy-mm-dd"],
        ],
        "rows": [
            ["Generalised least squares", 1 / 3, 0.2, "∞", 12000, "2017-10-26"],
            ["=1+1", None, None, None, 3, None],
        ],
    }  # fmt: skip
    assert told["ar"]["sheet"]["columns"][4][0] == "العدد"
    assert told["ar"]["sheet"]["rows"][0][1:] == told["en"]["sheet"]["rows"][0][1:]
    written = pd.DataFrame({"Part": ["Digital gain"], "Effect": ["+33%"]})
    written.attrs |= {"csv": [{"part": "digital_gain", "relative": 1 / 3}], "headings": {"part": "Part"}}
    show.table(written, caption="Effect")
    assert shown[1][1]["analysis"]["languages"]["en"]["sheet"] == {
        "columns": [["Part", "General"], ["Effect, relative", "0.0%"]],
        "rows": [["Digital gain", 1 / 3]],
    }


def test_records_are_plain_json_at_full_precision(shown, effect):
    words.speak_of(synthetic=True)
    show.record("value.pre-week", effect)
    show.record(
        "odd",
        {"a": np.float64(1 / 3), "b": np.inf, "c": [np.int64(3)], "d": pd.Timestamp("2017-10-26"), "e": None},
    )
    first, second = (meta["analysis"]["record"] for _data, meta in shown)
    assert first["relative"] == effect.relative
    assert first["synthetic"] is True
    assert json.loads(json.dumps(second)) == {
        "synthetic": True, "a": 1 / 3, "b": None, "c": [3], "d": "2017-10-26", "e": None,
    }  # fmt: skip


def test_a_figure_carries_alt_data_and_mark(shown, monkeypatch):
    rows = pd.DataFrame({"label": ["Straight line"], "relative": [0.2], "low": [0.1], "high": [0.3]})
    words.speak_of(synthetic=True)
    show.figure(figures.effects, rows, key="one")
    data, meta = shown[0]
    told = meta["analysis"]["languages"]
    assert data["image/png"]
    assert meta["image/png"]["alt"] == told["en"]["alt"]
    assert told["en"]["alt"].startswith("Synthetic data. Relative effect by method. Straight line: +20%")
    assert "خط مستقيم" in told["ar"]["alt"]
    assert "svg" not in told["en"]
    monkeypatch.setenv("ANALYSIS_REPORT", "1")
    show.figure(figures.effects, rows, key="one")
    data, meta = shown[1]
    assert "image/png" not in data
    assert set(meta["analysis"]["languages"]["ar"]) == {"alt", "caption", "table", "svg", "narrow"}


def test_a_figure_without_text_alternative_is_refused(shown):
    with pytest.raises(ValueError, match="no text alternative"):
        show.figure(lambda: figures.canvas())
