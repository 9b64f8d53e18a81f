"""Parameters of the neurons, and the readout's time constant, that learn beside the weights.

Each is learnt by the logarithm of its size, p = p(start) exp(phi), so that it keeps its sign, and dL/dphi = p dL/dp.
In the arrays of the outer loop they stand under `parameter.NAME`.
"""

from collections.abc import Mapping

import numpy as np

from lsnn.kernels.layout import Gradient
from lsnn.learning.config import LearningConfig
from lsnn.learning.optimiser import Arrays
from lsnn.network import Network
from lsnn.parameters import TAU_OUT, parameters_learnt
from lsnn.populations import gradients_of_parameters

PREFIX = "parameter."


def named(values: Mapping[str, np.ndarray]) -> Arrays:
    """Values by the names that the outer loop gives them."""
    return {PREFIX + name: np.asarray(array) for name, array in values.items()}


def values_in(arrays: Arrays) -> Arrays:
    """The parameters among arrays of the outer loop, by their own names."""
    return {key.removeprefix(PREFIX): array.copy() for key, array in arrays.items() if key.startswith(PREFIX)}


def gradient_of(network: Network, g: Gradient) -> Arrays:
    """dL/dphi of every parameter that learns: (N,), the same for all of a population that shares it; tau_out (1,)."""
    learns = parameters_learnt(network.config.learnt)
    dt = network.config.dt_ms / 1000
    found = {name: np.zeros(network.config.n_neurons) for name in learns if name != TAU_OUT}
    if found:
        of_constants, of_start = (array.sum(axis=-1, dtype=float) for array in (g.constants, g.start))
        for group, of in zip(
            network.groups, gradients_of_parameters(network.groups, dt, of_constants, of_start), strict=True
        ):
            for name, gradient in of.items():
                found[name][group.neurons] = gradient * group.given[name]
    for name in found:
        if learns[name]:
            found[name] = network.summed_over_populations(found[name])
    if TAU_OUT in learns:
        kappa, tau = network.kappa(), network.parameter(TAU_OUT)
        found[TAU_OUT] = g.kappa * kappa * dt / tau  # dkappa/dtau = kappa dt/tau**2, times tau
    return named(found)


def moved(network: Network, change: Arrays, learning: LearningConfig) -> Arrays:
    """The parameters after a step of phi, each within `parameter_range` times its value at the start."""
    found = {}
    for name, step in values_in(change).items():
        start, most = network.at_start(name), learning.parameter_range
        factor = np.divide(network.learnt[name], start, out=np.ones_like(start), where=start != 0)
        factor = np.clip(factor * np.exp(learning.parameter_rate * step), 1 / most, most)
        found[name] = start * factor
    return found
