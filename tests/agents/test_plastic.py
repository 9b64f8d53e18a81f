"""Agents with plastic weights: their rules by hand, their authors' tasks, the water maze with weights reset."""

import math
import subprocess
import sys

import numpy as np
import pytest

from agents.plastic import actor_critic as model
from agents.plastic import btsp, one_shot, pool
from agents.plastic.actor_critic import ACTOR, CRITIC, GOAL_X, KNOWN, PREFERENCE, TO_GOAL, X_OF, Y_OF, ActorCritic
from agents.plastic.playing import play, raised
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import swim

MAZE = WaterMaze(duration_ms=300)
KEYS = np.arange(1, 9, dtype=np.uint64)


def test_td_error_by_hand():
    assert model.td_error(0.0, 0.9, 2.0, 3.0) == pytest.approx(0.7)
    assert model.td_error(1.0, 0.9, 0.4, 0.0) == pytest.approx(0.6)


def two_cells():
    """Weights of two place cells with values 0.5 and 1, nothing remembered; cells before and after a step."""
    weights, memory = np.zeros((model.N_ROWS, 2)), np.zeros(model.N_MEMORY)
    weights[CRITIC] = 0.5, 1.0
    return weights, memory, np.array([1.0, 0.0]), np.array([0.0, 1.0])


def learn(reward, action, coordinates=True, trace=(2.0, 0.0), known=0.0):
    settings = ActorCritic(
        coordinates, critic_rate=0.1, actor_rate=0.2, goal_rate=0.3, coordinate_rate=0.5, discount=0.9, trace=0.5
    )
    weights, memory, before, after = two_cells()
    memory[KNOWN] = known
    numbers, kept = settings.parameters(), np.array(trace)
    error = model.learn(weights, memory, before, after, action, 0.04, -0.02, reward, numbers, kept, False)
    return error, weights, memory, kept


def test_a_step_changes_critic_and_actor_by_the_error():
    error, weights, memory, _ = learn(0.0, 2)
    assert error == pytest.approx(0.9 * 1.0 - 0.5)
    np.testing.assert_allclose(weights[CRITIC], [0.5 + 0.1 * 0.4, 1.0])
    np.testing.assert_allclose(weights[ACTOR + 2], [0.2 * 0.4, 0.0])
    assert not weights[ACTOR : ACTOR + 2].any() and not memory.any()


def test_the_platform_ends_what_is_expected_and_is_remembered():
    error, weights, memory, _ = learn(1.0, 2)
    assert error == pytest.approx(1.0 - 0.5) and memory[KNOWN] == 1.0
    np.testing.assert_allclose(weights[CRITIC], [0.55, 1.0])


def test_the_ninth_action_learns_only_once_a_goal_is_known():
    assert learn(0.0, TO_GOAL)[2][PREFERENCE] == 0.0
    _, weights, memory, _ = learn(0.0, TO_GOAL, known=1.0)
    assert memory[PREFERENCE] == pytest.approx(0.3 * 0.4) and not weights[ACTOR : ACTOR + 8].any()


def test_coordinates_follow_the_trace():
    _, weights, _, trace = learn(0.0, 2)
    np.testing.assert_allclose(trace, [1.0, 1.0])  # half of 2, and the cell of now
    np.testing.assert_allclose(weights[X_OF], [-0.02, -0.02])  # 0.5 (0 - 0 - 0.04)
    np.testing.assert_allclose(weights[Y_OF], [0.01, 0.01])
    assert not learn(0.0, 2, coordinates=False)[1][X_OF].any()


def test_actions_are_drawn_from_the_softmax():
    preference = np.array([0.0, math.log(3.0) / 2.0])
    assert [model.sampled(preference, 2, 2.0, u) for u in (0.0, 0.24, 0.26, 0.999)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("heading", "action", "turned"),
    [((0, 0), 5, (0, 1)), ((1, 0), 5, (math.sqrt(0.5), math.sqrt(0.5))), ((-1, 0), 3, (0, 0)), ((1, 0), 3, (1, 0))],
)
def test_headings_have_momentum(heading, action, turned):
    weights, memory, before, _ = two_cells()
    now = np.array(heading, float)
    model.head_for(action, weights, memory, before, 1.0, 0.0, now)
    np.testing.assert_allclose(now, turned, atol=1e-12)


