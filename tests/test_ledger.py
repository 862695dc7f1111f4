"""From payments to days: the same sums whatever the file, the engine, the order or the size."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.ledger import (
    Note,
    aggregate,
    daily_metric,
    daily_panel,
    is_daily,
    is_synthetic,
    metric,
    read_daily,
)

CDNOW = {"paid_at": "date", "amount": "dollar_value", "payer_id": "customer_id"}
BY = ["date", "entity", "channel"]


def drawn(rows: int = 3_000, days: int = 70, seed: int = 7) -> pd.DataFrame:
    """A ledger with payers who come back, a payer missing now and then, and days and groups without payments."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, days * 86_400, rows)
    seconds = seconds[seconds // 86_400 != 11]
    rows = len(seconds)
    payer = pd.Series(rng.integers(0, 200, rows)).map("p{:03d}".format).astype("str")
    return pd.DataFrame(
        {
            "transaction_id": [f"t{i}" for i in range(rows)],
            "paid_at": (np.datetime64("2017-09-01") + seconds.astype("timedelta64[s]")).astype(
                "datetime64[us]"
            ),
            "entity": rng.choice(["RTA", "DEWA", "هيئة الصحة"], rows),
            "channel": rng.choice(["app", "web", "counter"], rows),
            "amount": rng.lognormal(5, 2, rows).round(2),
            "payer_id": payer.mask(rng.random(rows) < 0.03),
        }
    )


def by_hand(ledger: pd.DataFrame) -> pd.DataFrame:
    """The panel by plain pandas with amounts in whole cents."""
    day = ledger["paid_at"].dt.normalize()
    cents = (ledger["amount"] * 100).round().astype("int64")
    rows = ledger.assign(date=day, cents=cents).groupby(BY)
    sums = pd.DataFrame(
        {"count": rows.size(), "value": rows["cents"].sum(), "payers": rows["payer_id"].nunique()}
    )
    every = pd.date_range(day.min(), day.max())
    groups = ledger[["entity", "channel"]].drop_duplicates().itertuples(index=False, name=None)
    index = pd.MultiIndex.from_tuples([(d, *g) for g in groups for d in every], names=BY)
    sums = sums.reindex(index, fill_value=0).sort_index().reset_index()
    sums["value"] /= 100
    return sums.astype({"date": "datetime64[us]"})


def frames(ledger: pd.DataFrame) -> dict:
    duckdb = pytest.importorskip("duckdb")
    table = pa.Table.from_pandas(ledger)
    return {
        "pandas": ledger,
        "pandas-text": ledger.assign(paid_at=ledger["paid_at"].astype("str")),
        "polars": pl.from_pandas(ledger),
        "polars-lazy": pl.from_pandas(ledger).lazy(),
        "arrow": table,
        "duckdb": duckdb.from_arrow(table),
    }


@pytest.mark.parametrize("engine", ["pandas", "pandas-text", "polars", "polars-lazy", "arrow", "duckdb"])
def test_every_engine_gives_the_sums_made_by_hand_to_the_last_cent(engine):
    ledger = drawn()
    pd.testing.assert_frame_equal(daily_panel(frames(ledger)[engine]), by_hand(ledger), check_exact=True)


@pytest.mark.parametrize(
    "form", ["comma", "semicolon", "tab", "bom", "gzip", "utf-16", "cp1256", "parquet", "folder", "glob"]
)
def test_every_file_gives_the_sums_made_by_hand(form, tmp_path):
    ledger, path, options = drawn(), tmp_path / "ledger.csv", {}
    if form in ("parquet", "folder", "glob"):
        for month, part in ledger.groupby(ledger["paid_at"].dt.month):
            part.to_parquet(tmp_path / f"{month}.parquet", index=False)
        path = {"folder": tmp_path, "glob": tmp_path / "*.parquet"}.get(form, tmp_path / "all.parquet")
        if form == "parquet":
            ledger.to_parquet(path, index=False)
    else:
        separator = {"semicolon": ";", "tab": "\t"}.get(form, ",")
        encoding = {"bom": "utf-8-sig", "utf-16": "utf-16", "cp1256": "cp1256"}.get(form, "utf-8")
        text = ledger.to_csv(index=False, sep=separator).encode(encoding)
        path = tmp_path / "ledger.csv.gz" if form == "gzip" else path
        path.write_bytes(gzip.compress(text) if form == "gzip" else text)
        options = {"encoding": "cp1256"} if form == "cp1256" else {}
    pd.testing.assert_frame_equal(daily_panel(path, **options), by_hand(ledger), check_exact=True)


def test_money_written_as_people_write_it(tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_text(
        "paid_at;amount\n26/10/2017 09:00;1.234,50\n26/10/2017 10:00:30;12,5\n٠٩/١٠/٢٠١٧;٣٫٢٥\n09/10/2017;1.000\n",
        encoding="utf-8",
    )
    panel = daily_panel(path).set_index("date")
    assert panel.loc["2017-10-26"].tolist() == [2, 1247.0]
    assert panel.loc["2017-10-09"].tolist() == [2, 1003.25]
    assert len(panel) == 18


def test_cents_add_up_where_floats_do_not():
    ledger = pd.DataFrame({"paid_at": pd.to_datetime(["2017-01-01"] * 1_000), "amount": [0.1] * 1_000})
    assert ledger["amount"].sum() != 100
    assert daily_panel(ledger)["value"].tolist() == [100.0]


def test_payers_are_distinct_within_each_grouping():
    """One payer, two channels, two days; another at the counter; a third not named."""
    ledger = pd.DataFrame(
        {
            "paid_at": pd.to_datetime(["2017-01-01", "2017-01-01", "2017-01-02", "2017-01-02", "2017-01-02"]),
            "channel": ["app", "web", "app", "counter", "app"],
            "payer_id": ["a", "a", "a", "b", None],
        }
    )
    assert daily_panel(ledger, by="channel")["payers"].tolist() == [1, 0, 1, 1, 1, 0]
    assert daily_panel(ledger, by=())["payers"].tolist() == [1, 2]
    assert daily_metric(ledger, "payers", offline_channels=("counter",)).tolist() == [1, 1]
    assert daily_metric(ledger, "payers").tolist() == [1, 2]
    with pytest.raises(ValueError, match="do not add up"):
        metric(daily_panel(ledger, by="channel"), "payers", ("counter",))


def test_metrics_by_hand():
    ledger = pd.DataFrame(
        {
            "paid_at": pd.to_datetime(
                ["2017-01-01 08:00:00", "2017-01-01 23:59:59", "2017-01-01 00:00:00", "2017-01-03 00:00:00"]
            ),
            "channel": ["app", "web", "counter", "counter"],
            "amount": [10.0, 20.5, 100.0, 7.0],
        }
    )
    panel = daily_panel(ledger, by="channel")
    found = {
        name: metric(panel, name, ("counter",)) for name in ("count", "value", "ticket", "digital_share")
    }
    assert found["count"].tolist() == [2, 0, 0]
    assert found["value"].tolist() == [30.5, 0, 0]
    assert found["ticket"].tolist()[:1] == [15.25]
    assert found["ticket"].isna().tolist() == [False, True, True]
    np.testing.assert_allclose(found["digital_share"], [2 / 3, np.nan, 0])
    assert found["count"].index.freqstr == "D"
    for name, series in found.items():
        pd.testing.assert_series_equal(daily_metric(ledger, name, offline_channels=("counter",)), series)
    assert metric(panel, "count").tolist() == [3, 0, 1]
    with pytest.raises(ValueError, match="did you mean ticket"):
        metric(panel, "tickets")
    with pytest.raises(ValueError, match="payers"):
        metric(panel, "payers")


def test_refunds_lower_the_value_and_are_no_payments():
    ledger = pd.DataFrame(
        {
            "paid_at": pd.to_datetime(["2017-01-01"] * 3),
            "amount": [10.0, 5.0, -4.0],
            "payer_id": ["a", "a", "b"],
        }
    )
    with pytest.raises(ValueError, match="negative amounts"):
        daily_panel(ledger)
    assert daily_panel(ledger, refunds=True).iloc[0, 1:].tolist() == [2, 11.0, 1]


@pytest.mark.parametrize("form", ["csv", "polars", "duckdb", "parquet"])
def test_times_with_a_zone_fall_on_the_day_of_the_study(form, tmp_path):
    """20:00 and 19:59 in London are the two sides of midnight in Dubai."""
    aware = pl.DataFrame({"paid_at": ["2017-10-25T20:00:00+00:00", "2017-10-25T23:59:00+04:00"]})
    source = aware.with_columns(pl.col("paid_at").str.to_datetime(time_zone="UTC"))
    if form == "csv":
        source = tmp_path / "aware.csv"
        aware.write_csv(source)
    elif form == "parquet":
        source.write_parquet(tmp_path / "aware.parquet")
        source = tmp_path / "aware.parquet"
    elif form == "duckdb":
        source = pytest.importorskip("duckdb").from_arrow(source.to_arrow())
    panel = daily_panel(source, timezone="Asia/Dubai")
    assert panel["date"].dt.strftime("%Y-%m-%d").tolist() == ["2017-10-25", "2017-10-26"]
    assert panel["count"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="--timezone, such as Europe/London"):
        daily_panel(source)
    with pytest.raises(ValueError, match="did you mean Asia/Dubai"):
        daily_panel(source, timezone="Asia/Dubay")


@pytest.mark.parametrize("order", ["months", "sorted", "shuffled"])
def test_cutting_into_spans_changes_nothing(order, tmp_path, monkeypatch):
    """A file a month, one file in order of time, and one without order that is first written by month."""
    ledger = drawn(20_000, days=100)
    if order == "months":
        for month, part in ledger.groupby(ledger["paid_at"].dt.month):
            part.to_parquet(tmp_path / f"{month}.parquet", index=False)
    else:
        ordered = ledger.sort_values("paid_at") if order == "sorted" else ledger
        ordered.to_parquet(tmp_path / "all.parquet", index=False, row_group_size=1_000)
    monkeypatch.setattr(aggregate, "SPAN_ROWS", 3_000)
    monkeypatch.setattr(aggregate, "SPILL_ROWS", 3_000)
    used, cut = [], aggregate._spans
    monkeypatch.setattr(aggregate, "_spans", lambda *a: used.extend(cut(*a)) or used)
    pd.testing.assert_frame_equal(daily_panel(tmp_path), by_hand(ledger), check_exact=True)
    assert len(used) >= 4


def test_a_zone_and_spans_together(tmp_path, monkeypatch):
    """Spans are cut at midnight of the study, not of the file."""
    ledger = drawn(20_000, days=40)
    aware = ledger.assign(paid_at=ledger["paid_at"].dt.tz_localize("Asia/Dubai").dt.tz_convert("UTC"))
    aware.sort_values("paid_at").to_parquet(tmp_path / "all.parquet", index=False, row_group_size=1_000)
    monkeypatch.setattr(aggregate, "SPAN_ROWS", 2_000)
    panel = daily_panel(tmp_path, timezone="Asia/Dubai")
    pd.testing.assert_frame_equal(panel, by_hand(ledger), check_exact=True)


def test_a_large_text_ledger_is_cut_on_disk(tmp_path, monkeypatch):
    ledger = drawn()
    ledger.to_csv(tmp_path / "ledger.csv", index=False)
    monkeypatch.setattr(aggregate, "SPILL_BYTES", 0)
    pd.testing.assert_frame_equal(daily_panel(tmp_path), by_hand(ledger), check_exact=True)


def test_cdnow_against_plain_pandas(reference_data):
    path = reference_data / "cdnow" / "CDNOW_master.txt"
    names = ["payer", "date", "number", "value"]
    plain = pd.read_csv(path, sep=r"\s+", names=names, skiprows=1, dtype={"payer": str, "date": str})
    plain["date"] = pd.to_datetime(plain["date"], format="%Y%m%d")
    plain["cents"] = (plain["value"] * 100).round().astype("int64")
    days = plain.groupby("date").agg(
        count=("cents", "size"), cents=("cents", "sum"), payers=("payer", "nunique")
    )
    panel = daily_panel(path, columns=CDNOW).set_index("date")
    assert panel["count"].sum() == 69_659
    assert len(panel) == 546
    assert panel["count"].tolist() == days["count"].tolist()
    assert panel["value"].tolist() == (days["cents"] / 100).tolist()
    assert panel["payers"].tolist() == days["payers"].tolist()
    assert daily_metric(path, "value", columns=CDNOW).tolist() == panel["value"].tolist()


def test_reference_days(reference_data):
    hires = read_daily(reference_data / "tfl_cycle_hire" / "daily.csv")
    assert list(hires) == ["hires"]
    assert hires.index.freqstr == "D"
    assert hires.loc["2015-07-09", "hires"] == 73_094
    upi = read_daily(reference_data / "upi_rbi_daily" / "daily.csv")
    assert upi.index[[0, -1]].strftime("%Y-%m-%d").tolist() == ["2020-06-01", "2024-06-30"]
    assert upi.iloc[0].tolist() == [476.97, 10413.11]
    assert daily_metric(reference_data / "upi_rbi_daily" / "daily.csv", "value").name == "Val"


def test_days_that_are_missing_stay_missing(tmp_path):
    path = tmp_path / "daily.csv"
    path.write_text('region,Date,n\nx,"June 3, 2020",7\nx,"June 1, 2020",5\n')
    daily = read_daily(path)
    assert list(daily) == ["n"]
    assert daily["n"].isna().tolist() == [False, True, False]
    assert daily["n"].iloc[[0, 2]].tolist() == [5, 7]


def test_days_that_can_be_read_two_ways_are_refused(tmp_path):
    path = tmp_path / "daily.csv"
    path.write_text("date,n\n03/04/2020,5\n04/04/2020,6\n")
    with pytest.raises(
        ValueError, match=r"03/04/2020.*two ways.*2020-04-03 or as 2020-03-04.*--date-format day-first"
    ):
        read_daily(path)
    path.write_text("date,n\n13/04/2020,5\n04/13/2020,6\n")
    with pytest.raises(ValueError, match="some days are written day first and some month first"):
        read_daily(path)
    path.write_text("date,n\n12/04/2020,5\n13/04/2020,6\n")
    assert read_daily(path).index[0] == pd.Timestamp("2020-04-12")


def test_a_ledger_is_told_from_a_daily_csv(tmp_path, reference_data):
    drawn(50).to_csv(tmp_path / "ledger.csv", index=False)
    cdnow = reference_data / "cdnow" / "CDNOW_master.txt"
    assert not is_daily(tmp_path / "ledger.csv")
    assert not is_daily(cdnow, columns=CDNOW)
    assert is_daily(reference_data / "tfl_cycle_hire" / "daily.csv")
    with pytest.warns(Note, match="paid_at is 'date', amount is 'dollar_value', payer_id is 'customer_id'"):
        assert daily_metric(cdnow).sum() == 69_659


def test_a_simulated_ledger_says_so(tmp_path):
    table = pa.table({"paid_at": [pd.Timestamp("2017-01-01")]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert not is_synthetic(tmp_path)
    pq.write_table(table.replace_schema_metadata({"synthetic": "true"}), tmp_path / "b.parquet")
    assert is_synthetic(tmp_path)
    assert not is_synthetic(pd.DataFrame())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"paid": "paid_at"}}, "did you mean paid_at"),
        ({"columns": {"amount": "amuont"}}, "did you mean 'amount'"),
        ({"by": ("entiti",)}, "did you mean entity"),
        ({"by": ("payer_id",)}, "is not a group"),
    ],
)
def test_typos_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        daily_panel(drawn(10), **change)


def test_wrong_input_is_said_in_one_line(tmp_path):
    ledger = drawn(20)
    with pytest.raises(ValueError, match="'Counter' looks like 'counter'"):
        daily_panel(ledger.replace({"channel": {"counter": "Counter"}}), offline_channels=("counter",))
    ledger.assign(amount="ten").to_csv(tmp_path / "ten.csv", index=False)
    with pytest.raises(ValueError, match="amount of 20 rows is missing or not a number"):
        daily_panel(tmp_path / "ten.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="the file is empty"):
        daily_panel(tmp_path / "empty.csv")
    (tmp_path / "header.csv").write_text("paid_at,amount\n")
    with pytest.raises(ValueError, match="holds no payments"):
        daily_panel(tmp_path / "header.csv")
    with pytest.raises(FileNotFoundError, match=r"did you mean ten.csv"):
        daily_panel(tmp_path / "tem.csv")
    with pytest.raises(ValueError, match="cannot be read from int"):
        daily_panel(3)
    ledger.to_parquet(tmp_path / "cut.parquet")
    whole = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"^cut.parquet: .*damaged") as told:
        daily_panel(Path(tmp_path / "cut.parquet"))
    assert "\n" not in str(told.value)
