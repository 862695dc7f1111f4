"""Properties of reading: what is drawn is written as people write it and comes back, or is refused where it is open."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest

hypothesis = pytest.importorskip("hypothesis", reason="property tests need hypothesis, of the dev extra")
from zoneinfo import ZoneInfo  # noqa: E402

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from analysis.ledger import daily_metric, daily_panel  # noqa: E402
from analysis.ledger.notation import numbers, times  # noqa: E402

settings.register_profile("quick", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("quick")

CENTS = st.integers(-(10**13), 10**13).map(lambda n: Decimal(n) / 100)


def read(column: list[str | None], how=numbers, **options) -> list | str:
    """The cells as read, or the refusal."""
    frame = pl.LazyFrame({"x": pl.Series(column, dtype=pl.String)})
    try:
        return frame.select(how(frame, "x", "t", **options)).collect().to_series().to_list()
    except ValueError as error:
        return str(error)


def written(value: Decimal, decimal: str, group: str, places: int) -> str:
    return f"{value:,.{places}f}".translate({ord(","): group, ord("."): decimal})


@given(
    values=st.lists(CENTS, min_size=1, max_size=30),
    decimal=st.sampled_from(".,"),
    group=st.sampled_from(["", ".", ",", "'", " "]),
    data=st.data(),
)
def test_a_number_comes_back_or_the_column_is_refused(values, decimal, group, data):
    """With places drawn cell by cell the column may be open to two readings: then it is refused, never misread."""
    if group == decimal:
        group = ""
    places = [data.draw(st.integers(0, 4)) for _ in values]
    column = [written(v, decimal, group, p) for v, p in zip(values, places, strict=True)]
    meant = [float(round(v, p)) for v, p in zip(values, places, strict=True)]
    assert read(column, decimal=decimal) == meant
    guessed = read(column)
    if isinstance(guessed, str):
        assert "can be read as" in guessed or "are not written alike" in guessed
    else:
        assert guessed == meant


@given(values=st.lists(CENTS, min_size=2, max_size=30), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_decide(values, seed):
    column = [written(v, ",", ".", i % 3) for i, v in enumerate(values)]
    order = list(range(len(column)))
    seed.shuffle(order)

    one, other = read(column), read([column[i] for i in order])
    assert other == (one if isinstance(one, str) else [one[i] for i in order])


FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%d %b %Y %H:%M:%S",
    "%B %d, %Y",
    "%Y%m%d%H%M%S",
]


@given(
    moments=st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)), min_size=1, max_size=20),
    form=st.sampled_from(FORMS),
)
def test_a_time_comes_back_or_the_column_is_refused(moments, form):
    column = [m.strftime(form) for m in moments]
    meant = [datetime.strptime(c, form) for c in column]
    guessed = read(column, times)
    if guessed != meant:
        assert "can be read two ways" in guessed
        assert all(m.day <= 12 for m in moments)
        order = "day-first" if form.startswith("%d") else "month-first"
        assert read(column, times, date_format=order) == meant


ZONES = [
    "Asia/Dubai",
    "Europe/London",
    "America/St_Johns",
    "Asia/Kathmandu",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Apia",
]


@given(
    moments=st.lists(
        st.datetimes(
            datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.sampled_from(ZONES).map(ZoneInfo)
        ),
        min_size=1,
        max_size=20,
    ),
    zone=st.sampled_from(ZONES),
)
def test_an_instant_falls_on_the_day_of_the_zone(moments, zone):
    column = [m.isoformat() for m in moments if m.utcoffset().total_seconds() % 60 == 0]
    local = [datetime.fromisoformat(cell).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for cell in column]
    assert read(column, times, timezone=zone) == local


ROWS = st.lists(
    st.tuples(
        st.dates(date(2017, 9, 1), date(2017, 9, 20)),
        st.integers(0, 10**17).map(lambda n: Decimal(n) / 100),
        st.sampled_from(["a", "b", "c", None, ""]),
        st.sampled_from(["app", "web", "counter"]),
    ),
    min_size=1,
    max_size=40,
)


def frame_of(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["paid_at", "amount", "payer_id", "channel"])
    frame["transaction_id"] = [f"t{i}" for i in range(len(frame))]
    return frame.assign(paid_at=pd.to_datetime(frame["paid_at"]), amount=frame["amount"].astype(float))


@given(rows=ROWS)
def test_a_panel_is_the_sums_by_decimals(rows):
    """To the cent where doubles hold cents: amounts are as stored, and their sum is rounded once."""
    frame = frame_of(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        panel = daily_panel(frame, ()).set_index("date")
    for day, part in frame.groupby("paid_at"):
        exact = sum(Decimal(amount).quantize(Decimal("0.0001")) for amount in part["amount"])
        assert panel.loc[day, "count"] == len(part)
        assert panel.loc[day, "value"] == float(exact)
        assert panel.loc[day, "payers"] == part.loc[part["payer_id"].fillna("") != "", "payer_id"].nunique()
    assert panel["count"].sum() == len(frame)


@settings(max_examples=15)
@given(rows=ROWS, cut=st.integers(0, 40), seed=st.integers(0, 99))
def test_rows_permuted_files_split_money_scaled(rows, cut, seed, tmp_path_factory):
    frame = frame_of(rows)
    folder = tmp_path_factory.mktemp("split")
    mixed = frame.sample(frac=1, random_state=seed)
    for i, part in enumerate((mixed[:cut], mixed[cut:])):
        if len(part):
            part.to_csv(folder / f"{i}.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = daily_panel(frame, ("channel",))
        pd.testing.assert_frame_equal(daily_panel(folder, ("channel",)), whole, check_exact=True)
        halved = daily_metric(frame.assign(amount=frame["amount"] * 4), "value")
        few = (frame["amount"] < 1e12).all()
        if few:
            pd.testing.assert_series_equal(halved, daily_metric(frame, "value") * 4, rtol=1e-12)
