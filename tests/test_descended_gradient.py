"""What is descended is the gradient of the loss: signs and units of theta, every term of the loss, the filter.

The loss is written out here once more, from docs/design.md, over the spikes that a batch has recorded. With the spikes
held fixed it is smooth in readout, bias and log_std, so central differences are the witness; for theta it is autodiff.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import xlogy

from lsnn.kernels.layout import Gradient
from lsnn.learning import calls
from lsnn.learning.descent import by_what_learns
from lsnn.meta import MetaLearner, new_network
from tasks.experiment import overridden, preset
from tests.kernels import autodiff
from tests.runs.tiny import DALE, FREE

FLOAT32 = 1e-5  # of the largest entry of an array: the kernels round some 1000 terms of each to 6e-8 of themselves
STEP = 1e-5  # of central differences, in float64
ACTION, VALUE, SPREAD = slice(0, 2), 2, slice(3, 5)  # columns of the readout; those of the target come last

PLAIN = (
    "network.readout_gain=1", "network.d_max_ms=5", "learning.shard_norm=1e6", "learning.weight_decay=0",
    "learning.l1=0", "learning.temperature=0",
)  # fmt: skip
TERMS = (
    *PLAIN, "task.duration_ms=120", "task.rest_ms=5", "learning.value_weight=0.7", "learning.entropy_weight=0.3",
    "learning.auxiliary=true", "learning.auxiliary_weight=0.4", "learning.discount=0.9", "learning.gae_lambda=0.8",
    "learning.mean_norm=0",
)  # fmt: skip
OTHER_TASK = (*(setting for setting in FREE if not setting.startswith("task.")), *PLAIN)
READ_OUT = "learning.policy_std=readout"


def learner_of(*settings, task="water-maze"):
    """A learner whose biases differ from 0 and whose spreads differ from each other."""
    experiment = overridden(preset(task), settings)
    network = new_network(experiment.task, experiment.network, experiment.learning, seed=0)
    network.bias[:] = 0.3 * np.random.default_rng(1).standard_normal(network.n_out)
    network.log_std[:] = [-0.6, -0.2][: len(network.log_std)]
    return MetaLearner(experiment.task, network, experiment.learning, seed=0, threads=1)


class Batch(NamedTuple):
    """A recorded batch, episodes of both blocks side by side: T steps, E episodes."""

    trace: np.ndarray  # (T, N, E) spikes, filtered by the readout
    spikes: np.ndarray  # (T, N, E)
    input_spikes: np.ndarray  # (T, n_in, E)
    y: np.ndarray  # (T, n_out, E)
    action: np.ndarray  # (T, A, E)
    reward: np.ndarray  # (T, E), as all that follow
    acted: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    between: np.ndarray
    target_weight: np.ndarray
    target: np.ndarray  # (T, K, E)


class Held(NamedTuple):
    """What the loss takes as constant; (T, E), 0 in the last step, which only has a value."""

    acted: np.ndarray
    advantage: np.ndarray  # normalised
    value_target: np.ndarray
    counted: np.ndarray  # whether the value counts
    decisions: float
    log_likelihood: np.ndarray  # of the actions when they were drawn


def lanes(spikes):
    """(T, n) bytes to (T, n, 8) zeros and ones."""
    return np.unpackbits(spikes[..., None], axis=2, bitorder="little").astype(float)


def filtered(spikes, tau_ms):
    """sum_s kappa^(t-s) z[s], kappa = exp(-dt/tau)."""
    trace = spikes.copy()
    for t in range(1, len(trace)):
        trace[t] += np.exp(-1 / tau_ms) * trace[t - 1]
    return trace


def batch_of(learner):
    """What the blocks of a learner have recorded."""
    record, trace = ([getattr(block, name) for block in learner.blocks] for name in ("record", "trace"))
    spikes = np.concatenate([lanes(part.spikes) for part in record], axis=2)
    joined = {
        name: np.concatenate([getattr(part, name) for part in trace], axis=1)
        for name in ("action", "reward", "acted", "terminated", "truncated", "between", "target", "target_weight")
    }
    return Batch(
        trace=filtered(spikes, learner.network.config.tau_out_ms), spikes=spikes,
        input_spikes=np.concatenate([lanes(part.input_spikes) for part in record], axis=2),
        y=np.concatenate([part.y for part in record], axis=2),
        **joined | {name: joined[name].transpose(0, 2, 1) for name in ("action", "target")},
    )  # fmt: skip


def outputs(batch, readout, bias):
    """y[t] = r[t] + bias, r the filtered spikes times the readout."""
    return np.einsum("tne,no->toe", batch.trace, readout) + bias[:, None]


def advantages(batch, v, learning):
    """A_t = delta_t + discount lambda A_{t+1}, no further than the end of an episode; 0 between episodes."""
    a = np.zeros_like(v)
    for t in reversed(range(len(v) - 1)):
        v_next = np.where(batch.terminated[t], 0, v[t + 1])
        a_next = np.where(batch.terminated[t] | batch.truncated[t], 0, a[t + 1])
        a[t] = batch.reward[t] + learning.discount * (v_next + learning.gae_lambda * a_next) - v[t]
    return np.where(batch.between, 0, a)


def held_of(learner, batch, old=None):
    """The constants of the loss at the present weights, under which the actions were drawn unless `old` is given."""
    network, none = learner.network, np.zeros_like(batch.reward)
    if "value" not in network.outputs:
        return Held(none, none, none, none, np.sum(batch.target_weight), none)
    y, not_last = outputs(batch, network.readout, network.bias), np.arange(len(none))[:, None] < len(none) - 1
    old = log_likelihood_of(y, network.log_std, batch, learner) if old is None else old
    acted, a = batch.acted & not_last, advantages(batch, y[:, VALUE], learner.learning)
    normalised = np.where(acted, (a - a[acted].mean()) / a[acted].std(), 0)
    return Held(acted, normalised, a + y[:, VALUE], not_last & ~batch.between, np.count_nonzero(acted), old)


def whole_log_std(y, network, log_std):
    """log_std, and what the readout adds to it, (T, A, E)."""
    added = y[:, SPREAD] if "spread" in network.outputs else np.zeros((len(y), len(log_std), y.shape[2]))
    return log_std[:, None] + added


def log_likelihood_of(y, log_std, batch, learner):
    """log p(action), (T, E): Gaussian about the bounded mean, or categorical."""
    if learner.task.action_kind == "categorical":
        chosen = np.where(batch.action[:, 0] == 0, y[:, 0], y[:, 1])
        return chosen - np.logaddexp(y[:, 0], y[:, 1])
    mean, spread, bound = y[:, ACTION], whole_log_std(y, learner.network, log_std), learner.learning.mean_norm
    if bound:
        mean = mean * np.minimum(1, bound / np.linalg.norm(mean, axis=1, keepdims=True))
    density = np.exp(-((batch.action - mean) ** 2) / (2 * np.exp(2 * spread))) / np.sqrt(2 * np.pi * np.exp(2 * spread))
    return np.sum(np.log(density), axis=1)


def terms_of(y, log_std, batch, held, learner):
    """What each step adds to each term of the loss, (T, E) each."""
    learning, network, terms = learner.learning, learner.network, {}
    if "value" in network.outputs:
        ratio = np.exp(log_likelihood_of(y, log_std, batch, learner) - held.log_likelihood)
        clipped = np.clip(ratio, 1 - learning.clip, 1 + learning.clip)
        terms["policy"] = -np.minimum(ratio * held.advantage, clipped * held.advantage)
        terms["value"] = held.counted * learning.value_weight / 2 * (y[:, VALUE] - held.value_target) ** 2
    if len(log_std):
        entropy = np.sum(whole_log_std(y, network, log_std), axis=1)  # but for a constant
        terms["entropy"] = -learning.entropy_weight * held.acted * entropy
    elif learner.task.action_kind == "categorical":
        first = 1 / (1 + np.exp(y[:, 1] - y[:, 0]))
        terms["entropy"] = learning.entropy_weight * held.acted * (xlogy(first, first) + xlogy(1 - first, 1 - first))
    if "target" in network.outputs:
        named = y[:, -batch.target.shape[1] :]
        if learner.task.loss == "class":
            distance = np.logaddexp.reduce(named, axis=1) - np.sum(batch.target * named, axis=1)
        else:
            distance = np.sum((named - batch.target) ** 2, axis=1)
        weight = learning.auxiliary_weight if learner.task.loss == "reward" else 1
        terms["target"] = weight * batch.target_weight * distance
    return {name: term / held.decisions for name, term in terms.items()}


def loss_of(learner, batch, held):
    """The loss as a function of readout, bias and log_std."""

    def loss(readout, bias, log_std):
        terms = terms_of(outputs(batch, readout, bias), log_std, batch, held, learner)
        return sum(np.sum(term) for term in terms.values())

    return loss


def parts_of(network):
    """The parameters in which the loss is smooth."""
    return {name: getattr(network, name).copy() for name in ("readout", "bias", "log_std")}


def central_differences(loss, given):
    """d loss / d readout, bias and log_std, entry by entry."""
    slopes = {name: np.zeros_like(array) for name, array in given.items()}
    for name, array in given.items():
        for place in np.ndindex(array.shape):
            up, down = array.copy(), array.copy()
            up[place] += STEP
            down[place] -= STEP
            slopes[name][place] = (loss(**given | {name: up}) - loss(**given | {name: down})) / (2 * STEP)
    return slopes


def assert_close(found, expected):
    """Every entry, to the precision of the kernels."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=FLOAT32 * np.max(np.abs(expected), initial=0))


