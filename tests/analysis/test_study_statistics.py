"""Every statistic of a study on a few animals made by hand, of which the numbers can be worked out on paper."""

from itertools import pairwise

import numpy as np
import pytest

from analysis.claims import Outcome, decide
from analysis.maze import Trials
from analysis.study import behaviour, decoding, generalisation, interventions, report, retention, transplant, variants
from analysis.study.measures import TooFew, latency_margin, oracle_ms, swum
from analysis.study.wiring import tell_wiring
from lsnn.estimates import Estimate, typical
from lsnn.files.reading import ResultError


def episodes(place, rows, duration_ms, n):
    """Arrays and attributes of n episodes; a row is (episode, trial, start in ms, latency in ms, found)."""
    given = [("episode", "i4"), ("trial", "i4"), ("start_ms", "i4"), ("latency_ms", "i4"), ("found", "?")]
    rest = [(name, "f8") for name in Trials._fields if name not in dict(given)]
    table = np.zeros(len(rows), given + rest)
    table[list(dict(given))] = np.array(rows, given)
    return {f"{place}/trials": table, f"{place}/episode_key": np.arange(n)}, {place: {"duration_ms": duration_ms}}


def finds(*times):
    """Rows of episodes of 1000 ms by the times of the visits in each; the animal is released again at once."""
    rows = []
    for episode, found in enumerate(times):
        edges = [0, *found, 1000]
        for trial, (start, end) in enumerate(pairwise(edges)):
            rows.append((episode, trial, start, end - start, trial < len(found)))
    return rows


def swims(experiment, of):
    """Arrays and attributes of the conditions of an experiment, by the visits of every animal in each."""
    arrays, attributes = {}, {}
    for name, times in of.items():
        more, its = episodes(f"{experiment}/{name}", finds(*times), 1000, len(times))
        arrays, attributes = arrays | more, attributes | its
    return arrays, attributes


# Reversal: 200 ms, the platform moves at 100 ms; a rest of 2 ms after each visit

FIVE = [
    (0, 0, 0, 40, True), (0, 1, 42, 48, True), (0, 2, 92, 38, True), (0, 3, 132, 18, True), (0, 4, 152, 10, True),
    (0, 5, 164, 36, False),
    (1, 0, 0, 60, True), (1, 1, 62, 38, True), (1, 2, 102, 20, True), (1, 3, 124, 26, True), (1, 4, 152, 48, False),
    (2, 0, 0, 50, True), (2, 1, 52, 148, False),
    (3, 0, 0, 95, True), (3, 1, 97, 43, True), (3, 2, 142, 58, False),
    (4, 0, 0, 110, True), (4, 1, 112, 88, False),
]  # fmt: skip
FOUND_BEFORE = [True, True, True, True, False]


@pytest.fixture
def reversed_maze(by_hand):
    arrays, attributes = episodes("reversal/reversal", FIVE, 200, 5)
    return by_hand(arrays | {"reversal/found_before": FOUND_BEFORE}, attributes | {"reversal": {"reversal_ms": 100}})


def test_trials_count_from_the_one_under_way_at_the_reversal(reversed_maze):
    """A visit at the very reversal (animal 1) is of the platform before it."""
    numbers = behaviour.relative_trials(swum(reversed_maze, "reversal", "reversal"), 100)
    np.testing.assert_array_equal(numbers, [-2, -1, 0, 1, 2, 3, -2, -1, 0, 1, 2, -1, 0, -1, 0, 1, 0, 1])


def test_searches_round_the_reversal(reversed_maze):
    curve = behaviour.reversal_curve(reversed_maze)
    assert curve[-2][::3] == (50, 2)  # 40, 60
    assert curve[-1][::3] == (49, 4)  # 48, 38, 50, 95
    assert curve[0][::3] == (35, 4)  # from the reversal: 30, 40, 100 and not found; from the release: 20
    assert curve[1][::3] == (26, 3)  # 18, 26, 58 and not found
    assert curve[2][::3] == (55, 2)  # half have found it by 10 ms, the rest not within the 100 ms after the reversal
    assert list(curve) == list(range(-4, 9))


def test_a_trial_that_fewer_than_half_of_the_animals_began_has_no_value(reversed_maze):
    curve = behaviour.reversal_curve(reversed_maze)
    assert np.isnan(curve[3][:3]).all() and curve[3].n == 1
    assert np.isnan(curve[4].value) and (curve[4].n, curve[-3].n) == (0, 0)


def test_a_platform_never_found_again_takes_all_the_time_after_the_reversal(by_hand):
    rows = [row for animal in range(3) for row in ((animal, 0, 0, 50, True), (animal, 1, 52, 148, False))]
    arrays, attributes = episodes("reversal/reversal", rows, 200, 3)
    arrays["reversal/found_before"] = [True] * 3
    curve = behaviour.reversal_curve(by_hand(arrays, attributes | {"reversal": {"reversal_ms": 120}}))
    assert curve[-1] == Estimate(50, 50, 50, 3) and curve[0] == Estimate(80, 80, 80, 3)


def test_the_first_search_of_all_is_that_of_every_animal(reversed_maze):
    assert behaviour.first_search_of(reversed_maze)[::3] == (60, 5)  # 40, 60, 50, 95, 110


