"""Networks on arrays of one's own: created, called, fitted, saved."""

import numpy as np
import pandas
import pytest

import lsnn
from lsnn.arrays import losses
from lsnn.arrays.blocks import ArrayBlock
from lsnn.arrays.data import Data
from lsnn.arrays.fitting import _Fitting
from lsnn.arrays.learners import NetworkLearner
from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.kernels.layout import gradient_zeros
from lsnn.learning.config import LearningConfig
from lsnn.learning.parameters import gradient_of

SMALL = {"n_excitatory": 8, "n_adaptive": 4, "input_gain": 3.0, "tau_out_ms": 10.0}
STEPS, CELLS = 20, 6


def created(seed=0, outputs=2, **settings):
    return lsnn.create(CELLS, outputs, seed, **(SMALL | settings))


def samples(count=44, seed=1):
    """Two classes: early spikes of the first cells, or of the last; as many spikes in each."""
    g = np.random.default_rng(seed)
    labels = g.integers(0, 2, count)
    spikes = np.zeros((count, STEPS, CELLS), bool)
    for i, label in enumerate(labels):
        spikes[i, g.integers(0, 5, 3), 3 * label + np.arange(3)] = True
        spikes[i, g.integers(8, 13, 3), 3 * (1 - label) + np.arange(3)] = True
    return spikes, labels


def fitted(labels=None, **changes):
    """After four epochs; with random labels, what is learnt of some samples says nothing of others."""
    spikes, true = samples()
    labels = true if labels is None else np.random.default_rng(8).permutation(true)
    settings = {"epochs": 4, "batch": 20, "threads": 1, "progress": False, "seed": 3} | changes
    return lsnn.fit(created(), spikes, labels, **settings)


def test_spike_times_fall_into_their_steps():
    spikes = lsnn.spikes_from_times([[(0.0, 1), (2.9, 0)], np.empty((0, 2)), [(0.3, 2)]], steps=3, cells=3)
    assert spikes.shape == (3, 3, 3) and spikes.sum() == 3
    assert spikes[0, 0, 1] and spikes[0, 2, 0] and spikes[2, 0, 2]
    fine = lsnn.spikes_from_times([[(0.3, 0)]], steps=4, cells=1, dt_ms=0.1)
    assert np.flatnonzero(fine) == [3]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([[(3.0, 0)]], r"times\[0\] must be times from 0 to below 3 ms"),
        ([[], [(-0.1, 0)]], r"times\[1\] must be times from"),
        ([[(np.nan, 0)]], "times from"),
        ([[(0.0, 3)]], "cells within 0..2"),
        ([[(0.0, 0.5)]], "cells within"),
        ([[(0.1, 0), (0.9, 0)]], "at most one spike of a cell in a step"),
        ([[(0.1, 0, 1)]], "rows of a time and a cell"),
        ([["ab"]], r"times\[0\]"),
        (3, "times must be a row of samples"),
        ("ab", "times must be a row of samples"),
        ([[(1e300, 0)]], "times from 0"),
    ],
)
def test_spike_times_that_fit_no_step_are_refused(times, message):
    with pytest.raises(InputError, match=message):
        lsnn.spikes_from_times(times, steps=3, cells=3)


def test_cross_entropy_has_its_hand_numbers_and_slopes():
    """Two steps, two classes: a mean of 1 and 0 for label 0 loses log(1 + exp(-1))."""
    y = np.array([[[0.5], [0.0]], [[1.5], [0.0]]])
    for over, first in (("mean", 1.0), ("max", 1.5), ("last", 1.5)):
        scored = losses.cross_entropy(y, np.array([0]), over)
        assert scored.loss[0] == pytest.approx(np.log1p(np.exp(-first)), rel=1e-12) and scored.right[0] == 1
        assert losses.cross_entropy(y, np.array([1]), over).right[0] == 0


