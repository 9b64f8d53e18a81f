"""Generalised advantage estimates against numbers worked by hand; discount = lambda = 1/2."""

import numpy as np
import pytest

from lsnn.learning.returns import advantages

REWARD, VALUE, BOOTSTRAP = [1.0, 2.0, 3.0, 4.0], [4.0, 8.0, 2.0, 6.0], 10.0
NEVER = ()

both = pytest.mark.parametrize("estimate", [advantages, advantages.py_func], ids=["compiled", "python"])


def estimated(estimate, terminated=NEVER, truncated=NEVER, discount=0.5, lambda_=0.5):
    """Advantages (4,) of one episode that ends with the given steps."""
    flags = np.zeros((2, 4, 1), bool)
    flags[0, list(terminated)] = flags[1, list(truncated)] = True
    r_t, v_t = (np.array(numbers)[:, None] for numbers in (REWARD, VALUE))
    return estimate(r_t, v_t, *flags, np.array([BOOTSTRAP]), discount, lambda_)[:, 0]


@both
@pytest.mark.parametrize(
    ("terminated", "truncated", "expected"),
    [
        # delta = 1, -5, 4, 3;  A_t = delta_t + A_{t+1} / 4
        (NEVER, NEVER, [0.046875, -3.8125, 4.75, 3.0]),
        ([1], NEVER, [-0.5, -6.0, 4.75, 3.0]),  # delta_1 = 2 - 8: a terminal state is worth nothing
        (NEVER, [1], [-0.25, -5.0, 4.75, 3.0]),  # delta_1 = 2 + 2/2 - 8: the cut-off state is worth v_2
        ([1], [1], [-0.5, -6.0, 4.75, 3.0]),  # ended by itself at its time limit: terminal
        ([3], NEVER, [-0.03125, -4.125, 3.5, -2.0]),
        (NEVER, [3], [0.046875, -3.8125, 4.75, 3.0]),  # cut off where the record ends: the bootstrap, as ever
    ],
)
def test_termination_and_truncation_apart(estimate, terminated, truncated, expected):
    np.testing.assert_array_equal(estimated(estimate, terminated, truncated), expected)


@both
def test_without_lambda_it_is_the_temporal_difference(estimate):
    np.testing.assert_array_equal(estimated(estimate, lambda_=0.0), [1.0, -5.0, 4.0, 3.0])


@both
def test_with_lambda_1_it_is_the_return_above_the_value(estimate):
    # returns: 4 + 5 = 9, 3 + 4.5 = 7.5, 2 + 3.75 = 5.75, 1 + 2.875 = 3.875
    np.testing.assert_array_equal(estimated(estimate, lambda_=1.0), [-0.125, -2.25, 5.5, 3.0])


@both
def test_with_lambda_1_a_truncated_return_ends_in_a_value_and_a_terminated_one_in_nothing(estimate):
    np.testing.assert_array_equal(estimated(estimate, truncated=[1], lambda_=1.0)[:2], [1 + 0.5 * 3 - 4, 3.0 - 8])
    np.testing.assert_array_equal(estimated(estimate, terminated=[1], lambda_=1.0)[:2], [1 + 0.5 * 2 - 4, 2.0 - 8])


@both
@pytest.mark.parametrize("flag", ["terminated", "truncated"])
def test_nothing_of_the_next_episode_is_earned_by_this_one(estimate, flag):
    r_t, v_t = np.random.default_rng(0).standard_normal((2, 6, 1))
    ends = {"terminated": np.zeros((6, 1), bool), "truncated": np.zeros((6, 1), bool)}
    ends[flag][2] = True
    before = estimate(r_t, v_t, ends["terminated"], ends["truncated"], np.ones(1), 0.9, 0.9)
    r_t[3:] += 100.0
    v_t[4:] -= 100.0
    after = estimate(r_t, v_t, ends["terminated"], ends["truncated"], np.ones(1), 0.9, 0.9)
    np.testing.assert_array_equal(before[:3], after[:3])
    assert np.all(np.abs(before[3:] - after[3:]) > 1)


@both
def test_episodes_are_independent(estimate):
    g = np.random.default_rng(1)
    r_t, v_t = g.standard_normal((2, 9, 5))
    terminated, truncated = g.random((2, 9, 5)) < 0.2
    v_boot = g.standard_normal(5)
    together = estimate(r_t, v_t, terminated, truncated, v_boot, 0.9, 0.8)
    for e in range(5):
        one = slice(e, e + 1)
        alone = estimate(r_t[:, one], v_t[:, one], terminated[:, one], truncated[:, one], v_boot[one], 0.9, 0.8)
        np.testing.assert_array_equal(together[:, one], alone)
