"""The simulation of a demo page beside the compiled engine: spike for spike, in Node.js."""

from pathlib import Path

import numpy as np
import pytest

from analysis.demo import FAMILIES, families
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.meta import new_network
from lsnn.neurons import MODELS
from runs.demo.families import page_name, shown
from runs.demo.network import ENCODERS, key_data, network_data, task_data
from runs.testing.conditions import keys_of_test
from tasks.bandit.baselines import play
from tasks.bandit.task import ARMS
from tasks.experiment import open_network, overridden, preset
from tasks.water_maze.dynamics import TRIAL
from tests.runs.demo.node import needs_node, run, script_of

CLONE = Path(__file__).parents[3]
SHIPPED = CLONE / "runs" / "pretrained"
VARIANTS = (
    (
        "task.rest_ms=30", "task.rest_ms_min=5", "task.rest_each_trial=true", "task.dark_ms=80", "task.dark_ms_min=5",
        "task.no_dark=0.3", "task.platform_radius_min=0.15", "task.start_radius=0.8", "task.start_radius_min=0.3",
        "task.distinct_platforms=5",
    ),
    (
        "task.reversal_ms=400", "task.reversal_ms_min=100", "task.platform_anywhere=true", "task.probe_ms=500",
        "task.held_out_wedge=[30, 120]", "task.encoder.background_hz=4", "task.rotation_degrees=20",
    ),
)  # fmt: skip
SPIKES = Path(__file__).with_name("spikes.js").read_text()


def compiled(network, experiment, keys, steps):
    """A block of the engine as `lsnn test` rolls it out: the mean of the policy acts."""
    block = Block(experiment.task, network, steps, keep_states=True)
    block.begin(experiment.task, keys)
    silent = np.full(max(1, len(network.log_std)), -np.inf)
    block.roll_out(network.weights(), silent, hold=experiment.learning.hold_ms)
    return block


def rows(bits, lane):
    """Which cells spike at each step, from bytes (T, cells)."""
    return [np.flatnonzero(row & (1 << lane)).tolist() for row in bits]


def assert_same(network, experiment, steps, folder, rate=2):
    """The same spikes, at least `rate` a step, actions and states of the task in Node.js as in the engine."""
    keys = keys_of_test(0, 8)
    block = compiled(network, experiment, keys, steps)
    data = {"network": network_data(network), "task": task_data(experiment.task)}
    given = {"data": data, "keys": key_data(keys), "steps": steps}
    for lane, found in enumerate(run(script_of(network, experiment.task) + SPIKES, given, folder)):
        assert sum(map(len, found["spikes"])) > rate * steps
        assert found["inputs"] == rows(block.record.input_spikes, lane)
        assert found["spikes"] == rows(block.record.spikes, lane)
        numbers = len(found["action"][0])
        np.testing.assert_array_equal(found["action"], block.trace.action[:, lane, :numbers])
        # sin, cos, exp and hypot of double precision may differ in the last bit, which moves an animal by as much
        np.testing.assert_allclose(found["world"], block.trace.task_state[1:, lane], rtol=0, atol=1e-11)
    return block


def shipped(name):
    file, experiment = open_network(SHIPPED / f"{name}.lsnn.h5")
    return file.network, experiment


def untrained(name, *settings):
    experiment = overridden(preset("water-maze", name), settings)
    return new_network(experiment.task, experiment.network, experiment.learning, 0), experiment


def in_full(name, steps):
    """A few steps, and all of the 2000 ms among the long tests."""
    return (name, steps), pytest.param(name, 2000, marks=pytest.mark.long)


@needs_node
@pytest.mark.parametrize(
    "name, steps",
    [
        ("water_maze", 2000), *in_full("water_maze_bellec2018", 400),
        *in_full("water_maze_rotation", 400), *in_full("water_maze_family", 200), in_full("water_maze_frontier", 0)[1],
    ],
)  # fmt: skip
def test_eight_episodes_spike_for_spike(name, steps, tmp_path):
    assert_same(*shipped(name), steps, tmp_path)


