"""Numerical guards: each fault is put in by hand, found in its iteration, counted, and does no harm."""

import numpy as np
import pytest

from lsnn import guards
from lsnn.errors import DivergedError
from lsnn.guards import AT_ONCE, FAULTS, PATIENCE, WARM_UP, Limits, Signs, Watch, fault_of, followed
from lsnn.learning.shard import Prepared, batch_statistics
from lsnn.meta import MetaLearner, new_network
from tests.runs.tiny import DALE, FREE, tiny

LIMITS = Limits(exploded_norm=10.0, refractory_ms=3.0, min_std=0.1)
SOUND = Signs(gradient_norm=1.0, rate_hz=20.0, spread=0.3, mean_return=30.0)
USED = Watch(iterations=WARM_UP, mean=28.0, variance=4.0)


@pytest.mark.parametrize(
    ("signs", "fault"),
    [
        (SOUND, ""),
        (SOUND._replace(spread=np.nan), ""),
        (SOUND._replace(gradient_norm=np.nan), "not_finite"),
        (SOUND._replace(gradient_norm=np.inf), "not_finite"),
        (SOUND._replace(mean_return=np.nan), "not_finite"),
        (SOUND._replace(rate_hz=np.nan), "not_finite"),
        (SOUND._replace(spread=np.inf), "not_finite"),
        (SOUND._replace(finite=False), "not_finite"),
        (SOUND._replace(gradient_norm=10.0), "exploded"),
        (SOUND._replace(rate_hz=0.05), "silent"),
        (SOUND._replace(rate_hz=270.0), "overactive"),
        (SOUND._replace(spread=0.009), "narrow"),
        (SOUND._replace(mean_return=7.0), "lost"),
        (SOUND._replace(mean_return=16.5), ""),
    ],
)
def test_signs_of_each_fault(signs, fault):
    assert fault_of(signs, LIMITS, USED) == fault
    assert sum(guards.counted(fault).values()) == bool(fault)


def test_a_loss_is_measured_against_the_iterations_before():
    """28 visits with a deviation of 2: lost below 28 - 6 x 2 = 16; a still return must fall by three tenths."""
    lost = [fault_of(SOUND._replace(mean_return=value), LIMITS, USED) for value in (16.01, 15.99)]
    assert lost == ["", "lost"]
    still = USED._replace(variance=0.0)
    assert fault_of(SOUND._replace(mean_return=19.7), LIMITS, still) == ""
    assert fault_of(SOUND._replace(mean_return=19.5), LIMITS, still) == "lost"
    assert fault_of(SOUND._replace(mean_return=0.0), LIMITS, USED._replace(iterations=WARM_UP - 1)) == ""


def test_running_return_has_the_mean_and_variance_of_what_it_saw():
    """The first 1/RATE values count alike: 1, 3, 5, 7 have mean 4 and variance 5."""
    watch = Watch()
    for value in (1.0, 3.0, 5.0, 7.0):
        watch = followed(watch, SOUND._replace(mean_return=value), "")
    assert watch.iterations == 4
    np.testing.assert_allclose((watch.mean, watch.variance), (4.0, 5.0))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_ends_the_run_with_cause_and_remedy(fault):
    watch = USED
    for _ in range(PATIENCE - 1):
        watch = followed(watch, SOUND, fault)
    assert followed(watch, SOUND, "").in_a_row == 0
    with pytest.raises(DivergedError, match="in a row: .+; (lower|raise) "):
        followed(watch, SOUND, fault)


def learner_of(*settings):
    experiment = tiny((*FREE, *settings))
    network = new_network(experiment.task, experiment.network, experiment.learning, 0)
    learner = MetaLearner(experiment.task, network, experiment.learning, 0, threads=1)
    learner.step()
    return learner


def broken_gradient(value):
    def put_in(learner, monkeypatch):
        whole = learner._gradient

        def broken(shards):
            gradient = whole(shards)
            gradient["theta"][3] = value
            return gradient

        monkeypatch.setattr(learner, "_gradient", broken)

    return put_in


def scaled_weights(bias):
    """Input weights so strong, or so negative, that every neuron fires or none does."""

    def put_in(learner, monkeypatch):
        theta = np.full_like(learner.network.synapses.theta, bias)
        learner.network.synapses = learner.network.synapses._replace(theta=theta)

    return put_in


def long_step(learner, monkeypatch):
    """A step of the optimiser beyond single precision."""
    update = learner.adam.update
    monkeypatch.setattr(learner.adam, "update", lambda g, rate: {k: 1e60 * a for k, a in update(g, rate).items()})


def narrow(learner, monkeypatch):
    learner.network.log_std[:] = -20.0


def lost(learner, monkeypatch):
    learner.watch = Watch(WARM_UP, 28.0, 4.0)


INJECTIONS = {
    "not_finite": broken_gradient(np.nan),
    "overflow": broken_gradient(1e200),
    "exploded": broken_gradient(1e9),
    "long step": long_step,
    "silent": scaled_weights(-1.0),
    "overactive": scaled_weights(3.0),
    "narrow": narrow,
    "lost": lost,
}


