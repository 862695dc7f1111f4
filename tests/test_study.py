"""A study's parameters and its daily data."""

from __future__ import annotations

import os
import re
from datetime import date

import pandas as pd
import pytest
import yaml

from analysis.ledger import shown
from analysis.preflight import refuse_unfit
from analysis.storage import write
from analysis.study import ROOT, Study


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
        ("title: x\nevent_start: 2017-02-31", "a date or number that does not exist"),
        ("title: x\nevent_start: '2017-02-31'", "is not a day of the calendar"),
        ("title: x\nevent_start: 2017-10-26 09:00:00", "has a time of day"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: abc", "baseline_days is 'abc'"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: '7'", "baseline_days is '7'"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: true", "baseline_days is True"),
        ("title: x\nevent_start: 2017-10-26\nbaseline_days: 0", "greater than or equal to 1"),
        ("title: x\nevent_start: 2017-10-26\ncountry: NO", "country is read as false: put it in quotes"),
        (
            "title: x\nevent_start: 2017-10-26\ncountry: Norway",
            "country is 'Norway': write a code such as AE or GB-SCT",
        ),
        ("title: x\nevent_start: 2017-10-26\nwait_days: -1", "wait_days is -1"),
        ("title: x\nevent_start: 2017-10-26\nwait_day: 1", "did you mean wait_days?"),
        ("title: x\nevent_start: 2017-10-26\ndonors: Riga", "donors is 'Riga'"),
        ("title: x\nevent_start: 2017-10-26\noffline_channels: [1]", "offline_channels.0 is 1, not text"),
        ("title: x\nevent_start: 2017-10-26\nconfidence: 95", "confidence is 95"),
        ("title: x\nevent_start: 2017-10-26\nmetrics: [1]", "metrics.0 is 1, not text"),
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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("baseline_day", "baseline_days"),
        ("campain_start", "campaign_start"),
        ("donor", "donors"),
        ("seeds", "seed"),
    ],
)
def test_a_misspelt_parameter_of_a_notebook_is_refused(name, meant):
    """papermill sets it all the same; the study would silently keep its default."""
    value = {"baseline_days": 14, "campaign_start": "2017-09-23", "donors": ["Riga"], "seed": 1}[meant]
    with pytest.raises(ValueError, match=f"^parameters: {name} is unknown: did you mean {meant}\\?$"):
        Study.from_parameters({"event_start": "2017-10-26", name: value})


def test_names_of_a_notebook_that_are_no_parameters_are_left_alone():
    """Modules, functions, frames, and what a kernel holds under an underscore."""
    names = {
        "event_start": "2017-10-26",
        "ledger_": pd,
        "_seed": 1,
        "donor": pd.Series([1.0]),
        "first": "count",
    }
    assert Study.from_parameters(names) == Study.from_parameters({"event_start": "2017-10-26"})


def test_days_to_wait_reach_the_windows(tmp_path):
    """Two after a campaign, none without one, and as many as the study says."""
    study = "title: x\nevent_start: 2017-10-26\n"
    campaign = study + "campaign_start: 2017-09-23\n"
    assert [load(tmp_path, text).windows.waiting for text in (study, campaign)] == [0, 2]
    assert load(tmp_path, campaign + "wait_days: 0").windows.waiting == 0
    assert load(tmp_path, study + "wait_days: 3").windows.waiting == 3


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
    real = shown.daily_panel
    monkeypatch.setattr(shown, "daily_panel", lambda *a, **k: calls.append(1) or real(*a, **k))
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


def test_offline_channels_are_those_that_the_study_names(tmp_path, study):
    """Payments of a channel that is named as a service centre are no digital ones."""
    kiosks = STUDY.replace("[counter]", "[counter, app]")
    # without the app: three of web on the eve less one, one of web on the day
    assert load(tmp_path, kiosks).daily("count").tolist() == [2, 1]
    assert load(tmp_path, kiosks).daily("digital_share").tolist() == pytest.approx([2 / 4, 1 / 3])
    online = load(tmp_path, STUDY.replace("offline_channels: [counter]\n", ""))
    with pytest.warns(UserWarning, match=r"payments of every channel count \(app, counter, web\)"):
        assert online.daily("count").tolist() == [4, 3]


def test_donors_are_entities_that_did_not_take_part(tmp_path, study):
    """Each is a column of its own, whether or not it is among the participants."""
    one = load(tmp_path, STUDY + "participants: [Water]\ndonors: [Health]\n")
    assert one.daily("count").tolist() == [1, 1]
    assert one.untouched("count").to_dict("list") == {"Health": [2, 1]}
    with pytest.raises(ValueError, match="'Helth' is not an entity of the ledger: did you mean Health"):
        load(tmp_path, STUDY + "donors: [Helth]").untouched("count")
    with pytest.raises(ValueError, match="the study has no donors: name units"):
        study.untouched("count")


