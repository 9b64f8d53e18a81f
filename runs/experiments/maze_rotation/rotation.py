"""Progress of every step of a search under rotated actions, of networks and scripted baselines, and its file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from analysis.maze_rotation import describe, write_figure
from lsnn.blocks import Block
from lsnn.files import store
from lsnn.progress import meter
from lsnn.seeds import Study
from runs.experiments.frozen_networks import (
    BASELINES_AT_ONCE,
    Comparison,
    Frozen,
    Told,
    network_group,
    part_of,
    put_header,
)
from runs.study.subject import intervene, run_blocks
from runs.study.water_maze.generalisation import CIRCLE_TRIED_ON, CIRCLES_TRIED
from runs.training.train import load_compiled
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import best_circle, swim
from tasks.water_maze.dynamics import ON_PLATFORM, PLATFORM_X, PLATFORM_Y, ROTATION, TRIAL, WAIT, X, Y

MAZE = WaterMaze(rotation_degrees=90.0)
BASELINES = ("memory", "oracle")


class Measured(NamedTuple):
    """What is kept of E episodes of T steps."""

    progress: np.ndarray  # (E, T) float32, NaN in a rest and up to the first visit
    visits: np.ndarray  # (E,) visits
    rotation: np.ndarray  # (E,) degrees
    first_visit_ms: np.ndarray  # (E,), from the start of the episode; -1 = never


DESCRIPTIONS = {  # unit, description
    "progress": ("greatest speed", "(episode, step): approach to the platform's centre, after the first visit"),
    "visits": ("1", "(episode,): visits"),
    "rotation": ("degree", "(episode,): angle by which actions are turned, counter-clockwise"),
    "first_visit_ms": ("ms", "(episode,): from the start of the episode to its first visit; -1 = never"),
}


def measured(task: WaterMaze, states: np.ndarray) -> Measured:
    """What is kept of episodes; states (E, T + 1, N_STATE), row t the state before step t."""
    searching = states[:, :-1, WAIT] == 0
    distance = np.hypot(states[..., X] - states[..., PLATFORM_X], states[..., Y] - states[..., PLATFORM_Y])
    progress = -np.diff(distance, axis=1) / task.speed
    on_platform = states[..., ON_PLATFORM] > 0
    return Measured(
        np.where(searching & (states[:, :-1, TRIAL] > 0), progress, np.nan).astype(np.float32),
        np.count_nonzero(searching & on_platform[:, 1:], axis=1),
        np.degrees(states[:, 0, ROTATION]),
        np.where(on_platform.any(axis=1), on_platform.argmax(axis=1), -1),
    )


def joined(parts: Sequence[Measured]) -> Measured:
    """Episodes of several parts, in order."""
    return Measured(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def of_network(frozen: Frozen, keys: np.ndarray, told: Told) -> Measured:
    """The network's episodes."""
    task, subject = frozen.in_maze(MAZE), frozen.subject._replace(tell=lambda text: told(0.0, text))

    def keep(block: Block, episodes: slice) -> Measured:
        return measured(task, block.trace.task_state.transpose(1, 0, 2)[: episodes.stop - episodes.start])

    return joined(run_blocks(subject, keys, task, intervene(subject), keep))


def of_baseline(name: str, keys: np.ndarray, circle: float) -> Measured:
    """A scripted baseline's episodes; circle: the radius at which it circles, if it does."""
    parts = range(0, len(keys), BASELINES_AT_ONCE)
    return joined(
        [
            measured(MAZE, swim(name, keys[first : first + BASELINES_AT_ONCE], MAZE, circle).task_state)
            for first in parts
        ]
    )


def run_rotation(networks: Mapping[str, Frozen], keys: np.ndarray, out: Path, seed: int, command: str) -> None:
    """Every condition on the same episodes; writes the result file.

    Args:
        networks: by the name of their group; the file's root describes the first.
        keys: (E,) uint64.

    Raises:
        StoreError: the file could not be written.
    """
    for frozen in networks.values():
        load_compiled(frozen.experiment, frozen.file.network)
    with store.write_atomically(out) as result, meter() as shown:
        put_header(result, "maze_rotation", networks, keys, seed, command)
        result.attrs["rotation_degrees"] = MAZE.rotation_degrees
        for number, (name, frozen) in enumerate(networks.items()):
            group = network_group(result, name, frozen)
            _put_measured(group, of_network(frozen, keys, part_of(shown, name, number, len(networks) + 1)))
            group.attrs["frozen_sha256_after"] = frozen.checksum()
        shown.show(len(networks) / (len(networks) + 1), "scripted baselines")
        circle = best_circle(keys[:CIRCLE_TRIED_ON], MAZE, CIRCLES_TRIED)
        for name in BASELINES:
            group = result.create_group(name)
            _put_measured(group, of_baseline(name, keys, circle))
            if name == "memory":
                group.attrs["circle_radius"] = circle


def _put_measured(group: h5py.Group, found: Measured) -> None:
    for name, values in found._asdict().items():
        store.put(group, name, values, *DESCRIPTIONS[name])


COMPARISON = Comparison(Study.MAZE_ROTATION, "maze_rotation", run_rotation, describe, write_figure)
