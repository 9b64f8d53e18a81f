"""Store and recall: hand-worked slots, the schedule, the stream, and the table of recalls."""

from itertools import islice

import numpy as np
import pytest

from lsnn.errors import InputError
from tasks.encoders import FlagCells
from tasks.store_recall import (
    BIT,
    DELAY,
    KEPT,
    N_STATE,
    NO_SIGNAL,
    RECALL,
    SIGNAL,
    SLOT,
    STEP,
    STORE,
    StoreRecall,
    begin,
    observe,
    recalls_table,
    target,
    transition,
)

TASK = StoreRecall(slot_ms=4, delay_min=1, delay_max=3, wait_max=2, answer_ms=2, duration_ms=400)
KEYS = np.random.SeedSequence(1).generate_state(200, np.uint64)


def run(key, answer=lambda state: 1.0, task=TASK):
    """States (T + 1, N_STATE), reward and acted (T,) of an episode."""
    parameters, state = task.parameters(), np.zeros(N_STATE)
    begin(key, parameters, state)
    states, rewards, acted = [state.copy()], [], []
    for t in range(task.duration_ms):
        reward, answered, terminated = transition(key, t, np.array([answer(state)]), parameters, state)
        states.append(state.copy())
        rewards.append(reward)
        acted.append(answered)
        assert not terminated
    return np.array(states), np.array(rewards), np.array(acted)


def at(signal, bit=1.0, kept=0.0, step=0.0):
    state = np.zeros(N_STATE)
    state[SIGNAL], state[BIT], state[KEPT], state[STEP] = signal, bit, kept, step
    return state


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        (at(NO_SIGNAL, bit=0.0), [1, 0, 0, 0]),
        (at(NO_SIGNAL, bit=1.0), [0, 1, 0, 0]),
        (at(STORE, bit=1.0), [0, 1, 1, 0]),
        (at(RECALL, bit=1.0), [0, 0, 0, 1]),
    ],
)
def test_flags_of_a_slot(state, flags):
    observation = np.full(4, 9.0)
    observe(state, TASK.parameters(), observation)
    np.testing.assert_array_equal(observation, flags)


def test_nothing_is_shown_in_the_last_part_of_a_delay():
    task = StoreRecall(slot_ms=4, delay_min=2, delay_max=3, wait_max=2, answer_ms=2, dark_ms=6, duration_ms=400)
    parameters, observation, shown = task.parameters(), np.empty(4), []
    for states in run(KEYS[0], task=task)[0]:
        observe(states, parameters, observation)
        shown.append(observation.copy())
    shown = np.array(shown)
    recalls = np.flatnonzero(np.diff(shown[:, 3]) > 0) + 1
    dark = np.unique(recalls[:, None] - np.arange(1, 7))
    assert len(recalls) > 10 and not shown[dark].any()
    np.testing.assert_array_equal(np.delete(shown, dark, axis=0).any(axis=1), True)


def test_a_dark_fits_into_every_delay():
    with pytest.raises(InputError, match="dark_ms must be an integer from 0 to 100, received 101"):
        StoreRecall(delay_min=1, dark_ms=101)


def test_target_is_the_bit_kept_in_the_last_part_of_a_recall():
    wanted = np.zeros(1)
    weights = [target(at(RECALL, kept=1.0, step=step), TASK.parameters(), wanted) for step in range(4)]
    assert weights == [0, 0, 1, 1] and wanted[0] == 1
    assert target(at(STORE, kept=0.0, step=3.0), TASK.parameters(), wanted) == 0 and wanted[0] == -1


@pytest.mark.parametrize(
    ("kept", "answer", "reward"), [(1, 0.1, 1), (1, -0.1, 0), (0, -2.0, 1), (0, 2.0, 0), (1, 0.0, 0)]
)
def test_only_the_last_step_of_a_recall_is_scored(kept, answer, reward):
    for step in range(4):
        earned, acted, _ = transition(KEYS[0], 0, np.array([answer]), TASK.parameters(), at(RECALL, 0, kept, step))
        assert (earned, acted) == ((reward, True) if step == 3 else (0, False))


