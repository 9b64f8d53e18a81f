"""Hopfield recall: weights and fixed points by hand, the overlap for N to infinity, the experiment."""

import h5py
import numpy as np
import pytest
from scipy.special import erf

from analysis import hopfield as analysis
from lsnn.files import store
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from runs.experiments import hopfield
from runs.experiments.hopfield import recall, theory
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

WORDS = ("--neurons", 60, "--patterns", 3, "--seeds", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("hopfield")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hopfield, "LOADS", (0.001, 0.05, 0.4))
        assert experiment("hopfield", *WORDS, "--out", out) == 0
    return out


def spins(*rows):
    return np.array(rows, np.int32)


def test_weights_worked_by_hand():
    """Units 0 and 1 agree in one pattern and differ in the other, 0 and 2 differ in both, 1 and 2 like 0 and 1."""
    weights = recall.weights_of(spins([1, 1, -1], [1, -1, -1]))
    assert weights.tolist() == [[0, 0, -2], [0, 0, 0], [-2, 0, 0]]


def test_recall_worked_by_hand():
    """One pattern of five units, of which two are turned. Two units are against their field."""
    pattern = spins([1, -1, 1, -1, 1])[0]
    cue = pattern * spins([-1, -1, 1, 1, 1])[0]
    weights = recall.weights_of(pattern[None])
    assert (weights @ cue * pattern).tolist() == [2, 2, 0, 0, 0]
    np.testing.assert_array_equal(recall.recalled(weights, cue), pattern)


def test_units_turn_one_at_a_time():
    """Two units against each other: at once both would turn, for ever; in turn the first alone does."""
    weights = np.array([[0, -1], [-1, 0]], np.int32)
    assert recall.recalled(weights, spins([1, 1])[0]).tolist() == [-1, 1]


def test_a_unit_without_a_field_stays():
    state = spins([1, -1, 1])[0]
    assert recall.recalled(np.zeros((3, 3), np.int32), state).tolist() == [1, -1, 1]


def test_no_unit_of_a_recalled_state_is_against_its_field():
    generator = np.random.default_rng(0)
    weights = recall.weights_of(generator.choice(spins([1, -1])[0], (40, 120)))
    for _ in range(5):
        state = recall.recalled(weights, generator.choice(spins([1, -1])[0], 120))
        assert np.all(state * (weights @ state) >= 0)


def test_a_cue_has_so_many_units_turned():
    pattern = np.ones(50, np.int32)
    assert recall.cue_of(pattern, 0.1, np.random.default_rng(0)).sum() == 40 and pattern.sum() == 50


def test_the_overlap_solves_the_three_equations():
    """m = erf(m/sqrt(2 a r)), r = 1/(1 - C)^2, C = sqrt(2/(pi a r)) exp(-m^2/(2 a r)), r by iteration."""
    for load, m in zip((0.05, 0.1, 0.13), theory.overlap([0.05, 0.1, 0.13]), strict=True):
        r = 1.0
        for _ in range(500):
            c = np.sqrt(2 / (np.pi * load * r)) * np.exp(-(m**2) / (2 * load * r))
            r = 1 / (1 - c) ** 2
        assert m == pytest.approx(erf(m / np.sqrt(2 * load * r)), abs=1e-6)


def test_the_capacity_is_the_known_one():
    assert theory.capacity() == pytest.approx(0.138, abs=2e-4)
    assert theory.overlap(theory.capacity())[0] == pytest.approx(0.967, abs=1e-3)
    assert theory.overlap(0.001)[0] == pytest.approx(1, abs=1e-12)


def test_stored_patterns_come_back_and_others_do_not(folder):
    with h5py.File(folder / "hopfield.h5") as file:
        np.testing.assert_array_equal(file["load"][:], np.array([1, 3, 24]) / 60)
        pattern, cue, unseen = (file[name][:] for name in recall.STARTS)
        assert file.attrs["neurons"] == 60
    assert pattern.shape == cue.shape == unseen.shape == (2, 3, 3)
    assert np.all(pattern[:, 0, 0] == 1) and np.all(cue[:, 0, 0] == 1) and np.isnan(pattern[:, 0, 1:]).all()
    assert np.all(pattern[:, 1] > 0.9) and cue[:, 2].mean() < 0.7 and np.all(np.abs(unseen[:, 0, 0]) < 0.5)


def test_it_says_and_draws_what_it_found(folder):
    said = analysis.describe(folder / "hopfield.h5").splitlines()
    assert len(said) == 5 and said[1].endswith("0.1379")
    assert said[2].startswith("P/N 0.017: 1.000 (0.000); 1.000 (0.000); ")
    assert (folder / "hopfield.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seeds_give_the_same_overlaps():
    draws = [recall.overlaps(40, (0.1, 0.3), 2, 0.1, np.random.default_rng(5)) for _ in range(2)]
    for name in recall.STARTS:
        np.testing.assert_array_equal(draws[0][name], draws[1][name])


def test_nothing_is_written_over_and_sizes_have_room(folder, tmp_path, capsys):
    assert_not_written_over(lambda: experiment("hopfield", *WORDS, "--out", folder), folder / "hopfield.h5", capsys)
    code = experiment("hopfield", "--neurons", 10**8, "--out", tmp_path / "x")
    assert_one_line(code, capsys, "100000000 x 100000000 weights")
    assert not (tmp_path / "x").exists()
    assert_one_line(experiment("hopfield", "--neurons", 0, "--out", tmp_path / "x"), capsys, "--neurons must be >= 1")


def test_a_file_without_a_recall_is_refused(folder, tmp_path):
    path = tmp_path / "hopfield.h5"
    path.write_bytes((folder / "hopfield.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["from_cue"][0, 1] = np.nan
    store.seal(path)
    with Result(path) as result, pytest.raises(ResultError, match="must have a recall at every load and seed"):
        analysis.recall_in(result)
