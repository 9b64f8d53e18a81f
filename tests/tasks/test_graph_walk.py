"""The graph walk: hand-worked walks, draws, the table, baselines by hand, the environment."""

import gymnasium
import numpy as np
import pytest

from lsnn.errors import InputError
from tasks.encoders import FlagCells
from tasks.family import Trace
from tasks.graph_walk import FAMILY, GraphWalk
from tasks.graph_walk.baselines import last_visits, play
from tasks.graph_walk.family import moves_in, steps_to_visit
from tasks.graph_walk.task import (
    LAST,
    MOVE,
    N_FLAGS,
    N_STATE,
    ROOM,
    ROOMS,
    SIDE,
    STEP,
    SYMBOL,
    SYMBOLS,
    VISIT,
    going_to,
    observe,
    target,
    transition,
)

NORTH, EAST, SOUTH, WEST = range(4)
DRAWN = np.random.SeedSequence(12).generate_state(2000, np.uint64)
TASK = GraphWalk(visit_ms=3, visits=5, side_min=2, side_max=2, answer_ms=2, first_weight=0.25)
RING = np.array([7, 4, 2, 9])  # symbols of the rooms 0, 1, 2, 3 of a grid of two by two: 0 1 over 2 3


def begun(room=0, move=EAST, symbols=RING, side=2):
    """The first state of an episode."""
    state = np.zeros(N_STATE)
    state[SIDE], state[ROOM], state[MOVE] = side, room, move
    state[SYMBOL : SYMBOL + len(symbols)] = symbols
    state[LAST:] = -1.0
    state[LAST + room] = 0.0
    return state


def walked(start, answer, task=TASK):
    """States (T + 1, N_STATE), flags up, weights, symbols wanted, rewards, acted of an episode under these answers."""
    state, flags, wanted, parameters = start.copy(), np.empty(N_FLAGS), np.empty(SYMBOLS), task.parameters()
    states, seen, weights, named, rewards, acted = [state.copy()], [], [], [], [], []
    for t in range(task.duration_ms):
        observe(state, parameters, flags)
        seen.append(np.flatnonzero(flags).tolist())
        weights.append(target(state, parameters, wanted))
        named.append(int(wanted.argmax()))
        reward, answered, terminated = transition(DRAWN[0], t, answer(t), parameters, state)
        assert not terminated and wanted.sum() == 1
        rewards.append(reward)
        acted.append(answered)
        states.append(state.copy())
    return np.array(states), seen, weights, named, np.array(rewards), np.array(acted)


def logits(symbol, by=1.0):
    return by * np.eye(SYMBOLS)[symbol]


def test_an_episode_by_hand():
    """Two by two rooms leave one way, round the ring: 7 east 4 south 9 west 2 north 7 east 4, three steps each.

    The fourth move leads to the first room again, the fifth to the second: only they are answered.
    """
    states, seen, weights, named, rewards, acted = walked(begun(), lambda t: logits(7))
    visits = [[7, SYMBOLS + EAST], [4, SYMBOLS + SOUTH], [9, SYMBOLS + WEST], [2, SYMBOLS + NORTH], [7, SYMBOLS + EAST]]
    assert seen == [each for each in visits for _ in range(3)]
    assert weights == 3 * [0, 0.25, 0.25] + 2 * [0, 1, 1]
    assert named == [each for each in (4, 9, 2, 7, 4) for _ in range(3)]
    assert np.flatnonzero(acted).tolist() == [11, 14] and np.flatnonzero(rewards).tolist() == [11]
    assert states[::3, ROOM].tolist() == [0, 1, 3, 2, 0, 1] and states[::3, VISIT].tolist() == [0, 1, 2, 3, 4, 5]
    assert states[-1, LAST : LAST + 4].tolist() == [4, 5, 3, 2]


def test_after_the_last_visit_nothing_is_shown_or_asked():
    state, flags, wanted = walked(begun(), lambda t: logits(7))[0][-1], np.empty(N_FLAGS), np.empty(SYMBOLS)
    observe(state, TASK.parameters(), flags)
    assert not flags.any() and target(state, TASK.parameters(), wanted) == 0
    for t in range(15, 22):
        assert transition(DRAWN[0], t, logits(4), TASK.parameters(), state) == (0.0, False, False)
    assert state[VISIT] == 5 and state[ROOM] == 1


def test_the_answer_is_the_first_of_the_greatest_numbers():
    for answer, right in ((logits(4, 0.1), [14]), (np.zeros(SYMBOLS), []), (-logits(0), []), (logits(7, 3.0), [11])):
        *_, rewards, _ = walked(begun(), lambda t, answer=answer: answer)
        assert np.flatnonzero(rewards).tolist() == right


