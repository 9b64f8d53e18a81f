"""Roll-outs of Gymnasium environments: episodes that end and begin within a record, in eight lanes."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode

from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.gym_blocks import EnvironmentTask, GymBlock, block_for
from lsnn.kernels.layout import Record, adjoint_zeros, gradient_zeros, record_zeros, state_zeros
from lsnn.learning.config import LearningConfig
from lsnn.learning.shard import prepare
from lsnn.meta import MetaLearner, new_network
from lsnn.network import NetworkConfig
from tasks.encoders import GaussianPopulation, PlaceCells
from tasks.gym_task import GymTask
from tasks.water_maze import WaterMaze

STEPS, MS = 91, 3
SMALL = NetworkConfig(n_excitatory=12, n_inhibitory=4, n_adaptive=8, connectivity=0.5, d_max_ms=4, input_gain=3.0)
LEARNING = LearningConfig(episodes=8, curriculum=False)


class Clock(gymnasium.Env):
    """Tells the time; an episode of seed s takes 3 + s steps and then terminates (s even) or is truncated (s odd)."""

    def __init__(self, discrete=True):
        self.observation_space = Box(0.0, 1.0, (1,))
        self.action_space = Discrete(3, start=5) if discrete else Box(-1.0, np.array([0.5, 1.0], np.float32))
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seed = self.seed if seed is None else seed
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.actions.append(action)
        self.time += 1
        over, odd = self.time == 3 + self.seed, self.seed % 2 == 1
        return np.full(1, 0.1 * self.time, np.float32), float(self.time), over and not odd, over and odd, {}


gymnasium.register("Clock-v0", Clock)
SEEDS = np.arange(8)
KEYS = (2 * SEEDS).astype(np.uint64)  # an environment's seed is half its key


def clock_task(discrete=True, **keywords):
    encoder = GaussianPopulation((0.0,), (1.0,), cells_per_dimension=30)
    keywords = {"ms_per_step": MS, "duration_ms": STEPS, "encoder": encoder} | keywords
    return GymTask("Clock-v0", {"discrete": discrete, "disable_env_checker": True}, **keywords)


def rolled_out(task, dtype=np.float32, hold=1, log_std=0.0, stops=()):
    """A block over the whole record, and its network and weights; it may stop and go on."""
    network = new_network(task, SMALL, LEARNING, seed=3)
    weights = network.weights(dtype)
    block = block_for(task, network, task.duration_ms, keep_states=True, dtype=dtype)
    block.begin(task, KEYS)
    for first, last in zip([0, *stops], [*stops, task.duration_ms], strict=True):
        block.roll_out(weights, np.full(task.n_action, log_std), last - first, hold)
    return block, network, weights


@pytest.fixture(scope="module")
def clocks():
    return rolled_out(clock_task(), np.float64)


def episodes_of(seed):
    """(first row, row of the last environment step, end) of the episodes of a lane: 3 + s steps and an autoreset."""
    length = (3 + seed) * MS
    return [(t, t + length - 1, t + length + MS) for t in range(0, STEPS, length + MS)]


def test_a_task_with_an_environment_gets_the_generic_loop(clocks):
    assert isinstance(clock_task(), EnvironmentTask) and not isinstance(WaterMaze(), EnvironmentTask)
    assert isinstance(clocks[0], GymBlock)
    maze = WaterMaze(duration_ms=2)
    assert type(block_for(maze, new_network(maze, SMALL, LEARNING, 0), 2)) is Block


def test_termination_and_truncation_stay_apart(clocks):
    terminated, truncated = np.zeros((STEPS, 8), bool), np.zeros((STEPS, 8), bool)
    for seed in SEEDS:
        last = [last for _, last, _ in episodes_of(seed) if last < STEPS]
        (truncated if seed % 2 else terminated)[last, seed] = True
    trace = clocks[0].trace
    np.testing.assert_array_equal(trace.terminated, terminated)
    np.testing.assert_array_equal(trace.truncated, truncated)
    assert terminated.any() and truncated.any()


def test_an_action_counts_in_the_last_ms_of_a_step_and_never_after_the_end(clocks):
    acted, between = np.zeros((STEPS, 8), bool), np.zeros((STEPS, 8), bool)
    for seed in SEEDS:
        for first, last, end in episodes_of(seed):
            acted[first + MS - 1 : last + 1 : MS, seed] = True
            between[last + 1 : end, seed] = True
    np.testing.assert_array_equal(clocks[0].trace.acted, acted)
    np.testing.assert_array_equal(clocks[0].trace.between, between)


def test_rewards_come_with_the_step_of_the_environment(clocks):
    reward, observation = np.zeros((STEPS, 8)), np.zeros((STEPS, 8))
    for seed in SEEDS:
        for first, last, end in episodes_of(seed):
            for time, row in enumerate(range(first + MS, last + 2, MS), start=1):
                if row <= STEPS:
                    reward[row - 1, seed] = time
                observation[row : row + MS, seed] = 0.1 * time
            observation[end : end + MS, seed] = 0
    np.testing.assert_array_equal(clocks[0].trace.reward, reward)
    np.testing.assert_allclose(clocks[0].trace.task_state[:STEPS, :, 0], observation, atol=1e-7)


def test_reward_is_scaled():
    scaled = rolled_out(clock_task(reward_scale=0.5))[0].trace.reward
    np.testing.assert_array_equal(scaled, 0.5 * rolled_out(clock_task())[0].trace.reward)


def test_a_new_episode_begins_with_a_state_of_zero_and_the_last_observation_is_seen_before(clocks):
    block, network, _ = clocks
    for seed in SEEDS:
        for _, last, end in episodes_of(seed):
            if end < STEPS:
                assert block.began[end, seed]
                assert np.all(block.record.x[end, :, seed] == 0)
                np.testing.assert_array_equal(block.record.y[end, :, seed], network.bias)
                assert np.all(block.record.blocked[end] & (1 << seed) == 0)
                assert np.all(np.any(block.record.x[last + 1 : end, :, seed] != 0, axis=1))
    just_begun = np.any([np.roll(block.began, delay, axis=0) for delay in range(8)], axis=0)
    assert np.all(np.any(block.record.x[8:] != 0, axis=1)[~just_begun[8:]])
    assert np.bitwise_count(block.record.spikes).sum() > 500


def test_actions_are_handed_over_as_the_space_has_them():
    block, _, _ = rolled_out(clock_task())
    for lane, env in enumerate(block.env.envs):
        recorded = block.trace.action[block.trace.acted[:, lane], lane, 0]
        np.testing.assert_array_equal(env.unwrapped.actions, 5 + recorded)
    assert set(np.unique(block.trace.action[..., 0])) == {0, 1, 2}


def test_actions_are_clipped_only_when_handed_over():
    block, _, _ = rolled_out(clock_task(discrete=False), log_std=0.5)
    for lane, env in enumerate(block.env.envs):
        recorded = block.trace.action[block.trace.acted[:, lane], lane]
        assert np.abs(recorded).max() > 1
        np.testing.assert_array_equal(env.unwrapped.actions, np.clip(recorded, -1, [0.5, 1.0]).astype(np.float32))


def test_a_roll_out_may_stop_and_go_on(clocks):
    broken = rolled_out(clock_task(), np.float64, stops=(1, 18, 40, 42))[0]
    for whole, parts in zip((*clocks[0].record, *clocks[0].trace), (*broken.record, *broken.trace), strict=True):
        np.testing.assert_array_equal(whole, parts)


def test_a_block_begins_anew(clocks):
    block, _, weights = rolled_out(clock_task(), np.float64)
    block.begin(clock_task(), KEYS)
    assert not block.began.any() and not block.over.any() and block.t == 0
    block.roll_out(weights, np.zeros(3))
    for first, second in zip((*clocks[0].record, *clocks[0].trace), (*block.record, *block.trace), strict=True):
        np.testing.assert_array_equal(first, second)


def test_replay_repeats_the_record(clocks):
    block, _, weights = clocks
    replayed = rolled_out(clock_task(), np.float64)[0]
    for array in replayed.record[:3]:
        array[:] = 1
    replayed.replay(weights)
    for first, second in zip(block.record, replayed.record, strict=True):
        np.testing.assert_array_equal(first, second)


def gradient_by_episodes(block, weights, g_y, g_z):
    """Each episode of each lane on its own from rest, added up."""
    total = gradient_zeros(weights)
    for lane in range(8):
        starts = [0, *np.flatnonzero(block.began[:, lane]), STEPS]
        for first, last in zip(starts[:-1], starts[1:], strict=True):
            n_neurons, n_slots, n_out, _ = block.sizes
            n_in = block.record.input_spikes.shape[1]
            alone = record_zeros(last - first, n_neurons, n_slots, n_in, n_out, block.dtype)
            alone.input_spikes[:] = block.record.input_spikes[first:last] & (1 << lane)
            block.passes.replay(0, weights, state_zeros(*block.sizes, block.dtype), alone)
            alone.spikes[:] &= 1 << lane
            g_alone = np.zeros_like(g_y[first:last])
            g_alone[..., lane] = g_y[first:last, :, lane]
            block.passes.back(
                0, weights, Record(*alone), g_alone, g_z, 0.3, 1.0, adjoint_zeros(*block.sizes, block.dtype), total
            )
    return total


def test_gradients_of_tiled_rows_are_those_of_plain_ones(clocks, monkeypatch):
    """A large network's rows lie in tiles; its gradients come back in the order of the network."""
    block, network, weights = clocks
    g_y, g_z = np.random.default_rng(0).standard_normal(block.record.y.shape), np.zeros(SMALL.n_neurons)
    monkeypatch.setattr("lsnn.rows.TILE_BYTES", 7 * network.ring * 8 * 4)
    tiled = network.weights(np.float64)
    assert len(tiled.recurrent_back.order) and not len(weights.recurrent_back.order)
    plain, found = (block.back(each, g_y, g_z, 0.3, False) for each in (weights, tiled))
    for name in ("inputs", "recurrent"):
        one, other = getattr(found, name), getattr(plain, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * np.abs(other).max(), err_msg=name)


