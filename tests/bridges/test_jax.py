"""A network as a function in JAX: its value and its gradient are those of the equations, within jit as well."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsnn
from lsnn.errors import InputError
from tests.arrays import witness
from tests.arrays.small import CELLS, SAMPLES, SETTINGS, STEPS
from tests.circuits import small


@pytest.fixture(scope="module")
def network():
    return lsnn.create(CELLS, 2, 5, **SETTINGS)


def test_a_loss_through_the_layer_has_the_gradient_of_autodiff(network):
    g, net = np.random.default_rng(2), network.network
    x, mix = g.standard_normal((SAMPLES, STEPS, 3)), jnp.asarray(g.standard_normal((3, CELLS)))
    layer, params = lsnn.jax.layer(network, dtype=np.float64)
    assert {name: array.shape for name, array in params.items()} == {
        "theta": net.synapses.theta.shape, "readout": (15, 2), "bias": (2,)
    }  # fmt: skip
    others = {name: value for name, value in witness.variables_of(net).items() if name not in params}

    def loss(params, mix, readout):
        return jnp.sin(readout(params, jnp.tanh(x @ mix))).sum()

    found = jax.jit(jax.value_and_grad(lambda p, m: loss(p, m, layer), argnums=(0, 1)))(params, mix)
    wanted = jax.jit(
        jax.value_and_grad(lambda p, m: loss(p, m, lambda p, x: witness.readout(net, p | others, x)), argnums=(0, 1))
    )(params, mix)
    assert float(found[0]) == pytest.approx(float(wanted[0]), rel=1e-9)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-6, atol=1e-8), found[1], wanted[1]
    )
    assert np.abs(found[1][1]).min() > 1e-6


def test_what_is_no_input_is_named(network):
    layer, params = lsnn.jax.layer(network)
    with pytest.raises(InputError, match="network must be"):
        lsnn.jax.layer("network")
    with pytest.raises(InputError, match="dtype must be"):
        lsnn.jax.layer(network, dtype=int)
    for wrong in (np.zeros((2, 3)), np.zeros((2, 3, CELLS + 1))):
        with pytest.raises(InputError, match="inputs must be numbers"):
            layer(params, wrong)


def test_a_circuit_is_a_function_of_what_learns():
    made, spikes = small.circuit(), small.samples()[0]
    layer, params = lsnn.jax.layer(made, dtype=np.float64)
    slope = jnp.asarray(np.random.default_rng(3).standard_normal((*spikes.shape[:2], 2)))
    of, of_inputs = jax.jit(jax.grad(lambda p, x: (slope * layer(p, x)).sum(), argnums=(0, 1)))(params, spikes * 1.0)
    wanted = made.gradient(spikes, np.asarray(slope))
    np.testing.assert_allclose(of_inputs, wanted.inputs["x"], rtol=1e-9, atol=1e-12)
    unit = 2.0 ** round(np.log2(np.abs(made.weight["x_to_E"]).mean()))
    np.testing.assert_allclose(of["weight/x_to_E"], wanted.weight["x_to_E"] * unit, rtol=1e-9, atol=1e-12)
    assert set(of) == set(params) and all(np.abs(each).max() > 0 for each in of.values())
