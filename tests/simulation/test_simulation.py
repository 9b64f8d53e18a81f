"""A frozen network from Python: the same steps as a block's, by names and units; nothing crashes on bad input."""

import subprocess
import sys
from dataclasses import replace

import brian2
import numpy as np
import pytest

import lsnn
import tasks
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.meta import new_network
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.maze import PRETRAINED
from tasks.experiment import overridden
from tasks.water_maze.dynamics import X, Y
from tests.runs.tiny import tiny

EPISODES = 11  # a block of eight and a part of another


@pytest.fixture(scope="module")
def network():
    return lsnn.load(PRETRAINED)


@pytest.fixture(scope="module")
def task():
    return tasks.load("water-maze", duration_ms=300)


@pytest.fixture(scope="module")
def record(network, task):
    return lsnn.simulate(network, task, EPISODES, seed=3, record=("v", "b"))


def test_a_network_says_what_it_is(network):
    told = repr(network)
    assert "150 LIF, 100 adaptive" in told and "lsnn train water-maze --seed 1" in told and "readouts" in told
    assert list(network.neurons.groupby("population").size().sort_index()) == [150, 100]
    assert len(network.history) == 2000


def test_a_record_holds_what_a_block_does(network, task, record):
    keys = episode_keys(3, TEST_BRANCH, 0, EPISODES)
    block = Block(task, network.network, 300, keep_states=True)
    block.begin(task, keys[:8])
    block.roll_out(network.network.weights(), np.full(2, -np.inf))
    spikes = np.unpackbits(block.record.spikes[..., None], axis=-1, bitorder="little").transpose(2, 0, 1)
    np.testing.assert_array_equal(record.spikes.to_xarray()[:8], spikes.astype(bool))
    np.testing.assert_array_equal(record.reward[:8], block.trace.reward.T)
    np.testing.assert_array_equal(record.state["v"][:8], block.record.x[:, :250].transpose(2, 0, 1))
    np.testing.assert_array_equal(record.task_state[:8], block.trace.task_state.transpose(1, 0, 2))
    assert record.spikes.to_xarray().shape == (EPISODES, 300, 250) == record.state["v"].shape
    assert record.state["b"].shape == (EPISODES, 300, 100) and record.readout.shape == (EPISODES, 300, 3)
    assert list(record.readout["output"].values) == ["action_0", "action_1", "value"]


def test_spikes_as_table_and_array_are_the_same_and_their_rates_add_up(record):
    table, dense = record.spikes.to_pandas(), record.spikes.to_xarray()
    assert len(table) == len(record.spikes) == int(dense.sum())
    assert bool(dense.values[table["episode"], table["time_ms"], table["neuron"]].all())
    of_adaptive = dense.sel(neuron=dense["population"] == "adaptive")
    assert record.spikes.rates_hz()["adaptive"] == pytest.approx(1000 * float(of_adaptive.mean()))
    assert set(table["population"]) == {"LIF", "adaptive"} and table.attrs["units"]["time_ms"] == "ms"
    assert set(record.input_spikes.to_pandas()["kind"]) == {"place", "reward", "wall"}


def test_every_spike_of_an_adaptive_neuron_is_above_its_threshold(record):
    threshold = record.threshold
    neurons = threshold["neuron"].values
    above = (record.state["v"].sel(neuron=neurons) > threshold).values
    spikes = record.spikes.to_xarray().sel(neuron=neurons).values
    assert spikes.sum() > 1000 and not np.any(spikes & ~above)


def test_trials_are_those_of_the_family(record):
    assert {"episode", "trial", "start_ms", "latency_ms"} <= set(record.trials.columns)
    assert record.trials.attrs["units"]["latency_ms"] == "ms" and set(record.trials["episode"]) == set(range(EPISODES))


