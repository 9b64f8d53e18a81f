"""Circuits learn as networks do: `lsnn.fit` on a circuit, its gradient, its readout."""

import numpy as np
import pytest

import lsnn
from lsnn.arrays import losses
from lsnn.circuits.learning import CircuitLearner
from lsnn.errors import InputError
from tests.circuits.small import CELLS, SAMPLES, STEPS, circuit, samples

WAYS = {"threads": 1, "progress": False}
SPIKES, LABELS = samples()


@pytest.fixture(scope="module")
def made():
    return circuit()


def loss_and_gradient(c, spikes, labels):
    """Mean cross-entropy over the readout's mean, and its gradient in SI units."""
    run = c.run(inputs=spikes, gradient=True)
    scored = losses.cross_entropy(run.outputs.transpose(1, 2, 0), labels, "mean")
    return float(scored.loss.mean()), run.gradient(scored.slope.transpose(2, 0, 1) / len(labels))


def unit_of(values):
    """The power of two that is nearest to the mean size."""
    return 2.0 ** round(np.log2(np.abs(values).mean()))


def test_a_fit_takes_the_steps_of_adam_in_the_units_of_the_page(made):
    """Two steps from the gradient in SI units, which is held against autodiff elsewhere."""
    found = lsnn.fit(made, SPIKES, LABELS, epochs=2, batch=100, learning_rate=0.05, average_rate=1.0,
                     final_learning_rate=0.002, **WAYS).network  # fmt: skip
    c, values, first, second, size = circuit(), {}, {}, {}, {}
    for label, weight in made.weight.items():
        size[label] = unit_of(weight)
    for step, rate in enumerate((0.05, 0.026), start=1):
        g, gain = loss_and_gradient(c, SPIKES, LABELS)[1], 1 - c.kappa()
        gradient = {("weight", label): g.weight[label] * size[label] for label in size}
        gradient |= {key: v * c.parameters["E"][key] for key, v in g.parameters["E"].items()}
        gradient["initial"] = g.initial["E"]["v"] * unit_of(made.initial["E"]["v"])
        gradient |= {"readout": g.readout_weight / gain, "bias": g.bias}
        of_weights = (g.readout_weight * c.readout_weight).sum() * c.kappa() * c.dt / (gain * c.tau)
        gradient["tau"] = np.array([g.tau * c.tau + of_weights])
        norm = np.sqrt(sum((each**2).sum() for each in gradient.values()))
        for name, each in gradient.items():
            each = each / max(1.0, norm)
            first[name] = 0.9 * first.get(name, 0) + 0.1 * each
            second[name] = 0.999 * second.get(name, 0) + 0.001 * each**2
            values[name] = -rate * first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
        lifts = gain * c.readout_weight + values["readout"]
        c.tau *= float(np.exp(values["tau"][0]))
        c.readout_weight, c.bias = lifts / (1 - c.kappa()), c.bias + values["bias"]
        for label in size:
            moved = c.weight[label] + values["weight", label] * size[label]
            c.weight[label] = np.maximum(moved, 0) if label == "again" else moved
        for key in ("tau_m", "beta"):
            c.parameters["E"][key] = c.parameters["E"][key] * np.exp(values[key])
        c.initial["E"]["v"] = c.initial["E"]["v"] + values["initial"] * unit_of(made.initial["E"]["v"])
    assert abs(found.tau / made.tau - 1) > 1e-3 and np.abs(found.weight["x_to_E"] - made.weight["x_to_E"]).max() > 1e-3
    np.testing.assert_allclose(found.tau, c.tau, rtol=1e-9)
    np.testing.assert_allclose(found.readout_weight, c.readout_weight, rtol=1e-7, atol=1e-12)
    for label in size:
        np.testing.assert_allclose(found.weight[label], c.weight[label], rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.initial["E"]["v"], c.initial["E"]["v"], rtol=1e-7)
    for key in ("tau_m", "beta"):
        np.testing.assert_allclose(found.parameters["E"][key], c.parameters["E"][key], rtol=1e-7)


