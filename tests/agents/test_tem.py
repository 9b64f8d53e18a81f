"""The TEM-transformer: its equations by hand, what tells it of a move, a map that is learnt."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("equinox")
pytest.importorskip("optax")

import agents.backend  # noqa: F401  # isort: skip
import equinox as eqx
import jax
import jax.numpy as jnp

from agents.config import AgentConfig, AgentExperiment
from agents.learner import AgentLearner
from agents.networks import n_parameters, new_agent
from agents.playing import play
from agents.tem import Parted, PathAttention, movement_of, normalised
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from tasks.bandit import Bandit
from tasks.graph_walk import FAMILY, GraphWalk
from tasks.graph_walk.task import N_FLAGS, N_MOVES, SYMBOLS
from tasks.induction import Induction

KEYS = np.arange(100, 228, dtype=np.uint64)


def by_hand(decisions):
    """Two numbers of a code, one move, e^beta = 3: from (1, 0) to (0, 1), where it stays."""
    core = PathAttention(1, 2, decisions, jax.random.key(0))
    return eqx.tree_at(
        lambda of: (of.first_code, of.moves, of.log_beta),
        core, (jnp.array([2.0, -1.0]), jnp.array([[[-1.0, 0.0], [1.0, 0.0]]]), jnp.asarray(np.log(np.log(3.0)))),
    )  # fmt: skip


def test_the_equations_by_hand():
    """Values 4 and 8 are kept at (1, 0) and (0, 1). After the first move only 4 is there; after the second 8 weighs 3
    times as much; without a third move the code stays, and of 4, 8, 8 the latter weigh 3 times as much each."""
    x = jnp.array([[4.0, -4.0, 1.0], [8.0, -8.0, 1.0], [8.0, -8.0, 0.0]])
    core = by_hand(3)
    np.testing.assert_allclose(core.states(x), [[0, 1], [0, 1], [0, 1]], atol=1e-6)
    wanted = np.array([4.0, 7.0, (4 + 6 * 8) / 7])
    np.testing.assert_allclose(core.unroll(x), np.stack([wanted, -wanted], axis=1), rtol=1e-5)


def test_codes_are_positive_of_length_one_and_none_is_none():
    np.testing.assert_allclose(normalised(jnp.array([3.0, -1.0, 4.0])), [0.6, 0.0, 0.8], rtol=1e-6)
    nothing = jnp.array([-1.0, -2.0])
    assert not normalised(nothing).any() and np.isfinite(jax.jacobian(normalised)(nothing)).all()


def test_moves_are_what_the_task_names_and_the_rest_is_seen():
    parted = Parted(N_FLAGS, movement_of(GraphWalk()), 3, jax.random.key(1))
    inputs = jnp.arange(N_FLAGS, dtype=jnp.float32)
    found = parted(inputs)
    np.testing.assert_allclose(found[:3], parted.linear(inputs[:SYMBOLS]), rtol=1e-6)
    np.testing.assert_array_equal(found[3:], inputs[SYMBOLS:])


def test_everything_is_both_where_a_task_names_none():
    assert movement_of(Induction()) is None and movement_of(Bandit()) is None
    found = Parted(4, None, 2, jax.random.key(1))(jnp.arange(4.0))
    assert found.shape == (6,) and found[2:].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("movement", [(3, 3), (0, N_FLAGS + 1), (-1, 2), (1,), (0.0, 2.0), 5, "ab"])
def test_a_movement_that_is_none_is_named(movement):
    task = GraphWalk()
    object.__setattr__(task, "movement", movement)
    with pytest.raises(InputError, match="movement of the task must be two places, first < last, in 0..14"):
        movement_of(task)


def test_size_by_hand():
    experiment = AgentExperiment(GraphWalk(), AgentConfig("tem", 8), LearningConfig(curriculum=False))
    assert n_parameters(experiment) == (SYMBOLS + 1) * 8 + 8 + N_MOVES * 64 + 1 + 9 * SYMBOLS


def test_a_map_is_learnt():
    """Small grids, short walks: soon above what symbols and moves alone tell; untrained it is not."""
    task = GraphWalk(visits=24, side_min=3, side_max=3)
    learning = LearningConfig(curriculum=False, episodes=32, learning_rate=5e-3, average_rate=0.1, gradient_norm=0.5)
    experiment = AgentExperiment(task, AgentConfig("tem", 32), replace(learning, final_learning_rate=1e-3))
    learner = AgentLearner(experiment, new_agent(experiment, 3), 3)

    def right(agent):
        run = play(experiment, agent, KEYS, sampled=False)
        return run.reward.sum() / run.acted.sum()

    before = right(learner.agent)
    for _ in range(120):
        learner.step()
    known = FAMILY.score.of(FAMILY.play("transitions", task, KEYS, lambda count: KEYS).trials, len(KEYS))
    assert before < 0.4 and right(learner.averaged()) > known + 0.05
