"""The policy's likelihoods and the gradients at the readout: numbers by hand, central differences."""

import jax
import numpy as np
import pytest

from lsnn.learning import ppo

jax.config.update("jax_enable_x64", True)

SHAPE = (4, 3, 8)  # steps, action, lanes
STEP = 1e-6


def numbers(count, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal((count, *shape))


def central_differences(function, x):
    """d function / dx, entry by entry."""
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += STEP
        down[place] -= STEP
        slope[place] = (function(up) - function(down)) / (2 * STEP)
    return slope


def test_gaussian_log_likelihood_by_hand():
    action, mean = np.array([[[1.0], [2.0]], [[0.0], [3.0]]]), np.array([[[1.0], [0.0]], [[0.0], [3.0]]])
    log_std = np.log([[[1.0], [2.0]], [[0.5], [1.0]]])
    at_the_mean = -np.log(2 * np.pi)  # two numbers of spread 1
    expected = [[at_the_mean - 0.5 - np.log(2)], [at_the_mean + np.log(2)]]
    np.testing.assert_allclose(ppo.gaussian_log_likelihood(action, mean, log_std), expected, rtol=1e-14)


def test_gaussian_score_is_the_derivative_of_the_log_likelihood():
    action, mean, log_std = numbers(3)
    by_mean, by_log_std = ppo.gaussian_score(action, mean, log_std)
    found = central_differences(lambda m: ppo.gaussian_log_likelihood(action, m, log_std).sum(), mean)
    np.testing.assert_allclose(by_mean, found, rtol=1e-6, atol=1e-7)
    found = central_differences(lambda s: ppo.gaussian_log_likelihood(action, mean, s).sum(), log_std)
    np.testing.assert_allclose(by_log_std, found, rtol=1e-6, atol=1e-7)


def test_a_long_mean_is_scaled_back_and_a_short_one_is_not():
    y = np.array([[[3.0], [4.0]], [[0.3], [-0.4]], [[0.0], [0.0]]])
    expected = [[[0.6], [0.8]], [[0.3], [-0.4]], [[0.0], [0.0]]]
    np.testing.assert_allclose(ppo.bounded(y, 1.0), expected, rtol=1e-14)
    assert ppo.bounded(y, 0.0) is y


@pytest.mark.parametrize("norm", [0.0, 0.5, 1.5])
def test_gradient_through_the_bound_of_the_mean(norm):
    y, g = numbers(2)
    found = central_differences(lambda y: np.sum(g * ppo.bounded(y, norm)), y)
    np.testing.assert_allclose(ppo.bounded_gradient(g, y, norm), found, rtol=1e-6, atol=1e-7)


def test_softmax_by_hand_and_without_overflow():
    logits = np.array([[[0.0], [np.log(3.0)]], [[1000.0], [1000.0]], [[-1e4], [0.0]]])
    expected = [[[0.25], [0.75]], [[0.5], [0.5]], [[0.0], [1.0]]]
    np.testing.assert_allclose(ppo.softmax(logits), expected, rtol=1e-14)


def test_categorical_log_likelihood_by_hand():
    logits = np.log([[[1.0], [2.0], [5.0]], [[1.0], [2.0], [5.0]]])
    np.testing.assert_allclose(
        ppo.categorical_log_likelihood(np.array([[0.0], [2.0]]), logits), np.log([[1 / 8], [5 / 8]]), rtol=1e-14
    )


def test_categorical_score_is_the_derivative_of_the_log_likelihood():
    (logits,) = numbers(1)
    action = np.random.default_rng(1).integers(0, SHAPE[1], (SHAPE[0], SHAPE[2])).astype(float)
    found = central_differences(lambda y: ppo.categorical_log_likelihood(action, y).sum(), logits)
    np.testing.assert_allclose(ppo.categorical_score(action, logits), found, rtol=1e-6, atol=1e-7)


def test_slope_of_the_categorical_entropy_by_hand():
    """Of 1/4 and 3/4, H = 0.5623: 1/4 (ln 4 - H) = 0.2060 lifts the rarer one; of equal or certain choices nothing."""
    logits = np.array([[[0.0], [np.log(3.0)]], [[2.0], [2.0]], [[0.0], [1e4]]])
    expected = [[[0.20599], [-0.20599]], [[0.0], [0.0]], [[0.0], [0.0]]]
    np.testing.assert_allclose(ppo.categorical_entropy_slope(logits), expected, atol=5e-6)


def test_slope_of_the_categorical_entropy_is_its_derivative():
    (logits,) = numbers(1)

    def entropy(logits):
        p = ppo.softmax(logits)
        return -np.sum(p * np.log(p))

    found = central_differences(entropy, logits)
    np.testing.assert_allclose(ppo.categorical_entropy_slope(logits), found, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.0, 3.0, 3.0),
        (1.0, -3.0, -3.0),
        (1.15, 2.0, 2.3),
        (1.25, 2.0, 0.0),  # better already by more than the clip: no further
        (1.25, -2.0, -2.5),  # worse: back without bound
        (0.75, -2.0, 0.0),
        (0.75, 2.0, 1.5),
        (5.0, 0.0, 0.0),
    ],
)
def test_clipped_weight_by_hand(ratio, advantage, expected):
    found = ppo.clipped_weight(np.array([np.log(ratio)]), np.array([advantage]), 0.2)
    np.testing.assert_allclose(found, [expected], rtol=1e-14)


