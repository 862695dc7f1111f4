"""What the announcement of 2017 says, on every reading."""

import csv
import json
from pathlib import Path

import pytest

from analysis import published
from analysis.published import growth
from analysis.published.identified import Week

RAW = Path(__file__).parents[1] / "data" / "raw"


@pytest.fixture(scope="module")
def report():
    return published.report()


def reading(metric, baseline, week=None):
    rows = growth.readings(published.figures()).itertuples()
    (found,) = [r for r in rows if (r.metric, r.baseline, r.week) == (metric, baseline, week)]
    return found


def union(report, assumption, metric="value"):
    entry = next(e for e in report["by_assumption"] if (e["metric"], e["assumption"]) == (metric, assumption))
    return entry["relative_low"], entry["relative_high"]


def test_headline_is_the_announced_thirty_per_cent():
    head = growth.headline(published.figures())
    assert head.relative == pytest.approx(12.8 / 42.2)
    assert (head.relative_low, head.relative_high) == pytest.approx((54.5 / 42.25 - 1, 55.5 / 42.15 - 1))
    announced = published.figures().loc["growth_announced"]
    assert abs(head.relative * 100 - announced["value"]) <= announced["precision"]


@pytest.mark.parametrize(
    ("metric", "week", "expected", "relative"),
    [
        ("value", Week(7, False), 35e6, 55 / 35 - 1),  # +57 %
        ("value", Week(5, True), 30e6, 55 / 30 - 1),  # (5 * 35 - 55) / 4
        ("value", Week(6, True), 31e6, 55 / 31 - 1),
        ("value", Week(7, True), 190e6 / 6, 330 / 190 - 1),
        ("count", Week(5, False), 26.6e3, 31 / 26.6 - 1),
        ("count", Week(5, True), 25.5e3, 31 / 25.5 - 1),
        ("ticket", Week(7, False), 35e6 / 26.6e3, (55 / 31) / (35 / 26.6) - 1),  # 1,774 on 1,316 AED
        ("ticket", Week(5, True), 30e6 / 25.5e3, (55 / 31) / (30 / 25.5) - 1),
    ],
)
def test_each_reading_of_the_week(metric, week, expected, relative):
    found = reading(metric, "week-mean", week)
    assert found.expected == pytest.approx(expected)
    assert found.relative == pytest.approx(relative)
    assert found.relative_low < found.relative < found.relative_high


def test_rounding_of_the_week_counts_the_day_on_both_sides():
    # 5 days with the day: most when the mean is 34.5 and the day 55.5, so that 4 days share 172.5 - 55.5.
    found = reading("value", "week-mean", Week(5, True))
    assert found.relative_high == pytest.approx(55.5 / (117 / 4) - 1)
    assert found.relative_low == pytest.approx(54.5 / (123 / 4) - 1)


def test_bounds_of_readings_agree_with_the_programme(report):
    """Corners and linear programme are two ways to the same numbers."""
    for bound in report["bounds"]:
        if bound["assumption"] == "same-as-week":
            week = Week(bound["week_days"], bound["week_includes_event"])
            corner = reading(bound["metric"], "week-mean", week)
            assert (bound["relative_low"], bound["relative_high"]) == pytest.approx(
                (corner.relative_low, corner.relative_high)
            )
    head = report["headline"]
    assert union(report, "same-as-day-before") == pytest.approx((head["relative_low"], head["relative_high"]))


def test_the_figures_do_not_settle_the_sign_on_a_trend(report):
    low, high = union(report, "trend-line")
    # Without rounding -13 % and +45 %; rounding of every figure adds a little at both ends.
    assert low == pytest.approx(54.5 / 63.375 - 1)
    assert high == pytest.approx(55.5 / 37.69 - 1)
    assert union(report, "nothing") == (-1, None)