def test_median_of_chosen_searches(reversed_maze):
    of, time_ms = swum(reversed_maze, "reversal", "reversal"), np.arange(1, 19) * 10
    chosen = np.isin(np.arange(18), [0, 6, 11, 13])  # one an animal

    def median(rows):
        return typical(behaviour.chosen_searches(of, rows, time_ms, 500))

    assert median(chosen)[::3] == (95, 4)  # 10, 70, 120, 140
    assert median(np.isin(np.arange(18), [5, 10, 13]))[::3] == (140, 3)  # cut off after 60 and 110 ms, found after 140
    none = median(np.zeros(18, bool))
    assert np.isnan(none.value) and none.n == 0


PLACES = {"O": (0.5, 0), "N": (0, 0.5), "P": (-0.5, 0), "R": (0, -0.5), ".": (0, 0)}  # old, new, its like, its like


def paths(*places):
    """Paths (animal, step, 2) from a letter a step."""
    return np.array([[PLACES[letter] for letter in path] for path in places])


def perseverance(by_hand, *places, found=None, old=None):
    """A file by the path of every animal from the reversal on, a letter a step."""
    n = len(places)
    arrays, attributes = episodes("reversal/reversal", finds(*[[50]] * n), 1000, n)
    visits = {"reversal/old_platform": old or [PLACES["O"]] * n, "reversal/new_platform": [PLACES["N"]] * n}
    before = {"reversal/found_before": found or [True] * n, "reversal/path": paths(*places)}
    reversal = {"reversal": {"reversal_ms": 100}}
    return by_hand(arrays | visits | before, attributes | reversal, platform_radius=0.1)


ANIMALS = ("O.......NO", "OO......NO", "OOO.....NO", "OOOO....NO", "OOOO.O..NO", "OOOO.OO.NR")


def test_perseveration_is_the_share_of_the_search_over_the_old_place(by_hand):
    """8 steps up to the new visit; 1, 2, 3, 4, 5, 6 of them over the old place."""
    kept = behaviour.perseveration(perseverance(by_hand, *ANIMALS))
    assert kept.old[::3] == (21 / 48, 6) and kept.elsewhere[::3] == (0, 6) and kept.more == kept.old
    assert kept.visits.value == pytest.approx(8 / 6)  # the last two came a second time


def test_elsewhere_is_the_mean_of_the_like_places_that_are_free(by_hand):
    """The old place turned to the left is the new one, so its like are the opposite and the right: P and R."""
    kept = behaviour.perseveration(perseverance(by_hand, *["OPR.RO.PNP"] * 5))
    assert kept.old[:3] == (0.25, 0.25, 0.25)
    assert kept.elsewhere[:3] == (0.25, 0.25, 0.25)  # (2 + 2) / 2 of 8
    assert kept.visits.value == 2 and kept.more[:3] == (0, 0, 0)


def test_perseveration_is_watched_for_300_ms(by_hand):
    kept = behaviour.perseveration(perseverance(by_hand, *["." * 300 + "O" * 99] * 5))
    assert kept.old.value == pytest.approx(1 / 301) and kept.visits.value == 1


def test_animals_with_nothing_to_compare_are_left_out(by_hand):
    """One is released on the new platform; the old one of the next was at the centre; the last had not found it."""
    old = [PLACES["O"], (0.05, 0), *[PLACES["O"]] * 6]
    result = perseverance(by_hand, "NOOO", "....", *["O..."] * 5, "OOOO", found=[True] * 7 + [False], old=old)
    kept = behaviour.perseveration(result)
    assert kept.old[::3] == (0.25, 5) and kept.elsewhere[::3] == (0, 5)
    assert kept.visits.value == pytest.approx(6 / 7)
    with pytest.raises(TooFew, match="4 of 5 animals had found the platform by half time"):
        behaviour.perseveration(perseverance(by_hand, *["O..."] * 5, found=[True] * 4 + [False]))


def test_the_text_of_a_reversal_follows_what_is_decided(by_hand):
    """Six animals decide nothing, thirty do; where P is as good as O they spend the same time over either."""

    def told(*places):
        result = perseverance(by_hand, *places)
        return behaviour.tell_reversal(result, decide(behaviour.claims_of_reversal(result)))[1]

    assert told(*ANIMALS).startswith("Whether the animals persevere is not decided (up to 300 ms, 0.438 [")
    assert told(*ANIMALS * 5).startswith("The animals persevere: they spend more time over the old place")
    assert told(*["OPR.RO.PNP"] * 30).startswith("They spend as much time over the old place as over an equal one")
    assert told(*[path.replace("O", "P") for path in ANIMALS * 5]).startswith("They avoid the old place")


