"""Blocks of eight episodes: stopping and going on, time checkpoints, threads."""

import numpy as np
import pytest

from lsnn.blocks import Block, Threads
from lsnn.errors import DivergedError, InputError
from lsnn.kernels.layout import state_zeros
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.network import NetworkConfig
from lsnn.seeds import episode_keys
from tasks.water_maze import WaterMaze

STEPS = 150
TASK = WaterMaze(duration_ms=STEPS, start_radius=0.3, platform_radius=0.5, platform_circle=0.6)
CONFIG = NetworkConfig(n_excitatory=20, n_inhibitory=8, n_adaptive=12, d_max_ms=5, input_gain=2.0)


@pytest.fixture(scope="module")
def network():
    return new_network(TASK, CONFIG, LearningConfig(auxiliary=True), seed=3)


def rolled_out(network, segment=0, stops=()):
    block = Block(TASK, network, STEPS, keep_states=True, segment=segment)
    block.begin(TASK, episode_keys(5, 1, 0, 8))
    for steps in stops:
        block.roll_out(network.weights(), network.log_std, steps, hold=4)
    block.roll_out(network.weights(), network.log_std, hold=4)
    return block


def gradient_of(block, network):
    g = np.random.default_rng(7)
    g_y = 0.1 * g.standard_normal((STEPS, network.n_out, 8))
    return block.back(network.weights(), g_y, 0.01 * g.standard_normal(CONFIG.n_neurons), 0.3, False)


@pytest.mark.parametrize("stops", [(1,), (7, 50, 3)])
def test_a_roll_out_that_stops_and_goes_on_is_the_unbroken_one(network, stops):
    whole, parts = rolled_out(network), rolled_out(network, stops=stops)
    assert whole.record.spikes.any()
    for a, b in zip((*whole.record, *whole.trace), (*parts.record, *parts.trace), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("segment", "stops"), [(13, ()), (50, (20, 55)), (149, ())])
def test_time_checkpoints_change_no_bit_of_the_gradient(network, segment, stops):
    whole, checkpointed = rolled_out(network), rolled_out(network, segment, stops)
    assert checkpointed.record.x.shape[0] == segment
    np.testing.assert_array_equal(whole.record.y, checkpointed.record.y)
    gradients = gradient_of(whole, network), gradient_of(checkpointed, network)
    for name, a, b in zip(gradients[0]._fields, *gradients, strict=True):
        assert name in ("constants", "start", "kappa") or np.abs(a).max() > 0  # of parameters, of which none learns
        np.testing.assert_array_equal(a, b)


def test_a_state_that_becomes_nan_is_an_error_where_it_must_be_finite(network):
    """A neuron whose v is NaN falls silent, and the rest goes on as if nothing had happened."""
    for finite in (False, True):
        block = Block(TASK, network, STEPS, finite=finite)
        block.begin(TASK, episode_keys(5, 1, 0, 8))
        block.roll_out(network.weights(), network.log_std, 20)
        block.state.x[30, 2] = np.nan
        if not finite:
            block.roll_out(network.weights(), network.log_std, 20)
            continue
        with pytest.raises(DivergedError, match="cannot be run: v of neuron 30 is not finite before step 40; the weig"):
            block.roll_out(network.weights(), network.log_std, 20)
        block.state.x[30, 2], block.state.r[1, 7] = 0, np.inf
        with pytest.raises(DivergedError, match="cannot be run: readout 1 is not finite before step 60"):
            block.roll_out(network.weights(), network.log_std, 20)


def changed_on_the_way(network, segment, at):
    """The whole state is erased at a step."""
    block = Block(TASK, network, STEPS, segment=segment)
    block.begin(TASK, episode_keys(5, 1, 0, 8))
    block.roll_out(network.weights(), network.log_std, at, hold=4)
    for array in block.state:
        array[:] = 0
    block.roll_out(network.weights(), network.log_std, 3, hold=4)
    block.roll_out(network.weights(), network.log_std, hold=4)
    return block


