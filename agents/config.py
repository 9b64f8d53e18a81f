"""What an agent is: its kind and size, and how it learns; nothing here needs JAX."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lsnn.configuration import NOTHING, documented, from_mapping, parameter, to_mapping
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from lsnn.task import Task
from lsnn.validation import require, require_integer, require_number
from tasks import registry
from tasks.experiment import advising_of, changed, sections_of, task_of
from tasks.family import DEFAULT_PRESET, Family, family_of

KINDS = {
    "gru": "GRU", "lstm": "LSTM", "rate": "rate network", "transformer": "transformer", "tem": "TEM-transformer",
}  # fmt: skip
SECTIONS = ("task", "agent", "learning")
MOST_UNITS, MOST_LAYERS, MOST_DECISIONS = 4096, 16, 100_000


@documented
@dataclass(frozen=True)
class AgentConfig:
    """An agent: a linear layer, a core with a state, a linear readout.

    Raises:
        InputError: a value breaks its rule.
    """

    kind: str = parameter("gru", f"the core: {', '.join(KINDS)}", unit=NOTHING)
    units: int = parameter(
        0, "numbers in each layer; 0 = as many as give it the trainable parameters of the preset's spiking network",
        unit="units",
    )  # fmt: skip
    decision_ms: int = parameter(0, "how long a decision lasts, all under one action; 0 = the task's", unit="ms")
    tau_ms: float = parameter(20.0, "time constant of the rate network", unit="ms", symbol="tau_m")
    layers: int = parameter(2, "layers of the transformer", unit="layers")
    heads: int = parameter(2, "heads of the transformer, of which each has an equal part of the units", unit="heads")

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "agent.kind", f"one of {', '.join(KINDS)}", self.kind)
        require_integer("agent.units", self.units, 0, MOST_UNITS)
        require_integer("agent.decision_ms", self.decision_ms, 0)
        require_number("agent.tau_ms", self.tau_ms, 1e-3)
        require_integer("agent.layers", self.layers, 1, MOST_LAYERS)
        require_integer("agent.heads", self.heads, 1, MOST_UNITS)
        whole = self.kind != "transformer" or self.units % self.step == 0
        require(whole, "agent.units", f"a multiple of {self.step}, for its heads and its code of positions", self.units)

    @property
    def step(self) -> int:
        """Numbers of units are multiples of it."""
        return math.lcm(2, self.heads) if self.kind == "transformer" else 1

    @property
    def label(self) -> str:
        """Its name in figures."""
        return KINDS[self.kind]


@dataclass(frozen=True)
class AgentExperiment:
    """A task, an agent and the way it learns, as one configuration."""

    task: Task
    agent: AgentConfig
    learning: LearningConfig

    def __post_init__(self) -> None:
        require_integer("the decisions of an episode", self.decisions, 2, MOST_DECISIONS)
        require(not self.learning.stages, "learning.stages", "empty for an agent", list(self.learning.stages))

    @property
    def decision_ms(self) -> int:
        """How long a decision lasts, at most an episode."""
        return min(self.agent.decision_ms or family_of(self.task).decision_ms_of(self.task), self.task.duration_ms)

    @property
    def decisions(self) -> int:
        """Decisions of an episode; the last may be shorter."""
        return -(-self.task.duration_ms // self.decision_ms)

    def as_mapping(self) -> dict[str, Any]:
        """Every key of every section, as JSON holds them."""
        sections = {"agent": to_mapping(self.agent), "learning": to_mapping(self.learning)}
        return {"task": family_of(self.task).mapping(self.task), **sections}


def learning_of(task: Task, learning: LearningConfig) -> LearningConfig:
    """How an agent learns where a spiking network learns like this.

    Episodes, discounts, curriculum, schedule and exploration stay. Steps are of raw weights in place of normalised
    ones, and values, which an agent reads out once a decision and not once a step, weigh as in PPO. Where velocities or
    forces are learnt by reward, steps are smaller, each batch is gone through four times, and the curriculum begins at
    once: with one passage a GRU stays at its easiest level.
    """
    moves = task.action_kind == "gaussian"
    rate = 1e-3 if moves else 3e-3
    own = replace(
        learning, learning_rate=rate, final_learning_rate=0.1 * rate,
        value_weight=0.5, gradient_norm=0.5, exploded_norm=100.0, weight_decay=0.0,
    )  # fmt: skip
    return replace(own, epochs=4, curriculum_warm_up=0.0) if moves else own


def preset(task: str, kind: str, name: str = DEFAULT_PRESET) -> AgentExperiment:
    """The preset of that name on a task (a family's name, or a file), with an agent in place of its network."""
    if kind not in KINDS:
        raise InputError(f"--agent must be one of {', '.join(KINDS)}, got {kind!r:.80}")
    family = registry.family(task)
    chosen = family.preset(name)
    own = family.task(**chosen.task)
    return AgentExperiment(own, AgentConfig(kind), learning_of(own, chosen.learning))


def experiment_of(config: Mapping[str, Any], family: Family | None = None) -> AgentExperiment:
    """The experiment of a configuration; family: that of the task, where its name does not tell (a user's file).

    Raises:
        InputError: an unknown section, key, task or encoder, or a value that breaks its rule.
    """
    values = sections_of(config, SECTIONS)
    return AgentExperiment(
        task_of(values["task"], family),
        from_mapping(AgentConfig, values["agent"], "agent"),
        from_mapping(LearningConfig, values["learning"], "learning"),
    )


def overridden(experiment: AgentExperiment, settings: Iterable[str]) -> AgentExperiment:
    """The experiment with some keys changed, as `tasks.experiment.overridden` has it, of the sections here."""
    given = list(settings)
    with advising_of(experiment.task, given):
        return experiment_of(changed(experiment.as_mapping(), given, SECTIONS), family_of(experiment.task))
