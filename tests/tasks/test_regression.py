"""Regression: functions by hand, examples, scoring, the stream, and algorithms against closed forms."""

from itertools import islice

import numpy as np
import pytest

from lsnn.errors import InputError
from tasks.encoders import FlagCells
from tasks.regression import Regression
from tasks.regression.baselines import (
    ALGORITHMS,
    attend,
    basis,
    fit,
    fit_attention,
    gradient_descent,
    least_squares,
    ridge,
)
from tasks.regression.retrieval import functions_of
from tasks.regression.task import (
    COEFFICIENTS,
    FUNCTIONS,
    LARGEST_X,
    LINEAR,
    N_HIDDEN,
    N_STATE,
    NETWORK,
    QUADRATIC,
    SAMPLE,
    SINE,
    STEP,
    X,
    Y,
    begin,
    evaluate,
    last_steps,
    observe,
    target,
    transition,
)

KEYS = np.random.SeedSequence(3).generate_state(300, np.uint64)
every_function = pytest.mark.parametrize("function", FUNCTIONS)


def test_functions_by_hand():
    assert evaluate(SINE, np.array([2.0, np.pi / 2]), np.array([0.0])) == pytest.approx(2.0)
    by_hand = 1 * 4 + 2 * 1 + 3 * -2 + 4 * 2 + 5 * -1 + 6
    assert evaluate(QUADRATIC, np.arange(1.0, 7.0), np.array([2.0, -1.0])) == by_hand
    assert evaluate(LINEAR, np.arange(5.0), np.ones(5)) == 10
    c = np.zeros(4 * N_HIDDEN + 1)
    c[[0, N_HIDDEN, 2 * N_HIDDEN, 3 * N_HIDDEN, 4 * N_HIDDEN]] = 1.0, 2.0, 0.5, 3.0, 0.25
    assert evaluate(NETWORK, c, np.array([0.3, -0.2])) == pytest.approx(3 * np.tanh(0.3 - 0.4 + 0.5) + 0.25)


@every_function
def test_latent_say_what_the_function_is(function):
    task = Regression(function, latent_weight=4.0)
    state, taught, x = np.zeros(N_STATE), np.zeros(task.n_target), np.zeros(task.dimensions)
    begin(KEYS[0], task.parameters(), state)
    state[STEP] = task.sample_ms - 1
    assert target(state, task.parameters(), taught) == 1.0
    assert taught[0] == state[Y]
    c, found = state[COEFFICIENTS:], taught[1:] / 2.0  # the square root of the weight
    if function == "sine":
        np.testing.assert_allclose(found @ [np.sin(0.7), np.cos(0.7)], evaluate(SINE, c, np.array([0.7])))
    elif function == "network":
        slopes = [(evaluate(NETWORK, c, h) - evaluate(NETWORK, c, -h)) / 2e-4 for h in 1e-4 * np.eye(2)]
        np.testing.assert_allclose(found, [evaluate(NETWORK, c, x), *slopes], rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, c[: len(found)])


def test_a_linear_function_gets_more_variables_with_the_level():
    task = Regression("linear")
    x, y = task.at_difficulty(0.5).examples(KEYS)
    for w, _, rank, _ in (np.linalg.lstsq(*example, rcond=None) for example in zip(x, y, strict=True)):
        assert rank == 5 and np.abs(w[3:]).max() < 1e-9 and np.abs(w[:3]).min() > 0
    assert abs(np.var(y) - 1) < 0.2
    levels = (0.0, 0.2, 0.99, 1.0, -1.0)
    assert [task.at_difficulty(level).active_dimensions for level in levels] == [1, 2, 5, None, None]
    two = Regression("linear", active_dimensions=2)
    assert [two.at_difficulty(level).active_dimensions for level in (0.0, 0.4, 0.99, 1.0)] == [1, 1, 2, 2]
    assert Regression("sine").at_difficulty(0.0) == Regression("sine")


