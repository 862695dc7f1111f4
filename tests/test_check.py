"""Faults put into a sound ledger one by one, and found again where they were put."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest
from test_ledger import CDNOW, drawn

from analysis.ledger import Fault, Note, check, checks


def sound() -> pd.DataFrame:
    """Ten payments a day for thirty days."""
    days = pd.date_range("2017-10-01", periods=30).repeat(10)
    return pd.DataFrame(
        {
            "transaction_id": [f"t{i:03d}" for i in range(300)],
            "paid_at": days + pd.to_timedelta(np.arange(300) % 10, unit="h"),
            "entity": "RTA",
            "service": "parking",
            "channel": np.where(np.arange(300) % 3 == 0, "counter", "app"),
            "amount": 12.5,
            "payer_id": [f"p{i % 7}" for i in range(300)],
        }
    )


def text(**cells: tuple[int, str]) -> pd.DataFrame:
    """The sound ledger as text, with a cell of a column written otherwise."""
    ledger = sound().astype(str)
    for column, (row, cell) in cells.items():
        ledger.loc[row - 1, column] = cell
    return ledger


def write(ledger: pd.DataFrame, path, encoding: str = "utf-8"):
    path.write_bytes(ledger.to_csv(index=False).encode(encoding))
    return path


@pytest.mark.parametrize("form", ["csv", "parquet", "pandas", "polars", "duckdb"])
def test_a_sound_ledger_has_no_fault(form, tmp_path):
    source = sound()
    if form == "csv":
        source = write(source, tmp_path / "ledger.csv")
    elif form == "parquet":
        source.to_parquet(tmp_path / "ledger.parquet")
        source = tmp_path / "ledger.parquet"
    elif form == "polars":
        source = pl.from_pandas(source)
    elif form == "duckdb":
        source = pytest.importorskip("duckdb").from_arrow(pl.from_pandas(source).to_arrow())
    assert check(source) == []


CELLS = [
    ("paid_at", "yesterday", "'yesterday' is not a time"),
    ("paid_at", "2017-02-30 10:00:00", "is not a time"),
    ("paid_at", "", "is empty"),
    ("paid_at", "2099-10-26 10:00:00", "is not before"),
    ("paid_at", "2017-10-02 10:00:00+04:00", "carries a time zone, other rows do not"),
    ("amount", "-3.00", "'-3.00' is negative"),
    ("amount", "abc", "is not a number"),
    ("amount", "", "is empty"),
    ("amount", "1e13", "beyond any payment"),
    ("amount", "1.005", "more than two decimals"),
    ("transaction_id", "t007", "'t007' is also in row 8"),
    ("transaction_id", "", "is empty"),
    ("entity", " ", "is empty"),
    ("channel", "Counter", "looks like 'counter'"),
    ("payer_id", "", "is empty, so the payment has no payer"),
]


@pytest.mark.parametrize(("column", "cell", "words"), CELLS)
def test_one_wrong_cell_is_one_fault_in_its_row(column, cell, words, tmp_path):
    path = write(text(**{column: (120, cell)}), tmp_path / "ledger.csv")
    faults = check(path, offline_channels=("counter",))
    assert [(f.row, f.line, f.column) for f in faults] == [(120, 121, column)]
    assert words in str(faults[0])
    assert "\n" not in str(faults[0])


def test_all_faults_come_at_once(tmp_path):
    cells = {column: cell for column, cell, _ in CELLS}
    cells = {column: (40 * i, cell) for i, (column, cell) in enumerate(cells.items(), start=1)}
    path = write(text(**cells), tmp_path / "ledger.csv")
    faults = check(path, offline_channels=("counter",))
    assert {f.row for f in faults} == {row for row, _ in cells.values()}


def test_faults_are_counted_exactly_and_listed_to_twenty(tmp_path):
    ledger = sound()
    ledger.loc[100:169, "amount"] = -1.0
    faults = check(ledger)
    assert [f.row for f in faults] == [*range(101, 121), None]
    assert faults[-1].problem == "and 50 more rows where the cell is negative"
    assert check(ledger, refunds=True) == []


def test_a_row_is_told_within_its_file(tmp_path):
    ledger = sound()
    ledger.loc[200, "transaction_id"] = "t003"
    for i in range(3):
        ledger[i * 100 : (i + 1) * 100].to_parquet(tmp_path / f"{i}.parquet")
    (fault,) = check(tmp_path)
    assert (fault.file, fault.row, fault.line) == ("2.parquet", 1, None)
    assert "'t003' is also in row 4 of 0.parquet" in str(fault)


def test_shares_of_identifiers_find_every_duplicate(monkeypatch):
    ledger = pd.concat([sound(), sound().head(7)], ignore_index=True)
    monkeypatch.setattr(checks, "HASHED", 40)
    assert [f.row for f in check(ledger)] == list(range(301, 308))


def test_days_without_payments_are_told_as_spans():
    ledger = sound()
    day = ledger["paid_at"].dt.day
    faults = check(ledger[~day.isin([5, 10, 11, 12])])
    assert [f.problem for f in faults] == [
        "nothing on 2017-10-05",
        "nothing on 2017-10-10 to 2017-10-12 (3 days)",
    ]


def test_columns_are_missing_or_of_another_type(tmp_path):
    (fault,) = check(sound().rename(columns={"channel": "chanel"}))
    assert fault.column == "channel"
    assert "did you mean 'chanel'" in str(fault)
    assert check(sound()[["paid_at", "amount"]], columns={"paid_at": "paid_at"}) == []
    ledger = sound()
    ledger["amount"] = ledger["amount"] > 0
    ledger["paid_at"] = 0.5
    problems = {f.column: f.problem for f in check(pl.from_pandas(ledger))}
    assert problems == {"amount": "has type Boolean, not a number", "paid_at": "has type Float64, not a time"}


def test_zones(tmp_path):
    ledger = sound().astype(str)
    ledger["paid_at"] += "+04:00"
    path = write(ledger, tmp_path / "ledger.csv")
    with pytest.warns(Note, match=r"times carry \+04:00; they are kept as written"):
        assert check(path) == []
    assert check(path, timezone="Asia/Dubai") == []
    ledger.loc[:9, "paid_at"] = ledger.loc[:9, "paid_at"].str.replace("+04:00", "+03:00")
    (fault,) = check(write(ledger, path))
    assert "mixes time zones (+03:00, +04:00); say whose days to use with --timezone" in str(fault)


def test_bytes_of_another_encoding_are_pointed_at(tmp_path):
    ledger = text(entity=(120, "هيئة"))
    raw = ledger.to_csv(index=False)
    path = write(ledger, tmp_path / "ledger.csv", "cp1256")
    (fault,) = check(path)
    assert (fault.row, fault.line) == (120, 121)
    assert f"byte {raw.index('هيئة') + 1:,} is not UTF-8 text" in str(fault)
    assert check(path, encoding="cp1256") == []


def test_files_that_are_not_whole(tmp_path):
    (tmp_path / "empty.csv").touch()
    assert ["is empty" in str(f) for f in check(tmp_path / "empty.csv")] == [True]
    (tmp_path / "header.csv").write_text(",".join(sound().columns) + "\n")
    assert ["holds no payments" in str(f) for f in check(tmp_path / "header.csv")] == [True]
    noise = drawn(5_000)
    packed = gzip.compress(noise.to_csv(index=False).encode())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    noise.to_parquet(tmp_path / "cut.parquet")
    whole = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    for name in ("cut.csv.gz", "cut.parquet"):
        (fault,) = check(tmp_path / name)
        assert fault.file == name
        assert "cut short" in str(fault)
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "none.csv")


def test_lines_with_too_many_or_too_few_cells(tmp_path):
    lines = write(sound(), tmp_path / "ledger.csv").read_text().splitlines()
    lines[50] += ",more"
    lines[70] = lines[70].rsplit(",", 2)[0]
    (tmp_path / "ledger.csv").write_text("\n".join(lines))
    faults = check(tmp_path / "ledger.csv")
    assert [(f.line, f.problem) for f in faults] == [
        (51, "has 8 cells, the header 7"),
        (71, "has 5 cells, the header 7"),
    ]


def test_daily_csv(tmp_path):
    path = tmp_path / "daily.csv"
    path.write_text(
        "day,hires,note\n2017-10-01,5,a\n2017-10-02,-6,b\n2017-10-02,7,\nsoon,8,c\n2017-10-06,many,d\n2099-01-01,,e\n"
    )
    today = f"{pd.Timestamp.now():%Y-%m-%d}"
    assert [str(f).removeprefix("daily.csv, ") for f in check(path)] == [
        "row 4 (line 5), day: 'soon' is not a day; write it as 2017-10-26",
        f"row 6 (line 7), day: '2099-01-01' is after {today}; correct it",
        "row 6 (line 7), hires: is empty; fill it in, or leave the day out",
        "row 5 (line 6), hires: 'many' is not a number; write it as 1234.5",
        "row 2 (line 3), hires: '-6' is negative; correct it",
        "row 3 (line 4), day: '2017-10-02' is also in row 2; keep one row a day",
        "day: nothing on 2017-10-03 to 2017-10-05 (3 days); add the days; until then they are missing, not zero",
    ]


def test_reference_data_is_sound(reference_data):
    assert check(reference_data / "cdnow" / "CDNOW_master.txt", columns=CDNOW) == []
    assert check(reference_data / "tfl_cycle_hire" / "daily.csv") == []
    assert check(reference_data / "upi_rbi_daily" / "daily.csv") == []
    with pytest.warns(Note, match="paid_at is 'date', amount is 'dollar_value', payer_id is 'customer_id'"):
        assert check(reference_data / "cdnow" / "CDNOW_master.txt") == []


def test_a_fault_is_one_line():
    fault = Fault(3, "amount", "is negative", "correct it", "a.csv", 4)
    assert str(fault) == "a.csv, row 3 (line 4), amount: is negative; correct it"
    assert str(Fault(None, None, "the file is empty", "")) == "the file is empty"
