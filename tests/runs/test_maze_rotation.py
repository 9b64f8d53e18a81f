"""Frozen networks whose actions are turned: progress and straightness by hand, visits by direct count, messages."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from analysis import maze_rotation as analysis
from lsnn.blocks import Block
from lsnn.files.results import Result
from lsnn.seeds import Study
from runs.experiments.maze_rotation import rotation as maze_rotation
from runs.experiments.options import PRETRAINED
from runs.study.subject import study_keys
from tasks.experiment import open_network
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import N_STATE, ON_PLATFORM, TRIAL, WAIT, X, Y
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

EPISODES, SEED, DURATION_MS = 16, 5, 400


@pytest.fixture(scope="module")
def network(folder):
    return folder / "network.lsnn.h5"


@pytest.fixture(scope="module")
def maze():
    """A shorter maze in place of the experiment's, with a rest that shows and a platform that is found."""
    with pytest.MonkeyPatch.context() as patch:
        task = replace(maze_rotation.MAZE, duration_ms=DURATION_MS, rest_ms=7, platform_radius=0.6)
        patch.setattr(maze_rotation, "MAZE", task)
        yield task


def command(network, out, *words):
    options = ["--episodes", str(EPISODES), "--seed", str(SEED), "--threads", "1", "--out", str(out)]
    return experiment("maze-rotation", network, "--specialist", network, *options, *words)


@pytest.fixture(scope="module")
def path(maze, network, tmp_path_factory):
    """The result with one network as both."""
    out = tmp_path_factory.mktemp("rotation")
    assert command(network, out) == 0
    return out / "maze_rotation.h5"


def read(path, condition):
    with h5py.File(path) as file:
        return {name: data[:] for name, data in file[condition].items()}


# What is measured


def test_the_maze_is_the_paper_s_but_for_the_rotation():
    assert maze_rotation.MAZE == replace(WaterMaze(), rotation_degrees=90.0)


def test_progress_of_a_path_by_hand():
    """A visit at once, a rest of two steps, then steps towards, past and along the platform at the origin."""
    states = np.zeros((2, 8, N_STATE))
    states[0, :, X] = [0.5, 0.1, 0.1, 0.6, 0.58, 0.58, 0.59, 0.59]
    states[0, :, Y] = [0, 0, 0, 0, 0, 0.02, 0.02, 0.02]
    states[0, 1:3, WAIT] = 2, 1
    states[0, 1:3, ON_PLATFORM] = 1
    states[0, 3:, TRIAL] = 1
    found = maze_rotation.measured(WaterMaze(), states)
    sideways = (0.58 - np.hypot(0.58, 0.02)) / 0.02
    away = (np.hypot(0.58, 0.02) - np.hypot(0.59, 0.02)) / 0.02
    np.testing.assert_allclose(found.progress[0], [np.nan] * 3 + [1, sideways, away, 0], atol=1e-6)
    assert np.isnan(found.progress[1]).all() and found.progress.dtype == np.float32
    np.testing.assert_array_equal(found.visits, [1, 0])
    np.testing.assert_array_equal(found.first_visit_ms, [1, -1])


def test_finds_of_a_network_are_those_of_its_roll_out(maze, network, path):
    file, experiment = open_network(network)
    task = replace(maze, encoder=experiment.task.encoder)
    keys, visits, first = study_keys(SEED, Study.MAZE_ROTATION, EPISODES), [], []
    for part in keys.reshape(-1, 8):
        block = Block(task, file.network, task.duration_ms)
        block.begin(task, part)
        block.roll_out(file.network.weights(), np.full(2, -np.inf))
        found = block.trace.reward > 0.5
        visits.extend(np.count_nonzero(found, axis=0))
        first.extend(np.where(found.any(axis=0), found.argmax(axis=0) + 1, -1))
    for name in ("rotated", "specialist"):
        kept = read(path, name)
        np.testing.assert_array_equal(kept["visits"], visits)
        np.testing.assert_array_equal(kept["first_visit_ms"], first)
    assert any(visits)


