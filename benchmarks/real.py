"""False alarms on real series: every ordinary day of four public series, taken for an event in turn.

    REFERENCE_DATA=... python benchmarks/real.py --out data/derived/real-days.csv \\
        --published data/derived/published.csv

The alarms by month of the year go beside the table, into real-days-by-month.csv. Alarms carry an exact binomial 95 %
interval; it takes the days as independent, which neighbouring days are not quite.

The series are not part of the project; the folder that REFERENCE_DATA names holds them. An ordinary day is neither
a public holiday nor a day of a known event (a strike, Halloween), and has at least `MINIMUM` days before it.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
import pandas as pd
from scipy.stats import binomtest

from analysis import days
from analysis.effect import ESTIMATORS, RECOMMENDED, Effect, estimate
from analysis.windows import Windows

MINIMUM = 120
# Tube strikes; both days of a strike that began in the evening before.
TFL_EVENTS = """2010-09-06 2010-09-07 2010-10-03 2010-10-04 2010-11-02 2010-11-03 2010-11-28 2010-11-29 2014-02-05
2014-02-06 2014-04-29 2014-04-30 2015-07-08 2015-07-09 2015-08-05 2015-08-06 2017-01-08 2017-01-09 2022-03-01
2022-03-02 2022-03-03 2022-03-04 2022-06-06 2022-06-21 2022-06-23 2022-06-25 2022-08-19""".split()
# Bank strikes and the half-day closure of 2024.
UPI_EVENTS = (
    """2020-11-26 2021-03-15 2021-03-16 2021-12-16 2021-12-17 2022-03-28 2022-03-29 2024-01-22""".split()
)
# Days that parents seek or avoid (Levy, Chung & Slade 2011) or that are half a holiday: Valentine's Day, leap days,
# Halloween, Christmas Eve, New Year's Eve, Fridays the 13th, the day after Thanksgiving; and 11 September 2001.
_BIRTHS = pd.date_range("2000-01-01", "2014-12-31")
BIRTHS_EVENTS = _BIRTHS[
    _BIRTHS.strftime("%m-%d").isin(["02-14", "02-29", "10-31", "12-24", "12-31"])
    | ((_BIRTHS.day_of_week == 4) & (_BIRTHS.day == 13))
    | ((_BIRTHS.day_of_week == 4) & (_BIRTHS.month == 11) & (_BIRTHS.day >= 23) & (_BIRTHS.day <= 29))
    | (_BIRTHS == "2001-09-11")
]

# series, first day, last day, whose figure, the figure, and its 95 % interval
HIRES, NONE = "London cycle hires", float("nan")
PUBLISHED = [
    (HIRES, "2010-09-07", None, "Fuller et al. 2012", 3_864, 125, 7_604),
    (HIRES, "2010-10-04", None, "Fuller et al. 2012", 11_293, 5_169, 17_416),
    (HIRES, "2015-07-09", None, "Saberi et al. 2018", 33_617, NONE, NONE),
    (HIRES, "2015-08-06", None, "", NONE, NONE, NONE),
    (HIRES, "2022-08-19", None, "", NONE, NONE, NONE),
    ("UPI payments", "2020-11-26", None, "", NONE, NONE, NONE),
    ("UPI payments", "2021-03-15", "2021-03-16", "", NONE, NONE, NONE),
    ("UPI payments", "2021-12-16", "2021-12-17", "", NONE, NONE, NONE),
    ("UPI payments", "2022-03-28", "2022-03-29", "", NONE, NONE, NONE),
]


@dataclass(frozen=True)
class RealSeries:
    """A public daily series, the country whose calendar it follows, and its days of known events."""

    daily: pd.Series
    country: str
    events: tuple[str, ...] = ()

    def ordinary(self) -> pd.DatetimeIndex:
        """The days that may stand for an event: nothing is known to have happened on them."""
        late = self.daily.dropna().index[MINIMUM:]
        calendar = days.features(late, self.country)
        return late[(calendar["holiday"] == "") & ~late.isin(pd.DatetimeIndex(self.events))]


def series(folder: Path) -> dict[str, RealSeries]:
    """The series of REFERENCE_DATA by name, read through the project's own reader."""
    from analysis import ledger

    hires = ledger.read_daily(folder / "tfl_cycle_hire" / "daily.csv")["hires"]
    upi = ledger.read_daily(folder / "upi_rbi_daily" / "daily.csv")
    births = ledger.read_daily(folder / "us_births" / "daily.csv")["births"]
    sales = purchases(folder)
    return {
        "US births": RealSeries(births, "US", tuple(BIRTHS_EVENTS.strftime("%Y-%m-%d"))),
        "London cycle hires": RealSeries(hires, "GB", tuple(TFL_EVENTS)),
        "UPI payments": RealSeries(upi["Vol"], "IN", tuple(UPI_EVENTS)),
        "UPI value": RealSeries(upi["Val"], "IN", tuple(UPI_EVENTS)),
        "CDNOW orders": RealSeries(sales["count"], "US"),
        "CDNOW value": RealSeries(sales["value"], "US"),
    }


def purchases(folder: Path) -> pd.DataFrame:
    """CDNOW's orders a day, from their ledger; after the cohort was complete (July 1997 on)."""
    from analysis import ledger

    names = ["payer", "day", "discs", "dollars"]
    rows = pd.read_csv(folder / "cdnow" / "CDNOW_master.txt", sep=r"\s+", names=names, skiprows=1)
    rows["id"] = np.arange(len(rows)).astype(str)
    rows["day"] = pd.to_datetime(rows["day"].astype(str))
    names = {"transaction_id": "id", "paid_at": "day", "amount": "dollars", "payer_id": "payer"}
    panel = ledger.daily_panel(rows, by=(), columns=names)
    return panel.set_index("date").loc["1997-07-01":]


