"""Samples with their targets, as `lsnn.fit` takes them."""

import hashlib
from typing import Any, NamedTuple

import numpy as np

from lsnn.arrays.learners import Inputs, Learner
from lsnn.arrays.losses import LossName
from lsnn.arrays.spikes import counted
from lsnn.seeds import FIT_BRANCH
from lsnn.validation import plain_numbers, require, require_number

SPLIT, ORDER = 0, 1  # draws of FIT_BRANCH: the samples of validation, the order in an epoch (by its number)
LARGEST_TRACE = 1e12  # whose square is added up in single precision
SLOWEST_HZ = 1e-3


class Data(NamedTuple):
    """Samples with their targets."""

    inputs: Inputs  # (S, T, n_in) bool, or float32 for currents; of a circuit its drive
    targets: np.ndarray  # (S,) int labels, (S, T, n_out) traces or (S, N) rates, the same of all samples

    def of(self, chosen: np.ndarray) -> "Data":
        """Some of the samples."""
        return Data(self.inputs[chosen], self.targets[chosen])

    @property
    def sha256(self) -> tuple[str, str]:
        """Of the inputs and of the targets."""
        return sha256_of(self.inputs), sha256_of(self.targets)


def sha256_of(array: Any) -> str:
    """Of the numbers in an array and its shape; that of a drive is its own."""
    if not isinstance(array, np.ndarray):
        return str(array.sha256)
    found = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()


def generator_of(seed: int, *place: int) -> np.random.Generator:
    """A generator of the branch of fits."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(FIT_BRANCH, *place))))


def data_of(
    network: Learner, inputs: Any, targets: Any, loss: LossName, name: str = "", currents: bool = False
) -> Data:
    """Samples and targets that fit the network and the loss; InputError, which names them, unless they do."""
    rule = "rates, since the network has no readout (of= names a population whose membranes stand for one)"
    require(network.n_out > 0 or loss == "rates", "loss", rule, loss)
    given = network.inputs(f"{name}inputs", inputs, currents)
    targets_of = {"cross_entropy": _labels, "squared_error": _traces, "rates": _rates}[loss]
    return Data(given, targets_of(network, f"{name}targets", targets, given.shape))


def _labels(network: Learner, name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = counted(name, targets)
    rule = f"a label in 0..{network.n_out - 1} of each of {shape[0]} samples"
    require(array.shape == shape[:1], name, rule, array)
    sound = (array >= 0) & (array < network.n_out) & (array == np.floor(array))
    require(bool(sound.all()), name, rule, array[~sound])
    return array.astype(np.int64)


def _traces(network: Learner, name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = plain_numbers(name, targets)
    wanted = (*shape[:2], network.n_out)
    require(array.shape == wanted, name, f"traces (samples, steps, outputs) = {wanted}", array)
    sound = np.abs(array) <= LARGEST_TRACE
    require(bool(sound.all()), name, f"numbers from -{LARGEST_TRACE:g} to {LARGEST_TRACE:g}", array[~sound])
    return array.astype(float)


def _rates(network: Learner, name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    array, n = plain_numbers(name, targets), network.n_neurons
    require(array.shape == (n,), name, f"a rate in Hz of each of {n} neurons, the mean over samples", array)
    sound = (array >= SLOWEST_HZ) & (array <= 1e6)
    require(bool(sound.all()), name, f"rates from {SLOWEST_HZ:g} to 1e6 Hz", array[~sound])
    return np.broadcast_to(array.astype(float), (shape[0], n))


def split(
    data: Data, validation: Any, network: Learner, loss: LossName, seed: int, currents: bool = False
) -> tuple[Data, Data | None]:
    """Samples to learn from, and those of validation: a share of them, or (inputs, targets) of others.

    Raises:
        InputError: neither of the two.
    """
    if isinstance(validation, tuple | list):
        require(len(validation) == 2, "validation", "a share, or (inputs, targets)", len(validation))
        inputs, targets = validation
        other = data_of(network, inputs, targets, loss, "validation ", currents)
        steps = data.inputs.shape[1], other.inputs.shape[1]
        require(steps[0] == steps[1], "validation inputs", f"of {steps[0]} steps, as the inputs", steps[1])
        return data, other
    require_number("validation", validation, 0.0, 0.9)
    count = int(np.ceil(float(validation) * len(data.targets)))
    if count == 0:
        return data, None
    require(count < len(data.targets), "validation", "a share that leaves samples to learn from", validation)
    order = generator_of(seed, SPLIT).permutation(len(data.targets))
    return data.of(np.sort(order[count:])), data.of(np.sort(order[:count]))