@pytest.mark.parametrize("over", ["mean", "max", "last", None])
def test_slopes_are_those_of_central_differences(over):
    g = np.random.default_rng(5)
    y, labels, traces = g.standard_normal((6, 3, 5)), g.integers(0, 3, 5), g.standard_normal((6, 3, 5))

    def score(y):
        return losses.squared_error(y, traces) if over is None else losses.cross_entropy(y, labels, over)

    slope, found = score(y).slope, np.empty_like(y)
    for place in np.ndindex(y.shape):
        step = np.zeros_like(y)
        step[place] = 1e-6
        found[place] = (score(y + step).loss.sum() - score(y - step).loss.sum()) / 2e-6
    np.testing.assert_allclose(found, slope, atol=1e-8)
    assert np.abs(slope).max() > 0.01


def test_a_sample_gives_the_same_bits_alone_and_among_others():
    network, (spikes, _) = created(), samples(11)
    y = network(spikes, threads=2)
    assert y.dims == ("sample", "time", "output") and y.shape == (11, STEPS, 2) and y.time.attrs["units"] == "ms"
    for i in (0, 7, 10):
        np.testing.assert_array_equal(network(spikes[i : i + 1].astype(float))[0], y[i])
    assert len(np.unique(y.values[:, -1, 0])) == 11


def test_the_readouts_gradient_is_that_of_central_differences():
    """With spikes that the readout cannot change, over 11 samples in two blocks."""
    spikes, labels = samples(11)
    network = created().network
    data = Data(spikes, labels)
    learner, ways = NetworkLearner(network), (LearningConfig(), 16, 0, Threads(1), "cross_entropy", "mean", None, False)
    fitting = _Fitting(learner, data, None, *ways)
    gradient = fitting.summed(learner, data).gradient
    for array, name in ((network.readout, "readout"), (network.bias, "bias")):
        for place in list(np.ndindex(array.shape))[::5]:
            start, sums = array[place], []
            for step in (1e-2, -1e-2):
                array[place] = start + step
                sums.append(fitting.summed(learner, data).loss / 11)
            array[place] = start
            assert gradient[name][place] == pytest.approx((sums[0] - sums[1]) / 2e-2, rel=1e-3, abs=2e-5)


def test_it_learns_and_leaves_the_network_that_it_was_given():
    network, (spikes, labels) = created(), samples()
    before = network.sha256
    found = lsnn.fit(network, spikes, labels, epochs=25, batch=22, learning_rate=0.02, threads=1, progress=False)
    assert network.sha256 == before and found.network.sha256 != before
    assert found.history.accuracy.iloc[0] < 0.8 and found.history.accuracy.iloc[-1] == 1.0
    other, unseen = samples(100, seed=2)
    assert (found.network(other).mean("time").argmax("output").values == unseen).mean() > 0.9
    assert found.history.columns.tolist() == ["epoch", "loss", "accuracy", "rate_hz", "seconds"]


def test_traces_are_followed():
    spikes, labels = samples(24)
    traces = np.zeros((24, STEPS, 2))
    traces[:, 5:, 0] = np.where(labels, 0.5, -0.5)[:, None]
    found = lsnn.fit(
        created(), spikes, traces, loss="squared_error", epochs=30, batch=8, learning_rate=0.02, threads=1,
        progress=False,
    )  # fmt: skip
    assert np.isnan(found.history.accuracy).all()
    assert found.history.loss.iloc[-1] < 0.3 * np.mean(traces**2) * 2


def test_threads_change_no_bit_and_neither_does_a_break():
    one, two = fitted(), fitted(threads=2)
    assert one.network.sha256 == two.network.sha256
    ways = {"labels": "random", "validation": 0.3, "learning_rate": 0.1, "epochs": 8}
    broken, unbroken = fitted(**ways, patience=1), fitted(**ways)
    assert 0 < len(broken.history) < 8 == len(unbroken.history)
    gone_on = fitted(**ways, resume=broken)
    assert gone_on.network.sha256 == unbroken.network.sha256
    np.testing.assert_array_equal(gone_on.history.loss, unbroken.history.loss)
    assert fitted(seed=4).network.sha256 != one.network.sha256


