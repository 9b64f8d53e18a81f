"""Sparse wiring and DEEP R: what a rewiring keeps, and that its draws are uniform."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from lsnn.wiring import Wiring, draw_pairs, pair_numbers, rewire, synapses_of_pairs

THETA_NEW = 1e-3
LEAST_P = 1e-4  # of a test of uniformity; seeds are fixed, so that it never fails by chance


def generator_of(seed):
    return np.random.Generator(np.random.PCG64(seed))


def allowed_pairs(wiring):
    """Every ordered pair of source and target but autapses, as numbers."""
    source, target = np.divmod(np.arange((wiring.n_in + wiring.n_neurons) * wiring.n_neurons), wiring.n_neurons)
    return np.flatnonzero(source - wiring.n_in != target)


def fixed(wiring):
    """Delay and sign that each pair has for ever: number -> (delay, sign)."""
    pairs = allowed_pairs(wiring)
    every, _ = synapses_of_pairs(wiring, pairs, np.zeros(len(pairs)))
    return dict(zip(pair_numbers(wiring, every), zip(every.delay, every.sign, strict=True), strict=True))


@st.composite
def wirings(draw):
    """Small networks, with Dale's law or a sign for each pair."""
    n_in, n_neurons = draw(st.integers(0, 6)), draw(st.integers(2, 9))
    signs = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n_in + n_neurons, max_size=n_in + n_neurons))
    return Wiring(draw(st.integers(0, 2**63 - 1)), n_in, n_neurons, draw(st.integers(1, 5)), np.array(signs, np.int8))


@st.composite
def wired(draw):
    """A wiring, its synapses at a random fraction of all pairs, and a generator."""
    wiring, generator = draw(wirings()), generator_of(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, len(allowed_pairs(wiring))))
    pairs = np.sort(draw_pairs(wiring, count, np.empty(0, np.int64), generator))
    return wiring, synapses_of_pairs(wiring, pairs, generator.random(count))[0], generator


def trained(synapses, generator, dormant):
    """Synapses after an optimiser's step that drives about a fraction of them below zero."""
    theta = synapses.theta + 0.1 * generator.standard_normal(len(synapses.theta))
    theta[generator.random(len(theta)) < dormant] = -0.5
    return synapses._replace(theta=theta)


@given(wired(), st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=6))
def test_deep_r_keeps_the_number_of_synapses_and_every_sign_after_every_step(start, fractions):
    wiring, synapses, generator = start
    count, known = len(synapses.theta), fixed(wiring)
    for fraction in fractions:
        synapses, _, _ = rewire(wiring, trained(synapses, generator, fraction), THETA_NEW, generator)
        assert len(synapses.theta) == count and np.all(synapses.theta >= 0)
        pairs = pair_numbers(wiring, synapses)
        assert len(np.unique(pairs)) == count
        assert [known[pair] for pair in pairs] == list(zip(synapses.delay, synapses.sign, strict=True))


@given(wired(), st.sampled_from([0.1, 0.5, 1.0]))
def test_survivors_keep_their_theta_and_newcomers_start_small(start, fraction):
    wiring, synapses, generator = start
    before = trained(synapses, generator, fraction)
    after, order, fresh = rewire(wiring, before, THETA_NEW, generator)
    old = np.setdiff1d(np.arange(len(order)), fresh)
    assert sorted(order) == list(range(len(order)))
    assert set(order[fresh]) == set(np.flatnonzero(before.theta < 0))
    np.testing.assert_array_equal(after.theta[fresh], THETA_NEW)
    np.testing.assert_array_equal(after.theta[old], before.theta[order[old]])
    np.testing.assert_array_equal(pair_numbers(wiring, after)[old], pair_numbers(wiring, before)[order[old]])


@given(wired())
def test_synapses_stand_in_the_order_of_the_kernels(start):
    wiring, synapses, generator = start
    rewired, _, _ = rewire(wiring, trained(synapses, generator, 0.5), THETA_NEW, generator)
    ranks = list(zip(rewired.source, rewired.delay, rewired.target, strict=True))
    assert all(first < second for first, second in pairwise(ranks))


