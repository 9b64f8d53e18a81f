"""Input cells against their tuning curves."""

import importlib

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.task import Encoder
from tasks.encoders import CoordinateCells, FlagCells, GaussianPopulation, PlaceCells

STEPS = 4000


def compiled(encoder: Encoder):
    """The compiled function of an encoder."""
    return getattr(importlib.import_module(encoder.module), encoder.function)


def spikes_of(encoder: Encoder, observation, steps: int = STEPS, key: int = 3, bit: int = 1) -> np.ndarray:
    """Spikes (steps, n_inputs) of one episode that keeps showing one observation."""
    encode, parameters = compiled(encoder), encoder.parameters()
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
    assert encoder.module == type(encoder).__module__
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
def test_a_dark_is_silent(encoder) -> None:
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


GUARD = 64
MARGIN_SIDES = range(2, 200)


def guarded_spikes(encoder: Encoder, observation) -> tuple[np.ndarray, np.ndarray]:
    """The spikes of a step, and the bytes on both sides of where they are written."""
    encode, room = compiled(encoder), np.full(encoder.n_inputs + 2 * GUARD, 0b1010, np.uint8)
    spikes = room[GUARD:-GUARD]
    spikes[:] = 0
    encode(np.uint64(1), 0, np.asarray(observation, float), encoder.parameters(), spikes, np.uint8(1))
    return spikes, np.concatenate([room[:GUARD], room[-GUARD:]])


def margins_that_round_apart(side: int) -> np.ndarray:
    """Distances of cells from the centre that rounding makes smaller than those of their mirror images."""
    middles = -1.0 + (np.arange(side) + 0.5) * 2.0 / side
    distance = np.hypot(middles[:, None], middles[None, :])
    smaller = np.minimum(distance, distance[:, ::-1])[distance != distance[:, ::-1]]
    return np.unique(smaller[smaller >= 1.0])


def assert_every_cell_fires_and_no_other(side: int, margin: float) -> None:
    """All cells are certain to fire: those of places, of reward and of the wall, each in its place."""
    encoder = PlaceCells(side, 1e300, 1000.0, 3, 2, 1000.0, margin)
    places = len(encoder.centres())
    for flags, expected in (((0, 0), (1, 0, 0)), ((1, 0), (1, 1, 0)), ((1, 1), (1, 1, 1))):
        spikes, guard = guarded_spikes(encoder, (0.1, 0.2, *flags))
        assert np.array_equal(spikes, np.repeat(expected, (places, 3, 2))), (side, margin)
        assert np.all(guard == 0b1010), (side, margin)


