"""What is asked of a block in an iteration, as functions that can be sent to wherever the block is.

Between calls a block keeps what the next one needs (`prepared`, `chosen`), so that only sums and gradients travel.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lsnn.blocks import Block
from lsnn.gym_blocks import block_for
from lsnn.kernels.layout import Weights, read_only
from lsnn.learning.config import LearningConfig
from lsnn.learning.shard import BatchStatistics, Prepared, ShardGradient, prepare, shard_gradient
from lsnn.network import Network
from lsnn.task import Loss, Task
from lsnn.validation import require
from lsnn.wiring import Synapses


class Rolled(NamedTuple):
    """What a roll-out shows: reward, acted (8, T); log_std (n_action,), the mean of what the readout adds.

    finite: whether no state variable is NaN or infinite at the end; a neuron whose v is NaN falls silent for good, and
    the gradient does not show it.
    """

    reward: np.ndarray
    acted: np.ndarray
    log_std: np.ndarray
    finite: bool = True


def bare(network: Network) -> Network:
    """The network without its synapses: what a block must know beside the weights, small enough to be sent."""
    return replace(network, synapses=Synapses(*(array[:0] for array in network.synapses)))


def make_block(task: Task, network: Network, segment: int) -> Block:
    """A block for whole episodes."""
    return block_for(task, network, task.duration_ms, segment=segment)


def rolled_and_summed_up(block: Block, keys: np.ndarray, learning: LearningConfig, **given) -> tuple[Rolled, Prepared]:
    """`roll_out` and `summed_up` in one message."""
    rolled = roll_out(block, keys, **given)
    return rolled, summed_up(block, given["network"], learning)


def replayed_and_summed_up(block: Block, weights: Weights, network: Network, learning: LearningConfig) -> Prepared:
    """`replay` and `summed_up` in one message."""
    replay(block, weights)
    return summed_up(block, network, learning)


def roll_out(
    block: Block, keys: np.ndarray, task: Task, weights: Weights, log_std: np.ndarray, hold: int, network: Network,
    mean_norm: float = np.inf,
) -> Rolled:  # fmt: skip
    """Roll out the episodes of these keys, (8,)."""
    block.begin(task, keys)
    block.roll_out(read_only(weights), log_std, hold=hold, mean_norm=mean_norm)
    block.chosen = None
    spread = np.zeros(0)
    if "spread" in network.outputs:
        spread = block.record.y[:, network.columns("spread")].mean(axis=(0, 2), dtype=float)
    finite = bool(np.isfinite(block.state.x).all())
    return Rolled(block.trace.reward.T.copy(), block.trace.acted.T.copy(), spread, finite)


def replay(block: Block, weights: Weights) -> None:
    """The same input spikes through other weights."""
    block.replay(read_only(weights))


def summed_up(block: Block, network: Network, learning: LearningConfig) -> Prepared:
    """What the batch has to know of a block; its advantages stay there."""
    block.prepared = prepare(block, network, learning)
    return block.prepared._replace(advantage=None)


def left_range(block: Block, weights: Weights, network: Network) -> tuple[int, str] | None:
    """Step and description of the first state variable, else readout, in the record that is NaN or infinite."""
    named = [network.variable_at(slot) is not None for slot in range(network.n_slots)]
    if found := block.first_not_finite(read_only(weights), np.array(named)):
        step, slot, value = found
        name, neuron = network.variable_at(slot) or ("", 0)
        population = network.config.population_names[network.population()[neuron]]
        return step, f"{name} of the {population} neurons (of neuron {neuron}) is {value} at step {step}"
    if len(bad := np.argwhere(~np.isfinite(block.record.y))):
        step, column, lane = bad[0]
        return int(step), f"readout {column} is {block.record.y[step, column, lane]} at step {step}"
    return None


def gradient(
    block: Block,
    weights: Weights,
    statistics: BatchStatistics,
    network: Network,
    learning: LearningConfig,
    target_weight: float,
    loss: Loss = "target",
) -> ShardGradient:
    """The gradient that comes through a block; the likelihood of its actions stays there for later epochs.

    Raises:
        InputError: the block has not been summed up.
    """
    require(block.prepared is not None, "a block", "summed up before its gradient is asked for", "one that is not")
    found = shard_gradient(
        block, block.prepared, block.chosen, read_only(weights), statistics, network, learning, target_weight, loss
    )
    block.chosen = found.log_likelihood
    return found._replace(log_likelihood=None)
