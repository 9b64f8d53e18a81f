"""Encoders: input cells that turn an observation into spikes, shared by all tasks.

Each cell spikes in a step with probability rate x dt (dt = 1 ms), independently of the others. A Gaussian cell whose
rate is below a millionth of its peak is taken as silent, so that only cells near the observed value need a draw.

How many cells a compiled encoder has to deal with follows from the lengths of its arrays, and no cell beyond the end of
`spikes` is ever written.

`CoordinateCells` and `PlaceCells` read the water maze's observation (x, y, on_platform, wall): pool of radius 1, flags
0 or 1. A place outside the pool (the corner (1, 1) while the animal is held between trials) excites no cell.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import ENCODER, step_key, uniform_of
from lsnn.kernels.entry import Rule, at_least, entry, numbers, octets, whole
from lsnn.validation import require, require_integer, require_number

DT_MS = 1.0
SILENT = 1e-6
_REACH = math.sqrt(-2.0 * math.log(SILENT))  # a Gaussian is `SILENT` this many standard deviations from its centre
MAZE_OBSERVATION = 4  # x, y, on_platform, wall
_OUT_OF_POOL = 1.5  # squared radius; the wall is at 1, the corner (1, 1) at 2
MOST_CELLS = 100_000  # of one kind
MOST_ON_A_SIDE = 300  # of a grid
_FARTHEST, _NARROWEST = 1e300, 1e-100  # end and width of a range: beyond these the tuning curve has no finite numbers
_PLACE_HEAD = 6  # numbers before those of the rows in the parameters of `PlaceCells`


@njit(error_model="numpy")
def _index(x, low, high):
    """A whole number as an index, at least low and at most high; low if it is not a number."""
    if x > low:
        return high if x >= high else int(x)
    return low


@njit(error_model="numpy")
def spike_line(stepped, value, centre, spacing, n_cells, width, peak, offset, spikes, bit):
    """Draw the spikes of Gaussian cells whose centres are equally spaced on a line.

    P(cell i spikes) = peak exp(-(c_i - value)^2 / (2 width^2)), c_i = centre + i spacing, i = 0 .. n_cells - 1.

    Args:
        stepped: step key of stream ENCODER.
        value: the encoded number.
        offset: input index of cell 0.
        spikes: (uint8, n_inputs); cell i sets `bit` in spikes[offset + i].
    """
    n_cells = max(0, min(n_cells, len(spikes) - offset)) if offset >= 0 else 0
    first = _index(np.ceil((value - centre - _REACH * width) / spacing), 0, n_cells)
    last = _index(np.floor((value - centre + _REACH * width) / spacing), -1, n_cells - 1)
    distance = centre + first * spacing - value
    halved = 0.5 / (width * width)
    probability = peak * math.exp(-distance * distance * halved)
    ratio = math.exp(-(2.0 * distance + spacing) * spacing * halved)
    curvature = math.exp(-2.0 * spacing * spacing * halved)
    for i in range(first, last + 1):
        if uniform_of(stepped, offset + i) < probability:
            spikes[offset + i] |= bit
        probability *= ratio
        ratio *= curvature


@njit(error_model="numpy")
def spike_alike(stepped, n_cells, probability, offset, spikes, bit):
    """Draw the spikes of `n_cells` cells, from input `offset` on, that all spike with one probability."""
    for i in range(max(0, offset), min(offset + n_cells, len(spikes))):
        if uniform_of(stepped, i) < probability:
            spikes[i] |= bit


@njit(error_model="numpy")
def spike_anyhow(stepped, n_cells, probability, spikes, bit):
    """Draw the background spikes of cells 0 .. n_cells - 1, independent of those they fire in their fields."""
    if probability > 0.0:
        for i in range(min(n_cells, len(spikes))):
            if uniform_of(stepped, len(spikes) + i) < probability:
                spikes[i] |= bit


def _numbers(length: int, *counts: int) -> Rule:
    """A rule for parameters: a row of at least so many finite numbers, those at some places being counts of cells."""

    def rule(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
        at_least(length)(name, parameters, given)
        require(bool(np.isfinite(parameters).all()), name, "finite", parameters)
        for place in counts:
            require(parameters[place] in range(MOST_CELLS + 1), f"{name}, number {place},", "a count", parameters)

    return rule


def _of_places(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
    """A rule: the parameters of `PlaceCells`."""
    _numbers(_PLACE_HEAD + 2, 2, 3)(name, parameters, given)
    rows = parameters[_PLACE_HEAD:]
    holds = len(rows) % 2 == 0 and bool(np.all((rows >= 0) & (rows <= MOST_ON_A_SIDE)))
    require(holds, name, "two counts a row of the grid after the head", parameters)


def _of_population(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
    """A rule: the parameters of `GaussianPopulation`."""
    _numbers(5, 0, 2)(name, parameters, given)
    require(len(parameters) % 2 == 1, name, "three numbers and two ends a dimension", parameters)
    fits = parameters[2] == 0 or (parameters[2] <= MOST_ON_A_SIDE and len(parameters) >= 7)
    require(fits, f"{name}, the side of its grid,", f"at most {MOST_ON_A_SIDE}, and 0 with one dimension", parameters)


_SPIKES = {"spikes": octets, "bit": whole(0, 255)}


@entry(observation=at_least(MAZE_OBSERVATION), parameters=_numbers(7, 0, 3, 4), **_SPIKES)
@njit(error_model="numpy")
def encode_coordinates(key, t, observation, parameters, spikes, bit):
    """Encode (x, y, on_platform, wall) by `CoordinateCells`."""
    n_cells, width, peak = int(parameters[0]), parameters[1], parameters[2]
    n_reward, n_wall, flag = int(parameters[3]), int(parameters[4]), parameters[5]
    x, y = observation[0], observation[1]
    stepped = step_key(key, t, ENCODER)
    if x * x + y * y < _OUT_OF_POOL:
        spacing = 2.0 / (n_cells - 1)
        spike_line(stepped, x, -1.0, spacing, n_cells, width, peak, 0, spikes, bit)
        spike_line(stepped, y, -1.0, spacing, n_cells, width, peak, n_cells, spikes, bit)
        spike_anyhow(stepped, 2 * n_cells, parameters[6], spikes, bit)
    if observation[2] > 0.0:
        spike_alike(stepped, n_reward, flag, 2 * n_cells, spikes, bit)
    if observation[3] > 0.0:
        spike_alike(stepped, n_wall, flag, 2 * n_cells + n_reward, spikes, bit)


@entry(observation=at_least(MAZE_OBSERVATION), parameters=_of_places, **_SPIKES)
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
    in_pool = x * x + y * y < _OUT_OF_POOL
    offset = 0
    for row in range(n_side):
        n_cells = int(held[row])
        distance = -1.0 + (row + 0.5) * spacing - y
        if in_pool and abs(distance) <= _REACH * width:
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


@entry(parameters=_of_population, observation=numbers(lambda given: (len(given["parameters"]) - 3) // 2), **_SPIKES)
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
        if abs(distance) <= _REACH:
            row_peak = peak * math.exp(-0.5 * distance * distance)
            spike_line(stepped, x, ranges[0], across, n_side, across, row_peak, row * n_side, spikes, bit)


@entry(parameters=_numbers(2, 0), observation=at_least(0), **_SPIKES)
@njit(error_model="numpy")
def encode_flags(key, t, observation, parameters, spikes, bit):
    """Encode a vector of flags by `FlagCells`."""
    n_cells, flag = int(parameters[0]), parameters[1]
    stepped = step_key(key, t, ENCODER)
    for i in range(len(observation)):
        if observation[i] > 0.0:
            spike_alike(stepped, n_cells, flag, i * n_cells, spikes, bit)


def _require_rate(name: str, rate_hz: float) -> None:
    require_number(name, rate_hz, 0.0)
    require(rate_hz * DT_MS <= 1000.0, name, "at most 1000 Hz, so that rate x dt is a probability", rate_hz)


@documented
@dataclass(frozen=True)
class CoordinateCells:
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

    module = "tasks.encoders"
    function = "encode_coordinates"

    def __post_init__(self) -> None:
        require_integer("cells_per_coordinate", self.cells_per_coordinate, 2, MOST_CELLS)
        require_number("sharpness", self.sharpness, 1e-6)
        require_integer("reward_cells", self.reward_cells, 0, MOST_CELLS)
        require_integer("wall_cells", self.wall_cells, 0, MOST_CELLS)
        _require_rate("rate_hz", self.rate_hz)
        _require_rate("flag_rate_hz", self.flag_rate_hz)
        _require_rate("background_hz", self.background_hz)

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
    def n_observation(self) -> int:
        """Numbers in the observation that it reads."""
        return MAZE_OBSERVATION

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


@documented
@dataclass(frozen=True)
class PlaceCells:
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

    module = "tasks.encoders"
    function = "encode_places"

    def __post_init__(self) -> None:
        require_integer("grid_side", self.grid_side, 1, MOST_ON_A_SIDE)
        require_number("width", self.width, 1e-3)
        require_integer("reward_cells", self.reward_cells, 0, MOST_CELLS)
        require_integer("wall_cells", self.wall_cells, 0, MOST_CELLS)
        require_number("pool_margin", self.pool_margin, 1.0)
        _require_rate("rate_hz", self.rate_hz)
        _require_rate("flag_rate_hz", self.flag_rate_hz)
        _require_rate("background_hz", self.background_hz)

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
    def n_observation(self) -> int:
        """Numbers in the observation that it reads."""
        return MAZE_OBSERVATION

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

    module = "tasks.encoders"
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
        _require_rate("rate_hz", self.rate_hz)

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


@documented
@dataclass(frozen=True)
class FlagCells:
    """A group of cells for each flag of the observation: at flag_rate_hz while it is up, silent else."""

    flags: tuple[str, ...] = parameter(meaning="the name of each flag", unit=NOTHING)
    cells_per_flag: int = parameter(25, "cells of a group", unit="cells", source="read: `n_in` 100 over 4 groups")
    flag_rate_hz: float = parameter(100.0, "rate while the flag is up", unit="Hz", source="ours; read: `f0` 50")

    module = "tasks.encoders"
    function = "encode_flags"

    def __post_init__(self) -> None:
        object.__setattr__(self, "flags", tuple(self.flags))
        require(len(self.flags) > 0, "flags", "one name a flag", self.flags)
        require_integer("cells_per_flag", self.cells_per_flag, 1, MOST_CELLS)
        _require_rate("flag_rate_hz", self.flag_rate_hz)

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        return tuple((name, self.cells_per_flag) for name in self.flags)

    @property
    def n_observation(self) -> int:
        """Numbers in the observation that it reads."""
        return len(self.flags)

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""
        return len(self.flags) * self.cells_per_flag

    def parameters(self) -> NDArray[np.float64]:
        """Cells a flag, their probability."""
        return np.array([self.cells_per_flag, self.flag_rate_hz * DT_MS / 1000.0], float)
