"""Experiments in Brian2 on a frozen network: what departs has its closed form, and strength 0 departs in nothing."""

import numpy as np
import pytest

from lsnn import brian
from lsnn.files.results import Result
from lsnn.kernels.simd import LANES
from lsnn.meta import new_network
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.brian.departures import run_sweep
from runs.experiments import exponential_synapses, membrane_noise
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment
from tests.runs.tiny import tiny

SWEEPS = [membrane_noise.sweep(), exponential_synapses.sweep()]
KEYS = episode_keys(0, TEST_BRANCH, 0, LANES)


@pytest.fixture
def network():
    """A random network of 16 neurons, each with its own synapses and delays."""
    experiment = tiny()
    return new_network(experiment.task, experiment.network, experiment.learning, 0)


@pytest.fixture
def saved(folder):
    return folder / "network.lsnn.h5"


def input_spikes(network, steps, lanes=0, cell=0, at=5):
    """Spikes (T, n_in) of one input cell at one step in some lanes."""
    spikes = np.zeros((steps, network.n_in), np.uint8)
    spikes[at, cell] = lanes
    return spikes


def test_noise_of_a_free_membrane_has_the_standard_deviation_asked_for(network):
    steps, strength, n = 500, 0.1, network.config.n_neurons
    physics = membrane_noise.physics(network, strength, KEYS, steps)
    trace = brian.replay(network, input_spikes(network, steps), physics)
    assert not trace.spikes.any()
    v = trace.x[150:, :n] / network.config.b0
    np.testing.assert_allclose(v.std(), strength, rtol=0.05)
    alpha = np.exp(-1 / network.tau_m_ms[0])
    np.testing.assert_allclose(np.corrcoef(v[1:].ravel(), v[:-1].ravel())[0, 1], alpha, atol=0.01)
    apart = np.corrcoef(v.transpose(1, 2, 0).reshape(n * LANES, -1)) - np.eye(n * LANES)
    assert np.abs(apart).max() < 0.9


def test_noise_of_an_episode_follows_from_its_key():
    first, other = membrane_noise.noise_of(KEYS, 30, 4), membrane_noise.noise_of(KEYS[::-1], 30, 4)
    np.testing.assert_array_equal(first.reshape(30, LANES, 4)[:, ::-1], other.reshape(30, LANES, 4))
    assert len(np.unique(first)) == first.size


@pytest.mark.parametrize("tau_ms", [1.0, 4.0, 10.0])
def test_exponential_synapses_keep_the_area_of_the_postsynaptic_potential(network, tau_ms):
    network.synapses = network.synapses._replace(theta=0.1 * network.synapses.theta)
    steps, physics = 400, exponential_synapses.physics(network, tau_ms, KEYS, 0)
    spikes, reached = input_spikes(network, steps, lanes=1), network.synapses.target[network.synapses.source == 0]
    at_once, slow = (brian.replay(network, spikes, p).x[:, reached, 0] for p in (brian.FROZEN, physics))
    assert len(reached) > 1 and np.abs(at_once).max(axis=0).min() > 1e-6
    np.testing.assert_allclose(slow.sum(axis=0), at_once.sum(axis=0), rtol=1e-6)
    peak = np.abs(at_once).argmax(axis=0)
    assert np.all(np.abs(slow).argmax(axis=0) > peak) and np.all(np.abs(slow).max(axis=0) < np.abs(at_once).max(axis=0))


def test_a_synapse_of_one_target_follows_its_closed_form(network):
    network.synapses = network.synapses._replace(theta=0.1 * network.synapses.theta)
    steps, tau_ms, cell = 60, 5.0, 0
    physics = exponential_synapses.physics(network, tau_ms, KEYS, 0)
    trace = brian.replay(network, input_spikes(network, steps, 1, cell), physics)
    synapse = int(np.flatnonzero(network.synapses.source == cell)[0])
    target, delay = network.synapses.target[synapse], network.synapses.delay[synapse]
    weight = (network.signed_theta() * network.effect())[synapse]
    alpha, decay = np.exp(-1 / network.tau_m_ms[target]), np.exp(-1 / tau_ms)
    v, expected = 0.0, []
    for t in range(steps):
        age = t - 5 - delay
        current = weight * (1 - decay) * decay**age if age >= 0 else 0.0
        v = alpha * v + (1 - alpha) * current
        expected.append(v)
    np.testing.assert_allclose(trace.x[:, target, 0], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_every_strength_meets_the_same_mazes_and_strength_0_is_the_frozen_network(saved, sweep, tmp_path):
    out = tmp_path / "sweep.h5"
    run_sweep(sweep, saved, [0.0, sweep.strengths[-1]], 8, 3, out, "lsnn experiment")
    session_keys = episode_keys(3, TEST_BRANCH, 0, 8)
    with Result(out) as result:
        none, some = result.file["strength_00"], result.file["strength_01"]
        for name in ("strength_00", "strength_01", "oracle"):
            np.testing.assert_array_equal(result.file[name]["episode_key"][()], session_keys)
        assert not np.array_equal(none["position"][()], some["position"][()])
        np.testing.assert_array_equal(none["latent"][()], some["latent"][()])
        assert list(result.file["strength"][()]) == [0.0, sweep.strengths[-1]]
        found = frozen_positions(saved, session_keys)
        np.testing.assert_allclose(none["position"][()], found, atol=1e-6)


def frozen_positions(saved, keys):
    """Paths (8, T + 1, 2) of the compiled kernels in float64."""
    from runs.brian.agreement import _compiled, open_session

    states = _compiled(open_session(saved, len(keys), 3), keys).trace.task_state
    return states[..., :2].transpose(1, 0, 2)


@pytest.mark.parametrize("strengths", [[], [0.1, 0.2], [0.0, 0.2, 0.2], [0.0, float("nan")]])
def test_strengths_must_rise_from_0(saved, strengths, tmp_path):
    from lsnn.errors import InputError

    with pytest.raises(InputError, match="strengths must be finite and rise from 0 on, got"):
        run_sweep(membrane_noise.sweep(), saved, strengths, 8, 0, tmp_path / "sweep.h5", "x")
    assert not (tmp_path / "sweep.h5").exists()


def test_command_leaves_result_and_figure_and_prints_a_line_a_strength(saved, tmp_path, capsys):
    words = [saved, "--out", tmp_path / "noise", "--strength", "0", "--strength", "0.5", "--episodes", "8"]
    assert experiment("membrane-noise", *words) == 0
    out = tmp_path / "noise" / "membrane_noise.h5"
    assert out.is_file() and out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "trials 1 and 2" in said and "memory" in said
    assert_not_written_over(lambda: experiment("membrane-noise", *words), out, capsys)


def test_bad_numbers_are_named(saved, tmp_path, capsys):
    words = [saved, "--out", tmp_path / "noise", "--episodes", "0"]
    assert_one_line(experiment("exponential-synapses", *words), capsys, "--episodes must be >= 1, got 0")
    assert not (tmp_path / "noise").exists()
