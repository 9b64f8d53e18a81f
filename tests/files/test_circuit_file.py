"""Files of circuits: what is read is what was written; whatever does not fit is named, whoever made the seals."""

import dataclasses
import json
import shutil

import h5py
import numpy as np
import pytest

import lsnn
from lsnn import Population, Projection, ms
from lsnn.circuits.parts import Rates, Steps, Times
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.circuit_file import circuit_sha256
from tests.circuits.small import circuit, samples
from tests.fuzzing.mutations import CONTENTS

LEAKY = """
name = "pushed"
equations = '''
dv/dt = (push + I - v)/tau_m : 1
push : 1
I : 1
tau_m : second (constant)
t_ref : second (constant)
'''
threshold = "v > 1"
reset = "v = 0"
method = "exact"
scale = "1"
"""


@pytest.fixture(scope="module")
def made():
    return circuit()


@pytest.fixture(scope="module")
def path(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("circuit") / "made.lsnn.h5"
    lsnn.save(made, path)
    return path


def pushed():
    """All that the small one has not: cells with spikes of their own, driven variables, no readout."""
    from lsnn.neuron_files import model_of

    model = model_of(LEAKY)._replace(driven=("push",), given=("tau_m", "t_ref"))
    values = {"tau_m": 10 * ms, "t_ref": 1 * ms}
    populations = [
        Population("timed", 3, source=Times(np.array([0, 2]), np.array([0.001, 0.004]), 0.01)),
        Population("random", 2, source=Rates(np.array([50.0, 80.0]))),
        Population("c", 2, model, values, drive={"push": Steps(np.arange(6.0).reshape(3, 2), 0.002)}),
    ]
    joined = Projection("timed", "c", pairs=([0, 2, 2], [0, 1, 1]), weight=0.5, delay=[1, 2, 2] * ms, learn=False)
    return lsnn.Circuit(populations, [joined, Projection("random", "c", connectivity=1.0, name="a/b.c")], dt=0.5 * ms)


def test_a_circuit_comes_back_to_the_bit(made, path):
    again, spikes = lsnn.load(path), samples()[0]
    assert repr(again) == repr(made) and circuit_sha256(again) == circuit_sha256(made)
    np.testing.assert_array_equal(again(spikes), made(spikes))
    fits = [lsnn.fit(c, spikes, np.arange(10) % 2, epochs=1, progress=False, threads=1).network for c in (made, again)]
    assert circuit_sha256(fits[0]) == circuit_sha256(fits[1]) != circuit_sha256(made)


def test_spikes_and_drive_of_its_own_come_back(tmp_path):
    first = pushed()
    lsnn.save(first, tmp_path / "pushed.h5")
    again = lsnn.load(tmp_path / "pushed.h5")
    assert circuit_sha256(again) == circuit_sha256(first) and list(again.synapses) == ["timed_to_c", "a/b.c"]
    assert [p.learn for p in again.projections] == [False, True] and again.readout is None and again.dt == 0.0005
    source, other = again.population("timed").source, first.population("timed").source
    assert source.period == other.period and (source.seconds == other.seconds).all()
    assert (again.population("c").drive["push"].values == first.population("c").drive["push"].values).all()


def test_what_was_changed_to_what_does_not_fit_is_not_written(tmp_path):
    bad = circuit()
    bad.weight["again"] = -bad.weight["again"]
    with pytest.raises(InputError, match="of the sign of its source"):
        lsnn.save(bad, tmp_path / "bad.h5")
    with pytest.raises(InputError, match="network must be a lsnn.Circuit"):
        lsnn.save("circuit", tmp_path / "bad.h5")
    with pytest.raises(InputError, match="path of a network must be"):
        lsnn.save(bad, 3)
    assert not list(tmp_path.iterdir())


def edited(path, to, change):
    """A copy of a file that was changed, with all seals made to fit; change takes the group and the parts."""
    shutil.copy(path, to)
    with h5py.File(to, "r+") as file:
        group = file["circuit"]
        parts = json.loads(group.attrs["parts"])
        change(group, parts)
        text, arrays = json.dumps(parts, sort_keys=True), {}
        group.visititems(lambda name, node: arrays.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
        sha = store.checksum({**arrays, "@parts": np.frombuffer(text.encode(), np.uint8)})
        store.write_attributes(group, {"parts": text, "checksum": sha})
        store.fix_text(file)
    store.seal(to)
    return to


def put(group, name, value):
    """Another data set in the place of one."""
    del group[name]
    group[name] = value


def of(i, **values):
    """A change of population number i."""
    return lambda group, parts: parts["populations"][i].update(values)


def at(name, value):
    return lambda group, parts: put(group, name, value)


def index(name, value):
    def change(group, parts):
        array = group[f"projections/0/{name}"][()]
        array[3] = value
        put(group, f"projections/0/{name}", array)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (index("pre", 6), "sources of x_to_E must be from 0 to 5"),
        (index("pre", -1), "sources of x_to_E must be from 0 to 5"),
        (index("post", 12), "targets of x_to_E must be from 0 to 11"),
        (index("delay", 0.0), "delay of x_to_E must be from dt"),
        (index("delay", -0.002), "delay of x_to_E must be from dt"),
        (index("delay", 1e9), "delay of x_to_E must be from dt"),
        (index("weight", np.nan), "must be finite"),
        (at("projections/0/pre", np.zeros(3, int)), "must have shape"),
        (at("projections/0/pre", np.zeros(3)), "must be of type signed integer"),
        (at("projections/1/weight", np.full((66,), -1.0)), "of the sign of its source"),
        (at("populations/1/parameters/tau_m", np.zeros(11)), "must have shape"),
        (at("populations/1/parameters/tau_m", np.full(12, -0.02)), "at least 0, since it is a time"),
        (at("populations/1/parameters/tau_m", np.zeros(12)), "not finite for these parameters"),
        (at("readout/weight", np.zeros((12, 3))), "weight of the readout"),
        (at("readout/bias", np.zeros(3)), "bias of the readout"),
        (
            lambda g, p: g["populations/1/parameters"].create_dataset("other", data=np.zeros(12)),
            "names in the equations",
        ),
        (lambda g, p: g.create_dataset("other", data=np.zeros(2)), "other"),
        (lambda g, p: g["populations"].create_group("7"), "7"),
        (lambda g, p: p.pop("dt"), "dt is missing"),
        (lambda g, p: p.update(dt=0.0), "dt must be a time above 0"),
        (lambda g, p: p.update(dt=1e-300), "dt in seconds must be a number of at least 1e-09"),
        (lambda g, p: p.update(dt=True), "dt must be of type int or float"),
        (lambda g, p: p.update(gamma=-1), "gamma must be"),
        (lambda g, p: p.update(populations=[]), "populations"),
        (of(1, size=2**40), "size of E"),
        (of(1, size=-1), "size of E"),
        (of(1, size=1.5), "size must be of type int"),
        (of(0, size=2**24), "size of x"),
        (of(1, name="x"), "must be of a population with that port"),
        (of(1, name="../E"), "name of a population"),
        (of(1, sign=3), "sign of E"),
        (of(1, learnt=["t"]), "learnt"),
        (of(1, model=None), "source must be Times or Rates"),
        (of(0, source="Rates"), "source must be Times or Rates"),
        (lambda g, p: p["populations"][1]["model"].update(name="a b"), "the name must be"),
        (lambda g, p: p["populations"][1]["model"].update(equations="dv/dt = __import__('os') : 1"), "neuron model"),
        (lambda g, p: p["populations"][1]["model"].update(substeps="2"), "substeps must be of type int"),
        (lambda g, p: p["populations"][1]["model"].update(parameters=[["a"]]), "rows of 5 and 2 texts"),
        (lambda g, p: p["projections"][0].update(target="x"), "must be of a population with that port"),
        (lambda g, p: p["projections"][0].update(port="v"), "must be of a population with that port"),
        (lambda g, p: p["projections"][0].update(source="z"), "a population must be one of x, E"),
        (lambda g, p: p["projections"][0].update(name="again"), "names of the projections must be different"),
        (lambda g, p: p["projections"][0].update(learn=["sign"]), "learn of x_to_E must be true, false, or names"),
        (lambda g, p: p["projections"][0].update(learn="weight"), "learn must be of type bool or list"),
        (lambda g, p: p["projections"][0].update(longest="1"), "longest must be of type int or float or NoneType"),
        (
            lambda g, p: p["projections"][0].update(learn=["delay"], longest=-1.0),
            "longest delay of x_to_E must be a time",
        ),
        (
            lambda g, p: p["projections"][0].update(learn=["delay"], longest=1e9),
            "longest delay of x_to_E must be from dt",
        ),
        (lambda g, p: p["readout"].update(source=["x"]), "source of the readout"),
        (lambda g, p: p["readout"].update(outputs=3), "weight of the readout"),
        (lambda g, p: p["readout"].update(tau=-1.0), "tau of the readout must be a time above 0"),
        (lambda g, p: p["readout"].update(learnt=["weight"]), "learnt of the readout"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_with_its_name(path, tmp_path, change, message):
    other = edited(path, tmp_path / "other.h5", change)
    with pytest.raises(InputError, match=message) as error:
        lsnn.load(other)
    assert str(other) in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("populations/0/cells", np.array([0, 3]), "cells must be a row of whole numbers from 0 to 2"),
        ("populations/0/cells", np.array([-1, 0]), "cells must be a row of whole numbers from 0 to 2"),
        ("populations/0/seconds", np.array([0.1, -0.1]), "times must be from 0"),
        ("populations/0/seconds", np.zeros(3), "must be numbers of shape"),
        ("populations/1/hertz", np.zeros(3), "rates must be numbers of shape"),
        ("populations/1/hertz", -np.ones(2), "rates must be from 0"),
        ("populations/2/drive/push", np.zeros((3, 3)), r"must be finite numbers of shape \(m,\) or \(m, 2\)"),
        ("populations/2/drive/push", np.zeros(0), "must be finite numbers"),
    ],
)
def test_spikes_and_drive_that_fit_no_cell_are_refused(tmp_path, name, value, message):
    lsnn.save(pushed(), tmp_path / "pushed.h5")
    with pytest.raises(InputError, match=message):
        lsnn.load(edited(tmp_path / "pushed.h5", tmp_path / "other.h5", at(name, value)))
    with pytest.raises(InputError, match="period must be a number from"):
        lsnn.load(edited(tmp_path / "pushed.h5", tmp_path / "period.h5", of(0, period=1e-12)))


def test_every_change_of_contents_is_refused_or_gives_the_circuit(path, made, tmp_path):
    """Under a new seal, by a program that does not know the checksum within."""
    generator, own, refused = np.random.default_rng(3), circuit_sha256(made), 0
    for number in range(22):
        other, change = tmp_path / f"{number}.h5", CONTENTS[number % len(CONTENTS)]
        shutil.copy(path, other)
        with h5py.File(other, "r+") as file:
            done = change(file, generator)
        store.seal(other)
        try:
            assert circuit_sha256(lsnn.load(other)) == own, done
        except InputError as error:
            refused += 1
            assert str(other) in str(error), done
    assert refused > 12


def test_another_kind_of_file_is_named(path, tmp_path):
    with pytest.raises(InputError, match="must be an LSNN file"):
        lsnn.load(tmp_path)
    (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError, match="is damaged, truncated"):
        lsnn.load(tmp_path / "cut.h5")


def test_numbers_of_numpy_and_whole_ones_come_back(tmp_path):
    """A sign, a period or a time that is no plain float of Python was written as what could not be read."""
    steps, times = Steps(np.arange(3.0), 1), Times(np.array([0]), np.array([0.001]), np.float32(0.25))
    populations = [Population("timed", 1, sign=np.int64(1), source=times), pushed().populations[2]]
    populations[1] = dataclasses.replace(populations[1], drive={"push": steps}, sign=np.int8(-1))
    made = lsnn.Circuit(populations, [Projection("timed", "c", connectivity=1.0, weight=0.5)])
    lsnn.save(made, tmp_path / "made.lsnn.h5")
    assert circuit_sha256(lsnn.load(tmp_path / "made.lsnn.h5")) == circuit_sha256(made)