@needs_node
@pytest.mark.parametrize(
    "settings", [(), *((f"task.arms={arms}", "task.trials=30", "task.block=10") for arms in ARMS[1:])]
)
def test_a_whole_bandit(settings, tmp_path):
    network, experiment = shipped("bandit")
    own = overridden(experiment, settings)
    assert_same(network, own, own.task.duration_ms, tmp_path, rate=1.5)


@needs_node
def test_angles_kept_in_the_dark(tmp_path):
    network, experiment = shipped("angle_recall")
    block = assert_same(network, experiment, experiment.task.duration_ms, tmp_path)
    assert len(set(block.trace.acted.argmax(axis=0))) > 4  # answers, after darks of several lengths


@needs_node
@pytest.mark.parametrize("settings", VARIANTS)
def test_every_kind_of_maze(settings, tmp_path):
    network, experiment = shipped("water_maze")
    block = assert_same(network, overridden(experiment, settings), 600, tmp_path)
    assert (block.task_state[:, TRIAL] > 1).any()


@needs_node
@pytest.mark.parametrize("name, steps", [*in_full("retention", 200), *in_full("platforms", 200)])
def test_presets_untrained(name, steps, tmp_path):
    assert_same(*untrained(name), steps, tmp_path, rate=1)


@needs_node
@pytest.mark.long  # each is compiled; one step of each is compared in tests/equations
@pytest.mark.parametrize("model", MODELS)
def test_neuron_models_untrained(model, tmp_path):
    assert_same(*untrained("compact", f"network.adaptive_model={model}"), 300, tmp_path)


THOMPSON = """
const { keys, p, trials } = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(keys.map((key) => {
  const state = begin(key, p), baseline = new Thompson(key);
  return Array.from({ length: trials }, (_, trial) => baseline.pull(trial, state));
})));
"""


def thompson_in_node(keys, folder):
    network, experiment = shipped("bandit")
    task = experiment.task
    given = {"keys": key_data(keys), "p": task.parameters().tolist(), "trials": task.trials}
    return run(script_of(network, task) + THOMPSON, given, folder)


@needs_node
def test_thompson_sampling_pulls_the_arms_of_the_test(tmp_path):
    first, second = ("".join(map(str, arms[:30])) for arms in thompson_in_node(keys_of_test(0, 2), tmp_path))
    assert first == "010100000000000000000000000000"  # as the baseline pulled them in `lsnn test --seed 0`
    assert second == "101111111111111111111111111101"


@needs_node
@pytest.mark.long  # the baseline takes longer to compile than all the rest of this file
def test_thompson_sampling_is_the_baseline(tmp_path):
    keys = keys_of_test(0, 64)
    record = play("thompson", keys, preset("bandit").task)
    assert thompson_in_node(keys, tmp_path) == record.choice.tolist()


def test_a_task_without_a_page():
    with pytest.raises(
        InputError, match=r"must be one of those that have a page \(angle-recall, bandit, water-maze\), got 'two-step'"
    ):
        page_name(preset("two-step").task)


def test_every_encoder_that_the_page_takes_is_in_its_script():
    text = (CLONE / "analysis" / "demo" / "encoders.js").read_text()
    assert f"const ENCODERS = {{ {', '.join(ENCODERS)} }};" in text
    with pytest.raises(InputError, match="task.encoder.kind must be cells that the page knows"):
        task_data(preset("regression").task)


@pytest.mark.parametrize("name", families())
def test_a_family_is_shown_by_files_of_its_own(name):
    folder = FAMILIES / name
    assert {file.name for file in folder.iterdir()} >= {"task.js", "page.js", "page.html.jinja"}
    assert shown(preset(name.replace("_", "-")).task)
    shared = [file for file in FAMILIES.parent.iterdir() if file.suffix in (".js", ".jinja", ".py")]
    assert not [file.name for file in shared if name.replace("_", " ") in file.read_text().lower().replace("_", " ")]
