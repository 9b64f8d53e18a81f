"""Writes result files piece by piece (docs/reference/files.md), so that a test of any length fits in memory."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import h5py
import numpy as np

from lsnn.blocks import Block
from lsnn.files import store
from lsnn.files.network_file import NetworkFile, put_neurons
from lsnn.network import Network
from lsnn.neurons import ALIF
from tasks.experiment import Experiment, changed_from, settings_changed
from tasks.family import Family, Played, Recording, Trace, family_of

TRACED, BEFORE_MS, WINDOW_MS = 4, 150, 500
KEY = "keys of the episodes; equal keys, equal episodes whatever is done in them"
RECORDINGS = {
    "action": Recording("1", "as chosen at step t", lambda task, states, trace: trace.action),
    "reward": Recording("1", "earned by step t", lambda task, states, trace: trace.reward),
}
VALUE = {"value": Recording("1", "value readout at step t", lambda task, states, trace: np.empty(0))}


def describe_family(task: Any) -> dict[str, Any]:
    """What a page has to know of a task's family, as JSON holds it."""
    family = family_of(task)
    latent = family.latent and {"labels": list(family.latent.labels_of(task)), "unit": family.latent.unit}
    return {
        "name": family.name,
        "title": family.title,
        "question": family.question,
        "measures": [asdict(measure) for measure in family.measures],
        "score": family.score.name,
        "latent": latent,
        "oracle": family.oracle,
        "history": [asdict(measure) for measure in family.history_of(task)],
        "whole": family.whole,
    }


def recordings_of(family: Family) -> dict[str, Recording]:
    """What a test of a family may record of a step; a family's own take the place of the common ones."""
    return {**RECORDINGS, **family.recordings}


class ConditionWriter:
    """One condition of a network: trials and latents of all episodes, recordings of some."""

    def __init__(self, group: h5py.Group, task: Any, keys: np.ndarray, network: Network, spikes: bool):
        self.group, self.task, self.keys, self.network = group, task, keys, network
        self._trials: list[np.ndarray] = []
        self._latents: list[np.ndarray] = []
        self.value = network.columns("value") if "value" in network.outputs else None
        kept = recordings_of(task.family) | (VALUE if self.value is not None else {})
        self.recordings = RecordingWriter(group, kept)
        kept_ms = WINDOW_MS + getattr(task, "dark_ms", 0)
        none_spikes = network.sends().all()  # so that no page or movie shows rows without spikes as if they were silent
        self.spikes = SpikeRecording(group, network, kept_ms) if spikes and not none_spikes else None

    @property
    def trials(self) -> np.ndarray:
        """The table of trials so far."""
        return np.concatenate(self._trials)

    @property
    def latent(self) -> np.ndarray | None:
        """What the episodes hide, (E, K); None where the family names nothing."""
        return np.concatenate(self._latents) if self._latents else None

    def write(self, block: Block, episodes: np.ndarray) -> None:
        """Trials and latents of the block's first lanes, which are these episodes, (n,)."""
        family, (states, trace) = self.task.family, seen(block, len(episodes))
        trials = family.table(self.task, states, trace)
        trials["episode"] += episodes[0]
        self._trials.append(trials)
        if family.latent is not None:
            self._latents.append(np.asarray(family.latent.of(self.task, states), float))

    def record(self, block: Block, episodes: np.ndarray, wanted: np.ndarray | None = None) -> None:
        """Keep the recordings of those lanes whose episodes, (n,), are wanted; none = of all of them."""
        lanes = np.arange(len(episodes)) if wanted is None else np.flatnonzero(np.isin(episodes, wanted))
        if not len(lanes):
            return
        states, trace = seen(block, len(episodes))
        states, trace = states[lanes], Trace(*(array[lanes] for array in trace))
        arrays = {name: of.of(self.task, states, trace) for name, of in recordings_of(self.task.family).items()}
        if self.value is not None:
            arrays["value"] = block.record.y[:, self.value.start].T[lanes]
        self.recordings.write(episodes[lanes], arrays)
        if self.spikes is not None:
            self.spikes.write(block, lanes, episodes[lanes], self._first_ends(states, trace))

    def _first_ends(self, states: np.ndarray, trace: Trace) -> np.ndarray:
        """When the first trial of each episode that was not cut off had ended, (n,); -1 without one."""
        trials, ends = self.task.family.table(self.task, states, trace), np.full(len(states), -1)
        whole = next((m.censored for m in self.task.family.measures if m.censored), None)
        for row in (trials if whole is None else trials[trials[whole]])[::-1]:
            ends[row["episode"]] = row["end_ms"]
        return ends

    def finish(self) -> None:
        """Write what is complete only once all episodes are there."""
        put_trials(self.group, self.task.family, self.keys, self.trials, self.task.duration_ms)
        put_latent(self.group, self.task, self.latent)
        self.recordings.finish()
        if self.spikes is not None:
            self.spikes.finish()


def departures(file: NetworkFile, experiment: Experiment) -> dict[str, str]:
    """Attributes that say in what the task differs from that of the network's meta-training; none if in nothing."""
    stored, settings = changed_from(file, experiment), settings_changed(file, experiment)
    of_file = {} if stored is None else {"task_changed": stored}
    return of_file | ({"task_settings": json.dumps(settings)} if settings else {})


def seen(block: Block, count: int) -> tuple[np.ndarray, Trace]:
    """States (n, T + 1, n_state) and trace of the first lanes of a block, episodes first."""
    trace = block.trace
    states, action = trace.task_state.transpose(1, 0, 2)[:count], trace.action.transpose(1, 0, 2)[:count]
    return states, Trace(action, trace.reward.T[:count], trace.acted.T[:count])


