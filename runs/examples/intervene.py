"""Erase the adaptive thresholds of a frozen network in mid-episode: what does it cost in the same mazes?"""

import numpy as np

from lsnn.blocks import Block
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.maze import PRETRAINED
from tasks.experiment import open_network


def main(at_ms: int = 1000, watched_ms: int = 300) -> dict[str, float]:
    """Platform visits of eight animals in some time after the intervention, by what was done to them."""
    file, experiment = open_network(PRETRAINED)
    network, task = file.network, experiment.task
    keys = episode_keys(seed=0, branch=TEST_BRANCH, iteration=0, count=8)
    mean_acts, visits = np.full(task.n_action, -np.inf), {}
    for done in ("nothing", "b erased", "all erased"):
        block = Block(task, network, steps=at_ms + watched_ms)
        block.begin(task, keys)
        block.roll_out(network.weights(), mean_acts, steps=at_ms)
        if done != "nothing":  # rows of x: v of all neurons, then b of the adaptive ones
            block.state.x[0 if done == "all erased" else network.config.n_neurons :] = 0
        block.roll_out(network.weights(), mean_acts)  # to the end
        visits[done] = float(np.sum(block.trace.reward[at_ms:] > 0.5)) / 8  # (ms, episode): a visit earns 1
        print(f"{done}: {visits[done]:.1f} visits in the {watched_ms} ms after {at_ms} ms")
    return visits


if __name__ == "__main__":
    main()
