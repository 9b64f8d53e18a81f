"""Brian2's groups as populations: NeuronGroup, PoissonGroup and SpikeGeneratorGroup."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from brian2 import NeuronGroup, PoissonGroup, SpikeGeneratorGroup, TimedArray
from brian2.core.variables import ArrayVariable, Variable
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER, SUBEXPRESSION, Equations, SingleEquation
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import Resetter, StateUpdater, SubexpressionUpdater, Thresholder
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.parsing.statements import parse_statement
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException
from brian2.units import second
from brian2.units.fundamentalunits import Dimension, Quantity, fail_for_dimension_mismatch

from lsnn.circuits.evaluating import evaluated
from lsnn.circuits.namespaces import Names, quantity, refuse, unit_of, units_as_values, with_driven
from lsnn.circuits.parts import Population, Rates, Steps, Times
from lsnn.equations import advice
from lsnn.equations.stepping import METHODS
from lsnn.equations.texts import TextError
from lsnn.neurons import NeuronModel, Parameter

SCALE = "surrogate_scale"  # the parameter that holds the scale of the surrogate derivative
PERIOD = "refractory_period"
ONWARD = "only what is written in equations, threshold, reset and on_pre can be taken"


class _Text(NamedTuple):
    """The strings of a NeuronGroup as a model has them, with what they need from outside."""

    equations: dict[str, SingleEquation]
    codes: dict[str, str]  # expressions, by variable
    threshold: str
    reset: str
    driven: dict[str, TimedArray]
    outside: dict[str, tuple[float, Dimension]]


def population_of(group: Any, ports: tuple[str, ...], around: Mapping[str, Any], scale: Any = None) -> Population:
    """A group as a population; ports: variables that synapses add to; around: the namespace of the run."""
    if isinstance(group, PoissonGroup):
        return _poisson(group, around)
    if isinstance(group, SpikeGeneratorGroup):
        return _generator(group)
    _require_plain(group)
    return _neurons(group, ports, Names(group, around), scale)


def _generator(group: SpikeGeneratorGroup) -> Population:
    period = float(group.variables["period"].get_value().item())
    times = Times(np.array(group._neuron_index), np.array(group._spike_time, float), period or None)
    return Population(group.name, len(group), source=times)


def _poisson(group: PoissonGroup, around: Mapping[str, Any]) -> Population:
    rates = group._rates
    if isinstance(rates, str):
        values = units_as_values() | {"i": np.arange(len(group)), "N": len(group)}
        names = Names(group, around)
        for name in names.outside(rates, "rates", values):
            if names.timed(name) is None:
                values[name] = names.constant(name, "rates", rates)[0]
        try:
            found = evaluated(rates, values)
        except TextError:  # of rates that change in time a run is given the spikes
            return Population(group.name, len(group))
    else:
        found = group.variables["rates"].get_value()
    return Population(group.name, len(group), source=Rates(np.broadcast_to(found, len(group)).astype(float)))


def _require_plain(group: NeuronGroup) -> None:
    """Refuse what does something to the neurons beyond their strings."""
    for thing in group.contained_objects:
        if isinstance(thing, CodeRunner) and type(thing) is CodeRunner:
            refuse(group, "run_regularly", thing.abstract_code, f"code that runs regularly cannot be taken: {ONWARD}")
        if not isinstance(thing, Thresholder | Resetter | StateUpdater | SubexpressionUpdater):
            refuse(group, "contained objects", thing.name, ONWARD)
    for event, condition in group.events.items():
        if event != "spike":
            refuse(group, f"event {event!r}", condition, "events other than spikes cannot be taken")
    if "spike" not in group.events:
        refuse(group, "threshold", "", "there is none: give one, which need never be reached, such as 'v > 1000*mV'")
    schedule = {"state_updater": "groups", "subexpression_updater": "before_groups"}
    for part, when in schedule.items():
        thing = getattr(group, part)
        if thing is not None and thing.when != when:
            refuse(group, part, f"when={thing.when!r}", f"must run in the slot {when!r}")


def _neurons(group: NeuronGroup, ports: tuple[str, ...], names: Names, scale: Any) -> Population:
    text = _strings(group, names)
    refractory, period = _refractory(group, names, text)
    values, initial = _values(group, text, ports)
    values |= period
    dimension = _threshold_dimension(group, text)
    values[SCALE] = scale if scale is not None else quantity(np.float64(_scale(group, text)), dimension)
    rows = _exponents(text, values)
    given = {name: value for name, value in values.items() if name not in {row.name for row in rows}}
    declared = {name: value for name, value in values.items() if name not in group.user_equations}
    model = NeuronModel(
        name=re.sub(r"\W|^_+", "", group.name, flags=re.ASCII) or "neurons",
        equations=_equations_text(group, text, declared, ports),
        threshold=text.threshold, reset=text.reset, method=_method(group, text), scale=SCALE, refractory=refractory,
        synaptic=", ".join(ports), kept=True, parameters=rows, driven=tuple(text.driven),
    )  # fmt: skip
    drive = {name: Steps(np.array(array.values, float), float(array.dt)) for name, array in text.driven.items()}
    return Population(group.name, len(group), model, given, initial, drive=drive)


def _strings(group: NeuronGroup, names: Names) -> _Text:
    """Strings and what they need; every TimedArray has become a driven variable."""
    equations = dict(group.user_equations.items())
    driven: dict[str, TimedArray] = {}
    codes = {}
    for name, equation in equations.items():
        line = line_of(equation)
        for flag in set(equation.flags) & {"linked", "constant over dt"}:
            refuse(group, "equations", line, f"the flag ({flag}) is not supported")
        if equation.expr is not None:
            codes[name], found = with_driven(names, equation.expr.code, "equations")
            driven |= found
    threshold, found = with_driven(names, group.events["spike"], "threshold")
    reset = group.event_codes.get("spike") or ""
    statements = [(f"{name}: {line_of(equations[name])}", code) for name, code in codes.items()]
    pieces = [("equations", code, line) for line, code in statements] + [("threshold", threshold, threshold)]
    pieces += [("reset", expression, line) for _, _, expression, line in statements_of(group, "reset", reset)]
    outside = {}
    for place, code, line in pieces:
        _require_still(group, place, code, line)
        for name in names.outside(code, place, (*equations, *driven)):
            outside[name] = names.constant(name, place, line)
    return _Text(equations, codes, threshold, reset, driven | found, outside)


def _require_still(group: NeuronGroup, place: str, code: str, line: str) -> None:
    """Refuse noise, the time itself and the number of a neuron."""
    for name in re.findall(r"\b[A-Za-z_]\w*\b", code):
        if name in advice.VARIABLES or name.startswith("xi_"):
            refuse(group, place, line, advice.for_variable(name))


def line_of(equation: SingleEquation) -> str:
    """An equation as it was written, but for spaces."""
    flags = f" ({', '.join(equation.flags)})" if equation.flags else ""
    unit = unit_of(equation.dim)
    if equation.type == DIFFERENTIAL_EQUATION:
        return f"d{equation.varname}/dt = {equation.expr.code} : {unit}{flags}"
    if equation.type == SUBEXPRESSION:
        return f"{equation.varname} = {equation.expr.code} : {unit}{flags}"
    return f"{equation.varname} : {unit if equation.var_type == 'float' else equation.var_type}{flags}"


def statements_of(thing: Any, place: str, code: str) -> list[tuple[str, str, str, str]]:
    """Variable, operator, expression and line of every statement."""
    found = []
    for line in re.split(r"[;\n]", code):
        if line.partition("#")[0].strip():
            try:
                variable, op, expression, _ = parse_statement(line.strip())
            except ValueError:
                refuse(thing, place, line, "must be an assignment")
            found.append((variable, op, expression, line.strip()))
    return found


def _refractory(group: NeuronGroup, names: Names, text: _Text) -> tuple[str, dict[str, Any]]:
    """The refractory time of a model, and the parameter that it is made of."""
    given = group._refractory
    if given is False:
        return "0*second", {}
    if not isinstance(given, str):
        try:
            fail_for_dimension_mismatch(given, second)
        except Exception:
            refuse(group, "refractory", repr(given), "must be a time")
        return PERIOD, {PERIOD: Quantity(given)}
    for name in names.outside(given, "refractory", text.equations):
        text.outside[name] = names.constant(name, "refractory", given)
    if re.search(r"[<>=]|\b(and|or|not)\b", given):
        rule = "a condition cannot be taken: give a time, a parameter or an expression of them"
        refuse(group, "refractory", given, rule)
    return given, {}


def _values(group: NeuronGroup, text: _Text, ports: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters, those from outside among them, and the values of state variables at the start."""
    assigned = {variable for variable, *_ in statements_of(group, "reset", text.reset)}
    parameters: dict[str, Any] = {}
    initial: dict[str, Any] = {}
    for name, equation in text.equations.items():
        if equation.type == SUBEXPRESSION or equation.var_type != "float":
            continue
        variable = group.variables[name]
        assert isinstance(variable, ArrayVariable)
        value = quantity(np.broadcast_to(variable.get_value(), len(group)).astype(float), equation.dim)
        moves = equation.type == DIFFERENTIAL_EQUATION or name in assigned or name in ports
        (initial if moves else parameters)[name] = value
    parameters |= {name: quantity(np.float64(value), dimension) for name, (value, dimension) in text.outside.items()}
    return parameters, initial


