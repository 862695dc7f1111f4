"""The ledger of payments, one row a payment: its columns, its faults, and its sums by day."""

from analysis.ledger.aggregate import COUNTER
from analysis.ledger.checks import check
from analysis.ledger.faults import Fault
from analysis.ledger.panel import daily_metric, daily_panel, is_synthetic, metric, panel_schema, read_daily
from analysis.ledger.sources import is_daily

__all__ = [
    "COUNTER",
    "Fault",
    "check",
    "daily_metric",
    "daily_panel",
    "is_daily",
    "is_synthetic",
    "metric",
    "panel_schema",
    "read_daily",
]
