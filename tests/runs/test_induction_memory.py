"""Induction by tokens back and after dark: counts held against the stream, kinds told apart, messages."""

import h5py
import numpy as np
import pytest

from analysis import induction_memory as analysis
from lsnn.files.results import Result
from runs.experiments import induction_memory
from runs.experiments.options import PRETRAINED
from runs.training.train import Budget, fresh_run, train
from tasks.experiment import overridden, preset
from tasks.induction import Induction
from tasks.induction.task import PAIRS
from tests.runs.refusals import assert_one_line, experiment

EPISODES = 12
SMALL = ("network.n_excitatory=4", "network.n_inhibitory=4", "network.n_adaptive=4", "learning.episodes=8",
         "task.token_ms=5", "task.answer_ms=2")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment on two networks that have learnt next to nothing."""
    out, networks = tmp_path_factory.mktemp("memory"), []
    for name, settings in (("compact", ()), ("strict", ("network.beta=0", "task.dark_ms=20"))):
        run = fresh_run(overridden(preset("induction", name), (*SMALL, *settings)), 0, "lsnn train")
        networks.append(train(run, Budget(iterations=1), tmp_path_factory.mktemp(name), 1)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(induction_memory, "DARKS_MS", (0, 30))
        words = ["--episodes", EPISODES, "--threads", 1, "--out", out]
        assert experiment("induction-memory", *networks, *words) == 0
    return out


def test_every_dark_asks_the_queries_of_the_same_episodes(folder):
    with h5py.File(folder / "induction_memory.h5") as file:
        pairs = Induction().starts(file["episode_key"][:])[:, PAIRS]
        for name in ("network_0", "network_1"):
            right, asked = file[name]["right"][:], file[name]["asked"][:]
            np.testing.assert_array_equal(asked.sum(axis=1), [pairs, pairs])
            assert np.all(right <= asked) and right.sum() > 0 and not asked[:, :2].any()
            np.testing.assert_array_equal(asked[0], asked[1])


def test_networks_are_told_apart_by_what_they_were_trained_with(folder):
    with Result(folder / "induction_memory.h5") as result:
        darks, kinds = analysis.answers(result)
    assert list(darks) == [0, 30]
    assert [kind.label for kind in kinds] == ["previous token shown", "strict, LIF only, trained with 20 ms of dark"]
    ((network,), _) = kinds.values()
    at, share = network.by_tokens()
    assert at[0] == 2 and at[-1] <= 11
    assert network.at_dark(0).value == pytest.approx(
        np.sum(share * network.asked[0].sum(axis=1)[at]) / network.asked[0].sum()
    )
    said = analysis.describe(folder / "induction_memory.h5").splitlines()
    assert len(said) == 5 and said[1].startswith("previous token shown: by tokens back 2: ")


def test_a_network_of_another_task_is_refused(tmp_path, capsys):
    code = experiment("induction-memory", PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path)
    assert_one_line(code, capsys, "bandit.lsnn.h5: must be a network for induction, got bandit")


def test_a_file_without_networks_has_no_figure(folder, tmp_path):
    (tmp_path / "none.h5").write_bytes((folder / "induction_memory.h5").read_bytes())
    with h5py.File(tmp_path / "none.h5", "r+") as file:
        del file["network_0"], file["network_1"]
    with pytest.raises(Exception, match="none.h5"):
        analysis.describe(tmp_path / "none.h5")
