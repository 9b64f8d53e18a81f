"""Run the network that comes with the project on eight mazes it never met, its weights frozen."""

import numpy as np

from lsnn.blocks import Block
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.maze import PRETRAINED
from tasks.experiment import open_network


def main(duration_ms: int = 2000) -> np.ndarray:
    """Firing rates and rewards; returns the reward that each animal earned, (8,)."""
    file, experiment = open_network(PRETRAINED)
    network, task = file.network, experiment.task
    block = Block(task, network, steps=duration_ms)  # eight episodes side by side
    block.begin(task, episode_keys(seed=0, branch=TEST_BRANCH, iteration=0, count=8))
    block.roll_out(network.weights(), np.full(task.n_action, -np.inf))  # the policy's mean acts, without noise
    spikes = np.unpackbits(block.record.spikes[..., None], axis=-1, bitorder="little")  # (ms, neuron, episode)
    for name, code in (("without adaptation", 0), ("adaptive", 2)):
        print(f"{name}: {1000 * spikes[:, network.population() == code].mean():.1f} Hz")
    reward = block.trace.reward.sum(axis=0)
    print("reward of each animal:", reward.round(1))
    return reward


if __name__ == "__main__":
    main()
