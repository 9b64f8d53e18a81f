"""Frozen networks over a grid of the family of water mazes (ours; no figure of the paper).

Varied are where the platform is (on the circle, as in the paper; anywhere within it; on the circle, but moved once, at
half of the episode), its radius, and the rest after a find. Everything else is the paper's geometry. A network takes
the policy's mean action and keeps its own encoder. Every maze of the grid is met on the same episode keys, by the
networks and by the scripted swimmers memory, circling and oracle, so that each is measured beside the oracle of the
same maze. Memory and circling circle at the radius that is best for each in that maze.

    python -m runs.maze_family --family FAMILY.lsnn.h5 --specialist SPECIALIST.lsnn.h5 --out DIR

FAMILY was meta-trained on a family of mazes, SPECIALIST on the paper's alone; without FAMILY only SPECIALIST is shown.
Leaves in DIR `maze_family.h5` (docs/reference/files.md) and `maze_family.png`.
"""

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from analysis.maze_family import describe, write_figure
from lsnn import store
from lsnn.files import NetworkFile, network_sha256
from lsnn.seeds import Study
from runs.command import reported, run_as_script
from runs.configuration import Experiment, open_network
from runs.figures import PRETRAINED, check_numbers
from runs.folders import alone_in, output_folder
from runs.progress import Meter, meter, say
from runs.study.apparatus import Subject, run_blocks, study_keys, surgery
from runs.study.generalisation import CIRCLE_TRIED_ON, CIRCLES_TRIED, goals_of
from runs.study.study import subject_of
from runs.train import load_compiled
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import best_circle, swim

EPISODES = 64
MAZE = WaterMaze()
KINDS = ("circle", "anywhere", "reversal")
RADII = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4)  # of the platform, in pool radii
REST_MS = (1, 5, 20, 50)
SWIMMERS = ("memory", "circling", "oracle")
SWIMMERS_AT_ONCE = 64
RESULT, FIGURE = "maze_family.h5", "maze_family.png"

Told = Callable[[float, str], None]  # share of a piece of work that is done, and which piece


class Frozen(NamedTuple):
    """A network whose weights are frozen, and where it came from."""

    path: Path
    file: NetworkFile
    experiment: Experiment
    subject: Subject

    def in_maze(self, maze: WaterMaze) -> WaterMaze:
        """The maze as this network sees it: with the encoder of its meta-training."""
        return replace(maze, encoder=self.experiment.task.encoder)

    def checksum(self) -> str:
        """Of all that the network computes with."""
        return network_sha256(self.subject.network, self.subject.weights)


def open_frozen(path: Path, episodes: int, threads: int) -> Frozen:
    """The network of a file; InputError for a bad file or one for another task than the maze."""
    file, experiment = open_network(path)
    return Frozen(path, file, experiment, subject_of(path, file, experiment, threads, episodes))


