"""Network files (*.lsnn.h5): a network in the units of the equations, and what meta-training needs to go on.

    /            attributes of `store.provenance`; config = {"task": ..., "network": ..., "learning": ...}; iterations
    /network     attributes n_in, outputs, wiring_key, checksum (SHA-256 of all data sets below), neuron_models
                 (JSON: the strings of the two models of its neurons; a file without it has lif and alif)
        population, tau_m_ms, b0, beta (N,)           W_out (N, n_out)          bias (n_out,)     log_std (n_action,)
        input/, recurrent/                            source, target, delay, sign, weight: one entry a synapse
    /history     a row an iteration
    /optimizer   theta, readout: exact values of what is learnt; first/, second/: moments of Adam;       (checkpoint)
                 average/: weights averaged over the last iterations, which the final network takes;
                 attributes step, checksum (SHA-256 of its data sets and of the numbers in the groups below)
    /curriculum  attributes level, widest_at, running_return                                             (checkpoint)
    /guards      attributes iterations, mean, variance, in_a_row: what the guards remember            (checkpoint)
    /rng         attributes seed, iteration: every draw of meta-training is a function of the two        (checkpoint)

A checkpoint goes on to the bits of an unbroken run. Without its last four groups the file holds the frozen network
alone: weights in the single precision in which the kernels use them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.configuration import from_mapping
from lsnn.errors import DivergedError, InputError
from lsnn.files import store
from lsnn.guards import Watch
from lsnn.kernels.layout import Weights
from lsnn.meta import LearnerState
from lsnn.network import Network, NetworkConfig, wiring_of
from lsnn.neuron_files import as_json
from lsnn.neurons import ALIF, LIF
from lsnn.wiring import Synapses, Wiring, pair_numbers, synapses_of_pairs

MOST_INPUTS = 2**24
LARGEST_WEIGHT = float(np.finfo(np.float32).max)
LARGEST_LOG_STD = 80.0  # beyond it single precision holds no spread

_SYNAPSES = {
    "source": ("i", "1", "presynaptic cell: number of the input cell, or of the neuron"),
    "target": ("i", "1", "postsynaptic neuron"),
    "delay": ("i", "ms", "a spike at step t reaches the membrane at step t + delay"),
    "sign": ("i", "1", "the pair's fixed sign; binding under Dale's law and DEEP R"),
    "weight": ("f", "unit of v", "added to the current I of the target by a spike"),
}
_NEURONS = ("population", "tau_m_ms", "b0", "beta")
_DATA_SETS = (
    *_NEURONS, "W_out", "bias", "log_std", *(f"{part}/{key}" for part in ("input", "recurrent") for key in _SYNAPSES)
)  # fmt: skip
_COLUMNS = {
    "iteration": "number of the iteration, from 0",
    "minutes": "time spent on meta-training when the iteration had ended",
    "return": "mean reward an episode",
    "level": "level of the curriculum in this iteration: -1 warm-up, 0 the easiest task, 1 the task itself",
    "std": "spread of the policy",
    "goals": "finds of the platform an episode, over the starts of the curriculum",
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
    the text of their models, the spread of the policy, dt.

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
        file.attrs.update(store.provenance("network", config, seed, command))
        file.attrs["iterations"] = 0 if history is None else len(history)
        _put_network(file.create_group("network"), network)
        if history is not None:
            put_history(file, history)
        if learner_state is not None:
            _put_learner(file, network, learner_state, seed)
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
    store.put(group, "tau_m_ms", network.tau_m_ms, "ms", "membrane time constant")
    b0 = np.full(len(beta), network.config.b0)
    store.put(group, "b0", b0, "unit of v", "baseline threshold")
    store.put(group, "beta", beta, "unit of v", "threshold B = b0 + beta b; 0 for a neuron that does not adapt")


def put_history(file: h5py.File, history: np.ndarray) -> None:
    """Write the table of meta-training, a row an iteration."""
    names = history.dtype.names or ()
    suffixes = {"_ms": "ms", "_hz": "Hz", "minutes": "min"}
    units = {name: next((unit for end, unit in suffixes.items() if name.endswith(end)), "1") for name in names}
    descriptions = {name: _COLUMNS.get(name, name.replace("_", " ")) for name in names}
    store.put_table(file, "history", history, units, descriptions)


def _put_network(group: h5py.Group, network: Network) -> None:
    group.attrs["n_in"] = network.n_in
    group.attrs["outputs"] = json.dumps(list(network.outputs.items()))
    group.attrs["wiring_key"] = network.wiring.key
    group.attrs["neuron_models"] = as_json(network.config.models)
    put_neurons(group, network, network.beta)
    store.put(group, "W_out", network.readout / (1 - network.kappa()), "1", "weights of the leaky readout")
    store.put(group, "bias", network.bias, "1", "added to the readout")
    store.put(group, "log_std", network.log_std, "1", "logarithm of the spread of the policy")
    cut = network.n_input_synapses
    weight = (network.signed_theta() * network.effect()).astype(np.float32)
    columns = {**network.synapses._asdict(), "weight": weight}
    for name, part, first in (("input", slice(None, cut), 0), ("recurrent", slice(cut, None), network.n_in)):
        synapses = group.create_group(name)
        for key, (_, unit, description) in _SYNAPSES.items():
            store.put(synapses, key, columns[key][part] - (first if key == "source" else 0), unit, description)
    group.attrs["checksum"] = _checksum(group)


def _checksum(group: h5py.Group) -> str:
    """Over every data set of /network."""
    return store.checksum({path: group[path][()] for path in _DATA_SETS})


def _learner_checksum(file: h5py.File) -> str:
    """Over every data set of /optimizer and every number of the learner's state."""
    optimizer, numbers = file["optimizer"], {"step": file["optimizer"].attrs["step"]}
    for name in ("curriculum", "guards", "rng"):
        numbers |= {f"{name}.{key}": value for key, value in file[name].attrs.items()}
    names: list[str] = []
    optimizer.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return store.checksum({name: optimizer[name][()] for name in names} | numbers)


