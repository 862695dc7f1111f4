"""What kind of day a date is: weekend, holiday as taken, payday, Ramadan.

Where data/raw has a country's calendar as taken, it wins over the `holidays` package wherever it reaches: holidays are
moved at short notice, and the package keeps nominal dates.
"""

from __future__ import annotations

import csv
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

RAW = Path(__file__).parents[2] / "data" / "raw"

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Countries that shorten the working day in Ramadan, by law or by custom; elsewhere its flag stays down.
RAMADAN_HOURS = "AE AF BD BH BN DJ DZ EG ID IQ IR JO KM KW LB LY MA MR MV MY OM PK PS QA SA SD SO SY TN TR YE"

# What people write for a country where the nearest spelling would mislead.
USUAL_NAMES = {"UAE": "AE", "UK": "GB", "ENGLAND": "GB-ENG", "INDIA": "IN", "USA": "US"}

# Countries whose holidays as taken are in data/raw, and where.
TAKEN = {"AE": "calendar_uae.csv"}

# Bank holidays differ inside these countries; a bare code means this part.
DEFAULT_PARTS = {"GB": "ENG"}


def features(dates: pd.DatetimeIndex, country: str | None = None) -> pd.DataFrame:
    """The calendar of each date.

    Parameters
    ----------
    dates : DatetimeIndex
        Days in any order; a time of day is dropped.
    country : str or None
        ISO 3166 code, with a part where holidays differ ("GB-SCT"); "GB" is England. None is a calendar of
        plain weeks: a Saturday-Sunday weekend, no holidays, no Ramadan.

    Returns
    -------
    DataFrame
        Indexed by `dates`: `weekday` (0 is Monday), `weekend`, `holiday` (its name, "" if none), `working`
        (neither weekend nor holiday; a half day counts as working), `regime` (number of the weekend regime in
        weekend_regimes.csv, 0 where the country has one), `ramadan`, `month_day` (1 to 31), `month_days_left`
        (0 on the last day), `payday` (the last working day of the month).

    A ValueError says that the country is unknown, and names the nearest code.
    """
    index = pd.DatetimeIndex(dates)
    if index.hasnans:
        raise ValueError("a date is missing among the days: drop it or fill it in")
    if not len(index):
        return _table(country, 2000, 2000).iloc[:0].set_axis(index)
    days = index.tz_localize(None)
    table = _table(country, days.min().year, days.max().year)
    return table.take((days - table.index[0]).days).set_axis(index)


def week_begins(day: date | str | pd.Timestamp, country: str | None = None) -> int:
    """The weekday, 0 for Monday, that follows the weekend of the time of `day`; Monday where there is none."""
    week = features(pd.date_range(end=pd.Timestamp(day), periods=7), country)
    rest = set(week.loc[week["weekend"], "weekday"])
    return next((number for number in range(7) if number not in rest and (number - 1) % 7 in rest), 0)


def plain(dates: pd.DatetimeIndex, country: str | None = None) -> np.ndarray:
    """Which of the dates are neither a holiday nor in a Ramadan that shortens the working day, shape of `dates`."""
    table = features(dates, country)
    return ((table["holiday"] == "") & ~table["ramadan"]).to_numpy()


@lru_cache(maxsize=64)
def _table(country: str | None, first_year: int, last_year: int) -> pd.DataFrame:
    """Every day of the years, with its features. Callers slice it and must not write into it."""
    code = _code(country)
    return pd.concat([_year(code, year) for year in range(first_year, last_year + 1)])


@lru_cache(maxsize=256)
def _year(code: str | None, year: int) -> pd.DataFrame:
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    weekend, regime = _weekends(code, days)
    names = _holidays(code, year)
    holiday = np.array([names.get(day, "") for day in days.date], dtype=object)
    working = ~weekend & (holiday == "")
    if code is not None and code not in TAKEN:
        working = np.array([_package(code, year).is_working_day(day) for day in days.date])
    last_working = pd.Series(days.where(working)).groupby(days.month).max()
    ramadan = np.zeros(len(days), bool)
    if (code or "none")[:2] in RAMADAN_HOURS:
        for row in _read("ramadan_uae.csv"):
            ramadan |= (days >= row["start"]) & (days <= row["end"])
    return pd.DataFrame(
        {
            "weekday": days.day_of_week.to_numpy(),
            "weekend": weekend,
            "holiday": holiday,
            "working": working,
            "regime": regime,
            "ramadan": ramadan,
            "month_day": days.day.to_numpy(),
            "month_days_left": (days.days_in_month - days.day).to_numpy(),
            "payday": days.isin(last_working.dropna()),
        },
        index=days,
    )


def _weekends(code: str | None, days: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Whether each day is a weekend, and the number of its regime."""
    weekend, regime = np.array(days.day_of_week >= 5), np.zeros(len(days), int)
    regimes = [row for row in _read("weekend_regimes.csv") if row["country"] == (code or "")[:2]]
    for number, row in enumerate(regimes):
        inside = (days >= (row["start"] or "1900-01-01")) & (days <= (row["end"] or "2200-01-01"))
        off = [WEEKDAYS.index(name) for name in row["weekend"].split()]
        weekend[inside], regime[inside] = days[inside].day_of_week.isin(off), number
    if code is not None and not regimes:
        weekend = np.array([_package(code, days[0].year).is_weekend(day) for day in days.date])
    return weekend, regime


def _holidays(code: str | None, year: int) -> dict[date, str]:
    """Holidays of one year: as taken where the project's calendar reaches, else by the package."""
    rows = _read(TAKEN[code]) if code in TAKEN else ()
    taken = {date.fromisoformat(row["date"]): row["holiday"] for row in rows if row["date"][:4] == str(year)}
    return taken or ({} if code is None else dict(_package(code, year).items()))


@lru_cache(maxsize=256)
def _package(code: str, year: int):
    """The package's holidays of one year, named in English where it can."""
    import holidays  # a tenth of a second, and not needed for a calendar of plain weeks

    country, _, part = code.partition("-")
    languages = holidays.country_holidays(country).supported_languages
    language = next((name for name in ("en_US", "en_GB") if name in languages), None)
    return holidays.country_holidays(country, subdiv=part or None, years=year, language=language)


@lru_cache(maxsize=64)
def _code(country: str | None) -> str | None:
    """The country's code as the package knows it, with its part where one is given."""
    if country is None or country in TAKEN:  # needs no package in the years of data/raw
        return country
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    code, _, part = str(country).strip().upper().partition("-")
    if code not in known:
        guess = USUAL_NAMES.get(code) or get_close_matches(code, sorted(known), 1, 0)[0]
        raise ValueError(f"country {country!r} is unknown: write its ISO 3166 code, such as {guess}")
    part = part or DEFAULT_PARTS.get(code, "")
    if part and part not in known[code]:
        near = get_close_matches(part, sorted(known[code]), 1, 0)
        guess = "-".join([code, *near])
        raise ValueError(f"country {country!r} has no part {part!r}: write {guess}")
    return f"{code}-{part}" if part else code


@lru_cache(maxsize=8)
def _read(name: str) -> tuple[dict[str, str], ...]:
    with (RAW / name).open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))
