"""The experiment on scikit-learn's digits."""

import numpy as np
from click.testing import CliRunner

from runs.experiments.digits import LATEST, STEPS, digits, latency_coded
from runs.experiments.discovery import command_of


def test_a_brighter_pixel_spikes_earlier_and_a_black_one_never():
    spikes = latency_coded(np.array([[1.0, 0.5, 1 / 16, 0.0]]))
    assert spikes.shape == (1, STEPS, 4) and spikes.sum() == 3
    assert [np.flatnonzero(spikes[0, :, cell]).tolist() for cell in range(4)] == [[0], [LATEST // 2], [15], []]


def test_learnt_and_tested_digits_are_apart_and_of_every_class():
    data = digits()
    assert len(data.labels) + len(data.test_labels) == 1797
    assert np.bincount(data.test_labels).min() >= 34
    assert data.pixels.min() == 0 and data.pixels.max() == 1


def test_it_prints_a_row_a_seed():
    found = CliRunner().invoke(command_of("digits"), ["--seeds", "1", "--epochs", "1"])
    assert found.exit_code == 0, found.output
    row = found.output.splitlines()[-1].split()
    assert row[0] == "1" and 0.5 < float(row[1]) <= 1 and 0.1 < float(row[2]) < float(row[1])
