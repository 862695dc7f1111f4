"""From a file to a study's parameters: what `new` recognises, asks for and writes."""

from __future__ import annotations

import re
import shlex
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.__main__ import cli
from analysis.proposal import look, odd_days
from analysis.study import Study

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ANALYSIS_CACHE", str(tmp_path_factory.mktemp("cache")))


def new(folder, data, *words, keys=None):
    """What `new` printed, and the study that it wrote; `keys` are typed on a terminal."""
    path = folder / "mine.yaml"
    done = CliRunner().invoke(cli, ["new", str(path), "--data", str(data), *words], input=keys)
    assert done.exit_code == 0, done.stderr
    return done.output, Study.load(path)


def refusal(folder, data, *words):
    done = CliRunner().invoke(cli, ["new", str(folder / "mine.yaml"), "--data", str(data), *words])
    assert done.exit_code == 2, done.output
    assert re.fullmatch(r"error: .{1,293}\n", done.stderr), done.stderr
    assert [file.name for file in folder.iterdir() if "mine" in file.name] == []
    return done.stderr


HINDI = dict(
    zip(
        ("transaction_id", "paid_at", "entity", "channel", "amount", "payer_id"),
        ("लेनदेन आईडी", "दिनांक", "विभाग", "माध्यम", "राशि (INR)", "ग्राहक आईडी"),
        strict=True,
    )
)
ARABIC = dict(
    zip(
        ("transaction_id", "paid_at", "entity", "channel", "amount", "payer_id"),
        ("رقم المعاملة", "تاريخ الدفع", "الجهة", "القناة", "المبلغ", "رقم العميل"),
        strict=True,
    )
)
FRENCH = dict(
    zip(
        ("transaction_id", "paid_at", "entity", "channel", "amount", "payer_id"),
        ("Numéro de reçu", "Date de paiement", "Organisme", "Canal", "Montant payé", "Id client"),
        strict=True,
    )
)


def payments(headers, branch="शाखा", days=200, seed=1):
    """A ledger of payments by two entities with Hindi and Arabic names at a branch and on a website."""
    draw = np.random.default_rng(seed)
    start, rows = date(2023, 1, 1), []
    for number in range(days):
        for _ in range(draw.poisson(20)):
            rows.append(
                {
                    "transaction_id": f"t{len(rows)}",
                    "paid_at": f"{start + timedelta(number)} {draw.integers(8, 20):02}:15:00",
                    "entity": ("जल विभाग", "بلدية دبي")[draw.integers(2)],
                    "channel": ("वेबसाइट", branch)[draw.integers(2)],
                    "amount": f"{draw.gamma(2, 50):.2f}",
                    "payer_id": f"p{draw.integers(500)}",
                }
            )
    return pd.DataFrame(rows).rename(columns=headers)


@pytest.mark.parametrize("headers", [HINDI, ARABIC, FRENCH], ids=["hi", "ar", "fr"])
def test_a_ledger_under_foreign_headers(tmp_path, headers):
    payments(headers).to_csv(tmp_path / "ledger.csv", index=False)
    words = "--event 2023-06-15 --event-end 2023-06-16 --offline-channel शाखा --timezone Asia/Kolkata"
    told, study = new(tmp_path, tmp_path / "ledger.csv", *words.split())
    assert study.columns == headers
    assert study.offline_channels == ["शाखा"]
    assert (study.country, study.currency, study.timezone) == ("IN", "INR", "Asia/Kolkata")
    assert (study.event_start, study.event_end) == (date(2023, 6, 15), date(2023, 6, 16))
    assert study.ledger == "ledger.csv"  # beside the study, so that both can be moved
    assert re.search(r"entity: 2 \((जल विभाग, بلدية دبي|بلدية دبي, जल विभाग)\)", told)
    assert {"count", "value", "payers", "ticket", "digital_share"} == set(study.measured)
    assert "200 days, 2023-01-01 to 2023-07-19" in told


