"""Report 07: its false alarms come first, its advice follows the numbers, its tables hold what they should."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from analysis import power, words
from analysis.effect import estimate
from analysis.notebook import next_edition
from analysis.windows import Windows


def _table(false_alarms: float = 0.05) -> pd.DataFrame:
    """As `power.detectable` gives it, every design alike but for the false alarms of five days."""
    base = {"sd": 0.03, "detectable": 0.09, "simulated": 0.1, "false_alarms": 0.05, "dates": 40}
    rows = [{"length": 1}, {"length": 5, "detectable": 0.08, "false_alarms": false_alarms}]
    rows += [{"length": 1, "weekday": day} for day in (0, 6)]
    rows += [{"length": 1, "history": "90", "detectable": 0.12}, {"length": 1, "comparison": True, "sd": 9}]
    table = pd.DataFrame(
        [{"weekday": pd.NA, "history": "all", "comparison": False} | base | row for row in rows]
    )
    return table.astype({"weekday": "Int64"})


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.1, "Chance alone can make as many."), (0.15, "Chance seldom makes as many for 5 days")],
)
def test_false_alarms_beyond_chance_are_told(share, said):
    """R: pbinom(3, 40, 0.05, lower.tail = FALSE) = 0.138 of four or more; pbinom(5, ...) = 0.014 of six or more."""
    text = str(next_edition.alarms(_table(share)))
    assert f"2 of 40 for 1 day and {40 * share:.0f} of 40 for 5 days. Together that is " in text
    assert f"{50 * (0.05 + share):.1f}% of the dates; 5% are to be expected" in text
    assert said in text


def test_rows_are_sorted_into_their_tables():
    table = _table()
    assert list(next_edition.by(table, "length")["length"]) == [1, 5]
    assert list(next_edition.by(table, "weekday")["weekday"]) == [6, 0]  # from Sunday
    assert list(next_edition.by(table, "history")["past"]) == ["90", "all"]
    assert set(next_edition.curves(table)["design"]) == {1, 5}
    assert "With 90 days of history one day shows an effect of 12.0% or more, with all there is 9.0%" in (
        str(next_edition.history(table))
    )


def test_both_ways_of_reckoning_are_told_beside_independent_days():
    """1.09 ** (1 / 5 ** 0.5) = 1.0393."""
    text = str(next_edition.least(_table()))
    assert "9.0% or more with a probability of 80% by formula, and of 10.0%" in text
    assert "5 days shows 8.0% a day, and 10.0%; if its days were independent, it would show 3.9%" in text


@pytest.mark.parametrize(
    ("waves", "said"), [(0.05, "this one: each half of the entities"), (0.09, "No way of sharing")]
)
def test_the_best_design_is_named_among_those_with_as_many_closures(waves, said):
    rows = [
        {"design": power.DESIGNS[0], "closures": 36, "detectable": 0.08},
        {"design": power.DESIGNS[1], "closures": 72, "detectable": 0.01},
        {"design": power.DESIGNS[3], "closures": 36, "detectable": waves},
    ]
    assert said in str(next_edition.advice(pd.DataFrame(rows)))


def test_editions_alike_are_pooled_with_student_s_t():
    """Editions alike and as precise: the half interval is t se / sqrt(k); R: qt(0.975, c(1, 4)) = 12.706, 2.776."""
    days = pd.date_range("2021-01-01", "2021-06-30")
    noise = np.random.default_rng(3).normal(0, 0.03, len(days))
    daily = pd.Series(1_000 * np.exp(noise), days, name="count").round()
    effect = estimate(daily, Windows("2021-06-30"))
    effect = dataclasses.replace(effect, observed=1.2 * effect.expected)
    low, high = np.log(effect.expected_interval())
    se = (high - low) / 2 / 1.959964
    table = next_edition.later_editions(effect, ((2, 1), (2, 0), (5, 1)))
    for row, t, k in ((0, 12.706, 2), (2, 2.776, 5)):
        assert table["mean"][row] == pytest.approx(0.2, rel=1e-3)
        half = np.diff(np.log1p(table.loc[row, ["mean_low", "mean_high"]].astype(float)))[0] / 2
        assert half == pytest.approx(t * se / np.sqrt(k), rel=1e-3)
    assert table["next_low"].isna().tolist() == [True, True, False]  # two cannot tell how far editions differ
    five = table.loc[2]
    assert five["next_low"] <= five["mean_low"] < five["mean_high"] <= five["next_high"]
    assert table["same"][1] < 1e-3


def test_synthetic_results_open_by_saying_so():
    words.speak_of(synthetic=True)
    try:
        assert str(next_edition.alarms(_table())).startswith("In the synthetic data:")
    finally:
        words.speak_of(synthetic=False)