def test_signals_follow_each_other_after_delays_and_waits_within_their_bounds():
    delays, waits, bits = [], [], []
    for key in KEYS:
        slots = run(key)[0][:: TASK.slot_ms]
        np.testing.assert_array_equal(slots[:, SLOT], np.arange(len(slots)))
        signalled = np.flatnonzero(slots[:, SIGNAL] != NO_SIGNAL)
        kinds = slots[signalled, SIGNAL]
        np.testing.assert_array_equal(kinds, np.where(np.arange(len(kinds)) % 2 == 0, STORE, RECALL))
        between = np.diff(signalled) - 1
        delays += between[::2].tolist()
        waits += [signalled[0], *between[1::2].tolist()]
        bits += slots[:, BIT].tolist()
        for store, recall in zip(signalled[::2], signalled[1::2], strict=False):
            assert slots[recall, KEPT] == slots[store, BIT] and slots[recall, DELAY] == recall - store - 1
    assert set(delays) == {1, 2, 3} and set(waits) == {0, 1, 2}
    assert np.bincount(delays)[1:] / len(delays) == pytest.approx(1 / 3, abs=0.04)
    assert np.mean(bits) == pytest.approx(0.5, abs=0.02)


def test_who_knows_the_bit_never_errs_and_who_says_one_errs_half_the_time():
    knows = [run(key, lambda state: 2 * state[KEPT] - 1)[1:] for key in KEYS[:40]]
    ones = [run(key)[1:] for key in KEYS]
    for episodes, error in ((knows, 0.0), (ones, 0.5)):
        reward, acted = (np.stack(arrays) for arrays in zip(*episodes, strict=True))
        assert TASK.metrics(reward, acted)["error"] == pytest.approx(error, abs=0.03 if error else 0)


def test_stream_is_what_the_network_meets():
    states = run(KEYS[3])[0][:: TASK.slot_ms]
    observation, wanted = np.zeros(4), np.zeros(1)
    for slot, state in zip(islice(TASK.stream(int(KEYS[3])), 60), states, strict=False):
        observe(state, TASK.parameters(), observation)
        np.testing.assert_array_equal(slot.x, observation)
        target(state, TASK.parameters(), wanted)
        assert slot.y == (wanted[0] if state[SIGNAL] == RECALL else None)


def test_table_has_a_row_a_recall():
    answers = [lambda state: 1.0, lambda state: 2 * state[KEPT] - 1]
    episodes = [run(key, answer) for key, answer in zip(KEYS[:2], answers, strict=True)]
    states, acted = np.stack([e[0] for e in episodes]), np.stack([e[2] for e in episodes])
    said = np.stack([np.ones(TASK.duration_ms), 2 * states[1, :-1, KEPT] - 1])
    table = recalls_table(TASK, states, said)
    np.testing.assert_array_equal(np.stack([table["episode"], table["end_ms"] - 1]), np.nonzero(acted))
    assert not table["wrong"][table["episode"] == 1].any()
    np.testing.assert_array_equal(table["wrong"][table["episode"] == 0], table["bit"][table["episode"] == 0] == 0)
    assert set(table["delay_ms"]) <= {4, 8, 12}
    for episode in (0, 1):
        own = table[table["episode"] == episode]
        stored = np.flatnonzero((states[episode, :-1, SIGNAL] == STORE) & (states[episode, :-1, STEP] == 0))
        np.testing.assert_array_equal(own["start_ms"], stored[: len(own)])
        np.testing.assert_array_equal(own["trial"], np.arange(len(own)))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"slot_ms": 0}, "slot_ms must be an integer of at least 1"),
        ({"delay_max": 2, "delay_min": 3}, "delay_max must be an integer of at least 3"),
        ({"answer_ms": 101}, "answer_ms must be an integer from 1 to 100"),
        ({"duration_ms": 900}, "duration_ms must be an integer of at least 3700"),
        ({"encoder": FlagCells(("a",))}, "encoder must be FlagCells of 4 flags"),
    ],
)
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        StoreRecall(**keys)
