"""Do the intervals of report 03 hold the truth? The recommended estimator on many simulated years of Dubai.

    python benchmarks/effect_coverage.py --seeds 200 --out data/derived/effect-coverage.csv

The whole path is tested: customers who are won, turned away, wait or come earlier, and what is then said of the day.
One row a seed, metric and estimand, so that a small run gives the first rows of a large one.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import pandas as pd

from analysis import simulate
from analysis.effect import estimate
from analysis.simulate import accounts
from analysis.simulate.world import COUNTER, DUBAI
from analysis.windows import BASELINES, Windows

DAY = Windows("2017-10-26", campaign_start="2017-09-23", country="AE", wait_days=0)
LEVELS = (80, 95)


def draw(seed: int) -> tuple[dict[str, pd.Series], dict]:
    """The daily series of one simulated year by metric, and the true effects."""
    account = accounts.drawn(DUBAI, seed)
    count, value = (total.sum(1) for total in account.totals)  # days, channels
    digital, worth = count[:, :COUNTER].sum(1), value[:, :COUNTER].sum(1)
    series = {"count": digital, "value": worth, "ticket": worth / digital}
    series["digital_share"] = digital / count.sum(1)
    dates = account.model.dates
    named = {name: pd.Series(values, dates, float, name) for name, values in series.items()}
    return named, simulate.effects(account)


def run(seed: int) -> pd.DataFrame:
    """What was expected, with its intervals, and what would truly have been."""
    series, truth = draw(seed)
    rows = []
    for metric, daily in series.items():
        for estimand in BASELINES:
            effect = estimate(daily, DAY, baseline=estimand)
            row = {"seed": seed, "metric": metric, "estimand": estimand}
            row |= {"truth": truth[estimand][metric]["expected"], "expected": effect.expected}
            for level in LEVELS:
                row[f"low_{level}"], row[f"high_{level}"] = effect.expected_interval(level / 100)
            rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Run all seeds and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    made = joblib.Parallel(options.jobs)(joblib.delayed(run)(seed) for seed in range(options.seeds))
    temporary = options.out.with_suffix(".partial")
    pd.concat(made).to_csv(temporary, index=False, float_format="%.7g")
    os.replace(temporary, options.out)


if __name__ == "__main__":
    main()
