"""Learning works: a small network, set down near the centre, comes to remember the platform by reward alone."""

from dataclasses import replace

import numpy as np

from lsnn.meta import MetaLearner, new_network
from runs.presets import COMPACT
from tasks.water_maze import WaterMaze

ITERATIONS, LAST = 260, 20


def test_memory_appears_by_reward_alone():
    """Later searches take at most half of the first; the reward is all that is learnt from."""
    task = WaterMaze(duration_ms=1000, start_radius=0.1, encoder=COMPACT.task.encoder)
    learning = replace(COMPACT.learning, curriculum=False, episodes=48)
    config = replace(COMPACT.network, n_excitatory=80, n_inhibitory=20, n_adaptive=60)
    learner = MetaLearner(task, new_network(task, config, learning, seed=0), learning, seed=0)
    assert "target" not in learner.network.outputs
    rows = [learner.step() for _ in range(ITERATIONS)]
    first, later = (np.mean([row[f"{name}_search_ms"] for row in rows[-LAST:]]) for name in ("first", "later"))
    goals = np.mean([row["goals"] for row in rows[-LAST:]])
    print(f"first {first:.0f} ms, later {later:.0f} ms, {goals:.1f} goals")
    assert goals > 8
    assert later < 0.5 * first
