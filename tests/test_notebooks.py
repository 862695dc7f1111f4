"""The committed notebooks: executed, short, worded, and saying today's numbers."""

from __future__ import annotations

import ast
import itertools
import json
import math
import re
import statistics
from pathlib import Path

import nbformat
import pytest

from analysis.study import Study

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EXPECTED = ROOT / "tests" / "expected_results.json"

# Other processors' kernels move a state-space forecast by 1e-8 and a regression by 1e-12; a changed method moves more.
RELATIVE_TOLERANCE = 1e-6

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def prose(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_notebooks_are_found():
    assert NOTEBOOKS


@each_notebook
def test_every_cell_was_executed_in_order_without_fault(path):
    # nbval compares nothing in a cell that was never executed.
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.get("text")


@each_notebook
def test_no_cell_hides_from_nbval(path):
    for cell in code_cells(path):
        tags = cell.metadata.get("tags", [])
        hidden = [tag for tag in tags if tag != "parameters" and not tag.startswith("needs-")]
        assert not hidden, f"{hidden} on {cell.source!r}"
        assert "NBVAL_" not in cell.source


@each_notebook
def test_a_cell_asks_for_what_a_study_can_have(path):
    # A misspelt word would leave its cell out of every report.
    tags = [tag for cell in nbformat.read(path, as_version=4).cells for tag in cell.metadata.get("tags", [])]
    asked = {tag.removeprefix("needs-") for tag in tags if tag.startswith("needs-")}
    assert asked <= set(re.findall(r"\w+", Study.has.__doc__))


@each_notebook
def test_cells_are_short_and_call_instead_of_defining(path):
    lengths = [len(cell.source.strip().splitlines()) for cell in code_cells(path)]
    assert statistics.median(lengths) <= 3
    assert max(lengths) <= 15
    for cell in code_cells(path):
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not any(isinstance(node, definitions) for node in ast.walk(ast.parse(cell.source))), (
            cell.source
        )
        assert "filterwarnings" not in cell.source


@each_notebook
def test_more_words_than_code(path):
    code = "\n".join(cell.source for cell in code_cells(path))
    assert len(re.findall(r"\w+", prose(path))) > len(re.findall(r"\w+", code))


@each_notebook
def test_one_question_as_title_and_no_heading_level_left_out(path):
    headings = re.findall(r"^(#+) (.+)$", prose(path), flags=re.MULTILINE)
    levels = [len(marks) for marks, _ in headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert headings[0][1].rstrip().endswith("?")
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@each_notebook
def test_parameters_are_those_of_the_study_s_file(path):
    cells = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    found: dict = {}
    exec(cells[0].source, found)
    study = Study.load(ROOT / "notebooks" / "dubai-2017.yaml")
    given = {name: found[name] for name in Study.model_fields if name in found and name != "background"}
    assert given
    assert Study.from_parameters({"title": study.title, **given}).model_dump(
        include=set(given)
    ) == study.model_dump(include=set(given))


@pytest.mark.slow
def test_a_fresh_report_gives_the_recorded_numbers(reports):
    fresh = flat(json.loads((reports / "results.json").read_text(encoding="utf-8")))
    recorded = flat(json.loads(EXPECTED.read_text(encoding="utf-8")))
    moved = [
        f"{key}: {recorded.get(key)} was recorded, {fresh.get(key)} is found"
        for key in sorted(recorded.keys() | fresh.keys())
        if not same(recorded.get(key), fresh.get(key))
    ]
    assert not moved, "\n".join(
        [
            "numbers moved; where that is meant: cp reports/dubai-2017/results.json tests/expected_results.json",
            *moved,
        ]
    )


def flat(value: object, key: str = "") -> dict[str, object]:
    """Nested JSON as one mapping, "results/value.pre-week/relative" to its value."""
    if isinstance(value, dict):
        parts = [flat(entry, f"{key}/{name}" if key else name) for name, entry in value.items()]
        return {name: entry for part in parts for name, entry in part.items()}
    if isinstance(value, list):
        return flat({str(i): entry for i, entry in enumerate(value)}, key)
    return {key: value}


def same(a: object, b: object) -> bool:
    """Equal; numbers within the tolerance."""
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))
    return math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12) if numbers else a == b