@pytest.mark.parametrize("name", ["readout", "bias", "tau"])
def test_the_gradient_in_units_is_that_of_central_differences_where_no_spike_moves(made, name):
    learner = CircuitLearner(made)

    def loss(array):
        return loss_and_gradient(learner.with_arrays(learner.arrays() | {name: array}).network, SPIKES, LABELS)[0]

    found = learner.in_units(made, loss_and_gradient(made, SPIKES, LABELS)[1])[name]
    start, slopes = learner.arrays()[name], np.empty_like(found)
    for place in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[place] = 1e-5
        slopes[place] = (loss(start + step) - loss(start - step)) / 2e-5
    assert np.abs(found).max() > 1e-4
    np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-9)


def test_it_learns_and_leaves_the_circuit_that_it_was_given(made):
    before, (spikes, labels) = CircuitLearner(made).sha256, samples(40)
    found = lsnn.fit(made, spikes, labels, epochs=15, batch=20, learning_rate=0.1, validation=0.2, **WAYS)
    assert CircuitLearner(made).sha256 == before != CircuitLearner(found.network).sha256
    assert found.history.loss.iloc[-1] < 0.5 * found.history.loss.iloc[0] and found.history.accuracy.iloc[-1] > 0.9
    assert found.best_epoch == found.history.validation_loss.argmin() + 1
    other, unseen = samples(60, seed=2)
    y = found.network(other)
    assert y.dims == ("sample", "time", "output") and float(y.time[-1]) == STEPS - 1
    assert (y.mean("time").argmax("output").values == unseen).mean() > 0.9
    assert found.network.weight["again"].min() >= 0 > found.network.weight["x_to_E"].min()


def test_threads_change_no_bit_and_neither_does_a_break(made):
    spikes, labels = samples(20)
    ways = {"batch": 16, "progress": False}
    fits = [
        lsnn.fit(made, spikes, labels, epochs=2, **ways | more)
        for more in ({"threads": 1}, {"threads": 2}, {"seed": 1})
    ]
    sha = [CircuitLearner(fit.network).sha256 for fit in fits]
    assert sha[0] == sha[1] != sha[2]
    shuffled = np.random.default_rng(8).permutation(labels)  # what is learnt of some says nothing of others
    ways |= {"epochs": 6, "learning_rate": 0.3, "average_rate": 1.0, "validation": 0.3}
    broken, unbroken = (lsnn.fit(made, spikes, shuffled, patience=n, **ways) for n in (1, None))
    assert len(broken.history) < 6 == len(unbroken.history)
    gone_on = lsnn.fit(made, spikes, shuffled, resume=broken, **ways)
    assert CircuitLearner(gone_on.network).sha256 == CircuitLearner(unbroken.network).sha256
    np.testing.assert_array_equal(gone_on.history.loss, unbroken.history.loss)
    with pytest.raises(InputError, match="resume must be .* another inputs, validation, batch"):
        lsnn.fit(made, ~spikes, shuffled, resume=broken, **ways | {"batch": 5})


@pytest.mark.parametrize("over", ["max", "last"])
def test_inputs_by_name_and_only_the_readout(made, over):
    found = lsnn.fit(made, {"x": SPIKES}, LABELS, over=over, only_readout=True, epochs=2, **WAYS).network
    np.testing.assert_array_equal(found.weight["x_to_E"], made.weight["x_to_E"])
    assert np.abs(found.readout_weight - made.readout_weight).max() > 1e-3


def test_traces_and_rates_are_followed(made):
    traces = np.broadcast_to([0.3, -0.3], (SAMPLES, STEPS, 2))
    ways = {"epochs": 12, "batch": 10, "learning_rate": 0.05} | WAYS
    followed = lsnn.fit(made, SPIKES, traces, loss="squared_error", **ways).history.loss
    assert followed.iloc[-1] < 0.3 * followed.iloc[0]
    rates = lsnn.fit(made, SPIKES, np.full(12, 60.0), loss="rates", **ways).history.loss
    assert rates.iloc[-1] < 0.7 * rates.iloc[0]


