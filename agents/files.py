"""Agent files (*.lsnn.h5): an agent, and what meta-training needs to go on.

/            attributes of `store.provenance`; config = {"task": ..., "agent": ..., "learning": ...}; iterations;
             libraries: versions of JAX, equinox and optax (JSON)
/agent       a data set a weight array, by its place in the agent; attributes parameters (how many numbers learn),
             state (how many numbers an episode leaves at most), checksum (SHA-256 of the data sets)
/history     a row an iteration
/optimizer   first/, second/: moments of Adam; average/: averaged weights; attributes step, checksum (checkpoint)
/curriculum, /guards, /rng   as in a network file                                                    (checkpoint)
"""

import json
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from agents.backend import VERSIONS
from agents.config import AgentExperiment, experiment_of
from agents.networks import Agent, filled, n_parameters, named, new_agent, state_size
from lsnn.errors import DivergedError, InputError
from lsnn.files import store
from lsnn.files.learner_state import has_learner, put_loop, read_loop, require_checksum, require_single_precision
from lsnn.files.network_file import put_history, read_history
from lsnn.files.rules import group_of, require
from lsnn.learning.state import LearnerState
from tasks import registry
from tasks.family import family_of

ARRAYS = ("first", "second", "average")


class AgentFile(NamedTuple):
    """What an agent file holds; stored_task: hash of the user's file that its task was defined by, "" for none."""

    experiment: AgentExperiment
    agent: Agent
    seed: int
    command: str
    checksum: str
    history: np.ndarray | None
    learner_state: LearnerState | None
    stored_task: str = ""


def agent_sha256(agent: Agent) -> str:
    """SHA-256 of all that a frozen agent computes with, the configuration apart."""
    return store.checksum(named(agent))


def save_agent(
    path: Path, experiment: AgentExperiment, agent: Agent, seed: int, command: str, history: np.ndarray | None,
    state: LearnerState | None = None, folder: int | None = None,
) -> None:  # fmt: skip
    """Write an agent atomically; with a learner's state, a checkpoint to go on from.

    Raises:
        InputError: no place for a file. StoreError: it could not be written. DivergedError: weights are not finite.
    """
    weights = named(agent)
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise DivergedError(f"{path}: is not written, weights are not finite; lower learning.learning_rate")
    with store.write_atomically(path, folder=folder) as file:
        store.write_attributes(file, store.provenance("agent", experiment.as_mapping(), seed, command))
        file.attrs["libraries"] = json.dumps(VERSIONS)
        file.attrs["iterations"] = 0 if history is None else len(history)
        group = file.create_group("agent")
        group.attrs.update(parameters=n_parameters(experiment), state=state_size(experiment))
        _put_arrays(group, weights, "weights")
        group.attrs["checksum"] = store.checksum(weights)
        if history is not None:
            put_history(file, history)
        if state is not None:
            optimizer = file.create_group("optimizer")
            optimizer.attrs["step"] = state.adam_step
            for name in ARRAYS:
                _put_arrays(optimizer.create_group(name), getattr(state, name), f"{name} of the optimiser")
            put_loop(file, state, seed)


def _put_arrays(group: h5py.Group, arrays: dict[str, np.ndarray], what: str) -> None:
    for name, array in arrays.items():
        store.put(group, name, array, "1", f"{what}: {name}", compress=False)


def load_agent(path: Path, task: str | Path | None = None, task_changed: bool = False) -> AgentFile:
    """Read an agent file and check all of it.

    Args:
        task, task_changed: as of `tasks.experiment.open_network`.

    Raises:
        InputError: no agent file, damaged, one that breaks a rule, or of another task's file.
    """
    given = registry.family(task) if registry.is_file(task) else None
    with store.open_for_reading(path, "agent") as file:
        config = store.read_config(file)
        try:
            experiment = experiment_of(config, given)
        except InputError as error:
            raise InputError(f"{path}: /@config: {error}") from error
        seed = store.read_attribute(file, "seed", int)
        require(file, "@seed", 0 <= seed < 2**63, "a value in 0..2**63 - 1", seed)
        like = _like(file, experiment)
        agent, checksum = _read_agent(file, like)
        command, history = store.read_attribute(file, "command", str), read_history(file)
        state = _read_state(file, named(like), seed, history) if has_learner(file) else None
    stored = str(config["task"].get("sha256", ""))
    if stored and stored != family_of(experiment.task).mapping(experiment.task).get("sha256") and not task_changed:
        rule = "must have the dynamics, parameters and encoder that the agent was meta-trained with"
        raise InputError(f"{path}: --task {task}: {rule}, has others; --task-changed goes on")
    return AgentFile(experiment, agent, seed, command, checksum, history, state, stored)


def _like(file: h5py.File, experiment: AgentExperiment) -> Agent:
    """An agent of the same form."""
    require(file, "@config", experiment.agent.units > 0, "a number of agent.units above 0", experiment.agent.units)
    return new_agent(experiment, 0)


def _read_agent(file: h5py.File, like: Agent) -> tuple[Agent, str]:
    group = group_of(file, "agent")
    arrays = _read_arrays(group, named(like))
    stored, found = store.read_attribute(group, "checksum", str), store.checksum(arrays)
    require(group, "@checksum", stored == found, f"that of its data sets, {found}", stored)
    return filled(like, arrays), found


def _read_arrays(group: h5py.Group, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays under these names, in these shapes, in single precision."""
    arrays = {name: store.read(group, name, "f", own.shape) for name, own in like.items()}
    for name, array in arrays.items():
        require_single_precision(group, name, array)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _read_state(file: h5py.File, like: dict[str, np.ndarray], seed: int, history: np.ndarray | None) -> LearnerState:
    state, optimizer = read_loop(file, seed), group_of(file, "optimizer")
    arrays = {name: _read_arrays(group_of(optimizer, name), like) for name in ARRAYS}
    for name, moment in arrays["second"].items():
        require(optimizer, f"second/{name}", moment >= 0, "values >= 0", moment)
    require_checksum(file)
    rows = 0 if history is None else len(history)
    require(file, "history", rows == state.iteration, f"a row for each of {state.iteration} iterations", rows)
    return state._replace(first=arrays["first"], second=arrays["second"], average=arrays["average"])
