"""A readout and its dual form: steps worked by hand, the identity, what is attended to, the experiment."""

import h5py
import numpy as np
import pytest

import lsnn
from analysis import dual_form as analysis
from lsnn.files import store
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from runs.experiments.dual_form.measuring import CLASSES, attention_of
from runs.experiments.dual_form.readout import Training, attended, filtered_spikes, train, values_of, weights_of
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

WORDS = ("--seeds", 1, "--epochs", 2)
IDENTITY = 1e-10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("dual")
    assert experiment("dual-form", *WORDS, "--out", out) == 0
    return out


@pytest.fixture(scope="module")
def spiking():
    """A small spiking network and spikes for it."""
    network = lsnn.create(inputs=6, outputs=3, seed=0, n_excitatory=8, n_adaptive=4, input_gain=3.0)
    network.network.bias[:] = (0.1, -0.2, 0.3)
    return network, np.random.default_rng(0).random((9, 12, 6)) < 0.3


def test_features_times_weights_are_the_mean_of_the_readout(spiking):
    network, spikes = spiking
    features = filtered_spikes(network, spikes)
    assert features.shape == (9, 13) and np.all(features[:, -1] == 1) and features[:, :-1].max() > 0
    np.testing.assert_allclose(features @ weights_of(network), network(spikes).mean("time"), atol=1e-5)


def test_one_step_worked_by_hand():
    """Two classes, equal logits: the slope is half away from the label, so e = 0.5 rate/2 towards it."""
    features, labels = np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([0, 1])
    found = train(features, labels, np.zeros((2, 2)), 0.4, 1, 2, np.random.default_rng(0))
    errors = np.zeros((2, 2))
    errors[found.example] = found.error
    np.testing.assert_allclose(errors, [[0.1, -0.1], [-0.1, 0.1]])
    np.testing.assert_allclose(found.last, [[0.1 - 0.2, -0.1 + 0.2], [-0.1, 0.1]])
    query = np.array([[3.0, 1.0]])  # attends 3 to the first example, 7 to the second
    np.testing.assert_allclose(attended(found, features, query), [[0.3 - 0.7, -0.3 + 0.7]])


def test_a_step_is_the_gradient_of_the_compiled_network(spiking):
    """The slope at the readout that a step takes, through the network's own adjoint, is the change of the weights."""
    network, spikes = spiking
    labels, features = np.arange(9) % 3, filtered_spikes(network, spikes)
    first = weights_of(network)
    found = train(features, labels, first, 1.0, 1, 9, np.random.default_rng(0))
    logits = network(spikes).mean("time").values
    slope = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(3)[labels]) / 9
    of_steps = np.repeat(slope[:, None] / spikes.shape[1], spikes.shape[1], axis=1)
    gradient = network.gradient(spikes, of_steps)
    change = first - found.last
    np.testing.assert_allclose(change[:-1], gradient.readout, atol=1e-6)
    np.testing.assert_allclose(change[-1], gradient.bias, atol=1e-6)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_attention_is_the_trained_readout_whatever_was_learnt(piece):
    generator = np.random.default_rng(3)
    features, queries = generator.normal(size=(30, 5)), generator.normal(size=(4, 5))
    first = generator.normal(size=(5, 3))
    found = train(features, generator.integers(0, 3, 30), first, 0.7, 5, 8, generator)
    assert len(found.example) == 150 and np.abs(found.last - first).max() > 0.1
    apart = np.abs(attended(found, features, queries, piece) - queries @ found.last)
    assert apart.max() < IDENTITY


def test_what_is_attended_to_worked_by_hand():
    """Three examples of classes 0, 0, 1 that add 2, -1 and 6 to the answer, 1; the last alone is half of nine."""
    features, labels = np.array([[1.0], [1.0], [2.0]] + [[0.0]] * 4), np.array([0, 0, 1, 2, 2, 2, 2])
    error = np.zeros((8, CLASSES))
    error[:4, 1] = 0.7, 0.3, -0.5, 1.5  # the first example is presented twice
    example = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    found = attention_of(Training(np.zeros((1, CLASSES)), np.zeros((1, CLASSES)), example, error), features, labels,
                         np.array([[2.0]]), np.array([1]))  # fmt: skip
    np.testing.assert_allclose(found.by_class[0, :3], [2 - 1, 6, 0])
    np.testing.assert_allclose(found.attention[0, :3], [2, 4, 0])
    assert found.half.tolist() == [1] and found.supporting[0, :2].tolist() == [2, 0]
    np.testing.assert_allclose(found.support[0], [6, 2, 0, 0, 0])


def test_values_are_summed_over_presentations():
    training = Training(np.zeros((1, 2)), np.zeros((1, 2)), np.array([1, 0, 1]), np.array([[1.0, 2], [3, 4], [5, 6]]))
    assert values_of(training, 3).tolist() == [[3, 4], [6, 8], [0, 0]]


def test_the_file_holds_both_ways_to_an_answer(folder):
    with h5py.File(folder / "dual_form.h5") as file:
        group, label = file["seed_1"], file["test_label"][:]
        logit = group["logit"][:]
        assert np.abs(logit - group["attended"][:]).max() < IDENTITY
        assert np.abs(group["shuffled_logit"][:] - group["shuffled_attended"][:]).max() < IDENTITY
        assert np.abs(logit - group["initial"][:]).max() > 0.5
        added = (logit - group["initial"][:])[np.arange(len(logit)), logit.argmax(axis=1)]
        np.testing.assert_allclose(group["by_class"][:].sum(axis=1), added, atol=IDENTITY)
        right, shuffled = (np.mean(group[name][:].argmax(axis=1) == label) for name in ("logit", "shuffled_logit"))
    assert right > 0.6 and shuffled < 0.3


def test_it_says_and_draws_what_it_found(folder):
    said = analysis.describe(folder / "dual_form.h5").splitlines()
    assert len(said) == 3 and said[1].startswith("1: 0.") and "examples (median) of 1437" in said[2]
    assert (folder / "dual_form.png").read_bytes().startswith(b"\x89PNG")


def test_bad_input_is_refused(folder, tmp_path, capsys):
    assert_not_written_over(lambda: experiment("dual-form", *WORDS, "--out", folder), folder / "dual_form.h5", capsys)
    assert_one_line(experiment("dual-form", "--epochs", 0, "--out", tmp_path), capsys, "--epochs must be >= 1")
    path = tmp_path / "dual_form.h5"
    path.write_bytes((folder / "dual_form.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["seed_1/supporting"][0, 0] = 10**6
    store.seal(path)
    with Result(path) as result, pytest.raises(ResultError, match="supporting: must hold whole numbers|in 0..1436"):
        analysis.answers_in(result)
