"""The gradient of everything and a whole step of a fit, beside an autodiff of the equations written on its own."""

import jax
import numpy as np
import pytest

import lsnn
from lsnn.arrays.gradients import summed
from lsnn.errors import InputError
from tests.arrays import witness
from tests.arrays.small import CELLS, SAMPLES, SETTINGS, STEPS


@pytest.fixture(scope="module")
def network():
    return lsnn.create(CELLS, 2, 5, **SETTINGS)


@pytest.fixture(scope="module")
def samples():
    g = np.random.default_rng(2)
    spikes = g.random((SAMPLES, STEPS, CELLS)) < 0.3
    currents = g.standard_normal(spikes.shape).round(2) * (g.random(spikes.shape) < 0.5)
    return spikes, currents, g.integers(0, 2, SAMPLES)


@pytest.fixture(scope="module")
def slope():
    return np.random.default_rng(3).standard_normal((SAMPLES, STEPS, 2))


def expected(network, x, slope):
    variables = witness.variables_of(network)

    def total(variables, x):
        return (witness.readout(network, variables, x) * slope).sum()

    return jax.jit(jax.grad(total, argnums=(0, 1)))(variables, np.asarray(x, float))


@pytest.mark.parametrize("kind", ["spikes", "currents"])
def test_gradients_are_those_of_autodiff(network, samples, slope, kind):
    x, net = samples[0] if kind == "spikes" else samples[1], network.network
    of, of_inputs = expected(net, x, slope)
    assert min(float(np.abs(of[name]).max()) for name in of) > 1e-5 and np.abs(of_inputs).max() > 1e-3
    found, found_inputs = summed(net, x, slope, kind == "currents", dtype=np.float64)
    for name in ("theta", "readout", "bias"):
        np.testing.assert_allclose(found[name], of[name], rtol=1e-6, atol=1e-9)
    for name, value in net.learnt.items():
        np.testing.assert_allclose(found[f"parameter.{name}"], of[name] * value, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found_inputs, of_inputs, rtol=1e-6, atol=1e-9)


def test_the_public_gradient_has_units_of_the_network_and_the_same_bits_on_any_thread(network, samples, slope):
    x, net = samples[1], network.network
    of, of_inputs = expected(net, x, slope)
    found, again = (network.gradient(x, slope, threads=n, currents=True) for n in (1, 2))
    table = network.synapses
    assert found.inputs.dims == ("sample", "time", "cell") and len(table) == len(found.weights)
    assert set(table.kind) == {"input", "recurrent"} and table.delay_ms.max() == 3
    scale = table.weight / (net.synapses.sign * net.synapses.theta)  # of a normalised weight
    np.testing.assert_allclose(found.weights * scale * net.synapses.sign, of["theta"], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(found.inputs, of_inputs, rtol=2e-3, atol=1e-4)
    assert set(found.parameters) == {"tau_m", "beta", "tau_out"}
    np.testing.assert_allclose(found.parameters["tau_m"], of["tau_m"], rtol=2e-3, atol=1e-2)
    for name in ("weights", "readout", "bias", "inputs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))


def test_spikes_as_numbers_give_what_spikes_give(network, samples):
    spikes = samples[0]
    y = network(spikes)
    np.testing.assert_allclose(network(spikes.astype(np.float64), currents=True), y, rtol=1e-5, atol=1e-6)
    twice = network(2.0 * spikes, currents=True)
    assert np.abs(twice - y).max() > 0.01
    with pytest.raises(InputError, match="zeros and ones; numbers of any size go in with currents=True"):
        network(2.0 * spikes)


def test_a_fit_takes_the_steps_of_the_witness(network, samples):
    """Two full-batch steps of Adam on the clipped gradient: parameters by their logarithm, weights of a sign kept."""
    spikes, _, labels = samples
    net, rates = network.network, (0.02, 0.011)
    fitted = lsnn.fit(network, spikes, labels, epochs=2, batch=100, learning_rate=0.02, average_rate=1.0,
                      final_learning_rate=0.002, progress=False, threads=1).network.network  # fmt: skip
    start = witness.variables_of(net)
    grad = jax.jit(jax.value_and_grad(lambda v: witness.cross_entropy(net, v, np.asarray(spikes, float), labels)))
    values, first, second = dict(start), {}, {}
    for step, rate in enumerate(rates, start=1):
        _, gradient = grad(values)
        gradient = {name: np.array(g) * (start[name] != 0 if name == "beta" else 1) for name, g in gradient.items()}
        for name in net.learnt:
            gradient[name] = gradient[name] * values[name]
        norm = np.sqrt(sum(np.sum(g**2) for g in gradient.values()))
        gradient = {name: g / max(1.0, norm) for name, g in gradient.items()}
        for name, g in gradient.items():
            first[name] = 0.9 * first.get(name, 0) + 0.1 * g
            second[name] = 0.999 * second.get(name, 0) + 0.001 * g**2
            move = -rate * first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            values[name] = values[name] * np.exp(move) if name in net.learnt else values[name] + move
        values["theta"] = np.maximum(values["theta"], 0)
    found = witness.variables_of(fitted)
    for name, value in values.items():
        moved, wanted = np.array(found[name] - start[name]), np.array(value - start[name])
        clear = np.abs(first[name]) > 1e-6  # where single precision leaves the sign of a step alone
        assert np.abs(wanted[clear]).max() > 1e-5
        np.testing.assert_allclose(moved[clear], wanted[clear], rtol=0.02, atol=1e-6 * np.abs(value).max())


@pytest.mark.parametrize(
    ("slope", "message"),
    [
        (np.zeros((SAMPLES, STEPS)), r"slope must be dL/d\(readout\)"),
        (np.full((SAMPLES, STEPS, 2), np.nan), "slope must be finite"),
        ("steep", "slope must be numbers"),
        (np.zeros((SAMPLES, STEPS, 2), bool), "slope must be numbers"),
    ],
)
def test_slopes_that_do_not_fit_are_named(network, samples, slope, message):
    with pytest.raises(InputError, match=message):
        network.gradient(samples[0], slope)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
def test_currents_beyond_reason_are_refused(network, samples, value):
    with pytest.raises(InputError, match="inputs must be numbers from -1e"):
        network(np.full(samples[1].shape, value), currents=True)
