"""A model's strings as Brian2 reads them: every name known, every unit checked, every expression differentiable.

Numbers are those of SI base units (volt, second, ampere, ...), as inside Brian2.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import sympy
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Variable
from brian2.equations.equations import (
    DIFFERENTIAL_EQUATION,
    EQUATIONS,
    FLOAT,
    PARAMETER,
    SUBEXPRESSION,
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
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from lsnn.equations import advice, texts
from lsnn.equations.symbols import DIFFERENTIABLE, Expression, clip, exprel, log, power
from lsnn.equations.texts import NAMES, Size, TextError
from lsnn.errors import InputError
from lsnn.neurons import GIVEN, NeuronModel

DT = sympy.Symbol("dt", real=True, positive=True)
TRUTH_VALUES = (Relational, BooleanFunction, BooleanAtom)
FLAGS = {"constant", "unless refractory"}
COMPARISONS: dict[type, str] = {ast.Gt: ">", ast.Lt: ">", ast.GtE: ">=", ast.LtE: ">="}  # once the larger side is left
TAKEN = frozenset(  # Brian2's own names in a group of neurons and its synapses, and those that `lsnn.brian` adds
    "codeobj_class equations event_codes events indices lastspike len method_choice namespace not_refractory order "
    "output_sent place resetter self start state_updater stop subexpression_updater thresholder user_equations "
    "variables weight when".split()
) | frozenset(dir(NeuronGroup))
OWN = {"clip": clip, "_exprel": exprel, "_log": log, "_power": power, "sqrt": sympy.sqrt}  # not SymPy's, by name
MOST_LINES, MOST_IN_ALL = 100, 20_000  # of the equations or the reset
SHOWN = 200  # characters of a line in a message


class Parsed(NamedTuple):
    """A model whose every line stood the checks; expressions hold parameters, state variables and dt."""

    equations: Equations
    variables: tuple[str, ...]  # state variables, the membrane first
    ports: tuple[str, ...]  # variables that synapses add to
    cleared: tuple[str, ...]  # those of them that are cleared once used
    parameters: tuple[str, ...]
    defaults: dict[str, float]  # values of the parameters that the network does not give, SI
    lhs: Expression  # of the threshold; the output, if there is one, and rhs is 0
    rhs: Expression
    comparison: str  # > or >=; '' with an output
    scale: Expression
    reset: dict[str, Expression]  # of the state variables that a spike changes
    refractory: Expression  # seconds
    initial: dict[str, Expression]
    known: dict[str, Any]  # Brian2's variables, by name

    @property
    def gated(self) -> tuple[str, ...]:
        """Ports that hold while the neuron is refractory: as in Brian2, what arrives there meanwhile is lost."""
        return tuple(name for name in self.ports if "unless refractory" in self.equations[name].flags)

    @property
    def late_reset(self) -> bool:
        """Whether what a spike resets depends on what arrives in its step: it is then reset in the step after it."""
        used = {s.name for value in self.reset.values() for s in value.free_symbols} | set(self.reset)
        return any(name in used for name in self.ports)


def symbol(name: str) -> sympy.Symbol:
    """The symbol under which Brian2 knows a name."""
    return DT if name == "dt" else sympy.Symbol(name, real=True)


def refuse(model: NeuronModel, place: str, line: str, rule: object) -> NoReturn:
    """InputError that names the model, the line and the rule."""
    line = line.strip()
    line = line if len(line) <= SHOWN else f"{line[:SHOWN]} ..."
    raise InputError(f"neuron model {model.name!r}, {place}, {line!r}: {rule}")


@contextmanager
def named(model: NeuronModel, place: str, line: str) -> Iterator[None]:
    """Whatever goes wrong within is an InputError that names the model, the place and the line."""
    try:
        yield
    except InputError:
        raise
    except TextError as error:
        refuse(model, place, line, error)
    except Exception as error:  # what SymPy and Brian2 raise has no common class
        refuse(model, place, line, _first_line(error))


def parse(model: NeuronModel) -> Parsed:
    """Read and check a model; raises InputError naming the line and the rule."""
    equations = read_equations(model)
    statements = _statements(model)
    cleared = _cleared_ports(model, equations)
    states = _state_variables(model, equations, {name for name, *_ in statements}, cleared)
    known = _known_names(equations, states)
    substitutions, sizes = _check_equations(model, equations, known)
    reader = _Reader(model, known, substitutions, sizes)
    reset = _reset(reader, statements, states)
    parameters = tuple(
        name for name, equation in equations.items()
        if equation.type == PARAMETER and name not in (*states, *cleared, *model.driven)
    )  # fmt: skip
    initial = {name: _initial(reader, name, text, states, parameters) for name, text in model.initial}
    lhs, rhs, comparison, scale, refractory = (_sending if model.sends else _spiking)(reader, equations, parameters)
    _check_driven(model, equations, states)
    _check_cleared(model, cleared, lhs - rhs, reset)
    defaults = _values(reader, equations, parameters)
    return Parsed(
        equations, states, model.ports, cleared, parameters, defaults, lhs, rhs, comparison, scale, reset, refractory,
        initial, known,
    )  # fmt: skip


def line_of(model: NeuronModel, name: str) -> str:
    """The line of the equations that defines a variable."""
    for line in model.equations.splitlines():
        if re.match(rf"\s*(d{name}\s*/\s*dt\s*=|{name}\s*[:=])", line):
            return line
    return name


# Names


def read_equations(model: NeuronModel) -> Equations:
    """Brian2's equations of a model; InputError naming the line that Brian2 cannot read."""
    _require_few_lines(model, "equations", model.equations)
    try:
        return _equations_of(model, model.equations)
    except InputError:
        raise
    except Exception as whole:  # of Brian2, SymPy or pyparsing
        for line in filter(str.strip, model.equations.splitlines()):
            with named(model, "equations", line):
                _equations_of(model, line)
        refuse(model, "equations", model.equations, _first_line(whole))


