"""A synthetic ledger of Dubai's payments in 2017, with a known true effect of 26 October.

No number of it is a measurement. Its mean year shows every published figure; what the figures leave open is assumed
in dubai.toml. `year` is the same as `simulate` of the same seed, without the rows.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from analysis.simulate.accounts import Account, drawn, expected
from analysis.simulate.payers import Payers
from analysis.simulate.world import CHANNELS, COMPONENTS, COUNTER, DUBAI, RECIPE, Model
from analysis.storage import ROOT, publish, staging

SYNTHETIC = ROOT / "data" / "synthetic" / "dubai-2017.parquet"
LEAST_ROWS = 100


def simulate(path: str | Path, seed: int = 2017, **world: float | None) -> Path:
    """Write a ledger as Parquet and the truth beside it, as ``<stem>.truth.json``; `world` as in `year`.

    The folder is made, and the same seed gives the same file. Returns the ledger's path.
    """
    from analysis.simulate.rows import write

    path = Path(path)
    if path.suffix not in (".parquet", ".pq"):
        raise ValueError(f"{path}: the ledger is written as Parquet, give a name that ends in .parquet")
    account = year(seed, **world)
    with staging(path.parent) as staged:
        mark = _mark(account.model, seed, world.get("rows"))
        write(staged / path.name, account, seed, {"synthetic": "true", "model": mark})
        beside = json.dumps(truth(account, seed), indent=1) + "\n"
        (staged / f"{path.stem}.truth.json").write_text(beside, encoding="utf-8")
        publish(staged, last=path.name)
    return path


def ensure(path: str | Path = SYNTHETIC) -> Path:
    """The ledger of Dubai's 2017, made when it is missing or of another model."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    with contextlib.suppress(OSError, pa.ArrowException):  # missing or damaged
        found = pq.read_metadata(path).metadata or {}
        known = found.get(b"model") == _mark(DUBAI, 2017, None).encode()
        if known and path.with_name(f"{path.stem}.truth.json").exists():
            return path
    return simulate(path)


def year(
    seed: int, days: int = 365, entities: int = 36, rows: int | None = None, effect: float | None = None
) -> Account:
    """One drawn year, the same for a seed.

    Parameters
    ----------
    days : int
        26 October keeps its place in the year, and more than 365 reach further back.
    entities : int
        The published figures hold for 36.
    rows : int, optional
        Exactly so many payments, counters included; by default what 2017 had.
    effect : float, optional
        Mean relative effect of the day on the digital count, at the level of the campaign: 0.3 is +30 %. By
        default the calibrated one. With 0 there is no initiative: no campaign, and counters stay open.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}: give a whole number of at least 0")
    model = replace(DUBAI, days=days, entities=entities)
    if effect is not None:
        model = with_effect(model, effect)
    if rows is not None:
        if rows < LEAST_ROWS:
            raise ValueError(f"rows is {rows}: give at least {LEAST_ROWS}")
        share = rows / expected(model).count.sum()
        model = replace(model, level=model.level * share, payers=max(50, round(model.payers * share)))
    return drawn(model, np.random.SeedSequence([seed, 0]), rows)


def with_effect(model: Model, effect: float) -> Model:
    """The model whose day has this mean relative effect on the digital count.

    A smaller effect shrinks campaign and response together. A larger one wins more counter customers, as
    far as there are any, and new payments beyond.
    """
    if not 0 <= effect < np.inf:
        raise ValueError(f"effect is {effect}: give a fraction of at least 0, such as 0.3 for +30 %")
    if effect == 0:
        return model.without()

    def gain(model: Model) -> float:
        return effects(expected(model))["pre-week"]["count"]["relative"]

    factor = effect / gain(model)
    shrinking = ("campaign", "pulled", "waited", "lasting")
    less = {name: getattr(model, name) * min(factor, 1.0) for name in shrinking}
    scaled = replace(model, **less, to_digital=min(model.to_digital * factor, 0.9), new=0.0)
    return replace(scaled, new=max(effect - gain(scaled), 0.0))


def truth(account: Account, seed: int) -> dict:
    """What happened in the drawn year, for the file beside the ledger."""
    model, day = account.model, account.model.position

    def cells(count: list, value: list) -> dict:
        """entity -> channel -> component -> count and value."""
        return {
            entity: {
                channel: {
                    component: {"count": count[k][e][c], "value": round(value[k][e][c], 2)}
                    for k, component in enumerate(COMPONENTS)
                }
                for c, channel in enumerate(CHANNELS)
            }
            for e, entity in enumerate(model.names)
        }

    return {
        "synthetic": True,
        "note": "Simulated. No number here or in the ledger is a measurement.",
        "seed": seed,
        "rows": int(account.count.sum()),
        "event": f"{model.event}",
        "initiative": model.announced is not None,
        "week": RECIPE["week"],
        "effect": effects(account),
        "mean_effect": effects(expected(model)),
        "event_day": cells(account.count[:, day].tolist(), account.value[:, day].tolist()),
        "all_days": cells(account.count.sum(1).tolist(), account.value.sum(1).tolist()),
        "first_timers": Payers(account, seed).truth(),
        "parameters": asdict(model) | {"event": f"{model.event}", "announced": f"{model.announced or ''}"},
    }


def effects(account: Account) -> dict:
    """The event day's true effects: estimand -> metric -> observed, expected, absolute, relative.

    Digital channels, as everywhere: count, value, ticket; `digital_share` is of the count of all channels.
    ``"pre-week"`` expects baseline and campaign, ``"history"`` the baseline.
    """

    def metrics(first: int) -> dict[str, float]:
        """Of the first of `COMPONENTS` alone: baseline, campaign, then what the day did."""
        parts = (account.count, account.value)
        count, value = (part[:first, account.model.position].sum((0, 1)) for part in parts)
        digital, money, every = float(count[:COUNTER].sum()), float(value[:COUNTER].sum()), float(count.sum())
        ticket, share = money / digital if digital else 0.0, digital / every if every else 0.0
        return {"count": digital, "value": money, "ticket": ticket, "digital_share": share}

    found, seen = {}, metrics(len(COMPONENTS))
    for estimand, first in (("pre-week", 2), ("history", 1)):
        found[estimand] = {}
        for metric, mean in metrics(first).items():
            told = {"observed": seen[metric], "expected": mean, "absolute": seen[metric] - mean}
            found[estimand][metric] = told | {"relative": seen[metric] / mean - 1 if mean else None}
    return found


def _mark(model: Model, seed: int, rows: int | None) -> str:
    """Tells one ledger's parameters from another's."""
    return json.dumps([asdict(model), seed, rows], default=str)
