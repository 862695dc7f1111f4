"""Any study: from a raw file to every report that its data support, with no word of another study."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis import placebo
from analysis.effect import estimate
from analysis.report import build
from analysis.study import Study

ROOT = Path(__file__).parents[1]
ALL = ["02", "03", "04", "07", "08"]  # what daily figures of one measure support
# What only one of the studies may say.
DUBAI = (
    *("Dubai", "دبي", "AED", "درهم", "26 October 2017", "26 أكتوبر 2017", "counters"),
    *("Synthetic data", "is synthetic", "simulated", "بيانات اصطناعية"),
)
OTHERS = {
    "births": ("births", "الولادات", "Halloween"),
    "hires": ("cycle hires", "Tube"),
    "mobile": ("lakh", "crore"),
    "orders": ("CDNOW",),
}


def hand_made(folder: Path) -> dict:
    """Two of four offices close their branches for two days, in 200 days of payments that a day can be added up of."""
    rng, days = np.random.default_rng(5), pd.date_range("2023-01-01", periods=200)
    offices, rows = ("जल विभाग", "बिजली बोर्ड", "هيئة الطرق", "بلدية المدينة"), []
    for day in days:
        busy = 25 if day.day_of_week < 5 else 10
        for office in offices:
            closed = day in days[180:182] and office in offices[:2]
            for channel, mean in (
                ("branches", 0 if closed else busy),
                ("app", busy * (1.2 if closed else 0.7)),
            ):
                number = rng.poisson(mean)
                table = {"when": day + pd.to_timedelta(rng.integers(8, 17, number), "h"), "office": office}
                table |= {"how": channel, "amount": rng.lognormal(4, 1, number).round(2)}
                rows.append(pd.DataFrame(table | {"payer": rng.integers(1, 3000, number)}))
    ledger = pd.concat(rows, ignore_index=True)
    ledger.assign(txn=ledger.index).to_csv(folder / "payments.csv", index=False)
    columns = {
        "transaction_id": "txn",
        "paid_at": "when",
        "entity": "office",
        "channel": "how",
        "payer_id": "payer",
    }
    event = {
        "event_start": days[180].date(),
        "event_end": days[181].date(),
        "campaign_start": days[170].date(),
    }
    of = {
        "country": "IN",
        "currency": "INR",
        "offline_channels": ["branches"],
        "participants": list(offices[:2]),
    }
    return {"title": "Two offices close", "ledger": "payments.csv", "columns": columns} | event | of


def hires(folder: Path, data: Path) -> dict:
    label = {"en": "cycle hires", "ar": "عمليات استئجار الدراجات"}
    editions = [pd.Timestamp(day).date() for day in ("2015-07-09", "2015-08-06", "2017-01-09")]
    return {
        "title": {"en": "Cycle hires on days of Tube strikes", "ar": "استئجار الدراجات في أيام إضراب المترو"},
        "editions": editions, "country": "GB", "measures": {"hires": {"label": label}},
        "ledger": str(data / "tfl_cycle_hire" / "daily.csv"),
    }  # fmt: skip


def mobile(folder: Path, data: Path) -> dict:
    measures = {"Vol": {"label": "number of payments", "kind": "sum", "unit": "lakh"}}
    measures |= {"Val": {"label": "value of payments", "kind": "sum", "unit": "INR crore"}}
    event = {"event_start": pd.Timestamp("2021-12-16").date(), "event_end": pd.Timestamp("2021-12-17").date()}
    ledger = str(data / "upi_rbi_daily" / "daily.csv")
    return {"title": "Mobile payments", "country": "IN", "measures": measures, "ledger": ledger} | event


def orders(folder: Path, data: Path) -> dict:
    lines = (data / "cdnow" / "CDNOW_master.txt").read_text().splitlines()[1:]
    rows = pd.DataFrame([line.split() for line in lines], columns=["customer", "date", "number", "amount"])
    rows["date"] = pd.to_datetime(rows["date"], format="%Y%m%d")
    rows[rows["date"] >= "1997-07-01"].to_csv(folder / "orders.csv", index=False)
    columns = {"paid_at": "date", "payer_id": "customer"}
    event = pd.Timestamp("1998-03-17").date()
    return {
        "title": "Orders", "event_start": event, "country": "US", "currency": "USD", "ledger": "orders.csv",
        "columns": columns,
    }  # fmt: skip


def rendered(study: dict, folder: Path) -> Path:
    """The study's reports, made from its raw file in under a minute."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    start = time.perf_counter()
    build(path, out=folder / "reports", progress=False, notebooks=ROOT / "notebooks")
    print(f"{study['title']}: {time.perf_counter() - start:.0f} s from file to report")
    return folder / "reports" / "study"


