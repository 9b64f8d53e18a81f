"""A circuit run by Brian2: the same spikes, and the same readout at the end of every step."""

import brian2 as br
import numpy as np
import pytest

import lsnn
from tests.circuits import ports
from tests.comparing import assert_close

STEPS = 300


@pytest.fixture(scope="module")
def both():
    """The circuit of all kinds of ports, and its spikes and readout in Brian2."""
    g = np.random.default_rng(2)
    x, drive = g.random((STEPS, ports.N_IN)) < 0.08, g.uniform(0, 1.2, (STEPS, ports.SIZE))
    made = ports.circuit(drive=drive)
    run = made.run(inputs=x)
    target, br.prefs.codegen.target = br.prefs.codegen.target, "numpy"
    try:
        network = lsnn.to_brian2(made, {"x": x})
        groups = {thing.name: thing for thing in network.objects}
        monitors = {name: br.SpikeMonitor(groups[name]) for name in ports.MODELS}
        r = br.StateMonitor(groups["readout"], "r", record=True, when="end", clock=groups["readout"].clock)
        network.add(*monitors.values(), r)
        network.run(STEPS * groups["readout"].clock.dt, namespace={})
    finally:
        br.prefs.codegen.target = target
    return run, monitors, np.asarray(r.r).T


@pytest.mark.parametrize("name", ports.MODELS)
def test_spikes_are_the_same(name, both):
    run, monitors, _ = both
    found = run.spikes(name)[0]
    steps, neurons = np.nonzero(found)
    order = np.lexsort((monitors[name].i, monitors[name].t))
    np.testing.assert_array_equal(np.rint(np.asarray(monitors[name].t)[order] / ports.DT), steps)
    np.testing.assert_array_equal(np.asarray(monitors[name].i)[order], neurons)
    assert len(steps) > 20


def test_the_readout_is_the_same(both):
    run, _, r = both
    assert_close(run.outputs[0] - run.circuit.bias, r, rtol=1e-9, atol=1e-12)
