"""Which learner meets which kind of network."""

from lsnn.arrays.learners import Learner, NetworkLearner
from lsnn.circuits.circuit import Circuit
from lsnn.circuits.learning import CircuitLearner
from lsnn.simulation.frozen import network_in


def learner_of(network: object) -> Learner:
    """What learns of a network for tasks or a circuit; InputError for what is neither."""
    if isinstance(network, Circuit):
        return CircuitLearner(network)
    return NetworkLearner(network_in(network)[0])
