"""Agents in a network's test: each is a condition of its own, on the very same episodes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from agents.files import AgentFile, agent_sha256, load_agent
from agents.networks import n_parameters, state_size
from agents.playing import played_by
from lsnn.errors import InputError
from tasks.family import Baseline, Played, family_of

HELD = "_held"  # ends the name of a baseline whose actions are held as long as an agent's
UNLIKE = ("encoder",)  # keys of the task in which an agent may differ from the network


class Beside(NamedTuple):
    """An agent that is tested beside a network, under a name of its own."""

    name: str
    label: str
    file: AgentFile

    @property
    def decision_ms(self) -> int:
        """How long its decisions last."""
        return self.file.experiment.decision_ms

    def play(self, task: Any, keys: np.ndarray) -> Played:
        """Episodes of a task, which may be a variant of its own."""
        return played_by(replace(self.file.experiment, task=task), self.file.agent, keys)

    def facts(self) -> dict[str, Any]:
        """What is kept of it in the file."""
        file = self.file
        history = file.history
        logged = history is not None and "core_minutes" in (history.dtype.names or ())
        spent = {"core_minutes": float(history["core_minutes"][-1])} if history is not None and logged else {}
        return {
            "agent": file.experiment.agent.kind, "agent_sha256": agent_sha256(file.agent), "agent_seed": file.seed,
            "agent_command": file.command, "parameters": n_parameters(file.experiment),
            "state_size": state_size(file.experiment), "decision_ms": self.decision_ms,
            "iterations": 0 if history is None else len(history), **spent, "policy": "mean",
        }  # fmt: skip


def opened(paths: Sequence[Path], task: Any, own_file: Path | None = None, task_changed: bool = False) -> list[Beside]:
    """The agents of these files, for a network's task.

    Raises:
        InputError: a file is no agent's, or its agent is of another task.
    """
    files = [load_agent(path, own_file, task_changed) for path in paths]
    for path, file in zip(paths, files, strict=True):
        require_same_task(path, file.experiment.task, task)
    kinds = [file.experiment.agent.kind for file in files]
    found: list[Beside] = []
    for file, kind in zip(files, kinds, strict=True):
        number = sum(each.file.experiment.agent.kind == kind for each in found) + 1
        label = file.experiment.agent.label + (f", seed {file.seed}" if kinds.count(kind) > 1 else "")
        found.append(Beside(kind if number == 1 else f"{kind}_{number}", label, file))
    return found


def require_same_task(path: Path, own: Any, task: Any, said: str = "--beside must be an agent") -> None:
    """InputError unless a learner's own task is this one, its encoder's cells aside.

    Args:
        said: what a message says that it must be.
    """
    if type(own) is not type(task):
        raise InputError(f"{path}: {said} of {task.name}, got one of {own.name}")
    config, wanted = (vars(each) for each in (own, task))
    for key in (key for key in config if key not in UNLIKE):
        if config[key] != wanted.get(key):
            rule = f"{said} of the network's task, with {key} {wanted.get(key)!r}"
            raise InputError(f"{path}: {rule}, got {config[key]!r}")
    ranges = [tuple(getattr(each.encoder, end, None) for end in ("low", "high")) for each in (own, task)]
    if ranges[0] != ranges[1]:
        raise InputError(f"{path}: {said} with the range of the network's encoder, {ranges[1]}, got {ranges[0]}")


def held_baselines(task: Any, beside: Sequence[Beside]) -> dict[str, tuple[Baseline, int]]:
    """Baselines whose actions last as long as those of the agents, by name: what deciding so seldom costs."""
    times = sorted({each.decision_ms for each in beside} - {1})
    return {
        f"{name}{HELD}{'' if len(times) == 1 else f'_{ms}'}": (one, ms)
        for name, one in family_of(task).baselines_of(task).items() if one.held is not None
        for ms in times
    }  # fmt: skip


def described_beside(task: Any, beside: Sequence[Beside]) -> tuple[list[list[str]], list[list[str]]]:
    """Name, label and role of the agents, and of the held baselines."""
    agents = [[each.name, each.label, "agent"] for each in beside]
    held = [
        [name, f"{one.label}, held {ms} ms", "oracle" if one.knows == "the latent" else "baseline"]
        for name, (one, ms) in held_baselines(task, beside).items()
    ]
    return agents, held


def played_beside(beside: Sequence[Beside], task: Any, keys: np.ndarray, name: str) -> Played:
    """What the condition of that name leaves, an agent or a held baseline."""
    for each in beside:
        if each.name == name:
            return each.play(task, keys)
    one, ms = held_baselines(task, beside)[name]
    assert one.held is not None
    played = one.held(task, keys, ms)
    return played._replace(trials=family_of(task).sound_trials(f"the baseline {name}", played.trials, len(keys)))


def put_facts(result: h5py.File, beside: Sequence[Beside]) -> None:
    """Write what is kept of the agents, as attributes of their conditions."""
    for each in beside:
        result[each.name].attrs.update(each.facts())
