"""How an action is drawn from the readout y (T, n_out, 8) of one lane at one step.

Columns of the readout: n_action means (or logits), the value, n_spread corrections of the log std, the target.
"""

import math

import numpy as np
from numba import njit

from lsnn.kernels.draws import ACTION, normal, uniform


@njit(error_model="numpy")
def draw_gaussian(key, t, y, row, lane, log_std, n_spread, hold, mean_norm, action):
    """A Gaussian about the mean, rounded to float32 so that a record repeats it; a spread of -inf gives the mean.

    A mean longer than `mean_norm` is scaled back to it, so that exploration cannot vanish beside a growing mean.

    The noise is held for `hold` steps: exploration that is correlated in time moves an animal instead of shaking it.
    """
    n_action = action.shape[0]
    norm = 0.0
    for a in range(n_action):
        norm += np.float64(y[row, a, lane]) ** 2
    scale = min(1.0, mean_norm / math.sqrt(norm)) if norm > 0.0 else 1.0
    for a in range(n_action):
        spread = log_std[a]
        if n_spread:
            spread += y[row, n_action + 1 + a, lane]
        noise = math.exp(spread) * normal(key, t // hold, ACTION, a) if spread > -math.inf else 0.0
        action[a] = np.float32(scale * y[row, a, lane] + noise)


@njit(error_model="numpy")
def draw_categorical(key, t, y, row, lane, log_std, n_spread, hold, mean_norm, action):
    """One of the n_action classes by the Gumbel-max trick, as action[0]; log_std[0] = -inf gives the most likely."""
    best, choice = -math.inf, 0
    for a in range(action.shape[0]):
        score = np.float64(y[row, a, lane])
        if log_std[0] > -math.inf:
            score -= math.log(-math.log(1.0 - uniform(key, t // hold, ACTION, a)))
        if score > best:
            best, choice = score, a
    action[0] = choice


@njit(error_model="numpy")
def draw_none(key, t, y, row, lane, log_std, n_spread, hold, mean_norm, action):
    """Nothing is drawn: the target readout, which comes first where there is no policy, is the answer."""
    for a in range(action.shape[0]):
        action[a] = y[row, a, lane]
