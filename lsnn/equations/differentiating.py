"""The pointwise functions of a model and of its adjoint, each assignment differentiated by SymPy.

A step of a neuron is integrate (several times over), threshold, reset. Name_bar is the total dL/dname, as in the
reference. With u = (lhs - rhs)/scale, z = 1 where lhs > rhs and R the values that the reset gives, backwards:

    z_bar = what the spike did beyond the neuron + sum_i x_bar_i (R_i - x_i)
    u_bar = z_bar dz/du                                                         dz/du: the surrogate derivative
    x_bar = z sum_j x_bar_j dR_j/dx + (1-z) x_bar + u_bar du/dx                 at the threshold
    x_bar = sum_j x_bar_j dF_j/dx      I_bar = sum_j x_bar_j dF_j/dI            before the integration step F

A constant c made of parameters that learn collects what each of the three steps holds of it:

    c_bar += z sum_j x_bar_j dR_j/dc + u_bar du/dc                              x_bar after the reset
    c_bar += sum_j x_bar_j dF_j/dc                                              x_bar after the integration step

Where the reset of a spike depends on what arrives in its step (`Parsed.late_reset`), it is done in the next step, once
that has arrived; backwards it then comes last, and hands what it did, z_bar, to the step before.

In the code u is called distance, since a model may have a variable u.

A model with an output sends that in place of a spike. It has no reset, u is the output itself, and u_bar is what the
output did beyond the neuron.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import sympy

from lsnn.equations.constants import Constants
from lsnn.equations.names import safe
from lsnn.equations.parsing import Parsed, line_of, named, symbol
from lsnn.equations.printing import KERNEL, host, kernel
from lsnn.equations.symbols import HELD, SPIKE, Expression, Internal, less, power, select
from lsnn.equations.texts import TextError
from lsnn.neurons import NeuronModel

PLACES = {
    "integrate": "equations", "before_step": "equations", "constants_of_step": "equations",
    "crosses": "threshold", "distance": "threshold", "constants_at_threshold": "threshold",
    "before_threshold": "threshold", "output": "output",
}  # fmt: skip
REACHED, SLOPE, DISTANCE_BAR, OUTPUT_BAR, THROUGH_RESET, GAMMA = (
    Internal(name, real=True) for name in ("reached", "slope", "distance_bar", "output_bar", "through_reset", "gamma")
)
INTERNAL = (SPIKE, HELD, REACHED, SLOPE, DISTANCE_BAR, OUTPUT_BAR, THROUGH_RESET, GAMMA)


class Pointwise(NamedTuple):
    """A function of numbers of one neuron."""

    name: str
    doc: str
    arguments: tuple[sympy.Symbol, ...]
    results: dict[str, Expression]  # by the names that the code gives them


class Functions(NamedTuple):
    """All that one step of a neuron and its adjoint need."""

    integrate: Pointwise
    crosses: Pointwise  # lhs and rhs of the threshold
    distance: Pointwise  # u, or the output
    reset: Pointwise
    distance_bar: Pointwise
    before_reset: Pointwise
    before_step: Pointwise
    before_threshold: Pointwise  # of a late reset; else before_reset does it
    jump: Pointwise  # of a late reset: dL/dz of the spike before
    constants_at_threshold: Pointwise  # for the gradient of constants that learn
    constants_of_reset: Pointwise  # likewise of a late reset
    constants_of_step: Pointwise


def bar(name: str) -> sympy.Symbol:
    """The adjoint of a variable."""
    return Internal(f"{safe(name)}_bar", real=True)


def pointwise_functions(
    model: NeuronModel, parsed: Parsed, step: Mapping[str, Expression]
) -> tuple[Functions, Constants]:
    """The functions of a model, and the constants in them."""
    x = {name: symbol(name) for name in parsed.variables}
    bars = {name: bar(name) for name in x}
    current = {name: symbol(name) for name in parsed.cleared}
    driven = map(symbol, model.driven)
    function = _Maker(model, Constants([*x.values(), *current.values(), *driven, *bars.values(), *INTERNAL]))
    u = (parsed.lhs - parsed.rhs) / parsed.scale
    u_bar = OUTPUT_BAR if model.sends else DISTANCE_BAR
    with named(model, *(("output", model.output) if model.sends else ("threshold", model.threshold))):
        du = {name: u.diff(s) for name, s in x.items()}
        _require_computable(du.values())
    late = parsed.late_reset
    at_threshold = {bars[name].name: u_bar * du[name] for name in x}
    before_reset = {
        bars[name].name: select(SPIKE, function.chain("reset", bars, x | parsed.reset, s), bars[name])
        + (0 if late else at_threshold[bars[name].name])
        for name, s in x.items()
    }
    before_threshold = {name: Internal(name, real=True) + value for name, value in at_threshold.items() if late}
    jumped = _jumped(parsed, bars)
    before_step = {bar(name).name: function.chain("equations", bars, step, s) for name, s in (x | current).items()}
    forward = (
        function("integrate", "State variables one integration step later.", {safe(name): step[name] for name in x}),
        function("crosses", "Where the threshold is crossed.", {"lhs": parsed.lhs, "rhs": parsed.rhs}),
        _u(function, u),
        function("reset", "State variables that a spike changes.", {
            safe(name): select(SPIKE, value, x[name]) for name, value in parsed.reset.items()
        }),
    )  # fmt: skip
    where = "before the reset" if late else "at the output" if model.sends else "at the threshold"
    functions = Functions(
        *forward,
        function("distance_bar", "dL/du by what the spike did: reached beyond the neuron, and its reset.", {
            "distance_bar": SLOPE * (REACHED + (0 if late else jumped))
        } if not model.sends else {}),
        function("before_reset", f"dL/dx {where}, where it is not dL/dx after the reset.", _changed(before_reset)),
        function("before_step", "dL/dx before an integration step, and dL/d(current) if it is cleared.", before_step),
        function("before_threshold", "dL/dx at the threshold.", _changed(before_threshold)),
        function("jump", "dL/dz of the spike that is reset now, by its reset.", {"jump": jumped} if late else {}),
        *_of_constants(function, late, {safe(name): s_bar for name, s_bar in bars.items()}, *forward),
    )  # fmt: skip
    return functions, function.constants


def _u(function: "_Maker", u: Expression) -> Pointwise:
    """The output of a model that has one, else the distance from its threshold."""
    if function.model.sends:
        return function("output", "What the neuron sends.", {"output": u})
    return function("distance", "u, the distance from the threshold in units of the scale.", {"distance": u})


def _of_constants(
    function: "_Maker", late: bool, bars: Mapping[str, sympy.Symbol], integrate: Pointwise, _: Pointwise,
    distance: Pointwise, reset: Pointwise,
) -> tuple[Pointwise, Pointwise, Pointwise]:  # fmt: skip
    """What the threshold with its reset, a late reset and a step add to the gradient of the constants that learn."""
    at_threshold, of_reset, of_step = {}, {}, {}
    (u,) = distance.results.values()
    for c in learnt_constants(function.model, function.constants):
        through_reset = function.chain("reset", {name: bars[name] for name in reset.results}, reset.results, c)
        through_distance = (OUTPUT_BAR if function.model.sends else DISTANCE_BAR) * u.diff(c)
        name = bar_of_constant(c)
        at_threshold[name] = through_distance + (0 if late else through_reset)
        of_reset[f"{name}_step"] = through_reset if late else sympy.Integer(0)
        of_step[f"{name}_step"] = function.chain("equations", bars, integrate.results, c)
    doc, by = "dL/dc of the constants that learn, ", "by threshold" if late else "by threshold and reset"
    by = "by the output" if function.model.sends else by
    return (
        function("constants_at_threshold", f"{doc}{by}.", _not_zero(at_threshold)),
        function("constants_of_reset", doc + "by the reset.", _not_zero(of_reset)),
        function("constants_of_step", doc + "by an integration step.", _not_zero(of_step)),
    )


def learnt_constants(model: NeuronModel, constants: Constants) -> list[sympy.Symbol]:
    """The constants that hold a parameter that learns, in their order."""
    names = set(model.learnt)
    return [c for c, value in constants.values.items() if names & {s.name for s in value.free_symbols}]


def bar_of_constant(c: sympy.Symbol) -> str:
    """What the code calls the adjoint of a constant."""
    return f"{kernel(c)}_bar"


def _changed(results: Mapping[str, Expression]) -> dict[str, Expression]:
    """Without adjoints that stay as they are."""
    return {name: value for name, value in results.items() if value != Internal(name, real=True)}


def _not_zero(results: Mapping[str, Expression]) -> dict[str, Expression]:
    return {name: value for name, value in results.items() if value != 0}


class _Maker(NamedTuple):
    """Makes functions of one model; what cannot be computed is an InputError that names the line."""

    model: NeuronModel
    constants: Constants

    def __call__(self, name: str, doc: str, results: Mapping[str, Expression]) -> Pointwise:
        hoisted = {}
        for key, result in results.items():
            with self._named(PLACES.get(name, "reset"), key.removesuffix("_bar")):
                hoisted[key] = self.constants.hoist(distribute(result))
                kernel(hoisted[key])
                for s in hoisted[key].free_symbols & self.constants.values.keys():
                    host(self.constants.values[s])
        used = set().union(*(result.free_symbols for result in hoisted.values()))
        order = [*self.constants.order, *self.constants.values]
        return Pointwise(name, doc, tuple(s for s in order if s in used), hoisted)

    def chain(
        self, place: str, bars: Mapping[str, sympy.Symbol], values: Mapping[str, Expression], s: sympy.Symbol
    ) -> Expression:
        """sum_j x_bar_j d(value of j)/ds."""
        terms = []
        for name, s_bar in bars.items():
            with self._named(place, name):
                slope = values[name].diff(s)
                _require_computable([slope])
                terms.append(s_bar * slope)
        return sympy.Add(*terms)

    def _named(self, place: str, variable: str) -> AbstractContextManager:
        model = self.model
        lines = {"threshold": model.threshold, "reset": model.reset, "output": model.output}
        lines["equations"] = line_of(model, variable)
        return named(model, place, lines[place])


def _require_computable(expressions: Iterable[Expression]) -> None:
    for part in set().union(*(expression.atoms(sympy.Function, sympy.Derivative) for expression in expressions)):
        if part.func not in KERNEL and not isinstance(part, sympy.sign | less | power):
            raise TextError(f"its derivative holds '{part}', which cannot be computed")


def _jumped(parsed: Parsed, bars: Mapping[str, sympy.Symbol]) -> Expression:
    """dL/dz through the reset; the part of the membrane, the first variable, can be detached."""
    jumps = {name: bars[name] * (value - symbol(name)) for name, value in parsed.reset.items()}
    return sympy.Add(*(THROUGH_RESET * jump if name == parsed.variables[0] else jump for name, jump in jumps.items()))


def distribute(expression: Expression) -> Expression:
    """Factors of a choice moved into its branches, so that one of them holds a variable, not both plain numbers."""
    if isinstance(expression, sympy.sign):
        return select(less(expression.args[0], 0), -1, 1)
    if not expression.has(select, sympy.sign):
        return expression
    parts = [distribute(part) for part in expression.args]
    if expression.is_Mul:
        for i, part in enumerate(parts):
            others = sympy.Mul(*parts[:i], *parts[i + 1 :])
            if isinstance(part, select):
                condition, a, b = part.args
                return select(condition, distribute(others * a), distribute(others * b))
            if part.is_Add and part.has(select):
                plain, chosen = sympy.sift(part.args, lambda term: term.has(select), binary=True)[::-1]
                return others * sympy.Add(*plain) + sympy.Add(*(distribute(others * term) for term in chosen))
    return expression.func(*parts)
