"""The generated forward step of every model against Brian2's own run of its strings, spike for spike in float64.

Brian2's neurons are driven by the spikes of the compiled network, its own included, on noisy input: equal up to one
step, they are then equal up to the next.
"""

import brian2 as br
import numpy as np
import pytest

from lsnn.equations.stepping import integrator
from tests.comparing import assert_close
from tests.equations import zoo

STEPS = 2000


@pytest.fixture(scope="module")
def compiled():
    network = zoo.random_zoo(1)
    return network, zoo.record_of(network, zoo.random_input(2, STEPS))


@pytest.fixture(scope="module")
def simulated(compiled):
    """Spikes (T, n) and state variables (T, n) at the threshold of each model, by Brian2."""
    network, record = compiled
    target, br.prefs.codegen.target = br.prefs.codegen.target, "numpy"
    clock = br.Clock(zoo.DT * br.second)
    source = replayed(record, clock)
    parts = [population(group, clock) for group in network.groups]
    pairs = list(zip(network.groups, parts, strict=True))
    synapses = [connected(source, neurons, network, group) for group, (neurons, *_) in pairs]
    net = br.Network(source, synapses, parts)
    net.run(STEPS * clock.dt, namespace={})
    br.prefs.codegen.target = target
    return {group.model.model.name: result(group, *part, clock) for group, part in pairs}


def replayed(record, clock):
    """Input cells, then neurons, spiking as in the first lane of the record."""
    both = np.concatenate([record.input_spikes & 1, record.spikes & 1], axis=1)
    steps, cells = np.nonzero(both)
    return br.SpikeGeneratorGroup(both.shape[1], cells, steps * clock.dt, clock=clock)


def population(group, clock):
    """The neurons of a model as its strings say, with monitors."""
    model = group.model.model
    neurons = br.NeuronGroup(
        group.size, model.equations, threshold=model.threshold, reset=model.reset, refractory=model.refractory,
        method=integrator(model), clock=clock, namespace={},
    )  # fmt: skip
    own = {row.name: f"{row.value}*{row.unit}" for row in model.parameters}
    for name in neurons.equations.parameter_names & group.given.keys() - own.keys():
        setattr(neurons, name, br.Quantity(group.given[name], dim=neurons.equations[name].dim))
    for name, text in own.items():
        setattr(neurons, name, text)
    for name, text in model.initial:
        setattr(neurons, name, text)
    if not model.kept:
        neurons.run_regularly(f"{model.synaptic} = 0*{model.synaptic}", when="before_synapses", clock=clock)
    states = br.StateMonitor(neurons, list(group.model.variables), record=True, when="after_thresholds", clock=clock)
    return neurons, br.SpikeMonitor(neurons), states


def connected(source, neurons, network, group):
    """Input and recurrent synapses of a group; a delay of d steps here is d - 1 in Brian2."""
    name, clock = group.model.model.synaptic, source.clock
    synapses = br.Synapses(
        source, neurons, "weight : 1 (constant)", on_pre=f"{name}_post += weight*unit", clock=clock,
        namespace={"unit": br.get_unit(neurons.equations[name].dim)},
    )  # fmt: skip
    columns = []
    for first, wiring in ((0, network.inputs), (zoo.N_IN, network.recurrent)):
        chosen = (wiring.post >= group.neurons.start) & (wiring.post < group.neurons.stop)
        columns.append((wiring.pre[chosen] + first, *(column[chosen] for column in wiring[1:])))
    pre, post, delay, weight = (np.concatenate(column) for column in zip(*columns, strict=True))
    synapses.connect(i=pre, j=post - group.neurons.start)
    synapses.weight, synapses.delay = weight, (delay - 1) * clock.dt
    return synapses


def result(group, neurons, spikes, states, clock):
    z = np.zeros((STEPS, group.size))
    z[np.rint(spikes.t / clock.dt).astype(int), spikes.i] = 1
    return z, {name: np.asarray(getattr(states, name)).T for name in group.model.variables}


@pytest.mark.parametrize("name", zoo.NAMES)
def test_generated_step_equals_brian2(name, compiled, simulated):
    network, record = compiled
    index = zoo.NAMES.index(name)
    z, states = simulated[name]
    assert 5 < 1000 * z.mean() < 150
    np.testing.assert_array_equal(zoo.spikes_of(record)[:, 0, network.groups[index].neurons], z)
    for variable, values in states.items():
        ours = zoo.variable(network, record, index, variable)[:, :, 0]
        assert_close(ours, values, rtol=1e-9, atol=1e-9 * np.abs(values).max(), err_msg=variable)
