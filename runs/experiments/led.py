"""Is what an animal remembers the place, or a search of its own that ended there? Animals that are led to the platform.

Until its second release an animal does not swim: it is led along the path of another, sees what that one saw, is on the
platform as long, and is released where that one was released. From then on it swims by its own state alone, in the maze
of the one it followed. Who it follows: itself (which changes no bit), another animal of the same network in another
maze, and scripted baselines: one that circles and one that follows the wall, the way round that the network takes by
itself and the other way round, one that swims straight on to the wall and turns, and the oracle, which swims straight
to the platform. How many are back on it within BACK_MS of the release (a straight swim takes at most 78 in the paper's
geometry), and how many with the state set to zero then? And where are they after TURNED_MS: nearer to the platform
(or back on it), or nearer to the place opposite it?

Leaves in the folder `led.h5` (docs/reference/files.md) and `led.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from lsnn.network import Network
    from runs.experiments.side_by_side import Opened

NAME = "led"
OWN, OTHERS = "its own path", "another's path"
ROUND = {"circling": "a circle", "border": "along the wall"}  # either way round
SCRIPTED = {"straight_lines": "straight on, turning at the wall", "oracle": "straight to the platform"}
WAYS = (", its way round", ", the other way round")
PATHS = [OWN, OTHERS, *(f"{path}{way}" for path in ROUND.values() for way in WAYS), *SCRIPTED.values()]
LED_MS, BACK_MS, WATCHED_MS = 300, 100, 200  # the longest way that is led; what is counted; how long it is watched
TURNED_MS = 40


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of the water maze.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Animals, the same mazes for every network and path.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Lead animals to the platform on their own, others' and scripted paths; count who comes back by itself."""
    from analysis.led import describe, write_figure
    from runs.experiments import side_by_side
    from runs.experiments.losses import RULE, is_still

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        file.attrs.update(paths=PATHS, back_ms=BACK_MS, watched_ms=WATCHED_MS, turned_ms=TURNED_MS)
        for number, each in enumerate(opened):
            _put(side_by_side.group_of(file, number, each), each, keys, threads)
            yield

    asked = Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, is_still, RULE, measure, write_figure, describe)


def _put(group: "h5py.Group", each: "Opened", keys: "np.ndarray", threads: int) -> None:
    import numpy as np

    from lsnn.files import store

    network, task, found = each.network.network, each.task, []
    for path, parts in paths_of(network, task, keys, threads):
        first, release = moments_of(path)
        kept, erased = (led(network, task, keys, threads, path, release, without) for without in (False, True))
        values = (np.where(release < 0, np.nan, first), kept.back_ms, erased.back_ms, kept.opposite)
        found += [[np.where(part, of, np.nan) for of in values] for part in parts]
    texts = {
        "first_ms": "when the platform was reached; NaN: not within the time that is led, or on another path",
        "back_ms": "from the release to the next visit, at most watched_ms; NaN as in first_ms",
        "back_erased_ms": "the same with the state set to zero at the release",
        "opposite": "1: nearer to the place opposite the platform turned_ms after release, 0: not; NaN as above",
    }
    for (name, text), rows in zip(texts.items(), zip(*found, strict=True), strict=True):
        unit = "ms" if name.endswith("_ms") else "1"
        store.put(group, name, np.array(rows, float), unit, f"(path, episode): {text}")


