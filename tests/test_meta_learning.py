"""Learning works: by reward alone a network comes to remember the platform, first with starts near the centre."""

from dataclasses import dataclass

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.learning.descent import rewired
from lsnn.meta import MetaLearner, new_network
from lsnn.seeds import VALIDATION_BRANCH, episode_keys
from lsnn.wiring import pair_numbers
from tasks.bandit import Bandit
from tasks.experiment import overridden, preset
from tasks.water_maze.baselines import swim
from tests.runs.tiny import FREE, tiny

MOST_ITERATIONS, LAST, LEVEL = 600, 20, 0.2
COMPACT = preset("water-maze")


def test_a_memory_of_what_was_paid_appears_by_reward_alone():
    """Half of the pulls pay whatever a policy without a memory does, and an untrained network is one."""
    quick = overridden(preset("bandit", "reward_alone"), ["task.trials=30", "learning.learning_rate=0.01"])
    learner = MetaLearner(
        quick.task, new_network(quick.task, quick.network, quick.learning, seed=1), quick.learning, seed=1
    )
    assert "target" not in learner.network.outputs
    paid = [learner.step()["late_paid"] for _ in range(100)]
    assert np.mean(paid[-LAST:]) > 0.58 > 0.55 > np.mean(paid[:3])


@pytest.mark.long
def test_memory_appears_by_reward_alone():
    """Later searches take at most half of the first, and it makes far more visits than circling without a memory."""
    learner = MetaLearner(
        COMPACT.task, new_network(COMPACT.task, COMPACT.network, COMPACT.learning, seed=1), COMPACT.learning, seed=1
    )
    assert "target" not in learner.network.outputs
    rows = []
    while learner.level < LEVEL and len(rows) < MOST_ITERATIONS:
        rows.append(learner.step())
    visits, first, later = (
        np.mean([row[name] for row in rows[-LAST:]]) for name in ("visits", "first_latency_ms", "later_latency_ms")
    )
    easy = COMPACT.task.at_difficulty(LEVEL)
    circling = swim("circling", episode_keys(1, VALIDATION_BRANCH, 0, 64), easy)
    assert visits > 1.3 * np.mean(np.count_nonzero(circling.reward > 0.5, axis=1))
    assert later < 0.5 * first


def test_an_entropy_bonus_that_no_term_would_follow_is_refused():
    answers = overridden(preset("store-recall"), ["learning.entropy_weight=0.1"])
    network = new_network(answers.task, answers.network, answers.learning, seed=0)
    with pytest.raises(InputError, match="learning.entropy_weight must be 0 where no policy acts, got 0.1"):
        MetaLearner(answers.task, network, answers.learning, seed=0)


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


def learner_of(*settings):
    experiment = tiny((*FREE, *settings))
    network = new_network(experiment.task, experiment.network, experiment.learning, seed=0)
    return MetaLearner(experiment.task, network, experiment.learning, seed=0, threads=1)


def test_learning_rate_falls_by_a_cosine_once_the_curriculum_is_at_its_end():
    learner = learner_of("learning.learning_rate=0.01", "learning.final_learning_rate=0.002",
                         "learning.anneal_iterations=100")  # fmt: skip
    learner.iteration, learner.widest_at, learner.level = 60, 10, 0.5
    assert learner.learning_rate() == 0.01
    learner.level = 1.0
    assert learner.learning_rate() == pytest.approx(0.006)  # half way
    learner.iteration = 200
    assert learner.learning_rate() == pytest.approx(0.002)


def test_curriculum_warms_up_then_widens_while_the_mean_return_is_above_its_bar():
    learner = learner_of("learning.curriculum=true", "learning.curriculum_warm_up=12", "learning.curriculum_bar=20",
                         "learning.curriculum_step=0.4")  # fmt: skip
    levels, learner.running_return = [], 11.0
    for learner.iteration, mean_return in enumerate([11, 31, 5, 60, 60, 90, 90]):
        learner._advance_curriculum(mean_return)
        levels.append(learner.level)
    # running means: 11, 13 (warm), 12.2, 17.0, 21.3 (above the bar), 28.2, 34.3
    assert levels == [-1, 0, 0, 0, 0.4, 0.8, 1]
    assert learner.widest_at == 6


def test_a_curriculum_may_count_the_time_of_acting_only():
    assert learner_of().counted_return(10.0, 0.4) == 10.0
    assert learner_of("learning.curriculum_acting=true").counted_return(10.0, 0.4) == pytest.approx(25.0)


def test_a_curriculum_switched_off_on_resume_is_over():
    eased = learner_of("learning.curriculum=true")
    assert eased.level == -1
    learner = learner_of("learning.curriculum=false")
    learner.restore(eased.state())
    assert learner.level == 1


@dataclass(frozen=True)
class TooShort(Bandit):
    @property
    def duration_ms(self):
        return self.trials * self.trial_ms


def test_a_task_in_which_nothing_counts_is_refused():
    """All of its one decision falls into the last step, which has only a value."""
    experiment, task = overridden(preset("bandit"), ["learning.episodes=8"]), TooShort(trials=1)
    network = new_network(task, experiment.network, experiment.learning, seed=0)
    with pytest.raises(InputError, match="duration_ms of bandit must leave a step that counts .* got 20"):
        MetaLearner(task, network, experiment.learning, seed=0, threads=1).step()


def test_moments_and_average_follow_their_synapses_through_a_rewiring():
    learner = learner_of("network.rewire=true", "learning.temperature=0", "learning.theta_new=0.01")
    learner.step()
    network = learner.network
    generator, size = np.random.default_rng(0), len(network.synapses.theta)
    dormant = generator.choice(size, size // 5, replace=False)
    theta = np.abs(network.synapses.theta) + 0.1
    theta[dormant] = -1.0
    network.synapses = network.synapses._replace(theta=theta)
    before = pair_numbers(network.wiring, network.synapses)
    kept = {pair for place, pair in enumerate(before) if theta[place] >= 0}
    for number, moments in enumerate((learner.adam.first, learner.adam.second, learner.average), 1):
        moments["theta"] = number * (before + 1.0)  # a mark that tells the pair
    branch, kept_by = np.random.SeedSequence(1), (learner.adam.first, learner.adam.second, learner.average)
    rewired(network, learner.learning, 0.001, branch, kept_by)
    after = pair_numbers(network.wiring, network.synapses)
    stayed = np.isin(after, list(kept)) & (network.synapses.theta != 0.01)
    assert stayed.sum() == len(kept)
    for number, moments in enumerate((learner.adam.first, learner.adam.second, learner.average), 1):
        np.testing.assert_array_equal(moments["theta"], np.where(stayed, number * (after + 1.0), 0.0))
