"""The test of a frozen network on episodes it never met (`lsnn test`); each family has conditions of its own."""

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn import store
from lsnn.blocks import Block, Threads
from lsnn.errors import InputError
from lsnn.files import NetworkFile, network_sha256, put_history
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.meta import new_network
from lsnn.network import Network
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.configuration import Experiment
from runs.progress import Meter, meter
from runs.result_file import SpikeWriter, put_network
from runs.train import load_compiled
from tasks import registry

RECORDED = 8


class Condition(NamedTuple):
    """How a network is tested."""

    trained: bool = True
    sampled: bool = False  # actions drawn from the policy, not its mean (or its most likely choice)
    reset: bool = False  # the whole state is zeroed before each trial


NETWORKS = {
    "frozen": Condition(),
    "frozen_sampled": Condition(sampled=True),
    "state_reset": Condition(reset=True),
    "untrained": Condition(trained=False),
}


class Session(NamedTuple):
    """What is tested, on which episodes, by how many threads; `recorded` episodes of `frozen` keep their spikes."""

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


def conditions_of(task: str) -> Any:
    """The module with CONDITIONS, YARDSTICKS, EPISODES and run_conditions of a family; InputError without one."""
    registry.family(task)
    own = "maze" if task == "water-maze" else task.replace("-", "_")
    return importlib.import_module(f"runs.{own}_conditions")


def chosen_conditions(names: Sequence[str], task: str = "water-maze") -> list[str]:
    """The networks' conditions asked for, all if none is; InputError for an unknown one. Yardsticks always run."""
    module = conditions_of(task)
    known = (*module.CONDITIONS, *module.YARDSTICKS)
    for name in names:
        if name not in known:
            raise InputError(f"--condition must be one of {', '.join(known)}, got {name!r}")
    return [name for name in module.CONDITIONS if not names or name in names]


def recorded_episodes(spikes: str) -> int:
    """How many episodes keep their spikes at most, of `--spikes all|N`; InputError for anything else."""
    if spikes == "all":
        return sys.maxsize
    with suppress(ValueError):
        if (count := int(spikes)) >= 0:
            return count
    raise InputError(f"--spikes must be 'all' or a number of episodes, got {spikes!r}")


def keys_of_test(seed: int, episodes: int) -> np.ndarray:
    """Keys of the test's episodes, (episodes,) uint64: a branch that meta-training never uses."""
    return episode_keys(seed, TEST_BRANCH, 0, episodes)


def run_test(
    path: Path, file: NetworkFile, experiment: Experiment, names: Sequence[str], seed: int, command: str,
    episodes: int | None = None, recorded: int = RECORDED, threads: int = 2, overwrite: bool = True,
) -> None:  # fmt: skip
    """Test a network under the named conditions, and every yardstick, on the same episodes; writes a result file.

    episodes: how many; None = as many as the family's test has.

    Raises:
        InputError: no place for the file, or it exists (unless `overwrite`). StoreError: it could not be written.
    """
    module = conditions_of(experiment.task.name)
    keys = keys_of_test(seed, episodes or module.EPISODES)
    session = Session(file, experiment, keys, min(recorded, len(keys)), Threads(threads))
    load_compiled(experiment, file.network)
    with store.write_atomically(path, overwrite) as result, meter() as shown:
        result.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command))
        result.attrs["frozen_sha256"] = network_sha256(file.network)
        result.attrs["network_command"] = file.command
        result.attrs["network_seed"] = file.seed
        put_network(result, file.network, experiment.task.encoder.channels)
        if file.history is not None:
            put_history(result, file.history)
        module.run_conditions(session, result, names, shown)


def roll_outs(
    session: Session,
    group: h5py.Group,
    name: str,
    roll_out: Callable[[Block, Session, Network, Weights, Condition], None],
    shown: Meter,
    done: float = 0.0,
    share: float = 1.0,
) -> Iterator[tuple[int, Block]]:
    """Run every episode under a condition, in order; the group gets the policy and the network's checksums.

    Yields:
        the number of a block's first episode and the block; lanes beyond the last episode are padding.
    """
    condition, network = NETWORKS[name], session.network_of(name)
    weights = network.weights()
    group.attrs["policy"] = "sampled" if condition.sampled else "mean"
    group.attrs["frozen_sha256_before"] = network_sha256(network, weights)
    task, total = session.task, len(session.keys)
    blocks = [Block(task, network, task.duration_ms, keep_states=True) for _ in range(session.threads.count)]
    batch = LANES * len(blocks)

    def run(block: Block, keys: np.ndarray) -> None:
        block.begin(task, keys)
        roll_out(block, session, network, weights, condition)

    for first in range(0, total, batch):
        keys = padded(session.keys[first : first + batch])
        session.threads.map(run, blocks[: len(keys)], keys)
        for number, block in enumerate(blocks[: len(keys)]):
            yield first + LANES * number, block
        ended = min(first + batch, total)
        shown.show(done + share * ended / total, f"{name}: {ended} of {total} episodes")
    group.attrs["frozen_sha256_after"] = network_sha256(network, weights)


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


def zero_state(block: Block, lanes: np.ndarray) -> None:
    """Take the network of these lanes, (8,) bool, back to silence."""
    for array in block.state:
        array[..., lanes] = 0


class SpikeRecording:
    """Spikes of network and input of the first episodes of a condition."""

    def __init__(self, group: h5py.Group, recorded: int):
        self.recorded = recorded
        self.spikes = SpikeWriter(group.create_group("spikes"), "neuron")
        self.inputs = SpikeWriter(group.create_group("input_spikes"), "input cell")

    def write(self, block: Block, first: int) -> None:
        """Keep what is wanted of a block whose first lane is episode `first`."""
        for lane in range(min(LANES, self.recorded - first)):
            for writer, bits in ((self.spikes, block.record.spikes), (self.inputs, block.record.input_spikes)):
                writer.write(first + lane, bits & np.uint8(1 << lane))

    def finish(self) -> None:
        """Write what is complete only at the end."""
        self.spikes.finish()
        self.inputs.finish()
