"""What a result file holds (HDF5; docs/reference/files.md); times in ms (steps of 1 ms), lengths in pool radii.

The file is known to be sound before it is opened (`lsnn/files/sealed.py`), and whatever is asked for is checked
before it is handed out (`analysis/reading.py`). Spikes, paths and traces are read in slices, so a file may be larger
than memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from analysis.reading import (
    COUNT,
    FINITE,
    FLAG,
    GAPS,
    KEY,
    PLACE,
    ResultError,
    Rule,
    array,
    check,
    checked_label,
    dataset,
    holds,
    json_attribute,
    label_attribute,
    number_attribute,
    opened,
    place,
    reported,
    subgroup,
    table,
    text_attribute,
    values,
)

SCHEMA_VERSIONS = (2, 3)
NETWORK_CONDITIONS = ("frozen", "frozen_sampled", "state_reset", "untrained")
SWIMMERS = ("random_walk", "straight_lines", "border", "circling", "memory", "oracle")
CONDITIONS = NETWORK_CONDITIONS + SWIMMERS
MOST_CELLS = 2**24  # of the input


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


def checksum_attribute(item: h5py.Group, when: str = "") -> str:
    """Checksum of a network ("_before", "_after" its run): of all it computes with; of its weights in older files."""
    name, older = f"frozen_sha256{when}", f"weights_sha256{when}" if when else "network_sha256"
    with reported(f"{place(item)}, attribute {name!r}"):
        return label_attribute(item, older if older in item.attrs and name not in item.attrs else name)


def has_checksum(item: h5py.Group | h5py.Dataset) -> bool:
    """Whether it holds what a network did."""
    return "frozen_sha256_before" in item.attrs or "weights_sha256_before" in item.attrs


def date_attribute(item: h5py.Group, name: str) -> str:
    """A date and time with its zone, as ISO 8601 writes them."""
    text = text_attribute(item, name)
    try:
        known = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise ResultError(f"{place(item)}, attribute {name!r}: must be a date and time with a zone, is {text!r:.60}")
    return text


def radius_in(where: str, radius: float) -> float:
    """A radius of a platform; ResultError unless it lies in the pool."""
    if not 0 < radius <= 1:
        raise ResultError(f"{where}: must lie in (0, 1], holds {radius}")
    return radius


def stored_episodes(group: h5py.Group, rows: int, n_episodes: int) -> np.ndarray:
    """Numbers of the episodes that a recording is of, (rows,)."""
    return array(group, "episode", (rows,), Rule(0, n_episodes - 1, whole=True)).astype(np.int64)


def channels_of(group: h5py.Group) -> tuple[tuple[str, int], ...]:
    """Kinds of input cells, and how many there are of each."""
    where = f"{place(group)}, attribute 'input_channels'"
    with reported(where):
        listed = json_attribute(group, "input_channels", list)
        channels = tuple((checked_label(where, name), size) for name, size in listed)
    sizes = [size for _, size in channels]
    if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) > MOST_CELLS:
        rule = f"whole numbers >= 0, at most {MOST_CELLS} in all"
        raise ResultError(f"{where}: sizes must be {rule}, are {sizes!r:.60}")
    return channels


class Spikes:
    """Ragged spikes of some episodes of a condition: `episodes` (K,) are those stored."""

    def __init__(self, group: h5py.Group, n_episodes: int, duration_ms: int) -> None:
        self.offsets = array(group, "episode_offsets", (None,), COUNT).astype(np.int64)
        self.time_ms = dataset(group, "time_ms", (None,))
        self.neuron = dataset(group, "neuron", self.time_ms.shape)
        self.times = Rule(0, duration_ms - 1, whole=True)
        rows = len(self.offsets) - 1
        self.episodes = np.arange(n_episodes)
        if holds(group, "episode"):
            self.episodes = stored_episodes(group, rows, n_episodes)
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
            raise ResultError(f"{place(self.time_ms)}: holds the episodes {stored}, not episode {episode}")
        part = slice(int(self.offsets[rows[0]]), int(self.offsets[rows[0] + 1]))
        time = values(self.time_ms, part, rule=self.times).astype(np.int64)
        neuron = values(self.neuron, part, rule=Rule(0, n_cells - 1, whole=True)).astype(np.int64)
        inside = (time >= start_ms) & (time < stop_ms)
        return time[inside], neuron[inside]


class Traces:
    """v and b of N neurons over K windows of W ms; row w: at the threshold of step start_ms + w, before the reset."""

    def __init__(self, group: h5py.Group, n_episodes: int, duration_ms: int) -> None:
        self.b = dataset(group, "b", (None, None, None))
        self.v = dataset(group, "v", self.b.shape)
        n_windows, self.width_ms, self.n_neurons = self.b.shape
        self.episode = stored_episodes(group, n_windows, n_episodes)
        within = Rule(0, duration_ms - self.width_ms, whole=True)
        self.start_ms = array(group, "start_ms", (n_windows,), within).astype(np.int64)

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
        if "duration_ms" in group.attrs:
            where, shape = place(group), dataset(group, "episode_key", (None,)).shape
            self.n_episodes, self.duration_ms = shape[0], int(number_attribute(group, "duration_ms", COUNT))
        else:  # schema 2, which kept every path
            position = dataset(group, "position", (None, None, 2))
            where, shape = place(position), position.shape
            self.n_episodes, self.duration_ms = shape[0], shape[1] - 1
        if self.n_episodes < 1 or self.duration_ms < 1:
            raise ResultError(f"{where}: needs an episode and a step, has shape {shape}")

    @cached_property
    def goal(self) -> np.ndarray:
        """Centre of the first platform of each episode, (E, 2)."""
        if not holds(self.group, "latent"):
            return array(self.group, "goal", (self.n_episodes, 2), PLACE)
        return array(self.group, "latent", (self.n_episodes, 3), PLACE)[:, :2]

    @cached_property
    def recorded(self) -> np.ndarray:
        """Numbers of the episodes of which paths, actions and so on are kept, rising, (K,)."""
        if not holds(self.group, "recorded_episode"):
            return np.arange(self.n_episodes if holds(self.group, "position") else 0)
        numbers = array(self.group, "recorded_episode", (None,), Rule(0, self.n_episodes - 1, whole=True))
        if np.any(np.diff(numbers.astype(np.int64)) <= 0):
            raise ResultError(f"{place(self.group)}/recorded_episode: must rise, has {numbers[:9].tolist()}")
        return numbers.astype(np.int64)

    def recording(
        self, name: str, episode: int, steps: slice, *behind: int, extra: int = 0, rule: Rule = FINITE
    ) -> np.ndarray:
        """Some steps of what is kept of an episode under that name, of (T + extra, *behind)."""
        source = dataset(self.group, name, (len(self.recorded), self.duration_ms + extra, *behind))
        rows = np.flatnonzero(self.recorded == episode)
        if not len(rows):
            raise ResultError(f"{place(source)}: holds the episodes {self.recorded.tolist()}, not episode {episode}")
        return values(source, int(rows[0]), steps, rule=rule)

    @cached_property
    def episode_key(self) -> np.ndarray:
        """Keys of the episodes; equal keys mean equal platforms and starts."""
        with reported(place(self.group)):
            dimensions = getattr(self.group.get("episode_key"), "ndim", 1) or 1
        return array(self.group, "episode_key", (self.n_episodes, *(None,) * (dimensions - 1)), KEY)

    @cached_property
    def trials(self) -> Trials:
        """The trials table: whole columns in range, and in every episode the trials 0, 1, ... one after the other."""
        within = Rule(0, self.duration_ms, whole=True)
        rules = {
            "episode": Rule(0, self.n_episodes - 1, whole=True), "trial": COUNT, "start_ms": within,
            "latency_ms": within, "path_length": Rule(0), "optimal_ms": COUNT, "found": FLAG,
        } | dict.fromkeys(("start_x", "start_y", "goal_x", "goal_y"), PLACE)  # fmt: skip
        columns = table(self.group, "trials", rules, GAPS, Trials._fields)
        where = f"{place(self.group)}, table 'trials'"
        whole = {name: columns[name].astype(np.int64) for name, rule in rules.items() if rule.whole}
        trials = Trials(**{name: whole.get(name, columns[name]) for name in Trials._fields})
        check(f"{where}: start_ms + latency_ms", trials.start_ms + trials.latency_ms, within)
        begun = np.bincount(trials.episode, minlength=self.n_episodes)
        if not begun.all():
            raise ResultError(f"{where}: must have a trial of every episode, has none of {np.argmin(begun)}")
        numbers = np.concatenate([np.arange(count) for count in begun])
        if np.any(np.diff(trials.episode) < 0) or not np.array_equal(trials.trial, numbers):
            raise ResultError(f"{where}: must have the trials 0, 1, ... of episode after episode, in order")
        return trials._replace(found=trials.found.astype(bool))

    @cached_property
    def goals(self) -> np.ndarray:
        """Finds in each episode, (E,)."""
        trials = self.trials
        return np.bincount(trials.episode[trials.found], minlength=self.n_episodes)

    @property
    def policy(self) -> str:
        """`mean` or `sampled` for a network, `scripted` for a swimmer."""
        return label_attribute(self.group, "policy") if self.name in NETWORK_CONDITIONS else "scripted"

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
        return Spikes(subgroup(self.group, "spikes"), self.n_episodes, self.duration_ms)

    @property
    def input_spikes(self) -> Spikes:
        return Spikes(subgroup(self.group, "input_spikes"), self.n_episodes, self.duration_ms)

    @property
    def traces(self) -> Traces:
        return Traces(subgroup(self.group, "traces"), self.n_episodes, self.duration_ms)

    def position(self, episode: int, start_ms: int = 0, stop_ms: int | None = None) -> np.ndarray:
        """Path of an episode, rows start_ms..stop_ms of (T + 1, 2); row t is the place before step t."""
        return self.recording("position", episode, slice(start_ms, stop_ms), 2, extra=1, rule=PLACE)


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
        kind = label_attribute(self.file, "kind")
        if kind != "result":
            raise ResultError(f"{self.path}: must be a result file, is a {kind} file")
        version = int(number_attribute(self.file, "schema_version", COUNT))
        if version not in SCHEMA_VERSIONS:
            known = " or ".join(map(str, SCHEMA_VERSIONS))
            raise ResultError(f"{self.path}: schema_version must be {known}, is {version}")
        return Provenance(
            schema_version=version,
            seed=int(number_attribute(self.file, "seed", KEY)),
            packages=json_attribute(self.file, "packages", dict),
            config=json_attribute(self.file, "config", dict),
            network_sha256=checksum_attribute(self.file),
            network_is_whole="frozen_sha256" in self.file.attrs,
            networks=tuple(self._networks()),
            command=text_attribute(self.file, "command"),
            created=date_attribute(self.file, "created"),
            git_commit=label_attribute(self.file, "git_commit"),
        )

    def _networks(self) -> Iterator[Origin]:
        """The network of the root, else those of the groups that name one."""
        with reported(f"{self.path}: networks"):
            if "network_seed" in self.file.attrs:
                command = text_attribute(self.file, "network_command")
                yield Origin("network", int(number_attribute(self.file, "network_seed", KEY)), command)
                return
            for name, group in self.file.items():
                if isinstance(group, h5py.Group) and {"network", "seed"} <= set(group.attrs):
                    made_by = text_attribute(group, "command") if "command" in group.attrs else None
                    yield Origin(name, int(number_attribute(group, "seed", KEY)), made_by)

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
        name = task.get("name", "water-maze") if isinstance(task, dict) else "water-maze"
        return checked_label(f"{self.path}: attribute 'config', key task.name", name)

    def radius_of(self, condition: Condition, episode: int) -> float:
        """Radius of an episode's platform, in pool radii; where the file has none, that of all, `platform_radius`."""
        group, n = condition.group, condition.n_episodes
        if holds(group, "latent"):
            radius = float(values(found := dataset(group, "latent", (n, 3)), episode)[2])
        elif holds(group, "platform_radius"):
            radius = float(values(found := dataset(group, "platform_radius", (n,)), episode))
        else:
            return self.platform_radius
        return radius_in(place(found), radius)

    @property
    def platform_radius(self) -> float:
        """Radius of the platform (the greatest, where it varies), from the configuration's `task.platform_radius`."""
        where = f"{self.path}: attribute 'config', key task.platform_radius"
        with reported(where):
            return radius_in(where, float(self.provenance.config["task"]["platform_radius"]))

    @cached_property
    def network(self) -> Network:
        """Populations and thresholds of the network tested."""
        group = subgroup(self.file, "network")
        population = dataset(group, "population", (None,))
        where = f"{place(population)}, attribute 'labels'"
        labels = tuple(checked_label(where, text) for text in json_attribute(population, "labels", list))
        codes = values(population, rule=Rule(0, len(labels) - 1, whole=True)).astype(np.int64)
        b0 = array(group, "b0", population.shape, Rule(float(np.finfo(np.float32).tiny)))
        beta = array(group, "beta", population.shape, Rule(0))
        if not self._signs_are_held():
            labels = tuple({"excitatory": "LIF", "inhibitory": "LIF"}.get(label, label) for label in labels)
        own = list(dict.fromkeys(labels))  # populations of one name are one
        codes = np.array([own.index(label) for label in labels])[codes]
        return Network(codes, tuple(own), b0, beta, channels_of(group))

    def _signs_are_held(self) -> bool:
        """Whether each neuron of the network excites or inhibits (Dale's law); as it is where nothing says so."""
        network = self.provenance.config.get("network")
        return not isinstance(network, dict) or bool(network.get("dale", True))

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """Meta-training history, a column a key, each (iterations,); empty when the file has none."""
        if not holds(self.file, "history"):
            return {}
        columns = table(self.file, "history", {"iteration": Rule(0), "minutes": Rule(0)}, GAPS)
        if not columns or not all(map(len, columns.values())):
            raise ResultError(f"{place(self.file)}: /history must have a row, has none")
        return {name: column.astype(np.float64) for name, column in columns.items()}
