"""What a run of a circuit left, with named axes and units."""

from typing import Any, Protocol

import numpy as np
import pandas
import xarray

from lsnn.circuits.laid_out import LaidOut, equations_of


class Left(Protocol):
    """A run of a circuit (`lsnn.circuits.running.Run`)."""

    circuit: LaidOut
    outputs: np.ndarray
    samples: int
    steps: int
    dt: float

    def spikes(self, population: str) -> np.ndarray:
        """(samples, steps, n) bool."""
        ...

    def events(self, population: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sample, time in seconds and neuron of each spike."""
        ...

    @property
    def recorded(self) -> dict[tuple[str, str], np.ndarray]:
        """State variables that were recorded, by population and variable."""
        ...


def dataset_of(run: Left) -> xarray.Dataset:
    """Readout, spikes and recorded state variables: (sample, time, ...), time in ms.

    Spikes of a population P are called `spikes_P` with the axis `neuron_P`, a state variable `VARIABLE_P`.
    """
    coordinates = {
        "sample": np.arange(run.samples),
        "time": ("time", np.arange(run.steps) * 1000 * run.dt, {"units": "ms"}),
    }
    found: dict[str, Any] = {"readout": (("sample", "time", "output"), run.outputs, {"units": "1"})}
    for p in (*run.circuit.cells, *run.circuit.neurons):
        found[f"spikes_{p}"] = (("sample", "time", f"neuron_{p}"), run.spikes(p), {"units": "1"})
    for (p, variable), values in run.recorded.items():
        attributes = {"units": unit_of(run.circuit, p, variable)}
        found[f"{variable}_{p}"] = (("sample", "time", f"neuron_{p}"), values, attributes)
    return xarray.Dataset(found, coordinates)


def table_of(run: Left) -> pandas.DataFrame:
    """A row a spike: sample, time_ms, population, neuron; those of input cells come first."""
    parts = []
    for p in (*run.circuit.cells, *run.circuit.neurons):
        sample, seconds, neuron = run.events(p)
        parts.append(pandas.DataFrame({"sample": sample, "time_ms": 1000 * seconds, "population": p, "neuron": neuron}))
    table = pandas.concat(parts, ignore_index=True)
    table.attrs["units"] = {"sample": "1", "time_ms": "ms", "population": "1", "neuron": "1"}
    return table


def unit_of(circuit: LaidOut, population: str, variable: str) -> str:
    """The SI unit of a state variable, "1" for none."""
    from brian2.units.fundamentalunits import get_unit_for_display

    return str(get_unit_for_display(equations_of(circuit.population(population))[variable].dim))
