"""Agents of the size of a spiking network: as many trainable parameters as it has, or as near as units allow."""

from dataclasses import replace

from agents.config import MOST_UNITS, AgentExperiment
from agents.networks import n_parameters
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.network import Network, NetworkConfig
from lsnn.task import Task


def network_parameters(network: Network) -> int:
    """How many numbers of a spiking network learn: weights of synapses and readout, biases, named parameters."""
    arrays = [network.synapses.theta, network.readout, network.bias, network.log_std, *network.learnt.values()]
    return sum(array.size for array in arrays)


def parameters_of_preset(task: Task, network: NetworkConfig, learning: LearningConfig) -> int:
    """The same of the spiking network of a preset."""
    return network_parameters(new_network(task, network, learning, 0))


def matched(experiment: AgentExperiment, wanted: int) -> AgentExperiment:
    """The experiment with the number of units whose trainable parameters are nearest to as many as wanted."""
    step = experiment.agent.step

    def of(units: int) -> AgentExperiment:
        return replace(experiment, agent=replace(experiment.agent, units=units))

    low, high = step, MOST_UNITS // step * step
    while high - low > step:
        middle = (low + high) // (2 * step) * step
        low, high = (middle, high) if n_parameters(of(middle)) <= wanted else (low, middle)
    return min((of(low), of(high)), key=lambda each: abs(n_parameters(each) - wanted))
