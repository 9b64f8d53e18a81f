"""The study of several networks of one recipe: one file, the same numbers as alone, and a page over networks."""

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.report import write_report
from runs.cli import main
from runs.study.study import run_study
from runs.training.train import Budget, fresh_run, train
from tasks.experiment import overridden, preset
from tests.runs.test_study_families import SHORT, SMALL

NETWORKS, SEED = 5, 3


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Networks of five seeds of one recipe, and one of another recipe."""
    experiment, made = overridden(preset("bandit"), (*SMALL, *SHORT["bandit"])), []
    for seed in range(NETWORKS):
        folder = tmp_path_factory.mktemp(f"seed{seed}")
        made.append(train(fresh_run(experiment, seed, "lsnn train"), Budget(iterations=1), folder, 1)[0])
    other = fresh_run(overridden(experiment, ["network.tau_a_ms=600"]), 9, "lsnn train")
    return made, train(other, Budget(iterations=1), tmp_path_factory.mktemp("other"), 1)[0]


@pytest.fixture(scope="module")
def joined(recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("joined") / "study.h5"
    run_study(recipe[0], path, SEED, 16, 1, "lsnn study A B ...", only=("ablation", "transplant", "decoding"))
    return path


def lsnn(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_every_network_has_the_study_that_it_has_alone(recipe, joined, tmp_path):
    run_study(recipe[0][3], tmp_path / "alone.h5", SEED, 16, 1, "lsnn study", only=("transplant",))
    with h5py.File(joined) as several, h5py.File(tmp_path / "alone.h5") as alone:
        assert set(several) == {f"network_{number}" for number in range(NETWORKS)}
        assert several["network_3"].attrs["frozen_sha256"] == alone.attrs["frozen_sha256"]
        assert {int(group.attrs["network_seed"]) for group in several.values()} == set(range(NETWORKS))
        for name in ("score", "followed", "moment_ms"):
            found = several["network_3/transplant"][name][()]
            np.testing.assert_array_equal(found, alone["transplant"][name][()])


def test_its_page_has_every_network_and_intervals_over_them(joined, tmp_path):
    page = write_report(joined, tmp_path / "page").read_text()
    assert "5 networks of one recipe" in page and "hierarchical bootstrap" in page
    assert all(f"<th>seed {seed}</th>" in page for seed in range(NETWORKS))
    assert "the same before and after" in page
    for name in ("ablation", "transplant", "decoding"):
        assert (tmp_path / "page" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_networks_of_several_recipes_are_refused_by_the_key_that_differs(recipe, tmp_path):
    (first, second, *_), other = recipe
    done = lsnn("study", first, other, "--out", tmp_path / "x.h5")
    assert done.exit_code == 2 and "network.tau_a_ms is 600" in done.output and "not 1200" in done.output
    done = lsnn("study", first, first, "--out", tmp_path / "x.h5")
    assert done.exit_code == 2 and "must be of a seed of its own, has 0" in done.output
    done = lsnn("study", first, second, "--out", tmp_path / "x.h5", "--train")
    assert done.exit_code == 2 and "--train trains variants of one network, got 2" in done.output
    assert not (tmp_path / "x.h5").exists()
