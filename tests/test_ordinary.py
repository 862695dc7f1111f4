"""Ordinary days: shares, weekdays and steps worked by hand on a panel of twelve weeks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import days, figures, ledger
from analysis.notebook import ordinary
from analysis.published import announcement
from analysis.study import Study
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


@pytest.fixture
def daily(panel) -> dict[str, pd.Series]:
    """The digital metrics of the panel, as a study gives them."""
    return {
        name: ledger.metric(panel, name, ("counter",))
        for name in ("count", "value", "ticket", "digital_share")
    }


def test_weekdays_have_the_medians_of_ordinary_days(daily):
    week = ordinary.by_weekday(daily, WINDOWS).set_index("weekday")
    assert list(week.index) == [6, 0, 1, 2, 3, 4, 5]
    assert week.loc[3, ["count", "value"]].tolist() == [80, 2_600]  # 2 x (10 + 30); 2 x (1,000 + 300)
    assert week.loc[0, "count"] == 40
    assert week.loc[0, "digital_share"] == pytest.approx(40 / 50)
    assert week.loc[0, "ticket"] == pytest.approx(1_300 / 40)


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


def test_a_week_begins_after_its_weekend():
    assert days.week_begins("2017-10-26", "AE") == 6  # Friday and Saturday were off
    assert days.week_begins("2022-10-26", "AE") == 0
    assert days.week_begins("2017-10-26") == 0


def test_steps_compare_the_events_weekday_with_an_ordinary_eve(daily):
    series = daily["count"]
    steps = ordinary.steps(series, WINDOWS)
    assert len(steps) == 5
    assert (steps == 1.0).all()  # Thursdays have twice Wednesday's
    assert (steps.index.day_of_week == 3).all()
    assert steps.index.max() < WINDOWS.campaign_start


def test_kinds_of_day_are_told_apart(daily):
    series = daily["count"].copy()
    series["2017-08-31"] = 40.0  # half of a usual Thursday, on Arafat Day
    kinds = ordinary.by_kind(series, WINDOWS).set_index("kind")
    assert kinds["days"].sum() == len(series)
    assert kinds.loc["event", "days"] == 1
    assert kinds.loc["holiday", "days"] == 5  # 31 August, Eid from 1 to 3 September, 21 September
    assert kinds.loc["holiday", "low"] == pytest.approx(
        -0.4
    )  # of -0.5, 0, 0, 0, 0: a fifth of the first step
    assert kinds.loc["ordinary", "median"] == 0


def test_published_figures_are_compared_only_with_their_own_event(daily):
    figures = announcement.figures()
    rows = ordinary.against_published(daily, WINDOWS, figures).set_index("figure")
    assert rows.loc["count_event", "ledger"] == 80
    assert rows.loc["count_event", ["within_low", "within_high"]].tolist() == [30_500, 31_500]
    # Friday 20 to Thursday 26 October: six days of 40 and one of 80.
    assert rows.loc["count_week_mean", "ledger"] == pytest.approx(320 / 7)
    assert ordinary.against_published(daily, Windows("2017-10-25"), figures).empty


def test_figure_tells_its_largest_groups(panel):
    ax = figures.shares(ordinary.by_group(panel, "entity"))
    told = figures.description(ax)
    assert "A has the largest value" in told.alt
    assert list(told.data) == ["entity", "count_share", "value_share"]


def test_sentences_tell_what_is_in_the_data(daily, panel, tmp_path):
    """5 Thursdays are ordinary: 10 August to 14 September, less Arafat Day; 21 September is Islamic New Year."""
    told = str(ordinary.normal_day(daily, WINDOWS))
    assert told.startswith(
        "On an ordinary Thursday, in the median: number of digital payments 80; value of digital"
    )
    assert "Ordinary weeks compared: 5" in str(ordinary.step(daily["value"], WINDOWS, "value"))
    assert "+100%" in str(ordinary.step(daily["value"], WINDOWS, "value"))
    daily["count"].rename_axis("date").to_csv(tmp_path / "visits.csv")
    study = Study(title="x", event_start="2017-10-26", ledger=str(tmp_path / "visits.csv"))
    facts = ordinary.summary(study, {"count": daily["count"]}, "count")
    assert (facts["days"], facts["empty"], facts["step"]) == (84, 0, pytest.approx(1.0))
    assert str(ordinary.soundness(study, daily["count"])) == "Days: 84, of them empty: 0. Faults found: 0."
