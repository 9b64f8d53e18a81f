"""The value of a Brian2 expression in SI units, where nothing in it changes in time."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from lsnn.equations.texts import TextError, shown, tree_of

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
}  # fmt: skip
COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.LtE: operator.le, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "log10": np.log10, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "abs": np.abs, "clip": np.clip, "floor": np.floor,
    "ceil": np.ceil, "sign": np.sign, "exprel": special.exprel, "int": np.trunc, "expm1": np.expm1, "log1p": np.log1p,
}  # fmt: skip


def names_in(text: str) -> list[str]:
    """The names of an expression, functions aside, each once; TextError where it is none."""
    tree = tree_of(text)
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return list(dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in calls))


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """The value of an expression; TextError for what has none.

    Args:
        values: numbers or arrays, SI, of the names in it.
    """
    with np.errstate(all="ignore"):
        return _value(tree_of(text), values)


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            return number
        case ast.Name(id=name):
            if name not in values:
                raise TextError(f"{name!r} has no value here")
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -np.asarray(_value(operand, values))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](np.asarray(_value(left, values)), np.asarray(_value(right, values)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            return COMPARISONS[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            if name in ("rand", "randn", "poisson", "binomial"):
                raise TextError(f"'{shown(node)}' is drawn anew each time: draw it once, as a parameter")
            if name not in FUNCTIONS:
                raise TextError(f"'{shown(node)}' is a function that is not known here")
            return FUNCTIONS[name](*(_value(argument, values) for argument in arguments))
    raise TextError(f"'{shown(node)}' cannot be evaluated")
