"""The network and how it learns; knows no task. The public names below are imported when they are asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsnn.arrays.creating import create as create
    from lsnn.arrays.fitting import fit as fit
    from lsnn.arrays.spikes import spikes_from_times as spikes_from_times
    from lsnn.bridges.from_nir import from_nir as from_nir
    from lsnn.bridges.to_nir import to_nir as to_nir
    from lsnn.circuits.circuit import Circuit as Circuit
    from lsnn.circuits.from_brian import from_brian2 as from_brian2
    from lsnn.circuits.parts import Population as Population
    from lsnn.circuits.parts import Projection as Projection
    from lsnn.circuits.parts import Readout as Readout
    from lsnn.circuits.three_populations import circuit_of as circuit_of
    from lsnn.circuits.to_brian import to_brian2 as to_brian2
    from lsnn.circuits.values import normal as normal
    from lsnn.circuits.values import uniform as uniform
    from lsnn.errors import InputError as InputError
    from lsnn.errors import Interrupted as Interrupted
    from lsnn.files.results import compare as compare
    from lsnn.files.results import open_result as open_result
    from lsnn.files.saving import load as load
    from lsnn.files.saving import save as save
    from lsnn.simulation.opening import open_record as open_record
    from lsnn.simulation.record import SimulationRecord as SimulationRecord
    from lsnn.simulation.simulation import Simulation as Simulation
    from lsnn.simulation.simulation import simulate as simulate
    from lsnn.training import train as train

PUBLIC = {
    "Circuit": "lsnn.circuits.circuit",
    "InputError": "lsnn.errors",
    "Interrupted": "lsnn.errors",
    "Population": "lsnn.circuits.parts",
    "Projection": "lsnn.circuits.parts",
    "Readout": "lsnn.circuits.parts",
    "Simulation": "lsnn.simulation.simulation",
    "SimulationRecord": "lsnn.simulation.record",
    "circuit_of": "lsnn.circuits.three_populations",
    "compare": "lsnn.files.results",
    "create": "lsnn.arrays.creating",
    "fit": "lsnn.arrays.fitting",
    "from_brian2": "lsnn.circuits.from_brian",
    "from_nir": "lsnn.bridges.from_nir",
    "load": "lsnn.files.saving",
    "ms": "brian2",
    "normal": "lsnn.circuits.values",
    "open_record": "lsnn.simulation.opening",
    "open_result": "lsnn.files.results",
    "save": "lsnn.files.saving",
    "second": "brian2",
    "simulate": "lsnn.simulation.simulation",
    "spikes_from_times": "lsnn.arrays.spikes",
    "to_brian2": "lsnn.circuits.to_brian",
    "to_nir": "lsnn.bridges.to_nir",
    "train": "lsnn.training",
    "uniform": "lsnn.circuits.values",
}


BRIDGES = {"jax": "lsnn.bridges.jax", "torch": "lsnn.bridges.pytorch"}  # optional: of extras of the same names


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in BRIDGES:
        try:
            return import_module(BRIDGES[name])
        except ImportError as error:
            raise AttributeError(f"lsnn.{name} needs {name}: pip install 'lsnn[{name}]', got: {error}") from error
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("lsnn")
        except PackageNotFoundError:  # a clone that nobody has installed
            return "unknown"
    raise AttributeError(f"module 'lsnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC, *BRIDGES, "__version__"]
