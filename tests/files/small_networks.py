"""Small networks and checkpoints for tests of their files, and files that were changed by hand."""

from contextlib import suppress
from dataclasses import replace

import h5py
import numpy as np

from lsnn.configuration import to_mapping
from lsnn.errors import InputError
from lsnn.files import network_group, store
from lsnn.files.learner_state import learner_checksum
from lsnn.files.network_file import save_network
from lsnn.learning.state import LearnerState
from lsnn.network import NetworkConfig, build_network
from tests.test_network import LEAKY

N_IN, OUTPUTS, LOG_STD = 12, {"action": 2, "value": 1}, np.log([0.5, 0.6])
FREE = NetworkConfig(n_excitatory=8, n_inhibitory=4, n_adaptive=6, dale=False, rewire=False, connectivity=0.8)
DALE = NetworkConfig(n_excitatory=8, n_inhibitory=4, n_adaptive=6, connectivity=0.5)
EXCITED = replace(FREE, adaptive_model=LEAKY)  # synapses onto the last six neurons add to a conductance


def network_of(config, seed=3):
    return build_network(config, N_IN, OUTPUTS, LOG_STD, np.random.SeedSequence(seed))


def learner_state(network):
    generator = np.random.default_rng(5)
    shapes = {
        "theta": network.synapses.theta.shape, "readout": network.readout.shape, "bias": network.bias.shape,
        "log_std": network.log_std.shape,
    }  # fmt: skip
    first, second = ({key: generator.random(shape) for key, shape in shapes.items()} for _ in range(2))
    average = {key: generator.random(shapes[key]) for key in ("theta", "readout", "bias")}
    return LearnerState(2, 0.1 + 0.2, 1, 1 / 3, 2, first, second, average)


def history():
    rows = [(0.0, 0.5, 1.5, np.nan), (1.0, 0.5, np.inf, 2.0)]
    names = ("iteration", "minutes", "first_latency_ms", "whole_pool_visits")
    return np.array(rows, [(name, np.float64) for name in names])


def saved(path, network, save=save_network, **more):
    config = {"task": {"name": "some-task"}, "network": to_mapping(network.config), "learning": {}}
    save(path, network, config, 11, "lsnn train some-task", **more)
    return path


def whole_checkpoint(path, config=None, save=save_network):
    network = network_of(DALE if config is None else config)
    return saved(path, network, save, history=history(), learner_state=learner_state(network))


def assert_same_bits(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def assert_same_network(a, b):
    """Equal in every array, type and bit, and in what says what they are of."""
    for name, array in a.synapses._asdict().items():
        assert_same_bits(array, getattr(b.synapses, name))
    for name in ("tau_m_ms", "beta", "readout", "bias", "log_std"):
        assert_same_bits(getattr(a, name), getattr(b, name))
    assert a.config == b.config and list(a.outputs.items()) == list(b.outputs.items())
    assert_same_bits(a.wiring.source_sign, b.wiring.source_sign)
    assert a.wiring._replace(source_sign=None) == b.wiring._replace(source_sign=None)


# Files changed by hand

UNSOUND = (InputError, LookupError, TypeError, ValueError, AttributeError, OSError, RuntimeError)  # no checksum to make


def mutated(path, change, checksum=True):
    """The file after a change, its seal (and its checksums, where they can be made) to fit again."""
    with h5py.File(path, "r+") as file:
        change(file)
        if checksum:
            with suppress(*UNSOUND):
                file["network"].attrs["checksum"] = network_checksum(file)
            with suppress(*UNSOUND):
                file["optimizer"].attrs["checksum"] = learner_checksum(file)
        store.fix_text(file)
    store.seal(path)
    return path


def network_checksum(file):
    """Of all data sets of /network; of schema 3 the readout's columns besides."""
    if file.attrs["schema_version"] == 2:
        network, names = file["network"], []
        network.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        return store.checksum({name: network[name][()] for name in names})
    return network_group.checksum_of(file["network"])


def entry(name, index, value):
    def change(file):
        file[name][index] = value

    return change


def attribute(name, key, value):
    return lambda file: file[name].attrs.__setitem__(key, value)


def replaced(name, array):
    def change(file):
        del file[name]
        file[name] = array

    return change


def set_config(old, new):
    def change(file):
        config = store.read_attribute(file, "config", str)
        assert old in config
        file.attrs["config"] = config.replace(old, new)

    return change
