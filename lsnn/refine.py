"""More input cells for a network that has learnt with fewer: a quieter input at the same drive.

Each input cell is replaced by several that take over its synapses in equal parts. They spike independently, so what
reaches a neuron has the same mean and, with k for one, a k-th of the variance that comes from the drawing of spikes
(as networks are widened by Net2Net, Chen et al. 2016, recalled).
"""

from dataclasses import replace

import numpy as np

from lsnn.errors import InputError
from lsnn.meta import LearnerState
from lsnn.network import Network, source_signs
from lsnn.wiring import Wiring, synapses_of_pairs


def refined(network: Network, state: LearnerState, origin: np.ndarray) -> tuple[Network, LearnerState]:
    """The network with new input cells, and its learner's state.

    Args:
        origin: (n_in',) which of the old input cells each new one comes from; all of them occur.

    Raises:
        InputError: signs or delays of the synapses are fixed pair by pair, so new ones could not be as the old.
    """
    if network.config.signed or network.config.d_max_ms > 1:
        raise InputError("input cells can only be split without Dale's law, DEEP R and delays (network.d_max_ms = 1)")
    n, n_in, old = network.config.n_neurons, len(origin), network.synapses
    children = np.bincount(origin, minlength=network.n_in)
    assert len(children) == network.n_in and children.all()
    wiring = Wiring(network.wiring.key, n_in, n, network.wiring.d_max, source_signs(network.config, n_in))
    by_origin = np.argsort(origin, kind="stable")
    first = np.cumsum(children) - children
    copies = np.concatenate([children, np.ones(n, int)])[old.source]
    parent = np.repeat(np.arange(len(old.source)), copies)  # of each new synapse
    rank = np.arange(len(parent)) - np.repeat(np.cumsum(copies) - copies, copies)
    from_input = old.source[parent] < network.n_in
    source = (old.source[parent] - network.n_in + n_in).astype(np.int64)
    source[from_input] = by_origin[first[old.source[parent[from_input]]] + rank[from_input]]
    pairs = source * n + old.target[parent]
    synapses, order = synapses_of_pairs(wiring, pairs, (old.theta / copies)[parent])
    parent = parent[order]
    moments = [
        {name: array[parent] if name == "theta" else array for name, array in arrays.items()}
        for arrays in (state.first, state.second)
    ]
    average = dict(state.average) | {"theta": (state.average["theta"] / copies)[parent]}
    widened = replace(network, wiring=wiring, synapses=synapses)
    return widened, state._replace(first=moments[0], second=moments[1], average=average)
