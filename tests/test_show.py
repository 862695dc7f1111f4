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


def test_a_sentence_is_written_in_each_language(shown, effect):
    show.say(words.answer(effect))
    (data, meta), told = shown[0], shown[0][1]["analysis"]["languages"]
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
    frame = pd.DataFrame({"entity": ["A", "B"], "relative": [0.31, np.nan], "n": [12000, 3]})
    frame["low"], frame["high"] = [0.2, -0.1], [0.4, np.inf]
    show.table(
        frame,
        caption="Effect",
        columns={"entity": "Entity", "interval": "Interval", "n": "Number"},
        formats={"interval": "+percent"},
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


def test_sentences_stand_in_one_paragraph_and_what_is_not_there_is_left_out(shown):
    show.say("One.", None, {"ar": "اثنان.", "en": "Two."})
    show.say(None)
    assert [data["text/plain"] for data, _meta in shown] == ["One. Two."]


def test_amounts_take_the_unit_and_the_rounding_of_their_own_row(shown):
    """Ends of 40 and 50 millions: half the width is 5, so two digits; of 0.70 and 0.72 a third."""
    ends = {"expected_low": [40e6, 0.7], "expected_high": [50e6, 0.72], "expected": [44.6e6, 0.7123]}
    sizes = {"relative": [0.2, 0.4], "relative_low": [0.1, 0.39], "relative_high": [0.3, 0.41]}
    sizes |= {f"absolute{end}": [8e6, 0.2] for end in ("", "_low", "_high")}
    frame = pd.DataFrame({"metric": ["value", "digital_share"], "observed": [54e6, 1.0], **ends, **sizes})
    show.table(frame, caption="Effect", columns=["metric", "expected", "size", "size_interval"])
    html = shown[0][0]["text/html"]
    assert "Value of digital payments" in html
    assert "AED 45 million" in html
    assert "71.2%" in html
    assert ">+20%</td>" in html
    assert ">+10% to +30%</td>" in html
    assert ">+20.0 points</td>" in html or ">+20 points</td>" in html
    lines = shown[0][1]["analysis"]["csv"].splitlines()
    assert lines[1].startswith("value,54000000.0,40000000.0,50000000.0,44600000.0,0.2")


def test_csv_is_the_same_whichever_languages_are_shown(shown, monkeypatch):
    rows = pd.DataFrame({"label": ["Straight line"], "relative": [0.2], "low": [0.1], "high": [0.3]})
    week = pd.DataFrame({"weekday": [3], "n": [1]})
    for asked in ("en", "en,ar", "ar,en", "ar"):
        monkeypatch.setenv("ANALYSIS_LANGUAGES", asked)
        show.figure(lambda: figures.effects(rows.assign(label=words._("Straight line"))), key="one")
        show.table(pd.DataFrame({"part": ["net_new"], "clear": [True]}), caption="Effect")
        show.table(week, caption="Days")
    found = [meta["analysis"]["csv"] for _data, meta in shown]
    assert found[:3] * 4 == found
    assert "Straight line" in found[0]
    assert found[1:3] == ["part,clear\nnet_new,True\n", "weekday,n\nThursday,1\n"]


def test_a_report_s_table_is_a_sheet_too(shown, monkeypatch):
    """Numbers stay numbers, under the form of their kind; the sheet has every column, the page those to be shown."""
    monkeypatch.setenv("ANALYSIS_REPORT", "1")
    frame = pd.DataFrame(
        {
            "estimator": ["gls", "=1+1"],
            "relative": [1 / 3, np.nan],
            "ci_low": [0.2, np.nan],
            "ci_high": [np.inf, np.nan],
            "n": [12000, 3],
            "date": [pd.Timestamp("2017-10-26"), pd.NaT],
            "share": [0.5, 1.0],
        }
    )
    columns = {
        "estimator": "Estimator",
        "relative": "Effect",
        "ci_interval": "Interval",
        "n": "Number",
        "date": "Date",
    }
    show.table(frame, caption="Effect", columns=columns, formats={"relative": "+percent", "ci": "percent.0"})
    assert "50" not in shown[0][0]["text/html"]
    told = shown[0][1]["analysis"]["languages"]
    assert told["en"]["sheet"] == {
        "columns": [
            ["Estimator", "General"], ["Effect", "+0.0%;-0.0%;0.0%"], ["Ci: low end", "0%"],
            ["Ci: high end", "0%"], ["Number", "#,##0"], ["Date", "yyyy-mm-dd"], ["Share", "0.0%"],
        ],
        "rows": [
            ["Generalised least squares", 1 / 3, 0.2, "∞", 12000, "2017-10-26", 0.5],
            ["=1+1", None, None, None, 3, None, 1.0],
        ],
    }  # fmt: skip
    assert told["ar"]["sheet"]["columns"][4][0] == "العدد"
    assert told["ar"]["sheet"]["rows"][0][1:] == told["en"]["sheet"]["rows"][0][1:]


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