def test_donors_of_daily_figures_are_columns(tmp_path):
    (tmp_path / "daily.csv").write_text("date,count,Riga,Quito\n2017-10-25,5,1,2\n2017-10-26,6,3,4\n")
    daily = "title: x\nevent_start: 2017-10-26\nledger: daily.csv\ndonors: [Riga, Quito]\n"
    assert load(tmp_path, daily).untouched("count").to_dict("list") == {"Riga": [1, 3], "Quito": [2, 4]}


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


def test_a_ledger_without_the_event_s_day_is_refused(tmp_path):
    ROWS[ROWS["paid_at"] < "2017-10-26"].to_parquet(tmp_path / "ledger.parquet")
    with pytest.raises(ValueError, match="no payment on 2017-10-26"):
        load(tmp_path, STUDY).daily("count")


FIGURES = "date,births,Riga\n" + "".join(f"2020-01-{day:02},{100 + day},{day}\n" for day in range(1, 21))


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        (
            "daily",
            "event_start: 2021-01-15",
            "2021-01-15 is outside the data; daily.csv runs from 2020-01-01 to",
        ),
        ("daily", "event_start: 2020-01-20\nevent_end: 2020-01-21", "2020-01-21 is outside the data"),
        ("daily", "editions: [2019-01-15, 2020-01-15]", "2019-01-15 is outside the data"),
        (
            "daily",
            "event_start: 2020-01-15\nbaseline_days: 30",
            "baseline_days is 30, and 14 days of data come",
        ),
        (
            "daily",
            "event_start: 2020-01-15\nhistory_start: 2020-01-12",
            "baseline_days is 7, and 3 days of data",
        ),
        ("daily", "event_start: 2020-01-15\ncountry: ZZ", "country 'ZZ' is unknown: write its ISO 3166 code"),
        (
            "daily",
            "event_start: 2020-01-15\ncountry: GB-SCO",
            "country 'GB-SCO' has no part 'SCO': write GB-SCT",
        ),
        (
            "daily",
            "event_start: 2020-01-15\nmetrics: [birth]",
            "metrics: 'birth' is not a measure; did you mean births",
        ),
        (
            "daily",
            "event_start: 2020-01-15\nmeasures: {birth: {label: births}}",
            "measures: 'birth' is not a column",
        ),
        (
            "daily",
            "event_start: 2020-01-15\ndonors: [Rigga]",
            "donors: 'Rigga' is not a column; did you mean Riga?",
        ),
        (
            "daily",
            "event_start: 2020-01-15\ncovariates: [rain]",
            "covariates: 'rain' is not a column; there are Riga",
        ),
        ("daily", "event_start: 2020-01-15\nparticipants: [Riga]", "participants are entities of a ledger"),
        (
            "daily",
            "event_start: 2020-01-15\noffline_channels: [web]",
            "offline_channels are labels of a ledger",
        ),
        ("ledger", "event_start: 2017-10-27", "no payment on 2017-10-27, the day of the event"),
        ("ledger", "metrics: [visits]", "metrics: 'visits' is not a metric of a ledger; there are count"),
        ("no amount", "metrics: [ticket]", "metric ticket needs amount, which the ledger lacks"),
        ("no payer", "metrics: [payers]", "metric payers needs payer_id, which the ledger lacks"),
        (
            "ledger",
            "offline_channels: [desk]",
            "offline_channels: 'desk' is not a channel; there are app, counter, web",
        ),
        ("no channel", "", "offline_channels needs the ledger's channel; map it in columns"),
        ("ledger", "participants: [Watr]", "participants: 'Watr' is not an entity; did you mean Water?"),
        ("ledger", "donors: [Helth]", "donors: 'Helth' is not an entity; did you mean Health?"),
        ("ledger", "participants: [Water]\ndonors: [Water]", "'Water' is both a participant and a donor"),
        ("no entity", "donors: [Health]", "donors needs the ledger's entity; map it in columns"),
        (
            "ledger",
            "metrics: [digital_share]\noffline_channels: []",
            "metric digital_share needs offline_channels",
        ),
    ],
)
def test_what_a_study_asks_of_data_that_lack_it_is_refused_before_anything_runs(tmp_path, data, more, said):
    (tmp_path / "daily.csv").write_text(FIGURES)
    lacking = {"no amount": "amount", "no payer": "payer_id", "no channel": "channel", "no entity": "entity"}
    ROWS.drop(columns=lacking.get(data, [])).to_parquet(tmp_path / "ledger.parquet")
    values = {"title": "x", "ledger": "daily.csv"}
    if data != "daily":
        values = {
            "title": "x",
            "ledger": "ledger.parquet",
            "offline_channels": ["counter"],
            "baseline_days": 1,
        }
        values["event_start"] = date(2017, 10, 26)
    study = load(tmp_path, yaml.safe_dump(values | (yaml.safe_load(more) or {})))
    with pytest.raises(ValueError, match=re.escape(said)) as fault:
        refuse_unfit(study)
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) < 300


