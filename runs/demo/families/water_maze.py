"""The water maze: the platform's place is read; neurons are sorted by the place that they prefer."""

import numpy as np

from runs.demo.families import Shown
from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y, WAIT, X, Y

SEARCH_MS = (200, 450)  # how long the first search of the first maze shown is
CLOSE = 1.3  # times the oracle's latency, what its later trials take at most, in the median


def platform(states: np.ndarray) -> np.ndarray:
    """The platform of states (..., n_state)."""
    return states[..., [PLATFORM_X, PLATFORM_Y]]


def swum(states: np.ndarray) -> np.ndarray:
    """Whether the animal of states (T, n_state) swims, and where: (T, 3)."""
    swims = states[:, WAIT] == 0
    return np.column_stack([swims, states[:, [X, Y]] * swims[:, None]])


def by_preferred_place(tuning: np.ndarray) -> np.ndarray:
    """By the direction in which the mean place of their spikes lies, silent ones last; tuning (n, 3)."""
    count, place = tuning[:, 0], tuning[:, 1:]
    preferred = place / np.maximum(count, 1)[:, None] - place.sum(axis=0) / max(count.sum(), 1)
    return np.lexsort((np.arctan2(preferred[:, 1], preferred[:, 0]), count == 0))


def first_search(trials: np.ndarray) -> int:
    """The first maze whose search can be seen, and whose later trials are short; the first one if there is none."""
    for episode in np.unique(trials["episode"]):
        own = trials[trials["episode"] == episode]
        later = own[1:][own["found"][1:]]
        searched = own["found"][0] and SEARCH_MS[0] <= own["latency_ms"][0] <= SEARCH_MS[1]
        if searched and len(later) and np.median(later["latency_ms"] / later["optimal_ms"]) <= CLOSE:
            return int(episode)
    return 0


SHOWN = Shown(platform, swum, by_preferred_place, first_search)
