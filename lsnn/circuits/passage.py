"""Samples of a circuit through time: eight side by side, in parts of time that fit into memory."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from lsnn.arrays.spikes import packed
from lsnn.circuits.driving import Drive
from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.sent import Sent
from lsnn.errors import DivergedError
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import Record, State, Weights, record_zeros
from lsnn.kernels.simd import LANES
from lsnn.validation import precision_of

MOST_BYTES = 64 * 2**20  # of the state variables in a part of time
NEVER = 1e30  # steps for which a lane without a sample is refractory


class Passage:
    """What takes a circuit forwards under a drive, a part of time after the other.

    Attributes:
        steps, samples, dt: of the run.
    """

    def __init__(
        self, circuit: LaidOut, drive: Drive, dtype: Any, of_inputs: bool = False,
        weights_of: Callable[[Any, int], Weights] | None = None,
    ) -> None:  # fmt: skip
        (samples, steps), self.circuit, self.drive, self.dt = drive.shape, circuit, drive, circuit.dt
        self.samples, self.steps, self.dtype, self._of_inputs = samples, steps, precision_of(dtype), of_inputs
        planes = 2 * circuit.planes * circuit.n_neurons if drive.currents or of_inputs else 0
        rows = max(1, MOST_BYTES // ((circuit.n_slots + planes) * LANES * self.dtype.itemsize))
        self._room = min(rows, steps) if planes else 0  # of the delay ring
        self._weights = (weights_of or circuit.weights)(self.dtype, self._room)
        ring = circuit.ring + self._room
        self._sent = Sent(self._weights.inputs, circuit.n_neurons, ring, circuit.planes) if planes else None
        self._ends = [*range(0, steps, rows), steps]
        self._record = record_zeros(
            min(rows, steps), circuit.n_neurons, circuit.n_slots, circuit.n_in, circuit.n_out, self.dtype
        )

    @property
    def _module(self) -> ModuleType:  # not kept, so that a run can be pickled
        return network_module(self.circuit.models)

    @property
    def longest(self) -> int:
        """Steps of a part of time."""
        return len(self._record.y)

    def _parts(self) -> Iterator[tuple[int, int]]:
        return zip(self._ends[:-1], self._ends[1:], strict=True)

    def _rows(self, chosen: np.ndarray, first: int, last: int, state: State) -> Record:
        """The record of a part of time, with what it is given written into it, or into what is under way."""
        record = Record(*(array[: last - first] for array in self._record))
        circuit, n = self.circuit, len(chosen)
        if self.drive.currents:
            assert self._sent is not None
            self._sent.send(self._numbers(chosen, first, last), first, state.pending)
        else:
            for name, cells in circuit.cells.items():
                record.input_spikes[:, cells] = packed(self.drive.spikes[name][chosen, first:last])
        for (name, variable), values in self.drive.driven.items():
            part = values[chosen, first:last].transpose(1, 2, 0)
            record.x[:, circuit.driven(name)[variable], :n] = part
        return record

    def _numbers(self, chosen: np.ndarray, first: int, last: int) -> np.ndarray:
        """Inputs that are numbers, (T, n_in, 8)."""
        found = np.zeros((last - first, self.circuit.n_in, LANES), self.dtype)
        for name, cells in self.circuit.cells.items():
            found[:, cells, : len(chosen)] = self.drive.spikes[name][chosen, first:last].transpose(1, 2, 0)
        return found

    def forward(self, chosen: np.ndarray, begins: Callable[[State], None]) -> Iterator[tuple[int, int, Record]]:
        """Take up to eight samples through all parts of time: first step, end and record of each.

        Args:
            begins: is given the state before each part.

        Raises:
            DivergedError: a state variable left the range of numbers.
        """
        state, n = self.circuit.start(self.dtype, self._room), len(chosen)
        state.refractory[:, n:] = NEVER  # lanes without a sample never spike
        for first, last in self._parts():
            begins(state)
            record = self._rows(chosen, first, last, state)
            self._module.replay(first, self._weights, state, record)
            yield first, last, record
            self._require_finite(state, n, last)

    def _require_finite(self, state: State, n: int, step: int) -> None:
        for name, variables in self.circuit.variables.items():
            for variable, slots in variables.items():
                if not np.isfinite(state.x[slots, :n]).all():
                    when = f"by step {step} ({1000 * step * self.dt:g} ms): a smaller dt may help"
                    raise DivergedError(f"{variable} of population {name} is not finite {when}")
