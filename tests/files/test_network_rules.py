"""Network files that break a rule: each is refused with file, place, rule and value."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lsnn.errors import DivergedError, InputError
from lsnn.files import store
from lsnn.files.network_file import load_network
from tests.files.small_networks import (
    EXCITED,
    attribute,
    entry,
    history,
    mutated,
    network_of,
    replaced,
    saved,
    set_config,
    whole_checkpoint,
)

POPULATIONS, PROJECTIONS, READOUTS = "network/populations", "network/projections", "network/readouts"
EXCITATORY, ADAPTIVE = f"{POPULATIONS}/excitatory", f"{POPULATIONS}/adaptive"
FIRST, WITHIN = f"{PROJECTIONS}/input_to_excitatory", f"{PROJECTIONS}/excitatory_to_excitatory"
READOUT = f"{READOUTS}/readout"
MODEL = "network/models/alif"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return whole_checkpoint(tmp_path_factory.mktemp("sound") / "c.lsnn.h5").read_bytes()


@pytest.fixture
def checkpoint(sound, tmp_path):
    (tmp_path / "c.lsnn.h5").write_bytes(sound)
    return tmp_path / "c.lsnn.h5"


def cell(table, column, row, value):
    """An entry of a projection."""

    def change(file):
        data = file[table][()]
        data[column][row] = value
        file[table][...] = data

    return change


def with_rows(table, change_of):
    """A projection with other rows, and the number of all synapses to fit."""

    def change(file):
        before = file[table][()]
        after = change_of(before)
        attributes = dict(file[table].attrs)
        replaced(table, after)(file)
        file[table].attrs.update(attributes)
        file[PROJECTIONS].attrs["synapses"] += len(after) - len(before)

    return change


def with_column(table, column, dtype):
    """A projection one of whose columns has another type."""

    def change(rows):
        types = [(name, dtype if name == column else rows.dtype[name]) for name in rows.dtype.names]
        return rows.astype(types)

    return with_rows(table, change)


def in_half_precision(name):
    def change(file):
        array, attributes = file[name][()].astype("f2"), dict(file[name].attrs)
        replaced(name, array)(file)
        file[name].attrs.update(attributes)

    return change


def flipped(file):
    """One weight of the wrong sign."""
    data = file[WITHIN][()]
    row = int(np.argmax(np.abs(data["weight"])))
    data["weight"][row] *= -1
    file[WITHIN][...] = data


def onto_itself(file):
    data = file[WITHIN][()]
    data["target"][0] = data["source"][0]
    file[WITHIN][...] = np.sort(data, order=["source", "delay", "target"])


def moved(old, new):
    return lambda file: file.move(old, new)


def removed(*names):
    def change(file):
        for name in names:
            del file[name]

    return change


def added(name):
    return lambda file: file.create_group(name)


def listed(group, change_of):
    """Another order of a list."""

    def change(file):
        names = change_of(json.loads(store.read_attribute(file[group], "order", str)))
        file[group].attrs["order"] = json.dumps(names)

    return change


def unlisted_projection(file):
    """A projection that is gone, from the list as well, but not from the number of synapses."""
    del file[FIRST]
    listed(PROJECTIONS, lambda names: names[1:])(file)


def renamed_population(file):
    file.move(EXCITATORY, f"{POPULATIONS}/pyramidal")
    listed(POPULATIONS, lambda names: [names[0], "pyramidal", *names[2:]])(file)


def of_one_projection_two(file):
    file[f"{PROJECTIONS}/more"] = file[FIRST][()]
    listed(PROJECTIONS, lambda names: [*names, "more"])(file)


def test_a_mutation_that_changes_nothing_still_loads(checkpoint):
    assert load_network(mutated(checkpoint, lambda file: None)).seed == 11


READS = "the networks that this version reads"
LISTS = [
    (listed(POPULATIONS, lambda names: names[::-1]), f"populations/@order: must have the names .*{READS}, got"),
    (listed(POPULATIONS, lambda names: names[1:]), "populations/input: must have a name that this version reads, exc"),
    (listed(POPULATIONS, lambda names: [*names, "more"]), f"populations/@order: must have the names .*{READS}"),
    (listed(POPULATIONS, lambda names: [*names, names[0]]), "@order: must have the form of a JSON list of names, each"),
    (renamed_population, f"populations/@order: must have the names .*'excitatory'.*{READS}.*'pyramidal'"),
    *((attribute(POPULATIONS, "order", text), "@order: must have the form of a JSON list of names") for text in (
        "{", "3", "null", "[1]", '{"input": 1}', "[" * 9000, '[["input"]]')),
    (attribute(POPULATIONS, "order", 3), "populations@order: must be of type str"),
    (added(f"{POPULATIONS}/more"), "populations/more: must have a name that this version reads, input, exc"),
    (removed(EXCITATORY), "populations/excitatory: must have the form of a group, got NoneType"),
    (attribute(EXCITATORY, "size", 7), "excitatory/@size: must have the value of the configuration, 8, got 7"),
    (attribute(EXCITATORY, "size", 2**62), "excitatory/@size: must have the value of the configuration, 8"),
    (attribute(EXCITATORY, "size", 8.0), "excitatory@size: must be of type int, got 8.0"),
    (attribute(EXCITATORY, "sign", -1), "excitatory/@sign: must have the value of the configuration, 1, got -1"),
    (attribute(EXCITATORY, "kind", "glia"), "excitatory/@kind: must have the value .*'neurons', got glia"),
    (attribute(EXCITATORY, "model", "alif"), "excitatory/@model: must have the value .*'lif', got alif"),
    (attribute(EXCITATORY, "learnt", '["tau_m"]'), r"excitatory/@learnt: must have .*'\[\]', got \[\"tau_m"),
    (attribute(EXCITATORY, "threshold", 1), "excitatory/@threshold: must have a name that this version reads"),
    (added(f"{EXCITATORY}/initial"), "excitatory/initial: must have a name that this version reads, parameters"),
    (attribute(f"{POPULATIONS}/input", "size", 0), r"input/@size: must have a value in 1..16777216, got 0"),
    (attribute(f"{POPULATIONS}/input", "size", 2**40), "input/@size: must have a value in 1..16777216, got 1099511"),
    (attribute(f"{POPULATIONS}/input", "size", 13), "must have the values that wiring_key"),
    (attribute(f"{POPULATIONS}/input", "model", "lif"), "input/@model: must have a name that this version reads"),
    (listed(PROJECTIONS, lambda names: names[::-1]), f"projections/@order: must have some of the names .*{READS}"),
    (listed(PROJECTIONS, lambda names: names[1:]), "projections/input_to_excitatory: must have a name that"),
    (listed(PROJECTIONS, lambda names: [*names, "a_to_b"]), f"projections/@order: must have some of .*{READS}"),
    (listed(PROJECTIONS, lambda names: [names[0], *names]), "projections/@order: must have the form of a JSON list of"),
    (of_one_projection_two, f"projections/@order: must have some of the names .*{READS}"),
    (removed(FIRST), "projections/input_to_excitatory: is missing"),
    (unlisted_projection, "projections/@synapses: must have the number of synapses of all projections, "),
    (moved(FIRST, f"{PROJECTIONS}/other"), "projections/other: must have a name that this version reads"),
    (attribute(PROJECTIONS, "synapses", -1), "projections/@synapses: must have the number of synapses"),
    (attribute(FIRST, "source", "adaptive"), f"input_to_excitatory/@source: must have the value .*{READS}.*got adap"),
    (attribute(FIRST, "target", "adaptive"), "input_to_excitatory/@target: must have the value .*got adaptive"),
    (attribute(FIRST, "port", "g_e"), f"input_to_excitatory/@port: must have the value .*{READS}, 'I', got g_e"),
    (attribute(FIRST, "learnt", "[]"), "input_to_excitatory/@learnt: must have the value .*got"),
    (attribute(FIRST, "rewired", False), "input_to_excitatory/@rewired: must have the value .*True, got False"),
    (attribute(FIRST, "rewired", 1), "input_to_excitatory@rewired: must be of type bool, got 1"),
    (attribute(FIRST, "plastic", True), "input_to_excitatory/@plastic: must have a name that this version reads"),
    (attribute(FIRST, "units", "{}"), "input_to_excitatory/@units: must have the units, "),
    (listed(READOUTS, lambda names: [*names, "second"]), f"readouts/@order: must have the names .*{READS}"),
    (listed(READOUTS, lambda names: []), f"readouts/@order: must have the names .*{READS}"),
    (added(f"{READOUTS}/second"), "readouts/second: must have a name that this version reads, readout"),
    (attribute(READOUT, "sources", '["adaptive"]'), f"readout/@sources: must have the value .*{READS}.*got"),
    (attribute(READOUT, "learnt", '["tau"]'), f"readout/@learnt: must have the value .*{READS}.*got"),
    (added(f"{READOUT}/initial"), "readout/initial: must have a name that this version reads, tau, weight"),
    (added("network/synapses"), "network/synapses: must have a name that this version reads, models, populations"),
    (attribute("network", "noise", 1.0), "network/@noise: must have a name that this version reads, dt_ms"),
    *((removed(f"network/{name}"), f"network/{name}: must have the form of a group, got NoneType") for name in (
        "models", "populations", "projections", "readouts")),
]  # fmt: skip
NUMBERS = [
    (cell(FIRST, "weight", 0, np.nan), r"input_to_excitatory\[weight\]: must be finite, got nan"),
    (flipped, r"excitatory_to_excitatory\[weight\]: must have the sign of its synapse .* got"),
    (cell(FIRST, "source", -1, 99), r"input_to_excitatory\[source\]: must have values in 0..11, got 99"),
    (cell(FIRST, "source", 0, -1), r"input_to_excitatory\[source\]: must have values in 0..11, got -1"),
    (cell(FIRST, "target", 0, 8), r"input_to_excitatory\[target\]: must have values in 0..7, got 8"),
    (cell(WITHIN, "source", 0, 8), r"excitatory_to_excitatory\[source\]: must have values in 0..7, got 8"),
    (cell(FIRST, "delay", 0, 0.0), r"input_to_excitatory\[delay\]: must have values in 1..10 ms, got 0"),
    (cell(FIRST, "delay", 0, 11.0), r"input_to_excitatory\[delay\]: must have values in 1..10 ms, got 11"),
    (cell(FIRST, "delay", 0, 1e300), r"input_to_excitatory\[delay\]: must have values in 1..10 ms, got 1e"),
    (cell(FIRST, "delay", 0, 1.3), r"input_to_excitatory\[delay\]: must have multiples of dt_ms = 1, got 1.3"),
    (cell(FIRST, "sign", slice(None), -1), r"\[sign\]: must have the values that wiring_key"),
    (cell(WITHIN, "sign", slice(None), -1), r"\[sign\]: must have the values that wiring_key"),
    (with_rows(FIRST, lambda rows: rows[::-1]), r"\[source\]: must have rows that rise by source, delay and target"),
    (with_rows(FIRST, lambda rows: rows[[0, *range(len(rows))]]), r"\[source\]: must have rows that rise by source"),
    (with_rows(FIRST, lambda rows: rows[1:]), "optimizer/theta: must have shape"),
    (onto_itself, "must have no synapse of a neuron onto itself|each pair of cells once"),
    (with_column(FIRST, "delay", "<i4"), r"input_to_excitatory\[delay\]: must be of type floating"),
    (with_column(FIRST, "source", "<f8"), r"input_to_excitatory\[source\]: must be of type signed integer"),
    (with_column(FIRST, "weight", "<i4"), r"input_to_excitatory\[weight\]: must be of type floating"),
    (with_rows(FIRST, lambda rows: rows[["source", "target", "sign", "weight"]]), "must have a column 'delay'"),
    (replaced(FIRST, np.zeros(3)), "input_to_excitatory: must be a table"),
    (attribute("network", "wiring_key", 4), "must have the values that wiring_key"),
    (attribute("network", "wiring_key", -1), r"@wiring_key: must have a value in 0..2\*\*63 - 1, got -1"),
    (attribute("network", "wiring_key", np.uint64(2**63)), r"@wiring_key: must have a value in"),
    (attribute("network", "wiring_key", 1.0), "@wiring_key: must be of type int, got 1.0"),
    (attribute("network", "dt_ms", 0.5), "network/@dt_ms: must have the value of the configuration, 1.0, got 0.5"),
    (entry(f"{EXCITATORY}/parameters/tau_m", 2, -20.0), "parameters/tau_m: must have values > dt_ms = 1, got -20.0"),
    (entry(f"{EXCITATORY}/parameters/tau_m", 2, 0.5), "parameters/tau_m: must have values > dt_ms = 1, got 0.5"),
    (entry(f"{EXCITATORY}/parameters/tau_m", 2, np.inf), "parameters/tau_m: must be finite, got inf"),
    (entry(f"{EXCITATORY}/parameters/tau_m", 2, 2.0**62), "c.lsnn.h5: /network: neuron model 'lif', synaptic, 'I'"),
    (in_half_precision(f"{EXCITATORY}/parameters/b0"), "b0: must have the value of configuration and model, 0.01"),
    (attribute(f"{EXCITATORY}/parameters/tau_m", "units", "second"), "tau_m/@units: must have the unit, 'ms', got sec"),
    (attribute(f"{EXCITATORY}/parameters/tau_m", "learnt", True), "tau_m/@learnt: must have a name that this version"),
    (replaced(f"{EXCITATORY}/parameters/tau_m", np.full(7, 20.0)), r"tau_m: must have shape \(8\), got \(7,\)"),
    (replaced(f"{EXCITATORY}/parameters/tau_m", np.full((8, 1), 20.0)), r"tau_m: must have shape \(8\), got"),
    (replaced(f"{EXCITATORY}/parameters/tau_m", np.full(8, 20)), "tau_m: must be of type floating, got int64"),
    (removed(f"{EXCITATORY}/parameters/tau_m"), "parameters/tau_m: is missing"),
    (removed(f"{EXCITATORY}/parameters"), "parameters: must have the form of a group"),
    (moved(f"{EXCITATORY}/parameters/b0", f"{EXCITATORY}/parameters/b1"), "parameters/b1: must have a name that this"),
    (entry(f"{EXCITATORY}/parameters/b0", (), 0.02), "b0: must have the value of configuration and model, 0.01, got"),
    (entry(f"{ADAPTIVE}/parameters/tau_a", (), 7.0), "tau_a: must have the value of configuration and model, 1200"),
    (entry(f"{ADAPTIVE}/parameters/t_ref", (), 2.0), "t_ref: must have the value of configuration and model, 3.0"),
    (entry(f"{ADAPTIVE}/parameters/beta", (), -1.0), "parameters/beta: must have values >= 0, and 0 in populations"),
    (entry(f"{ADAPTIVE}/parameters/beta", (), 1e39), "parameters/beta: must have values in -3.4"),
    (entry(f"{READOUT}/weight", (0, 0), np.inf), "readout/weight: must be finite, got inf"),
    (entry(f"{READOUT}/weight", (0, 0), 1e300), r"readout/weight: must have values in -3.40282e\+38..3.4"),
    (entry(f"{READOUT}/log_std", 0, 700.0), "log_std: must have values in -80..80, got 700.0"),
    (entry(f"{READOUT}/tau", (), 21.0), "readout/tau: must have the value of the configuration, 20.0, got 21.0"),
    (attribute(f"{READOUT}/tau", "units", "s"), "tau/@units: must have the unit, 'ms', got s"),
    (replaced(f"{READOUT}/bias", np.zeros(4)), r"bias: must have shape \(3\), got \(4,\)"),
    (removed(f"{READOUT}/log_std"), "readout/@learnt: must have the value"),
    (attribute(READOUT, "outputs", "{"), "@outputs: must have the form of a list of"),
    *((attribute(READOUT, "outputs", text), "@outputs: must have the form of a list of") for text in (
        '[["action", 1e999]]', '[["action", NaN]]', '[["action", 2.0], ["value", 1]]', '[["action", "3"]]',
        '[["action", true]]', '[[3, 3]]', '[["action"]]', "3", "null", '{"action": 3}', "[" * 9000,
    )),
    (attribute(READOUT, "outputs", f'[["action", {2**70}], ["value", 1]]'), "readout/weight: must have shape"),
    (attribute(READOUT, "outputs", '[["action", 1000000000]]'), "readout/weight: must have shape"),
    (attribute(READOUT, "outputs", '[["action", 2], ["action", 1]]'), "@outputs: must have each name once"),
    (attribute(READOUT, "outputs", '[["action", -3]]'), "@outputs: must have widths >= 0"),
    (attribute(MODEL, "threshold", "v > b0"), "@threshold: must have the threshold of the model 'alif' that runs now"),
    (attribute(MODEL, "ports", '["g"]'), "alif/@ports: must have the ports of the model 'alif' that runs now"),
    (attribute(MODEL, "substeps", 2), "@substeps: must have the substeps of the model 'alif' that runs now, 1"),
    (attribute(MODEL, "noise", "xi"), "alif/@noise: must have a name that this version reads, equations"),
    (removed(MODEL), "models/alif: must have the form of a group, got NoneType"),
    (added("network/models/more"), "models/more: must have a name that this version reads, lif, alif"),
    (moved(MODEL, "network/models/adaptive"), "models/adaptive: must have a name that this version reads, lif, alif"),
]  # fmt: skip
LEARNER = [
    (set_config('"n_excitatory": 8', f'"n_excitatory": {2**70}'), "network.n_excitatory must be below"),
    (set_config('"n_excitatory": 8', '"n_excitatory": 1000000000'), "n_adaptive must lie in 1..10000000"),
    (set_config('"n_excitatory": 8', '"n_excitatory": -1'), "n_excitatory must be >= 0, got -1"),
    (set_config('"d_max_ms": 10', '"d_max_ms": 1e999'), "network.d_max_ms must be a whole number, got inf"),
    (set_config('"tau_a_ms": 1200.0', '"tau_a_ms": 1e999'), "network.tau_a_ms must be a finite number, got inf"),
    (entry("optimizer/theta", 0, 1e300), "optimizer/theta: must have values of at most 1e.09 in size, got 1e.300"),
    (entry("optimizer/average/readout", 0, 1e39), "average/readout: must have values of at most 1e.09 in size"),
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
    (lambda file: file.__delitem__("optimizer"), "/optimizer: must have the form of a group, as there is curriculum"),
    (lambda file: file.__delitem__("rng"), "rng: must have the form of a group, got NoneType"),
    (lambda file: file.__delitem__("network"), "network: must have the form of a group"),
    (replaced("history", np.zeros(2)), "history: must be a table"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), [*LISTS, *NUMBERS, *LEARNER])
def test_broken_rule_is_named(checkpoint, change, message):
    with pytest.raises(InputError, match=message) as caught:
        load_network(mutated(checkpoint, change))
    assert str(caught.value).startswith(str(checkpoint))


def test_a_negative_weight_onto_a_conductance_is_refused(tmp_path):
    network = network_of(EXCITED)
    theta = network.synapses.theta.copy()
    theta[np.flatnonzero(network.one_sign())[3]] *= -1
    network.synapses = network.synapses._replace(theta=theta)
    rule = r"not written.*_to_adaptive\[weight\]: must have the sign of its synapse \(.*, a conductance\)"
    with pytest.raises(DivergedError, match=rule):
        saved(tmp_path / "c.h5", network)


def test_checksum_guards_the_network(checkpoint):
    with pytest.raises(InputError, match="@checksum: must have that of its data sets"):
        load_network(mutated(checkpoint, entry(f"{READOUT}/bias", 0, 7.0), checksum=False))


@pytest.mark.parametrize("change", [entry("optimizer/average/bias", 0, 7.0), attribute("curriculum", "level", 0.5)])
def test_checksum_guards_the_state_of_learning(checkpoint, change):
    with pytest.raises(InputError, match="optimizer/@checksum: must have that of its data sets and numbers"):
        load_network(mutated(checkpoint, change, checksum=False))


def test_checksum_guards_the_names_of_the_outputs(checkpoint):
    change = attribute(READOUT, "outputs", '[["value", 1], ["action", 2]]')
    with pytest.raises(InputError, match="@checksum: must have that of its data sets and outputs"):
        load_network(mutated(checkpoint, change, checksum=False))


def test_what_a_model_does_not_read_is_checked_as_well(tmp_path):
    path = whole_checkpoint(tmp_path / "c.h5", replace(EXCITED, adaptive_model="adex"))
    unused = f"{ADAPTIVE}/unused"
    for change, message in (
        (entry(f"{unused}/tau_m", 0, 0.5), "unused/tau_m: must have values > dt_ms"),
        (removed(f"{unused}/tau_m"), "unused/tau_m: is missing"),
        (removed(unused), "unused: must have the form of a group, got NoneType"),
        (added(f"{unused}/b0"), "unused/b0: must have a name that this version reads, tau_m, beta"),
        (entry(f"{ADAPTIVE}/parameters/C", (), 1.0), "C: must have the value of configuration and model, 281.0, got"),
        (attribute(f"{ADAPTIVE}/parameters/C", "units", "nF"), "C/@units: must have the unit, 'pF', got nF"),
    ):
        copy = tmp_path / "changed.h5"
        copy.write_bytes(path.read_bytes())
        with pytest.raises(InputError, match=message):
            load_network(mutated(copy, change))
