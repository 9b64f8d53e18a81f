"""The settings of the outer loop, and what follows from them alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lsnn.configuration import LARGEST, NOTHING, documented, parameter
from lsnn.errors import InputError
from lsnn.kernels.simd import LANES
from lsnn.task import Task

POSITIVE = (
    "learning_rate", "final_learning_rate", "gradient_norm", "shard_norm", "exploded_norm", "rate_target_hz",
    "initial_std", "min_std", "clip", "average_rate", "exploded_shrink", "curriculum_step",
)  # fmt: skip
NOT_NEGATIVE = (
    "anneal_iterations", "mean_norm", "input_rate", "recurrent_rate", "weight_decay", "value_weight", "entropy_weight",
    "rate_weight", "auxiliary_weight", "auxiliary_until", "l1", "temperature", "theta_new", "parameter_rate",
)  # fmt: skip
STAGE_KEY = re.compile(r"task(\.encoder)?\.\w+|learning\.(?!stages\b)\w+")
AT_MOST = {"learning_rate": 1.0, "final_learning_rate": 1.0}  # normalised weight: a threshold each iteration


@documented
@dataclass(frozen=True)
class LearningConfig:
    """The outer loop: roll-outs, loss, optimiser, curriculum, rewiring. It learns normalised weights."""

    renamed = {"spread": "policy_std", "time_checkpoints": "gradient_checkpointing"}  # keys of older files

    episodes: int = parameter(64, "episodes an iteration, a multiple of 8", unit="episodes")
    gradient_checkpointing: bool = parameter(
        False,
        "gradient checkpointing: keep the state every sqrt(T) steps and run the steps between again on the way back, "
        "to the same bits",
        unit="–",
    )
    learning_rate: float = parameter(3e-3, "step size of Adam", unit="normalised weight", symbol="eta")
    final_learning_rate: float = parameter(1e-3, "step size at the end", unit="normalised weight")
    anneal_iterations: int = parameter(
        0, "cosine from the first step size to the last, once the curriculum is over; 0 = constant", unit="iterations"
    )
    discount: float = parameter(0.99, "discount of rewards, a step", symbol="gamma", source="recalled")
    gae_lambda: float = parameter(0.97, "discount of the generalised advantages, a step", symbol="lambda")
    clip: float = parameter(0.2, "bound on the likelihood ratio of PPO", symbol="epsilon", source="recalled: PPO")
    epochs: int = parameter(1, "full-batch steps an iteration")
    value_weight: float = parameter(0.5, "weight of the value loss")
    entropy_weight: float = parameter(0.0, "weight of the policy's entropy (nats)")
    gradient_norm: float = parameter(1.0, "a longer gradient is shortened to it")
    shard_norm: float = parameter(
        2.0, "a shard's gradient longer than so many times the median of all shards is shortened to it"
    )
    exploded_norm: float = parameter(
        10.0, "a gradient longer than it is not followed; the weights go back to their average"
    )
    exploded_shrink: float = parameter(0.99, "after an explosion the recurrent weights are this times their average")
    input_rate: float = parameter(
        1.0,
        "factor on the learning rate of input weights; with more input cells active at once each should learn more "
        "slowly",
    )
    recurrent_rate: float = parameter(1.0, "factor on the learning rate of recurrent weights")
    parameter_rate: float = parameter(
        1.0, "factor on the learning rate of the parameters in `network.learnt`, which learn by their logarithm"
    )
    parameter_range: float = parameter(
        10.0, "a parameter in `network.learnt` stays within so many times its value at the start"
    )
    weight_decay: float = parameter(0.0, "decay of the weights, times the learning rate, an iteration")
    average_rate: float = parameter(
        0.01,
        "share of the newest weights in the running average that is frozen",
        source="ours: averaging after Polyak & Juditsky 1992, recalled",
    )
    rate_target_hz: float = parameter(20.0, "mean rate that each neuron is pulled towards", unit="Hz", symbol="f^0")
    rate_weight: float = parameter(0.1, "weight of mean_i ((rate_i - target)/target)^2")
    initial_std: float = parameter(0.6, "policy std at the start", unit="greatest speed", symbol="sigma")
    min_std: float = parameter(0.05, "smallest policy std", unit="greatest speed")
    policy_std: str = parameter(
        "learnt", "policy std: `learnt`, or `readout` for one that depends on the state", unit="–"
    )
    hold_ms: int = parameter(
        1,
        "the noise of the policy stays the same so long; the likelihood is each step's own",
        unit="ms",
        source="ours: related to coloured noise, Hollenstein et al. 2024 (abstract read)",
    )
    mean_norm: float = parameter(
        0.0,
        "a longer mean of the policy is scaled back to it before noise is added; 0 = no bound",
        unit="greatest speed",
    )
    auxiliary: bool = parameter(False, "a readout that names what the episode hides, in meta-training only", unit="–")
    auxiliary_weight: float = parameter(1.0, "weight of its squared error")
    auxiliary_until: int = parameter(0, "the weight falls linearly to 0 by then; 0 = it stays", unit="iterations")
    curriculum: bool = parameter(True, "from the easiest form of the task to the task itself", unit="–")
    curriculum_warm_up: float = parameter(
        12.0, "the task itself until the running return is above it; 0 = no warm-up", unit="return"
    )
    curriculum_bar: float = parameter(28.0, "the task gets harder while the running return is above it", unit="return")
    curriculum_step: float = parameter(0.005, "share of the way from the easiest to the whole task, an iteration")
    curriculum_acting: bool = parameter(
        False, "the return counts as if the animal had acted throughout the episode", unit="–"
    )
    l1: float = parameter(
        0.0, "pull of DEEP R on theta, times the learning rate", unit="normalised weight", symbol="alpha"
    )
    temperature: float = parameter(
        0.0,
        "noise of DEEP R on theta, its sd is temperature times learning rate",
        unit="normalised weight",
        source="ours; read: sqrt(2 eta T) in `LSNN-official/lsnn/toolbox/rewiring_tools.py`",
    )
    theta_new: float = parameter(1e-3, "theta of a synapse that DEEP R has drawn", unit="normalised weight")
    stages: tuple[str, ...] = parameter(
        (),
        "settings that change after so many iterations, a text a stage: `2500 task.dark_ms=5000 learning.episodes=96`",
        unit=NOTHING,
    )

    def __post_init__(self):
        whole_blocks = self.episodes > 0 and self.episodes % LANES == 0
        _require(whole_blocks, "episodes", f"must be a positive multiple of {LANES}", self.episodes)
        known = self.policy_std in ("learnt", "readout")
        _require(known, "policy_std", "must be 'learnt' or 'readout'", self.policy_std)
        _require(0 < self.discount < 1, "discount", "must lie in (0, 1)", self.discount)
        for name in ("average_rate", "exploded_shrink"):
            _require(getattr(self, name) <= 1, name, "must be <= 1", getattr(self, name))
        _require(0 <= self.gae_lambda <= 1, "gae_lambda", "must lie in [0, 1]", self.gae_lambda)
        for name in ("epochs", "hold_ms", "parameter_range"):
            _require(getattr(self, name) >= 1, name, "must be >= 1", getattr(self, name))
        for name in POSITIVE:
            _require(getattr(self, name) > 0, name, "must be > 0", getattr(self, name))
        for name in ("initial_std", "min_std"):
            _require(getattr(self, name) >= 1 / LARGEST, name, f"must be >= {1 / LARGEST:g}", getattr(self, name))
        stages_of(self.stages)
        for name in NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, name, "must be >= 0", getattr(self, name))
        for item in fields(self):
            value = getattr(self, item.name)
            _require(not isinstance(value, float) or np.isfinite(value), item.name, "must be finite", value)
            most = AT_MOST.get(item.name, LARGEST)
            _require(not isinstance(value, float) or value <= most, item.name, f"must be <= {most:g}", value)


class Stage(NamedTuple):
    """Settings that change once so many iterations are done: (name, value as a text) each."""

    after: int
    settings: tuple[tuple[str, str], ...]


def stages_of(texts: Sequence[str]) -> list[Stage]:
    """The stages of `learning.stages`; InputError for a text of another form, or stages that do not come in order."""
    found = [_stage_of(text) for text in texts]
    for before, stage in pairwise(found):
        _require(before.after < stage.after, "stages", "must come in the order of their iterations", list(texts))
    return found


def _stage_of(text: str) -> Stage:
    number, *words = text.split() or [""]
    settings = [word.partition("=") for word in words]
    sound = number.isascii() and number.isdigit() and len(number) < 10 and 0 < int(number) < LARGEST and bool(settings)
    sound = sound and all(STAGE_KEY.fullmatch(name) and equals for name, equals, _ in settings)
    rule = "must be texts `ITERATIONS task.KEY=VALUE learning.KEY=VALUE ...`"
    _require(sound, "stages", rule, text)
    return Stage(int(number), tuple((name, value) for name, _, value in settings))


def _require(holds: bool, key: str, rule: str, value) -> None:
    if not holds:
        raise InputError(f"learning.{key} {rule}, got {value!r}")


def first_level(learning: LearningConfig) -> float:
    """Where the curriculum starts: -1 the warm-up, 0 the easiest task, 1 the task itself."""
    if not learning.curriculum:
        return 1.0
    return -1.0 if learning.curriculum_warm_up > 0 else 0.0


def outputs_of(task: Task, learning: LearningConfig) -> dict[str, int]:
    """Widths of the readouts a task needs, in their order."""
    acts = task.action_kind != "none"
    gaussian = task.action_kind == "gaussian"
    names = task.loss != "reward" or learning.auxiliary
    widths = {
        "action": task.n_action if acts else 0,
        "value": 1 if task.loss == "reward" else 0,
        "spread": task.n_action if gaussian and learning.policy_std == "readout" else 0,
        "target": task.n_target if names else 0,
    }
    return {name: width for name, width in widths.items() if width}
