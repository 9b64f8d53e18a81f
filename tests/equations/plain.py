"""Models without a compiler: their generated source as plain Python on arrays of eight lanes, and Brian2 beside it.

Both are driven by the same weights of spikes, one column a lane, that reach the synaptic variable in a step.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import brian2 as br
import numpy as np

from lsnn.brian import strings_of
from lsnn.equations.host import NUMPY, HostModel
from lsnn.equations.names import safe
from lsnn.equations.stepping import integrator
from lsnn.equations.writing import write
from lsnn.kernels import neuron
from lsnn.kernels.simd import LANES
from lsnn.neurons import NeuronModel

DT = 0.001
GIVEN = {"b0": 0.01, "beta": 1.7, "tau_m": 0.02, "tau_a": 0.2, "t_ref": 0.003}


class Run(NamedTuple):
    """What a neuron did in eight lanes."""

    x: Mapping[str, np.ndarray]  # state variables at the threshold, (T, 8)
    z: np.ndarray  # spikes, (T, 8) bool
    u: np.ndarray | None = None  # distance from the threshold, (T, 8)
    finite: bool = True


def given(**changes: float) -> dict[str, np.ndarray]:
    """What the network gives, for one neuron."""
    return {name: np.array([value]) for name, value in (GIVEN | changes).items()}


# The functions of the kernels on arrays of eight lanes


def _rows(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, LANES)


def _load(array: np.ndarray, k: int) -> np.ndarray:
    return _rows(array)[k].copy()


def _store(array: np.ndarray, k: int, values: Any) -> None:
    _rows(array)[k] = values


def _arriving(pending: np.ndarray, slot: int, ring: int, n: int, k: int) -> np.ndarray:
    return pending[0].copy()


def _share(adjoint: SimpleNamespace, slot: int, ring: int, n: int, k: int, g_current: Any) -> None:
    adjoint.current[0] = g_current


def _to_bits(mask: Any) -> np.uint8:
    return np.packbits(np.broadcast_to(mask, LANES), bitorder="little")[0]


def _from_bits(byte: np.uint8) -> np.ndarray:
    return np.unpackbits(np.array([byte], np.uint8), bitorder="little").astype(bool)


def _plain(*_: Any, **__: Any) -> Callable:
    """In place of numba's decorator."""

    def same(function: Any) -> Any:
        function.py_func = function
        return function

    return same


LANES_OF_NUMPY = dict(NUMPY) | {
    "np": np, "njit": _plain, "load": _load, "store": _store, "arriving": _arriving, "share": _share,
    "to_bits": _to_bits, "from_bits": _from_bits, "at": lambda array, i: array.flat[i],
    "spread": lambda array, number: np.full(LANES, number),
    "beyond_threshold": lambda k, row, weights, adjoint, *_: adjoint.beyond,
}  # fmt: skip
for _function in (neuron.count_refractory, neuron.triangle, neuron.fast_sigmoid, neuron.gaussian):
    LANES_OF_NUMPY[_function.__name__] = FunctionType(_function.py_func.__code__, LANES_OF_NUMPY)


