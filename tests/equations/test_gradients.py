"""The generated adjoint of every model against autodiff of a graph written by hand."""

import numpy as np
import pytest

from tests.comparing import assert_close
from tests.equations import graphs, zoo

STEPS = 160


@pytest.fixture(scope="module")
def case():
    network, x = zoo.that_learns(zoo.random_zoo(3), 7), zoo.random_input(4, STEPS)
    g = np.random.default_rng(5)
    outside = g.standard_normal((STEPS, x.shape[1], zoo.N_OUT)), 0.3 * g.standard_normal(zoo.N)
    return network, x, zoo.record_of(network, x), outside


@pytest.fixture(scope="module", params=[False, True], ids=["exact", "detached"])
def both(request, case):
    """The compiled gradient and that of the graph."""
    network, x, record, outside = case
    found = zoo.gradient_of(network, record, *outside, request.param)
    return found, graphs.gradients(network, x, *outside, request.param)


def test_the_graph_spikes_as_the_compiled_step(case, both):
    np.testing.assert_array_equal(zoo.spikes_of(case[2]), both[1]["z"])


@pytest.mark.parametrize("name", zoo.NAMES)
def test_gradient_of_the_synapses_of_a_model(name, case, both):
    network, _, record, _ = case
    group = network.groups[zoo.NAMES.index(name)]
    assert zoo.spikes_of(record)[:, :, group.neurons].sum() > 5
    for part in ("inputs", "recurrent"):
        wiring = getattr(network, part)
        for end in ("pre", "post"):
            if end == "pre" and part == "inputs":
                continue
            chosen = (getattr(wiring, end) >= group.neurons.start) & (getattr(wiring, end) < group.neurons.stop)
            found, expected = (gradient[part][chosen] for gradient in both)
            unit = wiring.weight[chosen]  # weights differ in unit from model to model: compare w dL/dw
            scale = np.abs(expected * unit).max()
            assert scale > 1e-6
            assert_close(found * unit, expected * unit, rtol=1e-6, atol=1e-9 * scale)


def test_gradient_of_the_readout(both):
    for part in ("W_out", "bias"):
        found, expected = (gradient[part] for gradient in both)
        assert_close(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("index", range(len(zoo.ZOO)), ids=zoo.NAMES)
def test_gradient_of_the_parameters_of_a_model(index, case, both):
    network, values = case[0], zoo.parameters_of(case[0].groups[index])
    learnt = network.models[index].learnt
    assert set(both[0]["parameters"][index]) == set(learnt) == set(values) - {"t_ref"}
    for name in learnt:
        unit = np.where(values[name] == 0, 0.01, values[name])
        found, expected = (gradient["parameters"][index][name] * unit for gradient in both)
        scale = np.abs(expected).max()
        assert scale > 1e-6, name
        assert_close(found, expected, rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.long
def test_that_parameters_learn_changes_no_spike_and_no_gradient_of_a_weight(case):
    _, x, _, outside = case
    frozen, learning = zoo.random_zoo(3), zoo.that_learns(zoo.random_zoo(3), 0, spread=0.0)
    records = [zoo.record_of(each, x) for each in (frozen, learning)]
    np.testing.assert_array_equal(records[0].spikes, records[1].spikes)
    plain, found = (zoo.gradient_of(each, r, *outside) for each, r in zip((frozen, learning), records, strict=True))
    for part in ("inputs", "recurrent", "W_out", "bias"):
        np.testing.assert_array_equal(found[part], plain[part])


@pytest.mark.long
def test_single_precision_is_near_double():
    network, x = zoo.that_learns(zoo.random_zoo(3), 7), zoo.random_input(4, 40)
    g = np.random.default_rng(6)
    outside = g.standard_normal((40, x.shape[1], zoo.N_OUT)), 0.3 * g.standard_normal(zoo.N)
    records = [zoo.record_of(network, x, dtype) for dtype in (np.float32, np.float64)]
    np.testing.assert_array_equal(records[0].spikes, records[1].spikes)
    assert records[0].spikes.any(axis=0).mean() > 0.5
    near, exact = (zoo.gradient_of(network, record, *outside) for record in records)
    for part in ("inputs", "recurrent"):
        unit = getattr(network, part).weight
        assert near[part].dtype == np.float32
        assert_close(near[part] * unit, exact[part] * unit, atol=2e-3 * np.abs(exact[part] * unit).max())