def test_the_gradient_with_time_checkpoints_is_of_the_trajectory_that_an_experiment_changed(network):
    """Or it is refused: a segment within which the state was changed cannot be run again."""
    whole, checkpointed = changed_on_the_way(network, 0, at=80), changed_on_the_way(network, 20, at=80)
    y = checkpointed.record.y.copy()
    assert not np.array_equal(y, rolled_out(network).record.y)
    for a, b in zip(gradient_of(whole, network), gradient_of(checkpointed, network), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(checkpointed.record.y, y)
    with pytest.raises(InputError, match=r"must not be changed within a segment \(20 steps\)"):
        gradient_of(changed_on_the_way(network, 20, at=75), network)


def test_a_gradient_that_cannot_be_had_is_refused(network):
    """Without saved states, and after the block was set back to an earlier step."""
    block = Block(TASK, network, STEPS, segment=20, gradient=False)
    block.begin(TASK, episode_keys(5, 1, 0, 8))
    block.roll_out(network.weights(), network.log_std, hold=4)
    assert not block.saved
    with pytest.raises(InputError, match="must be made with gradient=True"):
        gradient_of(block, network)
    block = rolled_out(network, segment=20)
    block.t = 90
    block.roll_out(network.weights(), network.log_std, hold=4)
    with pytest.raises(InputError, match="must not be changed within a segment"):
        gradient_of(block, network)


def test_the_gradient_can_be_asked_for_twice(network):
    block = rolled_out(network, segment=20)
    for a, b in zip(gradient_of(block, network), gradient_of(block, network), strict=True):
        np.testing.assert_array_equal(a, b)


def test_replay_with_time_checkpoints_repeats_the_roll_out(network):
    block = rolled_out(network, segment=20)
    spikes, y = block.record.spikes.copy(), block.record.y.copy()
    block.record.spikes[:], block.record.y[:] = 0, 0
    block.replay(network.weights())
    np.testing.assert_array_equal(block.record.spikes, spikes)
    np.testing.assert_array_equal(block.record.y, y)


def test_state_starts_at_zero_with_a_maze_and_is_carried_from_find_to_visit(network):
    block = rolled_out(network)
    visits = np.argwhere(block.trace.reward > 0.5)
    assert len(visits) > 0
    assert all(np.any(block.record.x[step + 1, :, lane] != 0) for step, lane in visits if step + 1 < STEPS)
    block.begin(TASK, episode_keys(5, 1, 1, 8))
    assert block.t == 0
    assert all(not np.any(array) for array in block.state)


def test_threads_return_results_in_order():
    for count in (1, 2):
        assert Threads(count).map(lambda a, b: a - b, [5, 7, 9], [1, 2, 3]) == [4, 5, 6]


def test_exploration_is_drawn_about_a_bounded_mean(network):
    """At the first step the readout is the same with and without a bound, and so is the noise."""
    free, bounded = Block(TASK, network, STEPS), Block(TASK, network, STEPS)
    for block, mean_norm in ((free, np.inf), (bounded, 1e-3)):
        block.begin(TASK, episode_keys(5, 1, 0, 8))
        block.state.r[:2] = 3.0
        block.roll_out(network.weights(), network.log_std, steps=1, mean_norm=mean_norm)
    columns = network.columns("action")
    mean = free.record.y[0, columns].T
    assert np.all(np.linalg.norm(mean, axis=1) > 1)
    noise = free.trace.action[0] - mean
    scaled = mean * 1e-3 / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(bounded.trace.action[0], scaled + noise, atol=1e-6)


def test_a_network_runs_alone_as_it_is_replayed(network):
    block = Block(TASK, network, STEPS, keep_states=True)
    block.begin(TASK, episode_keys(5, 1, 0, 8))
    block.roll_out(network.weights(), network.log_std)
    record = type(block.record)(*(array[:30].copy() for array in block.record))
    for array in (record.x, record.spikes, record.y):
        array[:] = 0
    block.run_alone(0, network.weights(), state_zeros(*block.sizes, block.dtype), record)
    np.testing.assert_array_equal(record.spikes, block.record.spikes[:30])
    np.testing.assert_array_equal(record.x, block.record.x[:30])
    with pytest.raises(InputError, match="record must be"):
        block.run_alone(0, network.weights(), block.state, None)
    short = record._replace(spikes=record.spikes[:-1])
    with pytest.raises(InputError, match="record.spikes must be"):
        block.run_alone(0, network.weights(), state_zeros(*block.sizes, block.dtype), short)
