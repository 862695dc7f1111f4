"""The series that certify the finished estimator: their truth is right. No estimator is run on them here."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import calibration
import processes
from unseen import UNSEEN

PROBABILITIES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def _draw(name: str, draws: int) -> processes.Draws:
    return UNSEEN[name](np.random.default_rng([3, zlib.crc32(name.encode())]), draws)


@pytest.mark.parametrize("draws", [1_000, pytest.param(4_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", UNSEEN)
def test_oracle_is_nominal(name, draws):
    """The oracle's 50, 80 and 95 % intervals cover at their levels, and each tail does, to four standard errors; its
    mean is the mean; and whether the eve was above the week before says nothing of the side on which it errs.

    Counts are spread over +-1/2, as the oracle takes them.
    """
    drawn = _draw(name, draws)
    for baseline in ("pre-week", "history")[: 1 + (drawn.without_campaign is not None)]:
        truth, oracle = drawn.truth(baseline)
        ratio = truth / oracle.mean
        if name != "wandering_volatility":  # its mean is infinite
            assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(draws)
        if (truth == np.round(truth)).all():
            truth = truth + np.random.default_rng(0).uniform(-0.5, 0.5, draws)
        quantiles = np.array([oracle.quantile(q) for q in PROBABILITIES])
        below = (truth < quantiles).mean(axis=1)
        inside = ((truth >= quantiles[:3]) & (truth <= quantiles[:3:-1])).mean(axis=1)
        found = np.concatenate([below, inside])
        wanted = np.array([*PROBABILITIES, 0.95, 0.8, 0.5])
        off = (found - wanted) / np.sqrt(wanted * (1 - wanted) / draws)
        assert (abs(off) < 4).all(), dict(zip(wanted, found, strict=True))
        if baseline == "pre-week":
            step = np.nan_to_num(np.sign(drawn.values[:, -2] - drawn.values[:, -9]))
            assert abs(np.mean(step * np.sign(truth - quantiles[3]))) < 4 / np.sqrt(draws)


def test_what_the_set_holds():
    """New names (one of the development set would hide it), short and long histories, campaigns, waiting, shares."""
    drawn = {name: _draw(name, 20) for name in UNSEEN}
    assert len(UNSEEN) >= 18
    assert not UNSEEN.keys() & processes.PROCESSES.keys()
    lengths = [UNSEEN[name].days for name in UNSEEN]
    assert min(lengths) <= 21
    assert max(lengths) >= 500
    campaigns = [d for d in drawn.values() if d.campaign_days]
    assert len(campaigns) >= 4
    assert all(10 <= d.campaign_days <= 40 and d.without_campaign is not None for d in campaigns)
    assert sum(d.wait_days == 2 for d in campaigns) == 2
    assert {d.country for d in drawn.values()} == {None, "GB", "IN", "US"}
    assert {d.metric for d in drawn.values()} == {"value", "ticket", "digital_share"}
    for name, one in drawn.items():
        values = one.values
        assert np.isnan(values).any() == (name == "gaps")
        assert np.isfinite(values[:, -1]).all()
        assert np.nanmin(values) >= 0
        if one.metric == "digital_share":
            assert 0 < values.min() < values.max() < 1


def test_the_study_hands_over_what_a_user_knows(monkeypatch):
    """The metric's name, the campaign and the days of waiting reach the estimator; no waiting is said where none is."""
    told = []
    monkeypatch.setattr(calibration, "Windows", lambda day, **known: told.append(known))
    for name in ("campaign_flash", "campaign_unheard", "share_near_one"):
        drawn = _draw(name, 1)
        daily, _ = calibration._case(drawn, 0, drawn.truth("pre-week")[0][0])
        assert daily.name == drawn.metric
    flash, unheard, share = told
    assert flash["wait_days"] == 2
    assert "wait_days" not in unheard | share
    assert flash["campaign_start"] is not None
    assert share["campaign_start"] is None


def test_the_oracle_is_a_row_of_either_set():
    """Baseline "history" is asked where there is a campaign, whatever the name; an effect on a share keeps it one."""
    table, details = calibration.study(["ar03_log", "share_near_one", "campaign_share"], ["oracle"], 50)
    assert table["set"].tolist() == ["development", "unseen", "unseen", "unseen"]
    assert table["baseline"].tolist() == ["pre-week", "pre-week", "pre-week", "history"]
    assert (table[["width_50", "width_95"]] == 1).all(axis=None)
    assert len(details) == 200
    assert calibration._raised(0.5, 1.0, "digital_share") == pytest.approx(2 / 3)  # odds of 1, doubled
    assert calibration._raised(0.5, 1.0, "value") == 1
