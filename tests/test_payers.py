"""Who came and whether they stayed, as a reader is told: numbers, what is hidden, and what cannot be known."""

import numpy as np
import pandas as pd
import pytest

from analysis.notebook import payers
from analysis.study import Study

COUNTER, APP = "counter", "app"


def _ledger(folder, known=True):
    """A year in which twenty people a day come to the app after a counter, and sixty on the day; each comes again."""
    days = pd.date_range("2017-01-01", periods=400)
    rng, rows = np.random.default_rng(1), []
    for i, day in enumerate(days):
        event = day == pd.Timestamp("2017-12-14")
        new = 60 if event else int(rng.poisson(20))
        for k in range(new):
            who, back = f"{i}-{k}", day + pd.Timedelta(days=5)
            rows += [(day - pd.Timedelta(days=1), COUNTER, who), (day, APP, who)]
            if rng.random() < 0.5:
                rows.append((back, APP, who))
        if event or i % 30 == 0:  # few enough to be told apart
            rows += [(day, "kiosk", f"kiosk-{i}-{k}") for k in range(3)]
            rows += [(day - pd.Timedelta(days=1), COUNTER, f"kiosk-{i}-{k}") for k in range(3) if known]
    table = pd.DataFrame(rows, columns=["paid_at", "channel", "payer_id"])
    table = table[table["paid_at"].between(days[0], days[-1])].assign(entity="a", service="b", amount=1.0)
    table["transaction_id"] = np.arange(len(table)).astype(str)
    table.to_parquet(folder / "ledger.parquet")
    return Study(
        title="T",
        event_start="2017-12-14",
        ledger=str(folder / "ledger.parquet"),
        offline_channels=[COUNTER],
        country=None,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return _ledger(tmp_path_factory.mktemp("payers"))


def test_those_who_came_are_counted_beside_the_expected(study):
    who = payers.found(study)
    text = str(payers.came(who))
    assert "On the event 63 people paid digitally for the first time, where 2" in text
    assert "Of them 63 had used counters before" in text
    low, high = who.came["payers"].confidence_interval()
    assert low < 40 < high


def test_whether_they_stayed_is_told_for_the_longest_known_horizon(study):
    who = payers.found(study)
    assert who.days == 30  # the ledger ends 52 days after the event
    assert "paid digitally again within 30 days" in str(payers.stayed(who))
    assert "ends too early to say anything beyond 30 days" in str(payers.unknown(who))


def test_few_people_are_hidden_and_said_to_be(study):
    who = payers.found(study)
    shown = who.kept["payers"]
    hidden = shown[shown["channel"].isin(["kiosk", "app"])]  # the app would follow from the total
    numbers = ["payers", "share", "ordinary_share", "difference", "low", "high"]
    assert hidden[numbers].isna().all(axis=None)
    assert "fewer than ten people could be told apart: app and kiosk." in str(payers.unknown(who))


def test_a_rest_of_three_is_not_told_by_the_number_from_counters(tmp_path):
    who = payers.found(_ledger(tmp_path, known=False))  # 60 of 63 from counters
    assert set(who.came) == {"payers"}
    assert "counters" not in str(payers.came(who))
    assert "counters" not in str(payers.stayed(who))


def test_nothing_of_a_single_payer_is_kept(study):
    assert set(study.first_timers().columns) == {
        *("date", "channel", "payers", "from_counter"),
        *(f"{prefix}again_{days}" for prefix in ("", "from_counter_") for days in (30, 60, 90)),
    }


def test_a_ledger_that_cannot_tell_says_so(study):
    silent = study.model_copy(update={"offline_channels": []})
    with pytest.raises(ValueError, match="offline_channels"):
        silent.first_timers()
    assert payers.found(silent) is None
    assert "half a year" in str(payers.came(None))
    assert payers.truth(silent, None).empty
