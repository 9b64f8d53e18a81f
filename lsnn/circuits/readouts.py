"""The readouts of a circuit: one whose values stand by themselves, or a list of them with values by name."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lsnn.circuits.parts import Population, Readout
from lsnn.circuits.values import in_si, require_values, seconds_of
from lsnn.forecast import require_memory
from lsnn.kernels.layout import Readout as ReadoutArrays
from lsnn.validation import require, require_kind, require_number


class Read(NamedTuple):
    """A readout with its values as they are now."""

    key: str  # its name; "" of the only one, whose values stand by themselves
    part: Readout
    outputs: slice
    neurons: np.ndarray  # in the order of its rows
    weight: np.ndarray  # (neurons, outputs)
    bias: np.ndarray  # (outputs,)
    tau: float
    dt: float

    @property
    def kappa(self) -> float:
        """Decay in a step."""
        return float(np.exp(-self.dt / self.tau))


class WithReadouts:
    """What a circuit has of its readouts; see `circuit.Circuit`."""

    readout: Readout | tuple[Readout, ...] | None
    readout_weight: Any  # (neurons, outputs), or by name; likewise
    bias: Any  # (outputs,)
    tau: Any  # seconds
    dt: float
    populations: tuple[Population, ...]
    neurons: dict[str, slice]

    @property
    def n_neurons(self) -> int:
        """All neurons, N."""
        raise NotImplementedError

    def population(self, name: str) -> Population:
        """The population of a name."""
        raise NotImplementedError

    @property
    def n_out(self) -> int:
        """Columns of all readouts."""
        return sum(part.outputs for part in self.readouts)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """All readouts."""
        return self.readout if isinstance(self.readout, tuple) else () if self.readout is None else (self.readout,)

    @property
    def is_named(self) -> bool:
        """Whether readouts are a list, and have their values by name."""
        return isinstance(self.readout, tuple)

    def by_readout(self, values: Mapping[str, Any], otherwise: Any = None) -> Any:
        """Values of readouts as they stand: by name, or that of the only one; `otherwise` without any."""
        if self.is_named:
            return dict(values)
        return values[""] if values else otherwise

    @property
    def columns(self) -> dict[str, slice]:
        """The columns of each readout, by name."""
        ends = np.cumsum([0, *(part.outputs for part in self.readouts)])
        return {part.name: slice(int(a), int(b)) for part, a, b in zip(self.readouts, ends[:-1], ends[1:], strict=True)}

    @property
    def labels(self) -> list[str] | None:
        """What the outputs of several readouts are called: action_0, action_1, value; None of a single one."""
        return (
            [
                f"{part.name}_{i}" if part.outputs > 1 else part.name
                for part in self.readouts
                for i in range(part.outputs)
            ]
            if self.is_named
            else None
        )

    def reads(self) -> list[Read]:
        """All readouts with their values as they are now."""
        found = []
        for part, columns in zip(self.readouts, self.columns.values(), strict=True):
            key = part.name if self.is_named else ""
            held = self.readout_weight, self.bias, self.tau
            weight, bias, tau = (each[key] if key else each for each in held)
            found.append(Read(key, part, columns, self.read(part), weight, bias, tau, self.dt))
        return found

    def _draw_readout(self, generator: np.random.Generator) -> None:
        rule, names = "different from each other and from those of populations", [p.name for p in self.populations]
        values: dict[str, tuple[Any, Any, Any]] = {}
        for part in self.readouts:
            require_kind("readout", part, Readout)
            require(not self.is_named or part.name not in names, "names of the readouts", rule, part.name)
            names.append(part.name)
            values[part.name if self.is_named else ""] = self._drawn(part, generator)
        none: tuple[Any, ...] = np.zeros((0, 0)), np.zeros(0), 1.0
        columns = [{name: own[i] for name, own in values.items()} for i in range(3)]
        found = [self.by_readout(column, each) for column, each in zip(columns, none, strict=True)]
        self.readout_weight, self.bias, self.tau = found

    def _drawn(self, part: Readout, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        """Weight, bias and time constant of a readout."""
        name = f"the readout {part.name}" if self.is_named else "the readout"
        for source in part.sources:
            known = source in self.neurons
            require(known, f"source of {name}", f"of names among {', '.join(self.neurons)}", source)
        shape = (sum(self.population(source).size for source in part.sources), part.outputs)
        weight, room = part.weight, 8.0 * self.n_neurons * part.outputs
        require_memory(f"a readout of {part.outputs} outputs", 3 * room)
        if weight is None:
            weight = generator.standard_normal(shape) / np.sqrt(shape[0])
        own = _plain(f"weight of {name}", weight, shape)
        bias = _plain(f"bias of {name}", 0.0 if part.bias is None else part.bias, shape[1:])
        return own, bias, seconds_of(f"tau of {name}", part.tau)

    def kappa(self) -> Any:
        """Decay of the readout in a step; of several, by name."""
        return self.by_readout({read.key: read.kappa for read in self.reads()}, float(np.exp(-self.dt)))

    def read(self, part: Readout) -> np.ndarray:
        """The neurons that a readout sums, in the order of its rows."""
        return np.concatenate([np.arange(self.n_neurons)[self.neurons[source]] for source in part.sources])

    def _readout_arrays(self, dtype: np.dtype) -> ReadoutArrays:
        weight, bias, kappa = np.zeros((self.n_neurons, self.n_out)), np.zeros(self.n_out), np.ones(self.n_out)
        for read in self.reads():
            weight[read.neurons, read.outputs] = (1 - read.kappa) * read.weight
            bias[read.outputs], kappa[read.outputs] = read.bias, read.kappa
        decay = kappa if self.is_named and self.n_out else np.append(kappa, 1.0)[:1]
        return ReadoutArrays(weight.astype(dtype), bias.astype(dtype), decay.astype(dtype))

    def _require_readouts(self) -> None:
        """Whether readouts have values of the right form still."""
        names = [part.name for part in self.readouts]
        for name in ("readout_weight", "bias", "tau") if self.is_named else ():
            held = getattr(self, name)
            fits = isinstance(held, dict) and set(held) == set(names)
            require(fits, name, f"a dict of values by {', '.join(names) or 'nothing'}", held)
        if self.readout is None:
            require_values("readout_weight", self.readout_weight, (0, 0))
            require_values("bias", self.bias, (0,))
            require_number("tau", self.tau, 1e-12)
        for read in self.reads():
            at = f"[{read.key!r}]" if read.key else ""
            require_values(f"readout_weight{at}", read.weight, (len(read.neurons), read.part.outputs))
            require_values(f"bias{at}", read.bias, (read.part.outputs,))
            require_number(f"tau{at}", read.tau, 1e-12)


def _plain(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers without a unit in a shape."""
    from brian2.units.fundamentalunits import DIMENSIONLESS

    return in_si(name, value, DIMENSIONLESS, shape, np.random.default_rng(0))
