"""Episodes of the water maze under an agent that learns while it swims, by its weights and its activity.

An agent is four compiled functions over its arrays:

    begin(weights)                                                        it is told that the maze is a new one
    act(key, t, fixed, weights, activity, numbers, task, state, action)   choose a velocity (2,) at a state of the maze
    learn(fixed, weights, activity, numbers, before, after, reward)       after the step
    rest(fixed, weights, activity, numbers, state, lit)                   a step on the platform (lit) or in the dark

`weights` (R, N) is all that plasticity writes, `activity` (S, N) all else that changes: what an intervention resets
at a release. `fixed` is never changed. Like the scripted baselines it is given its true place. Actions are
unclipped, at greatest speed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import Record
from tasks.water_maze.dynamics import ON_PLATFORM, TRIAL, WAIT, begin, transition


class Agent(NamedTuple):
    """An agent of the water maze, one rat or several of them that differ in what they have learnt so far.

    Args:
        loop: what `episodes_of` makes of its functions.
        fixed: an array, or arrays, that nothing changes. numbers: its parameters (K,).
        start: (rats, R, N), weights with which an episode begins; episode e has those of rat e modulo rats.
        activity: (S, N), how activity begins, and what a reset of the state sets it to.
    """

    loop: Callable[..., None]
    fixed: Any
    numbers: NDArray[np.float64]
    start: NDArray[np.float64]
    activity: NDArray[np.float64]


def episodes_of(begin_maze: Any, act: Any, learn: Any, rest: Any) -> Callable[..., None]:
    """The compiled loop over episodes of an agent that has these functions."""

    @njit(error_model="numpy")
    def loop(
        keys, task, fixed, numbers, start, quiet, keep, reset_weights, reset_state, states, actions, rewards, last
    ):  # fmt: skip
        weights, activity, old = start[0].copy(), quiet.copy(), np.empty(states.shape[2])
        for episode in range(len(keys)):
            key, own = keys[episode], start[episode % len(start)]
            if not (keep and episode > 0):
                weights[:] = own
            activity[:] = quiet
            begin_maze(weights)
            begin(key, task, states[episode, 0])
            for t in range(rewards.shape[1]):
                state, action = states[episode, t + 1], actions[episode, t]
                state[:] = states[episode, t]
                old[:] = state
                acting = state[WAIT] == 0.0
                if acting:
                    act(key, t, fixed, weights, activity, numbers, task, state, action)
                else:
                    rest(fixed, weights, activity, numbers, state, state[ON_PLATFORM] > 0.0)
                reward, _, _ = transition(key, t, action, task, state)
                rewards[episode, t] = reward
                if acting:
                    learn(fixed, weights, activity, numbers, old, state, reward)
                if state[TRIAL] > old[TRIAL]:
                    if reset_weights:
                        weights[:] = own
                        begin_maze(weights)
                    if reset_state:
                        activity[:] = quiet
        last[:] = weights

    return loop


def _recorded(
    agent: Agent, keys: NDArray[np.uint64], task: WaterMaze, keep: bool, reset_weights: bool, reset_state: bool
) -> tuple[Record, NDArray[np.float64]]:
    episodes, steps = len(keys), task.duration_ms
    record = Record(
        np.empty((episodes, steps + 1, task.n_state)), np.zeros((episodes, steps, 2)), np.empty((episodes, steps))
    )
    last = np.empty_like(agent.start[0])
    agent.loop(
        keys, task.parameters(), agent.fixed, agent.numbers, agent.start, agent.activity, keep, reset_weights,
        reset_state, *record, last,
    )  # fmt: skip
    return record, last


def play(
    agent: Agent, keys: NDArray[np.uint64], task: WaterMaze, reset_weights: bool = False, reset_state: bool = False
) -> Record:
    """Record an episode a key, each begun with the weights of its rat.

    Args:
        reset_weights: at each release the weights are those again with which the episode began.
        reset_state: at each release the activity is that of its beginning.
    """
    return _recorded(agent, keys, task, False, reset_weights, reset_state)[0]


def raised(agent: Agent, lives: NDArray[np.uint64], task: WaterMaze) -> Agent:
    """The agent after a life in other mazes, in which nothing is reset: lives (rats, mazes) keys, a rat a row."""
    start = [_recorded(agent, keys, task, True, False, False)[1] for keys in lives]
    return agent._replace(start=np.stack(start))
