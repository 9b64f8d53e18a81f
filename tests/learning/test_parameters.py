"""Parameters of the neurons and the time constant of the readout that learn beside the weights."""

from dataclasses import replace

import numpy as np
import pytest

from lsnn import brian
from lsnn.blocks import Block
from lsnn.equations import source_of
from lsnn.errors import InputError
from lsnn.files.network_file import load_network, network_sha256
from lsnn.kernels.simd import LANES
from lsnn.learning import parameters as learnt
from lsnn.learning.config import LearningConfig
from lsnn.meta import MetaLearner, new_network
from lsnn.neurons import ADEX, ALIF, LIF
from lsnn.parameters import has_parameter, parameters_learnt
from lsnn.readout import gradient_of_kappa
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.training.train import CHECKPOINT, Budget, resumed_run, train
from tests.files.small_networks import mutated
from tests.runs.tiny import FREE, assert_same_run, tiny, trained

ALL = "network.learnt=tau_m, tau_a (shared), beta, b0, tau_out"
LEARNING = (*FREE, ALL, "learning.parameter_rate=5")
NAMES = ("tau_m", "tau_a", "beta", "b0", "tau_out")


def test_names_and_what_a_population_shares():
    assert parameters_learnt("") == {}
    assert parameters_learnt(" tau_m,beta (shared) , tau_out") == {"tau_m": False, "beta": True, "tau_out": True}
    assert has_parameter(ALIF, "tau_a") and has_parameter(ADEX, "g_L")
    assert not has_parameter(LIF, "tau_a") and not has_parameter(LIF, "v") and not has_parameter(LIF, "I")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learnt": "tau_x"}, "network.learnt must name tau_out or .*'tau_x'"),
        ({"learnt": "t_ref"}, "network.learnt must name .* not t_ref"),
        ({"learnt": "v"}, "network.learnt must name .*'v'"),
        ({"learnt": "tau_m, tau_m"}, "each once"),
        ({"learnt": "tau_m beta"}, "names with commas between"),
        ({"learnt": "tau_m (per neuron)"}, "names with commas between"),
        ({"learnt": "beta", "beta": 0.0}, "not start at 0"),
    ],
)
def test_what_cannot_learn_is_refused(changes, message):
    experiment = tiny()
    with pytest.raises(InputError, match=message):
        new_network(experiment.task, replace(experiment.network, **changes), experiment.learning, 0)


def test_a_parameter_that_sets_whole_steps_is_refused_by_its_model():
    own = ADEX._replace(name="slow", refractory="tau_a/20", learnt=("tau_a",))
    with pytest.raises(InputError, match="'slow', refractory, 'tau_a/20': tau_a cannot learn"):
        source_of(own)


def test_gradient_of_the_readouts_decay_is_that_of_the_recursion():
    """A complex step through r[t] = kappa r[t-1] + drive[t], from zero where an episode begins."""
    g, steps = np.random.default_rng(1), 30
    drive, g_y = g.standard_normal((2, steps, 3, LANES))
    bias, began = g.standard_normal(3), g.random((steps, LANES)) < 0.1

    def outputs(kappa):
        r, rows = np.zeros((3, LANES), complex), []
        for t in range(steps):
            r = kappa * np.where(began[t], 0.0, r) + drive[t]
            rows.append(r + bias[:, None])
        return np.array(rows)

    expected = np.imag(np.sum(g_y * outputs(0.9 + 1e-30j))) / 1e-30
    found = gradient_of_kappa(0.9, bias, g_y, np.real(outputs(0.9)), began)
    assert began[1:].any() and found == pytest.approx(expected, rel=1e-12)
    assert found != pytest.approx(gradient_of_kappa(0.9, bias, g_y, np.real(outputs(0.9)), began & False), rel=1e-3)


def network_of(settings=LEARNING):
    experiment = tiny(settings)
    return new_network(experiment.task, experiment.network, experiment.learning, 0)