def test_breakdown_is_the_announced_rise(report):
    (found,) = report["breakdown"]
    assert found["metric"] == "value"
    assert found["rise"] == pytest.approx(12.8e6)
    assert found["relative"] == pytest.approx(0.3033, abs=1e-4)
    capped = next(e for e in report["by_assumption"] if e["assumption"] == "rise-at-most-30")
    assert capped["relative_low"] < 0  # within rounding, 30 % of untreated rise already explains everything
    with pytest.raises(ValueError, match="count_day_before"):
        growth.breakdown(published.figures(), "count")
    with pytest.raises(ValueError, match="payers: no figure of the event itself"):
        growth.every_bound(published.figures(), "payers")


def test_report_is_plain_json_with_stable_keys(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert list(report) == ["event", "headline", "readings", "bounds", "by_assumption", "breakdown"]
    assert set(report["bounds"][0]) == {
        *("metric", "assumption", "week_days", "week_includes_event", "feasible", "sign"),
        *("relative_low", "relative_high", "absolute_low", "absolute_high", "expected_low", "expected_high"),
    }
    assert all(bound["feasible"] for bound in report["bounds"])
    assert {b["metric"] for b in report["bounds"]} == {"value", "count"}


def test_a_contradiction_is_said_and_has_no_numbers(tmp_path):
    # A rising week cannot have a mean above its last day.
    path = tmp_path / "figures.csv"
    path.write_text(
        "figure,value,precision,period_start,period_end\nvalue_event,55,0,2024-05-02,\n"
        "value_day_before,42,0,,\nvalue_week_mean,50,0,2024-04-25,2024-05-01\n"
    )
    told = published.report(path)
    for entry in (*told["bounds"], *told["by_assumption"]):
        if entry["assumption"] == "trend-line":
            assert (entry["feasible"], entry["relative_low"], entry["sign"]) == (False, None, 0)
    assert told["breakdown"][0]["smoothness"][0]["smoothness"] is None


def test_a_stated_week_is_the_only_reading(tmp_path):
    path = tmp_path / "figures.csv"
    path.write_text(
        "figure,value,precision,period_start,period_end\n"
        "count_event,1200,0,2024-05-02,\n"
        "count_day_before,1000,0,2024-05-01,\n"
        "count_week_mean,1000,0,2024-04-28,2024-05-02\n"
    )
    table = published.figures(path)
    assert growth.weeks(table, "count") == (Week(5, True),)
    assert growth.headline(table)["metric"] == "count"
    assert growth.readings(table)["relative"].tolist() == pytest.approx([0.2, 1200 / 950 - 1])
    assert published.report(path)["breakdown"][0]["rise"] == 200


def test_a_week_too_small_for_its_event_is_no_reading(tmp_path):
    path = tmp_path / "figures.csv"
    path.write_text(
        "figure,value,precision,period_start\nvalue_event,600,0,2024-05-02\nvalue_week_mean,100,0,\n"
    )
    table = published.figures(path)
    assert growth.weeks(table) == (*(Week(n, False) for n in (5, 6, 7)), Week(7, True))
    assert published.report(path)["headline"] is None
    with pytest.raises(ValueError, match="day before"):
        growth.headline(table)


@pytest.mark.parametrize("name", sorted(path.name for path in RAW.glob("*.csv")))
def test_every_row_of_the_raw_data_has_a_source_and_its_column_an_entry(name):
    with (RAW / name).open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
    assert rows
    assert name == "us_births.csv" or all(row["source"] for row in rows)  # one source, in the dictionary
    assert all(None not in row and None not in row.values() for row in rows)  # as many cells as columns
    dictionary = (RAW / "README.md").read_text(encoding="utf-8")
    assert f"`{name}`" in dictionary
    assert all(f"`{column}`" in dictionary for column in reader.fieldnames)


def test_a_year_of_payments_and_an_announced_day_are_of_one_size():
    with (RAW / "gateway_totals.csv").open(encoding="utf-8", newline="") as lines:
        rows = {
            (row["figure"], row["period_start"][:4]): float(row["value"]) for row in csv.DictReader(lines)
        }
    assert rows["gateway_count", "2017"] / 365 == pytest.approx(25_753, abs=1)
    assert 30e6 < rows["gateway_value", "2017"] / 365 < 33e6
