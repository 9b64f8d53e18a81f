"""A network as a module of PyTorch, where that is installed."""

import numpy as np
import pytest

import lsnn
from lsnn.errors import InputError
from tests.arrays.small import CELLS, SAMPLES, SETTINGS, STEPS
from tests.circuits import small

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def network():
    return lsnn.create(CELLS, 2, 5, **SETTINGS)


@pytest.fixture(scope="module")
def x():
    return torch.from_numpy(np.random.default_rng(2).standard_normal((SAMPLES, STEPS, CELLS)))


def test_the_layer_is_the_network(network, x):
    layer = lsnn.torch.Layer(network)
    y = layer(x.float())
    np.testing.assert_array_equal(y.detach().numpy(), network(x.float().numpy(), currents=True))
    assert y.dtype == torch.float32 and [name for name, _ in layer.named_parameters()] == ["theta", "readout", "bias"]
    assert layer.network().synapses.theta.shape == layer.theta.shape


def test_gradcheck_of_what_moves_no_spike(network, x):
    """Of the readout, of which it is linear: central differences of a threshold mean nothing."""
    layer = lsnn.torch.Layer(network, dtype=torch.float64)
    function = type(layer).forward.__globals__["_Readout"].apply
    held = layer.theta.detach()

    def of(readout, bias):
        return function(layer._layer, x[:2, :6], held, readout, bias)

    assert torch.autograd.gradcheck(of, (layer.readout, layer.bias), raise_exception=True)


def test_gradients_go_to_weights_and_inputs_and_through_other_layers(network, x):
    """The surrogate's, those of `network.gradient`, which is held against autodiff elsewhere."""
    layer, mix = lsnn.torch.Layer(network, threads=2), torch.nn.Linear(CELLS, CELLS)
    inputs = mix(x.float())
    inputs.retain_grad()
    y = layer(inputs)
    (y**2).sum().backward()
    given = inputs.detach().numpy()
    wanted = network.gradient(given, 2 * y.detach().numpy(), currents=True)
    np.testing.assert_allclose(inputs.grad, wanted.inputs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.readout.grad, wanted.readout, rtol=1e-4, atol=1e-5)
    net = network.network
    np.testing.assert_allclose(
        layer.theta.grad, wanted.weights * net.synapses.sign * net.effect(), rtol=1e-4, atol=1e-5
    )
    assert float(mix.weight.grad.abs().min()) > 0


def test_a_step_of_torch_keeps_the_signs(network, x):
    layer = lsnn.torch.Layer(network)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1.0)
    layer(x.float()).sum().backward()
    optimiser.step()
    assert float(layer.theta.min()) < 0 <= layer.network().synapses.theta.min()
    assert torch.isfinite(layer(x.float())).all()


def test_what_is_no_input_is_named(network, x):
    with pytest.raises(InputError, match="inputs must be numbers"):
        lsnn.torch.Layer(network)(x[0])
    with pytest.raises(InputError, match="dtype must be"):
        lsnn.torch.Layer(network, dtype=torch.float16)
    with pytest.raises(InputError, match="inputs must be numbers from -1e"):
        lsnn.torch.Layer(network)(x * np.nan)


def test_a_circuit_is_a_layer_whose_parameters_are_what_learns():
    made, spikes = small.circuit(), small.samples()[0]
    layer = lsnn.torch.Layer(made, dtype=torch.float64, threads=2)
    names = ["weight/x_to_E", "weight/again", "parameter/E/tau_m", "parameter/E/beta", "initial/E/v", "readout", "bias"]
    assert [name for name, _ in layer.named_parameters()] == [*names, "tau"]
    x = torch.from_numpy(spikes * 1.0).requires_grad_()
    y = layer(x)
    np.testing.assert_array_equal(y.detach().numpy(), made(spikes))
    (y**2).sum().backward()
    wanted = made.gradient(spikes, 2 * y.detach().numpy())
    np.testing.assert_allclose(x.grad, wanted.inputs["x"], rtol=1e-9, atol=1e-12)
    of = {name: part.grad.numpy() for name, part in layer.named_parameters()}
    unit = 2.0 ** round(np.log2(np.abs(made.weight["again"]).mean()))
    np.testing.assert_allclose(of["weight/again"], wanted.weight["again"] * unit, rtol=1e-9, atol=1e-12)
    own = wanted.parameters["E"]["tau_m"] * made.parameters["E"]["tau_m"]
    np.testing.assert_allclose(of["parameter/E/tau_m"], own, rtol=1e-9, atol=1e-12)
    torch.optim.SGD(layer.parameters(), lr=1e6).step()
    moved = layer.network()
    assert isinstance(moved, lsnn.Circuit) and moved.weight["again"].min() == 0
    factor = np.concatenate([moved.parameters["E"]["tau_m"] / made.parameters["E"]["tau_m"], [moved.tau / made.tau]])
    assert 0.0999 < factor.min() and factor.max() < 10.001
