"""The simulation of a demo page beside the compiled engine: spike for spike, in Node.js."""

from pathlib import Path

import numpy as np
import pytest

from lsnn.blocks import Block
from lsnn.errors import InputError
from runs.demo.network import key_data, network_data, task_data
from runs.testing.conditions import keys_of_test
from tasks.experiment import open_network, overridden, preset
from tasks.water_maze.dynamics import TRIAL
from tests.runs.demo.node import needs_node, run, script_of

CLONE = Path(__file__).parents[3]
SHIPPED = CLONE / "runs" / "pretrained"
VARIANTS = (
    (
        "task.rest_ms=30", "task.rest_ms_min=5", "task.rest_each_trial=true", "task.dark_ms=80", "task.dark_ms_min=5",
        "task.no_dark=0.3", "task.platform_radius_min=0.15", "task.start_radius=0.8", "task.start_radius_min=0.3",
    ),
    (
        "task.reversal_ms=400", "task.reversal_ms_min=100", "task.platform_anywhere=true", "task.probe_ms=500",
        "task.held_out_wedge=[30, 120]", "task.encoder.background_hz=4", "task.rotation_degrees=20",
    ),
)  # fmt: skip
SPIKES = Path(__file__).with_name("spikes.js").read_text()


def compiled(file, experiment, keys, steps):
    """A block of the engine as `lsnn test` rolls it out: the mean of the policy acts."""
    block = Block(experiment.task, file.network, steps, keep_states=True)
    block.begin(experiment.task, keys)
    silent = np.full_like(file.network.log_std, -np.inf)
    block.roll_out(file.network.weights(), silent, hold=experiment.learning.hold_ms)
    return block


def rows(bits, lane):
    """Which cells spike at each step, from bytes (T, cells)."""
    return [np.flatnonzero(row & (1 << lane)).tolist() for row in bits]


def assert_same(file, experiment, steps, folder):
    """The same spikes, actions and mazes in Node.js as in the engine."""
    keys = keys_of_test(0, 8)
    block = compiled(file, experiment, keys, steps)
    data = {"network": network_data(file.network), "task": task_data(experiment.task)}
    given = {"data": data, "keys": key_data(keys), "steps": steps}
    for lane, found in enumerate(run(script_of(file.network) + SPIKES, given, folder)):
        assert sum(map(len, found["spikes"])) > 2 * steps
        assert found["inputs"] == rows(block.record.input_spikes, lane)
        assert found["spikes"] == rows(block.record.spikes, lane)
        np.testing.assert_array_equal(found["action"], block.trace.action[:, lane])
        # sin, cos, exp and hypot of double precision may differ in the last bit, which moves the animal by as much
        np.testing.assert_allclose(found["maze"], block.trace.task_state[1:, lane], rtol=0, atol=1e-11)
    return block


@needs_node
@pytest.mark.parametrize(
    "name, steps", [("water_maze", 2000), ("water_maze_bellec2018", 400), ("water_maze_rotation", 400)]
)
def test_eight_episodes_spike_for_spike(name, steps, tmp_path):
    assert_same(*open_network(SHIPPED / f"{name}.lsnn.h5"), steps, tmp_path)


@needs_node
@pytest.mark.parametrize("settings", VARIANTS)
def test_every_kind_of_maze(settings, tmp_path):
    file, experiment = open_network(SHIPPED / "water_maze.lsnn.h5")
    block = assert_same(file, overridden(experiment, settings), 600, tmp_path)
    assert (block.task_state[:, TRIAL] > 1).any()


def test_a_task_or_encoder_that_the_page_does_not_know():
    with pytest.raises(InputError, match="water-maze.*bandit"):
        task_data(preset("bandit").task)
