"""Experiments as configurations: saved whole, changed key by key."""

import json

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.files.network_file import load_network, save_network
from runs.experiments.options import PRETRAINED
from tasks.encoders import CoordinateCells, PlaceCells
from tasks.experiment import experiment_of, open_network, overridden, preset, require_different
from tasks.registry import family, names
from tests.runs.tiny import FREE, tiny, trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the checkpoint and the network of a finished run; not to be changed."""
    made = tmp_path_factory.mktemp("run")
    trained(made)
    return made


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in names() for name in family(task).presets])
def test_preset_goes_through_json_unchanged(task, name):
    experiment = preset(task, name)
    assert experiment_of(json.loads(json.dumps(experiment.as_mapping()))) == experiment


def test_paper_preset_has_the_sizes_of_the_paper():
    experiment = preset("water-maze", "bellec2018")
    assert experiment.task.encoder.n_inputs == 160
    assert (experiment.network.n_neurons, experiment.network.n_adaptive) == (400, 120)
    assert experiment.network.dale and experiment.network.rewire


def test_settings_change_what_they_name_and_nothing_else():
    old = preset("water-maze")
    new = overridden(old, ["network.beta=3", "task.held_out_wedge=[0, 30]", "learning.policy_std=readout"])
    changed = {"network": {"beta"}, "task": {"held_out_wedge"}, "learning": {"policy_std"}}
    for section, values in new.as_mapping().items():
        before = old.as_mapping()[section]
        assert {key for key in values if values[key] != before[key]} == changed[section]
    assert (new.network.beta, new.task.held_out_wedge, new.learning.policy_std) == (3.0, (0.0, 30.0), "readout")


def test_an_older_name_of_a_key_is_read():
    config = preset("water-maze").as_mapping()
    del config["task"]["dark_ms"]
    config["task"]["blank_ms"] = 70
    assert experiment_of(config).task.dark_ms == 70
    config["task"]["dark_ms"] = 70
    with pytest.raises(InputError, match="task must not have both dark_ms and blank_ms, its older name"):
        experiment_of(config)


def test_a_new_encoder_starts_from_its_defaults_whatever_the_order():
    settings = ["task.encoder.reward_cells=5", "task.encoder.kind=CoordinateCells"]
    assert overridden(preset("water-maze"), settings).task.encoder == CoordinateCells(reward_cells=5)
    again = overridden(preset("water-maze", "bellec2018"), ["task.encoder.kind=PlaceCells"])
    assert again.task.encoder == PlaceCells()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("network.foo=1", "network has no key 'foo'; known: adaptive_model, b0"),
        ("learning.rate=1", "learning has no key 'rate'"),
        ("task.encoder.cells=1", "task.encoder has no key 'cells'"),
        ("task.platform=1", "task has no key 'platform'"),
        ("body.mass=1", "--set must be section.key=value with a section of task, network, learning, got 'body.mass=1'"),
        ("network.beta", "--set must be section.key=value"),
        ("task.encoder=PlaceCells", "task.encoder must be a mapping"),
        ("network=1", "--set must be section.key=value"),
        ("network.beta.x=1", "--set network.beta.x: there is no such key"),
        ("learning.exploded_shrink=1.5", "learning.exploded_shrink must be <= 1, got 1.5"),
        ("learning.learning_rate=1e45", r"learning.learning_rate must be <= 1, got 1e\+45"),
        ("learning.weight_decay=1e200", r"learning.weight_decay must be <= 1e\+09, got 1e\+200"),
        ("learning.min_std=1e-200", "learning.min_std must be >= 1e-09, got 1e-200"),
        ("learning.exploded_shrink=-1", "learning.exploded_shrink must be > 0, got -1"),
        ("learning.curriculum_step=-0.1", "learning.curriculum_step must be > 0, got -0.1"),
        ("network.tau_a_ms=-4", "network.tau_a_ms must be > dt_ms = 1.0, got -4"),
        ("network.tau_out_ms=0.5", "network.tau_out_ms must be > dt_ms = 1.0, got 0.5"),
        ("network.dt_ms=30", "network.tau_m_min_ms must be > dt_ms = 30.0, got 20.0"),
        ("network.dt_ms=0.5", "network.dt_ms must be 1, the step of every task, got 0.5"),
        ("network.connectivity=1.5", r"network.connectivity must lie in \(0, 1\], got 1.5"),
        ("network.n_adaptive=many", "network.n_adaptive must be a whole number, got 'many'"),
        ("network.dale=yes", "network.dale must be true or false, got 'yes'"),
        ("learning.episodes=12", "learning.episodes must be a .*multiple of 8, got 12"),
        ("learning.learning_rate=NaN", "learning.learning_rate must be a finite number, got nan"),
        ("task.platform_radius=2", "platform_radius must be a number from 0.001 to 0.9, received 2"),
        ("task.rest_ms=0", "rest_ms must be an integer of at least 1, received 0"),
        ("task.encoder.rate_hz=1500", "rate_hz must be at most 1000 Hz"),
        ("task.encoder.kind=Rods", "task.encoder.kind must be one of CoordinateCells, .* got 'Rods'"),
        ("task.name=sudoku", "--set task.name: the task is one of its family"),
    ],
)
def test_bad_setting_is_named(setting, message):
    with pytest.raises(InputError, match=message):
        overridden(preset("water-maze"), [setting])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"task": {"name": "water-maze"}, "body": {}}, "no section 'body'"),
        ({}, "task must be one of .*bandit, .*, got None"),
        ({"task": "water-maze"}, "task must be a mapping"),
        ({"task": {"name": "water-maze", "encoder": "PlaceCells"}}, "task.encoder must be a mapping"),
        ({"task": {"name": ["water-maze"]}}, "task must be one of"),
    ],
)
def test_bad_configuration_is_named(config, message):
    with pytest.raises(InputError, match=message):
        experiment_of(config)


@pytest.mark.parametrize(("task", "name"), [("sudoku", "compact"), ("water-maze", "large")])
def test_unknown_preset_is_named(task, name):
    names = "compact, bellec2018, frontier, retention, silence, platforms"
    with pytest.raises(InputError, match=f"got 'sudoku'|--preset must be one of {names} for .* got 'large'"):
        preset(task, name)


def test_a_network_file_holds_its_experiment(folder):
    file, experiment = open_network(folder / "network.lsnn.h5")
    assert experiment == tiny(FREE)
    assert file.network.config == experiment.network


def resealed(source, path, **changed):
    """A copy of a network file with other outputs, columns of the readout in their order, or another configuration."""
    file = load_network(source)
    network = file.network
    if "outputs" in changed:
        columns = np.concatenate([np.r_[network.columns(name)] for name in changed["outputs"]])
        network.readout, network.bias = network.readout[:, columns], network.bias[columns]
        network.outputs = {name: network.outputs[name] for name in changed["outputs"]}
    config = {**file.config, "task": {**file.config["task"], **changed.get("task", {})}}
    save_network(path, network, config, file.seed, file.command, file.history)
    return path


def test_columns_of_the_readout_in_another_order_are_refused(folder, tmp_path):
    """They are taken by their place."""
    source = folder / "network.lsnn.h5"
    assert open_network(resealed(source, tmp_path / "same.h5", outputs=("action", "value")))[1] == tiny(FREE)
    path = resealed(source, tmp_path / "turned.h5", outputs=("value", "action"))
    wanted, found = r"\[\('action', 2\), \('value', 1\)\]", r"\[\('value', 1\), \('action', 2\)\]"
    with pytest.raises(InputError, match=f"turned.h5: .*must have readouts {wanted}, got {found}"):
        open_network(path)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"duration_ms": 10**9}, "eight episodes of 1000000000 steps must fit into"),
        ({"duration_ms": 2**62}, "must fit into"),
        ({"duration_ms": 2**70}, r"task.duration_ms must be below 2\*\*63, got 1180591620717411303424"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"rest_ms": 2**70}, r"task.rest_ms must be below 2\*\*63"),
    ],
)
def test_counts_that_no_machine_holds_are_refused(folder, tmp_path, task, message):
    path = resealed(folder / "network.lsnn.h5", tmp_path / "n.h5", task=task)
    with pytest.raises(InputError, match=f"n.h5: /@config: .*{message}"):
        open_network(path)


@pytest.mark.parametrize("path", sorted(PRETRAINED.glob("*.lsnn.h5")), ids=lambda path: path.name)
def test_networks_that_come_with_the_clone_fit_their_task_and_are_small(path):
    file, experiment = open_network(path)
    assert path.stat().st_size <= 3e6
    assert file.network.n_in == experiment.task.encoder.n_inputs
    assert file.command.startswith("lsnn train ")


def test_a_file_that_is_given_twice_is_refused_under_another_name_too(tmp_path):
    one, same, other = (tmp_path / name for name in ("one.h5", "same.h5", "other.h5"))
    one.write_bytes(b"a network")
    same.write_bytes(b"a network")
    other.write_bytes(b"another network")
    require_different([one, other])
    with pytest.raises(
        InputError, match=r"same.h5: must be another file than those before it, is the same as .*one.h5"
    ):
        require_different([other, one, same])
