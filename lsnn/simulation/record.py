"""What a simulation leaves: spikes, state variables and the task's side, with named axes and units.

Axes: episode, time (in ms, a step is 1 ms), neuron or cell, output, axis. A row of a state variable is the one at the
threshold of its step, before the reset.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas
import xarray

from lsnn.acting import Acting
from lsnn.errors import InputError
from lsnn.files.conditions import LARGEST_SPIKES, time_axis
from lsnn.neurons import ALIF
from lsnn.simulation.frozen import groups_with, population_names, sha256_of, variables_of
from lsnn.simulation.state import positions
from lsnn.task import Task
from lsnn.validation import path_of, require, require_flag, require_kind


class Spikes:
    """Spikes of cells in some episodes, in order of episode, time and cell.

    Attributes:
        kinds: population (or kind) of each cell, (cells,). n_episodes, duration_ms: how many episodes, of how many ms.
    """

    def __init__(
        self, rows: np.ndarray, n_episodes: int, duration_ms: int, kinds: np.ndarray, axis: str, told: str
    ) -> None:
        self._rows = rows  # (3, S)
        self.n_episodes, self.duration_ms, self.kinds = n_episodes, duration_ms, kinds
        self._axis, self._told = axis, told

    @property
    def rows(self) -> np.ndarray:
        """Episode, time in ms and cell of each spike, (3, S) int32."""
        return self._rows

    @property
    def episode(self) -> np.ndarray:
        """Episode of each spike, (S,) int32."""
        return self.rows[0]

    @property
    def time_ms(self) -> np.ndarray:
        """When each spike was, (S,) int32."""
        return self.rows[1]

    @property
    def cell(self) -> np.ndarray:
        """Whose each spike was, (S,) int32."""
        return self.rows[2]

    @property
    def counts(self) -> np.ndarray:
        """How many each cell had, (cells,)."""
        return np.bincount(self.cell, minlength=len(self.kinds))

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def __repr__(self) -> str:
        rates = ", ".join(f"{kind} {rate:.1f} Hz" for kind, rate in self.rates_hz().items())
        return f"<{len(self)} spikes of {len(self.kinds)} {self._axis}s in {self.n_episodes} episodes: {rates}>"

    def rates_hz(self) -> pandas.Series:
        """Mean rate of each population (or kind), in Hz."""
        seconds = self.n_episodes * self.duration_ms / 1000
        count = self.counts / max(seconds, 1e-9)
        found = pandas.Series(count, name="rate_hz").groupby(self.kinds, sort=False).mean()
        return found.rename_axis(self._told)

    def to_pandas(self) -> pandas.DataFrame:
        """A row a spike: episode, time_ms, neuron (or cell), population (or kind)."""
        episode, time_ms, cell = self.rows
        columns = {"episode": episode, "time_ms": time_ms, self._axis: cell}
        frame = pandas.DataFrame({**columns, self._told: self.kinds[cell]})
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
        dense[tuple(self.rows)] = True
        return self._named(dense)

    def _named(self, dense: Any) -> xarray.DataArray:
        """Truths (episode, time, cell) with their axes."""
        coordinates = {
            "episode": np.arange(self.n_episodes), "time": time_axis(self.duration_ms),
            self._axis: np.arange(len(self.kinds)), self._told: (self._axis, self.kinds),
        }  # fmt: skip
        variable = xarray.Variable(("episode", "time", self._axis), dense, {"units": "1"})
        return xarray.Dataset({"spikes": variable}, coordinates)["spikes"]


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

    def of(self, chosen: np.ndarray) -> "Kept":
        """Some of the episodes, in this order."""
        arrays = {name: getattr(self, name)[chosen] for name in OF_EPISODES}
        rows = {name: _rows_of(getattr(self, name), chosen) for name in ("spikes", "input_spikes")}
        return Kept(**rows, **arrays, state={name: values[chosen] for name, values in self.state.items()})


OF_EPISODES = ("action", "reward", "acted", "readout", "task_state")


def _rows_of(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The spikes of some episodes, which count from 0."""
    first, end = (np.searchsorted(rows[0], chosen, side) for side in ("left", "right"))
    parts = [
        np.vstack([np.full(b - a, i, np.int32), rows[1:, a:b]]) for i, (a, b) in enumerate(zip(first, end, strict=True))
    ]
    return np.concatenate([np.empty((3, 0), np.int32), *parts], axis=1)