def test_the_answer_is_the_first_number_of_the_readout_with_and_without_latent():
    assert [Regression("linear", latent_weight=w).n_target for w in (0.0, 1.0)] == [1, 6]
    assert Regression("linear", latent_weight=1.0).n_action == 1


@every_function
def test_examples_are_spread_over_their_range_and_of_order_one(function):
    task = Regression(function)
    x, y = task.examples(KEYS)
    largest = LARGEST_X[task.kind]
    assert x.shape == (300, 25, task.dimensions) and np.abs(x).max() <= largest
    assert x.mean() == pytest.approx(0, abs=0.05 * largest) and x.std() == pytest.approx(largest / np.sqrt(3), rel=0.05)
    assert y.mean() == pytest.approx(0, abs=0.15) and 0.3 < y.std() < 1.3
    assert np.unique(y[:, 0]).size == 300


@every_function
def test_an_episode_shows_the_examples_and_scores_the_answer_at_the_last_step(function):
    task = Regression(function, samples=4, sample_ms=3, answer_ms=2)
    x, y = task.examples(KEYS[:1])
    parameters, state, wanted = task.parameters(), np.zeros(N_STATE), np.zeros(1)
    observation = np.zeros(task.n_observation)
    begin(KEYS[0], parameters, state)
    for t in range(task.duration_ms):
        sample, step = divmod(t, 3)
        observe(state, parameters, observation)
        before = y[0, sample - 1] if sample else 0.0
        np.testing.assert_array_equal(observation, [*x[0, sample], before])
        assert target(state, parameters, wanted) == float(step >= 1) and wanted[0] == y[0, sample]
        reward, acted, terminated = transition(KEYS[0], t, np.array([0.5]), parameters, state)
        assert acted == (step == 2) and not terminated
        assert reward == (-((0.5 - y[0, sample]) ** 2) if acted else 0.0)
    assert state[SAMPLE] == 4


def test_stream_is_what_the_network_meets():
    task = Regression("quadratic")
    x, y = task.examples(KEYS[:1])
    for number, example in enumerate(islice(task.stream(int(KEYS[0])), 25)):
        np.testing.assert_array_equal(example.x, x[0, number])
        assert example.y == y[0, number]


def test_metrics_are_mean_squared_errors():
    task = Regression(samples=22, sample_ms=3, answer_ms=1)
    reward = np.zeros((2, task.duration_ms))
    reward[:, last_steps(task)[1]] = -4.0, -2.0
    reward[0, last_steps(task)[20]] = -1.0
    assert task.metrics(reward, reward < 0) == pytest.approx({"error": 7 / 44, "error_1": 3.0, "error_20": 0.5})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"function": "cubic"}, "function must be one of sine"),
        ({"active_dimensions": 2}, "active_dimensions must be none unless function is linear, received 'sine'"),
        ({"function": "linear", "active_dimensions": 6}, "active_dimensions must be an integer from 1 to 5"),
        ({"samples": 1}, "samples must be an integer of at least 2"),
        ({"distinct_functions": -1}, "distinct_functions must be an integer from 0 to 1000000"),
        ({"latent_weight": -1.0}, "latent_weight must be a number of at least 0"),
        ({"answer_ms": 21}, "answer_ms must be an integer from 1 to"),
        ({"encoder": FlagCells(("a",))}, "encoder must be a GaussianPopulation of 2 dimensions"),
    ],
)
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        Regression(**keys)


# Algorithms


def linear_examples(episodes=50, samples=12, p=3, seed=0):
    rng = np.random.default_rng(seed)
    phi, w = rng.standard_normal((episodes, samples, p)), rng.standard_normal((episodes, p))
    return phi, np.einsum("ekp,ep->ek", phi, w)


@pytest.mark.parametrize("function", ["sine", "quadratic", "linear"])
def test_functions_lie_in_the_span_of_their_basis(function):
    """So least squares makes no error once there are as many examples as features."""
    task = Regression(function)
    x, y = task.examples(KEYS[:50])
    phi = basis(function, x)
    error = np.abs(least_squares(phi, y) - y)
    assert np.median(error[:, phi.shape[-1] :]) < 1e-8 and error[:, 1].mean() > 0.1


