"""Words and numbers: Arabic for every sentence, plural forms, significant digits, hedges."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from analysis import words
from analysis.model.distribution import SCORES, Distribution
from analysis.model.effect import Effect
from analysis.words import terms

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _dubai():
    words.speak_of(currency="AED", synthetic=False, offline=True, campaign=True, measures={})
    yield
    words.speak_of(currency=None, synthetic=False, offline=False, campaign=False, measures={})


def effect(expected=45e6, sd=3e6, observed=55e6, metric="value", estimand="pre-week", days=1) -> Effect:
    event = pd.date_range("2017-10-26", periods=days)
    used = pd.date_range("2017-10-01", "2017-10-25")
    counterfactual = Distribution(expected + sd * SCORES)
    return Effect(observed, counterfactual, estimand, "same_weekday", used, event, metric)


# --- the catalogue ----------------------------------------------------------------------------------------------


def catalogue():
    with (words.CATALOGUES / "ar" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale="ar")


def extracted() -> dict:
    """Every message that a reader may see, with the file it stands in."""
    with (words.CATALOGUES / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(ROOT, methods, options, keywords, directory_filter=lambda path: "/." not in path)
    return {message: name for name, _line, message, _comments, _context in found}


def test_every_sentence_has_its_arabic():
    known = catalogue()
    missing = []
    for message, file in extracted().items():
        entry = known.get(message[0] if isinstance(message, tuple) else message)
        strings = [] if entry is None else ([entry.string] if isinstance(entry.string, str) else entry.string)
        if not strings or not all(strings) or entry.fuzzy:
            missing.append(f"{file}: {message!r}")
    assert not missing, "run `make catalogue` and translate:\n" + "\n".join(missing)


def kept(text: str) -> list[str]:
    """What a translation must keep: placeholders, formulas, code, links, emphasis."""
    pattern = r"\{[^{}]*\}" if "$" not in text else r"(?<![\\_^{a-z])\{[a-z]+(?::[^{}]*)?\}"
    parts = re.findall(pattern, text) + re.findall(r"\$[^$]+\$|`[^`]+`|\]\([^)]+\)", text)
    return sorted([*parts, *(["**"] * text.count("**"))])


def test_warnings_and_columns_of_the_model_have_their_arabic():
    from analysis import alternatives
    from analysis.model import design, effect, ordinary

    modules = (ordinary, effect, alternatives)
    sentences = {
        text
        for module in modules
        for text in vars(module).values()
        if isinstance(text, str) and text[-1:] == "."
    }
    warnings = {text for text in sentences if len(text) < 300} - {module.__doc__ for module in modules}
    assert set(terms.TERMS["warning"]) == warnings, "the model warns in other words now"
    table = design.calendar(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-31"), None)
    columns = [
        "level",
        "Thu",
        "growth a year",
        ordinary.LEVEL,
        *table.names,
        "odd day 2024-01-09",
        "2024-01-26",
    ]
    with words.using("ar"):
        assert not [text for text in warnings if words.name(text) == text]
        assert not [text for text in columns if not re.search("[\u0600-\u06ff]", words.coefficient(text))]
        assert "9 يناير 2024" in words.coefficient("odd day 2024-01-09")
    assert words.coefficient("2024-01-26") == "the event, 26 January 2024"
    assert words.coefficient("working day 2 from the month's end") == "working day 2 from the month's end"


def test_translations_keep_placeholders_formulas_code_and_emphasis():
    for entry in catalogue():
        if not entry.id or not entry.string:  # the test above tells of a missing one
            continue
        if isinstance(entry.id, str):
            assert kept(entry.string) == kept(entry.id), entry.id
            continue
        assert len(entry.string) == 6, entry.id
        for form, text in enumerate(entry.string):
            lost = set(kept(entry.id[1])) - set(kept(text))
            # "none", "one million", "two dirhams": Arabic's zero, singular and dual name the number.
            assert not set(kept(text)) - set(kept(entry.id[1])), text
            assert len(lost) <= (form < 3), text


def test_translations_are_arabic_and_isolate_their_percentages():
    for entry in catalogue():
        for text in [entry.string] if isinstance(entry.string, str) else entry.string:
            if entry.id and text and re.search("[a-z]{4}", re.sub(r"\{[^}]*\}", "", str(entry.id))):
                named = re.fullmatch(r"[\W\d]*[A-Za-z]+[\W\d]*", text)  # a proper name may stay
                assert named or re.search("[\u0600-\u06ff]", text), entry.id
            # After an Arabic letter a bare "30%" is laid out as "%30".
            bare = re.sub("\u2066[^\u2069]*\u2069", "", text)
            assert not re.search(r"[0-9]\s*%", bare), text


def test_no_digits_but_western_ones():
    for entry in catalogue():
        assert not re.search("[\u0660-\u0669\u06f0-\u06f9]", str(entry.string))


def forms() -> list[tuple[str, str]]:
    """Every Arabic form with its English."""
    every = [(entry.id, entry.string) for entry in catalogue() if entry.id]
    pairs = [(i, s) if isinstance(i, str) else (i[1], s) for i, s in every]
    return [(i, text) for i, s in pairs for text in ([s] if isinstance(s, str) else s)]


NAMES = set(  # what Arabic prints in Latin letters: packages, data, formats, authors
    "statsmodels Prophet CausalPy StatsPAI diff-diff pycausalimpact tfcausalimpact UPI CDNOW CSV JSON XLSX SHA WCAG AA "
    "axe-core Chromium ARMA t Goldberger Harville Romano Wolf Chernozhukov Wüthrich Zhu Brown Durbin Evans "
    "Wickramasuriya Athanasopoulos Hyndman".split()
)


def test_no_latin_word_stands_in_arabic_outside_code():
    for english, text in forms():
        bare = re.sub(r"\$[^$]*\$|`[^`]*`|\{[^{}]*\}|\]\([^)]*\)", "", text)
        latin = set(re.findall(r"[A-Za-zÀ-ÿ]+(?:-[a-z]+)?", bare)) - NAMES
        assert not latin, f"{latin} in the Arabic of {english!r}"


def test_a_count_agrees_through_its_plural_form():
    # "وعددها {n}" stands around a template to spare the plural forms.
    for english, text in forms():
        assert not re.search(r"وعدد(?:ها|هم|هن)\s*[{\d]", text), english
    for n, days in [(1, "يوم واحد"), (2, "يومين"), (5, "5 أيام"), (20, "20 يوماً"), (100, "100 يوم")]:
        with words.using("ar"):
            assert words.ngettext("within {n} day", "within {n} days", n).format(n=n) == f"خلال {days}"


def test_growth_is_told_between_two_ends():
    # "نما من 16% إلى 21%" says that growth itself rose from the one to the other.
    growth = r"\b[وف]?(?:نما|نمت|زاد|زادت|ارتفع|ارتفعت|تراجع|تراجعت|انخفض|انخفضت|يتراوح|تتراوح|يتغير)\b"
    for english, text in forms():
        text = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", text)
        assert not re.search(growth + r"[^.،؛:]*\bمن [{\u2066\d][^.،؛:]*\bإلى [{\u2066\d]", text), english
        assert not re.search(r"\bمن \{(?:low|interval|range|ends)\} إلى", text), english
    with words.using("ar"):
        assert words.interval(0.57, 0.83, "percent", signed=False) == "بين \u206657%\u2069 و\u206683%\u2069"


def test_no_sentence_begins_with_and_after_a_colon():
    # Words whose first letter is و by itself.
    own = r"(?!فق\b|سيط|قت|احد|وقت|حدة)"
    for english, text in forms():
        assert not re.search(r":[\s*]*و" + own, text), english


def test_each_thing_has_one_term():
    # By term: what must not stand for it.
    others = "محاكاة|المحاكاة|مولّدة من|سجل محاكاة|المعطيات|معطيات|وهمي|وهمية|الوهمي|الوهمية|زبائن|زبون|العارف|المصادفة"
    for english, text in forms():
        assert not re.search(rf"\b(?:{others})\b", text), english
        assert not re.search(r"فتر(?:ة|ات) (?:ال)?ثقة \S?[\d{]", text), english


# --- numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.04, 0.18, 0.01),
        (0.09, 0.27, 0.01),
        (0.28, 0.32, 0.001),
        (0, 7.2, 1),
        (0, 1900, 100),
        (0, 7, 0.1),
        (0, 8, 1),
    ],
)
def test_significant_digits_follow_the_interval(low, high, expected):
    assert words.step(low, high) == pytest.approx(expected)


def test_a_number_without_finite_interval_has_no_step():
    assert words.step(0, np.inf) is None
    assert words.step(1, 1) is None
    assert words.interval(-1, np.inf, "percent") == "at least −100%"
    assert words.interval(-np.inf, np.inf) == "no bound on either side"
    assert words.interval(-0.16, 220.8, "percent", step=0.01) == "−16% to more than +1,000%"


@pytest.mark.parametrize(
    ("value", "step", "english", "arabic"),
    [
        (55.04e6, 1e6, "AED 55 million", "55 مليون درهم"),
        (42.2e6, None, "AED 42.2 million", "42.2 مليون درهم"),
        (1e6, 1e6, "AED 1 million", "مليون درهم"),
        (2e6, 1e6, "AED 2 million", "مليوني درهم"),
        (3e6, 1e6, "AED 3 million", "3 ملايين درهم"),
        (10e6, 1e6, "AED 10 million", "10 ملايين درهم"),
        (11e6, 1e6, "AED 11 million", "11 مليون درهم"),
        (11.5e9, None, "AED 11.5 billion", "11.5 مليار درهم"),
        (1774, None, "AED 1,774", "1,774 درهماً"),
        (5, None, "AED 5", "5 دراهم"),
        (100, None, "AED 100", "100 درهم"),
    ],
)
def test_money_in_both_languages(value, step, english, arabic):
    assert words.money(value, step) == english
    with words.using("ar"):
        assert words.money(value, step) == arabic


def test_a_sign_is_never_lost_to_the_plural_form():
    with words.using("ar"):
        assert "−2" in words.money(-2e6, 1e6)
        assert "+1" in words.money(1e6, 1e6, signed=True)


def test_zero_has_no_sign_and_minus_is_a_minus():
    assert words.percent(-0.0001, 0.01, signed=True) == "0%"
    assert words.percent(-0.04, 0.01) == "−4%"
    assert words.percent(0.303, 0.001, signed=True) == "+30.3%"


def test_signed_numbers_stand_in_bdi_in_arabic_only():
    assert words.html(words.percent(0.3, signed=True)) == "+30%"
    with words.using("ar"):
        assert words.html(words.percent(0.3, signed=True)) == '<bdi dir="ltr">+30%</bdi>'
        assert words.html("<b>&") == "&lt;b&gt;&amp;"


def test_dates_and_weekdays():
    assert words.date(pd.Timestamp("2017-10-26")) == "26 October 2017"
    assert words.weekday(3) == "Thursday"
    with words.using("ar"):
        assert words.date(pd.Timestamp("2017-10-26")) == "26 أكتوبر 2017"
        assert words.weekday(3) == "الخميس"


def test_a_text_writes_each_kind_and_refuses_others():
    text = words.text("{x:+percent} {ci:+percent} {n:number.0} {m:money} {d:date}", x=0.171, ci=(0.09, 0.27), n=31012,
                      m=1774, d=pd.Timestamp("2017-10-26"))  # fmt: skip
    assert str(text) == "+17% +9% to +27% 31,012 AED 1,774 26 October 2017"
    with words.using("ar"):
        assert str(text).endswith("26 أكتوبر 2017")
    with pytest.raises(ValueError, match="'percents' is no kind of value"):
        str(words.text("{x:percents}", x=1))


def test_a_text_holds_texts_lists_codes_and_the_form_of_its_number():
    days = words.plural(2, "{n} [day|days]")
    text = words.text(
        "{metric:Metric}: {parts}", metric="count", parts=[days, words.Value("gls", "~estimator")]
    )
    assert str(text) == "Number of digital payments: 2 days and generalised least squares"
    with words.using("ar"):
        assert "يومان" in str(text)


def test_language_is_given_back_and_an_unknown_one_refused():
    with words.using("ar"):
        assert words.language() == "ar"
    assert words.language() == "en"
    with pytest.raises(ValueError, match="language 'fr' is unknown"), words.using("fr"):
        pass


# --- sentences --------------------------------------------------------------------------------------------------


def test_a_clear_effect_says_over_what_and_how_sure():
    text = str(words.headline(effect()))
    assert "AED 55 million, 22% more than the AED 45 million expected (95% interval: +8% to +41%)" in text
    assert "less than once in 1,000 days" in text
    assert "over the level of the week before" in text
    assert "not the growth over the day before" in text


def test_the_probability_of_an_effect_is_told_and_never_as_certain():
    # 49.5 / 1.1 = 45 is the median: one in two.
    assert str(words.probable(effect(observed=49.5e6))) == (
        "The event added at least 10% to the value of digital payments: the probability is 50%."
    )
    assert "the probability is more than 99.9%" in str(words.probable(effect(observed=90e6)))
    assert str(words.probable(effect(observed=30e6))).startswith("The event took at least 10% from the value")
    words.speak_of(synthetic=True)
    assert str(words.probable(effect())).startswith("In the synthetic data: The event")
    with words.using("ar"):
        assert "واحتمال ذلك" in str(words.probable(effect(observed=49.5e6)))


def test_a_p_value_is_told_as_the_model_s():
    # Two-sided normal probabilities: 1.96 is one in 20, 0 is always.
    assert "about once in 20 days" in str(words.sureness(effect(observed=45e6 + 1.96e6 * 3)))
    assert "most ordinary days lie this far out" in str(words.sureness(effect(observed=45e6)))


def test_rounding_never_hides_a_quantity():
    assert words.quantity(435_000, "value", 1e6) == "AED 440,000"
    assert words.quantity(54.3e6, "value", 1e8) == "AED 54 million"


def test_no_clear_effect_is_said_exactly_when_the_interval_includes_zero():
    for observed in np.linspace(35e6, 55e6, 41):
        found = effect(observed=observed)
        low, high = found.confidence_interval()
        assert str(words.answer(found)).startswith("No clear effect") == (low <= 0 <= high)


def test_an_end_beside_zero_is_not_told_as_zero():
    text = str(words.answer(effect(45e6, 3e6, 45e6 + 1.96e6 * 3.02)))
    assert "+0." in text
    assert not text.startswith("No clear effect")


def test_an_end_far_out_does_not_round_the_effect_away():
    assert words.step(-0.16, 220.8, 0.68) == pytest.approx(0.1)
    assert words.step(-0.16, 220.8) == pytest.approx(10)


def test_a_fall_is_told_as_a_fall():
    assert "18% less than the AED 50 million expected" in str(words.answer(effect(50e6, 4e6, 41e6)))


def test_a_share_is_told_in_points():
    text = str(words.answer(effect(0.8, 0.01, 0.86, "digital_share")))
    assert "6.0 percentage points more than the 80.0% expected" in text


def test_several_days_are_told_as_a_span():
    assert str(words.answer(effect(days=5))).startswith("From 26 to 30 October 2017,")


def test_the_history_estimand_says_that_the_campaign_is_counted():
    assert "what the campaign did" in str(words.headline(effect(estimand="history")))


def test_words_ask_the_study_for_counters_and_campaign():
    words.speak_of(offline=False, campaign=False)
    text = str(words.headline(effect()))
    assert "payments were worth" in text
    assert "digital" not in text
    assert "what the days before it lead one to expect" in text


@pytest.mark.parametrize("metric", [*terms.TERMS["digital"], "Number of Bicycle Hires"])
@pytest.mark.parametrize("observed", [30.0, 45.0, 60.0])
def test_arabic_carries_the_same_numbers(metric, observed):
    scale = 0.01 if metric == "digital_share" else 1.0
    found = effect(45 * scale, 3 * scale, observed * scale, metric)
    english = str(words.headline(found))
    with words.using("ar"):
        arabic = str(words.headline(found))

    def numbers(text: str) -> list[str]:
        return sorted(re.findall(r"[+−]?\d[\d,.]*\d|[+−]?\d", text))

    assert numbers(arabic) == numbers(english)


def test_no_verdict_is_pronounced():
    for entry in catalogue():
        assert "significant" not in str(entry.id).replace("significant digits", "").lower(), entry.id


def test_synthetic_results_say_so_in_the_sentence():
    words.speak_of(synthetic=True)
    assert str(words.headline(effect())).startswith("In the synthetic data:")


# --- prose of notebooks -----------------------------------------------------------------------------------------

CELL = """# The question?

