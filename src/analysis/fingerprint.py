"""What the code is: changes with whatever of it the numbers of a run, or of one reading, can come from."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
# What no notebook's output depends on: the command line, what precedes a report, and the making of reports.
OUTSIDE = ("__main__.py", "console.py", "preflight.py", "proposal.py", "report")


def digest(*parts: Any) -> str:
    """A short name for some values, which JSON can tell apart."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:24]


@cache
def code_key(module: str | None = None) -> str:
    """Changes with whatever a notebook's numbers or words can come from; or with one module and all that it imports."""
    everything = (".py", ".mplstyle", ".po", ".csv", ".json", ".toml")
    digest = hashlib.sha256()
    for file in _inside(*everything) if module is None else sorted(_imported(module)):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:24]


def modules() -> list[str]:
    """Names of the modules that a notebook may import: all but `OUTSIDE`."""
    places = [file.relative_to(PACKAGE.parent).with_suffix("").parts for file in _inside(".py")]
    return [".".join(place).removesuffix(".__init__") for place in places]


def _inside(*kinds: str) -> list[Path]:
    """Files of the package, of some kinds, that a notebook's output may depend on."""
    found = (file for file in PACKAGE.rglob("*") if file.suffix in kinds)
    return sorted(file for file in found if file.relative_to(PACKAGE).parts[0] not in OUTSIDE)


def _imported(module: str) -> set[Path]:
    """Files of one of our modules and of those it imports, directly or not, wherever the import stands, with data."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        place = PACKAGE.joinpath(*waiting.pop().split("."))
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file in found or not file.exists():
            continue
        found.update([file, *file.parent.glob("*.toml"), *file.parent.glob("*.csv")])
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for name in names:
                top, *inner = name.split(".")
                if top == "analysis":  # a module is imported after each package that holds it
                    waiting += [".".join(inner[:depth]) for depth in range(1, len(inner) + 1)]
    return found
