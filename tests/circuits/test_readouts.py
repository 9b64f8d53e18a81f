"""Several readouts of a circuit: by name, each with sources and a time constant of its own."""

import brian2 as br
import numpy as np
import pytest

import lsnn
from lsnn import InputError, Population, Projection, Readout, ms, uniform
from lsnn.files.circuit_group import circuit_sha256
from tests.circuits import small

PARTS = (
    Readout("E", 2, 10 * ms, learnt=("tau",), name="action"),
    Readout(("F", "E"), 3, 4 * ms, bias=[0.1, -0.2, 0.3], name="guess"),
    Readout("F", 1, 25 * ms, learnt=("tau",), name="value"),
)
NAMES, LABELS = ("action", "guess", "value"), ["action_0", "action_1", "guess_0", "guess_1", "guess_2", "value"]
KINDS = "readout_weight", "bias", "tau"


def circuit(readout=PARTS):
    populations = [
        Population("x", small.CELLS), Population("E", 12, "alif", small.ALIF, learnt=("tau_m", "beta")),
        Population("F", 7, "alif", small.ALIF),
    ]  # fmt: skip
    projections = [
        Projection("x", "E", connectivity=0.8, weight=uniform(-0.1, 0.4), delay=uniform(1, 3) * ms),
        Projection("E", "F", connectivity=0.7, weight=uniform(0, 0.2)),
        Projection("F", "E", connectivity=0.7, weight=uniform(-0.1, 0.1), delay=2 * ms),
    ]
    return lsnn.Circuit(populations, projections, readout, seed=1)


@pytest.fixture(scope="module")
def made():
    return circuit(list(PARTS))


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(0).random((small.SAMPLES, 40, small.CELLS)) < 0.3


@pytest.fixture(scope="module")
def run(made, inputs):
    return made.run(inputs=inputs, gradient=True)


@pytest.fixture(scope="module")
def slope(run):
    return np.random.default_rng(1).normal(size=run.outputs.shape)


def alone(made, name):
    """The circuit with one of the readouts alone, as it is in it."""
    part = next(part for part in PARTS if part.name == name)
    other = circuit(part)
    other.readout_weight, other.bias, other.tau = (getattr(made, kind)[name] for kind in KINDS)
    return other


def outputs_of(made, run):
    """All outputs, worked out of the spikes."""
    found = []
    for part in PARTS:
        z = np.concatenate([run.spikes(name) for name in part.sources], axis=2)
        kappa, r = np.exp(-made.dt / made.tau[part.name]), 0.0
        for t in range(run.steps):
            r = kappa * r + (1 - kappa) * z[:, t] @ made.readout_weight[part.name]
            found.append(r + made.bias[part.name])
    return np.concatenate([np.stack(found[i * run.steps : (i + 1) * run.steps], 1) for i in range(3)], axis=2)


def test_outputs_follow_each_other_and_have_names(made, run, inputs):
    assert min(run.spikes(name).sum() for name in ("E", "F")) > 100
    np.testing.assert_allclose(run.outputs, outputs_of(made, run), rtol=1e-9, atol=1e-12)
    for name, columns in zip(NAMES, (slice(0, 2), slice(2, 5), slice(5, 6)), strict=True):
        np.testing.assert_array_equal(run.readout(name), run.outputs[..., columns])
        np.testing.assert_array_equal(alone(made, name).run(inputs=inputs).outputs, run.readout(name))
    for array in (made(inputs), run.to_xarray()["readout"]):
        assert array["output"].values.tolist() == LABELS
        np.testing.assert_array_equal(array.sel(output="value"), run.readout("value")[..., 0])
    with pytest.raises(InputError, match="readout must be one of action, guess, value"):
        run.readout("a")


def test_the_gradient_of_a_readout_is_that_of_differences(made, run, slope):
    """A readout moves no spike, so that it is smooth in all that it has."""
    found, h = run.gradient(slope), 1e-6
    for name in NAMES:
        for kind in ("readout_weight", "bias"):
            expected = np.zeros_like(getattr(made, kind)[name])
            for place in np.ndindex(expected.shape):
                expected[place] = difference(made, run, slope, kind, name, place, h)
            np.testing.assert_allclose(getattr(found, kind)[name], expected, rtol=1e-6, atol=1e-6)
        step = h * made.tau[name]
        of_tau = difference(made, run, slope, "tau", name, None, step)
        assert abs(of_tau) > 1
        np.testing.assert_allclose(found.tau[name], of_tau, rtol=1e-6)


