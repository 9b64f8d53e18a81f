# delayed_match.py
from dataclasses import dataclass
import numpy as np
from numba import njit
from lsnn.kernels.draws import TASK_EPISODE, uniform
from tasks.encoders import FlagCells
from tasks.family import Family, Measure
TIME, FIRST, SECOND = range(3)  # the state
@njit
def begin(key, parameters, state):
    state[TIME] = 0
    for i in (FIRST, SECOND):
        state[i] = uniform(key, 0, TASK_EPISODE, i) < 0.5
@njit
def observe(state, parameters, observation):
    observation[:] = 0  # flags: A, B
    if state[TIME] < 50 or state[TIME] >= parameters[0] - 50:
        observation[int(state[FIRST] if state[TIME] < 50 else state[SECOND])] = 1
@njit
def target(state, parameters, target):
    target[0] = 1 if state[FIRST] == state[SECOND] else -1
    return 1.0 if state[TIME] >= parameters[0] - 25 else 0.0  # its weight
@njit
def transition(key, t, action, parameters, state):  # the action is the answer: the readout itself
    state[TIME] += 1
    last, same = state[TIME] == parameters[0], state[FIRST] == state[SECOND]
    return (1.0 if last and (action[0] > 0) == same else 0.0), last, False  # reward, acted, terminated

@dataclass(frozen=True)
class DelayedMatch:
    duration_ms: int = 300
    encoder: FlagCells = FlagCells(("A", "B"))
    name, dynamics, action_kind, loss = "delayed-match", __name__, "none", "target"
    n_action, n_target, n_state, n_observation = 1, 1, 3, 2
    def parameters(self): return np.array([self.duration_ms], float)
    def at_difficulty(self, level): return self
    def metrics(self, reward, acted): return {"right": reward[acted].mean()}

def trials(task, states, trace):  # a row a trial
    table = np.zeros(len(states), [(name, float) for name in ("episode", "trial", "start_ms", "end_ms", "right")])
    table["episode"], table["end_ms"], table["right"] = range(len(states)), task.duration_ms, trace.reward.sum(1)
    return table

FAMILY = Family(DelayedMatch, trials, (Measure("right", "right answers", chance=0.5),))
