"""One specification is the headline, whatever a study chose, and a choice that does not apply is not counted."""

import numpy as np
import pandas as pd
import pytest

from analysis import figures, placebo
from analysis.effect import estimate
from analysis.notebook import evidence, tables
from analysis.windows import Windows

DAYS = pd.date_range("2017-03-01", "2017-10-26")
NOISE = np.random.default_rng(1).normal(0, 0.05, len(DAYS))
DAILY = pd.Series(np.exp(5 + 0.3 * (DAYS.day_of_week < 5) + NOISE), DAYS, name="count")


@pytest.mark.parametrize(
    "study",
    [
        {"campaign_start": "2017-09-23", "baseline_days": 10},
        {"campaign_start": "2017-09-23", "wait_days": 1},
        {"baseline_days": 14},
    ],
)
def test_the_study_s_own_choices_are_the_headline(study):
    windows = Windows("2017-10-26", **study)
    rows = placebo.specifications(DAILY, windows, histories=(None,))
    own = rows[rows["headline"]]
    assert own["absolute"].tolist() == [estimate(DAILY, windows).absolute]
    assert "the one that every report gives" in str(evidence.specifications(rows))
    tables.html(figures.description(figures.specification(rows)).data, "Specifications")


def test_no_week_is_counted_where_none_is_chosen():
    rows = placebo.specifications(DAILY, Windows("2017-10-26", "2017-10-26", "2017-09-23"), histories=(None,))
    assert rows.loc[rows["baseline"] == "history", ["baseline_days", "wait_days"]].isna().all(axis=None)
    table = evidence.choices(rows).set_index(["by", "choice"])["specifications"]
    assert table["baseline_days"].sum() == table["baseline", "pre-week"]
