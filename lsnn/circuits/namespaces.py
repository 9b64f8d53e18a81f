"""What the names in a Brian2 object stand for, and refusals that name the object and the line."""

import ast
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from brian2 import TimedArray
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, Function
from brian2.core.namespace import DEFAULT_UNITS
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, Quantity, get_dimensions, get_unit

from lsnn.circuits.evaluating import names_in
from lsnn.equations.texts import TextError, shown, tree_of
from lsnn.errors import InputError

RESERVED = ("t", "dt", "i", "j", "N", "lastspike", "not_refractory", "t_in_timesteps", "xi")


def refuse(thing: Any, place: str, line: str, rule: object) -> NoReturn:
    """InputError that names a Brian2 object, the line and the rule."""
    kind, name = type(thing).__name__, getattr(thing, "name", "")
    line = " ".join(str(line).split())
    where = ", ".join(filter(None, (f"{kind} {name!r}", place, f"{line!r:.200}" if line else "")))
    raise InputError(f"from_brian2: {where}: {rule}")


class Names:
    """Names from outside of one object: its own namespace goes before that of the run."""

    def __init__(self, thing: Any, around: Mapping[str, Any]):
        self.thing, self.around = thing, around
        self.own = dict(getattr(thing, "namespace", None) or {})

    def outside(self, text: str, place: str, known: Iterable[str]) -> list[str]:
        """The names of an expression that neither the object knows nor Brian2."""
        try:
            found = names_in(text)
        except TextError as error:
            refuse(self.thing, place, text, error)
        taken = {*known, *RESERVED, *DEFAULT_UNITS, *DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, "True", "False"}
        return [name for name in found if name not in taken and not name.startswith("xi_")]

    def find(self, name: str) -> Any:
        """What a name stands for, None where it is not known."""
        return self.own.get(name, self.around.get(name))

    def constant(self, name: str, place: str, line: str) -> tuple[float, Dimension]:
        """The value of a name in SI units, and its dimension."""
        value = self.find(name)
        if value is None:
            refuse(self.thing, place, line, f"unknown name {name!r}: it is neither in the namespace nor a variable")
        try:
            array = np.asarray(value, float)
        except (TypeError, ValueError):
            array = np.empty(0)
        if array.size != 1 or isinstance(value, Function | str) or not np.isfinite(array).all():
            refuse(self.thing, place, line, f"{name!r} must be a finite number, is {value!r:.80}")
        return float(array.reshape(())), get_dimensions(value)

    def timed(self, name: str) -> TimedArray | None:
        """The TimedArray of that name."""
        value = self.find(name)
        return value if isinstance(value, TimedArray) else None


class _Driven(ast.NodeTransformer):
    """Puts a driven variable in place of every call of a TimedArray."""

    def __init__(self, names: Names):
        self.names = names
        self.found: dict[str, TimedArray] = {}

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        array = self.names.timed(called)
        if array is None:
            return node
        arguments = [getattr(argument, "id", None) for argument in node.args]
        expected = ["t", "i"] if array.values.ndim == 2 else ["t"]
        if arguments != expected:
            raise TextError(f"'{shown(node)}': a TimedArray must be called as {called}({', '.join(expected)})")
        name = f"{called}_of_t"
        self.found[name] = array
        return ast.Name(name)


def with_driven(names: Names, text: str, place: str) -> tuple[str, dict[str, TimedArray]]:
    """An expression with a name in place of every call of a TimedArray, and which array it stands for."""
    try:
        writer = _Driven(names)
        tree = writer.visit(tree_of(text))
        return ast.unparse(tree) if writer.found else text, writer.found
    except TextError as error:
        refuse(names.thing, place, text, error)


def units_as_values() -> dict[str, float]:
    """Units and constants of Brian2 as numbers in SI."""
    units = {name: float(value) for name, value in DEFAULT_UNITS.items()}
    return units | {name: float(constant.value) for name, constant in DEFAULT_CONSTANTS.items()}


def quantity(values: Any, dimension: Dimension) -> Any:
    """Numbers in SI units with a dimension."""
    return Quantity(values, dim=dimension)


def unit_of(dimension: Dimension) -> str:
    """A dimension as a unit that Brian2's equations can read."""
    whole = repr(get_unit(dimension))
    if whole in DEFAULT_UNITS and dimension is not DIMENSIONLESS:
        return whole
    bases = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")
    parts = [f"{base}**{power:g}" for base, power in zip(bases, dimension._dims, strict=True) if power]
    return "*".join(parts) or "1"