def test_clipped_weight_is_the_derivative_of_the_clipped_objective():
    log_ratio, advantage = numbers(2, seed=2, shape=(50,))
    log_ratio *= 0.3

    def objective(log_ratio):
        ratio = np.exp(log_ratio)
        return np.minimum(ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage).sum()

    found = ppo.clipped_weight(log_ratio, advantage, 0.2)
    np.testing.assert_allclose(found, central_differences(objective, log_ratio), rtol=1e-6, atol=1e-7)
    assert 0 < np.count_nonzero(found == 0) < 50


def test_value_gradient_is_the_derivative_of_half_the_squared_error():
    v, v_target = numbers(2, shape=(5, 8))
    found = central_differences(lambda v: 0.5 * 0.7 * np.sum((v - v_target) ** 2) / 11, v)
    np.testing.assert_allclose(ppo.value_gradient(v, v_target, 0.7, 11), found, rtol=1e-6, atol=1e-8)


def test_target_gradient_is_the_derivative_of_the_weighted_squared_error():
    y, target = numbers(2)
    target_weight = np.random.default_rng(3).random((SHAPE[0], SHAPE[2]))
    target_weight[1] = 0.0

    def loss(y):
        return 0.7 * np.sum(target_weight * np.sum((y - target) ** 2, axis=1)) / 11

    found = ppo.target_gradient(y, target, target_weight, 0.7, 11)
    np.testing.assert_allclose(found, central_differences(loss, y), rtol=1e-6, atol=1e-8)
    assert np.all(found[1] == 0)


def test_class_gradient_by_hand():
    """Logits log 1, log 2, log 5: probabilities 1/8, 1/4, 5/8, less the target, times 3 x 0.5 / 2."""
    y = np.log([[[1.0], [2.0], [5.0]]]) + 7.0
    found = ppo.class_gradient(y, np.array([[[0.0], [1.0], [0.0]]]), np.array([[0.5]]), 3.0, 2.0)
    np.testing.assert_allclose(found[0, :, 0], 0.75 * np.array([1 / 8, -3 / 4, 5 / 8]), rtol=1e-14)
    shared = ppo.class_gradient(y, np.array([[[0.5], [0.5], [0.0]]]), np.array([[1.0]]), 1.0, 1.0)
    np.testing.assert_allclose(shared[0, :, 0], [1 / 8 - 1 / 2, 1 / 4 - 1 / 2, 5 / 8], rtol=1e-14)


def test_class_gradient_is_nothing_where_the_answer_is_sure_and_right_and_stays_finite_where_it_is_wrong():
    y, target = np.array([[[0.0, 0.0], [1000.0, 1000.0]]], np.float32), np.array([[[0.0, 1.0], [1.0, 0.0]]])
    found = ppo.class_gradient(y, target, np.ones((1, 2)), 1.0, 1.0)
    assert found[0].tolist() == [[0.0, -1.0], [0.0, 1.0]]


def test_class_gradient_is_that_of_autodiff():
    """One-hot targets and probabilities, weights between 0 and 1: to 1e-6 of what JAX says of the cross-entropy."""
    y, other = numbers(2)
    target = ppo.softmax(other)
    target[::2] = target[::2] == target[::2].max(axis=1, keepdims=True)
    weight = np.random.default_rng(3).random((SHAPE[0], SHAPE[2]))
    weight[1] = 0.0

    def loss(y):
        return 0.7 * -(weight * (target * jax.nn.log_softmax(y, axis=1)).sum(axis=1)).sum() / 11

    found = ppo.class_gradient(y, target, weight, 0.7, 11)
    np.testing.assert_allclose(found, jax.grad(loss)(y), rtol=1e-6, atol=1e-9)
    assert np.all(found[1] == 0) and np.any(found[0] != 0)
