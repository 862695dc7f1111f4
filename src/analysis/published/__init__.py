"""The published figures of an announcement, and what they say by themselves: growth, its readings, and bounds."""

from analysis.published.announcement import figures
from analysis.published.growth import report

__all__ = ["figures", "report"]
