"""Episodes of any task, its compiled functions called one by one from Python: no network, no block."""

import importlib
from typing import Any

import numpy as np

from tasks.family import Trace


def action_of(task: Any, generator: np.random.Generator) -> np.ndarray:
    """A random action of the task's kind, as `transition` is given it."""
    if task.action_kind == "categorical":
        return np.array([float(generator.integers(task.n_action))])
    return generator.normal(size=max(1, task.n_action))


def driven(task: Any, keys: np.ndarray, steps: int, seed: int = 0) -> tuple[np.ndarray, Trace]:
    """States (E, T + 1, n_state) and trace of episodes under random actions."""
    module, parameters = importlib.import_module(task.dynamics), task.parameters()
    width = 1 if task.action_kind == "categorical" else max(1, task.n_action)
    states = np.zeros((len(keys), steps + 1, task.n_state))
    trace = Trace(np.zeros((len(keys), steps, width)), np.zeros((len(keys), steps)), np.zeros((len(keys), steps), bool))
    for episode, key in enumerate(keys):
        generator = np.random.default_rng([seed, episode])
        module.begin(key, parameters, states[episode, 0])
        for t in range(steps):
            states[episode, t + 1] = states[episode, t]
            trace.action[episode, t] = action = action_of(task, generator)
            reward, acted, _ = module.transition(key, t, action, parameters, states[episode, t + 1])
            trace.reward[episode, t], trace.acted[episode, t] = reward, acted
    return states, trace
