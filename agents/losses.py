"""What an agent minimises: the losses of `lsnn.learning.ppo` at its readout, for JAX to differentiate.

Arrays are (E, N, ...): E episodes of N decisions. A mean is a sum over decisions divided by `count`: the number of
those in which an animal acted or, where no action is learnt, the weight of the targets.
"""

from typing import NamedTuple

import agents.backend  # noqa: F401  # isort: skip
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from agents.config import AgentExperiment
from agents.networks import Agent
from agents.playing import Episodes
from lsnn.learning.config import LearningConfig, outputs_of
from lsnn.learning.returns import advantages
from lsnn.task import Task

LEAST_VARIANCE, LEAST_LENGTH = 1e-12, 1e-12


class Batch(NamedTuple):
    """What the loss is of, single precision.

    Args:
        inputs: (E, N, n_inputs). action: (E, N - 1, A). advantage: (E, N - 1), normalised, 0 where nothing was decided.
        value_target: (E, N - 1). acted: (E, N - 1), 1 where an action mattered. old: (E, N - 1), log-likelihood of the
        actions when they were chosen. target: (E, N, K). target_weight: (E, N). count: see above.
    """

    inputs: Array
    action: Array
    advantage: Array
    value_target: Array
    acted: Array
    old: Array
    target: Array
    target_weight: Array
    count: Array


class Columns:
    """Where the readouts of a task are."""

    def __init__(self, task: Task, learning: LearningConfig) -> None:
        ends, first = {}, 0
        for name, width in outputs_of(task, learning).items():
            ends[name] = slice(first, first + width)
            first += width
        self.of = ends

    def __contains__(self, name: str) -> bool:
        return name in self.of

    def __getitem__(self, name: str) -> slice:
        return self.of[name]