@pytest.mark.parametrize("headers", [HINDI, ARABIC, FRENCH], ids=["hi", "ar", "fr"])
def test_check_and_estimate_recognise_what_new_does(tmp_path, headers):
    """The same payments under our names and under foreign ones give the same faults and the same effect."""
    own, foreign = tmp_path / "own.csv", tmp_path / "foreign.csv"
    payments({}).to_csv(own, index=False)
    payments(headers).to_csv(foreign, index=False)
    run = CliRunner().invoke
    words = ["--event", "2023-06-15", "--metric", "value", "--offline-channel", "शाखा", "--json"]
    ours, theirs = (run(cli, ["estimate", str(path), *words]) for path in (own, foreign))
    assert (ours.exit_code, theirs.stdout) == (0, ours.stdout)
    assert "by their usual names; say others with --columns" in theirs.stderr
    checked = run(cli, ["check", str(foreign)])
    assert (checked.exit_code, checked.stdout) == (0, f"{foreign}: no faults\n")
    assert f"paid_at is {headers['paid_at']!r}" in checked.stderr


def test_a_ledger_that_only_seems_one_is_asked_about_with_the_columns_to_give(tmp_path):
    """Without identifiers a foreign header could be that of daily figures: many rows a day tell."""
    rows = payments(FRENCH).drop(columns=[FRENCH["transaction_id"], FRENCH["payer_id"]])
    rows.to_csv(tmp_path / "ledger.csv", index=False)
    done = CliRunner().invoke(cli, ["estimate", str(tmp_path / "ledger.csv"), "--event", "2023-06-15"])
    flags = "--columns 'paid_at=Date de paiement' --columns 'amount=Montant payé' --columns channel=Canal"
    assert done.exit_code == 2
    assert f"many rows a day like a ledger; map its columns with {flags}" in done.stderr
    again = ["estimate", str(tmp_path / "ledger.csv"), "--event", "2023-06-15", *shlex.split(flags)]
    assert CliRunner().invoke(cli, again).exit_code == 0
    assert (
        new(tmp_path, tmp_path / "ledger.csv", "--event", "2023-06-15", "--yes")[1].columns["channel"]
        == "Canal"
    )


def test_daily_figures_with_a_number_of_each_row_are_no_ledger(tmp_path):
    days = pd.DataFrame({"date": pd.date_range("2023-01-01", periods=60), "id": range(60), "total": 7.5})
    days.to_csv(tmp_path / "daily.csv", index=False)
    words = ["estimate", str(tmp_path / "daily.csv"), "--event", "2023-02-20", "--json"]
    assert "several measures (id, total)" in CliRunner().invoke(cli, words).stderr
    assert new(tmp_path, tmp_path / "daily.csv", "--event", "2023-02-20")[1].is_daily


@pytest.mark.parametrize(
    "branch",
    ["counter", "Service Centre 3", "شباك الدفع", "مركز خدمة المتعاملين", "Guichet", "शाखा", "Teller"],
)
def test_what_looks_offline_is_asked_about_and_taken_only_by_yes(tmp_path, branch):
    payments({}, branch).to_csv(tmp_path / "ledger.csv", index=False)
    event = ("--event", "2023-06-15")
    asked = refusal(tmp_path, tmp_path / "ledger.csv", *event)
    assert f"likely --offline-channel '{branch}', or say --offline-channel none" in asked
    assert new(tmp_path, tmp_path / "ledger.csv", *event, "--yes")[1].offline_channels == [branch]
    none = new(tmp_path, tmp_path / "ledger.csv", *event, "--offline-channel", "none", "--force")[1]
    assert none.offline_channels == []


def test_a_ledger_of_which_no_channel_looks_offline_is_asked_about_too(tmp_path):
    payments({}, "app").to_csv(tmp_path / "ledger.csv", index=False)
    asked = refusal(tmp_path, tmp_path / "ledger.csv", "--event", "2023-06-15")
    assert "in which does one pay in person? name each with --offline-channel" in asked


