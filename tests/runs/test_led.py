"""Animals that are led: their own path changes nothing, the moments by hand, file, figure and messages."""

import h5py
import numpy as np
import pytest

from analysis import led as analysis
from lsnn.files.results import Result
from lsnn.simulation.simulation import simulate
from runs.experiments import led
from runs.experiments.options import PRETRAINED
from tasks.experiment import open_network
from tasks.water_maze.dynamics import N_STATE, ON_PLATFORM, TRIAL, WAIT, X, Y
from tests.runs.refusals import experiment

EPISODES = 16
SHIPPED = PRETRAINED / "water_maze.lsnn.h5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("led")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(led, "LED_MS", 150)
        assert experiment("led", SHIPPED, "--episodes", EPISODES, "--threads", 1, "--out", out) == 0
    return out


def test_moments_by_hand():
    """Visited in step 2 and released after 3 of rest; in step 2 and never released; never visited."""
    path = np.zeros((3, 8, N_STATE))
    path[:2, 3:6, ON_PLATFORM] = path[:2, 3:6, WAIT] = 1
    path[1, 3:, WAIT] = path[0, 6:, TRIAL] = 1
    first, release = led.moments_of(path)
    assert first[:2].tolist() == [2, 2] and release.tolist() == [6, -1, -1]


def test_turns_by_hand():
    """A quarter of a turn counter-clockwise to the visit, and half of one clockwise that ends in none."""
    angle = np.array([np.linspace(0, np.pi / 2, 5), np.linspace(0, -np.pi, 5)])
    path = np.zeros((2, 5, N_STATE))
    path[..., X], path[..., Y] = np.cos(angle), np.sin(angle)
    path[0, 4, ON_PLATFORM] = 1
    np.testing.assert_allclose(led.turned(path)[0], 3 * np.pi / 8)


def test_the_way_round_is_that_of_the_animals_that_find_the_platform():
    """One of three does, clockwise; the others turn the other way and find nothing. Without it there is no way."""
    angle = np.array([np.linspace(0, -1.0, 5), np.linspace(0, 2.0, 5), np.linspace(0, 3.0, 5)])
    path = np.zeros((3, 5, N_STATE))
    path[..., X], path[..., Y] = np.cos(angle), np.sin(angle)
    path[0, 4, ON_PLATFORM] = 1
    assert led.way_round(path) < 0 and led.way_round(path[1:]) == 0


def test_its_own_path_changes_no_step():
    """An animal that is led where it would have swum comes back in the very step in which it would have."""
    file, trained = open_network(SHIPPED)
    keys = np.arange(1, 17, dtype=np.uint64)
    record = simulate(file.network, trained.task, keys=keys, duration_ms=600)
    first, release = led.moments_of(record.task_state.values[:, :402])
    back = led.led(file.network, trained.task, keys, 1, record.task_state.values, release, False).back_ms
    expected = np.full(len(keys), np.nan)
    for animal in np.flatnonzero(release >= 0):
        visits = np.flatnonzero(record.reward.values[animal] > 0.5)
        assert visits[0] == first[animal] and release[animal] == first[animal] + 1 + trained.task.rest_ms
        expected[animal] = min(led.WATCHED_MS, visits[1] + 1 - release[animal])
    assert np.isfinite(expected).sum() > 8
    np.testing.assert_array_equal(back, expected)


def test_file_and_figure(folder):
    with h5py.File(folder / "led.h5") as file:
        group = file["network_0"]
        assert group["back_ms"].shape == (len(led.PATHS), EPISODES) == (8, EPISODES)
        for row in (2, 4):  # an animal goes round one way or the other
            one, other = (np.isfinite(group["back_ms"][at]) for at in (row, row + 1))
            assert not np.any(one & other) and one.any() and other.any()
        led_there = np.isfinite(group["back_ms"][0])
        assert led_there.sum() >= 5
        erased, own = group["back_erased_ms"][0][led_there], group["back_ms"][0][led_there]
        assert np.median(own) < np.median(erased)
        assert (
            set(np.unique(group["opposite"][0][led_there])) <= {0, 1} and group["opposite"][0][led_there].mean() < 0.5
        )
        np.testing.assert_array_equal(np.roll(group["first_ms"][0], 1), group["first_ms"][1])
    with Result(folder / "led.h5") as result:
        network = analysis.networks_of(result)[0]
    assert list(network.kept) == led.PATHS
    assert "straight to the platform:" in analysis.describe(folder / "led.h5")
    assert (folder / "led.png").read_bytes().startswith(b"\x89PNG")
