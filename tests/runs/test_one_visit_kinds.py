"""One visit by kind of network: kinds told apart, differences over networks by hand, the file and its figure."""

from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest

from analysis import one_visit_kinds as analysis
from lsnn.files.network_file import save_network
from lsnn.files.results import Result
from runs.experiments.options import PRETRAINED
from runs.study.water_maze import one_visit as study
from tasks.experiment import open_network
from tests.runs.refusals import assert_one_line, experiment, saved_again

ANIMALS = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The shipped network twice, as if of two seeds, and once without adaptation."""
    out, shipped = tmp_path_factory.mktemp("kinds"), PRETRAINED / "water_maze.lsnn.h5"
    file, experiment_of = open_network(shipped)
    lif = replace(file.network, config=replace(file.network.config, beta=0.0), beta=np.zeros_like(file.network.beta))
    settings = replace(experiment_of, network=lif.config).as_mapping()
    save_network(out / "lif.lsnn.h5", lif, settings, 1, "lsnn train")
    paths = shipped, saved_again(shipped, out), out / "lif.lsnn.h5"
    with pytest.MonkeyPatch.context() as patch:
        short = partial(study.one_visit, dark_ms=(0, 40), changed_ms=(0, 40), watched_ms=60, searched_ms=600)
        patch.setattr(study, "one_visit", short)
        assert experiment("one-visit", *paths, "--episodes", ANIMALS, "--threads", 1, "--out", out) == 0
    return out


def test_networks_are_told_apart_by_their_neurons_and_their_dark(folder):
    with Result(folder / "one_visit.h5") as result:
        kinds = analysis.kinds_of(result)
    assert {kind.label: len(networks) for kind, networks in kinds.items()} == {
        "adaptive thresholds, 1200 ms; trained with no dark": 2,
        "LIF only; trained with no dark": 1,
    }
    first = kinds[analysis.Kind("alif", 1200.0, 0)][0]
    with h5py.File(folder / "one_visit.h5") as file:
        group = file["network_0/one_visit"]
        assert group["reached"].shape[2] == ANIMALS
        usable = (group["found"][:] & group["apart"][:]).reshape(-1, 2).all(axis=1).repeat(2)
        reached, search, shortest = (
            group["reached"][1, 0][usable],
            group["search_ms"][1][usable],
            group["shortest_ms"][:],
        )
    assert first.to_own[1].sum() == np.count_nonzero(reached == 0)
    assert len(first.to_own[1]) == np.count_nonzero(reached < 2)
    assert np.all(np.isfinite(search[reached == 0])) and np.all(
        search[reached == 0] >= np.floor(shortest[usable][reached == 0])
    )
    assert np.all(np.isnan(search[reached == 2]))
    assert np.all(first.beyond_ms[1] <= 60) and np.all(first.beyond_ms[1] >= 0)


def test_a_difference_has_an_interval_over_networks():
    these = [np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])]
    those = [np.array([0.0, 1.0]), np.array([0.0, 0.0]), np.array([1.0, 1.0])]
    found = analysis.difference(these, those)
    assert found.value == pytest.approx(0.875 - 0.5) and found.n == 2
    assert found.low < 0.375 - 12.7 * 0.1 and found.high - found.value == pytest.approx(found.value - found.low)
    alone = analysis.difference(these[:1], those)
    assert alone.value == pytest.approx(0.25) and np.isnan(alone.low)


def test_the_report_names_each_network_and_what_parts_the_kinds(folder):
    said = analysis.describe(folder / "one_visit.h5")
    assert said.count("search beyond the shortest way") == 3 and "other's b alone" in said
    assert "LIF only; trained with no dark (n = 1)" in said and said.count("the first kind is ahead by") == 1
    assert (folder / "one_visit.png").read_bytes().startswith(b"\x89PNG")


def test_networks_of_drawn_radii_or_other_tasks_are_refused(tmp_path, capsys):
    for name, rule in (("bandit", "must be a network for water-maze, got bandit"),
                       ("water_maze_family", "task.platform_radius_min must not be set")):  # fmt: skip
        code = experiment("one-visit", PRETRAINED / f"{name}.lsnn.h5", "--out", tmp_path / "out")
        assert_one_line(code, capsys, rule)
        assert not (tmp_path / "out").exists()
