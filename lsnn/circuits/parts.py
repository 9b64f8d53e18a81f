"""What a circuit is made of: populations of neurons or input cells, projections between them, a readout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lsnn.errors import InputError
from lsnn.forecast import require_memory
from lsnn.network import MOST_CELLS
from lsnn.neuron_files import model_of
from lsnn.neurons import NeuronModel
from lsnn.validation import is_integer, require, require_integer, require_kind, require_number

LEARNABLE = ("weight", "delay")


@dataclass(frozen=True)
class Times:
    """Spikes that input cells have of themselves, unless a run gives others."""

    cells: np.ndarray  # (n,) int
    seconds: np.ndarray  # (n,)
    period: float | None = None  # after which they come again


@dataclass(frozen=True)
class Rates:
    """Poisson spikes that input cells have of themselves: at most one a step, with probability rate times dt."""

    hertz: np.ndarray  # (n,)


@dataclass(frozen=True)
class Steps:
    """Values of a driven variable that hold for a time each, the last for ever."""

    values: np.ndarray  # (m,) or (m, n), SI
    seconds: float

    def at(self, times: np.ndarray, size: int) -> np.ndarray:
        """The values (T, size) at some times in seconds."""
        row = np.clip(np.floor(times / self.seconds + 1e-6).astype(int), 0, len(self.values) - 1)
        values = self.values[row]
        return np.broadcast_to(values if values.ndim == 2 else values[:, None], (len(times), size))


@dataclass(frozen=True)
class Population:
    """Neurons of one model, or input cells.

    Attributes:
        name: unique in its circuit. size: how many.
        model: a `NeuronModel`, the name of one that comes with the clone, or the text of a TOML file; None for input
            cells, whose spikes a run is given.
        parameters: values of the model's `(constant)` parameters: a number with its unit, (size,) of them, or draws
            such as `lsnn.uniform(15, 30)*ms`.
        initial: likewise of state variables at the start.
        sign: +1 or -1 of all weights from here; None: either.
        learnt: parameters whose gradient is wanted; "initial" among them stands for the values at the start.
        drive: values of the model's driven variables, unless a run gives others; source: spikes of input cells.
    """

    name: str
    size: int
    model: NeuronModel | str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    sign: int | None = None
    learnt: tuple[str, ...] = ()
    drive: Mapping[str, Steps] = field(default_factory=dict)
    source: Times | Rates | None = None

    def __post_init__(self):
        _require_name("name of a population", self.name)
        require_integer(f"size of {self.name}", self.size, 1, MOST_CELLS)
        one = self.sign is None or (is_integer(self.sign) and self.sign in (1, -1))
        require(one, f"sign of {self.name}", "+1, -1 or None", self.sign)
        for key in ("parameters", "initial", "drive"):
            require_kind(f"{key} of {self.name}", getattr(self, key), Mapping)
        _require_texts(f"learnt of {self.name}", self.learnt)
        if isinstance(self.model, str):
            object.__setattr__(self, "model", model_of(self.model))
        if self.model is None:
            rule = "empty: input cells have no parameters or variables"
            for key in ("parameters", "initial", "learnt", "drive"):
                require(not getattr(self, key), f"{key} of {self.name}", rule, getattr(self, key))
        else:
            require_kind(f"model of {self.name}", self.model, NeuronModel)
            rule = "one that spikes: neurons with an output stand in networks for tasks alone (NetworkConfig)"
            require(not getattr(self.model, "output", ""), f"model of {self.name}", rule, self.model)
            require(self.source is None, f"source of {self.name}", "None: neurons spike of themselves", self.source)

    @property
    def ports(self) -> tuple[str, ...]:
        """What synapses can add to."""
        return self.model.ports if isinstance(self.model, NeuronModel) else ()


@dataclass(frozen=True)
class Projection:
    """Synapses from one population to a port of another.

    Attributes:
        source, target: names of populations. port: of the target; None where it has one alone.
        connectivity: share of all pairs that are connected, drawn at random, no neuron with itself; or
        pairs: the numbers of source and target cells, (S,) each; several synapses of one pair are allowed.
        weight: what a spike adds to the port, with its unit: a number, (S,) of them or draws, in the order of `pairs`.
        delay: from a spike to the first step that feels it: a time of at least dt, (S,) of them or draws, rounded to
            whole steps; None = dt. Brian2 counts from the end of a step: its delay is one dt shorter.
        learn: what learns of it: True = the weights, False = nothing, or names among "weight" and "delay". Delays that
            learn need not be whole steps: a spike arrives in shares after the two steps on either side.
        longest: the most that a delay which learns may become; None: twice the longest at the start.
        name: None = SOURCE_to_TARGET_PORT.
    """

    source: str
    target: str
    port: str | None = None
    connectivity: float | None = None
    pairs: tuple[Any, Any] | None = None
    weight: Any = 1.0
    delay: Any = None
    learn: bool | tuple[str, ...] = True
    name: str | None = None
    longest: Any = None

    def __post_init__(self):
        for key, kinds in (("source", str), ("target", str), ("port", str | None), ("name", str | None)):
            rule = "a text" if kinds is str else "a text or None"
            require(isinstance(getattr(self, key), kinds), f"{key} of a projection", rule, getattr(self, key))
        names = isinstance(self.learn, tuple) and all(name in LEARNABLE for name in self.learn)
        rule = f"true, false, or names among {', '.join(LEARNABLE)}"
        require(isinstance(self.learn, bool) or names, f"learn of {self.label}", rule, self.learn)
        one = (self.connectivity is None) != (self.pairs is None)
        what = f"projection {self.label}"
        require(one, what, "given either its connectivity or its pairs", (self.connectivity, self.pairs))
        if self.connectivity is not None:
            require_number(f"connectivity of {what}", self.connectivity, 0.0, 1.0)

    def learns(self, name: str) -> bool:
        """Whether its "weight" or its "delay" does."""
        return name == "weight" if self.learn is True else name in (self.learn or ())

    @property
    def label(self) -> str:
        """How messages and results call it."""
        return self.name or "_".join(filter(None, (f"{self.source}_to_{self.target}", self.port)))


@dataclass(frozen=True)
class Readout:
    """Leaky sums of the spikes of populations: r[t] = kappa r[t-1] + (1 - kappa) z[t] W, y = r + bias.

    Attributes:
        source: names of populations. outputs: columns of y. tau: time constant, kappa = exp(-dt/tau).
        weight: (all neurons of the sources in order, outputs), pure numbers; None: normal, sd 1/sqrt(neurons).
        bias: (outputs,); None: 0.
        learnt: ("tau",) where its time constant learns beside weight and bias.
        name: among several readouts of a circuit.
    """

    source: str | tuple[str, ...]
    outputs: int
    tau: Any
    weight: Any = None
    bias: Any = None
    learnt: tuple[str, ...] = ()
    name: str = "readout"

    @property
    def sources(self) -> tuple[str, ...]:
        """The populations that it sums."""
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)

    def __post_init__(self):
        _require_name("name of a readout", self.name)
        if not isinstance(self.source, str):
            _require_texts("source of the readout", self.source)
        different = len(set(self.sources)) == len(self.sources) > 0
        require(different, "source of the readout", "different names", self.source)
        require_integer("outputs of the readout", self.outputs, 1, MOST_CELLS)
        own = isinstance(self.learnt, tuple) and self.learnt in ((), ("tau",))
        require(own, "learnt of the readout", 'none or ("tau",)', self.learnt)


def _require_name(name: str, value: Any) -> None:
    named = isinstance(value, str) and value.isidentifier() and value.isascii()
    require(named, name, "a name of ASCII letters, digits and underscores", value)


def _require_texts(name: str, values: Any) -> None:
    texts = isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)
    require(texts, name, "a tuple of names", values)


def drawn_pairs(p: Projection, n_source: int, n_target: int, generator: np.random.Generator) -> tuple[Any, Any]:
    """The pairs of a projection, (S,) each, as numbers of cells."""
    if p.pairs is not None:
        return _checked_pairs(p, n_source, n_target)
    assert p.connectivity is not None
    require_memory(f"drawing among {n_source} x {n_target} pairs of {p.label}", 24.0 * n_source * n_target)
    free = np.arange(n_source * n_target)
    if p.source == p.target:
        free = free[free // n_target != free % n_target]
    chosen = np.sort(generator.choice(free, round(p.connectivity * len(free)), replace=False))
    return chosen // n_target, chosen % n_target


def _checked_pairs(p: Projection, n_source: int, n_target: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        pre, post = (np.asarray(side) for side in p.pairs)  # type: ignore[union-attr]
    except (TypeError, ValueError) as error:
        raise InputError(f"pairs of {p.label} must be two rows of numbers, got {p.pairs!r:.100}") from error
    whole = all(side.ndim == 1 and (side.dtype.kind in "iu" or side.size == 0) for side in (pre, post))
    require(whole and len(pre) == len(post), f"pairs of {p.label}", "two rows of whole numbers, equally long", p.pairs)
    for side, size, what in ((pre, n_source, "sources"), (post, n_target, "targets")):
        within = len(side) == 0 or (side.min() >= 0 and side.max() < size)
        require(bool(within), f"{what} of {p.label}", f"from 0 to {size - 1}", side)
    return pre.astype(np.int64), post.astype(np.int64)
