"""The simulated ledger: calibrated on every published figure, true to its account, the same for a seed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from simulated import frame

from analysis import fingerprint, simulate
from analysis.published.announcement import figures
from analysis.simulate import rows, synthetic
from analysis.simulate.accounts import drawn, expected
from analysis.simulate.payers import Payers
from analysis.simulate.world import CHANNELS, COMPONENTS, DUBAI, RECIPE, rates

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import dubai_parameters

EVENT, EVE = pd.Timestamp("2017-10-26"), pd.Timestamp("2017-10-25")
SMALL = {"days": 40, "entities": 3, "rows": 5_000}


def frame_of(seed: int = 2017, **world: float) -> pd.DataFrame:
    return frame(simulate.year(seed, **world))


@pytest.fixture(scope="module")
def mean() -> pd.DataFrame:
    return frame(expected(DUBAI))


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return frame_of(seed=1)


@pytest.fixture(scope="module")
def digital(mean: pd.DataFrame) -> pd.DataFrame:
    """Digital means a day."""
    return mean[mean["channel"] != "counter"].groupby("date")[["count", "value"]].sum()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, dict]:
    """A ledger of 200,000 payments, its panel and its truth."""
    path = tmp_path_factory.mktemp("ledger") / "small.parquet"
    simulate.simulate(path, rows=200_000, seed=5)
    return pd.read_parquet(path), json.loads(path.with_name("small.truth.json").read_text())


def by_channel(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return frame.groupby(["date", "channel"], observed=True)[list(columns)].sum()


# The mean year against what was published. "Week" is Friday 20 to Thursday 26 October, the day included.


def test_the_mean_day_shows_the_published_figures(digital):
    day, eve = digital.loc[EVENT], digital.loc[EVE]
    assert day["count"] == pytest.approx(31_000, abs=500)
    assert day["value"] == pytest.approx(55e6, abs=0.5e6)
    assert eve["value"] == pytest.approx(42.2e6, abs=0.05e6)
    assert day["value"] / eve["value"] - 1 == pytest.approx(0.30, abs=0.005)


def test_the_mean_week_shows_the_published_figures_and_rises_every_day(digital):
    week = digital.loc["2017-10-20":"2017-10-26"]
    assert len(week) == 7
    assert week["count"].mean() == pytest.approx(26_600, abs=50)
    assert week["value"].mean() == pytest.approx(35e6, abs=0.5e6)
    assert (week.diff().iloc[1:] > 0).all(axis=None)


def test_the_mean_year_shows_the_published_totals_and_the_assumed_share_of_counters(mean, digital):
    assert digital["count"].sum() == pytest.approx(9.4e6, abs=0.05e6)
    assert 11e9 < digital["value"].sum() < 12e9  # about US$ 3 bn, at 3.6725 dirhams
    assert round(digital["value"].sum() / 3.6725e9) == 3
    counters = mean.loc[mean["channel"] == "counter", "count"].sum()
    assert counters / mean["count"].sum() == pytest.approx(0.2, abs=0.005)
    assert mean["entity"].nunique() == 36


def test_targets_are_the_published_figures():
    published = figures()
    for target, figure in {
        "count on the day": "count_event",
        "value on the day": "value_event",
        "value on the eve": "value_day_before",
        "mean count of the week": "count_week_mean",
        "mean value of the week": "value_week_mean",
    }.items():
        row = published.loc[figure]
        assert RECIPE["targets"][target] == [row["value"], row["precision"]]


@pytest.mark.slow
def test_calibration_finds_the_kept_parameters():
    found = dubai_parameters.calibrate()
    for name in RECIPE["free"]:
        kept = np.array(getattr(DUBAI, name))
        np.testing.assert_allclose(getattr(found, name), kept, rtol=1e-3, atol=1e-4, err_msg=name)


# The account.


@pytest.mark.parametrize(
    "make",
    [lambda: frame(expected(DUBAI)), frame_of, lambda: frame_of(rows=20_000, effect=1.0)],
    ids=["mean", "drawn", "nearly empty cells"],
)
def test_components_add_up_in_every_cell(make):
    frame = make()
    np.testing.assert_allclose(frame[list(COMPONENTS)].sum(axis=1), frame["count"], atol=1e-6)
    values = frame[[f"{name}_value" for name in COMPONENTS]].sum(axis=1)
    np.testing.assert_allclose(values, frame["value"], rtol=1e-9, atol=1e-3)
    assert (frame[["count", "value", "baseline", "baseline_value"]] >= 0).all(axis=None)
    assert len(frame) == 365 * 36 * 4


def test_substitution_and_displacement_sum_to_zero(year):
    for name in ("from_counters", "lasting"):
        per_day = year.groupby(["date", "entity"], observed=True)[[name, f"{name}_value"]].sum()
        assert (per_day[name] == 0).all()
        np.testing.assert_allclose(per_day[f"{name}_value"], 0, atol=1e-3)
    for name in ("from_other_days", "to_other_days"):
        per_entity = year.groupby("entity", observed=True)[[name, f"{name}_value"]].sum()
        assert (per_entity[name] == 0).all()
        np.testing.assert_allclose(per_entity[f"{name}_value"], 0, atol=1e-3)
    assert (year.loc[year["date"] > EVENT, "from_other_days"] <= 0).all()
    assert year.loc[year["date"] > EVENT, "from_other_days"].sum() < 0  # made early
    assert year.loc[year["date"] < EVENT, "from_other_days"].sum() < 0  # waited for the day


def test_gain_of_the_day_and_fate_of_the_turned_away(year):
    day = by_channel(year[year["date"] == EVENT], "count", *COMPONENTS).loc[EVENT]
    counter, online = day.loc["counter"], day.drop("counter").sum()
    assert counter["count"] == 0
    gain = online["count"] - online["baseline"] - online["campaign"]
    assert gain == online["from_counters"] + online["from_other_days"] + online["new"]
    turned_away = counter["baseline"] + counter["campaign"]
    assert turned_away == -(counter["from_counters"] + counter["to_other_days"] + counter["lost"])
    net = year["count"].sum() - year[["baseline", "campaign"]].sum(axis=1).sum()
    assert net == online["new"] + counter["lost"]


def test_initiative_touches_no_day_before_its_announcement(year):
    before = year[year["date"] < "2017-09-23"]
    assert (before["count"] == before["baseline"]).all()
    after = year[year["date"] > EVENT]
    assert (after[["campaign", "new", "lost", "from_counters"]] == 0).all(axis=None)


def test_lasting_share_halves_by_its_half_life():
    lasting = rates(DUBAI).lasting[299:]  # from 27 October on
    assert lasting[0] == DUBAI.lasting
    assert lasting[30] == pytest.approx(DUBAI.lasting / 2)  # half_life is 30 days


def test_drawn_years_average_to_the_expectation():
    draws = [drawn(DUBAI, seed) for seed in range(60)]
    wanted = expected(DUBAI)
    for part in ("count", "value"):
        got = np.stack([getattr(draw, part).sum(2) for draw in draws])  # component, day, channel
        want, error = getattr(wanted, part).sum(2), got.std(0, ddof=1) / np.sqrt(len(draws))
        miss = (got.mean(0) - want)[error > 0] / error[error > 0]
        # A fair spread for 60 draws; rare events of one customer make the tails longer than normal.
        assert abs(miss.mean()) < 0.15, part
        assert 0.8 < np.median(np.abs(miss)) / 0.6745 < 1.25, part


# Properties of a drawn year.


def test_counts_vary_more_than_poisson_and_the_common_shock_remembers(mean, year):
    cells = mean["count"] > 5
    pearson = ((year["count"] - mean["count"]) ** 2 / mean["count"])[cells].mean()
    assert pearson > 1.2
    daily = (year.groupby("date")["count"].sum() / mean.groupby("date")["count"].sum()).apply(np.log)
    assert daily.autocorr() > 0.3
    assert 0.015 < daily.std() < 0.05


def test_weekend_is_friday_and_saturday_and_counters_keep_it(year):
    shares = year.pivot_table(index="date", columns="channel", values="count", aggfunc="sum", observed=True)
    weekday = shares.groupby(shares.index.day_name()).mean()
    online = weekday.drop(columns="counter").sum(axis=1)
    assert set(online.nsmallest(2).index) == {"Friday", "Saturday"}
    assert weekday.loc[["Friday", "Saturday"], "counter"].sum() == 0
    assert shares.loc["2017-09-21", "counter"] == 0  # Islamic New Year, as taken


def test_few_entities_carry_the_value_and_others_the_count(mean):
    online = mean[mean["channel"] != "counter"].groupby("entity", observed=True)[["count", "value"]].sum()
    share = online / online.sum()
    by_value, by_count = share["value"].nlargest(5), share["count"].nlargest(5)
    assert by_value.sum() > 0.5
    assert by_count.sum() > 0.4
    assert len(by_value.index.intersection(by_count.index)) <= 1
    ticket = online["value"] / online["count"]
    assert ticket.max() / ticket.min() > 50


# The size of the effect.


def test_null_effect_is_truly_null():
    null, year = frame_of(seed=9, effect=0.0), frame_of(seed=9)
    assert (null[list(COMPONENTS[1:])] == 0).all(axis=None)
    np.testing.assert_array_equal(null["count"], year["baseline"])  # the same world, untouched
    counter = null[(null["channel"] == "counter") & (null["date"] == EVENT)]
    assert counter["count"].sum() > 5_000


@pytest.mark.parametrize("effect", [0.02, 0.1, 0.3, 1.5])
def test_effect_is_the_relative_gain_in_digital_payments(effect):
    model = simulate.with_effect(DUBAI, effect)
    found = simulate.effects(expected(model))
    assert found["pre-week"]["count"]["relative"] == pytest.approx(effect)
    assert found["history"]["count"]["relative"] > effect
    drawn_effect = simulate.effects(drawn(model, 3))["pre-week"]["count"]["relative"]
    assert drawn_effect == pytest.approx(effect, rel=0.1)


# The ledger.


def test_ledger_and_panel_agree_in_every_cell(ledger):
    frame, _ = ledger
    panel = frame_of(seed=5, rows=200_000).set_index(["date", "entity", "channel"])
    cells = frame.groupby([frame["paid_at"].dt.normalize(), "entity", "channel"])["amount"]
    counts, values = cells.size(), cells.sum()
    panel.index = panel.index.set_levels(
        [panel.index.levels[0], *(level.astype(str) for level in panel.index.levels[1:])]
    )
    np.testing.assert_array_equal(counts.reindex(panel.index, fill_value=0), panel["count"])
    gap = (values.reindex(panel.index, fill_value=0) - panel["value"]).abs()
    assert (gap <= 0.005 * panel["count"] + 1e-6).all()
    assert len(frame) == 200_000


def test_ledger_keeps_its_contract(ledger):
    frame, _ = ledger
    columns = ["transaction_id", "paid_at", "entity", "service", "channel", "amount", "payer_id"]
    assert list(frame) == columns
    assert frame["transaction_id"].is_unique
    assert frame["paid_at"].is_monotonic_increasing
    assert frame["paid_at"].dt.tz is None
    assert set(frame["channel"]) == set(CHANNELS)
    assert (frame["amount"] >= 0).all()
    np.testing.assert_array_equal(frame["amount"].round(2), frame["amount"])
    assert not frame.isna().any(axis=None)
    assert frame["service"].nunique() > 1_000
    assert frame.groupby("service")["entity"].nunique().max() == 1
    assert frame["entity"].str.endswith("(synthetic)").all()


def test_counters_take_payments_in_their_hours_only(ledger):
    frame, _ = ledger
    at = frame.loc[frame["channel"] == "counter", "paid_at"]
    hour = at.dt.hour + at.dt.minute / 60
    assert hour.min() >= 7.5
    assert hour.max() < 14.5
    ramadan = at.between("2017-05-27", "2017-06-24")
    assert hour[ramadan].min() >= 9
    assert hour[ramadan].max() < 14
    night = frame["paid_at"].dt.hour.isin([1, 2, 3, 4])
    assert 0 < night.mean() < 0.06


def test_payers_are_few_or_many_times_there(ledger):
    frame, _ = ledger
    activity = frame["payer_id"].value_counts()
    assert frame["payer_id"].str.fullmatch("P[0-9a-f]{8}").all()
    assert activity.iloc[0] > 50 * activity.median()
    # Counter customers keep their names when they pay digitally: on the day, more of those who pay
    # digitally are known from counters.
    at_counters = set(frame.loc[(frame["channel"] == "counter") & (frame["paid_at"] < EVE), "payer_id"])
    online = frame[(frame["channel"] != "counter") & frame["paid_at"].between("2017-07-01", "2017-11-01")]
    known = online["payer_id"].isin(at_counters).groupby(online["paid_at"].dt.normalize()).mean()
    assert known[EVENT] > known[:EVE].quantile(0.95)


def test_habits_of_payers_are_those_of_the_plan(ledger):
    """First digital payments are on the planned day, and who stays is not seen at a counter from then on."""
    frame, _ = ledger
    plan = Payers(simulate.year(5, rows=200_000), 5)
    online = frame["channel"] != "counter"
    day = (frame["paid_at"].dt.normalize() - plan.model.dates[0]).dt.days
    first, last_counter = (
        day[online].groupby(frame["payer_id"]).min(),
        day[~online].groupby(frame["payer_id"]).max(),
    )
    for position in range(365):
        people = np.concatenate([plan.by_themselves[position], plan.sent[position]]).astype(np.uint32)
        assert (first[names(people)] == position).all()
    staying = names(plan.regulars.astype(np.uint32))
    assert (last_counter.reindex(staying).fillna(-1).to_numpy() < first[staying].to_numpy()).all()
    at_counters, everyone = set(last_counter.index), set(frame["payer_id"])
    assert min(len(at_counters - set(first.index)), len(everyone - at_counters)) > 1_000  # one way only
    assert len(at_counters & set(first.index)) > 500


def names(people: np.ndarray) -> list[str]:
    return [bytes(letters).decode() for letters in rows._pseudonym(people)]


def test_truth_beside_the_ledger_is_the_accounts(ledger):
    frame, truth = ledger
    panel = frame_of(seed=5, rows=200_000)
    assert truth["synthetic"] is True
    assert truth["rows"] == len(frame)
    day = panel[panel["date"] == EVENT].groupby(["entity", "channel"], observed=True)[list(COMPONENTS)].sum()
    for (entity, channel), row in day.iterrows():
        told = truth["event_day"][entity][channel]
        assert {name: told[name]["count"] for name in COMPONENTS} == row.to_dict()
    online = day.drop("counter", level="channel").sum()
    effect = truth["effect"]["pre-week"]["count"]
    assert effect["absolute"] == online[["from_counters", "from_other_days", "new"]].sum()
    assert effect["observed"] - truth["effect"]["history"]["count"]["expected"] == (
        effect["absolute"] + online["campaign"]
    )
    assert set(truth["effect"]["history"]) == {"count", "value", "ticket", "digital_share"}


def test_the_file_says_that_it_is_synthetic_and_a_seed_gives_the_same_file(tmp_path):
    paths = [
        simulate.simulate(tmp_path / f"{name}.parquet", **SMALL, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    same, again, other = (hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert same == again
    assert same != other
    assert pq.read_metadata(paths[0]).metadata[b"synthetic"] == b"true"
    truths = [path.with_name(f"{path.stem}.truth.json").read_text() for path in paths[:2]]
    assert truths[0] == truths[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"{name}{suffix}" for name in "abc" for suffix in (".parquet", ".truth.json")
    )


@pytest.mark.parametrize(
    ("days", "entities", "total"), [(40, 3, 5_000), (8, 1, 100), (400, 100, 20_000), (365, 36, 1_000)]
)
def test_any_size_has_exactly_its_rows(tmp_path, days, entities, total):
    path = simulate.simulate(tmp_path / "x.parquet", days=days, entities=entities, rows=total)
    frame = pd.read_parquet(path)
    assert len(frame) == total
    assert (frame["paid_at"].max() - frame["paid_at"].min()).days < days
    model = replace(DUBAI, days=days)
    assert len(model.dates) == days
    assert EVENT in model.dates


def test_row_groups_bound_the_memory_and_do_not_change_the_rows(tmp_path, monkeypatch):
    whole = pd.read_parquet(simulate.simulate(tmp_path / "a.parquet", rows=50_000))
    monkeypatch.setattr(rows, "BATCH", 4_000)
    path = simulate.simulate(tmp_path / "b.parquet", rows=50_000)
    groups = pq.read_metadata(path)
    assert max(groups.row_group(i).num_rows for i in range(groups.num_row_groups)) <= 4_000
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)


@pytest.mark.slow
def test_memory_stays_bounded_at_thirty_million_rows(tmp_path):
    program = (
        "import resource, sys; from analysis.simulate import simulate; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
        "simulate(sys.argv[1], rows=30_000_000); "
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "big.parquet")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 600  # MB; the rows themselves are 2 GB


def test_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")
        yield

    monkeypatch.setattr(rows, "_tables", fail)
    with pytest.raises(OSError, match="disk full"):
        simulate.simulate(tmp_path / "a.parquet", **SMALL)
    assert os.listdir(tmp_path) == []


def test_ensure_makes_the_ledger_once_and_again_when_the_model_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "DUBAI", replace(DUBAI, level=30.0, payers=500))
    path = tmp_path / "dubai.parquet"
    assert simulate.ensure(path) == path
    first = path.stat().st_mtime_ns
    simulate.ensure(path)
    assert path.stat().st_mtime_ns == first
    monkeypatch.setattr(synthetic, "DUBAI", replace(DUBAI, level=40.0, payers=500))
    simulate.ensure(path)
    assert path.stat().st_mtime_ns != first


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ({"days": 3}, "days is 3: give at least 8"),
        ({"entities": 0}, "entities is 0: give at least 1"),
        ({"rows": 5}, "rows is 5: give at least 100"),
        ({"effect": -0.1}, "effect is -0.1: give a fraction of at least 0, such as 0.3 for +30 %"),
        ({"effect": float("nan")}, "effect is nan"),
        ({"seed": -1}, "seed is -1: give a whole number of at least 0"),
    ],
)
def test_impossible_options_are_refused_in_one_line(tmp_path, option, line):
    with pytest.raises(ValueError, match="^" + line.replace("+", r"\+")) as fault:
        simulate.simulate(tmp_path / "a.parquet", **option)
    assert "\n" not in str(fault.value)


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.parquet"):
        simulate.simulate(tmp_path / "a.csv", **SMALL)


def test_a_change_of_the_recipe_is_a_change_of_the_code():
    assert any(file.name == "dubai.toml" for file in fingerprint._imported("simulate"))
    assert pickle.loads(pickle.dumps(DUBAI)) == DUBAI
