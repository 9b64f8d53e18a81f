"""Intervals over networks: what they cover, by simulation, and what they are of."""

import numpy as np
import pytest

from analysis.study import networks
from analysis.study.networks import Quantity, over_networks, standard_error


def simulated(generator, count, animals, between, within=1.0):
    """Samples of networks whose means vary by `between`, animals of each by `within`."""
    means = between * generator.standard_normal(count)
    return [mean + within * generator.standard_normal(animals) for mean in means]


@pytest.mark.parametrize(("count", "between"), [(5, 0.5), (5, 0.05), (10, 0.5)])
def test_intervals_over_networks_cover_the_recipe(count, between, monkeypatch):
    """Of 400 simulated sets of networks the interval holds the recipe's mean, 0, in about 95 of 100 or more.

    Where networks hardly differ the hierarchical bootstrap counts the animals twice and covers more.
    """
    monkeypatch.setattr(networks, "RESAMPLES", 200)
    generator = np.random.default_rng(0)
    found = [over_networks(simulated(generator, count, 40, between)) for _ in range(400)]
    covered = np.mean([each.low <= 0 <= each.high for each in found])
    assert 0.92 <= covered <= (0.98 if between > 0.1 else 1.0)


def test_intervals_within_a_network_do_not_cover_the_recipe():
    """Why they are not enough: animals of one network say nothing of the next training."""
    generator = np.random.default_rng(1)
    found = [Quantity("x", ".2f", simulated(generator, 1, 40, 0.5)).within[0] for _ in range(60)]
    assert np.mean([each.low <= 0 <= each.high for each in found]) < 0.7


def test_the_standard_error_is_that_of_both_levels():
    generator = np.random.default_rng(2)
    samples = simulated(generator, 6, 50, 1.0)
    between = np.var([sample.mean() for sample in samples], ddof=1) / 6
    within = np.mean([sample.var() for sample in samples]) / 50 / 6
    assert standard_error(samples) == pytest.approx(np.sqrt(between + 1.2 * within), rel=0.1)


def test_fewer_than_five_networks_have_no_interval_and_one_without_animals_does_not_count():
    four = over_networks([np.array([0.0, 1.0])] * 4)
    assert four.value == 0.5 and np.isnan([four.low, four.high]).all() and four.n == 4
    five = over_networks([np.array([0.0, 1.0])] * 5)
    assert five.n == 5 and five.low < 0.5 < five.high
    assert over_networks([np.array([0.0, 1.0])] * 5 + [np.empty(0)]) == five
    assert over_networks([np.array([0.0, 1.0])] * 5) == five  # the same draws
    assert np.isnan(over_networks([np.empty(0)] * 5).value)
