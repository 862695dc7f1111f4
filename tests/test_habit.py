"""First-time digital payers and whether they come again: by hand, in any order and engine, few hidden, covered."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_ledger import drawn

from analysis import habit, simulate
from analysis.effect import estimate
from analysis.habit import first_digital, first_timers, retention
from analysis.ledger import aggregate
from analysis.ledger import first_timers as ledger_first_timers
from analysis.windows import Windows

FIRST = pd.Timestamp("2017-01-01")
DAY = Windows("2017-10-26", campaign_start="2017-09-23", country="AE")
NUMBERS = ["payers", "share", "ordinary_payers", "ordinary_share", "difference", "low", "high"]

# payer: (day of the ledger, hour, channel)
TEN = {
    "a": [(1, 9, "app"), (10, 9, "app")],  # first seen in the run-in
    "b": [(1, 9, "counter"), (5, 9, "app"), (20, 9, "website")],  # from a counter, again after 15 days
    "c": [(5, 9, "app"), (5, 12, "app")],  # twice on one day is not again
    "d": [(5, 9, "website"), (50, 9, "app")],  # after 45 days
    "e": [(5, 8, "counter"), (5, 9, "app"), (35, 9, "app")],  # counter the same day; again after exactly 30
    "f": [(5, 9, "app"), (36, 9, "app"), (40, 9, "app")],  # after 31
    "g": [(6, 9, "counter"), (100, 9, "counter")],  # never digital; the last day of the ledger
    "h": [(80, 9, "app"), (81, 9, "app")],  # again at once, but the ledger ends after 20 days
    "i": [(70, 9, "website"), (100, 9, "app")],  # again after 30 days, on the last day
    "j": [
        (8, 9, "counter"),
        (9, 11, "app"),
        (9, 8, "website"),
        (99, 9, "app"),
    ],  # website first; again after 90
}


def ten() -> pd.DataFrame:
    rows = [
        (who, FIRST + pd.Timedelta(days=d - 1, hours=h), c) for who, all_ in TEN.items() for d, h, c in all_
    ]
    return pd.DataFrame(rows, columns=["payer_id", "paid_at", "channel"])


def cells(table: pd.DataFrame) -> dict:
    """(day of the ledger, channel) -> counts, of cells with payers."""
    some = table[table["payers"] > 0]
    day = (some["date"] - FIRST).dt.days + 1
    return {
        (d, c): row
        for d, c, row in zip(day, some["channel"], some.iloc[:, 2:].to_dict("records"), strict=True)
    }


def made(n: np.ndarray, again: np.ndarray, dates: pd.DatetimeIndex, channel: str = "app", known: int = 0):
    """A table as `first_timers` makes it, the same at every horizon."""
    frame = pd.DataFrame({"date": dates, "channel": channel, "payers": n, "from_counter": known})
    for horizon in habit.HORIZONS:
        frame[f"again_{horizon}"] = again.astype(float)
        frame[f"from_counter_again_{horizon}"] = known / 2
    return frame


def test_ten_payers_by_hand():
    found = cells(first_timers(ten(), run_in_days=3, offline_channels=("counter",)))
    assert set(found) == {(5, "app"), (5, "website"), (9, "website"), (70, "website"), (80, "app")}
    # b, c, e, f; of them b had paid at a counter before; within 30 days b and e, within 60 also f
    app = found[5, "app"]
    assert (app["payers"], app["from_counter"]) == (4, 1)
    assert [app[f"again_{k}"] for k in (30, 60, 90)] == [2, 3, 3]
    assert [app[f"from_counter_again_{k}"] for k in (30, 60, 90)] == [1, 1, 1]
    assert [found[5, "website"][f"again_{k}"] for k in (30, 60, 90)] == [0, 1, 1]
    assert found[9, "website"]["from_counter"] == 1
    assert [found[9, "website"][f"again_{k}"] for k in (30, 60, 90)] == [0, 0, 1]
    np.testing.assert_equal([found[70, "website"][f"again_{k}"] for k in (30, 60, 90)], [1, np.nan, np.nan])
    np.testing.assert_equal([found[80, "app"][f"again_{k}"] for k in (30, 60, 90)], [np.nan] * 3)


def test_every_day_after_the_run_in_is_there_with_zeros():
    table = first_timers(ten(), run_in_days=3, offline_channels=("counter",))
    assert len(table) == 97 * 2
    series = first_digital(table)
    assert series.index[[0, -1]].tolist() == [FIRST + pd.Timedelta(days=3), FIRST + pd.Timedelta(days=99)]
    assert series.sum() == 8
    assert first_digital(table, "from_counter").sum() == 2
    assert first_digital(table, "again_30").last_valid_index() == FIRST + pd.Timedelta(days=69)


def test_channels_that_are_service_centres_are_the_callers():
    table = first_timers(ten(), run_in_days=3, offline_channels=("counter", "website"))
    found = cells(table)
    assert found[50, "app"]["from_counter"] == 1  # d, who began on the website
    assert first_timers(ten(), run_in_days=0, offline_channels=())["payers"].sum() == 10


def test_refunds_are_no_payments():
    ledger = ten().assign(amount=1.0)
    ledger.loc[(ledger["payer_id"] == "b") & (ledger["channel"] == "counter"), "amount"] = -1.0
    assert (
        cells(first_timers(ledger, run_in_days=3, refunds=True, offline_channels=("counter",)))[5, "app"][
            "from_counter"
        ]
        == 0
    )


def test_engines_order_and_files_do_not_matter(tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    ledger = drawn(20_000, days=120)
    own = {"run_in_days": 2, "offline_channels": ("counter",)}
    wanted = first_timers(ledger, **own)
    assert wanted["payers"].sum() > 20
    table = pa.Table.from_pandas(ledger)
    ledger.to_csv(tmp_path / "ledger.csv", index=False)
    shuffled = ledger.sample(frac=1, random_state=1)
    (tmp_path / "parts").mkdir()
    ledger.sort_values("paid_at").to_parquet(tmp_path / "sorted.parquet", index=False, row_group_size=1_000)
    for number in range(7):
        shuffled.iloc[number::7].to_parquet(tmp_path / "parts" / f"{number}.parquet", index=False)
    monkeypatch.setattr(aggregate, "SPAN_ROWS", 2_000)
    monkeypatch.setattr(ledger_first_timers, "PENDING", 300)  # merges again and again
    for source in (
        shuffled,
        duckdb.from_arrow(table),
        tmp_path / "ledger.csv",
        tmp_path / "sorted.parquet",
        tmp_path / "parts",
    ):
        pd.testing.assert_frame_equal(first_timers(source, **own), wanted)


def test_nothing_tells_of_a_payer():
    table = first_timers(ten(), run_in_days=3, offline_channels=("counter",))
    assert not table.isin(list(TEN)).any(axis=None)
    assert not any("payer_id" in column or "at" in column.split("_") for column in table)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda f: f.drop(columns="payer_id"), "no payer_id"),
        (lambda f: f.drop(columns=["channel", "payer_id"]), "no channel and no payer_id"),
        (
            lambda f: f.replace("counter", "branch"),
            "no payment at 'counter'; channels are app, branch, website",
        ),
        (lambda f: f.replace("website", "Counter "), "looks like 'counter'"),
        (lambda f: f.assign(payer_id=None), "no payment has a payer_id"),
        (lambda f: f.assign(paid_at=f["paid_at"].mask(f.index == 3)), "paid_at of 1 rows"),
        (lambda f: f[f["channel"] == "counter"], "nobody pays digitally"),
        (lambda f: f, "100 days of named payers, all of them run-in"),
    ],
)
def test_what_cannot_be_told_is_said_in_one_line(change, line):
    days = 182 if "run-in" in line else 3
    with pytest.raises(ValueError, match=line) as fault:
        first_timers(change(ten()), run_in_days=days, offline_channels=("counter",))
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) < 300


# Whether they stayed.


def test_shares_and_comparable_days_by_hand():
    """Thursdays far from the month's end before the campaign, no holiday: twelve of 50, half of whom come again."""
    dates = pd.date_range("2017-07-01", "2017-12-31")
    n, again = np.full(len(dates), 50), np.full(len(dates), 30)
    thursday = (dates.day_of_week == 3) & (dates.day < 29)
    again[thursday] = 25
    n[dates == "2017-10-26"], again[dates == "2017-10-26"] = 200, 140
    row = retention(made(n, again, dates), DAY).query("channel == 'all' and days == 30").iloc[0]
    # 6, 13, 20, 27 July, 3, 10, 17, 24 August, 7, 14 September; 31 August is at the month's end, 21 September a holiday
    assert (row["ordinary_days"], row["ordinary_payers"]) == (10, 500)
    assert row["ordinary_share"] == pytest.approx(0.5)
    assert (row["payers"], row["share"]) == (200, 0.7)
    assert row["difference"] == pytest.approx(0.2)
    assert row["low"] < 0.2 < row["high"]


