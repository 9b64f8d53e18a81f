"""One visit, then dark: which pairs count, and shares worked by hand."""

import numpy as np
import pytest

from analysis.claims import decide
from analysis.study import one_visit
from analysis.study.measures import TooFew
from lsnn.files.reading import ResultError

CHANGES = ["none", "erased", "other's b alone", "everything exchanged"]


def written(by_hand, reached, **more):
    """A file of 2 darks (0, 500), CHANGES and 8 animals."""
    arrays = {"dark_ms": np.array([0, 500]), "reached": reached.astype(np.int8), "rate_hz": np.array([0.0, 1.5]),
              "found": np.ones(8, bool), "apart": np.ones(8, bool), **more}  # fmt: skip
    attributes = {"changes": CHANGES, "kept": ["b"], "watched_ms": 400}
    return by_hand({f"one_visit/{name}": array for name, array in arrays.items()}, {"one_visit": attributes})


def some() -> np.ndarray:
    """All to their own, as they are; erased, half; the other's b after 500 ms only: 5 of 7 to the other's."""
    reached = np.zeros((2, 4, 8), int)
    reached[:, 1, ::2] = 1
    reached[0, 2] = one_visit.NOT_RUN
    reached[1, 2] = [1, 1, 1, 0, 1, 1, 0, 2]
    reached[:, 3] = 1
    return reached


def test_shares_are_of_those_that_reach_a_platform(by_hand):
    of = one_visit.one_visit_of(written(by_hand, some()))
    assert of.pairs == 4 and of.longest_changed == 500
    assert list(of.choices["other's b alone"]) == [500]
    choice = of.choices["other's b alone"][500]
    assert choice[:3] == (2, 5, 1) and choice.share.value == pytest.approx(5 / 7)
    assert one_visit.own(choice).value == pytest.approx(2 / 7)
    assert one_visit.own(choice).low == pytest.approx(1 - choice.share.high)
    assert one_visit.arrived(choice) == pytest.approx(7 / 8)
    assert one_visit.own(of.choices["none"][0]).value == 1.0


def test_only_pairs_count_of_which_both_had_found_platforms_apart(by_hand):
    found = np.array([True] * 7 + [False])
    of = one_visit.one_visit_of(written(by_hand, some(), found=found))
    assert of.pairs == 3 and of.choices["other's b alone"][500][:3] == (1, 5, 0)
    with pytest.raises(TooFew, match="0 of 8 animals are of pairs"):
        one_visit.one_visit_of(written(by_hand, some(), apart=np.zeros(8, bool)))


def test_the_text_names_every_dark_and_change(by_hand):
    result = written(by_hand, some())
    text = " ".join(one_visit.tell_one_visit(result, decide(one_visit.claims_of_one_visit(result))))
    assert "] (not decided throughout)." in text and "] (not decided after 500 ms)." in text  # of eight animals
    many = {name: np.ones(400, bool) for name in ("found", "apart")}
    result = written(by_hand, np.tile(some(), 50), **many)
    said = one_visit.tell_one_visit(result, decide(one_visit.claims_of_one_visit(result)))
    assert said[0].endswith("(most to their own throughout).") and said[2].endswith("(as many to either throughout).")
    assert said[3].endswith("(most to the other's after 500 ms).")
    assert "4 pairs after one visit" in text and "by dark: 0 ms 1.00 [" in text
    assert "Other's b alone, to the other's: after 500 ms 0.71 [" in text
    assert "1.5 Hz up to 500 ms" in text
    assert one_visit.draw_one_visit(written(by_hand, some())).axes


def test_a_straight_way_bounds_what_can_be_reached(by_hand):
    result = written(by_hand, some(), straight=np.array([0, 0, 1, 0, 0, 0, 1, 0], np.int8))
    of = one_visit.one_visit_of(result)
    assert of.straight is not None and one_visit.own(of.straight).value == 0.75
    said = one_visit.tell_one_visit(result, decide(one_visit.claims_of_one_visit(result)))
    assert said[2].endswith("0.75 of all reach that first.")
    assert "straight way to the own platform" in [
        line.get_label() for line in one_visit.draw_one_visit(result).axes[0].lines
    ]
    assert one_visit.one_visit_of(written(by_hand, some())).straight is None  # of a file that was written before


def test_a_file_whose_parts_do_not_fit_is_refused(by_hand):
    with pytest.raises(ResultError, match="must hold -1, 0, 1 or 2 for 2 darks and 4 changes"):
        one_visit.one_visit_of(written(by_hand, some()[:, :3]))
    with pytest.raises(ResultError, match="must hold -1, 0, 1 or 2"):
        one_visit.one_visit_of(written(by_hand, some() + 5))
