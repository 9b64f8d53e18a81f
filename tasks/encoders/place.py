"""Place cells: the maze's place on a grid of Gaussian place fields."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import documented, parameter
from lsnn.kernels.draws import ENCODER, step_key
from lsnn.kernels.entry import at_least, entry
from lsnn.validation import require, require_integer, require_number
from tasks.encoders.spikes import (
    DT_MS,
    MAZE_OBSERVATION,
    MOST_CELLS,
    MOST_ON_A_SIDE,
    OUT_OF_POOL,
    REACH,
    SPIKES,
    MazeCells,
    numbers_and_counts,
    require_rate,
    spike_alike,
    spike_anyhow,
    spike_line,
)

_PLACE_HEAD = 6  # numbers before those of the rows in the parameters of `PlaceCells`


def of_places(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
    """A rule: the parameters of `PlaceCells`."""
    numbers_and_counts(_PLACE_HEAD + 2, 2, 3)(name, parameters, given)
    rows = parameters[_PLACE_HEAD:]
    holds = len(rows) % 2 == 0 and bool(np.all((rows >= 0) & (rows <= MOST_ON_A_SIDE)))
    require(holds, name, "two counts a row of the grid after the head", parameters)


@entry(observation=at_least(MAZE_OBSERVATION), parameters=of_places, **SPIKES)
@njit(error_model="numpy")
def encode_places(key, t, observation, parameters, spikes, bit):
    """Encode (x, y, on_platform, wall) by `PlaceCells`; the cells of each row of the grid are one line."""
    width, peak = parameters[0], parameters[1]
    n_reward, n_wall, flag = int(parameters[2]), int(parameters[3]), parameters[4]
    n_side = (len(parameters) - _PLACE_HEAD) // 2
    skipped, held = parameters[_PLACE_HEAD : _PLACE_HEAD + n_side], parameters[_PLACE_HEAD + n_side :]
    x, y = observation[0], observation[1]
    stepped = step_key(key, t, ENCODER)
    spacing = 2.0 / n_side
    in_pool = x * x + y * y < OUT_OF_POOL
    offset = 0
    for row in range(n_side):
        n_cells = int(held[row])
        distance = -1.0 + (row + 0.5) * spacing - y
        if in_pool and abs(distance) <= REACH * width:
            row_peak = peak * math.exp(-0.5 * (distance / width) ** 2)
            left = -1.0 + (skipped[row] + 0.5) * spacing
            spike_line(stepped, x, left, spacing, n_cells, width, row_peak, offset, spikes, bit)
        offset += n_cells
    if in_pool:
        spike_anyhow(stepped, offset, parameters[5], spikes, bit)
    if observation[2] > 0.0:
        spike_alike(stepped, n_reward, flag, offset, spikes, bit)
    if observation[3] > 0.0:
        spike_alike(stepped, n_wall, flag, offset + n_reward, spikes, bit)


@documented
@dataclass(frozen=True)
class PlaceCells(MazeCells):
    """Place cells on a square grid over the pool, with reward and wall cells (ours).

    Rate of the cell with centre c: rate_hz exp(-|c - position|^2 / (2 width^2)). Centres are the middles of
    grid_side x grid_side squares that tile [-1, 1]^2; those farther than `pool_margin` from the centre are left out
    (60 of 64 remain). Reward and wall cells fire at flag_rate_hz while their flag is up and are silent else. While the
    animal is in the pool every place cell fires `background_hz` more, wherever it is.
    """

    grid_side: int = parameter(
        8, "centres of the place fields are the middles of so many by so many squares", unit="cells"
    )
    width: float = parameter(0.2, "standard deviation of a place field", unit="pool radius")
    rate_hz: float = parameter(500.0, "rate of a cell at its centre", unit="Hz", source="recalled")
    reward_cells: int = parameter(8, "cells that fire on the platform", unit="cells")
    wall_cells: int = parameter(8, "cells that fire at the wall", unit="cells")
    flag_rate_hz: float = parameter(500.0, "rate of reward and wall cells", unit="Hz", source="recalled")
    pool_margin: float = parameter(1.1, "cells farther from the pool's centre are left out", unit="pool radius")
    background_hz: float = parameter(0.0, "noise, fired by every place cell wherever the animal is", unit="Hz")

    module = "tasks.encoders.place"
    function = "encode_places"

    def __post_init__(self) -> None:
        require_integer("grid_side", self.grid_side, 1, MOST_ON_A_SIDE)
        require_number("width", self.width, 1e-3)
        require_integer("reward_cells", self.reward_cells, 0, MOST_CELLS)
        require_integer("wall_cells", self.wall_cells, 0, MOST_CELLS)
        require_number("pool_margin", self.pool_margin, 1.0)
        require_rate("rate_hz", self.rate_hz)
        require_rate("flag_rate_hz", self.flag_rate_hz)
        require_rate("background_hz", self.background_hz)

    def _kept(self) -> NDArray[np.bool_]:
        """Which squares of the grid hold a cell; (row, column), in a row side by side.

        A square just as far from the centre as the margin may count as within it or not, as rounding has it.
        """
        middles = -1.0 + (np.arange(self.grid_side) + 0.5) * 2.0 / self.grid_side
        return np.hypot(middles[:, None], middles[None, :]) <= self.pool_margin

    def centres(self) -> NDArray[np.float64]:
        """Centres (place cells, 2) as (x, y), in the order of the inputs: row by row, y and then x rising."""
        row, column = np.nonzero(self._kept())
        return -1.0 + (np.stack([column, row], axis=1) + 0.5) * 2.0 / self.grid_side

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        return ("place", int(self._kept().sum())), ("reward", self.reward_cells), ("wall", self.wall_cells)

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""
        return sum(size for _, size in self.channels)

    def origin(self, coarse: "PlaceCells") -> NDArray[np.int64] | None:
        """Which cell of a coarser encoder each cell refines, (n_inputs,): for a place cell the nearest.

        None if the encoders differ in more than their numbers of cells, if a cell of the coarser one is left out, or
        if it has no cell of a kind that this one has.
        """
        numbers = {name: getattr(coarse, name) for name in ("grid_side", "reward_cells", "wall_cells")}
        if replace(self, **numbers) != coarse:
            return None
        squared = np.sum((self.centres()[:, None] - coarse.centres()) ** 2, axis=-1)
        parts, before = [squared.argmin(axis=1)], squared.shape[1]
        for (_, fine), (_, few) in zip(self.channels[1:], coarse.channels[1:], strict=True):
            if fine and not few:
                return None
            parts.append(before + np.arange(fine) * few // max(fine, 1))
            before += few
        origin = np.concatenate(parts)
        return origin if len(np.unique(origin)) == coarse.n_inputs else None

    def parameters(self) -> NDArray[np.float64]:
        """Width, peak probability, reward cells, wall cells, flag and background probability; of each row of the grid
        the squares left out before the first cell; of each row its cells."""
        peak, flag = self.rate_hz * DT_MS / 1000.0, self.flag_rate_hz * DT_MS / 1000.0
        kept = self._kept()
        head = [self.width, peak, self.reward_cells, self.wall_cells, flag, self.background_hz * DT_MS / 1000.0]
        return np.concatenate([head, kept.argmax(axis=1), kept.sum(axis=1)]).astype(float)
