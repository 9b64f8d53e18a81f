"""A network as data: `lsnn.Circuit`."""

from typing import Any

from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.running import Run, run


class Circuit(LaidOut):
    """A network as data, with any number of populations, projections and ports: `lsnn.Circuit`.

    What may be changed between two runs, in SI units: `weight[projection]` (S,), `parameters[population][name]` and
    `initial[population][name]` (size,), `readout_weight` (neurons of its sources, outputs), `bias` (outputs,), `tau`.

    Args:
        populations, projections, readout: its parts.
        dt: the time step, 1 ms by default.
        seed: of whatever is drawn.
        gamma, detach_reset: of the gradient: damping of the surrogate derivative, and whether the spike of the reset of
            a membrane is taken for a constant.

    Raises:
        InputError: parts that do not fit each other, values in another unit or of another sign than their port takes.
    """

    def run(self, steps: int | None = None, **how: Any) -> Run:
        """Run it from its start, eight samples side by side.

        Args:
            steps: how many; by default those of the inputs.
            inputs: spikes of the input cells by name, (samples, steps, n) or (steps, n); of one population as they are.
                What is not given is what the cells have of themselves: spike times, or Poisson spikes drawn by `seed`.
            driven: values with units of driven variables, by (population, variable), likewise.
            samples: how many, where no input says so. record: names of state variables to be recorded.
            dtype: precision, float64 by default. gradient: whether `Run.gradient` will be asked for.

        Raises:
            InputError: an argument does not fit. DivergedError: a state variable left the range of numbers.
        """
        return run(self, steps, **how)
