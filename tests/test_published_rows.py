"""Rows and sentences on the published figures, as readers get them."""

import pytest

from analysis import figures, words
from analysis.notebook import published_rows, published_words
from analysis.published import announcement, growth
from analysis.published.identified import ASSUMPTIONS


@pytest.fixture(scope="module")
def table():
    return announcement.figures()


def test_every_assumption_and_reading_has_a_label():
    assert set(published_rows.ASSUMPTIONS) == {assumption.name for assumption in ASSUMPTIONS}
    assert set(published_rows.WEEKS) == {(week.days, week.includes_event) for week in growth.WEEKS}


def test_readings_that_do_not_differ_are_one_row(table):
    rows = published_rows.readings(table)
    assert rows.groupby("group", sort=False).size().to_dict() == {
        "Value": 5,
        "Number": 4,
        "Value per payment": 4,
    }
    assert not rows.duplicated(["group", "relative"]).any()


def test_bounds_are_ordered_by_group_so_that_each_has_one_heading(table):
    groups = published_rows.bounds(table)["group"]
    assert (groups != groups.shift()).sum() == groups.nunique()


def test_tables_name_what_they_show(table):
    assert published_rows.week(announcement.event(table), "AE")["working_day"].sum() == 6
    assert published_rows.trends(table)["trend_line"].map(len).eq(2).all()
    headings = {
        words.heading(column)
        for rows in (
            published_rows.figures(table),
            published_rows.week(announcement.event(table), "AE"),
            published_rows.trends(table),
            published_rows.neighbours(),
        )
        for column in rows.columns
    }
    assert headings <= {*published_rows.HEADINGS, "Date", "Weekday"}


def test_two_possible_weeks_are_drawn_with_their_effects(table):
    rows = published_rows.weeks(table, "AE")
    assert rows["least"].tolist()[:4] == pytest.approx(
        [0, 35.6e6, 42.2e6, 42.2e6]
    )  # the corner worked by hand
    told = figures.description(figures.possible_weeks(rows))
    assert "expected AED 63.3 million: effect −13%" in told.alt
    assert told.data["least_line"].iloc[-1] == pytest.approx(63.3e6)


def test_neighbours_are_written_with_their_intervals():
    results = published_rows.neighbours()["result"].tolist()
    assert results[:2] == ["−4.3%", "+14.1 percentage points (+9.1 to +19.2)"]
    assert results[4] == "+3,864 (+125 to +7,604)"
    assert "" in results  # a study without a single number


def test_sentences_say_over_what(table):
    answer = published_words.answer(table)
    assert "30.3% more than on the day before" in answer
    assert "57% to 83% more than the week's level" in answer
    assert "from −14% to +47%" in published_words.unsettled(table)
    assert "AED 12.8 million" in published_words.rise(table)
    assert "16.5% to 21.6%" in published_words.sizes(table)


def test_neighbours_texts_are_found_by_the_catalogue():
    path = announcement.RAW.with_name("neighbouring_evidence.csv")
    with path.open("rb") as file:
        found = {message for _, _, message, _ in published_rows.extract(file, (), (), {})}
    shown = published_rows.neighbours()
    assert set(shown["comparable_event"]) | set(shown["lesson"]) | set(shown["what_was_measured"]) <= found