@pytest.mark.parametrize("name", INJECTIONS)
def test_an_injected_fault_is_found_in_its_iteration(name, monkeypatch):
    learner = learner_of("learning.exploded_shrink=0.9")
    for _ in range(3):  # so that the average is not the weights
        learner.step()
    before, average = learner.network.readout.copy(), learner.average["readout"].copy()
    recurrent = learner.average["theta"][learner.network.n_input_synapses :].copy()
    assert not np.array_equal(average, before)
    INJECTIONS[name](learner, monkeypatch)
    row = learner.step()
    fault = "not_finite" if name in ("overflow", "long step") else name
    assert {key for key in FAULTS if row[key]} == {fault}
    np.testing.assert_array_equal(learner.network.readout, average)
    shrink = 0.9 if fault in ("not_finite", "exploded") else 1.0
    np.testing.assert_array_equal(
        learner.network.synapses.theta[learner.network.n_input_synapses :], shrink * recurrent
    )
    assert np.exp(learner.network.log_std).min() >= learner.learning.min_std * (1 - 1e-12)
    monkeypatch.undo()
    row = learner.step()
    assert not any(row[key] for key in FAULTS) and np.isfinite(learner.network.synapses.theta).all()


def test_a_fault_in_any_epoch_is_kept_in_the_history_and_ends_the_iteration(monkeypatch):
    """The return is that of the one roll-out, so a loss shows in the first epoch and is not forgotten in others."""
    learner = learner_of("learning.epochs=3")
    lost(learner, monkeypatch)
    assert learner.step()["lost"] == 1 and learner.watch.in_a_row == 1
    learner.step()
    assert learner.watch.iterations == 1  # iterations, not epochs


@pytest.mark.parametrize("total", [1e301, -1e308, np.inf, np.nan])
def test_advantages_of_any_size_have_statistics(total):
    """The guards see in the gradient that they are none."""
    shard = Prepared(None, 10.0, total, np.inf, np.array([3, 4]))
    found = batch_statistics([shard], 1000, 1.0)
    assert not found.advantage_std > 0 or found.advantage_std == np.inf or abs(found.advantage_mean) > 1e150
    np.testing.assert_array_equal(found.rate_hz, [3 / 8, 4 / 8])


def test_a_return_that_is_not_finite_leaves_the_curriculum_alone(monkeypatch):
    learner = learner_of()
    before = learner.running_return
    whole = learner._measure
    monkeypatch.setattr(learner, "_measure", lambda *arguments: whole(*arguments) | {"return": np.nan})
    assert learner.step()["not_finite"] == 1
    assert learner.running_return == before and np.isfinite(before)


def test_a_spread_that_the_readout_collapses_is_seen():
    learner = learner_of("learning.policy_std=readout")
    learner.network.bias[learner.network.columns("spread")] = -15.0
    assert learner.step()["narrow"] == 1


def test_a_network_that_stays_silent_ends_the_run(monkeypatch):
    learner = learner_of()
    monkeypatch.setattr(guards, "PATIENCE", 3)
    learner.average["theta"][:] = -1.0
    scaled_weights(-1.0)(learner, monkeypatch)
    learner.step()
    learner.step()
    with pytest.raises(DivergedError, match="the network is silent, less than 0.1 Hz; raise network.input_gain"):
        learner.step()


def poisoned(*settings):
    """A learner one of whose input synapses is NaN, in the average as well, so that it cannot get away from it."""
    experiment = tiny(settings)
    network = new_network(experiment.task, experiment.network, experiment.learning, 0)
    learner = MetaLearner(experiment.task, network, experiment.learning, 0, threads=1)
    first = network.n_input_synapses
    synapse = int(np.flatnonzero(network.synapses.target[:first] == 9)[0])
    for theta in (network.synapses.theta, learner.average["theta"]):
        theta[synapse] = np.nan
    return learner


@pytest.mark.parametrize(
    ("settings", "population"),
    [
        (FREE, "LIF"),
        ((*FREE, "learning.gradient_checkpointing=true"), "LIF"),
        ((*DALE, "network.rewire=false"), "inhibitory"),
    ],
)
def test_a_start_without_a_finite_gradient_names_what_left_its_range(settings, population):
    learner = poisoned(*settings)
    rows = [learner.step() for _ in range(AT_ONCE - 1)]
    assert all(row["not_finite"] for row in rows)
    seen = rf"v of the {population} neurons \(of neuron 9\) is nan at step \d+; lower"
    with pytest.raises(DivergedError, match=f"cannot begin, in none of its first 4 iterations could .* finite: {seen}"):
        learner.require_beginning()
    with pytest.raises(DivergedError, match=f"cannot begin, in none of its first 5 iterations could .* finite: {seen}"):
        learner.step()


def test_it_is_the_first_variable_that_left_its_range():
    """Of the blocks the one in which it was earliest; without any, the gradient alone."""
    learner = learner_of()
    for block, step in zip(learner.blocks, (70, 60), strict=True):
        block.record.x[step:, 16 + 2, 5] = np.inf  # b of the third adaptive neuron
        block.record.y[3:, 1] = np.nan
    gradient = {"theta": np.array([1.0, np.nan]), "bias": np.zeros(1)}
    seen = learner._first_out_of_range(gradient)
    assert seen == "b of the adaptive neurons (of neuron 14) is inf at step 60"
    for block in learner.blocks:
        block.record.x[:] = 0.0
    assert learner._first_out_of_range(gradient) == "readout 1 is nan at step 3"
    for block in learner.blocks:
        block.record.y[:] = 0.0
    assert learner._first_out_of_range(gradient) == "all state variables are, the gradient of theta is not"


def test_a_start_that_finds_a_finite_gradient_is_none_to_end(monkeypatch):
    learner = learner_of()
    learner.iteration, learner.watch = 0, Watch()
    broken_gradient(np.nan)(learner, monkeypatch)
    learner.step()
    with pytest.raises(DivergedError, match="cannot begin, not in its first iteration could a step be taken"):
        learner.require_beginning()
    monkeypatch.undo()
    learner.step()
    learner.require_beginning()
    assert learner.watch.iterations == 1
