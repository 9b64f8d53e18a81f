"""A circuit in place of the network of three populations: it acts, is recorded, changed and replayed."""

import pickle

import numpy as np
import pandas
import pytest
import xarray

import lsnn
import tasks
from lsnn import InputError, Population, Projection, Readout, ms, uniform
from lsnn.acting import Form
from lsnn.blocks import Block
from lsnn.circuits.in_task import CircuitInTask
from lsnn.circuits.parts import Rates
from lsnn.network import Network
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.maze import PRETRAINED
from tests.circuits.ports import GATED
from tests.circuits.small import ALIF

EPISODES, CELLS = 10, 140
GATES = {
    "theta": 0.3, "tau": 10 * ms, "tau_e": 5 * ms, "tau_i": 8 * ms, "t_ref": 2 * ms, "E_e": uniform(2, 3), "E_i": -1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def task():
    return tasks.load("water-maze", duration_ms=120)


def circuit(populations=None, readout=None, **changes):
    """Neurons with two conductances and adaptive ones, with delays; some start away from rest."""
    populations = populations or [
        Population("places", CELLS - 20), Population("rest", 20),
        Population("E", 30, GATED, GATES, {"v": uniform(0, 0.2)}), Population("A", 12, "alif", ALIF),
    ]  # fmt: skip
    projections = [
        Projection("places", "E", "g_e", connectivity=0.3, weight=uniform(0, 0.4)),
        Projection("rest", "E", "g_i", connectivity=0.3, weight=uniform(0, 0.2), delay=3 * ms),
        Projection("E", "A", connectivity=0.5, weight=uniform(0, 0.05), delay=uniform(1, 5) * ms),
        Projection("A", "E", "g_i", connectivity=0.5, weight=0.1, delay=2 * ms),
    ]
    readout = readout or [Readout(("E", "A"), 2, 20 * ms, name="action"), Readout("A", 1, 5 * ms, name="value")]
    return lsnn.Circuit(populations, projections, readout, seed=3, **changes)


@pytest.fixture(scope="module")
def made():
    return circuit()


@pytest.fixture(scope="module")
def record(made, task):
    return lsnn.simulate(made, task, EPISODES, seed=3, record=("v", "g_i"))


def test_what_it_did_is_what_it_does_under_the_same_input(made, record):
    """The circuit by itself, on the spikes that the task's encoder sent, to the last bit."""
    spikes = record.input_spikes.to_xarray().values
    run = made.run(inputs={"places": spikes[..., :120], "rest": spikes[..., 120:]}, record=("v", "g_i"))
    ours = record.spikes.to_xarray()
    assert len(record.spikes) > 1000 and set(record.spikes.kinds) == {"E", "A"}
    for name in ("E", "A"):
        own = ours.sel(neuron=ours["population"] == name)
        assert own.any()
        np.testing.assert_array_equal(own, run.spikes(name))
    np.testing.assert_array_equal(record.readout, run.outputs)
    assert record.readout["output"].values.tolist() == ["action_0", "action_1", "value"]
    np.testing.assert_array_equal(record.state["g_i"], run.state("E", "g_i"))
    v = record.state["v"]
    np.testing.assert_array_equal(v.sel(neuron=v["population"] == "A"), run.state("A", "v"))


def test_it_acts_by_its_readout_and_the_task_answers(record, task):
    np.testing.assert_array_equal(record.action, np.float32(record.readout[..., :2]))
    moved = record.recording("position").diff("time")
    assert np.abs(moved).max() > 0 and len(record.trials) >= EPISODES
    other = record.task_state.values
    again = lsnn.Simulation(circuit(), task, EPISODES, seed=3)
    np.testing.assert_array_equal(again.run().record.task_state, other)  # the same seed, the same episodes


def test_a_network_as_a_circuit_swims_as_it_does(task, monkeypatch):
    """In the network's own precision to the bit."""
    network = lsnn.load(PRETRAINED)
    same = lsnn.circuit_of(network)
    begun = CircuitInTask.__init__

    def in_single(self, given):
        begun(self, given)
        self.form = Form(self.form.planes, self.form.decays, np.float32)

    with monkeypatch.context() as patch:
        patch.setattr(CircuitInTask, "__init__", in_single)
        ours = lsnn.simulate(same, task, EPISODES, seed=3, record=("v", "b"))
    theirs = lsnn.simulate(network, task, EPISODES, seed=3, record=("v", "b"))
    for name in ("action", "reward", "task_state"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.spikes.rows, theirs.spikes.rows)
    np.testing.assert_array_equal(ours.state["b"], theirs.state["b"])
    np.testing.assert_allclose(ours.threshold, theirs.threshold, rtol=1e-6)
    pandas.testing.assert_frame_equal(ours.trials, theirs.trials)


def test_an_experiment_changes_its_state(made, task, record):
    simulation = lsnn.Simulation(made, task, EPISODES, seed=3).run(50)
    held = simulation.state["v"].to_xarray()
    assert held["population"].values.tolist() == ["E"] * 30 + ["A"] * 12
    simulation.swap(0, 9)
    np.testing.assert_array_equal(simulation.state["v"][0], held[9])
    simulation.erase(episodes=[2])
    start = np.concatenate([made.initial["E"]["v"], np.zeros(12)])
    assert start.any()
    np.testing.assert_array_equal(simulation.state["v"][2], start)
    np.testing.assert_array_equal(simulation.state["v"][3], held[3])
    simulation.erase("v", episodes=[3])
    np.testing.assert_array_equal(simulation.state["v"][3], start)
    simulation.state["g_e"][:, "E"] = 0
    simulation.run()
    changed = simulation.record.readout.isel(time=slice(50, None))
    assert np.abs(changed - record.readout.isel(time=slice(50, None))).max() > 1e-3
    np.testing.assert_array_equal(simulation.record.readout[:, :50], record.readout[:, :50])
    first = lsnn.Simulation(made, task, EPISODES, seed=3).state["v"].values
    np.testing.assert_array_equal(first, np.broadcast_to(start, first.shape))


def test_what_is_changed_later_is_another_circuit(made, task):
    own = circuit()
    simulation = lsnn.Simulation(own, task, 2, seed=3)
    own.weight["places_to_E_g_e"][:] = 0
    np.testing.assert_array_equal(
        simulation.run().record.readout, lsnn.simulate(made, task, 2, seed=3).readout
    )  # fmt: skip
    assert not len(lsnn.simulate(own, task, 2, seed=3).spikes)


def test_its_record_goes_to_a_file_and_is_copied(made, task, record, tmp_path):
    path = tmp_path / "run.h5"
    with lsnn.simulate(made, task, EPISODES, seed=3, record=("v", "g_i"), record_to=path) as filed:
        xarray.testing.assert_identical(filed.to_xarray().load(), record.to_xarray())
        pandas.testing.assert_frame_equal(filed.trials, record.trials)
    steps = {"places": np.ones((1, 9, 120)), "rest": np.ones((1, 9, 20))}
    with lsnn.open_record(path, task) as later:
        np.testing.assert_array_equal(later.network.circuit(steps), made(steps))
    copied = pickle.loads(pickle.dumps(record))
    assert copied.network.sha256 == record.network.sha256
    both = record.followed_by([copied])
    assert both.n_episodes == 2 * EPISODES and len(both.spikes) == 2 * len(record.spikes)


def test_a_block_takes_it_as_it_takes_a_network(made, task):
    """Memory kept in segments and run again gives the gradient of the whole."""
    network = CircuitInTask(made)
    found = []
    for segment in (0, 20):
        block = Block(task, network, 60, dtype=np.float64, segment=segment)
        block.begin(task, episode_keys(3, TEST_BRANCH, 0, 8))
        block.roll_out(network.weights(), np.full(2, -np.inf))
        gradient = block.back(network.weights(), np.ones((60, 3, 8)), np.zeros(42), 0.3, False)
        found.append(gradient)
    assert np.abs(found[0].inputs).max() > 0
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    run = made.run(inputs=inputs_of(block), gradient=True)
    wanted = run.gradient(np.ones(run.outputs.shape)).readout_weight["action"]
    kappa = made.kappa()["action"]
    np.testing.assert_allclose((1 - kappa) * found[0].readout[:, :2].sum(-1), wanted, rtol=1e-9)


def inputs_of(block):
    bits = np.unpackbits(block.record.input_spikes[:, None], axis=1, bitorder="little").swapaxes(0, 1)
    return {"places": bits[..., :120], "rest": bits[..., 120:]}


def test_what_does_not_fit_a_task_is_refused(task):
    places = Population("places", CELLS - 20), Population("rest", 20)
    neurons = Population("E", 30, GATED, GATES), Population("A", 12, "alif", ALIF)
    single = Readout("E", 2, 5 * ms)
    for own, words in (
        (circuit(dt=0.5 * ms), "dt of a circuit in a task must be 1 ms"),
        (circuit([*places[:1], Population("rest", 20, source=Rates(np.ones(20))), *neurons]), "source of rest must be"),
        (circuit([Population("places", 5), places[1], *neurons]), "input cells of the network must be 140"),
        (
            circuit(readout=[Readout("E", 2, 5 * ms)]),
            "readouts of the circuit must be a list that begins with 'action'",
        ),
        (circuit(readout=[Readout("E", 3, 5 * ms, name="action")]), "begins with 'action', of 2 outputs"),
        (circuit(readout=Readout("E", 1, 5 * ms)), "readouts of the network must be at least 2"),
        (circuit(readout=Readout("E", 5, 5 * ms, name="spread")), "called other than 'spread'"),
    ):
        with pytest.raises(InputError, match=words):
            lsnn.simulate(own, task, 1)
    fits = circuit(readout=single)
    assert lsnn.simulate(fits, task, 1).action.shape == (1, 120, 2)
    with pytest.raises(InputError, match="sampled must be False in the task water-maze"):
        lsnn.simulate(fits, task, 1, sampled=True)
    with pytest.raises(InputError, match="record must be of v, "):
        lsnn.simulate(fits, task, 1, record=("z",))
    with pytest.raises(InputError, match=f"network must be of class {Network.__name__}"):
        lsnn.simulate(3, task, 1)
    fits.weight["places_to_E_g_e"] *= -1
    with pytest.raises(InputError, match="conductance"):
        lsnn.simulate(fits, task, 1)


@pytest.mark.long
def test_choices_are_drawn_where_a_task_is_of_choices():
    bandit = tasks.load("bandit")
    cells = bandit.encoder.n_inputs
    parts = [Population("x", cells), Population("E", 20, "alif", ALIF)]
    joined = [Projection("x", "E", connectivity=1.0, weight=uniform(-0.1, 0.2))]
    own = lsnn.Circuit(parts, joined, Readout("E", bandit.n_action, 10 * ms), seed=1)
    best, drawn = (lsnn.simulate(own, bandit, 3, duration_ms=80, sampled=sampled) for sampled in (False, True))
    assert (best.action.values != drawn.action.values).any()
