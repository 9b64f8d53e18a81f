"""Large networks, whose backward pass goes tile by tile through the targets: the same as row by row."""

import numpy as np
import pytest

from lsnn.blocks import Block
from lsnn.kernels.layout import TILED
from lsnn.network import NetworkConfig, build_network
from tasks.encoders import CoordinateCells
from tasks.water_maze import WaterMaze

STEPS, N = 150, 50
TASK = WaterMaze(encoder=CoordinateCells(cells_per_coordinate=5, reward_cells=2, wall_cells=2), duration_ms=STEPS)


@pytest.fixture(scope="module")
def network():
    config = NetworkConfig(
        n_excitatory=30, n_inhibitory=5, n_adaptive=15, connectivity=0.4, d_max_ms=5, input_gain=3.0, rewire=False
    )
    return build_network(config, TASK.encoder.n_inputs, {"y": 3}, np.zeros(0), np.random.SeedSequence(7))


def tiled(network, monkeypatch, neurons):
    """Weights with at most so many neurons a tile."""
    monkeypatch.setattr("lsnn.rows.TILE_BYTES", neurons * network.ring * 8 * 4)
    return network.weights(np.float64)


def run(network, weights, segment=0):
    """Spikes and gradient of a block with random input."""
    generator = np.random.default_rng(1)
    block = Block(TASK, network, STEPS, dtype=np.float64, segment=segment)
    shape = block.record.input_spikes.shape
    block.record.input_spikes[:] = generator.integers(0, 256, shape) & generator.integers(0, 256, shape)
    block.replay(weights)
    g_y, g_z = generator.standard_normal(block.record.y.shape), generator.standard_normal(N)
    return block.record.spikes, block.back(weights, g_y, g_z, 0.3, False)


@pytest.mark.parametrize("neurons", [49, 20, 7, 1])
def test_tiles_give_the_same_spikes_and_gradients(network, monkeypatch, neurons):
    weights = tiled(network, monkeypatch, neurons)
    assert weights.inputs_back.form[0] == weights.recurrent_back.form[0] == TILED
    assert len(weights.recurrent_back.start) == -(-N // neurons) * N + 1
    whole = tiled(network, monkeypatch, N)
    assert whole.inputs_back is whole.inputs and whole.recurrent_back is whole.recurrent
    (spikes, gradient), (expected_spikes, expected) = (run(network, w) for w in (weights, whole))
    assert np.unpackbits(spikes).mean() > 0.02
    np.testing.assert_array_equal(spikes, expected_spikes)
    for found, wanted in zip(gradient[:4], expected[:4], strict=True):  # of the rest, of parameters, none learns
        assert np.abs(wanted).max() > 0
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * np.abs(wanted).max())


def test_every_tile_holds_the_synapses_onto_its_own_neurons(network, monkeypatch):
    rows, synapses = tiled(network, monkeypatch, 20).recurrent_back, network.synapses
    cut, target = network.n_input_synapses, rows.offset % N
    for tile in range(3):
        part = slice(rows.start[tile * N], rows.start[(tile + 1) * N])
        assert {int(neuron) // 17 for neuron in target[part]} == {tile}
    np.testing.assert_array_equal(target, synapses.target[cut:][rows.order])
    np.testing.assert_array_equal(np.sort(rows.order), np.arange(len(synapses.source) - cut))


def test_tiles_with_time_checkpoints_have_the_same_bits(network, monkeypatch):
    weights = tiled(network, monkeypatch, 20)
    for a, b in zip(run(network, weights)[1], run(network, weights, segment=13)[1], strict=True):
        np.testing.assert_array_equal(a, b)
