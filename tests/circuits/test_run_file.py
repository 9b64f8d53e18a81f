"""Runs of circuits straight to a file: the same as in memory, in bounded memory, whole or not at all."""

import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest
import xarray

import lsnn
from lsnn import InputError, Population, Projection, Readout, ms
from lsnn.circuits import passage
from lsnn.circuits.driving import spikes_at
from lsnn.circuits.parts import Rates, Steps, Times
from lsnn.errors import StoreError
from lsnn.files import store
from lsnn.files.whole import Sink
from tests.circuits import small
from tests.circuits.ports import JUMPING

STEPS, SAMPLES = 300, 10
PLACES = [("E", "v"), ("E", "b"), ("J", "v")]
JUMPS = {"theta": 0.8, "a": 0.4, "tau": 20 * ms, "tau_w": 50 * ms, "t_ref": 0 * ms}


@pytest.fixture(scope="module")
def circuit():
    """Cells with spikes of themselves, drawn and at times, onto neurons of which some have a drive of their own."""
    levels = Steps(np.array([0.2, 1.5, 0.9]), 0.04)
    often = Times(np.array([0, 2, 1]), np.array([0.002, 0.0031, 0.011]), 0.013)
    populations = [
        Population("P", 5, source=Rates(np.full(5, 200.0))), Population("x", small.CELLS),
        Population("S", 3, source=often), Population("E", 12, "alif", small.ALIF, learnt=("tau_m",)),
        Population("J", 4, JUMPING, JUMPS, drive={"drive": levels}),
    ]  # fmt: skip
    joined = [Projection(name, "E", connectivity=0.8, weight=0.15, delay=2 * ms) for name in ("P", "x", "S", "J")]
    return lsnn.Circuit(populations, joined, Readout("E", 2, 10 * ms), dt=1 * ms, seed=2)


def given(**how):
    spikes = np.random.default_rng(3).random((SAMPLES, STEPS, small.CELLS)) < 0.1
    return {"inputs": {"x": spikes}, "record": ("v", "b"), "seed": 5} | how


@pytest.fixture(scope="module", params=["spikes", "currents"])
def both(request, circuit, tmp_path_factory):
    """A run in memory, and one in a file that was written in parts of a few steps."""
    how = given(currents=request.param == "currents")
    path = tmp_path_factory.mktemp("run") / "run.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passage, "MOST_BYTES", 100_000)
        held = circuit.run(**how)
        with circuit.run(**how, record_to=path) as filed:
            assert 1 < filed.steps // passage.Passage(circuit, held.drive, np.float64).longest
            yield held, filed


def test_a_run_in_a_file_is_the_one_in_memory(both):
    held, filed = both
    np.testing.assert_array_equal(filed.outputs, held.outputs)
    assert held.spikes("E").sum() > 1000 and held.spikes("J").sum() > 100
    for name in ("P", "x", "S", "E", "J"):
        np.testing.assert_array_equal(filed.spikes(name), held.spikes(name))
        for ours, theirs in zip(filed.events(name), held.events(name), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(filed.counts(), held.counts())
    assert list(filed.recorded) == list(held.recorded) == PLACES
    for place in PLACES:
        np.testing.assert_array_equal(filed.state(*place), held.state(*place))
        np.testing.assert_array_equal(filed.recorded[place][3, 5:9], held.recorded[place][3, 5:9])
    xarray.testing.assert_identical(filed.to_xarray().load(), held.to_xarray())
    pandas.testing.assert_frame_equal(filed.to_pandas(), held.to_pandas(), check_dtype=False)
    assert (filed.samples, filed.steps, filed.dt) == (SAMPLES, STEPS, held.dt)


def test_a_run_is_opened_later_with_its_circuit(both):
    held, filed = both
    with lsnn.open_record(filed.path) as later, pickle.loads(pickle.dumps(later)) as copied:
        np.testing.assert_array_equal(later.outputs, held.outputs)
        np.testing.assert_array_equal(copied.outputs, held.outputs)
        again = later.circuit.run(**given(currents=held.drive.currents))
        np.testing.assert_array_equal(again.spikes("E"), held.spikes("E"))
        assert repr(later).endswith("v of E, b of E, v of J, in run.h5>")
        with pytest.raises(InputError, match="'w' of 'J' was not recorded"):
            later.state("J", "w")
        with pytest.raises(InputError, match="population must be one of P, x, S, E, J"):
            later.spikes("z")
    with pytest.raises(InputError, match="task must be None for a record of a circuit"):
        lsnn.open_record(filed.path, task=3)


def test_no_more_is_read_than_is_asked_for(both, monkeypatch):
    held, filed = both
    asked = []
    read = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: asked.append(key) or read(self, key))
    part = filed.to_xarray()["v_E"].sel(sample=3, time=slice(100, 120)).isel(neuron_E=[5, 2])
    assert not asked
    np.testing.assert_array_equal(part, held.state("E", "v")[3, 100:121][:, [5, 2]])
    assert asked and asked[0][:2] == (3, slice(100, 121, 1))


