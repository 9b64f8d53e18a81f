"""Adam against numbers by hand and its moments in closed form; the norm of a gradient."""

import numpy as np
import pytest

from lsnn.learning.optimiser import Adam, added_up, clip_norm, global_norm


def one(number):
    return {"w": np.array([float(number)])}


def test_two_steps_by_hand():
    adam = Adam(beta_1=0.5, beta_2=0.5, epsilon=0.0)
    # m = 1/2, v = 1/2, both corrected to 1; then m = 7/4, v = 19/4, corrected by 3/4 to 7/3 and 19/3
    np.testing.assert_allclose(adam.update(one(1), 0.1)["w"], [-0.1], rtol=1e-14)
    np.testing.assert_allclose(adam.update(one(3), 0.1)["w"], [-0.1 * 7 / 3 / np.sqrt(19 / 3)], rtol=1e-14)
    assert adam.step == 2


@pytest.mark.parametrize("g", [-3.0, 1e-3, 250.0])
def test_a_constant_gradient_moves_by_the_learning_rate_in_every_step(g):
    adam = Adam()
    for _ in range(20):
        np.testing.assert_allclose(adam.update(one(g), 0.01)["w"], [-0.01 * np.sign(g)], rtol=2e-5)


def test_moments_are_weighted_means_of_the_past():
    adam, g = Adam(), np.random.default_rng(0).standard_normal((30, 4))
    changes = [adam.update({"w": row}, 1.0)["w"] for row in g]
    age = np.arange(29, -1, -1)[:, None]
    m = np.sum(0.9**age * g, axis=0) / np.sum(0.9**age)
    v = np.sum(0.999**age * g**2, axis=0) / np.sum(0.999**age)
    np.testing.assert_allclose(changes[-1], -m / (np.sqrt(v) + 1e-8), rtol=1e-10)


def test_without_a_gradient_nothing_moves():
    assert Adam().update(one(0), 0.1)["w"] == 0.0


def test_epsilon_bounds_the_step_of_a_tiny_gradient():
    change = Adam(epsilon=1e-8).update(one(1e-8), 0.1)["w"]
    np.testing.assert_allclose(change, [-0.05], rtol=1e-12)


def test_arrays_have_moments_of_their_own():
    together, alone = Adam(), Adam()
    for g in (1.0, -2.0, 0.5):
        change = together.update({"w": np.full(2, g), "b": np.full((2, 2), 3 * g)}, 0.1)
        np.testing.assert_array_equal(change["w"], alone.update({"w": np.full(2, g)}, 0.1)["w"])
        assert change["b"].shape == (2, 2)


def test_it_goes_on_from_its_moments():
    unbroken, first = Adam(), Adam()
    for g in (1.0, -2.0):
        unbroken.update(one(g), 0.1)
        first.update(one(g), 0.1)
    second = Adam(step=first.step, first=dict(first.first), second=dict(first.second))
    np.testing.assert_array_equal(unbroken.update(one(4), 0.1)["w"], second.update(one(4), 0.1)["w"])


def test_the_norm_is_over_all_arrays():
    gradient = {"a": np.array([[3.0], [0.0]]), "b": np.array([4.0, 12.0])}
    assert global_norm(gradient) == 13.0


def test_a_long_gradient_is_shortened_and_keeps_its_direction():
    clipped = clip_norm({"a": np.array([3.0]), "b": np.array([-4.0])}, 1.0)
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0]], [0.6, -0.8], rtol=1e-15)


def test_a_short_gradient_stays():
    gradient = {"a": np.array([3.0]), "b": np.array([-4.0])}
    assert clip_norm(gradient, 5.0) is gradient


def test_shards_of_like_length_are_added_up():
    shards = [{"a": np.array([3.0]), "b": np.array([4.0])}, {"a": np.array([0.0]), "b": np.array([-6.0])}]
    total = added_up(shards, 2.0)
    assert (total["a"][0], total["b"][0]) == (3.0, -2.0)


def test_a_shard_that_exploded_is_shortened_to_the_limit_and_keeps_its_direction():
    shards = [one(1.0), one(-2.0), {"w": np.array([1e30])}]
    np.testing.assert_allclose(added_up(shards, 2.0)["w"], [1 - 2 + 4], rtol=1e-15)  # the median of the norms is 2


def test_where_most_shards_have_no_gradient_the_others_count():
    np.testing.assert_array_equal(added_up([one(0.0), one(3.0), one(0.0)], 2.0)["w"], [3.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_shard_that_is_not_finite_counts_for_nothing_and_most_of_them_for_all(bad):
    np.testing.assert_array_equal(added_up([one(1.0), one(bad), one(2.0)], 2.0)["w"], [3.0])
    assert not np.isfinite(added_up([one(1.0), one(bad), one(bad)], 2.0)["w"][0])
