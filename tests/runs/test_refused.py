"""Runs that are refused leave nothing, not even the folder that they were to write into."""

import importlib
import inspect
import sys

import pytest
from typer.testing import CliRunner

from lsnn.files.folders import empty_ones_removed, writable
from runs.cli import main
from runs.experiments.discovery import modules
from runs.maze import PRETRAINED
from tests.runs.refusals import assert_one_line

BANDIT = PRETRAINED.parent / "bandit.lsnn.h5"
GIVEN = {"network": (), "networks": (), "family": ("--family",), "lif": ("--lif",), "specialist": ("--specialist",)}


def parameters(name):
    return inspect.signature(importlib.import_module(modules()[name]).experiment).parameters


OF_NETWORKS = [(name, given) for name in modules() for given in GIVEN if given in parameters(name)]
COMMANDS = {
    "test": ("test", "WRONG", "--out", "NEW/x.h5"),
    "study": ("study", "WRONG", "--out", "NEW/x.h5"),
    "an experiment of none": ("study", PRETRAINED, "--only", "nothing", "--out", "NEW/x.h5"),
    "networks of two tasks": ("study", PRETRAINED, BANDIT, "--out", "NEW/x.h5"),
    "brian": ("brian", "WRONG", "--out", "NEW/x.h5"),
    "brian in no mode": ("brian", PRETRAINED, "--mode", "nothing", "--out", "NEW/x.h5"),
    "demo": ("demo", "WRONG", "--out", "NEW/x.html"),
    "report": ("report", "WRONG", "--out", "NEW"),
    "movie": ("movie", "WRONG", "--out", "NEW/x.gif"),
    "export": ("export", "WRONG", "--nwb", "NEW/x.nwb"),
    "sweep": ("sweep", "WRONG", "--out", "NEW"),
    "train": ("train", "water-maze", "--resume", "WRONG", "--out", "NEW"),
    "no scheduler": ("train", "water-maze", "--scheduler", "none", "--iterations", "1", "--out", "NEW"),
    "strengths": ("experiment", "membrane-noise", PRETRAINED, "--strength", "-1", "--out", "NEW"),
}


def refused(words, tmp_path, capsys, message=""):
    """Exit code 2, one line, and nothing of what the run was to make."""
    new = tmp_path / "new"
    words = [str(word).replace("NEW", str(new / "deep")).replace("WRONG", str(tmp_path / "none.h5")) for word in words]
    done = CliRunner().invoke(main, words)
    print(done.stderr, end="", file=sys.stderr)
    assert_one_line(done.exit_code, capsys, message)
    assert not new.exists()


@pytest.mark.parametrize(("name", "given"), OF_NETWORKS)
def test_an_experiment_on_no_network(name, given, tmp_path, capsys):
    own = () if given == "networks" or given == "network" or "network" not in parameters(name) else (PRETRAINED,)
    refused(("experiment", name, *GIVEN[given], "WRONG", "--out", "NEW", *own), tmp_path, capsys, "none.h5: must be")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(name, tmp_path, capsys):
    refused(COMMANDS[name], tmp_path, capsys)


def test_a_network_of_another_task(tmp_path, capsys):
    refused(
        ("experiment", "bandit-regret", PRETRAINED, "--out", "NEW"), tmp_path, capsys, "must be a network for bandit"
    )


def test_what_was_there_or_holds_something_stays(tmp_path):
    (tmp_path / "old").mkdir()
    with pytest.raises(KeyError), empty_ones_removed():
        writable(tmp_path / "old" / "new" / "deep")
        writable(tmp_path / "old")
        writable(tmp_path / "used" / "deep")
        (tmp_path / "used" / "file").touch()
        raise KeyError
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "old", "used"]
    with empty_ones_removed():
        writable(tmp_path / "kept")
    assert (tmp_path / "kept").is_dir()
