"""A circuit on arrays: eight samples side by side, forwards and backwards, in parts of time that fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from lsnn.arrays.spikes import eights, packed
from lsnn.blocks import in_order_of_network
from lsnn.circuits.laid_out import LaidOut, Values, equations_of
from lsnn.circuits.parts import Rates, Times
from lsnn.circuits.values import in_si
from lsnn.errors import DivergedError, InputError
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import Gradient, Record, State, Weights, adjoint_zeros, gradient_zeros, record_zeros
from lsnn.kernels.simd import LANES
from lsnn.populations import gradients_of_parameters
from lsnn.readout import gradient_of_kappa
from lsnn.validation import numbers_of, plain_numbers, precision_of, require, require_flag, require_integer

MOST_BYTES = 64 * 2**20  # of the state variables in a part of time
MOST_STEPS = 2**31 - 1
NEVER = 1e30  # steps for which a lane without a sample is refractory


class Drive(NamedTuple):
    """What a run is given, for some samples."""

    spikes: dict[str, np.ndarray]  # of every population of input cells, (samples, T, n) bool
    driven: dict[tuple[str, str], np.ndarray]  # of every driven variable of a population, (samples, T, n)


class CircuitGradients(NamedTuple):
    """dL/d of all that learns, in SI units, in the shapes that the circuit has it."""

    weight: Values  # by projection, (S,)
    parameters: dict[str, Values]  # by population and name, (size,)
    initial: dict[str, Values]  # likewise
    readout_weight: np.ndarray
    bias: np.ndarray
    tau: float


class Run:
    """What a circuit did: `lsnn.Circuit.run` returns it.

    Attributes:
        outputs: the readout, (samples, steps, outputs). steps, samples, dt: of the run.
    """

    def __init__(
        self, circuit: LaidOut, drive: Drive, samples: int, steps: int, names: Sequence[str], dtype: Any,
        gradient: bool,
    ) -> None:  # fmt: skip
        self.circuit, self.drive, self.samples, self.steps, self.dt = circuit, drive, samples, steps, circuit.dt
        self.dtype = precision_of(dtype)
        self._weights = circuit.weights(self.dtype)
        self._starts: list[list[State]] = []
        self._keeps, self._names = gradient, tuple(names)
        self._bits = np.zeros((len(eights(samples)), steps, circuit.n_neurons), np.uint8)
        self.outputs = np.zeros((samples, steps, circuit.n_out), self.dtype)
        self._states = {
            (p, name): np.zeros((samples, steps, slots[name].stop - slots[name].start), self.dtype)
            for p, slots in circuit.variables.items() for name in names if name in slots
        }  # fmt: skip
        rows = max(1, MOST_BYTES // (circuit.n_slots * LANES * self.dtype.itemsize))
        self._ends = [*range(0, steps, rows), steps]
        self._record = record_zeros(
            min(rows, steps), circuit.n_neurons, circuit.n_slots, circuit.n_in, circuit.n_out, self.dtype
        )
        for part, chosen in enumerate(eights(samples)):
            self._forward(part, chosen)

    @property
    def _module(self) -> ModuleType:  # not kept, so that a run can be pickled
        return network_module(self.circuit.models)

    def _parts(self) -> Iterator[tuple[int, int]]:
        return zip(self._ends[:-1], self._ends[1:], strict=True)

    def _rows(self, chosen: np.ndarray, first: int, last: int) -> Record:
        """The record of a part of time, with what it is given written into it."""
        record = Record(*(array[: last - first] for array in self._record))
        circuit, n = self.circuit, len(chosen)
        for name, cells in circuit.cells.items():
            record.input_spikes[:, cells] = packed(self.drive.spikes[name][chosen, first:last])
        for (name, variable), values in self.drive.driven.items():
            part = values[chosen, first:last].transpose(1, 2, 0)
            record.x[:, circuit.driven(name)[variable], :n] = part
        return record

    def _forward(self, part: int, chosen: np.ndarray) -> None:
        circuit, n = self.circuit, len(chosen)
        state = circuit.start(self.dtype)
        state.refractory[:, n:] = NEVER  # lanes without a sample never spike
        self._starts.append([])
        for first, last in self._parts():
            if self._keeps:
                self._starts[-1].append(State(*(array.copy() for array in state)))
            record = self._rows(chosen, first, last)
            self._module.replay(first, self._weights, state, record)
            self._bits[part, first:last] = record.spikes
            self.outputs[chosen, first:last] = record.y[..., :n].transpose(2, 0, 1)
            for (name, variable), found in self._states.items():
                slots = circuit.variables[name][variable]
                found[chosen, first:last] = record.x[:, slots, :n].transpose(2, 0, 1)
            self._require_finite(state, n, last)

    def _require_finite(self, state: State, n: int, step: int) -> None:
        for name, variables in self.circuit.variables.items():
            for variable, slots in variables.items():
                if not np.isfinite(state.x[slots, :n]).all():
                    when = f"by step {step} ({1000 * step * self.dt:g} ms): a smaller dt may help"
                    raise DivergedError(f"{variable} of population {name} is not finite {when}")

    def spikes(self, population: str) -> np.ndarray:
        """The spikes of a population, (samples, steps, n) bool."""
        circuit = self.circuit
        if population in circuit.cells:
            return self.drive.spikes[population]
        known = population in circuit.neurons
        require(known, "population", f"one of {', '.join([*circuit.neurons, *circuit.cells])}", population)
        bits = self._bits[:, :, circuit.neurons[population]]
        apart = np.unpackbits(bits[:, None], axis=1, bitorder="little")
        return apart.reshape(-1, *apart.shape[2:])[: self.samples].astype(bool)

    def events(self, population: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Its spikes in order of sample and time: sample, time in seconds (step times dt) and neuron of each."""
        sample, step, neuron = np.nonzero(self.spikes(population))
        return sample, step * self.dt, neuron

    def state(self, population: str, variable: str) -> np.ndarray:
        """A state variable at the threshold, (samples, steps, n) in SI units, if it was recorded."""
        if (population, variable) not in self._states:
            known = ", ".join(f"{variable} of {p}" for p, variable in self._states) or "no state variable"
            rule = f"run(..., record=({variable!r},)) records it, if it is one"
            raise InputError(f"{variable!r} of {population!r} was not recorded ({known} was): {rule}")
        return self._states[population, variable]

    def gradient(self, d_outputs: Any = None, d_spike: Mapping[str, Any] | None = None) -> CircuitGradients:
        """The exact gradient by the adjoint, with the spike's derivative replaced by the surrogate's.

        Args:
            d_outputs: dL/d(outputs), (samples, steps, outputs). d_spike: dL/d(every spike) of populations by name,
                a number a neuron, such as that of a rate.

        Raises:
            InputError: a run without gradient=True, or arrays of another shape.
        """
        require(self._keeps, "a run", "made with gradient=True where a gradient is wanted", "one without")
        circuit = self.circuit
        g_y = np.zeros(self.outputs.shape) if d_outputs is None else d_outputs
        g_y = numbers_of("d_outputs", g_y, self.outputs.shape, self.dtype)
        g_z = np.zeros(circuit.n_neurons, self.dtype)
        for name, values in (d_spike or {}).items():
            require(name in circuit.neurons, "d_spike", f"of populations among {', '.join(circuit.neurons)}", name)
            g_z[circuit.neurons[name]] = numbers_of(f"d_spike[{name!r}]", values, (circuit.population(name).size,))
        found = [self._back(part, chosen, g_y[chosen], g_z) for part, chosen in enumerate(eights(self.samples))]
        columns: list[Any] = [sum(column) for column in zip(*found, strict=True)]
        return _named(circuit, _Sums(*columns))

    def _back(self, part: int, chosen: np.ndarray, g_y: np.ndarray, g_z: np.ndarray) -> "_Sums":
        circuit, weights, n = self.circuit, self._weights, len(chosen)
        learns = any(p.learnt for p in circuit.populations)
        gradient = gradient_zeros(weights, circuit.n_slots if learns else 0)
        adjoint = adjoint_zeros(
            circuit.n_neurons, circuit.n_slots, circuit.n_out, circuit.ring, self.dtype, circuit.planes
        )
        lanes = np.zeros((self.steps, circuit.n_out, LANES), self.dtype)
        lanes[..., :n] = g_y.transpose(1, 2, 0)
        through_reset = self.dtype.type(not circuit.detach_reset)
        for start, (first, last) in reversed(list(zip(self._starts[part], self._parts(), strict=True))):
            record = self._rows(chosen, first, last)
            self._module.replay(first, weights, State(*(array.copy() for array in start)), record)
            self._module.back(
                first, weights, record, lanes[first:last], g_z, self.dtype.type(circuit.gamma), through_reset, adjoint,
                gradient,
            )  # fmt: skip
        return _summed(weights, gradient, adjoint.x, n, self._of_kappa(chosen, lanes))

    def _of_kappa(self, chosen: np.ndarray, g_y: np.ndarray) -> float:
        """dL/d(decay of the readout)."""
        if not self.circuit.n_out:
            return 0.0
        y = np.zeros(g_y.shape)
        y[..., : len(chosen)] = self.outputs[chosen].transpose(1, 2, 0)
        y[..., len(chosen) :] = self.circuit.bias[:, None]
        never = np.zeros((self.steps, LANES), bool)
        return gradient_of_kappa(self.circuit.kappa(), self.circuit.bias, g_y, y, never)


