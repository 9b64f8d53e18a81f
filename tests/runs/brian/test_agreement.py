"""`lsnn brian`: the result file of a frozen network in Brian2, and what is said when it differs."""

import h5py
import numpy as np
import pytest

from analysis.maze import path_of, visits_of
from lsnn import brian
from lsnn.errors import InputError
from lsnn.files.reading import text_attribute
from lsnn.files.results import Result
from lsnn.neurons import ALIF, LIF
from runs.brian import agreement as brian_run
from runs.brian.agreement import Agreement, run_brian
from tasks.water_maze.baselines import BASELINES

EPISODES, STEPS, SEED = 10, 200, 5


@pytest.fixture
def network(folder):
    return folder / "network.lsnn.h5"


@pytest.mark.parametrize("mode", ["replay", "closed-loop"])
def test_result_is_that_of_a_test_and_no_spike_differs(network, mode, tmp_path, capsys):
    out = tmp_path / "brian.h5"
    assert run_brian(network, mode, EPISODES, SEED, out, f"lsnn brian --mode {mode}") == 0
    assert "differing spikes: 0 of" in capsys.readouterr().out
    with Result(out) as result:
        assert set(result.conditions) == {"frozen", *BASELINES}
        frozen = result.conditions["frozen"]
        assert path_of(frozen, EPISODES - 1).shape == (STEPS + 1, 2)
        assert visits_of(frozen).sum() > 0
        assert frozen.checksums[0] == frozen.checksums[1] == result.provenance.network_sha256
        assert frozen.spike_trains.between(EPISODES - 1, 0, STEPS, len(result.network.population))[0].size > 0
        np.testing.assert_array_equal(frozen.episode_key, result.conditions["oracle"].episode_key)
        assert result.file["frozen"].attrs["differing_spikes"] == 0
        assert text_attribute(result.file["frozen"], "mode") == mode


def test_replay_and_closed_loop_write_the_same_numbers(network, tmp_path):
    files = [tmp_path / f"{mode}.h5" for mode in ("replay", "closed-loop")]
    for file in files:
        run_brian(network, file.stem, 8, SEED, file, "lsnn brian")
    with Result(files[0]) as replayed, Result(files[1]) as closed:
        for name in ("position", "reward", "spikes/time_ms", "spikes/neuron", "input_spikes/neuron"):
            np.testing.assert_array_equal(replayed.file["frozen"][name][()], closed.file["frozen"][name][()])
        np.testing.assert_allclose(replayed.file["frozen/traces/v"][()], closed.file["frozen/traces/v"][()], atol=1e-9)


def test_differing_spikes_end_in_exit_code_1(network, tmp_path, capsys, monkeypatch):
    forgetful = brian.Physics((LIF, ALIF._replace(reset="v -= (b0 + beta*b)*exp(dt/tau_m)")))
    exact = brian.replay
    monkeypatch.setattr(brian, "replay", lambda network, spikes: exact(network, spikes, forgetful))
    assert run_brian(network, "replay", 8, SEED, tmp_path / "brian.h5", "lsnn brian") == 1
    said = capsys.readouterr().out
    assert "differing spikes: " in said and "differing spikes: 0 of" not in said


def test_a_number_that_is_missing_ends_in_exit_code_1(network, tmp_path, capsys, monkeypatch):
    exact = brian.replay

    def with_a_hole(network, spikes):
        trace = exact(network, spikes)
        trace.x[20, -1, 2] = np.nan
        return trace

    monkeypatch.setattr(brian, "replay", with_a_hole)
    assert run_brian(network, "replay", 16, SEED, tmp_path / "brian.h5", "lsnn brian") == 1
    assert "differing spikes: 0 of" in (said := capsys.readouterr().out) and "b nan" in said


@pytest.mark.parametrize("name", ["v", "b", "place"])
def test_a_missing_number_stays_in_the_sum_of_agreements(name):
    holes = [Agreement(**{name: np.nan}).joined(Agreement()), Agreement().joined(Agreement(**{name: np.nan}))]
    assert not any(agreement.holds for agreement in holes)
    assert Agreement(spikes=3, v=1e-9).joined(Agreement()).holds
    assert not Agreement(differing=1).joined(Agreement()).holds


def test_standalone_without_a_compiler_runs_and_says_so(network, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(brian, "missing_for_standalone", lambda: "g++")
    assert run_brian(network, "standalone", 8, SEED, tmp_path / "brian.h5", "lsnn brian") == 0
    said = capsys.readouterr().out
    assert "C++ standalone needs g++" in said and "replay, float64" in said
    with h5py.File(tmp_path / "brian.h5") as file:
        assert file["frozen"].attrs["mode"] == b"replay"


@pytest.mark.long
@pytest.mark.skipif(brian.missing_for_standalone() is not None, reason="needs a C++ compiler and make")
def test_standalone_repeats_every_spike(network, tmp_path):
    assert run_brian(network, "standalone", EPISODES, SEED, tmp_path / "brian.h5", "lsnn brian") == 0


@pytest.mark.parametrize(
    ("mode", "episodes", "message"),
    [
        ("backwards", 8, "--mode must be one of replay, closed-loop, standalone, got 'backwards'"),
        ("replay", 0, "--episodes must be >= 1, got 0"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(network, mode, episodes, message, tmp_path):
    out = tmp_path / "brian.h5"
    with pytest.raises(InputError, match=message):
        run_brian(network, mode, episodes, SEED, out, "lsnn brian")
    assert not out.exists()


def test_agreement_adds_counts_and_keeps_the_largest_difference():
    joined = Agreement(5, 1, 0.1, 0.4, 0.0, 2).joined(Agreement(7, 0, 0.3, 0.2, 0.5, 1))
    assert joined == Agreement(12, 1, 0.3, 0.4, 0.5, 3)


def test_compare_leaves_out_lanes_that_only_fill_a_block(network):
    session = brian_run.open_session(network, 8, SEED)
    pair = next(brian_run._pairs(session, "replay"))
    pair.found.record.spikes[10, 0] ^= np.uint8(1 << 7)
    assert brian_run.compare(session.file.network, pair, 7).differing == 0
    assert brian_run.compare(session.file.network, pair, 8).differing == 1