def _put_learner(file: h5py.File, network: Network, state: LearnerState, seed: int) -> None:
    optimizer = file.create_group("optimizer")
    optimizer.attrs["step"] = state.adam_step
    exact = {"theta": network.synapses.theta, "readout": network.readout}
    for name, array in exact.items():
        store.put(optimizer, name, array, "effect", f"{name} in units of effect, double precision", compress=False)
    for moment in ("first", "second"):
        group = optimizer.create_group(moment)
        for name, array in getattr(state, moment).items():
            store.put(group, name, array, "1", f"{moment} moment of the gradient", compress=False)
    group = optimizer.create_group("average")
    for name, array in state.average.items():
        store.put(group, name, array, "effect", f"{name}, averaged over the last iterations", compress=False)
    for key in ("level", "widest_at", "running_return"):
        file.require_group("curriculum").attrs[key] = getattr(state, key)
    file.create_group("guards").attrs.update(state.watch._asdict())
    file.create_group("rng").attrs.update({"seed": seed, "iteration": state.iteration})
    optimizer.attrs["checksum"] = _learner_checksum(file)


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
    group = _group(file, "network")
    network = _read_network(group, _network_config(file, config))
    checksum = store.read_attribute(group, "checksum", str)
    history = _read_history(file)
    seed = store.read_attribute(file, "seed", int)
    _require(file, "@seed", 0 <= seed < 2**63, "a value in 0..2**63 - 1", seed)
    state = _read_learner(file, network, seed) if "optimizer" in file else None
    if state is not None:
        rows = 0 if history is None else len(history)
        _require(file, "history", rows == state.iteration, f"a row for each of {state.iteration} iterations", rows)
    command, commit = (store.read_attribute(file, name, str) for name in ("command", "git_commit"))
    return NetworkFile(network, config, seed, command, commit, checksum, history, state)


