"""The conditions of a frozen network's test, and its roll-outs under them, for a task of any family."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lsnn.blocks import Block, Threads
from lsnn.errors import InputError
from lsnn.files.network_file import NetworkFile
from lsnn.gym_blocks import silence
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.meta import new_network
from lsnn.network import Network
from lsnn.seeds import TEST_BRANCH, episode_keys
from tasks.experiment import Experiment


class Condition(NamedTuple):
    """How a network is tested."""

    label: str
    trained: bool = True
    sampled: bool = False  # actions drawn from the policy, not its mean (or its most likely choice)
    reset: bool = False  # the whole state is zeroed whenever the family's count of trials changes

    @property
    def role(self) -> str:
        """What a page takes it for: the network itself, or a control."""
        return "network" if self.trained and not self.reset else "control"


NETWORKS = {
    "frozen": Condition("frozen network"),
    "frozen_sampled": Condition("frozen, sampled actions", sampled=True),
    "state_reset": Condition("frozen, state reset", reset=True),
    "untrained": Condition("untrained network", trained=False),
}


class Session(NamedTuple):
    """What is tested, on which episodes, by how many threads; recordings are kept of the first `recorded` episodes."""

    file: NetworkFile
    experiment: Experiment
    keys: np.ndarray  # (episodes,) uint64
    recorded: int
    threads: Threads

    @property
    def task(self) -> Any:
        """The task in its full difficulty."""
        return self.experiment.task

    def network_of(self, name: str) -> Network:
        """The network of a condition: the frozen one, or as it was before its first iteration."""
        if NETWORKS[name].trained:
            return self.file.network
        experiment = self.experiment
        return new_network(experiment.task, experiment.network, experiment.learning, self.file.seed)


def chosen_conditions(names: Sequence[str], task: Any) -> list[str]:
    """The networks' conditions asked for, all if none is; InputError for an unknown one. Baselines always run."""
    own = task.family.network_conditions(task)
    known = (*own, *task.family.baselines_of(task))
    for name in names:
        if name not in known:
            raise InputError(f"--condition must be one of {', '.join(known)}, got {name!r}")
    return [name for name in own if not names or name in names]


def keys_of_test(seed: int, episodes: int) -> np.ndarray:
    """Keys of the test's episodes, (episodes,) uint64: a branch that meta-training never uses."""
    return episode_keys(seed, TEST_BRANCH, 0, episodes)


def policy_of(session: Session, network: Network, condition: Condition) -> dict[str, Any]:
    """How `Block.roll_out` draws actions: the policy as it was trained, or its mean (or most likely choice) alone."""
    learning = session.experiment.learning
    log_std = network.log_std if len(network.log_std) else np.zeros(1)
    if not condition.sampled:
        return {"log_std": np.full_like(log_std, -np.inf), "hold": learning.hold_ms, "mean_norm": np.inf}
    return {"log_std": log_std, "hold": learning.hold_ms, "mean_norm": learning.mean_norm or np.inf}


def padded(keys: np.ndarray) -> list[np.ndarray]:
    """The keys in blocks of eight, the last filled up with its last key."""
    fill = np.repeat(keys[-1:], -len(keys) % LANES)
    return list(np.concatenate([keys, fill]).reshape(-1, LANES))


def roll_out(block: Block, session: Session, network: Network, weights: Weights, condition: Condition) -> None:
    """Roll out one block of episodes that has begun."""
    policy = policy_of(session, network, condition)
    if condition.reset:
        roll_out_with_resets(block, session.task, weights, **policy)
    else:
        block.roll_out(weights, **policy)


def roll_out_with_resets(block: Block, task: Any, weights: Weights, log_std: np.ndarray, **policy: Any) -> None:
    """To the end of the block; a network's state is zeroed whenever its count of trials changes."""
    family = task.family
    while block.t < block.steps:
        before = block.task_state[:, family.trial_counter].copy()
        steps = 1 if family.steps_to_trial is None else int(family.steps_to_trial(task, block.task_state).min())
        block.roll_out(weights, log_std, min(steps, block.steps - block.t), **policy)
        silence(block.state, block.task_state[:, family.trial_counter] != before)


def roll_outs(
    session: Session, name: str, keys: np.ndarray, network: Network, weights: Weights
) -> Iterator[tuple[int, Block]]:
    """Run the episodes of these keys (E,) under a condition, in order.

    Yields:
        the number of a block's first episode and the block; lanes beyond the last episode are padding.
    """
    condition, task = NETWORKS[name], session.task
    count, steps = session.threads.count, task.duration_ms
    blocks = [Block(task, network, steps, keep_states=True, finite=True) for _ in range(count)]

    def run(block: Block, part: np.ndarray) -> None:
        block.begin(task, part)
        roll_out(block, session, network, weights, condition)

    for first in range(0, len(keys), LANES * len(blocks)):
        parts = padded(keys[first : first + LANES * len(blocks)])
        session.threads.map(run, blocks[: len(parts)], parts)
        for number, block in enumerate(blocks[: len(parts)]):
            yield first + LANES * number, block
