"""More input cells for a network that has learnt with fewer: a quieter input at the same drive.

Each input cell is replaced by several that take over its synapses in equal parts. They spike independently, so what
reaches a neuron has the same mean and, with k for one, a k-th of the variance that comes from the drawing of spikes
(as networks are widened by Net2Net, Chen et al. 2016, recalled).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from lsnn.errors import InputError
from lsnn.learning.state import LearnerState
from lsnn.network import Network, NetworkConfig, wiring_of
from lsnn.validation import require
from lsnn.wiring import synapses_of_pairs


def require_divisible(config: NetworkConfig) -> None:
    """InputError for a network whose input cells cannot be split."""
    if config.signed or config.d_max_ms > 1:
        raise InputError("input cells can only be split without Dale's law, DEEP R and delays (network.d_max_ms = 1)")


def origin_of(fine: Any, coarse: Any) -> np.ndarray | None:
    """Which cell of an encoder each cell of a finer one comes from; None unless one is the other with more cells."""
    if fine == coarse or type(fine) is not type(coarse) or not hasattr(fine, "origin"):
        return None
    origin: np.ndarray | None = fine.origin(coarse)
    return origin


def refined(network: Network, state: LearnerState, origin: np.ndarray) -> tuple[Network, LearnerState]:
    """The network with new input cells, and its learner's state: moments as they were, the average in equal parts.

    Args:
        origin: (n_in',) which of the n_in old input cells each new one comes from; all of them occur.

    Raises:
        InputError: signs or delays of the synapses are fixed pair by pair, so new ones could not be as the old; or a
            cell is missing.
    """
    require_divisible(network.config)
    network.check()
    n, n_in, old = network.config.n_neurons, len(origin), network.synapses
    every = np.array_equal(np.unique(origin), np.arange(network.n_in))
    require(every, "origin", f"a row in which every input cell from 0 to {network.n_in - 1} occurs", origin)
    origin = np.concatenate([origin, network.n_in + np.arange(n)])  # of every source; a neuron comes from itself
    children = np.bincount(origin)
    wiring = wiring_of(network.config, network.wiring.key, n_in)
    row = np.searchsorted(old.source, np.arange(network.n_in + n + 1))
    parent = np.concatenate([np.arange(row[i], row[i + 1]) for i in origin])  # the old synapse of each new one
    source = np.repeat(np.arange(n_in + n), np.diff(row)[origin])
    parts = children[old.source]  # into which each old synapse goes
    synapses, order = synapses_of_pairs(wiring, source * n + old.target[parent], (old.theta / parts)[parent])
    parent = parent[order]
    first, second = (  # empty before the first update
        {name: values[parent] if name == "theta" else values for name, values in moments.items()}
        for moments in (state.first, state.second)
    )
    average = dict(state.average) | {"theta": (state.average["theta"] / parts)[parent]}
    widened = replace(network, wiring=wiring, synapses=synapses)
    return widened, state._replace(first=first, second=second, average=average)
