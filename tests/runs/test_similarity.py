"""Learners side by side: what all go through, each measure against hand numbers, file, figure and messages."""

import json

import h5py
import numpy as np
import pytest

pytest.importorskip("equinox")
pytest.importorskip("optax")

from agents.config import AgentConfig, AgentExperiment
from agents.files import save_agent
from agents.networks import new_agent
from analysis import similarity as analysis
from analysis.similarity import measures
from lsnn import Simulation
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from runs.experiments.similarity import alike, influence, worlds
from runs.experiments.similarity.learners import answers_of, opened, states_of
from tasks.experiment import overridden, preset
from tasks.induction import Induction
from tasks.induction.task import TOKENS
from tasks.regression import Regression
from tasks.regression.baselines import basis, gradient_descent
from tasks.two_step import TwoStep
from tasks.two_step.baselines import play
from tasks.two_step.task import ACTION, PAID, SECOND
from tests.runs.refusals import assert_one_line, experiment

EPISODES = 32
SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4")
SHORT = ("task.sample_ms=6", "task.samples=5")
KEYS = np.arange(1, EPISODES + 1, dtype=np.uint64)


def spiking(path, *settings, seed=4, task="regression"):
    found = overridden(preset(task), [*SMALL, *settings])
    network = new_network(found.task, found.network, found.learning, seed)
    save_network(path, network, found.as_mapping(), seed, "lsnn train")
    return path


def agent(path, task, kind="gru", seed=1, **keywords):
    made = AgentExperiment(task, AgentConfig(kind, 6, **keywords), LearningConfig(curriculum=False))
    save_agent(path, made, new_agent(made, seed), seed, "lsnn train", None)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("similarity")
    short = Regression(sample_ms=6, samples=5)
    files = [spiking(out / "spiking.h5", *SHORT)]
    files += [agent(out / f"gru{seed}.h5", short, seed=seed) for seed in (1, 2)]
    words = ("--episodes", EPISODES, "--repeats", 2, "--influence-episodes", 3, "--threads", 1, "--out", out)
    assert experiment("similarity", *files, *words) == 0
    return out


# The episodes


def test_a_spiking_network_led_through_its_own_episodes_answers_as_it_does_alone(folder):
    (learner, _) = opened([folder / "spiking.h5", folder / "gru1.h5"])
    world = worlds.world_of(learner.task, KEYS)
    alone = Simulation(learner.body, learner.task, keys=KEYS)
    y = np.asarray(alone.run().record.action)[:, 5::6, 0]
    np.testing.assert_array_equal(answers_of(learner, world, world.inputs, world.starts, KEYS, 1), y)
    states, other = (states_of(learner, world, keys, 1) for keys in (KEYS, KEYS[::-1].copy()))
    np.testing.assert_allclose(states[:, -1, :16], alone.state["v"].values, rtol=0, atol=1e-6)
    assert states.shape == (EPISODES, 5, 16 + 4 + 16) and np.any(states != other)


def test_queries_ask_for_what_followed_their_key():
    world = worlds.world_of(Induction(), KEYS)
    shown = world.inputs[..., :TOKENS].argmax(axis=2)
    assert world.asked.tolist() == [8, 9, 10, 11] and world.classes
    for tokens, known in zip(shown.tolist(), world.known.argmax(axis=2).tolist(), strict=True):
        values = dict(zip(tokens[0:8:2], tokens[1:8:2], strict=True))
        assert known == [values[key] for key in tokens[8:]]


def test_all_see_the_choices_of_exact_bayes():
    task = TwoStep(trials=8)
    world, record = worlds.world_of(task, KEYS), play("bayes", KEYS, task)
    outcome = world.starts[:, 1::2]
    for place, name in ((ACTION, "action"), (SECOND, "second"), (PAID, "paid")):
        np.testing.assert_array_equal(outcome[..., place], getattr(record, name))
    assert world.asked.tolist() == list(range(0, 16, 2)) and world.starts.shape[1] == 16
    np.testing.assert_allclose(world.known[:, 0], 0.0, atol=1e-9)  # nothing is known before the first trial


