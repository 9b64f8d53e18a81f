"""Mazes with several platforms: what is drawn, what a cue tells, and baselines with and without cues."""

from itertools import combinations

import gymnasium
import numpy as np
import pytest

import tasks
from lsnn.errors import InputError
from tasks.encoders import CuedPlaceCells, PlaceCells
from tasks.water_maze.baselines import swim
from tasks.water_maze.dynamics import (
    COUNT,
    CUE,
    FOUND,
    GOAL,
    MOST_PLATFORMS,
    PLACES,
    PLATFORM_X,
    PLATFORM_Y,
    SEEN,
    TRIAL,
    X,
    Y,
    begin,
    observe,
    transition,
)
from tasks.water_maze.trials import trials_table

KEYS = np.arange(64, dtype=np.uint64)


def maze(platforms=4, least=None, **settings):
    cells = CuedPlaceCells()
    return tasks.load("water-maze", platforms=platforms, platforms_min=least, encoder=cells, **settings)


def begun(task, keys=KEYS):
    states = np.zeros((len(keys), task.n_state))
    for key, state in zip(keys, states, strict=True):
        begin(key, task.parameters(), state)
    return states


def places(state):
    return state[PLACES : PLACES + 2 * int(state[COUNT])].reshape(-1, 2)


@pytest.fixture(scope="module")
def task():
    return maze()


@pytest.fixture(scope="module")
def records(task):
    return {name: swim(name, KEYS, task) for name in ("circling", "last_place", "all_places", "memory", "oracle")}


def test_platforms_lie_on_the_circle_and_hardly_ever_touch(task):
    found = [places(state) for state in begun(task)]
    assert {len(each) for each in found} == {4}
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 0.85)
    gaps = [np.linalg.norm(a - b) for each in found for a, b in combinations(each, 2)]
    assert np.mean(np.array(gaps) > 0.6) > 0.99


def test_their_number_is_uniform_in_its_range_and_the_first_is_that_of_a_maze_with_one():
    mixed = begun(maze(4, 1), np.arange(400, dtype=np.uint64))
    counts = np.bincount(mixed[:, COUNT].astype(int), minlength=5)[1:]
    assert counts.sum() == 400 and counts.min() > 70
    alone = begun(tasks.load("water-maze"))
    np.testing.assert_array_equal(mixed[: len(KEYS), PLACES : PLACES + 2], alone[:, [PLATFORM_X, PLATFORM_Y]])
    one = mixed[mixed[:, COUNT] == 1][0]
    assert one[GOAL] == 0 and (one[PLATFORM_X], one[PLATFORM_Y]) == tuple(one[PLACES : PLACES + 2])


def test_each_trial_has_one_of_them_and_its_cue_is_the_same_throughout_an_episode(records):
    for name in ("circling", "memory"):
        states = records[name].task_state
        goals, cues = states[..., GOAL].astype(int), states[..., CUE].astype(int)
        for episode in range(len(KEYS)):
            told = {goal: set(cues[episode][goals[episode] == goal]) for goal in set(goals[episode])}
            assert all(len(cue) == 1 for cue in told.values())
            assert len(set.union(*told.values())) == len(told)
        np.testing.assert_array_equal(states[0, :, [PLATFORM_X, PLATFORM_Y]].T, places(states[0, 0])[goals[0]])
    starts = np.concatenate([np.flatnonzero(np.diff(records["oracle"].task_state[k, :, TRIAL])) for k in range(8)])
    goals = records["oracle"].task_state[:8][:, 1:, GOAL]
    assert len(starts) > 100 and set(np.unique(goals)) == {0, 1, 2, 3}


def test_platforms_of_trials_do_not_depend_on_behaviour(records):
    first = {name: {int(s[TRIAL]): s[GOAL] for s in record.task_state[3][::-1]} for name, record in records.items()}
    both = set(first["circling"]) & set(first["oracle"])
    assert len(both) > 8 and all(first["circling"][trial] == first["oracle"][trial] for trial in both)


def test_the_cue_is_shown_for_its_time_after_the_release():
    task = maze(cue_ms=3, rest_ms=2, dark_ms=2)
    state, shown, cues, observation = begun(task)[0], [], [], np.zeros(task.n_observation)
    state[[X, Y]] = 0.5 * state[[PLATFORM_X, PLATFORM_Y]]  # 0.425 from its centre, 7 steps from its rim
    for t in range(12):
        observe(state, task.parameters(), observation)
        shown.append("".join("x" if flag else "." for flag in observation[4:]))
        cues.append(int(state[CUE]))
        towards = state[[PLATFORM_X, PLATFORM_Y]] - state[[X, Y]]
        transition(KEYS[0], t, towards / np.linalg.norm(towards), task.parameters(), state)
    up = ["".join("x" if place == cue else "." for place in range(MOST_PLATFORMS)) for cue in cues]
    # three steps with the cue, four without, four of rest and dark, the release
    assert shown == [*up[:3], *["...."] * 8, up[11]] and state[TRIAL] == 1