def test_births_need_the_event_alone(tmp_path):
    told, study = new(tmp_path, ROOT / "data" / "raw" / "us_births.csv", "--event", "2013-10-31")
    assert study.is_daily
    assert study.measured == ["births"]
    assert (study.measures["births"].kind, study.measures["births"].label) == ("count", {"en": "births"})
    assert (study.country, study.currency, study.timezone) == (None, None, None)
    assert "5,479 days, 2000-01-01 to 2014-12-31" in told
    assert "2008-12-25 -5" in told  # Christmas is odd
    assert "no country: weeks are plain" in told
    assert f"python -m analysis report {tmp_path / 'mine.yaml'}" in told
    text = (tmp_path / "mine.yaml").read_text(encoding="utf-8")
    commented = [line for line in text.splitlines() if re.match(r"(# )?\w+: ", line) and "  # " in line]
    assert len(commented) >= 8


def test_several_events_are_editions(tmp_path):
    words = [word for year in (2012, 2010, 2011) for word in ("--event", f"{year}-10-31")]
    study = new(tmp_path, ROOT / "data" / "raw" / "us_births.csv", *words, "--country", "US-CA")[1]
    assert [span[0].year for span in study.editions] == [2010, 2011, 2012]
    assert (study.event_start, study.country) == (date(2012, 10, 31), "US-CA")


def test_hires_of_london(tmp_path, reference_data):
    data = reference_data / "tfl_cycle_hire" / "daily.csv"
    told, study = new(tmp_path, data, "--event", "2015-07-09", "--event", "2015-08-06", "--country", "GB")
    assert study.measured == ["hires"]
    assert len(study.every_edition) == 2
    assert "2022-09-11 -100%" in told  # the scheme was shut


def test_payments_of_india_are_two_measures(tmp_path, reference_data):
    data = reference_data / "upi_rbi_daily" / "daily.csv"
    study = new(tmp_path, data, "--event", "2020-11-26", "--country", "IN")[1]
    assert study.measured == ["Vol", "Val"]
    assert [study.measures[name].kind for name in study.measured] == [
        "sum",
        "sum",
    ]  # lakhs and crores, not rupees
    mapped = new(
        tmp_path, data, "--event", "2020-11-26", "--columns", "count=Vol", "--columns", "value=Val", "--force"
    )
    assert mapped[1].measured == ["count", "value"]
    assert mapped[1].daily("value").loc["2020-06-01"] == 10413.11


def test_orders_of_cdnow_are_a_ledger(tmp_path, reference_data):
    data = reference_data / "cdnow" / "CDNOW_master.txt"
    told, study = new(tmp_path, data, "--event", "1998-03-12", "--country", "US")
    assert study.columns == {"paid_at": "date", "amount": "dollar_value", "payer_id": "customer_id"}
    assert study.currency == "USD"  # of the country
    assert study.measured == ["count", "value", "payers", "ticket"]
    assert study.daily("count").sum() == 69_659
    assert "not used: number_of_cds" in told


def test_columns_of_groups_wide_and_long(tmp_path):
    days = pd.date_range("2023-01-01", periods=60)
    wide = pd.DataFrame({"Jour": days, "Riga": range(60), "Quito": range(100, 160)})
    wide.to_csv(tmp_path / "wide.csv", index=False)
    event = ("--event", "2023-02-20")
    assert new(tmp_path, tmp_path / "wide.csv", *event)[1].measured == ["Riga", "Quito"]
    long = wide.melt("Jour", var_name="entity", value_name="amount")
    long.to_csv(tmp_path / "long.csv", index=False)  # two columns of a ledger's names, and no ledger
    told, study = new(tmp_path, tmp_path / "long.csv", *event, "--force")
    assert study.is_daily
    assert study.daily("amount").iloc[1] == 1 + 101
    assert "amount by entity: 2 (Quito, Riga)" in told


def test_one_measure_of_several_by_group(tmp_path):
    days = pd.date_range("2023-01-01", periods=60)
    both = pd.concat([pd.DataFrame({"day": days, "place": p, "sales": 2.5, "visits": 4}) for p in "ab"])
    both.to_csv(tmp_path / "long.csv", index=False)
    assert "--value-column" in refusal(tmp_path, tmp_path / "long.csv", "--event", "2023-02-20")
    study = new(tmp_path, tmp_path / "long.csv", "--event", "2023-02-20", "--value-column", "visits")[1]
    assert study.measured == ["visits"]
    assert study.daily("visits").iloc[0] == 8


