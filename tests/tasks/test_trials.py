"""The table of trials on an episode written by hand."""

import numpy as np

from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import N_STATE, ON_PLATFORM, PLATFORM_X, RADIUS, WAIT, X
from tasks.water_maze.trials import TRIAL_DTYPE, optimal_steps, trials_table

TASK = WaterMaze()


def episode(x, waiting, on_platform) -> np.ndarray:
    """States (rows, N_STATE) of an animal on the x axis, the platform at (0.85, 0)."""
    states = np.zeros((len(x), N_STATE))
    states[:, X], states[:, WAIT], states[:, ON_PLATFORM], states[:, PLATFORM_X] = x, waiting, on_platform, 0.85
    states[:, RADIUS] = 0.3
    return states


def test_two_trials_by_hand() -> None:
    # found by step 1 (seen in row 2), rest in step 2, released in row 3, still searching in row 5
    states = episode([0.52, 0.54, 0.56, -0.5, -0.52, -0.50], [0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0])
    first, second = trials_table(TASK, states[None])
    assert first.tolist()[:5] == (0, 0, 0, 2, 2) and second.tolist()[:5] == (0, 1, 3, 5, 2)
    assert first["found"] and not second["found"]
    assert np.isclose(first["path_length"], 0.04) and np.isclose(second["path_length"], 0.04)
    assert first["optimal_ms"] == 2 and second["optimal_ms"] == 53  # (0.33 - 0.3) / 0.02, (1.35 - 0.3) / 0.02
    assert first["start_x"] == 0.52 and second["start_x"] == -0.5 and second["platform_x"] == 0.85


def test_a_find_in_the_step_of_a_reversal_is_of_the_platform_that_was_found() -> None:
    states = episode([0.52, 0.54, 0.56, -0.5, -0.52], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0])
    states[2:, PLATFORM_X] = -0.85  # the platform moves in the step of the visit
    found, after = trials_table(TASK, states[None])
    assert found["platform_x"] == 0.85 and found["optimal_ms"] == 2 and found["found"]
    assert after["platform_x"] == -0.85


def test_a_find_by_the_last_step_counts_and_a_set_down_after_it_is_no_trial() -> None:
    found_last = episode([0.52, 0.54, 0.56], [0, 0, 1], [0, 0, 1])
    set_down_last = episode([0.54, 0.56, -0.5], [0, 1, 0], [0, 1, 0])
    table = trials_table(TASK, np.stack([found_last, set_down_last]))
    assert table["episode"].tolist() == [0, 1]
    assert table["latency_ms"].tolist() == [2, 1]
    assert table["found"].all()


def test_an_episode_that_ends_at_rest_has_no_open_trial() -> None:
    table = trials_table(TASK, episode([0.54, 0.56, 0.56, 0.56], [0, 9, 8, 7], [0, 1, 1, 1])[None])
    assert len(table) == 1 and table["found"].all()


def test_no_episodes_no_trials() -> None:
    table = trials_table(TASK, np.empty((0, 11, N_STATE)))
    assert table.dtype == TRIAL_DTYPE and len(table) == 0


def test_the_optimum_is_at_least_one_step() -> None:
    assert optimal_steps(TASK, np.array([0.1, 0.3, 0.31, 0.32, 0.3201]), 0.3).tolist() == [1, 1, 1, 1, 2]
