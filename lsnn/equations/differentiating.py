"""The pointwise functions of a model and of its adjoint, each assignment differentiated by SymPy.

A step of a neuron is integrate (several times over), threshold, reset. Name_bar is the total dL/dname, as in the
reference. With u = (lhs - rhs)/scale, z = 1 where lhs > rhs and R the values that the reset gives, backwards:

    z_bar = what the spike did beyond the neuron + sum_i x_bar_i (R_i - x_i)
    u_bar = z_bar dz/du                                                         dz/du: the surrogate derivative
    x_bar = z sum_j x_bar_j dR_j/dx + (1-z) x_bar + u_bar du/dx                 at the threshold
    x_bar = sum_j x_bar_j dF_j/dx      I_bar = sum_j x_bar_j dF_j/dI            before the integration step F
"""

from typing import NamedTuple

import sympy

from lsnn.equations.constants import Constants
from lsnn.equations.parsing import Parsed, symbol
from lsnn.equations.symbols import HELD, SPIKE, Expression, select
from lsnn.neurons import NeuronModel

REACHED, SLOPE, U_BAR, THROUGH_RESET, GAMMA = (
    sympy.Symbol(name, real=True) for name in ("reached", "slope", "u_bar", "through_reset", "gamma")
)


class Pointwise(NamedTuple):
    """A function of numbers of one neuron; results are expressions of the arguments."""

    name: str
    doc: str
    arguments: tuple[sympy.Symbol, ...]
    results: tuple[Expression, ...]


class Functions(NamedTuple):
    """All that one step of a neuron and its adjoint need."""

    integrate: Pointwise
    sides: Pointwise  # lhs and rhs of the threshold
    distance: Pointwise  # u
    reset: Pointwise
    u_bar: Pointwise
    before_reset: Pointwise
    before_step: Pointwise


def bar(name: str) -> sympy.Symbol:
    """The adjoint of a variable."""
    return sympy.Symbol(f"{name}_bar", real=True)


def pointwise_functions(
    model: NeuronModel, parsed: Parsed, step: dict[str, Expression]
) -> tuple[Functions, Constants]:
    """The functions of a model, and the constants in them."""
    names, x = parsed.variables, [symbol(name) for name in parsed.variables]
    current = [] if model.kept else [symbol(model.synaptic)]
    bars = [bar(name) for name in names]
    constants = Constants([*x, *current, *bars, SPIKE, HELD, REACHED, SLOPE, U_BAR, THROUGH_RESET, GAMMA])
    after = [parsed.reset.get(name, symbol(name)) for name in names]
    u = (parsed.lhs - parsed.rhs) / parsed.scale
    F = [step[name] for name in names]

    def function(name: str, doc: str, results: list[Expression]) -> Pointwise:
        hoisted = tuple(constants.hoist(distribute(result)) for result in results)
        used = set().union(*(result.free_symbols for result in hoisted))
        order = [*x, *current, HELD, SPIKE, *bars, REACHED, SLOPE, U_BAR, THROUGH_RESET, *constants.values]
        return Pointwise(name, doc, tuple(s for s in order if s in used), hoisted)

    functions = Functions(
        function("integrate", f"{', '.join(names)} one integration step later.", F),
        function("sides", "Left and right side of the threshold.", [parsed.lhs, parsed.rhs]),
        function("distance", "u, the distance from the threshold in units of the scale.", [u]),
        function("reset", "State variables after the reset.", [select(SPIKE, a, b) for a, b in zip(after, x, strict=True)]),
        function("u_bar", "dL/du, the spike's effects beyond the neuron (reached) and on its reset.", [
            SLOPE * (REACHED + sum(_jumped(x, after, bars)))
        ]),
        function("before_reset", "dL/dx at the threshold from dL/dx after the reset.", [
            select(SPIKE, _chain(bars, after, s), s_bar) + U_BAR * u.diff(s) for s, s_bar in zip(x, bars, strict=True)
        ]),
        function("before_step", "dL/dx, and dL/dI of a current that is cleared, before an integration step.", [
            _chain(bars, F, s) for s in (*x, *current)
        ]),
    )  # fmt: skip
    return functions, constants


def _jumped(x: list[sympy.Symbol], after: list[Expression], bars: list[sympy.Symbol]) -> list[Expression]:
    """What a spike does through the reset; that of the membrane, the first variable, can be detached."""
    jumps = [s_bar * (a - s) for s, a, s_bar in zip(x, after, bars, strict=True)]
    return [jumps[0] * THROUGH_RESET, *jumps[1:]]


def _chain(bars: list[sympy.Symbol], values: list[Expression], s: sympy.Symbol) -> Expression:
    return sympy.Add(*(s_bar * value.diff(s) for s_bar, value in zip(bars, values, strict=True)))


def distribute(expression: Expression) -> Expression:
    """Factors of a choice moved into its branches, so that at least one branch holds a variable."""
    if not expression.has(select):
        return expression
    parts = [distribute(part) for part in expression.args]
    if expression.is_Mul:
        for i, part in enumerate(parts):
            others = sympy.Mul(*parts[:i], *parts[i + 1 :])
            if isinstance(part, select):
                condition, a, b = part.args
                return select(condition, distribute(others * a), distribute(others * b))
            if part.is_Add and part.has(select):
                return sympy.Add(*(distribute(others * term) for term in part.args))
    return expression.func(*parts)
