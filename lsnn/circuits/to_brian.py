"""A circuit as a Brian2 network: `lsnn.to_brian2`."""

from collections.abc import Mapping
from typing import Any

import brian2 as br
import numpy as np
from brian2.equations.equations import PARAMETER, SingleEquation

from lsnn.brian import strings_of
from lsnn.circuits.laid_out import LaidOut, equations_of
from lsnn.circuits.namespaces import quantity
from lsnn.circuits.parts import Population, Rates, Steps, Times
from lsnn.circuits.readouts import Read
from lsnn.equations.stepping import integrator
from lsnn.errors import InputError
from lsnn.neurons import NeuronModel
from lsnn.validation import require


def to_brian2(circuit: LaidOut, inputs: Mapping[str, Any] | None = None) -> br.Network:
    """A circuit as a `brian2.Network` with the same spikes in double precision: `lsnn.to_brian2`.

    Groups are called as populations, synapses as projections. A readout becomes a NeuronGroup of its name with the
    variable r, to which a spike adds within its step; its `bias` is a parameter of it.

    Args:
        inputs: spikes of input cells by name, (steps, n); by default those that they have of themselves.

    Raises:
        InputError: input cells without spikes, or driven variables without values.
    """
    clock = br.Clock(circuit.dt * br.second)
    given = dict(inputs or {})
    for name in given:
        require(name in circuit.cells, "inputs", f"of input cells among {', '.join(circuit.cells) or 'none'}", name)
    groups = {p.name: _group(circuit, p, given.get(p.name), clock) for p in circuit.populations}
    synapses = [_synapses(circuit, label, groups, clock) for label, own in circuit.synapses.items() if len(own.pre)]
    readouts = [thing for read in circuit.reads() for thing in _readout(circuit, read, groups, clock)]
    return br.Network(*groups.values(), *synapses, *readouts)


def _group(circuit: LaidOut, p: Population, spikes: Any, clock: br.Clock) -> Any:
    if isinstance(p.model, NeuronModel):
        return _neurons(circuit, p, circuit.models[list(circuit.neurons).index(p.name)], clock)
    if spikes is not None:
        dense = np.asarray(spikes)
        require(dense.ndim == 2 and dense.shape[1] == p.size, f"inputs[{p.name!r}]", f"(steps, {p.size})", dense)
        steps, cells = np.nonzero(dense)
        return br.SpikeGeneratorGroup(p.size, cells, steps * clock.dt, clock=clock, name=p.name)
    if isinstance(p.source, Times):
        period = {"period": p.source.period * br.second} if p.source.period else {}
        times = p.source.seconds * br.second
        return br.SpikeGeneratorGroup(p.size, p.source.cells, times, clock=clock, name=p.name, **period)
    if isinstance(p.source, Rates):
        return br.PoissonGroup(p.size, p.source.hertz * br.Hz, clock=clock, name=p.name)
    raise InputError(f"inputs must hold the spikes of {p.name}, which has none of itself")


def _neurons(circuit: LaidOut, p: Population, model: NeuronModel, clock: br.Clock) -> br.NeuronGroup:
    lines, arrays = [], {}
    for line in model.equations.splitlines():
        name = line.partition(":")[0].strip()
        if name in model.driven:
            line = f"{name} = {name}_values(t, i) : {line.partition(':')[2].strip()}"
            arrays[f"{name}_values"] = _timed(circuit, p, name)
        lines.append(line)
    group = br.NeuronGroup(
        p.size, "\n".join(lines), **strings_of(model), method=integrator(model), clock=clock, namespace=arrays,
        name=p.name,
    )  # fmt: skip
    for row in model.parameters:
        setattr(group, row.name, f"{row.value}*{row.unit}")
    for name, values in circuit.parameters[p.name].items():
        setattr(group, name, quantity(values, group.equations[name].dim))
    for name, text in model.initial:
        setattr(group, name, text)
    for name, values in circuit.initial[p.name].items():
        setattr(group, name, quantity(values, group.equations[name].dim))
    for port in model.ports:
        if port not in group.equations.diff_eq_names:
            group.run_regularly(f"{port} *= 0", when="before_synapses", clock=clock)
    return group


def _timed(circuit: LaidOut, p: Population, name: str) -> br.TimedArray:
    drive = p.drive.get(name)
    require(isinstance(drive, Steps), f"drive of {p.name}", f"complete: {name} has no values", list(p.drive))
    assert drive is not None
    values = drive.values if drive.values.ndim == 2 else np.repeat(drive.values[:, None], p.size, axis=1)
    return br.TimedArray(quantity(values, equations_of(p)[name].dim), dt=drive.seconds * br.second)


def _synapses(circuit: LaidOut, label: str, groups: Mapping[str, Any], clock: br.Clock) -> br.Synapses:
    projection = next(p for p in circuit.projections if p.label == label)
    pre, post, _ = circuit.synapses[label]
    taps = circuit.taps(projection)
    weight = np.concatenate([share * circuit.weight[label] for _, share in taps])
    there = weight != 0 if len(taps) > 1 else np.ones(len(weight), bool)
    pre, post = (np.tile(side, len(taps))[there] for side in (pre, post))
    delay = np.concatenate([steps for steps, _ in taps])[there]
    target, port = groups[projection.target], circuit.port_of(projection)
    dimension = target.equations[port].dim
    model = br.Equations([SingleEquation(PARAMETER, "weight", dimension, flags=["constant"])])
    synapses = br.Synapses(
        groups[projection.source], target, model, on_pre=f"{port}_post += weight", clock=clock, name=label
    )
    synapses.connect(i=pre, j=post)
    synapses.weight_ = weight[there]
    synapses.delay = (delay - 1) * clock.dt
    return synapses


def _readout(circuit: LaidOut, read: Read, groups: Mapping[str, Any], clock: br.Clock) -> list[Any]:
    """A readout and its synapses."""
    group = br.NeuronGroup(
        read.part.outputs, "dr/dt = -r/tau : 1\nbias : 1 (constant)", method="exact", clock=clock, name=read.part.name,
        namespace={"tau": read.tau * br.second},
    )  # fmt: skip
    group.bias, found, row = read.bias, [], 0
    for name in read.part.sources:
        size = circuit.population(name).size
        weight = (1 - read.kappa) * read.weight[row : row + size]
        row += size
        synapses = br.Synapses(
            groups[name], group, "weight : 1 (constant)", on_pre="r_post += weight", clock=clock,
            name=f"{name}_to_{read.part.name}",
        )  # fmt: skip
        synapses.connect()
        synapses.weight = weight.ravel()
        found.append(synapses)
    return [group, *found]
