"""Network files: the same network comes back, bit for bit, in lists that say what they are of."""

import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from lsnn.errors import DivergedError, InputError
from lsnn.files import store
from lsnn.files.network_file import load_network, network_sha256, weights_sha256
from lsnn.network import NetworkConfig, build_network
from lsnn.neurons import MODELS
from tests.files.small_networks import (
    DALE,
    EXCITED,
    FREE,
    LOG_STD,
    N_IN,
    OUTPUTS,
    assert_same_network,
    history,
    learner_state,
    network_of,
    saved,
    whole_checkpoint,
)


@pytest.fixture
def checkpoint(tmp_path):
    return whole_checkpoint(tmp_path / "c.lsnn.h5")


# What a file looks like from outside


def test_the_example_of_the_page_reads_a_file(checkpoint, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs/reference/files.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "network.lsnn.h5" in block]
    monkeypatch.chdir(checkpoint.parent)
    saved(checkpoint.parent / "network.lsnn.h5", network_of(DALE))
    found: dict = {}
    exec(example, found)
    assert found["tau_m"].shape == (8,) and list(found["synapses"]) == ["source", "target", "delay", "sign", "weight"]
    assert capsys.readouterr().out.startswith("input {")


# What comes back


SIZES = {
    "no inhibition": replace(DALE, n_inhibitory=0),
    "adaptive alone": replace(FREE, n_excitatory=0, n_inhibitory=0),
    "no adaptation": replace(DALE, n_adaptive=0),
    "half a millisecond": replace(DALE, dt_ms=0.5),
    "a tenth": replace(FREE, dt_ms=0.1, refractory_ms=2),
    "free": FREE, "dale": DALE, "conductance": EXCITED,
} | {name: replace(FREE, adaptive_model=name) for name in MODELS}  # fmt: skip


@pytest.mark.parametrize("what", SIZES)
def test_checkpoint_comes_back_bit_for_bit(tmp_path, what):
    network = network_of(SIZES[what])
    state = learner_state(network)
    file = load_network(saved(tmp_path / "c.h5", network, history=history(), learner_state=state))
    assert_same_network(file.network, network)
    assert file.learner_state[:5] == state[:5] and file.learner_state.watch == state.watch
    for group in ("first", "second", "average"):
        learnt = getattr(file.learner_state, group)
        assert {name: array.tobytes() for name, array in learnt.items()} == {
            name: array.tobytes() for name, array in getattr(state, group).items()
        }


def test_a_network_without_input_or_policy_comes_back(tmp_path):
    network = build_network(FREE, 0, {"target": 1}, np.empty(0), np.random.SeedSequence(2))
    file = load_network(saved(tmp_path / "c.h5", network, learner_state=None))
    assert file.network.n_in == 0 and file.network.log_std.shape == (0,)
    assert network_sha256(file.network) == network_sha256(network)


def test_a_file_is_the_same_once_read_and_written_again(tmp_path):
    saved(tmp_path / "1.h5", network_of(DALE))
    saved(tmp_path / "2.h5", load_network(tmp_path / "1.h5").network)
    one, two = (load_network(tmp_path / name) for name in ("1.h5", "2.h5"))
    assert one.checksum == two.checksum
    assert_same_network(one.network, two.network)


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


def lists(path):
    """Names of populations, projections and readouts, in their order."""
    with h5py.File(path) as file:
        network = file["network"]
        return [json.loads(network[name].attrs["order"]) for name in ("populations", "projections", "readouts")]


def test_the_lists_of_a_network_under_dales_law(checkpoint):
    populations, projections, readouts = lists(checkpoint)
    assert populations == ["input", "excitatory", "inhibitory", "adaptive"] and readouts == ["readout"]
    assert projections == [f"{source}_to_{target}" for source in populations for target in populations[1:]]
    with h5py.File(checkpoint) as file:
        listed = [file["network/populations"][name].attrs for name in populations]
        assert [attributes["size"] for attributes in listed] == [N_IN, 8, 4, 6]
        assert [attributes["sign"] for attributes in listed] == [0, 1, -1, 1]
        assert [attributes["kind"] for attributes in listed] == [b"input spikes", *[b"neurons"] * 3]
        assert [attributes["model"] for attributes in listed[1:]] == [b"lif", b"lif", b"alif"]