def test_a_rat_with_perfect_coordinates_swims_straight():
    """From 0.95 east to a platform at 0.3 east: 0.65 less its radius, in steps of 0.03."""
    settings = ActorCritic(True, cells=80, critic_rate=0.0, actor_rate=0.0, goal_rate=0.0, coordinate_rate=0.0)
    centres = np.zeros((settings.cells, 2))
    model.scatter_cells(np.uint64(3), centres)
    places = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    f = np.exp(-0.5 * np.square(places[:, None] - centres).sum(axis=2) / settings.width**2)
    weights, memory = np.zeros((model.N_ROWS, settings.cells)), np.zeros(model.N_MEMORY)
    weights[X_OF], weights[Y_OF] = np.linalg.lstsq(f, places, rcond=1e-6)[0].T
    memory[[GOAL_X, KNOWN, PREFERENCE]] = 0.3, 1.0, 100.0
    work = (*np.zeros((3, settings.cells)), np.zeros(9), *np.zeros((3, 2)))
    took = pool._trial(np.uint64(0), 0, 0, pool.PLATFORMS[0], centres, weights, memory, settings.parameters(), work)
    assert took == math.ceil((0.65 - 0.06) / 0.03)


def test_who_leaves_the_pool_is_set_back():
    place = np.array([0.99, 0.0])
    pool.advance(place, np.array([1.0, 0.0]))
    np.testing.assert_allclose(place, [0.98, 0.0])


def test_rats_of_one_key_live_alike_and_learn_where_the_platform_stays():
    keys = np.arange(6, dtype=np.uint64)
    latency = pool.escape_latencies(ActorCritic(), keys, 4, False)
    np.testing.assert_array_equal(latency, pool.escape_latencies(ActorCritic(), keys, 4, False))
    assert latency.shape == (6, 4, 4) and latency.max() <= 120.0 and len(np.unique(latency[:, 0, 0])) > 1
    assert latency[:, 3].mean() < 0.5 * latency[:, 0].mean()


def test_a_map_recalls_by_hand():
    weights, key = np.zeros((3, 2)), np.array([1.0, 2.0])
    one_shot.write(weights, key, np.array([5.0, 0.0, 1.0]))
    np.testing.assert_allclose(weights, [[1.0, 2.0], [0.0, 0.0], [0.2, 0.4]])
    one_shot.write(weights, np.array([2.0, -1.0]), np.array([0.0, 5.0, 1.0]))  # another key, at a right angle
    np.testing.assert_allclose(weights @ key, [5.0, 0.0, 1.0], atol=1e-12)
    one_shot.write(weights, key, np.array([-5.0, 1.0, 1.0]))
    np.testing.assert_allclose(weights @ key, [-5.0, 1.0, 1.0])
    one_shot.write(weights, np.zeros(2), np.ones(3))  # nothing is written by a silent reservoir
    np.testing.assert_allclose(weights @ key, [-5.0, 1.0, 1.0])


def test_the_motor_controller_heads_for_the_goal():
    drawn = [one_shot.towards(0.0, 1.0, 1e4, u) for u in (1e-6, 0.5, 0.999)]
    assert drawn == [10, 10, 10]  # of 40 directions, a quarter turn
    assert one_shot.towards(0.0, 0.0, 9.6, 0.5) == 20  # no direction is better than others


def test_the_own_place_is_learnt_by_path_integration():
    agent = one_shot.one_shot(1, one_shot.OneShot(), np.arange(12, dtype=np.uint64), WaterMaze())
    places = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 2))
    f, own = np.zeros(one_shot.CELLS), np.zeros((50, 2))
    for number, place in enumerate(places):
        one_shot.place_cells(*place, f)
        own[number] = agent.start[0, one_shot.OWN_X :, : one_shot.CELLS] @ f
    wrong = own - places - (own - places).mean(axis=0)
    assert np.abs(wrong).max() < 0.15


