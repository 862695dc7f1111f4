"""Data as people hand them in: each gives the number that is true, or one line that names the place. None is silent."""

from __future__ import annotations

import itertools
import math
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from analysis.ledger import Note, as_daily, check, daily_metric

DAYS = pd.date_range("2017-10-01", periods=31)
ROWS = [
    (day, hour, 7 * day.day + hour) for day in DAYS for hour in (9, 13, 21)
]  # three payments a day, whole amounts
TRUTH = {day: sum(amount for d, _, amount in ROWS if d == day) for day in DAYS}
TOLD = (ValueError, FileNotFoundError)


def outcome(source, name="value", **options) -> tuple[pd.Series | None, str]:
    """The series and the notes, or None and the refusal."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", Note)
        try:
            series = daily_metric(source, name, **options)
        except TOLD as error:
            line = str(error)
            assert "\n" not in line
            assert len(line) < 300, line
            return None, line
    return series, " | ".join(str(one.message) for one in notes if one.category is Note)


def expect(source, words: str | None, note: str | None = None, scale: float = 1, **options) -> None:
    """The truth (times `scale`, noted where `note` is given), or a refusal in which all of `words` occur."""
    series, told = outcome(source, **options)
    if words is not None:
        assert series is None, f"silent: {series.head(3).to_dict()}"
        for word in words.split("…"):
            assert word in told, told
        return
    assert series is not None, told
    assert series.to_dict() == pytest.approx({day: value * scale for day, value in TRUTH.items()}, rel=1e-12)
    if note:
        assert note in told, told
    else:
        assert not told, told


def ledger(tmp_path: Path, amount=str, time=None, separator=";", name="ledger.csv", **more) -> Path:
    """The rows as text: `amount` and `time` write a cell; `more` maps a column to a function of the row's number."""
    time = time or (lambda day, hour: f"{day:%Y-%m-%d} {hour:02}:05:00")
    head = separator.join(["transaction_id", "paid_at", "amount", *more])
    lines = [
        separator.join([f"t{i}", time(day, hour), amount(value), *(make(i) for make in more.values())])
        for i, (day, hour, value) in enumerate(ROWS)
    ]
    path = tmp_path / name
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def daily(tmp_path: Path, day=None, cell=str, separator=";", head="date;n") -> Path:
    day = day or (lambda d: f"{d:%Y-%m-%d}")
    path = tmp_path / "daily.csv"
    lines = [day(d) + separator + cell(value) for d, value in TRUTH.items()]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def one_of(first, rest):
    """The first cell written in one way and the others in another."""
    seen = itertools.count()
    return lambda value: (first if next(seen) == 0 else rest)(value)


def grouped(value: float, decimal: str, group: str, places: int) -> str:
    return f"{value:,.{places}f}".translate({ord(","): group, ord("."): decimal})


# Numbers. Amounts are scaled by a thousand so that thousands are apart, and every way to write them is tried in a
# ledger and in daily figures: a way with two readings is refused unless the user says the decimal mark.
NOTATIONS = {
    f"{decimal}{group or 'x'}{places}": (decimal, group, places)
    for decimal in ".,"
    for group in ("", ",", ".", " ", "'", "\u00a0", "\u202f")
    for places in (0, 1, 2, 3)
    if group != decimal
}


@pytest.mark.parametrize("kind", ["ledger", "daily"])
@pytest.mark.parametrize("way", NOTATIONS)
def test_a_number_is_read_as_it_was_meant_or_refused(way, kind, tmp_path):
    decimal, group, places = NOTATIONS[way]

    def cell(value):
        return grouped(value * 1000, decimal, group, places)

    make = ledger(tmp_path, cell) if kind == "ledger" else daily(tmp_path, cell=cell)
    name = "value" if kind == "ledger" else "n"
    open_to_two = group in (".", ",") and places == 0
    words = "can be read as…or as…--decimal" if open_to_two else None
    expect(make, words, name=name, scale=1000)
    expect(make, None, name=name, scale=1000, decimal=decimal)
    if group not in (".", ","):
        return
    wrong = outcome(make, name=name, decimal=group)[0]
    assert wrong is None or places == 0, "the other mark gives other numbers, or a refusal"