def test_the_oracle_swims_straight_and_all_meet_the_same_angles(path):
    conditions = {name: read(path, name) for name in ("rotated", "specialist", "memory", "oracle")}
    oracle = conditions["oracle"]
    counted = np.isfinite(oracle["progress"])
    np.testing.assert_allclose(oracle["progress"][counted], 1, atol=1e-5)
    for episode, first in enumerate(oracle["first_visit_ms"]):  # no step up to the end of the first rest, 7 ms
        assert np.isnan(oracle["progress"][episode, : first + 7]).all() and counted[episode, first + 7]
    np.testing.assert_allclose(
        conditions["memory"]["progress"][np.isfinite(conditions["memory"]["progress"])], 1, atol=1e-5
    )
    assert np.all(conditions["memory"]["first_visit_ms"] >= oracle["first_visit_ms"])
    for condition in conditions.values():
        np.testing.assert_array_equal(condition["rotation"], oracle["rotation"])
        assert np.nanmax(np.abs(condition["progress"])) <= 1 + 1e-5
        assert condition["visits"].sum() <= oracle["visits"].sum()
        assert not np.isfinite(condition["progress"][condition["first_visit_ms"] < 0]).any()
    assert np.abs(oracle["rotation"]).max() <= 90 and np.ptp(oracle["rotation"]) > 90
    with h5py.File(path) as file:
        keys = study_keys(SEED, Study.MAZE_ROTATION, EPISODES)
        np.testing.assert_array_equal(file["episode_key"], keys)


# What is made of it


def test_bins_begin_at_the_first_visit():
    progress = np.full((3, 120), np.nan)
    progress[0, 10:60], progress[0, 60:90], progress[0, 90:] = 0.2, 0.5, 0.8
    progress[1, 100:] = np.linspace(-1, 0, 20)
    binned = analysis.in_bins(progress, np.array([10, 95, -1]))
    np.testing.assert_allclose(binned[0], [0.2, (30 * 0.5 + 20 * 0.8) / 50, 0.8])
    np.testing.assert_allclose(binned[1], [-0.5, np.nan, np.nan])
    assert np.isnan(binned[2]).all()


def test_means_leave_out_what_is_not_there():
    sample, nan = np.array([[0.0, 1.0, 4.0], [1.0, np.nan, np.nan], [2.0, np.nan, np.nan]]), np.nan
    np.testing.assert_allclose(analysis.mean_over_animals(np.ones(3), sample), [1, 1, 4])
    np.testing.assert_allclose(analysis.mean_over_animals(np.ones(3), sample, 0.5), [1, nan, nan])
    weights = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(analysis.mean_over_animals(weights, sample, 0.5), [[1 / 3, 1, 4], [5 / 3, nan, nan]])


def test_a_path_is_straight_from_the_first_bin_at_nine_tenths_of_its_late_level():
    course = np.array([0.1, 0.5, 0.71, 0.73, 0.6, 0.8])
    assert analysis.straight_from(course, np.array(0.8), 2000.0) == 150
    assert analysis.straight_from(course, np.array(0.1), 2000.0) == 0
    assert analysis.straight_from(course, np.array(0.9), 2000.0) == 2000
    assert analysis.straight_from(-course, np.array(-0.8), 2000.0) == 2000
    both = analysis.straight_from(np.stack([course, np.full(6, np.nan)]), np.array([0.8, 0.8]), 2000.0)
    np.testing.assert_array_equal(both, [150, 2000])


def condition(progress, first, rotation=None, visits=None):
    n_episodes, steps = progress.shape
    late = analysis.in_bins(progress[:, -analysis.LATE_MS :], np.zeros(n_episodes, int), analysis.LATE_MS)[:, 0]
    ones = np.ones(n_episodes)
    return analysis.Episodes(
        ones if visits is None else visits, ones if rotation is None else rotation, first,
        analysis.in_bins(progress, first), late, steps,
    )  # fmt: skip


