"""Returns and advantages; time runs over the first axis."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from lsnn.kernels.entry import Rule, entry
from lsnn.validation import require_array, require_number


def _a_number(name: str, value: Any, given: Mapping[str, Any]) -> None:
    require_number(name, value, 0.0, 1.0)


def _as_rewards(dtype: type, axis: int = 0) -> Rule:
    """A rule: an array of the shape of the rewards, or of their axes from one on."""

    def rule(name: str, value: Any, given: Mapping[str, Any]) -> None:
        r_t = given["r_t"]
        shape = r_t.shape if isinstance(r_t, np.ndarray) and r_t.ndim == 2 else (0, 0)
        require_array(name, value, shape[axis:], np.dtype(dtype), written=False, in_rows=False)

    return rule


@entry(
    r_t=_as_rewards(float), v_t=_as_rewards(float), terminated_t=_as_rewards(bool), truncated_t=_as_rewards(bool),
    v_boot=_as_rewards(float, axis=1), discount=_a_number, lambda_=_a_number,
)  # fmt: skip
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
