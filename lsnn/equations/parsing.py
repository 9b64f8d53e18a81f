"""A model's strings as Brian2 reads them: every name known, every unit checked, every expression differentiable.

Numbers are those of SI base units (volt, second, ampere, ...), as inside Brian2.
"""

import ast
import math
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import sympy
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Variable
from brian2.equations.equations import (
    DIFFERENTIAL_EQUATION,
    FLOAT,
    PARAMETER,
    SUBEXPRESSION,
    EquationError,
    Equations,
    SingleEquation,
)
from brian2.groups.neurongroup import NeuronGroup
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.parsing.statements import parse_statement
from brian2.parsing.sympytools import str_to_sympy
from brian2.units import second
from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError, get_unit_for_display
from brian2.utils.stringtools import get_identifiers
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from lsnn.equations.symbols import DIFFERENTIABLE, NAMES, Expression, clip
from lsnn.errors import InputError
from lsnn.neurons import GIVEN, NeuronModel, Parameter

DT = sympy.Symbol("dt", real=True, positive=True)
TRUTH_VALUES = (Relational, BooleanFunction, BooleanAtom)
FLAGS = {"constant", "unless refractory"}
TAKEN = frozenset(  # Brian2's own names in a group of neurons and its synapses, and those that `lsnn.brian` adds
    "codeobj_class equations event_codes events indices lastspike method_choice namespace not_refractory order place "
    "resetter start state_updater stop subexpression_updater thresholder user_equations variables weight when".split()
) | frozenset(dir(NeuronGroup))
REFUSED = {
    "xi": "noise has no adjoint: add it in Brian2, where the frozen network runs",
    "t": "the compiled step does not know the time: let it enter as spikes",
    "i": "the compiled step does not know the neuron's number: make it a parameter",
    "N": "the compiled step does not know the number of neurons: make it a parameter",
}


class Parsed(NamedTuple):
    """A model whose every line stood the checks; expressions hold parameters, state variables and dt."""

    equations: Equations
    variables: tuple[str, ...]  # state variables, the membrane first
    parameters: tuple[str, ...]
    defaults: dict[str, float]  # values of the parameters that the network does not give, SI
    lhs: Expression
    rhs: Expression
    scale: Expression
    reset: dict[str, Expression]  # of the state variables that a spike changes
    refractory: Expression  # seconds
    initial: dict[str, Expression]
    known: dict[str, Any]  # Brian2's variables, by name


def symbol(name: str) -> sympy.Symbol:
    """The symbol under which Brian2 knows a name."""
    return DT if name == "dt" else sympy.Symbol(name, real=True)


def refuse(model: NeuronModel, place: str, line: str, rule: object) -> NoReturn:
    """InputError that names the model, the line and the rule."""
    raise InputError(f"neuron model {model.name!r}, {place}, {line.strip()!r}: {rule}")


def parse(model: NeuronModel) -> Parsed:
    """Read and check a model; raises InputError naming the line and the rule."""
    equations = _read_equations(model)
    statements = _statements(model)
    states = _state_variables(model, equations, {name for name, *_ in statements})
    known = _known_names(equations, states)
    substitutions = _check_equations(model, equations, known)
    reader = _Reader(model, known, substitutions)
    lhs, rhs, dimension = _threshold(reader)
    scale = reader.read("scale", model.scale, model.scale, dimension)
    reset = _reset(reader, statements, states)
    parameters = tuple(
        name for name, equation in equations.items()
        if equation.type == PARAMETER and name not in states and (model.kept or name != model.synaptic)
    )  # fmt: skip
    initial = {name: _initial(reader, name, text, states, parameters) for name, text in model.initial}
    refractory = reader.read("refractory", model.refractory, model.refractory, second.dim)
    _require_constant(model, "refractory", model.refractory, refractory, parameters)
    _require_constant(model, "scale", model.scale, scale, parameters)
    if scale.is_zero:
        refuse(model, "scale", model.scale, "must be > 0")
    _check_synaptic(model, equations, lhs - rhs, reset)
    defaults = _values(reader, equations, parameters)
    return Parsed(
        equations, states, parameters, defaults, lhs, rhs, scale, reset, refractory, initial, known
    )


def line_of(model: NeuronModel, name: str) -> str:
    """The line of the equations that defines a variable."""
    for line in model.equations.splitlines():
        if re.match(rf"\s*(d{name}\s*/\s*dt\s*=|{name}\s*[:=])", line):
            return line
    return name


