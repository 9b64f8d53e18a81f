"""Takeover: which pairs are compared after how many visits, and what is said of them; numbers worked by hand."""

import numpy as np
import pytest

from analysis.claims import decide
from analysis.study import takeover
from analysis.study.measures import TooFew


def taken_over(by_hand, reached, moment, lag_ms=(0, 0, 0)):
    """A file in which after 1, 2 and 4 visits every animal reached this after every swap; (3, animals) each."""
    swaps = ["none", "all_but_b", "v", "b", "other_b_alone", "dark_500"]
    arrays = {"visits": np.array([1, 2, 4]), "lag_ms": np.array(lag_ms), "moment_ms": np.array(moment)}
    arrays["apart"] = np.ones(np.shape(moment)[1], bool)
    arrays["reached"] = np.repeat(np.array(reached, np.int8)[:, None], len(swaps), axis=1)
    return by_hand({f"takeover/{name}": array for name, array in arrays.items()}, {"takeover": {"swaps": swaps}})


def test_takeover_is_of_the_same_pairs_after_every_number_of_finds_that_enough_have_made(by_hand):
    """Fourteen pairs find once, twelve of them twice, five four times; the last two pairs go elsewhere after one."""
    moment = np.full((3, 28), 100)
    moment[1, 24:], moment[2, 10:] = -1, -1
    reached = np.zeros((3, 28), int)
    reached[0, 24:], reached[1, :24:2] = 1, 1
    reached[:, 1] = 2
    of = takeover.takeover_of(taken_over(by_hand, reached, moment))
    assert list(of.visits) == [1, 2] and of.pairs == 12
    assert [choice[:3] for choice in of.choices["b"]] == [(23, 0, 1), (11, 12, 1)]
    assert takeover.remembered(of.choices["dark_500"][1])[0] == pytest.approx(11 / 23)
    assert takeover.in_search(taken_over(by_hand, reached, moment)) is None  # no state was taken in a search
    with pytest.raises(TooFew, match="0 pairs found platforms which do not touch, at least 10 are needed"):
        takeover.takeover_of(taken_over(by_hand, reached, np.full((3, 28), -1)))


def test_states_within_a_search_have_pairs_of_their_own(by_hand):
    reached, moment = np.zeros((3, 40), int), np.full((3, 40), 100)
    reached[2, ::2], moment[2, 24:] = 1, -1
    result = taken_over(by_hand, reached, moment, lag_ms=[0, 0, 30])
    found = takeover.in_search(result)
    assert (found.lag_ms, found.pairs, found.choices["b"][:3]) == (30, 12, (12, 12, 0))
    assert list(takeover.takeover_of(result).visits) == [1, 2] and takeover.takeover_of(result).pairs == 20
    assert "30 ms into the next search (12 pairs" in " ".join(told(result))


def told(result):
    return takeover.tell_takeover(result, decide(takeover.claims_of_takeover(result)))


def test_what_is_followed_after_how_many_visits(by_hand):
    """At chance after one visit, 80 animals of which do not decide it; after two and four all go to the other's."""
    reached = np.array([[0, 1] * 40, [1] * 80, [1] * 80])
    said = told(taken_over(by_hand, reached, np.full((3, 80), 100)))[-1]
    assert said.startswith(
        "Numbers of visits: given all of the other's but its thresholds, most to the other's after 2, 4; "
    )
    assert "Given its thresholds with all else erased, most to the other's after 2, 4; not decided after 1." in said
    many = told(taken_over(by_hand, np.repeat(reached, 20, axis=1), np.full((3, 1600), 100)))[-1]
    assert (
        "Given its thresholds with all else erased, most to the other's after 2, 4; as many to either after 1." in many
    )
