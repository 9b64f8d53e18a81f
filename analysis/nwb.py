"""Export of recorded episodes to Neurodata Without Borders (NWB 2): units, trials, what was recorded, thresholds.

Episodes follow each other on one clock, `GAP_S` of nothing between them; step t of an episode is t ms after its start.
What there is of trials and recordings is what the file holds, of any family.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import Position, SpatialSeries
from pynwb.file import Subject
from xarray import DataArray

from analysis.style import told_origin
from lsnn import open_result
from lsnn.files.about import Network
from lsnn.files.reading import ResultError
from lsnn.files.results import Condition, Result
from lsnn.files.whole import writing

GAP_S = 1.0
MS = 1e-3
UNIDENTIFIED = "http://purl.obolibrary.org/obo/NCBITaxon_32644"  # the taxon 'unidentified': readers ask for a species
CLOCKS = ("trial", "start_ms", "end_ms")  # columns of the trials that NWB has names of its own for


def write_nwb(result_path: str | Path, out: Path, overwrite: bool = True) -> Path:
    """Write the episodes of `frozen` whose spikes a result file holds (of the first variant); returns the path.

    Raises:
        ResultError: a file without recorded spikes. InputError: no place for a file, or (without `overwrite`) one
            that exists. StoreError: it could not be written.
    """
    with open_result(result_path) as result:
        result.require("frozen")
        frozen = next(iter(result["frozen"].variants.values()), result["frozen"])
        if not frozen.has_recording:
            raise ResultError(f"{result.path}: /frozen needs spikes and traces to be exported, has none")
        content = nwb_of(result, frozen)
        with writing(out, overwrite) as sink, h5py.File(sink, "w") as file, NWBHDF5IO(file=file, mode="w") as nwb:
            nwb.write(content)
    return out


def nwb_of(result: Result, frozen: Condition) -> NWBFile:
    """The session."""
    made, episodes = result.provenance, frozen.spike_trains.episodes
    starts = np.arange(len(episodes)) * (frozen.duration_ms * MS + GAP_S)
    told = ", ".join(filter(None, (frozen.label, frozen.variant, f"{len(episodes)} episodes of {result.task}")))
    content = NWBFile(
        session_description=f"Simulated spiking network (LSNN): {told}. {result.title}",
        identifier=f"{made.network_sha256}-{made.seed}-{made.created}",
        session_start_time=datetime.fromisoformat(made.created),
        experiment_description=made.command,
        notes="; ".join(map(told_origin, made.networks)) or None,
        keywords=["simulation", "spiking neural network", result.task],
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
    add_recordings(content, frozen, episodes, starts)
    add_thresholds(content, frozen, result.network, episodes, starts)
    return content


def add_trials(content: NWBFile, frozen: Condition, episodes: np.ndarray, starts: np.ndarray) -> None:
    """The trials with all that is measured of them; no table where there is none, as a column needs a row."""
    trials = frozen.trials
    units, told = (trials.attrs[kind] for kind in ("units", "descriptions"))
    columns = [name for name in trials if name not in CLOCKS] if trials["episode"].isin(episodes).any() else []
    for name in columns:
        unit = f" ({units[name]})" if units.get(name, "1") != "1" else ""
        content.add_trial_column(name, f"{told.get(name, name)}{unit}")
    for episode, start in zip(episodes, starts, strict=True):
        for row in trials[trials["episode"] == episode].to_dict("records"):
            begin, end = start + row["start_ms"] * MS, start + row["end_ms"] * MS
            content.add_trial(start_time=begin, stop_time=end, **{name: row[name] for name in columns})


def add_units(content: NWBFile, frozen: Condition, network: Network, starts: np.ndarray) -> None:
    """A unit a neuron, with its population."""
    content.add_unit_column("population", "population of the neuron")
    recorded, length = frozen.spike_trains, frozen.duration_ms * MS
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


def add_recordings(content: NWBFile, frozen: Condition, episodes: np.ndarray, starts: np.ndarray) -> None:
    """What was recorded a step: positions as such, all else as time series."""
    module = content.create_processing_module("behavior", "what the animal did, and what was recorded of it")
    for name in frozen.recordings:
        found = frozen.recorded_array(name, episodes.tolist())
        made = {
            "name": name, "description": str(found.attrs.get("description", name)),
            "data": np.concatenate(found.to_numpy().astype(np.float64)),
            "timestamps": (starts[:, None] + found["time"].to_numpy() * MS).ravel(),
        }  # fmt: skip
        module.add(_position(made, found) if name == "position" else TimeSeries(unit=found.attrs["units"], **made))


def _position(made: dict[str, Any], found: DataArray) -> Position:
    text = f"{made.pop('description')}; a {found.attrs['units']} is taken as 1 m"
    frame = "centre of the pool; x to the right, y up"
    series = SpatialSeries(unit="meters", description=text, reference_frame=frame, **made)
    return Position(spatial_series=series, name="Position")


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
    for window, (episode, begin) in enumerate(zip(traces.episode.values, traces.start_ms.values, strict=True)):
        if int(episode) in place:
            rows = (traces.threshold[window].to_numpy() / network.b0)[:, adaptive]
            module.add(
                TimeSeries(
                    name=f"threshold_{window}", description=f"round the end of trial 1 of episode {episode}; {units}",
                    data=rows, unit="b0", starting_time=place[int(episode)] + begin * MS, rate=1 / MS,
                )
            )  # fmt: skip