def test_nothing_flows_back_into_the_episode_before(clocks):
    block, _, weights = clocks
    g_y, g_z = np.random.default_rng(0).standard_normal(block.record.y.shape), np.zeros(SMALL.n_neurons)
    found = block.back(weights, g_y, g_z, 0.3, False)
    expected = gradient_by_episodes(block, weights, g_y, g_z)
    through = Block.back(block, weights, g_y, g_z, 0.3, False)
    for name in ("inputs", "recurrent", "readout", "bias"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * np.abs(other).max(), err_msg=name)
    assert np.abs(through.recurrent - found.recurrent).max() > 1e-3 * np.abs(found.recurrent).max()


def test_advantages_bootstrap_a_truncation_with_the_value_of_the_last_observation():
    task = clock_task(reward_scale=0.1)
    block, network, _ = rolled_out(task)
    a_t = prepare(block, network, LEARNING).advantage
    value, discount = block.record.y[:, 3].astype(float), LEARNING.discount
    for seed in SEEDS:
        for _, last, end in episodes_of(seed):
            if last + 1 < STEPS:
                worth = discount * value[last + 1, seed] if seed % 2 else 0.0
                assert a_t[last, seed] == pytest.approx(0.1 * (3 + seed) + worth - value[last, seed], abs=1e-12)
                assert np.all(a_t[last + 1 : end, seed] == 0)
    assert np.abs(value).max() > 0.05


