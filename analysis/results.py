"""Read a result file (HDF5; docs/reference/files.md); times in ms (steps of 1 ms), lengths in pool radii.

The file is known to be sound before it is opened (`lsnn/sealed.py`), and whatever is asked for is checked before it is
handed out: presence, kind, shape and range. Spikes, paths and traces are read in slices, so a file may be larger than
memory.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.sealed import open_sealed

SCHEMA_VERSION = 2
NETWORK_CONDITIONS = ("frozen", "frozen_sampled", "state_reset", "untrained")
SWIMMERS = ("random_walk", "straight_lines", "border", "circling", "memory", "oracle")
CONDITIONS = NETWORK_CONDITIONS + SWIMMERS
LARGEST_READ_BYTES = 2**30


class ResultError(InputError):
    """A result file that breaks a rule; the message names the file, the item, the rule and what was found."""


class Trials(NamedTuple):
    """The trials table of a condition, a row a trial; every field has shape (rows,).

    A trial runs from being set down to the find. `trial` counts from 0 within an episode. The last trial of an episode
    may be cut off by the episode's end: `found` is then False and `latency_ms` the time spent so far.
    """

    episode: np.ndarray
    trial: np.ndarray
    start_ms: np.ndarray
    latency_ms: np.ndarray
    path_length: np.ndarray
    optimal_ms: np.ndarray
    start_x: np.ndarray
    start_y: np.ndarray
    goal_x: np.ndarray
    goal_y: np.ndarray
    found: np.ndarray


class Network(NamedTuple):
    """What figures need to know of the network: population code, b0, beta, each (N,); names of codes and inputs.

    Neurons are called excitatory and inhibitory only where signs are held (Dale's law).
    """

    population: np.ndarray
    labels: tuple[str, ...]
    b0: np.ndarray
    beta: np.ndarray
    input_channels: tuple[tuple[str, int], ...]


class Origin(NamedTuple):
    """A network that was tested: how it is called in the file, seed and command of its meta-training, if known."""

    name: str
    seed: int
    command: str | None


@dataclass(frozen=True)
class Provenance:
    """Root attributes: what made the file."""

    schema_version: int
    command: str
    seed: int
    created: str
    git_commit: str
    network_sha256: str
    network_is_whole: bool  # whether that is the checksum of all a network computes with; else of its weights alone
    networks: tuple[Origin, ...]
    packages: dict[str, str]
    config: dict[str, Any]


def opened(path: Path) -> h5py.File:
    """A sealed file, open for reading; ResultError for whatever is none."""
    try:
        return open_sealed(path)
    except InputError as error:
        raise ResultError(str(error)) from error


@contextmanager
def reported(where: str) -> Iterator[None]:
    """Turn whatever h5py, JSON or a conversion raises into a ResultError that says where."""
    try:
        yield
    except ResultError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ResultError(f"{where}: cannot be read: {error}") from error


def place(item: h5py.Group | h5py.Dataset) -> str:
    """File and item, as every message begins."""
    return f"{item.file.filename}: {item.name}"


def subgroup(parent: h5py.Group, name: str) -> h5py.Group:
    """The group `name` of `parent`; ResultError when absent or no group."""
    with reported(f"{place(parent)}, group {name!r}"):
        found = parent.get(name)
    if not isinstance(found, h5py.Group):
        raise ResultError(f"{place(parent)}: needs a group {name!r}, found {describe(found)}")
    return found


def dataset(parent: h5py.Group, name: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
    """The numeric data set `name` of `parent` with the given shape (None: any length); ResultError otherwise."""
    with reported(f"{place(parent)}, data set {name!r}"):
        found = parent.get(name)
        if not isinstance(found, h5py.Dataset):
            raise ResultError(f"{place(parent)}: needs a data set {name!r}, found {describe(found)}")
        if found.dtype.kind not in "biuf":
            raise ResultError(f"{place(found)}: must hold numbers, holds {found.dtype}")
        if not fits(found.shape, shape):
            rule = ", ".join("any" if length is None else str(length) for length in shape)
            raise ResultError(f"{place(found)}: must have shape ({rule}), has {found.shape}")
    return found


def table(parent: h5py.Group, name: str) -> dict[str, np.ndarray]:
    """The columns of a table: a data set of compound type, or a group with a one-dimensional data set a column."""
    with reported(f"{place(parent)}, table {name!r}"):
        found = parent.get(name)
        if isinstance(found, h5py.Dataset) and found.dtype.names and len(found.shape or ()) == 1:
            wrong = [column for column in found.dtype.names if found.dtype[column].kind not in "biuf"]
            if wrong:
                raise ResultError(f"{place(found)}: columns must hold numbers, {wrong[0]!r} does not")
            rows = values(found)
            return {column: rows[column] for column in found.dtype.names}
    group, columns = subgroup(parent, name), {}
    length: tuple[int | None, ...] = (None,)
    with reported(place(parent)):
        names = list(group)
    for column in names:
        source = dataset(group, column, length)
        columns[column], length = values(source), source.shape
    return columns


def holds(group: h5py.Group, name: str) -> bool:
    """Whether a group has an item of that name; ResultError where it is damaged."""
    with reported(place(group)):
        return name in group


def describe(found: object) -> str:
    return "nothing" if found is None else type(found).__name__.lower()


def fits(shape: tuple[int, ...] | None, wanted: tuple[int | None, ...]) -> bool:
    return (
        shape is not None
        and len(shape) == len(wanted)
        and all(rule is None or length == rule for length, rule in zip(shape, wanted, strict=True))
    )


def values(source: h5py.Dataset, *selection: int | slice) -> np.ndarray:
    """The selected part of a data set in memory; ResultError when it is damaged or larger than LARGEST_READ_BYTES."""
    with reported(place(source)):
        if not selection and source.size * source.dtype.itemsize > LARGEST_READ_BYTES:
            raise ResultError(f"{place(source)}: must take at most {LARGEST_READ_BYTES} bytes, has {source.shape}")
        return np.asarray(source[selection or ...])


def attribute(item: h5py.Group | h5py.Dataset, name: str) -> Any:
    """An attribute, text as str; ResultError when absent, or of variable length, where damage can make HDF5 hang."""
    with reported(f"{place(item)}, attribute {name!r}"):
        if name not in item.attrs:
            raise ResultError(f"{place(item)}: needs an attribute {name!r}, found nothing")
        held = item.attrs.get_id(name).dtype
        if held.hasobject:
            raise ResultError(f"{place(item)}: attribute {name!r} must be numbers or text of fixed length, is {held}")
        value = item.attrs[name]
        if held.kind == "S":
            value = np.char.decode(value, "utf-8")
        return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """All attributes by name, as `attribute` gives them."""
    with reported(f"{place(item)}: attributes"):
        return {name: attribute(item, name) for name in item.attrs}


def text_attribute(item: h5py.Group | h5py.Dataset, name: str) -> str:
    """A text attribute; ResultError when absent or no text."""
    with reported(f"{place(item)}, attribute {name!r}"):
        value = attribute(item, name) if name in item.attrs else None
        if not isinstance(value, str):
            raise ResultError(f"{place(item)}: needs a text attribute {name!r}, found {describe(value)}")
        return str(value)


def checksum_attribute(item: h5py.Group, when: str = "") -> str:
    """Checksum of a network ("_before", "_after" its run): of all it computes with; of its weights in older files."""
    name, older = f"frozen_sha256{when}", f"weights_sha256{when}" if when else "network_sha256"
    with reported(f"{place(item)}, attribute {name!r}"):
        return text_attribute(item, older if older in item.attrs and name not in item.attrs else name)


def has_checksum(item: h5py.Group | h5py.Dataset) -> bool:
    """Whether it holds what a network did."""
    return "frozen_sha256_before" in item.attrs or "weights_sha256_before" in item.attrs


def json_attribute(item: h5py.Group | h5py.Dataset, name: str, kind: type) -> Any:
    """A JSON attribute that must be a `kind` (dict or list)."""
    text = text_attribute(item, name)
    with reported(f"{place(item)}, attribute {name!r}"):
        value = json.loads(text)
    if not isinstance(value, kind):
        raise ResultError(f"{place(item)}: attribute {name!r} must be a JSON {kind.__name__}, is {text[:60]!r}")
    return value


class Spikes:
    """Ragged spikes of some episodes of a condition: `episodes` (K,) are those stored."""

    def __init__(self, group: h5py.Group, n_episodes: int) -> None:
        self.offsets = values(dataset(group, "episode_offsets", (None,))).astype(np.int64)
        self.time_ms = dataset(group, "time_ms", (None,))
        self.neuron = dataset(group, "neuron", self.time_ms.shape)
        rows = len(self.offsets) - 1
        some = holds(group, "episode")
        self.episodes = values(dataset(group, "episode", (rows,))).astype(np.int64) if some else np.arange(n_episodes)
        whole = rows >= 0 and self.offsets[0] == 0 and self.offsets[-1] == len(self.time_ms)
        if not whole or np.any(np.diff(self.offsets) < 0) or len(self.episodes) != rows:
            raise ResultError(
                f"{place(group)}: episode_offsets must rise from 0 to the {len(self.time_ms)} spikes over "
                f"{len(self.episodes)} episodes, has {rows + 1} entries from {self.offsets[:1]} to {self.offsets[-1:]}"
            )

    def between(self, episode: int, start_ms: int, stop_ms: int) -> tuple[np.ndarray, np.ndarray]:
        """Times (S,) in ms and neurons (S,) of the spikes of an episode with start_ms <= time < stop_ms."""
        rows = np.flatnonzero(self.episodes == episode)
        if not len(rows):
            stored = self.episodes.tolist()
            raise ResultError(f"{place(self.time_ms)}: holds the episodes {stored}, not episode {episode}")
        part = slice(int(self.offsets[rows[0]]), int(self.offsets[rows[0] + 1]))
        time = values(self.time_ms, part)
        inside = (time >= start_ms) & (time < stop_ms)
        return time[inside], values(self.neuron, part)[inside]


class Traces:
    """v and b of N neurons over K windows of W ms; row w: at the threshold of step start_ms + w, before the reset."""

    def __init__(self, group: h5py.Group) -> None:
        self.b = dataset(group, "b", (None, None, None))
        self.v = dataset(group, "v", self.b.shape)
        n_windows, self.width_ms, self.n_neurons = self.b.shape
        self.episode = values(dataset(group, "episode", (n_windows,))).astype(np.int64)
        self.start_ms = values(dataset(group, "start_ms", (n_windows,))).astype(np.int64)

    def thresholds(self, window: int, start: int, stop: int, network: Network) -> np.ndarray:
        """B = b0 + beta b over rows start..stop of a window, (stop - start, N), in the unit of b0."""
        if len(network.b0) != self.n_neurons:
            expected = len(network.b0)
            raise ResultError(f"{place(self.b)}: must have the network's {expected} neurons, has {self.n_neurons}")
        return network.b0 + network.beta * values(self.b, window, slice(start, stop))


class Condition:
    """One condition of a result file: E episodes of T = `duration_ms` steps."""

    def __init__(self, group: h5py.Group, name: str) -> None:
        self.group, self.name = group, name
        self._position = dataset(group, "position", (None, None, 2))
        self.n_episodes, self.duration_ms = self._position.shape[0], self._position.shape[1] - 1
        if self.n_episodes < 1 or self.duration_ms < 1:
            raise ResultError(f"{place(self._position)}: needs an episode and a step, has shape {self._position.shape}")

    @cached_property
    def goal(self) -> np.ndarray:
        """Centre of the first platform of each episode, (E, 2)."""
        return values(dataset(self.group, "goal", (self.n_episodes, 2)))

    @cached_property
    def episode_key(self) -> np.ndarray:
        """Keys of the episodes; equal keys mean equal platforms and starts."""
        with reported(place(self.group)):
            dimensions = getattr(self.group.get("episode_key"), "ndim", 1) or 1
        return values(dataset(self.group, "episode_key", (self.n_episodes, *(None,) * (dimensions - 1))))

    @cached_property
    def trials(self) -> Trials:
        """The trials table, checked: equal columns, finite times, episodes and trial numbers in range."""
        columns, where = table(self.group, "trials"), f"{place(self.group)}, table 'trials'"
        missing = [name for name in Trials._fields if name not in columns]
        if missing:
            raise ResultError(f"{where}: needs the columns {', '.join(Trials._fields)}; missing: {', '.join(missing)}")
        trials = Trials(**{name: columns[name] for name in Trials._fields})
        rules = {
            "episode": (trials.episode >= 0) & (trials.episode < self.n_episodes),
            "trial": trials.trial >= 0,
            "start_ms": (trials.start_ms >= 0) & (trials.start_ms <= self.duration_ms),
            "latency_ms": (trials.latency_ms >= 0) & (trials.start_ms + trials.latency_ms <= self.duration_ms),
        }
        for column, holds in rules.items():
            if not np.all(holds):
                wrong = getattr(trials, column)[~holds][0]
                raise ResultError(
                    f"{where}: column {column!r} has {wrong}, out of range for {self.n_episodes} episodes "
                    f"of {self.duration_ms} ms"
                )
        return trials._replace(found=trials.found.astype(bool))

    @cached_property
    def goals(self) -> np.ndarray:
        """Finds in each episode, (E,)."""
        trials = self.trials
        return np.bincount(trials.episode[trials.found].astype(np.int64), minlength=self.n_episodes)

    @property
    def policy(self) -> str:
        """`mean` or `sampled` for a network, `scripted` for a swimmer."""
        return text_attribute(self.group, "policy") if self.name in NETWORK_CONDITIONS else "scripted"

    @property
    def checksums(self) -> tuple[str, str]:
        """Checksum of the network before and after the condition was run."""
        return checksum_attribute(self.group, "_before"), checksum_attribute(self.group, "_after")

    @property
    def has_recording(self) -> bool:
        """Whether spikes, input spikes and traces were stored."""
        return all(holds(self.group, name) for name in ("spikes", "input_spikes", "traces"))

    @property
    def spikes(self) -> Spikes:
        return Spikes(subgroup(self.group, "spikes"), self.n_episodes)

    @property
    def input_spikes(self) -> Spikes:
        return Spikes(subgroup(self.group, "input_spikes"), self.n_episodes)

    @property
    def traces(self) -> Traces:
        return Traces(subgroup(self.group, "traces"))

    def position(self, episode: int, start_ms: int = 0, stop_ms: int | None = None) -> np.ndarray:
        """Path of an episode, rows start_ms..stop_ms of (T + 1, 2); row t is the place before step t."""
        return values(self._position, episode, slice(start_ms, stop_ms))


class Result:
    """An open result file, read only; use it in a `with` statement.

    Raises ResultError for a file that is not whole, no result, of another schema version or without a root attribute.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.file = opened(self.path)
        try:
            self.provenance = self._provenance()
        except ResultError:
            self.file.close()
            raise

    def __enter__(self) -> "Result":
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()

    def _provenance(self) -> Provenance:
        kind = text_attribute(self.file, "kind")
        if kind != "result":
            raise ResultError(f"{self.path}: must be a result file, is a {kind} file")
        version = self._whole_number("schema_version")
        if version != SCHEMA_VERSION:
            raise ResultError(f"{self.path}: schema_version must be {SCHEMA_VERSION}, is {version}")
        return Provenance(
            schema_version=version,
            seed=self._whole_number("seed"),
            packages=json_attribute(self.file, "packages", dict),
            config=json_attribute(self.file, "config", dict),
            network_sha256=checksum_attribute(self.file),
            network_is_whole="frozen_sha256" in self.file.attrs,
            networks=tuple(self._networks()),
            **{name: text_attribute(self.file, name) for name in ("command", "created", "git_commit")},
        )

    def _networks(self) -> Iterator[Origin]:
        """The network of the root, else those of the groups that name one."""
        with reported(f"{self.path}: networks"):
            if "network_seed" in self.file.attrs:
                command = text_attribute(self.file, "network_command")
                yield Origin("network", self._whole_number("network_seed"), command)
                return
            for name, group in self.file.items():
                if isinstance(group, h5py.Group) and {"network", "seed"} <= set(group.attrs):
                    made_by = text_attribute(group, "command") if "command" in group.attrs else None
                    yield Origin(name, int(attribute(group, "seed")), made_by)

    def _whole_number(self, name: str) -> int:
        with reported(f"{self.path}: attribute {name!r}"):
            return int(attribute(self.file, name))

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """The conditions in the file, in the order of CONDITIONS."""
        return {name: Condition(subgroup(self.file, name), name) for name in CONDITIONS if holds(self.file, name)}

    def require(self, *names: str) -> None:
        """Raise ResultError unless every named condition is in the file."""
        missing = [name for name in names if name not in self.conditions]
        if missing:
            raise ResultError(f"{self.path}: needs the conditions {', '.join(names)}; missing: {', '.join(missing)}")

    @property
    def task(self) -> str:
        """Name of the family, from the configuration; `water-maze` where it has none."""
        task = self.provenance.config.get("task")
        return str(task.get("name", "water-maze")) if isinstance(task, dict) else "water-maze"

    def radius_of(self, condition: Condition, episode: int) -> float:
        """Radius of an episode's platform, in pool radii; where the file has none, that of all, `platform_radius`."""
        if not holds(condition.group, "platform_radius"):
            return self.platform_radius
        radius = float(values(found := dataset(condition.group, "platform_radius", (condition.n_episodes,)), episode))
        if not 0 < radius <= 1:
            raise ResultError(f"{place(found)}: must lie in (0, 1], holds {radius}")
        return radius

    @property
    def platform_radius(self) -> float:
        """Radius of the platform (the greatest, where it varies), from the configuration's `task.platform_radius`."""
        with reported(f"{self.path}: attribute 'config', key task.platform_radius"):
            return float(self.provenance.config["task"]["platform_radius"])

    @cached_property
    def network(self) -> Network:
        """Populations and thresholds of the network tested."""
        group = subgroup(self.file, "network")
        population = dataset(group, "population", (None,))
        labels = tuple(str(label) for label in json_attribute(population, "labels", list))
        with reported(f"{place(group)}, attribute 'input_channels'"):
            channels = tuple((str(name), int(size)) for name, size in json_attribute(group, "input_channels", list))
        codes = values(population).astype(np.int64)
        if np.any((codes < 0) | (codes >= len(labels))):
            rule = f"codes must be 0..{len(labels) - 1}"
            raise ResultError(f"{place(population)}: {rule}, has {codes.min()}..{codes.max()}")
        b0, beta = (values(dataset(group, name, population.shape)) for name in ("b0", "beta"))
        if not self._signs_are_held():
            labels = tuple({"excitatory": "LIF", "inhibitory": "LIF"}.get(label, label) for label in labels)
        own = list(dict.fromkeys(labels))  # populations of one name are one
        return Network(np.array([own.index(label) for label in labels])[codes], tuple(own), b0, beta, channels)

    def _signs_are_held(self) -> bool:
        """Whether each neuron of the network excites or inhibits (Dale's law); as it is where nothing says so."""
        network = self.provenance.config.get("network")
        return not isinstance(network, dict) or bool(network.get("dale", True))

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """Meta-training history, a column a key, each (iterations,); empty when the file has none."""
        columns = table(self.file, "history") if holds(self.file, "history") else {}
        return {name: column.astype(np.float64) for name, column in columns.items()}