def assert_descends(gradient, learner, batch, held):
    """The gradient at the readout is that of the loss; every readout has one."""
    expected = central_differences(loss_of(learner, batch, held), parts_of(learner.network))
    assert np.all(np.any(expected["readout"] != 0, axis=0)) and np.all(expected["log_std"] != 0)
    for name, slope in expected.items():
        assert_close(gradient[name], slope)


def rolled_out(learner):
    """Roll out the first batch; its shards, and all that is recorded."""
    _, shards = zip(*learner._roll_out(learner.task), strict=True)
    return shards, batch_of(learner)


# Signs and units of theta


def dense(rows, n):
    """Weights by (source, delay, target) from the rows that the kernel reads."""
    found = np.zeros((len(rows.start) - 1, 6, n))
    np.add.at(found, (np.repeat(np.arange(len(found)), np.diff(rows.start)), *np.divmod(rows.offset, n)), rows.weight)
    return found


def kernel_weights(network):
    """All weights as the kernel sees them, input cells first; float64, so that a difference keeps its digits."""
    weights = network.weights(np.float64)
    return np.concatenate([dense(rows, network.config.n_neurons) for rows in (weights.inputs, weights.recurrent)])


def effect_and_sign(network):
    """dw/dtheta of each synapse: b0 / (1 - alpha) of its target, times its sign where signs are fixed."""
    alpha = np.exp(-1 / network.tau_m_ms[network.synapses.target])
    effect = network.config.b0 / (1 - alpha)
    return effect * network.synapses.sign if network.config.dale or network.config.rewire else effect


