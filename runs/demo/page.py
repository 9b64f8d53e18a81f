"""`lsnn demo`: a page on which a frozen network runs."""

from pathlib import Path
from typing import Any

import numpy as np

from analysis.demo import write_demo
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.files.network_file import NetworkFile
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.demo.families import shown
from runs.demo.network import key_data, network_data, packed, source_of, task_data
from runs.demo.reading import HELD_OUT, reading_data
from runs.testing.conditions import padded
from runs.testing.result_file import seen
from tasks.experiment import Experiment, open_network
from tasks.family import family_of

EPISODES = 64  # of the test, one after the other


def write_page(network: Path, out: Path, seed: int, episodes: int, command: str, overwrite: bool) -> Path:
    """Write the page of a network file; returns its path.

    Args:
        seed: of the episodes, those of `lsnn test`; episodes: on which the decoder is fitted.

    Raises:
        InputError: a network of a family without a page, or fewer episodes than the decoder needs.
    """
    file, experiment = open_network(network)
    source = source_of(file.network, experiment.task)
    if episodes < 2 * HELD_OUT:
        raise InputError(f"--episodes must be >= {2 * HELD_OUT}, got {episodes}")
    told = {"name": network.name, "command": command, "trained_by": file.command, "seed": seed}
    return write_demo(out, page_data(file, experiment, seed, episodes), source, told, overwrite)


def page_data(file: NetworkFile, experiment: Experiment, seed: int, episodes: int) -> dict[str, Any]:
    """Everything that the page computes with."""
    network = file.network
    config = network.config
    scale = np.concatenate([group.model.scale(config.dt_ms / 1000, group.given) for group in network.groups])
    keys = episode_keys(seed, TEST_BRANCH, 0, EPISODES)
    return {
        "network": network_data(network),
        "task": task_data(experiment.task),
        "keys": key_data(keys),
        "first": first_shown(file, experiment, keys),
        "populations": packed(network.population(), np.int8),
        "population_names": list(config.population_names),
        "scale": packed(scale, np.float32),
        "reading": reading_data(file, experiment, seed, episodes),
    }


def first_shown(file: NetworkFile, experiment: Experiment, keys: np.ndarray) -> int:
    """The number among these episodes of the one that the page begins with, see `Shown.first`."""
    task, network = experiment.task, file.network
    block = Block(task, network, task.duration_ms, keep_states=True, gradient=False)
    tables = []
    for number, part in enumerate(padded(keys)):
        block.begin(task, part)
        block.roll_out(network.weights(), np.full(max(1, len(network.log_std)), -np.inf))
        trials = family_of(task).trials(task, *seen(block, len(part)))
        trials["episode"] += number * len(part)
        tables.append(trials)
    return shown(task).first(np.concatenate(tables))
