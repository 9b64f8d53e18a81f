"""The test of a frozen network: same mazes for all, weights untouched, a whole result file."""

import json

import h5py
import numpy as np
import pytest

from analysis.maze import platform_radius, visits_of
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.files.network_file import load_network, network_sha256
from lsnn.files.reading import text_attribute
from lsnn.files.results import Result
from lsnn.gym_blocks import silence
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.network import NetworkConfig
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.testing.conditions import NETWORKS, chosen_conditions, keys_of_test
from runs.testing.result_file import TRACED, threshold_beta
from runs.testing.run import RANKS, recorded_episodes, run_test
from tasks.experiment import open_network
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import swim
from tasks.water_maze.dynamics import TRIAL
from tasks.water_maze.family import FAMILY, steps_to_release
from tests.runs.tiny import tiny

EPISODES, STEPS, SEED = 12, 200, 5


def result_of(folder, path, threads=2, names=tuple(NETWORKS), recorded=9, episodes=EPISODES):
    file, experiment = open_network(folder / "network.lsnn.h5")
    run_test(path, file, experiment, names, SEED, "lsnn test", episodes, recorded, threads)
    return path


@pytest.fixture(scope="module")
def path(folder, tmp_path_factory):
    return result_of(folder, tmp_path_factory.mktemp("result") / "result.h5")


@pytest.fixture
def result(path):
    with h5py.File(path) as file:
        yield file


def blocks_of(folder, keys):
    """The frozen network's own roll-outs, mean action, from the kernels alone."""
    file, experiment = open_network(folder / "network.lsnn.h5")
    for part in keys.reshape(-1, 8):
        block = Block(experiment.task, file.network, STEPS, keep_states=True)
        block.begin(experiment.task, part)
        yield block, file.network.weights(), np.full(2, -np.inf)


# The file

KNOWN = (*NETWORKS, *FAMILY.baselines_of(FAMILY.task()))


def test_every_condition_is_there_with_its_arrays(result):
    assert set(KNOWN) == {name for name in result if name not in ("network", "history")}
    for name in KNOWN:
        group = result[name]
        kept = len(group["recorded_episode"])
        shapes = {key: group[key].shape for key in ("latent", "position", "action", "reward", "episode_key")}
        assert shapes == {
            "latent": (EPISODES, 3),
            "position": (kept, STEPS + 1, 2),
            "action": (kept, STEPS, 2),
            "reward": (kept, STEPS),
            "episode_key": (EPISODES,),
        }
        assert ("value" in group) == (name in NETWORKS)
        assert ("policy" in group.attrs) == (name in NETWORKS)


def test_every_data_set_has_units_and_a_description(result):
    bare = []
    result.visititems(
        lambda name, item: (
            bare.append(name)
            if isinstance(item, h5py.Dataset) and not {"units", "description"} <= set(item.attrs)
            else None
        )
    )
    assert bare == []


def test_analysis_reads_all_of_it(path):
    with Result(path) as result:
        assert tuple(result.conditions) == KNOWN
        assert result.provenance.config == json.loads(json.dumps(tiny().as_mapping()))
        assert result.network.labels == ("LIF", "adaptive")  # without Dale's law
        assert sum(size for _, size in result.network.input_channels) == tiny().task.encoder.n_inputs
        assert len(result.history["visits"]) == 2
        assert platform_radius(result) == 0.6
        assert result["frozen"].position.axis.values.tolist() == ["x", "y"]
        assert [measure.name for measure in result.about.history] == ["visits", "first_latency_ms", "later_latency_ms"]
        for condition in result.conditions.values():
            assert len(condition.trials) >= EPISODES
            rewarded = np.count_nonzero(condition.group["reward"][()] > 0.5, axis=1)
            np.testing.assert_array_equal(visits_of(condition)[condition.recorded], rewarded)


def test_all_conditions_meet_the_same_mazes_and_first_starts(result):
    frozen = result["frozen"]
    np.testing.assert_array_equal(frozen["episode_key"], episode_keys(SEED, TEST_BRANCH, 0, EPISODES))
    for name in KNOWN:
        for key in ("episode_key", "latent"):
            np.testing.assert_array_equal(result[name][key], frozen[key])
        np.testing.assert_array_equal(result[name]["position"][:, 0], frozen["position"][:, 0])


def test_starts_of_later_trials_are_the_same_whatever_came_before(result):
    starts: dict = {}
    for name in KNOWN:
        for row in result[name]["trials"]:
            place = (row["start_x"], row["start_y"])
            assert starts.setdefault((row["episode"], row["trial"]), place) == place
    assert max(trial for _, trial in starts) > 1


