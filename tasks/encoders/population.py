"""Gaussian populations: any bounded vector, each number on a line of cells."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import documented, parameter
from lsnn.kernels.draws import ENCODER, step_key
from lsnn.kernels.entry import entry, numbers
from lsnn.validation import require, require_integer, require_number
from tasks.encoders.spikes import (
    DT_MS,
    MOST_CELLS,
    MOST_ON_A_SIDE,
    REACH,
    SPIKES,
    numbers_and_counts,
    require_rate,
    spike_line,
)

_FARTHEST, _NARROWEST = 1e300, 1e-100  # end and width of a range: beyond these the tuning curve has no finite numbers


def _of_population(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
    """A rule: the parameters of `GaussianPopulation`."""
    numbers_and_counts(5, 0, 2)(name, parameters, given)
    require(len(parameters) % 2 == 1, name, "three numbers and two ends a dimension", parameters)
    fits = parameters[2] == 0 or (parameters[2] <= MOST_ON_A_SIDE and len(parameters) >= 7)
    require(fits, f"{name}, the side of its grid,", f"at most {MOST_ON_A_SIDE}, and 0 with one dimension", parameters)


@entry(parameters=_of_population, observation=numbers(lambda given: (len(given["parameters"]) - 3) // 2), **SPIKES)
@njit(error_model="numpy")
def encode_population(key, t, observation, parameters, spikes, bit):
    """Encode any vector by `GaussianPopulation`, clipping each dimension to its range."""
    n_cells, peak, n_side = int(parameters[0]), parameters[1], int(parameters[2])
    ranges = parameters[3:]
    stepped = step_key(key, t, ENCODER)
    first = 0
    if n_side > 0:
        _encode_grid(stepped, observation, ranges, n_side, peak, spikes, bit)
        first = 2
    for dimension in range(first, len(ranges) // 2):
        low, high = ranges[2 * dimension], ranges[2 * dimension + 1]
        spacing = (high - low) / (n_cells - 1)
        value = min(max(observation[dimension], low), high)
        offset = n_side * n_side + (dimension - first) * n_cells
        spike_line(stepped, value, low, spacing, n_cells, spacing, peak, offset, spikes, bit)


@njit(error_model="numpy")
def _encode_grid(stepped, observation, ranges, n_side, peak, spikes, bit):
    """Encode the first two numbers together; ranges: low and high of both. The cells of a row are one line."""
    x, y = min(max(observation[0], ranges[0]), ranges[1]), min(max(observation[1], ranges[2]), ranges[3])
    across, up = (ranges[1] - ranges[0]) / (n_side - 1), (ranges[3] - ranges[2]) / (n_side - 1)
    for row in range(n_side):
        distance = (ranges[2] + row * up - y) / up
        if abs(distance) <= REACH:
            row_peak = peak * math.exp(-0.5 * distance * distance)
            spike_line(stepped, x, ranges[0], across, n_side, across, row_peak, row * n_side, spikes, bit)


@documented
@dataclass(frozen=True)
class GaussianPopulation:
    """A line of Gaussian cells for each dimension of any bounded observation.

    Centres are equally spaced over [low, high], the standard deviation is their spacing; values beyond the range
    are encoded as its end.
    """

    low: tuple[float, ...] = parameter(
        meaning="least value of each dimension; an unbounded one needs a range of your choice",
        unit="of the observation",
    )
    high: tuple[float, ...] = parameter(meaning="greatest value of each dimension", unit="of the observation")
    cells_per_dimension: int = parameter(16, "cells on the line of a dimension", unit="cells")
    rate_hz: float = parameter(500.0, "rate of a cell at its centre", unit="Hz")
    grid_side: int = parameter(
        0,
        "the first two dimensions together, as places are: on a grid of so many by so many, each cell's rate the "
        "product of a Gaussian of each; 0 = each on a line",
        unit="cells",
    )

    module = "tasks.encoders.population"
    function = "encode_population"

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", tuple(float(x) for x in self.low))
        object.__setattr__(self, "high", tuple(float(x) for x in self.high))
        require(len(self.low) > 0, "low", "one finite number a dimension", self.low)
        require(len(self.high) == len(self.low), "high", f"as long as low ({len(self.low)})", self.high)
        for low, high in zip(self.low, self.high, strict=True):
            require_number("low", low, -_FARTHEST, _FARTHEST)
            require_number("high", high, -_FARTHEST, _FARTHEST)
            require(high - low >= _NARROWEST, "high", f"above low ({low:g}) in every dimension", high)
        require_integer("cells_per_dimension", self.cells_per_dimension, 2, MOST_CELLS)
        require_integer("grid_side", self.grid_side, 0, MOST_ON_A_SIDE)
        holds = self.grid_side == 0 or (self.grid_side > 1 and len(self.low) > 1)
        require(holds, "grid_side", "0, or at least 2 with two dimensions or more", self.grid_side)
        require_rate("rate_hz", self.rate_hz)

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        grid = (("grid", self.grid_side**2),) if self.grid_side else ()
        lines = range(2 if self.grid_side else 0, len(self.low))
        return grid + tuple((f"dimension_{i}", self.cells_per_dimension) for i in lines)

    @property
    def n_observation(self) -> int:
        """Numbers in the observation that it reads."""
        return len(self.low)

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""
        return sum(size for _, size in self.channels)

    def parameters(self) -> NDArray[np.float64]:
        """Cells a dimension, peak probability, side of the grid; low and high of each dimension."""
        ranges = np.stack([self.low, self.high], axis=1).ravel()
        return np.concatenate([[self.cells_per_dimension, self.rate_hz * DT_MS / 1000.0, self.grid_side], ranges])