def test_course_of_a_group_by_hand():
    """Two animals learn within 100 and 300 ms of their first visits at 200 and 400, one never finds; late level 0.8."""
    progress, first = np.full((3, 2000), np.nan), np.array([200, 400, -1])
    progress[0, 200:300], progress[0, 300:] = 0.0, 0.8
    progress[1, 400:700], progress[1, 700:] = 0.0, 0.8
    network = condition(progress, first, visits=np.array([3.0, 2.0, 0.0]))
    oracle = condition(progress, first, visits=np.array([4.0, 4.0, 2.0]))
    course = analysis.course_of(network, oracle, np.ones(3, bool))
    assert (course.episodes, course.found) == (3, 2)
    assert course.late.value == pytest.approx(0.8) and course.share.value == pytest.approx(0.5)
    assert course.straight_ms.value == 300 and course.in_all_ms == 600
    assert (course.straight_ms.low, course.straight_ms.high) == (100, 300)
    alone = analysis.course_of(network, oracle, np.array([True, False, False]))
    assert alone.straight_ms.value == 100 and alone.in_all_ms == 300
    nobody = analysis.course_of(network, oracle, np.array([False, False, True]))
    assert np.isnan(nobody.straight_ms.value) and np.isnan(nobody.in_all_ms) and nobody.share.value == 0
    assert analysis.told_course(nobody, 2000).endswith("–")
    away = condition(-progress, first)
    assert analysis.told_course(analysis.course_of(away, oracle, np.ones(3, bool)), 2000).endswith("never")


def test_groups_go_by_the_size_of_the_angle():
    groups = analysis.members(np.array([-90.0, -59.0, -30.0, -29.0, 0.0, 31.0, 60.0, 89.0]))
    assert list(groups) == ["all", "0-30°", "30-60°", "60-90°"] and groups["all"].all()
    np.testing.assert_array_equal(np.flatnonzero(groups["0-30°"]), [3, 4])
    np.testing.assert_array_equal(np.flatnonzero(groups["30-60°"]), [1, 2, 5])
    np.testing.assert_array_equal(np.flatnonzero(groups["60-90°"]), [0, 6, 7])


def test_shares_by_sector():
    visits, oracle = np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 5.0)
    rotation = np.array([-90.0, -76.0, -75.0, 90.0])
    of = condition(np.zeros((4, 60)), np.zeros(4, int), rotation, visits)
    told = condition(np.zeros((4, 60)), np.zeros(4, int), rotation, oracle)
    shares = [analysis.sector_share(of, told, sector).value for sector in range(12)]
    np.testing.assert_allclose(shares, [0.3, 0.6, *[np.nan] * 9, 0.8])


def test_text_and_figure(path):
    text = analysis.describe(path)
    lines = [line for line in text.splitlines() if line.startswith("oracle")]
    assert len(lines) == 4 and lines[0].split("; ")[1:3] == ["1.00 [1.00, 1.00]"] * 2
    assert "0 [0, 0] ms" in lines[0]
    assert (path.parent / "maze_rotation.png").read_bytes().startswith(b"\x89PNG")
    with Result(path) as result:
        oracle, rotated = (analysis.episodes_of(result, name) for name in ("oracle", "rotated"))
        left, right = analysis.rotation_figure(result).axes
    dashed = [line.get_label() for line in left.lines if line.get_linestyle() == "--"]
    assert dashed == [f"specialist, {group}" for group in analysis.GROUPS]
    shown = next(line for line in right.lines if line.get_label() == "trained with rotation")
    expected = [analysis.sector_share(rotated, oracle, sector).value for sector in range(12)]
    np.testing.assert_array_equal(shown.get_ydata(), expected)
    assert f"{rotated.visits.sum() / oracle.visits.sum():.2f} [" in text.splitlines()[2]


def test_bad_input(maze, network, path, tmp_path, capsys):
    bandit, absent = str(PRETRAINED / "bandit.lsnn.h5"), str(tmp_path / "absent.lsnn.h5")
    for first, words, message in (
        (bandit, (), "must be a network for water-maze"),
        (network, ("--specialist", bandit), "must be a network for water-maze"),
        (absent, (), "absent.lsnn.h5"),
        (network, ("--episodes", "0"), "--episodes must be >= 1, got 0"),
    ):
        assert_one_line(command(first, tmp_path / "out", *words), capsys, message)
    assert not (tmp_path / "out").exists()
    assert_not_written_over(lambda: command(network, path.parent), path, capsys)
