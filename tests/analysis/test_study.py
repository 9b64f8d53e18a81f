"""What the text of a study's report is computed from, on numbers with a known answer."""

import numpy as np
import pytest

from analysis.claims import Outcome
from analysis.study import behaviour, decoding, interventions, retention, transplant
from analysis.study.measures import mean, next_visit, ratio, visits_from
from analysis.study.wiring import strongest_share
from lsnn.estimates import Estimate
from tests.analysis.test_latencies import condition


def certain(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01, 100)


def test_finds_after_a_moment_and_the_wait_for_the_next():
    episodes = condition([[10, 18, 48, -18], [-100]], rest_ms=2)  # visits at 10, 30 and 80 ms; none within 100 ms
    np.testing.assert_array_equal(visits_from(episodes, np.array([10, 0])), [2, 0])
    np.testing.assert_array_equal(visits_from(episodes, np.array([9, 0])), [3, 0])
    np.testing.assert_array_equal(next_visit(episodes, np.array([12, 50]), 60), [18, 60])
    np.testing.assert_array_equal(next_visit(episodes, np.array([31, 50]), 40), [40, 40])


def test_estimates():
    assert mean(np.full(5, 2.0))[:3] == (2.0, 2.0, 2.0)
    assert mean(np.empty(0)).n == 0
    assert ratio(np.array([1.0, 3.0]), np.array([2.0, 6.0]))[:3] == (0.5, 0.5, 0.5)
    assert np.isnan(ratio(np.ones(3), np.zeros(3)).value)


# Transplant


def test_first_platform_reached():
    own, other = np.zeros((4, 2)), np.full((4, 2), 1.0)
    path = np.full((4, 6, 2), 9.0)
    path[0, 3], path[1, 2], path[1, 4] = (0, 0), (1, 1), (0, 0)
    path[3, 5] = (0.05, 0)
    np.testing.assert_array_equal(transplant.first_reached(path, own, other, 0.1), [0, 1, 2, 0])


MORE, SAME, LESS, UNDECIDED = Outcome


def chosen(**shares):
    return {swap: transplant.Choice(0, 0, 0, certain(share)) for swap, share in shares.items()}


@pytest.mark.parametrize(
    ("none", "b", "rest", "everything", "drawn", "said"),
    [
        (LESS, MORE, LESS, MORE, MORE, "most follow the thresholds b (other's: 0.70"),
        (LESS, LESS, MORE, MORE, SAME, "under way) (other's: 0.70 [0.69, 0.71] with its b, 0.20 [0.19, 0.21] with its "
         "rest); the thresholds draw none along beyond the margin."),
        (LESS, LESS, MORE, MORE, MORE, "; the thresholds draw some along."),
        (LESS, LESS, MORE, MORE, UNDECIDED, "; whether the thresholds draw some along is not decided."),
        (LESS, SAME, SAME, MORE, MORE, "neither is followed by more than the other"),
        (LESS, UNDECIDED, MORE, MORE, MORE, "which is followed by most is not decided"),
        (UNDECIDED, LESS, MORE, MORE, MORE, "Which part they follow is not decided"),
        (LESS, LESS, MORE, UNDECIDED, MORE, "Which part they follow is not decided"),
    ],
)  # fmt: skip
def test_the_carrier_is_what_most_follow(none, b, rest, everything, drawn, said):
    outcomes = {"none": none, "b": b, "all_but_b": rest, "everything": everything, "drawn": drawn}
    assert said in transplant.carrier(chosen(b=0.7, all_but_b=0.2), outcomes)


def test_b_alone_is_enough_where_animals_follow_it_with_all_else_erased():
    def told(own, other, *dark):
        outcomes = {"b_alone": own, "other_b_alone": other}
        outcomes |= dict(zip(("dark_100", "dark_500"), dark, strict=False))
        return " ".join(transplant.enough_of_b(chosen(**dict.fromkeys(outcomes, 0.5)), outcomes))

    assert told(LESS, MORE).startswith("b alone is enough:")
    assert told(LESS, SAME).startswith("b alone is not enough:")
    for own, other in ((LESS, UNDECIDED), (UNDECIDED, MORE), (SAME, MORE)):
        assert told(own, other).startswith("Whether b alone is enough is not decided:")
    assert "they swim: most to their own throughout (to the other's after 100 ms 0.50" in told(LESS, MORE, LESS, LESS)
    assert "most to their own after 100 ms; not decided after 500 ms (" in told(LESS, MORE, LESS, UNDECIDED)
    assert "as many to either after 500 ms; most to their own after 100 ms (" in told(LESS, MORE, LESS, SAME)
    assert transplant.enough_of_b({}, {}) == []


