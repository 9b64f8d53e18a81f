"""Coordinate cells: the maze's place as x and y, each on a line of Gaussian cells."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import documented, parameter
from lsnn.kernels.draws import ENCODER, step_key
from lsnn.kernels.entry import at_least, entry
from lsnn.validation import require_integer, require_number
from tasks.encoders.spikes import (
    DT_MS,
    MAZE_OBSERVATION,
    MOST_CELLS,
    OUT_OF_POOL,
    SPIKES,
    MazeCells,
    numbers_and_counts,
    require_rate,
    spike_alike,
    spike_anyhow,
    spike_line,
)


@entry(observation=at_least(MAZE_OBSERVATION), parameters=numbers_and_counts(7, 0, 3, 4), **SPIKES)
@njit(error_model="numpy")
def encode_coordinates(key, t, observation, parameters, spikes, bit):
    """Encode (x, y, on_platform, wall) by `CoordinateCells`."""
    n_cells, width, peak = int(parameters[0]), parameters[1], parameters[2]
    n_reward, n_wall, flag = int(parameters[3]), int(parameters[4]), parameters[5]
    x, y = observation[0], observation[1]
    stepped = step_key(key, t, ENCODER)
    if x * x + y * y < OUT_OF_POOL:
        spacing = 2.0 / (n_cells - 1)
        spike_line(stepped, x, -1.0, spacing, n_cells, width, peak, 0, spikes, bit)
        spike_line(stepped, y, -1.0, spacing, n_cells, width, peak, n_cells, spikes, bit)
        spike_anyhow(stepped, 2 * n_cells, parameters[6], spikes, bit)
    if observation[2] > 0.0:
        spike_alike(stepped, n_reward, flag, 2 * n_cells, spikes, bit)
    if observation[3] > 0.0:
        spike_alike(stepped, n_wall, flag, 2 * n_cells + n_reward, spikes, bit)


@documented
@dataclass(frozen=True)
class CoordinateCells(MazeCells):
    """The input of Bellec et al. (2018), as recalled: Gaussian cells for x and for y, reward and wall cells.

    Rate of the cell with centre x_i: rate_hz exp(-sharpness (x_i - x)^2), centres equally spaced over [-1, 1].
    Reward and wall cells fire at flag_rate_hz while their flag is up and are silent else. While the animal is in the
    pool every coordinate cell fires `background_hz` more, wherever it is.
    """

    cells_per_coordinate: int = parameter(40, "cells for each of x and y", unit="cells", source="recalled")
    sharpness: float = parameter(
        100.0, "rate = rate_hz exp(-sharpness (x_i - x)^2)", unit="1/pool radius^2", source="recalled"
    )
    rate_hz: float = parameter(500.0, "rate of a cell at its centre", unit="Hz", source="recalled")
    reward_cells: int = parameter(40, "cells that fire on the platform", unit="cells", source="recalled")
    wall_cells: int = parameter(40, "cells that fire at the wall", unit="cells", source="recalled")
    flag_rate_hz: float = parameter(500.0, "rate of reward and wall cells", unit="Hz", source="recalled")
    background_hz: float = parameter(0.0, "noise, fired by every coordinate cell wherever the animal is", unit="Hz")

    module = "tasks.encoders.coordinate"
    function = "encode_coordinates"

    def __post_init__(self) -> None:
        require_integer("cells_per_coordinate", self.cells_per_coordinate, 2, MOST_CELLS)
        require_number("sharpness", self.sharpness, 1e-6)
        require_integer("reward_cells", self.reward_cells, 0, MOST_CELLS)
        require_integer("wall_cells", self.wall_cells, 0, MOST_CELLS)
        require_rate("rate_hz", self.rate_hz)
        require_rate("flag_rate_hz", self.flag_rate_hz)
        require_rate("background_hz", self.background_hz)

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        return (
            ("x", self.cells_per_coordinate),
            ("y", self.cells_per_coordinate),
            ("reward", self.reward_cells),
            ("wall", self.wall_cells),
        )

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""
        return sum(size for _, size in self.channels)

    def parameters(self) -> NDArray[np.float64]:
        """Cells a coordinate, Gaussian width, peak probability, reward cells, wall cells, flag and background
        probability."""
        width = math.sqrt(0.5 / self.sharpness)
        peak, flag = self.rate_hz * DT_MS / 1000.0, self.flag_rate_hz * DT_MS / 1000.0
        head = [self.cells_per_coordinate, width, peak, self.reward_cells, self.wall_cells, flag]
        return np.array([*head, self.background_hz * DT_MS / 1000.0], float)
