"""The numpy reference against traces worked by hand, smooth-spike finite differences and JAX.

The hand-worked numbers are dyadic fractions, so float32 and float64 must both meet them exactly.
"""

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.kernels.reference import Network, Parameters, Wiring, adjoint, forward, step, triangle, zero_state
from tests.kernels import autodiff

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NOTHING = ([], [], [], [])


def wiring_of(columns, dtype):
    pre, post, delay, weight = columns
    return Wiring(np.array(pre, int), np.array(post, int), np.array(delay, int), np.array(weight, dtype))


def network_of(dtype, n_neurons, input=NOTHING, recurrent=NOTHING, W_out=None, bias=(0,)):
    W_out = np.zeros((n_neurons, len(bias))) if W_out is None else W_out
    return Network(wiring_of(input, dtype), wiring_of(recurrent, dtype), np.array(W_out, dtype), np.array(bias, dtype))


def halving(dtype, n_neurons, b0=1.0, beta=0.0, refractory_steps=1):
    """Neurons and readout whose variables halve in a step."""
    half, steps = np.full(n_neurons, 0.5, dtype), np.broadcast_to(refractory_steps, n_neurons)
    return Parameters(half, half, 0.5, np.full(n_neurons, b0, dtype), np.full(n_neurons, beta, dtype), steps)


def run(network, parameters, x, **start):
    """One episode from rest, or with some state variables replaced; x: a row a step."""
    x = np.array(x, network.W_out.dtype)[:, None]
    state = zero_state(network, parameters, 1, x.shape[2])._replace(**start)
    return forward(x, state, network, parameters)[0]


def spike_steps(record, neuron):
    return np.flatnonzero(record.z[:, 0, neuron]).tolist()


@both_dtypes
def test_without_spikes_v_and_b_decay_to_zero(dtype):
    start = {"v": np.array([[-8]], dtype), "b": np.array([[16]], dtype)}
    record = run(network_of(dtype, 1), halving(dtype, 1, beta=1), np.zeros((8, 1)), **start)
    np.testing.assert_array_equal(record.v[:, 0, 0], [-4, -2, -1, -1 / 2, -1 / 4, -1 / 8, -1 / 16, -1 / 32])
    np.testing.assert_array_equal(record.b[:, 0, 0], [8, 4, 2, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16])
    assert not record.z.any()


@both_dtypes
def test_membrane_filters_the_current_below_threshold(dtype):
    """(1-alpha) I = 2 one step after each input spike; threshold out of reach."""
    network = network_of(dtype, 1, input=([0], [0], [1], [4]))
    record = run(network, halving(dtype, 1, b0=64), [[1], [1], [1], [0], [0], [1], [0], [0]])
    np.testing.assert_array_equal(record.v[:, 0, 0], [0, 2, 3, 3.5, 1.75, 0.875, 2.4375, 1.21875])
    assert not record.b.any()
    assert not record.z.any()


@both_dtypes
def test_spike_reset_adaptation_and_refractoriness_of_one_neuron(dtype):
    """Steady drive (1-alpha) I = 2 from step 1 on; beta = 1, 3 steps from spike to spike at the least.

    Spikes at 1, 4, 7. Each lowers the next v by B = 1, 1.125, 1.140625 and lifts the next b by 1/2.
    """
    network = network_of(dtype, 1, input=([0], [0], [1], [4]))
    record = run(network, halving(dtype, 1, beta=1, refractory_steps=3), np.ones((9, 1)))
    assert spike_steps(record, 0) == [1, 4, 7]
    np.testing.assert_array_equal(record.v[:, 0, 0], [0, 2, 2, 3, 3.5, 2.625, 3.3125, 3.65625, 2.6875])
    np.testing.assert_array_equal(record.b[:, 0, 0], [0, 0, 0.5, 0.25, 0.125, 0.5625, 0.28125, 0.140625, 0.5703125])
    np.testing.assert_array_equal(record.free[:, 0, 0], [1, 1, 0, 0, 1, 0, 0, 1, 0])


@both_dtypes
def test_spike_needs_v_strictly_above_threshold(dtype):
    network = network_of(dtype, 1, input=([0], [0], [1], [2]))
    record = run(network, halving(dtype, 1), [[1], [0], [0]])
    np.testing.assert_array_equal(record.v[:, 0, 0], [0, 1, 0.5])
    assert not record.z.any()


