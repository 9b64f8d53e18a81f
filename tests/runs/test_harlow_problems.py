"""Choices against problems met: what is tested is the averaged network of so many iterations, on the same episodes."""

import h5py
import numpy as np
import pytest

from analysis import harlow_problems as analysis
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from lsnn.meta import MetaLearner, new_network
from lsnn.training import averaged_on
from runs.experiments import harlow_problems
from tasks.experiment import preset
from tasks.harlow import Harlow
from tasks.harlow.task import correct_of_trials
from tests.runs.refusals import assert_one_line, experiment


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("problems")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harlow_problems, "CHECKPOINTS", (0, 1, 99))
        assert experiment("harlow-problems", "--seed", 5, "--iterations", 2, "--episodes", 12, "--out", out) == 0
    return out


def test_every_test_is_of_the_averaged_network_of_its_iteration(folder):
    chosen = preset("harlow")
    learner = MetaLearner(
        chosen.task, new_network(chosen.task, chosen.network, chosen.learning, 5), chosen.learning, 5, 1
    )
    with h5py.File(folder / "harlow_problems.h5") as file:
        assert file["problems"][:].tolist() == [0, 64, 128]
        keys, right = file["seed_5/episode_key"][:], file["seed_5/right"][:]
    assert right.shape == (3, 2, 16, 6) and len(set(keys.tolist())) == 16
    for number in range(3):
        for kind, objects in enumerate(("trained", "held_out")):
            task = Harlow(objects=objects)
            np.testing.assert_array_equal(
                right[number, kind], correct_of_trials(task, averaged_on(learner, task, keys)[0])
            )
        learner.step()


def test_numbers_of_the_figure_by_hand(folder):
    with Result(folder / "harlow_problems.h5") as result:
        problems, right = analysis.right(result)
        assert right.shape == (1, 3, 2, 16, 6) and problems.tolist() == [0, 64, 128]
        figure = analysis.problems_figure(result)
    assert len(figure.axes[0].lines) == 4 and figure.axes[0].lines[2].get_label() == "128"
    np.testing.assert_allclose(figure.axes[0].lines[2].get_ydata(), right[0, 2, 1].mean(axis=0))
    chosen = np.array([[0, 1], [0, 0], [0, 1], [1, 0]])
    assert analysis.second_after_wrong(chosen) == pytest.approx(2 / 3)
    assert analysis.describe(folder / "harlow_problems.h5").splitlines()[3].startswith("    128 problems: ")


def test_a_seed_twice_and_a_file_without_seeds_are_refused(folder, tmp_path, capsys):
    code = experiment("harlow-problems", "--seed", 1, "--seed", 1, "--out", tmp_path / "out")
    assert_one_line(code, capsys, "--seed must be given once each, got [1, 1]")
    path = tmp_path / "none.h5"
    path.write_bytes((folder / "harlow_problems.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file["seed_5"]
    with pytest.raises(ResultError, match="none.h5"):
        analysis.describe(path)
