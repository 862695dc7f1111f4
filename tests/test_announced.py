"""Rows and sentences on the published figures, as readers get them."""

import re

import pytest

from analysis import figures
from analysis.notebook import announced, tables
from analysis.published import announcement, growth
from analysis.published.identified import ASSUMPTIONS
from analysis.words.terms import TERMS


@pytest.fixture(scope="module")
def table():
    return announcement.figures()


def test_every_assumption_and_reading_has_a_label():
    assert (
        set(TERMS["assumption"])
        == set(TERMS["assumed of"])
        == {assumption.name for assumption in ASSUMPTIONS}
    )
    assert set(TERMS["week"]) == {announced._code(week) for week in growth.WEEKS}


def test_readings_that_do_not_differ_are_one_row(table):
    rows = announced.readings(table)
    assert rows.groupby("group", sort=False).size().to_dict() == {
        "Value": 5,
        "Number": 4,
        "Value per payment": 4,
    }
    assert not rows.duplicated(["group", "relative"]).any()


def test_bounds_are_ordered_by_group_so_that_each_has_one_heading(table):
    groups = announced.bounds(table)["group"]
    assert (groups != groups.shift()).sum() == groups.nunique()


def test_tables_name_what_they_show(table):
    trends = announced.trends(table)
    assert (trends["trend_line_low"] < trends["trend_line_high"]).all()
    figures_ = announced.figures(table).set_index("figure")
    assert figures_.loc["value_event", ["range_low", "range_high"]].tolist() == [54.5e6, 55.5e6]
    assert figures_.loc["entities", ["range_low", "range_high"]].isna().all()
    assert {*trends, "figure", *figures_} - {"trend_line_low", "trend_line_high"} - {
        f"{name}_{end}" for name in ("range", "straight_line") for end in ("low", "high")
    } <= set(TERMS["column"])


def test_two_possible_weeks_are_drawn_with_their_effects(table):
    rows = announced.weeks(table, "AE")
    assert rows["least"].tolist()[:4] == pytest.approx(
        [0, 35.6e6, 42.2e6, 42.2e6]
    )  # the corner worked by hand
    told = figures.description(figures.possible_weeks(rows))
    assert "expected AED 63.3 million: effect −13%" in told.alt
    assert told.data["least_line"].iloc[-1] == pytest.approx(63.3e6)


def test_neighbours_are_written_with_their_intervals():
    page = tables.html(
        announcement.neighbours().rename(columns={"unit": "result_unit"}),
        "Comparable events",
        ["event", "result"],
    )
    results = re.findall("<td>(.*?)</td>", page)
    assert results[:2] == ["−4.3%", "+14.1 percentage points (+9.1 to +19.2)"]
    assert results[4] == "+3,864 (+125 to +7,604)"
    assert "–" in results  # a study without a single number


def test_sentences_say_over_what(table):
    answer = str(announced.answer(table))
    assert "worth AED 55 million, 30% more (29.0% to 31.7% within rounding) than on the day before" in answer
    assert "54% to 90% more than the week's level" in answer
    assert "from −14% to +47%" in str(announced.unsettled(table))
    assert "by less than 29% over the day before" in str(announced.unsettled(table))
    assert "AED 12.8 million" in str(announced.rise(table))
    assert "14% to 24%" in str(announced.sizes(table))