def _require(group: h5py.Group, name: str, holds: Any, rule: str, found: Any) -> None:
    """InputError unless the rule holds, for every entry if it is an array; names the first value that breaks it."""
    if np.all(holds):
        return
    value = np.asarray(found)[~holds][0] if isinstance(holds, np.ndarray) else found
    raise InputError(f"{group.file.filename}: {group.name.rstrip('/')}/{name}: must have {rule}, got {value!s:.80}")


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    found = parent.get(name)
    _require(parent, name, isinstance(found, h5py.Group), "the form of a group", type(found).__name__)
    return found


def _network_config(file: h5py.File, config: Mapping[str, Any]) -> NetworkConfig:
    try:
        return from_mapping(NetworkConfig, config.get("network"), "network")
    except InputError as error:
        raise InputError(f"{file.filename}: /@config: {error}") from error


def _read_network(group: h5py.Group, config: NetworkConfig) -> Network:
    n_in, outputs = store.read_attribute(group, "n_in", int), _read_outputs(group)
    _require(group, "@n_in", 0 <= n_in <= MOST_INPUTS, f"a value in 0..{MOST_INPUTS}", n_in)
    _check_models(group, config)
    tau_m_ms, beta = _read_neurons(group, config)
    key = store.read_attribute(group, "wiring_key", int)
    _require(group, "@wiring_key", 0 <= key < 2**63, "a value in 0..2**63 - 1", key)
    wiring = wiring_of(config, key, n_in)
    synapses, weight = _read_synapses(group, wiring)
    n_out = sum(outputs.values())
    network = Network(
        config, wiring, tau_m_ms, beta, synapses,
        _read_single(group, "W_out", (config.n_neurons, n_out)),
        _read_single(group, "bias", (n_out,)),
        _read_single(group, "log_std", (None,), LARGEST_LOG_STD),
        outputs,
    )  # fmt: skip
    stored, found = store.read_attribute(group, "checksum", str), _checksum(group)
    _require(group, "@checksum", stored == found, f"that of its data sets, {found}", stored)
    theta = weight / network.effect() * (synapses.sign if config.signed else 1)
    sound = (theta >= 0) | ~network.one_sign()
    _require(group, "weight", sound, "the sign of its synapse (Dale's law, DEEP R, a conductance)", weight)
    network.synapses = synapses._replace(theta=theta)
    network.readout = network.readout * (1 - network.kappa())
    return network


def _read_single(
    group: h5py.Group, name: str, shape: tuple[int | None, ...], largest: float = LARGEST_WEIGHT
) -> np.ndarray:
    """A data set whose numbers the kernels hold in single precision."""
    array = store.read(group, name, "f", shape)
    _require(group, name, np.abs(array) <= largest, f"values in -{largest:g}..{largest:g}", array)
    return array


def _check_models(group: h5py.Group, config: NetworkConfig) -> None:
    """The neuron models by which the network was trained are those that run it now."""
    earlier = as_json((LIF, ALIF))
    stored = store.read_attribute(group, "neuron_models", str) if "neuron_models" in group.attrs else earlier
    try:
        trained = {model["name"]: model for model in json.loads(stored)}
    except (ValueError, TypeError, KeyError, RecursionError):
        trained = {}
    for model in json.loads(as_json(config.models)):
        then = trained.get(model["name"], {})
        for key, value in model.items():
            rule = f"the {key} of the model {model['name']!r} that runs now, {value!r}"
            _require(group, "@neuron_models", then.get(key) == value, rule, then.get(key))


def _read_outputs(group: h5py.Group) -> dict[str, int]:
    text = store.read_attribute(group, "outputs", str)
    try:
        outputs = [(name, width) for name, width in json.loads(text)]
        sound = all(isinstance(name, str) and type(width) is int for name, width in outputs)
    except (ValueError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"{group.file.filename}: /network/@outputs: must be a list of [name, width], got {text!r:.80}")
    _require(group, "@outputs", len(dict(outputs)) == len(outputs), "each name once", text)
    _require(group, "@outputs", all(width >= 0 for _, width in outputs), "widths >= 0", text)
    return dict(outputs)


