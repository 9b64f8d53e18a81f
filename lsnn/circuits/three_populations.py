"""The network of excitatory, inhibitory and adaptive neurons as a circuit, to the same bits."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from brian2.units import second

from lsnn.circuits.circuit import Circuit
from lsnn.circuits.namespaces import quantity
from lsnn.circuits.parts import Population, Projection, Readout
from lsnn.equations.parsing import read_equations
from lsnn.network import Network
from lsnn.neurons import NeuronModel
from lsnn.populations import Group
from lsnn.simulation.frozen import FrozenNetwork, network_in


class _Cells(NamedTuple):
    """A population of the circuit, and where the network has it among its sources."""

    population: Population
    first: int
    end: int


def circuit_of(given: FrozenNetwork | Network) -> Circuit:
    """A network for tasks as a circuit, with the same spikes and gradients: `lsnn.circuit_of`.

    Its populations are `input`, `excitatory`, `inhibitory` and `adaptive`, those without cells left out; projections
    are called SOURCE_to_TARGET_PORT. Weights, delays and parameters are as they are now.
    """
    network, _ = network_in(given)
    config, n_in = network.config, network.n_in
    cells = [*_sources(network)]
    dt = quantity(config.dt_ms / 1000, second.dim)
    names = tuple(each.population.name for each in cells if each.first >= n_in)
    kappa, tau = float(network.kappa()[0]), quantity(network.tau_out_ms / 1000, second.dim)
    readout = None
    if network.n_out:
        readout = Readout(names, network.n_out, tau, network.readout / (1 - kappa), network.bias.copy())
    projections = [*_projections(network, cells)]
    populations = [each.population for each in cells]
    gamma, detached = config.surrogate_gamma, config.detach_reset
    return Circuit(populations, projections, readout, dt, gamma=gamma, detach_reset=detached)


def _sources(network: Network) -> Iterator[_Cells]:
    n_in, c = network.n_in, network.config
    if n_in:
        yield _Cells(Population("input", n_in), 0, n_in)
    first = 0
    parts = ("excitatory", c.n_excitatory), ("inhibitory", c.n_inhibitory), ("adaptive", c.n_adaptive)
    for name, size in parts:
        if size:
            group, model = network.groups[name == "adaptive"], c.models[name == "adaptive"]
            neurons = slice(first - group.neurons.start, first - group.neurons.start + size)
            yield _Cells(_population(name, size, model, group, neurons), n_in + first, n_in + first + size)
        first += size


def _population(name: str, size: int, model: NeuronModel, group: Group, neurons: slice) -> Population:
    equations = read_equations(model)
    held = [key for key, own in group.model.parameters.items() if own is None or key in model.learnt]
    values = {key: quantity(group.given[key][neurons], equations[key].dim) for key in held}
    return Population(name, size, model._replace(learnt=()), values, learnt=model.learnt)


def _projections(network: Network, cells: list[_Cells]) -> Iterator[Projection]:
    """Those between all pairs of populations that have synapses."""
    synapses, weight = network.synapses, network.signed_theta() * network.effect()
    dt = network.config.dt_ms / 1000
    for source in cells:
        for target in cells:
            model = target.population.model
            if not isinstance(model, NeuronModel):
                continue
            post = synapses.target.astype(np.int64) + network.n_in
            chosen = (synapses.source >= source.first) & (synapses.source < source.end)
            chosen &= (post >= target.first) & (post < target.end)
            if chosen.any():
                pre = synapses.source[chosen].astype(np.int64) - source.first
                yield Projection(
                    source.population.name, target.population.name, model.ports[0],
                    pairs=(pre, post[chosen] - target.first), delay=quantity(synapses.delay[chosen] * dt, second.dim),
                    weight=quantity(weight[chosen], read_equations(model)[model.ports[0]].dim),
                )  # fmt: skip
