"""Firing rates from the spikes of a block, and the pull toward their target."""

import numpy as np
import pytest

from lsnn.learning.rates import rate_gradient, spike_counts


def test_spikes_are_counted_over_steps_and_lanes():
    spikes = np.array([[0b00000001, 0b11111111, 0], [0b10000001, 0b00010000, 0]], np.uint8)
    np.testing.assert_array_equal(spike_counts(spikes), [3, 9, 0])


def test_counts_do_not_overflow_their_bytes():
    np.testing.assert_array_equal(spike_counts(np.full((1000, 2), 255, np.uint8)), [8000, 8000])


def test_the_gradient_is_that_of_the_loss_by_one_spike_more():
    counts, seconds, target_hz, weight = np.array([0.0, 40.0, 90.0]), 2.5, 20.0, 0.3

    def loss(counts):
        return weight * np.mean(((counts / seconds - target_hz) / target_hz) ** 2)

    found = rate_gradient(counts / seconds, target_hz, weight, seconds)
    for i, g in enumerate(found):
        step = np.zeros(3)
        step[i] = 1e-4
        assert g == pytest.approx((loss(counts + step) - loss(counts - step)) / 2e-4, rel=1e-6)


def test_by_hand_and_zero_at_the_target():
    # 2 x 0.5 x (30 - 10) / (10^2 x 2 neurons x 4 s)
    np.testing.assert_allclose(rate_gradient(np.array([30.0, 10.0]), 10.0, 0.5, 4.0), [0.025, 0.0], rtol=1e-15)