SMALL = {
    "three places": (lambda v: f"{v:.3f}", "can be read as…--decimal ."),
    "three places, comma": (lambda v: f"{v:.3f}".replace(".", ","), "can be read as…--decimal ."),
    "10.000 beside 10000": (one_of(lambda v: f"{v:.3f}", str), "can be read as…--decimal ."),
    "12,345 beside 12,3": (one_of(lambda v: f"{v},345", lambda v: f"{v},3"), "can be read as…--decimal ."),
    "1,5 beside 1.5": (one_of(lambda v: f"{v},5", lambda v: f"{v}.5"), "are not written alike"),
    "1.234,5 beside 1,234.5": (one_of(lambda v: "1.234,5", lambda v: "1,234.5"), "are not written alike"),
    "one unit of many": (one_of(lambda v: f"AED {v}", str), "some cells carry the unit…AED"),
    "two units": (one_of(lambda v: f"AED {v}", lambda v: f"USD {v}"), "some cells carry the unit…USD"),
    "one per cent": (one_of(lambda v: f"{v}%", str), "some cells carry the unit…%"),
    "a word": (
        one_of(lambda v: "ten", str),
        "amount of 1 rows is missing or not a number…row 1 (line 2)…'ten'",
    ),
    "empty": (one_of(lambda v: "", str), "amount of 1 rows is missing…row 1 (line 2)"),
    "NaN": (one_of(lambda v: "NaN", str), "amount of 1 rows is missing…row 1 (line 2)"),
    "infinity": (one_of(lambda v: "inf", str), "amount of 1 rows is missing…row 1 (line 2)…'inf'"),
    "brackets": (one_of(lambda v: f"({v})", str), "amount of 1 rows…row 1 (line 2)"),
    "a minus behind": (one_of(lambda v: f"{v}-", str), "amount of 1 rows…row 1 (line 2)"),
    "negative": (one_of(lambda v: f"-{v}", str), "negative amounts…refunds"),
    "two marks": (one_of(lambda v: "1.2.3", str), "amount of 1 rows…row 1 (line 2)"),
    "groups of two": (one_of(lambda v: "12,34", lambda v: f"{v}.5"), "are not written alike"),
    "huge": (one_of(lambda v: "1e300", str), "amount of 1 rows…row 1 (line 2)"),
    "thousands said by letter": (one_of(lambda v: f"{v}k", str), "amount of 1 rows…row 1 (line 2)…k'"),
    "hexadecimal": (one_of(lambda v: "0x1F", str), "amount of 1 rows…row 1 (line 2)"),
    "a formula": (one_of(lambda v: "=1+1", str), "amount of 1 rows…row 1 (line 2)"),
    "a date": (one_of(lambda v: "2017-10-26", str), "amount of 1 rows…row 1 (line 2)"),
}


@pytest.mark.parametrize("case", SMALL)
def test_amounts_that_are_no_one_number_are_refused(case, tmp_path):
    cell, words = SMALL[case]
    expect(ledger(tmp_path, cell), words)
    assert check(tmp_path / "ledger.csv"), "check names it too"


UNITS = [
    "AED {}",
    "{} AED",
    "${}",
    "{} €",
    "{}%",
    "Dh {}",
    "د.إ {}",
    "{} درهم",
    "+{}",
    "{}.00",
    " {} ",
    "{}e0",
    "0{}",
]


@pytest.mark.parametrize("form", UNITS)
def test_a_unit_in_every_cell_is_left_out_and_said(form, tmp_path):
    unit = form.replace("{}", "").strip()
    note = (
        f"the unit {unit!r} of every cell is left out"
        if unit and unit not in ("+", ".00", "e0", "0")
        else None
    )
    expect(ledger(tmp_path, form.format), None, note)


def arabic(text: str) -> str:
    return text.translate(
        {ord(str(i)): chr(0x660 + i) for i in range(10)} | {ord("."): "\u066b", ord(","): "\u066c"}
    )


@pytest.mark.parametrize("places", [0, 1, 2, 3])
def test_arabic_digits_and_marks_are_never_open(places, tmp_path):
    expect(ledger(tmp_path, lambda v: arabic(f"{1000 * v:,.{places}f}")), None, scale=1000)


# Times. Days beyond the 12th tell which of day and month comes first; without one the day is refused.
TIMES = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "T": "%Y-%m-%dT%H:%M:%S",
    "minutes": "%Y-%m-%d %H:%M",
    "fraction": "%Y-%m-%dT%H:%M:%S.250",
    "slash": "%Y/%m/%d %H:%M:%S",
    "day first": "%d/%m/%Y %H:%M",
    "month first": "%m/%d/%Y %H:%M",
    "dots": "%d.%m.%Y %H:%M",
    "12 hours": "%m/%d/%Y %I:%M %p",
    "12 hours, seconds": "%m/%d/%Y %I:%M:%S %p",
    "12 hours, iso": "%Y-%m-%d %I:%M %p",
    "small pm": "%d/%m/%Y %I:%M %P",
    "no space pm": "%d/%m/%Y %I:%M%p",
    "compact": "%Y%m%d%H%M%S",
    "month's name": "%d %B %Y %H:%M",
    "short month": "%d-%b-%Y %H:%M:%S",
    "american": "%B %d, %Y %H:%M",
    "comma": "%m/%d/%Y, %I:%M:%S %p",
    "dashes": "%d-%m-%Y %H:%M",
}


def stamped(form: str, tail: str = ""):
    return lambda day, hour: (day + pd.Timedelta(hours=hour, minutes=5)).strftime(form) + tail


@pytest.mark.parametrize("form", TIMES.values(), ids=TIMES)
def test_a_time_falls_on_its_day_in_every_form(form, tmp_path):
    expect(ledger(tmp_path, time=stamped(form)), None)