class _Sums(NamedTuple):
    """Sums over samples, in the order of the kernels."""

    synapses: np.ndarray
    readout: np.ndarray  # (N, n_out)
    bias: np.ndarray
    constants: np.ndarray
    start: np.ndarray
    kappa: float


def _summed(weights: Weights, g: Gradient, x: np.ndarray, n: int, kappa: float) -> _Sums:
    ordered = in_order_of_network(weights, g)
    synapses = np.concatenate([ordered.inputs, ordered.recurrent]).astype(float)
    by_lane = g.readout, g.bias, g.constants, x
    readout, bias, constants, start = (array[..., :n].sum(axis=-1, dtype=float) for array in by_lane)
    return _Sums(synapses, readout, bias, constants, start, kappa)


def _named(circuit: LaidOut, g: _Sums) -> CircuitGradients:
    """The gradient by the names of the circuit."""
    synapses = np.empty_like(g.synapses)
    synapses[circuit.order] = g.synapses
    ends = np.cumsum([len(s.pre) for s in circuit.synapses.values()])[:-1]
    weight = dict(zip(circuit.synapses, np.split(synapses, ends) if len(circuit.synapses) else [], strict=True))
    parameters: dict[str, Values] = {}
    if len(g.constants):
        of_groups = gradients_of_parameters(circuit.groups, circuit.dt, g.constants, g.start)
        parameters = dict(zip(circuit.neurons, of_groups, strict=True))
    initial = {
        p.name: {v: g.start[slots] for v, slots in circuit.variables[p.name].items() if v in p.initial}
        for p in circuit.populations if "initial" in p.learnt
    }  # fmt: skip
    kappa = circuit.kappa()
    gained = g.readout[circuit.read()]  # by the weights times their gain, 1 - kappa
    readout = (1 - kappa) * gained
    of_kappa = float(g.kappa) - float((circuit.readout_weight * gained).sum())
    tau = of_kappa * kappa * circuit.dt / circuit.tau**2
    learnt = {p.label for p in circuit.projections if p.learn}
    return CircuitGradients(
        {k: v for k, v in weight.items() if k in learnt}, {k: v for k, v in parameters.items() if v}, initial,
        readout, g.bias, tau,
    )  # fmt: skip