def test_searches_after_the_move_are_set_against_the_last_before_it_by_the_same_animals(by_hand):
    """40, 44 and 48 ms before the move; then 90 ms, as before, and none found in the 570 ms that are left."""
    rows = []
    for animal in range(30):
        start = 0
        for trial, latency in enumerate([40, 40, 40 + animal % 3 * 4, 300, 90, 40 + animal % 3 * 4, 60]):
            rows.append((animal, trial, start, latency, trial < 6))
            start += latency
    arrays, attributes = episodes("reversal/reversal", rows, 700, 30)
    arrays |= {"reversal/found_before": [True] * 30, "reversal/path": paths(*["O..N"] * 30)}
    visits = {"reversal/old_platform": [PLACES["O"]] * 30, "reversal/new_platform": [PLACES["N"]] * 30}
    result = by_hand(arrays | visits, attributes | {"reversal": {"reversal_ms": 130}}, platform_radius=0.1)
    found = behaviour.longer_than_before(result)
    assert {trial: more.value for trial, more in found.items()} == {1: 46, 2: 0, 3: 570 - 44}
    outcomes = decide(behaviour.claims_of_reversal(result))
    assert [outcomes[trial] for trial in (1, 2, 3)] == [Outcome.MORE, Outcome.SAME, Outcome.MORE]
    assert behaviour.tell_reversal(result, outcomes)[2] == (
        "Against the last search before the move, by trial: longer at +1, +3; as long to within the margin at +2."
    )


# Probe trial


def probe_of(path, distance=0.5):
    """A probe trial of one animal from a letter a step: here O is the target, N left of it, P opposite, R right."""
    return behaviour.Probe("kept", paths(path), np.array([distance]))


def test_shares_of_quadrants_are_of_the_first_500_ms_after_the_removal():
    path = "R" + "O" * 200 + "N" * 150 + "P" * 100 + "R" * 50 + "R" * 300  # the place at the removal is not counted
    np.testing.assert_allclose(behaviour.quadrant_shares(probe_of(path)), [[0.4, 0.3, 0.2, 0.1]])


def test_quadrants_meet_at_45_degrees():
    angle = np.deg2rad([0, 44, -44, 46, 134, 136, -136, -134, -46])
    path = np.stack([np.cos(angle), np.sin(angle)], axis=1)[None]
    shares = behaviour.quadrant_shares(behaviour.Probe("kept", path, np.ones(1)))
    np.testing.assert_allclose(shares, [[0.25, 0.25, 0.25, 0.25]])


def test_crossings_are_entries_of_each_place():
    """To be released on a place is no entry, nor is what comes after 500 ms."""
    path = "OO.O.OONN.P.P.P...." + "." * 482 + "R.O.N"
    np.testing.assert_array_equal(behaviour.crossings(probe_of(path), 0.1), [[2, 1, 3, 0]])
    last = "." * 500 + "R" + "." * 9
    np.testing.assert_array_equal(behaviour.crossings(probe_of(last), 0.1), [[0, 0, 0, 1]])
    np.testing.assert_array_equal(behaviour.crossings(probe_of("..O..", 0.375), 0.125), [[1, 0, 0, 0]])  # on the edge
    np.testing.assert_array_equal(behaviour.crossings(probe_of("..O..", 0.375), 0.1), [[0, 0, 0, 0]])


def probed(by_hand, *shares):
    """Animals with a platform at N, that spend so many of 10 steps there and the others at P, which is left of it."""
    kept = paths(*("." + "N" * share + "P" * (10 - share) for share in shares))
    arrays = {"probe/path": np.stack([kept, paths(*["." + "P" * 10] * len(shares))])}
    arrays |= {"probe/platform": [PLACES["N"]] * len(shares), "probe/found_before": [True] * len(shares)}
    return by_hand(arrays, {"probe": {"states": ["kept", "erased"]}}, platform_radius=0.1)


def test_paths_of_a_probe_trial_are_turned_to_the_platform(by_hand):
    kept, erased = behaviour.probes(probed(by_hand, 4, 5, 6, 7, 8))
    np.testing.assert_array_equal(kept.distance, [0.5] * 5)
    np.testing.assert_allclose(kept.path[0, [0, 1, 5]], [(0, 0), (0.5, 0), (0, 0.5)], atol=1e-12)
    np.testing.assert_allclose(behaviour.quadrant_shares(kept)[0], [0.4, 0.6, 0, 0])
    np.testing.assert_allclose(behaviour.quadrant_shares(erased), [[0, 1, 0, 0]] * 5)


def test_the_text_of_a_probe_trial_has_shares_and_what_is_decided_of_them(by_hand):
    def told(*shares):
        result = probed(by_hand, *shares)
        return behaviour.tell_probe(result, decide(behaviour.claims_of_probe(result)))

    assert all("former platform (not decided, 25 %)" in line for line in told(4, 5, 6, 7, 8, 9))
    kept, erased = told(*(4, 5, 6, 7, 8, 9) * 5)
    assert "State kept (30 animals): 65 [" in kept and "former platform (more than by chance, 25 %)" in kept
    assert "0 [0, 0] % of the first 500 ms" in erased and "0.0 [0.0, 0.0] entries" in erased
    assert "(less than by chance, 25 %)" in erased
    assert "1.0 [1.0, 1.0] entries of its place against 0.3 [0.3, 0.3] of its like" in kept


