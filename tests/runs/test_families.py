"""Every other family through the whole pipeline: meta-train, freeze, test, report; and what the tests measure."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO
from typer.testing import CliRunner

import lsnn
from analysis.movie import write_movie
from analysis.nwb import write_nwb
from analysis.pages import angle_recall
from analysis.report import write_report
from lsnn.blocks import Block
from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError
from lsnn.files.network_file import network_sha256
from lsnn.meta import MetaLearner, new_network
from runs.cli import main
from runs.experiments.options import PRETRAINED
from runs.output.headline import print_headline
from runs.testing.conditions import NETWORKS, chosen_conditions, keys_of_test
from runs.testing.run import RANKS, run_test
from runs.training.train import Budget, fresh_run, train
from tasks import registry
from tasks.bandit import Bandit
from tasks.bandit.baselines import play
from tasks.bandit.task import last_steps
from tasks.experiment import experiment_of, open_network, overridden, preset
from tasks.regression import Regression
from tasks.store_recall import StoreRecall
from tests.runs.refusals import assert_one_line, experiment

SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=8", "learning.episodes=16")
SHORT = {
    "bandit": ("task.trials=8", "task.trial_ms=10"),
    "harlow": ("task.phase_ms=8",),
    "regression": ("task.samples=22", "task.sample_ms=10"),
    "angle-recall": ("task.show_ms=20", "task.dark_ms_min=5", "task.dark_ms=20", "task.cue_ms=20", "task.answer_ms=10"),
    "store-recall": ("task.slot_ms=20", "task.answer_ms=10", "task.delay_max=3", "task.duration_ms=400"),
    "induction": ("task.token_ms=10", "task.answer_ms=5"),
    "graph-walk": ("task.visit_ms=10", "task.answer_ms=5", "task.visits=20"),
}
EPISODES = 12
every_family = pytest.mark.parametrize("task", SHORT)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Path]:
    """The folder of each family: network.lsnn.h5 of two iterations and result.h5."""
    folders = {}
    for task, settings in SHORT.items():
        folders[task] = tmp_path_factory.mktemp(task)
        experiment = overridden(preset(task), (*SMALL, *settings))
        network, _ = train(fresh_run(experiment, 0, "lsnn train"), Budget(iterations=2), folders[task], 1)
        file, experiment = open_network(network)
        path, names = folders[task] / "result.h5", chosen_conditions([], experiment.task)
        run_test(path, file, experiment, names, 1, "lsnn test", EPISODES, 2, threads=1)
    return folders


def test_every_family_has_its_test_and_presets():
    for task in registry.names():
        family = registry.family(task)
        assert set(family.network_conditions(family.task())) <= set(NETWORKS)
        assert family.task.name == task and "compact" in family.presets


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in SHORT for name in registry.family(task).presets])
def test_configurations_survive_being_written(task, name):
    experiment = preset(task, name)
    assert experiment_of(experiment.as_mapping()) == experiment
    assert from_mapping(type(experiment.task.encoder), to_mapping(experiment.task.encoder), "encoder")


@every_family
def test_weights_are_untouched_and_spikes_kept(results, task):
    sha = network_sha256(open_network(results[task] / "network.lsnn.h5")[0].network)
    found = {}

    def look(name, item):
        if "frozen_sha256_before" in item.attrs:
            found[name] = (item.attrs["frozen_sha256_before"].decode(), item.attrs["frozen_sha256_after"].decode())

    with h5py.File(results[task] / "result.h5") as result:
        result.visititems(look)
        spikes = [name for name in found if "spikes" in result[name]]
        assert all(2 < len(result[name]["spikes/episode"]) <= 2 + len(RANKS) for name in spikes)
        assert all(set(result[name]["spikes/episode"]) >= {0, 1} for name in spikes)
    assert all(before == after for before, after in found.values())
    assert {name for name, pair in found.items() if pair[0] != sha} == {name for name in found if "untrained" in name}
    assert {name.split("/")[0] for name in spikes} == {"frozen"}


@every_family
def test_every_data_set_has_units_and_a_description(results, task):
    bare = []
    with h5py.File(results[task] / "result.h5") as result:
        result.visititems(
            lambda name, item: (
                bare.append(name)
                if isinstance(item, h5py.Dataset) and not {"units", "description"} <= set(item.attrs)
                else None
            )
        )
    assert bare == []


@every_family
def test_report_and_headline(results, task, tmp_path, capsys):
    page = write_report(results[task] / "result.h5", tmp_path)
    print_headline(results[task] / "result.h5")
    text, figures = page.read_text(), sorted(path.stem for path in tmp_path.glob("*.png"))
    assert text.count("data:image/png;base64,") == len(figures) >= 2 and "learning_curve" in figures
    assert 'src="http' not in text and "changed:" not in text
    printed = capsys.readouterr().out
    assert "frozen network" in printed and any(word in printed for word in ("  met ", "  NOT MET ", "  undecided "))


@every_family
def test_recorded_episodes_are_exported_with_all_that_is_measured(results, task, tmp_path):
    write_nwb(results[task] / "result.h5", tmp_path / "out.nwb")
    with lsnn.open_result(results[task] / "result.h5") as result, NWBHDF5IO(str(tmp_path / "out.nwb"), "r") as source:
        frozen, content = next(iter(result["frozen"].variants.values()), result["frozen"]), source.read()
        trials = frozen.trials[frozen.trials["episode"].isin(frozen.recorded)]
        assert len(content.trials) == len(trials) and len(content.units) == len(result.network.population)
        for column in set(frozen.trials) - {"trial", "start_ms", "end_ms"}:
            np.testing.assert_array_equal(content.trials[column][:], trials[column])
        assert set(content.processing["behavior"].data_interfaces) == set(frozen.recordings)


@every_family
def test_a_movie_is_of_mazes_alone(results, task, tmp_path):
    with pytest.raises(InputError, match=f"a movie is made of swim paths in the water maze, not of {task}"):
        write_movie(results[task] / "result.h5", tmp_path / "film.gif")


def test_a_test_without_the_frozen_network_ends_well(results, tmp_path):
    words = ["test", str(results["bandit"] / "network.lsnn.h5"), "--condition", "state_reset", "--episodes", "8"]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "r.h5")])
    assert done.exit_code == 0, done.output
    assert "frozen, state reset" in done.stdout and "frozen network" not in done.stdout


@pytest.mark.parametrize("words", [("--seed", "-1"), ("--episodes", "0"), ("--threads", "0")])
def test_bad_numbers_of_the_experiments_are_named(words, tmp_path, capsys):
    code = experiment("bandit-regret", "--out", tmp_path / "out", *words)
    assert_one_line(code, capsys, f"{words[0]} must be >= ")
    assert not (tmp_path / "out").exists()


def test_an_experiment_writes_over_no_figure(tmp_path, capsys):
    (tmp_path / "bandit_regret.png").write_bytes(b"mine")
    assert_one_line(experiment("bandit-regret", "--out", tmp_path), capsys, "bandit_regret.png")
    assert [path.name for path in tmp_path.iterdir()] == ["bandit_regret.png"]


def test_bandit_players_and_network_meet_the_same_arms(results):
    file, experiment = open_network(results["bandit"] / "network.lsnn.h5")
    keys = keys_of_test(1, EPISODES)
    with h5py.File(results["bandit"] / "result.h5") as result:
        for arms in ("independent", "anti_correlated"):
            task = replace(experiment.task, arms=arms)
            arm = result[f"thompson/{arms}/trials"]["arm"].reshape(EPISODES, -1)
            np.testing.assert_array_equal(arm, play("thompson", keys, task).choice)
            for name in ("frozen", "untrained", "oracle"):
                np.testing.assert_array_equal(result[f"{name}/{arms}/latent"], task.probabilities(keys))
        block = Block(experiment.task, file.network, experiment.task.duration_ms)
        block.begin(experiment.task, keys[:8])
        block.roll_out(file.network.weights(), np.full(1, -np.inf))
        likeliest = block.record.y[last_steps(experiment.task), :2].argmax(axis=1).T
        arm = result["frozen/independent/trials"]["arm"].reshape(EPISODES, -1)
        np.testing.assert_array_equal(arm[:8], likeliest)


def test_regression_result_has_predictions_of_the_readout(results):
    file, experiment = open_network(results["regression"] / "network.lsnn.h5")
    task, keys = experiment.task, keys_of_test(1, 8)
    block = Block(task, file.network, task.duration_ms)
    block.begin(task, keys)
    block.roll_out(file.network.weights(), np.zeros(1))
    with h5py.File(results["regression"] / "result.h5") as result:
        read = np.arange(task.samples) * 10 + 9
        frozen, squares = (result[name]["trials"][()].reshape(EPISODES, -1) for name in ("frozen", "least_squares"))
        np.testing.assert_allclose(frozen["prediction"][:8], block.record.y[read, 0].T, rtol=1e-6)
        np.testing.assert_array_equal(frozen["y"][:8], task.examples(keys)[1])
        assert np.mean(squares["squared_error"][:, 10:]) < 1e-12
        scored = task.metrics(block.trace.reward.T, block.trace.acted.T)
        assert scored["error"] == pytest.approx(np.mean(frozen["squared_error"][:8]), rel=1e-5)


def test_state_reset_forgets_what_came_before_the_slot(results):
    """With the state zeroed before every slot, the answer is the one of a network that met nothing but that RECALL."""
    file, experiment = open_network(results["store-recall"] / "network.lsnn.h5")
    task, keys = experiment.task, keys_of_test(1, 8)
    block = Block(task, file.network, task.duration_ms)
    block.begin(task, keys)
    for _ in range(task.duration_ms // task.slot_ms):
        for array in block.state:
            array[...] = 0
        block.roll_out(file.network.weights(), np.zeros(1), steps=task.slot_ms)
    with h5py.File(results["store-recall"] / "result.h5") as result:
        rows = result["state_reset/trials"][()]
        rows = rows[rows["episode"] < 8]
        np.testing.assert_array_equal(rows["answer"], block.record.y[rows["end_ms"] - 1, 0, rows["episode"]])
        assert len(rows) > 8 and not np.array_equal(rows["answer"], result["frozen/trials"][: len(rows)]["answer"])


@pytest.mark.parametrize(
    ("task", "iterations", "share"),
    [(StoreRecall(slot_ms=50, answer_ms=25, delay_max=3, duration_ms=600), 40, 0.3), (Regression(samples=6), 60, 0.5)],
)
def test_squared_error_teaches_a_small_network(task, iterations, share):
    """The error falls to a share of what it was: chance in store and recall."""
    experiment = preset(task.name)
    network = replace(experiment.network, n_excitatory=20, n_inhibitory=10, n_adaptive=20, connectivity=1.0)
    learner = MetaLearner(
        task, new_network(task, network, experiment.learning, 0), replace(experiment.learning, episodes=32), 0, 1
    )
    rows = [learner.step() for _ in range(iterations)]
    first, last = (np.mean([row["error"] for row in part]) for part in (rows[:3], rows[-5:]))
    assert last < share * first


def test_bandit_policy_gradient_counts_decisions_only():
    """The likelihood of steps that pull no arm has no gradient."""
    experiment = overridden(preset("bandit"), (*SMALL, *SHORT["bandit"]))
    assert isinstance(experiment.task, Bandit)
    learner = MetaLearner(experiment.task, fresh_run(experiment, 0, "").network, experiment.learning, 0, 1)
    learner.step()
    for block in learner.blocks:
        acted = np.zeros(experiment.task.duration_ms, bool)
        acted[last_steps(experiment.task)] = True
        np.testing.assert_array_equal(block.trace.acted, np.repeat(acted[:, None], 8, axis=1))


SHIPPED = {
    "bandit": "bandit", "regression_sine": "regression",
    "store_recall": "store-recall", "store_recall_lif": "store-recall",
    "angle_recall": "angle-recall", "angle_recall_lif": "angle-recall", "angle_recall_slow": "angle-recall",
}  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_are_small_and_whole(name):
    path = PRETRAINED / f"{name}.lsnn.h5"
    file, experiment = open_network(path)
    assert path.stat().st_size < 3e6 and experiment.task.name == SHIPPED[name]
    assert file.history is not None and file.command.startswith(f"lsnn train {SHIPPED[name]} --iterations ")


def test_shipped_network_recalls():
    """The network of the clone on 16 episodes: hardly an error; without its adaptation it guesses."""
    file, experiment = open_network(PRETRAINED / "store_recall.lsnn.h5")
    task, keys = experiment.task, keys_of_test(0, 16).reshape(-1, 8)
    rows = {}
    for kept in (True, False):
        reward, acted = [], []
        for part in keys:
            block = Block(task, file.network, task.duration_ms)
            block.begin(task, part)
            for _ in range(task.duration_ms // task.slot_ms):
                block.roll_out(file.network.weights(), np.zeros(1), steps=task.slot_ms)
                if not kept:
                    block.state.x[file.network.config.n_neurons :] = 0
            reward.append(block.trace.reward.T.copy())
            acted.append(block.trace.acted.T.copy())
        rows[kept] = task.metrics(np.concatenate(reward), np.concatenate(acted))["error"]
    assert rows[True] < 0.1 and rows[False] > 0.25


def test_the_page_of_angle_recall_has_its_errors_by_dark(results):
    """At each of the four darks the mean over trials; 12 episodes decide about neither bar."""
    with lsnn.open_result(results["angle-recall"] / "result.h5") as result:
        curve = angle_recall.by_dark(result, result["frozen"])
        darks = ("dark_200", "dark_500", "dark_1000", "dark_2000")
        errors = [result["frozen"].variants[name].trials["error_deg"].mean() for name in darks]
        np.testing.assert_allclose(curve[:, :2], np.stack([[0.2, 0.5, 1.0, 2.0], errors], axis=1))
        assert np.all((curve[:, 2] <= curve[:, 1]) & (curve[:, 1] <= curve[:, 3]))
        page = angle_recall.page(result)
        assert [drawing.name for drawing in page.drawings] == ["retention", "learning_curve"]
        assert [criterion.met for criterion in page.criteria[-2:]] == [None, None]
        assert page.criteria[-1].rule == "circular error of at most 10 deg, dark 1000 ms"
        lines = {line.get_label(): line.get_ydata() for line in angle_recall.retention(result).axes[0].lines}
        np.testing.assert_allclose(lines["frozen network"], errors)