def put_trials(group: h5py.Group, family: Family, keys: np.ndarray, trials: np.ndarray, duration_ms: int) -> None:
    """A condition without its recordings: keys (E,), the table of trials, length of the episodes."""
    group.attrs["duration_ms"] = duration_ms
    store.put(group, "episode_key", keys, "1", KEY)
    store.put_table(group, "trials", trials, *family.units_of(trials))


def put_latent(group: h5py.Group, task: Any, latent: np.ndarray | None) -> None:
    """What the episodes hide, (E, K), if the family names it."""
    if latent is not None:
        labels = ", ".join(task.family.latent.labels_of(task))
        store.put(group, "latent", latent, task.family.latent.unit, f"what the episode hides: {labels}")


def put_played(
    group: h5py.Group, task: Any, keys: np.ndarray, played: Played, latent: np.ndarray | None, recorded: np.ndarray
) -> None:
    """A condition of a baseline: trials of all episodes, recordings of those named, (K,)."""
    put_trials(group, task.family, keys, played.trials, task.duration_ms)
    put_latent(group, task, latent)
    group.attrs.update(played.notes)
    known = recordings_of(task.family)
    writer = RecordingWriter(group, {name: known[name] for name in known if name in played.recordings})
    if len(recorded) and played.recordings:
        writer.write(recorded, {name: played.recordings[name][recorded] for name in writer.kept})
    writer.finish()


class RecordingWriter:
    """Arrays a step of some episodes, in single precision, a chunk an episode."""

    def __init__(self, group: h5py.Group, kept: Mapping[str, Recording]):
        self.group, self.kept, self.episodes = group, kept, np.empty(0, np.int32)

    def write(self, episodes: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """Arrays (n, ...) of further episodes, (n,)."""
        before = len(self.episodes)
        self.episodes = np.concatenate([self.episodes, episodes]).astype(np.int32)
        for name, array in arrays.items():
            data = self.group[name] if name in self.group else self._reserve(name, array.shape[1:])
            data.resize(len(self.episodes), axis=0)
            data[before:] = array

    def _reserve(self, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
        data = self.group.create_dataset(
            name, (0, *shape), np.float32, maxshape=(None, *shape), chunks=(1, *shape), compression="gzip",
            compression_opts=1, shuffle=True, fletcher32=True,
        )  # fmt: skip
        data.attrs.update(units=self.kept[name].unit, description=self.kept[name].description)
        if self.kept[name].labels:
            data.attrs["labels"] = list(self.kept[name].labels)
        return data

    def finish(self) -> None:
        """Write which episodes they are of."""
        if len(self.episodes):
            text = "number of the episode of each entry of the recordings"
            store.put(self.group, "recorded_episode", self.episodes, "1", text)


class SpikeRecording:
    """Spikes of network and input, and state variables round the end of the first trial of some episodes.

    Args:
        window_ms: for how long state variables are kept, from `BEFORE_MS` before that end on.
    """

    def __init__(self, group: h5py.Group, network: Network, window_ms: int = WINDOW_MS):
        self.group, self.network, self.window_ms = group, network, window_ms
        self.writers: list[SpikeWriter] = []
        self.windows: list[tuple[int, int, np.ndarray, np.ndarray]] = []

    def write(self, block: Block, lanes: np.ndarray, episodes: np.ndarray, ends: np.ndarray) -> None:
        """Lanes (n,) of a block, which are these episodes (n,); ends (n,): when their first trial had ended, or -1."""
        if not self.writers:
            kinds = (("spikes", "neuron"), ("input_spikes", "input cell"))
            self.writers = [SpikeWriter(self.group.create_group(name), cells) for name, cells in kinds]
        for lane, episode, end in zip(lanes.tolist(), episodes.tolist(), ends.tolist(), strict=True):
            for writer, bits in zip(self.writers, (block.record.spikes, block.record.input_spikes), strict=True):
                writer.write(episode, bits & np.uint8(1 << lane))
            if end >= 0 and len(self.windows) < TRACED:
                self._trace(block, lane, episode, end)

    def _trace(self, block: Block, lane: int, episode: int, end_ms: int) -> None:
        width, n_neurons = min(self.window_ms, block.steps), self.network.config.n_neurons
        start = min(max(end_ms - BEFORE_MS, 0), block.steps - width)
        x = block.record.x[start : start + width, :, lane]
        b = np.zeros((width, n_neurons), x.dtype)
        for group in self.network.variables():
            if "b" in group:
                b[:, group["v"]] = x[:, group["b"]]
        self.windows.append((episode, start, x[:, :n_neurons].copy(), b))

    def finish(self) -> None:
        """Write what is complete only at the end."""
        for writer in self.writers:
            writer.finish()
        if self.windows:
            episodes, starts, v, b = zip(*self.windows, strict=True)
            put_traces(
                self.group.create_group("traces"), np.array(episodes), np.array(starts), np.stack(v), np.stack(b)
            )


class SpikeWriter:
    """Spikes of episode after episode as ragged arrays."""

    def __init__(self, group: h5py.Group, cells: str):
        self.group, self.offsets = group, [0]
        self.episodes: list[int] = []
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
        own = {row.name for row in model.parameters if row.name not in model.learnt}
        if model.threshold == ALIF.threshold and not own & {"b0", "beta"}:
            beta[group.neurons] = group.given.get("beta", network.beta[group.neurons])
    return beta


def put_network(file: h5py.File, network: Network, channels: Sequence[tuple[str, int]]) -> None:
    """What figures need to know of the network that was tested."""
    group = file.create_group("network")
    group.attrs["input_channels"] = json.dumps([list(channel) for channel in channels])
    put_neurons(group, network, threshold_beta(network))
