"""What examples change beside a gradient step: cosines, spikes, steps and the layer by hand; the experiment."""

import h5py
import numpy as np
import pytest
from scipy.optimize import check_grad

from analysis import implicit_update as analysis
from lsnn.files import store
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from runs.experiments.implicit_update import layer, measuring
from runs.experiments.implicit_update.shown import after, alone, episodes_of, spikes_of
from runs.experiments.implicit_update.updating import CORE, Answered, Learner
from runs.experiments.options import PRETRAINED
from tasks.experiment import open_network
from tasks.regression.baselines import LinearAttention, attend, basis
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

SINE = PRETRAINED / "regression_sine.lsnn.h5"
WORDS = (SINE, "--episodes", 3, "--layers", 1)


@pytest.fixture(scope="module")
def sine():
    """The shipped network of sine, its task, and blocks that it runs in."""
    file, of = open_network(SINE)
    return Learner(file.network), of.task


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("implicit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "TUNED_ON", 1)
        patch.setattr(measuring, "PRACTICE", 60)
        patch.setattr(layer, "EPISODES", 400)
        assert experiment("implicit-update", *WORDS, "--out", out) == 0
    return out


# Cosines


def test_cosines_by_hand():
    found = measuring.cosine(
        np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]]), np.array([[4.0, 3.0], [-2.0, 0.0], [1.0, 1.0]])
    )
    np.testing.assert_allclose(found, [24 / 25, -1, 0])


def test_a_direction_is_taken_out():
    np.testing.assert_allclose(measuring.without(np.array([0.0, 2.0]), np.array([3.0, 5.0])), [3, 0])


def test_changes_are_of_states_at_unit_length():
    """States (3, 4) and (0, 2) become (.6, .8) and (0, 1); one without a spike stays nought."""
    found = measuring.change(
        Answered(np.array([2.0, 1.0]), np.array([[3.0, 4.0], [0.0, 0.0]])),
        Answered(np.array([0.5, 1.0]), np.array([[0.0, 2.0], [5.0, 0.0]])),
    )
    np.testing.assert_allclose(found.answer, [1.5, 0])
    np.testing.assert_allclose(found.state, [[0.6, -0.2], [-1, 0]])


def test_repeats_are_averaged_query_by_query():
    answer = np.arange(measuring.SHOWN, dtype=float)
    found = measuring.averaged(Answered(answer, answer[:, None] * [1.0, 2.0]))
    mean = (measuring.REPEATS - 1) / 2 * measuring.QUERIES
    np.testing.assert_allclose(found.answer, mean + np.arange(measuring.QUERIES))
    np.testing.assert_allclose(found.state, found.answer[:, None] * [1, 2])


# What is shown


def test_examples_come_before_queries_and_noise_is_by_key(sine):
    _, task = sine
    keys = np.array([5, 6], np.uint64)
    queries = alone(task, keys, np.array([[1.0], [1.0]]), 0.3)
    shown = after(task, 7, np.array([[0.5], [-2.0]]), np.array([0.1, 0.3]), queries)
    assert shown.shape == (2, 3 * task.sample_ms, task.encoder.n_inputs)
    np.testing.assert_array_equal(shown[:, 2 * task.sample_ms :], queries)
    np.testing.assert_array_equal(shown[0, : 2 * task.sample_ms], shown[1, : 2 * task.sample_ms])
    assert (queries[0] != queries[1]).any()
    np.testing.assert_array_equal(queries, alone(task, keys, np.array([[1.0], [1.0]]), 0.3))
    x_cells = task.encoder.cells_per_dimension
    other_y = alone(task, keys, np.array([[1.0], [1.0]]), -0.9)
    np.testing.assert_array_equal(other_y[..., :x_cells], queries[..., :x_cells])
    assert (other_y[..., x_cells:] != queries[..., x_cells:]).any()


def test_spikes_are_those_of_the_task(sine):
    """Cells near x and near the y of the sample before spike, those far away do not."""
    _, task = sine
    keys = np.arange(300, dtype=np.uint64)
    x, y = np.tile([[np.pi], [-np.pi]], (300, 1, 1)), np.tile([0.0, 1.0], (300, 1))
    spikes = spikes_of(task, keys, x, y)
    rate_hz = 1000 * spikes.reshape(300, 2, task.sample_ms, 2, -1).mean(axis=(0, 2))  # (sample, line, cell)
    assert rate_hz[0, 0, -1] == pytest.approx(500, rel=0.03) and rate_hz[1, 0, 0] == pytest.approx(500, rel=0.03)
    assert rate_hz[1, 1, -1] == pytest.approx(500, rel=0.03) and rate_hz[0, 0, 0] == rate_hz[1, 0, -1] == 0


