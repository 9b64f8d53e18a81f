"""What a text of a model must be before Brian2 and SymPy see it: short, shallow, of finite numbers and known functions.

SymPy computes 9**9**9**9 while it reads it and multiplies (a + b + c + d)**99 out, and both it and Python's own parser
recurse. So the syntax tree of a text is walked first: what is too large is refused in no time, by a rule.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS

from lsnn.equations import advice
from lsnn.neurons import Parameter

MOST_CHARACTERS, MOST_NODES, MOST_LEVELS, MOST_TERMS, LARGEST_POWER = 2000, 500, 100, 300, 32
TOO_LONG = "too long or nested too deeply"
TRUTH_VALUES = (ast.Compare, ast.BoolOp)

OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "tanh": math.tanh,
    "abs": abs, "clip": lambda x, low, high: min(max(x, low), high),
    "exprel": lambda x: math.expm1(x) / x if x else 1.0,
}  # fmt: skip
NAMES = ", ".join(FUNCTIONS)


class TextError(ValueError):
    """A text that breaks a rule; the message says which."""


class Size(NamedTuple):
    """What an expression costs; a subexpression counts with what it stands for."""

    nodes: int = 1
    terms: int = 1  # once it is multiplied out
    degree: int = 1  # of powers of powers
    value: float | None = None  # of what is made of numbers alone


def tree_of(text: str) -> ast.expr:
    """The syntax tree of an expression; raises TextError for one that is none, too long or nested too deeply."""
    text, depth, deepest = text.strip(), 0, 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if len(text) > MOST_CHARACTERS or deepest > MOST_LEVELS:
        raise TextError(f"{TOO_LONG}: at most {MOST_CHARACTERS} characters and {MOST_LEVELS} levels")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise TextError(error.msg) from error
    except (MemoryError, RecursionError, ValueError) as error:
        raise TextError(TOO_LONG) from error
    _require_shallow(tree)
    return tree


def _require_shallow(tree: ast.AST) -> None:
    """Within what Brian2 and SymPy can walk by recursion; a sum of n terms has n levels."""
    level, levels = [tree], 0
    while level:
        levels += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if levels > MOST_LEVELS:
            raise TextError(f"{TOO_LONG}: at most {MOST_LEVELS} levels, such as terms of a sum")


def size_of(text: str, known: Mapping[str, Size]) -> Size:
    """The size of an expression or a comparison; raises TextError if it breaks a rule.

    Args:
        known: sizes of subexpressions, and values of parameters that may stand in an exponent.
    """
    tree = tree_of(text)
    if isinstance(tree, TRUTH_VALUES):
        parts = [part for part in ast.iter_child_nodes(tree) if isinstance(part, ast.expr)]
        return Size(1 + sum(_size(part, known).nodes for part in parts))
    return _size(tree, known)


def _size(node: ast.expr, known: Mapping[str, Size]) -> Size:
    size = _measured(node, known)
    if size.nodes > MOST_NODES or size.terms > MOST_TERMS:
        rule = f"at most {MOST_NODES} operators, numbers and names and {MOST_TERMS} terms, once it is multiplied out"
        raise TextError(f"{TOO_LONG}: {rule}")
    if size.value is not None and math.isinf(size.value):
        raise TextError(f"'{shown(node)}' is too large a number")
    return size


def _measured(node: ast.expr, known: Mapping[str, Size]) -> Size:
    match node:
        case ast.Constant(value=bool()) | ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            raise TextError(f"'{shown(node)}' must be a number, is a truth value")
        case ast.Constant(value=int() | float() as number):
            return Size(value=_value(node, float, number))
        case ast.Name():
            return known.get(node.id) or Size(value=_constant(node.id))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            size = _size(node.operand, known)
            sign = -1 if isinstance(node.op, ast.USub) else 1
            return size._replace(nodes=size.nodes + 1, value=None if size.value is None else sign * size.value)
        case ast.BinOp():
            return _binary(node, known)
        case ast.Call(func=ast.Name(id=name)):
            return _call(node, name, known)
    raise TextError(f"'{shown(node)}' is no expression of Brian2's")


def _binary(node: ast.BinOp, known: Mapping[str, Size]) -> Size:
    if isinstance(node.op, ast.Mod | ast.FloorDiv):
        raise TextError(f"cannot be differentiated: '{shown(node)}': {advice.JUMPS}")
    if type(node.op) not in OPERATORS:
        raise TextError(f"{type(node.op).__name__} is not supported")
    left, right = _size(node.left, known), _size(node.right, known)
    degree = max(left.degree, right.degree)
    match node.op:
        case ast.Pow():
            degree, terms = _power(node, left, right)
        case ast.Mult():
            terms = left.terms * right.terms
        case ast.Div():
            terms = left.terms
        case _:
            terms = left.terms + right.terms
    value = None
    if left.value is not None and right.value is not None:
        value = _value(node, OPERATORS[type(node.op)], left.value, right.value)
    return Size(1 + left.nodes + right.nodes, terms, degree, value)


def _power(node: ast.BinOp, base: Size, exponent: Size) -> tuple[int, int]:
    """The degree of a power and its terms once it is multiplied out."""
    if exponent.value is None:
        return base.degree, 1
    height = abs(exponent.value)
    if not base.degree * height <= LARGEST_POWER:
        raise TextError(f"the power '{shown(node)}' is above {LARGEST_POWER}")
    terms = math.comb(base.terms + int(height) - 1, int(height)) if height.is_integer() else 1
    return max(1, math.ceil(base.degree * height)), terms


def _call(node: ast.Call, name: str, known: Mapping[str, Size]) -> Size:
    if name not in FUNCTIONS:
        whole = f"cannot be differentiated: '{shown(node)}'"
        what = whole if name in DEFAULT_FUNCTIONS else f"there is no function {name!r}"
        raise TextError("; ".join(filter(None, (what, advice.for_function(name), f"functions: {NAMES}"))))
    expected = 3 if name == "clip" else 1
    if node.keywords or len(node.args) != expected:
        raise TextError(f"'{shown(node)}': {name} takes {expected} argument{'s' * (expected > 1)}")
    sizes = [_size(argument, known) for argument in node.args]
    values = [size.value for size in sizes]
    value = None if None in values else _value(node, FUNCTIONS[name], *values)
    return Size(1 + sum(size.nodes for size in sizes), 1, max(size.degree for size in sizes), value)


def _value(node: ast.expr, function: Callable[..., float], *values: float | None) -> float | None:
    """A function of numbers; None where it is no real number, which SymPy finds out."""
    try:
        found = function(*values)
    except OverflowError as error:
        raise TextError(f"'{shown(node)}' is too large a number") from error
    except (ArithmeticError, ValueError, TypeError):
        return None
    return found if isinstance(found, float) else None


def _constant(name: str) -> float | None:
    """The value of a unit or constant of Brian2's, None of another name."""
    if name in DEFAULT_UNITS:
        return float(DEFAULT_UNITS[name])
    return {"pi": math.pi, "e": math.e}.get(name)


def shown(node: ast.AST) -> str:
    """The text of a part of a tree, shortened."""
    text = ast.unparse(node)
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Kept(ast.NodeTransformer):
    """Names that SymPy does not know for functions and powers that it rewrites."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name = node.func.id  # type: ignore[attr-defined]
        if name == "sqrt":
            return _calling("_power", *node.args, ast.Constant(0.5))
        return _calling(f"_{name}", *node.args) if name in ("exprel", "log") else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow) or _is_whole(node.right):
            return node
        return _calling("_power", node.left, node.right)


def _calling(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name), list(arguments), [])


def _is_whole(node: ast.expr) -> bool:
    try:
        value = _measured(node, {}).value
    except TextError:  # it has been rewritten itself
        return False
    return value is not None and value.is_integer()


def kept_as_written(text: str) -> str:
    """A sound expression with _exprel, _log and _power for exprel, log, square roots and powers that are not whole."""
    return ast.unparse(_Kept().visit(tree_of(text)))


def is_plain(row: Parameter) -> bool:
    """Whether the value of a parameter is a finite number without a unit."""
    try:
        return row.unit == "1" and math.isfinite(float(row.value))
    except ValueError:
        return False
