"""Twelve ordinary Brian2 networks: the same spikes as circuits, and exact gradients."""

import numpy as np
import pytest

from tests.circuits import taken
from tests.comparing import assert_close

SHORT = ("pulses", "generators")
REST = (
    "current_based", "conductance_based", "adaptive_exponential", "izhikevich", "hodgkin_huxley", "nmda", "adapting",
    "synfire_chain", "heterogeneous", "timed_arrays",
)  # fmt: skip
NEAR = 1e-9  # of the threshold, in units of the way to it: there the last bit may decide


@pytest.fixture(scope="module", params=[SHORT, pytest.param(REST, marks=pytest.mark.long)], ids=["short", "rest"])
def networks(request):
    return [taken.taken(name, 200) for name in request.param]


def until_near(network, run, name):
    """Spikes of a population up to the first step in which one differs, where a membrane must be near its threshold."""
    found, expected = run.spikes(name)[0], network.spikes[name]
    steps, neurons = np.nonzero(found != expected)
    if len(steps):
        first = steps[0]
        assert np.abs(taken.distance(run, name)[first, neurons[steps == first]]).max() < NEAR, name
        return int(found[:first].sum())
    return int(found.sum())


def test_a_circuit_that_runs_freely_has_the_spikes_of_brian2(networks):
    circuit = taken.side_by_side(networks)
    run = circuit.run(inputs=taken.inputs_of(circuit, networks), record=circuit.state_names)
    for network in networks:
        counts = [until_near(network, run, name) for name in network.circuit.neurons]
        assert sum(counts) >= 1000, list(network.circuit.neurons)


@pytest.mark.long
def test_a_circuit_that_is_given_the_spikes_of_brian2_has_them_to_the_end(networks):
    circuit = taken.side_by_side(networks, replayed=True)
    run = circuit.run(inputs=taken.inputs_of(circuit, networks), record=circuit.state_names)
    for name in circuit.neurons:
        expected = next(network.spikes[name] for network in networks if name in network.spikes)
        differ = run.spikes(name)[0] != expected
        assert np.abs(taken.distance(run, name)[differ]).max(initial=0.0) < NEAR, name


@pytest.mark.long
@pytest.mark.parametrize("names", [SHORT, REST], ids=["short", "rest"])
def test_the_gradient_is_that_of_the_circuit_in_complex_numbers(names):
    """Along a random direction of all weights, parameters that learn and starts; each network has its own output."""
    steps, g = 400, np.random.default_rng(5)
    networks = [taken.taken(name, 40, learnt=True) for name in names]
    circuit = taken.side_by_side(networks, readout=1)
    own = np.repeat(np.eye(len(networks)), [network.circuit.n_neurons for network in networks], axis=0)
    circuit.readout_weight *= own
    spikes = taken.inputs_of(circuit, networks)
    run, d_y = circuit.run(inputs=spikes, gradient=True), g.standard_normal((steps, len(networks)))
    for name in circuit.neurons:
        assert run.spikes(name).any()
    whole = run.gradient(d_y[None])
    direction = {
        "weight": {name: w * g.uniform(-1, 1, w.shape) for name, w in circuit.weight.items()},
        "parameters": _directions(circuit.parameters, whole.parameters, g),
        "initial": _directions(circuit.initial, whole.initial, g),
    }
    expected = taken.derivative(circuit, direction, spikes, steps, d_y)
    for i in range(len(networks)):
        gradient = run.gradient((d_y * (np.arange(len(networks)) == i))[None])
        assert_close(_along(gradient, direction), expected[i], rtol=1e-6, err_msg=names[i])


def _directions(values, learnt, g):
    return {
        p: {name: values[p][name] * g.uniform(-1, 1, v.shape) for name, v in named.items()}
        for p, named in learnt.items()
    }


def _along(gradient, direction):
    total = sum((gradient.weight[name] * d).sum() for name, d in direction["weight"].items())
    for kind in ("parameters", "initial"):
        for population, named in getattr(gradient, kind).items():
            total += sum((values * direction[kind][population][name]).sum() for name, values in named.items())
    return total