def test_the_lists_of_a_network_without_dales_law(tmp_path):
    """Neurons are neither excitatory nor inhibitory: a population of LIF neurons and one of adaptive ones."""
    config = replace(FREE, adaptive_model="adex")
    populations, projections, _ = lists(whole_checkpoint(tmp_path / "c.h5", config))
    assert populations == ["input", "LIF", "adaptive"] and len(projections) == 6
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["network/populations/LIF"].attrs["size"] == 12
        assert file["network/projections/LIF_to_adaptive"].attrs["port"] == b"I"
        assert json.loads(file["network/projections/LIF_to_adaptive"].attrs["units"])["weight"] == "amp"
        parameters = file["network/populations/adaptive/parameters"]
        assert (parameters["C"][()], parameters["C"].attrs["units"]) == (281.0, b"pF")
        assert set(file["network/populations/adaptive/unused"]) == {"tau_m", "beta"}


def test_constants_stand_once_where_all_neurons_share_them(checkpoint):
    network = load_network(checkpoint).network
    with h5py.File(checkpoint) as file:
        adaptive, lif = (file[f"network/populations/{name}/parameters"] for name in ("adaptive", "excitatory"))
        assert set(lif) == {"b0", "tau_m", "t_ref"} and set(adaptive) == set(lif) | {"beta", "tau_a"}
        np.testing.assert_array_equal(lif["tau_m"][()], network.tau_m_ms[:8])
        single = {name: adaptive[name][()] for name in ("b0", "beta", "tau_a", "t_ref")}
        assert single == {"b0": DALE.b0, "beta": DALE.beta, "tau_a": DALE.tau_a_ms, "t_ref": DALE.refractory_ms}
        assert [adaptive[name].attrs["units"] for name in ("tau_a", "t_ref", "beta")] == [b"ms", b"ms", b"1"]


def test_weights_stand_in_the_units_of_the_equations(tmp_path):
    """w' = w (1 - alpha_j) / b0 for synapses; a spike adds its weight to the readout."""
    network = network_of(DALE)
    saved(tmp_path / "n.h5", network)
    rows = []
    sizes = {"excitatory": slice(0, 8), "inhibitory": slice(8, 12), "adaptive": slice(12, 18)}
    with h5py.File(tmp_path / "n.h5") as file:
        for source, sources in sizes.items():
            for target, targets in sizes.items():
                table = file[f"network/projections/{source}_to_{target}"][()]
                assert (np.sign(table["weight"]) == table["sign"]).all()
                assert (table["sign"] == (-1 if source == "inhibitory" else 1)).all()
                tau = network.tau_m_ms[targets][table["target"]]
                effect = table["weight"] * (1 - np.exp(-1 / tau)) / DALE.b0
                sorted_by = (sources.start + table["source"], table["delay"], targets.start + table["target"])
                rows += zip(*sorted_by, effect, strict=True)
        readout = file["network/readouts/readout/weight"][()]
    rows.sort()
    np.testing.assert_allclose([row[3] for row in rows], network.signed_theta()[network.n_input_synapses :], rtol=1e-6)
    np.testing.assert_array_equal(readout, network.readout)


def test_delays_stand_in_milliseconds(tmp_path):
    config = replace(DALE, dt_ms=0.1, refractory_ms=2)
    saved(tmp_path / "n.h5", network_of(config))
    with h5py.File(tmp_path / "n.h5") as file:
        delays = np.concatenate([table["delay"] for table in file["network/projections"].values()])
    assert set(np.round(delays, 9)) == set(np.round(0.1 * np.arange(1, 11), 9))


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
        assert len(file["network/projections"]) == 12
    assert bare == []


UNREADABLE = {  # array, place in it, value, what is said
    "a readout": (lambda network, state: network.readout, (1, 1), np.nan, "readouts/readout/weight: must be finite"),
    "a synapse": (lambda network, state: network.synapses.theta, 2, 1e60, r"\[weight\]: must be finite, got -?inf"),
    "a spread": (lambda network, state: network.log_std, 0, np.inf, "readouts/readout/log_std: must be finite"),
    "an average": (lambda network, state: state.average["bias"], 0, -np.inf, "average/bias: must be finite"),
    "a moment": (lambda network, state: state.second["bias"], 0, -1.0, "second/bias: must have values >= 0"),
    "no beta": (lambda network, state: network.beta, 3, 1.0, "excitatory/unused/beta: must have values >= 0, and 0"),
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


def test_result_file_is_no_network(tmp_path):
    with store.write_atomically(tmp_path / "r.h5") as file:
        file.attrs.update(store.provenance("result", {}, 0, "lsnn test"))
    with pytest.raises(InputError, match="must be a network file, got a result file"):
        load_network(tmp_path / "r.h5")
