"""The gradient of a shard: a block's roll-out and the statistics of the whole batch in, dL/d(weights) out.

A roll-out is a pure function of (weights, keys), its gradient one of (roll-out, batch statistics), so the same bits
come out wherever and in whatever order the shards of a batch are run (docs/design.md, section 4).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lsnn.blocks import Block
from lsnn.forms import LOSSES, require_same_network
from lsnn.kernels.layout import Gradient, Weights
from lsnn.kernels.simd import LANES
from lsnn.learning import ppo
from lsnn.learning.config import LearningConfig
from lsnn.learning.rates import rate_gradient, spike_counts
from lsnn.learning.returns import advantages
from lsnn.network import Network
from lsnn.task import Loss
from lsnn.validation import require, require_array, require_kind, require_number

LARGEST_ROOT = 1e150  # whose square is finite


class Prepared(NamedTuple):
    """What a shard tells the batch before its gradient."""

    advantage: np.ndarray | None  # (T - 1, 8); the record's last step serves as the bootstrap only
    decisions: float  # steps that count: those in which an action mattered, or the weight of the targets
    advantage_sum: float
    advantage_square: float
    spike_count: np.ndarray  # (N,)


class BatchStatistics(NamedTuple):
    """What a shard must know of all the others."""

    decisions: float
    advantage_mean: float
    advantage_std: float
    rate_hz: np.ndarray  # (N,)
    seconds: float  # simulated, over all episodes


class ShardGradient(NamedTuple):
    """dL of a shard, and the log-likelihood of its actions under the weights that chose them."""

    weights: Gradient
    log_std: np.ndarray  # (n_action,)
    log_likelihood: np.ndarray | None  # (T - 1, 8)


def prepare(block: Block, network: Network, learning: LearningConfig) -> Prepared:
    """Advantages and spike counts of a rolled-out block.

    Raises:
        InputError: the network is not like the one that the block was made for.
    """
    require_same_network(network, block.of_network)
    count, trace = spike_counts(block.record.spikes), block.trace
    if "value" not in network.outputs:
        return Prepared(None, float(np.sum(trace.target_weight)), 0.0, 0.0, count)
    value = block.record.y[:, network.columns("value").start].astype(float)
    a_t = advantages(
        trace.reward[:-1], value[:-1], trace.terminated[:-1], trace.truncated[:-1], value[-1],
        learning.discount, learning.gae_lambda,
    )  # fmt: skip
    a_t, acted = np.where(trace.between[:-1], 0.0, a_t), trace.acted[:-1]
    total, square = float(np.sum(a_t, where=acted)), float(np.sum(a_t * a_t, where=acted))
    return Prepared(a_t, float(np.count_nonzero(acted)), total, square, count)


def batch_statistics(shards: Sequence[Prepared], steps: int, dt_ms: float) -> BatchStatistics:
    """Statistics of the batch, added up in the order of the shards; steps: length of an episode."""
    seconds = len(shards) * LANES * steps * dt_ms / 1000
    n = max(sum(shard.decisions for shard in shards), 1.0)
    mean = sum(shard.advantage_sum for shard in shards) / n
    square = mean**2 if abs(mean) < LARGEST_ROOT else np.inf  # which the guards see in the gradient
    variance = sum(shard.advantage_square for shard in shards) / n - square
    rate_hz = np.sum([shard.spike_count for shard in shards], axis=0) / seconds
    return BatchStatistics(n, mean, float(np.sqrt(max(variance, 1e-12))), rate_hz, seconds)


def shard_gradient(
    block: Block,
    prepared: Prepared,
    old: np.ndarray | None,
    weights: Weights,
    statistics: BatchStatistics,
    network: Network,
    learning: LearningConfig,
    target_weight: float,
    loss: Loss = "target",
) -> ShardGradient:
    """The gradient of the batch's loss that comes through one block.

    Args:
        old: log-likelihood of the actions when they were chosen, (T - 1, 8); None in the first epoch, where the
            roll-out itself is the forward pass and the ratio is 1.
        target_weight: weight of the loss at the target (0: no such loss).
        loss: that of the task; "class": the cross-entropy of the target, else the squared distance to it.

    Raises:
        InputError: what was prepared, or the statistics, are not of such a block, or the network is not.
    """
    _require_fit(block, prepared, old, statistics, network, target_weight, loss)
    g_y = np.zeros_like(block.record.y)
    g_log_std, log_likelihood = np.zeros(len(network.log_std)), None
    if prepared.advantage is not None:
        g_log_std, log_likelihood = _policy_gradient(block, prepared.advantage, old, statistics, network, learning, g_y)
    if "target" in network.outputs and target_weight > 0:
        columns, target = network.columns("target"), block.trace.target.transpose(0, 2, 1)
        slope = ppo.class_gradient if loss == "class" else ppo.target_gradient
        g_y[:, columns] = slope(
            block.record.y[:, columns], target, block.trace.target_weight, target_weight, statistics.decisions
        )
    g_z = rate_gradient(statistics.rate_hz, learning.rate_target_hz, learning.rate_weight, statistics.seconds)
    g_z = np.where(network.sends(), 0.0, g_z)  # a neuron that sends numbers has no rate to be pulled
    c = network.config
    return ShardGradient(block.back(weights, g_y, g_z, c.surrogate_gamma, c.detach_reset), g_log_std, log_likelihood)


def _require_fit(block, prepared, old, statistics, network, target_weight, loss) -> None:
    require_same_network(network, block.of_network)
    require_kind("prepared", prepared, Prepared)
    require_kind("statistics", statistics, BatchStatistics)
    shape, number = (block.steps - 1, LANES), np.dtype(float)
    for name, array in (("prepared.advantage", prepared.advantage), ("old", old)):
        if array is not None:
            require_array(name, array, shape, number, written=False, in_rows=False)
    require_array("statistics.rate_hz", statistics.rate_hz, (block.of_network.n_neurons,), number, False, False)
    require_number("target_weight", target_weight, 0.0)
    require(loss in LOSSES, "loss", f"one of {LOSSES}", loss)


def _policy_gradient(block, a_t, old, statistics, network, learning, g_y):
    """Policy and value gradient, written into g_y (T, n_out, 8); returns those of the log std and the likelihood."""
    y, acted = _column_by_column(block.record.y[:-1]), block.trace.acted[:-1]
    value, columns = network.columns("value").start, network.columns("action")
    g_y[:-1, value] = ppo.value_gradient(y[:, value], a_t + y[:, value], learning.value_weight, statistics.decisions)
    action = _column_by_column(block.trace.action[:-1].transpose(0, 2, 1))
    log_std = _log_spread(y, network)
    if log_std is None:
        log_likelihood = ppo.categorical_log_likelihood(action[:, 0], y[:, columns])
        score = ppo.categorical_score(action[:, 0], y[:, columns])
    else:
        mean = ppo.bounded(y[:, columns], learning.mean_norm)
        log_likelihood = ppo.gaussian_log_likelihood(action, mean, log_std)
        score, score_spread = ppo.gaussian_score(action, mean, log_std)
        score = ppo.bounded_gradient(score, y[:, columns], learning.mean_norm)
    log_ratio = np.zeros_like(log_likelihood) if old is None else log_likelihood - old
    normalised = (a_t - statistics.advantage_mean) / statistics.advantage_std * acted
    weight = ppo.clipped_weight(log_ratio, normalised, learning.clip)[:, None] / statistics.decisions
    g_y[:-1, columns] = -weight * score
    chosen = log_likelihood if old is None else old
    bonus = learning.entropy_weight * acted[:, None] / statistics.decisions
    if log_std is None:
        if learning.entropy_weight > 0:
            g_y[:-1, columns] -= bonus * ppo.categorical_entropy_slope(y[:, columns])
        return np.zeros(0), chosen
    g_spread = -weight * score_spread - bonus
    if "spread" in network.outputs:
        g_y[:-1, network.columns("spread")] = g_spread
    return np.ascontiguousarray(g_spread).sum(axis=(0, 2)), chosen


def _column_by_column(values: np.ndarray) -> np.ndarray:
    """The values (T, n, 8) in double precision, a column's numbers side by side in memory, as all sums over columns
    and all results then are: half the time."""
    return np.ascontiguousarray(values.transpose(1, 0, 2), float).transpose(1, 0, 2)


def _log_spread(y: np.ndarray, network: Network) -> np.ndarray | None:
    """Log std of a Gaussian policy, (T, n_action, 8), or (1, n_action, 1) of all steps; None: a categorical one."""
    if len(network.log_std) == 0:
        return None
    log_std = network.log_std[None, :, None]
    return log_std + y[:, network.columns("spread")] if "spread" in network.outputs else log_std
