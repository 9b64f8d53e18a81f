"""Episodes of any task at the decisions of an agent: many side by side, in compiled steps, from their keys.

A decision lasts so many steps of the task, all under the same action. What is seen is the observation before its
first step, in the range that the task's encoder encodes: the numbers themselves, no spikes.
"""

import importlib
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.kernels.machine_code import keep_machine_code
from lsnn.kernels.policy import draw_categorical, draw_gaussian, draw_none
from lsnn.task import Task

DRAWN = {"gaussian": draw_gaussian, "categorical": draw_categorical, "none": draw_none}


class Compiled(NamedTuple):
    """The compiled functions of a task, over E episodes."""

    begin: Any
    decide: Any
    choose: Any


@cache
def compiled(dynamics: str, action_kind: str) -> Compiled:
    """Those of the task whose functions stand in a module."""
    module = importlib.import_module(dynamics)
    begin, observe, transition, target, draw = (
        module.begin, module.observe, module.transition, module.target, DRAWN[action_kind]
    )  # fmt: skip

    @njit(error_model="numpy")
    def begin_all(keys, parameters, states, observations):
        for i in range(len(keys)):
            begin(keys[i], parameters, states[i])
            observe(states[i], parameters, observations[i])

    @njit(error_model="numpy")
    def decide_all(
        keys, t_start, actions, parameters, states, observations, path, rewards, acted, terminated, wanted, weights,
        targets,
    ):  # fmt: skip
        """Through a decision of rewards.shape[1] steps; path (E, steps, n_state) or (E, 0, n_state): states before
        each step; targets (E, n_target) and weights (E,): their weighted mean and summed weight."""
        for i in range(len(keys)):
            weights[i] = 0.0
            targets[i] = 0.0
            for step in range(rewards.shape[1]):
                if path.shape[1] > 0:
                    path[i, step] = states[i]
                weight = target(states[i], parameters, wanted)
                if weight > 0.0:
                    weights[i] += weight
                    targets[i] += weight * wanted
                reward, mattered, ended = transition(keys[i], t_start + step, actions[i], parameters, states[i])
                rewards[i, step], acted[i, step], terminated[i, step] = reward, mattered, ended
            if weights[i] > 0.0:
                targets[i] /= weights[i]
            observe(states[i], parameters, observations[i])

    @njit(error_model="numpy")
    def choose_all(keys, decision, y, log_std, n_spread, mean_norm, actions):
        """Draw the action of each episode from its readout, y (1, n_out, E) float32."""
        for i in range(len(keys)):
            draw(keys[i], decision, y, 0, i, log_std, n_spread, 1, mean_norm, actions[i])

    keep_machine_code((begin_all, decide_all, choose_all))
    return Compiled(begin_all, decide_all, choose_all)


def seen(task: Task, observations: NDArray[np.float64]) -> NDArray[np.float32]:
    """Observations (E, n) as an agent is given them: clipped to the encoder's range, over its greatest size."""
    low, high = (getattr(task.encoder, name, None) for name in ("low", "high"))
    if low is None or high is None:
        return observations.astype(np.float32)
    largest = np.maximum(np.abs(low), np.abs(high))
    scaled = np.clip(observations, low, high) / np.where(largest > 0, largest, 1.0)
    return scaled.astype(np.float32)


def as_inputs(task: Task, actions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Actions (E, n_action) as an agent is given them at its next decision: a flag a choice, else the numbers."""
    if task.action_kind == "categorical":
        return np.eye(task.n_action, dtype=np.float32)[actions[:, 0].astype(np.intp)]
    return actions.astype(np.float32)
