"""Export of recorded episodes to Neurodata Without Borders (NWB 2): units, position, platform, trials, thresholds.

Episodes follow each other on one clock, `GAP_S` of nothing between them; step t of an episode is t ms after its start.
"""

from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import Position, SpatialSeries
from pynwb.file import Subject

from analysis.reading import ResultError
from analysis.results import Condition, Network, Result
from analysis.style import told_origin
from lsnn.files.whole import writing

GAP_S = 1.0
MS = 1e-3
UNIDENTIFIED = "http://purl.obolibrary.org/obo/NCBITaxon_32644"  # the taxon 'unidentified': readers ask for a species


def write_nwb(result_path: str | Path, out: Path, overwrite: bool = True) -> Path:
    """Write the episodes of `frozen` whose spikes a result file holds; returns the path.

    Raises:
        ResultError: a file without recorded spikes. InputError: no place for a file, or (without `overwrite`) one
            that exists. StoreError: it could not be written.
    """
    with Result(result_path) as result:
        result.require("frozen")
        frozen = result.conditions["frozen"]
        if not frozen.has_recording:
            raise ResultError(f"{result.path}: /frozen needs spikes and traces to be exported, has none")
        content = nwb_of(result, frozen)
        with writing(out, overwrite) as sink, h5py.File(sink, "w") as file, NWBHDF5IO(file=file, mode="w") as nwb:
            nwb.write(content)
    return out


def nwb_of(result: Result, frozen: Condition) -> NWBFile:
    """The session."""
    made, episodes = result.provenance, frozen.spikes.episodes
    starts = np.arange(len(episodes)) * (frozen.duration_ms * MS + GAP_S)
    content = NWBFile(
        session_description=f"Frozen spiking network (LSNN) in a simulated water maze, {len(episodes)} episodes",
        identifier=f"{made.network_sha256}-{made.seed}-{made.created}",
        session_start_time=datetime.fromisoformat(made.created),
        experiment_description=made.command,
        notes="; ".join(map(told_origin, made.networks)) or None,
        keywords=["simulation", "spiking neural network", "water maze"],
        subject=Subject(
            subject_id=f"network-{made.network_sha256[:10]}",
            description="a simulated network, no animal",
            species=UNIDENTIFIED,
            sex="U",
            age="P0D",
        ),
    )
    add_trials(content, frozen, episodes, starts)
    add_units(content, frozen, result.network, starts)
    add_position(content, frozen, episodes, starts)
    add_thresholds(content, frozen, result.network, episodes, starts)
    return content


def add_trials(content: NWBFile, frozen: Condition, episodes: np.ndarray, starts: np.ndarray) -> None:
    """A trial from being set down to the find, with its platform."""
    columns = {
        "episode": "episode of the result file",
        "found": "whether the platform was found",
        "platform_x": "centre of the platform (pool radii)",
        "platform_y": "centre of the platform (pool radii)",
    }
    for name, description in columns.items():
        content.add_trial_column(name, description)
    trials = frozen.trials
    for episode, start in zip(episodes, starts, strict=True):
        for row in np.flatnonzero(trials.episode == episode):
            begin = start + trials.start_ms[row] * MS
            content.add_trial(
                start_time=begin, stop_time=begin + trials.latency_ms[row] * MS, episode=int(episode),
                found=bool(trials.found[row]), platform_x=float(trials.goal_x[row]),
                platform_y=float(trials.goal_y[row]),
            )  # fmt: skip


def add_units(content: NWBFile, frozen: Condition, network: Network, starts: np.ndarray) -> None:
    """A unit a neuron, with its population."""
    content.add_unit_column("population", "population of the neuron")
    recorded, length = frozen.spikes, frozen.duration_ms * MS
    times: list[list[np.ndarray]] = [[] for _ in network.population]
    for episode, start in zip(recorded.episodes.tolist(), starts, strict=True):
        time, neuron = recorded.between(episode, 0, frozen.duration_ms, len(network.population))
        order = np.argsort(neuron, kind="stable")
        bounds = np.searchsorted(neuron[order], np.arange(len(network.population) + 1))
        for number in range(len(network.population)):
            times[number].append(start + time[order[bounds[number] : bounds[number + 1]]] * MS)
    intervals = np.stack([starts, starts + length], axis=1)
    for number, code in enumerate(network.population):
        spikes = np.concatenate(times[number])
        content.add_unit(spike_times=spikes, obs_intervals=intervals, population=network.labels[code])


def add_position(content: NWBFile, frozen: Condition, episodes: np.ndarray, starts: np.ndarray) -> None:
    """The animal's place before every step."""
    paths = np.concatenate([frozen.position(int(episode)) for episode in episodes]).astype(np.float64)
    clock = np.arange(frozen.duration_ms + 1) * MS
    series = SpatialSeries(
        name="position", description="place in the pool, whose radius is taken as 1 m; x, y", data=paths, unit="meters",
        reference_frame="centre of the pool; x to the right, y up", timestamps=(starts[:, None] + clock).ravel(),
    )  # fmt: skip
    module = content.create_processing_module("behavior", "where the animal was")
    module.add(Position(spatial_series=series, name="Position"))


def add_thresholds(
    content: NWBFile, frozen: Condition, network: Network, episodes: np.ndarray, starts: np.ndarray
) -> None:
    """Adaptive thresholds B over the windows that the file holds, a series a window, columns the adaptive units."""
    adaptive, traces = np.flatnonzero(network.beta > 0), frozen.traces
    if not len(adaptive):
        return
    module = content.create_processing_module("thresholds", "adaptive thresholds B = b0 + beta b, in units of b0")
    place = {int(episode): start for episode, start in zip(episodes, starts, strict=True)}
    units = f"columns are the units {', '.join(map(str, adaptive))}"
    for window, (episode, begin) in enumerate(zip(traces.episode, traces.start_ms, strict=True)):
        if int(episode) in place:
            rows = (traces.thresholds(window, 0, traces.width_ms, network) / network.b0)[:, adaptive]
            module.add(
                TimeSeries(
                    name=f"threshold_{window}", description=f"round the first find of episode {episode}; {units}",
                    data=rows, unit="b0", starting_time=place[int(episode)] + begin * MS, rate=1 / MS,
                )
            )  # fmt: skip