def test_an_environment_depends_on_its_key_alone():
    task = GymTask("CartPole-v1", ms_per_step=2, duration_ms=40)
    network = new_network(task, SMALL, LEARNING, 0)
    weights, records = network.weights(), []
    keys = np.random.default_rng(0).integers(0, 2**64, 8, np.uint64)
    for order in (np.arange(8), np.arange(8)[::-1]):
        block = block_for(task, network, task.duration_ms, keep_states=True)
        block.begin(task, keys[order])
        block.roll_out(weights, np.zeros(1))
        records.append((block.trace.task_state, block.trace.action[..., 0], block.record.y.transpose(0, 2, 1)))
    for forwards, backwards in zip(*records, strict=True):
        np.testing.assert_array_equal(forwards, backwards[:, ::-1])
    starts = records[0][0][0]
    assert len(np.unique(starts, axis=0)) == 8


def test_a_vector_environment_with_one_generator_can_be_rolled_out():
    kwargs = {"vectorization_mode": "vector_entry_point"}
    states = []
    for _ in range(2):
        block, _, _ = rolled_out(GymTask("CartPole-v1", kwargs, ms_per_step=1, duration_ms=60))
        states.append(block.trace.task_state)
    np.testing.assert_array_equal(*states)
    assert block.began.any() and len(np.unique(states[0][0], axis=0)) == 8


