"""The frozen networks of the experiment: with colour cells in place of the ring, in the dark, and with parts erased."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import lsnn
from lsnn.errors import InputError
from lsnn.network import Network
from lsnn.simulation.frozen import variables_of
from lsnn.simulation.state import OTHERS
from lsnn.wiring import Synapses
from tasks.angle_recall import AngleRecall
from tasks.angle_recall.task import ANGLE

Array = NDArray[np.float64]

RATE_BIN_MS = 100


class Told(NamedTuple):
    """What E episodes end with."""

    shown: Array  # (E,) rad
    answer: Array  # (E,) direction of the readout, rad
    features: Array  # (E, N) spikes of each neuron at the answer, low-passed as the readout does


def held(task: AngleRecall, dark_ms: int) -> AngleRecall:
    """The task with one dark."""
    return replace(task, dark_ms_min=dark_ms, dark_ms=dark_ms)


def simulated(network: Network, task: AngleRecall, keys: NDArray[np.uint64], threads: int) -> Told:
    """Run the episodes of a task of one dark to their answers."""
    return told_by(lsnn.simulate(network, task, keys=keys, threads=threads))


def told_by(record: Any) -> Told:
    """What a record of whole episodes of one dark ends with."""
    network, spikes = record.network, record.spikes
    n, ago = network.config.n_neurons, record.duration_ms - 1 - spikes.time_ms
    late = ago < 10 * network.config.tau_out_ms
    place = spikes.episode[late].astype(np.int64) * n + spikes.cell[late]
    weight = np.exp(-ago[late] / network.config.tau_out_ms)
    features = np.bincount(place, weight, record.n_episodes * n).astype(float).reshape(-1, n)
    answer, shown = record.action.values[:, -1], record.task_state.values[:, 0, ANGLE]
    return Told(shown, np.arctan2(answer[:, 1], answer[:, 0]), features)


# Colours


def ring_weights(network: Network, n_ring: int) -> Array:
    """Normalised weights of the ring cells, (n_ring, N)."""
    weights, synapses = np.zeros((network.n_in, network.config.n_neurons)), network.synapses
    cut = network.n_input_synapses
    weights[synapses.source[:cut], synapses.target[:cut]] = network.signed_theta()[:cut]
    return weights[:n_ring]


def with_colours(network: Network, n_ring: int, weights: Array) -> Network:
    """The same network with colour cells of these normalised weights (M, N) in place of its ring cells.

    Raises:
        InputError: its synapses have signs or delays of their own, which a new cell would lack.
    """
    if network.config.signed or network.config.d_max_ms != 1:
        raise InputError("a network for colours must have neither Dale's law, rewiring nor delays above 1 ms")
    n, old, wiring = network.config.n_neurons, network.synapses, network.wiring
    kept, more = old.source >= n_ring, len(weights) - n_ring
    source = np.repeat(np.arange(len(weights), dtype=np.int32), n)
    fresh = np.ones(len(source), np.int32)
    synapses = Synapses(
        np.concatenate([source, old.source[kept] + np.int32(more)]),
        np.concatenate([np.tile(np.arange(n, dtype=np.int32), len(weights)), old.target[kept]]),
        np.concatenate([fresh, old.delay[kept]]),
        np.concatenate([fresh.astype(np.int8), old.sign[kept]]),
        np.concatenate([weights.ravel(), old.theta[kept]]),
    )
    signs = np.zeros(wiring.n_in + more + n, np.int8)
    return replace(network, wiring=wiring._replace(n_in=wiring.n_in + more, source_sign=signs), synapses=synapses)


# Where it is held


def erasures(network: Network) -> dict[str, tuple[str, ...]]:
    """What is erased, by name: nothing, each state variable, all but it; b only where a threshold depends on it."""
    variables = [name for name in variables_of(network) if name != "b" or network.beta.any()]
    every = (*variables, *OTHERS)
    alone = {f"all but {name}": tuple(part for part in every if part != name) for name in variables}
    return {"nothing": (), **{name: (name,) for name in variables}, **alone}


def after_erasure(
    network: Network, task: AngleRecall, keys: NDArray[np.uint64], parts: Sequence[str], threads: int
) -> Told:
    """Erase parts of the state half way through the dark and go on."""
    simulation = lsnn.Simulation(network, task, keys=keys, threads=threads)
    simulation.run(task.show_ms + task.dark_ms // 2)
    if parts:
        simulation.erase(*parts)
    return told_by(simulation.run().record)


def dark_rates(network: Network, task: AngleRecall, keys: NDArray[np.uint64], threads: int) -> Array:
    """Mean rate of a neuron in each 100 ms of the dark, in Hz."""
    spikes = lsnn.simulate(network, task, keys=keys, threads=threads).spikes
    since = spikes.time_ms - task.show_ms
    bins = since[(since >= 0) & (since < task.dark_ms)] // RATE_BIN_MS
    count = np.bincount(bins, minlength=task.dark_ms // RATE_BIN_MS)
    return count / (len(keys) * network.config.n_neurons * RATE_BIN_MS / 1000)
