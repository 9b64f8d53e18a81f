"""Runs of circuits in files (*.h5): `lsnn.Circuit.run(record_to=path)` writes them, `lsnn.open_record` reads them.

    /               attributes of `store.provenance`; samples, steps; currents (whether inputs are numbers)
    /circuit        as in circuit files (`lsnn.files.circuit_group`)
    /spikes/POPULATION      (samples, T, bytes): bit k of byte i is cell 8 i + k; numbers (samples, T, n) where inputs
                            are numbers
    /spike_count            (N,), spikes of each neuron
    /readout                (samples, T, outputs)
    /state/POPULATION/NAME  (samples, T, n), SI, at the threshold

A run is written piece by piece as it comes about: a part of time of eight samples is in memory, never all. The file
appears whole or not at all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import h5py
import numpy as np
import pandas
import xarray

from lsnn.arrays.spikes import eights
from lsnn.circuits.driving import MOST_STEPS, Drive
from lsnn.circuits.frames import column_of, dataset_of, require_recorded, table_of
from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.passage import Passage
from lsnn.files import store
from lsnn.files.circuit_group import circuit_sha256, put_circuit
from lsnn.files.rules import data_set, group_of, require, require_only
from lsnn.files.sealed import open_sealed, readable
from lsnn.forecast import require_memory
from lsnn.kernels.layout import Record
from lsnn.learning.rates import spike_counts
from lsnn.simulation.stored import Stored, rows_of
from lsnn.validation import require as require_of_caller

KIND = "circuit record"
MOST_SAMPLES = 10**6
Place = tuple[str, str]  # a population and a state variable


# Writing


class _Made(NamedTuple):
    """The arrays of a file under way: spikes by population, the readout, state variables by population and name."""

    spikes: dict[str, h5py.Dataset]
    readout: h5py.Dataset
    state: dict[Place, h5py.Dataset]


def write_run(
    path: Path, circuit: LaidOut, drive: Drive, names: Sequence[str], dtype: Any, seed: int, overwrite: bool
) -> None:
    """Run a circuit and write what it does to a file.

    Args:
        names: of state variables that are recorded. seed: of the run, as the file tells it.

    Raises:
        InputError: no place for a file. StoreError: it could not be written. DivergedError: as of `Circuit.run`.
    """
    passage = Passage(circuit, drive, dtype)
    with store.write_at_length(path, overwrite) as (file, look):
        made, counts = _begun(file, passage, names, seed), np.zeros(circuit.n_neurons, np.int64)
        for chosen in eights(passage.samples):
            for first, last, record in passage.forward(chosen, lambda state: None):
                _put(made, passage, chosen, slice(first, last), record)
                counts += spike_counts(record.spikes).astype(np.int64)
                look()
        store.put(file, "spike_count", counts, "1", "spikes of each neuron in all samples")


def _begun(file: h5py.File, passage: Passage, names: Sequence[str], seed: int) -> _Made:
    """The file with all but what is recorded."""
    circuit, currents = passage.circuit, passage.drive.currents
    command = f"lsnn.Circuit.run(steps={passage.steps}, samples={passage.samples}, seed={seed})"
    store.write_attributes(file, store.provenance(KIND, {}, seed, command))
    store.write_attributes(file, {"samples": passage.samples, "steps": passage.steps, "currents": currents})
    put_circuit(file.create_group("circuit"), circuit)
    spikes, states = file.create_group("spikes"), file.create_group("state")
    of_spikes: dict[str, h5py.Dataset] = {}
    for name in (*circuit.cells, *circuit.neurons):
        size, plain = circuit.population(name).size, currents and name in circuit.cells
        width, kind = (size, passage.dtype) if plain else (-(-size // 8), np.dtype(np.uint8))
        told = "numbers that were given" if plain else f"bit k of byte i: whether cell 8 i + k of {name} spiked"
        of_spikes[name] = _room(spikes, name, passage, width, kind, "1", told)
    readout = _room(file, "readout", passage, circuit.n_out, passage.dtype, "1", "readout of the circuit")
    of_states: dict[Place, h5py.Dataset] = {}
    for p, slots in circuit.variables.items():
        group = states.create_group(p)
        for name in [name for name in dict.fromkeys(names) if name in slots]:
            told = f"{name} at the threshold, before the reset"
            of_states[p, name] = _room(group, name, passage, circuit.population(p).size, passage.dtype, "SI", told)
    return _Made(of_spikes, readout, of_states)


def _room(
    group: h5py.Group, name: str, passage: Passage, width: int, dtype: Any, unit: str, told: str
) -> h5py.Dataset:  # fmt: skip
    """An empty data set (samples, T, width); what numbers hold hardly shrinks, so only spikes are compressed."""
    filters: dict[str, Any] = {}
    if width:
        filters = {"chunks": (1, min(passage.longest, 4096), width), "fletcher32": True}
        if dtype == np.uint8:
            filters |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    data_set = group.create_dataset(name, (passage.samples, passage.steps, width), dtype, **filters)
    store.write_attributes(data_set, {"units": unit, "description": told})
    return data_set


def _put(made: _Made, passage: Passage, chosen: np.ndarray, time: slice, record: Record) -> None:
    """Write what up to eight samples did in a part of time."""
    circuit, drive = passage.circuit, passage.drive
    for lane, sample in enumerate(chosen.tolist()):
        for name, neurons in circuit.neurons.items():
            own = record.spikes[:, neurons] & np.uint8(1 << lane)
            made.spikes[name][sample, time] = np.packbits(own, axis=1, bitorder="little")
        for name in circuit.cells:
            given = drive.spikes[name][chosen[lane : lane + 1], time][0]
            made.spikes[name][sample, time] = given if drive.currents else np.packbits(given, 1, bitorder="little")
        made.readout[sample, time] = record.y[..., lane]
        for (p, name), held in made.state.items():
            held[sample, time] = record.x[:, circuit.variables[p][name], lane]


# Reading


class FiledRun:
    """What a circuit did, in a file: as `lsnn.circuits.running.Run`, but arrays are read where they are asked for.

    `run.to_xarray()["v_E"].sel(sample=3, time=slice(0, 100))` reads no more than that. It can be used with `with`.

    Args:
        path: of the file. circuit: the one that was run.

    Attributes:
        samples, steps, dt: of the run.

    Raises:
        InputError: no such file, or damaged, or another circuit's.
    """

    def __init__(self, path: Path, circuit: LaidOut) -> None:
        self.path, self.circuit, self.dt, self._file = path, circuit, circuit.dt, open_sealed(path)
        try:
            with readable(str(path)):
                self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        file, circuit = self._file, self.circuit
        store.check_root(file, KIND)
        theirs, ours = store.read_attribute(group_of(file, "circuit"), "checksum", str), circuit_sha256(circuit)
        require(file, "circuit/@checksum", theirs == ours, f"that of the circuit, {ours}", theirs)
        self.samples, self.steps = (store.read_attribute(file, name, int) for name in ("samples", "steps"))
        for name, value, most in (("samples", self.samples, MOST_SAMPLES), ("steps", self.steps, MOST_STEPS)):
            require(file, f"@{name}", 0 < value <= most, f"a value in 1..{most}", value)
        self.currents = store.read_attribute(file, "currents", bool)
        self._counts = store.read(file, "spike_count", "i", (circuit.n_neurons,))
        spikes = group_of(file, "spikes")
        require_only(spikes, (*circuit.cells, *circuit.neurons), ())
        self._spikes = {name: self._of_cells(spikes, name) for name in (*circuit.cells, *circuit.neurons)}
        self._outputs = self._stored(file, "readout", "f", circuit.n_out)
        self._states = self._of_states(group_of(file, "state"))

    def _stored(self, group: h5py.Group, name: str, kinds: str, width: int, cells: int = 0) -> Stored:
        return Stored(data_set(group, name, kinds, (self.samples, self.steps, width)), cells)

    def _of_cells(self, group: h5py.Group, name: str) -> Stored:
        size = self.circuit.population(name).size
        if self.currents and name in self.circuit.cells:
            return self._stored(group, name, "f", size)
        return self._stored(group, name, "u", -(-size // 8), size)

    def _of_states(self, states: h5py.Group) -> dict[Place, Stored]:
        require_only(states, list(self.circuit.variables), ())
        found: dict[Place, Stored] = {}
        for p, slots in self.circuit.variables.items():
            group = group_of(states, p)
            require_only(group, list(slots), ())
            size = self.circuit.population(p).size
            found |= {(p, name): self._stored(group, name, "f", size) for name in slots if name in group}
        return found

    def __repr__(self) -> str:
        state = ", ".join(f"{name} of {p}" for p, name in self._states) or "no state variable"
        return (
            f"<run of {self.samples} samples of {self.steps} steps of {1000 * self.dt:g} ms: "
            f"{int(self._counts.sum())} spikes, {state}, in {self.path.name}>"
        )

    def __reduce__(self) -> Any:
        """A copy reads the same file."""
        return FiledRun, (self.path, self.circuit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read stays."""
        self._file.close()

    @property
    def outputs(self) -> np.ndarray:
        """The readout, (samples, steps, outputs)."""
        return np.asarray(self._outputs)

    def readout(self, name: str) -> np.ndarray:
        """The outputs of one of several readouts, (samples, steps, outputs)."""
        return self._outputs[:, :, column_of(self.circuit, name)]

    def spikes(self, population: str) -> np.ndarray:
        """The spikes of a population, (samples, steps, n) bool; numbers that were given in place of spikes."""
        return np.asarray(self._of(population))

    def _of(self, population: str) -> Stored:
        known = isinstance(population, str) and population in self._spikes
        require_of_caller(known, "population", f"one of {', '.join(self._spikes)}", population)
        return self._spikes[population]

    def counts(self) -> np.ndarray:
        """Spikes of each neuron over all samples and steps, (N,), as the populations follow each other."""
        return self._counts.astype(float)

    def events(self, population: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Its spikes in order of sample and time: sample, time in seconds (step times dt) and neuron of each."""
        stored = self._of(population)
        if population in self.circuit.neurons:
            count = float(self._counts[self.circuit.neurons[population]].sum())
            require_memory(f"{count:g} spikes as rows", 48.0 * count)
        sample, step, neuron = rows_of(stored, np.arange(self.samples))
        return sample, step * self.dt, neuron

    def state(self, population: str, variable: str) -> np.ndarray:
        """A state variable at the threshold, (samples, steps, n) in SI units, if it was recorded."""
        require_recorded(self._states, population, variable)
        return np.asarray(self._states[population, variable])

    @property
    def recorded(self) -> Mapping[Place, Any]:
        """The state variables that were recorded, (samples, steps, n), by population and variable; read if indexed."""
        return dict(self._states)

    def to_xarray(self) -> xarray.Dataset:
        """Readout, spikes (`spikes_E`) and recorded state variables (`v_E`) with named axes and units, time in ms."""
        return dataset_of(_Lazily(self))

    def to_pandas(self) -> pandas.DataFrame:
        """A row a spike: sample, time_ms, population, neuron."""
        return table_of(self)


class _Lazily:
    """A run whose arrays are such as xarray reads when they are asked for."""

    def __init__(self, run: FiledRun) -> None:
        self._run, self.circuit, self.samples, self.steps, self.dt = run, run.circuit, run.samples, run.steps, run.dt

    @property
    def outputs(self) -> Any:
        return self._run._outputs.lazily()

    def spikes(self, population: str) -> Any:
        return self._run._of(population).lazily()

    def events(self, population: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._run.events(population)

    @property
    def recorded(self) -> Mapping[Place, Any]:
        return {place: stored.lazily() for place, stored in self._run._states.items()}
