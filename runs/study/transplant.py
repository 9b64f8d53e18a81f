"""Transplant: two animals exchange parts of their state; where does each swim next?"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lsnn.blocks import Block, copy_of
from lsnn.kernels.layout import State
from lsnn.kernels.simd import LANES
from runs.study.apparatus import (
    FAST,
    NEVER,
    WHOLE,
    Findings,
    Item,
    Subject,
    find_rows,
    later,
    of_lanes,
    part_of,
    run_blocks,
    study_generator,
    study_keys,
    swim,
)
from runs.study.retention import lift_out
from tasks.water_maze import FOUND, GOAL_X, GOAL_Y, ON_PLATFORM, PROBE_STEP, WAIT, WALL, X, Y

TRANSPLANT, TRANSPLANT_FIRST = 4, 13
WATCHED_MS = 200
ANIMALS_PER_EPISODE = 4  # so that at least 200 pairs are left of 256 episodes


class Swap(NamedTuple):
    """What becomes of the states of a pair: how long they are out of the pool without input, then what is exchanged
    between them, then what is set to zero."""

    exchanged: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()
    dark_ms: int = 0


SWAPS = {
    "none": Swap(),
    "b": Swap(("b",)),
    "v": Swap(("v",)),
    "all_but_b": Swap(FAST),
    "everything": Swap(WHOLE),
    "b_alone": Swap(erased=FAST),
    "other_b_alone": Swap(("b",), FAST),
    **{f"dark_{ms}": Swap(dark_ms=ms) for ms in (100, 500, 1000)},
}
_PARTNER = np.arange(LANES) ^ 1  # animals 0 and 1 are a pair, 2 and 3, ...


def transplant(subject: Subject, seed: int, watched_ms: int = WATCHED_MS) -> Findings:
    """At half time both animals of a pair are set down at the same new place and swim on without a platform.

    Before that they exchange nothing, b, v, everything but b, or everything; or all but b is erased, which leaves an
    animal its own b alone or the other's; or they are out of the pool for a while, with no input. Each such fork goes
    on from the same state; those without a while in the dark have the same input draws.
    """
    moments = np.full(_animals(subject), subject.task.duration_ms // 2)
    return _transplanted(subject, seed, TRANSPLANT, moments, watched_ms)


def transplant_first(subject: Subject, seed: int, watched_ms: int = WATCHED_MS) -> Findings:
    """The same with states from the start of trial 2: all that an animal knows of its platform is from one find.

    Each state is taken at its animal's own moment, in the first half of the episode; both of a pair then go on from
    half time.
    """
    half, task = subject.task.duration_ms // 2, subject.task
    keys = study_keys(seed, TRANSPLANT_FIRST, _animals(subject))
    found = find_rows(swim(subject, keys, task=replace(task, duration_ms=half)).trials, len(keys))
    moments = later(found, task.rest_ms + task.blank_ms)
    moments[moments > half] = NEVER
    return _transplanted(subject, seed, TRANSPLANT_FIRST, moments, watched_ms)


def _animals(subject: Subject) -> int:
    animals = ANIMALS_PER_EPISODE * subject.episodes
    return animals + -animals % LANES


def _transplanted(subject: Subject, seed: int, number: int, moments: np.ndarray, watched_ms: int) -> Findings:
    """Both experiments; moments (animals,): before which step a state is taken, at most half time, or `NEVER`."""
    half, animals, keys = subject.task.duration_ms // 2, len(moments), study_keys(seed, number, len(moments))
    task = replace(subject.task, duration_ms=half + max(swap.dark_ms for swap in SWAPS.values()) + watched_ms)
    candidates = disc_points(study_generator(seed, number), (animals // 2, 64))
    weights, n_neurons = subject.weights, subject.network.config.n_neurons

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
        for swap in SWAPS.values():
            block.state, block.task_state[:], block.t = copy_of(state), before, half
            if swap.dark_ms:
                lift_out(block, swap.dark_ms)
                block.roll_out(weights, subject.mean_action, swap.dark_ms)
            set_down_in_pairs(block, starts, task.platform_radius)
            exchange(block.state, swap.exchanged, n_neurons, _PARTNER)
            for name in swap.erased:
                part_of(block.state, name, n_neurons)[...] = 0
            down = block.t
            block.roll_out(weights, subject.mean_action, watched_ms)
            paths.append(block.trace.task_state[down : down + watched_ms + 1, :, [X, Y]].transpose(1, 0, 2))
        return np.stack(paths), before[:, [GOAL_X, GOAL_Y]], before[:, FOUND]

    paths, goal, found = (
        np.concatenate(arrays, axis=axis)
        for arrays, axis in zip(zip(*run_blocks(subject, keys, task, plan, keep), strict=True), (1, 0, 0), strict=True)
    )
    apart = np.hypot(*(goal - goal[np.arange(animals) ^ 1]).T) > 2 * task.platform_radius
    items = {
        "path": Item(paths.astype(np.float32), "pool radius",
                     "(swap, animal, step, 2): place, from being set down on; animals 2k and 2k + 1 are a pair"),
        "goal": Item(goal, "pool radius", "(animal, 2): centre of the animal's own platform"),
        "found": Item((found > 0) & (moments != NEVER), "1", "(animal,): whether it had found its platform before"),
        "moment_ms": Item(np.where(moments == NEVER, -1, moments), "ms", "(animal,): of the state, -1 = none"),
        "apart": Item(apart, "1", "(animal,): whether the two platforms of the pair do not touch"),
    }  # fmt: skip
    return Findings(items, {}, {"swaps": list(SWAPS)})


def shifted(state: State, steps: int) -> State:
    """The state as it would be so many steps later with nothing happened: currents under way arrive as much later."""
    rings = state.pending.reshape(2, -1, *state.pending.shape[1:])
    return state._replace(pending=np.roll(rings, steps, axis=1).reshape(state.pending.shape))


def exchange(state: State, parts: tuple[str, ...], n_neurons: int, order: np.ndarray) -> None:
    """Each lane takes these parts of the state from the lane that `order` (8,) names."""
    for name in parts:
        part = part_of(state, name, n_neurons)
        part[...] = part[..., order]


def disc_points(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Points uniform in the pool, (*shape, 2)."""
    radius, angle = np.sqrt(generator.random(shape)), 2 * np.pi * generator.random(shape)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def set_down_in_pairs(block: Block, candidates: np.ndarray, platform_radius: float) -> None:
    """Put both animals of each pair at the first of their candidates (4, C, 2) that lies on neither platform.

    The platforms are those of the task's state, which stays the same out of the pool.
    """
    goals = block.task_state[:, [GOAL_X, GOAL_Y]].reshape(-1, 2, 1, 2)
    distance = np.linalg.norm(candidates[:, None] - goals, axis=-1).min(axis=1)
    chosen = np.argmax(distance > platform_radius, axis=1)
    place = candidates[np.arange(len(candidates)), chosen]
    block.task_state[:, [X, Y]] = np.repeat(place, 2, axis=0)
    block.task_state[:, [WAIT, ON_PLATFORM, WALL]] = 0
