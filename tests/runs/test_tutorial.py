"""The tutorial notebook stands in the clone executed, and runs again."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

CLONE = Path(__file__).parents[2]


@pytest.fixture
def notebook():
    return nbformat.read(CLONE / "docs" / "guide" / "tutorial.ipynb", as_version=4)


def outputs(notebook) -> tuple[str, int]:
    """All text printed, and the number of figures."""
    found = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in found if output.output_type == "error" or output.get("name") == "stderr"]
    text = "".join(output.text for output in found if output.output_type == "stream")
    return text, sum("image/png" in output.get("data", {}) for output in found)


def test_it_stands_executed_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    text, figures = outputs(notebook)
    assert figures == 4 and follows_the_state(text)


def follows_the_state(text: str) -> bool:
    """Whether animals mostly swim to their own platform, and to the other's once all of their states are exchanged."""
    pattern = r"Exchanged (nothing|everything): (\d+) swam first to their own platform, (\d+) to the other's"
    counts = {what: (int(own), int(other)) for what, own, other in re.findall(pattern, text)}
    return counts["nothing"][0] > 5 * counts["nothing"][1] and counts["everything"][1] > 5 * counts["everything"][0]


def test_it_runs_and_animals_follow_the_state_they_were_given(notebook, tmp_path):
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    text, figures = outputs(notebook)
    assert figures == 4 and follows_the_state(text)
