"""Presets of the two-step task."""

from dataclasses import replace

from lsnn.learning.config import LearningConfig
from tasks.family import Preset
from tasks.presets import SMALL

# Over a trial of 20 ms the discount is 0.95 and lambda 0.9, and the value loss is counted 20 times. By reward alone.
COMPACT = Preset(
    replace(SMALL, connectivity=0.5, tau_out_ms=10.0, surrogate_gamma=0.2),
    LearningConfig(
        curriculum=False,
        learning_rate=5e-3,
        discount=0.9974,
        gae_lambda=0.9947,
        value_weight=0.025,
        rate_weight=0.02,
        anneal_iterations=500,
        average_rate=0.02,
    ),
)

PRESETS = {
    "compact": COMPACT,
    "remapped": replace(COMPACT, learning=replace(COMPACT.learning, anneal_iterations=1000), task={"remapped": True}),
}
