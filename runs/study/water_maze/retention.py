"""Retention: how long after a visit, with no input between, does the animal still swim straight back?"""

from dataclasses import replace

import numpy as np

from lsnn.blocks import Block, copy_of
from lsnn.seeds import Study
from runs.study.subject import (
    BRIEF,
    NEVER,
    Findings,
    Item,
    Subject,
    erase,
    intervene,
    later,
    of_lanes,
    run_blocks,
    study_keys,
)
from runs.study.water_maze.swimming import find_rows, swim
from tasks.water_maze.dynamics import DARK, FOUND, ON_PLATFORM, WAIT, WALL

DARK_MS = (0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
WATCHED_MS = 1000  # of the search after the dark; a longer one counts as not found
ARMS, STATES = ("after the first visit", "after half an episode"), ("kept", "erased")


def retention(subject: Subject, seed: int, dark_ms: tuple[int, ...] = DARK_MS, watched_ms: int = WATCHED_MS):
    """Escape latency after a dark in which the animal is out of the pool and no input cell fires.

    The dark follows the first visit, or begins at half time, when there were many. At its end the state is kept as it
    is, or erased: what an animal without memory needs.
    """
    keys = study_keys(seed, Study.RETENTION, subject.episodes)
    shape = (len(ARMS), len(STATES), len(dark_ms), len(keys))
    search, valid = np.full(shape, np.nan), np.zeros((len(ARMS), len(keys)), bool)
    for number, ms in enumerate(dark_ms):
        search[0, :, number], valid[0] = _after_first_visit(subject, keys, ms, watched_ms)
    search[1], valid[1] = _after_half_an_episode(subject, keys, dark_ms, watched_ms)
    items = {
        "dark_ms": Item(np.array(dark_ms), "ms", "how long the animal was out of the pool"),
        "search_ms": Item(search, "ms", "(arm, state, dark, animal): search after it; watched_ms + 1 = not found"),
        "valid": Item(valid, "1", "(arm, animal): whether it had found its platform before"),
    }
    attributes = {"arms": list(ARMS), "states": list(STATES), "watched_ms": watched_ms}
    return Findings(items, {}, attributes | {"tau_a_ms": subject.network.config.tau_a_ms})


def _after_first_visit(subject: Subject, keys: np.ndarray, ms: int, watched_ms: int) -> tuple[np.ndarray, np.ndarray]:
    """Searches (state, E) on trial 2, and who found the platform on trial 1 within the time it is watched."""
    rest = subject.task.rest_ms
    task = replace(subject.task, dark_ms=ms, duration_ms=2 * watched_ms + rest + ms)
    found = find_rows(swim(subject, keys, task=replace(task, duration_ms=watched_ms)).trials, len(keys))
    down = later(found, rest + ms)

    def keep(block: Block, episodes: slice) -> np.ndarray:
        return time_to_visit(block, of_lanes(down, episodes, NEVER), watched_ms)[: episodes.stop - episodes.start]

    plans = intervene(subject), intervene(subject, (down, erase(subject, (*BRIEF, *subject.kept))))
    searches = [np.concatenate(run_blocks(subject, keys, task, plan, keep)) for plan in plans]
    return np.stack(searches), found != NEVER


def _after_half_an_episode(subject: Subject, keys: np.ndarray, dark_ms: tuple[int, ...], watched_ms: int):
    """Searches (state, dark, E) after being lifted out at half time, and who had found the platform before."""
    half, weights = subject.task.duration_ms // 2, subject.weights
    task = replace(subject.task, duration_ms=half + max(dark_ms) + 1 + watched_ms)

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, np.ndarray]:
        state, world, count = copy_of(block.state), block.task_state.copy(), episodes.stop - episodes.start
        searches = np.empty((len(STATES), len(dark_ms), count))
        for number, ms in enumerate(dark_ms):
            block.state, block.task_state[:], block.t = copy_of(state), world, half
            lift_out(block, ms)
            block.roll_out(weights, subject.mean_action, ms + 1)
            after, place = copy_of(block.state), block.task_state.copy()
            for which, parts in enumerate(((), (*BRIEF, *subject.kept))):
                block.state, block.task_state[:], block.t = copy_of(after), place, half + ms + 1
                erase(subject, parts)(block, np.ones(len(world), bool), episodes)
                block.roll_out(weights, subject.mean_action, watched_ms)
                down = np.full(len(world), half + ms + 1)
                searches[which, number] = time_to_visit(block, down, watched_ms)[:count]
        return searches, world[:count, FOUND] > 0

    def to_half(block: Block, _: slice) -> None:
        block.roll_out(weights, subject.mean_action, half)

    searches, found = zip(*run_blocks(subject, keys, task, to_half, keep), strict=True)
    return np.concatenate(searches, axis=2), np.concatenate(found)


def lift_out(block: Block, ms: int) -> None:
    """Take every animal out of the pool for so many ms; after one more it stands at its next start."""
    block.task_state[:, DARK] = ms + 1
    block.task_state[:, WAIT] = ms + 1
    block.task_state[:, [ON_PLATFORM, WALL]] = 0


def time_to_visit(block: Block, down: np.ndarray, watched_ms: int) -> np.ndarray:
    """Escape latency of each lane from the row (8,) at which it is released; watched_ms + 1 where it took longer."""
    times = np.full(len(down), watched_ms + 1)
    for lane, row in enumerate(down):
        if row != NEVER:
            visits = np.flatnonzero(block.trace.task_state[row + 1 : row + 1 + watched_ms, lane, ON_PLATFORM])
            times[lane] = min([*(visits[:1] + 1), watched_ms + 1])
    return times
