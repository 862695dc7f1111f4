"""Report 03: the question put to every metric and method, the truth beside it, and what is said of both."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import words
from analysis.effect import COMPARISONS, ESTIMATORS, RECOMMENDED, Effect, estimate
from analysis.model.distribution import SCORES, Distribution
from analysis.notebook import answers, evidence, tables
from analysis.study import Study
from analysis.windows import Windows

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("effect_coverage", ROOT / "benchmarks" / "effect_coverage.py")
study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(study)
DAY = pd.DatetimeIndex(["2017-10-26"])
WINDOWS = Windows("2017-10-26", campaign_start="2017-09-23", country="AE")


def effect(metric="value", estimand="pre-week", observed=55.0, expected=50.0, sd=2.0, estimator=RECOMMENDED):
    used = pd.date_range("2017-10-01", "2017-10-25")
    return Effect(observed, Distribution(expected + sd * SCORES), estimand, estimator, used, DAY, metric)


def found(**changes):
    return {estimand: {"value": effect(estimand=estimand, **changes)} for estimand in ("pre-week", "history")}


@pytest.fixture
def known():
    """A truth as `simulate` writes it: 52 of 55 would have been paid anyway over the week before, 60 over the time
    before the campaign."""
    true = {"observed": 55.0, "absolute": 3.0, "relative": 3 / 52, "expected": 52.0}
    other = {"observed": 55.0, "absolute": -5.0, "relative": -5 / 60, "expected": 60.0}
    return {"event": "2017-10-26", "effect": {"pre-week": {"value": true}, "history": {"value": other}}}


def test_truth_says_which_intervals_hold_it(known):
    # 50 +- 1.96 x 2 is 46.08 to 53.92: it holds 52 and not 60. At 50 %, 48.65 to 51.35, it holds neither.
    table = answers.truth(found(), known, WINDOWS)
    assert table["covered"].tolist() == [True, False]
    assert table["relative_true"].tolist() == pytest.approx([3 / 52, -5 / 60])
    assert not answers.truth(found(), known, WINDOWS, level=0.5)["covered"].any()
    assert "hold it: 1 of 2" in str(answers.known(table))


@pytest.mark.parametrize(
    ("windows", "changes"),
    [
        (Windows("2017-10-25"), {}),  # another day
        (Windows("2017-10-26", "2017-10-27"), {}),  # a longer event
        (WINDOWS, {"observed": 44.0}),  # some of the entities
    ],
)
def test_truth_is_not_held_against_what_it_is_not_of(known, windows, changes):
    table = answers.truth(found(**changes), known, windows)
    assert table.empty
    assert "not known" in str(answers.known(table))


def test_every_estimator_is_asked_and_refusals_are_told():
    days = pd.date_range(end="2017-10-26", periods=10)
    short = pd.Series(np.linspace(100, 110, 10), days, name="value")
    effects, refused = answers.by_estimator(short, Windows("2017-10-26", campaign_start="2017-10-25"))
    asked = {(e.estimator, e.estimand) for e in effects} | {(r.estimator, r.estimand) for r in refused}
    assert len(asked) == len(effects) + len(refused) == 2 * len(ESTIMATORS)
    assert "same_weekday" in {r.estimator for r in refused}  # one Thursday
    told = str(answers.compared(effects, refused))
    assert f"By {len([e for e in effects if e.estimand == 'pre-week'])} methods" in told
    assert "Same weekday cannot be used here" in told


def test_the_recommended_size_is_named_even_where_it_is_not_the_first():
    rows = [effect(estimator="day_before", observed=60.0), effect()]
    assert "The recommended one says +10%" in str(answers.compared(rows))


def test_announced_growth_is_that_of_its_own_event_alone():
    said = Study.load(ROOT / "notebooks" / "dubai-2017.yaml")
    assert answers.announced(said, "value") == 0.3
    assert answers.announced(said, "count") is None
    assert answers.announced(said.model_copy(update={"figures": None}), "value") is None
    assert "Announced" not in str(answers.eve([effect(estimator="day_before")], None))


def test_without_a_campaign_there_is_one_question():
    assert answers.baselines(Windows("2017-10-26")) == ("pre-week",)
    assert answers.baselines(WINDOWS) == ("pre-week", "history")
    assert "+10% (95% interval: +2% to +19%)" in str(answers.initiative(found()))
    words.speak_of(campaign=False)
    assert words.estimand("pre-week") == "Over the days before"


def test_leading_metrics_are_value_and_number_where_there_are_any():
    assert answers.leading(["count", "value", "payers"]) == ["value", "count"]
    assert answers.leading(["payers", "ticket"]) == ["payers"]


def test_a_share_is_told_in_points_and_the_csv_keeps_codes_and_fractions():
    shares = {
        estimand: {"digital_share": effect("digital_share", estimand, 1.0, 0.75, 0.01)}
        for estimand in ("pre-week", "history")
    }
    table = answers.metrics(shares)
    html = tables.html(table, "Effects", ["metric", "estimand", "size", "size_interval"])
    assert "+25.0 points" in html
    assert "+23.0 to +27.0" in html  # 1.96 points on either side
    assert ">digital_share<" not in html
    assert tables.csv(table).splitlines()[1].startswith("digital_share,gls,pre-week,1.0,0.75,")


def test_an_end_far_out_does_not_round_the_other_away():
    wide = Effect(
        15.0, Distribution(np.maximum(10 + 5 * SCORES, 0.05)), "pre-week", "pre_week_mean", DAY, DAY, "value"
    )
    table = answers.metrics({"pre-week": {"value": wide}})
    html = tables.html(table, "Effects", ["metric", "size", "size_interval"])
    assert ">+50%<" in html
    assert ">−24% to" in html  # 15 / (10 + 1.96 x 5) - 1


def test_what_was_expected_is_never_rounded_to_nothing():
    wide = effect(observed=55e6, expected=0.4e6, sd=12e6, estimator="pre_week_mean")
    assert ">AED 400,000<" in tables.html(answers.methods([wide]), "Methods", ["pre-week_expected"])


def test_the_regression_is_that_of_the_effect():
    days = pd.date_range("2017-01-01", "2017-10-26")
    noise = np.random.default_rng(3).normal(0, 0.05, len(days))
    daily = pd.Series(100 * np.exp(noise), days, name="value")
    daily.iloc[-1] *= 1.5
    one = estimate(daily, WINDOWS)
    coefficient, error = (table["2017-10-26"] for table in (one.regression.params, one.regression.bse))
    # At the likeliest process alone; the effect averages over all, which moves it by a fraction of its error.
    assert abs(coefficient - np.log1p(one.relative)) < error / 2


def test_donors_speak_where_a_study_names_them(tmp_path):
    days = pd.date_range("2017-05-01", "2017-10-26")
    rng = np.random.default_rng(4)
    shock = rng.normal(0, 0.1, len(days))
    columns = ("value", "north", "south", "east")
    table = pd.DataFrame({name: 100 * np.exp(shock + rng.normal(0, 0.01, len(days))) for name in columns})
    table.loc[len(days) - 1, "value"] *= 1.2
    table.assign(date=days).to_csv(tmp_path / "daily.csv", index=False)
    given = {"title": "Donors", "event_start": "2017-10-26", "ledger": str(tmp_path / "daily.csv")}
    effects = answers.against_donors(Study(**given, donors=["north", "south", "east"]), "value")
    assert [one.estimator for one in effects] == list(COMPARISONS)
    assert all(one.relative == pytest.approx(0.2, abs=0.05) for one in effects)
    assert "Difference in differences gives +" in str(evidence.donors(effects))
    assert answers.against_donors(Study(**given), "value") == []


def test_one_row_a_method_and_a_dash_where_it_refused():
    rows = [effect(), effect(estimand="history", expected=44.0), effect(estimator="day_before")]
    table = answers.methods(rows)
    assert table["estimator"].tolist() == [RECOMMENDED, "day_before"]
    html = tables.html(table, "Methods", ["estimator", "history_expected", "history_p_value"])
    assert '>Generalised least squares</th><td class="number">AED 44</td>' in html
    assert '>The day before</th><td class="number">–</td><td class="number">–</td>' in html


def test_coverage_by_hand():
    rows = pd.DataFrame(
        {
            "metric": "count",
            "estimand": "pre-week",
            "truth": [100.0, 100.0, 200.0, 200.0],
            "expected": [90.0, 100.0, 200.0, 220.0],
            "low_80": [85.0, 95.0, 190.0, 205.0],
            "high_80": [95.0, 105.0, 210.0, 235.0],
            "low_95": [80.0, 90.0, 180.0, 195.0],
            "high_95": [100.0, 110.0, 220.0, 245.0],
        }
    )
    (row,) = answers.coverage(rows).to_dict("records")
    assert row["bias"] == pytest.approx(0)
    assert (row["held_80"], row["held_95"]) == (0.5, 1.0)
    assert row["half"] == pytest.approx((0.1 + 0.1) / 2)


def test_the_kept_coverage_study_is_reproduced_by_a_small_draw():
    kept = pd.read_csv(answers.DERIVED / "effect-coverage.csv")
    again = study.run(0)
    rows = kept[kept["seed"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, again, check_exact=False, rtol=1e-5)
    assert kept.groupby(["metric", "estimand"])["seed"].nunique().eq(200).all()


def test_the_kept_study_holds_its_levels_where_it_is_not_biased():
    # Three standard errors of a share on 200 draws; too wide is a fault of another kind.
    table = answers.coverage()
    centred = table[table["bias"].abs() < table["half"] / 4]
    assert len(centred) >= 5
    for level in (0.8, 0.95):
        assert (centred[f"held_{100 * level:g}"] > level - 3 * np.sqrt(level * (1 - level) / 200)).all()
    assert (table["held_95"] >= 0.9).all()  # what report 03 says of the others: more misses than promised


def test_arabic_tells_the_same_numbers():
    rows = [effect(), effect(estimator="day_before", observed=60.0)]
    with words.using("ar"):
        told = str(answers.compared(rows)), str(answers.eve(rows, 0.3))
    for text in told:
        assert any("\u0600" <= letter <= "\u06ff" for letter in text)
    assert "+10%" in told[0]
    assert "+20.0%" in told[1]
