"""Network files: the same network comes back, bit for bit; whatever breaks a rule does not."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from lsnn.configuration import to_mapping
from lsnn.errors import DivergedError, InputError
from lsnn.files import network_file as files
from lsnn.files import store
from lsnn.files.network_file import load_network, network_sha256, save_network, weights_sha256
from lsnn.meta import LearnerState
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
    names = ("iteration", "minutes", "first_search_ms", "whole_pool_goals")
    return np.array(rows, [(name, np.float64) for name in names])


def saved(path, network, **more):
    config = {"task": {"name": "some-task"}, "network": to_mapping(network.config), "learning": {}}
    save_network(path, network, config, 11, "lsnn train some-task", **more)
    return path


@pytest.fixture
def checkpoint(tmp_path):
    network = network_of(DALE)
    return saved(tmp_path / "c.lsnn.h5", network, history=history(), learner_state=learner_state(network))


def assert_same_bits(a, b):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


# What comes back


@pytest.mark.parametrize("config", [FREE, DALE, EXCITED])
def test_checkpoint_comes_back_bit_for_bit(tmp_path, config):
    network = network_of(config)
    state = learner_state(network)
    file = load_network(saved(tmp_path / "c.h5", network, history=history(), learner_state=state))
    for name in ("source", "target", "delay", "sign", "theta"):
        assert_same_bits(getattr(file.network.synapses, name), getattr(network.synapses, name))
    for name in ("tau_m_ms", "beta", "readout", "bias", "log_std"):
        assert_same_bits(getattr(file.network, name), getattr(network, name))
    assert file.network.config == config and dict(file.network.outputs) == OUTPUTS
    assert file.network.wiring[:4] == network.wiring[:4]
    assert file.learner_state[:5] == state[:5]
    for moment in ("first", "second"):
        for name, array in getattr(state, moment).items():
            assert_same_bits(getattr(file.learner_state, moment)[name], array)


@pytest.mark.parametrize("config", [FREE, DALE])
def test_frozen_network_comes_back_with_the_weights_the_kernels_use(tmp_path, config):
    network = network_of(config)
    file = load_network(saved(tmp_path / "n.h5", network))
    assert file.learner_state is None
    assert network_sha256(file.network) == network_sha256(network)
    np.testing.assert_allclose(file.network.synapses.theta, network.synapses.theta, rtol=1e-7)


def test_where_it_comes_from_is_kept(checkpoint):
    file = load_network(checkpoint)
    assert (file.seed, file.command) == (11, "lsnn train some-task")
    assert file.config["task"] == {"name": "some-task"}
    assert file.history.dtype == history().dtype and file.history.tobytes() == history().tobytes()


def test_before_the_first_update_there_are_no_moments(tmp_path):
    network = network_of(FREE)
    state = learner_state(network)._replace(iteration=0, level=-1.0, widest_at=0, adam_step=0, first={}, second={})
    file = load_network(saved(tmp_path / "c.h5", network, learner_state=state))
    assert file.learner_state[:7] == state[:7] and file.history is None


def test_weights_stand_in_the_units_of_the_equations(tmp_path):
    """w' = w (1 - alpha_j) / b0 for synapses, w' = w (1 - kappa) for the readout."""
    network = network_of(DALE)
    saved(tmp_path / "n.h5", network)
    with h5py.File(tmp_path / "n.h5") as file:
        recurrent, readout = file["network/recurrent"], file["network/W_out"][()]
        weight, target, source = (recurrent[name][()] for name in ("weight", "target", "source"))
    effect = weight * (1 - np.exp(-1 / network.tau_m_ms[target])) / DALE.b0
    np.testing.assert_allclose(effect, network.signed_theta()[network.n_input_synapses :], rtol=1e-6)
    np.testing.assert_allclose(readout * (1 - np.exp(-1 / DALE.tau_out_ms)), network.readout, rtol=1e-12)
    inhibitory = (source >= DALE.n_excitatory) & (source < DALE.n_excitatory + DALE.n_inhibitory)
    assert (weight[inhibitory] <= 0).all() and (weight[~inhibitory] >= 0).all()


def test_every_data_set_has_units_and_a_description(checkpoint):
    bare = []
    with h5py.File(checkpoint) as file:
        file.visititems(
            lambda name, item: (
                bare.append(name)
                if isinstance(item, h5py.Dataset) and not {"units", "description"} <= set(item.attrs)
                else None
            )
        )
        assert len(file["network"]) > 5
    assert bare == []


UNREADABLE = {  # array, place in it, value, what is said
    "a readout": (lambda network, state: network.readout, (1, 1), np.nan, "network/W_out: must be finite"),
    "a synapse": (lambda network, state: network.synapses.theta, 2, 1e60, "input/weight: must be finite, got -?inf"),
    "a spread": (lambda network, state: network.log_std, 0, np.inf, "network/log_std: must be finite"),
    "an average": (lambda network, state: state.average["bias"], 0, -np.inf, "average/bias: must be finite"),
    "a moment": (lambda network, state: state.second["bias"], 0, -1.0, "second/bias: must have values >= 0"),
    "no beta": (lambda network, state: network.beta, 3, 1.0, "network/beta: must have values >= 0, and 0"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_could_not_be_read_again_is_not_written(tmp_path, what):
    array_of, place, value, message = UNREADABLE[what]
    network = network_of(DALE)
    state = learner_state(network)
    path = saved(tmp_path / "c.h5", network, history=history(), learner_state=state)
    before = path.read_bytes()
    array_of(network, state)[place] = value
    rule = f"{path}: is not written, since it could not be read again: /.*{message}.*; what stood there is unharmed"
    with np.errstate(over="ignore"), pytest.raises(DivergedError, match=rule):
        saved(path, network, history=history(), learner_state=state)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["c.h5"]


def changed(**changes):
    """The network of DALE whose configuration is another, all that is learnt and drawn the same."""
    network = network_of(DALE)
    return replace(network, config=replace(DALE, **changes))


OTHERS = {
    "a bias": lambda: replace(network_of(DALE), bias=np.array([0.0, 1e-3, 0.0])),
    "a weight": lambda: network_of(DALE, seed=4),
    "beta": lambda: replace(network_of(DALE), beta=1.01 * network_of(DALE).beta),
    "b0": lambda: changed(b0=0.011),
    "tau_m": lambda: replace(network_of(DALE), tau_m_ms=network_of(DALE).tau_m_ms + 0.5),
    "tau_a": lambda: changed(tau_a_ms=1300.0),
    "refractory time": lambda: changed(refractory_ms=4),
    "tau_out": lambda: changed(tau_out_ms=25.0),
    "dt": lambda: changed(dt_ms=0.5),
    "model": lambda: changed(adaptive_model="sfa"),
    "surrogate": lambda: changed(surrogate="gaussian"),
    "spread": lambda: replace(network_of(DALE), log_std=np.zeros(2)),
    "readouts": lambda: replace(network_of(DALE), outputs={"value": 1, "action": 2}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_checksum_tells_networks_apart_that_compute_differently(what):
    assert network_sha256(network_of(DALE)) == network_sha256(network_of(DALE)) != network_sha256(OTHERS[what]())


def test_the_checksum_of_older_results_is_that_of_wiring_weights_and_biases():
    network, other = network_of(DALE), network_of(DALE)
    w, older = network.weights(), weights_sha256(network.weights())
    rows = {f"{part}.{key}": getattr(getattr(w, part), key) for part in ("inputs", "recurrent")
            for key in ("start", "offset", "weight")}  # fmt: skip
    assert older == store.checksum({"W_out": w.readout.weight, "bias": w.readout.bias} | rows)
    assert older == weights_sha256(replace(other, beta=2 * other.beta).weights())
    other.bias[0] += 1e-3
    assert older != weights_sha256(other.weights())


def test_frozen_network_of_the_paper_is_small(tmp_path):
    network = build_network(NetworkConfig(), 160, OUTPUTS, LOG_STD, np.random.SeedSequence(0))
    assert saved(tmp_path / "n.h5", network).stat().st_size < 3e6


# What does not


def mutated(path, change, checksum=True):
    """The file after a change, its seal (and its checksum) made to fit again."""
    with h5py.File(path, "r+") as file:
        change(file)
        if checksum and "network" in file:
            network = file["network"]
            names: list[str] = []
            network.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            network.attrs["checksum"] = store.checksum({name: network[name][()] for name in names})
            if {"optimizer", "curriculum", "guards", "rng"} <= set(file):
                file["optimizer"].attrs["checksum"] = files._learner_checksum(file)
        store.fix_text(file)
    store.seal(path)
    return path


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


def repeated(file):
    """The first recurrent synapse twice."""
    for array in list(file["network/recurrent"]):
        column = file[f"network/recurrent/{array}"][()]
        replaced(f"network/recurrent/{array}", np.concatenate([column[:1], column]))(file)


def flipped(file):
    """One weight of the wrong sign."""
    weight = file["network/recurrent/weight"]
    place = int(np.argmax(np.abs(weight[()])))
    weight[place] = -weight[place]


def onto_itself(file):
    """The first recurrent synapse becomes an autapse."""
    recurrent = file["network/recurrent"]
    recurrent["target"][0] = recurrent["source"][0]


def set_config(old, new):
    def change(file):
        config = store.read_attribute(file, "config", str)
        assert old in config
        file.attrs["config"] = config.replace(old, new)

    return change


def test_a_negative_weight_onto_a_conductance_is_refused(tmp_path):
    network = network_of(EXCITED)
    theta = network.synapses.theta.copy()
    theta[np.flatnonzero(network.one_sign())[3]] *= -1
    network.synapses = network.synapses._replace(theta=theta)
    rule = r"not written.* /network/weight: must have the sign of its synapse \(.*, a conductance\)"
    with pytest.raises(DivergedError, match=rule):
        saved(tmp_path / "c.h5", network)


def test_a_mutation_that_changes_nothing_still_loads(checkpoint):
    assert load_network(mutated(checkpoint, lambda file: None)).seed == 11


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry("network/recurrent/weight", 0, np.nan), "recurrent/weight: must be finite, got nan"),
        (entry("network/W_out", (0, 0), np.inf), "W_out: must be finite, got inf"),
        (flipped, r"network/weight: must have the sign of its synapse .* got"),
        (entry("network/recurrent/source", -1, 99), "recurrent/source: must have values in 0..17, got 99"),
        (entry("network/input/source", 0, -1), "input/source: must have values in 0..11, got -1"),
        (entry("network/input/target", 0, 18), "input/target: must have values in 0..17, got 18"),
        (entry("network/input/delay", 0, 0), "delay: must have values in 1..10, got 0"),
        (entry("network/input/delay", 0, 11), "delay: must have values in 1..10, got 11"),
        (entry("network/recurrent/sign", slice(None), -1), "sign: must have the values that wiring_key"),
        (attribute("network", "wiring_key", 4), "must have the values that wiring_key|must have the order"),
        (repeated, "must have each pair of cells once, got 1 repeated"),
        (onto_itself, "must have no synapse of a neuron onto itself|each pair of cells once"),
        (entry("network/tau_m_ms", 2, -20.0), "tau_m_ms: must have values > dt_ms = 1, got -20.0"),
        (entry("network/tau_m_ms", 2, 0.5), "tau_m_ms: must have values > dt_ms = 1, got 0.5"),
        (entry("network/b0", 0, 0.02), "b0: must have the value of the configuration, 0.01, got 0.02"),
        (entry("network/beta", 0, 1.0), "beta: must have values >= 0, and 0 in populations that do not adapt, got 1.0"),
        (entry("network/population", 0, 2), "population: must have the sizes of the configuration"),
        (replaced("network/bias", np.zeros(4)), r"bias: must have shape \(3\), got \(4,\)"),
        (replaced("network/input/weight", np.zeros(5, np.float32)), "input/weight: must have shape"),
        (replaced("network/recurrent/delay", np.zeros(3)), "recurrent/delay: must be of type signed integer"),
        (attribute("network", "n_in", 13), "must have"),
        (attribute("network", "n_in", 2**40), "@n_in: must have a value in 0..16777216, got 1099511627776"),
        (attribute("network", "outputs", "{"), "@outputs: must be a list of"),
        *((attribute("network", "outputs", text), "@outputs: must be a list of") for text in (
            '[["action", 1e999]]', '[["action", NaN]]', '[["action", 2.0], ["value", 1]]', '[["action", "3"]]',
            '[["action", true]]', '[[3, 3]]', '[["action"]]', "3", "null", '{"action": 3}', "[" * 9000,
        )),
        (attribute("network", "outputs", f'[["action", {2**70}], ["value", 1]]'), "W_out: must have shape"),
        (attribute("network", "outputs", '[["action", 1000000000]]'), "W_out: must have shape"),
        (attribute("network", "outputs", '[["action", 2], ["action", 1]]'), "@outputs: must have each name once"),
        (attribute("network", "wiring_key", -1), r"@wiring_key: must have a value in 0..2\*\*63 - 1, got -1"),
        (attribute("network", "wiring_key", np.uint64(2**63)), r"@wiring_key: must have a value in"),
        (attribute("network", "wiring_key", 1.0), "@wiring_key: must be of type int, got 1.0"),
        (attribute("network", "n_in", -1), "@n_in: must have a value in"),
        (attribute("/", "seed", -1), r"/@seed: must have a value in 0..2\*\*63 - 1, got -1"),
        (attribute("/", "seed", np.uint64(2**63)), "/@seed: must have a value in"),
        (attribute("/", "seed", np.inf), "/@seed: must be of type int, got inf"),
        (replaced("network/input/source", np.zeros(3, np.int8)), "input/target: must have shape"),
        (entry("network/W_out", (0, 0), 1e300), "W_out: must have values in -3.40282e\\+38..3.40282e\\+38, got 1e"),
        (entry("network/log_std", 0, 700.0), "log_std: must have values in -80..80, got 700.0"),
        (entry("network/beta", -1, 1e39), "beta: must have values in -3.4"),
        (set_config('"n_excitatory": 8', f'"n_excitatory": {2**70}'), "network.n_excitatory must be below"),
        (set_config('"n_excitatory": 8', '"n_excitatory": 1000000000'), "n_adaptive must lie in 1..10000000"),
        (set_config('"n_excitatory": 8', '"n_excitatory": -1'), "n_excitatory must be >= 0, got -1"),
        (set_config('"d_max_ms": 10', '"d_max_ms": 1e999'), "network.d_max_ms must be a whole number, got inf"),
        (set_config('"tau_a_ms": 1200.0', '"tau_a_ms": 1e999'), "network.tau_a_ms must be a finite number, got inf"),
        (attribute("network", "neuron_models", "{"), "@neuron_models: must have the name of the model 'lif'"),
        (attribute("network", "outputs", '[["action", -3]]'), "@outputs: must have widths >= 0"),
        (set_config('"n_excitatory": 8', '"n_excitatory": 9'), "population: must have shape"),
        (set_config('"tau_a_ms": 1200.0', '"tau_a_ms": -1200.0'), "network.tau_a_ms must be > dt_ms"),
        (set_config('"b0": 0.01', '"baseline": 0.01'), "@config: network has no key 'baseline'"),
        (set_config('"network"', '"net"'), "@config: network must be a mapping"),
        (entry("optimizer/theta", 0, -1e-3), "optimizer/theta: must have values >= 0, got -0.001"),
        (entry("optimizer/theta", 0, 5.0), "theta, readout: must have the weights of /network"),
        (replaced("optimizer/first/bias", np.zeros(2)), "first/bias: must have shape"),
        (entry("optimizer/second/bias", 0, -1.0), "second/bias: must have values >= 0, got -1.0"),
        (attribute("rng", "seed", 12), "@seed: must have the seed of the file, 11, got 12"),
        (attribute("rng", "iteration", 3), "history: must have a row for each of 3 iterations, got 2"),
        (attribute("rng", "iteration", 10**9), "history: must have a row for each of 1000000000 iterations, got 2"),
        (attribute("rng", "iteration", -1), "@iteration: must have a value >= 0, got -1"),
        (attribute("optimizer", "step", -1), "@step: must have a value >= 0, got -1"),
        (attribute("curriculum", "widest_at", 10**9), "@widest_at: must have a value in 0..2, got 1000000000"),
        (attribute("curriculum", "widest_at", -1), "@widest_at: must have a value in 0..2, got -1"),
        (attribute("curriculum", "running_return", np.inf), "@running_return: must have a finite value"),
        (attribute("guards", "iterations", 10**9), "@iterations, ...: must have counts of at most 2"),
        (attribute("guards", "in_a_row", np.uint64(2**64 - 1)), "@iterations, ...: must have counts of at most 2"),
        (entry("history", "minutes", np.nan), r"history\[minutes\]: must have finite values that rise from 0 on"),
        (entry("history", "minutes", -1.0), r"history\[minutes\]: must have finite values that rise from 0 on"),
        (entry("history", "iteration", 1e9), r"history\[iteration\]: must have the numbers 0, 1, ..., got 1000000000"),
        (lambda file: replaced("history", history()[:0])(file), "history: must have a row, got 0"),
        (lambda file: replaced("history", history()[["iteration"]])(file), "history: must have a column 'minutes'"),
        (attribute("curriculum", "level", 1.5), "@level: must have the value -1 or one in 0..1, got 1.5"),
        (attribute("guards", "variance", -1.0), "must have finite numbers, none but the mean below 0"),
        (lambda file: file.__delitem__("rng"), "rng: must have the form of a group, got NoneType"),
        (lambda file: file.__delitem__("network"), "network: must have the form of a group"),
        (replaced("history", np.zeros(2)), "history: must be a table"),
    ],
)  # fmt: skip
def test_broken_rule_is_named(checkpoint, change, message):
    with pytest.raises(InputError, match=message) as caught:
        load_network(mutated(checkpoint, change))
    assert str(caught.value).startswith(str(checkpoint))


def without_models(file):
    del file["network"].attrs["neuron_models"]


def test_a_file_without_its_models_has_lif_and_alif(checkpoint, tmp_path):
    network = load_network(mutated(checkpoint, without_models)).network
    assert [model.name for model in network.config.models] == ["lif", "alif"]
    other = saved(tmp_path / "s.lsnn.h5", network_of(replace(FREE, adaptive_model="sfa")))
    assert load_network(other).network.config.models[1].name == "sfa"
    message = "@neuron_models: must have the name of the model 'sfa' that runs now, .* got None"
    with pytest.raises(InputError, match=message):
        load_network(mutated(other, without_models))


def test_a_network_of_other_equations_is_refused(checkpoint):
    def change(file):
        models = store.read_attribute(file["network"], "neuron_models", str)
        assert "v > b0 + beta*b" in models
        file["network"].attrs["neuron_models"] = models.replace("v > b0 + beta*b", "v > b0 + 2*beta*b")

    now, then = r"'v > b0 \+ beta\*b'", r"v > b0 \+ 2\*beta\*b"
    with pytest.raises(InputError, match=rf"the threshold of the model 'alif' that runs now, {now}, got {then}"):
        load_network(mutated(checkpoint, change))


def test_checksum_guards_the_network(checkpoint):
    with pytest.raises(InputError, match="@checksum: must have that of its data sets"):
        load_network(mutated(checkpoint, entry("network/bias", 0, 7.0), checksum=False))


@pytest.mark.parametrize(
    "change", [entry("optimizer/average/bias", 0, 7.0), attribute("curriculum", "level", 0.5)]
)
def test_checksum_guards_the_state_of_learning(checkpoint, change):
    with pytest.raises(InputError, match="optimizer/@checksum: must have that of its data sets and numbers"):
        load_network(mutated(checkpoint, change, checksum=False))


def test_result_file_is_no_network(tmp_path):
    with store.write_atomically(tmp_path / "r.h5") as file:
        file.attrs.update(store.provenance("result", {}, 0, "lsnn test"))
    with pytest.raises(InputError, match="must be a network file, got a result file"):
        load_network(tmp_path / "r.h5")
