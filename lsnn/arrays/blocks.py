"""Eight samples of arrays side by side through a network, forwards and backwards."""

import numpy as np

from lsnn import forms
from lsnn.arrays.spikes import eights, packed
from lsnn.blocks import Threads, in_order_of_network
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import Gradient, Weights, adjoint_zeros, gradient_zeros, record_zeros, state_zeros
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.parameters import TAU_OUT, parameters_learnt
from lsnn.populations import cells_of
from lsnn.readout import gradient_of_kappa
from lsnn.validation import numbers_of, require_array, require_integer


class ArrayBlock:
    """Room for eight samples of some steps; the network starts from rest with each of them.

    Args:
        network: of which sizes and neuron models count. steps: of a sample.
    """

    def __init__(self, network: Network, steps: int) -> None:
        config = network.config
        require_integer("steps", steps, 1, 2**31)
        self.of_network = forms.sizes_of(network, np.float32)
        self.cells = cells_of(network.groups, config.dt_ms / 1000)
        self.fitting: Weights | None = None  # those looked at last
        self.passes = network_module(config.models)
        self.steps, self.gamma, self.detach = steps, config.surrogate_gamma, config.detach_reset
        self.sizes = config.n_neurons, network.n_slots, network.n_out, network.ring
        self.n_learnt = network.n_slots if any(model.learnt for model in config.models) else 0
        self.learns_kappa = TAU_OUT in parameters_learnt(config.learnt)
        n_neurons, n_slots, n_out, _ = self.sizes
        self.record = record_zeros(steps, n_neurons, n_slots, network.n_in, n_out)

    def forward(self, weights: Weights, spikes: np.ndarray) -> np.ndarray:
        """The readout (T, n_out, 8) under up to eight samples of input spikes, (n, T, n_in) bool.

        Raises:
            InputError: weights or spikes do not fit.
        """
        self._require_weights(weights)
        shape = (min(LANES, np.shape(spikes)[0] if np.ndim(spikes) else 0), *self.record.input_spikes.shape)
        require_array("spikes", spikes, shape, np.dtype(bool), written=False, in_rows=False)
        self.record.input_spikes[:] = packed(spikes)
        self.passes.replay(0, weights, state_zeros(*self.sizes), self.record)
        return self.record.y

    def _require_weights(self, weights: Weights) -> None:
        if weights is not self.fitting:
            forms.require_weights(weights, self.of_network, self.cells)
        frozen = not any(array.flags.writeable for part in weights for array in part)
        self.fitting = weights if frozen else None

    def back(self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray) -> Gradient:
        """The gradient of the last `forward`: g_y (T, n_out, 8) is dL/dy, g_z (N,) dL/dz of every spike.

        Raises:
            InputError: weights, g_y or g_z do not fit.
        """
        self._require_weights(weights)
        g_y = numbers_of("g_y", g_y, self.record.y.shape, np.float32)
        g_z = numbers_of("g_z", g_z, (self.sizes[0],), np.float32)
        gradient, adjoint = gradient_zeros(weights, self.n_learnt), adjoint_zeros(*self.sizes)
        gamma, through_reset = np.float32(self.gamma), np.float32(0.0 if self.detach else 1.0)
        self.passes.back(0, weights, self.record, g_y, g_z, gamma, through_reset, adjoint, gradient)
        if self.n_learnt:
            gradient.start[:] = adjoint.x
        if self.learns_kappa:
            readout, never = weights.readout, np.zeros((self.steps, LANES), bool)
            gradient.kappa[0] = gradient_of_kappa(float(readout.kappa[0]), readout.bias, g_y, self.record.y, never)
        return in_order_of_network(weights, gradient)


def outputs_of(network: Network, spikes: np.ndarray, threads: int = 1) -> np.ndarray:
    """The readout (samples, steps, outputs) under spikes (samples, steps, cells), from rest with each sample."""
    weights, parts = network.weights(), eights(len(spikes))
    crew = Threads(threads)
    blocks = [ArrayBlock(network, spikes.shape[1]) for _ in range(min(threads, len(parts)))]
    found = np.empty((*spikes.shape[:2], network.n_out), np.float32)

    def run(block: ArrayBlock, own: list[np.ndarray]) -> None:
        for part in own:
            found[part] = block.forward(weights, spikes[part]).transpose(2, 0, 1)[: len(part)]

    crew.map(run, blocks, [parts[i :: len(blocks)] for i in range(len(blocks))])
    return found
