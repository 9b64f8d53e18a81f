"""The groups of a checkpoint beside the network: optimiser, curriculum, guards, random numbers.

The synapses stand in the order of the file. The network knows another, and `places` (S,) leads from one to the other.
"""

import h5py
import numpy as np

from lsnn.configuration import LARGEST
from lsnn.files import store
from lsnn.files.rules import group_of, require
from lsnn.guards import Watch
from lsnn.kernels.layout import Weights
from lsnn.learning.parameters import named
from lsnn.learning.state import LearnerState
from lsnn.network import Network

GROUPS = ("curriculum", "guards", "rng")


# Writing


def put_learner(file: h5py.File, network: Network, places: np.ndarray, state: LearnerState, seed: int) -> None:
    """Write the learner's state.

    Args:
        places: (S,) of the synapses in the network, in the order of the file.
    """
    optimizer = file.create_group("optimizer")
    optimizer.attrs["step"] = state.adam_step
    what = "theta of the normalised weights, in double precision"
    store.put(optimizer, "theta", network.synapses.theta[places], "effect", what, compress=False)
    for name, unit, meaning in (
        ("first", "1", "first moment of the gradient"),
        ("second", "1", "second moment of the gradient"),
        ("average", "effect", "average over the last iterations"),
    ):
        group = optimizer.create_group(name)
        for key, array in getattr(state, name).items():
            store.put(group, key, array[places] if key == "theta" else array, unit, meaning, compress=False)
    put_loop(file, state, seed)


def put_loop(file: h5py.File, state: LearnerState, seed: int) -> None:
    """Write the groups beside /optimizer, and the checksum over all of them."""
    for key in ("level", "widest_at", "running_return"):
        file.require_group("curriculum").attrs[key] = getattr(state, key)
    file.create_group("guards").attrs.update(state.watch._asdict())
    file.create_group("rng").attrs.update({"seed": seed, "iteration": state.iteration})
    file["optimizer"].attrs["checksum"] = learner_checksum(file)


def learner_checksum(file: h5py.File) -> str:
    """Over every data set of /optimizer and every number of the learner's state."""
    optimizer, numbers = file["optimizer"], {"step": file["optimizer"].attrs["step"]}
    for name in GROUPS:
        numbers |= {f"{name}.{key}": value for key, value in file[name].attrs.items()}
    names: list[str] = []
    optimizer.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return store.checksum({name: optimizer[name][()] for name in names} | numbers)


# Reading


def has_learner(file: h5py.File) -> bool:
    """Whether a learner's state is there; InputError where a part of it is and its optimiser is not."""
    parts, whole = [name for name in GROUPS if name in file], "optimizer" in file
    require(file, "optimizer", whole or not parts, f"the form of a group, as there is {', '.join(parts)}", "nothing")
    return whole


def read_learner(file: h5py.File, network: Network, order: np.ndarray, seed: int) -> LearnerState:
    """The learner's state; puts the exact parameters into the network.

    Args:
        order: (S,), where each synapse of the network stands in the file.
    """
    optimizer = group_of(file, "optimizer")
    _read_exact(optimizer, network, order)
    state = read_loop(file, seed)
    if state.adam_step:
        first, second = (_read_moments(optimizer, name, network, order) for name in ("first", "second"))
        state = state._replace(first=first, second=second)
    averages = group_of(optimizer, "average")
    average = _read_learnt(averages, network, order, ("theta", "readout", "bias"))
    for name, array in average.items():
        require_single_precision(averages, name, array)
    require_checksum(file)
    return state._replace(average=average)


def require_checksum(file: h5py.File) -> None:
    """InputError unless the learner's state is as it was written."""
    optimizer = group_of(file, "optimizer")
    stored, found = store.read_attribute(optimizer, "checksum", str), learner_checksum(file)
    require(optimizer, "@checksum", stored == found, f"that of its data sets and numbers, {found}", stored)