@pytest.mark.parametrize(
    ("room", "move", "to"),
    [(4, NORTH, 1), (4, EAST, 5), (4, SOUTH, 7), (4, WEST, 3), (0, NORTH, 0), (0, WEST, 0),
     (8, EAST, 8), (8, SOUTH, 8)],
)  # fmt: skip
def test_moves_lead_to_neighbours_and_through_no_wall(room, move, to):
    assert going_to(begun(room, move, np.zeros(9), 3)[None]).tolist() == [to]


def test_walks_draw_among_all_moves_but_back_and_into_walls():
    """From inside a grid three moves as often; sides, first rooms and symbols uniform."""
    walks = GraphWalk(visits=40).walks(DRAWN)
    side, room, move = (walks[..., i].astype(int) for i in (SIDE, ROOM, MOVE))
    assert np.bincount(side[:, 0])[3:] / len(DRAWN) == pytest.approx(np.full(4, 1 / 4), abs=0.04)
    x, y = room % side, room // side
    steps = np.abs(np.diff(x, axis=1)) + np.abs(np.diff(y, axis=1))
    assert np.all(steps == 1) and np.all((x < side) & (y < side))
    assert np.all((move[:, 1:] - move[:, :-1]) % 4 != 2)
    inside = ((x > 0) & (y > 0) & (x < side - 1) & (y < side - 1))[:, 1:]
    turns = np.bincount(((move[:, 1:] - move[:, :-1]) % 4)[inside], minlength=4) / inside.sum()
    assert turns == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3], abs=0.01)
    three = room[side[:, 0] == 3, 0]
    assert np.bincount(three, minlength=9) / len(three) == pytest.approx(np.full(9, 1 / 9), abs=0.05)
    symbols = walks[:, 0, SYMBOL:LAST].astype(int)
    assert np.bincount(symbols.ravel()) / symbols.size == pytest.approx(np.full(SYMBOLS, 0.1), abs=0.005)
    assert np.abs(np.corrcoef(symbols[:, :8].T) - np.eye(8)).max() < 0.1


def test_a_walk_is_what_the_steps_of_an_episode_lead_to():
    task = GraphWalk(visit_ms=2, visits=12, answer_ms=1)
    walk = task.walks(DRAWN[:1])[0]
    states, *_ = walked(walk[0], lambda t: logits(0), task)
    np.testing.assert_array_equal(states[::2], walk)


def test_other_lengths_change_no_draw():
    others = GraphWalk(visit_ms=5, answer_ms=1, visits=12, first_weight=1.0).walks(DRAWN[:50])
    np.testing.assert_array_equal(others, GraphWalk().walks(DRAWN[:50])[:, :13])


def ring_walk():
    """The walk of `test_an_episode_by_hand`, at its visits."""
    return walked(begun(), lambda t: logits(0))[0][None, ::3]


def test_the_table_by_hand():
    table = moves_in(TASK, ring_walk())
    assert table["trial"].tolist() == [0, 1, 2, 3, 4] and table["start_ms"].tolist() == [0, 3, 6, 9, 12]
    assert np.all(table["end_ms"] - table["start_ms"] == 3) and np.all(table["side"] == 2)
    assert table["room"].tolist() == [1, 3, 2, 0, 1] and table["symbol"].tolist() == [4, 9, 2, 7, 4]
    assert table["east"].tolist() == [1, 1, 0, 0, 1] and table["south"].tolist() == [0, 1, 1, 0, 0]
    assert table["known"].tolist() == [0, 0, 0, 1, 1] and table["visits_back"].tolist() == [0, 0, 0, 4, 4]


def test_the_table_of_an_episode_reads_the_last_step_of_each_visit():
    """Logits log 9 for one symbol and 0 for nine others: probabilities 1/2 and 1/18. All alike at first sight."""
    answers = np.zeros((TASK.duration_ms, SYMBOLS))
    answers[[11, 14]] = logits(7, np.log(9)) + 3.0
    states, *_, rewards, acted = walked(begun(), lambda t: answers[t])
    table = FAMILY.table(TASK, states[None], Trace(answers[None], rewards[None], acted[None]))
    assert table["answer"].tolist() == [0, 0, 0, 7, 7] and table["correct"].tolist() == [0, 0, 0, 1, 0]
    assert table["cross_entropy"] == pytest.approx(np.log([10, 10, 10, 2, 18]))
    assert [measure.of(table, 1) for measure in FAMILY.measures] == pytest.approx([0.5, np.log(36) / 2])
    assert TASK.metrics(rewards[None], acted[None]) == {"accuracy": 0.5}


