"""A circuit as `lsnn.fit` and the bridges meet it: what learns, each in a unit of its own, so that one rate suits all.

weight/PROJECTION            mean size of its weights at the start (*)
delay/PROJECTION             mean size of its delays at the start (*); they stay from dt to the longest that is allowed
parameter/POPULATION/NAME    logarithm of the factor on its value at the start, so that it keeps its sign
initial/POPULATION/NAME      mean size at the start; of a membrane that starts at 0, the scale of its threshold (*)
readout, bias, tau           weights times 1 - kappa, by which a spike lifts the readout; as it is; logarithm;
                             of a list of readouts readout/NAME, bias/NAME, tau/NAME

(*) the nearest power of two, so that what does not move stays the same to the bit.
"""

import copy
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from lsnn.circuits.circuit import Circuit
from lsnn.circuits.driving import Drive, drive_of
from lsnn.circuits.running import CircuitGradients, Run
from lsnn.circuits.scored import with_scored
from lsnn.files.circuit_group import circuit_sha256
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.learning.config import LearningConfig
from lsnn.learning.optimiser import Arrays
from lsnn.validation import require

WEIGHT, DELAY, PARAMETER, INITIAL = "weight", "delay", "parameter", "initial"
READOUT, BIAS, TAU = "readout", "bias", "tau"
BY_LOGARITHM = (PARAMETER, TAU)
FURTHEST = np.log(LearningConfig().parameter_range)  # logarithm of the greatest factor, whoever learns