def _equations_of(model: NeuronModel, text: str) -> Equations:
    """What Brian2 makes of some equations, once it is known that it can."""
    for row in EQUATIONS.parse_string(text, parse_all=True):
        for part in ("expression", "unit"):
            if part in row:
                with named(model, "equations", line_of(model, row["identifier"])):
                    texts.size_of(" ".join(row[part].split()), {})
    return Equations(text)


def _require_few_lines(model: NeuronModel, place: str, text: str) -> None:
    if len(text) > MOST_IN_ALL or text.count("\n") + text.count(";") > MOST_LINES:
        rule = f"{texts.TOO_LONG}: at most {MOST_LINES} lines and {MOST_IN_ALL} characters"
        refuse(model, place, text, rule)


def _first_line(error: Exception) -> str:
    """What Brian2 says, without the picture of where."""
    if isinstance(error, RecursionError | MemoryError):
        return texts.TOO_LONG
    if isinstance(error, KeyError):
        return f"{error.args[0]} is not supported"
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" ^")] or [type(error).__name__]
    return lines[-1] if "Parsing" in lines[0] else lines[0]


def _state_variables(
    model: NeuronModel, equations: Equations, assigned: set[str], cleared: tuple[str, ...]
) -> tuple[str, ...]:
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
        if moves and name not in cleared:
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
    sizes: Mapping[str, Size]

    def read(self, place: str, line: str, text: str, dimension: Any = None) -> Expression:
        """The expression of a text, as Brian2 computes it; its unit is checked unless `dimension` is None."""
        found = self.dimension(place, line, text)
        if dimension is not None and found is not dimension:
            units = get_unit_for_display(found), get_unit_for_display(dimension)
            refuse(self.model, place, line, f"'{text.strip()}' has the unit {units[0]}, must have {units[1]}")
        with named(self.model, place, line):
            parsed = str_to_sympy(texts.kept_as_written(text))
            if not isinstance(parsed, sympy.Expr):
                raise TextError(f"'{text.strip()}' must be a number, is a truth value")
            expression = numbers(parsed, exponents_of(self.model)).xreplace(dict(self.substitutions))
            self._require_derivative(text, expression)
        return expression

    def _require_derivative(self, text: str, expression: Expression) -> None:
        for part in expression.atoms(sympy.Pow, power):
            base, exponent = part.args
            if exponent.free_symbols and not base.is_positive:
                raise TextError(f"an exponent must be a number or a parameter with a row, is '{exponent}'")
        if reason := not_differentiable(expression):
            raise TextError(f"cannot be differentiated: {reason}; functions: {NAMES}")
        for part in sympy.preorder_traversal(expression):
            if part.is_number and (part.is_extended_real is False or part.has(sympy.nan)):
                raise TextError(f"'{text.strip()}' has a part that is no real number")

    def size(self, place: str, line: str, text: str) -> Size:
        """The size of a text that obeys the rules."""
        with named(self.model, place, line):
            return texts.size_of(text, self.sizes)
        raise AssertionError

    def dimension(self, place: str, line: str, text: str) -> Any:
        """Brian2's own check of the units within a text."""
        self.size(place, line, text)
        for name in sorted(get_identifiers(text)):
            if name not in self.known and name not in ("and", "or", "not", "True", "False"):
                refuse(self.model, place, line, advice.for_variable(name))
        try:
            return parse_expression_dimensions(text.strip(), self.known)
        except DimensionMismatchError as error:
            refuse(self.model, place, line, f"units do not match: {_first_line(error)}")
        except Exception as error:
            refuse(self.model, place, line, _first_line(error))