def test_queries_are_of_the_function_of_the_examples(sine):
    _, task = sine
    found = episodes_of(task, np.array([3, 4], np.uint64), 5, 4)
    assert found.x.shape == (2, 5, 1) and found.query.shape == (2, 4, 1)
    for x, y, query, truth in zip(*found, strict=True):  # y = c0 sin(x + c1) is linear in sin x and cos x
        w = np.linalg.lstsq(basis("sine", x), y, rcond=None)[0]
        np.testing.assert_allclose(basis("sine", query) @ w, truth, atol=1e-9)


# The step


def test_states_weighed_by_the_readout_are_the_answer(sine):
    learner, task = sine
    spikes = alone(task, np.arange(9, dtype=np.uint64), np.linspace(-3, 3, 9)[:, None])
    found = learner.answered(spikes)
    network = learner.network
    assert found.state.shape == (9, network.config.n_neurons) and found.state.max() > 0
    np.testing.assert_allclose(found.state @ network.readout[:, 0] + network.bias[0], found.answer, atol=1e-4)


def test_the_slope_of_the_bias_is_the_mean_error(sine):
    """The readout's bias adds to every step of the answer, so its slope is the mean of answer - y."""
    learner, task = sine
    spikes = alone(task, np.arange(9, dtype=np.uint64), np.linspace(-3, 3, 9)[:, None])
    y, steps = np.linspace(0, 1, 9), 1
    slope = learner.slope(spikes, y, steps)
    assert slope["bias"][0] == pytest.approx(np.mean(learner.answered(spikes).answer - y), abs=1e-5)
    assert not slope["bias"][1:].any() and not slope["readout"][:, 1:].any() and slope["theta"].any()
    by_hand = (learner.answered(spikes).answer - y) @ learner.answered(spikes).state / 9
    np.testing.assert_allclose(slope["readout"][:, 0], by_hand, atol=1e-5)


def test_a_step_moves_all_weights_down_the_slope(sine):
    learner, task = sine
    spikes = alone(task, np.arange(9, dtype=np.uint64), np.linspace(-3, 3, 9)[:, None])
    y = learner.answered(spikes).answer + 0.5
    slope = learner.slope(spikes, y, 1)
    moved = learner.stepped(slope, 0.01)
    np.testing.assert_allclose(moved.readout, learner.network.readout - 0.01 * slope["readout"])
    np.testing.assert_allclose(moved.synapses.theta, learner.network.synapses.theta - 0.01 * slope["theta"])
    before, behind = (np.mean((learner.answered(spikes, of).answer - y) ** 2) for of in (None, moved))
    assert behind < before == pytest.approx(0.25)
    assert learner.network.bias[0] != moved.bias[0]
    core = learner.stepped(slope, 0.01, CORE)
    np.testing.assert_array_equal(core.readout, learner.network.readout)
    np.testing.assert_array_equal(core.synapses.theta, moved.synapses.theta)


# Linear attention


def test_linear_attention_is_a_step_on_its_own_keys_and_values():
    generator = np.random.default_rng(0)
    k = measuring.EXAMPLES
    fitted = LinearAttention(generator.normal(size=(k + 1, 2, 3)), generator.normal(size=(k + 1, 3)))
    x, y = generator.normal(size=(4, k, 1)), generator.normal(size=(4, k))
    query, truth = generator.normal(size=(4, 3, 1)), np.zeros((4, 3))
    found = measuring.attention_compared(fitted, "sine", measuring.Episodes(x, y, query, truth))
    np.testing.assert_allclose(found["attention_dual"], 1, atol=1e-10)
    assert np.abs(found["attention_basis"]).min() < 0.9
    whole = np.concatenate([x, query[:, :1]], axis=1)  # the same answers as the baseline gives
    phi = basis("sine", whole)
    tokens = np.concatenate([phi[:, :k], y[..., None]], axis=-1)
    dual = measuring.stepped_from_nothing(tokens @ fitted.key_query[k].T, tokens @ fitted.value[k])
    answers = attend(fitted, phi, np.concatenate([y, truth[:, :1]], axis=1))[:, -1]
    np.testing.assert_allclose(np.sum(dual * phi[:, -1], axis=1), answers, atol=1e-12)


def test_attention_to_x_for_y_is_a_step_on_the_examples():
    generator, k = np.random.default_rng(1), measuring.EXAMPLES
    key_query, value = np.zeros((k + 1, 2, 3)), np.zeros((k + 1, 3))
    key_query[:, [0, 1], [0, 1]], value[:, 2] = 0.7, 1.0
    shapes = (4, k, 1), (4, k), (4, 3, 1), (4, 3)
    episodes = measuring.Episodes(*(generator.normal(size=shape) for shape in shapes))
    found = measuring.attention_compared(LinearAttention(key_query, value), "sine", episodes)
    np.testing.assert_allclose(found["attention_basis"], 1, atol=1e-10)


