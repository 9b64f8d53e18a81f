"""Frozen networks over a grid of mazes: every number against a direct count, the mazes, the messages."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from analysis import maze_family as analysis
from lsnn.blocks import Block
from lsnn.estimates import Estimate
from lsnn.files import store
from lsnn.files.network_file import network_sha256
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from lsnn.seeds import Study
from runs.experiments.maze_family import grid as maze_family
from runs.experiments.options import PRETRAINED
from runs.study.subject import study_keys
from tasks.experiment import open_network
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import swim
from tasks.water_maze.dynamics import ON_PLATFORM
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

EPISODES, SEED = 12, 3
SMALL = {
    "RADII": (0.3, 0.6),
    "REST_MS": (1, 20, 40),
    "MAZE": WaterMaze(duration_ms=400),
    "CIRCLES_TRIED": np.array([0.4, 0.6]),
}


@pytest.fixture(scope="module")
def small():
    """A grid of fewer, shorter mazes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(maze_family, name, value)
        yield


@pytest.fixture(scope="module")
def network(folder):
    return folder / "network.lsnn.h5"


def command(network, out, *words):
    options = ["--episodes", str(EPISODES), "--seed", str(SEED), "--threads", "1", "--out", str(out)]
    return experiment("maze-family", "--specialist", network, *options, *words)


@pytest.fixture(scope="module")
def path(small, network, tmp_path_factory):
    """The result with one network as both."""
    out = tmp_path_factory.mktemp("grid")
    assert command(network, out, "--family", str(network)) == 0
    return out / "maze_family.h5"


@pytest.fixture(scope="module")
def grid(path):
    with Result(path) as result:
        return analysis.grid_of(result)


def test_mazes_of_the_grid():
    paper = WaterMaze()
    assert maze_family.maze_of("circle", 0.3, 1) == paper
    assert maze_family.maze_of("anywhere", 0.2, 5) == replace(
        paper, platform_anywhere=True, platform_radius=0.2, rest_ms=5
    )
    assert maze_family.maze_of("reversal", 0.3, 50) == replace(paper, reversal_ms=1000, rest_ms=50)
    mazes = maze_family.on_grid([(maze.platform_radius, maze.rest_ms) for maze in maze_family.grid()])
    assert mazes.shape == (3, 6, 4, 2)
    np.testing.assert_array_equal(mazes[1, :, 2, 0], maze_family.RADII)
    np.testing.assert_array_equal(mazes[2, 3, :, 1], maze_family.REST_MS)


def test_a_network_s_cells_are_its_finds_on_the_same_keys_in_every_maze(small, network, grid):
    file, experiment = open_network(network)
    weights, keys = file.network.weights(), study_keys(SEED, Study.MAZE_FAMILY, EPISODES)
    for row, kind in enumerate(maze_family.KINDS):
        for i, radius in enumerate(SMALL["RADII"]):
            for k, rest_ms in enumerate(SMALL["REST_MS"]):
                task = replace(maze_family.maze_of(kind, radius, rest_ms), encoder=experiment.task.encoder)
                block = Block(task, file.network, task.duration_ms, keep_states=True)
                block.begin(task, keys[:8])
                block.roll_out(weights, np.full(2, -np.inf))
                standing = block.trace.task_state[..., ON_PLATFORM] > 0
                visits = np.count_nonzero(standing[1:] & ~standing[:-1], axis=0)
                np.testing.assert_array_equal(grid.visits["specialist"][row, i, k, :8], visits)
                oracle = np.count_nonzero(swim("oracle", keys, task).reward > 0.5, axis=1)
                np.testing.assert_array_equal(grid.visits["oracle"][row, i, k], oracle)
    np.testing.assert_array_equal(grid.visits["family"], grid.visits["specialist"])
    assert grid.visits["specialist"].any()


def test_baselines_are_in_order(grid):
    np.testing.assert_array_equal(grid.shares("oracle"), 1)
    oracle, memory, circling = (grid.shares(name) for name in ("oracle", "memory", "circling"))
    assert np.all(memory <= oracle) and np.all(memory[[0, 2]] > circling[[0, 2]])
    assert memory[1].mean() > circling[1].mean()
    assert grid.visits["oracle"][0, 0].mean(-1) == pytest.approx(sorted(grid.visits["oracle"][0, 0].mean(-1))[::-1])
    assert np.all(grid.visits["oracle"][:, 1].sum(-1) > grid.visits["oracle"][:, 0].sum(-1))  # larger platforms


@pytest.mark.parametrize("baseline", ["circling", "memory"])
def test_baselines_circle_at_their_best_radius(small, path, baseline):
    keys = study_keys(SEED, Study.MAZE_FAMILY, EPISODES)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["episode_key"], keys)
        for number, maze in enumerate(maze_family.grid()):
            swum = [swim(baseline, keys, maze, circle).reward for circle in SMALL["CIRCLES_TRIED"]]
            best = np.argmax([reward.sum() for reward in swum])
            assert file[baseline]["circle_radius"][:].ravel()[number] == SMALL["CIRCLES_TRIED"][best]
            visits = np.count_nonzero(swum[best] > 0.5, axis=1)
            np.testing.assert_array_equal(file[baseline]["visits"][:].reshape(-1, EPISODES)[number], visits)


