"""An experiment as one configuration: what is trained, on what, how; saved whole in every file."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError
from lsnn.files.network_file import NetworkFile, load_network
from lsnn.forecast import check_block
from lsnn.forms import form_of_task
from lsnn.learning.config import LearningConfig, outputs_of
from lsnn.network import NetworkConfig
from lsnn.task import Encoder, Task
from lsnn.validation import require
from tasks import registry
from tasks.family import DEFAULT_PRESET, Family, family_of

SECTIONS = ("task", "network", "learning")
ORIGIN = ("name", "file", "sha256")  # keys of a task that say which one it is


@dataclass(frozen=True)
class Experiment:
    """A task, a network and the way it learns."""

    task: Task
    network: NetworkConfig
    learning: LearningConfig

    def __post_init__(self) -> None:
        rule = "a dataclass, @dataclass(frozen=True)"
        require(is_dataclass(self.task), f"the task {getattr(self.task, 'name', '')}", rule, self.task)
        form_of_task(self.task)
        if self.network.dt_ms != 1.0:
            raise InputError(f"network.dt_ms must be 1, the step of every task, got {self.network.dt_ms!r}")

    def as_mapping(self) -> dict[str, Any]:
        """Every key of every section, as JSON holds them."""
        sections = {"network": to_mapping(self.network), "learning": to_mapping(self.learning)}
        return {"task": family_of(self.task).mapping(self.task), **sections}


def preset(task: str, name: str = DEFAULT_PRESET) -> Experiment:
    """The experiment of that name on a task (a family's name, or a file); InputError for an unknown task or name."""
    family = registry.family(task)
    chosen = family.preset(name)
    return Experiment(family.task(**chosen.task), chosen.network, chosen.learning)


def iterations_of(task: str, name: str | None) -> int | None:
    """Iterations of a preset (None: the default one) where nobody says how many; None where it has none."""
    return registry.family(task).preset(DEFAULT_PRESET if name is None else name).iterations


def experiment_of(config: Mapping[str, Any], family: Family | None = None) -> Experiment:
    """The experiment of a configuration; keys not given take their defaults.

    Args:
        family: that of the task, where its name does not tell (a file of one's own).

    Raises:
        InputError: an unknown section, key, task or encoder, or a value that breaks its rule.
    """
    values = sections_of(config, SECTIONS)
    return Experiment(
        task_of(values["task"], family),
        from_mapping(NetworkConfig, values["network"], "network"),
        from_mapping(LearningConfig, values["learning"], "learning"),
    )


def sections_of(config: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The known sections of a configuration, empty where it lacks one; InputError for another one."""
    for section in config:
        if section not in known:
            raise InputError(f"the configuration has no section {section!r}; known: {', '.join(known)}")
    return {section: config.get(section, {}) for section in known}


def task_of(values: object, family: Family | None) -> Task:
    """The task of its section of a configuration; family: as in `experiment_of`."""
    if not isinstance(values, Mapping):
        raise InputError(f"task must be a mapping of keys to values, got {values!r:.80}")
    rest = dict(values)
    name, file, _ = rest.pop("name", None), rest.pop("file", None), rest.pop("sha256", None)
    if file is not None and family is None:
        raise InputError(f"task: the file of one's own that defines it must be given, --task {file!s:.80}")
    task = (family if family is not None and family.name == name else registry.family(name)).task
    if "encoder" in rest:
        rest["encoder"] = _encoder_of(rest["encoder"], task.__module__)
    return from_mapping(task, rest, "task")


def _encoder_of(values: object, beside: str) -> Encoder:
    """The encoder; beside: the module of its task, which may define further ones."""
    if not isinstance(values, Mapping):
        raise InputError(f"task.encoder must be a mapping of keys to values, got {values!r:.80}")
    rest = dict(values)
    kind = rest.pop("kind", None)
    known = registry.encoders() | registry.encoders(beside)
    if not isinstance(kind, str) or kind not in known:
        raise InputError(f"task.encoder.kind must be one of {', '.join(known)}, got {kind!r:.80}")
    return from_mapping(known[kind], rest, "task.encoder")


def overridden(experiment: Experiment, settings: Iterable[str], sections: Sequence[str] = SECTIONS) -> Experiment:
    """The experiment with some keys changed.

    Args:
        settings: "section.key=value", the value in JSON or a bare text; "task.encoder.kind=..." comes first and
            starts that encoder from its defaults.
        sections: of which keys may be changed.

    Raises:
        InputError: not of that form, an unknown key, or a value that breaks its rule.
    """
    given = list(settings)
    with advising_of(experiment.task, given):
        return experiment_of(changed(experiment.as_mapping(), given, sections), family_of(experiment.task))


def advising_of(task: Any, settings: Iterable[str]) -> AbstractContextManager[None]:
    """Says, of a key of the task that does not fit, which preset it fits (`registry.advising`)."""
    keys = [match[1] for setting in settings if (match := re.match(r"\s*task\.(\w+)", setting))]
    return registry.advising(family_of(task), keys)


def changed(config: dict[str, Any], settings: Iterable[str], sections: Sequence[str]) -> dict[str, Any]:
    """A configuration with some keys changed; settings as in `overridden`, of one of the sections each."""
    parsed = [_parsed(setting, sections) for setting in settings]
    for keys, _ in parsed:
        if keys[0] == "task" and keys[1] in ORIGIN:
            raise InputError(f"--set {'.'.join(keys)}: the task is one of its family; its settings alone may change")
    for keys, value in sorted(parsed, key=lambda item: item[0] != ["task", "encoder", "kind"]):
        if keys == ["task", "encoder", "kind"]:
            config["task"]["encoder"] = {"kind": value}
        elif keys[:2] == ["task", "encoder"] and len(keys) == 3:
            if not isinstance(config["task"]["encoder"], dict):
                raise InputError(f"--set task.encoder must not be given beside task.encoder.{keys[2]}; set its kind")
            config["task"]["encoder"][keys[2]] = value
        elif len(keys) == 2:
            config[keys[0]][keys[1]] = value
        else:
            raise InputError(f"--set {'.'.join(keys)}: there is no such key")
    return config


def _parsed(setting: str, sections: Sequence[str]) -> tuple[list[str], Any]:
    name, equals, text = setting.partition("=")
    keys = name.strip().split(".")
    if not equals or len(keys) < 2 or keys[0] not in sections:
        raise InputError(f"--set must be section.key=value with a section of {', '.join(sections)}, got {setting!r}")
    try:
        return keys, json.loads(text)
    except (ValueError, RecursionError):
        return keys, text


def open_network(
    path: Any, task: str | Path | None = None, task_changed: bool = False
) -> tuple[NetworkFile, Experiment]:
    """A network file and its experiment, checked against each other.

    Args:
        task: the file of one's own that defines its task; what else is given is not looked at.
        task_changed: whether that file may differ, in what a network depends on, from that of its meta-training.

    Raises:
        InputError: they do not fit, or the task's file is another one.
    """
    file = load_network(path)
    given = registry.family(task) if registry.is_file(task) else None
    try:
        experiment = experiment_of(file.config, given)
        check_block(experiment)
    except InputError as error:
        raise InputError(f"{path}: /@config: {error}") from error
    if given is not None and type(experiment.task) is not given.task:
        raise InputError(f"{path}: --task {task} must define its task {experiment.task.name}, defines {given.name}")
    if changed_from(file, experiment) and not task_changed:
        rule = "must have the dynamics, parameters and encoder that the network was meta-trained with"
        raise InputError(f"{path}: --task {task}: {rule}, has others; --task-changed goes on")
    check_fit(path, file, experiment)
    return file, experiment


def require_different(paths: Sequence[Path]) -> None:
    """InputError if two of these files hold the same bytes: one network would count as two."""
    seen: dict[bytes, Path] = {}
    for path in paths:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        if digest in seen:
            raise InputError(f"{path}: must be another file than those before it, is the same as {seen[digest]}")
        seen[digest] = path


def in_another_task(path: Any, file: NetworkFile, experiment: Experiment, settings: Iterable[str]) -> Experiment:
    """The experiment of a network file with keys of the task changed, for a test of the network as it is.

    Raises:
        InputError: a setting of another section or of a bad value, or a task that the network does not fit.
    """
    found = overridden(experiment, settings, ("task",))
    check_block(found)
    check_fit(path, file, found)
    return found


def changed_from(file: NetworkFile, experiment: Experiment) -> str | None:
    """The hash that the file of the task had in meta-training, where it is another one now, with the same settings."""
    family, then = family_of(experiment.task), file.config["task"]
    stored = str(then.get("sha256", ""))
    return stored if stored and stored != family.mapping(task_of(then, family)).get("sha256") else None


def settings_changed(file: NetworkFile, experiment: Experiment) -> dict[str, list[Any]]:
    """Keys of the task that have other values than in meta-training: the value then and the value now."""
    family = family_of(experiment.task)
    then, now = (_flat(family.mapping(task)) for task in (task_of(file.config["task"], family), experiment.task))
    both = {key: [then.get(key), now.get(key)] for key in sorted(then | now) if key not in ORIGIN}
    return {key: pair for key, pair in both.items() if pair[0] != pair[1]}


def _flat(task: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a task and, behind a point, those of its encoder."""
    encoder = {f"encoder.{key}": value for key, value in task["encoder"].items()}
    return {key: value for key, value in task.items() if key != "encoder"} | encoder


def check_fit(path: Any, file: NetworkFile, experiment: Experiment) -> None:
    """Raise InputError unless the network has the inputs and readouts that the experiment's task needs."""
    task, network = experiment.task, file.network
    needed = {
        "input cells": (task.encoder.n_inputs, network.n_in),
        "readouts": (list(outputs_of(task, experiment.learning).items()), list(network.outputs.items())),  # in order
        "policy stds": (task.n_action if task.action_kind == "gaussian" else 0, len(network.log_std)),
    }
    for what, (wanted, found) in needed.items():
        if wanted != found:
            raise InputError(f"{path}: a network for {task.name} must have {what} {wanted}, got {found}")


def changed_sections(old: Any, new: Any) -> list[str]:
    """Names of the sections in which two experiments differ."""
    return [item.name for item in fields(old) if getattr(old, item.name) != getattr(new, item.name)]