def test_a_run_has_named_axes_and_units(made):
    run = made.run(inputs=SPIKES, record=("v",))
    whole, table = run.to_xarray(), run.to_pandas()
    np.testing.assert_array_equal(whole["spikes_E"], run.spikes("E"))
    np.testing.assert_array_equal(whole["v_E"], run.state("E", "v"))
    np.testing.assert_array_equal(whole["readout"], run.outputs)
    assert whole["v_E"].dims == ("sample", "time", "neuron_E") and whole["v_E"].attrs["units"] == "1"
    assert whole["time"].attrs["units"] == "ms" and float(whole["time"][-1]) == STEPS - 1
    own = table[table["population"] == "E"]
    assert len(own) == run.spikes("E").sum() > 0 and len(table) == len(own) + SPIKES.sum()
    assert run.spikes("E")[own["sample"], own["time_ms"].round().astype(int), own["neuron"]].all()


def test_membranes_stand_for_the_readout(made):
    """A trace a neuron in the scale of the threshold, and the classes of the first neurons; the readout stays."""
    ways = {"of": "E", "batch": 10, "learning_rate": 0.05} | WAYS
    traces = np.broadcast_to(np.linspace(-0.5, 0.5, 12), (SAMPLES, STEPS, 12))
    run = made.run(inputs=SPIKES, record=("v",))
    followed = lsnn.fit(made, SPIKES, traces, loss="squared_error", epochs=12, average_rate=1.0, **ways)
    once = lsnn.fit(made, SPIKES, traces, loss="squared_error", epochs=1, average_rate=1.0, **ways | {"batch": 100})
    apart = ((run.state("E", "v") / 0.02 - traces) ** 2).sum(2).mean()
    assert once.history.loss[0] == pytest.approx(apart)
    assert followed.history.loss.iloc[-1] < 0.8 * followed.history.loss.iloc[0]
    np.testing.assert_array_equal(followed.network.readout_weight, made.readout_weight)
    named = lsnn.fit(made, SPIKES, LABELS, over="max", epochs=12, validation=0.2, **ways)
    assert named.history.loss.iloc[-1] < 0.9 * named.history.loss.iloc[0] and isinstance(named.network, lsnn.Circuit)
    bare = lsnn.Circuit(made.populations, made.projections, dt=1 * lsnn.ms)
    assert len(lsnn.fit(bare, SPIKES, LABELS, over="last", epochs=1, **ways).history) == 1
    with pytest.raises(InputError, match="another targets, of"):
        lsnn.fit(made, SPIKES, traces[..., :2], loss="squared_error", epochs=13, resume=followed, average_rate=1.0,
                 **ways | {"of": None})  # fmt: skip


@pytest.mark.parametrize("name", ["weight/x_to_E", "parameter/E/tau_m", "initial/E/v"])
def test_the_gradient_of_membranes_is_that_of_central_differences_where_no_spike_moves(name):
    learner = CircuitLearner(circuit(gamma=1e-12), of="E")
    traces = np.random.default_rng(3).standard_normal((STEPS, 12, 8))
    drive = learner.inputs("inputs", SPIKES[:8], False)

    def loss(array):
        own = learner.with_arrays(learner.arrays() | {name: array})
        each = own.passes(8, STEPS, False)[0]
        scored = losses.squared_error(each.forward(own.held(), drive)[0], traces)
        return scored.loss.sum(), lambda: each.back(own.held(), scored.slope, np.zeros(12))[name]

    start = learner.arrays()[name]
    found = loss(start)[1]()
    for place in list(np.ndindex(start.shape))[:12]:
        step = np.zeros_like(start)
        step[place] = 1e-6
        slope = (loss(start + step)[0] - loss(start - step)[0]) / 2e-6
        np.testing.assert_allclose(found[place], slope, rtol=1e-5, atol=1e-6)
    assert np.abs(found).max() > 0.1


def test_currents_go_through_the_synapses_and_are_learnt_from(made):
    g = np.random.default_rng(4)
    currents = np.zeros((40, STEPS, CELLS)) + g.uniform(0, 0.5, (40, 1, CELLS))
    labels = (currents[:, 0, :3].sum(1) > currents[:, 0, 3:].sum(1)).astype(int)
    found = lsnn.fit(made, currents, labels, currents=True, epochs=12, batch=20, learning_rate=0.1, **WAYS)
    assert found.history.loss.iloc[-1] < 0.8 * found.history.loss.iloc[0]
    np.testing.assert_array_equal(made(SPIKES.astype(float), currents=True), made(SPIKES))


