"""What is measured of a history of the two-step task, by hand; the experiment on a small network; messages."""

import h5py
import numpy as np
import pytest

from analysis import two_step_behaviour as analysis
from analysis import two_step_dark as dark_analysis
from lsnn.files.results import Result
from runs.experiments import two_step_dark
from runs.experiments.options import PRETRAINED
from runs.experiments.two_step_behaviour import FOLLOWING, measures
from tasks.two_step import TwoStep
from tasks.two_step.baselines import Record, play, values_on
from tests.runs.refusals import assert_one_line, experiment, saved_again

KEYS = np.random.SeedSequence(4).generate_state(200, np.uint64)
PRACTICE = np.random.SeedSequence(5).generate_state(50, np.uint64)
SHIPPED = PRETRAINED / "two_step.lsnn.h5"
EPISODES = 16


def history(action, second, paid, good, drawn=0) -> Record:
    """One episode, or several of the same map."""
    arrays = [np.atleast_2d(np.array(each, np.int8)) for each in (action, second, paid, good)]
    return Record(*arrays, np.full_like(arrays[0], drawn))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment on the shipped network, twice."""
    out = tmp_path_factory.mktemp("two_step")
    words = ["--episodes", EPISODES, "--threads", 1, "--out", out]
    assert experiment("two-step-behaviour", SHIPPED, saved_again(SHIPPED, out), *words) == 0
    return out


def test_actions_repeated_are_counted_by_reward_and_transition():
    """Five actions: paid rare and left, unpaid common and kept, paid common and kept, paid common and left."""
    record = history([0, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 0, 1, 1, 0], [0] * 5)
    stayed, could = measures.stays(record)
    assert could.tolist() == [[[0, 1], [1, 2]]] and stayed.tolist() == [[[0, 1], [0, 1]]]
    stayed, could = measures.stays(record._replace(map=np.ones((1, 5), np.int8)))
    assert could.tolist() == [[[1, 0], [2, 1]]] and stayed.tolist() == [[[1, 0], [1, 0]]]


def test_choices_are_lined_up_with_switches_that_stand_alone():
    good = np.zeros((2, 40), np.int8)
    good[0, 10:] = 1
    good[1, 10:13] = 1  # two, too near each other
    action = np.zeros((2, 40), np.int8)
    action[:, 12:] = 1
    count, number = measures.round_switch(Record(action, action, action, good, np.zeros_like(good)))
    assert number.tolist() == [1, 0] and count[1].sum() == 0
    assert count[0].tolist() == [0] * 7 + [1] * 14


def test_predictors_worked_by_hand():
    """After actions 0 1 1 0 1 with outcomes 1 0 1 0 1, transitions C R C C R and the second state paying throughout."""
    record = history([0, 1, 1, 0, 1, 0], [0, 0, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0], [1] * 6)
    x, y = measures.design(record)
    named = dict(zip(measures.PREDICTORS, x[0], strict=True))
    assert y.tolist() == [0] and x.shape == (1, 17)
    assert [named[f"outcome_{lag}"] for lag in range(1, 6)] == [0.5, 0.5, 0.5, -0.5, -0.5]
    assert [named[f"transition_{lag}"] for lag in range(1, 6)] == [-0.5, -0.5, 0.5, -0.5, -0.5]
    assert [named[f"interaction_{lag}"] for lag in range(1, 6)] == [-0.5, 0.5, 0.5, 0.5, -0.5]
    assert named["stay"] == 0.5 and named["correct"] == 0.5


@pytest.mark.parametrize("correct", [True, False])
def test_weights_of_the_choice_are_where_the_penalised_slope_is_nought(correct):
    record = play("bayes", KEYS[:40], TwoStep())
    x, y = measures.design(record)
    fit = measures.choice_weights(record, correct)
    used = np.isfinite(fit.weight)
    assert used.sum() == 17 - (not correct) and np.isfinite(fit.error[used]).all()
    chance = 1 / (1 + np.exp(-x[:, used] @ fit.weight[used]))
    np.testing.assert_allclose(x[:, used].T @ (y - chance), fit.weight[used], atol=0.02)


def test_regression_tells_a_planner_from_a_learner():
    found = {}
    for name in ("model_free", "bayes"):
        fit = measures.choice_weights(play(name, KEYS, TwoStep(), PRACTICE), correct=True)
        found[name] = dict(zip(measures.PREDICTORS, fit.weight, strict=True))
    assert found["bayes"]["interaction_1"] > 5 > 2 > abs(found["bayes"]["outcome_1"])
    assert found["model_free"]["outcome_1"] > 4 > 1 > abs(found["model_free"]["interaction_1"])


def test_weights_of_an_error_and_their_spread_are_those_that_were_put_in():
    rng = np.random.default_rng(0)
    others = rng.normal(size=(400, 50, 2))
    error = 3.0 * others[..., 0] + 4.0 * rng.normal(size=(400, 50))
    fit, explained = measures.error_weights(error, others)
    assert fit.weight == pytest.approx([0.6, 0.0], abs=0.02) and explained == pytest.approx(0.36, abs=0.02)
    assert fit.error == pytest.approx(np.full(2, 0.8 / np.sqrt(20_000)), rel=0.15)


def test_episodes_that_repeat_themselves_count_once():
    """The same noise twenty times in an episode: the spread is that of the episodes."""
    rng = np.random.default_rng(1)
    others, noise = (
        np.repeat(rng.normal(size=(400, 1, 1)), 20, axis=1),
        np.repeat(rng.normal(size=(400, 1)), 20, axis=1),
    )
    fit, _ = measures.error_weights(noise, others)
    assert fit.error[0] == pytest.approx(1 / np.sqrt(400), rel=0.2)


def test_a_prediction_error_worked_by_hand():
    record = history([0], [0], [1], [0])
    error = measures.prediction_error(TwoStep(), record, np.array([[[0.5, 0.7]]]), 0.9)
    assert error == pytest.approx(0.1 + 0.9**10 * 0.7 - 0.5)


def test_bayes_agrees_with_itself():
    task, record = TwoStep(), play("bayes", KEYS, TwoStep())
    worth = values_on("bayes", task, record.action, record.second, record.paid)
    agreed, decided = measures.agreement(record, worth)
    np.testing.assert_array_equal(agreed, decided)
    assert decided.mean() > 90 and np.all(decided < 100)  # the first choice is a tie


def test_every_network_has_its_history_and_the_baselines_theirs(folder):
    with Result(folder / "two_step_behaviour.h5") as result:
        groups = analysis.network_groups(result)
        assert len(groups) == 2 and set(groups[0]) == {"frozen", "model_free", "bayes"}
        for group in groups:
            for policy in analysis.LABELS:
                stayed, could = analysis.stay_counts(group, policy)
                assert np.all(could.sum(axis=1) == 99) and np.all(stayed <= could)
            agreed = {name: analysis.agreement(group, name).value for name in FOLLOWING}
            assert agreed["bayes"] > 0.95 > agreed["model_free"] + 0.02
            free, bayes, nearer = analysis.nearer_to_bayes(group)
            assert bayes.value < free.value and nearer.value == pytest.approx(free.value - bayes.value)
        np.testing.assert_array_equal(groups[0]["frozen/stayed"][:], groups[1]["frozen/stayed"][:])
    said = analysis.describe(folder / "two_step_behaviour.h5").splitlines()
    assert len(said) == 22 and (folder / "two_step_behaviour.png").stat().st_size > 10_000


def test_a_player_is_nearest_to_itself(folder, tmp_path):
    path = tmp_path / "copy.h5"
    path.write_bytes((folder / "two_step_behaviour.h5").read_bytes())
    for policy, gain in (("model_free", 0), ("bayes", 1)):
        with h5py.File(path, "r+") as file:
            del file["network_0/frozen"]
            file.copy(file[f"network_0/{policy}"], "network_0/frozen")
            group = file["network_0"]
            free, bayes, nearer = analysis.nearer_to_bayes(group)
            assert (free.value, bayes.value)[gain] == 0 < (bayes.value, free.value)[gain]
            assert nearer.value == pytest.approx(free.value - bayes.value)
            assert analysis.share_of_gain(group)[:3] == pytest.approx((gain, gain, gain))


def test_dark_is_forgetting(tmp_path, monkeypatch):
    """Without dark it does what Bayes would have done; after a second it knows nothing."""
    monkeypatch.setattr(two_step_dark, "DARKS_MS", (0, 1000))
    monkeypatch.setattr(two_step_dark, "TRIALS", 20)
    assert experiment("two-step-dark", SHIPPED, "--episodes", 8, "--threads", 1, "--out", tmp_path) == 0
    with Result(tmp_path / "two_step_dark.h5") as result:
        (group,) = analysis.network_groups(result)
        paid, agreed = dark_analysis.measured(result, group)
        assert np.all(group["paid"][:] <= 20) and paid[0].n == 8
        assert agreed[0].value > 0.85 > agreed[1].value
    assert len(dark_analysis.describe(tmp_path / "two_step_dark.h5").splitlines()) == 3


def test_networks_of_other_tasks_are_refused(tmp_path, capsys):
    code = experiment("two-step-behaviour", PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path)
    assert_one_line(code, capsys, "bandit.lsnn.h5: must be a network for two-step, got bandit")
