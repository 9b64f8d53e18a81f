"""Learning or retrieval of a template? Networks that met few platforms or many, on those and on others.

A network that was meta-trained on one place can swim there without a memory; one that was trained on a few could know
them all and find out which it is; only one that met enough may learn any place. Networks of the water maze that met so
many distinct places (`task.distinct_platforms`; 0: any) are tested in the mazes of their meta-training, in mazes with
any place on the circle, and in the wedge that was held out from both.

To find a platform where none was before is another matter than to come back to it. So of the animals that find it once,
how many are back on it within BACK_MS of the next release (a straight swim takes at most 78), and how many are there
within BACK_MS of the first release, before they can know? (To put an animal there is no way: `lsnn experiment led`.)

Leaves in the folder `templates.h5` (docs/reference/files.md) and `templates.png`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "templates"
WHERE = ("met", "any", "wedge")
BACK_MS = 100


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of the water maze with a held-out wedge.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Mazes of each kind, the same for every network.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test networks on platforms that they met in meta-training, on others, and in the wedge they never met."""
    from analysis.templates import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        file.attrs.update(where=list(WHERE), back_ms=BACK_MS)
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs["distinct_platforms"] = each.task.distinct_platforms
            _put(group, each, keys, threads)
            yield

    asked = Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, has_wedge, RULE, measure, write_figure, describe)


RULE = "water-maze with one platform that stays, outside a held-out wedge, and rest and dark that are not drawn"


def has_wedge(task: Any) -> bool:
    """Whether a task is a water maze of one platform that stays outside a wedge, with pauses of one length."""
    from runs.experiments.losses import is_still

    fixed = is_still(task) and task.rest_ms_min is None and task.dark_ms_min is None
    return fixed and task.held_out_wedge is not None and not task.platform_in_wedge


def mazes_of(task: Any) -> list[Any]:
    """The mazes of the network's meta-training, those of any place, and those of the wedge."""
    return [task, replace(task, distinct_platforms=0), replace(task, distinct_platforms=0, platform_in_wedge=True)]


def _put(group: "h5py.Group", each: "Opened", keys: "np.ndarray", threads: int) -> None:
    import numpy as np

    from lsnn.files import store
    from lsnn.simulation.simulation import simulate
    from tasks.water_maze.baselines import swim

    found = []
    for maze in mazes_of(each.task):
        record, oracle = simulate(each.network.network, maze, keys=keys, threads=threads), swim("oracle", keys, maze)
        visits = [(reward > 0.5 * maze.reward).sum(axis=1) for reward in (record.reward.values, oracle.reward)]
        found.append((*visits, *(latencies(record.trials, trial, len(keys)) for trial in (0, 1))))
    texts = {
        "visits": ("1", "platform visits"), "oracle": ("1", "those of the oracle"),
        "first_ms": ("ms", "escape latency of the first trial; NaN: not found"),
        "second_ms": ("ms", "that of the second trial; NaN: not found"),
    }  # fmt: skip
    for (name, (unit, text)), values in zip(texts.items(), zip(*found, strict=True), strict=True):
        store.put(group, name, np.array(values, float), unit, f"(where, episode): {text}")


def latencies(trials: Any, trial: int, episodes: int) -> "np.ndarray":
    """Escape latency of one trial of every episode in ms, (E,); NaN where the platform was not found in it."""
    import numpy as np

    chosen, found = trials[(trials.trial == trial) & trials.found], np.full(episodes, np.nan)
    found[chosen.episode.to_numpy()] = chosen.latency_ms
    return found