def test_baselines_by_hand():
    """The ring with 7 in two rooms: 7 east 4 south 7 west 2 north 7 east 4."""
    walk = walked(begun(symbols=[7, 4, 2, 7]), lambda t: logits(0))[0][None, ::3]
    frequent, likely, known = (play(name, walk)[0] for name in FAMILY.baselines)
    thirds = logits(7, 2 / 3) + logits(4, 1 / 3)
    np.testing.assert_allclose(frequent[:3], [logits(7), (logits(7) + logits(4)) / 2, thirds])
    np.testing.assert_allclose(frequent[3], [0, 0, 1 / 4, 0, 1 / 4, 0, 0, 1 / 2, 0, 0])
    np.testing.assert_allclose(likely[:4], frequent[:4])  # no such move from such a symbol yet
    np.testing.assert_allclose(likely[4], (logits(4) + play("most_frequent", walk)[0, 4]) / 2)  # 7 east led to 4
    np.testing.assert_allclose(known, [*np.full((3, SYMBOLS), 0.1), logits(7), logits(4)])


def test_a_move_back_counts_as_well():
    """0 1 2 over 3 4 5 over ...: east, then later west from the same room leads back."""
    path = np.stack([begun(room, move, np.arange(9), 3) for room, move in ((0, EAST), (1, WEST), (0, EAST))])
    path[:, VISIT] = np.arange(3)
    np.testing.assert_allclose(play("transitions", path[None])[0, 1], (logits(0) + (logits(0) + logits(1)) / 2) / 2)


def test_last_visits_are_those_of_the_walk():
    walks = GraphWalk(visits=30).walks(DRAWN[:40])
    room = walks[..., ROOM].astype(int)
    for rooms, found in zip(room, last_visits(walks), strict=True):
        for move in range(30):
            before = np.flatnonzero(rooms[: move + 1] == rooms[move + 1])
            assert found[move] == (before[-1] if len(before) else -1)
            assert not len(before) or move + 1 - before[-1] >= 4


def test_the_map_is_right_and_others_are_less():
    scores = {}
    for name in FAMILY.baselines:
        trials = FAMILY.play(name, GraphWalk(), DRAWN, lambda count: DRAWN[:count]).trials
        scores[name] = FAMILY.score.of(trials, len(DRAWN))
        assert trials["known"].mean() == pytest.approx(0.70, abs=0.02)
    assert scores["map"] == 1
    assert scores["most_frequent"] == pytest.approx(0.237, abs=0.01)
    assert scores["transitions"] == pytest.approx(0.606, abs=0.015)


def test_a_test_goes_through_the_sides_of_its_task():
    assert list(FAMILY.variants_of(GraphWalk())) == ["side_3", "side_4", "side_5", "side_6"]
    assert list(FAMILY.variants_of(GraphWalk(side_min=4, side_max=4))) == ["side_4"]


@pytest.mark.parametrize(("step", "left"), [(0, 3), (1, 2), (2, 1), (3, 1)])
def test_steps_to_the_next_visit(step, left):
    state = begun()
    state[STEP] = step
    assert steps_to_visit(TASK, state[None]).tolist() == [left]


def test_states_that_no_episode_reaches_are_walked_on_within_bounds():
    """Numbers that are no room, side, move or symbol are read as the least ones."""
    for number in (np.nan, np.inf, -5.0, 1e300):
        state = np.full(N_STATE, number)
        state[VISIT], state[STEP] = 0.0, 2.0
        observe(state, TASK.parameters(), flags := np.empty(N_FLAGS))
        assert flags.sum() == 2
        transition(DRAWN[0], 0, logits(0), TASK.parameters(), state)
        assert state[ROOM] in range(ROOMS) and state[VISIT] == 1


def test_environment_has_a_step_a_visit():
    env, key = gymnasium.make("lsnn/GraphWalk-v0", side_min=3, side_max=3, visits=20), int(DRAWN[5])
    walk = GraphWalk(side_min=3, side_max=3, visits=20).walks(DRAWN[5:6])
    table = moves_in(GraphWalk(), walk)
    observation, info = env.reset(options={"key": key})
    for visit, row in enumerate(table):
        symbol = int(walk[0, 0, SYMBOL + int(walk[0, visit, ROOM])])
        assert np.flatnonzero(observation).tolist() == [symbol, SYMBOLS + int(walk[0, visit, MOVE])]
        assert (info["room"], info["symbol"], info["known"]) == (walk[0, visit, ROOM], row["symbol"], row["known"])
        observation, reward, terminated, truncated, info = env.step(logits(row["symbol"]).astype(np.float32))
        assert (reward, terminated, truncated) == (float(row["known"]), False, visit == 19)
    assert info["symbol"] == -1 and not info["known"] and not observation.any()


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"side_min": 1}, "side_min must be an integer from 2 to 6"), ({"side_max": 7}, "side_max"),
     ({"side_min": 5, "side_max": 4}, "side_max must be an integer from 5 to 6"), ({"visit_ms": 0}, "visit_ms"),
     ({"answer_ms": 21}, "answer_ms must be an integer from 1 to 20"), ({"visits": 0}, "visits"),
     ({"first_weight": -0.5}, "first_weight"), ({"encoder": FlagCells(("a",))}, "encoder must be one of 14 numbers")],
)  # fmt: skip
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        GraphWalk(**keys)


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="baseline must be one of most_frequent"):
        play("guess", ring_walk())
