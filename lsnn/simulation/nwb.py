"""A record as Neurodata Without Borders; needs pynwb."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lsnn.files.nwb import add_trials, add_units, series_of, session, starts_of, write
from lsnn.simulation.frozen import population_names, sha256_of

LEAVES = {
    "action": "action", "reward": "reward earned by each step", "readout": "readout of the network",
}  # fmt: skip


def write_record(record: Any, path: Path, overwrite: bool) -> None:
    """Write a `SimulationRecord`: units, trials where the task's family knows them, and a series of all else."""
    task, sha256 = record.task, sha256_of(record.network)
    starts, episodes = starts_of(record.n_episodes, record.duration_ms), np.arange(record.n_episodes)
    told, created = f"{record.n_episodes} episodes of {task.name}", datetime.now(UTC).isoformat()
    content = session(told, f"{sha256}-{record.keys[0]}-{created}", created, sha256, task.name)
    family = getattr(task, "family", None)
    if family is not None:
        add_trials(content, record.trials, episodes, starts)
    spikes = record.spikes
    rows = np.stack([spikes.episode, spikes.time_ms, spikes.cell])
    add_units(content, rows, population_names(record.network).tolist(), starts, record.duration_ms)
    module = content.create_processing_module("behavior", "what the animal did, and what was recorded of it")
    for name in getattr(family, "recordings", {}):
        module.add(series_of(name, record.recording(name), starts))
    for name, description in LEAVES.items():
        if name not in module.data_interfaces:
            module.add(series_of(name, getattr(record, name).assign_attrs(description=description), starts))
    if record.state:
        states = content.create_processing_module("state", "state variables of the neurons, at the threshold")
        for name, array in record.state.items():
            neurons = ", ".join(map(str, array["neuron"].values))
            told = f"{name}; columns are the units {neurons}"
            states.add(series_of(name, array.assign_attrs(description=told), starts))
    write(content, path, overwrite)
