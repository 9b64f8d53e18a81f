"""Expressions as lines of Python: for eight episodes in a compiled kernel, or in double precision on the host."""

import math
from collections.abc import Callable, Mapping

import sympy

from lsnn.equations.names import safe
from lsnn.equations.symbols import Expression, Internal, Plain, clip, exprel, exprel_slope, less, log, power, select
from lsnn.equations.texts import TextError

KERNEL = {
    sympy.exp: "exp", sympy.log: "log", sympy.sin: "sin", sympy.cos: "cos", sympy.tanh: "tanh", sympy.Abs: "absolute",
    clip: "clip", log: "log", exprel: "exprel", exprel_slope: "exprel_slope", select: "where",
}  # fmt: skip
HOST = {
    sympy.exp: "np.exp", sympy.log: "np.log", sympy.sin: "np.sin", sympy.cos: "np.cos", sympy.tanh: "np.tanh",
    sympy.Abs: "np.abs", clip: "np.clip", log: "np.log", exprel: "special.exprel", select: "np.where",
}  # fmt: skip


class Printer:
    """Prints expressions; `functions` says what their functions are called."""

    def __init__(self, functions: Mapping[type, str], rename: Callable[[str], str] = str):
        self.functions, self.rename = functions, rename

    def __call__(self, expression: Expression) -> str:
        if expression.is_Symbol:
            return expression.name if isinstance(expression, Internal) else self.rename(expression.name)
        if expression.is_number and not expression.has(Plain):
            return self._number(expression)
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._product(expression)
        if isinstance(expression, sympy.Pow | power):
            return self._power(expression)
        if isinstance(expression, less):
            return " < ".join(self._factor(side) for side in expression.args)
        if expression.func not in self.functions:
            raise TextError(f"leads to '{expression}', which cannot be computed")
        return f"{self.functions[expression.func]}({', '.join(map(self, expression.args))})"

    def _number(self, expression: Expression) -> str:
        if expression.is_extended_real is False or math.isnan(number := float(expression)):
            raise TextError(f"leads to '{expression}', which is no real number")
        return str(int(expression)) if expression.is_Integer else repr(number).replace("inf", "1e999")

    def _sum(self, expression: Expression) -> str:
        text = ""
        for term in expression.as_ordered_terms():
            negative = term.could_extract_minus_sign()
            part = self._factor(-term, additive=False) if negative else self._factor(term, additive=False)
            text += f" {'-' if negative else '+'} {part}" if text else f"-{part}" if negative else part
        return text

    def _factor(self, expression: Expression, additive: bool = True) -> str:
        """In brackets, if it is a sum or a negative number."""
        text = self(expression)
        return f"({text})" if expression.is_Add or (additive and text.startswith("-")) else text

    def _product(self, expression: Expression) -> str:
        above: list[Expression] = []
        below: list[Expression] = []
        for factor in expression.as_ordered_factors():
            inverse = factor.is_Pow and factor.exp.could_extract_minus_sign()
            (below if inverse else above).append(1 / factor if inverse else factor)
        if above and above[0] == -1 and len(above) > 1:
            return f"-{self._factor(sympy.Mul(*above[1:], *(1 / b for b in below)), additive=False)}"
        text = "*".join(map(self._factor, above)) or "1.0"
        return text + "".join(f"/{self._divisor(factor)}" for factor in below)

    def _divisor(self, factor: Expression) -> str:
        text = self._factor(factor)
        return f"({text})" if factor.is_Mul or isinstance(factor, sympy.Pow | power) else text

    def _power(self, expression: Expression) -> str:
        base, exponent = expression.args
        if exponent.is_Integer and exponent > 1:  # no pow: the kernel's is exp(k log x), which knows no x < 0
            return "*".join([self._factor(base) if not base.is_Mul else f"({self(base)})"] * int(exponent))
        if exponent.could_extract_minus_sign():
            return f"1.0/{self._divisor(expression.func(base, -exponent))}"
        if exponent.is_number and float(exponent) == 0.5:
            return f"{self.functions[sympy.exp].replace('exp', 'sqrt')}({self(base)})"
        return self(sympy.exp(exponent * sympy.log(base), evaluate=False))


kernel = Printer(KERNEL, safe)
host = Printer(HOST, safe)
