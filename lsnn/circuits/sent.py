"""Inputs of a circuit that are numbers, not spikes: what they send through its synapses, and the gradients of both.

The kernels take what is under way from the delay ring, and leave dL/d(what arrives) in the ring of the adjoint. A ring
that is longer than the longest delay by a part of time holds all that arrives in and after this part at once.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from lsnn.kernels.layout import Rows
from lsnn.kernels.simd import LANES


class Sent:
    """The input synapses as a matrix for each delay, from cells to neurons, port by port.

    Args:
        inputs: rows of the forward pass. n_neurons: N. ring: steps of the ring. planes: P, ports.
    """

    def __init__(self, inputs: Rows, n_neurons: int, ring: int, planes: int) -> None:
        self.n_in, self.n_neurons, self.ring, self.planes = len(inputs.start) - 1, n_neurons, ring, planes
        self.source = np.repeat(np.arange(self.n_in), np.diff(inputs.start))
        row, neuron = np.divmod(inputs.offset.astype(np.int64), n_neurons)
        port, self.delay = np.divmod(row, 2 * ring)
        self.target = port * n_neurons + neuron
        self.weight = inputs.weight
        self.matrices = {int(delay): self._matrix(self.delay == delay) for delay in np.unique(self.delay)}

    def _matrix(self, chosen: np.ndarray) -> csr_matrix:
        places = self.source[chosen], self.target[chosen]
        return csr_matrix((self.weight[chosen], places), shape=(self.n_in, self.planes * self.n_neurons))

    def _later(self, ring: np.ndarray, first: int, steps: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each delay, the ring as (P, rows, N, 8), and the rows that some steps reach by it."""
        by_port = ring.reshape(self.planes, 2 * self.ring, self.n_neurons, LANES)
        for delay in self.matrices:
            yield delay, by_port, (first + delay + np.arange(steps)) % self.ring

    def send(self, x: np.ndarray, first: int, pending: np.ndarray) -> None:
        """Add what inputs x (T, n_in, 8) send from step `first` on to what is under way."""
        flat = x.transpose(1, 0, 2).reshape(self.n_in, -1)
        for delay, by_port, rows in self._later(pending, first, len(x)):
            sent = (self.matrices[delay].T @ flat).reshape(self.planes, self.n_neurons, len(x), LANES)
            by_port[:, rows] += sent.transpose(0, 2, 1, 3)

    def gradient_of_inputs(self, arrived: np.ndarray, first: int, steps: int) -> np.ndarray:
        """dL/dx (T, n_in, 8) of dL/d(what arrives)."""
        found = np.zeros((self.n_in, steps * LANES), arrived.dtype)
        for delay, by_port, rows in self._later(arrived, first, steps):
            reached = by_port[:, rows].transpose(0, 2, 1, 3).reshape(self.planes * self.n_neurons, -1)
            found += self.matrices[delay] @ reached
        return found.reshape(self.n_in, steps, LANES).swapaxes(0, 1)

    def gradient_of_weights(self, x: np.ndarray, arrived: np.ndarray, first: int) -> np.ndarray:
        """dL/dw of each input synapse (S_in,), in their order."""
        found = np.zeros(len(self.source), arrived.dtype)
        for delay, by_port, rows in self._later(arrived, first, len(x)):
            reached = by_port[:, rows].transpose(0, 2, 1, 3).reshape(self.planes * self.n_neurons, -1)
            dense = x.transpose(1, 0, 2).reshape(self.n_in, -1) @ reached.T
            chosen = self.delay == delay
            found[chosen] = dense[self.source[chosen], self.target[chosen]]
        return found
