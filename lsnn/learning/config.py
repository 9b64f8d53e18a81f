"""The settings of the outer loop, and what follows from them alone."""

from dataclasses import dataclass, fields

import numpy as np

from lsnn.errors import InputError
from lsnn.kernels.simd import LANES
from lsnn.task import Task

POSITIVE = (
    "learning_rate", "final_learning_rate", "gradient_norm", "shard_norm", "exploded_norm", "rate_target_hz",
    "initial_std", "min_std", "clip", "average_rate", "exploded_shrink", "curriculum_step",
)  # fmt: skip
NOT_NEGATIVE = (
    "anneal_iterations", "mean_norm", "input_rate", "recurrent_rate", "weight_decay", "value_weight", "entropy_weight",
    "rate_weight", "auxiliary_weight", "auxiliary_until", "l1", "temperature", "theta_new",
)  # fmt: skip


@dataclass(frozen=True)
class LearningConfig:
    """The outer loop; weights are learnt in units of effect."""

    episodes: int = 64
    time_checkpoints: bool = False
    learning_rate: float = 3e-3
    final_learning_rate: float = 1e-3
    anneal_iterations: int = 0
    discount: float = 0.99
    gae_lambda: float = 0.97
    clip: float = 0.2
    epochs: int = 1
    value_weight: float = 0.5
    entropy_weight: float = 0.0
    gradient_norm: float = 1.0
    shard_norm: float = 2.0
    exploded_norm: float = 10.0
    exploded_shrink: float = 0.99
    input_rate: float = 1.0
    recurrent_rate: float = 1.0
    weight_decay: float = 0.0
    average_rate: float = 0.01
    rate_target_hz: float = 20.0
    rate_weight: float = 0.1
    initial_std: float = 0.6
    min_std: float = 0.05
    spread: str = "learnt"
    hold_ms: int = 1
    mean_norm: float = 0.0
    auxiliary: bool = False
    auxiliary_weight: float = 1.0
    auxiliary_until: int = 0
    curriculum: bool = True
    curriculum_warm_up: float = 12.0
    curriculum_bar: float = 28.0
    curriculum_step: float = 0.005
    curriculum_acting: bool = False
    l1: float = 0.0
    temperature: float = 0.0
    theta_new: float = 1e-3

    def __post_init__(self):
        whole_blocks = self.episodes > 0 and self.episodes % LANES == 0
        _require(whole_blocks, "episodes", f"must be a positive multiple of {LANES}", self.episodes)
        _require(self.spread in ("learnt", "readout"), "spread", "must be 'learnt' or 'readout'", self.spread)
        _require(0 < self.discount < 1, "discount", "must lie in (0, 1)", self.discount)
        for name in ("average_rate", "exploded_shrink"):
            _require(getattr(self, name) <= 1, name, "must be <= 1", getattr(self, name))
        _require(0 <= self.gae_lambda <= 1, "gae_lambda", "must lie in [0, 1]", self.gae_lambda)
        for name in ("epochs", "hold_ms"):
            _require(getattr(self, name) >= 1, name, "must be >= 1", getattr(self, name))
        for name in POSITIVE:
            _require(getattr(self, name) > 0, name, "must be > 0", getattr(self, name))
        for name in NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, name, "must be >= 0", getattr(self, name))
        for item in fields(self):
            value = getattr(self, item.name)
            _require(not isinstance(value, float) or np.isfinite(value), item.name, "must be finite", value)


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
    names = task.loss == "target" or learning.auxiliary
    widths = {
        "action": task.n_action if acts else 0,
        "value": 1 if task.loss == "reward" else 0,
        "spread": task.n_action if gaussian and learning.spread == "readout" else 0,
        "target": task.n_target if names else 0,
    }
    return {name: width for name, width in widths.items() if width}
