"""What the text of a study's report is computed from, on numbers with a known answer."""

import numpy as np
import pytest

from analysis.latencies import Estimate
from analysis.study import behaviour, decoding, interventions, retention, transplant
from analysis.study.measures import differs, goals_from, listed, mean, next_find, ratio
from analysis.study.wiring import strongest_share


def certain(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01, 100)


class Episodes:
    """Two episodes: finds at 10, 30 and 80 ms; none within 100 ms."""

    n_episodes, duration_ms = 2, 100

    class trials:
        episode = np.array([0, 0, 0, 0, 1])
        start_ms = np.array([0, 12, 32, 82, 0])
        latency_ms = np.array([10, 18, 48, 18, 100])
        found = np.array([True, True, True, False, False])


def test_finds_after_a_moment_and_the_wait_for_the_next():
    np.testing.assert_array_equal(goals_from(Episodes, np.array([10, 0])), [2, 0])
    np.testing.assert_array_equal(goals_from(Episodes, np.array([9, 0])), [3, 0])
    np.testing.assert_array_equal(next_find(Episodes, np.array([12, 50]), 60), [18, 60])
    np.testing.assert_array_equal(next_find(Episodes, np.array([31, 50]), 40), [40, 40])


def test_estimates():
    assert mean(np.full(5, 2.0))[:3] == (2.0, 2.0, 2.0)
    assert mean(np.empty(0)).n == 0
    assert ratio(np.array([1.0, 3.0]), np.array([2.0, 6.0]))[:3] == (0.5, 0.5, 0.5)
    assert np.isnan(ratio(np.ones(3), np.zeros(3)).value)
    assert differs(certain(1)) and differs(certain(-1)) and not differs(certain(0.0))
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("a", "a, b and c")


# Transplant


def test_first_platform_reached():
    own, other = np.zeros((4, 2)), np.full((4, 2), 1.0)
    path = np.full((4, 6, 2), 9.0)
    path[0, 3], path[1, 2], path[1, 4] = (0, 0), (1, 1), (0, 0)
    path[3, 5] = (0.05, 0)
    np.testing.assert_array_equal(transplant.first_reached(path, own, other, 0.1), [0, 1, 2, 0])


@pytest.mark.parametrize(
    ("none", "b", "rest", "everything", "said"),
    [
        (0.1, 0.9, 0.1, 0.9, "the thresholds b decide"),
        (0.1, 0.1, 0.9, 0.9, "decides more often whose platform is sought; the thresholds draw nobody along"),
        (0.1, 0.3, 0.9, 0.9, "the thresholds draw some animals along"),
        (0.1, 0.5, 0.5, 0.9, "neither decides"),
        (0.5, 0.5, 0.5, 0.5, "Undecided"),
    ],
)
def test_the_carrier_is_what_the_memory_moves_with(none, b, rest, everything, said):
    shares = {"none": none, "b": b, "all_but_b": rest, "everything": everything}
    found = {name: transplant.Choice(0, 0, 0, certain(share), 0.5) for name, share in shares.items()}
    assert said in transplant.carrier(found)


def test_b_alone_is_enough_where_animals_follow_it_with_all_else_erased():
    def told(own: float, other: float, *dark: float) -> str:
        shares = {"b_alone": own, "other_b_alone": other}
        shares |= dict(zip(("dark_100", "dark_500"), dark, strict=False))
        found = {name: transplant.Choice(0, 0, 0, certain(share), 0.5) for name, share in shares.items()}
        return " ".join(transplant.enough_of_b(found))

    assert "b alone is enough" in told(0.1, 0.9) and "not shown to be enough" in told(0.1, 0.5)
    assert "not shown to be enough" in told(0.5, 0.9)
    assert "still known after 500 ms" in told(0.1, 0.9, 0.1, 0.2)
    assert "still known after 100 ms" in told(0.1, 0.9, 0.1, 0.5)
    assert "The own platform is not known without input" in told(0.1, 0.9, 0.5, 0.5)
    assert transplant.enough_of_b({}) == []


# Silence


def gap(by_all: float, by_b: float) -> interventions.Gap:
    return interventions.Gap(certain(1), certain(1), certain(1), certain(by_all), certain(by_b))


