"""Populations, projections and a readout: checked, numbered and laid out for the kernels."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lsnn.circuits.parts import Population, Projection, Readout, drawn_pairs
from lsnn.circuits.readouts import WithReadouts
from lsnn.circuits.sources import require_own_drive, require_source
from lsnn.circuits.values import in_si, require_values, seconds_of
from lsnn.equations.host import HostModel, host_model
from lsnn.kernels.build import planes_of
from lsnn.kernels.layout import PLAIN, Cells, State, Weights, read_only, state_zeros
from lsnn.neurons import NeuronModel
from lsnn.populations import Group, cells_of, slots_of, variables_of
from lsnn.rows import most_in_tile, rows_of, tiled
from lsnn.validation import (
    precision_of,
    require,
    require_array,
    require_flag,
    require_integer,
    require_kind,
    require_number,
)

Values = dict[str, np.ndarray]
MOST_STEPS_OF_DELAY = 100_000
SHORTEST_DT = 1e-9
NEARLY_WHOLE = 1e-9  # of a step, from which a delay counts as whole


class Synapses(NamedTuple):
    """Those of a projection, in its own order, (S,) each."""

    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray  # steps


class LaidOut(WithReadouts):
    """The parts of a circuit; see `circuit.Circuit`."""

    def __init__(
        self, populations: Sequence[Population], projections: Sequence[Projection] = (),
        readout: Readout | Sequence[Readout] | None = None, dt: Any = None, seed: int = 0, gamma: float = 0.3,
        detach_reset: bool = False,
    ) -> None:  # fmt: skip
        require_number("gamma", gamma, 1e-12)
        require_integer("seed", seed, 0, 2**63 - 1)
        for name, parts in (("populations", populations), ("projections", projections)):
            require(isinstance(parts, list | tuple), name, f"a list of {name}", parts)
        require_flag("detach_reset", detach_reset)
        self.populations, self.projections = tuple(populations), tuple(projections)
        alone = readout is None or isinstance(readout, Readout)
        require(alone or isinstance(readout, list | tuple), "readout", "a Readout, a list of them or None", readout)
        self.readout = readout if readout is None or isinstance(readout, Readout) else tuple(readout)
        self.dt = 0.001 if dt is None else seconds_of("dt", dt)
        require_number("dt in seconds", self.dt, SHORTEST_DT)
        self.gamma, self.detach_reset = float(gamma), detach_reset
        self._number()
        generator = np.random.default_rng(seed)
        self.models = _models_of(self.populations)
        self.parameters = {p.name: self._values(p, p.parameters, "parameters", generator) for p in self._of_neurons()}
        self.initial = {p.name: self._values(p, p.initial, "initial", generator) for p in self._of_neurons()}
        self.times = {p.name: _times_of(p) for p in self._of_neurons()}  # parameters that are times
        self.synapses: dict[str, Synapses] = {}
        self.weight: Values = {}
        self.delay: Values = {}  # seconds, of projections whose delays learn
        self.longest: dict[str, float] = {}  # seconds that they may become
        for projection in self.projections:
            self._wire(projection, generator)
        for p in self.populations:
            self._require_own(p)
        self._draw_readout(generator)
        self._add_defaults()
        self.weights(np.float64)

    def __repr__(self) -> str:
        models = dict(zip(self.neurons, self.models, strict=True))
        kinds = {p.name: models[p.name].name if p.name in models else "input cells" for p in self.populations}
        cells = [f"{p.name} ({p.size} {kinds[p.name]})" for p in self.populations]
        joined = [f"{name} ({len(s.pre)})" for name, s in self.synapses.items()]
        return f"Circuit of {', '.join(cells)}; synapses {', '.join(joined) or 'none'}; dt {1000 * self.dt:g} ms"

    # Numbers of cells, slots and places

    def _number(self) -> None:
        """Which neurons and input cells each population has."""
        for p in self.populations:
            require_kind("a population", p, Population)
        names = [p.name for p in self.populations]
        for p in self.populations:
            require(names.count(p.name) == 1, "names of the populations", "different", names)
        require(bool(self._of_neurons()), "populations", "at least one of neurons", names)
        self.neurons, self.cells = _numbered(self._of_neurons()), _numbered(self._of_cells())

    def _of_neurons(self) -> list[Population]:
        return [p for p in self.populations if p.model is not None]

    def _of_cells(self) -> list[Population]:
        return [p for p in self.populations if p.model is None]

    def population(self, name: str) -> Population:
        """The population of a name; InputError if there is none."""
        found = [p for p in self.populations if p.name == name]
        require(bool(found), "a population", f"one of {', '.join(p.name for p in self.populations)}", name)
        return found[0]

    @property
    def n_neurons(self) -> int:
        """All neurons, N."""
        return sum(p.size for p in self._of_neurons())

    @property
    def n_in(self) -> int:
        """All input cells."""
        return sum(p.size for p in self._of_cells())

    @property
    def planes(self) -> int:
        """The greatest number of ports of a neuron."""
        return planes_of(self.models)

    @property
    def ring(self) -> int:
        """Steps of the longest delay, and one."""
        taps = (tap for p in self.projections for tap in self.taps(p))
        return 1 + max((int(steps.max(initial=1)) for steps, _ in taps), default=1)

    def taps(self, p: Projection) -> list[tuple[np.ndarray, np.ndarray | float]]:
        """After how many steps (S,) a spike arrives through a projection, and which share of its weight.

        A delay that learns lies between two whole ones, and both have their share.
        """
        if p.label not in self.delay:
            return [(self.synapses[p.label].delay, 1.0)]
        steps = self.delay[p.label] / self.dt
        whole = np.round(steps)
        steps = np.where(np.abs(steps - whole) < NEARLY_WHOLE, whole, steps)
        low = np.floor(steps)
        return [(low.astype(np.int64), 1 - (steps - low)), (low.astype(np.int64) + 1, steps - low)]

    @cached_property
    def hosts(self) -> list[HostModel]:
        """The models of the neurons as the host sees them."""
        return [host_model(model) for model in self.models]

    def host(self, name: str) -> HostModel:
        """The model of a population of neurons."""
        return self.hosts[list(self.neurons).index(name)]

    @property
    def groups(self) -> list[Group]:
        """The populations of neurons with their parameters as they are now."""
        pairs = zip(self.hosts, self._of_neurons(), strict=True)
        return [Group(host, self.neurons[p.name], self._given(host, p)) for host, p in pairs]

    def _given(self, host: HostModel, p: Population) -> Values:
        """Parameters of a population; one at least, which says how many neurons there are."""
        return {"": np.zeros(p.size), **self.parameters[p.name]}

    @property
    def n_slots(self) -> int:
        """Slots of all neurons."""
        return slots_of(self.groups)[-1].stop

    @property
    def variables(self) -> dict[str, dict[str, slice]]:
        """The slots of the state variables of every population."""
        return dict(zip(self.neurons, variables_of(self.groups), strict=True))

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of all state variables."""
        return tuple(dict.fromkeys(name for slots in self.variables.values() for name in slots))

    def driven(self, name: str) -> dict[str, slice]:
        """The slots of the driven variables of a population."""
        index = list(self.neurons).index(name)
        size, names = self.population(name).size, self.hosts[index].driven
        first = slots_of(self.groups)[index].stop - len(names) * size
        return {key: slice(first + i * size, first + (i + 1) * size) for i, key in enumerate(names)}

    # Values

    def _values(self, p: Population, given: Mapping[str, Any], what: str, generator: np.random.Generator) -> Values:
        """Parameters or starts of a population in SI units, (size,) each."""
        host = self.host(p.name)
        equations = equations_of(p)
        known = host.variables if what == "initial" else tuple(name for name in host.parameters if name in equations)
        for name in given:
            require(name in known, f"{what} of {p.name}", f"of names among {', '.join(known)}", name)
        return {
            name: in_si(f"{name} of {p.name}", value, equations[name].dim, (p.size,), generator)
            for name, value in given.items()
        }

    def _wire(self, p: Projection, generator: np.random.Generator) -> None:
        """Pairs, delays and weights of a projection."""
        from brian2.units import second

        require_kind("a projection", p, Projection)
        require(p.label not in self.synapses, "names of the projections", "different", p.label)
        source, target = self.population(p.source), self.population(p.target)
        rule = f"one of its ports, {', '.join(target.ports) or 'of which input cells have none'}"
        port = target.ports[0] if p.port is None and len(target.ports) == 1 else p.port
        require(port in target.ports, f"port of {p.label}", rule, p.port)
        pre, post = drawn_pairs(p, source.size, target.size, generator)
        shape, dimension = (len(pre),), equations_of(target)[port].dim
        delay = np.full(shape, self.dt)
        if p.delay is not None:
            delay = in_si(f"delay of {p.label}", p.delay, second.dim, shape, generator)
        steps = np.floor(delay / self.dt + 0.5)  # as Brian2 rounds
        within = bool(np.all((steps >= 1) & (steps <= MOST_STEPS_OF_DELAY)))
        rule, name = f"from dt = {self.dt:g} s to {MOST_STEPS_OF_DELAY} steps", f"longest delay of {p.label}"
        require(within, f"delay of {p.label}", rule, delay)
        self.synapses[p.label] = Synapses(pre, post, steps.astype(np.int64))
        if p.learns("delay"):
            self.delay[p.label] = np.maximum(delay, self.dt)
            longest = 2 * float(delay.max(initial=self.dt)) if p.longest is None else seconds_of(name, p.longest)
            self.longest[p.label] = longest
        self.weight[p.label] = in_si(f"weight of {p.label}", p.weight, dimension, shape, generator)

    def _require_own(self, p: Population) -> None:
        """Whether what a population has of itself, unless a run gives other, fits its cells."""
        if isinstance(p.model, NeuronModel):
            for name, steps in p.drive.items():
                require_own_drive(p, name, steps)
        elif p.source is not None:
            require_source(p, self.dt)

    def port_of(self, p: Projection) -> str:
        """The port that a projection adds to."""
        return p.port or self.population(p.target).ports[0]

    def sign_of(self, p: Projection) -> int | None:
        """The sign that all weights of a projection must have; None: either."""
        return 1 if self.port_of(p) in self.host(p.target).conductances else self.population(p.source).sign

    def _add_defaults(self) -> None:
        """Values of parameters that learn, which the models have of their own; all that models need is there."""
        for host, p in zip(self.hosts, self._of_neurons(), strict=True):
            for name, own in host.parameters.items():
                there, rule = name in p.parameters, f"complete: {name} has no value"
                require(there or own is not None, f"parameters of {p.name}", rule, dict(p.parameters))
                if not there and name in host.model.learnt:
                    self.parameters[p.name][name] = np.full(p.size, own)

    # For the kernels

    def place(self, room: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source, place in the delay ring and weight of every synapse, as the projections follow each other.

        Args:
            room: steps by which the ring is longer than the delays need.
        """
        columns: list[tuple[np.ndarray, ...]] = [(np.zeros(0, np.int64),) * 2 + (np.zeros(0),)]
        ring = self.ring
        for p in self.projections:
            pre, post, _ = self.synapses[p.label]
            target = self.population(p.target)
            first = self.cells[p.source].start if p.source in self.cells else self.n_in + self.neurons[p.source].start
            row = 2 * (ring + room) * target.ports.index(self.port_of(p))
            for steps, share in self.taps(p):
                place = (row + steps) * self.n_neurons + self.neurons[p.target].start + post
                columns.append((first + pre, place, share * self.weight[p.label]))
        sources, places, weights = (np.concatenate(column) for column in zip(*columns, strict=True))
        return sources, places, weights

    @property
    def order(self) -> np.ndarray:
        """The permutation that sorts the synapses of all projections as the kernels have them."""
        source, place, _ = self.place()
        return np.lexsort((place, source))

    def weights(self, dtype: Any = np.float64, room: int = 0) -> Weights:
        """The circuit as the kernels see it, in a precision, with a delay ring longer by `room`; read-only.

        Raises:
            InputError: a value that is not finite, has another shape than it had, or the wrong sign.
        """
        self.require_sound(room)
        dtype, n = precision_of(dtype), self.n_neurons
        source, place, weight = self.place(room)
        order = np.lexsort((place, source))
        source, place, weight = source[order], place[order].astype(np.int32), weight[order]
        cut = int(np.searchsorted(source, self.n_in))
        rows = (
            rows_of(source[:cut], self.n_in, place[:cut], weight[:cut], PLAIN, dtype),
            rows_of(source[cut:] - self.n_in, n, place[cut:], weight[cut:], PLAIN, dtype),
        )
        cells, most = cells_of(self.groups, self.dt), most_in_tile((self.ring + room) * self.planes)
        return read_only(
            Weights(
                Cells(cells.groups, cells.constants.astype(dtype), cells.refractory.astype(dtype)),
                *rows,
                self._readout_arrays(dtype),
                *(rows if n <= most else (tiled(each, n, most) for each in rows)),
            )
        )

    def start(self, dtype: Any = np.float64, room: int = 0) -> State:
        """The state before the first step: the variables' own starts, nobody refractory, nothing under way."""
        state = state_zeros(self.n_neurons, self.n_slots, self.n_out, self.ring + room, dtype, self.planes)
        for name, slots in self.variables.items():
            for variable, values in self.initial[name].items():
                state.x[slots[variable]] = values[:, None]
        return state

    def require_sound(self, room: int = 0) -> None:
        """InputError unless all that may be changed is as it should be."""
        self._require_mappings()
        for p in self._of_neurons():
            for kind in ("parameters", "initial"):
                for name, values in getattr(self, kind)[p.name].items():
                    require_values(f"{kind}[{p.name!r}][{name!r}]", values, (p.size,))
            for name in self.times[p.name]:
                values = self.parameters[p.name][name]
                rule = "at least 0, since it is a time"
                require(bool((values >= 0).all()), f"parameters[{p.name!r}][{name!r}]", rule, values)
        for each in self.projections:
            self._require_places(each)
            require_values(f"weight[{each.label!r}]", self.weight[each.label], self.synapses[each.label].pre.shape)
            self._require_sign(each)
            self._require_delay(each)
        self._require_readouts()
        places = 2 * (self.ring + room) * self.planes * self.n_neurons
        require(places < 2**31, "the delay ring", "of fewer than 2**31 places", places)

    def _require_mappings(self) -> None:
        """Whether there are values of every population and projection still."""
        labels = [p.label for p in self.projections]
        learnt = [p.label for p in self.projections if p.learns("delay")]
        for name, keys in (
            ("parameters", self.neurons), ("initial", self.neurons), ("weight", labels), ("delay", learnt)
        ):  # fmt: skip
            held = getattr(self, name)
            fits = isinstance(held, dict) and set(held) == set(keys)
            require(fits, name, f"a dict of values by {', '.join(keys) or 'nothing'}", held)
        for p in self._of_neurons():
            for name in ("parameters", "initial"):
                held, own = getattr(self, name)[p.name], set(getattr(p, name))
                fits = isinstance(held, dict) and own <= set(held)
                rule = f"a dict of values by {', '.join(sorted(own)) or 'nothing'}"
                require(fits, f"{name}[{p.name!r}]", rule, held)

    def _require_places(self, p: Projection) -> None:
        """Whether all synapses join cells that there are, after at least one step."""
        synapses, whole = self.synapses[p.label], np.dtype(np.int64)
        ends = self.population(p.source).size, self.population(p.target).size, MOST_STEPS_OF_DELAY + 1
        for what, values, low, end in zip(Synapses._fields, synapses, (0, 0, 1), ends, strict=True):
            name = f"synapses[{p.label!r}].{what}"
            require_array(name, values, np.shape(synapses.pre), whole, written=False, in_rows=False)
            within = len(values) == 0 or (values.min() >= low and values.max() < end)
            require(bool(within), name, f"from {low} to {end - 1}", values)

    def _require_delay(self, p: Projection) -> None:
        """Whether the delays that learn lie within their bounds."""
        require((p.label in self.delay) == p.learns("delay"), "delay", "of the projections whose delays learn", p.label)
        if p.label in self.delay:
            name, values, longest = f"delay[{p.label!r}]", self.delay[p.label], self.longest[p.label]
            require_values(name, values, self.synapses[p.label].pre.shape)
            most = MOST_STEPS_OF_DELAY * self.dt
            require(self.dt <= longest <= most, f"longest delay of {p.label}", f"from dt to {most:g} s", longest)
            within = bool(((values >= self.dt) & (values <= longest)).all())
            require(within, name, f"from dt = {self.dt:g} s to the longest, {longest:g} s", values)

    def _require_sign(self, p: Projection) -> None:
        weight, sign, name = self.weight[p.label], self.population(p.source).sign, f"weight[{p.label!r}]"
        if sign is not None:
            rule = f"of the sign of its source, {p.source}, which is {'+' if sign > 0 else '-'}"
            require(bool(np.all(weight * sign >= 0)), name, rule, weight[weight * sign < 0])
        host, port = self.host(p.target), self.port_of(p)
        if port in host.conductances:
            rule = f"at least 0, since {port} of {p.target} is a conductance; inhibition takes a port of its own"
            require(bool(np.all(weight >= 0)), name, f"{rule}, with its reversal potential", weight[weight < 0])


def _numbered(populations: Sequence[Population]) -> dict[str, slice]:
    ends = np.cumsum([0, *(p.size for p in populations)])
    return {p.name: slice(int(a), int(b)) for p, a, b in zip(populations, ends[:-1], ends[1:], strict=True)}


def equations_of(p: Population) -> Any:
    """Brian2's equations of the neurons of a population."""
    from lsnn.equations.parsing import read_equations

    assert isinstance(p.model, NeuronModel)
    return read_equations(p.model)


def _times_of(p: Population) -> list[str]:
    """The parameters that it has values of and that are times."""
    from brian2.units import second

    equations = equations_of(p)
    return [name for name in p.parameters if equations[name].dim is second.dim]


def _model_of(p: Population) -> NeuronModel:
    """The model of a population, in which its own values stand before those of the model."""
    model = p.model
    assert isinstance(model, NeuronModel)
    learnt = tuple(name for name in p.learnt if name != "initial")
    return model._replace(
        given=tuple(dict.fromkeys((*model.given, *p.parameters))),
        parameters=tuple(row for row in model.parameters if row.name not in p.parameters),
        initial=tuple((name, text) for name, text in model.initial if name not in p.initial),
        learnt=learnt,
    )


def _models_of(populations: Sequence[Population]) -> tuple[NeuronModel, ...]:
    """The models of the neurons; those that differ have different names."""
    found: dict[NeuronModel, NeuronModel] = {}
    for p in populations:
        if p.model is None:
            continue
        model = _model_of(p)
        taken = {each.name for each in found.values()}
        if model not in found:
            names = (model.name, *(f"{model.name}_{i}" for i in range(2, len(populations) + 2)))
            found[model] = model._replace(name=next(name for name in names if name not in taken))
    return tuple(found[_model_of(p)] for p in populations if p.model is not None)
