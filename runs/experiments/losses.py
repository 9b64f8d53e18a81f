"""Where visits are lost: the time in which an animal did not come nearer to the platform as fast as the oracle.

An animal d from the platform's edge needs d / speed. A step of 1 ms that brings it nearer by less than it can swim
loses the rest of it; rest, dark and the step of the visit cost the oracle as much. So, up to where animals start,

    visits of the network / visits of the oracle = 1 - time lost / time.

The time lost is a sum over steps: of the first search, of the second, and of later trials within FIRST_MS of the
release, in which what the animal sees has to reach its readout. What later steps lose is split in two: the animal swam
slower than it can (or into the wall), or to where the platform is not (1 - cosine of the angle).

Networks of one family of mazes are laid beside circling and `memory`, which circles until it has found the platform.
Leaves in the folder `losses.h5` (docs/reference/files.md) and `losses.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments import side_by_side
    from runs.experiments.side_by_side import Opened

NAME = "losses"
FIRST_MS = 12
PARTS = ("first search", "second search", "later: first 12 ms", "later: slower", "later: heading")
BASELINES = ("circling", "memory")
AT_ONCE = 64  # episodes whose states are held


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of the water maze, of one task.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Mazes, the same for every network and baseline.")] = 512,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Say where networks lose visits to the oracle: first search, second, later ones, reaction, heading."""
    from analysis.losses import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[side_by_side.Opened]", keys: "np.ndarray") -> Iterator[None]:
        yield from _measure(file, opened, keys, threads)

    asked = Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, is_still, RULE, measure, write_figure, describe)


RULE = "water-maze with one platform that stays (reversal_ms and probe_ms -1)"


def is_still(task: Any) -> bool:
    """Whether a task is a water maze whose only platform stays to the end."""
    return bool(task.name == "water-maze" and task.platforms == 1 and task.reversal_ms < 0 and task.probe_ms < 0)


def _measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray", threads: int) -> Iterator[None]:
    """Fill the file: the baselines in the mazes of the first network, and a group a network in its own."""
    from runs.experiments.side_by_side import group_of

    _put_baselines(file, opened[0].task, keys)
    for at, each in enumerate(opened):
        parts = [_network_losses(each, some, threads) for some in _portions(keys)]
        _put(group_of(file, at, each), parts, *_oracle(each.task, keys))
        yield


def _put_baselines(file: "h5py.File", task: Any, keys: "np.ndarray") -> None:
    from tasks.water_maze.baselines import CIRCLE_TRIED_ON, best_circle, swim

    circle = best_circle(keys[:CIRCLE_TRIED_ON], task)
    for name in BASELINES:
        parts = [lost(swim(name, some, task, circle).task_state, task.speed) for some in _portions(keys)]
        _put(file.create_group(name), parts, *_oracle(task, keys))


def _oracle(task: Any, keys: "np.ndarray") -> "tuple[np.ndarray, int]":
    """The oracle's visits (E,), and the length of an episode."""
    import numpy as np

    from tasks.water_maze.baselines import swim

    parts = [swim("oracle", some, task).reward > 0.5 * task.reward for some in _portions(keys)]
    return np.concatenate([part.sum(axis=1) for part in parts]), task.duration_ms


def _portions(keys: "np.ndarray") -> "list[np.ndarray]":
    return [keys[first : first + AT_ONCE] for first in range(0, len(keys), AT_ONCE)]


def _network_losses(each: "Opened", keys: "np.ndarray", threads: int) -> "tuple[np.ndarray, np.ndarray]":
    """The same of a frozen network, the policy's mean acting."""
    from lsnn.simulation.simulation import simulate

    record = simulate(each.network.network, each.task, keys=keys, threads=threads)
    return lost(record.task_state.values, each.task.speed)


def lost(task_state: "np.ndarray", speed: float) -> "tuple[np.ndarray, np.ndarray]":
    """Time lost to a straight swim at full speed, by what it was lost in.

    Args:
        task_state: (E, T + 1, n_state), row t before step t.

    Returns:
        Time lost in ms, (part, E), in the order of PARTS, and visits (E,).
    """
    import numpy as np

    from tasks.water_maze.dynamics import ON_PLATFORM, PLATFORM_X, PLATFORM_Y, RADIUS, WAIT, X, Y

    place, platform = task_state[..., [X, Y]], task_state[..., [PLATFORM_X, PLATFORM_Y]]
    swims = task_state[:, :-1, WAIT] == 0
    visit = swims & (task_state[:, 1:, ON_PLATFORM] > 0)
    away = np.maximum(np.linalg.norm(place - platform, axis=-1) - task_state[..., RADIUS], 0.0)
    loss = np.where(swims & ~visit, 1.0 + np.diff(away, axis=1) / speed, 0.0)  # the oracle's last step is as long
    moved = np.linalg.norm(np.diff(place, axis=1), axis=-1) / speed
    slower = np.where(swims & ~visit, 1.0 - moved, 0.0)
    trial = np.cumsum(visit, axis=1) - visit
    early = since_release(swims) < FIRST_MS
    later = swims & (trial > 1) & ~early
    of = [(loss, swims & (trial == 0)), (loss, swims & (trial == 1)), (loss, swims & (trial > 1) & early)]
    of += [(slower, later), (loss - slower, later)]
    parts = np.array([np.where(where, ms, 0.0).sum(axis=1) for ms, where in of])
    return parts.round(9) + 0.0, visit.sum(axis=1)  # no -0 where steps are those of the oracle


def since_release(swims: "np.ndarray") -> "np.ndarray":
    """Steps since the animal was released, (E, T); swims: (E, T), whether it swims in a step."""
    import numpy as np

    step = np.arange(swims.shape[1])
    released = swims & np.concatenate([np.ones((len(swims), 1), bool), ~swims[:, :-1]], axis=1)
    return step - np.maximum.accumulate(np.where(released, step, 0), axis=1)


def _put(
    group: "h5py.Group", parts: "list[tuple[np.ndarray, np.ndarray]]", oracle: "np.ndarray", duration_ms: int
) -> None:
    import numpy as np

    from lsnn.files import store

    group.attrs.update(parts=list(PARTS), duration_ms=duration_ms)
    lost_ms = np.concatenate([ms for ms, _ in parts], axis=1)
    store.put(group, "lost_ms", lost_ms, "ms", "(part, episode): time lost, by the attribute parts")
    store.put(group, "visits", np.concatenate([visits for _, visits in parts]), "1", "(episode,): platform visits")
    store.put(group, "oracle", oracle, "1", "(episode,): the oracle's, in the same mazes")
