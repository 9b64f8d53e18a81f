"""The task of Foster, Morris & Dayan (2000): a pool, reference memory or a new place every day.

The pool has a radius of 1 m, the rat swims 0.3 m/s in steps of 0.1 s, the platform has a radius of 6 cm, a trial
lasts 120 s at most; then the rat is put onto the platform. The platform is in one of eight places. Every day has a
start in the east, north, west and south. Who runs into the wall is set back to 0.98 m from the middle. As in the
re-implementation that actor_critic.py names.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from agents.plastic.actor_critic import (
    DIRECTIONS,
    GOAL_X,
    KNOWN,
    N_MEMORY,
    N_ROWS,
    WIDTH,
    ActorCritic,
    activity,
    decide,
    learn,
    scatter_cells,
)
from lsnn.kernels.draws import TASK_EPISODE, uniform

TRIALS, LONGEST_S, STEP_S = 4, 120.0, 0.1
STEPS = round(LONGEST_S / STEP_S)
SPEED, PLATFORM_RADIUS, START_RADIUS, SET_BACK = 0.03, 0.06, 0.95, 0.98  # pool radii (a step)
PLATFORMS = np.array(
    [(0.3, 0.0), (0.0, 0.3), (-0.3, 0.0), (0.0, -0.3), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)]
)


@njit(error_model="numpy")
def advance(place, heading):
    """Move place (2,) one step along the heading; who would leave the pool is set back from the wall."""
    place[0] += SPEED * heading[0]
    place[1] += SPEED * heading[1]
    radius = math.hypot(place[0], place[1])
    if radius >= 1.0:
        place[0] *= SET_BACK / radius
        place[1] *= SET_BACK / radius


@njit(error_model="numpy")
def _trial(key, life, start, platform, centres, weights, memory, parameters, work):
    """One trial of a rat that has lived so many steps; how many it took, STEPS where it was put onto the platform."""
    before, after, trace, preference, heading, place, old = work
    heading[:] = 0.0
    angle = 0.5 * math.pi * start
    place[0], place[1] = START_RADIUS * math.cos(angle), START_RADIUS * math.sin(angle)
    activity(centres, parameters[WIDTH], place[0], place[1], before)
    for t in range(STEPS):
        action = decide(key, life + t, weights, memory, before, parameters, preference, heading)
        old[:] = place
        advance(place, heading)
        activity(centres, parameters[WIDTH], place[0], place[1], after)
        moved_x, moved_y = place[0] - old[0], place[1] - old[1]
        length = math.hypot(moved_x, moved_y)
        heading[0], heading[1] = (moved_x / length, moved_y / length) if length > 0.0 else (0.0, 0.0)
        found = math.hypot(place[0] - platform[0], place[1] - platform[1]) <= PLATFORM_RADIUS
        learn(
            weights, memory, before, after, action, moved_x, moved_y, 1.0 if found else 0.0, parameters, trace, t == 0
        )
        before[:] = after
        if found:
            return t + 1
    activity(centres, parameters[WIDTH], platform[0], platform[1], after)
    learn(weights, memory, after, after, -1, 0.0, 0.0, 1.0, parameters, trace, False)
    return STEPS


@njit(error_model="numpy")
def _live(keys, moving, days, cells, parameters, platforms, latency):
    """Fill latency (rats, days, TRIALS) with steps."""
    centres, weights, memory = np.zeros((cells, 2)), np.zeros((N_ROWS, cells)), np.zeros(N_MEMORY)
    work = (
        np.zeros(cells), np.zeros(cells), np.zeros(cells), np.zeros(DIRECTIONS + 1), np.zeros(2), np.zeros(2),
        np.zeros(2),
    )  # fmt: skip
    for rat in range(len(keys)):
        key, life = keys[rat], 0
        scatter_cells(key, centres)
        weights[:], memory[:] = 0.0, 0.0
        for day in range(days):
            drawn = uniform(key, day if moving else 0, TASK_EPISODE, 0)
            platform = platforms[int(len(platforms) * drawn)]
            if moving or day == 0:
                memory[GOAL_X : KNOWN + 1] = 0.0
            for trial in range(TRIALS):
                start = (trial + rat + day) % TRIALS
                took = _trial(key, life, start, platform, centres, weights, memory, parameters, work)
                latency[rat, day, trial] = took
                life += took


def escape_latencies(agent: ActorCritic, keys: NDArray[np.uint64], days: int, moving: bool) -> NDArray[np.float64]:
    """Escape latencies in s, (rats, days, TRIALS), of a rat a key; moving: whether the platform moves every day."""
    latency = np.zeros((len(keys), days, TRIALS))
    _live(keys, moving, days, agent.cells, agent.parameters(), PLATFORMS, latency)
    return latency * STEP_S
