"""What is common to all that is written as Neurodata Without Borders (NWB 2): the session, trials, units, series.

Episodes follow each other on one clock, `GAP_S` of nothing between them; step t of an episode is t ms after its start.
Needs pynwb, `pip install lsnn[nwb]`.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import Position, SpatialSeries
from pynwb.file import Subject
from xarray import DataArray

from lsnn.files.whole import writing

GAP_S = 1.0
MS = 1e-3
UNIDENTIFIED = "http://purl.obolibrary.org/obo/NCBITaxon_32644"  # the taxon 'unidentified': readers ask for a species
CLOCKS = ("trial", "start_ms", "end_ms")  # columns of the trials that NWB has names of its own for


def starts_of(episodes: int, duration_ms: int) -> np.ndarray:
    """When each episode begins on the clock, in s."""
    return np.arange(episodes) * (duration_ms * MS + GAP_S)


def session(told: str, identifier: str, created: str, network_sha256: str, task: str, **more: Any) -> NWBFile:
    """An empty session of a network.

    Args:
        told: what it holds. created: ISO 8601. more: further fields of `NWBFile`.
    """
    return NWBFile(
        session_description=f"Simulated spiking network (LSNN): {told}",
        identifier=identifier,
        session_start_time=datetime.fromisoformat(created),
        keywords=["simulation", "spiking neural network", task],
        subject=Subject(
            subject_id=f"network-{network_sha256[:10]}",
            description="a simulated network, no animal",
            species=UNIDENTIFIED,
            sex="U",
            age="P0D",
        ),
        **more,
    )


def add_trials(content: NWBFile, trials: pandas.DataFrame, episodes: np.ndarray, starts: np.ndarray) -> None:
    """The trials of some episodes with all that is measured of them; no table without one, as a column needs a row.

    Args:
        trials: a row a trial, with `units` and `descriptions` in its attributes.
    """
    units, told = (trials.attrs[kind] for kind in ("units", "descriptions"))
    columns = [name for name in trials if name not in CLOCKS] if trials["episode"].isin(episodes).any() else []
    for name in columns:
        unit = f" ({units[name]})" if units.get(name, "1") != "1" else ""
        content.add_trial_column(name, f"{told.get(name, name)}{unit}")
    for episode, start in zip(episodes, starts, strict=True):
        for row in trials[trials["episode"] == episode].to_dict("records"):
            begin, end = start + row["start_ms"] * MS, start + row["end_ms"] * MS
            content.add_trial(start_time=begin, stop_time=end, **{name: row[name] for name in columns})


def add_units(
    content: NWBFile, rows: np.ndarray, populations: Sequence[str], starts: np.ndarray, duration_ms: int
) -> None:
    """A unit a neuron, with its population.

    Args:
        rows: (3, S) of each spike: which of the episodes, time in ms, neuron.
    """
    content.add_unit_column("population", "population of the neuron")
    episode, time_ms, neuron = rows
    order = np.lexsort((time_ms, episode, neuron))
    times = starts[episode[order]] + time_ms[order] * MS
    bounds = np.searchsorted(neuron[order], np.arange(len(populations) + 1))
    intervals = np.stack([starts, starts + duration_ms * MS], axis=1)
    for number, population in enumerate(populations):
        own = times[bounds[number] : bounds[number + 1]]
        content.add_unit(spike_times=own, obs_intervals=intervals, population=population)


def series_of(name: str, array: DataArray, starts: np.ndarray) -> TimeSeries | Position:
    """An array (episode, time, ...) with `units` and `description`: a position as such, all else as a time series."""
    unit, description = str(array.attrs.get("units", "1")), str(array.attrs.get("description", name))
    data = np.concatenate(array.to_numpy().astype(np.float64))
    timestamps = (starts[:, None] + array["time"].to_numpy() * MS).ravel()
    if name != "position":
        return TimeSeries(name=name, description=description, data=data, timestamps=timestamps, unit=unit)
    text, frame = f"{description}; a {unit} is taken as 1 m", "centre of the pool; x to the right, y up"
    place = SpatialSeries(
        name=name, description=text, data=data, timestamps=timestamps, unit="meters", reference_frame=frame
    )
    return Position(spatial_series=place, name="Position")


def write(content: NWBFile, out: Path, overwrite: bool) -> None:
    """Write a session whole.

    Raises:
        InputError: no place for a file, or (without `overwrite`) one that exists. StoreError: it could not be written.
    """
    with writing(out, overwrite) as sink, h5py.File(sink, "w") as file, NWBHDF5IO(file=file, mode="w") as nwb:
        nwb.write(content)
