"""The twelve networks run in Brian2 and as one circuit, side by side; and a circuit in complex numbers."""

from typing import NamedTuple

import brian2 as br
import numpy as np

from lsnn.circuits.circuit import Circuit
from lsnn.circuits.from_brian import from_brian2
from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.parts import Population, Projection, Readout
from lsnn.circuits.running import Run
from lsnn.equations.names import safe
from tests.circuits import brian_networks

DT = 0.1 * br.ms
GROUPS = br.NeuronGroup, br.PoissonGroup, br.SpikeGeneratorGroup
LEARNT = {
    "current_based": ("tau_m", "v_r"), "coba_exc": ("g_l", "E_e"), "pulses": (), "adex_cells": ("a", "VT"),
    "izhikevich_cells": ("a", "d"), "hh_cells": ("g_na", "El"), "nmda_cells": ("tau_decay",), "adapting_cells": ("dg",),
    "synfire": (), "mixed_cells": ("tau", "theta"), "driven_cells": (), "timed_cells": ("tau_s",),
}  # fmt: skip


class Taken(NamedTuple):
    """A Brian2 network as a circuit, and its spikes in Brian2 by group, (T, n) bool."""

    circuit: Circuit
    spikes: dict[str, np.ndarray]


def taken(name: str, milliseconds: int, learnt: bool = False) -> Taken:
    """A network as a circuit, and then run in Brian2."""
    target, br.prefs.codegen.target = br.prefs.codegen.target, "numpy"
    try:
        br.start_scope()
        br.defaultclock.dt = DT
        br.seed(11)
        with np.errstate(all="ignore"):
            network = getattr(brian_networks, name)()
            groups = [thing for thing in network.objects if isinstance(thing, GROUPS)]
            wanted = {g.name: (*LEARNT[g.name], "initial") for g in groups if learnt and g.name in LEARNT}
            circuit = from_brian2(network, namespace={}, learnt=wanted)
            monitors = [br.SpikeMonitor(group) for group in groups]
            network.add(monitors)
            network.run(milliseconds * br.ms, namespace={})
    finally:
        br.prefs.codegen.target = target
    steps = round(milliseconds * br.ms / DT)
    return Taken(circuit, {m.source.name: _dense(m, steps) for m in monitors})


def _dense(monitor: br.SpikeMonitor, steps: int) -> np.ndarray:
    dense = np.zeros((steps, len(monitor.source)), bool)
    dense[np.rint(monitor.t / DT).astype(int), monitor.i[:]] = True
    return dense


def side_by_side(each: list[Taken], readout: int = 0, replayed: bool = False) -> Circuit:
    """All networks as one circuit, so that one module is compiled for all.

    Args:
        readout: outputs a network. replayed: whether spikes of neurons come from input cells that repeat them.
    """
    populations = [p for network in each for p in network.circuit.populations]
    projections = [p for network in each for p in network.circuit.projections]
    if replayed:
        neurons = {p.name for p in populations if p.model is not None}
        populations += [Population(f"{p.name}_again", p.size) for p in populations if p.name in neurons]
        projections = [_again(p) if p.source in neurons else p for p in projections]
    names = tuple(name for network in each for name in network.circuit.neurons)
    columns = readout * len(each)
    return Circuit(populations, projections, Readout(names, columns, 10 * br.ms) if readout else None, DT)


def _again(p: Projection) -> Projection:
    values = {key: getattr(p, key) for key in ("target", "port", "pairs", "weight", "delay", "name")}
    return Projection(f"{p.source}_again", **values)


def inputs_of(circuit: LaidOut, each: list[Taken]) -> dict[str, np.ndarray]:
    """What the input cells of a circuit did in Brian2."""
    spikes = {name: z for network in each for name, z in network.spikes.items()}
    return {name: spikes[name.removesuffix("_again")] for name in circuit.cells}


def distance(run: Run, population: str) -> np.ndarray:
    """u of every neuron and step, (T, n), of a run that recorded all state variables."""
    circuit, host = run.circuit, run.circuit.host(population)
    group = circuit.groups[list(circuit.neurons).index(population)]
    values = dict(zip(host._own("CONSTANTS"), host.constants(circuit.dt, group.given), strict=True))
    values |= {safe(name): run.state(population, name)[0] for name in host.variables}
    return np.broadcast_to(host._call("distance", values)[0], run.spikes(population)[0].shape)


# A circuit in complex numbers: the imaginary part is a derivative along a direction, that of a spike the surrogate's


