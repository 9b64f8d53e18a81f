"""Baselines of angle recall: what can be told without memory, and what the input spikes of an episode allow at most.

Those that saw the angle forget nothing: their error is that of the noise of the input cells alone.
"""

import importlib
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.kernels.draws import BASELINE, uniform
from lsnn.validation import require
from tasks.angle_recall.task import ANGLE, AngleRecall
from tasks.encoders import RingCells

Array = NDArray[np.float64]

BASELINES = ("no_memory", "population_vector", "ideal_observer")
GRID = 720  # angles at which the ideal observer has its posterior


def play(name: str, task: AngleRecall, keys: NDArray[np.uint64]) -> Array:
    """The answer of a baseline in each episode, (E, 2).

    no_memory: a direction drawn at random. population_vector: sum over cells of spikes times the direction preferred.
    ideal_observer: the mean direction under the posterior, given all spikes while the angle was shown.

    Raises:
        InputError: an unknown baseline, or an encoder other than `RingCells`.
    """
    require(name in BASELINES, "baseline", f"one of {', '.join(BASELINES)}", name)
    if name == "no_memory":
        return directions(2 * np.pi * np.array([uniform(key, 0, BASELINE, 0) for key in keys]))
    ring = task.encoder
    require(isinstance(ring, RingCells), "encoder", "RingCells where a baseline reads its spikes", ring)
    assert isinstance(ring, RingCells)
    counts = spike_counts(task, keys)
    if name == "population_vector":
        return counts @ directions(2 * np.pi * np.arange(ring.n_cells) / ring.n_cells)
    return ideal_observer(ring, counts, task.show_ms)


def directions(angles: Array) -> Array:
    """Unit vectors (..., 2) of angles (...) in rad."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def ideal_observer(ring: RingCells, counts: Array, steps: int) -> Array:
    """Posterior mean of the direction, (E, 2), from counts (E, cells) of so many steps; the prior is flat.

    log p(a | k) = sum_i k_i log p_i(a) + (steps - k_i) log(1 - p_i(a)) + constant, p_i(a) the probability of a spike.
    """
    grid = 2 * np.pi * np.arange(GRID) / GRID
    p = np.clip(ring.probabilities(grid), 1e-12, 1 - 1e-12)
    log = counts @ np.log(p).T + (steps - counts) @ np.log1p(-p).T
    posterior = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True) @ directions(grid))


def spike_counts(task: AngleRecall, keys: NDArray[np.uint64]) -> Array:
    """Spikes of each cell of the ring while the angle was shown, (E, cells)."""
    return shown_spikes(task, keys).sum(axis=1, dtype=float)


def shown_spikes(task: AngleRecall, keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Spikes of the ring cells in each step in which the angle is shown, (E, show_ms, cells): those a network meets."""
    ring = task.encoder
    encode = getattr(importlib.import_module(ring.module), ring.function)
    spikes = np.zeros((len(keys), task.show_ms, ring.n_inputs), np.uint8)
    _show(encode.function, np.asarray(keys), task.starts(keys)[:, ANGLE], ring.parameters(), spikes)
    return spikes[..., : dict(ring.channels)["ring"]]


@njit(error_model="numpy")
def _show(encode, keys, angles, parameters, spikes):
    """Fill the spikes of every episode and step while its angle is shown."""
    observation = np.zeros(3)
    for episode in range(len(keys)):
        observation[0], observation[1] = math.cos(angles[episode]), math.sin(angles[episode])
        for t in range(spikes.shape[1]):
            encode(keys[episode], t, observation, parameters, spikes[episode, t], np.uint8(1))