def difference(made, run, slope, kind, name, place, h):
    found = []
    for sign in (1, -1):
        held = {key: {n: np.array(v, float) for n, v in getattr(made, key).items()} for key in KINDS}
        held[kind][name][... if place is None else place] += sign * h
        values = type("Values", (), held | {"dt": made.dt})
        found.append((slope * outputs_of(values, run)).sum())
    return (found[0] - found[1]) / (2 * h)


def test_the_gradient_of_the_network_is_the_sum_of_those_of_the_readouts(made, run, slope, inputs):
    """Those of one readout are held against autodiff in test_ports."""
    found, by_name = run.gradient(slope), run.gradient({name: slope[..., made.columns[name]] for name in NAMES})
    parts = []
    for name in NAMES:
        own = alone(made, name).run(inputs=inputs, gradient=True).gradient(slope[..., made.columns[name]])
        np.testing.assert_allclose(found.readout_weight[name], own.readout_weight, rtol=1e-12)
        np.testing.assert_allclose(found.tau[name], own.tau, rtol=1e-12)
        parts.append(own)
    for name, values in found.weight.items():
        expected = np.sum([part.weight[name] for part in parts], axis=0)
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
        np.testing.assert_array_equal(by_name.weight[name], values)
    for name, values in found.parameters["E"].items():
        expected = np.sum([part.parameters["E"][name] for part in parts], axis=0)
        np.testing.assert_allclose(values, expected, rtol=1e-9)
    one = run.gradient({"value": slope[..., 5:]})
    assert not one.bias["action"].any() and one.bias["value"].any()
    whole = made.gradient(inputs, {"value": slope[..., 5:]})
    np.testing.assert_allclose(whole.weight["x_to_E"], one.weight["x_to_E"], rtol=1e-9, atol=1e-12)


def test_brian2_has_the_same_readouts(made, inputs):
    target, br.prefs.codegen.target = br.prefs.codegen.target, "numpy"
    try:
        network = lsnn.to_brian2(made, {"x": inputs[0]})
        monitors = {name: br.StateMonitor(network[name], "r", record=True, when="end") for name in NAMES}
        network.add(*monitors.values())
        network.run(inputs.shape[1] * ms)
    finally:
        br.prefs.codegen.target = target
    ours = made.run(inputs=inputs[:1])
    for name, monitor in monitors.items():
        assert np.abs(monitor.r).max() > 0
        r = ours.readout(name)[0] - made.bias[name]
        np.testing.assert_allclose(np.asarray(monitor.r).T, r, rtol=1e-9, atol=1e-12)


def test_a_file_holds_all_of_them(made, inputs, tmp_path):
    lsnn.save(made, tmp_path / "made.lsnn.h5")
    again = lsnn.load(tmp_path / "made.lsnn.h5")
    assert circuit_sha256(again) == circuit_sha256(made) and [part.name for part in again.readouts] == [*NAMES]
    np.testing.assert_array_equal(again(inputs), made(inputs))
    with made.run(inputs=inputs, record_to=tmp_path / "run.h5") as filed:
        np.testing.assert_array_equal(filed.readout("guess"), made.run(inputs=inputs).readout("guess"))
        assert filed.to_xarray()["output"].values.tolist() == LABELS
    with_none = circuit([])
    lsnn.save(with_none, tmp_path / "none.lsnn.h5")
    assert lsnn.load(tmp_path / "none.lsnn.h5").readouts == () and with_none(inputs).shape[2] == 0
    named = circuit(PARTS[2])  # a single one keeps its name
    lsnn.save(named, tmp_path / "one.lsnn.h5")
    assert lsnn.load(tmp_path / "one.lsnn.h5").readout.name == "value" and named.labels is None


LABELLED = np.arange(small.SAMPLES) % 2
WAYS = {"epochs": 3, "batch": 4, "progress": False, "threads": 1, "learning_rate": 0.01}


def fitted(made, inputs, targets, **ways):
    return lsnn.fit(made, inputs, targets, **(WAYS | ways))