def test_early_stopping_keeps_the_best_of_validation():
    found = fitted("random", epochs=30, learning_rate=0.1, final_learning_rate=0.1, validation=0.3, patience=2)
    history = found.history
    assert len(history) < 30 and found.best_epoch == history.validation_loss.argmin() + 1
    assert len(history) == found.best_epoch + 2
    spikes, labels = samples(30, seed=7)
    with_others = fitted(validation=(spikes, labels))
    scored = losses.cross_entropy(with_others.network(spikes).values.transpose(1, 2, 0).astype(float), labels, "mean")
    assert scored.loss.mean() == pytest.approx(with_others.history.validation_loss.min(), rel=1e-6)


def test_parameters_learn_with_the_weights():
    spikes, labels = samples()
    network = created(learnt="tau_m, beta, tau_out")
    found = lsnn.fit(network, spikes, labels, epochs=2, threads=1, progress=False).network.network
    for name in ("tau_m", "beta", "tau_out"):
        assert np.abs(np.log(found.parameter(name)[-4:] / network.network.parameter(name)[-4:])).max() > 1e-4


def test_a_saved_network_is_read_again(tmp_path):
    found, (spikes, _) = fitted().network, samples(5)
    found.save(tmp_path / "own.lsnn.h5")
    again = lsnn.load(tmp_path / "own.lsnn.h5")
    assert again.sha256 == found.sha256 and again.task["name"] == "arrays"
    np.testing.assert_array_equal(again(spikes), found(spikes))
    np.testing.assert_array_equal(again.history.loss, found.history.loss)
    np.testing.assert_array_equal(again.history.iteration, found.history.epoch - 1)
    with pytest.raises(InputError, match="in a file already"):
        again.save(tmp_path / "other.h5")


def test_compiled_code_is_handed_nothing_that_does_not_fit():
    network, block = created().network, ArrayBlock(created().network, STEPS)
    weights, spikes = network.weights(), samples(8)[0]
    y = block.forward(weights, spikes)
    for wrong in (spikes[:, :9], spikes[:, :, :5], samples(9)[0], spikes.astype(float), spikes[0]):
        with pytest.raises(InputError, match="inputs must be"):
            block.forward(weights, wrong)
    other = lsnn.create(CELLS, 2, **(SMALL | {"n_excitatory": 9})).network
    for call in (lambda w: block.forward(w, spikes), lambda w: block.back(w, y, np.zeros(12))):
        with pytest.raises(InputError, match="weights"):
            call(other.weights())
        with pytest.raises(InputError, match="weights"):
            call(network.weights(np.float64))
    with pytest.raises(InputError, match="g_y must be numbers of shape"):
        block.back(weights, y[:-1], np.zeros(12))
    with pytest.raises(InputError, match="g_z must be numbers of shape"):
        block.back(weights, y, np.zeros(13))


