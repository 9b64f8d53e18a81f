"""The closed loop: a network acts in a task, eight episodes at a time, in one compiled function.

The imports from `null_task` are placeholders: `build.py` writes this file out with those of a real task and encoder.
"""

import numpy as np
from numba import njit

from lsnn.kernels.null_task import begin, draw, encode, observe, target, transition
from lsnn.kernels.step import scratch_of, step


@njit(error_model="numpy", nogil=True)
def start(keys, parameters, task_state):
    """Begin eight episodes: keys (8,) uint64, task_state (8, n_state) float64 is filled."""
    for lane in range(keys.shape[0]):
        begin(keys[lane], parameters, task_state[lane])


@njit(error_model="numpy")
def perceive(row, t, keys, parameters, encoder, task_state, observation, record, trace):
    """Observation, input spikes and target of step t for every lane."""
    record.input_spikes[row, :] = 0
    for lane in range(keys.shape[0]):
        observe(task_state[lane], parameters, observation)
        for i in range(observation.shape[0]):
            if not np.isfinite(observation[i]):
                trace.observation[i] = observation[i]
        encode(keys[lane], t, observation, encoder, record.input_spikes[row], np.uint8(1 << lane))
        trace.target_weight[row, lane] = target(task_state[lane], parameters, trace.target[row, lane])


@njit(error_model="numpy")
def act(row, t, keys, parameters, task_state, log_std, n_spread, hold, mean_norm, record, trace):
    """Action, transition and reward of step t for every lane."""
    for lane in range(keys.shape[0]):
        action = trace.action[row, lane]
        draw(keys[lane], t, record.y, row, lane, log_std, n_spread, hold, mean_norm, action)
        reward, acted, terminated = transition(keys[lane], t, action, parameters, task_state[lane])
        trace.reward[row, lane] = reward
        trace.acted[row, lane] = acted
        trace.terminated[row, lane] = terminated


@njit(error_model="numpy", nogil=True)
def roll_out(
    t_start, keys, weights, state, parameters, encoder, task_state, log_std, n_spread, hold, mean_norm, record, trace
):
    """Run as many steps as the record has rows, from step t_start on.

    Args:
        keys: (8,) uint64, one an episode; weights, state, record: see `layout.py`.
        parameters, encoder: parameter vectors of the task and its encoder.
        task_state: (8, n_state) float64, goes on from where it is.
        log_std: (n_action,) log std of the policy, -inf for its mean; n_spread: readout columns added to it;
            hold: steps for which its noise stays the same; mean_norm: greatest norm of its mean.
        trace: the task's side of the record, see `layout.Trace`.
    """
    steps = record.spikes.shape[0]
    keep_states = trace.task_state.shape[0] > steps
    observation, scratch = np.zeros(trace.observation.shape[0]), scratch_of(record)
    for row in range(steps):
        t = t_start + row
        if keep_states:
            trace.task_state[row] = task_state
        perceive(row, t, keys, parameters, encoder, task_state, observation, record, trace)
        step(t, row, weights, state, record, scratch)
        act(row, t, keys, parameters, task_state, log_std, n_spread, hold, mean_norm, record, trace)
    if keep_states:
        trace.task_state[steps] = task_state
