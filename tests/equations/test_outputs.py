"""Neurons that send numbers in place of spikes: forward and adjoint against autodiff, finite differences and Brian2."""

from dataclasses import replace

import numpy as np
import pytest

from tests.comparing import assert_close
from tests.equations import rates

CASES = {
    "sparse with delays": {},
    "full": {"full": True},
    "beside spikes": {"lif": 9},
    "beside spikes, full": {"lif": 9, "full": True},
    "adapting": {"text": rates.ADAPTING},
    "adapting, beside spikes": {"text": rates.ADAPTING, "lif": 9},
}


@pytest.fixture(scope="module", params=CASES.values(), ids=list(CASES))
def both(request):
    """Network, and readout, record, gradient of the compiled code beside readout and gradient of the graph."""
    network, inputs = rates.network_of(**request.param), rates.inputs_of()
    slopes = rates.slopes_of(network)
    return network, rates.compiled(network, inputs, *slopes), rates.by_autodiff(network, inputs, *slopes)


def test_the_readout_is_that_of_the_graph(both):
    network, (y, record, _), (expected, _) = both
    assert np.abs(expected - network.bias[:, None]).max() > 0.1
    assert_close(y, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    n_lif = network.config.n_excitatory
    assert not record.spikes[:, n_lif:].any()
    assert not n_lif or record.spikes[:, :n_lif].any()
    assert np.abs(rates.sent_of(network, record)).max() > 0.3


def test_the_gradient_is_that_of_autodiff(both):
    _, (_, _, found), (_, expected) = both
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        scale = np.abs(gradient).max()
        assert scale > 1e-6, name
        assert_close(found[name], gradient, rtol=1e-6, atol=1e-9 * scale, err_msg=name)


@pytest.mark.parametrize("text", [rates.PLAIN, rates.ADAPTING], ids=["plain", "adapting"])
def test_finite_differences_hold_for_the_whole_gradient(text):
    """Nothing is replaced by a surrogate: central differences in random directions, in float64, to 1e-7."""
    network, inputs = rates.network_of(text, learnt=None), rates.inputs_of()
    g_y, _ = rates.slopes_of(network)
    found = rates.compiled(network, inputs, g_y, np.zeros(network.config.n_neurons))[2]
    generator, h = np.random.default_rng(8), 1e-5

    def loss(name, step):
        moved = replace(network)
        if name == "theta":
            moved.synapses = network.synapses._replace(theta=network.synapses.theta + step)
        else:
            setattr(moved, name, getattr(network, name) + step)
        return float((g_y * rates.compiled(moved, inputs)[0]).sum())

    for name, gradient in found.items():
        direction = generator.standard_normal(gradient.shape)
        slope = (loss(name, h * direction) - loss(name, -h * direction)) / (2 * h)
        assert abs(slope) > 1e-3
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-7), name
