"""Induction by tokens back, and after dark: how far memory reaches beside the time constant of adaptation.

Any number of networks of induction can be given: each is tested at every dark between the last pair and the first
query, on the same episodes. In the dark nothing is shown, so that what is named afterwards was kept without input.
Networks are told apart by what they were trained with: the previous token shown or not, adaptation or none
(`network.beta` of 0), `task.dark_ms`.

Leaves in the folder `induction_memory.h5` (docs/reference/files.md) and `induction_memory.png`.
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

NAME = "induction_memory"
DARKS_MS = (0, 50, 100, 200, 400, 800, 1600)


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of induction.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Test episodes, the same for every network and dark.")] = 512,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test every network at every dark and draw the share of right answers."""
    from analysis.induction_memory import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[side_by_side.Opened]", keys: "np.ndarray") -> Iterator[None]:
        import numpy as np

        from lsnn.files import store

        store.put(file, "dark_ms", np.array(DARKS_MS), "ms", "(dark,): before the first query, without any input")
        for number, each in enumerate(opened):
            group, network = side_by_side.group_of(file, number, each), each.experiment.network
            group.attrs.update(previous=int(each.task.previous), adaptive=int(network.beta > 0))
            group.attrs.update(trained_dark_ms=each.task.dark_ms, tau_a_ms=network.tau_a_ms)
            right, asked = _answers(each, keys, threads)
            store.put(group, "right", right, "1", "(dark, tokens back, episode): right answers; tokens back from 0 on")
            store.put(group, "asked", asked, "1", "(dark, tokens back, episode): queries")
            yield

    wanted, asked = "induction", Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, lambda task: task.name == wanted, wanted, measure, write_figure, describe)


def _answers(each: "Opened", keys: "np.ndarray", threads: int) -> "tuple[np.ndarray, np.ndarray]":
    """Right answers and queries, both (dark, tokens back, episode)."""
    import numpy as np

    from lsnn.blocks import Threads as Hands
    from lsnn.kernels.simd import LANES
    from runs.testing.conditions import Session, roll_outs
    from tasks.induction.family import keys_in

    network, weights = each.network.network, each.network.network.weights()
    right, asked = np.zeros((2, len(DARKS_MS), 3 * each.task.pairs_max, len(keys)), np.int8)
    for at, dark_ms in enumerate(DARKS_MS):
        task = replace(each.task, dark_ms=dark_ms)
        session = Session(each.network, replace(each.experiment, task=task), keys, 0, Hands(threads))
        for first, block in roll_outs(session, "frozen", keys, network, weights):
            table = keys_in(task, task.starts(keys[first : first + LANES]))
            table = table[table["query"]]
            place = at, table["tokens_back"].astype(int), first + table["episode"]
            np.add.at(asked, place, 1)
            np.add.at(right, place, block.trace.reward[table["end_ms"] - 1, table["episode"]].astype(np.int8))
    return right, asked
