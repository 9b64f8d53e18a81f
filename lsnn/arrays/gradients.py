"""The gradient of everything: of a network's weights, parameters and inputs, `network.gradient`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
import xarray

from lsnn.arrays.learners import NetworkLearner, back_through
from lsnn.arrays.spikes import inputs_of
from lsnn.learning import parameters as learnt
from lsnn.learning.optimiser import Arrays
from lsnn.network import Network
from lsnn.validation import plain_numbers, require


@dataclass(frozen=True)
class Gradients:
    """dL of what a network holds and of what it was given, for an L of which dL/d(readout) was told.

    Attributes:
        inputs: (sample, time, cell). Of spikes it is what a spike more or less would do, as the surrogate has it.
        weights: of each synapse (S,), in the order of `network.synapses`.
        readout: of the readout's weights, (neurons, outputs): by how much a spike lifts an output.
        bias: (outputs,).
        parameters: of those that `learnt` names, in SI units: a number a neuron, one of tau_out. Where a population
            shares a value, each of its neurons has the gradient of that one.
    """

    inputs: xarray.DataArray
    weights: np.ndarray
    readout: np.ndarray
    bias: np.ndarray
    parameters: dict[str, np.ndarray]


def gradient(network: Network, inputs: Any, slope: Any, currents: bool = False, threads: int = 1) -> Gradients:
    """The gradients of an L of the readout under inputs.

    Args:
        inputs: (samples, steps, cells). slope: dL/d(readout), (samples, steps, outputs).

    Raises:
        InputError: an argument that breaks its rule.
    """
    given = inputs_of("inputs", inputs, network.n_in, currents)
    g_y = slope_of(slope, (*given.shape[:2], network.n_out))
    found, of_inputs = summed(network, given, g_y, currents, threads)
    theta, effect = found.pop("theta"), network.effect()
    signs = network.synapses.sign if network.config.signed else 1
    values = learnt.values_in(found)
    dt = network.config.dt_ms
    coordinates = {"time": ("time", np.arange(given.shape[1]) * dt, {"units": "ms"})}
    return Gradients(
        xarray.DataArray(of_inputs, coordinates, ("sample", "time", "cell"), "gradient of the inputs"),
        theta * signs / effect, found["readout"], found["bias"],
        {name: of_log / np.where(p := network.learnt[name], p, np.inf) for name, of_log in values.items()},
    )  # fmt: skip


def slope_of(slope: Any, shape: tuple[int, ...]) -> np.ndarray:
    """dL/d(readout) as numbers of that shape (samples, steps, outputs); InputError unless it is."""
    array = plain_numbers("slope", slope)
    require(array.shape == shape, "slope", f"dL/d(readout) (samples, steps, outputs) = {shape}", array)
    sound = np.abs(array) <= 1e30
    require(bool(sound.all()), "slope", "finite numbers up to 1e30", array[~sound])
    return array.astype(float)


def summed(
    network: Network, inputs: np.ndarray, g_y: np.ndarray, currents: bool, threads: int = 1, dtype: Any = np.float32
) -> tuple[Arrays, np.ndarray]:
    """Gradients of what learns, summed over samples, and of the inputs (samples, steps, cells)."""
    return back_through(NetworkLearner(network), inputs, g_y, currents, threads, dtype)


def synapses_of(network: Network) -> pandas.DataFrame:
    """A row a synapse: kind and number of its source, target, delay_ms, weight in the unit that it adds to."""
    synapses, n_in = network.synapses, network.n_in
    from_input = synapses.source < n_in
    return pandas.DataFrame(
        {
            "kind": np.where(from_input, "input", "recurrent"),
            "source": np.where(from_input, synapses.source, synapses.source - n_in),
            "target": synapses.target,
            "delay_ms": synapses.delay * network.config.dt_ms,
            "weight": network.signed_theta() * network.effect(),
        },
        pandas.RangeIndex(len(synapses.source), name="synapse"),
    )  # fmt: skip
