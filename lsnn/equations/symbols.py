"""The functions that SymPy lacks: choices between two values, differentiated where they are smooth."""

from typing import Any, TypeAlias

import sympy

Expression: TypeAlias = sympy.Expr


class Internal(sympy.Symbol):
    """A symbol of the machinery, which never equals one of a model."""


SPIKE, HELD = Internal("spike"), Internal("held")  # masks: the neuron spikes now; it is refractory


class less(sympy.Function):
    """The condition a < b."""

    nargs = (2,)


class select(sympy.Function):
    """a where a condition or mask holds, b elsewhere: select(condition, a, b)."""

    nargs = (3,)

    @classmethod
    def eval(cls, condition: Any, a: Any, b: Any) -> Any:
        return a if a == b else None

    def _eval_derivative(self, symbol: sympy.Symbol) -> Expression:
        condition, a, b = self.args
        return select(condition, a.diff(symbol), b.diff(symbol))


class clip(sympy.Function):
    """x, but at least low and at most high; the derivative is that of the branch taken."""

    nargs = (3,)

    def _eval_derivative(self, symbol: sympy.Symbol) -> Expression:
        x, low, high = self.args
        above = select(less(high, x), high.diff(symbol), x.diff(symbol))
        return select(less(x, low), low.diff(symbol), above)


DIFFERENTIABLE = (sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tanh, sympy.Abs, clip, select)
NAMES = "exp, log, sqrt, sin, cos, tanh, abs, clip"
