"""The command line, as it is typed: what is printed, with which exit code."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from analysis.__main__ import cli

ROOT = Path(__file__).parents[1]
KEYS = (
    "estimator estimand metric event_start event_end observed expected expected_low expected_high absolute "
    "absolute_low absolute_high relative relative_low relative_high p_value level days_used warnings"
).split()


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], prog_name="python -m analysis")


def found(*words: object) -> dict:
    """The JSON that a command prints, read as strictly as any other program would."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def refusal(*words: object) -> str:
    """The one line that says what was wrong."""
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def daily(tmp_path: Path) -> Path:
    """28 days of 100 and 104 by turns, then an event day of 130."""
    days = pd.date_range("2021-03-01", periods=29).strftime("%Y-%m-%d")
    values = [100, 104] * 14 + [130]
    path = tmp_path / "daily.csv"
    pd.DataFrame({"date": days, "calls": values}).to_csv(path, index=False)
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Two payments a day for 28 days, three on the event, under foreign names."""
    days = [day for day in pd.date_range("2021-03-01", periods=29) for _ in range(2)] + [
        pd.Timestamp("2021-03-29")
    ]
    frame = pd.DataFrame(
        {
            "id": [f"T{i}" for i in range(len(days))],
            "when": [f"{day:%Y-%m-%d} 10:00:00" for day in days],
            "body": "Customs",
            "how": "web",
            "aed": [10.0 + i % 2 for i in range(len(days))],
        }
    )
    path = tmp_path / "payments.csv"
    frame.to_csv(path, index=False)
    return path


FOREIGN = (
    "--columns transaction_id=id --columns paid_at=when --columns entity=body --columns channel=how "
    "--columns amount=aed"
).split()


def test_estimate_prints_every_key_of_the_contract(daily):
    effect = found("estimate", daily, "--event", "2021-03-29", "--estimator", "day_before")
    assert list(effect) == KEYS
    assert (effect["observed"], effect["expected"], effect["absolute"]) == (130, 104, 26)
    assert effect["relative"] == pytest.approx(0.25)
    assert (effect["metric"], effect["event_start"], effect["event_end"]) == (
        "calls",
        "2021-03-29",
        "2021-03-29",
    )


def test_level_widens_the_interval_and_moves_nothing_else(daily):
    narrow, wide = (
        found("estimate", daily, "--event", "2021-03-29", "--level", level) for level in (0.8, 0.99)
    )
    assert wide["absolute_low"] < narrow["absolute_low"] < narrow["absolute"] == wide["absolute"]
    assert wide["p_value"] == narrow["p_value"]


def test_infinite_numbers_are_null(tmp_path):
    days = pd.date_range("2021-03-01", periods=29).strftime("%Y-%m-%d")
    path = tmp_path / "zeros.csv"
    pd.DataFrame({"date": days, "calls": [0, 1, 0, 0, 2, 0, 0] * 4 + [3]}).to_csv(path, index=False)
    effect = found("estimate", path, "--event", "2021-03-29", "--estimator", "pre_week_mean")
    assert effect["relative_high"] is None


def test_estimate_tells_people_the_same(daily):
    result = run("estimate", daily, "--event", "2021-03-29", "--estimator", "day_before")
    assert result.exit_code == 0
    assert "130" in result.stdout
    assert "104" in result.stdout
    assert "25" in result.stdout
    assert "day_before" in result.stdout


def test_estimate_reads_a_ledger_with_foreign_names(ledger):
    plain = found("estimate", ledger, "--event", "2021-03-29", *FOREIGN, "--estimator", "day_before")
    assert (plain["metric"], plain["observed"], plain["expected"]) == ("count", 3, 2)
    value = found(
        "estimate",
        ledger,
        "--event",
        "2021-03-29",
        *FOREIGN,
        "--metric",
        "value",
        "--estimator",
        "day_before",
    )
    assert (value["observed"], value["expected"]) == (31, 21)  # 10 + 11 + 10 against 10 + 11


def test_the_sentence_speaks_of_what_the_user_says(ledger, daily):
    def sentence(*words: object) -> str:
        told = run("estimate", *words, "--event", "2021-03-29", "--estimator", "day_before")
        assert told.exit_code == 0, told.stderr
        return told.stdout.partition("\n")[0]

    assert "there were 3.00 payments" in sentence(ledger, *FOREIGN)
    value = [ledger, *FOREIGN, "--metric", "value"]
    assert "payments were worth 31, " in sentence(*value)
    assert "payments were worth GBP 31," in sentence(*value, "--currency", "GBP")
    assert "fees paid: GBP 31," in sentence(*value, "--currency", "GBP", "--label", "fees paid")
    assert "there were 3.00 hires" in sentence(ledger, *FOREIGN, "--label", "hires", "--currency", "GBP")
    assert "there were 130 bicycle hires" in sentence(daily, "--label", "bicycle hires")
    assert "calls: INR 130," in sentence(daily, "--currency", "INR")


def test_channels_are_offline_only_where_the_user_says_so(ledger):
    frame = pd.read_csv(ledger)
    frame.loc[::2, "how"] = "till"
    frame.to_csv(ledger, index=False)
    words = ["estimate", ledger, "--event", "2021-03-29", *FOREIGN, "--estimator", "day_before"]
    whole, split = run(*words), run(*words, "--offline-channel", "till")
    assert "there were 3.00 payments" in whole.stdout
    assert "payments of every channel count (till, web); name offline ones: --offline" in whole.stderr
    assert "digital" not in whole.output
    assert "there were 1.00 digital payments" in split.stdout
    assert split.stderr == ""
    near = refusal(*words, "--offline-channel", "tills")
    assert "'till' looks like 'tills'" in near


def test_estimates_of_a_simulated_ledger_say_so(tmp_path):
    assert (
        run("simulate", "--out", tmp_path / "small.parquet", "--rows", 20000, "--entities", 2).exit_code == 0
    )
    told = run("estimate", tmp_path / "small.parquet", "--event", "2017-10-26", "--estimator", "day_before")
    assert told.stdout.startswith("In the synthetic data: ")


def test_check_counts_faults_and_says_so_in_its_exit_code(ledger):
    clean = run("check", ledger, *FOREIGN)
    assert clean.exit_code == 0, clean.output
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("T7,", "T6,"), encoding="utf-8")
    faulty = run("check", ledger, *FOREIGN)
    assert faulty.exit_code == 1
    assert "T6" in faulty.stdout
    assert re.search(r"row \d+", faulty.stdout)


def test_simulate_writes_the_truth_beside_a_ledger_that_passes_check(tmp_path):
    out = tmp_path / "small.parquet"
    made = run("simulate", "--out", out, "--rows", 20000, "--entities", 4, "--days", 365, "--seed", 1)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "small.truth.json").exists()
    assert run("check", out).exit_code == 0


def test_bounds_reproduce_the_announcement():
    bounds = found("bounds")
    assert bounds["headline"]["relative"] == pytest.approx(55 / 42.2 - 1)
    trend = next(entry for entry in bounds["by_assumption"] if entry["assumption"] == "trend-line")
    assert trend["relative_low"] < -0.13
    assert trend["relative_high"] > 0.46
    assert "+30.3%" in run("bounds").stdout


def test_power_says_what_the_next_edition_could_show(tmp_path):
    """Noise of 1 % and a fifth: nothing under a few per cent can be shown, and 60 % surely."""
    noise = [0, 3, -2, 1, -1, 2, -3, 0, 1, -2, 3, -1, 2]
    values = [1000 + 10 * noise[i % len(noise)] for i in range(200)]
    path = tmp_path / "calls.csv"
    days = pd.date_range("2021-01-04", periods=200).strftime("%Y-%m-%d")
    pd.DataFrame({"date": days, "calls": values}).to_csv(path, index=False)
    told = found("power", path, "--event", "2021-07-20", "--power", 0.9)
    assert (told["metric"], told["power"]) == ("calls", 0.9)
    assert {1, 2, 3, 5} == {design["length"] for design in told["designs"]}
    assert all(0.01 < design["simulated"] < 0.6 for design in told["designs"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["estimate", "DAILY", "--event", "2021-05-01"], ["2021-05-01", "2021-03-01", "2021-03-29"]),
        (["estimate", "DAILY", "--event", "29/3"], ["29/3", "2017-10-26"]),
        (
            ["estimate", "DAILY", "--event", "2021-03-29", "--estimator", "day_bfore"],
            ["day_bfore", "day_before"],
        ),
        (["estimate", "DAILY", "--event", "2021-03-29", "--level", "95"], ["95", "0.95"]),
        (["estimate", "DAILY", "--evnt", "2021-03-29"], ["--evnt", "--event"]),
        (["estimate", "DAILY"], ["--event"]),
        (["estimate", "nowhere.csv", "--event", "2021-03-29"], ["nowhere.csv"]),
        (["estimate", "DAILY", "--event", "2021-03-29", "--columns", "paid_at"], ["paid_at", "NAME=FOREIGN"]),
        (["estmate"], ["estmate", "estimate"]),
        (["report", "nowhere.yaml"], ["nowhere.yaml"]),
        (["bounds", "nowhere.csv"], ["nowhere.csv"]),
        (["check", "nowhere.parquet"], ["nowhere.parquet"]),
    ],
)
def test_wrong_use_is_said_in_one_line(daily, words, said):
    line = refusal(*(daily if word == "DAILY" else word for word in words))
    assert all(word in line for word in said), line


def test_every_command_and_option_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        row = next((line for line in readme.splitlines() if line.startswith(f"| `{name}")), "")
        assert row, f"README's table of commands lacks {name}"
        for option in command.params:
            if isinstance(option, click.Option):
                assert any(f"`{flag}" in row for flag in option.opts), (
                    f"README: {name} lacks {option.opts[0]}"
                )
        assert command.help
        assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_help_loads_nothing_heavy():
    # What makes a start slow: the half second that pandas and matplotlib take.
    heavy = "{'numpy', 'pandas', 'matplotlib', 'statsmodels', 'pydantic', 'papermill'}"
    code = "import sys; from analysis.__main__ import cli\n"
    code += f"try: cli(['--help'])\nfinally: print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "analysis", "estimate"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_tube_strike_agrees_with_saberi(reference_data):
    """Saberi et al. 2018: 38,886 hires a day before the strike of 9 July 2015, 72,503 on it: +33.6 thousand."""
    path = reference_data / "tfl_cycle_hire" / "daily.csv"
    effect = found("estimate", path, "--event", "2015-07-09", "--country", "GB")
    assert effect["absolute_low"] < 72503 - 38886 < effect["absolute_high"]
    assert effect["p_value"] < 0.01


def test_upi_s_bank_strike_has_no_clear_effect(reference_data):
    path = reference_data / "upi_rbi_daily" / "daily.csv"
    for column in ("Vol", "Val"):
        effect = found("estimate", path, "--event", "2020-11-26", "--country", "IN", "--value-column", column)
        assert abs(effect["relative"]) < 0.15
        assert effect["p_value"] > 0.01


def test_cdnow_transactions_enter_as_they_are(reference_data, tmp_path):
    """69,659 transactions under foreign names; an ordinary day is found ordinary."""
    source = reference_data / "cdnow" / "CDNOW_master.txt"
    path = tmp_path / "cdnow.csv"
    path.write_text(re.sub(r"[ \t]+", ",", re.sub(r"(?m)^ +", "", source.read_text())), encoding="utf-8")
    columns = "--columns paid_at=date --columns payer_id=customer_id --columns amount=dollar_value".split()
    for metric in ("count", "value", "payers"):
        effect = found(
            "estimate", path, "--event", "1998-03-12", "--country", "US", "--metric", metric, *columns
        )
        assert 0 < effect["expected"] < 3 * effect["observed"]
        assert effect["p_value"] > 0.001


def readme_examples() -> list[tuple[list[str], str]]:
    """Each command of README's that estimates, and what stands below it."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    examples = []
    for number, line in enumerate(lines):
        if line.startswith("    $ .venv/bin/python -m analysis estimate"):
            below = list(itertools.takewhile(lambda text: text.startswith("    "), lines[number + 1 :]))
            examples.append((line.split()[4:], " ".join(" ".join(below).split())))
    return examples


