"""A network as lists of populations and models, for its file: one population of input cells, up to three of neurons."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lsnn.equations.host import host_model
from lsnn.network import NetworkConfig
from lsnn.neurons import NeuronModel, is_told

INPUT, INPUT_KIND, NEURON_KIND = "input", "input spikes", "neurons"
_GIVEN = {  # parameters that the network gives: field of the configuration where it has one value, unit, meaning
    "b0": ("b0", "1", "threshold without adaptation"),
    "beta": (None, "1", "strength of the adaptation"),
    "tau_m": (None, "ms", "membrane time constant"),
    "tau_a": ("tau_a_ms", "ms", "time constant of the adaptation"),
    "t_ref": ("refractory_ms", "ms", "refractory time"),
}
DRAWN = ("tau_m", "beta")  # what a network has a value of for each neuron


class Population(NamedTuple):
    """Cells of one kind, side by side."""

    name: str
    cells: slice  # numbers of its cells as sources of synapses: input cells first, then neurons
    neurons: slice  # numbers of its neurons; empty for input cells
    model: NeuronModel | None  # none of input cells
    sign: int  # of all its synapses; 0 = each has its own

    @property
    def size(self) -> int:
        """Cells."""
        return self.cells.stop - self.cells.start


class Constant(NamedTuple):
    """A `(constant)` parameter of a model."""

    value: float | None  # None: each neuron has its own
    unit: str
    meaning: str


def populations_of(config: NetworkConfig, n_in: int) -> list[Population]:
    """The populations that have cells, in the order of their cells; neighbours of one name are one."""
    c, first = config, n_in
    found = [Population(INPUT, slice(0, n_in), slice(0, 0), None, 0)]
    kinds = zip(c.population_names, (c.n_excitatory, c.n_inhibitory, c.n_adaptive), (1, -1, 1), (0, 0, 1), strict=True)
    for name, size, sign, model in kinds:
        start = found.pop().cells.start if found[-1].name == name else first
        first += size
        neurons = slice(start - n_in, first - n_in)
        found.append(Population(name, slice(start, first), neurons, c.models[model], sign if c.dale else 0))
    return [population for population in found if population.size]


def constants_of(model: NeuronModel, config: NetworkConfig) -> dict[str, Constant]:
    """The `(constant)` parameters of a model by name; those that each neuron has its own of have no value."""
    module = host_model(model).module
    own = {row.name: row for row in model.parameters}
    found = {}
    for name, value in getattr(module, f"PARAMETERS_{model.name}").items():
        if name in model.learnt:
            found[name] = Constant(None, unit_of(model, name), "learnt")
        elif value is None:
            key, unit, meaning = _GIVEN[name]
            found[name] = Constant(None if key is None else float(getattr(config, key)), unit, meaning)
        else:
            row = own[name]
            found[name] = Constant(*_plain(row.value, row.unit, value, model, name), f"{row.symbol}; {row.source}")
    return found


def drawn_constant(name: str) -> Constant:
    """What is kept of each neuron though its model may not have it."""
    _, unit, meaning = _GIVEN[name]
    return Constant(None, unit, f"{meaning}: drawn, but no parameter of this model")


def _plain(text: str, unit: str, si: float, model: NeuronModel, name: str) -> tuple[float, str]:
    """Value and unit as the model's table has them, or in SI if the value is an expression."""
    try:
        return float(text), unit
    except ValueError:
        return float(si), unit_of(model, name)


def unit_of(model: NeuronModel, name: str) -> str:
    """The unit that the equations declare for a variable or parameter, an SI one without a prefix."""
    declared = re.compile(rf"\s*(?:d{name}\s*/\s*dt\s*=.*|{name}\s*(?:=.*)?):\s*([^(#]+)")
    matches = (declared.match(line) for line in model.equations.splitlines())
    return next((match.group(1).strip() for match in matches if match), "SI")


def model_texts(model: NeuronModel) -> dict[str, Any]:
    """Attributes of a model: its strings, and the variables that synapses add to."""
    left_out = ("name", "parameters")
    texts = {key: value for key, value in model._asdict().items() if key not in left_out and is_told(key, value)}
    port, kept = texts.pop("synaptic"), texts.pop("kept")
    return texts | {
        "initial": json.dumps(dict(model.initial)),
        "ports": json.dumps([port]),
        "kept": json.dumps([port] if kept else []),
    }


def models_of(populations: list[Population]) -> dict[str, NeuronModel]:
    """Each model once, by name."""
    return {population.model.name: population.model for population in populations if population.model is not None}


class Pair(NamedTuple):
    """Two populations between which synapses may run, to one port."""

    name: str
    source: Population
    target: Population
    port: str


def pairs_of(populations: list[Population]) -> Iterator[Pair]:
    """All pairs in order of source and target."""
    for source in populations:
        for target in populations:
            if target.model is not None:
                yield Pair(f"{source.name}_to_{target.name}", source, target, target.model.synaptic)
