"""One network with a group of neurons of every model, and of models that put further rules to the test."""

from typing import NamedTuple

import numpy as np

from lsnn.equations.host import host_model
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import (
    Cells,
    Readout,
    Record,
    Rows,
    Weights,
    adjoint_zeros,
    gradient_zeros,
    record_zeros,
    state_zeros,
)
from lsnn.kernels.reference import Wiring
from lsnn.kernels.simd import LANES
from lsnn.neurons import ALIF, MODELS, NeuronModel, Parameter
from lsnn.populations import (
    Group,
    cells_of,
    effect_of,
    gradients_of_parameters,
    parameter_of,
    slots_of,
    variables_of,
)

DT, D_MAX, N_IN, N_OUT, PER_GROUP, GAMMA = 0.001, 6, 12, 3, 5, 0.3
KAPPA = float(np.exp(-1 / 20))

CONDUCTANCE = NeuronModel(
    name="conductance",
    equations="""
        dv/dt = (g_L*(E_L - v) + g*(E_e - v))/C : volt (unless refractory)
        dg/dt = -g/tau_s : siemens
        g_L : siemens (constant)
        E_L : volt (constant)
        E_e : volt (constant)
        v_reset : volt (constant)
        C : farad (constant)
        tau_s : second (constant)
        t_ref : second (constant)
    """,
    threshold="-52*mV < v",
    reset="v = v_reset",
    method="exponential_euler",
    scale="15*mV",
    synaptic="g",
    kept=True,
    substeps=2,
    parameters=(
        Parameter("g_L", "10", "nS", "", ""),
        Parameter("E_L", "-70", "mV", "", ""),
        Parameter("E_e", "0", "mV", "", ""),
        Parameter("v_reset", "-68", "mV", "", ""),
        Parameter("C", "200", "pF", "", ""),
        Parameter("tau_s", "4", "ms", "", ""),
    ),
    initial=(("v", "E_L"),),
)
FUNCTIONS = NeuronModel(
    name="functions",
    equations="""
        dx/dt = (I - tanh(x) + 0.1*sin(3*x)*cos(x) - pull - 0.1*log(1 + abs(x)) - s_bar/(2 + x**2))/tau_m : 1
        pull = 0.1*x*sqrt(1 + x**2) : 1
        ds_bar/dt = (clip(x, 0.1, 0.8) - s_bar)/tau_a : 1
        I : 1
        c0 : 1
        tau_m : second (constant)
        tau_a : second (constant)
        t_ref : second (constant)
    """,
    threshold="x + x**3 > 0.3 + exp(s_bar)*0.1 + c0",
    reset="""
        x *= 0.2; s_bar += 0.1*x
        c0 /= 1 + s_bar**2  # sees the values just assigned
        c0 += 0.05
    """,
    method="euler",
    scale="0.3",
)
SHAPES = (
    ALIF._replace(name="sigmoid", surrogate="fast_sigmoid", width=0.5),
    ALIF._replace(name="gauss", surrogate="gaussian", width=0.4),
)
ZOO = (*MODELS.values(), *SHAPES, CONDUCTANCE, FUNCTIONS)
NAMES = [model.name for model in ZOO]
N = PER_GROUP * len(ZOO)
DRIVE = {"lif": 0.6, "exponential": 0.7, "izhikevich": 1.2, "conductance": 0.5, "functions": 0.8}


class Network(NamedTuple):
    """The zoo with weights in the units of its equations."""

    groups: list[Group]
    inputs: Wiring
    recurrent: Wiring
    W_out: np.ndarray  # (N, N_OUT), not yet times 1 - kappa
    bias: np.ndarray

    @property
    def models(self) -> tuple[NeuronModel, ...]:
        """Of the groups."""
        return tuple(group.model.model for group in self.groups)


def random_zoo(seed: int) -> Network:
    """Random wiring; parameters that the network holds differ between neurons."""
    g = np.random.default_rng(seed)
    given = {
        "b0": g.uniform(0.008, 0.012, N),
        "beta": g.uniform(1.0, 2.0, N),
        "tau_m": g.uniform(0.015, 0.03, N),
        "tau_a": g.uniform(0.1, 0.3, N),
        "t_ref": DT * g.integers(1, 5, N),
    }
    parts = [slice(PER_GROUP * i, PER_GROUP * (i + 1)) for i in range(len(ZOO))]
    groups = [
        Group(host_model(model), part, {key: values[part] for key, values in given.items()})
        for model, part in zip(ZOO, parts, strict=True)
    ]
    unit = effect_of(groups, DT) * np.repeat([DRIVE.get(name, 1.0) for name in NAMES], PER_GROUP)
    inputs, recurrent = _wiring(g, N_IN, 0.25, 0.3, unit), _wiring(g, N, 0.0, 0.25, unit)
    return Network(groups, inputs, recurrent, g.standard_normal((N, N_OUT)), g.standard_normal(N_OUT))


