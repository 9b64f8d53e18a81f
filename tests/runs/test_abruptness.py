"""How abrupt learning is: courses and choices whose answer is known, the Q-learner by hand, file and figure."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from analysis import abruptness as analysis
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.meta import new_network
from runs.experiments.abruptness import is_still, measures
from runs.experiments.options import PRETRAINED
from tasks.experiment import preset
from tests.runs.refusals import assert_one_line, experiment

EPISODES = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("abrupt")
    networks = [PRETRAINED / f"{name}.lsnn.h5" for name in ("bandit", "harlow")]
    assert experiment("abruptness", *networks, "--episodes", EPISODES, "--threads", 1, "--out", out) == 0
    return out


def test_a_straight_course_has_a_tenth_in_its_steepest_tenth_and_a_step_all():
    straight, at = measures.outer(np.linspace(5, 9, 1001))
    assert abs(straight - 0.1) < 0.005 and 0 <= at <= 1
    for sign in (1, -1):  # a score that rises, an error that falls
        step, at = measures.outer(sign * np.where(np.arange(1000) < 300, 0.0, 2.0))
        assert step == 1 and abs(at - 0.3) < 0.06
    assert np.isnan(measures.outer(np.ones(100))).all()


def test_an_exponential_course_has_what_it_has():
    """1 - exp(-10 t): most in the first tenth, where 1 - 1/e of it falls."""
    share, at = measures.outer(1 - np.exp(-10 * np.linspace(0, 1, 4001)))
    assert abs(share - (1 - np.exp(-1))) < 0.06 and at < 0.12


def test_likelihoods_of_four_choices_by_hand():
    better = np.array([[False, False, True, True]])
    steps, ramps = measures.steps_of(4), measures.ramps_of(4)
    assert steps.chance.shape == (3 * 400, 4) and ramps.chance.shape == (24 * 400, 4)
    found, number = steps.best(better)
    np.testing.assert_allclose(found, 4 * np.log(0.975))
    np.testing.assert_allclose(steps.chance[number[0]], [0.025, 0.025, 0.975, 0.975])
    assert measures.ahead(better, steps, ramps)[0] > 1


def test_steps_and_ramps_are_told_apart():
    steps, ramps = measures.steps_of(60), measures.ramps_of(60)
    time, generator = np.arange(60), np.random.default_rng(0)
    step = generator.random((200, 60)) < np.where(time < 25, 0.1, 0.9)
    ramp = generator.random((200, 60)) < 0.1 + 0.8 * (1 - np.exp(-time / 20))
    of_steps, of_ramps = (measures.ahead(better, steps, ramps) for better in (step, ramp))
    assert of_ramps.mean() > 0  # a step has more values to choose from, so ramps have to be drawn as well
    assert np.mean(of_steps > np.quantile(of_ramps, 0.95)) > 0.8
    again = measures.drawn(ramps, ramps.best(ramp)[1], generator)
    assert abs(again.mean() - ramp.mean()) < 0.03


def test_the_q_learner_by_hand():
    """The first arm always pays, the second never: once it has seen that, a cold learner stays."""
    generator = np.random.default_rng(1)
    choice, reward = measures.q_learner(np.array([[1.0, 0.0]] * 500), 20, 0.5, 0.02, generator)
    np.testing.assert_array_equal(reward, choice == 0)
    assert 0.4 < choice[:, 0].mean() < 0.6 and choice[:, 1:].mean() < 1e-3
    hot = measures.q_learner(np.array([[1.0, 0.0]] * 500), 20, 0.5, 1.0, generator)[0]
    expected = 1 / (1 + np.exp(1.0))  # Q = 1 and 0 in the long run
    assert abs(hot[:, -1].mean() - expected) < 0.06


def test_file_and_figure(folder):
    with h5py.File(folder / "abruptness.h5") as file:
        assert set(analysis.SHOWN) < set(file["network_0"]) and "frozen" not in file["network_1"]
        assert all(file["network_0"][name]["ahead"].shape == (EPISODES,) for name in analysis.SHOWN)
    with Result(folder / "abruptness.h5") as result:
        courses = analysis.courses_of(result)
    assert [course.label.split(",")[0] for course in courses] == ["bandit", "harlow"]
    assert all(0.1 < course.steepest < 1.2 for course in courses)
    told = analysis.describe(folder / "abruptness.h5")
    assert "Q-learner: a step is ahead by" in told and told.count("is an episode a step or a ramp?") == 1
    assert (folder / "abruptness.png").read_bytes().startswith(b"\x89PNG")


def test_bandits_of_other_lengths_are_drawn_side_by_side(folder, monkeypatch):
    whole = analysis.choices_of
    with Result(folder / "abruptness.h5") as result:
        long = whole(result.file["network_0"])
        short = {name: each._replace(better=each.better[:7]) for name, each in long.items()}
        monkeypatch.setattr(analysis, "choices_of", lambda group: short if "1" in group.name else long)
        assert len(analysis.abruptness_figure(result).axes) == 3


def test_a_bandit_of_one_trial_has_no_step():
    task = preset("bandit").task
    assert is_still(task) and not is_still(replace(task, trials=1))


def test_a_network_without_a_history_is_refused(tmp_path, capsys):
    found = preset("bandit")
    path = tmp_path / "new.lsnn.h5"
    save_network(path, new_network(found.task, found.network, found.learning, 4), found.as_mapping(), 4, "lsnn train")
    code = experiment("abruptness", path, "--out", tmp_path / "out")
    assert_one_line(code, capsys, "must have a history of at least 20 iterations")
    assert not (tmp_path / "out").exists()
