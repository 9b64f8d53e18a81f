"""Reversal and probe trial: the platform moves once, or is taken away (Morris 1984)."""

from dataclasses import replace

import numpy as np

from lsnn.seeds import Study
from runs.study.subject import BRIEF, NEVER, Findings, Item, Subject, erase, intervene, run_blocks, study_keys
from runs.study.water_maze.swimming import find_rows, swim
from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y

WATCHED_MS = 1000


def reversal(subject: Subject, seed: int, watched_ms: int = WATCHED_MS) -> Findings:
    """At half time the platform moves, once, to a place that does not touch the old one."""
    half, keys = subject.task.duration_ms // 2, study_keys(seed, Study.REVERSAL, subject.episodes)
    task = replace(subject.task, reversal_ms=half, duration_ms=half + 2 * watched_ms)
    swum = swim(subject, keys, task=task)
    moved = np.concatenate(
        run_blocks(subject, keys, replace(task, duration_ms=half), intervene(subject), lambda block, episodes:
                   block.task_state[: episodes.stop - episodes.start, [PLATFORM_X, PLATFORM_Y]].copy())
    )  # fmt: skip
    items = {
        "path": Item(swum.position[:, half : half + watched_ms + 1].astype(np.float32), "pool radius",
                     "(animal, step, 2): place, from the reversal on"),
        "old_platform": Item(swum.platform, "pool radius", "(animal, 2): centre of the platform before the reversal"),
        "new_platform": Item(moved, "pool radius", "(animal, 2): and after it"),
        "found_before": Item(_found_before(swum.trials, len(keys), half), "1", "(animal,): whether it had found it"),
    }  # fmt: skip
    return Findings(items, {"reversal": swum}, {"reversal_ms": half})


def probe(subject: Subject, seed: int, watched_ms: int = WATCHED_MS) -> Findings:
    """At half time the platform is taken away; the state is kept or, as a control, erased at that moment."""
    half, keys = subject.task.duration_ms // 2, study_keys(seed, Study.PROBE, subject.episodes)
    task = replace(subject.task, probe_ms=half, duration_ms=half + watched_ms)
    erased = intervene(subject, (np.full(len(keys), half), erase(subject, (*BRIEF, *subject.kept))))
    swum = [swim(subject, keys, plan, task) for plan in (None, erased)]
    items = {
        "path": Item(np.stack([one.position[:, half:] for one in swum]).astype(np.float32), "pool radius",
                     "(state, animal, step, 2): place, from the removal of the platform on"),
        "platform": Item(swum[0].platform, "pool radius", "(animal, 2): centre of the former platform"),
        "found_before": Item(_found_before(swum[0].trials, len(keys), half), "1",
                             "(animal,): whether it had found it"),
    }  # fmt: skip
    return Findings(items, {}, {"states": ["kept", "erased"], "probe_ms": half})


def _found_before(trials: np.ndarray, episodes: int, row: int) -> np.ndarray:
    """Whether the first visit came before a row, (E,)."""
    rows = find_rows(trials, episodes)
    return (rows != NEVER) & (rows < row)
