"""What a circuit is given in a run: spikes or numbers of its input cells, and values of driven variables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsnn.arrays.spikes import LARGEST_CURRENT, counted
from lsnn.circuits.laid_out import LaidOut, equations_of
from lsnn.circuits.parts import Rates, Times
from lsnn.circuits.values import in_si
from lsnn.errors import InputError
from lsnn.files.store import checksum
from lsnn.forecast import require_memory
from lsnn.validation import require, require_integer

MOST_STEPS = 2**31 - 1


class Own:
    """What cells have of themselves, (samples, steps, n), made anew of what is asked for, to the same bits.

    Args:
        shape: samples, steps, n. make: what one sample has from a step to another, (steps, n).
        alike: whether all samples have the same.
    """

    def __init__(
        self, shape: tuple[int, int, int], make: Callable[[int, int, int], np.ndarray], alike: bool = False
    ) -> None:
        self.shape, self._make, self._alike = shape, make, alike

    def __getitem__(self, key: tuple[np.ndarray, slice]) -> np.ndarray:
        """That of some samples in a slice of time."""
        chosen, time = key
        return np.stack([self._make(int(sample), *time.indices(self.shape[1])[:2]) for sample in chosen])

    def whole(self) -> np.ndarray:
        """All of it."""
        if self._alike:
            return np.broadcast_to(self._make(0, 0, self.shape[1]), self.shape)
        return self[np.arange(self.shape[0]), slice(None)]


@dataclass(frozen=True)
class Drive:
    """What some samples are given in each step."""

    spikes: dict[str, Any]  # of every population of input cells, (samples, T, n): bool, or numbers for currents
    driven: dict[tuple[str, str], Any]  # of every driven variable of a population, (samples, T, n)
    shape: tuple[int, int]  # samples, steps
    currents: bool = False

    def __getitem__(self, chosen: np.ndarray) -> "Drive":
        """Some of the samples."""
        spikes = {name: values[chosen] for name, values in self.spikes.items()}
        driven = {key: values[chosen] for key, values in self.driven.items()}
        return Drive(spikes, driven, (len(chosen), self.shape[1]), self.currents)

    @property
    def sha256(self) -> str:
        """Of all numbers and their names."""
        return checksum(self.spikes | {"/".join(key): values for key, values in self.driven.items()})


def drive_of(
    circuit: LaidOut, inputs: Any, driven: Mapping[tuple[str, str], Any] | None = None, samples: int | None = None,
    steps: int | None = None, seed: int = 0, currents: bool = False, name: str = "inputs", lazily: bool = False,
) -> Drive:  # fmt: skip
    """What a run is given, checked: see `Circuit.run`.

    Args:
        inputs: of one population as they are, or a mapping with values of input cells by name and of driven variables
            by (population, variable). name: of the argument.
        lazily: whether what cells have of themselves is made when a part of time asks for it (`Own`).
    """
    circuit.require_sound()
    given, others = _parted(circuit, inputs, name)
    others |= driven or {}
    for key in given:
        require(key in circuit.cells, name, f"of input cells among {', '.join(circuit.cells) or 'none'}", key)
    arrays = {key: _cells(f"{name}[{key!r}]", v, circuit.population(key).size, currents) for key, v in given.items()}
    shapes = [array.shape for array in arrays.values()] + [s for s in map(_shape, others.values()) if len(s) == 3]
    samples, steps = _lengths(shapes, samples, steps)
    widths = sum(p.size for p in circuit.populations)
    if not lazily:
        require_memory(f"{samples} samples of {steps} steps", float(samples) * steps * (widths + 8 * circuit.n_out))
    kind = np.dtype(float) if currents else np.dtype(bool)
    spikes: dict[str, Any] = {}
    for key in circuit.cells:
        own = None if key in arrays else _own_spikes(circuit, key, samples, steps, seed, kind)
        spikes[key] = arrays[key].astype(kind, copy=False) if own is None else own if lazily else own.whole()
    driven_by = _driven(circuit, others, samples, steps, name)
    whole = {key: v if lazily or not isinstance(v, Own) else v.whole() for key, v in driven_by.items()}
    return Drive(spikes, whole, (samples, steps), currents)


def _parted(circuit: LaidOut, inputs: Any, name: str) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """Inputs of cells, and values of driven variables."""
    if inputs is None:
        return {}, {}
    if not isinstance(inputs, Mapping):
        names = ", ".join(circuit.cells) or "none"
        require(len(circuit.cells) == 1, name, f"a mapping: the circuit has the input cells {names}", type(inputs))
        return {next(iter(circuit.cells)): inputs}, {}
    cells = {key: values for key, values in inputs.items() if not isinstance(key, tuple)}
    return cells, {key: values for key, values in inputs.items() if isinstance(key, tuple)}


def _cells(name: str, values: Any, size: int, currents: bool) -> np.ndarray:
    """Spikes or numbers (samples, steps, n); those of one sample may be (steps, n)."""
    array = counted(name, values)
    array = array[None] if array.ndim == 2 else array
    what = f"numbers from -{LARGEST_CURRENT:g} to {LARGEST_CURRENT:g}" if currents else "zeros and ones"
    rule = f"{'currents' if currents else 'spikes'} (samples, steps, {size}), {what}"
    require(array.ndim == 3 and array.shape[2] == size and array.size > 0, name, rule, array)
    sound = np.abs(array) <= LARGEST_CURRENT if currents else (array == 0) | (array == 1)
    require(bool(sound.all()), name, rule, array)
    return array.astype(float if currents else bool)


def _lengths(shapes: Sequence[tuple[int, ...]], samples: int | None, steps: int | None) -> tuple[int, int]:
    """Samples and steps of a run, which all inputs share."""
    for i, (what, given) in enumerate((("samples", samples), ("steps", steps))):
        found = {shape[i] for shape in shapes}
        if given is not None:
            require_integer(what, given, 1, MOST_STEPS)
            found.add(int(given))
        require(len(found) <= 1, what, "the same in all inputs", sorted(found))
    samples = (shapes[0][0] if shapes else 1) if samples is None else samples
    steps = (shapes[0][1] if shapes else None) if steps is None else steps
    require_integer("samples", samples, 1, 10**6)
    require_integer("steps", steps, 1, MOST_STEPS)
    assert samples is not None and steps is not None
    return int(samples), int(steps)


def _own_spikes(circuit: LaidOut, name: str, samples: int, steps: int, seed: int, kind: np.dtype) -> Own:
    """Spikes that input cells have of themselves, as numbers of a kind."""
    p, dt, place = circuit.population(name), circuit.dt, list(circuit.cells).index(name)
    source = p.source

    def at_times(sample: int, first: int, last: int) -> np.ndarray:
        assert isinstance(source, Times)
        return spikes_at(source, first, last, p.size, dt).astype(kind, copy=False)

    def drawn(sample: int, first: int, last: int) -> np.ndarray:
        assert isinstance(source, Rates)
        bits = np.random.PCG64(np.random.SeedSequence([int(seed), place]))
        bits.advance((sample * steps + first) * p.size)  # a draw a cell and step
        return (np.random.Generator(bits).random((last - first, p.size)) < source.hertz * dt).astype(kind, copy=False)

    if not isinstance(source, Times | Rates):
        raise InputError(f"inputs must hold the spikes of {name}, which has none of itself")
    return Own((samples, steps, p.size), at_times if isinstance(source, Times) else drawn)


def spikes_at(times: Times, first: int, last: int, size: int, dt: float) -> np.ndarray:
    """Spikes at given times from a step to another as (steps, n) bool: each in the step that its time falls into."""
    found = np.zeros((last - first, size), bool)
    step, cells = np.floor((times.seconds + 1e-3 * dt) / dt).astype(np.int64), times.cells
    if times.period is not None and len(step):
        every = int(round(times.period / dt))
        again = np.arange(max(0, (first - int(step.max())) // every), -(-last // every))[:, None] * every
        step, cells = (again + step).ravel(), np.tile(cells, len(again))
    within = (step >= first) & (step < last)
    found[step[within] - first, cells[within]] = True
    return found


def _driven(
    circuit: LaidOut, given: Mapping[tuple[str, str], Any], samples: int, steps: int, name: str
) -> dict[tuple[str, str], Any]:
    """Values of all driven variables, (samples, steps, n) each."""
    names = [(p, variable) for p in circuit.neurons for variable in circuit.driven(p)]
    for key in given:
        require(key in names, f"{name}, driven", f"of pairs of population and variable among {names}", key)
    return {key: _driven_by(circuit, key, given.get(key), samples, steps) for key in names}


def _driven_by(circuit: LaidOut, key: tuple[str, str], values: Any, samples: int, steps: int) -> Any:
    p, shape = circuit.population(key[0]), (samples, steps, circuit.population(key[0]).size)
    if values is None:
        own = p.drive.get(key[1])
        require(own is not None, "driven", f"complete: {key[1]} of {key[0]} has no values", list(p.drive))
        assert own is not None
        return Own(shape, lambda sample, first, last: own.at(circuit.dt * np.arange(first, last), p.size), True)
    dimension = equations_of(p)[key[1]].dim
    generator = np.random.default_rng(0)
    whole = len(_shape(values)) != 2
    return np.broadcast_to(in_si(f"driven[{key}]", values, dimension, shape if whole else shape[1:], generator), shape)


def _shape(values: Any) -> tuple[int, ...]:
    """That of an array; () of what is none."""
    try:
        return np.shape(values)
    except (ValueError, TypeError):  # rows of unequal lengths
        return ()