def test_log_odds_by_hand():
    """The better state with chance 3/4: pays 0.9 (0.8 0.75 + 0.2 0.25) + 0.1 (0.2 0.75 + 0.8 0.25) = 0.62."""
    assert worlds.log_odds(np.array(0.62), common=0.8, pays=0.9) == pytest.approx(np.log(3))


# Influence


def test_influence_of_a_gradient_step_by_hand():
    """A step of size 2 from 0: answer t is 2/t sum_i phi_t . phi_i y_i; at the end of its range y moves one way."""
    task = Regression(samples=4)
    x, y = task.examples(KEYS)
    y[:, 0] = 1.0
    phi = basis("sine", x)

    def answers(i, own):
        changed = y.copy()
        changed[:, i] = own
        return gradient_descent(phi, changed, 1, 2.0)

    found = influence.influence_of(answers, task, y, 0.2)
    expected = 2.0 * np.einsum("etp,eip->eti", phi, phi) / np.maximum(np.arange(4), 1)[None, :, None]
    np.testing.assert_allclose(found, expected * np.tri(4, k=-1), atol=1e-12)


# States


def test_hsic_is_the_unbiased_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 16, 1, 3))
    k, m = (each[:, 0] @ each[:, 0].T * (1 - np.eye(16)) for each in (x, y))
    plain = np.trace(k @ m) + k.sum() * m.sum() / (15 * 14) - 2 * (k @ m).sum() / 14
    found = alike.alignment([(x, x), (y, y)])[0, 0, 1]
    assert found == pytest.approx(plain / (16 * 13))  # Song et al. (2012), equation 5


def test_rotated_states_are_alike_through_noise_and_others_are_not():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 160, 3, 4))
    rotated = one @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    noisy = (rotated + rng.normal(size=one.shape), rotated + rng.normal(size=one.shape))
    total = alike.alignment([alike.scaled(each) for each in ((one, one), noisy, (other, other))]).sum(axis=0)
    cka = total / np.sqrt(np.outer(np.diag(total), np.diag(total)))
    assert cka[0, 1] == pytest.approx(1.0, abs=0.1) and abs(cka[0, 2]) < 0.1


