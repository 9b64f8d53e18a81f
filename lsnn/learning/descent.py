"""A step of the optimiser on a network: from the gradient of a block to other weights, whatever the loss is."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lsnn.kernels.layout import Gradient
from lsnn.learning import parameters
from lsnn.learning.config import LearningConfig
from lsnn.learning.optimiser import Arrays
from lsnn.network import Network
from lsnn.wiring import rewire


def by_what_learns(network: Network, g: Gradient) -> Arrays:
    """The gradient of a block by the arrays that learn, each in its own unit: theta, readout, bias, parameters."""
    theta = np.concatenate([g.inputs, g.recurrent]).astype(float) * network.effect()
    if network.config.signed:
        theta *= network.synapses.sign
    found = {
        "theta": theta,
        "readout": g.readout.sum(axis=-1).astype(float),
        "bias": g.bias.sum(axis=-1).astype(float),
    }
    return found | parameters.gradient_of(network, g)


def arrays_of(network: Network) -> Arrays:
    """What learns of a network, but for its policy: the network's own arrays."""
    arrays = {"theta": network.synapses.theta, "readout": network.readout, "bias": network.bias}
    return arrays | parameters.named(network.learnt)


def with_arrays(network: Network, arrays: Arrays) -> Network:
    """The network with such arrays in place of its own."""
    synapses = network.synapses._replace(theta=arrays["theta"])
    learnt = parameters.values_in(arrays)
    return replace(network, synapses=synapses, readout=arrays["readout"], bias=arrays["bias"], learnt=learnt)


def copied(network: Network) -> Network:
    """A network whose learning leaves the other alone."""
    return replace(
        network, readout=network.readout.copy(), bias=network.bias.copy(),
        synapses=network.synapses._replace(theta=network.synapses.theta.copy()), learnt=dict(network.learnt),
    )  # fmt: skip


def take(network: Network, change: Arrays, learning: LearningConfig, rate: float) -> None:
    """Add the optimiser's changes to what learns; rate: the learning rate now."""
    change["theta"][: network.n_input_synapses] *= learning.input_rate
    change["theta"][network.n_input_synapses :] *= learning.recurrent_rate
    theta = network.synapses.theta * (1 - rate * learning.weight_decay) + change["theta"]
    if network.config.signed:
        theta -= rate * learning.l1
    network.readout += change["readout"]
    network.bias += change["bias"]
    network.synapses = network.synapses._replace(theta=theta)
    network.learn(parameters.moved(network, change, learning))


def rewired(
    network: Network, learning: LearningConfig, rate: float, branch: np.random.SeedSequence, kept: Iterable[Arrays]
) -> None:
    """DEEP R after a step, with the noise of `branch`; without it, weights of one sign are held at 0 or above.

    Args:
        kept: arrays of the optimiser that stand beside the synapses, under `theta`.
    """
    if not network.config.rewire:
        theta = network.synapses.theta
        theta = np.where(network.one_sign(), np.maximum(theta, 0.0), theta)
        network.synapses = network.synapses._replace(theta=theta)
        return
    generator = np.random.Generator(np.random.PCG64(branch))
    if learning.temperature > 0:
        noise = generator.standard_normal(len(network.synapses.theta)) * learning.temperature * rate
        network.synapses = network.synapses._replace(theta=network.synapses.theta + noise)
    network.synapses, order, fresh = rewire(network.wiring, network.synapses, learning.theta_new, generator)
    for arrays in kept:
        arrays["theta"] = arrays["theta"][order]
        arrays["theta"][fresh] = 0.0