def run(
    circuit: LaidOut, steps: int | None = None, inputs: Any = None, driven: Mapping[tuple[str, str], Any] | None = None,
    samples: int | None = None, record: Sequence[str] = (), seed: int = 0, dtype: Any = np.float64,
    gradient: bool = False,
) -> Run:  # fmt: skip
    """Run a circuit from its start: see `Circuit.run`."""
    require_flag("gradient", gradient)
    require_integer("seed", seed, 0, 2**63 - 1)
    for name, value in (("driven", driven), ("record", record)):
        kinds = (Mapping, type(None)) if name == "driven" else (list, tuple)
        require(isinstance(value, kinds), name, "a mapping" if name == "driven" else "a list of names", value)
    given = inputs if isinstance(inputs, Mapping) else _one_input(circuit, inputs)
    for name in given:
        require(name in circuit.cells, "inputs", f"of input cells among {', '.join(circuit.cells) or 'none'}", name)
    arrays = {name: _spikes(name, values, circuit.population(name).size) for name, values in given.items()}
    samples, steps = _lengths(arrays, samples, steps)
    own = {name: _own_spikes(circuit, name, samples, steps, seed) for name in circuit.cells if name not in arrays}
    spikes = {name: (arrays | own)[name] for name in circuit.cells}
    for name in record:
        rule = f"of state variables among {', '.join(circuit.state_names)}"
        require(name in circuit.state_names, "record", rule, name)
    values = _driven(circuit, driven or {}, samples, steps)
    return Run(circuit, Drive(spikes, values), samples, steps, record, dtype, gradient)


