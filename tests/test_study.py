"""A study's parameters and its daily data."""

from __future__ import annotations

import os
from datetime import date

import pandas as pd
import pytest

from analysis import ledger
from analysis.study import ROOT, Study, write


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANALYSIS_CACHE", str(tmp_path / "cache"))


def load(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return Study.load(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel: x\ntitle: y\nevent_start: 2017-10-26", "titel is not a parameter: did you mean title?"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_day: 7", "did you mean baseline_days?"),
        ("title: x", "event_start is missing"),
        ("title: 007\nevent_start: 2017-10-26", 'title is 7, not text: put it in quotes, "7"'),
        (
            "title: x\nevent_start: 26/10/2017",
            "event_start '26/10/2017' is not a date: write it as 2017-10-26",
        ),
        ("title: x\nevent_start: 20171026", "event_start 20171026 is not a date"),
        ("title: x\nevent_start: 2017-02-31", "a date that does not exist"),
        ("title: x\nevent_start: '2017-02-31'", "is not a day of the calendar"),
        ("title: x\nevent_start: 2017-10-26 09:00:00", "has a time of day"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: abc", "baseline_days is 'abc'"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: '7'", "baseline_days is '7'"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: true", "baseline_days is True"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: 0", "greater than or equal to 1"),
        ("title: x\nevent_start: 2017-10-26\ncountry: NO", "country is read as false: put it in quotes"),
        (
            "title: x\nevent_start: 2017-10-26\ncountry: Norway",
            "country is 'Norway': write a code such as AE",
        ),
        ("title: x\nevent_start: 2017-10-26\nconfidence: 95", "confidence is 95"),
        ("title: x\nevent_start: 2017-10-26\nmetrics: [counts]", "metrics.0 is 'counts'"),
        ("title: x\nevent_start: 2017-10-26\ntimezone: Dubai", "timezone 'Dubai' is not a time zone"),
        ("title: x\ntitle: y\nevent_start: 2017-10-26", "line 2: title is given twice"),
        ("- a", "holds no parameters"),
        ("title: 'x", "line 1"),
    ],
)
def test_a_faulty_file_is_refused_in_one_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=r"study\.yaml") as fault:
        load(tmp_path, text)
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)


def test_every_fault_is_told_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"title is missing; .*baseline_days.*; ledgr is not a parameter"):
        load(tmp_path, "event_start: 2017-10-26\nbaseline_days: -1\nledgr: x")


def test_dubai_is_the_day_of_the_announcement():
    study = Study.load(ROOT / "notebooks" / "dubai-2017.yaml")
    assert study.name == "dubai-2017"
    assert (study.event_start, study.campaign_start) == (date(2017, 10, 26), date(2017, 9, 23))
    assert len(study.windows.campaign_days) == 33  # 23 September to 25 October
    assert study.windows.baseline[0] == pd.Timestamp("2017-10-19")


def test_a_notebook_gives_dates_as_text_and_only_what_it_declares():
    study = Study.from_parameters({"event_start": "2017-10-26", "In": [], "pd": pd, "baseline_days": 5})
    assert study.event_start == date(2017, 10, 26)
    assert study.baseline_days == 5
    assert study.confidence == 0.95
    with pytest.raises(ValueError, match="baseline_days is 'abc'"):
        Study.from_parameters({"event_start": "2017-10-26", "baseline_days": "abc"})


def test_periods_out_of_order_are_refused_by_the_windows(tmp_path):
    study = load(tmp_path, "title: x\nevent_start: 2017-10-26\nevent_end: 2017-10-25")
    with pytest.raises(ValueError, match="event_end 2017-10-25 is before event_start 2017-10-26"):
        study.windows  # noqa: B018


ROWS = pd.DataFrame(
    {
        "transaction_id": list("abcdefg"),
        "paid_at": pd.to_datetime(["2017-10-25 09:00"] * 4 + ["2017-10-26 10:00"] * 3),
        "entity": ["Water", "Water", "Health", "Health", "Water", "Health", "Health"],
        "channel": ["web", "counter", "app", "web", "web", "app", "counter"],
        "amount": [10.0, 90.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        "payer_id": ["p", "q", "p", "r", "p", "s", "s"],
    }
)
STUDY = "title: x\nevent_start: 2017-10-26\nledger: ledger.parquet\noffline_channels: [counter]\n"


@pytest.fixture
def study(tmp_path):
    ROWS.to_parquet(tmp_path / "ledger.parquet")
    return load(tmp_path, STUDY)


def test_daily_metrics_are_those_of_digital_channels(study):
    # 25 October: web 10, app 20, web 30 by p, p, r; one counter payment of 4
    assert study.daily("count").tolist() == [3, 2]
    assert study.daily("value").tolist() == [60, 90]
    assert study.daily("payers").tolist() == [2, 2]
    assert study.daily("ticket").tolist() == [20, 45]
    assert study.daily("digital_share").tolist() == pytest.approx([3 / 4, 2 / 3])


def test_the_ledger_is_read_once_until_it_changes(study, tmp_path, monkeypatch):
    calls = []
    real = ledger.daily_panel
    monkeypatch.setattr(ledger, "daily_panel", lambda *a, **k: calls.append(1) or real(*a, **k))
    first = study.panel(("entity",))
    again = load(tmp_path, STUDY).panel(("entity",))
    pd.testing.assert_frame_equal(first, again)
    assert len(calls) == 1
    ROWS.iloc[:5].to_parquet(tmp_path / "ledger.parquet")
    os.utime(tmp_path / "ledger.parquet", ns=(1, 1))
    assert load(tmp_path, STUDY).panel(("entity",))["count"].sum() == 5
    assert len(calls) == 2


def test_only_participants_count(study, tmp_path):
    assert load(tmp_path, STUDY + "participants: [Water]").daily("value").tolist() == [10, 40]
    with pytest.raises(ValueError, match="'Watr' is not an entity of the ledger: did you mean Water"):
        load(tmp_path, STUDY + "participants: [Watr]").daily("value")


def test_a_missing_ledger_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv does not exist: check `ledger`"):
        load(tmp_path, "title: x\nevent_start: 2017-10-26\nledger: nowhere.csv").source  # noqa: B018


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "x.txt"
    write(target, "old")

    def fail(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(target, fail)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.txt"]


def test_a_name_that_resembles_a_parameter_is_refused():
    """papermill sets an unknown name all the same, and nothing would use it."""
    given = {"event_start": "2017-10-26", "campaing_start": "2017-09-23"}
    with pytest.raises(ValueError, match="campaing_start is unknown: did you mean campaign_start"):
        Study.from_parameters(given)


def test_waiting_offline_channels_and_donors_reach_the_windows_and_the_ledger(study, tmp_path):
    assert load(tmp_path, STUDY + "wait_days: 3\n").windows.waiting == 3
    all_digital = load(tmp_path, STUDY.replace("[counter]", "[nowhere]"))
    with pytest.warns(UserWarning, match="no channel is offline"):
        assert all_digital.daily("count").tolist() == [4, 3]
    wide = load(tmp_path, STUDY + "donors: [Water]\n").untouched("value")
    assert wide["Water"].tolist() == [10, 40]
    with pytest.raises(ValueError, match="the study has no donors"):
        study.untouched("value")


def test_a_ledger_without_the_event_s_day_is_refused(tmp_path):
    ROWS[ROWS["paid_at"] < "2017-10-26"].to_parquet(tmp_path / "ledger.parquet")
    with pytest.raises(ValueError, match="no payment on 2017-10-26"):
        load(tmp_path, STUDY).daily("count")
