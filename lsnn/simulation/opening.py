"""Records of either kind, of tasks and of circuits, from their files: `lsnn.open_record`."""

from pathlib import Path
from typing import Any

from lsnn.circuits import run_file
from lsnn.files import store
from lsnn.files.circuit_file import read_circuit
from lsnn.files.store import kind_of
from lsnn.simulation.record_file import FiledRecord
from lsnn.task import Task
from lsnn.validation import path_of, require


def open_record(path: str | Path, task: Task | None = None) -> Any:
    """A record that was written to a file while it came about: `lsnn.open_record`.

    Of `lsnn.simulate` and `lsnn.Simulation` (`record_to=path`) a `FiledRecord`, of `lsnn.Circuit.run` a `FiledRun`:
    which of the two the file decides, so the annotation does not say.

    Args:
        task: the one that was simulated, of `tasks.load`; needed for trials and recordings alone. Circuits have none.

    Raises:
        InputError: what is there is no record, or is damaged, or another task was simulated.
    """
    place = path_of("path of a record", path)
    if kind_of(place) != run_file.KIND:
        return FiledRecord(place, task)
    require(task is None, "task", "None for a record of a circuit", task)
    with store.open_for_reading(place, run_file.KIND) as file:
        circuit = read_circuit(file)
    return run_file.FiledRun(place, circuit)
