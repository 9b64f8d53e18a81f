"""Angle recall: hand-worked episodes, the table, what the input allows, ring cells."""

import numpy as np
import pytest

from lsnn.errors import InputError
from tasks.angle_recall import AngleRecall
from tasks.angle_recall.baselines import ideal_observer, play, spike_counts
from tasks.angle_recall.family import FAMILY, angles_table, circular_deg, steps_to_part
from tasks.angle_recall.task import (
    ANGLE,
    DARK,
    N_STATE,
    OVER,
    PART,
    RECALL,
    SHOWN,
    STEP,
    WAITING,
    begin,
    observe,
    target,
    transition,
)
from tasks.encoders import FlagCells, RingCells
from tests.tasks.test_encoders import assert_binomial, spikes_of

TASK = AngleRecall(show_ms=3, dark_ms_min=2, dark_ms=4, cue_ms=3, answer_ms=2)
KEYS = np.random.SeedSequence(7).generate_state(600, np.uint64)


def at(step, part, angle=np.pi / 2, dark=2.0):
    state = np.zeros(N_STATE)
    state[STEP], state[PART], state[ANGLE], state[DARK] = step, part, angle, dark
    return state


def test_angles_are_uniform_and_darks_whole_numbers_within_their_bounds():
    starts = TASK.starts(KEYS)
    assert np.all((starts[:, ANGLE] >= 0) & (starts[:, ANGLE] < 2 * np.pi))
    assert np.abs(np.exp(1j * starts[:, ANGLE]).mean()) < 0.1 and np.abs(np.exp(2j * starts[:, ANGLE]).mean()) < 0.1
    darks, counts = np.unique(starts[:, DARK], return_counts=True)
    assert darks.tolist() == [2, 3, 4] and counts / len(KEYS) == pytest.approx(1 / 3, abs=0.06)


def test_another_dark_leaves_the_angles_alone():
    longer = AngleRecall(dark_ms_min=2000, dark_ms=2000).starts(KEYS[:20])
    np.testing.assert_array_equal(longer[:, ANGLE], TASK.starts(KEYS[:20])[:, ANGLE])
    assert np.all(longer[:, DARK] == 2000)


def test_an_episode_by_hand():
    """Shown in steps 0-2, dark in 3-4, cue in 5-7 of which the last two teach, answer in 7, nothing in 8-9."""
    state, observation, wanted = at(0, SHOWN), np.empty(3), np.empty(2)
    parameters, seen, weights, acted, rewards = TASK.parameters(), [], [], [], []
    for t in range(TASK.duration_ms):
        observe(state, parameters, observation)
        weights.append(target(state, parameters, wanted))
        seen.append(observation.round(12).tolist())
        reward, answered, terminated = transition(KEYS[0], t, np.array([-2.0, 0.0]), parameters, state)
        acted.append(answered)
        rewards.append(reward)
        assert not terminated and wanted == pytest.approx([0, 1])
    assert seen == [[0, 1, 0]] * 3 + [[0, 0, 0]] * 2 + [[0, 0, 1]] * 3 + [[0, 0, 0]] * 2
    assert weights == [0] * 6 + [1, 1] + [0, 0]
    assert acted == [False] * 7 + [True] + [False] * 2
    assert rewards[7] == pytest.approx(-90.0) and sum(map(abs, rewards)) == pytest.approx(90.0)


def test_without_a_dark_the_cue_follows_at_once():
    task, state = AngleRecall(show_ms=1, dark_ms_min=0, dark_ms=0, cue_ms=1, answer_ms=1), np.zeros(N_STATE)
    begin(KEYS[0], task.parameters(), state)
    parts = [state[PART]]
    for t in range(task.duration_ms):
        transition(KEYS[0], t, np.ones(2), task.parameters(), state)
        parts.append(state[PART])
    assert parts == [SHOWN, RECALL, OVER]


@pytest.mark.parametrize(
    ("answer", "angle_deg", "error"),
    [((1, 0), 0, 0), ((0, 3), 0, 90), ((-0.1, 0), 0, 180), ((1, 0), 350, 10), ((1, -1), 0, 45), ((0, 0), 30, 30)],
)
def test_the_error_is_circular_whatever_the_length_of_the_answer(answer, angle_deg, error):
    state, last = at(7, RECALL, np.radians(angle_deg)), np.array(answer, float)
    reward, acted, _ = transition(KEYS[0], 7, last, TASK.parameters(), state)
    assert acted and -reward == pytest.approx(error, abs=1e-9)
    table = angles_table(TASK, at(0, SHOWN, np.radians(angle_deg))[None], last[None])
    assert table["error_deg"][0] == pytest.approx(error, abs=1e-9) and table["end_ms"][0] == 8
    assert TASK.metrics(np.array([[0.0, reward]]), np.array([[False, True]]))["error_deg"] == pytest.approx(error)


def test_degrees_between_angles():
    np.testing.assert_allclose(circular_deg([10.0, 350.0, 0.0, 270.0], [350.0, 10.0, 180.0, 90.0]), [20, 20, 180, 180])


@pytest.mark.parametrize(("step", "part", "left"), [(0, SHOWN, 3), (2, SHOWN, 1), (3, WAITING, 2), (5, RECALL, 3),
                                                    (8, OVER, 2)])  # fmt: skip
def test_steps_to_the_next_part(step, part, left):
    assert steps_to_part(TASK, at(step, part)[None]).tolist() == [left]


