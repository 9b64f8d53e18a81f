"""The step of a generated model in JavaScript: the source of its kernel, operation for operation.

What `writing.py` prints for numba is read again and written as JavaScript, so that both do the same arithmetic in the
same order. A number of JavaScript is a double: after every operation `fround` rounds it to single precision, which for
+, -, *, / and square roots of single-precision numbers is what single-precision arithmetic gives (Figueroa 1995).
"""

import ast
from collections.abc import Iterable, Sequence

import numpy as np

from lsnn.equations import source_of
from lsnn.errors import InputError
from lsnn.neurons import NeuronModel

FORWARD = ("integrate", "crosses", "reset", "update")  # the functions of a model that a step needs
WHOLE = {"base", "end", "extra", "first", "group", "j", "k", "n", "n_neurons", "ring", "slot"}  # indices, not rounded
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARISONS = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">="}
HELPERS = """
    absolute arriving at clip cos count_refractory exp exprel exprel_slope from_bits fround load log sin sqrt store tanh
    to_bits where
"""
WORDS = f"""
    arguments async await break case catch class const continue debugger default delete do else enum eval export extends
    false finally for function if implements import in instanceof interface let new null of package private protected
    public return static super switch this throw true try typeof undefined var void while with yield Infinity NaN Math
    {HELPERS}
"""
RESERVED = frozenset(WORDS.split())
CALLED = frozenset(HELPERS.split())


def javascript_of(models: Iterable[NeuronModel]) -> str:
    """The functions of one step of these models, each once; raises InputError for a bad model."""
    return "\n\n".join(_model(model) for model in dict.fromkeys(models)) + "\n"


def _model(model: NeuronModel) -> str:
    if model.sends:
        rule = "a page runs neurons that spike alone, and this model sends numbers"
        raise InputError(f"neuron model {model.name!r}, output, {model.output!r}: {rule}")
    tree = ast.parse(source_of(model))
    wanted = {f"{name}_{model.name}" for name in FORWARD}
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in wanted]
    writer = _Writer({node.name for node in found})
    return "\n\n".join(writer.function(node) for node in found)


class _Writer:
    """Writes functions of a kernel; `own` are the names of those that may be called."""

    def __init__(self, own: set[str]):
        self.own = own

    def function(self, node: ast.FunctionDef) -> str:
        """One function; what it assigns is declared at its beginning."""
        arguments = [argument.arg for argument in node.args.args]
        body = node.body[1:] if ast.get_docstring(node) else node.body
        assigned = dict.fromkeys(
            target.id
            for part in ast.walk(ast.Module(body, []))
            for target in ast.walk(part)
            if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
        )
        declared = [_name(name) for name in assigned if name not in arguments and name != "_"]
        lines = [f"let {', '.join(declared)};"] if declared else []
        lines += [line for statement in body for line in self.statement(statement)]
        head = f"function {node.name}({', '.join(map(_name, arguments))}) {{"
        return "\n".join([f"// {ast.get_docstring(node)}", head, *_indented(lines), "}"])

    def statement(self, node: ast.stmt) -> list[str]:
        """The lines of a statement."""
        match node:
            case ast.Return(value=value) if value is not None:
                return [f"return {self.values(value)};"]
            case ast.Assign(targets=[target], value=value):
                return [f"{self.values(target)} = {self.values(value)};"]
            case ast.Expr(value=value):
                return [f"{self.value(value)};"]
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=bounds), body=body):
                first, end = ["0", *map(self.value, bounds)][-2:]
                count = _name(name)
                declared = "let " if name == "_" else ""
                head = f"for ({declared}{count} = {first}; {count} < {end}; {count}++) {{"
                return [head, *_indented(line for part in body for line in self.statement(part)), "}"]
        raise AssertionError(ast.dump(node))

    def values(self, node: ast.expr) -> str:
        """An expression, or several as an array."""
        if isinstance(node, ast.Tuple):
            return f"[{', '.join(map(self.value, node.elts))}]"
        return self.value(node)

    def value(self, node: ast.expr) -> str:
        """An expression of one number or truth value."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return _number(number)
            case ast.Name(id=name):
                return _name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self.value(operand)})"
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return f"~{self.value(operand)}"
            case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
                return f"({self.value(left)} & {self.value(right)})"
            case ast.BinOp(left=left, op=op, right=right):
                text = f"{self.value(left)} {OPERATORS[type(op)]} {self.value(right)}"
                return f"({text})" if _is_whole(node) else f"fround({text})"
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return f"({self.value(left)} {COMPARISONS[type(op)]} {self.value(right)})"
            case ast.Call(func=ast.Name(id="where"), args=[condition, a, b]):
                return f"({self.value(condition)} ? {self.value(a)} : {self.value(b)})"
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in self.own | CALLED:
                return f"{name}({', '.join(map(self.value, arguments))})"
            case ast.Attribute(value=ast.Name(id=name), attr=part):
                return f"{_name(name)}.{part}"
            case ast.Subscript(value=ast.Attribute(value=array, attr="shape"), slice=ast.Constant(value=0)):
                return f"{self.value(array)}.length"
            case ast.Subscript(value=array, slice=ast.Tuple(elts=[row, column])):
                return f"{self.value(array)}[4 * {self.value(row)} + {self.value(column)}]"  # of cells.groups
            case ast.Subscript(value=array, slice=place):
                return f"{self.value(array)}[{self.value(place)}]"
        raise AssertionError(ast.dump(node))


def _is_whole(node: ast.expr) -> bool:
    """Whether an expression is made of indices and whole numbers alone."""
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return bool(names) and set(names) <= WHOLE


def _number(number: int | float) -> str:
    rounded = float(np.float32(number))
    return str(number) if isinstance(number, int) and rounded == number else repr(rounded).replace("inf", "Infinity")


def _name(name: str) -> str:
    """A name as JavaScript takes it."""
    return f"{name}$" if name in RESERVED else name


def _indented(lines: Iterable[str]) -> Sequence[str]:
    return [f"  {line}" for line in lines]
