"""A simulation under attack: what does not fit is refused by name, and nothing ends the interpreter or goes astray."""

import copy
import pickle
import signal
import threading
from dataclasses import replace

import brian2
import numpy as np
import pytest

import lsnn
import tasks
from lsnn.blocks import Block
from lsnn.errors import DivergedError, InputError
from lsnn.forecast import require_memory
from lsnn.simulation.simulation import PIECE
from runs.maze import PRETRAINED
from tasks.experiment import open_network

EPISODES = 11
SHIPPED = PRETRAINED.parent
FIXED = ("two_step", "harlow", "induction", "angle_recall", "bandit", "regression_sine", "store_recall")


@pytest.fixture(scope="module")
def network():
    return lsnn.load(PRETRAINED)


@pytest.fixture(scope="module")
def task():
    return tasks.load("water-maze", duration_ms=60)


@pytest.fixture
def simulation(network, task):
    return lsnn.Simulation(network, task, EPISODES).run(5)


WHOLE = (EPISODES, 100)


@pytest.mark.parametrize(
    "value",
    [
        np.full(WHOLE, 1j), np.full(WHOLE, "0.5"), np.full(WHOLE, 1, object), np.ones(WHOLE, bool), "1", b"1", True,
        10**400, np.datetime64("2020"), np.timedelta64(3, "s"), 5 * brian2.mV, np.ones(WHOLE) * brian2.ms,
        np.ma.masked_array(np.ones(WHOLE), True), np.zeros(3, [("a", float)]), [[1], [1, 2]], {1}, None,
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'dtype', '')}",
)  # fmt: skip
def test_a_state_takes_real_numbers_alone(simulation, value):
    before = simulation.state["b"].values
    with pytest.raises(InputError, match=r"state\['b'\] must be"):
        simulation.state["b"][:] = value
    np.testing.assert_array_equal(simulation.state["b"].values, before)


@pytest.mark.parametrize("value", [np.float16(0.5), np.longdouble(0.5), np.matrix(np.full(WHOLE, 0.5)), np.int8(1)])
def test_a_state_takes_every_real_number(simulation, value):
    simulation.state["b"][()] = value
    assert np.all(simulation.state["b"].values == np.asarray(value, float).max())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda s: s.run(np.complex128(3)), "duration must be whole ms"),
        (lambda s: s.run(np.timedelta64(5, "ms")), "duration must be whole ms"),
        (lambda s: s.run([1, 2] * brian2.ms), "duration must be a time"),
        (lambda s: s.run(10**400), "duration must be whole ms"),
        (lambda s: s.state[np.array(["v"])], "state variable must be one of"),
        (lambda s: s.erase(np.array(["v"])), "part of the state must be one of"),
        (lambda s: s.swap(np.array(["v"]), 0, 1), "part of the state must be one of"),
        (lambda s: setattr(s, "task_state", [[1], [1, 2]]), "task_state must be numbers"),
        (lambda s: setattr(s, "task_state", s.task_state * np.nan), "task_state must be finite"),
        (lambda s: setattr(s, "task_state", np.ma.masked_array(s.task_state, True)), "none of them masked"),
        (copy.copy, "cannot be copied"),
        (copy.deepcopy, "cannot be copied"),
        (pickle.dumps, "cannot be copied or pickled"),
    ],
)  # fmt: skip
def test_what_else_cannot_be_done_to_a_simulation(simulation, act, words):
    with pytest.raises(InputError, match=words):
        act(simulation)
    assert simulation.run(1).t == 6


@pytest.mark.parametrize("name", ["state", "task", "network", "keys", "duration_ms", "record", "t", "task_states"])
def test_parts_of_a_simulation_are_not_exchanged_behind_its_back(simulation, name):
    with pytest.raises(AttributeError):
        setattr(simulation, name, None)
    with pytest.raises(AttributeError):
        simulation.state.b = 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"record": None}, "record must be a tuple of names"),
        ({"record": 5}, "record must be a tuple of names"),
        ({"record": (np.array(["v"]),)}, "record must be of v, b"),
        ({"episodes": np.timedelta64(3, "ms")}, "episodes must be an integer"),
        ({"keys": np.ma.masked_array([1, 2], [True, False])}, "keys must be"),
        ({"duration_ms": 2**31 - 1}, "memory"),
        ({"duration_ms": 2 * 10**6, "episodes": 10**6}, "memory"),
    ],
)  # fmt: skip
def test_arguments_that_break_their_rule(network, task, change, words):
    for call in (lsnn.Simulation, lsnn.simulate):
        with pytest.raises(InputError, match=words):
            call(network, task, **change)


@pytest.mark.parametrize("opened", [lsnn.load, lsnn.open_result, lsnn.compare])
@pytest.mark.parametrize("path", [None, 5, 3.5, b"x", ["a"]])
def test_what_is_no_path_is_refused_by_name(opened, path):
    with pytest.raises(InputError, match="must be a path"):
        opened(path)


def test_names_from_a_generator_are_recorded_in_every_portion(network, task):
    record = lsnn.simulate(network, task, 20, record=(name for name in ("v", "b")))
    assert list(record.state) == ["v", "b"] and record.state["v"].shape == (20, 60, 250)


