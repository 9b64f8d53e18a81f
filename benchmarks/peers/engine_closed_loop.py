"""This engine with the network acting on the water maze: one block of eight animals, and all blocks on two threads."""

from collections.abc import Callable

import numpy as np

from benchmarks.peers.engine import TASK, network_of
from benchmarks.peers.problem import LANES, Problem, episodes_apart
from lsnn.blocks import Block, Threads
from lsnn.seeds import TEST_BRANCH, episode_keys

LOG_STD = np.log([0.6, 0.6])


class ClosedLoop:
    """Blocks of animals, each in a maze of its own."""

    def __init__(self, problem: Problem, dtype, blocks: int, threads: int):
        self.network, self.threads = network_of(problem), Threads(threads)
        self.weights = self.network.weights(dtype)
        self.keys = episode_keys(0, TEST_BRANCH, 1, blocks * LANES).reshape(-1, LANES)
        self.blocks = [Block(TASK, self.network, problem.steps, dtype=dtype) for _ in range(blocks)]
        self.facts = {"animal_ms": float(blocks * LANES * problem.steps)}

    def forward(self) -> None:
        """All episodes from rest."""

        def run(block: Block, keys: np.ndarray) -> None:
            block.begin(TASK, keys)
            block.roll_out(self.weights, LOG_STD)

        self.threads.map(run, self.blocks, list(self.keys))

    def gradient(self) -> None:
        """Not asked for here."""

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        self.forward()
        return episodes_apart(np.stack([block.record.spikes for block in self.blocks]))


def models(problem: Problem, dtype) -> dict[str, Callable[[], ClosedLoop]]:
    """One block on one thread, of which one animal may be all that is wanted; all blocks on two threads."""
    return {
        "one_block": lambda: ClosedLoop(problem, dtype, 1, 1),
        "all_blocks": lambda: ClosedLoop(problem, dtype, len(problem.input_bits), 2),
    }