def test_what_the_thresholds_draw_along_is_the_difference_of_two_shares_of_the_same_animals():
    before, after = np.array([0] * 30 + [1] * 10 + [2] * 10), np.array([0] * 20 + [1] * 20 + [2] * 10)
    drawn = transplant.drawn_along(before, after)
    assert drawn.value == pytest.approx(20 / 40 - 10 / 40) and drawn.n == 50
    assert 0 < drawn.low < drawn.value < drawn.high


# Silence


def test_silence_says_across_which_gaps_time_is_saved_and_nothing_of_how():
    outcomes = {("all", 10): MORE, ("all", 50): MORE, ("all", 500): UNDECIDED, ("b", 10): SAME, ("b", 50): SAME,
                ("b", 500): SAME}  # fmt: skip
    said = interventions.silence_verdict(outcomes)
    assert "after 10 to 500 ms without a spike: time is saved at 10, 50 ms; not decided at 500 ms. " in said
    assert said.endswith("With b alone kept: none beyond the margin throughout.")
    assert "attractor" not in said and "activity" not in said


def test_shares_of_the_cost_are_given_where_erasing_everything_costs():
    effect = interventions.Effect(*[certain(1)] * 4, certain(0.5))
    found = dict.fromkeys(("fast", "b", "b_mean"), effect)
    assert "erasing b 0.50 [0.49, 0.51]" in interventions.costs(found, {("all", "longer"): MORE})
    for outcome in (SAME, LESS, UNDECIDED):
        assert "is not shown, so there are no shares" in interventions.costs(found, {("all", "longer"): outcome})


# Retention


@pytest.mark.parametrize("half_life", [20.0, 400.0])
def test_half_life_of_an_exponential(half_life):
    dark = np.array([0, 10, 20, 50, 100, 200, 500, 1000, 2000])
    assert retention.decay_of(dark, 80 * 2 ** (-dark / half_life)) == pytest.approx((80, half_life), rel=1e-3)
    assert np.isnan(retention.decay_of(dark, -80 * 2 ** (-dark / half_life))).all()


def test_retention_ends_where_nothing_is_saved():
    erased = np.full((3, 50), 100.0)
    kept = np.stack([np.full(50, 40.0), np.full(50, 60.0), np.full(50, 100.0)])
    of = retention.Retention("after", np.array([0, 10, 100]), kept, erased)
    outcomes = {("after", 0): MORE, ("after", 10): MORE, ("after", 100): SAME, ("other", 0): LESS}
    said = "Against an erased state, after 0 to 100 ms: time is saved at 0, 10 ms; none beyond the margin at 100 ms."
    assert retention.kept_across(outcomes, "after") == said
    assert retention.half_life(of).value == pytest.approx(17.1, abs=0.5)  # 60 -> 40 in 10 ms
    nothing = of._replace(kept=erased)
    assert np.isnan(retention.half_life(nothing).value)


# Decoding


def test_a_linear_code_is_read_and_a_shuffled_one_is_not():
    generator = np.random.default_rng(0)
    angle = 2 * np.pi * generator.random(200)
    platform = 0.85 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    features = platform @ generator.standard_normal((2, 30)) + 0.05 * generator.standard_normal((200, 30))
    read, chance = decoding.errors(decoding.in_standard_units(features), platform, decoding.shuffled(platform))
    assert read.mean() < 0.05
    assert chance.mean() == pytest.approx(0.85, abs=0.05)  # reading the centre of the pool


def test_features_that_have_decayed_say_nothing():
    features = np.random.default_rng(0).standard_normal((2, 100, 5))
    features[1] *= 1e-30
    scaled = decoding.in_standard_units(features)
    platform = 0.85 * np.sign(features[0, :, :2])
    fresh, gone = (decoding.errors(each, platform)[0].mean() for each in scaled)
    assert fresh < 0.8 < gone


# Reversal, probe, wiring


def test_time_over_quadrants_is_turned_to_the_platform():
    steps = np.zeros((1, behaviour.PROBE_MS + 1, 2))
    steps[0, :, 0] = 0.5
    steps[0, behaviour.PROBE_MS // 2 + 1 :] = (0, -0.5)
    probe = behaviour.Probe("kept", steps, np.array([0.5]))
    np.testing.assert_allclose(behaviour.quadrant_shares(probe), [[0.5, 0, 0, 0.5]])
    np.testing.assert_array_equal(behaviour.crossings(probe, 0.1), [[0, 0, 0, 1]])


def test_strongest_tenth():
    assert strongest_share(np.ones(100)) == pytest.approx(0.1)
    assert strongest_share(np.array([1.0, *np.zeros(19)])) == 1.0