@both_dtypes
def test_raised_threshold_holds_back_a_spike(dtype):
    """v = 2 at step 1 exceeds b0 = 1; with b = 2 there, B = 3 for the adaptive neuron."""
    network = network_of(dtype, 2, input=([0, 0], [0, 1], [1, 1], [4, 4]))
    parameters = halving(dtype, 2)._replace(beta=np.array([0, 1], dtype))
    record = run(network, parameters, [[1], [0]], b=np.full((1, 2), 8, dtype))
    np.testing.assert_array_equal(record.z[:, 0], [[0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("refractory_steps", "expected"),
    [(0, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (1, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (2, [1, 3, 5, 7, 9]), (5, [1, 6])],
)
def test_next_spike_comes_refractory_steps_later_at_the_earliest(refractory_steps, expected):
    network = network_of(np.float64, 1, input=([0], [0], [1], [64]))
    record = run(network, halving(np.float64, 1, refractory_steps=refractory_steps), np.ones((10, 1)))
    assert spike_steps(record, 0) == expected


@both_dtypes
def test_delay_of_d_steps_reaches_the_membrane_d_steps_later(dtype):
    """Input spike at 0, delay 2, so neuron 0 spikes at 2; neurons 1, 2, 3 hear of it 1, 3 and 4 steps later."""
    recurrent = ([0, 0, 0], [1, 2, 3], [1, 3, 4], [1, -1, 0.5])
    network = network_of(dtype, 4, input=([0], [0], [2], [4]), recurrent=recurrent)
    record = run(network, halving(dtype, 4), np.eye(8, 1))
    assert spike_steps(record, 0) == [2]
    np.testing.assert_array_equal(record.v[:, 0, 0], [0, 0, 2, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(record.v[:, 0, 1], [0, 0, 0, 0.5, 0.25, 0.125, 0.0625, 0.03125])
    np.testing.assert_array_equal(record.v[:, 0, 2], [0, 0, 0, 0, 0, -0.5, -0.25, -0.125])
    np.testing.assert_array_equal(record.v[:, 0, 3], [0, 0, 0, 0, 0, 0, 0.25, 0.125])


@both_dtypes
def test_synapses_onto_one_neuron_add_up(dtype):
    network = network_of(dtype, 1, input=([0, 1, 0], [0, 0, 0], [1, 1, 2], [2, 8, -4]))
    record = run(network, halving(dtype, 1, b0=64), [[1, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(record.v[:, 0, 0], [0, 5, 0.5])


@both_dtypes
def test_readout_leaks_and_takes_up_the_spikes_of_the_same_step(dtype):
    """Spikes at 1, 2 and 5; weights 2 and -4, bias 1 and 0.5."""
    network = network_of(dtype, 1, input=([0], [0], [1], [4]), W_out=[[2, -4]], bias=(1, 0.5))
    record = run(network, halving(dtype, 1), [[1], [1], [0], [0], [1], [0], [0], [0]])
    assert spike_steps(record, 0) == [1, 2, 5]
    r = np.array([0, 1, 1.5, 0.75, 0.375, 1.1875, 0.59375, 0.296875])
    np.testing.assert_array_equal(record.y[:, 0], np.stack([r + 1, -2 * r + 0.5], axis=1))


def test_a_delay_below_one_step_is_refused():
    network = network_of(np.float64, 1, input=([0], [0], [0], [4]))
    with pytest.raises(InputError, match="at least 1 step, received 0"):
        zero_state(network, halving(np.float64, 1), 1, 1)


def random_wiring(generator, n_pre, n_post, connected, mean, spread, max_delay, dtype):
    """Each ordered pair with probability `connected`, weights normal; no autapses when a population meets itself."""
    joined = generator.random((n_pre, n_post)) < connected
    if n_pre == n_post:
        np.fill_diagonal(joined, False)
    pre, post = np.nonzero(joined)
    delay = generator.integers(1, max_delay + 1, pre.size)
    return Wiring(pre, post, delay, generator.normal(mean, spread, pre.size).astype(dtype))


def random_case(seed, n_neurons=24, n_inputs=12, n_steps=60, n_episodes=3, dtype=np.float64):
    """A network of LIF and adaptive neurons in mixed time constants and refractory times, and its input spikes."""
    generator, max_delay = np.random.default_rng(seed), 10
    adaptive = np.arange(n_neurons) >= n_neurons // 2
    parameters = Parameters(
        alpha=np.exp(-1 / generator.uniform(5, 20, n_neurons)).astype(dtype),
        rho=np.exp(-1 / generator.uniform(10, 60, n_neurons)).astype(dtype),
        kappa=float(np.exp(-1 / 8)),
        b0=generator.uniform(0.5, 1.5, n_neurons).astype(dtype),
        beta=(adaptive * generator.uniform(2, 6, n_neurons)).astype(dtype),
        refractory_steps=generator.integers(0, 6, n_neurons),
    )
    network = Network(
        random_wiring(generator, n_inputs, n_neurons, 0.6, 2, 4, max_delay, dtype),
        random_wiring(generator, n_neurons, n_neurons, 0.5, 0, 3, max_delay, dtype),
        generator.standard_normal((n_neurons, 3)).astype(dtype),
        generator.standard_normal(3).astype(dtype),
    )
    x = (generator.random((n_steps, n_episodes, n_inputs)) < 0.3).astype(dtype)
    dL_dy, dL_dz = generator.standard_normal((n_steps, n_episodes, 3)), generator.standard_normal(n_neurons)
    return network, parameters, x, dL_dy.astype(dtype), dL_dz.astype(dtype)


def from_rest(network, parameters, x):
    return forward(x, zero_state(network, parameters, x.shape[1], x.shape[2]), network, parameters)[0]


def assert_everything_happens(network, parameters, record):
    """Spikes, spikes held back by refractoriness, thresholds raised on adaptive neurons, activity in every neuron."""
    B = parameters.b0 + parameters.beta * record.b
    assert 0.02 < record.z.mean() < 0.5
    assert (record.z.sum(axis=(0, 1)) > 0).mean() > 0.7
    assert ((record.v > B) & ~record.free).sum() > 20
    assert (B > 1.5 * parameters.b0).mean() > 0.05
    assert (np.abs(record.v - B) < parameters.b0)[record.free].mean() > 0.1
    for wiring in (network.input, network.recurrent):
        assert set(wiring.delay) == set(range(1, 11))


@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("seed", [1, 3])
def test_adjoint_equals_jax_autodiff_of_the_same_graph(seed, detach_reset):
    network, parameters, x, dL_dy, dL_dz = random_case(seed)
    record = from_rest(network, parameters, x)
    assert_everything_happens(network, parameters, record)
    witness = autodiff.gradients(x, *network, parameters, dL_dy, dL_dz, detach_reset)
    np.testing.assert_array_equal(witness["z"], record.z)
    np.testing.assert_allclose(witness["y"], record.y, rtol=1e-10, atol=1e-12)
    gradient = adjoint(record, network, parameters, dL_dy, dL_dz, detach_reset=detach_reset)
    for name, ours in gradient._asdict().items():
        largest = np.abs(witness[name]).max()
        assert (np.abs(ours) > 1e-6 * largest).mean() > 0.5, name
        np.testing.assert_allclose(ours, witness[name], rtol=1e-6, atol=1e-9 * largest, err_msg=name)
    for wiring, values in ((network.input, gradient.input), (network.recurrent, gradient.recurrent)):
        assert all(np.abs(values[wiring.delay == delay]).max() > 0 for delay in range(1, 11))


def test_detach_reset_changes_the_gradient_and_not_the_readout():
    network, parameters, x, dL_dy, dL_dz = random_case(1)
    record = from_rest(network, parameters, x)
    exact = adjoint(record, network, parameters, dL_dy, dL_dz)
    detached = adjoint(record, network, parameters, dL_dy, dL_dz, detach_reset=True)
    for name in ("input", "recurrent"):
        difference = np.abs(getattr(exact, name) - getattr(detached, name)).max()
        assert difference > 1e-3 * np.abs(getattr(exact, name)).max()
    np.testing.assert_array_equal(exact.W_out, detached.W_out)
    np.testing.assert_array_equal(exact.bias, detached.bias)


def test_the_rate_term_alone_reaches_the_weights_and_not_the_readout():
    network, parameters, x, dL_dy, dL_dz = random_case(1)
    gradient = adjoint(from_rest(network, parameters, x), network, parameters, 0 * dL_dy, dL_dz)
    assert np.abs(gradient.input).max() > 0
    assert np.abs(gradient.recurrent).max() > 0
    assert not gradient.W_out.any()
    assert not gradient.bias.any()


def integrated_triangle(u):
    """A smooth spike whose true derivative is the surrogate: the integral of 0.3 max(0, 1-|u|) from -1 to u."""
    clipped = np.clip(u, -1, 1)
    return 0.15 * (1 + 2 * clipped - clipped * np.abs(clipped))


def logistic(u):
    return 1 / (1 + np.exp(-u))


def logistic_derivative(u, gamma):
    return logistic(u) * (1 - logistic(u))


def warmed_up(network, parameters, x, spike):
    """A start state that is not at rest, with spikes in its delay lines and neurons refractory."""
    return forward(x, zero_state(network, parameters, x.shape[1], x.shape[2]), network, parameters, spike)[1]


def loss(weights, network, parameters, start, x, dL_dy, dL_dz, spike):
    """The scalar whose derivatives are dL_dy and dL_dz, at the given weights; and which neurons were free."""
    record, _ = forward(x, start, with_weights(network, weights), parameters, spike)
    return np.sum(dL_dy * record.y) + np.sum(dL_dz * record.z), record.free


def with_weights(network, weights):
    input, recurrent = network.input._replace(weight=weights[0]), network.recurrent._replace(weight=weights[1])
    return Network(input, recurrent, *weights[2:])


def central_difference(weights, which, element, width, arguments):
    """(dL/dweight of one element, whether the refractory pattern stayed the same on both sides)."""
    sides = []
    for sign in (1, -1):
        moved = [array.copy() for array in weights]
        moved[which].flat[element] += sign * width
        sides.append(loss(moved, *arguments))
    (above, free_above), (below, free_below) = sides
    return (above - below) / (2 * width), np.array_equal(free_above, free_below)


@pytest.mark.parametrize(("spike", "surrogate"), [(integrated_triangle, triangle), (logistic, logistic_derivative)])
def test_adjoint_equals_central_differences_when_the_spike_is_smooth(spike, surrogate):
    """Delays, refractoriness, adaptation and reset in play; from a start state with spikes under way."""
    network, parameters, x, dL_dy, dL_dz = random_case(6, n_neurons=7, n_inputs=4, n_steps=42, n_episodes=2)
    x, dL_dy, start = x[20:], dL_dy[20:], warmed_up(network, parameters, x[:20], spike)
    assert (start.refractory > 0).any()
    assert start.z_history.any()
    record, _ = forward(x, start, network, parameters, spike)
    assert not record.free.all()
    gradient = adjoint(record, network, parameters, dL_dy, dL_dz, surrogate)
    weights = [network.input.weight, network.recurrent.weight, network.W_out, network.bias]
    arguments = (network, parameters, start, x, dL_dy, dL_dz, spike)
    for which, ours in enumerate(gradient):
        pairs = [central_difference(weights, which, element, 1e-6, arguments) for element in range(ours.size)]
        assert all(same for _, same in pairs)
        numerical = np.array([slope for slope, _ in pairs]).reshape(ours.shape)
        assert np.abs(numerical).max() > 1e-3
        np.testing.assert_allclose(ours, numerical, rtol=1e-5, atol=1e-6 * np.abs(numerical).max())


def test_a_run_can_stop_and_go_on():
    network, parameters, x, *_ = random_case(3)
    start = zero_state(network, parameters, x.shape[1], x.shape[2])
    whole, end = forward(x, start, network, parameters)
    first, middle = forward(x[:23], start, network, parameters)
    second, end_in_two = forward(x[23:], middle, network, parameters)
    assert (middle.refractory > 0).any()
    assert middle.z_history.any()
    for name in ("v", "b", "free", "z", "y"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(first, name), getattr(second, name)]), getattr(whole, name), err_msg=name
        )
    for name, value in end._asdict().items():
        np.testing.assert_array_equal(getattr(end_in_two, name), value, err_msg=name)


def test_a_step_leaves_its_state_untouched():
    network, parameters, x, *_ = random_case(3)
    _, state = forward(x[:20], zero_state(network, parameters, x.shape[1], x.shape[2]), network, parameters)
    before = [array.copy() for array in state]
    step(x[20], state, network, parameters)
    for array, copy in zip(state, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_episodes_of_a_batch_do_not_meet():
    network, parameters, x, *_ = random_case(4)
    together = from_rest(network, parameters, x)
    for episode in range(x.shape[1]):
        alone = from_rest(network, parameters, x[:, episode : episode + 1])
        np.testing.assert_array_equal(alone.z[:, 0], together.z[:, episode])
        np.testing.assert_allclose(alone.v[:, 0], together.v[:, episode], rtol=1e-12, atol=1e-14)


def test_float32_stays_float32_and_its_gradient_is_near():
    network, parameters, x, dL_dy, dL_dz = random_case(2, dtype=np.float32)
    record = from_rest(network, parameters, x)
    assert {record.v.dtype, record.b.dtype, record.z.dtype, record.y.dtype} == {np.dtype(np.float32)}
    gradient = adjoint(record, network, parameters, dL_dy, dL_dz)
    precise = adjoint(*(widened(part) for part in (record, network, parameters)), dL_dy, dL_dz)
    for ours, exact in zip(gradient, precise, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=1e3 * np.finfo(np.float32).eps * np.abs(exact).max())


def widened(part):
    """The same nested tuple with its float32 arrays in float64."""
    if isinstance(part, tuple):
        return type(part)(*(widened(item) for item in part))
    return part.astype(np.float64) if getattr(part, "dtype", None) == np.float32 else part
