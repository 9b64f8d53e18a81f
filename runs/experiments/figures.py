"""What the experiments of single figures share: the test of a network, the figure of its result."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from analysis.report import write_figure
from lsnn.errors import InputError
from lsnn.files.folders import output_folder
from lsnn.files.results import Result
from lsnn.progress import say
from runs.experiments.options import Asked, check_numbers
from runs.output.command import command_line
from runs.output.headline import print_headline
from runs.testing.conditions import chosen_conditions
from runs.testing.run import run_test
from tasks.experiment import open_network


def prepare(asked: Asked, networks: Iterable[Path], *files: str) -> None:
    """Make the folder for these files.

    Raises:
        InputError: a bad number, a folder that holds one of them already, or a file that is one of the networks.
    """
    check_numbers(episodes=asked.episodes, threads=asked.threads, seed=asked.seed)
    output_folder(asked.out, "", files, asked.overwrite, networks)


def tested(asked: Asked, network: Path, task: str, file: str) -> Path:
    """Test a network under every condition of its family; returns the path of the result, a file in the folder.

    Raises:
        InputError: a network for another task.
    """
    opened, experiment = open_network(network)
    if experiment.task.name != task:
        raise InputError(f"{network}: must be a network for {task}, got {experiment.task.name}")
    path, names = asked.out / file, chosen_conditions([], experiment.task)
    run_test(
        path, opened, experiment, names, asked.seed, command_line(), asked.episodes, threads=asked.threads,
        overwrite=asked.overwrite,
    )  # fmt: skip
    print_headline(path)
    return path


def draw(result: Path, path: Path, drawing: Callable[[Result], Any]) -> None:
    """Draw one figure of a result file."""
    say(f"\nfigure: {write_figure(result, path, drawing)}")
