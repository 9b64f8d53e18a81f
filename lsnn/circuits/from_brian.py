"""An ordinary Brian2 network as a circuit: `lsnn.from_brian2`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import brian2 as br
from brian2.core.magic import collect
from brian2.core.namespace import get_local_namespace

from lsnn.circuits.circuit import Circuit
from lsnn.circuits.groups_read import population_of
from lsnn.circuits.namespaces import quantity, refuse
from lsnn.circuits.parts import Readout
from lsnn.circuits.synapses_read import added_to, projections_of, require_plain, source_of
from lsnn.validation import require

GROUPS = (br.NeuronGroup, br.PoissonGroup, br.SpikeGeneratorGroup)
IGNORED = (br.SpikeMonitor, br.StateMonitor, br.PopulationRateMonitor, br.EventMonitor, br.Clock)


def from_brian2(
    *objects: Any, namespace: Mapping[str, Any] | None = None, readout: Readout | None = None,
    scale: Mapping[str, Any] | None = None, learnt: Mapping[str, tuple[str, ...]] | None = None, gamma: float = 0.3,
) -> Circuit:  # fmt: skip
    """A Brian2 network, or its objects, as a circuit that has exact gradients: `lsnn.from_brian2`.

    Taken are NeuronGroups, Synapses whose `on_pre` adds to variables of the target, PoissonGroups and
    SpikeGeneratorGroups, with their values and delays as they are now. Monitors are left out. What cannot be taken is
    refused with the object and the line (docs/guide/brian2.md).

    Args:
        objects: a `brian2.Network`, objects or lists of them; without any, those that `brian2.run` would take.
        namespace: values of names that objects have no namespace for; those of the calling function by default.
        readout: leaky sums of spikes, which Brian2 networks have none of.
        scale: unit of the surrogate derivative of a NeuronGroup by its name; by default from reset to threshold.
        learnt: parameters whose gradient is wanted, by name of the group. gamma: damping of the surrogate derivative.

    Raises:
        InputError: something that cannot be taken.
    """
    around = dict(get_local_namespace(1)) if namespace is None else dict(namespace)
    things = _flat(objects) if objects else sorted(collect(1), key=lambda thing: thing.name)
    groups = [thing for thing in things if isinstance(thing, GROUPS)]
    synapses = [thing for thing in things if isinstance(thing, br.Synapses)]
    for thing in things:
        if type(thing) not in (*GROUPS, br.Synapses) and not isinstance(thing, IGNORED):
            refuse(thing, "", "", f"a {type(thing).__name__} cannot be taken (docs/guide/brian2.md)")
    dt = _common_dt([*groups, *synapses])
    ports: dict[str, list[str]] = {group.name: [] for group in groups}
    for each in synapses:
        require_plain(each)
        for end in (each.source, each.target):
            if source_of(end).name not in ports:
                refuse(each, "", "", f"its group {source_of(end).name!r} is not among the objects")
        known = ports[source_of(each.target).name]
        known += [name for name in added_to(each) if name not in known]
    scales, learning = scale or {}, learnt or {}
    for name in {*scales, *learning}:
        require(name in ports, "scale and learnt", f"of groups among {', '.join(ports)}", name)
    populations = [
        population_of(group, tuple(ports[group.name]), around, scales.get(group.name))
        for group in sorted(groups, key=lambda group: group.name)
    ]
    populations = [replace(p, learnt=tuple(learning.get(p.name, ()))) for p in populations]
    projections = [p for each in sorted(synapses, key=lambda s: s.name) for p in projections_of(each, around, dt)]
    return Circuit(populations, projections, readout, quantity(dt, br.second.dim), gamma=gamma)


def _flat(objects: Iterable[Any]) -> list[Any]:
    """The Brian2 objects in networks and lists, each once."""
    found: list[Any] = []
    for thing in objects:
        if isinstance(thing, br.Network):
            found += thing.objects
        elif isinstance(thing, list | tuple | set):
            found += _flat(thing)
        else:
            found.append(source_of(thing))
    return list({id(thing): thing for thing in found}.values())


def _common_dt(things: Iterable[Any]) -> float:
    """The time step that all objects share, in seconds."""
    steps: dict[float, Any] = {}
    for thing in things:
        for part in (thing, *getattr(thing, "_pathways", [])):
            steps.setdefault(float(part.clock.dt), thing)
    require(bool(steps), "objects", "at least one group of neurons", list(things))
    if len(steps) > 1:
        dt, thing = list(steps.items())[1]
        refuse(thing, "dt", f"{dt} s", f"all objects must have one time step, others have {next(iter(steps))} s")
    return next(iter(steps))
