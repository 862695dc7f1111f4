"""Who responded: contributions add up, pooling and multiplicity agree with statsmodels, small groups stay hidden."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from analysis import groups
from analysis.simulate import accounts
from analysis.simulate.dubai import DUBAI
from analysis.windows import Windows

DAY = Windows("2017-10-26", campaign_start="2017-09-23")


def _panel(model=DUBAI, seed=1):
    panel = accounts.drawn(model, seed).frame()
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


def test_contributions_add_up_to_the_total():
    found = groups.group_effects(_panel(), DAY)
    assert found.table["effect"].sum() == pytest.approx(found.total)
    assert found.table["contribution"].sum() == pytest.approx(1)
    assert found.total_interval.low < found.total < found.total_interval.high
    observed = _panel().groupby("date")["count"].sum()["2017-10-26"]
    assert found.table["observed"].sum() == pytest.approx(observed)


def test_one_group_alone_is_the_contrast_regression():
    from analysis import placebo

    panel = _panel()
    panel["all"] = "all"
    found = groups.group_effects(panel, DAY, by="all")
    daily = panel.groupby("date")["count"].sum().astype(float)
    test = placebo.placebo_test(daily, DAY)
    assert found.table["own"][0] == pytest.approx(test.event_relative)
    assert found.table["relative"][0] == pytest.approx(test.event_relative)
    assert found.table["p_family"][0] == pytest.approx(test.p_value)


def test_moments_agree_with_statsmodels():
    y, se = np.array([0.1, 0.3, 0.35, 0.65, 0.45]), np.array([0.05, 0.1, 0.12, 0.2, 0.08])
    mine = groups.pool(y, se, method="dl")
    theirs = combine_effects(y, se**2, method_re="chi2")
    assert mine.tau**2 == pytest.approx(theirs.tau2, rel=1e-8)
    assert mine.mean == pytest.approx(theirs.mean_effect_re, rel=1e-8)
    assert mine.mean_se == pytest.approx(theirs.sd_eff_w_re, rel=1e-8)


def test_restricted_likelihood_is_at_the_root_of_its_score():
    # tau2 = [sum w^2 ((y - m)^2 - v)] / sum w^2 + 1 / sum w, iterated
    y, se = np.array([0.1, 0.3, 0.35, 0.65, 0.45]), np.array([0.05, 0.1, 0.12, 0.2, 0.08])
    tau2 = 0.01
    for _ in range(500):
        w = 1 / (se**2 + tau2)
        m = w @ y / w.sum()
        tau2 = (w**2 @ ((y - m) ** 2 - se**2)) / (w**2).sum() + 1 / w.sum()
    assert groups.pool(y, se, method="reml").tau ** 2 == pytest.approx(tau2, rel=0.02)


def test_pooling_shrinks_and_keeps_the_order_of_equally_sure_groups():
    y = np.array([0.0, 0.1, 0.2, 0.5])
    found = groups.pool(y, np.full(4, 0.1))
    assert (np.diff(found.estimates) > 0).all()
    assert np.ptp(found.estimates) < np.ptp(y)
    assert found.estimates.mean() == pytest.approx(y.mean())
    assert (found.se < np.hypot(0.1, 0.1)).all()
    same = groups.pool(np.full(6, 0.2), np.full(6, 0.1), method="reml")
    assert same.tau == 0
    np.testing.assert_allclose(same.estimates, 0.2)
    np.testing.assert_allclose(same.se, 0.1 / np.sqrt(6))


def test_a_shared_error_widens_every_interval_and_is_no_spread():
    rng = np.random.default_rng(3)
    y = 0.2 + 0.05 * rng.standard_normal(30) + 0.1  # 0.1 moved all
    se = np.full(30, np.hypot(0.05, 0.1))
    found = groups.pool(y, se, common=0.01)
    assert found.mean_se > 0.1
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


def test_false_discovery_rate_agrees_with_statsmodels():
    p = np.array([0.001, 0.2, 0.03, 0.04, 0.9, 0.011])
    np.testing.assert_allclose(groups._false_discovery(p), multipletests(p, method="fdr_bh")[1])


def test_family_of_groups_without_any_effect_is_rarely_struck():
    struck = [
        (groups.group_effects(_panel(DUBAI.without(), seed), DAY).table["p_family"] <= 0.1).any()
        for seed in range(40)
    ]
    assert np.mean(struck) < 0.1 + 3 * np.sqrt(0.09 / 40)


def test_small_groups_are_hidden_and_cannot_be_worked_out():
    levels = {"a": 900, "b": 500, "c": 60, "d": 20}
    panel = _wide_to_panel(levels, {"d": 4, "c": 30})
    table = groups.group_effects(panel, DAY).table.set_index("entity")
    # d has 4 payers; alone it would follow from the total, so c is hidden with it.
    assert table.loc[["c", "d"], "suppressed"].all()
    numbers = table.columns.drop("suppressed")
    assert table.loc[["c", "d"], numbers].isna().all(axis=None)
    on_the_day = panel[panel["date"] == "2017-10-26"].set_index("entity")["count"]
    assert table.loc["others (2)", "observed"] == pytest.approx(on_the_day[["c", "d"]].sum())
    assert table["contribution"].sum() == pytest.approx(1)
    assert table.loc[["a", "b"], "relative"].notna().all()


def test_two_tiny_groups_hide_a_third_until_ten_payers_are_behind_them():
    np.testing.assert_array_equal(groups.may_show(np.array([3, 4, 12, 50]), 10), [False, False, False, True])
    np.testing.assert_array_equal(groups.may_show(np.array([6, 4, 12, 50]), 10), [False, False, True, True])
    assert groups.may_show(np.array([10, 12, 50]), 10).all()


def test_refusals_name_the_column():
    with pytest.raises(ValueError, match="'service'"):
        groups.group_effects(_panel(), DAY, by="service")
    with pytest.raises(ValueError, match="neither payers nor count"):
        groups.group_effects(_panel()[["date", "entity", "value"]], DAY, metric="value")
    with pytest.raises(ValueError, match="integrated"):
        groups.pool(np.ones(3), np.ones(3), method="bayes")


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
