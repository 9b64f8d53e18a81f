"""The families of environments that the commands know, by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lsnn.errors import InputError
from tasks import encoders
from tasks.bandit import Bandit
from tasks.bandit_players import play
from tasks.regression import Regression
from tasks.store_recall import StoreRecall
from tasks.swimmers import swim
from tasks.water_maze import WAIT, WaterMaze

ENCODERS = {
    kind.__name__: kind
    for kind in (encoders.PlaceCells, encoders.CoordinateCells, encoders.GaussianPopulation, encoders.FlagCells)
}


class Column(NamedTuple):
    """A measure of a task that the progress of meta-training shows."""

    name: str
    label: str
    form: str


class Family(NamedTuple):
    """A family of environments and what is shown of meta-training on it; the first column is its score.

    oracle: the measures of who knows the world, on these episodes; none where the best score is 0 or 1 anyway.
    conditions: the module that runs the conditions of its test.
    whole: what columns of the history are called that hold a test on the whole task.
    """

    task: type[Any]
    columns: tuple[Column, ...]
    conditions: str
    oracle: Callable[[Any, np.ndarray], dict[str, float]] | None = None
    whole: str = "whole_task"

    def best_score(self, task: Any, keys: np.ndarray) -> float:
        """The oracle's score on these episodes; 1 without an oracle, so that a share of it is the score itself."""
        return 1.0 if self.oracle is None else self.oracle(task, keys)[self.columns[0].name]


def maze_oracle(task: WaterMaze, keys: np.ndarray) -> dict[str, float]:
    """What a swimmer that is told the platform makes of these episodes."""
    record = swim("oracle", keys, task)
    return task.metrics(record.reward, record.task_state[:, :-1, WAIT] == 0)


def bandit_oracle(task: Bandit, keys: np.ndarray) -> dict[str, float]:
    """What a player who knows what the arms pay makes of these episodes."""
    paid = play("oracle", keys, task).reward
    return {"paid": float(paid.mean()), "late_paid": float(paid[:, -max(1, task.trials // 4) :].mean())}


FAMILIES = {
    "water-maze": Family(
        WaterMaze,
        (
            Column("goals", "goals", ".1f"),
            Column("first_search_ms", "search 1", ".0f"),
            Column("later_search_ms", "later", ".0f"),
        ),
        "runs.maze_conditions",
        maze_oracle,
        whole="whole_pool",
    ),
    "bandit": Family(
        Bandit,
        (Column("paid", "pulls that paid", ".3f"), Column("late_paid", "late", ".3f")),
        "runs.bandit_conditions",
        bandit_oracle,
    ),
    "regression": Family(
        Regression,
        (
            Column("error", "squared error", ".4f"),
            Column("error_1", "after 1 example", ".4f"),
            Column("error_20", "after 20", ".4f"),
        ),
        "runs.regression_conditions",
    ),
    "store-recall": Family(StoreRecall, (Column("error", "recall error", ".3f"),), "runs.store_recall_conditions"),
}


def family_of(name: object) -> Family:
    """The family of that name; InputError for an unknown one."""
    if not isinstance(name, str) or name not in FAMILIES:
        raise InputError(f"task must be one of {', '.join(FAMILIES)}, got {name!r:.80}")
    return FAMILIES[name]
