"""Presets of regression in context, one a kind of function; docs/parameters.md says where their numbers come from."""

from dataclasses import replace

from lsnn.learning.config import LearningConfig
from tasks.family import Preset
from tasks.presets import SMALL
from tasks.regression.task import Regression

MEDIUM = replace(
    SMALL, n_excitatory=60, n_inhibitory=20, n_adaptive=80, connectivity=0.5, tau_out_ms=10.0, surrogate_gamma=0.2
)

# With synapses delayed by up to a sample and more, x and its own y, which comes a sample later, arrive together.
DELAYED = replace(MEDIUM, n_excitatory=80, n_inhibitory=20, n_adaptive=120, d_max_ms=25, surrogate_gamma=0.15)
TAUGHT = LearningConfig(
    curriculum=False, rate_weight=0.02, final_learning_rate=3e-4, anneal_iterations=2000, average_rate=0.02
)
TAUGHT_LONGER = replace(TAUGHT, anneal_iterations=3500, exploded_norm=40.0)
LATENT_WEIGHT = 0.3

SINE = Preset(MEDIUM, TAUGHT, {"function": "sine"})

# Its two variables are encoded together, so that products of them need not be learnt.
ON_A_GRID = replace(Regression("quadratic").encoder, grid_side=8)  # type: ignore[type-var]
QUADRATIC = Preset(
    DELAYED, TAUGHT_LONGER, {"function": "quadratic", "latent_weight": LATENT_WEIGHT, "encoder": ON_A_GRID}
)
NETWORK = Preset(DELAYED, TAUGHT_LONGER, {"function": "network", "latent_weight": LATENT_WEIGHT})
LINEAR = Preset(
    DELAYED,
    replace(TAUGHT_LONGER, curriculum=True, curriculum_warm_up=0.0, curriculum_bar=-18.0, anneal_iterations=2500),
    {"function": "linear", "latent_weight": LATENT_WEIGHT},
)

PRESETS = {"compact": SINE, "sine": SINE, "quadratic": QUADRATIC, "network": NETWORK, "linear": LINEAR}
