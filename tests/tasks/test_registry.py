"""Families are found by their place, and one that is broken stands in no other's way."""

import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from lsnn.errors import InputError
from tasks import registry
from tasks.experiment import overridden, preset
from tasks.water_maze import WaterMaze

CLONE = Path(__file__).parents[2]


def test_names_are_those_of_files_and_folders():
    assert {"bandit", "regression", "store-recall", "water-maze"} <= set(registry.names())
    assert list(registry.names()) == sorted(registry.names())
    assert registry.family("water-maze").task is WaterMaze and WaterMaze.family is registry.family("water-maze")


def test_looking_for_families_imports_none():
    program = "import sys, tasks; from tasks import registry; registry.names(); print('numba' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=CLONE, text=True) == "False\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in the place of tasks/."""
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    registry.modules.cache_clear()
    yield tmp_path
    registry.modules.cache_clear()


def test_what_defines_no_family_is_none(folder):
    (folder / "helper.py").write_text('"""FAMILY = none"""\nother = 1\n\ndef make():\n    FAMILY = 1\n')
    (folder / "own.py").write_text("FAMILY = 1\n")
    (folder / "large").mkdir()
    (folder / "large/__init__.py").write_text("from tasks.large.family import FAMILY\n")
    (folder / "large/family.py").write_text("FAMILY = 1\n")
    assert registry.names() == ("large", "own")


def test_a_broken_family_breaks_no_other(folder):
    (folder / "broken.py").write_text("FAMILY = (\n")
    (folder / "failing.py").write_text("FAMILY = 1 / 0\n")
    assert registry.names() == ("broken", "failing")
    for name in registry.names():
        with pytest.raises(InputError, match=f"task {name}: its module cannot be imported"):
            registry.family(name)


def test_load_takes_the_settings_of_the_default_preset_and_keywords():
    task = tasks.load("water-maze", platform_radius=0.2)
    assert (task.platform_radius, task.encoder.reward_cells) == (0.2, 40)
    with pytest.raises(InputError, match="platform_radius must be a number"):
        tasks.load("water-maze", platform_radius="wide")
    with pytest.raises(InputError, match="water-maze: .*unexpected keyword.*depth"):
        tasks.load("water-maze", depth=2)
    with pytest.raises(InputError, match="task must be one of .*bandit, .* or a file NAME.py, got 'sudoku'"):
        tasks.load("sudoku")


def test_a_keyword_that_does_not_fit_the_default_preset_names_the_preset_it_fits():
    rule = "^encoder must be one of 8 numbers.*; what goes with platforms is in the preset 'platforms'$"
    with pytest.raises(InputError, match=rule):
        tasks.load("water-maze", platforms=4)
    with pytest.raises(InputError, match=rule.removeprefix("^")):
        overridden(preset("water-maze"), ["task.platforms=4", "network.n_adaptive=3"])
    assert tasks.load("water-maze", platforms=4, encoder=None).platforms == 4
    with pytest.raises(InputError, match="^platforms must .*9$"):
        tasks.load("water-maze", platforms=9)


def test_an_encoder_is_found_by_its_file(tmp_path, monkeypatch):
    (tmp_path / "found_cells").mkdir()
    (tmp_path / "found_cells/__init__.py").write_text("")
    (tmp_path / "found_cells/token.py").write_text("class TokenCells:\n    channels = ()\n\nclass Helper:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(registry.encoders("found_cells")) == {"TokenCells"}
    known = {"CoordinateCells", "FlagCells", "GaussianPopulation", "PlaceCells"}
    assert known <= set(registry.encoders()) and "TokenCells" not in registry.encoders()
