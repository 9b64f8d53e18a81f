"""Presets: named experiments on each task; docs/parameters.md says where their numbers come from."""

from lsnn.errors import InputError
from lsnn.meta import LearningConfig
from lsnn.network import NetworkConfig
from runs.configuration import Experiment
from runs.families import family_of
from tasks.encoders import CoordinateCells
from tasks.water_maze import WaterMaze

DEFAULT = "compact"

# Ours, for two cores: no Dale's law and no rewiring, so that memory appears within minutes.
COMPACT = Experiment(
    WaterMaze(),
    NetworkConfig(
        n_excitatory=120,
        n_inhibitory=30,
        n_adaptive=100,
        dale=False,
        rewire=False,
        connectivity=1.0,
        d_max_ms=1,
        tau_m_min_ms=20.0,
        tau_m_max_ms=20.0,
        tau_out_ms=6.0,
    ),
    LearningConfig(),
)

# The network of Bellec et al. (2018), as recalled.
BELLEC2018 = Experiment(WaterMaze(encoder=CoordinateCells()), NetworkConfig(), LearningConfig())

PRESETS = {"water-maze": {"compact": COMPACT, "bellec2018": BELLEC2018}}


def preset(task: str, name: str = DEFAULT) -> Experiment:
    """The experiment of that name on a task; InputError for an unknown task or name."""
    family_of(task)
    if name not in PRESETS[task]:
        raise InputError(f"--preset must be one of {', '.join(PRESETS[task])} for {task}, got {name!r}")
    return PRESETS[task][name]
