"""`lsnn demo`: a page on which a frozen network of the water maze runs."""

from pathlib import Path
from typing import Any

import numpy as np

from analysis.demo import write_demo
from lsnn.errors import InputError
from lsnn.files.network_file import NetworkFile
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.demo.network import key_data, models_script, network_data, packed, task_data
from runs.demo.reading import HELD_OUT, reading_data
from tasks.experiment import Experiment, open_network

MAZES = 64  # of the test, one after the other


def write_page(network: Path, out: Path, seed: int, episodes: int, command: str, overwrite: bool) -> Path:
    """Write the page of a network file; returns its path.

    Args:
        seed: of the mazes, those of `lsnn test`; episodes: on which the decoder is fitted.

    Raises:
        InputError: no network of the water maze, or fewer episodes than the decoder needs.
    """
    file, experiment = open_network(network)
    if episodes < 2 * HELD_OUT:
        raise InputError(f"--episodes must be >= {2 * HELD_OUT}, got {episodes}")
    told = {"name": network.name, "command": command, "trained_by": file.command, "seed": seed}
    models = [model.name for model in file.network.config.models]
    data = page_data(file, experiment, seed, episodes)
    return write_demo(out, data, models_script(file.network), models, told, overwrite)


def page_data(file: NetworkFile, experiment: Experiment, seed: int, episodes: int) -> dict[str, Any]:
    """Everything that the page computes with."""
    network = file.network
    config = network.config
    task = task_data(experiment.task)
    scale = np.concatenate([group.model.scale(config.dt_ms / 1000, group.given) for group in network.groups])
    return {
        "network": network_data(network),
        "task": task,
        "keys": key_data(episode_keys(seed, TEST_BRANCH, 0, MAZES)),
        "populations": packed(network.population(), np.int8),
        "population_names": list(config.population_names),
        "scale": packed(scale, np.float32),
        "reading": reading_data(file, experiment, seed, episodes),
    }