def test_plasticity_by_hand():
    numbers = np.array([1.66, 0.44, 0.3, 1.1, 0.425, 0.415, 4.4, 0.026, 20.04])
    assert btsp.gain(0.0, 0.415, 4.4) == 0.0 and btsp.gain(1.0, 0.415, 4.4) == pytest.approx(1.0)
    assert btsp.change(0.5, 1.0, numbers, 0.1) == pytest.approx(0.5 + 0.1 * (0.5 * 1.1 - 0.5 * 0.425))
    assert btsp.change(0.0, 1.0, numbers, 0.1) == pytest.approx(0.11) and btsp.change(0.7, 0.0, numbers, 0.1) == 0.7
    assert btsp.change(1.0, 0.05, numbers, 0.1) < 1.0  # a little overlap weakens what is strong
    assert btsp.instruction(0.3, numbers) == pytest.approx(1.0)
    assert btsp.instruction(0.3 + 0.44, numbers) == pytest.approx(math.exp(-1.0))


def test_a_field_is_written_before_its_plateau_and_moved_by_a_second_one():
    slow, middle, fast = (btsp.track_field((100.0,), speed)[0] for speed in (10.0, 25.0, 50.0))
    assert 60 < middle.argmax() < 100 and slow.argmax() < 100 and fast.argmax() < 100
    widths = [np.count_nonzero(field >= 0.5 * field.max()) for field in (slow, middle, fast)]
    assert widths[0] < widths[1] < widths[2]
    first, second = btsp.track_field((100.0, 140.0), 25.0)
    np.testing.assert_array_equal(first, middle)
    assert second.argmax() > first.argmax() + 10 and second[140] > 2 * first[140]


@pytest.fixture(scope="module")
def field_agent():
    return btsp.goal_field(1, btsp.GoalField())


def test_without_its_field_the_animal_circles(field_agent):
    erased = play(field_agent, KEYS, MAZE, reset_weights=True)
    np.testing.assert_array_equal(erased.task_state, swim("circling", KEYS, MAZE, 0.58).task_state)
    kept = play(field_agent, KEYS, MAZE)
    assert not np.array_equal(kept.action, erased.action) and not field_agent.start.any()


def test_one_visit_writes_a_field_at_the_platform(field_agent):
    weight, active = np.zeros(493), np.zeros((3, 493))
    state = np.zeros(MAZE.n_state)
    for x in np.arange(-0.2, 0.6, 0.02):  # eastwards to 0.6
        state[0] = x
        btsp._eligible(field_agent.fixed, active, field_agent.numbers, state, True)
    btsp.write_field(weight, active[btsp.E], field_agent.numbers)
    field = [btsp.field(field_agent.fixed, 0.2, weight, x, 0.0, np.zeros(493)) for x in (-0.8, 0.5, 0.95)]
    assert field[1] > 0.1 and field[1] > 5 * field[0] and field[1] > field[2]
    assert (weight >= 0).all() and (weight <= 1).all()


def test_a_life_in_other_mazes_changes_the_weights_alike():
    from agents.plastic.foster import MEMORY, foster

    young, lives = foster(7, ActorCritic(coordinates=True, cells=60)), KEYS.reshape(2, 4)
    grown = raised(young, lives, MAZE)
    assert grown.start.shape == (2, MEMORY + 1, 60) and not young.start.any()
    np.testing.assert_array_equal(grown.start, raised(young, lives, MAZE).start)
    assert not np.array_equal(grown.start[0], grown.start[1])
    record = play(grown, KEYS, MAZE, reset_state=True)
    assert np.allclose(np.hypot(*record.action[0, 0]), 1.0) and np.isfinite(record.task_state).all()


def test_a_goal_of_another_maze_is_forgotten_with_the_weights():
    from agents.plastic.foster import MEMORY, foster

    maze = WaterMaze(duration_ms=1500, platform_radius=0.6)
    young = foster(7, ActorCritic(coordinates=True, cells=60))
    old = young._replace(start=young.start.copy())
    old.start[0, MEMORY, [GOAL_X, KNOWN]] = 0.5, 1.0
    records = [play(agent, KEYS, maze, reset_weights=True) for agent in (young, old)]
    np.testing.assert_array_equal(records[0].action, records[1].action)
    assert (records[0].reward > 0.5).sum(axis=1).max() > 1  # some were reset between visits


def test_none_of_it_needs_jax():
    modules = ", ".join(f"agents.plastic.{name}" for name in ("foster", "one_shot", "btsp", "pool"))
    program = f"import sys, {modules}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