def test_the_generic_loop_is_the_fused_roll_out():
    """The water maze through its Gymnasium environment, a step of 1 ms, against its compiled dynamics."""
    geometry, encoder = {"platform_radius": 0.4, "platform_circle": 0.3}, PlaceCells()
    maze = WaterMaze(**geometry, duration_ms=800)
    faced = GymTask("lsnn/WaterMaze-v0", geometry, ms_per_step=1, duration_ms=800, encoder=encoder)
    network = new_network(maze, SMALL, LEARNING, 1)
    network.readout *= 0.02
    generic, fused = (block_for(task, network, 800) for task in (faced, maze))
    generic.begin(faced, KEYS)
    keys = [seeding.np_random(int(seed))[0].integers(0, 2**64, dtype=np.uint64) for seed in SEEDS]
    generic.keys[:] = keys
    fused.begin(maze, np.array(keys))
    for block in (generic, fused):
        block.roll_out(network.weights(), np.full(2, np.log(0.25)), hold=60)
    for name in ("spikes", "input_spikes", "y"):
        np.testing.assert_array_equal(getattr(generic.record, name), getattr(fused.record, name))
    np.testing.assert_array_equal(generic.trace.action, fused.trace.action)
    np.testing.assert_array_equal(generic.trace.reward, fused.trace.reward)
    assert np.sum(fused.trace.reward > 0) >= 2 and np.bitwise_count(fused.record.spikes).sum() > 1000


class Broken(gymnasium.Env):
    """Gives an observation or a reward that is no number, at reset or at step 4."""

    observation_space, action_space = Box(-1.0, 1.0, (2,)), Discrete(2)

    def __init__(self, bad: float, what: str) -> None:
        self.bad, self.what = bad, what

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return np.array([0, self.bad if self.what == "start" else 0], np.float32), {}

    def step(self, action):
        self.time += 1
        observed, reward = (self.bad if self.what == what and self.time == 4 else 0.0 for what in ("seen", "reward"))
        return np.array([0, observed], np.float32), reward, False, False, {}


gymnasium.register("Broken-v0", Broken)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("start", "the observation of Broken-v0 must be finite, got {} as its number 1 on reset"),
        ("seen", "the observation of Broken-v0 must be finite, got {} as its number 1 at step 4"),
        ("reward", "the reward of Broken-v0 must be finite, got {} as its number 0 at step 4"),
    ],
)
def test_an_environment_that_gives_no_numbers_is_named(bad, what, message):
    task = GymTask("Broken-v0", {"bad": bad, "what": what, "disable_env_checker": True}, MS, duration_ms=STEPS)
    with pytest.raises(InputError, match=message.format(bad)):
        rolled_out(task)


