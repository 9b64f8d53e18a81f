"""Presets: named experiments on each task; docs/reference/parameters.md says where their numbers come from."""

from dataclasses import replace

from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from lsnn.network import NetworkConfig
from runs.configuration import Experiment
from runs.families import family_of
from tasks.bandit import OPPOSED, Bandit
from tasks.encoders import CoordinateCells, PlaceCells
from tasks.regression import Regression
from tasks.store_recall import StoreRecall
from tasks.water_maze import WaterMaze

DEFAULT = "compact"

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
        surrogate_gamma=0.15,
    ),
    LEARNING,
)

# Ours: a stay on the platform, then dark, and only then the next trial. Half the episodes, twice as long, so that some
# dark fits in; the curriculum goes by what the animals earn while they swim.
RETENTION = Experiment(
    replace(
        COMPACT.task,
        rest_ms=30,
        rest_ms_min=10,
        rest_each_trial=True,
        dark_ms=2000,
        dark_ms_min=10,
        no_dark=0.2,
        duration_ms=4000,
    ),
    COMPACT.network,
    replace(
        LEARNING,
        episodes=32,
        exploded_norm=30.0,
        curriculum_warm_up=24.0,
        curriculum_bar=48.0,
        curriculum_step=0.0025,
        curriculum_acting=True,
    ),
)

# The network of Bellec et al. (2018), as recalled. Ours: the damping and the gains at the start, without which the
# gradient explodes, and the quicker readout.
BELLEC2018 = Experiment(
    WaterMaze(encoder=CoordinateCells()),
    NetworkConfig(tau_out_ms=6.0, input_gain=0.7, recurrent_gain=0.4, surrogate_gamma=0.15),
    LEARNING,
)

# The other families: small dense networks, no curriculum.
SMALL = NetworkConfig(
    n_excitatory=40,
    n_inhibitory=10,
    n_adaptive=50,
    dale=False,
    rewire=False,
    connectivity=1.0,
    d_max_ms=1,
    tau_m_min_ms=20.0,
    tau_m_max_ms=20.0,
    recurrent_gain=0.4,
)

STORE_RECALL = Experiment(
    StoreRecall(),
    SMALL,
    LearningConfig(curriculum=False, learning_rate=5e-3, anneal_iterations=200, average_rate=0.05),
)

# Over a trial of 20 ms the discount is 0.95 and lambda 0.9, and the value loss is counted 20 times.
BANDIT = Experiment(
    Bandit(),
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

MEDIUM = replace(
    SMALL, n_excitatory=60, n_inhibitory=20, n_adaptive=80, connectivity=0.5, tau_out_ms=10.0, surrogate_gamma=0.2
)

# With synapses delayed by up to a sample and more, x and its own y, which comes a sample later, arrive together.
DELAYED = replace(MEDIUM, n_excitatory=80, n_inhibitory=20, n_adaptive=120, d_max_ms=25, surrogate_gamma=0.15)
TAUGHT = LearningConfig(
    curriculum=False, rate_weight=0.02, final_learning_rate=3e-4, anneal_iterations=2000, average_rate=0.02
)
TAUGHT_LONGER = replace(TAUGHT, anneal_iterations=3500, exploded_norm=40.0)
TRAITS_WEIGHT = 0.3


def on_a_grid(task: Regression) -> Regression:
    """The task with its two variables encoded together, so that products of them need not be learnt."""
    return replace(task, encoder=replace(task.encoder, grid_side=8))


REGRESSION = {
    "sine": Experiment(Regression("sine"), MEDIUM, TAUGHT),
    "quadratic": Experiment(on_a_grid(Regression("quadratic", traits_weight=TRAITS_WEIGHT)), DELAYED, TAUGHT_LONGER),
    "network": Experiment(Regression("network", traits_weight=TRAITS_WEIGHT), DELAYED, TAUGHT_LONGER),
    "linear": Experiment(
        Regression("linear", traits_weight=TRAITS_WEIGHT),
        DELAYED,
        replace(TAUGHT_LONGER, curriculum=True, curriculum_warm_up=0.0, curriculum_bar=-18.0, anneal_iterations=2500),
    ),
}

PRESETS = {
    "water-maze": {"compact": COMPACT, "bellec2018": BELLEC2018, "retention": RETENTION},
    "bandit": {"compact": BANDIT, "anti_correlated": replace(BANDIT, task=Bandit(arms=OPPOSED))},
    "regression": {"compact": REGRESSION["sine"], **REGRESSION},
    "store-recall": {"compact": STORE_RECALL},
}


def preset(task: str, name: str = DEFAULT) -> Experiment:
    """The experiment of that name on a task; InputError for an unknown task or name."""
    family_of(task)
    if name not in PRESETS[task]:
        raise InputError(f"--preset must be one of {', '.join(PRESETS[task])} for {task}, got {name!r}")
    return PRESETS[task][name]
