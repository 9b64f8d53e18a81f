"""A circuit on arrays: eight samples side by side, forwards and backwards, in parts of time that fit into memory."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import xarray

from lsnn.arrays.spikes import eights
from lsnn.blocks import in_order_of_network
from lsnn.circuits.driving import Drive, drive_of
from lsnn.circuits.frames import column_of, dataset_of, require_recorded, table_of
from lsnn.circuits.laid_out import LaidOut, Values
from lsnn.circuits.passage import Passage
from lsnn.circuits.run_file import FiledRun, write_run
from lsnn.circuits.scored import Scored, places_of, with_scored
from lsnn.kernels.layout import Gradient, Record, State, Weights, adjoint_zeros, gradient_zeros
from lsnn.kernels.simd import LANES
from lsnn.learning.rates import spike_counts
from lsnn.populations import gradients_of_parameters
from lsnn.readout import gradient_of_kappa
from lsnn.validation import numbers_of, path_of, require, require_flag, require_integer


class CircuitGradients(NamedTuple):
    """dL/d of all that learns, in SI units, in the shapes that the circuit has it."""

    weight: Values  # by projection, (S,)
    parameters: dict[str, Values]  # by population and name, (size,)
    initial: dict[str, Values]  # likewise
    readout_weight: Any  # of a list of readouts by name, as bias and tau
    bias: Any
    tau: Any
    delay: Values  # of projections whose delays learn, (S,)
    inputs: Values  # by population of input cells, (samples, steps, n); empty unless it was asked for


class Run(Passage):
    """What a circuit did: `lsnn.Circuit.run` returns it.

    Attributes:
        outputs: the readout, (samples, steps, outputs); several follow each other. steps, samples, dt: of the run.
    """

    outputs: np.ndarray

    def __init__(
        self, circuit: LaidOut, drive: Drive, names: Sequence[str], dtype: Any, gradient: bool,
        of_inputs: bool = False, weights_of: Callable[[Any, int], Weights] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(circuit, drive, dtype, of_inputs, weights_of)
        samples, steps = drive.shape
        self._starts: list[list[State]] = []
        self._held = -1, -1  # eight samples and first step of what the record holds
        self._keeps, self._names = gradient, tuple(names)
        self._bits = np.zeros((len(eights(samples)), steps, circuit.n_neurons), np.uint8)
        self.outputs = np.zeros((samples, steps, circuit.n_out), self.dtype)
        self._states = {
            (p, name): np.zeros((samples, steps, slots[name].stop - slots[name].start), self.dtype)
            for p, slots in circuit.variables.items() for name in names if name in slots
        }  # fmt: skip
        for part, chosen in enumerate(eights(samples)):
            self._forward(part, chosen)

    def _forward(self, part: int, chosen: np.ndarray) -> None:
        circuit, n = self.circuit, len(chosen)
        starts: list[State] = []
        self._starts.append(starts)

        def keep(state: State) -> None:
            if self._keeps:
                starts.append(State(*(array.copy() for array in state)))

        for first, last, record in self.forward(chosen, keep):
            self._held = part, first
            self._bits[part, first:last] = record.spikes
            self.outputs[chosen, first:last] = record.y[..., :n].transpose(2, 0, 1)
            for (name, variable), found in self._states.items():
                slots = circuit.variables[name][variable]
                found[chosen, first:last] = record.x[:, slots, :n].transpose(2, 0, 1)

    def readout(self, name: str) -> np.ndarray:
        """The outputs of one of several readouts, (samples, steps, outputs)."""
        return self.outputs[..., column_of(self.circuit, name)]

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

    def counts(self) -> np.ndarray:
        """Spikes of each neuron over all samples and steps, (N,), as the populations follow each other."""
        return spike_counts(self._bits.reshape(-1, self.circuit.n_neurons))

    def events(self, population: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Its spikes in order of sample and time: sample, time in seconds (step times dt) and neuron of each."""
        sample, step, neuron = np.nonzero(self.spikes(population))
        return sample, step * self.dt, neuron

    def state(self, population: str, variable: str) -> np.ndarray:
        """A state variable at the threshold, (samples, steps, n) in SI units, if it was recorded."""
        require_recorded(self._states, population, variable)
        return self._states[population, variable]

    @property
    def recorded(self) -> dict[tuple[str, str], np.ndarray]:
        """The state variables that were recorded, (samples, steps, n) in SI units, by population and variable."""
        return dict(self._states)

    def to_xarray(self) -> xarray.Dataset:
        """Readout, spikes (`spikes_E`) and recorded state variables (`v_E`) with named axes and units, time in ms."""
        return dataset_of(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A row a spike: sample, time_ms, population, neuron."""
        return table_of(self)

    def gradient(
        self,
        d_outputs: Any = None,
        d_spike: Mapping[str, Any] | None = None,
        d_state: Mapping[Scored, Any] | None = None,
    ) -> CircuitGradients:
        """The exact gradient by the adjoint, with the spike's derivative replaced by the surrogate's.

        Args:
            d_outputs: dL/d(outputs), (samples, steps, outputs), or by readout.
            d_spike: dL/d(every spike) of populations by name, a number a neuron, such as that of a rate.
            d_state: dL/d(state variable at the threshold) by pairs of population and variable, (samples, steps, n), of
                those that the run names in `scored`.

        Raises:
            InputError: a run without gradient=True, or arrays of another shape.
        """
        require(self._keeps, "a run", "made with gradient=True where a gradient is wanted", "one without")
        circuit = self.circuit
        g_y = self._slope(d_outputs)
        g_z = np.zeros(circuit.n_neurons, self.dtype)
        for name, values in (d_spike or {}).items():
            require(name in circuit.neurons, "d_spike", f"of populations among {', '.join(circuit.neurons)}", name)
            what = f"d_spike[{name!r}]"
            g_z[circuit.neurons[name]] = _finite(what, numbers_of(what, values, (circuit.population(name).size,)))
        g_x = self._of_states(d_state or {})
        of_inputs = {name: np.zeros(v.shape, self.dtype) for name, v in self.drive.spikes.items() if self._of_inputs}
        found = [
            self._back(part, chosen, g_y[chosen], g_z, g_x, of_inputs)
            for part, chosen in enumerate(eights(self.samples))
        ]
        columns: list[Any] = [sum(column) for column in zip(*found, strict=True)]
        return _named(circuit, _Sums(*columns), of_inputs)

    def _slope(self, given: Any) -> np.ndarray:
        """dL/d(outputs), (samples, steps, outputs)."""
        columns, found = self.circuit.columns, np.zeros(self.outputs.shape, self.dtype)
        if given is None:
            return found
        if not isinstance(given, Mapping):
            return _finite("d_outputs", numbers_of("d_outputs", given, found.shape, self.dtype))
        for name, values in given.items():
            require(name in columns, "d_outputs", f"of readouts among {', '.join(columns) or 'none'}", name)
            what, own = f"d_outputs[{name!r}]", found[..., columns[name]]
            own[:] = _finite(what, numbers_of(what, values, own.shape, self.dtype))
        return found

    def _of_states(self, given: Mapping[Scored, Any]) -> dict[Scored, np.ndarray]:
        """dL/d(state variable), (samples, steps, n), of all that a loss may be taken of."""
        known = {key: self.circuit.population(key[0]).size for key in places_of(self.circuit)}
        for key in given:
            require(key in known, "d_state", f"of pairs of population and variable among {[*known]}, see scored", key)
        shape, found = (self.samples, self.steps), {}
        for key, size in known.items():
            values = given.get(key, 0.0)
            own = (
                np.zeros((*shape, size)) if key not in given else numbers_of(f"d_state[{key}]", values, (*shape, size))
            )
            found[key] = _finite(f"d_state[{key}]", own)
        return found

    def _back(
        self, part: int, chosen: np.ndarray, g_y: np.ndarray, g_z: np.ndarray, g_x: Mapping[Scored, np.ndarray],
        of_inputs: Values,
    ) -> "_Sums":  # fmt: skip
        circuit, weights, n = self.circuit, self._weights, len(chosen)
        learns = any(p.learnt for p in circuit.populations)
        gradient = gradient_zeros(weights, circuit.n_slots if learns else 0)
        adjoint = adjoint_zeros(
            circuit.n_neurons, circuit.n_slots, circuit.n_out, circuit.ring + self._room, self.dtype, circuit.planes
        )
        lanes = np.zeros((self.steps, circuit.n_out, LANES), self.dtype)
        lanes[..., :n] = g_y.transpose(1, 2, 0)
        through_reset = self.dtype.type(not circuit.detach_reset)
        of_numbers = np.zeros(len(weights.inputs.weight))
        for start, (first, last) in reversed(list(zip(self._starts[part], self._parts(), strict=True))):
            record = self._again(part, chosen, start, first, last)
            for key, slots in places_of(circuit).items():
                record.x[:, slots] = 0
                record.x[:, slots, :n] = g_x[key][chosen, first:last].transpose(1, 2, 0)
            self._module.back(
                first, weights, record, lanes[first:last], g_z, self.dtype.type(circuit.gamma), through_reset, adjoint,
                gradient,
            )  # fmt: skip
            if self._sent is not None:
                self._take(chosen, first, last, adjoint.current, of_numbers, of_inputs)
        return _summed(weights, gradient, adjoint.x, n, self._of_kappa(chosen, lanes), of_numbers)

    def _again(self, part: int, chosen: np.ndarray, start: State, first: int, last: int) -> Record:
        """The record of a part of time, run again unless it is the one that stands there."""
        if self._held == (part, first):
            return Record(*(array[: last - first] for array in self._record))
        state = State(*(array.copy() for array in start))
        record = self._rows(chosen, first, last, state)
        self._module.replay(first, self._weights, state, record)
        self._held = part, first
        return record

    def _take(
        self, chosen: np.ndarray, first: int, last: int, arrived: np.ndarray, of_numbers: np.ndarray,
        of_inputs: Values,
    ) -> None:  # fmt: skip
        """Add what a part of time leaves of the gradient of inputs, and of the weights that numbers went through."""
        assert self._sent is not None
        if self.drive.currents:
            of_numbers += self._sent.gradient_of_weights(self._numbers(chosen, first, last), arrived, first)
        if of_inputs:
            found = self._sent.gradient_of_inputs(arrived, first, last - first)[..., : len(chosen)]
            for name, cells in self.circuit.cells.items():
                of_inputs[name][chosen, first:last] = found[:, cells].transpose(2, 0, 1)

    def _of_kappa(self, chosen: np.ndarray, g_y: np.ndarray) -> np.ndarray:
        """dL/d(decay of each readout), (readouts,)."""
        never, found = np.zeros((self.steps, LANES), bool), []
        for read in self.circuit.reads():
            own = g_y[:, read.outputs]
            y = np.zeros(own.shape)
            y[..., : len(chosen)] = self.outputs[chosen, :, read.outputs].transpose(1, 2, 0)
            y[..., len(chosen) :] = read.bias[:, None]
            found.append(gradient_of_kappa(read.kappa, read.bias, own, y, never))
        return np.array(found)


class _Sums(NamedTuple):
    """Sums over samples, in the order of the kernels."""

    synapses: np.ndarray
    readout: np.ndarray  # (N, n_out)
    bias: np.ndarray
    constants: np.ndarray
    start: np.ndarray
    kappa: np.ndarray  # (readouts,)


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    require(bool(np.isfinite(values).all()), name, "finite", values)
    return values


def _summed(weights: Weights, g: Gradient, x: np.ndarray, n: int, kappa: np.ndarray, of_numbers: np.ndarray) -> _Sums:
    """of_numbers: dL/d(input weights) that inputs which are no spikes add."""
    ordered = in_order_of_network(weights, g)
    synapses = np.concatenate([ordered.inputs + of_numbers, ordered.recurrent]).astype(float)
    by_lane = g.readout, g.bias, g.constants, x
    readout, bias, constants, start = (array[..., :n].sum(axis=-1, dtype=float) for array in by_lane)
    return _Sums(synapses, readout, bias, constants, start, kappa)


def _named(circuit: LaidOut, g: _Sums, of_inputs: Values) -> CircuitGradients:
    """The gradient by the names of the circuit."""
    synapses = np.empty_like(g.synapses)
    synapses[circuit.order] = g.synapses
    weight, delay = _of_synapses(circuit, synapses)
    parameters: dict[str, Values] = {}
    if len(g.constants):
        of_groups = gradients_of_parameters(circuit.groups, circuit.dt, g.constants, g.start)
        parameters = dict(zip(circuit.neurons, of_groups, strict=True))
    initial = {
        p.name: {v: g.start[slots] for v, slots in circuit.variables[p.name].items() if v in p.initial}
        for p in circuit.populations if "initial" in p.learnt
    }  # fmt: skip
    return CircuitGradients(
        weight, {k: v for k, v in parameters.items() if v}, initial, *_of_readouts(circuit, g), delay, of_inputs
    )


def _of_readouts(circuit: LaidOut, g: _Sums) -> tuple[Any, Any, Any]:
    """dL/d(weight, bias, time constant) of the readouts."""
    weight: Values = {}
    tau: dict[str, float] = {}
    for read, of_decay in zip(circuit.reads(), g.kappa, strict=True):
        gained = g.readout[read.neurons, read.outputs]  # by the weights times their gain, 1 - kappa
        weight[read.key] = (1 - read.kappa) * gained
        of_kappa = float(of_decay) - float((read.weight * gained).sum())
        tau[read.key] = of_kappa * read.kappa * read.dt / read.tau**2
    bias = {read.key: g.bias[read.outputs] for read in circuit.reads()}
    none = np.zeros((0, circuit.n_out))
    return circuit.by_readout(weight, none), circuit.by_readout(bias, g.bias), circuit.by_readout(tau, 0.0)


def _of_synapses(circuit: LaidOut, g: np.ndarray) -> tuple[Values, Values]:
    """dL/d(weight) and dL/d(delay) of what learns, from dL/d(share of a weight) as the taps follow each other."""
    weight: Values = {}
    delay: Values = {}
    last = 0
    for p in circuit.projections:
        own, taps = circuit.weight[p.label], circuit.taps(p)
        first, last = last, last + len(taps) * len(own)
        of_taps = g[first:last].reshape(len(taps), -1)
        if p.learns("weight"):
            weight[p.label] = np.sum([share * of for (_, share), of in zip(taps, of_taps, strict=True)], axis=0)
        if p.learns("delay"):  # a longer one moves weight from the earlier tap to the later
            delay[p.label] = own * (of_taps[1] - of_taps[0]) / circuit.dt
    return weight, delay


def run(
    circuit: LaidOut, steps: int | None = None, inputs: Any = None, driven: Mapping[tuple[str, str], Any] | None = None,
    samples: int | None = None, record: Sequence[str] = (), seed: int = 0, dtype: Any = np.float64,
    gradient: bool = False, currents: bool = False, scored: Sequence[Scored] = (),
    record_to: str | Path | None = None, overwrite: bool = False,
) -> Run | FiledRun:  # fmt: skip
    """Run a circuit from its start: see `Circuit.run`."""
    for name, flag in (("gradient", gradient), ("currents", currents), ("overwrite", overwrite)):
        require_flag(name, flag)
    require_integer("seed", seed, 0, 2**63 - 1)
    for name, value in (("driven", driven), ("record", record)):
        kinds = (Mapping, type(None)) if name == "driven" else (list, tuple)
        require(isinstance(value, kinds), name, "a mapping" if name == "driven" else "a list of names", value)
    for name in record:
        rule = f"of state variables among {', '.join(circuit.state_names)}"
        require(name in circuit.state_names, "record", rule, name)
    place = None if record_to is None else path_of("record_to", record_to)
    drive = drive_of(circuit, inputs, driven, samples, steps, seed, currents, lazily=place is not None)
    if place is None:
        return Run(with_scored(circuit, scored), drive, record, dtype, gradient)
    require(not gradient, "gradient", "False with record_to: a file holds what happened, not the way back", gradient)
    require(not len(scored), "scored", "empty with record_to, which goes with no gradient", scored)
    write_run(place, circuit, drive, record, dtype, int(seed), overwrite)
    return FiledRun(place, circuit)
