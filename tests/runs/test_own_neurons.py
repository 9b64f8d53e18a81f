"""The model that the docs give as an example trains by the command that they give, and keeps its signs."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from lsnn.files.network_file import load_network
from lsnn.meta import MetaLearner, new_network
from lsnn.neuron_files import model_of
from runs.cli import main
from tests.runs.tiny import DALE, FREE, tiny
from tests.test_brian import OWN
from tests.test_network import LEAKY

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "neuron_models.md"


def test_the_example_of_the_docs_trains_by_its_command(tmp_path, monkeypatch):
    """Fewer iterations and episodes; weights as large as they start with the preset."""
    page = PAGE.read_text()
    name, text = re.search(r"for instance `(\w+\.toml)`:\n\n```toml\n(.*?)```", page, re.DOTALL).groups()
    command = re.search(r"lsnn (train .*--neuron conductance\.toml) --minutes 10\n", page)[1]
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    few = ["--iterations", "3", "--set", "learning.episodes=32", "--set", "task.duration_ms=1000", "--out", "out"]
    done = CliRunner().invoke(main, [*command.split(), *few])
    assert done.exit_code == 0, done.output
    with h5py.File("out/checkpoint.lsnn.h5") as file:
        history = file["history"][()]
    assert (history["rate_hz"] > 1).all() and (history["rate_hz"] < 100).all()
    assert np.isfinite(history["gradient_norm"]).all() and (history["gradient_norm"] > 0).all()
    assert not (history["not_finite"] + history["exploded"] + history["silent"] + history["overactive"]).any()
    network = load_network(Path("out/network.lsnn.h5")).network
    onto = network.synapses.target >= network.config.n_neurons - network.config.n_adaptive
    assert (network.signed_theta()[onto] >= 0).all() and (network.signed_theta()[~onto] < 0).any()
    assert network.config.models[1] == model_of(text)


@pytest.mark.parametrize("settings", [FREE, (*DALE, "network.n_inhibitory=0")])
def test_no_step_makes_a_weight_onto_a_conductance_negative(settings):
    experiment = tiny((*settings, "learning.learning_rate=0.3", "learning.weight_decay=0"))
    config = experiment.network.__class__(**vars(experiment.network) | {"adaptive_model": LEAKY})
    network = new_network(experiment.task, config, experiment.learning, seed=0)
    learner = MetaLearner(experiment.task, network, experiment.learning, seed=0, threads=1)
    before = network.signed_theta().copy()
    for _ in range(3):
        assert learner.step()["not_finite"] == 0
    onto = network.synapses.target >= config.n_neurons - config.n_adaptive
    assert (network.signed_theta()[onto] >= 0).all() and (learner.averaged().signed_theta()[onto] >= 0).all()
    assert (network.signed_theta()[onto] == 0).any() or config.rewire
    assert not np.array_equal(network.signed_theta(), before)


@pytest.mark.parametrize("name", ["exprel_offset", pytest.param("hodgkin_huxley", marks=pytest.mark.long)])
def test_exprel_has_a_finite_gradient(name):
    """In single precision, through resets to the place where its argument is 0."""
    experiment = tiny()
    config = experiment.network.__class__(**vars(experiment.network) | {"adaptive_model": OWN[name]})
    network = new_network(experiment.task, config, experiment.learning, seed=0)
    learner = MetaLearner(experiment.task, network, experiment.learning, seed=0, threads=1)
    before = network.synapses.theta.copy()
    row = learner.step()
    assert np.isfinite(row["gradient_norm"]) and row["gradient_norm"] > 0 and row["not_finite"] == 0
    onto = network.synapses.target >= config.n_neurons - config.n_adaptive
    assert learner.rate_hz[-config.n_adaptive :].max() > 1
    assert not np.array_equal(network.synapses.theta[onto], before[onto])
