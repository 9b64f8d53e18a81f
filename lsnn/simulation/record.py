"""What a simulation leaves: spikes, state variables and the task's side, with named axes and units.

Axes: episode, time (in ms, a step is 1 ms), neuron or cell, output, axis. A row of a state variable is the one at the
threshold of its step, before the reset.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import xarray

from lsnn.errors import InputError
from lsnn.files.conditions import LARGEST_SPIKES, time_axis
from lsnn.files.network_file import network_sha256
from lsnn.network import Network
from lsnn.neurons import ALIF
from lsnn.simulation.frozen import groups_with, population_names, variables_of
from lsnn.task import Task
from lsnn.validation import path_of, require, require_flag, require_kind


class Spikes:
    """Spikes of cells in some episodes, in order of episode, time and cell.

    Attributes:
        episode, time_ms, cell: of each spike, (S,) int32. kinds: population (or kind) of each cell, (cells,).
        n_episodes, duration_ms: how many episodes, of how many ms.
    """

    def __init__(
        self, rows: np.ndarray, n_episodes: int, duration_ms: int, kinds: np.ndarray, axis: str, told: str
    ) -> None:
        self.episode, self.time_ms, self.cell = rows  # (3, S)
        self.n_episodes, self.duration_ms, self.kinds = n_episodes, duration_ms, kinds
        self._axis, self._told = axis, told

    def __len__(self) -> int:
        return len(self.cell)

    def __repr__(self) -> str:
        rates = ", ".join(f"{kind} {rate:.1f} Hz" for kind, rate in self.rates_hz().items())
        return f"<{len(self)} spikes of {len(self.kinds)} {self._axis}s in {self.n_episodes} episodes: {rates}>"

    def rates_hz(self) -> pandas.Series:
        """Mean rate of each population (or kind), in Hz."""
        seconds = self.n_episodes * self.duration_ms / 1000
        count = np.bincount(self.cell, minlength=len(self.kinds)) / max(seconds, 1e-9)
        found = pandas.Series(count, name="rate_hz").groupby(self.kinds, sort=False).mean()
        return found.rename_axis(self._told)

    def to_pandas(self) -> pandas.DataFrame:
        """A row a spike: episode, time_ms, neuron (or cell), population (or kind)."""
        columns = {"episode": self.episode, "time_ms": self.time_ms, self._axis: self.cell}
        frame = pandas.DataFrame({**columns, self._told: self.kinds[self.cell]})
        frame.attrs["units"] = {"episode": "1", "time_ms": "ms", self._axis: "1", self._told: "1"}
        return frame

    def to_xarray(self) -> xarray.DataArray:
        """True where a cell spiked, (episode, time, neuron or cell).

        Raises:
            InputError: it would not fit into memory.
        """
        shape = (self.n_episodes, self.duration_ms, len(self.kinds))
        rule = f"of at most {LARGEST_SPIKES} numbers; use to_pandas()"
        require(np.prod(shape, dtype=float) <= LARGEST_SPIKES, "spikes as an array", rule, shape)
        dense = np.zeros(shape, bool)
        dense[self.episode, self.time_ms, self.cell] = True
        coordinates = {
            "episode": np.arange(shape[0]), "time": time_axis(shape[1]), self._axis: np.arange(shape[2]),
            self._told: (self._axis, self.kinds),
        }  # fmt: skip
        return xarray.DataArray(dense, coordinates, ("episode", "time", self._axis), "spikes", {"units": "1"})


class Kept(NamedTuple):
    """What was recorded of E episodes of T steps, as plain arrays. Spikes (3, S): rows episode, step and cell."""

    spikes: np.ndarray
    input_spikes: np.ndarray
    action: np.ndarray  # (E, T, n_action)
    reward: np.ndarray  # (E, T)
    acted: np.ndarray  # (E, T)
    readout: np.ndarray  # (E, T, n_out)
    task_state: np.ndarray  # (E, T + 1, n_state)
    state: Mapping[str, np.ndarray]  # (E, T, neurons that have it)


def joined(parts: Sequence[Kept]) -> Kept:
    """Episodes after episodes."""
    firsts = np.cumsum([0, *(len(part.reward) for part in parts)])[:-1]
    shift = [np.array([[first], [0], [0]], np.int32) for first in firsts]
    spikes = {
        name: np.concatenate([getattr(part, name) + by for part, by in zip(parts, shift, strict=True)], axis=1)
        for name in ("spikes", "input_spikes")
    }
    rest = ("action", "reward", "acted", "readout", "task_state")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in rest}
    state = {name: np.concatenate([part.state[name] for part in parts]) for name in parts[0].state}
    return Kept(**spikes, **arrays, state=state)


class SimulationRecord:
    """What E episodes of T ms left: `lsnn.simulate`, or `record` of a `lsnn.Simulation`.

    Attributes:
        task: that was simulated. network: the network. keys: of the episodes, (E,).
        n_episodes, duration_ms: E and T.
    """

    def __init__(self, task: Task, network: Network, keys: np.ndarray, kept: Kept, channels: Any = ()) -> None:
        self.task, self.network, self.keys, self._kept = task, network, keys, kept
        self.n_episodes, self.duration_ms = kept.reward.shape
        self._channels = list(channels)

    def __repr__(self) -> str:
        state = ", ".join(self._kept.state) or "no state variable"
        return (
            f"<record of {self.n_episodes} episodes of {self.duration_ms} ms of {self.task.name}: "
            f"{self._kept.spikes.shape[1]} spikes, {state}>"
        )

    def followed_by(self, others: "Sequence[SimulationRecord]") -> "SimulationRecord":
        """The same with the episodes of others after its own; InputError unless their task and network are its own."""
        for other in others:
            require_kind("a record that follows", other, SimulationRecord)
            rule = "of the same network, task, duration and recorded variables"
            require(other._kind() == self._kind(), "a record that follows", rule, other)
        keys = np.concatenate([self.keys, *(other.keys for other in others)])
        kept = joined([self._kept, *(other._kept for other in others)])
        return SimulationRecord(self.task, self.network, keys, kept, self._channels)

    def _kind(self) -> tuple[Any, ...]:
        """What has to be the same of records that are joined."""
        return self._sha256, self.task, self.duration_ms, list(self.state)

    @cached_property
    def _sha256(self) -> str:
        return network_sha256(self.network)

    @cached_property
    def spikes(self) -> Spikes:
        """Spikes of the network's neurons."""
        kinds = population_names(self.network)
        return Spikes(self._kept.spikes, self.n_episodes, self.duration_ms, kinds, "neuron", "population")

    @cached_property
    def input_spikes(self) -> Spikes:
        """Spikes of the input cells."""
        kinds = np.repeat([name for name, _ in self._channels], [count for _, count in self._channels])
        return Spikes(self._kept.input_spikes, self.n_episodes, self.duration_ms, kinds, "cell", "kind")

    @property
    def state(self) -> "StateRecord":
        """State variables that were recorded, by name: `record.state["v"]`, (episode, time, neuron)."""
        return StateRecord(self)

    @property
    def threshold(self) -> xarray.DataArray:
        """b0 + beta b of the neurons that adapt, (episode, time, neuron); needs `record=("b",)`.

        Raises:
            InputError: b was not recorded, or the neurons' threshold is another.
        """
        b = self.state["b"]
        network, neurons = self.network, b["neuron"].values
        models = {group.model.model.threshold for group, _ in groups_with(network, "b")}
        require(models == {ALIF.threshold}, "threshold", f"{ALIF.threshold!r}, of `alif`, to be told from b", models)
        b0, beta = (
            xarray.DataArray(network.parameter(name)[neurons], {"neuron": neurons}, "neuron") for name in ("b0", "beta")
        )
        found = b0 + beta * b
        found.name, found.attrs = "threshold", {"units": "unit of v"}
        return found.transpose("episode", "time", "neuron")

    def _array(self, name: str, values: np.ndarray, axis: str | None = None, labels: Any = None) -> xarray.DataArray:
        dimensions, coordinates = ["episode", "time"], self._coordinates(values.shape[1])
        if axis is not None:
            dimensions.append(axis)
            coordinates[axis] = np.arange(values.shape[2]) if labels is None else labels
        return xarray.DataArray(values, coordinates, dimensions, name)

    def _coordinates(self, steps: int) -> dict[str, Any]:
        return {"episode": np.arange(self.n_episodes), "time": time_axis(steps)}

    @property
    def action(self) -> xarray.DataArray:
        """Actions, (episode, time, axis)."""
        return self._array("action", self._kept.action, "axis")

    @property
    def reward(self) -> xarray.DataArray:
        """Reward earned by each step, (episode, time)."""
        return self._array("reward", self._kept.reward)

    @property
    def acted(self) -> xarray.DataArray:
        """Whether the action of a step could matter, (episode, time)."""
        return self._array("acted", self._kept.acted)

    @property
    def readout(self) -> xarray.DataArray:
        """The readouts, (episode, time, output); outputs are called action_0, ..., value, as the network has them."""
        labels = [
            f"{name}_{k}" if width > 1 else name for name, width in self.network.outputs.items() for k in range(width)
        ]
        return self._array("readout", self._kept.readout, "output", labels)

    @property
    def task_state(self) -> xarray.DataArray:
        """The task's state before each step and after the last one, (episode, time, number)."""
        return self._array("task_state", self._kept.task_state, "number")

    @cached_property
    def trials(self) -> pandas.DataFrame:
        """A row a trial, with the columns of the family; units in `.attrs["units"]`.

        Raises:
            InputError: the task carries no family that says what a trial is.
        """
        family = getattr(self.task, "family", None)
        if family is None:
            raise InputError(f"task {self.task.name} carries no family, which would say what a trial is")
        table = family.table(self.task, self._kept.task_state, self._kept)  # a trace: action, reward, acted
        frame = pandas.DataFrame({name: np.ascontiguousarray(table[name]) for name in table.dtype.names})
        units, descriptions = family.units_of(table)
        frame.attrs = {"units": units, "descriptions": descriptions}
        return frame

    def recording(self, name: str) -> xarray.DataArray:
        """What the family knows to tell of the episodes beside the trials, as the position in a maze, by its name.

        Raises:
            InputError: the task's family tells nothing of that name.
        """
        known = getattr(getattr(self.task, "family", None), "recordings", {})
        require(isinstance(name, str) and name in known, "recording", f"one of {', '.join(known) or 'none'}", name)
        one = known[name]
        values = np.asarray(one.of(self.task, self._kept.task_state, self._kept))
        found = self._array(name, values, "number" if values.ndim == 3 else None, list(one.labels) or None)
        return found.assign_attrs(units=one.unit, description=one.description)

    def to_nwb(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write it as Neurodata Without Borders: units, trials, and a series of all else; returns the path.

        Needs pynwb, `pip install lsnn[nwb]`.

        Raises:
            InputError: pynwb is not installed, no place for a file, or (without `overwrite`) one that exists.
        """
        place = path_of("path", path)
        require_flag("overwrite", overwrite)
        try:
            from lsnn.simulation.nwb import write_record
        except (ImportError, OSError) as error:  # pynwb makes a folder of its own in that of the user
            raise InputError(f"to_nwb needs pynwb, pip install 'lsnn[nwb]', and its folder, got: {error}") from error
        write_record(self, place, overwrite)
        return place

    def to_xarray(self) -> xarray.Dataset:
        """All of it but input spikes and trials; state variables have an axis of neurons each, as not all have all."""
        arrays = [self.spikes.to_xarray(), self.action, self.reward, self.readout]
        whole = xarray.Dataset({array.name: array for array in arrays})
        for name in self.state:
            own = self.state[name].rename(neuron=f"neuron_{name}", population=f"population_{name}")
            whole[name] = own
        return whole.assign_attrs(task=self.task.name)


class StateRecord(Mapping[str, xarray.DataArray]):
    """Recorded state variables by name."""

    def __init__(self, record: SimulationRecord) -> None:
        self._record = record

    def __getitem__(self, name: str) -> xarray.DataArray:
        record = self._record
        kept, known = record._kept.state, variables_of(record.network)
        require(name in known, "state variable", f"one of {', '.join(known)}", name)
        if name not in kept:
            raise InputError(f"{name} was not recorded; ask for it with record=({name!r},)")
        groups = groups_with(record.network, name)
        neurons = np.concatenate([np.arange(group.neurons.start, group.neurons.stop) for group, _ in groups])
        array = record._array(name, kept[name], "neuron", neurons)
        return array.assign_coords(population=("neuron", population_names(record.network)[neurons]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._record._kept.state)

    def __len__(self) -> int:
        return len(self._record._kept.state)
