"""The parts of `analysis` import one another one way only, as CONTRIBUTING.md says."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "analysis"


def imports() -> dict[str, set[str]]:
    """Each file or folder of `analysis` and the others that it imports, wherever the import stands."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        part = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        used = found.setdefault(part, set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            used |= {name.split(".")[1] for name in names if name.startswith("analysis.")} - {part}
    del found["__init__"]
    return found


def test_arrows_go_one_way_and_as_the_table_says():
    found = imports()
    list(TopologicalSorter(found).static_order())  # CycleError names a circle
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)(?:\.py|/)` \| [^|]+ \|([^|]*)\|$", text, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(found)
    for name, said in rows:
        if said.strip() != "all":
            assert found[name] <= set(re.findall(r"\w+", said)), f"{name} imports what its row does not name"