signs_and_delays = pytest.mark.parametrize(
    ("dale", "rewire"), [("true", "true"), ("false", "true"), ("true", "false"), ("false", "false")]
)


def wired(dale, rewire):
    """A learner of few input cells, delays of up to 5 ms and time constants that differ."""
    learner = learner_of(
        *DALE, f"network.dale={dale}", f"network.rewire={rewire}", "network.tau_m_min_ms=10",
        "task.encoder.grid_side=2", "task.encoder.reward_cells=2", "task.encoder.wall_cells=1",
    )  # fmt: skip
    assert set(learner.network.synapses.delay) == {1, 2, 3, 4, 5}
    return learner


@signs_and_delays
def test_theta_of_a_synapse_moves_its_own_weight_by_effect_and_sign(dale, rewire):
    """Theta of each synapse up by 0.5: the weights of the kernel before and after, everywhere."""
    network = wired(dale, rewire).network
    before, s, slopes = kernel_weights(network), network.synapses, effect_and_sign(network)
    assert np.any(slopes < 0) == network.config.signed and np.any(s.source >= network.n_in)
    for k in range(len(s.theta)):
        theta = s.theta.copy()
        theta[k] += 0.5
        network.synapses = s._replace(theta=theta)
        change = kernel_weights(network) - before
        assert np.argwhere(change).tolist() == [[s.source[k], s.delay[k], s.target[k]]]
        assert change[s.source[k], s.delay[k], s.target[k]] == pytest.approx(0.5 * slopes[k], rel=1e-9)


