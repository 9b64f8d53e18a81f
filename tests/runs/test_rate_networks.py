"""Networks of rate neurons through the commands: meta-training, its file, a test, experiments on the frozen network."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import lsnn
from lsnn.errors import InputError
from lsnn.files.network_file import load_network
from lsnn.neuron_files import model_of
from runs.cli import main
from tests.runs.tiny import FREE, assert_same_run, trained

RATE = (Path(__file__).parents[2] / "runs" / "examples" / "rate.toml").read_text()
ALONE = (
    *FREE, "network.n_excitatory=0", "network.n_inhibitory=0", "network.n_adaptive=16", "network.recurrent_gain=0.1",
    "network.readout_gain=0.3", f"network.adaptive_model={json.dumps(RATE)}", "learning.exploded_norm=1000",
)  # fmt: skip
BESIDE = (*ALONE, "network.n_excitatory=8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a network of rate neurons alone that has met two batches."""
    found = tmp_path_factory.mktemp("rate")
    trained(found, settings=ALONE)
    return found


def test_it_learns_and_its_file_holds_the_model(folder):
    file = load_network(folder / "network.lsnn.h5")
    assert file.network.config.models[1] == model_of(RATE) and file.network.sends().all()
    assert "rate_hz" not in file.history.dtype.names
    assert (file.history["gradient_norm"] > 0).all() and not file.history["not_finite"].any()
    assert not file.history["silent"].any()
    with h5py.File(folder / "network.lsnn.h5") as opened:
        assert opened["network/models/rate"].attrs["output"] == b"tanh(v)"


def test_the_same_bits_on_two_threads(folder, tmp_path):
    trained(tmp_path / "again", settings=ALONE, threads=2)
    assert_same_run(folder, tmp_path / "again")


def test_beside_spiking_neurons_the_rate_is_theirs(tmp_path):
    history = load_network(trained(tmp_path / "beside", settings=BESIDE)).history
    assert (history["rate_hz"] > 1).all() and not history["not_finite"].any()


def test_it_is_tested_and_keeps_no_spikes(folder, tmp_path):
    command = ["test", str(folder / "network.lsnn.h5"), "--episodes", "8", "--record", "8"]
    done = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "result.h5")])
    assert done.exit_code == 0, done.output
    frozen = lsnn.open_result(tmp_path / "result.h5")["frozen"]
    assert not frozen.has_recording and np.isfinite(frozen.position.values).all()
    for words in (("movie", "--out", "film.gif"), ("export", "--nwb", "film.nwb")):
        name, option, out = words
        done = CliRunner().invoke(main, [name, str(tmp_path / "result.h5"), option, str(tmp_path / out)])
        assert done.exit_code == 2 and "has none: its neurons send numbers in place of spikes" in done.output
    command = ["test", str(folder / "network.lsnn.h5"), "--episodes", "8", "--record", "0", "--condition", "frozen"]
    assert CliRunner().invoke(main, [*command, "--out", str(tmp_path / "none.h5")]).exit_code == 0
    done = CliRunner().invoke(main, ["movie", str(tmp_path / "none.h5"), "--out", str(tmp_path / "film.gif")])
    assert done.exit_code == 2 and "no episode was recorded (lsnn test --record)" in done.output


def test_experiments_read_what_it_sends(folder, tmp_path):
    command = ["study", str(folder / "network.lsnn.h5"), "--only", "decoding", "--only", "silence", "--episodes", "8"]
    done = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "study.h5")])
    assert done.exit_code == 0, done.output
    with h5py.File(tmp_path / "study.h5") as file:
        decoding = file["decoding"]
        np.testing.assert_allclose(decoding["spikes"][()], np.tanh(decoding["v"][()]), atol=1e-5)
        assert np.abs(decoding["spikes"][()]).max() > 0.1


def test_it_is_not_fitted_to_firing_rates(folder):
    network = lsnn.load(folder / "network.lsnn.h5")
    inputs = np.zeros((8, 10, network.network.n_in))
    with pytest.raises(InputError, match="where neurons send numbers: they have no firing rate"):
        lsnn.fit(network, inputs, np.full((8, 10, network.network.n_out), 0.1), loss="squared_error", rate_weight=0.1)
