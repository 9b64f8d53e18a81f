"""How many platforms at once? Visits against their number, and what a cue of another platform does.

Each trial has one of k platforms, told by a cue at its start (ours; no figure of a paper). Networks are tested at
k = 1 to 4 on the same mazes as baselines that mind no cue and one that does.

Swapped cues: after SWAPPED_AT_MS an animal that has found two platforms at least is released in the middle of the pool,
at the same distance from both, and shown the cue of one of them or, from the same state, that of the other. There is no
platform any more. Which of the two places it reaches first within WATCHED_MS is counted.

Leaves in the folder `many_platforms.h5` (docs/reference/files.md) and `many_platforms.png`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from lsnn.network import Network
    from runs.experiments import side_by_side
    from runs.experiments.side_by_side import Opened

NAME = "many_platforms"
SWAPPED_AT_MS, WATCHED_MS = 1500, 300
BASELINES = ("circling", "last_place", "all_places", "memory", "oracle")
NOT_RUN, CUED_FIRST, OTHER_FIRST, NEITHER = -1, 0, 1, 2


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of mazes with several platforms.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Mazes, the same for every network and number of platforms.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test networks with one to four platforms beside baselines; show them cues of other platforms."""
    from analysis.many_platforms import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[side_by_side.Opened]", keys: "np.ndarray") -> Iterator[None]:
        yield from _measure(file, opened, keys, threads)

    asked, rule = Asked(out, episodes, seed, threads, overwrite), "water-maze with several platforms"
    side_by_side.run(NAME, asked, networks, has_several, rule, measure, write_figure, describe)


def has_several(task: Any) -> bool:
    """Whether a task is a water maze with several platforms."""
    return bool(task.name == "water-maze" and task.cued)


def _measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray", threads: int) -> Iterator[None]:
    """Fill the file: baselines, and a group a network."""
    import numpy as np

    from lsnn.files import store
    from runs.experiments.side_by_side import group_of
    from tasks.water_maze.dynamics import MOST_PLATFORMS

    numbers = range(1, MOST_PLATFORMS + 1)
    file.attrs.update(swapped_at_ms=SWAPPED_AT_MS, watched_ms=WATCHED_MS)
    store.put(file, "platforms", np.array(numbers), "1", "(number,): platforms of an episode")
    _put_baselines(file.create_group("baselines"), opened[0].task, keys, numbers)
    for at, each in enumerate(opened):
        group, mazes = group_of(file, at, each), [with_platforms(each.task, number) for number in numbers]
        network = each.network.network
        visits = [_visits(network, maze, keys, threads) for maze in mazes]
        store.put(group, "visits", np.array(visits), "1", "(number, episode): platform visits")
        reached = [_reached(network, maze, keys, threads) for maze in mazes]
        text = "(number, cue, episode): after its own cue and another's, which place came first: 0 that of the "
        text += "trial, 1 the other, 2 neither; -1: fewer than two were known"
        store.put(group, "reached", np.array(reached, np.int8), "1", text)
        yield


def with_platforms(task: Any, number: int) -> Any:
    """The maze with so many platforms in every episode."""
    return replace(task, platforms=number, platforms_min=None)


def _put_baselines(group: "h5py.Group", task: Any, keys: "np.ndarray", numbers: Sequence[int]) -> None:
    """Visits of the scripted baselines, a data set each."""
    import numpy as np

    from lsnn.files import store
    from tasks.family import family_of

    family = family_of(task)
    for name in BASELINES:
        played = [family.play(name, with_platforms(task, number), keys, lambda count: keys) for number in numbers]
        visits = np.array([family.score.by_episode(one.trials, len(keys)) for one in played])
        store.put(group, name, visits, "1", f"(number, episode): platform visits, {family.baselines[name].label}")


def _visits(network: "Network", task: Any, keys: "np.ndarray", threads: int) -> "np.ndarray":
    """Visits of each episode, (episode,), the policy's mean acting."""
    from lsnn.simulation.simulation import simulate

    record = simulate(network, task, keys=keys, threads=threads)
    return (record.reward > 0.5 * task.reward).sum("time").values


def _reached(network: "Network", task: Any, keys: "np.ndarray", threads: int) -> "np.ndarray":
    """Which place came first after the cue of the trial's platform and after that of another one, (2, episode)."""
    import numpy as np

    from tasks.water_maze.dynamics import GOAL, PLACES, RADIUS

    found = np.full((2, len(keys)), NOT_RUN)
    for at in range(2 if task.platforms > 1 else 0):
        before, path, others = after_a_cue(network, task, keys, threads, at)
        rows = np.flatnonzero(others >= 0)
        places, goals = before[:, PLACES:].reshape(len(keys), -1, 2), before[:, GOAL].astype(int)
        first = [entered(path[rows], places[rows, goal[rows]], before[rows, RADIUS]) for goal in (goals, others)]
        which = np.where(first[0] < first[1], CUED_FIRST, OTHER_FIRST)
        found[at, rows] = np.where(np.minimum(*first) < path.shape[1], which, NEITHER)
    return found


def after_a_cue(
    network: "Network", task: Any, keys: "np.ndarray", threads: int, swapped: int
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """States at the release (E, n_state), the path after it (E, T, 2), and the other platform of each animal (E,).

    The trial's platform is one that the animal knows, the other one as well: the lowest and the highest number of
    those; -1 where it knows fewer than two.
    """
    import numpy as np

    from lsnn.simulation.simulation import Simulation
    from tasks.water_maze.dynamics import CUE, GOAL, ON_PLATFORM, SEEN, SINCE, WAIT, WALL, X, Y, cue_of

    end = SWAPPED_AT_MS + WATCHED_MS
    run = Simulation(network, task, keys=keys, threads=threads, duration_ms=end).run(SWAPPED_AT_MS)
    run.change_task(replace(task, probe_ms=SWAPPED_AT_MS))
    states = run.task_state
    known = (states[:, SEEN].astype(int)[:, None] >> np.arange(4)) & 1 == 1
    low, high = known.argmax(axis=1), known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    states[:, [X, Y, WAIT, ON_PLATFORM, WALL, SINCE]] = 0
    states[:, GOAL] = low
    shown = high if swapped else low
    states[:, CUE] = [cue_of(key, float(number)) for key, number in zip(keys, shown, strict=True)]
    run.task_state = states
    path = run.run().record.task_state.values[:, SWAPPED_AT_MS + 1 :, [X, Y]]
    return states, path, np.where(known.sum(axis=1) > 1, high, -1)


def entered(path: "np.ndarray", centre: "np.ndarray", radius: "np.ndarray") -> "np.ndarray":
    """The step in which each path (n, T, 2) first lies in a disc (n, 2), T where it never does; (n,)."""
    import numpy as np

    inside = np.linalg.norm(path - centre[:, None], axis=-1) <= radius[:, None]
    return np.where(inside.any(axis=1), inside.argmax(axis=1), path.shape[1])
