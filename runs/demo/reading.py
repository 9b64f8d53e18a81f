"""What a demo page reads off a network's state: the platform's place, and which place each neuron prefers.

Both are fitted when the page is written, on episodes that neither meta-training nor the test uses.
"""

from typing import Any, NamedTuple

import numpy as np

from lsnn.blocks import Block
from lsnn.files.network_file import NetworkFile
from lsnn.network import Network
from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
from runs.demo.network import packed
from runs.study.subject import kept_variables, slots_of
from runs.testing.conditions import padded
from tasks.experiment import Experiment
from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y, WAIT, X, Y

EVERY_MS = 100  # between two samples of an episode
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # penalties that are tried, times the mean variance of a state variable
HELD_OUT = 4  # one episode in so many is held out
EDGES = (0.2, 0.4, 0.6, 0.8)  # of how far the read place lies from the mean platform: how wrong it is depends on that
FEWEST = 20  # samples from which a standard deviation is taken


class Samples(NamedTuple):
    """States of E episodes at T times, and how often each neuron spiked where."""

    x: np.ndarray  # (E, T, slots) what the neurons keep beside their membranes
    platform: np.ndarray  # (E, T, 2)
    spikes: np.ndarray  # (N,)
    place: np.ndarray  # (N, 2) sum over its spikes


def reading_data(file: NetworkFile, experiment: Experiment, seed: int, episodes: int) -> dict[str, Any] | None:
    """The decoder, its error on held-out episodes, and the neurons by preferred place; None if nothing is kept."""
    network = file.network
    names = kept_variables(network)
    if not names:
        return None
    keys = episode_keys(seed, STUDY_BRANCH, Study.DEMO, episodes)
    samples = sampled(network, experiment, keys, slots_of(network, names))
    weight, offset, predicted, platform = fitted(samples)
    first = slots_of(network, names[:1])
    owners = np.concatenate([np.arange(network.config.n_neurons)[g.neurons] for g in _with(network, names[0])])
    order = by_preferred_place(samples, owners)
    return {
        "variables": names,
        "slots": packed(slots_of(network, names), np.int32),
        "weight": packed(weight, np.float32),
        "offset": offset.tolist(),
        "edges": list(EDGES),
        "sd": spread_of(predicted - offset, predicted - platform),
        "error": float(np.median(np.hypot(*(predicted - platform).T))),
        "chance": float(np.median(np.hypot(*(platform.mean(axis=0) - platform).T))),
        "episodes": episodes,
        "sorted": packed(first[order], np.int32),
    }


def _with(network: Network, name: str) -> list[Any]:
    return [group for group, slots in zip(network.groups, network.variables(), strict=True) if name in slots]


def sampled(network: Network, experiment: Experiment, keys: np.ndarray, slots: np.ndarray) -> Samples:
    """Episodes (E,) under the policy's mean, sampled every `EVERY_MS`."""
    task, n = experiment.task, network.config.n_neurons
    weights, silent = network.weights(), np.full_like(network.log_std, -np.inf)
    block = Block(task, network, task.duration_ms, keep_states=True, gradient=False, segment=EVERY_MS)
    x, platform, spikes, place = [], [], np.zeros(n), np.zeros((n, 2))
    for part in padded(keys):
        block.begin(task, part)
        for t in range(0, task.duration_ms, EVERY_MS):
            block.roll_out(weights, silent, EVERY_MS if t else 0)
            x.append(block.state.x[slots].T.astype(float))
            platform.append(block.task_state[:, [PLATFORM_X, PLATFORM_Y]].copy())
        for lane in range(len(part)):
            states = block.trace.task_state[: block.t, lane]
            fired = ((block.record.spikes[: block.t] >> lane) & 1) * (states[:, WAIT] == 0)[:, None]
            spikes += fired.sum(axis=0)
            place += fired.T.astype(float) @ states[:, [X, Y]]
    times = len(range(0, task.duration_ms, EVERY_MS))
    x_all, platforms = (
        np.stack(rows).reshape(-1, times, *np.shape(rows)[1:]).swapaxes(1, 2).reshape(-1, times, np.shape(rows)[2])
        for rows in (x, platform)
    )
    return Samples(x_all[: len(keys)], platforms[: len(keys)], spikes, place)


def fitted(samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights (slots, 2) and offset (2,) of the ridge regression that is best on held-out episodes.

    The offset is the mean platform: a state of zero, which knows nothing, says no more than that. Also what it predicts
    of the held-out episodes and what is true, both (samples, 2).
    """
    out = np.arange(len(samples.x)) % HELD_OUT == HELD_OUT - 1
    x, y = samples.x[~out].reshape(-1, samples.x.shape[-1]), samples.platform[~out].reshape(-1, 2)
    to_x, to_y = samples.x[out].reshape(-1, x.shape[1]), samples.platform[out].reshape(-1, 2)
    offset, square = y.mean(axis=0), x.T @ x
    scale = max(np.trace(square) / len(square), np.finfo(float).tiny)
    tried = [np.linalg.solve(square + ridge * scale * np.eye(len(square)), x.T @ (y - offset)) for ridge in RIDGES]
    weight = min(tried, key=lambda weight: float(np.sum((offset + to_x @ weight - to_y) ** 2)))
    return weight, offset, offset + to_x @ weight, to_y


def spread_of(predicted: np.ndarray, error: np.ndarray) -> list[float]:
    """Standard deviation of the error between the `EDGES`; predicted: from the mean platform; both (samples, 2)."""
    level = np.searchsorted(EDGES, np.hypot(*predicted.T))
    squared = np.mean(error**2, axis=1)
    found = [
        float(np.sqrt(squared[level == i].mean())) if sum(level == i) >= FEWEST else None for i in range(len(EDGES) + 1)
    ]
    known = [sd for sd in found if sd is not None]
    return [max(known, default=1.0) if sd is None else sd for sd in found]


def by_preferred_place(samples: Samples, neurons: np.ndarray) -> np.ndarray:
    """Places among these neurons (n,), by the direction in which the mean place of their spikes lies."""
    mean = samples.place.sum(axis=0) / max(samples.spikes.sum(), 1)
    preferred = samples.place[neurons] / np.maximum(samples.spikes[neurons], 1)[:, None] - mean
    silent = samples.spikes[neurons] == 0
    return np.lexsort((np.arctan2(preferred[:, 1], preferred[:, 0]), silent))