def joined(parts: Sequence[Kept]) -> Kept:
    """Episodes after episodes."""
    firsts = np.cumsum([0, *(len(part.reward) for part in parts)])[:-1]
    shift = [np.array([[first], [0], [0]], np.int32) for first in firsts]
    spikes = {
        name: np.concatenate([getattr(part, name) + by for part, by in zip(parts, shift, strict=True)], axis=1)
        for name in ("spikes", "input_spikes")
    }
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in OF_EPISODES}
    state = {name: np.concatenate([part.state[name] for part in parts]) for name in parts[0].state}
    return Kept(**spikes, **arrays, state=state)


class SimulationRecord:
    """What E episodes of T ms left: `lsnn.simulate`, or `record` of a `lsnn.Simulation`.

    Attributes:
        task: that was simulated. network: the network. keys: of the episodes, (E,).
        n_episodes, duration_ms: E and T.
    """

    def __init__(self, task: Task, network: Acting, keys: np.ndarray, kept: Kept, channels: Any = ()) -> None:
        self.task, self.network, self.keys, self._kept = task, network, keys, kept
        self.n_episodes, self.duration_ms = kept.reward.shape
        self._channels = list(channels)

    def __repr__(self) -> str:
        state = ", ".join(self._kept.state) or "no state variable"
        return (
            f"<record of {self.n_episodes} episodes of {self.duration_ms} ms of {self.task.name}: "
            f"{len(self.spikes)} spikes, {state}>"
        )

    def followed_by(self, others: "Sequence[SimulationRecord]") -> "SimulationRecord":
        """The same with the episodes of others after its own; InputError unless their task and network are its own."""
        for other in others:
            require_kind("a record that follows", other, SimulationRecord)
            rule = "of the same network, task, duration and recorded variables"
            require(other._kind() == self._kind(), "a record that follows", rule, other)
        keys = np.concatenate([self.keys, *(other.keys for other in others)])
        kept = joined([each._some(np.arange(each.n_episodes)) for each in (self, *others)])
        return SimulationRecord(self.task, self.network, keys, kept, self._channels)

    def part(self, episodes: Any) -> "SimulationRecord":
        """The record of some episodes, in memory: numbers, a slice or a mask; they are counted from 0 again."""
        chosen, _ = positions("episodes", episodes, self.n_episodes)
        require(len(chosen) > 0, "episodes", "at least one of them", episodes)
        return SimulationRecord(self.task, self.network, self.keys[chosen], self._some(chosen), self._channels)

    def _some(self, chosen: np.ndarray) -> Kept:
        """What was recorded of some episodes, in memory."""
        return self._kept.of(chosen)

    def _portions(self) -> Iterator[Kept]:
        """What was recorded, in portions of episodes that are gone through one by one."""
        yield self._kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file that it is read from, if it is; what was read stays."""

    def _kind(self) -> tuple[Any, ...]:
        """What has to be the same of records that are joined."""
        return self._sha256, self.task, self.duration_ms, list(self.state)

    @cached_property
    def _sha256(self) -> str:
        return sha256_of(self.network)

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

    def _array(self, name: str, values: Any, axis: str | None = None, labels: Any = None) -> xarray.DataArray:
        dimensions, coordinates = ["episode", "time"], self._coordinates(values.shape[1])
        if axis is not None:
            dimensions.append(axis)
            coordinates[axis] = np.arange(values.shape[2]) if labels is None else labels
        return xarray.Dataset({name: xarray.Variable(dimensions, values)}, coordinates)[name]

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
        tables: list[np.ndarray] = []
        first = 0
        for kept in self._portions():
            part = family.table(self.task, kept.task_state, kept)  # a trace: action, reward, acted
            part["episode"] += first
            tables.append(part)
            first += len(kept.reward)
        table = np.concatenate(tables)
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
        values = np.concatenate([np.asarray(one.of(self.task, k.task_state, k)) for k in self._portions()])
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
