"""A population of a circuit as a node of NIR: its equations are compared with those of LIF and CubaLIF as symbols."""

from typing import Any, NamedTuple, NoReturn

import numpy as np
import sympy
from brian2.parsing.sympytools import str_to_sympy

from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.parts import Population
from lsnn.equations.parsing import DT, Parsed, exponents_of, numbers, parse, symbol
from lsnn.errors import InputError
from lsnn.validation import require

Symbols = dict[str, Any]  # expressions by what NIR calls them


class Cells(NamedTuple):
    """What NIR says of a population, (n,) each, and what it does not."""

    kind: str  # LIF or CubaLIF
    values: dict[str, np.ndarray]  # by the fields of the node
    bias: np.ndarray  # of an Affine before it
    gain: float  # by which weights onto it are multiplied
    lost: tuple[str, ...]


class Reading:
    """One population read; `lost` grows by what NIR has no word for."""

    def __init__(self, circuit: LaidOut, p: Population) -> None:
        self.circuit, self.name, self.p = circuit, p.name, p
        model = circuit.models[list(circuit.neurons).index(p.name)]
        self.parsed: Parsed = parse(model)
        if model.driven:
            self.refuse(f"{', '.join(model.driven)} is given from outside in every step")
        if len(self.parsed.ports) != 1:
            self.refuse(f"its neurons have {len(self.parsed.ports)} ports, those of NIR have one")
        self.port, self.v = symbol(self.parsed.ports[0]), symbol(self.parsed.variables[0])
        self.states = [symbol(name) for name in self.parsed.variables]
        found = self.parsed.equations.get_substituted_expressions(self.parsed.known)
        of_model = exponents_of(model)
        self.rates = {symbol(name): numbers(str_to_sympy(text.code), of_model) for name, text in found}
        self.lost: list[str] = []

    def refuse(self, rule: str) -> NoReturn:
        """InputError: not even a part of it can be said."""
        raise InputError(f"population {self.name}: NIR has no such neurons, with lossy=True either: {rule}")

    def cells(self) -> Cells:
        """The node's fields as numbers."""
        current = self._current()
        found = self._membrane(current)
        found |= self._spike(current)
        kind, gain, bias = "LIF", 1.0, None
        if current is None:
            bias = sympy.cancel((found.pop("rest") - found["v_leak"]) / found["r"])
        else:
            kind, gain, bias = "CubaLIF", *self._synapse(current, found)
        if (self.circuit.host(self.name).refractory_steps(self.circuit.dt, self._given()) > 1).any():
            self.lost.append("refractoriness")
        values = {name: self._numbers(name, value) for name, value in found.items()}
        for name in ("tau", "tau_mem", "tau_syn"):
            if name in values and not (values[name] > 0).all():
                self.refuse(f"{name} is not above 0")
        return Cells(kind, values, self._numbers("bias", bias), gain, tuple(self.lost))

    # Symbols

    def _current(self) -> Any:
        """The state variable that spikes reach the membrane by; None where they reach it at once."""
        if self.port == self.v:
            self.refuse(f"synapses add to {self.v} itself")
        others = [s for s in self.states if s != self.v]
        if self.port in others:
            return self.port
        fed = [s for s in self.states if self.port in self.rates[s].free_symbols]
        if len(fed) != 1:
            self.refuse(f"{self.port} drives {', '.join(map(str, fed)) or 'nothing'}, in place of one variable")
        return None if fed == [self.v] else fed[0]

    def _slope(self, variable: Any, by: Any) -> Any:
        """A coefficient of a linear equation."""
        slope = self.rates[variable].diff(by)
        if slope.free_symbols & {*self.states, self.port}:
            self.refuse(f"the equation of {variable} is not linear in {by}")
        return slope

    def _still(self, expression: Any) -> Any:
        """An expression where all that moves is 0."""
        return expression.xreplace(dict.fromkeys((*self.states, self.port), sympy.S.Zero))

    def _membrane(self, current: Any) -> Symbols:
        leak = self._slope(self.v, self.v)
        if leak == 0:
            self.refuse(f"{self.v} has no leak")
        tau = -1 / leak
        rest = sympy.cancel(self._still(self.rates[self.v]) * tau)
        for other in self.states:
            if other not in (self.v, current) and self._slope(self.v, other) != 0:
                self.lost.append(f"{other} in the equation of {self.v}")
        r = sympy.cancel(self._slope(self.v, self.port if current is None else current) * tau)
        found = {"tau" if current is None else "tau_mem": sympy.cancel(tau), "r": r}
        return found | {"v_leak": self._start(self.v), "rest": rest}

    def _synapse(self, current: Any, found: Symbols) -> tuple[float, Any]:
        """Adds tau_syn and w_in; gives the gain of weights, and the bias."""
        leak = self._slope(current, current)
        others = [s for s in self.states if s != current and self.rates[current].has(s)]
        if others or leak == 0:
            self.refuse(f"{current} is no leaky sum of spikes")
        found["tau_syn"] = sympy.cancel(-1 / leak)
        constant = sympy.cancel(self._still(self.rates[current]) * found["tau_syn"])
        if self._numbers("start", self._start(current)).any():
            self.lost.append(f"a start of {current} other than 0")
        rest = found.pop("rest")
        if np.any(self._numbers("start", found["v_leak"]) != self._numbers("rest", rest)):
            self.lost.append(f"a start of {self.v} other than its rest")
        found["v_leak"] = rest
        if current != self.port:
            found["w_in"] = sympy.cancel(self._slope(current, self.port) * found["tau_syn"])
            return 1.0, sympy.cancel(constant / found["w_in"])
        self.lost.append(f"that a spike adds to {current} at once, not over a step")
        taus = self._numbers("tau_syn", found["tau_syn"])
        if np.ptp(taus) > 0:
            self.refuse(f"spikes add to {current} at once, and its time constants differ")
        found["w_in"] = sympy.S.One
        return float(1 / np.expm1(self.circuit.dt / taus[0])), constant

    def _start(self, variable: Any) -> Any:
        name = variable.name
        if name in self.circuit.initial[self.name]:
            return sympy.Symbol(f"start of {name}", real=True)
        return self.parsed.initial.get(name, sympy.S.Zero)

    def _spike(self, current: Any) -> Symbols:
        """Threshold and reset."""
        distance = self.parsed.lhs - self.parsed.rhs
        if distance.diff(self.v) != 1:
            self.refuse(f"its threshold is no '{self.v} > value'")
        threshold = sympy.expand(self.v - distance)
        if moving := [s for s in self.states if threshold.has(s)]:
            self.lost.append(f"an adaptive threshold, which moves with {', '.join(map(str, moving))}")
        threshold = self._still(threshold)
        reset = self.parsed.reset.get(self.v.name)
        if reset is None:
            self.refuse(f"its reset does not set {self.v}")
        if moving := [s for s in self.states if reset.has(s)]:
            what = ", ".join(map(str, moving))
            self.lost.append(f"a subtractive reset: {self.v} after a spike depends on {what}")
            # what it is where the membrane just reaches the threshold, with steps of no length
            reset = self._still(reset.xreplace({self.v: threshold, DT: sympy.S.Zero}))
        if current is not None and current.name in self.parsed.reset:
            self.lost.append(f"the reset of {current}")
        return {"v_threshold": threshold, "v_reset": sympy.cancel(reset)}

    # Numbers

    def _given(self) -> dict[str, np.ndarray]:
        return self.circuit._given(self.circuit.host(self.name), self.p)

    def _numbers(self, name: str, expression: Any) -> np.ndarray:
        """An expression of parameters, (n,)."""
        values: dict[Any, Any] = {symbol(key): value for key, value in self.parsed.defaults.items()}
        values |= {symbol(key): value for key, value in self.circuit.parameters[self.name].items()}
        starts = self.circuit.initial[self.name].items()
        values |= {sympy.Symbol(f"start of {key}", real=True): value for key, value in starts} | {DT: self.circuit.dt}
        used = sorted(expression.free_symbols, key=str)
        with np.errstate(all="ignore"):
            found = sympy.lambdify(used, expression, "numpy")(*(values[s] for s in used))
        found = np.array(np.broadcast_to(found, self.p.size), float)
        require(bool(np.isfinite(found).all()), f"population {self.name}, {name} in NIR", "finite", found)
        return found