def decision_returns(experiment: AgentExperiment, run: Episodes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each decision (E, N): what it earned, discounted by the step, whether it mattered, whether it ended all.

    What is earned after a terminal step is none of its decision's.
    """
    k, n, discount = experiment.decision_ms, experiment.decisions, experiment.learning.discount
    missing = ((0, 0), (0, n * k - run.reward.shape[1]))
    reward, acted, terminated = (
        np.pad(array, missing).reshape(len(array), n, k) for array in (run.reward, run.acted, run.terminated)
    )
    ends: np.ndarray = np.cumsum(terminated, axis=2)
    over = ends > terminated
    earned = np.where(over, 0.0, reward) @ discount ** np.arange(k)
    return earned, np.any(acted, axis=2), np.any(terminated, axis=2)


def advantages_of(experiment: AgentExperiment, run: Episodes, value: np.ndarray) -> np.ndarray:
    """Generalised advantages (E, N - 1) of all decisions but the last, whose value (of (E, N)) is the bootstrap."""
    learning, k = experiment.learning, experiment.decision_ms
    earned, _, terminated = decision_returns(experiment, run)
    v = np.ascontiguousarray(value.T, float)
    r, ended = np.ascontiguousarray(earned.T[:-1]), np.ascontiguousarray(terminated.T[:-1])
    lasting = learning.discount**k, learning.gae_lambda**k
    return advantages(r, v[:-1], ended, np.zeros_like(ended), v[-1], *lasting).T


def batch_of(experiment: AgentExperiment, run: Episodes, readout: np.ndarray, old: np.ndarray | None) -> Batch:
    """What is minimised, from episodes and the readouts (E, N, n_out) of them under the present weights.

    Args:
        old: (E, N - 1) log-likelihoods of the actions when they were chosen; None = now.
    """
    task, learning = experiment.task, experiment.learning
    columns, shape = Columns(task, learning), (len(readout), experiment.decisions - 1)
    advantage, value_target, acted = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    count = float(run.target_weight.sum())
    if "value" in columns:
        value = readout[..., columns["value"].start].astype(float)
        found = advantages_of(experiment, run, value)
        acted = decision_returns(experiment, run)[1][:, :-1].astype(float)
        count = float(acted.sum())
        advantage, value_target = normalised(found, acted, count), found + value[:, :-1]
    arrays = (
        run.inputs, run.action[:, :-1], advantage, value_target, acted, np.zeros(shape) if old is None else old,
        run.target, run.target_weight, max(count, 1.0),
    )  # fmt: skip
    return Batch(*(jnp.asarray(array, jnp.float32) for array in arrays))


def normalised(advantage: np.ndarray, acted: np.ndarray, count: float) -> np.ndarray:
    """Advantages with mean 0 and variance 1 over the decisions that mattered, 0 in others."""
    n = max(count, 1.0)
    mean = float((advantage * acted).sum()) / n
    variance = float((advantage**2 * acted).sum()) / n - mean**2
    return (advantage - mean) / np.sqrt(max(variance, LEAST_VARIANCE)) * acted


def bounded(y: Array, norm: float) -> Array:
    """Means (..., A) longer than `norm` scaled back to it; 0 = as they are."""
    if norm == 0:
        return y
    squared = jnp.sum(y * y, axis=-1, keepdims=True)
    return y * jnp.minimum(1.0, norm / jnp.sqrt(jnp.maximum(squared, LEAST_LENGTH)))


def log_likelihood(agent: Agent, y: Array, action: Array, task: Task, learning: LearningConfig) -> tuple[Array, Array]:
    """Of actions (..., A) under readouts (..., n_out): log p, and the part of the entropy that weights can change."""
    columns = Columns(task, learning)
    if task.action_kind == "categorical":
        log_p = jax.nn.log_softmax(y[..., columns["action"]])
        chosen = jnp.take_along_axis(log_p, action[..., :1].astype(jnp.int32), axis=-1)[..., 0]
        return chosen, -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
    mean, log_std = bounded(y[..., columns["action"]], learning.mean_norm), agent.log_std
    if "spread" in columns:
        log_std = log_std + y[..., columns["spread"]]
    log_std = jnp.broadcast_to(log_std, mean.shape)
    z = (action - mean) * jnp.exp(-log_std)
    return jnp.sum(-0.5 * z * z - log_std - 0.5 * np.log(2 * np.pi), axis=-1), jnp.sum(log_std, axis=-1)


def loss_of(
    agent: Agent, batch: Batch, experiment: AgentExperiment, target_weight: Array, first: bool
) -> tuple[Array, Array]:
    """The loss, and the log-likelihood of the actions, (E, N - 1).

    Args:
        target_weight: weight of the loss at the target.
        first: whether the actions were chosen under these very weights, so that the likelihood ratio is 1.
    """
    task, learning, y = experiment.task, experiment.learning, jax.vmap(agent.unroll)(batch.inputs)
    columns, total, chosen = Columns(task, learning), jnp.zeros((), jnp.float32), batch.old
    if "value" in columns:
        chosen, entropy = log_likelihood(agent, y[:, :-1], batch.action, task, learning)
        ratio = jnp.exp(chosen - (jax.lax.stop_gradient(chosen) if first else batch.old))
        held = jnp.clip(ratio, 1 - learning.clip, 1 + learning.clip)
        gain = jnp.minimum(ratio * batch.advantage, held * batch.advantage)
        error = y[:, :-1, columns["value"].start] - batch.value_target
        total += -jnp.sum(gain + learning.entropy_weight * batch.acted * entropy) / batch.count
        total += 0.5 * learning.value_weight * jnp.sum(error * error) / batch.count
    if "target" in columns:
        total += target_weight * taught(y[..., columns["target"]], batch, task.loss)
    return total, chosen


def taught(y: Array, batch: Batch, loss: str) -> Array:
    """Squared distance of the answers (E, N, K) to their targets or, of classes, the cross-entropy."""
    if loss == "class":
        each = -jnp.sum(batch.target * jax.nn.log_softmax(y), axis=-1)
    else:
        each = jnp.sum((y - batch.target) ** 2, axis=-1)
    return jnp.sum(batch.target_weight * each) / batch.count
