"""Input spikes of examples and queries, each sample as long as in the task."""

from typing import NamedTuple

import numpy as np
from numba import njit

from tasks.encoders.population import encode_population
from tasks.regression.task import Regression


class Episodes(NamedTuple):
    """Examples and queries of E episodes: x (E, n, d), y (E, n)."""

    x: np.ndarray
    y: np.ndarray
    query: np.ndarray
    truth: np.ndarray


def episodes_of(task: Regression, keys: np.ndarray, examples: int, queries: int) -> Episodes:
    """The first examples of the episodes of these keys (E,), and as queries those that come after them."""
    from dataclasses import replace

    x, y = replace(task, samples=examples + queries).examples(keys)
    return Episodes(x[:, :examples], y[:, :examples], x[:, examples:], y[:, examples:])


@njit(error_model="numpy")
def _encode(keys, observations, steps, parameters, spikes):
    """Mark the spikes (S, T, cells) of observations (S, samples, numbers), each shown for so many steps."""
    for stream in range(len(keys)):
        for t in range(spikes.shape[1]):
            encode_population(keys[stream], t, observations[stream, t // steps], parameters, spikes[stream, t], 1)


def spikes_of(task: Regression, keys: np.ndarray, x: np.ndarray, y_before: np.ndarray) -> np.ndarray:
    """Spikes (S, samples * sample_ms, cells) of streams x (S, samples, d), y_before (S, samples); noise by key (S,)."""
    observations = np.ascontiguousarray(np.concatenate([x, y_before[..., None]], axis=-1))
    spikes = np.zeros((len(keys), x.shape[1] * task.sample_ms, task.encoder.n_inputs), np.uint8)
    _encode(keys, observations, task.sample_ms, task.encoder.parameters(), spikes)
    return spikes.astype(bool)


def alone(task: Regression, keys: np.ndarray, x: np.ndarray, y_before: float = 0.0) -> np.ndarray:
    """Spikes of every x (S, d) shown by itself; before the first sample of an episode y is 0."""
    return spikes_of(task, keys, x[:, None], np.full((len(x), 1), y_before))


def after(task: Regression, key: int, x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Spikes of examples x (K, d), y (K,), the same for every query, and then of queries' own, (M, cells over time)."""
    before = np.concatenate([[0.0], y[:-1]])
    examples = spikes_of(task, np.array([key], np.uint64), x[None], before[None])
    return np.concatenate([np.repeat(examples, len(queries), axis=0), queries], axis=1)
