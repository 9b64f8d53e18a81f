"""Stages of a meta-training: settings of the task and of the learning that change after so many iterations.

A stage is what `--resume CHECKPOINT --set ...` does to a run by hand, to the same bits: the network, its optimiser and
the curriculum go on, the settings are others.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from lsnn.configuration import with_values
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig, Stage, outputs_of, stages_of
from lsnn.network import NetworkConfig
from lsnn.refine import origin_of, require_divisible
from lsnn.task import Task


class Staged(NamedTuple):
    """The two sections of a configuration that a stage may change."""

    task: Task
    learning: LearningConfig


def entered(present: Staged, stage: Stage) -> Staged:
    """What is trained from a stage on; InputError for an unknown key or a value that breaks its rule."""
    values: dict[str, dict[str, Any]] = {"task.encoder": {}, "task": {}, "learning": {}}
    for name, text in stage.settings:
        section, _, key = name.rpartition(".")
        values[section][key] = _value(text)
    task, learning = present
    try:
        if values["task.encoder"]:
            values["task"] = {"encoder": with_values(task.encoder, values["task.encoder"], "task.encoder")} | values[
                "task"
            ]
        task = with_values(task, values["task"], "task")
        learning = with_values(learning, values["learning"], "learning")
    except InputError as error:
        raise InputError(f"learning.stages, after {stage.after} iterations: {error}") from error
    return Staged(task, learning)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def passed(present: Staged, iterations: int) -> Staged:
    """What is trained once so many iterations are done, from what was trained at first."""
    for stage in stages_of(present.learning.stages):
        if stage.after <= iterations:
            present = entered(present, stage)
    return present


def to_come(present: Staged, network: NetworkConfig, iterations: int = 0) -> Iterator[Staged]:
    """What is trained now, and in each stage that begins after more iterations than these.

    Raises:
        InputError: as of `entered`, or a stage that the network cannot go into: other inputs, readouts or actions.
    """
    yield present
    for stage in stages_of(present.learning.stages):
        if stage.after > iterations:
            before, present = present, entered(present, stage)
            _require_fit(before, present, stage, network)
            yield present


def _require_fit(before: Staged, after: Staged, stage: Stage, network: NetworkConfig) -> None:
    (task, learning), (old, coarse) = after, (before.task, before.task.encoder)
    place = f"learning.stages, after {stage.after} iterations"
    if task.encoder.n_inputs != coarse.n_inputs:
        if origin_of(task.encoder, coarse) is None:
            rule = f"the number of input cells must stay {coarse.n_inputs}, or grow with the encoder's grid"
            raise InputError(f"{place}: {rule}, got {task.encoder.n_inputs}")
        require_divisible(network)
    if outputs_of(task, learning) != outputs_of(old, before.learning):
        found = f"{outputs_of(old, before.learning)}, got {outputs_of(task, learning)}"
        raise InputError(f"{place}: the readouts must stay {found}")