def test_recorded_are_the_first_episodes_and_those_at_the_quantiles_of_the_score(result):
    for name in KNOWN:
        np.testing.assert_array_equal(result[name]["recorded_episode"], result["frozen/recorded_episode"])
    found = np.bincount(result["frozen/trials"]["episode"], result["frozen/trials"]["found"], EPISODES)
    ranked = np.argsort(found, kind="stable")[[round(rank * (EPISODES - 1)) for rank in RANKS]]
    recorded = result["frozen/recorded_episode"][()]
    np.testing.assert_array_equal(recorded, np.union1d(np.arange(9), ranked))


def test_only_the_episodes_asked_for_keep_their_spikes(result):
    assert "spikes" not in result["state_reset"]
    for name in ("spikes", "input_spikes"):
        group = result["frozen"][name]
        np.testing.assert_array_equal(group["episode"], result["frozen/recorded_episode"])
        np.testing.assert_array_equal(group["episode"][:9], np.arange(9))
        assert group["episode_offsets"][-1] == len(group["time_ms"]) == len(group["neuron"]) > 0


def test_number_of_episodes_need_not_fill_blocks(folder, path, tmp_path):
    few = result_of(folder, tmp_path / "few.h5", names=["frozen"], episodes=3)
    with h5py.File(few) as part, h5py.File(path) as whole:
        np.testing.assert_array_equal(part["frozen"]["recorded_episode"], np.arange(3))
        np.testing.assert_array_equal(part["frozen"]["position"], whole["frozen"]["position"][:3])
        assert "state_reset" not in part and "oracle" in part


# What was run


def test_weights_are_untouched(folder, result):
    network = load_network(folder / "network.lsnn.h5").network
    sha = network_sha256(network)
    for name in NETWORKS:
        before, after = (text_attribute(result[name], f"frozen_sha256_{when}") for when in ("before", "after"))
        assert before == after
        assert (before == sha) == (name != "untrained")
    assert text_attribute(result, "frozen_sha256") == sha


