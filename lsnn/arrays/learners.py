"""What a fit, a gradient or a layer asks of a network, whatever its kind, and the network for tasks as one of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from lsnn.arrays.blocks import ArrayBlock, blocks_for
from lsnn.arrays.spikes import eights, inputs_of
from lsnn.blocks import Threads
from lsnn.files.network_file import network_sha256
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.learning import descent
from lsnn.learning.config import LearningConfig
from lsnn.learning.optimiser import Arrays
from lsnn.learning.rates import spike_counts
from lsnn.network import Network


class Inputs(Protocol):
    """Samples: an array (samples, steps, cells), or what a circuit is given."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples, steps, and whatever follows."""
        ...

    def __getitem__(self, chosen: Any) -> Any:
        """Some of the samples."""
        ...


class Pass(Protocol):
    """Up to eight samples through a network and back."""

    @property
    def g_inputs(self) -> np.ndarray:
        """dL/d(inputs), (T, n_in, n or 8), after `back`, where it was asked for."""
        ...

    def forward(self, held: Any, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
        """The readout (T, n_out, n) of n samples, and the spikes of each neuron, (N,)."""
        ...

    def back(self, held: Any, g_y: np.ndarray, g_z: np.ndarray) -> Arrays:
        """The gradient of what learns: g_y (T, n_out, n) is dL/dy, g_z (N,) dL/dz of every spike."""
        ...


class Learner(Protocol):
    """A network that learns. Its arrays stand in units that one learning rate suits."""

    dt: float  # seconds
    n_in: int
    n_out: int
    n_neurons: int
    columns: Mapping[str, slice]  # of several readouts by name, whose targets may be given by name

    @property
    def network(self) -> Any:
        """The network as it is now."""
        ...

    @property
    def sha256(self) -> str:
        """Of all that it computes with."""
        ...

    def inputs(self, name: str, values: Any, currents: bool) -> Inputs:
        """Inputs of samples; InputError unless they fit."""
        ...

    def numbers(self, values: np.ndarray) -> Inputs:
        """Inputs (samples, steps, cells) that are numbers of any size."""
        ...

    def arrays(self) -> Arrays:
        """What learns."""
        ...

    def with_arrays(self, arrays: Arrays) -> "Learner":
        """The network with such arrays in place of its own."""
        ...

    def copied(self) -> "Learner":
        """One whose learning leaves the other alone."""
        ...

    def take(
        self, change: Arrays, learning: LearningConfig, rate: float, branch: np.random.SeedSequence,
        kept: Iterable[Arrays],
    ) -> None:  # fmt: skip
        """Add the optimiser's changes, then rewire with draws of `branch`; kept: what stands beside the arrays."""
        ...

    def is_finite(self) -> bool:
        """Whether all that learns is."""
        ...

    def held(self, dtype: Any = ...) -> Any:
        """The network as passes need it, in a precision."""
        ...

    def passes(
        self, samples: int, steps: int, currents: bool, dtype: Any = ..., of_inputs: bool = ...
    ) -> Sequence[Pass]:  # fmt: skip
        """Room for so many samples side by side; InputError where there is none."""
        ...


class NetworkLearner:
    """A network for tasks: see `Learner`."""

    def __init__(self, network: Network) -> None:
        self.network, self.dt = network, network.config.dt_ms / 1000
        self.n_in, self.n_out, self.n_neurons = network.n_in, network.n_out, network.config.n_neurons
        self.columns: Mapping[str, slice] = {}

    @property
    def sha256(self) -> str:
        """Of all that it computes with."""
        return network_sha256(self.network)

    def inputs(self, name: str, values: Any, currents: bool) -> np.ndarray:
        """Inputs of samples (samples, steps, cells); InputError unless they fit."""
        return inputs_of(name, values, self.n_in, currents)

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Inputs (samples, steps, cells) that are numbers of any size."""
        return values

    def arrays(self) -> Arrays:
        """What learns: the network's own arrays."""
        return descent.arrays_of(self.network)

    def with_arrays(self, arrays: Arrays) -> "NetworkLearner":
        """The network with such arrays in place of its own; a weight whose sign is held counts as 0 beyond it."""
        theta = np.where(self.network.one_sign(), np.maximum(arrays["theta"], 0.0), arrays["theta"])
        return NetworkLearner(descent.with_arrays(self.network, arrays | {"theta": theta}))

    def copied(self) -> "NetworkLearner":
        """One whose learning leaves the other alone."""
        return NetworkLearner(descent.copied(self.network))

    def take(
        self, change: Arrays, learning: LearningConfig, rate: float, branch: np.random.SeedSequence,
        kept: Iterable[Arrays],
    ) -> None:  # fmt: skip
        """Add the optimiser's changes, then rewire where the network does."""
        descent.take(self.network, change, learning, rate)
        descent.rewired(self.network, learning, rate, branch, kept)

    def is_finite(self) -> bool:
        """Whether all that learns is."""
        return self.network.is_finite()

    def held(self, dtype: Any = np.float32) -> tuple[Network, Weights]:
        """The network and its weights in a precision."""
        return self.network, self.network.weights(dtype)

    def passes(
        self, samples: int, steps: int, currents: bool, dtype: Any = np.float32, of_inputs: bool = False
    ) -> list["NetworkPass"]:
        """Room for so many samples side by side."""
        ways = {"dtype": dtype, "currents": currents, "of_inputs": of_inputs}
        return [NetworkPass(block) for block in blocks_for(self.network, samples, steps, **ways)]


class NetworkPass:
    """Up to eight samples through a network for tasks: see `Pass`."""

    def __init__(self, block: ArrayBlock) -> None:
        self.block, self.samples = block, 0

    @property
    def g_inputs(self) -> np.ndarray:
        """dL/d(inputs), (T, n_in, 8)."""
        return self.block.g_inputs

    def forward(self, held: tuple[Network, Weights], inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The readout (T, n_out, n) of n samples, and the spikes of each neuron, (N,)."""
        n = self.samples = len(inputs)
        y = self.block.forward(held[1], inputs)[..., :n].astype(float)
        return y, spike_counts(self.block.record.spikes & np.uint8(2**n - 1))

    def back(self, held: tuple[Network, Weights], g_y: np.ndarray, g_z: np.ndarray) -> Arrays:
        """The gradient of what learns."""
        network, weights = held
        slope = np.zeros(self.block.record.y.shape)
        slope[..., : self.samples] = g_y
        return descent.by_what_learns(network, self.block.back(weights, slope, g_z))


def through(
    learner: Learner, inputs: Inputs, threads: Threads, currents: bool, dtype: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """The readout (samples, steps, outputs), and spikes of each neuron over all samples, (N,)."""
    samples, steps = inputs.shape[:2]
    precision = {} if dtype is None else {"dtype": dtype}
    held, parts = learner.held(**precision), eights(samples)
    passes = learner.passes(min(LANES * threads.count, samples), steps, currents, **precision)
    found = np.empty((samples, steps, learner.n_out))

    def run(own: Pass, chosen: list[np.ndarray]) -> np.ndarray:
        count = np.zeros(learner.n_neurons)
        for part in chosen:
            y, spikes = own.forward(held, inputs[part])
            found[part] = y.transpose(2, 0, 1)
            count += spikes
        return count

    counts = threads.map(run, passes, [parts[i :: len(passes)] for i in range(len(passes))])
    return found, np.sum(counts, axis=0)


def back_through(
    learner: Learner, inputs: Inputs, g_y: np.ndarray, currents: bool, threads: int, dtype: Any
) -> tuple[Arrays, np.ndarray]:
    """Gradients of what learns, summed over samples, and of the inputs (samples, steps, cells).

    Args:
        g_y: dL/dy, (samples, steps, outputs).
    """
    samples, steps = inputs.shape[:2]
    held, parts, crew = learner.held(dtype), eights(samples), Threads(threads)
    passes = learner.passes(min(LANES * threads, samples), steps, currents, dtype, True)
    of_inputs = np.empty((samples, steps, learner.n_in), dtype)
    none, found = np.zeros(learner.n_neurons), [Arrays()] * len(parts)

    def run(own: Pass, numbers: list[int]) -> None:
        for number in numbers:
            part = parts[number]
            own.forward(held, inputs[part])
            found[number] = own.back(held, g_y[part].transpose(1, 2, 0), none)
            of_inputs[part] = own.g_inputs[..., : len(part)].transpose(2, 0, 1)

    crew.map(run, passes, [list(range(i, len(parts), len(passes))) for i in range(len(passes))])
    return {name: np.sum([part[name] for part in found], axis=0) for name in found[0]}, of_inputs