def test_silence_tells_a_silent_variable_from_an_attractor():
    assert "activity-silent" in interventions.silence_verdict({50: gap(30, 30), 500: gap(20, 20)})
    part = interventions.silence_verdict({50: gap(30, 0), 500: gap(20, 5)})
    assert "Something of the memory survives 500 ms" in part and "b alone saves some of it across 500 ms" in part
    assert "does not survive 50 ms" in interventions.silence_verdict({50: gap(0, 0), 500: gap(-5, 0)})
    mixed = interventions.silence_verdict({10: gap(30, 0), 50: gap(20, 0), 500: gap(0, 0)})
    assert "survives up to 50 ms without spikes, not 500 ms" in mixed and "b alone saves none of it" in mixed
    again = interventions.silence_verdict({10: gap(30, 0), 50: gap(0, 0), 500: gap(5, 0)})
    assert "up to 10 ms without spikes, not 50 ms (at 500 ms some search time is saved again)" in again


def test_share_of_the_cost():
    effect = interventions.Effect(certain(1), certain(1), certain(1), certain(50))
    whole = effect._replace(longer=certain(100))
    found = {"b": effect, "all": whole}
    assert interventions.percent(interventions.cost_share(found, "b")) == "50 %"
    found["all"] = effect._replace(longer=certain(0))
    assert interventions.percent(interventions.cost_share(found, "b")) == "an unknown part"


# Retention


@pytest.mark.parametrize("half_life", [20.0, 400.0])
def test_half_life_of_an_exponential(half_life):
    blank = np.array([0, 10, 20, 50, 100, 200, 500, 1000, 2000])
    assert retention.decay_of(blank, 80 * 2 ** (-blank / half_life)) == pytest.approx((80, half_life), rel=1e-3)
    assert np.isnan(retention.decay_of(blank, -80 * 2 ** (-blank / half_life))).all()


def test_retention_ends_where_nothing_is_saved():
    erased = np.full((3, 50), 100.0)
    kept = np.stack([np.full(50, 40.0), np.full(50, 60.0), np.full(50, 100.0)])
    of = retention.Retention("after", np.array([0, 10, 100]), kept, erased)
    assert retention.longest_kept(of) == "The state saves search time up to a blank of 10 ms, not at 100 ms."
    assert retention.half_life(of).value == pytest.approx(17.1, abs=0.5)  # 60 -> 40 in 10 ms
    nothing = of._replace(kept=erased)
    assert np.isnan(retention.half_life(nothing).value) and "Nothing is saved" in retention.longest_kept(nothing)


# Decoding


def test_a_linear_code_is_read_and_a_shuffled_one_is_not():
    generator = np.random.default_rng(0)
    angle = 2 * np.pi * generator.random(200)
    goal = 0.85 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    features = goal @ generator.standard_normal((2, 30)) + 0.05 * generator.standard_normal((200, 30))
    read, chance = decoding.errors(decoding.in_standard_units(features), goal, decoding.shuffled(goal))
    assert read.mean() < 0.05
    assert chance.mean() == pytest.approx(0.85, abs=0.05)  # reading the centre of the pool


def test_features_that_have_decayed_say_nothing():
    features = np.random.default_rng(0).standard_normal((2, 100, 5))
    features[1] *= 1e-30
    scaled = decoding.in_standard_units(features)
    goal = 0.85 * np.sign(features[0, :, :2])
    fresh, gone = (decoding.errors(each, goal)[0].mean() for each in scaled)
    assert fresh < 0.8 < gone


# Reversal, probe, wiring


def test_time_over_quadrants_is_turned_to_the_platform():
    steps = np.zeros((1, behaviour.PROBE_MS + 1, 2))
    steps[0, :, 0] = 0.5
    steps[0, behaviour.PROBE_MS // 2 + 1 :] = (0, -0.5)
    probe = behaviour.Probe("kept", steps, np.array([0.5]))
    np.testing.assert_allclose(behaviour.quadrant_shares(probe), [[0.5, 0, 0, 0.5]])
    np.testing.assert_array_equal(behaviour.crossings(probe, 0.1), [[0, 0, 0, 1]])


def test_searches_are_back_once_intervals_meet():
    curve = {-1: certain(40)} | {trial: certain(100 if trial < 3 else 39) for trial in range(0, 9)}
    assert behaviour.back_to_normal(curve) == 3
    assert behaviour.back_to_normal({**curve, 5: certain(99)}) == 6  # a single short search does not count
    assert behaviour.back_to_normal({**curve, 8: certain(99)}) is None


def test_strongest_tenth():
    assert strongest_share(np.ones(100)) == pytest.approx(0.1)
    assert strongest_share(np.array([1.0, *np.zeros(19)])) == 1.0