def maze_of(kind: str, radius: float, rest_ms: int) -> WaterMaze:
    """A maze of the grid."""
    kinds: dict[str, dict[str, Any]] = {
        "circle": {},
        "anywhere": {"platform_anywhere": True},
        "reversal": {"reversal_ms": MAZE.duration_ms // 2},
    }
    return replace(MAZE, platform_radius=radius, rest_ms=rest_ms, **kinds[kind])


def grid() -> list[WaterMaze]:
    """Every maze of the grid; the kind varies slowest, the rest fastest."""
    return [maze_of(*cell) for cell in product(KINDS, RADII, REST_MS)]


def on_grid(cells: Sequence[Any]) -> np.ndarray:
    """What was found in each maze of `grid`, as (kind, radius, rest, ...)."""
    found = np.stack(cells)
    return found.reshape(len(KINDS), len(RADII), len(REST_MS), *found.shape[1:])


def network_goals(frozen: Frozen, keys: np.ndarray, told: Told) -> np.ndarray:
    """Finds of a network in every maze of the grid, (kind, radius, rest, E)."""
    cells, mazes = [], grid()
    for number, maze in enumerate(mazes):
        told(number / len(mazes), f"maze {number + 1} of {len(mazes)}")
        task = frozen.in_maze(maze)
        cells.append(np.concatenate(run_blocks(frozen.subject, keys, task, surgery(frozen.subject), goals_of(task))))
    return on_grid(cells)


def circles(name: str, keys: np.ndarray) -> np.ndarray:
    """The radius at which a swimmer that circles does best in every maze of the grid, (kind, radius, rest)."""
    return on_grid([best_circle(keys[:CIRCLE_TRIED_ON], maze, CIRCLES_TRIED, name) for maze in grid()])


def swimmer_goals(name: str, keys: np.ndarray, circle: np.ndarray) -> np.ndarray:
    """Finds of a scripted swimmer in every maze of the grid, (kind, radius, rest, E); circle (kind, radius, rest)."""
    parts = range(0, len(keys), SWIMMERS_AT_ONCE)
    return on_grid([
        np.concatenate([
            np.count_nonzero(
                swim(name, keys[first : first + SWIMMERS_AT_ONCE], maze, radius).reward > 0.5 * maze.reward, axis=1
            )
            for first in parts
        ])
        for maze, radius in zip(grid(), circle.ravel(), strict=True)
    ])  # fmt: skip


def part_of(shown: Meter, name: str, number: int, count: int) -> Told:
    """Shows how far the work called `name` is, which is part `number` of so many."""
    return lambda share, where: shown.show((number + share) / count, f"{name}: {where}")


# The result file


def put_header(
    result: h5py.File, experiment: str, networks: Mapping[str, Frozen], keys: np.ndarray, seed: int, command: str
) -> None:
    """Root attributes, those of the first network among them, and the keys that all players share."""
    first = next(iter(networks.values()))
    result.attrs.update(store.provenance("result", first.experiment.as_mapping(), seed, command))
    result.attrs.update(experiment=experiment, frozen_sha256=network_sha256(first.file.network))
    store.put(result, "episode_key", keys, "1", "(episode,): keys of the episodes, the same for every player and maze")


def network_group(result: h5py.File, name: str, frozen: Frozen) -> h5py.Group:
    """A group for what a network did, with where it came from; `frozen_sha256_after` is set once it has swum."""
    group = result.create_group(name)
    made = {"network": frozen.path.name, "seed": frozen.file.seed, "command": frozen.file.command}
    group.attrs.update(made, policy="mean", frozen_sha256_before=frozen.checksum())
    return group


def run_grid(networks: Mapping[str, Frozen], keys: np.ndarray, out: Path, seed: int, command: str) -> None:
    """Every player in every maze of the grid; writes the result file.

    Args:
        networks: by the name of their group; the file's root describes the first.
        keys: (E,) uint64, of the episodes of each maze.

    Raises:
        StoreError: the file could not be written.
    """
    for frozen in networks.values():
        load_compiled(frozen.experiment, frozen.file.network)
    with store.write_atomically(out) as result, meter() as shown:
        put_header(result, "maze_family", networks, keys, seed, command)
        result.attrs["kinds"] = list(KINDS)
        store.put(result, "radius", np.array(RADII), "pool radius", "(radius,): of the platform")
        store.put(result, "rest_ms", np.array(REST_MS), "ms", "(rest,): time on the platform after a find")
        for number, (name, frozen) in enumerate(networks.items()):
            group = network_group(result, name, frozen)
            told = part_of(shown, name, number, len(networks) + 1)
            _put_goals(group, network_goals(frozen, keys, told))
            group.attrs["frozen_sha256_after"] = frozen.checksum()
        shown.show(len(networks) / (len(networks) + 1), "scripted swimmers")
        for name in SWIMMERS:
            group, circle = result.create_group(name), np.full((len(KINDS), len(RADII), len(REST_MS)), np.nan)
            if name != "oracle":  # which does not circle
                circle = circles(name, keys)
                store.put(group, "circle_radius", circle, "pool radius", "(kind, radius, rest): that earns the most")
            _put_goals(group, swimmer_goals(name, keys, circle))


def _put_goals(group: h5py.Group, goals: np.ndarray) -> None:
    store.put(group, "goals", goals.astype(np.int32), "1", "(kind, radius, rest, episode): finds")


# The command


def parser_of(module: str, description: str | None, episodes: int) -> argparse.ArgumentParser:
    """The options that experiments on several networks share."""
    parser = argparse.ArgumentParser(f"python -m {module}", description=(description or "").splitlines()[0])
    shipped = PRETRAINED / "water_maze.lsnn.h5"
    parser.add_argument("--specialist", type=Path, default=shipped, help="default: the network that is shipped")
    parser.add_argument("--out", type=Path, required=True, help="folder for the result file and the figure")
    parser.add_argument("--episodes", type=int, default=episodes, help="of every player in each maze")
    parser.add_argument("--seed", type=int, default=0, help="of the episodes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--overwrite", action="store_true", help="write over what is there")
    return parser


def experiment_command(
    module: str, arguments: Sequence[str], parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace, str], str],
) -> int:  # fmt: skip
    """Check the shared options, run (options, command) and print the text it returns; returns the exit code."""
    asked = parser.parse_args(arguments)

    def work() -> None:
        check_numbers(asked)
        say(run(asked, shlex.join(["python", "-m", module, *arguments])))

    return reported(module, work)


class Comparison(NamedTuple):
    """An experiment on several networks: its number, the names of its files, what runs, tells and draws it."""

    number: Study
    result: str
    figure: str
    run: Callable[[Mapping[str, Frozen], np.ndarray, Path, int, str], None]  # networks, keys, file, seed, command
    describe: Callable[[Path], str]
    write_figure: Callable[[Path, Path], Path]


def carry_out(
    comparison: Comparison, paths: Mapping[str, Path | None], asked: argparse.Namespace, command: str
) -> str:
    """The experiment on the networks of these files (none = left out): what it found, in words, and its files."""
    networks = {name: open_frozen(path, asked.episodes, asked.threads) for name, path in paths.items() if path}
    files, inputs = (comparison.result, comparison.figure), filter(None, paths.values())
    folder = output_folder(asked.out, "", files, asked.overwrite, inputs)
    result, keys = folder / comparison.result, study_keys(asked.seed, comparison.number, asked.episodes)
    with alone_in(folder):
        comparison.run(networks, keys, result, asked.seed, command)
        figure = comparison.write_figure(result, folder / comparison.figure)
    return f"{comparison.describe(result)}\nresult: {result}\nfigure: {figure}"


def run(asked: argparse.Namespace, command: str) -> str:
    """The experiment with these options."""
    comparison = Comparison(Study.MAZE_FAMILY, RESULT, FIGURE, run_grid, describe, write_figure)
    return carry_out(comparison, {"family": asked.family, "specialist": asked.specialist}, asked, command)


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = parser_of("runs.maze_family", __doc__, EPISODES)
    parser.add_argument("--family", type=Path, help="a network meta-trained on a family of mazes")
    return experiment_command("runs.maze_family", arguments, parser, run)


if __name__ == "__main__":
    run_as_script(main)
