"""Records in files (*.h5): `lsnn.simulate(..., record_to=path)` writes them, `lsnn.open_record` reads them.

    /               attributes of `store.provenance`; config = {"task": {"name", "dynamics"}, "network": ...};
                    steps; neurons, input_cells; channels (JSON: kinds of input cells, how many of each)
    /network        as in network files (`lsnn.files.network_group`); of a circuit /circuit, as in circuit files
    /episode_key    (E,)
    /spikes, /input_spikes          (E, T, bytes): bit k of byte i is cell 8 i + k
    /spike_count, /input_spike_count                    (cells,)
    /action, /reward, /acted, /readout, /task_state     (E, T, ...), of the task's state T + 1 rows
    /state/NAME     (E, T, neurons that have it)
    /task, /encoder the numbers that the compiled functions of the task and its encoder are given

A record is written piece by piece as it comes about: some steps of some episodes are in memory, never all. The file
appears whole or not at all.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xarray

from lsnn.acting import Acting
from lsnn.circuits.in_task import CircuitInTask
from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError, StoreError
from lsnn.files import store
from lsnn.files.circuit_file import read_circuit
from lsnn.files.circuit_group import put_circuit
from lsnn.files.network_group import put_network, read_network
from lsnn.files.rules import data_set, group_of, require, require_only
from lsnn.files.sealed import open_sealed, readable
from lsnn.files.whole import refuse_inputs
from lsnn.forecast import require_memory
from lsnn.forms import form_of_task, parameters_of
from lsnn.kernels.simd import LANES
from lsnn.network import Network, NetworkConfig
from lsnn.seeds import MOST_EPISODES
from lsnn.simulation.frozen import groups_with, population_names, variables_of
from lsnn.simulation.record import OF_EPISODES, Kept, SimulationRecord, Spikes
from lsnn.simulation.stored import Stored, StoredSpikes, rows_of
from lsnn.task import Task
from lsnn.validation import path_of, require_integer
from lsnn.validation import require as require_of_caller

KIND = "record"
MOST_BYTES = 64 * 2**20  # of what all episodes that run at once hold of it, and of a portion that is read
MOST_STEPS = 2**31 - 1
BITS = {"spikes": "neurons", "input_spikes": "input_cells"}  # and the attribute that says of how many cells
OF_TASK: dict[str, tuple[tuple[int | None, ...], str]] = {  # what follows episode and step, and kinds of numbers
    "action": ((None,), "f"), "reward": ((), "f"), "acted": ((), "b"), "readout": ((None,), "f"),
    "task_state": ((None,), "f"),
}  # fmt: skip
TOLD = {  # unit and description
    "spikes": ("1", "bit k of byte i: whether neuron 8 i + k spiked"),
    "input_spikes": ("1", "bit k of byte i: whether input cell 8 i + k spiked"),
    "action": ("1", "action"),
    "reward": ("1", "reward earned by each step"),
    "acted": ("1", "whether the action of a step could matter"),
    "readout": ("1", "readout of the network"),
    "task_state": ("1", "the task's state before each step and after the last one"),
}


class _Made(NamedTuple):
    """A file under way: its arrays by name, spikes so far, and what raises once writing has failed."""

    file: h5py.File
    arrays: Mapping[str, h5py.Dataset]
    counts: Mapping[str, np.ndarray]
    look: Callable[[], None]


# Writing


def write_record(
    path: Path, make: Callable[[np.ndarray, int], Any], keys: np.ndarray, task: Task, duration_ms: int | None,
    threads: int, seed: int, overwrite: bool,
) -> None:  # fmt: skip
    """Run episodes and write what they leave to a file, piece by piece.

    Args:
        make: a `Simulation` of episodes of these keys, whose record has room for so many steps.
        duration_ms: of an episode; None = the task's own.

    Raises:
        InputError: no place for a file. StoreError: it could not be written. DivergedError: as of `Simulation.run`.
    """
    first = make(keys[:LANES], 1)
    if duration_ms is not None:
        require_integer("duration_ms", duration_ms, 1, MOST_STEPS)
    steps = int(duration_ms or task.duration_ms)
    piece = piece_of(threads * len(first._blocks) * first._blocks[0].nbytes, steps)
    with store.write_at_length(path, overwrite) as (file, look):
        command = f"lsnn.simulate(episodes={len(keys)}, seed={seed})"
        made = _begun(file, first, keys, task, steps, piece, seed, command, look)
        size = LANES * threads
        for start in range(0, len(keys), size):
            simulation = make(keys[start : start + size], piece)
            for step in range(0, steps, piece):
                count = min(piece, steps - step)
                simulation.run(count)
                _put(made, simulation, start, step, count)
        _put_counts(made)


class Filing:
    """The file of a simulation that records while it runs: it appears when the last step was written.

    Args:
        path: of the file. simulation: before its first step. steps: of an episode. piece: steps that its blocks hold.

    Attributes:
        end: the step after those that the blocks hold.

    Raises:
        InputError: no place for a file.
    """

    def __init__(self, path: Path, simulation: Any, steps: int, piece: int, seed: int, overwrite: bool) -> None:
        self.path, self.steps, self.piece, self._written, self.end = path, steps, piece, 0, piece
        self._stack, self._task = ExitStack(), simulation.task
        self._is_open = self._is_whole = False
        keys = simulation.keys
        with ExitStack() as stack:
            file, look = stack.enter_context(store.write_at_length(path, overwrite))
            command = f"lsnn.Simulation(episodes={len(keys)}, seed={seed})"
            self._made = _begun(file, simulation, keys, simulation.task, steps, piece, seed, command, look)
            self._stack, self._is_open = stack.pop_all(), True

    def follow(self, simulation: Any) -> None:
        """Write what was run, if it is all that the blocks hold, and let the records begin anew.

        Raises:
            StoreError: the file could not be written. InputError: it was dropped after such an error.
        """
        if self._is_whole:
            return
        require_of_caller(self._is_open, "a simulation", "made anew after its file could not be written", self.path)
        if simulation.t < self.end:
            return
        try:
            _put(self._made, simulation, 0, self._written, self.end - self._written)
            self._written, self.end = self.end, min(self.steps, self.end + self.piece)
            if self._written == self.steps:
                self._finish(simulation.task)
        except BaseException:
            self._is_open = False
            if not self._stack.__exit__(*sys.exc_info()):
                raise

    def _finish(self, task: Task) -> None:
        """The task as it is at the end, and the file whole."""
        self._task = task
        for name, source in (("task", task), ("encoder", task.encoder)):
            self._made.file[name][...] = parameters_of(name, source)
        _put_counts(self._made)
        self._is_open = False
        self._stack.close()
        self._is_whole = True

    def record(self, t: int) -> "FiledRecord":
        """The record, once it is whole; t: time that is over."""
        rule = f"run to its end before its record is read, for its file appears then ({self.steps} ms)"
        require_of_caller(self._is_whole, "a simulation", rule, f"one at {t} ms")
        return FiledRecord(self.path, self._task)

    def drop(self) -> None:
        """Leave nothing of a file that is not whole."""
        if self._is_open:
            self._is_open = False
            with suppress(_Dropped, StoreError), self._stack:
                raise _Dropped


class _Dropped(Exception):
    """What ends a file that shall not appear."""


def _put_counts(made: _Made) -> None:
    for name, counts in made.counts.items():
        store.put(made.file, f"{name.removesuffix('s')}_count", counts, "1", f"{name} of each cell in all episodes")


def piece_of(step_bytes: int, steps: int) -> int:
    """Steps that are recorded before they are written; step_bytes: what all that runs at once holds of a step."""
    return int(min(steps, max(1, MOST_BYTES // step_bytes)))


def _begun(
    file: h5py.File, simulation: Any, keys: np.ndarray, task: Task, steps: int, piece: int, seed: int, command: str,
    look: Callable[[], None],
) -> _Made:  # fmt: skip
    """The file with all but what is recorded."""
    network: Acting = simulation.network
    config = {"task": {"name": task.name, "dynamics": task.dynamics}}
    if isinstance(network, Network):
        config["network"] = to_mapping(network.config)
    store.write_attributes(file, store.provenance(KIND, config, seed, command))
    channels = json.dumps([list(each) for each in task.encoder.channels])
    cells = {"neurons": network.config.n_neurons, "input_cells": network.n_in}
    store.write_attributes(file, {"steps": steps, **cells, "channels": channels})
    _put_network(file, network)
    store.put(file, "episode_key", keys, "1", "key of each episode: equal keys mean equal episodes")
    for name, source in (("task", task), ("encoder", task.encoder)):
        told = f"numbers that the compiled functions of the {name} are given"
        store.put(file, name, parameters_of(name, source), "1", told)
    arrays = {name: _room(file, name, *form, (len(keys), steps), piece) for name, form in _forms(simulation).items()}
    states = file.create_group("state")
    for name in simulation._recorded:
        neurons = sum(group.size for group, _ in groups_with(network, name))
        arrays[name] = _room(states, name, (neurons,), network.form.dtype, (len(keys), steps), piece)
    return _Made(file, arrays, {name: np.zeros(cells[of], np.int64) for name, of in BITS.items()}, look)


def _put_network(file: h5py.File, network: Acting) -> None:
    if isinstance(network, CircuitInTask):
        put_circuit(file.create_group("circuit"), network.circuit)
    else:
        assert isinstance(network, Network)
        put_network(file.create_group("network"), network)


def _forms(simulation: Any) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Of each array: what follows episode and step in its shape, and its type."""
    block = simulation._blocks[0]
    trace, record = block.trace, block.record
    widths = {"spikes": record.spikes.shape[1], "input_spikes": record.input_spikes.shape[1]}
    packed = {name: ((-(-width // 8),), np.dtype(np.uint8)) for name, width in widths.items()}
    of_task = {name: getattr(trace, name) for name in ("action", "reward", "acted", "task_state")}
    numbers = {name: (array.shape[2:], array.dtype) for name, array in of_task.items()}
    return packed | numbers | {"readout": ((record.y.shape[1],), record.y.dtype)}


def _room(
    group: h5py.Group, name: str, behind: tuple[int, ...], dtype: Any, shape: tuple[int, int], piece: int
) -> h5py.Dataset:
    """An empty data set; what numbers of neurons hold hardly shrinks, so only the rest is compressed."""
    episodes, steps = shape[0], shape[1] + (name == "task_state")
    filters: dict[str, Any] = {}
    if 0 not in behind:
        filters = {"chunks": (1, min(piece, steps), *behind), "fletcher32": True}
        if dtype != np.float32:
            filters |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    data_set = group.create_dataset(name, (episodes, steps, *behind), dtype, **filters)
    unit, told = TOLD.get(name, ("SI", f"{name} at the threshold, before the reset"))
    store.write_attributes(data_set, {"units": unit, "description": told})
    return data_set


def _put(made: _Made, simulation: Any, first: int, step: int, count: int) -> None:
    """Write the steps that were run, and let the records begin anew."""
    for number, block in enumerate(simulation._blocks):
        for lane in range(min(LANES, simulation.n_episodes - LANES * number)):
            episode = first + LANES * number + lane
            for name, values in _of_lane(simulation, block, lane, count).items():
                if name == "task_state" and step + count < made.arrays["reward"].shape[1]:
                    values = values[:-1]  # the last row is the first of what follows
                made.arrays[name][episode, step : step + len(values)] = values
            for name in BITS:
                bits = getattr(block.record, name)[:count] & np.uint8(1 << lane)
                made.counts[name][:] += np.count_nonzero(bits, axis=0)
        block.go_round()
    made.look()


def _of_lane(simulation: Any, block: Any, lane: int, count: int) -> dict[str, np.ndarray]:
    """What a block recorded of an episode, by the names of the file."""
    trace, record = block.trace, block.record
    found = {
        name: np.packbits(getattr(record, name)[:count] & np.uint8(1 << lane), axis=1, bitorder="little")
        for name in BITS
    }
    found |= {name: getattr(trace, name)[:count, lane] for name in ("action", "reward", "acted")}
    found |= {"readout": record.y[:count, :, lane], "task_state": trace.task_state[: count + 1, lane]}
    for name in simulation._recorded:
        slots = [np.arange(s.start, s.stop) for _, s in groups_with(simulation.network, name)]
        found[name] = record.x[:count, np.concatenate(slots), lane]
    return found


# Reading


class _Named(NamedTuple):
    """What stands for a task that nobody has given."""

    name: str
    dynamics: str


class FiledRecord(SimulationRecord):
    """A record that stays in its file: see `SimulationRecord`. Arrays are read where they are asked for.

    `record.state["v"].sel(episode=3, time=slice(0, 100))` reads no more than that; `part` takes episodes into memory.

    Args:
        path: of the file. task: the one that was simulated; None: trials and recordings are not known.

    Raises:
        InputError: no such file, or damaged, or another task.
    """

    def __init__(self, path: Path, task: Task | None = None) -> None:
        self.path, self._file = path, open_sealed(path)
        try:
            with readable(str(path)):
                self._read(task)
        except BaseException:
            self.close()
            raise

    def _read(self, task: Task | None) -> None:
        file = self._file
        store.check_root(file, KIND)
        config = store.read_config(file)
        network = self._network_of(config)
        keys = store.read(file, "episode_key", "u", (None,))
        steps = store.read_attribute(file, "steps", int)
        require(file, "episode_key", 0 < len(keys) <= MOST_EPISODES, f"1 to {MOST_EPISODES} entries", len(keys))
        require(file, "@steps", 0 < steps <= MOST_STEPS, f"a value in 1..{MOST_STEPS}", steps)
        shape, cells = (len(keys), steps), (network.config.n_neurons, network.n_in)
        self._counts = [store.read(file, f"{name[:-1]}_count", "i", (n,)) for name, n in zip(BITS, cells, strict=True)]
        arrays = {name: self._bits(name, n, shape) for name, n in zip(BITS, cells, strict=True)}
        for name, (behind, kinds) in OF_TASK.items():
            width = (network.n_out,) if name == "readout" else behind
            arrays[name] = Stored(data_set(file, name, kinds, (shape[0], steps + (name == "task_state"), *width)))
        kept = Kept(**arrays, state=_states(group_of(file, "state"), network, shape))  # type: ignore[arg-type]
        super().__init__(self._task_of(config, task), network, keys, kept, self._channels_of(network.n_in))

    def _network_of(self, config: Mapping[str, Any]) -> Acting:
        if "circuit" in self._file:
            return CircuitInTask(read_circuit(self._file))
        sections = from_mapping(NetworkConfig, config.get("network"), f"{self.path}: /@config: network")
        return read_network(group_of(self._file, "network"), sections)[0]

    def _bits(self, name: str, cells: int, shape: tuple[int, int]) -> Stored:
        return Stored(data_set(self._file, name, "u", (*shape, -(-cells // 8))), cells)

    def _channels_of(self, n_in: int) -> list[tuple[str, int]]:
        """Kinds of input cells, and how many of each."""
        text = store.read_attribute(self._file, "channels", str)
        try:
            found = [(str(name), int(count)) for name, count in json.loads(text)]
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{self.path}: /@channels must be pairs of a name and a number: {error}") from error
        counts = [count for _, count in found]
        fits = min(counts, default=0) >= 0 and sum(counts) == n_in
        require(self._file, "@channels", fits, f"numbers that add up to {n_in} input cells", counts)
        return found

    def _task_of(self, config: Mapping[str, Any], task: Task | None) -> Any:
        """The task given, if it is the one that was simulated; a name where none is."""
        told = config.get("task")
        names = [told.get(key) for key in ("name", "dynamics")] if isinstance(told, dict) else [None]
        if not all(isinstance(name, str) for name in names):
            raise InputError(f"{self.path}: /@config must name the task and its dynamics, got {told!r:.80}")
        named = _Named(*names)
        if task is None:
            return named
        form_of_task(task)
        rule = f"the one that was simulated, {named.name}, with its settings"
        same = (task.name, task.dynamics) == named
        for name, source in (("task", task), ("encoder", task.encoder)):
            given = parameters_of(name, source)
            same = same and np.array_equal(given, store.read(self._file, name, "f", (None,), finite=False))
        require_of_caller(same, "task", rule, task)
        return task

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, in {self.path.name}>"

    def __reduce__(self) -> Any:
        """A copy reads the same file."""
        return FiledRecord, (self.path, None if isinstance(self.task, _Named) else self.task)

    def close(self) -> None:
        """Close the file; what was read stays."""
        self._file.close()

    def to_nwb(self, path: str | Path, overwrite: bool = False) -> Path:
        """As of `SimulationRecord`; into another file than its own."""
        refuse_inputs(path_of("path", path), [self.path])
        return super().to_nwb(path, overwrite)

    @cached_property
    def spikes(self) -> Spikes:
        """Spikes of the network's neurons."""
        stored: Any = self._kept.spikes
        return StoredSpikes(stored, self._counts[0], population_names(self.network), "neuron", "population")

    @cached_property
    def input_spikes(self) -> Spikes:
        """Spikes of the input cells."""
        kinds = np.repeat([name for name, _ in self._channels], [count for _, count in self._channels])
        stored: Any = self._kept.input_spikes
        return StoredSpikes(stored, self._counts[1], kinds, "cell", "kind")

    def _array(self, name: str, values: Any, axis: str | None = None, labels: Any = None) -> xarray.DataArray:
        return super()._array(name, values.lazily() if isinstance(values, Stored) else values, axis, labels)

    def _some(self, chosen: np.ndarray) -> Kept:
        kept = self._kept
        arrays = {name: _taken(getattr(kept, name), chosen) for name in OF_EPISODES}
        spikes: dict[str, Any] = {name: rows_of(getattr(kept, name), chosen) for name in BITS}
        return Kept(**spikes, **arrays, state={name: _taken(values, chosen) for name, values in kept.state.items()})

    def _portions(self) -> Iterator[Kept]:
        """As many episodes at a time as have room, without spikes and state variables."""
        arrays: dict[str, Any] = {name: getattr(self._kept, name) for name in OF_EPISODES}
        size = sum(np.prod(array.shape[1:], dtype=float) * array.dtype.itemsize for array in arrays.values())
        count, none = int(max(1, MOST_BYTES // size)), np.empty((3, 0), np.int32)
        require_memory("what an episode leaves of its task", 2 * size)
        for first in range(0, self.n_episodes, count):
            part = {name: array[first : first + count] for name, array in arrays.items()}
            yield Kept(none, none, **part, state={})


def _states(group: h5py.Group, network: Acting, shape: tuple[int, int]) -> dict[str, Any]:
    known = variables_of(network)
    require_only(group, known, ())
    sizes = {name: sum(of.size for of, _ in groups_with(network, name)) for name in known if name in group}
    return {name: Stored(data_set(group, name, "f", (*shape, size))) for name, size in sizes.items()}


def _taken(values: Any, chosen: np.ndarray) -> np.ndarray:
    """Some episodes of an array in a file."""
    size = float(np.prod(values.shape[1:], dtype=float)) * len(chosen) * values.dtype.itemsize
    require_memory(f"{len(chosen)} episodes of the record", 2 * size)
    return np.stack([values[episode] for episode in chosen.tolist()])
