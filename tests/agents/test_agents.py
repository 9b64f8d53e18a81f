"""Agents: cells, decisions, losses, outer loop, files."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("equinox")
pytest.importorskip("optax")

import agents.backend  # noqa: F401  # isort: skip
import equinox as eqx
import jax
import jax.numpy as jnp

from agents.config import KINDS, AgentConfig, AgentExperiment, experiment_of, overridden, preset
from agents.decisions import seen
from agents.files import load_agent, save_agent
from agents.learner import AgentLearner
from agents.losses import Batch, advantages_of, decision_returns, loss_of, normalised
from agents.matching import matched
from agents.networks import Rate, n_parameters, named, new_agent, positions, state_size
from agents.playing import play, played_by, replayed, trace_of
from lsnn.errors import DivergedError, InputError
from lsnn.files.network_file import load_network
from lsnn.learning import ppo
from lsnn.learning.config import LearningConfig
from tasks.bandit import Bandit
from tasks.encoders import FlagCells
from tasks.induction import Induction
from tasks.regression import Regression
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import swim

KEYS = np.arange(1, 9, dtype=np.uint64)
LEARNING = LearningConfig(curriculum=False, episodes=8)
MAZE = WaterMaze(duration_ms=36, platform_radius=0.6)
kinds = pytest.mark.parametrize("kind", KINDS)


def small(task, kind="gru", learning=LEARNING, units=8, **keywords):
    return AgentExperiment(task, AgentConfig(kind, units, **keywords), learning)


def inputs_for(experiment, agent, n=None):
    shape = (n or experiment.decisions, agent.first.in_features)
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


# Networks


@kinds
def test_decision_by_decision_is_the_whole_episode_at_once(kind):
    experiment = small(Induction(), kind)
    agent = new_agent(experiment, 1)
    x, state, one_by_one = inputs_for(experiment, agent), agent.start(), []
    for each in x:
        state, y = agent.step(state, each)
        one_by_one.append(y)
    np.testing.assert_allclose(agent.unroll(x), np.stack(one_by_one), rtol=0, atol=1e-6)


@kinds
def test_states_are_what_its_core_carries_or_its_residual_stream(kind):
    experiment = small(Induction(), kind)
    agent = new_agent(experiment, 1)
    x, state, carried = inputs_for(experiment, agent), agent.start(), []
    for each in x:
        state, _ = agent.step(state, each)
        carried.append(np.concatenate(jax.tree.leaves(state)) if kind not in ("transformer", "tem") else state)
    states = agent.states(x)
    if kind == "tem":
        np.testing.assert_allclose(states, [code for _, code, _ in carried], rtol=0, atol=1e-6)
    elif kind == "transformer":
        np.testing.assert_allclose(
            jax.vmap(lambda h: agent.readout(agent.core.norm(h)))(states), agent.unroll(x), atol=1e-6
        )
    else:
        np.testing.assert_allclose(states, np.stack(carried), rtol=0, atol=1e-6)


def test_actions_played_again_lead_to_the_same_episodes():
    experiment = small(Bandit(), units=4)
    agent = new_agent(experiment, 1)
    run = play(experiment, agent, KEYS, sampled=True, keep_states=True)
    again = replayed(experiment, KEYS, run.action)
    for name in ("inputs", "reward", "acted", "states"):
        np.testing.assert_array_equal(getattr(again, name), getattr(run, name))


@kinds
def test_what_comes_later_changes_nothing_before_it_and_all_after(kind):
    experiment = small(Induction(), kind)
    agent = new_agent(experiment, 1)
    x = inputs_for(experiment, agent)
    one, other = agent.unroll(x), agent.unroll(x.at[5].add(1.0))
    np.testing.assert_array_equal(one[:5], other[:5])
    assert np.all(np.any(one[5:] != other[5:], axis=1))


def test_a_rate_network_by_hand():
    rate = Rate(1, 0.25, jax.random.key(0))
    rate = eqx.tree_at(
        lambda of: (of.inner.weight, of.outer.weight, of.outer.bias),
        rate, (jnp.full((1, 1), 2.0), jnp.full((1, 1), 3.0), jnp.full(1, -1.0)),
    )  # fmt: skip
    first, _ = rate.step(rate.start(), jnp.full(1, 0.5))
    second, read = rate.step(first, jnp.zeros(1))
    r_1 = 0.25 * np.tanh(0.5)
    r_2 = r_1 + 0.25 * (np.tanh(2 * r_1 - 1) - r_1)
    np.testing.assert_allclose([first[0], second[0], read[0]], [r_1, r_2, r_2], rtol=1e-6)


def test_the_code_of_positions_by_hand():
    found = positions(3, 4)  # waves of 2 pi and 200 pi
    wanted = [[np.sin(n), np.sin(n / 100), np.cos(n), np.cos(n / 100)] for n in range(3)]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_sizes_by_hand():
    task = Induction()  # 12 flags, no action fed back, 6 classes; 12 decisions of 25 ms
    first, readout = 13 * 8, 9 * 6
    assert [n_parameters(small(task, kind)) for kind in ("gru", "lstm", "rate")] == [
        first + readout + 6 * 64 + 3 * 8 + 8, first + readout + 8 * 64 + 4 * 8, first + readout + 2 * 64 + 8,
    ]  # fmt: skip
    layer = 4 * 64 + (9 * 32 + 33 * 8) + 2 * 16
    assert n_parameters(small(task, "transformer")) == first + readout + 2 * layer + 16
    assert [state_size(small(task, kind)) for kind in KINDS] == [8, 16, 8, 2 * 2 * 12 * 8, 8 + 2 * 12 * 8]


@kinds
def test_units_are_matched_to_a_number_of_parameters(kind):
    found = matched(preset("two-step", kind), 12_000)
    apart = abs(n_parameters(found) - 12_000)
    for units in (found.agent.units - found.agent.step, found.agent.units + found.agent.step):
        assert abs(n_parameters(replace(found, agent=replace(found.agent, units=units))) - 12_000) >= apart
    assert apart < 1000


# Episodes


def test_the_maze_goes_on_as_it_does_under_actions_that_are_held():
    experiment = small(MAZE, learning=replace(LEARNING, hold_ms=8))
    assert experiment.decision_ms == 8 and experiment.decisions == 5  # the last of 4 ms
    run = play(experiment, new_agent(experiment, 2), KEYS, sampled=True, keep_states=True)
    module, parameters = importlib.import_module(MAZE.dynamics), MAZE.parameters()
    for i, key in enumerate(KEYS):
        state = np.zeros(MAZE.n_state)
        module.begin(key, parameters, state)
        for t in range(MAZE.duration_ms):
            np.testing.assert_array_equal(run.states[i, t], state)
            reward, acted, _ = module.transition(key, t, run.action[i, t // 8], parameters, state)
            assert (run.reward[i, t], run.acted[i, t]) == (reward, acted)
    np.testing.assert_array_equal(run.inputs[:, 0, 4:], 0.0)
    np.testing.assert_allclose(run.inputs[:, 1, 4:6], run.action[:, 0], rtol=1e-6)
    np.testing.assert_allclose(run.inputs[:, 1, 6], run.reward[:, :8].sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(run.inputs[:, 1, :2], run.states[:, 8, :2], rtol=1e-6)  # x and y
    assert trace_of(experiment, run).action.shape == (8, 36, 2)


def test_readouts_of_an_episode_are_those_that_learning_sees():
    experiment = small(Bandit(trials=6), "lstm")
    agent = new_agent(experiment, 2)
    run = play(experiment, agent, KEYS, sampled=True)
    np.testing.assert_allclose(jax.vmap(agent.unroll)(run.inputs), run.readout, rtol=0, atol=1e-6)


def test_targets_of_a_decision_are_those_of_its_steps():
    task = Regression("sine", samples=4)
    run = play(small(task), new_agent(small(task), 2), KEYS, sampled=False)
    x, y = task.examples(KEYS)
    np.testing.assert_allclose(run.target[..., 0], y)
    np.testing.assert_array_equal(run.target_weight, task.answer_ms)
    np.testing.assert_allclose(run.inputs[..., 0], x[..., 0] / np.pi, rtol=1e-6)  # in the encoder's range
    np.testing.assert_allclose(run.reward[:, 19::20], -((run.readout[..., 0] - y) ** 2), rtol=1e-5)


def test_a_test_has_the_trials_of_all_episodes():
    experiment = small(Induction())
    keys = np.arange(100, dtype=np.uint64)  # more than are in memory at once
    played = played_by(experiment, new_agent(experiment, 3), keys)
    again = played_by(experiment, new_agent(experiment, 3), keys[70:])
    assert set(played.trials["episode"]) == set(range(100))
    late = played.trials[played.trials["episode"] >= 70]
    np.testing.assert_array_equal(late["episode"] - 70, again.trials["episode"])
    for name in ("trial", "start_ms", "end_ms", "correct"):
        np.testing.assert_array_equal(late[name], again.trials[name])


def test_a_baseline_may_be_held_as_long_as_an_agents_decisions():
    free, held = (swim("oracle", KEYS, MAZE, hold_ms=ms) for ms in (1, 8))
    np.testing.assert_array_equal(held.action[:, 0], free.action[:, 0])
    turns = np.flatnonzero(np.any(np.diff(held.action, axis=1) != 0, axis=(0, 2))) + 1
    assert len(turns) and np.all(turns % 8 == 0)
    np.testing.assert_array_equal(swim("memory", KEYS, MAZE).action, swim("memory", KEYS, MAZE, hold_ms=1).action)
    visits = [(swim("memory", KEYS, WaterMaze(), 0.58, ms).reward > 0.5).sum() for ms in (1, 8)]
    assert visits[1] > 0.6 * visits[0]  # it circles at its radius, and does not swim to and fro
    with pytest.raises(InputError, match="hold_ms"):
        swim("oracle", KEYS, MAZE, hold_ms=0)


# Losses


def run_of(experiment, reward, acted=None, terminated=None):
    """Episodes with these rewards, (E, T)."""
    reward = np.asarray(reward, float)
    run = play(experiment, new_agent(experiment, 0), KEYS[: len(reward)], sampled=False)
    flags = [
        np.zeros(reward.shape, bool) if given is None else np.asarray(given, bool) for given in (acted, terminated)
    ]
    return run._replace(reward=reward, acted=flags[0], terminated=flags[1])


def test_what_a_decision_earns_by_hand():
    learning = replace(LEARNING, discount=0.5, gae_lambda=0.5)
    experiment = small(Bandit(trials=5, trial_ms=1), learning=learning, decision_ms=2)  # 6 steps or so
    steps = experiment.task.duration_ms
    reward, acted, terminated = np.zeros((3, 1, steps))
    reward[0, :4], acted[0, 3], terminated[0, 2] = [1, 2, 3, 4], 1, 1
    run = run_of(experiment, reward, acted, terminated)
    earned, mattered, ended = decision_returns(experiment, run)
    np.testing.assert_array_equal(earned[0, :2], [1 + 0.5 * 2, 3])  # what follows the end within a decision is none's
    assert mattered[0, :2].tolist() == [False, True] and ended[0, :2].tolist() == [False, True]
    value = np.zeros((1, experiment.decisions))
    value[0, :2] = [1.0, 8.0]
    found = advantages_of(experiment, run, value)[0]
    assert found[1] == 3 - 8  # a terminal state is worth nothing
    assert found[0] == pytest.approx(2 + 0.25 * 8 - 1 + 0.25 * 0.25 * (3 - 8))  # discounts of two steps


def test_advantages_are_normalised_over_decisions_that_mattered():
    found = normalised(np.array([[1.0, 3.0, 100.0]]), np.array([[1.0, 1.0, 0.0]]), 2.0)
    np.testing.assert_allclose(found, [[-1.0, 1.0, 0.0]])


class Given(eqx.Module):
    """An agent whose readouts are its weights."""

    y: jax.Array
    log_std: jax.Array

    def unroll(self, inputs):
        return self.y[inputs[0, 0].astype(int)]


def batch(y, width, **more):
    """A batch of random numbers for readouts (E, N, n_out)."""
    random, (episodes, n, _) = np.random.default_rng(1), y.shape
    fields = {
        "inputs": np.repeat(np.arange(episodes)[:, None, None], n, 1),
        "action": random.normal(size=(episodes, n - 1, width)),
        "advantage": random.normal(size=(episodes, n - 1)), "value_target": random.normal(size=(episodes, n - 1)),
        "acted": np.ones((episodes, n - 1)), "old": np.zeros((episodes, n - 1)), "target": np.zeros((episodes, n, 1)),
        "target_weight": np.zeros((episodes, n)), "count": 10.0,
    } | more  # fmt: skip
    return Batch(**{name: jnp.asarray(value, jnp.float32) for name, value in fields.items()})


def slopes(task, learning, y, log_std, given, first=True):
    agent = Given(jnp.asarray(y, jnp.float32), jnp.asarray(log_std, jnp.float32))
    experiment = small(task, learning=learning)
    found, _ = eqx.filter_grad(loss_of, has_aux=True)(agent, given, experiment, jnp.float32(1.0), first)
    return np.asarray(found.y), np.asarray(found.log_std)


def as_block(array):
    """(E, N, ...) as the engine has it, (N, ..., E)."""
    return np.moveaxis(np.asarray(array, float), 0, -1)


def test_the_loss_of_choices_has_the_slope_of_the_engines():
    y, learning = np.random.default_rng(0).normal(size=(3, 4, 3)), replace(LEARNING, entropy_weight=0.1)
    choice = np.random.default_rng(2).integers(0, 2, size=(3, 3, 2))
    given = batch(y, 2, action=choice)
    found, _ = slopes(Bandit(trials=5), learning, y, [], given)
    logits, weight = as_block(y[:, :-1, :2]), as_block(given.advantage)[:, None] / 10
    wanted = -weight * ppo.categorical_score(as_block(choice)[:, 0], logits)
    wanted -= 0.1 / 10 * ppo.categorical_entropy_slope(logits)
    np.testing.assert_allclose(as_block(found[:, :-1, :2]), wanted, rtol=1e-4, atol=1e-6)
    value = ppo.value_gradient(as_block(y[:, :-1, 2]), as_block(given.value_target), learning.value_weight, 10)
    np.testing.assert_allclose(as_block(found[:, :-1, 2]), value, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[:, -1], 0.0)  # the last decision serves as bootstrap alone


def test_the_loss_of_a_gaussian_has_the_slope_of_the_engines_and_its_clip():
    y, learning = np.random.default_rng(0).normal(size=(3, 4, 3)) * 2, replace(LEARNING, mean_norm=1.0)
    given = batch(y, 2, old=np.random.default_rng(3).normal(size=(3, 3)) - 4)
    found, of_std = slopes(MAZE, learning, y, [0.1, -0.2], given, first=False)
    means, log_std = as_block(y[:, :-1, :2]), np.array([0.1, -0.2])[:, None] * np.ones((3, 2, 3))
    bounded, action = ppo.bounded(means, 1.0), as_block(given.action)
    log_ratio = ppo.gaussian_log_likelihood(action, bounded, log_std) - as_block(given.old)
    weight = ppo.clipped_weight(log_ratio, as_block(given.advantage), learning.clip)[:, None] / 10
    assert 0 < np.count_nonzero(weight) < weight.size  # the clip holds some of them
    score, score_std = ppo.gaussian_score(action, bounded, log_std)
    wanted = -weight * ppo.bounded_gradient(score, means, 1.0)
    np.testing.assert_allclose(as_block(found[:, :-1, :2]), wanted, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(of_std, (-weight * score_std).sum(axis=(0, 2)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("task, slope", [(Regression("sine"), ppo.target_gradient), (Induction(), ppo.class_gradient)])
def test_the_loss_of_what_is_taught_has_the_slope_of_the_engines(task, slope):
    random = np.random.default_rng(0)
    y, weight = random.normal(size=(3, 4, task.n_target)), random.uniform(size=(3, 4))
    target = np.abs(random.normal(size=y.shape))
    target = target / target.sum(axis=-1, keepdims=True) if task.loss == "class" else target
    given = batch(y, task.n_action, target=target, target_weight=weight)
    found, _ = slopes(task, LEARNING, y, [], given)
    wanted = slope(as_block(y), as_block(target), as_block(weight), 1.0, 10.0)
    np.testing.assert_allclose(as_block(found), wanted, rtol=1e-4, atol=1e-6)


# The outer loop


def learner_of(experiment, seed=4):
    return AgentLearner(experiment, new_agent(experiment, seed), seed)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(named(one).values(), named(other).values(), strict=True))


def test_a_run_repeats_its_bits_and_goes_on_where_it_was_left(tmp_path):
    experiment = small(Bandit(trials=6), learning=replace(LEARNING, epochs=2))
    whole, left = learner_of(experiment), learner_of(experiment)
    rows = [whole.step() for _ in range(4)]
    assert [left.step() for _ in range(2)] == rows[:2]
    path = tmp_path / "checkpoint.lsnn.h5"
    table = np.zeros(2, [("iteration", float), ("minutes", float)])
    table["iteration"] = [0, 1]
    save_agent(path, experiment, left.agent, 4, "lsnn train", table, left.state())
    file = load_agent(path)
    later = AgentLearner(file.experiment, file.agent, file.seed)
    later.restore(file.learner_state)
    assert [later.step() for _ in range(2)] == rows[2:]
    assert (
        same(later.agent, whole.agent) and same(later.average, whole.average) and not same(later.agent, later.average)
    )
    assert later.state().adam_step == 8


def test_learning_lowers_the_error_of_what_is_taught():
    learning = replace(LEARNING, learning_rate=0.02, final_learning_rate=0.02)
    learner = learner_of(small(Induction(pairs_min=1, pairs_max=1), learning=learning))
    right = [learner.step()["accuracy"] for _ in range(150)]
    assert np.mean(right[:20]) < 0.5 and np.mean(right[-20:]) > 0.9


def test_a_gradient_that_is_not_finite_is_not_followed():
    learner = learner_of(small(Bandit(trials=6)))
    learner.step()
    before = learner.average
    broken = eqx.tree_at(lambda agent: agent.readout.bias, learner.agent, jnp.full(3, jnp.nan))
    learner.agent = broken
    row = learner.step()
    assert row["not_finite"] == 1 and np.isfinite(row["return"])
    assert not any(array.any() for array in named(learner.optimiser_state[1].mu).values())
    assert same(learner.average, before)  # and the agent is the average again
    assert same(learner.agent, learner.average)


def test_the_policy_std_keeps_its_bound():
    learner = learner_of(small(MAZE, learning=replace(LEARNING, learning_rate=1.0, min_std=0.59)))
    for _ in range(3):
        learner.step()
    assert np.all(np.exp(learner.agent.log_std) >= 0.59 - 1e-6)


# Configuration and files


def test_a_configuration_goes_through_json_and_takes_settings():
    experiment = overridden(preset("water-maze", "lstm"), ["agent.units=12", "learning.episodes=8", "task.rest_ms=5"])
    assert (experiment.agent.units, experiment.learning.episodes, experiment.task.rest_ms) == (12, 8, 5)
    assert experiment_of(json.loads(json.dumps(experiment.as_mapping()))) == experiment
    for setting in ("network.beta=0", "agent.kind=ff", "agent.units=-1", "agent.decision_ms=2000", "agent.tau_ms=0"):
        with pytest.raises(InputError):
            overridden(experiment, [setting])
    with pytest.raises(InputError, match="a multiple of 6"):
        AgentConfig("transformer", units=8, heads=3)
    with pytest.raises(InputError, match="--agent must be one of gru"):
        preset("bandit", "mlp")


def test_observations_are_in_the_range_of_the_encoder():
    task = Regression("quadratic")
    low, high = task.encoder.low, task.encoder.high
    np.testing.assert_allclose(seen(task, np.array([[9.0, -9.0, 1.25]])), [[1, -1, 1.25 / high[2]]])
    assert low[2] == -high[2] and isinstance(Bandit().encoder, FlagCells)


def test_a_file_holds_the_agent_and_is_refused_when_it_is_none(tmp_path):
    experiment = small(Induction(), "transformer")
    agent, path = new_agent(experiment, 5), tmp_path / "agent.lsnn.h5"
    save_agent(path, experiment, agent, 5, "lsnn train", None)
    file = load_agent(path)
    assert same(file.agent, agent) and file.experiment == experiment and file.learner_state is None
    with pytest.raises(InputError, match="must be a network file, got a agent"):
        load_network(path)
    broken = eqx.tree_at(lambda of: of.readout.bias, agent, jnp.full(6, jnp.inf))
    with pytest.raises(DivergedError, match="not finite"):
        save_agent(path, experiment, broken, 5, "lsnn train", None)
    assert same(load_agent(path).agent, agent)
