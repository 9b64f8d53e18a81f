"""What a demo page reads off a network's state: what the task hides, and how the neurons are sorted.

Both are fitted when the page is written, on episodes that neither meta-training nor the test uses.
"""

from typing import Any, NamedTuple

import numpy as np

from lsnn.blocks import Block
from lsnn.files.network_file import NetworkFile
from lsnn.network import Network
from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
from runs.demo.families import Shown, shown
from runs.demo.network import packed
from runs.study.subject import kept_variables, slots_of
from runs.testing.conditions import padded
from tasks.experiment import Experiment

EVERY_MS = 100  # between two samples of an episode
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # penalties that are tried, times the mean variance of a state variable
HELD_OUT = 4  # one episode in so many is held out
EDGES = (0.2, 0.4, 0.6, 0.8)  # of how far what is read lies from its mean: how wrong it is depends on that
FEWEST = 20  # samples from which a standard deviation is taken


class Samples(NamedTuple):
    """States of E episodes at T times, and how each neuron is tuned."""

    kept: np.ndarray  # (E, T, slots) what the neurons keep beside their membranes
    hidden: np.ndarray  # (E, T, k)
    tuning: np.ndarray  # (N, F)


def reading_data(file: NetworkFile, experiment: Experiment, seed: int, episodes: int) -> dict[str, Any] | None:
    """The decoder, its error on held-out episodes, and the neurons by what they prefer; None if nothing is kept."""
    network, own = file.network, shown(experiment.task)
    names = kept_variables(network)
    if not names:
        return None
    keys = episode_keys(seed, STUDY_BRANCH, Study.DEMO, episodes)
    samples = sampled(network, experiment, keys, slots_of(network, names), own)
    weight, offset, predicted, hidden = fitted(samples)
    first = slots_of(network, names[:1])
    owners = np.concatenate([np.arange(network.config.n_neurons)[g.neurons] for g in _with(network, names[0])])
    return {
        "variables": names,
        "slots": packed(slots_of(network, names), np.int32),
        "weight": packed(weight, np.float32),
        "offset": offset.tolist(),
        "edges": list(EDGES),
        "sd": spread_of(predicted - offset, predicted - hidden),
        "error": float(np.median(np.linalg.norm(predicted - hidden, axis=1))),
        "chance": float(np.median(np.linalg.norm(hidden.mean(axis=0) - hidden, axis=1))),
        "episodes": episodes,
        "sorted": packed(first[own.order(samples.tuning[owners])], np.int32),
    }


def _with(network: Network, name: str) -> list[Any]:
    return [group for group, slots in zip(network.groups, network.variables(), strict=True) if name in slots]


def sampled(network: Network, experiment: Experiment, keys: np.ndarray, slots: np.ndarray, own: Shown) -> Samples:
    """Episodes (E,) under the most likely action, sampled every `EVERY_MS`."""
    task = experiment.task
    weights, silent = network.weights(), np.full(max(1, len(network.log_std)), -np.inf)
    block = Block(task, network, task.duration_ms, keep_states=True, gradient=False, segment=EVERY_MS)
    kept, hidden, tuning = [], [], np.zeros(())
    for part in padded(keys):
        block.begin(task, part)
        for t in range(0, task.duration_ms, EVERY_MS):
            block.roll_out(weights, silent, EVERY_MS if t else 0)
            kept.append(block.state.x[slots].T.astype(float))
            hidden.append(own.hidden(block.task_state))
        for lane in range(len(part)):
            spikes = ((block.record.spikes[: block.t] >> lane) & 1).astype(np.float32)
            tuning = tuning + spikes.T @ own.tuning(block.trace.task_state[: block.t, lane]).astype(np.float32)
    x, y = (_by_episode(rows, task.duration_ms)[: len(keys)] for rows in (kept, hidden))
    return Samples(x, y, tuning)


def _by_episode(rows: list[np.ndarray], duration_ms: int) -> np.ndarray:
    """Blocks of eight lanes at one time after the other, as (E, T, ...)."""
    times, lanes, numbers = len(range(0, duration_ms, EVERY_MS)), *np.shape(rows)[1:]
    return np.reshape(rows, (-1, times, lanes, numbers)).swapaxes(1, 2).reshape(-1, times, numbers)


def fitted(samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights (slots, k) and offset (k,) of the ridge regression that is best on held-out episodes.

    The offset is the mean of what is hidden: a state of zero, which knows nothing, says no more than that. Also what it
    predicts of the held-out episodes and what is true, both (samples, k).
    """
    out = np.arange(len(samples.kept)) % HELD_OUT == HELD_OUT - 1
    x, to_x = (samples.kept[part].reshape(-1, samples.kept.shape[-1]) for part in (~out, out))
    y, to_y = (samples.hidden[part].reshape(-1, samples.hidden.shape[-1]) for part in (~out, out))
    offset, square = y.mean(axis=0), x.T @ x
    scale = max(np.trace(square) / len(square), np.finfo(float).tiny)
    tried = [np.linalg.solve(square + ridge * scale * np.eye(len(square)), x.T @ (y - offset)) for ridge in RIDGES]
    weight = min(tried, key=lambda weight: float(np.sum((offset + to_x @ weight - to_y) ** 2)))
    return weight, offset, offset + to_x @ weight, to_y


def spread_of(predicted: np.ndarray, error: np.ndarray) -> list[float]:
    """Standard deviation of the error between the `EDGES`; predicted: from the mean; both (samples, k)."""
    level = np.searchsorted(EDGES, np.linalg.norm(predicted, axis=1))
    squared = np.mean(error**2, axis=1)
    found = [
        float(np.sqrt(squared[level == i].mean())) if sum(level == i) >= FEWEST else None for i in range(len(EDGES) + 1)
    ]
    known = [sd for sd in found if sd is not None]
    return [max(known, default=1.0) if sd is None else sd for sd in found]