@pytest.mark.parametrize(("words", "output"), readme_examples())
def test_readme_s_examples_print_what_it_says(words, output, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert " ".join(result.stdout.split()) == output


def test_readme_s_python_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)[1]
    names: dict = {}
    exec(block, names)
    assert -0.13 < names["effect"].relative < -0.03


def test_editions_pool_to_what_is_published_for_halloween():
    """Levy, Chung & Slade 2011: about -11 % over 1996-2006, weekends apart."""
    words = [word for year in range(2000, 2015) for word in ("--event", f"{year}-10-31")]
    pooled = found("estimate", ROOT / "data" / "raw" / "us_births.csv", *words, "--country", "US")
    assert -0.13 < pooled["relative"] < -0.10
    assert pooled["relative_low"] < -0.11 < pooled["relative_high"]


def test_donors_and_covariates_are_columns_of_daily_figures(tmp_path):
    days = pd.date_range("2021-01-01", periods=90)
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 20, 90).cumsum()
    frame = pd.DataFrame({"date": days, "calls": 1000 + shared + rng.normal(0, 5, 90), "other": 800 + shared})
    frame.loc[89, "calls"] += 200
    path = tmp_path / "two.csv"
    frame.to_csv(path, index=False)
    alone = found("estimate", path, "--event", "2021-03-31", "--metric", "calls")
    for option, name in (("--donor", "difference_in_differences"), ("--covariate", "gls")):
        words = ["estimate", path, "--event", "2021-03-31", "--metric", "calls", option, "other"]
        beside = found(*words, "--estimator", name)
        assert beside["absolute_low"] < 200 < beside["absolute_high"]
        width = beside["absolute_high"] - beside["absolute_low"]
        assert width < 0.6 * (alone["absolute_high"] - alone["absolute_low"])
        assert "other2" in refusal(*words[:-1], "other2", "--estimator", name)