# Names


def _read_equations(model: NeuronModel) -> Equations:
    errors = (EquationError, KeyError, RecursionError, SyntaxError, TypeError, ValueError)
    try:
        return Equations(model.equations)
    except errors as whole:
        for line in filter(str.strip, model.equations.splitlines()):
            try:
                Equations(line)
            except errors as error:
                refuse(model, "equations", line, _first_line(error))
        refuse(model, "equations", model.equations, _first_line(whole))


def _first_line(error: Exception) -> str:
    """What Brian2 says, without the picture of where."""
    if isinstance(error, RecursionError):
        return "too long or nested too deeply"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is not supported"
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" ^")]
    return lines[-1] if "Parsing" in lines[0] else lines[0]


def _state_variables(model: NeuronModel, equations: Equations, assigned: set[str]) -> tuple[str, ...]:
    """Variables with a differential equation, and parameters that the reset assigns; v first, if there is one."""
    names = []
    for name, equation in equations.items():
        line = line_of(model, name)
        if name in TAKEN or name.endswith(("_pre", "_post")):
            refuse(model, "equations", line, f"no variable may be called {name!r}: Brian2 has another use for it")
        if equation.var_type != FLOAT:
            refuse(model, "equations", line, f"must be a real number, is declared {equation.var_type}")
        if unknown := set(equation.flags) - FLAGS:
            refuse(model, "equations", line, f"the flag ({unknown.pop()}) is not supported; flags: {sorted(FLAGS)}")
        moves = equation.type == DIFFERENTIAL_EQUATION or (equation.type == PARAMETER and name in assigned)
        if moves and "constant" in equation.flags:
            refuse(model, "equations", line, "is declared (constant), but the reset assigns it")
        if moves and name in GIVEN:
            refuse(model, "equations", line, f"no state variable may be called {name!r}, which the network gives")
        if moves and (name != model.synaptic or model.kept):
            names.append(name)
    if not names:
        refuse(model, "equations", model.equations, "must have a differential equation")
    return tuple(sorted(names, key=lambda name: name != "v"))


def _known_names(equations: Equations, states: Iterable[str]) -> dict[str, Any]:
    own = {
        name: Variable(name, dimensions=equation.dim, constant=name not in states)
        for name, equation in equations.items()
    }
    step = {"dt": Variable("dt", dimensions=second.dim, constant=True, scalar=True)}
    return {**DEFAULT_UNITS, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS, **step, **own}


# Expressions


class _Reader(NamedTuple):
    """Turns texts of one model into expressions."""

    model: NeuronModel
    known: Mapping[str, Any]
    substitutions: Mapping[sympy.Symbol, Expression]  # subexpressions by their value

    def read(self, place: str, line: str, text: str, dimension: Any = None) -> Expression:
        """The expression of a text; its unit is checked unless `dimension` is None."""
        found = self.dimension(place, line, text)
        if dimension is not None and found is not dimension:
            units = get_unit_for_display(found), get_unit_for_display(dimension)
            refuse(self.model, place, line, f"'{text.strip()}' has the unit {units[0]}, must have {units[1]}")
        if not isinstance(parsed := str_to_sympy(text), sympy.Expr):
            refuse(self.model, place, line, f"'{text.strip()}' must be a number, is a truth value")
        expression = numbers(parsed, exponents_of(self.model)).xreplace(dict(self.substitutions))
        for power in expression.atoms(sympy.Pow):
            if power.exp.free_symbols and not power.base.is_positive:
                rule = f"an exponent must be a number or a parameter with a row, is '{power.exp}'"
                refuse(self.model, place, line, rule)
        if reason := not_differentiable(expression):
            refuse(self.model, place, line, f"cannot be differentiated: {reason}; functions: {NAMES}")
        for part in sympy.preorder_traversal(expression):
            if part.is_number and (part.is_extended_real is False or part.has(sympy.nan)):
                refuse(self.model, place, line, f"'{text.strip()}' has a part that is no real number")
        return expression

    def dimension(self, place: str, line: str, text: str) -> Any:
        """Brian2's own check of the units within a text."""
        for name in sorted(get_identifiers(text)):
            refused = REFUSED.get("xi" if name.startswith("xi_") else name)
            if refused and name not in self.known:
                refuse(self.model, place, line, f"{name!r} cannot be used: {refused}")
            if name not in self.known and name not in ("and", "or", "not", "True", "False"):
                refuse(self.model, place, line, f"unknown variable {name!r}: declare it with its unit in the equations")
        try:
            return parse_expression_dimensions(text.strip(), self.known)
        except DimensionMismatchError as error:
            refuse(self.model, place, line, f"units do not match: {_first_line(error)}")
        except (KeyError, RecursionError, SyntaxError, TypeError, ValueError) as error:
            refuse(self.model, place, line, _first_line(error))


