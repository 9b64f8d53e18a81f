"""Network files (*.lsnn.h5): a network in the units of the equations, and what meta-training needs to go on.

    /            attributes of `store.provenance`; config = {"task": ..., "network": ..., "learning": ...}; iterations
    /network     attributes dt_ms, wiring_key (which fixes signs and delays), checksum (SHA-256 of all below)
        models/NAME            a neuron model: its strings, as attributes; ports: the variables that synapses add to
        populations/NAME       attributes kind (input spikes | neurons), size, model, sign (of its synapses; 0: each has
                               its own), learnt
            parameters/        a data set a (constant) parameter of the model: a number, or one a neuron
            unused/            what this program draws for every neuron, where the model has no such parameter
        projections/NAME       a table, a row a synapse: source, target (indices within the populations), delay, sign,
                               weight; attributes source, target, port, learnt, rewired; of the list: synapses, how many
        readouts/NAME          tau, weight (neuron, column), bias, log_std; attributes sources, outputs, learnt
    /history     a row an iteration
    /optimizer   theta: exact values of what the weights round; first/, second/: moments of Adam;        (checkpoint)
                 average/: weights averaged over the last iterations, which the final network takes;
                 attributes step, checksum (SHA-256 of its data sets and of the numbers in the groups below)
    /curriculum  attributes level, widest_at, running_return                                             (checkpoint)
    /guards      attributes iterations, mean, variance, in_a_row: what the guards remember            (checkpoint)
    /rng         attributes seed, iteration: every draw of meta-training is a function of the two        (checkpoint)

Populations, projections and readouts are lists, in the order of the names in the attribute `order` (JSON). A checkpoint
goes on to the bits of an unbroken run. Without its last four groups the file holds the frozen network alone: weights
of synapses in the single precision in which the kernels use them. Files of schema 2 are read for ever
(`network_schema_2.py`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.lib.recfunctions import repack_fields

from lsnn.configuration import from_mapping
from lsnn.errors import DivergedError, InputError
from lsnn.files import network_schema_2, store
from lsnn.files.learner_state import has_learner, put_learner, read_learner
from lsnn.files.network_group import put_network, read_network
from lsnn.files.renamed import NEWER, has_older_names
from lsnn.files.rules import group_of, require
from lsnn.kernels.layout import Weights
from lsnn.learning.state import LearnerState
from lsnn.network import Network, NetworkConfig
from lsnn.neuron_files import as_json

_COLUMNS = {
    "iteration": "number of the iteration, from 0",
    "minutes": "time spent on meta-training when the iteration had ended",
    "return": "mean reward an episode",
    "level": "level of the curriculum in this iteration: -1 warm-up, 0 the easiest task, 1 the task itself",
    "std": "policy std",
    "visits": "visits of the platform an episode, over the starts of the curriculum",
    "rate_hz": "mean firing rate",
}


class NetworkFile(NamedTuple):
    """What a network file holds."""

    network: Network
    config: dict[str, Any]
    seed: int
    command: str
    git_commit: str
    checksum: str
    history: np.ndarray | None  # (iterations,) structured, float64 columns
    learner_state: LearnerState | None  # of a checkpoint


def network_sha256(network: Network, weights: Weights | None = None) -> str:
    """SHA-256 of all that a frozen network computes with: what result files hold as `frozen_sha256`.

    Wiring, weights, biases, time constant and columns of the readout, constants and refractory times of the neurons,
    the text of their models, the policy std, dt.

    Args:
        weights: of the network, if they are at hand (or are to be held against it).
    """
    weights = network.weights() if weights is None else weights
    texts = {"models": as_json(network.config.models), "outputs": json.dumps(list(network.outputs.items()))}
    arrays = {name: np.frombuffer(text.encode(), np.uint8) for name, text in texts.items()}
    arrays |= {f"cells.{key}": array for key, array in weights.cells._asdict().items()}
    arrays |= {"kappa": weights.readout.kappa, "log_std": network.log_std, "dt_ms": np.array(network.config.dt_ms)}
    return store.checksum(arrays | _weight_arrays(weights))


def weights_sha256(weights: Weights) -> str:
    """SHA-256 of wiring, weights and biases alone: `network_sha256` and `weights_sha256_*` of older result files."""
    return store.checksum(_weight_arrays(weights))


def _weight_arrays(weights: Weights) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {"W_out": weights.readout.weight, "bias": weights.readout.bias}
    for name in ("inputs", "recurrent"):
        arrays |= {f"{name}.{key}": getattr(getattr(weights, name), key) for key in ("start", "offset", "weight")}
    return arrays


# Writing


def save_network(
    path: str | Path,
    network: Network,
    config: Mapping[str, Any],
    seed: int,
    command: str,
    history: np.ndarray | None = None,
    learner_state: LearnerState | None = None,
    folder: int | None = None,
) -> None:
    """Write a network atomically; with a learner's state, a checkpoint to go on from.

    Args:
        config: the sections task, network and learning, as JSON can hold them.
        history: (iterations,) structured, float64 columns.
        folder: descriptor of the folder of `path`, if it is held open (`lsnn.files.whole.writing`).

    Raises:
        InputError: no place for a file. StoreError: it could not be written; what stood there is unharmed.
        DivergedError: it could not be read again, as weights that are not finite; what stood there is unharmed.
    """
    with store.write_atomically(path, folder=folder) as file:
        store.write_attributes(file, store.provenance("network", config, seed, command))
        file.attrs["iterations"] = 0 if history is None else len(history)
        places = put_network(file.create_group("network"), network)
        if history is not None:
            put_history(file, history)
        if learner_state is not None:
            put_learner(file, network, places, learner_state, seed)
        require_readable(path, file)


def require_readable(path: str | Path, file: h5py.File) -> None:
    """DivergedError, so that nothing is written, where a network that was put into a file could not be read again."""
    store.fix_text(file)
    try:
        _read_file(file)
    except InputError as error:
        reason = str(error).removeprefix(f"{file.filename}: ")
        raise DivergedError(
            f"{path}: is not written, since it could not be read again: {reason}; what stood there is unharmed, go on "
            "from it with a lower learning.learning_rate, or begin anew with lower gains"
        ) from error


def put_neurons(group: h5py.Group, network: Network, beta: np.ndarray) -> None:
    """Write population, tau_m_ms, b0 and the given beta of each neuron."""
    names = network.config.population_names
    population = store.put(group, "population", network.population(), "1", f"0..2 stand for {', '.join(names)}")
    population.attrs["labels"] = json.dumps(names)
    tau_m_ms, b0 = network.tau_m_ms, np.full(len(beta), network.config.b0)
    if "tau_m" in network.learnt:
        tau_m_ms = 1000 * network.learnt["tau_m"]
    if "b0" in network.learnt:
        b0 = np.where(network.learnt["b0"] == 0, b0, network.learnt["b0"])
    store.put(group, "tau_m_ms", tau_m_ms, "ms", "membrane time constant")
    store.put(group, "b0", b0, "unit of v", "baseline threshold")
    store.put(group, "beta", beta, "unit of v", "threshold B = b0 + beta b; 0 for a neuron that does not adapt")


def put_history(file: h5py.File, history: np.ndarray) -> None:
    """Write the table of meta-training, a row an iteration."""
    names = history.dtype.names or ()
    suffixes = {"_ms": "ms", "_hz": "Hz", "minutes": "min"}
    units = {name: next((unit for end, unit in suffixes.items() if name.endswith(end)), "1") for name in names}
    descriptions = {name: _COLUMNS.get(name, name.replace("_", " ")) for name in names}
    store.put_table(file, "history", history, units, descriptions)


# Reading


def load_network(path: str | Path) -> NetworkFile:
    """Read a network file and check all of it.

    Raises:
        InputError: no network file, damaged, or one that breaks a rule; the message says where and which.
    """
    with store.open_for_reading(path, "network") as file:
        return _read_file(file)


def _read_file(file: h5py.File) -> NetworkFile:
    config = store.read_config(file)
    group = group_of(file, "network")
    read = network_schema_2.read_network if store.read_attribute(file, "schema_version", int) == 2 else read_network
    network, order = read(group, _network_config(file, config))
    checksum = store.read_attribute(group, "checksum", str)
    history = read_history(file)
    seed = store.read_attribute(file, "seed", int)
    require(file, "@seed", 0 <= seed < 2**63, "a value in 0..2**63 - 1", seed)
    state = read_learner(file, network, order, seed) if has_learner(file) else None
    if state is not None:
        rows = 0 if history is None else len(history)
        require(file, "history", rows == state.iteration, f"a row for each of {state.iteration} iterations", rows)
    command, commit = (store.read_attribute(file, name, str) for name in ("command", "git_commit"))
    return NetworkFile(network, config, seed, command, commit, checksum, history, state)


def _network_config(file: h5py.File, config: Mapping[str, Any]) -> NetworkConfig:
    try:
        return from_mapping(NetworkConfig, config.get("network"), "network")
    except InputError as error:
        raise InputError(f"{file.filename}: /@config: {error}") from error


def read_history(file: h5py.File) -> np.ndarray | None:
    """The table of meta-training, if the file has one; InputError for one that cannot be."""
    if "history" not in file:
        return None
    names = getattr(getattr(file["history"], "dtype", None), "names", None) or ()
    columns = dict.fromkeys(("iteration", "minutes", *names), "f")
    history = store.read_table(file, "history", columns, finite=False)
    iteration, minutes = history["iteration"], history["minutes"]
    require(file, "history", len(history) > 0, "a row", len(history))
    require(file, "history[iteration]", iteration == np.arange(len(history)), "the numbers 0, 1, ...", iteration)
    rising = np.isfinite(minutes) & (np.diff(minutes, prepend=0) >= 0)
    require(file, "history[minutes]", rising, "finite values that rise from 0 on", minutes)
    table = repack_fields(history[list(names)])
    if has_older_names(store.read_attribute(file, "schema_version", int)):
        table.dtype.names = tuple(NEWER.get(name, name) for name in names)
    return table