# The layer


def test_the_best_step_in_closed_form():
    """One number, one example: loss E x^2/2 (1 - 2 r s + r^2 f), s = 1/12, f = 1/80, least at r = s/f = 20/3."""
    found = layer.best_step(1, 1, 0.5)
    assert found.rate == pytest.approx(20 / 3)
    assert found.loss == pytest.approx((1 - (1 / 12) ** 2 * 80) / 24)
    at_their_sizes = layer.best_step(10, 10, 0.5)
    assert at_their_sizes.loss == pytest.approx(0.206, abs=5e-4)


def test_no_other_step_has_a_lower_loss():
    of = layer.sample(4000, np.random.default_rng(0))
    best = layer.best_step(10, 10, 0.5)
    losses = [
        layer.half_squared(np.sum(layer.step_sensitivity(rate, of) * of.x[:, -1], axis=1), of.y[:, -1]).mean()
        for rate in (0.7 * best.rate, best.rate, 1.3 * best.rate)
    ]
    assert losses[1] == pytest.approx(best.loss, rel=0.1) and losses[1] < min(losses[0], losses[2])


def test_the_gradient_of_the_layer():
    generator = np.random.default_rng(0)
    of, flat = layer.sample(5, generator), generator.normal(size=4 * 11 * 11)
    arguments = of.tokens, of.x[:, -1], of.y[:, -1]
    apart = check_grad(
        lambda at: layer.loss_and_slope(at, *arguments)[0], lambda at: layer.loss_and_slope(at, *arguments)[1], flat
    )
    size = np.linalg.norm(layer.loss_and_slope(flat, *arguments)[1])
    assert apart < 1e-5 * size
    answers = np.sum(layer.sensitivity(layer.matrices_of(flat), of) * of.x[:, -1], axis=1)
    assert layer.half_squared(answers, of.y[:, -1]).mean() == pytest.approx(layer.loss_and_slope(flat, *arguments)[0])


def test_the_weights_of_their_construction_are_a_step():
    """W_K = W_Q pick x, W_V picks y with a minus, P scales by the rate over N."""
    rate, of = 6.0, layer.sample(5, np.random.default_rng(0))
    pick_x, pick_y = np.diag([1.0] * 10 + [0.0]), np.diag([0.0] * 10 + [1.0])
    made = np.stack([pick_x, pick_x, -pick_y, rate / 10 * pick_y])
    np.testing.assert_allclose(layer.sensitivity(made, of), layer.step_sensitivity(rate, of), atol=1e-12)


def test_a_trained_layer_finds_the_step():
    generator = np.random.default_rng(2)
    train, test = layer.sample(3000, generator), layer.sample(1000, generator)
    of_step = layer.step_sensitivity(layer.best_step(10, 10, 0.5).rate, test)
    assert measuring.cosine(layer.sensitivity(layer.trained(train, generator), test), of_step).mean() > 0.97


# The experiment


def test_the_file_holds_every_comparison(folder):
    with h5py.File(folder / "implicit_update.h5") as file:
        group = file["network_0"]
        assert set(group) == set(measuring.TEXTS) and all(len(group[name]) == 3 for name in group)
        assert np.abs(group["attention_dual"][:] - 1).max() < 1e-10
        assert group.attrs["rate"] in measuring.RATES and group.attrs["queries"] == measuring.QUERIES
        assert set(file["layer_1"]) == set(layer.TEXTS)
        assert file["layer_1"].attrs["best_loss"] == pytest.approx(0.206, abs=5e-4)


def test_it_says_and_draws_what_it_found(folder):
    said = analysis.describe(folder / "implicit_update.h5").splitlines()
    assert (
        len(said) == 9 and said[1].startswith("sine, seed 0, step ") and said[-1].startswith("  seed 1: nothing learnt")
    )
    assert (folder / "implicit_update.png").read_bytes().startswith(b"\x89PNG")


def test_bad_input_is_refused(folder, tmp_path, capsys):
    path = folder / "implicit_update.h5"
    assert_not_written_over(lambda: experiment("implicit-update", *WORDS, "--out", folder), path, capsys)
    code = experiment("implicit-update", PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path / "x")
    assert_one_line(code, capsys, "must be a network for regression, got bandit")
    assert_one_line(
        experiment("implicit-update", "--layers", 0, "--out", tmp_path / "x"), capsys, "--layers must be >= 1"
    )
    copy = tmp_path / "implicit_update.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        file["network_0/state_own"][0] = 1.5
    store.seal(copy)
    with Result(copy) as result, pytest.raises(ResultError, match="state_own: must hold"):
        analysis.networks_of(result)
