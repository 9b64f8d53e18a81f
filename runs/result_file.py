"""Writes result files piece by piece (docs/reference/files.md), so that a test of any length fits in memory."""

import json
from collections.abc import Sequence

import h5py
import numpy as np

from lsnn import store
from lsnn.files import put_neurons
from lsnn.network import Network
from lsnn.neurons import ALIF

POOL, SPEED = "pool radius", "greatest speed"
_KEY = "keys of the episodes; equal keys, equal platforms and starts"
_ONE_STEP_AN_EPISODE = {  # name: shape behind (episodes, steps), extra rows, unit, description
    "position": ((2,), 1, POOL, "row t: place before step t"),
    "action": ((2,), 0, SPEED, "velocity as chosen at step t, before its norm is clipped"),
    "reward": ((), 0, "1", "earned by step t"),
    "value": ((), 0, "1", "value readout at step t"),
}
_TRIAL_COLUMNS = {
    "episode": ("1", "number of the episode"),
    "trial": ("1", "number of the trial in its episode, from 0"),
    "start_ms": ("ms", "the step before which the animal stands at its start"),
    "end_ms": ("ms", "the step before which the trial has ended"),
    "latency_ms": ("ms", "search time, or time spent when the episode ended"),
    "path_length": (POOL, "distance swum"),
    "optimal_ms": ("ms", "search time of a straight swim"),
    "start_x": (POOL, "where the animal was set down"),
    "start_y": (POOL, "where the animal was set down"),
    "goal_x": (POOL, "centre of the platform in the last step of the trial"),
    "goal_y": (POOL, "centre of the platform in the last step of the trial"),
    "found": ("1", "whether the platform was found before the episode ended"),
}


class ConditionWriter:
    """One condition of a result file: room for all episodes, filled some at a time."""

    def __init__(self, group: h5py.Group, keys: np.ndarray, steps: int, names: Sequence[str]):
        self.group, self.trials = group, []
        store.put(group, "episode_key", keys, "1", _KEY)
        self.goal, self.radius = np.empty((len(keys), 2)), np.empty(len(keys))
        for name in names:
            behind, extra, unit, description = _ONE_STEP_AN_EPISODE[name]
            _reserve(group, name, (len(keys), steps + extra, *behind), unit, description)

    def write(
        self, first: int, goal: np.ndarray, radius: np.ndarray, trials: np.ndarray, **arrays: np.ndarray
    ) -> None:
        """Episodes from `first` on: first platforms (n, 2) and radii (n,), their trials, and the arrays (n, T, ...)."""
        self.goal[first : first + len(goal)] = goal
        self.radius[first : first + len(goal)] = radius
        trials["episode"] += first
        self.trials.append(trials)
        for name, array in arrays.items():
            self.group[name][first : first + len(goal)] = array

    def finish(self) -> None:
        """Write what is complete only once all episodes are there."""
        store.put(self.group, "platform_radius", self.radius, POOL, "of the episode's platforms")
        _put_goal_and_trials(self.group, self.goal, np.concatenate(self.trials))


def put_trials(group: h5py.Group, keys: np.ndarray, goal: np.ndarray, trials: np.ndarray, duration_ms: int) -> None:
    """A condition of which no paths are kept: keys (E,), first platforms (E, 2), trials, length of the episodes."""
    group.attrs["duration_ms"] = duration_ms
    store.put(group, "episode_key", keys, "1", _KEY)
    _put_goal_and_trials(group, goal, trials)


def _put_goal_and_trials(group: h5py.Group, goal: np.ndarray, trials: np.ndarray) -> None:
    store.put(group, "goal", goal, POOL, "centre of the first platform")
    units, descriptions = ({name: column[i] for name, column in _TRIAL_COLUMNS.items()} for i in (0, 1))
    store.put_table(group, "trials", trials, units, descriptions)


def _reserve(group: h5py.Group, name: str, shape: tuple[int, ...], unit: str, description: str) -> None:
    """An empty data set of single precision, a chunk an episode."""
    data = group.create_dataset(
        name, shape, np.float32, chunks=(1, *shape[1:]), compression="gzip", compression_opts=1, shuffle=True,
        fletcher32=True,
    )  # fmt: skip
    data.attrs.update(units=unit, description=description)


class SpikeWriter:
    """Spikes of episode after episode as ragged arrays."""

    def __init__(self, group: h5py.Group, cells: str):
        self.group, self.offsets, self.episodes = group, [0], []
        for name, unit, what in (("time_ms", "ms", "step of the spike"), ("neuron", "1", f"number of the {cells}")):
            data = group.create_dataset(
                name,
                (0,),
                np.int32,
                maxshape=(None,),
                chunks=(65536,),
                compression="gzip",
                shuffle=True,
                fletcher32=True,
            )
            data.attrs.update(units=unit, description=what)

    def write(self, episode: int, spikes: np.ndarray) -> None:
        """The spikes (T, cells) of one episode, non-zero where a cell spiked."""
        for name, values in zip(("time_ms", "neuron"), np.nonzero(spikes), strict=True):
            data = self.group[name]
            data.resize((self.offsets[-1] + len(values),))
            data[self.offsets[-1] :] = values
        self.offsets.append(len(self.group["neuron"]))
        self.episodes.append(episode)

    def finish(self) -> None:
        """Write which spikes belong to which episode."""
        store.put(
            self.group, "episode_offsets", np.array(self.offsets), "1", "entry k: first spike of the k-th episode"
        )
        store.put(self.group, "episode", np.array(self.episodes, np.int32), "1", "number of the k-th recorded episode")


def put_traces(group: h5py.Group, episodes: np.ndarray, start_ms: np.ndarray, v: np.ndarray, b: np.ndarray) -> None:
    """Windows of the state variables of all neurons; v, b: (windows, W, N)."""
    when = "row w: at the threshold of step start_ms + w, before the reset"
    store.put(group, "v", v, "unit of v", f"membrane potential; {when}")
    store.put(group, "b", b, "1", f"threshold adaptation, 0 in neurons that do not adapt; {when}")
    store.put(group, "episode", episodes, "1", "episode of a window")
    store.put(group, "start_ms", start_ms, "ms", "step of the first row of a window")


def threshold_beta(network: Network) -> np.ndarray:
    """beta of the neurons whose threshold is b0 + beta b with the network's own b0 and beta, 0 of others; (N,)."""
    beta = np.zeros_like(network.beta)
    for model, group in zip(network.config.models, network.groups, strict=True):
        own = {row.name for row in model.parameters}
        if model.threshold == ALIF.threshold and not own & {"b0", "beta"}:
            beta[group.neurons] = network.beta[group.neurons]
    return beta


def put_network(file: h5py.File, network: Network, channels: Sequence[tuple[str, int]]) -> None:
    """What figures need to know of the network that was tested."""
    group = file.create_group("network")
    group.attrs["input_channels"] = json.dumps([list(channel) for channel in channels])
    put_neurons(group, network, threshold_beta(network))