@signs_and_delays
def test_gradient_of_weights_becomes_that_of_theta_by_effect_and_sign(dale, rewire):
    """dL/dw = 1, 2, 3, .. over the synapses in their order; lanes of readout and bias add up."""
    learner = wired(dale, rewire)
    network, cut = learner.network, learner.network.n_input_synapses
    by_weight = np.arange(1.0, len(network.synapses.theta) + 1)
    by_readout, by_bias = np.arange(16 * 3 * 8.0).reshape(16, 3, 8), np.arange(24.0).reshape(3, 8)
    parts = (part.astype(np.float32) for part in (by_weight[:cut], by_weight[cut:], by_readout, by_bias))
    found = by_what_learns(network, Gradient(*parts, *(np.zeros((0, 8)),) * 2, np.zeros(1)))
    np.testing.assert_allclose(found["theta"], by_weight * effect_and_sign(network), rtol=1e-9)
    np.testing.assert_array_equal(found["readout"][0], [28, 92, 156])  # 0 + .. + 7, 8 + .. + 15, 16 + .. + 23
    np.testing.assert_array_equal(found["readout"], by_readout.sum(axis=2))
    np.testing.assert_array_equal(found["bias"], [28, 92, 156])
    assert set(found) == {"theta", "readout", "bias"}


# The batch's loss at the readout

CASES = {
    "spread learnt": (*FREE, *TERMS, "learning.hold_ms=1"),
    "spread read out": (*FREE, *TERMS, "learning.hold_ms=1", READ_OUT),
    "spread learnt, noise held": (*DALE, *TERMS, "learning.hold_ms=8"),
    "spread read out, noise held": (*DALE, *TERMS, "learning.hold_ms=8", READ_OUT),
    "mean bounded": (*FREE, *TERMS, "learning.mean_norm=0.5", READ_OUT),
}
CLASSES = (*OTHER_TASK, "task.token_ms=10", "task.answer_ms=4", "network.input_gain=3")


@pytest.mark.parametrize("name", CASES)
def test_all_terms_at_the_readout_equal_central_differences(name):
    """The maze by reward: policy, value, entropy and auxiliary target, with visits, rests and both blocks."""
    learner = learner_of(*CASES[name])
    shards, batch = rolled_out(learner)
    assert_close(batch.y, outputs(batch, learner.network.readout, learner.network.bias))
    assert batch.reward.max() > 0.5 and not batch.acted.all() and batch.target_weight.any()
    assert_descends(learner._gradient(shards), learner, batch, held_of(learner, batch))


