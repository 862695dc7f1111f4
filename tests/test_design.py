"""The calendar's columns against dates counted by hand; the scales against calculus."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.model.design import DAYS_OF_MONTH, calendar, weekdays_and_growth
from analysis.model.scale import IDENTITY, LOG, LOGIT, ROOT, candidates

FIRST, LAST = pd.Timestamp("2017-09-15"), pd.Timestamp("2017-10-26")
DAYS = pd.date_range(FIRST, LAST)


def marked(name: str, country: str | None = "AE", first=FIRST, last=LAST) -> list[str]:
    table = calendar(first, last, country)
    days = pd.date_range(first, last)
    return [f"{day:%m-%d}" for day in days[table.recurring[table.names.index(name)] == 1]]


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("day 28 of the month", ["09-28"]),
        ("1 days before the month's end", ["09-29"]),
        ("0 days before the month's end", ["09-30"]),
        # September 2017 ended on a Saturday: its last working days were Thursday 28, Wednesday 27, Tuesday 26.
        ("working day 1 from the month's end", ["09-28"]),
        ("working day 2 from the month's end", ["09-27"]),
        ("working day 3 from the month's end", ["09-26"]),
        ("last two working days of the month", ["09-27", "09-28"]),
        # 1 October was a Sunday, the first day of the working week.
        ("working day 1 of the month", ["10-01"]),
        ("working day 2 of the month", ["10-02"]),
        ("first three days of the month", ["10-01", "10-02", "10-03"]),
        ("last three days of the month", ["09-28", "09-29", "09-30"]),
        ("Ramadan", []),
    ],
)
def test_days_of_the_month_of_2017(name, days):
    assert marked(name) == days


def test_columns_do_not_depend_on_where_the_series_starts():
    """Working days count from the first of the month, even where the series starts on its 15th."""
    early = calendar(pd.Timestamp("2017-08-02"), LAST, "AE")
    late = calendar(FIRST, LAST, "AE")
    assert early.names == late.names
    np.testing.assert_array_equal(early.recurring[:, -len(DAYS) :], late.recurring)
    np.testing.assert_array_equal(early.weekday[-len(DAYS) :], late.weekday)


def test_holidays_are_those_taken_on_a_weekend_too():
    """Eid al-Adha of 2017 ran from Thursday 31 August over the weekend to Sunday 3 September."""
    first, last = pd.Timestamp("2017-08-28"), pd.Timestamp("2017-09-05")
    days = pd.date_range(first, last)
    holiday = calendar(first, last, "AE").holiday
    assert [f"{day:%m-%d}" for day in days[holiday]] == ["08-31", "09-01", "09-02", "09-03"]
    assert not calendar(first, last, None).holiday.any()


def test_a_weekend_reform_is_another_regime():
    """Friday-Saturday until the end of 2021, Saturday-Sunday from 2022."""
    first, last = pd.Timestamp("2021-12-20"), pd.Timestamp("2022-01-10")
    regime = calendar(first, last, "AE").regime
    days = pd.date_range(first, last)
    assert len(set(regime[days < "2022-01-01"])) == len(set(regime[days >= "2022-01-01"])) == 1
    assert regime[0] != regime[-1]
    # the first working day of January: Monday 3rd under the new weekend, not Sunday 2nd
    assert marked("working day 1 of the month", "AE", first, last) == ["01-03"]
    assert marked("working day 1 from the month's end", "AE", first, last) == ["12-30"]


def test_the_first_columns_are_single_days():
    """Each day of a month of thirty or more carries exactly one of the shared columns; the rest are groups of days."""
    table = calendar(pd.Timestamp("2017-01-01"), pd.Timestamp("2017-12-31"), None)
    single = table.recurring[:DAYS_OF_MONTH].sum(0)
    months = pd.date_range("2017-01-01", "2017-12-31")
    ordinary = (months.days_in_month == 31) | ((months.days_in_month == 30) & (months.day != 28))
    assert np.all(single[ordinary] == 1)
    assert table.names[DAYS_OF_MONTH - 1] == "2 days before the month's end"
    assert table.names[DAYS_OF_MONTH] == "working day 1 of the month"


def test_weekday_columns_span_the_weekdays_seen():
    """Fitting level and weekdays gives each weekday's own mean; one never seen is the mean of the others."""
    numbers, weekday = np.arange(21), np.arange(21) % 7
    seen = weekday != 6
    columns = weekdays_and_growth(numbers, weekday, seen)
    X = columns.rows[:-1].T  # without growth
    assert columns.names == ("level", "Tue", "Wed", "Thu", "Fri", "Sat", "growth a year")
    values = np.random.default_rng(0).normal(size=21)
    fitted = X @ np.linalg.lstsq(X[seen], values[seen], rcond=None)[0]
    means = [values[weekday == day].mean() for day in range(6)]
    assert fitted[:6] == pytest.approx(means)
    assert fitted[6] == pytest.approx(np.mean(means))


@pytest.mark.parametrize("scale", [LOG, ROOT, IDENTITY, LOGIT], ids=lambda scale: scale.name)
def test_scales_go_there_and_back(scale):
    """inverse(forward(y)) = y, and the logarithm of the slope is that of the finite difference."""
    y = np.array([0.05, 0.3, 0.62, 0.9])
    assert scale.inverse(scale.forward(y)) == pytest.approx(y, rel=1e-12)
    slope = (scale.forward(y + 1e-6) - scale.forward(y - 1e-6)) / 2e-6
    assert scale.log_slope(y) == pytest.approx(np.log(slope), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "metric", "names"),
    [
        ([1.0, 2.0], "count", ["log", "root", "identity"]),
        ([0.0, 2.0], "count", ["root", "identity"]),
        ([-1.0, 2.0], "value", ["identity"]),
        ([0.2, 0.9], "digital_share", ["logit"]),
        ([0.2, 0.9], "value", ["log", "root", "identity"]),
        ([0.2, 1.0], "digital_share", ["log", "root", "identity"]),
    ],
)
def test_scales_by_what_the_values_allow(values, metric, names):
    assert [scale.name for scale in candidates(np.array(values), metric)] == names
