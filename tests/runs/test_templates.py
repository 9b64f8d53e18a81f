"""Few platforms or many: what the mazes are, latencies by hand, file, figure and messages."""

import h5py
import numpy as np
import pandas
import pytest

from analysis import side_by_side
from analysis import templates as analysis
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from lsnn.meta import new_network
from runs.experiments.templates import latencies, mazes_of
from tasks.experiment import overridden, preset
from tests.runs.refusals import assert_one_line, experiment

EPISODES = 10
SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4", "task.platform_radius=0.5")
FREE = (*SMALL, "task.speed=0.1", "network.readout_gain=3", "task.duration_ms=300")


def saved(path, *settings, seed=4):
    found = overridden(preset("water-maze"), [*FREE, *settings])
    network = new_network(found.task, found.network, found.learning, seed)
    save_network(path, network, found.as_mapping(), seed, "lsnn train")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("templates")
    wedge = "task.held_out_wedge=[0, 90]"
    networks = [saved(out / f"{n}.lsnn.h5", wedge, f"task.distinct_platforms={n}", seed=n + 1) for n in (0, 4)]
    words = ["--episodes", EPISODES, "--threads", 1, "--out", out]
    assert experiment("templates", *networks, *words) == 0
    return out


def test_mazes_are_those_it_met_any_and_those_of_the_wedge():
    task = overridden(preset("water-maze"), ["task.held_out_wedge=[0, 90]", "task.distinct_platforms=4"]).task
    met, others, wedge = mazes_of(task)
    assert met == task and not others.platform_in_wedge and wedge.platform_in_wedge
    assert others.distinct_platforms == wedge.distinct_platforms == 0


def test_latencies_are_those_of_one_trial():
    table = pandas.DataFrame({
        "episode": [0, 0, 1, 1, 2], "trial": [0, 1, 0, 1, 0], "found": [True, True, True, False, False],
        "latency_ms": [30, 40, 50, 60, 70],
    })  # fmt: skip
    np.testing.assert_array_equal(latencies(table, 0, 4), [30, 50, np.nan, np.nan])
    np.testing.assert_array_equal(latencies(table, 1, 4), [40, np.nan, np.nan, np.nan])


def test_file_and_figure(folder):
    with h5py.File(folder / "templates.h5") as file:
        assert [file[f"network_{n}"].attrs["distinct_platforms"] for n in (0, 1)] == [0, 4]
        assert all(file["network_0"][name].shape == (3, EPISODES) for name in ("visits", "oracle", "second_ms"))
        np.testing.assert_array_equal(file["network_0/visits"][0], file["network_0/visits"][1])  # it met any
    with Result(folder / "templates.h5") as result:
        assert [network.distinct for network in analysis.networks_of(result)] == [4, 0]
    told = analysis.describe(folder / "templates.h5")
    assert "4 platforms, seed 5" in told and "any platforms, seed 1" in told
    assert (folder / "templates.png").read_bytes().startswith(b"\x89PNG")


def test_networks_of_one_seed_have_a_point_each(folder, monkeypatch):
    """Two networks that met as many platforms from one seed, say of other wedges, were both drawn as the second."""
    drawn = []
    monkeypatch.setattr(side_by_side, "points", lambda each: drawn.append(each) or np.zeros((3, len(each))))
    with Result(folder / "templates.h5") as result:
        first, second = (network._replace(distinct=4, seed=1) for network in analysis.networks_of(result))
        monkeypatch.setattr(analysis, "networks_of", lambda of: [first, second])
        analysis.templates_figure(result)
    assert drawn[0] == [first.visits["met"], second.visits["met"]]


@pytest.mark.parametrize("setting", ["task.rest_ms=1", "task.platforms=1"])
def test_a_network_without_a_wedge_is_refused(setting, tmp_path, capsys):
    code = experiment("templates", saved(tmp_path / "no.lsnn.h5", setting), "--out", tmp_path / "out")
    assert_one_line(code, capsys, "outside a held-out wedge")
    assert not (tmp_path / "out").exists()
