"""Presets of the water maze; docs/parameters.md says where their numbers come from."""

from dataclasses import replace

from lsnn.learning.config import LearningConfig
from lsnn.network import NetworkConfig
from tasks.encoders import CoordinateCells, CuedPlaceCells, PlaceCells
from tasks.family import Preset

# Ours: exploration noise that is held, small steps, an average over the last ones.
LEARNING = LearningConfig(
    gae_lambda=0.99,
    hold_ms=8,
    mean_norm=1.0,
    min_std=0.35,
    gradient_norm=0.2,
    exploded_norm=2.0,
    weight_decay=0.2,
    final_learning_rate=5e-4,
    anneal_iterations=1500,
    curriculum_bar=24.0,
)

# Ours, for two cores: no Dale's law and no rewiring, so that memory appears within minutes.
COMPACT = Preset(
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
        surrogate_gamma=0.15,
    ),
    LEARNING,
    {"encoder": PlaceCells(reward_cells=40, wall_cells=40)},
)

# Ours: a stay on the platform, then dark, and only then the next trial. Half the episodes, twice as long, so that some
# dark fits in; the curriculum goes by what the animals earn while they swim.
RETENTION = Preset(
    COMPACT.network,
    replace(
        LEARNING,
        episodes=32,
        exploded_norm=30.0,
        anneal_iterations=3500,
        curriculum_warm_up=24.0,
        curriculum_bar=48.0,
        curriculum_step=0.0025,
        curriculum_acting=True,
    ),
    {
        **COMPACT.task,
        "rest_ms": 30,
        "rest_ms_min": 10,
        "rest_each_trial": True,
        "dark_ms": 2000,
        "dark_ms_min": 10,
        "no_dark": 0.2,
        "duration_ms": 4000,
    },
)

# Ours: one visit through seconds of silence. Slower thresholds; then longer dark and shorter episodes, in which more of
# the trials are first and second ones, those that write a memory and need it.
SILENCE = replace(
    RETENTION,
    network=replace(RETENTION.network, tau_a_ms=4800.0),
    learning=replace(RETENTION.learning, stages=("2500 task.duration_ms=3000 task.dark_ms=5000 learning.episodes=96",)),
    iterations=5000,
)

# Ours: as near to the oracle as it gets (docs/results/frontier.md). More cells and spikes; shorter episodes late, in
# which first searches weigh more; a quieter input; and the episodes of the test again.
FRONTIER = replace(
    COMPACT,
    learning=replace(
        COMPACT.learning,
        rate_target_hz=40.0,
        stages=(
            "1500 task.duration_ms=600 learning.episodes=208 learning.learning_rate=0.0015 "
            "learning.final_learning_rate=0.0001 learning.anneal_iterations=2570",
            "3000 task.encoder.grid_side=24 task.encoder.reward_cells=160 learning.input_rate=0.5 "
            "learning.recurrent_rate=0 learning.learning_rate=0.0001 learning.rate_target_hz=50",
            "3160 task.duration_ms=2000 learning.episodes=64",
        ),
    ),
    task={"encoder": PlaceCells(grid_side=12, reward_cells=80, wall_cells=40)},
    iterations=3160,
)

# The network of Bellec et al. (2018), as recalled. Ours: the damping and the gains at the start, without which the
# gradient explodes, and the quicker readout.
BELLEC2018 = Preset(
    NetworkConfig(tau_out_ms=6.0, input_gain=0.7, recurrent_gain=0.4, surrogate_gamma=0.15),
    LEARNING,
    {"encoder": CoordinateCells()},
)

# Ours: one to four platforms, each told by a cue (associative memory of one visit). First one platform; then dark after
# each visit, so that thresholds hold it; then two, and one to four. Its stages went well one by one, on one seed, up to
# two platforms (docs/results/platforms.md).
PLATFORMS = Preset(
    COMPACT.network,
    replace(
        LEARNING,
        exploded_norm=10.0,
        auxiliary=True,
        curriculum_acting=True,
        stages=(
            "1000 task.dark_ms=300 task.dark_ms_min=10 task.no_dark=0.2",
            "1200 task.dark_ms=50 task.platforms=2",
            "2000 task.platforms=4 task.platforms_min=1",
        ),
    ),
    {"encoder": CuedPlaceCells(reward_cells=40, wall_cells=40), "platforms": 1, "rest_ms": 20, "cue_ms": 2000},
    iterations=3000,
)

PRESETS = {
    "compact": COMPACT,
    "bellec2018": BELLEC2018,
    "frontier": FRONTIER,
    "retention": RETENTION,
    "silence": SILENCE,
    "platforms": PLATFORMS,
}
