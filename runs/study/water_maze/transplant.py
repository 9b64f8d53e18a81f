"""Transplant: two animals exchange parts of their state; where does each swim next?"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from analysis.study.transplant import first_reached
from lsnn.blocks import Block, copy_of
from lsnn.kernels.simd import LANES
from lsnn.seeds import Study
from runs.study.subject import (
    BRIEF,
    NEVER,
    Findings,
    Item,
    Subject,
    clear,
    exchange,
    later,
    of_lanes,
    run_blocks,
    shifted,
    study_generator,
    study_keys,
)
from runs.study.water_maze.retention import lift_out
from runs.study.water_maze.swimming import find_rows, swim
from tasks.water_maze.dynamics import FOUND, ON_PLATFORM, PLATFORM_X, PLATFORM_Y, PROBE_STEP, WAIT, WALL, X, Y

FINDS, LATER_MS = (1, 2, 4, 8, 16), 30
WATCHED_MS = 200
ANIMALS_PER_EPISODE = 4  # so that at least 200 pairs are left of 256 episodes


class Swap(NamedTuple):
    """What becomes of the states of a pair: how long they are out of the pool without input, then what is exchanged
    between them, then what is set to zero."""

    exchanged: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()
    dark_ms: int = 0


DARK_MS = (100, 500, 1000)
_PARTNER = np.arange(LANES) ^ 1  # animals 0 and 1 are a pair, 2 and 3, ...


def swaps_of(kept: list[str]) -> dict[str, Swap]:
    """The swaps by name, for what the neurons keep beside their membranes: each of it alone, and all but it."""
    every = (*BRIEF, *kept)
    others = {name: tuple(part for part in every if part != name) for name in kept}
    return {
        "none": Swap(),
        **{name: Swap((name,)) for name in kept},
        "v": Swap(("v",)),
        **{f"all_but_{name}": Swap(rest) for name, rest in others.items()},
        "everything": Swap(every),
        **{f"{name}_alone": Swap(erased=rest) for name, rest in others.items()},
        **{f"other_{name}_alone": Swap((name,), rest) for name, rest in others.items()},
        **{f"dark_{ms}": Swap(dark_ms=ms) for ms in DARK_MS},
    }


def transplant(subject: Subject, seed: int, watched_ms: int = WATCHED_MS) -> Findings:
    """At half time both animals of a pair are released at the same new place and swim on without a platform.

    Before that they exchange nothing, v, everything, or, of every variable that the neurons keep beside their membranes
    (b of `alif`), it or everything but it; or all but it is erased, which leaves an animal its own b alone or the
    other's; or they are out of the pool for a while, with no input. Each such fork goes
    on from the same state; those without a while in the dark have the same input draws.
    """
    moments = np.full(_animals(subject), subject.task.duration_ms // 2)
    paths, platform, found = _forks(subject, seed, Study.TRANSPLANT, moments, watched_ms)
    items = {
        "path": Item(paths.astype(np.float32), "pool radius",
                     "(swap, animal, step, 2): place, from its release on; animals 2k and 2k + 1 are a pair"),
        "platform": Item(platform, "pool radius", "(animal, 2): centre of the animal's own platform"),
        "found": Item(found, "1", "(animal,): whether it had found its platform before"),
        "apart": apart(platform, subject),
    }  # fmt: skip
    return Findings(
        items, {}, {"swaps": list(swaps_of(subject.kept)), "kept": subject.kept, "moment_ms": int(moments[0])}
    )


def takeover(subject: Subject, seed: int, visits: tuple[int, ...] = FINDS, watched_ms: int = WATCHED_MS) -> Findings:
    """The same with states from the start of the trial after so and so many visits, each at its animal's own moment.

    What carries the memory after one visit, and what after many? All go on from half time, and only visits before it
    count. The last states are those of one visit again, `LATER_MS` into the search, when what the reward has set off
    has had time to be written into b; animals that have found the platform again by then are left out.
    """
    half, task, radius = subject.task.duration_ms // 2, subject.task, subject.task.platform_radius
    keys, reached, moments = study_keys(seed, Study.TAKEOVER, _animals(subject)), [], []
    trials = swim(subject, keys, task=replace(task, duration_ms=half)).trials
    states = [*((number, 0) for number in visits), (visits[0], LATER_MS)]
    for number, lag in states:
        subject.tell(f"after {number} visits")
        moment = later(find_rows(trials, len(keys), number - 1), task.rest_ms + task.dark_ms + lag)
        moment[(moment > half) | (find_rows(trials, len(keys), number) <= moment)] = NEVER
        paths, platform, _ = _forks(subject, seed, Study.TAKEOVER, moment, watched_ms)
        other = platform[np.arange(len(platform)) ^ 1]
        reached.append([first_reached(path, platform, other, radius) for path in paths])
        moments.append(np.where(moment == NEVER, -1, moment))
    items = {
        "visits": Item(np.array([number for number, _ in states]), "1", "(state,): visits before it"),
        "lag_ms": Item(np.array([lag for _, lag in states]), "ms", "(state,): taken so long after the release"),
        "reached": Item(np.array(reached, np.int8), "1",
                        "(state, swap, animal): platform reached first: 0 its own, 1 the other's, 2 neither"),
        "moment_ms": Item(np.array(moments), "ms", "(state, animal): when it was taken; -1 = never"),
        "apart": apart(platform, subject),
    }  # fmt: skip
    return Findings(items, {}, {"swaps": list(swaps_of(subject.kept)), "kept": subject.kept})


def apart(platform: np.ndarray, subject: Subject) -> Item:
    """Whether the platforms of a pair of animals do not touch."""
    far = np.hypot(*(platform - platform[np.arange(len(platform)) ^ 1]).T) > 2 * subject.task.platform_radius
    return Item(far, "1", "(animal,): whether the two platforms of the pair do not touch; 2k and 2k + 1 are a pair")


def _animals(subject: Subject) -> int:
    animals = ANIMALS_PER_EPISODE * subject.episodes
    return animals + -animals % LANES


def _forks(
    subject: Subject, seed: int, number: Study, moments: np.ndarray, watched_ms: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paths (swap, animal, step, 2) from half time on, own platforms (animal, 2), who had found it (animal,).

    Args:
        moments: (animal,) before which step its state is taken; half time for those later than that.
    """
    half, keys = subject.task.duration_ms // 2, study_keys(seed, number, len(moments))
    swaps = swaps_of(subject.kept).values()
    task = replace(subject.task, duration_ms=half + max(DARK_MS) + watched_ms)
    candidates = disc_points(study_generator(seed, number), (len(moments) // 2, 64))
    weights = subject.weights

    def plan(block: Block, episodes: slice) -> None:
        when = np.minimum(of_lanes(moments, episodes, NEVER), half)
        state, world = copy_of(block.state), block.task_state.copy()
        for step in np.unique([*when, half]):
            block.roll_out(weights, subject.mean_action, step - block.t)
            lanes, now = when == step, shifted(block.state, half - step)
            world[lanes] = block.task_state[lanes]
            for taken, part in zip(state, now, strict=True):
                taken[..., lanes] = part[..., lanes]
        block.state, block.task_state[:] = state, world

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        before, state, paths = block.task_state.copy(), copy_of(block.state), []
        starts = candidates[episodes.start // 2 : episodes.stop // 2]
        block.parameters[PROBE_STEP] = half
        for swap in swaps:
            block.state, block.task_state[:], block.t = copy_of(state), before, half
            if swap.dark_ms:
                lift_out(block, swap.dark_ms)
                block.roll_out(weights, subject.mean_action, swap.dark_ms)
            set_down_in_pairs(block, starts, task.platform_radius)
            exchange(block.state, swap.exchanged, subject.network, _PARTNER)
            clear(block.state, swap.erased, subject.network)
            down = block.t
            block.roll_out(weights, subject.mean_action, watched_ms)
            paths.append(block.trace.task_state[down : down + watched_ms + 1, :, [X, Y]].transpose(1, 0, 2))
        return np.stack(paths), before[:, [PLATFORM_X, PLATFORM_Y]], before[:, FOUND]

    kept = zip(*run_blocks(subject, keys, task, plan, keep), strict=True)
    paths, platform, found = (np.concatenate(each, axis=axis) for each, axis in zip(kept, (1, 0, 0), strict=True))
    return paths, platform, found > 0


def disc_points(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Points uniform in the pool, (*shape, 2)."""
    radius, angle = np.sqrt(generator.random(shape)), 2 * np.pi * generator.random(shape)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def set_down_in_pairs(block: Block, candidates: np.ndarray, platform_radius: float) -> None:
    """Put both animals of each pair at the first of their candidates (4, C, 2) that lies on neither platform.

    The platforms are those of the task's state, which stays the same out of the pool.
    """
    visits = block.task_state[:, [PLATFORM_X, PLATFORM_Y]].reshape(-1, 2, 1, 2)
    distance = np.linalg.norm(candidates[:, None] - visits, axis=-1).min(axis=1)
    chosen = np.argmax(distance > platform_radius, axis=1)
    place = candidates[np.arange(len(candidates)), chosen]
    block.task_state[:, [X, Y]] = np.repeat(place, 2, axis=0)
    block.task_state[:, [WAIT, ON_PLATFORM, WALL]] = 0