class PlainModel:
    """A model's generated source, run without a compiler; InputError for a model that is refused."""

    def __init__(self, model: NeuronModel, source: str | None = None, **changes: float):
        self.source = source or write(model)
        text = re.sub(r"^from (numba|lsnn)\b.*\n", "", self.source, flags=re.MULTILINE)
        module = SimpleNamespace()
        vars(module).update(LANES_OF_NUMPY)
        exec(compile(text, f"<{model.name}>", "exec"), vars(module))
        self.model, self.given = model, given(**changes)
        self.host = HostModel(model, module)
        self.constants = self.host.constants(DT, self.given)
        self.refractory = self.host.refractory_steps(DT, self.given)
        self.effect = float(self.host.effect(DT, self.given)[0])
        self.names = [safe(name) for name in self.host.variables]
        self.values = dict(zip(self.own("CONSTANTS"), self.constants[:, 0], strict=True))

    def own(self, name: str) -> Any:
        """What the module calls name_model."""
        return self.host._own(name)

    def call(self, name: str, values: Mapping[str, Any]) -> tuple:
        """The results of a pointwise function."""
        function = self.own(name)
        code = function.__code__
        results = function(*(values[key] for key in code.co_varnames[: code.co_argcount]))
        return results if isinstance(results, tuple) else (results,)

    def results(self, name: str) -> list[str]:
        """What a pointwise function's results are called where the loops assign them."""
        found = re.search(rf"^ +(.*) = {name}_{self.model.name}\(", self.source, flags=re.MULTILINE)
        return re.sub(r"_at_\d+\b", "", found[1]).split(", ") if found else []

    def run(self, drive: np.ndarray) -> Run:
        """From the start; drive: (T, 8) what has arrived at the synaptic variable when a step begins."""
        n_slots = 1 + self.host.n_extra
        cells = SimpleNamespace(
            groups=np.array([[0, 1, 1, 0]]), constants=self.constants.ravel(), refractory=self.refractory
        )
        state = SimpleNamespace(
            x=np.zeros((n_slots, LANES)), refractory=np.zeros((1, LANES)), pending=np.zeros((2, LANES))
        )
        x = np.zeros((len(drive), n_slots, LANES))
        spikes, blocked = np.zeros((2, len(drive), 1), np.uint8)
        with np.errstate(all="ignore"):
            for t, arrived in enumerate(drive):
                state.pending[0] = arrived
                self.own("update")(0, 0, 1, cells, state, x[t], spikes[t], blocked[t])
            variables = {name: x[:, i] for i, name in enumerate(self.host.variables)}
            (u,) = self.call("distance", self.values | {safe(n): v for n, v in variables.items()})
        z = np.unpackbits(spikes, axis=1, bitorder="little").astype(bool)
        return Run(variables, z, np.broadcast_to(u, z.shape))


# Brian2


def group_of(model: NeuronModel, given: Mapping[str, np.ndarray], clock: br.Clock) -> br.NeuronGroup:
    """Eight neurons of a model."""
    group = br.NeuronGroup(
        LANES, model.equations, **strings_of(model), method=integrator(model), clock=clock, namespace={}
    )  # fmt: skip
    own = {row.name: f"{row.value}*{row.unit}" for row in model.parameters}
    for name in group.equations.parameter_names & given.keys() - own.keys():
        setattr(group, name, br.Quantity(given[name][0], dim=group.equations[name].dim))
    for name, text in (*own.items(), *model.initial):
        setattr(group, name, text)
    return group


def simulate(models: Sequence[PlainModel], drives: Sequence[np.ndarray]) -> list[Run]:
    """Brian2's run of each model's strings, all in one network; drives as for `PlainModel.run`, of equal length."""
    steps, clock = len(drives[0]), br.Clock(DT * br.second)
    target, br.prefs.codegen.target = br.prefs.codegen.target, "numpy"
    try:
        groups = [group_of(plain.model, plain.given, clock) for plain in models]
        pairs = list(zip(models, groups, strict=True))
        arrays = [{name: g.variables[name].get_value() for name in p.host.variables} for p, g in pairs]
        into = [g.variables[p.model.synaptic].get_value() for p, g in pairs]
        spaces = [g.variables["_spikespace"].get_value() for g in groups]
        x = [{name: np.zeros((steps, LANES)) for name in p.host.variables} for p in models]
        z = np.zeros((len(models), steps, LANES), bool)

        def arrive(step: int) -> None:
            for plain, drive, variable in zip(models, drives, into, strict=True):
                variable[:] = (variable if plain.model.kept else 0.0) + drive[step]

        def synapses(t: br.Quantity) -> None:
            """What a step begins with has come in the one before, before its resets, as Brian2's own synapses do it."""
            if (step := round(t / clock.dt) + 1) < steps:
                arrive(step)

        def record(t: br.Quantity) -> None:
            step = round(t / clock.dt)
            for i, (variables, space) in enumerate(zip(arrays, spaces, strict=True)):
                for name, values in variables.items():
                    x[i][name][step] = values
                z[i, step, space[: space[-1]]] = True

        operations = [
            br.NetworkOperation(synapses, when="synapses", clock=clock),
            br.NetworkOperation(record, when="after_thresholds", clock=clock),
        ]
        arrive(0)
        with np.errstate(all="ignore"):
            br.Network(groups, operations).run(steps * clock.dt, namespace={})
    finally:
        br.prefs.codegen.target = target
    return [Run(variables, spikes) for variables, spikes in zip(x, z, strict=True)]