def test_a_margin_that_rounding_treats_unequally_left_and_right_gives_one_number_of_cells() -> None:
    """180 of these sides have such margins, at the very distance of a cell: the kernel once counted more cells."""
    margins = {side: margins_that_round_apart(side) for side in MARGIN_SIDES}
    assert np.count_nonzero([len(found) for found in margins.values()]) == 180
    assert 1.1401754250991378 in margins[10] and PlaceCells(10, pool_margin=1.1401754250991378).n_inputs == 92 + 16
    for side, found in margins.items():
        for margin in found[:: max(1, len(found) // 3)]:
            assert_every_cell_fires_and_no_other(side, float(margin))


@pytest.mark.long
def test_every_margin_that_rounding_treats_unequally_gives_one_number_of_cells() -> None:
    for side in MARGIN_SIDES:
        for margin in margins_that_round_apart(side):
            assert_every_cell_fires_and_no_other(side, float(margin))


def test_cells_that_lie_side_by_side_are_all_a_row_holds() -> None:
    """So two numbers a row say which squares hold a cell."""
    for side in (1, 2, 7, 10, 33, 64):
        for margin in (1.0, 1.1, 1.4, *margins_that_round_apart(side)):
            kept = PlaceCells(side, pool_margin=float(margin))._kept()
            edges = np.diff(np.pad(kept, ((0, 0), (1, 1))).astype(int), axis=1)
            assert np.all(np.count_nonzero(edges, axis=1) <= 2)


EDGES = [
    (PlaceCells(2, width=1e300, rate_hz=1000.0), (0.0, 0.0, 1.0, 1.0)),
    (PlaceCells(1, width=1e-3), (0.3, -0.2, 1.0, 1.0)),
    (CoordinateCells(2, sharpness=1e-6, rate_hz=1000.0), (1.0, -1.0, 1.0, 1.0)),
    (CoordinateCells(40, sharpness=1e308), (0.3, 0.2, 1.0, 1.0)),
    (GaussianPopulation((-1e300,) * 2, (1e300,) * 2, 2, 1000.0), (1e300, -1e300)),
    (GaussianPopulation((0.0,) * 3, (1e-100,) * 3, 2, 1000.0, 2), (0.0, 1.0, 0.0)),
    (FlagCells(("a", "b"), 1, 1000.0), (1.0, 1.0)),
]


@pytest.mark.parametrize("number", [None, np.nan, np.inf, -np.inf, 1e300, -1e300])
@pytest.mark.parametrize(("encoder", "observation"), EDGES)
def test_no_spike_lies_beyond_the_cells_whatever_is_observed(encoder, observation, number) -> None:
    shown = observation if number is None else (number,) * len(observation)
    assert np.all(guarded_spikes(encoder, shown)[1] == 0b1010)


def test_cells_wider_than_any_number_all_fire() -> None:
    """Their reach is no whole number of cells that an index can hold."""
    assert guarded_spikes(PlaceCells(8, width=1e300, rate_hz=1000.0), (0.0, 0.0, 0.0, 0.0))[0][:60].all()


def test_other_lanes_keep_their_bits() -> None:
    spikes = np.full(76, 0b10, np.uint8)
    encoder = PlaceCells(flag_rate_hz=1000.0)
    compiled(encoder)(np.uint64(1), 0, np.array([0.0, 0.0, 1.0, 0.0]), encoder.parameters(), spikes, np.uint8(1))
    assert set(spikes[60:68]) == {0b11} and set(spikes[68:]) == {0b10}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlaceCells(rate_hz=1001.0), "rate_hz must be at most 1000 Hz, .* received 1001"),
        (lambda: PlaceCells(rate_hz=-1.0), "rate_hz must be a number of at least 0"),
        (lambda: CoordinateCells(flag_rate_hz=2000.0), "flag_rate_hz must be at most 1000 Hz"),
        (lambda: CoordinateCells(sharpness=0.0), "sharpness must be"),
        (lambda: CoordinateCells(cells_per_coordinate=1), "cells_per_coordinate must be an integer from 2 to 100000"),
        (lambda: CoordinateCells(wall_cells=10**9), "wall_cells must be an integer from 0 to 100000"),
        (lambda: PlaceCells(width=0.0), "width must be"),
        (lambda: PlaceCells(grid_side=0), "grid_side must be an integer from 1 to 300"),
        (lambda: PlaceCells(grid_side=2**70), "grid_side must be an integer from 1 to 300"),
        (lambda: PlaceCells(wall_cells=-1), "wall_cells must be an integer from 0 to 100000"),
        (lambda: PlaceCells(reward_cells=2**70), "reward_cells must be an integer from 0 to 100000"),
        (lambda: GaussianPopulation((0.0,), (1.0,), grid_side=4), "grid_side must be 0, or at least 2"),
        (lambda: GaussianPopulation((0.0, 0.0), (1.0, 1.0), grid_side=1), "grid_side must be 0, or at least 2"),
        (lambda: GaussianPopulation((), ()), "low must be one finite number a dimension"),
        (lambda: GaussianPopulation((0.0,), (np.inf,)), "high must be a number"),
        (lambda: GaussianPopulation((1.0,), (1.0,)), "high must be above low"),
        (lambda: GaussianPopulation((0.0,), (5e-324,)), "high must be above low"),
        (lambda: GaussianPopulation((-1.7e308,), (1.7e308,)), "low must be a number from"),
        (lambda: GaussianPopulation((0.0,), (1.0,), cells_per_dimension=10**9), "cells_per_dimension must be"),
        (lambda: GaussianPopulation((0.0,) * 2, (1.0,) * 2, grid_side=10**9), "grid_side must be an integer from 0 to"),
        (lambda: GaussianPopulation((0.0,), (1.0, 2.0)), "high must be as long as low"),
        (lambda: FlagCells(()), "flags must be one name a flag"),
        (lambda: FlagCells(("a",), cells_per_flag=0), "cells_per_flag must be an integer from 1 to 100000"),
        (lambda: FlagCells(("a",), flag_rate_hz=1001.0), "flag_rate_hz must be at most 1000 Hz"),
    ],
)
def test_bad_parameters_are_named(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()
