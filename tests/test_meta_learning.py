"""Learning works: by reward alone a network comes to remember the platform, first with starts near the centre."""

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.meta import VALIDATION_BRANCH, MetaLearner, episode_keys, new_network
from runs.configuration import overridden
from runs.presets import COMPACT, preset
from tasks.swimmers import swim
from tests.runs.tiny import FREE, tiny

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


def test_an_entropy_bonus_that_no_term_would_follow_is_refused():
    bandit = overridden(preset("bandit"), ["learning.entropy_weight=0.1"])
    network = new_network(bandit.task, bandit.network, bandit.learning, seed=0)
    with pytest.raises(InputError, match="learning.entropy_weight must be 0 where the policy is not Gaussian, got 0.1"):
        MetaLearner(bandit.task, network, bandit.learning, seed=0)


@pytest.mark.parametrize("rate", ["input_rate", "recurrent_rate"])
def test_a_rate_of_zero_leaves_its_weights_alone_and_half_a_rate_moves_them_half_as_far(rate):
    """The first step of a tiny run, synapse by synapse, against that with both rates at 1."""

    def step(value: float) -> np.ndarray:
        experiment = tiny((*FREE, f"learning.{rate}={value}", "learning.weight_decay=0"))
        network = new_network(experiment.task, experiment.network, experiment.learning, seed=0)
        before = network.synapses.theta.copy()
        MetaLearner(experiment.task, network, experiment.learning, seed=0, threads=1).step()
        return network.synapses.theta - before

    experiment = tiny()
    network = new_network(experiment.task, experiment.network, experiment.learning, seed=0)
    cut = network.n_input_synapses
    own, others = (slice(0, cut), slice(cut, None)) if rate == "input_rate" else (slice(cut, None), slice(0, cut))
    whole, half, none = step(1.0), step(0.5), step(0.0)
    assert np.any(whole[own]) and np.any(whole[others])
    np.testing.assert_array_equal(none[own], 0.0)
    np.testing.assert_allclose(half[own], 0.5 * whole[own], rtol=1e-9, atol=1e-15)
    for other in (half, none):
        np.testing.assert_array_equal(other[others], whole[others])