def numbers(expression: Expression, exponents: Mapping[sympy.Symbol, Expression] = MappingProxyType({})) -> Expression:
    """With units as numbers (SI), clip and square root as functions that have a derivative, x**2.0 as x**2.

    Args:
        exponents: values of parameters that may stand in an exponent.
    """
    units = {s: sympy.Float(float(DEFAULT_UNITS[s.name])) for s in expression.free_symbols if s.name in DEFAULT_UNITS}
    known = expression.xreplace(units).replace(sympy.Function("clip"), clip)
    known = known.replace(sympy.Function("sqrt"), sympy.sqrt)
    known = known.replace(lambda part: part.is_Pow, lambda power: power.base ** power.exp.xreplace(dict(exponents)))
    return known.replace(_has_whole_exponent, lambda power: power.base ** int(power.exp))


def exponents_of(model: NeuronModel) -> dict[sympy.Symbol, Expression]:
    """Values of the model's own parameters that have no unit."""
    return {symbol(row.name): sympy.Float(float(row.value)) for row in model.parameters if _is_plain(row)}


def _is_plain(row: Parameter) -> bool:
    try:
        return row.unit == "1" and math.isfinite(float(row.value))
    except ValueError:
        return False


def _has_whole_exponent(part: Expression) -> bool:
    return part.is_Pow and part.exp.is_Float and float(part.exp).is_integer()


def not_differentiable(expression: Expression) -> str:
    """What in an expression has no derivative; empty if all of it has."""
    for part in sympy.preorder_traversal(expression):
        if isinstance(part, TRUTH_VALUES):
            return f"'{part}' is a truth value"
        if isinstance(part, sympy.Function | sympy.Mod) and not isinstance(part, DIFFERENTIABLE):
            return f"'{part}'".replace("int_(", "int(").replace("_placeholder_arg", "")
    return ""


def _check_equations(model: NeuronModel, equations: Equations, known: dict) -> dict[sympy.Symbol, Expression]:
    """Checks each equation's units and returns the values of the subexpressions."""
    substitutions: dict[sympy.Symbol, Expression] = {}
    reader = _Reader(model, known, substitutions)
    for equation in equations.ordered:
        if equation.expr is None:
            continue
        per_time = second.dim if equation.type == DIFFERENTIAL_EQUATION else DIMENSIONLESS
        line = line_of(model, equation.varname)
        expression = reader.read("equations", line, equation.expr.code, equation.dim / per_time)
        if equation.type == SUBEXPRESSION:
            substitutions[symbol(equation.varname)] = expression
    return substitutions


# Threshold, reset, values


def _threshold(reader: _Reader) -> tuple[Expression, Expression, Any]:
    """lhs and rhs of 'lhs > rhs' and their unit."""
    text = reader.model.threshold.strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        refuse(reader.model, "threshold", text, error)
    if not (isinstance(tree, ast.Compare) and len(tree.ops) == 1 and isinstance(tree.ops[0], ast.Gt | ast.Lt)):
        refuse(reader.model, "threshold", text, "must be one comparison 'lhs > rhs' or 'lhs < rhs'")
    sides = [ast.unparse(tree.left), ast.unparse(tree.comparators[0])]
    reader.dimension("threshold", text, text)
    if isinstance(tree.ops[0], ast.Lt):
        sides.reverse()
    lhs, rhs = (reader.read("threshold", text, side) for side in sides)
    return lhs, rhs, reader.dimension("threshold", text, sides[0])


def _statements(model: NeuronModel) -> list[tuple[str, str, str, str]]:
    """Variable, operator, expression and line of each statement of the reset."""
    found = []
    for line in re.split(r"[;\n]", model.reset):
        if not line.partition("#")[0].strip():
            continue
        try:
            variable, operator, expression, _ = parse_statement(line.strip())
        except ValueError:
            refuse(model, "reset", line, "must be an assignment, such as 'v = v_r' or 'b += 1'")
        found.append((variable, operator, expression, line))
    return found