def test_what_is_remembered_is_the_place_if_more_than_a_quarter_of_the_time_goes_there(by_hand):
    def said(*shares):
        result = probed(by_hand, *shares)
        return report.what(result, {"probe": decide(behaviour.claims_of_probe(result))})

    assert said(*[5] * 20).startswith("The platform's place: with the platform gone 50 [50")
    assert said(*[2] * 20).startswith("No place, by the probe trial: with the platform gone 20 [20")
    assert said(*[5] * 19).startswith("Not decided by the probe trial")
    assert said(*(1, 5, 5, 5) * 5).startswith("Not decided by the probe trial: with the platform gone 40 [")


# Transplant: animals 2k and 2k + 1 are a pair, with platforms at O and P, started at the centre


def transplanted(by_hand, swaps, found=None, apart=None):
    """A file by the path of every animal after each swap, a letter a step."""
    n = len(next(iter(swaps.values())))
    arrays = {
        "path": np.stack([paths(*of) for of in swaps.values()]),
        "platform": [PLACES[end] for end in "OP" * (n // 2)],
    }
    arrays |= {"found": np.array(found or [True] * n), "apart": np.array(apart or [True] * n)}
    placed = {f"transplant/{name}": array for name, array in arrays.items()}
    return by_hand(placed, {"transplant": {"swaps": list(swaps)}}, platform_radius=0.1)


def test_a_pair_is_left_out_unless_both_had_found_platforms_that_do_not_touch(by_hand):
    """Of four pairs the second lacks a visit; the platforms of the last touch."""
    marked = ["..", "..", "RR", "RR", ".O", "..", "..", "..", "RR", "RR"]
    found, apart = [True, True, True, False] + [True] * 6, [True] * 8 + [False] * 2
    of = transplant.pairs(transplanted(by_hand, {"none": marked}, found, apart))
    assert of.path.shape == (1, 6, 2, 2) and of.swaps == ["none"]
    np.testing.assert_array_equal(of.own, [PLACES[end] for end in "OPOPOP"])
    np.testing.assert_array_equal(of.other, [PLACES[end] for end in "POPOPO"])
    np.testing.assert_array_equal(of.path[0, 2], [(0, 0), (0.5, 0)])
    with pytest.raises(TooFew, match="4 of 10 animals are of pairs that both had found platforms which do not touch"):
        transplant.pairs(transplanted(by_hand, {"none": marked}, [False] + found[1:], apart))


def test_choices_by_the_platform_reached_first(by_hand):
    """Animal 0 is at its own platform and then at the other's; four are at the other's; the last finds neither."""
    result = transplanted(by_hand, {"b": [".O.P", "..O.", "...P", "O...", ".PO.", "...."], "none": ["...."] * 6})
    found = transplant.choices(result)
    assert found["b"][:3] == (1, 4, 1) and found["b"].n == 6
    assert found["b"].share[::3] == (0.8, 5)
    assert found["b"].share[1:3] == pytest.approx((0.3755, 0.9638), abs=1e-4)  # Wilson
    assert found["none"][:3] == (0, 0, 6) and found["none"].share.n == 0
    assert np.isnan(found["none"].share[:3]).all()


def test_the_heading_is_that_of_the_first_30_ms(by_hand):
    """From the centre, halfway between the platforms: up to 30 ms to their own, later to the other's."""
    away = ["." * 30 + "O" + "P" * 9, "." * 30 + "P" + "O" * 9] * 3
    still, aside = ["." * 40] * 6, ["." * 10 + "N" * 30] * 6
    found = transplant.headings(transplanted(by_hand, {"none": away, "b": still, "v": aside}))
    assert found["none"] == (Estimate(1, 1, 1, 6), Estimate(-1, -1, -1, 6))
    assert found["b"] == found["v"] == (Estimate(0, 0, 0, 6), Estimate(0, 0, 0, 6))


def test_the_heading_is_measured_against_the_way_from_the_start(by_hand):
    """Released at N both ways lie at right angles; one swims straight to its own, one half-way between."""
    found = transplant.headings(transplanted(by_hand, {"none": ["NO", "NP"] * 3, "b": ["N.", "N."] * 3}))
    own, other = (each.value for each in found["none"])
    assert own == pytest.approx(1) and other == pytest.approx(0, abs=1e-12)
    assert [each.value for each in found["b"]] == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])


def test_nearest_is_the_least_distance_to_each_platform(by_hand):
    own, other = transplant.nearest(transplanted(by_hand, {"none": ["N.O.", "N.P."] * 3}))["none"]
    assert own == Estimate(0, 0, 0, 6) and other == Estimate(0.5, 0.5, 0.5, 6)  # the other's: from the centre
    own, other = transplant.nearest(transplanted(by_hand, {"b": ["RO", "RP", "RR", "RR", "P.", "O."]}))["b"]
    assert own.value == pytest.approx((2 * np.sqrt(0.5) + 2 * 0.5) / 6)
    assert other.value == pytest.approx(4 * np.sqrt(0.5) / 6)


def test_steps_to_either_platform(by_hand):
    swaps = {"none": ["....."] * 6, "b": ["..O.P", ".P..O", "O....", "....P", "..NR.", "...OO"]}
    of = transplant.pairs(transplanted(by_hand, swaps))
    np.testing.assert_array_equal(transplant.steps_to_either(of, 1, 0.1), [2, 1, 0, 4, 5, 3])
    np.testing.assert_array_equal(transplant.steps_to_either(of, 0, 0.1), [5] * 6)


