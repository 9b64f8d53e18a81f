"""What a result file says of itself: the family and its measures, the conditions, the network, what made it.

Files that say nothing (those of schema 2, and of experiments that have no family) are given words by
`lsnn/files/older.py`.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas

from lsnn.files import older
from lsnn.files.reading import (
    COUNT,
    KEY,
    ResultError,
    Rule,
    array,
    checked_label,
    dataset,
    holds,
    json_attribute,
    label_attribute,
    number_attribute,
    place,
    reported,
    subgroup,
    text_attribute,
    values,
)

SCHEMA_VERSIONS = (2, 3)
ROLES = ("network", "agent", "control", "baseline", "oracle")
MOST_CELLS = 2**24  # of the input
MOST_MEASURES = 100


class Measure(NamedTuple):
    """What is measured of a trial or an episode; the first measure of a family is its score.

    Args:
        name: in code. label: in figures. unit: "1" for none. format: of its numbers, as in ".1f".
        better: "high" or "low". chance: its value for who knows nothing, or None.
        column: of the trials. per: "trial", the mean over trials, or "episode", the sum over an episode's trials.
        censored: column of the trials that is False where the trial was cut off, or None; the measure is then a median.
        among: column of the trials that is True where a trial counts, or None; all count.
    """

    name: str
    label: str
    unit: str
    format: str
    better: str
    chance: float | None
    column: str
    per: str
    censored: str | None
    among: str | None = None

    @property
    def digits(self) -> int:
        """Digits behind the point, or significant ones, of its format."""
        return int(self.format[1:-1])

    def counted(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """The trials that count."""
        return rows if self.among is None else rows[rows[self.among].to_numpy(bool)]


class About(NamedTuple):
    """What a file says of its family; `history` are the measures that meta-training logged, the first its score.

    `whole` is what columns of the history begin with that hold a test on the whole task; `task` its configuration.
    """

    name: str
    title: str = ""
    question: str = ""
    measures: tuple[Measure, ...] = ()
    oracle: str | None = None
    latent: tuple[str, ...] = ()
    latent_unit: str = "1"
    history: tuple[Measure, ...] = ()
    whole: str = "whole_task"
    task: Mapping[str, Any] = {}


class Named(NamedTuple):
    """A condition as a file names it."""

    name: str
    label: str
    role: str


class Network(NamedTuple):
    """The network tested: population code, b0, beta, each (N,); names of the codes; kinds of input cells, how many.

    Neurons are called excitatory and inhibitory only where signs are held (Dale's law).
    """

    population: np.ndarray
    labels: tuple[str, ...]
    b0: np.ndarray
    beta: np.ndarray
    input_channels: tuple[tuple[str, int], ...]

    @property
    def populations(self) -> np.ndarray:
        """Name of the population of each neuron, (N,)."""
        return np.array(self.labels, object)[self.population]

    @property
    def input_kinds(self) -> np.ndarray:
        """Kind of each input cell, (cells,)."""
        kinds = [np.full(size, name, object) for name, size in self.input_channels]
        return np.concatenate([np.empty(0, object), *kinds])


class Origin(NamedTuple):
    """A network that was tested: how it is called in the file, seed and command of its meta-training, if known."""

    name: str
    seed: int
    command: str | None


@dataclass(frozen=True)
class Provenance:
    """What made the file.

    Attributes:
        network_is_whole: whether its checksum is of all a network computes with, or of weights.
        departures: in what the task differs from that of the network's meta-training, in words.
    """

    schema_version: int
    command: str
    seed: int
    created: str
    git_commit: str
    network_sha256: str
    network_is_whole: bool
    networks: tuple[Origin, ...]
    packages: dict[str, str]
    config: dict[str, Any]
    departures: tuple[str, ...] = ()


def checksum_attribute(item: h5py.Group, when: str = "") -> str:
    """Checksum of a network ("_before", "_after" its run): of all it computes with; of its weights in older files."""
    name, former = f"frozen_sha256{when}", f"weights_sha256{when}" if when else "network_sha256"
    with reported(f"{place(item)}, attribute {name!r}"):
        return label_attribute(item, former if former in item.attrs and name not in item.attrs else name)


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


def provenance_of(file: h5py.File, path: Path) -> Provenance:
    """The root attributes; ResultError for a file that is no result, or of an unknown schema."""
    kind = label_attribute(file, "kind")
    if kind != "result":
        raise ResultError(f"{path}: must be a result file, is a {kind} file")
    version = int(number_attribute(file, "schema_version", COUNT))
    if version not in SCHEMA_VERSIONS:
        raise ResultError(f"{path}: schema_version must be {' or '.join(map(str, SCHEMA_VERSIONS))}, is {version}")
    return Provenance(
        schema_version=version,
        seed=int(number_attribute(file, "seed", KEY)),
        packages=json_attribute(file, "packages", dict),
        config=json_attribute(file, "config", dict),
        network_sha256=checksum_attribute(file),
        network_is_whole="frozen_sha256" in file.attrs,
        networks=tuple(_networks(file, path)),
        command=text_attribute(file, "command"),
        created=date_attribute(file, "created"),
        git_commit=label_attribute(file, "git_commit"),
        departures=tuple(_departures(file)),
    )


def _departures(file: h5py.File) -> Iterator[str]:
    """In words, of another task than that of the meta-training: which settings, and whether its own file is another."""
    if "task_settings" in file.attrs:
        where = f"{file.filename}: attribute 'task_settings'"
        with reported(where):
            pairs = json_attribute(file, "task_settings", dict).items()
            told = [f"{key} {json.dumps(now):.60} (then {json.dumps(then):.60})" for key, (then, now) in pairs]
        texts = ", ".join(checked_label(where, text) for text in told)
        yield f"another task than that of the network's meta-training: {texts}"
    if "task_changed" in file.attrs:
        stored = label_attribute(file, "task_changed")
        yield f"another file of the task than in the network's meta-training, whose dependence was SHA-256 {stored}"


def _networks(file: h5py.File, path: Path) -> Iterator[Origin]:
    """The network of the root, else those of the groups that name one."""
    with reported(f"{path}: networks"):
        if "network_seed" in file.attrs:
            command = text_attribute(file, "network_command")
            yield Origin("network", int(number_attribute(file, "network_seed", KEY)), command)
            return
        for name, group in file.items():
            if isinstance(group, h5py.Group) and {"network", "seed"} <= set(group.attrs):
                made_by = text_attribute(group, "command") if "command" in group.attrs else None
                yield Origin(name, int(number_attribute(group, "seed", KEY)), made_by)


def task_of(file: h5py.File, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration of the task, with its name; `water-maze` where there is none."""
    task = config.get("task")
    task = task if isinstance(task, dict) else {}
    name = checked_label(f"{file.filename}: attribute 'config', key task.name", task.get("name", "water-maze"))
    return {**task, "name": name}


def about_of(file: h5py.File, config: Mapping[str, Any]) -> About:
    """The family, as the file describes it."""
    task = task_of(file, config)
    if "family" not in file.attrs:
        told, where = older.family(task), f"{file.filename}: words for older files"
    else:
        told, where = json_attribute(file, "family", dict), f"{file.filename}: attribute 'family'"
    with reported(where):
        latent = _kept(where, told.get("latent") or {}, dict)
        return About(
            checked_label(where, told["name"]), _text(where, told, "title"), _text(where, told, "question"),
            _measures(where, told["measures"]), told.get("oracle") and checked_label(where, told["oracle"]),
            tuple(checked_label(where, label) for label in latent.get("labels", ())),
            checked_label(where, latent.get("unit", "1")), _measures(where, told.get("history", [])),
            checked_label(where, told.get("whole", "whole_task")), task,
        )  # fmt: skip


def _kept(where: str, found: Any, kind: type) -> Any:
    if not isinstance(found, kind):
        raise ResultError(f"{where}: must be a JSON {kind.__name__}, is {found!r:.60}")
    return found


def _measures(where: str, told: Any) -> tuple[Measure, ...]:
    if len(_kept(where, told, list)) > MOST_MEASURES:
        raise ResultError(f"{where}: must have at most {MOST_MEASURES} measures, has {len(told)}")
    return tuple(measure_of(where, each) for each in told)


def _text(where: str, told: Mapping[str, Any], key: str) -> str:
    return checked_label(where, told[key]) if told.get(key) else ""


def measure_of(where: str, told: Mapping[str, Any]) -> Measure:
    """One measure from its JSON; ResultError for one that cannot be."""
    _kept(where, told, dict)
    name, label, unit, form = (
        checked_label(where, told.get(key, default))
        for key, default in (("name", None), ("label", told["name"]), ("unit", "1"), ("format", ".3g"))
    )
    chance, better, per = told.get("chance"), told.get("better", "high"), told.get("per", "trial")
    chance = float(chance) if isinstance(chance, int | float) and math.isfinite(chance) else None
    if not re.fullmatch(r"\.[0-9][efg]", form) or better not in ("high", "low") or per not in ("trial", "episode"):
        raise ResultError(f"{where}: measure {name}: has a format, a 'better' or a 'per' that cannot be")
    censored, among = (told.get(key) and checked_label(where, told[key]) for key in ("censored", "among"))
    column = checked_label(where, told.get("column") or name)
    return Measure(name, label, unit, form, better, chance, column, per, censored, among)


def named_conditions(file: h5py.File, task: Mapping[str, Any]) -> list[Named]:
    """Conditions that the file names and holds, in order; in older files those that were known by their names."""
    where = f"{file.filename}: attribute 'conditions'"
    if "conditions" not in file.attrs:
        listed: list[Any] = [list(each) for each in older.conditions(str(task["name"]))]
    else:
        listed = json_attribute(file, "conditions", list)
    with reported(where):
        found = [Named(*(checked_label(where, text) for text in each)) for each in listed]
    if wrong := [each.role for each in found if each.role not in ROLES]:
        raise ResultError(f"{where}: roles must be among {', '.join(ROLES)}, one is {wrong[0]!r}")
    return [each for each in found if holds(file, each.name)]


def named_variants(file: h5py.File, task: Mapping[str, Any]) -> dict[str, str]:
    """Label of each variant that the conditions went through; none = the task as it is."""
    where = f"{file.filename}: attribute 'variants'"
    if "variants" not in file.attrs:
        return older.variants(str(task["name"]))
    with reported(where):
        listed = json_attribute(file, "variants", list)
        return {checked_label(where, name): checked_label(where, label) for name, label in listed}


def network_of(file: h5py.File, config: Mapping[str, Any]) -> Network:
    """Populations and thresholds of the network tested."""
    group = subgroup(file, "network")
    population = dataset(group, "population", (None,))
    where = f"{place(population)}, attribute 'labels'"
    labels = tuple(checked_label(where, text) for text in json_attribute(population, "labels", list))
    codes = values(population, rule=Rule(0, len(labels) - 1, whole=True)).astype(np.int64)
    b0 = array(group, "b0", population.shape, Rule(float(np.finfo(np.float32).tiny)))
    beta = array(group, "beta", population.shape, Rule(0))
    if not _signs_are_held(config):
        labels = tuple({"excitatory": "LIF", "inhibitory": "LIF"}.get(label, label) for label in labels)
    own = list(dict.fromkeys(labels))  # populations of one name are one
    codes = np.array([own.index(label) for label in labels])[codes]
    return Network(codes, tuple(own), b0, beta, _channels_of(group))


def _signs_are_held(config: Mapping[str, Any]) -> bool:
    """Whether each neuron of the network excites or inhibits (Dale's law); as it is where nothing says so."""
    network = config.get("network")
    return not isinstance(network, dict) or bool(network.get("dale", True))


def _channels_of(group: h5py.Group) -> tuple[tuple[str, int], ...]:
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