def test_the_public_gradient_has_the_inputs_too(made):
    slope = np.random.default_rng(3).standard_normal((SAMPLES, STEPS, 2))
    found, run = made.gradient(SPIKES, slope), made.run(inputs=SPIKES, gradient=True)
    np.testing.assert_array_equal(found.weight["x_to_E"], run.gradient(slope).weight["x_to_E"])
    assert found.inputs["x"].shape == SPIKES.shape and np.abs(found.inputs["x"]).max() > 0
    as_numbers = made.gradient(SPIKES * 1.0, slope, currents=True)
    np.testing.assert_allclose(as_numbers.inputs["x"], found.inputs["x"], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(as_numbers.weight["x_to_E"], found.weight["x_to_E"], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": SPIKES[..., :5]}, r"inputs\['x'\] must be spikes \(samples, steps, 6\), zeros and ones"),
        ({"inputs": SPIKES * 2.0}, "zeros and ones"),
        ({"inputs": {"y": SPIKES}}, "inputs must be of input cells among x"),
        ({"inputs": {("E", "I"): SPIKES, "x": SPIKES}}, "driven must be of pairs"),
        ({"inputs": {"x": [[1], [1, 2]]}}, "must be numbers"),
        ({"inputs": SPIKES * np.inf, "currents": True}, "numbers from -1e"),
        ({"targets": LABELS + 1}, "targets must be a label in 0..1"),
        ({"targets": LABELS[:-1]}, "targets must be a label"),
        ({"validation": (SPIKES[:, :5], LABELS)}, "validation inputs must be of 24 steps"),
        ({"validation": ({"z": SPIKES}, LABELS)}, "validation inputs must be of input cells"),
        ({"network": lsnn.Circuit}, "network must be"),
        ({"of": "x"}, "of must be one of E"),
        ({"of": ["E"]}, "of must be one of E"),
        ({"of": "E", "targets": LABELS + 12}, "targets must be a label in 0..11"),
        ({"loss": "rates", "targets": np.ones(13)}, "a rate in Hz of each of 12 neurons"),
    ],
)
def test_what_does_not_fit_is_named(made, changes, message):
    arguments = {"network": made, "inputs": SPIKES, "targets": LABELS, "epochs": 1} | WAYS | changes
    with np.errstate(invalid="ignore"), pytest.raises(InputError, match=message):
        lsnn.fit(**arguments)


def test_what_has_no_unit_or_no_readout_is_named():
    silent = circuit()
    silent.weight["again"] = 0 * silent.weight["again"]
    with pytest.raises(InputError, match=r"weight\['again'\] must be not 0 throughout where it learns"):
        lsnn.fit(silent, SPIKES, LABELS, **WAYS)
    bare = lsnn.Circuit(silent.populations, silent.projections, dt=1 * lsnn.ms)
    with pytest.raises(InputError, match="loss must be rates, since the network has no readout"):
        lsnn.fit(bare, SPIKES, LABELS, **WAYS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_slopes_that_are_not_finite_are_named(made, value):
    run = made.run(inputs=SPIKES[:1], gradient=True)
    with pytest.raises(InputError, match="d_outputs must be finite"):
        run.gradient(np.full((1, STEPS, 2), value))
    with pytest.raises(InputError, match=r"d_spike\['E'\] must be finite"):
        run.gradient(d_spike={"E": np.full(12, value)})
    with pytest.raises(InputError, match="d_outputs must be finite"):
        made.gradient(SPIKES[:1], np.full((1, STEPS, 2), value))


def test_times_below_zero_are_named(made):
    with pytest.raises(InputError, match=r"parameters\['E'\]\['tau_m'\] must be at least 0, since it is a time"):
        lsnn.Circuit([lsnn.Population("E", 2, "lif", {"b0": 1.0, "tau_m": -20 * lsnn.ms, "t_ref": 0 * lsnn.ms})])
    other = circuit()
    other.parameters["E"]["tau_a"] = -other.parameters["E"]["tau_a"]
    with pytest.raises(InputError, match=r"parameters\['E'\]\['tau_a'\] must be at least 0"):
        other.run(inputs=SPIKES)
