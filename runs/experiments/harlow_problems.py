"""Learning to learn: choices of a network on Harlow's task against the problems that it met in meta-training.

Harlow's figure (1949; recalled): in the first problems an animal's choices get better slowly, from trial to trial;
after hundreds of problems they are right from the second trial on. Wang et al. (2018) show it of an LSTM. Here a
network is meta-trained from nothing, once for every seed. On the way its weights, averaged as those that are frozen,
are tested with the most likely choice on the same episodes each time, of objects of meta-training and of held-out ones.
A problem is an episode of meta-training.

Leaves in the folder `harlow_problems.h5` (docs/reference/files.md) and `harlow_problems.png`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import Folder, Overwrite, Threads

if TYPE_CHECKING:
    import numpy as np

    from tasks.experiment import Experiment

NAME = "harlow_problems"
CHECKPOINTS = (0, 30, 60, 100, 150, 200, 300, 450, 700, 1000, 1400, 2000)  # iterations


def experiment(
    out: Folder,
    seed: Annotated[list[int] | None, typer.Option(help="Of a meta-training; repeatable; default: 1.")] = None,
    iterations: Annotated[int, typer.Option(help="Of meta-training.")] = CHECKPOINTS[-1],
    episodes: Annotated[int, typer.Option(help="Of every test and kind of objects, in whole blocks of 8.")] = 1000,
    preset: Annotated[str, typer.Option(help="Named configuration.")] = "compact",
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Meta-train, test on the way, draw choices by trial and against the problems met."""
    from analysis.harlow_problems import describe, write_figure
    from lsnn.errors import InputError
    from lsnn.files.folders import alone_in, output_folder
    from lsnn.progress import say
    from runs.experiments.options import check_numbers
    from tasks.experiment import preset as preset_of

    seeds = seed or [1]
    check_numbers(episodes=episodes, threads=threads, iterations=iterations, seed=min(seeds))
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seed must be given once each, got {seeds}")
    chosen, files = preset_of("harlow", preset), (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(out, "", files, overwrite)
    result, figure = (folder / name for name in files)
    with alone_in(folder):
        _run(chosen, seeds, iterations, episodes, threads, result)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


def _run(chosen: "Experiment", seeds: list[int], iterations: int, episodes: int, threads: int, out: Path) -> None:
    """Write the result file, a group a seed."""
    import numpy as np

    from lsnn.files import store
    from runs.output.command import command_line

    checkpoints = [0, *(each for each in CHECKPOINTS if 0 < each < iterations), iterations]
    problems = np.array(checkpoints) * chosen.learning.episodes
    with store.write_atomically(out) as file:
        file.attrs.update(store.provenance("result", chosen.as_mapping(), seeds[0], command_line()))
        file.attrs.update(experiment=NAME, frozen_sha256="one a test")
        store.put(file, "problems", problems, "1", "(test,): episodes of meta-training before each test")
        for each in seeds:
            keys, right = _right(chosen, each, checkpoints, episodes, threads)
            group = file.create_group(f"seed_{each}")
            group.attrs.update(seed=each)
            store.put(group, "episode_key", keys, "1", "(episode,): the same in every test")
            text = "(test, kind of objects, episode, trial): right choices; objects of meta-training, held-out ones"
            store.put(group, "right", right, "1", text)


def _right(
    chosen: "Experiment", seed: int, checkpoints: list[int], episodes: int, threads: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Keys (E,) of the episodes of the tests, and right choices (tests, 2, E, trials) of one meta-training."""
    from dataclasses import replace

    import numpy as np

    from lsnn.kernels.simd import LANES
    from lsnn.meta import MetaLearner, new_network
    from lsnn.progress import meter
    from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
    from lsnn.training import averaged_on
    from tasks.harlow.task import OBJECTS, correct_of_trials

    keys = episode_keys(seed, STUDY_BRANCH, Study.HARLOW_PROBLEMS, -(-episodes // LANES) * LANES)
    network = new_network(chosen.task, chosen.network, chosen.learning, seed)
    learner, found = MetaLearner(chosen.task, network, chosen.learning, seed, threads), []
    tasks = [replace(chosen.task, objects=kind) for kind in OBJECTS]  # type: ignore[type-var]
    with meter() as shown:
        for checkpoint in checkpoints:
            while learner.iteration < checkpoint:
                learner.step()
                shown.show(learner.iteration / checkpoints[-1], f"seed {seed}: iteration {learner.iteration}")
            found.append([correct_of_trials(task, averaged_on(learner, task, keys)[0]) for task in tasks])  # type: ignore[arg-type]
    return keys, np.array(found)