def test_one_of_them_learns(made, inputs):
    """By name, or as the only one that is given targets: the same bits; the others stay as they are."""
    one = fitted(made, inputs, LABELLED, of="action")
    by_name = fitted(made, inputs, {"action": LABELLED})
    for other in (one.network, by_name.network):
        assert np.abs(other.readout_weight["action"] - made.readout_weight["action"]).max() > 1e-3
        assert other.tau["action"] != made.tau["action"]
        for name in ("guess", "value"):
            np.testing.assert_allclose(other.readout_weight[name], made.readout_weight[name], rtol=1e-12)
            assert other.tau[name] == made.tau[name]
    np.testing.assert_array_equal(one.network.weight["x_to_E"], by_name.network.weight["x_to_E"])
    np.testing.assert_array_equal(one.history["loss"], by_name.history["loss"])
    assert np.abs(one.network.weight["x_to_E"] - made.weight["x_to_E"]).max() > 1e-3


def test_all_of_them_learn_and_their_losses_are_added(made, inputs):
    traces = np.random.default_rng(4).normal(size=(small.SAMPLES, 40, 1))
    losses = {"action": "cross_entropy", "guess": "cross_entropy", "value": "squared_error"}
    targets = {"action": LABELLED, "guess": LABELLED + 1, "value": traces}
    ways = {"epochs": 1, "batch": small.SAMPLES}
    both = fitted(made, inputs, targets, loss=losses, **ways)
    each = [fitted(made, inputs, {name: targets[name]}, loss=losses[name], **ways) for name in NAMES]
    np.testing.assert_allclose(both.history["loss"], sum(fit.history["loss"] for fit in each), rtol=1e-12)
    right = np.mean([fit.history["accuracy"] for fit in each[:2]], axis=0)
    np.testing.assert_allclose(both.history["accuracy"], right)
    for name in NAMES:
        assert np.abs(both.network.readout_weight[name] - made.readout_weight[name]).max() > 1e-3
    further = fitted(made, inputs, targets, loss=losses, epochs=25, learning_rate=0.03, validation=0.2)
    assert further.history["loss"].iloc[-1] < 0.9 * both.history["loss"].iloc[0]
    again = fitted(made, inputs, targets, loss=losses, epochs=2, batch=small.SAMPLES, resume=both)
    assert len(again.history) == 2


def test_what_does_not_fit_is_refused(made, inputs):
    for parts, words in (
        ([PARTS[0], PARTS[0]], "names of the readouts must be different"),
        ([Readout("E", 1, 5 * ms, name="E")], "names of the readouts must be different"),
        ([Readout("z", 1, 5 * ms)], "source of the readout readout must be of names among E, F"),
        ([3], "readout must be"), ("E", "readout must be"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            circuit(parts)
    with pytest.raises(InputError, match="name of a readout must be"):
        Readout("E", 1, 5 * ms, name="a/b")
    for targets, ways, words in (
        (LABELLED, {}, "targets must be labels by readout, of action, guess, value"),
        ({"z": LABELLED}, {}, "targets must be a mapping of readouts among action, guess, value"),
        ({}, {}, "targets must be a mapping"),
        ({"value": LABELLED}, {}, r"targets\['value'\] must be a label in 0..0"),
        ({"value": LABELLED}, {"loss": "rates"}, "loss must be one of"),
        ({"value": LABELLED}, {"loss": {"action": "cross_entropy"}}, "loss must be one of"),
        ({"value": LABELLED}, {"of": "value"}, "targets must be no mapping"),
        (LABELLED, {"of": "z"}, "of must be one of E, F, action, guess, value"),
    ):
        with pytest.raises(InputError, match=words):
            fitted(made, inputs, targets, **ways)
    single = circuit(PARTS[0])
    with pytest.raises(InputError, match="targets must be no mapping, as there is no list of readouts"):
        fitted(single, inputs, {"action": LABELLED})
    run = made.run(inputs=inputs, gradient=True)
    for slope, words in (
        ({"z": 0.0}, "d_outputs must be of readouts among"), ({"value": np.ones(3)}, r"d_outputs\['value'\]"),
        ({"value": np.full(run.readout("value").shape, np.nan)}, "finite"), (np.ones((2, 2)), "d_outputs"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            run.gradient(slope)


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_no_longer_fit_are_refused(kind, inputs):
    own = circuit(list(PARTS))
    good = getattr(own, kind)
    for bad in (None, {}, good | {"z": 1.0}, good | {"value": None}, good | {"value": np.full((7, 1), np.nan)}):
        setattr(own, kind, bad)
        with pytest.raises(InputError, match=rf"^{kind}\b"):
            own.run(inputs=inputs)
