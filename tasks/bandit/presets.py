"""Presets of the bandit; docs/parameters.md says where their numbers come from."""

from dataclasses import replace

from lsnn.learning.config import LearningConfig
from tasks.bandit.task import OPPOSED, RESTLESS, REVERSING
from tasks.family import Preset
from tasks.presets import SMALL

# Over a trial of 20 ms the discount is 0.95 and lambda 0.9, and the value loss is counted 20 times.
COMPACT = Preset(
    replace(SMALL, connectivity=0.5, tau_out_ms=10.0, surrogate_gamma=0.2),
    LearningConfig(
        curriculum=False,
        discount=0.9974,
        gae_lambda=0.9947,
        value_weight=0.025,
        auxiliary=True,
        auxiliary_weight=2.0,
        rate_weight=0.02,
        anneal_iterations=1500,
        average_rate=0.02,
    ),
)

# Without the auxiliary readout, in shorter trials (0.974 a trial); a bonus for entropy keeps it trying.
REWARD_ALONE = replace(
    COMPACT,
    learning=replace(COMPACT.learning, auxiliary=False, entropy_weight=0.05, anneal_iterations=600),
    task={"trial_ms": 10},
)

# Arms that change: by reward alone as well, with larger steps and no bonus.
WALKING = replace(REWARD_ALONE.learning, learning_rate=5e-3, entropy_weight=0.0, anneal_iterations=1000)

# Either reversing arm tells as much, so a pull matters for its own reward alone (discount 0.11 a trial). The bonus has
# it try after a loss, or it would not find out that calm and volatile blocks want different answers.
TURNING = replace(WALKING, discount=0.8, gae_lambda=0.9, entropy_weight=0.3)

PRESETS = {
    "compact": COMPACT,
    "reward_alone": REWARD_ALONE,
    "anti_correlated": replace(COMPACT, task={"arms": OPPOSED}),
    "restless": replace(REWARD_ALONE, learning=WALKING, task={"arms": RESTLESS, "trial_ms": 10}),
    "reversing": replace(REWARD_ALONE, learning=TURNING, task={"arms": REVERSING, "trial_ms": 10, "trials": 200}),
}