@pytest.mark.parametrize("tail", ["+04:00", "+0400", "Z", "-05:00", "+05:30", " UTC", "+00:00"])
def test_one_offset_is_kept_as_written_and_said_or_converted_where_a_zone_is_given(tail, tmp_path):
    path = ledger(tmp_path, time=stamped("%Y-%m-%dT%H:%M:%S", tail))
    expect(path, None, "they are kept as written")
    utc = [pd.Timestamp(f"{d:%Y-%m-%d}T{h:02}:05:00{tail.strip().replace('UTC', 'Z')}") for d, h, _ in ROWS]
    local = pd.Series(
        [v for *_, v in ROWS], index=[t.tz_convert("Asia/Tokyo").tz_localize(None).normalize() for t in utc]
    )
    series, told = outcome(path, timezone="Asia/Tokyo")
    assert series.to_dict() == local.groupby(level=0).sum().to_dict()
    assert told == ""


def other(first: str, rest: str):
    seen = itertools.count()
    return lambda day, hour: stamped(first if next(seen) == 40 else rest)(day, hour)


WRONG_TIMES = {
    "mixed offsets": (
        other("%Y-%m-%dT%H:%M:%S+03:00", "%Y-%m-%dT%H:%M:%S+04:00"),
        "mixes time zones…--timezone",
    ),
    "one offset": (
        other("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"),
        "paid_at of 1 rows…row 41 (line 42)…carries a time zone",
    ),
    "one without": (other("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"), "paid_at of 1 rows…row 41 (line 42)"),
    "a word": (
        other("yesterday", "%Y-%m-%d %H:%M"),
        "paid_at of 1 rows…row 41 (line 42)…'yesterday' is not a time",
    ),
    "the header": (
        other("paid_at", "%Y-%m-%d %H:%M"),
        "paid_at of 1 rows…row 41 (line 42)…the header comes again",
    ),
    "30 February": (other("2017-02-30", "%Y-%m-%d %H:%M"), "paid_at of 1 rows…row 41 (line 42)"),
    "25 o'clock": (other("2017-10-14 25:00", "%Y-%m-%d %H:%M"), "paid_at of 1 rows…row 41 (line 42)"),
    "two digits of a year": (stamped("%d/%m/%y"), "paid_at of 93 rows"),
    "a year": (stamped("%Y"), "paid_at of 93 rows"),
    "a month": (stamped("%Y-%m"), "paid_at of 93 rows"),
    "empty": (other("", "%Y-%m-%d %H:%M"), "paid_at of 1 rows…row 41 (line 42)…is empty"),
    "both orders": (other("10/14/2017", "%d/%m/%Y"), "some days are written day first and some month first"),
}


@pytest.mark.parametrize("case", WRONG_TIMES)
def test_times_that_are_no_one_time_are_refused_by_their_row(case, tmp_path):
    time, words = WRONG_TIMES[case]
    expect(ledger(tmp_path, time=time), words)
    assert check(tmp_path / "ledger.csv")


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y"])
@pytest.mark.parametrize("kind", ["ledger", "daily"])
def test_days_open_to_two_readings_are_refused_until_the_order_is_said(form, kind, tmp_path):
    rows = [(d, v) for d, v in TRUTH.items() if d.day <= 12]
    path = tmp_path / "data.csv"
    head = "paid_at,amount" if kind == "ledger" else "date,n"
    path.write_text("\n".join([head, *(f"{d.strftime(form)},{v}" for d, v in rows)]))
    name = "value" if kind == "ledger" else "n"
    series, told = outcome(path, name=name)
    assert series is None
    for words in ("can be read two ways", "--date-format day-first or --date-format month-first"):
        assert words in told
    order = "day-first" if form.startswith("%d") else "month-first"
    assert outcome(path, name=name, date_format=order)[0].to_dict() == dict(rows)
    assert outcome(path, name=name, date_format="sideways")[1].startswith("date format 'sideways' is unknown")


def test_a_leap_second_belongs_to_the_day_that_it_ends(tmp_path):
    path = tmp_path / "leap.csv"
    path.write_text("paid_at,amount\n2016-12-31T23:59:60,1\n2017-01-01T00:00:00,2\n")
    assert daily_metric(path, "value").tolist() == [1, 2]


def test_days_around_changes_of_the_clock_keep_their_payments(tmp_path):
    """London, autumn 2017: 23:30 UTC on the 28th is the 29th in summer time, on the 29th the 29th itself."""
    path = tmp_path / "clock.csv"
    path.write_text(
        "paid_at,amount\n2017-10-28T23:30:00Z,1\n2017-10-29T00:30:00Z,2\n2017-10-29T23:30:00Z,4\n2017-10-30T00:00:00Z,8\n"
    )
    assert daily_metric(path, "value", timezone="Europe/London").tolist() == [7, 8]


