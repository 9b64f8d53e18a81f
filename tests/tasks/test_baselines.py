"""The the baseline comparison, and what each baseline may know."""

import numpy as np
import pytest

from lsnn.errors import InputError
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import BASELINES, baseline_comparison, best_circle, swim
from tasks.water_maze.dynamics import FOUND, ON_PLATFORM, PLATFORM_X, PLATFORM_Y, WAIT, X, Y
from tasks.water_maze.trials import trials_table

KEYS = np.random.SeedSequence(5).generate_state(96, np.uint64)


@pytest.fixture(scope="module")
def records():
    return baseline_comparison(KEYS, WaterMaze())


@pytest.fixture(scope="module")
def tables(records):
    return {baseline: trials_table(WaterMaze(), record.task_state) for baseline, record in records.items()}


@pytest.mark.parametrize(
    ("baseline", "low", "high"),
    [
        ("random_walk", 0.05, 0.7),
        ("straight_lines", 5.2, 7.2),
        ("border", 12.5, 15.0),
        ("circling", 19.5, 21.5),
        ("memory", 47.0, 50.0),
        ("oracle", 48.5, 51.0),
    ],
)
def test_visits_lie_in_their_band(tables, baseline, low, high) -> None:
    assert low < tables[baseline]["found"].sum() / len(KEYS) < high


def test_the_baseline_comparison_runs_from_the_least_to_the_most_informed(records) -> None:
    assert tuple(records) == BASELINES
    visits = [np.sum(record.reward > 0.5) for record in records.values()]
    assert visits == sorted(visits)


def test_best_circle_crosses_the_platforms_near_their_inner_rim() -> None:
    assert 0.55 < best_circle(KEYS, WaterMaze()) < 0.65


@pytest.mark.parametrize(("circle", "radius"), [(0.2, 0.1), (0.1, 0.15), (1.0, 0.08)])
def test_who_circles_finds_platforms_wherever_they_lie(circle, radius) -> None:
    found = baseline_comparison(KEYS[:16], WaterMaze(platform_circle=circle, platform_radius=radius))
    visits = {name: record.reward.sum() for name, record in found.items()}
    assert visits["circling"] > visits["straight_lines"]
    assert visits["memory"] > 0.8 * visits["oracle"]


def test_the_oracle_needs_the_optimum_and_nobody_less(tables) -> None:
    for table in tables.values():
        found = table[table["found"]]
        assert np.all(found["latency_ms"] >= found["optimal_ms"])
    oracle = tables["oracle"][tables["oracle"]["found"]]
    assert np.array_equal(oracle["latency_ms"], oracle["optimal_ms"])


def test_memory_circles_first_and_is_an_oracle_after(tables) -> None:
    memory, circling = tables["memory"], tables["circling"]
    assert np.array_equal(memory[memory["trial"] == 0], circling[circling["trial"] == 0])
    later = memory[(memory["trial"] > 0) & memory["found"]]
    assert np.array_equal(later["latency_ms"], later["optimal_ms"])


def test_every_baseline_meets_the_same_starts(tables) -> None:
    oracle = {(row["episode"], row["trial"]): (row["start_x"], row["start_y"]) for row in tables["oracle"]}
    for table in tables.values():
        for row in table[table["trial"] < 4]:
            assert oracle[row["episode"], row["trial"]] == (row["start_x"], row["start_y"])


def test_starts_after_a_reversal_do_not_depend_on_behaviour() -> None:
    task = WaterMaze(reversal_ms=500, duration_ms=1000)
    starts = []
    for baseline in ("oracle", "memory"):
        table = trials_table(task, swim(baseline, KEYS[:8], task).task_state)
        table = table[table["trial"] < 15]
        starts.append(table[["episode", "trial", "start_x", "start_y"]])
    assert np.array_equal(*starts)


def test_memory_searches_anew_after_a_reversal() -> None:
    task = WaterMaze(reversal_ms=1000)
    states = swim("memory", KEYS[:8], task).task_state
    assert np.all(states[:, 999, FOUND] == 1) and np.all(states[:, 1000, FOUND] == 0)
    assert np.all(states[:, -1, FOUND] == 1)
    moved = states[:, 1000, [PLATFORM_X, PLATFORM_Y]] - states[:, 999, [PLATFORM_X, PLATFORM_Y]]
    assert np.all(np.hypot(*moved.T) > 0.6)


def test_nobody_finds_the_platform_in_a_probe() -> None:
    task = WaterMaze(probe_ms=500, duration_ms=800)
    record = swim("oracle", KEYS[:8], task)
    assert np.all(record.reward[:, :500].sum(axis=1) > 0) and not np.any(record.reward[:, 500:] > 0)


def test_baselines_know_their_rotation() -> None:
    keys, turned = KEYS[:16], WaterMaze(rotation_degrees=180.0, duration_ms=400)
    straight = swim("oracle", keys, WaterMaze(duration_ms=400))
    assert np.allclose(swim("oracle", keys, turned).task_state[..., [X, Y]], straight.task_state[..., [X, Y]])


def test_a_record_is_a_function_of_its_keys() -> None:
    task = WaterMaze(duration_ms=300)
    for baseline in BASELINES:
        whole, part = swim(baseline, KEYS[:4], task), swim(baseline, KEYS[2], task)
        assert all(np.array_equal(a[2], b[0]) for a, b in zip(whole, part, strict=True))


def test_rest_and_dark_of_a_record() -> None:
    task = WaterMaze(rest_ms=20, dark_ms=30, duration_ms=500)
    states = swim("oracle", KEYS[:4], task).task_state
    table = trials_table(task, states[:1])
    assert np.array_equal(np.diff(table["start_ms"]), table["latency_ms"][:-1] + 50)
    first = int(table["latency_ms"][0])
    assert np.all(states[0, first : first + 20, ON_PLATFORM] == 1)
    assert states[0, first : first + 50, WAIT].tolist() == list(range(50, 0, -1))


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(InputError, match="baseline must be one of random_walk, .* received 'fish'"):
        swim("fish", KEYS, WaterMaze())
