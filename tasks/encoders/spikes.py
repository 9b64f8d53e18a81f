"""What all encoders share: the drawing of spikes, and the rules of what a cell may be."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numba import njit

from lsnn.kernels.draws import uniform_of
from lsnn.kernels.entry import Rule, at_least, octets, whole
from lsnn.validation import require, require_number

DT_MS = 1.0
SILENT = 1e-6
REACH = math.sqrt(-2.0 * math.log(SILENT))  # a Gaussian is `SILENT` this many standard deviations from its centre
MAZE_OBSERVATION = 4  # x, y, on_platform, wall
MAZE_LOW, MAZE_HIGH = (-1.0, -1.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0)
OUT_OF_POOL = 1.5  # squared radius; the wall is at 1, the corner (1, 1) at 2
MOST_CELLS = 100_000  # of one kind
MOST_ON_A_SIDE = 300  # of a grid
SPIKES = {"spikes": octets, "bit": whole(0, 255)}  # rules for what every compiled encoder is given


class MazeCells:
    """What the encoders of the water maze share: they read (x, y, on_platform, wall)."""

    n_observation = MAZE_OBSERVATION
    low: ClassVar[tuple[float, ...]] = MAZE_LOW  # of each number of the observation
    high: ClassVar[tuple[float, ...]] = MAZE_HIGH


@njit(error_model="numpy")
def as_index(x, low, high):
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
    first = as_index(np.ceil((value - centre - REACH * width) / spacing), 0, n_cells)
    last = as_index(np.floor((value - centre + REACH * width) / spacing), -1, n_cells - 1)
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


def numbers_and_counts(length: int, *counts: int) -> Rule:
    """A rule for parameters: a row of at least so many finite numbers, those at some places being counts of cells."""

    def rule(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
        at_least(length)(name, parameters, given)
        require(bool(np.isfinite(parameters).all()), name, "finite", parameters)
        for place in counts:
            require(parameters[place] in range(MOST_CELLS + 1), f"{name}, number {place},", "a count", parameters)

    return rule


def require_rate(name: str, rate_hz: float) -> None:
    require_number(name, rate_hz, 0.0)
    require(rate_hz * DT_MS <= 1000.0, name, "at most 1000 Hz, so that rate x dt is a probability", rate_hz)