@pytest.mark.parametrize("hold", [1, 8])
def test_noise_is_held_for_so_many_steps(hold):
    """What the cases above rest on: the noise in units of the spread stays the same within a hold, and only there."""
    learner = learner_of(*FREE, *TERMS, f"learning.hold_ms={hold}", READ_OUT)
    _, batch = rolled_out(learner)
    noise = (batch.action - batch.y[:, ACTION]) / np.exp(
        whole_log_std(batch.y, learner.network, learner.network.log_std)
    )
    same = np.all(np.abs(np.diff(noise, axis=0)) < 1e-4, axis=(1, 2))
    np.testing.assert_array_equal(same, np.arange(1, len(noise)) % hold != 0)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("bandit", (*OTHER_TASK, "task.trials=6", "task.trial_ms=10", "learning.auxiliary_weight=0.4")),
        ("bandit", (*OTHER_TASK, "task.trials=6", "task.trial_ms=10", "learning.entropy_weight=0.3")),
        ("regression", (*OTHER_TASK, "task.samples=4", "task.sample_ms=20")),
        ("induction", (*OTHER_TASK, "task.token_ms=10", "task.answer_ms=4")),
    ],
)
def test_a_choice_and_a_supervised_answer_equal_central_differences(task, settings):
    """A categorical policy, which acts once a trial; and losses that are nothing but the target's, of both kinds."""
    learner = learner_of(*settings, task=task)
    shards, batch = rolled_out(learner)
    assert_descends(learner._gradient(shards), learner, batch, held_of(learner, batch))


def test_episodes_that_end_within_the_record_equal_central_differences():
    """Ends and pauses between episodes put into the record by hand."""
    learner, generator = learner_of(*FREE, *TERMS, READ_OUT), np.random.default_rng(2)
    rolled_out(learner)
    for block in learner.blocks:
        flags = generator.random((3, *block.trace.reward.shape)) < 0.05
        block.trace.terminated[:], block.trace.truncated[:], block.trace.between[:] = flags
        block.trace.acted[:] &= ~block.trace.between
    shards = [calls.summed_up(block, learner.network, learner.learning) for block in learner.blocks]
    batch = batch_of(learner)
    assert_descends(learner._gradient(shards), learner, batch, held_of(learner, batch))


@pytest.mark.parametrize("settings", [(), (READ_OUT,)], ids=["spread learnt", "spread read out"])
def test_a_later_epoch_equals_central_differences_of_the_clipped_objective(settings):
    """After a long step: new spikes, the likelihood of the first epoch, and some ratios beyond the clip."""
    learner = learner_of(*DALE, *TERMS, "learning.learning_rate=0.02", *settings)
    shards, first = rolled_out(learner)
    old = held_of(learner, first).log_likelihood
    learner._descend(learner._gradient(shards))
    shards = learner._replay()
    batch = batch_of(learner)
    held = held_of(learner, batch, old)
    y = outputs(batch, learner.network.readout, learner.network.bias)
    ratio = np.exp(log_likelihood_of(y, learner.network.log_std, batch, learner) - old)
    assert np.any(batch.spikes != first.spikes) and np.any(ratio > 1.2) and np.any(ratio < 0.8)
    assert 0.1 < np.mean(np.abs(ratio - 1) < 0.2)
    assert_descends(learner._gradient(shards), learner, batch, held)


# Term by term


def added_by(key, *settings):
    """What a weight of 1 in place of 0 adds to the gradient of one and the same roll-out; with the batch."""
    gradients = []
    for weight in (0, 1):
        learner = learner_of(*FREE, *TERMS, *settings, f"learning.{key}={weight}")
        shards, batch = rolled_out(learner)
        gradients.append(learner._gradient(shards))
    return {name: gradients[1][name] - gradients[0][name] for name in gradients[0]}, learner, batch


def test_the_entropy_bonus_widens_a_learnt_spread_at_a_steady_rate():
    """Entropy is the sum of log_std: a slope of -1, in every direction and whatever the batch."""
    added, *_ = added_by("entropy_weight")
    np.testing.assert_allclose(added["log_std"], [-1, -1], rtol=1e-12)
    for name in ("theta", "readout", "bias"):
        np.testing.assert_array_equal(added[name], 0)


