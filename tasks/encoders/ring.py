"""Ring cells: an angle on a ring of tuned cells, and a group of cells for a cue."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import documented, parameter
from lsnn.kernels.draws import ENCODER, step_key, uniform_of
from lsnn.kernels.entry import entry, numbers
from lsnn.validation import require_integer, require_number
from tasks.encoders.spikes import DT_MS, MOST_CELLS, SPIKES, numbers_and_counts, require_rate, spike_alike

RING_OBSERVATION = 3  # x, y, cue


@entry(parameters=numbers_and_counts(5, 0, 3), observation=numbers(RING_OBSERVATION), **SPIKES)
@njit(error_model="numpy")
def encode_ring(key, t, observation, parameters, spikes, bit):
    """Encode (x, y, cue) by `RingCells`."""
    n_cells, peak, concentration = int(parameters[0]), parameters[1], parameters[2]
    stepped = step_key(key, t, ENCODER)
    strength = min(1.0, math.hypot(observation[0], observation[1]))
    if strength > 0.0:
        angle = math.atan2(observation[1], observation[0])
        for i in range(min(n_cells, len(spikes))):
            away = math.cos(angle - 2.0 * math.pi * i / n_cells) - 1.0
            if uniform_of(stepped, i) < strength * peak * math.exp(concentration * away):
                spikes[i] |= bit
    if observation[2] > 0.0:
        spike_alike(stepped, int(parameters[3]), parameters[4], n_cells, spikes, bit)


@documented
@dataclass(frozen=True)
class RingCells:
    """Cells on a ring that read (x, y, cue), each tuned to a direction of (x, y), and a group of cells for the cue.

    Cell i of n prefers c_i = 2 pi i / n. At an angle a it fires at r rate_hz exp((cos(a - c_i) - 1) / width^2), a von
    Mises curve; r is the length of (x, y), at most 1, so that nothing is shown with (0, 0).
    """

    n_cells: int = parameter(32, "cells on the ring", unit="cells")
    width_deg: float = parameter(20.0, "width of a tuning curve, a standard deviation where it is narrow", unit="deg")
    rate_hz: float = parameter(200.0, "rate of a cell at the angle that it prefers", unit="Hz")
    cue_cells: int = parameter(16, "cells of the cue", unit="cells")
    cue_rate_hz: float = parameter(100.0, "their rate while the cue is up", unit="Hz")

    module = "tasks.encoders.ring"
    function = "encode_ring"
    n_observation = RING_OBSERVATION
    low, high = (-1.0, -1.0, 0.0), (1.0, 1.0, 1.0)  # of each number of the observation

    def __post_init__(self) -> None:
        require_integer("n_cells", self.n_cells, 2, MOST_CELLS)
        require_number("width_deg", self.width_deg, 1.0, 180.0)
        require_integer("cue_cells", self.cue_cells, 1, MOST_CELLS)
        for name in ("rate_hz", "cue_rate_hz"):
            require_rate(name, getattr(self, name))

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells)."""
        return ("ring", self.n_cells), ("cue", self.cue_cells)

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""
        return self.n_cells + self.cue_cells

    def parameters(self) -> NDArray[np.float64]:
        """Cells of the ring, their peak probability, their concentration; cells of the cue, their probability."""
        concentration = 1.0 / math.radians(self.width_deg) ** 2
        cue = self.cue_rate_hz * DT_MS / 1000.0
        return np.array([self.n_cells, self.rate_hz * DT_MS / 1000.0, concentration, self.cue_cells, cue], float)

    def probabilities(self, angles: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probability of a spike in a step of each cell of the ring, (..., n_cells), at angles (...) in rad."""
        _, peak, concentration, *_ = self.parameters()
        away = np.cos(np.asarray(angles)[..., None] - 2.0 * np.pi * np.arange(self.n_cells) / self.n_cells) - 1.0
        return np.asarray(peak * np.exp(concentration * away))
