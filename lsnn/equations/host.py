"""A generated model seen from the host: its slots, the constants of its neurons, the effect of its synapses."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from lsnn.equations import source_of
from lsnn.equations.names import safe
from lsnn.errors import InputError
from lsnn.kernels import functions
from lsnn.kernels.cached import module_of
from lsnn.neurons import NeuronModel

Values = Mapping[str, np.ndarray]
LONGEST_REFRACTORY_S = 1e4  # at the start Brian2 takes the last spike to be so long ago
RESPONSE_SECONDS = 0.1  # how long the effect of a synapse is followed
KICK = 1e-30  # of the complex-step derivative (Squire & Trapp 1998): so small that it is exact


@dataclass(frozen=True)
class HostModel:
    """What the host needs of a generated model. Parameters and results are in SI units, arrays (n,) over neurons."""

    model: NeuronModel
    module: ModuleType

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied by its equations: a generated module is made anew where it is not there."""
        return host_model, (self.model,)

    def _own(self, name: str):
        return getattr(self.module, f"{name}_{self.model.name}")

    @property
    def variables(self) -> tuple[str, ...]:
        """State variables in the order of their slots, the membrane first."""
        return self._own("VARIABLES")

    @property
    def conductances(self) -> tuple[str, ...]:
        """The ports that are conductances, so that no synapse may have a negative weight there."""
        return self._own("CONDUCTANCES")

    @property
    def conductance(self) -> bool:
        """Whether synapses add to a conductance."""
        return bool(self.conductances)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the state holds besides the variables, where synapses add to what a reset or refractoriness holds."""
        return self._further("FLAGS")

    @property
    def driven(self) -> tuple[str, ...]:
        """Variables whose values the record of a step holds when it begins, in the last slots."""
        return self._further("DRIVEN")

    @property
    def scored(self) -> tuple[str, ...]:
        """Variables of which the record of a step holds a loss's dL/dx backwards, in the slots before those driven."""
        return self._further("SCORED")

    def _further(self, name: str) -> tuple[str, ...]:
        return getattr(self.module, f"{name}_{self.model.name}", ())

    @property
    def parameters(self) -> dict[str, float | None]:
        """The `(constant)` parameters by name, SI; None: given by the network."""
        return self._own("PARAMETERS")

    @property
    def n_extra(self) -> int:
        """Slots of a neuron beyond that of its membrane."""
        own = len(self.variables) - 1 + len(self._own("RECORDED"))
        own += sum(len(self._further(name)) for name in ("FLAGS", "ARRIVED", "SCORED", "DRIVEN"))
        return own + self.model.sends

    @property
    def sent(self) -> int | None:
        """How many slots of a neuron, beyond that of its membrane, come before what it sends; None: it spikes."""
        return self._own("SENT") if self.model.sends else None

    def constants(self, dt: float, given: Values) -> np.ndarray:
        """Constants of the compiled code, (n_constants, n); given: parameters that the network holds."""
        rows, scale = self._rows(self._own("constants"), dt, given), self.scale(dt, given)
        if not (scale > 0).all():
            place = f"neuron model {self.model.name!r}, scale, {self.model.scale!r}"
            raise InputError(f"{place}: must be > 0, is {scale.min()}")
        if not np.isfinite(rows).all():
            names = [name for name, row in zip(self._own("CONSTANTS"), rows, strict=True) if not np.isfinite(row).all()]
            raise InputError(
                f"neuron model {self.model.name!r}, method {self.model.method!r}: the step is not finite for these "
                f"parameters, see {', '.join(names)} in its source"
            )
        return rows

    def scale(self, dt: float, given: Values) -> np.ndarray:
        """The unit of u, the distance from the threshold, (n,)."""
        (scale,) = self._rows(lambda *arguments: (self._own("scale")(*arguments),), dt, given)
        return scale

    def initial(self, dt: float, given: Values) -> np.ndarray:
        """State variables at the start, (n_variables, n); a block's state holds what goes beyond them."""
        return self._rows(self._own("initial"), dt, given)

    def refractory_steps(self, dt: float, given: Values) -> np.ndarray:
        """Steps from a spike to the next that is possible, as Brian2 counts them."""
        (seconds,) = self._rows(lambda *arguments: (self._own("refractory")(*arguments),), dt, given)
        within = (seconds >= 0) & (seconds <= LONGEST_REFRACTORY_S)
        if not within.all():
            place = f"neuron model {self.model.name!r}, refractory, {self.model.refractory!r}"
            raise InputError(f"{place}: must be from 0 to {LONGEST_REFRACTORY_S:g} s, is {seconds[~within][0]:g} s")
        return np.floor(seconds / dt + 1e-3)

    def effect(self, dt: float, given: Values) -> np.ndarray:
        """The weight that lifts lhs of the threshold by one scale at most, when a neuron at rest gets one spike.

        With an output: that moves the output by 1 at most, to first order.
        """
        response = self._response(dt, given)
        if not (np.isfinite(response) & (response > 0)).all():
            if self.model.sends:
                place = f"neuron model {self.model.name!r}, output, {self.model.output!r}"
                raise InputError(f"{place}: synapses must move it from where the neuron starts")
            self._refuse_start(dt, given)
            place = f"neuron model {self.model.name!r}, synaptic, {self.model.synaptic!r}"
            raise InputError(f"{place}: synapses must reach the threshold from rest")
        return 1 / response

    def _refuse_start(self, dt: float, given: Values) -> None:
        """InputError if the threshold is crossed, or is no number, where a neuron starts."""
        starts = self.initial(dt, given)
        values = dict(zip(self._own("CONSTANTS"), self.constants(dt, given), strict=True))
        values |= zip(map(safe, self.variables), starts, strict=True)
        with np.errstate(all="ignore"):
            (u,) = self._call("distance", values)
        if np.all(u <= 0):
            return
        rows = dict(self.model.initial)
        start = ", ".join(f"{name} = {rows.get(name, 0)}" for name in self.variables)
        rule = "lies above it" if np.isfinite(u).all() else "is not finite beside it"
        place = f"neuron model {self.model.name!r}, threshold, {self.model.threshold!r}"
        raise InputError(f"{place}: the start, {start}, {rule}: rows in [initial] must give one below")

    def _rows(self, function, dt: float, given: Values) -> np.ndarray:
        arguments, n = self._arguments(given)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array([np.broadcast_to(row, n) for row in function(dt, *arguments)], float)

    def _arguments(self, given: Values) -> tuple[list[np.ndarray | float], int]:
        """The values of all parameters, and for how many neurons."""
        rows, learnt = self.parameters, self.model.learnt  # the model's own go before what the network gives
        values = [given[name] if row is None or name in learnt else row for name, row in rows.items()]
        return values, len(next(iter(given.values())))

    def gradient_of_parameters(
        self, dt: float, given: Values, of_constants: np.ndarray, of_start: np.ndarray
    ) -> dict[str, np.ndarray]:
        """dL/dp of each parameter that learns, (n,), by the chain rule.

        Args:
            of_constants: dL/dc of the constants, (n_constants, n); of_start: of the state variables at the start,
                (n_variables, n).
        """
        arguments, n = self._arguments(given)
        found = {name: np.zeros(n) for name in self.model.learnt}
        for function, gradient in (("slopes", of_constants), ("slopes_of_initial", of_start)):
            for (row, name), slope in self._own(function)(dt, *arguments).items():
                found[name] = found[name] + gradient[row] * slope
        return found

    def _response(self, dt: float, given: Values) -> np.ndarray:
        """The largest du after a spike of weight dw, over dw; (n,). u may be an output, which has no threshold."""
        names, synaptic = [safe(name) for name in self.variables], safe(self.model.synaptic)
        start = self.initial(dt, given).astype(complex)
        values = dict(zip(self._own("CONSTANTS"), self.constants(dt, given), strict=True))
        values |= {"held": False} | dict(zip(names, start, strict=True))
        values[synaptic] = values.get(synaptic, 0.0) + 1j * KICK
        largest, below = np.zeros(start.shape[1]), np.ones(start.shape[1], bool)
        for _ in range(round(RESPONSE_SECONDS / dt)):
            with np.errstate(over="ignore", invalid="ignore"):  # beyond the threshold, where nothing resets it
                for _ in range(self.model.substeps):
                    values |= zip(names, self._call("integrate", values), strict=True)
                (u,) = self._call("output" if self.model.sends else "distance", values)
            if not self.model.sends:
                below = below & (np.real(u) <= 0)  # where it spikes by itself: the response up to there
            largest = np.where(below, np.maximum(largest, np.abs(np.imag(u)) / KICK), largest)
            if synaptic not in names:
                values[synaptic] = 0.0
            if not below.any():
                break
        return largest

    def _call(self, name: str, values: Mapping[str, object]) -> tuple:
        """The results of a pointwise function on numpy arrays."""
        code = self._own(name).py_func.__code__
        results = FunctionType(code, NUMPY)(*(values[key] for key in code.co_varnames[: code.co_argcount]))
        return results if isinstance(results, tuple) else (results,)


def _clip(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.where(x.real < low, low, np.where(x.real > high, high, x))


def _absolute(x: np.ndarray) -> np.ndarray:
    return np.where(x.real < 0, -x, x)


NUMPY = {name: getattr(np, name) for name in ("cos", "exp", "log", "sin", "sqrt", "tanh", "where")}
NUMPY |= {"absolute": _absolute, "clip": _clip}
NUMPY |= {name: getattr(functions, name) for name in ("NEAR", "SERIES", "SLOPE_SERIES")}
NUMPY |= {f.__name__: FunctionType(f.py_func.__code__, NUMPY) for f in (functions.exprel, functions.exprel_slope)}


@cache
def host_model(model: NeuronModel) -> HostModel:
    """A model as the host sees it; it is generated if it is new."""
    return HostModel(model, module_of(f"neurons_{model.name}", source_of(model)))
