"""Network files of schema 2 are read for ever: the same bits as ever, and whatever breaks a rule is refused."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import load_network, network_sha256, save_network
from runs.maze import PRETRAINED
from runs.training.train import CHECKPOINT, Budget, resumed_run, train
from tests.files.schema_2 import save_schema_2
from tests.files.small_networks import (
    FREE,
    assert_same_bits,
    assert_same_network,
    attribute,
    entry,
    mutated,
    network_of,
    replaced,
    saved,
    set_config,
    whole_checkpoint,
)
from tests.runs import tiny


def schema_of(path):
    with h5py.File(path) as raw:
        return raw.attrs["schema_version"]


SHIPPED = [path for path in sorted(PRETRAINED.parent.glob("*.lsnn.h5")) if schema_of(path) == 2]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return whole_checkpoint(tmp_path_factory.mktemp("sound") / "c.lsnn.h5", save=save_schema_2).read_bytes()


@pytest.fixture
def checkpoint(sound, tmp_path):
    (tmp_path / "c.lsnn.h5").write_bytes(sound)
    return tmp_path / "c.lsnn.h5"


# What comes back


def test_the_networks_that_were_shipped_in_schema_2_stay_as_they_are():
    assert len(SHIPPED) == 13


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.partition(".")[0])
def test_a_shipped_network_is_what_its_file_says_and_the_same_in_schema_3(path, tmp_path):
    file = load_network(path)
    with h5py.File(path) as raw:
        weight = np.concatenate([raw[f"network/{part}/weight"][()] for part in ("input", "recurrent")])
        delay = np.concatenate([raw[f"network/{part}/delay"][()] for part in ("input", "recurrent")])
        assert_same_bits(file.network.tau_m_ms, raw["network/tau_m_ms"][()])
    assert_same_bits((file.network.signed_theta() * file.network.effect()).astype(np.float32), weight)
    assert_same_bits(file.network.synapses.delay, delay)
    save_network(tmp_path / "3.h5", file.network, file.config, file.seed, file.command, file.history)
    again = load_network(tmp_path / "3.h5")
    assert_same_network(again.network, file.network)
    assert network_sha256(again.network) == network_sha256(file.network)
    assert again.history.tobytes() == file.history.tobytes()
    assert (tmp_path / "3.h5").stat().st_size < 1.05 * path.stat().st_size


def in_schema_2(checkpoint, path):
    """A copy of a checkpoint in schema 2."""
    file = load_network(checkpoint)
    parts = (file.network, file.config, file.seed, file.command, file.history, file.learner_state)
    save_schema_2(path, *parts)
    assert schema_of(path) == 2 and schema_of(checkpoint) == 3


@pytest.mark.parametrize("settings", [tiny.FREE, tiny.DALE], ids=["free", "dale"])
def test_a_checkpoint_of_schema_2_goes_on_to_the_same_bits(tmp_path, settings):
    unbroken, older = tmp_path / "unbroken", tmp_path / "older"
    tiny.trained(unbroken, 3, settings=settings)
    tiny.trained(tmp_path / "first", 2, settings=settings)
    older.mkdir()
    in_schema_2(tmp_path / "first" / CHECKPOINT, older / "c.h5")
    tiny.assert_same_state(load_network(older / "c.h5"), load_network(tmp_path / "first" / CHECKPOINT))
    run = resumed_run(older / "c.h5", "water-maze", None, None, (), "lsnn train --resume")
    train(run, Budget(iterations=3), older, 1)
    tiny.assert_same_run(older, unbroken)


# What does not


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
        (entry("network/tau_m_ms", 2, 2.0**62), "/network: neuron model 'lif', synaptic, 'I'"),
        (entry("network/tau_m_ms", 2, 0.5), "tau_m_ms: must have values > dt_ms = 1, got 0.5"),
        (entry("network/b0", 0, 0.02), "b0: must have the value of the configuration, 0.01, got 0.02"),
        (entry("network/beta", 0, 1.0), "beta: must have values >= 0, and 0 in populations that do not adapt, got 1.0"),
        (entry("network/population", 0, 2), "population: must have the sizes of the configuration"),
        (replaced("network/bias", np.zeros(4)), r"bias: must have shape \(3\), got \(4,\)"),
        (replaced("network/input/weight", np.zeros(5, np.float32)), "input/weight: must have shape"),
        (replaced("network/recurrent/delay", np.zeros(3)), "recurrent/delay: must be of type signed integer"),
        (attribute("network", "n_in", 13), "must have"),
        (attribute("network", "n_in", 2**40), "@n_in: must have a value in 0..16777216, got 1099511627776"),
        (attribute("network", "outputs", "{"), "@outputs: must have the form of a list of"),
        (attribute("network", "outputs", f'[["action", {2**70}], ["value", 1]]'), "W_out: must have shape"),
        (attribute("network", "outputs", '[["action", 1000000000]]'), "W_out: must have shape"),
        (attribute("network", "outputs", '[["action", 2], ["action", 1]]'), "@outputs: must have each name once"),
        (attribute("network", "wiring_key", -1), r"@wiring_key: must have a value in 0..2\*\*63 - 1, got -1"),
        (attribute("network", "wiring_key", np.uint64(2**63)), r"@wiring_key: must have a value in"),
        (attribute("network", "wiring_key", 1.0), "@wiring_key: must be of type int, got 1.0"),
        (attribute("network", "n_in", -1), "@n_in: must have a value in"),
        (replaced("network/input/source", np.zeros(3, np.int8)), "input/target: must have shape"),
        (entry("network/W_out", (0, 0), 1e300), "W_out: must have values in -3.40282e\\+38..3.40282e\\+38, got 1e"),
        (entry("network/log_std", 0, 700.0), "log_std: must have values in -80..80, got 700.0"),
        (entry("network/beta", -1, 1e39), "beta: must have values in -3.4"),
        (attribute("network", "neuron_models", "{"), "@neuron_models: must have the name of the model 'lif'"),
        (attribute("network", "outputs", '[["action", -3]]'), "@outputs: must have widths >= 0"),
        (set_config('"n_excitatory": 8', '"n_excitatory": 9'), "population: must have shape"),
        (entry("optimizer/theta", 0, -1e-3), "optimizer/theta: must have values >= 0, got -0.001"),
        (entry("optimizer/theta", 0, 5.0), "theta, readout: must have the weights of /network"),
        (entry("optimizer/readout", (0, 0), 5.0), "theta, readout: must have the weights of /network"),
        (replaced("optimizer/readout", np.zeros(2)), "optimizer/readout: must have shape"),
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
    other = saved(tmp_path / "s.lsnn.h5", network_of(replace(FREE, adaptive_model="sfa")), save_schema_2)
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