def read_loop(file: h5py.File, seed: int) -> LearnerState:
    """The learner's state without its arrays."""
    optimizer, curriculum, rng = (group_of(file, name) for name in ("optimizer", "curriculum", "rng"))
    step, iteration = store.read_attribute(optimizer, "step", int), store.read_attribute(rng, "iteration", int)
    drawn_from = store.read_attribute(rng, "seed", int)
    require(rng, "@seed", drawn_from == seed, f"the seed of the file, {seed}", drawn_from)
    require(rng, "@iteration", iteration >= 0, "a value >= 0", iteration)
    require(optimizer, "@step", step >= 0, "a value >= 0", step)
    level, running_return = (store.read_attribute(curriculum, key, float) for key in ("level", "running_return"))
    require(curriculum, "@level", level == -1 or 0 <= level <= 1, "the value -1 or one in 0..1", level)
    require(curriculum, "@running_return", np.isfinite(running_return), "a finite value", running_return)
    widest_at = store.read_attribute(curriculum, "widest_at", int)
    require(curriculum, "@widest_at", 0 <= widest_at <= iteration, f"a value in 0..{iteration}", widest_at)
    watch = _read_watch(group_of(file, "guards"), iteration)
    return LearnerState(iteration, level, widest_at, running_return, step, {}, {}, {}, watch)


def _read_exact(optimizer: h5py.Group, network: Network, order: np.ndarray) -> None:
    """Theta, and in schema 2 the readout, which /network of later files holds as it is."""
    frozen = network.weights()
    theta = _of_single_precision(optimizer, "theta", network.synapses.theta.shape)[order]
    require(optimizer, "theta", (theta >= 0) | ~network.one_sign(), "values >= 0", theta)
    network.synapses = network.synapses._replace(theta=theta)
    if store.read_attribute(optimizer.file, "schema_version", int) == 2:
        network.readout = _of_single_precision(optimizer, "readout", network.readout.shape)
    _check_same_weights(optimizer, frozen, network.weights())


def _of_single_precision(group: h5py.Group, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A data set in double precision of which kernels take float32."""
    array = store.read(group, name, "f", shape)
    require_single_precision(group, name, array)
    return array.astype(np.float64)


def require_single_precision(group: h5py.Group, name: str, array: np.ndarray) -> None:
    """InputError for numbers, of any precision, that float32 has no room for."""
    sound = np.abs(array.astype(np.float64)) <= LARGEST
    require(group, name, sound, f"values of at most {LARGEST:g} in size", array)


def _read_watch(group: h5py.Group, iteration: int) -> Watch:
    iterations, in_a_row = (store.read_attribute(group, key, int) for key in ("iterations", "in_a_row"))
    mean, variance = (store.read_attribute(group, key, float) for key in ("mean", "variance"))
    watch = Watch(iterations, mean, variance, in_a_row)
    sound = np.isfinite([mean, variance]).all() and min(iterations, in_a_row, variance) >= 0
    require(group, "@iterations, ...", sound, "finite numbers, none but the mean below 0", tuple(watch))
    counted = max(iterations, in_a_row) <= iteration
    require(group, "@iterations, ...", counted, f"counts of at most {iteration}", tuple(watch))
    return watch


def _check_same_weights(group: h5py.Group, frozen: Weights, exact: Weights) -> None:
    """The exact parameters are those whose weights, rounded, stand in /network."""
    for a, b in ((frozen.inputs, exact.inputs), (frozen.recurrent, exact.recurrent), (frozen.readout, exact.readout)):
        same = np.isclose(a.weight, b.weight, rtol=1e-5, atol=1e-30)
        require(group, "theta, readout", same, "the weights of /network", b.weight)


def _read_moments(optimizer: h5py.Group, name: str, network: Network, order: np.ndarray) -> dict[str, np.ndarray]:
    group = group_of(optimizer, name)
    moments = _read_learnt(group, network, order, ("theta", "readout", "bias", "log_std"))
    if name == "second":
        for key, moment in moments.items():
            require(group, key, moment >= 0, "values >= 0", moment)
    return moments


def _read_learnt(
    group: h5py.Group, network: Network, order: np.ndarray, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Arrays in the shapes of what is learnt, the parameters that learn with them."""
    parameters = named(network.learnt)
    shapes = {
        "theta": network.synapses.theta.shape, "readout": network.readout.shape,
        "bias": network.bias.shape, "log_std": network.log_std.shape,
    } | {name: values.shape for name, values in parameters.items()}  # fmt: skip
    learnt = {name: store.read(group, name, "f", shapes[name]) for name in (*names, *parameters)}
    return learnt | {"theta": learnt["theta"][order]}
