"""A task of one's own: which of two symbols was shown? `lsnn train own_task.py --iterations 30 --out RUN`."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from lsnn.kernels.draws import TASK_EPISODE, uniform
from tasks.encoders import FlagCells
from tasks.family import Family, Measure


@njit
def begin(key, parameters, state):  # state: the time and the symbol
    state[0], state[1] = 0, uniform(key, 0, TASK_EPISODE, 0) < 0.5

@njit
def observe(state, parameters, observation):  # a flag for each symbol, up for 50 ms
    observation[:] = 0
    observation[int(state[1])] = 1 if state[0] < 50 else 0

@njit
def target(state, parameters, target):  # returns its weight: the readout is taught in the last 25 ms
    target[0] = 2 * state[1] - 1
    return 1.0 if state[0] >= parameters[0] - 25 else 0.0

@njit
def transition(key, t, action, parameters, state):  # the action is the readout; reward, acted, terminated
    state[0] += 1
    asked = state[0] == parameters[0]
    return (1.0 if asked and (action[0] > 0) == (state[1] > 0) else 0.0), asked, False

@dataclass(frozen=True)
class Which:
    duration_ms: int = 150
    encoder: FlagCells = FlagCells(("A", "B"))
    name, dynamics, action_kind, loss = "which", __name__, "none", "target"
    n_action, n_target, n_state, n_observation = 1, 1, 2, 2

    def parameters(self): return np.array([self.duration_ms], float)
    def at_difficulty(self, level): return self
    def metrics(self, reward, acted): return {"right": reward[acted].mean()}

def trials(task, states, trace):  # a row a trial
    table = np.zeros(len(states), [(name, float) for name in ("episode", "trial", "start_ms", "end_ms", "right")])
    table["episode"], table["end_ms"], table["right"] = range(len(states)), task.duration_ms, trace.reward.sum(1)
    return table

FAMILY = Family(Which, trials, (Measure("right", "right answers", chance=0.5),), title="Which symbol was it?")