Some text over
two lines with $x$.

- item **one**
  continued
1. item two

| a word | 3 |
|---|---|
| `code` | $y$ |

$$
y = x
$$

```
no text
```
The end."""


def test_prose_is_cut_into_blocks():
    assert words.prose(CELL) == [
        "The question?",
        "Some text over two lines with $x$.",
        "item **one** continued",
        "item two",
        "a word",
        "The end.",
    ]


def test_an_untranslated_cell_keeps_its_structure():
    assert re.sub(r"\s+", " ", words.translate_cell(CELL, "en")).strip().replace(" ", "") == re.sub(
        r"\s+", "", CELL
    )


def test_words_in_displayed_formulas_are_translated():
    cell = "$$\nw = \\text{ordinary} \\text{ARMA}\n$$"
    assert words.prose(cell) == ["ordinary"]
    assert words.translate_cell(cell, "en").strip() == cell
    assert "\\text{عادي} \\text{ARMA}" in words.translate_cell(cell, "ar")


def test_a_refusal_is_told_in_arabic():
    text = "13 usable days before the event of 2017-10-26, at least 14 are needed: give a longer history"
    assert words.reason(text) == text.replace("2017-10-26", "26 October 2017")
    with words.using("ar"):
        assert "13 قبل حدث 26 أكتوبر 2017، والحد الأدنى 14" in words.reason(text)


def test_literals_of_code_cells_are_found(tmp_path):
    code = (
        'show.say("The gain was {x:percent}.", x=0.1)\n'
        'show.table(f, caption="Gains", columns={"a": "First", "b": second}, key="no")\n'
        'show.figure(figures.effects, rows, caption="Effects")'
    )
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [code]}]}))
    with path.open("rb") as file:
        found = {text for _n, _f, text, _c in words.extract_notebook(file, (), (), {})}
    assert found == {"The gain was {x:percent}.", "Gains", "First", "Effects"}