def test_interval_covers_where_days_differ_more_than_binomially():
    rng = np.random.default_rng(3)
    dates = pd.date_range("2017-07-01", "2017-11-30")
    on = dates == "2017-10-26"
    hits = {}
    for size, chance, spread in ((150, 0.4, 0.04), (20, 0.2, 0.04), (150, 0.4, 0.1)):
        both = chance * (1 - chance) / spread**2 - 1
        parts = []
        for draw in range(500):  # a channel each
            n = np.where(on, 12 * size, rng.poisson(size, len(dates)) + 1)
            p = rng.beta(chance * both, (1 - chance) * both, len(dates)) - 0.05 * on
            parts.append(made(n, rng.binomial(n, p.clip(0, 1)), dates, f"{draw}"))
        rows = retention(pd.concat(parts, ignore_index=True), DAY).query("channel != 'all' and days == 30")
        hits[size, chance, spread] = ((rows["low"] <= -0.05) & (rows["high"] >= -0.05)).mean()
    assert min(hits.values()) >= 0.93, hits
    assert hits[150, 0.4, 0.04] < 0.98  # an interval that covers too often says little


def test_an_event_too_near_the_end_is_not_told():
    dates = pd.date_range("2017-07-01", "2017-11-30")
    table = made(np.full(len(dates), 50), np.full(len(dates), 25), dates)
    table.loc[table["date"] > "2017-10-01", "again_60"] = np.nan
    rows = retention(table, DAY).query("channel == 'all'").set_index("days")
    assert rows.loc[60, ["share", "difference", "low", "high"]].isna().all()
    assert rows.loc[60, "ordinary_share"] == pytest.approx(0.5)
    assert not rows.loc[60, "suppressed"]
    with pytest.raises(ValueError, match="outside the days after the run-in, 2017-07-01 to 2017-11-30"):
        retention(table, Windows("2017-06-01", country="AE"))