def placebos(
    real: RealSeries, estimator: str | None = None, every: int = 1, start: int = 0, jobs: int = 1
) -> pd.DataFrame:
    """Each `every`-th ordinary day as if it were the event; everything before it is history.

    Returns
    -------
    DataFrame
        date, observed, expected, low, high (of 95 %), p_value, ms; NaN where the estimator refused.
    """
    chosen = real.ordinary()[start::every]
    parts = np.array_split(chosen, max(1, min(len(chosen), 8 * jobs)))
    frames = joblib.Parallel(n_jobs=jobs)(joblib.delayed(_days)(real, part, estimator) for part in parts)
    return pd.concat(frames, ignore_index=True)


def _days(real: RealSeries, chosen: pd.DatetimeIndex, estimator: str | None) -> pd.DataFrame:
    rows = []
    for day in chosen:
        start, row = time.process_time(), {"date": day}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                windows = Windows(day, country=real.country, excluded=real.events)
                effect = estimate(real.daily[:day], windows, estimator)
                low, high = effect.expected_interval(0.95)
            row |= {"observed": effect.observed, "expected": effect.expected, "low": low, "high": high}
            row["p_value"] = effect.p_value
        except Exception as error:  # a refusal is counted, whatever it is
            row["fault"] = f"{type(error).__name__}: {error}"
        rows.append(row | {"ms": 1000 * (time.process_time() - start)})
    return pd.DataFrame(rows)


def summarise(frame: pd.DataFrame) -> dict:
    """Share of ordinary days called unusual at 10, 5 and 1 %, and the interval's median width.

    Those at 5 and 1 % come with their number (`alarms_*`) and the ends of their exact 95 % interval.
    """
    done = frame.dropna(subset="p_value")
    row = {"days": len(frame), "failed": 1 - len(done) / len(frame)}
    row |= {f"false_positives_{a}": (done["p_value"] < a / 100).mean() for a in (10, 5, 1)}
    for a in (5, 1) if len(done) else ():
        alarms = int((done["p_value"] < a / 100).sum())
        ends = binomtest(alarms, len(done)).proportion_ci(0.95)  # Clopper-Pearson
        row |= {f"alarms_{a}": alarms, f"low_{a}": ends.low, f"high_{a}": ends.high}
    return row | {"width": ((done["high"] - done["low"]) / done["expected"]).median()}


def by_month(frame: pd.DataFrame) -> pd.DataFrame:
    """`summarise` for the days of each month of the year that has any, `month` 1 to 12."""
    months = frame.groupby(frame["date"].dt.month)
    return pd.DataFrame([{"month": month} | summarise(rows) for month, rows in months])


def published(folder: Path, estimator: str | None = None) -> pd.DataFrame:
    """Days of known events: what others found, and what the estimator finds.

    Returns
    -------
    DataFrame
        case, date, source, published, published_low, published_high, observed, expected, absolute, low, high, p_value.
    """
    known, rows = series(folder), []
    for name, start, end, source, figure, low, high in PUBLISHED:
        effect = event(known[name], start, end, estimator=estimator)
        ends = effect.confidence_interval(0.95)
        row = {"case": name, "date": start, "source": source}
        row |= {"published": figure, "published_low": low, "published_high": high}
        row |= {"observed": effect.observed, "expected": effect.expected, "absolute": effect.absolute}
        rows.append(row | {"low": ends.low, "high": ends.high, "p_value": effect.p_value})
    return pd.DataFrame(rows)


def event(real: RealSeries, start: str, end: str | None = None, **options) -> Effect:
    """The effect of one known event; the others are left out of what is learned from."""
    last = pd.Timestamp(end or start)
    others = tuple(day for day in real.events if not pd.Timestamp(start) <= pd.Timestamp(day) <= last)
    return estimate(real.daily[:last], Windows(start, end, country=real.country, excluded=others), **options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estimators", nargs="+", default=list(ESTIMATORS), metavar="NAME")
    parser.add_argument("--series", nargs="+", metavar="NAME")
    parser.add_argument("--every", type=int, default=1, help="take each n-th ordinary day")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the table here")
    parser.add_argument("--published", type=Path, help="write the known events here, beside others' results")
    options = parser.parse_args()
    folder, rows, months = Path(os.environ["REFERENCE_DATA"]), [], []
    if options.published:
        table = published(folder)
        print(table.round(3).to_string(index=False))
        _write(table, options.published)
    for name, real in series(folder).items():
        if options.series and name not in options.series:
            continue
        for estimator in options.estimators:
            chosen = RECOMMENDED if estimator == "recommended" else estimator
            frame = placebos(real, chosen, options.every, jobs=options.jobs)
            rows.append({"series": name, "estimator": chosen} | summarise(frame))
            months.append(by_month(frame).assign(series=name, estimator=chosen))
            if "fault" in frame:
                print(frame["fault"].value_counts().head(3).to_string())
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    if options.out:
        _write(table, options.out)
        monthly = pd.concat(months).set_index(["series", "estimator", "month"]).reset_index()
        _write(monthly, options.out.with_name(f"{options.out.stem}-by-month.csv"))


def _write(table: pd.DataFrame, out: Path) -> None:
    part = out.with_name(f".{out.name}.part")
    table.to_csv(part, index=False, float_format="%.8g")
    os.replace(part, out)


if __name__ == "__main__":
    main()
