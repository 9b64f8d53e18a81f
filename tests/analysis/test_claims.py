"""Claims: an effect against a margin, corrected for how many are made; few animals decide nothing, many do rightly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.claims import FEWEST, Claim, Outcome, claim, decide, holm, share_claim, sort_out
from analysis.study.measures import mean
from lsnn.estimates import Estimate

MORE, SAME, LESS, UNDECIDED = Outcome


def alone(one):
    return decide({"": one})[""]


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(1.1, 2.0, MORE), (-0.9, 0.9, SAME), (-2.0, -1.1, LESS), (0.5, 1.5, UNDECIDED), (-1.5, -0.5, UNDECIDED),
     (-2.0, 2.0, UNDECIDED), (0.1, 0.9, SAME), (0.5, 3.0, UNDECIDED)],
)  # fmt: skip
def test_an_effect_lies_where_its_whole_interval_does(low, high, outcome):
    """Above, within or below a margin of 1; that an interval leaves out 0 is not enough, nor that it holds 0."""
    assert alone(claim(Estimate((low + high) / 2, low, high, 500), margin=1)) is outcome
    assert alone(claim(Estimate((low + high) / 2 + 5, low + 5, high + 5, 500), margin=1, null=5)) is outcome


def test_p_is_the_level_at_which_the_interval_would_reach_the_bound():
    """95 % intervals: one that just touches the bound has p = 0.05, at twice the distance a z of 3.92."""
    touching = claim(Estimate(2.0, 1.0, 3.5, 10**6), margin=1)
    assert touching == Claim(MORE, pytest.approx(0.05, abs=1e-4))
    assert claim(Estimate(3.0, 2.0, 9.0, 10**6), margin=1).p == pytest.approx(8.9e-5, rel=0.02)
    assert claim(Estimate(2.0, 1.0, 3.5, 25), margin=1).p > 0.055  # Student's t
    assert claim(Estimate(0.0, -0.5, 0.5, 10**6), margin=1).p == pytest.approx(8.9e-5, rel=0.02)


def test_without_an_interval_or_with_few_animals_nothing_is_decided():
    for effect in (Estimate(9, np.nan, np.nan, 1), Estimate(9, 9, 9, FEWEST - 1), Estimate(np.nan, np.nan, np.nan, 0),
                   Estimate(9, 8, np.inf, 99)):  # fmt: skip
        assert claim(effect, margin=1) == Claim(UNDECIDED, 1.0)
    assert claim(Estimate(9, 9, 9, FEWEST), margin=1) == Claim(MORE, 0.0)
    assert claim(Estimate(1, 1, 1, FEWEST), margin=1).p == 1.0  # at the bound itself
    assert share_claim(FEWEST - 1, FEWEST - 1).lies is UNDECIDED


def test_shares_of_animals_are_tested_exactly():
    """All of 20 go to the other's: by chance with 0.6, the end of the margin, 0.6^20."""
    assert share_claim(20, 20) == Claim(MORE, pytest.approx(2 * 0.6**20))
    assert share_claim(0, 20) == Claim(LESS, pytest.approx(2 * 0.6**20))
    assert share_claim(500, 1000).lies is SAME and alone(share_claim(500, 1000)) is SAME
    assert alone(share_claim(50, 100)) is UNDECIDED and alone(share_claim(62, 100)) is UNDECIDED
    assert alone(share_claim(5, 100, margin=0, null=0.05)) is UNDECIDED


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.9, 0.6])), [1.0, 1.0])
    assert len(holm(np.array([]))) == 0
    lie = [Claim(MORE, p) for p in (0.01, 0.04, 0.03, 0.005)]
    assert list(decide(dict(enumerate(lie))).values()) == [MORE, UNDECIDED, UNDECIDED, MORE]
    assert decide({}) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni(p):
    p = np.array(p)
    corrected = holm(p)
    assert np.all(corrected >= p) and np.all(corrected <= np.minimum(1, len(p) * p + 1e-12))
    assert np.all(np.diff(corrected[np.argsort(p)]) >= 0)


def test_what_is_said_of_which():
    outcomes = {"10": MORE, "50": MORE, "100": UNDECIDED}
    assert sort_out(outcomes, {MORE: "saved"}, "at {} ms") == "saved at 10, 50 ms; not decided at 100 ms"
    assert sort_out(dict.fromkeys("ab", LESS), {LESS: "lost"}) == "lost throughout"
    assert sort_out({"1": SAME}, {SAME: "none"}, "after {}") == "none after 1"
    assert sort_out({}, {}) == ""


# Simulations: animals whose true effect is known


def simulated(effect, n, seed, spread=40.0):
    """The claim of n animals that an effect on escape latencies (ms, skewed as those are) lies beyond 8 ms."""
    skewed = np.random.default_rng(seed).exponential(spread, n) - spread
    return claim(mean(effect + skewed), margin=8.0)


def share(outcome, effect, n, seeds=60):
    return np.mean([alone(simulated(effect, n, seed)) is outcome for seed in range(seeds)])


def test_with_few_animals_small_effects_are_not_decided():
    """20 ms with a spread of 40: significant against none at times, decided against 8 ms hardly ever; never absent."""
    for effect in (0.0, 20.0):
        outcomes = [alone(simulated(effect, 30, seed)) for seed in range(60)]
        assert outcomes.count(SAME) == outcomes.count(LESS) == 0
        assert outcomes.count(UNDECIDED) >= 30


@pytest.mark.parametrize(("effect", "outcome"), [(20.0, MORE), (0.0, SAME), (-20.0, LESS)])
def test_with_many_animals_the_right_thing_is_decided(effect, outcome):
    assert share(outcome, effect, 1000) >= 0.95


@pytest.mark.parametrize(("effect", "wrong"), [(8.0, (MORE, SAME)), (-8.0, (LESS, SAME))])
@pytest.mark.parametrize("n", [30, 300])
def test_an_effect_at_the_margin_itself_is_decided_in_few_cases(effect, wrong, n):
    """At 5 % of 60 draws, 3, more than 8 are wrong in 0.3 % of cases."""
    assert sum(share(outcome, effect, n) * 60 for outcome in wrong) <= 8


def test_more_animals_never_turn_an_answer_round():
    """Silence of 100 ms that saves 35 ms of search: 64 animals leave open what 256 decide, none decide against it."""
    few, many = ([alone(simulated(35.0, n, seed, spread=110.0)) for seed in range(60)] for n in (64, 256))
    assert set(few) <= {MORE, UNDECIDED} and UNDECIDED in few
    assert set(many) <= {MORE, UNDECIDED} and many.count(MORE) > few.count(MORE) and many.count(MORE) >= 50


def test_a_page_of_many_claims_without_an_effect_makes_none():
    """At the bound itself of 100 claims some would pass uncorrected; corrected, in 5 % of pages one."""
    pages = [{k: simulated(8.0, 100, 1000 * page + k) for k in range(40)} for page in range(10)]
    uncorrected = sum(one.p <= 0.05 for page in pages for one in page.values())
    wrong = sum(outcome is not UNDECIDED for page in pages for outcome in decide(page).values())
    assert uncorrected >= 5 and wrong <= 2