def test_a_platform_is_reached_at_its_edge():
    edge = np.array([[[0.75, 0.0], [0.625, 0.0], [-0.375, 0.0]]])
    own, other = np.array([PLACES["O"]]), np.array([PLACES["P"]])
    assert [transplant.first_reached(edge, own, other, radius)[0] for radius in (0.1, 0.125, 0.25)] == [2, 0, 0]
    assert transplant.first_reached(edge[:, 2:], own, other, 0.125)[0] == 1
    assert transplant.first_reached(edge, own, other, 0.12)[0] == 2


def test_the_state_is_the_cause_if_most_swim_to_the_others_platform(by_hand):
    def said(*ends):
        of = {"everything": ends, "none": ends, "b": ends}
        result = transplanted(by_hand, of)
        return report.cause(result, {"transplant": decide(transplant.claims_of_transplant(result))})

    assert said(*[".P", ".O"] * 20).startswith("Yes: given another animal's state, 40 of 40 that reached a platform")
    assert said(*[".P", ".O"] * 4).startswith("Not decided: with everything exchanged 1.00 [")
    assert said(*[".P", ".P"] * 20).startswith("Not decided: with everything exchanged 0.50 [")
    assert said(*[".P", ".P"] * 400).startswith("No: with everything exchanged 0.50 [")


# Decoding: platforms at the two ends of a line

LINE = np.array([(0.85, 0.0), (-0.85, 0.0)] * 20)


def decoded(by_hand, b):
    """A file with b (arm, lag, animal, neuron) and nothing else to be read; a last animal never found its platform."""
    nothing = np.zeros((2, 3, 41, 2))
    arrays = {
        "decoding/b": np.concatenate([b, np.full_like(b[:, :, :1], 1e6)], axis=2), "decoding/v": nothing,
        "decoding/spikes": nothing, "decoding/place": nothing, "decoding/lag_ms": np.array([10, 60, 200]),
        "decoding/platform": np.vstack([LINE, [(np.nan, np.nan)]]),
        "network/population": np.array([0, 1]), "network/b0": np.ones(2), "network/beta": np.ones(2),
    }  # fmt: skip
    attributes = {
        "decoding": {"arms": ["swimming", "dark"]}, "network": {"input_channels": "[]"},
        "network/population": {"labels": '["excitatory", "adaptive"]'},
    }  # fmt: skip
    return by_hand(arrays, attributes)


def code_at(arm, lag, n_neurons=1):
    """b that tells the end of the line in its last neuron, in one arm and at one lag only."""
    b = np.zeros((2, 3, 40, n_neurons))
    b[arm, lag, :, -1] = LINE[:, 0]
    return b


def test_samples_are_those_of_animals_with_a_platform_in_units_of_their_spread(by_hand):
    of = decoding.samples(decoded(by_hand, code_at(0, 1)))
    assert of.arms == ["swimming", "dark"] and of.since == ["the last visit"] * 2
    np.testing.assert_array_equal(of.platform, LINE)
    assert of.features["b"].shape == (2, 3, 40, 1) and of.features["b"].std() == pytest.approx(1)
    assert of.features["spikes, excitatory"].shape == of.features["spikes, adaptive"].shape == (2, 3, 40, 1)


def test_neurons_are_counted_while_swimming_at_the_lag_nearest_to_50_ms(by_hand):
    found = decoding.by_number(decoded(by_hand, code_at(0, 1)), "b")
    assert list(found) == [1] and found[1].high < 0.01 and found[1].n == 40
    for arm, lag in ((0, 0), (0, 2), (1, 1)):
        assert decoding.by_number(decoded(by_hand, code_at(arm, lag)), "b")[1].low > 0.8


def test_the_range_of_subsets_is_over_which_neurons_were_drawn(by_hand):
    """One neuron of three tells everything: alone it is drawn at times, among all of them always."""
    found = decoding.by_number(decoded(by_hand, code_at(0, 1, 3)), "b")
    assert list(found) == [1, 2, 3]
    assert found[1].low < 0.01 < 0.2 < found[1].value < 0.8 < found[1].high
    assert found[3].low == found[3].value == found[3].high < 0.01


def test_readings_are_by_arm_and_lag_beside_those_of_shuffled_platforms(by_hand):
    read = decoding.readings(decoded(by_hand, code_at(1, 2)))["b"]
    assert [[each.value < 0.01 for each in arm] for arm in read.error] == [[False] * 3, [False, False, True]]
    assert all(each.value > 0.7 and each.n == 40 for arm in read.shuffled for each in arm)


OF = decoding.Samples(["swimming", "dark"], ["a visit", "a visit"], np.array([10, 50, 200]), {}, LINE)


def test_a_reader_is_better_by_a_share_of_the_error_with_platforms_shuffled(by_hand):
    result = decoded(by_hand, code_at(1, 2))
    read = decoding.readings(result)["b"]
    assert read.better[1][2].value > 0.98 and abs(read.better[0][0].value) < 0.05
    outcomes = decide(decoding.claims_of_decoding(result))
    assert len(outcomes) == 3 * 2 * 3
    assert outcomes["b", "dark", 200] is Outcome.MORE and outcomes["b", "dark", 60] is not Outcome.MORE


