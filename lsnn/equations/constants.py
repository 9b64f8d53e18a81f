"""Constants of a neuron: whatever in an expression does not change in time is computed once, on the host."""

from collections.abc import Iterable

import sympy

from lsnn.equations.symbols import Expression, Internal


class Constants:
    """Replaces the constant parts of expressions by symbols and keeps what they stand for.

    `values` maps each symbol, in the order of its first use, to an expression of parameters and dt. A parameter
    that is used as it is keeps its name, other constants are called c0, c1, ...
    """

    def __init__(self, moving: Iterable[sympy.Symbol]):
        self.order = tuple(moving)
        self.moving = frozenset(self.order)
        self.values: dict[sympy.Symbol, Expression] = {}
        self._symbols: dict[Expression, sympy.Symbol] = {}

    def hoist(self, expression: Expression) -> Expression:
        """The expression with its constant parts replaced; a linear one as a sum of constants times variables."""
        expression = sympy.sympify(expression)
        if self._nested(expression):
            return self._hoist(expression)
        slopes = {s: expression.diff(s) for s in sorted(self._moving_in(expression), key=str)}
        if any(self._moving_in(slope) for slope in slopes.values()):
            return self._hoist(expression)
        rest = expression.xreplace(dict.fromkeys(slopes, sympy.Integer(0)))
        return sympy.Add(self._hoist(rest), *(self._hoist(slope) * s for s, slope in slopes.items()))

    def _moving_in(self, expression: Expression) -> set[sympy.Symbol]:
        return set(expression.free_symbols) & self.moving

    def _nested(self, expression: Expression) -> bool:
        """Whether something that moves stands within a function."""
        return any(self._moving_in(part) for part in expression.atoms(sympy.Function))

    def _hoist(self, expression: Expression) -> Expression:
        if expression.is_Number or expression in self.moving:
            return expression
        if not self._moving_in(expression):
            return self._constant(expression)
        if not (expression.is_Add or expression.is_Mul):
            return expression.func(*(self._hoist(part) for part in expression.args))
        fixed = [part for part in expression.args if not self._moving_in(part)]
        moving = [self._hoist(part) for part in expression.args if self._moving_in(part)]
        return expression.func(self._hoist(expression.func(*fixed)), *moving)

    def _constant(self, expression: Expression) -> sympy.Symbol:
        expression = expression.xreplace(self.values)  # constants of an expression that was hoisted before
        if expression not in self._symbols:
            name = f"c{sum(not value.is_Symbol for value in self.values.values())}"
            symbol = expression if expression.is_Symbol else Internal(name, real=True)
            self._symbols[expression] = symbol
            self.values[symbol] = expression
        return self._symbols[expression]
