"""Episodes of the maze under a plan, and moments in them."""

from typing import NamedTuple

import numpy as np

from lsnn.blocks import Block
from runs.study.subject import NEVER, Item, Plan, Subject, intervene, later, run_blocks
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y, X, Y
from tasks.water_maze.trials import trials_table


class Swim(NamedTuple):
    """Episodes of the maze: their trials, places (E, T + 1, 2), keys (E,) and first platforms (E, 2)."""

    trials: np.ndarray
    position: np.ndarray
    keys: np.ndarray
    platform: np.ndarray

    @property
    def duration_ms(self) -> int:
        """Their length."""
        return self.position.shape[1] - 1

    @property
    def items(self) -> dict[str, Item]:
        """What the file keeps of them beside trials."""
        return {"platform": Item(self.platform, "pool radius", "centre of the first platform")}


def swim(subject: Subject, keys: np.ndarray, plan: Plan | None = None, task: WaterMaze | None = None) -> Swim:
    """Episodes under a plan; without one, nothing is done to the network."""
    maze = task or subject.task

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, np.ndarray]:
        states = block.trace.task_state.transpose(1, 0, 2)[: episodes.stop - episodes.start]
        trials = trials_table(maze, states)
        trials["episode"] += episodes.start
        return trials, states[..., [X, Y, PLATFORM_X, PLATFORM_Y]]

    kept = run_blocks(subject, keys, maze, plan or intervene(subject), keep)
    states = np.concatenate([states for _, states in kept])
    return Swim(np.concatenate([table for table, _ in kept]), states[..., :2], keys, states[:, 0, 2:])


def find_rows(trials: np.ndarray, episodes: int, trial: int = 0) -> np.ndarray:
    """Row at which each animal stands on the platform at the end of a trial, (E,); `NEVER` without a visit."""
    rows = np.full(episodes, NEVER)
    chosen = trials[(trials["trial"] == trial) & trials["found"]]
    rows[chosen["episode"]] = chosen["start_ms"] + chosen["latency_ms"]
    return rows


def moments_after_first_visit(subject: Subject, found: np.ndarray, latest: int, generator: np.random.Generator):
    """A moment for each episode, uniform from its second start to `latest`; `NEVER` if that comes too late; (E,)."""
    first = later(found, subject.task.rest_ms + subject.task.dark_ms)
    share = generator.random(len(found))
    width = np.maximum(latest - np.minimum(first, latest), 0)
    return np.where(first < latest, np.minimum(first, latest) + (share * width).astype(np.int64), NEVER)
