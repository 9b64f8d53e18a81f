"""Which learner meets which kind of network."""

from lsnn.arrays.learners import Learner, NetworkLearner
from lsnn.circuits.circuit import Circuit
from lsnn.circuits.learning import CircuitLearner
from lsnn.simulation.frozen import network_in
from lsnn.validation import require


def learner_of(network: object, of: str | None = None) -> Learner:
    """What learns of a network for tasks or a circuit; InputError for what is neither.

    Args:
        of: a population of a circuit whose membranes stand for the readout.
    """
    if isinstance(network, Circuit):
        return CircuitLearner(network, of=of)
    require(of is None, "of", "None of a network for tasks (lsnn.circuit_of makes a circuit of it)", of)
    return NetworkLearner(network_in(network)[0])
