"""The calendar: as taken in the UAE, by the package elsewhere."""

import subprocess
import sys
import time

import holidays
import pandas as pd
import pytest

from analysis import days


def feature(day, name, country="AE"):
    return days.features(pd.DatetimeIndex([day]), country)[name].iloc[0]


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2017-10-26", True),  # the day without service centres, a Thursday
        ("2017-10-27", False),  # Friday, weekend
        ("2017-10-29", True),  # Sunday, first day of the week then
        ("2017-09-21", False),  # Islamic New Year as taken; the package says Friday 22
        ("2017-06-28", True),  # offices reopened after Eid al-Fitr
        ("2017-09-04", True),  # and after Eid al-Adha
        ("2017-12-03", False),  # National Day carried to Sunday for the public sector
        ("2018-08-20", False),  # a whole week for Eid al-Adha
        ("2018-08-26", True),
        ("2006-08-31", False),  # Thursday, still a weekend
        ("2021-12-31", False),  # Friday, the last of its kind
        ("2022-01-07", True),  # Friday, a half day
        ("2022-01-09", False),  # Sunday, weekend from 2022 on
        ("2017-10-26 23:59", True),
    ],
)
def test_working_days_of_the_uae_are_those_of_the_time(day, working):
    assert feature(day, "working") == working


def test_no_holiday_fell_near_the_initiative():
    october = days.features(pd.date_range("2017-09-23", "2017-11-29"), "AE")
    assert (october["holiday"] == "").all()
    assert october["payday"][lambda flag: flag].index.strftime("%m-%d").tolist() == [
        "09-28",
        "10-31",
        "11-29",
    ]


def test_calendar_names_its_own_weekdays():
    for row in days._read("calendar_uae.csv"):
        assert f"{pd.Timestamp(row['date']):%a}" == row["weekday"], row


def test_ramadan_lasts_a_month_and_ends_where_eid_begins():
    rows = days._read("ramadan_uae.csv")
    for row in rows:
        assert (pd.Timestamp(row["end"]) - pd.Timestamp(row["start"])).days + 1 in (29, 30), row
    year = days.features(pd.date_range("2017-01-01", "2017-12-31"), "AE")
    ramadan = year.index[year["ramadan"]]
    assert (ramadan[0], ramadan[-1]) == (pd.Timestamp("2017-05-27"), pd.Timestamp("2017-06-24"))
    assert not days.features(ramadan, "GB")["ramadan"].any()


def test_month_end_counts_down_to_zero_and_payday_is_a_working_day():
    year = days.features(pd.date_range("2016-01-01", "2018-12-31"), "AE")
    assert (year["month_day"] + year["month_days_left"] == year.index.days_in_month).all()
    paydays = year[year["payday"]]
    assert len(paydays) == 36
    assert paydays["working"].all()
    assert "2017-08-30" in paydays.index  # 31 August was Arafat Day


def test_other_countries_agree_with_the_package():
    span = pd.date_range("2015-01-01", "2016-12-31")
    package = holidays.country_holidays("GB", subdiv="ENG", years=(2015, 2016))
    mine = days.features(span, "GB")
    assert mine["working"].tolist() == [package.is_working_day(day) for day in span.date]
    assert mine.loc["2015-08-31", "holiday"]
    assert not feature("2015-08-31", "holiday", "GB-SCT")
    assert feature("2021-01-26", "holiday", "IN") == "Republic Day"


def test_weekend_regimes_are_numbered_in_time():
    span = pd.DatetimeIndex(["2006-08-31", "2006-09-01", "2021-12-31", "2022-01-01"])
    assert days.features(span, "AE")["regime"].tolist() == [0, 1, 1, 2]
    assert days.features(span, "US")["regime"].tolist() == [0, 0, 0, 0]


def test_a_calendar_of_plain_weeks_has_no_holidays():
    """They are what days have of whom no country is given, as in `Windows`."""
    year = days.features(pd.date_range("2017-01-01", "2017-12-31"))
    assert year["working"].equals(year["weekday"] < 5)
    assert (year["holiday"] == "").all()
    assert not year["ramadan"].any()
    assert not feature("2017-10-29", "working", None)  # a Sunday, on which the Emirates worked


def test_order_zone_and_repetition_do_not_matter():
    span = pd.date_range("2017-09-01", "2017-10-31")
    whole = days.features(span, "AE")
    shuffled = span[[40, 3, 3, 17]]
    pd.testing.assert_frame_equal(days.features(shuffled, "AE"), whole.loc[shuffled])
    zoned = days.features((span + pd.Timedelta(hours=1)).tz_localize("Asia/Dubai"), "AE")
    assert (zoned.to_numpy() == whole.to_numpy()).all()
    assert days.features(span[:0], "AE").columns.tolist() == whole.columns.tolist()


def test_writing_into_the_answer_leaves_the_calendar_alone():
    span = pd.date_range("2017-10-01", "2017-10-31")
    mine = days.features(span, "AE")
    mine["working"] = False
    mine.loc["2017-10-26", "holiday"] = "mine"
    assert feature("2017-10-26", "working")
    assert feature("2017-10-26", "holiday") == ""


@pytest.mark.parametrize(
    ("country", "words"),
    [("UAE", "such as AE"), ("UK", "such as GB"), ("GB-SCO", "write GB-SCT"), ("ZZZ", "ISO 3166")],
)
def test_an_unknown_country_is_refused_in_one_line(country, words):
    with pytest.raises(ValueError, match=words) as caught:
        feature("2017-10-26", "working", country)
    assert "\n" not in str(caught.value)


def test_a_missing_date_is_refused():
    with pytest.raises(ValueError, match="missing"):
        days.features(pd.DatetimeIndex(["2017-10-26", None]))


def test_a_year_of_features_takes_under_a_millisecond_when_warm():
    span = pd.date_range("2016-11-01", periods=365)
    days.features(span, "AE")
    best = min(_seconds(lambda: days.features(span, "AE")) for _ in range(20))
    assert best < 1e-3


def test_the_package_is_imported_only_when_needed():
    code = "import sys, analysis.days; print('holidays' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
