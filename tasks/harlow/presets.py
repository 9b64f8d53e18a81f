"""Presets of Harlow's task; docs/reference/parameters.md says where their numbers come from."""

from dataclasses import replace

from lsnn.learning.config import LearningConfig
from tasks.family import Preset
from tasks.presets import SMALL

# Over a trial of 45 ms the discount is 0.89 and lambda 0.8; the value loss is counted 45 times.
LEARNING = LearningConfig(
    curriculum=False,
    discount=0.9974,
    gae_lambda=0.9947,
    value_weight=0.01,
    rate_weight=0.02,
    anneal_iterations=2000,
    average_rate=0.02,
)
COMPACT = Preset(
    replace(SMALL, connectivity=0.5, tau_out_ms=10.0, surrogate_gamma=0.2),
    replace(LEARNING, auxiliary=True, auxiliary_weight=2.0),
)
# Over a trial the discount is 0.40 and lambda 0.009: a choice earns what it earns at once. Without the bonus of entropy
# the policy comes to choose one side for good after a wrong first choice, and no longer sees what the other would pay.
REWARD_ALONE = replace(COMPACT, learning=replace(LEARNING, discount=0.98, gae_lambda=0.9, entropy_weight=0.5))

PRESETS = {"compact": COMPACT, "reward_alone": REWARD_ALONE}
