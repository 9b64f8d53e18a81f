"""What holds for every experiment that is found, and for one that is put beside them."""

import importlib
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runs.cli import main
from runs.experiments import discovery

CLONE = Path(__file__).parents[2]
EXPERIMENTS = discovery.modules()
every_experiment = pytest.mark.parametrize("name", EXPERIMENTS)


def lsnn(*words):
    return CliRunner().invoke(main, [*map(str, words)], terminal_width=200)


def numbers_of(name):
    """Options of an experiment that have to be positive, or not negative."""
    parameters = signature(importlib.import_module(EXPERIMENTS[name]).experiment).parameters
    return [option for option in ("episodes", "threads", "iterations", "seed") if option in parameters]


def given(name, folder):
    """Arguments without which an experiment cannot begin: a network that is never opened, a folder."""
    parameters = signature(importlib.import_module(EXPERIMENTS[name]).experiment).parameters
    empty = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    network = {"network", "networks"} & empty
    return [*(["network.lsnn.h5"] if network else []), *(["--out", str(folder)] if "out" in parameters else [])]


def test_experiments_are_found_by_their_place():
    assert {"maze-family", "gym-example", "bandit-regret"} <= set(EXPERIMENTS)
    assert not {"options", "figures", "discovery"} & set(EXPERIMENTS)


def test_help_lists_every_experiment_with_its_first_line():
    listed = lsnn("experiment", "--help")
    assert listed.exit_code == 0
    text = " ".join(word for word in listed.stdout.split() if word != "│")
    for name, module in EXPERIMENTS.items():
        first = (importlib.import_module(module).__doc__ or "").splitlines()[0]
        assert f"{name} {first}" in text


@every_experiment
def test_it_says_what_it_makes(name):
    words = importlib.import_module(EXPERIMENTS[name]).__doc__ or ""
    assert words.splitlines()[0].endswith(".") and ("Leaves in the folder" in words or "prints" in words)
    if "Leaves in the folder" in words:
        assert f"{name.replace('-', '_')}.png" in words


@every_experiment
def test_help_shows_every_option_and_compiles_nothing(name):
    program = (
        "import sys; from typer.testing import CliRunner; from runs.cli import main; "
        "done = CliRunner().invoke(main, ['experiment', sys.argv[1], '--help']); print(done.stdout); "
        "sys.exit(done.exit_code or bool({'numba', 'brian2', 'matplotlib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program, name], cwd=CLONE, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for option in (*numbers_of(name), *(["out"] if "--out" in given(name, "x") else [])):
        assert f"--{option}" in ran.stdout


@every_experiment
def test_bad_input_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for option in numbers_of(name):
        done = lsnn("experiment", name, *given(name, tmp_path / "out"), f"--{option}", -1)
        assert done.exit_code == 2, done.output
        assert done.stderr.startswith(f"lsnn: --{option} must be >= ") and len(done.stderr.splitlines()) == 1
    unknown = lsnn("experiment", name, *given(name, tmp_path / "out"), "--no-such-option")
    assert unknown.exit_code == 2 and "--no-such-option" in unknown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if "--out" in given(name, "x")])
def test_it_needs_a_folder(name):
    done = lsnn("experiment", name, *given(name, "x")[:-2])
    assert done.exit_code == 2 and "--out" in done.stderr


@pytest.fixture
def room(tmp_path, monkeypatch):
    """The folder of experiments with two more: one that works and one that cannot be imported."""
    import runs.experiments

    (tmp_path / "count_spikes.py").write_text(
        '"""Counts spikes."""\n\ndef experiment(episodes: int = 3) -> None:\n    print(f"{episodes} episodes")\n'
    )
    (tmp_path / "broken.py").write_text("import no_such_module\n\ndef experiment() -> None:\n    pass\n")
    monkeypatch.setattr(runs.experiments, "__path__", [*runs.experiments.__path__, str(tmp_path)])
    monkeypatch.setattr(discovery, "FOLDER", tmp_path)
    discovery.modules.cache_clear()
    yield
    discovery.modules.cache_clear()
    discovery.command_of.cache_clear()


def test_an_experiment_of_ones_own_is_a_command(room):
    assert "Counts spikes." in lsnn("experiment", "--help").stdout
    done = lsnn("experiment", "count-spikes", "--episodes", 5)
    assert done.exit_code == 0 and done.stdout == "5 episodes\n"


def test_one_that_cannot_be_imported_hinders_no_other(room):
    assert lsnn("experiment", "count-spikes").exit_code == 0
    assert "Cannot be imported." in lsnn("experiment", "--help").stdout
    done = lsnn("experiment", "broken", "--seed", 3)
    assert done.exit_code == 2
    why = "ModuleNotFoundError: No module named 'no_such_module'"
    assert done.stderr == f"lsnn: experiment broken: its module cannot be imported: {why}\n"