def _one_input(circuit: LaidOut, inputs: Any) -> dict[str, Any]:
    if inputs is None:
        return {}
    names = ", ".join(circuit.cells) or "none"
    require(len(circuit.cells) == 1, "inputs", f"a mapping: the circuit has the input cells {names}", type(inputs))
    return {next(iter(circuit.cells)): inputs}


def _spikes(name: str, values: Any, size: int) -> np.ndarray:
    """Spikes (samples, steps, n) bool; those of one sample may be (steps, n)."""
    truths = isinstance(values, np.ndarray) and values.dtype == bool
    array = plain_numbers(f"inputs[{name!r}]", values.view(np.uint8) if truths else values)
    array = array[None] if array.ndim == 2 else array
    rule = f"spikes (samples, steps, {size}), zeros and ones"
    require(array.ndim == 3 and array.shape[2] == size and array.size > 0, f"inputs[{name!r}]", rule, array)
    require(bool(((array == 0) | (array == 1)).all()), f"inputs[{name!r}]", rule, array)
    return array.astype(bool)


def _lengths(arrays: Mapping[str, np.ndarray], samples: int | None, steps: int | None) -> tuple[int, int]:
    """Samples and steps of a run, which all inputs share."""
    for i, (what, given) in enumerate((("samples", samples), ("steps", steps))):
        found = {array.shape[i] for array in arrays.values()} | ({given} if given is not None else set())
        require(len(found) <= 1, what, "the same in all inputs", sorted(found))
    shape = next(iter(arrays.values())).shape if arrays else (1, None)
    samples, steps = shape[0] if samples is None else samples, shape[1] if steps is None else steps
    require_integer("samples", samples, 1, 10**6)
    require_integer("steps", steps, 1, MOST_STEPS)
    assert samples is not None and steps is not None
    return int(samples), int(steps)


def _own_spikes(circuit: LaidOut, name: str, samples: int, steps: int, seed: int) -> np.ndarray:
    """Spikes that input cells have of themselves."""
    p = circuit.population(name)
    found = np.zeros((samples, steps, p.size), bool)
    if isinstance(p.source, Times):
        found[:] = spikes_at(p.source, steps, p.size, circuit.dt)
    elif isinstance(p.source, Rates):
        generator = np.random.default_rng([int(seed), list(circuit.cells).index(name)])
        found[:] = generator.random(found.shape) < p.source.hertz * circuit.dt
    else:
        raise InputError(f"inputs must hold the spikes of {name}, which has none of itself")
    return found


def spikes_at(times: Times, steps: int, size: int, dt: float) -> np.ndarray:
    """Spikes at given times as (steps, n) bool: each in the step that its time falls into, as Brian2 has it."""
    found = np.zeros((steps, size), bool)
    step = np.floor((times.seconds + 1e-3 * dt) / dt).astype(np.int64)
    if times.period is not None:
        every = int(round(times.period / dt))
        again = np.arange(-(-steps // every))[:, None] * every
        step, cells = (again + step).ravel(), np.tile(times.cells, len(again))
    else:
        cells = times.cells
    within = step < steps
    found[step[within], cells[within]] = True
    return found


def _driven(
    circuit: LaidOut, given: Mapping[tuple[str, str], Any], samples: int, steps: int
) -> dict[tuple[str, str], np.ndarray]:
    """Values of all driven variables, (samples, steps, n) each."""
    names = [(p, variable) for p in circuit.neurons for variable in circuit.driven(p)]
    for key in given:
        require(key in names, "driven", f"of pairs of population and variable among {names}", key)
    return {key: _driven_by(circuit, key, given.get(key), samples, steps) for key in names}


def _driven_by(circuit: LaidOut, key: tuple[str, str], values: Any, samples: int, steps: int) -> np.ndarray:
    p, shape = circuit.population(key[0]), (samples, steps, circuit.population(key[0]).size)
    if values is None:
        own = p.drive.get(key[1])
        require(own is not None, "driven", f"complete: {key[1]} of {key[0]} has no values", list(p.drive))
        assert own is not None
        return np.broadcast_to(own.at(circuit.dt * np.arange(steps), p.size), shape)
    dimension = equations_of(p)[key[1]].dim
    generator = np.random.default_rng(0)
    whole = np.ndim(values) != 2
    return np.broadcast_to(in_si(f"driven[{key}]", values, dimension, shape if whole else shape[1:], generator), shape)
