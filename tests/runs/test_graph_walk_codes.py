"""The experiment graph-walk: codes of position on made maps, counts held against the trials, figure and messages."""

import h5py
import numpy as np
import pytest

pytest.importorskip("equinox")
pytest.importorskip("optax")

from agents.config import AgentConfig, AgentExperiment
from agents.files import save_agent
from agents.networks import new_agent
from agents.playing import played_by
from analysis import graph_walk as analysis
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from runs.experiments.graph_walk.codes import (
    LEAST_VISITS,
    NINETY,
    SIXTY,
    autocorrelograms,
    codes_of,
    correlation,
    explained,
    gridness,
    information,
)
from runs.experiments.graph_walk.measuring import MAP_SIDE, SIDES, of_side
from runs.experiments.options import PRETRAINED
from tasks.experiment import overridden, preset
from tasks.graph_walk import FAMILY, GraphWalk
from tests.runs.refusals import assert_one_line, experiment

EPISODES = 24
TASK = GraphWalk(visit_ms=4, answer_ms=2)
PLACE = np.arange(MAP_SIDE) - MAP_SIDE // 2


def waves(angles, length):
    """A map (1, M, M) of cosines in these directions (degrees)."""
    of = np.deg2rad(angles)
    return sum(np.cos(2 * np.pi / length * (np.cos(a) * PLACE[:, None] + np.sin(a) * PLACE)) for a in of)[None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment on a GRU, a TEM-transformer and a spiking network, all untrained."""
    out, files = tmp_path_factory.mktemp("walk"), []
    for kind in ("gru", "tem"):
        made = AgentExperiment(TASK, AgentConfig(kind, 6), LearningConfig(curriculum=False))
        files.append(out / f"{kind}.lsnn.h5")
        save_agent(files[-1], made, new_agent(made, 2), 2, "lsnn train", None)
    small = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4")
    found = overridden(preset("graph-walk", "4x4"), [*small, "task.visit_ms=4", "task.answer_ms=2"])
    files.append(out / "spiking.lsnn.h5")
    save_network(
        files[-1], new_network(found.task, found.network, found.learning, 4), found.as_mapping(), 4, "lsnn train"
    )
    words = ("--episodes", EPISODES, "--threads", 1, "--out", out)
    assert experiment("graph-walk", *files, *words) == 0
    return out


# Codes


def test_information_and_explained_variance_by_hand():
    """One of four places has all spikes: 2 bits. Means 0 and 2 by place, deviations of 1: half is explained."""
    share = np.full(4, 1 / 4)
    means = np.array([[4.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(information(means, share), [2.0, 0.0, np.nan])
    rate = np.array([[-1.0, 5.0], [1.0, 5.0], [1.0, 5.0], [3.0, 5.0]])
    means = np.array([[0.0, 5.0], [2.0, 5.0]])
    np.testing.assert_allclose(explained(rate, means, np.full(2, 1 / 2)), [0.5, np.nan])


def test_correlations_are_those_of_numpy():
    one, other = np.random.default_rng(1).normal(size=(2, 5, 30))
    np.testing.assert_allclose(
        correlation(one, other), [np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)]
    )
    assert np.isnan(correlation(np.ones((1, 4)), other[:1, :4])).all()


def test_an_autocorrelogram_is_one_at_no_lag_and_alike_both_ways():
    maps = np.random.default_rng(2).normal(size=(3, 7, 7))
    maps[:, 0, 0] = np.nan
    found = autocorrelograms(maps)
    np.testing.assert_allclose(found[:, 6, 6], 1.0)
    np.testing.assert_allclose(found, found[:, ::-1, ::-1])
    one = np.corrcoef(maps[0, 1:, 1:].ravel(), maps[0, :-1, :-1].ravel())[0, 1]
    assert found[0, 7, 7] != pytest.approx(one)  # the corner is left out
    inner = np.isfinite(maps[0, :-1, :-1])
    assert found[0, 7, 7] == pytest.approx(np.corrcoef(maps[0, 1:, 1:][inner], maps[0, :-1, :-1][inner])[0, 1])
    assert np.isnan(found[:, 0, 0]).all()


def test_gridness_tells_hexagons_squares_and_stripes_apart():
    hexagons, squares, stripes = (autocorrelograms(waves(a, 4.0)) for a in ((0, 60, 120), (0, 90), (0,)))
    assert gridness(hexagons, *SIXTY)[0] > 0.8 > 0 > gridness(squares, *SIXTY)[0]
    assert gridness(squares, *NINETY)[0] > 0.8 > 0.2 > gridness(hexagons, *NINETY)[0]
    assert gridness(stripes, *SIXTY)[0] < 0.3 and gridness(stripes, *NINETY)[0] < 0.1


def test_codes_of_place_cells_and_of_noise():
    generator = np.random.default_rng(3)
    bins = generator.integers(MAP_SIDE**2, size=20_000)
    place = (bins == 60) * 5.0 - 1.0
    codes = codes_of(np.stack([place, generator.normal(size=len(bins))], axis=1), bins, MAP_SIDE)
    assert codes.explained[0] == pytest.approx(1) and codes.explained[1] < 0.02
    assert codes.information[0] == pytest.approx(np.log2(len(bins) / np.sum(bins == 60)))
    assert codes.information[1] < 0.01 and codes.maps[0].ravel()[60] == pytest.approx(5)


def test_bins_that_are_seldom_visited_do_not_count():
    bins = np.repeat([0, 1, 2], [LEAST_VISITS, LEAST_VISITS, LEAST_VISITS - 1])
    codes = codes_of((bins == 2)[:, None] * 9.0 + (bins == 1)[:, None], bins, 2)
    np.testing.assert_allclose(codes.maps[0], [[0, 1], [np.nan, np.nan]])
    assert codes.information[0] == pytest.approx(1)


# The experiment


def test_answers_are_those_of_the_trials(folder):
    with h5py.File(folder / "graph_walk.h5") as file:
        keys, group = file["episode_key"][:], file["network_1"]
        assert group.attrs["kind"] == b"tem" or group.attrs["kind"] == "tem"
        made = AgentExperiment(of_side(TASK, 5), AgentConfig("tem", 6), LearningConfig(curriculum=False))
        trials = played_by(made, new_agent(made, 2), keys).trials
        for episode in range(EPISODES):
            own = trials[(trials["episode"] == episode) & trials["known"]]
            at = SIDES.index(5), episode
            assert (group["asked"][at], group["right"][at]) == (len(own), own["correct"].sum())
        for number in range(3):
            np.testing.assert_array_equal(file[f"network_{number}/asked"], file["baselines/map/asked"])
        np.testing.assert_array_equal(file["baselines/map/right"], file["baselines/map/asked"])


def test_untrained_networks_are_their_own_null(folder):
    with h5py.File(folder / "graph_walk.h5") as file:
        for number in range(2):
            group = file[f"network_{number}"]
            np.testing.assert_array_equal(group["trained/explained"], group["untrained/explained"])
            assert np.nanmedian(group["trained/explained"]) != np.nanmedian(group["shuffled/explained"])
            assert group["trained/map"].shape == (6, MAP_SIDE, MAP_SIDE)


def test_it_tells_of_every_learner_and_baseline(folder):
    with Result(folder / "graph_walk.h5") as result:
        sides, found, baselines = analysis.learners(result)
    assert list(sides) == list(SIDES) and set(baselines) == set(FAMILY.baselines)
    assert [each.group for each in found] == [
        "GRU, trained on 3 x 3 to 6 x 6", "TEM, trained on 3 x 3 to 6 x 6", "spiking, trained on 4 x 4",
    ]  # fmt: skip
    assert all(one.value == 1 for one in baselines["map"])
    said = analysis.show(folder / "graph_walk.h5", folder / "again.png").splitlines()
    assert len(said) == 1 + 3 + 3 + 2 + 9 and said[1].startswith("GRU, trained on 3 x 3 to 6 x 6, seed 2: 0.")


def test_shares_beyond_the_shuffled_by_hand():
    units = {"trained": np.array([1.0, 2.0, 9.0, np.nan]), "shuffled": np.arange(1.0, 5.0)}
    of = {state: {"explained": values} for state, values in units.items()}
    learner = analysis.Learner("gru", 1, (3, 6), [], of, np.zeros((4, 1, 1)))
    assert learner.middle("trained", "explained") == 2 and learner.beyond("trained", "explained") == 1 / 3


def test_learners_of_another_task_are_refused(tmp_path, capsys):
    code = experiment("graph-walk", PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path)
    assert_one_line(code, capsys, "bandit.lsnn.h5: must be a learner of graph-walk, got one of bandit")


def test_an_agent_that_decides_at_other_times_is_refused(tmp_path, capsys):
    made = AgentExperiment(TASK, AgentConfig("gru", 4, decision_ms=2), LearningConfig(curriculum=False))
    save_agent(tmp_path / "often.lsnn.h5", made, new_agent(made, 2), 2, "lsnn train", None)
    code = experiment("graph-walk", tmp_path / "often.lsnn.h5", "--out", tmp_path / "out")
    assert_one_line(code, capsys, "agent.decision_ms must be 4, a visit, got 2")


def test_a_file_with_an_unknown_kind_has_no_figure(folder, tmp_path):
    (tmp_path / "other.h5").write_bytes((folder / "graph_walk.h5").read_bytes())
    with h5py.File(tmp_path / "other.h5", "r+") as file:
        file["network_0"].attrs["kind"] = "oracle"
    with pytest.raises(Exception, match=r"other\.h5"):
        analysis.show(tmp_path / "other.h5", tmp_path / "figure.png")


def test_a_learner_that_is_given_twice_is_refused(folder, tmp_path, capsys):
    code = experiment("graph-walk", folder / "gru.lsnn.h5", folder / "gru.lsnn.h5", "--out", tmp_path / "out")
    assert_one_line(code, capsys, "must be another file than those before it")
    assert not (tmp_path / "out").exists()
