"""The actor-critic of actor_critic.py in the water maze: a step of 1 ms for one of 0.1 s in its authors' pool.

An animal crosses 0.02 pool radii in a step here, 0.03 there. Trace and heading begin anew at every release, as
theirs do.
"""

import math

import numpy as np
from numba import njit

from agents.plastic import actor_critic as model
from agents.plastic.actor_critic import DIRECTIONS, N_ROWS, WIDTH, ActorCritic, activity, scatter_cells
from agents.plastic.playing import Agent, episodes_of
from tasks.water_maze.dynamics import X, Y

MEMORY = N_ROWS  # row of the weights that holds what is learnt beside those of place cells
BEFORE, AFTER, TRACE, HEADING, WORK = range(5)  # rows of the activity
BEGUN, ACTION = 2, 3  # within HEADING, after its two numbers


@njit(error_model="numpy")
def _begin(weights):
    weights[MEMORY, model.GOAL_X : model.KNOWN + 1] = 0.0


@njit(error_model="numpy")
def _act(key, t, fixed, weights, active, numbers, task, state, action):
    activity(fixed, numbers[WIDTH], state[X], state[Y], active[BEFORE])
    chosen = model.decide(
        key, t, weights, weights[MEMORY], active[BEFORE], numbers, active[WORK][: DIRECTIONS + 1], active[HEADING][:2]
    )
    active[HEADING, ACTION] = chosen
    action[0], action[1] = active[HEADING, 0], active[HEADING, 1]


@njit(error_model="numpy")
def _learn(fixed, weights, active, numbers, before, after, reward):
    moved_x, moved_y = after[X] - before[X], after[Y] - before[Y]
    length = math.hypot(moved_x, moved_y)  # at the wall it heads where it got to, as in the pool
    active[HEADING, 0], active[HEADING, 1] = (moved_x / length, moved_y / length) if length > 0.0 else (0.0, 0.0)
    activity(fixed, numbers[WIDTH], after[X], after[Y], active[AFTER])
    found = 1.0 if reward > 0.0 else 0.0
    model.learn(
        weights, weights[MEMORY], active[BEFORE], active[AFTER], int(active[HEADING, ACTION]), moved_x, moved_y, found,
        numbers, active[TRACE], active[HEADING, BEGUN] == 0.0,
    )  # fmt: skip
    active[HEADING, BEGUN] = 1.0


@njit(error_model="numpy")
def _rest(fixed, weights, active, numbers, state, lit):
    active[HEADING, : BEGUN + 1] = 0.0


LOOP = episodes_of(_begin, _act, _learn, _rest)


def foster(key: int, settings: ActorCritic) -> Agent:
    """A rat that has learnt nothing yet; its place cells are drawn from the key."""
    centres = np.zeros((settings.cells, 2))
    scatter_cells(np.uint64(key), centres)
    start = np.zeros((1, N_ROWS + 1, settings.cells))
    return Agent(LOOP, centres, settings.parameters(), start, np.zeros((WORK + 1, settings.cells)))
