"""Which groups of a ledger may be shown one by one, so that nothing is told of a few payers.

A group is too small to be shown if, over the whole period or on a day of the event, fewer than `LEAST` people paid or
one paid `DOMINANT` of its value or more. Small groups are put together, and with them as many others as it takes that
the sum tells nothing of one (`hidden`). This is decided once for a study and done to its panels, before
anything is computed or kept, so that no page, table or file can know more, nor their differences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

LEAST = 10  # payers
DOMINANT = 0.8  # of a value, by one payer or one group: the (1, 80) rule of statistical offices
FEWEST = {"entity": 3}  # groups put together: of two entities each would know the other's sum
OTHERS = "others"


def together(labels: Iterable[str]) -> int:
    """How many groups stand behind the labels "others (n)"."""
    merged = [re.fullmatch(rf"{OTHERS} \((\d+)\)", str(label)) for label in labels]
    return sum(int(found[1]) for found in merged if found)


def count(labels: Iterable[str]) -> int:
    """How many groups stand behind the labels, one by one or together."""
    return sum(together([label]) or 1 for label in labels)


def may_show(payers: np.ndarray, least: int = LEAST, fewest: int = 2) -> np.ndarray:
    """Which groups may be shown, by their payers; hidden ones are `fewest` at least, with `least` payers."""
    hidden = payers < least
    if hidden.any() and not hidden.all():
        for group in np.argsort(payers, kind="stable"):
            if hidden.sum() >= fewest and payers[hidden].sum() >= least:
                break
            hidden[group] = True
    return ~hidden


def hidden(cells: pd.DataFrame, by: str) -> set[str]:
    """The groups of the column `by` that are put together.

    Parameters
    ----------
    cells : DataFrame
        `by`, `date` (of digital payments on a day of the event, else missing), `bucket` (of the payer; missing where
        payers are unknown), `payments`, `value`.

    The small ones come first. While they are too few, or have too few payers, the smallest other one joins them; while
    one payer or one of them has most of their value, the largest.
    """
    views = [cells, *(day for _, day in cells.groupby("date"))]
    sizes = [_sizes(view, by) for view in views]
    alone = [size.reindex(sizes[0].index, fill_value=0) for size in sizes]
    small = pd.concat([size.index[_unsafe(size)].to_series() for size in alone]).unique()
    if not len(small):
        return set()
    least = pd.concat([size["people"] for size in alone], axis=1).min(axis=1)
    order = sizes[0].assign(people=least).sort_values(["people", "value"]).index
    chosen, rest = list(small), [name for name in order if name not in set(small)]
    while rest:
        together = [_sizes(view[view[by].isin(chosen)].assign(**{by: OTHERS}), by) for view in views]
        parts = [size["value"].reindex(chosen).fillna(0) for size in sizes]
        few = any(one["people"].sum() < LEAST for one in together)
        if few or len(chosen) < FEWEST.get(by, 2):
            chosen.append(rest.pop(0))
        elif any((one["largest"] >= DOMINANT).any() for one in together) or any(
            part.max() >= DOMINANT * part.sum() > 0 for part in parts
        ):
            chosen.append(rest.pop(sizes[0]["value"].reindex(rest).argmax()))
        else:
            break
    return set(chosen)


def _sizes(cells: pd.DataFrame, by: str) -> pd.DataFrame:
    """Of each group `people`, `value`, and the `largest` share of a payer in it."""
    merged = (
        cells.groupby([by, "bucket"], observed=True, dropna=False)[["payments", "value"]].sum().reset_index()
    )
    merged[by] = merged[by].astype("str")
    groups, known = merged.groupby(by), cells["bucket"].notna().all()
    value = groups["value"].sum()
    largest = (groups["value"].max() / value.where(value > 0)).fillna(0) if known else 0.0
    return pd.DataFrame(
        {"people": groups.size() if known else groups["payments"].sum(), "value": value, "largest": largest}
    )


def _unsafe(sizes: pd.DataFrame) -> pd.Series:
    return (sizes["people"] < LEAST) | (sizes["largest"] >= DOMINANT)