def that_learns(network: Network, seed: int, spread: float = 0.05) -> Network:
    """The same network whose parameters all learn; those that a model has of its own differ by up to a `spread`."""
    g, groups = np.random.default_rng(seed), []
    for group in network.groups:
        learnt = tuple(name for name in group.model.parameters if name != "t_ref")
        own = {name: value for name, value in group.model.parameters.items() if value is not None}
        values = {name: value * (1 + spread * g.uniform(-1, 1, group.size)) for name, value in own.items()}
        model = host_model(group.model.model._replace(learnt=learnt))
        groups.append(Group(model, group.neurons, {**group.given, **values}))
    return network._replace(groups=groups)


def parameters_of(group: Group) -> dict[str, np.ndarray]:
    """Values of all parameters of a group, (n,) each."""
    return {name: parameter_of(group, name) for name in group.model.parameters}


def _wiring(g: np.random.Generator, n_pre: int, mean: float, spread: float, unit: np.ndarray) -> Wiring:
    """COO in kernel order: by source, delay and target; no autapses among neurons."""
    mask = g.random((n_pre, N)) < 0.5
    if n_pre == N:
        np.fill_diagonal(mask, False)
    pre, post = np.nonzero(mask)
    delay = g.integers(1, D_MAX + 1, len(pre))
    order = np.lexsort((post, delay, pre))
    weight = (mean + spread * g.standard_normal(len(pre))) * unit[post]
    return Wiring(pre[order], post[order], delay[order], weight[order])


def random_input(seed: int, steps: int) -> np.ndarray:
    """Spikes (steps, 8, N_IN) of 0 and 1."""
    return (np.random.default_rng(seed).random((steps, LANES, N_IN)) < 0.1).astype(float)


def compiled_weights(network: Network, dtype=np.float64) -> Weights:
    """The zoo in the kernels' layout."""
    cells = cells_of(network.groups, DT)
    rows = _rows(network.inputs, N_IN, dtype), _rows(network.recurrent, N, dtype)
    return Weights(
        Cells(cells.groups, cells.constants.astype(dtype), cells.refractory.astype(dtype)),
        *rows,
        Readout(((1 - KAPPA) * network.W_out).astype(dtype), network.bias.astype(dtype), np.array([KAPPA], dtype)),
        *rows,
    )


def _rows(wiring: Wiring, n_pre: int, dtype) -> Rows:
    start = np.searchsorted(wiring.pre, np.arange(n_pre + 1)).astype(np.int64)
    return Rows(start, (wiring.delay * N + wiring.post).astype(np.int32), wiring.weight.astype(dtype))


def record_of(network: Network, x: np.ndarray, dtype=np.float64) -> Record:
    """Replay input spikes x (T, 8, N_IN) from rest."""
    n_slots = slots_of(network.groups)[-1].stop
    record = record_zeros(len(x), N, n_slots, N_IN, N_OUT, dtype)
    record.input_spikes[:] = np.packbits(x.astype(bool), axis=1, bitorder="little")[:, 0]
    state = state_zeros(N, n_slots, N_OUT, D_MAX + 1, dtype)
    network_module(network.models).replay(0, compiled_weights(network, dtype), state, record)
    return record


def spikes_of(record: Record) -> np.ndarray:
    """(T, 8, N) of 0 and 1."""
    return np.unpackbits(record.spikes[:, None], axis=1, bitorder="little").astype(float)


def variable(network: Network, record: Record, index: int, name: str) -> np.ndarray:
    """A state variable of a group, (T, n, 8), at the threshold."""
    return record.x[:, variables_of(network.groups)[index][name]]


def gradient_of(network: Network, record: Record, g_y: np.ndarray, g_z: np.ndarray, detach_reset: bool = False) -> dict:
    """The compiled adjoint; g_y (T, 8, N_OUT), g_z (N,). Names and units as in `graphs.gradients`."""
    dtype = record.x.dtype.type
    weights = compiled_weights(network, dtype)
    adjoint = adjoint_zeros(N, record.x.shape[1], N_OUT, D_MAX + 1, dtype)
    gradient = gradient_zeros(weights, record.x.shape[1] if any(model.learnt for model in network.models) else 0)
    lanes_last = np.ascontiguousarray(np.moveaxis(g_y, 1, 2), dtype)
    through_reset = dtype(not detach_reset)
    back = network_module(network.models).back
    back(0, weights, record, lanes_last, g_z.astype(dtype), dtype(GAMMA), through_reset, adjoint, gradient)
    return {
        "inputs": gradient.inputs,
        "recurrent": gradient.recurrent,
        "W_out": gradient.readout.sum(-1) * (1 - KAPPA),
        "bias": gradient.bias.sum(-1),
        "parameters": _of_parameters(network, gradient.constants.sum(-1), adjoint.x.sum(-1)),
    }


def _of_parameters(network: Network, of_constants: np.ndarray, of_start: np.ndarray) -> list[dict[str, np.ndarray]]:
    return gradients_of_parameters(network.groups, DT, of_constants, of_start) if len(of_constants) else []
