"""One condition of a result file: its trials as a DataFrame, its recordings as xarray, each read when asked for.

Axes have names: episode, time (in ms; a step lasts 1 ms), neuron or cell, axis. Units and descriptions are attributes.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import h5py
import numpy as np
import pandas
import xarray

from lsnn.estimates import Estimate, mean_over_episodes, mean_over_trials, times_of, typical
from lsnn.files import older
from lsnn.files.about import About, Measure, Network, checksum_attribute, has_checksum
from lsnn.files.reading import (
    COUNT,
    FINITE,
    FLAG,
    GAPS,
    KEY,
    ResultError,
    Rule,
    array,
    attributes,
    check,
    dataset,
    holds,
    json_attribute,
    label_attribute,
    names,
    number_attribute,
    place,
    reported,
    subgroup,
    table,
    todays_name,
    values,
)

NO_RECORDINGS = {
    "goal", "platform", "latent", "episode_key", "probability", "choice", "paid", "prediction", "platform_radius"
}  # fmt: skip
OLDER_AXES = {"position": ["x", "y"], "action": ["x", "y"]}  # of schema 2
LARGEST_SPIKES = 2**30  # bytes, one a neuron and step


class MissingError(ResultError, KeyError):
    """Something of this name is not in the file; the message lists what is."""

    __str__ = Exception.__str__


def listed(of: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(of) or "none"


class Whole(Protocol):
    """The file that a condition is of (`lsnn.files.results.Result`)."""

    @property
    def about(self) -> About:
        """What the file says of its family."""

    @property
    def network(self) -> Network:
        """The network tested."""


class Condition:
    """One condition of a test: E episodes of T = `duration_ms` steps of 1 ms. Comes from `result[name]`.

    Recordings (`position`, `action`, `reward`, `value`, ... : see `recordings`) are attributes, read when asked for.
    Where the test went through variants of the task, each is a condition of its own: `result["frozen"]["independent"]`.

    Attributes:
        name, label, role: as the file names it; the role is network, control, baseline or oracle.
        variant: label of the variant of the task that it went through; "" where there are none.
        n_episodes, duration_ms: E and T.
        variants: conditions by the name of the variant; empty where there are none.
        group: the group of the file (h5py).
    """

    def __init__(
        self, group: h5py.Group, name: str, result: Whole | None = None, label: str = "", role: str = "",
        variants: Mapping[str, str] | None = None, variant: str = "",
    ) -> None:  # fmt: skip
        self.group, self.name, self.label, self.role, self._result = group, name, label or name, role, result
        self.variant = variant
        self.variants = {
            key: Condition(subgroup(group, key), f"{name}/{key}", result, label, role, None, text)
            for key, text in (variants or {}).items() if holds(group, key)
        }  # fmt: skip
        first = next(iter(self.variants.values()), None)
        self.n_episodes: int
        self.duration_ms: int
        self.n_episodes, self.duration_ms = (first.n_episodes, first.duration_ms) if first else self._size()

    def _size(self) -> tuple[int, int]:
        """E and T."""
        if "duration_ms" in self.group.attrs:
            duration_ms = int(number_attribute(self.group, "duration_ms", COUNT))
            found = len(dataset(self.group, "episode_key", (None,))), duration_ms
        else:
            found = older.n_episodes(self.group), older.duration_ms(self.group, self.about.task)
        if min(found) < 1:
            raise ResultError(f"{place(self.group)}: needs an episode and a step, has shape {found}")
        return found

    @property
    def about(self) -> About:
        """What the file says of its family."""
        return self._result.about if self._result is not None else About("")

    def __getitem__(self, variant: str) -> "Condition":
        if variant not in self.variants:
            raise MissingError(f"{place(self.group)}: has no variant {variant!r}; it has {listed(self.variants)}")
        return self.variants[variant]

    def __repr__(self) -> str:
        kept = f", {len(self.recorded)} recorded ({listed(self.recordings)})" if not self.variants else ""
        below = f", variants {listed(self.variants)}" if self.variants else ""
        told = ", ".join(filter(None, (self.label, self.variant, self.role)))
        return f"<Condition {self.name}: {told}, {self.n_episodes} episodes{kept}{below}>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.recordings]

    def __getattr__(self, name: str) -> xarray.DataArray:
        if name.startswith("_") or "duration_ms" not in self.__dict__:
            raise AttributeError(name)
        if self.variants:
            raise AttributeError(f"{self.name} has the variants {listed(self.variants)}, ask one of them for {name!r}")
        if name not in self.recordings:
            raise AttributeError(f"{self.name} has no {name!r}; its recordings are {listed(self.recordings)}")
        return self.recorded_array(name)

    # Trials

    @cached_property
    def trials(self) -> pandas.DataFrame:
        """A row a trial, in order; columns as in docs/reference/files.md, their units in `.attrs["units"]`.

        With variants the rows of all of them, told apart by the column `variant`.
        """
        if self.variants:
            parts = {name: each.trials for name, each in self.variants.items()}
            whole = pandas.concat(parts, names=["variant"]).reset_index("variant").reset_index(drop=True)
            whole.attrs = dict(next(iter(parts.values())).attrs)
            return whole
        columns = older.trials(self) if older.is_older(self.group) else self._table()
        frame = pandas.DataFrame({name: np.ascontiguousarray(column) for name, column in columns.items()})
        frame.attrs = self._told_of_columns()
        return frame

    def _table(self) -> dict[str, np.ndarray]:
        within, measures = Rule(0, self.duration_ms, whole=True), self.about.measures
        flags = {name for measure in measures for name in (measure.censored, measure.among) if name}
        rules = {"episode": Rule(0, self.n_episodes - 1, whole=True), "trial": COUNT, "start_ms": within}
        rules |= {"end_ms": within} | dict.fromkeys(flags, FLAG)
        clocks = ["episode", "trial", "start_ms"]
        columns = table(self.group, "trials", rules, GAPS, (*clocks, *(m.column for m in measures), *flags))
        where = f"{place(self.group)}, table 'trials'"
        columns |= {name: columns[name].astype(np.int64) for name in (*clocks, "end_ms") if name in columns}
        columns |= {name: columns[name].astype(bool) for name in flags}
        if "end_ms" not in columns and "latency_ms" in columns:
            check(f"{where}: column 'latency_ms'", columns["latency_ms"], within)
            columns["end_ms"] = columns["start_ms"] + columns["latency_ms"].astype(np.int64)
            check(f"{where}: start_ms + latency_ms", columns["end_ms"], within)
        begun = np.bincount(columns["episode"], minlength=self.n_episodes)
        numbers = np.concatenate([np.arange(count) for count in begun])
        if np.any(np.diff(columns["episode"]) < 0) or not np.array_equal(columns["trial"], numbers):
            raise ResultError(f"{where}: must have the trials 0, 1, ... of episode after episode, in order")
        return columns

    def _told_of_columns(self) -> dict[str, Any]:
        """Units and descriptions of the columns, as far as the file has them."""
        found = self.group.get("trials")
        kinds = [kind for kind in ("units", "descriptions", "description") if found is not None and kind in found.attrs]
        told = {
            "descriptions" if kind != "units" else kind: {
                todays_name(found, column): text for column, text in json_attribute(found, kind, dict).items()
            }
            for kind in kinds
        }
        return {"units": {}, "descriptions": {}, **told}

    @cached_property
    def episode_key(self) -> np.ndarray:
        """Keys of the episodes; equal keys mean equal episodes, whatever is done in them."""
        group = older.with_keys(self.group)
        with reported(place(group)):
            dimensions = getattr(group.get("episode_key"), "ndim", 1) or 1
        return array(group, "episode_key", (self.n_episodes, *(None,) * (dimensions - 1)), KEY)

    @cached_property
    def latent(self) -> xarray.DataArray | None:
        """What each episode hides, (episode, latent); None where the file does not say."""
        held = holds(self.group, "latent")
        found = array(self.group, "latent", (self.n_episodes, None)) if held else older.latent(self)
        if found is None:
            return None
        told = len(self.about.latent) == found.shape[1]
        labels = list(self.about.latent) if told else [str(number) for number in range(found.shape[1])]
        coordinates = {"episode": np.arange(len(found)), "latent": labels}
        return xarray.DataArray(found, coordinates, ("episode", "latent"), "latent", {"units": self.about.latent_unit})

    def estimate(self, measure: str, trials: tuple[int, int | None] = (0, None)) -> Estimate:
        """A measure of the family with its 95 % bootstrap interval over episodes: (value, low, high, n episodes).

        A mean; of a censored measure the median of the Kaplan-Meier curve (`lsnn/estimates.py`).

        Args:
            trials: first and last of those that count, from 0; None = to the last there is.

        Raises:
            MissingError: the family has no such measure.
        """
        of = next((each for each in self.about.measures if each.name == measure), None)
        if of is None:
            known = listed([each.name for each in self.about.measures])
            raise MissingError(f"{place(self.group)}: has no measure {measure!r}; it has {known}")
        first, last = trials
        rows = self.trials
        rows = rows[(rows["trial"] >= first) & (rows["trial"] <= (np.inf if last is None else last))]
        return self._estimated(of, of.counted(rows))

    def _estimated(self, of: Measure, rows: pandas.DataFrame) -> Estimate:
        value, episode = rows[of.column].to_numpy(np.float64), rows["episode"].to_numpy()
        if of.censored:
            whole = rows[of.censored].to_numpy(bool)
            return typical(times_of(value, whole, episode, self.n_episodes, self.duration_ms))
        if of.per == "episode":
            return mean_over_episodes(np.bincount(episode, weights=value, minlength=self.n_episodes))
        return mean_over_trials(value, episode, self.n_episodes)

    # What the network did

    @property
    def policy(self) -> str:
        """`mean` or `sampled` for a network, `scripted` for a baseline."""
        return label_attribute(self.group, "policy") if self.role in ("network", "control") else "scripted"

    @property
    def checksums(self) -> tuple[str, str] | None:
        """Checksum of the network before and after the condition was run; None where no network ran."""
        if not has_checksum(self.group) and self.role not in ("network", "control"):
            return None
        return checksum_attribute(self.group, "_before"), checksum_attribute(self.group, "_after")

    # Recordings

    @cached_property
    def recorded(self) -> np.ndarray:
        """Numbers of the episodes that the recordings are of, rising, (R,)."""
        if not holds(self.group, "recorded_episode"):
            return np.arange(self.n_episodes if holds(self.group, "position") else 0)
        numbers = array(self.group, "recorded_episode", (None,), Rule(0, self.n_episodes - 1, whole=True))
        if np.any(np.diff(numbers.astype(np.int64)) <= 0):
            raise ResultError(f"{place(self.group)}/recorded_episode: must rise, has {numbers[:9].tolist()}")
        return numbers.astype(np.int64)

    @property
    def recordings(self) -> tuple[str, ...]:
        """Names of the arrays a step that the file holds; spikes and traces come on top."""
        found = []
        with reported(place(self.group)):
            for name in self.group if len(self.recorded) else ():
                shape = older.dataset_shape(self.group, name)
                fits = len(shape) > 1 and shape[0] == len(self.recorded) and shape[1] - self.duration_ms in (0, 1)
                found += [name] if fits and name not in NO_RECORDINGS else []
        return tuple(found)

    def _source(self, name: str) -> h5py.Dataset:
        if name not in self.recordings:
            raise MissingError(f"{place(self.group)}: has no recording {name!r}; it has {listed(self.recordings)}")
        return dataset(self.group, name, (None,) * self.group[name].ndim)

    def recorded_array(self, name: str, episodes: Sequence[int] | None = None) -> xarray.DataArray:
        """A recording (episode, time) or (episode, time, axis), of all recorded episodes unless some are named.

        An array with T + 1 rows has the state before each step and after the last one.

        Raises:
            MissingError: no such recording, or not of these episodes.
        """
        source, numbers = self._source(name), self.recorded if episodes is None else np.asarray(episodes, np.int64)
        rows = [values(source, self._row(source, int(episode))) for episode in numbers]
        found = np.stack(rows) if rows else np.empty((0, *source.shape[1:]))
        coordinates: dict[str, Any] = {"episode": numbers, "time": time_axis(found.shape[1])}
        dimensions = ["episode", "time", *(f"axis_{k}" if k else "axis" for k in range(found.ndim - 2))]
        if found.ndim == 3:
            coordinates["axis"] = self._axis(source, name, found.shape[2])
        return xarray.DataArray(found, coordinates, dimensions, name, attributes(source))

    def _axis(self, source: h5py.Dataset, name: str, length: int) -> list[Any]:
        """Labels of the numbers of a recording."""
        older_ones = OLDER_AXES.get(name, []) if "family" not in source.file.attrs else []
        labels = names(source, "labels") if "labels" in source.attrs else older_ones
        return labels if len(labels) == length else list(range(length))

    def _row(self, source: h5py.Dataset, episode: int) -> int:
        rows = np.flatnonzero(self.recorded == episode)
        if not len(rows):
            raise MissingError(f"{place(source)}: holds the episodes {self.recorded.tolist()}, not episode {episode}")
        return int(rows[0])

    def recording(
        self, name: str, episode: int, steps: slice = slice(None), *behind: int, extra: int = 0, rule: Rule = FINITE
    ) -> np.ndarray:
        """Some steps of one recorded episode as a plain array, of (T + extra, *behind); nothing else is read."""
        source = dataset(self.group, name, (len(self.recorded), self.duration_ms + extra, *behind))
        return values(source, self._row(source, episode), steps, rule=rule)

    # Spikes and states

    @property
    def has_recording(self) -> bool:
        """Whether spikes, input spikes and traces were stored."""
        return all(holds(self.group, name) for name in ("spikes", "input_spikes", "traces"))

    @property
    def why_no_spikes(self) -> str:
        """In words, why it holds no spikes: nothing was recorded, or what was recorded does not spike."""
        if not len(self.recorded):
            return "has none: no episode was recorded (lsnn test --record)"
        if holds(self.group, "spikes"):
            return "has no traces: no trial ended in the recorded episodes"
        return "has none: its neurons send numbers in place of spikes"

    def _network(self) -> Network:
        if self._result is None:
            raise ResultError(f"{place(self.group)}: stands in no result that tells its network")
        return self._result.network

    @property
    def spike_trains(self) -> "SpikeTrains":
        """Spikes of the network, episode by episode."""
        return SpikeTrains(self.group, "spikes", self.n_episodes, self.duration_ms)

    @property
    def input_spike_trains(self) -> "SpikeTrains":
        """Spikes of the input cells, episode by episode."""
        return SpikeTrains(self.group, "input_spikes", self.n_episodes, self.duration_ms)

    @property
    def spikes(self) -> xarray.DataArray:
        """Spikes of the recorded episodes, (episode, time, neuron), True where one spikes; population by neuron."""
        return self.spike_trains.dense("neuron", "population", self._network().populations)

    @property
    def input_spikes(self) -> xarray.DataArray:
        """Spikes of the input cells, (episode, time, cell), True where one spikes; kind by cell."""
        return self.input_spike_trains.dense("cell", "kind", self._network().input_kinds)

    @property
    def spike_times(self) -> pandas.DataFrame:
        """Spikes of the recorded episodes, a row each: episode, time_ms, neuron, population."""
        trains, populations = self.spike_trains, self._network().populations
        parts = []
        for episode in trains.episodes.tolist():
            time, neuron = trains.between(episode, 0, self.duration_ms, len(populations))
            parts.append(pandas.DataFrame({"episode": episode, "time_ms": time, "neuron": neuron}))
        found = pandas.concat(parts, ignore_index=True)
        found["population"] = populations[found["neuron"]]
        found.attrs["units"] = {"episode": "1", "time_ms": "ms", "neuron": "1", "population": "1"}
        return found

    @cached_property
    def traces(self) -> xarray.Dataset:
        """State of all neurons in some windows: v, b and threshold, (window, row, neuron).

        Coordinates: episode (window,), time (window, row) in ms. Row w: at the threshold of its step, before the reset.
        """
        group, network = subgroup(self.group, "traces"), self._network()
        b = dataset(group, "b", (None, None, None))
        windows, width, neurons = b.shape
        if neurons != len(network.b0):
            raise ResultError(f"{place(b)}: must have the network's {len(network.b0)} neurons, has {neurons}")
        episode = array(group, "episode", (windows,), Rule(0, self.n_episodes - 1, whole=True)).astype(np.int64)
        start = array(group, "start_ms", (windows,), Rule(0, self.duration_ms - width, whole=True)).astype(np.int64)
        found = {name: values(dataset(group, name, b.shape)) for name in ("v", "b")}
        found["threshold"] = network.b0 + network.beta * found["b"]
        axes = ("window", "row", "neuron")
        told = {name: attributes(group[name]) for name in ("v", "b")}
        told["threshold"] = {"units": "unit of v", "description": "b0 + beta b"}
        time = start[:, None] + np.arange(width)
        return xarray.Dataset(
            {name: (axes, each, told[name]) for name, each in found.items()},
            {"episode": ("window", episode), "time": (axes[:2], time, {"units": "ms"}), "start_ms": ("window", start),
             "neuron": np.arange(neurons), "population": ("neuron", network.populations)},
            {"condition": self.name},
        )  # fmt: skip


def time_axis(steps: int) -> tuple[str, np.ndarray, dict[str, str]]:
    """The coordinate time of an array."""
    return "time", np.arange(steps), {"units": "ms"}


class SpikeTrains:
    """Ragged spikes of some episodes of a condition: `episodes` (K,) are those stored."""

    def __init__(self, parent: h5py.Group, name: str, n_episodes: int, duration_ms: int) -> None:
        group = subgroup(parent, name)
        self.name, self.duration_ms = name, duration_ms
        self.offsets = array(group, "episode_offsets", (None,), COUNT).astype(np.int64)
        self.time_ms = dataset(group, "time_ms", (None,))
        self.neuron = dataset(group, "neuron", self.time_ms.shape)
        self.times = Rule(0, duration_ms - 1, whole=True)
        rows = len(self.offsets) - 1
        self.episodes = np.arange(n_episodes)
        if holds(group, "episode"):
            self.episodes = array(group, "episode", (rows,), Rule(0, n_episodes - 1, whole=True)).astype(np.int64)
            if len(np.unique(self.episodes)) < rows:
                raise ResultError(f"{place(group)}: episode must name each once, has {self.episodes.tolist()}")
        whole = rows >= 0 and self.offsets[0] == 0 and self.offsets[-1] == len(self.time_ms)
        if not whole or np.any(np.diff(self.offsets) < 0) or len(self.episodes) != rows:
            raise ResultError(
                f"{place(group)}: episode_offsets must rise from 0 to the {len(self.time_ms)} spikes over "
                f"{len(self.episodes)} episodes, has {rows + 1} entries from {self.offsets[:1]} to {self.offsets[-1:]}"
            )

    def between(self, episode: int, start_ms: int, stop_ms: int, n_cells: int) -> tuple[np.ndarray, np.ndarray]:
        """Times (S,) in ms and neurons (S,), of n_cells, of an episode's spikes with start_ms <= time < stop_ms."""
        rows = np.flatnonzero(self.episodes == episode)
        if not len(rows):
            stored = self.episodes.tolist()
            raise MissingError(f"{place(self.time_ms)}: holds the episodes {stored}, not episode {episode}")
        part = slice(int(self.offsets[rows[0]]), int(self.offsets[rows[0] + 1]))
        time = values(self.time_ms, part, rule=self.times).astype(np.int64)
        neuron = values(self.neuron, part, rule=Rule(0, n_cells - 1, whole=True)).astype(np.int64)
        inside = (time >= start_ms) & (time < stop_ms)
        return time[inside], neuron[inside]

    def dense(self, axis: str, told: str, kinds: np.ndarray) -> xarray.DataArray:
        """All of them as (episode, time, cell), with the kind of each cell; ResultError where memory would not do."""
        shape = (len(self.episodes), self.duration_ms, len(kinds))
        if np.prod(shape, dtype=float) > LARGEST_SPIKES:
            raise ResultError(
                f"{place(self.time_ms)}: spikes of {shape} cannot be held in memory; ask for spike_times, or for "
                "spike_trains.between(...) of one episode"
            )
        spikes = np.zeros(shape, bool)
        for row, episode in enumerate(self.episodes.tolist()):
            spikes[(row, *self.between(episode, 0, self.duration_ms, len(kinds)))] = True
        coordinates = {
            "episode": self.episodes, "time": time_axis(shape[1]), axis: np.arange(shape[2]), told: (axis, kinds)
        }  # fmt: skip
        return xarray.DataArray(spikes, coordinates, ("episode", "time", axis), self.name, {"units": "1"})
