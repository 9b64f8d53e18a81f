"""What a network as a layer computes, whoever calls it: the readout from inputs and weights, and the way back."""

from typing import Any

import numpy as np

from lsnn.arrays.kinds import learner_of
from lsnn.arrays.learners import Learner, NetworkLearner, back_through, through
from lsnn.arrays.spikes import LARGEST_CURRENT
from lsnn.blocks import Threads
from lsnn.learning.optimiser import Arrays
from lsnn.validation import precision_of, require, require_integer

OF_TASKS = ("theta", "readout", "bias")  # of a network for tasks; parameters that `learnt` names keep their values


class Layer:
    """The network of a layer; inputs are numbers of any size, zeros and ones for spikes.

    Args:
        network: of `lsnn.create`, `lsnn.fit`, ..., or a `lsnn.Circuit`. It is copied. dtype: float32 or float64.
        threads: at once.
    """

    def __init__(self, network: Any, dtype: Any = np.float32, threads: int = 1) -> None:
        require_integer("threads", threads, 1, 1024)
        self.learner = learner_of(network).copied()
        self.dtype, self.threads = precision_of(dtype), int(threads)
        self.n_in, self.n_out = self.learner.n_in, self.learner.n_out
        require(self.n_out > 0 and self.n_in > 0, "network", "one with input cells and a readout", network)
        self.names = OF_TASKS if isinstance(self.learner, NetworkLearner) else tuple(self.learner.arrays())

    def weights(self) -> Arrays:
        """Those that it has, by name, in its precision; in the units in which they learn."""
        return {name: self.learner.arrays()[name].astype(self.dtype) for name in self.names}

    def with_weights(self, weights: Arrays) -> Learner:
        """The network with these; a weight whose sign is held counts as 0 beyond it."""
        own = self.learner.arrays()
        return self.learner.with_arrays(own | {name: np.array(weights[name], float) for name in self.names})

    def inputs(self, x: Any) -> np.ndarray:
        """Inputs (samples, steps, cells) in its precision; InputError unless they are."""
        array = np.asarray(x)
        rule = f"numbers (samples, steps, cells) of {self.n_in} input cells"
        fits = array.ndim == 3 and array.shape[2] == self.n_in and min(array.shape) > 0
        require(fits and array.dtype.kind in "biuf", "inputs", rule, array)
        sound = np.abs(array.astype(float)) <= LARGEST_CURRENT
        rule = f"numbers from -{LARGEST_CURRENT:g} to {LARGEST_CURRENT:g}"
        require(bool(sound.all()), "inputs", rule, array)
        return np.ascontiguousarray(array, self.dtype)

    def forward(self, x: np.ndarray, weights: Arrays) -> np.ndarray:
        """The readout (samples, steps, outputs)."""
        learner = self.with_weights(weights)
        y, _ = through(learner, learner.numbers(self.inputs(x)), Threads(self.threads), True, self.dtype)
        return y.astype(self.dtype)

    def back(self, x: np.ndarray, weights: Arrays, slope: np.ndarray) -> tuple[np.ndarray, Arrays]:
        """dL/d(inputs) and dL/d(weights) of dL/d(readout)."""
        learner = self.with_weights(weights)
        given = learner.numbers(self.inputs(x))
        found, of_inputs = back_through(learner, given, np.asarray(slope, float), True, self.threads, self.dtype)
        return of_inputs, {name: found[name].astype(self.dtype) for name in self.names}
