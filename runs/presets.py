"""Presets: named experiments on each task; docs/parameters.md says where their numbers come from."""

from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from lsnn.network import NetworkConfig
from runs.configuration import Experiment
from runs.families import family_of
from tasks.encoders import CoordinateCells, PlaceCells
from tasks.water_maze import WaterMaze

DEFAULT = "compact"

# Ours: exploration noise that is held, small steps, an average over the last ones.
LEARNING = LearningConfig(
    gae_lambda=0.99,
    hold_ms=8,
    mean_norm=1.0,
    min_std=0.35,
    gradient_norm=0.2,
    weight_decay=0.2,
    final_learning_rate=5e-4,
    anneal_iterations=1500,
    curriculum_bar=24.0,
)

# Ours, for two cores: no Dale's law and no rewiring, so that memory appears within minutes.
COMPACT = Experiment(
    WaterMaze(encoder=PlaceCells(reward_cells=40, wall_cells=40)),
    NetworkConfig(
        n_excitatory=120,
        n_inhibitory=30,
        n_adaptive=100,
        dale=False,
        rewire=False,
        connectivity=0.3,
        d_max_ms=1,
        tau_m_min_ms=20.0,
        tau_m_max_ms=20.0,
        tau_out_ms=6.0,
        beta=3.4,
        recurrent_gain=0.4,
        surrogate_gamma=0.2,
    ),
    LEARNING,
)

# The network of Bellec et al. (2018), as recalled.
BELLEC2018 = Experiment(WaterMaze(encoder=CoordinateCells()), NetworkConfig(recurrent_gain=0.4), LEARNING)

PRESETS = {"water-maze": {"compact": COMPACT, "bellec2018": BELLEC2018}}


def preset(task: str, name: str = DEFAULT) -> Experiment:
    """The experiment of that name on a task; InputError for an unknown task or name."""
    family_of(task)
    if name not in PRESETS[task]:
        raise InputError(f"--preset must be one of {', '.join(PRESETS[task])} for {task}, got {name!r}")
    return PRESETS[task][name]
