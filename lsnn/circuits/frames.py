"""What a run of a circuit left, with named axes and units."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np
import pandas
import xarray

from lsnn.circuits.laid_out import LaidOut, equations_of
from lsnn.errors import InputError
from lsnn.validation import require


class Left(Protocol):
    """A run of a circuit (`lsnn.circuits.running.Run`, or one in a file)."""

    circuit: LaidOut
    samples: int
    steps: int
    dt: float

    @property
    def outputs(self) -> Any:
        """The readout, (samples, steps, outputs)."""
        ...

    def spikes(self, population: str) -> Any:
        """(samples, steps, n) bool."""
        ...

    def events(self, population: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sample, time in seconds and neuron of each spike."""
        ...

    @property
    def recorded(self) -> Mapping[tuple[str, str], Any]:
        """State variables that were recorded, by population and variable."""
        ...


def dataset_of(run: Left) -> xarray.Dataset:
    """Readout, spikes and recorded state variables: (sample, time, ...), time in ms.

    Spikes of a population P are called `spikes_P` with the axis `neuron_P`, a state variable `VARIABLE_P`.
    """
    coordinates: dict[str, Any] = {
        "sample": np.arange(run.samples),
        "time": ("time", np.arange(run.steps) * 1000 * run.dt, {"units": "ms"}),
    }
    if run.circuit.labels is not None:
        coordinates["output"] = run.circuit.labels
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


def column_of(circuit: LaidOut, name: Any) -> slice:
    """The outputs of a readout; InputError if there is none of that name."""
    columns = circuit.columns
    known = isinstance(name, str) and name in columns
    require(known, "readout", f"one of {', '.join(columns) or 'none'}", name)
    return columns[name]


def require_recorded(states: Collection[tuple[str, str]], population: str, variable: str) -> None:
    """InputError unless a state variable of a population is among those that were recorded."""
    if (population, variable) not in states:
        known = ", ".join(f"{variable} of {p}" for p, variable in states) or "no state variable"
        rule = f"run(..., record=({variable!r},)) records it, if it is one"
        raise InputError(f"{variable!r} of {population!r} was not recorded ({known} was): {rule}")


def unit_of(circuit: LaidOut, population: str, variable: str) -> str:
    """The SI unit of a state variable, "1" for none."""
    from brian2.units.fundamentalunits import get_unit_for_display

    return str(get_unit_for_display(equations_of(circuit.population(population))[variable].dim))
