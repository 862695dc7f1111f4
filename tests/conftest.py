"""Fixtures that several modules share."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "notebooks" / "dubai-2017.yaml"


@pytest.fixture(autouse=True)
def of_dubai():
    """Sentences are of a study as Dubai's is, unless a test says otherwise."""
    from analysis import words

    words.speak_of(currency="AED", offline=True, campaign=True, synthetic=False, measures={})


@pytest.fixture(scope="session")
def tally() -> Callable[[str, int], None]:
    """Holds a count of this run to its row in tests/README.md, which so tells nothing that was not done."""
    table = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    told = {
        name: int(n.replace(",", "")) for name, n in re.findall(r"^\| ([^|]+) \| ([\d,]+) \|", table, re.M)
    }

    def hold(name: str, n: int) -> None:
        print(f"{name}: {n}")
        assert n >= told[name], f"tests/README.md says {told[name]} of: {name}"

    return hold


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of public daily series that are never copied into the project."""
    folder = os.environ.get("REFERENCE_DATA")
    if not folder:
        pytest.skip("REFERENCE_DATA does not name the folder of the reference series")
    return Path(folder)


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of Dubai's reports, rendered afresh once a test run, whatever the number of workers."""
    from analysis.report import build

    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "reports"
    with (folder.parent / "reports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            try:
                build(STUDY, out=folder)
            except BaseException:
                folder.rename(folder.with_name("failed-reports")) if folder.exists() else None
                raise
    return folder / "dubai-2017"
