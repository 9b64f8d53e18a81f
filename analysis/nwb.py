"""Export of recorded episodes to Neurodata Without Borders (NWB 2): units, trials, what was recorded, thresholds.

What there is of trials and recordings is what the file holds, of any family.
"""

from pathlib import Path

import numpy as np
from pynwb import NWBFile, TimeSeries

from analysis.style import told_origin
from lsnn import open_result
from lsnn.files.about import Network
from lsnn.files.nwb import MS, add_trials, add_units, series_of, session, starts_of, write
from lsnn.files.reading import ResultError
from lsnn.files.results import Condition, Result


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
            raise ResultError(f"{result.path}: /frozen needs spikes and traces to be exported, {frozen.why_no_spikes}")
        write(nwb_of(result, frozen), out, overwrite)
    return out


def nwb_of(result: Result, frozen: Condition) -> NWBFile:
    """The session."""
    made, episodes, network = result.provenance, frozen.spike_trains.episodes, result.network
    starts = starts_of(len(episodes), frozen.duration_ms)
    told = ", ".join(filter(None, (frozen.label, frozen.variant, f"{len(episodes)} episodes of {result.task}")))
    content = session(
        f"{told}. {result.title}", f"{made.network_sha256}-{made.seed}-{made.created}", made.created,
        made.network_sha256, result.task, experiment_description=made.command,
        notes="; ".join([*made.departures, *map(told_origin, made.networks)]) or None,
    )  # fmt: skip
    add_trials(content, frozen.trials, episodes, starts)
    populations = [network.labels[code] for code in network.population]
    add_units(content, spikes_of(frozen, len(populations)), populations, starts, frozen.duration_ms)
    module = content.create_processing_module("behavior", "what the animal did, and what was recorded of it")
    for name in frozen.recordings:
        module.add(series_of(name, frozen.recorded_array(name, episodes.tolist()), starts))
    add_thresholds(content, frozen, network, episodes, starts)
    return content


def spikes_of(frozen: Condition, n_neurons: int) -> np.ndarray:
    """Of each spike that was recorded: which of the recorded episodes, time in ms, neuron, (3, S)."""
    trains = frozen.spike_trains
    parts = [trains.between(episode, 0, frozen.duration_ms, n_neurons) for episode in trains.episodes.tolist()]
    return np.concatenate([np.stack([np.full_like(time, k), time, cell]) for k, (time, cell) in enumerate(parts)], 1)


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
