"""The families of environments that the commands know, by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lsnn.errors import InputError
from tasks import encoders
from tasks.swimmers import swim
from tasks.water_maze import WAIT, WaterMaze

ENCODERS = {
    kind.__name__: kind for kind in (encoders.PlaceCells, encoders.CoordinateCells, encoders.GaussianPopulation)
}


class Column(NamedTuple):
    """A measure of a task that the progress of meta-training shows."""

    name: str
    label: str
    form: str


class Family(NamedTuple):
    """A family of environments and what is shown of meta-training on it; the first column is its score."""

    task: type[Any]
    columns: tuple[Column, ...]
    oracle: Callable[[Any, np.ndarray], dict[str, float]]  # the measures of who knows the world, on these episodes


def maze_oracle(task: WaterMaze, keys: np.ndarray) -> dict[str, float]:
    """What a swimmer that is told the platform makes of these episodes."""
    record = swim("oracle", keys, task)
    return task.metrics(record.reward, record.task_state[:, :-1, WAIT] == 0)


FAMILIES = {
    "water-maze": Family(
        WaterMaze,
        (
            Column("goals", "goals", ".1f"),
            Column("first_search_ms", "search 1", ".0f"),
            Column("later_search_ms", "later", ".0f"),
        ),
        maze_oracle,
    ),
}


def family_of(name: object) -> Family:
    """The family of that name; InputError for an unknown one."""
    if not isinstance(name, str) or name not in FAMILIES:
        raise InputError(f"task must be one of {', '.join(FAMILIES)}, got {name!r:.80}")
    return FAMILIES[name]