class Failing(gymnasium.Env):
    """An environment that does something else than it should when it is made, reset or stepped."""

    action_space, observation_space = Discrete(2), Box(0.0, 1.0, (2,))

    def __init__(self, what: str, does: Callable[[], Any]) -> None:
        self.does = {what: does}
        self.does.get("made", bool)()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.does.get("reset", lambda: (np.zeros(2, np.float32), {}))()

    def step(self, action):
        return self.does.get("step", lambda: (np.zeros(2, np.float32), 0.0, False, False, {}))()


def failed(kind: type[BaseException], message: str) -> Callable[[], Any]:
    def fail() -> Any:
        raise kind(message)

    return fail


gymnasium.register("Failing-v0", Failing, disable_env_checker=True)


@pytest.mark.parametrize("kind", [ValueError, AttributeError, KeyError, OSError, NotImplementedError, SystemExit])
def test_whatever_an_environment_raises_is_told_by_its_name(kind):
    with pytest.raises(InputError, match="env_id must be .* received 'Failing-v0': .*the reason"):
        GymTask("Failing-v0", {"what": "made", "does": failed(kind, "the reason")}, MS, duration_ms=STEPS)
    for what, when in (("reset", "on reset"), ("step", "at step 1")):
        task = GymTask("Failing-v0", {"what": what, "does": failed(kind, "the reason")}, MS, duration_ms=STEPS)
        with pytest.raises(InputError, match=f"the environment Failing-v0 must .* {when}: {kind.__name__}: .*reason"):
            rolled_out(task)


@pytest.mark.parametrize(
    ("what", "returned"),
    [
        ("reset", np.zeros(2, np.float32)),
        ("reset", (np.zeros(3, np.float32), {})),
        ("reset", (None, {})),
        ("step", (np.zeros(2, np.float32), 0.0, False, {})),
        ("step", (np.zeros((2, 2), np.float32), 0.0, False, False, {})),
        ("step", (np.zeros(2, np.float32), np.zeros(2), False, False, {})),
        ("step", (np.zeros(2, np.float32), 0.0, np.zeros(2, bool), False, {})),
        ("step", (np.zeros(2, np.float32), 0.0, False, False, None)),
        ("step", 3),
    ],
)
def test_an_environment_that_returns_something_else_is_named(what, returned):
    task = GymTask("Failing-v0", {"what": what, "does": lambda: returned}, MS, duration_ms=STEPS)
    with pytest.raises(InputError, match="the environment Failing-v0 must take seeds and actions, and return what"):
        rolled_out(task)


def test_an_environment_that_begins_anew_within_a_step_is_refused():
    kwargs = {"vector_kwargs": {"autoreset_mode": AutoresetMode.SAME_STEP}}
    task = GymTask("CartPole-v1", kwargs)
    with pytest.raises(InputError, match=r"autoreset_mode of gym must be .*NEXT_STEP, got .*SAME_STEP"):
        block_for(task, new_network(task, SMALL, LEARNING, 0), 10)


@pytest.mark.parametrize("epochs", [1, 2])
def test_learning_raises_the_return_on_cart_pole(epochs):
    task = GymTask("CartPole-v1", ms_per_step=5, reward_scale=0.02, duration_ms=501)
    learning = LearningConfig(episodes=32, discount=0.998, curriculum=False, hold_ms=5, epochs=epochs)
    config = NetworkConfig(30, 10, 10, dale=False, rewire=False, connectivity=1.0, d_max_ms=1, tau_out_ms=6.0)
    learner = MetaLearner(task, new_network(task, config, learning, 0), learning, 0, threads=1)
    returns = [learner.step()["episode_return"] for _ in range(30 // epochs)]
    assert np.mean(returns[-5:]) > 1.8 * np.mean(returns[:3])
