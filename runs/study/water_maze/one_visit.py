"""One visit, then dark: what of the state holds the platform's place, and for how long?

An animal finds its platform once. When its time there is over it is out of the pool, and nothing enters the network.
After the dark both animals of a pair are released at one place and swim without a platform: which of their two places
do they reach first? Dark is counted in all, from the end of the time on the platform.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from analysis.study.transplant import first_reached
from lsnn.blocks import Block, copy_of
from lsnn.kernels.layout import State
from lsnn.kernels.simd import LANES
from lsnn.network import Network, build_network
from lsnn.seeds import NETWORK_BRANCH, Study
from runs.study.subject import (
    NEVER,
    Findings,
    Item,
    Plan,
    Subject,
    kept_variables,
    later,
    of_lanes,
    run_blocks,
    shifted,
    slots_of,
    study_generator,
    study_keys,
)
from runs.study.water_maze.retention import lift_out
from runs.study.water_maze.swimming import find_rows, swim
from runs.study.water_maze.transplant import apart, disc_points, set_down_in_pairs
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y, PROBE_STEP, X, Y

DARK_MS = (0, 50, 100, 200, 500, 1000, 2000, 5000)
CHANGED_MS = (0, 500, 1000)  # after so long, states are changed as well
ON_PLATFORM_MS, SEARCHED_MS, WATCHED_MS = 20, 1500, 400
ANIMALS_PER_EPISODE = 4
WAY_POINTS = 1001  # of a straight way
NOT_RUN = -1
Parts = Sequence[np.ndarray]  # of an array, a block each
_PARTNER, _THIRD = np.arange(LANES) ^ 1, np.arange(LANES) ^ 2


class Given(NamedTuple):
    """What changes of a block's states need besides these, (slots, 8) each."""

    untrained: np.ndarray  # x of an untrained network
    random: np.ndarray  # by the order of which an animal's neurons are shuffled


Change = Callable[[State, Given], None]  # of a block's state