@given(wirings())
def test_signs_and_delays_of_pairs(wiring):
    for pair, (delay, sign) in fixed(wiring).items():
        of_source = wiring.source_sign[pair // wiring.n_neurons]
        assert 1 <= delay <= wiring.d_max
        assert sign == of_source if of_source else sign in (-1, 1)


@given(wirings(), st.data())
def test_drawn_pairs_are_distinct_free_and_no_autapses(wiring, data):
    allowed = allowed_pairs(wiring)
    taken = np.sort(data.draw(st.lists(st.sampled_from(allowed.tolist()), unique=True))).astype(np.int64)
    count = data.draw(st.integers(0, len(allowed) - len(taken)))
    drawn = draw_pairs(wiring, count, taken, generator_of(data.draw(st.integers(0, 2**32))))
    assert len(drawn) == len(set(drawn)) == count
    assert set(drawn) <= set(allowed) - set(taken)


def test_more_pairs_than_are_free_cannot_be_drawn():
    wiring = Wiring(1, 1, 3, 2, np.zeros(4, np.int8))  # 3 input pairs and 6 recurrent ones
    assert len(draw_pairs(wiring, 9, np.empty(0, np.int64), generator_of(0))) == 9
    with pytest.raises(ValueError, match="9 synapses asked for, 8 pairs are free"):
        draw_pairs(wiring, 9, np.array([0]), generator_of(0))


@pytest.mark.parametrize("count", [3, 40])  # few are drawn and refused one by one, many from a list of the free
def test_redrawn_pairs_are_uniform_over_the_free(count):
    wiring = Wiring(1, 5, 8, 2, np.zeros(13, np.int8))
    allowed = allowed_pairs(wiring)
    taken, free = np.sort(allowed[::3]), np.delete(allowed, slice(None, None, 3))
    generator = generator_of(4)
    draws = np.concatenate([draw_pairs(wiring, count, taken, generator) for _ in range(6000 // count)])
    frequency = np.bincount(draws, minlength=allowed.max() + 1)
    assert frequency.sum() == frequency[free].sum()
    assert chisquare(frequency[free]).pvalue > LEAST_P


def test_a_rewiring_reaches_every_pair_alike():
    wiring = Wiring(7, 4, 6, 3, np.zeros(10, np.int8))
    allowed, generator = allowed_pairs(wiring), generator_of(5)
    synapses, _ = synapses_of_pairs(wiring, draw_pairs(wiring, 6, np.empty(0, np.int64), generator), np.ones(6))
    frequency = np.zeros(allowed.max() + 1)
    for _ in range(1500):
        dormant = synapses._replace(theta=generator.permutation([-1.0, 1.0] * 3))
        synapses, _, fresh = rewire(wiring, dormant, THETA_NEW, generator)
        frequency[pair_numbers(wiring, synapses)[fresh]] += 1
    assert chisquare(frequency[allowed]).pvalue > LEAST_P


def test_delays_and_input_signs_are_uniform_and_differ_with_the_key():
    first, second = (Wiring(key, 40, 40, 10, np.zeros(80, np.int8)) for key in (11, 12))
    known, other = (np.array([of_pair for _, of_pair in sorted(fixed(w).items())]) for w in (first, second))
    assert chisquare(np.bincount(known[:, 0], minlength=11)[1:]).pvalue > LEAST_P
    assert chisquare([np.sum(known[:, 1] == 1), np.sum(known[:, 1] == -1)]).pvalue > LEAST_P
    agreeing = np.mean(known == other, axis=0)
    np.testing.assert_allclose(agreeing, [0.1, 0.5], atol=0.03)


def test_without_a_dormant_synapse_nothing_changes():
    wiring = Wiring(1, 2, 3, 2, np.zeros(5, np.int8))
    synapses, _ = synapses_of_pairs(wiring, allowed_pairs(wiring), np.array([0.0, *np.ones(11)]))
    same, order, fresh = rewire(wiring, synapses, THETA_NEW, generator_of(0))
    assert same is synapses and len(fresh) == 0
    np.testing.assert_array_equal(order, np.arange(12))
