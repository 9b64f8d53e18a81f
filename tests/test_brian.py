"""The frozen network in Brian2 against the compiled kernels, both in float64."""

from pathlib import Path

import brian2
import numpy as np
import pytest

from lsnn import brian
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.kernels.simd import LANES
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.network import NetworkConfig
from lsnn.neurons import ALIF, LIF, MODELS
from lsnn.seeds import TEST_BRANCH, episode_keys
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import TRIAL
from tests.comparing import assert_close

OWN = {path.stem: path.read_text() for path in (Path(__file__).parent / "equations" / "models").glob("*.toml")}
STEPS = 250
MEAN = np.full(2, -np.inf)


def maze(steps=STEPS):
    """A platform that is easily run into, so that a short episode has visits."""
    return WaterMaze(duration_ms=steps, platform_radius=0.8)


def network_of(excitatory=30, inhibitory=12, adaptive=18, **changes):
    """A random network that spikes at some 20 Hz, with a readout strong enough to swim."""
    config = NetworkConfig(
        n_excitatory=excitatory, n_inhibitory=inhibitory, n_adaptive=adaptive, input_gain=1.0, recurrent_gain=0.7,
        readout_gain=20.0, **changes,
    )  # fmt: skip
    return new_network(maze(), config, LearningConfig(), seed=1)


def compiled(network, task, log_std=MEAN, first=0):
    """Eight episodes of the test branch, `first` and the seven after it, in the compiled kernels."""
    block = Block(task, network, task.duration_ms, keep_states=True, dtype=np.float64)
    block.begin(task, episode_keys(3, TEST_BRANCH, 0, first + LANES)[first:])
    block.roll_out(network.weights(np.float64), log_std)
    return block


def assert_equal_to_the_bit_of_a_spike(network, found, block, lanes=LANES):
    apart = brian.difference(network, found, block.record, lanes)
    assert apart.spikes > 100
    assert apart.differing == 0
    assert apart.v < 1e-9 and apart.b < 1e-9
    assert_close(found.y, block.record.y, atol=1e-9)


def rate_hz(block, neurons):
    bits = np.bitwise_count(block.record.spikes[:, neurons])
    return 1000 * bits.mean() / LANES


@pytest.mark.parametrize(
    "sizes", [{}, {"adaptive": 0}, {"excitatory": 0, "inhibitory": 0, "dale": False, "rewire": False}]
)
def test_replay_repeats_every_spike(sizes):
    network = network_of(**sizes)
    block = compiled(network, maze())
    for population in np.unique(network.population()):
        assert rate_hz(block, network.population() == population) > 2
    assert_equal_to_the_bit_of_a_spike(network, brian.replay(network, block.record.input_spikes), block)


def test_a_pair_of_populations_may_have_no_synapse():
    """One adaptive neuron has none onto its like."""
    network = network_of(adaptive=1)
    block = compiled(network, maze())
    assert_equal_to_the_bit_of_a_spike(network, brian.replay(network, block.record.input_spikes), block)


def test_every_delay_is_used_in_the_replay():
    network = network_of()
    fired = compiled(network, maze()).record.spikes.any(axis=0)
    recurrent = network.synapses.source >= network.n_in
    sources = network.synapses.source[recurrent] - network.n_in
    assert set(network.synapses.delay[recurrent][fired[sources]]) == set(range(1, network.config.d_max_ms + 1))


@pytest.mark.parametrize(("log_std", "hold"), [(MEAN, 1), (np.full(2, -1.0), 5)])
def test_closed_loop_takes_the_same_path(log_std, hold):
    network, task = network_of(), maze()
    block = Block(task, network, STEPS, keep_states=True, dtype=np.float64)
    block.begin(task, episode_keys(3, TEST_BRANCH, 0, LANES))
    block.roll_out(network.weights(np.float64), log_std, hold=hold)
    found = brian.closed_loop(task, network, block.keys, log_std, hold)
    assert block.trace.task_state[-1, :, TRIAL].sum() >= 2
    np.testing.assert_array_equal(found.trace.reward, block.trace.reward)
    np.testing.assert_array_equal(found.record.input_spikes, block.record.input_spikes)
    assert_close(found.trace.task_state, block.trace.task_state, atol=1e-8)
    assert_close(found.trace.action, block.trace.action, atol=1e-6)
    assert_equal_to_the_bit_of_a_spike(network, found.record, block)


def test_other_physics_is_noticed():
    network = network_of()
    block = compiled(network, maze())
    forgetful = brian.Physics((LIF, ALIF._replace(reset="v -= (b0 + beta*b)*exp(dt/tau_m)")))
    found = brian.replay(network, block.record.input_spikes, forgetful)
    apart = brian.difference(network, found, block.record)
    assert apart.differing > 100 and apart.v > 1e-6 and apart.b > 1e-6


