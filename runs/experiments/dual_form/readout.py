"""A linear readout trained by gradient descent, and the same readout as attention over the examples it was trained on.

With features x, errors e and a rate eta, every example n of a step adds e_n x_n^T to the weights, e_n being minus the
rate times the loss's slope at the readout. So after all steps, for any query q (Irie, Csordas & Schmidhuber 2022),

    W q = W_0 q + sum_n e_n (x_n . q)

which is attention without a softmax: keys x_n, values e_n, n over every presentation of every example.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from lsnn.simulation.frozen import FrozenNetwork


class Training(NamedTuple):
    """A training of S steps with B examples a step, in the order of presentations, S B of them."""

    first: np.ndarray  # W_0, (features, classes)
    last: np.ndarray  # W, (features, classes)
    example: np.ndarray  # that was presented, (presentations,)
    error: np.ndarray  # e_n, (presentations, classes)


def filtered_spikes(network: FrozenNetwork, spikes: np.ndarray) -> np.ndarray:
    """What a readout weighs: spikes of each neuron as its low-pass filter leaves them, mean over a sample, and a 1.

    Args:
        spikes: of the input, (samples, steps, cells).

    Returns:
        (samples, neurons + 1); times the rows of `weights_of` it is the mean of the network's readout.
    """
    own = network.network
    every = replace(
        own, readout=np.eye(len(own.readout)), bias=np.zeros(len(own.readout)), outputs={"neurons": len(own.readout)}
    )
    filtered = FrozenNetwork(every)(spikes).values.mean(axis=1, dtype=float)
    return np.concatenate([filtered, np.ones((len(filtered), 1))], axis=1)


def weights_of(network: FrozenNetwork) -> np.ndarray:
    """Weights and bias of the network's readout, (neurons + 1, outputs)."""
    return np.concatenate([network.network.readout, network.network.bias[None]])


def train(
    features: np.ndarray, labels: np.ndarray, first: np.ndarray, rate: float, epochs: int, batch: int,
    generator: np.random.Generator,
) -> Training:  # fmt: skip
    """Plain gradient descent on the cross-entropy of a softmax, mean over a batch; features (n, f), labels (n,)."""
    weights, right = first.copy(), np.eye(first.shape[1])[labels]
    examples, errors = [], []
    for _ in range(epochs):
        order = generator.permutation(len(labels))
        for chosen in np.split(order, range(batch, len(order), batch)):
            slope = softmax(features[chosen] @ weights, axis=1) - right[chosen]
            error = -rate / len(chosen) * slope
            weights += features[chosen].T @ error
            examples.append(chosen)
            errors.append(error)
    return Training(first, weights, np.concatenate(examples), np.concatenate(errors))


def attended(training: Training, features: np.ndarray, queries: np.ndarray, piece: int = 2000) -> np.ndarray:
    """W_0 q + sum_n e_n (x_n . q), presentation by presentation: queries (m, f) to (m, classes)."""
    found = queries @ training.first
    for first in range(0, len(training.example), piece):
        part = slice(first, first + piece)
        found += (queries @ features[training.example[part]].T) @ training.error[part]
    return found


def values_of(training: Training, examples: int) -> np.ndarray:
    """The values of each example, summed over its presentations, (examples, classes)."""
    found = np.zeros((examples, training.error.shape[1]))
    np.add.at(found, training.example, training.error)
    return found
