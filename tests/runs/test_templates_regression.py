"""Few functions or many: what is asked, the retrieval against hand numbers, file, figure and messages."""

import h5py
import numpy as np
import pytest

from analysis import templates_regression as analysis
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.meta import new_network
from runs.experiments.templates_regression import MOST_FUNCTIONS, tasks_of
from tasks.experiment import overridden, preset
from tasks.regression import Regression
from tasks.regression.retrieval import Retrieval, functions_of
from tests.runs.refusals import assert_one_line, experiment

EPISODES = 10
SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4", "task.sample_ms=6")


def saved(path, *settings, seed=4, task="regression"):
    found = overridden(preset(task), [*settings])
    network = new_network(found.task, found.network, found.learning, seed)
    save_network(path, network, found.as_mapping(), seed, "lsnn train")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("templates_regression")
    networks = [saved(out / f"{n}.h5", *SMALL, f"task.distinct_functions={n}", seed=n + 1) for n in (0, 4)]
    assert experiment("templates-regression", *networks, "--episodes", EPISODES, "--threads", 1, "--out", out) == 0
    return out


def test_what_knows_the_functions_tells_which_it_is():
    """Two lines, y = x and y = -x, and examples of the second: the mean before the first example, then the second."""
    lines = np.zeros((2, 5))
    lines[:, 0] = 1.0, -1.0
    x, y = np.zeros((1, 3, 5)), np.array([[-2.0, -1.0, -0.5]])
    x[0, :, 0] = 2.0, 1.0, 0.5
    answers = Retrieval(Regression("linear"), lines, 0.01)(x, y)
    np.testing.assert_allclose(answers, [[0.0, -1.0, -0.5]], atol=1e-12)


def test_between_two_functions_it_weighs_by_how_likely_each_is():
    lines = np.zeros((2, 5))
    lines[:, 0] = 1.0, 3.0
    x, y = np.ones((1, 2, 5)), np.array([[1.5, 0.0]])
    ratio = np.exp((1.5**2 - 0.5**2) / 2)  # misfits 0.5 and 1.5, width 1
    answers = Retrieval(Regression("linear"), lines, 1.0)(x, y)
    assert answers[0, 1] == pytest.approx((ratio * 1.0 + 3.0) / (ratio + 1.0))


@pytest.mark.parametrize("function", ["sine", "quadratic", "network", "linear"])
def test_what_knows_the_functions_of_a_task_answers_it_without_error(function):
    task = Regression(function, distinct_functions=3)
    x, y = task.examples(np.arange(100, 120, dtype=np.uint64))
    answers = Retrieval(task, functions_of(task), 1e-3)(x, y)
    np.testing.assert_allclose(answers[:, 10:], y[:, 10:], atol=1e-6)


def test_the_functions_are_those_it_met_and_any():
    met, others = tasks_of(Regression(distinct_functions=4))
    assert met.distinct_functions == 4 and others == Regression()


def test_file_and_figure(folder):
    with h5py.File(folder / "templates_regression.h5") as file:
        assert [file[f"network_{n}"].attrs["distinct_functions"] for n in (0, 1)] == [0, 4]
        shape = (2, EPISODES, Regression().samples)
        assert all(file[f"network_1/{name}"].shape == shape for name in ("prediction", "ridge", "retrieval", "y"))
        assert np.isnan(file["network_0/retrieval"]).all()
        np.testing.assert_allclose(file["network_1/retrieval"][0, :, 10:], file["network_1/y"][0, :, 10:], atol=0.1)
        assert np.abs(file["network_1/y"][0] - file["network_1/y"][1]).max() > 0.1
    with Result(folder / "templates_regression.h5") as result:
        few, some = analysis.networks_of(result)
    assert (few.distinct, some.distinct) == (4, 0) and np.isnan(some.error["any", "retrieval"].value)
    assert few.error["met", "retrieval"].value < 0.01 < few.error["any", "retrieval"].value
    told = analysis.describe(folder / "templates_regression.h5")
    assert "4 functions, seed 5" in told and "any functions, seed 1" in told and "nan" not in told
    assert (folder / "templates_regression.png").read_bytes().startswith(b"\x89PNG")


def test_what_it_is_not_for_is_refused(tmp_path, capsys):
    maze = saved(tmp_path / "maze.h5", task="water-maze")
    assert_one_line(experiment("templates-regression", maze, "--out", tmp_path / "out"), capsys, "for regression")
    many = saved(tmp_path / "many.h5", *SMALL, f"task.distinct_functions={MOST_FUNCTIONS + 1}")
    code = experiment("templates-regression", many, "--out", tmp_path / "out")
    assert_one_line(code, capsys, f"at most {MOST_FUNCTIONS}")
    assert not (tmp_path / "out").exists()
