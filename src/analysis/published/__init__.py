"""The published figures of an announcement, and what they say by themselves: growth, its readings, and bounds."""

from analysis.published.announcement import figures
from analysis.published.growth import (
    WEEKS,
    Breakdown,
    Reading,
    breakdown,
    every_bound,
    facts,
    headline,
    readings,
    report,
    unions,
    weeks,
)
from analysis.published.identified import bounds

__all__ = [
    "WEEKS",
    "Breakdown",
    "Reading",
    "bounds",
    "breakdown",
    "every_bound",
    "facts",
    "figures",
    "headline",
    "readings",
    "report",
    "unions",
    "weeks",
]
