"""Input cells against their tuning curves."""

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.task import Encoder
from tasks import encoders
from tasks.encoders import CoordinateCells, FlagCells, GaussianPopulation, PlaceCells

STEPS = 4000


def spikes_of(encoder: Encoder, observation, steps: int = STEPS, key: int = 3, bit: int = 1) -> np.ndarray:
    """Spikes (steps, n_inputs) of one episode that keeps showing one observation."""
    encode, parameters = getattr(encoders, encoder.function), encoder.parameters()
    spikes = np.zeros((steps, encoder.n_inputs), np.uint8)
    for t in range(steps):
        encode(np.uint64(key), t, np.asarray(observation, float), parameters, spikes[t], np.uint8(bit))
    return spikes


def assert_binomial(spikes: np.ndarray, probability: np.ndarray) -> None:
    """Counts within five standard deviations (and two spikes) of their expectation."""
    expected = len(spikes) * probability
    assert np.all(np.abs(spikes.sum(axis=0) - expected) <= 5 * np.sqrt(expected * (1 - probability)) + 2)


@pytest.mark.parametrize("encoder", [CoordinateCells(), PlaceCells(), GaussianPopulation((0.0,), (1.0,))])
def test_encoders_offer_what_a_network_needs(encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.module == "tasks.encoders"
    assert sum(size for _, size in encoder.channels) == encoder.n_inputs


def test_sizes() -> None:
    assert CoordinateCells().n_inputs == 160
    assert PlaceCells().channels == (("place", 60), ("reward", 8), ("wall", 8))
    assert GaussianPopulation((0.0, 0.0), (1.0, 2.0), cells_per_dimension=12).n_inputs == 24


@pytest.mark.parametrize("place", [(0.31, -0.52), (-1.0, 0.0), (0.0, 0.99)])
def test_coordinate_cells_follow_the_formula_of_the_paper(place) -> None:
    centres = np.linspace(-1.0, 1.0, 40)
    tuning = [0.5 * np.exp(-100.0 * (centres - coordinate) ** 2) for coordinate in place]
    spikes = spikes_of(CoordinateCells(), [*place, 0.0, 0.0])
    assert_binomial(spikes, np.concatenate([*tuning, np.zeros(80)]))
    assert not spikes[:, 80:].any()


@pytest.mark.parametrize("place", [(0.31, -0.52), (-0.9, 0.2), (0.0, 1.0)])
def test_place_cells_follow_a_gaussian_round_their_centres(place) -> None:
    encoder = PlaceCells()
    distance = np.hypot(*(encoder.centres() - place).T)
    tuning = 0.5 * np.exp(-(distance**2) / (2 * 0.2**2))
    spikes = spikes_of(encoder, [*place, 0.0, 0.0])
    assert_binomial(spikes, np.concatenate([tuning, np.zeros(16)]))
    assert not spikes[:, 60:].any()


def test_place_cells_tile_the_pool() -> None:
    centres = PlaceCells().centres()
    assert len(np.unique(centres, axis=0)) == 60
    assert np.hypot(*centres.T).max() <= 1.1
    assert set(np.abs(centres).ravel()) == {0.125, 0.375, 0.625, 0.875}


def test_population_follows_a_gaussian_in_each_dimension() -> None:
    encoder = GaussianPopulation((-2.0, 0.0), (2.0, 10.0), cells_per_dimension=9, rate_hz=800.0)
    centres = np.linspace(-2.0, 2.0, 9), np.linspace(0.0, 10.0, 9)
    value = (0.7, 4.0)
    tuning = [
        0.8 * np.exp(-((line - x) ** 2) / (2 * (line[1] - line[0]) ** 2))
        for line, x in zip(centres, value, strict=True)
    ]
    assert_binomial(spikes_of(encoder, value), np.concatenate(tuning))


@pytest.mark.parametrize("place", [(0.7, 4.0), (-2.0, 9.9), (9.0, -7.0)])
def test_a_grid_encodes_two_dimensions_together(place) -> None:
    encoder = GaussianPopulation((-2.0, 0.0, 0.0), (2.0, 10.0, 1.0), cells_per_dimension=5, rate_hz=800.0, grid_side=9)
    assert encoder.channels == (("grid", 81), ("dimension_2", 5))
    x, y = np.clip(place[0], -2, 2), np.clip(place[1], 0, 10)
    row = np.exp(-((np.linspace(-2.0, 2.0, 9) - x) ** 2) / (2 * 0.5**2))
    column = np.exp(-((np.linspace(0.0, 10.0, 9) - y) ** 2) / (2 * 1.25**2))
    line = np.exp(-((np.linspace(0.0, 1.0, 5) - 0.3) ** 2) / (2 * 0.25**2))
    tuning = 0.8 * np.concatenate([np.outer(column, row).ravel(), line])
    assert_binomial(spikes_of(encoder, [*place, 0.3]), tuning)


def test_population_clips_to_its_range() -> None:
    encoder = GaussianPopulation((-1.0,), (1.0,))
    assert np.array_equal(spikes_of(encoder, [7.0], 100), spikes_of(encoder, [1.0], 100))


@pytest.mark.parametrize("encoder", [CoordinateCells(), PlaceCells(flag_rate_hz=250.0)])
def test_flag_cells_fire_while_their_flag_is_up(encoder) -> None:
    (*_, (_, reward), (_, wall)) = encoder.channels
    probability = encoder.flag_rate_hz / 1000.0
    places = encoder.n_inputs - reward - wall
    up = spikes_of(encoder, [0.0, 0.0, 1.0, 0.0])[:, places:]
    assert_binomial(up, np.repeat([probability, 0.0], [reward, wall]))
    assert not up[:, reward:].any()
    assert_binomial(spikes_of(encoder, [0.0, 0.0, 0.0, 1.0])[:, places:], np.repeat([0.0, probability], [reward, wall]))


def test_groups_of_flag_cells_fire_while_their_flag_is_up() -> None:
    encoder = FlagCells(("first", "second", "third"), cells_per_flag=4, flag_rate_hz=250.0)
    assert encoder.channels == (("first", 4), ("second", 4), ("third", 4)) and encoder.n_inputs == 12
    spikes = spikes_of(encoder, [1.0, 0.0, 1.0])
    assert_binomial(spikes, np.repeat([0.25, 0.0, 0.25], 4))
    assert not spikes[:, 4:8].any() and not spikes_of(encoder, [0.0, 0.0, 0.0], steps=50).any()


@pytest.mark.parametrize("encoder", [CoordinateCells(), PlaceCells()])
def test_a_blank_is_silent(encoder) -> None:
    assert not spikes_of(encoder, [1.0, 1.0, 0.0, 0.0], 500).any()


def test_cells_and_steps_are_independent() -> None:
    spikes = spikes_of(CoordinateCells(rate_hz=0.0), [0.0, 0.0, 1.0, 0.0])[:, 80:120].astype(float)
    neighbours = np.mean((spikes[:, :-1] - 0.5) * (spikes[:, 1:] - 0.5))
    successive = np.mean((spikes[:-1] - 0.5) * (spikes[1:] - 0.5))
    assert abs(neighbours) < 5 * 0.25 / np.sqrt(spikes[:, 1:].size)
    assert abs(successive) < 5 * 0.25 / np.sqrt(spikes[1:].size)


def test_spikes_are_a_function_of_key_and_step_in_the_bit_of_their_lane() -> None:
    observation = [0.2, 0.1, 1.0, 0.0]
    first = spikes_of(PlaceCells(), observation, 50)
    assert np.array_equal(spikes_of(PlaceCells(), observation, 50, bit=16), 16 * first)
    assert not np.array_equal(spikes_of(PlaceCells(), observation, 50, key=4), first)


def test_other_lanes_keep_their_bits() -> None:
    spikes = np.full(76, 0b10, np.uint8)
    encoder = PlaceCells(flag_rate_hz=1000.0)
    encoders.encode_places(np.uint64(1), 0, np.array([0.0, 0.0, 1.0, 0.0]), encoder.parameters(), spikes, np.uint8(1))
    assert set(spikes[60:68]) == {0b11} and set(spikes[68:]) == {0b10}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlaceCells(rate_hz=1001.0), "rate_hz must be at most 1000 Hz, .* received 1001"),
        (lambda: PlaceCells(rate_hz=-1.0), "rate_hz must be a number of at least 0"),
        (lambda: CoordinateCells(flag_rate_hz=2000.0), "flag_rate_hz must be at most 1000 Hz"),
        (lambda: CoordinateCells(sharpness=0.0), "sharpness must be"),
        (lambda: CoordinateCells(cells_per_coordinate=1), "cells_per_coordinate must be an integer of at least 2"),
        (lambda: PlaceCells(width=0.0), "width must be"),
        (lambda: PlaceCells(grid_side=0), "grid_side must be an integer of at least 1"),
        (lambda: PlaceCells(wall_cells=-1), "wall_cells must be an integer of at least 0"),
        (lambda: GaussianPopulation((0.0,), (1.0,), grid_side=4), "grid_side must be 0, or at least 2"),
        (lambda: GaussianPopulation((0.0, 0.0), (1.0, 1.0), grid_side=1), "grid_side must be 0, or at least 2"),
        (lambda: GaussianPopulation((), ()), "low must be one finite number a dimension"),
        (lambda: GaussianPopulation((0.0,), (np.inf,)), "high must be a number"),
        (lambda: GaussianPopulation((1.0,), (1.0,)), "high must be above low"),
        (lambda: GaussianPopulation((0.0,), (1.0, 2.0)), "high must be as long as low"),
        (lambda: FlagCells(()), "flags must be one name a flag"),
        (lambda: FlagCells(("a",), cells_per_flag=0), "cells_per_flag must be an integer of at least 1"),
        (lambda: FlagCells(("a",), flag_rate_hz=1001.0), "flag_rate_hz must be at most 1000 Hz"),
    ],
)
def test_bad_parameters_are_named(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()