def test_when_it_can_be_read_is_said_of_each_lag():
    arms = {"swimming": [Outcome.MORE, Outcome.SAME, Outcome.MORE], "dark": [Outcome.UNDECIDED] * 3}
    outcomes = {("b", arm, lag): arms[arm][number] for arm in arms for number, lag in enumerate((10, 50, 200))}
    swimming, dark = decoding.readable(outcomes, OF, "b").split(". ")
    assert swimming == "Swimming, can be read at 10, 200 ms; cannot be read to within the margin at 50 ms"
    assert dark == "Dark, not decided throughout"


def test_the_noise_floor_is_where_the_least_penalty_halves_a_pattern():
    """A code of that size over many animals is read at half its size; one ten times as large whole."""
    for factor, kept in ((1, 0.5), (10, 0.99)):
        size = factor * decoding.noise_floor(1000)
        features = size * np.tile([1.0, -1.0], 400)[:, None]  # four fifths of 1000 animals
        weight = np.linalg.solve(features.T @ features + decoding.PENALTIES[0], features.T @ np.sign(features))
        assert size * weight.item() == pytest.approx(kept, abs=0.01)


# Ablation, silence, clamp: five animals that found the platform and one that did not


def test_effects_are_differences_to_the_sham_of_the_same_animal(by_hand):
    """Moments at 30, 30, 30, 30, 20 ms; sham visits at 40 and 60 ms; a visit at the moment itself came before it."""
    sham = [[30, 40, 60]] * 4 + [[20, 40, 60], [10, 20]]
    later = {"b": [30, 65], "all": [30, 90, 95, 99], "fast": [30]}
    names = interventions.ablations(["b"])
    of = {name: [later.get(name, [30, 40, 60])] * 5 + [[500]] for name in names} | {"sham": sham}
    arrays, attributes = swims("ablation", of)
    moment = {"ablation/moment_ms": np.array([30, 30, 30, 30, 20, -1])}
    found = interventions.effects(by_hand(arrays | moment, attributes))
    assert found["sham"].visits == Estimate(2, 2, 2, 5) and found["sham"].longer == Estimate(0, 0, 0, 5)
    assert found["sham"].search.value == 12  # 10, 10, 10, 10, 20
    assert found["b"].visits.value == 1.2 and found["b"].kept.value == pytest.approx(0.6)  # 30 ms is after 20 ms
    assert found["b"].search.value == 30 and found["b"].longer.value == 18  # 35, 35, 35, 35, 10
    assert found["fast"].search.value == 402  # nothing within 500 ms, and 10
    assert found["all"].visits.value == 3.2 and found["all"].longer.value == 38  # 60, 60, 60, 60, 10
    assert found["b"].of_cost.value == pytest.approx(18 / 38) and found["all"].of_cost.value == 1


@pytest.mark.parametrize("n", [5, 30])
def test_what_is_said_of_an_ablation_is_what_is_decided(by_hand, n):
    """Erasing b delays the next visit by 10 ms, everything by 40; the margin is a fifth of the oracle's 38 ms."""
    of = {name: [[40, 90]] * n for name in interventions.ablations(["b"])} | {"b": [[50, 90]] * n, "all": [[80]] * n}
    arrays, attributes = swims("ablation", of)
    result = by_hand(arrays | {"ablation/moment_ms": np.full(n, 30)}, attributes)
    assert [interventions.effects(result)[name].of_cost.value for name in ("b", "all", "v")] == [0.25, 1, 0]
    told = interventions.tell_ablation(result, decide(interventions.claims_of_ablation(result)))
    if n == 5:
        assert all(line.count("(not decided)") == 2 for line in told[1:-1]) and "is not shown" in told[-1]
        return
    assert "erasing all but b 0.00 [0.00, 0.00], erasing b 0.25 [0.25, 0.25], setting b to its mean 0.00" in told[-1]
    assert [line.split(":")[0] for line in told if "sham's (the same to within the margin)" in line] == [
        "Readout r erased", "Delay lines erased", "Membranes v erased", "All but b erased", "Thresholds b at their mean"
    ]  # fmt: skip
    assert "next visit 10 [10, 10] ms after sham's (later), 1.00 [1.00, 1.00] of its visits (as many" in told[-3]
    assert "40 [40, 40] ms after sham's (later), 0.50 [0.50, 0.50] of its visits (fewer)" in told[-2]


def test_gaps_count_from_the_release(by_hand):
    """Silent from 100 ms on for 10 or 50 ms; a visit during the silence does not count."""
    of = {"sham": [130], "silent_10": [105, 125], "cleared_10": [110, 135], "erased_10": [170],
          "silent_50": [160, 170], "cleared_50": [140, 190], "erased_50": [900]}  # fmt: skip
    arrays, attributes = swims("silence", {name: [times] * 5 + [[1]] for name, times in of.items()})
    moments = {"silence/moment_ms": np.array([100] * 5 + [-1]), "silence/silent_ms": np.array([10, 50])}
    result = by_hand(arrays | moments, attributes)
    found = interventions.gaps(result)
    assert [each.value for each in found[10]] == [15, 25, 60, 45, 35]
    assert [each.value for each in found[50]] == [10, 40, 500, 490, 460]
    assert interventions.undisturbed(result) == Estimate(30, 30, 30, 5)


