"""Stages of a meta-training: settings of the task and of the learning that change after so many iterations.

A stage is what `--resume CHECKPOINT --set ...` does to a run by hand, to the same bits: the network, its optimiser and
the curriculum go on, the settings are others.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from lsnn.configuration import with_value
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
    task, learning = present
    try:
        for name, text in stage.settings:
            section, *keys = name.split(".")
            if section == "learning":
                learning = with_value(learning, _only(keys, name), _value(text), section)
            elif keys[0] == "encoder" and len(keys) == 2:
                encoder: Any = with_value(task.encoder, keys[1], _value(text), "task.encoder")
                task = replace(task, encoder=encoder)  # type: ignore[type-var]
            else:
                task = with_value(task, _only(keys, name), _value(text), section)
    except InputError as error:
        raise InputError(f"learning.stages, after {stage.after} iterations: {error}") from error
    return Staged(task, learning)


def _only(keys: list[str], name: str) -> str:
    if len(keys) != 1:
        raise InputError(f"{name}: there is no such key")
    return keys[0]


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
