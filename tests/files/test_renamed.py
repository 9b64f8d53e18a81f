"""Names that files of older versions have: read as what they are called today."""

import h5py
import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.files import reading
from lsnn.files.network_file import load_network, save_network
from lsnn.files.renamed import NEWER, OLDER
from runs.experiments.options import PRETRAINED
from tasks.experiment import experiment_of


def test_every_older_name_has_one_newer():
    assert len(NEWER) == len(OLDER) and not set(NEWER) & set(OLDER)


def test_the_history_of_an_older_network_has_todays_columns_and_its_own_numbers():
    path = PRETRAINED / "water_maze.lsnn.h5"
    found = load_network(path).history
    with h5py.File(path) as file:
        stored = file["history"][:]
    assert {"visits", "first_latency_ms", "later_latency_ms", "whole_pool_visits"} <= set(found.dtype.names)
    for name in stored.dtype.names:
        np.testing.assert_array_equal(found[NEWER.get(name, name)], stored[name])


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "older.h5", "w") as file:
        file.attrs["schema_version"] = 2
        file["goals"], file["goal"] = np.arange(3), np.ones((3, 2))
        file["trials"] = np.array([(1.0, 2.0)], [("goal_x", float), ("latency_ms", float)])
        file["group/first_search_ms"] = np.arange(2.0)
        yield file


def test_data_sets_and_columns_are_found_by_todays_names(file):
    np.testing.assert_array_equal(reading.array(file, "visits", (3,)), [0, 1, 2])
    assert reading.holds(file, "platform") and not reading.holds(file, "visit")
    assert list(reading.table(file, "trials", {})) == ["platform_x", "latency_ms"]
    assert list(reading.table(file, "group", {})) == ["first_latency_ms"]


def test_a_newer_name_that_is_there_is_what_is_meant(file):
    file["visits"] = np.full(3, 7)
    np.testing.assert_array_equal(reading.array(file, "visits", (3,)), [7, 7, 7])


def test_in_a_newer_file_a_name_is_its_own(file):
    """A family of one's own may count goals."""
    file.attrs["schema_version"] = 3
    np.testing.assert_array_equal(reading.array(file, "goals", (3,)), [0, 1, 2])
    assert not reading.holds(file, "visits") and list(reading.table(file, "trials", {})) == ["goal_x", "latency_ms"]
    with pytest.raises(InputError, match="needs a data set 'visits', found nothing"):
        reading.array(file, "visits", (3,))


def test_a_newer_network_keeps_the_columns_of_its_history(tmp_path):
    path, old = tmp_path / "3.h5", load_network(PRETRAINED / "bandit.lsnn.h5")
    history = np.zeros(2, [("iteration", float), ("minutes", float), ("goals", float)])
    history["iteration"], history["goals"] = (0, 1), (5, 6)
    save_network(path, old.network, old.config, old.seed, old.command, history)
    np.testing.assert_array_equal(load_network(path).history["goals"], [5, 6])


def test_older_keys_of_a_configuration_are_read():
    older = {"task": {"name": "water-maze", "blank_ms": 7}, "learning": {"spread": "readout", "time_checkpoints": True}}
    found = experiment_of(older)
    learning = found.learning
    assert (found.task.dark_ms, learning.policy_std, learning.gradient_checkpointing) == (7, "readout", True)
    assert experiment_of({"task": {"name": "regression", "traits_weight": 0.3}}).task.latent_weight == 0.3
