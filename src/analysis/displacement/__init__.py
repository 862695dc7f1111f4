"""Where the day's payments came from: counters, other days, new use; and whether the change lasted."""

from analysis.displacement.decomposition import Decomposition, channels, coverage, decompose, placebo_parts
from analysis.displacement.lasting import Persistence, persistence

__all__ = [
    "Decomposition",
    "Persistence",
    "channels",
    "coverage",
    "decompose",
    "persistence",
    "placebo_parts",
]
