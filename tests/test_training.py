"""`lsnn.train`: the very training of the command, from Python."""

import json

import numpy as np
import pytest

import lsnn
import tasks
from lsnn.errors import InputError
from lsnn.files.network_file import load_network
from lsnn.meta import MetaLearner
from runs.training.train import CHECKPOINT, Budget, resumed_run, train
from tasks.experiment import open_network
from tests.runs.tiny import FREE, assert_same_run, assert_same_state, trained


def settings_of(section):
    """Those of a tiny experiment, as a mapping."""
    parts = [setting.removeprefix(f"{section}.").split("=") for setting in FREE if setting.startswith(section)]
    return {name: json.loads(value) for name, value in parts}


TASK = tasks.load("water-maze", **settings_of("task"))
WAYS = {"network": settings_of("network"), "learning": settings_of("learning"), "threads": 1, "progress": False}


@pytest.fixture(scope="module")
def of_command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    trained(folder, 3, seed=4)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return lsnn.train(TASK, iterations=3, seed=4, folder=tmp_path_factory.mktemp("python") / "run", **WAYS)


def test_it_is_the_training_of_the_command_to_the_bit(of_command, run):
    assert_same_run(of_command, run.checkpoint.parent)
    network = load_network(of_command / "network.lsnn.h5")
    assert run.network.sha256 == lsnn.load(of_command / "network.lsnn.h5").sha256
    assert run.network.config == network.config == lsnn.load(run.network.path).config
    assert list(run.history) == list(network.history.dtype.names)
    assert "3 iterations on water-maze" in repr(run) and "lsnn.train('water-maze'" in repr(run.network)


def test_a_broken_run_goes_on_to_the_same_bits_from_either_side(tmp_path, run, of_command):
    begun = lsnn.train(TASK, iterations=1, seed=4, folder=tmp_path / "begun", **WAYS)
    from_object = lsnn.train(TASK, iterations=3, seed=4, resume=begun, **WAYS)
    assert from_object.network.sha256 == run.network.sha256 and from_object.network.path is None
    assert begun.network.sha256 != run.network.sha256 and len(begun.history) == 1
    from_file = lsnn.train(TASK, iterations=3, seed=4, resume=begun.checkpoint, folder=tmp_path / "on", **WAYS)
    assert_same_run(from_file.checkpoint.parent, of_command)
    resumed = resumed_run(begun.checkpoint, "water-maze", None, None, (), "lsnn train --resume")
    train(resumed, Budget(iterations=3), tmp_path / "begun", 1)
    assert_same_state(load_network(begun.checkpoint), load_network(of_command / CHECKPOINT))
    minutes = from_file.history.minutes
    assert np.all(np.diff(minutes) > 0) and minutes[0] == begun.history.minutes[0]


def test_a_network_is_saved_simulated_and_known_to_the_commands(tmp_path):
    run = lsnn.train(TASK, iterations=1, seed=4, **WAYS)
    assert run.checkpoint is None and len(lsnn.simulate(run.network, TASK, 1).trials.columns) > 3
    run.network.save(tmp_path / "own.lsnn.h5")
    _, experiment = open_network(tmp_path / "own.lsnn.h5")
    assert experiment.task == TASK and experiment.network.n_excitatory == 8


def test_ctrl_c_ends_it_after_its_iteration_and_it_goes_on(tmp_path, monkeypatch, run):
    import signal

    step = MetaLearner.step

    def pressed(learner):
        if learner.iteration == 1:
            signal.raise_signal(signal.SIGINT)
        return step(learner)

    with monkeypatch.context() as patched, pytest.raises(lsnn.Interrupted) as stopped:
        patched.setattr(MetaLearner, "step", pressed)
        lsnn.train(TASK, iterations=3, seed=4, folder=tmp_path / "run", **WAYS)
    so_far = stopped.value.so_far
    assert len(so_far.history) == 2 == len(load_network(so_far.checkpoint).history)
    assert lsnn.train(TASK, iterations=3, seed=4, resume=so_far, **WAYS).network.sha256 == run.network.sha256


class Bare:
    """A task without a family."""

    def __getattr__(self, name):
        if name == "family":
            raise AttributeError(name)
        return getattr(TASK, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "water-maze"}, "task"),
        ({"task": Bare()}, "carries no family"),
        ({"preset": "largest"}, "must be one of compact"),
        ({"preset": 3}, "preset must be the name"),
        ({"iterations": 0}, "iterations must be an integer"),
        ({"minutes": 3}, "minutes must be none where iterations are given"),
        ({"iterations": None, "minutes": 0}, "minutes must be a number"),
        ({"seed": -1}, "seed must be an integer"),
        ({"threads": 0}, "threads must be an integer"),
        ({"network": {"n_cells": 3}}, "network has no key 'n_cells'"),
        ({"network": 3}, "network must be a mapping"),
        ({"network": {"dt_ms": 0.5}}, "network.dt_ms must be 1"),
        ({"network": {"n_excitatory": 10**6}}, "GB of memory"),
        ({"learning": {"episodes": 3}}, "learning.episodes must be a positive multiple of 8"),
        ({"folder": 3}, "folder must be a path"),
        ({"checkpoint_every": 0}, "checkpoint_every must be"),
        ({"overwrite": 1}, "overwrite must be true or false"),
        ({"progress": None}, "progress must be true or false"),
        ({"resume": 3}, "resume must be a path"),
        ({"resume": "nowhere.h5"}, "no such file"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    given = {"task": TASK, "iterations": 1, **WAYS} | changes
    with pytest.raises(InputError, match=message):
        lsnn.train(given.pop("task"), **given)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"seed": 5}, "seed"), ({"network": WAYS["network"] | {"beta": 0.5}}, "network"), ({"learning": {}}, "learning"),
     ({"task": tasks.load("water-maze")}, "task")],
)  # fmt: skip
def test_a_run_goes_on_as_what_it_was_alone(run, changes, named):
    given = {"task": TASK, "iterations": 4, "seed": 4, **WAYS} | changes
    for begun in (run, run.checkpoint):
        with pytest.raises(InputError, match=f"resume must be of the same .*one with another {named}"):
            lsnn.train(given["task"], **{key: value for key, value in given.items() if key != "task"}, resume=begun)


def test_a_folder_with_a_run_is_left_alone(run):
    with pytest.raises(InputError, match="must not hold a run already"):
        lsnn.train(TASK, iterations=1, seed=4, folder=run.checkpoint.parent, **WAYS)
    with pytest.raises(InputError, match=r"must be a checkpoint \(checkpoint.lsnn.h5\)"):
        lsnn.train(TASK, iterations=4, seed=4, resume=run.network.path, **WAYS)
