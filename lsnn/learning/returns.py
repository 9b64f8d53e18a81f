"""Returns and advantages; time runs over the first axis."""

import numpy as np
from numba import njit


@njit(error_model="numpy")
def advantages(r_t, v_t, terminated_t, truncated_t, v_boot, discount, lambda_):
    """Generalised advantage estimates (Schulman et al. 2016).

    delta_t = r_t + discount (1 - terminated_t) v_{t+1} - v_t
    A_t = delta_t + discount lambda (1 - terminated_t) (1 - truncated_t) A_{t+1}

    A terminal state is worth nothing; after a truncation v_{t+1}, the value of the state that was cut off, counts,
    but no reward beyond it.

    Args:
        r_t, v_t: (T, E) rewards and values, t = 0..T-1; v_boot: (E,) value at T.
        terminated_t, truncated_t: (T, E) bool, whether the episode ended with step t.
    Returns:
        (T, E) advantages; the value's target is A_t + v_t.
    """
    steps, episodes = r_t.shape
    a_t = np.zeros((steps, episodes))
    for e in range(episodes):
        a_next, v_next = 0.0, v_boot[e]
        for t in range(steps - 1, -1, -1):
            goes_on = 0.0 if terminated_t[t, e] else 1.0
            delta = r_t[t, e] + discount * goes_on * v_next - v_t[t, e]
            a_next = delta + (0.0 if truncated_t[t, e] else discount * lambda_ * goes_on * a_next)
            v_next = v_t[t, e]
            a_t[t, e] = a_next
    return a_t
