"""What the experiments share that lay several frozen networks and scripted baselines side by side."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import alone_in, output_folder
from lsnn.files.network_file import NetworkFile, network_sha256
from lsnn.progress import Meter, say
from lsnn.seeds import Study
from runs.experiments.options import Asked, check_numbers
from runs.output.command import command_line
from runs.study.study import subject_of
from runs.study.subject import Subject, study_keys
from tasks.experiment import Experiment, open_network
from tasks.water_maze import WaterMaze

BASELINES_AT_ONCE = 64

Told = Callable[[float, str], None]  # share of a piece of work that is done, and which piece


class Frozen(NamedTuple):
    """A network whose weights are frozen, and where it came from."""

    path: Path
    file: NetworkFile
    experiment: Experiment
    subject: Subject

    def checksum(self) -> str:
        """Of all that the network computes with."""
        return network_sha256(self.subject.network, self.subject.weights)

    def in_maze(self, maze: WaterMaze) -> WaterMaze:
        """The maze as this network sees it: with the encoder of its meta-training."""
        return replace(maze, encoder=self.experiment.task.encoder)


def open_frozen(path: Path, episodes: int, threads: int) -> Frozen:
    """The network of a file; InputError for a bad file or one for another task than the maze."""
    file, experiment = open_network(path)
    if not isinstance(experiment.task, WaterMaze):
        raise InputError(f"{path}: must be a network for {WaterMaze.name} to be studied, got {experiment.task.name}")
    return Frozen(path, file, experiment, subject_of(file, experiment, threads, episodes))


def part_of(shown: Meter, name: str, number: int, count: int) -> Told:
    """Shows how far the work called `name` is, which is part `number` of so many."""
    return lambda share, where: shown.show((number + share) / count, f"{name}: {where}")


def put_header(
    result: h5py.File, experiment: str, networks: Mapping[str, Frozen], keys: np.ndarray, seed: int, command: str
) -> None:
    """Root attributes, those of the first network among them, and the keys that all conditions share."""
    first = next(iter(networks.values()))
    result.attrs.update(store.provenance("result", first.experiment.as_mapping(), seed, command))
    result.attrs.update(experiment=experiment, frozen_sha256=network_sha256(first.file.network))
    store.put(result, "episode_key", keys, "1", "(episode,): keys of the episodes, those of every condition and maze")


def network_group(result: h5py.File, name: str, frozen: Frozen) -> h5py.Group:
    """A group for what a network did, with where it came from; `frozen_sha256_after` is set once it has swum."""
    group = result.create_group(name)
    made = {"network": frozen.path.name, "seed": frozen.file.seed, "command": frozen.file.command}
    group.attrs.update(made, policy="mean", frozen_sha256_before=frozen.checksum())
    return group


class Comparison(NamedTuple):
    """An experiment on several networks: its number, its name, that of its files; what runs, tells and draws it."""

    number: Study
    name: str
    run: Callable[[Mapping[str, Frozen], np.ndarray, Path, int, str], None]  # networks, keys, file, seed, command
    describe: Callable[[Path], str]
    write_figure: Callable[[Path, Path], Path]


def carry_out(comparison: Comparison, paths: Mapping[str, Path | None], asked: Asked) -> None:
    """The experiment on the networks of these files (none = left out); says what it found."""
    check_numbers(episodes=asked.episodes, threads=asked.threads, seed=asked.seed)
    assert asked.episodes is not None
    networks = {name: open_frozen(path, asked.episodes, asked.threads) for name, path in paths.items() if path}
    files = (f"{comparison.name}.h5", f"{comparison.name}.png")
    folder = output_folder(asked.out, "", files, asked.overwrite, filter(None, paths.values()))
    result, figure = (folder / name for name in files)
    keys = study_keys(asked.seed, comparison.number, asked.episodes)
    with alone_in(folder):
        comparison.run(networks, keys, result, asked.seed, command_line())
        comparison.write_figure(result, figure)
    say(f"{comparison.describe(result)}\nresult: {result}\nfigure: {figure}")