class CircuitLearner:
    """A circuit, and what of it has learnt: see `lsnn.arrays.learners.Learner`.

    Args:
        start: the circuit as it began. arrays: what learns, in its units; None: as at the start.
        of: a population whose membranes at the threshold stand for the readout, in the scale of its threshold at the
            start; or one of several readouts; None: the readout itself, all of them in turn.
    """

    def __init__(self, start: Circuit, arrays: Arrays | None = None, of: str | None = None) -> None:
        self.start, self.dt, self.n_neurons, self.n_out, self.n_in = (
            start, start.dt, start.n_neurons, start.n_out, start.n_in,
        )  # fmt: skip
        self.of = self.only = None  # a population, or a readout
        if of is not None:
            names = [*start.neurons, *(start.columns if start.is_named else ())]
            require(isinstance(of, str) and of in names, "of", f"one of {', '.join(names)}", of)
            self.of, self.only = (of, None) if of in start.neurons else (None, of)
            self.n_out = start.population(of).size if self.of else len(range(self.n_out)[start.columns[of]])
        self.columns: Mapping[str, slice] = start.columns if start.is_named and of is None else {}
        if arrays is None:
            start.require_sound()
        self.units = units_of(start)
        self.values = (
            {name: _begun(start, name, unit) for name, unit in self.units.items()} if arrays is None else arrays
        )

    def arrays(self) -> Arrays:
        """What learns, each in its unit."""
        return self.values

    def with_arrays(self, arrays: Arrays) -> "CircuitLearner":
        """The circuit with such arrays in place of its own; what is beyond a sign or a range counts as at its end."""
        within = {name: self._within(name, np.array(arrays[name])) for name in self.units}
        return CircuitLearner(self.start, within, self.of or self.only)

    def copied(self) -> "CircuitLearner":
        """One whose learning leaves the other alone."""
        return CircuitLearner(
            self.start, {name: array.copy() for name, array in self.values.items()}, self.of or self.only
        )

    @property
    def network(self) -> Circuit:
        """The circuit as it is now."""
        c = copied(self.start)
        self._put_readouts(c)
        for name, unit in self.units.items():
            kind, _, rest = name.partition("/")
            own = self.values[name]
            if kind in (WEIGHT, DELAY):
                (c.weight if kind == WEIGHT else c.delay)[rest] = own * unit
            elif kind in (PARAMETER, INITIAL):
                p, _, key = rest.partition("/")
                held = c.parameters if kind == PARAMETER else c.initial
                held[p][key] = held[p][key] * np.exp(own) if kind == PARAMETER else own * unit
        return c

    def _put_readouts(self, c: Circuit) -> None:
        """Give a circuit the readouts as they are now."""
        weight, bias, tau = {}, {}, {}
        for read in c.reads():
            learnt = self.values.get(_key(TAU, read.key))
            if learnt is not None:
                read = read._replace(tau=read.tau * float(np.exp(learnt[0])))
            tau[read.key] = read.tau
            weight[read.key] = self.values[_key(READOUT, read.key)] / (1 - read.kappa)
            bias[read.key] = self.values[_key(BIAS, read.key)].copy()
        if c.readouts:
            c.readout_weight, c.bias, c.tau = c.by_readout(weight), c.by_readout(bias), c.by_readout(tau)

    @property
    def sha256(self) -> str:
        """Of all that it computes with."""
        return circuit_sha256(self.network)

    def is_finite(self) -> bool:
        """Whether all that learns is."""
        return all(bool(np.isfinite(array).all()) for array in self.values.values())

    def inputs(self, name: str, values: Any, currents: bool) -> Drive:
        """Inputs of samples, as of `Circuit.run`; InputError unless they fit."""
        return drive_of(self.start, values, currents=currents, name=name)

    def numbers(self, values: np.ndarray) -> Drive:
        """Inputs that are numbers, (samples, steps, cells), of all input cells in the order of their populations."""
        parts = {name: values[..., cells] for name, cells in self.start.cells.items()}
        return Drive({}, {}, values.shape[:2]) if not parts else drive_of(self.start, parts, currents=True)

    def take(
        self, change: Arrays, learning: LearningConfig, rate: float, branch: np.random.SeedSequence,
        kept: Iterable[Arrays],
    ) -> None:  # fmt: skip
        """Add the optimiser's changes to what learns; rate: the learning rate now. Nothing is rewired."""
        for name, step in change.items():
            kind, array = name.partition("/")[0], self.values[name]
            if kind in (WEIGHT, DELAY):
                factor = learning.input_rate if self._of_input(name) else learning.recurrent_rate
                decay = learning.weight_decay if kind == WEIGHT else 0.0
                array = array * (1 - rate * decay) + factor * step
            elif kind in BY_LOGARITHM:
                most = np.log(learning.parameter_range)
                array = np.clip(array + learning.parameter_rate * step, -most, most)
            else:
                array = array + step
            self.values[name] = self._within(name, array)

    def _of_input(self, name: str) -> bool:
        return _projection(self.start, name).source in self.start.cells

    def _within(self, name: str, array: np.ndarray) -> np.ndarray:
        """Weights of their sign, delays and factors within their bounds."""
        if name.partition("/")[0] in BY_LOGARITHM:
            return np.clip(array, -FURTHEST, FURTHEST)
        if name.startswith(DELAY + "/"):
            unit, label = self.units[name], name.partition("/")[2]
            assert unit is not None
            return np.clip(array, self.start.dt / unit, self.start.longest[label] / unit)
        sign = self.start.sign_of(_projection(self.start, name)) if name.startswith(WEIGHT + "/") else None
        return array if sign is None else sign * np.maximum(sign * array, 0.0)

    def held(self, dtype: Any = np.float64) -> "Held":
        """The circuit as it is now, for the passes of a batch."""
        return Held(with_scored(self.network, [] if self.of is None else [self.membrane]))

    @property
    def membrane(self) -> tuple[str, str]:
        """The population of `of`, and its membrane."""
        assert self.of is not None
        return self.of, self.start.host(self.of).variables[0]

    @cached_property
    def scale(self) -> np.ndarray:
        """The scale of the thresholds of `of` at the start, (n,)."""
        assert self.of is not None
        group = self.start.groups[list(self.start.neurons).index(self.of)]
        return self.start.host(self.of).scale(self.dt, group.given)

    def passes(
        self, samples: int, steps: int, currents: bool, dtype: Any = np.float64, of_inputs: bool = False
    ) -> list["CircuitPass"]:
        """Room for so many samples side by side."""
        return [CircuitPass(self, dtype, of_inputs) for _ in range(-(-samples // LANES))]

    def in_units(self, c: Circuit, g: CircuitGradients) -> Arrays:
        """A gradient of the circuit as it is now by what learns, in its units."""
        found: Arrays = {}
        for read in c.reads():
            gain, weight, bias, tau = 1 - read.kappa, *_of_read(g, read.key)
            found |= {_key(READOUT, read.key): weight / gain, _key(BIAS, read.key): bias}
            of_gain = float((weight * read.weight).sum()) / gain  # tau moves the gain, not what is learnt
            found[_key(TAU, read.key)] = np.array([tau * read.tau + of_gain * read.kappa * read.dt / read.tau])
        for name, unit in self.units.items():
            kind, _, rest = name.partition("/")
            p, _, key = rest.partition("/")
            if kind in (WEIGHT, DELAY):
                found[name] = (g.weight if kind == WEIGHT else g.delay)[rest] * unit
            elif kind == PARAMETER:
                found[name] = g.parameters[p][key] * c.parameters[p][key]
            elif kind == INITIAL:
                found[name] = g.initial[p][key] * unit
        return {name: found[name] for name in self.units}


class Held:
    """A circuit with its weights as the kernels have them, made once."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._made: dict[tuple[Any, int], Weights] = {}

    def weights(self, dtype: Any, room: int) -> Weights:
        """As `Circuit.weights`."""
        if (dtype, room) not in self._made:
            self._made[dtype, room] = self.circuit.weights(dtype, room)
        return self._made[dtype, room]


class CircuitPass:
    """Up to eight samples through a circuit and back."""

    def __init__(self, learner: CircuitLearner, dtype: Any, of_inputs: bool) -> None:
        self.learner, self.dtype, self.of_inputs = learner, dtype, of_inputs
        self.run: Run | None = None
        self.g_inputs = np.zeros((0, learner.n_in, LANES))

    def forward(self, held: Held, drive: Drive) -> tuple[np.ndarray, np.ndarray]:
        """The readout (T, n_out, n) of n samples, or what stands for it, and the spikes of each neuron, (N,)."""
        if self.learner.of is not None:
            return self._membranes(held, drive)
        self.run = run = Run(held.circuit, drive, (), self.dtype, True, self.of_inputs, held.weights)
        y = run.outputs if self.learner.only is None else run.readout(self.learner.only)
        return y.transpose(1, 2, 0).astype(float), run.counts()

    def _membranes(self, held: Held, drive: Drive) -> tuple[np.ndarray, np.ndarray]:
        place = self.learner.membrane
        self.run = Run(held.circuit, drive, place[1:], self.dtype, True, self.of_inputs, held.weights)
        y = (self.run.state(*place) / self.learner.scale).transpose(1, 2, 0)
        return y.astype(float), self.run.counts()

    def back(self, held: Held, g_y: np.ndarray, g_z: np.ndarray) -> Arrays:
        """The gradient by what learns of dL/dy (T, n_out, n) and dL/d(every spike), (N,)."""
        assert self.run is not None
        c = held.circuit
        d_spike, slope = {name: g_z[cells] for name, cells in c.neurons.items()}, g_y.transpose(2, 0, 1)
        if self.learner.of is None:
            found = self.run.gradient(slope if self.learner.only is None else {self.learner.only: slope}, d_spike)
        else:
            found = self.run.gradient(None, d_spike, {self.learner.membrane: slope / self.learner.scale})
        if self.of_inputs and c.cells:
            self.g_inputs = np.concatenate([found.inputs[name] for name in c.cells], axis=2).transpose(1, 2, 0)
        return self.learner.in_units(c, found)


def copied(c: Circuit) -> Circuit:
    """A circuit whose values may be changed without the other's."""
    other = copy.copy(c)
    other.weight, other.delay = dict(c.weight), dict(c.delay)
    other.parameters = {name: dict(values) for name, values in c.parameters.items()}
    other.initial = {name: dict(values) for name, values in c.initial.items()}
    for name in ("readout_weight", "bias", "tau") if c.is_named else ():
        setattr(other, name, dict(getattr(c, name)))
    return other


def _projection(c: Circuit, name: str) -> Any:
    return next(p for p in c.projections if p.label == name.partition("/")[2])


def units_of(c: Circuit) -> dict[str, float | None]:
    """What learns, and the unit of each; None: it learns by its logarithm.

    Raises:
        InputError: what learns is 0 throughout and has no unit of its own.
    """
    units: dict[str, float | None] = {}
    for p in c.projections:
        for kind, held in ((WEIGHT, c.weight), (DELAY, c.delay)):
            if p.learns(kind) and len(held[p.label]):
                units[f"{kind}/{p.label}"] = _size(f"{kind}[{p.label!r}]", held[p.label], 0.0)
    for population in c.populations:
        name = population.name
        units |= {f"{PARAMETER}/{name}/{key}": None for key in population.learnt if key != "initial"}
        for key, values in c.initial.get(name, {}).items() if "initial" in population.learnt else ():
            host, group = c.host(name), c.groups[list(c.neurons).index(name)]
            scale = float(np.mean(host.scale(c.dt, group.given))) if key == host.variables[0] else 0.0
            units[f"{INITIAL}/{name}/{key}"] = _size(f"initial[{name!r}][{key!r}]", values, scale)
    for read in c.reads():
        units |= {_key(READOUT, read.key): 1.0, _key(BIAS, read.key): 1.0}
        units |= {_key(TAU, read.key): None} if TAU in read.part.learnt else {}
    return units


def _key(kind: str, readout: str) -> str:
    """What a readout's values are called; its name is empty if it is the only one."""
    return f"{kind}/{readout}" if readout else kind


def _of_read(values: Any, readout: str) -> tuple[Any, Any, Any]:
    """Weight, bias and time constant of a readout, of what holds those of all."""
    held = values.readout_weight, values.bias, values.tau
    return tuple(each[readout] for each in held) if readout else held


def _size(name: str, values: np.ndarray, otherwise: float) -> float:
    size = float(np.mean(np.abs(values))) or otherwise
    require(size > 0, name, "not 0 throughout where it learns: its mean size is the unit of a step", values)
    return float(np.exp2(np.round(np.log2(size))))


def _begun(c: Circuit, name: str, unit: float | None) -> np.ndarray:
    """What learns as it is at the start, in its unit."""
    kind, _, rest = name.partition("/")
    p, _, key = rest.partition("/")
    if unit is None:
        return np.zeros(c.parameters[p][key].shape if kind == PARAMETER else 1)
    if kind in (READOUT, BIAS):
        read = next(read for read in c.reads() if read.key == rest)
        return (1 - read.kappa) * read.weight if kind == READOUT else np.array(read.bias, float)
    if kind in (WEIGHT, DELAY):
        return (c.weight if kind == WEIGHT else c.delay)[rest] / unit
    return c.initial[p][key] / unit
