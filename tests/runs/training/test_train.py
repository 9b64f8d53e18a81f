"""A run of meta-training: its budget, its files, and resuming to the same bits."""

import numpy as np
import pytest

from lsnn.errors import InputError, StoreError
from lsnn.files import store
from lsnn.files.network_file import load_network, save_network
from lsnn.meta import MetaLearner
from runs.training import train as training
from runs.training.train import Budget, budget_of, fresh_run, resumed_run, train
from tests.runs.tiny import DALE, FREE, assert_same_run, tiny, trained


@pytest.fixture(autouse=True)
def validate_often(monkeypatch):
    monkeypatch.setattr(training, "VALIDATE_EVERY", 2)


def resume(path, iterations, folder=None, threads=1, settings=()):
    run = resumed_run(path, "water-maze", None, None, settings, "lsnn train --resume")
    return train(run, Budget(iterations=iterations), folder or path.parent, threads)[0]


@pytest.mark.parametrize("settings", [FREE, DALE])
def test_interrupted_run_goes_on_to_the_bits_of_an_unbroken_one(tmp_path, settings):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    trained(whole, 6, settings=settings)
    trained(broken, 3, settings=settings)
    before = load_network(broken / training.CHECKPOINT).network.synapses.theta
    resume(broken / training.CHECKPOINT, 6)
    assert_same_run(whole, broken)
    assert not np.array_equal(before, load_network(whole / training.CHECKPOINT).network.synapses.theta)


def test_threads_do_not_change_the_bits(tmp_path):
    trained(tmp_path / "one", 3, threads=1)
    trained(tmp_path / "two", 3, threads=2)
    assert_same_run(tmp_path / "one", tmp_path / "two")


def test_seeds_differ(tmp_path):
    networks = [load_network(trained(tmp_path / str(seed), 1, seed=seed)).network for seed in (0, 1)]
    assert not np.array_equal(networks[0].readout, networks[1].readout)


def test_a_crash_loses_only_what_came_after_the_last_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    whole, crashed = tmp_path / "whole", tmp_path / "crashed"
    trained(whole, 6)
    step = MetaLearner.step

    def failing(learner):
        if learner.iteration == 5:
            raise RuntimeError("power cut")
        return step(learner)

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="power cut"):
        patched.setattr(MetaLearner, "step", failing)
        trained(crashed, 6)
    assert load_network(crashed / training.CHECKPOINT).learner_state.iteration == 4
    assert not (crashed / training.NETWORK).exists()
    resume(crashed / training.CHECKPOINT, 6)
    assert_same_run(whole, crashed)


def test_a_full_disk_ends_the_run_and_harms_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 1)

    def full(path, *arguments):
        if len(saved) == 3:
            raise StoreError(path, "No space left on device")
        saved.append(path)
        save_network(path, *arguments)

    saved: list = []
    monkeypatch.setattr(training, "save_network", full)
    with pytest.raises(StoreError, match="checkpoint.lsnn.h5: cannot be written: No space left"):
        trained(tmp_path, 6)
    assert load_network(tmp_path / training.CHECKPOINT).learner_state.iteration == 2


def test_network_file_is_the_frozen_network_with_its_history(folder):
    network, checkpoint = (load_network(folder / name) for name in (training.NETWORK, training.CHECKPOINT))
    assert network.learner_state is None and checkpoint.learner_state.iteration == 2
    assert list(network.history["iteration"]) == [0, 1]
    assert np.isfinite(network.history["rate_hz"]).all() and (network.history["minutes"] > 0).all()
    with store.open_for_reading(folder / training.NETWORK, "network") as file:
        assert len(file["network/projections/input_to_adaptive"]) > 0


def test_history_says_how_the_frozen_network_does_on_the_whole_task(tmp_path):
    history = load_network(trained(tmp_path, 5)).history
    measured = np.isfinite(history["whole_pool_visits"])
    assert list(measured) == [False, True, False, True, False]
    assert (history["whole_pool_visits"][measured] > 0).all()


def test_a_resumed_run_keeps_its_clock_and_says_both_commands(tmp_path):
    trained(tmp_path, 2)
    first = load_network(tmp_path / training.CHECKPOINT)
    file = load_network(resume(tmp_path / training.CHECKPOINT, 3))
    assert file.history["minutes"][2] > first.history["minutes"][1]
    assert file.command == "lsnn train ; lsnn train --resume"


