"""Recall after dark: counts held against the trials of `lsnn test`, kinds told apart, messages."""

import shutil

import h5py
import numpy as np
import pytest

from analysis import store_recall_dark as analysis
from lsnn.files.results import Result
from runs.experiments import store_recall_dark
from runs.experiments.options import PRETRAINED
from tasks.store_recall import StoreRecall
from tests.runs.refusals import assert_one_line, experiment, saved_again

ADAPTIVE, LIF = PRETRAINED / "store_recall.lsnn.h5", PRETRAINED / "store_recall_lif.lsnn.h5"
EPISODES = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("dark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_recall_dark, "DARKS_MS", (0, 300))
        words = ["--episodes", EPISODES, "--threads", 1, "--out", out]
        assert experiment("store-recall-dark", ADAPTIVE, LIF, saved_again(ADAPTIVE, out), *words) == 0
    return out


def test_every_dark_asks_the_recalls_of_the_same_streams(folder):
    task = StoreRecall(delay_min=20, delay_max=20)
    with h5py.File(folder / "store_recall_dark.h5") as file:
        keys, recalls = file["episode_key"][:], []
        for key in keys:
            slots = [slot.y for _, slot in zip(range(task.duration_ms // task.slot_ms), task.stream(key), strict=False)]
            recalls.append(sum(y is not None for y in slots))
        for name in ("network_0", "network_1", "network_2"):
            np.testing.assert_array_equal(file[name]["asked"][:], [recalls, recalls])
            assert np.all(file[name]["wrong"][:] <= file[name]["asked"][:])
        np.testing.assert_array_equal(file["network_0"]["wrong"][:], file["network_2"]["wrong"][:])
        assert file["network_0"]["wrong"][0].sum() < 0.2 * sum(recalls)  # it has learnt this, and not the dark
        assert file["network_0"]["wrong"][1].sum() > file["network_0"]["wrong"][0].sum()


def test_networks_are_told_apart_by_what_they_were_trained_with(folder):
    with Result(folder / "store_recall_dark.h5") as result:
        darks, kinds = analysis.errors(result)
    assert list(darks) == [0, 300]
    assert {kind.label: len(networks) for kind, networks in kinds.items()} == {
        "adaptive thresholds, trained with no dark": 2,
        "LIF only, trained with no dark": 1,
    }
    said = analysis.describe(folder / "store_recall_dark.h5").splitlines()
    assert len(said) == 4 and said[1] == said[2] != said[3]


def test_a_network_of_another_task_is_refused(tmp_path, capsys):
    code = experiment("store-recall-dark", ADAPTIVE, PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path)
    assert_one_line(code, capsys, "bandit.lsnn.h5: must be a network for store-recall, got bandit")


def test_a_file_without_networks_has_no_figure(folder, tmp_path):
    shutil.copy(folder / "store_recall_dark.h5", tmp_path / "none.h5")
    with h5py.File(tmp_path / "none.h5", "r+") as file:
        for name in ("network_0", "network_1", "network_2"):
            del file[name]
    with pytest.raises(Exception, match="none.h5"):
        analysis.describe(tmp_path / "none.h5")
