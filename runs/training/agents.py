"""Meta-training of an agent as a run: the budget, progress, checkpoints and files of a spiking network's."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agents.config import AgentExperiment, overridden
from agents.config import preset as preset_of
from agents.files import load_agent, save_agent
from agents.learner import AgentLearner
from agents.matching import matched, parameters_of_preset
from agents.networks import Agent, n_parameters, new_agent, state_size
from agents.playing import play
from lsnn.errors import InputError
from lsnn.learning.state import LearnerState
from lsnn.progress import say
from lsnn.seeds import VALIDATION_BRANCH, episode_keys
from runs.training.train import (
    VALIDATION_EPISODES,
    Budget,
    Row,
    Trained,
    check_resumed,
    history_rows,
    history_table,
)
from tasks import registry
from tasks.experiment import changed_sections
from tasks.family import DEFAULT_PRESET

AGENT = "agent.lsnn.h5"


class AgentRun(NamedTuple):
    """A piece of meta-training: what it starts from."""

    experiment: AgentExperiment
    seed: int
    command: str
    agent: Agent
    history: list[Row]
    state: LearnerState | None


def fresh_run(task: str, kind: str, preset: str | None, seed: int, settings: Sequence[str], command: str) -> AgentRun:
    """From random weights, with as many units as match the preset's spiking network unless their number is set."""
    name = DEFAULT_PRESET if preset is None else preset
    experiment = overridden(preset_of(task, kind, name), settings)
    if experiment.agent.units == 0:
        chosen = registry.family(task).preset(name)
        experiment = matched(experiment, parameters_of_preset(experiment.task, chosen.network, chosen.learning))
    return AgentRun(experiment, seed, command, new_agent(experiment, seed), [], None)


def resumed_run(
    path: Path, task: str, kind: str, preset: str | None, seed: int | None, settings: Sequence[str], command: str,
    task_changed: bool = False,
) -> AgentRun:  # fmt: skip
    """From a checkpoint; without settings it goes on to the bits of an unbroken run.

    Raises:
        InputError: no checkpoint, another task, agent, preset or seed, or settings that need another agent.
    """
    file = load_agent(path, task, task_changed)
    stored = file.experiment
    check_resumed(path, "an agent", file, stored, task, preset, seed)
    if stored.agent.kind != kind:
        raise InputError(f"{path}: must be of --agent {kind}, got {stored.agent.kind}")
    experiment = overridden(stored, settings)
    if "agent" in changed_sections(stored, experiment):
        raise InputError("--set agent.* must not change an agent that is resumed")
    both = f"{file.command} ; {command}"
    return AgentRun(experiment, file.seed, both, file.agent, history_rows(file.history), file.learner_state)


class AgentTraining(Trained):
    """Meta-training of an agent."""

    learner: AgentLearner
    final = AGENT

    def __init__(self, run: AgentRun, folder: Path) -> None:
        self.run, self.options = run, f" --agent {run.experiment.agent.kind}"
        self.learner = AgentLearner(run.experiment, run.agent, run.seed)
        if run.state is not None:
            self.learner.restore(run.state)
        self.before = run.history[-1].get("core_minutes", 0.0) if run.history else 0.0
        super().__init__(run.experiment.task, folder, run.history)

    def begin(self, budget: Budget) -> None:
        """Say what it is."""
        say(told(self.run.experiment))

    def step(self) -> Row:
        """One iteration; the history has the CPU time as well, on which agents and networks are compared."""
        row = super().step()
        row["core_minutes"] = self.before + self.core_minutes
        return row

    def validated(self) -> Row:
        """Measures of the averaged agent, mean policy, on the worlds of a network's validations."""
        experiment = self.run.experiment
        keys = episode_keys(self.run.seed, VALIDATION_BRANCH, 0, VALIDATION_EPISODES)
        seen = play(experiment, self.learner.averaged(), keys, sampled=False)
        found: Row = experiment.task.metrics(seen.reward, seen.acted)
        return found

    def save(self, name: str, state: LearnerState | None = None) -> Path:
        """Write the averaged agent or, with its learner's state, the present one."""
        path, run = self.folder / name, self.run
        agent = self.learner.agent if state is not None else self.learner.averaged()
        table = history_table(self.rows)
        save_agent(path, run.experiment, agent, run.seed, run.command, table, state, self.held)
        return path


def told(experiment: AgentExperiment) -> str:
    """Sizes of an agent in a line."""
    agent = experiment.agent
    return (
        f"{agent.label}: {agent.units} units, {n_parameters(experiment)} numbers that learn, a state of "
        f"{state_size(experiment)} numbers, a decision every {experiment.decision_ms} ms ({experiment.decisions} an "
        "episode)"
    )
