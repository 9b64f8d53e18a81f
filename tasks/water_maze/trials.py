"""The table of trials of recorded episodes of the water maze."""

import numpy as np
from numpy.typing import NDArray

from tasks.water_maze.dynamics import ON_PLATFORM, PLATFORM_X, PLATFORM_Y, RADIUS, WAIT, X, Y
from tasks.water_maze.task import WaterMaze

TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("latency_ms", np.int32),
        ("path_length", np.float64),
        ("optimal_ms", np.int32),
        ("start_x", np.float64),
        ("start_y", np.float64),
        ("platform_x", np.float64),
        ("platform_y", np.float64),
        ("found", np.bool_),
    ]
)


def optimal_steps(
    task: WaterMaze, distance: NDArray[np.floating], radius: NDArray[np.floating] | float
) -> NDArray[np.int32]:
    """Steps in which an animal `distance` from the centre of a platform of that radius can reach it, at least 1."""
    steps = np.ceil((distance - radius) / task.speed - 1e-9)
    return np.maximum(1, steps).astype(np.int32)


def trials_table(task: WaterMaze, task_state: NDArray[np.floating]) -> NDArray[np.void]:
    """One row a trial, in order of episode and trial.

    Trial k lasts from the k-th release to the visit, or to the end of the episode (found = False).
    latency_ms and path_length are those of the search, rest and dark excluded; the platform is the platform in the last
    step of the trial; optimal_ms is the latency of a straight swim to it.

    Args:
        task: the family the record is of.
        task_state: (episodes, steps + 1, n_state); row t is the state before step t.

    Returns:
        A structured array of TRIAL_DTYPE.
    """
    tables = [_episode_trials(task, episode, states) for episode, states in enumerate(task_state)]
    return np.concatenate([np.empty(0, TRIAL_DTYPE), *tables])


def _episode_trials(task: WaterMaze, episode: int, states: NDArray[np.floating]) -> NDArray[np.void]:
    """The trials of one episode; states (steps + 1, n_state)."""
    searching = states[:, WAIT] == 0.0
    start = np.flatnonzero(searching & np.concatenate([[True], ~searching[:-1]]))
    start = start[start < len(states) - 1]  # an animal released after the last step swims no more
    end = np.flatnonzero((states[1:, ON_PLATFORM] > 0.0) & searching[:-1]) + 1
    found = np.arange(len(start)) < len(end)
    end = np.append(end, len(states) - 1)[: len(start)]
    distance_swum = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(states[:, [X, Y]], axis=0).T))])
    table = np.empty(len(start), TRIAL_DTYPE)
    table["episode"], table["trial"] = episode, np.arange(len(start))
    table["start_ms"], table["end_ms"], table["latency_ms"] = start, end, end - start
    table["path_length"] = distance_swum[end] - distance_swum[start]
    table["start_x"], table["start_y"] = states[start, X], states[start, Y]
    table["platform_x"], table["platform_y"] = states[end - 1, PLATFORM_X], states[end - 1, PLATFORM_Y]
    table["optimal_ms"] = optimal_steps(
        task,
        np.hypot(table["start_x"] - table["platform_x"], table["start_y"] - table["platform_y"]),
        states[0, RADIUS],
    )
    table["found"] = found
    return table
