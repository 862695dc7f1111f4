"""Times of alternatives that take turns, and the machine that they were measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """`work` as a case of `by_turns`."""
    return lambda: seconds(work)


def by_turns(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The seconds that each case returns, round by round, so that a busy machine slows all of them."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            taken[name].append(case())
    return taken


def machine(*packages: str) -> str:
    """Cores, Python and the versions of packages, in one line."""
    named = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}, {named}"