def test_few_payers_are_hidden_and_cannot_be_worked_out_from_the_total():
    dates = pd.date_range("2017-07-01", "2017-11-30")

    def on_event(**sizes: int) -> pd.DataFrame:
        parts = []
        for channel, size in sizes.items():
            n = np.where(dates == "2017-10-26", size, 40)
            parts.append(made(n, n // 2, dates, channel))
        rows = retention(pd.concat(parts, ignore_index=True), DAY)
        hidden = rows.groupby("channel")["suppressed"].first()
        assert rows.loc[rows["suppressed"], NUMBERS].isna().all(axis=None)
        assert rows.loc[~rows["suppressed"], NUMBERS].notna().all(axis=None)
        return set(hidden.index[hidden])

    assert on_event(app=100, website=60, kiosk=30) == set()
    assert on_event(app=100, website=60, kiosk=4) == {"kiosk", "website"}  # kiosk is all less the others
    assert on_event(app=100, website=4, kiosk=8) == {"website", "kiosk"}
    assert on_event(app=3, website=2, kiosk=4) == {"all", "app", "website", "kiosk"}


def test_the_few_beside_those_from_counters_are_hidden_too():
    dates = pd.date_range("2017-07-01", "2017-11-30")
    n = np.where(dates == "2017-10-26", 100, 60)
    for known, hidden in ((40, False), (93, True), (7, True)):
        table = made(n, n // 2, dates, known=np.where(dates == "2017-10-26", known, 30))
        rows = retention(table, DAY, people="from_counter")
        assert rows["suppressed"].eq(hidden).all(), known


# The simulated ledger, whose truth is known.


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> tuple[pd.DataFrame, dict]:
    path = simulate.simulate(tmp_path_factory.mktemp("habit") / "ledger.parquet", rows=4_000_000, seed=11)
    table = first_timers(path, offline_channels=("counter",))
    return table, json.loads(path.with_name("ledger.truth.json").read_text())["first_timers"]


def test_the_number_who_came_is_the_truth(world):
    table, truth = world
    effect = estimate(first_digital(table), DAY)
    low, high = effect.confidence_interval(0.95)
    assert low <= truth["count"]["day"] <= high
    assert effect.observed == pytest.approx(
        truth["count"]["all"], rel=0.02
    )  # and a few who were out of sight
    on_day = table[table["date"] == DAY.event_start]
    assert on_day["from_counter"].sum() == pytest.approx(truth["count"]["from_counters"], rel=0.03)


def test_whether_they_stayed_is_the_truth(world):
    table, truth = world
    for people in ("payers", "from_counter"):
        rows = retention(table, DAY, people=people).query("channel == 'all'").set_index("days")
        for horizon in (30, 60):
            again = truth["again"][f"{horizon}"]
            assert rows.loc[horizon, "low"] <= again["all"] - again["others"] <= rows.loc[horizon, "high"]
        assert rows.loc[30, "high"] < 0  # those who were sent stay less, and it shows
        assert np.isnan(rows.loc[90, "share"])  # 66 days after the event


def test_without_an_initiative_nobody_is_sent(tmp_path):
    path = simulate.simulate(tmp_path / "null.parquet", rows=2_000, days=60, entities=3, effect=0)
    truth = json.loads(path.with_name("null.truth.json").read_text())["first_timers"]
    assert truth["count"]["day"] == truth["count"]["campaign"] == 0
