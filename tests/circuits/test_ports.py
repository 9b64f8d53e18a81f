"""Ports of every kind: spikes and exact gradients against a graph in JAX that follows Brian2's order of a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsnn.circuits import passage, running
from lsnn.circuits.driving import drive_of
from lsnn.errors import InputError
from tests.circuits import ports
from tests.comparing import assert_close

STEPS, SAMPLES = 150, 10


@pytest.fixture(scope="module")
def case():
    g = np.random.default_rng(1)
    made = ports.circuit()
    x, drive = g.random((SAMPLES, STEPS, ports.N_IN)) < 0.08, g.uniform(0, 1.2, (SAMPLES, STEPS, ports.SIZE))
    return made, x, drive, g.standard_normal((SAMPLES, STEPS, ports.N_OUT))


@pytest.fixture(scope="module")
def ours(case):
    made, x, drive, d_y = case
    run = made.run(inputs=x, driven={("jumping", "drive"): drive}, gradient=True)
    rate = {name: np.full(ports.SIZE, 0.01) for name in ports.MODELS}
    return run, run.gradient(d_y, rate)


def values_of(made):
    """All that learns, as the graph takes it."""
    parameters = {name: {k: v for k, v in p.items() if k != "t_ref"} for name, p in made.parameters.items()}
    return {
        "weight": made.weight, "initial": made.initial, "readout_weight": made.readout_weight, "bias": made.bias,
        "tau": made.tau, "parameters": parameters,
    }  # fmt: skip


@pytest.fixture(scope="module")
def theirs(case):
    made, x, drive, d_y = case
    learnt = jax.tree.map(jnp.asarray, values_of(made))
    (_, spikes), gradient = jax.jit(
        jax.value_and_grad(lambda values: ports.graph(made, values, x, drive, d_y), has_aux=True)
    )(learnt)
    return spikes, gradient


@pytest.mark.parametrize("name", ports.MODELS)
def test_spikes_are_those_of_the_graph(name, ours, theirs):
    found, expected = ours[0].spikes(name), np.moveaxis(np.asarray(theirs[0][name]), 0, 1) > 0
    assert expected.sum() > 100
    np.testing.assert_array_equal(found, expected)


def test_a_circuit_without_a_readout_has_the_gradient_of_its_rates(case):
    _, x, drive, _ = case
    given = {"inputs": x[:3], "driven": {("jumping", "drive"): drive[:3]}, "gradient": True}
    with_, without = ports.circuit(), ports.circuit(readout=False)
    found, expected = (made.run(**given).gradient(d_spike={"gated": np.ones(ports.SIZE)}) for made in (without, with_))
    assert found.readout_weight.shape == (0, 0)
    for name, values in found.weight.items():
        np.testing.assert_array_equal(values, expected.weight[name])
    assert np.abs(found.weight["jumping_to_gated_g_e"]).max() > 0


def test_numbers_in_place_of_spikes_and_their_gradients_are_those_of_the_graph(case, monkeypatch):
    """In one part of time and in several, where the delay ring comes round."""
    made, g = case[0], np.random.default_rng(7)
    drive, d_y = case[2][:3, :40], case[3][:3, :40]
    x = np.abs(g.standard_normal((3, 40, ports.N_IN))) * (g.random((3, 40, ports.N_IN)) < 0.2)
    drives, ones = drive_of(made, {"x": x, ("jumping", "drive"): drive}, currents=True), np.full(ports.SIZE, 0.01)
    learnt = jax.tree.map(jnp.asarray, values_of(made))
    total = jax.jit(jax.grad(lambda values, x: ports.graph(made, values, x, drive, d_y)[0], argnums=(0, 1)))
    of, of_inputs = total(learnt, jnp.asarray(x))
    for most in (passage.MOST_BYTES, 200_000):
        monkeypatch.setattr(passage, "MOST_BYTES", most)
        run = running.Run(made, drives, (), np.float64, gradient=True, of_inputs=True)
        found = run.gradient(d_y, dict.fromkeys(ports.MODELS, ones))
        compare(found.inputs["x"], np.asarray(of_inputs), 1.0, "inputs")
        for name, weight in found.weight.items():
            compare(weight, np.asarray(of["weight"][name]), 1.0, name)
    assert len(run._ends) > 3 and np.abs(of_inputs).max() > 0


SCORED = (("jumping", "v"), ("jumping", "w"), ("holding", "v"), ("gated", "v"), ("gated", "g_i"), ("mixed", "v"),
          ("mixed", "g"))  # fmt: skip


@pytest.mark.long
def test_losses_of_state_variables_have_the_gradient_of_the_graph(case, monkeypatch):
    """Of membranes that synapses add to, that are held and that are reset late, and of what stands beside them."""
    made, x, drive, d_y = case
    x, drive, d_y = x[:3, :60], drive[:3, :60], d_y[:3, :60]
    g = np.random.default_rng(5)
    d_x = {key: g.standard_normal((3, 60, ports.SIZE)) for key in SCORED}
    learnt = jax.tree.map(jnp.asarray, values_of(made))
    of = jax.jit(jax.grad(lambda values: ports.graph(made, values, x, drive, d_y, d_x)[0]))(learnt)
    ones = dict.fromkeys(ports.MODELS, np.full(ports.SIZE, 0.01))
    given = {"inputs": x, "driven": {("jumping", "drive"): drive}, "gradient": True}
    plain = made.run(**given)
    for most in (passage.MOST_BYTES, 100_000):
        monkeypatch.setattr(passage, "MOST_BYTES", most)
        run = made.run(**given, scored=SCORED)
        found = run.gradient(d_y, ones, d_x)
        for name, weight in found.weight.items():
            compare(weight, np.asarray(of["weight"][name]), 1.0, name)
        for population in ports.MODELS:
            for kind in ("parameters", "initial"):
                for name, values in getattr(found, kind)[population].items():
                    unit = getattr(made, kind)[population][name]
                    compare(values, np.asarray(of[kind][population][name]), unit, name)
        np.testing.assert_array_equal(run.spikes("mixed"), plain.spikes("mixed"))
    assert len(run._ends) > 2
    without, bare = run.gradient(d_y, ones), plain.gradient(d_y, ones)
    np.testing.assert_allclose(without.weight["x_to_gated_g_e"], bare.weight["x_to_gated_g_e"], rtol=1e-12)
    assert not np.allclose(found.weight["x_to_gated_g_e"], bare.weight["x_to_gated_g_e"])


@pytest.mark.parametrize(
    ("scored", "message"),
    [
        ("v", "a list of pairs"),
        ([("gated", "w")], "pairs of population and state"),
        ([("x", "v")], "pairs of"),
        ([3], ""),
    ],
)
def test_what_is_no_state_variable_of_a_population_is_named(case, scored, message):
    with pytest.raises(InputError, match=f"scored must be {message}"):
        case[0].run(inputs=case[1], driven={("jumping", "drive"): case[2]}, scored=scored)


def test_slopes_of_what_was_not_scored_are_named(case):
    run = case[0].run(inputs=case[1], driven={("jumping", "drive"): case[2]}, gradient=True, scored=[("gated", "v")])
    for d_state, message in (
        ({("gated", "g_e"): 0}, "d_state must be of pairs"),
        ({("gated", "v"): np.zeros(3)}, r"d_state\[\('gated', 'v'\)\] must be numbers of shape"),
        ({("gated", "v"): np.full((SAMPLES, STEPS, ports.SIZE), np.nan)}, r"d_state\[.* must be finite"),
    ):
        with pytest.raises(InputError, match=message):
            run.gradient(d_state=d_state)


def compare(found, expected, unit, name):
    assert_close(found * unit, expected * unit, rtol=1e-6, atol=1e-9 * np.abs(expected * unit).max(), err_msg=name)


def test_gradient_of_the_weights(case, ours, theirs):
    assert len(ours[1].weight) == len(case[0].projections) == 28
    for name, found in ours[1].weight.items():
        assert np.abs(found).max() > 0
        compare(found, np.asarray(theirs[1]["weight"][name]), 1.0, name)


@pytest.mark.parametrize("kind", ["parameters", "initial"])
@pytest.mark.parametrize("population", ports.MODELS)
def test_gradient_of_parameters_and_starts(kind, population, case, ours, theirs):
    found, expected = getattr(ours[1], kind)[population], theirs[1][kind][population]
    assert set(found) == set(expected)
    for name in found:
        assert np.abs(found[name]).max() > 0
        compare(found[name], np.asarray(expected[name]), getattr(case[0], kind)[population][name], name)


def test_gradient_of_the_readout(ours, theirs):
    for name in ("readout_weight", "bias", "tau"):
        assert np.abs(getattr(ours[1], name)).max() > 0
        compare(getattr(ours[1], name), np.asarray(theirs[1][name]), 1.0, name)
