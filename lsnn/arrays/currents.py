"""Inputs that are numbers, not spikes: what they send through the input weights, and the gradients of both.

I[t]_j = sum_i W[i,j] x[t - d_ij]_i for any x; spikes are the case of zeros and ones. The kernels take what is under way
from the delay ring, and leave dL/dI in the ring of the adjoint. A ring as long as the sample never comes round, so all
inputs can be put into it beforehand, and all of dL/dI stands in it afterwards.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from lsnn.kernels.layout import Rows
from lsnn.kernels.simd import LANES

LARGEST_PIECE = 2**23  # numbers in an array on the way


class Paths:
    """The input weights as a matrix from cells to places in the delay ring, (n_in, ring N).

    Args:
        inputs: rows of the forward pass. n_neurons: N. ring: d_max + 1.
    """

    def __init__(self, inputs: Rows, n_neurons: int, ring: int) -> None:
        self.n_neurons, self.ring = n_neurons, ring
        self.source = np.repeat(np.arange(len(inputs.start) - 1), np.diff(inputs.start))
        self.delay, self.target = np.divmod(inputs.offset, n_neurons)
        shape = len(inputs.start) - 1, ring * n_neurons
        self.matrix = csr_matrix((inputs.weight, inputs.offset, inputs.start), shape=shape)

    def _pieces(self, steps: int) -> Iterator[slice]:
        length = max(1, LARGEST_PIECE // (self.ring * self.n_neurons * LANES))
        return (slice(first, min(first + length, steps)) for first in range(0, steps, length))

    def send(self, x: np.ndarray, pending: np.ndarray) -> None:
        """Add what inputs x (T, n_in, 8) send to what is under way, (T + ring or more rows, N, 8)."""
        for piece in self._pieces(len(x)):
            part = x[piece].transpose(1, 0, 2)
            sent = self.matrix.T @ part.reshape(len(part), -1)
            sent = sent.reshape(self.ring, self.n_neurons, -1, LANES).swapaxes(1, 2)
            for delay in range(1, self.ring):
                pending[piece.start + delay : piece.stop + delay] += sent[delay]

    def gradient_of_inputs(self, g_current: np.ndarray, steps: int) -> np.ndarray:
        """dL/dx (T, n_in, 8) of dL/dI, (T + ring or more rows, N, 8), zero from row T on."""
        found = np.empty((steps, self.matrix.shape[0], LANES), g_current.dtype)
        for piece in self._pieces(steps):
            later = [g_current[piece.start + delay : piece.stop + delay] for delay in range(self.ring)]
            reached = np.stack(later).swapaxes(1, 2).reshape(self.matrix.shape[1], -1)
            found[piece] = (self.matrix @ reached).reshape(-1, piece.stop - piece.start, LANES).swapaxes(0, 1)
        return found

    def gradient_of_weights(self, x: np.ndarray, g_current: np.ndarray) -> np.ndarray:
        """dL/dw of each input synapse (S_in,), in their order."""
        found = np.zeros(len(self.source), g_current.dtype)
        for delay in np.unique(self.delay):
            later = g_current[delay : delay + len(x)]
            dense = np.einsum("til,tjl->ij", x, later, optimize=True)
            chosen = self.delay == delay
            found[chosen] = dense[self.source[chosen], self.target[chosen]]
        return found
