"""Recall after dark: networks trained for it and not, with adaptive thresholds and without.

Every delay of the test lasts 2 s (ours; no figure of the paper). In its last part nothing is shown. A network that
needs input to keep its bit loses it there. Any number of networks of store and recall can be given: each is tested at
every dark, on the same streams. They are told apart by what they were trained with: `task.dark_ms`, and adaptation or
none (`network.beta` of 0).

Leaves in the folder `store_recall_dark.h5` (docs/reference/files.md) and `store_recall_dark.png`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments import side_by_side
    from runs.experiments.side_by_side import Opened

NAME = "store_recall_dark"
DARKS_MS = (0, 100, 200, 500, 1000, 1500, 2000)
DELAY_MS = 2000


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of store and recall.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Test episodes, the same for every network and dark.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test every network at every dark and draw the share of wrong answers."""
    from analysis.store_recall_dark import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[side_by_side.Opened]", keys: "np.ndarray") -> Iterator[None]:
        import numpy as np

        from lsnn.files import store

        file.attrs["delay_ms"] = DELAY_MS
        store.put(file, "dark_ms", np.array(DARKS_MS), "ms", "(dark,): last part of every delay, without any input")
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs.update(trained_dark_ms=each.task.dark_ms, adaptive=int(each.experiment.network.beta > 0))
            wrong, asked = _errors(each, keys, threads)
            store.put(group, "wrong", wrong, "1", "(dark, episode): wrong answers")
            store.put(group, "asked", asked, "1", "(dark, episode): recalls")
            yield

    wanted, asked = "store-recall", Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, lambda task: task.name == wanted, wanted, measure, write_figure, describe)


def _errors(each: "Opened", keys: "np.ndarray", threads: int) -> "tuple[np.ndarray, np.ndarray]":
    """Wrong answers and recalls, both (dark, episode)."""
    import numpy as np

    from lsnn.blocks import Threads as Hands
    from lsnn.kernels.simd import LANES
    from runs.testing.conditions import Session, roll_outs

    network, weights, slots = each.network.network, each.network.network.weights(), DELAY_MS // each.task.slot_ms
    wrong, asked = np.zeros((2, len(DARKS_MS), len(keys)), np.int64)
    for at, dark_ms in enumerate(DARKS_MS):
        task = replace(each.task, delay_min=slots, delay_max=slots, dark_ms=dark_ms)
        session = Session(each.network, replace(each.experiment, task=task), keys, 0, Hands(threads))
        for first, block in roll_outs(session, "frozen", keys, network, weights):
            count = min(LANES, len(keys) - first)
            asked[at, first : first + count] = block.trace.acted.sum(axis=0)[:count]
            wrong[at, first : first + count] = (block.trace.acted - block.trace.reward).sum(axis=0)[:count]
    return wrong, asked
