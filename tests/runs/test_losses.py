"""Where visits are lost: hand-made paths, the oracle that loses nothing, the file and its messages."""

import h5py
import numpy as np
import pytest

from analysis import losses as analysis
from analysis.side_by_side import network_groups
from lsnn.files import store
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.meta import new_network
from runs.experiments.losses import PARTS, lost, since_release
from tasks.experiment import overridden, preset
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import swim
from tasks.water_maze.dynamics import N_STATE, ON_PLATFORM, PLATFORM_X, RADIUS, WAIT, X, Y
from tests.runs.refusals import assert_one_line, experiment, saved_again

EPISODES = 12
SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4", "task.platform_radius=0.5")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Untrained, in a pool in which platforms are found by chance."""
    found = overridden(preset("water-maze"), [*SMALL, "task.speed=0.1", "network.readout_gain=3"])
    path = tmp_path_factory.mktemp("network") / "network.lsnn.h5"
    save_network(path, new_network(found.task, found.network, found.learning, 4), found.as_mapping(), 4, "lsnn train")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory, network):
    out = tmp_path_factory.mktemp("losses")
    networks = network, saved_again(network, out)
    assert experiment("losses", *networks, "--episodes", EPISODES, "--threads", 1, "--out", out) == 0
    return out


def test_a_hand_made_path_loses_what_it_loses():
    """Speed 0.1, the platform's edge at x = 0: straight on, across, half as fast, straight on, and the visit."""
    states = np.zeros((1, 6, N_STATE))
    states[..., PLATFORM_X], states[..., RADIUS] = 2.0, 0.5
    states[0, :, X] = [1.0, 1.1, 1.1, 1.15, 1.25, 1.35]
    states[0, :, Y] = [0.0, 0.0, 0.1, 0.1, 0.1, 0.1]
    states[0, 5, ON_PLATFORM] = states[0, 5, WAIT] = 1
    ms, visits = lost(states, 0.1)
    away = np.hypot(2.0 - states[0, :, X], states[0, :, Y]) - 0.5
    assert visits.tolist() == [1]
    np.testing.assert_allclose(ms[:, 0], [4 - (away[0] - away[4]) / 0.1, 0, 0, 0, 0], atol=1e-12)


def test_later_trials_lose_by_reaction_by_speed_and_by_heading():
    """Two trials of one step, then 12 steps on the spot, one across, one of half the speed, and the visit."""
    path = [(1.5, 0.0)] * 4 + [(1.0, 0.0)] * 13 + [(1.0, 0.1), (1.05, 0.1), (1.5, 0.0)]
    states = np.zeros((1, len(path), N_STATE))
    states[..., PLATFORM_X], states[..., RADIUS] = 2.0, 0.5
    states[0][:, [X, Y]] = path
    for visit in (1, 3, -1):
        states[0, visit, [ON_PLATFORM, WAIT]] = 1
    ms, visits = lost(states, 0.1)
    assert visits.tolist() == [3] and ms[:2, 0].tolist() == [0, 0]
    away = [np.hypot(2.0 - x, y) - 0.5 for x, y in path[-4:-1]]
    across, half = (away[1] - away[0]) / 0.1, (away[1] - away[2]) / 0.1
    np.testing.assert_allclose(ms[2:, 0], [12, 0.5, 1 + across + 0.5 - half], atol=1e-12)


def test_steps_are_counted_from_each_release():
    swims = np.array([[True, True, False, False, True, True]])
    assert since_release(swims)[0, [0, 1, 4, 5]].tolist() == [0, 1, 0, 1]


def test_the_oracle_loses_nothing_and_parts_with_visits_are_the_whole():
    task, keys = WaterMaze(duration_ms=1000), np.arange(64, dtype=np.uint64)
    oracle, visits = lost(swim("oracle", keys, task).task_state, task.speed)
    assert np.abs(oracle).max() < 1e-9
    ms, some = lost(swim("circling", keys, task, 0.58).task_state, task.speed)
    assert abs(some.sum() / visits.sum() + ms.sum() / (len(keys) * task.duration_ms) - 1.0) < 0.03


def test_the_file_holds_networks_and_baselines(folder):
    with h5py.File(folder / "losses.h5") as file:
        assert [str(name, "utf-8") for name in file["network_0"].attrs["parts"]] == list(PARTS)
        np.testing.assert_array_equal(file["network_0/lost_ms"][:], file["network_1/lost_ms"][:])
        assert np.all(file["memory/visits"][:] <= file["memory/oracle"][:] + 1)
        assert file["circling/lost_ms"][:].sum() > file["memory/lost_ms"][:].sum()
    with Result(folder / "losses.h5") as result:
        rows = analysis.rows_of(result)
    assert [row.mazes for row in rows] == [EPISODES] * 4
    assert all(abs(row.rest) < 0.15 for row in rows)
    told = analysis.describe(folder / "losses.h5")
    assert "later: heading" in told and "circles once" in told
    assert (folder / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_groups_come_by_number_and_odd_names_are_left_out(tmp_path):
    """The tenth network after the ninth; a name that a damaged file may have is no network and ends nothing."""
    with store.write_atomically(tmp_path / "many.h5") as file:
        for name in ("network_10", "network_9", "network_x", "network_0"):
            file.create_group(name)
        file.attrs.update(store.provenance("result", {}, 0, "lsnn"), frozen_sha256="0")
    with Result(tmp_path / "many.h5") as result:
        assert [group.name for group in network_groups(result)] == ["/network_0", "/network_9", "/network_10"]


def test_platforms_that_move_are_refused(tmp_path, capsys):
    found = overridden(preset("water-maze"), [*SMALL, "task.reversal_ms=500"])
    path = tmp_path / "moves.lsnn.h5"
    save_network(path, new_network(found.task, found.network, found.learning, 4), found.as_mapping(), 4, "lsnn train")
    code = experiment("losses", path, "--out", tmp_path / "out")
    assert_one_line(code, capsys, "must be a network for water-maze with one platform that stays")
    assert not (tmp_path / "out").exists()
