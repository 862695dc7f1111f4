"""Sentences and tables of reports 04 to 07: what is said follows the numbers, and tables add up."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from analysis import placebo, words
from analysis.displacement import Decomposition
from analysis.effect import Interval
from analysis.groups import GroupEffects, Pooled
from analysis.notebook import evidence, evidence_groups
from analysis.persistence import Persistence

PARTS = ["digital_gain", "from_counters", "from_other_days", "pulled_forward", "postponed", "net_new"]


def _split(gain, counters, other, se=100.0):
    parts = pd.Series([gain, counters, other, other, 0.0, gain - counters - other], PARTS)
    covariance = pd.DataFrame(np.diag(np.full(6, se**2)), PARTS, PARTS)
    return Decomposition(parts, covariance, pd.DataFrame(), pd.DataFrame(), 50.0)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (_split(3000, 1000, 0), "payments were added"),
        (_split(1000, 3000, 0), "payments were lost"),
        (_split(1000, 900, 0), "cannot be told"),
    ],
)
def test_what_is_said_of_net_new_follows_its_interval(found, said):
    assert said in str(evidence.net(found))


def test_the_gain_over_the_shortfall_is_an_estimate_with_its_interval():
    text = str(evidence.from_counters(_split(1200, 3000, 0)))
    # se of the ratio: 100 / 3000 * sqrt(1 + 0.4^2) = 0.036
    assert "The gain is 40% of what was missing at counters (33% to 47%)" in text
    assert "not all is theirs" in str(evidence.from_counters(_split(4000, 3000, 0)))
    assert (
        str(evidence.from_counters(_split(1200, 100, 0)))
        == "Payments at counters are not seen to have fallen."
    )


def test_what_reconciliation_moved_is_told_from_where():
    moved = dataclasses.replace(_split(3000, 8000, 0), moved=-500.0)
    assert "would be +3,500" in str(evidence.reconciled(moved))
    assert "moved it by −500" in str(evidence.reconciled(moved))


def test_a_part_whose_interval_is_too_short_is_named():
    table = pd.DataFrame({"metric": "count", "part": PARTS, "95": [0.95, 0.95, 0.85, 0.95, 0.95, 0.95]})
    money = table.assign(metric="value", **{"95": 0.95})
    text = str(evidence.covered(pd.concat([money, table], ignore_index=True)))
    assert "for: From other days (number of digital payments)." in text
    assert "94.0% of the years" in str(evidence.covered(pd.concat([money, table.assign(**{"95": 0.94})])))


def test_a_shortfall_at_counters_is_told_with_its_sign():
    text = str(evidence.gain(_split(3000, 8000, 0)))
    assert "+3,000" in text
    assert "−8,000 (−8,200 to −7,800)" in text.replace("\u2068", "").replace("\u2069", "")


def _placebos(event_t):
    """198 dates of which every other is comparable."""
    t = np.repeat(np.linspace(-2, 2, 99), 2)
    like = np.arange(198) % 2 == 0
    dates = pd.date_range("2017-01-01", periods=198)
    return placebo.Placebos(dates, like, t / 100, t, np.abs(t), 0.05, event_t, event_t)


def test_placebo_sentences_count_comparable_days_and_name_the_floor():
    beaten, usual = str(evidence.placebo(_placebos(9.0))), str(evidence.placebo(_placebos(1.0)))
    assert "None of 99 comparable days" in beaten
    assert "0.010" in beaten
    many = int((np.abs(np.linspace(-2, 2, 99)) >= 1).sum())
    assert f"Of 99 comparable days before the event, {many} depart" in usual
    assert "On 2 of the 99 comparable days, 2.0%" in str(evidence.alarms(_placebos(9.0)))


def test_the_headline_is_named_among_the_specifications():
    sizes = np.array([0.1, 0.2, 0.3, 0.4])
    rows = pd.DataFrame(
        {"relative": sizes, "low": sizes - 0.15, "high": sizes + 0.15, "headline": sizes == 0.3}
    )
    text = str(evidence.specifications(rows))
    assert "the one that every report gives is +30.0%" in text
    assert "In 75% the interval excludes zero" in text


def test_no_rise_is_called_none():
    none = Persistence(0.0, Interval(-0.01, 0.01), np.nan, Interval(0.0, np.inf), pd.DataFrame())
    assert str(evidence.lasting(none)) == "No lasting rise is seen."


def _groups():
    names = [f"e{i}" for i in range(5)]
    table = pd.DataFrame(
        {"entity": names, "observed": 10.0, "expected": 8.0, "effect": 2.0, "contribution": 0.2}
    )
    for name in ("effect_low", "effect_high", "own", "relative", "low", "high"):
        table[name] = 0.25
    table["p_value"], table["p_family"], table["q_value"] = (
        [0.01, 0.04, 0.2, 0.5, 0.9],
        0.5,
        [0.02, 0.3, 1, 1, 1],
    )
    table["suppressed"] = False
    pooled = Pooled(np.full(5, 0.2), np.full(5, 0.1), 0.03)
    return GroupEffects(table, 10.0, Interval(5.0, 15.0), pooled, -2.0)


def test_contributions_shown_add_up_with_the_last_row():
    shown = evidence_groups.contributions(_groups(), few=3)
    assert shown["contribution"].sum() == pytest.approx(1)
    assert shown["effect"].sum() == pytest.approx(10)
    assert list(shown["entity"])[-1] == "All others together"


def test_struck_groups_are_counted_three_ways():
    text = str(evidence_groups.struck(_groups()))
    assert "2 of 5 stand out at the level of 5%" in text
    assert "Judged together, 0 do, and 1 if 5%" in text
    none = _groups()
    none.table["q_value"] = 1.0
    assert "Judged together, none does" in str(evidence_groups.struck(none))


def test_synthetic_results_open_by_saying_so():
    words.speak_of(synthetic=True)
    try:
        assert str(evidence.gain(_split(1, 1, 0))).startswith("In the synthetic data:")
        assert str(evidence_groups.carried(_groups(), few=3)).startswith("In the synthetic data:")
    finally:
        words.speak_of(synthetic=False)
    assert not str(evidence.gain(_split(1, 1, 0))).startswith("In the synthetic data:")
