"""What the scripts of single figures share: their options, the test of a network, the figure of its result."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from analysis.report import write_figure
from analysis.results import Result
from lsnn.errors import InputError
from runs.command import reported, sound_streams
from runs.configuration import open_network
from runs.evaluate import chosen_conditions, run_test
from runs.folders import output_folder
from runs.headline import print_headline
from runs.progress import say

PRETRAINED = Path(__file__).parent / "pretrained"


def parser_of(description: str | None, pretrained: str) -> argparse.ArgumentParser:
    """The options of a script: the network (default: the shipped one), the folder, episodes, seed, threads."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    shipped = PRETRAINED / pretrained
    parser.add_argument("network", nargs="?", type=Path, default=shipped, help="default: the one that is shipped")
    parser.add_argument("--out", type=Path, required=True, help="folder for the result file and the figure")
    parser.add_argument("--episodes", type=int, help="default: as many as `lsnn test` runs")
    parser.add_argument("--seed", type=int, default=0, help="of the episodes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--overwrite", action="store_true")
    return parser


def check_numbers(options: argparse.Namespace) -> None:
    """InputError unless the counts, where given, are >= 1, the seed >= 0 and all below 2**63."""
    for name, least in (("episodes", 1), ("threads", 1), ("iterations", 1), ("steps", 1), ("seed", 0)):
        value = getattr(options, name, None)
        if value is not None and value < least:
            raise InputError(f"--{name} must be >= {least}, got {value}")
        if value is not None and value >= 2**63:
            raise InputError(f"--{name} must be < 2**63, got {value}")


def options_from(parser: argparse.ArgumentParser, *files: str) -> argparse.Namespace:
    """The options of the command line; InputError for a bad number, or a folder that holds one of the files already."""
    options = parser.parse_args()
    check_numbers(options)
    inputs = [path for path in vars(options).values() if isinstance(path, Path) and path != options.out]
    output_folder(options.out, "", files, options.overwrite, inputs)
    return options


def tested(options: argparse.Namespace, network: Path, task: str, path: Path) -> Path:
    """Test a network under every condition of its family; returns the path of the result file.

    Raises:
        InputError: a network for another task.
    """
    file, experiment = open_network(network)
    if experiment.task.name != task:
        raise InputError(f"{network}: must be a network for {task}, got {experiment.task.name}")
    command = shlex.join(["python", "-m", f"runs.{Path(sys.argv[0]).stem}", *sys.argv[1:]])
    names = chosen_conditions([], task)
    run_test(
        path, file, experiment, names, options.seed, command, options.episodes, threads=options.threads,
        overwrite=options.overwrite,
    )  # fmt: skip
    print_headline(path)
    return path


def draw(result: Path, path: Path, drawing: Callable[[Result], Any]) -> None:
    """Draw one figure of a result file."""
    say(f"\nfigure: {write_figure(result, path, drawing)}")


def reporting(main: Callable[[], None]) -> NoReturn:
    """Run a script; bad input ends in a message and exit code 2."""
    sound_streams()
    sys.exit(reported(Path(sys.argv[0]).stem, main))
