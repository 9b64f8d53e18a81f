"""Samples with their targets, as `lsnn.fit` takes them."""

import hashlib
from collections.abc import Callable, ItemsView, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lsnn.arrays.learners import Inputs, Learner
from lsnn.arrays.losses import LOSSES, Losses
from lsnn.arrays.spikes import counted
from lsnn.files.store import checksum
from lsnn.seeds import FIT_BRANCH
from lsnn.validation import plain_numbers, require, require_number

SPLIT, ORDER = 0, 1  # draws of FIT_BRANCH: the samples of validation, the order in an epoch (by its number)
LARGEST_TRACE = 1e12  # whose square is added up in single precision
SLOWEST_HZ = 1e-3


@dataclass(frozen=True)
class Several:
    """Targets of several readouts by name, each as of `Data.targets`."""

    by_name: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.by_name.values())))

    def __getitem__(self, chosen: Any) -> "Several":
        return Several({name: array[chosen] for name, array in self.by_name.items()})

    def items(self) -> ItemsView[str, np.ndarray]:
        """Names and arrays."""
        return self.by_name.items()

    @property
    def sha256(self) -> str:
        """Of all names and numbers."""
        return checksum(self.by_name)


class Data(NamedTuple):
    """Samples with their targets."""

    inputs: Inputs  # (S, T, n_in) bool, or float32 for currents; of a circuit its drive
    targets: Any  # (S,) int labels, (S, T, n_out) traces or (S, N) rates, the same of all samples; or Several

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


def data_of(network: Learner, inputs: Any, targets: Any, loss: Losses, name: str = "", currents: bool = False) -> Data:
    """Samples and targets that fit the network and the loss; InputError, which names them, unless they do."""
    rule = "rates, since the network has no readout (of= names a population whose membranes stand for one)"
    require(network.n_out > 0 or loss == "rates", "loss", rule, loss)
    given = network.inputs(f"{name}inputs", inputs, currents)
    what = f"{name}targets"
    if isinstance(targets, Mapping):
        return Data(given, _by_readout(network, what, targets, loss, given.shape))
    rule = f"labels by readout, of {', '.join(network.columns)}, or of= must name one of them"
    require(loss != "cross_entropy" or not network.columns, what, rule, targets)
    if loss == "rates":
        return Data(given, _rates(network, what, targets, given.shape))
    return Data(given, TARGETS[str(loss)](network.n_out, what, targets, given.shape))


def require_loss(loss: Any, targets: Any) -> None:
    """InputError unless it is a loss, or losses of all readouts that targets are given of."""
    if isinstance(targets, Mapping):
        each = loss if isinstance(loss, Mapping) else dict.fromkeys(targets, loss)
        rule = f"one of {(*TARGETS,)}, or one by readout, of {', '.join(map(str, targets))}"
        sound = set(each) == set(targets) and all(isinstance(one, str) and one in TARGETS for one in each.values())
        require(sound, "loss", rule, loss)
    else:
        require(isinstance(loss, str) and loss in LOSSES, "loss", f"one of {LOSSES}", loss)


def _by_readout(
    network: Learner, name: str, targets: Mapping[str, Any], loss: Losses, shape: tuple[int, ...]
) -> Several:
    columns = network.columns
    known = ", ".join(columns)
    rule = f"a mapping of readouts among {known}" if columns else "no mapping, as there is no list of readouts"
    require(bool(targets) and set(targets) <= set(columns), name, rule, list(targets))
    each = {key: loss if isinstance(loss, str) else loss[key] for key in targets}
    width = {key: len(range(network.n_out)[columns[key]]) for key in targets}
    found = {key: TARGETS[each[key]](width[key], f"{name}[{key!r}]", targets[key], shape) for key in targets}
    return Several(found)


def _labels(n_out: int, name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = counted(name, targets)
    rule = f"a label in 0..{n_out - 1} of each of {shape[0]} samples"
    require(array.shape == shape[:1], name, rule, array)
    sound = (array >= 0) & (array < n_out) & (array == np.floor(array))
    require(bool(sound.all()), name, rule, array[~sound])
    return array.astype(np.int64)


def _traces(n_out: int, name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = plain_numbers(name, targets)
    wanted = (*shape[:2], n_out)
    require(array.shape == wanted, name, f"traces (samples, steps, outputs) = {wanted}", array)
    sound = np.abs(array) <= LARGEST_TRACE
    require(bool(sound.all()), name, f"numbers from -{LARGEST_TRACE:g} to {LARGEST_TRACE:g}", array[~sound])
    return array.astype(float)


TARGETS: dict[str, Callable[[int, str, Any, tuple[int, ...]], np.ndarray]] = {  # of outputs
    "cross_entropy": _labels, "squared_error": _traces,
}  # fmt: skip


def _rates(network: Learner, name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    array, n = plain_numbers(name, targets), network.n_neurons
    require(array.shape == (n,), name, f"a rate in Hz of each of {n} neurons, the mean over samples", array)
    sound = (array >= SLOWEST_HZ) & (array <= 1e6)
    require(bool(sound.all()), name, f"rates from {SLOWEST_HZ:g} to 1e6 Hz", array[~sound])
    return np.broadcast_to(array.astype(float), (shape[0], n))


def split(
    data: Data, validation: Any, network: Learner, loss: Losses, seed: int, currents: bool = False
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