def test_clamped_visits_are_those_after_the_latest_hold(by_hand):
    """b is held from 5 or 20 ms after the first visit at 100 ms; all count from 120 ms on."""
    of = {"sham": [100, 110, 120, 130, 140], "photograph_5": [100, 118, 125], "photograph_20": [100, 121, 122, 123],
          "mean_5": [100, 119], "mean_20": [100, 110, 120, 121]}  # fmt: skip
    arrays, attributes = swims("clamp", {name: [times] * 5 + [[]] for name, times in of.items()})
    moments = {"clamp/first_visit_ms": np.array([100] * 5 + [-1]), "clamp/held_after_ms": np.array([5, 20])}
    result = by_hand(arrays | moments, attributes)
    found, sham = interventions.clamped(result)
    assert sham == Estimate(2, 2, 2, 5)
    numbers = {
        name: {ms: (held.visits.value, held.kept.value) for ms, held in of.items()} for name, of in found.items()
    }
    assert numbers == {"photograph": {5: (1, 0.5), 20: (3, 1.5)}, "mean": {5: (0, 0), 20: (1, 0.5)}}
    told = interventions.tell_clamp(result, decide(interventions.claims_of_clamp(result)))
    said = "from 20 ms after the first visit on: 3.0 [3.0, 3.0] visits, 1.50 [1.50, 1.50] of those with b free"
    assert told[1].endswith(f"{said} (not decided).")
    assert told[2].endswith("0.50 [0.50, 0.50] of those with b free (not decided).")


# Margins


def test_the_margin_of_search_times_is_a_fifth_of_the_way_of_one_that_is_told_the_platform(by_hand):
    """From anywhere off a platform at the centre the mean distance is 2/3 (1 - r^3)/(1 - r^2)."""
    result = by_hand({}, platform_circle=0.0, platform_radius=0.5, speed=0.02)
    straight = (2 / 3 * (1 - 0.5**3) / (1 - 0.5**2) - 0.5) / 0.02
    assert oracle_ms(result) == pytest.approx(straight, rel=0.01)
    assert latency_margin(result) == pytest.approx(0.2 * straight, rel=0.01)
    starts = by_hand({}, platform_circle=0.0, platform_radius=0.1, start_radius=0.2)
    assert oracle_ms(starts) == pytest.approx((2 / 3 * (0.2**3 - 0.1**3) / (0.2**2 - 0.1**2) - 0.1) / 0.02, rel=0.05)
    with pytest.raises(ResultError, match="speed above 0"):
        oracle_ms(by_hand({}, speed=0.0))


# Retention


def test_what_the_state_saves_is_of_animals_that_had_found_the_platform(by_hand):
    """(arm, state, dark, animal): erased it takes 100 ms; the sixth animal had found none."""
    search = np.full((2, 2, 3, 6), 100.0)
    search[:, 0] = [[[40], [100], [90]], [[20], [60], [80]]]
    search[..., 5] = 7
    arrays = {"dark_ms": np.array([0, 10, 20]), "search_ms": search, "valid": [[True] * 5 + [False]] * 2}
    placed = {f"retention/{name}": array for name, array in arrays.items()}
    first, half = retention.arms(by_hand(placed, {"retention": {"arms": ["first", "half"], "tau_a_ms": 100.0}}))
    assert retention.saved(first) == [Estimate(60, 60, 60, 5), Estimate(0, 0, 0, 5), Estimate(10, 10, 10, 5)]
    assert [gain.value for gain in retention.saved(half)] == [80, 40, 20]


def test_the_half_life_is_set_against_that_of_the_thresholds():
    text = retention.half_life_text(Estimate(200, 100, 300, 9), 1000.0)
    assert "200 [100, 300] ms, 0.29 times" in text and "(tau_a = 1000 ms, 693 ms)" in text
    assert retention.half_life_text(Estimate(np.nan, np.nan, np.nan, 9), 1000.0).startswith("No half-life")


# Fractions of the oracle's visits