def test_the_entropy_bonus_widens_a_spread_that_is_read_out_where_the_animal_acts():
    """By the same rate through the bias; through the readout by the mean filtered activity of the steps that count."""
    added, learner, batch = added_by("entropy_weight", READ_OUT)
    acted = batch.acted.copy()
    acted[-1] = False
    activity = np.sum(batch.trace * acted[:, None], axis=(0, 2)) / np.count_nonzero(acted)
    np.testing.assert_allclose(added["log_std"], [-1, -1], rtol=1e-12)
    assert_close(added["bias"], [0, 0, 0, -1, -1, 0, 0])
    nothing = np.zeros_like(activity)
    assert_close(added["readout"], -np.stack([nothing] * 3 + [activity] * 2 + [nothing] * 2, axis=1))


def test_the_value_weight_scales_half_the_squared_error_of_the_value():
    """All steps but the last count, over the number of those in which the animal acts; no other readout is moved."""
    added, learner, batch = added_by("value_weight")
    held = held_of(learner, batch)
    error = held.counted * (batch.y[:, VALUE] - held.value_target) / held.decisions
    assert_close(added["readout"][:, VALUE], np.einsum("tne,te->n", batch.trace, error))
    assert_close(added["bias"], [0, 0, np.sum(error), 0, 0])
    np.testing.assert_array_equal(np.delete(added["readout"], VALUE, axis=1), 0)


def test_the_auxiliary_weight_scales_the_squared_distance_to_the_target():
    """The two readouts that name the platform, in every step once it has been found; no other is moved."""
    added, learner, batch = added_by("auxiliary_weight")
    distance = batch.target_weight[:, None] * (batch.y[:, 3:] - batch.target)
    error = 2 * distance / held_of(learner, batch).decisions
    assert_close(added["readout"][:, 3:], np.einsum("tne,toe->no", batch.trace, error))
    assert_close(added["bias"], [0, 0, 0, *np.sum(error, axis=(0, 2))])
    np.testing.assert_array_equal(added["readout"][:, :3], 0)


def test_a_rate_term_moves_no_readout():
    """It depends on the spikes alone; what it does to theta is held against autodiff below."""
    added, *_ = added_by("rate_weight")
    assert np.any(added["theta"])
    for name in ("readout", "bias", "log_std"):
        np.testing.assert_array_equal(added[name], 0)


# All of it, down to theta, and a step


def slope_at_outputs(learner, batch):
    """dL/dy by central differences, (T, n_out, E): a step's output matters to that step alone."""
    network, held = learner.network, held_of(learner, batch)
    y = outputs(batch, network.readout, network.bias)
    slope = np.zeros_like(y)
    for o in range(network.n_out):
        aside = STEP * (np.arange(network.n_out) == o)[:, None]
        up, down = (sum(terms_of(y + a, network.log_std, batch, held, learner).values()) for a in (aside, -aside))
        slope[:, o] = (up - down) / (2 * STEP)
    return slope


def slope_at_spikes(learner, batch):
    """dL/dz of the rate term, rate_weight times the mean of ((rate - target) / target)^2; (N,).

    Half a spike more and half a spike less: exact, since the term is quadratic in the spikes.
    """
    learning, seconds = learner.learning, batch.reward.size / 1000

    def loss(spikes):
        return learning.rate_weight * ((spikes / seconds / learning.rate_target_hz - 1) ** 2) / len(spikes)

    count = batch.spikes.sum(axis=(0, 2))
    return loss(count + 0.5) - loss(count - 0.5)


