"""Do the parts of the gain cover their truth? The decomposition on many simulated years.

    python benchmarks/displacement_coverage.py --seeds 200 --out data/derived/displacement-coverage.csv

Years are drawn as a panel, payment by payment is not needed; the truth of each part is known. One row a metric, seed
and part, so that a small run gives the first rows of a large one.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
import pandas as pd

from analysis import displacement
from analysis.effect import estimate
from analysis.simulate import accounts, world
from analysis.simulate.world import DUBAI
from analysis.windows import Windows

DAY = Windows("2017-10-26", campaign_start="2017-09-23", country="AE", wait_days=0)
BEFORE, AFTER = 2, 14


def draw(seed: int, metric: str = "count") -> tuple[pd.Series, pd.Series, dict[str, float]]:
    """Digital and counter series of one simulated year, and the truth of each part."""
    account = accounts.drawn(DUBAI, seed)
    cells = getattr(account, metric).astype(float).sum(2)  # components, days, channels
    dates = account.model.dates
    day = dates.get_loc(DAY.event_start)
    part = dict(zip(world.COMPONENTS, cells, strict=True))
    moved = (part["from_other_days"] + part["to_other_days"]).sum(1)
    after, before = -moved[day + 1 :].sum(), -moved[:day].sum()  # beyond the window too
    on_the_day = {name: values[day] for name, values in part.items()}
    truth = {
        "digital_gain": sum(on_the_day[k][:3].sum() for k in ("from_counters", "from_other_days", "new")),
        "from_counters": -sum(on_the_day[k][3] for k in ("from_counters", "to_other_days", "lost")),
        "from_other_days": after + before,
        "pulled_forward": after,
        "postponed": before,
        "net_new": on_the_day["new"].sum() + on_the_day["lost"].sum(),
    }
    total = cells.sum(0)
    return pd.Series(total[:, :3].sum(1), dates), pd.Series(total[:, 3], dates), truth


def run(seed: int, metric: str) -> pd.DataFrame:
    """Estimate, standard error and truth of each part of one year."""
    digital, counter, truth = draw(seed, metric)
    found = displacement.decompose(
        digital, counter, DAY, BEFORE, AFTER, headline=estimate(digital.rename(metric), DAY)
    )
    return pd.DataFrame(
        {
            "metric": metric,
            "seed": seed,
            "part": found.parts.index,
            "truth": found.parts.index.map(truth),
            "estimate": found.parts.to_numpy(),
            "se": np.sqrt(np.diag(found.covariance)),
            "df": found.df,
        }
    )


def main() -> None:
    """Run all seeds and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    work = [(seed, metric) for metric in ("count", "value") for seed in range(options.seeds)]
    rows = pd.concat(joblib.Parallel(options.jobs)(joblib.delayed(run)(*each) for each in work))
    temporary = options.out.with_suffix(".partial")
    rows.to_csv(temporary, index=False, float_format="%.6g")
    os.replace(temporary, options.out)
    level = displacement.coverage(rows)
    print(level.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
