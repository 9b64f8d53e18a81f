"""Several platforms: what is counted against hand-made paths, the file of an untrained network, messages."""

import h5py
import numpy as np
import pytest

from analysis import many_platforms as analysis
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.meta import new_network
from runs.experiments import many_platforms
from runs.experiments.options import PRETRAINED
from tasks.experiment import open_network, overridden, preset
from tests.runs.refusals import assert_one_line, experiment, saved_again

EPISODES = 10
SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4", "task.platform_radius=0.5")
AS_MANY = ("task.platforms=4", "task.rest_ms=1", "task.cue_ms=20")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Untrained, in a pool in which platforms are found by chance."""
    found = overridden(
        preset("water-maze", "platforms"), [*SMALL, *AS_MANY, "task.speed=0.1", "network.readout_gain=3"]
    )
    path = tmp_path_factory.mktemp("network") / "network.lsnn.h5"
    save_network(path, new_network(found.task, found.network, found.learning, 4), found.as_mapping(), 4, "lsnn train")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory, network):
    out = tmp_path_factory.mktemp("many")
    words = ["--episodes", EPISODES, "--threads", 1, "--out", out]
    assert experiment("many-platforms", network, saved_again(network, out), *words) == 0
    return out


def test_a_disc_is_entered_where_a_path_first_lies_in_it():
    path = np.zeros((3, 5, 2))
    path[:, :, 0] = [[0, 1, 2, 3, 4], [9, 9, 9, 9, 9], [4, 3, 2, 1, 0]]
    found = many_platforms.entered(path, np.array([[3.0, 0]] * 3), np.array([0.5, 0.5, 1.0]))
    np.testing.assert_array_equal(found, [3, 5, 0])


def test_baselines_and_networks_are_tested_at_every_number(folder):
    with h5py.File(folder / "many_platforms.h5") as file:
        visits = {name: file["baselines"][name][:] for name in many_platforms.BASELINES}
        assert all(each.shape == (4, EPISODES) for each in visits.values())
        assert np.all(visits["oracle"].sum(axis=1) >= visits["memory"].sum(axis=1))
        assert visits["memory"][3].sum() > visits["last_place"][3].sum()
        np.testing.assert_array_equal(file["network_0"]["visits"][:], file["network_1"]["visits"][:])
        reached = file["network_0"]["reached"][:]
        assert reached.shape == (4, 2, EPISODES) and np.all(reached[0] == -1)
        np.testing.assert_array_equal(reached[:, 0] == -1, reached[:, 1] == -1)


def test_from_the_same_state_another_cue_is_shown(network):
    from tasks.water_maze.dynamics import CUE, GOAL, SEEN

    file, trained = open_network(network)
    task = many_platforms.with_platforms(trained.task, 3)
    keys = np.arange(1, 9, dtype=np.uint64)
    own, swapped = (many_platforms.after_a_cue(file.network, task, keys, 1, at) for at in (0, 1))
    able = own[2] >= 0
    assert able.any() and own[1].shape == (8, many_platforms.WATCHED_MS, 2)
    np.testing.assert_array_equal(np.delete(own[0], CUE, axis=1), np.delete(swapped[0], CUE, axis=1))
    assert np.all(own[0][able, CUE] != swapped[0][able, CUE])
    known = own[0][:, SEEN].astype(int)
    for animal in np.flatnonzero(able):
        assert known[animal] & (1 << int(own[0][animal, GOAL])) and known[animal] & (1 << own[2][animal])
    assert np.abs(own[1][able, 0]).max() <= 0.1 + 1e-9  # from the middle


def test_the_figure_says_n(folder):
    with Result(folder / "many_platforms.h5") as result:
        of = analysis.content(result)
        assert [network.seed for network in of.networks] == [4, 4] and of.mazes == EPISODES
    assert (folder / "many_platforms.png").read_bytes().startswith(b"\x89PNG")
    assert "remembers the last place" in analysis.describe(folder / "many_platforms.h5")


def test_a_network_of_one_platform_is_refused(tmp_path, capsys):
    code = experiment("many-platforms", PRETRAINED / "water_maze.lsnn.h5", "--out", tmp_path)
    assert_one_line(code, capsys, "must be a network for water-maze with several platforms")
