"""Writes network files of schema 2, as they were until November 2026: they are read for ever, so tested for ever."""

import json

import numpy as np

from lsnn.files import store
from lsnn.files.learner_state import learner_checksum
from lsnn.files.network_file import put_history, put_neurons
from lsnn.files.network_schema_2 import checksum_of
from lsnn.neuron_files import as_json

_SYNAPSES = {
    "source": ("i", "1", "presynaptic cell: number of the input cell, or of the neuron"),
    "target": ("i", "1", "postsynaptic neuron"),
    "delay": ("i", "ms", "a spike at step t reaches the membrane at step t + delay"),
    "sign": ("i", "1", "the pair's fixed sign; binding under Dale's law and DEEP R"),
    "weight": ("f", "unit of v", "added to the current I of the target by a spike"),
}


def save_schema_2(path, network, config, seed, command, history=None, learner_state=None):
    """`lsnn.files.network_file.save_network` as it was."""
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("network", config, seed, command) | {"schema_version": 2})
        file.attrs["iterations"] = 0 if history is None else len(history)
        _put_network(file.create_group("network"), network)
        if history is not None:
            put_history(file, history)
        if learner_state is not None:
            _put_learner(file, network, learner_state, seed)


def _put_network(group, network):
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
    group.attrs["checksum"] = checksum_of(group)


def _put_learner(file, network, state, seed):
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
    optimizer.attrs["checksum"] = learner_checksum(file)