def test_a_network_starts_from_its_configuration_and_runs_as_one_that_does_not_learn():
    learning, frozen = network_of(), network_of(FREE)
    np.testing.assert_array_equal(learning.parameter("tau_m"), frozen.tau_m_ms / 1000)
    np.testing.assert_array_equal(learning.learnt["beta"][:12], 0)
    assert (learning.learnt["beta"][12:] == frozen.config.beta).all() and learning.tau_out_ms == 6
    blocks = []
    for network in (learning, frozen):
        task = tiny().task
        block = Block(task, network, 100)
        block.begin(task, episode_keys(1, TEST_BRANCH, 0, LANES))
        block.roll_out(network.weights(), np.full(2, -1.0))
        blocks.append(block)
    assert blocks[0].record.spikes.sum() > 100
    np.testing.assert_array_equal(blocks[0].record.spikes, blocks[1].record.spikes)
    np.testing.assert_array_equal(blocks[0].record.y, blocks[1].record.y)


def test_a_step_multiplies_within_the_range():
    network = network_of()
    settings = LearningConfig(parameter_rate=2.0, parameter_range=3.0)
    steps = {"tau_m": np.linspace(-1, 1, 16), "tau_a": np.full(16, 0.1), "tau_out": np.array([-9.0])}
    found = learnt.moved(network, learnt.named(steps), settings)
    start = network.learnt
    np.testing.assert_allclose(found["tau_m"] / start["tau_m"], np.clip(np.exp(2 * steps["tau_m"]), 1 / 3, 3))
    np.testing.assert_allclose(found["tau_a"][12:], start["tau_a"][12:] * np.exp(0.2))
    assert (found["tau_a"][:12] == 0).all() and found["tau_out"] == pytest.approx(0.006 / 3)


def test_what_a_population_shares_stays_one_value():
    experiment = tiny(LEARNING)
    learner = MetaLearner(experiment.task, network_of(), experiment.learning, 0, 1)
    start = {name: values.copy() for name, values in learner.network.learnt.items()}
    weights = learner.network.effect()
    for _ in range(2):
        learner.step()
    now = learner.network.learnt
    for name in NAMES:
        assert np.all(np.abs(now[name][start[name] != 0] / start[name][start[name] != 0] - 1) > 1e-5), name
        assert np.all(now[name][start[name] == 0] == 0)
    assert len(set(now["tau_a"][12:])) == 1 and len(set(now["tau_m"])) > 8
    np.testing.assert_array_equal(learner.network.effect(), weights)  # the unit of the weights stays


def test_the_file_keeps_what_is_learnt_and_a_run_goes_on_to_the_same_bits(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    trained(whole, 4, settings=LEARNING)
    trained(cut, 2, settings=LEARNING)
    train(
        resumed_run(cut / CHECKPOINT, "water-maze", None, None, (), "lsnn train --resume"), Budget(iterations=4), cut, 1
    )
    assert_same_run(whole, cut)
    one, other = (load_network(folder / CHECKPOINT).network for folder in (whole, cut))
    for name in NAMES:
        np.testing.assert_array_equal(one.learnt[name], other.learnt[name])
        assert not np.array_equal(one.learnt[name], one.at_start(name))
    np.testing.assert_array_equal(one.tau_m_ms, network_of().tau_m_ms)


def test_what_is_learnt_is_part_of_the_hash_and_of_the_seal(tmp_path):
    trained(tmp_path, 2, settings=LEARNING)
    path = tmp_path / "network.lsnn.h5"
    network = load_network(path).network
    before = network_sha256(network)
    network.learn({"tau_out": network.learnt["tau_out"] * 1.01})
    assert network_sha256(network) != before

    def spoilt(file):
        file["network/populations/adaptive/parameters/beta"][...] = 0.0

    mutated(path, spoilt)
    with pytest.raises(InputError, match="beta.*none 0"):
        load_network(path)


def test_brian2_repeats_every_spike_of_a_network_whose_parameters_have_learnt():
    network, task = network_of(), tiny().task
    g = np.random.default_rng(2)
    spread = {name: values * g.uniform(0.6, 1.6, values.shape) for name, values in network.learnt.items()}
    network.learn(spread)
    block = Block(task, network, 150, keep_states=True, dtype=np.float64)
    block.begin(task, episode_keys(3, TEST_BRANCH, 0, LANES))
    block.roll_out(network.weights(np.float64), np.full(2, -np.inf))
    apart = brian.difference(network, brian.replay(network, block.record.input_spikes), block.record)
    assert block.record.spikes.any(axis=0).mean() > 0.5
    assert apart.differing == 0 and apart.v < 1e-9 and apart.b < 1e-9