@pytest.mark.parametrize("period", [None, 0.013, 0.02])
def test_spikes_at_times_are_the_same_in_parts(period):
    times = Times(np.array([0, 2, 1, 1]), np.array([0.002, 0.0031, 0.011, 0.025]), period)
    whole = spikes_at(times, 0, 90, 3, 0.001)
    assert whole.sum() == {None: 4, 0.013: 26, 0.02: 18}[period]
    for size in (1, 7, 40):
        parts = [spikes_at(times, first, min(first + size, 90), 3, 0.001) for first in range(0, 90, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_what_does_not_go_with_a_file_is_refused(circuit, tmp_path):
    target = tmp_path / "run.h5"
    for how, words in (
        ({"gradient": True}, "gradient must be False with record_to"),
        ({"scored": [("E", "v")]}, "scored must be empty with record_to"),
        ({"overwrite": 1}, "overwrite must be"),
        ({"record": ("z",)}, "record must be of state variables"),
    ):
        with pytest.raises(InputError, match=words):
            circuit.run(**given(**how), record_to=target)
    with pytest.raises(InputError, match="record_to"):
        circuit.run(**given(), record_to=3)
    assert list(tmp_path.iterdir()) == []
    target.write_bytes(b"mine")
    with pytest.raises(InputError, match="must not exist yet"):
        circuit.run(**given(), record_to=target)
    with circuit.run(**given(), record_to=target, overwrite=True) as filed:
        assert filed.counts().sum() > 0


def test_a_full_disk_leaves_nothing(circuit, tmp_path, monkeypatch):
    def full(self, data):
        self.failure = OSError(28, "No space left on device")
        return memoryview(data).nbytes

    monkeypatch.setattr(Sink, "write", full)
    with pytest.raises(StoreError, match="No space left"):
        circuit.run(**given(), record_to=tmp_path / "run.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_file_is_refused(both, circuit, tmp_path):
    path = both[1].path
    for change, words in (
        (lambda f: f["spikes"].pop("E"), "/spikes/E: must have the form of an array"),
        (lambda f: f["state/E"].move("v", "w"), "/state/E/w: must have a name that this version reads"),
        (lambda f: f.attrs.__setitem__("steps", 9), "must have shape"),
        (lambda f: f.attrs.__setitem__("samples", 0), r"@samples: must have a value in 1\.\."),
        (lambda f: f["circuit"].attrs.__setitem__("checksum", "7"), "@checksum: must have that of"),
        (lambda f: f.pop("spike_count"), "/spike_count: is missing"),
    ):
        other = tmp_path / "other.h5"
        other.write_bytes(path.read_bytes())
        with h5py.File(other, "r+", libver=("v110", "v110")) as file:
            change(file)
            store.fix_text(file)
        store.seal(other)
        with pytest.raises(InputError, match=words):
            lsnn.open_record(other)


LONG = """
import resource, sys
import numpy as np
import lsnn
from lsnn import Population, Projection, Readout, ms
from lsnn.circuits import passage
from lsnn.circuits.parts import Rates
passage.MOST_BYTES = 4 * 2**20
parts = [Population("P", 100, source=Rates(np.full(100, 20.0))),
         Population("E", 200, "alif", {"b0": 0.02, "tau_m": 10 * ms, "tau_a": 40 * ms, "beta": 0.4, "t_ref": 1 * ms})]
joined = [Projection("P", "E", connectivity=0.5, weight=0.05)]
circuit = lsnn.Circuit(parts, joined, Readout("E", 1, 10 * ms))
run = lambda steps, name: circuit.run(steps, samples=8, record=("v",), record_to=sys.argv[1] + name)
run(50, "/short.h5").close()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
filed = run(12_000, "/long.h5")
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(grown, filed.recorded["E", "v"][7, -1, 0], filed.counts().sum())
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="memory is counted in another unit")
def test_memory_is_bounded_where_the_run_is_not(tmp_path):
    """Eight samples of 12 s leave 146 MB of v in the file; in memory they and what drives them would take as much."""
    root, long = Path(lsnn.__file__).parents[1], tmp_path / "long.h5"
    done = subprocess.run([sys.executable, "-c", LONG, str(tmp_path)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    grown, last, spikes = (float(word) for word in done.stdout.split())
    assert grown < 70 < 140 < long.stat().st_size / 2**20 and np.isfinite(last) and spikes > 1e5
