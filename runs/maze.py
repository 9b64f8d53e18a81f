"""The main job: meta-train on water mazes, freeze, test on mazes never met, report (`lsnn maze`, `make maze`)."""

from collections.abc import Sequence
from pathlib import Path

from analysis.pages.water_maze import DRAWINGS
from analysis.report import write_report
from lsnn.errors import InputError
from lsnn.files.folders import alone_in
from lsnn.progress import say
from runs.output.headline import print_headline
from runs.testing.conditions import chosen_conditions
from runs.testing.run import run_test
from runs.training.train import Budget, Run, train
from tasks.experiment import Experiment, open_network, overridden, preset
from tasks.family import DEFAULT_PRESET

PRETRAINED = Path(__file__).parent / "pretrained" / "water_maze.lsnn.h5"
RESULT, REPORT = "result.h5", "report.html"
FILES = (RESULT, REPORT, *(f"{drawing.name}.png" for drawing in DRAWINGS))  # of test and report


def experiment_of(name: str | None, settings: Sequence[str]) -> Experiment:
    """A preset of the maze (default: compact) with some keys changed; InputError for a bad name, key or value."""
    return overridden(preset("water-maze", DEFAULT_PRESET if name is None else name), settings)


def maze(
    run: Run, budget: Budget, folder: Path, threads: int, command: str, overwrite: bool, episodes: int | None
) -> int:
    """Train, test and report; returns the number of the signal that ended it early, or 0."""
    network, ended_by = train(run, budget, folder, threads)
    if not ended_by:
        test_and_report(network, folder, run.seed, threads, command, overwrite, episodes)
    return ended_by


def pretrained_network() -> Path:
    """The network that comes with the clone; InputError if it is not there."""
    if not PRETRAINED.is_file():
        raise InputError(f"--pretrained: {PRETRAINED} must hold the meta-trained network, got no such file")
    return PRETRAINED


def test_and_report(
    network: Path, folder: Path, seed: int, threads: int, command: str, overwrite: bool, episodes: int | None
) -> None:
    """Test a network under every condition and write the report; the main numbers are printed.

    Args:
        episodes: mazes of the test; None: as many as `lsnn test` runs.
    """
    file, experiment = open_network(network)
    result = folder / RESULT
    with alone_in(folder):
        names = chosen_conditions([], experiment.task)
        run_test(result, file, experiment, names, seed, command, episodes, threads=threads, overwrite=overwrite)
        print_headline(result)
        say(f"\nreport: {write_report(result, folder, overwrite)}")
