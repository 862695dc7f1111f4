"""What of a notebook a study can support: cells and whole notebooks say what they need, by a word of `Study.has`."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from analysis.words import N_

NEEDS = "needs-"  # begins a cell's tag; the metadata of a notebook name them as analysis.needs
WANTED = {
    "ledger": N_("a ledger, one row a payment"),
    "offline": N_("a channel for each record, and which channels are offline"),
    "entity": N_("figures by entity or another group"),
    "figures": N_("published figures"),
    "editions": N_("several editions"),
}


def lacking(notebook: dict[str, Any], has: Set[str]) -> list[str]:
    """What a notebook needs as a whole that the study does not have."""
    needs = notebook.get("metadata", {}).get("analysis", {}).get("needs", [])
    return [need for need in needs if need not in has]


def fitted(notebook: dict[str, Any], has: Set[str]) -> dict[str, Any]:
    """The notebook with every cell empty that needs what the study does not have; cells keep their numbers."""
    return notebook | {"cells": [_fitted(cell, has) for cell in notebook["cells"]]}


def _fitted(cell: dict[str, Any], has: Set[str]) -> dict[str, Any]:
    tags = cell.get("metadata", {}).get("tags", [])
    needs = {tag.removeprefix(NEEDS) for tag in tags if tag.startswith(NEEDS)}
    return cell if needs <= has else cell | {"source": ""} | ({"outputs": []} if "outputs" in cell else {})


def title(notebook: dict[str, Any]) -> str:
    """The question that a notebook answers: its first heading."""
    for cell in notebook["cells"]:
        for line in "".join(cell["source"]).splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line.removeprefix("# ").strip()
    return ""
