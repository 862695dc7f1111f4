"""Ordinary days: shares, weekdays and steps worked by hand on a panel of twelve weeks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import figures
from analysis.notebook import ordinary, ordinary_words
from analysis.windows import Windows

WINDOWS = Windows("2017-10-26", campaign_start="2017-09-23", country="AE")


@pytest.fixture
def panel() -> pd.DataFrame:
    """Digital: 10 payments of 100 a day for A and 30 of 10 for B, twice that on Thursdays; 10 at A's counters."""
    dates = pd.date_range("2017-08-06", "2017-10-28")
    often = np.where(dates.day_of_week == 3, 2, 1)
    rows = [
        pd.DataFrame(
            {"date": dates, "entity": entity, "channel": channel, "count": count, "value": count * ticket}
        ).assign(digital=channel != "counter")
        for entity, channel, count, ticket in (
            ("A", "app", 10 * often, 100.0),
            ("A", "counter", 10 + 0 * often, 50.0),
            ("B", "app", 30 * often, 10.0),
        )
    ]
    return pd.concat(rows, ignore_index=True)


def test_weekdays_have_the_medians_of_ordinary_days(panel):
    week = ordinary.by_weekday(panel, WINDOWS).set_index("weekday")
    assert list(week.index) == [6, 0, 1, 2, 3, 4, 5]
    assert week.loc[3, ["count", "value"]].tolist() == [80, 2_600]  # 2 x (10 + 30); 2 x (1,000 + 300)
    assert week.loc[0, ["count", "counter"]].tolist() == [40, 10]
    assert week.loc[0, "digital_share"] == pytest.approx(40 / 50)
    assert week.loc[0, "ticket"] == pytest.approx(1_300 / 40)
    # Thursdays from 10 August to 14 September, less Arafat Day (31 August); 21 September is Islamic New Year.
    assert week.loc[3, "days"] == 5


def test_groups_share_everything(panel):
    groups = ordinary.by_group(panel, "entity").set_index("entity")
    assert groups[["count_share", "value_share"]].sum().tolist() == pytest.approx([1, 1])
    days, thursdays = 84, 12
    digital = days + thursdays
    assert groups.loc["A", "count"] == 10 * digital + 10 * days
    assert groups.loc["A", "digital_share"] == pytest.approx(10 * digital / (10 * digital + 10 * days))
    assert groups.loc["B", "ticket"] == pytest.approx(10)
    merged = ordinary.by_group(panel, "entity", most=1)
    assert list(merged["entity"]) == ["A", "All others"]
    assert merged["count"].sum() == groups["count"].sum()


def test_what_is_digital_is_what_the_study_says(panel):
    """A channel by any name may be a service centre; without a word of channels every payment is digital."""
    desks = panel.assign(channel=panel["channel"].replace("counter", "desk"))
    pd.testing.assert_frame_equal(ordinary.daily(desks), ordinary.daily(panel))
    kiosks = panel.assign(digital=panel["entity"] == "B")
    assert ordinary.daily(kiosks)["count"].iloc[0] == 30  # 6 August is a Sunday
    assert (ordinary.daily(panel.drop(columns="digital"))["digital_share"] == 1).all()


def test_steps_compare_the_events_weekday_with_an_ordinary_eve(panel):
    series = ordinary.daily(panel)["count"]
    steps = ordinary.steps(series, WINDOWS)
    assert len(steps) == 5
    assert (steps == 1.0).all()  # Thursdays have twice Wednesday's
    assert (steps.index.day_of_week == 3).all()
    assert steps.index.max() < WINDOWS.campaign_start


def test_kinds_of_day_are_told_apart(panel):
    series = ordinary.daily(panel)["count"].astype(float)
    series["2017-08-31"] = 40.0  # half of a usual Thursday, on Arafat Day
    kinds = ordinary.by_reason(series, WINDOWS).set_index("kind")
    assert kinds["days"].sum() == len(series)
    assert kinds.loc["The event", "days"] == 1
    assert kinds.loc["Public holidays", "days"] == 5  # 31 August, Eid from 1 to 3 September, 21 September
    assert kinds.loc["Ordinary days", "median"] == 0
    departures = ordinary.departures(series, WINDOWS).set_index("date")
    assert departures.loc["2017-08-31", ["usual", "relative"]].tolist() == [80, -0.5]


def test_published_figures_are_compared_only_with_their_own_event(panel):
    rows = ordinary.against_published(panel, WINDOWS).set_index("figure")
    assert rows.loc["Number on the day", "ledger"] == 80
    assert rows.loc["Number on the day", "published"] == (30_500, 31_500)
    # Friday 20 to Thursday 26 October: six days of 40 and one of 80.
    assert rows.loc["Mean number a day in the week", "ledger"] == pytest.approx(320 / 7)
    assert ordinary.against_published(panel, Windows("2017-10-25")).empty


def test_figure_tells_its_largest_groups(panel):
    ax = figures.shares(ordinary.by_group(panel, "entity"))
    told = figures.description(ax)
    assert "A has the largest value" in told.alt
    assert list(told.data) == ["entity", "count_share", "value_share"]


def test_sentences_tell_what_is_in_the_ledger(panel):
    facts = ordinary.summary(panel, WINDOWS)
    assert facts["rows"] == 96 * 40 + 84 * 10
    assert facts["step"] == pytest.approx(1.0)
    assert ordinary_words.normal_day(facts).startswith(
        "On an ordinary Thursday there are 80 digital payments"
    )
    sound = ordinary_words.soundness(facts, [])
    assert "ledger: 4,680. Entities: 2. Days: 84, of them without any payment: 0. Faults found: 0." in sound
    assert ordinary_words.soundness(facts, ["row 3: no amount"]).endswith("1. row 3: no amount.")
    online = ordinary.summary(panel[panel["channel"] != "counter"], WINDOWS)
    assert "counters" not in ordinary_words.normal_day(online)
    assert "+100%" in ordinary_words.step(ordinary.daily(panel)["value"], WINDOWS)