def numbers(expression: Expression, exponents: Mapping[sympy.Symbol, Expression] = MappingProxyType({})) -> Expression:
    """With units as numbers (SI), clip and other functions as what has a derivative, x**2.0 as x**2.

    Args:
        exponents: values of parameters that may stand in an exponent.
    """
    units = {s: sympy.Float(float(DEFAULT_UNITS[s.name])) for s in expression.free_symbols if s.name in DEFAULT_UNITS}
    known = expression.xreplace(units)
    for name in sorted({part.func.__name__ for part in known.atoms(AppliedUndef)}):
        if name in OWN:
            known = known.replace(sympy.Function(name), OWN[name])
    if exponents:
        known = known.replace(_is_power, lambda part: part.func(part.args[0], part.args[1].xreplace(dict(exponents))))
    return known.replace(_has_whole_exponent, lambda power: power.base ** int(power.exp))


def exponents_of(model: NeuronModel) -> dict[sympy.Symbol, Expression]:
    """Values of the model's own parameters that have no unit."""
    return {symbol(row.name): sympy.Float(float(row.value)) for row in model.parameters if texts.is_plain(row)}


def _sizes_of(model: NeuronModel) -> dict[str, Size]:
    return {row.name: Size(value=float(row.value)) for row in model.parameters if texts.is_plain(row)}


def _is_power(part: Expression) -> bool:
    return isinstance(part, sympy.Pow | power)


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


def _check_equations(
    model: NeuronModel, equations: Equations, known: dict
) -> tuple[dict[sympy.Symbol, Expression], dict[str, Size]]:
    """Checks each equation's units and returns the values and the sizes of the subexpressions."""
    substitutions: dict[sympy.Symbol, Expression] = {}
    reader = _Reader(model, known, substitutions, sizes := _sizes_of(model))
    for equation in equations.ordered:
        if equation.expr is None:
            continue
        per_time = second.dim if equation.type == DIFFERENTIAL_EQUATION else DIMENSIONLESS
        line = line_of(model, equation.varname)
        expression = reader.read("equations", line, equation.expr.code, equation.dim / per_time)
        if equation.type == SUBEXPRESSION:
            substitutions[symbol(equation.varname)] = expression
            sizes[equation.varname] = reader.size("equations", line, equation.expr.code)
    return substitutions, sizes


# Threshold, reset, output, values

Fires = tuple[Expression, Expression, str, Expression, Expression]  # lhs, rhs, comparison, scale, refractory


def _spiking(reader: _Reader, equations: Equations, parameters: tuple[str, ...]) -> Fires:
    model = reader.model
    lhs, rhs, comparison, dimension = _threshold(reader)
    scale = reader.read("scale", model.scale, model.scale, dimension)
    refractory = reader.read("refractory", model.refractory, model.refractory, second.dim)
    _require_constant(model, "refractory", model.refractory, refractory, parameters)
    _require_constant(model, "scale", model.scale, scale, parameters)
    if scale.is_zero:
        refuse(model, "scale", model.scale, "must be > 0")
    return lhs, rhs, comparison, scale, refractory


def _sending(reader: _Reader, equations: Equations, parameters: tuple[str, ...]) -> Fires:
    """The output as lhs over a scale of 1, of a model that says nothing of spikes."""
    model, zero = reader.model, sympy.Integer(0)
    for place, text in (("threshold", model.threshold), ("reset", model.reset)):
        if text.strip():
            refuse(model, place, text, "must be left out beside an output: such a neuron has no spikes")
    for name, equation in equations.items():
        if "unless refractory" in equation.flags:
            refuse(model, "equations", line_of(model, name), "a neuron with an output is never refractory")
    output = reader.read("output", model.output, model.output, DIMENSIONLESS)
    return output, zero, "", sympy.Integer(1), zero


