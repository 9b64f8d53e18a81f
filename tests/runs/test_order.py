"""The order of spikes: what the samples are, what learns, the experiment."""

import h5py
import numpy as np
import pytest

from analysis import order as analysis
from lsnn.files import store
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from runs.experiments.order import ARMS, CELLS, CLASSES, circuit, samples, values_that_learn
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

WORDS = ("--seeds", 1, "--epochs", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("order")
    assert experiment("order", *WORDS, "--out", out) == 0
    return out


def test_classes_differ_in_their_order_alone():
    """Every cell spikes once in every sample, and without jitter in the order of its class."""

    class Still:
        def normal(self, mean, std, shape):
            return np.zeros(shape)

    orders = np.array([np.arange(CELLS), np.arange(CELLS)[::-1]])
    spikes, labels = samples(orders, 2, Still())
    assert labels.tolist() == [0, 0, 1, 1] and (spikes.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(spikes.argmax(axis=1)[0], 8 * (1 + np.arange(CELLS)))
    np.testing.assert_array_equal(spikes.argmax(axis=1)[2], 48 - 8 * np.arange(CELLS))


def test_arms_of_a_pair_learn_as_many_values():
    """6 H weights, 6 H delays or H time constants, 6 H + 6 of the readout."""
    found = {name: values_that_learn(circuit(arm, 1)) for name, arm in ARMS.items()}
    assert found == {"delays_learnt": 18 * 8 + 6, "delays_fixed": 12 * 12 + 6, "tau_learnt": 162, "tau_fixed": 162}


def test_it_says_and_draws_what_it_found(folder):
    said = analysis.describe(folder / "order.h5").splitlines()
    assert len(said) == 6 and "delays learnt (8 neurons, 150 values learn)" in said[1]
    assert (folder / "order.png").read_bytes().startswith(b"\x89PNG")
    with h5py.File(folder / "order.h5") as file:
        assert all(file[f"{name}/learning"].shape == (1, 1) and file[f"{name}/tested"][0] > 0 for name in ARMS)
        assert CLASSES * analysis.CHANCE == 1


def test_bad_input_is_refused(folder, tmp_path, capsys):
    assert_not_written_over(lambda: experiment("order", *WORDS, "--out", folder), folder / "order.h5", capsys)
    assert_one_line(experiment("order", "--epochs", 0, "--out", tmp_path), capsys, "--epochs must be >= 1")
    path = tmp_path / "order.h5"
    path.write_bytes((folder / "order.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["tau_fixed/tested"][0] = 1.5
    store.seal(path)
    with Result(path) as result, pytest.raises(ResultError, match="tested: must hold finite numbers in 0..1"):
        analysis.order_figure(result)
