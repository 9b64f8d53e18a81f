"""The register of all branches of a run's one `numpy.random.SeedSequence` (docs/design.md, Randomness).

A draw's generator is SeedSequence(seed, spawn_key=(branch, ...)). Every branch, and every experiment within the branch
of the study, has its number here and nowhere else, so that no two uses share a draw. A number, once given, stays:
results were made with it. Values of a random sweep are settings and come from a seed of their own, `draw_seed`.
"""

from enum import IntEnum, unique

import numpy as np

from lsnn.validation import require_integer

MOST_EPISODES = 1_000_000  # side by side, or of a test

NETWORK_BRANCH = 0  # wiring and first weights
TRAIN_BRANCH = 1  # worlds of meta-training, by iteration
TEST_BRANCH = 2  # worlds of the test
REWIRE_BRANCH = 3  # DEEP R, by step of the optimiser
VALIDATION_BRANCH = 4  # worlds of the tests on the way
FIT_BRANCH = 5  # samples of one's own: which are of validation, in which order the others are learnt
STUDY_BRANCH = 16  # worlds and draws of the experiments on frozen networks, by experiment

# Of a SeedSequence whose entropy is the key of an episode
EPISODE_NOISE_BRANCH = 1  # noise of the membranes in Brian2

# Of the SeedSequence of entropy 0 that resamples what was measured
RESAMPLED_NETWORKS = 1  # networks, then animals of each


@unique
class Study(IntEnum):
    """Experiments within STUDY_BRANCH."""

    ABLATION = 1
    SILENCE = 2
    CLAMP = 3
    TRANSPLANT = 4
    DECODING = 5
    RETENTION = 6
    REVERSAL = 7
    PROBE = 8
    GENERALISATION = 9
    CONTROLS = 10
    WIRING = 11
    WEDGE = 12
    MAZE_FAMILY = 13
    MAZE_ROTATION = 14
    TAKEOVER = 15  # 13, the number of MAZE_FAMILY, in results of before this register
    ONE_VISIT = 16
    STORE_RECALL_DARK = 17
    HARLOW_PROBLEMS = 18
    MANY_PLATFORMS = 19
    ANGLE_COLOUR = 20
    TWO_STEP_BEHAVIOUR = 21
    INDUCTION_MEMORY = 22
    TWO_STEP_DARK = 23
    DEMO = 24
    BANDIT_VOLATILITY = 25
    LOSSES = 26
    ABRUPTNESS = 27
    TEMPLATES = 28
    LED = 29
    TEMPLATES_REGRESSION = 30
    HOPFIELD = 31
    DUAL_FORM = 32
    IMPLICIT_UPDATE = 33
    PLASTIC_RIVALS = 34
    PLASTIC_TASKS = 35
    ORDER = 40
    SIMILARITY = 41
    GRAPH_WALK = 42


def episode_keys(seed: int, branch: int, iteration: int, count: int) -> np.ndarray:
    """Keys of the episodes of an iteration (of an experiment, in the study's branch), (count,) uint64.

    Raises:
        InputError: more episodes than any result has room for.
    """
    require_integer("the number of episodes", count, 0, MOST_EPISODES)
    return np.random.SeedSequence(seed, spawn_key=(branch, iteration)).generate_state(count, np.uint64)
