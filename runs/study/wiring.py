"""Learned wiring: who projects to whom, how strongly, against the same number of synapses drawn at random."""

import numpy as np

from lsnn.meta import new_network
from lsnn.network import Network
from lsnn.seeds import Study
from lsnn.wiring import draw_pairs, pair_numbers
from runs.study.subject import Findings, Item, Subject, study_generator
from tasks.experiment import Experiment

RANDOM_WIRINGS = 20


def wiring(subject: Subject, experiment: Experiment, seed: int) -> Findings:
    """Every synapse with its weight before meta-training (where it existed) and after, and degrees at random.

    Without rewiring (DEEP R) the pairs that are connected are those drawn at the start: then only weights are learnt.
    Of a network whose input was made finer on the way (lsnn/refine.py) the weights at the start are not known.
    """
    network = subject.network
    initial = new_network(experiment.task, experiment.network, experiment.learning, subject.seed)
    n_in, n, generator = network.n_in, network.config.n_neurons, study_generator(seed, Study.WIRING)
    drawn = [draw_pairs(network.wiring, len(network.synapses.theta), np.empty(0, np.int64), generator)
             for _ in range(RANDOM_WIRINGS)]  # fmt: skip
    degrees = [_degrees(pairs // n, pairs % n, n_in, n) for pairs in drawn]
    own = _degrees(network.synapses.source, network.synapses.target, n_in, n)
    synapses = network.synapses
    items = {
        "source": Item(synapses.source, "1", "(synapse,): presynaptic cell, inputs first, then neurons"),
        "target": Item(synapses.target, "1", "(synapse,): postsynaptic neuron"),
        "weight": Item(network.signed_theta(), "b0 per spike", "(synapse,): normalised"),
        "initial_weight": Item(_initial_weights(initial, network), "b0 per spike",
                               "(synapse,): the same before meta-training; NaN where it did not exist"),
        "in_degree": Item(own[0], "1", "(neuron,): synapses onto it, from inputs and neurons"),
        "out_degree": Item(own[1], "1", "(source,): synapses of every input and neuron"),
        "random_in_degree": Item(np.stack([each[0] for each in degrees]), "1", "(drawing, neuron): of random wirings"),
        "random_out_degree": Item(np.stack([each[1] for each in degrees]), "1", "(drawing, source): likewise"),
    }  # fmt: skip
    attributes = {"n_inputs": n_in, "rewired": network.config.rewire, "dale": network.config.dale}
    return Findings(items, {}, attributes | {"connectivity": network.config.connectivity})


def _degrees(source: np.ndarray, target: np.ndarray, n_in: int, n_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    return np.bincount(target, minlength=n_neurons), np.bincount(source, minlength=n_in + n_neurons)


def _initial_weights(initial: Network, network: Network) -> np.ndarray:
    """Weight of each of the network's synapses in another network, NaN where that has none; (S,)."""
    n = network.config.n_neurons
    dense = np.full((network.n_in + n, n), np.nan)
    before, after = (np.sort(pair_numbers(of.wiring, of.synapses)) for of in (initial, network))
    if network.config.rewire or np.array_equal(before, after):
        dense[initial.synapses.source, initial.synapses.target] = initial.signed_theta()
    return dense[network.synapses.source, network.synapses.target]