def test_ridge_by_hand():
    """One feature: w = sum phi y / (penalty + sum phi^2)."""
    phi, y = np.array([[[1.0], [2.0], [3.0]]]), np.array([[2.0, 3.0, 0.0]])
    np.testing.assert_allclose(ridge(phi, y, 1.0), [[0.0, 2 * 2 / (1 + 1), 3 * (2 + 6) / (1 + 5)]])


def test_gradient_descent_by_hand_and_in_the_limit():
    """One step from 0 is step size times the mean of phi y; many steps end in least squares."""
    phi, y = linear_examples()
    one = gradient_descent(phi, y, 1, 0.3)
    np.testing.assert_allclose(one[:, 4], 0.3 * np.einsum("ep,ekp,ek->e", phi[:, 4], phi[:, :4], y[:, :4]) / 4)
    np.testing.assert_allclose(gradient_descent(phi, y, 2000, 0.1)[:, 10:], least_squares(phi, y)[:, 10:], atol=1e-3)


def test_a_linear_attention_layer_can_be_a_step_of_gradient_descent():
    """M = step size times (I, 0), v = (0, .., 1): the construction of von Oswald et al. (2023)."""
    phi, y = linear_examples()
    layer = fit_attention(phi, y)
    key_query, value = np.zeros_like(layer.key_query), np.zeros_like(layer.value)
    key_query[:, :, :-1], value[:, -1] = 0.3 * np.eye(3), 1.0
    stepped = attend(layer._replace(key_query=key_query, value=value), phi, y)
    np.testing.assert_allclose(stepped, gradient_descent(phi, y, 1, 0.3), atol=1e-12)
    fitted = np.mean((attend(layer, phi, y) - y) ** 2, axis=0)
    assert (fitted[1:] <= np.mean((stepped - y) ** 2, axis=0)[1:] + 1e-12).all()


def test_algorithms_use_only_the_examples_before():
    task = Regression("linear", samples=8)
    x, y = task.examples(KEYS[:40])
    changed = y.copy()
    changed[:, 5:] += 1.0
    predictors = fit(task, *task.examples(KEYS[40:240]))
    assert tuple(predictors) == ALGORITHMS
    for predict in predictors.values():
        np.testing.assert_array_equal(predict(x, y)[:, :6], predict(x, changed)[:, :6])
        assert not predict(x, y)[:, 0].any()


def test_state_holds_what_its_indices_say():
    task, state = Regression("linear"), np.zeros(N_STATE)
    begin(KEYS[0], task.parameters(), state)
    x, y = task.examples(KEYS[:1])
    np.testing.assert_array_equal(state[X : X + 5], x[0, 0])
    assert state[Y] == y[0, 0]


def test_so_many_functions_in_all_episodes_together():
    """Three functions over 300 episodes, a third each, which are the first three of more."""
    coefficients = {n: coefficients_of(Regression(distinct_functions=n)) for n in (3, 0)}
    assert [len(np.unique(coefficients[n], axis=0)) for n in (3, 0)] == [3, len(KEYS)]
    _, counts = np.unique(coefficients[3], axis=0, return_counts=True)
    assert counts.min() > 70
    three = functions_of(Regression(distinct_functions=3))
    np.testing.assert_array_equal(functions_of(Regression(distinct_functions=300))[:3], three)
    assert set(map(tuple, coefficients[3])) == set(map(tuple, three))
    y = Regression(distinct_functions=3).examples(KEYS)[1]
    assert len(np.unique(y, axis=0)) == len(KEYS)  # at x of their own


def coefficients_of(task):
    states = np.zeros((len(KEYS), N_STATE))
    for key, state in zip(KEYS, states, strict=True):
        begin(key, task.parameters(), state)
    return states[:, COEFFICIENTS : COEFFICIENTS + 2]
