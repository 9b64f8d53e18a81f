"""Losses of state variables: what a loss adds to dL/dx at the threshold stands in slots of the record, backwards."""

import copy
from collections.abc import Sequence
from typing import TypeVar

from lsnn.circuits.laid_out import LaidOut
from lsnn.populations import slots_of
from lsnn.validation import require

Scored = tuple[str, str]  # a population and one of its state variables
C = TypeVar("C", bound=LaidOut)


def with_scored(circuit: C, scored: Sequence[Scored]) -> C:
    """The circuit with room for dL/dx of state variables; the spikes are the same.

    Raises:
        InputError: what is no pair of a population and one of its state variables.
    """
    pairs = isinstance(scored, list | tuple)
    require(pairs, "scored", "a list of pairs of population and state variable", scored)
    if not len(scored):
        return circuit
    known = [(name, variable) for name, slots in circuit.variables.items() for variable in slots]
    for pair in scored:
        pair = tuple(pair) if isinstance(pair, list) else pair
        require(pair in known, "scored", f"pairs of population and state variable among {known}", pair)
    found = copy.copy(circuit)
    found.__dict__.pop("hosts", None)  # those of the models before
    models = []
    for name, model in zip(circuit.neurons, circuit.models, strict=True):
        own = tuple(dict.fromkeys(variable for p, variable in map(tuple, scored) if p == name))
        named = f"{model.name}_{'_'.join(('scored', *own))}"
        models.append(model._replace(name=named, scored=own) if own else model)
    found.models = tuple(models)
    return found


def places_of(circuit: LaidOut) -> dict[Scored, slice]:
    """The slots of dL/dx, by population and variable."""
    found: dict[Scored, slice] = {}
    for name, host, slots in zip(circuit.neurons, circuit.hosts, slots_of(circuit.groups), strict=True):
        size = circuit.population(name).size
        first = slots.stop - (len(host.scored) + len(host.driven)) * size
        found |= {(name, v): slice(first + i * size, first + (i + 1) * size) for i, v in enumerate(host.scored)}
    return found
