"""The network for tasks as a circuit: spikes, readout and gradients of its weights to the bit."""

import numpy as np
import pytest

from lsnn.arrays.blocks import ArrayBlock
from lsnn.circuits.three_populations import circuit_of
from lsnn.learning.rates import spike_counts
from lsnn.meta import new_network
from lsnn.network import NetworkConfig, build_network
from tasks.experiment import preset
from tests.comparing import assert_close

STEPS = 120
CONFIG = NetworkConfig(n_excitatory=20, n_inhibitory=8, n_adaptive=12, d_max_ms=5, input_gain=2.0, connectivity=0.3)


@pytest.fixture(scope="module")
def both():
    """Readout, spikes and gradient of eight samples, by a block and by the circuit."""
    network = build_network(CONFIG, 15, {"target": 3}, np.zeros(0), np.random.SeedSequence(4))
    g = np.random.default_rng(5)
    x, d_y = g.random((8, STEPS, 15)) < 0.08, g.standard_normal((8, STEPS, 3)).astype(np.float32)
    block = ArrayBlock(network, STEPS)
    weights = network.weights()
    block.forward(weights, x)
    gradient = block.back(weights, np.ascontiguousarray(d_y.transpose(1, 2, 0)), np.zeros(40))
    circuit = circuit_of(network)
    run = circuit.run(inputs=x, dtype=np.float32, gradient=True)
    return network, block.record, gradient, circuit, run, run.gradient(d_y)


def test_spikes_and_readout_are_the_same_bits(both):
    _, record, _, circuit, run, _ = both
    spikes = np.concatenate([run.spikes(name) for name in circuit.neurons], axis=2)
    apart = np.unpackbits(record.spikes[:, None], axis=1, bitorder="little").transpose(1, 0, 2)
    assert spikes.sum() > 500
    np.testing.assert_array_equal(spikes, apart)
    np.testing.assert_array_equal(run.outputs.transpose(1, 2, 0), record.y)


def test_gradients_of_the_weights_are_the_same_bits(both):
    network, _, gradient, circuit, _, found = both
    ours = np.concatenate([found.weight[name] for name in circuit.weight])[circuit.order]
    np.testing.assert_array_equal(ours, np.concatenate([gradient.inputs, gradient.recurrent]))
    assert_close(found.readout_weight, (1 - network.kappa()) * gradient.readout.sum(-1, dtype=float))


@pytest.mark.parametrize("name", ["compact", "bellec2018"])
def test_presets_are_circuits_to_the_same_bits(name):
    """Delays, Dale's law and time constants drawn for each neuron, at their full size."""
    made = preset("water-maze", name)
    network = new_network(made.task, made.network, made.learning, 3)
    x = np.random.default_rng(6).random((8, 80, network.n_in)) < 0.05
    block, circuit = ArrayBlock(network, 80), circuit_of(network)
    y = block.forward(network.weights(), x)
    run = circuit.run(inputs=x, dtype=np.float32)
    assert np.bitwise_count(block.record.spikes).sum() > 500
    np.testing.assert_array_equal(run.outputs.transpose(1, 2, 0), y)
    np.testing.assert_array_equal(run.counts(), spike_counts(block.record.spikes))


def test_repr_says_what_it_is_made_of(both):
    assert repr(both[3]).startswith("Circuit of input (15 input cells), excitatory (20 lif), inhibitory (8 lif), adap")
