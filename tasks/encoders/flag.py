"""Flag cells: a group of cells for each flag that is up or down."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import ENCODER, step_key
from lsnn.kernels.entry import at_least, entry
from lsnn.validation import require, require_integer
from tasks.encoders.spikes import DT_MS, MOST_CELLS, SPIKES, numbers_and_counts, require_rate, spike_alike


@entry(parameters=numbers_and_counts(2, 0), observation=at_least(0), **SPIKES)
@njit(error_model="numpy")
def encode_flags(key, t, observation, parameters, spikes, bit):
    """Encode a vector of flags by `FlagCells`."""
    n_cells, flag = int(parameters[0]), parameters[1]
    stepped = step_key(key, t, ENCODER)
    for i in range(len(observation)):
        if observation[i] > 0.0:
            spike_alike(stepped, n_cells, flag, i * n_cells, spikes, bit)


@documented
@dataclass(frozen=True)
class FlagCells:
    """A group of cells for each flag of the observation: at flag_rate_hz while it is up, silent else."""

    flags: tuple[str, ...] = parameter(meaning="the name of each flag", unit=NOTHING)
    cells_per_flag: int = parameter(25, "cells of a group", unit="cells", source="read: `n_in` 100 over 4 groups")
    flag_rate_hz: float = parameter(100.0, "rate while the flag is up", unit="Hz", source="ours; read: `f0` 50")

    module = "tasks.encoders.flag"
    function = "encode_flags"

    def __post_init__(self) -> None:
        object.__setattr__(self, "flags", tuple(self.flags))
        require(len(self.flags) > 0, "flags", "one name a flag", self.flags)
        require_integer("cells_per_flag", self.cells_per_flag, 1, MOST_CELLS)
        require_rate("flag_rate_hz", self.flag_rate_hz)

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        return tuple((name, self.cells_per_flag) for name in self.flags)

    @property
    def n_observation(self) -> int:
        """Numbers in the observation that it reads."""
        return len(self.flags)

    @property
    def low(self) -> tuple[float, ...]:
        """Least value of each number of the observation."""
        return (0.0,) * len(self.flags)

    @property
    def high(self) -> tuple[float, ...]:
        """Greatest value of each."""
        return (1.0,) * len(self.flags)

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""
        return len(self.flags) * self.cells_per_flag

    def parameters(self) -> NDArray[np.float64]:
        """Cells a flag, their probability."""
        return np.array([self.cells_per_flag, self.flag_rate_hz * DT_MS / 1000.0], float)