def _threshold(reader: _Reader) -> tuple[Expression, Expression, str, Any]:
    """lhs and rhs of 'lhs > rhs', > or >=, and the unit of both."""
    text = reader.model.threshold.strip()
    with named(reader.model, "threshold", text):
        tree = texts.tree_of(text)
    if not (isinstance(tree, ast.Compare) and len(tree.ops) == 1 and type(tree.ops[0]) in COMPARISONS):
        refuse(reader.model, "threshold", text, "must be one comparison 'lhs > rhs' or 'lhs < rhs'")
    sides = [ast.unparse(tree.left), ast.unparse(tree.comparators[0])]
    reader.dimension("threshold", text, text)
    if isinstance(tree.ops[0], ast.Lt | ast.LtE):
        sides.reverse()
    lhs, rhs = (reader.read("threshold", text, side) for side in sides)
    return lhs, rhs, COMPARISONS[type(tree.ops[0])], reader.dimension("threshold", text, sides[0])


def _statements(model: NeuronModel) -> list[tuple[str, str, str, str]]:
    """Variable, operator, expression and line of each statement of the reset."""
    found = []
    _require_few_lines(model, "reset", model.reset)
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
    sizes = dict(reader.sizes)
    reader = reader._replace(sizes=sizes)
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
        sizes[variable] = reader.size("reset", line, whole)
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


def _cleared_ports(model: NeuronModel, equations: Equations) -> tuple[str, ...]:
    """The ports that are cleared once used: a port is kept where it has a differential equation."""
    for name in model.ports:
        if name not in equations or model.ports.count(name) > 1:
            refuse(model, "synaptic", name, "must be declared in the equations, and named once")
        line, equation = line_of(model, name), equations[name]
        if equation.type == SUBEXPRESSION or "constant" in equation.flags:
            refuse(model, "equations", line, f"synapses cannot add to {name!r}, which is no variable")
        if len(model.ports) == 1 and model.kept and equation.type != DIFFERENTIAL_EQUATION:
            rule = f"{name!r} is kept from step to step: it must have a differential equation"
            refuse(model, "equations", line, rule)
        if len(model.ports) == 1 and not model.kept and equation.type != PARAMETER:
            rule = f"{name!r} is cleared each step: it must be declared as '{name} : unit' alone"
            refuse(model, "equations", line, rule)
    return tuple(name for name in model.ports if equations[name].type == PARAMETER)


def _check_cleared(model: NeuronModel, cleared: tuple[str, ...], distance: Expression, reset: Mapping) -> None:
    """What is cleared once used stands in the equations alone."""
    for name in cleared:
        if any(value.has(symbol(name)) for value in reset.values()):
            refuse(model, "reset", model.reset, f"must not use {name!r}, which synapses add to in the same step")
        if distance.has(symbol(name)):
            place, text = ("output", model.output) if model.sends else ("threshold", model.threshold)
            refuse(model, place, text, f"must not use {name!r}, which is cleared once used")


def _check_driven(model: NeuronModel, equations: Equations, states: tuple[str, ...]) -> None:
    for name in model.driven:
        declared = name in equations and equations[name].type == PARAMETER and "constant" not in equations[name].flags
        if not declared or name in (*states, *model.ports):
            refuse(model, "driven", name, f"must be declared as '{name} : unit' alone, and nothing else assign it")


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
        if equations[row.name].dim is second.dim and value < 0:
            refuse(model, "parameters", line, "must be at least 0, since it is a time")
        values[row.name] = float(value)
    for name in parameters:
        if name in values or name in model.given:
            continue
        if name not in GIVEN:
            refuse(model, "parameters", line_of(model, name), f"{name!r} needs a value: add a row to the parameters")
        else:
            given = second.dim if GIVEN[name] == "second" else DIMENSIONLESS
            if equations[name].dim is not given:
                rule = f"the network gives {name!r} in the unit {GIVEN[name]}: add a row to the parameters"
                refuse(model, "parameters", line_of(model, name), rule)
    return values


def single(equation: SingleEquation, **changes: Any) -> SingleEquation:
    """An equation with some of its parts changed."""
    parts = {"type": equation.type, "expr": equation.expr, "flags": equation.flags} | changes
    return SingleEquation(varname=equation.varname, dimensions=equation.dim, **parts)