# Files and frames.
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1256"])
def test_separators_and_encodings(separator, encoding, tmp_path):
    path = ledger(tmp_path, separator=separator, entity=lambda i: "هيئة")
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    if encoding == "cp1256":
        expect(path, "is not UTF-8 text…--encoding cp1256")
        expect(path, None, encoding="cp1256")
    else:
        expect(path, None)


def whole() -> pd.DataFrame:
    rows = pd.DataFrame(ROWS, columns=["day", "hour", "amount"])
    paid_at = (rows["day"] + pd.to_timedelta(rows["hour"], unit="h")).astype("datetime64[us]")
    return pd.DataFrame(
        {
            "transaction_id": [f"t{i}" for i in range(len(rows))],
            "paid_at": paid_at,
            "amount": rows["amount"].astype(float),
        }
    )


OTHERS = pl.col("transaction_id") != "t4"
TYPES = {
    "float32": (pl.col("amount").cast(pl.Float32), None),
    "uint64": (pl.col("amount").cast(pl.UInt64), None),
    "int8": (pl.col("amount").clip(0, 99).cast(pl.Int16), "off"),
    "decimal": (pl.col("amount").cast(pl.Decimal(38, 2)), None),
    "text": (pl.col("amount").cast(pl.String), None),
    "bool": (pl.col("amount") > 0, "amount has type Boolean, not a number"),
    "list": (pl.concat_list("amount"), "amount has type List"),
    "struct": (pl.struct("amount").alias("amount"), "amount has type Struct"),
    "null": (pl.lit(None).alias("amount"), "amount holds nothing that is read, not a number"),
    "a date": (pl.col("paid_at").alias("amount"), "amount has type Datetime"),
    "one null": (pl.when(OTHERS).then("amount").alias("amount"), "amount of 1 rows…row 5"),
    "one NaN": (
        pl.when(OTHERS).then("amount").otherwise(float("nan")).alias("amount"),
        "amount of 1 rows…row 5",
    ),
    "one infinity": (
        pl.when(OTHERS).then("amount").otherwise(float("inf")).alias("amount"),
        "amount of 1 rows…row 5",
    ),
    "times as text": (pl.col("paid_at").cast(pl.String), None),
    "times as days": (pl.col("paid_at").dt.date(), None),
    "times as nanoseconds": (pl.col("paid_at").cast(pl.Datetime("ns")), None),
    "times as numbers": (pl.col("paid_at").dt.strftime("%Y%m%d").cast(pl.Int64), None),
    "times as fractions": (pl.lit(0.5).alias("paid_at"), "paid_at has type Float64, not a time"),
    "times as clocks": (pl.col("paid_at").dt.time(), "paid_at has type Time, not a time"),
    "times of a zone": (pl.col("paid_at").dt.replace_time_zone("UTC"), "carries a time zone…--timezone"),
    "one time null": (pl.when(OTHERS).then("paid_at").alias("paid_at"), "paid_at of 1 rows…row 5"),
}


@pytest.mark.parametrize("form", ["parquet", "polars", "pandas", "duckdb"])
@pytest.mark.parametrize("case", TYPES)
def test_types_of_columns(case, form, tmp_path):
    change, words = TYPES[case]
    frame = pl.from_pandas(whole()).with_columns(change)
    if words == "off":
        frame, words = frame.with_columns(pl.from_pandas(whole())["amount"].cast(pl.Int16)), None
    if form == "parquet":
        frame.write_parquet(tmp_path / "ledger.parquet")
        frame = tmp_path / "ledger.parquet"
    elif form == "pandas":
        frame = frame.to_pandas(
            use_pyarrow_extension_array=case in ("decimal", "bool", "list", "null", "struct")
        )
    elif form == "duckdb":
        if case in ("times as clocks", "null"):
            words = "paid_at" if "clock" in case else "amount"
        arrow = frame.to_arrow()
        frame = pytest.importorskip("duckdb").from_arrow(arrow)
    expect(frame, words)


@pytest.mark.parametrize("unit", [1e9, 1e12, 1e13])
def test_sums_do_not_overflow(unit):
    """A thousand payments a day of 10**15 overflowed 64 bits as hundredths, and the sum came out negative."""
    rows = pd.concat([whole()] * 10).assign(transaction_id=lambda r: np.arange(len(r)).astype(str))
    series, _ = outcome(rows.assign(amount=rows["amount"] * unit))
    assert series.tolist() == [10 * unit * value for value in TRUTH.values()]


# Twice, empty, alone.
def test_every_payment_twice_is_refused_with_identifiers_and_said_without(tmp_path):
    twice = pd.concat([whole()] * 2)
    expect(twice, "50.00% of the rows repeat a transaction_id…would count twice")
    assert any("is also in row" in str(fault) for fault in check(twice))
    _, told = outcome(twice.drop(columns="transaction_id"))
    assert "50.00% of the rows repeat another in every column" in told
    assert any(
        "are like another in every column" in str(fault)
        for fault in check(twice, columns={"paid_at": "paid_at"})
        + check(twice.drop(columns="transaction_id"))
    )
    few = pd.concat([whole()] * 5).assign(transaction_id=lambda r: [f"t{i}" for i in range(len(r))])
    few.iloc[-1, 0] = "t463"
    assert "repeat a transaction_id; they count as often as they come" in outcome(few)[1]


