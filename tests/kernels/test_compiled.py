"""The compiled kernels against the reference (physics) and against autodiff (gradients)."""

import numpy as np
import pytest

from lsnn.kernels import reference
from tests.comparing import assert_close
from tests.kernels import autodiff
from tests.kernels.compiled import (
    N_IN,
    N_LIF,
    N_OUT,
    N,
    compiled_weights,
    gradient_of,
    random_input,
    random_network,
    record_of,
    spikes_of,
)

STEPS = 160


def reference_run(network, parameters, x):
    start = reference.zero_state(network, parameters, x.shape[1], x.shape[2])
    return reference.forward(x, start, network, parameters)[0]


def outside(seed):
    g = np.random.default_rng(seed)
    return g.standard_normal((STEPS, 8, N_OUT)), 0.3 * g.standard_normal(N)


@pytest.mark.parametrize(("d_max", "refractory"), [(10, 3), (1, 1), (4, 6)])
def test_forward_equals_the_reference_in_float64(d_max, refractory):
    network, parameters = random_network(1, d_max, refractory)
    x = random_input(2, STEPS)
    compiled = record_of(x, compiled_weights(network, parameters, np.float64), np.float64, d_max)
    expected = reference_run(network, parameters, x)
    assert 0.005 < expected.z.mean() < 0.2
    np.testing.assert_array_equal(spikes_of(compiled), expected.z)
    assert_close(np.moveaxis(compiled.x[:, :N], 2, 1), expected.v, atol=1e-13)
    assert_close(np.moveaxis(compiled.x[:, N:], 2, 1), expected.b[..., N_LIF:], atol=1e-13)
    assert_close(np.moveaxis(compiled.y, 2, 1), expected.y, atol=1e-12)


def test_forward_in_float32_follows_the_reference_until_a_spike_differs():
    network, parameters = random_network(1)
    x = random_input(2, 40)
    compiled = record_of(x, compiled_weights(network, parameters, np.float32), np.float32)
    expected = reference_run(network, parameters, x)
    assert expected.z.sum() > 50
    np.testing.assert_array_equal(spikes_of(compiled), expected.z)
    assert_close(np.moveaxis(compiled.x[:, :N], 2, 1), expected.v, atol=1e-6)


@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize(("d_max", "refractory"), [(10, 3), (1, 1), (4, 6)])
def test_adjoint_equals_autodiff_in_float64(d_max, refractory, detach_reset):
    network, parameters = random_network(3, d_max, refractory)
    x, (g_y, g_z) = random_input(4, STEPS), outside(5)
    weights = compiled_weights(network, parameters, np.float64)
    record = record_of(x, weights, np.float64, d_max)
    found = gradient_of(record, weights, g_y, g_z, np.float64, d_max, detach_reset)
    expected = autodiff.gradients(x, *network, parameters, g_y, g_z, detach_reset=detach_reset)
    for name, gradient in found.items():
        scale = np.abs(expected[name]).max()
        assert scale > 1e-3, name
        assert_close(gradient, expected[name], rtol=1e-6, atol=1e-9 * scale, err_msg=name)


def test_adjoint_in_float32_is_that_of_float64_to_its_precision():
    network, parameters = random_network(3)
    x, (g_y, g_z) = random_input(4, 40), outside(5)
    gradients = []
    for dtype in (np.float32, np.float64):
        weights = compiled_weights(network, parameters, dtype)
        record = record_of(x, weights, dtype)
        gradients.append(gradient_of(record, weights, g_y[:40], g_z, dtype))
    for name, gradient in gradients[0].items():
        assert_close(gradient, gradients[1][name], atol=2e-4 * np.abs(gradients[1][name]).max())


@pytest.mark.parametrize("stops", [(1,), (50, 51, 120)])
def test_stopping_and_going_on_changes_no_bit(stops):
    network, parameters = random_network(6)
    x, (g_y, g_z) = random_input(7, STEPS), outside(8)
    weights = compiled_weights(network, parameters, np.float32)
    unbroken, broken = record_of(x, weights, np.float32), record_of(x, weights, np.float32, stops=stops)
    for a, b in zip(unbroken, broken, strict=True):
        np.testing.assert_array_equal(a, b)
    whole = gradient_of(unbroken, weights, g_y, g_z, np.float32)
    parts = gradient_of(broken, weights, g_y, g_z, np.float32, stops=stops)
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name])


def test_an_input_spike_reaches_the_membrane_after_its_delay():
    network, parameters = random_network(9)
    x = np.zeros((20, 8, N_IN))
    x[3, 5, 0] = 1
    record = record_of(x, compiled_weights(network, parameters, np.float64), np.float64)
    wiring = network.input
    first = np.flatnonzero(wiring.pre == 0)
    for s in first:
        v = record.x[:, wiring.post[s], 5]
        arrival = 3 + wiring.delay[s]
        assert np.all(v[:arrival] == 0) and v[arrival] != 0
    assert len(first) > 2 and np.all(record.x[:, :N, :5] == 0)
