"""Lift against shift: the parts add up, cover their truth, and say what cannot be told."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import days, displacement
from analysis.effect import estimate
from analysis.persistence import persistence
from analysis.simulate import accounts
from analysis.simulate.world import DUBAI
from analysis.windows import Windows

DAY = Windows("2017-10-26", campaign_start="2017-09-23", country="AE", wait_days=0)
ROOT = Path(__file__).parents[1]
_path = ROOT / "benchmarks" / "displacement_coverage.py"
_spec = importlib.util.spec_from_file_location("displacement_coverage", _path)
study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(study)
_draw = study.draw
PARTS = ["digital_gain", "from_counters", "from_other_days", "pulled_forward", "postponed", "net_new"]


def _misses(result, truth):
    se = np.sqrt(np.diag(result.covariance))
    return (result.parts.to_numpy() - np.array([truth[name] for name in result.parts.index])) / se


def test_truth_of_the_simulation_adds_up_like_the_parts():
    truth = _draw(0)[2]
    assert truth["digital_gain"] == truth["from_counters"] + truth["from_other_days"] + truth["net_new"]


def _decompose(seed):
    digital, counter, truth = _draw(seed)
    headline = estimate(digital, DAY)
    return displacement.decompose(digital, counter, DAY, headline=headline), headline, truth


def test_parts_and_their_errors_add_up_exactly():
    got, headline, _ = _decompose(3)
    assert got.parts["digital_gain"] == pytest.approx(headline.absolute, rel=1e-12)
    assert got.interval("digital_gain", 0.9) == headline.confidence_interval(0.9)
    sums = np.array([[1, -1, -1, 0, 0, -1], [0, 0, 1, -1, -1, 0]])
    np.testing.assert_allclose(sums @ got.parts[PARTS], 0, atol=1e-6)
    covariance = got.covariance.loc[PARTS, PARTS].to_numpy()
    np.testing.assert_allclose(sums @ covariance, 0, atol=1e-9 * covariance.max())
    cumulative = got.cumulative.set_index("lag")
    assert cumulative["effect"].iloc[-1] == pytest.approx(got.parts["net_new"])
    assert cumulative["se"].iloc[-1] ** 2 == pytest.approx(got.covariance.loc["net_new", "net_new"])
    lags = got.with_interval(got.lags).set_index(["series", "lag"])
    assert lags.loc[("digital", 0), "effect"] == pytest.approx(got.parts["digital_gain"])
    assert tuple(lags.loc[("digital", 0), ["low", "high"]]) == headline.confidence_interval()
    assert lags.loc[("counter", 0), "effect"] == pytest.approx(-got.parts["from_counters"])
    assert len(got.lags) == 3 * 17


def test_reconciling_moves_the_gain_and_what_goes_with_it():
    got, headline, _ = _decompose(3)
    digital, counter, _ = _draw(3)
    alone = displacement.decompose(digital, counter, DAY)
    assert alone.moved == 0
    assert got.moved == pytest.approx(headline.absolute - alone.parts["digital_gain"])
    # Least variance: what stays free of the gain's error is as it was.
    own = alone.covariance["digital_gain"] / alone.covariance.loc["digital_gain", "digital_gain"]
    np.testing.assert_allclose(
        got.parts - own * got.parts["digital_gain"],
        alone.parts - own * alone.parts["digital_gain"],
        atol=1e-6,
    )


def test_a_ratio_of_parts_has_the_error_of_the_delta_method():
    covariance = pd.DataFrame([[4.0, 1.0], [1.0, 9.0]], ["a", "b"], ["a", "b"])
    split = displacement.Decomposition(pd.Series({"a": 20.0, "b": 50.0}), covariance, None, None, 1e9)
    ratio, interval = split.ratio("a", "b")
    assert ratio == pytest.approx(0.4)
    # (4 - 2 * 0.4 * 1 + 0.4^2 * 9) / 50^2 = 0.04309^2
    assert interval.high - ratio == pytest.approx(1.959964 * 0.0430813, rel=1e-4)


def test_dirhams_scale_and_nothing_else_changes():
    digital, counter, _ = _draw(3)
    one, ten = (displacement.decompose(k * digital, k * counter, DAY) for k in (1, 10))
    np.testing.assert_allclose(ten.parts, 10 * one.parts, rtol=1e-8)
    np.testing.assert_allclose(ten.covariance, 100 * one.covariance, rtol=1e-6)


def test_known_shift_is_told_from_known_lift():
    # Nearly no noise: counters take 300 a working day, digital 1,000; on the day 200 of the counters' 300 pay
    # digitally, 60 more are pulled from the next three days, and 40 are new.
    index = pd.date_range("2017-01-01", "2017-12-31")
    rng = np.random.default_rng(1)
    noise = np.exp(0.001 * rng.standard_normal((2, len(index))))
    digital = pd.Series(1000 * noise[0], index)
    counter = pd.Series(300 * noise[1], index).where(~index.day_of_week.isin([4, 5]), 0)
    for holiday in days.features(index, "AE").query("holiday != ''").index:
        counter[holiday] = 0
    digital["2017-10-26"] += 300
    counter["2017-10-26"] -= 300
    digital["2017-10-27":"2017-10-29"] -= 20
    plain = Windows("2017-10-26", country="AE")
    got = displacement.decompose(digital, counter, plain)
    expected = {
        "digital_gain": 300,
        "from_counters": 300,
        "pulled_forward": 60,
        "postponed": 0,
        "net_new": -60,
    }
    for part, value in expected.items():
        assert got.parts[part] == pytest.approx(value, abs=25), part
        low, high = got.interval(part, 0.999)
        assert low < value < high
        assert high - low < 160


def test_ten_simulated_years_cover_their_truth():
    draws = (_decompose(seed) for seed in range(10))
    misses = np.array([_misses(split, truth) for split, _, truth in draws])
    assert (np.abs(misses) < 2).mean() > 0.85
    assert np.sqrt((misses**2).mean()) == pytest.approx(1, abs=0.4)


def test_the_kept_coverage_study_is_reproduced_by_a_small_draw():
    kept = pd.read_csv(ROOT / "data" / "derived" / "displacement-coverage.csv")
    for metric in ("count", "value"):
        again = study.run(0, metric)
        rows = kept[(kept["metric"] == metric) & (kept["seed"] == 0)]
        np.testing.assert_allclose(rows["truth"], again["truth"], rtol=1e-5)
        np.testing.assert_allclose(rows["se"], again["se"], rtol=1e-3)
        np.testing.assert_allclose(
            rows["estimate"], again["estimate"], atol=0.01 * again["se"].to_numpy().min()
        )
    assert kept.groupby("metric")["seed"].nunique().eq(200).all()


def test_the_kept_study_holds_its_levels():
    kept = pd.read_csv(ROOT / "data" / "derived" / "displacement-coverage.csv")
    table = displacement.coverage(kept)
    for level in (0.8, 0.9, 0.95):  # three standard errors of a share on 200 draws
        assert table[f"{100 * level:g}"].min() > level - 3 * np.sqrt(level * (1 - level) / 200)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["count", "value"])
def test_every_part_covers_its_truth_on_200_seeds(metric):
    table = displacement.coverage(pd.concat([study.run(seed, metric) for seed in range(200)]))
    for level in (0.8, 0.9, 0.95):
        assert table[f"{100 * level:g}"].min() > level - 3 * np.sqrt(level * (1 - level) / 200)


def test_a_known_half_life_is_found():
    index = pd.date_range("2016-01-01", "2017-12-31")
    rng = np.random.default_rng(2)
    odds = np.log(4) + 0.005 * rng.standard_normal(len(index))
    lag = (index - pd.Timestamp("2017-10-26")).days
    odds = odds + np.where(lag > 0, 0.3 * 0.5 ** ((lag - 1) / 20), 0)
    share = 1 / (1 + np.exp(-odds))
    total = pd.Series(10_000 * np.exp(0.05 * rng.standard_normal(len(index))), index)
    working = days.features(index, "AE")["working"].to_numpy()
    counter = (total * (1 - share)).where(working, 0)
    got = persistence(total * share, counter, Windows("2017-10-26", country="AE"))
    assert got.half_life == pytest.approx(20, rel=0.15)
    assert got.half_life_interval.low < 20 < got.half_life_interval.high
    # log odds of 4 plus 0.3: from 0.8 to 0.8438
    assert got.first == pytest.approx(0.0438, abs=0.004)
    assert got.first_interval.low < 0.0438 < got.first_interval.high


def test_ordinary_dates_have_no_parts():
    digital, counter, _ = _draw(7)
    found = displacement.placebo_parts(digital, counter, DAY, number=6)
    assert found["date"].nunique() == 6
    assert found["date"].max() < pd.Timestamp("2017-09-09")  # fourteen days before the campaign
    assert found["t"].abs().mean() < 1.5
    with pytest.raises(ValueError, match="90 days"):
        displacement.placebo_parts(digital["2017-08-01":], counter["2017-08-01":], DAY)


def test_no_rise_has_no_half_life():
    account = accounts.drawn(DUBAI.without(), 5)
    total = account.count.sum((0, 2)).astype(float)
    series = [pd.Series(values, account.model.dates) for values in (total[:, :3].sum(1), total[:, 3])]
    got = persistence(*series, DAY)
    assert np.isnan(got.half_life)
    assert got.half_life_interval == (0.0, np.inf)


def test_channels_are_summed_by_day_with_zeros_for_silent_ones():
    panel = pd.DataFrame(
        {
            "date": pd.to_datetime(["2017-01-01", "2017-01-01", "2017-01-01", "2017-01-03"]),
            "channel": ["app", "kiosk", "counter", "app"],
            "count": [5, 2, 4, 1],
        }
    )
    digital, counter = displacement.channels(panel)
    assert list(digital) == [7, 0, 1]
    assert list(counter) == [4, 0, 0]
    with pytest.raises(ValueError, match="offline_channels to some of app, kiosk"):
        displacement.channels(panel[panel["channel"] != "counter"])


def test_refusals_say_what_to_do():
    digital, counter, _ = _draw(1)
    with pytest.raises(ValueError, match="2017-10-30 has no value"):
        displacement.decompose(digital.drop(pd.Timestamp("2017-10-30")), counter, DAY)
    with pytest.raises(ValueError, match="longer after-period"):
        persistence(digital[:"2017-11-12"], counter[:"2017-11-12"], DAY)
