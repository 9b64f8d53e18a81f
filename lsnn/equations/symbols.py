"""The functions that SymPy lacks, or rewrites to another value: each with its derivative, and left as it is written.

SymPy takes exp(log(x)) for x, which is another number where x < 0, and Brian2's exprel(x + 0.1) for
(exp(x + 0.1) - 1)/(x + 0.1), which is none at x = -0.1. A `Plain` function stands as it was written.
"""

from typing import Any, TypeAlias

import sympy

Expression: TypeAlias = sympy.Expr


class Internal(sympy.Symbol):
    """A symbol of the machinery, which never equals one of a model."""


SPIKE, HELD = Internal("spike"), Internal("held")  # masks: the neuron is reset now; it is refractory


class Plain(sympy.Function):
    """A real number made of real numbers, which SymPy does not simplify."""

    def _eval_is_extended_real(self) -> bool:
        return True


def real(number: Expression) -> Expression:
    """A number, or none where it is not real: of what follows from it SymPy might make a real one again."""
    return sympy.nan if number.is_extended_real is False else number


class less(sympy.Function):
    """The condition a < b."""

    nargs = (2,)


class select(Plain):
    """a where a condition or mask holds, b elsewhere: select(condition, a, b)."""

    nargs = (3,)

    @classmethod
    def eval(cls, condition: Any, a: Any, b: Any) -> Any:
        return a if a == b else None

    def _eval_derivative(self, symbol: sympy.Symbol) -> Expression:
        condition, a, b = self.args
        return select(condition, a.diff(symbol), b.diff(symbol))


class clip(Plain):
    """x, but at least low and at most high; the derivative is that of the branch taken."""

    nargs = (3,)

    def _eval_derivative(self, symbol: sympy.Symbol) -> Expression:
        x, low, high = self.args
        above = select(less(high, x), high.diff(symbol), x.diff(symbol))
        return select(less(x, low), low.diff(symbol), above)


class exprel(Plain):
    """(exp(x) - 1)/x, and 1 at 0."""

    nargs = (1,)

    def fdiff(self, argindex: int = 1) -> Expression:
        return exprel_slope(self.args[0])


class exprel_slope(Plain):
    """The derivative of exprel, (exp(x) - exprel(x))/x, and 1/2 at 0."""

    nargs = (1,)


class log(Plain):
    """The natural logarithm."""

    nargs = (1,)

    @classmethod
    def eval(cls, x: Any) -> Any:
        return real(sympy.log(x)) if x.is_number else None

    def fdiff(self, argindex: int = 1) -> Expression:
        return 1 / self.args[0]


class power(Plain):
    """base**exponent for an exponent that is not whole: no number where base < 0."""

    nargs = (2,)

    @classmethod
    def eval(cls, base: Any, exponent: Any) -> Any:
        if exponent.is_Integer or (exponent.is_Float and float(exponent).is_integer()):
            return base ** int(exponent)
        if base.is_number and exponent.is_number:
            return real(base**exponent)
        even, others = sympy.sift(sympy.Mul.make_args(base), _is_even_power, binary=True)
        rest = sympy.Mul(*others)
        if not even or not rest.is_nonnegative:
            return None
        # |x| has a derivative at 0, the root of x**2 none
        roots = [power(sympy.Abs(part.base), part.exp * exponent) for part in even]
        return sympy.Mul(*roots, *([] if rest == 1 else [power(rest, exponent)]))

    def _eval_derivative(self, symbol: sympy.Symbol) -> Expression:
        base, exponent = self.args
        through_base = exponent * power(base, exponent - 1) * base.diff(symbol)
        return through_base + self * log(base) * exponent.diff(symbol)


def _is_even_power(factor: Expression) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Integer and factor.exp.is_even and factor.base.is_extended_real)


DIFFERENTIABLE = (
    sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tanh, sympy.Abs, clip, exprel, log, power, select,
)  # fmt: skip
