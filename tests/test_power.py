"""The next edition: closed forms agree with simulation and with dense algebra, and say what more would buy."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from simulated import frame

from analysis import power
from analysis.effect import estimate
from analysis.simulate import accounts
from analysis.simulate.world import DUBAI
from analysis.windows import Windows

PLAIN = Windows("2017-10-26")


@pytest.fixture(scope="module")
def table():
    index = pd.date_range(end="2017-11-10", periods=300)
    rng = np.random.default_rng(1)
    shock = 0.04 * rng.standard_normal(300)
    daily, comparison = (
        pd.Series(np.exp(9 + shock + 0.01 * rng.standard_normal(300)), index, name="count") for _ in range(2)
    )
    return power.detectable(daily, PLAIN, (1, 4), (28, None), comparison=comparison)


def test_detectable_effect_is_that_of_the_known_noise(table):
    # Independent noise of .0412; eight coefficients from 170 days add some 3 % to the standard error.
    one = table.iloc[0]
    assert one["sd"] == pytest.approx(0.0412 * 1.03, rel=0.1)
    assert one["detectable"] == pytest.approx(np.expm1(2.8016 * one["sd"]), rel=1e-4)
    assert one["simulated"] == pytest.approx(one["detectable"], rel=0.35)
    assert one["dates"] == 40
    assert one["false_alarms"] <= 0.15


def test_longer_editions_and_comparisons_show_smaller_effects(table):
    single, four = table.iloc[0], table[table["length"] == 4].iloc[0]
    assert four["detectable"] < 0.75 * single["detectable"]
    compared = table[table["comparison"]].iloc[0]
    assert compared["detectable"] < 0.5 * single["detectable"]  # the shared 4 % is gone, 1.4 % remain
    short = table[table["history"] == "28"].iloc[0]
    assert short["detectable"] > single["detectable"]


def test_dates_fall_before_the_campaign_and_keep_its_length(monkeypatch):
    """No edition is tried on a holiday, on another kind of day, or where it or its campaign meets the real one."""
    seen = []
    monkeypatch.setattr(
        power, "estimate", lambda daily, windows, *_: seen.append(windows) or estimate(daily, windows)
    )
    windows = Windows("2017-10-26", campaign_start="2017-10-12", country="AE")
    index = pd.date_range("2017-01-01", "2017-11-10")
    daily = pd.Series(np.exp(0.03 * np.random.default_rng(5).standard_normal(len(index))), index)
    power.detectable(daily, windows, (2,), (90,))
    assert {len(one.event_days) for one in seen} == {1, 2}
    assert {len(one.campaign_days) for one in seen} == {14}
    assert max(one.event_end for one in seen) < windows.campaign_start
    assert not {4, 5} & {one.event_start.day_of_week for one in seen}  # Friday and Saturday were the weekend
    assert pd.Timestamp("2017-06-26") not in {day for one in seen for day in one.event_days}  # Eid al-Fitr
    histories = {one.history_start and (one.campaign_start - one.history_start).days for one in seen}
    assert histories == {None, 90}


def test_days_without_payments_are_no_dates():
    index = pd.date_range(end="2017-11-10", periods=200)
    daily = pd.Series(np.exp(9 + 0.03 * np.random.default_rng(2).standard_normal(200)), index)
    gaps = daily.drop(index[120]).where(lambda one: one.index != index[130], 0.0)
    whole, less = (power.detectable(one, PLAIN, (1, 2), (None,)) for one in (daily, gaps))
    assert (less["dates"] <= whole["dates"]).all()
    assert less["simulated"].to_numpy() == pytest.approx(whole["simulated"].to_numpy(), rel=0.3)


def test_closed_form_power_by_hand():
    rows = power.closed_form({"a": 0.05, "b": 0.1}, np.array([0.0, np.expm1(0.05 * 2.8016)]))
    np.testing.assert_allclose(rows["power"], [0.05, 0.8, 0.05, 0.2879], atol=1e-3)
    assert list(rows["design"]) == ["a", "a", "b", "b"]


def test_weights_equal_dense_generalised_least_squares():
    rng = np.random.default_rng(3)
    own, shared = rng.uniform(0.001, 0.01, 6), 0.002
    closed = power.CLOSINGS["two waves"](rng.permutation(6))
    V = np.kron(np.eye(2), shared + np.diag(own))
    a, y = closed.ravel(), rng.standard_normal(12)
    fit = sm.GLS(y, a[:, None], sigma=V).fit()
    weights, variance = power._weights(closed, shared, own)
    assert (weights.ravel() * y).sum() == pytest.approx(fit.params[0])
    assert variance == pytest.approx(1 / (a @ np.linalg.inv(V) @ a))


def test_each_design_closes_whom_it_says():
    rng = np.random.default_rng(4)
    closed = {design: closing(rng.permutation(10)) for design, closing in power.CLOSINGS.items()}
    assert [int(closed[design].sum()) for design in power.DESIGNS] == [10, 20, 5, 10, 10]
    for design in ("two waves", "staggered over a week"):
        np.testing.assert_array_equal(closed[design].sum(axis=0), 1)
    assert [len(days) for days in closed.values()] == [1, 6, 1, 2, 5]


def test_innovations_are_the_shocks_that_made_the_series():
    """Weekday patterns and memory of 0.6 taken out, what remains of each entity is its own shock, in log units."""
    rng = np.random.default_rng(7)
    index = pd.date_range("2017-01-01", "2017-10-26")
    shocks = rng.standard_normal((len(index), 2)) * [0.03, 0.08]
    errors = np.zeros_like(shocks)
    for day in range(1, len(index)):
        errors[day] = 0.6 * errors[day - 1] + shocks[day]
    weekday = np.where(index.day_of_week < 5, 0.0, -0.5)[:, None]
    counts = np.exp(8 + weekday + errors)
    panel = pd.DataFrame(
        {"date": np.repeat(index, 2), "entity": ["a", "b"] * len(index), "count": counts.ravel()}
    )
    found = power._innovations(panel, PLAIN, "entity", "count")
    assert found.std(axis=0) == pytest.approx([0.03, 0.08], rel=0.15)
    days = index[(index.day_of_week < 5) & (index.days_in_month - index.day >= 3)]
    true = pd.DataFrame(shocks, index).loc[days[-len(found) - 1 : -1]].to_numpy()
    assert np.corrcoef(found[:, 0], true[:, 0])[0, 1] > 0.9


def test_staggering_beats_closing_all_at_once_under_a_shared_shock():
    panel = frame(accounts.drawn(DUBAI, 2))
    panel = panel[panel["channel"] != "counter"]
    windows = Windows("2017-10-26", campaign_start="2017-09-23", country="AE")
    found = power.designs(panel, windows, draws=300).set_index("design")
    assert found.loc["staggered over a week", "sd"] < found.loc["all, one day", "sd"]
    assert found["simulated_sd"].to_numpy() == pytest.approx(found["sd"].to_numpy(), rel=0.25)
    assert (found["coverage"] - 0.95).abs().max() < 0.05
    assert found["false_alarms"].max() < 0.12


def test_refusals_say_what_to_do():
    daily = pd.Series(1.0, pd.date_range("2017-01-01", "2017-11-01"))
    with pytest.raises(ValueError, match="power is 1: give a fraction"):
        power.detectable(daily, PLAIN, power=1)
    one = pd.DataFrame({"date": daily.index[-60:], "entity": "a", "count": np.arange(60.0) % 7})
    with pytest.raises(ValueError, match="the panel has one entity: "):
        power.designs(one, PLAIN)
    with pytest.raises(
        ValueError, match=r"^\d+ ordinary days like the event in the history: give at least 30$"
    ):
        power.designs(
            pd.concat([one, one.assign(entity="b")])[lambda panel: panel["date"] > "2017-09-20"], PLAIN
        )
