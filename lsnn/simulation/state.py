"""The state of the networks of a simulation, by the names of its variables: to look at, to change, to exchange."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import xarray

from lsnn.acting import Acting
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.kernels.simd import LANES
from lsnn.simulation.frozen import groups_with, population_names, variables_of
from lsnn.validation import plain_numbers, require

AtRest = Callable[[], AbstractContextManager[None]]  # while it is entered nobody else changes the state

# Of a state beside the variables of the neurons, and the array of `lsnn.kernels.layout.State` that holds it
OTHERS = {"refractory": "refractory", "delay_lines": "pending", "readout": "r"}


class Variable:
    """A state variable in all episodes: `state["b"][0:4, "adaptive"] = 0`.

    Indexed by episode and neuron: numbers, slices or masks, and for neurons the names of populations. Neurons have the
    numbers that they have in the network; a slice, a mask or a name stands for those of them that have the variable.
    """

    __slots__ = ("name", "_blocks", "_episodes", "_at_rest", "_neurons", "_slots", "_start", "_populations")

    def __init__(self, name: str, network: Acting, blocks: Sequence[Block], episodes: int, at_rest: AtRest) -> None:
        self.name, self._blocks, self._episodes, self._at_rest = name, blocks, episodes, at_rest
        found = groups_with(network, name)
        dt = network.config.dt_ms / 1000
        self._neurons = np.concatenate([np.arange(group.neurons.start, group.neurons.stop) for group, _ in found])
        self._slots = np.concatenate([np.arange(slots.start, slots.stop) for _, slots in found])
        starts = [group.model.initial(dt, group.given)[group.model.variables.index(name)] for group, _ in found]
        self._start = np.concatenate(starts)  # the state holds what goes beyond it
        self._populations = population_names(network)

    @property
    def values(self) -> np.ndarray:
        """(episode, neuron that has it), a copy."""
        with self._at_rest():
            rows = [block.state.x[self._slots] for block in self._blocks]
        return (np.concatenate(rows, axis=1).astype(np.float64) + self._start[:, None]).T[: self._episodes]

    def to_xarray(self) -> xarray.DataArray:
        """(episode, neuron), a copy; the coordinate population names that of each neuron."""
        names = self._populations[self._neurons]
        coordinates = {
            "episode": np.arange(self._episodes), "neuron": self._neurons, "population": ("neuron", names)
        }  # fmt: skip
        return xarray.DataArray(self.values, coordinates, ("episode", "neuron"), self.name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values.astype(np.float64 if dtype is None else dtype)

    def __repr__(self) -> str:
        return (
            f"<state variable {self.name!r}: {self._episodes} episodes x {len(self._neurons)} neurons>\n{self.values}"
        )

    def __getitem__(self, index: Any) -> np.ndarray:
        episodes, rows, plain = self._chosen(index)
        found = self.values[np.ix_(episodes, rows)]
        return found[tuple(0 if one else slice(None) for one in plain)]

    def __setitem__(self, index: Any, value: Any) -> None:
        episodes, rows, plain = self._chosen(index)
        given = plain_numbers(f"state[{self.name!r}]", value)
        shape = [n for n, one in zip((len(episodes), len(rows)), plain, strict=True) if not one]
        try:
            wanted = np.broadcast_to(given, shape).reshape(len(episodes), len(rows))
        except ValueError as error:
            rule = f"numbers that fit {len(episodes)} episodes and {len(rows)} neurons"
            raise InputError(f"state[{self.name!r}] must be given {rule}: {error}") from error
        with np.errstate(over="ignore"):
            beyond = (wanted - self._start[rows]).astype(self._blocks[0].dtype)
        require(bool(np.isfinite(beyond).all()), f"state[{self.name!r}]", "finite numbers of single precision", value)
        with self._at_rest():
            for episode, row in zip(episodes.tolist(), beyond, strict=True):
                block, lane = divmod(episode, LANES)
                self._blocks[block].state.x[self._slots[rows], lane] = row

    def _chosen(self, index: Any) -> tuple[np.ndarray, np.ndarray, tuple[bool, bool]]:
        """Episodes, places among the neurons that have it, and whether each was one number."""
        episodes, neurons = (*(index if isinstance(index, tuple) else (index,)), slice(None), slice(None))[:2]
        if isinstance(index, tuple) and len(index) > 2:
            raise InputError(f"state[{self.name!r}] has two axes, episode and neuron, got an index of {len(index)}")
        of_episodes, one_episode = positions(f"episode of state[{self.name!r}]", episodes, self._episodes)
        if isinstance(neurons, str):
            here = self._populations[self._neurons]
            known = ", ".join(dict.fromkeys(here))
            require(neurons in here, f"population of state[{self.name!r}]", f"one of {known}", neurons)
            return of_episodes, np.flatnonzero(here == neurons), (one_episode, False)
        chosen, one = positions(f"neuron of state[{self.name!r}]", neurons, len(self._populations))
        has = np.isin(chosen, self._neurons)
        if not isinstance(neurons, slice) and np.asarray(neurons).dtype != bool and not has.all():
            raise InputError(f"state[{self.name!r}]: neuron {chosen[~has][0]} has no such variable")
        return of_episodes, np.searchsorted(self._neurons, chosen[has]), (one_episode, one)


def positions(name: str, index: Any, length: int) -> tuple[np.ndarray, bool]:
    """What an index of an axis stands for, and whether it is one number; InputError for one that does not fit."""
    try:
        found = np.arange(length)[index]
    except (IndexError, TypeError, ValueError) as error:
        raise InputError(f"{name} must be a number, slice or mask of 0..{length - 1}, got {index!r:.80}") from error
    require(found.ndim <= 1, name, "of one axis", index)
    return np.atleast_1d(found), found.ndim == 0


class StateView(Mapping[str, Variable]):
    """The state variables of all neurons, by name: `simulation.state`."""

    __slots__ = ("_network", "_blocks", "_episodes", "_at_rest", "_names")

    def __init__(self, network: Acting, blocks: Sequence[Block], episodes: int, at_rest: AtRest) -> None:
        self._network, self._blocks, self._episodes, self._at_rest = network, blocks, episodes, at_rest
        self._names = variables_of(network)

    def __getitem__(self, name: str) -> Variable:
        known = isinstance(name, str) and name in self._names
        require(known, "state variable", f"one of {', '.join(self._names)}", name)
        return Variable(name, self._network, self._blocks, self._episodes, self._at_rest)

    def __setitem__(self, name: str, value: Any) -> None:
        self[name][:] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<state of {self._episodes} episodes: {', '.join(self._names)}; besides: {', '.join(OTHERS)}>"

    def rows_of(self, names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
        """Arrays of `lsnn.kernels.layout.State` and rows of them that hold these parts; none named = all of it."""
        known = (*self._names, *OTHERS)
        for name in names:
            require(isinstance(name, str) and name in known, "part of the state", f"one of {', '.join(known)}", name)
        found: list[tuple[str, np.ndarray]] = []
        for name in names or known:
            if name in OTHERS:
                found.append((OTHERS[name], np.arange(getattr(self._blocks[0].state, OTHERS[name]).shape[0])))
            else:
                found += [("x", np.arange(s.start, s.stop)) for _, s in groups_with(self._network, name)]
        return found
