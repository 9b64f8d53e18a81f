"""Circuits and runs are copied and pickled by what they hold; generated code is found again."""

import copy
import pickle

import numpy as np
import pytest

import lsnn
from lsnn import Population, Projection, Readout, ms, uniform

ALIF = {"b0": 0.01, "tau_m": uniform(15, 30) * ms, "tau_a": 200 * ms, "beta": 0.5, "t_ref": 2 * ms}


@pytest.fixture(scope="module")
def circuit():
    parts = [Population("input", 5), Population("E", 8, "alif", ALIF, sign=1)]
    drive = Projection("input", "E", connectivity=0.5, weight=uniform(0, 0.5))
    return lsnn.Circuit(parts, [drive], Readout("E", outputs=2, tau=20 * ms), dt=1 * ms, seed=1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copy_runs_as_the_first_and_is_another(circuit, copied):
    inputs = np.random.default_rng(0).random((3, 40, 5)) < 0.3
    run, other = circuit.run(inputs=inputs, gradient=True), copied(circuit)
    assert run.spikes("E").any()
    np.testing.assert_array_equal(other.run(inputs=inputs).spikes("E"), run.spikes("E"))
    other.weight["input_to_E"][:] = 0
    assert circuit.weight["input_to_E"].any()
    d_outputs = np.ones(run.outputs.shape)
    here, there = run.gradient(d_outputs), copied(run).gradient(d_outputs)
    np.testing.assert_array_equal(here.weight["input_to_E"], there.weight["input_to_E"])
