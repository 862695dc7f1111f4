"""Coverage-guided fuzzing of what reads text: `python tests/fuzz/fuzz.py ledger` or `daily`, then libFuzzer's options.

The first byte of an input chooses how it is to be read; the rest is the file. Whatever a file holds, it is read, or
refused by a ValueError of one line; anything else is a crash.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd

CORPUS = Path(__file__).with_name("corpus")
LONGEST = 300  # characters of an error
DIALECTS = (
    {},
    {"decimal": ","},
    {"date_format": "day-first"},
    {"date_format": "month-first", "decimal": "."},
    {"timezone": "Asia/Dubai"},
    {"encoding": "cp1256"},
    {"encoding": "utf-16"},
    {"refunds": True, "timezone": "Europe/Berlin"},
)


def ledger(path: Path, **how) -> None:
    """A ledger: its faults, and its payments a day and channel."""
    from analysis.ledger import check, daily_panel

    for fault in check(path, **how):
        assert one_line(str(fault)), str(fault)
    panel = daily_panel(path, ("entity", "channel", "digital"), offline_channels=("counter",), **how)
    assert (panel["count"] >= 0).all()
    assert panel.select_dtypes("number").notna().all(axis=None)
    assert panel["date"].is_monotonic_increasing


def daily(path: Path, **how) -> None:
    """Daily figures."""
    from analysis.ledger import check, read_daily

    for fault in check(path, **how):
        assert one_line(str(fault)), str(fault)
    figures = read_daily(path, **how)
    assert isinstance(figures.index, pd.DatetimeIndex)
    assert (figures.index[1:] - figures.index[:-1] == pd.Timedelta(days=1)).all()


TARGETS: dict[str, Callable] = {"ledger": ledger, "daily": daily}


def one_line(text: str) -> bool:
    return bool(text) and len(text) <= LONGEST and "\n" not in text and "Traceback" not in text


def one(target: str, data: bytes, folder: Path) -> bool:
    """Whether an input is read; False if it is refused as it should be, and AssertionError or another if not."""
    path = folder / "data.csv"
    path.write_bytes(data[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            TARGETS[target](path, **DIALECTS[data[0] % len(DIALECTS)] if data else {})
        except (ValueError, FileNotFoundError) as error:
            if type(error) not in (ValueError, FileNotFoundError) or not one_line(str(error)):
                raise
            return False
    return True


def main() -> None:
    os.environ["POLARS_MAX_THREADS"] = "1"
    import atheris

    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=["analysis"]):
        import analysis.ledger  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        runs = 0

        def run(data: bytes) -> None:
            nonlocal runs
            one(target, data, Path(folder))
            runs += 1
            if runs % 200 == 0:
                gc.collect()

        found = Path("build/fuzz") / target
        found.mkdir(parents=True, exist_ok=True)
        options = [
            "-timeout=60",
            "-rss_limit_mb=4096",
            "-max_len=4096",
            f"-artifact_prefix={found.parent}/{target}-",
        ]
        atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(found), str(CORPUS / target)], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
