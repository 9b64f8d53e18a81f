"""Recall after dark: networks trained for it and not, with adaptive thresholds and without.

Every delay of the test lasts 2 s (ours; no figure of the paper). In its last part nothing is shown. A network that
needs input to keep its bit loses it there. Any number of networks of store and recall can be given: each is tested at
every dark, on the same streams. They are told apart by what they were trained with: `task.dark_ms`, and adaptation or
none (`network.beta` of 0).

Leaves in the folder `store_recall_dark.h5` (docs/reference/files.md) and `store_recall_dark.png`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import numpy as np

    from lsnn.files.network_file import NetworkFile
    from tasks.experiment import Experiment

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
    from lsnn.errors import InputError
    from lsnn.files.folders import alone_in, output_folder
    from lsnn.progress import say
    from runs.experiments.options import check_numbers
    from tasks.experiment import open_network

    check_numbers(episodes=episodes, threads=threads, seed=seed)
    opened = [open_network(path) for path in networks]
    for path, (_, found) in zip(networks, opened, strict=True):
        if found.task.name != "store-recall":
            raise InputError(f"{path}: must be a network for store-recall, got {found.task.name}")
    files = (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(out, "", files, overwrite, networks)
    result, figure = (folder / name for name in files)
    with alone_in(folder):
        _run(networks, opened, result, episodes, seed, threads)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


def _run(
    paths: Sequence[Path],
    opened: "Sequence[tuple[NetworkFile, Experiment]]",
    out: Path,
    episodes: int,
    seed: int,
    threads: int,
) -> None:
    """Write the result file, a group a network."""
    import numpy as np

    from lsnn.files import store
    from lsnn.files.network_file import network_sha256
    from lsnn.progress import meter
    from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
    from runs.output.command import command_line

    keys = episode_keys(seed, STUDY_BRANCH, Study.STORE_RECALL_DARK, episodes)
    with store.write_atomically(out) as file, meter() as shown:
        first, experiment = opened[0]
        file.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command_line()))
        file.attrs.update(experiment=NAME, frozen_sha256=network_sha256(first.network), delay_ms=DELAY_MS)
        store.put(file, "episode_key", keys, "1", "(episode,): the same for every network and dark")
        store.put(file, "dark_ms", np.array(DARKS_MS), "ms", "(dark,): last part of every delay, without any input")
        for number, (path, (network, trained)) in enumerate(zip(paths, opened, strict=True)):
            group = file.create_group(f"network_{number}")
            group.attrs.update(network=path.name, seed=network.seed, command=network.command)
            group.attrs.update(frozen_sha256=network_sha256(network.network))
            group.attrs.update(trained_dark_ms=task_of(trained).dark_ms, adaptive=int(trained.network.beta > 0))
            wrong, asked = _errors(network, trained, keys, threads)
            store.put(group, "wrong", wrong, "1", "(dark, episode): wrong answers")
            store.put(group, "asked", asked, "1", "(dark, episode): recalls")
            shown.show((number + 1) / len(paths), path.name)


def task_of(experiment: "Experiment") -> Any:
    """Its task, one of store and recall."""
    return experiment.task


def _errors(
    network: "NetworkFile", trained: "Experiment", keys: "np.ndarray", threads: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Wrong answers and recalls, both (dark, episode)."""
    import numpy as np

    from lsnn.blocks import Threads as Hands
    from lsnn.kernels.simd import LANES
    from runs.testing.conditions import Session, roll_outs

    weights, slots = network.network.weights(), DELAY_MS // task_of(trained).slot_ms
    wrong, asked = np.zeros((2, len(DARKS_MS), len(keys)), np.int64)
    for at, dark_ms in enumerate(DARKS_MS):
        task = replace(task_of(trained), delay_min=slots, delay_max=slots, dark_ms=dark_ms)
        session = Session(network, replace(trained, task=task), keys, 0, Hands(threads))
        for first, block in roll_outs(session, "frozen", keys, network.network, weights):
            count = min(LANES, len(keys) - first)
            asked[at, first : first + count] = block.trace.acted.sum(axis=0)[:count]
            wrong[at, first : first + count] = (block.trace.acted - block.trace.reward).sum(axis=0)[:count]
    return wrong, asked
