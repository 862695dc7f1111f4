"""The scale on which the noise of a series is even: logarithm, square root, identity or logit (Box & Cox 1964)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

SHARES = ("digital_share",)  # metrics between nothing and all
RATIOS = ("ticket", *SHARES)  # metrics that are averaged over days where others are added up


class Scale(NamedTuple):
    """A transformation z = g(y) of values in units of their median."""

    name: str
    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]  # on the whole line; the root's is odd: none piles up at zero
    log_slope: Callable[[np.ndarray], np.ndarray]  # log g', by which likelihoods on two scales compare


# A touched day may hold nothing, or all: it is put where its logarithm is finite, far from any other day.
LOG = Scale("log", lambda y: np.log(np.maximum(y, 1e-3)), np.exp, lambda y: -np.log(y))
ROOT = Scale(
    "root",
    lambda y: 2 * np.sign(y) * np.sqrt(np.abs(y)),
    lambda z: z * np.abs(z) / 4,
    lambda y: -np.log(np.maximum(y, 1e-300)) / 2,
)
IDENTITY = Scale("identity", lambda y: y * 1.0, lambda z: z, np.zeros_like)
LOGIT = Scale(
    "logit",
    lambda y: special.logit(np.clip(y, 1e-4, 1 - 1e-4)),
    special.expit,
    lambda y: -np.log(y) - np.log1p(-y),
)


def candidates(values: np.ndarray, metric: str) -> list[Scale]:
    """The scales on which `values` can be fitted; the first is preferred."""
    if metric in SHARES and values.min() > 0 and values.max() < 1:
        return [LOGIT]
    if (values < 0).any():
        return [IDENTITY]
    return [ROOT, IDENTITY] if (values == 0).any() else [LOG, ROOT, IDENTITY]
