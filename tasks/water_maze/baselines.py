"""Scripted baselines in the water maze: what a network's visits are read beside.

They see the true state and know their own motor rotation; what each knows of the platform is in its name.
Their records have the layout of a network's, so that one table of trials serves both.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.kernels.draws import BASELINE, uniform
from lsnn.validation import keys_of, numbers_of, require, require_kind, require_number
from tasks.water_maze.dynamics import (
    FOUND,
    N_STATE,
    PLATFORM_X,
    PLATFORM_Y,
    ROTATION,
    SPEED,
    WALL,
    X,
    Y,
    begin,
    transition,
)
from tasks.water_maze.task import WaterMaze

BASELINES = ("random_walk", "straight_lines", "border", "circling", "memory", "oracle")
RANDOM_WALK, STRAIGHT_LINES, BORDER, CIRCLING, MEMORY, ORACLE = range(6)
BORDER_RADIUS = 0.95
CIRCLE_TRIED_ON = 128  # episodes


class Record(NamedTuple):
    """What E episodes of T steps leave behind.

    Args:
        task_state: (E, T + 1, N_STATE); row t is the state before step t.
        action: (E, T, 2), unclipped.
        reward: (E, T), earned by step t.
    """

    task_state: NDArray[np.float64]
    action: NDArray[np.float64]
    reward: NDArray[np.float64]


@njit(error_model="numpy")
def _straight_heading(key, t, state, heading):
    """Keep on; at the wall turn to a random direction within the half-plane that leads away from it."""
    if t == 0:
        return 2.0 * math.pi * uniform(key, t, BASELINE, 0)
    if state[WALL] > 0.0:
        return math.atan2(-state[Y], -state[X]) + math.pi * (uniform(key, t, BASELINE, 0) - 0.5)
    return heading


@njit(error_model="numpy")
def _circle_heading(key, circle, parameters, state):
    """Go to the circle on the shortest way, then follow it, in a sense of rotation drawn once an episode."""
    radius = math.hypot(state[X], state[Y])
    outward = min(1.0, max(-1.0, (circle - radius) / parameters[SPEED]))
    sense = 1.0 if uniform(key, 0, BASELINE, 1) < 0.5 else -1.0
    return math.atan2(state[Y], state[X]) + sense * math.acos(outward)


@njit(error_model="numpy")
def _choose(baseline, circle, key, t, heading, parameters, state):
    """Heading in radians and speed (1 = full) of a baseline at step t."""
    if baseline == ORACLE or (baseline == MEMORY and state[FOUND] > 0.0):
        east, north = state[PLATFORM_X] - state[X], state[PLATFORM_Y] - state[Y]
        return math.atan2(north, east), min(1.0, math.hypot(east, north) / parameters[SPEED])
    if baseline == RANDOM_WALK:
        return 2.0 * math.pi * uniform(key, t, BASELINE, 0), 1.0
    if baseline == STRAIGHT_LINES:
        return _straight_heading(key, t, state, heading), 1.0
    return _circle_heading(key, circle, parameters, state), 1.0


@njit(error_model="numpy")
def _swim(baseline, circle, keys, parameters, task_state, action, reward):
    """Fill the arrays of a Record, an episode a key."""
    for episode in range(len(keys)):
        key, heading = keys[episode], 0.0
        begin(key, parameters, task_state[episode, 0])
        for t in range(reward.shape[1]):
            state = task_state[episode, t + 1]
            state[:] = task_state[episode, t]
            heading, speed = _choose(baseline, circle, key, t, heading, parameters, state)
            action[episode, t, 0] = speed * math.cos(heading - state[ROTATION])
            action[episode, t, 1] = speed * math.sin(heading - state[ROTATION])
            reward[episode, t], _, _ = transition(key, t, action[episode, t], parameters, state)


def swim(baseline: str, keys: ArrayLike, task: WaterMaze, circle: float = 0.58) -> Record:
    """Record the episodes of one baseline.

    Args:
        baseline: random_walk: a new direction every step. straight_lines: a random turn at the wall.
            border: circles along the wall (thigmotaxis). circling: circles at radius `circle`.
            memory: circles there until it has found the present platform, then swims straight to it; it is told when a
                platform moves, and circles again.
            oracle: swims straight to the platform from the start.
        keys: (E,) uint64, one an episode.
        circle: radius of the circle, for circling and memory.

    Raises:
        InputError: an unknown baseline, another task, what are no keys, or a circle that does not lie in the pool.
    """
    require(baseline in BASELINES, "baseline", f"one of {', '.join(BASELINES)}", baseline)
    require_kind("task", task, WaterMaze)
    require_number("circle", circle, 0.0, 1.0)
    own = keys_of("keys", keys)
    episodes, steps = len(own), task.duration_ms
    record = Record(
        task_state=np.empty((episodes, steps + 1, N_STATE)),
        action=np.empty((episodes, steps, 2)),
        reward=np.empty((episodes, steps)),
    )
    radius = BORDER_RADIUS if baseline == "border" else float(circle)
    _swim(BASELINES.index(baseline), radius, own, task.parameters(), *record)
    return record


def best_circle(keys: ArrayLike, task: WaterMaze, radii: ArrayLike | None = None, baseline: str = "circling") -> float:
    """The radius at which circling (or memory) earns the most on these keys, of `radii`, or of 0.02 to 0.98 by 0.02."""
    tried = np.arange(0.02, 0.99, 0.02) if radii is None else numbers_of("radii", radii)
    earned = [swim(baseline, keys, task, circle).reward.sum() for circle in tried]
    return float(tried[int(np.argmax(earned))])


def baseline_comparison(keys: ArrayLike, task: WaterMaze) -> dict[str, Record]:
    """Records of every baseline on the same keys, from the least to the most informed.

    Circling and memory use the radius at which circling is best on the first CIRCLE_TRIED_ON keys.
    """
    keys = keys_of("keys", keys)
    circle = best_circle(keys[:CIRCLE_TRIED_ON], task)
    return {baseline: swim(baseline, keys, task, circle) for baseline in BASELINES}
