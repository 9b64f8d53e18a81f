"""Induction by tokens back, and after dark: how far memory reaches beside the time constant of adaptation.

Any number of networks of induction can be given: each is tested at every dark between the last pair and the first
query, on the same episodes. In the dark nothing is shown, so that what is named afterwards was kept without input.
Networks are told apart by what they were trained with: the previous token shown or not, adaptation or none
(`network.beta` of 0), `task.dark_ms`.

Leaves in the folder `induction_memory.h5` (docs/reference/files.md) and `induction_memory.png`.
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
    from lsnn.errors import InputError
    from lsnn.files.folders import alone_in, output_folder
    from lsnn.progress import say
    from runs.experiments.options import check_numbers
    from tasks.experiment import open_network

    check_numbers(episodes=episodes, threads=threads, seed=seed)
    opened = [open_network(path) for path in networks]
    for path, (_, found) in zip(networks, opened, strict=True):
        if found.task.name != "induction":
            raise InputError(f"{path}: must be a network for induction, got {found.task.name}")
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

    keys = episode_keys(seed, STUDY_BRANCH, Study.INDUCTION_MEMORY, episodes)
    with store.write_atomically(out) as file, meter() as shown:
        first, experiment = opened[0]
        file.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command_line()))
        file.attrs.update(experiment=NAME, frozen_sha256=network_sha256(first.network))
        store.put(file, "episode_key", keys, "1", "(episode,): the same for every network and dark")
        store.put(file, "dark_ms", np.array(DARKS_MS), "ms", "(dark,): before the first query, without any input")
        for number, (path, (network, trained)) in enumerate(zip(paths, opened, strict=True)):
            group, task = file.create_group(f"network_{number}"), task_of(trained)
            group.attrs.update(network=path.name, seed=network.seed, command=network.command)
            group.attrs.update(frozen_sha256=network_sha256(network.network), tau_a_ms=trained.network.tau_a_ms)
            group.attrs.update(previous=int(task.previous), adaptive=int(trained.network.beta > 0))
            group.attrs.update(token_ms=task.token_ms, trained_dark_ms=task.dark_ms)
            right, asked = _answers(network, trained, keys, threads)
            store.put(group, "right", right, "1", "(dark, tokens back, episode): right answers; tokens back from 0 on")
            store.put(group, "asked", asked, "1", "(dark, tokens back, episode): queries")
            shown.show((number + 1) / len(paths), path.name)


def task_of(experiment: "Experiment") -> Any:
    """Its task, one of induction."""
    return experiment.task


def _answers(
    network: "NetworkFile", trained: "Experiment", keys: "np.ndarray", threads: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Right answers and queries, both (dark, tokens back, episode)."""
    import numpy as np

    from lsnn.blocks import Threads as Hands
    from lsnn.kernels.simd import LANES
    from runs.testing.conditions import Session, roll_outs
    from tasks.induction.family import keys_in

    weights, tokens = network.network.weights(), 3 * task_of(trained).pairs_max
    right, asked = np.zeros((2, len(DARKS_MS), tokens, len(keys)), np.int8)
    for at, dark_ms in enumerate(DARKS_MS):
        task = replace(task_of(trained), dark_ms=dark_ms)
        session = Session(network, replace(trained, task=task), keys, 0, Hands(threads))
        for first, block in roll_outs(session, "frozen", keys, network.network, weights):
            count = min(LANES, len(keys) - first)
            table = keys_in(task, task.starts(keys[first : first + count]))
            table = table[table["query"]]
            place = at, table["tokens_back"].astype(int), first + table["episode"]
            np.add.at(asked, place, 1)
            np.add.at(right, place, block.trace.reward[table["end_ms"] - 1, table["episode"]].astype(np.int8))
    return right, asked