def test_hours_are_summed_to_days(tmp_path):
    hours = pd.date_range("2023-01-01", periods=60 * 24, freq="h")
    pd.DataFrame({"time": hours, "calls": 2}).to_csv(tmp_path / "hours.csv", index=False)
    told, study = new(tmp_path, tmp_path / "hours.csv", "--event", "2023-02-20")
    assert study.daily("calls").iloc[0] == 48
    assert "one row every 60 minutes, summed to days" in told


@pytest.mark.parametrize("kind", ["parquet", "xlsx", "sqlite"])
def test_other_kinds_of_file(tmp_path, kind):
    rows = payments({"paid_at": "Payment date"}).drop(columns="channel")
    path = tmp_path / f"ledger.{kind}"
    if kind == "sqlite":
        import sqlite3

        pytest.importorskip("adbc_driver_sqlite", reason="databases are an extra: pip install .[sql]")
        with sqlite3.connect(path) as database:
            rows.to_sql("payments", database, index=False)
    else:
        getattr(rows, {"parquet": "to_parquet", "xlsx": "to_excel"}[kind])(path, index=False)
    study = new(tmp_path, path, "--event", "2023-06-15")[1]
    assert study.columns == {"paid_at": "Payment date"}
    assert study.daily("count").sum() == len(rows)


def test_notation_that_can_be_read_two_ways_is_asked_about(tmp_path):
    """With how many rows each choice reads, and what they add up to."""
    rows = payments({}, days=60).assign(amount="1,250").drop(columns="channel")
    rows.to_csv(tmp_path / "ledger.csv", index=False)
    event = ("--event", "2023-02-20")
    asked = refusal(tmp_path, tmp_path / "ledger.csv", *event)
    assert "'1,250' can be read as 1250 or as 1.25" in asked
    assert "--decimal" in asked
    told, study = new(tmp_path, tmp_path / "ledger.csv", *event, "--decimal", ".")
    assert f"amount with decimal '.': {len(rows):,} rows, sum {1250 * len(rows):,}.00 (taken)\n" in told
    assert f"amount with decimal ',': {len(rows):,} rows, sum {1.25 * len(rows):,.2f}\n" in told
    assert study.decimal == "."


def test_orders_of_day_and_month_are_counted(tmp_path):
    days = pd.date_range("2023-01-01", periods=60).strftime("%d/%m/%Y")
    rows = pd.DataFrame({"date": days, "amount": 5.0, "customer": range(60)})
    pd.concat([rows, rows]).to_csv(tmp_path / "ledger.csv", index=False)
    told = new(tmp_path, tmp_path / "ledger.csv", "--event", "2023-02-20")[0]
    assert "date day-first: 120 rows, 2023-01-01 to 2023-03-01 (taken)\n" in told
    assert re.search(
        r"date month-first: 50 rows, \S+ to \S+\n", told
    )  # 12 + 12 + 1 days of month 1 to 12, twice


