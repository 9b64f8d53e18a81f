"""Delays that learn: between two steps, with the exact gradient of what is computed."""

import brian2 as br
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsnn
from lsnn import Population, Projection, Readout, ms
from lsnn.errors import InputError
from lsnn.files.circuit_file import circuit_sha256
from tests.circuits import ports
from tests.circuits.small import CELLS, STEPS, samples
from tests.circuits.test_ports import compare, values_of

SPIKES, LABELS = samples()
BOTH = ("weight", "delay")


def small(learn=BOTH, delay=None, **changes):
    """Input onto LIF neurons, delays of one to six steps."""
    values = {"b0": 1.0, "tau_m": 10 * ms, "t_ref": 2 * ms}
    delay = lsnn.uniform(1, 6) * ms if delay is None else delay
    ways = {"weight": lsnn.normal(4, 4), "delay": delay, "learn": learn, "longest": 8 * ms} | changes
    joined = Projection("x", "c", pairs=np.indices((CELLS, 8)).reshape(2, -1), **ways)
    populations = [Population("x", CELLS), Population("c", 8, "lif", values)]
    return lsnn.Circuit(populations, [joined], Readout("c", 2, 10 * ms), seed=2)


def test_gradients_of_delays_and_weights_are_those_of_the_graph():
    """All four models and all ports at once; autodiff of the two shares of every spike."""
    made, g = ports.circuit(learn=BOTH), np.random.default_rng(1)
    x, drive = g.random((4, 80, ports.N_IN)) < 0.1, g.uniform(0, 1.2, (4, 80, ports.SIZE))
    d_y = g.standard_normal((4, 80, ports.N_OUT))
    run = made.run(inputs=x, driven={("jumping", "drive"): drive}, gradient=True)
    found = run.gradient(d_y, {name: np.full(ports.SIZE, 0.01) for name in ports.MODELS})
    learnt = jax.tree.map(jnp.asarray, values_of(made) | {"delay": made.delay})
    graph = jax.jit(jax.value_and_grad(lambda values: ports.graph(made, values, x, drive, d_y), has_aux=True))
    (_, spikes), wanted = graph(learnt)
    for name in ports.MODELS:
        np.testing.assert_array_equal(run.spikes(name), np.moveaxis(np.asarray(spikes[name]), 0, 1) > 0)
    assert len(found.delay) == len(made.projections) and run.spikes("gated").sum() > 20
    for name, delay in made.delay.items():
        assert np.abs(delay / made.dt % 1 - 0.5).min() < 0.4 and np.abs(found.delay[name]).max() > 0
        compare(found.delay[name], np.asarray(wanted["delay"][name]), delay, name)
        compare(found.weight[name], np.asarray(wanted["weight"][name]), 1.0, name)


def test_the_share_of_a_step_is_what_central_differences_say():
    """dL/d(delay) is the change of the two shares times dL/d(each): of a sum over places in the delay ring."""
    made, g = small(), np.random.default_rng(3)
    of_place = g.standard_normal(2 * made.ring * made.n_neurons)

    def total(c):
        _, place, weight = c.place()
        return float((of_place[place] * weight).sum())

    (low, _), (high, _) = made.taps(made.projections[0])
    place = lambda steps: steps * made.n_neurons + made.synapses["x_to_c"].post  # noqa: E731
    slope = made.weight["x_to_c"] * (of_place[place(high)] - of_place[place(low)]) / made.dt
    start, found = made.delay["x_to_c"], np.empty(len(slope))
    for i in range(len(slope)):
        step = np.where(np.arange(len(slope)) == i, 1e-7, 0.0)
        sums = []
        for sign in (1, -1):
            made.delay["x_to_c"] = start + sign * step
            sums.append(total(made))
        found[i] = (sums[0] - sums[1]) / 2e-7
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-6 * np.abs(slope).max())


def test_whole_delays_give_the_bits_of_delays_that_do_not_learn():
    steps = np.random.default_rng(5).integers(1, 7, CELLS * 8)
    fixed, learnt = small(True, steps * ms), small(BOTH, steps * ms)
    np.testing.assert_array_equal(learnt(SPIKES), fixed(SPIKES))
    slope = np.random.default_rng(6).standard_normal((*SPIKES.shape[:2], 2))
    one, two = fixed.gradient(SPIKES, slope), learnt.gradient(SPIKES, slope)
    np.testing.assert_allclose(one.weight["x_to_c"], two.weight["x_to_c"], rtol=1e-12, atol=1e-15)
    assert one.delay == {} and np.abs(two.delay["x_to_c"]).max() > 0


def test_brian2_has_the_same_spikes_between_two_steps():
    made = small()
    network = lsnn.to_brian2(made, {"x": SPIKES[0]})
    monitor = br.SpikeMonitor(next(thing for thing in network.objects if thing.name == "c"))
    network.add(monitor)
    br.prefs.codegen.target = "numpy"
    network.run(STEPS * ms)
    _, times, cells = made.run(inputs=SPIKES[:1]).events("c")
    assert len(times) > 3
    np.testing.assert_array_equal(np.asarray(monitor.i), cells)
    np.testing.assert_allclose(np.asarray(monitor.t_), times, atol=1e-9)


def test_delays_learn_within_their_bounds_and_are_kept_in_a_file(tmp_path):
    made, (spikes, labels) = small(), samples(40)
    ways = {"epochs": 6, "batch": 10, "threads": 1, "progress": False}
    found = lsnn.fit(made, spikes, labels, learning_rate=0.1, **ways)
    before, after = made.delay["x_to_c"], found.network.delay["x_to_c"]
    assert np.abs(after - before).max() > 0.0005 and 0.001 <= after.min() and after.max() <= 0.008
    far = lsnn.fit(made, spikes, labels, learning_rate=1.0, **ways).network.delay["x_to_c"]
    assert far.min() == pytest.approx(0.001, rel=1e-12) and far.max() == pytest.approx(0.008, rel=1e-12)
    held = lsnn.fit(made, spikes, labels, only_readout=True, **ways).network
    np.testing.assert_array_equal(held.delay["x_to_c"], before)
    lsnn.save(found.network, tmp_path / "delays.h5")
    again = lsnn.load(tmp_path / "delays.h5")
    assert circuit_sha256(again) == circuit_sha256(found.network) and again.longest == {"x_to_c": 0.008}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learn": ("delays",)}, "learn of x_to_c must be true, false, or names among weight, delay"),
        ({"learn": "delay"}, "learn of x_to_c must be true"),
        ({"longest": 3 * ms}, r"delay\['x_to_c'\] must be from dt = 0.001 s to the longest, 0.003 s"),
        ({"longest": -3 * ms}, "longest delay of x_to_c must be a time above 0"),
        ({"longest": 3}, "longest delay of x_to_c must be finite numbers in units of s"),
        ({"longest": 1e9 * ms}, "longest delay of x_to_c must be from dt to"),
    ],
)
def test_what_no_delay_can_be_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        small(**changes)


@pytest.mark.parametrize("value", [0.0, -0.001, 0.0081, np.nan, 1e300])
def test_delays_that_were_set_beyond_their_bounds_are_named(value):
    made = small()
    made.delay["x_to_c"][3] = value
    with pytest.raises(InputError, match=r"delay\['x_to_c'\] must be"):
        made.run(inputs=SPIKES)
    made.delay.clear()
    with pytest.raises(InputError, match="delay must be a dict of values by x_to_c"):
        made.run(inputs=SPIKES)
