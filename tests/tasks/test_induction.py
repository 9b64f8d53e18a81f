"""Induction: hand-worked episodes, draws, the table, baselines by their closed forms, the environment."""

import gymnasium
import numpy as np
import pytest

from lsnn.errors import InputError
from tasks.encoders import FlagCells
from tasks.family import Trace
from tasks.induction import Induction
from tasks.induction.baselines import best_lag, play
from tasks.induction.family import FAMILY, all_shown, another_value, keys_in, pairing, steps_to_token
from tasks.induction.task import (
    KEYS,
    N_FLAGS,
    N_STATE,
    ORDER,
    PAIRS,
    PLACE,
    STEP,
    TOKENS,
    VALUES,
    observe,
    target,
    transition,
)

A, B, C, D, E, F = range(TOKENS)
DRAWN = np.random.SeedSequence(11).generate_state(3000, np.uint64)
TASK = Induction(token_ms=2, answer_ms=1, dark_ms=3, first_weight=0.25)


def begun(pairs=((B, E), (D, B)), order=(0, 1)):
    """The first state of an episode: its pairs, and which of them each query asks for."""
    state = np.zeros(N_STATE)
    state[PAIRS] = len(pairs)
    for i, (key, value) in enumerate(pairs):
        state[KEYS + i], state[VALUES + i], state[ORDER + i] = key, value, order[i]
    return state


def walked(start, answer, task=TASK):
    """States (T + 1, N_STATE), flags up, weights, tokens wanted, rewards, acted of an episode under these answers."""
    state, flags, wanted, parameters = start.copy(), np.empty(N_FLAGS), np.empty(TOKENS), task.parameters()
    states, seen, weights, named, rewards, acted = [state.copy()], [], [], [], [], []
    for t in range(task.duration_ms):
        observe(state, parameters, flags)
        seen.append(np.flatnonzero(flags).tolist())
        weights.append(target(state, parameters, wanted))
        named.append(np.flatnonzero(wanted).tolist() if weights[-1] else [])
        reward, answered, terminated = transition(DRAWN[0], t, answer(t), parameters, state)
        assert not terminated and wanted.sum() == 1
        rewards.append(reward)
        acted.append(answered)
        states.append(state.copy())
    return np.array(states), seen, weights, named, np.array(rewards), np.array(acted)


def logits(token, by=1.0):
    return by * np.eye(TOKENS)[token]


def test_an_episode_by_hand():
    """B E D B, a dark of 3 steps, then B? D? at two steps a token; with fewer pairs than the most it ends dark."""
    states, seen, weights, named, rewards, acted = walked(begun(), lambda t: logits(E))
    before = TOKENS
    shown = [[B], [E, before + B], [D, before + E], [B, before + D]]
    asked = [[B], [D, before + B]]
    assert (
        seen == [each for each in shown for _ in range(2)] + [[]] * 3 + [e for e in asked for _ in range(2)] + [[]] * 12
    )
    assert weights == [0, 0.25, 0, 0, 0, 0.25, 0, 0, 0, 0, 0, 0, 1, 0, 1] + [0] * 12
    assert [each for each in named if each] == [[E], [B], [E], [B]]
    assert np.flatnonzero(acted).tolist() == [12, 14] and np.flatnonzero(rewards).tolist() == [12]
    assert states[:, PLACE].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5] + [5] * 13


def test_the_strict_member_shows_the_token_alone():
    task = Induction(token_ms=1, answer_ms=1, previous=False)
    _, seen, *_ = walked(begun(order=(1, 0)), lambda t: logits(A), task)
    assert seen == [[B], [E], [D], [B], [D], [B]] + [[]] * 6


def test_the_answer_is_the_first_of_the_greatest_numbers():
    task = Induction(token_ms=1, answer_ms=1)
    for answer, right in ((logits(E, 0.1), [4]), (logits(B, 3.0), [5]), (np.zeros(TOKENS), []), (-logits(A), [5])):
        *_, rewards, _ = walked(begun(), lambda t, answer=answer: answer, task)
        assert np.flatnonzero(rewards).tolist() == right


