"""Place cells, and cells for cues that announce which of several platforms a trial has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import documented, parameter
from lsnn.kernels.draws import ENCODER, step_key
from lsnn.kernels.entry import at_least, entry
from lsnn.validation import require, require_integer
from tasks.encoders.place import PlaceCells, encode_places, of_places
from tasks.encoders.spikes import MAZE_HIGH, MAZE_LOW, MAZE_OBSERVATION, MOST_CELLS, SPIKES, spike_alike

CUES = 4


def _of_cued_places(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
    """A rule: cells a cue, then the parameters of `PlaceCells`."""
    at_least(1)(name, parameters, given)
    require(parameters[0] in range(MOST_CELLS + 1), f"{name}, number 0,", "a count", parameters)
    of_places(name, parameters[1:], given)


@entry(observation=at_least(MAZE_OBSERVATION + CUES), parameters=_of_cued_places, **SPIKES)
@njit(error_model="numpy")
def encode_cued_places(key, t, observation, parameters, spikes, bit):
    """Encode (x, y, on_platform, wall, a flag a cue) by `CuedPlaceCells`; the cells of cues are the last ones."""
    encode_places(key, t, observation, parameters[1:], spikes, bit)
    stepped, cells = step_key(key, t, ENCODER), int(parameters[0])
    first, flag = len(spikes) - CUES * cells, parameters[5]
    for cue in range(CUES):
        if observation[MAZE_OBSERVATION + cue] > 0.0:
            spike_alike(stepped, cells, flag, first + cue * cells, spikes, bit)


@documented
@dataclass(frozen=True)
class CuedPlaceCells(PlaceCells):
    """The cells of `PlaceCells` and, for each of four cues, cells that fire at flag_rate_hz while it is shown."""

    cue_cells: int = parameter(20, "cells of each cue", unit="cells")

    module = "tasks.encoders.cued_place"
    function = "encode_cued_places"
    n_observation = MAZE_OBSERVATION + CUES
    low: ClassVar[tuple[float, ...]] = MAZE_LOW + (0.0,) * CUES
    high: ClassVar[tuple[float, ...]] = MAZE_HIGH + (1.0,) * CUES

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer("cue_cells", self.cue_cells, 1, MOST_CELLS)

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        return (*super().channels, *((f"cue {cue + 1}", self.cue_cells) for cue in range(CUES)))

    def parameters(self) -> NDArray[np.float64]:
        """Cells a cue, then the parameters of `PlaceCells`."""
        return np.concatenate([[float(self.cue_cells)], super().parameters()])