def test_refunds_are_asked_about(tmp_path):
    rows = payments({}, days=60).drop(columns="channel")
    rows.loc[3, "amount"] = "-4.00"
    rows.to_csv(tmp_path / "ledger.csv", index=False)
    asked = refusal(tmp_path, tmp_path / "ledger.csv", "--event", "2023-02-20")
    assert "say --refunds if they are refunds" in asked
    assert new(tmp_path, tmp_path / "ledger.csv", "--event", "2023-02-20", "--refunds")[1].refunds


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which day was the event? say it with --event"),
        (("--event", "31/10/2013"), "--event '31/10/2013' is not a day: write it as 2017-10-26"),
        (("--event", "2016-10-31"), "2016-10-31 is outside the data; us_births.csv runs from 2000-01-01 to"),
        (("--event", "2013-10-31", "--country", "UK"), "country 'UK' is unknown"),
        (("--event", "2013-10-31", "--timezone", "Dubai"), "timezone 'Dubai' is unknown"),
        (
            ("--event", "2013-10-31", "--event-end", "2013-10-30"),
            "event_end 2013-10-30 is before event_start",
        ),
        (
            ("--event", "2013-10-31", "--event", "2012-10-31", "--event-end", "2013-11-01"),
            "leave out --event-end",
        ),
        (("--event", "2013-10-31", "--offline-channel", "desk"), "us_births.csv has no channel"),
        (("--event", "2013-10-31", "--columns", "date=jour"), "no column 'jour'"),
        (
            ("--event", "2013-10-31", "--currency", "dollars"),
            "currency is 'dollars': write a code such as AED",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(tmp_path, words, said):
    assert said in refusal(tmp_path, ROOT / "data" / "raw" / "us_births.csv", *words)


def test_a_study_is_not_overwritten_without_force(tmp_path):
    (tmp_path / "mine.yaml").write_text("title: precious")
    words = [
        "new",
        str(tmp_path / "mine"),
        "--data",
        str(ROOT / "data/raw/us_births.csv"),
        "--event",
        "2013-10-31",
    ]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "exists: give another name, or --force" in done.stderr
    assert (tmp_path / "mine.yaml").read_text() == "title: precious"
    assert CliRunner().invoke(cli, [*words, "--force"]).exit_code == 0
    assert Study.load(tmp_path / "mine.yaml").measured == ["births"]


def test_headers_that_a_terminal_would_obey_are_told_harmlessly(tmp_path):
    days = pd.date_range("2023-01-01", periods=60)
    hostile = "x\x1b[31m\nevent_start: 1999-01-01 #: {"
    pd.DataFrame({"day": days, hostile: range(60)}).to_csv(tmp_path / "d.csv", index=False)
    told, study = new(tmp_path, tmp_path / "d.csv", "--event", "2023-02-20")
    assert study.event_start == date(2023, 2, 20)
    assert study.measured == [hostile]
    assert "\x1b" not in told + (tmp_path / "mine.yaml").read_text()


def test_on_a_terminal_only_what_is_open_is_asked(tmp_path, monkeypatch):
    payments({}).to_csv(tmp_path / "ledger.csv", index=False)
    monkeypatch.setattr("analysis.console.on_terminal", lambda: True)
    keys = "IN\n2023-06-15\nशाखा\ny\n"  # the country, the event, the offline channel, write it
    told, study = new(tmp_path, tmp_path / "ledger.csv", keys=keys)
    assert (study.country, study.event_start, study.offline_channels) == ("IN", date(2023, 6, 15), ["शाखा"])
    assert "likely --offline-channel 'शाखा'" in told


def test_no_is_no(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.console.on_terminal", lambda: True)
    words = [
        "new",
        str(tmp_path / "mine"),
        "--data",
        str(ROOT / "data/raw/us_births.csv"),
        "--event",
        "2013-10-31",
    ]
    done = CliRunner().invoke(cli, words, input="\nn\n")
    assert (done.exit_code, list(tmp_path.iterdir())) == (1, [])


def test_odd_days_are_told_by_their_weekday():
    """A Saturday as busy as a weekday is odd, and an ordinary Saturday is not."""
    days = pd.date_range("2023-01-02", periods=20 * 7)
    series = pd.Series(np.where(days.day_of_week < 5, 100.0, 10.0), index=days)
    series["2023-03-04"] = 100  # a Saturday
    assert odd_days(series).to_dict() == {pd.Timestamp("2023-03-04"): 9.0}


def test_the_reading_is_told_in_words(tmp_path):
    rows = payments({})
    rows[~rows["paid_at"].str.startswith(("2023-03-05", "2023-03-06"))].to_csv(
        tmp_path / "l.csv", index=False
    )
    facts = "\n".join(look(tmp_path / "l.csv").facts)
    assert "nothing on 2 days in between: 2023-03-05, 2023-03-06" in facts
    assert "faults: 1, the first: l.csv, paid_at: nothing on 2023-03-05 to 2023-03-06" in facts
    assert re.search(r"channel: 2 \((वेबसाइट, शाखा|शाखा, वेबसाइट)\)", facts)


PAGE = (ROOT / "notebooks" / "BRING_YOUR_OWN.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## Troubleshooting")[2], re.M)


def blocks():
    """Each command of the page, and what it says is printed below."""
    for block in re.finditer(r"```sh\n\.venv/bin/python -m analysis (.*)\n```\n\n((?:    .*\n)*)", PAGE):
        yield shlex.split(block[1]), [line[4:] for line in block[2].splitlines()]


def test_the_page_s_walk_prints_what_it_says(tmp_path, monkeypatch):
    """In order, as a newcomer types them; the report in one language and one notebook."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    commands = list(blocks())
    assert [words[0] for words, _ in commands] == ["check", "new", "report", "new", "estimate"]
    assert PAGE.count("python -m analysis ") == len(commands) + 1  # one is in the output of another
    for words, output in commands:
        done = CliRunner().invoke(
            cli, words + (["--only", "02", "--jobs", "1"] if words[0] == "report" else [])
        )
        assert done.exit_code == 0, done.stderr
        assert done.stdout.splitlines()[: len(output)] == output
    assert (tmp_path / "reports" / "my-halloween" / "index.html").exists()
    assert len(Study.load(tmp_path / "my-halloween.yaml").editions) == 4


def test_the_page_names_every_flag_and_only_those():
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE))
    flags = {flag for command in cli.commands.values() for option in command.params for flag in option.opts}
    assert named <= flags
    own = {flag for option in cli.commands["new"].params for flag in option.opts if flag.startswith("--")}
    assert own - named <= {"--date-column"}  # it is found by its contents


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_of_the_page_are_those_of_the_code(message):
    """A newcomer searches for what she reads: the fixed words of each must stand in some module."""
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src" / "analysis").rglob("*.py"))
    words = re.split(r"\b\d[\d.,]*\b|--columns", message)
    assert all(part.strip() in re.sub(r'"\s*\n\s*f?"', "", code) for part in words), message


def test_on_a_terminal_a_notation_is_asked_for_with_what_each_reads(tmp_path, monkeypatch):
    rows = payments({}, days=60).assign(amount="1,250").drop(columns="channel")
    rows.to_csv(tmp_path / "ledger.csv", index=False)
    monkeypatch.setattr("analysis.console.on_terminal", lambda: True)
    told, study = new(tmp_path, tmp_path / "ledger.csv", "--event", "2023-02-20", keys=".\n\ny\n")
    asked = told[: told.index("--decimal: ")]
    assert f"amount with decimal ',': {len(rows):,} rows" in asked
    assert (study.decimal, study.country) == (".", None)


def test_what_stands_in_the_way_is_said_with_a_flag_that_new_has(tmp_path):
    """A workbook of two sheets, and days of a daily file that can be read two ways."""
    days = pd.DataFrame({"date": pd.date_range("2023-01-01", periods=40), "amount": range(40)})
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        for sheet in "ab":
            days.to_excel(book, sheet_name=sheet, index=False)
    event = ("--event", "2023-02-01")
    assert "sheets a, b hold data; save the one that counts" in refusal(
        tmp_path, tmp_path / "two.xlsx", *event
    )
    days.assign(date=["03/04/2017", "04/05/2017"] * 20).to_csv(tmp_path / "open.csv", index=False)
    asked = refusal(tmp_path, tmp_path / "open.csv", *event)
    assert "open.csv, date: '03/04/2017' can be read two ways, as 2017-04-03 or as 2017-03-04" in asked


def test_a_day_twice_in_daily_figures_makes_them_no_ledger(tmp_path):
    days = pd.DataFrame({"date": pd.date_range("2023-01-01", periods=40), "amount": range(40)})
    pd.concat([days, days.tail(1)]).to_csv(tmp_path / "twice.csv", index=False)
    assert "is also in row 40; keep one row a day" in refusal(
        tmp_path, tmp_path / "twice.csv", "--event", "2023-02-01"
    )