def _exponents(text: _Text, values: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Parameters without a unit that stand in an exponent: their values become part of the equations."""
    found = set()
    for code in text.codes.values():
        found |= set(re.findall(r"\*\*\s*\(?\s*([A-Za-z_]\w*)", code)) & {*values}
    rows = []
    for name in sorted(found):
        value = np.asarray(values[name])
        if np.ptp(value) == 0:
            rows.append(Parameter(name, repr(float(value.flat[0])), "1", name, "Brian2"))
    return tuple(rows)


def _equations_text(group: NeuronGroup, text: _Text, declared: Mapping[str, Any], ports: Iterable[str]) -> str:
    """The equations with every name from outside declared as a parameter."""
    lines = []
    for name, equation in text.equations.items():
        flags = [flag for flag in equation.flags if flag != "shared"]
        if group._refractory is False:  # Brian2 then never holds a variable
            flags = [flag for flag in flags if flag != "unless refractory"]
        code = text.codes.get(name)
        heads = {DIFFERENTIAL_EQUATION: f"d{name}/dt = {code}", SUBEXPRESSION: f"{name} = {code}", PARAMETER: name}
        unit = unit_of(equation.dim) if equation.var_type == "float" else equation.var_type
        lines.append(f"{heads[equation.type]} : {unit}" + (f" ({', '.join(flags)})" if flags else ""))
    lines += [f"{name} : {unit_of(Quantity(value).dim)} (constant)" for name, value in declared.items()]
    lines += [f"{name} : {unit_of(array.dim)}" for name, array in text.driven.items()]
    return "\n".join(lines)


def _method(group: NeuronGroup, text: _Text) -> str:
    """The state updater that Brian2 would take, if it is one of ours."""
    choice = group.method_choice
    if isinstance(choice, str):
        if choice not in (*METHODS, "linear"):
            refuse(group, "method", choice, f"must be one of {', '.join(METHODS)}")
        return "exact" if choice == "linear" else choice
    if not all(isinstance(each, str) for each in choice or ()):
        refuse(group, "method", choice, f"must be one of {', '.join(METHODS)}")
    try:
        plain = Equations([
            SingleEquation(e.type, n, e.dim, expr=e.expr, flags=[]) for n, e in text.equations.items()
        ])  # fmt: skip
        others = group.resolve_all({*plain.identifiers} - {*plain}, run_namespace=_found(text))
        variables = {**group.variables, **others}
        StateUpdateMethod.apply_stateupdater(plain, variables, "exact", group_name=group.name)
    except UnsupportedEquationsException:
        return "euler"
    return "exact"


def _found(text: _Text) -> dict[str, Any]:
    return {name: quantity(np.float64(value), dimension) for name, (value, dimension) in text.outside.items()}


def _sides(group: NeuronGroup, text: _Text) -> tuple[str, str]:
    found = re.split(r"[<>]=?", text.threshold)
    if len(found) != 2:
        refuse(group, "threshold", text.threshold, "must be one comparison, such as 'v > v_th'")
    return found[0].strip(), found[1].strip()


def _threshold_dimension(group: NeuronGroup, text: _Text) -> Dimension:
    """The dimension of both sides of the threshold."""
    left, _ = _sides(group, text)
    names = {*re.findall(r"[A-Za-z_]\w*", left)} - {*text.driven}
    known: dict[str, Any] = group.resolve_all(names, run_namespace=_found(text))
    known |= {name: Variable(name, dimensions=array.dim) for name, array in text.driven.items()}
    return parse_expression_dimensions(left, known)


def _scale(group: NeuronGroup, text: _Text) -> float:
    """From the reset to the threshold, or else from the start to it, or the threshold itself: SI."""
    values: dict[str, Any] = units_as_values() | {name: value for name, (value, _) in text.outside.items()}
    for name, equation in text.equations.items():
        if equation.type in (DIFFERENTIAL_EQUATION, PARAMETER):
            values[name] = np.asarray(group.variables[name].get_value(), float)
    values |= {name: np.asarray(array.values).flat[0] for name, array in text.driven.items()}
    for equation in group.user_equations.ordered:
        if equation.type == SUBEXPRESSION:
            values[equation.varname] = _tried(text.codes[equation.varname], values)
    left, right = _sides(group, text)
    after = dict(values)
    for variable, op, expression, _ in statements_of(group, "reset", text.reset):
        after[variable] = _tried(expression, after) if op == "=" else after[variable]
    rhs = np.abs(_tried(right, values))
    candidates = [np.abs(_tried(left, v) - _tried(right, v)) for v in (after, values)] + [rhs]
    return next((float(np.max(c)) for c in candidates if np.isfinite(c).all() and np.max(c) > 0), 1.0)


def _tried(code: str, values: Mapping[str, Any]) -> Any:
    try:
        return evaluated(code, values)
    except TextError:
        return np.nan