def test_pieces_and_portions_make_the_same_bits(network, task, record):
    simulation = lsnn.Simulation(network, task, EPISODES, seed=3, threads=2)
    simulation.run(100).run(50 * brian2.ms)
    assert simulation.t == 150 and simulation.record.duration_ms == 150
    whole = simulation.run().record
    np.testing.assert_array_equal(whole.spikes.to_pandas(), record.spikes.to_pandas())
    np.testing.assert_array_equal(whole.action, record.action)
    by_keys = lsnn.simulate(network, task, keys=record.keys[8:])
    np.testing.assert_array_equal(by_keys.reward, record.reward[8:])


def test_the_record_of_a_piece_stays_when_the_simulation_goes_on(network, task):
    simulation = lsnn.Simulation(network, task, 2, record=("v",)).run(20)
    early = simulation.record
    before = early.state["v"].values.copy()
    simulation.run(20)
    np.testing.assert_array_equal(early.state["v"], before)


def test_what_was_not_recorded_is_an_error_that_says_so(network, task):
    record = lsnn.simulate(network, task, 1)
    with pytest.raises(InputError, match=r"v was not recorded; ask for it with record=\('v',\)"):
        record.state["v"]
    with pytest.raises(InputError, match="state variable must be one of v, b, received 'w'"):
        record.state["w"]
    assert list(record.state) == [] and "no state variable" in repr(record)


# The state


@pytest.fixture
def at_100(network, task):
    return lsnn.Simulation(network, task, EPISODES, seed=3).run(100)


def after(simulation):
    return simulation.run().record.spikes.to_pandas()


def test_a_variable_is_read_and_written_by_episode_and_population(at_100):
    b = at_100.state["b"]
    assert b.values.shape == (EPISODES, 100) and b.values.max() > 0
    assert b.to_xarray().dims == ("episode", "neuron") and b[9, 200] == b.to_xarray().sel(episode=9, neuron=200)
    before = b.values
    b[9, "adaptive"] = 0.25
    b[2:4, 150:152] = [[1, 2], [3, 4]]
    expected = before.copy()
    expected[9], expected[2:4, :2] = 0.25, [[1, 2], [3, 4]]
    np.testing.assert_array_equal(b.values, expected)
    at_100.state["v"] = 0.0
    assert not at_100.state["v"].values.any() and at_100.state["v"][:, "LIF"].shape == (EPISODES, 150)
    assert b[:, np.arange(250) >= 240].shape == (EPISODES, 10)


def test_erased_thresholds_cost_the_memory_and_nothing_else_is_touched(at_100):
    v, b = at_100.state["v"].values, at_100.state["b"].values
    at_100.erase("b", episodes=[1, 9])
    np.testing.assert_array_equal(at_100.state["v"].values, v)
    b[[1, 9]] = 0
    np.testing.assert_array_equal(at_100.state["b"].values, b)
    at_100.erase(episodes=slice(0, 3))
    assert not at_100.state["v"].values[:3].any() and at_100.state["v"].values[3:].any()
    assert not at_100._blocks[0].state.pending[..., :3].any() and at_100._blocks[0].state.pending[..., 3:8].any()


def test_a_swap_exchanges_and_a_second_one_undoes_it(network, task, at_100):
    undisturbed = after(lsnn.Simulation(network, task, EPISODES, seed=3).run(100))
    b, v = at_100.state["b"].values, at_100.state["v"].values
    at_100.swap("b", 0, 9)
    np.testing.assert_array_equal(at_100.state["b"].values[[9, 0]], b[[0, 9]])
    np.testing.assert_array_equal(at_100.state["v"].values, v)
    at_100.swap("b", 9, 0)
    at_100.swap(3, 10)
    np.testing.assert_array_equal(at_100.state["v"].values[[10, 3]], v[[3, 10]])
    at_100.swap("v", "b", "refractory", "delay_lines", "readout", 10, 3)
    np.testing.assert_array_equal(after(at_100), undisturbed)


