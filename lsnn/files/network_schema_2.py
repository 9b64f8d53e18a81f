"""The group /network of schema 2, which was written until November 2026 and is read for ever.

/network     attributes n_in, outputs, wiring_key, checksum (SHA-256 of all data sets below), neuron_models
             (JSON: the strings of the two models of its neurons; a file without it has lif and alif)
    population, tau_m_ms, b0, beta (N,)           W_out (N, n_out)          bias (n_out,)     log_std (n_action,)
    input/, recurrent/                            source, target, delay, sign, weight: one entry a synapse
"""

import json

import h5py
import numpy as np

from lsnn.files import store
from lsnn.files.network_group import LARGEST_LOG_STD, MOST_INPUTS, read_outputs
from lsnn.files.rules import group_of, placed, read_single, require
from lsnn.network import Network, NetworkConfig, wiring_of
from lsnn.neuron_files import as_json
from lsnn.neurons import ALIF, LIF
from lsnn.wiring import Synapses, Wiring, pair_numbers, synapses_of_pairs

_SYNAPSES = {"source": "i", "target": "i", "delay": "i", "sign": "i", "weight": "f"}
_DATA_SETS = (
    "population", "tau_m_ms", "b0", "beta", "W_out", "bias", "log_std",
    *(f"{part}/{key}" for part in ("input", "recurrent") for key in _SYNAPSES),
)  # fmt: skip


def read_network(group: h5py.Group, config: NetworkConfig) -> tuple[Network, np.ndarray]:
    """The network, and where each of its synapses stands among those of the file, (S,)."""
    n_in, outputs = store.read_attribute(group, "n_in", int), read_outputs(group)
    require(group, "@n_in", 0 <= n_in <= MOST_INPUTS, f"a value in 0..{MOST_INPUTS}", n_in)
    _check_models(group, config)
    tau_m_ms, beta = _read_neurons(group, config)
    key = store.read_attribute(group, "wiring_key", int)
    require(group, "@wiring_key", 0 <= key < 2**63, "a value in 0..2**63 - 1", key)
    wiring = wiring_of(config, key, n_in)
    synapses, weight = _read_synapses(group, wiring)
    n_out = sum(outputs.values())
    network = Network(
        config, wiring, tau_m_ms, beta, synapses,
        read_single(group, "W_out", (config.n_neurons, n_out)),
        read_single(group, "bias", (n_out,)),
        read_single(group, "log_std", (None,), LARGEST_LOG_STD),
        outputs,
    )  # fmt: skip
    stored, found = store.read_attribute(group, "checksum", str), checksum_of(group)
    require(group, "@checksum", stored == found, f"that of its data sets, {found}", stored)
    with placed(group):
        effect = network.effect()
    theta = weight / effect * (synapses.sign if config.signed else 1)
    sound = (theta >= 0) | ~network.one_sign()
    require(group, "weight", sound, "the sign of its synapse (Dale's law, DEEP R, a conductance)", weight)
    network.synapses = synapses._replace(theta=theta)
    network.readout = network.readout * (1 - network.kappa())
    return network, np.arange(len(theta))


def checksum_of(group: h5py.Group) -> str:
    """Over every data set of /network."""
    return store.checksum({path: group[path][()] for path in _DATA_SETS})


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
            require(group, "@neuron_models", then.get(key) == value, rule, then.get(key))


def _read_neurons(group: h5py.Group, config: NetworkConfig) -> tuple[np.ndarray, np.ndarray]:
    """tau_m_ms and beta, (N,) each."""
    shape = (config.n_neurons,)
    population = store.read(group, "population", "i", shape)
    tau_m_ms, b0, beta = (read_single(group, name, shape) for name in ("tau_m_ms", "b0", "beta"))
    sizes = (config.n_excitatory, config.n_inhibitory, config.n_adaptive)
    kind = np.repeat(np.arange(3), sizes)
    require(group, "population", population == kind, f"the sizes of the configuration, {sizes}", population)
    require(group, "tau_m_ms", tau_m_ms > config.dt_ms, f"values > dt_ms = {config.dt_ms:g}", tau_m_ms)
    require(group, "b0", b0 == config.b0, f"the value of the configuration, {config.b0:g}", b0)
    fits = (beta >= 0) & ((beta == 0) | (kind == 2))
    require(group, "beta", fits, "values >= 0, and 0 in populations that do not adapt", beta)
    return tau_m_ms, beta


def _read_synapses(group: h5py.Group, wiring: Wiring) -> tuple[Synapses, np.ndarray]:
    """The synapses (theta still 0) and their weights, inputs first, held against the wiring."""
    parts = []
    for name, n_sources, first in (("input", wiring.n_in, 0), ("recurrent", wiring.n_neurons, wiring.n_in)):
        synapses = group_of(group, name)
        length: int | None = None
        columns = {}
        for key, kind in _SYNAPSES.items():
            columns[key] = store.read(synapses, key, kind, (length,))
            length = len(columns[key])
        for key, limit in (("source", n_sources), ("target", wiring.n_neurons)):
            inside = (columns[key] >= 0) & (columns[key] < limit)
            require(synapses, key, inside, f"values in 0..{limit - 1}", columns[key])
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
    require(group, "input, recurrent", count == len(pairs), "each pair of cells once", f"{len(pairs) - count} repeated")
    onto_others = synapses.source - wiring.n_in != synapses.target
    require(group, "recurrent", onto_others, "no synapse of a neuron onto itself", synapses.target)
    in_range = (synapses.delay >= 1) & (synapses.delay <= wiring.d_max)
    require(group, "delay", in_range, f"values in 1..{wiring.d_max}", synapses.delay)
    expected, order = synapses_of_pairs(wiring, pairs, synapses.theta)
    require(group, "source", order == np.arange(len(order)), "the order of source, delay and target", synapses.source)
    for key in ("delay", "sign"):
        found = getattr(synapses, key)
        require(group, key, getattr(expected, key) == found, "the values that wiring_key and populations fix", found)
