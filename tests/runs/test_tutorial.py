"""The tutorial notebook stands in the clone executed, and runs again."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import runs


@pytest.fixture
def notebook():
    return nbformat.read(Path(runs.__file__).parent / "tutorial.ipynb", as_version=4)


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
    assert figures == 4 and "Exchanged everything" in text


def test_it_runs_and_animals_follow_the_state_they_were_given(notebook, tmp_path):
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    text, figures = outputs(notebook)
    assert figures == 4 and "Exchanged everything" in text