def one_visit(
    subject: Subject, seed: int, dark_ms: tuple[int, ...] = DARK_MS, changed_ms: tuple[int, ...] = CHANGED_MS,
    watched_ms: int = WATCHED_MS, searched_ms: int = SEARCHED_MS,
) -> Findings:  # fmt: skip
    """Which platform each animal of a pair reaches first, after every dark, with the states as they are and changed."""
    task = with_one_visit(subject.task, searched_ms, dark_ms[-1] + watched_ms)
    count = ANIMALS_PER_EPISODE * subject.episodes
    keys = study_keys(seed, Study.ONE_VISIT, count + -count % LANES)
    found = find_rows(swim(subject, keys, task=replace(task, duration_ms=searched_ms)).trials, len(keys))
    end = searched_ms + ON_PLATFORM_MS
    moments, candidates = later(found, ON_PLATFORM_MS), disc_points(
        study_generator(seed, Study.ONE_VISIT), (len(keys) // 2, 64)
    )  # fmt: skip
    untrained = np.concatenate(_after_one_visit(_untrained(subject), keys, replace(task, duration_ms=end), moments))
    changes = changes_of(subject.network)

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, ...]:
        reached, rates = np.full((len(dark_ms), len(changes), LANES), NOT_RUN), np.zeros(len(dark_ms))
        search = np.full((len(dark_ms), LANES), np.nan)
        platform, starts = (
            block.task_state[:, [PLATFORM_X, PLATFORM_Y]].copy(),
            candidates[episodes.start // 2 :][: LANES // 2],
        )
        number_of_block = episodes.start // LANES
        random = study_generator(seed, Study.ONE_VISIT, number_of_block).random(block.state.x.shape)
        given = Given(untrained[number_of_block], random)
        block.parameters[PROBE_STEP] = 0
        lift_out(block, block.steps)
        for number, dark in enumerate(dark_ms):
            rates[number] = _wait(subject, block, end + dark - block.t)
            state, world, t = copy_of(block.state), block.task_state.copy(), block.t
            for arm, change in enumerate(changes.values()):
                if arm > 0 and dark not in changed_ms:
                    continue
                block.state, block.task_state[:], block.t = copy_of(state), world, t
                set_down_in_pairs(block, starts, task.platform_radius)
                change(block.state, given)
                block.roll_out(subject.weights, subject.mean_action, watched_ms)
                path = block.trace.task_state[t : t + watched_ms + 1, :, [X, Y]].transpose(1, 0, 2)
                reached[number, arm] = first_reached(path, platform, platform[_PARTNER], task.platform_radius)
                if arm == 0:
                    search[number] = steps_to(path, platform, task.platform_radius)
            block.state, block.task_state[:], block.t = copy_of(state), world, t
        set_down_in_pairs(block, starts, task.platform_radius)
        start = block.task_state[:, [X, Y]]
        straight = straight_to(start, platform, platform[_PARTNER], task.platform_radius)
        shortest = (np.linalg.norm(platform - start, axis=1) - task.platform_radius) / task.speed
        return reached, platform, rates, straight, search, shortest

    kept = run_blocks(subject, keys, task, _to_the_end_of_the_visit(subject, moments, end), keep)
    reached, platform, rates, straight, search, shortest = zip(*kept, strict=True)
    items = _items(dark_ms, reached, rates, straight, search, shortest)
    items |= {
        "found": Item(found != NEVER, "1", "(animal,): whether it found its platform in time"),
        "apart": apart(np.concatenate(platform), subject),
    }
    attributes = {"changes": list(changes), "kept": kept_variables(subject.network), "watched_ms": watched_ms}
    return Findings(items, {}, attributes | {"on_platform_ms": ON_PLATFORM_MS, "searched_ms": searched_ms})


def _items(
    dark_ms: tuple[int, ...], reached: Parts, rates: Parts, straight: Parts, search: Parts, shortest: Parts
) -> dict[str, Item]:
    """Data sets of what was measured in each block."""
    return {
        "dark_ms": Item(np.array(dark_ms), "ms", "without any input, from the end of the time on the platform"),
        "reached": Item(np.concatenate(reached, axis=2).astype(np.int8), "1",
                        "(dark, change, animal): platform reached first: 0 own, 1 the other's, 2 neither; -1 not run"),
        "rate_hz": Item(np.mean(rates, axis=0), "Hz", "(dark,): mean rate since the dark before it, of all neurons"),
        "straight": Item(np.concatenate(straight).astype(np.int8), "1",
                         "(animal,): platform that a straight way from the release to its own reaches first, as above"),
        "search_ms": Item(np.concatenate(search, axis=1), "ms", "(dark, animal): from release to the own platform, "
                          "states as they are; NaN: not while it was watched"),
        "shortest_ms": Item(np.concatenate(shortest), "ms", "(animal,): the same, straight and at the greatest speed"),
    }  # fmt: skip


def straight_to(start: np.ndarray, own: np.ndarray, other: np.ndarray, radius: float) -> np.ndarray:
    """Platform that straight ways from `start` to the middle of the own one reach first; all (n, 2), as `reached`.

    It is the other's where that lies on the way, so no knowledge of the place brings all animals to their own.
    """
    along = np.linspace(0, 1, WAY_POINTS)[:, None]
    return first_reached(start[:, None] + along * (own - start)[:, None], own, other, radius)


def steps_to(path: np.ndarray, platform: np.ndarray, radius: float) -> np.ndarray:
    """Step at which each path (n, step, 2) enters its disc, (n,); NaN if it never does."""
    inside = np.linalg.norm(path - platform[:, None], axis=-1) <= radius
    return np.where(inside.any(axis=1), inside.argmax(axis=1), np.nan)


def with_one_visit(task: WaterMaze, searched_ms: int, after_ms: int) -> WaterMaze:
    """The maze with a search of that length, a fixed time on the platform, and dark to the end of the record."""
    return replace(
        task, rest_ms=ON_PLATFORM_MS, rest_ms_min=None, rest_each_trial=False, dark_ms=2 * after_ms, dark_ms_min=None,
        no_dark=0.0, duration_ms=searched_ms + ON_PLATFORM_MS + after_ms,
    )  # fmt: skip


def _to_the_end_of_the_visit(subject: Subject, moments: np.ndarray, end: int) -> Plan:
    """Rolls a block out to `end`, where each animal is as it was at its moment; (animal,), at the latest the end."""

    def plan(block: Block, episodes: slice) -> None:
        when = np.minimum(of_lanes(moments, episodes, NEVER), end)
        state, world = copy_of(block.state), block.task_state.copy()
        for step in np.unique([*when, end]):
            block.roll_out(subject.weights, subject.mean_action, step - block.t)
            lanes, now = when == step, shifted(block.state, end - step)
            world[lanes] = block.task_state[lanes]
            for taken, part in zip(state, now, strict=True):
                taken[..., lanes] = part[..., lanes]
        block.state, block.task_state[:] = state, world

    return plan


def _after_one_visit(subject: Subject, keys: np.ndarray, task: WaterMaze, moments: np.ndarray) -> list[np.ndarray]:
    """State variables of every block at the animals' moments, (1, slots, 8) each."""
    plan = _to_the_end_of_the_visit(subject, moments, task.duration_ms)
    return run_blocks(subject, keys, task, plan, lambda block, _: block.state.x[None].copy())


def _untrained(subject: Subject) -> Subject:
    """The network as it was before its first iteration."""
    net, branch = subject.network, np.random.SeedSequence(subject.seed, spawn_key=(NETWORK_BRANCH,))
    untrained = build_network(net.config, net.n_in, net.outputs, net.log_std, branch)
    return subject._replace(network=untrained, weights=untrained.weights())


def _wait(subject: Subject, block: Block, steps: int) -> float:
    """Roll out so many steps of dark; the mean rate in Hz."""
    before = block.t
    block.roll_out(subject.weights, subject.mean_action, steps)
    if block.t == before:
        return 0.0
    spikes = np.bitwise_count(block.record.spikes[before : block.t])
    return float(1000 * spikes.mean() / LANES / subject.network.config.dt_ms)


# What is done to the states of a block


def changes_of(network: Network) -> dict[str, Change]:
    """What is done to the states of pairs at release, by name; the first is nothing, the second erases all.

    For every variable beside the membranes: all but it is erased, and it is the animal's own, the other's, a third
    animal's, the other's shuffled over its neurons (in an order of its own for each animal), or an untrained
    network's; or all but it is exchanged.
    """
    changes: dict[str, Change] = {"none": lambda state, _: None, "erased": lambda state, _: _erase(state)}
    lanes = np.arange(LANES)
    for name in kept_variables(network):
        slots = slots_of(network, [name])
        changes |= {
            f"own {name} alone": partial(_left_with, slots=slots, lanes=lanes),
            f"other's {name} alone": partial(_left_with, slots=slots, lanes=_PARTNER),
            f"third's {name} alone": partial(_left_with, slots=slots, lanes=_THIRD),
            f"other's {name} shuffled": partial(_left_with_shuffled, slots=slots),
            f"untrained {name} alone": partial(_left_with_untrained, slots=slots),
            f"all but {name} exchanged": partial(_exchange_all_but, slots=slots),
        }
    return changes | {"everything exchanged": partial(_exchange_all_but, slots=np.empty(0, int))}


def _erase(state: State) -> None:
    for array in state:
        array[...] = 0


def _left_with(state: State, given: Given, slots: np.ndarray, lanes: np.ndarray) -> None:
    """All to zero but the slots, which each lane takes from the lane named."""
    values = state.x[slots][:, lanes]
    _erase(state)
    state.x[slots] = values


def _left_with_shuffled(state: State, given: Given, slots: np.ndarray) -> None:
    values = np.take_along_axis(state.x[slots][:, _PARTNER], np.argsort(given.random[slots], axis=0), axis=0)
    _erase(state)
    state.x[slots] = values


def _left_with_untrained(state: State, given: Given, slots: np.ndarray) -> None:
    _erase(state)
    state.x[slots] = given.untrained[slots]


def _exchange_all_but(state: State, given: Given, slots: np.ndarray) -> None:
    own = state.x[slots].copy()
    for array in state:
        array[...] = array[..., _PARTNER]
    state.x[slots] = own