def test_a_cue_that_lasts_is_up_on_the_platform_and_not_in_the_dark():
    task = maze(cue_ms=100, rest_ms=2, dark_ms=2)
    state, shown, observation = begun(task)[0], [], np.zeros(task.n_observation)
    state[[X, Y]] = 0.6 * state[[PLATFORM_X, PLATFORM_Y]]  # 0.34 from its centre, reached in two steps
    for t in range(6):
        observe(state, task.parameters(), observation)
        shown.append(bool(observation[4:].any()))
        transition(KEYS[0], t, state[[PLATFORM_X, PLATFORM_Y]] / 0.85, task.parameters(), state)
    assert shown == [True] * 4 + [False] * 2 and state[TRIAL] == 1


def test_a_visit_is_remembered_as_that_of_its_platform(records):
    states = records["oracle"].task_state[0]
    for t in np.flatnonzero(np.diff(states[:, TRIAL]))[:10]:
        visited = int(states[t, GOAL])
        assert int(states[t, SEEN]) & (1 << visited)
    released = states[np.flatnonzero(np.diff(states[:, TRIAL])) + 1]
    known = [bool(int(s[SEEN]) & (1 << int(s[GOAL]))) for s in released]
    np.testing.assert_array_equal(released[:, FOUND] > 0, known)
    assert not known[0] or released[0, GOAL] == states[0, GOAL]


def test_who_knows_more_finds_more(records):
    visits = {name: (record.reward > 0.5).sum() / len(KEYS) for name, record in records.items()}
    assert visits["last_place"] < visits["all_places"] < visits["memory"] < visits["oracle"]
    assert visits["all_places"] > visits["circling"] and visits["memory"] > 1.5 * visits["all_places"]


def test_of_one_platform_the_last_place_is_memory():
    alone = maze(1)
    assert np.all(begun(alone)[:, COUNT] == 1)
    last, memory = (swim(name, KEYS, alone).reward for name in ("last_place", "memory"))
    assert abs((last > 0.5).sum() - (memory > 0.5).sum()) <= 0.02 * (memory > 0.5).sum()


def test_without_a_cue_the_second_known_place_is_tried_next(task, records):
    trials = trials_table(task, records["all_places"].task_state)
    states = records["all_places"].task_state
    late = [row for row in trials if row["found"] and states[row["episode"], row["start_ms"], SEEN] == 15]
    assert len(late) > 100
    latency = np.array([row["latency_ms"] for row in late])
    assert np.median(latency) < 160 and latency.max() < 2000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"platforms": 0}, "platforms must be an integer from 1 to 4"),
        ({"platforms": 5}, "platforms must be an integer from 1 to 4"),
        ({"platforms": 2, "platforms_min": 3}, "platforms_min must be an integer from 1 to 2"),
        ({"platforms": 2, "reversal_ms": 100}, "reversal_ms must be -1 with several platforms"),
        ({"platforms": 2, "cue_ms": 0}, "cue_ms must be an integer"),
        ({"platforms": 2, "encoder": PlaceCells()}, "encoder must be one of 8 numbers"),
        ({"platforms": 1, "reversal_ms": 100}, "reversal_ms must be -1 with several platforms or cues"),
    ],
)
def test_settings_that_break_their_rule(settings, words):
    with pytest.raises(InputError, match=words):
        tasks.load("water-maze", **({"encoder": CuedPlaceCells()} | settings))


def test_baselines_without_cues_are_of_mazes_with_several_platforms():
    with pytest.raises(InputError, match="of several platforms for the baseline last_place"):
        swim("last_place", KEYS[:1], tasks.load("water-maze"))
    family = tasks.load("water-maze").family
    assert "last_place" not in family.baselines_of(tasks.load("water-maze"))
    assert {"last_place", "all_places"} <= set(family.baselines_of(maze()))


def test_cells_of_the_cue_fire_while_it_is_shown():
    encoder = CuedPlaceCells(cue_cells=5, flag_rate_hz=1000.0)
    assert encoder.n_inputs == PlaceCells().n_inputs + MOST_PLATFORMS * 5 and encoder.channels[-1] == ("cue 4", 5)
    from tasks.encoders.cued_place import encode_cued_places

    for cue in range(MOST_PLATFORMS):
        observation, spikes = np.array([0.0, 0, 0, 0, 0, 0, 0, 0]), np.zeros(encoder.n_inputs, np.uint8)
        observation[4 + cue] = 1
        encode_cued_places(KEYS[1], 0, observation, encoder.parameters(), spikes, np.uint8(1))
        fired = spikes[-20:].reshape(4, 5)
        assert fired[cue].all() and fired.sum() == 5


def test_it_is_an_environment_with_flags_of_cues():
    env = gymnasium.make("lsnn/WaterMaze-v0", platforms=3, encoder=CuedPlaceCells())
    observation, info = env.reset(seed=1)
    assert env.observation_space.shape == (8,) and observation[4:].sum() == 1 and "platform" in info