SPIKES, LABELS = samples(9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": SPIKES[0]}, r"inputs must be spikes \(samples, steps, cells\)"),
        ({"inputs": SPIKES[:, :, :5]}, "of 6 input cells"),
        ({"inputs": SPIKES * 2.0}, "inputs must be zeros and ones"),
        ({"inputs": np.full(SPIKES.shape, np.nan)}, "zeros and ones"),
        ({"inputs": SPIKES.astype(complex)}, "inputs must be numbers"),
        ({"inputs": SPIKES[:0]}, "at least one of each"),
        ({"inputs": None}, "inputs must be"),
        ({"inputs": "spikes"}, "inputs must be numbers"),
        ({"inputs": [[[0], [0, 1]]]}, "inputs must be numbers"),
        ({"inputs": np.ma.masked_array(SPIKES, True)}, "none of them masked"),
        ({"inputs": np.broadcast_to(np.zeros(1, bool), (10**11, STEPS, CELLS))}, "must fit into .* GB of memory"),
        ({"loss": np.array(["rates"])}, "loss must be one of"),
        ({"over": np.array(["mean"])}, "over must be one of"),
        ({"currents": 1}, "currents must be true or false"),
        ({"targets": np.eye(2)[LABELS]}, "label in 0..1"),
        ({"targets": np.where(LABELS, np.nan, 0)}, "label in 0..1"),
        ({"targets": np.full(9, 2**63, np.uint64)}, "label in 0..1"),
        ({"targets": ["a"] * 9}, "targets must be numbers"),
        ({"loss": "squared_error", "targets": np.full((9, STEPS, 2), 1e300)}, "targets must be numbers from -1e"),
        ({"loss": "squared_error", "targets": np.full((9, STEPS, 2), np.nan)}, "targets must be numbers from -1e"),
        ({"loss": "rates", "targets": np.ones(11)}, "targets must be a rate in Hz of each of 12 neurons"),
        ({"loss": "rates", "targets": np.zeros(12)}, "targets must be rates from 0.001"),
        ({"validation": np.zeros(3)}, "validation must be a number"),
        ({"targets": LABELS[:8]}, "targets must be a label in 0..1 of each of 9 samples"),
        ({"targets": LABELS + 1}, "label in 0..1"),
        ({"targets": LABELS - 0.5}, "label in 0..1"),
        ({"loss": "squared_error"}, "traces"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"over": "sum"}, "over must be one of"),
        ({"epochs": 0}, "epochs"),
        ({"batch": 2.5}, "batch"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": None}, "learning_rate must be a number"),
        ({"validation": 1.0}, "validation"),
        ({"validation": (SPIKES,)}, "validation"),
        ({"validation": (SPIKES[:, :9], LABELS)}, "validation inputs must be of 20 steps"),
        ({"patience": 3}, "patience must be None without validation"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
        ({"progress": "yes"}, "progress"),
        ({"resume": 3}, "resume must be"),
        ({"network": 3}, "network must be"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    given = {"network": created(), "inputs": SPIKES, "targets": LABELS, "epochs": 1, "progress": False} | changes
    with pytest.raises(InputError, match=message):
        lsnn.fit(given.pop("network"), given.pop("inputs"), given.pop("targets"), **given)


def test_whatever_holds_such_numbers_is_taken():
    """Lists, truths, pandas, read-only and strided arrays: the same fit from all of them."""
    frozen, strided = SPIKES.copy(), np.zeros((9, 2 * STEPS, CELLS), bool)
    frozen.setflags(write=False)
    strided[:, ::2] = SPIKES
    inputs = (frozen, strided[:, ::2], SPIKES.tolist(), SPIKES.astype(int).tolist(), SPIKES.astype(np.float16))
    targets = (LABELS.astype(bool), LABELS.tolist(), pandas.Series(LABELS), LABELS.astype(float), LABELS[::-1][::-1])
    ways = {"epochs": 1, "threads": 1, "progress": False, "batch": 10**6}
    found = {lsnn.fit(created(), x, y, **ways).network.sha256 for x, y in zip(inputs, targets, strict=True)}
    assert found == {lsnn.fit(created(), SPIKES, LABELS, **ways).network.sha256}


def test_a_fit_that_is_broken_off_goes_on_from_the_last_whole_epoch(monkeypatch):
    unbroken, calls, back = fitted(), [], ArrayBlock.back

    def pressed(block, *arguments):
        calls.append(1)
        if len(calls) == 15:  # in the midst of the third epoch: three batches of 20 and fewer, two or three blocks each
            raise KeyboardInterrupt
        return back(block, *arguments)

    monkeypatch.setattr(ArrayBlock, "back", pressed)
    with pytest.raises(KeyboardInterrupt) as stopped:
        fitted()
    assert isinstance(stopped.value, lsnn.Interrupted)
    so_far = stopped.value.so_far
    assert 0 < len(so_far.history) < 4 and "epochs, the network of epoch" in repr(so_far)
    assert fitted(resume=so_far).network.sha256 == unbroken.network.sha256
    calls[:] = [1] * 14
    with pytest.raises(lsnn.Interrupted) as stopped:
        fitted()
    assert stopped.value.so_far is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"learning_rate": 0.1}, "learning_rate, final_learning_rate"), ({"batch": 8}, "batch"), ({"seed": 1}, "seed"),
     ({"labels": "random"}, "targets"), ({"validation": 0.2}, "inputs, targets, validation")],
)  # fmt: skip
def test_a_fit_goes_on_with_the_same_arguments_alone(changes, named):
    begun = fitted(epochs=1)
    with pytest.raises(InputError, match=f"received 'one with another {named}"):
        fitted(**changes, resume=begun)
    assert len(fitted(epochs=2, threads=2, resume=begun).history) == 2


