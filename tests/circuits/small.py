"""A small circuit with signs, delays, and parameters, starts and a readout's time constant that learn."""

import numpy as np

import lsnn
from lsnn import Population, Projection, Readout, ms, uniform

CELLS, STEPS, SAMPLES = 6, 24, 10
ALIF = {"b0": 0.02, "tau_m": uniform(8, 15) * ms, "tau_a": 40 * ms, "beta": 0.4, "t_ref": 1 * ms}


def circuit(seed=1, **changes):
    """Input onto twelve neurons E that excite each other, with all kinds of what learns."""
    learnt = ("tau_m", "beta", "initial")
    populations = [
        Population("x", CELLS),
        Population("E", 12, "alif", ALIF, {"v": uniform(0, 0.01)}, sign=1, learnt=learnt),
    ]
    projections = [
        Projection("x", "E", connectivity=0.8, weight=uniform(-0.1, 0.3), delay=uniform(1, 3) * ms),
        Projection("E", "E", connectivity=0.5, weight=uniform(0, 0.1), delay=2 * ms, name="again"),
    ]
    readout = Readout("E", 2, 10 * ms, learnt=("tau",))
    return lsnn.Circuit(populations, projections, readout, dt=1 * ms, seed=seed, **changes)


def samples(count=SAMPLES, seed=1):
    """Two classes: spikes of the first cells before those of the last, or the other way round."""
    g = np.random.default_rng(seed)
    labels = g.integers(0, 2, count)
    spikes = np.zeros((count, STEPS, CELLS), bool)
    for i, label in enumerate(labels):
        for half, start in ((label, 1), (1 - label, 10)):
            spikes[i, start + g.integers(0, 4, 3), 3 * half + np.arange(3)] = True
    return spikes, labels
