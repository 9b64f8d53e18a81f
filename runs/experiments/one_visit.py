"""One visit, then dark: which kinds of networks keep the place, for how long, and in what part of their state.

Any number of networks of the water maze can be given, of one platform and one radius. Each goes through the
experiment `one_visit` of `lsnn study`, on the same mazes: after one visit of 20 ms an animal is in the dark for 0 to
5000 ms and is then released where it can swim to its own platform or to that of another animal. Networks are told apart
by their neurons (adaptive ones and their time constant, LIF alone, a model of one's own) and by the dark they were
trained with.

Leaves in the folder `one_visit.h5` (docs/reference/files.md) and `one_visit.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments import side_by_side
    from runs.experiments.side_by_side import Opened

NAME = "one_visit"


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of the water maze.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Animals, two a pair; rounded up to whole blocks of eight.")] = 1024,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Put every network through one visit and the dark, and draw how long each kind keeps the place."""
    from analysis.one_visit_kinds import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[side_by_side.Opened]", keys: "np.ndarray") -> Iterator[None]:
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs.update(kind_of(each))
            _put_one_visit(group, each, len(keys), seed, threads)
            yield

    wanted, asked = "water-maze", Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(
        NAME, asked, networks, lambda task: task.name == wanted, wanted, measure, write_figure, describe, _require_fixed
    )


def _require_fixed(each: "Opened") -> None:
    """InputError for a maze whose radius, region of release or number of platforms is drawn."""
    from lsnn.errors import InputError
    from runs.study.water_maze import check

    check(each.path, each.experiment, (NAME,))
    if each.task.platforms > 1:
        raise InputError(f"{each.path}: task.platforms must be 1 in a network for one-visit, is {each.task.platforms}")


def kind_of(each: "Opened") -> dict[str, str | float]:
    """What tells kinds of networks apart: model of the adaptive neurons, its time constant, dark in meta-training."""
    network, task = each.experiment.network, each.task
    alif = network.adaptive_model == "alif"
    none = network.n_adaptive == 0 or (alif and network.beta == 0)
    return {
        "model": "lif" if none else network.models[1].name,
        "tau_a_ms": network.tau_a_ms if alif and not none else 0.0,
        "trained_dark_ms": task.dark_ms,
    }


def _put_one_visit(group: "h5py.Group", each: "Opened", animals: int, seed: int, threads: int) -> None:
    from runs.study.study import put_findings, subject_of
    from runs.study.water_maze.one_visit import ANIMALS_PER_EPISODE, one_visit

    subject = subject_of(each.network, each.experiment, threads, -(-animals // ANIMALS_PER_EPISODE))
    put_findings(group.create_group(NAME), one_visit(subject, seed), each.task.family)
