"""Which day is which, under both estimands."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from analysis.windows import Windows

DAYS = pd.date_range("2017-10-01", "2017-10-31")


def test_labels_of_dubai():
    """Announced on 23 September 2017, held on 26 October: each of October's days has one name."""
    labels = Windows("2017-10-26", campaign_start="2017-09-23").labels(
        pd.date_range("2017-09-01", "2017-11-02")
    )
    assert labels.value_counts().to_dict() == {"campaign": 33, "history": 22, "after": 7, "event": 1}
    assert labels["2017-09-22"] == "history"
    assert labels["2017-09-23"] == labels["2017-10-25"] == "campaign"
    assert labels["2017-10-26"] == "event"
    assert labels["2017-10-27"] == "after"


def test_labels_follow_the_index_given():
    """Days may come in any order and with gaps."""
    labels = Windows("2017-10-10", "2017-10-11").labels(DAYS[[20, 9, 10, 0]])
    assert list(labels) == ["after", "event", "event", "history"]


def test_baseline_is_the_days_up_to_the_eve():
    """Campaign or not, the pre-week baseline ends on the eve."""
    windows = Windows("2017-10-26", campaign_start="2017-10-24", baseline_days=3)
    assert list(windows.baseline) == list(pd.date_range("2017-10-23", "2017-10-25"))
    assert list(windows.campaign_days) == list(pd.date_range("2017-10-24", "2017-10-25"))
    assert not len(Windows("2017-10-26").campaign_days)


def test_past_under_both_estimands():
    """The pre-week's past reaches the eve; history's stops before the campaign; neither holds the event."""
    daily = pd.Series(np.arange(31.0), index=DAYS)
    windows = Windows("2017-10-20", "2017-10-21", campaign_start="2017-10-15", history_start="2017-10-03")
    assert list(windows.past(daily)) == list(range(2, 19))
    assert list(windows.past(daily, "history")) == list(range(2, 14))


def test_past_leaves_out_what_is_excluded():
    """Other editions and outages teach nothing, in either estimand; order of the dates given does not matter."""
    daily = pd.Series(np.arange(31.0), index=DAYS)
    windows = Windows("2017-10-10", excluded=("2017-10-05", "2017-10-02", "2017-10-20"))
    assert list(windows.past(daily)) == [0, 2, 3, 5, 6, 7, 8]
    assert windows == Windows("2017-10-10", excluded=("2017-10-20", "2017-10-02", "2017-10-05"))


def test_past_is_the_same_without_a_campaign():
    daily = pd.Series(np.arange(31.0), index=DAYS)
    windows = Windows("2017-10-10")
    pd.testing.assert_series_equal(windows.past(daily), windows.past(daily, "history"))


def test_ordinary_days_of_a_campaign():
    """The pre-week learns its week before and what lies before the campaign, but not the days on which people may wait
    for the event: two by default after a campaign, none without, or as many as are given."""
    windows = Windows(
        "2017-10-26", campaign_start="2017-10-10", excluded=["2017-10-02"], history_start="2017-10-01"
    )
    assert list(DAYS[windows.ordinary(DAYS)].day) == [1, *range(3, 10), *range(19, 24)]
    assert list(DAYS[windows.ordinary(DAYS, "history")].day) == [1, *range(3, 10)]
    longer = Windows("2017-10-26", campaign_start="2017-10-10", wait_days=5)
    assert list(DAYS[longer.ordinary(DAYS)].day) == [*range(1, 10), 19, 20]
    assert list(DAYS[Windows("2017-10-05").ordinary(DAYS)].day) == [1, 2, 3, 4]
    assert list(DAYS[Windows("2017-10-05", wait_days=1).ordinary(DAYS)].day) == [1, 2, 3]


def test_the_level_of_the_week_before_counts_after_a_campaign():
    """For the pre-week alone, and not where the campaign has no days."""
    assert Windows("2017-10-26", campaign_start="2017-10-10").anchored("pre-week")
    assert not Windows("2017-10-26", campaign_start="2017-10-10").anchored("history")
    assert not Windows("2017-10-26", campaign_start="2017-10-26").anchored("pre-week")
    assert not Windows("2017-10-26").anchored("pre-week")


@pytest.mark.parametrize(
    "day",
    [
        "2017-10-26",
        datetime.date(2017, 10, 26),
        pd.Timestamp("2017-10-26 23:30", tz="Asia/Dubai"),  # 19:30 of the same day in UTC
        pd.Timestamp("2017-10-26 01:30", tz="Asia/Dubai"),  # 21:30 of the day before in UTC
        np.datetime64("2017-10-26T12"),
    ],
)
def test_a_day_is_the_local_day(day):
    """The clock on the wall decides, not the clock of Greenwich."""
    assert Windows(day).event_start == pd.Timestamp("2017-10-26")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"event_start": "2017-10-26", "event_end": "2017-10-25"},
            "event_end 2017-10-25 is before event_start 2017-10-26",
        ),
        (
            {"event_start": "2017-10-26", "campaign_start": "2017-10-27"},
            "campaign_start 2017-10-27 is after event_start 2017-10-26",
        ),
        (
            {"event_start": "2017-10-26", "history_start": "2017-10-26"},
            "history_start 2017-10-26 is not before event_start 2017-10-26",
        ),
        (
            {"event_start": "26 October 2017"},
            "event_start '26 October 2017' is not a date: write it as 2017-10-26",
        ),
        ({"event_start": "26/13/2017"}, "event_start '26/13/2017' is not a date: write it as 2017-10-26"),
        ({"event_start": None}, "event_start None is not a date: write it as 2017-10-26"),
        (
            {"event_start": "2017-10-26", "excluded": ("2017-10-02", "Eid")},
            "excluded 'Eid' is not a date: write it as 2017-10-26",
        ),
        (
            {"event_start": "2017-10-26", "wait_days": -1},
            "wait_days is -1: give a whole number of days, 0 for none",
        ),
        ({"event_start": "2017-10-26", "baseline_days": 0}, "baseline_days is 0: give at least 1"),
        (
            {"event_start": "2017-10-26", "baseline_days": True},
            "baseline_days is True: give a whole number of days",
        ),
        (
            {"event_start": "2017-10-26", "baseline_days": "seven"},
            "baseline_days is 'seven': give a whole number of days",
        ),
        (
            {"event_start": "2017-10-26", "baseline_days": 7.5},
            "baseline_days is 7.5: give a whole number of days",
        ),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Windows(**arguments)
    assert str(caught.value) == message


def test_an_unknown_baseline_is_refused():
    with pytest.raises(ValueError, match=r"^baseline 'week' is unknown: give one of pre-week, history$"):
        Windows("2017-10-10").past(pd.Series(1.0, index=DAYS), "week")
    with pytest.raises(ValueError, match=r"^baseline 'week' is unknown: give one of pre-week, history$"):
        Windows("2017-10-10").ordinary(DAYS, "week")
