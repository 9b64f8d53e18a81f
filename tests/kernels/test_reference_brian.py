"""The numpy reference against Brian2, spike for spike."""

from typing import NamedTuple

import numpy as np
import pytest

from lsnn.kernels.reference import Network, Parameters, Wiring, forward, zero_state
from tests import brian_witness
from tests.comparing import assert_close

N_EXCITATORY, N_INHIBITORY, N_ADAPTIVE, N_INPUTS, N_OUT = 20, 8, 12, 20, 3
N_NEURONS = N_EXCITATORY + N_INHIBITORY + N_ADAPTIVE


class Case(NamedTuple):
    """One network in both forms and its input spikes (T, n_in)."""

    network: Network
    parameters: Parameters
    neurons: brian_witness.Neurons
    x: np.ndarray


def neurons_of(generator, dt_ms):
    """Excitatory LIF, inhibitory LIF and adaptive neurons, numbers of the water-maze network, times in ms."""
    adaptive = np.arange(N_NEURONS) >= N_EXCITATORY + N_INHIBITORY
    return brian_witness.Neurons(
        tau_m_ms=generator.uniform(15, 30, N_NEURONS),
        tau_a_ms=np.where(adaptive, 1200.0, 100.0),
        tau_out_ms=20.0,
        b0=np.full(N_NEURONS, 0.01),
        beta=np.where(adaptive, 1.7, 0.0),
        refractory_ms=dt_ms * generator.integers(2, 6, N_NEURONS),
    )


def parameters_of(neurons, dt_ms):
    return Parameters(
        alpha=np.exp(-dt_ms / neurons.tau_m_ms),
        rho=np.exp(-dt_ms / neurons.tau_a_ms),
        kappa=float(np.exp(-dt_ms / neurons.tau_out_ms)),
        b0=neurons.b0,
        beta=neurons.beta,
        refractory_steps=np.rint(neurons.refractory_ms / dt_ms).astype(int),
    )


def synapses(generator, sign, lift, neurons, dt_ms):
    """Random wiring, a third connected; a spike lifts v by up to `lift` times the baseline threshold."""
    joined = generator.random((len(sign), N_NEURONS)) < 1 / 3
    if len(sign) == N_NEURONS:
        np.fill_diagonal(joined, False)
    pre, post = np.nonzero(joined)
    unit = neurons.b0 / (1 - np.exp(-dt_ms / neurons.tau_m_ms))
    weight = sign[pre] * generator.uniform(0, lift, pre.size) * unit[post]
    return Wiring(pre, post, generator.integers(1, 11, pre.size), weight)


def case_of(seed, n_steps, dt_ms):
    generator = np.random.default_rng(seed)
    neurons = neurons_of(generator, dt_ms)
    inhibitory = np.arange(N_NEURONS) // N_EXCITATORY == 1
    inhibitory[N_EXCITATORY + N_INHIBITORY :] = False
    network = Network(
        synapses(generator, np.where(np.arange(N_INPUTS) < 15, 1.0, -1.0), 0.7, neurons, dt_ms),
        synapses(generator, np.where(inhibitory, -3.0, 1.0), 0.25, neurons, dt_ms),
        generator.standard_normal((N_NEURONS, N_OUT)),
        np.zeros(N_OUT),
    )
    x = (generator.random((n_steps, N_INPUTS)) < 0.03 * dt_ms).astype(float)
    return Case(network, parameters_of(neurons, dt_ms), neurons, x)


def assert_all_populations_fire(case, z, dt_ms):
    """10 to 40 Hz over all, every population above 3 Hz, and spikes sent over every delay."""
    rate = 1000 / dt_ms * z.mean(axis=0)
    borders = [N_EXCITATORY, N_EXCITATORY + N_INHIBITORY]
    assert 10 < rate.mean() < 40
    assert min(population.mean() for population in np.split(rate, borders)) > 3
    active = rate[case.network.recurrent.pre] > 0
    assert set(case.network.recurrent.delay[active]) == set(range(1, 11))


@pytest.mark.parametrize(("seed", "dt_ms"), [(1, 1.0), (2, 1.0), (4, 0.5)])
def test_reference_equals_brian2_spike_for_spike(seed, dt_ms):
    n_steps = round(600 / dt_ms)
    case = case_of(seed, n_steps, dt_ms)
    start = zero_state(case.network, case.parameters, 1, N_INPUTS)
    record, _ = forward(case.x[:, None], start, case.network, case.parameters)
    z = record.z[:, 0]
    assert_all_populations_fire(case, z, dt_ms)
    B = case.parameters.b0 + case.parameters.beta * record.b
    assert ((record.v > B) & ~record.free).any()
    network = case.network
    trace = brian_witness.simulate(case.x, network.input, network.recurrent, network.W_out, case.neurons, dt_ms)
    assert trace.z.shape == (n_steps, N_NEURONS)
    np.testing.assert_array_equal(trace.z, z)
    assert_close(trace.v, record.v[:, 0], rtol=1e-9, atol=1e-12)
    assert_close(trace.b, record.b[:, 0], rtol=1e-9, atol=1e-12)
    assert_close(trace.r, record.y[:, 0], rtol=1e-9, atol=1e-12)
