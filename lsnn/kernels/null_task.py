"""The task that `roll_out.py` is written against; `build.py` puts a real one in its place.

A world with one number, the time, and one input cell that never spikes. See `lsnn/task.py` for the protocol.
"""

from numba import njit


@njit
def begin(key, parameters, state):
    """Fill the state at the start of the episode."""
    state[0] = 0.0


@njit
def observe(state, parameters, observation):
    """What the encoder is given."""
    observation[0] = state[0]


@njit
def transition(key, t, action, parameters, state):
    """One step of the world; returns reward, whether the action mattered, and termination."""
    state[0] += 1.0
    return 0.0, False, False


@njit
def target(state, parameters, target):
    """What a readout should name now; returns its weight."""
    target[0] = 0.0
    return 0.0


@njit
def encode(key, t, observation, parameters, spikes, bit):
    """Mark the input cells that spike now."""


@njit
def draw(key, t, y, row, lane, log_std, n_spread, hold, mean_norm, action):
    """Choose an action from the readout."""
