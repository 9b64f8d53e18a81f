"""Populations, weights and the frozen network as the kernels see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from lsnn.acting import Acting
from lsnn.configuration import LARGEST, documented, parameter
from lsnn.equations.host import host_model
from lsnn.errors import InputError
from lsnn.kernels.layout import FULL, PLAIN, Cells, Readout, Weights, read_only
from lsnn.neuron_files import model_of
from lsnn.neurons import LIF, NeuronModel
from lsnn.parameters import TAU_OUT, has_parameter, parameters_learnt
from lsnn.populations import Group, cells_of, effect_of, group_of, parameter_of, sent_of
from lsnn.rows import is_full, most_in_tile, rows_of, tiled
from lsnn.validation import precision_of, require, require_array, require_integer, require_kind, size_of
from lsnn.wiring import Synapses, Wiring, draw_pairs, require_synapses, synapses_of_pairs

MOST_CELLS = 10_000_000  # neurons, or cells of input or of the readout: more than any memory has room for


@documented
@dataclass(frozen=True)
class NetworkConfig:
    """Populations and constants of an LSNN. Thresholds and membrane potentials share one unit, that of b0."""

    n_excitatory: int = parameter(200, "excitatory LIF neurons", unit="neurons", source="recalled")
    n_inhibitory: int = parameter(80, "inhibitory LIF neurons", unit="neurons", source="recalled")
    n_adaptive: int = parameter(120, "excitatory adaptive neurons", unit="neurons", source="recalled")
    dale: bool = parameter(True, "Dale's law: all synapses of a neuron share a sign", unit="–", source="recalled")
    connectivity: float = parameter(0.2, "share of all ordered pairs that are connected", source="recalled")
    rewire: bool = parameter(True, "rewiring by DEEP R", unit="–", source="recalled")
    d_max_ms: int = parameter(
        10, "greatest delay; each is uniform in 1 .. d_max", unit="ms", symbol="d", source="recalled; read: `n_delay`"
    )
    tau_m_min_ms: float = parameter(
        15.0, "lower bound of the membrane time constants", unit="ms", symbol="tau_m", source="recalled"
    )
    tau_m_max_ms: float = parameter(
        30.0, "upper bound of the membrane time constants", unit="ms", symbol="tau_m", source="recalled"
    )
    tau_a_ms: float = parameter(
        1200.0, "time constant of the adaptation", unit="ms", symbol="tau_a", source="recalled; read: `tau_a`"
    )
    b0: float = parameter(
        0.01, "threshold without adaptation", unit="unit of v", symbol="b^0", source="recalled; read: `thr`"
    )
    beta: float = parameter(
        1.7,
        "by how much the threshold grows with b; 0 = no adaptation",
        unit="unit of v",
        symbol="beta",
        source="recalled; read: `beta` (beta/b0 = 170)",
    )
    refractory_ms: int = parameter(
        3,
        "shortest time from spike to spike",
        unit="ms",
        source="recalled; read: `n_ref`, with which a spike at t allows the next at t+4 there, at t+3 here",
    )
    tau_out_ms: float = parameter(20.0, "time constant of the readout", unit="ms", source="read: `tau_out`")
    input_gain: float = parameter(
        1.0, "sd of the normalised initial weights from the input, times the square root of the fan-in"
    )
    recurrent_gain: float = parameter(1.0, "likewise of the recurrent weights")
    readout_gain: float = parameter(1.0, "likewise of the readout's")
    adaptive_model: str = parameter(
        "alif", "neuron model of the adaptive population: a name, or the text of a TOML file", unit="–"
    )
    surrogate: str | None = parameter(
        None, "shape of the surrogate derivative; none = the model's own, the triangle", unit="–", symbol="psi"
    )
    surrogate_width: float | None = parameter(None, "its width in units of u; none = the model's own")
    surrogate_gamma: float = parameter(
        0.3, "its peak, which damps the gradient", symbol="gamma", source="recalled; read: `dampening_factor`"
    )
    detach_reset: bool = parameter(
        False,
        "the gradient takes the spike of the reset for a constant",
        unit="–",
        source="read: the reset is differentiated through",
    )
    learnt: str | None = parameter(
        None,
        "parameters of the neurons that learn beside the weights, and tau_out: names with commas between, (shared) "
        "behind one of which a population has one value, as in `tau_m, beta, tau_a (shared)`",
        unit="–",
    )
    dt_ms: float = parameter(1.0, "time step", unit="ms", symbol="delta t", source="recalled; read: `dt`")

    @property
    def n_neurons(self) -> int:
        """All neurons, N."""
        return self.n_excitatory + self.n_inhibitory + self.n_adaptive

    @property
    def signed(self) -> bool:
        """Whether each synapse has a fixed sign (Dale's law, or DEEP R, which needs one)."""
        return self.dale or self.rewire

    @property
    def population_names(self) -> tuple[str, str, str]:
        """How the three populations are called; only where signs are held is a neuron excitatory or inhibitory."""
        return ("excitatory", "inhibitory", "adaptive") if self.dale else ("LIF", "LIF", "adaptive")

    @property
    def models(self) -> tuple[NeuronModel, ...]:
        """The model of the excitatory and inhibitory neurons, and that of the adaptive ones."""
        models: tuple[NeuronModel, ...] = (LIF, model_of(self.adaptive_model))
        learnt = parameters_learnt(self.learnt)
        models = tuple(m._replace(learnt=tuple(name for name in learnt if has_parameter(m, name))) for m in models)
        if self.surrogate is not None:
            models = tuple(model._replace(surrogate=self.surrogate) for model in models)
        if self.surrogate_width is not None:
            models = tuple(model._replace(width=self.surrogate_width) for model in models)
        return models

    def __post_init__(self):
        model_of(self.adaptive_model)
        for name in parameters_learnt(self.learnt):
            known = name == TAU_OUT or any(name in model.learnt for model in self.models)
            rule = f"must name {TAU_OUT} or (constant) parameters of its neuron models, and not t_ref"
            _require(known and name != "t_ref", "learnt", rule, name)
        surrogates = (None, "triangle", "fast_sigmoid", "gaussian")
        _require(self.surrogate in surrogates, "surrogate", f"must be one of {surrogates}", self.surrogate)
        wide = self.surrogate_width is None or self.surrogate_width > 0
        _require(wide, "surrogate_width", "must be > 0", self.surrogate_width)
        for name in ("n_excitatory", "n_inhibitory", "n_adaptive"):
            _require(getattr(self, name) >= 0, name, "must be >= 0", getattr(self, name))
        names, rule = "n_excitatory + n_inhibitory + n_adaptive", f"must lie in 1..{MOST_CELLS}"
        _require(0 < self.n_neurons <= MOST_CELLS, names, rule, self.n_neurons)
        _require(0 < self.connectivity <= 1, "connectivity", "must lie in (0, 1]", self.connectivity)
        _require(1 <= self.d_max_ms <= 100, "d_max_ms", "must lie in 1..100", self.d_max_ms)
        _require(self.dt_ms > 0, "dt_ms", "must be > 0", self.dt_ms)
        for name in ("tau_m_min_ms", "tau_m_max_ms", "tau_a_ms", "tau_out_ms"):
            _require(getattr(self, name) > self.dt_ms, name, f"must be > dt_ms = {self.dt_ms}", getattr(self, name))
        _require(self.tau_m_min_ms <= self.tau_m_max_ms, "tau_m_min_ms", "must be <= tau_m_max_ms", self.tau_m_min_ms)
        _require(self.b0 > 0, "b0", "must be > 0", self.b0)
        _require(self.beta >= 0, "beta", "must be >= 0", self.beta)
        _require(self.refractory_ms >= 1, "refractory_ms", "must be >= 1", self.refractory_ms)
        _require(self.surrogate_gamma > 0, "surrogate_gamma", "must be > 0", self.surrogate_gamma)
        for name in ("b0", "surrogate_width"):
            value = getattr(self, name)
            _require(value is None or value >= 1 / LARGEST, name, f"must be >= {1 / LARGEST:g}", value)
        for item in fields(self):
            value = getattr(self, item.name)
            _require(not isinstance(value, float) or np.isfinite(value), item.name, "must be finite", value)
            _require(not isinstance(value, float) or abs(value) <= LARGEST, item.name, f"must be <= {LARGEST:g}", value)


def _require(holds: bool, key: str, rule: str, value) -> None:
    if not holds:
        raise InputError(f"network.{key} {rule}, got {value!r}")


@dataclass
class Network(Acting):
    """An LSNN. Learnt: theta of the synapses, readout, bias and log std, all normalised.

    An input or recurrent weight of 1 normalised lifts a neuron at rest by one scale of its threshold at most:
    w' = w (1 - alpha_j) / b0_j for LIF and ALIF. The readout's is w' = w (1 - kappa) (docs/design.md).
    """

    config: NetworkConfig
    wiring: Wiring
    tau_m_ms: np.ndarray  # (N,)
    beta: np.ndarray  # (N,), 0 for LIF
    synapses: Synapses  # inputs first, then recurrent
    readout: np.ndarray  # (N, n_out) float64
    bias: np.ndarray  # (n_out,)
    log_std: np.ndarray  # (n_action,)
    outputs: Mapping[str, int] = field(default_factory=dict)  # columns of the readout in order: name -> width
    learnt: Mapping[str, np.ndarray] = field(default_factory=dict)  # what config.learnt names, SI: (N,), tau_out (1,);
    # a value that is not here is as at the start of learning

    @property
    def n_in(self) -> int:
        """Input cells."""
        return self.wiring.n_in

    @property
    def n_out(self) -> int:
        """Readouts."""
        return len(self.bias)

    @cached_property
    def groups(self) -> list[Group]:
        """The neurons by model: excitatory and inhibitory ones, then adaptive ones."""
        return self._groups(self.learnt)

    def _groups(self, learnt: Mapping[str, np.ndarray]) -> list[Group]:
        c, n = self.config, self.config.n_neurons
        given = {
            "b0": np.full(n, c.b0),
            "beta": self.beta,
            "tau_m": self.tau_m_ms / 1000,
            "tau_a": np.full(n, c.tau_a_ms / 1000),
            "t_ref": np.full(n, c.refractory_ms / 1000),
        }
        parts = slice(0, n - c.n_adaptive), slice(n - c.n_adaptive, n)
        return [group_of(host_model(model), part, given, learnt) for model, part in zip(c.models, parts, strict=True)]

    def parameter(self, name: str) -> np.ndarray:
        """A `(constant)` parameter of the neurons in SI units, or tau_out; (N,) or (1,), NaN where a model has none."""
        if name == TAU_OUT:
            return np.asarray(self.learnt.get(name, [self.config.tau_out_ms / 1000]))
        return np.concatenate([parameter_of(group, name) for group in self.groups])

    @property
    def tau_out_ms(self) -> float:
        """Time constant of the readout."""
        return float(1000 * self.learnt[TAU_OUT][0]) if TAU_OUT in self.learnt else self.config.tau_out_ms

    def at_start(self, name: str) -> np.ndarray:
        """A parameter that learns as it was before, SI: (N,), 0 where a model has none, or tau_out (1,)."""
        if name == TAU_OUT:
            return np.array([self.config.tau_out_ms / 1000])
        values = np.concatenate([parameter_of(group, name) for group in self._groups({})])
        values = np.where(np.isnan(values), 0.0, values)
        if parameters_learnt(self.config.learnt)[name]:
            count = self.summed_over_populations((values != 0).astype(float))
            values = np.where(values != 0, self.summed_over_populations(values) / np.maximum(count, 1), 0.0)
        return values

    def summed_over_populations(self, values: np.ndarray) -> np.ndarray:
        """The sum of values (N,) over the population of each neuron, (N,)."""
        names = self.config.population_names
        population = np.array([names.index(name) for name in names])[self.population()]
        return np.bincount(population, values)[population]

    def learn(self, values: Mapping[str, np.ndarray]) -> None:
        """Give parameters that learn other values, SI: (N,) each, tau_out (1,)."""
        if not values:
            return
        self.learnt = dict(self.learnt) | dict(values)
        self.__dict__.pop("groups", None)

    def sent(self) -> list[slice | None]:
        """Where `layout.Record.x` holds what each group of neurons sends each step; None of one that spikes."""
        return sent_of(self.groups)

    def sends(self) -> np.ndarray:
        """Neurons that send numbers each step and never spike, (N,) bool."""
        return np.concatenate([np.full(group.size, group.model.model.sends) for group in self.groups])

    @property
    def ring(self) -> int:
        """Rows of the delay ring, d_max + 1."""
        return self.wiring.d_max + 1

    @property
    def n_input_synapses(self) -> int:
        """The synapses from input cells; they come first."""
        return int(np.searchsorted(self.synapses.source, self.n_in))

    def one_sign(self) -> np.ndarray:
        """Synapses whose theta may not be negative, (S,) bool: their sign is fixed, or they add to a conductance."""
        return self.config.signed | excited(self.config)[self.synapses.target]

    @cached_property
    def _effect(self) -> np.ndarray:
        """With the parameters as they were when learning began, so that weights stay as they are while those move."""
        return effect_of(self._groups({}), self.config.dt_ms / 1000)

    def effect(self) -> np.ndarray:
        """dw/dw' of each synapse, (S,): the weight that lifts its target by one scale of the threshold at most."""
        return self._effect[self.synapses.target]

    def signed_theta(self) -> np.ndarray:
        """Weights normalised, (S,)."""
        return self.synapses.sign * self.synapses.theta if self.config.signed else self.synapses.theta

    def __getstate__(self) -> dict[str, object]:
        """What is pickled or copied: not what was computed from the rest, which holds compiled modules."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def check(self) -> None:
        """Raise InputError unless the parts of the network fit each other."""
        n, n_out = self.config.n_neurons, size_of(self.bias)
        require_synapses(self.wiring, self.synapses)
        rule = f"of {n} neurons and delays up to {self.config.d_max_ms} steps, as the configuration has it"
        fits = (self.wiring.n_neurons, self.wiring.d_max) == (n, self.config.d_max_ms)
        require(fits, "wiring of the network", rule, self.wiring)
        for name, shape in (("tau_m_ms", (n,)), ("beta", (n,)), ("readout", (n, n_out)), ("bias", (n_out,))):
            require_array(f"{name} of the network", getattr(self, name), shape, np.dtype(float), False, False)
        for name, values in self.learnt.items():
            known = name in parameters_learnt(self.config.learnt)
            require(known, "learnt of the network", f"of the names in its configuration, {self.config.learnt!r}", name)
            shape = (1,) if name == TAU_OUT else (n,)
            require_array(f"learnt[{name!r}] of the network", values, shape, np.dtype(float), False, False)
        rule = f"of {n_out} columns, those of the readout"
        require(sum(self.outputs.values()) == n_out, "outputs of the network", rule, self.outputs)

    def weights(self, dtype=np.float32) -> Weights:
        """The network as the kernels see it, in a precision; read-only.

        Raises:
            InputError: its parts do not fit each other, or a precision other than float32 and float64.
        """
        self.check()
        dtype = precision_of(dtype)
        n, cells = self.config.n_neurons, cells_of(self.groups, self.config.dt_ms / 1000)
        cut, weight = self.n_input_synapses, self.signed_theta() * self.effect()
        place = self.synapses.delay.astype(np.int32) * np.int32(n) + self.synapses.target
        form = FULL if is_full(place, self.n_in, n) else PLAIN
        inputs = rows_of(self.synapses.source[:cut], self.n_in, place[:cut], weight[:cut], form, dtype)
        recurrent = rows_of(self.synapses.source[cut:] - self.n_in, n, place[cut:], weight[cut:], form, dtype)
        most = most_in_tile(self.ring)
        return read_only(
            Weights(
                Cells(cells.groups, cells.constants.astype(dtype), cells.refractory.astype(dtype)),
                inputs,
                recurrent,
                Readout(self.readout.astype(dtype), self.bias.astype(dtype), self.kappa().astype(dtype)),
                inputs if form == FULL or n <= most else tiled(inputs, n, most),
                recurrent if form == FULL or n <= most else tiled(recurrent, n, most),
            )
        )

    def is_finite(self) -> bool:
        """Whether the kernels can compute with all that is learnt: finite numbers in single precision."""
        learnt = (
            self.signed_theta() * self.effect(), self.readout / (1 - self.kappa()), self.bias, self.log_std,
            *self.learnt.values(),
        )  # fmt: skip
        with np.errstate(over="ignore", invalid="ignore"):
            return all(np.isfinite(array.astype(np.float32)).all() for array in learnt)

    def kappa(self) -> np.ndarray:
        """exp(-dt/tau_out), (1,)."""
        return np.array([np.exp(-self.config.dt_ms / self.tau_out_ms)])

    def columns(self, name: str) -> slice:
        """The readout columns of an output."""
        start = 0
        for key, width in self.outputs.items():
            if key == name:
                return slice(start, start + width)
            start += width
        raise KeyError(name)

    def names(self) -> tuple[str, str, str]:
        """What the three populations are called."""
        return self.config.population_names

    def population(self) -> np.ndarray:
        """0 excitatory LIF, 1 inhibitory LIF, 2 adaptive; (N,) int8."""
        c = self.config
        return np.repeat(np.arange(3, dtype=np.int8), (c.n_excitatory, c.n_inhibitory, c.n_adaptive))


def build_network(
    config: NetworkConfig, n_in: int, outputs: Mapping[str, int], log_std: np.ndarray, seed: np.random.SeedSequence
) -> Network:
    """A network with random wiring and weights.

    Args:
        n_in: input cells; outputs: width of each readout, in order; log_std: (n_action,) initial log std.
    """
    require_kind("config", config, NetworkConfig)
    require_integer("n_in", n_in, 0, MOST_CELLS)
    for name, width in outputs.items():
        require_integer(f"outputs[{name!r}]", width, 0, MOST_CELLS)
    generator = np.random.Generator(np.random.PCG64(seed))
    n, c = config.n_neurons, config
    wiring = wiring_of(c, int(generator.integers(2**63)), n_in)
    count = round(c.connectivity * ((n_in + n) * n - n))
    pairs = np.sort(draw_pairs(wiring, count, np.empty(0, np.int64), generator))
    synapses, _ = synapses_of_pairs(wiring, pairs, np.zeros(count))
    synapses = synapses._replace(theta=_initial_theta(c, wiring, synapses, generator))
    n_out = sum(outputs.values())
    readout = c.readout_gain * generator.standard_normal((n, n_out)) / np.sqrt(n)
    tau_m = generator.uniform(c.tau_m_min_ms, c.tau_m_max_ms, n)
    beta = np.where(np.arange(n) < c.n_excitatory + c.n_inhibitory, 0.0, c.beta)
    network = Network(
        c, wiring, tau_m, beta, synapses, readout, np.zeros(n_out), np.array(log_std, float), dict(outputs)
    )
    network.learn({name: network.at_start(name) for name in parameters_learnt(c.learnt)})
    for name in network.learnt:
        _require_start(network, name)
    return network


def _require_start(network: Network, name: str) -> None:
    """InputError for a parameter that starts at 0 in neurons whose model has it."""
    there = ~np.isnan(network.parameter(name))
    rule = f"must name parameters that do not start at 0, since they learn by their logarithm; {name} does"
    _require(bool((network.at_start(name)[there] != 0).all()), "learnt", rule, network.config.learnt)


def excited(c: NetworkConfig) -> np.ndarray:
    """Neurons whose synapses add to a conductance, so that none may be negative, (N,) bool."""
    conductance = [host_model(model).conductance for model in c.models]
    return np.repeat(conductance, (c.n_neurons - c.n_adaptive, c.n_adaptive))


def wiring_of(c: NetworkConfig, key: int, n_in: int) -> Wiring:
    """What fixes the synapses that may exist; InputError for inhibition of a conductance."""
    model = c.models[1]
    rule = "must have one port, which neither its reset nor (unless refractory) holds; lsnn.Circuit takes any"
    _require(len(model.ports) == 1 and not host_model(model).flags, "adaptive_model", rule, model.synaptic)
    first = c.n_neurons - int(np.count_nonzero(excited(c)))
    rule = f"must be 0 with Dale's law where synapses add to a conductance, as in {c.models[1].name!r}"
    _require(first == c.n_neurons or not (c.dale and c.n_inhibitory), "n_inhibitory", rule, c.n_inhibitory)
    return Wiring(key, n_in, c.n_neurons, c.d_max_ms, source_signs(c, n_in), first)


def source_signs(c: NetworkConfig, n_in: int) -> np.ndarray:
    """Sign of every source: inputs have one for each pair (0); neurons follow Dale's law where it holds."""
    signs = np.zeros(n_in + c.n_neurons, np.int8)
    if c.dale:
        signs[n_in:] = np.repeat(np.array([1, -1, 1], np.int8), (c.n_excitatory, c.n_inhibitory, c.n_adaptive))
    return signs


def _initial_theta(c: NetworkConfig, wiring: Wiring, synapses: Synapses, generator: np.random.Generator) -> np.ndarray:
    """Gaussian weights over the square root of the fan-in; inhibition scaled up to balance excitation.

    Where nothing balances them, as on a conductance, they add up and go over the fan-in itself.
    """
    size = generator.standard_normal(len(synapses.source))
    recurrent = synapses.source >= wiring.n_in
    fan_in = c.connectivity * np.where(recurrent, wiring.n_neurons, wiring.n_in)
    theta = size * np.where(recurrent, c.recurrent_gain, c.input_gain) / np.sqrt(fan_in)
    if c.dale and c.n_inhibitory:
        inhibitory = recurrent & (synapses.sign < 0)
        theta[inhibitory] *= (c.n_excitatory + c.n_adaptive) / c.n_inhibitory
    excites = excited(c)[synapses.target]
    theta[excites] /= np.sqrt(fan_in)[excites]
    return np.where(c.signed | excites, np.abs(theta), theta)
