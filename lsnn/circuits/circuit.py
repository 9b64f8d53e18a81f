"""A network as data: `lsnn.Circuit`."""

from typing import Any

import numpy as np
import xarray

from lsnn.circuits.driving import drive_of
from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.running import CircuitGradients, Run, run
from lsnn.validation import require_flag, require_integer


class Circuit(LaidOut):
    """A network as data, with any number of populations, projections and ports: `lsnn.Circuit`.

    What may be changed between two runs, in SI units: `weight[projection]` (S,), `delay[projection]` (S,)
    of those whose delays learn, `parameters[population][name]` and
    `initial[population][name]` (size,), `readout_weight` (neurons of its sources, outputs), `bias` (outputs,), `tau`;
    of a list of readouts each by name, as `readout_weight["value"]`.
    Called on inputs (samples, steps, cells) it gives its readout.

    Args:
        populations, projections, readout: its parts; a readout, or a list of readouts with names of their own.
        dt: the time step, 1 ms by default.
        seed: of whatever is drawn.
        gamma, detach_reset: of the gradient: damping of the surrogate derivative, and whether the spike of the reset of
            a membrane is taken for a constant.

    Raises:
        InputError: parts that do not fit each other, values in another unit or of another sign than their port takes.
    """

    def run(self, steps: int | None = None, **how: Any) -> Any:
        """Run it from its start, eight samples side by side.

        Args:
            steps: how many; by default those of the inputs.
            inputs: spikes of the input cells by name, (samples, steps, n) or (steps, n); of one population as they are.
                What is not given is what the cells have of themselves: spike times, or Poisson spikes drawn by `seed`.
            currents: whether inputs are numbers of any size, which go through the synapses as spikes of that size.
            driven: values with units of driven variables, by (population, variable), likewise; they may stand among the
                inputs as well.
            samples: how many, where no input says so. record: names of state variables to be recorded.
            dtype: precision, float64 by default. gradient: whether `Run.gradient` will be asked for.
            scored: pairs of population and state variable that a loss is taken of, for `Run.gradient(d_state=...)`.
            record_to: a file that all is recorded to while it runs, in bounded memory, for `lsnn.open_record`; it
                appears whole or not at all. What comes back reads it. overwrite: whether one that exists is replaced.

        Returns:
            A `lsnn.circuits.running.Run`; with `record_to` a `lsnn.circuits.run_file.FiledRun`.

        Raises:
            InputError: an argument does not fit, or no place for a file. StoreError: it could not be written.
            DivergedError: a state variable left the range of numbers.
        """
        return run(self, steps, **how)

    def __call__(self, inputs: Any, currents: bool = False, seed: int = 0) -> xarray.DataArray:
        """The readout under inputs: (sample, time, output), time in ms. Arguments and errors are those of `run`.

        Outputs of a list of readouts follow each other, and are called `action_0`, `action_1`, `value`.
        """
        y: np.ndarray = self.run(inputs=inputs, currents=currents, seed=seed).outputs
        time = xarray.DataArray(np.arange(y.shape[1]) * 1000 * self.dt, dims="time", attrs={"units": "ms"})
        coordinates = {"time": time} | ({} if self.labels is None else {"output": self.labels})
        return xarray.DataArray(y, coordinates, ("sample", "time", "output"), "readout", {"units": "1"})

    def gradient(self, inputs: Any, slope: Any, currents: bool = False, seed: int = 0) -> CircuitGradients:
        """The gradient of everything, of the inputs as well, for an L of the readout.

        Args:
            inputs, currents, seed: as of `run`. slope: dL/d(readout), (samples, steps, outputs), or by readout.

        Raises:
            InputError: an argument that does not fit.
        """
        require_flag("currents", currents)
        require_integer("seed", seed, 0, 2**63 - 1)
        drive = drive_of(self, inputs, seed=seed, currents=currents)
        return Run(self, drive, (), np.float64, gradient=True, of_inputs=True).gradient(slope)