def test_weights_cannot_be_written_to(folder):
    weights = load_network(folder / "network.lsnn.h5").network.weights()
    for array in (array for part in weights for array in part):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_frozen_is_the_mean_action_of_the_network(folder, result):
    for number, (block, weights, mean) in enumerate(blocks_of(folder, keys_of_test(SEED, 16))):
        block.roll_out(weights, mean)
        recorded = result["frozen/recorded_episode"][()]
        rows = np.flatnonzero(recorded // 8 == number)
        lanes = recorded[rows] - 8 * number
        assert len(rows)
        for name, array in (("action", block.trace.action), ("reward", block.trace.reward)):
            expected = array.swapaxes(0, 1)[lanes].astype(np.float32)
            np.testing.assert_array_equal(result["frozen"][name][rows], expected)
        np.testing.assert_array_equal(block.record.y[:, :2].transpose(2, 0, 1)[lanes], result["frozen"]["action"][rows])
        np.testing.assert_array_equal(block.record.y[:, 2].T[lanes], result["frozen"]["value"][rows])


def test_sampled_actions_scatter_about_the_mean(result):
    assert text_attribute(result["frozen_sampled"], "policy") == "sampled"
    first = result["frozen_sampled"]["action"][:, 0] - result["frozen"]["action"][:, 0]
    assert 0.3 < first.std() < 1.2


def test_untrained_is_the_network_of_the_same_seed(folder, result):
    _, experiment = open_network(folder / "network.lsnn.h5")
    network = new_network(experiment.task, experiment.network, experiment.learning, 0)
    assert text_attribute(result["untrained"], "frozen_sha256_before") == network_sha256(network)


def test_state_reset_is_a_network_that_starts_anew_with_every_trial(folder, result):
    """Against a step-by-step run in which the state is zeroed by hand."""
    block, weights, mean = next(blocks_of(folder, keys_of_test(SEED, 8)))
    for _ in range(STEPS):
        trial = block.task_state[:, TRIAL].copy()
        block.roll_out(weights, mean, steps=1)
        for lane in np.flatnonzero(block.task_state[:, TRIAL] > trial):
            for array in block.state:
                array[..., lane] = 0
    assert block.task_state[:, TRIAL].max() > 1
    expected = block.trace.action.transpose(1, 0, 2).astype(np.float32)
    np.testing.assert_array_equal(result["state_reset"]["action"][:8], expected)
    assert not np.array_equal(expected, result["frozen"]["action"][:8])


def test_only_the_lanes_set_down_are_zeroed(folder):
    block, weights, mean = next(blocks_of(folder, keys_of_test(SEED, 8)))
    block.roll_out(weights, mean, steps=60)
    before = [array.copy() for array in block.state]
    lanes = np.array([False, True, False, False, True, False, False, False])
    silence(block.state, lanes)
    for array, old in zip(block.state, before, strict=True):
        assert not array[..., lanes].any() and old[..., lanes].any()
        np.testing.assert_array_equal(array[..., ~lanes], old[..., ~lanes])


@pytest.mark.parametrize(
    "task", [WaterMaze(duration_ms=300), WaterMaze(duration_ms=300, rest_ms=7, dark_ms=5, reversal_ms=120)]
)
def test_no_animal_is_set_down_before_the_bound(task):
    """For the quickest baseline, the next release comes after exactly as many steps as the bound says, or never."""
    states = swim("oracle", keys_of_test(1, 8), task).task_state
    exact = 0
    for episode in states:
        set_down = np.flatnonzero(np.diff(episode[:, TRIAL])) + 1
        for t in range(0, 300, 3):
            later = set_down[set_down > t]
            bound = steps_to_release(task, episode[t : t + 1])[0]
            assert bound >= 1
            if len(later):
                assert later[0] - t >= bound
                exact += later[0] - t == bound
    assert exact > 100


# What is recorded


def test_spikes_are_those_of_the_network(folder, result):
    block, weights, mean = next(blocks_of(folder, keys_of_test(SEED, 8)))
    block.roll_out(weights, mean)
    for name, bits in (("spikes", block.record.spikes), ("input_spikes", block.record.input_spikes)):
        group = result["frozen"][name]
        first, last = group["episode_offsets"][5:7]
        expected = np.nonzero(bits >> 5 & 1)
        np.testing.assert_array_equal(group["time_ms"][first:last], expected[0])
        np.testing.assert_array_equal(group["neuron"][first:last], expected[1])


def test_neurons_spike_where_their_trace_exceeds_the_threshold(result):
    traces, spikes, network = result["frozen/traces"], result["frozen/spikes"], result["network"]
    threshold = network["b0"][()] + network["beta"][()] * traces["b"][()]
    above = traces["v"][()] > threshold
    assert 1 < len(traces["episode"]) <= TRACED
    for window, (episode, start) in enumerate(zip(traces["episode"], traces["start_ms"], strict=True)):
        row = int(np.flatnonzero(spikes["episode"][()] == episode)[0])
        first, last = spikes["episode_offsets"][row : row + 2]
        time, neuron = spikes["time_ms"][first:last] - start, spikes["neuron"][first:last]
        inside = (time >= 0) & (time < above.shape[1])
        assert inside.any() and above[window, time[inside], neuron[inside]].all()


def test_windows_hold_the_first_visit(result):
    trials, traces = result["frozen/trials"][()], result["frozen/traces"]
    for episode, start in zip(traces["episode"], traces["start_ms"], strict=True):
        first = trials[(trials["episode"] == episode) & (trials["trial"] == 0)][0]
        assert first["found"] and start <= first["start_ms"] + first["latency_ms"] <= start + traces["v"].shape[1]


def test_neurons_that_do_not_adapt_have_no_b(result):
    b, population = result["frozen/traces/b"][()], result["network/population"][()]
    assert not b[..., population < 2].any() and b[..., population == 2].any()


def test_beta_of_a_result_is_of_neurons_with_that_threshold():
    """Figures and NWB take b0 + beta b for the threshold; a model with another one has none there."""
    networks = {
        name: new_network(WaterMaze(), NetworkConfig(adaptive_model=name), LearningConfig(), seed=0)
        for name in ("alif", "exponential", "alif2", "sfa", "adex")
    }
    shown = {name: bool(threshold_beta(network).any()) for name, network in networks.items()}
    assert shown == {"alif": True, "exponential": True, "alif2": False, "sfa": False, "adex": False}


def test_threads_do_not_change_the_bits(folder, path, tmp_path):
    with h5py.File(path) as two, h5py.File(result_of(folder, tmp_path / "one.h5", threads=1)) as one:
        names: list[str] = []
        two.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 60
        for name in names:
            assert one[name][()].tobytes() == two[name][()].tobytes(), name


# Bad input


def test_conditions_are_chosen_by_name():
    task = WaterMaze()
    assert chosen_conditions([], task) == list(NETWORKS)
    assert chosen_conditions(["untrained", "oracle", "frozen"], task) == ["frozen", "untrained"]
    with pytest.raises(InputError, match="--condition must be one of frozen, .* got 'thawed'"):
        chosen_conditions(["thawed"], task)


def test_recorded_are_all_or_a_number():
    assert [recorded_episodes(text) for text in ("8", "0", "900")] == [8, 0, 900]
    assert recorded_episodes("all") > 10**9
    for text in ("-1", "some", "1.5"):
        with pytest.raises(InputError, match=f"--record must be 'all' or a number of episodes, got '{text}'"):
            recorded_episodes(text)