def test_an_animal_given_the_state_of_another_swims_on_as_told_by_it(network):
    """Same maze, same place, state of the other animal: what follows is the other's bit for bit."""
    task = tasks.load("water-maze", duration_ms=200)
    key = episode_keys(5, TEST_BRANCH, 0, 1)
    twins = lsnn.Simulation(network, task, keys=np.repeat(key, 2)).run(100)
    twins.state["b"][0] = 0.0
    twins.run(1)
    twins.swap(0, 1)
    b = twins.state["b"].values
    assert b[1].max() < b[0].max()


def test_a_variable_that_starts_elsewhere_is_read_as_it_is_in_the_equations(tmp_path):
    model = """
name = "resting"
equations = '''
dv/dt = (E - v + I)/tau_m : 1 (unless refractory)
I : 1
E : 1 (constant)
tau_m : second (constant)
t_ref : second (constant)
'''
threshold = "v > 1"
reset = "v = 0"
method = "exact"
scale = "1"
[parameters]
E = "0.5"
[initial]
v = "0.25"
"""
    experiment = overridden(tiny(), [f"network.adaptive_model={model}"])
    net = new_network(experiment.task, experiment.network, experiment.learning, 0)
    simulation = lsnn.Simulation(net, experiment.task, 3, record=("v",))
    np.testing.assert_array_equal(simulation.state["v"][:, "adaptive"], 0.25)
    np.testing.assert_array_equal(simulation.state["v"][:, "LIF"], 0.0)
    simulation.state["v"][1, "adaptive"] = 0.5
    assert simulation.state["v"][1, 15] == 0.5
    simulation.erase("v")
    np.testing.assert_array_equal(simulation.state["v"][:, "adaptive"], 0.25)
    first = simulation.run(1).record.state["v"][:, 0, 12:]
    decayed = 0.5 - 0.25 * np.exp(-1 / 20)  # no input arrives in the first step
    np.testing.assert_allclose(first, decayed, rtol=1e-5)


# The world


def test_the_world_may_be_changed_in_mid_episode(network, task):
    simulation = lsnn.Simulation(network, task, EPISODES, seed=3).run(100)
    states = simulation.task_state
    assert states.shape == (EPISODES, task.n_state)
    moved = states.copy()
    moved[:, [X, Y]] = 0
    simulation.task_state = moved
    simulation.change_task(replace(task, speed=0.001))
    simulation.run(50)
    assert np.linalg.norm(simulation.task_state[:, [X, Y]], axis=1).max() <= 0.05 + 1e-9
    with pytest.raises(InputError, match="task_state must be"):
        simulation.task_state = moved[:3]
    with pytest.raises(InputError):
        simulation.change_task(tasks.load("bandit"))


# Bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"episodes": 0}, "episodes must be an integer from 1"),
        ({"episodes": 2.5}, "episodes must be an integer"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"seed": "x"}, "seed must be an integer"),
        ({"record": "v"}, "record must be a tuple of names"),
        ({"record": ("w",)}, "record must be of v, b, received 'w'"),
        ({"sampled": 1}, "sampled must be true or false"),
        ({"duration_ms": 0}, "duration_ms must be an integer"),
        ({"duration_ms": np.inf}, "duration_ms must be an integer"),
        ({"threads": 0}, "threads must be an integer"),
        ({"keys": np.zeros(3)}, "keys must be"),
        ({"keys": np.zeros(0, np.uint64)}, "keys must be 1 to"),
    ],
)
def test_arguments_that_break_their_rule(network, task, change, words):
    for call in (lsnn.Simulation, lsnn.simulate):
        with pytest.raises(InputError, match=words):
            call(network, task, **change)


