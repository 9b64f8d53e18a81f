"""Eight samples of arrays side by side through a network, forwards and backwards."""

from typing import Any

import numpy as np

from lsnn import forms
from lsnn.arrays.currents import Paths
from lsnn.arrays.spikes import packed
from lsnn.blocks import in_order_of_network
from lsnn.errors import InputError
from lsnn.forecast import require_memory
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import Gradient, State, Weights, adjoint_zeros, gradient_zeros, record_zeros, state_zeros
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.parameters import TAU_OUT, parameters_learnt
from lsnn.populations import cells_of
from lsnn.readout import gradient_of_kappa
from lsnn.validation import numbers_of, precision_of, require_array, require_integer


class ArrayBlock:
    """Room for eight samples of some steps; the network starts from rest with each of them.

    Args:
        network: of which sizes and neuron models count. steps: of a sample. dtype: float32 or float64.
        currents: whether inputs are numbers, not spikes.
        of_inputs: whether `back` also leaves `g_inputs`, dL/d(inputs), (T, n_in, 8).
    """

    def __init__(
        self, network: Network, steps: int, dtype: Any = np.float32, currents: bool = False, of_inputs: bool = False
    ) -> None:
        config = network.config
        require_integer("steps", steps, 1, 2**31)
        self.dtype, self.currents, self.of_inputs = precision_of(dtype).type, currents, of_inputs
        self.of_network = forms.sizes_of(network, self.dtype)
        self.cells = cells_of(network.groups, config.dt_ms / 1000)
        self.fitting: Weights | None = None  # those looked at last
        self.paths: Paths | None = None
        self.passes = network_module(config.models)
        self.steps, self.gamma, self.detach = steps, config.surrogate_gamma, config.detach_reset
        ring = network.ring + steps if currents or of_inputs else network.ring
        self.sizes = config.n_neurons, network.n_slots, network.n_out, ring
        self.n_learnt = network.n_slots if any(model.learnt for model in config.models) else 0
        self.learns_kappa = TAU_OUT in parameters_learnt(config.learnt)
        n_neurons, n_slots, n_out, _ = self.sizes
        self.record = record_zeros(steps, n_neurons, n_slots, network.n_in, n_out, self.dtype)
        self.inputs = np.zeros((steps if currents else 0, network.n_in, LANES), self.dtype)
        self.g_inputs = np.zeros((0, network.n_in, LANES), self.dtype)

    def forward(self, weights: Weights, inputs: np.ndarray) -> np.ndarray:
        """The readout (T, n_out, 8) under up to eight samples of inputs (n, T, n_in): bool, or float32 for currents.

        Raises:
            InputError: weights or inputs do not fit.
        """
        self._require_weights(weights)
        shape = (min(LANES, np.shape(inputs)[0] if np.ndim(inputs) else 0), *self.record.input_spikes.shape)
        kind = np.dtype(np.float32 if self.currents else bool)
        if self.currents and self.dtype == np.float64:
            kind = np.dtype(np.float64)
        require_array("inputs", inputs, shape, kind, written=False, in_rows=False)
        state = state_zeros(*self.sizes, self.dtype)
        if self.currents:
            self._send(weights, inputs, state)
        else:
            self.record.input_spikes[:] = packed(inputs)
        self.passes.replay(0, weights, state, self.record)
        return self.record.y

    def _send(self, weights: Weights, inputs: np.ndarray, state: State) -> None:
        self.inputs[..., len(inputs) :] = 0
        self.inputs[..., : len(inputs)] = inputs.transpose(1, 2, 0)
        self._paths(weights).send(self.inputs, state.pending)

    def _paths(self, weights: Weights) -> Paths:
        if self.paths is None or weights is not self.fitting:
            self.paths = Paths(weights.inputs, self.sizes[0], self.of_network.ring)
        return self.paths

    def _require_weights(self, weights: Weights) -> None:
        if weights is not self.fitting:
            forms.require_weights(weights, self.of_network, self.cells)
            self.paths = None
        frozen = not any(array.flags.writeable for part in weights for array in part)
        self.fitting = weights if frozen else None

    def back(self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray) -> Gradient:
        """The gradient of the last `forward`: g_y (T, n_out, 8) is dL/dy, g_z (N,) dL/dz of every spike.

        Raises:
            InputError: weights, g_y or g_z do not fit.
        """
        self._require_weights(weights)
        g_y = numbers_of("g_y", g_y, self.record.y.shape, self.dtype)
        g_z = numbers_of("g_z", g_z, (self.sizes[0],), self.dtype)
        gradient, adjoint = gradient_zeros(weights, self.n_learnt), adjoint_zeros(*self.sizes, self.dtype)
        gamma, through_reset = self.dtype(self.gamma), self.dtype(0.0 if self.detach else 1.0)
        self.passes.back(0, weights, self.record, g_y, g_z, gamma, through_reset, adjoint, gradient)
        if self.n_learnt:
            gradient.start[:] = adjoint.x
        if self.learns_kappa:
            readout, never = weights.readout, np.zeros((self.steps, LANES), bool)
            gradient.kappa[0] = gradient_of_kappa(float(readout.kappa[0]), readout.bias, g_y, self.record.y, never)
        gradient = in_order_of_network(weights, gradient)
        if self.of_inputs:
            self.g_inputs = self._paths(weights).gradient_of_inputs(adjoint.current, self.steps)
        if self.currents:
            of_weights = self._paths(weights).gradient_of_weights(self.inputs, adjoint.current)
            gradient = gradient._replace(inputs=of_weights)
        return gradient


def blocks_for(network: Network, samples: int, steps: int, **ways: Any) -> list[ArrayBlock]:
    """Blocks for so many samples side by side; InputError where there is no memory for them.

    Args:
        ways: further arguments of `ArrayBlock`.
    """
    count, what = -(-samples // LANES), f"{samples} samples of {steps} steps side by side"
    size = np.dtype(ways.get("dtype", np.float32)).itemsize
    ring = 4 * steps * network.config.n_neurons if ways.get("currents") or ways.get("of_inputs") else 0
    values = steps * (network.n_slots + network.n_out) + ring
    require_memory(what, float(count) * (size * LANES * values + steps * (2 * network.config.n_neurons + network.n_in)))
    try:
        return [ArrayBlock(network, steps, **ways) for _ in range(count)]
    except MemoryError as error:
        raise InputError(f"{what} do not fit into memory: {error}") from error
