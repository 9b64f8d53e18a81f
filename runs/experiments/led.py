"""Is what an animal remembers the place, or a search of its own that ended there? Animals that are led to the platform.

Until its second release an animal does not swim: it is led along the path of another, sees what that one saw, is on the
platform as long, and is released where that one was released. From then on it swims by its own state alone, in the maze
of the one it followed. Who it follows: itself (which changes no bit), another animal of the same network in another
maze, and scripted swimmers: one that circles, one that follows the wall, one that swims straight on to the wall and
turns, and the oracle, which swims straight to the platform. How many are back on it within BACK_MS of the release (a
straight swim takes at most 78 in the paper's geometry), and how many with the state set to zero then?

Leaves in the folder `led.h5` (docs/reference/files.md) and `led.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from lsnn.network import Network
    from runs.experiments.side_by_side import Opened

NAME = "led"
OWN, OTHERS = "its own path", "another's path"
SCRIPTED = {
    "circling": "a circle", "border": "along the wall", "straight_lines": "straight on, turning at the wall",
    "oracle": "straight to the platform",
}  # fmt: skip
LED_MS, BACK_MS, WATCHED_MS = 300, 100, 200  # the longest way that is led; what is counted; how long it is watched


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
        file.attrs.update(paths=[OWN, OTHERS, *SCRIPTED.values()], back_ms=BACK_MS, watched_ms=WATCHED_MS)
        for number, each in enumerate(opened):
            _put(side_by_side.group_of(file, number, each), each, keys, threads)
            yield

    asked = Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, is_still, RULE, measure, write_figure, describe)


def _put(group: "h5py.Group", each: "Opened", keys: "np.ndarray", threads: int) -> None:
    import numpy as np

    from lsnn.files import store

    network, task, found = each.network.network, each.task, []
    for path in paths_of(network, task, keys, threads):
        first, release = moments_of(path)
        kept, erased = (led(network, task, keys, threads, path, release, without) for without in (False, True))
        found.append((np.where(release < 0, np.nan, first), kept, erased))
    texts = {
        "first_ms": "when the platform was reached; NaN: not within the time that is led, left out",
        "back_ms": "from the release to the next visit, at most watched_ms; NaN: left out",
        "back_erased_ms": "the same with the state set to zero at the release",
    }
    for (name, text), values in zip(texts.items(), zip(*found, strict=True), strict=True):
        store.put(group, name, np.array(values, float), "ms", f"(path, episode): {text}")


def paths_of(network: "Network", task: Any, keys: "np.ndarray", threads: int) -> "Iterator[np.ndarray]":
    """States of the task along every path, (E, T + 1, n_state), row t before step t: own, another's, scripted ones."""
    from dataclasses import replace

    import numpy as np

    from lsnn.simulation.simulation import simulate
    from tasks.water_maze.baselines import CIRCLE_TRIED_ON, best_circle, swim

    pause = int(task.rest_ms) + int(task.dark_ms) + 2
    own = simulate(network, task, keys=keys, threads=threads, duration_ms=LED_MS + pause).task_state.values
    yield own
    yield np.roll(own, 1, axis=0)
    circle = best_circle(keys[:CIRCLE_TRIED_ON], task)
    for name in SCRIPTED:
        yield swim(name, keys, replace(task, duration_ms=LED_MS + pause), circle).task_state


def moments_of(path: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """The step of the first visit and that before which the second trial begins, (E,); -1 where that is too late."""
    import numpy as np

    from tasks.water_maze.dynamics import ON_PLATFORM, TRIAL, WAIT

    visited, released = path[..., ON_PLATFORM] > 0, (path[..., TRIAL] > 0) & (path[..., WAIT] == 0)
    in_time = visited[:, : LED_MS + 1].any(axis=1) & released.any(axis=1)
    return visited.argmax(axis=1) - 1, np.where(in_time, released.argmax(axis=1), -1)


def led(
    network: "Network", task: Any, keys: "np.ndarray", threads: int, path: "np.ndarray", release: "np.ndarray",
    erased: bool,
) -> "np.ndarray":  # fmt: skip
    """Time from each release to the next visit, at most WATCHED_MS, (E,); NaN for an animal that is left out.

    Args:
        path: states of the task that an animal is led through, (E, T + 1, n_state), until the step `release` (E,).
        erased: whether its own state is set to zero at the release.
    """
    import numpy as np

    from lsnn.simulation.simulation import Simulation

    last = max(int(release.max()), 0)
    run = Simulation(network, task, keys=keys, threads=threads, duration_ms=last + WATCHED_MS)
    for step in range(last + 1):
        states, on_path = run.task_state, release >= step
        states[on_path] = path[on_path, step]
        run.task_state = states
        if erased and np.any(release == step):
            run.erase(episodes=np.flatnonzero(release == step))
        run.run(1)
    reward = run.run().record.reward.values > 0.5 * task.reward
    after = np.arange(reward.shape[1]) - release[:, None]
    counted = reward & (after >= 0) & (after < WATCHED_MS)
    back = np.where(counted.any(axis=1), counted.argmax(axis=1) - release + 1, WATCHED_MS)
    return np.where(release < 0, np.nan, back)
