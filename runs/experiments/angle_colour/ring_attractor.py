"""A hand-wired ring attractor in Brian2 on the same episodes: nothing in it was learnt.

Cell j of N prefers the angle 2 pi j / N. Cells excite those of like preference and inhibit the others by a cosine
(after Ben-Yishai, Bar-Or & Sompolinsky 1995, recalled; spikes, slow synapses and all numbers are ours):

    tau_m dv/dt = I_0 - J_0 h + J_1 (p cos + q sin) + input - v + sigma sqrt(2 tau_m) xi
    tau_s dh/dt = -h,  a spike of cell j: h += k, p += k cos_j, q += k sin_j,  k = 1 s / (N tau_s)

so that h is the mean rate in Hz and (p, q) the bump of activity. Angles are shown by the spikes that the spiking
networks meet, through synapses of one width.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsnn.errors import InputError
from runs.experiments.angle_colour.spiking import Told
from tasks.angle_recall import AngleRecall
from tasks.angle_recall.baselines import shown_spikes
from tasks.angle_recall.task import ANGLE
from tasks.encoders import RingCells

Array = NDArray[np.float64]

CELLS = 64
INPUT, UNIFORM, INHIBITION, EXCITATION, NOISE = 1.0, 1.05, 0.06, 0.08, 0.1  # of thresholds; the two J per Hz
TAU_M_MS, TAU_S_MS, REFRACTORY_MS = 20, 100, 2
READ_MS = 30.0  # low-pass of the spikes that are read, as in the spiking networks
WATCHED_MS = 50
CELL = """
dv/dt = (uniform - inhibition*h + excitation*(p*cosine + q*sine) + shown(t, i) - v)/tau_m + noise*sqrt(2/tau_m)*xi : 1
    (unless refractory)
dr/dt = -r/tau_read : 1
h : 1 (linked)
p : 1 (linked)
q : 1 (linked)
cosine : 1 (constant)
sine : 1 (constant)
"""
FIELD = "dh/dt = -h/tau_s : 1\ndp/dt = -p/tau_s : 1\ndq/dt = -q/tau_s : 1"
SPIKE = "h_post += k\np_post += k*cosine_pre\nq_post += k*sine_pre"


class Ran(NamedTuple):
    """What E episodes of the ring left."""

    told: Told  # answer: the direction of the spikes read; features: those spikes
    position: Array  # (watched, E) direction of the bump every WATCHED_MS since the angle went, rad
    rate_hz: Array  # (watched,) mean rate of a cell


def input_weights(ring: RingCells) -> Array:
    """Synapses from the ring cells, (n, CELLS): von Mises; the cell that is driven most has a mean current of INPUT."""
    places, cells = (2 * np.pi * np.arange(n) / n for n in (ring.n_cells, CELLS))
    concentration = ring.parameters()[2]
    weights = np.exp(concentration * (np.cos(places[:, None] - cells) - 1))
    return np.asarray(weights * INPUT / (ring.probabilities(np.zeros(1)) @ weights).max())


def run(task: AngleRecall, keys: NDArray[np.uint64], weights: Array, seed: int) -> Ran:
    """Episodes of one dark; weights (M, CELLS) are the synapses of the task's ring cells.

    Raises:
        InputError: the darks are drawn, so that answers come at different times.
    """
    if task.dark_ms_min != task.dark_ms:
        raise InputError(f"dark_ms_min must be dark_ms for the ring attractor, got {task.dark_ms_min}")
    drive = shown_spikes(task, keys) @ weights  # (E, T, CELLS)
    silent = np.zeros((1, len(keys) * CELLS))
    current = np.concatenate([drive.swapaxes(0, 1).reshape(task.show_ms, -1), silent])
    spikes, bump = _simulated(current, len(keys), task.duration_ms, seed)
    shown = task.starts(keys)[:, ANGLE]
    cosine, sine = _preferred()
    answer = np.arctan2(spikes @ sine, spikes @ cosine)
    first = task.show_ms // WATCHED_MS
    position = np.arctan2(bump[2], bump[1])[:, first:].T
    return Ran(Told(shown, answer, spikes), position, bump[0][:, first:].mean(axis=0))


def _preferred() -> tuple[Array, Array]:
    cells = 2 * np.pi * np.arange(CELLS) / CELLS
    return np.cos(cells), np.sin(cells)


def _simulated(current: Array, rings: int, duration_ms: int, seed: int) -> tuple[Array, Array]:
    """Run rings driven by currents (T, rings * CELLS): the spikes read (rings, CELLS); h, p, q (3, rings, watched)."""
    import brian2 as br

    from lsnn.brian import without_compiler

    ms, cosine, sine = br.ms, *(np.tile(each, rings) for each in _preferred())
    namespace = {
        "uniform": UNIFORM, "inhibition": INHIBITION, "excitation": EXCITATION, "noise": NOISE, "tau_m": TAU_M_MS * ms,
        "tau_s": TAU_S_MS * ms, "tau_read": READ_MS * ms, "k": 1000 / (CELLS * TAU_S_MS),
        "shown": br.TimedArray(current, dt=ms),
    }  # fmt: skip
    br.seed(seed)
    clock, owner = br.Clock(ms), np.repeat(np.arange(rings), CELLS)
    field = br.NeuronGroup(rings, FIELD, method="exact", clock=clock, namespace=namespace)
    cells = br.NeuronGroup(
        rings * CELLS, CELL, threshold="v > 1", reset="v = 0\nr += 1", refractory=REFRACTORY_MS * ms, method="euler",
        clock=clock, namespace=namespace,
    )  # fmt: skip
    cells.cosine, cells.sine = cosine, sine
    for name in ("h", "p", "q"):
        setattr(cells, name, br.linked_var(field, name, index=owner))
    synapses = br.Synapses(cells, field, on_pre=SPIKE, clock=clock, namespace=namespace)
    synapses.connect(i=np.arange(rings * CELLS), j=owner)
    watch = br.StateMonitor(field, ["h", "p", "q"], record=True, dt=WATCHED_MS * ms)
    with without_compiler():
        br.Network(cells, field, synapses, watch).run(duration_ms * ms, namespace={})
    return cells.r[:].reshape(rings, CELLS), np.stack([watch.h, watch.p, watch.q])