def test_baselines_in_parts_are_those_in_one(small, monkeypatch):
    keys, circle = study_keys(SEED, Study.MAZE_FAMILY, 5), np.full((3, 2, 3), 0.5)
    whole = maze_family.baseline_visits("memory", keys, circle)
    monkeypatch.setattr(maze_family, "BASELINES_AT_ONCE", 2)
    np.testing.assert_array_equal(maze_family.baseline_visits("memory", keys, circle), whole)


def test_origin_of_the_networks(network, path):
    sha = network_sha256(open_network(network)[0].network)
    with h5py.File(path) as file:
        assert file.attrs["frozen_sha256"].decode() == sha
        for name in ("family", "specialist"):
            of = file[name].attrs
            assert (of["network"].decode(), of["seed"]) == ("network.lsnn.h5", 0)
            assert of["frozen_sha256_before"] == of["frozen_sha256_after"] == sha.encode()


def test_text_and_figure_show_the_shares(path, grid):
    text = analysis.describe(path)
    shares = grid.shares("memory")[2]
    row, column = np.unravel_index(shares.argmin(), shares.shape)
    line = next(line for line in text.splitlines() if line.startswith("reversal  circling, then memory"))
    where = f"radius {SMALL['RADII'][row]:g}, rest {SMALL['REST_MS'][column]} ms"
    assert f"{shares.mean():.2f} [" in line and f"; {shares.min():.2f} at {where}; {shares.max():.2f} at" in line
    assert (path.parent / "maze_family.png").read_bytes().startswith(b"\x89PNG")
    with Result(path) as result:
        panels = analysis.heat_maps(result).axes
    titles = [axes.get_title(loc="left") for axes in panels[:4]]
    assert titles == ["family network", "specialist", "circling, then memory", "circling"] and len(panels) == 13
    np.testing.assert_array_equal(panels[10].images[0].get_array(), shares)
    assert [text.get_text() for text in panels[10].texts] == [f"{share:.2f}" for share in shares.ravel()]
    assert [label.get_text() for label in panels[8].get_xticklabels()] == ["1", "20", "40"]
    assert [label.get_text() for label in panels[8].get_yticklabels()] == ["0.3", "0.6"]


def test_shares_are_ratios_of_sums_and_grids_weigh_mazes_alike():
    visits = {
        "memory": np.array([[[[2.0, 0.0]], [[30.0, 10.0]]]]),
        "oracle": np.array([[[[2.0, 6.0]], [[40.0, 10.0]]]]),
    }
    grid = analysis.Grid(["circle"], np.array([0.1, 0.2]), np.array([1]), visits)
    np.testing.assert_array_equal(grid.shares("memory"), [[[0.25], [0.8]]])
    found = grid.mean_share("memory", 0)
    assert isinstance(found, Estimate) and found.value == pytest.approx((0.25 + 0.8) / 2) and found.n == 2
    assert found.low == pytest.approx((0 / 6 + 1) / 2) and found.high == pytest.approx((1 + 0.75) / 2)


def test_without_a_family_network_only_the_specialist_is_shown(small, network, path, tmp_path, capsys):
    assert command(network, tmp_path) == 0
    assert "specialist" in capsys.readouterr().out
    with Result(tmp_path / "maze_family.h5") as result, Result(path) as both:
        grid = analysis.grid_of(result)
        assert grid.conditions == ["specialist", "memory", "circling"]
        np.testing.assert_array_equal(grid.visits["specialist"], analysis.grid_of(both).visits["specialist"])


def test_bad_input(small, network, path, tmp_path, capsys):
    bandit, absent = str(PRETRAINED / "bandit.lsnn.h5"), str(tmp_path / "absent.lsnn.h5")
    for words, message in (
        (("--family", bandit), "must be a network for water-maze"),
        (("--specialist", bandit), "must be a network for water-maze"),
        (("--family", absent), "absent.lsnn.h5"),
        (("--episodes", "0"), "--episodes must be >= 1, got 0"),
        (("--threads", "0"), "--threads must be >= 1, got 0"),
        (("--seed", "-1"), "--seed must be >= 0, got -1"),
    ):
        assert_one_line(command(network, tmp_path / "out", *words), capsys, message)
    assert not (tmp_path / "out").exists()
    assert_not_written_over(lambda: command(network, path.parent), path, capsys)


def test_files_that_do_not_hold_a_grid_are_refused(path, tmp_path):
    for name, change, message in (
        ("shape", lambda file: file.__delitem__("memory"), "needs a group 'memory'"),
        ("oracle", lambda file: file["oracle/visits"].__setitem__((1, 0), 0), "the oracle finds nothing"),
    ):
        with store.write_atomically(tmp_path / name) as file, h5py.File(path) as whole:
            file.attrs.update(whole.attrs)
            for item in whole:
                whole.copy(item, file)
            change(file)
        with pytest.raises(ResultError, match=message):
            analysis.describe(tmp_path / name)