def test_a_file_beside_its_copy_is_refused(tmp_path):
    text = ledger(tmp_path).read_text()
    (tmp_path / "copy of ledger.csv").write_text(text)
    expect(tmp_path, "is a copy of…would count twice")
    assert "is a copy of" in str(check(tmp_path)[0])


def test_a_column_that_comes_twice_is_refused(tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_text("paid_at,amount,amount\n2017-10-01,1,2\n")
    expect(path, "two columns are called 'amount'")
    assert "two columns are called 'amount'" in str(check(path)[0])


@pytest.mark.parametrize("form", ["csv", "pandas"])
def test_empty_payers_are_nobody(form, tmp_path):
    rows = whole().assign(payer_id=[["p", "q", ""][i % 3] for i in range(93)])
    source = rows
    if form == "csv":
        rows.to_csv(tmp_path / "ledger.csv", index=False)
        source = tmp_path / "ledger.csv"
    series, told = outcome(source, "payers")
    assert set(series) == {2}
    assert "31 payments have an empty payer_id; they are no payers" in told
    assert any("payer_id: is empty, so the payment has no payer" in str(fault) for fault in check(source))


def test_a_single_payer_is_said():
    assert "no day has more than one payer" in outcome(whole().assign(payer_id="p"), "payers")[1]
    assert any("payer_id: is the same in every row" in str(f) for f in check(whole().assign(payer_id="p")))


@pytest.mark.parametrize(
    ("labels", "words", "note"),
    [
        (["app", "web", "counter"], None, None),
        (["app", "web", "kiosk"], None, "no channel is offline (offline_channels: counter)"),
        (
            ["counter", "counter", "counter"],
            None,
            "every channel is offline (counter), so no payment is digital",
        ),
        (["app", "", "counter"], None, "some payments have an empty channel"),
        (["app", "web", "Counter"], "channel 'Counter' looks like 'counter'", None),
        (["app", "web", "counter "], "looks like 'counter'", None),
        (["app", "web", "countr"], "looks like 'counter'", None),
    ],
)
def test_a_channel_is_never_silently_digital(labels, words, note):
    rows = whole().assign(channel=[labels[i % 3] for i in range(93)])
    series, told = outcome(rows, "count", offline_channels=("counter",))
    if words:
        assert series is None
        assert words in told
        return
    assert set(series) == {3 - labels.count("counter")}
    assert (note or "") in told
    assert bool(told) == bool(note)
    share, told = outcome(rows, "digital_share", offline_channels=("counter",))
    if "counter" in labels:
        assert share.tolist() == pytest.approx([1 - labels.count("counter") / 3] * 31)
    else:
        assert share is None
        assert "offline_channels" in told


def test_without_an_offline_channel_every_payment_counts_and_a_note_asks():
    series, told = outcome(
        whole().assign(channel=[["app", "", "counter"][i % 3] for i in range(93)]), "count"
    )
    assert set(series) == {3}
    assert "every channel count (app, counter); name offline ones: --offline-channel" in told
    assert "digital" not in told
    assert outcome(whole().assign(channel="till"), "count")[1] == ""


def test_a_study_names_its_own_offline_channels():
    rows = whole().assign(channel=[["app", "مركز الخدمة", "branch"][i % 3] for i in range(93)])
    own = {"offline_channels": ("مركز الخدمة", "branch")}
    assert set(outcome(rows, "count", **own)[0]) == {1}
    assert outcome(rows, "digital_share", **own)[0].tolist() == pytest.approx([1 / 3] * 31)
    assert "offline_channels" in outcome(rows, "digital_share", offline_channels=())[1]


# The day of the event.
@pytest.mark.parametrize("lacking", ["2017-10-26", "2017-10-31", "2017-10-01", "2018-01-01", "2016-01-01"])
def test_a_ledger_without_the_day_of_the_event_is_not_zero(lacking, tmp_path):
    rows = whole()
    rows = rows[rows["paid_at"].dt.strftime("%Y-%m-%d") != lacking]
    series, told = outcome(rows, event=[lacking])
    assert series is None
    assert f"no payment on {lacking}, the day of the event" in told
    assert pd.Timestamp(lacking) not in outcome(rows)[0].index or lacking == "2017-10-26"


# Daily figures.
@pytest.mark.parametrize(
    ("apart", "word"),
    [
        ("7D", "weekly"),
        ("14D", "fortnightly"),
        ("MS", "monthly"),
        ("ME", "monthly"),
        ("QS", "quarterly"),
        ("YS", "yearly"),
    ],
)
def test_figures_that_are_not_daily_are_named(apart, word, tmp_path):
    path = tmp_path / "daily.csv"
    days = pd.date_range("2010-01-01", periods=30, freq=apart)
    path.write_text("date,n\n" + "".join(f"{d:%Y-%m-%d},5\n" for d in days))
    expect(path, f"these are {word} figures; give one row a day", name="n")
    assert f"these are {word} figures" in str(check(path)[0])


@pytest.mark.parametrize("minutes", [60, 30, 15])
@pytest.mark.parametrize("lacking", [False, True])
def test_hours_are_summed_to_days_and_days_without_some_are_missing_and_named(minutes, lacking, tmp_path):
    stamps = pd.date_range("2017-10-01", "2017-10-31 23:59", freq=f"{minutes}min")
    rows = [(t, TRUTH[t.normalize()] * minutes / 1440) for t in stamps]
    if lacking:
        rows = [
            row
            for row in rows
            if not pd.Timestamp("2017-10-12 03:00") <= row[0] < pd.Timestamp("2017-10-12 05:00")
        ]
    path = tmp_path / "hours.csv"
    path.write_text("time,n\n" + "".join(f"{t:%Y-%m-%d %H:%M},{v!r}\n" for t, v in rows))
    series, told = outcome(path, "n")
    assert f"one row every {minutes} minutes, summed to days" in told
    assert ("2017-10-12 lack some and are missing" in told) == lacking
    assert series.dropna().to_dict() == pytest.approx(
        {d: v for d, v in TRUTH.items() if not (lacking and d.day == 12)}
    )


@pytest.mark.parametrize("spell", ["offset", "utc"])
def test_hours_of_a_zone_make_local_days_of_23_and_25_hours(spell, tmp_path):
    stamps = pd.date_range("2017-03-20", "2017-11-06", freq="h", tz="Europe/London", inclusive="left")
    shown = stamps if spell == "offset" else stamps.tz_convert("UTC")
    path = tmp_path / "hours.csv"
    path.write_text("time,n\n" + "".join(f"{t.isoformat()},1\n" for t in shown))
    series, _ = outcome(path, "n", timezone="Europe/London")
    assert series.value_counts().to_dict() == {24: len(series) - 2, 23: 1, 25: 1}
    assert series["2017-03-26"] == 23


DAILY_STAMPS = {
    "offset": ("T00:00:00+04:00", {}),
    "offset, same zone": ("T00:00:00+04:00", {"timezone": "Asia/Dubai"}),
    "utc": ("T00:00:00Z", {}),
    "utc, west": ("T00:00:00Z", {"timezone": "America/New_York"}),
    "offset, west": ("T00:00:00+04:00", {"timezone": "America/New_York"}),
    "midnight": (" 00:00:00", {}),
    "noon": (" 12:00", {}),
}


@pytest.mark.parametrize("case", DAILY_STAMPS)
def test_a_daily_stamp_is_never_shifted_by_a_day(case, tmp_path):
    tail, options = DAILY_STAMPS[case]
    expect(daily(tmp_path, lambda d: f"{d:%Y-%m-%d}{tail}"), None, name="n", **options)


def test_a_daily_stamp_at_another_zones_midnight_is_asked_about(tmp_path):
    path = daily(tmp_path, lambda d: f"{d - pd.Timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}")
    expect(path, "every time is 20:00:00 of another zone…--timezone", name="n")
    expect(path, None, name="n", timezone="Asia/Dubai")


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "%m/%d/%Y 12:00 AM", "%d.%m.%Y"],
)
def test_days_of_daily_figures_in_every_form(form, tmp_path):
    expect(daily(tmp_path, lambda d: d.strftime(form)), None, name="n")
    expect(daily(tmp_path, lambda d: d.strftime("%d/%m/%y")), None, name="n", date_format="%d/%m/%y")
    expect(daily(tmp_path, cell="{:e}".format), None, name="n")