def test_channels_of_which_nothing_is_said_are_asked_about(tmp_path, study):
    """Left out, every payment would silently count as digital; an empty list is an answer."""
    asked = STUDY.replace("offline_channels: [counter]\n", "baseline_days: 1\n")
    with pytest.raises(ValueError, match=r"which of the channels app, counter, web are service centres\?"):
        refuse_unfit(load(tmp_path, asked))
    with pytest.warns(UserWarning, match="payments of every channel count"):
        refuse_unfit(load(tmp_path, asked + "offline_channels: []"))


def test_a_day_without_a_figure_is_no_day_of_an_event(tmp_path):
    (tmp_path / "daily.csv").write_text(FIGURES.replace("2020-01-15,115,15\n", ""))
    study = load(tmp_path, "title: x\nevent_start: 2020-01-15\nledger: daily.csv")
    with pytest.raises(ValueError, match="no births on 2020-01-15, the day of the event"):
        refuse_unfit(study)


@pytest.mark.parametrize("country", ["GB-SCT", "US-CA", "AE"])
def test_parts_of_countries_are_accepted(tmp_path, country):
    (tmp_path / "daily.csv").write_text(FIGURES)
    text = f"title: x\nevent_start: 2020-01-15\nledger: daily.csv\ncountry: {country}"
    refuse_unfit(load(tmp_path, text))
    assert load(tmp_path, text).windows.country == country


def test_the_report_refuses_before_it_runs_a_notebook(tmp_path, monkeypatch):
    from analysis.report import assembly, runs

    monkeypatch.setattr(runs, "execute", lambda *_: pytest.fail("a notebook ran"))
    (tmp_path / "daily.csv").write_text(FIGURES)
    load(tmp_path, "title: x\nevent_start: 2021-01-15\nledger: daily.csv")
    with pytest.raises(ValueError, match="2021-01-15 is outside the data"):
        assembly.build(tmp_path / "study.yaml", out=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(("payers", "large"), [(30, True), (8, False)])
def test_entities_too_small_to_be_shown_are_none(tmp_path, payers, large):
    """Report 06 would have nobody left to name; it is left out, and the others are made."""
    days = pd.date_range("2017-10-01", periods=30).repeat(2 * payers)
    rows = pd.DataFrame({"paid_at": days, "payer_id": [f"p{i % (2 * payers)}" for i in range(len(days))]})
    rows["entity"] = ["Water", "Health"] * (len(days) // 2)
    rows.to_parquet(tmp_path / "ledger.parquet")
    study = load(tmp_path, "title: x\nevent_start: 2017-10-26\nledger: ledger.parquet\n")
    assert ("entity" in study.has) == large


@pytest.mark.parametrize(
    ("channels", "more", "has"),
    [
        (["counter", "app"], "country: AE", {"single", "ramadan"}),
        (["counter", "app"], "country: GB\neditions: [2017-06-15, 2017-06-22]", {"editions"}),
        (["counter", "app", "website"], "", {"single", "channel"}),
        (["app", "website"], "", {"single", "channel"}),
        (["app"], "", {"single"}),
    ],
)
def test_what_sentences_ask_of_a_study(tmp_path, channels, more, has):
    """Another edition, a second digital channel and Ramadan are spoken of where the study has them."""
    rows = pd.DataFrame({"paid_at": pd.date_range("2017-06-01", periods=30).repeat(20 * len(channels))})
    rows["payer_id"] = [f"p{i % 600}" for i in range(len(rows))]
    rows["channel"] = channels * (len(rows) // len(channels))
    rows.to_parquet(tmp_path / "ledger.parquet")
    offline = "offline_channels: [counter]\n" if "counter" in channels else ""
    study = load(tmp_path, f"title: x\nevent_start: 2017-06-22\nledger: ledger.parquet\n{offline}{more}\n")
    assert study.has & {"single", "editions", "channel", "ramadan"} == has


def test_an_empty_ledger_is_no_folder(tmp_path):
    for empty in ('""', '" "'):
        with pytest.raises(ValueError, match="ledger is empty: write the path of a file, or leave it out"):
            load(tmp_path, f"title: x\nevent_start: 2020-01-15\nledger: {empty}")


def test_faults_of_daily_figures_whose_days_are_named(tmp_path):
    (tmp_path / "daily.csv").write_text(FIGURES.replace("date,", "jour,"))
    assert (
        load(tmp_path, "title: x\nevent_start: 2020-01-15\nledger: daily.csv\ncolumns: {date: jour}").faults()
        == []
    )