@cache
def by_autodiff(settings, task="water-maze"):
    """dL/dw of each synapse and dL/d readout and bias, from an autodiff of the same graph in float64."""
    learner = learner_of(*settings, task=task)
    _, batch = rolled_out(learner)
    network, s = learner.network, learner.network.synapses
    c, cut, kappa = network.config, network.n_input_synapses, np.exp(-1 / network.config.tau_out_ms)
    ones, weight = np.ones(c.n_neurons), s.theta * effect_and_sign(network)
    neurons = autodiff.Neurons(
        np.exp(-1 / network.tau_m_ms), np.exp(-1 / c.tau_a_ms) * ones, kappa, c.b0 * ones, network.beta,
        c.refractory_ms * ones, c.surrogate_gamma,
    )  # fmt: skip
    found = autodiff.gradients(
        batch.input_spikes.transpose(0, 2, 1), (s.source[:cut], s.target[:cut], s.delay[:cut], weight[:cut]),
        (s.source[cut:] - network.n_in, s.target[cut:], s.delay[cut:], weight[cut:]), network.readout / (1 - kappa),
        network.bias, neurons, slope_at_outputs(learner, batch).transpose(0, 2, 1), slope_at_spikes(learner, batch),
    )  # fmt: skip
    np.testing.assert_array_equal(found["z"].transpose(0, 2, 1), batch.spikes)
    return np.concatenate([found["input"], found["recurrent"]]), found["W_out"] / (1 - kappa), found["bias"]


@pytest.mark.parametrize(
    ("settings", "task"),
    [
        (CASES["spread learnt"], "water-maze"),
        (CASES["spread read out, noise held"], "water-maze"),
        (CLASSES, "induction"),
    ],
    ids=["spread learnt", "spread read out, noise held", "classes"],
)
def test_the_whole_descended_gradient_equals_autodiff(settings, task):
    """Free signs, and Dale's law with DEEP R; theta by way of sign and effect. Rewards, and cross-entropy."""
    by_weight, by_readout, by_bias = by_autodiff(settings, task)
    learner = learner_of(*settings, task=task)
    found = learner._gradient(rolled_out(learner)[0])
    cut = learner.network.n_input_synapses
    by_theta = by_weight * effect_and_sign(learner.network)
    for part in (slice(0, cut), slice(cut, None)):
        assert np.mean(by_theta[part] != 0) > 0.5
        assert_close(found["theta"][part], by_theta[part])
    assert_close(found["readout"], by_readout)
    assert_close(found["bias"], by_bias)


@pytest.mark.parametrize("name", ["spread learnt, noise held", "spread read out, noise held"])
def test_a_small_step_lowers_the_loss_part_by_part(name):
    """Dale's law and DEEP R. The first step of Adam has one length everywhere: the loss falls by that times sum |g|."""
    rate = 1e-6
    learner = learner_of(*CASES[name], f"learning.learning_rate={rate}")
    shards, batch = rolled_out(learner)
    gradient, loss = learner._gradient(shards), loss_of(learner, batch, held_of(learner, batch))
    before = parts_of(learner.network)
    learner._descend(gradient)
    after = parts_of(learner.network)
    for part in before:
        fall = loss(**before) - loss(**before | {part: after[part]})
        assert fall == pytest.approx(rate * np.sum(np.abs(gradient[part])), rel=1e-3) and fall > 0


def test_a_small_step_of_theta_moves_the_weights_of_the_kernel_down_the_slope():
    """Dale's law and DEEP R, no synapse going dormant: the change of the weights times dL/dw, from autodiff."""
    name, rate = "spread read out, noise held", 1e-6
    learner = learner_of(*CASES[name], f"learning.learning_rate={rate}")
    before, s = kernel_weights(learner.network), learner.network.synapses
    learner._descend(learner._gradient(rolled_out(learner)[0]))
    np.testing.assert_array_equal(learner.network.synapses.source, s.source)
    change = (kernel_weights(learner.network) - before)[s.source, s.delay, s.target]
    by_weight, *_ = by_autodiff(CASES[name])
    fall = rate * np.sum(np.abs(by_weight * effect_and_sign(learner.network)))
    assert -np.sum(change * by_weight) == pytest.approx(fall, rel=1e-3)