def _read_neurons(group: h5py.Group, config: NetworkConfig) -> tuple[np.ndarray, np.ndarray]:
    """tau_m_ms and beta, (N,) each."""
    shape = (config.n_neurons,)
    population = store.read(group, "population", "i", shape)
    tau_m_ms, b0, beta = (_read_single(group, name, shape) for name in ("tau_m_ms", "b0", "beta"))
    sizes = (config.n_excitatory, config.n_inhibitory, config.n_adaptive)
    kind = np.repeat(np.arange(3), sizes)
    _require(group, "population", population == kind, f"the sizes of the configuration, {sizes}", population)
    _require(group, "tau_m_ms", tau_m_ms > config.dt_ms, f"values > dt_ms = {config.dt_ms:g}", tau_m_ms)
    _require(group, "b0", b0 == config.b0, f"the value of the configuration, {config.b0:g}", b0)
    fits = (beta >= 0) & ((beta == 0) | (kind == 2))
    _require(group, "beta", fits, "values >= 0, and 0 in populations that do not adapt", beta)
    return tau_m_ms, beta


def _read_synapses(group: h5py.Group, wiring: Wiring) -> tuple[Synapses, np.ndarray]:
    """The synapses (theta still 0) and their weights, inputs first, held against the wiring."""
    parts = []
    for name, n_sources, first in (("input", wiring.n_in, 0), ("recurrent", wiring.n_neurons, wiring.n_in)):
        synapses = _group(group, name)
        length: int | None = None
        columns = {}
        for key, (kind, _, _) in _SYNAPSES.items():
            columns[key] = store.read(synapses, key, kind, (length,))
            length = len(columns[key])
        for key, limit in (("source", n_sources), ("target", wiring.n_neurons)):
            inside = (columns[key] >= 0) & (columns[key] < limit)
            _require(synapses, key, inside, f"values in 0..{limit - 1}", columns[key])
        columns["source"] = columns["source"] + np.int32(first)
        parts.append(columns)
    joined = {key: np.concatenate([part[key] for part in parts]) for key in _SYNAPSES}
    weight = joined.pop("weight").astype(float)
    synapses = Synapses(**joined, theta=np.zeros(len(weight)))
    _check_wiring(group, wiring, synapses)
    return synapses, weight


def _check_wiring(group: h5py.Group, wiring: Wiring, synapses: Synapses) -> None:
    pairs = pair_numbers(wiring, synapses)
    count = len(np.unique(pairs))
    _require(
        group, "input, recurrent", count == len(pairs), "each pair of cells once", f"{len(pairs) - count} repeated"
    )
    onto_others = synapses.source - wiring.n_in != synapses.target
    _require(group, "recurrent", onto_others, "no synapse of a neuron onto itself", synapses.target)
    in_range = (synapses.delay >= 1) & (synapses.delay <= wiring.d_max)
    _require(group, "delay", in_range, f"values in 1..{wiring.d_max}", synapses.delay)
    expected, order = synapses_of_pairs(wiring, pairs, synapses.theta)
    _require(group, "source", order == np.arange(len(order)), "the order of source, delay and target", synapses.source)
    for key in ("delay", "sign"):
        found = getattr(synapses, key)
        _require(group, key, getattr(expected, key) == found, "the values that wiring_key and populations fix", found)


def _read_history(file: h5py.File) -> np.ndarray | None:
    if "history" not in file:
        return None
    names = getattr(getattr(file["history"], "dtype", None), "names", None) or ()
    columns = dict.fromkeys(("iteration", "minutes", *names), "f")
    history = store.read_table(file, "history", columns, finite=False)
    iteration, minutes = history["iteration"], history["minutes"]
    _require(file, "history", len(history) > 0, "a row", len(history))
    _require(file, "history[iteration]", iteration == np.arange(len(history)), "the numbers 0, 1, ...", iteration)
    rising = np.isfinite(minutes) & (np.diff(minutes, prepend=0) >= 0)
    _require(file, "history[minutes]", rising, "finite values that rise from 0 on", minutes)
    return history[list(names)]