def test_the_study_asks_before_the_cue_for_the_angle_of_the_trial():
    starts, latent = TASK.starts(KEYS[:5]), FAMILY.latent
    table = angles_table(TASK, starts, np.ones((5, 2)))
    np.testing.assert_array_equal(latent.asked(TASK, table), 3 + starts[:, DARK])
    np.testing.assert_allclose(latent.by_trial(TASK, table), latent.of(TASK, starts[:, None]), atol=1e-12)
    np.testing.assert_allclose(latent.error(TASK, latent.by_trial(TASK, table), table, starts), table["error_deg"])


# Ring cells


@pytest.mark.parametrize("angle_deg", [0.0, 100.0, 359.0])
def test_ring_cells_follow_a_von_mises_curve(angle_deg):
    ring = RingCells(n_cells=12, width_deg=30.0, rate_hz=500.0, cue_cells=3)
    angle = np.radians(angle_deg)
    away = np.cos(angle - np.radians(30.0 * np.arange(12))) - 1
    tuning = 0.5 * np.exp(away / (np.pi / 6) ** 2)
    assert_binomial(spikes_of(ring, [np.cos(angle), np.sin(angle), 0.0]), np.concatenate([tuning, np.zeros(3)]))
    np.testing.assert_allclose(ring.probabilities(angle), tuning)
    half = spikes_of(ring, [0.5 * np.cos(angle), 0.5 * np.sin(angle), 0.0])
    assert_binomial(half, np.concatenate([0.5 * tuning, np.zeros(3)]))


def test_the_cue_has_cells_of_its_own_and_nothing_is_shown_in_the_dark():
    ring = RingCells(n_cells=4, cue_cells=5, cue_rate_hz=250.0)
    assert ring.channels == (("ring", 4), ("cue", 5)) and ring.n_inputs == 9
    assert_binomial(spikes_of(ring, [0.0, 0.0, 1.0]), np.repeat([0.0, 0.25], [4, 5]))
    assert not spikes_of(ring, [0.0, 0.0, 0.0], steps=50).any()


# Baselines


def test_spikes_of_a_baseline_are_those_that_a_network_meets():
    task = AngleRecall(show_ms=40)
    counts, starts, shown = spike_counts(task, KEYS[:3]), task.starts(KEYS[:3]), np.empty(3)
    for key, start, count in zip(KEYS, starts, counts, strict=False):
        observe(start, task.parameters(), shown)
        np.testing.assert_array_equal(spikes_of(task.encoder, shown, 40, key)[:, :32].sum(axis=0), count)


def test_the_ideal_observer_by_hand():
    """One spike of a cell: its direction. Equal counts of two neighbours: half way. None: no cell is preferred."""
    ring = RingCells(n_cells=4, width_deg=60.0, rate_hz=100.0)
    answers = ideal_observer(ring, np.array([[0, 5, 0, 0], [3, 3, 0, 0], [0, 0, 0, 0]], float), 1000)
    assert np.degrees(np.arctan2(answers[:2, 1], answers[:2, 0])) == pytest.approx([90, 45], abs=1e-6)
    assert np.hypot(*answers[2]) < 1e-9


def test_errors_of_the_baselines_are_those_of_theory():
    """No memory: 90 degrees. The ideal observer: that of a normal estimate of variance 1 / Fisher information.

    I = show_ms sum_i p_i'^2 / (p_i (1 - p_i)), so the mean error is sqrt(2 / (pi I)).
    """
    task = AngleRecall()
    errors = {name: FAMILY.play(name, task, KEYS, lambda n: KEYS[:n]).trials["error_deg"] for name in FAMILY.baselines}
    p = 0.2 * np.exp((np.cos(0.3 - 2 * np.pi * np.arange(32) / 32) - 1) / np.radians(20.0) ** 2)
    slope = -p * np.sin(0.3 - 2 * np.pi * np.arange(32) / 32) / np.radians(20.0) ** 2
    information = 200 * np.sum(slope**2 / (p * (1 - p)))
    assert errors["no_memory"].mean() == pytest.approx(90.0, abs=6.0)
    assert errors["ideal_observer"].mean() == pytest.approx(np.degrees(np.sqrt(2 / (np.pi * information))), rel=0.08)
    assert errors["ideal_observer"].mean() < errors["population_vector"].mean() < 3.0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"show_ms": 0}, "show_ms must be an integer of at least 1"),
        ({"dark_ms": 40}, "dark_ms must be an integer of at least 50, received 40"),
        ({"answer_ms": 101}, "answer_ms must be an integer from 1 to 100"),
        ({"encoder": FlagCells(("a",))}, "encoder must be one of 3 numbers"),
    ],
)
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        AngleRecall(**keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"n_cells": 1}, "n_cells must be an integer from 2"),
        ({"width_deg": 0.5}, "width_deg must be a number from 1 to 180"),
        ({"rate_hz": 1001.0}, "rate_hz must be at most 1000 Hz"),
        ({"cue_cells": 0}, "cue_cells must be an integer from 1"),
    ],
)
def test_bad_ring_cells_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        RingCells(**keys)


def test_a_baseline_that_reads_spikes_needs_ring_cells():
    flags = AngleRecall(encoder=FlagCells(("x", "y", "cue")))
    assert play("no_memory", flags, KEYS[:4]).shape == (4, 2)
    with pytest.raises(InputError, match="encoder must be RingCells where a baseline reads its spikes"):
        play("ideal_observer", flags, KEYS[:4])
