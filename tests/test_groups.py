"""Who responded: contributions add up, pooling shrinks and covers, small groups stay hidden."""

import numpy as np
import pandas as pd
import pytest
from simulated import frame

from analysis import disclosure, groups
from analysis.effect import estimate
from analysis.placebo import placebos
from analysis.simulate import accounts
from analysis.simulate.world import DUBAI
from analysis.windows import Windows

DAY = Windows("2017-10-26", campaign_start="2017-09-23", country="AE", wait_days=0)


def _panel(model=DUBAI, seed=1):
    panel = frame(accounts.drawn(model, seed))
    return panel[panel["channel"] != "counter"]


def _wide_to_panel(values, payers=None):
    """A panel of constant noisy series: one column a group."""
    index = pd.date_range(end="2017-10-31", periods=200, name="date")
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {name: level * np.exp(0.03 * rng.standard_normal(200)) for name, level in values.items()}, index
    )
    panel = frame.reset_index().melt("date", var_name="entity", value_name="count")
    panel["payers"] = panel["entity"].map(payers or {}).fillna(1_000).astype(int)
    return panel


@pytest.mark.parametrize("metric", ["count", "value"])
def test_effects_add_up_to_the_headline(metric):
    panel = _panel()
    headline = estimate(panel.groupby("date")[metric].sum().astype(float), DAY)
    found = groups.group_effects(panel, DAY, metric=metric, headline=headline)
    assert found.total == headline.absolute
    assert found.table["effect"].sum() == pytest.approx(headline.absolute, rel=1e-12)
    assert found.table["contribution"].sum() == pytest.approx(1)
    assert found.total_interval == headline.confidence_interval()
    assert found.table["observed"].sum() == pytest.approx(headline.observed)
    np.testing.assert_allclose(found.table["observed"] - found.table["expected"], found.table["effect"])


def test_one_group_alone_is_the_headline_and_its_placebo_test():
    panel = _panel()
    panel["all"] = "all"
    daily = panel.groupby("date")["count"].sum().astype(float)
    headline = estimate(daily, DAY)
    row = groups.group_effects(panel, DAY, by="all", headline=headline).table.iloc[0]
    assert row["relative"] == pytest.approx(headline.relative)
    assert row["own"] == pytest.approx(headline.relative, abs=0.02)
    low, high = headline.confidence_interval()
    assert row["effect_high"] - row["effect_low"] == pytest.approx(high - low)
    assert row["p_family"] == pytest.approx(placebos(daily, DAY).p_value, abs=0.05)


def test_pooling_shrinks_and_keeps_the_order_of_equally_sure_groups():
    y = np.array([0.0, 0.1, 0.2, 0.5])
    found = groups.pool(y, np.full(4, 0.1))
    assert (np.diff(found.estimates) > 0).all()
    assert np.ptp(found.estimates) < np.ptp(y)
    assert found.estimates.mean() == pytest.approx(y.mean())
    assert (found.se < np.hypot(0.1, 0.1)).all()
    same = groups.pool(np.full(6, 0.2), np.full(6, 0.1))
    np.testing.assert_allclose(same.estimates, 0.2)


def test_a_shared_error_widens_every_interval_and_is_no_spread():
    rng = np.random.default_rng(3)
    y = 0.2 + 0.05 * rng.standard_normal(30) + 0.1  # 0.1 moved all
    se = np.full(30, np.hypot(0.05, 0.1))
    found = groups.pool(y, se, common=0.01)
    assert (found.se > 0.1).all()
    assert found.tau < 0.04


@pytest.mark.parametrize("tau", [0.03, 0.1])
def test_pooled_intervals_cover_on_average(tau):
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(200):
        se = np.exp(rng.normal(np.log(0.08), 0.4, 30))
        truth = 0.13 + tau * rng.standard_normal(30)
        found = groups.pool(truth + se * rng.standard_normal(30), se)
        inside.append((np.abs(found.estimates - truth) < 1.96 * found.se).mean())
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)


def test_family_of_groups_without_any_effect_is_rarely_struck():
    struck = [
        (groups.group_effects(_panel(DUBAI.without(), seed), DAY).table["p_family"] <= 0.1).any()
        for seed in range(40)
    ]
    assert np.mean(struck) < 0.1 + 3 * np.sqrt(0.09 / 40)


def test_small_groups_are_hidden_and_cannot_be_worked_out():
    levels = {"a": 900, "b": 500, "c": 60, "d": 20, "e": 70}
    panel = _wide_to_panel(levels, {"d": 4, "c": 30, "e": 40})
    table = groups.group_effects(panel, DAY).table.set_index("entity")
    # d has 4 payers; alone it would follow from the total, and with c alone c would know it.
    assert table.loc[["c", "d", "e"], "suppressed"].all()
    numbers = table.columns.drop("suppressed")
    assert table.loc[["c", "d", "e"], numbers].isna().all(axis=None)
    on_the_day = panel[panel["date"] == "2017-10-26"].set_index("entity")["count"]
    assert table.loc["others (3)", "observed"] == pytest.approx(on_the_day[["c", "d", "e"]].sum())
    assert table["contribution"].sum() == pytest.approx(1)
    assert table.loc[["a", "b"], "relative"].notna().all()


def test_groups_that_come_together_are_told_as_a_sum_and_not_judged():
    levels = {"a": 900, "b": 500, "others (3)": 90}
    found = groups.group_effects(_wide_to_panel(levels), DAY)
    table = found.table.set_index("entity")
    assert table.loc["others (3)", ["observed", "expected", "effect", "contribution"]].notna().all()
    assert (
        table.loc["others (3)", ["effect_low", "relative", "low", "own", "p_value", "q_value"]].isna().all()
    )
    assert table["contribution"].sum() == pytest.approx(1)
    assert len(found.pooled.estimates) == 2
    alone = groups.group_effects(_wide_to_panel({"others (3)": 90}), DAY)
    assert len(alone.pooled.estimates) == 1


def test_two_tiny_groups_hide_a_third_until_ten_payers_are_behind_them():
    np.testing.assert_array_equal(
        disclosure.may_show(np.array([3, 4, 12, 50]), 10), [False, False, False, True]
    )
    np.testing.assert_array_equal(
        disclosure.may_show(np.array([6, 4, 12, 50]), 10), [False, False, True, True]
    )
    assert disclosure.may_show(np.array([10, 12, 50]), 10).all()


def test_refusals_name_the_column():
    with pytest.raises(ValueError, match="'service'"):
        groups.group_effects(_panel(), DAY, by="service")
    with pytest.raises(ValueError, match="neither payers nor count"):
        groups.group_effects(_panel()[["date", "entity", "value"]], DAY, metric="value")
    with pytest.raises(ValueError, match="no group is large enough"):
        groups.pool(np.ones(0), np.ones(0))


@pytest.mark.slow
def test_pooled_entity_intervals_hold_the_expected_effects_of_the_simulation():
    account = accounts.expected(DUBAI)
    cells = account.count[:, account.model.dates.get_loc("2017-10-26"), :, :3].sum(2)  # components, entities
    truth = pd.Series(cells[[2, 3, 5]].sum(0) / cells[[0, 1]].sum(0), account.model.names)
    inside = []
    for seed in range(100):
        table = groups.group_effects(_panel(seed=seed), DAY).table.set_index("entity")
        expected = truth.reindex(table.index)
        inside.append(((table["low"] <= expected) & (expected <= table["high"])).mean())
    assert 0.90 <= np.mean(inside) <= 0.98
