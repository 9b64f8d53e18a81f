"""Learning works: by reward alone a network comes to remember the platform, first with starts near the centre."""

import numpy as np

from lsnn.meta import VALIDATION_BRANCH, MetaLearner, episode_keys, new_network
from runs.presets import COMPACT
from tasks.swimmers import swim

MOST_ITERATIONS, LAST, LEVEL = 600, 20, 0.2


def test_memory_appears_by_reward_alone():
    """Later searches take at most half of the first, and it makes far more goals than circling without a memory."""
    learner = MetaLearner(
        COMPACT.task, new_network(COMPACT.task, COMPACT.network, COMPACT.learning, seed=1), COMPACT.learning, seed=1
    )
    assert "target" not in learner.network.outputs
    rows = []
    while learner.level < LEVEL and len(rows) < MOST_ITERATIONS:
        rows.append(learner.step())
    goals, first, later = (
        np.mean([row[name] for row in rows[-LAST:]]) for name in ("goals", "first_search_ms", "later_search_ms")
    )
    easy = COMPACT.task.at_difficulty(LEVEL)
    circling = swim("circling", episode_keys(1, VALIDATION_BRANCH, 0, 64), easy)
    assert goals > 1.3 * np.mean(np.count_nonzero(circling.reward > 0.5, axis=1))
    assert later < 0.5 * first
