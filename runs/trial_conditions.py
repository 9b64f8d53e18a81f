"""What the tests of families with trials of one length share: roll-outs, with the state zeroed before each trial."""

from collections.abc import Iterator

import h5py

from lsnn.blocks import Block
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from runs.evaluate import Condition, Session, SpikeRecording, policy_of, roll_outs, zero_state
from runs.progress import Meter


def run_trials(
    block: Block, session: Session, network: Network, weights: Weights, condition: Condition
) -> None:
    """Roll out one block of episodes that has begun."""
    policy = policy_of(session, network, condition)
    if not condition.reset:
        block.roll_out(weights, **policy)
        return
    while block.t < block.steps:
        block.roll_out(weights, steps=min(session.task.trial_ms, block.steps - block.t), **policy)
        zero_state(block, slice(None))


def episodes_of(
    session: Session, group: h5py.Group, name: str, shown: Meter, done: float, share: float
) -> Iterator[tuple[int, int, Block]]:
    """Every episode under a condition: number of a block's first episode, how many of its lanes count, the block.

    `frozen` keeps the spikes of the episodes that are recorded.
    """
    recording = SpikeRecording(group, session.recorded) if name == "frozen" and session.recorded else None
    for first, block in roll_outs(session, group, name, run_trials, shown, done, share):
        if recording is not None:
            recording.write(block, first)
        yield first, min(LANES, len(session.keys) - first), block
    if recording is not None:
        recording.finish()