LINES = {
    "a day twice": ("2017-10-07;5", "row 32 (line 33)…'2017-10-07' is also in row 7"),
    "the header again": ("date;n", "row 32 (line 33)…the header comes again"),
    "a total": ("Total;999", "row 32 (line 33)…'Total' is not a day"),
    "no day": (";5", "row 32 (line 33)…is empty"),
    "no number": ("2017-11-01;many", "row 32 (line 33)…'many' is not a number"),
    "an infinity": ("2017-11-01;inf", "row 32 (line 33)…'inf' is not a number"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_wrong_line_of_daily_figures_is_named(case, tmp_path):
    line, words = LINES[case]
    path = daily(tmp_path)
    path.write_text(path.read_text() + line + "\n")
    expect(path, words, name="n")


def test_a_daily_file_without_the_day_has_no_value_there(tmp_path):
    path = daily(tmp_path)
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "2017-10-26" not in line))
    series, _ = outcome(path, "n")
    assert series.isna().sum() == 1
    assert np.isnan(series["2017-10-26"])
    assert series.index[-1] == pd.Timestamp("2017-10-31")


WRONG_OPTIONS = {
    "columns of daily figures": (
        {"columns": {"amount": "n"}},
        "holds daily figures, which --columns does not map",
    ),
    "an unknown column": ({"columns": {"paid": "date"}}, "--columns…"),
    "no such metric": ({"name": "payers"}, "no measure 'payers' among n…--value-column"),
    "no such day": ({"date_column": "dat"}, "no column 'dat'; did you mean date"),
    "no such measure": ({"value_column": "zzz"}, "no column 'zzz'; --value-column names one of date, n"),
    "a query of a file": ({"query": "payments"}, "--query is for databases and workbooks"),
    "an unknown zone": ({"timezone": "Asia/Dubay"}, "did you mean Asia/Dubai"),
    "an unknown mark": ({"decimal": ";"}, "decimal ';' is unknown"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_options_without_a_use_are_errors(case, tmp_path):
    options, words = WRONG_OPTIONS[case]
    expect(daily(tmp_path), words, **({"name": None} | options))


def test_several_measures_are_asked_about(tmp_path):
    path = tmp_path / "daily.csv"
    path.write_text("date,a,b\n" + "".join(f"{d:%Y-%m-%d},{v},1\n" for d, v in TRUTH.items()))
    expect(path, "several measures (a, b); name one with --metric or --value-column", name=None)
    expect(path, None, name="a")
    expect(path, None, name=None, value_column="a")


def long(tmp_path: Path, total: bool = False, lacking: bool = False) -> Path:
    rows = [(d, g, v * share) for d, v in TRUTH.items() for g, share in (("north", 0.25), ("south", 0.75))]
    if total:
        rows += [(d, "whole", v) for d, v in TRUTH.items()]
    if lacking:
        rows = [r for r in rows if (r[0].day, r[1]) != (9, "south")]
    path = tmp_path / "long.csv"
    path.write_text("date,region,n\n" + "".join(f"{d:%Y-%m-%d},{g},{v}\n" for d, g, v in rows))
    return path


def test_long_figures_are_summed_over_their_groups_and_said(tmp_path):
    expect(long(tmp_path), None, "n is summed over the 2 groups of region", name="n")
    expect(long(tmp_path), None, scale=0.25, name="north")
    expect(long(tmp_path, total=True), "hold a total beside its parts", name="n")
    expect(long(tmp_path, total=True), None, name="whole")
    assert np.isnan(outcome(long(tmp_path, lacking=True), "n")[0]["2017-10-09"]), (
        "a sum of some groups is no sum"
    )


def test_other_kinds_of_files_are_called_by_their_name(tmp_path):
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04" + bytes(200))
    expect(tmp_path / "book.csv", "book.csv: is no table of text; give it its own ending (.xlsx")
    (tmp_path / "rows.json").write_text('[{"date": "2017-10-26", "n": 1}]')
    expect(tmp_path / "rows.json", "rows.json: is no table of text")
    (tmp_path / "short.csv").write_text("date,n\n1/10/17,5\n26/10/17,6\n")
    expect(tmp_path / "short.csv", "no column reads as days…--date-format")
    (tmp_path / "none.csv").write_text("\n\n")
    expect(tmp_path / "none.csv", "the file is empty")
    (tmp_path / "header.csv").write_text("date,n\n")
    expect(tmp_path / "header.csv", "holds no rows", name="n")
    expect(tmp_path / "gone.csv", "no such file")
    (tmp_path / "letter.txt").write_text("Dear minister\nhere are the figures\n")
    expect(tmp_path / "letter.txt", "letter.txt: no column reads as days")


HELD = {
    "times and numbers mixed": (
        {"paid_at": ["2017-01-01", 3.5]},
        "paid_at of 1 rows…row 2…'3.5' is not a time",
    ),
    "numbers and text mixed": ({"amount": [1.5, "2,5"]}, "are not written alike"),
    "a missing integer": ({"amount": pd.array([1, None], dtype="Int64")}, "amount of 1 rows…row 2"),
    "periods": ({"paid_at": pd.period_range("2017-01-01", periods=2)}, "paid_at holds nothing that is read"),
    "beyond doubles": (
        {"amount": pd.array([2**63 + 5, 1], dtype="UInt64")},
        "amount of 1 rows…row 1…beyond any payment",
    ),
    "lists of channels": ({"channel": [["app"], ["web"]]}, "channel"),
}


@pytest.mark.parametrize("case", HELD)
def test_frames_of_mixed_cells_are_refused_by_name(case):
    change, words = HELD[case]
    expect(pd.DataFrame({"paid_at": ["2017-01-01", "2017-01-02"], "amount": [1.0, 2.0]} | change), words)


def test_frames_of_objects_are_read():
    rows = pd.DataFrame(
        {"paid_at": [d.date() for d in DAYS[:2]], "amount": [Decimal("1.50"), Decimal("2.25")]}
    )
    assert outcome(rows)[0].tolist() == [1.5, 2.25]
    with pytest.raises(ValueError, match="the frame: two columns are called 'amount'"):
        daily_metric(pd.concat([rows, rows["amount"]], axis=1), "value")
    table = pa.table({"paid_at": DAYS[:1], "amount": pa.array([Decimal(1)], pa.decimal256(60, 2))})
    with pytest.raises(ValueError, match="the frame: holds decimals of more than 38 digits"):
        daily_metric(table, "value")


def test_one_daily_series_out_of_what_a_caller_holds():
    duckdb = pytest.importorskip("duckdb")
    series = pd.Series(TRUTH, name="n", dtype=float).rename_axis("date")
    frame = series.reset_index()
    held = [
        series,
        series.to_frame(),
        frame,
        frame.assign(date=frame["date"].astype(str)),
        pl.from_pandas(frame),
    ]
    held += [pl.from_pandas(frame).lazy(), pl.from_pandas(frame).to_arrow(), duckdb.from_df(frame)]
    held += [series.sample(frac=1, random_state=1), series.set_axis(series.index.strftime("%d/%m/%Y"))]
    held += [series.set_axis(series.index.date), series.set_axis(series.index.to_period("D"))]
    for data in held:
        assert as_daily(data).to_dict() == TRUTH, type(data)
    gap = as_daily(series.drop(pd.Timestamp("2017-10-12")))
    assert gap.index[gap.isna()] == [pd.Timestamp("2017-10-12")]
    with pytest.warns(Note, match="one row every 60 minutes, summed to days"):
        assert (
            as_daily(pd.Series(1, index=pd.date_range("2017-10-01", periods=96, freq="h"))).tolist()
            == [24] * 4
        )
    with pytest.raises(ValueError, match="these are weekly figures"):
        as_daily(pd.Series(1, index=pd.date_range("2017-10-01", periods=20, freq="7D")))
    two = series.to_frame().assign(m=1.0)
    assert as_daily(two, "n").to_dict() == TRUTH
    with pytest.raises(ValueError, match=r"several measures \(n, m\)"):
        as_daily(two)
    with pytest.raises(ValueError, match="no measure 'x' among n, m"):
        as_daily(two.reset_index(), "x")
    with pytest.raises(ValueError, match="data cannot be read from int"):
        as_daily(3)


def test_hours_of_groups_are_summed_a_day_and_group(tmp_path):
    stamps = pd.date_range("2017-10-01", "2017-10-31 23:59", freq="h")
    lines = [
        f"{t:%Y-%m-%d %H:%M},{g},{TRUTH[t.normalize()] / 48!r}" for t in stamps for g in ("north", "south")
    ]
    (tmp_path / "hours.csv").write_text("\n".join(["time,region,n", *lines]))
    expect(tmp_path / "hours.csv", None, "is summed over the 2 groups of region", name="n")
    expect(tmp_path / "hours.csv", None, "one row every 60 minutes", scale=0.5, name="north")


LAST = {
    "a comma for a decimal": ("10.000", "12,5", [3_000 * 10_000 + 12.5]),
    "a dot for a decimal": ("10,000", "12.5", [3_000 * 10_000 + 12.5]),
    "thousands at last": ("10.5", "10,000", [3_000 * 10.5 + 10_000]),
    "a third place at last": ("950", "1.500", "can be read as 1.5 or as 1500"),
    "a unit at last": ("950", "AED 950", "some cells carry the unit 'AED'"),
    "a word at last": ("950", "many", r"row 3,001 \(line 3,002\), amount 'many' is not a number"),
}


@pytest.mark.parametrize("case", LAST)
def test_the_last_of_many_rows_decides_as_any_other(case, tmp_path):
    most, last, expected = LAST[case]
    path = tmp_path / "ledger.csv"
    path.write_text("paid_at;amount\n" + f"2017-10-01;{most}\n" * 3_000 + f"2017-10-01;{last}\n")
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            daily_metric(path, "value")
    else:
        assert outcome(path)[0].tolist() == expected


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("13/04/2017", ["2017-04-03", 11]),
        ("04/13/2017", ["2017-03-04", 41]),
        ("04/04/2017", "can be read two ways"),
    ],
)
def test_the_last_of_many_days_decides_as_any_other(last, expected, tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_text("paid_at,amount\n" + "03/04/2017,1\n" * 3_000 + f"{last},2\n")
    series, told = outcome(path)
    if isinstance(expected, str):
        assert expected in told
    else:
        assert [f"{series.index[0]:%Y-%m-%d}", len(series)] == expected
        assert series.iloc[[0, -1]].tolist() == [3_000, 2]


def test_inputs_are_as_many_as_are_told(tally):
    """Each case of a test here is one input."""
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    cases = [[len(mark.args[1]) for mark in getattr(test, "pytestmark", [])] for test in tests]
    tally("odd and wrong files, frames and options", sum(map(math.prod, cases)) - 1)