def test_networks_and_records_can_be_copied_and_sent(network, simulation):
    sent = pickle.loads(pickle.dumps(network))
    assert sent.sha256 == network.sha256 == copy.deepcopy(network).sha256
    record = pickle.loads(pickle.dumps(simulation.run().record))
    assert record.trials.equals(simulation.record.trials)
    both = simulation.record.followed_by([record])
    np.testing.assert_array_equal(both.action[EPISODES:], record.action)


def test_records_of_different_tasks_are_not_joined(network, task, simulation):
    other = lsnn.simulate(network, replace(task, speed=0.001), 2)
    with pytest.raises(InputError, match="of the same network, task, duration"):
        simulation.run().record.followed_by([other])


# Ends of a run


def same(one, other):
    for name in ("action", "reward", "task_state"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.fixture
def ctrl_c():
    """Ctrl-C means what it does at a terminal, even where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_mid_step_costs_no_step(network, task, monkeypatch, ctrl_c):
    whole = lsnn.simulate(network, task, EPISODES)
    simulation, old = lsnn.Simulation(network, task, EPISODES).run(7), signal.getsignal(signal.SIGINT)
    roll_out, calls = Block.roll_out, []

    def pressed(block, *arguments, **named):
        calls.append(signal.raise_signal(signal.SIGINT) if len(calls) == 0 else None)
        return roll_out(block, *arguments, **named)

    monkeypatch.setattr(Block, "roll_out", pressed)
    with pytest.raises(KeyboardInterrupt):
        simulation.run()
    assert simulation.t == 7 and len(calls) == 1 and signal.getsignal(signal.SIGINT) is old
    for act in (lambda: simulation.record, lambda: simulation.swap(0, 9), lambda: simulation.state["v"].values):
        with pytest.raises(InputError, match="broken off, so run"):
            act()
    same(simulation.run().record, whole)


def test_long_runs_look_for_ctrl_c_in_pieces(network):
    task = tasks.load("water-maze", duration_ms=2 * PIECE + 1)
    simulation = lsnn.Simulation(network, task, 1).run()
    assert simulation.t == 2 * PIECE + 1


def test_an_episode_that_diverges_leaves_the_others_where_they_can_go_on(network, task):
    simulation = lsnn.Simulation(network, task, EPISODES).run(7)
    simulation._blocks[1].state.x[:, 0] = np.nan
    for _ in range(2):
        with pytest.raises(DivergedError):
            simulation.run(5)
    assert simulation._blocks[0].t >= 12


def test_two_threads_take_turns(network, task):
    simulation = lsnn.Simulation(network, task, EPISODES)
    at_work = [threading.Thread(target=lambda: [simulation.run(1) for _ in range(20)]) for _ in range(3)]
    for thread in at_work:
        thread.start()
    for thread in at_work:
        thread.join()
    same(simulation.record, lsnn.simulate(network, task, EPISODES))


def test_more_memory_than_there_is():
    with pytest.raises(InputError, match="it must fit into"):
        require_memory("it", 1e30)


# Trials of what is not a whole episode


@pytest.mark.parametrize("name", FIXED)
def test_trials_of_a_record_are_those_that_are_over(name):
    path = SHIPPED / f"{name}.lsnn.h5"
    network, task = lsnn.load(path), open_network(path)[1].task
    simulation = lsnn.Simulation(network, task, 2)
    whole, cut = None, task.duration_ms // 2 + 1
    part = simulation.run(cut).record.trials
    whole = simulation.run().record.trials
    over = whole[whole["end_ms"] <= cut].reset_index(drop=True)
    assert len(part) == len(over) < len(whole)
    np.testing.assert_array_equal(part.to_numpy(float), over.to_numpy(float))


def test_trials_at_other_times_are_not_told():
    path = SHIPPED / "bandit.lsnn.h5"
    simulation = lsnn.Simulation(lsnn.load(path), open_network(path)[1].task, 2).run(5)
    states = simulation.task_state
    states[1, 0] += 3  # steps within the trial
    simulation.task_state = states
    with pytest.raises(InputError, match="come at other times"):
        _ = simulation.run().record.trials


# States that no episode reaches


HOSTILE = (np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0**63, 2.0**31, 1e9, -1e9, 100.0, -5.0, 0.5)


def test_tokens_that_are_none_lead_nowhere():
    from tasks.induction.task import N_FLAGS, N_STATE, TOKENS, Induction, begin, observe, target, transition

    parameters, state = Induction().parameters(), np.zeros(N_STATE)
    begin(3, parameters, state)
    seen = 0
    for place in range(N_STATE):
        for value in HOSTILE:
            damaged = np.where(np.arange(N_STATE) == place, value, state)
            observation, wanted = np.zeros(N_FLAGS), np.zeros(TOKENS)
            for damage in (damaged, np.full(N_STATE, value)):
                observe(damage.copy(), parameters, observation)
                weight = target(damage.copy(), parameters, wanted)
                transition(3, 0, np.zeros(TOKENS), parameters, damage.copy())
                seen += observation.sum() in (0, 1, 2) and wanted.sum() == 1 and 0 <= weight <= 1
    assert seen == 2 * N_STATE * len(HOSTILE)