def test_half_steps_of_an_exact_method_are_the_whole_step():
    network = network_of()
    block = compiled(network, maze())
    halved = brian.Physics((LIF._replace(substeps=2), ALIF._replace(substeps=2)))
    assert_equal_to_the_bit_of_a_spike(network, brian.replay(network, block.record.input_spikes, halved), block)


@pytest.mark.parametrize("name", [*MODELS, "alias", "exprel_offset", "hodgkin_huxley"])
def test_a_network_of_every_model_is_repeated_spike_for_spike(name):
    network = network_of(adaptive_model=OWN.get(name, name))
    block = compiled(network, maze(150))
    assert rate_hz(block, slice(-18, None)) > 2
    found = brian.replay(network, block.record.input_spikes)
    assert brian.difference(network, found, block.record).differing == 0
    for group in network.variables():
        for slots in group.values():
            ours, theirs = block.record.x[:, slots], found.x[:, slots]
            assert_close(theirs, ours, rtol=1e-9, atol=1e-9 * np.abs(ours).max())


def test_difference_looks_at_the_first_lanes_alone():
    network = network_of()
    block = compiled(network, maze(40))
    record = block.record._replace(spikes=block.record.spikes.copy(), x=block.record.x.copy())
    record.spikes[:, 0] ^= np.uint8(1 << 5)
    record.x[0, 0, 5] += 1.0
    record.x[0, -1, 5] += 2.0
    assert brian.difference(network, record, block.record, lanes=5)[1:] == (0, 0.0, 0.0)
    assert brian.difference(network, record, block.record, lanes=6)[1:] == (40, 1.0, 2.0)


@pytest.mark.parametrize(("slot", "place"), [(0, "v"), (-1, "b")])
@pytest.mark.parametrize("missing", ["found", "compiled"])
def test_a_number_that_one_has_not_is_a_difference(slot, place, missing):
    network = network_of()
    block = compiled(network, maze(40))
    record = block.record._replace(x=block.record.x.copy())
    record.x[7, slot, 3] = np.nan
    pair = (record, block.record) if missing == "found" else (block.record, record)
    assert np.isnan(getattr(brian.difference(network, *pair), place))
    assert not np.isnan(getattr(brian.difference(network, *pair, lanes=3), place))


def test_resets_are_handed_to_brian2_so_that_no_variable_is_another_one():
    model = ALIF._replace(reset="v = b  # both\nb *= 0.5; v += 1;")
    assert brian.strings_of(model)["reset"] == "v = -(-(b))\nb *= (0.5)\nv += (1)"


def test_input_spikes_of_another_network_are_refused():
    network = network_of()
    with pytest.raises(InputError, match=rf"input_spikes must have shape \(T, {network.n_in}\), got \(5, 3\)"):
        brian.replay(network, np.zeros((5, 3), np.uint8))


def test_the_preferences_of_the_user_are_left_alone():
    chosen, brian2.prefs.codegen.target = brian2.prefs.codegen.target, "cython"
    try:
        brian.replay(network_of(), compiled(network_of(), maze(5)).record.input_spikes)
        assert brian2.prefs.codegen.target == "cython"
    finally:
        brian2.prefs.codegen.target = chosen


def test_standalone_names_the_tool_that_is_missing(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert brian.missing_for_standalone() == "no-such-compiler"


@pytest.mark.long
@pytest.mark.skipif(brian.missing_for_standalone() is not None, reason="needs a C++ compiler and make")
def test_standalone_repeats_every_spike_of_several_recordings():
    network = network_of()
    blocks = [compiled(network, maze(), first=first) for first in (0, LANES)]
    with brian.standalone_replay(network, STEPS) as replay:
        for block in blocks:
            assert_equal_to_the_bit_of_a_spike(network, replay(block.record.input_spikes), block)


@pytest.mark.long
def test_replay_and_closed_loop_of_twenty_episodes_of_two_seconds():
    network, task = network_of(), maze(2000)
    for first, lanes in ((0, 8), (8, 8), (16, 4)):
        block = compiled(network, task, first=first)
        assert_equal_to_the_bit_of_a_spike(network, brian.replay(network, block.record.input_spikes), block, lanes)
        found = brian.closed_loop(task, network, block.keys, MEAN)
        np.testing.assert_array_equal(found.trace.reward, block.trace.reward)
        assert_equal_to_the_bit_of_a_spike(network, found.record, block, lanes)