def test_curves_of_generalisation_and_damage_by_its_draws(by_hand):
    """Visits of four episodes at the points of two curves; ratios of sums, not means of ratios; two draws of damage."""
    arrays = {
        "curve": [0, 1, 0], "value": [0.1, 0.05, 0.3], "draw": [0, 0, 1, 1],
        "visits": [[4, 0, 0, 0], [2, 2, 3, 3], [3, 3, 3, 3]], "circling": [[1, 1, 1, 1], [1, 0, 1, 0], [4, 4, 4, 4]],
        "oracle": [[8, 1, 1, 6], [4, 4, 6, 6], [6, 6, 6, 6]],
    }  # fmt: skip
    placed = {f"generalisation/{name}": np.array(array) for name, array in arrays.items()}
    names = {"generalisation": {"curves": ["platform radius", "synapses pruned"], "trained_radius": 0.3}}
    result = by_hand(placed, names, platform_circle=0.85)
    radius, pruned = generalisation.curves(result)
    assert (radius.name, radius.value.tolist(), pruned.value.tolist()) == ("platform radius", [0.1, 0.3], [0.05])
    assert [each.value for each in radius.network] == [0.25, 0.5] and [each.n for each in radius.network] == [4, 4]
    assert [each.value for each in radius.circling] == [0.25, pytest.approx(2 / 3)]
    assert [each.value for each in radius.lead] == [0, pytest.approx(-1 / 6)]
    assert pruned.network == [Estimate(0.5, 0.5, 0.5, 2)] and pruned.circling[0] == (0.1, 2 / 24, 1 / 8, 2)
    told = generalisation.tell_generalisation(result, decide(generalisation.claims_of_generalisation(result)))
    assert told[1].endswith("Against circling, visits: not decided throughout.")  # of four animals
    decided = {("platform radius", 0.1): Outcome.MORE, ("platform radius", 0.3): Outcome.LESS,
               ("synapses pruned", 0.05): Outcome.SAME}  # fmt: skip
    told = generalisation.tell_generalisation(result, decided)
    assert told[1].endswith("Against circling, visits: more at 0.1; fewer at 0.3.")
    assert told[2].endswith("as many to within the margin at 0.05.")


def test_visits_outside_and_inside_the_wedge(by_hand):
    visits, circling, oracle = [[6, 2], [1, 0]], [[4, 0], [3, 2]], [[6, 4], [5, 5]]
    arrays = {"visits": visits, "circling": circling, "oracle": oracle}
    found = variants.fractions(by_hand({f"wedge/{name}": np.array(array) for name, array in arrays.items()}))
    values = {place: tuple(each.value for each in both) for place, both in found.items()}
    assert values == {"outside the wedge": (0.8, 0.4), "inside the wedge": (0.1, 0.5)}


def test_visits_of_controls_with_the_state_kept_and_zeroed(by_hand):
    visits = np.array([[[8, 1], [2, 1]], [[5, 5], [0, 4]]])  # (network, state, episode)
    result = by_hand({"controls/visits": visits, "controls/oracle": np.array([10, 5])},
                     {"controls": {"networks": ["reference", "no_adaptation"]}})  # fmt: skip
    found = variants.controls(result)
    assert {name: (kept.value, zeroed.value) for name, (kept, zeroed) in found.items()} == {
        "reference": (0.6, 0.2), "no_adaptation": (pytest.approx(2 / 3), pytest.approx(4 / 15))
    }  # fmt: skip
    assert variants.tell_controls(result, {})[1].startswith("No adaptation: 0.67 [0.50, 1.00] of the oracle's visits")


def test_retention_by_tau_a(by_hand):
    """(network, state, dark, animal); of the second network the first animal had found no platform."""
    search = np.full((2, 2, 3, 6), 100.0)
    search[:, 0] = [[[20], [60], [80]], [[90], [100], [100]]]
    valid = np.array([[True] * 6, [False] + [True] * 5])
    arrays = {"tau_a_ms": np.array([150, 600]), "dark_ms": np.array([0, 30, 60]), "search_ms": search, "valid": valid}
    found = variants.series(by_hand({f"tau_a/{name}": array for name, array in arrays.items()}))
    assert {tau: [(each.value, each.n) for each in retention.saved(of)] for tau, of in found.items()} == {
        150.0: [(80, 6), (40, 6), (20, 6)], 600.0: [(10, 5), (0, 5), (0, 5)]
    }  # fmt: skip


# Wiring


def test_degrees_are_tested_against_random_wirings(by_hand):
    """All in-degrees lie below the random ones, the out-degrees are the random ones."""
    arrays = {
        "source": [0, 1, 2, 3, 4], "target": [0, 1, 2, 3, 0], "weight": [1.0, -1.0, 2.0, -4.0, 0.0],
        "initial_weight": [0.5, -0.5, np.nan, 1.0, np.nan],
        "in_degree": [1, 1, 1, 3], "out_degree": [4, 5, 6, 7, 5, 6],
        "random_in_degree": [[4, 4, 6, 6]], "random_out_degree": [[4, 5, 6, 7, 5, 6]],
    }  # fmt: skip
    placed = {f"wiring/{name}": np.array(array) for name, array in arrays.items()}
    told = tell_wiring(by_hand(placed, {"wiring": {"n_inputs": 2, "rewired": True}}), {})
    assert told[1].startswith("In-degree: mean 1.5, sd 0.9 (random 1.0), over 4 cells")
    assert told[1].endswith("D = 1.00, p = 0.029.")  # two of the 70 ways to share eight out
    assert told[2].endswith("D = 0.00, p = 1.")
    assert told[3].startswith("Input weights: 2, sd 1.000 b0 per spike (before meta-training 0.500, 2 of them there)")
    assert told[4].startswith("Recurrent weights: 3, sd 2.494 b0 per spike (before meta-training 0.000, 1 of them")
    assert [line.split("strongest tenth holds ")[1][:3] for line in told[3:]] == ["50%", "67%"]