def test_rates_go_where_they_are_wanted():
    spikes, _ = samples(24)
    network, wanted = created(), np.where(np.arange(12) < 6, 20.0, 60.0)
    ways = {"loss": "rates", "batch": 24, "learning_rate": 0.05, "threads": 1, "progress": False}
    found = lsnn.fit(network, spikes, wanted, epochs=40, validation=(spikes, wanted), **ways)
    assert found.history.loss.iloc[-1] < 0.2 * found.history.loss.iloc[0] and np.isnan(found.history.accuracy).all()
    assert found.history.validation_loss.min() < 0.5 * found.history.loss.iloc[0]
    one, two = (lsnn.fit(network, spikes, wanted, epochs=1, **(ways | {"threads": n})) for n in (1, 2))
    assert one.network.sha256 == two.network.sha256


def test_currents_are_learnt_from():
    """Which of two cells is given the greater current, the same in all steps."""
    g = np.random.default_rng(4)
    strength = g.uniform(-0.2, 0.2, (60, 1, CELLS)) + np.zeros((60, STEPS, 1))
    labels = (strength[:, 0, 0] > strength[:, 0, 1]).astype(int)
    ways = {"currents": True, "epochs": 20, "batch": 20, "learning_rate": 0.02, "threads": 1, "progress": False}
    found = lsnn.fit(created(input_gain=10.0), strength, labels, **ways)
    assert found.history.accuracy.iloc[-1] > 0.9 > 0.8 > found.history.accuracy.iloc[0]


@pytest.mark.parametrize("learnt", ["beta", "tau_a (shared)", "tau_out"])
def test_a_parameter_of_some_neurons_alone_has_a_gradient(learnt):
    """The others have no such parameter, or there are none that have it."""
    for n_adaptive in (4, 0):
        network = created(learnt=learnt, n_adaptive=n_adaptive).network
        gradient = gradient_zeros(network.weights(), network.n_slots)
        gradient.constants[:] = 1.0
        found = gradient_of(network, gradient)
        (values,) = found.values()
        assert values.shape == ((1,) if learnt == "tau_out" else (8 + n_adaptive,)) and not values[:8].any()
        assert n_adaptive == 0 or learnt == "tau_out" or values[8:].all()


def test_settings_may_be_numbers_of_numpy_and_a_network_has_to_fit_into_memory():
    assert created(n_excitatory=np.int64(8), input_gain=np.float32(3)).sha256 == created().sha256
    with pytest.raises(InputError, match=r"a network of 1000004 neurons.* must fit into .* GB"):
        created(n_excitatory=10**6)
    with pytest.raises(InputError, match="spikes of 1000 samples .* must fit into .* GB"):
        lsnn.spikes_from_times([[(0, 0)]] * 1000, 2**24, 2**20)
    with pytest.raises(InputError, match="must fit into .* GB"):
        lsnn.create(10**7, 2)
