"""A new network: statistics of its weights, Dale's law, normalised weight; bad configurations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from lsnn.errors import InputError
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import record_zeros, state_zeros
from lsnn.network import NetworkConfig, build_network

LEAST_P = 1e-4  # of a test of a distribution; seeds are fixed, so that it never fails by chance
N_IN = 50
PAPER = NetworkConfig()


def network_of(config=PAPER, n_in=N_IN, seed=0):
    return build_network(config, n_in, {"action": 2, "value": 1}, np.full(2, -0.5), np.random.SeedSequence(seed))


@pytest.fixture(scope="module")
def paper():
    """The network of Bellec et al. (2018), as recalled, and which of its synapses are recurrent."""
    network = network_of()
    return network, network.synapses.source >= N_IN


def test_populations_and_sizes(paper):
    network, _ = paper
    np.testing.assert_array_equal(np.bincount(network.population()), [200, 80, 120])
    assert (network.n_in, network.n_out, network.n_slots, network.ring) == (N_IN, 3, 520, 11)
    np.testing.assert_array_equal(network.beta, np.repeat([0.0, 1.7], [280, 120]))
    assert network.columns("action") == slice(0, 2) and network.columns("value") == slice(2, 3)
    with pytest.raises(KeyError):
        network.columns("target")


def test_the_connected_fraction_is_global(paper):
    network, recurrent = paper
    assert len(network.synapses.theta) == round(0.2 * (N_IN * 400 + 400 * 399))
    assert network.n_input_synapses == np.count_nonzero(~recurrent)
    assert np.mean(~recurrent) == pytest.approx(50 / 449, rel=0.05)
    assert not np.any(network.synapses.source - N_IN == network.synapses.target)


def test_dale_gives_a_neuron_one_sign_and_an_input_cell_both(paper):
    network, recurrent = paper
    inhibitory = network.population()[network.synapses.source[recurrent] - N_IN] == 1
    np.testing.assert_array_equal(network.synapses.sign[recurrent], np.where(inhibitory, -1, 1))
    assert np.all(network.synapses.theta >= 0)
    assert abs(np.mean(network.synapses.sign[~recurrent])) < 0.06


def test_weights_are_gaussian_over_the_square_root_of_the_fan_in(paper):
    network, recurrent = paper
    theta, excitatory = network.synapses.theta, network.synapses.sign > 0
    for chosen, scale in (
        (~recurrent, 1 / np.sqrt(0.2 * N_IN)),
        (recurrent & excitatory, 1 / np.sqrt(0.2 * 400)),
        (recurrent & ~excitatory, 320 / 80 / np.sqrt(0.2 * 400)),
    ):
        assert kstest(theta[chosen] / scale, "halfnorm").pvalue > LEAST_P


def test_excitation_and_inhibition_balance(paper):
    network, recurrent = paper
    drive = np.bincount(network.synapses.target[recurrent], network.signed_theta()[recurrent])
    positive = np.bincount(network.synapses.target[recurrent], network.synapses.theta[recurrent]) / 2
    assert abs(drive.mean()) < 0.05 * positive.mean()


def test_time_constants_and_readout(paper):
    network, _ = paper
    assert kstest(network.tau_m_ms, "uniform", (15, 15)).pvalue > LEAST_P
    assert kstest(np.ravel(network.readout) * np.sqrt(400), "norm").pvalue > LEAST_P
    np.testing.assert_array_equal(network.bias, np.zeros(3))
    np.testing.assert_array_equal(network.log_std, [-0.5, -0.5])


def test_gains_scale_the_weights():
    config = NetworkConfig(20, 0, 10)
    plain = network_of(config)
    scaled = network_of(replace(config, input_gain=2.0, recurrent_gain=3.0, readout_gain=4.0))
    cut = plain.n_input_synapses
    np.testing.assert_allclose(scaled.synapses.theta[:cut], 2 * plain.synapses.theta[:cut], rtol=1e-12)
    np.testing.assert_allclose(scaled.synapses.theta[cut:], 3 * plain.synapses.theta[cut:], rtol=1e-12)
    np.testing.assert_allclose(scaled.readout, 4 * plain.readout, rtol=1e-12)


def test_without_dale_and_rewiring_weights_have_either_sign_and_no_bound():
    network = network_of(NetworkConfig(20, 10, 10, dale=False, rewire=False, connectivity=1.0))
    assert len(network.synapses.theta) == 50 * 40 + 40 * 39
    np.testing.assert_array_equal(network.signed_theta(), network.synapses.theta)
    standard = network.synapses.theta * np.sqrt(np.where(network.synapses.source < N_IN, N_IN, 40))
    assert kstest(standard, "norm").pvalue > LEAST_P


def test_rewiring_without_dale_keeps_a_sign_for_each_pair():
    network = network_of(NetworkConfig(20, 10, 10, dale=False))
    recurrent = network.synapses.source >= N_IN
    assert np.all(network.synapses.theta >= 0)
    assert 0.3 < np.mean(network.synapses.sign[recurrent] > 0) < 0.7


LEAKY = """
name = "gated"
equations = '''
dv/dt = (I*(2 - v) - v)/tau_m : 1
I : 1
tau_m : second (constant)
t_ref : second (constant)
'''
threshold = "v > 0.5"
reset = "v = 0"
method = "exponential_euler"
scale = "0.5"
"""


@pytest.mark.parametrize("signs", [{"dale": False, "rewire": False}, {"dale": False}, {"n_inhibitory": 0}])
def test_no_weight_onto_a_conductance_is_negative(signs):
    network = network_of(replace(NetworkConfig(20, 10, 10, adaptive_model=LEAKY), **signs))
    plain = network_of(replace(network.config, adaptive_model="alif"))
    onto = network.synapses.target >= network.config.n_neurons - 10
    inputs = network.synapses.source < N_IN
    assert min((onto & inputs).sum(), (onto & ~inputs).sum()) > 20
    assert (network.signed_theta()[onto] >= 0).all() and (network.signed_theta()[~onto] < 0).any()
    assert network.one_sign()[onto].all() and network.one_sign().all() == network.config.signed
    assert (plain.signed_theta()[onto] < 0).any()
    np.testing.assert_array_equal(network.signed_theta()[~onto], plain.signed_theta()[~onto])
    fan_in = network.config.connectivity * np.where(inputs, N_IN, network.config.n_neurons)
    np.testing.assert_allclose(
        np.abs(network.synapses.theta * np.sqrt(np.where(onto, fan_in, 1))), np.abs(plain.synapses.theta), rtol=1e-12
    )


def test_an_inhibitory_population_beside_a_conductance_is_refused():
    rule = "network.n_inhibitory must be 0 with Dale's law where synapses add to a conductance, as in 'gated', got 10"
    with pytest.raises(InputError, match=rule):
        network_of(NetworkConfig(20, 10, 10, adaptive_model=LEAKY))
    assert network_of(NetworkConfig(20, 10, 0, adaptive_model=LEAKY)).config.n_neurons == 30


def test_the_seed_decides_everything():
    first, second, other = (network_of(NetworkConfig(20, 10, 10), seed=seed) for seed in (1, 1, 2))
    for one, same in zip(first.synapses, second.synapses, strict=True):
        np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(first.readout, second.readout)
    np.testing.assert_array_equal(first.tau_m_ms, second.tau_m_ms)
    assert first.wiring.key != other.wiring.key
    assert np.any(first.synapses.source != other.synapses.source)


def probe(network, inputs, steps):
    """The record of `steps` ms in which lane 0 of input cell 0 spikes at the given steps."""
    weights, sizes = network.weights(np.float64), (network.config.n_neurons, network.n_slots)
    record = record_zeros(steps, *sizes, network.n_in, network.n_out, np.float64)
    record.input_spikes[inputs, 0] = 1
    network_module().replay(0, weights, state_zeros(*sizes, network.n_out, network.ring, np.float64), record)
    return record


def with_thetas(network, theta_of):
    """The network with all synapses silent but those given, index -> theta."""
    theta = np.zeros_like(network.synapses.theta)
    for s, value in theta_of.items():
        theta[s] = value
    network.synapses = network.synapses._replace(theta=theta)
    return network


def test_an_input_weight_of_1_lifts_the_membrane_by_one_baseline_threshold():
    network = network_of(NetworkConfig(10, 5, 5), n_in=1)
    s = 3
    record = probe(with_thetas(network, {s: 1.0}), [2], 20)
    target, delay, sign = network.synapses.target[s], network.synapses.delay[s], network.synapses.sign[s]
    assert record.x[2 + delay, target, 0] == pytest.approx(sign * 0.01, rel=1e-12)
    assert np.all(record.x[: 2 + delay] == 0) and np.all(record.x[:, :20, 1:] == 0)
    assert np.count_nonzero(record.x[2 + delay]) == 1


def test_a_recurrent_and_a_readout_weight_have_the_effect_they_say():
    network = network_of(NetworkConfig(10, 5, 5), n_in=1)
    synapses = network.synapses
    first = int(np.flatnonzero((synapses.source == 0) & (synapses.sign > 0))[0])
    middle = synapses.target[first]
    second = int(np.flatnonzero(synapses.source == 1 + middle)[0])
    record = probe(with_thetas(network, {first: 1.5, second: 1.0}), [0], 30)
    spike = synapses.delay[first]
    arrival = spike + synapses.delay[second]
    assert record.spikes[spike, middle] == 1 and record.spikes.sum() == 1
    expected = synapses.sign[second] * 0.01
    assert record.x[arrival, synapses.target[second], 0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(record.y[spike, :, 0], network.readout[middle], rtol=1e-12)


def test_what_the_kernels_see_is_read_only_and_of_the_precision_asked_for(paper):
    for dtype in (np.float32, np.float64):
        weights = paper[0].weights(dtype)
        assert weights.recurrent.weight.dtype == weights.cells.constants.dtype == weights.readout.weight.dtype == dtype
        for array in (array for part in weights for array in part):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_rows_hold_the_synapses_of_each_source(paper):
    network, _ = paper
    weights, synapses = network.weights(np.float64), network.synapses
    for rows, n_sources, shift in ((weights.inputs, N_IN, 0), (weights.recurrent, 400, N_IN)):
        assert rows.start[0] == 0 and rows.start[-1] == len(rows.weight)
        for source in (0, n_sources // 2, n_sources - 1):
            chosen = synapses.source == source + shift
            part = slice(rows.start[source], rows.start[source + 1])
            np.testing.assert_array_equal(rows.offset[part], synapses.delay[chosen] * 400 + synapses.target[chosen])
            w = (network.signed_theta() * network.effect())[chosen]
            np.testing.assert_array_equal(rows.weight[part], w)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_excitatory": -1}, "network.n_excitatory must be >= 0, got -1"),
        ({"n_excitatory": 0, "n_inhibitory": 0, "n_adaptive": 0}, "must lie in 1..10000000, got 0"),
        ({"connectivity": 0.0}, r"network.connectivity must lie in \(0, 1\], got 0.0"),
        ({"connectivity": 1.01}, "network.connectivity must lie in"),
        ({"d_max_ms": 0}, "network.d_max_ms must lie in 1..100, got 0"),
        ({"d_max_ms": 101}, "network.d_max_ms must lie in 1..100"),
        ({"dt_ms": 0.0}, "network.dt_ms must be > 0"),
        ({"tau_m_min_ms": -20.0}, "network.tau_m_min_ms must be > dt_ms = 1.0, got -20.0"),
        ({"tau_m_min_ms": 1.0}, "network.tau_m_min_ms must be > dt_ms"),
        ({"tau_m_min_ms": 31.0}, "network.tau_m_min_ms must be <= tau_m_max_ms, got 31.0"),
        ({"tau_a_ms": 0.5}, "network.tau_a_ms must be > dt_ms"),
        ({"tau_out_ms": float("nan")}, "network.tau_out_ms must be > dt_ms = 1.0, got nan"),
        ({"tau_a_ms": float("inf")}, "network.tau_a_ms must be finite, got inf"),
        ({"b0": 0.0}, "network.b0 must be > 0"),
        ({"b0": 1e-300}, "network.b0 must be >= 1e-09, got 1e-300"),
        ({"input_gain": 1e300}, r"network.input_gain must be <= 1e\+09, got 1e\+300"),
        ({"readout_gain": -1e10}, r"network.readout_gain must be <= 1e\+09"),
        ({"tau_out_ms": 1e300}, r"network.tau_out_ms must be <= 1e\+09"),
        ({"surrogate_width": 1e-20}, "network.surrogate_width must be >= 1e-09"),
        ({"beta": float("nan")}, "network.beta must be >= 0, got nan"),
        ({"beta": float("inf")}, "network.beta must be finite, got inf"),
        ({"beta": -0.5}, "network.beta must be >= 0, got -0.5"),
        ({"surrogate_width": 0.0}, "network.surrogate_width must be > 0, got 0.0"),
        ({"refractory_ms": 0}, "network.refractory_ms must be >= 1"),
        ({"surrogate_gamma": 0.0}, "network.surrogate_gamma must be > 0"),
    ],
)
def test_bad_configurations_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        NetworkConfig(**changes)
