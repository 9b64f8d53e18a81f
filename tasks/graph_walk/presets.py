"""Presets of the graph walk; docs/reference/parameters.md says where their numbers come from."""

from dataclasses import replace

from lsnn.learning.config import LearningConfig
from tasks.family import Preset
from tasks.presets import SMALL

LEARNING = LearningConfig(
    curriculum=False, learning_rate=5e-3, anneal_iterations=1000, average_rate=0.02, exploded_norm=1000.0
)
NETWORK = replace(SMALL, n_adaptive=100, input_gain=2.0, surrogate_gamma=0.3, tau_out_ms=10.0)

COMPACT = Preset(NETWORK, LEARNING)
PRESETS = {"compact": COMPACT, "4x4": replace(COMPACT, task={"side_min": 4, "side_max": 4})}
