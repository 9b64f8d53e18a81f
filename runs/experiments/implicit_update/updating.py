"""Answers and states of a network on given spikes, and a step of gradient descent on examples."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lsnn.arrays.blocks import ArrayBlock
from lsnn.arrays.spikes import eights
from lsnn.learning import descent
from lsnn.learning.optimiser import Arrays
from lsnn.network import Network

ALL, CORE = (
    ("theta", "readout", "bias"),
    ("theta",),
)  # what a step moves: all weights, or input and recurrent ones alone


class Answered(NamedTuple):
    """At the last step, of S streams."""

    answer: np.ndarray  # (S,)
    state: np.ndarray  # (S, N): filtered spikes, what the readout weighs


def showing(network: Network) -> Network:
    """The network with the readout of its answer, and beside it one for each neuron that shows its filtered spikes."""
    n = network.config.n_neurons
    readout = np.concatenate([network.readout[:, :1], np.eye(n)], axis=1)
    bias = np.concatenate([network.bias[:1], np.zeros(n)])
    return replace(network, readout=readout, bias=bias, outputs={"answer": 1, "neurons": n})


class Learner:
    """A network that shows its state, and blocks that it runs in, by the length of a stream."""

    def __init__(self, network: Network) -> None:
        self.network, self.blocks = showing(network), dict[int, ArrayBlock]()

    def _block(self, steps: int) -> ArrayBlock:
        if steps not in self.blocks:
            self.blocks[steps] = ArrayBlock(self.network, steps)
        return self.blocks[steps]

    def answered(self, spikes: np.ndarray, network: Network | None = None) -> Answered:
        """Under spikes (S, T, cells), from rest; network: with other weights."""
        weights, block = (network or self.network).weights(), self._block(spikes.shape[1])
        parts = [
            block.forward(weights, spikes[part])[-1, :, : len(part)].T.astype(float) for part in eights(len(spikes))
        ]
        y = np.concatenate(parts)
        return Answered(y[:, 0], y[:, 1:])

    def slope(self, spikes: np.ndarray, y: np.ndarray, answer_steps: int) -> Arrays:
        """Gradient of half the squared error of the answers, mean over examples and over the last steps.

        spikes: (K, T, cells), an example a stream; y: (K,).
        """
        weights, block = self.network.weights(), self._block(spikes.shape[1])
        none, found = np.zeros(self.network.config.n_neurons), list[Arrays]()
        for part in eights(len(y)):
            told = block.forward(weights, spikes[part])
            g_y = np.zeros(told.shape)
            apart = told[-answer_steps:, 0, : len(part)] - y[part]
            g_y[-answer_steps:, 0, : len(part)] = apart / (answer_steps * len(y))
            found.append(descent.by_what_learns(self.network, block.back(weights, g_y, none)))
        return {name: np.sum([each[name] for each in found], axis=0) for name in ALL}

    def stepped(self, slope: Arrays, rate: float, moved: tuple[str, ...] = ALL) -> Network:
        """The network after a step of some weights down the slope; weights of one sign stay at 0 or above."""
        arrays = descent.arrays_of(self.network)
        after = arrays | {name: arrays[name] - rate * slope[name] for name in moved}
        after["theta"] = np.where(self.network.one_sign(), np.maximum(after["theta"], 0.0), after["theta"])
        return descent.with_arrays(self.network, after)
