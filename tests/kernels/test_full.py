"""Networks in which all pairs are connected: the quick way gives what the way through the offsets gives."""

import numpy as np
import pytest

from lsnn.blocks import Block
from lsnn.kernels.layout import FULL, PLAIN
from lsnn.network import NetworkConfig, build_network
from tasks.encoders import CoordinateCells
from tasks.water_maze import WaterMaze

STEPS = 150
TASK = WaterMaze(encoder=CoordinateCells(cells_per_coordinate=5, reward_cells=2, wall_cells=2), duration_ms=STEPS)


def network_of(n_neurons: int, **changed):
    settings = {"connectivity": 1.0, "d_max_ms": 1, "dale": False, "rewire": False, "input_gain": 3.0} | changed
    adaptive = n_neurons // 3
    config = NetworkConfig(n_excitatory=n_neurons - adaptive, n_inhibitory=0, n_adaptive=adaptive, **settings)
    return build_network(config, TASK.encoder.n_inputs, {"y": 3}, np.zeros(0), np.random.SeedSequence(7))


def run(network, weights, dtype):
    """Spikes and gradient of a block with random input."""
    generator = np.random.default_rng(1)
    block = Block(TASK, network, STEPS, dtype=dtype)
    block.record.input_spikes[:] = generator.integers(0, 256, block.record.input_spikes.shape) & generator.integers(
        0, 256, block.record.input_spikes.shape
    )
    block.replay(weights)
    g_y, g_z = generator.standard_normal(block.record.y.shape), generator.standard_normal(network.config.n_neurons)
    return block.record.spikes, block.back(weights, g_y, g_z, 0.3, False)


def plain(rows):
    return rows._replace(form=np.array([PLAIN], np.uint8))


@pytest.mark.parametrize("n_neurons", [2, 3, 8, 21, 40])
def test_full_rows_give_the_same_spikes_and_gradients(n_neurons):
    network = network_of(n_neurons)
    weights = network.weights(np.float64)
    assert weights.inputs.form[0] == weights.recurrent.form[0] == FULL
    by_offset = weights._replace(
        inputs=plain(weights.inputs),
        recurrent=plain(weights.recurrent),
        inputs_back=plain(weights.inputs),
        recurrent_back=plain(weights.recurrent),
    )
    (spikes, gradient), (expected_spikes, expected) = (run(network, w, np.float64) for w in (weights, by_offset))
    assert np.unpackbits(spikes).mean() > 0.02
    np.testing.assert_array_equal(spikes, expected_spikes)
    for found, wanted in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * np.abs(wanted).max(initial=1.0))


@pytest.mark.parametrize("changed", [{"connectivity": 0.98}, {"d_max_ms": 2}])
def test_a_network_that_lacks_a_pair_or_has_delays_is_not_full(changed):
    weights = network_of(21, **changed).weights()
    assert weights.inputs.form[0] == weights.recurrent.form[0] == PLAIN