def test_draws_keys_without_replacement_values_of_any_token_and_orders_alike():
    starts = Induction().starts(DRAWN)
    pairs = starts[:, PAIRS].astype(int)
    assert np.bincount(pairs)[2:] / len(DRAWN) == pytest.approx(1 / 3, abs=0.03)
    four = starts[pairs == 4].astype(int)
    keys, values, order = four[:, KEYS : KEYS + 4], four[:, VALUES : VALUES + 4], four[:, ORDER : ORDER + 4]
    assert all(len(set(row)) == 4 for row in keys) and np.all(np.sort(order, axis=1) == np.arange(4))
    for draws, count in ((keys, 6), (values, 6), (order, 4)):
        for place in range(4):
            assert np.bincount(draws[:, place]) / len(draws) == pytest.approx(np.full(count, 1 / count), abs=0.05)
    assert np.mean(keys == values) == pytest.approx(1 / 6, abs=0.02)
    assert np.abs(np.corrcoef(np.concatenate([values, order], axis=1).T)[:4, 4:]).max() < 0.12


def test_a_dark_and_the_previous_token_change_no_draw():
    others = Induction(dark_ms=500, previous=False, token_ms=10).starts(DRAWN[:50])
    np.testing.assert_array_equal(others, Induction().starts(DRAWN[:50]))


