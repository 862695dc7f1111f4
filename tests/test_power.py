"""The next edition: closed forms agree with simulation and with dense algebra, and say what more would buy."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize

from analysis import power
from analysis.simulate import accounts
from analysis.simulate.dubai import DUBAI
from analysis.windows import Windows

PLAIN = Windows("2017-10-26", country=None)


@pytest.fixture(scope="module")
def noise():
    index = pd.date_range(end="2017-11-10", periods=300)
    rng = np.random.default_rng(1)
    shock = 0.04 * rng.standard_normal(300)
    own = 0.01 * rng.standard_normal((2, 300))
    return (pd.Series(np.exp(9 + shock + own[i]), index, name="count") for i in range(2))


@pytest.fixture(scope="module")
def table(noise):
    daily, comparison = noise
    return power.detectable(
        daily, PLAIN, (1, 4), (28, None), comparison=comparison, dates=25, estimator="same_weekday"
    )


def test_detectable_effect_is_that_of_the_known_noise(table):
    # same_weekday: mean of 8, so sd = .0412 sqrt(1 + 1/8), and (1.96 + 0.84) sd on the log scale; its own t
    # has 7 degrees, whose 97.5 % quantile of 2.365 stands for 1.96.
    one = table.iloc[0]
    sd = 0.0412 * np.sqrt(1 + 1 / 8) * 2.365 / 1.96
    assert one["sd"] == pytest.approx(sd, rel=0.12)
    assert one["detectable"] == pytest.approx(np.expm1(2.8016 * one["sd"]), rel=1e-4)
    assert one["simulated"] == pytest.approx(one["detectable"], rel=0.35)
    assert one["dates"] == 25
    assert one["false_alarms"] < 0.2


def test_longer_editions_and_comparisons_show_smaller_effects(table):
    single, week = table.iloc[0], table[table["length"] == 4].iloc[0]
    assert week["detectable"] < 0.75 * single["detectable"]
    compared = table[table["comparison"]].iloc[0]
    assert compared["detectable"] < 0.5 * single["detectable"]  # the shared 4 % is gone, 1.4 % remain
    short = table[table["history"] == "28"].iloc[0]
    assert short["detectable"] > single["detectable"]


def test_power_grows_from_false_alarms_to_certainty():
    index = pd.date_range(end="2017-11-10", periods=200)
    daily = pd.Series(np.exp(9 + 0.03 * np.random.default_rng(2).standard_normal(200)), index)
    found = power.curve(daily, PLAIN, np.array([0, 0.1, 0.5]), (1,), dates=20, estimator="same_weekday")
    assert found["power"].is_monotonic_increasing
    assert found["power"].iloc[0] <= 0.2
    assert found["power"].iloc[-1] == 1


def test_closed_form_power_by_hand():
    rows = power.closed_form({"a": 0.05}, np.array([0.0, np.expm1(0.05 * 2.8016)]))
    np.testing.assert_allclose(rows["power"], [0.05, 0.8], atol=1e-4)


def test_weights_equal_dense_generalised_least_squares():
    rng = np.random.default_rng(3)
    own, shared = rng.uniform(0.001, 0.01, 6), 0.002
    closed = power._closed("two waves", 6, rng)
    V = np.kron(np.eye(2), shared + np.diag(own))
    a, y = closed.ravel(), rng.standard_normal(12)
    fit = sm.GLS(y, a[:, None], sigma=V).fit()
    weights, variance = power._weights(closed, shared, own, 0.0)
    assert (weights.ravel() * y).sum() == pytest.approx(fit.params[0])
    assert variance == pytest.approx(1 / (a @ np.linalg.inv(V) @ a))


def test_each_design_closes_whom_it_says():
    rng = np.random.default_rng(4)
    closed = {design: power._closed(design, 10, rng) for design in power.DESIGNS}
    assert [int(closed[design].sum()) for design in power.DESIGNS] == [10, 20, 5, 10, 10]
    for design in ("two waves", "staggered over a week"):
        np.testing.assert_array_equal(closed[design].sum(axis=0), 1)
    assert [len(days) for days in closed.values()] == [1, 6, 1, 2, 5]


def test_staggering_beats_closing_all_at_once_under_a_shared_shock():
    panel = accounts.drawn(DUBAI, 2).frame()
    panel = panel[panel["channel"] != "counter"]
    found = power.designs(panel, Windows("2017-10-26", campaign_start="2017-09-23"), draws=300).set_index(
        "design"
    )
    assert found.loc["staggered over a week", "sd"] < found.loc["all, one day", "sd"]
    assert found["simulated_sd"].to_numpy() == pytest.approx(found["sd"].to_numpy(), rel=0.25)
    assert (found["coverage"] - 0.95).abs().max() < 0.05
    assert found["false_alarms"].max() < 0.12


def test_editions_with_one_answer_do_not_decay():
    found = power.editions([0.2, 0.2, 0.2], [0.02, 0.04, 0.03])
    assert found.first == found.next == pytest.approx(0.2)
    assert found.half_life == found.half_life_interval.high == np.inf
    assert found.p_value == pytest.approx(1)


def test_editions_agree_with_scipy_curve_fit():
    effects, se = np.array([0.32, 0.19, 0.15, 0.07]), np.array([0.02, 0.03, 0.02, 0.03])
    found = power.editions(effects, se)
    (first, rate), _ = optimize.curve_fit(
        lambda k, first, rate: first * 2.0 ** (-k * rate), np.arange(4), effects, [0.3, 0.5], se
    )
    assert found.first == pytest.approx(first, rel=0.01)
    assert found.half_life == pytest.approx(1 / rate, rel=0.02)
    assert found.next == pytest.approx(first * 2 ** (-4 * rate), rel=0.03)
    assert found.next_interval.low < found.next < found.next_interval.high


def test_edition_intervals_cover():
    rng = np.random.default_rng(6)
    truth = 0.3 * 2.0 ** (-np.arange(5) / 2)
    inside = []
    for _ in range(300):
        found = power.editions(truth[:4] + 0.03 * rng.standard_normal(4), np.full(4, 0.03))
        inside.append(
            [
                found.half_life_interval.low <= 2 <= found.half_life_interval.high,
                found.next_interval.low <= truth[4] <= found.next_interval.high,
            ]
        )
    assert (np.mean(inside, axis=0) > 0.92).all()


def test_refusals_say_what_to_do():
    daily = pd.Series(1.0, pd.date_range("2017-01-01", "2017-11-01"))
    with pytest.raises(ValueError, match="power is 1"):
        power.detectable(daily, PLAIN, power=1)
    with pytest.raises(ValueError, match="two editions"):
        power.editions([0.3], [0.1])