def derivative(circuit: LaidOut, direction: dict, inputs: dict, steps: int, d_y: np.ndarray) -> np.ndarray:
    """The derivative of sum(d_y y) a column, (outputs,), along a direction of weights, parameters and starts.

    Args:
        direction: weight by projection, parameters and initial by population and name, as the circuit has them.
    """
    kick = 1e-30
    weight = {name: w + 1j * kick * direction["weight"][name] for name, w in circuit.weight.items()}
    cells = [_Cells(circuit, p, direction, kick) for p in circuit.populations if p.model is not None]
    arriving = {
        (p.name, port): np.zeros((circuit.ring, p.size), complex) for p in circuit.populations for port in p.ports
    }
    r, total = np.zeros(circuit.n_out, complex), np.zeros(circuit.n_out, complex)
    for t in range(steps):
        z = {name: inputs[name][t].astype(complex) for name in circuit.cells}
        for each in cells:
            z[each.name] = each.move()
        for p in circuit.projections:
            pre, post, delay = circuit.synapses[p.label]
            ring, sent = arriving[p.target, circuit.port_of(p)], z[p.source][pre]
            on = sent != 0
            np.add.at(ring, ((t + delay - 1)[on] % circuit.ring, post[on]), (weight[p.label] * sent)[on])
        for each in cells:
            each.receive({port: arriving[each.name, port][t % circuit.ring] for port in each.ports})
            for port in each.ports:
                arriving[each.name, port][t % circuit.ring] = 0
        spikes = np.concatenate([z[name] for name in circuit.readout.sources])
        r = circuit.kappa() * r + (1 - circuit.kappa()) * spikes @ circuit.readout_weight
        total = total + d_y[t] * (r + circuit.bias)
    return total.imag / kick


class _Cells:
    """A population: its generated pointwise functions on complex numpy arrays."""

    def __init__(self, circuit: LaidOut, p: Population, direction: dict, kick: float):
        self.name, self.ports, self.gamma, self.host = p.name, p.ports, circuit.gamma, circuit.host(p.name)
        self.given = {
            name: values + 1j * kick * direction["parameters"].get(p.name, {}).get(name, 0.0)
            for name, values in circuit.parameters[p.name].items()
        }
        arguments = [self.given.get(name, own) for name, own in self.host.parameters.items()]
        rows = self.host._own("constants")(circuit.dt, *arguments)
        self.values = dict(zip(self.host._own("CONSTANTS"), rows, strict=True))
        names = [safe(name) for name in self.host.variables]
        for name, start in zip(names, self.host._own("initial")(circuit.dt, *arguments), strict=True):
            self.values[name] = start + np.zeros(p.size, complex)
        for name, start in circuit.initial[p.name].items():
            self.values[safe(name)] = start + 1j * kick * direction["initial"].get(p.name, {}).get(name, 0.0)
        real = {name: np.real(values) for name, values in circuit.parameters[p.name].items()}
        self.steps = self.host.refractory_steps(circuit.dt, {"": np.zeros(p.size), **real})
        self.blocked = np.zeros(p.size)
        self.drive, self.t, self.dt, self.names = p.drive, 0, circuit.dt, names

    def move(self) -> np.ndarray:
        """Integrate and look at the threshold: the spikes."""
        held = self.blocked > 0
        for name, source in self.drive.items():
            self.values[safe(name)] = source.at(np.array([self.t * self.dt]), len(held))[0]
        self.t += 1
        self.values |= {"held": held} | dict(zip(self.names, self.call("integrate", held=held), strict=True))
        (u,) = self.call("distance")
        fired = (u.real > 0) & ~held
        slope = np.where(held, 0.0, self.gamma * np.maximum(0.0, 1 - np.abs(u.real)))
        self.z, self.closed = fired + 1j * slope * u.imag, fired | held
        self.blocked = np.where(fired, self.steps - 1, np.maximum(self.blocked - 1, 0))
        return self.z

    def receive(self, arrived: dict) -> None:
        """What arrives, and the reset."""
        for port, values in arrived.items():
            line = next(row for row in self.host.model.equations.splitlines() if row.startswith(f"d{port}/dt"))
            open_ = ~self.closed if "unless refractory" in line else 1.0
            self.values[safe(port)] = self.values[safe(port)] + open_ * values
        changed = [name for name in self.names if name in self.reset_names()]
        before = {name: self.values[name] for name in changed}
        after = dict(zip(changed, self.call("reset", spike=np.array(True)), strict=True)) if changed else {}
        for name in changed:
            self.values[name] = before[name] + self.z * (after[name] - before[name])

    def reset_names(self) -> set:
        """The variables that the reset assigns."""
        assigned = [row.split("=")[0].strip(" +-*/") for row in self.host.model.reset.replace(";", "\n").splitlines()]
        return {safe(name) for name in assigned if name}

    def call(self, name: str, **more: object) -> tuple:
        with np.errstate(all="ignore"):
            return self.host._call(name, self.values | more)