def test_the_table_by_hand():
    """Queries in the order of the pairs: 4 tokens after the first key, 3 after the second; the dark does not count."""
    table = keys_in(TASK, np.stack([begun(), begun(((A, C), (B, C), (C, C)), (2, 0, 1))]))
    assert table["episode"].tolist() == [0] * 4 + [1] * 6 and table["trial"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert table["key"].tolist() == [B, D, B, D, A, B, C, C, A, B]
    assert table["value"].tolist() == [E, B, E, B] + [C] * 6
    assert table["query"].tolist() == [0, 0, 1, 1, 0, 0, 0, 1, 1, 1]
    assert table["tokens_back"].tolist() == [0, 0, 4, 3, 0, 0, 0, 2, 7, 6]
    assert table["start_ms"].tolist() == [0, 4, 11, 13, 0, 4, 8, 15, 17, 19]
    assert np.all(table["end_ms"] - table["start_ms"] == 2)


def test_the_table_of_an_episode_reads_the_last_step_of_each_key():
    """Logits log 5 for one token and 0 for five others: probabilities 1/2 and 1/10. All alike at first sight."""
    answers = np.zeros((TASK.duration_ms, TOKENS))
    answers[[12, 14]] = np.log(5) * np.eye(TOKENS)[E] + 3.0
    states, *_, rewards, acted = walked(begun(), lambda t: answers[t])
    table = FAMILY.table(TASK, states[None], Trace(answers[None], rewards[None], acted[None]))
    assert table["correct"].tolist() == [False, False, True, False] and table["answer"].tolist() == [A, A, E, E]
    assert table["cross_entropy"] == pytest.approx(np.log([6, 6, 2, 10]))
    assert table["in_context"] == pytest.approx([0, 0, np.log(2 / 6), np.log(10 / 6)])
    told = [measure.of(table, 1) for measure in FAMILY.measures]
    assert told == pytest.approx([0.5, np.log(20) / 2, np.log(20 / 36) / 2])
    assert TASK.metrics(rewards[None], acted[None]) == {"accuracy": 0.5}


def test_baselines_by_their_closed_forms():
    """n values of six, n = 2, 3, 4: the most frequent is right in 7/12, 53/108, 197/432 of cases, .496 of all queries.

    A delay line of 3 places (7, 9 are as good) is on the value of some pair in 4 of 9 queries.
    """
    tables = {name: FAMILY.play(name, Induction(), DRAWN, lambda n: DRAWN[:n]).trials for name in FAMILY.baselines}
    queries = {name: table[table["query"]] for name, table in tables.items()}
    found = queries["most_frequent"]
    for pairs, share in ((2, 7 / 12), (3, 53 / 108), (4, 197 / 432)):
        assert found["correct"][found["pairs"] == pairs].mean() == pytest.approx(share, abs=0.02)
    assert found["correct"].mean() == pytest.approx(0.4959, abs=0.012) and FAMILY.score.chance == pytest.approx(
        0.4959, abs=5e-5
    )
    assert queries["look_up"]["correct"].all() and np.all(queries["look_up"]["cross_entropy"] == 0)
    assert all(np.allclose(table["cross_entropy"][~table["query"]], np.log(6)) for table in tables.values())
    expected = sum(np.mean(right) * pairs for pairs, right in LAG_3.items()) / 9
    assert best_lag(Induction()) == 3 and queries["lag_copy"]["correct"].mean() == pytest.approx(expected, abs=0.012)


# A value of the pairs, 3 places before query j: 4 + j - 3 is odd for j = 0, 2 and so on; right by 1/n + (1 - 1/n)/6
LAG_3 = {2: [7 / 12, 1 / 6], 3: [4 / 9, 1 / 6, 4 / 9], 4: [3 / 8, 1 / 6, 3 / 8, 1 / 6]}


def test_the_most_frequent_value_by_hand():
    start = begun(((A, C), (B, C), (C, D)), (2, 0, 1))
    p = play("most_frequent", Induction(), start[None])[0]
    np.testing.assert_allclose(p[:3], 1 / 6)
    np.testing.assert_allclose(p[3:6], [[0, 0, 2 / 3, 1 / 3, 0, 0]] * 3)
    assert play("look_up", Induction(), start[None])[0, 3:6].argmax(axis=1).tolist() == [D, C, C]


@pytest.mark.parametrize(("step", "left"), [(0, 2), (1, 1), (7, 1), (8, 3), (10, 1), (11, 2), (14, 1), (15, 2)])
def test_steps_to_the_next_token(step, left):
    state = begun()
    state[STEP] = step
    assert steps_to_token(TASK, state[None]).tolist() == [left]


def test_the_place_changes_no_sooner_than_said():
    states, *_ = walked(begun(), lambda t: logits(A))
    for t in range(TASK.duration_ms):
        left = int(steps_to_token(TASK, states[t][None])[0])
        assert len(set(states[t : t + left, PLACE])) == 1


def test_the_study_asks_at_a_query_for_the_pairing_of_the_episode():
    states = np.stack([begun(), begun(((A, C), (D, F)))])[:, None]
    own = pairing(TASK, states)
    assert [np.flatnonzero(row).tolist() for row in own] == [[B * 6 + E, D * 6 + B], [A * 6 + C, D * 6 + F]]
    assert all_shown(TASK, states).tolist() == [8, 8]
    table = keys_in(TASK, states[:, 0])
    table["answer"] = table["value"]
    assert FAMILY.latent.asked(TASK, table).tolist() == table["start_ms"].tolist()
    assert another_value(TASK, own[table["episode"]], table, states).tolist() == [0] * 8
    assert another_value(TASK, own[1 - table["episode"]], table, states).tolist() == [1] * 8  # D goes to B or to F
    table["answer"][table["key"] == D] = F
    assert another_value(TASK, own[[1]].repeat(8, axis=0), table, states)[[1, 3, 0]].tolist() == [0, 0, 1]


def test_environment_has_a_step_a_token():
    env = gymnasium.make("lsnn/Induction-v0", pairs_min=2, pairs_max=2)
    key = int(DRAWN[5])
    start = Induction(pairs_min=2, pairs_max=2).starts(DRAWN[5:6])[0].astype(int)
    observation, info = env.reset(options={"key": key})
    stream = [start[KEYS], start[VALUES], start[KEYS + 1], start[VALUES + 1]]
    stream += [start[KEYS + start[ORDER]], start[KEYS + start[ORDER + 1]]]
    for place, token in enumerate(stream):
        assert observation[token] == 1 and observation[:TOKENS].sum() == 1
        assert info["asked"] == (place >= 4)
        value = int(info["value"])
        assert value == (start[VALUES + start[ORDER + place - 4]] if place >= 4 else -1)
        observation, reward, terminated, truncated, info = env.step(logits(max(value, 0)).astype(np.float32))
        assert (reward, terminated, truncated) == (float(place >= 4), False, place == 5)


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"pairs_min": 0}, "pairs_min must be an integer from 1 to 6"), ({"pairs_max": 7}, "pairs_max"),
     ({"pairs_min": 3, "pairs_max": 2}, "pairs_max must be an integer from 3 to 6"), ({"token_ms": 0}, "token_ms"),
     ({"answer_ms": 26}, "answer_ms must be an integer from 1 to 25"), ({"dark_ms": -1}, "dark_ms"),
     ({"first_weight": 1.5}, "first_weight"), ({"previous": 1}, "previous"),
     ({"encoder": FlagCells(("a",))}, "encoder must be one of 12 numbers")],
)  # fmt: skip
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        Induction(**keys)


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="baseline must be one of most_frequent"):
        play("guess", Induction(), Induction().starts(DRAWN[:1]))