def said(folder: Path, language: str, numbers: list[str]) -> str:
    """What the pages say, without markup, provenance and the report on the method, which tells of other series."""
    pages = [next((folder / language).glob(f"{number}_*.html")) for number in numbers if number != "08"]
    index = folder / ("index.html" if language == "en" else f"index.{language}.html")
    text = " ".join(page.read_text(encoding="utf-8").split("<footer")[0] for page in [*pages, index])
    return re.sub(r"<(style|svg)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)


def check(folder: Path, numbers: list[str], own: tuple[str, ...], foreign: tuple[str, ...]) -> None:
    made = sorted(page.name[:2] for page in (folder / "en").glob("*.html"))
    assert made == sorted(numbers)
    for language in ("en", "ar"):
        text = said(folder, language, numbers)
        assert not [word for word in foreign if word in text]
        assert "nan" not in re.findall(r"\w+", text)
    assert all(word in said(folder, "en", numbers) for word in own)
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for baselines in results["reconciliation"].values():
        for places in baselines.values():
            assert len({place["absolute"] for place in places}) == 1


@pytest.mark.slow
def test_births_are_births(tmp_path):
    study = yaml.safe_load((ROOT / "notebooks" / "us-halloween.yaml").read_text(encoding="utf-8"))
    folder = rendered(study, tmp_path)
    foreign = DUBAI + OTHERS["hires"] + OTHERS["mobile"] + OTHERS["orders"] + ("payments", "مدفوعات")
    check(folder, ALL, ("there were 10,800 births", "Over all 15 editions", "on a weekend"), foreign)
    # Levy, Chung and Slade (2011) found 11.3 % fewer births on Halloween of 1996 to 2006.
    results = json.loads((folder / "results.json").read_text())
    pooled = results["results"]["03_the_effect"]["editions.births"]
    assert -0.13 < pooled["relative"] < -0.09
    # The last edition is the event: one question, one answer.
    assert pooled["editions"][-1]["absolute"] == results["answers"]["births"]["pre-week"]["absolute"]
    assert "It would take: published figures" in said(folder, "en", ALL)


@pytest.mark.slow
def test_hires_are_hires(tmp_path, reference_data):
    folder = rendered(hires(tmp_path, reference_data), tmp_path)
    foreign = DUBAI + OTHERS["births"] + OTHERS["mobile"] + OTHERS["orders"] + ("payments", "مدفوعات")
    check(folder, ALL, ("cycle hires", "Over all 3 editions"), foreign)


@pytest.mark.slow
def test_two_measures_keep_their_names(tmp_path, reference_data):
    folder = rendered(mobile(tmp_path, reference_data), tmp_path)
    check(
        folder, ALL, ("value of payments", "number of payments"), DUBAI + OTHERS["births"] + OTHERS["orders"]
    )


@pytest.mark.slow
def test_a_ledger_without_channels_or_entities(tmp_path, reference_data):
    folder = rendered(orders(tmp_path, reference_data), tmp_path)
    foreign = DUBAI + OTHERS["births"] + OTHERS["hires"] + OTHERS["mobile"] + ("digital", "الرقمية")
    check(folder, ALL, ("USD", "people who paid"), foreign)
    assert "It would take: figures by entity" in said(folder, "en", ALL)


@pytest.mark.slow
def test_a_ledger_by_hand_with_two_days_and_two_participants(tmp_path):
    folder = rendered(hand_made(tmp_path), tmp_path)
    foreign = (
        DUBAI[:6] + OTHERS["births"] + OTHERS["hires"] + OTHERS["mobile"] + OTHERS["orders"] + ("هيئة الطرق",)
    )
    check(folder, [*ALL, "05", "06"], ("INR", "जल विभाग", "From 30 June to 1 July 2023"), foreign)


def test_a_covariate_is_in_every_place_of_the_effect(tmp_path):
    """A series that explains most of another: the interval shortens, and reports 03 and 04 give one number."""
    days = pd.date_range("2017-01-01", "2017-10-26", name="date")
    rng = np.random.default_rng(8)
    weather = rng.normal(0, 1, len(days))
    visits = 1000 * np.exp(0.2 * weather + rng.normal(0, 0.02, len(days)))
    pd.DataFrame({"visits": visits.round(), "weather": weather}, days).to_csv(tmp_path / "daily.csv")
    study = {"title": "Visits", "event_start": "2017-10-26", "ledger": str(tmp_path / "daily.csv")}
    plain, with_weather = Study(**study, metrics=["visits"]), Study(**study, covariates=["weather"])
    assert with_weather.measured == ["visits"]
    series, beside = with_weather.daily("visits"), with_weather.beside()
    effect = estimate(series, with_weather.windows, covariates=beside)
    wide = estimate(series, plain.windows)
    assert np.ptp(effect.confidence_interval()) < np.ptp(wide.confidence_interval()) / 3
    rows = placebo.specifications(series, with_weather.windows, covariates=beside)
    assert rows.loc[rows["headline"], "absolute"].tolist() == [effect.absolute]
    test = placebo.placebos(series, with_weather.windows, covariates=beside)
    assert np.std(test.relative) < 0.5 * np.std(placebo.placebos(series, plain.windows).relative)
