"""More input cells: the network that has them is, spike for spike, the old one wherever they spike as the old did."""

from dataclasses import replace

import numpy as np
import pytest

from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from lsnn.meta import MetaLearner, new_network
from lsnn.network import NetworkConfig
from lsnn.refine import refined
from lsnn.seeds import episode_keys
from tasks.encoders import PlaceCells
from tasks.water_maze import WaterMaze

STEPS = 120
COARSE = PlaceCells(grid_side=6, reward_cells=4, wall_cells=2)
FINE = replace(COARSE, grid_side=12, reward_cells=16, wall_cells=4)
TASK = WaterMaze(duration_ms=STEPS, start_radius=0.3, platform_radius=0.5, platform_circle=0.6, encoder=COARSE)
CONFIG = NetworkConfig(
    n_excitatory=20, n_inhibitory=8, n_adaptive=12, dale=False, rewire=False, d_max_ms=1, input_gain=3.0
)


@pytest.fixture(scope="module")
def learner():
    learner = MetaLearner(
        TASK, new_network(TASK, CONFIG, LearningConfig(), seed=3), LearningConfig(episodes=8), seed=3, threads=1
    )
    learner.step()
    return learner


def test_every_fine_cell_refines_the_coarse_cell_beside_it():
    origin = FINE.origin(COARSE)
    assert origin is not None
    n = len(COARSE.centres())
    places = origin[: len(FINE.centres())]
    distance = np.linalg.norm(FINE.centres() - COARSE.centres()[places], axis=1)
    assert distance.max() < 2 / 6 and np.median(np.bincount(places)) == 4
    np.testing.assert_array_equal(origin[len(places) : len(places) + 16], n + np.repeat(np.arange(4), 4))
    np.testing.assert_array_equal(origin[len(places) + 16 :], n + 4 + np.repeat(np.arange(2), 2))


@pytest.mark.parametrize(
    "other", [replace(FINE, width=0.3), replace(FINE, rate_hz=400.0), replace(FINE, grid_side=3),
              replace(FINE, reward_cells=2)]
)  # fmt: skip
def test_an_encoder_that_differs_otherwise_or_leaves_a_cell_out_refines_nothing(other):
    assert other.origin(COARSE) is None


def test_cells_of_a_kind_that_there_was_none_of_come_from_nowhere():
    """They must not be taken for children of the next kind: reward cells would spike for the wall."""
    assert replace(FINE, reward_cells=16).origin(replace(COARSE, reward_cells=0)) is None
    assert replace(FINE, reward_cells=0).origin(replace(COARSE, reward_cells=0)) is not None


def test_the_refined_network_spikes_as_the_old_one_where_its_input_does(learner):
    """In float64, on the old input given to each new cell; and its gradient is that of the cell it comes from."""
    origin = FINE.origin(COARSE)
    network, _ = refined(learner.network, learner.state(), origin)
    block = Block(TASK, learner.network, STEPS, dtype=np.float64)
    block.begin(TASK, episode_keys(5, 1, 0, 8))
    weights = learner.network.weights(np.float64)
    block.roll_out(weights, learner.network.log_std)
    fine = Block(replace(TASK, encoder=FINE), network, STEPS, dtype=np.float64)
    fine.record.input_spikes[:] = block.record.input_spikes[:, origin]
    fine.replay(network.weights(np.float64))
    assert block.record.spikes.any()
    np.testing.assert_array_equal(fine.record.spikes, block.record.spikes)
    np.testing.assert_allclose(fine.record.y, block.record.y, atol=1e-12)
    g_y = np.random.default_rng(0).standard_normal(block.record.y.shape)
    parts = [
        part.back(part_weights, g_y, np.zeros(CONFIG.n_neurons), 0.3, False)
        for part, part_weights in ((block, weights), (fine, network.weights(np.float64)))
    ]
    np.testing.assert_allclose(parts[1].recurrent, parts[0].recurrent, rtol=1e-8, atol=1e-12)
    for old in range(COARSE.n_inputs):
        known = parts[0].inputs[learner.network.synapses.source[: len(parts[0].inputs)] == old]
        for new in np.flatnonzero(origin == old):
            found = parts[1].inputs[network.synapses.source[: len(parts[1].inputs)] == new]
            np.testing.assert_allclose(found, known, rtol=1e-8, atol=1e-12)


def test_what_is_learnt_of_the_gradient_and_the_average_are_handed_on(learner):
    """Each new synapse keeps the moments of the old one and has its part of the average."""
    origin, old, state = FINE.origin(COARSE), learner.network, learner.state()
    network, widened = refined(old, state, origin)
    place = {pair: k for k, pair in enumerate(zip(old.synapses.source, old.synapses.target, strict=True))}
    children = np.bincount(origin)
    for k, (source, target) in enumerate(zip(network.synapses.source, network.synapses.target, strict=True)):
        is_input = source < FINE.n_inputs
        parent = origin[source] if is_input else source - FINE.n_inputs + COARSE.n_inputs
        share = children[parent] if is_input else 1
        before = place[parent, target]
        assert network.synapses.theta[k] == old.synapses.theta[before] / share
        assert widened.average["theta"][k] == state.average["theta"][before] / share
        for moments, known in ((widened.first, state.first), (widened.second, state.second)):
            assert moments["theta"][k] == known["theta"][before]
    np.testing.assert_array_equal(widened.first["readout"], state.first["readout"])


def test_a_checkpoint_before_the_first_update_has_no_moments_to_hand_on(learner):
    fresh = MetaLearner(TASK, learner.network, LearningConfig(episodes=8), seed=3, threads=1).state()
    widened = refined(learner.network, fresh, FINE.origin(COARSE))[1]
    assert widened.first == widened.second == {}


@pytest.mark.parametrize("changes", [{"dale": True}, {"rewire": True}, {"d_max_ms": 3}])
def test_networks_whose_synapses_are_fixed_pair_by_pair_are_refused(changes):
    learning = LearningConfig(episodes=8)
    network = new_network(TASK, replace(CONFIG, **changes), learning, seed=3)
    state = MetaLearner(TASK, network, learning, seed=3, threads=1).state()
    with pytest.raises(InputError, match="can only be split without Dale's law, DEEP R and delays"):
        refined(network, state, FINE.origin(COARSE))
