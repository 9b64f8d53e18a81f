"""Bias of the median search, on simulated animals of which the distribution of escape latencies is known.

Animals search again and again until the episode ends, so that the quick ones make many searches and the last one is cut
off. A world is a mixture of kinds of animals, (share, mean search in ms); an animal's searches are exponential.
"""

from types import SimpleNamespace

import h5py
import numpy as np
import pandas
import pytest
from scipy.optimize import brentq
from scipy.stats import CensoredData, ecdf

from analysis.latencies import FIRST, FROM_SECOND, SECOND, escape_latency, searches
from analysis.maze import Trials, trials_of
from lsnn.estimates import median_of, still_running

DURATION_MS, REST_MS = 2000, 1
WORLDS = {
    "all alike, few searches": ((1.0, 300.0),),
    "a tenth ten times slower": ((0.9, 40.0), (0.1, 400.0)),
    "a third twenty times slower": ((0.66, 40.0), (0.34, 800.0)),
}
LARGEST_BIAS = 0.03  # of the true median


def animals(world, n, seed):
    """A condition of n animals that swim through an episode; times in whole ms."""
    generator = np.random.default_rng(seed)
    share, mean_ms = np.array(world).T
    slowness = mean_ms[generator.choice(len(share), n, p=share)]
    most = 40 + int(2 * DURATION_MS / mean_ms.min())
    latency = np.maximum(1, np.rint(generator.exponential(slowness[:, None], (n, most)))).astype(int)
    end = np.cumsum(latency + REST_MS, axis=1) - REST_MS
    start = end - latency
    episode, trial = np.nonzero(start < DURATION_MS)
    start, end = start[episode, trial], end[episode, trial]
    rest = dict.fromkeys(Trials._fields, np.zeros(len(trial)))
    found, latency = end <= DURATION_MS, np.minimum(end, DURATION_MS) - start
    columns = {"episode": episode, "trial": trial, "start_ms": start, "latency_ms": latency, "found": found}
    trials, group = pandas.DataFrame(rest | columns), h5py.File.in_memory()["/"]
    return SimpleNamespace(n_episodes=n, duration_ms=DURATION_MS, trials=trials, group=group)


def true_median(world):
    """Of the search of an animal drawn at random from those that begin a second one."""
    share, mean_ms = np.array(world).T
    share = share * (1 - np.exp(-DURATION_MS / mean_ms))
    return brentq(lambda t: share @ np.exp(-t / mean_ms) / share.sum() - 0.5, 0, DURATION_MS)


def bias(world, median, replicates=40, n=400):
    found = [median(animals(world, n, seed)) for seed in range(replicates)]
    return np.mean(found) / true_median(world) - 1


def median_from_second(condition):
    return float(median_of(searches(condition, *FROM_SECOND), np.ones(condition.n_episodes)))


def with_cut_off_sharing(condition):
    """The former estimator: all searches of an animal share its weight, the one under way at the end among them."""
    trials = trials_of(condition)
    later = trials.trial > 0
    time, column = np.unique(trials.latency_ms[later], return_inverse=True)
    weight = 1 / np.bincount(trials.episode[later])[trials.episode[later]]
    visits, cuts = (np.bincount(column, weight * of[later], len(time)) for of in (trials.found, ~trials.found))
    at_risk = np.cumsum((visits + cuts)[::-1])[::-1]
    return time[np.argmax(np.cumprod(1 - visits / at_risk) <= 0.5)]


def one_vote_a_search(condition):
    later = trials_of(condition).trial > 0
    time, found = trials_of(condition).latency_ms[later], trials_of(condition).found[later]
    curve = ecdf(CensoredData(uncensored=time[found], right=time[~found])).sf
    return curve.quantiles[np.argmax(curve.probabilities <= 0.5)]


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_median_is_that_of_an_animal_drawn_at_random(world):
    assert abs(bias(world, median_from_second)) < LARGEST_BIAS


def test_the_bound_tells_other_estimators_apart():
    """208 ms read as 242 where the search under way at the end shares the weight; the quick ones' where each votes."""
    alike, _, slow = WORLDS.values()
    assert true_median(alike) == pytest.approx(208, abs=0.1)
    assert bias(alike, with_cut_off_sharing) > 5 * LARGEST_BIAS
    assert bias(slow, one_vote_a_search) < -5 * LARGEST_BIAS


def test_of_one_trial_the_curve_is_the_product_limit_of_scipy():
    for trials in (FIRST, SECOND):
        condition = animals(WORLDS["a third twenty times slower"], 200, 1)
        chosen = trials_of(condition).trial == trials[0]
        time, found = trials_of(condition).latency_ms[chosen], trials_of(condition).found[chosen]
        curve = ecdf(CensoredData(uncensored=time[found], right=time[~found])).sf
        of = searches(condition, *trials)
        assert (~found).any()
        np.testing.assert_array_equal(of.time_ms, curve.quantiles)
        np.testing.assert_allclose(still_running(of, np.ones(200)), curve.probabilities, atol=1e-12)


def test_intervals_over_animals_hold_the_true_median():
    """Of 60 intervals at 95 %, 57 should; fewer than 51 have a probability of 0.2 %."""
    world = WORLDS["a third twenty times slower"]
    found = [escape_latency(animals(world, 100, seed), FROM_SECOND) for seed in range(60)]
    assert sum(each.low <= true_median(world) <= each.high for each in found) >= 51