def test_what_the_input_tells_is_taken_out():
    rng = np.random.default_rng(2)
    inputs, memory = rng.normal(size=(64, 5, 2)), rng.normal(size=(64, 5, 1))
    states = np.concatenate([inputs[..., :1] * inputs[..., 1:], memory], axis=2)
    left, _ = alike.beyond_input((states, states), inputs)
    np.testing.assert_allclose(left[..., 0], 0.0, atol=1e-9)
    assert np.corrcoef(left[..., 1].ravel(), memory.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("numbers", [1, 2])
def test_a_decoder_reads_another_state_through_an_alignment(numbers):
    rng = np.random.default_rng(3)
    known, none = rng.normal(size=(60, 4, numbers)), rng.normal(size=(60, 4, 3))
    one, other = (known @ rng.normal(size=(numbers, width)) for width in (5, 3))
    error, beside = alike.decoded([one, other, none], known, classes=False)
    share = 1 - error.sum(axis=2) / beside.sum()
    assert share[:2, :2].min() > 0.98 and share[:, 2].max() < 0.2 and error.shape == (3, 3, 30)


def test_classes_are_decoded_as_shares_of_right_answers():
    flags = np.eye(3)[np.random.default_rng(4).integers(0, 3, (40, 6))]
    error, beside = alike.decoded([flags, np.ones((40, 6, 2))], flags, classes=True)
    assert error[0, 0].sum() == 0 and beside.tolist() == [6.0] * 20
    assert 0.4 < error[1, 1].sum() / beside.sum() < 0.9


def test_eigenvalues_of_known_dynamics_are_found_through_noise():
    rng = np.random.default_rng(5)
    inputs, s = rng.normal(size=(160, 40, 1)), np.zeros((160, 40, 2))
    for t in range(1, 40):
        s[:, t] = s[:, t - 1] * (0.9, 0.5) + inputs[:, t] * (1.0, 2.0) + rng.normal(size=(160, 2))
    noisy = tuple(s + rng.normal(size=s.shape) for _ in range(2))
    same, following = alike.moments_of(noisy, inputs)
    fitted = following.sum(axis=0) @ np.linalg.pinv(same.sum(axis=0))
    moduli = np.sort(np.abs(np.linalg.eigvals(fitted)))
    np.testing.assert_allclose(moduli, [0.0] * (alike.COMPONENTS - 2) + [0.5, 0.9], atol=0.03)


# File, figure, table


def test_file_table_and_figure(folder):
    with h5py.File(folder / "similarity.h5") as file:
        assert [each["kind"] for each in json.loads(file.attrs["learners"])] == ["spiking", "gru", "gru"]
        assert file["alignment_beyond"].shape == (2, 6, 6) and file["decoding/error"].shape == (6, 6, 16)
        one, other = (file[f"influence/{name}"][:] for name in ("one", "other"))
        assert one.shape == (6, 3, 5, 5) and np.any(one[0] != other[0])
        np.testing.assert_array_equal(one[1], other[1])  # an agent has no noise
    told = analysis.show(folder / "similarity.h5", folder / "again.png")
    for words in (
        "spiking 4 |",
        "GRU 2 |",
        "spiking network and agent |",
        "two seeds of a kind |",
        "influence, spiking",
    ):
        assert words in told
    assert (folder / "similarity.png").read_bytes().startswith(b"\x89PNG")


def test_means_over_pairs_by_hand(folder):
    """Networks 0 | 1, 2: of two kinds are 0-1 and 0-2, of a kind 1-2; untrained ones stand three places on."""
    with Result(folder / "similarity.h5") as result:
        measured = measures.Measured(result)
    matrix = np.zeros((6, 6))
    matrix[0, 1], matrix[1, 0], matrix[0, 2], matrix[2, 0], matrix[1, 2], matrix[2, 1] = 0.4, 0.6, 0.7, 0.7, 0.8, 1.0
    matrix[3, 4] = matrix[4, 3] = 0.2
    found = measures.means_of(measured, lambda weights: matrix, 2)
    values = [
        found[name].value
        for name in ("spiking network and agent", "two seeds of a kind", "spiking network and agent, untrained")
    ]
    np.testing.assert_allclose(values, (0.6, 0.9, 0.1))
    assert found["agents of two kinds"].n == 0
    between = "spiking network and agent"
    assert found.way(between).value == pytest.approx((0.6 - 0.1) / (0.9 - 0.1))
    assert (found[between].low, found[between].high) == pytest.approx((0.5, 0.7))


@pytest.mark.parametrize(
    "bounds, words",
    [
        ((0.1, 0.9), "more alike than untrained"), ((-0.1, 0.9), "not shown"), ((0.2, 1.1), "as alike as two seeds"),
        ((-0.1, 1.1), "undecided"), ((np.nan, np.nan), "undecided"), ((-0.5, -0.1), "less alike than untrained"),
    ],
)  # fmt: skip
def test_words_follow_the_interval(bounds, words):
    assert analysis.judged(measures.Estimate(0.5, *bounds, 3)).startswith(words)


def test_what_does_not_belong_together_is_refused(folder, tmp_path, capsys):
    own, out = folder / "spiking.h5", ("--out", tmp_path / "out")
    assert_one_line(experiment("similarity", own, *out), capsys, "two learners or more")
    maze = spiking(tmp_path / "maze.h5", task="water-maze")
    assert_one_line(experiment("similarity", maze, own, *out), capsys, "must be a learner of regression, induction")
    induction = agent(tmp_path / "induction.h5", Induction())
    assert_one_line(experiment("similarity", own, induction, *out), capsys, "must be a learner of regression, got one")
    longer = agent(tmp_path / "longer.h5", Regression(sample_ms=6, samples=9))
    assert_one_line(experiment("similarity", own, longer, *out), capsys, "samples 5")
    slow = agent(tmp_path / "slow.h5", Regression(sample_ms=6, samples=5), decision_ms=3)
    assert_one_line(experiment("similarity", own, slow, *out), capsys, "agent.decision_ms must be 6")
    for option, value in (("--episodes", 40), ("--repeats", 3), ("--influence-episodes", 1)):
        assert_one_line(experiment("similarity", own, own, *out, option, value), capsys, option)
    assert not (tmp_path / "out").exists()