def _read_learner(file: h5py.File, network: Network, seed: int) -> LearnerState:
    """The learner's state; puts the exact parameters into the network."""
    optimizer, curriculum, rng = (_group(file, name) for name in ("optimizer", "curriculum", "rng"))
    frozen = network.weights()
    theta = store.read(optimizer, "theta", "f", network.synapses.theta.shape)
    _require(optimizer, "theta", (theta >= 0) | ~network.one_sign(), "values >= 0", theta)
    network.synapses = network.synapses._replace(theta=theta)
    network.readout = store.read(optimizer, "readout", "f", network.readout.shape)
    _check_same_weights(optimizer, frozen, network.weights())
    step, iteration = store.read_attribute(optimizer, "step", int), store.read_attribute(rng, "iteration", int)
    drawn_from = store.read_attribute(rng, "seed", int)
    _require(rng, "@seed", drawn_from == seed, f"the seed of the file, {seed}", drawn_from)
    _require(rng, "@iteration", iteration >= 0, "a value >= 0", iteration)
    _require(optimizer, "@step", step >= 0, "a value >= 0", step)
    level, running_return = (store.read_attribute(curriculum, key, float) for key in ("level", "running_return"))
    _require(curriculum, "@level", level == -1 or 0 <= level <= 1, "the value -1 or one in 0..1", level)
    _require(curriculum, "@running_return", np.isfinite(running_return), "a finite value", running_return)
    widest_at = store.read_attribute(curriculum, "widest_at", int)
    _require(curriculum, "@widest_at", 0 <= widest_at <= iteration, f"a value in 0..{iteration}", widest_at)
    first, second = (_read_moments(optimizer, name, network) if step else {} for name in ("first", "second"))
    watch = _read_watch(_group(file, "guards"), iteration)
    average = _read_learnt(_group(optimizer, "average"), network, ("theta", "readout", "bias"))
    stored, found = store.read_attribute(optimizer, "checksum", str), _learner_checksum(file)
    _require(optimizer, "@checksum", stored == found, f"that of its data sets and numbers, {found}", stored)
    return LearnerState(iteration, level, widest_at, running_return, step, first, second, average, watch)


def _read_watch(group: h5py.Group, iteration: int) -> Watch:
    iterations, in_a_row = (store.read_attribute(group, key, int) for key in ("iterations", "in_a_row"))
    mean, variance = (store.read_attribute(group, key, float) for key in ("mean", "variance"))
    watch = Watch(iterations, mean, variance, in_a_row)
    sound = np.isfinite([mean, variance]).all() and min(iterations, in_a_row, variance) >= 0
    _require(group, "@iterations, ...", sound, "finite numbers, none but the mean below 0", tuple(watch))
    counted = max(iterations, in_a_row) <= iteration
    _require(group, "@iterations, ...", counted, f"counts of at most {iteration}", tuple(watch))
    return watch


def _check_same_weights(group: h5py.Group, frozen: Weights, exact: Weights) -> None:
    """The exact parameters are those whose weights, rounded, stand in /network."""
    for a, b in ((frozen.inputs, exact.inputs), (frozen.recurrent, exact.recurrent), (frozen.readout, exact.readout)):
        same = np.isclose(a.weight, b.weight, rtol=1e-5, atol=1e-30)
        _require(group, "theta, readout", same, "the weights of /network", b.weight)


def _read_moments(optimizer: h5py.Group, name: str, network: Network) -> dict[str, np.ndarray]:
    group = _group(optimizer, name)
    moments = _read_learnt(group, network, ("theta", "readout", "bias", "log_std"))
    if name == "second":
        for key, moment in moments.items():
            _require(group, key, moment >= 0, "values >= 0", moment)
    return moments


def _read_learnt(group: h5py.Group, network: Network, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays in the shapes of what is learnt."""
    shapes = {
        "theta": network.synapses.theta.shape, "readout": network.readout.shape,
        "bias": network.bias.shape, "log_std": network.log_std.shape,
    }  # fmt: skip
    return {name: store.read(group, name, "f", shapes[name]) for name in names}
