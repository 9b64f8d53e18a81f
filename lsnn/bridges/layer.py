"""What a network as a layer computes, whoever calls it: the readout from inputs and weights, and the way back."""

from typing import Any, NamedTuple

import numpy as np

from lsnn.arrays.blocks import ArrayBlock, blocks_for
from lsnn.arrays.gradients import summed
from lsnn.arrays.spikes import LARGEST_CURRENT, eights
from lsnn.blocks import Threads
from lsnn.kernels.simd import LANES
from lsnn.learning import descent, parameters
from lsnn.network import Network
from lsnn.simulation.frozen import network_in
from lsnn.validation import precision_of, require, require_integer


class Weights(NamedTuple):
    """What learns of a layer, normalised: theta of each synapse (S,), readout (neurons, outputs), bias (outputs,)."""

    theta: np.ndarray
    readout: np.ndarray
    bias: np.ndarray


class Layer:
    """The network of a layer; inputs are numbers of any size, zeros and ones for spikes.

    Args:
        network: of `lsnn.create`, `lsnn.fit`, ... It is copied. dtype: float32 or float64. threads: at once.
    """

    def __init__(self, network: Any, dtype: Any = np.float32, threads: int = 1) -> None:
        require_integer("threads", threads, 1, 1024)
        self.network: Network = descent.copied(network_in(network)[0])
        self.dtype, self.threads = precision_of(dtype), int(threads)

    def weights(self) -> Weights:
        """Those that it has, in its precision."""
        net = self.network
        return Weights(*(array.astype(self.dtype) for array in (net.synapses.theta, net.readout, net.bias)))

    def with_weights(self, weights: Weights) -> Network:
        """The network with these; a weight whose sign is held counts as 0 beyond it."""
        given = {name: np.array(array, float) for name, array in weights._asdict().items()}
        given["theta"] = np.where(self.network.one_sign(), np.maximum(given["theta"], 0.0), given["theta"])
        return descent.with_arrays(self.network, given | parameters.named(self.network.learnt))

    def inputs(self, x: Any) -> np.ndarray:
        """Inputs (samples, steps, cells) in its precision; InputError unless they are."""
        array = np.asarray(x)
        rule = f"numbers (samples, steps, cells) of {self.network.n_in} input cells"
        fits = array.ndim == 3 and array.shape[2] == self.network.n_in and min(array.shape) > 0
        require(fits and array.dtype.kind in "biuf", "inputs", rule, array)
        sound = np.abs(array.astype(float)) <= LARGEST_CURRENT
        rule = f"numbers from -{LARGEST_CURRENT:g} to {LARGEST_CURRENT:g}"
        require(bool(sound.all()), "inputs", rule, array)
        return np.ascontiguousarray(array, self.dtype)

    def forward(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """The readout (samples, steps, outputs)."""
        network, inputs = self.with_weights(weights), self.inputs(x)
        held, parts = network.weights(self.dtype), eights(len(inputs))
        blocks = blocks_for(
            network, min(LANES * self.threads, len(inputs)), inputs.shape[1], dtype=self.dtype, currents=True
        )
        found = np.empty((*inputs.shape[:2], network.n_out), self.dtype)

        def run(block: ArrayBlock, own: list[np.ndarray]) -> None:
            for part in own:
                found[part] = block.forward(held, inputs[part]).transpose(2, 0, 1)[: len(part)]

        Threads(self.threads).map(run, blocks, [parts[i :: len(blocks)] for i in range(len(blocks))])
        return found

    def back(self, x: np.ndarray, weights: Weights, slope: np.ndarray) -> tuple[np.ndarray, Weights]:
        """dL/d(inputs) and dL/d(weights) of dL/d(readout)."""
        network, inputs = self.with_weights(weights), self.inputs(x)
        found, of_inputs = summed(network, inputs, np.asarray(slope, float), True, self.threads, self.dtype)
        of_weights = (found[name].astype(self.dtype) for name in Weights._fields)
        return of_inputs, Weights(*of_weights)
