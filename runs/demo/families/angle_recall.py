"""Angle recall: cosine and sine of the angle are read; neurons are sorted by the angle that they prefer."""

import numpy as np

from runs.demo.families import Shown
from tasks.angle_recall.task import ANGLE, PART
from tasks.angle_recall.task import SHOWN as IS_SHOWN


def direction(states: np.ndarray) -> np.ndarray:
    """Cosine and sine of the angle of states (..., n_state)."""
    return np.stack([np.cos(states[..., ANGLE]), np.sin(states[..., ANGLE])], axis=-1)


def seen(states: np.ndarray) -> np.ndarray:
    """Whether the angle of states (T, n_state) is shown, and its cosine and sine then: (T, 3)."""
    shows = states[:, PART] == IS_SHOWN
    return np.column_stack([shows, direction(states) * shows[:, None]])


def by_preferred_angle(tuning: np.ndarray) -> np.ndarray:
    """By the mean direction that is shown when they spike, silent ones last; tuning (n, 3)."""
    return np.lexsort((np.arctan2(tuning[:, 2], tuning[:, 1]) % (2 * np.pi), tuning[:, 0] == 0))


SHOWN = Shown(direction, seen, by_preferred_angle, lambda trials: 0)