def paths_of(
    network: "Network", task: Any, keys: "np.ndarray", threads: int
) -> "Iterator[tuple[np.ndarray, list[np.ndarray]]]":
    """States of the task along every path, (E, T + 1, n_state), row t before step t, and the animals (E,) of its parts.

    The parts of a path round the pool are those that take the way round of the network's own paths, and those that take
    the other. Where no animal finds the platform by itself there is neither.
    """
    from dataclasses import replace

    import numpy as np

    from lsnn.simulation.simulation import simulate
    from tasks.water_maze.baselines import CIRCLE_TRIED_ON, best_circle, swim

    pause = int(task.rest_ms) + int(task.dark_ms) + 2
    own = simulate(network, task, keys=keys, threads=threads, duration_ms=LED_MS + pause).task_state.values
    all_of_them, longer = np.ones(len(keys), bool), replace(task, duration_ms=LED_MS + pause)
    yield own, [all_of_them]
    yield np.roll(own, 1, axis=0), [all_of_them]
    way, circle = way_round(own), best_circle(keys[:CIRCLE_TRIED_ON], task)
    for name in ROUND:
        path = swim(name, keys, longer, circle).task_state
        along = turned(path) * way
        yield path, [along > 0, along < 0]
    for name in SCRIPTED:
        yield swim(name, keys, longer).task_state, [all_of_them]


def way_round(own: "np.ndarray") -> float:
    """The median angle through which animals turn that find the platform by themselves; 0 where none does."""
    import numpy as np

    found = turned(own)[moments_of(own)[0] >= 0]
    return float(np.median(found)) if len(found) else 0.0


def turned(path: "np.ndarray") -> "np.ndarray":
    """The angle round the pool's centre that a path turns through until the first visit, counter-clockwise, (E,)."""
    import numpy as np

    from tasks.water_maze.dynamics import X, Y

    angle = np.unwrap(np.arctan2(path[..., Y], path[..., X]), axis=1)
    first = np.maximum(moments_of(path)[0], 0)
    return angle[np.arange(len(path)), first] - angle[:, 0]


def moments_of(path: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """The step of the first visit and that before which the second trial begins, (E,); -1 where that is too late."""
    import numpy as np

    from tasks.water_maze.dynamics import ON_PLATFORM, TRIAL, WAIT

    visited, released = path[..., ON_PLATFORM] > 0, (path[..., TRIAL] > 0) & (path[..., WAIT] == 0)
    in_time = visited[:, : LED_MS + 1].any(axis=1) & released.any(axis=1)
    return visited.argmax(axis=1) - 1, np.where(in_time, released.argmax(axis=1), -1)


class Led(NamedTuple):
    """What animals did once they were released, (E,) each; NaN for those that are left out."""

    back_ms: "np.ndarray"  # to the next visit, at most WATCHED_MS
    opposite: "np.ndarray"  # whether TURNED_MS after it they are nearer to the place opposite the platform


def led(
    network: "Network", task: Any, keys: "np.ndarray", threads: int, path: "np.ndarray", release: "np.ndarray",
    erased: bool,
) -> Led:  # fmt: skip
    """Lead animals until their release, then let them swim.

    Args:
        path: states of the task that an animal is led through, (E, T + 1, n_state), until the step `release` (E,).
        erased: whether its own state is set to zero at the release.
    """
    import numpy as np

    from lsnn.simulation.simulation import Simulation
    from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y, X, Y

    last = max(int(release.max()), 0)
    run = Simulation(network, task, keys=keys, threads=threads, duration_ms=last + WATCHED_MS)
    for step in range(last + 1):
        states, on_path = run.task_state, release >= step
        states[on_path] = path[on_path, step]
        run.task_state = states
        if erased and np.any(release == step):
            run.erase(episodes=np.flatnonzero(release == step))
        run.run(1)
    record = run.run().record
    reward = record.reward.values > 0.5 * task.reward
    after = np.arange(reward.shape[1]) - release[:, None]
    counted = reward & (after >= 0) & (after < WATCHED_MS)
    back = np.where(counted.any(axis=1), counted.argmax(axis=1) - release + 1, WATCHED_MS)
    then = record.task_state.values[np.arange(len(keys)), np.maximum(release, 0) + TURNED_MS]
    place, platform = then[:, [X, Y]], then[:, [PLATFORM_X, PLATFORM_Y]]
    opposite = np.linalg.norm(place + platform, axis=1) < np.linalg.norm(place - platform, axis=1)
    opposite &= back > TURNED_MS
    return Led(*(np.where(release < 0, np.nan, values) for values in (back, opposite)))