def _reset(reader: _Reader, statements: list, states: tuple[str, ...]) -> dict[str, Expression]:
    """Each variable after the statements, which are carried out one after another."""
    now: dict[sympy.Symbol, Expression] = {}
    for variable, operator, text, line in statements:
        if variable not in reader.known:
            refuse(reader.model, "reset", line, f"unknown variable {variable!r}: declare it in the equations")
        if variable not in states:
            refuse(reader.model, "reset", line, f"{variable!r} cannot be assigned: it is no state variable")
        if operator not in ("=", "+=", "-=", "*=", "/="):
            refuse(reader.model, "reset", line, f"the operator {operator!r} is not supported: use =, +=, -=, *= or /=")
        whole = text if operator == "=" else f"{variable} {operator[0]} ({text})"
        value = reader.read("reset", line, whole, reader.known[variable].dim)
        now[symbol(variable)] = value.xreplace(now)
    return {name: now[symbol(name)] for name in states if now.get(symbol(name), symbol(name)) != symbol(name)}


def _initial(reader: _Reader, name: str, text: str, states: Iterable[str], parameters: Iterable[str]) -> Expression:
    line = f"{name} = {text}"
    if name not in states:
        refuse(reader.model, "initial", line, f"{name!r} is no state variable; state variables: {', '.join(states)}")
    value = reader.read("initial", line, text, reader.known[name].dim)
    _require_constant(reader.model, "initial", line, value, parameters)
    return value


def _require_constant(model: NeuronModel, place: str, line: str, value: Expression, parameters: Iterable[str]) -> None:
    if moving := {s.name for s in value.free_symbols} - {*parameters, "dt"}:
        refuse(model, place, line, f"must be made of parameters and numbers, but {moving.pop()!r} changes")


def _check_synaptic(model: NeuronModel, equations: Equations, distance: Expression, reset: Mapping) -> None:
    """The synaptic variable is there, kept or cleared as declared, and the reset leaves it alone."""
    name = model.synaptic
    if name not in equations:
        refuse(model, "synaptic", name, "must be declared in the equations")
    line, equation = line_of(model, name), equations[name]
    if model.kept and equation.type != DIFFERENTIAL_EQUATION:
        refuse(model, "equations", line, f"{name!r} is kept from step to step: it must have a differential equation")
    if not model.kept and (equation.type != PARAMETER or "constant" in equation.flags):
        refuse(model, "equations", line, f"{name!r} is cleared each step: it must be declared as '{name} : unit' alone")
    if "unless refractory" in equation.flags:
        refuse(model, "equations", line, f"synapses add to {name!r} at any time: it cannot hold while refractory")
    if name in reset or any(value.has(symbol(name)) for value in reset.values()):
        refuse(model, "reset", model.reset, f"must not use {name!r}, which synapses add to in the same step")
    if not model.kept and distance.has(symbol(name)):
        refuse(model, "threshold", model.threshold, f"must not use {name!r}, which is cleared once used")


def _values(reader: _Reader, equations: Equations, parameters: tuple[str, ...]) -> dict[str, float]:
    """Values of the model's own table; every parameter has one there or in the network's configuration."""
    model, values = reader.model, {}
    for row in model.parameters:
        line = f"{row.name} = {row.value} {row.unit}"
        if row.name not in parameters:
            refuse(model, "parameters", line, f"{row.name!r} is no parameter of the equations")
        value = reader.read("parameters", line, f"{row.value}*{row.unit}", equations[row.name].dim)
        if value.free_symbols:
            name = next(iter(value.free_symbols)).name
            refuse(model, "parameters", line, f"must be a number with a unit, but has {name!r}")
        if not (value.is_extended_real and value.is_finite):
            refuse(model, "parameters", line, f"must be a finite number, is {value}")
        values[row.name] = float(value)
    for name in parameters:
        if name not in values and name not in GIVEN:
            refuse(model, "parameters", line_of(model, name), f"{name!r} needs a value: add a row to the parameters")
        if name not in values:
            given = second.dim if GIVEN[name] == "second" else DIMENSIONLESS
            if equations[name].dim is not given:
                rule = f"the network gives {name!r} in the unit {GIVEN[name]}: add a row to the parameters"
                refuse(model, "parameters", line_of(model, name), rule)
    return values


def single(equation: SingleEquation, **changes: Any) -> SingleEquation:
    """An equation with some of its parts changed."""
    parts = {"type": equation.type, "expr": equation.expr, "flags": equation.flags} | changes
    return SingleEquation(varname=equation.varname, dimensions=equation.dim, **parts)
