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
from lsnn.kernels.entry import entry, numbers
from lsnn.validation import keys_of, numbers_of, require, require_integer, require_kind, require_number
from tasks.water_maze.dynamics import (
    A_STATE,
    COUNT,
    FOUND,
    GOAL,
    N_PARAMETERS,
    ON_PLATFORM,
    PLACES,
    PLATFORM_X,
    PLATFORM_Y,
    RADIUS,
    ROTATION,
    SEEN,
    SPEED,
    WALL,
    X,
    Y,
    begin,
    transition,
)
from tasks.water_maze.task import WaterMaze

BASELINES = ("random_walk", "straight_lines", "border", "circling", "memory", "oracle")
BLIND_TO_CUES = ("last_place", "all_places")  # where there are several platforms
RANDOM_WALK, STRAIGHT_LINES, BORDER, CIRCLING, MEMORY, ORACLE, LAST_PLACE, ALL_PLACES = range(8)
BORDER_RADIUS = 0.95
CIRCLE_TRIED_ON = 128  # episodes


class Record(NamedTuple):
    """What E episodes of T steps leave behind.

    Args:
        task_state: (E, T + 1, n_state); row t is the state before step t.
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


@entry(parameters=numbers(N_PARAMETERS), state=A_STATE)
@njit(error_model="numpy")
def circle_heading(key, circle, hold, parameters, state):
    """Go to the circle on the shortest way, then follow it, in a sense of rotation drawn once an episode.

    What is chosen holds for so many steps, in which it would otherwise swim beyond the circle and back.
    """
    radius = math.hypot(state[X], state[Y])
    outward = min(1.0, max(-1.0, (circle - radius) / (hold * parameters[SPEED])))
    sense = 1.0 if uniform(key, 0, BASELINE, 1) < 0.5 else -1.0
    return math.atan2(state[Y], state[X]) + sense * math.acos(outward)


@njit(error_model="numpy")
def _sought(baseline, last, tried, state):
    """The platform that one who minds no cue swims to: the last one or the nearest one it knows; -1 for none.

    last: the one that it visited last, or -1; bit i of tried: whether it has looked there in this trial.
    """
    if baseline == LAST_PLACE:
        return -1 if last < 0 or tried & (1 << last) else last
    sought, nearest = -1, math.inf
    for platform in range(int(state[COUNT])):
        distance = _distance(platform, state)
        if int(state[SEEN]) & (1 << platform) and not tried & (1 << platform) and distance < nearest:
            sought, nearest = platform, distance
    return sought


@njit(error_model="numpy")
def _distance(platform, state):
    """From the animal to the centre of a platform."""
    place = PLACES + 2 * platform
    return math.hypot(state[place] - state[X], state[place + 1] - state[Y])


@njit(error_model="numpy")
def _looked(tried, state):
    """tried, once the animal is where it is."""
    for platform in range(int(state[COUNT])):
        if _distance(platform, state) <= state[RADIUS]:
            tried |= 1 << platform
    return tried


@njit(error_model="numpy")
def _choose(baseline, circle, hold, key, t, heading, sought, parameters, state):
    """Heading in radians and speed (1 = full) of a baseline at step t."""
    if sought >= 0:
        place = PLACES + 2 * sought
        return math.atan2(state[place + 1] - state[Y], state[place] - state[X]), 1.0
    if baseline == ORACLE or (baseline == MEMORY and state[FOUND] > 0.0):
        east, north = state[PLATFORM_X] - state[X], state[PLATFORM_Y] - state[Y]
        return math.atan2(north, east), min(1.0, math.hypot(east, north) / parameters[SPEED])
    if baseline == RANDOM_WALK:
        return 2.0 * math.pi * uniform(key, t, BASELINE, 0), 1.0
    if baseline == STRAIGHT_LINES:
        return _straight_heading(key, t, state, heading), 1.0
    return circle_heading(key, circle, hold, parameters, state), 1.0


@njit(error_model="numpy")
def _swim(baseline, circle, hold, keys, parameters, task_state, action, reward):
    """Fill the arrays of a Record, an episode a key; what is decided holds for so many steps."""
    for episode in range(len(keys)):
        key, heading, last, tried, sought = keys[episode], 0.0, -1, 0, -1
        speed = 0.0
        begin(key, parameters, task_state[episode, 0])
        for t in range(reward.shape[1]):
            state = task_state[episode, t + 1]
            state[:] = task_state[episode, t]
            if t % hold == 0:
                if baseline >= LAST_PLACE:
                    sought = _sought(baseline, last, tried, state)
                heading, speed = _choose(baseline, circle, hold, key, t, heading, sought, parameters, state)
            action[episode, t, 0] = speed * math.cos(heading - state[ROTATION])
            action[episode, t, 1] = speed * math.sin(heading - state[ROTATION])
            reward[episode, t], acted, _ = transition(key, t, action[episode, t], parameters, state)
            if baseline >= LAST_PLACE and acted:
                tried = _looked(tried, state)
                if state[ON_PLATFORM] > 0.0:
                    last, tried = int(state[GOAL]), 0


def swim(baseline: str, keys: ArrayLike, task: WaterMaze, circle: float = 0.58, hold_ms: int = 1) -> Record:
    """Record the episodes of one baseline.

    Args:
        baseline: random_walk: a new direction every step. straight_lines: a random turn at the wall.
            border: circles along the wall (thigmotaxis). circling: circles at radius `circle`.
            memory: circles there until it has found the present platform, then swims straight to it; it is told when a
                platform moves, and circles again.
            oracle: swims straight to the platform from the start.
            last_place: of several platforms it swims to the one visited last; if it is not there it circles.
            all_places: it swims to all that it has found in this episode, the nearest first; then it circles.
        keys: (E,) uint64, one an episode.
        circle: radius of the circle, for circling and memory.
        hold_ms: every so many steps a velocity is chosen, and held.

    Raises:
        InputError: an unknown baseline, another task, what are no keys, a circle that does not lie in the pool, or a
            hold below 1.
    """
    known = (*BASELINES, *BLIND_TO_CUES)
    require(baseline in known, "baseline", f"one of {', '.join(known)}", baseline)
    require_kind("task", task, WaterMaze)
    several = task.cued or baseline in BASELINES
    require(several, "task", f"one of several platforms for the baseline {baseline}", task)
    require_number("circle", circle, 0.0, 1.0)
    require_integer("hold_ms", hold_ms, 1)
    own = keys_of("keys", keys)
    episodes, steps = len(own), task.duration_ms
    record = Record(
        task_state=np.empty((episodes, steps + 1, task.n_state)),
        action=np.empty((episodes, steps, 2)),
        reward=np.empty((episodes, steps)),
    )
    radius = BORDER_RADIUS if baseline == "border" else float(circle)
    _swim(known.index(baseline), radius, int(hold_ms), own, task.parameters(), *record)
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
