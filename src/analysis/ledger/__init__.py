"""Payments and daily figures: their columns, their faults, every way in, and sums by day."""

from analysis.ledger.checks import check
from analysis.ledger.daily import as_daily, picked, read_daily
from analysis.ledger.faults import Fault
from analysis.ledger.notation import Note
from analysis.ledger.panel import daily_metric, daily_panel, is_synthetic, metric, refuse_absent
from analysis.ledger.sources import Reading, is_daily

__all__ = ["Fault", "Note", "Reading", "as_daily", "check", "daily_metric", "daily_panel", "is_daily"]
__all__ += ["is_synthetic", "metric", "picked", "read_daily", "refuse_absent"]