def test_a_spent_budget_adds_nothing(tmp_path):
    trained(tmp_path, 2)
    assert len(load_network(resume(tmp_path / training.CHECKPOINT, 2)).history) == 2


def test_learning_may_change_when_a_run_is_resumed(tmp_path):
    trained(tmp_path, 1)
    path = resume(tmp_path / training.CHECKPOINT, 2, settings=["learning.learning_rate=0.0001"])
    assert load_network(path).config["learning"]["learning_rate"] == 0.0001
    assert list(load_network(path).history["learning_rate"]) == [tiny().learning.learning_rate, 0.0001]


def test_input_cells_may_become_more_when_a_run_is_resumed(tmp_path):
    """The network that goes on has the new cells and the old drive; the file it leaves can be resumed in turn."""
    trained(tmp_path, 1)
    before = load_network(tmp_path / training.CHECKPOINT).network
    finer = ["task.encoder.grid_side=16", "task.encoder.reward_cells=80"]
    run = resumed_run(tmp_path / training.CHECKPOINT, "water-maze", None, None, finer, "lsnn train --resume")
    assert run.network.n_in == run.experiment.task.encoder.n_inputs > 2 * before.n_in

    def drive(network):
        synapses = network.synapses
        chosen = synapses.source < network.n_in
        return np.bincount(synapses.target[chosen], synapses.theta[chosen])

    np.testing.assert_allclose(drive(run.network), drive(before), atol=1e-12)
    path = resume(tmp_path / training.CHECKPOINT, 2, settings=finer)
    assert load_network(path).config["task"]["encoder"]["grid_side"] == 16
    assert len(load_network(resume(tmp_path / training.CHECKPOINT, 3)).history) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "bandit"}, "must be of task bandit, got water-maze"),
        ({"seed": 4}, "--seed must be that of .* 0, got 4"),
        ({"preset": "compact"}, "--preset must not be given with --resume"),
        ({"settings": ["network.beta=1"]}, "--set network.* must not change a network"),
        ({"settings": ["task.encoder.reward_cells=3"]}, "must have input cells 71, got 76|input cells"),
        ({"settings": ["learning.auxiliary=true"]}, "must have readouts"),
        ({"settings": ["learning.foo=1"]}, "learning has no key 'foo'"),
    ],
)
def test_what_cannot_be_resumed_is_named(folder, changes, message):
    arguments = {"task": "water-maze", "preset": None, "seed": None, "settings": (), "command": ""} | changes
    with pytest.raises(InputError, match=message):
        resumed_run(folder / training.CHECKPOINT, **arguments)


def test_a_frozen_network_cannot_be_resumed(folder):
    with pytest.raises(InputError, match=r"network.lsnn.h5: must be a checkpoint \(checkpoint.lsnn.h5\)"):
        resumed_run(folder / training.NETWORK, "water-maze", None, None, (), "")


def test_budget_is_spent_by_what_ends_first():
    assert Budget(minutes=10.0).share(300, 2.5) == 0.25
    assert Budget(minutes=10.0).seconds_left(300, 2.5) == 450
    assert Budget(iterations=400).share(300, 2.5) == 0.75
    assert Budget(iterations=400).seconds_left(300, 3.0) == 60
    assert budget_of(None, None, 10.0) == Budget(minutes=10.0)
    assert budget_of(None, 7, 10.0) == Budget(iterations=7)


@pytest.mark.parametrize("values", [(1.0, 5), (0.0, None), (-1.0, None), (float("nan"), None), (None, 0), (None, -3)])
def test_bad_budget_is_named(values):
    with pytest.raises(InputError, match="--minutes|--iterations"):
        budget_of(*values, default_minutes=10.0)


def test_minutes_end_a_run(tmp_path):
    path, signal = train(fresh_run(tiny(), 0, "lsnn train"), Budget(minutes=0.01), tmp_path, 1)
    minutes = load_network(path).history["minutes"]
    assert signal == 0 and len(minutes) > 1
    assert (minutes[:-1] < 0.01).all() and (np.diff(minutes) > 0).all()