def test_networks_and_tasks_that_do_not_fit(network, task):
    with pytest.raises(InputError, match="network must be of class Network, received 'water_maze"):
        lsnn.simulate("water_maze.lsnn.h5", task)
    with pytest.raises(InputError):
        lsnn.simulate(network, "water-maze")
    with pytest.raises(InputError, match="140"):
        lsnn.simulate(network, tasks.load("bandit"))
    with pytest.raises(InputError, match="nowhere.lsnn.h5: must be an LSNN file, got no such file"):
        lsnn.load("nowhere.lsnn.h5")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda s: s.run(-1), "duration must be whole ms"),
        (lambda s: s.run(0.5), "duration must be whole ms"),
        (lambda s: s.run("10"), "duration must be whole ms"),
        (lambda s: s.run(np.nan), "duration must be whole ms"),
        (lambda s: s.run(1 * brian2.mV), "duration must be a time"),
        (lambda s: s.run(0.1 * brian2.ms), "duration must be whole ms"),
        (lambda s: s.run(10**6), "steps must be at most"),
        (lambda s: s.record, "must be run before its record"),
        (lambda s: s.state["w"], "state variable must be one of v, b"),
        (lambda s: s.state["b"][99], "episode of state"),
        (lambda s: s.state["b"][0, 0], "neuron 0 has no such variable"),
        (lambda s: s.state["b"][0, 999], "neuron of state"),
        (lambda s: s.state["b"][0, "inhibitory"], "population of state.* one of adaptive"),
        (lambda s: s.state["b"][0, 1, 2], "two axes"),
        (lambda s: s.state["b"].__setitem__(0, np.zeros(7)), "must be given numbers that fit 1 episodes and 100"),
        (lambda s: s.state["b"].__setitem__(0, np.nan), "finite numbers"),
        (lambda s: s.state["b"].__setitem__(0, 1e300), "finite numbers"),
        (lambda s: s.state["b"].__setitem__(0, "much"), "must be numbers"),
        (lambda s: s.swap("b", 0, 11), "second episode of swap"),
        (lambda s: s.swap("b", 0), "first episode of swap"),
        (lambda s: s.swap("w", 0, 1), "part of the state must be one of"),
        (lambda s: s.erase("w"), "part of the state must be one of"),
        (lambda s: s.erase(episodes=[99]), "episodes must be a number, slice or mask"),
    ],
)
def test_what_cannot_be_done_to_a_simulation(network, task, act, words):
    simulation = lsnn.Simulation(network, task, EPISODES)
    with pytest.raises(InputError, match=words):
        act(simulation)
    assert simulation.run(1).t == 1  # nothing is lost


def test_to_import_lsnn_is_quick():
    program = "import time; t = time.perf_counter(); import lsnn; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.2


# Files of others


def test_a_record_is_written_as_nwb(network, task, record, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    path = record.to_nwb(tmp_path / "record.nwb")
    with pytest.raises(InputError, match="must not exist yet"):
        record.to_nwb(path)
    with pynwb.NWBHDF5IO(str(path), "r") as source:
        content = source.read()
        table, place = record.spikes.to_pandas(), record.recording("position")
        assert list(content.units["population"][:]) == ["LIF"] * 150 + ["adaptive"] * 100
        own = table[table.neuron == 200]
        np.testing.assert_allclose(content.units["spike_times"][200], own.episode * 1.3 + own.time_ms / 1000, atol=1e-9)
        assert len(content.trials) == len(record.trials)
        np.testing.assert_allclose(content.trials["start_time"][1], record.trials.start_ms[1] / 1000)
        position = content.processing["behavior"]["Position"]["position"]
        assert position.data.shape == (EPISODES * place.sizes["time"], 2) and position.unit == "meters"
        np.testing.assert_allclose(position.data[:10], place[0, :10])
        assert content.processing["state"]["b"].data.shape == (EPISODES * 300, 100)
        np.testing.assert_array_equal(content.processing["behavior"]["readout"].data[300:302], record.readout[1, :2])
    with pytest.raises(InputError, match="recording must be one of .*position.*, received 'speed'"):
        record.recording("speed")
